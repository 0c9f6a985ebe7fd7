"""Who lost what to whom: the overlay of ownership between two scenes of one dispute.

Transfer of n to m is (A_n - B_n) n (B_m - A_m), so that layers with overlapping claims give no phantom swaps.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.kinds import kind_of
from borderwatch.diff.noise import COMPACT, RATIO, Noise, floor
from borderwatch.diff.record import Finding
from borderwatch.models import Role, Significance

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
# Where this much of the other boundary was kept to the metre, a map was edited, not drawn anew.
KEPT = 0.9
# Finer than the source can vouch for, a difference is told only where it concerns a good part of the dispute.
COARSE_SHARE = 0.1
# Between maps drawn anew a part of a dispute is told as minor below so many times the scale's limit, as elsewhere: the
# limit is an estimate, and an outline of another make has its odd corner.
SURE = 2.0
# No scale leaves out an island this many times thicker than its limit.
ISLAND = 3.0
# And this small it is the neighbour's change, seen over the fence.
EDGE_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Difference:
    """Ground that passed from one owner (or nobody) to another, in one window; geometry WGS 84."""

    loser: str | None
    gainer: str | None
    geometry: BaseGeometry
    overlap: bool = False


def differences(
    before: Mapping[str, BaseGeometry],
    after: Mapping[str, BaseGeometry],
    owners: Container[str] | None = None,
    *,
    at_least_km: float = 0.0,
) -> Iterator[Difference]:
    """Every pair of owners between whom ground passed, in code order; slivers and all.

    ``owners`` are those looked at, where it is known who comes into question (``moved``). ``at_least_km`` leaves out
    connected pieces too small to hold a circle of that radius: on two drawings of one coast these are nearly all.
    """
    looked_at = before.keys() | after.keys() if owners is None else owners
    lost = {o: minus(a, after.get(o)) for o, a in sorted(before.items()) if o in looked_at}
    gained = {o: minus(b, before.get(o)) for o, b in sorted(after.items()) if o in looked_at}
    lost = {o: sizeable(g, at_least_km) for o, g in lost.items()}
    gained = {o: sizeable(g, at_least_km) for o, g in gained.items()}
    lost = {o: g for o, g in lost.items() if not g.is_empty}
    gained = {o: g for o, g in gained.items() if not g.is_empty}
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
    for loser, rest in left.items():
        yield from _split(rest, after, loser, None)
    for gainer, rest in fresh.items():
        yield from _split(rest, before, None, gainer)


def moved(
    before: Mapping[str, BaseGeometry], after: Mapping[str, BaseGeometry], at_least_km: float
) -> dict[str, BaseGeometry]:
    """The ground that an owner holds in one of two drawings only, by owner, without what ``differences`` leaves out.

    One overlay an owner, where ``differences`` takes several: most owners of a map drawn anew are not in the answer.
    """
    return dict(_moving(before, after, at_least_km))


def _moving(
    before: Mapping[str, BaseGeometry],
    after: Mapping[str, BaseGeometry],
    at_least_km: float,
    meeting: BaseGeometry | None = None,
) -> Iterator[tuple[str, BaseGeometry]]:
    """The same one after the other; of large pieces those alone that meet some ground."""
    for owner in sorted(before.keys() | after.keys()):
        one, other = before.get(owner, geo.EMPTY), after.get(owner, geo.EMPTY)
        if one.equals_exact(other):
            continue
        either = geo.polygonal(_safely(shapely.symmetric_difference, one, other))
        pieces = sizeable(either, at_least_km, meeting=meeting)
        if not pieces.is_empty:
            yield owner, pieces


def sizeable(ground: BaseGeometry, at_least_km: float, *, meeting: BaseGeometry | None = None) -> BaseGeometry:
    """The connected pieces thick enough for a circle of a radius, asked in degrees and cheaply: hardly one too many.

    Of those, where it is given, the ones that touch ``meeting``.
    """
    parts = shapely.get_parts(ground)
    if at_least_km <= 0 or len(parts) == 0:
        return ground
    # A tenth less: the area is of the ellipsoid, and no degree is longer than this one.
    least_km = 0.9 * at_least_km
    least_deg = least_km / geo.KM_PER_DEGREE
    area = shapely.area(parts)
    large = area >= np.pi * least_deg**2
    kept, area = parts[large], area[large]
    west, south, east, north = shapely.bounds(kept).T
    # As if all of it lay where a degree of longitude is longest.
    scale = np.cos(np.radians(np.where(south * north < 0, 0.0, np.minimum(np.abs(south), np.abs(north)))))
    large = (area * scale >= np.pi * least_deg**2) & (north - south >= 2 * least_deg)
    kept = kept[large & ((east - west) * scale >= 2 * least_deg)]
    if len(kept) == 0:
        return geo.EMPTY
    if meeting is not None:
        kept = kept[shapely.intersects(meeting, kept)]
    # Of 13 slivers of ten metres by tens of kilometres that pass the first test none passes this one.
    kept = kept[~shapely.is_empty(shapely.buffer(kept, -least_deg, quad_segs=1))]
    return ground if len(kept) == len(parts) else shapely.MultiPolygon(list(kept))


def _split(
    rest: BaseGeometry, held: Mapping[str, BaseGeometry], loser: str | None, gainer: str | None
) -> Iterator[Difference]:
    """Ground left over: where another held it all along it is an overlap, elsewhere nobody's."""
    shared = geo.union([both(g, rest) for _, g in sorted(held.items())])
    if not shared.is_empty:
        yield Difference(loser, gainer, shared, overlap=True)
    alone = minus(rest, shared)
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
class Patch:
    """A connected piece of a difference, as far as it concerns a dispute."""

    geometry: BaseGeometry
    inradius_km: float
    inside: bool
    """It lies mostly on the ground: however small its share, it is no neighbour's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The part of a difference that concerns a dispute: its thick pieces, thickest first, and its ``thin`` ones."""

    difference: Difference
    thick: tuple[Patch, ...]
    thin: tuple[BaseGeometry, ...]

    def above(self, radius_km: float) -> tuple[Patch, ...]:
        """The thick pieces that reach a radius."""
        return tuple(p for p in self.thick if p.inradius_km >= radius_km)


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
    thick: list[Patch] = []
    thin: list[BaseGeometry] = []
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
        elif radius > at_least_km and not of_zone and not piece.equals(inside):
            # Thick beside the ground and thin on it: the neighbour's, and slivers that hang on it.
            on_it = geo.inradius_km(inside, plane, at_least_km=MOSTLY * at_least_km)
            radius = radius if on_it > MOSTLY * at_least_km else 0.0
        if radius > at_least_km:
            thick.append(Patch(piece if mostly else inside, radius, mostly))
        else:
            thin.append(piece if mostly else inside)
    thick.sort(key=lambda p: -p.inradius_km)
    return Measured(difference, tuple(thick), tuple(thin)) if thick else None


