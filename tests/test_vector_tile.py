"""Vector tiles, archives of them and map styles: what every reader of them may rely on, and what they refuse."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.basemaps import resolution_km, tiles_of_disputes
from borderwatch.errors import Malformed, SchemaChanged, TooLarge
from borderwatch.formats import pmtiles_archive, vector_tile
from borderwatch.formats.pmtiles_archive import PmtilesArchive
from borderwatch.formats.style_rules import drawn_by, is_passed, line_rules
from borderwatch.formats.vector_tile import (
    Tile,
    extent_of,
    features_from_tiles,
    layers_of,
    tile_from_part,
    tiles_over,
    unpacked,
)
from borderwatch.geometry import length_km
from borderwatch.models import LineStyle, Part
from tests.replay_tiles import Layers, pmtiles_bytes, tile_bytes

UNIT = 360 / 2**6 / 4096
"""Degrees of longitude of one unit at zoom 6."""


def parts(layers: Layers, zoom: int = 6, around: Any = None) -> list[Part]:
    drawn = [geometry for features in layers.values() for geometry, _ in features]
    return [Part(tile.part, tile_bytes(tile, layers)) for tile in tiles_over(around or drawn, zoom)]


def read(found: list[Part], layer: str = "b", **more: Any) -> tuple[vector_tile.TileFeature, ...]:
    return features_from_tiles(found, lambda name: name == layer, **more)


# --- joined across tiles ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(10, 30), st.floats(35, 55)), min_size=2, max_size=6, unique=True),
)
def test_a_line_across_tiles_is_one_line_where_it_was_drawn(points: list[tuple[float, float]]) -> None:
    drawn = shapely.segmentize(shapely.LineString(points), 0.5)
    found = read(parts({"b": [(drawn, {"kind": "country"})]}))
    assert len(found) == 1
    (feature,) = found
    assert shapely.hausdorff_distance(feature.geometry, drawn) <= 3 * UNIT
    assert length_km(feature.geometry) == pytest.approx(length_km(shapely.union_all([drawn])), rel=0.02, abs=1)


def test_a_simple_line_across_ten_tiles_has_two_ends() -> None:
    drawn = shapely.LineString([(1, 48.1), (50, 48.9)])
    (feature,) = read(parts({"b": [(drawn, {"kind": "country"})]}))
    assert feature.geometry.geom_type == "LineString"
    ends = shapely.get_coordinates(feature.geometry)[[0, -1]]
    assert np.abs(np.sort(ends[:, 0]) - [1, 50]).max() <= UNIT


@settings(max_examples=15, deadline=None)
@given(st.floats(5, 20), st.floats(40, 50), st.floats(0.5, 12), st.floats(0.5, 8))
def test_an_area_across_tiles_is_one_area(west: float, south: float, wide: float, high: float) -> None:
    drawn = shapely.box(west, south, west + wide, south + high)
    (feature,) = read(parts({"b": [(drawn, {"kind": "ocean"})]}))
    assert feature.geometry.geom_type == "Polygon"
    assert feature.geometry.symmetric_difference(drawn).area <= 3 * UNIT * drawn.length


def test_lines_that_differ_in_what_is_told_stay_apart_and_others_join() -> None:
    west, east = shapely.LineString([(1, 48), (4, 48)]), shapely.LineString([(4, 48), (9, 48)])
    both = {"b": [(west, {"kind": "country", "id": 1}), (east, {"kind": "country", "id": 2})]}
    assert len(read(parts(both))) == 2
    assert len(read(parts(both), same_by=lambda _layer, said: said["kind"])) == 1


def test_the_order_of_tiles_and_what_lies_in_their_buffers_is_no_difference() -> None:
    found = parts({"b": [(shapely.LineString([(1, 48.1), (50, 48.9)]), {"kind": "country"})]})
    assert read(found) == read(found[::-1])
    # Each tile alone holds its buffer: nothing beyond its own edge is told.
    for part in found:
        tile = tile_from_part(part.name)
        assert tile is not None
        for feature in read([part]):
            assert extent_of([tile]).buffer(1e-6).covers(feature.geometry)


def test_labels_empty_tiles_and_other_layers_are_left_out() -> None:
    layers = {"b": [(shapely.Point(5, 48), {"kind": "label"})], "roads": [(shapely.LineString([(1, 48), (2, 48)]), {})]}
    assert read([*parts(layers), Part("6/0/0.mvt", b""), Part("style.json", b"{}")]) == ()


def test_only_the_wanted_layers_are_kept_and_read_the_same() -> None:
    line = (shapely.LineString([(1, 48), (4, 48.5)]), {"kind": "country", "n": 1.5, "yes": True})
    whole = parts({"b": [line], "roads": [line] * 50})
    kept = []
    for part in whole:
        data, names = layers_of(part.data, lambda name: name == "b", part.name)
        assert set(names) == {"b", "roads"}
        assert len(data) < len(part.data) / 5
        kept.append(Part(part.name, data))
    assert read(kept) == read(whole)
    assert read(kept, "roads") == ()


# --- what is refused --------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(data: bytes) -> None:
    try:
        read([Part("6/1/2.mvt", data)])
        layers_of(data, lambda _name: True, "6/1/2.mvt")
    except (Malformed, TooLarge) as problem:
        assert "6/1/2.mvt" in str(problem)  # noqa: PT017 - either is right, a third thing is not


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_byte_is_read_or_refused(data: st.DataObject) -> None:
    (part,) = parts({"b": [(shapely.LineString([(1, 48), (2, 48.5), (3, 48)]), {"kind": "country"})]})
    spoilt = bytearray(part.data)
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read([Part(part.name, bytes(spoilt))])
    except (Malformed, TooLarge) as problem:
        assert part.name in str(problem)  # noqa: PT017


def test_a_tile_packed_by_the_server_is_unpacked_within_its_bound() -> None:
    assert unpacked(gzip.compress(b"tile"), "t") == b"tile"
    with pytest.raises(TooLarge, match="unpacks to more"):
        unpacked(gzip.compress(bytes(vector_tile.MAX_TILE_BYTES + 1)), "t")
    with pytest.raises(TooLarge, match="at most"):
        unpacked(bytes(vector_tile.MAX_TILE_BYTES + 1), "t")
    with pytest.raises(Malformed, match="cut"):
        unpacked(gzip.compress(b"tile" * 99)[:-9], "t")
    with pytest.raises(Malformed, match="damaged"):
        unpacked(b"\x1f\x8b" + b"\xff" * 20, "t")


def test_tiles_of_two_zooms_are_not_one_map() -> None:
    line = {"b": [(shapely.LineString([(1, 48), (2, 48)]), {})]}
    with pytest.raises(Malformed, match="several zooms"):
        read([*parts(line, 5), *parts(line, 6)])


def test_too_many_tiles_or_features_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"b": [(shapely.LineString([(1, 48), (2, 48)]), {})]}
    monkeypatch.setattr(vector_tile, "MAX_FEATURES", 0)
    with pytest.raises(TooLarge, match="features"):
        read(parts(line))
    monkeypatch.setattr(vector_tile, "MAX_TILES", 0)
    with pytest.raises(TooLarge, match="tiles"):
        read(parts(line))


@pytest.mark.parametrize("name", ["a.mvt", "6/1/2.pbf", "6/1/2.mvt/../x", "-6/1/2.mvt", "6/1/222222.mvt", ""])
def test_a_part_that_is_no_tile_is_none(name: str) -> None:
    assert tile_from_part(name) is None


def test_tiles_over_ground_cover_it_and_no_more() -> None:
    ground = shapely.box(10, 40, 30, 50)
    tiles = tiles_over([ground], 6)
    assert extent_of(tiles).covers(ground)
    assert all(extent_of([tile]).intersects(ground) for tile in tiles)
    assert tiles_over([ground], 6) == tiles_over([ground, ground], 6)


def test_finer_zooms_show_finer_things_and_disputes_need_few_tiles() -> None:
    assert resolution_km(5) == pytest.approx(2 * resolution_km(6), rel=0.01)
    assert resolution_km(6) == pytest.approx(8 * 40_075 / 64 / 4096, rel=0.01)
    assert all(tile.z == 6 for tile in tiles_of_disputes(6))


# --- a planet in one file --------------------------------------------------------------------------------


def archive(data: bytes) -> PmtilesArchive:
    return PmtilesArchive(lambda first, length: data[first : first + length], "planet")


def test_a_tile_is_found_in_an_archive_and_where_there_is_none_it_is_empty() -> None:
    tiles = {Tile(6, x, y): f"{x} {y}".encode() for x in range(30, 40) for y in range(20, 30)}
    found = archive(pmtiles_bytes(tiles))
    assert all(unpacked(found.tile(tile), "t") == data for tile, data in tiles.items())
    assert found.tile(Tile(6, 0, 0)) == b""


def test_an_archive_with_leaf_directories_is_read_with_few_questions() -> None:
    chance = random.Random(8)  # noqa: S311 - no secret
    places = [Tile(8, chance.randrange(256), chance.randrange(256)) for _ in range(12_000)]
    tiles = {tile: chance.randbytes(chance.randrange(1, 200)) for tile in places}
    data = pmtiles_bytes(tiles)
    asked: list[tuple[int, int]] = []

    def ask(first: int, length: int) -> bytes:
        asked.append((first, length))
        return data[first : first + length]

    found = PmtilesArchive(ask, "planet")
    for tile in list(tiles)[:40]:
        assert unpacked(found.tile(tile), "t") == tiles[tile]
    assert found.header["leaf_directory_length"] > 0, "the story needs leaves"
    assert len(asked) <= 1 + 40 + 6


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_read_or_refused(data: st.DataObject) -> None:
    spoilt = bytearray(pmtiles_bytes({Tile(6, 33, 22): b"tile", Tile(6, 34, 22): b"other"}))
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        archive(bytes(spoilt)).tile(Tile(6, 33, 22))
    except (Malformed, SchemaChanged, TooLarge) as problem:
        assert "planet" in str(problem)  # noqa: PT017


def test_a_directory_that_is_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pmtiles_archive, "MAX_DIRECTORY_BYTES", 10)
    with pytest.raises(TooLarge, match="directory"):
        archive(pmtiles_bytes({Tile(6, 33, 22): b"tile"})).tile(Tile(6, 33, 22))
    monkeypatch.setattr(pmtiles_archive, "MAX_DIRECTORY_BYTES", 4_000)
    data = bytearray(pmtiles_bytes({Tile(6, 33, 22): b"tile"}))
    engine = zlib.compressobj(9, wbits=31)
    bomb = engine.compress(bytes(2_000_000)) + engine.flush()
    data[8:24] = (127).to_bytes(8, "little") + len(bomb).to_bytes(8, "little")
    data[127 : 127 + len(bomb)] = bomb
    with pytest.raises(TooLarge, match="unpacks"):
        archive(bytes(data)).tile(Tile(6, 33, 22))


# --- styles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "passed"),
    [
        (["==", "kind", "country"], True),
        (["==", ["get", "kind"], "country"], True),
        (["!=", "kind", "country"], False),
        (["==", "level", 2], True),
        (["==", "level", 2.0], True),
        (["==", "level", "2"], False),
        (["<=", "level", 2], True),
        ([">", "level", 2], False),
        ([">", "level", "1"], False),
        ([">", "missing", 1], False),
        (["in", "kind", "country", "region"], True),
        (["!in", "kind", "country", "region"], False),
        (["in", ["get", "kind"], ["literal", ["country"]]], True),
        (["in", "ount", ["get", "kind"]], True),
        (["has", "kind"], True),
        (["!has", "kind"], False),
        (["has", "kind:in"], True),
        (["all", ["has", "kind"], ["==", "$type", "LineString"]], True),
        (["any"], False),
        (["all"], True),
        (["none", ["has", "missing"]], True),
        (["!", ["has", "missing"]], True),
        (["match", ["get", "kind:in"], ["disputed", "claim"], False, True], True),
        (["match", ["get", "kind"], "country", True, False], True),
        (["case", ["has", "missing"], False, ["has", "kind"]], True),
        (["==", ["coalesce", ["get", "missing"], ["get", "kind"]], "country"], True),
        (["==", ["to-string", ["get", "level"]], "2"], True),
        (["==", ["geometry-type"], "LineString"], True),
        (["step", ["zoom"], False, 5, True], True),
        (["step", ["zoom"], False, 7, True], False),
        (["==", ["downcase", ["get", "kind"]], "country"], True),
        (["==", ["concat", "a", "b"], "ab"], True),
        (["==", ["boolean", ["get", "flag"]], True], True),
        (["==", ["get", "flag"], 1], False),
    ],
)
def test_a_filter_means_what_the_style_specification_says(expression: Any, passed: bool) -> None:
    said = {"kind": "country", "level": 2, "kind:in": "country", "flag": True}
    assert is_passed(expression, said, 6, "style") is passed


@pytest.mark.parametrize(
    "expression", [["within", {}], ["distance", 1], ["==", ["feature-state", "x"], 1], [["get"], 1]]
)
def test_an_operator_that_is_not_known_is_named_and_never_guessed(expression: Any) -> None:
    with pytest.raises((SchemaChanged, Malformed)):
        is_passed(expression, {"kind": "country"}, 6, "style")


def test_a_filter_without_end_is_refused() -> None:
    deep: Any = ["has", "kind"]
    for _ in range(200):
        deep = ["!", deep]
    with pytest.raises(Malformed, match="inside each other"):
        is_passed(deep, {}, 6, "style")


def style(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"version": 8, "layers": [{"type": "line", "source-layer": "boundaries", **layer} for layer in layers]}


def test_a_line_is_told_by_the_layers_that_draw_it() -> None:
    rules = line_rules(
        style(
            {"id": "border-case", "paint": {"line-opacity": 0}},
            {"id": "border", "filter": ["==", "kind", "country"]},
            {"id": "border-disputed", "filter": ["==", "kind", "disputed"], "paint": {"line-dasharray": [1, 1]}},
            {"id": "border-far", "minzoom": 9},
            {"id": "border-hidden", "layout": {"visibility": "none"}},
            {"id": "road", "source-layer": "roads"},
            {"id": "border-fill", "type": "fill"},
        ),
        6,
        "style",
    )
    assert [rule.id for rule in rules] == ["border", "border-disputed"]
    drawn = {kind: drawn_by(rules, "boundaries", {"kind": kind}, 6, "s") for kind in ("country", "disputed", "region")}
    assert drawn == {
        "country": ("border", LineStyle.SOLID),
        "disputed": ("border-disputed", LineStyle.DASHED),
        "region": ("in no layer of the style", LineStyle.NOT_DRAWN),
    }
    assert drawn_by(rules, "other", {"kind": "country"}, 6, "s")[1] is LineStyle.NOT_DRAWN


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        {"layers": []},
        {"layers": {}},
        style({"id": "road"}) | {"layers": [1]},
        style({"id": "border", "minzoom": "6"}),
        style({"id": "border", "paint": []}),
    ],
)
def test_what_is_no_style_is_a_changed_schema(broken: Any) -> None:
    with pytest.raises(SchemaChanged):
        line_rules(broken, 6, "style")
