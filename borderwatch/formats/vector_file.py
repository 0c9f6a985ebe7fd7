"""Any vector file a person has at hand -> features, told by what is in it, not by its name."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from borderwatch.errors import Malformed, Partial, TooLarge, UsageError
from borderwatch.formats.encoded_geojson import decoded, features_from_encoded_geojson
from borderwatch.formats.features import MAX_BYTES, RawFeature, parsed_json
from borderwatch.formats.geojson import GEOMETRIES, features_from_geojson_object
from borderwatch.formats.layer import features_from_columns, features_from_layer
from borderwatch.formats.osm import features_from_osm, is_overpass, osm_from_overpass_value, osm_from_xml
from borderwatch.formats.shapefile import PARTS, features_from_shapefile, features_from_shapefile_zip, members_from_zip
from borderwatch.formats.topojson import features_from_topology
from borderwatch.owners import owner as resolve_owner

ACCEPTED = (
    "GeoJSON, TopoJSON, a Shapefile (zipped, or beside its .dbf), GeoPackage, GeoParquet, FlatGeobuf, KML, GML, "
    "OSM XML, Overpass JSON"
)
_JSON = (".json", ".geojson", ".topojson")

# Best first. Where a code is null or -99, as it is exactly where territory is disputed, the name speaks.
CODE_FIELDS = (
    "ISO_A2_EH", "iso1A2", "ISO3166-1:alpha2", "ISO3166-1", "ISO_A2", "isoA2", "iso2", "iso_3166_1", "country_code",
    "CNTR_ID", "CNTR_CODE", "ISO_A3_EH", "ADM0_A3", "ISO_A3", "isoA3", "iso3", "iso3cd", "shapeGroup", "GID_0",
    "SOV_A3", "A3", "ISO", "code", "country", "id",
)  # fmt: skip
NAME_FIELDS = (
    "NAME_EN", "nameEn", "name:en", "NAME", "ADMIN", "NAME_LONG", "COUNTRY", "CNTR_NAME", "CNTRY_NAME", "shapeName",
    "NAME_ENGL", "NAME_0", "nam_en", "SOVEREIGNT", "TERR_NAME", "title", "label", "id",
)  # fmt: skip
_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
_OF_R = (".rda", ".rds", ".rdata")
_OSM = re.compile(rb"<osm[\s>]")
_NO_CODE = ("", "-99", "-1", "0")
_FILLED, _MEANT = 0.3, 0.6  # of the features so many have a value, of the values so many are what is looked for
_MOST_OWNERS = 2_000  # more different values than any world has owners


def features_from_path(path: Path | str, layer: str | None = None) -> list[RawFeature]:
    """The features of a file, in EPSG:4326 whatever it is drawn in; ``layer`` where it holds several.

    Raises ``UsageError`` where the choice is the caller's, ``Malformed`` where the file is to blame.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file; accepted: {ACCEPTED}")
    if path.is_dir():
        if path.suffix.lower() == ".gdb":
            return features_from_layer(path, path.name, layer=layer)
        shapes = sorted(path.glob("*.shp"))
        if len(shapes) != 1:
            raise UsageError(f"{path}: a folder with {len(shapes)} shapefiles; name one file")
        path = shapes[0]
    with path.open("rb") as file:
        head = file.read(4096)
    try:
        return _features(path, head, layer)
    except (Malformed, Partial, TooLarge) as error:
        raise type(error)(f"{path.name}: {error}") from None


def _features(path: Path, head: bytes, layer: str | None) -> list[RawFeature]:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise Malformed(f"an empty file; accepted: {ACCEPTED}")
    if start.startswith(b"version https://git-lfs"):
        raise Malformed("a Git LFS pointer, not the data it points to: run git lfs pull")
    if path.suffix.lower() in _OF_R:
        raise Malformed("R's own format, which is not read; in R, sf::st_write(x, 'map.gpkg') writes one that is")
    if start[:14].lower().startswith((b"<!doctype html", b"<html")):
        raise Malformed(f"a web page, not a map; accepted: {ACCEPTED}")
    if _OSM.search(start[:1024]):
        return features_from_osm(osm_from_xml(_bytes(path)))
    if start[:1] in (b"{", b"["):
        return _from_json(path, layer)
    if start.startswith((b"define(", b"module.exports", b"(function", b"export ")):
        return features_from_encoded_geojson(_bytes(path))
    if head.startswith(b"PK\x03\x04"):
        return _from_zip(_bytes(path), layer)
    if head.startswith(b"\x00\x00\x27\x0a"):
        return _from_shapefile(path)
    if head.startswith(b"PAR1"):
        return _from_parquet(path)
    return _from_gdal(path, layer)


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise TooLarge(f"{size:,} bytes; at most {MAX_BYTES:,} are read")
    return path.read_bytes()


