"""TomTom's basic map: its country borders as each of its geopolitical views draws them."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import SchemaChanged
from borderwatch.models import Body, Edition, Feature, Keep, LineStyle, Role, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

PATTERN = "https://api.tomtom.com/map/1/tile/basic/main/{z}/{x}/{y}.pbf"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 18 views of 71 tiles, once a week."""
_BORDER = "country border"

_STYLES = MappingProxyType(
    {
        "country border": LineStyle.SOLID,
        "disputed country border": LineStyle.DASHED,
        "other country border": LineStyle.DASHED,
        "treaty country border": LineStyle.DASHED,
    }
)
"""Layers of boundaries; TomTom's own styles dash all but the first."""


class Tomtom(TiledSource):
    """The view is always sent: TomTom's pages disagree on what is drawn without one (the asker's country, or Unified).

    Vector tiles have no view of CN and RU (TomTom's list of views); AE stands for six Gulf states.
    """

    name = "tomtom"
    title = "TomTom basic map"
    watches = "which country borders TomTom draws for each of its geopolitical views, and which of them as disputed"
    terms = Terms(
        licence="TomTom terms: caching limits, no derived data set",
        attribution="© TomTom",
        url="https://developer.tomtom.com/terms-and-conditions",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_TOMTOM_API_KEY"
    zoom = 5
    worldviews = (
        "default", "AE", "AR", "BN", "CL", "DZ", "IL", "IN", "KR", "MA", "MY", "PH", "PK", "RS", "TR", "TW", "US", "VN",
    )  # fmt: skip
    tile_layers = frozenset(_STYLES)
    told = frozenset({"class", "subclass", "category"})
    layers = MappingProxyType({"": "country borders at zoom 5"})
    resolution_km = MappingProxyType({"": resolution_km(5)})
    proven = "documented shape: the tile address of TomTom's documentation, layer names as in published client code"
    first_contact = (
        "the names of the border layers, the answer to a view that does not exist, the status of a wrong key"
    )

    def is_boundary_layer(self, name: str) -> bool:
        """Every layer called a country border, known or not: an unknown one must not go unseen."""
        return name.casefold().endswith(_BORDER)

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        asked: dict[str, str | int | float] = {
            "key": self.key(),
            "view": "Unified" if view.worldview == "default" else view.worldview,
        }
        return self.body(
            lambda tile: self.tile_at(fetch, PATTERN, tile, params=asked, interval_s=_PAUSE_S),
            url=f"{PATTERN}?view={asked['view']}",
        )

    def wants(self, layer: str, properties: Properties) -> bool:
        if layer.casefold() not in _STYLES:
            raise SchemaChanged(
                f"tomtom: unknown layer {layer[:60]!r}; known: {', '.join(_STYLES)}", words=(layer[:60],)
            )
        return True

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        return Feature(raw.geometry, role=Role.BOUNDARY, style=_STYLES[raw.layer.casefold()], word=raw.layer)
