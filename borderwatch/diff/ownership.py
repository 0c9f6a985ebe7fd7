"""Who lost what to whom: the overlay of ownership between two scenes of one dispute.

Transfer of n to m is (A_n - B_n) n (B_m - A_m), so that layers with overlapping claims give no phantom swaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.noise import COMPACT, RATIO, Noise, floor
from borderwatch.diff.record import Finding
from borderwatch.models import Kind, Role, Significance

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Scene

# A piece of a difference belongs to a dispute when this much of it lies on the dispute's ground.
MOSTLY = 0.5
# Below the source's declared resolution, yet far above the pair's own noise: a deliberate edit too small to
# be vouched for. Told, as minor.
MINOR_FRACTION = 0.35
# Two features are one place when their overlap is this much of their union (a renumbered or renamed feature).
SAME_PLACE_IOU = 0.7
# A share of the dispute this small is an edge, not an ownership.
MINOR_SHARE = 0.02
# Finer than the source can vouch for, a difference is told only where it concerns a good part of the dispute.
COARSE_SHARE = 0.1
# And this small it is the neighbour's change, seen over the fence.
EDGE_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Difference:
    """Ground that passed from one owner (or nobody) to another, in one window; geometry WGS 84."""

    loser: str | None
    gainer: str | None
    geometry: BaseGeometry
    overlap: bool = False


def differences(before: Mapping[str, BaseGeometry], after: Mapping[str, BaseGeometry]) -> Iterator[Difference]:
    """Every pair of owners between whom ground passed, in code order; slivers and all."""
    lost = {o: minus(a, after.get(o)) for o, a in before.items()}
    gained = {o: minus(b, before.get(o)) for o, b in after.items()}
    lost = {o: g for o, g in sorted(lost.items()) if not g.is_empty}
    gained = {o: g for o, g in sorted(gained.items()) if not g.is_empty}
    left = dict(lost)
    fresh = dict(gained)
    for loser, gone in lost.items():
        for gainer, new in gained.items():
            if loser == gainer:
                continue
            passed = both(gone, new)
            if not passed.is_empty:
                yield Difference(loser, gainer, passed)
                left[loser] = minus(left[loser], passed)
                fresh[gainer] = minus(fresh[gainer], passed)
    all_after, all_before = geo.union(after.values()), geo.union(before.values())
    for loser, rest in left.items():
        yield from _split(rest, all_after, loser, None)
    for gainer, rest in fresh.items():
        yield from _split(rest, all_before, None, gainer)


def _split(rest: BaseGeometry, held: BaseGeometry, loser: str | None, gainer: str | None) -> Iterator[Difference]:
    """Ground left over: where another held it all along it is an overlap, elsewhere nobody's."""
    shared = both(rest, held)
    if not shared.is_empty:
        yield Difference(loser, gainer, shared, overlap=True)
    alone = minus(rest, held)
    if not alone.is_empty:
        yield Difference(loser, gainer, alone)


def minus(a: BaseGeometry, b: BaseGeometry | None) -> BaseGeometry:
    """The part of area ``a`` outside ``b``."""
    if b is None or b.is_empty or a.is_empty:
        return a
    if a.equals_exact(b):
        return geo.EMPTY
    return geo.polygonal(_safely(shapely.difference, a, b))


def both(a: BaseGeometry, b: BaseGeometry) -> BaseGeometry:
    """The area two areas share."""
    if a.is_empty or b.is_empty or not a.intersects(b):
        return geo.EMPTY
    return geo.polygonal(_safely(shapely.intersection, a, b))


def _safely(operation: object, a: BaseGeometry, b: BaseGeometry) -> BaseGeometry:
    try:
        return operation(a, b)  # type: ignore[operator, no-any-return]
    except shapely.errors.GEOSException:
        # About a centimetre: nodes the two drawings into one arrangement where floating point cannot.
        return operation(geo.repair_quietly(a), geo.repair_quietly(b), grid_size=1e-7)  # type: ignore[operator, no-any-return]