def _from_json(path: Path, layer: str | None) -> list[RawFeature]:
    data = _bytes(path)
    try:
        value = parsed_json(data, "JSON")
    except Malformed as error:
        if "Extra data" not in str(error):
            raise
        return _from_gdal(path, layer)  # one feature a line (GeoJSON text sequences)
    if isinstance(value, dict) and value.get("crs") and not crs_is_degrees(value["crs"]):
        return _from_gdal(path, layer)
    return _from_json_value(value, layer)


def _from_json_value(value: Any, layer: str | None) -> list[RawFeature]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "Topology":
        return features_from_topology(value, layer)
    if kind in ("FeatureCollection", "Feature", *GEOMETRIES):
        return features_from_geojson_object(decoded(value))
    if is_overpass(value):
        return features_from_osm(osm_from_overpass_value(value))
    found = f'an object of "type" {kind!r}' if isinstance(value, dict) else f"a {type(value).__name__}"
    raise Malformed(f"JSON, but {found}, not a map; accepted: {ACCEPTED}")


def crs_is_degrees(crs: Any) -> bool:
    """Does the old ``crs`` member name longitude and latitude on WGS 84?"""
    return any(word in json.dumps(crs).upper() for word in ("CRS84", "EPSG::4326", "EPSG:4326"))


def _from_zip(data: bytes, layer: str | None) -> list[RawFeature]:
    names = list(members_from_zip(data, lambda name: PurePosixPath(name).suffix.lower() == ".shp"))
    if names:
        return features_from_shapefile_zip(data)
    maps = members_from_zip(data, lambda name: name.lower().endswith((*_JSON, ".gpkg", ".kml", ".fgb", ".gml")))
    if len(maps) != 1:
        raise Malformed(f"a zip archive with {len(maps)} maps in it ({', '.join(maps) or 'none known'}); zip one")
    [(name, body)] = maps.items()
    if name.lower().endswith(_JSON):
        return _from_json_value(parsed_json(body, name), layer)
    return features_from_layer(body, name, layer=layer)


def _from_shapefile(path: Path) -> list[RawFeature]:
    beside = {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix.lower() in PARTS}
    if ".dbf" not in beside:
        raise Malformed(f"a .shp without {path.stem}.dbf beside it: the names are in there")
    return features_from_shapefile({extension: _bytes(part) for extension, part in beside.items()})


