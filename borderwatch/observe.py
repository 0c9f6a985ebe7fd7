"""Step 3: read a snapshot and say what it shows of each dispute; pure, no I/O.

Of other snapshots nothing is remembered but how features of the same bytes were cut to a dispute.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.disputes import land
from borderwatch.errors import Malformed
from borderwatch.models import (
    Capture,
    Coverage,
    Depiction,
    Dispute,
    DisputeType,
    Drawn,
    Feature,
    LineStyle,
    Reading,
    Role,
    Row,
    Share,
    Sketch,
    Snapshot,
)
from borderwatch.owners import fold
from borderwatch.owners import owner as resolve_owner
from borderwatch.scene import Ground, Painted, Piece, Scene, World, texts_of

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.source import Source

# The window is what the reader sees around the dispute, and where a pair's noise is measured: wide enough to
# hold boundary that did not change, narrow enough to be local.
WINDOW = 1.7
WINDOW_SHAPE = 1.9
WINDOW_MARGIN_MIN_DEG = 0.4
# A line in dispute is watched as a strip this wide on either side; a village's width at map scale.
LINE_STRIP_KM = 15.0
DEFAULT_RESOLUTION_KM = 1.0
# A feature is the disputed thing itself when the two overlap by more than half (intersection over union).
OWN_IOU = 0.5
# Shares below this are slivers between two drawings of the same coast.
SHARE_FLOOR = 0.005
# A source of land covers the rims of a sea zone, where two coasts differ; one that draws the sea covers it.
SEA_FLOOR = 0.1
ALPHA_2 = 2
# A display line needs no more than about this many vertices across the window.
SKETCH_STEPS = 3000
# A map of a dispute holds no more labels than can be read; beyond, only those that name the disputed thing.
SKETCHED_LABELS = 60


def world_from_snapshot(source: Source, snapshot: Snapshot) -> World:
    """Read a snapshot with today's reader and resolve its owners; raises ``CaptureProblem`` as the reader does."""
    reading = source.read(snapshot)
    declared = reading.resolution_km or source.resolution_km.get(snapshot.view.layer) or DEFAULT_RESOLUTION_KM
    return world_from_reading(reading, snapshot.capture, words=source.owner_words, resolution_km=declared)


def world_from_reading(
    reading: Reading,
    capture: Capture,
    *,
    words: Mapping[str, str] | None = None,
    resolution_km: float,
    proven: bool = False,
) -> World:
    """Resolve the owners of everything a reading holds; features without a place are left out.

    ``proven`` says that the reader has proven every area valid: asked again, a mainland with 144,000 holes takes 50 s.
    """
    painted = tuple(_paint(f, words, proven=proven) for f in reading.features if _has_place(f))
    return World(capture, painted, reading.rows, reading.worldviews, reading.complete, resolution_km, reading.extent)


def _has_place(feature: Feature) -> bool:
    return feature.geometry is not None and not feature.geometry.is_empty


def _paint(feature: Feature, words: Mapping[str, str] | None, *, proven: bool) -> Painted:
    geometry = feature.geometry
    assert geometry is not None  # noqa: S101  (guarded by _has_place)
    try:
        if feature.role in (Role.AREA, Role.SEA) and not proven:
            geometry = geo.repair(geometry)
        if feature.role is not Role.LABEL:
            geometry = geo.wrapped(geometry)
    except ValueError as error:
        raise Malformed(f"{feature.name or feature.code or 'a feature without a name'}: {error}") from None
    return Painted(
        owner=_owner_of(feature, words),
        geometry=geometry,
        role=feature.role,
        code=feature.code,
        name=feature.name,
        word=feature.word,
        style=feature.style,
        names=feature.names,
        words=feature.words,
        digest=_digest(geometry),
    )


def _owner_of(feature: Feature, words: Mapping[str, str] | None) -> str:
    """Who holds a feature: what the source says of that apart, else what the feature is.

    An owner said apart is a code before it is a name: "RU" is short for another name in another language.
    """
    if feature.owner is None:
        return resolve_owner(feature.code, feature.name, words=words)
    by_code = resolve_owner(feature.owner, None, words=words)
    return by_code if not by_code.startswith("?") else resolve_owner(None, feature.owner, words=words)


