"""The whole flow with two small sources, a list and a map: what is a change, what is not, and what is never lost."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from borderwatch import derive, disputes, pipeline, sources
from borderwatch.changelog import ChangeLog
from borderwatch.collect import Ask
from borderwatch.disputes import Catalogue
from borderwatch.models import Change, Kind, Outcome, Significance, Verdict, View
from borderwatch.pipeline import Report, Workshop
from borderwatch.snapshots import Snapshots
from tests.replay import Replay, Reply, json_reply

T0 = datetime(2024, 5, 1, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOST = "toys.example.org"
MAP, LIST = View("toy_map"), View("toy_list")

SOURCE = '''
"""A source for tests."""
import json
from datetime import UTC, datetime, timedelta

from borderwatch.errors import SchemaChanged
from borderwatch.models import Body, Edition, Feature, Part, Reading, Row, Terms
from borderwatch.source import Source


class Toy(Source):
    name, title, watches = "{name}", "{title}", "toys"
    terms = Terms("CC0-1.0", "the toy maker")
    every = timedelta(days=1)
    resolution_km = {{"": 2.0}}

    def capture(self, view, fetch, edition=None):
        answer = fetch.get(f"https://toys.example.org/{name}/" + (edition.label if edition else "now"), expect="json")
        answer.json()
        return Body((Part("it.json", answer.data),), answer.url, edition, answer.headers)

    def editions(self, view, fetch):
        found = fetch.get("https://toys.example.org/{name}/editions", expect="json").json()
        return tuple(Edition(label, datetime.fromisoformat(day).replace(tzinfo=UTC), "toys") for label, day in found)

    def read(self, snapshot):
{read}
'''
READ_MAP = """
import shapely

features = []
for f in json.loads(snapshot.data)["features"]:
    code = WORDS.get(f["of"])
    if code is None:
        raise SchemaChanged(f"toy_map: unknown owner {f['of']!r}", words=(f["of"],))
    features.append(Feature(shapely.box(*f["box"]), code=code))
return Reading(features=tuple(features))
"""
READ_LIST = """
return Reading(rows=tuple(Row(key=k, name=n, code=k) for k, n in json.loads(snapshot.data)["rows"].items()))
"""
WORDS = 'WORDS = {"ua": "UA", "ru": "RU", "tr": "TR", "asia": "TR"}\n'

WEST, CRIMEA, EAST = (22.0, 46.3, 40.0, 52.0), (32.4, 44.3, 36.7, 46.3), (40.0, 43.0, 60.0, 60.0)
ANATOLIA = (26.0, 36.0, 44.0, 41.5)


def a_map(crimea: str = "ua", **more: str) -> dict[str, Any]:
    """Four rectangles: the land north of Crimea, Crimea, the land east of it, and the land south of the sea."""
    owners = {"west": "ua", "crimea": crimea, "east": "ru", "south": "tr", **more}
    boxes = {"west": WEST, "crimea": CRIMEA, "east": EAST, "south": ANATOLIA}
    return {"features": [{"of": owner, "box": boxes[place]} for place, owner in owners.items() if owner]}


def a_list(**rows: str) -> dict[str, Any]:
    return {"rows": {"FR": "France", "TW": "Taiwan", "XK": "Kosovo", **rows}}


@dataclass
class World:
    """A workspace with the toys, the service that answers for them, and a clock."""

    folder: Path
    replay: Replay
    places: Path
    now: datetime = T0
    asked: list[Ask] = field(default_factory=list)

    def teach(self, words: str = WORDS) -> None:
        """Write the readers; ``words`` is what the map's knows."""
        for name, read in (("toy_map", READ_MAP), ("toy_list", READ_LIST)):
            body = SOURCE.format(name=name, title=name.replace("_", " "), read=textwrap.indent(read, " " * 8))
            (self.places / f"{name}.py").write_text(words + body, encoding="utf-8")
            sources.__dict__.pop(name, None)
            _forget(name)

    def shows(self, view: View, *answers: Any) -> None:
        """What the view's service answers from now on: a value as JSON, or a Reply, each in turn."""
        replies = [a if isinstance(a, Reply) else json_reply(a) for a in answers]
        self.replay.on(HOST, f"/{view.source}/now", *replies)

    def shop(self) -> Workshop:
        log = ChangeLog(self.folder / "borderwatch.db")
        return Workshop(Snapshots(self.folder / "snapshots"), log, self.folder / "maps", sources.find(), jobs=1)

    def run(self, *views: View) -> Report:
        """A run a day after the last one."""
        self.now += DAY
        shop = self.shop()
        asks = [Ask(shop.sources[v.source], v) for v in views or (LIST, MAP)]
        with self.replay.client(interval_s=0.0) as client:
            report = pipeline.run(shop, asks, client, lambda: self.now)
        shop.log.close()
        return report

    def backfill(self, view: View) -> Report:
        """Ask for the older editions."""
        shop = self.shop()
        with self.replay.client(interval_s=0.0) as client:
            report = pipeline.backfill(shop, [(shop.sources[view.source], view)], client, lambda: self.now)
        shop.log.close()
        return report

    def changes(self, **filters: Any) -> list[Change]:
        with ChangeLog(self.folder / "borderwatch.db", readonly=True) as log:
            return log.changes(order="time", **filters)

    def verdicts(self, view: View, dispute: str) -> list[Verdict]:
        with ChangeLog(self.folder / "borderwatch.db", readonly=True) as log:
            return [x.verdict for x in log.comparisons(view=view, dispute=dispute)]


