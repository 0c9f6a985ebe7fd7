"""Natural Earth 1:10m from its repository: countries for 33 audiences, disputed areas, boundary lines by viewer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, NotModified, NotServed, SchemaChanged
from borderwatch.formats.gzipped import gunzipped
from borderwatch.models import Body, Edition, Feature, LineStyle, Part, Reading, Role, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.features import RawFeature

API = "https://api.github.com/repos/nvkelso/natural-earth-vector"
RAW = "https://raw.githubusercontent.com/nvkelso/natural-earth-vector"

MAX_BYTES = 134_217_728
"""The largest layer asked for, a national view of the countries, is about 14 MB."""
_API_PAGE = 100
_API_INTERVAL_S = 1.0
_TAG = re.compile(r"v\d+\.\d+\.\d+")
_FIRST_BY_VIEWER = (5, 0, 0)
"""National views and the FCLASS_XX columns came with 5.0.0."""

COUNTRIES, AREAS, LAND, DISPUTED = "countries", "disputed_areas", "boundary_lines_land", "boundary_lines_disputed"

_FILES = MappingProxyType(
    {
        COUNTRIES: "ne_10m_admin_0_countries",
        AREAS: "ne_10m_admin_0_disputed_areas",
        LAND: "ne_10m_admin_0_boundary_lines_land",
        DISPUTED: "ne_10m_admin_0_boundary_lines_disputed_areas",
    }
)

# Audience -> suffix of its country file and of its FCLASS_ column. The suffixes are Natural Earth's own: `bdg` and
# `nep` are no ISO codes (their issue 780), and KO stands for South Korea.
_AUDIENCES = MappingProxyType(
    {
        "AR": ("arg", "AR"), "BD": ("bdg", "BD"), "BR": ("bra", "BR"), "CN": ("chn", "CN"), "DE": ("deu", "DE"),
        "EG": ("egy", "EG"), "ES": ("esp", "ES"), "FR": ("fra", "FR"), "GB": ("gbr", "GB"), "GR": ("grc", "GR"),
        "ID": ("idn", "ID"), "IL": ("isr", "IL"), "IN": ("ind", "IN"), "IT": ("ita", "IT"), "JP": ("jpn", "JP"),
        "KR": ("kor", "KO"), "MA": ("mar", "MA"), "NL": ("nld", "NL"), "NP": ("nep", "NP"), "PK": ("pak", "PK"),
        "PL": ("pol", "PL"), "PS": ("pse", "PS"), "PT": ("prt", "PT"), "RU": ("rus", "RU"), "SA": ("sau", "SA"),
        "SE": ("swe", "SE"), "TR": ("tur", "TR"), "TW": ("twn", "TW"), "UA": ("ukr", "UA"), "US": ("usa", "US"),
        "VN": ("vnm", "VN"),
        # No country's view: as ISO 3166-1 lists them, and "top-level countries", ISO and about ten more.
        "iso": ("iso", "ISO"), "tlc": ("tlc", "TLC"),
    }
)  # fmt: skip
_AUDIENCE_OF_COLUMN = MappingProxyType({column: audience for audience, (_, column) in _AUDIENCES.items()})

_TYPES = frozenset({"Country", "Dependency", "Disputed", "Indeterminate", "Lease", "Sovereign country", "Sovereignty"})
"""TYPE of a country feature, versions 3 to 5."""
_AREA_CLASSES = frozenset(
    {
        "admin-0 breakaway and disputed",
        "admin-0 claim area",
        "admin-0 country",
        "admin-0 dependency",
        "admin-0 indeterminant",
        "admin-0 lease",
        "admin-0 overlay",
    }
)
"""FEATURECLA of a disputed area, versions 3 to 5."""

_STYLES = MappingProxyType(
    {
        "international boundary (verify)": LineStyle.SOLID,
        "map unit boundary": LineStyle.SOLID,
        "breakaway": LineStyle.DASHED,
        "claim": LineStyle.DASHED,
        "claim boundary": LineStyle.DASHED,
        "disputed (please verify)": LineStyle.DASHED,
        "elusive frontier": LineStyle.DASHED,
        "indefinite (please verify)": LineStyle.DASHED,
        "indeterminant frontier": LineStyle.DASHED,
        "lease limit": LineStyle.DASHED,
        "line of control (please verify)": LineStyle.DASHED,
        "overlay limit": LineStyle.DASHED,
        "reference line": LineStyle.DASHED,
        "unrecognized": LineStyle.NOT_DRAWN,
    }
)
"""FEATURECLA and FCLASS_XX of a line; how the cartographers' own styles draw each class."""

