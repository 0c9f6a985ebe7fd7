"""Sources of published packages: which edition, when, and what the bytes say; recorded ones where kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import shapely

from borderwatch import packages, sources
from borderwatch.errors import Malformed, NotModified, NotServed, SchemaChanged
from borderwatch.fetch import Fetch
from borderwatch.models import Body, Capture, Edition, Outcome, Part, Reading, Role, Snapshot, View
from borderwatch.owners import owner
from borderwatch.packages import PackageFiles
from borderwatch.published import PublishedSource, is_stable, version_key
from borderwatch.snapshots import Snapshots

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
TAKEN = datetime(2026, 11, 22, tzinfo=UTC)


class Registry:
    """What a registry serves, by package and version: file name -> bytes; asked through ``packages``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packages: dict[str, dict[str, dict[str, bytes]]] = {}
        self.modified_at: dict[str, datetime] = {}
        for way in ("npm", "pypi"):
            monkeypatch.setattr(packages, f"{way}_versions", self.versions)
            monkeypatch.setattr(packages, f"{way}_files", self.files)

    def versions(self, _fetch: Fetch, name: str) -> tuple[str, ...]:
        return tuple(self.packages[name])

    def files(
        self, _fetch: Fetch, name: str, version: str, paths: Sequence[str] | Callable[[str], bool]
    ) -> PackageFiles:
        wanted = paths if callable(paths) else set(paths).__contains__
        parts = [Part(path, data) for path, data in self.packages[name][version].items() if wanted(path)]
        return PackageFiles(tuple(parts), f"pkg:npm/{name}@{version}", self.modified_at)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    return Registry(monkeypatch)


class _Fetch:
    def __init__(self, known: Capture | None = None) -> None:
        self.known = known


def fetch(known: str | None = None) -> Fetch:
    capture = None
    if known is not None:
        capture = Capture("0", View("x"), TAKEN, Outcome.KEPT, live=True, edition=Edition(known, None))
    return cast("Fetch", _Fetch(capture))


def published(name: str) -> PublishedSource:
    source = sources.load(name)
    assert isinstance(source, PublishedSource)
    return source


def snapshot(view: View, *parts: tuple[str, bytes], label: str = "1.0.0") -> Snapshot:
    capture = Capture("0", view, TAKEN, Outcome.KEPT, live=True, edition=Edition(label, None))
    return Snapshot(capture, tuple(Part(name, data) for name, data in parts))


def collection(*features: tuple[dict[str, Any], list[list[float]] | None], **more: Any) -> bytes:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": properties,
                    "geometry": None if ring is None else {"type": "Polygon", "coordinates": [ring]},
                    **more,
                }
                for properties, ring in features
            ],
        }
    ).encode()


def topology(*geometries: dict[str, Any]) -> bytes:
    members = [{"type": "Polygon", "arcs": [[0]], **g} for g in geometries]
    objects = {"countries": {"type": "GeometryCollection", "geometries": members}}
    return json.dumps({"type": "Topology", "arcs": [SQUARE], "objects": objects}).encode()


# --- editions -------------------------------------------------------------------------------------------


def test_versions_are_ordered_by_number_and_candidates_are_left_out() -> None:
    assert sorted(["3.10.0", "3.9.1", "3.9", "10.0"], key=version_key) == ["3.9", "3.9.1", "3.10.0", "10.0"]
    stable = {"2.0.0": True, "1.0": True, "2.0.0-rc.1": False, "1.0a1": False, "1.0.dev0": False}
    assert {version: is_stable(version) for version in stable} == stable


def test_what_is_shown_now_is_the_newest_stable_version(registry: Registry) -> None:
    versions = ("2.0.2", "10.0.0", "9.0.0", "11.0.0-rc.1")
    registry.packages["world-atlas"] = {v: {"countries-50m.json": topology({"id": "250"})} for v in versions}
    view = View("world_atlas", layer="50m")
    assert published("world_atlas").capture(view, fetch()).edition == Edition(
        "10.0.0", None, "no dated evidence: the package's files carry no real times"
    )
    with pytest.raises(NotModified, match=r"10\.0\.0"):
        published("world_atlas").capture(view, fetch(known="10.0.0"))
    assert published("world_atlas").capture(view, fetch(known="9.0.0")).edition is not None


