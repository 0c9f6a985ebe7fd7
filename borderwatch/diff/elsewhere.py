"""Transfers anywhere in the world that no catalogued dispute tells: reported with their place, not dropped.

Two editions of one series are compared by the boundary chain, whose time grows with what changed; two worlds drawn
anew by intersecting the pairs of features of different owners. Either gives the same patches, and one noise rule
judges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff import chain
from borderwatch.diff.chain import ChainDiff, ChainIndex
from borderwatch.diff.noise import RATIO_APART, floor_of_lines
from borderwatch.diff.ownership import both, is_unknown, minus, same_place
from borderwatch.diff.record import Finding
from borderwatch.disputes import land
from borderwatch.models import GROUND_KINDS, Kind, Role, Significance
from borderwatch.scene import Box, Ground, Painted, World

# Above this share of edges that did not cancel, pairs of features are intersected sooner than the chain is taken
# apart (docs/performance.md); only owner to owner is asked for here, which both tell.
CHAIN_UP_TO = 0.06
# The largest pieces are looked at, at most this many: the others could not hold a circle worth telling.
PIECES = 4000
# Two worlds drawn anew differ along every boundary: from this many pieces on they are a population of noise, and
# what is told must stand out of it. Over eight pairs of vendors and scales (856 to 2,479 pieces) noise ended at 1.2
# to 1.6 times the 99th percentile of the inscribed radii; ground that passed began at 2.3 times.
POPULATION = 100
TAIL_QUANTILE, TAIL_FACTOR = 0.99, 1.8
TAIL_FROM_KM = 1.0
# Noise around a piece is measured in a window this many times its size, at least this wide (degrees).
WINDOW = 3.0
WINDOW_MIN_DEG = 1.0
# A dispute is looked at because something is expected there; of a world's 300 land boundaries one stretch or another
# always exceeds what a single window would. Below twice the limit what passed is told, as minor, unless it is a
# feature of its own that came or went: that is no matter of degree.
SURE = 2.0


class Method(StrEnum):
    """How two worlds were compared."""

    BYTES = "same_bytes"
    """The two are one and the same, byte for byte."""
    SAME = "same"
    """No feature was drawn otherwise: there was nothing to compare."""
    CHAIN = "boundary_chain"
    PAIRS = "pairs_of_features"


@dataclass(frozen=True, slots=True)
class Patch:
    """A connected piece of ground that passed between two owners; geometry WGS 84."""

    loser: str
    gainer: str
    geometry: BaseGeometry
    area_km2: float


@dataclass(frozen=True, slots=True)
class Survey:
    """All ground that passed from owner to owner between two worlds, largest first, and how it was found."""

    method: Method
    patches: tuple[Patch, ...]
    residual: float
    """The share of edges that did not cancel."""


def index_of(world: World) -> ChainIndex:
    """The chain index of the areas of a world."""
    return ChainIndex.from_polygons((p.owner, p.geometry) for p in world.painted if p.role is Role.AREA)


def survey(before: World, after: World, old: ChainIndex | None = None, new: ChainIndex | None = None) -> Survey:
    """What passed between owners anywhere; ``old`` and ``new`` are the worlds' indexes where they are at hand."""
    if same_drawings(before, after):
        return Survey(Method.SAME, (), 0.0)
    found = chain.diff(old or index_of(before), new or index_of(after), redigitised_from=CHAIN_UP_TO)
    return survey_of(found, before, after)


def survey_of(found: ChainDiff, before: World, after: World) -> Survey:
    """The same once the chain has answered: its faces, or the pairs of features where it left them to be made."""
    least = _least_km2(before, after)
    patches = list(_pairs(before, after, least) if found.redigitised else _faces(found, least))
    patches.sort(key=lambda p: (-p.area_km2, p.loser, p.gainer, p.geometry.bounds))
    method = Method.PAIRS if found.redigitised else Method.CHAIN
    return Survey(method, tuple(patches[:PIECES]), 1.0 - found.cancelled)


def same_drawings(before: World, after: World) -> bool:
    """Whether every area is drawn the same, with the same owner."""
    return _drawings(before) == _drawings(after)


def _drawings(world: World) -> set[tuple[bytes, str]]:
    return {(p.digest, p.owner) for p in world.painted if p.role is Role.AREA}


