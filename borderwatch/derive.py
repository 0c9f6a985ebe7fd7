"""Steps 3 and 4 for one view: its raw past, read by today's reader, becomes what the log holds of it.

Both sides of every comparison are read here from raw snapshots, so a better reader never looks like a moved
boundary. One view needs nothing of another, so views are derived in parallel processes.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from borderwatch import sources
from borderwatch.errors import CaptureProblem, StoreError
from borderwatch.models import Capture, Change, Comparison, Depiction, Keep, Sketch, Snapshot, View
from borderwatch.snapshots import Snapshots

if TYPE_CHECKING:
    from borderwatch.diff.series import Moment
    from borderwatch.observe import Observer
    from borderwatch.source import Source

PACKAGE = Path(__file__).parent
# What several sources share; each decides what their snapshots are read as.
SHARED_BY_SOURCES = ("arcgis.py", "basemaps.py", "overpass.py", "published.py")
# What these files say decides what a snapshot is read as; what the others do does not.
READER = (
    *SHARED_BY_SOURCES,
    "observe.py",
    "facts.py",
    "owners.py",
    "disputes.py",
    "arrays.py",
    "geometry.py",
    "scene.py",
    "derive.py",
    "diff",
    "formats",
    "sources",
    "data",
)


@dataclass(frozen=True, slots=True)
class Past:
    """All the log holds of one view, ready to be put into it; ``unread`` are captures the reader refused."""

    view: View
    fingerprint: str
    captures: tuple[Capture, ...]
    depictions: tuple[Depiction, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    changes: tuple[Change, ...] = ()
    sketches: tuple[Sketch, ...] = ()
    unread: tuple[tuple[Capture, str], ...] = field(default_factory=tuple)


@functools.cache
def reader_fingerprint() -> str:
    """A hash over the code and data that decide what a snapshot is read as."""
    digest = hashlib.sha256()
    for name in READER:
        place = PACKAGE / name
        inside = [place] if place.is_file() else place.rglob("*")
        for file in sorted(p for p in inside if p.is_file() and "__pycache__" not in p.parts):
            digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


@functools.cache
def measuring_fingerprint(source: str) -> str:
    """A hash over the code that decides what facts are measured of one source's answers; not the catalogue, which
    facts name for each dispute."""
    digest = hashlib.sha256()
    places = [PACKAGE / "sources" / f"{source}.py", *sorted((PACKAGE / "formats").glob("*.py"))]
    shared = (*SHARED_BY_SOURCES, "facts.py", "observe.py", "owners.py", "arrays.py", "geometry.py")
    for file in [*places, *(PACKAGE / name for name in shared)]:
        digest.update(file.name.encode() + b"\0" + (file.read_bytes() if file.exists() else b""))
    return digest.hexdigest()[:16]


def measured(source: Source, snapshot: Snapshot) -> bytes:
    """The facts of a snapshot, measured by today's reader; raises ``CaptureProblem`` as the reader does."""
    from borderwatch.facts import facts_from_scenes
    from borderwatch.observe import world_from_snapshot

    world = world_from_snapshot(source, snapshot)
    with _MEASURING:
        scenes = observer().scenes(world)
    return facts_from_scenes(world, scenes, reader=measuring_fingerprint(source.name))


_MEASURING = threading.Lock()
"""Several sources are asked at once; the observer and its index are one."""


def distinct(series: Iterable[Capture]) -> tuple[Capture, ...]:
    """The captures that say something new: successive ones with the same body and edition are one state."""
    kept: list[Capture] = []
    for capture in series:
        last = kept[-1] if kept else None
        if last is None or capture.body != last.body or _label(capture) != _label(last):
            kept.append(capture)
    return tuple(kept)


def _label(capture: Capture) -> str | None:
    return capture.edition.label if capture.edition else None


def fingerprint(captures: Iterable[Capture]) -> str:
    """A hash that changes when, and only when, a view's distinct states change."""
    return hashlib.sha256("\n".join(c.id for c in captures).encode()).hexdigest()


@functools.cache
def observer() -> Observer:
    """One observer of the whole catalogue per process."""
    from borderwatch.disputes import catalogue
    from borderwatch.observe import Observer

    return Observer(catalogue())


def past_of_view(root: Path, view: View) -> Past:
    """Read, observe and compare a view's whole past; runs in a worker process."""
    from borderwatch.diff.series import Series
    from borderwatch.observe import sketches

    store = Snapshots(root)
    captures = store.series(view)
    states = distinct(captures)
    source = sources.find()[view.source]
    series = Series(f"{source.title} ({view.layer})" if view.layer else source.title)
    unread: list[tuple[Capture, str]] = []
    only_facts = any(capture.keep is Keep.DIGEST for capture in states)
    moments = _moments_of_facts(store, source, states, unread) if only_facts else _moments(store, states, unread)
    for moment in moments:
        series.feed(moment)
    derived = series.close()
    return Past(
        view=view,
        fingerprint=fingerprint(states),
        captures=captures,
        depictions=tuple(derived.depictions),
        comparisons=tuple(derived.comparisons),
        changes=tuple(derived.changes),
        sketches=tuple(sketch for scene in derived.shown for sketch in sketches(scene)),
        unread=tuple(unread),
    )


def _moments(store: Snapshots, states: Iterable[Capture], unread: list[tuple[Capture, str]]) -> Iterator[Moment]:
    from borderwatch.diff.series import Moment
    from borderwatch.observe import world_from_snapshot

    last: Moment | None = None
    for capture in states:
        if last is not None and last.world.capture.body == capture.body:
            last = _same_bytes(last, capture)
        else:
            source = sources.find()[capture.view.source]
            try:
                world = world_from_snapshot(source, store.open(capture))
            except (CaptureProblem, StoreError) as problem:
                unread.append((capture, str(problem)))
                continue
            last = Moment(world, observer().scenes(world))
        yield last


def _moments_of_facts(
    store: Snapshots, source: Source, states: Iterable[Capture], unread: list[tuple[Capture, str]]
) -> Iterator[Moment]:
    """The past of a view of which only facts are kept; what was kept whole before the terms asked so is measured."""
    from borderwatch.diff.series import Moment
    from borderwatch.facts import facts_from_bytes

    for capture in states:
        try:
            kept = capture.keep is Keep.DIGEST
            facts = facts_from_bytes(store.facts(capture) if kept else measured(source, store.open(capture)), capture)
            moment = Moment(facts, facts.seen(observer().grounds))
        except (CaptureProblem, StoreError) as problem:
            unread.append((capture, str(problem)))
            continue
        yield moment


def _same_bytes(moment: Moment, capture: Capture) -> Moment:
    """The same bytes under another edition: nothing is read twice."""
    from borderwatch.diff.series import Moment

    scenes = {
        slug: replace(scene, capture=capture, depiction=replace(scene.depiction, capture=capture.id))
        for slug, scene in moment.scenes.items()
    }
    return Moment(replace(moment.world, capture=capture), scenes)