def test_an_edition_is_dated_by_a_document_else_by_its_files(registry: Registry) -> None:
    registry.packages["world-atlas"] = {
        v: {"world/50m.json": b"{}", "countries-50m.json": b"{}"} for v in ("1.0.0", "3.0.0")
    }
    source, view = published("world_atlas"), View("world_atlas", layer="50m")
    registry.modified_at = {"a": datetime(2027, 3, 1, tzinfo=UTC), "b": datetime(1985, 10, 26, tzinfo=UTC)}
    documented = source.capture(view, fetch(), Edition("1.0.0", None)).edition
    stamped = source.capture(view, fetch(), Edition("3.0.0", None)).edition
    registry.modified_at = {"b": datetime(1985, 10, 26, tzinfo=UTC)}
    unknown = source.capture(view, fetch(), Edition("3.0.0", None)).edition
    assert documented is not None
    assert documented.published_at == datetime(2016, 11, 3, tzinfo=UTC)
    assert stamped is not None
    assert stamped.published_at == datetime(2027, 3, 1, tzinfo=UTC)
    assert unknown is not None
    assert unknown.published_at is None


def test_the_past_is_what_the_table_names_and_the_registry_serves_and_all_that_is_newer(registry: Registry) -> None:
    served = ("0.0.3", "1.0.0", "1.1.1", "2.0.0", "2.0.2", "2.0.3", "2.1.0-rc.1")
    registry.packages["world-atlas"] = {v: {} for v in served}
    source = published("world_atlas")
    labels = [e.label for e in source.editions(View("world_atlas", layer="50m"), fetch())]
    assert labels == ["1.0.0", "2.0.0", "2.0.2", "2.0.3"]
    assert [e.label for e in source.editions(View("world_atlas", layer="10m"), fetch())] == ["2.0.0", "2.0.2", "2.0.3"]


def test_a_layer_an_edition_never_had_is_not_served(registry: Registry) -> None:
    registry.packages["world-atlas"] = {"1.0.0": {}}
    view = View("world_atlas", layer="10m")
    with pytest.raises(NotServed, match=r"2\.0\.0"):
        published("world_atlas").capture(view, fetch(), Edition("1.0.0", None))
    with pytest.raises(NotServed, match="no version"):
        published("world_atlas").capture(view, fetch())


def test_a_view_the_source_does_not_have_lists_those_it_has(registry: Registry) -> None:
    with pytest.raises(NotServed, match="world_atlas/default#50m"):
        published("world_atlas").capture(View("world_atlas", "CN", layer="50m"), fetch())


def test_a_map_that_left_its_package_is_the_last_one_that_was_in_it(registry: Registry) -> None:
    registry.packages["echarts"] = {v: {"map/json/world.json": collection()} for v in ("3.1.1", "4.9.0", "5.0.0")}
    body = published("echarts").capture(View("echarts", layer="world"), fetch())
    assert body.edition is not None
    assert body.edition.label == "4.9.0"


def test_a_package_that_was_renamed_is_followed(registry: Registry) -> None:
    file = {"src/data/borders.json": collection()}
    registry.packages = {
        "@ideditor/country-coder": {"5.1.0": file, "5.2.0": file},
        "@rapideditor/country-coder": {"5.2.0": file, "5.6.1": file},
    }
    source, view = published("country_coder"), View("country_coder")
    assert [e.label for e in source.editions(view, fetch())] == ["5.1.0", "5.2.0", "5.6.1"]
    before = source.capture(view, fetch(), Edition("5.1.0", None))
    after = source.capture(view, fetch(), Edition("5.2.0", None))
    assert (before.url, after.url) == (
        "pkg:npm/@ideditor/country-coder@5.1.0",
        "pkg:npm/@rapideditor/country-coder@5.2.0",
    )


