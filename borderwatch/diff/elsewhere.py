"""Transfers on ground that no catalogued dispute holds: reported with their place, not dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff.noise import RATIO, floor_of_lines
from borderwatch.diff.ownership import both, minus
from borderwatch.diff.record import Finding
from borderwatch.models import Kind, Role, Significance
from borderwatch.scene import Painted, World

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


@dataclass(frozen=True, slots=True)
class Patch:
    """A connected piece of ground that passed between two owners; geometry WGS 84."""

    loser: str
    gainer: str
    geometry: BaseGeometry


def findings(before: World, after: World, known: Sequence[BaseGeometry]) -> list[Finding]:
    """Transfers of ground outside ``known`` (the grounds of catalogued disputes), thickest first.

    Only owner to owner: what is gained from or lost to nobody is coast, and generalisation draws coasts anew.
    """
    patches = largest(before, after)
    tail = tail_km(patches)
    limit = max(before.resolution_km, after.resolution_km, tail)
    told = shapely.STRtree(list(known))
    found = []
    for patch in patches:
        rest = patch.geometry
        near = [known[int(i)] for i in told.query(rest, predicate="intersects")]
        if near and geo.area_km2(both(rest, geo.union(near))) > geo.area_km2(rest) / 2:
            continue
        box = _window(rest)
        plane = geo.Plane.around(box)
        radius = geo.inradius_km(rest, plane, at_least_km=limit / 2)
        if radius < limit:
            continue
        noise = floor_of_lines(_lines(before, box), _lines(after, box), plane.project(rest), plane)
        if not tail and radius < RATIO * noise.floor_km:
            continue
        found.append(
            Finding(
                Kind.TRANSFER,
                Significance.SUBSTANTIVE,
                loser=patch.loser,
                gainer=patch.gainer,
                area_km2=geo.area_km2(rest),
                inradius_km=radius,
                noise_floor_km=noise.floor_km,
                ratio=radius / noise.floor_km if noise.floor_km else None,
                limit_km=limit if tail else max(limit, RATIO * noise.floor_km),
                geometry=rest,
            )
        )
    found.sort(key=lambda f: (-(f.inradius_km or 0), f.loser or "", f.gainer or ""))
    return found


def largest(before: World, after: World) -> list[Patch]:
    """The largest pieces of ground that passed between two owners anywhere."""
    patches = sorted(_patches(before, after), key=lambda p: -p.geometry.area)
    return patches[:PIECES]


def tail_km(patches: Sequence[Patch]) -> float:
    """How thick noise gets between two worlds drawn anew, by the tail of all that differs; 0 where little does."""
    if len(patches) < POPULATION:
        return 0.0
    planes = [geo.Plane.around(p.geometry.bounds) for p in patches]
    radii = [geo.inradius_km(p.geometry, plane) for p, plane in zip(patches, planes, strict=True)]
    thick = [r for r in radii if r > TAIL_FROM_KM]
    return TAIL_FACTOR * float(np.quantile(thick, TAIL_QUANTILE)) if len(thick) >= POPULATION else 0.0


def _patches(before: World, after: World) -> Iterator[Patch]:
    """Pieces of (A_n - B_n) n (B_m - A_m), only among features that were not drawn the same in both."""
    same = {(p.digest, p.owner) for p in before.painted} & {(p.digest, p.owner) for p in after.painted}
    old = [p for p in before.painted if p.role is Role.AREA and (p.digest, p.owner) not in same]
    new = [p for p in after.painted if p.role is Role.AREA and (p.digest, p.owner) not in same]
    if not old or not new:
        return
    tree = shapely.STRtree([p.geometry for p in new])
    left, right = tree.query([p.geometry for p in old], predicate="intersects")
    pairs = [(old[i], new[j]) for i, j in zip(left, right, strict=True) if old[i].owner != new[j].owner]
    for a, b in sorted(pairs, key=lambda pair: (pair[0].owner, pair[1].owner, pair[0].digest, pair[1].digest)):
        passed = both(a.geometry, b.geometry)
        for kept_by in (_of(after, a.owner), _of(before, b.owner)):
            for other in kept_by:
                if not passed.is_empty and passed.intersects(other.geometry):
                    passed = minus(passed, other.geometry)
        for piece in shapely.get_parts(passed):
            # A sliver cannot hold a circle of a kilometre: its area bounds it long before a circle is fitted.
            if piece.area > 2e-4:
                yield Patch(a.owner, b.owner, piece)


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
