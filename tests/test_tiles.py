"""Basemaps of vector tiles over loopback, every audience end to end: asked, read, told, and every way to fail."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from click.testing import CliRunner

from borderwatch import basemaps, derive, sources
from borderwatch.basemaps import TiledSource
from borderwatch.cli import main
from borderwatch.collect import Ask, collect
from borderwatch.derive import measured, past_of_view
from borderwatch.disputes import catalogue
from borderwatch.fetch import ProbingClient
from borderwatch.first_contact import probe
from borderwatch.formats.vector_tile import Tile, tiles_over
from borderwatch.models import Capture, Coverage, Edition, Keep, Kind, LineStyle, Outcome, Significance, View
from borderwatch.pipeline import Workshop
from borderwatch.pipeline import run as run_pipeline
from borderwatch.snapshots import Snapshots
from tests.replay import Asked, Replay, Reply, bomb, captcha, error_page, json_reply, page_reply, too_many
from tests.replay_tiles import KEY, XYZ, Layers, TileServer, json_bytes, pmtiles_bytes, ranges, tile_bytes

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CRIMEA = catalogue().get("crimea").reference
assert CRIMEA is not None
OUTLINE = CRIMEA.boundary
REST = shapely.MultiLineString([[(31.5, lat), (37.5, lat)] for lat in (43.6, 43.8, 44.0, 46.4, 46.5, 46.6, 46.7, 46.8)])
"""Lines that never change: without them a map of one line, gone, would be a map drawn anew."""
AUDIENCES = ("AR", "CN", "IN", "JP", "MA", "RS", "RU", "TR", "US")


# --- the services -----------------------------------------------------------------------------------------


@dataclass
class Service:
    """One source's service on the replay server. ``disputed``: how it draws Crimea's outline, to whom."""

    name: str
    replay: Replay
    disputed: Callable[[str], bool] = lambda _audience: False
    version: str = "20261025"
    unknown_word: bool = False
    renamed: bool = False
    shown: bool = True
    etag: Callable[[], str] = lambda: '"build"'
    views: list[str] = field(default_factory=lambda: ["ab", "ar", "cn", "cy", "eg"])
    server: TileServer = field(init=False)

    def __post_init__(self) -> None:
        getattr(self, f"_{self.name}")()

    @property
    def source(self) -> TiledSource:
        source = sources.load(self.name)
        assert isinstance(source, TiledSource)
        return source

    def _layers(self, layer: str, properties: Callable[[bool], dict[str, Any]], audience: str = "default") -> Layers:
        drawn = [(REST, properties(False))]
        if self.shown:
            drawn.append((OUTLINE, properties(self.disputed(audience))))
        return {f"{layer}_2" if self.renamed else layer: drawn}

    def _serve(self, host: str, pattern: str, draw: Callable[[Asked], Layers], **more: Any) -> None:
        self.server = TileServer(self.replay, host, pattern, draw, **more)

    def _protomaps(self) -> None:
        def properties(disputed: bool) -> dict[str, Any]:
            kind = "frontier" if self.unknown_word else "country"
            return {"kind": kind, "kind_detail": 2, "sort_rank": 289} | ({"disputed": True} if disputed else {})

        def archive(asked: Asked) -> Reply:
            layers = self._layers("boundaries", properties)
            # More than the first 16 kB, which are read at once, so that tiles are ranges of their own.
            ballast = random.Random(6).randbytes(8_000).hex()  # noqa: S311 - no secret
            earth = {"earth": [(CRIMEA, {"kind": "earth", "ballast": ballast})]}
            whole = {tile: tile_bytes(tile, {**earth, **layers}) for tile in TILES(6)}
            return ranges(pmtiles_bytes(whole, max_zoom=15), self.etag)(asked)

        self._serve("build.protomaps.com", "never", lambda _asked: {})
        self.server.others = {f"/{self.version}.pmtiles": archive}
        self.replay.on(
            "build-metadata.protomaps.dev",
            "/builds.json",
            lambda _asked: json_reply(
                [
                    {"key": "20260101.pmtiles", "size": 1, "uploaded": "2026-01-01T09:00:00Z", "version": "4.13.0"},
                    {"key": f"{self.version}.pmtiles", "size": 137_000_000_000, "version": "4.15.2"},
                    {"key": "README.txt"},
                ]
            ),
        )
        self.replay.on("build-metadata.protomaps.dev", "/robots.txt", status=404)

    def _openmaptiles(self, disputed: bool) -> dict[str, Any]:
        level = {"level": 2} if self.unknown_word else {"admin_level": 2}
        return {**level, "disputed": int(disputed), "maritime": 0, "adm0_l": "A", "adm0_r": "B"} | (
            {"disputed_name": "Crimea", "claimed_by": "UA"} if disputed else {}
        )

    def _openfreemap(self) -> None:
        self._serve(
            "tiles.openfreemap.org",
            rf"/planet/{self.version}_001001_pt/{XYZ}\.pbf",
            lambda _asked: self._layers("boundary", self._openmaptiles),
            headers={"x-ofm-debug": "specific PBF planet"},
            zipped=True,
        )
        self.server.others["/planet"] = lambda _asked: json_reply(
            {
                "tilejson": "3.0.0",
                "tiles": [f"https://tiles.openfreemap.org/planet/{self.version}_001001_pt/{{z}}/{{x}}/{{y}}.pbf"],
                "attribution": "OpenFreeMap",
            }
        )

    def _osm_vector(self) -> None:
        def properties(disputed: bool) -> dict[str, Any]:
            return {"level" if self.unknown_word else "admin_level": 2, "maritime": False, "disputed": disputed}

        self._serve(
            "vector.openstreetmap.org",
            rf"/shortbread_v1/{XYZ}\.mvt",
            lambda _asked: self._layers("boundaries", properties),
        )

    def _mapbox(self) -> None:
        def properties(disputed: bool) -> dict[str, Any]:
            said = "yes" if self.unknown_word else str(disputed).lower()
            return {"admin_level": 0, "disputed": said, "maritime": "false", "worldview": "all"}

        def draw(_asked: Asked) -> Layers:
            layers = self._layers("admin", properties)
            own = [
                (shapely.affinity.translate(REST, 0, 0.1 * n), {**properties(False), "worldview": f"{audience},ZZ"})
                for n, audience in enumerate(AUDIENCES, 1)
            ]
            return {name: [*drawn, *own] for name, drawn in layers.items()}

        self._serve(
            "api.mapbox.com",
            rf"/v4/mapbox\.mapbox-streets-v8/{XYZ}\.mvt",
            draw,
            key=("query", "access_token"),
            refusal=json_reply({"message": "Not Authorized - Invalid Token"}, status=401),
        )

    def _here(self) -> None:
        def properties(disputed: bool) -> dict[str, Any]:
            kind = "frontier" if self.unknown_word else "disputed" if disputed else "country"
            return {"kind": kind, "kind_detail": 2, "sort_rank": 262, "min_zoom": 1, "kind:ar": "unrecognized_country"}

        self._serve(
            "vector.hereapi.com",
            rf"/v2/vectortiles/base/mc/{XYZ}/omv",
            lambda _asked: self._layers("boundaries", properties),
            key=("query", "apiKey"),
            refusal=json_reply({"error": "Unauthorized", "error_description": "apiKey invalid."}, status=401),
        )
        self.server.others["/v2/vectortiles/politicalViews"] = lambda _asked: json_reply(
            {"base": self.views, "core": self.views}
        )

    def _tomtom(self) -> None:
        def draw(asked: Asked) -> Layers:
            border = "Imagined country border" if self.unknown_word else "Country border"
            border = "Frontier" if self.renamed else border
            disputed = self.disputed(asked.query["view"])
            other = "Frontier" if self.renamed else "Disputed country border" if disputed else border
            drawn: dict[str, Any] = {border: [(REST, {})]}
            if self.shown:
                drawn[other] = [*drawn.get(other, []), (OUTLINE, {})]
            return drawn

        self._serve(
            "api.tomtom.com",
            rf"/map/1/tile/basic/main/{XYZ}\.pbf",
            draw,
            key=("query", "key"),
            refusal=page_reply("<h1>Developer Inactive</h1>", status=403),
        )

    def _azure_maps(self) -> None:
        def draw(asked: Asked) -> Layers:
            assert asked.query["tilesetId"] == "microsoft.base"
            assert asked.query["api-version"]
            ground = {"country_region": [(CRIMEA, {"bkt": 1})], "admin_division1": [(REST, {"bkt": 765})]}
            lines = self._layers(
                "country_region",
                lambda disputed: {"bkt": 9999 if self.unknown_word else 438 if disputed else 434},
                asked.query["view"],
            )
            return lines if self.renamed else {**ground, **{n: [*d, *ground[n]] for n, d in lines.items()}}

        self._serve(
            "atlas.microsoft.com",
            "/map/tile",
            draw,
            key=("header", "subscription-key"),
            refusal=json_reply({"error": {"code": "401 Unauthorized"}}, status=401),
            query_tile=True,
        )
        if self.renamed:
            inner = self.server.draw
            self.server.draw = lambda asked: {f"{n}": d for n, d in inner(asked).items()}

    def _maptiler(self) -> None:
        self._serve(
            "api.maptiler.com",
            rf"/tiles/v3/{XYZ}\.pbf",
            lambda _asked: self._layers("boundary", self._openmaptiles),
            key=("query", "key"),
            refusal=Reply(b"Invalid key", 403, {"Content-Type": "text/plain"}),
        )

    def _amazon_location(self) -> None:
        def style(asked: Asked) -> Reply:
            view = asked.query.get("political-view", "default")
            same = ["in" if not self.unknown_word else "within", "kind", "country"]
            dashed = {"line-dasharray": [2, 2]}
            layers = [
                {"id": "Land", "type": "fill", "source-layer": "land"},
                {
                    "id": "Boundary.Country",
                    "type": "line",
                    "source-layer": "boundaries",
                    "filter": ["all", same, ["!=", "who", "disputed"]],
                    "paint": {"line-width": 1},
                },
                {
                    "id": f"Boundary.Disputed{view.title()}",
                    "type": "line",
                    "source-layer": "boundaries",
                    "filter": ["==", ["get", "who"], "disputed"],
                    "paint": dashed if self.disputed(view) else {},
                },
            ]
            return json_reply({"version": 8, "layers": layers, "sources": {"amazon": {"tiles": [f"x?key={KEY}"]}}})

        self._serve(
            "maps.geo.us-east-1.amazonaws.com",
            rf"/v2/tiles/vector\.basemap/{XYZ}",
            lambda _asked: {
                "waters" if self.renamed else "boundaries": [
                    (REST, {"kind": "country", "who": "all"}),
                    *([(OUTLINE, {"kind": "country", "who": "disputed"})] if self.shown else []),
                ]
            },
            key=("query", "key"),
            refusal=json_reply({"message": "User is not authorized"}, status=403),
        )
        self.server.others["/v2/styles/Standard/descriptor"] = style


NAMES = (
    "amazon_location", "azure_maps", "here", "mapbox", "maptiler", "openfreemap", "osm_vector", "protomaps", "tomtom",
)  # fmt: skip
KEYED = tuple(n for n in NAMES if sources.load(n).key_variable)


def TILES(zoom: int) -> tuple[Tile, ...]:  # noqa: N802 - a constant of its zoom
    assert CRIMEA is not None
    return tiles_over([CRIMEA.buffer(0.05)], zoom)


@pytest.fixture(autouse=True)
def _few_tiles_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crimea's tiles only, but where a test wants all; the user's key is set."""
    monkeypatch.setattr(basemaps, "tiles_of_disputes", TILES)
    for name in KEYED:
        monkeypatch.setenv(str(sources.load(name).key_variable), KEY)


