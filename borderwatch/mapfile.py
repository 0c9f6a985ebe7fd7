"""One map file of a person's: who owns each of its features, its boundary chain, and its features where wanted.

A file of plain polygons is read as bare rings, from which the chain is made; geometries are built and proven valid
only when something has to be cut out of them. Any other file goes through the readers that mend.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch.derive import reader_fingerprint
from borderwatch.diff import chain
from borderwatch.diff.chain import ChainDiff, ChainIndex
from borderwatch.diff.chain_faces import boxes_meet, boxes_of_degrees
from borderwatch.diff.labels import HOLDER
from borderwatch.errors import StoreError, UsageError
from borderwatch.formats.features import RawFeature
from borderwatch.formats.geojson import described
from borderwatch.formats.label_texts import UNTAGGED, label_says, language_of_field, names_from_properties
from borderwatch.formats.line_words import line_says
from borderwatch.formats.ring_files import rings_from_path, rings_from_paths
from borderwatch.formats.rings import BareRings, Proven, RingTable
from borderwatch.formats.shapefile import PARTS
from borderwatch.formats.vector_file import ACCEPTED, features_from_path, owner_column, owner_field, text_of, value_of
from borderwatch.geometry import KM_PER_DEGREE
from borderwatch.kept import Kept, digest_of_files
from borderwatch.models import NO_YEAR, Capture, Edition, Feature, Outcome, Reading, Role, View
from borderwatch.observe import DEFAULT_RESOLUTION_KM, world_from_reading
from borderwatch.owners import owner as resolve_owner
from borderwatch.scene import World

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# Natural Earth's three scales give these medians between vertices: 1:10m .9 km, 1:50m 5 km, 1:110m 33 km, and can
# be trusted down to an inscribed radius of about 1, 4.5 and 10 km: the finest thing grows slower than the step.
STEP_SHARE = 0.6
STEP_MAX_KM = 10.0
FINEST_KM = 0.05
# A vertex this near the straight line between its neighbours says nothing of how fine the drawing is (degrees).
STRAIGHT_DEG = 1e-6
FILE_VIEW = View("file")
LARGE_VERTICES = 2_000_000  # from here on two indexes are made side by side: 40 ms each
MARGIN_DEG = 1e-6  # ten times what snapping and mending move a vertex by


def digest_of(path: Path) -> str:
    """A hash of a map file's bytes, a shapefile's parts and a folder's files together; UsageError where none is."""
    if not path.exists():
        raise UsageError(f"{path}: no such file; accepted: {ACCEPTED}")
    if path.is_dir():
        return "folder " + digest_of_files(sorted(p for p in path.rglob("*") if p.is_file()))
    if path.suffix.lower() != ".shp":
        return digest_of_files([path])
    return digest_of_files(
        sorted(p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix.lower() in PARTS)
    )