def _from_parquet(path: Path) -> list[RawFeature]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"{path}: GeoParquet needs pyarrow: pip install 'borderwatch[parquet]'") from None
    from pyarrow.lib import ArrowException

    try:
        table = parquet.ParquetFile(path)
        if table.metadata.serialized_size > MAX_BYTES or path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"{path.stat().st_size:,} bytes; at most {MAX_BYTES:,} are read")
        geo = json.loads((table.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        column = geo.get("primary_column", "geometry")
        about = geo.get("columns", {}).get(column)
        if about is None or about.get("encoding") != "WKB":
            raise Malformed(f"Parquet, but not GeoParquet with WKB geometry; columns: {', '.join(table.schema.names)}")
        rows = table.read()
    except (ArrowException, ValueError) as error:
        raise Malformed(f"Parquet that cannot be read: {error}") from None
    crs = about.get("crs", "OGC:CRS84")
    fields = [name for name in rows.column_names if name not in (column, "bbox")]
    columns = []
    for field in fields:
        values = rows.column(field).to_pylist()
        holder = _object_array(len(values))
        holder[:] = values
        columns.append(holder)
    geometry = _object_array(rows.num_rows)
    geometry[:] = rows.column(column).to_pylist()
    return features_from_columns(
        geometry, fields, columns, json.dumps(crs) if isinstance(crs, dict) else crs, path.name
    )


def _object_array(length: int) -> Any:
    import numpy as np

    return np.empty(length, dtype=object)


def _from_gdal(path: Path, layer: str | None) -> list[RawFeature]:
    with path.open("rb") as file:
        head = file.read(512)
    try:
        if b"<osm" in head:
            return _from_osm(path, layer)
        return features_from_layer(path, path.name, layer=layer)
    except Malformed as error:
        raise Malformed(f"it begins {head[:24]!r}: {error}; accepted: {ACCEPTED}") from None


def _from_osm(path: Path, layer: str | None) -> list[RawFeature]:
    """OpenStreetMap XML: its areas, with the tags GDAL folds into ``other_tags`` as fields of their own."""
    import pyogrio

    # An editor's file numbers what it has not uploaded below zero, which GDAL's index cannot hold.
    pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": "NO"})
    try:
        features = features_from_layer(path, path.name, layer=layer or "multipolygons")
    finally:
        pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": None})
    return [feature._replace(properties=_unfolded(feature.properties)) for feature in features]


def _unfolded(properties: dict[str, Any]) -> dict[str, Any]:
    folded = properties.get("other_tags") or ""
    tags = {k: v.replace('\\"', '"') for k, v in _TAG.findall(folded)}
    return {**{k: v for k, v in properties.items() if k != "other_tags" and v is not None}, **tags}


# --- whose is it ----------------------------------------------------------------------------------


def value_of(feature: RawFeature, field: str | None) -> str | None:
    """What a feature says in a field, as text; ``id`` is also the feature's own; None where nothing."""
    if field is None:
        return None
    value = feature.properties.get(field)
    if value is None and field == "id":
        value = feature.id
    return text_of(value)


def owner_field(
    features: Sequence[RawFeature], insist: str | None = None, *, by_content: bool = True
) -> tuple[str | None, str | None]:
    """The field that codes who holds each feature and the one that names it, either possibly None.

    ``insist`` names the one to use: it is taken for the code where its values look like codes, else
    for the name. ``by_content`` takes a field of an unusual name for what is in it: of areas, for lines have a country
    on either side. Raises ``UsageError`` listing the fields there are where none will do.
    """
    fields = list(dict.fromkeys(key for feature in features for key in feature.properties))
    if any(feature.id is not None for feature in features) and "id" not in fields:
        fields.append("id")
    columns = {field: [value_of(f, field) for f in features] for field in fields}
    return owner_column(columns, insist, by_content=by_content)


def owner_column(
    columns: Mapping[str, Sequence[Any]], insist: str | None = None, *, by_content: bool = True
) -> tuple[str | None, str | None]:
    """The same of a table by its columns; only those that may be the one are looked at."""
    listed = ", ".join(columns) or "none"
    if insist is not None:
        match = next((f for f in columns if f == insist), None) or next(
            (f for f in columns if f.lower() == insist.lower()), None
        )
        if match is None:
            raise UsageError(f"no field {insist!r}; there are: {listed}")
        if _codes(columns[match]):
            return match, _first(columns, NAME_FIELDS, _names)
        return None, match
    code = _first(columns, CODE_FIELDS, _codes)
    name = _first(columns, NAME_FIELDS, _names)
    if code is None and name is None and by_content:
        code, name = _resolving(columns)
    if code is None and name is None:
        raise UsageError(f"no field says who holds what; there are: {listed}. Name one")
    return code, name


def _resolving(columns: Mapping[str, Sequence[Any]]) -> tuple[str | None, str | None]:
    """Whatever they are called, the column of codes and the column of names with most owners known here in them.

    Most of its values mean an owner, and not all the same ones: a column of continents or currencies does neither.
    """
    best: dict[bool, tuple[int, str]] = {}
    for field, column in columns.items():
        values = _values(column)
        different = set(values)
        if len(values) < len(column) * _FILLED or len(different) > _MOST_OWNERS:
            continue
        meant = {value: found for value in different if not (found := resolve_owner(value)).startswith("?")}
        owners = len(set(meant.values()))
        told_apart = owners >= max(min(2, len(column)), len(column) * _FILLED)
        if not told_apart or sum(value in meant for value in values) < len(values) * _MEANT:
            continue
        coded = all(len(value) <= 3 for value in meant)
        if owners > best.get(coded, (0, ""))[0]:
            best[coded] = owners, field
    return best.get(True, (0, None))[1], best.get(False, (0, None))[1]


def _first(
    columns: Mapping[str, Sequence[Any]], wanted: Sequence[str], fits: Callable[[Sequence[Any]], bool]
) -> str | None:
    by_lower: dict[str, str] = {}
    for field in columns:
        by_lower.setdefault(field.lower(), field)
    for word in wanted:
        field = word if word in columns else by_lower.get(word.lower(), "")
        if field and fits(columns[field]):
            return field
    return None


def text_of(value: object) -> str | None:
    """A value as text; None where it is nothing."""
    text = "" if value is None else str(value).strip()
    return text or None


def _values(column: Sequence[Any]) -> list[str]:
    return [v for value in column if (v := text_of(value)) is not None and v not in _NO_CODE]


def _codes(column: Sequence[Any]) -> bool:
    """Do most values look like ISO 3166 (two or three letters in capitals, or three digits)?"""
    values = _values(column)
    fit = sum((v.isascii() and v.isalpha() and v.isupper() and len(v) in (2, 3)) or _numeric(v) for v in values)
    return fit >= max(1, len(values) * _MEANT) and len(values) >= len(column) * _FILLED


def _numeric(value: str) -> bool:
    return len(value) == 3 and value.isascii() and value.isdigit()


def _names(column: Sequence[Any]) -> bool:
    """Do the values look like names: text of more than three letters, on most features, mostly different?"""
    values = _values(column)
    long = [v for v in values if len(v) > 3 and not v.replace(".", "").isdigit()]
    common = Counter(values).most_common(1)
    return len(long) >= max(1, len(column) * _FILLED) and (len(values) < 4 or common[0][1] <= len(values) * 0.9)
