"""world-atlas (npm): the Natural Earth countries every D3 map is drawn from, at three scales."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource, version_key

_TAR = "member times of the package"
_RELEASE = "release of this tag in topojson/world-atlas; the package itself carries no real times"


class WorldAtlas(NpmSource):
    """Ids are ISO 3166-1 numeric; 1.x gives no names and ``-99`` for what has no number, 2.x names and no id.

    Two features share 036 (Australia and its Ashmore and Cartier Islands).
    """

    name = "world_atlas"
    title = "world-atlas (npm)"
    watches = "whom each ground is given to on maps made with D3 and TopoJSON"
    terms = Terms(
        licence="ISC; data public domain (Natural Earth)",
        attribution="world-atlas by Michael Bostock; made with Natural Earth",
        url="https://github.com/topojson/world-atlas",
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"110m": "1:110 million", "50m": "1:50 million", "10m": "1:10 million, since 2.0"})
    resolution_km = MappingProxyType({"110m": 10.0, "50m": 4.5, "10m": 1.0})
    proven = "live: every edition served was captured and read"
    first_contact = "a 3.x would be a new shape: look at its file names and at the ids of Kosovo and Northern Cyprus"
    package = "world-atlas"
    dated = MappingProxyType(
        {
            "1.0.0": Dated("2016-11-03", _TAR),
            "1.1.4": Dated("2017-03-31", _RELEASE),
            "2.0.0": Dated("2019-08-31", _RELEASE),
            "2.0.2": Dated("2019-09-05", _RELEASE),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        from borderwatch.errors import NotServed

        if version_key(version) >= (2,):
            return (f"countries-{view.layer}.json",)
        if view.layer == "10m":
            raise NotServed(f"world-atlas {version} has no 1:10m layer; it came with 2.0.0")
        return (f"world/{view.layer}.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.topojson import features_from_topojson

        features = []
        for raw in features_from_topojson(snapshot.data, "countries"):
            unknown = set(raw.properties) - {"name"}
            if unknown:
                raise SchemaChanged(f"world-atlas: unknown properties {sorted(unknown)}", words=tuple(sorted(unknown)))
            code = None if raw.id == "-99" else raw.id
            features.append(Feature(raw.geometry, code=code, name=raw.properties.get("name")))
        return Reading(features=tuple(features))
