"""Fifty scripted histories of one view, on real maps: every event told, in its step, and nothing else.

``python benchmarks/sequences.py`` prints a table and ends with 1 where a sequence is told otherwise than scripted.
``--only WORD`` runs those whose name holds the word. The maps are world-atlas editions in the project's own recorded
history; each state of a sequence is such a map with edits, or another edition of it. Expected are all substantive
events of the watched disputes, of the world as a whole, and the verdicts ``suspect``; a minor event counts where the
script names it, and in a sequence that expects nothing no minor event is allowed either.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from borderwatch import geometry as geo  # noqa: E402
from borderwatch import sources  # noqa: E402
from borderwatch.diff.series import Derived, Moment, Series  # noqa: E402
from borderwatch.diff.variants import switches, told  # noqa: E402
from borderwatch.disputes import catalogue  # noqa: E402
from borderwatch.errors import Malformed  # noqa: E402
from borderwatch.formats.line_words import style_from_word  # noqa: E402
from borderwatch.models import (  # noqa: E402
    Capture,
    Change,
    Edition,
    Feature,
    Kind,
    Outcome,
    Reading,
    Role,
    Row,
    Significance,
    Verdict,
    View,
)
from borderwatch.observe import Observer, world_from_reading  # noqa: E402
from borderwatch.snapshots import Snapshots  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

WATCHED = (
    "abkhazia", "aksai_chin", "arunachal", "crimea", "donetsk_luhansk", "falklands", "golan", "halaib", "kashmir",
    "kosovo", "north_macedonia", "northern_cyprus", "somaliland", "south_ossetia", "taiwan", "west_bank",
    "western_sahara",
)  # fmt: skip
RESOLUTION_KM = {"110m": 10.0, "50m": 4.5}
KM_PER_DEGREE = 111.2

Map = tuple[Feature, ...]
Edit = Callable[[Map], Map]


@dataclass(frozen=True)
class State:
    """One capture: an edition of world-atlas at a scale, and what is done to it."""

    edits: tuple[Edit, ...] = ()
    edition: str = "2.0.2"
    scale: str = "110m"


@dataclass(frozen=True)
class Script:
    """A sequence: the captures in order, and the events expected, each ``"<step> <event>"``; step 1 is the second.

    ``others`` are what further audiences of the same source are shown, as many captures each.
    """

    name: str
    states: tuple[State, ...]
    expected: tuple[str, ...] = ()
    others: Mapping[str, tuple[State, ...]] = field(default_factory=dict)
    watched: tuple[str, ...] = WATCHED


# --- maps --------------------------------------------------------------------------------------------------


@functools.cache
def atlas(edition: str, scale: str) -> Map:
    """The features of a recorded edition of world-atlas."""
    store = Snapshots(ROOT / "snapshots")
    view = View("world_atlas", layer=scale)
    capture = next(c for c in store.series(view) if c.edition is not None and c.edition.label == edition)
    return sources.load("world_atlas").read(store.open(capture)).features


@functools.cache
def ground(slug: str) -> BaseGeometry:
    """The catalogue's outline of a dispute."""
    return catalogue().get(slug).reference or geo.EMPTY


def each(change: Callable[[BaseGeometry], BaseGeometry]) -> Edit:
    """The same to every geometry."""

    def edit(features: Map) -> Map:
        return tuple(replace(f, geometry=change(f.geometry)) for f in features if f.geometry is not None)

    return edit