class MapFile:
    """A file that was opened; ``insist`` names the field that says who owns what, found by itself else."""

    def __init__(
        self,
        path: Path,
        *,
        insist: str | None = None,
        kept: Kept | None = None,
        digest: str | None = None,
        read: Callable[[Path], RingTable | None] = rings_from_path,
        proven: Proven | None = None,
    ) -> None:
        self.path = path
        self._proven = proven
        self._kept = kept if kept is not None and digest is not None else None
        self._key = hashlib.sha256(f"{digest} {insist} {reader_fingerprint()}".encode()).hexdigest() + ".chain"
        self._index: ChainIndex | None = None
        self._raw: list[RawFeature] = []
        self._rings = read(path)
        if self._rings is None:
            self._raw = features_from_path(path)
        try:
            rings = self._rings
            # Labels among areas have fields of their own, and would outvote the areas in the choice of one.
            drawn = [raw for raw in self._raw if not _placed(raw.geometry)] or self._raw
            if rings is None:
                areas = any(_areal(raw.geometry) for raw in drawn)
                self._code, self._name = owner_field(drawn, insist, by_content=areas)
            else:
                self._code, self._name = owner_column(rings.columns, insist)
        except UsageError as error:
            if insist is not None or self._rings is not None or any(_areal(f.geometry) for f in self._raw):
                raise UsageError(f"{path.name}: {error}") from None
            self._code, self._name = None, None  # lines need not say whose they are

    @classmethod
    def pair(
        cls, paths: tuple[Path, Path], *, insist: str | None = None, kept: Kept | None = None,
        digests: tuple[str | None, str | None] = (None, None),
    ) -> tuple[MapFile, MapFile]:  # fmt: skip
        """Two files at once, large ones side by side, opened and indexed."""
        proven: Proven = {}
        files: list[MapFile] = []
        with ThreadPoolExecutor(2) as pool:
            for path, digest, table in zip(paths, digests, rings_from_paths(paths), strict=True):
                rings = {path: table}
                file = cls(path, insist=insist, kept=kept, digest=digest, read=rings.__getitem__, proven=proven)
                # While the other is looked at still; who held what is asked of the first.
                if file.vertices >= LARGE_VERTICES:
                    pool.submit(attrgetter("index" if files else "index.boxes"), file)
                files.append(file)
        one, other = files
        return one, other

    @property
    def vertices(self) -> int:
        """How many vertices were read as bare rings; 0 where geometries had to be made."""
        return 0 if self._rings is None else len(self._rings.xy)

    @property
    def wound(self) -> bool:
        """Whether the winding of every ring was looked at: invalid ground is rare then."""
        return self._rings is not None and self._rings.clockwise

    @cached_property
    def said(self) -> list[tuple[str | None, str | None]]:
        """The code and the name that each feature has."""
        if self._rings is None:
            return [(value_of(raw, self._code), value_of(raw, self._name)) for raw in self._raw]
        nothing = [None] * self._rings.features
        both = [self._rings.columns[field] if field else nothing for field in (self._code, self._name)]
        return [(text_of(code), text_of(name)) for code, name in zip(*both, strict=True)]

    @property
    def index(self) -> ChainIndex:
        """The boundary chain of all areas, as the file has them; as it was kept where it was."""
        if self._index is None:  # no cached_property: in Python 3.11 those of two files wait for one another
            self._index = self._kept_index()
        return self._index

    def _kept_index(self) -> ChainIndex:
        if self._kept is None:
            return self._made_index()
        with suppress(StoreError):
            if (stored := self._kept.get(self._key)) is not None:
                return ChainIndex.from_bytes(stored)
        index = self._made_index()
        self._kept.put(self._key, index.to_bytes())
        return index

    def _made_index(self) -> ChainIndex:
        if self._rings is None:
            return self.mended_index
        return self._index_of(BareRings(self._rings.xy, self._rings.counts, self._rings.feature, self._rings.exterior))

    def _index_of(self, rings: BareRings) -> ChainIndex:
        assert self._rings is not None  # noqa: S101
        resolved = [resolve_owner(code, name) for code, name in self.said]
        owners = tuple(sorted(set(resolved)))
        number = {owner: n for n, owner in enumerate(owners)}
        holder = np.array([number[owner] for owner in resolved], dtype=np.int32)[rings.feature]
        exterior = None if self._rings.clockwise else rings.exterior
        return ChainIndex.from_rings(owners, rings.xy, rings.counts, holder, exterior)

    def mended_about(self, boxes: NDArray[np.float64]) -> ChainIndex:
        """The same of what matters to some boxes: areas that reach into one are valid there.

        Who holds ground is told by the rings at its latitude and east of it; the others are left out.
        """
        if self._rings is None:
            return self.index
        rings = self.index.ring_boxes(self._rings.counts)
        west, south, _, north = boxes_of_degrees(np.append(boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0))[None])[0]
        wanted = (rings[:, 2] >= west) & (rings[:, 1] <= north) & (rings[:, 3] >= south)
        about = np.zeros(len(rings), dtype=bool)
        about[boxes_meet(boxes_of_degrees(boxes), rings)[1]] = True
        return self._index_of(self._rings.mended(wanted, about, self._described))

    def _described(self, feature: int) -> str:
        return f"{self.path.name}, {described(feature, {'name': self.said[feature][1]})}"

    @cached_property
    def mended_index(self) -> ChainIndex:
        """The same of areas that were proven valid, and mended where they are not."""
        areas = [f for f in self.features if f.role is Role.AREA and f.geometry is not None]
        return ChainIndex.from_polygons((resolve_owner(f.code, f.name), f.geometry) for f in areas if f.geometry)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Every feature with its geometry, valid."""
        if self._rings is None:
            pairs = zip(self._raw, self.said, strict=True)
            return tuple(_feature(raw, *said, but=(self._code, self._name)) for raw, said in pairs)
        shapes = self._rings.shapes(self._described, self._proven)
        texts = {field: column for field, column in self._rings.columns.items() if language_of_field(field)}
        rows = ({field: column[i] for field, column in texts.items()} for i in range(self._rings.features))
        return tuple(
            Feature(
                shape,
                code=code,
                name=name,
                role=Role.AREA if shape is not None else Role.LABEL,
                names=names_from_properties(row, but=(self._code, self._name)),
            )
            for shape, (code, name), row in zip(shapes, self.said, rows, strict=True)
        )

    def capture(self, number: int) -> Capture:
        """The file as the ``number``-th capture of one view: two files have an order, not dates."""
        return Capture(
            id=hashlib.sha256(str(self.path.resolve()).encode() + bytes([number])).hexdigest(),
            view=FILE_VIEW,
            taken_at=datetime(NO_YEAR, 1, 1, tzinfo=UTC).replace(second=number),
            outcome=Outcome.KEPT,
            live=False,
            url=self.path.name,
            edition=Edition(self.path.name, None),
        )

    def world(self, number: int, *, resolution_km: float | None = None) -> World:
        """The file as the ``number``-th capture of one view; the resolution is estimated where it is not given."""
        capture = self.capture(number)
        drawn = [f.geometry for f in self.features if f.geometry is not None and f.role is not Role.LABEL]
        if not drawn and not any(f.geometry is not None and (f.name or f.names) for f in self.features):
            raise UsageError(
                f"{self.path}: no areas in it, no lines and no named points; borderwatch diff compares areas, "
                "boundary lines and labels"
            )
        # Points alone do not say how fine a map is.
        resolution = resolution_km or (self.finest_km if drawn else DEFAULT_RESOLUTION_KM)
        return world_from_reading(Reading(self.features), capture, resolution_km=resolution, proven=True)

    @cached_property
    def finest_km(self) -> float:
        """The finest inscribed radius the file can be trusted to show, from the distance between its vertices."""
        if self._rings is not None:
            return finest_km_of(self._rings.xy, np.repeat(np.arange(len(self._rings.counts)), self._rings.counts))
        drawn = [f.geometry for f in self.features if f.geometry is not None and f.role is not Role.LABEL]
        return finest_km(drawn)


def _feature(raw: RawFeature, code: str | None, name: str | None, *, but: Sequence[str | None]) -> Feature:
    geometry = raw.geometry
    if _placed(geometry):
        return _label(raw, name)
    lineal = geometry is not None and geometry.geom_type in ("LineString", "MultiLineString")
    role = Role.AREA if _areal(geometry) else Role.BOUNDARY if lineal else Role.LABEL
    feature = Feature(geometry, code=code, name=name, role=role, names=names_from_properties(raw.properties, but=but))
    return replace(feature, **line_says(raw.properties)) if lineal else feature


def _label(raw: RawFeature, name: str | None) -> Feature:
    """A text on a point: what it says without a language is its main text, whatever names the file's areas."""
    says = label_says(raw.properties, raw.id)
    names = {lang: text for lang, text in names_from_properties(raw.properties).items() if lang != UNTAGGED}
    main = says.name or (None if names else name)
    words = {HOLDER: says.holder} if says.holder else {}
    return Feature(raw.geometry, code=says.key, name=main, role=Role.LABEL, word=says.word, names=names, words=words)


