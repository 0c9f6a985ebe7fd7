"""Asking: every attempt ends in one line of the ledger, whatever happens."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from borderwatch.collect import Ask, Event, Stage, backfill, collect, read_again
from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Damaged,
    Malformed,
    NotModified,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    SchemaChanged,
    StoreError,
    TooLarge,
    Unreachable,
)
from borderwatch.models import Body, Capture, Edition, Keep, Outcome, Part, Reading, Snapshot, Terms, View
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

T0 = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
EDITIONS = tuple(Edition(str(n), T0 - timedelta(days=100 - n), "a test") for n in (1, 2, 3))


class FakeFetch:
    """What a source is given; these sources need only to know what is known."""

    def __init__(self, known: Capture | None) -> None:
        self.known = known


class FakeClient:
    def asking(self, known: Capture | None) -> FakeFetch:
        return FakeFetch(known)


CLIENT: Any = FakeClient()


def a_source(
    name: str,
    answer: Callable[[View, Any, Edition | None], Body],
    *,
    read: Callable[[Snapshot], Reading] = lambda _snapshot: Reading(),
    worldviews: tuple[str, ...] = ("default",),
    editions: Callable[[View], Iterable[Edition]] = lambda _view: (),
    keep: Keep = Keep.BODY,
) -> Source:
    class Asked(Source):
        def capture(self, view: View, fetch: Any, edition: Edition | None = None) -> Body:
            return answer(view, fetch, edition)

        def read(self, snapshot: Snapshot) -> Reading:
            return read(snapshot)

        def editions(self, view: View, fetch: Any) -> tuple[Edition, ...]:
            return tuple(editions(view))

    Asked.name, Asked.title, Asked.every, Asked.worldviews = name, name, timedelta(days=1), worldviews
    Asked.terms = Terms("CC0-1.0", "me", keep=keep)
    return Asked()


def body(text: str = "map", edition: Edition | None = None) -> Body:
    return Body((Part("map", text.encode()),), "https://maps.invalid/", edition)


def raising(problem: BaseException) -> Callable[..., Any]:
    def answer(*_: object) -> Any:
        raise problem

    return answer


def asks(*sources: Source) -> list[Ask]:
    return [Ask(source, view) for source in sources for view in source.views()]


def a_clock() -> Callable[[], datetime]:
    ticks = itertools.count()
    return lambda: T0 + timedelta(minutes=next(ticks))


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def ask_all(snapshots: Snapshots, questions: list[Ask], **more: Any) -> list[Capture]:
    return collect(questions, snapshots, CLIENT, jobs=more.pop("jobs", 2), clock=more.pop("clock", a_clock()), **more)


# --- one attempt, one line -----------------------------------------------------------------------


def test_an_answer_is_kept_before_it_is_reported(snapshots: Snapshots) -> None:
    (capture,) = ask_all(snapshots, asks(a_source("atlas", lambda *_: body())))
    assert (capture.outcome, capture.live) == (Outcome.KEPT, True)
    assert list(Snapshots(snapshots.root).captures()) == [capture]


PROBLEMS = [Unreachable, Refused, RateLimited, Challenged, NotServed, Malformed, Partial, TooLarge, SchemaChanged]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_kind_of_failure_is_an_attempt_with_its_reason(
    snapshots: Snapshots, problem: type[CaptureProblem]
) -> None:
    source = a_source("atlas", raising(problem("what happened", url="https://maps.invalid/")))
    (capture,) = ask_all(snapshots, asks(source))
    assert capture.outcome is Outcome.FAILED
    assert capture.fault is not None
    assert (capture.fault.kind, capture.fault.message) == (problem.kind, "what happened")
    assert list(snapshots.captures()) == [capture]
    assert snapshots.series(capture.view) == ()


@pytest.mark.parametrize("problem", [Malformed, Partial, SchemaChanged])
def test_an_answer_that_cannot_be_read_is_a_failure_with_its_body_as_evidence(
    snapshots: Snapshots, problem: type[CaptureProblem]
) -> None:
    source = a_source("atlas", lambda *_: body("<html>"), read=raising(problem("no map in it")))
    (capture,) = ask_all(snapshots, asks(source))
    assert capture.outcome is Outcome.FAILED
    assert snapshots.open(capture).data == b"<html>"
    assert snapshots.latest(capture.view) is None
    assert snapshots.series(capture.view) == ()


def test_what_is_read_first_is_what_opens_later(snapshots: Snapshots) -> None:
    seen: list[Snapshot] = []

    def read(snapshot: Snapshot) -> Reading:
        seen.append(snapshot)
        return Reading()

    parts = (Part("z", b"1"), Part("a", b"2"))
    (capture,) = ask_all(snapshots, asks(a_source("atlas", lambda *_: Body(parts, "x"), read=read)))
    assert seen[0].parts == snapshots.open(capture).parts
    assert (seen[0].capture.body, seen[0].capture.parts) == (capture.body, capture.parts)


def test_nothing_new_is_recorded_as_nothing_new(snapshots: Snapshots) -> None:
    def answer(_view: View, fetch: Any, _edition: Edition | None) -> Body:
        if fetch.known is not None:
            raise NotModified
        return body("the map")

    source, clock = a_source("atlas", answer), a_clock()
    (first,) = ask_all(snapshots, asks(source), clock=clock)
    (second,) = ask_all(snapshots, asks(source), clock=clock)
    assert (second.outcome, second.body) == (Outcome.NOT_MODIFIED, first.body)
    assert snapshots.open(second).data == b"the map"


def test_not_modified_is_believed_only_of_what_we_still_hold(snapshots: Snapshots) -> None:
    def answer(_view: View, fetch: Any, _edition: Edition | None) -> Body:
        if fetch.known is not None:
            raise NotModified
        return body("the map")

    source, clock = a_source("atlas", answer), a_clock()
    ask_all(snapshots, asks(source), clock=clock)
    (path,) = snapshots.root.rglob("*.zst")
    path.write_bytes(b"rot")
    (again,) = ask_all(snapshots, asks(source), clock=clock)
    assert again.outcome is Outcome.KEPT, "asked in full, and the body is put right"
    assert snapshots.verify().clean


def test_a_source_that_answers_not_modified_to_a_first_question_failed(snapshots: Snapshots) -> None:
    (capture,) = ask_all(snapshots, asks(a_source("atlas", raising(NotModified()))))
    assert capture.fault is not None
    assert capture.fault.kind == "malformed"


def test_parts_that_cannot_be_kept_are_a_failure_not_a_crash(snapshots: Snapshots) -> None:
    (capture,) = ask_all(snapshots, asks(a_source("atlas", lambda *_: Body((Part("../../x", b"1"),), "x"))))
    assert capture.fault is not None
    assert capture.fault.kind == "malformed"


def test_the_wrong_edition_in_answer_is_not_served_as_the_one_asked_for(snapshots: Snapshots) -> None:
    source = a_source("atlas", lambda *_: body("newest", EDITIONS[2]))
    (capture,) = ask_all(snapshots, [Ask(source, View("atlas"), EDITIONS[0])])
    assert capture.fault is not None
    assert capture.fault.kind == "not_served"
    assert snapshots.editions(View("atlas")) == frozenset()


def test_a_question_to_the_wrong_source_cannot_be_put() -> None:
    with pytest.raises(ValueError, match="cannot be asked of atlas"):
        Ask(a_source("atlas", raising(AssertionError())), View("other"))


# --- a fault in the program, a full disk, Ctrl-C ---------------------------------------------------


def test_a_bug_in_a_reader_stops_the_run_but_the_answer_is_on_the_disk(snapshots: Snapshots) -> None:
    source = a_source("atlas", lambda *_: body("tonight's map"), read=raising(KeyError("sk-secret-123")))
    with pytest.raises(KeyError):
        ask_all(snapshots, asks(source))
    (capture,) = snapshots.captures()
    assert capture.fault is not None
    assert "KeyError in test_collect.py line" in capture.fault.message
    assert b"sk-secret-123" not in next(snapshots.root.rglob("*.jsonl")).read_bytes()
    assert snapshots.open(capture).data == b"tonight's map"


def test_a_bug_in_one_source_ends_the_run_after_the_others_were_asked(snapshots: Snapshots) -> None:
    steady = a_source("steady", lambda *_: body(), worldviews=("a", "b", "c"))
    buggy = a_source("buggy", raising(ZeroDivisionError()), worldviews=("a", "b"))
    with pytest.raises(ZeroDivisionError):
        ask_all(snapshots, asks(buggy, steady), jobs=1)
    assert [capture.outcome for capture in snapshots.captures("steady")] == [Outcome.KEPT] * 3
    assert [capture.outcome for capture in snapshots.captures("buggy")] == [Outcome.FAILED]


def test_faults_of_several_sources_are_all_told(snapshots: Snapshots) -> None:
    one, two = a_source("one", raising(KeyError("x"))), a_source("two", raising(ZeroDivisionError("y")))
    with pytest.raises((KeyError, ZeroDivisionError)) as error:
        ask_all(snapshots, asks(one, two))
    assert len(error.value.__notes__) == 1


def test_a_reader_that_breaks_on_old_evidence_keeps_no_other_source_from_being_read_again(
    snapshots: Snapshots,
) -> None:
    for name in ("one", "two"):
        ask_all(snapshots, asks(a_source(name, lambda *_: body(), read=raising(SchemaChanged("new word")))))
    one = a_source("one", lambda *_: body(), read=raising(KeyError("bug")))
    with pytest.raises(KeyError):
        read_again([one, a_source("two", lambda *_: body())], snapshots)
    assert len(snapshots.series(View("two"))) == 1


def test_a_damaged_ledger_stops_its_own_source_and_the_others_go_on(snapshots: Snapshots) -> None:
    broken, fine = a_source("broken", lambda *_: body()), a_source("fine", lambda *_: body(), worldviews=("a", "b"))
    ask_all(snapshots, asks(broken))
    path = snapshots.root / "broken" / "captures.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kept"', b'"lost"'))
    again = Snapshots(snapshots.root)
    broken = a_source("broken", raising(AssertionError("the host was asked for nothing")))
    with pytest.raises(Damaged, match="broken"):
        ask_all(again, asks(broken, fine), jobs=1)
    assert len(list(again.captures("fine"))) == 2


def test_a_full_disk_ends_the_run_with_one_clear_word(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("borderwatch.disk.os.write", full)
    with pytest.raises(StoreError, match="the disk is full"):
        ask_all(snapshots, asks(a_source("atlas", lambda *_: body(), worldviews=("a", "b"))))
    monkeypatch.undo()
    assert snapshots.verify().clean


def test_stopping_ends_the_attempt_under_way_and_begins_no_other(snapshots: Snapshots) -> None:
    stop = threading.Event()

    def answer(*_: object) -> Body:
        stop.set()
        return body()

    captures = ask_all(snapshots, asks(a_source("atlas", answer, worldviews=("a", "b", "c"))), stop=stop)
    assert [capture.view.worldview for capture in captures] == ["a"]
    assert list(snapshots.captures()) == captures


def test_ctrl_c_ends_the_attempts_under_way_and_records_them(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go = threading.Event(), threading.Event()

    def slow(*_: object) -> Body:
        asked.set()
        assert go.wait(5)
        return body()

    def interrupted(*_: object, **__: object) -> Any:
        assert asked.wait(5)
        go.set()
        raise KeyboardInterrupt

    monkeypatch.setattr("borderwatch.collect.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask_all(snapshots, asks(a_source("atlas", slow, worldviews=("a", "b", "c"))))
    assert [capture.view.worldview for capture in snapshots.captures()] == ["a"]


# --- side by side, politely -------------------------------------------------------------------------


def test_sources_are_asked_side_by_side_and_one_source_never_twice_at_once(snapshots: Snapshots) -> None:
    together, busy, alone = threading.Barrier(2, timeout=5), threading.Lock(), []

    def first_of_each(view: View, *_: object) -> Body:
        if view.worldview == "a":
            together.wait()  # breaks unless both sources are asked at the same time
        if view.source == "left":
            alone.append(busy.acquire(blocking=False))
            time.sleep(0.01)
            busy.release()
        return body()

    left, right = (a_source(name, first_of_each, worldviews=("a", "b", "c")) for name in ("left", "right"))
    captures = ask_all(snapshots, asks(left, right))
    assert [str(capture.view) for capture in captures] == [f"{s}/{w}" for s in ("left", "right") for w in "abc"]
    assert alone == [True] * 3


def test_a_source_that_asks_us_to_slow_down_is_left_alone_and_that_is_said(snapshots: Snapshots) -> None:
    def answer(view: View, *_: object) -> Body:
        if view.worldview == "b":
            raise RateLimited("429 from maps.invalid: wait an hour", retry_after=3600)
        return body()

    events: list[Event] = []
    source = a_source("atlas", answer, worldviews=("a", "b", "c", "d"))
    captures = ask_all(snapshots, asks(source), progress=events.append)
    assert [capture.outcome for capture in captures] == [Outcome.KEPT, Outcome.FAILED]
    left = [(event.view.worldview, event.reason) for event in events if event.stage is Stage.NOT_ASKED]
    assert left == [("c", "429 from maps.invalid: wait an hour"), ("d", "429 from maps.invalid: wait an hour")]
    assert len(list(snapshots.captures())) == 2, "not asked is not an attempt"


def test_progress_is_told_one_thing_at_a_time_and_every_attempt_has_a_beginning_and_an_end(
    snapshots: Snapshots,
) -> None:
    telling, events = threading.Lock(), []

    def progress(event: Event) -> None:
        assert telling.acquire(blocking=False)
        events.append(event)
        telling.release()

    sources = [a_source(name, lambda *_: body(), worldviews=("a", "b")) for name in ("x", "y", "z")]
    captures = ask_all(snapshots, asks(*sources), progress=progress, jobs=3)
    for view in {capture.view for capture in captures}:
        assert [event.stage for event in events if event.view == view] == [Stage.ASKING, Stage.ENDED]
    assert sorted(e.capture.id for e in events if e.capture) == sorted(capture.id for capture in captures)


# --- older editions, better readers --------------------------------------------------------------------


def _by_edition(_view: View, _fetch: Any, edition: Edition | None) -> Body:
    return body(f"map {edition.label if edition else 'now'}", edition)


def _backfill(snapshots: Snapshots, source: Source, **more: Any) -> list[Capture]:
    wanted = [(source, view) for view in source.views()]
    return backfill(wanted, snapshots, CLIENT, jobs=2, clock=a_clock(), **more)


def test_backfilling_asks_for_the_editions_that_are_missing_and_twice_asks_for_none(snapshots: Snapshots) -> None:
    source = a_source("atlas", _by_edition, editions=lambda _view: EDITIONS)
    ask_all(snapshots, [Ask(source, View("atlas"), EDITIONS[1])])
    events: list[Event] = []
    captures = _backfill(snapshots, source, progress=events.append)
    assert [capture.edition for capture in captures] == [EDITIONS[0], EDITIONS[2]]
    assert not any(capture.live for capture in captures)
    assert events[0] == Event(Stage.LISTED, View("atlas"), count=2)
    assert [capture.edition for capture in snapshots.series(View("atlas"))] == list(EDITIONS)
    assert _backfill(snapshots, source) == []


def test_an_edition_that_failed_is_asked_for_again(snapshots: Snapshots) -> None:
    down = a_source("atlas", raising(Unreachable("down")), editions=lambda _view: EDITIONS[:1])
    (failed,) = _backfill(snapshots, down)
    assert (failed.outcome, failed.edition) == (Outcome.FAILED, EDITIONS[0])
    (kept,) = _backfill(snapshots, a_source("atlas", _by_edition, editions=lambda _view: EDITIONS[:1]))
    assert kept.outcome is Outcome.KEPT


def test_an_edition_whose_body_is_gone_is_asked_for_again(snapshots: Snapshots) -> None:
    source = a_source("atlas", _by_edition, editions=lambda _view: EDITIONS[:1])
    _backfill(snapshots, source)
    next(snapshots.root.rglob("*.zst")).unlink()
    assert not snapshots.verify().clean
    _backfill(snapshots, source)
    assert snapshots.verify().clean


def test_a_list_of_editions_that_cannot_be_had_is_an_attempt_too(snapshots: Snapshots) -> None:
    source = a_source("atlas", _by_edition, editions=raising(Unreachable("no answer from the registry")))
    (capture,) = _backfill(snapshots, source)
    assert (capture.outcome, capture.live, capture.edition) == (Outcome.FAILED, False, None)
    assert list(snapshots.captures()) == [capture]


def test_a_better_reader_reads_what_yesterdays_could_not_as_of_its_own_time(snapshots: Snapshots) -> None:
    def old_reader(snapshot: Snapshot) -> Reading:
        raise SchemaChanged("a new word", words=("dotted",))

    old = a_source("atlas", lambda *_: body("dotted line"), read=old_reader)
    clock = a_clock()
    (failed,) = ask_all(snapshots, asks(old), clock=clock)
    assert read_again([old], snapshots) == []
    new = a_source("atlas", lambda *_: body("dotted line"))
    (kept,) = read_again([new], snapshots)
    assert (kept.outcome, kept.taken_at, kept.body) == (Outcome.KEPT, failed.taken_at, failed.body)
    assert snapshots.series(View("atlas")) == (kept,)
    assert list(snapshots.captures()) == [failed, kept], "nothing in the ledger was changed"
    assert read_again([new], snapshots) == []


def test_a_source_whose_bodies_may_not_be_kept_is_still_read_and_its_digest_kept(snapshots: Snapshots) -> None:
    read: list[bytes] = []

    def reader(snapshot: Snapshot) -> Reading:
        read.append(snapshot.data)
        return Reading()

    source = a_source("closed", lambda *_: body("theirs"), read=reader, keep=Keep.DIGEST)
    (capture,) = ask_all(snapshots, asks(source))
    assert read == [b"theirs"]
    assert capture.outcome is Outcome.KEPT
    assert not list(snapshots.root.rglob("*.zst"))
