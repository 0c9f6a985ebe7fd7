"""One planet in one file (PMTiles v3), read a few bytes at a time: header, directories, single tiles; bounded.

The layout is read by ``pmtiles``; where the bytes come from is the caller's.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from borderwatch.errors import Malformed, SchemaChanged, TooLarge
from borderwatch.formats.gzipped import gunzipped
from borderwatch.formats.vector_tile import MAX_TILE_BYTES, Tile

ROOT_BYTES = 16_384
"""Header and root directory always lie in the first 16,384 bytes (specification, chapter 4)."""
HEADER_BYTES = 127
MAX_DIRECTORY_BYTES = 4_000_000
"""A leaf directory of a planet holds some thousands of entries, tens of kB packed."""
MAX_DEPTH = 4


class PmtilesArchive:
    """An archive behind ``read(first, length)``; directories are read once."""

    def __init__(self, read: Callable[[int, int], bytes], name: str) -> None:
        from pmtiles.tile import Compression, TileType, deserialize_header

        self._read = read
        self._name = name
        self._start = read(0, ROOT_BYTES)
        if len(self._start) < HEADER_BYTES or not self._start.startswith(b"PMTiles"):
            raise Malformed(f"{name}: no PMTiles archive: it begins {self._start[:12]!r}")
        if self._start[7] != 3:
            raise SchemaChanged(f"{name}: PMTiles version {self._start[7]}; version 3 is read", words=("version",))
        try:
            self.header: dict[str, Any] = dict(deserialize_header(self._start[:HEADER_BYTES]))
        except (ValueError, IndexError) as error:
            raise Malformed(f"{name}: a damaged PMTiles header ({error})") from None
        if self.header["tile_type"] is not TileType.MVT:
            raise SchemaChanged(f"{name}: tiles of type {self.header['tile_type'].name}; MVT is read", words=("type",))
        readable = {Compression.GZIP, Compression.NONE}
        if (
            self.header["internal_compression"] is not Compression.GZIP
            or self.header["tile_compression"] not in readable
        ):
            raise SchemaChanged(f"{name}: packed otherwise than with gzip", words=("compression",))
        self._directories: dict[tuple[int, int], Any] = {}

    def tile(self, tile: Tile) -> bytes:
        """The tile's bytes as they lie there; empty where the archive has none."""
        from pmtiles.tile import find_tile, zxy_to_tileid

        wanted = zxy_to_tileid(*tile)
        offset, length = self.header["root_offset"], self.header["root_length"]
        for _ in range(MAX_DEPTH):
            entry = find_tile(self._directory(offset, length), wanted)
            if entry is None:
                return b""
            if entry.run_length:
                if entry.length > MAX_TILE_BYTES:
                    raise TooLarge(f"{self._name}: tile {tile.part} of {entry.length:,} bytes")
                return self._bytes(self.header["tile_data_offset"] + entry.offset, entry.length)
            offset, length = self.header["leaf_directory_offset"] + entry.offset, entry.length
        raise Malformed(f"{self._name}: directories more than {MAX_DEPTH} deep")

    def _bytes(self, offset: int, length: int) -> bytes:
        if offset + length <= len(self._start):
            return self._start[offset : offset + length]
        data = self._read(offset, length)
        if len(data) != length:
            raise Malformed(f"{self._name}: {len(data):,} bytes at {offset:,}, not {length:,}: the archive is cut")
        return data

    def _directory(self, offset: int, length: int) -> Any:
        from pmtiles.tile import deserialize_directory

        if (offset, length) not in self._directories:
            if not 0 < length <= MAX_DIRECTORY_BYTES:
                raise TooLarge(
                    f"{self._name}: a directory of {length:,} bytes; at most {MAX_DIRECTORY_BYTES:,} are read"
                )
            packed = self._bytes(offset, length)
            # The library unpacks without a bound: what it is given is tried here first.
            gunzipped(packed, MAX_DIRECTORY_BYTES * 4, f"{self._name}: a directory")
            try:
                self._directories[offset, length] = deserialize_directory(packed)
            except (zlib.error, EOFError, ValueError, OSError) as error:
                raise Malformed(f"{self._name}: a damaged directory at {offset:,} ({error})") from None
        return self._directories[offset, length]
