"""What is kept of an answer whose terms forbid keeping it: words and measures, no geometry. Pure, no I/O.

Such terms (Mapbox, HERE, TomTom, Azure, GADM ...) forbid storing, redistributing or deriving a data set from what
the service draws; that a line is drawn, in which class, and how long it is, are observations about it. So of each
dispute is kept: the source's own words, owners and their shares, lengths by class of line, how much of each rival
line of *our* catalogue is covered by which class, and one hash of the drawing. No coordinate, no outline and no list
of features is kept: no map, however coarse, can be drawn from facts. ``docs/storage.md`` argues it at length.

Measures are taken once, by the reader of that day, and cannot be taken again: every record names its reader, and
each dispute the ground it was measured on, so that a better reader or a redrawn reference is never taken for a
change of the source (``diff.accounts``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.errors import Damaged
from borderwatch.models import Capture, Coverage, Depiction, Drawn, LineStyle, Role, Row, Share
from borderwatch.scene import Ground, Piece, Scene, World

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

FORMAT = 1
PART = "facts.json"
"""What the ledger calls the record."""

SAMPLE_KM = 1.0
MOST_SAMPLES = 4_000
"""Points along one dispute's rival lines; longer lines are sampled less densely."""
OUTLINE = "outline"
"""The name under which the outline of a dispute's own ground stands among the rival lines."""


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """How a line is drawn: the source's word, its style, and its words by audience; what can be restyled."""

    word: str = ""
    style: str = ""
    words: tuple[tuple[str, str], ...] = ()

    @property
    def attributes(self) -> dict[str, str]:
        """By subject, as ``diff`` tells of them: "" is the word."""
        return {"": self.word, **({"style": self.style} if self.style else {}), **dict(self.words)}


@dataclass(frozen=True, slots=True)
class Stretch:
    """All stretches that ``parties`` (and nobody else) put forward, and what covers them."""

    parties: tuple[str, ...]
    length_km: float
    covered: Mapping[Look, float]


@dataclass(frozen=True, slots=True)
class Apart:
    """What is drawn in one look on the ground and follows no rival line: length, and mean distance from them."""

    length_km: float
    offset_km: float


@dataclass(frozen=True)
class Seen:
    """What one capture's facts say of one dispute; stands where a ``Scene`` stands, without geometry."""

    ground: Ground
    capture: Capture
    depiction: Depiction
    complete: bool
    reader: str = ""
    measured_on: str = ""
    drawing: str = ""
    outline_km: float = 0.0
    stretches: tuple[Stretch, ...] = ()
    apart: Mapping[Look, Apart] | None = None

    areas: ClassVar[tuple[Piece, ...]] = ()
    lines: ClassVar[tuple[Piece, ...]] = ()

    @property
    def areas_key(self) -> str:
        """Equal keys are the same drawing."""
        return self.drawing


@dataclass(frozen=True)
class Facts:
    """What is kept of one capture; stands where a ``World`` stands, without geometry."""

    capture: Capture
    reader: str
    worldviews: tuple[str, ...]
    complete: bool
    resolution_km: float
    area_by_owner_km2: Mapping[str, float]
    line_km: float
    asked: str
    disputes: Mapping[str, Mapping[str, Any]]

    @cached_property
    def vertices(self) -> NDArray[np.int64]:
        """None are kept."""
        return np.zeros(0, dtype=np.int64)

    def seen(self, grounds: Iterable[Ground]) -> dict[str, Seen]:
        """What these facts say of every dispute; one that was not watched yet was not measured."""
        return {g.dispute.slug: self._seen(g) for g in grounds}

    def _seen(self, here: Ground) -> Seen:
        record = self.disputes.get(here.dispute.slug)
        if record is None:
            reason = "not measured when this was captured: the dispute was not watched yet, and the body is not kept"
            nothing = Depiction(
                self.capture.view, here.dispute.slug, self.capture.id, Coverage.NOT_COVERED, reason=reason
            )
            return Seen(here, self.capture, nothing, self.complete, self.reader)
        return _seen_from_record(record, here, self)


