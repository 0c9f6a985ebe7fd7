"""Terms forbid keeping an answer: only facts of it reach the disk, and later captures are compared by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from borderwatch import derive, facts, sources
from borderwatch.collect import Ask, collect
from borderwatch.derive import measured, past_of_view
from borderwatch.disputes import catalogue
from borderwatch.errors import CaptureProblem, Damaged, SchemaChanged, StoreError
from borderwatch.models import (
    Body,
    Capture,
    Feature,
    Keep,
    Kind,
    LineStyle,
    Outcome,
    Part,
    Reading,
    Role,
    Significance,
    Snapshot,
    Terms,
    Verdict,
    View,
)
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

T0 = datetime(2026, 1, 5, tzinfo=UTC)
VIEW = View("closed")
CRIMEA = catalogue().get("crimea")
GROUND = next(g for g in derive.observer().grounds if g.dispute.slug == "crimea")
WEST, SOUTH, EAST, NORTH = GROUND.area.bounds
EVERYTHING = shapely.box(WEST - 1, SOUTH - 1, EAST + 1, NORTH + 1)
REST = EVERYTHING.difference(GROUND.area)


def area(owner: str, geometry: Any = GROUND.area, **more: Any) -> Feature:
    return Feature(geometry, code=owner, **more)


def line(geometry: Any = None, word: str = "country", style: LineStyle = LineStyle.SOLID, **words: str) -> Feature:
    return Feature(geometry or GROUND.area.boundary, role=Role.BOUNDARY, word=word, style=style, words=words)


UA = (area("UA", REST), area("UA", GROUND.area))
RU = (area("UA", REST), area("RU", GROUND.area))
THEIRS = "a word only the answer holds"


class FakeClient:
    def asking(self, known: Capture | None) -> Any:
        return type("FakeFetch", (), {"known": known})()


CLIENT: Any = FakeClient()


class Closed(Source):
    """Answers with the index of a reading; what each index draws is the test's."""

    name = "closed"
    title = "A closed map"
    watches = "what the test says it shows"
    terms = Terms("proprietary", "Closed Inc.", keep=Keep.DIGEST, ship=False)
    every = timedelta(days=7)

    def __init__(self, *drawings: Reading | tuple[Feature, ...] | CaptureProblem) -> None:
        self.drawings = drawings
        self.asked: list[Capture | None] = []

    def capture(self, view: View, fetch: Any, edition: Any = None) -> Body:
        self.asked.append(fetch.known)
        number = len(self.asked) - 1
        return Body((Part("map", f"{THEIRS} {number}".encode()),), "https://closed.invalid/")

    def read(self, snapshot: Snapshot) -> Reading:
        drawn = self.drawings[int(snapshot.data.split()[-1])]
        if isinstance(drawn, CaptureProblem):
            raise drawn
        return drawn if isinstance(drawn, Reading) else Reading(features=drawn)


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


