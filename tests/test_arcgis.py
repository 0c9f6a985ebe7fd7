"""Layers of ArcGIS feature services: asked whole, read in the source's own words, refused where they are not whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely

from borderwatch import sources
from borderwatch.arcgis import FeatureServiceSource
from borderwatch.changelog import ChangeLog
from borderwatch.collect import Ask, collect
from borderwatch.errors import (
    CaptureProblem,
    Malformed,
    NotModified,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    SchemaChanged,
    TooLarge,
)
from borderwatch.formats import arcgis
from borderwatch.models import Body, Capture, Kind, LineStyle, Outcome, Reading, Role, Snapshot, View
from borderwatch.observe import world_from_snapshot
from borderwatch.pipeline import Report, Workshop, follow
from borderwatch.snapshots import Snapshots
from borderwatch.sources.esri_countries import EsriCountries
from borderwatch.sources.lsib import Lsib
from borderwatch.sources.un_geodata import UnGeodata
from borderwatch.sources.world_bank import WorldBank
from tests.replay import Asked, Replay, Reply
from tests.replay_arcgis import (
    EDITED,
    Layer,
    error,
    esri_layers,
    lsib_layers,
    serve,
    square,
    un_layers,
    world_bank_layers,
)

SERVED: dict[str, Callable[[], dict[int, Layer]]] = {
    "lsib": lsib_layers,
    "un_geodata": un_layers,
    "world_bank": world_bank_layers,
    "esri_countries": esri_layers,
}
NOW = datetime(2026, 11, 1, tzinfo=UTC)
VIEWS = [view for name in SERVED for view in sources.load(name).views()]


def of(name: str) -> FeatureServiceSource:
    source = sources.load(name)
    assert isinstance(source, FeatureServiceSource)
    return source


def captured(view: View, body: Body) -> Capture:
    return Capture(
        "1", view, NOW, Outcome.KEPT, live=True, url=body.url, edition=body.edition, body="00", headers=body.headers
    )


def ask(source: FeatureServiceSource, view: View, replay: Replay, known: Capture | None = None) -> Body:
    with replay.client() as client:
        return source.capture(view, client.asking(known))


def read(source: FeatureServiceSource, view: View, body: Body) -> Reading:
    return source.read(Snapshot(captured(view, body), body.parts))


def lsib(replay: Replay, layers: dict[int, Layer] | None = None) -> Reading:
    serve(replay, Lsib.service, lsib_layers() if layers is None else layers)
    return read(Lsib(), View("lsib"), ask(Lsib(), View("lsib"), replay))


# --- each source, end to end ---------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_every_view_is_captured_whole_and_read_twice_the_same(replay: Replay, view: View) -> None:
    source = of(view.source)
    layers = SERVED[view.source]()
    serve(replay, source.service, layers)
    body = ask(source, view, replay)
    reading = read(source, view, body)
    wanted = {one.name: len(one.rows) for one in layers.values()}
    assert 0 < len(reading.features) <= sum(wanted.values())
    assert all(feature.geometry is not None for feature in reading.features)
    assert read(source, view, body) == reading
    assert body.edition is not None
    assert body.edition.published_at == datetime(2025, 2, 24, 18, tzinfo=UTC)
    assert all(asked.headers["user-agent"].startswith("borderwatch/") for asked in replay.asked)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_a_layer_nobody_edited_is_not_asked_for_again(replay: Replay, view: View) -> None:
    source = of(view.source)
    layers = SERVED[view.source]()
    serve(replay, source.service, layers)
    body = ask(source, view, replay)
    before = len(replay.asked)
    with pytest.raises(NotModified):
        ask(source, view, replay, captured(view, body))
    assert len(replay.asked) - before <= 3, "the list of layers and their definitions are enough"
    for layer in layers.values():
        layer.edited = EDITED + 86_400_000
    again = ask(source, view, replay, captured(view, body))
    assert again.edition is not None
    assert again.edition.label == "2025-02-25T18:00:00Z"


def test_a_service_that_tracks_no_edits_is_asked_in_full_each_time(replay: Replay) -> None:
    serve(replay, Lsib.service, lsib_layers(edited=None))
    body = ask(Lsib(), View("lsib"), replay)
    assert body.edition is None
    assert ask(Lsib(), View("lsib"), replay, captured(View("lsib"), body)).parts == body.parts


def test_lsib_is_lines_with_the_departments_own_words(replay: Replay) -> None:
    features = lsib(replay).features
    assert {feature.role for feature in features} == {Role.BOUNDARY}
    assert {feature.geometry.geom_type for feature in features if feature.geometry} == {"LineString"}
    control = next(feature for feature in features if feature.code == "IN - PK")
    assert (control.name, control.word, control.style) == (
        "INDIA - PAKISTAN",
        "Other Line of International Separation",
        LineStyle.DASHED,
    )
    assert control.words == {"LABEL": "Line of Control", "NOTES": ""}
    plain = features[0]
    assert (plain.word, plain.style) == ("International Boundary", LineStyle.SOLID)


def test_lsib_without_a_status_has_the_words_of_its_rank(replay: Replay) -> None:
    layers = lsib_layers()
    for attributes, _ in layers[0].rows:
        del attributes["STATUS"]
    words = {feature.word for feature in lsib(replay, layers).features}
    assert words == {"International Boundary", "Other Line of International Separation", "Special Line"}


def test_the_un_says_what_is_undetermined_and_whose_colour_it_bears(replay: Replay) -> None:
    view = View("un_geodata", layer="areas")
    serve(replay, UnGeodata.service, un_layers())
    body = ask(UnGeodata(), view, replay)
    by_code = {feature.code: feature for feature in read(UnGeodata(), view, body).features}
    kashmir, aksai_chin, sahara = by_code["xjk"], by_code["xAC"], by_code["ESH"]
    assert (kashmir.word, kashmir.owner) == ("Undetermined", None)
    assert (aksai_chin.word, aksai_chin.owner) == ("Undetermined", "CHN")
    assert sahara.word == "Non-Self Governing Territory"
    world = world_from_snapshot(UnGeodata(), Snapshot(captured(view, body), body.parts))
    owners = {painted.code: painted.owner for painted in world.painted}
    assert (owners["xjk"], owners["xAC"], owners["ESH"], owners["FRA"]) == ("kashmir", "CN", "EH", "FR")


def test_a_fill_that_is_nobodys_colour_gives_the_ground_to_nobody_else(replay: Replay) -> None:
    view = View("un_geodata", layer="areas")
    layers = un_layers()
    for attributes, _ in layers[2].rows:
        if attributes["stscod"] == 99:
            attributes["isoclr"] = "XXX"
    serve(replay, UnGeodata.service, layers)
    features = read(UnGeodata(), view, ask(UnGeodata(), view, replay)).features
    assert {feature.owner for feature in features if feature.word == "Undetermined"} == {None}


def test_the_uns_lines_are_read_by_type_and_its_coast_is_not_asked_for(replay: Replay) -> None:
    view = View("un_geodata", layer="lines")
    layers = un_layers()
    serve(replay, UnGeodata.service, layers)
    features = read(UnGeodata(), view, ask(UnGeodata(), view, replay)).features
    found = {feature.code: (feature.word, feature.style) for feature in features}
    assert found["IND_PAK"] == ("other line of separation", LineStyle.DASHED)
    assert found["SDN_SSD"] == ("undetermined boundary", LineStyle.DASHED)
    assert found["FRA_ESP"] == ("international boundary", LineStyle.SOLID)
    assert found[None] == ("construction line", LineStyle.NOT_DRAWN)
    assert "FRA" not in found, "type 0 is the coast"
    assert len(features) == len(layers[1].rows) - 1


def test_a_type_of_line_new_to_us_is_read_only_where_the_services_own_legend_explains_it(replay: Replay) -> None:
    view = View("un_geodata", layer="lines")
    layers = un_layers()
    layers[1].rows[0][0]["bdytyp"] = 7
    serve(replay, UnGeodata.service, layers)
    body = ask(UnGeodata(), view, replay)
    with pytest.raises(SchemaChanged, match="unknown bdytyp '7'") as caught:
        read(UnGeodata(), view, body)
    assert caught.value.words == ("7",)
    symbol = {"type": "esriSLS", "style": "esriSLSDot"}
    layers[1].renderer = {
        "type": "uniqueValue",
        "field1": "bdytyp",
        "uniqueValueInfos": [{"value": 7, "label": "Armistice line", "symbol": symbol}],
    }
    features = read(UnGeodata(), view, ask(UnGeodata(), view, replay)).features
    assert (features[0].word, features[0].style) == ("Armistice line", LineStyle.DASHED)


def test_the_bank_draws_the_ground_it_gives_to_nobody_beside_its_countries(replay: Replay) -> None:
    view = View("world_bank", layer="areas")
    serve(replay, WorldBank.service, world_bank_layers())
    body = ask(WorldBank(), view, replay)
    features = read(WorldBank(), view, body).features
    assert len(features) == 262 + 34
    sahara = next(feature for feature in features if feature.name == "Western Sahara")
    assert (sahara.code, sahara.word) == (None, "non-determined legal status area")
    world = world_from_snapshot(WorldBank(), Snapshot(captured(view, body), body.parts))
    assert {painted.owner for painted in world.painted if painted.name == "Kosovo"} == {"XK"}


def test_the_banks_lines_are_drawn_as_it_instructs(replay: Replay) -> None:
    view = View("world_bank", layer="lines")
    serve(replay, WorldBank.service, world_bank_layers())
    features = read(WorldBank(), view, ask(WorldBank(), view, replay)).features
    assert len(features) == 452
    assert {(feature.word, feature.style) for feature in features} == {
        (None, LineStyle.SOLID),
        ("Dashed", LineStyle.DASHED),
        ("Tightly Dashed", LineStyle.DASHED),
        ("Dotted", LineStyle.DASHED),
    }


def test_esri_says_whom_a_territory_is_affiliated_with(replay: Replay) -> None:
    view = View("esri_countries")
    serve(replay, EsriCountries.service, esri_layers())
    body = ask(EsriCountries(), view, replay)
    by_name = {feature.name: feature for feature in read(EsriCountries(), view, body).features}
    assert by_name["Greenland"].code == "GL"
    assert by_name["Greenland"].words == {"AFF_ISO": "DK", "COUNTRYAFF": "Denmark"}
    world = world_from_snapshot(EsriCountries(), Snapshot(captured(view, body), body.parts))
    assert {p.owner for p in world.painted if p.name == "Palestinian Territory"} == {"PS"}


@pytest.mark.parametrize(
    ("view", "layer", "column", "value"),
    [
        (View("lsib"), 0, "RANK", "4"),
        (View("un_geodata", layer="areas"), 2, "stscod", 6),
        (View("un_geodata", layer="lines"), 1, "bdytyp", 5),
        (View("world_bank", layer="lines"), 0, "Style", "Wavy"),
    ],
    ids=str,
)
def test_a_word_the_reader_does_not_know_is_named(
    replay: Replay, view: View, layer: int, column: str, value: Any
) -> None:
    source, layers = of(view.source), SERVED[view.source]()
    layers[layer].rows[5][0][column] = value
    serve(replay, source.service, layers)
    with pytest.raises(SchemaChanged) as caught:
        read(source, view, ask(source, view, replay))
    assert caught.value.words == (str(value),)


def test_the_log_tells_when_a_line_of_separation_becomes_a_boundary(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the wire to the log: the State Department's own words before and after, on the ground of Kashmir."""
    monkeypatch.setattr("borderwatch.pipeline.draw", lambda *_: ())
    layers, view = lsib_layers(), View("lsib")
    serve(replay, Lsib.service, layers)
    control = next(attributes for attributes, _ in layers[0].rows if attributes["LABEL"] == "Line of Control")
    with ChangeLog(tmp_path / "log.db") as log, replay.client() as client:
        shop = Workshop(Snapshots(tmp_path / "snapshots"), log, tmp_path / "maps", {"lsib": Lsib()}, jobs=1)

        def round_at(now: datetime) -> Report:
            return follow(shop, collect([Ask(Lsib(), view)], shop.snapshots, client, jobs=1, clock=lambda: now))

        assert round_at(NOW).news == ()
        layers[0].edited = EDITED + 86_400_000
        control.update(RANK="1", STATUS="International Boundary", LABEL=None)
        news = round_at(NOW + timedelta(days=7)).news
        assert round_at(NOW + timedelta(days=14)).news == (), "said once"
    told = {(change.kind, change.subject, change.old, change.new) for change in news if change.dispute == "kashmir"}
    words = ("Other Line of International Separation", "International Boundary")
    assert any(kind is Kind.RESTYLED and (old, new) == words for kind, _, old, new in told), told


