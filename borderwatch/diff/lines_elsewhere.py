"""Boundary lines that changed where no catalogued dispute lies: reported with their place, not dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.lines import CLOSEST_KM, SHORTEST_KM, found_in, paired
from borderwatch.diff.record import Finding
from borderwatch.models import Drawn, Role
from borderwatch.scene import Painted, Piece, World

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Box

# Around a line that differs this much is looked at (degrees): what it may have been, and unchanged line for the noise.
MARGIN_DEG = 1.5
# Where lines differ all over the world, it is looked at in tiles of this size.
TILE_DEG = 20.0
# A line this many limits from a dispute's ground is that dispute's, as in ``lines.findings``.
EDGE_LIMITS = 2.0
MOSTLY = 0.5


def findings(before: World, after: World, known: Sequence[BaseGeometry]) -> list[Finding]:
    """What changed of the lines outside ``known`` (the grounds of catalogued disputes), longest first."""
    if before.sheet.key == after.sheet.key and _keys(before) == _keys(after):
        return []
    limit = max(before.resolution_km, after.resolution_km, CLOSEST_KM)
    grounds = shapely.STRtree(list(known))
    found = []
    for box in _windows(before, after):
        plane = geo.Plane.around(box)
        old, new = _pieces(before, box), _pieces(after, box)
        for finding in found_in(paired(old, new, (before.sheet, after.sheet), plane, limit)):
            rest = _outside(finding, grounds, known, EDGE_LIMITS * (finding.limit_km or limit) / geo.KM_PER_DEGREE)
            if rest is not None:
                found.append(rest)
    found.sort(key=lambda f: (-(f.length_km or 0.0), f.kind.value, f.subject, f.old or "", f.new or ""))
    return found


def _outside(finding: Finding, tree: shapely.STRtree, known: Sequence[BaseGeometry], edge_deg: float) -> Finding | None:
    """The part of a finding that no dispute's ground holds, if it is long enough to be told."""
    line = finding.geometry
    if line is None:
        return None
    near = [known[int(i)] for i in tree.query(line, predicate="dwithin", distance=edge_deg)]
    if not near:
        return finding
    rest = line.difference(shapely.union_all(near).buffer(edge_deg))
    share = geo.length_km(rest) / max(geo.length_km(line), 1e-9)
    length = share * (finding.length_km or 0.0)
    # Mostly on a dispute's ground, it is told there.
    told = share < MOSTLY or length < SHORTEST_KM
    return None if told else replace(finding, geometry=rest, length_km=length)


def _keys(world: World) -> set[tuple[bytes, str, str, tuple[tuple[str, str], ...]]]:
    return {_key(p) for p in _lines(world)}


def _key(p: Painted) -> tuple[bytes, str, str, tuple[tuple[str, str], ...]]:
    return p.digest, p.word or "", p.style or "", tuple(sorted(p.words.items()))


def _lines(world: World) -> Iterator[Painted]:
    return (p for p in world.painted if p.role is Role.BOUNDARY)


def _windows(before: World, after: World) -> list[Box]:
    """Boxes that hold every line that differs, far enough apart that none is looked at twice."""
    same = _keys(before) & _keys(after)
    different = [p.geometry for world in (before, after) for p in _lines(world) if _key(p) not in same]
    if not different:
        return []
    boxes = shapely.box(*shapely.bounds(np.asarray(different, dtype=object)).T)
    areas = shapely.union_all(shapely.buffer(boxes, MARGIN_DEG, join_style="mitre"))
    windows = []
    for area in shapely.get_parts(areas):
        west, south, east, north = area.bounds
        for x in _cut(max(west, -180.0), min(east, 180.0)):
            windows += [(x[0], y[0], x[1], y[1]) for y in _cut(max(south, -90.0), min(north, 90.0))]
    return windows


def _cut(low: float, high: float) -> list[tuple[float, float]]:
    edges = np.linspace(low, high, max(1, int(np.ceil((high - low) / (2 * TILE_DEG)))) + 1)
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def _pieces(world: World, box: Box) -> list[Piece]:
    found = np.sort(world.tree.query(shapely.box(*box)))
    pieces = []
    for i in found:
        p = world.painted[int(i)]
        if p.role is not Role.BOUNDARY:
            continue
        line = shapely.clip_by_rect(p.geometry, *box)
        if not line.is_empty:
            drawn = Drawn(owner=p.owner, role=p.role, code=p.code, name=p.name, word=p.word, style=p.style)
            pieces.append(Piece(drawn, line, p.geometry, p.digest, p.names, p.words))
    return pieces