def test_a_package_without_the_file_is_malformed_not_empty(registry: Registry) -> None:
    registry.packages["world-atlas"] = {"2.0.2": {"README.md": b""}}
    with pytest.raises(Malformed, match="none of the files"):
        published("world_atlas").capture(View("world_atlas", layer="50m"), fetch())


@pytest.mark.parametrize("name", [n for n in sources.names() if isinstance(sources.load(n), PublishedSource)])
def test_every_table_of_editions_is_in_the_order_of_time(name: str) -> None:
    source = published(name)
    days = [source.dated[v].published_at for v in sorted(source.dated, key=version_key)]
    assert days == sorted(days)
    assert all(dated.evidence for dated in source.dated.values())
    assert all(is_stable(version) for version in source.dated)
    assert max(days) <= datetime(2026, 11, 22, tzinfo=UTC)


# --- what they say -----------------------------------------------------------------------------------------


def identities(source: PublishedSource, reading: Reading) -> list[str]:
    return [owner(f.code, f.name, words=source.owner_words) for f in reading.features]


def test_world_atlas_without_names_does_not_guess() -> None:
    source, view = published("world_atlas"), View("world_atlas", layer="50m")
    reading = source.read(snapshot(view, ("world/50m.json", topology({"id": "004"}, {"id": "-99"}))))
    assert [(f.code, f.name) for f in reading.features] == [("004", None), (None, None)]
    assert identities(source, reading) == ["AF", "?"]
    named = topology(
        {"properties": {"name": "Kosovo"}}, {"id": "036", "properties": {"name": "Ashmore and Cartier Is."}}
    )
    later = source.read(snapshot(view, ("countries-50m.json", named)))
    assert identities(source, later) == ["XK", "AU"]


def test_visionscarto_ids_below_zero_are_who_they_are_named_later() -> None:
    source, view = published("visionscarto"), View("visionscarto", layer="50m")
    bare = source.read(snapshot(view, ("world/50m.json", topology({"id": "-1"}, {"id": "-2"}, {"id": "-3"}))))
    names = ("N. Cyprus", "Kosovo", "Somaliland")
    named = topology(*({"id": str(-1 - i), "properties": {"name": n, "a3": "X"}} for i, n in enumerate(names)))
    assert identities(source, bare) == identities(source, source.read(snapshot(view, ("world/50m.json", named))))
    assert identities(source, bare) == ["northern_cyprus", "XK", "somaliland"]


def test_plotly_units_without_code_are_the_disputes_they_are() -> None:
    source, view = published("plotly"), View("plotly", layer="50m")
    units = ("XAC", "XAP", "XBT", "XHT", "XIT", "XJK", "SSD")
    data = topology(*({"id": unit, "properties": {"ct": [1, 2]}} for unit in units), {})
    reading = source.read(snapshot(view, ("dist/topojson/world_50m.json", data)))
    assert identities(source, reading) == [
        "aksai_chin", "arunachal", "bir_tawil", "halaib", "ilemi", "kashmir", "SS", "?",
    ]  # fmt: skip
    assert reading.features[4].name == "Ilemi Triangle"
    with pytest.raises(SchemaChanged, match="XYZ") as raised:
        source.read(snapshot(view, ("a.json", topology({"id": "XYZ"}))))
    assert raised.value.words == ("XYZ",)


def test_plotly_says_the_same_from_a_file_and_from_the_script_that_replaced_it() -> None:
    source, view = published("plotly"), View("plotly", layer="50m")
    value = topology({"id": "FRA", "properties": {"ct": [1, 2]}}).decode()
    script = (
        f'var a = __commonJS({{ "dist/topojson/world_50m.json"(exports, module) {{ module.exports = {value}; }} }});'
    )
    one = source.read(snapshot(view, ("dist/topojson/world_50m.json", value.encode())))
    other = source.read(snapshot(view, ("dist/plotly-geo-assets.js", script.encode())))
    assert [f.code for f in one.features] == [f.code for f in other.features] == ["FRA"]
    assert one.features[0].geometry == other.features[0].geometry