# --- a layer whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"limit": 150},
        {"limit": 150, "flat_flag": True},
        {"bytes_limit": 7},
        {"paginates": False},
        {"paginates": False, "limit": 60},
        {"formats": "JSON"},
        {"formats": "JSON", "paginates": False},
    ],
    ids=str,
)
def test_a_layer_is_the_same_however_the_server_pages_it(replay: Replay, how: dict[str, Any]) -> None:
    whole = lsib(replay)
    paged = lsib(replay, lsib_layers(**how))
    assert [(f.name, f.words) for f in paged.features] == [(f.name, f.words) for f in whole.features]
    assert all(a.geometry.equals(b.geometry) for a, b in zip(paged.features, whole.features, strict=True))


def test_pages_are_asked_in_order_and_in_degrees(replay: Replay) -> None:
    layers = lsib_layers(limit=150)
    lsib(replay, layers)
    pages = [asked for asked in layers[0].questions if "resultOffset" in asked]
    assert [(asked["resultOffset"], asked["resultRecordCount"]) for asked in pages] == [
        ("0", "150"),
        ("150", "150"),
        ("300", "150"),
    ]
    assert {(a["orderByFields"], a["outSR"], a["f"], a["maxAllowableOffset"]) for a in pages} == {
        ("OBJECTID", "4326", "geojson", "0.0005")
    }


