"""country-coder (npm): which country a place is in, for OpenStreetMap's iD and Rapid editors, land and sea."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource, version_key

_LOG = "CHANGELOG.md of rapideditor/country-coder"
_RENAMED = (5, 2)
_PROPERTIES = {
    "aliases", "callingCodes", "ccTLD", "country", "driveSide", "groups", "iso1A2", "iso1A3", "iso1N3", "isoStatus",
    "level", "m49", "nameEn", "roadHeightUnit", "roadSpeedUnit", "wikidata",
}  # fmt: skip
_LEVELS = {
    None, "country", "territory", "subterritory", "subcountryGroup", "sharedLandform", "world", "region", "subregion",
    "intermediateRegion", "union", "subunion", "unitedNations",
}  # fmt: skip


class CountryCoder(NpmSource):
    """One polygon holds land and sea: it is an area, and what it covers at sea is meant.

    ``country`` says whose part a feature is; groupings (continents, the EU, a state made of parts)
    have no geometry and are not drawn. Features without ISO code go by their Wikidata id. Until 3.2
    the word for Palestine was ``country: IL``.
    """

    name = "country_coder"
    title = "country-coder (npm)"
    watches = "whose ground OpenStreetMap's editors take each place for, on land and at sea"
    terms = Terms(
        licence="ISC",
        attribution="country-coder contributors, rapideditor",
        url="https://github.com/rapideditor/country-coder",
    )
    every = timedelta(days=7)
    resolution_km = MappingProxyType({"": 2.0})
    owner_words = MappingProxyType({"Q23681": "northern_cyprus", "Q620634": "bir_tawil"})
    proven = "live: every edition served was captured and read"
    first_contact = "whether borders.json still lies in src/data and knows no new property"
    package = "@rapideditor/country-coder"
    dated = MappingProxyType(
        {
            "3.1.0": Dated("2020-01-31", _LOG),
            "3.2.0": Dated("2020-07-23", "not later: the repository's borders.json of 2020-07-24 (b9f4f91) is newer"),
            "4.0.0": Dated("2020-08-22", "not earlier: the repository's borders.json of 2020-08-21 (06936ac) is older"),
            "4.1.0": Dated("2021-06-04", _LOG),
            "5.0.2": Dated("2021-06-17", _LOG),
            "5.0.3": Dated("2021-06-24", _LOG),
            "5.0.4": Dated("2022-05-04", _LOG),
            "5.1.0": Dated("2022-12-09", _LOG),
            "5.2.0": Dated("2023-03-12", _LOG),
            "5.2.1": Dated("2023-07-12", _LOG),
            "5.2.2": Dated("2023-09-26", _LOG),
            "5.3.0": Dated("2024-07-17", _LOG),
            "5.3.1": Dated("2024-12-13", _LOG),
            "5.4.0": Dated("2025-04-28", _LOG),
            "5.5.1": Dated("2025-07-18", _LOG),
            "5.6.0": Dated("2025-10-21", _LOG),
            "5.6.1": Dated("2026-01-31", _LOG),
        }
    )

    def packages(self, _view: View) -> tuple[str, ...]:
        return ("@ideditor/country-coder", self.package)

    def package_of(self, view: View, version: str) -> str:
        return self.packages(view)[version_key(version) >= _RENAMED]

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        return ("src/data/borders.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        features = []
        for raw in features_from_geojson(snapshot.data):
            about = raw.properties
            unknown = set(about) - _PROPERTIES
            if about.get("level") not in _LEVELS:
                unknown.add(str(about["level"]))
            if unknown:
                words = tuple(sorted(unknown))
                raise SchemaChanged(f"country_coder: unknown words {', '.join(words)}", words=words)
            if raw.geometry is None:
                continue
            features.append(
                Feature(
                    raw.geometry,
                    code=about.get("iso1A2") or about.get("wikidata"),
                    name=about.get("nameEn"),
                    owner=about.get("country"),
                    word=about.get("level") or about.get("isoStatus"),
                )
            )
        return Reading(features=tuple(features))