def moved(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Edit:
    """The same to every coordinate."""
    return each(lambda g: shapely.transform(g, change))


# --- edits: who holds what ---------------------------------------------------------------------------------


def _called(feature: Feature, name: str) -> bool:
    return feature.name == name


def give(slug: str, name: str, area: BaseGeometry | None = None) -> Edit:
    """A dispute's ground (or another area) becomes part of the feature called ``name``, whoever had it."""

    def edit(features: Map) -> Map:
        piece = ground(slug) if area is None else area
        # What there is of it on this map: the outline is ours, the coast the map's.
        drawn = [geo.polygonal(shapely.intersection(f.geometry, piece)) for f in features if f.geometry is not None]
        passed = geo.union(drawn)
        rest = without_ground(passed)(features)
        return tuple(
            replace(f, geometry=geo.union([f.geometry, passed])) if _called(f, name) and f.geometry is not None else f
            for f in rest
        )

    return edit


def without_ground(area: BaseGeometry) -> Edit:
    """Nobody is shown on an area; a feature that held nothing else is gone."""

    def edit(features: Map) -> Map:
        left = []
        for f in features:
            if f.geometry is not None and f.geometry.intersects(area):
                rest = geo.polygonal(shapely.difference(f.geometry, area))
                slivers = [p for p in shapely.get_parts(rest) if p.area > 1e-6]
                if not slivers:
                    continue
                left.append(replace(f, geometry=geo.union(slivers)))
            else:
                left.append(f)
        return tuple(left)

    return edit


def nobody(slug: str) -> Edit:
    """A dispute's ground is left to nobody."""
    return without_ground(ground(slug))


def claim(slug: str, name: str) -> Edit:
    """A dispute's ground is drawn as ``name`` too; who has it keeps it."""

    def edit(features: Map) -> Map:
        return tuple(
            replace(f, geometry=geo.union([f.geometry, ground(slug)])) if _called(f, name) and f.geometry else f
            for f in features
        )

    return edit


def own(slug: str, name: str, code: str | None = None) -> Edit:
    """A dispute's ground becomes a feature of its own."""

    def edit(features: Map) -> Map:
        drawn = [geo.polygonal(shapely.intersection(f.geometry, ground(slug))) for f in features if f.geometry]
        piece = geo.union(drawn)
        return (*without_ground(piece)(features), Feature(piece, code=code, name=name))

    return edit


def absorbed(name: str, by: str) -> Edit:
    """One feature becomes part of another."""

    def edit(features: Map) -> Map:
        gone = next(f for f in features if _called(f, name))
        return tuple(
            replace(f, geometry=geo.union([f.geometry, gone.geometry])) if _called(f, by) and f.geometry else f
            for f in features
            if f is not gone
        )

    return edit


def cut(name: str, *parts: str, at_lon: float | None = None, at_lat: float | None = None) -> Edit:
    """A feature becomes two, west (south) and east (north) of a meridian (parallel), both under its code."""

    def edit(features: Map) -> Map:
        whole = next(f for f in features if _called(f, name))
        low = shapely.box(-180, -90, at_lon, 90) if at_lon is not None else shapely.box(-180, -90, 180, at_lat or 0.0)
        halves = shapely.intersection(whole.geometry, low), shapely.difference(whole.geometry, low)
        fresh = tuple(replace(whole, geometry=geo.polygonal(g), name=n) for g, n in zip(halves, parts, strict=True))
        return (*(f for f in features if f is not whole), *fresh)

    return edit


def pushed(name: str, by: str, slug: str, km: float) -> Edit:
    """The boundary of ``by`` goes ``km`` into ``name``, on a dispute's ground."""

    def edit(features: Map) -> Map:
        if km <= 0:
            return features
        plane = geo.Plane.around(ground(slug).bounds)
        taker = next(f for f in features if _called(f, by))
        near = geo.clip(taker.geometry, tuple(ground(slug).buffer(3).bounds))
        strip = geo.repair_quietly(plane.unproject(plane.project(near).buffer(km)))
        loser = next(f for f in features if _called(f, name))
        strip = geo.polygonal(shapely.intersection(shapely.intersection(strip, ground(slug)), loser.geometry))
        return give(slug, by, strip)(features)

    return edit


def without(*names: str) -> Edit:
    """These features are missing."""
    return lambda features: tuple(f for f in features if f.name not in names)


def half(features: Map) -> Map:
    """Every second feature, in order of name: a partial answer."""
    return tuple(sorted(features, key=lambda f: f.name or ""))[::2]


def renamed(name: str, to: str) -> Edit:
    """A feature is called otherwise."""
    return lambda features: tuple(replace(f, name=to) if _called(f, name) else f for f in features)


def numbered(features: Map) -> Map:
    """Every feature goes by a number of its own: an id, no code and no name."""
    return tuple(replace(f, code=None, name=f"feature-{n:03d}") for n, f in enumerate(features))


# --- edits: the same map, written or drawn otherwise ---------------------------------------------------------


def backwards(features: Map) -> Map:
    """In another order."""
    return tuple(reversed(features))


def rolled(g: BaseGeometry) -> BaseGeometry:
    """Rings begun elsewhere and turned round."""

    def ring(line: BaseGeometry) -> NDArray[np.float64]:
        xy = np.roll(shapely.get_coordinates(line)[:-1], 2, axis=0)[::-1]
        return np.vstack([xy, xy[:1]])

    return shapely.MultiPolygon(
        [shapely.Polygon(ring(p.exterior), [ring(h) for h in p.interiors]) for p in shapely.get_parts(g)]
    )


def jitter(km: float, seed: int) -> Edit:
    """Drawn by another hand: every vertex moved on its own, the same in every feature that has it."""

    def change(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        # A hash of the vertex and the seed, -1 to 1: a vertex two features share moves with both.
        mixed = np.round(xy, 6) @ np.array([[12.9898, 39.3468], [78.233, 11.135]]) + seed * 37.719
        unit = np.modf(np.abs(np.sin(mixed) * 43758.5453))[0] * 2 - 1
        return np.clip(xy + unit * km / KM_PER_DEGREE, (-180, -90), (180, 90))

    return lambda features: tuple(
        replace(f, geometry=geo.repair_quietly(shapely.transform(f.geometry, change))) for f in features if f.geometry
    )


def shifted(east_km: float, north_km: float) -> Edit:
    """The whole map nudged."""
    step = np.array([east_km, north_km]) / KM_PER_DEGREE
    return moved(lambda xy: np.clip(xy + step, (-180, -90), (180, 90)))


def simplified(km: float) -> Edit:
    """Generalised as a coverage: shared boundaries stay shared."""

    def edit(features: Map) -> Map:
        simple = shapely.coverage_simplify([f.geometry for f in features], km / KM_PER_DEGREE)
        return tuple(
            replace(f, geometry=geo.repair_quietly(g)) for f, g in zip(features, simple, strict=True) if not g.is_empty
        )

    return edit


# --- edits: lines and lists ----------------------------------------------------------------------------------


def lines(word: str = "International boundary") -> Edit:
    """Only the boundaries between features, each with a word."""

    def edit(features: Map) -> Map:
        areas = [f.geometry for f in features]
        tree = shapely.STRtree(areas)
        left, right = tree.query(areas, predicate="intersects")
        drawn = []
        for i, j in zip(left[left < right], right[left < right], strict=True):
            shared = shapely.intersection(areas[i].boundary, areas[j].boundary)
            parts = [p for p in shapely.get_parts(shared) if p.geom_type == "LineString"]
            if parts:
                line = shapely.line_merge(shapely.MultiLineString(parts))
                name = " - ".join(sorted(features[k].name or "" for k in (i, j)))
                drawn.append(Feature(line, name=name, role=Role.BOUNDARY, word=word, style=style_from_word(word)))
        return tuple(drawn)

    return edit


def words(slug: str, word: str, *, column: str = "") -> Edit:
    """Lines on and along a dispute's ground go by another word, for everybody or for one viewer."""

    def edit(features: Map) -> Map:
        near = ground(slug).buffer(0.15)
        found: list[Feature] = []
        for f in features:
            inside = shapely.intersection(f.geometry, near)
            rest = shapely.difference(f.geometry, near)
            for piece, here in ((inside, True), (rest, False)):
                if not piece.is_empty:
                    found.append(
                        _worded(replace(f, geometry=piece), word, column) if here else replace(f, geometry=piece)
                    )
        return tuple(found)

    return edit


def _worded(feature: Feature, word: str, column: str) -> Feature:
    if column:
        return replace(feature, words={**feature.words, column: word})
    return replace(feature, word=word, style=style_from_word(word))


def column(name: str, word: str) -> Edit:
    """Every line has a column of a viewer."""
    return lambda features: tuple(replace(f, words={**f.words, name: word}) for f in features)


def between(*names: str) -> Callable[[Feature], bool]:
    """Lines between two features."""
    return lambda f: f.name == " - ".join(sorted(names))


def no_line(*names: str) -> Edit:
    """The line between two features is not there."""
    return lambda features: tuple(f for f in features if not between(*names)(f))


def line_moved(km_north: float, *names: str) -> Edit:
    """The line between two features lies farther north."""
    step = np.array([0.0, km_north / KM_PER_DEGREE])
    return lambda features: tuple(
        replace(f, geometry=shapely.transform(f.geometry, lambda xy: xy + step)) if between(*names)(f) else f
        for f in features
    )


def segments(features: Map) -> Map:
    """Lines cut into other pieces, drawn the other way, with vertices added."""
    found = []
    for f in features:
        for part in shapely.get_parts(f.geometry):
            xy = shapely.get_coordinates(shapely.segmentize(part, 0.5))[::-1]
            found += [replace(f, geometry=shapely.LineString(xy[k : k + 4])) for k in range(0, len(xy) - 1, 3)]
    return tuple(reversed(found))


def listed(features: Map) -> tuple[Row, ...]:
    """The names of a map as the rows of a list."""
    from borderwatch.owners import owner

    return tuple(
        Row(key=owner(f.code, f.name), name=f.name or "", code=owner(f.code, f.name))
        for f in features
        if not owner(f.code, f.name).startswith("?")
    )


# --- running one ---------------------------------------------------------------------------------------------


@functools.cache
def _observer(watched: tuple[str, ...]) -> Observer:
    return Observer([catalogue().get(slug) for slug in watched])


def _moments(script: Script, view: View, states: Sequence[State]) -> Iterator[tuple[int, Moment | str]]:
    as_list = "list" in script.name
    for n, state in enumerate(states):
        features = atlas(state.edition, state.scale)
        for edit in state.edits:
            features = edit(features)
        at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=30 * n)
        name = f"{view.worldview}-{n}"
        capture = Capture(name, view, at, Outcome.KEPT, live=True, edition=Edition(f"v{n}", at), body=name)
        reading = Reading(rows=listed(features)) if as_list else Reading(features)
        try:
            world = world_from_reading(reading, capture, resolution_km=RESOLUTION_KM[state.scale])
        except Malformed as problem:
            yield n, str(problem)
            continue
        yield n, Moment(world, _observer(script.watched).scenes(world))


def run(script: Script) -> list[str]:
    """What is told of a sequence, in the words of a script."""
    past: dict[View, Derived] = {}
    captures: dict[str, Capture] = {}
    refused: list[str] = []
    main = View("scripted")
    for worldview, states in {"default": script.states, **script.others}.items():
        view = replace(main, worldview=worldview)
        series = Series("scripted")
        for n, moment in _moments(script, view, states):
            if isinstance(moment, str):
                refused.append(f"{n} refused")
                continue
            captures[moment.world.capture.id] = moment.world.capture
            series.feed(moment)
        past[view] = series.close()
    shown = [d for derived in past.values() for d in derived.depictions]
    adopted = switches(past[main].changes, shown, captures)
    changes = [told(c, adopted.get(c.id)) for c in past[main].changes]
    events = [event(c, changes) for c in changes if c.significance is not Significance.NOISE]
    suspect = {c.after for c in past[main].comparisons if c.verdict is Verdict.SUSPECT}
    return sorted([*events, *refused, *(f"{_step(c)} suspect" for c in suspect)])


def _step(capture: str) -> int:
    return int(capture.rpartition("-")[2])


def event(change: Change, changes: Sequence[Change]) -> str:
    """One change as a script writes it."""
    text = f"{_step(change.after.id)} "
    if change.significance is Significance.MINOR:
        text += "minor "
    text += change.kind.value
    if change.subject:
        text += f" [{change.subject}]"
    if change.loser or change.gainer:
        text += f" {change.loser or '-'}>{change.gainer or '-'}"
    elif change.kind is Kind.BOUNDARY_MOVED:
        text += f" {change.old or change.new}"
    elif change.dispute is not None or change.kind is Kind.RESTYLED:
        text += f" {change.old or '-'} > {change.new or '-'}"
    text += f" {change.dispute or 'everywhere'}"
    if change.kind in (Kind.SPLIT, Kind.MERGED):
        text += f": {change.old} > {change.new}"
    if change.reverts is not None:
        earlier = next(c for c in changes if c.id == change.reverts)
        text += f", takes back {_step(earlier.after.id)}"
    if change.adopts is not None:
        text += f", adopts {change.adopts.partition('/')[2]}"
    if _step(change.before.id) != _step(change.after.id) - 1:
        text += f", since {_step(change.before.id)}"
    return text


@dataclass(frozen=True)
class Result:
    """One sequence run; ``missing`` and ``invented`` are empty where it is told as scripted."""

    script: Script
    missing: tuple[str, ...]
    invented: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Told as scripted."""
        return not self.missing and not self.invented


def result(script: Script) -> Result:
    """Run one sequence and compare; minor events count where the script names them, or where it expects nothing."""
    began = time.perf_counter()
    found = run(script)
    extra = [e for e in found if e not in script.expected]
    if script.expected:
        extra = [e for e in extra if " minor " not in e]
    missing = tuple(e for e in script.expected if e not in found)
    return Result(script, missing, tuple(extra), time.perf_counter() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sequences and print the table."""
    from benchmarks.sequence_scripts import SCRIPTS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="only sequences whose name holds this word")
    parser.add_argument("--told", action="store_true", help="print what is told, whatever is expected")
    options = parser.parse_args(arguments)
    results = []
    print(f"{'sequence':<74} {'steps':>5} {'events':>6}  told")
    for script in SCRIPTS:
        if options.only not in script.name:
            continue
        one = result(script)
        results.append(one)
        print(f"{script.name:<74} {len(script.states):>5} {len(script.expected):>6}  {'yes' if one.right else 'NO'}")
        for sign, events in (("-", one.missing), ("+", one.invented)):
            for text in events:
                print(f"    {sign} {text}")
        if options.told:
            print(*(f"    {text}" for text in run(script)), sep="\n")
    right = sum(r.right for r in results)
    seconds = sum(r.seconds for r in results)
    print(
        f"\n{right} of {len(results)} sequences told as scripted ({right / max(len(results), 1):.0%}), {seconds:.0f} s"
    )
    return 0 if right == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
