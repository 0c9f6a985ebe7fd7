"""The noise floor of a pair: how far two drawings of the same boundary lie apart where nothing changed.

Measured on the pair itself, around the dispute, so that a re-digitised map raises its own bar and a map
re-published with the same vertices has a floor of zero. Against 4,768 labelled pairs, the inscribed radius of
a difference divided by such a floor told change from noise better (F1 .97) than any measure without it (.67-.82).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.disputes import land

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Scene

# Above this ratio of inscribed radius to floor a difference is a change (fitted on half the disputes of the
# labelled pairs, scored on the other half).
RATIO = 3.0
# The same where every difference was left out of the floor: boundary lines, and ground in no dispute.
RATIO_APART = 3.5
# Noise comes in all thicknesses: what is thicker than the next thinner piece by more than this stands apart.
STEP = 1.5
SAMPLES = 1500
# Drawings differ by heavy tails (dropped islands, straightened coasts): a quantile, not a mean.
QUANTILE = 0.8
# Two drawings that agree to this are the same drawing: a rounded coordinate, about a metre, and the bow of
# 8 m that a long edge keeps on the plane, other in each drawing where one has more vertices on it.
SAME_KM = 0.01
# A boundary lies beside another owner within this many times the source's resolution: neighbours drawn apart.
BESIDE, BESIDE_MIN_KM = 2.0, 1.0
# Fewer samples are no measure.
FEW, LAND_SAMPLES = 10, 40
# Candidates that leave less than this share of all boundaries are the noise themselves.
ALL_LEFT = 0.02
# Of a sliver the thickness is twice the inradius; half as much again where it bends.
THICK = 3.0
# The largest circle fills this much of a patch that is no sliver (a disk 1, Crimea .4, a shifted boundary < .1).
COMPACT = 0.25
# How far from land a line of a sea zone is still the coast, as a share of the zone's own thickness: our land is
# true to 10 km, and the strip must not fill a narrow sea; nor need it be wider than that in a wide one.
COAST_SHARE = 0.25
COAST_MAX_KM = 25.0


@dataclass(frozen=True, slots=True)
class Noise:
    """The floors of a pair in a window; ``shared`` is the part of the boundary drawn the same.

    ``floor_km`` is measured on every boundary and coast, ``land_km`` where two owners meet. Coasts are drawn anew
    by far heavier tails (dropped islands, buffers at sea), and noise on a coast hands no ground from owner to owner.
    """

    floor_km: float
    shared: float
    land_km: float | None = None

    @property
    def ownership_km(self) -> float:
        """The floor that ground passing from one owner to another must clear."""
        return self.floor_km if self.land_km is None else min(self.land_km, self.floor_km)

    def of(self, loser: str | None, gainer: str | None) -> float:
        """The floor a difference between two owners, or an owner and nobody, must clear."""
        return self.floor_km if loser is None or gainer is None else self.ownership_km


@dataclass(frozen=True, slots=True)
class Outline:
    """Boundaries on the plane (km) by owner, sampled at even steps.

    ``parts`` are single lines and ``owner`` whose each is; ``points`` are the samples, with the ``part`` and the
    segment (as in ``geometry.segments_of``) each is on.
    """

    parts: NDArray[np.object_]
    owner: NDArray[np.int64]
    points: NDArray[np.float64]
    part: NDArray[np.int64]
    segment: NDArray[np.int64]

    @classmethod
    def from_rings(cls, rings: Sequence[BaseGeometry], spacing_km: float) -> Outline:
        """The outline of one scene from the boundaries of each owner."""
        parts, owner = shapely.get_parts(np.asarray(rings, dtype=object), return_index=True)
        parts, owner = parts[~shapely.is_empty(parts)], owner[~shapely.is_empty(parts)]
        points, segment = geo.samples_on(parts, spacing_km)
        inner = np.maximum(shapely.get_num_coordinates(parts) - 1, 0)
        return cls(parts, owner, points, np.repeat(np.arange(len(parts)), inner)[segment], segment)

    @property
    def lines(self) -> BaseGeometry:
        """All boundaries together."""
        return shapely.MultiLineString(list(self.parts))

    def beside_others(self, near_km: float, ground: BaseGeometry) -> NDArray[np.bool_]:
        """Which samples lie where two owners meet.

        That is where another owner begins, on ground that the other scene draws too: a boundary drawn out at sea, where
        the other map draws nobody, says nothing of how the two draw boundaries on land.
        """
        found = np.zeros(len(self.points), dtype=bool)
        shapely.prepare(ground)
        owners = self.owner[self.part]
        for owner in np.unique(owners).tolist():
            mine = np.flatnonzero(owners == owner)
            others = shapely.MultiLineString(list(self.parts[self.owner != owner]))
            shapely.prepare(others)
            samples = np.asarray(shapely.points(self.points[mine]))
            found[mine] = shapely.dwithin(samples, others, near_km)
            here = found[mine]
            found[mine[here]] = shapely.dwithin(samples[here], ground, near_km)
        return found


def _sampled(rings: Sequence[Sequence[BaseGeometry]]) -> tuple[Outline, Outline]:
    """Two sets of boundaries sampled at one spacing."""
    spacing = max(max(sum(float(g.length) for g in one) for one in rings) / SAMPLES, 1e-6)
    old, new = (Outline.from_rings(one, spacing) for one in rings)
    return old, new


def _gaps(one: Outline, other: Outline) -> NDArray[np.float64]:
    """How far from the other's lines each sample lies; nothing is measured on segments that both have."""
    mine, theirs = (_keys(o) for o in (one, other))
    gaps = np.zeros(len(one.points))
    apart = ~np.isin(mine, theirs)[one.segment]
    gaps[apart] = geo.distances_km(one.points[apart], other.lines)
    return gaps