def test_ids_never_make_an_address_too_long(replay: Replay) -> None:
    layers = lsib_layers(paginates=False)
    lsib(replay, layers)
    assert max(len(asked.get("objectIds", "")) for asked in layers[0].questions) < 1_500


def test_a_server_overtaxed_by_detail_is_asked_for_less_at_once(replay: Replay) -> None:
    layers = lsib_layers()
    serve(replay, Lsib.service, layers)
    path = f"{Lsib.service.partition('arcgis.com')[2]}/0/query"
    key = ("services2.arcgis.com", path)
    real = replay._answers[key][0]
    assert callable(real)

    def overtaxed(asked: Asked) -> Reply:
        if int(asked.query.get("resultRecordCount", 0)) > 100:
            return error(500, "Error performing query operation")
        return real(asked)

    replay.on(*key, overtaxed)
    body = ask(Lsib(), View("lsib"), replay)
    assert len(read(Lsib(), View("lsib"), body).features) == 400


def test_a_layer_is_found_by_its_name_wherever_it_was_moved(replay: Replay) -> None:
    layers = world_bank_layers()
    moved = {n + 10: layer for n, layer in layers.items()}
    serve(replay, WorldBank.service, moved)
    view = View("world_bank", layer="lines")
    assert len(read(WorldBank(), view, ask(WorldBank(), view, replay)).features) == 452