def patches(passed: Iterable[Difference], plane: geo.Plane, at_least_km: float) -> list[tuple[BaseGeometry, float]]:
    """Every compact piece in the window and its inradius (km), on the ground or not: all are real, none is noise.

    Where a whole region is drawn otherwise at once (Kashmir with Aksai Chin, 2025), most boundary around one
    dispute bounds the change of another, and would raise the floor above the change itself.
    """
    found = []
    for difference in passed:
        for piece in shapely.get_parts(difference.geometry):
            radius = geo.inradius_km(piece, plane, at_least_km=at_least_km)
            if radius > at_least_km and np.pi * radius * radius >= COMPACT * geo.area_km2(piece):
                found.append((piece, radius))
    return found


def whole(one: Measured, clear: Iterable[Patch], floor_km: float, plane: geo.Plane) -> BaseGeometry:
    """What passed: the pieces clear of the noise, without the slivers that hang on them.

    Where the pair has no noise every thin piece passed too, and nothing is trimmed.
    """
    pieces = [p.geometry for p in clear]
    if floor_km == 0:
        return geo.union([*pieces, *one.thin])
    return geo.union([geo.trimmed(p, floor_km, plane) for p in pieces])


@dataclass(frozen=True, slots=True)
class Judged:
    """The changes of ownership of one dispute, the pair's noise and its detection limit (km).

    ``unclear_km`` is the inradius of a difference over most of the ground that does not clear the noise: neither
    a change nor the lack of one can be vouched for. 0 where there is none.
    """

    findings: tuple[Finding, ...]
    noise: Noise
    limit_km: float
    unclear_km: float = 0.0