_LANGUAGES = MappingProxyType({"ZH": "zh-Hans", "ZHT": "zh-Hant"})


class NaturalEarth(Source):
    """The only open map with an explicit table of who would draw what how.

    ``countries`` is one file for each audience. ``boundary_lines_disputed`` is one file for all: its column
    ``FCLASS_XX`` says how viewer XX sees a line, and is empty where XX sees what everybody sees.
    ISO columns are null, -99 or copied exactly where territory is disputed: features go by ``ADM0_A3`` or ``BRK_A3``
    and by ``ADMIN``, which is never abbreviated. ``NAME_EN`` and its like come from Wikidata.
    """

    name = "natural_earth"
    title = "Natural Earth 1:10m"
    watches = "whom each ground is given to for 33 audiences, 100 disputed areas, and who sees which line how"
    terms = Terms(
        licence="public domain",
        attribution="Made with Natural Earth",
        url="https://www.naturalearthdata.com/about/terms-of-use/",
    )
    every = timedelta(days=7)
    worldviews = ("default", *_AUDIENCES)
    layers = MappingProxyType(
        {
            COUNTRIES: "admin-0 countries",
            AREAS: "disputed areas, as drawn beside the countries",
            LAND: "boundary lines on land",
            DISPUTED: "disputed boundary lines",
        }
    )
    resolution_km = MappingProxyType({COUNTRIES: 1.0, AREAS: 1.0, LAND: 1.0, DISPUTED: 1.0})
    owner_words = MappingProxyType(
        {
            "ALD": "AX", "CYN": "northern_cyprus", "KOS": "XK", "PSX": "PS", "SAH": "EH", "SDS": "SS",
            "SOL": "somaliland",
            "N. Cyprus": "northern_cyprus", "Northern Cyprus": "northern_cyprus", "Somaliland": "somaliland",
            # Bases and leases belong to who holds the ground under them in Natural Earth's own SOVEREIGNT.
            "Baykonur Cosmodrome": "KZ", "Akrotiri Sovereign Base Area": "GB", "Dhekelia Sovereign Base Area": "GB",
            "Ashmore and Cartier Islands": "AU", "Coral Sea Islands": "AU", "Indian Ocean Territories": "AU",
            "Clipperton Island": "FR",
        }
    )  # fmt: skip
    proven = "documented shape: version 4 and 5 columns from published copies; GitHub's answers replayed"
    first_contact = (
        "the list of tags and releases, whether early tags hold only .geojson.gz, the FCLASS_ columns there are"
    )

    def views(self) -> tuple[View, ...]:
        """Every layer for everybody; countries and disputed lines for each audience."""
        everybody = [View(self.name, layer=layer) for layer in self.layers]
        audiences = [
            View(self.name, audience, layer=layer) for audience in _AUDIENCES for layer in (COUNTRIES, DISPUTED)
        ]
        return (*everybody, *audiences)

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The tags that hold this view, in the order of their publication."""
        found = fetch.once((self.name, "editions"), lambda: _editions(fetch))
        return tuple(edition for edition in found if _serves(view, edition))

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if edition is None:
            served = self.editions(view, fetch)
            if not served:
                raise NotServed(f"natural_earth: no tag of the repository holds {view}")
            edition = served[-1]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == edition.label:
                raise NotModified(f"{view}: {edition.label} is still the latest edition")
        elif not _TAG.fullmatch(edition.label) or not _serves(view, edition):
            raise NotServed(f"natural_earth: {edition.label} does not hold {view}; national views begin with v5.0.0")
        name = _file_name(view)
        url = f"{RAW}/{edition.label}/geojson/{name}"
        if view.layer == DISPUTED:  # one small file for all audiences: downloaded once a run
            return fetch.once((self.name, url), lambda: _body(fetch, url, name, edition))
        return _body(fetch, url, name, edition)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        part = snapshot.parts[0]
        raws = features_from_geojson(_plain(part))
        if not raws:
            raise Malformed(f"natural_earth: {part.name} holds no feature: ask again")
        view = snapshot.view
        columns = {name.upper() for name in raws[0].properties}
        if view.layer == COUNTRIES:
            return Reading(features=tuple(_country(raw, view.worldview) for raw in raws))
        if view.layer == AREAS:
            return Reading(features=tuple(_area(raw) for raw in raws))
        column = None if view.worldview == "default" else f"FCLASS_{_AUDIENCES[view.worldview][1]}"
        if column is not None and column not in columns:
            raise SchemaChanged(f"natural_earth: {part.name} has no column {column}", words=(column,))
        viewers = sorted(
            _AUDIENCE_OF_COLUMN.get(name.removeprefix("FCLASS_"), name.removeprefix("FCLASS_").lower())
            for name in columns
            if name.startswith("FCLASS_")
        )
        return Reading(features=tuple(_line(raw, column) for raw in raws), worldviews=tuple(viewers))


# --- asking -------------------------------------------------------------------------------------------


def _file_name(view: View) -> str:
    """The file of a view; only the countries have one for each audience."""
    base = _FILES[view.layer]
    if view.layer == COUNTRIES and view.worldview != "default":
        base += f"_{_AUDIENCES[view.worldview][0]}"
    return f"{base}.geojson"


def _serves(view: View, edition: Edition) -> bool:
    return view.worldview == "default" or _number(edition.label) >= _FIRST_BY_VIEWER


def _number(tag: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", tag))


def _body(fetch: Fetch, url: str, name: str, edition: Edition) -> Body:
    # raw.githubusercontent.com serves files to programs; its robots.txt is about pages.
    try:
        answer = fetch.get(url, expect="json", robots=False, max_bytes=MAX_BYTES)
    except NotServed:
        if _number(edition.label) >= _FIRST_BY_VIEWER:
            raise
        # Before version 5 the repository kept its GeoJSON packed.
        name = f"{name}.gz"
        answer = fetch.get(f"{url}.gz", robots=False, max_bytes=MAX_BYTES)
    return Body((Part(name, answer.data),), answer.url, edition, answer.headers, note=f"tag {edition.label}")


def _editions(fetch: Fetch) -> tuple[Edition, ...]:
    """Every release of the repository, oldest first; dates are GitHub's, not the file's."""
    published: dict[str, datetime] = {}
    unfinished: set[str] = set()
    for release in _listing(fetch, "releases"):
        tag, moment = str(release.get("tag_name")), _moment(release.get("published_at"))
        if release.get("draft") or release.get("prerelease"):
            unfinished.add(tag)
        elif moment is not None:
            published[tag] = moment
    editions = []
    for item in _listing(fetch, "tags"):
        tag = str(item.get("name"))
        if not _TAG.fullmatch(tag) or tag in unfinished:
            continue
        if tag in published:
            editions.append(Edition(tag, published[tag], "GitHub release"))
        else:
            sha = (item.get("commit") or {}).get("sha")
            editions.append(Edition(tag, _committed_at(fetch, str(sha)), "committer date of the tagged commit"))
    if not editions:
        raise SchemaChanged("natural_earth: the repository's tags name no version like v5.1.2: its naming has changed")
    return tuple(sorted(editions, key=lambda e: (e.published_at or datetime.min.replace(tzinfo=UTC), _number(e.label))))


def _listing(fetch: Fetch, what: str) -> list[dict[str, Any]]:
    """One of GitHub's lists, whole."""
    items: list[dict[str, Any]] = []
    for page in range(1, 6):
        found = fetch.get(
            f"{API}/{what}",
            params={"per_page": _API_PAGE, "page": page},
            headers={"Accept": "application/vnd.github+json"},
            expect="json",
            robots=False,
            interval_s=_API_INTERVAL_S,
        ).json()
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise SchemaChanged(f"natural_earth: GitHub's list of {what} is no list of objects: its API has changed")
        items += found
        if len(found) < _API_PAGE:
            break
    return items


