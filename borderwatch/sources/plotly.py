"""plotly.js (npm): the base map under Plotly and Dash charts, from Natural Earth and, since 3.1, UN geodata."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource, version_key

_TAR = "member times of the package"
_LOG = "CHANGELOG.md of the package"
# Names of the units without an ISO code, as the package gives them (topojson/bin/process_geodata.mjs of
# 3.3.0, src/lib/custom_country_codes.js of 4.1.1); the map files themselves hold codes only.
_UNITS = MappingProxyType(
    {
        "XAC": "Aksai Chin",
        "XAP": "Arunachal Pradesh",
        "XBT": "Bir Tawil",
        "XHT": "Halaib Triangle",
        "XIT": "Ilemi Triangle",
        "XJK": "Jammu and Kashmir",
    }
)
_PROPERTIES = {"ct"}


class Plotly(NpmSource):
    """Ids are ISO 3166-1 alpha-3, absent (until 3.0) for what Natural Earth gave none: Kosovo, Northern
    Cyprus, Somaliland, Siachen and two dependencies are drawn without a word.

    3.1 switched to the United Nations' geodata, a dozen disputes at once, with X codes of its own for
    disputed units; a code may stand on several features (SSD twice: the Ilemi triangle, XIT since 3.3).
    Since 3.5.1 the maps exist only inside a script with all of them.
    """

    name = "plotly"
    title = "Plotly base maps (npm)"
    watches = "whom each ground is given to under charts made with Plotly"
    terms = Terms(
        licence="MIT; Natural Earth public domain; UN Geodata, credit required",
        attribution="Plotly, Inc.; made with Natural Earth; since 3.1 country and coast lines: United Nations Geodata",
        url="https://github.com/plotly/plotly.js",
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"110m": "1:110 million", "50m": "1:50 million"})
    resolution_km = MappingProxyType({"110m": 10.0, "50m": 4.5})
    owner_words = MappingProxyType(
        {
            "XAC": "aksai_chin",
            "XAP": "arunachal",
            "XBT": "bir_tawil",
            "XHT": "halaib",
            "XIT": "ilemi",
            "XJK": "kashmir",
        }
    )
    proven = "live: every edition in the table was captured and read"
    first_contact = "where the maps lie in the newest package, and whether a new X code has come"
    package = "plotly.js"
    dated = MappingProxyType(
        {
            "1.0.0": Dated("2015-11-17", _TAR),
            "1.19.2": Dated("2016-11-02", _TAR),
            "1.48.0": Dated("2019-05-28", "release of this tag in plotly/plotly.js"),
            "3.1.0": Dated("2025-08-08", _LOG),
            "3.1.1": Dated("2025-09-29", _LOG),
            "3.3.0": Dated("2025-11-14", _LOG),
            "3.5.1": Dated("2026-05-01", _LOG),
            "4.1.1": Dated("2026-09-08", "not earlier: that day is 4.1.0 in CHANGELOG.md, which stops there"),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        if version_key(version) >= (3, 5, 1):
            return ("dist/plotly-geo-assets.js",)
        return (f"dist/topojson/world_{view.layer}.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.topojson import features_from_javascript, features_from_topojson

        if snapshot.data.lstrip()[:1] == b"{":
            raws = features_from_topojson(snapshot.data, "countries")
        else:
            raws = features_from_javascript(snapshot.data, f"world_{snapshot.view.layer}.json", "countries")
        features = []
        for raw in raws:
            unknown = set(raw.properties) - _PROPERTIES
            if unknown:
                raise SchemaChanged(f"plotly: unknown properties {sorted(unknown)}", words=tuple(sorted(unknown)))
            if raw.id is not None and raw.id.startswith("X") and raw.id not in _UNITS:
                raise SchemaChanged(f"plotly: unknown unit {raw.id!r}; known are {', '.join(_UNITS)}", words=(raw.id,))
            features.append(Feature(raw.geometry, code=raw.id, name=_UNITS.get(raw.id or "")))
        return Reading(features=tuple(features))