def test_a_service_without_the_layer_names_those_it_has(replay: Replay) -> None:
    layers = world_bank_layers()
    serve(replay, WorldBank.service, {3: layers[3]})
    with pytest.raises(SchemaChanged, match="WB_GAD_ADM2"):
        ask(WorldBank(), View("world_bank", layer="lines"), replay)


def test_a_missing_field_is_named_before_anything_is_downloaded(replay: Replay) -> None:
    layers = lsib_layers()
    for attributes, _ in layers[0].rows:
        attributes["RANKING"] = attributes.pop("RANK")
    serve(replay, Lsib.service, layers)
    with pytest.raises(SchemaChanged, match="no field RANK") as caught:
        ask(Lsib(), View("lsib"), replay)
    assert caught.value.words == ("RANK",)
    assert layers[0].questions == []


def test_lines_where_areas_were_is_a_new_schema(replay: Replay) -> None:
    layers = lsib_layers()
    layers[0].geometry = "esriGeometryPolygon"
    serve(replay, Lsib.service, layers)
    with pytest.raises(SchemaChanged, match="esriGeometryPolygon"):
        ask(Lsib(), View("lsib"), replay)


def test_a_layer_that_lost_most_of_its_features_is_not_whole(replay: Replay) -> None:
    serve(replay, Lsib.service, lsib_layers(count=40))
    with pytest.raises(Partial, match="40 features of lines; at least 300"):
        ask(Lsib(), View("lsib"), replay)


def test_an_empty_layer_is_not_whole(replay: Replay) -> None:
    layers = lsib_layers()
    serve(replay, Lsib.service, layers)
    definition = layers[0].definition(0)
    layers[0].rows = []
    replay.on("services2.arcgis.com", f"{Lsib.service.partition('arcgis.com')[2]}/0", json=definition)
    with pytest.raises(Partial, match="0 features"):
        ask(Lsib(), View("lsib"), replay)


