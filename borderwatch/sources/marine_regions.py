"""Marine Regions (VLIZ) by WFS: sea zones claimed twice or held jointly, Chile's and Peru's, and the lines between."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, NotModified, NotServed, Partial, SchemaChanged
from borderwatch.models import (
    Body,
    Edition,
    Feature,
    Finding,
    LineStyle,
    Part,
    Reading,
    Role,
    Row,
    Snapshot,
    Terms,
    View,
)
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch
    from borderwatch.formats.features import RawFeature

WFS = "https://geo.vliz.be/geoserver/MarineRegions/wfs"
RECORD = "https://www.marineregions.org/rest/getGazetteerRecordByMRGID.json"

ZONES, LINES, GAZETTEER = "eez", "eez_boundaries", "gazetteer"
CAPABILITIES = "capabilities.xml"

# No limit is published. One question every 2 s, and pages of 25, as the service's own R client and others ask: a
# single zone with a ragged coast weighs tens of megabytes.
INTERVAL_S = 2.0
PAGE = 25
MOST_PAGES = 200  # the layer of lines has about 2,500 lines in all, of which we ask for some 600
PAGE_BYTES = 268_435_456

_FILTERS = MappingProxyType(
    {
        # By sovereign and not by MRGID: a zone that is re-issued gets another number (Bouvet: 8399, then 49119).
        ZONES: "pol_type<>'200NM' OR sovereign1 IN ('Chile','Peru') OR sovereign2 IN ('Chile','Peru') "
        "OR sovereign3 IN ('Chile','Peru')",
        # Everything but outer limits and baselines. NOT IN, so that a type we do not know is told and not missed;
        # version 11 (2019) writes Baseline, version 12 (2023) baseline.
        LINES: "line_type NOT IN ('200 NM','12 NM','24 NM','Straight Baseline','Straight baseline',"
        "'Archipelagic Baseline','Archipelagic baseline','Normal Baseline','Normal baseline')",
    }
)
_SORT = MappingProxyType({ZONES: "mrgid", LINES: "line_id"})  # without it, pages may repeat
_NEEDED = MappingProxyType(
    {
        ZONES: ("mrgid", "geoname", "pol_type", "sovereign1", "iso_sov1"),
        LINES: ("line_id", "line_name", "line_type", "sovereign1"),
    }
)

OWN, JOINT, CLAIM = "200NM", "Joint regime", "Overlapping claim"
_ZONE_TYPES = frozenset({OWN, JOINT, CLAIM})

_STYLES = MappingProxyType(
    {
        "200 nm": LineStyle.SOLID,
        "24 nm": LineStyle.SOLID,
        "12 nm": LineStyle.SOLID,
        "archipelagic baseline": LineStyle.SOLID,
        "normal baseline": LineStyle.SOLID,
        "straight baseline": LineStyle.SOLID,
        "connection line": LineStyle.SOLID,
        "court ruling": LineStyle.SOLID,
        "joint regime": LineStyle.SOLID,
        "median line": LineStyle.SOLID,
        "treaty": LineStyle.SOLID,
        "unilateral claim (undisputed)": LineStyle.SOLID,
        "unsettled": LineStyle.DASHED,
        "unsettled (land)": LineStyle.DASHED,
        "unsettled (maritime)": LineStyle.DASHED,
        "unsettled median line": LineStyle.DASHED,
        "unsettled median line (land)": LineStyle.DASHED,
        "unsettled median line (maritime)": LineStyle.DASHED,
    }
)
"""``line_type``, without regard to case: version 11 as the service's ontology has it, version 12 as its readers write
it (court rulings, 12 nautical miles, and whether what is unsettled lies between lands or seas). Unsettled is dashed."""

# Longitude, latitude well inside, and never in the mirrored place: what tells lon, lat from lat, lon.
_INSIDE = MappingProxyType({"Chile": (-72.5, -23.5), "Peru": (-79.5, -12.0)})
_LINE_BOX = (-125.0, -90.0, -50.0, 0.5)
"""Where a line of Chile or Peru may lie, Easter Island and Antarctica too; with the axes swapped it lies east of it."""

DIGEST = "features-sha256"
"""Kept beside the headers: no answer is the same twice to the byte, as each holds its own time."""
_VOLATILE = re.compile(rb'"timeStamp"\s*:\s*"[^"]{0,64}"|"id"\s*:\s*"[\w.]{1,64}fid-[^"]{1,64}"')
_VERSION = re.compile(r"\(\s*v(?P<version>[\d.]+)\s*,[^)]*?(?P<year>\d{4})\s*\)")

RECORDS = MappingProxyType(
    {
        8465: "chile_peru_maritime",
        8432: "chile_peru_maritime",
        49003: "nine_dash_line",
        8486: "nine_dash_line",
        8321: "TW",
        8367: "EH",
        62589: "IO",
        48946: "tromelin",
        48948: "matthew_hunter",
    }
)
"""Gazetteer records of zones and the identity of the dispute each is about: the EEZs of Chile, Peru, China, Taiwan and
Morocco, and overlapping claims."""
_STATUSES = frozenset({"standard", "deleted"})


class MarineRegions(Source):
    """Who has which sea, as the Flanders Marine Institute draws it; since version 12 (2023) the whole world.

    A zone of one sovereign is its territory's; a zone that several claim or hold is nobody's alone and is called
    after them ("Overlapping claim: Argentina, United Kingdom"). The version stands only in the title of the layer.
    Layers declare EPSG:4326, whose axes are latitude, longitude; GeoJSON is longitude, latitude all the same: read
    and checked against points that lie well inside.
    """

    name = "marine_regions"
    title = "Marine Regions (VLIZ)"
    watches = "sea zones claimed by several or held jointly, those of Chile and Peru, and which lines are unsettled"
    terms = Terms(
        licence="CC BY 4.0",
        attribution="Flanders Marine Institute (VLIZ): Maritime Boundaries Geodatabase, marineregions.org",
        url="https://www.marineregions.org/disclaimer.php",
    )
    every = timedelta(days=30)
    layers = MappingProxyType(
        {
            ZONES: "zones claimed by several or held jointly; all zones of Chile and Peru",
            LINES: "lines between zones: treaties, medians, unsettled ones",
            GAZETTEER: "records of the zones in dispute: a deleted one names its successor",
        }
    )
    resolution_km = MappingProxyType({ZONES: 1.0, LINES: 1.0})
    proven = "recorded: exceptions, gazetteer records (2023), geometry of two editions; documented shape: columns"
    first_contact = (
        "that titles end in (v12, world, 2023); how many zones are an overlapping claim or joint regime, and whether "
        "one is Chile's and Peru's; that numberMatched is a number; the size of a page"
    )

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view.layer not in self.layers or view.worldview != "default":
            raise NotServed(f"marine_regions has no view {view}; it has {', '.join(map(str, self.views()))}")
        if edition is not None:
            raise NotServed(f"marine_regions: the service keeps the current version only, not {edition.label}")
        if view.layer == GAZETTEER:
            return _records(fetch)
        capabilities = fetch.once((self.name, "capabilities"), lambda: _capabilities(fetch))
        title = _title(capabilities.data, view.layer)
        pages = tuple(_pages(fetch, view.layer))
        edition, digest = _edition(title), _digest(pages)
        known = fetch.known
        if known is not None and known.headers.get(DIGEST) == digest and known.edition == edition:
            raise NotModified(f"{view}: every feature of {edition.label} is as it was, to the byte")
        return Body(
            (Part(CAPABILITIES, capabilities.data), *(Part(f"page-{n:03}.json", p.data) for n, p in enumerate(pages))),
            pages[0].url,
            edition,
            {**pages[0].headers, DIGEST: digest},
            note=title[:200],
        )

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """The version of each layer, how much there is of it, what it has of Chile and Peru: counts, no geometry."""
        capabilities = _capabilities(fetch).data
        found = []
        for layer in (ZONES, LINES):
            title = _title(capabilities, layer)
            fine = _VERSION.search(title) is not None
            found.append(Finding(f"{layer}, version", "a title ending in (v12, world, 2023)", title[:120], fine=fine))
            count = _hits(fetch, layer, _FILTERS[layer])
            found.append(Finding(f"{layer}, features", f"1 to {PAGE * MOST_PAGES:,}", f"{count:,}", fine=count > 0))
        for kind in (CLAIM, JOINT):
            count = _hits(fetch, ZONES, f"pol_type='{kind}'")
            found.append(Finding(f"{ZONES}, {kind}", "1 or more", f"{count:,}", fine=count > 0))
        between = _hits(fetch, LINES, "sovereign1 IN ('Chile','Peru') AND sovereign2 IN ('Chile','Peru')")
        found.append(Finding(f"{LINES}, Chile with Peru", "1 or more", str(between), fine=between > 0))
        return tuple(found)

    def read(self, snapshot: Snapshot) -> Reading:
        if snapshot.view.layer == GAZETTEER:
            # A few records out of thousands: an absent one proves nothing.
            return Reading(rows=tuple(_row(part) for part in snapshot.parts), complete=False)
        from borderwatch.formats.geojson import features_from_geojson

        layer = snapshot.view.layer
        raws: list[RawFeature] = []
        for part in snapshot.parts:
            if part.name != CAPABILITIES:
                raws += features_from_geojson(part.data, f"marine_regions, {part.name}")
        fields = [_fields(raw, layer) for raw in raws]
        seen = [
            (str(f[_SORT[layer]]), raw.geometry.wkb if raw.geometry else b"")
            for raw, f in zip(raws, fields, strict=True)
        ]
        if len(seen) != len(set(seen)):
            raise Partial(f"marine_regions: {layer} gives one feature on two pages, so another on none: ask again")
        read = _zone if layer == ZONES else _line
        features = tuple(read(raw, field) for raw, field in zip(raws, fields, strict=True))
        (_check_zones if layer == ZONES else _check_lines)(features)
        return Reading(features=features)


# --- asking -------------------------------------------------------------------------------------------


def _capabilities(fetch: Fetch) -> Answer:
    # A documented data service: its usage policy is the rule, robots.txt is about pages.
    return fetch.get(
        WFS,
        params={"service": "WFS", "version": "2.0.0", "request": "GetCapabilities"},
        robots=False,
        interval_s=INTERVAL_S,
    )


def _title(capabilities: bytes, layer: str) -> str:
    from borderwatch.formats.ows import layer_titles_from_capabilities

    titles = layer_titles_from_capabilities(capabilities, "marine_regions, capabilities")
    for name, title in titles.items():
        if name.rpartition(":")[2] == layer:
            return title
    raise NotServed(
        f"marine_regions: the service announces no layer {layer!r} any more; it has {', '.join(sorted(titles)[:20])}"
    )


def _edition(title: str) -> Edition:
    """The version a title ends in, "(v12, world, 2023)"; the title itself where it ends otherwise. No day is given."""
    found = _VERSION.search(title)
    if found is None:
        return Edition(title[:80] or "untitled", None, "title of the layer, which names no version")
    return Edition(f"v{found['version']}", None, f"title of the layer; of the year {found['year']}, no day is given")


def _pages(fetch: Fetch, layer: str) -> Iterator[Answer]:
    """Every page of a layer; ``Partial`` where they do not add up to what the service says there is."""
    got = 0
    for number in range(MOST_PAGES):
        answer = fetch.get(
            WFS,
            params={
                "service": "WFS",
                "version": "2.0.0",
                "request": "GetFeature",
                "typeNames": f"MarineRegions:{layer}",
                "outputFormat": "application/json",
                "srsName": "EPSG:4326",
                "sortBy": _SORT[layer],
                "count": PAGE,
                "startIndex": number * PAGE,
                "cql_filter": _FILTERS[layer],
            },
            expect="json",
            robots=False,
            interval_s=INTERVAL_S,
            max_bytes=PAGE_BYTES,
        )
        page = answer.json()
        features = page.get("features") if isinstance(page, dict) else None
        if not isinstance(features, list):
            raise SchemaChanged(f"marine_regions: {layer} answered JSON without a list of features", url=answer.url)
        got += len(features)
        yield answer
        matched = page.get("numberMatched", page.get("totalFeatures"))
        if len(features) < PAGE or got == matched:
            if isinstance(matched, int) and got != matched:
                raise Partial(
                    f"marine_regions: {layer} says it has {matched} and gave {got}: ask again", url=answer.url
                )
            if not got:
                raise Partial(f"marine_regions: {layer} gave nothing at all: ask again", url=answer.url)
            return
    raise Partial(f"marine_regions: {layer} did not end after {got} features: nothing was kept; narrow the filter")


def _hits(fetch: Fetch, layer: str, cql: str) -> int:
    from borderwatch.formats.ows import hits_from_xml

    question = {
        "service": "WFS",
        "version": "2.0.0",
        "request": "GetFeature",
        "typeNames": f"MarineRegions:{layer}",
        "resultType": "hits",
        "cql_filter": cql,
    }
    answer = fetch.get(WFS, params=question, robots=False, interval_s=INTERVAL_S)
    return hits_from_xml(answer.data, f"marine_regions, count of {layer}")


def _digest(pages: tuple[Answer, ...]) -> str:
    """A hash of all that came but the time of the answer and the ids GeoServer makes up for it."""
    digest = hashlib.sha256()
    for page in pages:
        digest.update(_VOLATILE.sub(b"", page.data))
    return digest.hexdigest()


def _records(fetch: Fetch) -> Body:
    parts = []
    for mrgid in RECORDS:
        answer = fetch.get(f"{RECORD}/{mrgid}/", expect="json", robots=False, interval_s=INTERVAL_S)
        parts.append(Part(f"{mrgid}.json", answer.data))
    return Body(tuple(parts), f"{RECORD}/{next(iter(RECORDS))}/")


# --- reading ------------------------------------------------------------------------------------------


def _fields(raw: RawFeature, layer: str) -> dict[str, Any]:
    """The attributes under their names in small letters; ``SchemaChanged`` where one we need is missing."""
    fields = {name.lower(): value for name, value in raw.properties.items()}
    missing = tuple(name for name in _NEEDED[layer] if name not in fields)
    if missing:
        raise SchemaChanged(
            f"marine_regions: a feature of {layer} lacks {', '.join(missing)}; it has {', '.join(sorted(fields)[:40])}",
            words=missing,
        )
    return fields


def _sovereigns(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Who a zone or line is about, in code order (as the rest of the catalogue), each once."""
    named = {str(fields[f"sovereign{n}"]): str(fields.get(f"iso_sov{n}") or "") for n in (1, 2, 3)
             if fields.get(f"sovereign{n}")}  # fmt: skip
    return tuple(sorted(named, key=lambda name: (named[name] or name, name)))


