"""Wikidata: which country its items on disputed territories name, who claims them, who has relations with them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, NotModified, NotServed, Partial, RateLimited, SchemaChanged
from borderwatch.models import Body, Edition, Finding, Part, Reading, Row, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch

ITEMS, RELATIONS = "items", "relations"

API = "https://www.wikidata.org/w/api.php"
ENTITY = "https://www.wikidata.org/wiki/Special:EntityData"
SPARQL = "https://query.wikidata.org/sparql"

MAXLAG_S = 5  # what the manual asks of programs that nobody is waiting for
TRIES = 3  # a lagged database is given its time so often
INTERVAL_S = 1.0
"""The API has no hard limit for readers who ask one thing at a time (API:Etiquette); one a second is far below any."""
SPARQL_INTERVAL_S = 5.0
SPARQL_SILENCE_S = 75.0  # the query service stops a query after 60 s
INFO_PER_QUESTION = 50  # the API's own limit
ITEMS_PER_QUESTION = 10  # an item on a territory is 0.1 to 2 MB
FIRST_YEAR = 2015
"""Statements of 2014 and before are few, and stored in an older form."""

QID = re.compile(r"Q[1-9]\d{0,11}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")

# A fact <- its property. Rank and qualifiers are part of what is told; deprecated and ended statements are not.
FACTS = MappingProxyType(
    {
        "P17": "country",
        "P131": "located in",
        "P1336": "claimed by",
        "P297": "ISO 3166-1 code",
        "P402": "OpenStreetMap relation",
        "P3896": "map data",
    }
)
RELATION = "P530"
_END, _DISPUTED_BY = "P582", "P1310"
_RANKS = frozenset({"preferred", "normal", "deprecated"})
_KINDS = frozenset({"value", "somevalue", "novalue"})
NONE = "(none)"

QUERY = """SELECT ?state ?about ?rank WHERE {{
  VALUES ?about {{ {about} }}
  ?state p:P530 ?said . ?said ps:P530 ?about ; wikibase:rank ?rank .
  FILTER NOT EXISTS {{ ?said pq:P582 ?end }}
}} ORDER BY ?state ?about"""


class Wikidata(Source):
    """``items``: what the items of the catalogue's disputes state, with their labels in every language.

    An edition is a revision: numbers grow over the whole of Wikidata, so the newest of any watched item names the
    state of all. ``relations`` are statements on other items: which states say they have diplomatic relations with a
    disputed one. Values are told as identities where one resolves, else by the number of their item.
    """

    name = "wikidata"
    title = "Wikidata"
    watches = "to which country items on disputed territories belong, who claims them and who has relations with them"
    terms = Terms(
        licence="CC0-1.0",
        attribution="Wikidata contributors",
        url="https://www.wikidata.org/wiki/Wikidata:Licensing",
    )
    every = timedelta(days=7)
    layers = MappingProxyType(
        {ITEMS: "labels and statements of the disputes' own items", RELATIONS: "diplomatic relations others state"}
    )
    proven = (
        "documented shape: entities, revisions and query results; the answers of a lagged and of an overrun service "
        "as clients recorded them"
    )
    first_contact = (
        "whether each item of the catalogue still is its own (no redirect); how large ten items are; how many states "
        "the query finds (about 100 for Kosovo); revisions before 2016"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The first of each year, for items; the query service knows no past."""
        if view.layer != ITEMS:
            return ()
        now = datetime.now(UTC)
        years = [datetime(year, 1, 1, tzinfo=UTC) for year in range(FIRST_YEAR, now.year + 1)]
        return tuple(
            Edition(f"{year:%Y-%m-%d}", year, "the last revision of each item before that day")
            for year in years
            if year < now
        )

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view.layer == RELATIONS:
            if edition is not None:
                raise NotServed(f"{view}: the query service answers for now only")
            return _relations(fetch)
        return _items_now(view, fetch) if edition is None else _items_then(view, fetch, edition)

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """Whether every watched item still is its own, and what the newest revision of any is."""
        own, merged, revisions = 0, [], []
        for some in _chunks(_watched(), INFO_PER_QUESTION):
            params = {"action": "wbgetentities", "ids": "|".join(some), "props": "info"}
            for qid, entity in _entities(_api(fetch, params).json()).items():
                if "missing" in entity or entity.get("id") != qid:
                    merged.append(qid)
                else:
                    own += 1
                    revisions.append(_revision(qid, entity))
        found = f"{own}" + (f"; gone or merged: {', '.join(merged)}" if merged else "")
        newest = f"{max(revisions)[0]} of {max(revisions)[1]}" if revisions else "none"
        return (
            Finding("items of the catalogue's disputes", str(len(_watched())), found, fine=own == len(_watched())),
            Finding("newest revision of any", "a number", newest, fine=bool(revisions)),
        )

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.features import parsed_json

        if snapshot.view.layer == RELATIONS:
            return Reading(rows=tuple(_relation_rows(parsed_json(snapshot.data, "Wikidata's query service"))))
        rows: list[Row] = []
        for part in snapshot.parts:
            if part.name.startswith("items"):
                rows += _item_rows(parsed_json(part.data, part.name))
        if not rows:
            raise Partial("wikidata: not one watched item in the answer: ask again later")
        return Reading(rows=tuple(rows))