def _forget(name: str) -> None:
    import importlib
    import sys

    sys.modules.pop(f"{sources.__name__}.{name}", None)
    importlib.invalidate_caches()


@pytest.fixture
def world(tmp_path: Path, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Only the toys are sources, only four disputes are watched; readers count as the ones of this test."""
    few = Catalogue({slug: disputes.catalogue().get(slug) for slug in ("crimea", "kosovo", "sevastopol", "taiwan")})
    places = tmp_path / "sources"
    places.mkdir()
    monkeypatch.setattr(sources, "__path__", [str(places)])
    monkeypatch.setattr(disputes, "catalogue", lambda *, geometry=True: few)
    monkeypatch.setattr("sys.dont_write_bytecode", True)  # a reader taught twice in one second
    derive.observer.cache_clear()
    here = World(tmp_path / "workspace", replay, places)
    here.teach()
    here.shows(MAP, a_map())
    here.shows(LIST, a_list())
    yield here
    derive.observer.cache_clear()
    for name in ("toy_map", "toy_list"):
        _forget(name)


# --- what is a change --------------------------------------------------------------------------------------


def test_a_first_look_is_no_change(world: World) -> None:
    report = world.run()
    assert [c.outcome for c in report.asked] == [Outcome.KEPT, Outcome.KEPT]
    assert report.news == ()
    assert world.changes() == []
    assert (world.folder / "maps" / "index.html") in report.written


def test_another_owner_is_a_change_that_says_who_lost_and_who_gained(world: World) -> None:
    world.run()
    world.shows(MAP, a_map("ru"))
    report = world.run()
    crimea = next(c for c in report.news if c.dispute == "crimea")
    assert (crimea.kind, crimea.loser, crimea.gainer) == (Kind.TRANSFER, "UA", "RU")
    assert crimea.significance is Significance.SUBSTANTIVE
    assert crimea.before.taken_at == T0 + DAY
    assert crimea.after.taken_at == T0 + 2 * DAY
    assert crimea.after in report.asked


def test_another_word_in_a_list_is_a_change(world: World) -> None:
    world.run()
    world.shows(LIST, a_list(TW="Taiwan, Province of China"))
    report = world.run()
    (change,) = report.news
    assert (change.dispute, change.kind, change.old, change.new) == (
        "taiwan",
        Kind.RELABELLED,
        "Taiwan",
        "Taiwan, Province of China",
    )


def test_a_row_that_is_gone_and_back_is_told_twice(world: World) -> None:
    world.run()
    gone = a_list()
    del gone["rows"]["XK"]
    world.shows(LIST, gone)
    world.run()
    world.shows(LIST, a_list())
    world.run()
    assert [(c.kind, c.dispute) for c in world.changes()] == [(Kind.LISTED, "kosovo"), (Kind.DELISTED, "kosovo")]


def test_the_same_again_is_no_change_and_is_attested(world: World) -> None:
    for _ in range(3):
        assert world.run().news == ()
    with ChangeLog(world.folder / "borderwatch.db", readonly=True) as log:
        standing = next(s for s in log.standings("crimea") if s.depiction.view == MAP)
    assert (standing.since, standing.attested) == (T0 + DAY, T0 + 3 * DAY)


def test_the_same_drawn_in_another_order_is_no_change(world: World) -> None:
    world.run()
    world.shows(MAP, {"features": a_map()["features"][::-1]})
    assert world.run().news == ()
    assert Verdict.CHANGED not in world.verdicts(MAP, "crimea")


# --- what is not ---------------------------------------------------------------------------------------------

FAILURES = [
    Reply(status=500),
    Reply(status=404),
    Reply(status=403),
    Reply(status=429, headers={"Retry-After": "90000"}),
    Reply(data=b"<!DOCTYPE html><title>Sorry</title>", headers={"Content-Type": "text/html"}),
    Reply(data=b'{"features": [', headers={"Content-Type": "application/json"}),
    Reply(data=b"", headers={"Content-Type": "application/json"}),
    Reply(reset=True),
]


@pytest.mark.parametrize("failure", FAILURES, ids=["500", "404", "403", "429", "html", "cut", "empty", "reset"])
def test_a_failure_never_becomes_a_change(world: World, failure: Reply) -> None:
    world.run()
    world.shows(MAP, failure)
    report = world.run()
    attempt = next(c for c in report.asked if c.view == MAP)
    assert attempt.outcome is Outcome.FAILED
    assert attempt.fault is not None
    assert report.news == ()
    world.shows(MAP, a_map())
    assert world.run().news == ()
    assert world.changes() == []
    kept = list(Snapshots(world.folder / "snapshots").captures("toy_map"))
    assert [c.outcome for c in kept] == [Outcome.KEPT, Outcome.FAILED, Outcome.KEPT]


def test_one_source_that_fails_hides_no_change_of_another(world: World) -> None:
    world.run()
    world.shows(MAP, Reply(status=500))
    world.shows(LIST, a_list(XK="Kosovo and Metohija"))
    report = world.run()
    assert [(c.dispute, c.kind) for c in report.news] == [("kosovo", Kind.RELABELLED)]


def test_a_change_behind_a_failure_is_told_when_the_source_answers_again(world: World) -> None:
    world.run()
    world.shows(MAP, Reply(status=500))
    world.run()
    world.shows(MAP, a_map("ru"))
    report = world.run()
    crimea = next(c for c in report.news if c.dispute == "crimea")
    assert (crimea.before.taken_at, crimea.after.taken_at) == (T0 + DAY, T0 + 3 * DAY)


def test_an_unknown_word_is_a_failed_attempt_that_names_it_and_a_taught_reader_reads_it_later(world: World) -> None:
    world.run()
    world.shows(MAP, a_map("krim"))
    report = world.run()
    attempt = next(c for c in report.asked if c.view == MAP)
    assert attempt.fault is not None
    assert attempt.fault.kind == "schema_changed"
    assert "krim" in attempt.fault.message
    assert world.changes() == []
    world.teach('WORDS = {"ua": "UA", "ru": "RU", "tr": "TR", "krim": "RU"}\n')
    world.shows(MAP, Reply(status=500))
    world.run()
    crimea = next(c for c in world.changes() if c.dispute == "crimea")
    assert (crimea.loser, crimea.gainer, crimea.after.taken_at) == ("UA", "RU", T0 + 2 * DAY)


# --- only what is new is read --------------------------------------------------------------------------------


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """The views that were read and compared."""
    seen: list[View] = []
    real = pipeline.past_of_view

    def counting(root: Path, view: View) -> derive.Past:
        seen.append(view)
        return real(root, view)

    monkeypatch.setattr(pipeline, "past_of_view", counting)
    return seen


def test_what_is_not_modified_is_not_read_again(world: World, derived: list[View]) -> None:
    etag = {"ETag": '"one"', "Content-Type": "application/json"}
    world.shows(MAP, Reply(json.dumps(a_map()).encode(), headers=etag))
    world.run(MAP)
    assert derived == [MAP]
    for _ in range(3):
        report = world.run(MAP)
        assert [c.outcome for c in report.asked] == [Outcome.NOT_MODIFIED]
        assert report.news == ()
    assert derived == [MAP]


def test_the_same_bytes_are_not_read_again(world: World, derived: list[View]) -> None:
    world.run()
    world.run()
    assert sorted(derived) == [LIST, MAP]


def test_only_the_view_with_something_new_is_read(world: World, derived: list[View]) -> None:
    world.run()
    derived.clear()
    world.shows(LIST, a_list(XK="Kosova"))
    world.run()
    assert derived == [LIST]


# --- a better reader -----------------------------------------------------------------------------------------


def test_a_better_reader_reads_all_again_and_is_no_news(
    world: World, derived: list[View], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    world.shows(MAP, a_map("ru"))
    world.run()
    derived.clear()
    # From now on the reader knows that "ru" here means Turkey: both sides are read so, and the past says so too.
    monkeypatch.setattr(pipeline, "reader_fingerprint", lambda: "a better reader")
    world.teach('WORDS = {"ua": "UA", "ru": "TR", "tr": "TR"}\n')
    report = world.run()
    assert report.reread
    assert report.news == ()
    assert sorted(derived) == [LIST, MAP]
    crimea = next(c for c in world.changes() if c.dispute == "crimea")
    assert (crimea.loser, crimea.gainer) == ("UA", "TR")
    assert crimea.after.taken_at == T0 + 2 * DAY


def test_what_really_changed_is_news_even_when_the_reader_is_new(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run()
    world.shows(LIST, a_list(TW="Chinese Taipei"))
    world.run()
    monkeypatch.setattr(pipeline, "reader_fingerprint", lambda: "a better reader")
    world.shows(MAP, a_map("ru"))
    report = world.run()
    assert report.reread
    assert {c.dispute for c in report.news} == {"crimea", "sevastopol"}


# --- the order of capture does not matter ------------------------------------------------------------------------

EDITIONS = [["1", "2020-01-01"], ["2", "2021-01-01"], ["3", "2022-01-01"]]


def editions(world: World, **shown: str) -> None:
    """Serve these editions (``e1="ua"``)."""
    world.replay.on(HOST, "/toy_map/editions", json=[[n, d] for n, d in EDITIONS if f"e{n}" in shown])
    for name, crimea in shown.items():
        world.replay.on(HOST, f"/toy_map/{name[1:]}", json=a_map(crimea))


def told(world: World) -> list[tuple[Any, ...]]:
    def label(edition: Any) -> Any:
        return edition and edition.label

    return [
        (c.dispute, c.kind, c.loser, c.gainer, label(c.before.edition), label(c.after.edition), bool(c.reverts))
        for c in world.changes()
    ]


def test_an_older_edition_captured_later_takes_its_place_in_the_past(world: World) -> None:
    editions(world, e1="ua", e3="ua")
    world.backfill(MAP)
    assert world.changes() == []
    editions(world, e1="ua", e2="ru", e3="ua")
    report = world.backfill(MAP)
    assert len(report.asked) == 1
    late = told(world)
    assert ("crimea", Kind.TRANSFER, "UA", "RU", "1", "2", False) in late
    assert ("crimea", Kind.TRANSFER, "RU", "UA", "2", "3", True) in late
    in_order = World(world.folder.with_name("in_order"), world.replay, world.places, world.now)
    in_order.backfill(MAP)
    assert told(in_order) == late


def test_backfilling_again_asks_for_nothing_that_is_held(world: World) -> None:
    editions(world, e1="ua", e2="ru")
    world.backfill(MAP)
    before = told(world)
    report = world.backfill(MAP)
    assert report.asked == ()
    assert report.news == ()
    assert told(world) == before


def test_what_a_view_shows_today_is_compared_with_its_newest_edition(world: World) -> None:
    editions(world, e1="ua", e2="ua")
    world.shows(MAP, a_map("ru"))
    world.run(MAP)
    world.backfill(MAP)
    assert [t[:6] for t in told(world) if t[0] == "crimea"] == [("crimea", Kind.TRANSFER, "UA", "RU", "2", None)]


# --- captures in doubt -------------------------------------------------------------------------------------------


def test_half_a_world_missing_is_held_in_doubt(world: World) -> None:
    world.run(MAP)
    world.shows(MAP, a_map("ru", east=""))
    report = world.run(MAP)
    assert report.news == ()
    assert world.verdicts(MAP, "crimea") == [Verdict.SUSPECT]
    world.shows(MAP, a_map())
    assert world.run(MAP).news == ()
    assert world.changes() == []


def test_a_doubted_capture_is_believed_when_a_second_one_says_the_same(world: World) -> None:
    world.run(MAP)
    world.shows(MAP, a_map("ru", east=""))
    world.run(MAP)
    # Another drawing of the same, so that it is a second capture and not the same bytes again.
    world.shows(MAP, {"features": a_map("ru", east="")["features"][::-1]})
    world.run(MAP)
    assert ("crimea", "UA", "RU") in {(c.dispute, c.loser, c.gainer) for c in world.changes()}
    assert Verdict.CHANGED in world.verdicts(MAP, "crimea")


def test_a_doubted_capture_is_no_standing(world: World) -> None:
    world.run(MAP)
    world.shows(MAP, a_map("ru", east=""))
    world.run(MAP)
    with ChangeLog(world.folder / "borderwatch.db", readonly=True) as log:
        (standing,) = (s for s in log.standings("crimea") if s.depiction.view == MAP)
    assert standing.depiction.shares[0].owner == "UA"


# --- nothing is lost -------------------------------------------------------------------------------------------------


def test_an_old_capture_that_cannot_be_read_any_more_is_told_and_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.shows(MAP, a_map(south="tr"))
    world.run(MAP)
    world.shows(MAP, a_map("ru", south="asia"))
    world.run(MAP)
    world.teach('WORDS = {"ua": "UA", "ru": "RU", "asia": "TR"}\n')
    monkeypatch.setattr(pipeline, "reader_fingerprint", lambda: "a forgetful reader")
    report = world.run(MAP)
    (unread,) = report.unread
    assert unread[0].taken_at == T0 + DAY
    assert "'tr'" in unread[1]
    assert len(list(Snapshots(world.folder / "snapshots").captures("toy_map"))) == 3
    world.teach()
    monkeypatch.setattr(pipeline, "reader_fingerprint", lambda: "a reader that remembers")
    assert world.run(MAP).unread == ()
    assert ("crimea", "UA", "RU") in {(c.dispute, c.loser, c.gainer) for c in world.changes()}


def test_a_log_that_is_lost_is_made_again_with_the_same_content(world: World) -> None:
    world.run()
    world.shows(MAP, a_map("ru"))
    world.run()
    with ChangeLog(world.folder / "borderwatch.db", readonly=True) as log:
        before = log.content_digest()
    (world.folder / "borderwatch.db").unlink()
    shop = world.shop()
    pipeline.derive(shop)
    assert shop.log.content_digest() == before
    shop.log.close()


def test_a_log_is_made_again_beside_the_old_one(world: World) -> None:
    world.run()
    world.shows(MAP, a_map("ru"))
    world.run()
    path = world.folder / "borderwatch.db"
    with ChangeLog(path, readonly=True) as log:
        before = log.content_digest()
    with ChangeLog.afresh(path) as fresh:
        shop = world.shop()
        shop.log.close()
        shop.log = fresh
        pipeline.derive(shop, everything=True)
        assert fresh.content_digest() == before
    with ChangeLog(path, readonly=True) as log:
        assert log.content_digest() == before


def test_progress_never_passes_its_end(world: World) -> None:
    seen: list[tuple[str, int, int]] = []
    shop = world.shop()
    shop.progress = lambda what, done, of: seen.append((what, done, of))
    asks = [Ask(shop.sources[v.source], v) for v in (LIST, MAP)]
    with world.replay.client(interval_s=0.0) as client:
        pipeline.run(shop, asks, client, lambda: T0)
    shop.log.close()
    assert seen
    assert all(0 <= done <= of for _, done, of in seen)
    assert [(done, of) for what, done, of in seen if what.startswith("asked")][-1] == (2, 2)
