"""Features of two worlds matched by place: one split into several, several merged into one, a whole file renamed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.ownership import both
from borderwatch.diff.record import Finding
from borderwatch.formats.label_texts import UNTAGGED
from borderwatch.models import Kind, Role, Significance

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import Scene, World

# A part lies in its whole to this share of itself, and the parts together make this share of the whole: two drawings
# of one coast differ by less than a tenth.
INSIDE, TOGETHER = 0.9, 0.93
# A split that leaves nearly all of the whole in one part, with nothing thick in the others, is islets.
SMALLEST_PART = 0.002
# The dispute's ground is concerned where this much of it lies in the whole (or of the whole in it), and this much of
# what they share in a part that goes by another name.
GROUND_IN_WHOLE, GROUND_IN_PART = 0.5, 0.05
# A file in which this share of at least so many features stayed in place and changed its name has changed its words.
RENAMED_SHARE, RENAMED_LEAST = 0.6, 20
# Boxes of one feature drawn twice agree to this (intersection over union).
SAME_BOX_IOU = 0.8
EXAMPLES = 3


@dataclass(frozen=True)
class Named:
    """All that one world draws under one code and name, in however many features."""

    owner: str
    code: str | None
    name: str | None
    geometry: BaseGeometry
    digests: frozenset[bytes]
    plain: str | None = None
    """What it is called without a language, where its name is one in a language."""

    @cached_property
    def area_km2(self) -> float:
        """Geodesic, overlaps counted twice."""
        return geo.area_km2(self.geometry)

    @cached_property
    def ground(self) -> BaseGeometry:
        """Valid: features of one name may overlap."""
        return self.geometry if len(self.digests) == 1 else geo.union(list(shapely.get_parts(self.geometry)))

    @cached_property
    def inner(self) -> BaseGeometry:
        """A point inside."""
        return self.geometry.representative_point()

    @property
    def word(self) -> str:
        """What it is called."""
        return self.name or self.code or "(no name)"


@dataclass(frozen=True, slots=True)
class Regrouping:
    """One feature became several (``Kind.SPLIT``) or several became one (``Kind.MERGED``), largest part first."""

    kind: Kind
    whole: Named
    parts: tuple[Named, ...]

    @property
    def beside(self) -> tuple[Named, ...]:
        """The parts that are not simply the whole under its old name."""
        main = self.parts[0]
        return self.parts[1:] if (main.code, main.name) == (self.whole.code, self.whole.name) else self.parts

    @property
    def passes(self) -> bool:
        """Whether it is no more than ground that passed: the whole stays, and every other part has another owner."""
        return self.beside != self.parts and all(p.owner != self.whole.owner for p in self.beside)

    @property
    def words(self) -> str:
        """The parts, as the source calls them."""
        return ", ".join(p.word for p in self.parts)


def named(world: World) -> list[Named]:
    """The areas of a world by code and name; what has neither stands for itself."""
    groups: dict[object, list[int]] = {}
    for i, p in enumerate(world.painted):
        if p.role is Role.AREA:
            groups.setdefault((p.owner, p.code, p.name) if p.code or p.name else i, []).append(i)
    result = []
    for members in groups.values():
        painted = [world.painted[i] for i in members]
        first = painted[0]
        parts = [g for p in painted for g in shapely.get_parts(p.geometry)]
        whole = first.geometry if len(painted) == 1 else shapely.MultiPolygon(parts)
        digests, plain = frozenset(p.digest for p in painted), first.names.get(UNTAGGED)
        result.append(Named(first.owner, first.code, first.name, whole, digests, plain))
    return result


def regroupings(before: World, after: World) -> tuple[Regrouping, ...]:
    """Every feature split or merged between two worlds; order of features and of their parts is no matter."""
    old, new = named(before), named(after)
    limit = max(before.resolution_km, after.resolution_km)
    kept = {n.digests for n in old} & {n.digests for n in new}
    gone, come = [n for n in old if n.digests not in kept], [n for n in new if n.digests not in kept]
    found = [Regrouping(Kind.SPLIT, whole, parts) for whole, parts in _wholes(gone, come, limit)]
    found += [Regrouping(Kind.MERGED, whole, parts) for whole, parts in _wholes(come, gone, limit)]
    return tuple(sorted((r for r in found if not r.passes), key=lambda r: (r.kind, r.whole.word, r.words)))


def _wholes(
    wholes: Sequence[Named], others: Sequence[Named], limit_km: float
) -> Iterator[tuple[Named, tuple[Named, ...]]]:
    """Each whole that several of the others make up between them."""
    if not wholes or len(others) < 2:
        return
    boxes = np.array([o.geometry.bounds for o in others])
    slack = max(0.1, 3 * limit_km / geo.KM_PER_DEGREE)
    for whole in wholes:
        west, south, east, north = whole.geometry.bounds
        inside = (
            (boxes[:, 0] >= west - slack)
            & (boxes[:, 1] >= south - slack)
            & (boxes[:, 2] <= east + slack)
            & (boxes[:, 3] <= north + slack)
        )
        least = max(SMALLEST_PART * whole.area_km2, np.pi * limit_km**2)
        near = [o for o, fits in zip(others, inside, strict=True) if fits and least <= o.area_km2 < whole.area_km2]
        # Cheap tests before overlays: a whole that is there under its own name was drawn anew, and parts that lie
        # elsewhere or do not add up to the whole are not its parts.
        if len(near) < 2 or any(
            (o.code, o.name) == (whole.code, whole.name) and o.area_km2 >= TOGETHER * whole.area_km2 for o in near
        ):
            continue
        shapely.prepare(whole.geometry)
        near = [o for o in near if shapely.intersects(whole.geometry, o.inner)]
        if len(near) < 2 or sum(o.area_km2 for o in near) < TOGETHER * whole.area_km2:
            continue
        parts = []
        for other in near:
            common = geo.area_km2(both(other.ground, whole.ground))
            if common >= INSIDE * other.area_km2:
                parts.append((common, other))
        total = sum(common for common, _ in parts)
        if len(parts) >= 2 and TOGETHER * whole.area_km2 <= total <= whole.area_km2 / TOGETHER:
            yield whole, tuple(o for _, o in sorted(parts, key=lambda p: (-p[0], p[1].word)))


def findings(scene: Scene, found: Sequence[Regrouping]) -> list[Finding]:
    """The splits and mergers that concern one dispute's ground: minor, for what it means is told as a transfer."""
    told = []
    for one in found:
        ground = scene.ground.area
        if scene.ground.name_only or not ground.intersects(one.whole.geometry):
            continue
        common = geo.area_km2(both(ground, one.whole.ground))
        if common < GROUND_IN_WHOLE * min(scene.ground.area_km2, one.whole.area_km2):
            continue
        apart = [geo.area_km2(both(ground, part.ground)) for part in one.beside]
        if max(apart, default=0.0) >= GROUND_IN_PART * common:
            told.append(finding(one))
    return told


