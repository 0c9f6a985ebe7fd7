"""The boundary-chain diff: who lost what to whom anywhere on a layer, in time that grows with what changed.

Two editions of one series share nearly all of their edges. What is left of the signed sum of all edges after taking the
one edition from the other bounds exactly the ground that changed hands; nothing else is intersected, and nothing
has to be valid. Where a source was drawn anew the sum does not cancel, and the overlay of ``ownership`` is quicker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch.diff.chain_faces import Residual, faces_from_residual, holders
from borderwatch.diff.chain_index import ChainIndex, degrees, mixed, salts, split
from borderwatch.errors import StoreError
from borderwatch.geometry import areas_km2

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

__all__ = ["REDIGITISED", "ChainDiff", "ChainIndex", "Face", "diff"]

# Two editions of Natural Earth 50m leave 1.5 % of their edges, another digitisation all. The STRtree plan is quicker
# from about 6 % on (docs/performance.md) but knows no gains from nobody; from here on the chain takes far longer.
REDIGITISED = 0.15
# A share of so many is known to within .02 (one standard deviation).
_ANCHORS_TELL = 500

Layer = Iterable[tuple[str, "BaseGeometry"]]
Pair = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class Face:
    """A connected piece of ground that passed from ``loser`` to ``gainer`` (None: nobody); geometry WGS 84.

    ``before`` and ``after`` are all who hold it: several where a layer overlaps itself. A face that two lost to one
    is told twice, once for each.
    """

    loser: str | None
    gainer: str | None
    before: frozenset[str]
    after: frozenset[str]
    geometry: BaseGeometry
    area_km2: float

    @property
    def overlap(self) -> bool:
        """Whether another kept it all along: only a claim was given up, or added."""
        return bool(self.before & self.after)


@dataclass(frozen=True, slots=True)
class ChainDiff:
    """What two layers differ by. With ``redigitised``, ``faces`` were not made: compare by overlay instead."""

    edges: int
    """Directed edges of both layers together."""
    residual: int
    """How many of them did not cancel."""
    redigitised: bool
    estimated: bool = False
    """Whether ``residual`` was told from a sample: so much is left that counting it all would be in vain."""
    faces: tuple[Face, ...] = ()
    areas_km2: Mapping[Pair, float] = field(default_factory=lambda: MappingProxyType({}))
    """km2 by (loser, gainer), geodesic, largest first."""
    boxes: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    """West, south, east and north of every edge that did not cancel, in degrees; None where there is none."""

    reach: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    """The same of every face those edges bound, whoever holds it; None where there is none."""
    twisted: bool = False
    """Whether some face is bounded by rings that cross themselves: mend what reaches there and compare again."""

    def touches(self, box: tuple[float, float, float, float]) -> bool:
        """Whether ground in a box (west, south, east, north) may have changed hands, or a boundary in it moved."""
        if self.redigitised:
            return True
        if self.boxes is None:
            return False
        west, south, east, north = self.boxes.T
        if ((west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])).any():
            return True
        frame = shapely.box(*box)
        return any(face.geometry.intersects(frame) for face in self.faces)  # all of the box, its edges far away

    @property
    def cancelled(self) -> float:
        """The share of edges that cancelled, 1 for the same map twice."""
        return 1.0 - self.residual / self.edges if self.edges else 1.0


def diff(before: Layer | ChainIndex, after: Layer | ChainIndex, *, redigitised_from: float = REDIGITISED) -> ChainDiff:
    """Compare two layers of owned areas (or their stored indexes); ValueError where coordinates are not degrees.

    Areas of one owner may touch and overlap as they like: they are its ground once. ``redigitised_from`` is the
    share of residual edges above which no faces are made.
    """
    old = before if isinstance(before, ChainIndex) else ChainIndex.from_polygons(before)
    new = after if isinstance(after, ChainIndex) else ChainIndex.from_polygons(after)
    edges = old.edges + new.edges
    owners = tuple(sorted({*old.owners, *new.owners}))
    touched = frozenset(owner for owner in owners if old.sums.get(owner, 0) != new.sums.get(owner, 0))
    if not touched:
        return ChainDiff(edges, 0, redigitised=False)
    anew = _drawn_anew(old, new)
    if anew > 2 * redigitised_from:
        return ChainDiff(edges, round(anew * edges), redigitised=True, estimated=True)
    residual = _residual(old, new, owners, touched)
    left = int(np.abs(residual.weight).sum())
    if left > redigitised_from * edges:
        return ChainDiff(edges, left, redigitised=True)
    faces, reach, twisted = _faces(old, residual, owners)
    totals: dict[Pair, float] = {}
    for face in faces:
        totals[face.loser, face.gainer] = totals.get((face.loser, face.gainer), 0.0) + face.area_km2
    ordered = sorted(totals.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1] or ""))
    areas = MappingProxyType(dict(ordered))
    return ChainDiff(
        edges, left, redigitised=False, faces=faces, areas_km2=areas, boxes=_boxes(residual), reach=reach,
        twisted=twisted,
    )  # fmt: skip


def _boxes(residual: Residual) -> NDArray[np.float64]:
    ends = degrees(*split(residual.low)), degrees(*split(residual.high))
    return np.column_stack([np.minimum(*ends), np.maximum(*ends)])


def _drawn_anew(old: ChainIndex, new: ChainIndex) -> float:
    """About which share of vertices is not in both, from those that are anchors: one in 32, by its own place.

    Tells two drawings apart at a thousandth of what it takes to sort all their edges; 0 where anchors are too few.
    """
    one, other = (index.anchors for index in (old, new))
    most = max(len(one), len(other))
    if most < _ANCHORS_TELL:
        return 0.0
    return 1.0 - len(np.intersect1d(one, other, assume_unique=True)) / most


def _residual(old: ChainIndex, new: ChainIndex, owners: tuple[str, ...], touched: frozenset[str]) -> Residual:
    """Every edge whose owner walks it more often one way in one layer than in the other."""
    old_segments, new_segments = _uncancelled(old, new, touched)
    number = {owner: i for i, owner in enumerate(owners)}
    sides = [_edges(old, old_segments, number, -1), _edges(new, new_segments, number, 1)]
    low, high, owner, weight, key = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    if len(key) == 0:
        return Residual(low, high, owner, weight)
    order = np.argsort(key, kind="stable")
    first = _firsts(key[order])
    left = np.add.reduceat(weight[order], first)
    kept = order[first[left != 0]]
    return Residual(low[kept], high[kept], owner[kept], left[left != 0])


def _firsts(ordered: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each run of equal keys begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _uncancelled(
    old: ChainIndex, new: ChainIndex, touched: frozenset[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The segments of the chunks that do not cancel, in both layers, of the owners whose boundary changed."""
    pools = [np.flatnonzero(_of_touched(index, touched) & (index.prints != 0)) for index in (old, new)]
    prints = np.concatenate([old.prints[pools[0]], new.prints[pools[1]]])
    back = np.negative(prints)
    turned = back < prints  # the same chunk walked the other way has the opposite fingerprint
    key = np.where(turned, back, prints)
    weight = np.where(turned, -1, 1)
    weight[: len(pools[0])] *= -1
    order = np.argsort(key, kind="stable")
    first = _firsts(key[order])
    left = np.repeat(np.add.reduceat(weight[order], first) != 0, np.diff(np.append(first, len(order))))
    differs = np.empty(len(order), dtype=bool)
    differs[order] = left
    found = []
    for index, pool, mine in zip((old, new), pools, (differs[: len(pools[0])], differs[len(pools[0]) :]), strict=True):
        wanted = np.zeros(len(index.starts), dtype=bool)
        wanted[pool[mine]] = True
        found.append(np.flatnonzero(wanted[index.chunks]))
    return found[0], found[1]


