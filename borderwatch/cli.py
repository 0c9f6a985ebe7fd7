"""The commands: builds the objects and calls the flow; holds no logic of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderwatch import __version__
from borderwatch.errors import BorderwatchError, UsageError
from borderwatch.models import Kind, Significance
from borderwatch.settings import LANGUAGES

if TYPE_CHECKING:
    from borderwatch.pipeline import Report, Workshop
    from borderwatch.settings import Settings

EXAMPLES = """\b
Start here:
  borderwatch run                          ask every source that is due, log what changed, draw the maps
  borderwatch changes --dispute crimea     what changed, most significant first
  borderwatch status kosovo                what each map and platform shows now
  borderwatch status kosovo --as-of 2018-01-01

\b
Look closer:
  borderwatch map "Western Sahara"         draw one dispute's map and say where it is
  borderwatch diff old.geojson new.gpkg    compare any two files of your own
  borderwatch render --language es         write every page, in Spanish
  borderwatch serve                        show the pages here, and again what a run changes
  borderwatch sources                      who is asked, under what terms, and who answered
  borderwatch disputes palest              find a dispute by any of its names

\b
Keep it:
  borderwatch watch                        run when due, until stopped
  borderwatch backfill world_atlas         capture the older editions a source still serves
  borderwatch verify                       prove every stored byte and every ledger line

\b
Exit codes: 0 done, 1 a source failed (or the stores did), 2 wrong usage; diff: 0 same, 1 changed, 2 error.
"""


class Group(click.Group):
    """Turns errors raised on purpose into one clear line and the right exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BorderwatchError as error:
            from borderwatch.terminal import plain

            click.echo("\n".join(plain(line) for line in f"borderwatch: {error}".split("\n")), err=True)
            wrong = isinstance(error, UsageError) or ctx.invoked_subcommand == "diff"
            ctx.exit(2 if wrong else 1)
        except BrokenPipeError:  # | head
            sys.stderr.close()
            ctx.exit(0)


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="borderwatch")
@click.option(
    "-C",
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder that holds snapshots/, maps/ and borderwatch.db (default: this one).",
)
@click.pass_context
def main(ctx: click.Context, workspace: Path) -> None:
    """The public record of how digital maps and platforms depict disputed territory."""
    ctx.obj = workspace
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


# --- what several commands share -------------------------------------------------------------------


def _settings(workspace: Path) -> Settings:
    from borderwatch.settings import Settings

    return Settings.load(workspace)


def _slug(text: str) -> str:
    from borderwatch.disputes import catalogue

    return catalogue(geometry=False).find(text).slug


class Day(click.ParamType[datetime]):
    """A date or a moment, ISO 8601; a bare date means its end where ``end`` is set."""

    name = "date"

    def __init__(self, *, end: bool = False) -> None:
        self.end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse; the message shows the two spellings."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write 2019-08-31 or 2019-08-31T12:00", param, ctx)
        if self.end and len(str(value)) == len("2019-08-31"):
            moment = moment.replace(hour=23, minute=59, second=59)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


# --- the main job ----------------------------------------------------------------------------------


