"""What people read in the terminal: progress, the summary of a run, tables, JSON and CSV; decides nothing."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderwatch.errors import Damaged
from borderwatch.health import HealthEvent, HealthKind, Streak, streaks
from borderwatch.models import (
    GROUND_KINDS,
    Capture,
    Change,
    Coverage,
    Keep,
    Kind,
    Outcome,
    Significance,
    Standing,
    Verdict,
    View,
)
from borderwatch.owners import label

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from borderwatch.changelog import Counts
    from borderwatch.first_contact import Probe
    from borderwatch.pipeline import Report
    from borderwatch.settings import Settings
    from borderwatch.snapshots import Report as Proof
    from borderwatch.snapshots import Snapshots
    from borderwatch.source import Source
    from borderwatch.twofiles import Compared

SHOWN_IN_SUMMARY = 20
# A cell that begins so would be run as a formula by a spreadsheet: a leading apostrophe keeps it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# JSON escapes the control characters of ASCII only; terminals obey those of Latin-1 too.
CONTROL = re.compile(r"[\x7f-\x9f]")


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """``| head`` has seen enough: no fault of ours, and rich would exit with 1."""
            try:
                super().on_broken_pipe()
            except SystemExit:
                sys.exit(0)

    # Piped output is for programs and files: no wrapping at a guessed 80 columns.
    return Piped(
        stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160
    )


def _table(*columns: str, title: str | None = None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    return table


def _safe(text: object) -> str:
    """A string from outside, for the terminal: no control characters, no markup."""
    from rich.markup import escape

    return escape(plain(text))


def plain(text: object) -> str:
    """A string from outside without control characters, as one line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "-"


# --- progress ---------------------------------------------------------------------------------------


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A live line on a terminal, a plain line per tenth elsewhere; on stderr, so that stdout stays clean."""
    if not sys.stderr.isatty():
        yield plain_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, of: int) -> None:
            bar.update(task, description=_safe(what)[:70], completed=done, total=of)

        yield show


def plain_progress(what: str, done: int, of: int) -> None:
    """For logs: a line for the last and for about every tenth thing done."""
    if done > 0 and (done == of or done % max(1, of // 10) == 0) and not what.startswith("asking"):
        click.echo(f"[{done}/{of}] {what}", err=True)


# --- the summary of a run ---------------------------------------------------------------------------


def summary(
    report: Report, total: Counts, settings: Settings, *, offline: bool = False, waiting: datetime | None = None
) -> None:
    """What a run did: asked, unchanged, changed, failed and why; the changes; where the maps are."""
    out = _console()
    _asked(out, report.asked, offline=offline, waiting=waiting)
    for capture, why in report.unread:
        out.print(f"[bold]not readable[/bold]  {_safe(capture.view)} {_edition(capture)}: {_safe(why)}")
    if report.reread:
        out.print(
            "The reader is newer than the log: the whole archive was read again. That is not a change of any map."
        )
    for line in _health_lines(report.health):
        out.print(f"[bold]health[/bold]  {_safe(line)}")
    _news(out, report.news)
    out.print(f"The log holds {total.substantive:,} substantive and {total.minor:,} minor changes: {settings.database}")
    if report.written:
        out.print(f"Maps: {settings.maps / 'index.html'}")


def _health_lines(events: Sequence[HealthEvent]) -> Iterator[str]:
    """One line for what happened to each source's views, however many they are."""
    groups: dict[tuple[str, HealthKind, str], list[HealthEvent]] = {}
    for event in events:
        groups.setdefault((event.view.source, event.kind, event.fault.kind if event.fault else ""), []).append(event)
    for (source, kind, fault), some in sorted(groups.items()):
        who = str(some[0].view) if len(some) == 1 else f"{source} ({len(some)} views)"
        since = _day(min(event.since for event in some))
        if kind is HealthKind.FAILING:
            said = some[-1].fault.message if some[-1].fault else ""
            yield f"{who} failed {some[-1].failures} times in a row since {since}, {fault.replace('_', ' ')}: {said}"
        else:
            most = max(event.failures for event in some)
            yield f"{who} answers again, after {most} failures in a row since {since}"


