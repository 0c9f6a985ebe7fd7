"""Areas as bare rings: what the boundary chain reads, past the gate of ``features`` without a geometry being made.

The gate lets through what nothing has to be done to: finite degrees, nothing past 180, no edge that jumps the
antimeridian. Whether rings cross is not asked: the chain needs no valid input, and ``RingTable.shapes``, where
geometries are wanted after all, proves each and has the rest mended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import shapely

from borderwatch.arrays import add_steps, begins, ranges
from borderwatch.errors import Malformed
from borderwatch.formats.even_odd import counted_once, odd_ground
from borderwatch.formats.features import gated, sound
from borderwatch.formats.holes import WoundRings, outer_rings
from borderwatch.geometry import polygonal

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

_POLAR = 89.0
_WKB_POLYGON, _WKB_MULTIPOLYGON = 3, 6
_BLOCK = 1 << 14  # vertices looked at together: they and what is made of them stay in a core's cache
# Rounding makes an error of 1e-11 of the longest ring known (250,000 vertices, 500 degrees to and fro).
_SMALL_DEG2 = 1e-8


@dataclass(frozen=True, eq=False)
class RingTable:
    """The closed rings of a layer of areas, one after the other, and its fields as columns.

    ``counts`` are vertices by ring, ``feature`` whose ring it is, ``exterior`` which are no holes; ``features`` how
    many there are, with or without rings.
    """

    xy: NDArray[np.float64]
    counts: NDArray[np.int64]
    feature: NDArray[np.int64]
    exterior: NDArray[np.bool_]
    features: int
    columns: Mapping[str, Sequence[Any]]
    outer: NDArray[np.int64] | None = None
    """The exterior that each ring is cut out of, its own number for an exterior; None where it is the one before."""
    clockwise: bool = False
    """Whether exteriors are known to be walked clockwise and holes the other way."""

    @property
    def plain(self) -> bool:
        """Whether nothing has to be done to the rings: the gate of ``features`` would let them through as they are."""
        if len(self.xy) == 0:
            return False
        ends = np.cumsum(self.counts)
        starts = ends - self.counts
        if (self.counts < 4).any() or (self.xy[starts] != self.xy[ends - 1]).any():
            return False
        for at, (lon, lat) in _columns(self.xy):
            # Also false where one is not a number.
            if not (lon.min() >= -180 and lon.max() <= 180 and lat.min() >= -90 and lat.max() <= 90):
                return False
            jumps = np.flatnonzero(np.abs(lon[1:] - lon[:-1]) > 180)
            if len(jumps):
                last = np.minimum(np.searchsorted(ends, jumps + at), len(ends) - 1)
                jumps = jumps[ends[last] - 1 != jumps + at]  # the step from one ring to the next is no edge
                if (np.abs(lat[jumps]) < _POLAR).any() or (np.abs(lat[jumps + 1]) < _POLAR).any():
                    return False
        return True

    def wound_clockwise(self, like: RingTable | None = None, pool: Executor | None = None) -> RingTable | None:
        """The same with exteriors told by their winding; None where that is not how these rings can be read.

        A hole must lie in an exterior of its feature: a ring wound the wrong way lies in none, and is turned round,
        in place. Features that are the same in ``like`` are told as they were there; ``pool`` looks at two halves at
        once.
        """
        area = ring_areas(self.xy, self.counts)
        if (area == 0).any():
            return None
        starts = begins(self.counts)
        outer = np.arange(len(self.counts))
        known = self._same_features(like)

        def told(span: slice) -> NDArray[np.int64]:
            place = slice(starts[span.start], starts[span.stop - 1] + self.counts[span.stop - 1])
            found, turned = outer_rings(WoundRings(self.xy[place], self.counts[span], self.feature[span], area[span]))
            outer[span] = found + span.start
            return np.asarray(turned + span.start)

        spans = self._spans(known) if known or pool else [slice(0, len(self.counts))]
        try:
            turned = np.concatenate([np.zeros(0, dtype=np.int64), *(pool.map if pool else map)(told, spans)])
        except Malformed:
            return None
        for ring, there in known:
            assert like is not None and like.outer is not None  # noqa: S101, PT018
            outer[ring] = like.outer[there] - there.start + ring.start
        for ring in turned.tolist():
            place = slice(starts[ring], starts[ring] + self.counts[ring])
            self.xy[place] = self.xy[place][::-1].copy()
        return replace(self, exterior=outer == np.arange(len(outer)), outer=outer, clockwise=True)

    @cached_property
    def runs(self) -> list[slice]:
        """The rings of each feature that has some, in the order of the file; one run where features are mixed."""
        if len(self.feature) == 0 or (self.feature[1:] < self.feature[:-1]).any():
            return [slice(0, len(self.feature))]
        ends = np.append(np.flatnonzero(np.diff(self.feature)) + 1, len(self.feature)).tolist()
        return [slice(first, end) for first, end in zip([0, *ends], ends, strict=False)]

    def _same_features(self, like: RingTable | None) -> list[tuple[slice, slice]]:
        """The rings of each feature that are the same as those of the same feature there, and where these are."""
        if like is None or like.outer is None:
            return []
        there = {int(like.feature[run.start]): run for run in like.runs}
        starts, others = begins(self.counts), begins(like.counts)
        found = []
        for run in self.runs:
            other = there.get(int(self.feature[run.start]))
            if other is not None and np.array_equal(self.counts[run], like.counts[other]):
                number = int(self.counts[run].sum())
                first, begin = int(starts[run.start]), int(others[other.start])
                if np.array_equal(self.xy[first : first + number], like.xy[begin : begin + number]):
                    found.append((run, other))
        return found

    def _spans(self, known: Sequence[tuple[slice, slice]]) -> list[slice]:
        """The rings that are not known, in runs of whole features: two of them where they are many."""
        told = {run.start for run, _ in known}
        half = len(self.counts) // 2
        spans: list[slice] = []
        for run in self.runs:
            if run.start in told or run.start == run.stop:
                continue
            if spans and spans[-1].stop == run.start and not spans[-1].start < half <= run.start:
                spans[-1] = slice(spans[-1].start, run.stop)
            else:
                spans.append(run)
        return spans

    def mended(self, wanted: NDArray[np.bool_], about: NDArray[np.bool_], what: Callable[[int], str]) -> BareRings:
        """The rings that are wanted, those ``about`` as the areas they enclose: each polygon of them valid.

        Which ground is enclosed is told by whether an odd number of its rings lie round it, and so told by those that
        reach there alone. ``what`` names the feature that cannot be mended.
        """
        starts = begins(self.counts)
        left = np.flatnonzero(wanted & ~about)
        near = np.flatnonzero(about)
        polygon = self._polygon[near]
        order = np.lexsort((~self.exterior[near], polygon))
        near, polygon = near[order], polygon[order]
        fresh = np.append(True, polygon[1:] != polygon[:-1])[: len(polygon)]
        places = ranges(starts[near], self.counts[near])
        lines: Any = shapely.linearrings(self.xy[places], indices=np.repeat(np.arange(len(near)), self.counts[near]))
        areas = np.asarray(shapely.polygons(lines, indices=np.cumsum(fresh) - 1), dtype=object)
        whose = self.feature[near[fresh]]
        for i in np.flatnonzero(~shapely.is_valid(areas)).tolist():
            areas[i] = shapely.multipolygons(_mended_parts(areas[i], what(int(whose[i]))))
        parts, whole = shapely.get_parts(areas, return_index=True)
        rings, part = shapely.get_rings(shapely.orient_polygons(parts, exterior_cw=True), return_index=True)
        first = np.append(True, part[1:] != part[:-1])[: len(part)]
        places = ranges(starts[left], self.counts[left])
        return BareRings(
            np.concatenate([self.xy[places], shapely.get_coordinates(rings)]),
            np.concatenate([self.counts[left], shapely.get_num_coordinates(rings)]),
            np.concatenate([self.feature[left], whose[whole][part]]),
            np.concatenate([self.exterior[left], first]),
        )

    @property
    def _polygon(self) -> NDArray[np.int64]:
        """The exterior that each ring is cut out of."""
        if self.outer is not None:
            return self.outer
        return np.asarray(np.maximum.accumulate(np.where(self.exterior, np.arange(len(self.exterior)), 0)))

    def shapes(self, what: Callable[[int], str], known: Proven | None = None) -> NDArray[np.object_]:
        """One valid area for each feature, None where it has no ring; ``what`` and ``known`` as in ``sound_shapes``."""
        offsets = np.concatenate([[0], np.cumsum(self.counts)])
        first = np.flatnonzero(self.exterior)
        rings: Any = shapely.linearrings(self.xy, indices=np.repeat(np.arange(len(self.counts)), np.diff(offsets)))
        number = np.cumsum(self.exterior)[self._polygon] - 1
        if (number[1:] < number[:-1]).any():
            order = np.lexsort((~self.exterior, number))
            rings, number = rings[order], number[order]
        polygons = np.asarray(shapely.polygons(rings, indices=number), dtype=object)
        whose = self.feature[first]
        return sound_shapes(_gathered(polygons, whose, self.features), what, known)


class BareRings(NamedTuple):
    """Rings as a chain index is made of: vertices, vertices by ring, whose ring it is, and which are no holes."""

    xy: NDArray[np.float64]
    counts: NDArray[np.int64]
    feature: NDArray[np.int64]
    exterior: NDArray[np.bool_]


def _columns(xy: NDArray[np.float64]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Longitude and latitude of a block of vertices after another, and of the vertex behind it, to be written over."""
    rows = np.empty((2, min(_BLOCK, len(xy)) + 1))  # made once: a new page costs more than what is done in it
    for at in range(0, len(xy), _BLOCK):
        block = xy[at : at + _BLOCK + 1].T
        here = rows[:, : block.shape[1]]
        np.copyto(here, block)
        yield at, here


