"""Wikidata end to end over loopback: claims and recognitions become changes, lag and cut answers never do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from borderwatch import derive
from borderwatch.collect import Ask, backfill, collect
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
from borderwatch.models import Body, Capture, Edition, Kind, Outcome, Significance, Snapshot, View
from borderwatch.snapshots import Snapshots
from borderwatch.sources import wikidata
from borderwatch.sources.wikidata import Wikidata
from tests.replay import Asked, Replay, Reply, captcha, error_page, json_reply, too_many

HOST, API = "www.wikidata.org", "/w/api.php"
QUERY_HOST, SPARQL = "query.wikidata.org", "/sparql"
ITEMS, RELATIONS = View("wikidata", layer="items"), View("wikidata", layer="relations")
SOURCE = Wikidata()
KOSOVO = "Q1246"
# As a client recorded it (linkedpipes/etl issue 784): status 200, and the lag is that of the query service.
LAGGED = {
    "error": {
        "code": "maxlag",
        "info": "Waiting for all: 0.3166666666667 seconds lagged.",
        "host": "all",
        "lag": 0.316666666666666,
        "type": "wikibase-queryservice",
    }
}
# The end of an answer that ran out of time, as recorded (osm-search/wikipedia-wikidata issue 4): status 200.
CUT = (
    '{"head":{"vars":["item"]},"results":{"bindings":[{\n"item" : {\n"type" : "uri",\n"value" : "SPARQL-QUERY: '
    "queryStr=SELECT ?item WHERE{?item wdt:P31*/wdt:P279*wd:Q811979;}\njava.util.concurrent.TimeoutException\n"
    "\tat java.util.concurrent.FutureTask.get(FutureTask.java:205)\n"
)


def item_snak(number: str, qid: str, kind: str = "value") -> dict[str, Any]:
    snak: dict[str, Any] = {"snaktype": kind, "property": number, "datatype": "wikibase-item"}
    if kind == "value":
        value = {"entity-type": "item", "numeric-id": int(qid[1:]), "id": qid}
        snak["datavalue"] = {"value": value, "type": "wikibase-entityid"}
    return snak


def stated(number: str, qid: str, rank: str = "normal", kind: str = "value", **qualifiers: str) -> dict[str, Any]:
    """SHAPE: a statement as Special:EntityData and wbgetentities have it."""
    return {
        "mainsnak": item_snak(number, qid, kind),
        "type": "statement",
        "id": f"x${number}{qid}",
        "rank": rank,
        **({"qualifiers": {n: [item_snak(n, q)] for n, q in qualifiers.items()}} if qualifiers else {}),
    }


def entity(qid: str, revision: int, claims: list[dict[str, Any]] | None = None, **labels: str) -> dict[str, Any]:
    """SHAPE: an item."""
    by_property: dict[str, Any] = {}
    for claim in claims or []:
        by_property.setdefault(claim["mainsnak"]["property"], []).append(claim)
    modified = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=revision)
    return {
        "pageid": 1,
        "ns": 0,
        "title": qid,
        "lastrevid": revision,
        "modified": modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "type": "item",
        "id": qid,
        "labels": {lang.replace("_", "-"): {"language": lang, "value": text} for lang, text in labels.items()} or [],
        "claims": by_property or [],
    }


class Wiki:
    """The action API, the linked-data interface and the query service."""

    def __init__(self, replay: Replay) -> None:
        self.items = {qid: entity(qid, 1000 + n, en=qid, fr=qid) for n, qid in enumerate(wikidata._watched())}
        self.past: dict[tuple[str, int], dict[str, Any]] = {}
        self.relations: list[tuple[str, str, str]] = []
        self.actions: list[dict[str, str]] = []
        replay.on(HOST, API, self.api)
        for qid in self.items:
            replay.on(HOST, f"/wiki/Special:EntityData/{qid}.json", self.revision)
        replay.on(QUERY_HOST, SPARQL, self.query)

    def api(self, asked: Asked) -> Reply:
        query = dict(asked.query)
        self.actions.append(query)
        assert query["format"] == "json"
        assert query["maxlag"] == "5"
        if query["action"] == "wbgetentities":
            wanted = query["ids"].split("|")
            if len(wanted) > 50:
                return json_reply({"error": {"code": "toomanyvalues", "info": "too many"}})
            fields = {"pageid", "ns", "title", "lastrevid", "modified", "type", "id"}
            fields |= {name for name in ("labels", "claims") if name in query["props"]}
            found = {q: self.items.get(q, {"id": q, "missing": ""}) for q in wanted}
            entities = {q: {k: v for k, v in e.items() if k in fields or k == "missing"} for q, e in found.items()}
            return json_reply({"entities": entities, "success": 1})
        revisions = sorted((number for qid, number in self.past if qid == query["titles"]), reverse=True)
        day = int(query["rvstart"][:4])
        before = [number for number in revisions if number // 100 < day]
        page = {"pageid": 1, "ns": 0, "title": query["titles"]}
        if before:
            page["revisions"] = [
                {"revid": before[0], "parentid": 0, "timestamp": f"{before[0] // 100}-05-01T00:00:00Z"}
            ]
        return json_reply({"batchcomplete": "", "query": {"pages": {"1": page}}})

    def revision(self, asked: Asked) -> Reply:
        qid = asked.path.rpartition("/")[2].removesuffix(".json")
        return json_reply({"entities": {qid: self.past[qid, int(asked.query["revision"])]}})

    def query(self, asked: Asked) -> Reply:
        assert asked.headers["accept"] == "application/sparql-results+json"
        assert asked.query["query"].count("wd:Q") == len(wikidata._watched())
        uri = "http://www.wikidata.org/entity/"
        rank = "http://wikiba.se/ontology#"
        bindings = [
            {
                "state": {"type": "uri", "value": uri + state},
                "about": {"type": "uri", "value": uri + about},
                "rank": {"type": "uri", "value": f"{rank}{how}Rank"},
            }
            for state, about, how in self.relations
        ]
        value = {"head": {"vars": ["state", "about", "rank"]}, "results": {"bindings": bindings}}
        return json_reply(value, headers={"Content-Type": "application/sparql-results+json;charset=utf-8"})


@pytest.fixture
def wiki(replay: Replay) -> Wiki:
    return Wiki(replay)


def ask(replay: Replay, view: View, known: Capture | None = None, edition: Edition | None = None) -> Body:
    with replay.client() as client:
        return SOURCE.capture(view, client.asking(known), edition)


def captured(view: View, body: Body) -> Capture:
    return Capture("1", view, datetime.now(UTC), Outcome.KEPT, True, body.url, body.edition, "00", headers=body.headers)


def rows(view: View, body: Body) -> dict[str, str]:
    reading = SOURCE.read(Snapshot(captured(view, body), body.parts))
    assert SOURCE.read(Snapshot(captured(view, body), body.parts)) == reading
    return {row.key: row.name for row in reading.rows}


# --- items ------------------------------------------------------------------------------------------------------


def test_an_item_says_what_stands_by_whom_and_disputed_by_whom(wiki: Wiki, replay: Replay) -> None:
    wiki.items[KOSOVO] = entity(
        KOSOVO,
        5000,
        [
            stated("P17", KOSOVO, "preferred", P1310="Q403"),
            stated("P17", "Q403"),
            stated("P17", "Q36704", P582="Q1"),
            stated("P1336", "Q403"),
            stated("P1336", "Q99999999"),
            stated("P1336", "Q142", "deprecated"),
            stated("P131", "Q0", kind="somevalue"),
            stated("P530", "Q142"),
            stated("P530", "Q159", P582="Q1"),
        ],
        en="Kosovo",
        zh_hant="科索沃",
    )
    body = ask(replay, ITEMS)
    assert body.edition is not None
    assert (body.edition.label, body.edition.published_at) == ("5000", datetime(2026, 1, 1, 1, 23, 20, tzinfo=UTC))
    found = rows(ITEMS, body)
    assert found["Q1246 country"] == "RS; XK (preferred; disputed by RS)"
    assert found["Q1246 claimed by"] == "Q99999999; RS"
    assert found["Q1246 located in"] == "(unknown)"
    assert found["Q1246 map data"] == "(none)"
    assert [key for key in found if key.startswith("Q1246 relation")] == ["Q1246 relation FR"]
    assert found["Q1246 label zh-hant"] == "科索沃"


def test_items_are_asked_by_tens_with_maxlag_and_a_name(wiki: Wiki, replay: Replay) -> None:
    body = ask(replay, ITEMS)
    assert len(body.parts) == -(-len(wiki.items) // 10)
    assert [a["props"] for a in wiki.actions] == ["info"] + ["info|labels|claims"] * len(body.parts)
    assert all(asked.headers["user-agent"].startswith("borderwatch/") for asked in replay.asked)


def test_where_no_item_has_a_newer_revision_nothing_more_is_asked(wiki: Wiki, replay: Replay) -> None:
    known = captured(ITEMS, ask(replay, ITEMS))
    wiki.actions.clear()
    with pytest.raises(NotModified):
        ask(replay, ITEMS, known)
    assert [action["props"] for action in wiki.actions] == ["info"]
    wiki.items[KOSOVO] = entity(KOSOVO, 9999, en="Kosovo")
    assert ask(replay, ITEMS, known).edition != known.edition


def test_a_claim_a_recognition_and_a_label_become_changes_and_nothing_else_does(
    wiki: Wiki, replay: Replay, tmp_path: Path
) -> None:
    def state(revision: int, claimed: list[str], relations: list[str], label: str, flag: str) -> None:
        claims = [stated("P1336", q) for q in claimed] + [stated("P530", q) for q in relations]
        wiki.items[KOSOVO] = entity(
            KOSOVO, revision, [*claims, stated("P41", flag)], en=label, fr="Kosovo", de="Kosovo"
        )

    store, clock = Snapshots(tmp_path), iter(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9))

    def run() -> None:
        with replay.client() as client:
            collect([Ask(SOURCE, ITEMS)], store, client, jobs=1, clock=lambda: next(clock))

    state(5000, ["Q403"], ["Q142", "Q30"], "Kosovo", "Q1")
    run()
    state(5001, ["Q403"], ["Q30", "Q142"], "Kosovo", "Q2")
    run()
    state(5002, [], ["Q142", "Q30", "Q183"], "Republic of Kosovo", "Q2")
    run()
    past = derive.past_of_view(tmp_path, ITEMS)
    assert past.unread == ()
    told = sorted((c.kind, c.subject, c.old, c.new) for c in past.changes)
    assert told == [
        (Kind.LISTED, "Q1246 relation DE", None, "DE"),
        (Kind.RELABELLED, "Q1246 claimed by", "RS", "(none)"),
        (Kind.RENAMED, "en", "Kosovo", "Republic of Kosovo"),
    ]
    assert {c.dispute for c in past.changes} == {"kosovo"}
    assert {c.significance for c in past.changes} == {Significance.SUBSTANTIVE}


def test_the_past_is_the_last_revision_of_each_item_before_a_day(wiki: Wiki, replay: Replay, tmp_path: Path) -> None:
    """Revisions are numbered year times 100 here, so that the service can tell which was before a day."""
    for year, claimed in ((2015, "Q403"), (2018, "Q403"), (2020, "Q801")):
        wiki.past[KOSOVO, year * 100] = entity(KOSOVO, year * 100, [stated("P1336", claimed)], en="K", fr="K")
    store = Snapshots(tmp_path)
    with replay.client() as client:
        captures = backfill([(SOURCE, ITEMS)], store, client, jobs=1, clock=lambda: datetime.now(UTC))
    kept = [c.edition.label for c in captures if c.edition and c.outcome is Outcome.KEPT]
    assert kept[0] == "2016-01-01"
    assert [(c.edition.label, c.fault.kind) for c in captures if c.fault and c.edition] == [
        ("2015-01-01", "not_served")
    ]
    [change] = derive.past_of_view(tmp_path, ITEMS).changes
    assert (change.subject, change.old, change.new) == ("Q1246 claimed by", "RS", "IL")
    assert change.after.shown_at == datetime(2021, 1, 1, tzinfo=UTC)


def test_a_revision_that_is_not_the_one_asked_for_is_partial(wiki: Wiki, replay: Replay) -> None:
    wiki.past[KOSOVO, 201500] = entity(KOSOVO, 77)
    with pytest.raises(Partial, match="another came"):
        ask(replay, ITEMS, edition=Edition("2020-01-01", None))
    with pytest.raises(NotServed, match="no day"):
        ask(replay, ITEMS, edition=Edition("yesterday", None))


def test_items_that_are_gone_are_noted_and_many_are_partial(wiki: Wiki, replay: Replay) -> None:
    del wiki.items[KOSOVO]
    body = ask(replay, ITEMS)
    assert body.note == "no item: Q1246"
    assert "Q1246" not in rows(ITEMS, body)
    for qid in list(wiki.items)[:10]:
        del wiki.items[qid]
    with pytest.raises(Partial, match="11 of"):
        ask(replay, ITEMS)


# --- lag and faults -------------------------------------------------------------------------------------------------


def test_a_lagged_database_is_given_its_time_and_then_left_alone(
    wiki: Wiki, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("borderwatch.fetch.Client.leave", lambda self, url, wait_s: waits.append(wait_s))
    replay.on(HOST, API, json_reply(LAGGED), json_reply(LAGGED), wiki.api)
    assert ask(replay, ITEMS).parts
    assert waits == [5.0, 5.0]
    replay.on(HOST, API, json_reply({"error": {**LAGGED["error"], "lag": 319}}))
    with pytest.raises(RateLimited, match="seconds lagged") as problem:
        ask(replay, ITEMS)
    assert problem.value.retry_after == 319


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (json_reply({"error": {"code": "no-such-entity", "info": "Could not find"}}), Partial),
        (json_reply({"error": {"code": "ratelimited", "info": "You've exceeded your rate limit"}}), RateLimited),
        (json_reply({"success": 1}), SchemaChanged),
        (json_reply({"entities": {"Q1246": {"id": "Q1246"}}}), SchemaChanged),
        (error_page(), Malformed),
        (captcha(), Challenged),
        (too_many(120), RateLimited),
        (Reply(status=403), Refused),
        (Reply(status=503), Unreachable),
        (Reply(b'{"entities": {', headers={"Content-Type": "application/json"}), Malformed),
    ],
)
def test_every_fault_of_the_api_is_a_fault_of_its_kind(
    wiki: Wiki, replay: Replay, reply: Reply, kind: type[CaptureProblem]
) -> None:
    replay.on(HOST, API, reply)
    with pytest.raises(kind):
        ask(replay, ITEMS)


@pytest.mark.parametrize(
    "change",
    [
        {"rank": "splendid"},
        {"mainsnak": {"snaktype": "maybe"}},
        {"mainsnak": {"snaktype": "value"}},
        {"rank": None},
    ],
)
def test_a_statement_of_a_kind_unknown_is_named(wiki: Wiki, replay: Replay, change: dict[str, Any]) -> None:
    claim = stated("P1336", "Q403")
    wiki.items[KOSOVO] = entity(KOSOVO, 5000, [claim])
    claim |= change
    body = ask(replay, ITEMS)
    with pytest.raises(SchemaChanged, match="Q1246"):
        rows(ITEMS, body)


def test_a_probe_says_which_items_are_gone(wiki: Wiki, replay: Replay) -> None:
    from borderwatch.fetch.probing import ProbingClient
    from borderwatch.first_contact import probe

    del wiki.items[KOSOVO]
    with ProbingClient(routes={"*": replay.base}) as client:
        found = probe(SOURCE, client)
    assert [(f.fine, f.found) for f in found.findings] == [
        (False, f"{len(wiki.items)}; gone or merged: Q1246"),
        (True, f"{1000 + len(wiki.items)} of 2026-01-01T00:17:28Z"),
    ]


# --- relations ----------------------------------------------------------------------------------------------------


def test_states_that_say_they_have_relations_are_listed_under_whom_they_name(wiki: Wiki, replay: Replay) -> None:
    wiki.relations = [("Q142", KOSOVO, "Normal"), ("Q183", KOSOVO, "Preferred"), ("Q159", KOSOVO, "Deprecated")]
    found = rows(RELATIONS, ask(replay, RELATIONS))
    assert found == {
        "Q1246": "related to by others",
        "Q1246 relation stated by Q142": "FR",
        "Q1246 relation stated by Q183": "DE",
    }
    with pytest.raises(NotServed):
        ask(replay, RELATIONS, edition=Edition("2020-01-01", None))
    with replay.client() as client:
        assert SOURCE.editions(RELATIONS, client.asking()) == ()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(CUT.encode(), headers={"Content-Type": "application/sparql-results+json"}), Partial),
        (Reply(CUT.encode(), status=500, headers={"Content-Type": "text/plain"}), Unreachable),
        (json_reply({"head": {"vars": ["state", "about", "rank"]}, "results": {"bindings": []}}), Partial),
        (json_reply({"head": {"vars": ["item"]}, "results": {"bindings": []}}), SchemaChanged),
        (json_reply({"boolean": True}), SchemaChanged),
        (Reply(b"<sparql/>", headers={"Content-Type": "application/sparql-results+xml"}), Malformed),
        (error_page(), Malformed),
        (too_many(90), RateLimited),
        (Reply(status=429), RateLimited),
    ],
)
def test_every_fault_of_the_query_service_is_a_fault_of_its_kind(
    replay: Replay, reply: Reply, kind: type[CaptureProblem]
) -> None:
    replay.on(QUERY_HOST, SPARQL, reply)
    with pytest.raises(kind):
        rows(RELATIONS, ask(replay, RELATIONS))


def test_labels_in_no_language_we_know_and_items_nobody_watches_are_left_out() -> None:
    value = {"entities": {KOSOVO: entity(KOSOVO, 1, simple="K", en="K"), "Q42": entity("Q42", 2, en="Douglas Adams")}}
    found = [row.key for row in wikidata._item_rows(json.loads(json.dumps(value)))]
    assert "Q1246 label en" in found
    assert not [key for key in found if "simple" in key or key.startswith("Q42")]
