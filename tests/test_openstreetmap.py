"""OpenStreetMap end to end over loopback: edit wars become changes, other edits and broken answers nothing."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import shapely

from borderwatch import derive
from borderwatch.collect import Ask, collect
from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotModified,
    Partial,
    RateLimited,
    Refused,
    SchemaChanged,
    TooLarge,
    Unreachable,
    UsageError,
)
from borderwatch.formats.osm import (
    area_from_relation,
    features_from_osm,
    moment_from_osm,
    osm_from_overpass_json,
    osm_from_xml,
)
from borderwatch.models import Body, Capture, Change, Edition, Kind, LineStyle, Outcome, Significance, Snapshot, View
from borderwatch.snapshots import Snapshots
from borderwatch.sources.openstreetmap import CODES_PER_QUERY, OpenStreetMap, _parties
from tests.replay import Asked, Replay, Reply, bomb, captcha, error_page, json_reply, too_many
from tests.replay_osm import (
    INTERPRETER,
    MAIN,
    NO_ATTIC,
    SECOND,
    STATUS,
    THIRD,
    TIMED_OUT,
    Overpass,
    busy,
    country,
    free,
    history,
    overpass_answer,
    rectangle,
    square,
    states_of,
)

TAGS, COUNTRIES, CLAIMS = (View("openstreetmap", layer=layer) for layer in ("tags", "countries", "claims"))
SOURCE = OpenStreetMap()
RECORDINGS = Path(__file__).parent / "recordings"
RECENT = datetime.now(UTC) - timedelta(hours=1)


def captured(view: View, body: Body, known_as: str = "1" * 64) -> Capture:
    return Capture(
        id=known_as, view=view, taken_at=RECENT, outcome=Outcome.KEPT, live=True, url=body.url, edition=body.edition,
        body="00", headers=body.headers,
    )  # fmt: skip


def ask(
    replay: Replay, view: View, known: Capture | None = None, edition: Edition | None = None, **client: Any
) -> Body:
    with replay.client(**client) as asker:
        return SOURCE.capture(view, asker.asking(known), edition)


def read(view: View, body: Body) -> Any:
    return SOURCE.read(Snapshot(captured(view, body), body.parts))


@pytest.fixture
def overpass(replay: Replay) -> Overpass:
    """The main instance, with 250 relations of SHAPE tags."""
    server = Overpass(replay)
    server.every_country()
    server.tags = [{**c, "members": []} for c in server.countries.values()]
    for n in range(150):
        code = f"{chr(65 + n // 26)}{chr(65 + n % 26)}"
        if code not in server.countries:
            server.tags.append({**country(code, 70_000 + n, (0, 0)), "members": []})
    return server


# --- the past, from real captures ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Change]:
    """What the log holds of 24 real states of 2014 to 2019, asked, kept, read and compared as in a backfill."""
    folder = tmp_path_factory.mktemp("osm")
    states = states_of(shared)
    with Replay() as replay, replay.client() as client:
        Overpass(replay, states=states)
        asks = [Ask(SOURCE, TAGS, Edition(moment, moment_from_osm(moment), "the answer's base")) for moment in states]
        captures = collect(asks, Snapshots(folder), client, jobs=1, clock=lambda: datetime.now(UTC))
    assert [capture.outcome for capture in captures] == [Outcome.KEPT] * 24
    past = derive.past_of_view(folder, TAGS)
    assert past.unread == ()
    return list(past.changes)


def told(changes: list[Change], dispute: str, subject: str) -> list[tuple[str, str | None, str | None]]:
    found = [c for c in changes if c.dispute == dispute and c.subject == subject]
    return [(str(c.after.shown_at.date()), c.old, c.new) for c in found]


def test_palestine_goes_from_administrative_to_disputed_and_back_twice(changes: list[Change]) -> None:
    assert told(changes, "palestine", "relation/1703814 boundary") == [
        ("2015-08-21", "administrative", "disputed"),
        ("2015-09-30", "disputed", "administrative"),
        ("2015-10-20", "administrative", "disputed"),
        ("2015-10-23", "disputed", "administrative"),
    ]
    flips = [c for c in changes if c.subject == "relation/1703814 boundary"]
    assert [c.reverts is not None for c in flips] == [False, True, True, True]
    assert {(c.kind, c.significance) for c in flips} == {(Kind.RELABELLED, Significance.SUBSTANTIVE)}
    assert "“administrative” becomes “disputed”" in flips[0].summary


def test_taiwans_names_go_to_and_fro(changes: list[Change]) -> None:
    assert told(changes, "taiwan", "en") == [
        ("2015-05-14", "Taiwan", "Republic of China"),
        ("2015-09-03", "Republic of China", "Taiwan"),
        ("2015-09-30", "Taiwan", "Republic of China"),
        ("2016-07-13", "Republic of China", "Taiwan"),
    ]
    assert told(changes, "taiwan", "und (name drawn)") == [
        ("2015-09-03", "中華民國", "臺灣"),
        ("2015-09-30", "臺灣", "中華民國"),
        ("2016-07-13", "中華民國", "臺灣"),
    ]


def test_a_name_that_is_taken_away_is_told_as_such(changes: list[Change]) -> None:
    assert told(changes, "palestine", "und (name drawn)")[:2] == [
        ("2015-05-14", "Palestine", "(no name)"),
        ("2016-04-01", "(no name)", "Palestina"),
    ]


def test_edits_that_do_not_matter_are_not_told(changes: list[Change], shared: Path) -> None:
    """Between July 16 and 21, 2015 relations were edited; flags, notes and links to Wikidata never are a change."""
    states = {moment: json.loads(data)["elements"] for moment, data in states_of(shared).items()}
    moments = list(states)
    edits = 0
    for before, after in itertools.pairwise(moments):
        old, new = ({e["id"]: e["tags"] for e in states[m]} for m in (before, after))
        edits += sum(old[number] != new[number] for number in old.keys() & new.keys())
    assert edits > 300
    assert len(changes) < 80
    quiet = {moment for moment in moments if moment.startswith(("2015-07-19", "2015-07-21", "2015-11-11", "2018-1"))}
    assert len(quiet) == 4
    assert any(states[m] != states[n] for m, n in itertools.pairwise(moments) if n in quiet)
    assert not [c for c in changes if c.after.edition and c.after.edition.label in quiet]
    told_of = {c.subject.partition(" ")[2] for c in changes if c.kind is Kind.RELABELLED}
    assert told_of <= {"boundary", "code", "disputed", "admin_level", "claimed_by", "disputed_by"}


def test_the_same_tags_in_other_clothes_are_no_change(overpass: Overpass, replay: Replay) -> None:
    overpass.tags[0]["tags"] |= {"disputed_by": "RU;PK, IL", "boundary": "Disputed", "according_to:CN": "no"}
    one = read(TAGS, ask(replay, TAGS)).rows
    overpass.tags[0]["tags"] |= {"disputed_by": "IL; PK;RU", "boundary": "disputed", "flag": "x", "population": "5"}
    assert read(TAGS, ask(replay, TAGS)).rows == one
    facts = {row.key.partition(" ")[2]: row.name for row in one if row.parent == f"relation/{overpass.tags[0]['id']}"}
    assert (facts["disputed_by"], facts["boundary"]) == ("IL;PK;RU", "disputed")
    assert (facts["according_to by viewer"], facts["claimed_by"]) == ("CN=no", "(none)")


# --- tags of now -------------------------------------------------------------------------------------------


def test_an_answer_says_of_which_moment_it_is(overpass: Overpass, replay: Replay) -> None:
    body = ask(replay, TAGS)
    assert body.edition is not None
    assert body.edition.published_at is not None
    assert abs(datetime.now(UTC) - body.edition.published_at) < timedelta(minutes=5)
    assert [part.name for part in body.parts] == ["tags.json"]
    assert replay.paths() == [STATUS, INTERPRETER]
    assert "[date:" not in overpass.queries[0]
    assert replay.asked[0].headers["user-agent"].startswith("borderwatch/")


def test_a_database_that_went_on_without_a_watched_tag_is_not_modified(overpass: Overpass, replay: Replay) -> None:
    overpass.base = (datetime.now(UTC) - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = captured(TAGS, ask(replay, TAGS))
    overpass.base = ""
    overpass.tags.reverse()
    with pytest.raises(NotModified):
        ask(replay, TAGS, known)
    overpass.tags[3]["tags"]["name:fr"] = "autre"
    assert ask(replay, TAGS, known).parts[0].name == "tags.json"


def test_only_watched_relations_edited_since_have_their_history_kept_without_mappers(
    overpass: Overpass, replay: Replay
) -> None:
    overpass.base = "2026-01-01T00:00:00Z"
    first = Body((), "", Edition("x", RECENT - timedelta(days=1)), {"elements-sha256": "other"})
    overpass.base = ""
    new, old = RECENT.strftime("%Y-%m-%dT%H:%M:%SZ"), "2020-01-01T00:00:00Z"
    overpass.versions = f"1703814,99,{new}\n449220,12,{old}\n123456,3,{new}\n"
    replay.on("api.openstreetmap.org", "/api/0.6/relation/1703814/history.json", json=history(1703814))
    body = ask(replay, TAGS, captured(TAGS, first))
    assert [part.name for part in body.parts] == ["tags.json", "versions.csv", "history/1703814.json"]
    kept = json.loads(body.parts[2].data)
    assert [version["version"] for version in kept["elements"]] == [1, 2, 3]
    assert b"mapper" not in body.parts[2].data
    assert b"uid" not in body.parts[2].data
    assert read(TAGS, body) == read(TAGS, ask(replay, TAGS)), "evidence, not a fact"


@pytest.mark.parametrize("reply", [Reply(status=403), Reply(status=503), json_reply({"nothing": 1}), too_many(90)])
def test_a_history_that_cannot_be_had_costs_nothing(overpass: Overpass, replay: Replay, reply: Reply) -> None:
    first = Body((), "", Edition("x", RECENT - timedelta(days=1)), {"elements-sha256": "other"})
    overpass.versions = f"1703814,99,{RECENT.strftime('%Y-%m-%dT%H:%M:%SZ')}\n"
    replay.on("api.openstreetmap.org", "*", reply)
    body = ask(replay, TAGS, captured(TAGS, first))
    assert [part.name for part in body.parts] == ["tags.json"]
    assert body.note.startswith("no history: ")


def test_an_answer_without_india_and_pakistan_is_partial(overpass: Overpass, replay: Replay) -> None:
    """As an answer of April 2021 was, whole by every other mark."""
    overpass.tags = [e for e in overpass.tags if e["tags"]["ISO3166-1"] not in {"IN", "PK"}]
    with pytest.raises(Partial, match="missing IN, PK"):
        read(TAGS, ask(replay, TAGS))
    overpass.tags = [e for e in overpass.tags if e["id"] >= 90_000]
    with pytest.raises(Partial, match="at least 180"):
        read(TAGS, ask(replay, TAGS))


def test_a_relation_keeps_its_place_when_its_code_is_taken_away(overpass: Overpass, replay: Replay) -> None:
    tags = {"type": "boundary", "boundary": "disputed", "admin_level": "4", "name": "Extent of Israel"}
    overpass.tags += [
        {"type": "relation", "id": 1703814, "tags": tags},
        {"type": "relation", "id": 5, "tags": {**tags, "name": "Extent of Claim at Gaza"}},
        {"type": "relation", "id": -7, "tags": {**tags, "ISO3166-1": "PS"}},
    ]
    rows = read(TAGS, ask(replay, TAGS)).rows
    assert {row.code for row in rows if row.key.startswith("relation/1703814")} == {"PS"}
    assert {row.code for row in rows if row.key.startswith("relation/5 ")} == {"relation/5"}
    assert not [row for row in rows if row.key.startswith("relation/-")]


# --- outlines ------------------------------------------------------------------------------------------------


def test_outlines_are_built_from_ways_in_any_order_and_direction(overpass: Overpass, replay: Replay) -> None:
    body = ask(replay, COUNTRIES)
    assert len(body.parts) == -(-len(_parties()) // CODES_PER_QUERY) + 1
    features = {f.code: f for f in read(COUNTRIES, body).features}
    assert set(features) == set(_parties())
    west, south = -170 + 3 * _parties().index("FR"), -60
    assert features["FR"].geometry.equals(shapely.box(west, south, west + 1, south + 1))
    assert features["FR"].name is None, "names are told by the tags"


def test_a_party_without_a_relation_is_partial_but_for_those_in_an_edit_war(overpass: Overpass, replay: Replay) -> None:
    del overpass.countries["PS"]
    ask(replay, COUNTRIES)
    del overpass.countries["UA"]
    with pytest.raises(Partial, match="no relation for UA"):
        ask(replay, COUNTRIES)


def test_a_ring_broken_by_an_edit_is_partial_and_says_where(overpass: Overpass, replay: Replay) -> None:
    overpass.countries["UA"] = country("UA", 60199, (30, 45), gap=True)
    with pytest.raises(Partial, match=r"relation/60199 \('UA'\) is not closed.*4[56]\.\d+ N 3[01]\.\d+ E"):
        ask(replay, COUNTRIES)
    asked = [query for query in overpass.queries if "rel(60199)" in query]
    assert len(asked) == 3, "a day, a week and a month before"
    assert all("[date:" in query for query in asked)


def test_a_ring_broken_by_an_edit_is_taken_as_it_last_was(overpass: Overpass, replay: Replay) -> None:
    overpass.countries["UA"] = country("UA", 60199, (30, 45), gap=True)
    day, week = (f"{datetime.now(UTC) - timedelta(days=n):%Y-%m-%d}" for n in (1, 7))
    overpass.earlier[60199, day] = country("UA", 60199, (30, 45), gap=True)
    overpass.earlier[60199, week] = country("UA", 60199, (30, 45))
    body = ask(replay, COUNTRIES)
    assert body.parts[-1].name == "earlier-60199.json"
    assert body.note.startswith(f"relation/60199 as of {week}")
    features = {f.code: f for f in read(COUNTRIES, body).features}
    assert features["UA"].geometry.equals(shapely.box(30, 45, 31, 46))
    for n, code in enumerate(_parties()[:20]):
        overpass.countries[code] = country(code, 100 + n, (30, 45), gap=True)
    overpass.queries.clear()
    with pytest.raises(Partial, match="not closed"):
        ask(replay, COUNTRIES)
    assert not [query for query in overpass.queries if "[date:" in query], "so many are no edits"


def test_land_masses_and_lower_levels_are_no_outlines(overpass: Overpass, replay: Replay) -> None:
    land = country("FR", 11980, (0, 45), tags={"boundary": "land_area"})
    overpass.countries["DZ"] = {**overpass.countries["DZ"]}
    overpass.countries["FR"]["tags"] |= {"boundary": "Administrative"}
    overpass.countries["BR"], brazil = land, overpass.countries["BR"]
    with pytest.raises(Partial):
        ask(replay, COUNTRIES)
    overpass.countries["BR"] = brazil
    overpass.countries["EG"] = {
        **overpass.countries["EG"],
        "tags": {**overpass.countries["EG"]["tags"], "admin_level": "3"},
    }
    assert "EG" not in {f.code for f in read(COUNTRIES, ask(replay, COUNTRIES)).features}


def test_each_claimed_way_is_drawn_once_with_what_its_claims_say(overpass: Overpass, replay: Replay) -> None:
    [label, first, second, *_] = square(34, 45)
    tags = {"type": "boundary", "boundary": "claim", "claimed_by": "RU", "disputed_by": "UA", "name": "Claim"}
    members = [{k: v for k, v in m.items() if k != "geometry"} for m in (label, first, second)]
    overpass.claims = [
        {"type": "relation", "id": 9520245, "members": members, "tags": tags},
        {"type": "relation", "id": 9520246, "members": members[:2], "tags": {**tags, "claimed_by": "UA;RU"}},
        {
            "type": "way",
            "id": first["ref"],
            "nodes": [1, 2],
            "geometry": first["geometry"],
            "tags": {"admin_level": "2"},
        },
        {"type": "way", "id": second["ref"], "geometry": second["geometry"], "tags": {"boundary": "disputed"}},
    ]
    one, other = read(CLAIMS, ask(replay, CLAIMS)).features
    assert (one.style, one.word, other.word) == (LineStyle.DASHED, "claim", "disputed")
    assert {viewer: word for viewer, word in one.words.items() if word} == {
        "FCLASS_RU": "claim",
        "FCLASS_UA": "unrecognized",
    }
    assert one.words.keys() == other.words.keys() >= {f"FCLASS_{code}" for code in _parties()}
    assert one.geometry.length == other.geometry.length == 1
    overpass.claims = []
    with pytest.raises(Partial):
        read(CLAIMS, ask(replay, CLAIMS))


def history_of(view: View, overpass: Overpass, replay: Replay, folder: Path, *steps: Any) -> list[Change]:
    """What the log holds of a view after each step was captured, a week apart."""
    store, changes = Snapshots(folder), list(steps)
    week = timedelta(days=7)
    start = datetime.now(UTC) - week * len(changes)
    for n, step in enumerate(changes):
        step()
        # The base is now, whenever the test runs; what matters is that each is later than the one before.
        overpass.base = (datetime.now(UTC) - timedelta(minutes=len(changes) - n)).strftime("%Y-%m-%dT%H:%M:%SZ")
        with replay.client() as client:
            [capture] = collect(
                [Ask(SOURCE, view)], store, client, jobs=1, clock=partial(datetime.__add__, start, week * n)
            )
        assert capture.outcome is Outcome.KEPT, capture.fault
    past = derive.past_of_view(folder, view)
    assert past.unread == ()
    return list(past.changes)


def test_an_outline_that_takes_in_disputed_ground_is_a_transfer(
    overpass: Overpass, replay: Replay, tmp_path: Path
) -> None:
    def drawn(ukraine_from: float, *more: list[dict[str, Any]], name: str = "x") -> None:
        sides = rectangle(32, ukraine_from, 37, 48, 1000)
        overpass.countries["UA"] = {**country("UA", 60199, (0, 0)), "members": sides}
        members = [*rectangle(37, 43, 60, 60, 2000), *(way for ring in more for way in ring)]
        russia = country("RU", 60189, (0, 0), tags={"name__en": name})
        overpass.countries["RU"] = {**russia, "members": members}

    crimea = rectangle(32, 44, 37, 46.1, 3000)
    changes = history_of(
        COUNTRIES,
        overpass,
        replay,
        tmp_path,
        lambda: drawn(44),
        lambda: drawn(44, name="renamed, and flags changed"),
        lambda: drawn(46.1, [side for n, side in enumerate(crimea) if n != 1], [crimea[1]]),
    )
    told = {(c.dispute, c.kind, c.loser, c.gainer) for c in changes if c.significance is Significance.SUBSTANTIVE}
    assert ("crimea", Kind.TRANSFER, "UA", "RU") in told
    assert not [c for c in changes if c.kind is Kind.RENAMED], "names are told by the tags, once"
    [transfer] = [c for c in changes if c.dispute == "crimea" and c.kind is Kind.TRANSFER]
    assert transfer.area_km2 == pytest.approx(27_000, rel=0.1)


def test_who_disputes_a_line_is_a_change_of_the_line(overpass: Overpass, replay: Replay, tmp_path: Path) -> None:
    side = rectangle(33, 45.2, 36, 46.1, 500)[0]

    def drawn(**tags: str) -> None:
        said = {"boundary": "disputed", "admin_level": "2", **tags}
        overpass.claims = [{"type": "way", "id": 502, "nodes": [1, 2], "geometry": side["geometry"], "tags": said}]

    changes = history_of(
        CLAIMS,
        overpass,
        replay,
        tmp_path,
        lambda: drawn(disputed_by="UA"),
        lambda: drawn(disputed_by="UA", source="survey", note="checked"),
        lambda: drawn(disputed_by="UA;PL"),
    )
    [change] = [c for c in changes if c.dispute == "crimea"]
    assert (change.kind, change.subject) == (Kind.RESTYLED, "FCLASS_PL")
    assert (change.old, change.new, change.significance) == ("disputed", "unrecognized", Significance.SUBSTANTIVE)


def test_an_edit_war_is_told_edit_by_edit_and_a_flag_is_not(overpass: Overpass, replay: Replay, tmp_path: Path) -> None:
    """The same story without the evaluation data: SHAPE tags, asked day after day."""
    [palestine] = [e for e in overpass.tags if e["tags"]["ISO3166-1"] == "PS"]

    def tagged(**tags: str) -> None:
        palestine["tags"] |= tags

    changes = history_of(
        TAGS,
        overpass,
        replay,
        tmp_path,
        lambda: tagged(boundary="administrative"),
        lambda: tagged(flag="File:Flag of Palestine.svg", wikidata="Q219060"),
        lambda: tagged(boundary="disputed", flag="https://example.org/flag.png"),
        lambda: tagged(boundary="administrative", name="Palestina"),
        lambda: tagged(**{"name:fr": "Palestine", "note": "see the talk page"}),
    )
    key = f"relation/{palestine['id']}"
    assert {c.dispute for c in changes} == {"palestine"}
    assert [(c.subject, c.old, c.new, c.reverts is not None) for c in changes] == [
        (f"{key} boundary", "administrative", "disputed", False),
        (f"{key} boundary", "disputed", "administrative", True),
        ("und (name drawn)", "PS", "Palestina", False),
    ]


# --- past states -----------------------------------------------------------------------------------------------


def test_editions_are_what_overpass_remembers(replay: Replay) -> None:
    with replay.client() as client:
        tags = SOURCE.editions(TAGS, client.asking())
        years = SOURCE.editions(CLAIMS, client.asking())
    assert tags[0].label == "2012-10-01T00:00:00Z"
    assert len(tags) > 160
    assert years[0].label == "2013-01-01T00:00:00Z"
    assert [e.published_at for e in tags] == sorted(e.published_at for e in tags if e.published_at)
    assert replay.asked == []


def test_a_past_state_is_asked_of_the_one_instance_that_remembers(overpass: Overpass, replay: Replay) -> None:
    edition = SOURCE.editions(CLAIMS, None)[0]  # type: ignore[arg-type]
    overpass.claims = [{"type": "way", "id": 1, "geometry": square(0, 0)[1]["geometry"], "tags": {"boundary": "claim"}}]
    assert ask(replay, CLAIMS, edition=edition).edition == edition
    assert '[date:"2013-01-01T00:00:00Z"]' in overpass.queries[-1]
    replay.on(MAIN, INTERPRETER, overpass_answer([], remark=NO_ATTIC))
    Overpass(replay, SECOND)
    with pytest.raises(Partial, match="attic"):
        ask(replay, CLAIMS, edition=edition)
    assert replay.paths(SECOND) == []
    with pytest.raises(UsageError, match="is not a moment"):
        ask(replay, TAGS, edition=Edition('2020"];node;out;', None))


# --- politeness and faults -----------------------------------------------------------------------------------


def test_a_busy_instance_is_waited_for_or_left_and_never_got_round(overpass: Overpass, replay: Replay) -> None:
    Overpass(replay, SECOND)
    replay.on(MAIN, STATUS, busy(1, 300), free())
    ask(replay, TAGS)
    status, question = (asked.at for asked in replay.asked)
    assert question - status >= 1
    replay.on(MAIN, STATUS, busy(240, 300))
    with pytest.raises(RateLimited) as problem:
        ask(replay, TAGS)
    assert problem.value.retry_after == 240
    assert replay.paths(SECOND) == []


def test_too_many_questions_says_when_the_queue_moves(overpass: Overpass, replay: Replay) -> None:
    replay.on(MAIN, STATUS, free(), busy(77))
    replay.on(MAIN, INTERPRETER, too_many())
    with pytest.raises(RateLimited) as problem:
        ask(replay, TAGS)
    assert problem.value.retry_after == 77
    replay.on(MAIN, STATUS, free())
    replay.on(MAIN, INTERPRETER, too_many(120))
    with pytest.raises(RateLimited) as problem:
        ask(replay, TAGS)
    assert problem.value.retry_after == 120


@pytest.mark.parametrize(
    "fault",
    [
        Reply(status=504),
        Reply(status=502),
        Reply(reset=True),
        overpass_answer([], remark=TIMED_OUT),
        overpass_answer([], remark='runtime error: Query run out of memory in "query" at line 1 using about 600 MB'),
        overpass_answer([], base="2016-11-24T21:40:02Z"),
        error_page(),
        Reply(b'{"version": 0.6, "elements": [', headers={"Content-Type": "application/json"}),
    ],
)
def test_another_instance_is_asked_where_one_fails_and_the_fault_is_told_where_all_do(
    replay: Replay, overpass: Overpass, fault: Reply
) -> None:
    second = Overpass(replay, SECOND)
    second.tags = overpass.tags
    replay.on(MAIN, INTERPRETER, fault)
    assert "private.coffee" in ask(replay, TAGS).url
    for host in (SECOND, THIRD):
        replay.on(host, STATUS, free())
        replay.on(host, INTERPRETER, fault)
    with pytest.raises((Unreachable, Partial, Malformed)):
        ask(replay, TAGS)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Overpass.error("parse error: ';' expected"), Refused),
        (Reply(status=403), Refused),
        (captcha(), Challenged),
        (json_reply({"message": "hello"}), SchemaChanged),
        (bomb(30_000_000), TooLarge),
        (overpass_answer([{"type": "area", "id": 3600000001}]), SchemaChanged),
        (overpass_answer([{"type": "relation"}]), Malformed),
    ],
)
def test_every_other_fault_is_a_fault_of_its_kind(
    replay: Replay, overpass: Overpass, reply: Reply, kind: type[CaptureProblem]
) -> None:
    replay.on(MAIN, INTERPRETER, reply)
    with pytest.raises(kind) as problem:
        read(TAGS, ask(replay, TAGS, max_bytes=5_000_000))
    assert str(problem.value)


def test_an_instance_behind_our_last_copy_is_not_believed(replay: Replay, overpass: Overpass) -> None:
    known = captured(TAGS, ask(replay, TAGS))
    overpass.base = (datetime.now(UTC) - timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for host in (SECOND, THIRD):
        replay.on(host, STATUS, Reply(status=404))
        replay.on(host, INTERPRETER, overpass)
    with pytest.raises(Partial, match="behind our last copy"):
        ask(replay, TAGS, known)


def test_a_probe_counts_codes_and_claims_and_asks_the_past(replay: Replay, shared: Path) -> None:
    from borderwatch.fetch.probing import ProbingClient
    from borderwatch.first_contact import probe
    from borderwatch.sources.openstreetmap import _CLAIM_IDS

    def answer(asked: Asked) -> Reply:
        query = asked.query["data"]
        if "out ids" in query:
            text = "".join(f"{number}\n" for number in _CLAIM_IDS[1:])
        elif "csv" in query:
            text = "".join(f"{chr(65 + n // 26)}{chr(65 + n % 26)}\n" for n in range(676))
        else:
            [state] = [data for moment, data in states_of(shared).items() if f'[date:"{moment}"]' in query]
            elements = [e for e in json.loads(state)["elements"] if e["id"] == 1703814]
            return overpass_answer(elements, base="2015-10-20T11:39:01Z")
        return Reply(text.encode(), headers={"Content-Type": "text/csv"})

    replay.on(MAIN, STATUS, free())
    replay.on(MAIN, INTERPRETER, answer)
    with ProbingClient(routes={"*": replay.base}) as client:
        found = probe(SOURCE, client)
    assert found.problem is None
    assert not found.fine
    assert [finding.about for finding in found.findings if not finding.fine] == ["relations of the claims table"]
    assert "gone: 9520114" in found.findings[0].found


# --- files and recorded answers -------------------------------------------------------------------------------


def test_a_recorded_remark_is_partial() -> None:
    with pytest.raises(Partial, match="timed out"):
        osm_from_overpass_json((RECORDINGS / "services" / "overpass_remark_timeout.json").read_bytes())


def test_a_recorded_relation_with_geometry_is_read_and_a_road_encloses_nothing() -> None:
    data = (RECORDINGS / "openstreetmap" / "out_geom_relation.json").read_bytes()
    answer = osm_from_overpass_json(data)
    [road] = answer.elements
    assert answer.base == datetime(2016, 11, 24, 21, 40, 2, tzinfo=UTC)
    assert len(road.members) == 133
    with pytest.raises(Partial, match="not closed"):
        area_from_relation(road)
    with pytest.raises(Malformed, match="not a map"):
        features_from_osm(answer)


def test_recorded_edits_are_not_taken_for_a_state(shared: Path) -> None:
    with pytest.raises(Malformed, match="list of edits"):
        osm_from_xml((shared / "sources" / "samples" / "osm" / "overpass_adiff_excerpt.xml").read_bytes())


def test_real_dispute_tags_become_facts() -> None:
    from borderwatch.formats.osm import Element
    from borderwatch.sources.openstreetmap import _rows

    real = json.loads((RECORDINGS / "openstreetmap" / "tags_20231002.json").read_bytes())
    kosovo = real["XK"]
    rows = {row.key: row for row in _rows(Element("relation", -kosovo["osm_id"], kosovo["all_tags"]))}
    assert rows["relation/2088990 according_to by viewer"].name == "CN=no, IN=no, RS=no, RU=no, UA=no, XK=yes"
    assert {row.code for row in rows.values()} == {"XK"}
    assert (rows["relation/2088990 name:bg"].lang, rows["relation/2088990 name"].name) == ("bg", "Kosovë")
    falklands = real["FK"]
    rows = {row.key: row for row in _rows(Element("relation", -falklands["osm_id"], falklands["all_tags"]))}
    assert rows["relation/2185374 disputed"].name == "yes"


def xml_of(members: list[dict[str, Any]], tags: dict[str, str], *, inline: bool) -> bytes:
    """SHAPE: the same square as OSM XML, with geometry in place (`out geom`) or by nodes and ways."""
    nodes, ways, refs = {}, "", ""
    for member in members[1:]:
        points = member["geometry"]
        for point in points:
            nodes.setdefault((point["lat"], point["lon"]), len(nodes) + 1)
        nds = "".join(f'<nd ref="{nodes[p["lat"], p["lon"]]}"/>' for p in points)
        ways += f'<way id="{member["ref"]}">{nds}</way>'
        places = "".join(f'<nd lat="{p["lat"]}" lon="{p["lon"]}"/>' for p in points) if inline else ""
        refs += f'<member type="way" ref="{member["ref"]}" role="outer">{places}</member>'
    about = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
    drawn = "".join(f'<node id="{n}" lat="{lat}" lon="{lon}"/>' for (lat, lon), n in nodes.items())
    rest = "" if inline else drawn + ways
    meta = '<meta osm_base="2020-01-01T00:00:00Z"/>'
    return (
        f'<?xml version="1.0"?><osm version="0.6">{meta}{rest}<relation id="7">{refs}{about}</relation></osm>'.encode()
    )


@pytest.mark.parametrize("inline", [True, False])
def test_xml_and_json_of_one_relation_are_one_area(inline: bool) -> None:
    tags = {"type": "boundary", "ISO3166-1": "QQ"}
    from_xml = osm_from_xml(xml_of(square(10, 50), tags, inline=inline))
    value = json.loads(overpass_answer([{"type": "relation", "id": 7, "members": square(10, 50), "tags": tags}]).data)
    from_json = osm_from_overpass_json(json.dumps(value).encode())
    [one], [other] = features_from_osm(from_xml), features_from_osm(from_json)
    assert one.geometry.equals(other.geometry)
    assert one.geometry.equals(shapely.box(10, 50, 11, 51))
    assert one.properties == other.properties
    assert from_xml.base == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_hole_is_a_hole_and_an_island_in_it_is_ground() -> None:
    members = [*square(0, 0, 9), *square(2, 2, 4)[1:], *square(3, 3, 1)[1:]]
    answer = osm_from_overpass_json(overpass_answer([{"type": "relation", "id": 1, "members": members}]).data)
    area = area_from_relation(answer.elements[0])
    assert area is not None
    assert area.area == pytest.approx(81 - 16 + 1)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<osm><node id='1'", Malformed),
        (b'<!DOCTYPE osm [<!ENTITY a "b">]><osm/>', Malformed),
        (b"<gpx></gpx>", Malformed),
        (b"<osm><remark> runtime error: timed out </remark></osm>", Partial),
        (b'<osm><way id="x"/></osm>', Malformed),
    ],
)
def test_damaged_xml_is_said_not_guessed(data: bytes, kind: type[CaptureProblem]) -> None:
    with pytest.raises(kind):
        osm_from_xml(data)


def test_two_overpass_answers_can_be_compared_as_files(tmp_path: Path) -> None:
    from borderwatch.formats.vector_file import features_from_path

    answer = overpass_answer([country("UA", 60199, (30, 45)), country("RU", 60189, (40, 45), gap=True)])
    (tmp_path / "a.json").write_bytes(answer.data)
    [feature] = features_from_path(tmp_path / "a.json")
    assert feature.properties["ISO3166-1"] == "UA", "what does not close in an extract is left out"
    assert feature.id == "relation/60199"
