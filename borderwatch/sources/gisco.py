"""Eurostat's GISCO countries 1:10m, 2001 to 2024: areas, those it leaves unsettled, and lines by political status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import NotServed, Partial, SchemaChanged
from borderwatch.models import Body, Edition, Feature, Finding, LineStyle, Part, Reading, Role, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.features import RawFeature

API = "https://gisco-services.ec.europa.eu/distribution/v2/countries"
REGIONS, LINES = "regions", "boundaries"
_KINDS = MappingProxyType({REGIONS: "RG", LINES: "BN"})
_DATASET = re.compile(r"countries-(\d{4})")
_INDEX = re.compile(r"[\w.-]+\.json")

MAX_BYTES = 134_217_728  # the regions at 1:10m are about 8 MB, at 1:1m about 60
FEWEST_REGIONS = 200  # 263 in 2020
FEWEST_LINES = 150  # 563 in 2020 with coasts, some 330 between countries
SENTINELS = ("BR", "DE", "FR", "JP")  # not Greece: Eurostat called it GR before it called it EL

_STATUS = re.compile(
    r"([a-z]{2} )?((non-)?self-governing )?territory|un member state|sovereignty unsettled|non-member observer state"
    r"|the city of vatican|[a-z]{2} special administrative region"
)
"""SVRG_UN, folded: every value of 2020."""
_POLITICAL = MappingProxyType({0: LineStyle.SOLID} | dict.fromkeys(range(1, 6), LineStyle.DASHED))
"""POL_STAT, as Eurostat's own maps draw it: above 0 in the style of disputes. What a number means is not published."""