def surbowl(iso: str, name: str, ring: list[list[float]]) -> tuple[dict[str, Any], list[list[float]]]:
    return {"name": name, "full_name": name, "iso_a2": iso, "iso_a3": "-99", "iso_n3": "-99"}, ring


def test_dashes_at_sea_are_not_land() -> None:
    dashes = [shapely.LineString([(119 + i, 15), (119 + i, 16.2)]).buffer(0.01, cap_style="flat") for i in range(10)]
    island = shapely.box(111.74, 16.46, 111.79, 16.55)
    china = shapely.MultiPolygon([shapely.box(100, 20, 120, 40), island, *dashes])
    properties, _ = surbowl("CN", "中国", [])
    feature = {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(china)}
    data = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    land, sea = published("surbowl_zh").read(snapshot(View("surbowl_zh", "CN"), ("world.zh.json", data))).features
    assert (land.role, sea.role, sea.word) == (Role.AREA, Role.SEA, "十段线")
    assert land.geometry is not None
    assert sea.geometry is not None
    assert land.geometry.contains(island.centroid)
    assert len(shapely.get_parts(sea.geometry)) == 10
    assert not land.geometry.intersects(dashes[0])


def test_an_edition_without_dashes_has_no_sea() -> None:
    data = collection(surbowl("CN", "中国", SQUARE), surbowl("-99", "北塞浦路斯", SQUARE))
    reading = published("surbowl_zh").read(snapshot(View("surbowl_zh", "CN"), ("world.zh.json", data)))
    assert [(f.code, f.role) for f in reading.features] == [("CN", Role.AREA), (None, Role.AREA)]
    assert identities(published("surbowl_zh"), reading)[1] == "northern_cyprus"


def test_what_echarts_draws_without_a_name_is_nobodys() -> None:
    source = published("echarts")
    data = collection(({"name": "India", "childNum": 1}, SQUARE), ({"name": "", "childNum": 1}, SQUARE))
    reading = source.read(snapshot(View("echarts", layer="world"), ("map/json/world.json", data)))
    assert identities(source, reading) == ["IN", "?"]
    assert reading.features[1].name is None


def test_what_is_on_the_map_of_china_is_chinas() -> None:
    data = collection(({"name": "台湾", "childNum": 6}, SQUARE), id="710000")
    reading = published("echarts").read(snapshot(View("echarts", layer="china"), ("map/json/china.json", data)))
    assert [(f.code, f.name, f.owner) for f in reading.features] == [("710000", "台湾", "China")]


def test_country_coder_keeps_parts_and_drops_groupings() -> None:
    source = published("country_coder")
    data = collection(
        ({"iso1A2": "HK", "nameEn": "Hong Kong", "country": "CN", "wikidata": "Q8646"}, SQUARE),
        ({"wikidata": "Q23681", "nameEn": "Northern Cyprus"}, SQUARE),
        ({"wikidata": "Q620634", "nameEn": "Bir Tawil", "level": "territory"}, SQUARE),
        ({"wikidata": "Q46", "nameEn": "Europe", "level": "region"}, None),
    )
    reading = source.read(snapshot(View("country_coder"), ("src/data/borders.json", data)))
    assert [(f.code, f.owner) for f in reading.features] == [("HK", "CN"), ("Q23681", None), ("Q620634", None)]
    assert identities(source, reading)[1:] == ["northern_cyprus", "bir_tawil"]
    with pytest.raises(SchemaChanged, match="anthem") as raised:
        source.read(snapshot(View("country_coder"), ("b", collection(({"anthem": "x"}, SQUARE)))))
    assert raised.value.words == ("anthem",)


@pytest.mark.parametrize("properties", [{"isoA2": "PE", "isoA3": "PER"}, {"A3": "PER"}])
def test_the_sea_of_a_country_goes_by_its_code(properties: dict[str, str]) -> None:
    data = collection((properties, SQUARE))
    source = published("osm_maritime")
    reading = source.read(snapshot(View("osm_maritime", layer="10000m"), ("borders.geo.json", data)))
    assert identities(source, reading) == ["PE"]
    assert reading.features[0].role is Role.SEA


