"""Ground by the even-odd rule, and areas that count once where they overlap; of thousands of rings few ever meet.

An overlay takes as long as all its edges are many: here only what meets something else is overlaid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.geometry import polygonal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

_MOST_PAIRS = 5_000_000  # boxes that may meet, looked at together: 16 bytes each
_MARGIN_DEG = 1e-6  # a piece cut out about another reaches so far beyond it


def odd_ground(shell: BaseGeometry, holes: Sequence[BaseGeometry]) -> BaseGeometry:
    """The ground that lies in an odd number of areas."""
    holes = shapely.get_parts(np.asarray(holes, dtype=object)).tolist()
    alone: list[BaseGeometry] = []
    entangled: list[Any] = []
    for some in meeting(holes):
        left = [holes[i] for i in some]
        while len(left) > 1:  # neighbours first: one after the other would take the square of their number
            left = [
                one.symmetric_difference(other[0]) if other else one
                for one, *other in (left[at : at + 2] for at in range(0, len(left), 2))
            ]
        parts = [part for part in shapely.get_parts(polygonal(left[0])) if not part.is_empty]
        (alone if len(parts) == 1 else entangled).extend(parts)
    # Of 144,000 holes of one mainland all but a few are cut out of its inside and touch nothing.
    single = np.array(alone, dtype=object)
    shapely.prepare(shell)
    inside = shapely.contains_properly(shell, single)
    outside = shapely.disjoint(shell, single)
    entangled += single[~inside & ~outside].tolist()
    ground = polygonal(shell.symmetric_difference(shapely.MultiPolygon(entangled))) if entangled else shell
    pierced = _pierced(shapely.get_parts(ground), single[inside])
    parts = [*pierced, *single[outside].tolist()]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _pierced(areas: NDArray[np.object_], holes: NDArray[np.object_]) -> list[BaseGeometry]:
    """Areas with holes cut out of them, each wholly inside one of them; what a hole leaves out is ground again."""
    if len(holes) == 0:
        return list(areas)
    edges = shapely.get_exterior_ring(holes)
    corner = shapely.get_coordinates(shapely.get_point(edges, 0))
    hole, place = shapely.STRtree(areas).query(shapely.points(corner))
    shapely.prepare(areas)
    within = shapely.contains_xy(areas[place], *corner[hole].T)
    rings, owner = shapely.get_rings(areas, return_index=True)
    rings, owner = np.concatenate([rings, edges[hole[within]]]), np.concatenate([owner, place[within]])
    order = np.argsort(owner, kind="stable")  # the exterior of each stays first
    islands = [
        shapely.Polygon(ring) for hole in holes[shapely.get_num_interior_rings(holes) > 0] for ring in hole.interiors
    ]
    pierced: NDArray[np.object_] = np.asarray(shapely.polygons(rings[order], indices=owner[order]), dtype=object)
    return [*pierced, *islands]


def counted_once(areas: Sequence[BaseGeometry]) -> list[BaseGeometry]:
    """Polygons with those that overlap, or have an edge in common, made one; what touches at points stays apart."""
    united = []
    for some in meeting(areas, at_points=False):
        group = sorted((areas[i] for i in some), key=lambda area: area.area)
        # The largest, a mainland with all its lakes, is overlaid once.
        united.append(group[-1] if len(group) == 1 else group[-1].union(shapely.union_all(group[:-1])))
    return united


def meeting(areas: Sequence[BaseGeometry], *, at_points: bool = True) -> list[list[int]]:
    """Polygons by their places, those together that hang together: one meets another, that one a third.

    Without ``at_points`` two that touch at points only do not meet.
    """
    array = np.array(areas, dtype=object)
    size = shapely.area(array)
    edges = shapely.boundary(array)
    corner = shapely.get_coordinates(shapely.get_point(shapely.get_exterior_ring(array), 0))
    tree = shapely.STRtree(array)
    group = list(range(len(areas)))

    def first(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    step = max(_MOST_PAIRS // max(len(areas), 1), 1)
    for at in range(0, len(areas), step):
        one, other = tree.query(array[at : at + step])
        one += at
        one, other = one[one < other], other[one < other]
        # Thousands of islands lie in the box of one mainland: that is asked of all, and prepared for it.
        smaller = size[one] < size[other]
        large, small = np.where(smaller, other, one), np.where(smaller, one, other)
        for some in (array, edges):
            shapely.prepare(some[np.unique(large)])
        # Asked of the areas themselves it is also asked whether one of the large one's 144,000 holes lies in the small.
        meet = shapely.intersects(edges[large], edges[small])
        meet |= shapely.contains_xy(array[large], *corner[small].T)
        large, small = large[meet], small[meet]
        for i, j in zip(large.tolist(), small.tolist(), strict=True):
            if at_points or _share_ground_or_edge(array[i], array[j]):
                group[first(j)] = first(i)
    found: dict[int, list[int]] = {}
    for i in range(len(areas)):
        found.setdefault(first(i), []).append(i)
    return list(found.values())


def _share_ground_or_edge(large: BaseGeometry, small: BaseGeometry) -> bool:
    west, south, east, north = small.bounds
    about = (west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG)
    try:
        here = polygonal(shapely.clip_by_rect(large, *about))
        matrix = shapely.relate(here, small)
    except shapely.errors.GEOSException:
        return True
    return bool(matrix[0] != "F" or matrix[4] == "1")