def test_a_feature_that_never_comes_makes_the_answer_partial(replay: Replay) -> None:
    serve(replay, Lsib.service, lsib_layers())
    body = ask(Lsib(), View("lsib"), replay)
    parts = []
    for part in body.parts:
        if "page" in part.name:
            page = json.loads(part.data)
            page["features"].pop(17)
            parts.append(replace(part, data=json.dumps(page).encode()))
        else:
            parts.append(part)
    with pytest.raises(Partial, match=r"399 features came.*of 400 listed.*missing 18"):
        read(Lsib(), View("lsib"), replace(body, parts=tuple(parts)))


def test_a_layer_edited_while_it_is_read_is_asked_for_again(replay: Replay) -> None:
    layers = lsib_layers(limit=150)
    serve(replay, Lsib.service, layers)

    class Edited(list[Mapping[str, str]]):
        def append(self, asked: Mapping[str, str]) -> None:
            super().append(asked)
            layers[0].edited = EDITED + len(self)

    layers[0].questions = Edited()
    with pytest.raises(Partial, match="edited while it was read"):
        ask(Lsib(), View("lsib"), replay)


def test_an_older_edition_cannot_be_asked_for(replay: Replay) -> None:
    from borderwatch.models import Edition

    with replay.client() as client, pytest.raises(NotServed):
        Lsib().capture(View("lsib"), client.asking(), Edition("2024", None))
    assert replay.asked == []


# --- what goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (400, "Invalid query parameters", SchemaChanged),
        (400, "Invalid URL", NotServed),
        (403, "You do not have permissions to access this resource", Refused),
        (404, "Service not found", NotServed),
        (429, "Too many requests", RateLimited),
        (498, "Invalid token.", Refused),
        (499, "Token Required", Refused),
        (500, "Unable to complete operation.", Partial),
        (504, "Your request has timed out.", Partial),
        (None, "", Partial),
    ],
)
@pytest.mark.parametrize("where", ["", "/0", "/0/query"])
def test_an_error_inside_a_200_is_told_from_the_answer(
    replay: Replay, code: int | None, message: str, kind: type[CaptureProblem], where: str
) -> None:
    serve(replay, Lsib.service, lsib_layers())
    path = Lsib.service.partition("arcgis.com")[2] + where
    replay.on("services2.arcgis.com", path, json={"error": {"code": code, "message": message, "details": []}})
    with pytest.raises(kind) as caught:
        ask(Lsib(), View("lsib"), replay)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert "services2.arcgis.com" in str(caught.value)


def test_the_directory_page_is_not_the_answer(replay: Replay) -> None:
    replay.on("services2.arcgis.com", "*", Reply(b"<html><head><title>ArcGIS REST Services Directory</title></head>"))
    with pytest.raises(Malformed, match="HTML page"):
        ask(Lsib(), View("lsib"), replay)


@pytest.mark.parametrize("reference", [{"wkid": 102100, "latestWkid": 3857}, {}, {"wkt": 'PROJCS["x"]'}])
def test_coordinates_that_are_not_degrees_are_refused(replay: Replay, reference: dict[str, Any]) -> None:
    layer = lsib_layers(formats="JSON")
    serve(replay, Lsib.service, layer)
    body = ask(Lsib(), View("lsib"), replay)
    parts = tuple(
        replace(part, data=json.dumps({**json.loads(part.data), "spatialReference": reference}).encode())
        if "page" in part.name
        else part
        for part in body.parts
    )
    with pytest.raises(SchemaChanged, match="4326"):
        read(Lsib(), View("lsib"), replace(body, parts=parts))


def test_latitude_before_longitude_is_refused(replay: Replay) -> None:
    layers = lsib_layers()
    layers[0].rows = [(attributes, [[y, x] for x, y in line]) for attributes, line in layers[0].rows]
    with pytest.raises(Malformed, match="not longitude and latitude"):
        lsib(replay, layers)