_TURNS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)


def _keys(outline: Outline) -> NDArray[np.uint64]:
    """A number for every segment, the same for the same two ends; 2**-64 that two others share one."""
    ends = geo.segments_of(outline.parts)
    (x, y), (u, v) = ends[:, 0].T, ends[:, 1].T
    ends = np.where(((x > u) | ((x == u) & (y > v)))[:, None, None], ends[:, ::-1], ends)
    words = np.ascontiguousarray(ends.reshape(-1, 4) + 0.0).view(np.uint64)  # no -0.0
    keys = np.zeros(len(words), dtype=np.uint64)
    for word, turn in zip(words.T, _TURNS, strict=True):
        keys = (keys ^ word) * turn
        keys ^= keys >> np.uint64(29)
    return keys


def boundaries(scene: Scene, plane: geo.Plane) -> dict[str, BaseGeometry]:
    """Every owner's boundaries and coasts in the window on the plane, without the window's own frame."""
    # Rings touch the frame only where clipping cut them; a hair's width removes exactly those stretches.
    frame = shapely.box(*scene.ground.window).boundary.buffer(1e-7)
    thin = (scene.depiction.limit_km or 0.0) / geo.KM_PER_DEGREE
    found = {}
    for owner, area in scene.by_owner.items():
        rings = [p for ring in _outlines(area, thin) for p in shapely.get_parts(ring)]
        lines = shapely.difference(shapely.multilinestrings(rings), frame) if rings else shapely.MultiLineString()
        if not lines.is_empty:
            found[owner] = plane.project(lines)
    return _at_sea(found, scene, plane) if scene.ground.sea else found


def _at_sea(rings: dict[str, BaseGeometry], scene: Scene, plane: geo.Plane) -> dict[str, BaseGeometry]:
    """The lines without those on land and along its coasts, where there are others: at sea neither is a boundary.

    A product of sea zones has coasts and one of "land and sea" has none: compared, they once gave a floor of 98 km.
    """
    strip_km = min(COAST_SHARE * scene.ground.inradius_km, COAST_MAX_KM)
    ashore = plane.project(geo.clip(land(), scene.ground.window)).buffer(strip_km)
    rest = {owner: shapely.difference(lines, ashore) for owner, lines in rings.items()}
    return {owner: lines for owner, lines in rest.items() if not lines.is_empty} or rings


def _outlines(area: BaseGeometry, thin: float) -> list[BaseGeometry]:
    """The rings of an area but for holes thinner than the source can show: seams between features of one owner."""
    parts = shapely.get_parts(area)
    holes = [h for p in parts for h in p.interiors if 2 * shapely.Polygon(h).area >= thin * h.length]
    return [p.exterior for p in parts if not p.is_empty] + holes


def floor(
    before: Scene, after: Scene, candidates: Sequence[BaseGeometry], radii_km: Sequence[float], plane: geo.Plane
) -> Noise:
    """The noise floors outside ``candidates``: plane areas that may be real changes, one a piece.

    ``radii_km`` is how thick each is, infinite for what is not to be taken for noise however thin.
    """
    limits = [s.depiction.limit_km or 0.0 for s in (before, after)]
    # Neighbouring sea zones are often drawn apart, by a kilometre or two: the far side of such a seam bounds a
    # changed zone too.
    seam_km = max(SAME_KM, *limits) if before.ground.sea else SAME_KM
    old, new = _sampled([list(boundaries(s, plane).values()) for s in (before, after)])
    gaps = _both_gaps(old, new)
    if gaps is None:
        return _nothing_to_measure(old, new)
    land = np.zeros(len(gaps), dtype=bool)
    if _quantile(gaps) > 0:
        meeting = []
        for outline, limit, other in zip((old, new), limits, (after, before), strict=True):
            ground = geo.repair_quietly(plane.project(geo.union(other.by_owner.values())))
            meeting.append(outline.beside_others(max(BESIDE * limit, BESIDE_MIN_KM), ground))
        land = np.concatenate(meeting)
    points = np.concatenate([old.points, new.points])
    return _settled(gaps, land, [_near(points, c, seam_km) for c in candidates], candidates, np.asarray(radii_km))