@pytest.fixture
def past(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> Callable[..., derive.Past]:
    """Capture each drawing in turn, a week apart, and derive what the log would hold."""

    def run(*drawings: Any, source: Source | None = None) -> derive.Past:
        asked = source or Closed(*drawings)
        monkeypatch.setattr(sources, "find", lambda: {"closed": asked})
        for number in range(len(drawings)):
            collect(
                [Ask(asked, VIEW)],
                snapshots,
                CLIENT,
                jobs=1,
                clock=lambda number=number: T0 + timedelta(days=7 * number),
                measure=measured,
            )
        return past_of_view(snapshots.root, VIEW)

    return run


def told(past: derive.Past) -> list[Any]:
    return [c for c in past.changes if c.dispute == "crimea" and c.significance is Significance.SUBSTANTIVE]


def verdicts(past: derive.Past, slug: str = "crimea") -> list[Verdict]:
    return [c.verdict for c in past.comparisons if c.dispute == slug]


# --- what is kept ----------------------------------------------------------------------------------------


def test_no_byte_of_the_answer_and_no_coordinate_reaches_the_disk(snapshots: Snapshots, past: Any) -> None:
    past(UA)
    (capture,) = snapshots.captures()
    assert capture.outcome is Outcome.KEPT
    assert capture.body is not None
    assert capture.facts is not None
    kept = snapshots.facts(capture)
    on_disk = b"".join(p.read_bytes() for p in snapshots.root.rglob("*") if p.is_file())
    assert not (snapshots.root / "closed" / "bodies").exists()
    assert THEIRS.encode() not in on_disk + kept
    numbers: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            [walk(v) for v in value.values()]
        elif isinstance(value, list):
            assert not (len(value) >= 2 and all(isinstance(v, list) and len(v) == 2 for v in value)), "coordinates?"
            [walk(v) for v in value]
        elif isinstance(value, float):
            numbers.append(value)

    walk(json.loads(kept))
    vertices = {round(float(x), d) for x in shapely.get_coordinates(EVERYTHING).ravel() for d in (3, 4, 5, 6)}
    assert numbers
    assert not vertices & {n for n in numbers if n not in (0.0, 1.0)}


def test_the_facts_say_what_the_source_draws_of_a_dispute(past: Any) -> None:
    depictions = {d.dispute: d for d in past(RU).depictions}
    shares = {s.owner: s.share for s in depictions["crimea"].shares}
    assert shares["RU"] == pytest.approx(1, abs=0.01)


def test_the_facts_are_proven_and_their_loss_is_damage(snapshots: Snapshots, past: Any) -> None:
    past(UA, RU)
    report = snapshots.verify()
    assert report.clean
    assert (report.bodies, report.absent) == (2, 2), "two records of facts proven, two bodies rightly absent"
    first = next(snapshots.captures())
    path = next((snapshots.root / "closed" / "facts").glob(f"*/{first.facts and first.facts.sha256}.zst"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert not snapshots.verify().clean
    with pytest.raises(Damaged):
        snapshots.facts(first)
    path.unlink()
    with pytest.raises(Damaged, match="cannot be made again"):
        snapshots.facts(first)


def test_facts_no_line_tells_of_are_orphans(snapshots: Snapshots, past: Any) -> None:
    past(UA)
    stray = snapshots.root / "closed" / "facts" / "ab" / f"{'ab' * 32}.zst"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"")
    assert snapshots.verify().orphans == (stray,)


def test_an_answer_that_cannot_be_read_leaves_a_failed_attempt_and_no_body(snapshots: Snapshots, past: Any) -> None:
    past(UA, SchemaChanged("closed: unknown word 'x'", words=("x",)))
    first, second = snapshots.captures()
    assert (first.outcome, second.outcome) == (Outcome.KEPT, Outcome.FAILED)
    assert second.facts is None
    assert not (snapshots.root / "closed" / "bodies").exists()


def test_a_ledger_line_without_facts_reads_as_it_always_did(snapshots: Snapshots) -> None:
    source = Closed(UA)
    (capture,) = collect([Ask(source, VIEW)], snapshots, CLIENT, jobs=1, clock=lambda: T0)
    line = (snapshots.root / "closed" / "captures.jsonl").read_bytes()
    assert b'"facts"' not in line
    assert Snapshots(snapshots.root).series(VIEW) == ()
    with pytest.raises(StoreError, match="only the digest"):
        snapshots.facts(capture)


def test_what_is_known_is_asked_against_only_while_its_facts_can_be_read(snapshots: Snapshots, past: Any) -> None:
    source = Closed(UA, UA, UA)
    ask = [Ask(source, VIEW)]
    for _ in range(2):
        collect(ask, snapshots, CLIENT, jobs=1, clock=lambda: T0, measure=measured)
    for path in (snapshots.root / "closed" / "facts").rglob("*.zst"):
        path.unlink()
    collect(ask, snapshots, CLIENT, jobs=1, clock=lambda: T0, measure=measured)
    assert [known is not None for known in source.asked] == [False, True, False]


# --- what is told ----------------------------------------------------------------------------------------


def test_other_bytes_that_draw_the_same_are_no_change(past: Any) -> None:
    found = past(UA, UA)
    assert found.changes == ()
    assert verdicts(found) == [Verdict.UNCHANGED]


def test_a_transfer_is_told_with_its_area_and_taken_back(past: Any) -> None:
    found = past(UA, RU, UA)
    there, back = (c for c in told(found) if c.kind is Kind.TRANSFER)
    assert (there.loser, there.gainer) == ("UA", "RU")
    assert there.area_km2 == pytest.approx(GROUND.area_km2, rel=0.02)
    assert (back.loser, back.gainer, back.reverts) == ("RU", "UA", there.id)
    assert there.geometry is None
    assert found.sketches == ()


def test_a_line_restyled_is_told_with_its_length(past: Any) -> None:
    found = past((line(),), (line(word="disputed", style=LineStyle.DASHED),))
    (change,) = told(found)
    assert (change.kind, change.old, change.new) == (Kind.RESTYLED, "country", "disputed")
    assert change.length_km is not None
    assert change.length_km > 100


def test_a_line_seen_otherwise_by_one_audience_is_told_under_its_column(past: Any) -> None:
    found = past((line(**{"kind:ar": "country"}),), (line(**{"kind:ar": "unrecognized_country"}),))
    (change,) = told(found)
    assert (change.kind, change.subject, change.new) == (Kind.RESTYLED, "kind:ar", "unrecognized_country")


def test_a_line_removed_and_drawn_again_is_told(past: Any) -> None:
    elsewhere = line(shapely.MultiLineString([[(WEST, NORTH + n), (EAST, NORTH + n)] for n in range(1, 9)]))
    found = past((line(), elsewhere), (elsewhere,), (line(), elsewhere))
    moves = [c for c in told(found) if c.kind is Kind.BOUNDARY_MOVED]
    assert {c.subject for c in moves} >= {"removed", "added"}


def test_a_line_redrawn_within_the_resolution_is_no_change(past: Any) -> None:
    moved = shapely.transform(GROUND.area.boundary, lambda xy: xy + np.array([0.003, 0.003]))
    found = past((line(),), (line(moved),))
    assert told(found) == []
    assert verdicts(found) == [Verdict.UNCHANGED]


def test_two_readers_never_make_a_change(past: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Closed(UA, RU, UA)
    past(UA, source=source)
    monkeypatch.setattr(derive, "measuring_fingerprint", lambda _source: "another reader")
    found = past(RU, source=source)
    assert told(found) == []
    assert verdicts(found) == [Verdict.SUSPECT]
    assert "may be ours" in next(c.reason for c in found.comparisons if c.dispute == "crimea")


def test_two_readers_that_agree_attest_that_nothing_changed(past: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Closed(UA, UA)
    past(UA, source=source)
    monkeypatch.setattr(derive, "measuring_fingerprint", lambda _source: "another reader")
    assert verdicts(past(UA, source=source)) == [Verdict.UNCHANGED]


def test_a_reference_redrawn_between_captures_never_makes_a_change(past: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Closed(UA, RU)
    past(UA, source=source)
    monkeypatch.setattr(facts, "measured_on", lambda _ground: "another reference")
    found = past(RU, source=source)
    assert told(found) == []
    assert verdicts(found) == [Verdict.NOT_RESOLVABLE]


def test_a_dispute_watched_since_is_not_covered_before(snapshots: Snapshots, past: Any) -> None:
    past(UA)
    (capture,) = snapshots.captures()
    record = json.loads(snapshots.facts(capture))
    del record["disputes"]["crimea"]
    seen = facts.facts_from_bytes(json.dumps(record).encode(), capture).seen([GROUND])["crimea"]
    assert "not watched yet" in seen.depiction.reason


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format":9}', b"\xff"])
def test_a_record_that_is_none_is_damage(snapshots: Snapshots, past: Any, data: bytes) -> None:
    past(UA)
    (capture,) = snapshots.captures()
    with pytest.raises(Damaged):
        facts.facts_from_bytes(data, capture)


def test_half_a_world_is_quarantined_until_a_second_capture_agrees(past: Any) -> None:
    europe = area("DE", shapely.box(0, 40, 25, 60))
    found = past((*UA, europe), UA, (*UA, europe))
    assert found.changes == ()
    assert Verdict.SUSPECT in verdicts(found)


def test_half_of_all_lines_gone_at_once_is_quarantined_until_a_second_capture_agrees(past: Any) -> None:
    many = line(shapely.MultiLineString([[(WEST, NORTH + n), (EAST, NORTH + n)] for n in range(1, 9)]))
    found = past((line(), many), (line(),), (line(), many))
    assert found.changes == ()
    assert Verdict.SUSPECT in verdicts(found)


def test_a_list_of_audiences_is_kept_and_its_change_told(past: Any) -> None:
    found = past(Reading(worldviews=("US", "IN")), Reading(worldviews=("US", "IN", "MA")))
    (change,) = found.changes
    assert (change.kind, change.dispute) == (Kind.WORLDVIEWS, None)
    assert change.subject == "added MA"


def test_a_list_that_every_view_repeats_is_told_once(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [Reading(worldviews=("US", "IN"))] * 2 + [Reading(worldviews=("US", "MA"))] * 2
    source, views = Closed(*lists), (VIEW, View("closed", "IN"))
    monkeypatch.setattr(sources, "find", lambda: {"closed": source})
    for week in range(2):
        asks = [Ask(source, view) for view in views]
        clock = lambda week=week: T0 + timedelta(weeks=week)  # noqa: E731
        collect(asks, snapshots, CLIENT, jobs=1, clock=clock, measure=measured)
    told_by = {view: [c.subject for c in past_of_view(snapshots.root, view).changes] for view in views}
    assert told_by == {VIEW: ["added MA; removed IN"], views[1]: []}


def test_a_view_kept_whole_before_the_terms_forbade_it_is_measured_today(past: Any, snapshots: Snapshots) -> None:
    source = Closed(UA, RU)
    source.terms = Terms("open", "Open", keep=Keep.BODY, ship=False)  # type: ignore[misc]
    past(UA, source=source)
    source.terms = Closed.terms  # type: ignore[misc]
    found = past(RU, source=source)
    assert [c.kind for c in told(found)] == [Kind.TRANSFER]


def test_a_change_told_from_facts_is_in_the_log_and_on_its_page(
    snapshots: Snapshots, past: Any, tmp_path: Path
) -> None:
    from borderwatch.changelog import ChangeLog
    from borderwatch.pipeline import Workshop, derive, draw

    source = Closed((*UA, line()), (*RU, line(word="disputed", style=LineStyle.DASHED)))
    past(*source.drawings, source=source)
    with ChangeLog(tmp_path / "log.db") as log:
        shop = Workshop(snapshots, log, tmp_path / "maps", {"closed": source}, jobs=1)
        report = derive(shop)
        pages = draw(shop, ["crimea"])
    kinds = {c.kind for c in report.news if c.dispute == "crimea"}
    assert {Kind.TRANSFER, Kind.RESTYLED} <= kinds
    assert all(c.geometry is None for c in report.news)
    page = next(p for p in pages if "crimea" in p.name or "crimea" in p.parts).read_text(encoding="utf-8")
    assert "A closed map" in page
    assert "Russia" in page