def test_a_broken_page_is_malformed(replay: Replay) -> None:
    serve(replay, Lsib.service, lsib_layers())
    body = ask(Lsib(), View("lsib"), replay)
    for cut in (0.3, 0.999):
        parts = tuple(
            replace(part, data=part.data[: int(len(part.data) * cut)]) if "page" in part.name else part
            for part in body.parts
        )
        with pytest.raises(Malformed):
            read(Lsib(), View("lsib"), replace(body, parts=parts))


# --- Esri's own JSON ---------------------------------------------------------------------------------


def esri_page(geometry: object, **attributes: object) -> bytes:
    feature = {"attributes": {"OBJECTID": 1, **attributes}, "geometry": geometry}
    return json.dumps({"spatialReference": {"wkid": 4326}, "features": [feature]}).encode()


LAYER = arcgis.layer_from_bytes(
    json.dumps(Layer("x", "esriGeometryPolygon", [({"A": 1}, square(0, 0))]).definition(0)).encode(), "a test"
)


def drawn(geometry: object) -> shapely.Geometry | None:
    return arcgis.page_from_bytes(esri_page(geometry), LAYER, "a test").features[0].geometry


def test_exteriors_turn_clockwise_and_their_holes_the_other_way() -> None:
    outer, island = square(0, 0, 10)[0][::-1], square(4, 4, 1)[0][::-1]
    lake, far = square(2, 2, 5)[0], square(20, 0, 2)[0][::-1]
    found = drawn({"rings": [outer, lake, island, far]})
    assert found is not None
    assert found.area == pytest.approx(100 - 25 + 1 + 4)
    assert not found.contains(shapely.Point(3, 3))
    assert found.contains(shapely.Point(4.5, 4.5))


def test_rings_that_all_turn_one_way_are_read_all_the_same() -> None:
    for turn in (1, -1):
        two = drawn({"rings": [square(0, 0, 2)[0][::turn], square(5, 5, 1)[0][::turn]]})
        assert two is not None
        assert two.area == pytest.approx(5)


def test_what_draws_nothing_is_kept_as_a_feature_without_a_place() -> None:
    assert drawn(None) is None
    assert drawn({"rings": []}) is None
    assert drawn({"paths": []}) is None


@pytest.mark.parametrize("geometry", [{"curveRings": []}, {"curvePaths": []}, {"circle": 1}, {}])
def test_a_geometry_nobody_can_read_exactly_is_a_new_schema(geometry: object) -> None:
    with pytest.raises(SchemaChanged):
        drawn(geometry)


@pytest.mark.parametrize("geometry", [7, "x", {"rings": [7]}, {"rings": [[["a", "b"]] * 4]}])
def test_a_geometry_that_is_none_is_malformed(geometry: object) -> None:
    with pytest.raises(Malformed):
        drawn(geometry)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        7,
        {"fields": []},
        {"fields": [{"name": "A", "type": "x"}], "geometryType": "esriGeometryPolygon"},
        {"fields": 3, "geometryType": "esriGeometryPolygon", "objectIdField": "OBJECTID"},
    ],
)
def test_what_is_no_definition_of_a_layer_is_said(value: object) -> None:
    with pytest.raises((SchemaChanged, Malformed)):
        arcgis.layer_from_bytes(json.dumps(value).encode(), "a test")


@pytest.mark.parametrize("listed", ["x", [1, 1], [1, "2"], [True]])
def test_what_is_no_list_of_ids_is_said(listed: object) -> None:
    with pytest.raises((SchemaChanged, Malformed)):
        arcgis.ids_from_bytes(json.dumps({"objectIds": listed}).encode(), "a test")
    assert arcgis.ids_from_bytes(b'{"objectIds": null}', "a test") == ()


def test_an_edit_dated_beyond_all_calendars_is_none(replay: Replay) -> None:
    layers = lsib_layers(edited=10**19)
    serve(replay, Lsib.service, layers)
    assert ask(Lsib(), View("lsib"), replay).edition is None


def test_a_layer_that_never_ends_is_stopped(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    from borderwatch import arcgis as asking

    monkeypatch.setattr(asking, "MOST_QUESTIONS", 4)
    serve(replay, Lsib.service, lsib_layers(bytes_limit=7))
    with pytest.raises(TooLarge, match="not whole after 4 questions"):
        ask(Lsib(), View("lsib"), replay)
    monkeypatch.setattr(asking, "ALL_BYTES", 5_000)
    with pytest.raises(TooLarge, match="5,000 bytes"):
        ask(Lsib(), View("lsib"), replay)
