"""Where two drawings of lines run apart: courses by place, whatever pieces they are cut in, and the pair's noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.noise import QUANTILE, RATIO_APART, SAME_KM

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import LineSheet

# A sample every so many km, and no more than so many in all: a boundary of 2,000 km at 1:10 million has 2,000 bends.
SAMPLE_KM, SAMPLES = 0.5, 6000
# Noise is a population, a change is few: from so many separate excursions on they are judged as one.
POPULATION = 8
# A drawing kept for this much of its length was not drawn anew, and what differs in it was put there.
# Where the file as a whole was, one window is noise only if most of its own lines are anew: a redrawn corner.
KEPT, KEPT_CORNER = 0.8, 0.5
MERCATOR_LAT = 85.0


@dataclass(frozen=True)
class Course:
    """Points along one line, in order, on a plane in km: where they are, and how far from the other drawing.

    ``side`` is +1 or -1, on which hand the other drawing lies; ``step_km`` the length each point stands for.
    """

    points: NDArray[np.float64]
    near: NDArray[np.float64]
    distance_km: NDArray[np.float64]
    side: NDArray[np.float64]
    step_km: float

    def line(self, first: int, last: int) -> BaseGeometry:
        """The course from the first point to the last one, both included."""
        xy = self.points[first : last + 1]
        return shapely.LineString(xy if len(xy) > 1 else np.vstack([xy, xy + 1e-6]))


def merged(lines: Iterable[BaseGeometry]) -> list[BaseGeometry]:
    """Lines as long as they go: cut at junctions only, each stretch once, however often and in what pieces drawn."""
    parts = [p for line in lines for p in shapely.get_parts(line) if p.length > 0]
    if not parts:
        return []
    joined = shapely.line_merge(shapely.union_all(parts))
    return [p for p in shapely.get_parts(joined) if p.length > 0]


def courses(lines: Sequence[BaseGeometry], others: Sequence[BaseGeometry], spacing_km: float) -> list[Course]:
    """Every line sampled, and the nearest point of the other drawing to each sample (none: infinitely far)."""
    found = geo.segments_of(others)
    tree = shapely.STRtree(np.asarray(shapely.linestrings(found))) if len(found) else None
    result = []
    for line in lines:
        points = _along(line, spacing_km)
        step = line.length / len(points)
        if tree is None:
            nowhere = np.full(len(points), np.inf)
            result.append(Course(points, points, nowhere, np.zeros(len(points)), step))
            continue
        which = tree.query_nearest(shapely.points(points), all_matches=False)[1]
        near = _projected(points, found[which])
        gap = near - points
        along = np.gradient(points, axis=0)
        side = np.sign(along[:, 0] * gap[:, 1] - along[:, 1] * gap[:, 0])
        result.append(Course(points, near, np.hypot(gap[:, 0], gap[:, 1]), side, step))
    return result


def _along(line: BaseGeometry, spacing_km: float) -> NDArray[np.float64]:
    """Points in the middle of equal steps along a line."""
    xy = shapely.get_coordinates(line)
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    count = max(2, int(np.ceil(reached[-1] / spacing_km)))
    at = (np.arange(count) + 0.5) / count * reached[-1]
    return np.column_stack([np.interp(at, reached, xy[:, 0]), np.interp(at, reached, xy[:, 1])])


def _projected(points: NDArray[np.float64], segments: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of each segment nearest to each point."""
    start, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    length2 = np.maximum((way**2).sum(axis=1), 1e-18)
    share = np.clip(((points - start) * way).sum(axis=1) / length2, 0, 1)
    return np.asarray(start + way * share[:, None])


def spacing_km(*drawings: Sequence[BaseGeometry]) -> float:
    """The distance between samples that keeps their number bounded."""
    longest = max((sum(line.length for line in lines) for lines in drawings), default=0.0)
    return max(SAMPLE_KM, longest / SAMPLES)


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of every unbroken run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    yield from ((int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True))


def floor_km(*directions: Sequence[Course], kept: float = KEPT) -> float:
    """How far two drawings of the same lines lie apart where nothing changed; 0 where most of them is the same.

    Drawings made anew differ in many excursions to and fro: these are a population, and what stands out of it is no
    part of it, so heavy tails are cut before the quantile is taken. Few excursions are no population: each was drawn.
    """
    drawn = [c for direction in directions for c in direction if np.isfinite(c.distance_km).all()]
    if not drawn:
        return 0.0
    distance = np.concatenate([c.distance_km for c in drawn])
    weight = np.concatenate([np.full(len(c.distance_km), c.step_km) for c in drawn])
    apart = distance > SAME_KM
    if weight[apart].sum() <= (1 - kept) * weight.sum():
        return 0.0
    heights = np.array([h for c in drawn for h in _heights(c)])
    if len(heights) < POPULATION:
        return 0.0
    return _clipped(distance[apart], weight[apart], float(np.median(heights)))


def _heights(course: Course) -> list[float]:
    """How far each excursion goes: an unbroken stretch apart from the other drawing, on one side of it."""
    apart = course.distance_km > SAME_KM
    return [
        float(course.distance_km[a : b + 1].max())
        for hand in (-1.0, 1.0)
        for a, b in runs(apart & (course.side == hand))
    ]


def _clipped(distance: NDArray[np.float64], weight: NDArray[np.float64], start: float) -> float:
    """The 80 % quantile of what is left when everything beyond 3.5 times itself is cut, from ``start`` on."""
    value = start
    for _ in range(20):
        kept = distance <= RATIO_APART * value
        if not kept.any():
            break
        again = _quantile(distance[kept], weight[kept], QUANTILE)
        if abs(again - value) <= 0.01 * value:
            value = again
            break
        value = again
    return 0.0 if value <= SAME_KM else value


def _quantile(values: NDArray[np.float64], weight: NDArray[np.float64], share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return float(values[order][min(int(np.searchsorted(reached, share * reached[-1])), len(values) - 1)])


@lru_cache(maxsize=8)
def sheet_floor_km(before: LineSheet, after: LineSheet) -> float:
    """The same over all lines of two worlds: what judges a dispute with too few lines to tell its own noise."""
    if before.key == after.key or not before.lines or not after.lines:
        return 0.0
    old, new = merged(map(_mercator, before.lines)), merged(map(_mercator, after.lines))
    step = spacing_km(old, new)
    there, back = courses(old, new, step), courses(new, old, step)
    return floor_km([_true_km(c) for c in there], [_true_km(c) for c in back])


def _mercator(line: BaseGeometry) -> BaseGeometry:
    """Conformal: the nearest point on the map is the nearest on the ground, and one factor makes a distance true."""

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lat = np.radians(np.clip(xy[:, 1], -MERCATOR_LAT, MERCATOR_LAT))
        return np.column_stack([np.radians(xy[:, 0]), np.arcsinh(np.tan(lat))]) * geo.EARTH_KM

    return shapely.transform(shapely.force_2d(line), project)


def _true_km(course: Course) -> Course:
    scale = 1 / np.cosh(course.points[:, 1] / geo.EARTH_KM)
    return Course(
        course.points, course.near, course.distance_km * scale, course.side, course.step_km * float(scale.mean())
    )
