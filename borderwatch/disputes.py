"""The catalogue of disputes, read from data files in the package; one file per dispute.

``data/disputes/<slug>.json`` is a dispute; putting a file there is all it takes to add one. Its ground comes from
the file itself (``"reference"``: a GeoJSON geometry), else from ``data/reference.geojson`` (written by
``scripts/build_catalogue.py``), else from its bounding box, and ``Dispute.origin`` says which.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import CatalogueError, UsageError
from borderwatch.models import Dispute, DisputeType, Event
from borderwatch.owners import fold

if TYPE_CHECKING:
    from shapely import STRtree
    from shapely.geometry.base import BaseGeometry

DATA = Path(__file__).parent / "data"

BOX_ONLY = "bounding box; no polygon could be had"

AREAS = frozenset({DisputeType.TERRITORY, DisputeType.BORDER, DisputeType.MARITIME})
"""The types that are about ground or sea; a naming dispute is about a word."""


class Catalogue:
    """Every watched dispute, by slug, with ways to find one."""

    def __init__(self, disputes: Mapping[str, Dispute]) -> None:
        self.disputes: Mapping[str, Dispute] = MappingProxyType(dict(sorted(disputes.items())))

    def __iter__(self) -> Iterator[Dispute]:
        return iter(self.disputes.values())

    def __len__(self) -> int:
        return len(self.disputes)

    def __contains__(self, slug: object) -> bool:
        return slug in self.disputes

    def get(self, slug: str) -> Dispute:
        """The dispute called ``slug``; UsageError lists near names."""
        try:
            return self.disputes[slug]
        except KeyError:
            raise UsageError(f"no dispute {slug!r} in the catalogue; {self._nearest(slug)}") from None

    def find(self, text: str) -> Dispute:
        """The dispute meant by a slug, a name in any language, or an identifier (QID, ISO code).

        UsageError where nothing fits, or where several do (it lists them).
        """
        if text in self.disputes:
            return self.disputes[text]
        slugs = self._index.get(fold(text), ())
        if len(slugs) == 1:
            return self.disputes[slugs[0]]
        if slugs:
            raise UsageError(f"{text!r} names {len(slugs)} disputes; say which: {', '.join(slugs)}")
        raise UsageError(f"no dispute is called {text!r}; {self._nearest(text)}")

    def near(self, geometry: BaseGeometry) -> tuple[Dispute, ...]:
        """The disputes whose box meets ``geometry`` (WGS 84), in slug order."""
        found = sorted(int(at) for at in self._boxes.query(geometry, predicate="intersects"))
        every = tuple(self.disputes.values())
        return tuple(every[at] for at in found)

    @functools.cached_property
    def _boxes(self) -> STRtree:
        import shapely

        return shapely.STRtree([shapely.box(*dispute.box) for dispute in self])

    @functools.cached_property
    def _index(self) -> Mapping[str, tuple[str, ...]]:
        """Folded word -> slugs. A dispute's main name beats another's further name."""
        main: dict[str, dict[str, None]] = {}
        further: dict[str, dict[str, None]] = {}
        for dispute in self:
            for word in (dispute.slug, dispute.name, dispute.wikipedia_en):
                if word:
                    main.setdefault(fold(word), {})[dispute.slug] = None
            words = [name for names in dispute.names.values() for name in names]
            words += [dispute.qid or "", *dispute.codes.values()]
            for word in words:
                if fold(word):
                    further.setdefault(fold(word), {})[dispute.slug] = None
        return {word: tuple(slugs) for word, slugs in (further | main).items()}

    def _nearest(self, text: str) -> str:
        near = get_close_matches(fold(text).replace(" ", "_"), self.disputes, n=4, cutoff=0.5)
        if near:
            return f"near names: {', '.join(near)}"
        return f"the {len(self)} slugs are: {', '.join(self.disputes)}"


@functools.cache
def catalogue(*, geometry: bool = True) -> Catalogue:
    """The catalogue shipped with the package; ``geometry=False`` is quicker and leaves shapes out."""
    disputes: dict[str, Dispute] = {}
    for path in sorted((DATA / "disputes").glob("*.json")):
        record = _record(path)
        dispute = _dispute_from_record(record, path)
        disputes[dispute.slug] = _with_ground(dispute, record) if geometry else dispute
    return Catalogue(disputes)


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except ValueError as error:
        raise CatalogueError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(record, dict) or record.get("slug") != path.stem:
        raise CatalogueError(f"{path.name}: its slug must be {path.stem!r}, the name of the file")
    return record


def _dispute_from_record(record: Mapping[str, Any], path: Path) -> Dispute:
    try:
        west, south, east, north = (float(edge) for edge in record["box"])
        names, origins = _names(record)
        return Dispute(
            slug=record["slug"],
            name=record["name"],
            type=DisputeType(record["type"]),
            claimants=tuple(record["claimants"]),
            status=record["status"],
            status_date=record.get("status_date"),
            box=(west, south, east, north),
            box_source=record["box_source"],
            names=names,
            name_origins=origins,
            codes=MappingProxyType(record.get("codes", {})),
            qid=record.get("qid"),
            osm_relation=record.get("osm_relation"),
            wikipedia_en=record.get("wikipedia_en"),
            administered=record.get("administered", ""),
            verified=tuple(record.get("verified", ())),
            search_terms=MappingProxyType({key: tuple(v) for key, v in record.get("search_terms", {}).items()}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"{path.name}: {type(error).__name__}: {error}") from error


def _names(record: Mapping[str, Any]) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, str]]:
    """The names by language, the file's own before CLDR's, and which languages are CLDR's alone."""
    own: dict[str, list[str]] = {"en": [record["name"]]}
    for lang, words in record.get("names", {}).items():
        own.setdefault(lang, []).extend(words)
    published = _cldr()["names"].get(record["slug"], {})
    names = {lang: (*own.get(lang, ()), *published.get(lang, ())) for lang in sorted(own.keys() | published.keys())}
    origins = {lang: _cldr()["origin"] for lang in sorted(published.keys() - own.keys())}
    unique = {lang: tuple(dict.fromkeys(words)) for lang, words in names.items()}
    return MappingProxyType(unique), MappingProxyType(origins)


