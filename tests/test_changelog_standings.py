"""The change log: what each view shows, since when, and the SQL views that read it aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from borderwatch.changelog import ChangeLog
from borderwatch.models import (
    Coverage,
    Drawn,
    Fault,
    LineStyle,
    Outcome,
    Role,
    Row,
    Share,
    Verdict,
    View,
)
from tests.changelog_records import (
    ATLAS,
    DISPUTES,
    LIST,
    SEA,
    Series,
    asked,
    change,
    comparison,
    day,
    depiction,
    digest,
    kept,
    opened,
    rows,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "changes.db"


@pytest.fixture
def log(path: Path) -> Iterator[ChangeLog]:
    with opened(path) as log:
        yield log


# --- what a view shows, and since when ------------------------------------------------------------


def test_a_standing_is_what_the_view_shows_last(log: ChangeLog) -> None:
    series = Series(ATLAS)
    series.put(log)
    (standing,) = log.standings("crimea")
    assert standing.depiction == series.depictions[2]
    assert standing.capture == series.captures[2]
    assert standing.since == day(2020)
    assert standing.attested == day(2026, 7, 1)  # asked live then, and shown still


def test_a_standing_as_of_a_date_knows_nothing_later(log: ChangeLog) -> None:
    series = Series(ATLAS)
    series.put(log)
    assert log.standings("crimea", day(2012)) == []
    (then,) = log.standings("crimea", day(2015))
    assert (then.depiction, then.since, then.attested) == (series.depictions[0], day(2013), day(2013))
    (later,) = log.standings("crimea", day(2016))
    assert later.depiction == series.depictions[1]


def test_noise_does_not_begin_a_new_run(log: ChangeLog) -> None:
    Series(ATLAS).put(log)
    (standing,) = log.standings("kosovo")  # shares .995 to .999, compared and found unchanged; then only renamed
    assert standing.since == day(2013)


def test_not_modified_attests_and_failed_does_not(log: ChangeLog) -> None:
    series = Series(ATLAS)
    series.put(log)
    still, never = day(2026, 8, 1), day(2026, 9, 1)
    log.put_attempts(
        [
            asked(ATLAS, still, Outcome.NOT_MODIFIED, body=series.captures[2].body),
            asked(ATLAS, day(2026, 8, 15), Outcome.NOT_MODIFIED, body=digest("another body")),
            asked(ATLAS, never, Outcome.FAILED, fault="unreachable"),
        ]
    )
    assert [one.attested for one in log.standings("crimea")] == [still]
    assert [one.attested for one in log.standings("crimea", day(2026, 7, 20))] == [day(2026, 7, 1)]


def test_a_suspect_capture_is_not_what_the_view_shows(log: ChangeLog) -> None:
    series = Series(ATLAS)
    bad = kept(ATLAS, "4.0", day(2022))
    series.captures.append(bad)
    series.depictions.append(depiction(bad, "crimea"))
    series.comparisons.append(comparison(series.captures[2], bad, "crimea", Verdict.SUSPECT))
    series.put(log)
    (standing,) = log.standings("crimea")
    assert standing.capture == series.captures[2]


def test_a_coarser_capture_begins_a_new_run(log: ChangeLog) -> None:
    series = Series(ATLAS)
    coarse = kept(ATLAS, "4.0", day(2022))
    series.captures.append(coarse)
    series.depictions.append(depiction(coarse, "crimea", coverage=Coverage.NOT_RESOLVABLE))
    series.comparisons.append(comparison(series.captures[2], coarse, "crimea", Verdict.NOT_RESOLVABLE))
    series.put(log)
    (standing,) = log.standings("crimea")
    assert (standing.depiction.coverage, standing.since) == (Coverage.NOT_RESOLVABLE, day(2022))


def test_a_substantive_transfer_of_a_sliver_begins_a_new_run(log: ChangeLog) -> None:
    series = Series(ATLAS)
    new = kept(ATLAS, "4.0", day(2022))
    series.captures.append(new)
    series.depictions.append(depiction(new, "crimea", ("UA", 0.9957)))
    series.comparisons.append(comparison(series.captures[2], new, "crimea", Verdict.CHANGED))
    series.changes.append(change(series.captures[2], new, "crimea", area_km2=105.0))
    series.put(log)
    assert [one.since for one in log.standings("crimea")] == [day(2022)]


def test_a_list_row_told_otherwise_begins_a_new_run(log: ChangeLog) -> None:
    captures = [kept(LIST, f"{n}", day(2010 + n)) for n in range(3)]
    told = ["Taiwan", "Taiwan, Province of China", "Taiwan, Province of China"]
    shown = [
        depiction(capture, "taiwan", rows=(Row("TW", name, code="TW", parent="CN"),))
        for capture, name in zip(captures, told, strict=True)
    ]
    log.put_view(LIST, "f", captures=captures, depictions=shown, comparisons=[], changes=[], sketches=[])
    (standing,) = log.standings("taiwan")
    assert standing.since == day(2011)
    assert standing.depiction.rows[0].name == "Taiwan, Province of China"


# --- how asking goes ------------------------------------------------------------------------------


def test_a_fault_stands_until_the_view_answers_again(log: ChangeLog) -> None:
    log.put_attempts(
        [
            asked(ATLAS, day(2026, 1), Outcome.FAILED, fault="unreachable"),
            asked(ATLAS, day(2026, 2), Outcome.NOT_MODIFIED, body="b"),
            asked(SEA, day(2026, 1), Outcome.FAILED, fault="refused"),
            asked(SEA, day(2026, 3), Outcome.FAILED, fault="rate_limited"),
        ]
    )
    assert log.last_success() == {"atlas": day(2026, 2)}
    assert log.last_fault() == {"sea": Fault("rate_limited", "no answer in 30 s", "https://example.org", 503, 12.5)}


def test_counts_count(log: ChangeLog) -> None:
    Series(ATLAS).put(log)
    log.put_attempts([asked(ATLAS, day(2026), Outcome.FAILED, fault="refused")])
    got = log.counts()
    assert (got.captures, got.failed, got.disputes, got.depictions) == (4, 1, 3, 7)
    assert (got.comparisons, got.unchanged, got.changes, got.substantive, got.minor) == (4, 2, 4, 3, 1)


def test_the_reader_is_kept(log: ChangeLog) -> None:
    assert log.reader() is None
    before = log.content_digest()
    log.set_reader("r1")
    log.set_reader("r2")
    assert log.reader() == "r2"
    assert log.content_digest() == before  # how it was made is not what it says


# --- views that read aloud ------------------------------------------------------------------------


def test_current_depictions_read_aloud(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    got = rows(path, "SELECT dispute, view, shows, since, edition, coverage FROM current_depictions ORDER BY dispute")
    assert got == [
        ("crimea", "atlas/default#50m", "UA 100%", "2020-01-01T00:00:00+00:00", "3.0", "shown"),
        ("kosovo", "atlas/default#50m", "RS 100%", "2013-01-01T00:00:00+00:00", "3.0", "shown"),
        ("taiwan", "atlas/default#50m", "", "2020-01-01T00:00:00+00:00", "3.0", "not_covered"),
    ]


def test_current_depictions_agree_with_standings(log: ChangeLog, path: Path) -> None:
    for view in (ATLAS, LIST, SEA):
        Series(view).put(log)
    log.put_attempts([asked(SEA, day(2027), Outcome.NOT_MODIFIED, body=Series(SEA).captures[2].body)])
    for slug in DISPUTES:
        told = rows(path, "SELECT view, since, attested FROM current_depictions WHERE dispute = ? ORDER BY view", slug)
        standings = log.standings(slug)
        assert told == [(str(s.depiction.view), s.since.isoformat(), s.attested.isoformat()) for s in standings]
        assert len(told) == 3


def test_the_matrix_has_a_cell_for_every_dispute_and_view(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    log.put_attempts(
        [
            asked(LIST, day(2026), Outcome.FAILED, fault="unreachable"),
            asked(SEA, day(2026), Outcome.FAILED, fault="not_served"),
            asked(View("atlas", "RU"), day(2026), Outcome.KEPT, body="b"),
        ]
    )
    log.put_view(View("list", "US"), "f", captures=[], depictions=[], comparisons=[], changes=[], sketches=[])
    cells = {(row[0], row[1]): row[2] for row in rows(path, "SELECT dispute, view, cell FROM matrix")}
    assert len(cells) == len(DISPUTES) * 5
    assert cells["crimea", str(ATLAS)] == "shown"
    assert cells["taiwan", str(ATLAS)] == "not covered"
    assert cells["crimea", str(LIST)] == "asked and failed"
    assert cells["crimea", str(SEA)] == "not served"
    assert cells["crimea", "atlas/RU"] == "not read"
    assert cells["crimea", "list/US"] == "not asked"


def test_changes_by_dispute_count_and_tell_the_last(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    got = rows(path, "SELECT dispute, changes, substantive, reverts, first, last FROM changes_by_dispute ORDER BY 1")
    assert got == [
        ("crimea", 2, 2, 1, "2016-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"),
        ("elsewhere", 1, 1, 0, "2016-01-01T00:00:00+00:00", "2016-01-01T00:00:00+00:00"),
        ("kosovo", 1, 0, 0, "2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"),
    ]


def test_an_attestation_goes_on_over_a_suspect(log: ChangeLog, path: Path) -> None:
    one, two, bad, four = (kept(ATLAS, f"{n}", day(2010 + n)) for n in (1, 2, 3, 4))
    shown = [depiction(capture, "crimea", ("UA", 1.0)) for capture in (one, two, four)]
    compared = [
        comparison(one, two, "crimea", Verdict.UNCHANGED),
        comparison(two, bad, "crimea", Verdict.SUSPECT),
        comparison(two, four, "crimea", Verdict.UNCHANGED),
    ]
    captures = [one, two, bad, four]
    log.put_view(ATLAS, "f", captures=captures, depictions=shown, comparisons=compared, changes=[], sketches=[])
    assert rows(path, "SELECT from_edition, to_edition, comparisons FROM attestations") == [("1", "4", 2)]


def test_the_same_bytes_seen_again_attest_without_a_comparison(log: ChangeLog, path: Path) -> None:
    one = kept(ATLAS, "1", day(2020), live=True)
    seen = [asked(ATLAS, day(2026, month), Outcome.NOT_MODIFIED, body=one.body) for month in (8, 9)]
    log.put_attempts(seen)
    shown = [depiction(one, "crimea", ("UA", 1.0)), depiction(one, "kosovo", coverage=Coverage.NOT_COVERED)]
    log.put_view(ATLAS, "f", captures=[one, *seen], depictions=shown, comparisons=[], changes=[], sketches=[])
    sql = "SELECT dispute, unchanged_from, unchanged_to, comparisons FROM attestations"
    assert rows(path, sql) == [("crimea", "2020-01-01T00:00:00+00:00", "2026-09-01T00:00:00+00:00", 0)]


def test_bytes_that_come_back_do_not_attest_the_time_between(log: ChangeLog, path: Path) -> None:
    """A, B, A: the first A was last seen before B was shown, whatever was seen after."""
    a, b = digest("a"), digest("b")
    states = [(a, 1, "UA"), (b, 3, "RU"), (a, 5, "UA")]
    captures = [asked(ATLAS, day(2026, month), Outcome.KEPT, body=body) for body, month, _ in states]
    again = [asked(ATLAS, day(2026, month), Outcome.NOT_MODIFIED, body=a) for month in (2, 6)]
    shown = [depiction(one, "crimea", (owner, 1.0)) for one, (_, _, owner) in zip(captures, states, strict=True)]
    everything = [*captures, *again]
    log.put_view(ATLAS, "f", captures=everything, depictions=shown, comparisons=[], changes=[], sketches=[])
    sql = "SELECT substr(shown_at, 6, 2), substr(until, 6, 2), substr(seen_at, 6, 2) FROM depictions_in_time"
    assert sorted(rows(path, sql)) == [("01", "03", "02"), ("03", "05", "03"), ("05", None, "06")]
    as_of = {month: log.standings("crimea", day(2026, month, 15))[0] for month in (1, 2, 3, 4, 5, 6)}
    assert [one.attested.month for one in as_of.values()] == [1, 2, 3, 3, 5, 6]
    assert [one.since.month for one in as_of.values()] == [1, 1, 3, 3, 5, 5]


def test_attestations_join_unchanged_steps_and_stop_at_a_change(log: ChangeLog, path: Path) -> None:
    series = Series(ATLAS)
    four = kept(ATLAS, "4.0", day(2021))
    series.captures.append(four)
    series.depictions.append(depiction(four, "crimea", ("UA", 0.9993)))
    series.comparisons.append(comparison(series.captures[2], four, "crimea", Verdict.UNCHANGED))
    series.put(log)
    columns = "dispute, from_edition, to_edition, unchanged_from, unchanged_to, comparisons, limit_km"
    assert sorted(rows(path, f"SELECT {columns} FROM attestations")) == [
        ("crimea", "3.0", "4.0", "2020-01-01T00:00:00+00:00", "2021-01-01T00:00:00+00:00", 1, 3.5),
        ("kosovo", "1.0", "3.0", "2013-01-01T00:00:00+00:00", "2026-07-01T00:00:00+00:00", 2, 3.5),
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"shares": (Share("UA", 0.3, 1), Share("RU", 0.62, 1), Share("TR", 0.001, 1))},
            "RU 62%, UA 30%, TR <1%, nobody 8%",
        ),
        ({"shares": (Share("IN", 1.0, 1), Share("PK", 1.0, 1))}, "IN 100%, PK 100%"),
        ({"rows": (Row("TW", "Taiwan", "TW", parent="CN"), Row("X", "Hong Kong"))}, "Taiwan (TW under CN); Hong Kong"),
        ({"rows": tuple(Row(str(n), f"r{n}") for n in range(6))}, "r0; r1; r2; r3; and 2 more"),
        ({"drawn": (Drawn("IN", Role.BOUNDARY, style=LineStyle.NOT_DRAWN),)}, "not drawn"),
        ({"names": {"uk": "Крим", "en": "Crimea"}}, "en: Crimea; uk: Крим"),
        ({"coverage": Coverage.NOT_RESOLVABLE, "names": {"en": "Crimea"}}, ""),
    ],
)
def test_what_is_shown_is_told_in_words(log: ChangeLog, path: Path, fields: dict[str, object], words: str) -> None:
    capture = kept(ATLAS, "1", day(2020))
    shown = depiction(capture, "crimea", **fields)
    log.put_view(ATLAS, "f", captures=[capture], depictions=[shown], comparisons=[], changes=[], sketches=[])
    assert rows(path, "SELECT shows FROM current_depictions") == [(words,)]
