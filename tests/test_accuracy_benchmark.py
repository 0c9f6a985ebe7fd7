"""The accuracy benchmark is frozen before it is scored, and its page is what was scored."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import accuracy  # noqa: E402
import drawings  # noqa: E402
import scoring  # noqa: E402
from trials import BASELINES, Trial  # noqa: E402


def test_what_is_scored_is_what_was_frozen() -> None:
    frozen = json.loads(accuracy.FROZEN.read_text())
    assert {key: frozen[key] for key in accuracy.split()} == accuracy.split()


def test_no_dispute_and_no_operator_is_in_both_halves() -> None:
    split = accuracy.split()
    assert not set(split["development"]) & set(split["held_out"])
    assert not set(split["operators_tuned"]) & set(split["operators_held_out"])
    assert len(split["development"]) + len(split["held_out"]) >= 100


def test_there_are_thirty_ways_to_draw_the_same_map() -> None:
    assert len(drawings.battery()) == 30


def trial(*, real: bool, told: bool, right: bool, score: float, dispute: str = "somewhere") -> Trial:
    scores = {"borderwatch": score, **dict.fromkeys(BASELINES, score)}
    return Trial(dispute, "noise", real, scores, told, told, right, right, "changed" if told else "unchanged")


def test_a_change_told_of_the_wrong_owners_is_no_hit() -> None:
    trials = [
        trial(real=True, told=True, right=False, score=9.0),
        trial(real=False, told=False, right=False, score=0.0),
    ]
    ours = scoring.scores(trials, {})[0]
    assert (ours.recall, ours.direction) == (0.0, 0.0)


def test_a_baseline_is_scored_at_the_threshold_it_was_given() -> None:
    trials = [trial(real=True, told=True, right=True, score=5.0), trial(real=False, told=False, right=False, score=3.0)]
    strict, loose = ({m: {"best": best, "at_1": best} for m in BASELINES} for best in (4.0, 2.0))
    assert {s.false_per_1000 for s in scoring.scores(trials, strict) if s.method in BASELINES} == {0.0}
    assert {s.false_per_1000 for s in scoring.scores(trials, loose) if s.method in BASELINES} == {1000.0}


@pytest.mark.parametrize("cap", [None, 0.7])
def test_the_detection_limit_is_read_off_the_curve(cap: float | None) -> None:
    told = {1.0: 0.0, 3.0: 0.5, 5.0: cap or 1.0}
    trials = [
        Trial(f"d{n}", "noise", True, {}, share > n / 10, True, share > n / 10, True, "changed", size)
        for size, share in told.items()
        for n in range(10)
    ]
    record = scoring.limit_record(trials)
    assert record["r50"] == pytest.approx(3.0)
    assert record["r95"] is None if cap else record["r95"] == pytest.approx(4.8)
