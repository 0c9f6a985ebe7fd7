"""The gate every drawn feature passes: longitude and latitude, cut at 180 degrees, flat, valid, same area.

Rings come in as arrays of positions; what comes out is shapely geometry in WGS 84 degrees, or
``Malformed`` naming the feature and what is wrong with it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from shapely.affinity import translate

from borderwatch.errors import Malformed, TooLarge
from borderwatch.formats.even_odd import odd_ground
from borderwatch.geometry import MAX_REPAIR_AREA_CHANGE, area_km2, polygonal, repair

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

MAX_BYTES = 256 * 1024 * 1024  # four times the largest country layer known (OpenStreetMap admin 2, 60 MB)
MAX_FEATURES = 1_000_000
# -180.0001 is rounding, not another hemisphere: wrapped, it once invented 4.3 million km2.
_ROUNDING_DEG = 0.01
_MAX_LON, _MAX_LAT = 360.0, 90.0
# An edge from one side of the sheet to the other along a pole is drawn on purpose (Antarctica).
_POLE_EDGE_LAT = 89.0
# A part smaller than this that cannot be repaired is a fold of rounding, not ground (km2).
_CRUMB_KM2 = 0.5


class RawFeature(NamedTuple):
    """One feature as the file has it, its geometry past the gate."""

    geometry: BaseGeometry | None
    properties: dict[str, Any]
    id: str | None


def parsed_json(data: bytes, what: str) -> Any:
    """The JSON value in ``data``; ``Malformed`` or ``TooLarge`` says what came instead."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"{what}: {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"{what}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    head = text[:200].lstrip()
    if head.startswith("version https://git-lfs"):
        raise Malformed(f"{what}: a Git LFS pointer, not the data it points to")
    if head.startswith("<"):
        raise Malformed(f"{what}: a page of markup, not JSON: {head[:60]!r}")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what}: not JSON: {error}") from None


_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|([A-Za-z_$][\w$]*)(?=\s*:)')


def json_from_javascript(text: str, start: int, end: int, what: str) -> Any:
    """The first object literal in ``text[start:end]``, its keys quoted or not."""
    opening = text.find("{", start, end)
    if opening < 0:
        raise Malformed(f"{what}: no object literal where one is expected")
    quoted = _KEY.sub(lambda m: m[0] if m[1] is None else f'"{m[1]}"', text[opening:end])
    try:
        value, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(quoted)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{what}: not an object literal that JSON could hold: {error}") from None
    return value


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a coordinate")


def parts_of(geometry: BaseGeometry) -> list[Any]:
    """The single geometries a geometry is made of."""
    return list(shapely.get_parts(geometry))


# --- rings ----------------------------------------------------------------------------------------


def positions(value: object, what: str) -> NDArray[np.float64]:
    """An (n, 2) array of degrees from a list of positions; heights are dropped."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        try:  # positions of mixed length: some with a height, some without
            array = np.asarray([[p[0], p[1]] for p in value], dtype=np.float64)  # type: ignore[attr-defined]
        except (TypeError, ValueError, IndexError, KeyError):
            raise Malformed(f"{what}: a ring that is not a list of positions: {str(value)[:60]!r}") from None
    if array.size == 0:
        return np.empty((0, 2))
    if array.ndim != 2 or array.shape[1] < 2:
        raise Malformed(f"{what}: a ring of shape {array.shape}, not positions of two or three numbers")
    return array[:, :2]


def _checked(ring: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    """The ring with rounding beyond 180 and 90 degrees clamped; ``Malformed`` when it is not degrees."""
    if not np.isfinite(ring).all():
        raise Malformed(f"{what}: a coordinate that is not a finite number")
    low, high = ring.min(axis=0), ring.max(axis=0)
    if (
        low[0] < -_MAX_LON - _ROUNDING_DEG
        or high[0] > _MAX_LON + _ROUNDING_DEG
        or low[1] < -_MAX_LAT - _ROUNDING_DEG
        or high[1] > _MAX_LAT + _ROUNDING_DEG
    ):
        raise Malformed(
            f"{what}: x runs from {low[0]:g} to {high[0]:g} and y from {low[1]:g} to {high[1]:g}: "
            f"projected or scaled, not longitude and latitude in degrees (EPSG:4326)"
        )
    ring = ring.copy()
    np.clip(ring[:, 1], -90, 90, out=ring[:, 1])
    beyond = np.abs(ring[:, 0]) > 180
    if beyond.any() and (np.abs(ring[beyond, 0]) <= 180 + _ROUNDING_DEG).all():
        np.clip(ring[:, 0], -180, 180, out=ring[:, 0])
    return ring


def _steps(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far east each edge goes: never more than half the globe, unless the ring was cut for a sheet."""
    step = np.diff(xy[:, 0])
    jump = np.abs(step) > 180
    polar = np.abs(xy[:, 1]) >= _POLE_EDGE_LAT
    if not jump.any() or (jump & polar[1:] & polar[:-1]).any():
        return step
    around = np.where(jump, step - 360 * np.sign(step), step)
    # All on one meridian once rolled up: a band drawn right across the sheet.
    return step if not around.any() else around


