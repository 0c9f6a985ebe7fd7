"""The neutral land every map lies on: the land of the world without any boundary, cut to a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from borderwatch.disputes import land

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

LAND_CREDIT = "Land: Natural Earth (public domain), to 3 km"


def land_near(box: tuple[float, float, float, float]) -> BaseGeometry:
    """Land inside ``box`` (west, south, east, north degrees); empty at sea."""
    import shapely

    return shapely.clip_by_rect(land(), *box)


def land_of_the_world() -> BaseGeometry:
    """All land."""
    return land()