def findings(before: Scene, after: Scene, *, redrawn: bool = False, same_ground: bool = False) -> Judged:
    """Compare the ownership of one dispute in two scenes.

    ``redrawn`` says that the two worlds were drawn from different data: what is new on empty sea or land
    then comes of the drawing, and is told as minor. ``same_ground`` that every owner is known to hold the same
    ground in the window, though features that reach out of it were drawn otherwise there.
    """
    declared = max(before.depiction.limit_km or 0.0, after.depiction.limit_km or 0.0)
    if same_ground or before.ground.name_only or before.areas_key == after.areas_key:
        return Judged((), Noise(0.0, 1.0), declared)
    plane = geo.Plane.around(before.ground.window)
    smallest = MINOR_FRACTION * declared
    everywhere, measured = thick_pieces(before, after, plane, smallest)
    suspects = []
    for one in measured:
        most = _is_most(one.thick, before)
        suspects += [(p.geometry, np.inf if most else p.inradius_km) for p in one.thick]
    if measured:
        suspects += patches(everywhere, plane, smallest)
    noise = floor(before, after, [plane.project(s) for s, _ in suspects], [km for _, km in suspects], plane)
    if any(noise.of(m.difference.loser, m.difference.gainer) == 0 for m in measured):
        # No noise: what is too thin to find a change by is part of the change. Such drawings share their slivers.
        _, measured = thick_pieces(before, after, plane, smallest, slivers=True)
    limit = max(declared, RATIO * noise.ownership_km)
    found, unclear = [], 0.0
    for one in measured:
        finding = _judge(one, before, after, noise, declared, redrawn=redrawn)
        if finding is not None:
            found.append(finding)
        elif (
            one.difference.loser
            and one.difference.gainer
            and not _stayed(one, before, after)
            and _is_most(one.thick, before)
        ):
            unclear = max(unclear, one.thick[0].inradius_km)
    return Judged(tuple(found), noise, limit, unclear)


def thick_pieces(
    before: Scene, after: Scene, plane: geo.Plane, smallest_km: float, *, slivers: bool = False
) -> tuple[list[Difference], list[Measured]]:
    """What passed in the window, and what of it concerns the ground; nothing where nothing concerns the ground.

    Without ``slivers`` pieces are left out that hold no circle of ``smallest_km``.
    """
    at_least_km = 0.0 if slivers else smallest_km
    zones = own_zones(before, after)
    if not slivers and not zones and not _on_ground(before, after, smallest_km):
        return [], []
    owners = moved(before.by_owner, after.by_owner, at_least_km)
    passed = list(differences(before.by_owner, after.by_owner, owners, at_least_km=at_least_km))
    return passed, [m for d in passed if (m := on_ground(d, before, plane, smallest_km, zones)) is not None]


def _on_ground(before: Scene, after: Scene, smallest_km: float) -> bool:
    """Whether any owner has ground in one drawing only that may concern the dispute, asked of its own box first.

    A third of what a window holds lies in that box, and most maps drawn anew have nothing thick there.
    """
    ground = before.ground.area
    shapely.prepare(ground)
    old, new = ({o: _boxed(g, ground.bounds) for o, g in s.by_owner.items()} for s in (before, after))
    return any(ground.intersects(pieces) for _, pieces in _moving(old, new, MOSTLY * smallest_km, ground))


def _boxed(area: BaseGeometry, box: tuple[float, float, float, float]) -> BaseGeometry:
    try:
        return geo.polygonal(shapely.clip_by_rect(area, *box))
    except shapely.errors.GEOSException:
        return geo.clip(area, box)


def _is_most(patches: Iterable[Patch], scene: Scene) -> bool:
    """Whether some pieces together are most of the dispute's ground."""
    pieces = [both(p.geometry, scene.ground.area) for p in patches]  # of one difference, so none overlaps another
    return sum(geo.areas_km2(pieces)) >= MOSTLY * scene.ground.area_km2


def _stayed(one: Measured, before: Scene, after: Scene) -> bool:
    """Whether a feature stayed and its name or code became known, or unknown: no ground passed."""
    either = (one.difference.loser, one.difference.gainer)
    return None not in either and any(map(is_unknown, either)) and _same_place(one, before, after)