def _unrolled(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ring on an endless sheet where no edge jumps; one that goes round a pole is closed along it."""
    lon = ring[0, 0] + np.concatenate([[0.0], np.cumsum(_steps(ring))])
    rolled = np.column_stack([lon, ring[:, 1]])
    if abs(lon[-1] - lon[0]) < 180:
        rolled[-1] = rolled[0]
        return rolled
    pole = -90.0 if ring[:, 1].mean() < 0 else 90.0
    return np.vstack([rolled, [lon[-1], pole], [lon[0], pole], rolled[:1]])


def _cut(area: BaseGeometry) -> list[BaseGeometry]:
    """The pieces of a polygon on the endless sheet, each moved back between -180 and 180."""
    if area.is_empty:
        return []
    west, _, east, _ = area.bounds
    pieces: list[BaseGeometry] = []
    for turn in range(math.floor((west + 180) / 360), math.ceil((east - 180) / 360) + 1):
        sheet = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        piece = polygonal(area.intersection(sheet))
        if not piece.is_empty:
            pieces.append(translate(piece, xoff=-360.0 * turn))
    # A ring round a pole has a seam where its walk begins; the union closes it.
    return parts_of(shapely.union_all(pieces)) if pieces else []


def _closed(ring: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The ring closed; None where it has no inside (fewer than three distinct corners)."""
    if len(ring) and (ring[0] != ring[-1]).any():
        ring = np.vstack([ring, ring[:1]])
    return ring if len(ring) >= 4 else None


def _polygons(rings: Sequence[object], what: str) -> list[BaseGeometry]:
    """The polygons one exterior and its holes make; none where every ring is empty."""
    closed = [_closed(_checked(r, what)) if len(r) else None for r in (positions(ring, what) for ring in rings)]
    solid = [ring for ring in closed if ring is not None]
    if not solid:
        return []
    plain = all(np.abs(ring[:, 0]).max() <= 180 and np.array_equal(_steps(ring), np.diff(ring[:, 0])) for ring in solid)
    if plain:
        return _filled(solid, what)
    exterior, *holes = [_unrolled(ring) for ring in solid]
    middle = (exterior[:, 0].min() + exterior[:, 0].max()) / 2
    beside = [h - [360.0 * np.round(((h[:, 0].min() + h[:, 0].max()) / 2 - middle) / 360), 0.0] for h in holes]
    return [piece for area in _filled([exterior, *beside], what) for piece in _cut(sound(area, what))]


def _filled(rings: Sequence[NDArray[np.float64]], what: str) -> list[BaseGeometry]:
    """What the rings enclose by the even-odd rule, which is a polygon with holes where it is one.

    Some publishers put every island of an archipelago into one polygon: read as holes they vanish.
    """
    polygon = shapely.Polygon(rings[0], rings[1:])
    if len(rings) == 1 or polygon.is_valid:
        return [polygon]
    shell, *holes = [sound(shapely.Polygon(ring), what) for ring in rings]
    return parts_of(odd_ground(shell, holes))


# --- geometry -------------------------------------------------------------------------------------


def areas(polygons: Iterable[Sequence[object]], what: str) -> BaseGeometry | None:
    """One valid area from polygons given as rings; empty ones are passed over; None when all are."""
    parts: list[Any] = [part for rings in polygons for part in _polygons(rings, what)]
    parts = [part for part in parts if not part.is_empty]
    if not parts:
        return None
    return sound(parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts), what)


