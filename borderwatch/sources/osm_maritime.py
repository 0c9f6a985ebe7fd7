"""OpenStreetMap's countries with their seas (npm): overlapping claims stay overlapping."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Role, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource

_PACKAGES = MappingProxyType(
    {
        "1000m": "@osm_borders/maritime_1000m",
        "10000m": "@osm_borders/maritime_10000m",
        "geo-maps-10km": "@geo-maps/countries-maritime-10km",
    }
)
_PROPERTIES = {"isoA2", "isoA3", "A3"}


class OsmMaritime(NpmSource):
    """Each country's land and sea in one geometry, simplified to one or ten kilometres, by two packagers.

    Where two states claim one sea both have it. ``@osm_borders`` does not say of which day it is;
    ``@geo-maps`` is of 2017-11-30. The line between Chile and Peru in both is the one of the judgment of 2014.
    """

    name = "osm_maritime"
    title = "OpenStreetMap maritime countries (npm)"
    watches = "which sea OpenStreetMap gives to whom, Chile and Peru among them"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="Map data © OpenStreetMap contributors; packaged by Emily Nagy (osm_borders) and Simone Primarosa "
        "(geo-maps)",
        url="https://www.openstreetmap.org/copyright",
    )
    every = timedelta(days=90)
    layers = MappingProxyType(
        {
            "1000m": "osm_borders, simplified to 1 km",
            "10000m": "osm_borders, simplified to 10 km",
            "geo-maps-10km": "geo-maps of November 2017, simplified to 10 km",
        }
    )
    resolution_km = MappingProxyType({"1000m": 2.0, "10000m": 12.0, "geo-maps-10km": 12.0})
    proven = "live: every layer was captured and read"
    first_contact = "nothing new is expected: each package has one version"
    package = "@osm_borders/maritime_1000m"
    dated = MappingProxyType({"0.6.0": Dated("2017-11-30", "member times of the package")})

    def packages(self, view: View) -> tuple[str, ...]:
        return (_PACKAGES[view.layer],)

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        return ("map.geo.json",) if view.layer == "geo-maps-10km" else ("borders.geo.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        features = []
        for raw in features_from_geojson(snapshot.data):
            unknown = set(raw.properties) - _PROPERTIES
            if unknown or not raw.properties:
                words = tuple(sorted(unknown)) or ("isoA2",)
                raise SchemaChanged(f"osm_maritime: unknown or missing properties {', '.join(words)}", words=words)
            code = raw.properties.get("isoA2") or raw.properties.get("isoA3") or raw.properties.get("A3")
            features.append(Feature(raw.geometry, code=code, role=Role.SEA, word="land and sea"))
        return Reading(features=tuple(features))
