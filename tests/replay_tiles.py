"""Tile services on the replay server: addresses, parameters, keys and refusals as documented; tiles of our own making.

No real tile could be recorded: every byte of a tile here is SHAPE, drawn from the project's own catalogue with the
encoder of ``mapbox-vector-tile`` (and ``pmtiles``' writer) in each service's documented schema.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import mapbox_vector_tile
import mercantile
import numpy as np
import shapely
from mapbox_vector_tile.encoder import on_invalid_geometry_make_valid
from shapely.geometry.base import BaseGeometry

from borderwatch.formats.vector_tile import Tile
from tests.replay import Asked, Replay, Reply, json_reply

GRID = 4096
BUFFER = 64
KEY = "k3y-0f-th3-us3r-s3cr3t"

Drawn = tuple[BaseGeometry, Mapping[str, Any]]
Layers = Mapping[str, Iterable[Drawn]]


def tile_bytes(tile: Tile, layers: Layers) -> bytes:
    """One tile of what is drawn (WGS 84), cut at the tile's buffer and put on its grid, as tile makers do."""
    encoded = []
    for name, drawn in layers.items():
        features = []
        for geometry, properties in drawn:
            units = shapely.transform(geometry, lambda xy: _units(xy, tile))
            cut = units.intersection(shapely.box(-BUFFER, -BUFFER, GRID + BUFFER, GRID + BUFFER))
            if not cut.is_empty:
                features.append({"geometry": cut, "properties": dict(properties)})
        if features:
            encoded.append({"name": name, "features": features})
    return bytes(
        mapbox_vector_tile.encode(
            encoded, default_options={"y_coord_down": True, "on_invalid_geometry": on_invalid_geometry_make_valid}
        )
    )


def _units(xy: np.ndarray[Any, Any], tile: Tile) -> np.ndarray[Any, Any]:
    world = 2**tile.z
    x = (xy[:, 0] + 180) / 360 * world - tile.x
    sin = np.sin(np.radians(xy[:, 1]))
    y = (0.5 - np.log((1 + sin) / (1 - sin)) / (4 * np.pi)) * world - tile.y
    return np.column_stack([x, y]) * GRID


def everywhere(tile: Tile, layer: str = "water") -> Layers:
    """A layer that every tile has: no real tile of a planet is empty."""
    return {layer: [(shapely.box(*mercantile.bounds(*_xyz(tile))), {"kind": "ocean"})]}


def _xyz(tile: Tile) -> tuple[int, int, int]:
    return tile.x, tile.y, tile.z


@dataclass
class TileServer:
    """Answers one service's tile addresses. ``draw`` says what a question is shown, by layer.

    ``fault`` answers instead, when set; ``tiles`` counts what was served.
    """

    replay: Replay
    host: str
    pattern: str
    draw: Callable[[Asked], Layers]
    key: tuple[str, str] | None = None
    """("query" or "header", name)."""
    refusal: Reply = field(default_factory=lambda: json_reply({"message": "Not Authorized"}, status=401))
    headers: Mapping[str, str] = field(default_factory=dict)
    zipped: bool = False
    fault: Callable[[Asked], Reply | None] = lambda _asked: None
    others: dict[str, Callable[[Asked], Reply]] = field(default_factory=dict)
    query_tile: bool = False
    tiles: int = 0

    def __post_init__(self) -> None:
        self.replay.on(self.host, "*", self._answer)
        self.replay.on(self.host, "/robots.txt", status=404)

    def _answer(self, asked: Asked) -> Reply:
        if self.key is not None:
            place, name = self.key
            given = asked.query.get(name) if place == "query" else asked.headers.get(name)
            if given != KEY:
                return self.refusal
        broken = self.fault(asked)
        if broken is not None:
            return broken
        if asked.path in self.others:
            return self.others[asked.path](asked)
        tile = self._tile(asked)
        if tile is None:
            return json_reply({"message": "Not Found"}, status=404)
        self.tiles += 1
        data = tile_bytes(tile, {**everywhere(tile), **self.draw(asked)})
        headers = {"Content-Type": "application/vnd.mapbox-vector-tile", **self.headers}
        return Reply(data, headers=headers, gzipped=self.zipped)

    def _tile(self, asked: Asked) -> Tile | None:
        found = re.fullmatch(self.pattern, asked.path)
        if found is None:
            return None
        named = asked.query if self.query_tile else found.groupdict()
        return Tile(int(named["zoom" if self.query_tile else "z"]), int(named["x"]), int(named["y"]))


XYZ = r"(?P<z>\d+)/(?P<x>\d+)/(?P<y>\d+)"


# --- PMTiles ------------------------------------------------------------------------------------------


def pmtiles_bytes(tiles: Mapping[Tile, bytes], **header: Any) -> bytes:
    """An archive as the makers' own library writes it."""
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    out = io.BytesIO()
    writer = Writer(out)
    for tile in sorted(tiles, key=lambda t: zxy_to_tileid(*t)):
        writer.write_tile(zxy_to_tileid(*tile), gzip.compress(tiles[tile], mtime=0))
    zooms = [tile.z for tile in tiles]
    writer.finalize(
        {
            "tile_type": TileType.MVT,
            "tile_compression": Compression.GZIP,
            "min_zoom": min(zooms),
            "max_zoom": max(zooms),
            "min_lon_e7": int(-180e7),
            "min_lat_e7": int(-85e7),
            "max_lon_e7": int(180e7),
            "max_lat_e7": int(85e7),
            "center_zoom": 0,
            "center_lon_e7": 0,
            "center_lat_e7": 0,
            **header,
        },
        {"vector_layers": [{"id": "boundaries"}], "planetiler:buildtime": "SHAPE"},
    )
    return out.getvalue()


def ranges(data: bytes, etag: Callable[[], str] = lambda: '"build"') -> Callable[[Asked], Reply]:
    """A file on a server that answers ranges, as build.protomaps.com does."""

    def answer(asked: Asked) -> Reply:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
        if found is None:
            return Reply(data, headers={"ETag": etag()})
        first, last = int(found[1]), min(int(found[2]), len(data) - 1)
        if first >= len(data):
            return Reply(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": etag(), "Accept-Ranges": "bytes"}
        return Reply(data[first : last + 1], 206, headers)

    return answer


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()
