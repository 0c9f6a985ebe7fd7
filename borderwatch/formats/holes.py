"""Which ring each hole is cut out of, where nothing but the winding of rings tells holes from exteriors.

A ring that winds as a hole and lies in no exterior is none: it is an exterior somebody wound the wrong way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch.arrays import begins, ranges
from borderwatch.errors import Malformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rings and boxes asked about together: 16 bytes each. 8 million vertices of OpenStreetMap, 838,961 holes, need .4 M.
_MOST_PAIRS = 20_000_000
_SHEET = 512.0  # more than the degrees of latitude there are
_MARGIN_DEG = 1e-6  # latitudes beside the number of an exterior keep seven decimals for up to a million of them
_INTERIORS_MEET = "T********"


@dataclass(frozen=True, eq=False)
class WoundRings:
    """Rings one after the other; ``area`` is signed, negative where a ring is walked clockwise: an exterior."""

    xy: NDArray[np.float64]
    counts: NDArray[np.int64]
    feature: NDArray[np.int64]
    area: NDArray[np.float64]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first vertex of every ring."""
        return begins(self.counts)

    @cached_property
    def size(self) -> NDArray[np.float64]:
        """The area without its sign."""
        return np.abs(self.area)

    @cached_property
    def shells(self) -> NDArray[np.int64]:
        """The rings that are walked clockwise."""
        return np.flatnonzero(self.area < 0)

    @cached_property
    def shell_tree(self) -> shapely.STRtree:
        """The boxes of the exteriors."""
        return shapely.STRtree(_boxes(self.boxes(self.shells)) if len(self.shells) else [])

    def boxes(self, rings: NDArray[np.int64]) -> NDArray[np.float64]:
        """West, south, east and north of some rings; shape (n, 4)."""
        places, first = ranges(self.starts[rings], self.counts[rings]), begins(self.counts[rings])
        axes = [self.xy[places, axis] for axis in (0, 1)]
        return np.column_stack([each.reduceat(axis, first) for each in (np.minimum, np.maximum) for axis in axes])

    def polygons(self, rings: NDArray[np.int64]) -> NDArray[np.object_]:
        """Each of some rings as a polygon, prepared to be asked often, and kept."""
        some = np.zeros(len(self.counts), dtype=bool)
        some[rings] = True
        new = np.flatnonzero(some & ~self._made)
        if len(new):
            places = ranges(self.starts[new], self.counts[new])
            lines = shapely.linearrings(self.xy[places], indices=np.repeat(np.arange(len(new)), self.counts[new]))
            polygons = np.asarray(shapely.polygons(lines), dtype=object)
            shapely.prepare(polygons)
            self._polygons[new] = polygons
            self._made[new] = True
        return np.asarray(self._polygons[rings])

    @cached_property
    def _polygons(self) -> NDArray[np.object_]:
        return np.empty(len(self.counts), dtype=object)

    @cached_property
    def _made(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.counts), dtype=bool)


