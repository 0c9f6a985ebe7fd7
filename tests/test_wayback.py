"""The Wayback Machine end to end over loopback: real index pages, copies that differ, and every way there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from borderwatch import derive
from borderwatch.collect import backfill
from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotModified,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    SchemaChanged,
    Unreachable,
)
from borderwatch.models import Archived, Body, Capture, Edition, Kind, Outcome, Snapshot, Terms, View
from borderwatch.snapshots import Snapshots
from borderwatch.sources import wayback
from borderwatch.sources.iana_root import URL, IanaRoot
from borderwatch.sources.wayback import Wayback
from tests.replay import Asked, Replay, Reply, captcha, error_page, page_reply, redirect, too_many
from tests.test_live_sources import root_page, whole_root

HOST, CDX = "web.archive.org", "/cdx/search/cdx"
IANA = View("wayback", layer="iana_root")
WINDOWS = View("wayback", layer="windows_geoid")
SOURCE = Wayback()


def recorded(name: str) -> list[tuple[str, Reply]]:
    """The exchanges of a real recording, as (address, answer)."""
    found = json.loads((Path(__file__).parent / "recordings" / "wayback" / f"{name}.json").read_bytes())
    return [
        (
            one["request"]["uri"],
            Reply(
                one["response"]["body_excerpt"].encode(),
                status=one["response"]["status"]["code"],
                headers={"Content-Type": one["response"]["headers"]["Content-Type"][0]},
            ),
        )
        for one in found
    ]


def line(stamp: str, digest: str, status: str = "200", mime: str = "text/html") -> str:
    return f"org,iana)/domains/root/db {stamp} https://www.iana.org/domains/root/db {mime} {status} {digest} 12345"


def index(*lines: str) -> Reply:
    return Reply("".join(f"{text}\n" for text in lines).encode(), headers={"Content-Type": "text/plain;charset=UTF-8"})


def path_of(stamp: str, url: str = URL) -> str:
    return f"/web/{stamp}id_/{url}"


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    """A view whose page is the one the real recordings are about."""

    class News(IanaRoot):
        def archived(self, view: View) -> tuple[Archived, ...]:
            return (Archived("cnn.com", "db.html"),)

    view = View("wayback", layer="news")
    monkeypatch.setattr(wayback, "_targets", lambda: {view: wayback._Target(News(), IANA, News().archived(IANA))})
    return view


def editions(replay: Replay, view: View = IANA) -> tuple[Edition, ...]:
    with replay.client() as client:
        return SOURCE.editions(view, client.asking())


def capture(replay: Replay, edition: Edition | None = None, known: Capture | None = None, view: View = IANA) -> Body:
    with replay.client() as client:
        return SOURCE.capture(view, client.asking(known), edition)


# --- the index -----------------------------------------------------------------------------------------------


def test_real_pages_of_the_index_are_followed_by_the_archives_own_keys(replay: Replay, target: View) -> None:
    exchanges = recorded("search_multipage")[:2]
    replay.on(HOST, CDX, *(reply for _, reply in exchanges), index())
    found = editions(replay, target)
    asked = [dict(one.query) for one in replay.asked]
    assert "resumeKey" not in asked[0]
    # Percent-encoded as it came, encoded once more on the way: as the archive's own clients send it.
    assert asked[1]["resumeKey"] == "com%2Ccnn%29%2F+2001041400593%3A"
    assert exchanges[1][0].endswith("resumeKey=com%252Ccnn%2529%252F%2B2001041400593%253A")
    assert asked[0]["url"] == "cnn.com"
    lines = [text.split() for _, reply in exchanges for text in reply.data.decode().splitlines() if " " in text]
    shown = sorted({(f[1], f[5]) for f in lines if f[4] == "200"})
    assert len(lines) == 50
    assert [e.label for e in found] == [stamp for stamp, _ in shown], "each once, redirects left out"
    assert len(found) == 12
    assert found[0].label == "20010410213930"
    assert found[0].published_at == datetime(2001, 4, 10, 21, 39, 30, tzinfo=UTC)


def test_a_page_that_goes_and_comes_back_has_three_states(replay: Replay) -> None:
    replay.on(
        HOST,
        CDX,
        index(
            line("20180101000000", "A"),
            line("20180201000000", "A"),
            line("20180301000000", "B"),
            line("20180302000000", "X", status="301"),
            line("20180303000000", "Y", status="404"),
            line("20180401000000", "A", status="-", mime="warc/revisit"),
        ),
    )
    assert [e.label for e in editions(replay)] == ["20180101000000", "20180301000000", "20180401000000"]


def test_where_every_copy_differs_one_a_month_is_enough(replay: Replay) -> None:
    start = datetime(2015, 1, 1, 12, tzinfo=UTC)
    days = [(start + timedelta(days=n)).strftime("%Y%m%d%H%M%S") for n in range(400)]
    replay.on(HOST, CDX, index(*(line(day, f"D{day}") for day in days)))
    found = [e.label for e in editions(replay)]
    assert len(found) == 14
    assert found[:2] == ["20150101120000", "20150201120000"]


def test_a_page_that_has_moved_is_followed_through_its_addresses(replay: Replay) -> None:
    def answer(asked: Asked) -> Reply:
        return index(line("20170101000000", "OLD")) if "msdn" in asked.query["url"] else index()

    replay.on(HOST, CDX, answer)
    [found] = editions(replay, WINDOWS)
    assert found.label == "20170101000000-4"
    address = wayback._target(WINDOWS).addresses[3].url
    replay.on(HOST, path_of("20170101000000", address), page_reply("<html><p>old</p></html>"))
    body = capture(replay, found, view=WINDOWS)
    assert body.parts[0].name == "page.html"
    assert "msdn.microsoft.com" in body.url
    assert body.note == f"copy of {address}"


# --- copies, end to end ----------------------------------------------------------------------------------------


def test_backfilling_the_copies_of_a_page_tells_what_changed_on_it(replay: Replay, tmp_path: Path) -> None:
    whole = whole_root()
    before = {domain: about for domain, about in whole.items() if domain != ".ps"}
    replay.on(HOST, CDX, index(line("20120101000000", "A"), line("20130101000000", "B"), line("20140101000000", "C")))
    for stamp, rows in (("20120101000000", before), ("20130101000000", whole)):
        replay.on(HOST, path_of(stamp), page_reply(root_page(rows).decode()))
    replay.on(HOST, path_of("20140101000000"), Reply(status=503))
    store = Snapshots(tmp_path)

    def again() -> list[Capture]:
        with replay.client() as client:
            return backfill([(SOURCE, IANA)], store, client, jobs=1, clock=lambda: datetime.now(UTC))

    captures = again()
    assert [c.outcome for c in captures] == [Outcome.KEPT, Outcome.KEPT, Outcome.FAILED]
    assert not captures[0].ship
    past = derive.past_of_view(tmp_path, IANA)
    [change] = past.changes
    assert (change.kind, change.dispute, change.subject) == (Kind.LISTED, "palestine", ".ps")
    assert change.after.shown_at == datetime(2013, 1, 1, tzinfo=UTC)
    asked = len(replay.paths(HOST))
    replay.on(HOST, path_of("20140101000000"), page_reply(root_page(whole).decode()))
    assert [c.outcome for c in again()] == [Outcome.KEPT], "only what is missing is asked for again"
    assert len(replay.paths(HOST)) == asked + 2


def test_the_newest_copy_is_asked_for_once(replay: Replay) -> None:
    replay.on(HOST, CDX, index(line("20120101000000", "A"), line("20130101000000", "B")))
    replay.on(HOST, path_of("20130101000000"), page_reply(root_page(whole_root()).decode()))
    body = capture(replay)
    assert body.edition is not None
    known = Capture("1", IANA, datetime.now(UTC), Outcome.KEPT, True, body.url, body.edition, "00")
    assert len(SOURCE.read(Snapshot(known, body.parts)).rows) == len(whole_root())
    with pytest.raises(NotModified):
        capture(replay, known=known)


def test_a_recorded_copy_of_another_page_is_no_root_zone(replay: Replay) -> None:
    [(_, reply)] = recorded("get_memento")
    replay.on(HOST, path_of("20171124151315"), reply)
    body = capture(replay, Edition("20171124151315", None))
    with pytest.raises((SchemaChanged, Partial)):
        SOURCE.read(Snapshot(Capture("1", IANA, datetime.now(UTC), Outcome.KEPT, False), body.parts))


def test_a_probe_looks_at_the_form_of_the_index(replay: Replay) -> None:
    from borderwatch.fetch.probing import ProbingClient
    from borderwatch.first_contact import probe

    replay.on(HOST, CDX, index(line("20120101000000", "A"), line("20130101000000", "B") + " - - -"))
    with ProbingClient(routes={"*": replay.base}) as client:
        found = probe(SOURCE, client)
    assert found.fine
    assert found.findings[0].found == "2 of 7 or 10 fields"


# --- where there is none -----------------------------------------------------------------------------------------


def test_a_copy_of_another_time_is_not_taken_for_the_one_asked(replay: Replay) -> None:
    replay.on(HOST, path_of("20170101000000"), redirect(f"https://{HOST}{path_of('20190505050505')}"))
    replay.on(HOST, path_of("20190505050505"), page_reply("<html></html>"))
    with pytest.raises(NotServed, match="a copy of 20190505050505"):
        capture(replay, Edition("20170101000000", None))


def test_no_copy_at_all_is_not_served_and_proves_nothing(replay: Replay) -> None:
    replay.on(HOST, CDX, index())
    assert editions(replay) == ()
    with pytest.raises(NotServed, match="proves nothing"):
        capture(replay)
    [(_, reply)] = recorded("get_memento_raises_no_memento_error")
    replay.on(HOST, path_of("20170929002712"), reply)
    with pytest.raises(NotServed, match="404"):
        capture(replay, Edition("20170929002712", None))


def test_a_site_the_archive_does_not_show_is_refused_in_so_many_words(replay: Replay) -> None:
    [(_, reply)] = recorded("search_raises_for_blocked_urls")
    replay.on(HOST, CDX, reply)
    with pytest.raises(Refused, match="does not show copies of https://www"):
        editions(replay)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error_page(), Malformed),
        (index("org,iana)/ yesterday x"), SchemaChanged),
        (index(line("20179999000000", "A")), SchemaChanged),
        (captcha(), Challenged),
        (Reply(status=403), Refused),
        (Reply(status=500), Unreachable),
        (Reply(reset=True), Unreachable),
        (Reply(b"x" * 500, cut_at=20), Partial),
    ],
)
def test_an_index_that_is_none_is_a_fault_of_its_kind(replay: Replay, reply: Reply, kind: type[CaptureProblem]) -> None:
    replay.on(HOST, CDX, reply)
    with pytest.raises(kind):
        editions(replay)


@pytest.mark.parametrize(("said", "wait"), [(None, 60), (120, 120)])
def test_a_ban_is_sat_out_even_where_its_length_is_not_told(replay: Replay, said: int | None, wait: float) -> None:
    replay.on(HOST, CDX, too_many(said))
    with pytest.raises(RateLimited) as problem:
        editions(replay)
    assert problem.value.retry_after == wait


@pytest.mark.parametrize("label", ["yesterday", "20170101000000-9", "../../etc", "2017"])
def test_only_labels_of_copies_are_asked_for(replay: Replay, label: str) -> None:
    with pytest.raises(NotServed, match="no copy is called"):
        capture(replay, Edition(label, None))
    assert replay.asked == []


def test_what_may_not_be_kept_is_not_fetched_from_the_archive_either(monkeypatch: pytest.MonkeyPatch) -> None:
    views = {view.layer for view in SOURCE.views()}
    assert {"iana_root", "windows_geoid"} <= views
    assert "wayback" not in views
    monkeypatch.setattr(IanaRoot, "terms", replace(IanaRoot.terms, automation=False))
    wayback._targets.cache_clear()
    try:
        assert "iana_root" not in {view.layer for view in SOURCE.views()}
    finally:
        wayback._targets.cache_clear()


def test_words_of_another_source_keep_their_meaning_here() -> None:
    from borderwatch.models import Feature

    words: dict[str, Any] = {"KOS": "XK"}
    assert wayback._resolved(Feature(None, code="KOS"), words).owner == "XK"
    assert wayback._resolved(Feature(None, code="KOS", owner="RS"), words).owner == "RS"
    assert isinstance(SOURCE.terms, Terms)
