"""world-geo-json-zh (npm): a world map in Chinese whose author follows maps approved in the People's Republic."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.errors import SchemaChanged
from borderwatch.models import Feature, Reading, Role, Snapshot, Terms, View
from borderwatch.published import Dated, NpmSource

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_RELEASE = "release of this tag in Surbowl/world-geo-json-zh; the package carries no real times"
_FIELDS = {"name", "full_name", "iso_a2", "iso_a3", "iso_n3"}
# The ten dashes are drawn as strips 0.02 degrees wide inside China's multipolygon (2.1.3 and later).
# No island is as long and as thin: the next thinnest part is 0.1 degrees long.
_DASH_WIDTH_DEG = 0.021
_DASH_LENGTH_DEG = 0.8


class SurbowlZh(NpmSource):
    """Worldview CN: the README names the approved maps it was adjusted to (GS(2023)2767, GS(2021)5443,
    GS京(2022)1061), which makes it a view made for readers in China, not a neutral one.

    Taiwan is part of China in every edition; from 2.1.3 on a ten-dash line is drawn as thin polygons.
    They are not land: they come out as one sea feature with the source's own word for it.
    """

    name = "surbowl_zh"
    title = "world-geo-json-zh (npm)"
    watches = "a world map for readers in China: which ground, islands and sea lines it gives to whom"
    terms = Terms(
        licence="Unlicense",
        attribution="Surbowl/world-geo-json-zh; made with Natural Earth, adjusted to maps of the PRC's Ministry of "
        "Natural Resources and Amap",
        url="https://github.com/Surbowl/world-geo-json-zh",
    )
    every = timedelta(days=7)
    worldviews = ("CN",)
    resolution_km = MappingProxyType({"": 10.0})
    proven = "live: every edition served was captured and read"
    first_contact = "whether the dashes are still strips 0.02 degrees wide inside China's feature"
    package = "@surbowl/world-geo-json-zh"
    dated = MappingProxyType(
        {
            "1.2.1": Dated("2023-01-29", _RELEASE),
            "2.0.2": Dated("2023-06-06", _RELEASE),
            "2.1.3": Dated("2024-02-19", _RELEASE),
            "2.1.4": Dated("2024-11-05", _RELEASE),
            "2.1.5": Dated("2025-06-09", _RELEASE),
        }
    )

    def paths(self, view: View, version: str) -> tuple[str, ...]:
        return ("world.zh.json",)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        features = []
        for raw in features_from_geojson(snapshot.data):
            if set(raw.properties) != _FIELDS:
                odd = tuple(sorted(set(raw.properties) ^ _FIELDS))
                raise SchemaChanged(f"surbowl_zh: unknown or missing properties {', '.join(odd)}", words=odd)
            code, name = raw.properties["iso_a2"], raw.properties["name"]
            land, dashes = _without_dashes(raw.geometry) if code == "CN" else (raw.geometry, None)
            features.append(
                Feature(
                    land, code=None if code == "-99" else code, name=name, names={"zh": raw.properties["full_name"]}
                )
            )
            if dashes is not None:
                features.append(Feature(dashes, code=code, name="中国南海海域十段线", role=Role.SEA, word="十段线"))
        return Reading(features=tuple(features))


def _without_dashes(geometry: BaseGeometry | None) -> tuple[BaseGeometry | None, BaseGeometry | None]:
    """China's parts, and the strips among them that are a drawn line."""
    if geometry is None:
        return None, None
    import shapely

    parts = shapely.get_parts(geometry)
    # A strip of width w and length l has area l w and perimeter about 2 l.
    dash = (2 * shapely.area(parts) / shapely.length(parts) < _DASH_WIDTH_DEG) & (
        shapely.length(parts) / 2 > _DASH_LENGTH_DEG
    )
    if not dash.any():
        return geometry, None
    return shapely.MultiPolygon(list(parts[~dash])), shapely.MultiPolygon(list(parts[dash]))
