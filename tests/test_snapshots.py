"""The archive: what was kept opens as it came, what was changed is named, what was reported is never lost."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import borderwatch.snapshots as store
from borderwatch.errors import Damaged, Malformed, StoreError, Unreachable
from borderwatch.ledger import (
    GENESIS,
    MAX_SIZE,
    MAX_TEXT,
    Head,
    LineError,
    bounded,
    bytes_from_head,
    capture_from_line,
    ledger_from_bytes,
    line_from_capture,
    line_id,
)
from borderwatch.models import (
    Body,
    Capture,
    Edition,
    Fault,
    Keep,
    Outcome,
    Part,
    PartDigest,
    Terms,
    View,
)
from borderwatch.snapshots import Snapshots

T0 = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
TERMS = Terms(licence="CC0-1.0", attribution="Nobody in particular")
VIEW = View("atlas")


def a_body(text: str = "one", *, label: str | None = None, shown: datetime | None = None) -> Body:
    edition = None if label is None else Edition(label, shown, "a test")
    return Body((Part("map.json", text.encode()),), "https://maps.invalid/map.json", edition)


def two_parts() -> Body:
    return Body((Part("b/lines.json", b"[2]"), Part("a/areas.json", b"[1]")), "https://maps.invalid/all.zip")


def keep(
    snapshots: Snapshots, text: str = "one", *, hours: float = 0, view: View = VIEW, terms: Terms = TERMS
) -> Capture:
    return snapshots.keep(view, a_body(text), terms, live=True, taken_at=T0 + timedelta(hours=hours))


def ledger_of(snapshots: Snapshots, source: str = "atlas") -> Path:
    return snapshots.root / source / "captures.jsonl"


def body_of(snapshots: Snapshots, capture: Capture) -> Path:
    digest = capture.body or ""
    return snapshots.root / capture.view.source / "bodies" / digest[:2] / f"{digest}.zst"


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


# --- what is kept opens as it came ---------------------------------------------------------------


def test_what_was_kept_opens_as_it_came(snapshots: Snapshots) -> None:
    capture = keep(snapshots, "Ünicode and \x00 bytes")
    again = Snapshots(snapshots.root)
    assert list(again.captures()) == [capture]
    assert again.open(capture).data == "Ünicode and \x00 bytes".encode()
    assert again.verify().clean


def test_several_parts_open_by_name_in_one_order_however_they_came(snapshots: Snapshots) -> None:
    body = two_parts()
    capture = snapshots.keep(VIEW, body, TERMS, live=True, taken_at=T0)
    other = snapshots.keep(VIEW, replace(body, parts=body.parts[::-1]), TERMS, live=True, taken_at=T0)
    assert capture.body == other.body
    assert [part.name for part in snapshots.open(capture).parts] == ["a/areas.json", "b/lines.json"]
    assert snapshots.open(capture).part("b/lines.json") == b"[2]"


def test_a_body_is_named_by_the_hash_of_the_bytes_that_came_and_stored_once(snapshots: Snapshots) -> None:
    first, second = keep(snapshots, "same"), keep(snapshots, "same", hours=24)
    assert first.body == second.body == hashlib.sha256(b"same").hexdigest()
    assert len(list(snapshots.root.rglob("*.zst"))) == 1
    assert snapshots.verify().bodies == 1


def test_an_empty_answer_is_an_answer(snapshots: Snapshots) -> None:
    assert snapshots.open(keep(snapshots, "")).data == b""
    assert snapshots.verify().clean


def test_a_large_body_opens_with_the_plain_tool(snapshots: Snapshots) -> None:
    half = random.Random(7).randbytes(9_000_000)  # noqa: S311
    capture = snapshots.keep(VIEW, Body((Part("big", half + half),), "x"), TERMS, live=True, taken_at=T0)
    path = body_of(snapshots, capture)
    assert path.stat().st_size < 9_500_000, "the second half repeats the first, 9 MB back"
    assert zstandard.get_frame_parameters(path.read_bytes()).window_size <= 2**27
    assert snapshots.open(capture).data == half + half


NAMES = st.text(min_size=1, max_size=20)
TEXTS = st.text(max_size=60)
DIGESTS = st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest())
TIMES = st.datetimes(
    min_value=datetime(1995, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
CAPTURES = st.builds(
    Capture,
    id=st.just(""),
    view=st.builds(View, st.just("atlas"), TEXTS, TEXTS, TEXTS),
    taken_at=TIMES,
    outcome=st.sampled_from(Outcome),
    live=st.booleans(),
    url=TEXTS,
    edition=st.none() | st.builds(Edition, TEXTS, st.none() | TIMES, TEXTS),
    body=st.none() | DIGESTS,
    parts=st.lists(st.builds(PartDigest, NAMES, DIGESTS, st.integers(0, MAX_SIZE)), max_size=3).map(tuple),
    headers=st.dictionaries(TEXTS, TEXTS, max_size=4),
    licence=TEXTS,
    attribution=TEXTS,
    keep=st.sampled_from(Keep),
    fault=st.none()
    | st.builds(
        Fault,
        TEXTS,
        TEXTS,
        st.none() | TEXTS,
        st.none() | st.integers(100, 599),
        st.none() | st.floats(allow_nan=True, allow_infinity=True),
    ),
    software=TEXTS,
    note=TEXTS,
    ship=st.booleans(),
)


@given(CAPTURES)
@settings(max_examples=150, deadline=None)
def test_a_capture_goes_into_a_line_and_comes_out_the_same(capture: Capture) -> None:
    capture = bounded(capture)
    line = line_from_capture(capture, GENESIS)
    assert line.count(b"\n") == 1
    assert line.isascii()
    read, previous = capture_from_line(line)
    assert read == replace(capture, id=line_id(line))
    assert previous == GENESIS
    assert line_from_capture(read, previous) == line
    assert bounded(read) == read


def test_texts_from_outside_are_bounded_in_the_ledger(snapshots: Snapshots) -> None:
    body = replace(a_body(), note="n" * 10_000, headers={f"h{n}": "v" * 10_000 for n in range(500)})
    capture = snapshots.keep(VIEW, body, TERMS, live=True, taken_at=T0)
    assert len(capture.note) == MAX_TEXT
    assert len(ledger_of(snapshots).read_bytes()) < 200_000
    assert list(Snapshots(snapshots.root).captures()) == [capture]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", "../../../etc/passwd"),
        ("body", "A" * 64),
        ("parts", [{"name": "x", "sha256": "0" * 64, "size": 10**30}]),
        ("parts", [{"name": "x", "sha256": "0" * 64, "size": -1}]),
        ("parts", 7),
        ("taken_at", "2024-01-01"),
        ("taken_at", "0001-01-01T00:00:00+20:00"),
        ("view", {"source": "x", "evil": "y"}),
        ("live", "yes"),
        ("outcome", "stolen"),
        ("fault", {"kind": 1}),
        ("headers", {"a": 1}),
        ("edition", "1.0"),
    ],
)
def test_a_line_that_says_what_no_capture_is_is_refused_not_believed(field: str, value: object) -> None:
    capture = Capture("", VIEW, T0, Outcome.KEPT, live=True)
    record = json.loads(line_from_capture(capture, GENESIS)) | {field: value}
    with pytest.raises(LineError):
        capture_from_line(json.dumps(record).encode() + b"\n")


@pytest.mark.parametrize("line", [b"[" * 100_000 + b"\n", b"1" * 5_000 + b"\n", b"\xff\n", b'"text"\n', b"{}\n"])
def test_a_line_of_any_bytes_is_refused_in_words(line: bytes) -> None:
    with pytest.raises(LineError):
        capture_from_line(line)


def test_what_could_not_be_read_back_is_not_written(snapshots: Snapshots) -> None:
    keep(snapshots)
    problem = Unreachable("no answer", status="none")  # type: ignore[arg-type]
    with pytest.raises(LineError):
        snapshots.failed(VIEW, problem, TERMS, live=True, taken_at=T0)
    assert len(list(Snapshots(snapshots.root).captures())) == 1


def test_an_answer_of_countless_parts_is_malformed(snapshots: Snapshots) -> None:
    parts = tuple(Part(f"p{number}", b"") for number in range(10_001))
    with pytest.raises(Malformed, match="10,001 parts"):
        snapshots.keep(VIEW, Body(parts, "x"), TERMS, live=True, taken_at=T0)


def test_a_time_without_a_zone_never_reaches_the_ledger(snapshots: Snapshots) -> None:
    with pytest.raises(ValueError, match="zone"):
        snapshots.keep(VIEW, a_body(), TERMS, live=True, taken_at=datetime(2024, 1, 1))  # noqa: DTZ001
    assert not list(snapshots.captures())


@pytest.mark.parametrize("source", ["../up", "a/b", "", "Ä", "a" * 65, ".hidden", "con\n"])
def test_a_source_name_never_becomes_another_path(snapshots: Snapshots, source: str) -> None:
    with pytest.raises(StoreError, match="not a source's name"):
        keep(snapshots, view=View(source))
    assert not snapshots.root.exists() or not any(snapshots.root.rglob("*.jsonl"))


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "a//b", "", "a\\b", "a\nb", "./a", "x" * 300])
def test_a_part_name_that_would_unpack_elsewhere_is_malformed(snapshots: Snapshots, name: str) -> None:
    body = Body((Part(name, b"1"), Part("fine", b"2")), "x")
    with pytest.raises(Malformed, match="name"):
        snapshots.keep(VIEW, body, TERMS, live=True, taken_at=T0)
    assert not list(snapshots.captures())


def test_two_parts_of_one_name_are_malformed(snapshots: Snapshots) -> None:
    with pytest.raises(Malformed, match="two parts of one name"):
        snapshots.keep(VIEW, Body((Part("a", b"1"), Part("a", b"2")), "x"), TERMS, live=True, taken_at=T0)


def test_of_a_source_whose_terms_forbid_keeping_only_the_digest_is_kept(snapshots: Snapshots) -> None:
    capture = keep(snapshots, "secret map", terms=replace(TERMS, keep=Keep.DIGEST))
    assert capture.body == hashlib.sha256(b"secret map").hexdigest()
    assert not list(snapshots.root.rglob("*.zst"))
    assert b"secret map" not in ledger_of(snapshots).read_bytes()
    with pytest.raises(StoreError, match="only the digest is kept"):
        snapshots.open(capture)
    assert snapshots.series(VIEW) == ()
    assert snapshots.latest(VIEW) == capture, "it can still be asked against"
    report = snapshots.verify()
    assert report.clean
    assert report.absent == 1


def test_a_body_that_is_not_shipped_may_be_absent_and_one_that_is_may_not(snapshots: Snapshots) -> None:
    local = keep(snapshots, "stays here", view=View("local"), terms=replace(TERMS, ship=False))
    shipped = keep(snapshots, "goes along")
    assert snapshots.series(local.view) == (local,)
    body_of(snapshots, local).unlink()
    assert snapshots.verify().clean
    assert snapshots.series(local.view) == ()
    assert snapshots.latest(local.view) is None, "nothing to ask against: the source must answer in full"
    assert snapshots.editions(local.view) == frozenset()
    with pytest.raises(StoreError, match=r"not shipped.*backfill local"):
        snapshots.open(local)
    body_of(snapshots, shipped).unlink()
    with pytest.raises(Damaged, match=r"gone.*backfill atlas") as error:
        snapshots.open(shipped)
    assert error.value.path == str(body_of(snapshots, shipped))
    assert [damage.path for damage in snapshots.verify().damages] == [str(body_of(snapshots, shipped))]
    assert snapshots.series(VIEW) == (shipped,), "a hole in the past is told, not stepped over"


# --- a view's past --------------------------------------------------------------------------------


def test_the_past_is_ordered_by_when_the_source_showed_it(snapshots: Snapshots) -> None:
    new = snapshots.keep(VIEW, a_body("2", label="2", shown=T0 - timedelta(days=10)), TERMS, live=True, taken_at=T0)
    old = snapshots.keep(
        VIEW, a_body("1", label="1", shown=T0 - timedelta(days=900)), TERMS, live=False, taken_at=T0 + timedelta(days=1)
    )
    elsewhere = keep(snapshots, "x", view=View("atlas", "CN"))
    snapshots.failed(VIEW, Unreachable("no answer"), TERMS, live=True, taken_at=T0 + timedelta(days=2))
    assert snapshots.series(VIEW) == (old, new)
    assert snapshots.views() == (View("atlas", "CN"), VIEW)
    assert snapshots.series(elsewhere.view) == (elsewhere,)


def test_what_a_view_shows_now_is_its_last_live_answer_though_an_edition_be_newer(snapshots: Snapshots) -> None:
    edition = snapshots.keep(VIEW, a_body("9", label="9", shown=T0), TERMS, live=False, taken_at=T0)
    older = snapshots.keep(
        VIEW, a_body("5", label="5", shown=T0 - timedelta(days=99)), TERMS, live=False, taken_at=T0 + timedelta(days=1)
    )
    assert snapshots.latest(VIEW) == edition
    assert snapshots.latest(VIEW, live_only=True) is None
    live = snapshots.keep(
        VIEW, a_body("7", label="7", shown=T0 - timedelta(days=50)), TERMS, live=True, taken_at=T0 + timedelta(days=2)
    )
    snapshots.failed(VIEW, Unreachable("no answer"), TERMS, live=True, taken_at=T0 + timedelta(days=3))
    assert snapshots.latest(VIEW) == live
    assert older in snapshots.series(VIEW)
    assert snapshots.editions(VIEW) == {"9", "5", "7"}


def test_not_modified_stands_on_the_body_of_what_was_known(snapshots: Snapshots) -> None:
    known = snapshots.keep(VIEW, a_body("1", label="1", shown=T0), TERMS, live=True, taken_at=T0)
    still = snapshots.not_modified(VIEW, known, TERMS, taken_at=T0 + timedelta(days=1))
    assert (still.outcome, still.body, still.edition, still.parts) == (
        Outcome.NOT_MODIFIED,
        known.body,
        known.edition,
        known.parts,
    )
    assert snapshots.open(still).data == b"1"
    assert snapshots.latest(VIEW) == still
    failed = snapshots.failed(VIEW, Unreachable("no"), TERMS, live=True, taken_at=T0)
    with pytest.raises(ValueError, match="nothing that could still stand"):
        snapshots.not_modified(VIEW, failed, TERMS, taken_at=T0)


def test_a_failed_attempt_keeps_its_evidence_and_never_joins_the_past(snapshots: Snapshots) -> None:
    problem = Malformed("HTML where JSON was asked for", url="https://maps.invalid/", status=200)
    capture = snapshots.failed(VIEW, problem, TERMS, live=True, taken_at=T0, body=a_body("<html>"))
    assert capture.fault == Fault("malformed", "HTML where JSON was asked for", "https://maps.invalid/", 200, None)
    assert snapshots.open(capture).data == b"<html>"
    assert snapshots.series(VIEW) == ()
    assert snapshots.latest(VIEW) is None
    assert snapshots.unread("atlas") == (capture,)
    again = snapshots.keep_read_again(capture)
    assert snapshots.series(VIEW) == (again,)
    assert again.taken_at == capture.taken_at
    assert snapshots.unread("atlas") == ()
    assert snapshots.verify().clean


def test_the_fingerprint_changes_when_and_only_when_the_past_does(snapshots: Snapshots) -> None:
    empty = snapshots.fingerprint(VIEW)
    keep(snapshots)
    one = snapshots.fingerprint(VIEW)
    snapshots.failed(VIEW, Unreachable("no answer"), TERMS, live=True, taken_at=T0)
    keep(snapshots, view=View("atlas", "CN"))
    keep(snapshots, view=View("other"))
    assert snapshots.fingerprint(VIEW) == one == Snapshots(snapshots.root).fingerprint(VIEW)
    keep(snapshots, "two", hours=1)
    assert len({empty, one, snapshots.fingerprint(VIEW)}) == 3


def test_a_ledger_is_read_once_and_again_only_when_it_grew(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(snapshots)
    reader, reads = Snapshots(snapshots.root), []
    monkeypatch.setattr(store, "ledger_from_bytes", lambda *args: reads.append(1) or ledger_from_bytes(*args))
    for _ in range(5):
        assert len(list(reader.captures())) == 1
        reader.series(VIEW)
    assert len(reads) == 1
    keep(snapshots, "two")
    assert len(list(reader.captures())) == 2
    assert len(reads) == 2, "and the writer, which knows what it wrote, did not read it back"


def test_an_absent_archive_is_an_empty_one(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "nothing" / "here")
    assert (snapshots.sources(), list(snapshots.captures()), snapshots.views()) == ((), [], ())
    assert snapshots.verify().clean
    assert not snapshots.root.exists(), "reading leaves no trace"


# --- what was changed is named --------------------------------------------------------------------


def five_lines(snapshots: Snapshots) -> Path:
    for hour in range(5):
        keep(snapshots, f"map {hour}", hours=hour)
    return ledger_of(snapshots)


def test_one_flipped_bit_anywhere_in_a_ledger_or_its_head_is_found(snapshots: Snapshots) -> None:
    path = five_lines(snapshots)
    data, head = path.read_bytes(), path.with_name("captures.head").read_bytes()
    assert not ledger_from_bytes(data, head).flaws
    rng = random.Random(1)  # noqa: S311
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.randrange(8)
        found = ledger_from_bytes(bytes(flipped), head)
        assert found.flaws or found.torn, f"byte {place}"
        line = data.count(b"\n", 0, place) + 1
        lines = {flaw.line for flaw in found.flaws if flaw.line is not None}
        assert not lines or min(lines) in {line, line + 1}, f"byte {place} of line {line} is told of {lines}"
    for place in range(len(head)):
        flipped = bytearray(head)
        flipped[place] ^= 1 << rng.randrange(8)
        assert ledger_from_bytes(data, bytes(flipped)).flaws, f"byte {place} of the head"


def test_one_flipped_byte_anywhere_in_a_body_is_named_with_the_lines_it_serves(snapshots: Snapshots) -> None:
    capture = keep(snapshots, "a map, " * 9)
    keep(snapshots, "another")
    keep(snapshots, "a map, " * 9, hours=9)
    path = body_of(snapshots, capture)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        damages = snapshots.verify().damages
        assert [damage.path for damage in damages] == [str(path)], f"byte {place}"
        assert "captures.jsonl line 1, 3" in str(damages[0])
        with pytest.raises(Damaged):
            snapshots.open(capture)
    path.write_bytes(data)
    assert snapshots.verify().clean


def _edited(lines: list[bytes]) -> list[bytes]:
    record = json.loads(lines[2])
    record["url"] = "https://elsewhere.invalid/"
    return [*lines[:2], json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n", *lines[3:]]


@pytest.mark.parametrize(
    ("what", "line", "message"),
    [
        (_edited, 4, "line 3 was edited"),
        (lambda lines: lines[:2] + lines[3:], 3, "removed"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1, "does not begin here"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], 4, "added or moved"),
        (lambda lines: [*lines[:2], b"not json\n", *lines[2:]], 3, "not JSON"),
        (lambda lines: [*lines[:2], b"\n", *lines[2:]], 3, "not JSON"),
        (lambda lines: [*lines[:2], b'{"format":2}\n', *lines[2:]], 3, "format 2"),
        (lambda lines: lines[:3], None, "the tail is missing"),
        (lambda lines: [], None, "the tail is missing"),
        (lambda lines: [*lines[:4], *_edited([b"", b"", lines[4]])[2:]], 5, "captures.head"),
    ],
    ids=["edited", "removed", "swapped", "repeated", "garbage", "blank", "newer", "cut", "emptied", "last edited"],
)
def test_a_ledger_that_was_tampered_with_says_where(
    snapshots: Snapshots, what: Callable[[list[bytes]], list[bytes]], line: int | None, message: str
) -> None:
    path = five_lines(snapshots)
    path.write_bytes(b"".join(what(path.read_bytes().splitlines(keepends=True))))
    damages = Snapshots(snapshots.root).verify().damages
    assert damages
    assert (damages[0].path, damages[0].line) == (str(path), line)
    assert message in str(damages[0])
    with pytest.raises(Damaged, match="borderwatch verify"):
        list(Snapshots(snapshots.root).captures())
    size = path.stat().st_size
    with pytest.raises(Damaged):
        keep(Snapshots(snapshots.root), "more")
    assert path.stat().st_size == size, "nothing is built on a broken chain"


def test_a_ledger_that_was_deleted_is_missed(snapshots: Snapshots) -> None:
    five_lines(snapshots).unlink()
    assert [str(damage) for damage in Snapshots(snapshots.root).verify().damages]
    with pytest.raises(Damaged, match="tail is missing"):
        keep(Snapshots(snapshots.root), "a new beginning")


def test_lines_added_by_hand_are_noticed_though_their_chain_is_whole(snapshots: Snapshots) -> None:
    path = five_lines(snapshots)
    data = path.read_bytes()
    last = data.splitlines(keepends=True)[-1]
    for _ in range(2):
        forged, _previous = capture_from_line(last)
        last = line_from_capture(forged, line_id(last))
        data += last
    path.write_bytes(data)
    assert any("lines were added" in str(damage) for damage in Snapshots(snapshots.root).verify().damages)


def test_damage_in_one_source_leaves_the_others_readable(snapshots: Snapshots) -> None:
    path = five_lines(snapshots)
    other = keep(snapshots, view=View("other"))
    path.write_bytes(path.read_bytes()[:-200] + b"\n")
    again = Snapshots(snapshots.root)
    assert again.series(other.view) == (other,)
    report = again.verify()
    assert {damage.path for damage in report.damages} == {str(path)}
    assert report.bodies == 5, "the bodies that whole lines tell of are proven all the same"


def test_a_body_swapped_for_a_bomb_is_refused_within_its_known_size(snapshots: Snapshots) -> None:
    capture = keep(snapshots, "small")
    frame = zstandard.ZstdCompressor(level=1).compress(bytes(3_000_000))
    seal = (0x184D2A5B).to_bytes(4, "little") + (32).to_bytes(4, "little") + hashlib.sha256(frame).digest()
    assert len(frame) < 1_000, "or it would be refused for its own size"
    body_of(snapshots, capture).write_bytes(frame + seal)
    with pytest.raises(Damaged, match="not what was written: 6 bytes"):
        snapshots.open(capture)
    body_of(snapshots, capture).write_bytes(bytes(50_000_000))
    with pytest.raises(Damaged, match="seal"):
        snapshots.open(capture)


def test_a_damaged_body_is_put_right_when_the_same_answer_comes_again(
    snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    capture = keep(snapshots, "the map")
    body_of(snapshots, capture).write_bytes(b"rot")
    with caplog.at_level(logging.WARNING):
        keep(snapshots, "the map", hours=24)
    assert "replaces it" in caplog.text
    assert snapshots.open(capture).data == b"the map"
    assert snapshots.verify().clean


# --- what was reported is never lost ----------------------------------------------------------------


def test_a_torn_last_line_is_set_aside_and_told_and_the_chain_goes_on(
    snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    path = five_lines(snapshots)
    with path.open("ab") as file:
        file.write(b'{"attribution":"cut he')
    again = Snapshots(snapshots.root)
    assert len(list(again.captures())) == 5, "readers see what is whole"
    assert "a write was cut" in str(again.verify().damages[0])
    with caplog.at_level(logging.WARNING):
        sixth = keep(again, "after the crash", hours=9)
    assert "set aside" in caplog.text
    (aside,) = path.parent.glob("captures.jsonl.torn-*")
    assert aside.read_bytes() == b'{"attribution":"cut he'
    report = Snapshots(snapshots.root).verify()
    assert (report.clean, report.lines, report.torn) == (True, 6, (aside,))
    assert list(again.captures())[-1] == sixth


def test_a_head_one_line_behind_is_a_crash_and_two_is_not(snapshots: Snapshots) -> None:
    path = five_lines(snapshots)
    lines = path.read_bytes().splitlines(keepends=True)
    head = path.with_name("captures.head")
    head.write_bytes(bytes_from_head(Head(line_id(lines[3]), 4)))
    assert Snapshots(snapshots.root).verify().clean
    keep(Snapshots(snapshots.root), "goes on", hours=9)
    assert Snapshots(snapshots.root).verify().clean
    assert json.loads(head.read_bytes())["lines"] == 6
    head.write_bytes(bytes_from_head(Head(line_id(lines[3]), 4)))
    assert not Snapshots(snapshots.root).verify().clean


STEPS = ("write", "fsync", "replace", "ftruncate", "open")


def _interrupt(monkeypatch: pytest.MonkeyPatch, at: int, what: Callable[[], None], *, half: bool = True) -> list[str]:
    """Make the ``at``-th call the archive makes of the disk end in ``what``; a write gets half done first."""
    calls: list[str] = []
    real = {name: getattr(os, name) for name in STEPS}

    def step(name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            calls.append(name)
            if len(calls) == at:
                if name == "write" and half:
                    handle, data = args
                    real["write"](handle, bytes(data)[: len(data) // 2])  # type: ignore[arg-type, call-overload]
                what()
            return real[name](*args, **kwargs)

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, step(name))
    return calls


def _steps_of_one_keep(tmp_path: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        counted = Snapshots(tmp_path / "counted")
        keep(counted, "first")
        calls = _interrupt(patch, -1, lambda: None)
        keep(counted, "second")
        return len(calls)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_at_any_step_is_said_plainly_and_leaves_nothing_half_written(tmp_path: Path, number: int) -> None:
    def full() -> None:
        raise OSError(number, os.strerror(number))

    steps = _steps_of_one_keep(tmp_path)
    assert steps > 8
    for at in range(1, steps + 1):
        snapshots = Snapshots(tmp_path / f"{number}-{at}")
        first = keep(snapshots, "first")
        with pytest.MonkeyPatch.context() as patch:
            _interrupt(patch, at, full)
            with pytest.raises(StoreError, match="the disk is full" if number != errno.EIO else "nothing half-written"):
                keep(snapshots, "second", hours=1)
        for store_again in (snapshots, Snapshots(snapshots.root)):
            assert next(store_again.captures()) == first
            assert store_again.verify().clean, f"step {at}: {store_again.verify()}"
        assert not list(snapshots.root.rglob("*.tmp")), f"step {at}"
        third = keep(snapshots, "second", hours=2)
        assert snapshots.open(third).data == b"second"
        assert Snapshots(snapshots.root).verify().clean


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to die at an exact step")
def test_death_at_any_step_and_again_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    steps = _steps_of_one_keep(tmp_path)
    outcomes = set()
    for at in range(1, steps + 1):
        snapshots = Snapshots(tmp_path / str(at))
        first = keep(snapshots, "first")
        for text in ("second", "third"):
            child = os.fork()
            if child == 0:
                _interrupt(pytest.MonkeyPatch(), at, lambda: os.kill(os.getpid(), signal.SIGKILL))
                keep(Snapshots(snapshots.root), text, hours=1)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            assert os.WIFSIGNALED(status), f"step {at} was not reached"
        survivor = Snapshots(snapshots.root)
        found = list(survivor.captures())
        assert found[0] == first
        outcomes.add(len(found))
        for capture in found:
            assert survivor.open(capture).data
        last = keep(survivor, "last", hours=2)
        assert list(Snapshots(snapshots.root).captures()) == [*found, last]
        report = Snapshots(snapshots.root).verify()
        assert report.clean, f"step {at}: {report.damages}"
    assert outcomes >= {1, 3}, "some deaths come before the line is whole, some after"


def test_a_reader_overtaken_by_a_writer_looks_again(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    five_lines(snapshots)
    reader, read = Snapshots(snapshots.root), []

    def overtaken(path: Path) -> bytes | None:
        data = path.read_bytes()
        read.append(path.name)
        if len(read) == 1:  # the head is read; before the ledger is, another process adds three lines
            with monkeypatch.context() as patch:
                patch.setattr(store, "bytes_of", Path.read_bytes)
                for hour in range(3):
                    keep(snapshots, f"meanwhile {hour}", hours=hour)
        return data

    monkeypatch.setattr(store, "bytes_of", overtaken)
    assert len(list(reader.captures())) == 8


WRITER = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from borderwatch.models import Body, Part, Terms, View
from borderwatch.snapshots import Snapshots
root, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
snapshots = Snapshots(root)
for number in range(count):
    body = Body((Part("map", f"{name} {number}".encode() * 50),), "x")
    capture = snapshots.keep(View("atlas"), body, Terms("CC0-1.0", "me"), live=True, taken_at=datetime.now(UTC))
    print(capture.id, flush=True)
"""


