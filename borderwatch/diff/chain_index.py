"""A layer of owned areas as snapped, directed edges, hashed in chunks: what the boundary-chain diff compares.

The boundary of an owner is the signed sum of the edges of its rings. The hash of an edge changes its sign with the
edge's direction and is multiplied by a number of the owner, so that sums of hashes do not depend on where a ring
starts, which way it winds or in which order rings stand, and an edge between two features of one owner cancels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.arrays import add_steps, begins, ranges
from borderwatch.errors import StoreError
from borderwatch.geometry import wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# One centimetre: the seventh decimal is the last that GeoJSON writers and Overpass agree on.
UNITS_PER_DEGREE = 10_000_000
_LON0, _LAT0 = 180 * UNITS_PER_DEGREE, 90 * UNITS_PER_DEGREE
# A hundredth of a degree past 180 is the rounding of a ring cut there (-180.0001): wrapped, it once invented 4.3 M km2.
_ROUNDING_DEG = 0.01
# One vertex in 32 is an anchor, by its own place alone: a chunk between two anchors is the same in both editions.
_ANCHOR_BELOW = np.uint64(1 << 59)
_BLOCK = 1 << 14  # vertices hashed at a time: the working arrays stay in a core's cache
_POLYGON = 3
# Odd multipliers and shifts of splitmix64 (Steele, Lea, Flood 2014), which passes BigCrush.
_M1, _M2, _M3 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15)
_S30, _S27, _S31, _S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_UNIT_STEP = 2.0**52  # from here to its double a float steps by one
_MAGIC = b"bwchain1"
_ALIGN = 8
_CHECKSUM_BYTES = 16
_FIELDS = (
    ("vertices", "<u8"),
    ("starts", "<i8"),
    ("stops", "<i8"),
    ("chunks", "<i4"),
    ("owner_of", "<i4"),
    ("signs", "<i1"),
    ("prints", "<u8"),
    ("boxes", "<u4"),
)


@dataclass(frozen=True, eq=False)
class ChainIndex:
    """One layer, ready to be compared; about 12 bytes a vertex, most of it ``vertices``.

    A segment is a run of edges between two anchors or ring ends; ``starts`` and ``stops`` are its first and last
    vertex, ``chunks`` the segment that holds the fingerprint of the chunk it is part of (its own, but for a ring's
    head, which belongs to the ring's tail), ``signs`` whether its ring must be walked backwards to hold the owner's
    ground on its left, ``boxes`` its west, south, east and north in units of 1e-7 degree.
    """

    owners: tuple[str, ...]
    vertices: NDArray[np.uint64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    chunks: NDArray[np.int32]
    owner_of: NDArray[np.int32]
    signs: NDArray[np.int8]
    prints: NDArray[np.uint64]
    edges: int

    @classmethod
    def from_polygons(cls, owned: Iterable[tuple[str, BaseGeometry]]) -> ChainIndex:
        """The index of (owner, area) pairs; what is no polygon is left out; ValueError where it is not degrees."""
        pairs = [(owner, geometry) for owner, geometry in owned if geometry is not None]
        owners = tuple(sorted({owner for owner, _ in pairs}))
        number = {owner: i for i, owner in enumerate(owners)}
        holders = np.array([number[owner] for owner, _ in pairs], dtype=np.int32)
        array = np.array([g for _, g in pairs], dtype=object)
        parts, whose = _polygons(array)
        rings, part = shapely.get_rings(parts, return_index=True)
        xy = shapely.get_coordinates(rings)
        if len(xy) and max(xy[:, 0].max(), -xy[:, 0].min()) > 180 + _ROUNDING_DEG:
            parts, whose = _polygons(np.array([wrapped(g) for g in array], dtype=object))
            rings, part = shapely.get_rings(parts, return_index=True)
            xy = shapely.get_coordinates(rings)
        first = np.ones(len(part), dtype=bool)
        first[1:] = part[1:] != part[:-1]
        return cls.from_rings(owners, xy, shapely.get_num_coordinates(rings), holders[whose[part]], first)

    @classmethod
    def from_rings(
        cls,
        owners: tuple[str, ...],
        xy: NDArray[np.float64],
        counts: NDArray[np.integer[Any]],
        owner_of: NDArray[np.int32],
        exterior: NDArray[np.bool_] | None = None,
    ) -> ChainIndex:
        """The same from closed rings one after the other, for readers that have no need of geometries.

        ``exterior`` says which rings are no holes; without it rings wind as a Shapefile's do, outer ones clockwise.
        """
        if len(xy) == 0:
            none = np.zeros(0, dtype=np.int64)
            bare = none.astype(np.int32)
            return cls(
                owners, none.astype(np.uint64), none, none, bare, bare, bare.astype(np.int8), none.view(np.uint64), 0
            )
        vertices = _snapped(xy)
        ends = np.cumsum(counts)
        ring_start, ring_last = ends - counts, ends - 1
        clockwise = np.full(len(counts), -1, dtype=np.int8)
        ring_sign = clockwise if exterior is None else _signs(vertices, ring_start, ring_last, exterior)
        hashes, anchors = _edge_hashes(vertices)
        hashes[ring_last] = 0  # the step from one ring to the next is no edge
        edges = int(np.count_nonzero(hashes))
        anchors[ring_last] = False
        headless = ~anchors[ring_start]
        anchors[ring_start] = True
        starts = np.flatnonzero(anchors)
        head = np.searchsorted(starts, ring_start)  # every ring's first segment
        tail = np.append(head[1:], len(starts)) - 1  # and its last
        stops = np.append(starts[1:], len(xy))
        stops[tail] = ring_last
        spans = np.diff(np.append(head, len(starts)))
        signs = np.repeat(ring_sign, spans)
        owner = np.repeat(owner_of, spans).astype(np.int32)
        prints = np.add.reduceat(hashes, starts)
        chunks = np.arange(len(starts), dtype=np.int32)
        joined = headless & (head != tail)
        chunks[head[joined]] = tail[joined]
        prints[tail[joined]] += prints[head[joined]]
        prints[head[joined]] = 0
        prints *= salts(owners)[owner]
        np.negative(prints, out=prints, where=signs < 0)
        return cls(owners, vertices, starts, stops, chunks, owner, signs, prints, edges)

    @cached_property
    def sums(self) -> dict[str, int]:
        """The fingerprint of every owner's whole boundary; equal ones are the same boundary."""
        totals = np.zeros(len(self.owners), dtype=np.uint64)
        np.add.at(totals, self.owner_of, self.prints)
        return dict(zip(self.owners, totals.tolist(), strict=True))

    @cached_property
    def boxes(self) -> NDArray[np.uint32]:
        """West, south, east and north of every segment, in units of 1e-7 degree from (-180, -90); shape (n, 4)."""
        if len(self.starts) == 0:
            return np.zeros((0, 4), dtype=np.uint32)
        lat, lon = _halves(self.vertices)
        first, last = self.starts, self.stops
        box = [each.reduceat(axis, first) for each in (np.minimum, np.maximum) for axis in (lon, lat)]
        # A segment ends on the vertex where the next begins; within a ring that one is not in the reduction.
        box[0], box[1] = np.minimum(box[0], lon[last]), np.minimum(box[1], lat[last])
        box[2], box[3] = np.maximum(box[2], lon[last]), np.maximum(box[3], lat[last])
        return np.column_stack(box)

    def ring_boxes(self, counts: NDArray[np.integer[Any]]) -> NDArray[np.uint32]:
        """The same of the rings it was made of, whose vertices are counted."""
        first = np.searchsorted(self.starts, begins(counts))
        ends = (np.minimum, np.minimum, np.maximum, np.maximum)
        return np.column_stack([end.reduceat(axis, first) for end, axis in zip(ends, self.boxes.T, strict=True)])

    @cached_property
    def anchors(self) -> NDArray[np.uint64]:
        """The vertices that are anchors, each once: a sample of all that is the same for the same vertices."""
        firsts = self.vertices[self.starts]
        anchors = np.sort(firsts[mixed(firsts)[0] < _ANCHOR_BELOW])  # np.unique takes ten times that
        return np.asarray(anchors[np.append(True, anchors[1:] != anchors[:-1])[: len(anchors)]])

    def edges_of(self, segments: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first vertex of every edge of some segments, and which of them (by its rank) it is of."""
        counts = self.stops[segments] - self.starts[segments]
        return ranges(self.starts[segments], counts), np.repeat(np.arange(len(segments)), counts)

    def to_bytes(self) -> bytes:
        """The index as it is kept beside a snapshot; little-endian, every array aligned."""
        arrays = [np.ascontiguousarray(getattr(self, name), dtype=kind) for name, kind in _FIELDS]
        head = {"owners": self.owners, "edges": self.edges, "sizes": [a.size for a in arrays]}
        text = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode()
        lead = _MAGIC + len(text).to_bytes(8, "little") + text
        whole = b"".join(_padded(part) for part in (lead, *(a.tobytes() for a in arrays)))
        return whole + _checksum(memoryview(whole))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> ChainIndex:
        """An index that was kept, without copying it (a memory map will do); StoreError where it is not whole."""
        view = memoryview(data)
        if bytes(view[:8]) != _MAGIC:
            raise StoreError(f"chain index: it begins with {bytes(view[:8])!r}, not {_MAGIC!r}: make it anew")
        end = len(view) - _CHECKSUM_BYTES
        if end % _ALIGN or end < _ALIGN or bytes(view[end:]) != _checksum(view[:end]):
            raise StoreError("chain index: it is not what was written (its checksum is another): make it anew")
        size = int.from_bytes(view[8:16], "little")
        try:
            head = json.loads(bytes(view[16 : 16 + size]))
            owners, edges, sizes = tuple(head["owners"]), int(head["edges"]), [int(n) for n in head["sizes"]]
            at = _aligned(16 + size)
            found: dict[str, NDArray[Any]] = {}
            for (name, kind), count in zip(_FIELDS, sizes, strict=True):
                found[name] = np.frombuffer(view, dtype=kind, count=max(count, 0), offset=at)
                at = _aligned(at + found[name].nbytes)
            boxes = found.pop("boxes").reshape(-1, 4)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"chain index: it cannot be read ({error}): make it anew") from None
        index = cls(owners=owners, edges=edges, **found)
        index.check()
        if len(boxes) != len(index.starts):
            raise StoreError("chain index: boxes and segments do not agree: make it anew")
        index.__dict__["boxes"] = boxes
        return index

    def check(self) -> None:
        """StoreError where an array points outside another: a damaged index must not be a wrong answer."""
        n, m = len(self.vertices), len(self.starts)
        lengths = {len(a) for a in (self.stops, self.chunks, self.owner_of, self.signs, self.prints)}
        whole = lengths <= {m} and all(isinstance(owner, str) for owner in self.owners)
        if whole and m:
            whole = bool(
                (self.starts >= 0).all()
                and (self.starts <= self.stops).all()
                and self.stops.max() < n
                and (self.starts[1:] >= self.stops[:-1]).all()
                and self.chunks.min() >= 0
                and self.chunks.max() < m
                and self.owner_of.min() >= 0
                and self.owner_of.max() < len(self.owners)
                and (np.abs(self.signs) == 1).all()
            )
        if not whole:
            raise StoreError("chain index: its arrays do not fit together: make it anew")


def _checksum(whole: memoryview) -> bytes:
    """Sum and exclusive or of all words: no flipped bit goes unseen, at memory speed (a hash costs ten times that)."""
    words = np.frombuffer(whole, dtype="<u8")
    sums = (np.add.reduce(words), np.bitwise_xor.reduce(words))
    return b"".join(int(word).to_bytes(8, "little") for word in sums)


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % _ALIGN)


def _aligned(offset: int) -> int:
    return offset + -offset % _ALIGN


def _polygons(array: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Every polygon in some geometries, collections opened, and the geometry it is of."""
    parts, whose = shapely.get_parts(array, return_index=True)
    if (shapely.get_type_id(parts) > _POLYGON).any():
        deeper, inner = shapely.get_parts(parts, return_index=True)
        parts, whose = deeper, whose[inner]
    keep = (shapely.get_type_id(parts) == _POLYGON) & ~shapely.is_empty(parts)
    return (parts, whose) if keep.all() else (parts[keep], whose[keep])


def _snapped(xy: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Vertices in whole numbers of 1e-7 degree from (-180, -90), longitude in the upper half of each word."""
    vertices = np.empty(len(xy), dtype="<u8")
    over = _ROUNDING_DEG * UNITS_PER_DEGREE
    rows = np.empty((2, min(_BLOCK, len(xy))))  # made once: a new page costs more than what is done in it
    for at in range(0, len(xy), _BLOCK):
        block = xy[at : at + _BLOCK]
        both = rows[:, : len(block)]
        for axis, zero in enumerate((_LON0, _LAT0)):
            row = np.multiply(block[:, axis], UNITS_PER_DEGREE, out=both[axis])
            row += _UNIT_STEP + zero  # rounds to the nearest whole number, which then is the lower half of the word
            low, high = row.min() - _UNIT_STEP, row.max() - _UNIT_STEP
            if not (low >= -over and high <= 2 * zero + over):  # so that what is no number is caught too
                low, high = xy[:, axis].min(), xy[:, axis].max()
                raise ValueError(f"coordinates from {low:g} to {high:g} are not degrees")
            if low < 0 or high > 2 * zero:
                np.clip(row, _UNIT_STEP, _UNIT_STEP + 2 * zero, out=row)
        lon, lat = both.view(np.uint64)
        lon <<= _S32
        lat &= _LOW
        np.bitwise_or(lon, lat, out=vertices[at : at + len(block)])
    return vertices


def _halves(vertices: NDArray[np.uint64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Latitude and longitude of vertices where they lie, in the lower and the upper half of each word."""
    words = vertices.astype("<u8", copy=False).view("<u4").reshape(-1, 2)
    return words[:, 0], words[:, 1]


def _signs(
    vertices: NDArray[np.uint64],
    start: NDArray[np.int64],
    last: NDArray[np.int64],
    exterior: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """1 where walking a ring as it stands has the ground on the left, else -1."""
    area = np.zeros(len(start))
    for at in range(0, len(vertices), _BLOCK):
        lat, lon = (half.astype(float) for half in _halves(vertices[at : at + _BLOCK + 1]))
        # From the equator, and halved: whole numbers below 2**53 for rings of up to a tenth of a degree, so exact.
        lat -= _LAT0
        step = np.zeros(min(_BLOCK, len(vertices) - at))  # nothing behind the very last vertex
        np.subtract(lon[1:], lon[:-1], out=step[: len(lon) - 1])
        step[: len(lon) - 1] *= (lat[1:] + lat[:-1]) / 2
        add_steps(area, step, at, start, last)
    clockwise = area > 0
    return np.where(clockwise == exterior, -1, 1).astype(np.int8)


def _edge_hashes(vertices: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The hash of the edge from every vertex to the next, 0 where they are one; and which vertices are anchors."""
    n = len(vertices)
    hashes, anchors = np.zeros(n, dtype=np.uint64), np.empty(n, dtype=bool)
    for at in range(0, n, _BLOCK):
        u, w = mixed(vertices[at : at + _BLOCK + 1])
        anchors[at : at + _BLOCK] = u[:_BLOCK] < _ANCHOR_BELOW
        here = hashes[at : at + len(u) - 1]
        np.multiply(u[:-1], w[1:], out=here)
        w[:-1] *= u[1:]
        here -= w[:-1]
    return hashes, anchors


def mixed(vertices: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two independent hashes of each vertex; the hash of an edge a -> b is u_a w_b - u_b w_a, modulo 2**64."""
    u = vertices ^ (vertices >> _S30)
    u *= _M1
    u ^= u >> _S27
    u *= _M2
    u ^= u >> _S31
    w = u * _M3
    w ^= w >> _S32
    w *= _M1
    return u, w


def salts(owners: Iterable[str]) -> NDArray[np.uint64]:
    """An odd number for each owner, so that multiplying by it loses nothing."""
    digests = [hashlib.blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=8).digest() for owner in owners]
    return np.array([int.from_bytes(d, "little") | 1 for d in digests], dtype=np.uint64)


def split(vertices: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Longitude and latitude in units of 1e-7 degree from (-180, -90)."""
    return (vertices >> _S32).astype(np.int64), (vertices & _LOW).astype(np.int64)


def degrees(lon: NDArray[Any], lat: NDArray[Any]) -> NDArray[np.float64]:
    """Those units as an (n, 2) array of degrees."""
    return np.column_stack([(lon - _LON0) / UNITS_PER_DEGREE, (lat - _LAT0) / UNITS_PER_DEGREE])
