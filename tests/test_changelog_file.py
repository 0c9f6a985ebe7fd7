"""The change log: what befalls its file (damage, kills, others at work), and how fast it is."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from borderwatch.changelog import ChangeLog, database, schema
from borderwatch.errors import Locked, StoreError
from borderwatch.models import (
    Fault,
    Kind,
    Outcome,
    Role,
    Row,
    Sketch,
    Verdict,
    View,
)
from tests.changelog_records import (
    ATLAS,
    BOX,
    DISPUTES,
    LIST,
    SEA,
    Series,
    asked,
    change,
    comparison,
    day,
    depiction,
    dispute,
    drawn,
    kept,
    opened,
    rows,
    spoilt,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "changes.db"


@pytest.fixture
def log(path: Path) -> Iterator[ChangeLog]:
    with opened(path) as log:
        yield log


# --- the file -------------------------------------------------------------------------------------


def test_the_file_is_sound(log: ChangeLog, path: Path) -> None:
    for view in (ATLAS, LIST, SEA):
        Series(view).put(log)
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO changes_fts(changes_fts, rank) VALUES ('integrity-check', 1)")  # raises if it differs
    assert writer.execute("SELECT rtreecheck('change_boxes')").fetchone() == ("ok",)
    writer.close()


def test_search_and_boxes_survive_a_vacuum(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    Series(LIST).put(log)
    Series(ATLAS).put(log)
    before = [one.id for one in log.changes(text="Косово")], [one.id for one in log.changes(box=(30, 40, 33, 45))]
    log.close()
    writer = sqlite3.connect(path)
    writer.execute("VACUUM")
    writer.close()
    with ChangeLog(path, readonly=True) as again:
        after = (
            [one.id for one in again.changes(text="Косово")],
            [one.id for one in again.changes(box=(30, 40, 33, 45))],
        )
    assert after == before


def test_rows_that_do_not_fit_together_are_refused_whole(log: ChangeLog) -> None:
    Series(ATLAS).put(log)
    before = log.content_digest()
    series = Series(LIST)
    series.changes[0] = replace(series.changes[0], dispute="atlantis")
    with pytest.raises(StoreError, match="do not fit together"):
        series.put(log)
    series = Series(LIST)
    series.changes[0] = replace(series.changes[0], reverts="no such change")
    with pytest.raises(StoreError, match="do not fit together"):
        series.put(log)
    assert log.content_digest() == before


def test_records_of_another_view_or_an_unknown_capture_are_refused(log: ChangeLog) -> None:
    series = Series(ATLAS)
    series.changes = Series(LIST).changes
    with pytest.raises(ValueError, match="list/CN"):
        series.put(log)
    series = Series(ATLAS)
    series.captures = series.captures[:1]
    series.changes = []
    with pytest.raises(ValueError, match="captures it was not given"):
        series.put(log)


def test_a_number_beyond_64_bits_is_refused_whole(log: ChangeLog) -> None:
    bad = replace(asked(ATLAS, day(2026), Outcome.FAILED), fault=Fault("refused", "", status=10**30))
    with pytest.raises(StoreError, match="64 bits"):
        log.put_attempts([bad])
    assert log.captures() == []


@pytest.mark.parametrize(
    ("wrong", "says"), [("text", "not a database"), ("other version", "schema version 99"), ("flipped", "damaged")]
)
@pytest.mark.parametrize("readonly", [True, False])
def test_a_wrong_file_is_told_with_the_way_out(path: Path, wrong: str, says: str, readonly: bool) -> None:
    spoilt(path, wrong)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=says) as caught, ChangeLog(path, readonly=readonly) as log:
        log.changes()
    assert "borderwatch rebuild" in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE diary (day TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a change log"):
        ChangeLog(path)
    with pytest.raises(StoreError, match="not a change log"), ChangeLog.afresh(path):
        pass
    assert path.read_bytes() == before


def test_to_read_where_nothing_is_makes_nothing(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="borderwatch run"):
        ChangeLog(path, readonly=True)
    with pytest.raises(StoreError, match="folder"):
        ChangeLog(tmp_path, readonly=True)
    assert not path.exists()


def test_an_empty_file_becomes_a_change_log(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="empty"):
        ChangeLog(path, readonly=True)
    with ChangeLog(path) as log:
        assert log.changes() == []


def test_a_path_with_signs_a_url_would_read_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "what? #1 100% ü.db"
    with opened(path) as log:
        Series(ATLAS).put(log)
    with ChangeLog(path, readonly=True) as log:
        assert len(log.changes()) == 4
    assert path.is_file()


def test_readonly_cannot_write(path: Path) -> None:
    opened(path).close()
    with ChangeLog(path, readonly=True) as log, pytest.raises(StoreError, match="cannot be written"):
        log.set_reader("x")


@pytest.mark.parametrize("module", ["fts5", "rtree"])
def test_a_sqlite_without_a_module_is_named(path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for script in ("SEARCH", "BOXES"):
        monkeypatch.setattr(schema, script, getattr(schema, script).replace(f"USING {module}", f"USING {module}_gone"))
    with pytest.raises(StoreError, match=f"lacks the {module}_gone module"):
        ChangeLog(path)
    monkeypatch.undo()
    with ChangeLog(path) as log:  # nothing half made was left
        assert log.changes() == []


def test_a_reader_sees_the_old_state_while_a_view_is_being_put(path: Path) -> None:
    with opened(path) as writer, ChangeLog(path, readonly=True) as reader:
        Series(ATLAS).put(writer)
        before = reader.content_digest()
        seen: list[str] = []

        class Watching(list[Sketch]):
            def __iter__(self):  # type: ignore[no-untyped-def]
                seen.append(reader.content_digest())  # everything but the sketches is written by now
                return super().__iter__()

        series = Series(LIST)
        series.sketches = Watching(series.sketches)
        series.put(writer)
        assert seen == [before]
        assert reader.content_digest() != before


def test_a_second_writer_waits_and_then_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    with opened(path) as one, ChangeLog(path) as two:
        one._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(Locked, match="another process"):
            two.set_reader("x")
        with pytest.raises(Locked), ChangeLog.afresh(path):
            pass
        one._connection.execute("ROLLBACK")
        two.set_reader("x")
        assert one.reader() == "x"


def test_two_who_make_the_file_at_once_make_one(path: Path) -> None:
    errors: list[Exception] = []

    def make(n: int) -> None:
        try:
            with ChangeLog(path) as log:
                log.put_attempts([asked(ATLAS, day(2020 + n), Outcome.FAILED, fault="refused")])
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=make, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with ChangeLog(path, readonly=True) as log:
        assert len(log.captures()) == 6


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from borderwatch.changelog import ChangeLog
from tests.changelog_records import ATLAS, Series

path, part = Path(sys.argv[1]), float(sys.argv[2])


def steps_of_putting(path, kill_at=None):
    log = ChangeLog(path)
    log._connection.execute("PRAGMA cache_size = 1")  # pages reach the write-ahead log before the commit
    steps = 0

    def step():
        nonlocal steps
        steps += log._connection.in_transaction
        if kill_at is not None and steps >= kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    log._connection.set_progress_handler(step, 10)
    series = Series(ATLAS)
    series.changes = series.changes[1:3]
    series.put(log, "f2")
    log._connection.set_progress_handler(None, 0)
    log.close()
    return steps


rehearsal = path.with_name("rehearsal.db")
shutil.copy(path, rehearsal)
steps = steps_of_putting(rehearsal)
steps_of_putting(path, kill_at=max(1, int(steps * part)))
print("not killed within", steps)
"""


