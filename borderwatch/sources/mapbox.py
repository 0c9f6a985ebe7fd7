"""Mapbox Streets: one set of tiles that holds the boundaries of every worldview Mapbox serves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import NotServed, SchemaChanged
from borderwatch.models import Body, Edition, Feature, Keep, LineStyle, Role, Snapshot, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

PATTERN = "https://api.mapbox.com/v4/mapbox.mapbox-streets-v8/{z}/{x}/{y}.mvt"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 136 tiles a week serve every worldview."""
_FLAGS: Mapping[str, bool] = MappingProxyType({"true": True, "false": False, "1": True, "0": False})
_STYLES_WORLDVIEW = "US"
"""What Mapbox's own styles show where a map names no worldview (their glossary)."""
EVERYBODY = "all"


class Mapbox(TiledSource):
    """Layer ``admin``: ``worldview`` is ``all`` or the codes of the audiences that see the line; ``disputed`` and
    ``maritime`` are the strings ``true`` and ``false``. The default view is what Mapbox's styles show unasked."""

    name = "mapbox"
    title = "Mapbox Streets v8"
    watches = (
        "which boundaries Mapbox shows to each of its worldviews, disputed ones apart, and which worldviews there are"
    )
    terms = Terms(
        licence="Mapbox terms of service: no storing, no derived data set",
        attribution="© Mapbox, © OpenStreetMap contributors",
        url="https://www.mapbox.com/legal/tos",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_MAPBOX_TOKEN"
    zoom = 6
    worldviews = ("default", "AR", "CN", "IN", "JP", "MA", "RS", "RU", "TR", "US")
    tile_layers = frozenset({"admin"})
    told = frozenset({"admin_level", "disputed", "maritime", "worldview", "iso_3166_1"})
    layers = MappingProxyType({"": "admin at zoom 6"})
    resolution_km = MappingProxyType({"": resolution_km(6)})
    proven = "documented shape: Mapbox's own filters on worldview, disputed, maritime and admin_level"
    first_contact = "the values of worldview in the tiles, whether lines list several, the status of a wrong token"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        key = self.key()
        # One set of tiles holds every worldview: asked for once a run.
        return fetch.once((self.name, "tiles"), lambda: self._asked(fetch, key))

    def _asked(self, fetch: Fetch, key: str) -> Body:
        return self.body(
            lambda tile: self.tile_at(fetch, PATTERN, tile, params={"access_token": key}, interval_s=_PAUSE_S),
            url=PATTERN,
        )

    def wants(self, layer: str, properties: Properties) -> bool:
        level = properties.get("admin_level")
        if not isinstance(level, int | float) or "worldview" not in properties:
            raise SchemaChanged(
                f"mapbox: admin without admin_level or worldview, but {sorted(properties)[:12]}",
                words=("admin_level", "worldview"),
            )
        return level == 0 or _flag(properties, "disputed")

    def boundary(self, raw: TileFeature, view: View) -> Feature | None:
        seen_by = _viewers(raw)
        viewer = _STYLES_WORLDVIEW if view.worldview == "default" else view.worldview
        if not seen_by & {EVERYBODY, viewer}:
            return None
        disputed, maritime = _flag(raw.properties, "disputed"), _flag(raw.properties, "maritime")
        iso = raw.properties.get("iso_3166_1")
        return Feature(
            raw.geometry,
            name=str(iso) if iso else None,
            role=Role.BOUNDARY,
            style=LineStyle.DASHED if disputed else LineStyle.SOLID,
            word=f"admin_level={raw.properties['admin_level']:g}" + " disputed" * disputed + " maritime" * maritime,
        )

    def audiences(self, snapshot: Snapshot, raws: tuple[TileFeature, ...]) -> tuple[str, ...]:
        """The worldviews that occur; ``NotServed`` where the one asked for does not: then nothing is known of it."""
        served = sorted({viewer for raw in raws for viewer in _viewers(raw)} - {EVERYBODY})
        asked = snapshot.view.worldview
        if asked != "default" and asked not in served:
            raise NotServed(
                f"mapbox: no line in the tiles names worldview {asked}; there are {', '.join(served) or 'none'}"
            )
        return tuple(served)


def _viewers(raw: TileFeature) -> set[str]:
    return {viewer.strip() for viewer in str(raw.properties["worldview"]).split(",") if viewer.strip()}


def _flag(properties: Properties, name: str) -> bool:
    said = str(properties.get(name, "false")).casefold()
    if said not in _FLAGS:
        raise SchemaChanged(f"mapbox: {name} is {said[:40]!r}, not 'true' or 'false'", words=(said[:40],))
    return _FLAGS[said]