def _zone(raw: RawFeature, fields: Mapping[str, Any]) -> Feature:
    kind, name = str(fields["pol_type"]), str(fields["geoname"])
    if kind not in _ZONE_TYPES:
        raise SchemaChanged(
            f"marine_regions: unknown pol_type {kind[:60]!r} of {name[:80]}; known: {', '.join(sorted(_ZONE_TYPES))}",
            words=(kind[:60],),
        )
    words = {n: str(fields[n]) for n in ("mrgid", "geoname") if fields.get(n) is not None}
    if kind == OWN:
        # A territory far off is known by its own code, as on other maps: the Falklands are FK, not GB.
        return Feature(
            raw.geometry,
            code=_text(fields.get("iso_ter1")) or _text(fields["iso_sov1"]),
            name=_text(fields.get("territory1")) or _text(fields["sovereign1"]) or name,
            role=Role.SEA,
            word=kind,
            words=words,
        )
    # The one overlapping claim in the South China Sea carries no sovereign at all.
    of_whom = ", ".join(_sovereigns(fields)) or name
    return Feature(raw.geometry, name=name, owner=f"?{kind}: {of_whom}", role=Role.SEA, word=kind, words=words)


def _line(raw: RawFeature, fields: Mapping[str, Any]) -> Feature:
    kind = str(fields["line_type"])
    if kind.casefold() not in _STYLES:
        raise SchemaChanged(
            f"marine_regions: unknown line_type {kind[:60]!r} of {str(fields['line_name'])[:80]}; known: "
            f"{', '.join(sorted(_STYLES))}",
            words=(kind[:60],),
        )
    words = {"sovereigns": ", ".join(_sovereigns(fields)), "doc_date": str(fields.get("doc_date") or "")}
    return Feature(
        raw.geometry,
        code=str(fields["line_id"]),
        name=_text(fields["line_name"]),
        role=Role.BOUNDARY,
        style=_STYLES[kind.casefold()],
        word=kind,
        words=words,
    )


