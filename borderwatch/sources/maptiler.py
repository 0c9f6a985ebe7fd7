"""MapTiler Planet: the boundaries of its basemap, in the OpenMapTiles schema."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.models import Body, Edition, Feature, Keep, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

PATTERN = "https://api.maptiler.com/tiles/v3/{z}/{x}/{y}.pbf"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 136 tiles a week."""


class Maptiler(TiledSource):
    """Unlike free copies of the schema, MapTiler's terms forbid keeping tiles: facts only."""

    name = "maptiler"
    title = "MapTiler Planet"
    watches = "which boundaries MapTiler's tiles hold, which of them as disputed, and for which claimant's eyes"
    terms = Terms(
        licence="MapTiler terms: no storing; data ODbL-1.0",
        attribution="© MapTiler © OpenStreetMap contributors",
        url="https://www.maptiler.com/terms/cloud/",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_MAPTILER_KEY"
    zoom = 6
    tile_layers = frozenset({"boundary"})
    told = frozenset({"admin_level", "disputed", "maritime", "disputed_name", "claimed_by", "adm0_l", "adm0_r"})
    layers = MappingProxyType({"": "boundary at zoom 6"})
    resolution_km = MappingProxyType({"": resolution_km(6)})
    proven = "documented shape: OpenMapTiles' published schema"
    first_contact = "the tile address, whether the schema is still OpenMapTiles', the status of a wrong key"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        key = self.key()
        return self.body(
            lambda tile: self.tile_at(fetch, PATTERN, tile, params={"key": key}, interval_s=_PAUSE_S), url=PATTERN
        )

    def wants(self, layer: str, properties: Properties) -> bool:
        from borderwatch.formats.openmaptiles import is_boundary

        return is_boundary(layer, properties)

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        from borderwatch.formats.openmaptiles import boundary_from_openmaptiles

        return boundary_from_openmaptiles(raw)
