"""Laws of the comparison: what is no change, what passes between owners, what stands out of the noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff import compare
from borderwatch.diff.compare import Outcome
from borderwatch.diff.ownership import Difference, differences
from borderwatch.diff.record import Finding
from borderwatch.models import GROUND_KINDS, Coverage, Feature, Kind, Significance, Verdict
from tests import strategies as made
from tests.strategies import NOISE, OWNERS, REWRITES, Case, Drawing, cases, disk, dispute, laws, scene, world


def compared(before: Drawing, after: Drawing, ground: BaseGeometry, *, km: float = 1.0) -> Outcome:
    about = dispute(ground)
    return compare.scenes(scene(world(before, 0, km=km), about), scene(world(after, 1, km=km), about))


def substantive(outcome: Outcome) -> list[Finding]:
    return [f for f in outcome.findings if f.significance is Significance.SUBSTANTIVE]


def transfers(outcome: Outcome) -> list[Finding]:
    return [f for f in outcome.findings if f.kind in GROUND_KINDS]


def passed(before: Mapping[str, BaseGeometry], after: Mapping[str, BaseGeometry]) -> list[Difference]:
    return list(differences(before, after))


def by_pair(found: list[Difference]) -> dict[tuple[str | None, str | None, bool], float]:
    totals: dict[tuple[str | None, str | None, bool], float] = {}
    for d in found:
        key = (d.loser, d.gainer, d.overlap)
        totals[key] = totals.get(key, 0.0) + geo.area_km2(d.geometry)
    return {key: km2 for key, km2 in totals.items() if km2 > 1e-3}


# --- no change ---------------------------------------------------------------------------------------------


@laws(15)
@given(cases)
def test_the_same_map_twice_is_no_change(case: Case) -> None:
    outcome = compared(case.drawing, case.drawing, case.ground)
    assert outcome.comparison.verdict is Verdict.UNCHANGED
    assert outcome.findings == ()


@pytest.mark.parametrize("rewrite", sorted(REWRITES))
@laws(6)
@given(case=cases)
def test_writing_the_same_map_otherwise_is_no_change(rewrite: str, case: Case) -> None:
    for before, after in (
        (case.drawing, REWRITES[rewrite](case.drawing)),
        (REWRITES[rewrite](case.drawing), case.drawing),
    ):
        outcome = compared(before, after, case.ground)
        assert outcome.comparison.verdict is Verdict.UNCHANGED, rewrite
        assert outcome.findings == ()
        # The proof of no change is as sharp as the source, not as the rewriting.
        assert outcome.comparison.limit_km == pytest.approx(1.0)


@pytest.mark.parametrize("km", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("noise", sorted(NOISE))
@laws(6)
@given(case=cases)
def test_noise_is_no_substantive_change(noise: str, km: float, case: Case) -> None:
    drawn_anew = NOISE[noise](case.drawing, km, case.rng)
    for before, after in ((case.drawing, drawn_anew), (drawn_anew, case.drawing)):
        outcome = compared(before, after, case.ground, km=0.3)
        told = [(f.kind.value, f.loser, f.gainer, f.inradius_km, f.noise_floor_km) for f in substantive(outcome)]
        assert told == []


@laws(15)
@given(cases)
def test_two_different_digitisations_are_no_change(case: Case) -> None:
    one, other = (made.redigitised(case.drawing, 2.0, np.random.default_rng(case.seed + n)) for n in (1, 2))
    assert substantive(compared(one, other, case.ground)) == []


# --- what passes ----------------------------------------------------------------------------------------------


def two_maps(seed: int) -> tuple[dict[str, BaseGeometry], dict[str, BaseGeometry]]:
    one, other = made.coverage(seed, cells=7, owners=3), made.coverage(seed + 1, cells=8, owners=4)
    return dict(made.dissolved(one)), dict(made.dissolved(other))


seeds = st.integers(0, 10_000)


@laws(15)
@given(seeds)
def test_what_passes_one_way_passes_back_the_other_way(seed: int) -> None:
    before, after = two_maps(seed)
    there, back = by_pair(passed(before, after)), by_pair(passed(after, before))
    assert there.keys() == {(gainer, loser, overlap) for loser, gainer, overlap in back}
    for (loser, gainer, overlap), km2 in there.items():
        assert km2 == pytest.approx(back[gainer, loser, overlap], rel=1e-6, abs=1e-3)


@laws(15)
@given(seeds)
def test_every_km2_is_told_once(seed: int) -> None:
    # What an owner has more of afterwards is what it gained less what it lost: nothing hidden, nothing twice.
    before, after = two_maps(seed)
    found = by_pair(passed(before, after))
    for owner in before.keys() | after.keys():
        gained = sum(km2 for (_, gainer, _), km2 in found.items() if gainer == owner)
        lost = sum(km2 for (loser, _, _), km2 in found.items() if loser == owner)
        growth = geo.area_km2(after.get(owner)) - geo.area_km2(before.get(owner))
        assert gained - lost == pytest.approx(growth, abs=0.01)


@laws(15)
@given(seeds)
def test_transfers_of_coverages_do_not_overlap(seed: int) -> None:
    before, after = two_maps(seed)
    found = [d.geometry for d in passed(before, after)]
    assert sum(geo.areas_km2(found)) == pytest.approx(geo.area_km2(shapely.union_all(found)), rel=1e-6, abs=0.01)


@laws(15)
@given(seeds)
def test_nobody_passes_ground_to_itself(seed: int) -> None:
    assert all(d.loser != d.gainer for d in passed(*two_maps(seed)))


@laws(15)
@given(seeds)
def test_the_detour_is_never_shorter(seed: int) -> None:
    # Triangle: ground that differs between a and c differs between a and b or between b and c.
    a, b = two_maps(seed)
    c, _ = two_maps(seed + 2)

    def changed(x: Mapping[str, BaseGeometry], y: Mapping[str, BaseGeometry]) -> float:
        return geo.area_km2(shapely.union_all([d.geometry for d in passed(x, y)] or [geo.EMPTY]))

    assert changed(a, c) <= changed(a, b) + changed(b, c) + 0.01


# --- overlapping claims, gaps ------------------------------------------------------------------------------------


def squares(**grounds: BaseGeometry) -> Drawing:
    return tuple(grounds.items())


HERE = shapely.box(12, 40, 14, 42)


def test_overlapping_claims_give_no_phantom_swap() -> None:
    # Trap 6: two owners drawn over the same ground before and after; only one of them redraws its claim.
    before = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(12, 40, 16, 42))
    after = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(12.001, 40, 16, 42))
    outcome = compared(before, after, HERE)
    assert substantive(outcome) == []
    assert [f.kind for f in outcome.findings if f.kind is Kind.TRANSFER] == []


def test_a_claim_laid_over_ground_another_keeps_is_an_overlap_not_a_transfer() -> None:
    before = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(14, 40, 16, 42))
    after = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(12, 40, 16, 42))
    there, back = compared(before, after, HERE), compared(after, before, HERE)
    [laid] = there.findings
    assert (laid.kind, laid.significance) == (Kind.OVERLAP, Significance.SUBSTANTIVE)
    assert (laid.loser, laid.gainer) == (None, "CL")
    assert laid.area_km2 == pytest.approx(geo.area_km2(HERE), rel=1e-3)
    [taken] = back.findings
    assert (taken.kind, taken.loser, taken.gainer) == (Kind.OVERLAP, "CL", None)


def test_shares_of_overlapping_claims_sum_to_more_than_one() -> None:
    both = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(12, 40, 16, 42))
    shares = {s.owner: s.share for s in scene(world(both), dispute(HERE)).depiction.shares}
    assert shares == pytest.approx({"AR": 1.0, "CL": 1.0})


def test_a_claim_swapped_under_a_standing_one_is_told_between_those_who_swapped() -> None:
    over = {"AR": shapely.box(10, 40, 14, 42)}
    before = squares(**over, CL=HERE, PE=shapely.box(14, 40, 16, 42))
    after = squares(**over, PE=shapely.box(12, 40, 16, 42))
    [told] = substantive(compared(before, after, HERE))
    assert (told.kind, told.loser, told.gainer) == (Kind.TRANSFER, "CL", "PE")


def test_ground_that_nobody_is_shown_to_hold_is_told_as_nobodys() -> None:
    before = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(14, 40, 16, 42))
    after = squares(AR=shapely.box(10, 40, 12, 42), CL=shapely.box(14, 40, 16, 42))
    [told] = transfers(compared(before, after, HERE))
    assert (told.kind, told.loser, told.gainer) == (Kind.GAP, "AR", None)
    [back] = transfers(compared(after, before, HERE))
    assert (back.kind, back.loser, back.gainer) == (Kind.GAP, None, "AR")


# --- the noise and what stands out of it --------------------------------------------------------------------------


@pytest.mark.parametrize("noise", sorted(NOISE))
@laws(8)
@given(case=cases)
def test_a_disk_of_four_floors_is_found_with_its_owners(noise: str, case: Case) -> None:
    # One feature an owner: where every feature is shaken on its own, seams inside an owner are boundaries nobody drew.
    drawing = made.dissolved(case.drawing)
    drawn_anew = NOISE[noise](drawing, 1.0, case.rng)
    loser, middle, room = made.widest(drawing, case.ground)
    floor = compared(drawing, drawn_anew, middle.buffer(0.5), km=0.3).comparison.noise_floor_km or 0.0
    radius = max(4.2 * floor, 4.0)
    assume(room > radius + 5)
    gainer = next(o for o in reversed(OWNERS) if o != loser)
    taken = disk(middle.x, middle.y, radius)
    ground = disk(middle.x, middle.y, 5 * radius)
    for flip in (False, True):
        pair = (drawing, made.handed(drawn_anew, taken, gainer))
        outcome = compared(*(reversed(pair) if flip else pair), ground, km=0.3)
        assume((outcome.comparison.noise_floor_km or 0.0) * 3.7 < radius)  # other stretches of boundary count here
        [told] = [f for f in transfers(outcome) if f.significance is Significance.SUBSTANTIVE]
        assert (told.loser, told.gainer) == ((gainer, loser) if flip else (loser, gainer))
        assert told.area_km2 == pytest.approx(np.pi * radius**2, rel=0.1)
        assert told.geometry is not None
        common = geo.area_km2(told.geometry.intersection(taken))
        assert common / geo.area_km2(told.geometry.union(taken)) > 0.5


@laws(6)
@given(cases)
def test_noise_ten_times_the_scale_does_not_hide_behind_its_own_pieces(case: Case) -> None:
    # Every lens between the two drawings is thicker than the scale: left out, they once left 1 km of 10 to measure by.
    drawing = made.dissolved(case.drawing)
    outcome = compared(drawing, made.redigitised(drawing, 10.0, case.rng), case.ground, km=1.0)
    assert substantive(outcome) == []
    assert (outcome.comparison.noise_floor_km or 0.0) > 3


def test_islets_below_the_scale_come_and_go_untold() -> None:
    islet = disk(12.0, 41.0, 0.8)
    mainland = shapely.box(10.0, 40.0, 11.5, 42.0)
    with_islet = (("AR", mainland), ("CL", islet))
    redrawn = made.redigitised((("AR", mainland),), 0.5, np.random.default_rng(1))
    for before, after in ((with_islet, redrawn), (redrawn, with_islet)):
        outcome = compared(before, after, islet.buffer(0.01), km=1.0)
        assert outcome.findings == ()
        assert outcome.comparison.verdict is not Verdict.CHANGED


@laws(10)
@given(seeds, st.floats(0.5, 20.0))
def test_leaving_out_small_pieces_leaves_the_large_ones_as_they_are(seed: int, least_km: float) -> None:
    before, after = two_maps(seed)
    plane = geo.Plane(12.5, 42.5)

    def thick(found: list[Difference]) -> list[tuple[str | None, str | None, bool, float]]:
        parts = [(d, p) for d in found for p in shapely.get_parts(d.geometry)]
        kept = [(d, p) for d, p in parts if geo.inradius_km(p, plane) > least_km]
        return sorted(((d.loser or "", d.gainer or "", d.overlap, round(geo.area_km2(p), 3)) for d, p in kept))

    assert thick(list(differences(before, after, at_least_km=least_km))) == thick(passed(before, after))


@laws(15)
@given(cases)
def test_a_real_change_does_not_raise_the_floor_it_is_measured_against(case: Case) -> None:
    # Half the ground handed over between two editions with the same vertices: the floor of the rest is zero.
    loser, middle, room = made.widest(case.drawing, case.ground)
    taken = disk(middle.x, middle.y, room * 0.95)
    outcome = compared(case.drawing, made.handed(case.drawing, taken, "UY"), case.ground, km=0.3)
    assert outcome.comparison.noise_floor_km == 0
    [told] = transfers(outcome)
    assert (told.loser, told.gainer, told.significance) == (loser, "UY", Significance.SUBSTANTIVE)


@laws(15)
@given(cases)
def test_a_change_under_the_limit_is_never_substantive(case: Case) -> None:
    _, middle, room = made.widest(case.drawing, case.ground)
    taken = disk(middle.x, middle.y, min(2.5, room / 2))
    outcome = compared(case.drawing, made.handed(case.drawing, taken, "UY"), case.ground, km=3.0)
    assert substantive(outcome) == []


@laws(15)
@given(cases, st.floats(1.5, 6.0))
def test_what_is_attested_as_unchanged_hides_nothing_thicker_than_its_limit(case: Case, radius: float) -> None:
    # However small a part of a large dispute it is: an attestation names a thickness, not a share.
    loser, middle, room = made.widest(case.drawing, case.ground)
    assume(room > radius)
    taken = disk(middle.x, middle.y, radius)
    outcome = compared(case.drawing, made.handed(case.drawing, taken, "UY"), case.ground, km=1.0)
    assert outcome.comparison.verdict is Verdict.CHANGED
    assert [(f.loser, f.gainer) for f in transfers(outcome)] == [(loser, "UY")]


def test_every_change_carries_its_measures() -> None:
    before = squares(AR=shapely.box(10, 40, 14, 42), CL=shapely.box(14, 40, 16, 42))
    after = squares(AR=shapely.box(10, 40, 12, 42), CL=shapely.box(12, 40, 16, 42))
    [told] = compared(before, after, HERE, km=1.5).findings
    assert told.area_km2 == pytest.approx(geo.area_km2(HERE), rel=1e-6)
    assert told.share == pytest.approx(1.0)
    assert told.noise_floor_km == 0
    assert told.ratio is None
    assert told.limit_km == 1.5
    assert told.inradius_km == pytest.approx(83.5, abs=1.5)  # half of two degrees at 41 N


def test_a_ground_thinner_than_the_source_can_show_is_not_resolvable() -> None:
    small = disk(13.0, 41.0, 4.0)
    about = dispute(small)
    before = squares(AR=shapely.box(10, 40, 13, 42), CL=shapely.box(13, 40, 16, 42))
    coarse = scene(world(before, km=10.0), about)
    assert coarse.depiction.coverage is Coverage.NOT_RESOLVABLE
    assert coarse.depiction.shares == ()
    other = squares(AR=shapely.box(10, 40, 13.3, 42), CL=shapely.box(13.3, 40, 16, 42))
    outcome = compare.scenes(coarse, scene(world(other, 1, km=10.0), about))
    assert outcome.comparison.verdict is Verdict.NOT_RESOLVABLE
    assert "4.0 km" in outcome.comparison.reason


def test_two_drawings_too_far_apart_are_not_resolvable_rather_than_unchanged() -> None:
    # Insufficient is not ok: where the pair's own noise is wider than the dispute, nothing may be attested.
    chosen = made.made_case(11)
    about = dispute(disk(12.5, 42.5, 9.0))
    far = made.shifted(chosen.drawing, 12.0, chosen.rng)
    outcome = compare.scenes(scene(world(chosen.drawing, 0), about), scene(world(far, 1), about))
    assert outcome.comparison.verdict is not Verdict.UNCHANGED


def test_an_island_dropped_by_a_new_drawing_is_nobodys_gain() -> None:
    chosen = made.made_case(3)
    island = disk(13.0, 46.5, 20.0)
    ground = shapely.box(12.0, 44.0, 14.0, 47.0)
    before = (*chosen.drawing, ("PY", island))
    after = made.redigitised(chosen.drawing, 1.0, chosen.rng)
    about = dispute(ground)
    outcome = compare.scenes(
        scene(world(before, 0), about), scene(world(after, 1), about), compare.Between(redrawn=True)
    )
    assert [(f.kind, f.loser, f.gainer) for f in substantive(outcome)] == []
    assert all(f.gainer is None for f in outcome.findings if f.loser == "PY")


@pytest.mark.parametrize("km", [2.0, 5.0, 10.0])
@laws(6)
@given(case=cases)
def test_a_change_of_scale_is_no_transfer(km: float, case: Case) -> None:
    # The coarser drawing's limit holds for the pair, in both directions.
    coarse = made.simplified(case.drawing, km, case.rng)
    about = dispute(case.ground)
    fine_scene, coarse_scene = scene(world(case.drawing, 0, km=0.3), about), scene(world(coarse, 1, km=km), about)
    for before, after in ((fine_scene, coarse_scene), (coarse_scene, fine_scene)):
        outcome = compare.scenes(before, after)
        assert substantive(outcome) == []
        assert (outcome.comparison.limit_km or 0) >= km


# --- names and codes: place first ------------------------------------------------------------------------------------


def named(*items: tuple[str | None, str | None, BaseGeometry]) -> list[Feature]:
    return [Feature(ground, code=code, name=name) for code, name, ground in items]


def told_of(before: list[Feature], after: list[Feature], ground: BaseGeometry, **fields: object) -> list[Finding]:
    about = dispute(ground, **fields)
    return list(compare.scenes(scene(world(before, 0), about), scene(world(after, 1), about)).findings)


# Together far larger than the ground in dispute, so that the whole is not taken for the disputed thing itself.
EAST, WEST = shapely.box(12, 40, 14, 42), shapely.box(4, 40, 12, 42)
WHOLE = shapely.box(4, 40, 14, 42)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("ESH", "W. Sahara"), ("ESH", "Western Sahara")),
        (("-99", "Western Sahara"), ("EH", "Western Sahara")),
        (("EH", "W. Sahara"), (None, "Western_Sahara")),
        (("732", None), ("ESH", None)),
        ((None, "SWAZILAND"), ("SZ", "eSwatini")),
        (("CZE", "Czech Republic"), ("CZE", "Czechia")),
        (("-99", "N. Cyprus"), ("CYN", "Northern Cyprus")),
        (("KOS", "Kosovo"), ("-99", "Kosovo")),
        (("XK", None), ("XKX", "Republic of Kosovo")),
        (("-99", "Somaliland"), ("SOL", "Somaliland")),
    ],
)
def test_a_rename_is_no_transfer(old: tuple[str | None, str | None], new: tuple[str | None, str | None]) -> None:
    rest = ("MAR", "Morocco", WEST)
    found = told_of(named((*old, EAST), rest), named((*new, EAST), rest), EAST)
    assert [f for f in found if f.kind in GROUND_KINDS] == []


@pytest.mark.parametrize("code", ["-99", "-1", "", None])
@pytest.mark.parametrize("name", ["", None, "Zone 4", "Feature 99"])
def test_ground_that_loses_or_finds_its_name_is_no_transfer(code: str | None, name: str | None) -> None:
    rest = ("CL", "Chile", WEST)
    known, unknown = named(("AR", "Argentina", EAST), rest), named((code, name, EAST), rest)
    for before, after in ((known, unknown), (unknown, known)):
        # That it is called otherwise may be told; that ground passed or a feature came may not.
        assert {f.kind for f in told_of(before, after, EAST)} <= {Kind.RENAMED}


def test_unnamed_ground_that_was_part_of_another_is_told() -> None:
    # Not a rename: half of Argentina is cut out and nobody is named as its holder.
    whole = named(("AR", "Argentina", WHOLE))
    cut = named(("AR", "Argentina", WEST), ("-99", None, EAST))
    [told] = [f for f in told_of(whole, cut, EAST) if f.kind is Kind.TRANSFER]
    assert (told.loser, told.gainer) == ("AR", "?")


def test_two_features_with_one_name_are_one_owner() -> None:
    one = named(("CN", "China", WHOLE))
    two = named(("CN", "China", WEST), ("CN", "China", EAST))
    assert told_of(one, two, EAST) == []
    assert told_of(two, one, EAST) == []


SAHARA = {"slug": "western_sahara", "name": "Western Sahara", "claimants": ("EH", "MA")}


def test_an_entity_that_gets_a_feature_of_its_own_appears_and_back_it_disappears() -> None:
    inside = named(("MAR", "Morocco", WHOLE))
    apart = named(("MAR", "Morocco", WEST), ("ESH", "Western Sahara", EAST))
    appeared = told_of(inside, apart, EAST, **SAHARA)
    transfers = [f for f in appeared if f.kind is Kind.TRANSFER]
    assert [(f.loser, f.gainer) for f in transfers] == [("MA", "EH")]
    gone = told_of(apart, inside, EAST, **SAHARA)
    assert [(f.loser, f.gainer) for f in gone if f.kind is Kind.TRANSFER] == [("EH", "MA")]


def test_an_entity_carved_out_under_its_holders_flag_appears_without_a_transfer() -> None:
    whole = [Feature(WHOLE, code="MAR", name="Morocco", owner="MAR")]
    apart = [
        Feature(WEST, code="MAR", name="Morocco", owner="MAR"),
        Feature(EAST, code="ESH", name="Western Sahara", owner="MAR"),
    ]
    [appeared] = told_of(whole, apart, EAST, **SAHARA)
    assert (appeared.kind, appeared.gainer, appeared.new) == (Kind.APPEARED, "MA", "Western Sahara")
    [gone] = told_of(apart, whole, EAST, **SAHARA)
    assert (gone.kind, gone.old) == (Kind.DISAPPEARED, "Western Sahara")


def test_a_feature_that_loses_or_finds_its_name_in_place_is_told_as_a_name() -> None:
    rest = ("CL", "Chile", WEST)
    called, nameless = named((None, "Kashmir", EAST), rest), named(("-99", None, EAST), rest)
    [gone] = told_of(called, nameless, EAST)
    assert (gone.kind, gone.significance, gone.old, gone.new) == (Kind.RENAMED, Significance.MINOR, "Kashmir", None)
    [found] = told_of(nameless, called, EAST)
    assert (found.kind, found.old, found.new) == (Kind.RENAMED, None, "Kashmir")


def test_a_file_that_loses_its_names_says_nothing_of_one_place() -> None:
    islets = [(f"Q{n}", f"Islet {n}", shapely.box(-60 + n, -30, -59.5 + n, -29.5)) for n in range(30)]
    blank = [(code, None, area) for code, _, area in islets]
    called, nameless = named((None, "Kashmir", EAST), *islets), named(("-99", None, EAST), *blank)
    assert told_of(called, nameless, EAST) == []
    assert told_of(nameless, called, EAST) == []


def test_an_island_under_the_scale_that_only_one_map_draws_is_not_attested_as_unchanged() -> None:
    """Mayotte is 6.3 km at its thickest: on a map of 10 km it comes and goes, and no answer is the answer."""
    islet, far = disk(45.1, -12.8, 6.0), ("KM", disk(43.3, -11.7, 30.0))
    about = dispute(islet)
    coarse, fine = world((far,), 0, km=10.0), world((far, ("FR", islet)), 1, km=4.5)
    for before, after in ((coarse, fine), (fine, coarse)):
        outcome = compare.scenes(scene(before, about), scene(after, about))
        assert outcome.comparison.verdict is Verdict.NOT_RESOLVABLE
        assert "nothing here" in outcome.comparison.reason
        assert substantive(outcome) == []


def test_a_feature_renamed_in_place_is_told_as_a_name() -> None:
    old, new = named(("ESH", "W. Sahara", EAST)), named(("ESH", "Western Sahara", EAST))
    [told] = told_of(old, new, EAST, **SAHARA)
    assert (told.kind, told.old, told.new) == (Kind.RENAMED, "W. Sahara", "Western Sahara")


def test_a_split_and_a_merge_are_told_once_each_way() -> None:
    # One owner's ground becomes two owners' ground: two transfers, from the one who had it.
    one = squares(AR=shapely.box(10, 40, 14, 42))
    two = squares(CL=shapely.box(10, 40, 13, 42), PE=shapely.box(13, 40, 14, 42))
    split = {(f.loser, f.gainer) for f in substantive(compared(one, two, HERE))}
    merge = {(f.loser, f.gainer) for f in substantive(compared(two, one, HERE))}
    assert split == {("AR", "CL"), ("AR", "PE")}
    assert merge == {("CL", "AR"), ("PE", "AR")}


# --- told apart by more than thickness ------------------------------------------------------------------------


def half(code: str, west: float, east: float) -> tuple[str, BaseGeometry]:
    return code, shapely.box(west, 40.0, east, 45.0)


def test_ground_handed_to_who_was_nowhere_near_is_no_noise() -> None:
    # Two hands drew this coast 20 km apart, so nothing below 70 km stands out by its thickness; the island is 33 km
    # thick, and its new holder had nothing within 150 km of it.
    island = shapely.box(12.2, 42.2, 12.8, 42.8)
    shore = ("AR", shapely.box(10.0, 40.0, 15.0, 41.5))
    moved = ("AR", shapely.box(10.0, 40.0, 15.0, 41.68))
    before, after = (("BO", island), shore), (("PE", island), moved)
    outcome = compared(before, after, island)
    assert [(f.kind, f.loser, f.gainer, f.significance) for f in outcome.findings if f.kind is Kind.TRANSFER] == [
        (Kind.TRANSFER, "BO", "PE", Significance.SUBSTANTIVE)
    ]


def test_noise_on_a_coast_hides_no_change_on_land() -> None:
    # The coast is drawn 10 km apart, the boundary between the owners to the metre.
    ground = shapely.box(12.3, 41.0, 12.7, 41.6)
    before = (half("AR", 10.0, 12.5), half("BO", 12.5, 15.0))
    sunk = shapely.box(10.0, 44.9, 15.0, 45.0)
    after = tuple((code, shapely.difference(g, sunk)) for code, g in made.handed(before, ground, "BO"))
    found = compared(before, after, ground.buffer(0.05)).findings
    assert {(f.loser, f.gainer) for f in found} >= {("AR", "BO")}


def test_most_of_a_ground_below_the_floor_is_neither_changed_nor_unchanged() -> None:
    before = (half("AR", 10.0, 12.5), half("BO", 12.5, 15.0))
    after = (half("AR", 10.0, 12.62), half("BO", 12.62, 15.0))
    strip = shapely.box(12.5, 42.0, 12.62, 42.2)
    outcome = compared(before, after, strip)
    assert outcome.comparison.verdict is Verdict.NOT_RESOLVABLE
    assert (
        "most of the ground is drawn otherwise" in outcome.comparison.reason or "thickest" in outcome.comparison.reason
    )


def test_slivers_on_a_change_are_trimmed() -> None:
    case = made.made_case(7, cells=6, owners=3)
    loser, middle, room_km = made.widest(case.drawing, case.ground)
    place = made.disk(middle.x, middle.y, min(room_km / 2, 15.0))
    gainer = next(o for o in made.OWNERS if o != loser)
    noisy = made.redigitised(case.drawing, 0.5, case.rng)
    found = compared(case.drawing, made.handed(noisy, place, gainer), case.ground).findings
    [told] = [f for f in found if (f.loser, f.gainer) == (loser, gainer)]
    assert told.geometry is not None
    common, told_km2, real_km2 = geo.areas_km2([told.geometry.intersection(place), told.geometry, place])
    assert common / (told_km2 + real_km2 - common) > 0.8