def territories(lang: str, names: dict[str, str]) -> tuple[str, bytes]:
    value = {"main": {lang: {"localeDisplayNames": {"territories": names}}}}
    return f"main/{lang}/territories.json", json.dumps(value).encode()


def test_names_are_rows_by_language_place_and_kind() -> None:
    parts = (
        territories("ja", {"PS": "パレスチナ自治区", "PS-alt-short": "パレスチナ", "001": "世界", "ZZ": "不明"}),
        territories("aa", {"TW": "TW"}),
    )
    rows = published("cldr").read(snapshot(View("cldr"), *parts)).rows
    assert [(r.key, r.code, r.kind, r.lang, r.name) for r in rows] == [
        ("ja:PS", "PS", None, "ja", "パレスチナ自治区"),
        ("ja:PS-alt-short", "PS", "alt-short", "ja", "パレスチナ"),
    ]
    with pytest.raises(SchemaChanged, match="PS-alt-rude"):
        published("cldr").read(snapshot(View("cldr"), territories("en", {"PS-alt-rude": "x"})))
    with pytest.raises(SchemaChanged, match=r"main\.en"):
        published("cldr").read(snapshot(View("cldr"), ("main/en/territories.json", b'{"main": {}}')))


def test_languages_are_asked_once_and_not_by_region() -> None:
    wanted = cast("Callable[[str], bool]", published("cldr").paths(View("cldr"), "48.2.0"))
    asked = {
        lang
        for lang in (
            "ja",
            "zh",
            "zh-Hant",
            "zh-Hans",
            "sr-Latn",
            "sr-Cyrl",
            "pt-PT",
            "en-GB",
            "root",
            "und",
            "en-US-POSIX",
        )
        if wanted(f"main/{lang}/territories.json")
    }
    assert asked == {"ja", "zh", "zh-Hant", "sr-Latn", "pt-PT"}
    assert not wanted("main/ja/languages.json")


@pytest.mark.parametrize(
    ("name", "layer", "parts"),
    [
        ("world_atlas", "50m", [("a", topology({"id": "250", "properties": {"colour": 1}}))]),
        ("visionscarto", "50m", [("a", topology({"id": "250", "properties": {"colour": 1}}))]),
        ("plotly", "50m", [("a", topology({"id": "FRA", "properties": {"colour": 1}}))]),
        ("echarts", "world", [("a", collection(({"name": "France", "colour": 1}, SQUARE)))]),
        ("surbowl_zh", "", [("a", collection(({"name": "法国", "colour": 1}, SQUARE)))]),
        ("osm_maritime", "10000m", [("a", collection(({"isoA2": "FR", "colour": 1}, SQUARE)))]),
        ("country_coder", "", [("a", collection(({"iso1A2": "FR", "colour": 1}, SQUARE)))]),
    ],
)
def test_a_word_a_reader_does_not_know_is_named(name: str, layer: str, parts: list[tuple[str, bytes]]) -> None:
    source = published(name)
    with pytest.raises(SchemaChanged, match="colour") as raised:
        source.read(snapshot(View(name, source.worldviews[0], layer=layer), *parts))
    assert "colour" in raised.value.words


# --- real bytes ----------------------------------------------------------------------------------------------


def test_the_lowres_map_of_three_years_is_read_alike(shared: Path) -> None:
    source, stem = published("geopandas_lowres"), "naturalearth_lowres"
    crimea = shapely.Point(34.2, 45.2)
    seen = []
    for folder in sorted((shared / "data" / "geopandas_naturalearth_lowres").iterdir()):
        parts = [(f"geopandas/datasets/{stem}/{p.name}", p.read_bytes()) for p in sorted(folder.glob(f"{stem}.*"))]
        reading = source.read(snapshot(View("geopandas_lowres"), *parts))
        assert len(reading.features) == 177
        seen.append([f.name for f in reading.features if f.geometry is not None and f.geometry.contains(crimea)])
    assert seen == [["Ukraine"], ["Russia"], ["Russia"]]