# --- measuring -----------------------------------------------------------------------------------------


def facts_from_scenes(world: World, scenes: Mapping[str, Scene], *, reader: str) -> bytes:
    """The record of a capture, canonical: equal depictions give equal bytes."""
    record = {
        "format": FORMAT,
        "reader": reader,
        "worldviews": list(world.worldviews),
        "complete": world.complete,
        "resolution_km": world.resolution_km,
        "area_by_owner_km2": {o: round(km2) for o, km2 in sorted(world.area_by_owner_km2.items()) if km2 >= 0.5},
        "line_km": round(world.line_km),
        "asked": world.asked,
        "disputes": {slug: _record_from_scene(scene, world.resolution_km) for slug, scene in sorted(scenes.items())},
    }
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _record_from_scene(scene: Scene, resolution_km: float) -> dict[str, Any]:
    told = scene.depiction
    # What was not asked about was not measured: then there is nothing to compare with.
    where = measured_on(scene.ground) if scene.asked else ""
    record: dict[str, Any] = {"measured_on": where, "coverage": told.coverage.value}
    if told.reason:
        record["reason"] = told.reason
    if told.limit_km is not None:
        record["limit_km"] = round(told.limit_km, 3)
    if told.rows:
        record["rows"] = [asdict(row) for row in told.rows]
    if not scene.asked or (told.coverage is Coverage.NOT_COVERED and not scene.sheet.lines):
        return record
    # A map that draws lines elsewhere, and none here, has left these out: that is measured too.
    plane = geo.Plane.around(scene.ground.window)
    near = plane.project(scene.ground.area).buffer(2 * resolution_km)
    stretches, apart = _along_rivals(scene, plane, near, resolution_km)
    return {
        **record,
        "names": dict(told.names),
        "shares": [[s.owner, round(s.share, 4), round(s.area_km2, 1)] for s in told.shares],
        "drawn": _drawn(told.drawn),
        "drawing": _drawing(scene),
        "outline_km": round(_outline_km(scene, plane, near), 1),
        "stretches": stretches,
        "apart": apart,
    }


def _drawn(drawn: Iterable[Drawn]) -> list[dict[str, Any]]:
    """What is drawn, in the source's words; features that differ in nothing but place are one entry."""
    merged: dict[Drawn, list[float]] = {}
    for one in drawn:
        total = merged.setdefault(replace(one, share=0.0, length_km=0.0), [0.0, 0.0])
        total[0] += one.share
        total[1] += one.length_km
    records = []
    for one, (share, length_km) in merged.items():
        fields = {name: value for name, value in asdict(one).items() if value not in (None, "", 0.0, False)}
        records.append(fields | {"share": round(share, 4), "length_km": round(length_km, 1)})
    return records


def _drawing(scene: Scene) -> str:
    """One hash over all that is drawn around a dispute: equal means the same drawing, unequal says nothing more."""
    digest = hashlib.sha256()
    for piece in sorted((*scene.areas, *scene.lines), key=lambda p: (p.digest, str(p.drawn))):
        digest.update(piece.digest + repr((piece.drawn, sorted(piece.words.items()))).encode())
    return digest.hexdigest()[:32]


def measured_on(ground: Ground) -> str:
    """A hash of the reference a dispute is measured on: its area and its rival lines."""
    digest = hashlib.sha256(shapely.to_wkb(ground.area))
    for party, line in sorted(ground.dispute.lines.items()):
        digest.update(party.encode() + b"\0" + shapely.to_wkb(line))
    return digest.hexdigest()[:16]


def _outline_km(scene: Scene, plane: geo.Plane, near: BaseGeometry) -> float:
    """Length of the owners' outlines on and about the ground: what a shift of the drawing would pass over."""
    outlines = [plane.project(area.boundary).intersection(near).length for area in scene.by_owner.values()]
    return float(sum(outlines))


