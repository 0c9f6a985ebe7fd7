"""Areas as bare rings: what the boundary chain reads, past the gate of ``features`` without a geometry being made.

The gate lets through what nothing has to be done to: finite degrees, nothing past 180, no edge that jumps the
antimeridian. Whether rings cross is not asked: the chain needs no valid input, and ``RingTable.shapes``, where
geometries are wanted after all, proves each and has the rest mended.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.formats.features import gated

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLAR = 89.0
_WKB_POLYGON, _WKB_MULTIPOLYGON = 3, 6
_HEAD = struct.Struct("<BII")
_COUNT = struct.Struct("<I")
_POLYGON_HEAD = 9  # byte order, type, number of rings


@dataclass(frozen=True, eq=False)
class RingTable:
    """The closed rings of a layer of areas, one after the other, and its fields as columns.

    ``counts`` are vertices by ring, ``feature`` whose ring it is, ``exterior`` which are no holes (a polygon's holes
    follow its exterior); ``features`` how many there are, with or without rings.
    """

    xy: NDArray[np.float64]
    counts: NDArray[np.int64]
    feature: NDArray[np.int64]
    exterior: NDArray[np.bool_]
    features: int
    columns: Mapping[str, Sequence[Any]]
    clockwise: bool = False
    """Whether exteriors are known to be walked clockwise and holes the other way."""

    @property
    def plain(self) -> bool:
        """Whether nothing has to be done to the rings: the gate of ``features`` would let them through as they are."""
        if len(self.xy) == 0:
            return False
        lon, lat = self.xy[:, 0], self.xy[:, 1]
        # Also false where one is not a number.
        if not (lon.min() >= -180 and lon.max() <= 180 and lat.min() >= -90 and lat.max() <= 90):
            return False
        ends = np.cumsum(self.counts)
        starts = ends - self.counts
        if (self.counts < 4).any() or (self.xy[starts] != self.xy[ends - 1]).any():
            return False
        jumps = np.flatnonzero(np.abs(np.diff(lon)) > 180)
        jumps = jumps[~np.isin(jumps + 1, starts)]
        return bool((np.abs(lat[jumps]) >= _POLAR).all() and (np.abs(lat[jumps + 1]) >= _POLAR).all())

    def wound_clockwise(self) -> RingTable | None:
        """The same with exteriors told by their winding; None where that is not how these rings can be read.

        A hole must lie in an exterior of its feature, and follow it: a ring wound the wrong way lies in none, or in
        another ring that is not its own.
        """
        area = ring_areas(self.xy, self.counts)
        exterior = area < 0
        holes = np.flatnonzero(~exterior)
        if (area == 0).any():
            return None
        # Holes are few (10 in 4,264 rings of Natural Earth 10m): each is put behind the exterior that holds it.
        starts = np.cumsum(self.counts) - self.counts
        follows = np.arange(len(self.counts), dtype=float)
        if len(holes):
            shell = np.flatnonzero(exterior & np.isin(self.feature, self.feature[holes]))
            west, south, east, north = (edge[shell] for edge in self._bounds())
            boxes = np.asarray(shapely.box(west, south, east, north))
            points = shapely.points(self.xy[starts[holes]])
            hole, place = shapely.STRtree(boxes).query(points, predicate="intersects")
            hole, outer = holes[hole], shell[place]
            own = (self.feature[hole] == self.feature[outer]) & (-area[outer] > area[hole])
            hole, outer = hole[own], outer[own]
            asked, which = np.unique(outer, return_inverse=True)
            polygons = np.array(
                [shapely.Polygon(self.xy[starts[n] : starts[n] + self.counts[n]]) for n in asked], dtype=object
            )
            within = shapely.intersects(polygons[which], shapely.points(self.xy[starts[hole]]))
            hole, outer = hole[within], outer[within]
            order = np.lexsort((-area[outer], hole))  # the smallest that holds it
            hole, outer = hole[order], outer[order]
            held, first = np.unique(hole, return_index=True)
            if len(held) != len(holes):
                return None
            follows[held] = outer[first] + 0.5
        order = np.argsort(follows, kind="stable")
        if (order == np.arange(len(order))).all():
            return replace(self, exterior=exterior, clockwise=True)
        vertices = np.argsort(np.repeat(np.argsort(order, kind="stable"), self.counts), kind="stable")
        return replace(
            self, xy=self.xy[vertices], counts=self.counts[order], feature=self.feature[order],
            exterior=exterior[order], clockwise=True,
        )  # fmt: skip

    def _bounds(self) -> tuple[NDArray[np.float64], ...]:
        """West, south, east and north of every ring."""
        starts = np.cumsum(self.counts) - self.counts
        lon, lat = self.xy[:, 0], self.xy[:, 1]
        low, high = np.minimum.reduceat, np.maximum.reduceat
        return low(lon, starts), low(lat, starts), high(lon, starts), high(lat, starts)

    def shapes(self, what: Callable[[int], str]) -> NDArray[np.object_]:
        """One valid area for each feature, None where it has no ring; ``what`` names one that has to be mended."""
        offsets = np.concatenate([[0], np.cumsum(self.counts)])
        first = np.flatnonzero(self.exterior)
        rings: Any = shapely.linearrings(self.xy, indices=np.repeat(np.arange(len(self.counts)), np.diff(offsets)))
        polygons = np.asarray(shapely.polygons(rings, indices=np.cumsum(self.exterior) - 1), dtype=object)
        whose = self.feature[first]
        return sound_shapes(_gathered(polygons, whose, self.features), what)


def ring_areas(xy: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Signed area of each ring in square degrees, positive where it is walked counter-clockwise."""
    starts = np.cumsum(counts) - counts
    lon, lat = xy[:, 0], xy[:, 1]
    # From each ring's own latitude, so that a small ring far from the equator does not drown in rounding.
    height = lat - np.repeat(lat[starts], counts)
    twice = np.zeros(len(xy))
    np.subtract(lon[:-1], lon[1:], out=twice[:-1])
    twice[:-1] *= height[1:] + height[:-1]
    twice[starts[1:] - 1] = 0.0  # the step from one ring to the next is no edge
    return np.asarray(np.add.reduceat(twice, starts) / 2)


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


