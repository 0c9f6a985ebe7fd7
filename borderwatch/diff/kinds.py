"""Which kind of change a difference of ground is: a transfer, an overlap, a gap in the land, or land and water."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from borderwatch import geometry as geo
from borderwatch.disputes import land
from borderwatch.models import DisputeType, Kind

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Ground

# Ground that is nobody's on one side: a gap where this much of it is land, else water that was drawn as land.
LAND_SHARE = 0.5


def kind_of(loser: str | None, gainer: str | None, geometry: BaseGeometry, ground: Ground, *, overlap: bool) -> Kind:
    """The kind of a difference; owners as in ``Change``, ``geometry`` WGS 84.

    Land is the packaged land, true to 10 km, and the dispute's own outline where the dispute is about land: small
    islands are in the one and not in the other. A sea zone that is nobody's is a gap: there is no other land there.
    """
    if overlap:
        return Kind.OVERLAP
    if loser is not None and gainer is not None:
        return Kind.TRANSFER
    if ground.sea:
        return Kind.GAP
    own = ground.dispute.type is DisputeType.TERRITORY and not ground.dispute.boxed
    dry = geo.clip(land(), geometry.bounds)
    if own:
        dry = geo.union([dry, ground.area])
    share = geo.area_km2(geo.polygonal(shapely.intersection(geometry, dry))) / max(geo.area_km2(geometry), 1e-9)
    return Kind.GAP if share >= LAND_SHARE else Kind.LAND_WATER
