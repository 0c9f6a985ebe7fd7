"""Areas in well-known binary -> their rings; of two editions of a layer what is the same is read once."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
        known = {} if like is None else _by_length(*like)
        for blob in self.blobs:
            same = known.get(len(blob)) if blob else None
            if same is not None and same.blob == blob:
                parts.xy.append(same.xy.data)
                parts.counts.extend(same.counts.tolist())
                parts.sizes.extend(same.sizes())
            elif blob is not None:
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


class _Known(NamedTuple):
    """A geometry and its rings: their vertices, vertices by ring, and which are no holes."""

    blob: bytes
    xy: NDArray[np.float64]
    counts: NDArray[np.int64]
    exterior: NDArray[np.bool_]

    def sizes(self) -> list[int]:
        """The rings of each of its polygons."""
        ends = np.append(np.flatnonzero(self.exterior), len(self.exterior))
        return [int(number) for number in np.diff(ends)]


def _by_length(layer: WkbLayer, table: RingTable) -> dict[int, _Known]:
    """One geometry of each length in bytes: of two editions most that are as long are the same."""
    ends = np.searchsorted(table.feature, np.arange(table.features + 1))
    begin = np.append(begins(table.counts), len(table.xy))
    found = {}
    for blob, (first, stop) in zip(layer.blobs, pairwise(ends.tolist()), strict=True):
        if blob is not None:
            xy = table.xy[begin[first] : begin[stop]]
            found[len(blob)] = _Known(blob, xy, table.counts[first:stop], table.exterior[first:stop])
    return found


class _Parts(NamedTuple):
    """What rings are made of: the bytes of their coordinates, their vertices, and the rings of each polygon."""

    xy: list[bytes | memoryview]
    counts: list[int]
    sizes: list[int]


def _read_areas(blob: bytes, parts: _Parts) -> None:
    """Add the rings of one geometry; IndexError, ValueError or shapely's where it is no area, or is cut short."""
    order, kind, count = _HEAD.unpack_from(blob) if len(blob) >= _HEAD.size else (0, 0, 0)
    if order != 1 or kind not in (_WKB_POLYGON, _WKB_MULTIPOLYGON) or sys.byteorder != "little":
        return _read_by_shapely(blob, parts)
    at, count = (0, 1) if kind == _WKB_POLYGON else (_HEAD.size, count)
    pieces, rings, polygons = len(parts.xy), len(parts.counts), len(parts.sizes)
    # All lengths in a polygon are multiples of four bytes: read as words, a ring takes a third of what unpacking takes.
    append = parts.counts.append
    words = [memoryview(blob)[n : n + (len(blob) - n) // 4 * 4].cast("I") for n in range(4)]
    for _ in range(count):
        if blob[at : at + len(_POLYGON_HEAD)] != _POLYGON_HEAD:
            del parts.xy[pieces:], parts.counts[rings:], parts.sizes[polygons:]
            return _read_by_shapely(blob, parts)
        at += len(_POLYGON_HEAD)
        shift, word = at % 4, at // 4
        view = words[shift]
        first, begin = len(parts.counts), word + 1
        for _ in range(view[word]):
            word += 1
            size = view[word]
            append(size)
            word += 4 * size
        here = parts.counts[first:]
        if 0 in here:
            del parts.xy[pieces:], parts.counts[rings:], parts.sizes[polygons:]
            return _read_by_shapely(blob, parts)  # it knows what a ring without vertices is
        parts.xy.append(_without_counts(blob[shift + 4 * begin : shift + 4 * word + 4], here))
        parts.sizes.append(len(here))
        at = shift + 4 * word + 4
    if at > len(blob):
        raise ValueError(f"WKB of {len(blob):,} bytes, which should be {at:,}")
    return None


def _without_counts(rings: bytes, counts: list[int]) -> bytes | memoryview:
    """The vertices of rings each of which has its count of vertices before it, none of them empty."""
    if len(counts) == 1 and len(rings) == 16 * counts[0] + 4:
        return rings[4:]
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
