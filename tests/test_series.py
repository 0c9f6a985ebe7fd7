"""Stories of one view over time: what is believed, what is told once, what is taken back, what adds up slowly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from borderwatch.diff.series import Derived, Moment, Series, doubt, with_reverts
from borderwatch.models import GROUND_KINDS, Change, Dispute, Kind, Row, Significance, Verdict
from borderwatch.observe import Observer
from borderwatch.scene import World
from tests import strategies as made
from tests.strategies import Drawing, dispute, world

WEST, EAST, FAR = shapely.box(4, 40, 12, 42), shapely.box(12, 40, 14, 42), shapely.box(14, 40, 40, 60)
HERE = EAST
A: Drawing = (("AR", shapely.union_all([WEST, EAST])), ("CL", FAR))
B: Drawing = (("AR", WEST), ("CL", shapely.union_all([EAST, FAR])))


def told(*worlds: World, about: Dispute | None = None) -> Derived:
    observer = Observer([about or dispute(HERE)])
    series = Series("Made-up map")
    for one in worlds:
        series.feed(Moment(one, observer.scenes(one)))
    return series.close()


def editions(*drawings: Drawing, km: float = 1.0) -> list[World]:
    return [world(drawing, n, km=km) for n, drawing in enumerate(drawings)]


def pairs(changes: Sequence[Change]) -> list[tuple[str | None, str | None]]:
    return [(c.loser, c.gainer) for c in changes if c.kind in GROUND_KINDS]


# --- one after another -----------------------------------------------------------------------------------------


def test_a_view_that_never_changes_is_attested_at_every_step() -> None:
    derived = told(*editions(A, A, A, A))
    assert derived.changes == []
    assert [c.verdict for c in derived.comparisons] == [Verdict.UNCHANGED] * 3
    assert len(derived.depictions) == 4


def test_every_drawing_that_differs_is_kept_to_be_drawn_and_the_same_drawing_once() -> None:
    nudged: Drawing = (A[0], ("CL", shapely.box(14, 40, 40, 60.001)))
    derived = told(*editions(A, A, nudged, nudged))
    assert derived.changes == []
    assert [scene.capture.id for scene in derived.shown] == [derived.depictions[n].capture for n in (1, 2, 3)]


def test_one_capture_alone_says_what_is_shown_and_compares_nothing() -> None:
    derived = told(*editions(A))
    assert (len(derived.depictions), derived.comparisons, derived.changes) == (1, [], [])


def test_no_capture_says_nothing() -> None:
    assert told() == Derived()


def test_a_change_is_told_once_and_stays() -> None:
    derived = told(*editions(A, A, B, B, B))
    assert pairs(derived.changes) == [("AR", "CL")]
    assert [c.verdict.value for c in derived.comparisons] == ["unchanged", "changed", "unchanged", "unchanged"]
    [change] = derived.changes
    assert (change.before.edition.label, change.after.edition.label) == ("v1", "v2")  # type: ignore[union-attr]


def test_a_change_has_the_same_id_whenever_it_is_derived() -> None:
    once, again = told(*editions(A, B)), told(*editions(A, B))
    assert [c.id for c in once.changes] == [c.id for c in again.changes]
    longer = told(*editions(A, B, B, A))
    assert longer.changes[0].id == once.changes[0].id


def test_two_changes_never_share_an_id() -> None:
    derived = told(*editions(A, B, A, B, A))
    ids = [c.id for c in derived.changes]
    assert len(ids) == len(set(ids)) == 4


def test_every_change_has_a_sentence_with_place_area_owners_and_states() -> None:
    [change] = told(*editions(A, B)).changes
    for word in ("Made-up map", "The Ground of the Test", "km²", "Argentina", "Chile", "v0", "v1"):
        assert word in change.summary


# --- there and back ----------------------------------------------------------------------------------------------


def test_a_change_taken_back_is_told_as_a_revert() -> None:
    there, back = told(*editions(A, B, A)).changes
    assert (there.reverts, back.reverts) == (None, there.id)
    assert "takes back" in back.summary


def test_a_revert_of_a_revert_names_the_nearest() -> None:
    first, second, third = told(*editions(A, B, A, B)).changes
    assert second.reverts == first.id
    assert third.reverts == second.id


def test_half_taken_back_is_no_revert() -> None:
    half: Drawing = (
        ("AR", shapely.union_all([WEST, shapely.box(12, 40, 13, 42)])),
        ("CL", shapely.union_all([shapely.box(13, 40, 14, 42), FAR])),
    )
    _, back = told(*editions(A, B, half)).changes
    assert (back.loser, back.gainer, back.reverts) == ("CL", "AR", None)


def test_a_third_owner_is_no_revert() -> None:
    third: Drawing = (("AR", WEST), ("PE", EAST), ("CL", FAR))
    changes = told(*editions(A, B, third)).changes
    assert pairs(changes) == [("AR", "CL"), ("CL", "PE")]
    assert all(c.reverts is None for c in changes)


def test_a_revert_elsewhere_in_the_dispute_is_none() -> None:
    # The same two owners, the same size, the other half of the ground.
    north, south = shapely.box(12, 41, 14, 42), shapely.box(12, 40, 14, 41)

    def held(by_chile: BaseGeometry) -> Drawing:
        return (
            ("AR", shapely.difference(shapely.union_all([WEST, EAST]), by_chile)),
            ("CL", shapely.union_all([FAR, by_chile])),
        )

    changes = told(*editions(held(south), held(shapely.union_all([north, south])), held(north))).changes
    assert pairs(changes) == [("AR", "CL"), ("CL", "AR")]
    assert changes[1].reverts is None


def test_a_revert_is_seen_across_editions_between() -> None:
    changes = told(*editions(A, B, B, B, A)).changes
    assert changes[1].reverts == changes[0].id


def test_with_reverts_leaves_unrelated_changes_alone() -> None:
    one, two = told(*editions(A, B)).changes, told(*editions(A, B)).changes
    elsewhere = [replace(c, dispute="another", id="x") for c in two]
    assert [c.reverts for c in with_reverts([*one, *elsewhere])] == [None, None]


# --- slow drift -------------------------------------------------------------------------------------------------------


def drifted(step_deg: float) -> Drawing:
    """The boundary between the two owners, moved east to west by ``step_deg``, on a map otherwise the same."""
    x = 14 - step_deg
    return (("AR", shapely.box(4, 40, x, 42)), ("CL", shapely.union_all([shapely.box(x, 40, 14, 42), FAR])))


def test_ten_steps_too_small_to_tell_add_up_to_one_that_is_told() -> None:
    # Each step moves the boundary by 1.5 km: an inscribed radius of .75 km where the source shows 3 km and more.
    steps = [drifted(n * 0.018) for n in range(11)]
    assert told(*editions(steps[0], steps[1], km=3.0)).changes == []
    changes = [c for c in told(*editions(*steps, km=3.0)).changes if c.significance is Significance.SUBSTANTIVE]
    assert pairs(changes)[:1] == [("AR", "CL")]
    assert (changes[0].before.edition.label, changes[0].area_km2 or 0) >= ("v0", 3.0)  # type: ignore[union-attr]


def test_drift_is_told_from_the_state_it_began_in() -> None:
    steps = [drifted(n * 0.018) for n in range(11)]
    first = next(c for c in told(*editions(*steps, km=3.0)).changes if c.significance is Significance.SUBSTANTIVE)
    assert first.before.edition is not None
    assert first.before.edition.label == "v0"


def test_drift_of_noise_that_leads_nowhere_is_not_told() -> None:
    case = made.made_case(21)
    rng = np.random.default_rng(21)
    drawings = [made.redigitised(case.drawing, 1.0, rng) for _ in range(8)]
    derived = told(*editions(*drawings), about=dispute(case.ground))
    assert [c for c in derived.changes if c.significance is Significance.SUBSTANTIVE] == []


def test_drift_after_a_told_change_starts_anew() -> None:
    # A jump is told; the same small step after it is not told again with the jump's area.
    steps = [drifted(0), drifted(1.0), drifted(1.018), drifted(1.036)]
    derived = told(*editions(*steps, km=3.0))
    assert pairs(derived.changes) == [("AR", "CL")]


# --- what is not believed ---------------------------------------------------------------------------------------------


FOUR: Drawing = (*A, ("PE", shapely.box(-80, -20, -60, 0)), ("BR", shapely.box(-60, -30, -40, 0)))


def without(drawing: Drawing, *owners: str) -> Drawing:
    return tuple(item for item in drawing if item[0] not in owners)


def test_half_the_world_missing_is_quarantined_with_its_reason() -> None:
    derived = told(*editions(FOUR, without(FOUR, "AR", "CL"), FOUR))
    assert derived.changes == []
    verdicts = {c.after: c for c in derived.comparisons}
    held = verdicts[f"{1:064x}"]
    assert held.verdict is Verdict.SUSPECT
    assert "km²" in held.reason
    assert verdicts[f"{2:064x}"].verdict is Verdict.UNCHANGED
    assert verdicts[f"{2:064x}"].before == f"{0:064x}"  # compared with the last state that was believed


def test_a_second_capture_that_says_the_same_confirms_it() -> None:
    gone = without(FOUR, "AR")
    derived = told(*editions(FOUR, gone, gone, gone))
    assert pairs(derived.changes) == [("AR", None)]
    [change] = [c for c in derived.changes if c.kind in GROUND_KINDS]
    assert change.after.id == f"{1:064x}"  # dated to when it was first seen
    assert all(c.verdict is not Verdict.SUSPECT for c in derived.comparisons)


def test_two_different_broken_captures_confirm_nothing() -> None:
    derived = told(*editions(FOUR, without(FOUR, "AR", "CL"), without(FOUR, "PE", "BR"), FOUR))
    assert derived.changes == []
    assert [c.verdict for c in derived.comparisons].count(Verdict.SUSPECT) == 2


def test_a_broken_last_capture_stays_in_doubt() -> None:
    derived = told(*editions(FOUR, FOUR, without(FOUR, "AR", "CL")))
    assert derived.changes == []
    assert derived.comparisons[-1].verdict is Verdict.SUSPECT


def test_a_large_owner_missing_is_doubted_though_most_of_the_world_is_there() -> None:
    rest: Drawing = tuple((c, shapely.box(x, -40, x + 30, 40)) for c, x in (("US", -170), ("CA", -140), ("MX", -110)))
    large = shapely.box(10, 0, 20, 10)
    reason = doubt(world((*rest, ("AR", large)), 0), world(rest, 1))
    assert reason is not None
    assert "AR" in reason


def test_a_small_owner_missing_is_news_not_doubt() -> None:
    rest: Drawing = (("US", shapely.box(-170, -40, -80, 40)),)
    small = shapely.box(12, 40, 13, 41)
    assert doubt(world((*rest, ("PE", small)), 0), world(rest, 1)) is None


def test_an_owner_swallowed_by_another_is_news_not_doubt() -> None:
    # The ground is all there; it is drawn as somebody else's.
    assert doubt(world(FOUR, 0), world((*without(FOUR, "PE"), ("BR", shapely.box(-80, -20, -60, 0))), 1)) is None


def test_a_map_that_starts_to_draw_more_is_believed() -> None:
    assert doubt(world(without(FOUR, "PE"), 0), world(FOUR, 1)) is None


def test_a_ring_turned_inside_out_is_doubted() -> None:
    # Trap 12: a fixer inverted Antarctica.
    inverted: Drawing = (*FOUR, ("ZA", shapely.difference(shapely.box(-180, -90, 180, 90), shapely.box(0, 0, 9, 9))))
    assert doubt(world(FOUR, 0), world(inverted, 1)) is not None


def test_leaving_antarctica_out_is_a_choice_of_the_sheet() -> None:
    with_it: Drawing = (*FOUR, ("AQ", shapely.box(-180, -90, 180, -70)))
    assert doubt(world(with_it, 0), world(FOUR, 1)) is None
    assert doubt(world(FOUR, 0), world(with_it, 1)) is None


def test_empty_worlds_are_no_reason_to_crash() -> None:
    nothing = world((), 0)
    assert doubt(nothing, world(FOUR, 1)) is None
    assert doubt(world(FOUR, 0), nothing) is not None
    derived = told(world(FOUR, 0), world((), 1), world(FOUR, 2))
    assert derived.changes == []


# --- lists -----------------------------------------------------------------------------------------------------------


SAHARA = dispute(HERE, slug="western_sahara", name="Western Sahara", codes={"iso2": "EH"})


def rows(*names: str, number: int = 0, complete: bool = True) -> World:
    listed = [Row(key="FR", name="France", code="FR"), *(Row(key="EH", name=name, code="EH") for name in names)]
    return world((), number, rows=listed, complete=complete)


def kinds(derived: Derived) -> list[Kind]:
    return [c.kind for c in derived.changes]


def test_a_row_that_comes_and_goes_is_listed_and_delisted() -> None:
    derived = told(rows(number=0), rows("Western Sahara", number=1), rows(number=2), about=SAHARA)
    assert kinds(derived) == [Kind.LISTED, Kind.DELISTED]


@pytest.mark.parametrize("whole", [(False, True), (True, False), (False, False)])
def test_an_incomplete_list_proves_no_absence(whole: tuple[bool, bool]) -> None:
    worlds = (
        rows("Western Sahara", number=0),
        rows(number=1, complete=whole[0]),
        rows("Western Sahara", number=2, complete=whole[1]),
    )
    derived = told(*worlds, about=SAHARA)
    assert [k for k in kinds(derived) if k is Kind.DELISTED] == [] or whole[0]
    assert [k for k in kinds(derived) if k is Kind.LISTED] == [] or whole[0]


def test_a_row_with_another_name_is_relabelled_and_back_is_a_revert() -> None:
    worlds = (rows("Western Sahara"), rows("Sahrawi Republic", number=1), rows("Western Sahara", number=2))
    first, second = told(*worlds, about=SAHARA).changes
    assert (first.kind, first.old, first.new) == (Kind.RELABELLED, "Western Sahara", "Sahrawi Republic")
    assert second.reverts == first.id


@pytest.mark.parametrize("name", ["Western  Sahara", " Western Sahara ", "Western\u00a0Sahara"])
def test_white_space_is_no_other_name(name: str) -> None:
    assert told(rows("Western Sahara"), rows(name, number=1), about=SAHARA).changes == []


def test_the_order_of_rows_is_no_change() -> None:
    listed = [Row(key="FR", name="France", code="FR"), Row(key="EH", name="Western Sahara", code="EH")]
    worlds = [world((), n, rows=r) for n, r in enumerate((listed, list(reversed(listed))))]
    assert told(*worlds, about=SAHARA).changes == []


def test_unicode_forms_are_one_name() -> None:
    assert told(rows("S\u00e1hara"), rows("Sa\u0301hara", number=1), about=SAHARA).changes == []


def test_a_row_moved_under_another_parent_is_told() -> None:
    one = Row(key="EH", name="Western Sahara", code="EH", parent=None)
    worlds = [world((), n, rows=[replace(one, parent=p)]) for n, p in enumerate(("Africa", "Morocco"))]
    [change] = told(*worlds, about=SAHARA).changes
    assert (change.kind, change.old, change.new) == (Kind.REPARENTED, "Africa", "Morocco")


# --- audiences --------------------------------------------------------------------------------------------------


def test_the_list_of_audiences_is_watched() -> None:
    worlds = [world(A, n, worldviews=v) for n, v in enumerate((("AR", "CL"), ("AR", "CL"), ("AR", "CL", "PE")))]
    [change] = told(*worlds).changes
    assert change.kind is Kind.WORLDVIEWS
    assert change.dispute is None


def test_the_order_of_audiences_is_no_change() -> None:
    worlds = [world(A, n, worldviews=v) for n, v in enumerate((("AR", "CL"), ("CL", "AR")))]
    assert told(*worlds).changes == []