def finding(one: Regrouping) -> Finding:
    """A split or merger as a finding; its geometry is the parts that go by another name than the whole."""
    split = one.kind is Kind.SPLIT
    return Finding(
        one.kind,
        Significance.MINOR,
        loser=one.whole.owner if split else None,
        gainer=None if split else one.whole.owner,
        old=one.whole.word if split else one.words,
        new=one.words if split else one.whole.word,
        area_km2=one.whole.area_km2,
        geometry=geo.union([p.ground for p in one.beside]),
    )


# --- the whole file renamed ------------------------------------------------------------------------------


def renamed_file(before: World, after: World) -> Finding | None:
    """One finding where a file calls nearly everything otherwise at once (ids become names, another language).

    The features are matched by place. Told once, not once for each of 25 disputes.
    """
    pairs = [(a, b) for a, b in _same_places(named(before), named(after)) if a.name and b.name]
    other = [(a, b) for a, b in pairs if not same_text(*main_texts((a.name or "", a.plain), (b.name or "", b.plain)))]
    if len(pairs) < RENAMED_LEAST or len(other) < RENAMED_SHARE * len(pairs):
        return None
    some = sorted(other, key=lambda p: -p[0].area_km2)[:EXAMPLES]
    return Finding(
        Kind.RENAMED,
        Significance.MINOR,
        subject=f"{len(other)} of {len(pairs)} features",
        old=", ".join(a.word for a, _ in some),
        new=", ".join(b.word for _, b in some),
    )


def _same_places(old: Sequence[Named], new: Sequence[Named]) -> Iterator[tuple[Named, Named]]:
    by_digests = {n.digests: n for n in new}
    rest = []
    for a in old:
        if a.digests in by_digests:
            yield a, by_digests[a.digests]
        else:
            rest.append(a)
    if not rest or not new:
        return
    boxes = [shapely.box(*n.geometry.bounds) for n in new]
    tree = shapely.STRtree(boxes)
    for a in rest:
        box = shapely.box(*a.geometry.bounds)
        best, found = SAME_BOX_IOU, None
        for j in tree.query(box):
            other = boxes[int(j)]
            iou = box.intersection(other).area / max(box.union(other).area, 1e-12)
            if iou > best:
                best, found = iou, new[int(j)]
        if found is not None:
            yield a, found


def main_texts(one: tuple[str, str | None], other: tuple[str, str | None]) -> tuple[str, str]:
    """The two names to compare of what has a name each and a plain one perhaps.

    A file with names in English is known by those, one without by its plain names: then the plain ones are compared,
    or all of Natural Earth is renamed where the later edition has a column NAME_EN beside NAME.
    """
    if (one[1] is None) == (other[1] is None):
        return one[0], other[0]
    return one[1] or one[0], other[1] or other[0]


def same_text(a: str, b: str) -> bool:
    """Whether two texts are one: white space and Unicode form are no difference."""
    return " ".join(unicodedata.normalize("NFC", a).split()) == " ".join(unicodedata.normalize("NFC", b).split())