@pytest.mark.parametrize("part", [0.01, 0.3, 0.6, 0.97])
def test_a_process_killed_while_putting_a_view_leaves_the_old_content(path: Path, part: float) -> None:
    with opened(path) as log:
        Series(ATLAS).put(log)
        before = log.content_digest()
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", KILLED, str(path), str(part)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=root)
    assert ended.returncode == -signal.SIGKILL, ended.stdout + ended.stderr
    if part > 0.5:
        assert path.with_name(f"{path.name}-wal").stat().st_size > 0  # it had begun to write
    with ChangeLog(path) as log:
        assert log.content_digest() == before
        assert log.fingerprint(ATLAS) == "f1"
        Series(ATLAS).put(log, "f3")  # and it can be put
        assert log.content_digest() == before
        assert log.fingerprint(ATLAS) == "f3"
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_closing_twice_does_no_harm(path: Path) -> None:
    log = ChangeLog(path)
    log.close()
    log.close()


def test_a_log_in_a_folder_that_may_not_be_written_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as log:
        Series(ATLAS).put(log)
    monkeypatch.setattr(os, "access", lambda *_: False)  # not by chmod: root may write anywhere
    with ChangeLog(path, readonly=True) as log:
        assert len(log.changes()) == 4
        assert [file.name for file in path.parent.iterdir()] == [path.name]  # no -shm, no -wal beside it