@functools.cache
def _cldr() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((DATA / "cldr_names.json").read_bytes())
    return table


@dataclass(frozen=True, slots=True)
class _Ground:
    """What ``reference.geojson`` holds of one dispute."""

    reference: BaseGeometry | None
    lines: Mapping[str, BaseGeometry]
    origin: str


def _with_ground(dispute: Dispute, record: Mapping[str, Any]) -> Dispute:
    """The dispute with its reference polygon, its rival lines and what they were built from."""
    import shapely
    from shapely.geometry import shape

    if dispute.type not in AREAS:
        return replace(dispute, origin="a name: no ground of its own")
    built = _grounds().get(dispute.slug, _Ground(None, MappingProxyType({}), ""))
    if "reference" in record:
        origin = record.get("origin", "the catalogue")
        return replace(dispute, reference=shape(record["reference"]), lines=built.lines, origin=origin)
    if built.reference is None:
        origin = f"{BOX_ONLY}; {built.origin}" if built.origin else BOX_ONLY
        return replace(dispute, reference=shapely.box(*dispute.box), lines=built.lines, origin=origin, boxed=True)
    return replace(dispute, reference=built.reference, lines=built.lines, origin=built.origin)


@functools.cache
def _grounds() -> Mapping[str, _Ground]:
    import shapely

    features = _features("reference.geojson")
    shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    polygons: dict[str, BaseGeometry] = {}
    lines: dict[str, dict[str, BaseGeometry]] = {}
    origins: dict[str, str] = {}
    for feature, geometry in zip(features, shapes, strict=True):
        properties = feature["properties"]
        slug = properties["slug"]
        if properties["line"]:
            lines.setdefault(slug, {})[properties["line"]] = geometry
        else:
            polygons[slug] = geometry
        origins[slug] = origins.get(slug) or properties["origin"]
    return {
        slug: _Ground(polygons.get(slug), MappingProxyType(lines.get(slug, {})), origin)
        for slug, origin in origins.items()
    }


@functools.cache
def events() -> Mapping[str, tuple[Event, ...]]:
    """What was publicly reported about how each dispute is depicted, by slug and date; not measured by anybody here."""
    found: dict[str, list[Event]] = {}
    with (DATA / "events.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            found.setdefault(row["dispute"], []).append(
                Event(
                    dispute=row["dispute"],
                    date=row["date"],
                    who=row["who"],
                    what=row["what"],
                    audience=row["audience"],
                    url=row["url"],
                    certainty=row["certainty"],
                    around=row["precision"] == "week",
                )
            )
    return MappingProxyType({slug: tuple(sorted(some, key=lambda e: e.date)) for slug, some in found.items()})


@functools.cache
def land() -> BaseGeometry:
    """All land as one multipolygon without boundaries (WGS 84, to 10 km): the base under every map."""
    import shapely

    (feature,) = _features("land.geojson")
    geometry: BaseGeometry = shapely.from_geojson(json.dumps(feature["geometry"]))
    return geometry


def _features(file: str) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads((DATA / file).read_bytes())["features"]
    return features
