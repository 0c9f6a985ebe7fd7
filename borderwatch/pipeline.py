"""The whole flow, in order, on one screen: ask, keep, read, compare, log, draw."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from borderwatch.changelog import ELSEWHERE, ChangeLog
from borderwatch.collect import Ask, Event, Stage, collect, read_again
from borderwatch.collect import backfill as collect_editions
from borderwatch.derive import Past, distinct, fingerprint, measured, past_of_view, reader_fingerprint
from borderwatch.fetch import Client
from borderwatch.health import HealthEvent, events_from_attempts
from borderwatch.models import Capture, Change, DisputePage, SourceCard, View, ViewCard
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

Progress = Callable[[str, int, int], None]
"""Told (what is being done, how many are done, of how many)."""


@dataclass
class Workshop:
    """What the flow works with; the command line builds it."""

    snapshots: Snapshots
    log: ChangeLog
    maps: Path
    sources: dict[str, Source]
    jobs: int = 2
    language: str = "en"
    """Of the pages."""
    site: str = ""
    """The address they are published at, if any."""
    progress: Progress = field(default=lambda _what, _done, _of: None)
    stop: threading.Event = field(default_factory=threading.Event)
    """Set it, and asking ends after the captures under way."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run did. ``news`` are the changes the log did not hold before, most significant first."""

    asked: tuple[Capture, ...]
    news: tuple[Change, ...]
    reread: bool
    unread: tuple[tuple[Capture, str], ...]
    written: tuple[Path, ...] = ()
    health: tuple[HealthEvent, ...] = ()
    """Views that began to fail again and again in this run, or answered after they had."""


def run(shop: Workshop, asks: Sequence[Ask], client: Client, now: Callable[[], datetime]) -> Report:
    """Steps 1 to 6: ask what is due, keep every answer, and bring log and maps up to date."""
    told = _Asking(shop, len(asks))
    asked = collect(
        asks, shop.snapshots, client, jobs=shop.jobs, clock=now, progress=told, stop=shop.stop, measure=measured
    )
    return follow(shop, asked)


def backfill(
    shop: Workshop, views: Sequence[tuple[Source, View]], client: Client, now: Callable[[], datetime]
) -> Report:
    """The same for the older editions that sources still serve."""
    told = _Asking(shop, 0)
    asked = collect_editions(
        views, shop.snapshots, client, jobs=shop.jobs, clock=now, progress=told, stop=shop.stop, measure=measured
    )
    return follow(shop, asked)


def follow(shop: Workshop, asked: Sequence[Capture]) -> Report:
    """Steps 3 to 6, after whatever was asked."""
    read_again(shop.sources.values(), shop.snapshots)
    fresh = {capture.id for capture in asked}
    health = tuple(event for event in events_from_attempts(shop.snapshots.captures()) if event.capture in fresh)
    return replace(derive(shop, asked), asked=tuple(asked), written=draw(shop), health=health)


def derive(shop: Workshop, asked: Iterable[Capture] = (), *, everything: bool = False) -> Report:
    """Steps 3 to 5: bring the log up to date with the archive; only views with a new state are read."""
    from borderwatch.disputes import catalogue

    everything = everything or shop.log.reader() != reader_fingerprint()
    known = {change.id for change in shop.log.changes()}
    reread = everything and bool(known)
    shop.log.put_catalogue(catalogue())
    shop.log.put_sources(cards(shop))
    shop.log.put_attempts(shop.snapshots.captures())
    views = [v for v in shop.snapshots.views() if v.source in shop.sources and shop.snapshots.series(v)]
    stale = [v for v in views if everything or _stale(shop, v)]
    fresh = {capture.id for capture in asked}
    unread: list[tuple[Capture, str]] = []
    if stale:
        shop.progress("reading what is new in the archive", 0, len(stale))
    for done, past in enumerate(_pasts(shop, stale), start=1):
        shop.log.put_view(
            past.view,
            past.fingerprint,
            captures=past.captures,
            depictions=past.depictions,
            comparisons=past.comparisons,
            changes=past.changes,
            sketches=past.sketches,
        )
        unread += past.unread
        shop.progress(f"read and compared {past.view}", done, len(stale))
    if stale:
        adopted(shop.log)
    shop.log.set_reader(reader_fingerprint())
    news = [c for c in shop.log.changes() if c.id not in known and (not reread or c.after.id in fresh)]
    return Report((), tuple(news), reread, tuple(unread))


def adopted(log: ChangeLog) -> None:
    """Say of every change whether it adopts what the same source showed another audience already.

    Views are derived one by one and know nothing of each other; so this is asked of the log when all are in it.
    """
    from borderwatch.diff.variants import switches, told

    changes = log.changes()
    audiences: dict[str, set[str]] = {}
    for change in changes:
        audiences.setdefault(change.view.source, set())
    captures = [c for c in log.captures() if c.view.source in audiences]
    for capture in captures:
        audiences[capture.view.source].add(capture.view.worldview)
    several = {source for source, some in audiences.items() if len(some) > 1}
    views = {c.view for c in captures if c.view.source in several}
    depictions = [d for view in sorted(views) for d in log.depictions(view=view)]
    found = switches((c for c in changes if c.view in views), depictions, {c.id: c for c in captures})
    again = [told(c, found.get(c.id)) for c in changes]
    log.put_adopted(new for old, new in zip(changes, again, strict=True) if new != old)


def page_of(shop: Workshop, slug: str) -> Path:
    """Where a dispute's page is."""
    from borderwatch.render import page_path

    return page_path(shop.maps, slug)


