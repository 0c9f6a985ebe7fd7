"""GeoJSON (RFC 7946 and what is really published as it): bytes -> features; no source, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, TooLarge
from borderwatch.formats.features import MAX_FEATURES, RawFeature, areas, lines, parsed_json, points, together

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

GEOMETRIES = (
    "Point",
    "MultiPoint",
    "LineString",
    "MultiLineString",
    "Polygon",
    "MultiPolygon",
    "GeometryCollection",
)
_MAX_DEPTH = 8  # collections of collections; real files have one


def features_from_geojson(data: bytes, what: str = "GeoJSON") -> list[RawFeature]:
    """Every feature of a FeatureCollection, a Feature or a bare geometry, in file order; ``what`` names it in errors.

    Null and empty geometries stay as features without one: dropping them would make a place vanish.
    """
    return features_from_geojson_object(parsed_json(data, what))


def features_from_geojson_object(value: Any) -> list[RawFeature]:
    """The same from a parsed value."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise Malformed(f'GeoJSON: {_kind(value)}, not an object with a "type"')
    kind = value["type"]
    if kind == "Topology":
        raise Malformed('GeoJSON: this is TopoJSON ("type": "Topology"): read it with features_from_topojson')
    if kind == "FeatureCollection":
        members = value.get("features")
        if not isinstance(members, list):
            raise Malformed(f"GeoJSON: a FeatureCollection whose features are {_kind(members)}, not a list")
        if len(members) > MAX_FEATURES:
            raise TooLarge(f"GeoJSON: {len(members):,} features; at most {MAX_FEATURES:,} are read")
        return [_feature(member, i) for i, member in enumerate(members)]
    if kind in GEOMETRIES:
        value = {"type": "Feature", "properties": {}, "geometry": value}
    return [_feature(value, 0)]


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _feature(value: Any, i: int) -> RawFeature:
    # "type": "Feature" is left out by some publishers; an object with a geometry is one all the same.
    if not isinstance(value, dict) or value.get("type", "Feature") != "Feature":
        found = f"a {value.get('type')!r}" if isinstance(value, dict) else _kind(value)
        raise Malformed(f"GeoJSON: feature {i} is {found}, not a Feature")
    properties = value.get("properties") or {}
    if not isinstance(properties, dict):
        raise Malformed(f"GeoJSON: feature {i} has properties that are {_kind(properties)}, not an object")
    identity = value.get("id")
    return RawFeature(
        geometry_from_geojson(value.get("geometry"), described(i, properties, identity)),
        properties,
        None if identity is None else str(identity),
    )


def described(i: int, properties: dict[str, Any], identity: object = None) -> str:
    """How an error names a feature: its place in the file and the word it goes by."""
    for key in ("name", "NAME", "nameEn", "ADMIN", "admin", "iso_a2", "isoA2"):
        if isinstance(properties.get(key), str) and properties[key]:
            return f"feature {i} ({properties[key]!r})"
    return f"feature {i}" if identity is None else f"feature {i} (id {str(identity)[:40]!r})"


def geometry_from_geojson(value: Any, what: str, depth: int = 0) -> BaseGeometry | None:
    """The geometry a GeoJSON geometry object draws; None where it draws nothing."""
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind not in GEOMETRIES:
        raise Malformed(f"{what}: geometry of type {kind!r}; one of {', '.join(GEOMETRIES)} is expected")
    coordinates = value.get("geometries" if kind == "GeometryCollection" else "coordinates") or []
    if not isinstance(coordinates, list):
        raise Malformed(f"{what}: coordinates are {_kind(coordinates)}, not a list")
    drawn: BaseGeometry | None
    match kind:
        case "Polygon":
            drawn = areas([_rings(coordinates, what)], what)
        case "MultiPolygon":
            drawn = areas([_rings(polygon, what) for polygon in coordinates], what)
        case "LineString":
            drawn = lines([coordinates], what)
        case "MultiLineString":
            drawn = lines(coordinates, what)
        case "MultiPoint":
            drawn = points(coordinates, what)
        case "Point":
            drawn = points([coordinates] if coordinates else [], what)
        case _:
            if depth >= _MAX_DEPTH:
                raise Malformed(f"{what}: a GeometryCollection nested more than {_MAX_DEPTH} deep")
            drawn = together([geometry_from_geojson(member, what, depth + 1) for member in coordinates], what)
    return drawn


def _rings(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{what}: a polygon that is {_kind(value)}, not a list of rings")
    return value
