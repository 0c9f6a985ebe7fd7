"""One layer of anything GDAL opens, through pyogrio: bytes or a path -> features in degrees."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from borderwatch.errors import Malformed, TooLarge, UsageError
from borderwatch.formats.features import MAX_FEATURES, RawFeature
from borderwatch.formats.geojson import described
from borderwatch.formats.rings import sound_shapes

# A straight edge on a projected sheet is bowed in degrees: 8 m over 20 km at middle latitudes.
_DENSIFY_M = 20_000.0
_DEGREES = ("EPSG:4326", "OGC:CRS84", "EPSG:4258", "EPSG:4269")  # within 2 m of one another


def features_from_layer(
    source: Path | str | bytes, what: str, *, layer: str | None = None, encoding: str | None = None
) -> list[RawFeature]:
    """The features of a file's only (or its only polygon, or the named) layer, as EPSG:4326."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FieldError, GeometryError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL remarks on file names
            name = _layer_name(pyogrio.list_layers(source), layer, what)
            count = pyogrio.read_info(source, layer=name, encoding=encoding)["features"]
            if count > MAX_FEATURES:
                raise TooLarge(f"{what}: {count:,} features; at most {MAX_FEATURES:,} are read")
            meta, _, geometry, columns = pyogrio.raw.read(source, layer=name, encoding=encoding, force_2d=True)
    except (DataSourceError, DataLayerError, FieldError, GeometryError, UnicodeDecodeError) as error:
        said = str(error).split(";")[0].replace(f"'{source!s}' ", "").replace(str(source), what)
        raise Malformed(f"{what}: GDAL cannot read it: {said}") from None
    if geometry is None:
        raise Malformed(f"{what}: layer {name!r} has no geometry column")
    return features_from_columns(geometry, list(meta["fields"]), columns, meta["crs"], what)


def _layer_name(layers: Any, wanted: str | None, what: str) -> str:
    names = [str(row[0]) for row in layers]
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"{what}: no layer {wanted!r}; there are {', '.join(map(repr, names))}")
        return wanted
    drawn = [str(name) for name, kind in layers if kind is not None]
    polygons = [str(name) for name, kind in layers if kind is not None and ("Polygon" in kind or kind == "Unknown")]
    for choice in (polygons, drawn):
        if len(choice) == 1:
            return choice[0]
    if not drawn:
        raise Malformed(f"{what}: no layer with geometry in it; there are {', '.join(map(repr, names)) or 'none'}")
    raise UsageError(f"{what}: which layer? There are {', '.join(map(repr, polygons or drawn))}: name one")


def features_from_columns(
    geometry: Any, fields: list[str], columns: Any, crs: str | None, what: str
) -> list[RawFeature]:
    """Features from WKB and attribute columns; an unknown reference system is taken for degrees."""
    try:
        shapes = shapely.force_2d(shapely.from_wkb(geometry))
    except shapely.errors.ShapelyError as error:
        raise Malformed(f"{what}: a geometry that is not WKB: {error}") from None
    shapes = _to_degrees(shapes, crs, what)
    lists = [np.asarray(column).tolist() for column in columns]
    rows = [{field: _plain(values[i]) for field, values in zip(fields, lists, strict=True)} for i in range(len(shapes))]
    sound = sound_shapes(np.asarray(shapes, dtype=object), lambda i: f"{what}, {described(i, rows[i])}")
    return [RawFeature(shape, row, None) for shape, row in zip(sound, rows, strict=True)]


def says_degrees(crs: str | None) -> bool:
    """Whether a reference system is longitude and latitude on WGS 84 or within 2 m of it, by name; none is taken so."""
    if not crs or crs in _DEGREES:
        return True
    # The .prj that nearly every writer gives for it: no projection, WGS 84.
    return crs.startswith('GEOGCS["') and '"D_WGS_1984"' in crs and "PROJCS" not in crs and "0.0174532925" in crs


def _to_degrees(shapes: Any, crs: str | None, what: str) -> Any:
    if crs is None or crs in _DEGREES:
        return shapes
    import pyproj

    try:
        reference = pyproj.CRS.from_user_input(crs)
        if reference.is_geographic and reference.equals(pyproj.CRS.from_epsg(4326), ignore_axis_order=True):
            return shapes
        transformer = pyproj.Transformer.from_crs(reference, 4326, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise Malformed(f"{what}: its reference system is not one PROJ knows: {error}") from None
    if reference.is_projected:
        shapes = shapely.segmentize(shapes, _DENSIFY_M / reference.axis_info[0].unit_conversion_factor)

    def degrees(xy: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(shapes, degrees)


def _plain(value: object) -> object:
    """A value as JSON would hold it: no NaN for nothing, dates as text, text without padding."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return value.strip("\x00 ") if isinstance(value, str) else value