def _least_km2(before: World, after: World) -> float:
    """Ground smaller than the smallest circle that is looked at, for telling or for the tail of noise, holds none."""
    return float(np.pi * min(max(before.resolution_km, after.resolution_km), TAIL_FROM_KM) ** 2)


def judged_by_disputes(grounds: Iterable[Ground]) -> list[BaseGeometry]:
    """The grounds on which a dispute's own comparison has spoken, whatever it said.

    A box is not the dispute's outline, and of a name no ground is measured: what passes there is asked about here.
    """
    return [g.area for g in grounds if not g.name_only and not g.dispute.boxed]


PASSED = GROUND_KINDS - {Kind.OVERLAP}


@dataclass(frozen=True, slots=True)
class Told:
    """A transfer that a dispute has told: what passes between the same two in its window is that one."""

    loser: str | None
    gainer: str | None
    window: Box


def told_by(ground: Ground, found: Iterable[Finding]) -> list[Told]:
    """What the comparison of one dispute has told."""
    return [Told(f.loser, f.gainer, ground.window) for f in found if f.kind in PASSED]


def findings(
    before: World,
    after: World,
    judged: Sequence[BaseGeometry],
    told: Sequence[Told] = (),
    surveyed: Survey | None = None,
) -> list[Finding]:
    """Transfers of ground that no dispute has ``judged`` or ``told``, thickest first.

    Only owner to owner: what is gained from or lost to nobody is coast, and generalisation draws coasts anew.
    """
    surveyed = surveyed or survey(before, after)
    if not surveyed.patches:
        return []
    # The chain meets no noise it has to be told from in bulk: all but a few edges are the same in both.
    tail = tail_km(surveyed.patches) if surveyed.method is Method.PAIRS else 0.0
    limit = max(before.resolution_km, after.resolution_km, tail)
    known = _Known(judged, told)
    weighed = [
        w
        for patch in surveyed.patches
        if not known.covers(patch) and (w := _weighed(patch, before, after, limit, tail=tail > 0)) is not None
    ]
    sea = _SeaDrawn(before, after, limit)
    found = []
    for group in _grouped(weighed, before, after):
        at_sea = all(sea.only(w.patch) for w in group)
        if at_sea and all(known.neighbours(w.patch) for w in group):
            continue
        first = max(group, key=lambda w: w.inradius_km)
        floor = max(w.noise_floor_km for w in group)
        bar = limit if tail else max(limit, RATIO_APART * floor)
        own = _words(group, before, after)
        sure = _own(first.patch, before, after) or first.inradius_km >= SURE * bar
        sure = sure and first.inradius_km >= RATIO_APART * floor
        found.append(
            Finding(
                Kind.TRANSFER,
                Significance.SUBSTANTIVE if sure and not at_sea else Significance.MINOR,
                loser=first.patch.loser,
                gainer=first.patch.gainer,
                old=own[0],
                new=own[1],
                area_km2=sum(w.patch.area_km2 for w in group),
                inradius_km=first.inradius_km,
                noise_floor_km=floor,
                ratio=first.inradius_km / floor if floor else None,
                limit_km=bar,
                geometry=geo.union([w.patch.geometry for w in group]),
            )
        )
    found.sort(key=lambda f: (-(f.inradius_km or 0), f.loser or "", f.gainer or ""))
    return found


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A patch that is thicker than the noise of the pair around it."""

    patch: Patch
    inradius_km: float
    noise_floor_km: float


def _weighed(patch: Patch, before: World, after: World, limit: float, *, tail: bool) -> _Weighed | None:
    """None where a patch is noise, or a feature that stayed in its place and was only named otherwise."""
    box = _window(patch.geometry)
    plane = geo.Plane.around(box)
    radius = geo.inradius_km(patch.geometry, plane, at_least_km=limit / 2)
    if radius < limit or _only_renamed(patch, before, after):
        return None
    noise = floor_of_lines(_lines(before, box), _lines(after, box), plane.project(patch.geometry), plane)
    if not tail and radius < RATIO_APART * noise.floor_km:
        return None
    return _Weighed(patch, radius, noise.floor_km)


def _grouped(weighed: Iterable[_Weighed], before: World, after: World) -> list[list[_Weighed]]:
    """One change each; the parts of what got a feature of its own, or lost it, are one change together."""
    groups: dict[tuple[str, str, int], list[_Weighed]] = {}
    for n, one in enumerate(weighed):
        pair = (one.patch.loser, one.patch.gainer)
        groups.setdefault((*pair, -1 if _own(one.patch, before, after) else n), []).append(one)
    return list(groups.values())


def _own(patch: Patch, before: World, after: World) -> bool:
    """Whether the gainer had no feature before, or the loser has none any more."""
    return not _of(before, patch.gainer) or not _of(after, patch.loser)


def _words(group: Sequence[_Weighed], before: World, after: World) -> tuple[str | None, str | None]:
    """What the feature was called and is called, where ground got a feature of its own or lost it; else nothing."""
    loser, gainer = group[0].patch.loser, group[0].patch.gainer
    if not _own(group[0].patch, before, after):
        return None, None
    around = geo.union([w.patch.geometry for w in group])
    return _word(_of(before, loser), around), _word(_of(after, gainer), around)


def _word(painted: Iterable[Painted], around: BaseGeometry) -> str | None:
    met = [p for p in painted if p.geometry.intersects(around)]
    return max(met, key=lambda p: geo.area_km2(both(p.geometry, around))).name if met else None


class _Known:
    """What needs no telling: ground that a dispute has judged, or that passed in its window as it told."""

    def __init__(self, judged: Sequence[BaseGeometry], told: Sequence[Told]) -> None:
        self._areas = [*judged, *(shapely.box(*t.window) for t in told)]
        self._pairs = [*(None for _ in judged), *((t.loser, t.gainer) for t in told)]
        self._tree = shapely.STRtree(self._areas)

    def covers(self, patch: Patch) -> bool:
        """Whether more than half of a patch is known."""
        near = [int(i) for i in self._tree.query(patch.geometry, predicate="intersects")]
        mine = [self._areas[i] for i in near if self._pairs[i] in (None, (patch.loser, patch.gainer))]
        return bool(mine) and geo.area_km2(both(patch.geometry, geo.union(mine))) > patch.area_km2 / 2

    def neighbours(self, patch: Patch) -> bool:
        """Whether a patch reaches into a window in which a dispute told the same: the sea that goes with its land."""
        near = [int(i) for i in self._tree.query(patch.geometry, predicate="intersects")]
        return any(self._pairs[i] == (patch.loser, patch.gainer) for i in near)


class _SeaDrawn:
    """Tells ground from sea in worlds that draw the sea about their land with it, loosely as a rule.

    Such a source paints twice the area of all land (country-coder 2.0 times); the others 1.01 to 1.02 times, at six
    scales, which is how far two drawings of the coasts differ.
    """

    MORE_THAN_LAND = 1.2
    COARSE_DEG = 0.05

    def __init__(self, before: World, after: World, limit_km: float) -> None:
        self._worlds = (before, after)
        self._limit_km = limit_km

    def only(self, patch: Patch) -> bool:
        """Whether no ground thick enough to be told is in a patch, but sea."""
        part = both(patch.geometry, land())
        if geo.inradius_km(part, geo.Plane.around(patch.geometry.bounds)) >= self._limit_km:
            return False
        return self._drawn

    @cached_property
    def _drawn(self) -> bool:
        return any(self._beyond(world) for world in self._worlds)

    def _beyond(self, world: World) -> bool:
        shapes = np.array([p.geometry for p in world.painted if p.role is Role.AREA], dtype=object)
        # Crossings are mended after: kept from arising, 8 million vertices take minutes.
        coarse = [geo.repair_quietly(g) for g in shapely.simplify(shapes, self.COARSE_DEG, preserve_topology=False)]
        ashore = [both(g, land()) for g in coarse]
        return bool(geo.areas_km2(coarse).sum() > self.MORE_THAN_LAND * geo.areas_km2(ashore).sum())


def tail_km(patches: Sequence[Patch]) -> float:
    """How thick noise gets between two worlds drawn anew, by the tail of all that differs; 0 where little does."""
    if len(patches) < POPULATION:
        return 0.0
    planes = [geo.Plane.around(p.geometry.bounds) for p in patches]
    radii = [geo.inradius_km(p.geometry, plane) for p, plane in zip(patches, planes, strict=True)]
    thick = [r for r in radii if r > TAIL_FROM_KM]
    return TAIL_FACTOR * float(np.quantile(thick, TAIL_QUANTILE)) if len(thick) >= POPULATION else 0.0


def _only_renamed(patch: Patch, before: World, after: World) -> bool:
    """Whether a feature that stayed in its place only became known, or unknown, by name or code."""
    if not (is_unknown(patch.loser) or is_unknown(patch.gainer)):
        return False
    olds = [p for p in _of(before, patch.loser) if p.geometry.intersects(patch.geometry)]
    news = [p for p in _of(after, patch.gainer) if p.geometry.intersects(patch.geometry)]
    return any(same_place(old.geometry, new.geometry) for old in olds for new in news)


# --- the two ways ------------------------------------------------------------------------------------------------


def _faces(found: ChainDiff, least_km2: float) -> Iterator[Patch]:
    """The faces of the chain that passed from owner to owner; those that touch are one patch."""
    by_pair: dict[tuple[str, str], list[BaseGeometry]] = {}
    for face in found.faces:
        if face.loser is not None and face.gainer is not None:
            by_pair.setdefault((face.loser, face.gainer), []).append(face.geometry)
    for (loser, gainer), shapes in sorted(by_pair.items()):
        if found.areas_km2[loser, gainer] >= least_km2:
            yield from _thick(loser, gainer, geo.union(shapes), least_km2)


def _thick(loser: str, gainer: str, passed: BaseGeometry, least_km2: float) -> Iterator[Patch]:
    pieces = shapely.get_parts(passed)
    for piece, km2 in zip(pieces, geo.areas_km2(pieces), strict=True):
        if km2 >= least_km2:
            yield Patch(loser, gainer, piece, float(km2))


def _pairs(before: World, after: World, least_km2: float) -> Iterator[Patch]:
    """Pieces of (A_n - B_n) n (B_m - A_m), only among features that were not drawn the same in both."""
    same = _drawings(before) & _drawings(after)
    old = [p for p in before.painted if p.role is Role.AREA and (p.digest, p.owner) not in same]
    new = [p for p in after.painted if p.role is Role.AREA and (p.digest, p.owner) not in same]
    if not old or not new:
        return
    tree = shapely.STRtree([p.geometry for p in new])
    left, right = tree.query([p.geometry for p in old], predicate="intersects")
    pairs = [(old[i], new[j]) for i, j in zip(left, right, strict=True) if old[i].owner != new[j].owner]
    by_pair: dict[tuple[str, str], list[BaseGeometry]] = {}
    for a, b in sorted(pairs, key=lambda pair: (pair[0].owner, pair[1].owner, pair[0].digest, pair[1].digest)):
        passed = both(a.geometry, b.geometry)
        for kept_by in (_of(after, a.owner), _of(before, b.owner)):
            for other in kept_by:
                if not passed.is_empty and passed.intersects(other.geometry):
                    passed = minus(passed, other.geometry)
        if not passed.is_empty:
            by_pair.setdefault((a.owner, b.owner), []).append(passed)
    for (loser, gainer), shapes in by_pair.items():
        yield from _thick(loser, gainer, geo.union(shapes), least_km2)


def _of(world: World, owner: str) -> list[Painted]:
    return [p for p in world.painted if p.owner == owner and p.role is Role.AREA]


def _window(area: BaseGeometry) -> tuple[float, float, float, float]:
    west, south, east, north = area.bounds
    margin = max(WINDOW * max(east - west, north - south) / 2, WINDOW_MIN_DEG / 2)
    low, high = max(south - margin, -90.0), min(north + margin, 90.0)
    return (max(west - margin, -180.0), low, min(east + margin, 180.0), high)


def _lines(world: World, box: tuple[float, float, float, float]) -> BaseGeometry:
    index = np.sort(world.tree.query(shapely.box(*box)))
    frame = shapely.box(*box).boundary.buffer(1e-7)
    areas = [world.painted[int(i)] for i in index if world.painted[int(i)].role is Role.AREA]
    rings = [geo.clip(p.geometry, box).boundary for p in areas]
    return shapely.union_all([r for r in rings if not r.is_empty]).difference(frame)