def sound_shapes(shapes: NDArray[np.object_], what: Callable[[int], str]) -> NDArray[np.object_]:
    """Shapes past the gate of ``features``: those it would let through as they are, all at once, the rest one by one.

    Asked one by one a layer of 550,000 vertices takes .6 s, all at once .13 s, nearly all of it for validity.
    """
    kinds = shapely.get_type_id(shapes)
    bounds = shapely.bounds(shapes)
    plain = ((kinds == _WKB_POLYGON) | (kinds == _WKB_MULTIPOLYGON)) & ~shapely.is_empty(shapes)
    plain &= (bounds[:, 0] >= -180) & (bounds[:, 2] <= 180) & (bounds[:, 1] >= -90) & (bounds[:, 3] <= 90)
    # Only what reaches across half the sheet may jump from one side of it to the other.
    plain &= bounds[:, 2] - bounds[:, 0] <= 180
    plain |= _without_a_jump(shapes, bounds, kinds)
    plain[plain] &= shapely.is_valid(shapes[plain])
    result = np.full(len(shapes), None, dtype=object)
    result[plain] = shapes[plain]
    for i in np.flatnonzero(~plain).tolist():
        result[i] = gated(shapes[i], what(i))
    # As the gate has it: one polygon is no multipolygon, and a part without ground is left out.
    several = np.flatnonzero(plain & (kinds == _WKB_MULTIPOLYGON))
    parts, whose = shapely.get_parts(result[several], return_index=True)
    alone = np.bincount(whose, minlength=len(several)) == 1
    result[several[alone]] = parts[alone[whose]]
    for i in several[np.unique(whose[shapely.is_empty(parts)])].tolist():
        result[i] = gated(shapes[i], what(i))
    return result


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


def rings_from_wkb(blobs: Sequence[bytes | None], columns: Mapping[str, Sequence[Any]]) -> RingTable | None:
    """The rings of WKB polygons and multipolygons; None where something is neither, or no WKB at all.

    What is written otherwise (with heights, big-endian) is read by shapely.
    """
    starts: list[NDArray[np.float64]] = []
    counts: list[int] = []
    feature: list[int] = []
    exterior: list[bool] = []
    for number, blob in enumerate(blobs):
        if blob is None:
            continue
        try:
            polygons = _polygons_of(blob)
        except (struct.error, ValueError, shapely.errors.ShapelyError):
            return None
        for rings in polygons:
            for n, ring in enumerate(rings):
                starts.append(ring)
                counts.append(len(ring))
                feature.append(number)
                exterior.append(n == 0)
    xy = np.concatenate(starts) if starts else np.zeros((0, 2))
    return RingTable(
        xy, np.array(counts, dtype=np.int64), np.array(feature, dtype=np.int64), np.array(exterior, dtype=bool),
        len(blobs), columns,
    )  # fmt: skip


def _polygons_of(blob: bytes) -> list[list[NDArray[np.float64]]]:
    order, kind, count = _HEAD.unpack_from(blob) if len(blob) >= _HEAD.size else (0, 0, 0)
    if order == 1 and kind == _WKB_POLYGON:
        return [_rings_at(blob, 0)[0]]
    if order == 1 and kind == _WKB_MULTIPOLYGON:
        at = _HEAD.size
        found = []
        for _ in range(count):
            if blob[at : at + 5] != b"\x01\x03\x00\x00\x00":
                return _by_shapely(blob)
            rings, at = _rings_at(blob, at)
            found.append(rings)
        return [rings for rings in found if rings]
    return _by_shapely(blob)


def _rings_at(blob: bytes, at: int) -> tuple[list[NDArray[np.float64]], int]:
    """The rings of the polygon at an offset, and the offset behind it; empty rings are left out."""
    (number,) = _COUNT.unpack_from(blob, at + 5)
    at += _POLYGON_HEAD
    rings = []
    for _ in range(number):
        (count,) = _COUNT.unpack_from(blob, at)
        if count:
            rings.append(np.frombuffer(blob, "<f8", 2 * count, at + 4).reshape(count, 2))
        at += 4 + 16 * count
    return rings, at


def _by_shapely(blob: bytes) -> list[list[NDArray[np.float64]]]:
    shape = shapely.force_2d(shapely.from_wkb(blob))
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"a {shape.geom_type}, not an area")
    parts: NDArray[Any] = shapely.get_parts([shape])
    return [[shapely.get_coordinates(r) for r in (p.exterior, *p.interiors)] for p in parts if not p.is_empty]