def _text(value: object) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None


def _check_zones(features: tuple[Feature, ...]) -> None:
    """Chile's and Peru's mainland zones are there, the right way round."""
    import shapely

    for name, (lon, lat) in _INSIDE.items():
        zones = [f.geometry for f in features if f.word == OWN and f.name == name and f.geometry is not None]
        if not zones:
            raise Partial(f"marine_regions: no zone of {name} in the answer, though it was asked for: ask again")
        if any(zone.covers(shapely.Point(lon, lat)) for zone in zones):
            continue
        if any(zone.covers(shapely.Point(lat, lon)) for zone in zones):
            raise Malformed("marine_regions: coordinates come as latitude, longitude: the service has swapped its axes")
        raise Partial(
            f"marine_regions: {name}'s zone does not hold {lat:g}, {lon:g} (latitude, longitude), which lies well "
            "inside: part of it is missing"
        )


def _check_lines(features: tuple[Feature, ...]) -> None:
    """The lines of Chile and Peru are there and lie where those countries are, the right way round."""
    theirs = [
        f for f in features if {"Chile", "Peru"} & {*f.words["sovereigns"].split(", ")} and f.geometry is not None
    ]
    if not theirs:
        raise Partial("marine_regions: no line of Chile or Peru in the answer: ask again, or see how they are named")
    west, south, east, north = _LINE_BOX
    for feature in theirs:
        assert feature.geometry is not None  # noqa: S101 - just chosen so
        x0, y0, x1, y1 = feature.geometry.bounds
        if not (west <= x0 and x1 <= east and south <= y0 and y1 <= north):
            raise Malformed(
                f"marine_regions: the line {feature.name!r} runs from {x0:g}, {y0:g} to {x1:g}, {y1:g}: coordinates do "
                "not come as longitude, latitude"
            )


def _row(part: Part) -> Row:
    from borderwatch.formats.features import parsed_json

    what = f"marine_regions, {part.name}"
    record = parsed_json(part.data, what)
    if not isinstance(record, dict) or not {"MRGID", "preferredGazetteerName", "status", "accepted"} <= record.keys():
        raise SchemaChanged(f"{what}: no gazetteer record with MRGID, preferredGazetteerName, status and accepted")
    mrgid, status = record["MRGID"], str(record["status"])
    if mrgid not in RECORDS or part.name != f"{mrgid}.json":
        raise Malformed(f"{what}: the record of another number, {str(mrgid)[:20]}, answered")
    if status not in _STATUSES:
        raise SchemaChanged(f"{what}: unknown status {status[:40]!r}; known: deleted, standard", words=(status[:40],))
    name = _text(record["preferredGazetteerName"]) or "(no name)"
    if status != "standard":
        name += f" ({status})" if record["accepted"] == mrgid else f" ({status}, now {record['accepted']})"
    return Row(key=f"MRGID {mrgid}", name=name, code=RECORDS[mrgid], kind=_text(record.get("placeType")), note=status)
