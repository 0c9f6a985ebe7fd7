"""The neutral land every map lies on: the land of the world without any boundary, cut to a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from borderwatch.disputes import land
from borderwatch.models import DisputePage, Role, Sketch
from borderwatch.render import words
from borderwatch.render.language import gettext as _

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    Box = tuple[float, float, float, float]

LAND_CREDIT = "Land: Natural Earth (public domain), to 3 km"

NARROW = 1.5
"""Degrees: in a narrower window the world's land, true to some 3 km, shows an islet wrongly or not at all."""

ALL_OF_IT = 0.97
"""Of a window: a drawing that fills more takes in the sea around, as some sources' areas do, and tells no coast."""


def land_near(box: Box) -> BaseGeometry:
    """Land inside ``box`` (west, south, east, north degrees); empty at sea."""
    import shapely

    return shapely.clip_by_rect(land(), *box)


def land_for(page: DisputePage, window: Box) -> tuple[BaseGeometry, str]:
    """Land for a dispute's map and whom to credit: in a narrow window as the most detailed view at hand draws it."""
    west, south, east, north = window
    if max(east - west, north - south) <= NARROW:
        for finest in sorted(page.sketches.values(), key=lambda some: (-_detail(some, window), some[0].capture)):
            drawn = _drawn(finest, window)
            if drawn.is_empty:
                break
            if drawn.area < ALL_OF_IT * (east - west) * (north - south):
                capture = page.captures.get(finest[0].capture)
                source = words.short(capture.attribution) if capture is not None and capture.attribution else ""
                return drawn, _("Land: as drawn by %(source)s") % {"source": source or finest[0].capture[:12]}
    return land_near(window), LAND_CREDIT


def _drawn(sketches: tuple[Sketch, ...], window: Box) -> BaseGeometry:
    from borderwatch.geometry import clip, repair_quietly, union

    return union([repair_quietly(clip(s.geometry, window)) for s in sketches if s.role is Role.AREA])


def _detail(sketches: tuple[Sketch, ...], window: Box) -> int:
    """How many vertices of land a drawing has in the window: the finer map tells more of a small place."""
    import shapely

    shapes = [s.geometry for s in sketches if s.role is Role.AREA]
    return sum(int(shapely.get_num_coordinates(shapely.clip_by_rect(shape, *window))) for shape in shapes)


def land_of_the_world() -> BaseGeometry:
    """All land."""
    return land()