@dataclass(frozen=True, slots=True)
class Measured:
    """The part of a difference that concerns a dispute: ``geometry`` its thick pieces, ``thin`` the others."""

    difference: Difference
    geometry: BaseGeometry
    thin: tuple[BaseGeometry, ...]
    inradius_km: float
    inside: bool
    """A thick piece lies mostly on the ground: however small its share, it is no neighbour's."""


def own_zones(*scenes: Scene) -> frozenset[str]:
    """The owners no identity resolves whose sea is the dispute's zone as the source itself outlines it.

    "DISPUTED", "Overlapping claim: ...": zone and ground each lie mostly in the other. On land such a feature is
    found by name or by fit (``observe``); at sea outlines differ by whole claims, and no two sources draw one alike.
    """
    found = set()
    for scene in scenes:
        if not scene.ground.sea or scene.ground.dispute.boxed:
            continue
        for owner, area in scene.by_owner.items():
            if is_unknown(owner):
                common = geo.area_km2(both(area, scene.ground.area))
                if common >= MOSTLY * max(geo.area_km2(area), scene.ground.area_km2):
                    found.add(owner)
    return frozenset(found)


def on_ground(
    difference: Difference, scene: Scene, plane: geo.Plane, at_least_km: float, zones: frozenset[str] = frozenset()
) -> Measured | None:
    """The connected pieces of a difference that concern the dispute's ground; None where all are slivers.

    A piece that lies mostly on the ground is told whole (the reference outline is ours, the piece is the
    source's), and so is one of the source's own zone (``own_zones``); of a larger piece only what lies on the ground.
    """
    thick: list[BaseGeometry] = []
    thin: list[BaseGeometry] = []
    thickest, ours = 0.0, False
    of_zone = difference.loser in zones or difference.gainer in zones
    shapely.prepare(scene.ground.area)
    for piece in shapely.get_parts(difference.geometry):
        if not scene.ground.area.intersects(piece):
            continue
        radius = geo.inradius_km(piece, plane, at_least_km=at_least_km)
        inside = both(piece, scene.ground.area)
        mostly = of_zone or geo.area_km2(inside) >= MOSTLY * geo.area_km2(piece)
        if radius > at_least_km and not mostly:
            radius = geo.inradius_km(inside, plane, at_least_km=at_least_km)
        (thick if radius > at_least_km else thin).append(piece if mostly else inside)
        thickest = max(thickest, radius)
        ours = ours or (mostly and radius > at_least_km)
    if not thick:
        return None
    return Measured(difference, geo.union(thick), tuple(thin), thickest, ours)


def patches(passed: Iterable[Difference], plane: geo.Plane, at_least_km: float) -> list[BaseGeometry]:
    """Every compact piece in the window, on the ground or not: a neighbour's change is no noise either.

    Where a whole region is drawn otherwise at once (Kashmir with Aksai Chin, 2025), most boundary around one
    dispute bounds the change of another, and would raise the floor above the change itself.
    """
    found = []
    for difference in passed:
        for piece in shapely.get_parts(difference.geometry):
            radius = geo.inradius_km(piece, plane, at_least_km=at_least_km)
            if radius > at_least_km and np.pi * radius * radius >= COMPACT * geo.area_km2(piece):
                found.append(piece)
    return found


def whole(one: Measured, noise: Noise, plane: geo.Plane) -> BaseGeometry:
    """What passed, with the thin pieces the pair's noise does not explain: all of them where it has none.

    Area over perimeter bounds the inscribed radius within a factor of two, without fitting a circle.
    """
    kept = [one.geometry]
    for piece in one.thin:
        flat = plane.project(piece)
        if flat.length and 2 * flat.area / flat.length > noise.floor_km:
            kept.append(piece)
    return geo.union(kept)