def _judge(
    one: Measured,
    before: Scene,
    after: Scene,
    noise: Noise,
    declared: float,
    *,
    redrawn: bool,
) -> Finding | None:
    loser, gainer = one.difference.loser, one.difference.gainer
    plane = geo.Plane.around(before.ground.window)
    floor_km = noise.of(loser, gainer)
    limit = max(declared, RATIO * floor_km)
    least = MINOR_FRACTION * declared
    clear = one.above(max(RATIO * floor_km, least))
    stood_out_km = clear[0].inradius_km if clear else 0.0
    if not clear and (carried_km := _carried_km(one, before, after, declared, plane)) >= RATIO * floor_km:
        # It is not by its thickness that it stood out: only the scale limits that.
        clear, stood_out_km, limit = one.above(declared), carried_km, declared
    if not clear:
        return None
    radius = clear[0].inradius_km
    geometry = whole(one, clear, floor_km, plane)
    area = geo.area_km2(geometry)
    share = geo.area_km2(both(geometry, before.ground.area)) / max(before.ground.area_km2, 1e-9)
    ours = any(p.inside for p in clear)
    if share < EDGE_SHARE and not ours:
        return None
    if radius < declared and not _vouched(one, share, noise):
        return None
    measures = {
        "area_km2": area,
        "inradius_km": radius,
        "noise_floor_km": floor_km,
        "ratio": stood_out_km / floor_km if floor_km and stood_out_km < np.inf else None,
        "limit_km": limit,
        "share": share,
        "geometry": geometry,
    }
    if _stayed(one, before, after):
        return None
    # A small piece of a large dispute is an edge where boundaries were drawn anew, and an edit where all others stayed.
    edited = ours and noise.shared >= KEPT and not redrawn and not before.ground.dispute.boxed
    sizeable = share >= MINOR_SHARE or edited
    solid = radius >= declared and sizeable
    if solid and redrawn and share < MOSTLY and radius < SURE * declared:
        solid = False
    if solid and redrawn and (loser is None or gainer is None):
        solid = share >= MOSTLY and _is_dropped(geometry, before if gainer is None else after, radius, limit)
    significance = Significance.SUBSTANTIVE if solid else Significance.MINOR
    kind = kind_of(loser, gainer, geometry, before.ground, overlap=one.difference.overlap)
    return Finding(kind, significance, loser=loser, gainer=gainer, **measures)  # type: ignore[arg-type]


def _vouched(one: Measured, share: float, noise: Noise) -> bool:
    """Whether a difference finer than the sources can vouch for is told all the same, as minor.

    Where the rest was kept a good part of the dispute; where it was drawn anew most of it, and from owner to owner, for
    small islands come and go.
    """
    if noise.shared >= KEPT:
        return share >= COARSE_SHARE
    return share >= MOSTLY and one.difference.loser is not None and one.difference.gainer is not None


def _carried_km(one: Measured, before: Scene, after: Scene, at_least_km: float, plane: geo.Plane) -> float:
    """How far noise would have had to carry a boundary to hand most of a dispute over; 0 where less than most passed.

    Noise moves boundaries: it gives ground to who is next to it. The middle of a piece lies so far from all its gainer
    held before, and so far from all its loser holds after; the larger of the two no noise of the pair may reach.
    Who holds nothing in the window is at least as far away as the window's edge; the disputed thing itself, which is
    nowhere else, infinitely far.
    """
    loser, gainer = one.difference.loser, one.difference.gainer
    pieces = one.above(at_least_km)
    if loser is None or gainer is None or not _is_most(pieces, before):
        return 0.0
    middle = geo.centre(pieces[0].geometry, plane)
    edge_km = float(middle.distance(plane.project(shapely.box(*before.ground.window).boundary)))
    apart_km = []
    for owner, held in ((gainer, before.by_owner.get(gainer)), (loser, after.by_owner.get(loser))):
        beyond_km = np.inf if owner == before.ground.identity else edge_km
        apart_km.append(float(middle.distance(plane.project(held))) if held is not None else beyond_km)
    return max(apart_km)


def _is_dropped(area: BaseGeometry, drawn: Scene, radius_km: float, limit_km: float) -> bool:
    """Whether a map left out ground on purpose: part of a larger land, or an island far above what scale leaves out."""
    middle = shapely.point_on_surface(area)
    land = geo.union(drawn.by_owner.values())
    around = [p for p in shapely.get_parts(land) if p.intersects(middle)]
    attached = bool(around) and geo.area_km2(around[0]) > 2 * geo.area_km2(area)
    return attached or radius_km >= ISLAND * limit_km


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
