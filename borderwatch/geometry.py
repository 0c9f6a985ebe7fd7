"""Repair, geodesic measure and noise-aware primitives on WGS 84 geometry; no source, no I/O.

Coordinates in and out are longitude, latitude in degrees unless a name says ``plane``: a local
Lambert azimuthal equal-area plane in km, good to about 1 % in distance over a 2,000 km window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch.arrays import begins

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# WGS 84: semi-major axis (km), first eccentricity squared.
_A_KM = 6378.137
_E2 = 0.0066943799901413165
_E = _E2**0.5
# q at the pole, the authalic function of Snyder, Map Projections: A Working Manual (1987), eq. 3-12.
_Q_POLE = 1 + (1 - _E2) / (2 * _E) * np.log((1 + _E) / (1 - _E))
EARTH_KM = 6371.0072
"""Radius of the sphere of equal area (authalic), km."""
KM_PER_DEGREE = 111.2
# A straight segment in degrees is bowed in metres: 122 m over one degree at 44 N. A quarter degree leaves 8 m.
_DENSIFY_DEG = 0.25
MAX_REPAIR_AREA_CHANGE = 0.01
EMPTY = shapely.Polygon()


def _authalic_q(lat_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    sin = np.sin(np.radians(lat_deg))
    es = _E * sin
    return np.asarray((1 - _E2) * (sin / (1 - es * es) + np.arctanh(es) / _E))


def _ring_areas_km2(coordinates: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unsigned area of each closed ring; edges are straight in degrees, integrated by Simpson's rule."""
    lon, lat = np.radians(coordinates[:, 0]), coordinates[:, 1]
    q = _authalic_q(lat)
    middle = _authalic_q((lat[:-1] + lat[1:]) / 2)
    term = np.diff(lon) * (q[:-1] + 4 * middle + q[1:]) / 6
    term[offsets[1:-1] - 1] = 0.0  # the step from one ring to the next is not an edge
    total = np.concatenate([[0.0], np.cumsum(term)])
    last = offsets[1:] - 1
    return np.asarray(np.abs(total[last] - total[offsets[:-1]]) * _A_KM * _A_KM / 2)


def areas_km2(geometries: Sequence[BaseGeometry] | NDArray[np.object_]) -> NDArray[np.float64]:
    """Area of each geometry on the WGS 84 ellipsoid, km2; 0 for lines, points, empty and None.

    Edges are taken as drawn, straight in longitude and latitude. Agrees with ``pyproj.Geod`` to
    1e-6 on country polygons (their edges are geodesics), at a tenth of the time.
    """
    array = np.asarray(geometries, dtype=object)
    result = np.zeros(len(array))
    parts, owner = shapely.get_parts(array, return_index=True)
    polygon = shapely.get_type_id(parts) == 3
    if not polygon.all():  # collections hold polygons one floor down
        deeper, inner = shapely.get_parts(parts, return_index=True)
        keep = shapely.get_type_id(deeper) == 3
        parts, owner = deeper[keep], owner[inner[keep]]
    parts, owner = parts[~shapely.is_empty(parts)], owner[~shapely.is_empty(parts)]
    if len(parts) == 0:
        return result
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    counts = shapely.get_num_coordinates(rings)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    areas = _ring_areas_km2(shapely.get_coordinates(rings), offsets)
    exterior = np.concatenate([[True], ring_part[1:] != ring_part[:-1]])
    np.add.at(result, owner[ring_part], np.where(exterior, areas, -areas))
    return result


def area_km2(geometry: BaseGeometry | None) -> float:
    """Area of one geometry on the WGS 84 ellipsoid, km2."""
    return 0.0 if geometry is None else float(areas_km2([geometry])[0])


def length_km(geometry: BaseGeometry | None) -> float:
    """Geodesic length of lines (or of the rings of polygons), km."""
    if geometry is None or geometry.is_empty:
        return 0.0
    from pyproj import Geod

    return float(Geod(ellps="WGS84").geometry_length(geometry)) / 1000