def _writer(root: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_killed_again_and_again_the_archive_opens_and_holds_all_that_was_reported(tmp_path: Path) -> None:
    rng, reported = random.Random(3), []  # noqa: S311
    for round_ in range(8):
        writer = _writer(tmp_path, f"round {round_}", 10_000)
        assert writer.stdout is not None
        reported.append(writer.stdout.readline().strip())
        time.sleep(rng.uniform(0.0, 0.08))
        writer.kill()
        reported += [line.strip() for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
    held = [capture.id for capture in Snapshots(tmp_path).captures()]
    assert len(reported) >= 8
    assert set(reported) <= set(held)
    assert [identity for identity in held if identity in set(reported)] == reported, "and in their order"
    assert all("write was cut" in str(damage) for damage in Snapshots(tmp_path).verify().damages)
    keep(Snapshots(tmp_path), "and on")
    assert Snapshots(tmp_path).verify().clean


def test_two_processes_at_once_never_interleave_a_chain_and_readers_see_no_damage(tmp_path: Path) -> None:
    writers = [_writer(tmp_path, name, 40) for name in ("left", "right")]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        found = list(Snapshots(tmp_path).captures())  # raises Damaged if it sees half a thing
        assert len(found) >= seen
        seen = len(found)
    told = []
    for writer in writers:
        assert writer.stdout is not None
        told += writer.stdout.read().split()
        writer.stdout.close()
        assert writer.returncode == 0
    assert {capture.id for capture in Snapshots(tmp_path).captures()} == set(told)
    assert len(told) == 80
    assert Snapshots(tmp_path).verify().clean


def test_many_threads_write_many_sources_through_one_archive(snapshots: Snapshots) -> None:
    def write(source: str) -> None:
        for hour in range(10):
            keep(snapshots, f"{source} {hour}", hours=hour, view=View(source))

    threads = [threading.Thread(target=write, args=(source,)) for source in ("a", "a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(list(snapshots.captures(source))) for source in snapshots.sources()] == [20, 10, 10]
    assert snapshots.verify().clean


def _hold(root: Path, held: multiprocessing.synchronize.Event) -> None:
    with Snapshots(root)._writing():
        held.set()
        time.sleep(30)


def test_a_dead_writer_does_not_hold_the_archive(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    keep(Snapshots(tmp_path), "first")
    holder = context.Process(target=_hold, args=(tmp_path, held))
    holder.start()
    assert held.wait(20)
    holder.kill()
    holder.join()
    before = time.monotonic()
    keep(Snapshots(tmp_path), "second", hours=1)
    assert time.monotonic() - before < 5


def test_what_a_dead_writer_left_lying_is_swept_up_in_time(snapshots: Snapshots) -> None:
    path = body_of(snapshots, keep(snapshots, "one"))
    old, young = path.with_name(".old.tmp"), path.with_name(".young.tmp")
    for left in (old, young):
        left.write_bytes(b"half")
    os.utime(old, (time.time() - 7_200,) * 2)
    keep(Snapshots(snapshots.root), "two", hours=1)
    assert (old.exists(), young.exists()) == (False, True), "the young one may be a writer at work"


def test_a_body_no_line_tells_of_is_no_damage_but_is_counted(snapshots: Snapshots) -> None:
    path = body_of(snapshots, keep(snapshots, "one"))
    orphan = path.with_name("0" * 64 + ".zst")
    orphan.write_bytes(b"written just before a crash")
    report = snapshots.verify()
    assert (report.clean, report.orphans) == (True, (orphan,))


# --- with public tools only, as docs/storage.md says ------------------------------------------------------


TOOLS = ("bash", "jq", "zstd", "sha256sum", "od")
RECIPES = re.findall(r"```bash\n(.*?)```", (Path(__file__).parents[1] / "docs" / "storage.md").read_text("utf-8"), re.S)


def by_hand(folder: Path) -> list[str]:
    """What the recipes of the page say of a source's folder."""
    said: list[str] = []
    for recipe in RECIPES:
        done = subprocess.run(["bash", "-c", recipe], cwd=folder, capture_output=True, text=True, check=False)
        said += (done.stdout + done.stderr).splitlines()
    return said


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_the_archive_is_proven_by_hand_with_public_tools(snapshots: Snapshots) -> None:
    five_lines(snapshots)
    many = snapshots.keep(VIEW, two_parts(), TERMS, live=True, taken_at=T0)
    failed = snapshots.failed(VIEW, Unreachable("ünreachable"), TERMS, live=True, taken_at=T0)
    folder, path = snapshots.root / "atlas", body_of(snapshots, many)
    said = by_hand(folder)
    assert said[0] == "chain whole: 7 lines"
    assert sum(line.startswith("proven: ") for line in said) == len(said) - 1 == 6
    ledger = ledger_of(snapshots)
    shell = f"sed -n 7p {ledger} | sha256sum; zstd -dcq {path} | tar -t"
    seen = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout.splitlines()
    assert seen == [f"{failed.id}  -", "a/areas.json", "b/lines.json"]

    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes([data[4] ^ 0x10]) + data[5:])
    assert f"damaged: {path.relative_to(folder)}" in by_hand(folder), "the bit that unpacks to the same"
    path.unlink()
    assert f"gone: {many.body}" in by_hand(folder)
    ledger.write_bytes(ledger.read_bytes().replace(b"2024-05-01T05", b"2024-05-01T06"))
    assert "the chain breaks at line 4" in by_hand(folder)


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_them_all(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:7]))
    capture = keep(snapshots, "a map " * 99)
    monkeypatch.undo()
    assert Snapshots(snapshots.root).open(capture).data == b"a map " * 99
    assert snapshots.verify().clean