def rival_lines(ground: Ground) -> dict[str, BaseGeometry]:
    """The lines a drawn line is told by: each party's own, and the outline of a ground that is more than a box."""
    lines = {party: line for party, line in sorted(ground.dispute.lines.items()) if not line.is_empty}
    if ground.dispute.reference is not None and not ground.dispute.boxed:
        lines[OUTLINE] = ground.area.boundary
    return lines


def _along_rivals(
    scene: Scene, plane: geo.Plane, near: BaseGeometry, resolution_km: float
) -> tuple[list[Any], list[Any]]:
    """What covers each rival line, and what follows none; JSON-ready."""
    tolerance = max(2 * resolution_km, SAMPLE_KM)
    looks = [look_of(piece) for piece in scene.lines]
    drawn = [plane.project(piece.geometry).intersection(near) for piece in scene.lines]
    kept = [i for i, line in enumerate(drawn) if line.length > 0]
    drawn, looks = [drawn[i] for i in kept], [looks[i] for i in kept]
    rivals = {party: plane.project(line).intersection(near) for party, line in rival_lines(scene.ground).items()}
    rivals = {party: line for party, line in rivals.items() if line.length > 0}
    spacing = max(SAMPLE_KM, sum(line.length for line in rivals.values()) / MOST_SAMPLES)
    tree = shapely.STRtree(drawn) if drawn else None
    lengths: dict[tuple[str, ...], float] = {}
    covered: dict[tuple[tuple[str, ...], Look], float] = {}
    done: list[BaseGeometry] = []
    for party, line in rivals.items():
        points = _points(geo.samples_along(line, spacing))
        step = line.length / len(points)
        if done:  # a stretch two parties share is one stretch, told under both their names
            points = points[~_near(points, shapely.union_all(done), tolerance)]
        done.append(line)
        if len(points) == 0:
            continue
        of = {other: _near(points, its, tolerance) for other, its in rivals.items() if other != party}
        found = _looks_at(points, tree, looks, tolerance)
        for i in range(len(points)):
            parties = tuple(sorted({party, *(other for other, mask in of.items() if mask[i])}))
            lengths[parties] = lengths.get(parties, 0.0) + step
            look = found[i]
            if look is not None:
                covered[parties, look] = covered.get((parties, look), 0.0) + step
    stretches = [
        {
            "parties": list(parties),
            "length_km": round(length, 1),
            "covered": [
                [*_look_record(look), round(km, 1)] for (whose, look), km in sorted(covered.items()) if whose == parties
            ],
        }
        for parties, length in sorted(lengths.items())
    ]
    return stretches, _apart(drawn, looks, list(rivals.values()), tolerance)


def _points(xy: NDArray[np.float64]) -> NDArray[np.object_]:
    return np.atleast_1d(np.asarray(shapely.points(xy), dtype=object))


def _near(points: NDArray[np.object_], line: BaseGeometry, tolerance: float) -> NDArray[np.bool_]:
    shapely.prepare(line)
    return np.asarray(shapely.dwithin(points, line, tolerance))


def _looks_at(
    points: NDArray[np.object_], tree: shapely.STRtree | None, looks: Sequence[Look], tolerance: float
) -> list[Look | None]:
    """The look of the nearest line within the tolerance of each point; of several there, the first in order."""
    found: list[Look | None] = [None] * len(points)
    if tree is None:
        return found
    at, which = tree.query(points, predicate="dwithin", distance=tolerance)
    distances = shapely.distance(points[at], tree.geometries[which])
    best: dict[int, tuple[float, Look]] = {}
    for i, j, distance in zip(at.tolist(), which.tolist(), distances.tolist(), strict=True):
        offer = (round(distance, 3), looks[j])
        if i not in best or offer < best[i]:
            best[i] = offer
    for i, (_, look) in best.items():
        found[i] = look
    return found


