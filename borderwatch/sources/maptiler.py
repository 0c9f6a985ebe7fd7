"""MapTiler Planet: the boundaries of its basemap, in the OpenMapTiles schema."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from borderwatch.basemaps import OpenMapTilesSource
from borderwatch.models import Body, Edition, Keep, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch

PATTERN = "https://api.maptiler.com/tiles/v3/{z}/{x}/{y}.pbf"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 136 tiles a week."""


class Maptiler(OpenMapTilesSource):
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
    proven = "documented shape: OpenMapTiles' published schema"
    first_contact = "the tile address, whether the schema is still OpenMapTiles', the status of a wrong key"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        key = self.key()
        return self.body(
            lambda tile: self.tile_at(fetch, PATTERN, tile, params={"key": key}, interval_s=_PAUSE_S), url=PATTERN
        )
