"""The standing watch: due views asked when due, never two at once, and neither a signal nor a death loses a thing."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from borderwatch import schedule
from borderwatch.collect import Ask, collect
from borderwatch.errors import CaptureProblem, Damaged, Locked, StoreError, Unreachable
from borderwatch.lock import workspace_lock
from borderwatch.models import Body, Edition, Part, Reading, Snapshot, Terms, View
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source
from borderwatch.watch import AFTER_TROUBLE, MIN_PAUSE, now_utc, watch

T0 = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


class FakeClient:
    def asking(self, known: object) -> object:
        return known


CLIENT: Any = FakeClient()


class Steady(Source):
    """Answers, unless it is told to fail until some time."""

    name, title, watches = "steady", "Steady", ""
    terms = Terms("CC0-1.0", "me")
    every = DAY
    worldviews = ("default", "CN", "IN")
    down_until: datetime | None = None

    def capture(self, view: View, fetch: object, edition: Edition | None = None) -> Body:
        if self.down_until is not None and now_utc() < self.down_until:
            raise Unreachable("down")
        return Body((Part("map", str(view).encode()),), "https://maps.invalid/")

    def read(self, snapshot: Snapshot) -> Reading:
        return Reading()


class Weekly(Steady):
    name, every, worldviews = "weekly", 7 * DAY, ("default",)


class Flaky(Steady):
    name, worldviews = "flaky", ("default",)
    down_until = T0 + 2 * DAY + HOUR


@dataclass
class Simulation:
    """A workspace under a clock that moves only when the watch waits."""

    snapshots: Snapshots
    traveller: time_machine.Traveller
    until: datetime
    sources: tuple[Source, ...] = (Steady(), Weekly(), Flaky())
    stop: threading.Event = field(default_factory=threading.Event)
    rounds: list[datetime] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def views(self) -> dict[View, timedelta]:
        return {view: source.every for source in self.sources for view in source.views()}

    def run_due(self, now: datetime) -> None:
        self.rounds.append(now)
        of = {source.name: source for source in self.sources}
        asks = [Ask(of[view.source], view) for view in schedule.due(self.views(), self.snapshots, now)]
        collect(asks, self.snapshots, CLIENT, jobs=1, clock=now_utc, stop=self.stop)

    def next_due(self) -> datetime:
        return schedule.plan(self.views(), self.snapshots, now_utc())[0].at

    def pause(self, seconds: float, stop: threading.Event) -> None:
        self.traveller.shift(seconds)
        if now_utc() >= self.until:
            stop.set()

    def watch(self, **instead: Any) -> None:
        given = {"stop": self.stop, "pause": self.pause, "say": self.said.append} | instead
        watch(given.pop("run_due", self.run_due), given.pop("next_due", self.next_due), **given)


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    with time_machine.travel(T0, tick=False) as traveller:
        yield Simulation(Snapshots(tmp_path / "snapshots"), traveller, T0 + 7 * DAY)


# --- a week, simulated -----------------------------------------------------------------------------


def test_in_a_week_every_view_is_asked_when_due_and_at_no_other_time(simulation: Simulation) -> None:
    simulation.watch()
    attempts = list(simulation.snapshots.captures())
    asked = Counter(str(capture.view) for capture in attempts)
    for worldview in ("default", "CN", "IN"):
        assert 7 <= asked[f"steady/{worldview}"] <= 8
        times = [c.taken_at for c in attempts if c.view == View("steady", worldview)]
        assert times[0] == T0, "never asked, so asked at once"
        for before, after in itertools.pairwise(times):
            every = DAY + schedule.jitter(View("steady", worldview), DAY)
            assert timedelta() <= (after - before) - every <= MIN_PAUSE
    assert asked["weekly/default"] in {1, 2}
    assert len(simulation.rounds) < 60, "the rest of the time it slept"


def test_in_that_week_failures_were_tried_again_sooner_and_sooner_forgotten(simulation: Simulation) -> None:
    simulation.watch()
    flaky = list(simulation.snapshots.captures("flaky"))
    gaps = [(b.taken_at - a.taken_at) / HOUR for a, b in itertools.pairwise(flaky)]
    assert [round(gap) for gap in gaps[:5]] == [1, 2, 4, 8, 16]
    failed = [capture for capture in flaky if capture.fault is not None]
    assert all(c.taken_at < Flaky.down_until for c in failed)
    assert all(22 < gap < 26 for gap in gaps[len(failed) :])


def test_the_views_drift_apart_so_that_hosts_are_not_asked_all_at_once(simulation: Simulation) -> None:
    simulation.watch()
    last = {c.view: c.taken_at for c in simulation.snapshots.captures("steady")}
    assert len(set(last.values())) == 3


def test_a_machine_that_slept_for_days_asks_once_not_once_for_every_day_missed(simulation: Simulation) -> None:
    slept = []

    def pause(seconds: float, stop: threading.Event) -> None:
        if len(simulation.rounds) == 1 and not slept:
            slept.append(True)
            simulation.traveller.shift(4 * DAY)
        else:
            simulation.pause(seconds, stop)

    simulation.watch(pause=pause)
    times = [c.taken_at for c in simulation.snapshots.captures("steady") if c.view.worldview == "CN"]
    assert T0 + 4 * DAY in times
    assert len(times) == len({time.date() for time in times})


def test_a_clock_set_back_does_not_stop_the_watch(simulation: Simulation) -> None:
    back: list[bool] = []

    def pause(seconds: float, stop: threading.Event) -> None:
        if not back:
            back.append(True)
            simulation.traveller.move_to(T0 - 30 * DAY, tick=False)
            simulation.until = T0 - 28 * DAY
        simulation.pause(seconds, stop)

    simulation.watch(pause=pause)
    asked = [c.taken_at for c in simulation.snapshots.captures("steady") if c.view.worldview == "CN"]
    assert asked[0] == T0
    assert [(time - (T0 - 30 * DAY)) // DAY for time in asked[1:]] in ([0, 1], [0, 0, 1])


def test_work_that_stays_due_does_not_become_a_storm(simulation: Simulation) -> None:
    simulation.until = T0 + HOUR
    rounds: list[datetime] = []
    simulation.watch(run_due=rounds.append, next_due=lambda: T0 - DAY)
    assert len(rounds) == 60
    assert all(b - a >= MIN_PAUSE for a, b in itertools.pairwise(rounds))


@pytest.mark.parametrize("error", [StoreError("the disk is full"), Damaged("line 3", path="x", line=3)])
def test_an_archive_that_cannot_be_written_is_said_and_tried_again_in_an_hour(
    simulation: Simulation, error: StoreError
) -> None:
    simulation.until = T0 + 5 * HOUR
    rounds: list[datetime] = []

    def run_due(now: datetime) -> None:
        rounds.append(now)
        raise error

    simulation.watch(run_due=run_due, next_due=lambda: T0)
    assert rounds == [T0 + n * AFTER_TROUBLE for n in range(5)]
    assert simulation.said.count(str(error)) == 5


def test_a_plan_that_cannot_be_read_is_said_and_made_again_in_an_hour(simulation: Simulation) -> None:
    simulation.until = T0 + 3 * HOUR

    def next_due() -> datetime:
        raise Damaged("captures.jsonl line 3", path="x", line=3)

    simulation.watch(next_due=next_due)
    assert simulation.rounds == [T0 + AFTER_TROUBLE, T0 + 2 * AFTER_TROUBLE]
    assert "captures.jsonl line 3" in simulation.said


def test_a_fault_in_the_program_ends_the_watch_and_is_not_swallowed(simulation: Simulation) -> None:
    def run_due(_now: datetime) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        simulation.watch(run_due=run_due)
    with pytest.raises(ZeroDivisionError):
        simulation.watch(stop=threading.Event(), next_due=lambda: datetime.fromtimestamp(1 / 0, UTC))


def test_the_handlers_of_signals_are_given_back(simulation: Simulation) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    simulation.watch(run_due=lambda _now: simulation.stop.set())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# --- never two at once -------------------------------------------------------------------------------


def test_a_second_start_is_refused_with_a_clear_word_and_the_first_is_left_alone(tmp_path: Path) -> None:
    with workspace_lock(tmp_path, "borderwatch watch"):
        with pytest.raises(Locked) as error, workspace_lock(tmp_path, "borderwatch run"):
            pass
        assert error.value.pid == os.getpid()
        assert f"borderwatch watch (process {os.getpid()} on " in str(error.value)
        assert ", since 20" in str(error.value)
        with pytest.raises(Locked), workspace_lock(tmp_path):
            pass
    with workspace_lock(tmp_path):
        pass


def test_two_workspaces_do_not_know_each_other(tmp_path: Path) -> None:
    with workspace_lock(tmp_path / "one"), workspace_lock(tmp_path / "two"):
        pass


def test_the_lock_is_given_back_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace_lock(tmp_path):
        raise ZeroDivisionError
    with workspace_lock(tmp_path):
        pass


@pytest.mark.parametrize("told", ["", "null", "[]", '{"pid": "x"}', "{", '{"pid": 7}'])
def test_the_lock_counts_not_what_is_told_of_its_holder(tmp_path: Path, told: str) -> None:
    (tmp_path / ".borderwatch").mkdir()
    (tmp_path / ".borderwatch" / "run.json").write_text(told)
    with workspace_lock(tmp_path):  # nobody holds it, whatever the file says
        (tmp_path / ".borderwatch" / "run.json").write_text(told)
        with pytest.raises(Locked, match="is at work here"), workspace_lock(tmp_path):
            pass


# --- real processes, real signals ---------------------------------------------------------------------

WATCH = """
import sys, threading, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from borderwatch import schedule
from borderwatch.collect import Ask, collect
from borderwatch.errors import BorderwatchError
from borderwatch.lock import workspace_lock
from borderwatch.models import Body, Part, Reading, Terms
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source
from borderwatch.watch import now_utc, watch

