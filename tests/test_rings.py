"""The quick way into a file of areas gives what the careful way gives, or steps aside."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from borderwatch import mapfile
from borderwatch.diff import chain
from borderwatch.diff.chain import ChainDiff
from borderwatch.errors import BorderwatchError, Malformed, UsageError
from borderwatch.formats import ring_files
from borderwatch.formats.dbf import DbfColumns
from borderwatch.formats.geojson_rings import rings_from_geojson
from borderwatch.formats.ring_files import rings_from_path
from borderwatch.formats.rings import RingTable
from borderwatch.formats.shapefile import rings_from_shapefile
from borderwatch.formats.vector_file import features_from_path
from borderwatch.formats.wkb_rings import WkbLayer
from borderwatch.mapfile import MapFile, compared
from tests.strategies import Drawing, laws, made_case

LAKE = shapely.box(12, 41, 13, 42)
ISLANDS = shapely.MultiPolygon([shapely.box(20, 40, 21, 41), shapely.box(22, 40, 23, 41), shapely.box(24, 40, 25, 43)])
DRAWN: Drawing = (("AR", shapely.box(10, 40, 14, 44).difference(LAKE)), ("BO", LAKE), ("CL", ISLANDS))
BOW_TIE = shapely.Polygon([(30, 40), (34, 44), (34, 40), (30, 44), (30, 40)])


def write(path: Path, drawing: Drawing, **fields: list[Any]) -> Path:
    import geopandas

    table = {"ISO_A2": [o for o, _ in drawing], "NAME": [f"Land {o}" for o, _ in drawing], **fields}
    frame = geopandas.GeoDataFrame(table, geometry=[g for _, g in drawing], crs=4326)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


SUFFIXES = (".shp", ".gpkg", ".parquet", ".fgb", ".geojson")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_rings_of_a_file_are_the_areas_its_careful_reader_gives(tmp_path: Path, suffix: str) -> None:
    path = write(
        tmp_path / f"map{suffix}", (*DRAWN, *made_case(3).drawing), POP=[*range(3 + len(made_case(3).drawing))]
    )
    rings, features = rings_from_path(path), features_from_path(path)
    assert rings is not None
    assert rings.features == len(features)
    for shape, feature in zip(rings.shapes(str), features, strict=True):
        assert shape.equals_exact(feature.geometry)
    for field in features[0].properties:
        assert [*rings.columns[field]] == [f.properties[field] for f in features]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_chain_of_rings_is_the_chain_of_areas(tmp_path: Path, suffix: str) -> None:
    file = MapFile(write(tmp_path / f"map{suffix}", DRAWN))
    assert file.index.sums == file.mended_index.sums
    assert chain.diff(file.index, DRAWN, redigitised_from=2.0).residual == 0


@pytest.mark.parametrize("large", [0, mapfile.LARGE_VERTICES])
def test_ground_drawn_invalid_is_mended_before_it_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(mapfile, "LARGE_VERTICES", large)  # from here on both are mended at once
    before, after = (MapFile(write(tmp_path / f"{o}.gpkg", (*DRAWN, (o, BOW_TIE)))) for o in ("PE", "UY"))
    found = compared(before, after, redigitised_from=2.0)
    lobes = shapely.make_valid(BOW_TIE)
    assert {(f.loser, f.gainer) for f in found.faces} == {("PE", "UY")}
    assert shapely.union_all([f.geometry for f in found.faces]).symmetric_difference(lobes).area < 1e-6


def files(folder: Path, before: Drawing, after: Drawing) -> tuple[MapFile, MapFile]:
    one, other = (MapFile(write(folder / f"{n}.gpkg", drawing)) for n, drawing in enumerate((before, after)))
    assert [*one.said, *other.said]
    return one, other


def told(found: ChainDiff) -> dict[tuple[str | None, str | None], BaseGeometry]:
    pairs = {(f.loser, f.gainer) for f in found.faces}
    return {p: shapely.union_all([f.geometry for f in found.faces if (f.loser, f.gainer) == p]) for p in pairs}


def assert_as_if_all_were_mended(before: MapFile, after: MapFile) -> ChainDiff:
    found = compared(before, after, redigitised_from=2.0)
    whole = chain.diff(before.mended_index, after.mended_index, redigitised_from=2.0)
    assert told(found).keys() == told(whole).keys()
    for pair, ground in told(found).items():
        assert ground.symmetric_difference(told(whole)[pair]).area < 1e-6
    assert dict(found.areas_km2) == pytest.approx(dict(whole.areas_km2), rel=1e-6, abs=0.01)
    return found


def test_what_is_drawn_invalid_far_from_what_changed_is_not_looked_at(tmp_path: Path) -> None:
    far = ("BR", BOW_TIE)
    before, after = files(tmp_path, (*DRAWN, far), (*DRAWN[:2], ("PE", ISLANDS), far))
    found = assert_as_if_all_were_mended(before, after)
    assert not found.twisted
    assert {(f.loser, f.gainer) for f in found.faces} == {("CL", "PE")}


@pytest.mark.parametrize("suffix", [".shp", ".gpkg", ".geojson"])
def test_two_files_read_side_by_side_are_the_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    paths = [
        write(tmp_path / f"{n}{suffix}", drawing) for n, drawing in enumerate((DRAWN, made_case(3).drawing, DRAWN[:1]))
    ]
    monkeypatch.setattr(ring_files, "LARGE_BYTES", 0)
    monkeypatch.setattr(mapfile, "LARGE_VERTICES", 0)
    for one, other in zip(paths, paths[::-1], strict=True):
        for path, file in zip((one, other), MapFile.pair((one, other)), strict=True):
            assert file.path == path
            assert file.index.to_bytes() == MapFile(path).index.to_bytes()
    (tmp_path / "broken.gpkg").write_bytes(paths[0].read_bytes()[:200])
    with pytest.raises(BorderwatchError):
        MapFile.pair((paths[0], tmp_path / "broken.gpkg"))


def bowed(n: int) -> BaseGeometry:
    """Ground some of whose rings cross themselves, one another and their outside, here and there."""
    rng = np.random.default_rng(n)
    holes = []
    for x, y in rng.uniform(11, 19, (12, 2)):
        ring = np.add([x, y], [(0, 0), (1.5, 0), (1.5, 1.5), (0, 1.5)])
        holes.append(ring[[0, 2, 1, 3]] if rng.random() < 0.3 else ring)
    return shapely.Polygon(shapely.box(10, 10, 20, 20).exterior, holes)


@pytest.mark.parametrize("n", range(4))
def test_ground_drawn_invalid_lies_in_an_odd_number_of_rings(n: int) -> None:
    drawn = shapely.MultiPolygon([bowed(n), shapely.box(30, 10, 40, 20), shapely.box(35, 15, 45, 25)])
    table = WkbLayer([drawn.wkb], {}).rings()
    assert table is not None
    [shape] = table.shapes(str).tolist()
    assert shape.is_valid
    rings = shapely.make_valid(shapely.polygons(shapely.get_rings(bowed(n))))
    at = np.random.default_rng(n).uniform(9, 21, (500, 2))
    odd = np.array([shapely.contains_xy(ring, *at.T) for ring in rings.tolist()]).sum(axis=0) % 2 == 1
    assert (shapely.contains_xy(shape, *at.T) == odd).all()
    beside = shapely.box(29, 9, 46, 26)
    assert shapely.intersection(shape, beside).area == pytest.approx(175)


@pytest.mark.parametrize("n", range(8))
def test_only_what_reaches_there_is_mended_and_the_answer_is_that_of_mending_all(tmp_path: Path, n: int) -> None:
    whole = bowed(n)
    corner = shapely.box(15, 15, 17, 23)
    sea = [shapely.box(22 + k, 10, 22.5 + k, 11) for k in range(5)]
    drawing: Drawing = (("AR", whole), ("BO", bowed(n + 50)), *(("CL", s) for s in sea), ("PE", BOW_TIE))
    other: Drawing = (("AR", whole), ("BO", bowed(n + 50)), *(("CL", s) for s in sea[1:]), ("PE", BOW_TIE))
    assert assert_as_if_all_were_mended(*files(tmp_path, (*drawing, ("UY", corner)), (*other, ("PY", corner)))).faces
    swapped: Drawing = (("BO", whole), ("AR", bowed(n + 50)), *drawing[2:])
    (tmp_path / "again").mkdir()
    assert assert_as_if_all_were_mended(*files(tmp_path / "again", drawing, swapped)).twisted is False


def test_an_area_that_reached_there_in_one_file_alone_is_mended_in_both(tmp_path: Path) -> None:
    # Its hole lies outside it, where another change is drawn; elsewhere it crosses itself and does not change.
    hole = shapely.box(40, 40, 41, 41).exterior
    islet = shapely.box(40.5, 40.5, 42, 42)
    before = (*DRAWN, ("BR", shapely.Polygon(BOW_TIE.exterior, [hole])), ("CL", islet))
    found = assert_as_if_all_were_mended(*files(tmp_path, before, (*DRAWN, ("BR", BOW_TIE), ("PE", islet))))
    assert all(f.geometry.bounds[0] > 39 for f in found.faces)


# --- stepping aside --------------------------------------------------------------------------------------------------


def across(lon: float) -> BaseGeometry:
    return shapely.box(lon, 40, lon + 4, 44)


@pytest.mark.parametrize(
    "ground",
    [
        across(178.0),
        shapely.Polygon([(179, 40), (-179, 40), (-179, 44), (179, 44)]),
        shapely.LineString([(0, 0), (1, 1)]),
    ],
    ids=["past 180", "jumping the antimeridian", "a line"],
)
def test_what_needs_more_than_reading_is_left_to_the_careful_reader(tmp_path: Path, ground: BaseGeometry) -> None:
    assert rings_from_path(write(tmp_path / "map.gpkg", (*DRAWN, ("FJ", ground)))) is None


def test_a_projected_file_is_left_to_the_careful_reader(tmp_path: Path) -> None:
    import geopandas

    for suffix in SUFFIXES:
        frame = geopandas.GeoDataFrame({"ISO_A2": ["AR"]}, geometry=[LAKE], crs=4326).to_crs(3857)
        path = tmp_path / f"map{suffix}"
        frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
        assert rings_from_path(path) is None, suffix


def test_a_file_cut_short_is_left_to_the_careful_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "map.shp", DRAWN)
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        assert rings_from_path(path) is None, size


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".dbf"])
def test_any_damage_is_a_map_or_is_left_to_the_careful_reader(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / ("map.shp" if suffix == ".dbf" else f"map{suffix}"), DRAWN)
    damaged = path.with_suffix(suffix)
    whole = damaged.read_bytes()
    rng = np.random.default_rng(7)
    for at in rng.integers(0, len(whole), 60).tolist():
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        table = rings_from_path(path)
        assert table is None or isinstance(table, RingTable)


# --- winding ---------------------------------------------------------------------------------------------------------


def parts_of(path: Path) -> dict[str, bytes]:
    return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".shp", ".dbf", ".prj")}


def wound(*rings: Any) -> RingTable | None:
    """The rings of one feature as a Shapefile has them, given as corners, told apart by how they wind."""
    counts = np.array([len(ring) for ring in rings])
    own = np.zeros(len(rings), dtype=np.int64)
    return RingTable(np.concatenate(rings), counts, own, own.astype(bool), 1, {}).wound_clockwise()


def corners(shape: BaseGeometry, clockwise: bool, first: int = 0) -> np.ndarray[Any, Any]:
    """The outer ring of an area, beginning with one of its corners."""
    xy = shapely.get_coordinates(shapely.orient_polygons(shape, exterior_cw=clockwise).exterior)[:-1]
    xy = np.roll(xy, -first, axis=0)
    return np.vstack([xy, xy[:1]])


def test_an_outside_wound_the_wrong_way_is_no_hole(tmp_path: Path) -> None:
    parts = parts_of(write(tmp_path / "map.shp", (("AR", shapely.box(10, 40, 14, 44)),)))
    at = 100 + 8 + 44 + 4
    ring = np.frombuffer(parts[".shp"], "<f8", 10, at).reshape(5, 2)
    turned = parts[".shp"][:at] + ring[::-1].tobytes() + parts[".shp"][at + 80 :]
    right, wrong = (rings_from_shapefile({**parts, ".shp": shp}) for shp in (parts[".shp"], turned))
    assert right is not None
    assert wrong is not None
    assert wrong.exterior.tolist() == [True]
    assert (wrong.xy == right.xy).all()


def test_an_island_in_a_bay_wound_the_wrong_way_is_no_hole() -> None:
    shore = shapely.box(0, 0, 10, 10).difference(shapely.box(4, 4, 6, 10))
    island = shapely.box(4.5, 8, 5.5, 9)
    for rings in (
        (corners(shore, True), corners(island, False)),
        (corners(island, False), corners(shore, True)),
        # Where it touches the shore with its first corner it is none either.
        (corners(shore, True), corners(shapely.Polygon([(4, 5), (5, 4.5), (5, 5.5)]), False)),
    ):
        table = wound(*rings)
        assert table is not None
        assert table.exterior.all()
        assert table.shapes(str)[0].equals(shapely.union_all([shapely.Polygon(ring) for ring in rings]))


def test_a_hole_that_touches_its_outside_is_its_hole() -> None:
    ground = shapely.box(0, 0, 10, 10)
    hole = shapely.Polygon([(0, 5), (4, 4), (4, 6)])
    for first in range(3):
        table = wound(corners(ground, True), corners(hole, False, first))
        assert table is not None
        assert table.exterior.tolist() == [True, False]
        assert table.shapes(str)[0].equals(ground.difference(hole))


@pytest.mark.parametrize("inner", [shapely.box(4, 4, 6, 6), shapely.box(8, 8, 12, 9)], ids=["in it", "across it"])
def test_a_polygon_all_of_which_winds_the_wrong_way_is_left_to_the_careful_reader(inner: BaseGeometry) -> None:
    outer = shapely.box(0, 0, 10, 10)
    assert wound(corners(outer, False), corners(inner, True)) is None
    assert wound(corners(outer, False), corners(inner, False)) is None


def test_a_hole_that_reaches_out_of_its_outside_is_mended_as_everywhere() -> None:
    ground, hole = shapely.box(0, 0, 10, 10), shapely.box(9, 4, 13, 6)
    table = wound(corners(ground, True), corners(hole, False))
    assert table is not None
    assert table.exterior.tolist() == [True, False]
    assert table.shapes(str)[0].equals(ground.symmetric_difference(hole))


def test_thousands_of_lakes_with_islands_with_ponds_are_told_in_any_order() -> None:
    ground = [shapely.box(0, 0, 60, 60), shapely.box(70, 0, 130, 60)]
    nested: list[list[BaseGeometry]] = [[], [], []]  # lakes, the island in each, the pond on each
    for n in range(1500):
        at = shapely.Point(1.0 + n % 50 + 70 * (n % 2), 1.0 + n // 50)
        for depth, radius in enumerate((0.4, 0.3, 0.1)):
            nested[depth].append(at.buffer(radius, quad_segs=1))
    lakes, islands, ponds = nested
    expected = shapely.union_all(ground).difference(shapely.union_all(lakes))
    expected = expected.union(shapely.union_all(islands)).difference(shapely.union_all(ponds))
    clockwise = [corners(shape, True) for shape in (*ground, *islands)]
    holes = [corners(shape, False) for shape in (*lakes, *ponds)]
    parts = shapely.get_parts(shapely.orient_polygons(expected, exterior_cw=True))
    as_written = [shapely.get_coordinates(ring) for part in parts for ring in (part.exterior, *part.interiors)]
    anyhow = [*clockwise, *holes]
    np.random.default_rng(3).shuffle(anyhow)  # type: ignore[arg-type]
    for rings in (as_written, [*clockwise, *holes], [*clockwise[:1], *holes, *clockwise[1:]], anyhow):
        table = wound(*rings)
        assert table is not None
        assert int((~table.exterior).sum()) == len(holes)
        assert table.shapes(str)[0].normalize().equals_exact(expected.normalize(), 1e-9)


def test_holes_are_cut_out_of_the_outside_that_holds_them(tmp_path: Path) -> None:
    pond = shapely.box(24.2, 41, 24.8, 42)
    ground = shapely.unary_union([shapely.box(10, 40, 14, 44).difference(LAKE), ISLANDS.difference(pond)])
    path = write(tmp_path / "map.shp", (("AR", ground),))
    table = rings_from_shapefile(parts_of(path))
    assert table is not None
    assert int((~table.exterior).sum()) == 2
    assert table.shapes(str)[0].equals(ground)


@laws(25)
@given(seed=st.integers(0, 10**6), same=st.lists(st.booleans(), min_size=5, max_size=5))
def test_features_seen_before_are_told_as_if_alone(seed: int, same: list[bool]) -> None:
    """Ponds, islands in lakes and rings wound the wrong way, five features; some of them other in a second edition."""
    rng = np.random.default_rng(seed)

    def feature(west: float) -> list[np.ndarray[Any, Any]]:
        size = rng.uniform(2.0, 4.0)
        shell = shapely.box(west, 0, west + size, size)
        lake, island = shell.buffer(-0.5), shell.buffer(-0.8)
        apart = shapely.box(west, 10, west + rng.uniform(0.5, 1.0), 11)
        wound_wrong = bool(rng.integers(2))
        return [corners(shell, True), corners(lake, False), corners(island, True), corners(apart, not wound_wrong)]

    def table(features: list[list[np.ndarray[Any, Any]]]) -> RingTable:
        rings = [ring for rings in features for ring in rings]
        counts, whose = np.array([len(ring) for ring in rings]), np.repeat(np.arange(len(features)), 4)
        return RingTable(np.concatenate(rings), counts, whose, np.zeros(len(counts), dtype=bool), len(features), {})

    old = [feature(10.0 * n) for n in range(5)]
    new = [was if kept else feature(10.0 * n) for n, (was, kept) in enumerate(zip(old, same, strict=True))]
    first, alone = table(old).wound_clockwise(), table(new).wound_clockwise()
    with ThreadPoolExecutor(2) as pool:
        told = table(new).wound_clockwise(first, pool)
    assert first is not None
    assert alone is not None
    assert told is not None
    assert told.outer is not None
    assert alone.outer is not None
    assert told.outer.tolist() == alone.outer.tolist()
    assert told.exterior.tolist() == alone.exterior.tolist()
    assert (told.xy == alone.xy).all()


@laws(40)
@given(
    seed=st.integers(0, 10**6),
    kinds=st.lists(st.sampled_from(["same", "other", "none", "moved"]), min_size=1, max_size=6),
)
def test_geometries_read_before_are_read_as_if_alone(seed: int, kinds: list[str]) -> None:
    """Two editions of a layer: features that stay, are drawn otherwise, lose their geometry or come somewhere else."""
    rng = np.random.default_rng(seed)

    def drawn() -> bytes:
        west, size = rng.uniform(-170, 150), rng.uniform(2.0, 4.0)
        shell = shapely.box(west, 0, west + size, size)
        holed = shell.difference(shell.buffer(-0.5)).union(shell.buffer(-0.8))
        body = shapely.MultiPolygon([*shapely.get_parts(holed), shapely.Polygon()][: int(rng.integers(1, 4))])
        return shapely.to_wkb(body if rng.integers(2) else shapely.force_3d(body), byte_order=int(rng.integers(2)))

    old: list[bytes | None] = [drawn() for _ in kinds]
    new = [{"same": was, "none": None}.get(kind, drawn()) for was, kind in zip(old, kinds, strict=True)]
    new = [*new[1:], new[0]] if "moved" in kinds else new
    first, second = WkbLayer(old, {}), WkbLayer(new, {})
    seen, alone = first.rings(), second.rings()
    assert seen is not None
    assert alone is not None
    told = second.rings((first, seen))
    assert told is not None
    for name in ("xy", "counts", "feature", "exterior"):
        assert getattr(told, name).tolist() == getattr(alone, name).tolist()


def test_a_ring_without_vertices_is_left_to_the_careful_reader() -> None:
    shell = shapely.box(0, 0, 9, 9)
    body = bytearray(shell.wkb)
    body[5:9] = struct.pack("<I", 2)
    table = WkbLayer([bytes(body) + struct.pack("<I", 0), shell.wkb], {}).rings()
    assert table is not None
    assert table.counts.tolist() == [5, 0, 5]
    assert table.xy.tolist() == [*shapely.get_coordinates(shell).tolist()] * 2
    assert not table.plain  # so that the careful reader judges


# --- attributes ------------------------------------------------------------------------------------------------------


def test_names_are_read_in_the_codec_they_were_written_in(tmp_path: Path) -> None:
    path = write(tmp_path / "map.shp", DRAWN, WORD=["Åland", "Côte", "Łódź"])
    table = rings_from_path(path)
    assert table is not None
    assert table.columns["WORD"] == ["Åland", "Côte", "Łódź"]


def test_a_table_of_attributes_that_lies_about_its_size_is_refused() -> None:
    head = bytearray(32)
    head[4:8], head[8:10], head[10:12] = struct.pack("<I", 10**9), struct.pack("<H", 33), struct.pack("<H", 40)
    with pytest.raises(Malformed, match="too few"):
        DbfColumns(bytes(head) + b"\r", "utf-8")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x01\x03\x00\x00\x00\xff\xff\xff\xff", shapely.Point(1, 2).wkb])
def test_what_is_no_area_is_no_ring(blob: bytes) -> None:
    assert WkbLayer([blob], {}).rings() is None


def test_heights_and_the_other_byte_order_change_nothing() -> None:
    flat = WkbLayer([LAKE.wkb], {}).rings()
    tall = WkbLayer([shapely.force_3d(LAKE, 5.0).wkb], {}).rings()
    other = WkbLayer([shapely.to_wkb(LAKE, byte_order=0)], {}).rings()
    assert flat is not None
    for table in (tall, other):
        assert table is not None
        assert (table.xy == flat.xy).all()


def test_geometries_written_in_every_way_stand_side_by_side() -> None:
    holed = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6))
    little, big = shapely.box(20, 0, 29, 9).wkb, shapely.to_wkb(holed, byte_order=0)
    mixed = struct.pack("<BII", 1, 6, 3) + little + big + little
    table = WkbLayer([shapely.force_3d(holed).wkb, mixed, None, little], {}).rings()
    assert table is not None
    assert table.counts.tolist() == [5] * 7
    assert table.exterior.tolist() == [True, False, True, True, False, True, True]
    assert table.feature.tolist() == [0, 0, 1, 1, 1, 1, 3]
    assert shapely.box(20, 0, 29, 9).equals(table.shapes(str)[3])
    assert [WkbLayer([holed.wkb, mixed[:size]], {}).rings() for size in range(len(mixed))] == [None] * len(mixed)


def test_a_file_without_an_owner_says_which_fields_there_are(tmp_path: Path) -> None:
    import geopandas

    geopandas.GeoDataFrame({"DEPTH": [1.5]}, geometry=[LAKE], crs=4326).to_file(tmp_path / "map.gpkg")
    with pytest.raises(UsageError, match=r"map\.gpkg: no field says who holds what; there are: DEPTH"):
        MapFile(tmp_path / "map.gpkg")


POLYGON = '{"type": "Polygon", "coordinates": %s}'
RING = "[[10, 40], [14, 40], [14, 44], [10, 40]]"


def collection(geometry: str, properties: str = "{}") -> bytes:
    feature = f'{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
    return f'{{"type": "FeatureCollection", "features": [{feature}]}}'.encode()


@pytest.mark.parametrize(
    "geometry",
    [
        POLYGON % "[]",
        POLYGON % "[[]]",
        POLYGON % f"{RING}",
        POLYGON % f"[[{RING}]]",
        POLYGON % "[[[10, 40], [14], [14, 44], [10, 40]]]",
        POLYGON % "[[[10, 40], [14, 4-0], [14, 44], [10, 40]]]",
        POLYGON % "[[[10, 40], [14, 40]], [14, 44], [10, 40]]",
        POLYGON % f"[{RING}",
        '{"type": "Point", "coordinates": [1, 2]}',
        '{"type": "GeometryCollection", "geometries": []}',
    ],
)
def test_geojson_that_is_not_plain_polygons_is_left_to_the_careful_reader(geometry: str) -> None:
    assert rings_from_geojson(collection(geometry)) is None


def test_coordinates_among_the_properties_are_no_geometry() -> None:
    ground = POLYGON % f"[{RING}]"
    assert rings_from_geojson(collection(ground, '{"coordinates": [1, 2]}')) is None
    said = rings_from_geojson(collection(ground, json.dumps({"note": '"coordinates": [1, 2]'})))
    assert said is not None
    assert said.columns["note"] == ['"coordinates": [1, 2]']


def test_heights_in_geojson_change_nothing() -> None:
    flat, tall = (
        rings_from_geojson(collection(POLYGON % f"[{ring}]")) for ring in (RING, RING.replace("]", ", 7]", 4))
    )
    assert flat is not None
    assert tall is not None
    assert (flat.xy == tall.xy).all()
