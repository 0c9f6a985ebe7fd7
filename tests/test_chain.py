"""Laws of the boundary-chain diff: what cancels, what is left, who lost it and who gained it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff import chain
from borderwatch.diff.chain import ChainDiff, ChainIndex
from borderwatch.errors import StoreError
from tests.strategies import REWRITES, Case, Drawing, cases, coverage, disk, dissolved, each, handed, jittered, laws

Pairs = dict[tuple[str | None, str | None], float]
SAME_KM2 = 0.001
SQUARE = shapely.box(10, 40, 12, 42)


def by_overlay(before: Drawing, after: Drawing) -> Pairs:
    """Area by pair of different owners, as ``geopandas.overlay`` has it."""
    import geopandas as gpd
    import pandas as pd

    frames = [
        gpd.GeoDataFrame({"o": [code for code, _ in d]}, geometry=[g for _, g in d], crs=4326) for d in (before, after)
    ]
    met = gpd.overlay(*frames, how="union", keep_geom_type=True)
    found: Pairs = {}
    for one, other, km2 in zip(met["o_1"], met["o_2"], geo.areas_km2(met.geometry.to_numpy()), strict=True):
        pair = (None if pd.isna(one) else str(one), None if pd.isna(other) else str(other))
        if pair[0] != pair[1]:
            found[pair] = found.get(pair, 0.0) + float(km2)
    return found


def agree(one: Pairs, other: Pairs, km2: float = SAME_KM2) -> None:
    for pair in {*one, *other}:
        assert one.get(pair, 0.0) == pytest.approx(other.get(pair, 0.0), abs=km2), pair


def swapped(found: ChainDiff) -> Pairs:
    return {(gainer, loser): km2 for (loser, gainer), km2 in found.areas_km2.items()}


def changed(case: Case) -> Drawing:
    """The same map with a disk of ground handed to one of its owners, and a smaller one to a newcomer."""
    middle = case.ground.centroid
    after = handed(case.drawing, disk(middle.x, middle.y, 60.0), case.drawing[0][0])
    return handed(after, disk(middle.x, middle.y, 25.0), "UY")


# --- nothing ---------------------------------------------------------------------------------------------------


@laws(20)
@given(cases)
def test_the_same_map_twice_is_nothing(case: Case) -> None:
    found = chain.diff(case.drawing, case.drawing)
    assert (found.residual, found.cancelled, found.faces, found.redigitised) == (0, 1.0, (), False)


@laws(20)
@given(cases)
def test_features_of_one_owner_and_their_union_are_the_same_map(case: Case) -> None:
    found = chain.diff(case.drawing, dissolved(case.drawing))
    assert not found.faces
    assert not found.redigitised


DENSER = "vertices added on the edges"


@pytest.mark.parametrize("name", sorted(REWRITES))
@laws(6)
@given(cases)
def test_the_same_map_written_otherwise_gives_no_ground(name: str, case: Case) -> None:
    found = chain.diff(case.drawing, REWRITES[name](case.drawing), redigitised_from=2.0)
    assert not found.faces
    assert found.residual == 0 or name == DENSER


@laws(15)
@given(cases, st.integers(0, 8), st.floats(0.002, 0.2))
def test_more_vertices_on_the_same_lines_enclose_no_ground(case: Case, which: int, step_deg: float) -> None:
    dense = tuple(
        (code, shapely.segmentize(g, step_deg) if n == which % len(case.drawing) else g)
        for n, (code, g) in enumerate(case.drawing)
    )
    found = chain.diff(case.drawing, dense, redigitised_from=1.0)
    had, has = (shapely.get_num_coordinates([g for _, g in d]).sum() for d in (case.drawing, dense))
    assert (found.residual > 0) == (has > had)  # no edge may be longer than the step
    assert not found.faces


def test_digits_beyond_the_grid_are_nothing() -> None:
    drawing = coverage(3, cells=12)
    rounded = each(drawing, lambda g: shapely.transform(g, lambda xy: np.round(xy, 9)))
    assert not chain.diff(drawing, rounded).faces


def test_a_feature_drawn_twice_is_its_ground_once() -> None:
    assert not chain.diff([("AR", SQUARE)], [("AR", SQUARE), ("AR", SQUARE)]).faces


def test_empty_layers_differ_by_nothing_and_a_first_drawing_is_all_gain() -> None:
    assert chain.diff([], []).cancelled == 1.0
    assert chain.diff([], [("AR", shapely.Polygon())]).edges == 0
    whole = chain.diff([], [("AR", SQUARE)], redigitised_from=1.0)
    assert whole.areas_km2 == {(None, "AR"): pytest.approx(geo.area_km2(SQUARE))}


# --- something -------------------------------------------------------------------------------------------------


@laws(25)
@given(cases)
def test_areas_are_those_of_the_overlay(case: Case) -> None:
    after = changed(case)
    found = chain.diff(case.drawing, after, redigitised_from=1.0)
    assert found.areas_km2
    agree(dict(found.areas_km2), by_overlay(case.drawing, after))


@laws(12)
@given(cases)
def test_areas_are_those_of_the_overlay_where_lines_cross(case: Case) -> None:
    # On the grid: a vertex moved by half a centimetre may move areas of a whole map by more than is allowed.
    before, after = (REWRITES["seven decimals"](d) for d in (case.drawing, jittered(case.drawing, 1.5, case.rng)))
    found = chain.diff(before, after, redigitised_from=2.0)
    exclusive: Pairs = {}
    for face in found.faces:
        if len(face.before) <= 1 and len(face.after) <= 1:
            exclusive[face.loser, face.gainer] = exclusive.get((face.loser, face.gainer), 0.0) + face.area_km2
    one, other = dissolved(before), dissolved(after)
    crossed = by_overlay(without_overlaps(one, other), without_overlaps(other, one))
    agree(exclusive, crossed)


def without_overlaps(drawing: Drawing, other: Drawing) -> Drawing:
    """The map without the ground that either edition gives to several."""
    shared = shapely.union_all([overlap(drawing), overlap(other)])
    return each(drawing, lambda g: geo.polygonal(geo.repair_quietly(g).difference(shared)))


def overlap(drawing: Drawing) -> BaseGeometry:
    areas = [geo.repair_quietly(g) for _, g in drawing]
    return shapely.union_all([a.intersection(b) for n, a in enumerate(areas) for b in areas[:n]])


@laws(20)
@given(cases)
def test_swapping_the_editions_swaps_loser_and_gainer(case: Case) -> None:
    there = chain.diff(case.drawing, changed(case), redigitised_from=1.0)
    back = chain.diff(changed(case), case.drawing, redigitised_from=1.0)
    agree(dict(there.areas_km2), swapped(back), km2=1e-6)
    assert there.residual == back.residual


@laws(15)
@given(cases)
def test_the_order_of_features_is_no_matter(case: Case) -> None:
    after = changed(case)
    one = chain.diff(case.drawing, after, redigitised_from=1.0)
    other = chain.diff(case.drawing[::-1], after[::-1], redigitised_from=1.0)
    agree(dict(one.areas_km2), dict(other.areas_km2), km2=1e-9)


@laws(15)
@given(cases)
def test_what_every_owner_lost_and_gained_is_the_difference_of_its_areas(case: Case) -> None:
    after = changed(case)
    found = chain.diff(case.drawing, after, redigitised_from=1.0).areas_km2
    for owner in {code for code, _ in case.drawing}:
        before_km2, after_km2 = (
            sum(geo.area_km2(g) for code, g in drawing if code == owner) for drawing in (case.drawing, after)
        )
        net = sum(km2 * ((pair[1] == owner) - (pair[0] == owner)) for pair, km2 in found.items())
        assert net == pytest.approx(after_km2 - before_km2, abs=SAME_KM2)


def test_a_whole_feature_that_changes_hands_is_one_face() -> None:
    west, east = shapely.box(10, 40, 12, 42), shapely.box(12, 40, 14, 42)
    found = chain.diff([("AR", west), ("BO", east)], [("AR", west), ("AR", east)], redigitised_from=2.0)
    (face,) = found.faces
    assert (face.loser, face.gainer, face.overlap) == ("BO", "AR", False)
    assert face.geometry.equals(east)


def test_an_island_in_another_is_a_hole_in_its_ground() -> None:
    lake = shapely.Point(11, 41).buffer(0.5)
    found = chain.diff([("AR", SQUARE)], [("AR", SQUARE.difference(lake)), ("BO", lake)], redigitised_from=2.0)
    assert [(f.loser, f.gainer) for f in found.faces] == [("AR", "BO")]
    assert found.faces[0].area_km2 == pytest.approx(geo.area_km2(lake), abs=SAME_KM2)


# --- overlapping claims ----------------------------------------------------------------------------------------


def test_a_claim_added_over_ground_another_keeps_is_an_overlap() -> None:
    claim = shapely.box(11, 41, 13, 43)
    found = chain.diff([("AR", SQUARE)], [("AR", SQUARE), ("BO", claim)], redigitised_from=2.0)
    told = {(f.loser, f.gainer, f.overlap): (f.before, f.after) for f in found.faces}
    assert told == {
        (None, "BO", True): (frozenset({"AR"}), frozenset({"AR", "BO"})),
        (None, "BO", False): (frozenset(), frozenset({"BO"})),
    }


def test_unchanged_overlapping_claims_are_no_swap() -> None:
    layer = [("AR", SQUARE), ("BO", SQUARE), ("CL", shapely.box(12, 40, 14, 42))]
    after = [*layer[:2], ("CL", shapely.box(12, 40, 13, 42))]
    assert set(chain.diff(layer, after, redigitised_from=2.0).areas_km2) == {("CL", None)}


def test_ground_two_gave_up_to_one_is_told_of_both() -> None:
    found = chain.diff([("AR", SQUARE), ("BO", SQUARE)], [("CL", SQUARE)], redigitised_from=2.0)
    assert {(f.loser, f.gainer) for f in found.faces} == {("AR", "CL"), ("BO", "CL")}
    assert all(f.before == {"AR", "BO"} and not f.overlap for f in found.faces)


# --- the sheet's edge ------------------------------------------------------------------------------------------


def test_a_ring_a_hair_past_180_is_not_wrapped_round_the_world() -> None:
    whole, past = shapely.box(-180, 60, -170, 65), shapely.box(-180.0001, 60, -170, 65)
    assert not chain.diff([("RU", whole)], [("RU", past)], redigitised_from=2.0).faces


def test_ground_drawn_past_180_is_the_ground_on_the_other_side() -> None:
    past = shapely.box(175, 60, 190, 65)
    cut = shapely.MultiPolygon([shapely.box(175, 60, 180, 65), shapely.box(-180, 60, -170, 65)])
    assert not chain.diff([("RU", past)], [("RU", cut)], redigitised_from=2.0).faces


def test_both_sides_of_the_antimeridian_stay_apart() -> None:
    east, west = shapely.box(175, 60, 180, 65), shapely.box(-180, 60, -170, 65)
    found = chain.diff([("RU", east), ("RU", west)], [("RU", east), ("US", west)], redigitised_from=2.0)
    assert dict(found.areas_km2) == {("RU", "US"): pytest.approx(geo.area_km2(west), abs=SAME_KM2)}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("corner", [(4e6, 5e6), (10.0, 95.0), (float("nan"), 0.0)])
def test_what_is_not_degrees_is_named(corner: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="degrees"):
        chain.diff([("AR", shapely.Polygon([(1, 1), corner, (2, 0)]))], [])


# --- drawn anew ------------------------------------------------------------------------------------------------


def test_a_whole_world_nudged_is_redigitised_not_a_thousand_changes() -> None:
    drawing = coverage(5, cells=14)
    nudged = each(drawing, lambda g: shapely.transform(g, lambda xy: xy + 3e-4))
    found = chain.diff(drawing, nudged)
    assert found.redigitised
    assert (found.faces, dict(found.areas_km2)) == ((), {})


# --- the stored index ------------------------------------------------------------------------------------------


@laws(15)
@given(cases)
def test_a_stored_index_gives_the_same_answer(case: Case) -> None:
    after = changed(case)
    kept = [ChainIndex.from_bytes(ChainIndex.from_polygons(d).to_bytes()) for d in (case.drawing, after)]
    direct = chain.diff(case.drawing, after, redigitised_from=1.0)
    stored = chain.diff(*kept, redigitised_from=1.0)
    assert stored.areas_km2 == direct.areas_km2
    assert [f.geometry for f in stored.faces] == [f.geometry for f in direct.faces]


def test_a_stored_index_is_the_same_bytes_for_the_same_layer() -> None:
    drawing = coverage(2)
    one, other = (ChainIndex.from_polygons(drawing).to_bytes() for _ in range(2))
    assert one == other == ChainIndex.from_bytes(one).to_bytes()


def test_a_cut_or_foreign_index_is_refused() -> None:
    kept = ChainIndex.from_polygons(coverage(2)).to_bytes()
    for bad in (b"", b"PK\x03\x04" + kept[4:], kept[:30], kept[: len(kept) // 2], kept[:-64]):
        with pytest.raises(StoreError, match="chain index"):
            ChainIndex.from_bytes(bad)


@laws(60)
@given(st.integers(0, 10**9), st.integers(0, 7))
def test_a_bit_flipped_anywhere_in_a_stored_index_is_seen(place: int, bit: int) -> None:
    kept = bytearray(ChainIndex.from_polygons([("AR", SQUARE), ("BO", shapely.Point(0, 0).buffer(1))]).to_bytes())
    kept[place % len(kept)] ^= 1 << bit
    with pytest.raises(StoreError, match="chain index"):
        ChainIndex.from_bytes(bytes(kept))


def test_a_vertex_changed_in_a_stored_index_is_refused_where_it_matters() -> None:
    drawing = coverage(2)
    index = ChainIndex.from_polygons(drawing)
    vertices = index.vertices.copy()
    vertices += np.uint64(1)
    rotten = ChainIndex(
        index.owners, vertices, index.starts, index.stops, index.chunks, index.owner_of, index.signs, index.prints,
        index.edges,
    )  # fmt: skip
    with pytest.raises(StoreError, match="fingerprints"):
        chain.diff(rotten, drawing[1:])


# --- real maps -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def editions(shared: Path) -> Sequence[Drawing]:
    folder = shared / "data/derived/ne_50m_countries"
    files = [folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson"]
    if not all(f.exists() for f in files):
        pytest.skip(f"no pair of editions in {folder}")
    return [_drawing(file) for file in files]


def _drawing(file: Path) -> Drawing:
    features = json.loads(file.read_text(encoding="utf-8"))["features"]
    folded = [({k.lower(): v for k, v in f["properties"].items()}, f["geometry"]) for f in features]
    return tuple((p["adm0_a3"], geo.repair(shapely.geometry.shape(g))) for p, g in folded if g)


def test_two_editions_of_natural_earth_differ_by_crimea(editions: Sequence[Drawing]) -> None:
    found = chain.diff(*editions)
    assert not found.redigitised
    assert found.cancelled > 0.98
    solid = [f for f in found.faces if f.area_km2 > 1.0 and not f.overlap]
    assert {(f.loser, f.gainer) for f in solid} == {("UKR", "RUS")}
    assert found.areas_km2["UKR", "RUS"] == pytest.approx(27_032.83, abs=0.01)


def test_two_editions_agree_with_the_overlay_where_neither_overlaps_itself(editions: Sequence[Drawing]) -> None:
    found = chain.diff(*editions)
    mine: Pairs = {}
    for face in found.faces:
        if len(face.before) <= 1 and len(face.after) <= 1:
            mine[face.loser, face.gainer] = mine.get((face.loser, face.gainer), 0.0) + face.area_km2
    shared = shapely.union_all([g for drawing in editions for g in _overlaps(drawing)])
    clean = [each(d, lambda g: geo.polygonal(g.difference(shared)) if g.intersects(shared) else g) for d in editions]
    agree(mine, by_overlay(*clean))


def _overlaps(drawing: Drawing) -> list[BaseGeometry]:
    areas = [g for _, g in drawing]
    left, right = shapely.STRtree(areas).query(areas, predicate="intersects")
    met = [geo.polygonal(areas[i].intersection(areas[j])) for i, j in zip(left, right, strict=True) if i < j]
    return [g for g in met if not g.is_empty]


def test_time_grows_with_what_changed_not_with_the_map(editions: Sequence[Drawing]) -> None:
    """Counted, not clocked: the edges that are looked at one by one."""
    old, new = (ChainIndex.from_polygons(d) for d in editions)
    touched = frozenset(o for o in old.owners if old.sums[o] != new.sums.get(o))
    segments, _ = chain._uncancelled(old, new, touched)
    first, _ = old.edges_of(segments)
    assert len(first) < 0.3 * len(old.vertices)
    assert all(a < b for a, b in pairwise(np.sort(segments).tolist()))


# --- where it changed, and what cannot be read ----------------------------------------------------------------


def test_only_boxes_that_a_change_reaches_are_touched() -> None:
    inside = shapely.box(10.8, 40.8, 11.2, 41.2)
    found = chain.diff([("AR", SQUARE)], [("AR", SQUARE.difference(inside)), ("BO", inside)], redigitised_from=2.0)
    assert found.touches((10.0, 40.0, 11.0, 41.0))
    assert found.touches((10.9, 40.9, 11.1, 41.1))  # no edge runs through it, yet all of it changed hands
    assert not found.touches((11.5, 41.5, 11.9, 41.9))
    assert not chain.diff([("AR", SQUARE)], [("AR", SQUARE)]).touches((10.0, 40.0, 12.0, 42.0))


def test_two_drawings_are_told_apart_by_their_anchors() -> None:
    line = shapely.segmentize(SQUARE, 1e-4)
    moved = shapely.transform(line, lambda xy: xy + 1e-5 * np.sin(1000 * xy[:, ::-1]))
    found = chain.diff([("AR", line)], [("AR", moved)])
    assert found.redigitised
    assert found.estimated
    assert found.cancelled < 0.1
    counted = chain.diff([("AR", line)], [("AR", moved)], redigitised_from=2.0)
    assert not counted.estimated
    assert counted.residual == pytest.approx(found.residual, rel=0.1)


def test_rings_that_cross_themselves_where_ground_passed_are_said_to() -> None:
    bow = shapely.Polygon([(10, 40), (12, 42), (12, 40), (10, 42), (10, 40)])
    assert chain.diff([("AR", bow)], [("BO", bow)], redigitised_from=2.0).twisted
    assert not chain.diff([("AR", SQUARE)], [("BO", SQUARE)], redigitised_from=2.0).twisted