def outer_rings(rings: WoundRings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The exterior each ring is cut out of (an exterior: itself), and the rings that have to be turned round.

    Raises ``Malformed`` where winding does not tell. A hole lies in an exterior of its feature that is larger, in the
    smallest of them; what lies in none, and covers nothing of one, is an exterior wound the wrong way.
    """
    outer = np.arange(len(rings.counts))
    holes = np.flatnonzero(rings.area > 0)
    if len(holes) == 0:
        return outer, holes
    before = _last_shell(rings)[holes]
    behind = (before >= 0) & (rings.feature[holes] == rings.feature[before])
    behind &= rings.size[before] > rings.size[holes]
    outer[holes] = -1
    _to_the_one_before(rings, outer, holes[behind], before[behind])
    rest = np.flatnonzero(outer < 0)
    outer[rest] = _smallest_about(rings, rest)
    lost = np.flatnonzero(outer < 0)
    if len(lost) == 0:
        return outer, lost
    outer[lost] = _reached_out_of(rings, lost)
    turned = lost[outer[lost] < 0]
    outer[turned] = turned
    return outer, turned


def _last_shell(rings: WoundRings) -> NDArray[np.int64]:
    """The exterior before every ring, which most writers put its holes behind; -1 where there is none."""
    number = np.arange(len(rings.counts))
    return np.asarray(np.maximum.accumulate(np.where(rings.area < 0, number, -1)))


def _to_the_one_before(
    rings: WoundRings, outer: NDArray[np.int64], hole: NDArray[np.int64], shell: NDArray[np.int64]
) -> None:
    """Give holes to the exterior before them where they lie in it, or to an island in a lake of it (a pond on it)."""
    if len(hole) == 0:
        return
    asked, which = _runs(shell)
    # The holes of an exterior from south to north: what asks one after the other asks of the same edges.
    key = which * _SHEET + rings.xy[rings.starts[hole], 1]
    order = np.argsort(key)
    hole, shell, key = hole[order], shell[order], key[order]
    point = rings.xy[rings.starts[hole]]
    # A vertex on the boundary may be where two islands touch: only what is well inside is taken as it stands.
    inside = shapely.contains_xy(rings.polygons(shell), *point.T)
    hole, shell, key, point = hole[inside], shell[inside], key[inside], point[inside]
    outer[hole] = shell
    island, place = _islands_in(rings, asked)
    if len(island) == 0:
        return
    west, south, east, north = rings.boxes(island).T
    begin = np.searchsorted(key, place * _SHEET + south - _MARGIN_DEG)
    number = np.searchsorted(key, place * _SHEET + north + _MARGIN_DEG) - begin
    found = []
    for some in _blocks(number):
        at = ranges(begin[some], number[some])
        rank = np.repeat(np.arange(some.start, some.stop), number[some])
        near = (west[rank] <= point[at, 0]) & (point[at, 0] <= east[rank])
        near &= rings.size[hole[at]] < rings.size[island[rank]]
        found.append((at[near], island[rank[near]]))
    at, about = (np.concatenate(parts) for parts in zip(*found, strict=True))
    held, shell = _smallest_that_hold(rings, at, about, point[at])
    outer[hole[held]] = shell


def _islands_in(rings: WoundRings, asked: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of an exterior that lies in some of those asked about, and the place of that one."""
    holed = np.zeros(int(rings.feature.max()) + 1, dtype=bool)
    holed[rings.feature[asked]] = True
    islands = rings.shells[holed[rings.feature[rings.shells]]]
    points = np.asarray(shapely.points(rings.xy[rings.starts[islands]]), dtype=object)
    about, place = _about(shapely.STRtree(_boxes(rings.boxes(asked))), points)
    island = islands[about]
    own = (rings.feature[island] == rings.feature[asked[place]]) & (rings.size[island] < rings.size[asked[place]])
    island, place = island[own], place[own]
    within = shapely.intersects_xy(rings.polygons(asked[place]), *rings.xy[rings.starts[island]].T)
    return island[within], place[within]


def _smallest_about(rings: WoundRings, holes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest exterior of its feature that each hole lies in; -1 where none."""
    result = np.full(len(holes), -1)
    if len(holes) == 0 or len(rings.shells) == 0:
        return result
    points = shapely.point_on_surface(rings.polygons(holes))
    rank, place = _about(rings.shell_tree, points)
    shell = rings.shells[place]
    own = (rings.feature[holes[rank]] == rings.feature[shell]) & (rings.size[shell] > rings.size[holes[rank]])
    rank, shell = rank[own], shell[own]
    xy = np.column_stack([shapely.get_x(points), shapely.get_y(points)])
    hole, shell = _smallest_that_hold(rings, rank, shell, xy[rank])
    result[hole] = shell
    return result


def _smallest_that_hold(
    rings: WoundRings, hole: NDArray[np.int64], shell: NDArray[np.int64], xy: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of pairs of a hole (with a point of it) and an exterior, those that hold; each hole once, its smallest."""
    if len(hole) == 0:
        return hole, shell
    holds = shapely.intersects_xy(rings.polygons(shell), *xy.T)
    hole, shell = hole[holds], shell[holds]
    order = np.lexsort((rings.size[shell], hole))
    held, first = np.unique(hole[order], return_index=True)
    return held, shell[order][first]


def _reached_out_of(rings: WoundRings, lost: NDArray[np.int64]) -> NDArray[np.int64]:
    """The exterior that each ring which lies in none covers some of, and is a hole of for all that; -1: of none."""
    polygons = rings.polygons(lost)
    boxes = _boxes(rings.boxes(lost))
    by_shell, shell = _about(rings.shell_tree, boxes)
    by_lost, another = _about(shapely.STRtree(boxes), boxes)
    rank = np.concatenate([by_shell, by_lost])
    other = np.concatenate([rings.shells[shell], lost[another]])
    own = (rings.feature[other] == rings.feature[lost[rank]]) & (other != lost[rank])
    rank, other = rank[own], other[own]
    about = rings.polygons(other)
    try:
        meet = shapely.intersects(about, polygons[rank])
        meet[meet] = shapely.relate_pattern(about[meet], polygons[rank[meet]], _INTERIORS_MEET)
    except shapely.errors.GEOSException as error:
        raise Malformed(f"holes: {error}") from None
    rank, other = rank[meet], other[meet]
    if ((rings.area[other] > 0) | (rings.size[other] <= rings.size[lost[rank]])).any():
        raise Malformed("holes: a ring wound as a hole lies round another ring")
    result = np.full(len(lost), -1)
    order = np.lexsort((rings.size[other], rank))
    met, first = np.unique(rank[order], return_index=True)
    result[met] = other[order][first]
    return result


# --- many boxes at once ----------------------------------------------------------------------------------------------


def _boxes(bounds: NDArray[np.float64]) -> NDArray[np.object_]:
    return np.asarray(shapely.box(*bounds.T), dtype=object)


def _about(tree: shapely.STRtree, asked: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of what is asked about and a box it meets, by their places; so many at a time as memory holds."""
    step = max(_MOST_PAIRS // max(len(tree), 1), 1)
    found = [np.zeros((2, 0), dtype=np.int64)]
    number = 0
    for at in range(0, len(asked), step):
        pairs = tree.query(asked[at : at + step])
        pairs[0] += at
        number += pairs.shape[1]
        if number > _MOST_PAIRS:
            raise Malformed(f"holes: more than {_MOST_PAIRS:,} boxes of rings meet")
        found.append(pairs)
    about, place = np.concatenate(found, axis=1)
    return about, place


def _runs(ordered: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different numbers among ordered ones, and which of them each is."""
    fresh = np.ones(len(ordered), dtype=bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return ordered[fresh], np.cumsum(fresh) - 1


def _blocks(number: NDArray[np.int64]) -> Iterator[slice]:
    """Runs of ranges that hold together so much as memory holds; ``Malformed`` where they are too many in all."""
    ends = np.cumsum(number)
    if ends[-1] > 10 * _MOST_PAIRS or number.max() > _MOST_PAIRS:
        raise Malformed(f"holes: {ends[-1]:,} holes and islands beside one another")
    most = _MOST_PAIRS // 20
    begin = 0
    while begin < len(number):
        before = ends[begin] - number[begin]
        stop = max(int(np.searchsorted(ends, before + most, "right")), begin + 1)
        yield slice(begin, stop)
        begin = stop
