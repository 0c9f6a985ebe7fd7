"""Laws of the comparison: what is no change, what passes between owners, what stands out of the noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from borderwatch import geometry as geo
from borderwatch.diff import compare
from borderwatch.diff.compare import Outcome
from borderwatch.diff.ownership import Difference, differences
from borderwatch.diff.record import Finding
from borderwatch.models import Significance, Verdict
from tests import strategies as made
from tests.strategies import NOISE, REWRITES, Case, Drawing, cases, dispute, scene, world

laws = settings(max_examples=20, deadline=None, derandomize=True)


def compared(before: Drawing, after: Drawing, ground: BaseGeometry, *, km: float = 1.0) -> Outcome:
    about = dispute(ground)
    return compare.scenes(scene(world(before, 0, km=km), about), scene(world(after, 1, km=km), about))


def substantive(outcome: Outcome) -> list[Finding]:
    return [f for f in outcome.findings if f.significance is Significance.SUBSTANTIVE]


def passed(before: Mapping[str, BaseGeometry], after: Mapping[str, BaseGeometry]) -> list[Difference]:
    return list(differences(before, after))


def by_pair(found: list[Difference]) -> dict[tuple[str | None, str | None, bool], float]:
    totals: dict[tuple[str | None, str | None, bool], float] = {}
    for d in found:
        key = (d.loser, d.gainer, d.overlap)
        totals[key] = totals.get(key, 0.0) + geo.area_km2(d.geometry)
    return {key: km2 for key, km2 in totals.items() if km2 > 1e-3}


# --- no change ---------------------------------------------------------------------------------------------


@laws
@given(cases)
def test_the_same_map_twice_is_no_change(case: Case) -> None:
    outcome = compared(case.drawing, case.drawing, case.ground)
    assert outcome.comparison.verdict is Verdict.UNCHANGED
    assert outcome.findings == ()


@pytest.mark.parametrize("rewrite", sorted(REWRITES))
@settings(max_examples=6, deadline=None, derandomize=True)
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
@settings(max_examples=6, deadline=None, derandomize=True)
@given(case=cases)
def test_noise_is_no_substantive_change(noise: str, km: float, case: Case) -> None:
    drawn_anew = NOISE[noise](case.drawing, km, case.rng)
    for before, after in ((case.drawing, drawn_anew), (drawn_anew, case.drawing)):
        outcome = compared(before, after, case.ground, km=0.3)
        told = [(f.kind.value, f.loser, f.gainer, f.inradius_km, f.noise_floor_km) for f in substantive(outcome)]
        assert told == []


@laws
@given(cases)
def test_two_different_digitisations_are_no_change(case: Case) -> None:
    one, other = (made.redigitised(case.drawing, 2.0, np.random.default_rng(case.seed + n)) for n in (1, 2))
    assert substantive(compared(one, other, case.ground)) == []


# --- what passes ----------------------------------------------------------------------------------------------


def two_maps(seed: int) -> tuple[dict[str, BaseGeometry], dict[str, BaseGeometry]]:
    one, other = made.coverage(seed, cells=7, owners=3), made.coverage(seed + 1, cells=8, owners=4)
    return dict(made.dissolved(one)), dict(made.dissolved(other))


seeds = st.integers(0, 10_000)


@laws
@given(seeds)
def test_what_passes_one_way_passes_back_the_other_way(seed: int) -> None:
    before, after = two_maps(seed)
    there, back = by_pair(passed(before, after)), by_pair(passed(after, before))
    assert there.keys() == {(gainer, loser, overlap) for loser, gainer, overlap in back}
    for (loser, gainer, overlap), km2 in there.items():
        assert km2 == pytest.approx(back[gainer, loser, overlap], rel=1e-6, abs=1e-3)


@laws
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


@laws
@given(seeds)
def test_transfers_of_coverages_do_not_overlap(seed: int) -> None:
    before, after = two_maps(seed)
    found = [d.geometry for d in passed(before, after)]
    assert sum(geo.areas_km2(found)) == pytest.approx(geo.area_km2(shapely.union_all(found)), rel=1e-6, abs=0.01)


@laws
@given(seeds)
def test_nobody_passes_ground_to_itself(seed: int) -> None:
    assert all(d.loser != d.gainer for d in passed(*two_maps(seed)))


@laws
@given(seeds)
def test_the_detour_is_never_shorter(seed: int) -> None:
    # Triangle: ground that differs between a and c differs between a and b or between b and c.
    a, b = two_maps(seed)
    c, _ = two_maps(seed + 2)

    def changed(x: Mapping[str, BaseGeometry], y: Mapping[str, BaseGeometry]) -> float:
        return geo.area_km2(shapely.union_all([d.geometry for d in passed(x, y)] or [geo.EMPTY]))

    assert changed(a, c) <= changed(a, b) + changed(b, c) + 0.01
