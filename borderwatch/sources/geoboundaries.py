"""geoBoundaries: the composite with disputed areas cut out, and what each unit's own source draws as its ground."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from borderwatch.errors import Malformed, NotModified, NotServed, Partial, SchemaChanged
from borderwatch.models import Archived, Body, Edition, Feature, Finding, Part, Reading, Row, Snapshot, Terms, View
from borderwatch.owners import owner
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch
    from borderwatch.formats.features import RawFeature

API = "https://www.geoboundaries.org/api/current/gbOpen/ALL/ADM0/"
COMMITS = "https://api.github.com/repos/wmgeolab/geoBoundaries/commits"
RAW = "https://github.com/wmgeolab/geoBoundaries/raw"
PLAIN = "https://raw.githubusercontent.com/wmgeolab/geoBoundaries"
LFS = "https://media.githubusercontent.com/media/wmgeolab/geoBoundaries"
FOLDER = "releaseData/CGAZ"
# Clients disagree on the spelling; the first that is served is taken. The archive is a third of the plain file.
FILES = ("geoBoundariesCGAZ_ADM0.zip", "geoBoundariesCGAZ_adm0.zip", "geoBoundariesCGAZ_ADM0.geojson")

CGAZ, UNITS, INDEX = "cgaz", "units", "index"
MAX_BYTES = 268_435_456
_API_PAGE = 100
_SHA = re.compile(r"[0-9a-f]{40}")
_HOSTS = frozenset({"github.com", "raw.githubusercontent.com", "media.githubusercontent.com", "www.geoboundaries.org"})

FEWEST_UNITS = 180  # 199 in 2023
SENTINELS = ("BRA", "DEU", "FRA", "JPN")

CLAIMANTS = (
    "ARG", "ARM", "AZE", "BLZ", "BTN", "CHL", "CHN", "CYP", "DJI", "EGY", "ERI", "ESH", "ESP", "ETH", "GBR", "GEO",
    "GTM", "GUY", "IND", "ISR", "JPN", "KEN", "KOR", "LBN", "MAR", "MDA", "NPL", "PAK", "PER", "PRK", "PSE", "RUS",
    "SDN", "SOM", "SRB", "SSD", "SUR", "SYR", "TUR", "TWN", "UKR", "VEN", "XKX",
)  # fmt: skip
"""The units that are a party, or the ground, of a catalogued dispute on land: the others say nothing of one."""


class GeoBoundaries(Source):
    """Three layers that say three things.

    ``cgaz`` is one flat map: where units overlap, the disputed area is taken out and drawn by itself, "according to
    the U.S. Department of State"; such areas have a number for a group, which is no ISO number. ``units`` are drawn
    each by its own source, often the state itself, so that claims overlap. ``index`` says which source that is;
    its ``boundaryID`` changes only with the data.
    """

    name = "geoboundaries"
    title = "geoBoundaries"
    watches = "disputed areas cut out of a world map, and the ground each state's own source draws as its own"
    terms = Terms(
        licence="CC BY 4.0 (gbOpen; the licence of each unit stands in the index)",
        attribution="geoBoundaries, William & Mary geoLab; Runfola et al. 2020",
        url="https://www.geoboundaries.org/",
    )
    every = timedelta(days=30)
    layers = MappingProxyType(
        {
            CGAZ: "the composite of the world, without overlaps",
            UNITS: "units of claimants, simplified by the publisher, with overlaps",
            INDEX: "every unit: which data, from which source",
        }
    )
    resolution_km = MappingProxyType({CGAZ: 1.0, UNITS: 2.0})
    proven = "documented shape: fields of the API's page, GitHub's answers replayed"
    first_contact = (
        "the case of the composite's file name; that shapeGroup, shapeName and shapeType are its columns and which "
        "shapeGroups are numbers; the size of the file; that simplifiedGeometryGeoJSON leads to GitHub"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The commits that changed the composite, oldest first; the API serves its current state only."""
        if view.layer != CGAZ:
            return ()
        found = fetch.once((self.name, "commits"), lambda: _commits(fetch))
        return tuple(sorted(found, key=lambda e: e.published_at or datetime.min.replace(tzinfo=UTC)))

    def archived(self, view: View) -> tuple[Archived, ...]:
        """The index has one address, and a web archive's copies of it are its only past."""
        return (Archived(API, "index.json"),) if view.layer == INDEX else ()

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view.layer not in self.layers or view.worldview != "default":
            raise NotServed(f"geoboundaries has no view {view}; it has {', '.join(map(str, self.views()))}")
        if view.layer == CGAZ:
            return self._composite(view, fetch, edition)
        if edition is not None:
            raise NotServed(f"geoboundaries: the API serves its current state only, not {edition.label}")
        index = fetch.once((self.name, "index"), lambda: _index(fetch))
        parts = [Part("index.json", index.data)]
        if view.layer == UNITS:
            for unit, url in _addresses(index.data).items():
                parts.append(Part(f"{unit}.geojson", _file(fetch, url).data))
        return Body(tuple(parts), index.url, headers=index.headers)

    def _composite(self, view: View, fetch: Fetch, edition: Edition | None) -> Body:
        if edition is None:
            served = self.editions(view, fetch)
            if not served:
                raise NotServed("geoboundaries: no commit has changed the composite: it has moved")
            edition = served[-1]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == edition.label:
                raise NotModified(f"{view}: the composite is unchanged since commit {edition.label[:7]}")
        elif not _SHA.fullmatch(edition.label):
            raise NotServed(f"geoboundaries: {edition.label[:60]!r} is no commit")
        for number, name in enumerate(FILES, 1):
            try:
                answer = _file(fetch, f"{RAW}/{edition.label}/{FOLDER}/{name}")
            except NotServed:
                if number == len(FILES):
                    raise
            else:
                return Body((Part(name, answer.data),), answer.url, edition, answer.headers)
        raise AssertionError("unreachable: the last name returns or raises")

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """When the composite last changed, and how many units the index has; an index cut short is told as such."""
        last = self.editions(View(self.name, layer=CGAZ), fetch)[-1]
        day = f"{last.published_at:%Y-%m-%d}" if last.published_at else "unknown"
        found = Finding("composite, last commit", "a commit and its day", f"{last.label[:7]}, {day}", fine=True)
        units = _units_of_index(_index(fetch).data)
        claimants = len({str(unit["boundaryISO"]) for unit in units} & {*CLAIMANTS})
        return (
            found,
            Finding("index, units", f"{FEWEST_UNITS} or more", str(len(units)), fine=len(units) >= FEWEST_UNITS),
            Finding("index, claimants", str(len(CLAIMANTS)), str(claimants), fine=claimants == len(CLAIMANTS)),
        )

    def read(self, snapshot: Snapshot) -> Reading:
        if snapshot.view.layer == INDEX:
            return Reading(rows=_rows(snapshot.part("index.json")))
        if snapshot.view.layer == UNITS:
            return Reading(features=_units(snapshot))
        part = snapshot.parts[0]
        features = tuple(_area(raw) for raw in _raw_features(part))
        missing = [group for group in SENTINELS if group not in {feature.code for feature in features}]
        if missing or len(features) < FEWEST_UNITS:
            raise Partial(
                f"geoboundaries: {part.name} is not whole: {len(features)} areas (at least {FEWEST_UNITS}), missing "
                f"{', '.join(missing) or 'no sentinel'}: ask again"
            )
        return Reading(features=features)