def test_borders_of_country_coder_are_read_from_two_years_of_its_repository(shared: Path) -> None:
    source = published("country_coder")
    for path in sorted((shared / "data" / "country_coder").glob("20[2-9]*/borders.json")):
        reading = source.read(snapshot(View("country_coder"), ("src/data/borders.json", path.read_bytes())))
        taiwan = [f.code for f in reading.features if f.geometry and f.geometry.contains(shapely.Point(121, 23.8))]
        assert taiwan == ["TW"], path


HISTORY = Path(__file__).parents[1] / "snapshots"

FACTS = [
    # packages.md and the projects' own release notes: who holds this point in this edition
    ("world_atlas", "50m", "1.1.4", (34.2, 45.2), "UA"),
    ("world_atlas", "50m", "2.0.0", (34.2, 45.2), "RU"),
    ("world_atlas", "50m", "2.0.2", (34.2, 45.2), "RU"),
    ("visionscarto", "50m", "0.0.5", (34.2, 45.2), "RU"),
    ("visionscarto", "50m", "1.0.0", (34.2, 45.2), "UA"),
    ("geopandas_lowres", "", "0.4.1", (34.2, 45.2), "UA"),
    ("geopandas_lowres", "", "0.5.0", (34.2, 45.2), "RU"),
    ("geopandas_lowres", "", "0.12.2", (34.2, 45.2), "UA"),
    ("plotly", "50m", "1.19.2", (34.2, 45.2), "UA"),
    ("plotly", "50m", "1.48.0", (34.2, 45.2), "RU"),
    ("plotly", "50m", "3.1.0", (35.2, 4.9), "SS"),
    ("plotly", "50m", "3.3.0", (35.2, 4.9), "ilemi"),
    ("plotly", "50m", "4.1.1", (35.2, 4.9), "ilemi"),
    ("surbowl_zh", "", "2.0.2", (94.5, 28.0), "IN"),
    ("surbowl_zh", "", "2.1.3", (94.5, 28.0), "CN"),
    ("surbowl_zh", "", "2.1.3", (20.9, 42.6), "XK"),
    ("surbowl_zh", "", "2.1.4", (20.9, 42.6), "RS"),
    ("echarts", "world", "3.1.1", (94.5, 28.0), "IN"),
    ("echarts", "world", "3.3.1", (94.5, 28.0), "CN"),
    ("echarts", "world", "3.5.1", (20.9, 42.6), "XK"),
    ("echarts", "world", "3.6.1", (20.9, 42.6), "RS"),
    ("country_coder", "", "3.1.0", (33.6, 35.25), "CY"),
    ("country_coder", "", "5.6.1", (33.6, 35.25), "northern_cyprus"),
    ("natural_earth_de", "", "0.0.3", (34.2, 45.2), "UA"),
]


@pytest.mark.parametrize(("name", "layer", "label", "point", "holder"), FACTS)
def test_the_recorded_editions_show_what_is_documented(
    name: str, layer: str, label: str, point: tuple[float, float], holder: str
) -> None:
    source = published(name)
    view = View(name, source.worldviews[0], layer=layer)
    kept = [c for c in Snapshots(HISTORY).series(view) if c.edition and c.edition.label == label]
    if not kept:
        pytest.skip(f"snapshots/ holds no {view} {label}: borderwatch backfill {name} fetches it")
    reading = source.read(Snapshots(HISTORY).open(kept[0]))
    there = shapely.Point(point)
    held = {
        owner(f.code, f.name, words=source.owner_words)
        for f in reading.features
        if f.role is Role.AREA and f.geometry is not None and f.geometry.contains(there)
    }
    assert held == {holder}


def test_a_capture_is_a_body_with_the_bytes_as_they_came(registry: Registry) -> None:
    data = topology({"id": "250"})
    registry.packages["world-atlas"] = {"2.0.2": {"countries-50m.json": data, "countries-10m.json": b"x"}}
    body = published("world_atlas").capture(View("world_atlas", layer="50m"), fetch())
    assert isinstance(body, Body)
    assert body.parts == (Part("countries-50m.json", data),)
    assert body.url.startswith("pkg:npm/world-atlas@2.0.2")
