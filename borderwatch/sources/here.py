"""HERE base map: boundaries with a word for every audience HERE serves, in one set of tiles."""

from __future__ import annotations

import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import Malformed, NotServed, SchemaChanged
from borderwatch.models import Body, Edition, Feature, Keep, LineStyle, Part, Role, Snapshot, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

HOST = "https://vector.hereapi.com/v2/vectortiles"
PATTERN = f"{HOST}/base/mc/{{z}}/{{x}}/{{y}}/omv"
VIEWS = f"{HOST}/politicalViews"
_VIEWS_PART = "politicalViews.json"
_PAUSE_S = 0.5
"""Two a second, as many as a person moving a map asks for; 136 tiles a week serve every view."""

_STYLES = MappingProxyType(
    {
        "country": LineStyle.SOLID,
        "disputed": LineStyle.DASHED,
        "disputed_country": LineStyle.DASHED,
        "unrecognized": LineStyle.NOT_DRAWN,
        "unrecognized_country": LineStyle.NOT_DRAWN,
        "unrecognized_disputed": LineStyle.NOT_DRAWN,
    }
)
_INNER = re.compile(r"(unrecognized_)?(macro)?(region|county|locality|district|state|province|map_unit|neighbou?rhood)")


class Here(TiledSource):
    """``kind`` is how everybody sees a line, ``kind:xx`` how audience XX does, where that differs.

    ``politicalViews`` lists the audiences (in small letters); its change is a change of the source. A view that is
    not in the list is not served: the tiles would show what everybody sees, which says nothing of it.
    """

    name = "here"
    title = "HERE base map"
    watches = (
        "how HERE draws each boundary for everybody and for each of its political views, and which views there are"
    )
    terms = Terms(
        licence="HERE platform terms: caching limits, no derived data set",
        attribution="© HERE",
        url="https://legal.here.com/en-gb/terms",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=7)
    key_variable = "BORDERWATCH_HERE_API_KEY"
    zoom = 6
    worldviews = ("default", "AB", "AR", "CN", "CY", "EG")
    tile_layers = frozenset({"boundaries"})
    told = frozenset({"kind", "kind_detail"})
    told_prefix = "kind:"
    layers = MappingProxyType({"": "boundaries at zoom 6, and the list of views"})
    resolution_km = MappingProxyType({"": resolution_km(6)})
    proven = "documented shape: HERE's own samples of boundaries and of politicalViews"
    first_contact = "the whole list of political views, the kinds of line there are, the status of a wrong key"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        self._check(view)
        key = self.key()
        # One set of tiles carries every audience: asked for once a run.
        return fetch.once((self.name, "tiles"), lambda: self._asked(fetch, key))

    def _asked(self, fetch: Fetch, key: str) -> Body:
        secret: dict[str, str | int | float] = {"apiKey": key}
        views = fetch.get(VIEWS, params=secret, expect="json", robots=False, interval_s=_PAUSE_S)
        _listed(views.data)
        return self.body(
            lambda tile: self.tile_at(fetch, PATTERN, tile, params=secret, interval_s=_PAUSE_S),
            url=PATTERN,
            more=[Part(_VIEWS_PART, views.data)],
        )

    def wants(self, layer: str, properties: Properties) -> bool:
        kinds = [str(v) for n, v in properties.items() if n == "kind" or n.startswith("kind:")]
        if "kind" not in properties:
            raise SchemaChanged(f"here: a boundary without kind, but {sorted(properties)[:12]}", words=("kind",))
        for kind in kinds:
            if kind not in _STYLES and not _INNER.fullmatch(kind):
                raise SchemaChanged(
                    f"here: unknown kind of boundary {kind[:40]!r}; known: {', '.join(_STYLES)}, and inner ones",
                    words=(kind[:40],),
                )
        return any(kind in _STYLES for kind in kinds)

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        said = {name: str(value) for name, value in raw.properties.items() if name.startswith("kind:")}
        kind = str(raw.properties["kind"])
        if view.worldview != "default":
            kind, said = said.get(f"kind:{view.worldview.lower()}", kind), {}
        # A line between provinces is not drawn as one between countries.
        return Feature(
            raw.geometry, role=Role.BOUNDARY, style=_STYLES.get(kind, LineStyle.NOT_DRAWN), word=kind, words=said
        )

    def audiences(self, snapshot: Snapshot, raws: tuple[TileFeature, ...]) -> tuple[str, ...]:
        served = _listed(snapshot.part(_VIEWS_PART))
        if snapshot.view.worldview not in {"default", *served}:
            raise NotServed(f"here: no political view {snapshot.view.worldview}; there are {', '.join(served)}")
        return served


def _listed(data: bytes) -> tuple[str, ...]:
    """The audiences of the base map, in capitals."""
    from borderwatch.formats.features import parsed_json

    listed = parsed_json(data, "here politicalViews")
    base = listed.get("base") if isinstance(listed, dict) else None
    if not isinstance(base, list) or not all(isinstance(v, str) and re.fullmatch("[A-Za-z]{2,3}", v) for v in base):
        raise SchemaChanged("here: politicalViews has no list of codes called base", words=("base",))
    if not base:
        raise Malformed("here: politicalViews lists no view at all: ask again")
    return tuple(sorted({view.upper() for view in base}))
