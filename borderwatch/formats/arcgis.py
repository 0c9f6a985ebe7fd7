"""ArcGIS feature services' answers (REST API 10.3 and later): bytes -> layers, ids, features; no source, no network.

Whatever goes wrong an ArcGIS server answers 200 and ``{"error": {"code": ..., "message": ...}}``; every function
here looks for that first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, Partial, SchemaChanged
from borderwatch.formats.declared import problem_from_object
from borderwatch.models import LineStyle

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.formats.features import RawFeature

WGS84 = frozenset({4326})
"""The only coordinates asked for (``outSR=4326``). 4269 (NAD 83) and the like are metres off and not accepted."""

_STYLES = MappingProxyType({"esriSLSSolid": LineStyle.SOLID, "esriSLSNull": LineStyle.NOT_DRAWN})
"""Symbol styles (REST API, "Symbol objects"); every other ``esriSLS...`` is some broken line."""


@dataclass(frozen=True, slots=True)
class Legend:
    """What a layer's own drawing says of a value: its label, and how a line of it is drawn."""

    label: str
    style: LineStyle | None


@dataclass(frozen=True, slots=True)
class Layer:
    """What a layer says of itself; field names in capitals, for their case differs between copies of one layer.

    ``id_field`` is as the service writes it. ``edited_at`` is the last edit of data or fields, UTC; None where the
    service does not track edits.
    """

    name: str
    geometry: str
    id_field: str
    fields: Mapping[str, str]
    page: int
    formats: frozenset[str]
    paginates: bool
    edited_at: datetime | None
    legend_field: str
    legend: Mapping[str, Legend]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of ``query``: its features, the ids they bear, and whether the server held some back."""

    features: tuple[RawFeature, ...]
    ids: tuple[int, ...]
    exceeded: bool


def answer_from_bytes(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in an answer; the problem it declares, where it declares one."""
    from borderwatch.formats.features import parsed_json

    value = parsed_json(data, what)
    if not isinstance(value, dict):
        raise Malformed(f"{what}: {type(value).__name__}, not an object: ask again")
    problem = problem_from_object(value, url=what)
    if problem is not None:
        raise problem
    return value


def layers_from_service(data: bytes, what: str) -> dict[int, str]:
    """Id -> name of the layers a service lists."""
    listed = answer_from_bytes(data, what).get("layers")
    if not isinstance(listed, list):
        raise SchemaChanged(f"{what}: no list of layers: the address is not a feature service's", words=("layers",))
    return {
        number: str(layer.get("name", ""))
        for layer in listed
        if isinstance(layer, dict) and (number := _whole(layer.get("id"))) is not None
    }


def layer_from_bytes(data: bytes, what: str) -> Layer:
    """A layer's definition (``.../FeatureServer/0?f=json``)."""
    value = answer_from_bytes(data, what)
    listed = value.get("fields")
    fields = {
        str(field["name"]).upper(): str(field.get("type", ""))
        for field in (listed if isinstance(listed, list) else [])
        if isinstance(field, dict) and "name" in field
    }
    if not fields or not isinstance(value.get("geometryType"), str):
        raise SchemaChanged(f"{what}: not the definition of a layer with fields and a geometry", words=("fields",))
    id_field = value.get("objectIdField")
    if not isinstance(id_field, str) or not id_field:
        id_field = next((name for name, kind in fields.items() if kind == "esriFieldTypeOID"), "")
    if id_field.upper() not in fields:
        raise SchemaChanged(
            f"{what}: no field with object ids; there are {', '.join(fields)[:200]}", words=("OBJECTID",)
        )
    capabilities = value.get("advancedQueryCapabilities")
    capabilities = capabilities if isinstance(capabilities, dict) else {}
    field, legend = _legend(value.get("drawingInfo"))
    return Layer(
        name=str(value.get("name", "")),
        geometry=value["geometryType"],
        id_field=id_field,
        fields=MappingProxyType(fields),
        page=max(_whole(value.get("maxRecordCount")) or 1000, 1),
        formats=frozenset(word.strip().casefold() for word in str(value.get("supportedQueryFormats", "")).split(",")),
        paginates=bool(capabilities.get("supportsPagination", value.get("supportsPagination", False))),
        edited_at=_edited_at(value.get("editingInfo")),
        legend_field=field,
        legend=MappingProxyType(legend),
    )


