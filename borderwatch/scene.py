"""The records with geometry that pass from ``observe`` to ``diff``: a snapshot's world, and a dispute's scene."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch.models import Capture, Depiction, Dispute, Drawn, LineStyle, Role, Row
from borderwatch.owners import fold

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Painted:
    """One feature with its owner resolved; ``geometry`` is whole, valid, WGS 84."""

    owner: str
    geometry: BaseGeometry
    role: Role
    code: str | None
    name: str | None
    word: str | None
    style: LineStyle | None
    names: Mapping[str, str]
    words: Mapping[str, str]
    digest: bytes
    """Hash of the geometry's coordinates: equal digests are the same drawing."""


@dataclass(frozen=True)
class LineSheet:
    """Every boundary line of a world: what a dispute's few lines are judged against.

    ``words`` are the source's own classes of line and ``columns`` the attributes its lines carry (``FCLASS_IN``):
    a class or a column that is new in the whole file is the source's way of writing, not a line drawn otherwise.
    """

    lines: tuple[BaseGeometry, ...] = ()
    words: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    key: frozenset[bytes] = frozenset()
    """Digests of the lines: equal keys are the same lines."""


NO_LINES = LineSheet()


@dataclass(frozen=True, eq=False)
class Lettering:
    """Every text a world writes on its map: what a dispute's few names are judged against.

    ``labels`` are its texts on points, ``languages`` how many of its areas are named in each language, "" in any.
    """

    labels: tuple[Painted, ...] = ()
    languages: Mapping[str, int] = field(default_factory=dict)

    def near(self, window: Box) -> list[Painted]:
        """The labels in a window, in their order."""
        return [self.labels[int(i)] for i in np.sort(self._tree.query(shapely.box(*window)))]

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([label.geometry for label in self.labels])


NO_LETTERING = Lettering()


@dataclass(frozen=True)
class World:
    """All one snapshot draws and lists, owners resolved, with an index by place."""

    capture: Capture
    painted: tuple[Painted, ...]
    rows: tuple[Row, ...]
    worldviews: tuple[str, ...]
    complete: bool
    resolution_km: float
    extent: BaseGeometry | None = None
    """The ground that was asked about; None: the whole world."""

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Index over ``painted``."""
        return shapely.STRtree([p.geometry for p in self.painted])

    @cached_property
    def sheet(self) -> LineSheet:
        """All its boundary lines."""
        drawn = [p for p in self.painted if p.role is Role.BOUNDARY]
        if not drawn:
            return NO_LINES
        return LineSheet(
            lines=tuple(p.geometry for p in drawn),
            words=frozenset(p.word for p in drawn if p.word),
            columns=frozenset(column for p in drawn for column in p.words),
            key=frozenset(p.digest for p in drawn),
        )

    @cached_property
    def lettering(self) -> Lettering:
        """All its labels that say anything, and the languages of its names."""
        languages: dict[str, int] = {}
        labels = []
        for p in self.painted:
            if p.role is Role.LABEL and texts_of(p) and p.geometry.geom_type in ("Point", "MultiPoint"):
                labels.append(p)
            if p.role is Role.AREA:
                for lang in texts_of(p):
                    languages[lang] = languages.get(lang, 0) + 1
        return Lettering(tuple(labels), languages) if labels or languages else NO_LETTERING

    @cached_property
    def line_km(self) -> float:
        """The length of all boundary lines drawn, as lines; km."""
        from borderwatch.geometry import length_km

        return sum(length_km(p.geometry) for p in self.painted if p.role is Role.BOUNDARY)

    @property
    def asked(self) -> str:
        """A hash of the ground that was asked about; "" for the whole world."""
        return "" if self.extent is None else hashlib.sha256(shapely.to_wkb(self.extent)).hexdigest()[:16]

    @cached_property
    def rows_by_code(self) -> dict[str, list[Row]]:
        """The rows that carry a code, by code in capitals."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.code is not None:
                found.setdefault(row.code.upper(), []).append(row)
        return found

    @cached_property
    def rows_without_code(self) -> tuple[Row, ...]:
        """The rows that only have a name."""
        return tuple(row for row in self.rows if row.code is None)

    @cached_property
    def vertices(self) -> NDArray[np.int64]:
        """The distinct vertices of areas and lines, packed to 64 bits at 1e-6 degree (0.1 m)."""
        drawn = [p.geometry for p in self.painted if p.role is not Role.LABEL]
        xy = np.round(shapely.get_coordinates(drawn) * 1e6).astype(np.int64)
        return np.unique(xy[:, 0] * 400_000_003 + xy[:, 1])

    @cached_property
    def places(self) -> dict[str, tuple[float, float]]:
        """Where each owner lies: the middle of its largest part, degrees."""
        found: dict[str, tuple[float, tuple[float, float]]] = {}
        for p in self.painted:
            if p.role is not Role.AREA or p.owner.startswith("?"):
                continue
            parts = shapely.get_parts(p.geometry)
            areas = shapely.area(parts)
            largest = parts[int(np.argmax(areas))]
            if areas.max() > found.get(p.owner, (0.0, (0.0, 0.0)))[0]:
                west, south, east, north = largest.bounds
                found[p.owner] = float(areas.max()), ((west + east) / 2, (south + north) / 2)
        return {owner: place for owner, (_, place) in found.items()}

    @cached_property
    def area_by_owner_km2(self) -> dict[str, float]:
        """Geodesic area each owner is given in all, overlaps counted for each."""
        from borderwatch.geometry import areas_km2

        areas = areas_km2([p.geometry for p in self.painted])
        totals: dict[str, float] = {}
        for painted, area in zip(self.painted, areas, strict=True):
            if painted.role is Role.AREA:
                totals[painted.owner] = totals.get(painted.owner, 0.0) + float(area)
        return totals


