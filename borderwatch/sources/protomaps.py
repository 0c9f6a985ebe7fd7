"""Protomaps' daily planet: the boundaries of OpenStreetMap as its many users draw them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.basemaps import TiledSource, resolution_km
from borderwatch.errors import NotModified, NotServed, Partial, SchemaChanged
from borderwatch.models import Body, Edition, Feature, LineStyle, Role, Terms, View

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.vector_tile import Properties, TileFeature

BUILDS = "https://build-metadata.protomaps.dev/builds.json"
ARCHIVES = "https://build.protomaps.com"
_KEY = re.compile(r"(\d{8})\.pmtiles")
_PAUSE_S = 0.5
"""No limit is published; the files are there to be read by ranges, by every open map at once. Two a second at most."""
_APART = timedelta(days=7)

# The kinds that Protomaps' generator writes (Boundaries.java): from OpenStreetMap only the first of each row.
_COUNTRY = frozenset({"country", "lease_limit", "map_unit", "overlay_limit", "unrecognized_country"})
_INNER = frozenset({"region", "county", "locality", "macroregion", "unrecognized_macroregion", "unrecognized_region"})
_KINDS = _COUNTRY | _INNER


class Protomaps(TiledSource):
    """Zoom 6 is the first that is drawn from OpenStreetMap; zooms 0 to 5 are Natural Earth's.

    ``disputed`` is there or not, and does not say by whom. Lines at sea and along coasts are left out by the makers.
    """

    name = "protomaps"
    title = "Protomaps daily planet"
    watches = "how OpenStreetMap's boundaries are drawn on basemaps made with Protomaps, disputed ones dashed"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors; tiles by Protomaps",
        url="https://docs.protomaps.com/basemaps/downloads",
        ship=False,
    )
    every = timedelta(days=7)
    zoom = 6
    tile_layers = frozenset({"boundaries"})
    told = frozenset({"kind", "kind_detail", "disputed", "brk_a3"})
    layers = MappingProxyType({"": "boundaries at zoom 6"})
    resolution_km = MappingProxyType({"": resolution_km(6)})
    proven = "documented shape: its published schema and index, archives written with the makers' own library"
    first_contact = "the index of builds (key, uploaded), that ranges are answered 206, the kinds of line there are"

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The builds still served, a week apart: older ones are deleted."""
        kept: list[Edition] = []
        for edition in reversed(_builds(fetch)):
            moment = edition.published_at
            last = kept[-1].published_at if kept else None
            if moment is not None and (last is None or last - moment >= _APART):
                kept.append(edition)
        return tuple(reversed(kept))

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        from borderwatch.formats.pmtiles_archive import PmtilesArchive

        self._check(view)
        if edition is None:
            edition = _builds(fetch)[-1]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == edition.label:
                raise NotModified(f"protomaps: {edition.label} is still the newest build")
        elif not re.fullmatch(r"\d{8}", edition.label):
            raise NotServed(f"protomaps: no build {edition.label!r}; builds are named by their day, as 20260105")
        url = f"{ARCHIVES}/{edition.label}.pmtiles"
        tags: set[str] = set()

        def read(first: int, length: int) -> bytes:
            answer = fetch.get(
                url, part=(first, first + length - 1), max_bytes=length, robots=False, interval_s=_PAUSE_S
            )
            tags.add(answer.headers.get("etag", ""))
            if len(tags) > 1:
                raise Partial(f"{url} was replaced while it was read ({', '.join(sorted(tags))}): ask again", url=url)
            return answer.data

        archive = PmtilesArchive(read, f"protomaps {edition.label}")
        if archive.header["max_zoom"] < self.zoom:
            raise SchemaChanged(f"protomaps: {url} ends at zoom {archive.header['max_zoom']}", words=("max_zoom",))
        return self.body(archive.tile, url=url, edition=edition, note=f"etag {''.join(tags)[:80] or 'none'}")

    def wants(self, layer: str, properties: Properties) -> bool:
        kind = properties.get("kind")
        if kind not in _KINDS:
            raise SchemaChanged(
                f"protomaps: unknown kind of boundary {kind!r}; known: {', '.join(sorted(_KINDS))}", words=(str(kind),)
            )
        return kind in _COUNTRY or bool(properties.get("disputed"))

    def boundary(self, raw: TileFeature, view: View) -> Feature:
        kind, disputed = str(raw.properties["kind"]), bool(raw.properties.get("disputed"))
        style = LineStyle.DASHED if disputed or kind != "country" else LineStyle.SOLID
        if kind.startswith("unrecognized"):
            style = LineStyle.NOT_DRAWN
        code = raw.properties.get("brk_a3")
        return Feature(
            raw.geometry,
            code=str(code) if code else None,
            role=Role.BOUNDARY,
            style=style,
            word=f"{kind} disputed" if disputed else kind,
        )


def _builds(fetch: Fetch) -> tuple[Edition, ...]:
    """The builds of the index, oldest first."""
    return fetch.once(("protomaps", "builds"), lambda: _index(fetch))


def _index(fetch: Fetch) -> tuple[Edition, ...]:
    listed = fetch.get(BUILDS, expect="json", robots=False).json()
    if not isinstance(listed, list):
        raise SchemaChanged("protomaps: the index of builds is no list", words=(type(listed).__name__,))
    found = {}
    for build in listed:
        key = _KEY.fullmatch(str(build.get("key"))) if isinstance(build, dict) else None
        if key is not None:
            found[key[1]] = _edition(key[1], build.get("uploaded"))
    if not found:
        raise SchemaChanged("protomaps: the index names no build like 20260105.pmtiles", words=("key",))
    return tuple(found[label] for label in sorted(found))


def _edition(label: str, uploaded: object) -> Edition:
    """A build with the day in its name; the time of upload, if there is one, is more exact but later."""
    try:
        day = datetime.strptime(label, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return Edition(label, None, "a build whose name is no date")
    return Edition(label, day, f"the day in its name; uploaded {str(uploaded)[:40]}" if uploaded else "its name")