@main.command(
    epilog="""\b
Examples:
  borderwatch run                       every due view of every source that is on
  borderwatch run world_atlas cldr      only these sources
  borderwatch run --all                 even what is not due yet
  borderwatch run --offline             ask nobody: bring log and maps up to date with snapshots/
  borderwatch run --with-history        in an empty folder: bring the recorded history along
"""
)
@click.argument("sources", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Ask every view, due or not.")
@click.option("--offline", is_flag=True, help="Ask nobody.")
@click.option("--with-history", is_flag=True, help="Copy the recorded history into a workspace that has none.")
@click.pass_obj
def run(workspace: Path, sources: tuple[str, ...], everything: bool, offline: bool, with_history: bool) -> None:
    """Ask what is due, keep the answers, log what changed, draw the maps."""
    from borderwatch import pipeline, tell, terminal
    from borderwatch.lock import workspace_lock
    from borderwatch.workspace import bring_history, client, due_asks, next_due, workshop

    settings = _settings(workspace)
    with workspace_lock(settings.workspace, "borderwatch run"):
        if with_history:
            bring_history(settings)
        with terminal.progress() as progress, workshop(settings, progress=progress) as shop:
            asks = []
            if not offline:
                asks = due_asks(shop, settings, _now(), only=sources, everything=everything, single_run=True)
            with client(settings) as asker:
                report = pipeline.run(shop, asks, asker, _now)
            waiting = next_due(shop, settings, _now())
            total = shop.log.counts()
    tell.summary(report, total, settings, offline=offline, waiting=waiting)
    _exit(report)


def _exit(report: Report) -> None:
    sys.exit(1 if any(c.fault for c in report.asked) or report.unread else 0)


@main.command(
    epilog="""\b
Examples:
  borderwatch backfill                  every edition every source still serves
  borderwatch backfill plotly echarts
"""
)
@click.argument("sources", nargs=-1)
@click.pass_obj
def backfill(workspace: Path, sources: tuple[str, ...]) -> None:
    """Capture the older editions that sources still serve, and compare them."""
    from borderwatch import pipeline, tell, terminal
    from borderwatch.lock import workspace_lock
    from borderwatch.workspace import client, wanted, workshop

    settings = _settings(workspace)
    with (
        workspace_lock(settings.workspace, "borderwatch backfill"),
        terminal.progress() as progress,
        workshop(settings, progress=progress) as shop,
        client(settings) as asker,
    ):
        views = [(source, view) for view, source in wanted(shop, settings, sources).items()]
        report = pipeline.backfill(shop, views, asker, _now)
        total = shop.log.counts()
    tell.summary(report, total, settings)
    _exit(report)


@main.command(
    epilog="""\b
Example (systemd and cron lines are in the README):
  borderwatch watch
"""
)
@click.pass_obj
def watch(workspace: Path) -> None:
    """Run due views on their cadence until stopped; never two at once."""
    from borderwatch import tell, terminal
    from borderwatch.daily import watch_workspace

    watch_workspace(_settings(workspace), terminal.plain_progress, tell.watched, click.echo)


@main.command()
@click.pass_obj
def rebuild(workspace: Path) -> None:
    """Make the change log again from snapshots/, with identical content, and draw the maps."""
    from borderwatch import pipeline, tell, terminal
    from borderwatch.changelog import ChangeLog
    from borderwatch.lock import workspace_lock
    from borderwatch.workspace import workshop

    settings = _settings(workspace)
    with workspace_lock(settings.workspace, "borderwatch rebuild"), terminal.progress() as progress:
        with ChangeLog.afresh(settings.database) as fresh, workshop(settings, progress=progress, log=fresh) as shop:
            report = pipeline.derive(shop, everything=True)
            digest, total = fresh.content_digest(), fresh.counts()
        with workshop(settings, progress=progress) as shop:
            pipeline.draw(shop)
    tell.rebuilt(report, total, settings, digest)


@main.command()
@click.pass_obj
def verify(workspace: Path) -> None:
    """Prove every stored body and every ledger line; name what is damaged."""
    from borderwatch import tell
    from borderwatch.snapshots import Snapshots

    store = Snapshots(_settings(workspace).snapshots)
    if not store.sources():
        raise UsageError(f"no archive at {store.root}: nothing to prove (begin one with `borderwatch run`)")
    report = store.verify()
    tell.verified(report)
    sys.exit(0 if report.clean else 1)


# --- questions -------------------------------------------------------------------------------------


def _output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--csv", "form", flag_value="csv", help="Comma-separated values.")(command)
    return click.option("--json", "form", flag_value="json", help="JSON, one list.")(command)


@main.command(
    epilog="""\b
Examples:
  borderwatch status crimea
  borderwatch status "Golan Heights" --as-of 2018-01-01
  borderwatch status taiwan --json
"""
)
@click.argument("dispute")
@click.option("--as-of", type=Day(end=True), help="What was shown at the end of that day.")
@_output_options
@click.pass_obj
def status(workspace: Path, dispute: str, as_of: datetime | None, form: str | None) -> None:
    """What each view shows of a dispute, and since when."""
    from borderwatch import tell
    from borderwatch.health import streaks
    from borderwatch.workspace import workshop

    slug = _slug(dispute)
    with workshop(_settings(workspace), readonly=True) as shop:
        ill = () if as_of else streaks(shop.log.captures())
        tell.status(slug, shop.log.standings(slug, as_of), form, as_of, ill)


@main.command(
    epilog="""\b
Examples:
  borderwatch changes
  borderwatch changes --dispute crimea --since 2019-01-01
  borderwatch changes --source plotly --kind transfer --json
  borderwatch changes --text Palestin --order time
"""
)
@click.option("--dispute", help="Slug or any name; elsewhere: on ground that no dispute watches.")
@click.option("--source", help="One source.")
@click.option("--worldview", help="One audience: ISO alpha-2 or default.")
@click.option("--kind", type=click.Choice([k.value for k in Kind]))
@click.option("--significance", type=click.Choice([s.value for s in Significance]))
@click.option("--since", type=Day(), help="Shown by the source on or after this day.")
@click.option("--until", type=Day(end=True), help="Shown by the source on or before this day.")
@click.option("--text", help="Words in the summary.")
@click.option("--order", type=click.Choice(["significance", "time"]), default="significance", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@_output_options
@click.pass_context
def changes(ctx: click.Context, /, form: str | None, dispute: str | None, **filters: Any) -> None:
    """What changed, most significant first."""
    from borderwatch import tell
    from borderwatch.workspace import workshop

    slug = _slug(dispute) if dispute and dispute != "elsewhere" else dispute
    with workshop(_settings(ctx.obj), readonly=True) as shop:
        if filters["source"]:
            _known_source(filters["source"], shop)
        found = shop.log.changes(dispute=slug, **filters)
        tell.changes(found, form)


def _known_source(name: str, shop: Workshop) -> None:
    if name not in shop.sources:
        raise UsageError(f"no source {name!r}; there are {', '.join(sorted(shop.sources))}")


@main.command(
    epilog="""\b
Examples:
  borderwatch diff countries-2018.geojson countries-2024.geojson
  borderwatch diff old.shp new.gpkg --disputes crimea,kosovo --format json
  borderwatch diff a.topojson b.topojson --owner-field ADM0_A3 --map change.html
"""
)
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, path_type=Path))
@click.option("--disputes", "wanted", default="all", help="Comma-separated, or all.", show_default=True)
@click.option("--owner-field", help="The field that says whose the feature is; found by itself otherwise.")
@click.option("--resolution-km", type=click.FloatRange(min=0), help="The finest thing these files can show.")
@click.option("--format", "form", type=click.Choice(["table", "json", "geojson"]), default="table", show_default=True)
@click.option("--map", "page", type=click.Path(dir_okay=False, path_type=Path), help="Draw it into this HTML file.")
def diff(
    before: Path,
    after: Path,
    wanted: str,
    owner_field: str | None,
    resolution_km: float | None,
    form: str,
    page: Path | None,
) -> None:
    """Compare any two map files: who lost what to whom in the disputes they show; lines and labels too."""
    from borderwatch import tell, twofiles
    from borderwatch.kept import Kept, folder

    slugs = None if wanted == "all" else [_slug(w.strip()) for w in wanted.split(",") if w.strip()]
    kept = Kept(None if page else folder())  # to draw, everything is read
    result = twofiles.compare(before, after, slugs, owner_field=owner_field, resolution_km=resolution_km, kept=kept)
    drawn = None if page is None else (twofiles.draw(result, page), page)
    tell.diff(result, form, drawn)
    sys.exit(1 if result.changed else 0)


