"""Three failures in a row are an event, the next answer another; told from attempts alone, in Python and in SQL."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch import tell
from borderwatch.changelog import ChangeLog
from borderwatch.cli import main
from borderwatch.errors import Refused, Unreachable
from borderwatch.health import FAILURES, HealthKind, events_from_attempts, streaks
from borderwatch.models import Body, Capture, Fault, Outcome, Part, SourceCard, Terms, View
from borderwatch.pipeline import Report
from borderwatch.snapshots import Snapshots

T0 = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms("CC0-1.0", "me")
VIEW, OTHER = View("iana_root"), View("lsib")


def attempts(pattern: str, view: View = VIEW) -> list[Capture]:
    """``.`` answered, ``=`` nothing new, ``x`` failed, ``b`` an older edition that failed; a day apart."""
    outcomes = {".": Outcome.KEPT, "=": Outcome.NOT_MODIFIED, "x": Outcome.FAILED, "b": Outcome.FAILED}
    return [
        Capture(
            id=f"{view.source}{n:03d}",
            view=view,
            taken_at=T0 + timedelta(days=n),
            outcome=outcomes[mark],
            live=mark != "b",
            body="00" if mark in ".=" else None,
            fault=Fault("unreachable", f"down {n}") if mark in "xb" else None,
        )
        for n, mark in enumerate(pattern)
    ]


def told(pattern: str) -> list[tuple[str, int, int]]:
    """(event, day, failures)."""
    return [
        (event.kind.value, (event.at - T0).days, event.failures) for event in events_from_attempts(attempts(pattern))
    ]


@pytest.mark.parametrize(
    ("pattern", "events"),
    [
        ("", []),
        ("....", []),
        (".xx.", []),
        (".xxx", [("failing", 3, 3)]),
        (".xxxxx", [("failing", 3, 3)]),
        (".xxxxx=", [("failing", 3, 3), ("recovered", 6, 5)]),
        ("xxx.xx.xxx.", [("failing", 2, 3), ("recovered", 3, 3), ("failing", 9, 3), ("recovered", 10, 3)]),
        (".xbbbx.", []),
        (".xxbx", [("failing", 4, 3)]),
    ],
)
def test_three_in_a_row_are_an_event_and_so_is_the_answer_after(
    pattern: str, events: list[tuple[str, int, int]]
) -> None:
    assert told(pattern) == events


@settings(max_examples=100, deadline=None)
@given(st.text("..=xxxb", max_size=30))
def test_failing_and_recovered_take_turns(pattern: str) -> None:
    kinds = [kind for kind, _, _ in told(pattern)]
    assert kinds == [("failing", "recovered")[n % 2] for n in range(len(kinds))]
    ill = streaks(attempts(pattern))
    assert bool(ill) == (pattern.replace("b", "")[-1:] == "x")
    if ill and kinds:
        assert ill[0].is_event == (kinds[-1] == "failing")


@settings(max_examples=8, deadline=None)
@given(st.text("..=xxxb", max_size=20), st.text(".xx", max_size=12))
def test_the_log_tells_the_same_events_in_sql(one: str, two: str) -> None:
    import tempfile

    captures = [*attempts(one), *attempts(two, OTHER)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        with ChangeLog(path) as log:
            log.put_sources([SourceCard(view.source, view.source, TERMS) for view in (VIEW, OTHER)])
            log.put_attempts(captures)
        connection = sqlite3.connect(path)
        sql = "SELECT source, event, capture, failures FROM health_events ORDER BY at, source"
        rows = connection.execute(sql).fetchall()
        connection.close()
    expected = [(e.view.source, e.kind.value, e.capture, e.failures) for e in events_from_attempts(captures)]
    assert sorted(rows) == sorted(expected)


def test_an_event_says_since_when_and_why() -> None:
    [failing, recovered] = events_from_attempts(attempts(".xxxx."))
    assert (failing.kind, failing.since, failing.capture) == (
        HealthKind.FAILING,
        T0 + timedelta(days=1),
        "iana_root003",
    )
    assert failing.fault == Fault("unreachable", "down 3")
    assert (recovered.kind, recovered.since, recovered.failures) == (HealthKind.RECOVERED, failing.since, 4)


def test_a_run_tells_of_many_views_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    views = [View("natural_earth", audience, layer="countries") for audience in ("UA", "RU", "IN")]
    events = tuple(event for view in views for event in events_from_attempts(attempts("xxx", view)))
    tell.watched(Report((), (), False, (), health=events))
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "  health: natural_earth (3 views) failed 3 times in a row since 2026-01-01, unreachable: down 2"
    events = events_from_attempts(attempts("xxx."))
    tell.watched(Report((), (), False, (), health=events[1:]))
    assert "iana_root/default answers again, after 3 failures in a row" in capsys.readouterr().out


def source_row(folder: Path, name: str) -> dict[str, Any]:
    rows = json.loads(CliRunner().invoke(main, ["-C", str(folder), "sources", "--json"]).stdout)
    [row] = [row for row in rows if row["source"] == name]
    return dict(row)


def test_sources_say_since_when_one_fails_and_that_it_recovered(tmp_path: Path) -> None:
    store = Snapshots(tmp_path / "snapshots")
    for day in range(FAILURES):
        store.failed(VIEW, Unreachable("down"), TERMS, live=True, taken_at=T0 + timedelta(days=day))
    row = source_row(tmp_path, "iana_root")
    assert row["health"] == "failing since 2026-01-01, 3 times in a row; unreachable: down"
    assert (row["failures"], row["failing_views"]) == (3, ["iana_root/default"])
    body = Body((Part("x", b"x"),), "https://maps.invalid/")
    store.keep(VIEW, body, TERMS, live=True, taken_at=T0 + timedelta(days=9))
    row = source_row(tmp_path, "iana_root")
    assert (row["health"], row["failing_since"]) == ("ok", None)


def test_one_view_of_many_that_fails_is_not_the_whole_source(tmp_path: Path) -> None:
    store = Snapshots(tmp_path / "snapshots")
    view = View("world_bank", layer="lines")
    store.failed(view, Refused("a key is wanted"), TERMS, live=True, taken_at=T0)
    assert source_row(tmp_path, "world_bank")["health"] == "1 of 2 views refused: a key is wanted"


def test_a_table_of_sources_says_title_terms_and_what_becomes_of_bodies(tmp_path: Path) -> None:
    said = " ".join(CliRunner().invoke(main, ["-C", str(tmp_path), "sources"]).output.split())
    assert "LSIB" in said
    assert "kept, not shipped" in said or "not shipped" in said


def test_a_damaged_ledger_hides_no_other_source(tmp_path: Path) -> None:
    store = Snapshots(tmp_path / "snapshots")
    store.failed(VIEW, Unreachable("down"), TERMS, live=True, taken_at=T0)
    store.failed(OTHER, Unreachable("down"), TERMS, live=True, taken_at=T0)
    ledger = tmp_path / "snapshots" / "iana_root" / "captures.jsonl"
    ledger.write_bytes(ledger.read_bytes().replace(b"down", b"well"))
    assert source_row(tmp_path, "iana_root")["health"].startswith("ledger damaged")
    assert source_row(tmp_path, "lsib")["health"] == "unreachable: down"