# --- asking ---------------------------------------------------------------------------------------------


@functools.cache
def _watched() -> Mapping[str, str]:
    """Item -> the identity of the disputed thing it is about, from the catalogue."""
    from borderwatch.disputes import catalogue
    from borderwatch.owners import owner

    found = {}
    for dispute in catalogue(geometry=False):
        if dispute.qid and QID.fullmatch(dispute.qid):
            identity = owner(dispute.qid)
            found[dispute.qid] = dispute.slug if identity.startswith("?") else identity
    return MappingProxyType(found)


def _api(fetch: Fetch, params: Mapping[str, str | int]) -> Answer:
    """What the API answers; a lagged database, which it declares with status 200, is waited for."""
    asked = {**params, "format": "json", "maxlag": MAXLAG_S}
    for attempt in range(1, TRIES + 1):
        try:
            # The action API is documented for programs; robots.txt speaks of pages.
            return fetch.get(API, params=asked, expect="json", robots=False, interval_s=INTERVAL_S)
        except RateLimited as problem:
            if problem.status is not None or attempt == TRIES:
                raise
            fetch.leave(API, max(float(MAXLAG_S), problem.retry_after or 0.0))
    raise AssertionError("unreachable: the last try returns or raises")


def _chunks(items: Iterable[str], size: int) -> Iterator[list[str]]:
    every = list(items)
    yield from (every[start : start + size] for start in range(0, len(every), size))


def _items_now(view: View, fetch: Fetch) -> Body:
    """Every watched item as it is; ``NotModified`` where the newest revision of all is the one we hold."""
    revisions: list[tuple[int, str]] = []
    missing: list[str] = []
    for some in _chunks(_watched(), INFO_PER_QUESTION):
        answer = _api(fetch, {"action": "wbgetentities", "ids": "|".join(some), "props": "info"})
        entities = _entities(answer.json())
        missing += [qid for qid in some if qid not in entities or "missing" in entities[qid]]
        for qid, entity in entities.items():
            if "missing" not in entity:
                revisions.append(_revision(qid, entity))
    if len(missing) > len(_watched()) / 10:
        raise Partial(f"wikidata: {len(missing)} of {len(_watched())} items are missing: ask again later")
    number, modified = max(revisions)
    known = fetch.known
    if known is not None and known.edition is not None and known.edition.label == str(number):
        raise NotModified(f"{view}: revision {number} is still the newest of any watched item")
    parts = []
    for n, some in enumerate(_chunks(_watched(), ITEMS_PER_QUESTION), start=1):
        answer = _api(fetch, {"action": "wbgetentities", "ids": "|".join(some), "props": "info|labels|claims"})
        lost = sorted(set(some) - set(_entities(answer.json())) - set(missing))
        if lost:
            raise Partial(f"wikidata: the answer leaves out {', '.join(lost)}: ask again later", url=answer.url)
        parts.append(Part(f"items-{n:02}.json", answer.data))
    edition = Edition(str(number), _moment(modified), "the newest revision of any watched item")
    note = f"no item: {', '.join(missing)}" if missing else ""
    return Body(tuple(parts), API, edition, answer.headers, note)


