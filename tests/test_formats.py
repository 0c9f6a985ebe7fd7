"""Readers: bytes -> features. Real traps as small bytes, laws over made-up shapes, the evaluation data."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.errors import Malformed, TooLarge, UsageError
from borderwatch.formats.encoded_geojson import features_from_encoded_geojson
from borderwatch.formats.geojson import features_from_geojson
from borderwatch.formats.shapefile import features_from_shapefile, features_from_shapefile_zip, members_from_zip
from borderwatch.formats.topojson import features_from_javascript, features_from_topojson
from borderwatch.formats.vector_file import features_from_path, owner_field, value_of
from borderwatch.geometry import area_km2

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]


def geojson(kind: str, coordinates: Any, **properties: Any) -> bytes:
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def drawn(data: bytes) -> shapely.Geometry:
    [feature] = features_from_geojson(data)
    assert feature.geometry is not None
    return feature.geometry


# --- GeoJSON --------------------------------------------------------------------------------------


def test_a_bare_geometry_a_feature_and_a_collection_say_the_same() -> None:
    geometry = {"type": "Polygon", "coordinates": [SQUARE]}
    feature = {"type": "Feature", "properties": None, "geometry": geometry}
    collection = {"type": "FeatureCollection", "features": [feature]}
    readings = [features_from_geojson(json.dumps(value).encode()) for value in (geometry, feature, collection)]
    assert [len(r) for r in readings] == [1, 1, 1]
    assert len({r[0].geometry.wkb for r in readings if r[0].geometry}) == 1


def test_a_byte_order_mark_and_heights_are_looked_through() -> None:
    high = [[*position, 812.5] for position in SQUARE]
    assert drawn(b"\xef\xbb\xbf" + geojson("Polygon", [high])).equals(drawn(geojson("Polygon", [SQUARE])))
    assert not drawn(geojson("Polygon", [high])).has_z


def test_positions_some_with_and_some_without_height_are_read() -> None:
    mixed = [[*SQUARE[0], 1.0], *SQUARE[1:4], [*SQUARE[0], 1.0]]
    assert drawn(geojson("Polygon", [mixed])).equals(shapely.box(0, 0, 4, 4))


def test_an_empty_polygon_in_a_multipolygon_does_not_make_a_country_vanish() -> None:
    assert drawn(geojson("MultiPolygon", [[[]], [SQUARE], []])).equals(shapely.box(0, 0, 4, 4))


@pytest.mark.parametrize("geometry", [None, {"type": "Polygon", "coordinates": []}, {"type": "MultiPolygon"}])
def test_a_feature_that_draws_nothing_is_still_a_feature(geometry: Any) -> None:
    feature = {"type": "Feature", "id": 7, "properties": {"name": "Nowhere"}, "geometry": geometry}
    [read] = features_from_geojson(json.dumps({"type": "FeatureCollection", "features": [feature]}).encode())
    assert (read.geometry, read.id, read.properties) == (None, "7", {"name": "Nowhere"})


def test_islands_written_as_rings_of_one_polygon_are_islands_not_holes() -> None:
    islands = [SQUARE, [[10, 0], [11, 0], [11, 1], [10, 0]], [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]
    area = drawn(geojson("Polygon", islands))
    assert area.contains(shapely.Point(10.8, 0.5))
    assert not area.contains(shapely.Point(1.5, 1.5)), "a ring inside another is still its hole"


def test_a_first_ring_without_an_inside_does_not_take_the_others_with_it() -> None:
    rings = [[[9, 9], [9, 9.1], [9, 9]], SQUARE]
    assert drawn(geojson("MultiPolygon", [rings])).equals(shapely.box(0, 0, 4, 4))


def test_a_ring_that_crosses_itself_keeps_both_its_lobes() -> None:
    eight = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]
    area = drawn(geojson("Polygon", [eight]))
    assert area.is_valid
    assert area.contains(shapely.Point(0.2, 1))
    assert area.contains(shapely.Point(1.8, 1))


def test_projected_coordinates_are_refused_naming_their_range_and_the_feature() -> None:
    metres = [[x * 1e5, y * 1e5] for x, y in SQUARE]
    with pytest.raises(Malformed, match=r"'Elbonia'.*x runs from 0 to 400000.*EPSG:4326"):
        features_from_geojson(geojson("Polygon", [metres], name="Elbonia"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"<!DOCTYPE html><html><body>Not found", "page of markup"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "Git LFS pointer"),
        (b'{"type": "FeatureCollection", "features": [', "not JSON"),
        (b'{"type": "Topology", "arcs": []}', "TopoJSON"),
        (b'{"features": []}', "type"),
        (b'{"type": "FeatureCollection"}', "features are null"),
        (b'{"type": "FeatureCollection", "features": [3]}', "feature 0"),
        (b'{"type": "Circle", "coordinates": [0, 0]}', "Circle"),
        (b'{"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4], [5, 6]]]}', "positions"),
        (b'{"type": "Polygon", "coordinates": [[[NaN, 0], [1, 2], [3, 4], [5, 6]]]}', "NaN"),
        (b'{"type": "Polygon", "coordinates": [[[1e999, 0], [1, 2], [3, 4], [5, 6]]]}', "finite"),
        (b'{"type": "Polygon", "coordinates": "here"}', "coordinates are str"),
        (b"\xff\xfe{", "UTF-8"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_not_a_map_says_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        features_from_geojson(data)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.booleans(), st.integers(3, 30), st.integers(0, 10_000))
def test_where_a_ring_starts_and_which_way_it_goes_is_no_difference(
    start: int, backwards: bool, corners: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    angles = np.sort(random.uniform(0, 2 * np.pi, corners))
    radii = random.uniform(1, 5, corners)
    ring = np.column_stack([30 + radii * np.cos(angles), 10 + radii * np.sin(angles)]).tolist()
    turned = ring[start % corners :] + ring[: start % corners]
    turned = turned[::-1] if backwards else turned
    one, other = (drawn(geojson("Polygon", [[*r, r[0]]])) for r in (ring, turned))
    assert one.normalize().equals_exact(other.normalize(), 1e-9)


# --- 180 degrees and the poles ----------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.floats(-60, 60), st.floats(1, 40), st.floats(1, 20), st.booleans())
def test_a_shape_stitched_over_180_degrees_is_as_large_as_anywhere_else(
    south: float, width: float, height: float, backwards: bool
) -> None:
    ring = [[180 - width / 3, south], [180 + 2 * width / 3, south], [180, south + height], [180 - width / 3, south]]
    wrapped = [[x - 360 if x > 180 else x, y] for x, y in ring]
    here = [[x - 180, y] for x, y in ring]
    wrapped = wrapped[::-1] if backwards else wrapped
    area = drawn(geojson("Polygon", [wrapped]))
    assert area.is_valid
    assert area_km2(area) == pytest.approx(area_km2(drawn(geojson("Polygon", [here]))), rel=1e-6)
    assert area.bounds[0] >= -180
    assert area.bounds[2] <= 180
    assert not area.intersects(shapely.LineString([(0, -90), (0, 90)])), "it does not lie across the sheet"


def test_a_hole_over_180_degrees_stays_a_hole() -> None:
    shell = [[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]
    hole = [[-179, 4], [179, 4], [179, 6], [-179, 6], [-179, 4]]
    area = drawn(geojson("Polygon", [shell, hole]))
    assert area.contains(shapely.Point(175, 5))
    assert not area.intersects(shapely.Point(179.5, 5))
    assert not area.intersects(shapely.Point(-179.5, 5))


@pytest.mark.parametrize("start", [-170, -30, 95])
@pytest.mark.parametrize("step", [10, -10])
def test_a_ring_round_the_south_pole_holds_the_pole_and_nothing_else(start: int, step: int) -> None:
    coast = [[(start + i * step + 180) % 360 - 180, -70] for i in range(36)]
    area = drawn(geojson("Polygon", [[*coast, coast[0]]]))
    assert area.is_valid
    for lon in (-179, -60, 0, 1, 120, 179):
        assert area.contains(shapely.Point(lon, -85))
        assert not area.intersects(shapely.Point(lon, -65))
    assert area_km2(area) == pytest.approx(15.4e6, rel=0.02), "the cap south of 70 S"


def test_antarctica_cut_for_a_sheet_is_left_as_drawn() -> None:
    cut = [[-180, -90], [-180, -70], [-60, -65], [60, -65], [180, -70], [180, -90], [-180, -90]]
    assert drawn(geojson("Polygon", [cut])).equals(shapely.Polygon(cut))


def test_a_band_drawn_right_across_the_sheet_is_a_band() -> None:
    band = [[180, -60], [180, -90], [-180, -90], [-180, -60], [180, -60]]
    assert drawn(geojson("Polygon", [band])).equals(shapely.box(-180, -90, 180, -60))


def test_rounding_beyond_180_is_not_another_hemisphere() -> None:
    ring = [[-180.0001, 60], [-170, 60], [-170, 70], [-180.0001, 70], [-180.0001, 60]]
    area = drawn(geojson("Polygon", [ring]))
    assert area.bounds == (-180, 60, -170, 70)


def test_longitudes_counted_to_360_come_home() -> None:
    ring = [[350, 0], [370 - 10, 0], [360, 5], [350, 5], [350, 0]]
    assert drawn(geojson("Polygon", [ring])).bounds == (-10, 0, 0, 5)


def test_a_line_over_180_degrees_is_cut_there() -> None:
    line = drawn(geojson("LineString", [[170, 0], [-170, 20], [-160, 20]]))
    assert line.geom_type == "MultiLineString"
    assert line.length == pytest.approx(np.hypot(20, 20) + 10)
    assert line.bounds == (-180, 0, 180, 20)


# --- TopoJSON ---------------------------------------------------------------------------------------


def topology(*, quantized: bool = True, **more: Any) -> dict[str, Any]:
    """Two squares, west and east of the meridian of 2, that share one arc."""
    arcs = [
        [[2, 0], [2, 1], [2, 2]],
        [[2, 2], [0, 2], [0, 0], [2, 0]],
        [[2, 0], [4, 0], [4, 2], [2, 2]],
    ]
    value: dict[str, Any] = {
        "type": "Topology",
        "arcs": arcs,
        "objects": {
            "countries": {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "Polygon", "id": "004", "properties": {"name": "West"}, "arcs": [[0, 1]]},
                    {"type": "MultiPolygon", "id": 8, "arcs": [[[2, ~0]]]},
                    {"type": None, "properties": {"name": "Nowhere"}},
                    {"type": "Polygon", "id": "x", "arcs": []},
                ],
            },
            "land": {"type": "Polygon", "arcs": [[1, 2]]},
        },
        **more,
    }
    if quantized:
        value["transform"] = {"scale": [0.001, 0.001], "translate": [10.0, 20.0]}
        value["arcs"] = [
            [
                [round(1000 * (b - a)) for a, b in zip(p, q, strict=True)]
                for p, q in zip([[0, 0], *arc[:-1]], arc, strict=True)
            ]
            for arc in arcs
        ]
    return value


@pytest.mark.parametrize("quantized", [True, False])
def test_neighbours_share_their_arc_bit_for_bit(quantized: bool) -> None:
    west, east, nowhere, empty = features_from_topojson(json.dumps(topology(quantized=quantized)).encode())
    assert (west.id, west.properties, east.id) == ("004", {"name": "West"}, "8")
    assert nowhere.geometry is None
    assert empty.geometry is None
    assert west.geometry is not None
    assert east.geometry is not None
    x, y = (10.0, 20.0) if quantized else (0.0, 0.0)
    assert west.geometry.equals(shapely.box(x, y, x + 2, y + 2))
    assert west.geometry.intersection(east.geometry).area == 0
    assert shapely.union(west.geometry, east.geometry).equals(shapely.box(x, y, x + 4, y + 2))


def test_an_object_is_named_guessed_or_asked_for() -> None:
    value = topology()
    assert len(features_from_topojson(json.dumps(value).encode(), "land")) == 1
    assert len(features_from_topojson(json.dumps(value).encode())) == 4
    with pytest.raises(Malformed, match="'countries', 'land'"):
        features_from_topojson(json.dumps(value).encode(), "rivers")
    value["objects"] = {"a": value["objects"]["land"], "b": value["objects"]["land"]}
    with pytest.raises(Malformed, match="'a', 'b'"):
        features_from_topojson(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arcs": None}, "without arcs"),
        ({"objects": {}}, "without objects"),
        ({"objects": {"a": {"type": "Polygon", "arcs": [[99]]}}}, "arc 99 of 3"),
        ({"objects": {"a": {"type": "Polygon", "arcs": [["0"]]}}}, "arc '0'"),
        ({"objects": {"a": {"type": "Polygon", "arcs": [0]}}}, "not a list"),
        ({"objects": {"a": {"type": "Sphere"}}}, "Sphere"),
        ({"transform": {"scale": [1]}}, "transform"),
        ({"type": "Topologie"}, "Topologie"),
    ],
)
def test_a_broken_topology_says_where(change: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        features_from_topojson(json.dumps({**topology(quantized=False), **change}).encode())


def test_a_topology_in_a_bundle_of_modules_is_found_by_its_file_name() -> None:
    script = """
      // dist/other_50m.json
      var require_other = __commonJS({ "dist/other_50m.json"(exports, module) { module.exports = { type: "No" }; } });
      // dist/world_50m.json
      var require_world = __commonJS({
        "dist/world_50m.json"(exports, module) {
          module.exports = { type: "Topology", transform: { scale: [1, 1], translate: [0, 0] },
            arcs: [[[0, 0], [4, 0], [0, 4], [-4, 0], [0, -4]]], note: "a: {b}",
            objects: { countries: { type: "GeometryCollection", geometries: [
              { type: "Polygon", id: "AAA", arcs: [[0e3]] } ] } } };
        }
      });
      var require_last = __commonJS({ "x"(exports, module) { module.exports = {}; } });
    """
    [feature] = features_from_javascript(script.encode(), "world_50m.json", "countries")
    assert feature.id == "AAA"
    assert feature.geometry is not None
    assert feature.geometry.equals(shapely.box(0, 0, 4, 4))
    with pytest.raises(Malformed, match=r"world_10m\.json"):
        features_from_javascript(script.encode(), "world_10m.json")


# --- encoded GeoJSON ----------------------------------------------------------------------------------


def encoded(ring: list[list[float]]) -> tuple[str, list[int]]:
    """A ring as the encoder writes it: the inverse of what is under test, from its documentation."""
    units = [[round(x * 1024), round(y * 1024)] for x, y in ring]
    text, previous = "", units[0]
    for unit in units:
        for now, then in zip(unit, previous, strict=True):
            step = now - then
            text += chr(((step << 1) ^ (step >> 15)) + 64)
        previous = unit
    return text, units[0]


def encoded_collection(rings: list[list[list[float]]]) -> dict[str, Any]:
    pairs = [encoded(ring) for ring in rings]
    geometry = {
        "type": "MultiPolygon",
        "coordinates": [[text for text, _ in pairs]],
        "encodeOffsets": [[offset for _, offset in pairs]],
    }
    feature = {"type": "Feature", "id": "710000", "properties": {"name": "台湾"}, "geometry": geometry}
    return {"type": "FeatureCollection", "UTF8Encoding": True, "features": [feature]}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(70, 130), st.floats(10, 50)), min_size=4, max_size=20, unique=True))
def test_an_encoded_ring_comes_back_to_a_thousandth_of_a_degree(corners: list[tuple[float, float]]) -> None:
    hull = shapely.MultiPoint(corners).convex_hull
    if hull.geom_type != "Polygon" or hull.area < 1:
        return
    ring = [list(p) for p in hull.exterior.coords]
    # Steps beyond 15 bits do not fit one character; the encoder of real files never meets them.
    ring = [list(p) for p in shapely.segmentize(shapely.LineString(ring), 10).coords]
    [feature] = features_from_encoded_geojson(json.dumps(encoded_collection([ring])).encode())
    assert feature.geometry is not None
    assert shapely.hausdorff_distance(feature.geometry, hull) < 2 / 1024


def test_the_islands_of_an_encoded_feature_are_all_there() -> None:
    rings = [
        [[119.5, 23.5], [119.5, 23.6], [119.5, 23.5]],
        [[120, 22], [122, 25], [121, 25], [120, 22]],
        [[118.2, 24.4], [118.5, 24.4], [118.4, 24.5], [118.2, 24.4]],
    ]
    [feature] = features_from_encoded_geojson(json.dumps(encoded_collection(rings)).encode())
    assert feature.geometry is not None
    assert len(shapely.get_parts(feature.geometry)) == 2


@pytest.mark.parametrize(
    ("before", "behind"),
    [("define(function() {\r\n    return ", ";\r\n});"), ("module.exports=", ";"), ("export default", ";\n")],
)
def test_a_script_that_returns_the_map_is_looked_through(before: str, behind: str) -> None:
    value = encoded_collection([[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]])
    script = before + json.dumps(value, ensure_ascii=False) + behind
    [feature] = features_from_encoded_geojson(script.encode())
    assert feature.geometry is not None
    assert feature.geometry.equals(shapely.box(0, 0, 4, 4))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"var x = 3;", "neither JSON nor a script"),
        (b"define(function() { return [1]; });", "object literal"),
        (b'{"type": "FeatureCollection", "UTF8Encoding": true, "features": 3}', "no list"),
        (
            b'{"UTF8Encoding": true, "features": [{"geometry": {"type": "Polygon", "coordinates": ["@@@"],'
            b' "encodeOffsets": [[0, 0]]}}]}',
            "3 characters",
        ),
        (
            b'{"UTF8Encoding": true, "features": [{"geometry": {"type": "Polygon", "coordinates": ["@@"],'
            b' "encodeOffsets": []}}]}',
            "without an offset",
        ),
        (b"<html>", "markup"),
    ],
)
def test_a_broken_encoding_says_so(data: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        features_from_encoded_geojson(data)


# --- shapefiles ---------------------------------------------------------------------------------------


def shapefile(folder: Path, names: list[str], encoding: str, stem: str = "map") -> dict[str, bytes]:
    shapes = [shapely.box(i, 0, i + 1, 1) for i in range(len(names))]
    frame = gpd.GeoDataFrame({"NAME": names, "ISO_A2": ["AA"] * len(names)}, geometry=shapes, crs=4326)
    frame.to_file(folder / f"{stem}.shp", encoding=encoding)
    return {path.suffix: path.read_bytes() for path in folder.glob(f"{stem}.*")}


@pytest.mark.parametrize(("encoding", "keeps_cpg"), [("UTF-8", True), ("UTF-8", False), ("ISO-8859-1", False)])
def test_names_are_read_in_the_text_they_were_written_in(tmp_path: Path, encoding: str, keeps_cpg: bool) -> None:
    names = ["Côte d'Ivoire", "Åland", "Curaçao"]
    parts = shapefile(tmp_path, names, encoding)
    if not keeps_cpg:
        parts.pop(".cpg", None)
    assert [f.properties["NAME"] for f in features_from_shapefile(parts)] == names


def test_a_field_cut_within_a_character_is_still_utf8(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, ["Åland", "x" * 79 + "é" * 5], "UTF-8")
    read = [f.properties["NAME"] for f in features_from_shapefile(parts)]
    assert read[0] == "Åland"
    assert read[1].startswith("x" * 79)
    assert "Ã" not in read[1]


def test_a_cpg_that_lies_is_not_believed(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, ["Côte d'Ivoire"], "ISO-8859-1") | {".cpg": b"UTF-8"}
    assert features_from_shapefile(parts)[0].properties["NAME"] == "Côte d'Ivoire"


def zipped(parts: dict[str, bytes], stem: str = "map") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for extension, data in parts.items():
            archive.writestr(f"folder/{stem}{extension}", data)
    return buffer.getvalue()


def test_parts_and_zip_say_the_same(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, ["Åland", "B"], "UTF-8")
    one, other = features_from_shapefile(parts), features_from_shapefile_zip(zipped(parts))
    assert [f.properties for f in one] == [f.properties for f in other]
    assert all(a.geometry.equals(b.geometry) for a, b in zip(one, other, strict=True) if a.geometry and b.geometry)


def test_a_shapefile_without_its_names_or_with_a_strange_head_is_refused(tmp_path: Path) -> None:
    parts = shapefile(tmp_path, ["A"], "UTF-8")
    with pytest.raises(Malformed, match=r"no \.dbf"):
        features_from_shapefile({".shp": parts[".shp"]})
    with pytest.raises(Malformed, match="begins"):
        features_from_shapefile({".shp": b"<html>", ".dbf": parts[".dbf"]})
    with pytest.raises(Malformed, match=r"no \.shp in the archive"):
        features_from_shapefile_zip(zipped({".txt": b"hello"}))
    with pytest.raises(Malformed, match="cannot be read"):
        features_from_shapefile_zip(zipped(parts)[:-200])


def test_a_zip_that_unpacks_a_thousandfold_is_refused() -> None:
    with pytest.raises(TooLarge, match="200-fold"):
        members_from_zip(zipped({".shp": b"\0" * 20_000_000}), lambda _: True)


# --- any file ------------------------------------------------------------------------------------------


def frame() -> gpd.GeoDataFrame:
    shapes = [shapely.box(10, 50, 12, 52), shapely.box(12, 50, 14, 52)]
    return gpd.GeoDataFrame({"ADM0_A3": ["WES", "EAS"], "NAME": ["Westland", "Eastland"]}, geometry=shapes, crs=4326)


@pytest.mark.parametrize("crs", [4326, 3857, 3035])
@pytest.mark.parametrize(
    ("name", "driver"),
    [("a.gpkg", "GPKG"), ("a.shp", "ESRI Shapefile"), ("a.fgb", "FlatGeobuf"), ("a.geojson", "GeoJSON"), ("a", "GPKG")],
)
def test_a_file_is_told_by_what_is_in_it_and_comes_out_in_degrees(
    tmp_path: Path, name: str, driver: str, crs: int
) -> None:
    made = tmp_path / ("a.gpkg" if name == "a" else name)
    frame().to_crs(crs).to_file(made, driver=driver)
    path = made if name != "a" else made.rename(tmp_path / "without_extension.dat")
    features = sorted(features_from_path(path), key=lambda f: str(f.properties["ADM0_A3"]))
    assert [f.properties["NAME"] for f in features] == ["Eastland", "Westland"]
    for feature, expected in zip(features, list(frame().geometry)[::-1], strict=True):
        assert feature.geometry is not None
        # Straight on a projected sheet is bowed in degrees (EPSG:3035): a tenth of a percent here.
        assert area_km2(feature.geometry) == pytest.approx(area_km2(expected), rel=2e-3)


def test_geoparquet_is_read_whatever_its_reference_system(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame().to_crs(3857).to_parquet(tmp_path / "a.parquet")
    features = features_from_path(tmp_path / "a.parquet")
    assert [f.properties for f in features] == [
        {"ADM0_A3": "WES", "NAME": "Westland"},
        {"ADM0_A3": "EAS", "NAME": "Eastland"},
    ]
    assert features[0].geometry is not None
    assert features[0].geometry.equals_exact(shapely.box(10, 50, 12, 52), 1e-6) or shapely.hausdorff_distance(
        features[0].geometry, shapely.box(10, 50, 12, 52)
    ) == pytest.approx(0, abs=1e-6)


def test_topojson_and_zipped_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(topology()))
    assert len(features_from_path(tmp_path / "t.json")) == 4
    assert len(features_from_path(tmp_path / "t.json", "land")) == 1
    (tmp_path / "z.zip").write_bytes(zipped({".geojson": geojson("Polygon", [SQUARE], name="A")}))
    assert len(features_from_path(tmp_path / "z.zip")) == 1


def test_an_editors_openstreetmap_file_brings_its_tags(tmp_path: Path) -> None:
    nodes = "".join(f'<node id="{-1 - i}" lat="{y}" lon="{x}"/>' for i, (x, y) in enumerate(SQUARE[:4]))
    way = "".join(f'<nd ref="{-1 - (i % 4)}"/>' for i in range(5))
    tags = '<tag k="boundary" v="administrative"/><tag k="ISO3166-1" v="QQ"/><tag k="name" v="A &quot;B&quot;"/>'
    (tmp_path / "x.osm").write_text(
        f'<?xml version="1.0"?><osm version="0.6">{nodes}<way id="-9">{way}{tags}</way></osm>'
    )
    [feature] = features_from_path(tmp_path / "x.osm")
    assert feature.properties["ISO3166-1"] == "QQ"
    assert feature.geometry is not None
    assert feature.geometry.equals(shapely.box(0, 0, 4, 4))


def test_a_file_with_several_layers_asks_which(tmp_path: Path) -> None:
    frame().to_file(tmp_path / "a.gpkg", layer="one")
    frame().to_file(tmp_path / "a.gpkg", layer="two")
    with pytest.raises(UsageError, match="'one', 'two'"):
        features_from_path(tmp_path / "a.gpkg")
    assert len(features_from_path(tmp_path / "a.gpkg", "two")) == 2
    with pytest.raises(UsageError, match="no layer 'three'"):
        features_from_path(tmp_path / "a.gpkg", "three")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.geojson", b"<!DOCTYPE html><html>"),
        ("a.geojson", b""),
        ("a.shp", b"version https://git-lfs.github.com/spec/v1\n"),
        ("a.txt", b"hello world"),
        ("a.json", b'{"a": 1}'),
        ("a.csv", b"name,x\nA,1\n"),
        ("a.zip", b"PK\x03\x04 but no more"),
        ("a.gpkg", b"SQLite format 3\0 but no more"),
        ("a.parquet", b"PAR1 but no more"),
    ],
)
def test_what_cannot_be_read_is_named_and_so_is_what_can(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Malformed, match=r"a\.\w+: ") as raised:
        features_from_path(tmp_path / name)
    assert str(tmp_path) not in str(raised.value)


def test_a_missing_file_lists_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="GeoPackage"):
        features_from_path(tmp_path / "nothing.gpkg")


# --- whose is it ------------------------------------------------------------------------------------------


def properties(*rows: dict[str, Any], ids: tuple[str, ...] = ()) -> list[Any]:
    features = [
        {"type": "Feature", "properties": row, "geometry": None, **({"id": ids[i]} if ids else {})}
        for i, row in enumerate(rows)
    ]
    return features_from_geojson(json.dumps({"type": "FeatureCollection", "features": features}).encode())


@pytest.mark.parametrize(
    ("rows", "ids", "expected"),
    [
        ([{"ISO_A2": "FR", "NAME": "France"}, {"ISO_A2": "-99", "NAME": "Kosovo"}], (), ("ISO_A2", "NAME")),
        ([{"iso1A2": "FR", "nameEn": "France"}], (), ("iso1A2", "nameEn")),
        ([{"CNTR_ID": "EL", "NAME_ENGL": "Greece"}], (), ("CNTR_ID", "NAME_ENGL")),
        ([{"name": "France"}, {"name": "Chile"}], (), (None, "name")),
        ([{"name": "France"}, {"name": "Chile"}], ("250", "152"), ("id", "name")),
        ([{}, {}], ("FRA", "CHL"), ("id", None)),
        ([{}, {}], ("France", "Chile"), (None, "id")),
        ([{"ISO_A2": None, "ADM0_A3": "FRA", "pop": 3}], (), ("ADM0_A3", None)),
        ([{"cca2": "fr", "continent": "EU"}, {"cca2": "cl", "continent": "SA"}], (), ("cca2", None)),
        ([{"pays": "Espagne", "langue": "es"}, {"pays": "Chili", "langue": "es"}], (), (None, "pays")),
    ],
)
def test_the_fields_that_say_whose_it_is_are_found(
    rows: list[dict[str, Any]], ids: tuple[str, ...], expected: tuple[str | None, str | None]
) -> None:
    assert owner_field(properties(*rows, ids=ids)) == expected


def test_the_countries_on_either_side_of_a_line_do_not_own_it() -> None:
    lines = properties({"links": "France", "rechts": "Spain"}, {"links": "Chile", "rechts": "Peru"})
    with pytest.raises(UsageError, match="links, rechts"):
        owner_field(lines, by_content=False)


def test_the_field_a_user_insists_on_is_taken_or_the_choices_are_listed() -> None:
    features = properties({"holder": "France", "c": "FR"}, {"holder": "Chile", "c": "CL"})
    assert owner_field(features, "holder") == (None, "holder")
    assert owner_field(features, "C") == ("c", None)
    with pytest.raises(UsageError, match="holder, c"):
        owner_field(features, "owner")
    with pytest.raises(UsageError, match="there are: population"):
        owner_field(properties({"population": 3}))
    assert value_of(features[0], "holder") == "France"
    assert value_of(features[0], None) is None


# --- the evaluation data ------------------------------------------------------------------------------------


def test_every_map_of_the_evaluation_data_is_read(shared: Path) -> None:
    """79 files of eight publishers: shapefiles without code pages, encoded maps, editors' files, null geometry."""
    suffixes = {".shp", ".json", ".geojson", ".topojson", ".osm", ".zip"}
    paths = [p for p in sorted((shared / "data").rglob("*")) if p.suffix in suffixes and "admin_level_2" not in str(p)]
    assert len(paths) > 50
    for path in paths:
        features = features_from_path(path)
        shapes = [f.geometry for f in features if f.geometry is not None]
        assert shapes, path
        assert shapely.is_valid(shapes).all(), path
        west, south, east, north = shapely.total_bounds(shapes)
        assert west >= -180, path
        assert east <= 180, path
        assert south >= -90, path
        assert north <= 90, path


def test_a_list_of_tags_is_not_taken_for_a_map(shared: Path) -> None:
    for path in sorted((shared / "data" / "derived" / "osm_admin_level_2_tags").glob("*.json"))[:2]:
        with pytest.raises(Malformed, match="not a map"):
            features_from_path(path)