def findings(
    before: Scene, after: Scene, *, redrawn: bool = False, same_ground: bool = False
) -> tuple[list[Finding], Noise, float]:
    """Changes of ownership of one dispute between two scenes, the pair's noise and its detection limit (km).

    ``redrawn`` says that the two worlds were drawn from different data: what is new on empty sea or land
    then comes of the drawing, and is told as minor. ``same_ground`` that every owner is known to hold the same
    ground in the window, though features that reach out of it were drawn otherwise there.
    """
    declared = max(before.depiction.limit_km or 0.0, after.depiction.limit_km or 0.0)
    if same_ground or before.ground.name_only or before.areas_key == after.areas_key:
        return [], Noise(0.0, 1.0), declared
    plane = geo.Plane.around(before.ground.window)
    smallest = MINOR_FRACTION * declared
    passed = list(differences(before.by_owner, after.by_owner))
    zones = own_zones(before, after)
    measured = [m for d in passed if (m := on_ground(d, before, plane, smallest, zones)) is not None]
    suspects = [m.geometry for m in measured if m.inradius_km >= smallest]
    if measured:
        suspects += patches(passed, plane, smallest)
    candidates = plane.project(geo.union(suspects)) if suspects else geo.EMPTY
    noise = floor(before, after, candidates, plane)
    limit = max(declared, RATIO * noise.floor_km)
    found = []
    for one in measured:
        geometry = whole(one, noise, plane)
        finding = _judge(one, geometry, before, after, noise, declared, limit, redrawn=redrawn)
        if finding is not None:
            found.append(finding)
    return found, noise, limit


def _judge(
    one: Measured,
    geometry: BaseGeometry,
    before: Scene,
    after: Scene,
    noise: Noise,
    declared: float,
    limit: float,
    *,
    redrawn: bool,
) -> Finding | None:
    ratio = one.inradius_km / noise.floor_km if noise.floor_km else None
    clear = ratio is None or ratio >= RATIO
    if not clear or one.inradius_km < MINOR_FRACTION * declared:
        return None
    area = geo.area_km2(geometry)
    share = geo.area_km2(both(geometry, before.ground.area)) / max(before.ground.area_km2, 1e-9)
    if share < EDGE_SHARE and not (one.inside and not before.ground.dispute.boxed):
        return None
    if one.inradius_km < limit and share < COARSE_SHARE:
        return None
    loser, gainer = one.difference.loser, one.difference.gainer
    measures = {
        "area_km2": area,
        "inradius_km": one.inradius_km,
        "noise_floor_km": noise.floor_km,
        "ratio": ratio,
        "limit_km": limit,
        "share": share,
        "geometry": geometry,
    }
    if loser and gainer and (is_unknown(loser) or is_unknown(gainer)) and _same_place(one, before, after):
        return None  # the feature stayed and its name or code became known, or unknown: no ground passed
    solid = one.inradius_km >= limit and share >= MINOR_SHARE and not (redrawn and (loser is None or gainer is None))
    significance = Significance.SUBSTANTIVE if solid else Significance.MINOR
    kind = Kind.OVERLAP if one.difference.overlap else Kind.TRANSFER
    return Finding(kind, significance, loser=loser, gainer=gainer, **measures)  # type: ignore[arg-type]


def is_unknown(owner: str | None) -> bool:
    """Whether an owner is a source's own word that resolves to nobody known."""
    return owner is not None and owner.startswith("?")


def _same_place(one: Measured, before: Scene, after: Scene) -> bool:
    """Whether the ground belongs to one feature that only changed its name: same place, one side unknown."""
    olds = [p for p in before.areas if p.drawn.owner == one.difference.loser and p.drawn.role is Role.AREA]
    news = [p for p in after.areas if p.drawn.owner == one.difference.gainer and p.drawn.role is Role.AREA]
    return any(same_place(old.whole, new.whole) for old in olds for new in news)


def same_place(a: BaseGeometry, b: BaseGeometry, iou: float = SAME_PLACE_IOU) -> bool:
    """Whether two features are one place, drawn twice."""
    one, other, common = geo.areas_km2([a, b, both(a, b)])
    return bool(common >= iou * (one + other - common) > 0)


def total_km2(geometries: list[BaseGeometry]) -> float:
    """Sum of geodesic areas, km2."""
    return float(np.sum(geo.areas_km2(geometries))) if geometries else 0.0