def _digest(geometry: BaseGeometry) -> bytes:
    """The same for the same drawing: ring start, orientation and order of parts are no difference."""
    coordinates = np.round(shapely.get_coordinates(shapely.normalize(geometry)), 9) + 0.0  # no minus zero
    return hashlib.blake2b(coordinates.tobytes(), digest_size=16).digest()


def ground(dispute: Dispute) -> Ground:
    """Where a dispute is: its reference area, else a strip along its lines, else its box."""
    area = dispute.reference
    if area is None or area.is_empty:
        lines = [line for line in dispute.lines.values() if not line.is_empty]
        if lines and dispute.type is not DisputeType.MARITIME:
            plane = geo.Plane.around(dispute.box)
            strip = shapely.union_all([plane.project(line) for line in lines]).buffer(LINE_STRIP_KM)
            area = geo.repair_quietly(plane.unproject(strip))
        else:
            area = shapely.box(*dispute.box)
    if dispute.type is DisputeType.MARITIME and dispute.boxed:
        area = _at_sea(area)
    window = window_around(area.bounds)
    return Ground(
        dispute=dispute,
        area=area,
        window=window,
        inradius_km=geo.inradius_km(area, geo.Plane.around(window)),
        area_km2=geo.area_km2(area),
        sea=dispute.type is DisputeType.MARITIME,
        name_only=only_a_name(dispute),
        identity=identity(dispute),
    )


def _at_sea(box: BaseGeometry) -> BaseGeometry:
    """The sea inside a box: whose the land around a sea zone is, is another question."""
    sea = geo.polygonal(box.difference(land()))
    return box if sea.is_empty else sea


