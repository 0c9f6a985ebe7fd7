"""geopandas' ``naturalearth_lowres`` (PyPI): the world map every Python tutorial drew until it was removed in 1.0."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from borderwatch.errors import Malformed, SchemaChanged
from borderwatch.models import Feature, Reading, Snapshot, Terms, View
from borderwatch.published import Dated, PyPISource

_WHEEL = "member times of the wheel"
_FIELDS = {"pop_est", "continent", "name", "iso_a3", "gdp_md_est"}


class GeopandasLowres(PyPISource):
    """A generalised 1:110m shapefile; ``iso_a3`` is -99 for whatever Natural Earth had no code for that year."""

    name = "geopandas_lowres"
    title = "geopandas naturalearth_lowres (PyPI)"
    watches = "whom each ground is given to on the map of Python's geographic tutorials, 2016-2024"
    terms = Terms(
        licence="public domain (Natural Earth); package BSD-3-Clause",
        attribution="geopandas; made with Natural Earth",
        url="https://github.com/geopandas/geopandas",
    )
    every = timedelta(days=90)
    resolution_km = MappingProxyType({"": 10.0})
    proven = "live: every edition in the table was captured and read"
    first_contact = "nothing new is expected: the map left the package in 1.0"
    package = "geopandas"
    until = "1.0"
    dated = MappingProxyType(
        {
            "0.2.1": Dated("2016-07-30", _WHEEL),
            "0.4.1": Dated("2019-03-06", _WHEEL),
            "0.5.0": Dated("2019-04-25", _WHEEL),
            "0.11.1": Dated("2022-07-24", _WHEEL),
            "0.12.1": Dated("2022-10-29", _WHEEL),
            "0.12.2": Dated("2022-12-10", _WHEEL),
            "0.14.4": Dated("2024-04-28", _WHEEL),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        stem = "geopandas/datasets/naturalearth_lowres/naturalearth_lowres"
        return tuple(stem + extension for extension in (".shp", ".shx", ".dbf", ".prj", ".cpg"))

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.shapefile import features_from_shapefile

        parts = {part.name[part.name.rindex(".") :]: part.data for part in snapshot.parts if "." in part.name}
        if len(parts) != len(snapshot.parts):
            raise Malformed(f"geopandas_lowres: not the parts of one shapefile: {[p.name for p in snapshot.parts]}")
        features = []
        for raw in features_from_shapefile(parts):
            if set(raw.properties) != _FIELDS:
                odd = tuple(sorted(set(raw.properties) ^ _FIELDS))
                raise SchemaChanged(f"geopandas_lowres: unknown or missing fields {', '.join(odd)}", words=odd)
            code = raw.properties["iso_a3"]
            features.append(Feature(raw.geometry, code=None if code == "-99" else code, name=raw.properties["name"]))
        return Reading(features=tuple(features))
