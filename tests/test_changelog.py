"""The change log: what is put in is what is got out, made again the same, and found by any question."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from borderwatch.changelog import ELSEWHERE, ChangeLog, schema, search
from borderwatch.errors import UsageError
from borderwatch.models import (
    Capture,
    Change,
    Coverage,
    Depiction,
    Drawn,
    Edition,
    Fault,
    Keep,
    Kind,
    LineStyle,
    Outcome,
    PartDigest,
    Role,
    Row,
    Share,
    Significance,
)
from tests.changelog_records import (
    ACROSS,
    ATLAS,
    BOX,
    DISPUTES,
    LIST,
    SEA,
    Series,
    asked,
    card,
    change,
    day,
    digest,
    dispute,
    drawn,
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


# --- what goes in comes out -----------------------------------------------------------------------


def test_every_record_put_is_the_record_got(log: ChangeLog) -> None:
    series = Series(ATLAS)
    series.put(log)
    assert log.captures(view=ATLAS) == series.captures
    assert sorted(log.depictions(view=ATLAS), key=repr) == sorted(series.depictions, key=repr)
    assert {repr(one) for one in log.comparisons()} == {repr(one) for one in series.comparisons}
    assert sorted(log.changes(), key=repr) == sorted(series.changes, key=repr)
    got = log.sketches("crimea")
    assert [sketch for capture in series.captures for sketch in got.get(capture.id, ())] == series.sketches
    assert log.fingerprint(ATLAS) == "f1"
    assert log.fingerprint(SEA) is None


texts = st.text(max_size=20)  # with NUL, quotes, right-to-left marks, emoji; without lone surrogates
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
numbers = st.floats(allow_nan=False, width=64)
maybe = st.none() | numbers


@st.composite
def attempts(draw: st.DrawFn) -> Capture:
    edition = draw(st.none() | st.builds(Edition, texts, st.none() | times, texts))
    fault = draw(st.none() | st.builds(Fault, texts, texts, st.none() | texts, st.none() | st.integers(0, 999), maybe))
    return Capture(
        id=digest(draw(st.integers())),
        view=draw(st.sampled_from([ATLAS, LIST, SEA])),
        taken_at=draw(times),
        outcome=draw(st.sampled_from(Outcome)),
        live=draw(st.booleans()),
        url=draw(texts),
        edition=edition,
        body=draw(st.none() | texts),
        parts=tuple(draw(st.lists(st.builds(PartDigest, texts, texts, st.integers(0, 2**40)), max_size=3))),
        headers=draw(st.dictionaries(texts, texts, max_size=3)),
        licence=draw(texts),
        attribution=draw(texts),
        keep=draw(st.sampled_from(Keep)),
        fault=fault,
        software=draw(texts),
        note=draw(texts),
    )


@given(st.lists(attempts(), max_size=6, unique_by=lambda capture: capture.id))
@settings(max_examples=25, deadline=None)
def test_any_attempt_put_is_the_attempt_got(tmp_path_factory: pytest.TempPathFactory, some: list[Capture]) -> None:
    with ChangeLog(tmp_path_factory.mktemp("attempts") / "changes.db") as log:
        log.put_attempts(some)
        log.put_attempts(some[:2])  # a second time adds nothing
        assert {one.id: one for one in log.captures()} == {one.id: one for one in some}


@st.composite
def pictures(draw: st.DrawFn) -> Depiction:
    shares = draw(st.lists(st.builds(Share, texts, numbers, numbers), max_size=3, unique_by=lambda one: one.owner))
    role, style = st.sampled_from(Role), st.none() | st.sampled_from(LineStyle)
    word = st.none() | texts
    features = st.builds(Drawn, word, role, word, word, word, style, numbers, numbers, st.booleans())
    listed = st.builds(Row, texts, texts, word, word, word, word, texts)
    return Depiction(
        view=ATLAS,
        dispute=draw(st.sampled_from(DISPUTES)),
        capture=draw(st.sampled_from(Series(ATLAS).captures)).id,
        coverage=draw(st.sampled_from(Coverage)),
        shares=tuple(shares),
        drawn=tuple(draw(st.lists(features, max_size=3))),
        names=draw(st.dictionaries(texts, texts, max_size=3)),
        rows=tuple(draw(st.lists(listed, max_size=3))),
        limit_km=draw(maybe),
        reason=draw(texts),
    )


@st.composite
def differences(draw: st.DrawFn) -> Change:
    before, after = draw(st.permutations(Series(ATLAS).captures))[:2]
    word = st.none() | texts
    ring = draw(st.none() | st.sampled_from([BOX, ACROSS, Polygon(), LineString([(0, 0), (1, 1)]), BOX.centroid]))
    return Change(
        id=digest(draw(st.integers())),
        view=ATLAS,
        dispute=draw(st.none() | st.sampled_from(DISPUTES)),
        kind=draw(st.sampled_from(Kind)),
        significance=draw(st.sampled_from(Significance)),
        before=before,
        after=after,
        loser=draw(word),
        gainer=draw(word),
        subject=draw(texts),
        old=draw(word),
        new=draw(word),
        area_km2=draw(maybe),
        length_km=draw(maybe),
        inradius_km=draw(maybe),
        noise_floor_km=draw(maybe),
        ratio=draw(maybe),
        limit_km=draw(maybe),
        share=draw(maybe),
        geometry=ring,
        summary=draw(texts),
    )


@given(
    st.lists(pictures(), max_size=6, unique_by=lambda one: (one.capture, one.dispute)),
    st.lists(differences(), max_size=5, unique_by=lambda one: one.id),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_depiction_and_change_put_is_the_one_got(
    tmp_path_factory: pytest.TempPathFactory, depictions: list[Depiction], changes: list[Change]
) -> None:
    file = tmp_path_factory.mktemp("records") / "changes.db"
    with opened(file) as log:
        series = Series(ATLAS)
        series.depictions, series.changes, series.comparisons, series.sketches = depictions, changes, [], []
        series.put(log)
        got = log.depictions()
        assert {(one.capture, one.dispute): one for one in got} == {
            (one.capture, one.dispute): one for one in depictions
        }
        assert {one.id: one for one in log.changes()} == {one.id: one for one in changes}
    assert rows(file, "PRAGMA foreign_key_check") == []


def test_half_a_surrogate_pair_is_kept_as_a_replacement_sign(log: ChangeLog) -> None:
    bad = replace(asked(ATLAS, day(2026), Outcome.FAILED, fault="malformed"), note="a\ud800b", headers={"x": "\udfff"})
    log.put_attempts([bad])
    (got,) = log.captures()
    assert (got.note, got.headers) == ("a\ufffdb", {"x": "\ufffd"})


def test_a_moment_is_the_same_moment_in_any_time_zone(log: ChangeLog) -> None:
    taken = datetime(2026, 3, 1, 3, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    log.put_attempts([asked(ATLAS, taken, Outcome.FAILED, fault="refused")])
    (got,) = log.captures()
    assert got.taken_at == taken
    assert got.taken_at.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(log: ChangeLog) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        log.put_attempts([asked(ATLAS, datetime(2026, 1, 1), Outcome.FAILED, fault="refused")])  # noqa: DTZ001


def test_times_sort_as_text_with_and_without_a_fraction(log: ChangeLog) -> None:
    start = day(2026)
    moments = [start, start + timedelta(microseconds=1), start + timedelta(seconds=1)]
    log.put_attempts(asked(ATLAS, moment, Outcome.FAILED, fault="refused") for moment in reversed(moments))
    assert [one.taken_at for one in log.captures()] == moments


# --- derived data is made again, the same ---------------------------------------------------------


def test_a_rebuild_in_another_order_has_the_same_content(tmp_path: Path) -> None:
    views = [Series(view) for view in (ATLAS, LIST, SEA)]
    failed = [
        asked(view, day(2026, month), Outcome.FAILED, fault="unreachable") for view in (ATLAS, SEA) for month in (1, 2)
    ]
    with opened(tmp_path / "one.db") as one:
        for series in views:
            series.put(one)
        one.put_attempts(failed)
    with ChangeLog(tmp_path / "two.db") as two:
        two.put_attempts(reversed(failed))
        two.put_catalogue(map(dispute, reversed(DISPUTES)))
        for series in reversed(views):
            for some in (series.depictions, series.comparisons, series.changes, series.captures):
                random.Random(7).shuffle(some)  # type: ignore[arg-type]  # noqa: S311 - an order, not a secret
            series.put(two)
            series.put(two)  # twice is once
        two.put_sources(map(card, ("sea", "list", "atlas")))
    with ChangeLog(tmp_path / "one.db", readonly=True) as one, ChangeLog(tmp_path / "two.db", readonly=True) as two:
        assert one.content_digest() == two.content_digest()
        assert [c.id for c in one.changes()] == [c.id for c in two.changes()]


@pytest.mark.parametrize("table", schema.CONTENT)
def test_the_digest_sees_every_table(log: ChangeLog, path: Path, table: str) -> None:
    series = Series(ATLAS)
    series.depictions[0] = replace(series.depictions[0], rows=(Row("k", "n"),), drawn=(drawn("UA"),))
    series.put(log)
    before = log.content_digest()
    writer = sqlite3.connect(path, isolation_level=None)
    column = [row[1] for row in writer.execute(f"PRAGMA table_info({table})") if not row[5]][-1]
    writer.execute(f"UPDATE {table} SET {column} = 'x'")
    writer.close()
    assert log.content_digest() != before


def test_a_view_put_again_replaces_its_rows_and_no_others(log: ChangeLog, path: Path) -> None:
    Series(LIST).put(log)
    alone = log.content_digest()
    Series(ATLAS).put(log)
    assert log.content_digest() != alone
    log.put_view(ATLAS, "f2", captures=[], depictions=[], comparisons=[], changes=[], sketches=[])
    assert {one.view for one in log.changes()} == {LIST}
    assert {one.view for one in log.depictions()} == {LIST}
    for table in ("shares", "drawn", "names", "sketches"):
        orphans = f"SELECT count(*) FROM {table} t JOIN captures c ON c.id = t.capture WHERE c.source = 'atlas'"
        assert rows(path, orphans) == [(0,)], table
    assert rows(path, "SELECT count(*) FROM changes_fts WHERE changes_fts MATCH 'Crimea'") == [(2,)]
    assert log.fingerprint(ATLAS) == "f2"


def test_an_attempt_stays_when_its_view_is_put_again(log: ChangeLog) -> None:
    failed = asked(ATLAS, day(2026), Outcome.FAILED, fault="unreachable")
    log.put_attempts([failed])
    Series(ATLAS).put(log)
    assert failed in log.captures(view=ATLAS)


def test_a_dispute_that_leaves_the_catalogue_takes_its_rows_along(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    log.put_catalogue([dispute("kosovo")])
    assert {one.dispute for one in log.changes()} == {"kosovo", None}
    assert log.standings("crimea") == []
    assert rows(path, "PRAGMA foreign_key_check") == []
    assert rows(path, "SELECT count(*) FROM changes_fts WHERE changes_fts MATCH 'Crimea'") == [(0,)]


def test_a_source_that_is_gone_keeps_its_captures(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    log.put_sources([card("list")])
    assert rows(path, "SELECT name, title FROM sources ORDER BY name") == [("atlas", "atlas"), ("list", "List")]
    assert len(log.captures(source="atlas")) == 3


def test_afresh_takes_the_place_of_the_old_log_only_when_it_ends_well(path: Path) -> None:
    with opened(path) as log:
        Series(ATLAS).put(log)
        old = log.content_digest()

    def fails() -> None:
        with ChangeLog.afresh(path) as new:
            new.put_catalogue([dispute("kosovo")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    reader = ChangeLog(path, readonly=True)
    assert reader.content_digest() == old
    with ChangeLog.afresh(path) as new:
        new.put_catalogue([dispute("kosovo")])
        assert reader.content_digest() == old
        fresh = new.content_digest()
    assert reader.content_digest() == fresh  # the same open file, now new
    reader.close()
    assert [one.name for one in path.parent.iterdir() if "rebuilding" in one.name] == []
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("wrong", ["text", "other version", "flipped"])
def test_afresh_is_the_way_out_of_any_wrong_file(path: Path, wrong: str) -> None:
    spoilt(path, wrong)
    with ChangeLog.afresh(path) as new:
        new.put_catalogue([dispute("kosovo")])
        fresh = new.content_digest()
    with ChangeLog(path) as log:
        assert log.content_digest() == fresh


# --- asking ---------------------------------------------------------------------------------------


def test_each_filter_keeps_what_it_names(log: ChangeLog) -> None:
    for view in (ATLAS, LIST, SEA):
        Series(view).put(log)
    everything = log.changes()
    laws: list[tuple[dict[str, object], Callable[[Change], bool]]] = [
        ({"dispute": "crimea"}, lambda one: one.dispute == "crimea"),
        ({"dispute": ["crimea", ELSEWHERE]}, lambda one: one.dispute in ("crimea", None)),
        ({"source": "list"}, lambda one: one.view.source == "list"),
        ({"worldview": "IN"}, lambda one: one.view.worldview == "IN"),
        ({"view": SEA}, lambda one: one.view == SEA),
        ({"view": "sea/IN@IN"}, lambda one: one.view == SEA),
        ({"kind": Kind.RENAMED}, lambda one: one.kind is Kind.RENAMED),
        ({"kind": ("transfer", "renamed")}, lambda one: one.kind in (Kind.TRANSFER, Kind.RENAMED)),
        ({"significance": "minor"}, lambda one: one.significance is Significance.MINOR),
        ({"since": day(2020)}, lambda one: one.after.shown_at >= day(2020)),
        ({"since": day(2016, 1, 2)}, lambda one: one.after.shown_at > day(2016)),
        ({"until": day(2016)}, lambda one: one.after.shown_at <= day(2016)),
        ({"until": day(2019), "source": "atlas"}, lambda one: one.after.shown_at < day(2020) and one.view == ATLAS),
        ({"text": "pacific STRIP"}, lambda one: one.dispute is None),
    ]
    for question, law in laws:
        got = log.changes(**question)  # type: ignore[arg-type]
        assert {one.id for one in got} == {one.id for one in everything if law(one)}, question
        assert 0 < len(got) < len(everything), question
    assert log.changes(limit=2) == everything[:2]
    assert log.changes(limit=0) == []


def test_a_word_out_of_the_vocabulary_is_a_wrong_question(log: ChangeLog) -> None:
    with pytest.raises(UsageError, match="'transfers' is not known; choose among: transfer, overlap"):
        log.changes(kind="transfers")
    with pytest.raises(UsageError, match="substantive, minor, noise"):
        log.changes(significance="major")
    with pytest.raises(UsageError, match="significance, time"):
        log.changes(order="size")  # type: ignore[arg-type]


def test_the_most_significant_change_comes_first(log: ChangeLog) -> None:
    series = Series(ATLAS)
    one, two, _ = series.captures
    small = change(one, two, "crimea", area_km2=400.0, share=0.02, ratio=900.0)
    large = change(one, two, "crimea", area_km2=27_000.0, share=0.9, ratio=20.0)
    whole = change(one, two, "kosovo", area_km2=300.0, share=1.0)
    moved = change(one, two, "crimea", Kind.BOUNDARY_MOVED, area_km2=90_000.0)
    renamed = change(one, two, "crimea", Kind.RENAMED)
    minor = change(one, two, "crimea", area_km2=99_000.0, significance=Significance.MINOR)
    series.changes = [minor, renamed, moved, small, whole, large]
    series.put(log)
    assert log.changes() == [large, whole, small, moved, renamed, minor]


def test_by_time_the_newest_comes_first(log: ChangeLog) -> None:
    Series(ATLAS).put(log)
    shown = [one.after.shown_at for one in log.changes(order="time")]
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) == 2


def test_a_change_is_found_by_the_beginning_of_its_id(log: ChangeLog) -> None:
    series = Series(ATLAS)
    one, two, _ = series.captures
    same = [change(one, two, "crimea", id=f"abc{end}") for end in ("1", "2", "", "%")]
    series.changes = same
    series.put(log)
    assert log.change("abc1").id == "abc1"
    assert log.change("abc").id == "abc"  # an id that is another's beginning can still be named
    assert log.change("abc%").id == "abc%"
    with pytest.raises(UsageError, match="several"):
        log.change("ab")
    with pytest.raises(UsageError, match="no change"):
        log.change("_bc1")


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("Крым", "Крым перешёл"),
        ("крым*", "о Крыме пишут"),
        ("台湾", "中国台湾省改名"),
        ("臺灣", "臺灣"),
        ("台湾省改", "中国台湾省改名"),
        ("尖閣諸島", "日本の尖閣諸島は"),
        ("कश्मीर", "जम्मू और कश्मीर का नाम"),
        ("القرم", "شبه جزيرة القرم"),
        ("พระวิหาร", "ปราสาทพระวิหารเปลี่ยน"),
        ("독도", "독도 (다케시마)"),
        ("ceuta melilla", "Ceuta y Melilla"),
        ("malvinas", "Islas Malvinas (Falkland)"),
        ("eparses", "Îles Éparses"),
        ("Chile-Peru", "the Chile-Peru zone"),
        ("chile peru", "the Chile-Peru zone"),
        ("RU", "Crimea: UA -> RU"),
        ("ABC台湾", "ABC台湾"),
    ],
)
def test_a_word_is_found_in_any_script(log: ChangeLog, text: str, finds: str) -> None:
    series = Series(ATLAS)
    one, two, _ = series.captures
    wanted = change(one, two, "crimea", summary=finds)
    other = change(one, two, "kosovo", summary="Oman and Romania, 日本国, Крит, कमल, 한국, البحر, ประเทศไทย")
    series.changes = [wanted, other]
    series.put(log)
    assert log.changes(text=text) == [wanted]


def test_old_new_and_subject_are_searched_too(log: ChangeLog) -> None:
    Series(ATLAS).put(log)
    assert [one.kind for one in log.changes(text="Косово")] == [Kind.RENAMED]
    assert [one.kind for one in log.changes(text="kosovo name")] == [Kind.RENAMED]
    assert log.changes(text="oman") == []


HOSTILE = [
    "'; DROP TABLE changes; --",
    '"',
    '""',
    '" OR 1 = 1 --',
    "summary: x",
    "a AND OR NOT NEAR(",
    "*",
    "^x",
    "-",
    "(((",
    "x\0y",
    "\ud800",
    "{summary old}: a + b",
    "a" * 100_000,
    " ".join(f"w{n}" for n in range(5_000)),
    "中" * 5_000,
    "%",
    "_",
    "-> ≠ …",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_no_word_from_outside_is_syntax(log: ChangeLog, text: str) -> None:
    Series(ATLAS).put(log)
    before = log.content_digest()
    for got in (
        log.changes(text=text),
        log.changes(dispute=text, source=text, worldview=text, view=text),
        log.standings(text),
        log.comparisons(dispute=text),
    ):
        assert got == []
    with pytest.raises(UsageError):
        log.change(f"{text}!")
    assert log.sketches(text) == {}
    assert log.content_digest() == before


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_query_is_a_query(text: str) -> None:
    query = search.query_from_text(text)
    if query is not None:
        index = sqlite3.connect(":memory:")
        index.execute("CREATE VIRTUAL TABLE t USING fts5(a)")
        index.execute("SELECT * FROM t WHERE t MATCH ?", (query,)).fetchall()
        index.close()


def test_changes_are_found_by_box(log: ChangeLog, path: Path) -> None:
    Series(ATLAS).put(log)
    crimea = {one.id for one in log.changes(kind="transfer")}
    (far,) = (one.id for one in log.changes(dispute=ELSEWHERE))
    assert {one.id for one in log.changes(box=(30, 40, 33, 45))} == crimea
    assert log.changes(box=(30, 50, 33, 55)) == []
    assert log.changes(box=(-100, -18, 100, -16)) == []  # its box is not the whole parallel
    assert {one.id for one in log.changes(box=(170, -20, -170, 0))} == {far}
    assert {one.id for one in log.changes(box=(-180, -90, 180, 90))} == crimea | {far}
    assert rows(path, "SELECT west, south, east, north FROM changes WHERE id = ?", far) == [(179, -18, -179, -16)]