# --- asking -------------------------------------------------------------------------------------------


def _commits(fetch: Fetch) -> list[Edition]:
    """The last hundred commits of the composite's folder; a publisher of few releases has had about thirty."""
    found = fetch.get(
        COMMITS,
        params={"path": FOLDER, "per_page": _API_PAGE},
        headers={"Accept": "application/vnd.github+json"},
        expect="json",
        robots=False,
        interval_s=1.0,
    ).json()
    editions = []
    for item in found if isinstance(found, list) else ():
        try:
            sha, day = str(item["sha"]), str(item["commit"]["committer"]["date"])
            moment = datetime.fromisoformat(day).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            raise SchemaChanged(
                "geoboundaries: a commit of GitHub's without sha and date: its API has changed"
            ) from None
        if _SHA.fullmatch(sha):
            editions.append(Edition(sha, moment, "committer date of the commit that changed the composite"))
    if not editions:
        raise SchemaChanged(
            "geoboundaries: GitHub's list of commits is empty or no list: its API or the folder changed"
        )
    return editions


def _file(fetch: Fetch, url: str) -> Answer:
    """A file of the repository, or what its git-LFS pointer points to."""
    expect: Literal["zip", "json"] = "zip" if url.endswith(".zip") else "json"
    try:
        # GitHub serves files to programs; its robots.txt is about pages.
        return fetch.get(url, expect=expect, robots=False, max_bytes=MAX_BYTES)
    except Malformed as problem:
        path = next((url.removeprefix(base) for base in (f"{RAW}/", f"{PLAIN}/") if url.startswith(base)), None)
        if "git-LFS pointer" not in str(problem) or path is None:
            raise
        return fetch.get(f"{LFS}/{path}", expect=expect, robots=False, max_bytes=MAX_BYTES)


def _index(fetch: Fetch) -> Answer:
    # A documented API. A 429, 500 or 503 is common there, say its clients: fetch asks three times.
    return fetch.get(API, expect="json", robots=False, interval_s=2.0)


