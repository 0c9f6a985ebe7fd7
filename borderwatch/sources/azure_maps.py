"""Azure Maps: its boundaries between countries as each of its views draws them."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import SchemaChanged
from borderwatch.models import Body, Edition, Feature, Keep, LineStyle, Role, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, Tile, TileFeature

TILE = "https://atlas.microsoft.com/map/tile"
API_VERSION = "2024-04-01"
TILESET = "microsoft.base"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 17 views of 71 tiles, once a week."""

_COUNTRY, _DIVISION = "country_region", "admin_division1"
# Which bucket (`bkt`) of which layer is what: the ids of the layers in Azure's own styles that draw them.
_BUCKETS = MappingProxyType(
    {
        (_COUNTRY, 434): ("country_region", LineStyle.SOLID),
        (_COUNTRY, 764): ("sovereign_boundary_normal", LineStyle.SOLID),
        (_COUNTRY, 1873): ("entity_override_sovereign_boundary_china", LineStyle.SOLID),
        (_COUNTRY, 1904): ("entity_override_sovereign_boundary_hong_kong_sar", LineStyle.SOLID),
        (_COUNTRY, 438): ("sovereign_boundary_disputed", LineStyle.DASHED),
        (_DIVISION, 1316): ("admin_division1_boundary_disputed", LineStyle.DASHED),
    }
)


class AzureMaps(TiledSource):
    """The view is always sent, never ``Auto``, which follows the asker's address. Features carry a number, ``bkt``,
    that only Azure's styles explain; a new number on a line between countries is an unknown word."""

    name = "azure_maps"
    title = "Azure Maps"
    watches = "which boundaries Azure Maps draws for each of its views, and which of them as disputed"
    terms = Terms(
        licence="Microsoft Azure Maps terms: no storing beyond short caches, no derived data set",
        attribution="© Microsoft, © TomTom",
        url="https://azure.microsoft.com/support/legal/",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_AZURE_MAPS_KEY"
    zoom = 5
    worldviews = (
        "default", "AE", "AR", "BH", "IN", "IQ", "JO", "KW", "LB", "MA", "OM", "PK", "PS", "QA", "SA", "SY", "YE",
    )  # fmt: skip
    tile_layers = frozenset({_COUNTRY, _DIVISION})
    told = frozenset({"bkt"})
    layers = MappingProxyType({"": "lines between countries at zoom 5"})
    resolution_km = MappingProxyType({"": resolution_km(5)})
    proven = "documented shape: the documented question and views; layers and numbers as in a published style of theirs"
    first_contact = "whether bkt numbers are still those of the 2022 style, the API version, the status of a wrong key"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        key = self.key()
        asked = "Unified" if view.worldview == "default" else view.worldview

        def ask(tile: Tile) -> bytes:
            params: dict[str, str | int | float] = {
                "api-version": API_VERSION,
                "tilesetId": TILESET,
                "zoom": tile.z,
                "x": tile.x,
                "y": tile.y,
                "view": asked,
                "language": "en-US",
            }
            return self.tile_at(
                fetch, TILE, tile, params=params, headers={"subscription-key": key}, interval_s=_PAUSE_S
            )

        return self.body(ask, url=f"{TILE}?api-version={API_VERSION}&tilesetId={TILESET}&view={asked}")

    def wants(self, layer: str, properties: Properties) -> bool:
        if "bkt" not in properties:
            raise SchemaChanged(f"azure_maps: {layer} without bkt, but {sorted(properties)[:12]}", words=("bkt",))
        # Inner divisions have many numbers; of them only the disputed ones are watched.
        return layer == _COUNTRY or (layer, properties["bkt"]) in _BUCKETS

    def boundary(self, raw: TileFeature, view: View) -> Feature | None:
        if "Polygon" in raw.geometry.geom_type:
            return None  # the ground of a country, drawn under its name
        bucket = raw.properties["bkt"]
        if (raw.layer, bucket) not in _BUCKETS:
            raise SchemaChanged(
                f"azure_maps: unknown bkt {bucket!r} of a line in {raw.layer}", words=(str(bucket)[:40],)
            )
        word, style = _BUCKETS[raw.layer, int(bucket)]
        return Feature(raw.geometry, role=Role.BOUNDARY, style=style, word=word)
