"""What sources of vector tiles have in common: which few tiles to ask for, how they are kept, and how they are read.

A dispute needs the tiles its ground touches, at a zoom where its lines can be told apart and whole countries are few
tiles. Of each tile only the layers with boundaries are kept, message by message as they came: the rest (roads, names
of shops) is not what is watched, and would be fifty times as much.
"""

from __future__ import annotations

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from borderwatch.attempt import snapshot_from_body
from borderwatch.errors import Malformed, NotServed, SchemaChanged
from borderwatch.models import Body, Edition, Finding, Part, Reading, Snapshot, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, Tile, TileFeature
    from borderwatch.models import Feature

EARTH_KM = 40_075.017
"""Around the equator: the width of zoom 0."""
GRID = 4_096
UNITS_TOLD = 8
"""Makers of tiles simplify what they draw: Protomaps' generator by 0.4 of 256 pixels, 6.4 units of a tile's 4,096."""
NEVER_SOUTH_OF = -60.0
"""South of it no basemap draws a boundary, and one claim there would be as many tiles as all others together."""
MARGIN_DEG = 0.05
STRIP_DEG = 0.3
"""A line in dispute is watched 15 km to either side; so many degrees of longitude at 63 degrees north."""
MAX_TILE_BYTES = 8_000_000
PROBED = (35.8, 33.1)
"""Longitude and latitude of the tile a probe asks for: the Golan, on every map crossed by boundaries of every class."""


def resolution_km(zoom: int) -> float:
    """The finest that tiles of a zoom can be trusted to show, at the equator, where a unit is largest."""
    return round(UNITS_TOLD * EARTH_KM / (1 << zoom) / GRID, 2)


@cache
def tiles_of_disputes(zoom: int) -> tuple[Tile, ...]:
    """The tiles that the grounds of all catalogued disputes touch."""
    from shapely.geometry import box

    from borderwatch.disputes import catalogue
    from borderwatch.formats.vector_tile import tiles_over
    from borderwatch.models import DisputeType

    areas = []
    for dispute in catalogue():
        lines = [line for line in dispute.lines.values() if not line.is_empty]
        if dispute.reference is not None and not dispute.reference.is_empty:
            area = dispute.reference.buffer(MARGIN_DEG)
        elif dispute.type is DisputeType.NAMING:
            continue  # a name has no ground of its own
        elif lines and dispute.type is not DisputeType.MARITIME:
            areas += [line.buffer(STRIP_DEG) for line in lines[1:]]
            area = lines[0].buffer(STRIP_DEG)
        else:
            area = box(*dispute.box).buffer(MARGIN_DEG)
        if area.bounds[1] >= NEVER_SOUTH_OF:
            areas.append(area)
    return tiles_over(areas, zoom)