@main.command(
    epilog="""\b
Examples:
  borderwatch render                    every page, in the language of borderwatch.toml
  borderwatch render --language es --maps maps/es
"""
)
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the pages (default: the setting, else en).")
@click.option(
    "--maps", type=click.Path(file_okay=False, path_type=Path), help="Write here instead of the setting's folder."
)
@click.pass_obj
def render(workspace: Path, language: str | None, maps: Path | None) -> None:
    """Write every page from the change log; only what says something new is rewritten."""
    from dataclasses import replace

    from borderwatch import pipeline
    from borderwatch.workspace import workshop

    settings = _settings(workspace)
    settings = replace(settings, language=language or settings.language, maps=maps or settings.maps)
    with workshop(settings, readonly=True) as shop:
        pipeline.draw(shop)
    click.echo(settings.maps / "index.html")


@main.command(
    epilog="""\b
Examples:
  borderwatch serve                     then open the address it prints; Ctrl+C ends it
  borderwatch serve --port 8001         while `borderwatch run` works in another terminal, open pages follow
"""
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--no-draw", is_flag=True, help="Show what is there; draw nothing again.")
@click.pass_obj
def serve(workspace: Path, port: int, no_draw: bool) -> None:
    """Show the pages to this machine's browser; what a run changes is drawn again and reloads."""
    from borderwatch import serve as local

    settings = _settings(workspace)
    beside = local.idle if no_draw else local.redrawing(settings)
    local.serve(
        settings.maps, port, lambda address: click.echo(f"{address} (this machine only; Ctrl+C ends it)"), beside
    )


@main.command(name="map")
@click.argument("dispute")
@click.pass_obj
def map_(workspace: Path, dispute: str) -> None:
    """Draw one dispute's map and say where it is."""
    from borderwatch import pipeline
    from borderwatch.workspace import workshop

    slug = _slug(dispute)
    with workshop(_settings(workspace), readonly=True) as shop:
        pipeline.draw(shop, [slug])
        click.echo(pipeline.page_of(shop, slug))


@main.command(
    name="sources",
    epilog="""\b
Examples:
  borderwatch sources                   every source, its terms, and how it last answered
  borderwatch sources --stale
  borderwatch sources --probe lsib      ask what it offers, against what its reader expects
""",
)
@click.option("--stale", is_flag=True, help="Only those whose last success is older than twice their cadence.")
@click.option("--probe", "probed", metavar="NAME", help="Ask this one what it offers: capabilities only, nothing kept.")
@_output_options
@click.pass_obj
def sources_(workspace: Path, stale: bool, probed: str | None, form: str | None) -> None:
    """Who is asked, for whom, how often, under what terms, and who answered."""
    from borderwatch import listing
    from borderwatch.snapshots import Snapshots
    from borderwatch.sources import find

    settings = _settings(workspace)
    if probed is None:
        listing.sources(find(), Snapshots(settings.snapshots), settings, _now(), form, stale=stale)
        return
    from borderwatch.first_contact import probe
    from borderwatch.workspace import one_source, probing_client

    with probing_client(settings) as client:
        found = probe(one_source(settings, probed), client)
    listing.probed(found, form)
    sys.exit(0 if found.fine else 1)


@main.command(
    epilog="""\b
Examples:
  borderwatch record lsib
  borderwatch record natural_earth --view natural_earth/UA#countries --to tests/recordings
"""
)
@click.argument("source")
@click.option("--view", "wanted", help="One of its views (default: its first).")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), help="Into this folder (default: recordings, here)."
)
@click.pass_obj
def record(workspace: Path, source: str, wanted: str | None, to: Path | None) -> None:
    """Capture a view once into a recording for tests: its files, and whence and under what terms they came."""
    from borderwatch import first_contact, listing
    from borderwatch.workspace import client, one_source

    settings = _settings(workspace)
    asked = one_source(settings, source)
    views = {str(view): view for view in asked.views()}
    if wanted is not None and wanted not in views:
        some = ", ".join(list(views)[:8])
        raise UsageError(f"{source} has no view {wanted!r}; it has {some}{' …' if len(views) > 8 else ''}")
    view = views[wanted] if wanted else asked.views()[0]
    with client(settings) as asker:
        place = first_contact.record(asked, view, asker, to or workspace / "recordings", _now)
    listing.recorded(place, view)


@main.command()
@click.argument("text", required=False)
@_output_options
def disputes(text: str | None, form: str | None) -> None:
    """The watched disputes; TEXT finds by slug or any name in any language."""
    from borderwatch import tell

    tell.disputes(text, form)
