"""What passes where no dispute looks: told once, with its place, by either way of comparing two worlds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.changelog import ChangeLog
from borderwatch.cli import main
from borderwatch.diff import elsewhere
from borderwatch.diff.elsewhere import Method
from borderwatch.diff.record import Finding
from borderwatch.diff.series import Derived, Moment, Series
from borderwatch.disputes import land
from borderwatch.models import Change, Significance, SourceCard, Terms
from borderwatch.observe import Observer
from tests.strategies import Case, Drawing, cases, disk, dispute, handed, laws, redigitised, world

# Two owners and a third in the Sahara, far from the sea; the dispute lies at one end.
WEST, EAST, SOUTH = shapely.box(4, 22, 12, 30), shapely.box(12, 22, 20, 30), shapely.box(4, 16, 20, 22)
A: Drawing = tuple((o, shapely.segmentize(g, 0.05)) for o, g in (("DZ", WEST), ("LY", EAST), ("NE", SOUTH)))
FAR = disk(12.0, 28.0, 40.0)
WATCHED = disk(5.0, 17.0, 50.0)


def told(*drawings: Drawing, about: BaseGeometry = WATCHED) -> Derived:
    observer = Observer([dispute(about)])
    series = Series("Made-up map")
    for number, drawing in enumerate(drawings):
        one = world(drawing, number)
        series.feed(Moment(one, observer.scenes(one)))
    return series.close()


def found(before: Drawing, after: Drawing, judged: Sequence[BaseGeometry] = (), km: float = 1.0) -> list[Finding]:
    return elsewhere.findings(world(before, 0, km=km), world(after, 1, km=km), judged)


def pairs(changes: Sequence[Change | Finding]) -> list[tuple[str | None, str | None]]:
    return [(c.loser, c.gainer) for c in changes]


# --- in the log --------------------------------------------------------------------------------------------------


def test_ground_no_dispute_watches_is_logged_with_its_place() -> None:
    [change] = told(A, handed(A, FAR, "LY")).changes
    assert (change.dispute, change.loser, change.gainer) == (None, "DZ", "LY")
    assert change.significance is Significance.SUBSTANTIVE
    assert change.geometry is not None
    assert change.geometry.intersects(disk(11.8, 28.0, 20.0))
    assert "28.0° N 11." in change.summary


def test_it_is_logged_once_and_taken_back_once() -> None:
    b = handed(A, FAR, "LY")
    one, back = told(A, A, b, b, A).changes
    assert (one.loser, one.gainer, back.loser, back.gainer) == ("DZ", "LY", "LY", "DZ")
    assert back.reverts == one.id


def test_two_places_of_one_pair_are_two_changes_with_their_own_ids() -> None:
    after = handed(handed(A, disk(12.0, 28.0, 40.0), "LY"), disk(12.0, 24.0, 30.0), "LY")
    changes = told(A, after).changes
    assert pairs(changes) == [("DZ", "LY")] * 2
    assert len({c.id for c in changes}) == 2


def test_what_a_dispute_tells_is_not_told_elsewhere_too() -> None:
    changes = told(A, handed(A, WATCHED, "LY")).changes
    assert [c.dispute is None for c in changes] == [False]


def test_a_piece_that_reaches_far_beyond_the_dispute_that_told_it_is_told_for_the_rest() -> None:
    changes = told(A, handed(A, shapely.box(4, 16, 20, 19), "LY")).changes
    assert {c.dispute is None for c in changes if (c.loser, c.gainer) == ("NE", "LY")} == {True, False}


# --- what counts ---------------------------------------------------------------------------------------------------


def test_islands_that_get_a_feature_of_their_own_are_one_change() -> None:
    islands = [disk(6.0 + 2 * n, 26.0, 15.0 + n) for n in range(3)]
    after = handed(A, shapely.union_all(islands), "TD")
    [one] = found(A, after)
    assert (one.loser, one.gainer) == ("DZ", "TD")
    assert one.area_km2 == pytest.approx(sum(geo.areas_km2(islands)), rel=1e-6)


def test_a_feature_that_only_got_a_name_passes_to_nobody() -> None:
    assert found((("?nowhere", WEST), ("LY", EAST)), (("DZ", WEST), ("LY", EAST))) == []


def test_below_twice_the_limit_it_is_told_as_minor() -> None:
    small, large = (found(A, handed(A, disk(11.0, 26.0, km), "LY")) for km in (5.0, 12.0))
    few, many = (f for [f] in (small, large))
    assert few.limit_km == many.limit_km == 1.0
    assert {few.significance, many.significance} == {Significance.SUBSTANTIVE}
    [coarse] = found(A, handed(A, disk(11.0, 26.0, 12.0), "LY"), km=8.0)
    assert coarse.significance is Significance.MINOR
    assert found(A, handed(A, disk(11.0, 26.0, 12.0), "LY"), km=13.0) == []


def test_sea_drawn_with_the_land_is_minor_where_no_land_passes() -> None:
    gulf = shapely.box(0, 0, 8, 3)  # the Gulf of Guinea: sea, but for the north-east corner
    drawn: Drawing = (("ST", shapely.box(0, -6, 4, 3)), ("GA", shapely.box(4, -6, 14, 3)))
    assert not gulf.within(land())
    [one] = found(drawn, handed(drawn, disk(2.0, -3.0, 100.0), "GA"))
    assert one.significance is Significance.MINOR


def test_gains_from_nobody_are_coast_and_are_not_told() -> None:
    assert found(A, (*A, ("TD", shapely.box(20, 16, 24, 22)))) == []


# --- one answer from both ways ---------------------------------------------------------------------------------------


@laws(15)
@given(cases)
def test_the_chain_and_the_pairs_of_features_find_the_same_ground(case: Case) -> None:
    middle = case.ground.centroid
    after = handed(case.drawing, disk(middle.x, middle.y, 60.0), case.drawing[0][0])
    old, new = world(case.drawing, 0), world(after, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elsewhere, "CHAIN_UP_TO", 2.0)
        ours = elsewhere.survey(old, new)
        patch.setattr(elsewhere, "CHAIN_UP_TO", 0.0)
        theirs = elsewhere.survey(old, new)
    if ours.patches:
        assert (ours.method, theirs.method) == (Method.CHAIN, Method.PAIRS)
    assert [(p.loser, p.gainer) for p in ours.patches] == [(p.loser, p.gainer) for p in theirs.patches]
    for one, other in zip(ours.patches, theirs.patches, strict=True):
        assert one.area_km2 == pytest.approx(other.area_km2, abs=0.001)


def test_the_way_follows_from_how_much_was_drawn_anew() -> None:
    anew = redigitised(A, 1.0, np.random.default_rng(1))
    assert elsewhere.survey(world(A, 0), world(A, 1)).method is Method.SAME
    assert elsewhere.survey(world(A, 0), world(handed(A, FAR, "LY"), 1)).method is Method.CHAIN
    assert elsewhere.survey(world(A, 0), world(anew, 1)).method is Method.PAIRS


@laws(10)
@given(cases)
def test_a_world_drawn_anew_passes_nothing_to_anybody(case: Case) -> None:
    anew = redigitised(case.drawing, 0.5, np.random.default_rng(case.ground.wkb[-1]))
    solid = [f for f in found(case.drawing, anew) if f.significance is Significance.SUBSTANTIVE]
    assert solid == []


def test_there_and_back_are_mirror_images() -> None:
    after = handed(A, FAR, "LY")
    [there], [back] = found(A, after), found(after, A)
    assert (there.loser, there.gainer) == (back.gainer, back.loser)
    assert there.area_km2 == pytest.approx(back.area_km2)


# --- asked for by name ---------------------------------------------------------------------------------------------


def test_the_log_is_asked_for_what_passed_elsewhere(tmp_path: Path) -> None:
    derived = told(A, handed(A, FAR, "LY"))
    view = derived.changes[0].view
    captures = (derived.changes[0].before, derived.changes[0].after)
    with ChangeLog(tmp_path / "borderwatch.db") as log:
        log.put_sources([SourceCard(view.source, "Made-up map", Terms("public domain", "nobody"))])
        log.put_attempts(captures)
        log.put_view(
            view, "one", captures=captures, depictions=(), comparisons=(), changes=derived.changes, sketches=()
        )
        assert [c.id for c in log.changes(dispute="elsewhere")] == [derived.changes[0].id]
    (tmp_path / "borderwatch.toml").write_text("", encoding="utf-8")
    words = ["--workspace", str(tmp_path), "changes", "--dispute", "elsewhere", "--json"]
    answer = CliRunner().invoke(main, words)
    assert answer.exit_code == 0, answer.output
    assert [c["to"] for c in json.loads(answer.stdout)] == ["LY"]
