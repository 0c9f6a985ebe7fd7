"""Areas in well-known binary -> their rings; of two editions of a layer what is the same is read once."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from borderwatch.arrays import begins
from borderwatch.formats.rings import RingTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WKB_POLYGON, _WKB_MULTIPOLYGON = 3, 6
_HEAD = struct.Struct("<BII")
_POLYGON_HEAD = b"\x01\x03\x00\x00\x00"  # little-endian, a polygon


@dataclass(frozen=True, eq=False)
class WkbLayer:
    """A layer of areas whose rings were not looked for yet: a geometry for each feature, and its fields as columns."""

    blobs: Sequence[bytes | None]
    columns: Mapping[str, Sequence[Any]]

    def rings(self, like: tuple[WkbLayer, RingTable] | None = None) -> RingTable | None:
        """The rings of polygons and multipolygons; None where something is neither, or no WKB at all.

        A geometry that is the same in ``like``, a layer and its rings, has the rings it has there. What is written
        otherwise (with heights, big-endian) is read by shapely.
        """
        parts = _Parts([], [], [])
        ends = [0]
        seen = None if like is None else _Seen(*like)
        for blob in self.blobs:
            if blob is not None and not (seen and seen.add(blob, parts)):
                try:
                    _read_areas(blob, parts)
                except (IndexError, ValueError, shapely.errors.ShapelyError):
                    return None
            ends.append(len(parts.counts))
        xy = np.frombuffer(b"".join(parts.xy), "<f8").reshape(-1, 2)
        counts, sizes = np.array(parts.counts, dtype=np.int64), np.array(parts.sizes, dtype=np.int64)
        exterior = np.zeros(len(counts), dtype=bool)
        exterior[begins(sizes)[sizes > 0]] = True
        feature = np.repeat(np.arange(len(self.blobs)), np.diff(ends))
        return RingTable(xy, counts, feature, exterior, len(self.blobs), self.columns)


class _Parts(NamedTuple):
    """What rings are made of: the bytes of their coordinates, their vertices, and the rings of each polygon."""

    xy: list[bytes | memoryview]
    counts: list[int]
    sizes: list[int]


class _Seen:
    """A layer whose rings are known, one geometry of each length in bytes: most that are as long are the same."""

    def __init__(self, layer: WkbLayer, table: RingTable) -> None:
        self._blobs, self._xy = layer.blobs, table.xy
        self._by_length = {len(blob): n for n, blob in enumerate(layer.blobs) if blob is not None}
        self._counts = table.counts.tolist()
        self._vertex = np.append(begins(table.counts), len(table.xy)).tolist()
        exteriors = np.flatnonzero(table.exterior)
        self._sizes = np.diff(np.append(exteriors, len(table.counts))).tolist()
        rings = np.searchsorted(table.feature, np.arange(table.features + 1))
        self._ring, self._polygon = rings.tolist(), np.searchsorted(exteriors, rings).tolist()

    def add(self, blob: bytes, parts: _Parts) -> bool:
        """Add the rings of a geometry that is in the layer; whether it is."""
        n = self._by_length.get(len(blob))
        if n is None or self._blobs[n] != blob:
            return False
        first, stop = self._ring[n : n + 2]
        parts.xy.append(self._xy[self._vertex[first] : self._vertex[stop]].data)
        parts.counts.extend(self._counts[first:stop])
        parts.sizes.extend(self._sizes[self._polygon[n] : self._polygon[n + 1]])
        return True


def _read_areas(blob: bytes, parts: _Parts) -> None:
    """Add the rings of one geometry; IndexError, ValueError or shapely's where it is no area, or is cut short."""
    order, kind, count = _HEAD.unpack_from(blob) if len(blob) >= _HEAD.size else (0, 0, 0)
    if order != 1 or kind not in (_WKB_POLYGON, _WKB_MULTIPOLYGON) or sys.byteorder != "little":
        return _read_by_shapely(blob, parts)
    at, count = (0, 1) if kind == _WKB_POLYGON else (_HEAD.size, count)
    pieces, rings, polygons = len(parts.xy), len(parts.counts), len(parts.sizes)
    append = parts.counts.append
    # All lengths in a polygon are multiples of four bytes: read as words, a ring takes a third of what unpacking takes.
    words = [memoryview(blob)[n : n + (len(blob) - n) // 4 * 4].cast("I") for n in range(4)]
    for _ in range(count):
        if blob[at : at + len(_POLYGON_HEAD)] != _POLYGON_HEAD:
            del parts.xy[pieces:], parts.counts[rings:], parts.sizes[polygons:]
            return _read_by_shapely(blob, parts)
        at += len(_POLYGON_HEAD)
        shift, word = at % 4, at // 4
        view = words[shift]
        number, begin, first = view[word], word + 1, len(parts.counts)
        for _ in range(number):
            word += 1
            size = view[word]
            append(size)
            word += 4 * size
        if number == 1:
            parts.xy.append(blob[shift + 4 * begin + 4 : shift + 4 * word + 4])
        else:
            parts.xy.append(_without_counts(blob[shift + 4 * begin : shift + 4 * word + 4], parts.counts[first:]))
        parts.sizes.append(number)
        at = shift + 4 * word + 4
    if at > len(blob):
        raise ValueError(f"WKB of {len(blob):,} bytes, which should be {at:,}")
    return None


def _without_counts(rings: bytes, counts: list[int]) -> memoryview:
    """The vertices of rings each of which has its count of vertices before it."""
    words = np.frombuffer(rings, "<u4")
    sizes = 4 * np.array(counts, dtype=np.int64) + 1
    return np.delete(words, begins(sizes)).data


def _read_by_shapely(blob: bytes, parts: _Parts) -> None:
    shape = shapely.force_2d(shapely.from_wkb(blob))
    if shape.geom_type not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"a {shape.geom_type}, not an area")
    polygons: NDArray[Any] = shapely.get_parts([shape])
    for polygon in polygons[~shapely.is_empty(polygons)].tolist():
        rings = shapely.get_rings(polygon)
        parts.xy.append(shapely.get_coordinates(rings).astype("<f8").tobytes())
        parts.counts.extend(shapely.get_num_coordinates(rings).tolist())
        parts.sizes.append(len(rings))
