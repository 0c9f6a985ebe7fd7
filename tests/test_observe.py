"""What one snapshot shows of one dispute: shares, own features, names, coverage; and hostile geometry."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff import compare
from borderwatch.errors import CaptureProblem
from borderwatch.models import Coverage, DisputeType, Feature, LineStyle, Role, Row, Verdict
from borderwatch.observe import Observer, ground, sketches
from tests import strategies as made
from tests.strategies import REWRITES, Case, cases, disk, dispute, laws, scene, world

EAST, WEST = shapely.box(12, 40, 14, 42), shapely.box(4, 40, 12, 42)
SAHARA = dispute(EAST, slug="western_sahara", name="Western Sahara", codes={"iso2": "EH"})


# --- shares --------------------------------------------------------------------------------------------------


@laws(10)
@given(cases)
def test_shares_of_a_coverage_sum_to_one(case: Case) -> None:
    depiction = scene(world(case.drawing), dispute(case.ground)).depiction
    assert sum(s.share for s in depiction.shares) == pytest.approx(1.0, abs=0.01)
    assert sum(s.area_km2 for s in depiction.shares) == pytest.approx(geo.area_km2(case.ground), rel=0.01)
    assert [s.share for s in depiction.shares] == sorted((s.share for s in depiction.shares), reverse=True)


@laws(4)
@given(cases)
def test_shares_do_not_hang_on_how_the_map_is_written(case: Case) -> None:
    about = dispute(case.ground)
    before = {s.owner: s.share for s in scene(world(case.drawing), about).depiction.shares}
    for rewrite in REWRITES.values():
        after = {s.owner: s.share for s in scene(world(rewrite(case.drawing)), about).depiction.shares}
        assert after == pytest.approx(before, abs=1e-6)


def test_ground_that_is_not_drawn_is_nobodys_share() -> None:
    depiction = scene(world((("AR", shapely.box(4, 40, 13, 42)),)), dispute(EAST)).depiction
    assert {s.owner: s.share for s in depiction.shares} == pytest.approx({"AR": 0.5}, abs=1e-6)


def test_two_features_of_one_owner_over_the_same_ground_count_once() -> None:
    depiction = scene(world((("AR", WEST.union(EAST)), ("AR", EAST))), dispute(EAST)).depiction
    assert {s.owner: s.share for s in depiction.shares} == pytest.approx({"AR": 1.0})


def test_slivers_are_no_shares() -> None:
    depiction = scene(
        world((("AR", shapely.box(4, 40, 13.999, 42)), ("CL", shapely.box(13.999, 40, 20, 42)))), dispute(EAST)
    )
    assert [s.owner for s in depiction.depiction.shares] == ["AR"]


def test_sea_features_are_ground_only_where_the_sea_is_in_dispute() -> None:
    zone = Feature(EAST, code="PE", role=Role.SEA)
    at_sea = dispute(EAST, type=DisputeType.MARITIME)
    assert [s.owner for s in scene(world([zone]), at_sea).depiction.shares] == ["PE"]
    assert scene(world([zone]), dispute(EAST)).depiction.shares == ()


# --- coverage ------------------------------------------------------------------------------------------------


def test_a_source_that_draws_nothing_there_does_not_cover_it() -> None:
    depiction = scene(world((("AR", shapely.box(-60, -30, -50, -20)),)), dispute(EAST)).depiction
    assert depiction.coverage is Coverage.NOT_COVERED
    assert depiction.reason


def test_a_dispute_smaller_than_the_source_can_show_is_not_resolvable() -> None:
    # Trap 7: Natural Earth 1:110m has no Gaza.
    about = dispute(disk(13.0, 41.0, 5.0))
    fine, coarse = (scene(world((("AR", WEST.union(EAST)),), km=km), about).depiction for km in (1.0, 8.0))
    assert fine.coverage is Coverage.SHOWN
    assert coarse.coverage is Coverage.NOT_RESOLVABLE
    assert coarse.limit_km == 8.0


def test_not_covered_and_not_resolvable_are_never_unchanged() -> None:
    about = dispute(disk(13.0, 41.0, 5.0))
    drawn, nothing = (("AR", WEST.union(EAST)),), (("AR", shapely.box(-60, -30, -50, -20)),)
    for before, after, km in ((nothing, nothing, 1.0), (drawn, drawn, 8.0)):
        outcome = compare.scenes(scene(world(before, km=km), about), scene(world(after, 1, km=km), about))
        assert outcome.comparison.verdict in (Verdict.NOT_COVERED, Verdict.NOT_RESOLVABLE)


def test_a_dispute_without_a_polygon_is_watched_in_its_box() -> None:
    box = (12.0, 40.0, 14.0, 42.0)
    here = ground(dispute(None, box=box))
    assert here.area.equals(shapely.box(*box))


def test_a_line_in_dispute_is_watched_as_a_strip() -> None:
    line = shapely.LineString([(12, 40), (14, 42)])
    here = ground(dispute(None, box=(12.0, 40.0, 14.0, 42.0), lines={"AR": line}, type=DisputeType.BORDER))
    assert here.area.contains(line)
    assert here.inradius_km == pytest.approx(15, abs=1)


# --- the disputed thing itself -------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "name"), [("ESH", "W. Sahara"), ("-99", "Western Sahara"), (None, "Western_Sahara")])
def test_a_feature_is_known_by_its_name_or_code(code: str | None, name: str) -> None:
    features = [Feature(EAST, code=code, name=name), Feature(WEST, code="MAR", name="Morocco")]
    [own] = [d for d in scene(world(features), SAHARA).depiction.drawn if d.own]
    assert (own.owner, own.name) == ("EH", name)


@pytest.mark.parametrize(("code", "name"), [("-99", None), (None, ""), ("-99", "Zone 4"), ("0", "-")])
def test_a_feature_without_a_name_is_known_by_its_place(code: str | None, name: str | None) -> None:
    features = [Feature(EAST, code=code, name=name), Feature(WEST, code="MAR", name="Morocco")]
    assert [d.own for d in scene(world(features), SAHARA).depiction.drawn] == [True]


def test_a_mainland_is_not_the_disputed_thing() -> None:
    features = [Feature(shapely.box(0, 20, 40, 60), code="MAR", name="Morocco")]
    assert not any(d.own for d in scene(world(features), SAHARA).depiction.drawn)


def test_one_part_of_a_country_is_not_the_disputed_thing_whatever_ground_it_fits() -> None:
    # A file with one part a feature: the island of Taiwan named China is China, not a Taiwan that appeared.
    features = [Feature(WEST, code="CHN", name="China"), Feature(EAST, code="CHN", name="China")]
    assert not any(d.own for d in scene(world(features), dispute(EAST, slug="taiwan", name="Taiwan")).depiction.drawn)


def test_names_are_those_of_the_thing_itself_in_every_language() -> None:
    features = [
        Feature(EAST, code="ESH", name="Western Sahara", names={"fr": "Sahara occidental", "de": ""}),
        Feature(WEST, code="MAR", name="Morocco", names={"fr": "Maroc"}),
    ]
    assert dict(scene(world(features), SAHARA).depiction.names) == {"": "Western Sahara", "fr": "Sahara occidental"}


# --- rows ----------------------------------------------------------------------------------------------------


def test_rows_are_found_by_code_and_by_name() -> None:
    listed = [
        Row(key="a", name="anything", code="EH"),
        Row(key="b", name="Western Sahara"),
        Row(key="c", name="France"),
    ]
    assert {r.key for r in scene(world((), rows=listed), SAHARA).depiction.rows} == {"a", "b"}


def test_absence_from_a_list_is_said_only_of_a_whole_list() -> None:
    france = [Row(key="FR", name="France", code="FR")]
    whole, part = (scene(world((), rows=france, complete=c), SAHARA).depiction.coverage for c in (True, False))
    assert (whole, part) == (Coverage.SHOWN, Coverage.NOT_COVERED)


# --- hostile geometry ----------------------------------------------------------------------------------------


def test_features_without_a_place_are_left_out_and_hide_nobody() -> None:
    features = [Feature(None, code="FR"), Feature(shapely.Polygon(), code="DE"), Feature(EAST, code="AR")]
    assert [p.owner for p in world(features).painted] == ["AR"]


def test_a_ground_that_cannot_be_repaired_is_a_problem_of_the_capture_naming_the_feature() -> None:
    # One figure of eight must neither end the run with a traceback nor vanish.
    eight = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 30)])
    with pytest.raises(CaptureProblem, match="Ruritania"):
        world([Feature(eight, name="Ruritania")])


def test_coordinates_that_are_not_degrees_are_a_problem_of_the_capture() -> None:
    # Trap 4: Highcharts' maps were projected and scaled until 2025.
    for metres in (shapely.box(-2e7, -1e7, 2e7, 1e7), shapely.box(0, 0, 9850, 9850), shapely.box(0, 100, 50, 120)):
        with pytest.raises(CaptureProblem, match="not degrees"):
            world([Feature(metres, name="Ruritania")])


def test_invalid_but_repairable_ground_is_repaired() -> None:
    two = shapely.MultiPolygon([shapely.box(12, 40, 13, 42), shapely.box(13, 40, 14, 42)])
    depiction = scene(world((("AR", two),)), dispute(EAST)).depiction
    assert {s.owner: s.share for s in depiction.shares} == pytest.approx({"AR": 1.0})


def test_the_same_drawing_has_the_same_digest_however_it_is_written() -> None:
    drawing = made.coverage(5)
    before = sorted(p.digest for p in world(drawing).painted)
    for how in ("features in another order", "rings started elsewhere", "rings turned round", "heights added"):
        assert sorted(p.digest for p in world(REWRITES[how](drawing)).painted) == before, how


# --- the antimeridian ----------------------------------------------------------------------------------------


def around_180(west_of_it: str, east_of_it: str) -> made.Drawing:
    """Ground on both sides of 180 degrees: 177 to 180 and -180 to -177."""
    return ((west_of_it, shapely.box(177, -20, 180, -15)), (east_of_it, shapely.box(-180, -20, -177, -15)))


ACROSS = shapely.MultiPolygon([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)])


@pytest.mark.xfail(
    strict=True, reason="no dispute of the catalogue lies across 180 degrees; its window would be the world"
)
def test_a_dispute_across_the_antimeridian_has_a_window_around_it_not_around_the_world() -> None:
    west, _, east, _ = ground(dispute(ACROSS)).window
    assert east - west < 180


def test_shares_across_the_antimeridian() -> None:
    shares = {s.owner: s.share for s in scene(world(around_180("AR", "CL")), dispute(ACROSS)).depiction.shares}
    assert shares == pytest.approx({"AR": 0.5, "CL": 0.5}, abs=1e-6)


def shifted(ground: BaseGeometry, by: float) -> BaseGeometry:
    return shapely.transform(ground, lambda xy: xy + np.array([by, 0.0]))


@pytest.mark.parametrize("by", [360.0, -360.0])
def test_longitudes_of_another_turn_are_the_same_place(by: float) -> None:
    # Some files draw Chukotka at 180 to 190 degrees, some the Pacific from 0 to 360.
    drawing = (("AR", WEST), ("CL", EAST))
    turned = made.each(drawing, lambda g: shifted(g, by))
    outcome = compare.scenes(scene(world(drawing), dispute(EAST)), scene(world(turned, 1), dispute(EAST)))
    assert outcome.comparison.verdict is Verdict.UNCHANGED


def test_a_ring_drawn_past_180_is_the_same_as_one_cut_there() -> None:
    past = (("AR", shapely.box(170, -20, 185, -15)),)
    cut = (("AR", shapely.MultiPolygon([shapely.box(170, -20, 180, -15), shapely.box(-180, -20, -175, -15)])),)
    for about in (dispute(shapely.box(172, -19, 178, -16)), dispute(shapely.box(-179, -19, -176, -16))):
        outcome = compare.scenes(scene(world(past), about), scene(world(cut, 1), about))
        assert outcome.comparison.verdict is Verdict.UNCHANGED
        assert outcome.findings == ()


# --- what is drawn for people --------------------------------------------------------------------------------


def test_sketches_name_every_owner_and_line_and_hold_little() -> None:
    features = [
        Feature(EAST, code="ESH", name="Western Sahara"),
        Feature(WEST, code="MAR", name="Morocco"),
        made.line((12, 40), (12, 42), style=LineStyle.DASHED, word="line of control"),
    ]
    drawn = sketches(scene(world(features), SAHARA))
    assert {s.owner for s in drawn if s.role is Role.AREA} == {"EH", "MA"}
    assert [s.style for s in drawn if s.role is Role.BOUNDARY] == [LineStyle.DASHED]
    assert all(s.geometry.is_valid and not s.geometry.is_empty for s in drawn)


def test_every_dispute_is_looked_at_in_every_world() -> None:
    disputes = [dispute(EAST), SAHARA, dispute(disk(60, 10, 50), slug="far", name="Far Away")]
    scenes = Observer(disputes).scenes(world((("AR", EAST),)))
    assert set(scenes) == {"test_ground", "western_sahara", "far"}


@laws(6)
@given(cases)
def test_what_an_observer_saw_before_changes_nothing_of_what_it_sees(case: Case) -> None:
    about = dispute(case.ground)
    shaken = tuple(
        (code, shapely.transform(g, lambda xy: xy + 1e-11)) for code, g in case.drawing
    )  # one digest, other bytes
    seasoned = Observer([about])
    for drawing in (case.drawing, shaken, case.drawing):
        again, fresh = (o.scenes(world(drawing))[about.slug] for o in (seasoned, Observer([about])))
        assert again.depiction == fresh.depiction
        assert [p.geometry.wkb for p in again.areas] == [p.geometry.wkb for p in fresh.areas]