def _committed_at(fetch: Fetch, sha: str) -> datetime | None:
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        return None
    commit = fetch.get(f"{API}/commits/{sha}", expect="json", robots=False, interval_s=_API_INTERVAL_S).json()
    try:
        return _moment(commit["commit"]["committer"]["date"])
    except (KeyError, TypeError):
        return None


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


# --- reading ------------------------------------------------------------------------------------------


def _plain(part: Part) -> bytes:
    """The bytes of a part, unpacked where the repository kept it packed."""
    if not part.name.endswith(".gz"):
        return part.data
    return gunzipped(part.data, MAX_BYTES, f"natural_earth: {part.name}")


def _fields(raw: RawFeature) -> dict[str, str]:
    """The columns in capitals (their case differs between layers and versions) that say something."""
    found = {}
    for name, value in raw.properties.items():
        text = "" if value is None else " ".join(str(value).replace("\ufeff", "").split())
        if text not in {"", "-99", "-99.0", "-099"}:
            found[name.upper()] = text
    return found


def _needed(fields: Mapping[str, str], raw: RawFeature, *names: str) -> str:
    """The first of ``names`` that says something; ``SchemaChanged`` where the layer has none of these columns."""
    for name in names:
        if name in fields:
            return fields[name]
    columns = {name.upper() for name in raw.properties}
    if columns.isdisjoint(names):
        raise SchemaChanged(
            f"natural_earth: no column {' or '.join(names)}; there are {sorted(columns)[:20]}", words=names
        )
    return ""


