"""Esri's World Countries (Generalized): the countries behind countless web maps, and whom each is affiliated with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.arcgis import AREAS, FeatureServiceSource, Wanted
from borderwatch.models import Feature, Terms

if TYPE_CHECKING:
    from borderwatch.formats.arcgis import Layer
    from borderwatch.formats.features import RawFeature


class EsriCountries(FeatureServiceSource):
    """``COUNTRYAFF`` is the state a territory is affiliated with; a country is affiliated with itself."""

    name = "esri_countries"
    title = "Esri World Countries (Generalized)"
    watches = "whom each ground is given to on maps made with ArcGIS, and whom each territory is affiliated with"
    terms = Terms(
        licence="Esri Master License Agreement: not to be redistributed",
        attribution="Esri; Garmin International, Inc.; U.S. Central Intelligence Agency; National Geographic Society",
        url="https://www.arcgis.com/home/item.html?id=2b93b06dc0dc4e809d3c8db5cb96ba69",
        ship=False,
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"": "countries and territories"})
    resolution_km = MappingProxyType({"": 5.0})
    owner_words = MappingProxyType({"Palestinian Territory": "PS"})
    service = (
        "https://services.arcgis.com/P3ePLMYs2RVChkJx/arcgis/rest/services/World_Countries_(Generalized)/FeatureServer"
    )
    wanted = MappingProxyType(
        {"": (Wanted("countries", r"^World[ _]Countries", 0, AREAS, ("COUNTRY", "ISO"), fewest=200),)}
    )
    proven = "documented shape: the REST pages of the layer's published copies; replayed over HTTP"
    first_contact = "some 250 features, COUNTRYAFF and AFF_ISO beside COUNTRY and ISO, and how Kosovo is coded"

    def feature(self, fields: Mapping[str, str], raw: RawFeature, wanted: Wanted, layer: Layer) -> Feature:
        return Feature(
            raw.geometry,
            code=fields.get("ISO"),
            name=fields.get("COUNTRY"),
            words={name: fields[name] for name in ("AFF_ISO", "COUNTRYAFF") if name in fields},
        )
