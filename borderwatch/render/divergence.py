"""Where two views differ now: which ground one gives to an owner and the other does not. Measured, not drawn, here.

Not a change: a change is one view against its own past. Parts no wider than the coarser view can show are left out, as
two drawings of one line never quite meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from borderwatch.models import Role, Sketch

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.geometry import Plane

MOST = 900
"""Pairs compared for one page, in the order of the views given: 42 views; beyond, a page would take seconds."""

KEPT = "="
"""Stands for an owner where a view gives ground only to those whom the other gives it as well."""

GROUND = 0.001
"""Of the ground's span: how far its outline is simplified first. It is the same for every view, and only frames."""


@dataclass(frozen=True, slots=True)
class Part:
    """Ground one view gives to ``one`` and the other to ``other``; None: to nobody, ``KEPT``: to nobody besides."""

    one: str | None
    other: str | None
    area_km2: float
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where the views at ``first`` and ``second`` differ, down to ``limit_km``; no parts: nowhere."""

    first: int
    second: int
    limit_km: float
    parts: tuple[Part, ...]

    @property
    def area_km2(self) -> float:
        return sum(part.area_km2 for part in self.parts)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one view shows: its drawing and how fine it is."""

    sketches: tuple[Sketch, ...]
    limit_km: float


@dataclass(frozen=True, slots=True)
class _Given:
    """Who is given what inside the ground: by owner, all together, and whether owners overlap."""

    by_owner: Mapping[str, BaseGeometry]
    all: BaseGeometry
    overlaps: bool

    @property
    def key(self) -> tuple[object, ...]:
        return tuple((owner, shape.wkb) for owner, shape in sorted(self.by_owner.items()))


def divergences(ground: BaseGeometry, views: Sequence[Shown]) -> list[Divergence]:
    """Every pair of views within the dispute's ``ground`` (WGS 84); views with one drawing are compared once."""
    import shapely

    from borderwatch.geometry import Plane

    plane = Plane.around(ground.bounds)
    west, south, east, north = ground.bounds
    ground = shapely.simplify(ground, max(east - west, north - south) * GROUND)
    given = [_given(view, ground, plane) for view in views]
    keys = [one.key for one in given]
    known: dict[tuple[object, ...], tuple[Part, ...]] = {}
    found = []
    for i, j in list(combinations(range(len(views)), 2))[:MOST]:
        limit = max(views[i].limit_km, views[j].limit_km)
        key = (keys[i], keys[j], limit)
        if key not in known:
            known[key] = () if keys[i] == keys[j] else tuple(_parts(given[i], given[j], limit, plane))
        found.append(Divergence(i, j, limit, known[key]))
    return found


def _given(view: Shown, ground: BaseGeometry, plane: Plane) -> _Given:
    """What a view gives to each owner; slivers of neighbours are dropped, what has no owner is nobody's."""
    from borderwatch.geometry import area_km2, polygonal, repair_quietly, union

    groups: dict[str, list[BaseGeometry]] = {}
    for sketch in view.sketches:
        if sketch.owner is not None and sketch.role in {Role.AREA, Role.SEA}:
            inside = polygonal(repair_quietly(sketch.geometry).intersection(ground))
            if not inside.is_empty:
                groups.setdefault(sketch.owner, []).append(inside)
    shapes = {owner: union(some) for owner, some in groups.items()}
    together = union(shapes.values())
    overlaps = sum(area_km2(shape) for shape in shapes.values()) > area_km2(together) * 1.005
    thick = {owner: _thick(shape, view.limit_km, plane) for owner, shape in shapes.items()}
    return _Given({owner: shape for owner, shape in thick.items() if not shape.is_empty}, together, overlaps)


def _parts(first: _Given, second: _Given, limit_km: float, plane: Plane) -> list[Part]:
    """A part of something too thin is too thin: what cannot hold the circle is dropped before it is cut further."""
    from borderwatch.geometry import union

    gone, come = _only(first, second, limit_km, plane), _only(second, first, limit_km, plane)
    pieces: list[tuple[str | None, str | None, BaseGeometry]] = [
        (one, other, _common(left, right)) for one, left in gone.items() for other, right in come.items()
    ]
    pieces += [(one, None, _less(left, second.all)) for one, left in gone.items()]
    pieces += [(None, other, _less(right, first.all)) for other, right in come.items()]
    if first.overlaps or second.overlaps:
        mine, yours = union(gone.values()), union(come.values())
        pieces += [(one, KEPT, _less(_common(left, second.all), yours)) for one, left in gone.items()]
        pieces += [(KEPT, other, _less(_common(right, first.all), mine)) for other, right in come.items()]
    parts = (_part(one, other, _thick(piece, limit_km, plane)) for one, other, piece in pieces)
    return sorted(
        (part for part in parts if part is not None),
        key=lambda part: (-part.area_km2, part.one or "", part.other or ""),
    )


def _only(these: _Given, those: _Given, limit_km: float, plane: Plane) -> dict[str, BaseGeometry]:
    from borderwatch.geometry import EMPTY

    left = {o: _thick(_less(s, those.by_owner.get(o, EMPTY)), limit_km, plane) for o, s in these.by_owner.items()}
    return {owner: shape for owner, shape in left.items() if not shape.is_empty}


def _part(one: str | None, other: str | None, shape: BaseGeometry) -> Part | None:
    from borderwatch.geometry import area_km2

    return None if shape.is_empty else Part(one, other, area_km2(shape), shape)


def _less(a: BaseGeometry, b: BaseGeometry) -> BaseGeometry:
    from borderwatch.geometry import polygonal

    return a if b.is_empty or a.is_empty else polygonal(a.difference(b))


def _common(a: BaseGeometry, b: BaseGeometry) -> BaseGeometry:
    from borderwatch.geometry import EMPTY, polygonal

    return EMPTY if a.is_empty or b.is_empty else polygonal(a.intersection(b))


def _thick(shape: BaseGeometry, limit_km: float, plane: Plane) -> BaseGeometry:
    """The parts of ``shape`` a circle of ``limit_km`` fits in: narrower ones are two drawings of one line."""
    import shapely

    from borderwatch.geometry import EMPTY

    parts = shapely.get_parts(shape)
    wide = (shapely.bounds(parts)[:, 2:] - shapely.bounds(parts)[:, :2]).min(axis=1) * 111.7 > 2 * limit_km
    kept = [part for part in parts[wide & ~shapely.is_empty(parts)] if _holds(plane.project(part), limit_km)]
    return shapely.MultiPolygon(kept) if kept else EMPTY


def _holds(flat: BaseGeometry, radius_km: float) -> bool:
    west, south, east, north = flat.bounds
    if flat.area <= 3.15 * radius_km**2 or min(east - west, north - south) < 2 * radius_km:
        return False  # a circle's area and breadth are the least a part that holds it can have
    if flat.area > radius_km * flat.length:  # no area is more than its inscribed radius times its outline
        return True
    return not flat.buffer(-radius_km, quad_segs=4).is_empty
