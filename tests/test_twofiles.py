"""``borderwatch diff`` on two files: what it finds, says and exits with, whatever program wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import shapely
from click.testing import CliRunner, Result

from borderwatch import mapfile, twofiles
from borderwatch.cli import main
from borderwatch.disputes import catalogue
from borderwatch.errors import BorderwatchError
from borderwatch.kept import Kept
from borderwatch.models import Kind, Verdict
from tests import strategies as made

CRIMEA = catalogue().get("crimea").reference
assert CRIMEA is not None
# Ukraine and Russia as two boxes, wiggly enough to be a map of 1 km; Crimea cut out of one or the other.
UKRAINE, RUSSIA = (shapely.segmentize(shapely.box(*b), 0.02) for b in ((22, 44, 36.7, 52), (36.7, 41, 60, 60)))


def country(code: str, name: str, ground: shapely.geometry.base.BaseGeometry, **more: Any) -> dict[str, Any]:
    properties = {"ISO_A2": code, "NAME": name, **more}
    return {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(ground))}


def crimea_as(holder: str) -> list[dict[str, Any]]:
    """A map that draws Crimea as Ukraine's or Russia's ground."""
    ukraine, russia = UKRAINE.union(CRIMEA), RUSSIA.difference(CRIMEA)
    if holder == "RU":
        ukraine, russia = UKRAINE.difference(CRIMEA), RUSSIA.union(CRIMEA)
    return [country("UA", "Ukraine", ukraine), country("RU", "Russia", russia)]


def written(path: Path, features: Sequence[dict[str, Any]], **more: Any) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features), **more}), encoding="utf-8")
    return path


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return written(tmp_path / "before.geojson", crimea_as("UA"))


@pytest.fixture
def after(tmp_path: Path) -> Path:
    return written(tmp_path / "after.geojson", crimea_as("RU"))


def asked(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, words)])


# --- what it finds -------------------------------------------------------------------------------------------


def test_crimea_handed_over_is_found_with_its_owners_area_and_share(before: Path, after: Path) -> None:
    [result] = twofiles.compare(before, after, ["crimea"]).results
    assert result.comparison.verdict is Verdict.CHANGED
    [change] = result.changes
    assert (change.kind, change.loser, change.gainer) == (Kind.TRANSFER, "UA", "RU")
    assert change.area_km2 == pytest.approx(26_000, rel=0.06)
    assert change.share == pytest.approx(1.0, abs=0.01)


def test_a_file_against_itself_is_unchanged_everywhere(before: Path) -> None:
    compared = twofiles.compare(before, before)
    assert not compared.changed
    assert all(r.changes == () for r in compared.results)
    assert {r.comparison.verdict for r in compared.results} <= {
        Verdict.UNCHANGED,
        Verdict.NOT_COVERED,
        Verdict.NOT_RESOLVABLE,
    }


def test_there_and_back_are_mirror_images(before: Path, after: Path) -> None:
    [there], [back] = (twofiles.compare(a, b, ["crimea"]).results for a, b in ((before, after), (after, before)))
    assert (there.changes[0].loser, there.changes[0].gainer) == (back.changes[0].gainer, back.changes[0].loser)
    assert there.changes[0].area_km2 == pytest.approx(back.changes[0].area_km2)


def test_ground_outside_every_dispute_is_told_with_its_place(tmp_path: Path) -> None:
    taken = made.disk(30.0, 48.5, 40.0)
    old = written(tmp_path / "a.geojson", crimea_as("UA"))
    ukraine, russia = UKRAINE.union(CRIMEA).difference(taken), RUSSIA.difference(CRIMEA).union(taken)
    new = written(tmp_path / "b.geojson", [country("UA", "Ukraine", ukraine), country("RU", "Russia", russia)])
    record = twofiles.record(twofiles.compare(old, new))
    [told] = record["elsewhere"]
    assert (told["from"], told["to"]) == ("UA", "RU")
    assert told["area_km2"] == pytest.approx(3.1416 * 1600, rel=0.01)
    assert (told["lon"], told["lat"]) == (pytest.approx(30.0, abs=0.5), pytest.approx(48.5, abs=0.5))
    assert [d["dispute"] for d in record["disputes"] if d["changes"]] == []


def test_ground_told_in_a_dispute_is_not_told_elsewhere_too(before: Path, after: Path) -> None:
    compared = twofiles.compare(before, after)
    assert {r.dispute.slug for r in compared.results if r.changes} == {"crimea", "sevastopol"}
    assert compared.elsewhere == ()


# --- whatever program wrote it -------------------------------------------------------------------------------


def as_topojson(path: Path, features: list[dict[str, Any]]) -> Path:
    arcs: list[Any] = []
    geometries = []
    for feature in features:
        polygons = []
        for part in shapely.get_parts(shapely.from_geojson(json.dumps(feature["geometry"]))):
            rings = []
            for ring in [part.exterior, *part.interiors]:
                arcs.append([list(xy) for xy in ring.coords])
                rings.append([len(arcs) - 1])
            polygons.append(rings)
        geometries.append({"type": "MultiPolygon", "arcs": polygons, "properties": feature["properties"]})
    topology = {"type": "Topology", "objects": {"countries": {"type": "GeometryCollection", "geometries": geometries}}}
    path.write_text(json.dumps({**topology, "arcs": arcs}), encoding="utf-8")
    return path


def by_geopandas(driver: str, suffix: str, crs: int = 4326) -> Callable[[Path, list[dict[str, Any]]], Path]:
    def write(path: Path, features: list[dict[str, Any]]) -> Path:
        import geopandas

        frame = geopandas.GeoDataFrame.from_features(features, crs=4326).to_crs(crs)
        target = path.with_suffix(suffix)
        if driver == "parquet":
            frame.to_parquet(target)
        else:
            frame.to_file(target, driver=driver)
        return target

    return write


def zipped(path: Path, features: list[dict[str, Any]]) -> Path:
    import zipfile

    folder = path.with_suffix("")
    folder.mkdir()
    shape = by_geopandas("ESRI Shapefile", ".shp")(folder / "countries.x", features)
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for part in shape.parent.iterdir():
            archive.write(part, part.name)
    return target


FORMATS: dict[str, Callable[[Path, list[dict[str, Any]]], Path]] = {
    "TopoJSON": as_topojson,
    "Shapefile": by_geopandas("ESRI Shapefile", ".shp"),
    "zipped Shapefile": zipped,
    "GeoPackage": by_geopandas("GPKG", ".gpkg"),
    "FlatGeobuf": by_geopandas("FlatGeobuf", ".fgb"),
    "GeoParquet": by_geopandas("parquet", ".parquet"),
    "GeoPackage in Web Mercator": by_geopandas("GPKG", ".gpkg", 3857),
    "Shapefile in an equal-area projection": by_geopandas("ESRI Shapefile", ".shp", 6933),
}


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_another_format_is_no_change_and_hides_none(before: Path, tmp_path: Path, form: str) -> None:
    same = FORMATS[form](tmp_path / "same.x", crimea_as("UA"))
    [unchanged] = twofiles.compare(before, same, ["crimea"]).results
    assert unchanged.comparison.verdict is Verdict.UNCHANGED
    assert unchanged.changes == ()
    other = FORMATS[form](tmp_path / "other.x", crimea_as("RU"))
    [changed] = twofiles.compare(before, other, ["crimea"]).results
    assert [(c.loser, c.gainer) for c in changed.changes] == [("UA", "RU")]


@pytest.mark.parametrize("field", ["iso_a2", "ISO_A3", "country_code", "CNTR_ID", "SOV_A3", "shapeGroup", "GID_0"])
def test_the_owner_field_is_found_under_its_usual_names(before: Path, tmp_path: Path, field: str) -> None:
    codes = {"UA": "UKR", "RU": "RUS"} if field in ("ISO_A3", "SOV_A3", "shapeGroup", "GID_0") else {}
    features = []
    for number, feature in enumerate(crimea_as("RU")):
        code = feature["properties"]["ISO_A2"]
        features.append({**feature, "properties": {"OBJECTID": number, "scalerank": 1, field: codes.get(code, code)}})
    [result] = twofiles.compare(before, written(tmp_path / "b.geojson", features), ["crimea"]).results
    assert [(c.loser, c.gainer) for c in result.changes] == [("UA", "RU")]


@pytest.mark.parametrize(
    ("field", "words"), [("cca2", {"UA": "ua", "RU": "ru"}), ("pays", {"UA": "Ukraine", "RU": "Russie"})]
)
def test_the_owner_field_is_found_by_what_is_in_it(
    before: Path, tmp_path: Path, field: str, words: dict[str, str]
) -> None:
    others = {"continent": "Europe", "langue": "ru"}
    features = [
        {**f, "properties": {**others, field: words.get(f["properties"]["ISO_A2"], f["properties"]["ISO_A2"])}}
        for f in crimea_as("RU")
    ]
    [result] = twofiles.compare(before, written(tmp_path / "b.geojson", features), ["crimea"]).results
    assert [(c.loser, c.gainer) for c in result.changes] == [("UA", "RU")]


def test_a_column_that_tells_no_owners_apart_is_no_owner_field(before: Path, tmp_path: Path) -> None:
    features = [
        {**f, "properties": {"continent": "Europe", "langue": "ru", "region": f"Region {n % 2}", "n": n}}
        for n, f in enumerate([*crimea_as("RU"), *crimea_as("UA")])
    ]
    answer = asked(before, written(tmp_path / "b.geojson", features))
    assert answer.exit_code == 2
    assert "continent, langue, region, n" in answer.output


def test_names_alone_will_do(before: Path, tmp_path: Path) -> None:
    features = [{**f, "properties": {"name": f["properties"]["NAME"]}} for f in crimea_as("RU")]
    [result] = twofiles.compare(before, written(tmp_path / "b.geojson", features), ["crimea"]).results
    assert [(c.loser, c.gainer) for c in result.changes] == [("UA", "RU")]


def test_the_field_insisted_on_is_used(tmp_path: Path) -> None:
    # The file says both whose it is by law and who is there: the caller chooses.
    def side(holder: str) -> list[dict[str, Any]]:
        return [
            {**f, "properties": {**f["properties"], "HELD_BY": code}}
            for f, code in zip(crimea_as(holder), ("Ukraine", "Russia"), strict=True)
        ]

    old, new = written(tmp_path / "a.geojson", side("UA")), written(tmp_path / "b.geojson", side("RU"))
    [result] = twofiles.compare(old, new, ["crimea"], owner_field="HELD_BY").results
    assert [(c.loser, c.gainer) for c in result.changes] == [("UA", "RU")]
    answer = asked(old, new, "--owner-field", "NOBODY")
    assert answer.exit_code == 2
    assert "HELD_BY" in answer.output


# --- detection limit -----------------------------------------------------------------------------------------


def test_the_finest_thing_a_file_can_show_does_not_hang_on_vertices_that_say_nothing() -> None:
    coarse = [shapely.box(0, 40, 5, 45), shapely.Point(20, 40).buffer(3, quad_segs=4)]
    dense = [shapely.segmentize(g, 0.01) for g in coarse]
    assert mapfile.finest_km(dense) == pytest.approx(mapfile.finest_km(coarse), rel=0.1)


def test_a_coarse_file_says_that_it_cannot_tell(tmp_path: Path) -> None:
    old = written(tmp_path / "a.geojson", [country("ES", "Spain", shapely.box(-10, 35, 0, 44))])
    [result] = twofiles.compare(old, old, ["gibraltar"]).results
    assert result.comparison.verdict is Verdict.NOT_RESOLVABLE
    assert result.comparison.reason


def test_the_callers_resolution_is_kept(before: Path, after: Path) -> None:
    [result] = twofiles.compare(before, after, ["crimea"], resolution_km=3.5).results
    assert result.comparison.limit_km == 3.5


# --- the JSON contract, the exit codes -----------------------------------------------------------------------


def test_json_keeps_its_contract(before: Path, after: Path) -> None:
    answer = asked(before, after, "--disputes", "crimea,kosovo", "--format", "json")
    record = json.loads(answer.stdout)
    assert (record["before"], record["after"]) == (str(before), str(after))
    by_slug = {d["dispute"]: d for d in record["disputes"]}
    assert set(by_slug) == {"crimea", "kosovo"}
    crimea = by_slug["crimea"]
    assert crimea["verdict"] == "changed"
    assert crimea["before"] == pytest.approx({"UA": 1.0}, abs=0.02)
    assert crimea["after"] == pytest.approx({"RU": 1.0}, abs=0.02)
    assert crimea["detection_limit_km"] > 0
    [change] = crimea["changes"]
    assert {"kind", "significance", "from", "to", "area_km2", "inradius_km", "noise_floor_km", "ratio"} <= set(change)
    assert (change["kind"], change["significance"], change["from"], change["to"]) == (
        "transfer",
        "substantive",
        "UA",
        "RU",
    )
    assert by_slug["kosovo"]["verdict"] == "not_covered"
    assert record["elsewhere"] == []


def test_exit_codes_are_those_of_diff(before: Path, after: Path, tmp_path: Path) -> None:
    assert asked(before, before).exit_code == 0
    assert asked(before, after).exit_code == 1
    assert asked(before, tmp_path / "no-such-file.geojson").exit_code == 2
    assert asked(before, after, "--disputes", "atlantis").exit_code == 2


def test_geojson_output_is_what_changed(before: Path, after: Path) -> None:
    answer = asked(before, after, "--disputes", "crimea", "--format", "geojson")
    collection = json.loads(answer.stdout)
    assert collection["type"] == "FeatureCollection"
    [feature] = collection["features"]
    assert feature["properties"]["from"] == "UA"
    assert shapely.from_geojson(json.dumps(feature["geometry"])).is_valid


def test_a_map_is_drawn_where_asked(before: Path, after: Path, tmp_path: Path) -> None:
    page = tmp_path / "change.html"
    answer = asked(before, after, "--disputes", "crimea", "--map", page)
    assert answer.exit_code == 1
    assert f"Map of crimea: {page}" in answer.output
    drawn = page.read_text(encoding="utf-8")
    assert "Crimea" in drawn
    # It stands by itself: there is no site around it to link to.
    assert "index.html" not in drawn


def test_of_several_disputes_that_changed_the_one_drawn_is_named(tmp_path: Path) -> None:
    grounds = {"XK": shapely.box(20, 42, 21.8, 43.3), "EH": shapely.box(-17, 21, -9, 27.6)}
    old, new = (
        written(
            tmp_path / f"{n}.geojson",
            [country(code, code, shapely.segmentize(g, 0.02)) for code, g in zip(codes, grounds.values(), strict=True)],
        )
        for n, codes in enumerate((("XK", "EH"), ("RS", "MA")))
    )
    answer = asked(old, new, "--disputes", "kosovo,western_sahara", "--map", tmp_path / "map.html")
    assert "Map of western_sahara, which changed most (--disputes NAME draws another):" in answer.output


# --- what cannot be compared ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.geojson", b""),
        ("pointer.geojson", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ("page.geojson", b"<!DOCTYPE html><html><body>404</body></html>"),
        ("cut.geojson", b'{"type": "FeatureCollection", "features": [{"type": "Fea'),
        ("list.json", b"[1, 2, 3]"),
        ("nothing.geojson", b'{"type": "FeatureCollection", "features": []}'),
        ("zip.zip", b"PK\x03\x04 not really"),
        ("world.rda", b"\x1f\x8b\x08\x00 an archive of R"),
        ("noise.shp", b"\x00\x00\x27\x0a" + bytes(40)),
        (
            "nan.geojson",
            b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ISO_A2":"UA"},'
            b'"geometry":{"type":"Polygon","coordinates":[[[NaN,0],[1,0],[1,1],[NaN,0]]]}}]}',
        ),
        (
            "open.geojson",
            b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ISO_A2":"UA"},'
            b'"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0]]]}}]}',
        ),
    ],
)
def test_a_file_that_is_no_map_is_an_error_that_names_it(before: Path, tmp_path: Path, name: str, data: bytes) -> None:
    bad = tmp_path / name
    bad.write_bytes(data)
    answer = asked(before, bad)
    assert answer.exit_code == 2, answer.output
    assert name in answer.output
    assert answer.exception is None or isinstance(answer.exception, SystemExit)


def test_a_file_of_r_is_refused_with_the_way_out(before: Path, tmp_path: Path) -> None:
    (tmp_path / "world.RDA").write_bytes(b"\x1f\x8b\x08\x00 an archive of R")
    assert "st_write" in asked(before, tmp_path / "world.RDA").output


def test_projected_coordinates_that_pose_as_degrees_are_refused(before: Path, tmp_path: Path) -> None:
    # Trap 4.
    def metres(feature: dict[str, Any]) -> dict[str, Any]:
        ground = shapely.transform(shapely.from_geojson(json.dumps(feature["geometry"])), lambda xy: xy * 111_000)
        return {**feature, "geometry": json.loads(shapely.to_geojson(ground))}

    other = written(tmp_path / "metres.geojson", [metres(f) for f in crimea_as("UA")])
    answer = asked(before, other)
    assert answer.exit_code == 2
    assert "metres.geojson" in answer.output


def test_half_the_map_missing_is_suspect_not_changed(before: Path, tmp_path: Path) -> None:
    half = written(tmp_path / "half.geojson", crimea_as("UA")[:1])
    compared = twofiles.compare(before, half)
    assert compared.doubt is not None
    assert {r.comparison.verdict for r in compared.results} == {Verdict.SUSPECT}
    assert all(r.comparison.reason for r in compared.results)
    assert compared.elsewhere == ()


def test_an_empty_part_among_parts_hides_no_country(before: Path, tmp_path: Path) -> None:
    # Trap 2: dropping the feature makes its country vanish.
    features = crimea_as("UA")
    multi = features[0]["geometry"]
    polygons = multi["coordinates"] if multi["type"] == "MultiPolygon" else [multi["coordinates"]]
    features[0] = {**features[0], "geometry": {"type": "MultiPolygon", "coordinates": [*polygons, []]}}
    [result] = twofiles.compare(before, written(tmp_path / "b.geojson", features), ["crimea"]).results
    assert result.comparison.verdict is Verdict.UNCHANGED


def test_ground_in_a_collection_hides_no_country(before: Path, tmp_path: Path) -> None:
    features = crimea_as("UA")
    capital = {"type": "Point", "coordinates": [30.5, 50.4]}
    mixed = {"type": "GeometryCollection", "geometries": [capital, features[0]["geometry"]]}
    features[0] = {**features[0], "geometry": mixed}
    [result] = twofiles.compare(before, written(tmp_path / "b.geojson", features), ["crimea"]).results
    assert result.comparison.verdict is Verdict.UNCHANGED


def test_a_name_full_of_markup_is_only_a_name(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"; DROP TABLE changes; --\u202e'
    features = [country("-99", evil, UKRAINE.union(CRIMEA)), country("RU", "Russia", RUSSIA.difference(CRIMEA))]
    old, new = written(tmp_path / "a.geojson", features), written(tmp_path / "b.geojson", crimea_as("RU"))
    page = tmp_path / "c.html"
    answer = asked(old, new, "--disputes", "crimea", "--map", page, "--format", "json")
    assert json.loads(answer.stdout)["disputes"][0]["changes"][0]["to"] == "RU"
    assert "<script>alert(1)" not in page.read_text(encoding="utf-8")


def test_errors_are_of_the_projects_own_tree(tmp_path: Path, before: Path) -> None:
    with pytest.raises(BorderwatchError):
        twofiles.compare(before, tmp_path)


# --- the same bytes ------------------------------------------------------------------------------------------


def test_the_same_bytes_are_unchanged_and_say_what_they_show(tmp_path: Path, before: Path) -> None:
    twin = tmp_path / "twin.geojson"
    twin.write_bytes(before.read_bytes())
    kept = Kept(tmp_path / "cache")
    first, second = (twofiles.compare(before, twin, kept=kept) for _ in range(2))
    assert first.results[0].scenes is not None
    assert second.results[0].scenes is None  # told from what was kept, without reading the map
    assert twofiles.record(first) == twofiles.record(second)
    told = {d["dispute"]: d for d in twofiles.record(second)["disputes"]}
    assert (told["crimea"]["verdict"], told["crimea"]["before"]) == ("unchanged", {"UA": 1.0})
    assert told["crimea"]["detection_limit_km"] > 0
    assert told["falklands"]["verdict"] == "not_covered"
    assert not second.changed


def test_the_same_bytes_say_what_two_readings_of_them_say(tmp_path: Path, before: Path) -> None:
    spaced = tmp_path / "spaced.geojson"
    spaced.write_bytes(before.read_bytes() + b"\n")
    read, hashed = (twofiles.record(twofiles.compare(before, b)) for b in (spaced, before))
    assert (read["compared_by"], hashed["compared_by"]) == ("boundary_chain", "same_bytes")
    assert read["disputes"] == hashed["disputes"]


def test_an_answer_that_was_kept_and_rotted_is_made_again(tmp_path: Path, before: Path, after: Path) -> None:
    kept = Kept(tmp_path / "cache")
    good = [twofiles.record(twofiles.compare(before, b, ["crimea"], kept=kept)) for b in (before, after)]
    assert len(list((tmp_path / "cache").iterdir())) == 3  # an answer and two indexes
    for file in (tmp_path / "cache").iterdir():
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] + b"\xff" + data[len(data) // 2 + 1 :])
    assert good == [twofiles.record(twofiles.compare(before, b, ["crimea"], kept=kept)) for b in (before, after)]


def test_nothing_is_kept_where_nothing_can_be(tmp_path: Path, before: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    assert not twofiles.compare(before, before, ["crimea"], kept=Kept(blocked)).changed


def test_what_is_kept_stays_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("borderwatch.kept.MAX_BYTES", 250)
    kept = Kept(tmp_path / "cache")
    for name in ("a", "b", "c"):
        kept.put(name, b"x" * 100)
    assert [kept.get(name) is not None for name in ("a", "b", "c")] == [False, True, True]
    kept.put("huge", b"x" * 300)
    assert kept.get("huge") is None


def test_a_file_that_is_no_map_is_an_error_even_against_itself(tmp_path: Path) -> None:
    path = tmp_path / "page.geojson"
    path.write_text("<html>not found</html>", encoding="utf-8")
    with pytest.raises(BorderwatchError):
        twofiles.compare(path, path)