def _of_touched(index: ChainIndex, touched: frozenset[str]) -> NDArray[np.bool_]:
    mask = np.array([owner in touched for owner in index.owners], dtype=bool)
    return mask[index.owner_of] if len(mask) else np.zeros(0, dtype=bool)


_Edges = tuple[
    "NDArray[np.uint64]", "NDArray[np.uint64]", "NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.uint64]"
]


def _edges(index: ChainIndex, segments: NDArray[np.int64], number: Mapping[str, int], side: int) -> _Edges:
    """The edges of some segments: lower and higher vertex, owner, weight, and the key equal edges share."""
    first, rank = index.edges_of(segments)
    a, b = index.vertices[first], index.vertices[first + 1]
    (ua, wa), (ub, wb) = mixed(a), mixed(b)
    hashes = ua * wb - ub * wa
    owner, sign = index.owner_of[segments][rank], index.signs[segments][rank].astype(np.int64)
    salted = hashes * salts(index.owners)[owner] if len(index.owners) else hashes
    _prove(index, segments, rank, salted, sign)
    up = a < b
    key = np.where(up, salted, np.negative(salted))
    codes = np.array([number[o] for o in index.owners], dtype=np.int64)
    weight = side * sign * np.where(up, 1, -1)
    keep = a != b
    return (
        np.where(up, a, b)[keep],
        np.where(up, b, a)[keep],
        codes[owner][keep] if len(codes) else owner.astype(np.int64)[keep],
        weight[keep],
        key[keep],
    )


def _prove(
    index: ChainIndex,
    segments: NDArray[np.int64],
    rank: NDArray[np.int64],
    salted: NDArray[np.uint64],
    sign: NDArray[np.int64],
) -> None:
    """StoreError where vertices are not those the fingerprints were made of: a stored index may rot."""
    totals = np.zeros(len(index.starts), dtype=np.uint64)
    np.add.at(totals, index.chunks[segments[rank]], np.where(sign < 0, np.negative(salted), salted))
    chunks = np.unique(index.chunks[segments])
    if (totals[chunks] != index.prints[chunks]).any():
        raise StoreError("chain index: its vertices are not those its fingerprints were made of: make it anew")


def _faces(
    old: ChainIndex, residual: Residual, owners: tuple[str, ...]
) -> tuple[tuple[Face, ...], NDArray[np.float64] | None, bool]:
    """The faces that changed hands, largest first; how far all faces reach; whether some are bounded by twisted rings.

    Those between two walls of a face that did not change hands are no faces.
    """
    if len(residual.weight) == 0:
        return (), None, False
    bounded = faces_from_residual(residual)
    reach = np.asarray(shapely.bounds(bounded.shapes)).reshape(-1, 4)
    held, twisted = holders(bounded, old, owners)
    told = [each for each in held if each[1] != each[2]]
    found = []
    for (shape, was, now), km2 in zip(told, areas_km2([shape for shape, _, _ in told]), strict=True):
        losers: list[str | None] = [*sorted(was - now)] or [None]
        gainers: list[str | None] = [*sorted(now - was)] or [None]
        found += [Face(loser, gainer, was, now, shape, float(km2)) for loser in losers for gainer in gainers]
    found.sort(key=lambda f: (-f.area_km2, f.loser or "", f.gainer or "", f.geometry.bounds))
    return tuple(found), reach, twisted
