"""Apache ECharts (npm): the world and China maps that came with a chart library made at Baidu, until 5.0."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource, version_key

_TAR = "member times of the package"
_PROPERTIES = {"name", "childNum", "cp", "id"}
_CODE_LETTERS = 3
# 2.2.8 to 3.2.x draw 177 features in about 17,000 vertices, like 1:110m; later ones 217 in 30,000.
_COARSE_FEATURES = 200


class Echarts(NpmSource):
    """Regions go by English names, renamed from edition to edition; ISO codes only in 2.2.8.

    The maps changed without a word in any change log. Traps: China has an empty polygon since 3.5,
    several regions share a name (overseas parts are called after the state until 3.4), two are drawn
    without a name since 3.6 (both in Kashmir), and 2.2.8 is encoded, inside a script.
    """

    name = "echarts"
    title = "Apache ECharts maps (npm)"
    watches = "whom each ground is given to on ECharts' world map, and what its map of China holds, 2015-2020"
    terms = Terms(
        licence="Apache-2.0 (BSD-3-Clause before 4.0)",
        attribution="Apache ECharts, The Apache Software Foundation; before 4.0 Baidu Inc.",
        url="https://github.com/apache/echarts",
    )
    every = timedelta(days=90)
    layers = MappingProxyType({"world": "the world map", "china": "the map of China by province"})
    resolution_km = MappingProxyType({"world": 6.0, "china": 6.0})
    owner_words = MappingProxyType({"West Bank": "PS"})  # its code there is PSE
    proven = "live: every edition in the table was captured and read"
    first_contact = "nothing new is expected: the maps left the package in 5.0"
    package = "echarts"
    until = "5.0"
    dated = MappingProxyType(
        {
            "2.2.8": Dated("2015-11-07", _TAR),
            "3.1.1": Dated("2016-02-01", _TAR),
            "3.2.3": Dated("2016-08-05", _TAR),
            "3.3.1": Dated("2016-11-03", _TAR),
            "3.5.1": Dated("2017-03-27", _TAR),
            "3.6.1": Dated("2017-05-27", _TAR),
            "4.9.0": Dated("2020-09-15", "out by then: an issue of that day in JohnCoene/echarts4r (197) asks for it"),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        if version_key(version) < (3,):
            return (f"util/mapData/geoJson/{view.layer}_geo.js",)
        return (f"map/json/{view.layer}.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.encoded_geojson import features_from_encoded_geojson

        china = snapshot.view.layer == "china"
        features = []
        for raw in features_from_encoded_geojson(snapshot.data):
            unknown = set(raw.properties) - _PROPERTIES
            if unknown or "name" not in raw.properties:
                words = tuple(sorted(unknown)) or ("name",)
                raise SchemaChanged(f"echarts: unknown or missing properties {', '.join(words)}", words=words)
            name = raw.properties["name"] or None
            if china:
                # Whatever is on the map of China, the map says is China's: 710000 is Taiwan.
                features.append(Feature(raw.geometry, code=raw.id, name=name, owner="China", word="province"))
            else:
                code = raw.id if raw.id and len(raw.id) == _CODE_LETTERS and raw.id.isalpha() else None
                features.append(Feature(raw.geometry, code=code, name=name, word=None if name else "unnamed"))
        coarse = not china and len(features) < _COARSE_FEATURES
        return Reading(features=tuple(features), resolution_km=10.0 if coarse else None)
