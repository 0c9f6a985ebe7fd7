"""The faces that residual edges bound, and who held each before and after, told by winding numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.arrays import ranges
from borderwatch.diff.chain_index import UNITS_PER_DEGREE, ChainIndex, degrees, split

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# Snapping moves a vertex by at most half a unit on either axis: two drawings of one straight stretch, one with more
# vertices on it, enclose slivers up to 1.4 units wide. Area over perimeter of a sliver is half its width.
SLIVER_DEG = 1.0 / UNITS_PER_DEGREE
_PAIRS = 1_000_000  # boxes compared each with each; above it an index is quicker
_POINTS = 2048  # faces looked at together: bounds the table of windings to this times the owners


@dataclass(frozen=True, slots=True)
class Residual:
    """The edges that did not cancel: ``low`` to ``high`` counts ``weight`` times (negative: the other way round)."""

    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    owner: NDArray[np.int64]
    weight: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Faces:
    """Ground that residual edges bound: by how much each of ``owners`` winds round each shape more than before."""

    shapes: NDArray[np.object_]
    owners: NDArray[np.int64]
    more: NDArray[np.int64]


def faces_from_residual(residual: Residual) -> Faces:
    """Every face with another holder than before that is thicker than what snapping alone makes."""
    order = np.lexsort((residual.high, residual.low))
    low, high = residual.low[order], residual.high[order]
    once = np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])])
    shapes = _polygonized(_lines(low[once], high[once]))
    owners, local = np.unique(residual.owner, return_inverse=True)
    more = np.zeros((len(shapes), len(owners)), dtype=np.int64)
    points = _inside(shapes)
    for at in range(0, len(points), _POINTS):
        here = slice(at, at + _POINTS)
        _wind_edges(more[here], points[here], *_ends(residual.low, residual.high), local, residual.weight)
    kept = more.any(axis=1)
    return Faces(shapes[kept], owners, more[kept])


Held = tuple["BaseGeometry", frozenset[str], frozenset[str]]


def holders(faces: Faces, before: ChainIndex, owners: Sequence[str]) -> tuple[list[Held], bool]:
    """The pieces of the faces, each with all who hold it before and after; and whether a ring is twisted there.

    A boundary that did not change may run through a face: ground newly claimed by one is partly another's and
    partly nobody's. There the face is cut. An owner that overlaps itself holds once. Where an owner winds round
    ground the wrong way, its rings cross themselves or a hole reaches out of its area: what it holds is a matter of
    mending, not of reading.
    """
    shapes, parent = _cut(faces.shapes, before)
    number = {owner: i for i, owner in enumerate(owners)}
    code = np.array([number[owner] for owner in before.owners], dtype=np.int64)
    points = _inside(shapes)
    told: list[tuple[frozenset[str], frozenset[str]]] = []
    twisted = False
    for at in range(0, len(points), _POINTS):
        here = points[at : at + _POINTS]
        was = np.zeros((len(here), len(owners)), dtype=np.int64)
        _wind_index(was, here, before, code)
        now = was.copy()
        now[:, faces.owners] += faces.more[parent[at : at + _POINTS]]
        twisted = twisted or bool((was < 0).any() or (now < 0).any())
        told += zip(_named(was > 0, owners), _named(now > 0, owners), strict=True)
    return list(_healed(shapes, parent, told, len(faces.shapes))), twisted


def _healed(
    shapes: NDArray[np.object_],
    parent: NDArray[np.int64],
    told: Sequence[tuple[frozenset[str], frozenset[str]]],
    faces: int,
) -> Iterator[Held]:
    """The pieces, without the cuts between those of one face that have the same holders."""
    ends = np.searchsorted(parent, np.arange(faces + 1)).tolist()
    for first, stop in pairwise(ends):
        if stop - first == 1:
            yield shapes[first], *told[first]
            continue
        for pair in dict.fromkeys(told[first:stop]):
            same = [shapes[i] for i in range(first, stop) if told[i] == pair]
            for piece in shapely.get_parts(shapely.union_all(same)):
                yield piece, *pair


def _inside(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """A point inside each shape, in units of 1e-7 degree from (-180, -90)."""
    return np.asarray((shapely.get_coordinates(_points_inside(shapes)) + np.array([180.0, 90.0])) * UNITS_PER_DEGREE)


def _points_inside(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """A point well inside each shape.

    GEOS looks along one line of latitude; where that meets only a spike, the point it gives lies on the boundary.
    Then the middle of the largest triangle of the shape is taken.
    """
    points = np.asarray(shapely.point_on_surface(shapes), dtype=object)
    for i in np.flatnonzero(shapely.distance(points, shapely.boundary(shapes)) < SLIVER_DEG).tolist():
        triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(shapes[i]))
        points[i] = triangles[np.argmax(shapely.area(triangles))].centroid
    return points


def _lines(first: NDArray[np.uint64], last: NDArray[np.uint64]) -> NDArray[np.object_]:
    """Edges as geometries, in degrees."""
    ends = np.stack([degrees(*split(first)), degrees(*split(last))], axis=1)
    return np.asarray(shapely.linestrings(ends), dtype=object)


def _polygonized(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """The faces between lines, but for slivers."""
    try:
        noded = shapely.union_all(lines)
    except shapely.errors.GEOSException:
        # A hundredth of a unit: nodes in one arrangement what floating point cannot.
        noded = shapely.union_all(lines, grid_size=SLIVER_DEG / 100)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    return np.asarray(faces[shapely.area(faces) > SLIVER_DEG * shapely.length(faces)])


def _cut(shapes: NDArray[np.object_], before: ChainIndex) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The shapes, cut where an edge of ``before`` runs through them; and the place of the shape each piece is of."""
    number = np.arange(len(shapes))
    if len(shapes) == 0:
        return shapes, number
    shape, first = _edges_about(shapes, before)
    lines = _lines(before.vertices[first], before.vertices[first + 1])
    shapely.prepare(shapes)
    through = shapely.relate_pattern(shapes[shape], lines, "T********")  # the insides of both meet
    if not through.any():
        return shapes, number
    crossed = np.unique(shape[through])
    outlines = shapely.get_parts(shapely.boundary(shapes[crossed]))
    pieces = _polygonized(np.concatenate([outlines, lines[through]]))
    # Edges run on past the shape, and holes are bounded too: what lies in no crossed shape is not asked about.
    piece, place = shapely.STRtree(list(shapes[crossed])).query(_points_inside(pieces), predicate="within")
    kept = np.setdiff1d(number, crossed)
    parent = np.concatenate([kept, crossed[place]])
    order = np.argsort(parent, kind="stable")
    return np.concatenate([shapes[kept], pieces[piece]])[order], parent[order]


