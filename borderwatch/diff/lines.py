"""Boundary lines where a source draws them: restyled, moved, added, removed; the source's own word is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.record import Finding
from borderwatch.models import Kind, Significance

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Piece, Scene

SAMPLE_KM = 1.0
# Shorter stretches are joints between segments, not lines of their own.
SHORTEST_KM = 5.0


def findings(before: Scene, after: Scene, limit_km: float) -> list[Finding]:
    """Changes of the lines that run through the dispute's ground, each with its length in km."""
    if not before.lines and not after.lines:
        return []
    plane = geo.Plane.around(before.ground.window)
    tolerance = max(limit_km, 0.5)
    # Lines on the edge of the ground count: a boundary is where two grounds meet.
    near = plane.project(before.ground.area).buffer(2 * tolerance)
    shapely.prepare(near)
    old, new = _flat(before.lines, plane, near), _flat(after.lines, plane, near)
    found = _restyled(old, new, tolerance)
    found += _gone(old, new, tolerance, plane, limit_km, added=False)
    found += _gone(new, old, tolerance, plane, limit_km, added=True)
    return found


Flat = tuple["Piece", "BaseGeometry"]


def _flat(lines: Sequence[Piece], plane: geo.Plane, near: BaseGeometry) -> list[Flat]:
    result = []
    for piece in lines:
        inside = plane.project(piece.geometry).intersection(near)
        if inside.length >= SHORTEST_KM / 5:
            result.append((piece, inside))
    return result


def _nearest(points: NDArray[np.float64], others: list[Flat]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    tree = shapely.STRtree([g for _, g in others])
    index, distance = tree.query_nearest(shapely.points(points), return_distance=True, all_matches=False)
    return index[1], distance


def _attributes(piece: Piece) -> dict[str, str]:
    """How a line is drawn, by viewer: its style, its own word, and the words per worldview it carries."""
    drawn = piece.drawn
    said = {"": drawn.word or ""}
    if drawn.style is not None:
        said["style"] = drawn.style.value
    return {**said, **piece.words}


def _restyled(old: list[Flat], new: list[Flat], tolerance: float) -> list[Finding]:
    if not old or not new:
        return []
    lengths: dict[tuple[str, str, str], float] = {}
    for piece, line in old:
        points = geo.samples_along(line, SAMPLE_KM)
        if len(points) == 0:
            continue
        step = line.length / len(points)
        which, distance = _nearest(points, new)
        for j, count in zip(*np.unique(which[distance <= tolerance], return_counts=True), strict=True):
            before, after = _attributes(piece), _attributes(new[int(j)][0])
            for subject in sorted(before.keys() | after.keys()):
                a, b = before.get(subject, ""), after.get(subject, "")
                if a != b and subject in before:  # a new column is the source's schema, not a line's style
                    key = (subject, a, b)
                    lengths[key] = lengths.get(key, 0.0) + step * float(count)
    return [
        Finding(
            Kind.RESTYLED,
            Significance.SUBSTANTIVE if length >= SHORTEST_KM else Significance.MINOR,
            subject=subject,
            old=a or None,
            new=b or None,
            length_km=length,
        )
        for (subject, a, b), length in sorted(lengths.items())
        if length >= SHORTEST_KM / 5 and not (subject == "style" and ("", "", "") in lengths)
    ]


def _gone(
    lines: list[Flat], others: list[Flat], tolerance: float, plane: geo.Plane, limit_km: float, *, added: bool
) -> list[Finding]:
    """Stretches of one drawing with nothing within the tolerance in the other."""
    near_others = shapely.union_all([g for _, g in others]).buffer(tolerance) if others else geo.EMPTY
    by_word: dict[str, list[BaseGeometry]] = {}
    for piece, line in lines:
        rest = line.difference(near_others)
        if rest.length >= SHORTEST_KM:
            by_word.setdefault(piece.drawn.word or piece.drawn.name or "line", []).append(rest)
    found = []
    for word, stretches in sorted(by_word.items()):
        whole = shapely.union_all(stretches)
        found.append(
            Finding(
                Kind.BOUNDARY_MOVED,
                Significance.SUBSTANTIVE,
                subject="added" if added else "removed",
                old=None if added else word,
                new=word if added else None,
                length_km=float(whole.length),
                limit_km=limit_km,
                geometry=plane.unproject(whole),
            )
        )
    return found
