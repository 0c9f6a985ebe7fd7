"""Mapbox Vector Tiles: the lines and areas of a few tiles, cut at the tiles' edges and joined across them.

A tile carries each feature a little beyond its edge (the buffer), so that strokes meet; and a line that crosses ten
tiles comes as ten features. Read so, each piece of ground is told once: features are cut to their own tile, put on the
one grid of whole units that all tiles of a zoom share, and pieces with equal properties are joined where they touch.
Decoding is ``mapbox-vector-tile``'s, tile arithmetic ``mercantile``'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from borderwatch.errors import Malformed, TooLarge
from borderwatch.formats.gzipped import gunzipped
from borderwatch.models import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Properties = Mapping[str, str | int | float | bool]
Box = tuple[float, float, float, float]

MAX_TILE_BYTES = 8_000_000
"""The most one tile may unpack to. Planet tiles are kept under 1 MB by their makers; drawing engines refuse more."""
MAX_TILES = 600
MAX_FEATURES = 200_000
MAX_ZOOM = 14
MEETING_UNITS = 2
"""How far apart two tiles may round one line where it crosses their edge."""

_NAME = re.compile(r"(\d{1,2})/(\d{1,5})/(\d{1,5})\.mvt")


class Tile(NamedTuple):
    """One tile of the square world map, counted from the north-west."""

    z: int
    x: int
    y: int

    @property
    def part(self) -> str:
        """The name of the part that holds it."""
        return f"{self.z}/{self.x}/{self.y}.mvt"


class TileFeature(NamedTuple):
    """One drawn thing of one layer, WGS 84, with the properties it has in every tile it crosses."""

    layer: str
    properties: dict[str, str | int | float | bool]
    geometry: BaseGeometry


def tile_from_part(name: str) -> Tile | None:
    """The tile a part of a capture holds; None for any other part."""
    found = _NAME.fullmatch(name)
    return Tile(*(int(number) for number in found.groups())) if found else None


def extent_of(tiles: Iterable[Tile]) -> BaseGeometry:
    """The ground that tiles cover, WGS 84."""
    import mercantile

    boxes = [shapely.box(*mercantile.bounds(tile.x, tile.y, tile.z)) for tile in tiles]
    # Neighbours share their edge to the last bit, but not always: closed by a centimetre.
    return shapely.union_all([box.buffer(1e-7, join_style="mitre") for box in boxes])


def tiles_over(areas: Sequence[BaseGeometry], zoom: int) -> tuple[Tile, ...]:
    """The tiles that touch any of ``areas`` (WGS 84), in order."""
    import mercantile

    found: set[Tile] = set()
    for area in areas:
        shapely.prepare(area)
        west, south, east, north = area.bounds
        for one in mercantile.tiles(max(west, -180.0), max(south, -85.0), min(east, 180.0), min(north, 85.0), zoom):
            if area.intersects(shapely.box(*mercantile.bounds(one))):
                found.add(Tile(one.z, one.x, one.y))
    return tuple(sorted(found))


# --- bytes -> layers -----------------------------------------------------------------------------------


def unpacked(data: bytes, what: str) -> bytes:
    """A tile's bytes without the gzip that some servers leave round them, within ``MAX_TILE_BYTES``."""
    if not data.startswith(b"\x1f\x8b"):
        if len(data) > MAX_TILE_BYTES:
            raise TooLarge(f"{what}: a tile of {len(data):,} bytes; at most {MAX_TILE_BYTES:,} are read")
        return data
    return gunzipped(data, MAX_TILE_BYTES, f"{what}: a tile")


def layers_of(data: bytes, wanted: Callable[[str], bool], what: str) -> tuple[bytes, tuple[str, ...]]:
    """A tile with only the wanted layers left, each as it came; and the names of all its layers."""
    from mapbox_vector_tile.Mapbox import vector_tile_pb2

    tile = _message(data, what)
    kept = vector_tile_pb2.tile()
    for layer in tile.layers:
        if wanted(layer.name):
            kept.layers.add().CopyFrom(layer)
    return kept.SerializeToString(deterministic=True), tuple(layer.name for layer in tile.layers)


def _message(data: bytes, what: str) -> Any:
    from google.protobuf.message import DecodeError
    from mapbox_vector_tile.Mapbox import vector_tile_pb2

    tile = vector_tile_pb2.tile()
    try:
        tile.ParseFromString(unpacked(data, what))
    except DecodeError as error:
        raise Malformed(f"{what}: not a vector tile ({error})") from None
    if tile.FindInitializationErrors():
        raise Malformed(f"{what}: a vector tile without {', '.join(tile.FindInitializationErrors()[:3])}")
    return tile


# --- layers -> features ----------------------------------------------------------------------------------