@dataclass(frozen=True, slots=True)
class Plane:
    """A local equal-area plane in km, centred on a window (Snyder 1987, eq. 24-2 to 24-4, sphere)."""

    lon0: float
    lat0: float

    @classmethod
    def around(cls, box: tuple[float, float, float, float]) -> Plane:
        """The plane centred on (west, south, east, north)."""
        return cls((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)

    def _to_km(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        lon, lat = np.radians(xy[:, 0] - self.lon0), np.radians(xy[:, 1])
        lat0 = np.radians(self.lat0)
        sin, cos, cos_lon = np.sin(lat), np.cos(lat), np.cos(lon)
        # The antipode has no image; 1e-12 keeps it finite, and no window comes near it.
        k = np.sqrt(2 / np.maximum(1 + np.sin(lat0) * sin + np.cos(lat0) * cos * cos_lon, 1e-12))
        x = k * cos * np.sin(lon)
        y = k * (np.cos(lat0) * sin - np.sin(lat0) * cos * cos_lon)
        return np.column_stack([x, y]) * EARTH_KM

    def project(self, geometry: BaseGeometry) -> BaseGeometry:
        """Degrees to km on this plane, densified first so that long edges keep their course."""
        try:
            dense = shapely.segmentize(geometry, _DENSIFY_DEG)
        except shapely.errors.GEOSException:  # GEOS refuses a line of two equal points: rounding leaves such crumbs
            parts = [p for p in shapely.get_parts(geometry) if p.length > 0]
            dense = shapely.segmentize(shapely.union_all(parts), _DENSIFY_DEG) if parts else EMPTY
        return shapely.transform(dense, self._to_km)

    def points(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """An (n, 2) array of degrees to km on this plane."""
        return self._to_km(xy)

    def unproject(self, geometry: BaseGeometry) -> BaseGeometry:
        """Km on this plane back to degrees."""

        def back(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = xy[:, 0] / EARTH_KM, xy[:, 1] / EARTH_KM
            rho = np.hypot(x, y)
            c = 2 * np.arcsin(np.clip(rho / 2, 0, 1))
            safe = np.where(rho == 0, 1, rho)
            lat0 = np.radians(self.lat0)
            lat = np.arcsin(np.clip(np.cos(c) * np.sin(lat0) + y * np.sin(c) * np.cos(lat0) / safe, -1, 1))
            lon = np.arctan2(x * np.sin(c), safe * np.cos(lat0) * np.cos(c) - y * np.sin(lat0) * np.sin(c))
            lat = np.where(rho == 0, lat0, lat)
            return np.column_stack([self.lon0 + np.degrees(lon), np.degrees(lat)])

        return shapely.transform(geometry, back)


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Only the areas of a geometry: what an intersection leaves of lines and points is dropped."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = shapely.get_parts(shapely.get_parts([geometry]))
    polygons = parts[shapely.get_type_id(parts) == 3]
    return shapely.union_all(polygons) if len(polygons) else EMPTY


def _by_structure(geometry: BaseGeometry) -> BaseGeometry:
    return shapely.make_valid(geometry, method="structure", keep_collapsed=False)


def repair(geometry: BaseGeometry) -> BaseGeometry:
    """A valid polygon of the same area (within 1 %); ValueError when no repair keeps it.

    ``make_valid`` by linework raises on some real polygons and by structure once emptied Russia, so
    the area is checked after either.
    """
    if geometry.is_valid:
        return geometry
    before = area_km2(geometry)
    for fix in (_by_structure, shapely.make_valid):
        try:
            fixed = polygonal(fix(geometry))
        except shapely.errors.GEOSException:
            continue
        if abs(area_km2(fixed) - before) <= max(MAX_REPAIR_AREA_CHANGE * before, 1e-3):
            return fixed
    raise ValueError(f"no repair keeps the area of {before:,.0f} km2: {shapely.is_valid_reason(geometry)}")


def union(geometries: Iterable[BaseGeometry]) -> BaseGeometry:
    """The union of areas, repairing what does not go together."""
    items = [g for g in geometries if not g.is_empty]
    if not items:
        return EMPTY
    if len(items) == 1:
        return items[0]
    try:
        return shapely.union_all(items)
    except shapely.errors.GEOSException:
        return shapely.union_all([repair(g) for g in items], grid_size=1e-9)


def wrapped(geometry: BaseGeometry) -> BaseGeometry:
    """The same lines or areas within -180 to 180 degrees: what is drawn past the antimeridian comes round.

    A hundredth of a degree over is the rounding of a ring cut there, not another turn; ValueError where the
    coordinates cannot be degrees.
    """
    west, south, east, north = geometry.bounds
    if west < -540 or east > 540 or south < -90.01 or north > 90.01:
        raise ValueError(f"coordinates from ({west:g}, {south:g}) to ({east:g}, {north:g}) are not degrees")
    if west >= -180.01 and east <= 180.01:
        return geometry
    turns = range(int((west + 180) // 360), int((east + 180) // 360) + 1)
    return shapely.union_all([_one_turn(geometry, 360.0 * k) for k in turns])


def _one_turn(geometry: BaseGeometry, turn: float) -> BaseGeometry:
    piece = shapely.clip_by_rect(geometry, turn - 180, -90, turn + 180, 90)
    return shapely.transform(piece, lambda xy: xy - np.array([turn, 0.0]))


def clip(geometry: BaseGeometry, box: tuple[float, float, float, float]) -> BaseGeometry:
    """The part of an area inside (west, south, east, north), valid."""
    try:
        piece = shapely.clip_by_rect(geometry, *box)
    except shapely.errors.GEOSException:
        piece = repair(geometry).intersection(shapely.box(*box))
    if not piece.is_valid:
        piece = shapely.make_valid(piece, method="structure", keep_collapsed=False)
    return polygonal(piece)


def inradius_km(geometry: BaseGeometry, plane: Plane, *, at_least_km: float = 0.0) -> float:
    """Radius in km of the largest circle that fits inside an area, measured on ``plane``.

    Parts that cannot beat ``at_least_km`` or the best so far are skipped: a circle's area bounds
    the radius by sqrt(A / pi). Returns 0 when no part can.
    """
    parts = shapely.get_parts(plane.project(geometry))
    if len(parts) == 0:
        return 0.0
    # Projection may turn a sliver inside out: its area is then negative, and no circle fits in it.
    bound = np.sqrt(np.maximum(shapely.area(parts), 0.0) / np.pi)
    best = 0.0
    for i in np.argsort(-bound):
        if bound[i] <= max(best, at_least_km):
            break
        best = max(best, _circle_radius(parts[i], tolerance=max(float(bound[i]) / 200, 1e-3)))
    return best


def _circle_radius(polygon: BaseGeometry, tolerance: float) -> float:
    """Radius of the largest circle inside one plane polygon, repaired first where it is not valid."""
    if not polygon.is_valid:
        fixed = shapely.get_parts(repair_quietly(polygon))
        return max((_circle_radius(part, tolerance) for part in fixed if part.area > 0), default=0.0)
    return float(largest_circle(polygon, tolerance).length)


def largest_circle(polygon: BaseGeometry, tolerance: float) -> BaseGeometry:
    """The radius, from centre to edge, of the largest circle inside a polygon; empty in a sliver that holds none."""
    circle: BaseGeometry | None = shapely.maximum_inscribed_circle(polygon, tolerance=tolerance)  # type: ignore[call-overload]
    return shapely.LineString() if circle is None else circle


def centre(geometry: BaseGeometry, plane: Plane) -> BaseGeometry:
    """The plane point (km) deepest inside an area: the centre of the largest circle in its largest part."""
    parts = shapely.get_parts(repair_quietly(plane.project(geometry)))
    largest = max(parts, key=lambda p: p.area)
    circle = largest_circle(largest, max(float(largest.area) ** 0.5 / 200, 1e-3))
    return shapely.point_on_surface(largest) if circle.is_empty else shapely.Point(circle.coords[0])


def opened(geometry: BaseGeometry, radius_km: float, plane: Plane) -> BaseGeometry:
    """What is left of an area after everything thinner than twice ``radius_km`` is taken away."""
    flat = plane.project(geometry)
    core = flat.buffer(-radius_km, quad_segs=4)
    if core.is_empty:
        return EMPTY
    return repair_quietly(plane.unproject(core.buffer(radius_km * 1.05, quad_segs=4).intersection(flat)))


def trimmed(geometry: BaseGeometry, radius_km: float, plane: Plane) -> BaseGeometry:
    """An area without the tails on it that are thinner than twice ``radius_km``; its corners stay.

    An opening grown back to twice the radius and cut to the area itself.
    """
    flat = repair_quietly(plane.project(geometry))
    core = flat.buffer(-radius_km, quad_segs=4)
    if core.is_empty:
        return geometry
    near = core.buffer(2 * radius_km, quad_segs=4)
    if near.covers(flat):
        return geometry
    return repair_quietly(plane.unproject(near.intersection(flat)))


def repair_quietly(geometry: BaseGeometry) -> BaseGeometry:
    """A valid area for drawing; pieces that cannot be repaired are dropped."""
    if geometry.is_valid:
        return polygonal(geometry)
    return polygonal(shapely.make_valid(geometry, method="structure", keep_collapsed=False))


def samples_along(lines: BaseGeometry, spacing_km: float) -> NDArray[np.float64]:
    """Points every ``spacing_km`` along plane lines, as an (n, 2) array, so that each km counts once.

    Vertices alone would weigh wiggly stretches more than straight ones.
    """
    return samples_on(shapely.get_parts(lines), spacing_km)[0]


def samples_on(
    lines: Sequence[BaseGeometry] | NDArray[np.object_], spacing_km: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The same of several single lines, and the number of the segment (as in ``segments_of``) each point is on."""
    xy, line = shapely.get_coordinates(np.asarray(lines, dtype=object), return_index=True)
    same = line[1:] == line[:-1]
    ends = np.stack([xy[:-1][same], xy[1:][same]], axis=1)
    of_line = line[:-1][same]
    lengths = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    total = np.bincount(of_line, weights=lengths, minlength=len(lines))
    count = np.where(total > 0, np.maximum(1, np.ceil(total / spacing_km)), 0).astype(np.int64)
    which = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(which)) - np.repeat(begins(count), count)
    behind = np.concatenate([[0.0], np.cumsum(lengths)])  # length of all segments before each
    at = (np.cumsum(total) - total)[which] + (rank + 0.5) / np.maximum(count, 1)[which] * total[which]
    segment = np.clip(np.searchsorted(behind, at, side="right") - 1, 0, max(len(lengths) - 1, 0))
    share = (at - behind[segment]) / np.where(lengths[segment] > 0, lengths[segment], 1.0)
    points = ends[segment, 0] + (ends[segment, 1] - ends[segment, 0]) * np.clip(share, 0.0, 1.0)[:, None]
    return points, segment


def distances_km(points: NDArray[np.float64], lines: BaseGeometry) -> NDArray[np.float64]:
    """Distance of each plane point to the nearest plane line, km; inf where there is no line."""
    if lines.is_empty or len(points) == 0:
        return np.full(len(points), np.inf)
    # One tree over single segments: a distance to a long line walks all of it otherwise.
    segments = np.asarray(shapely.linestrings(segments_of(shapely.get_parts(lines))))
    tree = shapely.STRtree(segments)
    _, found = tree.query_nearest(shapely.points(points), return_distance=True, all_matches=False)
    return np.asarray(found)


def segments_of(lines: Sequence[BaseGeometry] | NDArray[np.object_]) -> NDArray[np.float64]:
    """Every segment of some lines, as an (n, 2, 2) array of its two ends."""
    xy, index = shapely.get_coordinates(np.asarray(lines, dtype=object), return_index=True)
    same = index[1:] == index[:-1]
    return np.stack([xy[:-1][same], xy[1:][same]], axis=1)
