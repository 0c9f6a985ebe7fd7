"""A view that adopts what another audience was shown already says so, in the log too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import shapely

from borderwatch.changelog import ChangeLog
from borderwatch.diff.series import Derived, Moment, Series
from borderwatch.diff.variants import switches, told
from borderwatch.models import Capture, Kind, Reading, View
from borderwatch.observe import Observer, world_from_reading
from borderwatch.pipeline import adopted
from tests.strategies import Drawing, capture, dispute, features

WEST, EAST, FAR = shapely.box(4, 40, 12, 42), shapely.box(12, 40, 14, 42), shapely.box(14, 40, 40, 60)
ABOUT = dispute(EAST)
A: Drawing = (("AR", shapely.union_all([WEST, EAST])), ("CL", FAR))
B: Drawing = (("AR", WEST), ("CL", shapely.union_all([EAST, FAR])))
C: Drawing = (("AR", WEST), ("PE", EAST), ("CL", FAR))


def past(worldview: str, *drawings: Drawing, source: str = "made_up", days: int = 0) -> tuple[Derived, list[Capture]]:
    view = View(source, worldview)
    series = Series("Made-up map")
    captures = []
    for n, drawing in enumerate(drawings):
        plain = capture(n, view)
        at = plain.taken_at + timedelta(days=days)
        one = replace(plain, id=f"{worldview}-{source}-{n}", taken_at=at, edition=None)
        captures.append(one)
        world = world_from_reading(Reading(features(drawing)), one, resolution_km=1.0)
        series.feed(Moment(world, Observer([ABOUT]).scenes(world)))
    return series.close(), captures


def found(*pasts: tuple[Derived, list[Capture]]) -> list[str | None]:
    """What the changes of the first view adopt."""
    captures = {c.id: c for _, some in pasts for c in some}
    shown = [d for derived, _ in pasts for d in derived.depictions]
    views = switches(pasts[0][0].changes, shown, captures)
    passed = [c for c in pasts[0][0].changes if c.kind is Kind.TRANSFER]
    return [str(views[c.id]) if c.id in views else None for c in passed]


def test_what_another_audience_was_shown_already_is_named() -> None:
    assert found(past("default", A, B), past("CL", B, B)) == ["made_up/CL"]


def test_what_another_audience_is_shown_only_later_is_not() -> None:
    assert found(past("default", A, B), past("CL", B, B, days=400)) == [None]
    assert found(past("default", A, B), past("CL", A, B)) == [None]


def test_a_state_nobody_else_is_shown_adopts_nothing() -> None:
    assert found(past("default", A, C), past("CL", B, B), past("AR", A, A)) == [None]


def test_another_sources_audience_is_another_matter() -> None:
    assert found(past("default", A, B), past("CL", B, B, source="another")) == [None]


def test_each_switch_names_its_own_audience() -> None:
    switched = past("default", A, B, C, A)
    assert found(switched, past("CL", B, B, B, B), past("PE", C, C, C, C), past("AR", A, A, A, A)) == [
        "made_up/CL",
        "made_up/PE",
        "made_up/AR",
    ]


def test_of_several_audiences_the_first_in_code_order_is_named() -> None:
    assert found(past("default", A, B), past("UY", B, B), past("CL", B, B), past("BO", B, B)) == ["made_up/BO"]


def test_the_words_come_and_go_with_the_finding() -> None:
    [change] = past("default", A, B)[0].changes
    named = told(change, View("made_up", "CL"))
    assert named.adopts == "made_up/CL"
    assert named.summary.endswith("That is what the view made_up/CL showed already.")
    assert told(named, None) == change
    assert told(told(named, View("made_up", "PE")), View("made_up", "CL")) == named


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_log_says_it_whatever_the_order_views_were_put_in(tmp_path: Path, order: tuple[int, int]) -> None:
    pasts = [past("default", A, B), past("CL", B, B)]
    with ChangeLog(tmp_path / "log.db") as log:
        log.put_catalogue([ABOUT])
        for n in order:
            derived, captures = pasts[n]
            log.put_view(
                captures[0].view,
                "x",
                captures=captures,
                depictions=derived.depictions,
                comparisons=derived.comparisons,
                changes=derived.changes,
                sketches=(),
            )
            adopted(log)
        [change] = log.changes()
        assert change.adopts == "made_up/CL"
        assert [c.id for c in log.changes(text="showed already")] == [change.id]
        before = log.content_digest()
        adopted(log)
        assert log.content_digest() == before
