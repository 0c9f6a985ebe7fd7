"""Amazon Location maps: which boundaries its style draws for each political view, and which it dashes or leaves out."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import Malformed, Refused
from borderwatch.models import Body, Edition, Feature, Keep, Part, Reading, Role, Snapshot, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.style_rules import LineRule
    from borderwatch.formats.vector_tile import Properties, TileFeature

REGION_VARIABLE = "BORDERWATCH_AMAZON_LOCATION_REGION"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_STYLE_PART = "descriptor.json"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 136 tiles and 15 styles a week."""
_BOUNDARY = re.compile(r"bound|border|admin|disput", re.IGNORECASE)
_LABELS = re.compile(r"label|place|name", re.IGNORECASE)

# ISO alpha-2 -> the service's own alpha-3 (its published list of supported views).
_VIEWS = MappingProxyType(
    {
        "AR": "ARG", "EG": "EGY", "IN": "IND", "KE": "KEN", "MA": "MAR", "RS": "SRB", "RU": "RUS", "SD": "SDN",
        "SR": "SUR", "SY": "SYR", "TR": "TUR", "TZ": "TZA", "UY": "URY", "VN": "VNM",
    }
)  # fmt: skip


class AmazonLocation(TiledSource):
    """The view lives in the style, and the tiles are the same for everybody: each line of the tiles is put through
    the filters of the style that view gets, and is told by the layers of the style that draw it, or that none does."""

    name = "amazon_location"
    title = "Amazon Location maps"
    watches = "which boundaries Amazon's standard map draws, dashes or leaves out for each of its 14 political views"
    terms = Terms(
        licence="AWS service terms: no storing of map tiles beyond caches, no derived data set",
        attribution="© Amazon Web Services, © HERE",
        url="https://aws.amazon.com/service-terms/",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_AMAZON_LOCATION_KEY"
    zoom = 6
    worldviews = ("default", *_VIEWS)
    tile_layers = frozenset({"boundaries", "boundary"})
    told = frozenset()
    layers = MappingProxyType({"": "boundaries of the Standard style at zoom 6"})
    resolution_km = MappingProxyType({"": resolution_km(6)})
    proven = (
        "documented shape: the service's published model of questions and views; styles and tiles of our own making"
    )
    first_contact = "the boundary layers of the descriptor and their filters, the tiles' properties, the region's host"

    def is_boundary_layer(self, name: str) -> bool:
        return bool(_BOUNDARY.search(name)) and not _LABELS.search(name)

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        from borderwatch.formats.features import parsed_json
        from borderwatch.formats.style_rules import line_rules

        self._check(view)
        secret: dict[str, str | int | float] = {"key": self.key()}
        host = f"https://maps.geo.{_region()}.amazonaws.com/v2"
        asked = dict(secret) | {"color-scheme": "Light"}
        if view.worldview != "default":
            asked["political-view"] = _VIEWS[view.worldview]
        style = fetch.get(
            f"{host}/styles/Standard/descriptor", params=asked, expect="json", robots=False, interval_s=_PAUSE_S
        )
        line_rules(parsed_json(style.data, f"{self.name} descriptor"), self.zoom, f"{self.name} descriptor")
        pattern = f"{host}/tiles/vector.basemap/{{z}}/{{x}}/{{y}}"
        tiles = fetch.once(
            (self.name, "tiles"),
            lambda: self.body(
                lambda tile: self.tile_at(fetch, pattern, tile, params=secret, interval_s=_PAUSE_S), url=pattern
            ),
        )
        return Body((Part(_STYLE_PART, style.data), *tiles.parts), style.url, note=tiles.note)

    def wants(self, layer: str, properties: Properties) -> bool:
        level = properties.get("admin_level")
        if isinstance(level, int | float) and level > 2:
            return bool(properties.get("disputed"))
        kinds = " ".join(str(v) for n, v in properties.items() if n in {"kind", "class"} or n.startswith("kind:"))
        return not kinds or bool(re.search("country|disput|unrecogni|claim", kinds))

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        raise NotImplementedError("a line is drawn by a style, which only `read` has at hand")

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.features import parsed_json
        from borderwatch.formats.style_rules import line_rules
        from borderwatch.formats.vector_tile import extent_of, features_from_tiles, tile_from_part

        style = parsed_json(snapshot.part(_STYLE_PART), f"{self.name} descriptor")
        rules = line_rules(style, self.zoom, f"{self.name} descriptor")
        # A filter may ask for any property: only pieces that agree in all of them are one line.
        raws = features_from_tiles(snapshot.parts, self.is_boundary_layer, keep=self.wants)
        if not raws:
            raise Malformed(f"{self.name}: tiles without one boundary: ask again")
        tiles = [tile for part in snapshot.parts if (tile := tile_from_part(part.name)) is not None]
        return Reading(
            features=tuple(self._drawn(raw, rules) for raw in raws),
            resolution_km=resolution_km(self.zoom),
            extent=extent_of(tiles),
        )

    def _drawn(self, raw: TileFeature, rules: tuple[LineRule, ...]) -> Feature:
        from borderwatch.formats.style_rules import drawn_by

        word, style = drawn_by(rules, raw.layer, raw.properties, self.zoom, f"{self.name} descriptor")
        return Feature(raw.geometry, role=Role.BOUNDARY, style=style, word=word)


def _region() -> str:
    """The region asked, ``us-east-1`` unless the environment says another; a region is part of a host's name."""
    region = os.environ.get(REGION_VARIABLE, "").strip() or "us-east-1"
    if not _REGION.fullmatch(region):
        raise Refused(f"{REGION_VARIABLE}={region[:40]!r} is no AWS region: write it as eu-central-1")
    return region
