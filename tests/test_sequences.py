"""A few of the fifty scripted sequences, one of each sort: the others are run by ``benchmarks/sequences.py``."""

from __future__ import annotations

import pytest

from benchmarks.sequence_scripts import SCRIPTS
from benchmarks.sequences import result

BY_NAME = {script.name: script for script in SCRIPTS}


def test_there_are_fifty_and_each_has_its_own_name() -> None:
    assert len(SCRIPTS) == len(BY_NAME) == 50


@pytest.mark.parametrize(
    "name",
    [
        "revert: there and back",
        "variant: adopts what another audience is shown",
        "split and merged again is a revert",
        "rename: names of a whole file become ids, told once",
        "line moved by 40 km, and back",
        "suspect: a partial answer, then a whole one",
        "no change: order, ring start, winding",
    ],
)
def test_a_scripted_sequence_is_told_as_scripted(name: str) -> None:
    one = result(BY_NAME[name])
    assert (one.missing, one.invented) == ((), ())