class Gisco(Source):
    """What the European Commission's statistical office draws.

    In 2020 21 areas are "Sovereignty unsettled" (Aksai Chin, Essequibo, Paracel ...), each with an own code in X, and
    31 lines have a political status above 0. Taiwan and Kosovo have no feature of their own. Codes are Eurostat's:
    EL is Greece, UK the United Kingdom. An edition is the state of the world in a year and may be revised in place.
    """

    name = "gisco"
    title = "GISCO countries (Eurostat)"
    watches = (
        "which areas the European Commission's maps leave unsettled, to whom they give the others, and which lines"
    )
    terms = Terms(
        licence="free use and processing, not commercial, source credited",
        attribution="© EuroGeographics for the administrative boundaries; European Commission, Eurostat/GISCO",
        url="https://ec.europa.eu/eurostat/web/gisco/geodata/administrative-units",
        ship=False,
    )
    every = timedelta(days=30)
    layers = MappingProxyType(
        {REGIONS: "areas of countries, and unsettled ones", LINES: "lines between them, by political status"}
    )
    resolution_km = MappingProxyType({REGIONS: 1.5, LINES: 1.5})
    owner_words = MappingProxyType(
        {
            "EL": "GR",
            "UK": "GB",
            "Belize/Guatemala": "belize_claim",
            "Bir Tawil (Disputed Territory)": "bir_tawil",
            "Chagos Islands (disputed territory)": "IO",
            "Equatorial Guinea/Gabon (disputed territory)": "mbanie",
            "Jammu Kashmir": "kashmir",
            "Kuril Islands": "kuril",
            "Liancourt Rock": "liancourt",
            "Senkaku Islands": "senkaku",
        }
    )
    proven = "recorded: attributes of every region and unsettled line of 2020; documented shape: the index of files"
    first_contact = (
        "what datasets.json and countries-2024-files.json look like; whether every edition has 1:10m; the columns "
        "before 2020; whether SVRG_UN has words besides those of 2020; the meaning of POL_STAT"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The years whose index of files names the file of this view, in order."""
        found = fetch.once((self.name, "years"), lambda: _years(fetch))
        return tuple(_edition(year) for year, files in sorted(found.items()) if _file_name(view, year) in files)

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view.layer not in self.layers or view.worldview != "default":
            raise NotServed(f"gisco has no view {view}; it has {', '.join(map(str, self.views()))}")
        served = {e.label: e for e in self.editions(view, fetch)}
        if not served:
            raise NotServed(f"gisco: no edition has the file of {view}: its names or scales have changed")
        if edition is not None and edition.label not in served:
            raise NotServed(
                f"gisco: edition {edition.label} has no {view.layer} at 1:10m; there are {', '.join(served)}"
            )
        wanted = served[edition.label if edition is not None else max(served)]
        name = _file_name(view, wanted.label)
        # A documented distribution service: robots.txt is about pages.
        answer = fetch.get(f"{API}/geojson/{name}", expect="json", robots=False, max_bytes=MAX_BYTES)
        return Body((Part(name, answer.data),), answer.url, wanted, answer.headers)

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """The editions there are, and which of them hold the file of each layer."""
        found = []
        for view in self.views():
            years = ", ".join(edition.label for edition in self.editions(view, fetch))
            expected = "2001, 2006, 2010, 2013, 2016, 2020, 2024"
            found.append(Finding(f"{view.layer} at 1:10m", expected, years or "none", fine=years.startswith(expected)))
        return tuple(found)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        part = snapshot.parts[0]
        raws = features_from_geojson(part.data, f"gisco, {part.name}")
        if snapshot.view.layer == REGIONS:
            regions = tuple(_region(raw) for raw in raws)
            codes = {feature.words["CNTR_ID"] for feature in regions}
            missing = [code for code in SENTINELS if code not in codes]
            if missing or len(regions) < FEWEST_REGIONS:
                raise Partial(
                    f"gisco: {part.name} is not whole: {len(regions)} regions (at least {FEWEST_REGIONS}), missing "
                    f"{', '.join(missing) or 'no sentinel'}: ask again"
                )
            return Reading(features=regions)
        fields = [_fields(raw) for raw in raws]
        if fields and not any("pol_stat" in one for one in fields):
            raise NotServed(
                f"gisco: the lines of {part.name} carry no POL_STAT: this edition does not say which are in dispute"
            )
        lines = tuple(
            _line(raw, one) for raw, one in zip(raws, fields, strict=True) if str(one.get("coas_flag")).upper() != "T"
        )
        if len(lines) < FEWEST_LINES:
            raise Partial(f"gisco: {part.name} has {len(lines)} lines inland (at least {FEWEST_LINES}): ask again")
        return Reading(features=lines)


# --- asking -------------------------------------------------------------------------------------------


def _file_name(view: View, year: str) -> str:
    return f"CNTR_{_KINDS[view.layer]}_10M_{year}_4326.geojson"


def _edition(year: str) -> Edition:
    return Edition(year, datetime(int(year), 1, 1, tzinfo=UTC), "the year whose boundaries it draws; it came out later")


def _years(fetch: Fetch) -> dict[str, frozenset[str]]:
    """The editions there are, each with the names of its files."""
    datasets = fetch.get(f"{API}/datasets.json", expect="json", robots=False).json()
    years: dict[str, frozenset[str]] = {}
    for key, about in datasets.items() if isinstance(datasets, dict) else ():
        found = _DATASET.fullmatch(key)
        if found:
            said = about.get("files") if isinstance(about, dict) else None
            index = said if isinstance(said, str) and _INDEX.fullmatch(said) else f"{key}-files.json"
            try:
                files = fetch.get(f"{API}/{index}", expect="json", robots=False).json()
            except NotServed:  # one year without its index does not hide the others
                files = []
            years[found[1]] = frozenset(_names_in(files))
    if not years:
        raise SchemaChanged("gisco: datasets.json names no edition like countries-2024: its form has changed")
    return years


def _names_in(value: Any) -> list[str]:
    """Every file name in an index, whatever it is grouped by."""
    if isinstance(value, str):
        return [value.rpartition("/")[2]]
    if isinstance(value, Mapping):
        return [name for key, inner in value.items() for name in (*_names_in(key), *_names_in(inner))]
    if isinstance(value, list):
        return [name for inner in value for name in _names_in(inner)]
    return []


# --- reading ------------------------------------------------------------------------------------------


def _fields(raw: RawFeature) -> dict[str, Any]:
    return {name.lower(): value for name, value in raw.properties.items()}


def _text(value: object) -> str | None:
    text = " ".join(str(value).split()) if value is not None else ""
    return text or None


def _region(raw: RawFeature) -> Feature:
    fields = _fields(raw)
    code = _text(fields.get("cntr_id")) or _text(fields.get("id")) or _text(raw.id)
    if code is None:
        raise SchemaChanged(
            f"gisco: a region without CNTR_ID; its columns are {', '.join(sorted(fields)[:40])}", words=("CNTR_ID",)
        )
    status = _text(fields.get("svrg_un"))
    if status is not None and not _STATUS.fullmatch(status.casefold()):
        raise SchemaChanged(f"gisco: unknown SVRG_UN {status[:60]!r} of {code[:20]}", words=(status[:60],))
    names = {"fr": _text(fields.get("name_fren")), "de": _text(fields.get("name_germ"))}
    return Feature(
        raw.geometry,
        # Eurostat's own code is no ISO code where it matters most: EL, UK, and X codes it made up.
        code=_text(fields.get("iso3_code")) or code,
        name=_text(fields.get("name_engl")) or _text(fields.get("cntr_name")),
        word=status,
        names={lang: name for lang, name in names.items() if name},
        words={"CNTR_ID": code},
    )


def _line(raw: RawFeature, fields: Mapping[str, Any]) -> Feature:
    try:
        status = int(fields.get("pol_stat") or 0)
    except (TypeError, ValueError):
        status = -1
    if status not in _POLITICAL:
        said = str(fields.get("pol_stat"))[:40]
        raise SchemaChanged(f"gisco: unknown POL_STAT {said!r} of a line; known: 0 to {max(_POLITICAL)}", words=(said,))
    sides = sorted(side for side in (_text(fields.get("left_uri")), _text(fields.get("right_uri"))) if side)
    return Feature(
        raw.geometry,
        code=_text(fields.get("cntr_bn_id")) or _text(fields.get("fid")),
        name=" - ".join(sides) or None,
        role=Role.BOUNDARY,
        style=_POLITICAL[status],
        word=f"POL_STAT {status}",
    )