def _items_then(view: View, fetch: Fetch, edition: Edition) -> Body:
    """Every watched item in its last revision before a day; those that did not exist yet are left out."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", edition.label):
        raise NotServed(f"{view}: edition {edition.label[:40]!r} is no day like 2020-01-01")
    parts = []
    for qid in _watched():
        params: dict[str, str | int] = {
            "action": "query", "prop": "revisions", "titles": qid, "rvprop": "ids|timestamp", "rvlimit": 1,
            "rvdir": "older", "rvstart": f"{edition.label}T00:00:00Z",
        }  # fmt: skip
        revision = _last_revision(_api(fetch, params).json(), qid)
        if revision is None:
            continue
        answer = fetch.get(
            f"{ENTITY}/{qid}.json",
            params={"revision": revision},
            expect="json",
            robots=False,  # the linked-data interface, documented for programs
            interval_s=INTERVAL_S,
        )
        entity = _entities(answer.json()).get(qid)
        if entity is None or entity.get("lastrevid") != revision:
            raise Partial(f"wikidata: revision {revision} of {qid} was asked for and another came", url=answer.url)
        parts.append(Part(f"items-{qid}.json", answer.data))
    if not parts:
        raise NotServed(f"{view}: no watched item existed on {edition.label}")
    return Body(tuple(parts), ENTITY, edition, note=f"{len(parts)} items")


def _relations(fetch: Fetch) -> Body:
    about = " ".join(f"wd:{qid}" for qid in _watched())
    answer = fetch.get(
        SPARQL,
        params={"format": "json", "query": QUERY.format(about=about)},
        headers={"Accept": "application/sparql-results+json"},
        robots=False,  # a documented query service
        interval_s=SPARQL_INTERVAL_S,
        silence_s=SPARQL_SILENCE_S,
    )
    # A query that runs out of time is cut with status 200, and the text of the error follows in mid-sentence.
    if b"TimeoutException" in answer.data or b"SPARQL-QUERY:" in answer.data:
        raise Partial("wikidata: the query service ran out of time: ask again later", url=answer.url)
    if answer.data.lstrip()[:1] != b"{":
        raise Malformed(f"wikidata: the query service answered {answer.data[:40]!r}, no results", url=answer.url)
    return Body((Part("relations.json", answer.data),), SPARQL, headers=answer.headers)


def _last_revision(value: Any, qid: str) -> int | None:
    """The number of the one revision asked for; None where there was none so early."""
    try:
        [page] = value["query"]["pages"].values()
        found = page.get("revisions") or []
        return int(found[0]["revid"]) if found else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SchemaChanged(f"wikidata: the list of revisions of {qid} has a new form ({error})") from None


def _revision(qid: str, entity: Mapping[str, Any]) -> tuple[int, str]:
    try:
        return int(entity["lastrevid"]), str(entity["modified"])
    except (KeyError, TypeError, ValueError):
        raise SchemaChanged(f"wikidata: {qid} comes without lastrevid and modified", words=("lastrevid",)) from None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


# --- reading --------------------------------------------------------------------------------------------


def _entities(value: Any) -> dict[str, dict[str, Any]]:
    """The entities of an answer by the number they were asked by; a merged item also by the one it is now."""
    entities = value.get("entities") if isinstance(value, dict) else None
    if not isinstance(entities, dict) or not all(isinstance(entity, dict) for entity in entities.values()):
        raise SchemaChanged("wikidata: an answer without entities", words=("entities",))
    return entities


def _item_rows(value: Any) -> Iterator[Row]:
    """Each watched item a row, its facts, its relations and its labels rows under it."""
    for key, entity in _entities(value).items():
        qid = key if key in _watched() else str(entity.get("id"))
        code = _watched().get(qid)
        if code is None or "missing" in entity:
            continue
        # In no language (zxx), among names in many: so a dispute that gets its item in the catalogue is no change.
        yield Row(qid, "item", code=code, kind="item", lang="zxx")
        claims = _dict(entity.get("claims"), qid)
        for number, fact in FACTS.items():
            said = sorted(text for _, text in _statements(claims.get(number) or [], qid))
            yield Row(f"{qid} {fact}", "; ".join(said) or NONE, code=code, parent=qid, lang="")
        for value_of, text in _statements(claims.get(RELATION) or [], qid):
            yield Row(f"{qid} relation {value_of}", text, code=code, parent=qid, lang="")
        for lang, label in sorted(_dict(entity.get("labels"), qid).items()):
            if _LANGUAGE.fullmatch(lang) and isinstance(label, dict) and label.get("value"):
                yield Row(f"{qid} label {lang}", str(label["value"]), code=code, parent=qid, lang=lang)


def _dict(value: Any, qid: str) -> dict[str, Any]:
    """An object; an empty one comes as an empty list, as PHP has it."""
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise SchemaChanged(f"wikidata: {qid} has {type(value).__name__} where an object is expected")
    return value


def _statements(statements: Any, qid: str) -> list[tuple[str, str]]:
    """What is stated and stands: the value's key, and how it is told, each once."""
    found: dict[str, str] = {}
    try:
        for statement in statements:
            rank, snak = statement["rank"], statement["mainsnak"]
            qualifiers = _dict(statement.get("qualifiers"), qid)
            if rank not in _RANKS or snak["snaktype"] not in _KINDS:
                word = f"{rank}, {snak['snaktype']}"
                raise SchemaChanged(f"wikidata: a statement of {qid} of a kind unknown: {word}", words=(word,))
            if rank == "deprecated" or _END in qualifiers:
                continue
            told = [value for one in qualifiers.get(_DISPUTED_BY) or [] for value in [_value(one)]]
            marks = (["preferred"] if rank == "preferred" else []) + (
                [f"disputed by {', '.join(sorted(told))}"] if told else []
            )
            value = _value(snak)
            found[value] = value + (f" ({'; '.join(marks)})" if marks else "")
    except (KeyError, TypeError, AttributeError) as error:
        raise SchemaChanged(f"wikidata: a statement of {qid} has a new form ({error})") from None
    return sorted(found.items())


