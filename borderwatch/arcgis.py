"""What sources that are layers of an ArcGIS feature service have in common: how to ask for one whole, and when not to.

Such a source says only its service, the layers it wants with the fields it needs, and what a feature means. The
answer is kept as it came: the layer's definition, the ids it lists, and its pages of features.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from borderwatch.errors import NotModified, NotServed, Partial, SchemaChanged, TooLarge
from borderwatch.models import Body, Edition, Feature, Finding, Part, Reading, Snapshot, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch
    from borderwatch.formats.arcgis import Layer
    from borderwatch.formats.features import RawFeature

LARGEST_PAGE = 500
"""Features asked for at once. Servers allow 1,000 to 2,000, and give up on that many detailed polygons."""
SMALLEST_PAGE = 20
IDS_IN_A_QUESTION = 100
"""Ids are at most 10 digits: the address stays under the 2,000 characters every server and proxy takes."""
PAGE_BYTES = 67_108_864
ALL_BYTES = 268_435_456
MOST_QUESTIONS = 400
PRECISION = 6
"""Decimals of a degree: 0.1 m."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One layer of a service: ``pattern`` finds it by name there, ``number`` is its documented id.

    ``fields`` (in capitals) are those its reader needs. Fewer than ``fewest`` features prove that the layer is not
    whole. ``offset_deg`` lets the server leave out vertices nearer than that to the line they are on.
    """

    key: str
    pattern: str
    number: int
    geometry: str
    fields: tuple[str, ...]
    fewest: int
    where: str = "1=1"
    offset_deg: float = 0.0


AREAS, LINES = "esriGeometryPolygon", "esriGeometryPolyline"


class Found(NamedTuple):
    """A wanted layer as the service has it now."""

    wanted: Wanted
    url: str
    answer: Answer
    layer: Layer


class FeatureServiceSource(Source):
    """A source that is layers of one ArcGIS feature service, public and without a key.

    ``wanted`` says which, by layer of the view. Robots.txt is not asked: these are documented data APIs.
    """

    service: ClassVar[str]
    wanted: ClassVar[Mapping[str, tuple[Wanted, ...]]]

    @abstractmethod
    def feature(self, fields: Mapping[str, str], raw: RawFeature, wanted: Wanted, layer: Layer) -> Feature | None:
        """What one feature means, ``fields`` being what its columns say, in capitals; None for what is no depiction."""

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        """Every wanted layer whole, unless the service says that none was edited since our last copy."""
        if edition is not None or view.layer not in self.wanted:
            raise NotServed(f"{self.name}: {view} is served as it stands now only; older states were not kept there")
        found = [self._found(fetch, wanted) for wanted in self.wanted[view.layer]]
        stands = _edition(found)
        known = fetch.known
        held = known.edition if known is not None else None
        if stands is not None and held is not None and held.label == stands.label:
            raise NotModified(f"{view}: last edited {stands.label}, as our last copy")
        parts = [part for one in found for part in self._parts(fetch, one)]
        for one in found:
            if one.layer.edited_at != self._found(fetch, one.wanted).layer.edited_at:
                raise Partial(f"{one.url} was edited while it was read: ask again", url=one.url)
        return Body(
            tuple(parts),
            found[0].url,
            stands,
            found[0].answer.headers,
            note="; ".join(f"layer {one.layer.name} at {one.url.rpartition('/')[2]}" for one in found),
        )

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats import arcgis

        features: list[Feature] = []
        for wanted in self.wanted[snapshot.view.layer]:
            what = f"{self.name}, {wanted.key}"
            layer = arcgis.layer_from_bytes(snapshot.part(f"{wanted.key}-layer.json"), what)
            self._check(wanted, layer)
            ids = arcgis.ids_from_bytes(snapshot.part(f"{wanted.key}-ids.json"), what)
            pages = [
                arcgis.page_from_bytes(part.data, layer, f"{what}, {part.name}")
                for part in snapshot.parts
                if part.name.startswith(f"{wanted.key}-page-")
            ]
            raws = arcgis.features_from_pages(pages, ids, what)
            self._check_count(wanted, len(raws))
            read = (self.feature(_fields(raw), raw, wanted, layer) for raw in raws)
            features += [feature for feature in read if feature is not None]
        return Reading(features=tuple(features))

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """Each wanted layer's definition and count against what the reader expects."""
        from borderwatch.formats.arcgis import answer_from_bytes

        found: list[Finding] = []
        for wanted in dict.fromkeys(one for layers in self.wanted.values() for one in layers):
            there = self._found(fetch, wanted)
            layer, name = there.layer, f"layer {there.layer.name}"
            moved = not there.url.endswith(f"/{wanted.number}")
            found.append(
                Finding(name, f"number {wanted.number}", f"number {there.url.rpartition('/')[2]}", fine=not moved)
            )
            more = [field for field in layer.fields if field not in wanted.fields]
            found.append(
                Finding(f"{name}, fields", ", ".join(wanted.fields), f"these, and {', '.join(more)}", fine=True)
            )
            pages = "by position" if layer.paginates else "by ids"
            how = f"{'geoJSON' if 'geojson' in layer.formats else 'Esri JSON'}, {layer.page} a page, {pages}"
            found.append(Finding(f"{name}, pages", "geoJSON, by position", how, fine=True))
            edited = f"{layer.edited_at:%Y-%m-%d %H:%M} UTC" if layer.edited_at else "not told: asked in full each time"
            found.append(Finding(f"{name}, last edit", "told", edited, fine=True))
            if layer.legend:
                legend = "; ".join(f"{value}: {said.label}" for value, said in layer.legend.items())
                found.append(Finding(f"{name}, drawn by {layer.legend_field}", "its own legend", legend, fine=True))
            answer = _asked(fetch, f"{there.url}/query", where=wanted.where, returnCountOnly="true")
            count = answer_from_bytes(answer.data, there.url).get("count")
            whole = isinstance(count, int) and count >= wanted.fewest
            found.append(Finding(f"{name}, features", f"{wanted.fewest} or more", str(count), fine=whole))
        return tuple(found)

    # --- asking -----------------------------------------------------------------------------------

    def _found(self, fetch: Fetch, wanted: Wanted) -> Found:
        """A wanted layer, found by its name; ``SchemaChanged`` where it is not what the reader was written for."""
        from borderwatch.formats.arcgis import layer_from_bytes, layers_from_service

        listed = fetch.once(
            (self.name, "layers"),
            lambda: layers_from_service(_asked(fetch, self.service).data, self.service),
        )
        number = next(
            (number for number, name in sorted(listed.items()) if re.search(wanted.pattern, name, re.IGNORECASE)),
            wanted.number if wanted.number in listed else None,
        )
        if number is None:
            raise SchemaChanged(
                f"{self.name}: {self.service} has no layer like {wanted.pattern!r}; it has "
                f"{', '.join(listed.values())[:200] or 'none'}",
                words=(wanted.pattern,),
            )
        url = f"{self.service}/{number}"
        answer = _asked(fetch, url)
        layer = layer_from_bytes(answer.data, url)
        self._check(wanted, layer)
        return Found(wanted, url, answer, layer)

    def _check(self, wanted: Wanted, layer: Layer) -> None:
        missing = [name for name in wanted.fields if name not in layer.fields]
        if missing:
            raise SchemaChanged(
                f"{self.name}: layer {layer.name!r} has no field {', '.join(missing)}; it has "
                f"{', '.join(layer.fields)[:300]}",
                words=tuple(missing),
            )
        if layer.geometry != wanted.geometry:
            raise SchemaChanged(
                f"{self.name}: layer {layer.name!r} holds {layer.geometry}, not {wanted.geometry}",
                words=(layer.geometry,),
            )

    def _check_count(self, wanted: Wanted, count: int) -> None:
        if count < wanted.fewest:
            raise Partial(
                f"{self.name}: {count} features of {wanted.key}; at least {wanted.fewest} make it whole: ask again; if "
                "it stays so, see what the publisher says"
            )

    def _parts(self, fetch: Fetch, found: Found) -> Iterator[Part]:
        from borderwatch.formats.arcgis import ids_from_bytes, page_from_bytes

        wanted, url, answer, layer = found
        yield Part(f"{wanted.key}-layer.json", answer.data)
        listed = _asked(fetch, f"{url}/query", where=wanted.where, returnIdsOnly="true")
        ids = ids_from_bytes(listed.data, url)
        self._check_count(wanted, len(ids))
        yield Part(f"{wanted.key}-ids.json", listed.data)
        size, came, total = min(LARGEST_PAGE, layer.page), 0, 0
        for number in range(1, MOST_QUESTIONS + 1):
            try:
                page = _asked(fetch, f"{url}/query", **_page(wanted, layer, ids, came, size))
                got = page_from_bytes(page.data, layer, url)
            except (Partial, TooLarge):
                if size <= SMALLEST_PAGE:
                    raise
                size = max(SMALLEST_PAGE, size // 5)  # the server, or the bound, is overtaxed by so much detail
                continue
            came, total = came + len(got.features), total + len(page.data)
            if total > ALL_BYTES:
                raise TooLarge(f"{url}: more than {ALL_BYTES:,} bytes of features; raise the bound if it has grown")
            if not got.features and came < len(ids):
                raise Partial(f"{url} stopped after {came} of {len(ids)} features: ask again", url=url)
            yield Part(f"{wanted.key}-page-{number:03d}.json", page.data)
            if came >= len(ids):
                if got.exceeded and len(got.features) < size:
                    raise Partial(f"{url} holds more than the {len(ids)} features it listed: ask again", url=url)
                return
        raise TooLarge(f"{url}: not whole after {MOST_QUESTIONS} questions ({came} of {len(ids)} features)", url=url)


def _page(wanted: Wanted, layer: Layer, ids: tuple[int, ...], came: int, size: int) -> dict[str, str | int | float]:
    """The question for the next page: by position where the server can, else by ids."""
    asked: dict[str, str | int | float] = {
        "outFields": "*",
        "returnGeometry": "true",
        "outSR": 4326,
        "geometryPrecision": PRECISION,
        "returnTrueCurves": "false",
    }
    if "geojson" in layer.formats:
        asked["f"] = "geojson"
    if wanted.offset_deg:
        asked["maxAllowableOffset"] = wanted.offset_deg
    if layer.paginates:
        # Without an order a server may show one feature on two pages and another on none.
        order = {"where": wanted.where, "orderByFields": layer.id_field}
        return {**asked, **order, "resultOffset": came, "resultRecordCount": size}
    return {**asked, "objectIds": ",".join(map(str, ids[came : came + min(size, IDS_IN_A_QUESTION)]))}


def _asked(fetch: Fetch, url: str, **params: str | int | float) -> Answer:
    return fetch.get(url, params={"f": "json", **params}, expect="json", robots=False, max_bytes=PAGE_BYTES)


def _edition(found: list[Found]) -> Edition | None:
    """The state a service serves, by the last edits it tells of; None where it tells of none."""
    edits: list[datetime] = []
    for one in found:
        if one.layer.edited_at is None:
            return None
        edits.append(one.layer.edited_at)
    label = "+".join(dict.fromkeys(f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in edits))
    return Edition(label, max(edits), "last edit of the layer, as its service says")


def _fields(raw: RawFeature) -> dict[str, str]:
    """What the columns of a feature say, names in capitals; null and blank are left out."""
    told = {}
    for name, value in raw.properties.items():
        text = "" if value is None else " ".join(str(value).split())
        if text and text.casefold() not in {"<null>", "null", "-99"}:
            told[name.upper()] = text
    return told
