"""OpenFreeMap's planet: the boundaries its free basemap draws, in the OpenMapTiles schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from borderwatch.basemaps import MAX_TILE_BYTES, OpenMapTilesSource
from borderwatch.errors import NotModified, NotServed, Partial, SchemaChanged
from borderwatch.models import Body, Edition, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Tile

TILEJSON = "https://tiles.openfreemap.org/planet"
_PATTERN = re.compile(r"https://tiles\.openfreemap\.org/planet/(\d{8}_\d{6}_[a-z]+)/\{z\}/\{x\}/\{y\}\.(?:pbf|mvt)")
_PAUSE_S = 0.5
"""No limit is stated; two tiles a second is what one person moving a map asks for."""
_DEBUG = "x-ofm-debug"


class Openfreemap(OpenMapTilesSource):
    """The version comes from the TileJSON, never from the calendar: of an unknown or old version the server
    silently sends the newest one's tiles and says so only in ``x-ofm-debug`` (``wildcard``)."""

    name = "openfreemap"
    title = "OpenFreeMap"
    watches = "which boundaries OpenFreeMap's tiles hold, which of them as disputed, and for which claimant's eyes"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="OpenFreeMap © OpenMapTiles; data from OpenStreetMap",
        url="https://openfreemap.org/tos/",
        ship=False,
    )
    every = timedelta(days=7)
    proven = "documented shape: OpenMapTiles' schema and OpenFreeMap's published server configuration"
    first_contact = "the pattern in the TileJSON, x-ofm-debug of a tile, whether claimed_by is there at zoom 6"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        pattern, current = _current(fetch)
        if edition is not None and edition.label != current.label:
            raise NotServed(f"openfreemap: only the newest run is served ({current.label}), not {edition.label}")
        known = fetch.known
        if edition is None and known is not None and known.edition is not None and known.edition.label == current.label:
            raise NotModified(f"openfreemap: {current.label} is still the newest run")

        def ask(tile: Tile) -> bytes:
            url = pattern.replace("{z}/{x}/{y}", f"{tile.z}/{tile.x}/{tile.y}")
            answer = fetch.get(
                url,
                max_bytes=MAX_TILE_BYTES,
                robots=False,
                interval_s=_PAUSE_S,
                nothing=(204,),
                keep_headers=(_DEBUG,),
            )
            if answer.headers.get(_DEBUG, "").startswith("wildcard"):
                raise Partial(
                    f"openfreemap: {current.label} was replaced while its tiles were asked for: ask again", url=url
                )
            return answer.data

        return self.body(ask, url=pattern, edition=current)


def _current(fetch: Fetch) -> tuple[str, Edition]:
    """The pattern of the newest run's tiles, and the run."""
    described = fetch.get(TILEJSON, expect="json", robots=False).json()
    patterns = described.get("tiles") if isinstance(described, dict) else None
    pattern = str(patterns[0]) if isinstance(patterns, list) and patterns else ""
    found = _PATTERN.fullmatch(pattern)
    if found is None:
        raise SchemaChanged(
            f"openfreemap: its TileJSON names no pattern like that of 2025: {pattern[:120]!r}", words=("tiles",)
        )
    try:
        moment = datetime.strptime(found[1][:15], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return pattern, Edition(found[1], None, "a run whose name is no time")
    return pattern, Edition(found[1], moment, "the time in the run's name")