def sound(area: BaseGeometry, what: str) -> BaseGeometry:
    """The area valid and, within 1 %, as large as it was; ``Malformed`` names it when it cannot be."""
    if area.is_valid:
        return area
    parts = [_mended(part, what) for part in parts_of(area)]
    united: BaseGeometry = shapely.union_all(parts) if len(parts) > 1 else parts[0]
    # Parts that overlap count once in the union: that is the ground, not a loss.
    return polygonal(united)


def _mended(part: BaseGeometry, what: str) -> BaseGeometry:
    """One valid polygon, or the pieces it falls into."""
    if part.is_valid:
        return part
    try:
        return repair(part)
    except ValueError as error:
        problem = str(error)
    # Where a ring crosses itself, its lobes cancel in the area it is measured against; then two
    # repairs that work differently must agree. By structure alone, one once emptied Russia.
    try:
        one = polygonal(shapely.make_valid(part, method="structure", keep_collapsed=False))
        other = polygonal(shapely.make_valid(part, method="linework"))
    except shapely.errors.GEOSException:
        raise Malformed(f"{what}: {problem}") from None
    size, also = area_km2(one), area_km2(other)
    if abs(size - also) > max(MAX_REPAIR_AREA_CHANGE * max(size, also), _CRUMB_KM2):
        raise Malformed(f"{what}: {problem}; two repairs give {size:,.1f} and {also:,.1f} km2")
    return one if size >= also else other


def lines(paths: Iterable[object], what: str) -> BaseGeometry | None:
    """Lines cut where they cross 180 degrees; None when there are none."""
    pieces: list[list[tuple[float, float]]] = []
    for path in paths:
        xy = positions(path, what)
        if len(xy) >= 2:
            pieces += _line_pieces(_checked(xy, what))
    made = [shapely.LineString(piece) for piece in pieces if len(piece) >= 2]
    if not made:
        return None
    return made[0] if len(made) == 1 else shapely.MultiLineString(made)


def _line_pieces(xy: NDArray[np.float64]) -> list[list[tuple[float, float]]]:
    pieces = [[(float(xy[0, 0]), float(xy[0, 1]))]]
    steps = _steps(xy)
    for (lon0, lat0), (lon1, lat1), step in zip(xy[:-1].tolist(), xy[1:].tolist(), steps.tolist(), strict=True):
        if step and step != lon1 - lon0:
            edge = 180.0 if step > 0 else -180.0
            lat = lat0 + (edge - lon0) / step * (lat1 - lat0)
            pieces[-1].append((edge, lat))
            pieces.append([(-edge, lat)])
        pieces[-1].append((lon1, lat1))
    return pieces


def points(values: Iterable[object], what: str) -> BaseGeometry | None:
    """Points; None when there are none."""
    array = positions(list(values), what)
    if len(array) == 0:
        return None
    array = _checked(array, what)
    return shapely.Point(array[0]) if len(array) == 1 else shapely.MultiPoint(array)


def together(found: Sequence[BaseGeometry | None], what: str) -> BaseGeometry | None:
    """What a collection draws: its areas where it has any, else its lines, else its points."""
    singles = [part for g in found if g is not None for part in parts_of(g) if not part.is_empty]
    joins: dict[str, Callable[[list[Any]], BaseGeometry]] = {
        "Polygon": shapely.MultiPolygon,
        "LineString": shapely.MultiLineString,
        "Point": shapely.MultiPoint,
    }
    for kind, join in joins.items():
        same = [part for part in singles if part.geom_type == kind]
        if same:
            joined: BaseGeometry = same[0] if len(same) == 1 else join(same)
            return sound(joined, what) if kind == "Polygon" else joined
    return None


def gated(geometry: BaseGeometry | None, what: str) -> BaseGeometry | None:
    """A shapely geometry from another reader, past the same gate."""
    if geometry is None or geometry.is_empty:
        return None
    kind = geometry.geom_type
    parts = parts_of(geometry)
    if kind in ("Polygon", "MultiPolygon"):
        return areas(
            (
                [shapely.get_coordinates(p.exterior), *(shapely.get_coordinates(r) for r in p.interiors)]
                for p in parts
                if not p.is_empty
            ),
            what,
        )
    if kind in ("LineString", "LinearRing", "MultiLineString"):
        return lines((shapely.get_coordinates(part) for part in parts), what)
    if kind in ("Point", "MultiPoint"):
        return points(shapely.get_coordinates(geometry), what)
    return together([gated(part, what) for part in parts], what)