def _apart(
    drawn: Sequence[BaseGeometry], looks: Sequence[Look], rivals: Sequence[BaseGeometry], tolerance: float
) -> list[Any]:
    reference = shapely.union_all(rivals) if rivals else geo.EMPTY
    totals: dict[Look, list[float]] = {}
    for line, look in zip(drawn, looks, strict=True):
        points = geo.samples_along(line, SAMPLE_KM)
        step = line.length / max(1, len(points))
        away = geo.distances_km(points, reference)
        far = away > tolerance
        total = totals.setdefault(look, [0.0, 0.0])
        total[0] += step * float(far.sum())
        total[1] += step * float(np.where(np.isfinite(away[far]), away[far], 0.0).sum())
    return [
        [*_look_record(look), round(km, 1), round(weighted / km, 1)]
        for look, (km, weighted) in sorted(totals.items())
        if km >= SAMPLE_KM
    ]


def look_of(piece: Piece) -> Look:
    """How a piece of a line is drawn."""
    drawn = piece.drawn
    style = drawn.style.value if drawn.style is not None else ""
    return Look(drawn.word or "", style, tuple(sorted(piece.words.items())))


def _look_record(look: Look) -> list[Any]:
    return [look.word, look.style, [list(pair) for pair in look.words]]


# --- a record, read back ---------------------------------------------------------------------------------


def facts_from_bytes(data: bytes, capture: Capture) -> Facts:
    """The facts of a capture; ``Damaged`` where the record is none, though its hash is right."""
    try:
        record = _record(data)
        return Facts(
            capture=capture,
            reader=str(record["reader"]),
            worldviews=tuple(map(str, record["worldviews"])),
            complete=bool(record["complete"]),
            resolution_km=float(record["resolution_km"]),
            area_by_owner_km2={str(o): float(km2) for o, km2 in record["area_by_owner_km2"].items()},
            line_km=float(record.get("line_km", 0.0)),
            asked=str(record.get("asked", "")),
            disputes=dict(record["disputes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Damaged(f"the facts of capture {capture.id[:12]} are no record of facts ({error})", path=PART) from error


def _record(data: bytes) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(data)
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']!r}, this version of borderwatch reads format {FORMAT}")
    return record


def _seen_from_record(record: Mapping[str, Any], here: Ground, facts: Facts) -> Seen:
    capture = facts.capture
    try:
        depiction = Depiction(
            view=capture.view,
            dispute=here.dispute.slug,
            capture=capture.id,
            coverage=Coverage(record["coverage"]),
            shares=tuple(Share(str(o), float(share), float(km2)) for o, share, km2 in record.get("shares", ())),
            drawn=tuple(_drawn_from_record(one) for one in record.get("drawn", ())),
            names={str(lang): str(name) for lang, name in record.get("names", {}).items()},
            rows=tuple(Row(**row) for row in record.get("rows", ())),
            limit_km=record.get("limit_km"),
            reason=str(record.get("reason", "")),
        )
        return Seen(
            ground=here,
            capture=capture,
            depiction=depiction,
            complete=facts.complete,
            reader=facts.reader,
            measured_on=str(record["measured_on"]),
            drawing=str(record.get("drawing", "")),
            outline_km=float(record.get("outline_km", 0.0)),
            stretches=tuple(
                Stretch(
                    tuple(map(str, one["parties"])),
                    float(one["length_km"]),
                    {_look(*look): float(km) for *look, km in one["covered"]},
                )
                for one in record.get("stretches", ())
            ),
            apart={_look(*look): Apart(float(km), float(off)) for *look, km, off in record.get("apart", ())},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(
            f"the facts of capture {capture.id[:12]} on {here.dispute.slug} are no record of facts ({error})", path=PART
        ) from error


def _look(word: str, style: str, words: Iterable[Sequence[str]]) -> Look:
    return Look(str(word), str(style), tuple((str(a), str(b)) for a, b in words))


def _drawn_from_record(record: Mapping[str, Any]) -> Drawn:
    fields = dict(record)
    style = fields.pop("style", None)
    return Drawn(
        owner=fields.pop("owner", None),
        role=Role(fields.pop("role")),
        style=None if style is None else LineStyle(style),
        **fields,
    )