def _names(fields: Mapping[str, str]) -> dict[str, str]:
    """``NAME_XX`` by language."""
    found = {}
    for name, value in fields.items():
        suffix = name.removeprefix("NAME_")
        if name.startswith("NAME_") and (len(suffix) == 2 or suffix in _LANGUAGES):
            found[_LANGUAGES.get(suffix, suffix.lower())] = value
    return found


def _some(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: fields[name] for name in names if name in fields}


def _viewers(fields: Mapping[str, str]) -> dict[str, str]:
    """Who sees this otherwise than everybody: ``FCLASS_XX`` where it is not empty."""
    return {name: value for name, value in sorted(fields.items()) if name.startswith("FCLASS_")}


def _country(raw: RawFeature, worldview: str) -> Feature:
    fields = _fields(raw)
    word = _needed(fields, raw, "TYPE")
    if word not in _TYPES:
        raise SchemaChanged(f"natural_earth: unknown TYPE {word!r}; known: {', '.join(sorted(_TYPES))}", words=(word,))
    own = f"ADM0_A3_{_AUDIENCES[worldview][1]}" if worldview in _AUDIENCES else "ADM0_A3"
    return Feature(
        raw.geometry,
        # A national view is dissolved by the column of its audience, where it has one.
        code=_needed(fields, raw, own, f"ADM0_{_AUDIENCES.get(worldview, ('', ''))[1]}", "ADM0_A3"),
        name=_needed(fields, raw, "ADMIN", "NAME"),
        word=word,
        names=_names(fields),
        words=_some(fields, "FEATURECLA", "NAME", "NOTE_ADM0", "NOTE_BRK", "SOVEREIGNT", "SOV_A3") | _viewers(fields),
    )


def _area(raw: RawFeature) -> Feature:
    fields = _fields(raw)
    word = _needed(fields, raw, "FEATURECLA")
    if word.casefold() not in _AREA_CLASSES:
        raise SchemaChanged(
            f"natural_earth: unknown FEATURECLA {word!r} of an area; known: {', '.join(sorted(_AREA_CLASSES))}",
            words=(word,),
        )
    return Feature(
        raw.geometry,
        code=_needed(fields, raw, "BRK_A3", "SR_BRK_A3"),
        name=_needed(fields, raw, "BRK_NAME", "NAME"),
        # Who is drawn as holding the ground. Not SOVEREIGNT: for Gaza it says Israel where ADMIN says Palestine.
        owner=_needed(fields, raw, "ADMIN", "ADM0_A3") or None,
        word=word,
        names=_names(fields),
        words=_some(fields, "ADM0_A3", "NAME_ALT", "NOTE_ADM0", "NOTE_BRK", "SOVEREIGNT", "SOV_A3", "TYPE")
        | _viewers(fields),
    )


def _line(raw: RawFeature, column: str | None) -> Feature:
    fields = _fields(raw)
    word = _needed(fields, raw, "FEATURECLA")
    if column is not None:
        word = fields.get(column, word)
    sides = [fields.get("ADM0_LEFT", ""), fields.get("ADM0_RIGHT", "")]
    return Feature(
        raw.geometry,
        code=fields.get("BRK_A3") or fields.get("BRK_A3_L") or fields.get("BRK_A3_R"),
        name=fields.get("NAME") or " - ".join(side for side in sides if side) or None,
        role=Role.BOUNDARY,
        style=_style(word),
        word=word,
        words=_some(
            fields,
            "ADM0_A3_L",
            "ADM0_A3_R",
            "ADM0_LEFT",
            "ADM0_RIGHT",
            "BRK_A3_L",
            "BRK_A3_R",
            "COMMENT",
            "FEATURECLA",
            "NOTE",
        )
        # One audience's view is that audience's; how others see the line is told by their views, and by everybody's.
        | ({} if column is not None else _viewers(fields)),
    )


def _style(word: str) -> LineStyle:
    """How a class of line is drawn between countries; ``SchemaChanged`` for a class not known.

    A line that a viewer takes for one between provinces ("Admin-1 ...") is not drawn as one between countries.
    """
    folded = word.casefold()
    if folded.startswith(("admin-1", "unrecognized admin-1")):
        return LineStyle.NOT_DRAWN
    if folded not in _STYLES:
        raise SchemaChanged(
            f"natural_earth: unknown class of line {word!r}; known: {', '.join(sorted(_STYLES))}, admin-1 ...",
            words=(word,),
        )
    return _STYLES[folded]