def _placed(geometry: BaseGeometry | None) -> bool:
    return geometry is not None and geometry.geom_type in ("Point", "MultiPoint")


def _areal(geometry: BaseGeometry | None) -> bool:
    return geometry is not None and geometry.geom_type in ("Polygon", "MultiPolygon")


def finest_km(shapes: Sequence[BaseGeometry]) -> float:
    """The finest inscribed radius that some areas or lines can be trusted to show."""
    parts = shapely.get_parts(np.asarray(shapes, dtype=object))
    areas = shapely.get_type_id(parts) == 3
    rings = np.concatenate([shapely.get_rings(parts[areas]), parts[~areas]])
    return finest_km_of(*shapely.get_coordinates(rings, return_index=True))


def finest_km_of(xy: NDArray[np.float64], line: NDArray[np.int64]) -> float:
    """The same from the vertices of lines and the line each is of: a share of the median step from bend to bend."""
    bend = np.ones(len(xy), dtype=bool)
    if len(xy) > 2:
        (x, y), (u, v) = (xy[1:-1] - xy[:-2]).T, (xy[2:] - xy[:-2]).T
        off = np.abs(x * v - y * u) / np.maximum(np.hypot(u, v), 1e-12)
        bend[1:-1] = (off > STRAIGHT_DEG) | (line[1:-1] != line[:-2]) | (line[1:-1] != line[2:])
    xy, line = xy[bend], line[bend]
    step = (xy[1:] - xy[:-1])[line[1:] == line[:-1]]
    if len(step) == 0:
        return FINEST_KM
    middle = ((xy[1:, 1] + xy[:-1, 1]) / 2)[line[1:] == line[:-1]]
    lengths = np.hypot(step[:, 0] * np.cos(np.radians(middle)), step[:, 1]) * KM_PER_DEGREE
    lengths = lengths[lengths > 0]
    if len(lengths) == 0:
        return FINEST_KM
    return float(np.clip(STEP_SHARE * np.median(lengths), FINEST_KM, STEP_MAX_KM))