def ring_areas(xy: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Signed area of each ring in square degrees, positive where it is walked counter-clockwise."""
    starts = begins(counts)
    area = _ring_areas_above(xy, starts, 0.0)
    # Small rings far from the equator drown in rounding: those again, from each ring's own latitude.
    small = np.flatnonzero(np.abs(area) < _SMALL_DEG2)
    if len(small):
        places, first = ranges(starts[small], counts[small]), begins(counts[small])
        own = xy[places]
        area[small] = _ring_areas_above(own, first, np.repeat(own[first, 1], counts[small]))
    return area


def _ring_areas_above(
    xy: NDArray[np.float64], starts: NDArray[np.int64], level: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """The same, measured from a latitude, one for all or one for each vertex."""
    twice = np.zeros(len(starts))
    lasts = np.append(starts[1:], len(xy)) - 1
    for at, (lon, lat) in _columns(xy):
        stop = min(at + _BLOCK, len(xy))
        np.subtract(lat, level if isinstance(level, float) else level[at : stop + 1], out=lat)
        np.subtract(lon[:-1], lon[1:], out=lon[:-1])
        np.add(lat[:-1], lat[1:], out=lat[:-1])
        step = np.multiply(lon, lat, out=lon)[: stop - at]
        add_steps(twice, step, at, starts, lasts)
    return twice / 2


def _gathered(polygons: NDArray[np.object_], whose: NDArray[np.int64], features: int) -> NDArray[np.object_]:
    """Polygons gathered by feature: one as it is, several as a multipolygon, none as None."""
    shapes = np.full(features, None, dtype=object)
    number = np.bincount(whose, minlength=features)
    single = number[whose] == 1
    shapes[whose[single]] = polygons[single]
    several = np.flatnonzero(number > 1)
    if len(several):
        rank = np.searchsorted(several, whose[~single])
        shapes[several] = shapely.multipolygons(polygons[~single], indices=rank)
    return shapes


Proven: TypeAlias = "dict[bytes, BaseGeometry]"
"""Valid areas by a hash of what they were made of: of two editions most features are the same."""


def sound_shapes(
    shapes: NDArray[np.object_], what: Callable[[int], str], known: Proven | None = None
) -> NDArray[np.object_]:
    """Shapes past the gate of ``features``: those it would let through as they are, all at once, the rest one by one.

    Asked one by one a layer of 550,000 vertices takes .6 s, all at once .13 s, nearly all of it for validity. What is
    in ``known`` is neither proven nor mended again, and what is found is added. ``what`` names a shape that is mended.
    """
    kinds = shapely.get_type_id(shapes)
    bounds = shapely.bounds(shapes)
    plain = ((kinds == _WKB_POLYGON) | (kinds == _WKB_MULTIPOLYGON)) & ~shapely.is_empty(shapes)
    plain &= (bounds[:, 0] >= -180) & (bounds[:, 2] <= 180) & (bounds[:, 1] >= -90) & (bounds[:, 3] <= 90)
    # Only what reaches across half the sheet may jump from one side of it to the other.
    plain &= bounds[:, 2] - bounds[:, 0] <= 180
    plain |= _without_a_jump(shapes, bounds, kinds)
    result = np.full(len(shapes), None, dtype=object)
    result[plain] = shapes[plain]
    keys = {} if known is None else dict(zip(np.flatnonzero(plain).tolist(), _hashes(shapes[plain]), strict=True))
    met = {i: known[key] for i, key in keys.items() if key in known} if known else {}
    for i, area in met.items():
        result[i] = area
    asked = np.array([i for i in np.flatnonzero(plain).tolist() if i not in met], dtype=np.int64)
    for i in asked[~shapely.is_valid(shapes[asked])].tolist():
        result[i] = _mended(shapes[i], what(i))
    for i in np.flatnonzero(~plain).tolist():
        result[i] = gated(shapes[i], what(i))
    # As the gate has it: one polygon is no multipolygon, and a part without ground is left out.
    several = np.flatnonzero(plain & (shapely.get_type_id(result) == _WKB_MULTIPOLYGON))
    parts, whose = shapely.get_parts(result[several], return_index=True)
    alone = np.bincount(whose, minlength=len(several)) == 1
    result[several[alone]] = parts[alone[whose]]
    for i in several[np.unique(whose[shapely.is_empty(parts)])].tolist():
        result[i] = gated(shapes[i], what(i))
    if known is not None:
        known |= {key: result[i] for i, key in keys.items()}
    return result


def _hashes(shapes: NDArray[np.object_]) -> list[bytes]:
    return [hashlib.blake2b(body, digest_size=16).digest() for body in shapely.to_wkb(shapes)]


def _mended(area: BaseGeometry, what: str) -> BaseGeometry:
    """The ground of an area that is invalid, as ``features`` has it, asking of all its polygons and rings at once."""
    parts: NDArray[Any] = shapely.get_parts(area)
    parts = parts[~shapely.is_empty(parts)]
    valid = shapely.is_valid(parts)
    found = [[part] if fine else _mended_parts(part, what) for part, fine in zip(parts, valid.tolist(), strict=True)]
    solid = [part for some in found for part in some]
    apart = counted_once(solid)
    pieces = shapely.get_parts(np.array([polygonal(area) for area in apart], dtype=object)).tolist()
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(pieces)


def _mended_parts(polygon: BaseGeometry, what: str) -> list[BaseGeometry]:
    """The polygons that an invalid one is: the ground that an odd number of its rings lie round."""
    solids = np.asarray(shapely.polygons(shapely.get_rings(polygon)), dtype=object)
    for i in np.flatnonzero(~shapely.is_valid(solids)).tolist():
        solids[i] = sound(solids[i], what)
    ground = odd_ground(solids[0], solids[1:].tolist()) if len(solids) > 1 else solids[0]
    return [part for part in shapely.get_parts(ground).tolist() if not part.is_empty]


def _without_a_jump(
    shapes: NDArray[np.object_], bounds: NDArray[np.float64], kinds: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which of the shapes that reach across half the sheet do so step by step (Russia, cut at 180; Antarctica)."""
    wide = (bounds[:, 2] - bounds[:, 0] > 180) & (bounds[:, 0] >= -180) & (bounds[:, 2] <= 180)
    wide &= (bounds[:, 1] >= -90) & (bounds[:, 3] <= 90) & ((kinds == _WKB_POLYGON) | (kinds == _WKB_MULTIPOLYGON))
    found = np.zeros(len(shapes), dtype=bool)
    for i in np.flatnonzero(wide).tolist():
        xy, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(shapes[i])), return_index=True)
        jump = (np.abs(np.diff(xy[:, 0])) > 180) & (np.diff(ring) == 0)
        polar = (np.abs(xy[:-1, 1]) >= _POLAR) & (np.abs(xy[1:, 1]) >= _POLAR)
        # A ring one of whose jumps is along a pole was cut for a sheet on purpose; another jump in it is for the gate.
        found[i] = not (jump & ~polar).any()
    return found