class Slow(Source):
    name, title, watches = "slow", "Slow", ""
    terms, every = Terms("CC0-1.0", "me"), timedelta(days=1)
    worldviews = tuple("abcdefgh")
    def capture(self, view, fetch, edition=None):
        print("asking", view.worldview, flush=True)
        time.sleep(0.4)
        return Body((Part("map", str(view).encode()),), "x")
    def read(self, snapshot):
        return Reading()

class Client:
    def asking(self, known):
        return known

workspace, stop, source = Path(sys.argv[1]), threading.Event(), Slow()
snapshots = Snapshots(workspace / "snapshots")
views = {view: source.every for view in source.views()}

def run_due(now):
    asks = [Ask(source, view) for view in schedule.due(views, snapshots, now)]
    collect(asks, snapshots, Client(), jobs=2, clock=now_utc, stop=stop,
            progress=lambda event: event.capture and print("kept", event.view.worldview, flush=True))
    print("done", flush=True)

try:
    with workspace_lock(workspace, "borderwatch watch"):
        watch(run_due, lambda: schedule.plan(views, snapshots, now_utc())[0].at, stop=stop, say=print)
except BorderwatchError as error:
    print("refused:", error, flush=True)
    sys.exit(1)
print("stopped", flush=True)
"""


class Watching:
    """A watch in a process of its own, and what it said."""

    def __init__(self, workspace: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", WATCH, str(workspace)], stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def until(self, word: str) -> list[str]:
        """Lines up to and with the first that begins with ``word``."""
        lines: list[str] = []
        while not lines or not lines[-1].startswith(word):
            line = self.line()
            assert line or self.process.poll() is None, f"ended without {word!r}: {lines}"
            lines.append(line)
        return lines

    def end(self) -> tuple[int, list[str]]:
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out.splitlines()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Watching]]:
    started: list[Watching] = []

    def begin() -> Watching:
        started.append(Watching(tmp_path))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_after_the_capture_under_way(
    tmp_path: Path, start: Callable[[], Watching], number: signal.Signals
) -> None:
    running = start()
    running.until("kept a")
    running.until("asking b")
    running.process.send_signal(number)
    code, lines = running.end()
    assert code == 0
    assert "kept b" in lines
    assert "asking c" not in lines
    assert lines[-1] == "stopped"
    assert any(number.name in line and "stopping once the captures under way" in line for line in lines)
    assert [c.view.worldview for c in Snapshots(tmp_path / "snapshots").captures()] == ["a", "b"]


def test_a_signal_ends_a_watch_that_sleeps_at_once(start: Callable[[], Watching]) -> None:
    running = start()
    running.until("done")
    before = time.monotonic()
    running.process.terminate()
    assert running.end()[0] == 0
    assert time.monotonic() - before < 4


def test_an_overlapping_start_is_refused_naming_the_one_at_work(start: Callable[[], Watching]) -> None:
    first = start()
    first.until("asking a")
    code, lines = start().end()
    assert code == 1
    assert f"borderwatch watch (process {first.process.pid} on" in lines[-1]
    assert "is at work here" in lines[-1]
    assert first.process.poll() is None


def test_after_a_kill_the_next_start_goes_on_where_the_dead_one_was(
    tmp_path: Path, start: Callable[[], Watching]
) -> None:
    first = start()
    first.until("kept c")
    first.process.kill()
    first.end()
    told = json.loads((tmp_path / ".borderwatch" / "run.json").read_bytes())
    assert told["pid"] == first.process.pid, "the dead holder's note is still there, and does not matter"
    second = start()
    lines = second.until("done")
    asked = [line.split()[1] for line in lines if line.startswith("asking")]
    assert asked in (list("defgh"), list("efgh")), "d may have been written before the kill"
    snapshots = Snapshots(tmp_path / "snapshots")
    assert [c.view.worldview for c in snapshots.captures()] == list("abcdefgh")
    assert snapshots.verify().clean
    second.process.terminate()
    assert second.end()[0] == 0


def test_problems_of_sources_are_not_problems_of_the_watch() -> None:
    assert not issubclass(CaptureProblem, StoreError), "or a dead host would put the watch to sleep for an hour"