def _units_of_index(data: bytes) -> list[dict[str, Any]]:
    from borderwatch.formats.features import parsed_json

    found = parsed_json(data, "geoboundaries, index")
    if not isinstance(found, list) or not all(isinstance(unit, dict) for unit in found):
        raise SchemaChanged("geoboundaries: the index is no list of units: the API has changed")
    needed = {"boundaryISO", "boundaryName", "boundaryID", "simplifiedGeometryGeoJSON"}
    missing = sorted(set().union(*(needed - unit.keys() for unit in found)) if found else needed)
    if missing:
        raise SchemaChanged(f"geoboundaries: a unit of the index lacks {', '.join(missing)}", words=tuple(missing))
    return found


def _addresses(data: bytes) -> dict[str, str]:
    """Where the simplified geometry of each claimant lies; only the publisher's own hosts are asked."""
    addresses = {}
    for unit in _units_of_index(data):
        iso, url = (
            str(unit["boundaryISO"]),
            _text(unit["simplifiedGeometryGeoJSON"]) or _text(unit.get("gjDownloadURL")),
        )
        if iso in CLAIMANTS:
            if url is None:
                raise Partial(f"geoboundaries: the index says nowhere how {iso} is drawn: ask again")
            parts = urlsplit(url)
            if parts.scheme != "https" or parts.hostname not in _HOSTS:
                raise SchemaChanged(
                    f"geoboundaries: the geometry of {iso} lies at {url[:100]!r}, none of the publisher's hosts",
                    words=(url[:100],),
                )
            addresses[iso] = url
    if not addresses:
        raise Partial("geoboundaries: the index names none of the claimants: ask again")
    return dict(sorted(addresses.items()))


# --- reading ------------------------------------------------------------------------------------------


def _raw_features(part: Part) -> list[RawFeature]:
    from borderwatch.formats.geojson import features_from_geojson
    from borderwatch.formats.shapefile import features_from_shapefile_zip

    if part.name.endswith(".zip"):
        return features_from_shapefile_zip(part.data)
    return features_from_geojson(part.data, f"geoboundaries, {part.name}")


def _text(value: object) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return None if text.casefold() in {"", "nan", "none", "null"} else text


def _area(raw: RawFeature) -> Feature:
    fields = {name.lower(): value for name, value in raw.properties.items()}
    group = _text(fields.get("shapegroup"))
    name = _text(fields.get("shapename"))
    if group is None and name is None:
        raise SchemaChanged(
            f"geoboundaries: an area without shapeGroup and shapeName; it has {', '.join(sorted(fields)[:20])}",
            words=("shapeGroup", "shapeName"),
        )
    # The number of a disputed area is the publisher's own; read as ISO 3166-1 numeric it would be another's: 112.
    code = group if group is not None and not group.isdigit() else None
    return Feature(raw.geometry, code=code, name=name or f"?{group}", words={"shapeGroup": group or ""})


def _units(snapshot: Snapshot) -> tuple[Feature, ...]:
    from borderwatch.formats.geojson import features_from_geojson

    units = {str(unit["boundaryISO"]): unit for unit in _units_of_index(snapshot.part("index.json"))}
    features = []
    for part in snapshot.parts:
        iso = part.name.removesuffix(".geojson")
        if part.name == "index.json":
            continue
        if iso not in units:
            raise Malformed(f"geoboundaries: {part.name} is of no unit of the index")
        raws = features_from_geojson(part.data, f"geoboundaries, {part.name}")
        if not raws:
            raise Partial(f"geoboundaries: {part.name} holds no feature: ask again")
        name = _text(units[iso]["boundaryName"])
        features += [Feature(raw.geometry, code=iso, name=name, word=_text(units[iso]["boundaryID"])) for raw in raws]
    return tuple(features)


def _rows(data: bytes) -> tuple[Row, ...]:
    units = _units_of_index(data)
    seen = {str(unit["boundaryISO"]) for unit in units}
    missing = [iso for iso in SENTINELS if iso not in seen]
    if missing or len(units) < FEWEST_UNITS:
        raise Partial(
            f"geoboundaries: the index is not whole: {len(units)} units (at least {FEWEST_UNITS}), missing "
            f"{', '.join(missing) or 'no sentinel'}: ask again"
        )
    rows = []
    for unit in units:
        iso, name = str(unit["boundaryISO"]), _text(unit["boundaryName"])
        known = owner(iso, None)
        rows.append(
            Row(
                key=iso,
                name=name or iso,
                code=None if known.startswith("?") else known,
                kind=_text(unit["boundaryID"]),
                note=_text(unit.get("boundarySource")),
            )
        )
    return tuple(rows)