@pytest.fixture(params=NAMES)
def service(request: pytest.FixtureRequest, replay: Replay) -> Service:
    return Service(request.param, replay)


@pytest.fixture
def store(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def ask(
    service: Service, store: Snapshots, *views: View, day: int = 0, edition: Edition | None = None
) -> list[Capture]:
    source = service.source
    asks = [Ask(source, view, edition) for view in (views or (View(source.name),))]
    with service.replay.client() as client:
        return collect(asks, store, client, jobs=1, clock=lambda: NOW + timedelta(days=day), measure=measured)


def told(store: Snapshots, view: View) -> list[Any]:
    past = past_of_view(store.root, view)
    assert past.unread == ()
    return [c for c in past.changes if c.significance is Significance.SUBSTANTIVE]


# --- every audience, end to end ----------------------------------------------------------------------------


def test_every_audience_is_asked_read_and_kept_as_the_terms_say(service: Service, store: Snapshots) -> None:
    source = service.source
    captures = ask(service, store, *source.views())
    assert [c.fault for c in captures] == [None] * len(source.views())
    for capture in captures:
        kept = capture.keep is Keep.BODY
        assert (capture.facts is None) is kept
        assert capture.licence == source.terms.licence
        assert "sha256 of all" in capture.note
    has_bodies = (store.root / source.name / "bodies").exists()
    assert has_bodies is (source.terms.keep is Keep.BODY)
    for view in source.views():
        depictions = {d.dispute: d for d in past_of_view(store.root, view).depictions}
        crimea = depictions["crimea"]
        assert crimea.coverage is Coverage.SHOWN
        assert sum(d.length_km for d in crimea.drawn) > 500
        assert depictions["kashmir_ladakh" if "kashmir_ladakh" in depictions else "kosovo"].coverage is (
            Coverage.NOT_COVERED
        ), "ground whose tiles were not asked for says nothing"
    assert store.verify().clean


def test_a_line_dashed_is_told_once_and_once_more_when_taken_back(service: Service, store: Snapshots) -> None:
    view = View(service.name)
    for day, (disputed, version) in enumerate(((False, "20261001"), (True, "20261008"), (False, "20261015"))):
        again = Service(service.name, service.replay, disputed=lambda _who, d=disputed: d, version=version)
        (capture,) = ask(again, store, view, day=7 * day)
        assert capture.outcome is Outcome.KEPT, capture.fault
    found = [c for c in told(store, view) if c.dispute == "crimea"]
    assert {c.kind for c in found} == {Kind.RESTYLED}
    days = sorted({c.after.shown_at for c in found})
    assert len(days) == 2
    assert all((c.length_km or 0) > 300 for c in found)


def test_the_same_tiles_twice_are_no_change(service: Service, store: Snapshots) -> None:
    view = View(service.name)
    ask(service, store, view)
    again = Service(service.name, service.replay, version="20261101")
    ask(again, store, view, day=7)
    first, second = store.series(view)
    assert (first.body, second.taken_at - first.taken_at) == (second.body, timedelta(days=7))
    assert past_of_view(store.root, view).changes == ()


def test_a_line_left_out_is_told_as_removed(service: Service, store: Snapshots) -> None:
    view = View(service.name)
    ask(service, store, view)
    ask(Service(service.name, service.replay, shown=False, version="20261101"), store, view, day=7)
    kinds = {(c.kind, c.subject) for c in told(store, view) if c.dispute == "crimea"}
    assert any(kind is Kind.BOUNDARY_MOVED for kind, _ in kinds)


def test_one_audience_sees_otherwise_than_the_rest(replay: Replay, store: Snapshots) -> None:
    for name, audience, said in (
        ("tomtom", "IN", "IN"),
        ("azure_maps", "MA", "MA"),
        ("amazon_location", "RU", "RUS"),
    ):
        service = Service(name, replay, disputed=lambda who, said=said: who == said)
        ask(service, store, View(name), View(name, audience))
        styles = {}
        for worldview in ("default", audience):
            past = past_of_view(store.root, View(name, worldview))
            crimea = next(d for d in past.depictions if d.dispute == "crimea")
            styles[worldview] = {d.style for d in crimea.drawn if d.length_km > 300}
        assert styles == {"default": {LineStyle.SOLID}, audience: {LineStyle.DASHED}}, name


def test_tiles_that_hold_every_audience_are_asked_for_once(replay: Replay, store: Snapshots) -> None:
    for name in ("mapbox", "here", "amazon_location"):
        service = Service(name, replay)
        ask(service, store, *service.source.views())
        assert service.server.tiles == len(TILES(6)), name


def test_the_tiles_of_every_dispute_are_few(replay: Replay, store: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    counts = {zoom: len(basemaps.tiles_of_disputes(zoom)) for zoom in (5, 6)}
    assert 40 <= counts[5] <= 100
    assert counts[5] < counts[6] <= 200
    service = Service("osm_vector", replay)
    (capture,) = ask(service, store)
    assert capture.fault is None
    assert len(capture.parts) == counts[5] == service.server.tiles
    past = past_of_view(store.root, View("osm_vector"))
    crimea = next(d for d in past.depictions if d.dispute == "crimea")
    assert crimea.coverage is Coverage.SHOWN
    asked = [d for d in past.depictions if d.reason != "this ground was not asked about"]
    far_south = [d.dispute for d in past.depictions if d not in asked]
    assert len(asked) >= 100
    assert all(catalogue().get(slug).box[1] < -60 or catalogue().get(slug).reference is None for slug in far_south)


def test_tiles_asked_for_since_are_no_new_boundaries(
    replay: Replay, store: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue that grows asks for more tiles: what they hold was there before, for all anybody knows."""
    few = TILES(5)[:1]
    for day, tiles in enumerate((few, TILES(5), few)):
        monkeypatch.setattr(basemaps, "tiles_of_disputes", lambda _zoom, tiles=tiles: tiles)
        (capture,) = ask(Service("osm_vector", replay), store, day=7 * day)
        assert capture.fault is None
    past = past_of_view(store.root, View("osm_vector"))
    assert past.changes == ()
    assert {c.verdict.value for c in past.comparisons if c.dispute == "crimea"} == {"not_covered"}


def test_a_probe_asks_for_one_tile_and_says_what_it_holds(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basemaps, "PROBED", (34.5, 45.2))
    service.views = ["ab", "ar", "cn", "cy", "eg", "in"]
    with ProbingClient(routes={"*": service.replay.base}, backoff_s=0.01, timeout_s=5.0) as client:
        found = probe(service.source, client)
    assert found.problem is None
    assert found.fine
    assert service.server.tiles <= 1
    assert len([p for p in service.replay.paths() if "robots" not in p]) <= 8
    said = {finding.about: finding.found for finding in found.findings}
    assert "lines" in next(text for about, text in said.items() if about.startswith("tile"))
    if service.name == "here":
        assert "IN" in said["audiences"]


def test_a_tile_that_comes_empty_is_ground_not_asked_about_and_no_removed_boundary(
    replay: Replay, store: Snapshots
) -> None:
    for day, empty in enumerate((False, True)):
        service = Service("osm_vector", replay)
        first = f"/{TILES(5)[0].part}"
        service.server.fault = lambda asked, empty=empty, first=first: (
            Reply(status=204) if empty and asked.path.endswith(first) else None
        )
        (capture,) = ask(service, store, day=7 * day)
        assert capture.fault is None
        assert capture.note.startswith(f"{len(TILES(5)) - empty} of {len(TILES(5))} tiles")
    past = past_of_view(store.root, View("osm_vector"))
    assert past.changes == ()
    assert [c.verdict.value for c in past.comparisons if c.dispute == "crimea"] == ["not_covered"]


# --- every failure -----------------------------------------------------------------------------------------

GARBAGE = b"\x1a\xff\xff\xff\xff\x0fnot a tile"

FAILURES: dict[str, tuple[Reply, str]] = {
    "a wrong key": (json_reply({"message": "no"}, status=401), "refused"),
    "a forbidden tile": (json_reply({"message": "no"}, status=403), "refused"),
    "the law": (Reply(status=451), "refused"),
    "a tile that is gone": (json_reply({"message": "Tile not found"}, status=404), "not_served"),
    "a quota": (too_many(3_600), "rate_limited"),
    "a server in trouble": (error_page(500) if callable(error_page) else Reply(status=500), "unreachable"),
    "a captcha": (captcha(), "challenged"),
    "a page": (page_reply("<html><body>Welcome</body></html>"), "malformed"),
    "garbage": (Reply(GARBAGE), "malformed"),
    "a cut tile": (Reply(b"x" * 5_000, cut_at=100), "partial"),
    "a bomb": (bomb(50_000_000), "too_large"),
    "a broken connection": (Reply(reset=True), "unreachable"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_whatever_goes_wrong_with_one_tile_is_a_failed_attempt_that_says_so(
    service: Service, store: Snapshots, what: str
) -> None:
    reply, kind = FAILURES[what]
    seen: list[str] = []

    def fault(asked: Asked) -> Reply | None:
        if asked.path in service.server.others and service.name != "protomaps":
            return None
        seen.append(asked.path)
        return reply if len(seen) > 1 else None

    service.server.fault = fault
    (capture,) = ask(service, store)
    assert capture.outcome is Outcome.FAILED
    assert capture.fault is not None
    expected = {kind, "partial"} if service.name == "protomaps" and reply.status == 200 else {kind}
    assert capture.fault.kind in expected, capture.fault
    assert capture.facts is None
    assert KEY not in str(capture)


def test_an_unknown_word_fails_the_source_and_names_the_word(service: Service, store: Snapshots) -> None:
    service.unknown_word = True
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "schema_changed", capture.fault
    assert (
        service.name in capture.fault.message
        or "boundary" in capture.fault.message
        or "filter" in capture.fault.message
    )


def test_a_renamed_layer_is_a_changed_schema_and_no_removed_boundary(service: Service, store: Snapshots) -> None:
    if service.name == "azure_maps":
        pytest.skip("one of its two layers is always there")
    service.renamed = True
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "schema_changed", capture.fault


def test_tiles_without_a_single_boundary_are_no_depiction(service: Service, store: Snapshots) -> None:
    server = service.server
    if service.name == "protomaps":
        empty = {
            tile: tile_bytes(tile, {"boundaries": [(shapely.Point(34, 45), {"kind": "country"})]}) for tile in TILES(6)
        }
        server.others = {f"/{service.version}.pmtiles": ranges(pmtiles_bytes(empty))}
    else:
        layer = sorted(service.source.tile_layers)[-1]
        layer = "boundaries" if service.name == "amazon_location" else layer
        server.draw = lambda _asked: {
            layer: [(shapely.Point(34, 45), {"kind": "country", "admin_level": 2, "worldview": "all", "bkt": 434})]
        }
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "malformed", capture.fault


def test_tiles_that_all_are_empty_are_not_served(service: Service, store: Snapshots) -> None:
    if service.name == "protomaps":
        far = {Tile(6, 0, 0): b"\x1a\x00"}
        service.server.others = {f"/{service.version}.pmtiles": ranges(pmtiles_bytes(far))}
    else:
        service.server.fault = lambda asked: None if asked.path in service.server.others else Reply(status=204)
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "not_served", capture.fault


def test_a_view_that_does_not_exist_is_not_served(service: Service, store: Snapshots) -> None:
    (capture,) = ask(service, store, View(service.name, "ZZ"))
    assert capture.fault is not None
    assert capture.fault.kind == "not_served"


# --- keys --------------------------------------------------------------------------------------------------


def test_a_key_stands_in_no_artefact(
    replay: Replay, store: Snapshots, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """Answered, refused, garbled, limited, cut off, then through the whole flow: archive, log, pages, output."""
    from borderwatch.changelog import ChangeLog

    services = [Service(name, replay) for name in KEYED]
    known = {service.name: service.source for service in services}
    asks = [Ask(source, view) for source in known.values() for view in source.views()[:2]]
    echo = Reply(f"you sent {KEY} and key={KEY}".encode(), 400, {"Content-Type": "text/plain"})
    for day, fault in enumerate((echo, Reply(KEY.encode()), too_many(), Reply(reset=True), None)):
        for service in services:
            service.server.fault = lambda _asked, fault=fault: fault
        with replay.client() as client:
            clock = lambda day=day: NOW + timedelta(days=day)  # noqa: E731
            if fault is not None:
                collect(asks, store, client, jobs=2, clock=clock, measure=measured)
                continue
            log = ChangeLog(tmp_path / "borderwatch.db")
            shop = Workshop(store, log, tmp_path / "maps", known, jobs=1)
            report = run_pipeline(shop, asks, client, clock)
            log.close()
    assert [c.fault for c in report.asked] == [None] * len(asks)
    used = {v for asked in replay.asked for v in (*asked.query.values(), *asked.headers.values())}
    assert KEY in used, "the key was asked with"
    for path in tmp_path.rglob("*"):
        assert KEY.encode() not in (path.read_bytes() if path.is_file() else b""), path
    for capture in store.captures():
        assert KEY not in str(capture)
        assert KEY.encode() not in (store.facts(capture) if capture.facts is not None else b"")
    out, err = capfd.readouterr()
    assert KEY not in out + err + caplog.text


@pytest.mark.parametrize("name", KEYED)
def test_a_wrong_key_is_refused_and_the_answer_says_what_to_check(name: str, replay: Replay, store: Snapshots) -> None:
    service = Service(name, replay)
    assert service.source.key_variable
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(service.source.key_variable, "another")
        (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "refused"
    assert capture.fault.status in {401, 403}
    assert "check the key" in capture.fault.message


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("value", ["", "  ", "two words", "schlüssel"])
def test_without_a_usable_key_nothing_is_asked(name: str, value: str, replay: Replay, store: Snapshots) -> None:
    service = Service(name, replay)
    variable = str(service.source.key_variable)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, value)
        (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "refused"
    assert variable in capture.fault.message
    assert replay.paths() == []


def test_a_source_without_its_key_is_off_and_sources_says_which_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYED:
        monkeypatch.delenv(str(sources.load(name).key_variable))
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(main, ["sources", "--json"])
    assert listed.exit_code == 0, listed.output
    rows = {row["source"]: row for row in json.loads(listed.output)}
    for name in NAMES:
        assert rows[name]["on"] is (name not in KEYED)
        assert rows[name]["key_variable"] == sources.load(name).key_variable
    named = CliRunner().invoke(main, ["run", "mapbox"])
    assert named.exit_code == 2
    assert "BORDERWATCH_MAPBOX_TOKEN" in named.output


# --- what only one of them does -----------------------------------------------------------------------------


def test_here_tells_when_its_list_of_audiences_changes(replay: Replay, store: Snapshots) -> None:
    service = Service("here", replay)
    ask(service, store)
    service.views = ["ab", "ar", "cn", "eg", "in"]
    ask(service, store, day=7)
    (change,) = told(store, View("here"))
    assert (change.kind, change.dispute, change.subject) == (Kind.WORLDVIEWS, None, "added IN; removed CY")


def test_here_does_not_take_what_everybody_sees_for_a_view_it_no_longer_has(replay: Replay, store: Snapshots) -> None:
    service = Service("here", replay, views=["ar"])
    captures = ask(service, store, View("here", "AR"), View("here", "CY"))
    assert captures[0].fault is None
    assert captures[1].fault is not None
    assert captures[1].fault.kind == "not_served"


def test_here_shows_each_audience_its_own_word(replay: Replay, store: Snapshots) -> None:
    service = Service("here", replay)
    ask(service, store, View("here", "AR"), View("here", "CN"))
    styles = {}
    for audience in ("AR", "CN"):
        past = past_of_view(store.root, View("here", audience))
        crimea = next(d for d in past.depictions if d.dispute == "crimea")
        styles[audience] = {d.style for d in crimea.drawn if d.length_km > 300}
    assert styles == {"AR": {LineStyle.NOT_DRAWN}, "CN": {LineStyle.SOLID}}


@pytest.mark.parametrize("listed", [{}, {"base": "ar"}, {"base": [1]}, {"base": ["<script>"]}, []])
def test_a_list_of_views_that_is_none_is_a_changed_schema(replay: Replay, store: Snapshots, listed: Any) -> None:
    service = Service("here", replay)
    service.server.others["/v2/vectortiles/politicalViews"] = lambda _asked: json_reply(listed)
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "schema_changed"


def test_mapbox_does_not_take_silence_for_an_audience(replay: Replay, store: Snapshots) -> None:
    service = Service("mapbox", replay)
    inner = service.server.draw
    service.server.draw = lambda asked: {
        n: [(g, p) for g, p in d if "TR" not in p.get("worldview", "")] for n, d in inner(asked).items()
    }
    (capture,) = ask(service, store, View("mapbox", "TR"))
    assert capture.fault is not None
    assert capture.fault.kind == "not_served"
    assert "AR, CN" in capture.fault.message


def test_mapbox_tells_when_a_worldview_comes(replay: Replay, store: Snapshots) -> None:
    service = Service("mapbox", replay)
    ask(service, store)
    inner = service.server.draw
    service.server.draw = lambda asked: {
        n: [*d, (REST, {"admin_level": 0, "worldview": "VN"})] for n, d in inner(asked).items()
    }
    ask(service, store, day=7)
    assert [c.subject for c in told(store, View("mapbox")) if c.kind is Kind.WORLDVIEWS] == ["added VN"]


def test_openfreemap_silently_sends_another_run_and_is_found_out(replay: Replay, store: Snapshots) -> None:
    service = Service("openfreemap", replay)
    service.server.headers = {"x-ofm-debug": "wildcard PBF planet"}
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "partial"


@pytest.mark.parametrize("pattern", ["https://evil.example/{z}/{x}/{y}.pbf", "", "planet/{z}/{x}/{y}", None])
def test_a_tilejson_that_points_elsewhere_is_not_followed(replay: Replay, store: Snapshots, pattern: Any) -> None:
    service = Service("openfreemap", replay)
    service.server.others["/planet"] = lambda _asked: json_reply({"tiles": [pattern] if pattern is not None else None})
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "schema_changed"
    assert {asked.host for asked in replay.asked} == {"tiles.openfreemap.org"}


@pytest.mark.parametrize("name", ["openfreemap", "protomaps"])
def test_the_run_that_is_known_is_not_asked_for_again(name: str, replay: Replay, store: Snapshots) -> None:
    service = Service(name, replay)
    (first,) = ask(service, store)
    before = len(replay.asked)
    (again,) = ask(service, store, day=1)
    assert again.outcome is Outcome.NOT_MODIFIED
    assert again.body == first.body
    assert len(replay.asked) - before <= 2
    assert first.edition is not None
    assert first.shown_at.date().isoformat() == "2026-10-25"


def test_old_runs_of_openfreemap_are_not_served_and_not_pretended(replay: Replay, store: Snapshots) -> None:
    (capture,) = ask(Service("openfreemap", replay), store, edition=Edition("20250101_001001_pt", None, "a test"))
    assert capture.fault is not None
    assert capture.fault.kind == "not_served"


def test_protomaps_offers_a_build_a_week_and_says_when_one_is_gone(replay: Replay, store: Snapshots) -> None:
    service = Service("protomaps", replay)
    days = ["20261025", "20261024", "20261018", "20261011", "20260101"]
    replay.on("build-metadata.protomaps.dev", "/builds.json", json_reply([{"key": f"{day}.pmtiles"} for day in days]))
    with replay.client() as client:
        editions = service.source.editions(View("protomaps"), client.asking(None))
    assert [e.label for e in editions] == ["20260101", "20261011", "20261018", "20261025"]
    (capture,) = ask(service, store, edition=editions[0])
    assert capture.fault is not None
    assert capture.fault.kind == "not_served"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<html>moved</html>", "malformed"),
        (b"PMTiles\x02" + bytes(200), "schema_changed"),
        (b"PMTiles\x03" + bytes(50), "malformed"),
        (b"PMTiles\x03" + b"\xff" * 200, "malformed"),
        (b"", "malformed"),
    ],
)
def test_an_archive_that_is_none_is_told_apart(replay: Replay, store: Snapshots, data: bytes, kind: str) -> None:
    service = Service("protomaps", replay)
    service.server.others = {f"/{service.version}.pmtiles": ranges(data)}
    (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind in {kind, "refused"}, capture.fault


def test_an_archive_replaced_while_it_is_read_is_partial(replay: Replay, store: Snapshots) -> None:
    count = iter(range(1_000))
    (capture,) = ask(Service("protomaps", replay, etag=lambda: f'"{next(count)}"'), store)
    assert capture.fault is not None
    assert capture.fault.kind == "partial"
    assert "replaced while it was read" in capture.fault.message


def test_amazons_region_is_a_region_or_nothing_is_asked(replay: Replay, store: Snapshots) -> None:
    service = Service("amazon_location", replay)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BORDERWATCH_AMAZON_LOCATION_REGION", "evil.example/")
        (capture,) = ask(service, store)
    assert capture.fault is not None
    assert capture.fault.kind == "refused"
    assert replay.paths() == []


def test_amazons_style_is_asked_per_view_in_its_own_codes(replay: Replay, store: Snapshots) -> None:
    service = Service("amazon_location", replay)
    ask(service, store, *service.source.views())
    asked = [a.query.get("political-view") for a in replay.asked if a.path.endswith("descriptor")]
    published = {
        "ARG", "EGY", "IND", "KEN", "MAR", "RUS", "SDN", "SRB", "SUR", "SYR", "TUR", "TZA", "URY", "VNM",
    }  # fmt: skip
    assert {code for code in asked if code} == published
    assert len(asked) == 15


def test_the_words_kept_of_a_closed_map_are_its_classes_and_lengths(replay: Replay, store: Snapshots) -> None:
    (capture,) = ask(Service("mapbox", replay, disputed=lambda _who: True), store)
    record = json.loads(store.facts(capture))["disputes"]["crimea"]
    assert {d["word"] for d in record["drawn"]} >= {"admin_level=0 disputed"}
    assert record["stretches"]
    assert json_bytes(record).find(b"coordinates") < 0
    assert derive.measuring_fingerprint("mapbox") == json.loads(store.facts(capture))["reader"]