def _edges_about(shapes: NDArray[np.object_], index: ChainIndex) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every shape and first vertex of an edge whose boxes meet; no edge twice for a shape."""
    bounds = boxes_of_degrees(shapely.bounds(shapes))
    shape, segment = boxes_meet(bounds, index.boxes)
    first, rank = index.edges_of(segment)
    shape = shape[rank]
    one, other = index.vertices[first], index.vertices[first + 1]
    lon0, lat0, lon1, lat1 = _ends(one, other)
    box = bounds[shape]
    near = (np.minimum(lon0, lon1) <= box[:, 2]) & (np.maximum(lon0, lon1) >= box[:, 0])
    near &= (np.minimum(lat0, lat1) <= box[:, 3]) & (np.maximum(lat0, lat1) >= box[:, 1])
    near &= one != other
    shape, first, one, other = shape[near], first[near], one[near], other[near]
    low, high = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((high, low, shape))
    shape, first, low, high = shape[order], first[order], low[order], high[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (shape[1:] != shape[:-1]) | (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return shape[fresh], first[fresh]


def boxes_of_degrees(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes in units of 1e-7 degree from (-180, -90)."""
    return np.asarray((boxes + np.array([180.0, 90.0] * 2)) * UNITS_PER_DEGREE)


def boxes_meet(few: NDArray[np.float64], many: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of boxes that meet, by their places."""
    west, south, east, north = (many[:, i] for i in range(4))
    low, high = few[:, :2].min(axis=0), few[:, 2:].max(axis=0)
    about = np.flatnonzero((west <= high[0]) & (east >= low[0]) & (south <= high[1]) & (north >= low[1]))
    if len(few) * len(about) > _PAIRS:
        tree = shapely.STRtree(list(np.asarray(shapely.box(*few.T))))
        which, shape = tree.query(np.asarray(shapely.box(*many[about].astype(float).T)))
        return shape, about[which]
    a, b = few[:, None, :], many[about][None, :, :]
    met = (b[..., 0] <= a[..., 2]) & (b[..., 2] >= a[..., 0]) & (b[..., 1] <= a[..., 3]) & (b[..., 3] >= a[..., 1])
    shape, which = np.nonzero(met)
    return shape, about[which]


def _named(held: NDArray[np.bool_], owners: Sequence[str]) -> list[frozenset[str]]:
    """The owners of every row of a table of who holds what."""
    row, column = np.nonzero(held)
    names = [owners[i] for i in column.tolist()]
    ends = np.searchsorted(row, np.arange(len(held) + 1)).tolist()
    return [frozenset(names[a:b]) for a, b in pairwise(ends)]


Ends = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


def _ends(first: NDArray[np.uint64], last: NDArray[np.uint64]) -> Ends:
    """West-east and south-north of both ends of edges, as floats (whole numbers, exact)."""
    lon0, lat0 = split(first)
    lon1, lat1 = split(last)
    return lon0.astype(float), lat0.astype(float), lon1.astype(float), lat1.astype(float)


def _wind_edges(
    table: NDArray[np.int64],
    points: NDArray[np.float64],
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    owner: NDArray[np.int64],
    weight: NDArray[np.int64],
) -> None:
    """Add to ``table`` how often edges wind round each point: a ray due east counts those it crosses, upwards +1."""
    edge, point = _meetings(points[:, 1], np.minimum(y0, y1), np.maximum(y0, y1))
    _cross(table, points, point, x0[edge], y0[edge], x1[edge], y1[edge], owner[edge], weight[edge])


def _cross(
    table: NDArray[np.int64],
    points: NDArray[np.float64],
    point: NDArray[np.int64],
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    owner: NDArray[np.int64],
    weight: NDArray[np.int64],
) -> None:
    px, py = points[point, 0], points[point, 1]
    # Positive where the point lies left of the edge as it is walked; going up, that is west of it.
    side = (x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)
    up = (y0 <= py) & (py < y1) & (side > 0)
    down = (y1 <= py) & (py < y0) & (side < 0)
    np.add.at(table, (point, owner), weight * (up.astype(np.int64) - down.astype(np.int64)))


def _wind_index(
    table: NDArray[np.int64], points: NDArray[np.float64], index: ChainIndex, code: NDArray[np.int64]
) -> None:
    """The same for a whole layer: a segment all east of the point counts by its two ends, whatever its course."""
    west, south, east, north = (index.boxes[:, i].astype(float) for i in range(4))
    segment, point = _meetings(points[:, 1], south, north)
    ahead = east[segment] > points[point, 0]
    segment, point = segment[ahead], point[ahead]
    owner, sign = code[index.owner_of[segment]], index.signs[segment].astype(np.int64)
    clear = west[segment] > points[point, 0]
    _, begin = split(index.vertices[index.starts[segment[clear]]])
    _, end = split(index.vertices[index.stops[segment[clear]]])
    level = points[point[clear], 1]
    turns = (begin <= level).astype(np.int64) - (end <= level).astype(np.int64)
    np.add.at(table, (point[clear], owner[clear]), sign[clear] * turns)
    near = np.flatnonzero(~clear)
    first, rank = index.edges_of(segment[near])
    whose = near[rank]
    ends = _ends(index.vertices[first], index.vertices[first + 1])
    _cross(table, points, point[whose], *ends, owner[whose], sign[whose])


def _meetings(
    levels: NDArray[np.float64], low: NDArray[Any], high: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of an interval and a level in it, by their places."""
    order = np.argsort(levels, kind="stable")
    ordered = levels[order]
    first = np.searchsorted(ordered, low, "left")
    counts = np.maximum(np.searchsorted(ordered, high, "right") - first, 0)
    return np.repeat(np.arange(len(counts)), counts), order[ranges(first, counts)]