def _asked(out: Console, asked: Sequence[Capture], *, offline: bool, waiting: datetime | None) -> None:
    if not asked:
        words = "Nobody was asked (--offline)." if offline else "Nothing is due."
        if waiting is not None and not offline:
            words += f" Next: {waiting:%Y-%m-%d %H:%M} UTC (run --all to ask now)."
        out.print(words)
        return
    failed = [c for c in asked if c.outcome is Outcome.FAILED]
    same = [c for c in asked if c.outcome is Outcome.NOT_MODIFIED]
    kept = len(asked) - len(failed) - len(same)
    out.print(
        f"[bold]Asked {len(asked)} views:[/bold] "
        f"{kept} answered, {len(same)} said nothing is new, {len(failed)} failed."
    )
    by_reason: dict[tuple[str, str], list[Capture]] = {}
    for capture in failed:
        if capture.fault is not None:
            by_reason.setdefault((capture.view.source, capture.fault.kind), []).append(capture)
    for (source, kind), captures in sorted(by_reason.items()):
        many = f" ({len(captures)} views)" if len(captures) > 1 else ""
        fault = captures[0].fault
        out.print(
            f"  [bold]{kind.replace('_', ' ')}[/bold]  {_safe(source)}{many}: {_safe(fault.message if fault else '')}"
        )


def _news(out: Console, news: Sequence[Change]) -> None:
    solid = [c for c in news if c.significance is Significance.SUBSTANTIVE]
    minor = len(news) - len(solid)
    if not news:
        out.print("[bold]No change.[/bold]")
        return
    out.print(
        f"[bold]{len(solid)} substantive changes new to the log[/bold]" + (f", {minor} minor" if minor else "") + ":"
    )
    told = _once(solid)
    out.print(_changes_table(told[:SHOWN_IN_SUMMARY]))
    if len(news) > len(told[:SHOWN_IN_SUMMARY]):
        out.print("  … and more, every scale and every minor one: borderwatch changes")


def _once(found: Iterable[Change]) -> list[Change]:
    """One change of a source told once: where it draws several scales, the finest speaks for all."""
    finest: dict[tuple[object, ...], Change] = {}
    for change in found:
        what = (change.kind, change.loser, change.gainer, change.subject, _label(change.before), _label(change.after))
        key = (change.dispute, change.view.source, change.view.worldview, *what)
        held = finest.get(key)
        if held is None or (change.limit_km or 0.0) < (held.limit_km or 0.0):
            finest[key] = change
    return list(finest.values())


def _label(capture: Capture) -> str:
    return capture.edition.label if capture.edition else capture.id


def _edition(capture: Capture) -> str:
    return capture.edition.label if capture.edition else _day(capture.taken_at)


def _between(change: Change) -> str:
    return f"{_edition(change.before)} → {_edition(change.after)}"


def owner_words(identity: str | None) -> str:
    """An owner as a table shows it."""
    if not identity:
        return "nobody"
    if identity.startswith("?"):
        return f"“{identity[1:]}”" if identity != "?" else "an unnamed feature"
    return label(identity)


def _what(change: Change) -> str:
    if change.kind in (*GROUND_KINDS, Kind.APPEARED, Kind.DISAPPEARED):
        text = f"{owner_words(change.loser)} → {owner_words(change.gainer)}"
        return text if change.kind is Kind.TRANSFER else f"{change.kind.value}: {text}"
    if change.kind is Kind.BOUNDARY_MOVED and change.offset_km is not None:
        return f"{change.old or change.new} moved by up to {change.offset_km:,.1f} km"
    subject = f"{change.subject}: " if change.subject else ""
    return f"{subject}{change.old or 'nothing'} → {change.new or 'nothing'}"


def _measure(change: Change) -> str:
    if change.area_km2 is not None:
        return f"{change.area_km2:,.0f} km²" if change.area_km2 >= 1 else f"{change.area_km2:.2g} km²"
    return f"{change.length_km:,.0f} km" if change.length_km is not None else ""


def _changes_table(found: Iterable[Change]) -> Table:
    table = _table("shown", "source", "dispute", "kind", "what", ">how much", "editions")
    for c in found:
        words = _what(c) + (" (takes back an earlier change)" if c.reverts else "")
        table.add_row(
            _day(c.after.shown_at),
            _safe(c.view),
            _safe(c.dispute or "elsewhere"),
            c.kind.value.replace("_", " "),
            _safe(words),
            _measure(c),
            _safe(_between(c)),
        )
    return table