def texts_of(label: Painted) -> dict[str, str]:
    """The text of a label in each language; "" is what it says where it says no language."""
    texts = {"": label.name or "", **label.names}
    return {lang: text for lang, text in texts.items() if text and not text.isspace()}


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of one feature inside a dispute's window; ``whole`` is the feature's full geometry."""

    drawn: Drawn
    geometry: BaseGeometry
    whole: BaseGeometry
    digest: bytes
    names: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ground:
    """Where a dispute is: the area compared, the window drawn around it, and how thick it is."""

    dispute: Dispute
    area: BaseGeometry
    window: Box
    inradius_km: float
    area_km2: float
    sea: bool
    """True where sea zones count as ground (maritime disputes)."""
    identity: str
    """The owner identity of the disputed thing itself."""
    name_only: bool = False
    """True where a name is in dispute and no ground is measured."""

    @cached_property
    def called(self) -> frozenset[str]:
        """Every name the catalogue has for the disputed thing, folded."""
        names = [self.dispute.name, *(name for names in self.dispute.names.values() for name in names)]
        return frozenset(folded for name in names if (folded := fold(name)))

    def names_itself(self, label: Painted) -> bool:
        """Whether a label bears one of the disputed thing's own names, in any language."""
        return any(fold(text) in self.called for text in texts_of(label).values())

    def bears(self, label: Painted) -> bool:
        """Whether a label is this dispute's: it stands on the ground, or in the window and names the disputed thing.

        A name is often put beside what it names: an island's in the sea. A box, or the box of a name, holds its
        neighbours' towns too, so that there only the disputed thing's own names are its labels.
        """
        west, south, east, north = self.window
        x0, y0, x1, y1 = label.geometry.bounds
        if x1 < west or x0 > east or y1 < south or y0 > north:
            return False
        if not (self.name_only or self.dispute.boxed):
            shapely.prepare(self.area)
            if self.area.intersects(label.geometry):
                return True
        return self.names_itself(label)


@dataclass(frozen=True)
class Scene:
    """What one snapshot draws around one dispute, and the depiction that follows from it."""

    ground: Ground
    capture: Capture
    depiction: Depiction
    areas: tuple[Piece, ...]
    lines: tuple[Piece, ...]
    complete: bool
    sheet: LineSheet = NO_LINES
    lettering: Lettering = NO_LETTERING
    asked: bool = True
    """Whether the whole ground was asked about; if not, what is missing here proves nothing."""

    @cached_property
    def areas_key(self) -> tuple[tuple[bytes, str | None, Role], ...]:
        """Equal keys are the same areas with the same owners, whatever their order."""
        return tuple(sorted((p.digest, p.drawn.owner or "", p.drawn.role) for p in self.areas))

    @property
    def drawing(self) -> object:
        """Equal for the same areas and lines, drawn the same."""
        return self.areas_key, self.lines_key

    @cached_property
    def lines_key(self) -> tuple[tuple[bytes, str, str, tuple[tuple[str, str], ...]], ...]:
        """Equal keys are the same lines with the same words, whatever their order."""
        return tuple(
            sorted(
                (p.digest, p.drawn.word or "", p.drawn.style or "", tuple(sorted(p.words.items()))) for p in self.lines
            )
        )

    @cached_property
    def by_owner(self) -> dict[str, BaseGeometry]:
        """The ground each owner is given in the window; overlaps between owners stay."""
        from borderwatch.geometry import union

        groups: dict[str, list[BaseGeometry]] = {}
        for piece in self.areas:
            if piece.drawn.owner is not None:
                groups.setdefault(piece.drawn.owner, []).append(piece.geometry)
        return {owner: union(pieces) for owner, pieces in sorted(groups.items())}