def floor_of_lines(before: BaseGeometry, after: BaseGeometry, candidates: BaseGeometry, plane: geo.Plane) -> Noise:
    """The floor of two sets of boundary lines in degrees."""
    old, new = _sampled([[plane.project(before)], [plane.project(after)]])
    gaps = _both_gaps(old, new)
    if gaps is None:
        return _nothing_to_measure(old, new)
    near = _near(np.concatenate([old.points, new.points]), candidates, SAME_KM)
    return _settled(gaps, np.zeros(len(gaps), dtype=bool), [near], [candidates], np.array([np.inf]))


def _both_gaps(old: Outline, new: Outline) -> NDArray[np.float64] | None:
    """The gaps at the samples of both outlines; None where one has no lines."""
    if len(old.points) == 0 or len(new.points) == 0:
        return None
    return np.concatenate([_gaps(old, new), _gaps(new, old)])


def _nothing_to_measure(old: Outline, new: Outline) -> Noise:
    return Noise(0.0, 1.0 if len(old.parts) == len(new.parts) == 0 else 0.0)


def _settled(
    gaps: NDArray[np.float64],
    land: NDArray[np.bool_],
    near: Sequence[NDArray[np.bool_]],
    candidates: Sequence[BaseGeometry],
    radii_km: NDArray[np.float64],
) -> Noise:
    """The floors where every candidate that does not stand out counts as noise.

    A changed stretch bounds its own difference and says nothing of the noise elsewhere. But left out for good, the
    thickest pieces of noise would leave the thinnest to measure it by (1.1 km of 10 in a map drawn anew so far off):
    those that the floor without any of them covers are taken in, and then each next thicker one that does not stand
    apart from the one before.
    """
    excluded = np.ones(len(candidates), dtype=bool)
    if (~_any(near, excluded, len(gaps))).sum() < max(FEW, ALL_LEFT * len(gaps)):
        # Drawn anew, every boundary runs along a candidate, and slivers are the noise; a compact patch never is.
        excluded = np.array([_is_compact(c) for c in candidates], dtype=bool)
    # A line next to a piece of noise is hardly farther off than the piece is thick; farther, it bounds another.
    beyond = [mask & (gaps > THICK * km) for mask, km in zip(near, radii_km.tolist(), strict=True)]

    def measured(excluded: NDArray[np.bool_]) -> Noise:
        outside = ~(_any(near, excluded, len(gaps)) | _any(beyond, ~excluded, len(gaps)))
        shared = float((gaps[outside] <= SAME_KM).mean()) if outside.any() else 0.0
        # Few stretches left outside may be the odd ones (islets only one draws): no floor above that of all.
        value = min(_quantile(gaps[outside]), _quantile(gaps))
        on_land = _quantile(gaps[outside & land]) if (outside & land).sum() >= LAND_SAMPLES else None
        return Noise(value, shared, on_land)

    noise = measured(excluded)
    reached_km = 0.0
    for km in np.sort(radii_km[excluded]).tolist():
        if km > max(RATIO * noise.ownership_km, STEP * reached_km):
            break
        reached_km = km
    standing_out = excluded & (radii_km > reached_km)
    return noise if (standing_out == excluded).all() else measured(standing_out)


def _any(near: Sequence[NDArray[np.bool_]], which: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    chosen = [mask for mask, wanted in zip(near, which.tolist(), strict=True) if wanted]
    return np.any(chosen, axis=0) if chosen else np.zeros(length, dtype=bool)


def _quantile(gaps: NDArray[np.float64]) -> float:
    value = float(np.quantile(gaps, QUANTILE)) if len(gaps) else np.inf
    return 0.0 if value <= SAME_KM else value


def _near(points: NDArray[np.float64], area: BaseGeometry, seam_km: float) -> NDArray[np.bool_]:
    """Which points lie in an area or along it."""
    near = np.zeros(len(points), dtype=bool)
    if area.is_empty:
        return near
    west, south, east, north = area.bounds
    x, y = points.T
    box = (x >= west - seam_km) & (x <= east + seam_km) & (y >= south - seam_km) & (y <= north + seam_km)
    shapely.prepare(area)
    near[box] = shapely.dwithin(shapely.points(points[box]), area, seam_km)
    return near


def _is_compact(area: BaseGeometry) -> bool:
    """Whether an area is no sliver: its largest circle fills a good part of it."""
    parts = [p for p in shapely.get_parts(area) if p.area > 0]
    if not parts:
        return False
    largest = max(parts, key=lambda p: p.area)
    radius = geo.largest_circle(largest, largest.area**0.5 / 50).length
    return bool(np.pi * radius * radius >= COMPACT * largest.area)