def features_from_tiles(
    parts: Iterable[Part],
    layers: Callable[[str], bool],
    *,
    keep: Callable[[str, Properties], bool] = lambda _layer, _properties: True,
    same_by: Callable[[str, Properties], object] | None = None,
) -> tuple[TileFeature, ...]:
    """The lines and areas of the wanted ``layers`` that ``keep`` wants, each joined across the tiles it crosses.

    ``same_by`` says by which of their properties pieces are one thing; all of them by default. Labels (points) are
    left out. ``Malformed`` names the tile.
    """
    pieces: dict[tuple[str, bool, object], list[BaseGeometry]] = {}
    told: dict[tuple[str, bool, object], dict[str, Any]] = {}
    zooms: set[int] = set()
    extents: set[int] = set()
    count = tiles = 0
    for part in parts:
        tile = tile_from_part(part.name)
        if tile is None or not part.data:
            continue
        tiles += 1
        if tiles > MAX_TILES or tile.z > MAX_ZOOM:
            raise TooLarge(f"{part.name}: at most {MAX_TILES} tiles to zoom {MAX_ZOOM} are read together")
        zooms.add(tile.z)
        for name, layer in _decoded(part).items():
            if not layers(name):
                continue
            extents.add(layer["extent"])
            if len(zooms) > 1 or len(extents) > 1:
                raise Malformed(f"{part.name}: tiles of several zooms or grids together: {zooms}, {extents}")
            count += len(layer["features"])
            if count > MAX_FEATURES:
                raise TooLarge(f"{part.name}: more than {MAX_FEATURES:,} features in these tiles")
            for raw in layer["features"]:
                if raw["geometry"]["type"] in {"Point", "MultiPoint"}:
                    continue
                properties = {key: raw["properties"][key] for key in sorted(raw["properties"])}
                if not keep(name, properties):
                    continue
                geometry = _on_the_grid(raw["geometry"], tile, layer["extent"], part.name)
                if geometry is None:
                    continue
                is_area = "Polygon" in geometry.geom_type
                identity = tuple(properties.items()) if same_by is None else same_by(name, properties)
                pieces.setdefault((name, is_area, identity), []).append(geometry)
                told.setdefault((name, is_area, identity), properties)
    if not zooms or not extents:
        return ()
    extent = extents.pop()
    units = extent * 2 ** zooms.pop()
    found = []
    for key, geometries in pieces.items():
        joined = shapely.union_all(geometries, grid_size=1) if key[1] else _joined(geometries, extent)
        if not joined.is_empty:
            found.append(TileFeature(key[0], told[key], shapely.transform(joined, lambda xy: _degrees(xy, units))))
    return tuple(sorted(found, key=lambda f: (f.layer, repr(f.properties), f.geometry.wkb)))


def _decoded(part: Part) -> dict[str, Any]:
    from google.protobuf.message import DecodeError
    from mapbox_vector_tile import decode

    try:
        layers: dict[str, Any] = decode(unpacked(part.data, part.name), default_options={"y_coord_down": True})
    except (DecodeError, AssertionError, IndexError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise Malformed(f"{part.name}: not a vector tile ({type(error).__name__}: {str(error)[:80]})") from None
    for name, layer in layers.items():
        if not 256 <= layer["extent"] <= 65_536:
            raise Malformed(f"{part.name}: layer {name!r} has a grid of {layer['extent']} units, not 256 to 65,536")
    return layers


def _on_the_grid(raw: Mapping[str, Any], tile: Tile, extent: int, what: str) -> BaseGeometry | None:
    """A feature's lines or areas in its own tile, in whole units of the world's grid; None where nothing is left."""
    try:
        geometry = shapely.geometry.shape(dict(raw))
    except (ValueError, TypeError, IndexError, shapely.errors.GEOSException):
        return None  # a line of one point, a ring of two: what simplification leaves of small things
    if geometry.is_empty:
        return None
    if "Polygon" in geometry.geom_type and not geometry.is_valid:
        geometry = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    try:
        cut = shapely.intersection(geometry, shapely.box(0, 0, extent, extent))
    except shapely.errors.GEOSException as error:
        raise Malformed(f"{what}: a geometry that cannot be cut ({error})") from None
    is_area = "Polygon" in geometry.geom_type
    wanted = shapely.Polygon if is_area else shapely.LineString
    kept: Any = [p for p in shapely.get_parts(shapely.get_parts(cut)) if isinstance(p, wanted) and not p.is_empty]
    if not kept:
        return None
    whole = shapely.MultiPolygon(kept) if is_area else shapely.MultiLineString(kept)
    origin = np.array([tile.x * extent, tile.y * extent], dtype=np.float64)
    # Whole units: where two tiles cut one segment, both find the same end, and the pieces join.
    return shapely.transform(whole, lambda xy: np.rint(xy) + origin)


def _joined(lines: Sequence[BaseGeometry], extent: int) -> BaseGeometry:
    """Pieces of one line as few lines: a stretch two tiles both hold is told once."""
    simple = [p for line in lines for p in shapely.get_parts(line) if p.length > 0]
    if not simple:
        return shapely.MultiLineString()
    return shapely.normalize(shapely.line_merge(shapely.union_all(_met(simple, extent))))


def _met(lines: Sequence[BaseGeometry], extent: int) -> list[BaseGeometry]:
    """The same lines, their ends on the tiles' edges brought together where two tiles' rounding parted them.

    A maker cuts a line at each tile's buffer and rounds the cut, so that the two courses differ by a unit at the edge.
    """
    xy = np.array([shapely.get_coordinates(line)[[0, -1]] for line in lines]).reshape(-1, 2)
    for across, along in ((0, 1), (1, 0)):
        on_edge = np.flatnonzero(xy[:, across] % extent == 0)
        order = on_edge[np.lexsort((xy[on_edge, along], xy[on_edge, across]))]
        for one, other in pairwise(order):
            apart = xy[other, along] - xy[one, along]
            if xy[one, across] == xy[other, across] and 0 < apart <= MEETING_UNITS:
                xy[other, along] = xy[one, along]
    ends = xy.reshape(-1, 2, 2)
    met: list[BaseGeometry] = []
    for line, (first, last) in zip(lines, ends, strict=True):
        coordinates = shapely.get_coordinates(line)
        coordinates[0], coordinates[-1] = first, last
        if len(coordinates) > 2 or not np.array_equal(first, last):
            met.append(shapely.LineString(coordinates))
    return met


def _degrees(xy: NDArray[np.float64], units: int) -> NDArray[np.float64]:
    """Units of the world's grid (y down) -> longitude and latitude."""
    lon = xy[:, 0] / units * 360 - 180
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * xy[:, 1] / units))))
    return np.column_stack([lon, lat])