def _stale(shop: Workshop, view: View) -> bool:
    return shop.log.fingerprint(view) != fingerprint(distinct(shop.snapshots.series(view)))


def _pasts(shop: Workshop, views: Sequence[View]) -> Iterable[Past]:
    """Pasts as they are done, the longest begun first; what the log holds does not depend on their order."""
    job = partial(past_of_view, shop.snapshots.root)
    workers = min(shop.jobs, os.cpu_count() or 1, len(views))
    if workers < 2:
        yield from map(job, views)
        return
    longest_first = sorted(views, key=lambda v: (-_bytes_to_read(shop, v), v))
    # Spawned, not forked: threads of the collector may hold locks a fork would inherit for ever.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(job, view) for view in longest_first]):
            yield done.result()


def _bytes_to_read(shop: Workshop, view: View) -> int:
    return sum(part.size for capture in distinct(shop.snapshots.series(view)) for part in capture.parts)


def draw(shop: Workshop, slugs: Iterable[str] | None = None) -> tuple[Path, ...]:
    """Step 6: write the pages of the disputes named (all by default) and the index."""
    from borderwatch.disputes import catalogue, events
    from borderwatch.render import speaking, write_index, write_pages, write_site

    disputes = catalogue()
    captures = {capture.id: capture for capture in shop.log.captures()}
    wanted = list(disputes.disputes) if slugs is None else list(slugs)
    by_name = {card.name: card for card in cards(shop)}
    pages = []
    for slug in disputes.disputes:
        changes = shop.log.changes(dispute=slug)
        standings = shop.log.standings(slug)
        used = {c.view.source for c in changes} | {s.capture.view.source for s in standings}
        pages.append(
            DisputePage(
                dispute=disputes.get(slug),
                changes=tuple(changes),
                standings=tuple(standings),
                sketches=shop.log.sketches(slug),
                sources={name: by_name[name] for name in sorted(used) if name in by_name},
                depictions=tuple(shop.log.depictions(dispute=slug)),
                captures=captures,
                comparisons=tuple(shop.log.comparisons(dispute=slug)),
                events=events().get(slug, ()),
            )
        )
    made_at = max((c.taken_at for c in shop.snapshots.captures()), default=datetime.fromtimestamp(0, UTC))
    elsewhere = shop.log.changes(dispute=ELSEWHERE)
    about: dict[str, Any] = {"made_at": made_at, "views": view_cards(shop), "elsewhere": elsewhere}
    sources = list(by_name.values())
    with speaking(shop.language):
        drawn = write_pages((p for p in pages if p.dispute.slug in wanted), shop.maps, made_at=made_at)
        shop.progress("drew the maps", 1, 1)
        index = write_index(pages, sources, shop.maps, **about)
        only = None if slugs is None else set(wanted)
        write_site(pages, sources, shop.maps, site=shop.site, only=only, spread=partial(_spread, shop), **about)
    return (*drawn, index)


def _spread(
    shop: Workshop, function: Callable[[Any], dict[str, str]], jobs: Sequence[Any], pages: int
) -> Iterable[dict[str, str]]:
    """The drawing of changes over processes where that pays: a process takes 2 s to start, a page 0.1 s to draw."""
    workers = min(shop.jobs, os.cpu_count() or 1, len(jobs), 1 + pages // 60)
    if workers < 2:
        yield from map(function, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        largest_first = sorted(jobs, key=lambda job: -len(job.changes))
        for number, done in enumerate(as_completed([pool.submit(function, job) for job in largest_first]), start=1):
            shop.progress("drew the changes", number, len(jobs))
            yield done.result()


def cards(shop: Workshop) -> list[SourceCard]:
    """What pages and tables say about each source: its terms, and how it last answered."""
    last: dict[str, Capture] = {}
    success: dict[str, datetime] = {}
    newest: dict[str, Capture] = {}
    for capture in shop.snapshots.captures():
        source = capture.view.source
        last[source] = capture
        if capture.fault is None:
            success[source] = capture.taken_at
            if capture.edition is not None and (source not in newest or capture.shown_at >= newest[source].shown_at):
                newest[source] = capture
    return [
        SourceCard(
            name=name,
            title=source.title,
            terms=source.terms,
            last_success=success.get(name),
            fault=last[name].fault if name in last else None,
            every=source.every,
            edition=newest[name].edition if name in newest else None,
        )
        for name, source in sorted(shop.sources.items())
    ]


def view_cards(shop: Workshop) -> list[ViewCard]:
    """Every view there is to ask or ever was asked, and how that went."""
    cards = {view: ViewCard(view) for source in shop.sources.values() for view in source.views()}
    for capture in shop.snapshots.captures():
        held = cards.get(capture.view) or ViewCard(capture.view)
        answered = held.answered or capture.fault is None
        cards[capture.view] = replace(held, asked=True, answered=answered, fault=capture.fault)
    return [card for _view, card in sorted(cards.items())]


@dataclass
class _Asking:
    """Turns what the collector tells into progress."""

    shop: Workshop
    total: int
    done: int = 0

    def __call__(self, event: Event) -> None:
        if event.stage is Stage.LISTED:
            self.total += event.count
        self.done += event.stage in (Stage.ENDED, Stage.NOT_ASKED)
        edition = f" {event.edition.label}" if event.edition else ""
        verb = "asking" if event.stage in (Stage.ASKING, Stage.LISTED) else "asked"
        self.shop.progress(f"{verb} {event.view}{edition}", min(self.done, self.total), self.total)