def compared(before: MapFile, after: MapFile, *, redigitised_from: float) -> ChainDiff:
    """The boundary-chain diff of two files; where it tells of ground that is drawn invalid, of that ground mended."""
    large = min(before.vertices, after.vertices) >= LARGE_VERTICES
    with ThreadPoolExecutor(2) as pool:
        if large and not after.wound:
            pool.submit(attrgetter("index.boxes"), after)  # where ground is drawn invalid they are asked for
        found = chain.diff(before.index, after.index, redigitised_from=redigitised_from)
        if not found.twisted or found.reach is None or found.boxes is None:
            return found
        reach = found.reach
        one, other = (pool.map if large else map)(lambda file: file.mended_about(reach), (before, after))
    again = chain.diff(one, other, redigitised_from=math.inf)
    reached = shapely.union_all(shapely.box(*(found.reach + MARGIN_DEG * np.array([-1, -1, 1, 1])).T))
    if not shapely.covers(reached, [face.geometry for face in again.faces]).all():
        # Mending here would have drawn ground there: not known to happen, and not to be told of.
        return chain.diff(before.mended_index, after.mended_index, redigitised_from=redigitised_from)
    boxes = found.boxes if again.boxes is None else np.concatenate([found.boxes, again.boxes])
    return replace(found, faces=again.faces, areas_km2=again.areas_km2, boxes=boxes, twisted=again.twisted)