def test_a_closed_log_is_a_mistake_of_the_caller_not_a_damaged_file(path: Path) -> None:
    log = ChangeLog(path)
    log.close()
    with pytest.raises(sqlite3.ProgrammingError):
        log.changes()


# --- speed, and what is loaded --------------------------------------------------------------------


def test_to_read_loads_nothing_heavy(path: Path) -> None:
    with opened(path) as log:
        Series(ATLAS).put(log)
    script = """
        import sys
        from pathlib import Path
        from borderwatch.changelog import ChangeLog
        with ChangeLog(Path(sys.argv[1]), readonly=True) as log:
            assert log.standings("crimea") and log.changes(kind="renamed")
        heavy = {"sqlite_utils", "pandas", "numpy", "shapely", "geopandas"} & set(sys.modules)
        sys.exit(str(heavy) if heavy else 0)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_view_of_twenty_captures_is_put_fast_and_standings_are_read_faster(path: Path) -> None:
    slugs = [f"dispute_{n}" for n in range(114)]
    with ChangeLog(path) as log:
        log.put_catalogue(map(dispute, slugs))
        views = [View("atlas", f"W{n}") for n in range(8)]
        spent = []
        for view in views:
            captures = [kept(view, f"{n}", day(2000 + n)) for n in range(20)]
            depictions = [
                depiction(one, slug, ("UA", 0.9), ("RU", 0.1), drawn=(drawn("UA"), drawn("RU")), names={"en": slug})
                for one in captures
                for slug in slugs
            ]
            pairs = list(pairwise(captures))
            comparisons = [comparison(one, two, slug, Verdict.UNCHANGED) for one, two in pairs for slug in slugs]
            changes = [change(one, two, slugs[0], geometry=BOX) for one, two in pairs]
            sketches = [
                Sketch(one.id, slug, "UA", "Ukraine", Role.AREA, None, BOX) for one in captures for slug in slugs
            ]
            start = time.process_time()
            log.put_view(
                view,
                "f",
                captures=captures,
                depictions=depictions,
                comparisons=comparisons,
                changes=changes,
                sketches=sketches,
            )
            spent.append(time.process_time() - start)
        start = time.process_time()
        assert len(log.standings(slugs[3])) == len(views)
        asking = time.process_time() - start
    # Measured 0.35 s and 3 ms on 2 cores; four times that would be felt, and a busy machine must not fail the test.
    assert min(spent) < 1.5
    assert asking < 0.1


# --- what is documented ---------------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "changelog.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:40])
def test_every_documented_query_answers(log: ChangeLog, path: Path, query: str) -> None:
    history_to_ask_about(log)
    assert rows(path, query) != []


def test_every_table_and_column_is_documented_by_its_name(log: ChangeLog, path: Path) -> None:
    told = {table.name: [column.name for column in table.columns] for table in schema.described_tables()}
    made = [row[0] for row in rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert set(told) == {name for name in made if not str(name).startswith(("changes_fts", "change_boxes"))}
    for table, columns in told.items():
        assert columns == [row[1] for row in rows(path, f"PRAGMA table_info({table})")]
    refers = {(t.name, c.name): c.refers for t in schema.described_tables() for c in t.columns if c.refers}
    for (table, column), target in refers.items():
        assert (target, column) in [(row[2], row[3]) for row in rows(path, f"PRAGMA foreign_key_list({table})")]
    assert {view.name for view in schema.described_views()} == {
        row[0] for row in rows(path, "SELECT name FROM sqlite_master WHERE type = 'view'")
    }


def history_to_ask_about(log: ChangeLog) -> None:
    """A history every documented query finds something in."""
    log.put_catalogue(map(dispute, (*DISPUTES, "western_sahara")))
    series = Series(View("world_atlas", layer="50m"))
    one, two, three = series.captures
    series.depictions += [depiction(capture, "western_sahara", ("EH", 1.0)) for capture in (one, two, three)]
    series.comparisons.append(comparison(one, two, "western_sahara", Verdict.UNCHANGED))
    series.depictions.append(depiction(one, "taiwan", rows=(Row("TW", "Taiwan", "TW"),)))
    series.changes.append(change(one, two, "taiwan", Kind.RENAMED, summary="台湾"))
    series.put(log)
    log.put_attempts([asked(LIST, day(2026), Outcome.FAILED, fault="unreachable")])