# --- records as plain data ---------------------------------------------------------------------------


def change_record(c: Change) -> dict[str, Any]:
    """A change as JSON and CSV carry it: flat, units in the names, times ISO 8601 UTC."""
    return {
        "id": c.id,
        "dispute": c.dispute,
        "source": c.view.source,
        "worldview": c.view.worldview,
        "vantage": c.view.vantage,
        "layer": c.view.layer,
        "kind": c.kind.value,
        "significance": c.significance.value,
        "from": c.loser,
        "to": c.gainer,
        "subject": c.subject or None,
        "old": c.old,
        "new": c.new,
        "area_km2": _round(c.area_km2, 3),
        "length_km": _round(c.length_km, 3),
        "offset_km": _round(c.offset_km, 3),
        "share": _round(c.share, 4),
        "inradius_km": _round(c.inradius_km, 3),
        "noise_floor_km": _round(c.noise_floor_km, 3),
        "ratio": _round(c.ratio, 2),
        "limit_km": _round(c.limit_km, 3),
        "before": {"capture": c.before.id, "edition": _edition(c.before), "shown_at": c.before.shown_at.isoformat()},
        "after": {"capture": c.after.id, "edition": _edition(c.after), "shown_at": c.after.shown_at.isoformat()},
        "reverts": c.reverts,
        "adopts": c.adopts,
        "summary": c.summary,
    }


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat.update({f"{key}_{inner}": text for inner, text in value.items()})
        elif isinstance(value, list):
            flat[key] = "; ".join(map(str, value))
        else:
            flat[key] = value
    return flat


