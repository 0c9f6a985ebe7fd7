"""One comparison, told by borderwatch and by everything simpler: the unit the accuracy benchmark counts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from borderwatch import geometry as geo  # noqa: E402
from borderwatch.diff import compare  # noqa: E402
from borderwatch.diff.ownership import both  # noqa: E402
from borderwatch.diff.series import redrawn  # noqa: E402
from borderwatch.mapfile import finest_km  # noqa: E402
from borderwatch.models import GROUND_KINDS, Dispute, Feature, Kind, Significance  # noqa: E402
from borderwatch.observe import Observer  # noqa: E402
from borderwatch.scene import Scene  # noqa: E402
from tests import strategies as made  # noqa: E402
from tests.strategies import Drawing  # noqa: E402

GROUND = (*GROUND_KINDS, Kind.APPEARED, Kind.DISAPPEARED)
BASELINES = (
    "bytes differ",
    "not topologically equal",
    "symmetric difference, km2",
    "1 - IoU",
    "Hausdorff, km",
    "inscribed radius, km",
)


@dataclass(frozen=True)
class Event:
    """What was really done to a map."""

    loser: str
    gainer: str
    place: BaseGeometry


@dataclass(frozen=True)
class Trial:
    """One comparison with what is known of it and what every method says of it.

    ``told`` is any change, as by the exit code of ``borderwatch diff``; ``solid`` a substantive one; ``right`` and
    ``solid_right`` the same with the owners, the direction and the place (IoU of a half and more) of the real one.
    """

    dispute: str
    operator: str
    real: bool
    scores: Mapping[str, float]
    told: bool
    solid: bool
    right: bool
    solid_right: bool
    verdict: str
    size: float = 0.0


def tried(
    before: Drawing,
    after: Drawing,
    about: Dispute,
    operator: str,
    event: Event | None,
    size: float = 0,
    *,
    finest: tuple[float, float],
) -> Trial:
    """Compare two drawings of one dispute, that show things down to ``finest`` km, by every method."""
    observer = Observer([about])
    old, new = (
        made.world([_feature(c, g) for c, g in d], n, km=km)
        for n, (d, km) in enumerate(zip((before, after), finest, strict=True))
    )
    a, b = observer.scenes(old)[about.slug], observer.scenes(new)[about.slug]
    return judged(a, b, operator, event, anew=redrawn(old, new), size=size)


def judged(
    a: Scene, b: Scene, operator: str, event: Event | None, *, anew: bool, size: float = 0, measured: bool = True
) -> Trial:
    """Compare two scenes of one dispute by every method; without ``measured`` by borderwatch alone."""
    outcome = compare.scenes(a, b, compare.Between(redrawn=anew))
    found = [f for f in outcome.findings if f.kind in GROUND]
    right = [
        f
        for f in found
        if event is not None
        and (f.loser, f.gainer) == (event.loser, event.gainer)
        and f.geometry is not None
        and _iou(f.geometry, event.place) >= 0.5
    ]
    ratios = [10.0 if f.ratio is None else min(f.ratio, 10.0) for f in found]
    return Trial(
        a.ground.dispute.slug,
        operator,
        event is not None,
        {"borderwatch": max(ratios, default=0.0), **(baselines(a, b) if measured else {})},
        bool(found),
        any(f.significance is Significance.SUBSTANTIVE for f in found),
        bool(right),
        any(f.significance is Significance.SUBSTANTIVE for f in right),
        outcome.comparison.verdict.value,
        size,
    )


def coarsened(resolution_km: float, drawing: Drawing, noisy: Drawing) -> tuple[float, float]:
    """What a drawing of a map of some resolution shows, and what is left of that in a noisy one.

    As ``borderwatch diff`` tells it of a file: by the distance between vertices, here by how much longer it became.
    """
    steps = [finest_km([g for _, g in d]) for d in (drawing, noisy)]
    return resolution_km, resolution_km * max(1.0, steps[1] / steps[0])


def _feature(code: str, place: BaseGeometry) -> Feature:
    return Feature(place, owner=code)


def _iou(a: BaseGeometry, b: BaseGeometry) -> float:
    common, one, other = geo.areas_km2([both(a, b), a, b])
    return float(common / max(one + other - common, 1e-9))


def baselines(a: Scene, b: Scene) -> dict[str, float]:
    """What others look at, on the same ground: the largest value over the owners."""
    plane = geo.Plane.around(a.ground.window)
    old, new = (
        {
            o: geo.repair_quietly(plane.project(p))
            for o, g in s.by_owner.items()
            if not (p := both(g, a.ground.area)).is_empty
        }
        for s in (a, b)
    )
    area, unlike, apart, thick, equal = 0.0, 0.0, 0.0, 0.0, True
    for owner in old.keys() | new.keys():
        one, other = old.get(owner, geo.EMPTY), new.get(owner, geo.EMPTY)
        difference = geo.polygonal(shapely.symmetric_difference(one, other, grid_size=1e-6))
        equal = equal and bool(one.equals(other))
        area = max(area, difference.area)
        unlike = max(unlike, difference.area / max(one.union(other).area, 1e-9))
        apart = max(apart, _hausdorff(one, other))
        thick = max(thick, _inradius(difference))
    values = (float(a.areas_key != b.areas_key), float(not equal), area, unlike, apart, thick)
    return dict(zip(BASELINES, values, strict=True))


def _hausdorff(one: BaseGeometry, other: BaseGeometry) -> float:
    if one.is_empty or other.is_empty:
        return 0.0 if one.is_empty and other.is_empty else 1e3
    there = geo.distances_km(shapely.get_coordinates(one.segmentize(1.0)), other.boundary)
    back = geo.distances_km(shapely.get_coordinates(other.segmentize(1.0)), one.boundary)
    return float(max(there.max(), back.max()))


def _inradius(area: BaseGeometry) -> float:
    best = 0.0
    for part in sorted(shapely.get_parts(area), key=lambda p: -p.area):
        if (part.area / np.pi) ** 0.5 <= best:
            break
        tolerance = max(part.area**0.5 / 100, 1e-3)
        best = max(best, float(shapely.maximum_inscribed_circle(part, tolerance=tolerance).length))
    return best