def window_around(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The window around (west, south, east, north): what a map of the usual shape shows of the dispute and more."""
    west, south, east, north = bounds
    squeeze = max(np.cos(np.radians((south + north) / 2)), 0.1)
    wide, high = (east - west) * squeeze, north - south
    across = (max(WINDOW * wide, WINDOW_SHAPE * high) - wide) / 2 / squeeze
    along = (max(WINDOW * high, wide / WINDOW_SHAPE * WINDOW) - high) / 2
    across, along = max(across, WINDOW_MARGIN_MIN_DEG), max(along, WINDOW_MARGIN_MIN_DEG)
    return (max(west - across, -180.0), max(south - along, -90.0), min(east + across, 180.0), min(north + along, 90.0))


def only_a_name(dispute: Dispute) -> bool:
    """Whether what is in dispute is a name, with no ground of its own to measure."""
    return dispute.type is DisputeType.NAMING and dispute.reference is None


def identity(dispute: Dispute) -> str:
    """The owner identity of the disputed thing itself: its own code where it has one, else its slug."""
    own = dispute.codes.get("iso2") or dispute.codes.get("user_assigned")
    if own:
        return own
    resolved = resolve_owner(None, dispute.name)
    # A code that is not its own is another's: the Gaza Strip resolves to the holder, not to itself.
    return dispute.slug if resolved.startswith("?") or len(resolved) == ALPHA_2 else resolved


def _names_of(disputes: Iterable[Dispute]) -> dict[str, str]:
    """Folded name -> slug: every name that one dispute alone bears; its first name goes before others' aliases."""
    first: dict[str, str] = {}
    bearers: dict[str, set[str]] = {}
    for dispute in disputes:
        first.setdefault(fold(dispute.name), dispute.slug)
        for names in dispute.names.values():
            for name in names:
                bearers.setdefault(fold(name), set()).add(dispute.slug)
    aliases = {name: slugs.pop() for name, slugs in bearers.items() if name and len(slugs) == 1}
    return {**aliases, **first}


@dataclass(frozen=True, slots=True)
class Cut:
    """A feature cut to a dispute: to its window, to its ground, and the km2 of that."""

    clipped: BaseGeometry
    inside: BaseGeometry
    km2: float


class Knife:
    """Cuts the features of a world to disputes; what ``known`` has of the same bytes is taken as it was cut."""

    def __init__(self, world: World, known: Mapping[tuple[bytes, str], Cut]) -> None:
        self._world, self._known = world, known
        self._bytes: dict[int, bytes] = {}
        self.cuts: dict[tuple[bytes, str], Cut] = {}

    def cut(self, number: int, here: Ground) -> Cut:
        """The ``number``-th feature cut to one dispute."""
        geometry = self._world.painted[number].geometry
        # Of the very bytes: a drawing that is the same but for its rounding has other digits in its shares.
        if number not in self._bytes:
            self._bytes[number] = hashlib.blake2b(shapely.to_wkb(geometry), digest_size=16).digest()
        key = (self._bytes[number], here.dispute.slug)
        cut = self._known.get(key)
        if cut is None:
            clipped = geo.clip(geometry, here.window)
            inside = geo.polygonal(_meet(clipped, here.area))
            cut = Cut(clipped, inside, geo.area_km2(inside))
        self.cuts[key] = cut
        return cut


class Observer:
    """Reads worlds into scenes; holds the grounds of the disputes it watches."""

    def __init__(self, disputes: Iterable[Dispute]) -> None:
        self.grounds: tuple[Ground, ...] = tuple(ground(d) for d in disputes)
        self._by_identity = {g.identity: g.dispute.slug for g in self.grounds}
        self._names = _names_of(g.dispute for g in self.grounds)
        self._tree = shapely.STRtree([g.area for g in self.grounds])
        self._cuts: dict[tuple[bytes, str], Cut] = {}
        self._places: dict[bytes, str | None] = {}

    def scenes(self, world: World) -> dict[str, Scene]:
        """The scene of every dispute in one world, by slug."""
        own = self._own_features(world)
        # What the world before drew the same need not be cut again: of ten editions most features are in all.
        knife = Knife(world, self._cuts)
        self._cuts = knife.cuts
        return {g.dispute.slug: self._scene(world, g, own, knife) for g in self.grounds}

    def _own_features(self, world: World) -> dict[int, str]:
        """Which features are a disputed thing itself: by identity first, else by place (best IoU above a half).

        By place matters where a source gives no name, a code of -99 or its holder's code; a feature goes to
        the dispute it fits best, so that "Palestine" is not taken for the West Bank.
        """
        known, self._places = self._places, {}
        own: dict[int, str] = {}
        words = Counter((p.code, p.name) for p in world.painted if p.role is Role.AREA)
        for i, painted in enumerate(world.painted):
            if painted.role is not Role.AREA:
                continue
            itself = resolve_owner(painted.code, painted.name) if painted.name or painted.code else painted.owner
            # One of several features with one name is a part of what has that name, whatever ground it fits.
            part = itself != "?" and words[painted.code, painted.name] > 1
            slug = self._by_name(painted) or self._by_identity.get(itself)
            if slug is None and not part:
                digest = painted.digest
                slug = self._places[digest] = known[digest] if digest in known else self._best_place(painted)
            if slug is not None:
                own[i] = slug
        return own

    def _by_name(self, painted: Painted) -> str | None:
        """The dispute a feature is named after, if it lies there: a name travels ("Georgia", "Victoria")."""
        slug = self._names.get(fold(painted.name or ""))
        if slug is None:
            return None
        here = next(g for g in self.grounds if g.dispute.slug == slug)
        return slug if painted.geometry.intersects(here.area) else None

    def _best_place(self, painted: Painted) -> str | None:
        best, best_iou = None, OWN_IOU
        for j in self._tree.query(painted.geometry):
            candidate = self.grounds[int(j)]
            boxed = candidate.dispute.origin.startswith("bounding box")
            if boxed or candidate.dispute.type is not DisputeType.TERRITORY:
                continue  # a box fits whatever is about its size
            west, south, east, north = painted.geometry.bounds
            box = candidate.area.bounds
            if (east - west) * (north - south) > 16 * (box[2] - box[0]) * (box[3] - box[1]):
                continue  # a whole mainland cannot be the disputed thing
            common = float(geo.area_km2(geo.polygonal(painted.geometry.intersection(candidate.area))))
            iou = common / max(geo.area_km2(painted.geometry) + candidate.area_km2 - common, 1e-9)
            if iou > best_iou:
                best, best_iou = candidate.dispute.slug, iou
        return best

    def _scene(self, world: World, here: Ground, own: Mapping[int, str], knife: Knife) -> Scene:
        slug = here.dispute.slug
        if world.extent is not None and not world.extent.covers(here.area):
            nothing = Depiction(
                world.capture.view,
                slug,
                world.capture.id,
                Coverage.NOT_COVERED,
                reason="this ground was not asked about",
            )
            return Scene(here, world.capture, nothing, (), (), world.complete, asked=False)
        areas: list[Piece] = []
        cuts: list[Cut] = []
        lines: list[Piece] = []
        labelled = False
        found = world.tree.query(shapely.box(*here.window)) if world.painted else np.zeros(0, dtype=np.int64)
        for i in np.sort(found):
            painted = world.painted[int(i)]
            if painted.role is Role.BOUNDARY:
                line = shapely.clip_by_rect(painted.geometry, *here.window)
                if not line.is_empty:
                    lines.append(_piece(painted, line, own=False))
                continue
            if painted.role is Role.LABEL:
                labelled = labelled or here.bears(painted)
                continue
            if painted.role is Role.SEA and not here.sea:
                continue
            cut = knife.cut(int(i), here)
            if not cut.clipped.is_empty:
                areas.append(_piece(painted, cut.clipped, own=own.get(int(i)) == slug))
                cuts.append(cut)
        rows = rows_about(here.dispute, here.identity, world)
        areas, depiction = _depiction(world, here, areas, cuts, lines, rows, labelled=labelled)
        drawn = (tuple(areas), tuple(lines))
        return Scene(here, world.capture, depiction, *drawn, world.complete, world.sheet, world.lettering)


def _piece(painted: Painted, geometry: BaseGeometry, *, own: bool) -> Piece:
    drawn = Drawn(
        owner=painted.owner,
        role=painted.role,
        code=painted.code,
        name=painted.name,
        word=painted.word,
        style=painted.style,
        own=own,
    )
    return Piece(drawn, geometry, painted.geometry, painted.digest, painted.names, painted.words)


def rows_about(dispute: Dispute, identified: str, world: World) -> tuple[Row, ...]:
    """The rows of a list that speak of a dispute: by code where the list has codes, else by name."""
    by_code = world.rows_by_code.get(identified.upper(), [])
    by_name = [r for r in world.rows_without_code if resolve_owner(None, r.name) in (identified, dispute.slug)]
    return (*by_code, *by_name)


def _depiction(
    world: World,
    here: Ground,
    areas: list[Piece],
    cuts: Sequence[Cut],
    lines: Sequence[Piece],
    rows: tuple[Row, ...],
    *,
    labelled: bool,
) -> tuple[list[Piece], Depiction]:
    """Owner shares of the ground by geodesic area, and whether this source can tell at all."""
    marked = [
        replace(p, drawn=replace(p.drawn, share=cut.km2 / max(here.area_km2, 1e-9)))
        for p, cut in zip(areas, cuts, strict=True)
    ]
    by_owner: dict[str, list[Cut]] = {}
    for piece, cut in zip(marked, cuts, strict=True):
        if not cut.inside.is_empty and piece.drawn.owner is not None:
            by_owner.setdefault(piece.drawn.owner, []).append(cut)
    shares = []
    for owner, parts in by_owner.items():
        km2 = parts[0].km2 if len(parts) == 1 else geo.area_km2(geo.union([cut.inside for cut in parts]))
        # At sea a claimant's share is told however small: that a source gives one side next to nothing is the point.
        told = here.sea and owner in here.dispute.claimants and km2 > 0
        if told or km2 / max(here.area_km2, 1e-9) >= SHARE_FLOOR:
            shares.append(Share(owner, km2 / here.area_km2, km2))
    shares.sort(key=lambda s: (-s.share, s.owner))
    named = any(p.drawn.own for p in marked)
    held = sum(s.share for s in shares)
    coverage, reason = _coverage(world, here, rows, shares=held, lines=bool(lines), named=named, labelled=labelled)
    drawn = [p.drawn for p in marked if p.drawn.share >= SHARE_FLOOR or p.drawn.own]
    drawn += [_with_length(p) for p in lines if p.geometry.intersects(here.area)]
    drawn.sort(key=lambda d: (-d.share, -d.length_km, d.role, d.code or "", d.name or "", d.word or ""))
    names: dict[str, str] = {}
    for piece in sorted(marked, key=lambda p: (-p.drawn.share, p.digest)):
        if piece.drawn.own:
            if piece.drawn.name:
                names.setdefault("", piece.drawn.name)
            names = {**{lang: text for lang, text in piece.names.items() if text}, **names}
    resolvable = coverage is Coverage.SHOWN and not only_a_name(here.dispute)
    return marked, Depiction(
        view=world.capture.view,
        dispute=here.dispute.slug,
        capture=world.capture.id,
        coverage=coverage,
        shares=tuple(shares) if resolvable else (),
        drawn=tuple(drawn),
        names=names,
        rows=rows,
        limit_km=world.resolution_km if world.painted else None,
        reason=reason,
    )


def _meet(a: BaseGeometry, b: BaseGeometry) -> BaseGeometry:
    try:
        return a.intersection(b)
    except shapely.errors.GEOSException:
        return geo.repair_quietly(a).intersection(geo.repair_quietly(b))


def _with_length(piece: Piece) -> Drawn:
    return replace(piece.drawn, length_km=geo.length_km(piece.geometry))


def _coverage(
    world: World, here: Ground, rows: tuple[Row, ...], *, shares: float, lines: bool, named: bool, labelled: bool
) -> tuple[Coverage, str]:
    if rows:
        return Coverage.SHOWN, ""
    if world.rows:
        return (
            (Coverage.SHOWN, "not in the list")
            if world.complete and len(here.identity) == ALPHA_2
            else (Coverage.NOT_COVERED, "the list has no row for it")
        )
    if lines or (labelled and not shares):
        return Coverage.SHOWN, ""
    if not any(p.role is not Role.BOUNDARY for p in world.painted):
        return Coverage.NOT_COVERED, "the source draws nothing here"
    if only_a_name(here.dispute):
        return (
            (Coverage.SHOWN, "")
            if named or labelled
            else (Coverage.NOT_COVERED, "the source has no feature of this name")
        )
    if here.sea and shares < SEA_FLOOR:
        return Coverage.NOT_COVERED, "the source draws no sea here"
    if not shares:
        return Coverage.NOT_COVERED, "the source draws nothing here"
    if here.inradius_km < world.resolution_km:
        return (
            Coverage.NOT_RESOLVABLE,
            f"a circle of {here.inradius_km:.1f} km at most fits in it; "
            f"this source shows nothing under {world.resolution_km:g} km",
        )
    return Coverage.SHOWN, ""


def sketches(scene: Scene) -> tuple[Sketch, ...]:
    """The scene simplified for drawing only: one sketch per owner and label, and per line style."""
    west, south, east, north = scene.ground.window
    step = max(east - west, north - south) / SKETCH_STEPS
    groups: dict[tuple[str, str, Role, LineStyle | None], list[BaseGeometry]] = {}
    for piece in (*scene.areas, *scene.lines):
        label = piece.drawn.name or piece.drawn.code or piece.drawn.owner or ""
        key = (piece.drawn.owner or "", label, piece.drawn.role, piece.drawn.style)
        groups.setdefault(key, []).append(piece.geometry)
    own = [label for label in scene.lettering.near(scene.ground.window) if scene.ground.bears(label)]
    for painted in own if len(own) <= SKETCHED_LABELS else filter(scene.ground.names_itself, own):
        groups.setdefault(("", next(iter(texts_of(painted).values())), Role.LABEL, None), []).append(painted.geometry)
    result = []
    for (owner, label, role, style), parts in sorted(groups.items(), key=lambda item: tuple(map(str, item[0]))):
        whole = geo.union(parts) if role in (Role.AREA, Role.SEA) else shapely.union_all(parts)
        simple = shapely.simplify(whole, step, preserve_topology=True)
        if not simple.is_empty:
            rounded = shapely.set_precision(simple, 1e-5) if role in (Role.AREA, Role.SEA) else simple
            result.append(
                Sketch(scene.capture.id, scene.ground.dispute.slug, owner or None, label, role, style, rounded)
            )
    return tuple(result)
