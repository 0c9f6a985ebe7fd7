"""What is due when: on its cadence, sooner after a failure, never against a host's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.errors import CaptureProblem, NotServed, RateLimited, Refused, SchemaChanged, Unreachable
from borderwatch.models import Body, Capture, Edition, Part, Terms, View
from borderwatch.schedule import EARLY, JITTER, MAX_WAIT, due, jitter, plan
from borderwatch.snapshots import Snapshots

T0 = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TERMS = Terms("CC0-1.0", "me")
VIEW = View("atlas")
DAILY = {VIEW: DAY}


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def answered(snapshots: Snapshots, at: datetime, *, live: bool = True, view: View = VIEW) -> Capture:
    edition = None if live else Edition("old", at - 900 * DAY)
    return snapshots.keep(view, Body((Part("m", b"1"),), "x", edition), TERMS, live=live, taken_at=at)


def failed(snapshots: Snapshots, at: datetime, problem: CaptureProblem | None = None, *, view: View = VIEW) -> Capture:
    return snapshots.failed(view, problem or Unreachable("no answer"), TERMS, live=True, taken_at=at)


def due_at(snapshots: Snapshots, now: datetime, view: View = VIEW) -> datetime:
    return next(found.at for found in plan({view: DAY}, snapshots, now) if found.view == view)


def test_a_view_never_asked_is_due_at_once(snapshots: Snapshots) -> None:
    assert due(DAILY, snapshots, T0) == [VIEW]


def test_a_view_that_answered_is_due_one_cadence_later_give_or_take_its_jitter(snapshots: Snapshots) -> None:
    answered(snapshots, T0)
    assert due_at(snapshots, T0) == T0 + DAY + jitter(VIEW, DAY)
    assert due(DAILY, snapshots, T0 + DAY * (1 - JITTER) - MINUTE) == []
    assert due(DAILY, snapshots, T0 + DAY * (1 + JITTER)) == [VIEW]


def test_nothing_new_is_an_answer(snapshots: Snapshots) -> None:
    snapshots.not_modified(VIEW, answered(snapshots, T0), TERMS, taken_at=T0 + DAY)
    assert due_at(snapshots, T0 + DAY) == T0 + 2 * DAY + jitter(VIEW, DAY)


@given(st.text(min_size=1), st.text(), st.timedeltas(min_value=MINUTE, max_value=400 * DAY))
def test_jitter_is_small_and_the_same_for_ever(source: str, worldview: str, every: timedelta) -> None:
    view = View(source, worldview)
    assert abs(jitter(view, every)) <= every * JITTER
    assert jitter(view, every) == jitter(View(source, worldview), every)


def test_jitter_spreads_the_views_of_a_source(snapshots: Snapshots) -> None:
    views = {View("atlas", f"{number:02}"): DAY for number in range(50)}
    for view in views:
        answered(snapshots, T0, view=view)
    times = [found.at for found in plan(views, snapshots, T0)]
    assert times == sorted(times)
    assert len(set(times)) == 50
    assert times[-1] - times[0] > timedelta(hours=1.5)


def test_backfilled_editions_do_not_put_off_the_live_question(snapshots: Snapshots) -> None:
    answered(snapshots, T0, live=False)
    assert due(DAILY, snapshots, T0 + MINUTE) == [VIEW]


def test_after_failures_a_view_is_due_after_one_hour_then_two_then_four_never_later_than_its_cadence(
    snapshots: Snapshots,
) -> None:
    answered(snapshots, T0)
    now, waits = T0 + DAY, []
    for _ in range(7):
        failed(snapshots, now)
        waits.append((due_at(snapshots, now) - now) / HOUR)
        now = due_at(snapshots, now)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    answered(snapshots, now)
    failed(snapshots, now + DAY)
    assert due_at(snapshots, now + DAY) == now + DAY + HOUR, "an answer begins the count again"


def test_a_hundred_thousand_failures_still_have_a_next_time(snapshots: Snapshots) -> None:
    for number in range(80):
        failed(snapshots, T0 + number * HOUR)
    assert due_at(snapshots, T0 + 80 * HOUR) == T0 + 79 * HOUR + DAY


@pytest.mark.parametrize("kind", [Refused, NotServed, SchemaChanged])
def test_what_an_hour_does_not_mend_is_not_asked_again_within_the_hour(
    snapshots: Snapshots, kind: type[CaptureProblem]
) -> None:
    failed(snapshots, T0, kind("no"))
    assert due_at(snapshots, T0) == T0 + DAY
    assert due(DAILY, snapshots, T0 + HOUR, single_run=True) == []


def test_a_host_that_asks_us_to_wait_speaks_for_every_view_of_its_source(snapshots: Snapshots) -> None:
    other, elsewhere = View("atlas", "CN"), View("elsewhere")
    views = {VIEW: DAY, other: DAY, elsewhere: DAY}
    failed(snapshots, T0, RateLimited("429", retry_after=5 * 3600))
    assert due(views, snapshots, T0 + 4 * HOUR, single_run=True) == [elsewhere]
    assert set(due(views, snapshots, T0 + 5 * HOUR)) == {VIEW, other, elsewhere}


def test_a_host_that_asks_us_to_wait_for_ever_is_tried_after_a_week(snapshots: Snapshots) -> None:
    failed(snapshots, T0, RateLimited("429", retry_after=1e300))
    assert due_at(snapshots, T0) == T0 + MAX_WAIT


def test_attempts_dated_in_the_future_do_not_silence_a_view(snapshots: Snapshots) -> None:
    answered(snapshots, T0 + 4_000 * DAY)
    failed(snapshots, T0 + 4_000 * DAY, RateLimited("429", retry_after=3600))
    assert due(DAILY, snapshots, T0) == [VIEW]
    answered(snapshots, T0)
    assert due(DAILY, snapshots, T0 + HOUR) == []


def test_the_users_own_cadence_wins(snapshots: Snapshots) -> None:
    answered(snapshots, T0)
    assert due(DAILY, snapshots, T0 + 13 * HOUR) == []
    assert due(DAILY, snapshots, T0 + 13 * HOUR, {"atlas": 12 * HOUR}) == [VIEW]
    assert due(DAILY, snapshots, T0 + 2 * DAY, {"atlas": 7 * DAY}) == []


def test_the_longest_overdue_comes_first(snapshots: Snapshots) -> None:
    views = {View("c"): DAY, View("a"): DAY, View("b"): DAY}
    for days, view in enumerate(views):
        answered(snapshots, T0 + days * DAY, view=view)
    assert due(views, snapshots, T0 + 9 * DAY) == [View("c"), View("a"), View("b")]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 30), min_size=14, max_size=14), st.text(min_size=1, max_size=9))
def test_a_nightly_job_asks_a_daily_view_every_night_though_it_never_starts_to_the_second(
    delays_min: list[int], worldview: str
) -> None:
    view = View("atlas", worldview)
    with TemporaryDirectory() as folder:
        snapshots = Snapshots(Path(folder))
        for night, delay in enumerate(delays_min):
            now = T0 + night * DAY + delay * MINUTE
            assert due({view: DAY}, snapshots, now, single_run=True) == [view], f"night {night}"
            answered(snapshots, now + MINUTE, view=view)
            assert due({view: DAY}, snapshots, now + 2 * MINUTE, single_run=True) == []


def test_a_single_run_takes_what_falls_due_soon_and_tries_failures_again_at_once(snapshots: Snapshots) -> None:
    answered(snapshots, T0)
    nearly = due_at(snapshots, T0) - DAY * EARLY
    assert due(DAILY, snapshots, nearly) == []
    assert due(DAILY, snapshots, nearly, single_run=True) == [VIEW]
    failed(snapshots, T0 + DAY)
    assert due(DAILY, snapshots, T0 + DAY + MINUTE) == []
    assert due(DAILY, snapshots, T0 + DAY + MINUTE, single_run=True) == [VIEW]


def test_a_damaged_ledger_does_not_silence_the_other_sources(snapshots: Snapshots) -> None:
    fine = View("fine")
    answered(snapshots, T0)
    answered(snapshots, T0, view=fine)
    path = snapshots.root / "atlas" / "captures.jsonl"
    path.write_bytes(path.read_bytes().replace(b"CC0", b"CC1"))
    again = Snapshots(snapshots.root)
    assert due({VIEW: DAY, fine: DAY}, again, T0 + HOUR) == [VIEW], "due, so that the damage is told"
    assert set(due({VIEW: DAY, fine: DAY}, again, T0 + 2 * DAY)) == {VIEW, fine}
