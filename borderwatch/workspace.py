"""A workspace and what is built for it: its stores, its sources, what to ask; used by the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from borderwatch import schedule, sources
from borderwatch.changelog import ChangeLog
from borderwatch.collect import Ask
from borderwatch.errors import UsageError
from borderwatch.fetch import Client, ProbingClient
from borderwatch.models import View
from borderwatch.pipeline import Progress, Workshop
from borderwatch.settings import Settings
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

PACKAGE = Path(__file__).parent


def silent(_what: str, _done: int, _of: int) -> None:
    """Progress nobody watches."""


@contextmanager
def workshop(
    settings: Settings, *, progress: Progress = silent, readonly: bool = False, log: ChangeLog | None = None
) -> Iterator[Workshop]:
    """The stores and sources of a workspace; ``readonly`` asks the log only, and says so where there is none."""
    if readonly and not settings.database.exists():
        raise UsageError(f"no change log at {settings.database}: make one with `borderwatch run`")
    known = sources.find()
    settings.check_sources(known)
    opened = log or ChangeLog(settings.database, readonly=readonly)
    try:
        yield Workshop(
            Snapshots(settings.snapshots),
            opened,
            settings.maps,
            known,
            jobs=settings.jobs,
            language=settings.language,
            site=settings.site,
            progress=progress,
        )
    finally:
        if log is None:
            opened.close()


def client(settings: Settings) -> Client:
    """The one polite client of a run."""
    return Client(contact=settings.contact, timeout_s=settings.timeout_s, max_bytes=settings.max_bytes)


def one_source(settings: Settings, name: str) -> Source:
    """A source by name, on and with its key; ``UsageError`` says what is missing."""
    if name not in sources.names():
        raise UsageError(f"no source {name!r}; there are {', '.join(sources.names())}")
    source = sources.load(name)
    if not settings.wants(name, automation=source.terms.automation):
        raise UsageError(f"{name} is off here: add it to [sources] enabled in borderwatch.toml")
    if source.lacks_key:
        raise UsageError(f"{name} is off: it wants a key of yours in the environment variable {source.key_variable}")
    return source


def probing_client(settings: Settings) -> ProbingClient:
    """A client for one probe."""
    return ProbingClient(contact=settings.contact, timeout_s=settings.timeout_s, max_bytes=settings.max_bytes)


def wanted(shop: Workshop, settings: Settings, only: Sequence[str] = ()) -> dict[View, Source]:
    """Every view that is on, of the sources named (all by default); naming a source that is off is an error."""
    for name in only:
        if name not in shop.sources:
            raise UsageError(f"no source {name!r}; there are {', '.join(sorted(shop.sources))}")
        if not settings.wants(name, automation=shop.sources[name].terms.automation):
            raise UsageError(f"{name} is off here: add it to [sources] enabled in borderwatch.toml")
        if shop.sources[name].lacks_key:
            raise UsageError(
                f"{name} is off: it wants a key of yours in the environment variable {shop.sources[name].key_variable}"
            )
    return {
        view: source
        for name, source in sorted(shop.sources.items())
        if (not only or name in only)
        and settings.wants(name, automation=source.terms.automation)
        and not source.lacks_key
        for view in source.views()
    }


def due_asks(
    shop: Workshop,
    settings: Settings,
    now: datetime,
    *,
    only: Sequence[str] = (),
    everything: bool = False,
    single_run: bool = False,
) -> list[Ask]:
    """What to ask now: the views that are due, or all of them; ``single_run`` as in ``schedule.due``."""
    views = wanted(shop, settings, only)
    if everything:
        return [Ask(source, view) for view, source in views.items()]
    cadences = {view: source.cadence(view) for view, source in views.items()}
    due = schedule.due(cadences, shop.snapshots, now, settings.every, single_run=single_run)
    return [Ask(views[view], view) for view in due]


def next_due(shop: Workshop, settings: Settings, now: datetime) -> datetime | None:
    """When the first view is due; None where no source is on."""
    cadences = {view: source.cadence(view) for view, source in wanted(shop, settings).items()}
    plan = schedule.plan(cadences, shop.snapshots, now, settings.every)
    return plan[0].at if plan else None


def history() -> Path:
    """Where the recorded history lies: inside the installed package, or in the checkout it runs from."""
    for place in (PACKAGE / "history", PACKAGE.parent / "snapshots"):
        if any(place.glob("*/captures.jsonl")):
            return place
    raise UsageError("this installation carries no recorded history; capture it with `borderwatch backfill`")


def bring_history(settings: Settings) -> int:
    """Copy the recorded history into a workspace; sources that have a past here already keep it."""
    return Snapshots(settings.snapshots).adopt(history())