def _value(snak: Mapping[str, Any]) -> str:
    """The value of a snak as text: an identity where an item is one we know, else its number or text."""
    if snak["snaktype"] != "value":
        return {"somevalue": "(unknown)", "novalue": "(nobody)"}[snak["snaktype"]]
    value = snak["datavalue"]["value"]
    if isinstance(value, dict):
        # Before 2016 an item was told by its bare number.
        return _known(str(value.get("id") or f"Q{value['numeric-id']}"))
    return " ".join(str(value).split())


def _known(qid: str) -> str:
    from borderwatch.owners import owner

    found = owner(qid)
    return qid if found.startswith("?") else found


def _relation_rows(value: Any) -> Iterator[Row]:
    """Each disputed entity a row, and each state that says it has relations with it one under it."""
    try:
        bindings = value["results"]["bindings"]
        if set(value["head"]["vars"]) != {"state", "about", "rank"}:
            raise SchemaChanged(f"wikidata: results of {value['head']['vars']}", words=tuple(value["head"]["vars"]))
        pairs = {
            (_qid(one["about"]["value"]), _qid(one["state"]["value"]))
            for one in bindings
            if not one["rank"]["value"].endswith("#DeprecatedRank")
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise SchemaChanged(f"wikidata: query results of a new form ({error})") from None
    if not pairs:
        raise Partial("wikidata: no state has relations with anybody: the answer is not whole; ask again later")
    for about in sorted({about for about, _ in pairs}):
        yield Row(about, "related to by others", code=_watched().get(about, about), kind="item", lang="")
    for about, state in sorted(pairs):
        code = _watched().get(about, about)
        yield Row(f"{about} relation stated by {state}", _known(state), code=code, parent=about, lang="")


def _qid(address: str) -> str:
    found = QID.fullmatch(address.rpartition("/")[2])
    if found is None:
        raise SchemaChanged(f"wikidata: {address[:60]!r} is no item", words=(address[:60],))
    return found[0]
