"""OpenStreetMap's own vector tiles (Shortbread): what the project itself draws as boundaries today."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import SchemaChanged
from borderwatch.models import Body, Edition, Feature, LineStyle, Role, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

PATTERN = "https://vector.openstreetmap.org/shortbread_v1/{z}/{x}/{y}.mvt"
_PAUSE_S = 2.0
"""The policy forbids bulk download and sets no number: zoom 5 keeps it to some seventy tiles, once a week, slowly."""


class OsmVector(TiledSource):
    """``disputed`` is true of ways tagged so, and of those in a relation ``boundary=disputed``.

    The tiles follow the database by minutes, so a capture is of no version; changes that live for minutes are told
    by nobody who looks once a week.
    """

    name = "osm_vector"
    title = "OpenStreetMap vector tiles"
    watches = "which boundaries OpenStreetMap's own tiles draw, at sea too, and which of them as disputed"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors",
        url="https://operations.osmfoundation.org/policies/vector/",
        ship=False,
    )
    every = timedelta(days=7)
    zoom = 5
    tile_layers = frozenset({"boundaries"})
    told = frozenset({"admin_level", "maritime", "disputed", "coastline"})
    layers = MappingProxyType({"": "boundaries at zoom 5"})
    resolution_km = MappingProxyType({"": resolution_km(5)})
    proven = "documented shape: Shortbread 1.0 and the tiles' published usage policy"
    first_contact = "the layer's name and its flags (admin_level, maritime, disputed), the status of an empty tile"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        return self.body(lambda tile: self.tile_at(fetch, PATTERN, tile, interval_s=_PAUSE_S), url=PATTERN)

    def wants(self, layer: str, properties: Properties) -> bool:
        level = properties.get("admin_level")
        if not isinstance(level, int | float):
            raise SchemaChanged(
                f"osm_vector: a boundary without admin_level, but {sorted(properties)[:12]}", words=("admin_level",)
            )
        return level <= 2 or bool(properties.get("disputed"))

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        disputed, maritime = bool(raw.properties.get("disputed")), bool(raw.properties.get("maritime"))
        return Feature(
            raw.geometry,
            role=Role.BOUNDARY,
            style=LineStyle.DASHED if disputed else LineStyle.SOLID,
            word=f"admin_level={raw.properties['admin_level']:g}" + " disputed" * disputed + " maritime" * maritime,
        )