def records(items: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print records as a JSON list or as CSV."""
    if form == "json":
        _json(list(items))
        return
    rows = [_flat(item) for item in items]
    writer = csv.DictWriter(sys.stdout, fieldnames=list(dict.fromkeys(k for row in rows for k in row)))
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def _json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    click.echo(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    return plain(f"'{value}" if value.startswith(FORMULA) else value)


def changes(found: Sequence[Change], form: str | None) -> None:
    """The answer of ``borderwatch changes``."""
    if form:
        records([change_record(c) for c in found], form)
        return
    out = _console()
    if not found:
        out.print("No such change in the log. (borderwatch changes without filters shows all.)")
        return
    out.print(_changes_table(found))
    out.print(f"{len(found):,} changes")


# --- status ------------------------------------------------------------------------------------------


def standing_record(s: Standing) -> dict[str, Any]:
    """What a view shows, as JSON and CSV carry it."""
    d = s.depiction
    return {
        "dispute": d.dispute,
        "source": d.view.source,
        "worldview": d.view.worldview,
        "layer": d.view.layer,
        "coverage": d.coverage.value,
        "shares": [{"owner": x.owner, "share": round(x.share, 4), "area_km2": round(x.area_km2, 1)} for x in d.shares],
        "names": dict(d.names),
        "rows": [{"key": r.key, "name": r.name, "lang": r.lang} for r in d.rows],
        "limit_km": d.limit_km,
        "since": s.since.isoformat(),
        "attested": s.attested.isoformat(),
        "edition": _edition(s.capture),
        "capture": s.capture.id,
        "reason": d.reason,
    }


def depicted(standing: Standing) -> str:
    """What a view shows, in a few words; never blank."""
    d = standing.depiction
    if d.coverage is Coverage.NOT_COVERED:
        return f"not covered: {d.reason}"
    if d.coverage is Coverage.NOT_RESOLVABLE:
        return f"not resolvable: {d.reason}"
    if d.shares:
        return ", ".join(f"{owner_words(s.owner)} {_percent(s.share)}" for s in d.shares)
    if d.rows:
        names = list(dict.fromkeys(r.name for r in d.rows))
        langs = len({r.lang for r in d.rows})
        return f"listed: {', '.join(names[:4])}" + (f" … in {langs} languages" if langs > 1 else "")
    lines = [x for x in d.drawn if x.length_km > 0]
    if lines:
        return ", ".join(f"{x.word or x.style or 'line'} {x.length_km:,.0f} km" for x in lines[:4])
    return d.reason or "drawn as nobody's"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def status(
    slug: str,
    standings: Sequence[Standing],
    form: str | None,
    as_of: datetime | None,
    ill: Sequence[Streak] = (),
) -> None:
    """The answer of ``borderwatch status``; ``ill`` are the views that failed when they were last asked."""
    from borderwatch.disputes import catalogue

    if form:
        since = {streak.view: streak.since.isoformat() for streak in ill}
        records([{**standing_record(s), "failing_since": since.get(s.depiction.view)} for s in standings], form)
        return
    out = _console()
    dispute = catalogue(geometry=False).get(slug)
    claimants = ", ".join(owner_words(c) for c in dispute.claimants)
    out.print(f"[bold]{_safe(dispute.name)}[/bold] ({slug}); claimed by {_safe(claimants)}")
    if not standings:
        out.print(f"No view had been captured by {_day(as_of)}." if as_of else "No view has been captured yet.")
        return
    failing = {streak.view: streak for streak in ill}
    table = _table("view", "shows", "since", "last seen", "edition")
    for s in sorted(standings, key=lambda s: (s.depiction.coverage is not Coverage.SHOWN, str(s.depiction.view))):
        table.add_row(
            _safe(s.depiction.view), _safe(depicted(s)), _day(s.since), _day(s.attested), _safe(_edition(s.capture))
        )
    out.print(table)
    for s in standings:
        streak = failing.get(s.depiction.view)
        if streak is not None:
            kind = streak.last.fault.kind.replace("_", " ") if streak.last.fault else "failed"
            times = f"{streak.failures} times in a row" if streak.failures > 1 else "once"
            out.print(f"{_safe(streak.view)} does not answer since {_day(streak.since)} ({times}, {kind}).")


# --- sources, disputes, proofs ------------------------------------------------------------------------


def sources(
    known: Mapping[str, Source],
    snapshots: Snapshots,
    settings: Settings,
    now: datetime,
    form: str | None,
    *,
    stale: bool,
) -> None:
    """The answer of ``borderwatch sources``."""
    rows: list[dict[str, Any]] = []
    for name, source in sorted(known.items()):
        attempts, damage = _attempts(snapshots, name)
        answered = max((c.taken_at for c in attempts if c.fault is None), default=None)
        failing = streaks(attempts)
        on = settings.wants(name, automation=source.terms.automation) and not source.lacks_key
        every = settings.every.get(name, source.every)
        if stale and answered is not None and now - answered <= 2 * every:
            continue
        rows.append(
            {
                "source": name,
                "title": source.title,
                "watches": source.watches,
                "on": on,
                "views": len(source.views()),
                "worldviews": list(source.worldviews),
                "every": _span(every),
                "licence": source.terms.licence,
                "attribution": source.terms.attribution,
                "bodies": source.terms.keep.value,
                "shipped": source.terms.ship,
                "key_variable": source.key_variable,
                "last_success": answered.isoformat() if answered else None,
                "health": damage or _health(failing, len(source.views()), answered),
                "failing_since": min(s.since for s in failing).isoformat() if failing else None,
                "failures": max((s.failures for s in failing), default=0),
                "failing_views": [str(s.view) for s in failing],
            }
        )
    if form:
        records(rows, form)
        return
    out = _console()
    table = _table("source", "title", "audiences", ">every", "terms", "last success", "health")
    for row in rows:
        needs = f"off: set {row['key_variable']}" if known[row["source"]].lacks_key else "off"
        health = row["health"] if row["on"] else needs
        audiences = row["worldviews"]
        bodies = "digest only" if row["bodies"] == Keep.DIGEST else "kept" if row["shipped"] else "kept, not shipped"
        table.add_row(
            row["source"],
            _safe(row["title"]),
            _safe(", ".join(audiences) if len(audiences) <= 3 else f"{len(audiences)}"),
            row["every"],
            _safe(f"{row['licence']}; {bodies}"),
            str(row["last_success"] or "-")[:10],
            _safe(health)[:90],
        )
    out.print(table if rows else "No source is stale.")


def _attempts(snapshots: Snapshots, name: str) -> tuple[list[Capture], str]:
    """Every attempt to ask a source, and what is wrong with its ledger: one that is damaged hides no other."""
    try:
        return list(snapshots.captures(name)), ""
    except Damaged as damage:
        return [], f"ledger damaged: {damage}"


def _health(failing: Sequence[Streak], views: int, answered: datetime | None) -> str:
    """How asking a source goes: ok, not asked, or what fails, how often and since when."""
    if not failing:
        return "ok" if answered else "not asked"
    worst = max(failing, key=lambda streak: (streak.failures, streak.last.taken_at))
    fault = worst.last.fault
    said = f"{fault.kind}: {fault.message}" if fault else "failed"
    some = f"{len(failing)} of {views} views " if len(failing) < views else ""
    if worst.is_event:
        return f"{some}failing since {_day(worst.since)}, {worst.failures} times in a row; {said}"
    return f"{some}{said}"


def probed(found: Probe, form: str | None) -> None:
    """The answer of ``borderwatch sources --probe``: what was asked, what came, and what the reader misses."""
    asked = [
        {
            "asked": seen.url,
            "status": seen.status,
            "content_type": seen.headers.get("content-type"),
            "last_modified": seen.headers.get("last-modified"),
            "bytes": seen.size,
            "robots": "obeyed" if seen.robots else "not asked: a documented data API",
            "problem": str(seen.problem) if seen.problem else None,
        }
        for seen in found.seen
    ]
    looked = [{"about": f.about, "expected": f.expected, "found": f.found, "fine": f.fine} for f in found.findings]
    if form == "json":
        problem = str(found.problem) if found.problem else None
        _json({"source": found.source.name, "fine": found.fine, "problem": problem, "asked": asked, "found": looked})
        return
    if form == "csv":
        records(looked or asked, form)
        return
    out = _console()
    source, terms = found.source, found.source.terms
    out.print(f"[bold]{_safe(source.title)}[/bold] ({source.name}): {_safe(terms.licence)}, {terms.url}")
    out.print(f"To look at on first contact: {_safe(source.first_contact)}")
    for seen in found.seen:
        size = (
            "" if seen.size is None else f", {seen.size:,} bytes" + ("" if seen.whole else " (only its beginning read)")
        )
        kind = f", {_safe(seen.headers.get('content-type', 'no content type'))}" if seen.status == 200 else ""
        changed = f", changed {_safe(seen.headers['last-modified'])}" if "last-modified" in seen.headers else ""
        came = f"{seen.status}{kind}{size}{changed}" if seen.problem is None else f"{seen.problem.kind}"
        out.print(f"  asked {_safe(seen.url)}: {came}")
    if found.findings:
        table = _table("", "about", "expected", "found")
        for finding in found.findings:
            mark = "ok" if finding.fine else "[bold]look[/bold]"
            table.add_row(mark, _safe(finding.about), _safe(finding.expected), _safe(finding.found))
        out.print(table)
    if found.problem is not None:
        kind = found.problem.kind.replace("_", " ")
        out.print(f"[bold]{kind}[/bold]: {_safe(found.problem)}")
    elif found.fine:
        out.print(
            "It answers as its reader expects"
            + (f", as far as a probe looks: {_safe(found.enough)}." if found.enough else ".")
        )


def recorded(place: Path, view: View) -> None:
    """The answer of ``borderwatch record``."""
    files = sorted(path for path in place.iterdir() if path.is_file())
    size = sum(path.stat().st_size for path in files)
    click.echo(f"{view}: {len(files)} files, {size:,} bytes, read without fault: {place}")


def _span(every: timedelta) -> str:
    return f"{every.days} d" if every >= timedelta(days=1) else f"{every.total_seconds() / 3600:g} h"


def disputes(text: str | None, form: str | None) -> None:
    """The answer of ``borderwatch disputes``."""
    from borderwatch.disputes import catalogue

    everything = catalogue(geometry=False)
    wanted = (text or "").casefold()
    found = [
        d
        for d in everything
        if not wanted
        or wanted in d.slug
        or wanted in d.name.casefold()
        or any(wanted in n.casefold() for names in d.names.values() for n in names)
    ]
    if form:
        items = [
            {
                "slug": d.slug,
                "name": d.name,
                "type": d.type.value,
                "claimants": list(d.claimants),
                "status": d.status,
                "status_date": d.status_date,
                "box": list(d.box),
                "names": {lang: list(names) for lang, names in d.names.items()},
            }
            for d in found
        ]
        records(items, form)
        return
    out = _console()
    if not found:
        out.print(f"No dispute has {_safe(text)!r} in its names; borderwatch disputes lists all {len(everything)}.")
        return
    table = _table("slug", "name", "type", "claimants")
    for d in found:
        table.add_row(d.slug, _safe(d.name), d.type.value, _safe(", ".join(owner_words(c) for c in d.claimants)))
    out.print(table)
    out.print(f"{len(found)} disputes")


def verified(proof: Proof) -> None:
    """The answer of ``borderwatch verify``."""
    out = _console()
    out.print(
        f"Proved {proof.lines:,} ledger lines and {proof.bodies:,} bodies ({proof.bytes / 1e6:,.1f} MB unpacked)."
    )
    if proof.absent:
        out.print(f"{proof.absent:,} bodies need not be here (digest only, or not shipped).")
    for path in proof.torn:
        out.print(f"set aside  {_safe(path)}: the tail of a line a crash cut short")
    for path in proof.orphans:
        out.print(f"orphan  {_safe(path)}: a body no ledger line tells of (a crash between the two); harmless")
    for damage in proof.damages:
        out.print(f"[bold]damaged[/bold]  {_safe(damage)}")
    out.print("Everything is what was written." if proof.clean else f"{len(proof.damages)} damages.")


def rebuilt(report: Report, total: Counts, settings: Settings, digest: str) -> None:
    """The answer of ``borderwatch rebuild``."""
    out = _console()
    for capture, why in report.unread:
        out.print(f"[bold]not readable[/bold]  {_safe(capture.view)} {_edition(capture)}: {_safe(why)}")
    out.print(
        f"Made {settings.database} again: {total.substantive:,} substantive and {total.minor:,} minor changes; "
        f"content {digest[:16]}"
    )


def watched(report: Report) -> None:
    """One line per round of ``borderwatch watch``, and one per change."""
    failed = sum(1 for c in report.asked if c.fault)
    click.echo(f"asked {len(report.asked)}, failed {failed}, {len(report.news)} changes new to the log")
    for line in _health_lines(report.health):
        click.echo(f"  health: {plain(line)}")
    for change in report.news:
        if change.significance is Significance.SUBSTANTIVE:
            click.echo(f"  {plain(change.summary)}")


def diff(compared: Compared, form: str, page: Path | None) -> None:
    """The answer of ``borderwatch diff``."""
    from borderwatch import twofiles

    if form != "table":
        data = twofiles.record(compared) if form == "json" else twofiles.geojson(compared)
        _json(data)
        return
    out = _console()
    if compared.doubt:
        out.print(
            f"[bold]Suspect[/bold]: {_safe(compared.after)} {_safe(compared.doubt)}. Nothing is reported as a change."
        )
    verdicts: dict[Verdict, int] = {}
    for result in compared.results:
        verdicts[result.comparison.verdict] = verdicts.get(result.comparison.verdict, 0) + 1
    found = [c for r in compared.results for c in r.changes]
    if found:
        out.print(_diff_table(found))
    if compared.elsewhere:
        out.print("\n[bold]Elsewhere[/bold] (ground no catalogued dispute holds):")
        out.print(_diff_table(compared.elsewhere))
    said = ", ".join(f"{n} {v.value.replace('_', ' ')}" for v, n in sorted(verdicts.items()))
    limits = [r.comparison.limit_km for r in compared.results if r.comparison.verdict is Verdict.UNCHANGED]
    known = [limit for limit in limits if limit is not None]
    attested = f"; unchanged is attested down to an inscribed radius of {max(known):.1f} km" if known else ""
    out.print(f"{len(compared.results)} disputes: {said}{attested}.")
    if page is not None:
        out.print(f"Map: {page}")


def _diff_table(found: Iterable[Change]) -> Table:
    table = _table("dispute", "kind", "what", ">how much", ">inradius", ">noise floor", "significance")
    for c in found:
        place = c.dispute
        if place is None and c.geometry is not None:
            point = c.geometry.representative_point()
            place = f"{point.y:.2f}, {point.x:.2f}"
        table.add_row(
            _safe(place or ""),
            c.kind.value.replace("_", " "),
            _safe(_what(c)),
            _measure(c),
            _km(c.inradius_km),
            _km(c.noise_floor_km),
            c.significance.value,
        )
    return table


def _km(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} km"