class TiledSource(Source):
    """A source of vector tiles: one body for all tiles of a view, with a part for each.

    ``told`` are the properties of a feature that say something of it; two pieces that differ in others only (an
    id, an order of drawing) are one line.
    """

    zoom: ClassVar[int]
    tile_layers: ClassVar[frozenset[str]]
    told: ClassVar[frozenset[str]]
    told_prefix: ClassVar[str] = "\0"
    """Properties that begin so are told too: one for each audience."""

    only: Tile | None = None
    """Set on a copy that probes: one tile instead of all."""

    def tiles(self) -> tuple[Tile, ...]:
        """The tiles to ask for."""
        return tiles_of_disputes(self.zoom) if self.only is None else (self.only,)

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """One tile of the default view, over ground where every map draws boundaries: its layers and its words."""
        import mercantile

        from borderwatch.formats.vector_tile import Tile

        one = copy.copy(self)
        one.only = Tile(self.zoom, *mercantile.tile(*PROBED, self.zoom)[:2])
        view = self.views()[0]
        taken_at = datetime.now(UTC)
        body = one.capture(view, fetch)
        reading = one.read(snapshot_from_body(view, body, self.terms, live=True, taken_at=taken_at))
        words = ", ".join(sorted({f"{f.word} ({f.style})" for f in reading.features}))
        findings = [
            Finding(f"tile {one.only.part}", "boundaries", f"{len(reading.features)} lines", fine=True),
            Finding("classes of line", "those the reader knows", words, fine=True),
        ]
        if reading.worldviews:
            known = {worldview for worldview in self.worldviews if worldview.isupper()}
            served = set(reading.worldviews)
            findings.append(
                Finding("audiences", ", ".join(sorted(known)), ", ".join(sorted(served)), fine=known <= served)
            )
        return tuple(findings)

    @abstractmethod
    def wants(self, layer: str, properties: Properties) -> bool:
        """Whether a feature is a boundary that is watched; ``SchemaChanged`` where it cannot be told."""

    @abstractmethod
    def boundary(self, raw: TileFeature, view: View) -> Feature | None:
        """One line as this view's audience sees it; None for one it is not shown."""

    def is_boundary_layer(self, name: str) -> bool:
        """Whether a layer holds boundaries."""
        return name in self.tile_layers

    def audiences(self, _snapshot: Snapshot, _raws: tuple[TileFeature, ...]) -> tuple[str, ...]:
        """The audiences this source serves, where the answer itself says so."""
        return ()

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.vector_tile import extent_of, features_from_tiles, tile_from_part

        raws = features_from_tiles(
            snapshot.parts, self.is_boundary_layer, keep=self.wants, same_by=lambda _layer, said: self._said(said)
        )
        features = tuple(f for raw in raws if (f := self.boundary(raw, snapshot.view)) is not None)
        tiles = [tile for part in snapshot.parts if (tile := tile_from_part(part.name)) is not None]
        if not features:
            raise Malformed(f"{self.name}: {len(tiles)} tiles and not one boundary: ask again")
        return Reading(
            features=features,
            worldviews=self.audiences(snapshot, raws),
            resolution_km=resolution_km(self.zoom),
            extent=extent_of(tiles),
        )

    def _said(self, properties: Properties) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, repr(value))
            for name, value in properties.items()
            if name in self.told or name.startswith(self.told_prefix)
        )

    def _check(self, view: View) -> None:
        if view not in self.views():
            raise NotServed(f"{self.name} has no view {view}; it has {', '.join(map(str, self.views()))}")

    def body(
        self,
        ask: Callable[[Tile], bytes],
        *,
        url: str,
        edition: Edition | None = None,
        note: str = "",
        more: Iterable[Part] = (),
    ) -> Body:
        """All tiles of the view as one body; ``url`` is their pattern, without a key."""
        from borderwatch.formats.vector_tile import layers_of

        parts: list[Part] = []
        whole = hashlib.sha256()
        found: set[str] = set()
        for tile in self.tiles():
            data = ask(tile)
            whole.update(f"{tile.part} {len(data)}\n".encode() + data)
            if not data:
                continue  # a tile with nothing in it says nothing of its ground: that counts as not asked about
            kept, names = layers_of(data, self.is_boundary_layer, f"{self.name} {tile.part}")
            found |= set(names)
            parts.append(Part(tile.part, kept))
        if not found:
            raise NotServed(f"{self.name}: {url} serves nothing in any of {len(self.tiles())} tiles: has it moved?")
        if not any(self.is_boundary_layer(name) for name in found):
            wanted = tuple(sorted(self.tile_layers))
            there = ", ".join(sorted(found))[:300]
            raise SchemaChanged(f"{self.name}: no layer {' or '.join(wanted)}; there are {there}", words=wanted)
        said = (
            f"{len(parts)} of {len(self.tiles())} tiles of zoom {self.zoom}, boundary layers only; "
            f"sha256 of all as they came: {whole.hexdigest()}"
        )
        return Body((*more, *parts), url, edition, note=f"{note}; {said}" if note else said)

    def tile_at(
        self,
        fetch: Fetch,
        pattern: str,
        tile: Tile,
        *,
        params: dict[str, str | int | float] | None = None,
        headers: dict[str, str] | None = None,
        interval_s: float,
        nothing: tuple[int, ...] = (204,),
    ) -> bytes:
        """The tile at ``pattern``. At these zooms every tile holds some land or sea, so that a 404 is a failure."""
        url = pattern.replace("{z}", str(tile.z)).replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
        return fetch.get(
            url,
            params=params,
            headers=headers,
            max_bytes=MAX_TILE_BYTES,
            robots=False,  # a documented data API: its usage policy is the rule
            interval_s=interval_s,
            nothing=nothing,
        ).data


class OpenMapTilesSource(TiledSource):
    """A basemap in the OpenMapTiles schema, whoever serves it."""

    zoom = 6
    tile_layers = frozenset({"boundary"})
    told = frozenset({"admin_level", "disputed", "maritime", "disputed_name", "claimed_by", "adm0_l", "adm0_r"})
    layers = MappingProxyType({"": "boundary at zoom 6"})
    resolution_km = MappingProxyType({"": resolution_km(6)})

    def wants(self, layer: str, properties: Properties) -> bool:
        from borderwatch.formats.openmaptiles import is_boundary

        return is_boundary(layer, properties)

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        from borderwatch.formats.openmaptiles import boundary_from_openmaptiles

        return boundary_from_openmaptiles(raw)