def ids_from_bytes(data: bytes, what: str) -> tuple[int, ...]:
    """Every object id of a layer (``returnIdsOnly``), in order; this answer knows no limit."""
    value = answer_from_bytes(data, what)
    listed = value.get("objectIds")
    if listed is None and "objectIds" in value:  # what servers answer for a layer without features
        return ()
    if not isinstance(listed, list) or any(
        isinstance(number, bool) or not isinstance(number, int) for number in listed
    ):
        raise SchemaChanged(f"{what}: no list of object ids", words=("objectIds",))
    if len(set(listed)) < len(listed):
        raise Malformed(f"{what}: an object id is listed twice: ask again")
    return tuple(sorted(listed))


def page_from_bytes(data: bytes, layer: Layer, what: str) -> Page:
    """One page of features, GeoJSON or Esri JSON, in degrees."""
    value = answer_from_bytes(data, what)
    if value.get("type") == "FeatureCollection":
        from borderwatch.formats.geojson import features_from_geojson_object

        _check_crs(value.get("crs"), what)
        features = features_from_geojson_object(value)
        nested = value.get("properties")
        more = value.get("exceededTransferLimit") or (isinstance(nested, dict) and nested.get("exceededTransferLimit"))
    else:
        features = _features_from_esri(value, what)
        more = value.get("exceededTransferLimit")
    return Page(tuple(features), tuple(_id_of(feature, layer, what) for feature in features), bool(more))


def features_from_pages(pages: Sequence[Page], ids: Sequence[int], what: str) -> tuple[RawFeature, ...]:
    """The features of all pages, which must be those the layer listed, each once."""
    found = [number for page in pages for number in page.ids]
    missing, strange = sorted(set(ids) - set(found)), sorted(set(found) - set(ids))
    if missing or strange or len(set(found)) < len(found):
        raise Partial(
            f"{what}: {len(found):,} features came, {len(set(found)):,} of them different, of {len(ids):,} listed "
            f"(missing {_some(missing)}, not listed {_some(strange)}): edited meanwhile, or cut; ask again"
        )
    return tuple(feature for page in pages for feature in page.features)


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:3])) + (" …" if len(numbers) > 3 else "") if numbers else "none"


def _id_of(feature: RawFeature, layer: Layer, what: str) -> int:
    for name, value in feature.properties.items():
        if name.upper() == layer.id_field.upper() and (number := _whole(value)) is not None:
            return number
    number = _whole(feature.id)
    if number is None:
        raise SchemaChanged(f"{what}: a feature without {layer.id_field}", words=(layer.id_field,))
    return number


def _whole(value: object) -> int | None:
    """A whole number, which services write as a number or as text."""
    if isinstance(value, bool):
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


# --- what a layer says of itself ------------------------------------------------------------------


def _edited_at(value: object) -> datetime | None:
    """The later of the last edits of data and fields, else of anything; milliseconds since 1970."""
    told = value if isinstance(value, dict) else {}
    dates = [_whole(told.get(name)) for name in ("dataLastEditDate", "schemaLastEditDate")]
    known = [date for date in dates if date] or [date for date in [_whole(told.get("lastEditDate"))] if date]
    try:
        return datetime.fromtimestamp(max(known) / 1000, UTC) if known else None
    except (OverflowError, OSError, ValueError):
        return None


def _legend(drawing: object) -> tuple[str, dict[str, Legend]]:
    """The field a layer is drawn by and what its drawing says of each value; empty where it draws all alike."""
    renderer = drawing.get("renderer") if isinstance(drawing, dict) else None
    if not isinstance(renderer, dict) or renderer.get("type") != "uniqueValue":
        return "", {}
    legend: dict[str, Legend] = {}
    listed = renderer.get("uniqueValueInfos")
    for info in listed if isinstance(listed, list) else []:
        if isinstance(info, dict) and "value" in info:
            legend[str(info["value"])] = Legend(str(info.get("label") or info["value"]), _style(info.get("symbol")))
    return str(renderer.get("field1") or "").upper(), legend


def _style(symbol: object) -> LineStyle | None:
    name = symbol.get("style") if isinstance(symbol, dict) else None
    if not isinstance(name, str) or not name.startswith("esriSLS"):
        return None
    return _STYLES.get(name, LineStyle.DASHED)


# --- Esri's own JSON --------------------------------------------------------------------------------


def _check_crs(crs: object, what: str) -> None:
    """GeoJSON of old servers names its coordinates: only longitude and latitude will do."""
    name = crs.get("properties", {}).get("name", "") if isinstance(crs, dict) else ""
    if name and not str(name).upper().endswith((":4326", ":CRS84")):
        raise SchemaChanged(f"{what}: coordinates in {str(name)[:40]!r} though EPSG:4326 was asked for", words=("crs",))


def _features_from_esri(value: Mapping[str, Any], what: str) -> list[RawFeature]:
    from borderwatch.formats.features import RawFeature

    listed = value.get("features")
    if not isinstance(listed, list):
        raise SchemaChanged(f"{what}: no list of features", words=("features",))
    reference = value.get("spatialReference")
    reference = reference if isinstance(reference, dict) else {}
    numbers = {_whole(reference.get("wkid")), _whole(reference.get("latestWkid"))} - {None}
    if listed and not numbers & WGS84:
        raise SchemaChanged(f"{what}: coordinates in {numbers or 'none named'}, not 4326", words=("spatialReference",))
    found = []
    for i, item in enumerate(listed):
        attributes = item.get("attributes") if isinstance(item, dict) else None
        if not isinstance(attributes, dict):
            raise Malformed(f"{what}: feature {i} has no attributes")
        found.append(RawFeature(_geometry(item.get("geometry"), f"{what}, feature {i}"), attributes, None))
    return found


def _geometry(value: object, what: str) -> BaseGeometry | None:
    """What an Esri geometry draws; a curve is refused, for its chord is another line."""
    from borderwatch.formats.features import lines, points

    if value is None:
        return None
    if not isinstance(value, dict):
        raise Malformed(f"{what}: a geometry that is {type(value).__name__}")
    if "curveRings" in value or "curvePaths" in value:
        raise SchemaChanged(f"{what}: true curves came: ask with returnTrueCurves=false", words=("curveRings",))
    if isinstance(value.get("rings"), list):
        return _area(value["rings"], what)
    if isinstance(value.get("paths"), list):
        return lines(value["paths"], what)
    if "x" in value and "y" in value:
        return points([[value["x"], value["y"]]] if value["x"] not in (None, "NaN") else [], what)
    raise SchemaChanged(f"{what}: a geometry with {', '.join(sorted(value))[:80] or 'nothing'}", words=("geometry",))


def _area(rings: Sequence[object], what: str) -> BaseGeometry | None:
    """Exteriors run clockwise, holes the other way; a hole belongs to the smallest exterior around it."""
    import shapely

    from borderwatch.formats.features import areas, positions

    arrays = [positions(ring, what) for ring in rings]
    arrays = [array for array in arrays if len(array) >= 4]
    exteriors = [array for array in arrays if not shapely.is_ccw(shapely.LinearRing(array))]
    if not exteriors or len(exteriors) == len(arrays):
        # One turn for all: what is inside what decides, by the even-odd rule, unless nothing can be a hole.
        return areas([arrays] if len(exteriors) != len(arrays) else [[array] for array in arrays], what)
    polygons = [[array] for array in exteriors]
    outlines = [shapely.Polygon(array) for array in exteriors]
    tree = shapely.STRtree(outlines)
    for hole in (array for array in arrays if shapely.is_ccw(shapely.LinearRing(array))):
        around = tree.query(shapely.Point(hole[0]), predicate="intersects")
        if len(around):
            polygons[min(around.tolist(), key=lambda i: outlines[i].area)].append(hole)
        else:  # a hole in nothing is an exterior drawn the wrong way round
            polygons.append([hole])
    return areas(polygons, what)
