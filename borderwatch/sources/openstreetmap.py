"""OpenStreetMap through Overpass: what its level-2 and claim relations are tagged, and how their lines are drawn."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from borderwatch.errors import (
    CaptureProblem,
    Malformed,
    NotModified,
    Partial,
    RateLimited,
    SchemaChanged,
    Unreachable,
    UsageError,
)
from borderwatch.models import Body, Edition, Feature, LineStyle, Part, Reading, Role, Row, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch
    from borderwatch.formats.osm import Element

TAGS, COUNTRIES, CLAIMS = "tags", "countries", "claims"

ENDPOINTS = (
    "https://overpass-api.de/api",
    # Other public instances, asked where the first is out of reach. They may lack the past, so no edition is theirs.
    "https://overpass.private.coffee/api",
    "https://overpass.kumi.systems/api",
)
API = "https://api.openstreetmap.org/api/0.6"

QUERY_S = 180  # Overpass' own default; a longer one waits longer for a slot
SILENCE_S = QUERY_S + 30.0  # it says nothing until the query is done
INTERVAL_S = 10.0
"""The operators ask for fewer than 10,000 questions and 1 GB a day. We ask 3 a day and about 30 once a week; ten
seconds between two let the two slots an address has recover (commons.html, "Magnitudes")."""
API_INTERVAL_S = 5.0
MOST_HISTORIES = 10
"""The editing API is no source of data (operations.osmfoundation.org/policies/api): the histories of few relations, and
only of those that were edited since the last capture."""
CODES_PER_QUERY = 5  # five countries with their outlines are 5 to 40 MB
MAX_LAG = timedelta(days=2)

ATTIC_FROM = datetime(2012, 10, 1, tzinfo=UTC)
"""Overpass remembers since 2012-09-12T06:55:00Z, the first planet under the ODbL."""

# Entities without a code of their own, and relations whose code is taken away and given back in edit wars: the
# number stays. From the catalogue's relations and a list of 2023.
_IDENTITIES = MappingProxyType(
    {
        449220: "TW", 1152717: "south_ossetia", 1152720: "abkhazia", 1473946: "IL", 1703814: "PS", 1741311: "RS",
        2088990: "XK", 2185374: "FK", 2559126: "EH", 3263728: "northern_cyprus", 5441968: "EH",
    }
)  # fmt: skip
# Claim relations of tilezen's list (2022-23) by the dispute they are about. Volunteers may delete or re-make them.
_CLAIMS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "abkhazia": (13573952,), "abyei": (9520182, 9520185), "aksai_chin": (13559369, 13559370, 13812681, 13879681),
        "artigas_corner": (13563042, 13563043), "arunachal": (13559373, 13559374), "azad_kashmir": (13559522,),
        "belize_claim": (13573969, 13573970), "bir_tawil": (13563019, 13563020),
        "brazilian_island": (13563052, 13563053), "ceuta": (13563077, 13563078), "crimea": (9520245, 9520246),
        "cyprus_buffer": (13562321,), "danube_pockets": (13562614, 13562615, 13562617, 13562618),
        "demchok": (9575755, 13559368, 13812677), "doklam": (13562391, 13562392, 13816439),
        "donetsk_luhansk": (13573966,), "essequibo": (13562333, 13562334), "gaza": (13563067,),
        "gibraltar": (13563074, 13563075), "golan": (13563062, 13574165, 13574166, 13574167),
        "guantanamo": (13563066,), "halaib": (13563021, 13563022), "ilemi": (9520181, 9520183),
        "kalapani": (13559362, 13559363),
        "kashmir": (9575758, 13559376, 13559516, 13879674, 13879689, 13932537, 13932538, 13937522),
        "korea_claims": (13563116, 13563117, 13563118), "XK": (13573985,), "kuril": (13563049, 13563050),
        "marouini": (13562280, 13562281), "melilla": (9520114, 13563114), "nagorno_karabakh": (13562869, 13562870),
        "northern_cyprus": (13562322,), "olivenza": (13562340, 13562341), "plazas_soberania": (9520116, 13563115),
        "shaksgam": (13559371, 13559372), "siachen": (13559521, 13790690), "somaliland": (13563059,),
        "south_ossetia": (13563121,), "southern_icefield": (13573737, 13573738), "transnistria": (13563060,),
        "west_bank": (13563071, 13563072), "EH": (9520224, 13562307, 13931905),
        # Of no dispute in the catalogue: watched all the same.
        "": (
            9575754, 9575756, 9575757, 13559365, 13559366, 13559375, 13562303, 13562304, 13812687, 13812689, 13816659,
        ),
    }
)  # fmt: skip
_CLAIM_IDS = tuple(sorted(number for numbers in _CLAIMS.values() for number in numbers))
_OF_NUMBER = MappingProxyType(
    {**{number: who for who, numbers in _CLAIMS.items() for number in numbers if who}, **_IDENTITIES}
)

SENTINELS = frozenset({"BR", "CN", "DZ", "FR", "IN", "JP", "PK", "RU", "US", "ZA"})
"""An answer of April 2021 was whole by every mark of Overpass and lacked India and Pakistan."""
FEWEST_CODES = 180  # 190 to 205 territories had a code of their own in every state of 2014 to 2019
# Codes that edit wars take away for a while: their absence is a fact, not a fault of the answer.
_CONTESTED = frozenset({"EH", "PS", "TW", "XK"})

_OUTLINES = frozenset({"administrative", "disputed"})
_LANGUAGE = re.compile(r"(?P<tag>(?:official_)?name):(?P<lang>[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)")
_KINDS = MappingProxyType({"name": None, "official_name": "official name", "int_name": "international name"})
# A fact of a relation <- the tags that say it. Everything else (flags, notes, population...) is not read.
_FACTS = MappingProxyType(
    {
        "boundary": ("boundary",),
        "admin_level": ("admin_level",),
        "code": ("ISO3166-1:alpha2", "ISO3166-1"),
        "disputed": ("disputed", "dispute", "border_status"),
        "disputed_by": ("disputed_by",),
        "claimed_by": ("claimed_by",),
        "controlled_by": ("controlled_by",),
        "recognized_by": ("recognized_by",),
    }
)
_BY_VIEWER = ("according_to", "admin_level")
NONE = "(none)"

_EVERY_LEVEL_2 = 'rel["admin_level"="2"]["boundary"];rel["admin_level"="2"]["ISO3166-1"];'
_EVERY_CLAIM = (
    'rel["boundary"~"^(disputed|claim)$",i];rel["boundary"]["claimed_by"];rel["boundary"]["disputed_by"];'
    f"rel(id:{','.join(map(str, _CLAIM_IDS))});"
)


class OpenStreetMap(Source):
    """Anybody may edit OpenStreetMap, so what it shows is what its mappers last agreed on, or did not.

    ``tags`` is a list: each relation is a row, each fact its tags state a row under it, each name a row in its
    language. Values are told as they are written: OpenStreetMap has no closed list of them. ``countries`` are the
    outlines of the parties to disputes, ``claims`` the lines tagged as disputed or claimed, with who disputes them.

    Overpass queues questions: its ``/api/status`` is read before each, and a wait of up to a minute sat out. Other
    instances are asked only where the first is out of reach, never to get round a limit. Who mapped what is nobody's
    business here: questions leave users out, and histories are kept without them.
    """

    name = "openstreetmap"
    title = "OpenStreetMap"
    watches = "how every country and claim relation is tagged, named and outlined, and who disputes which line"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors",
        url="https://www.openstreetmap.org/copyright",
    )
    every = timedelta(days=1)
    every_by_layer = MappingProxyType({COUNTRIES: timedelta(days=7), CLAIMS: timedelta(days=7)})
    layers = MappingProxyType(
        {
            TAGS: "tags and names of level-2 and claim relations",
            COUNTRIES: "outlines of the parties to disputes",
            CLAIMS: "disputed and claimed lines",
        }
    )
    resolution_km = MappingProxyType({COUNTRIES: 0.1, CLAIMS: 0.1})
    proven = (
        "recorded: 24 real states of 2014 to 2019 (tags), real relations, remark and tags of 2014 to 2023; "
        "status, history and csv by documented shape"
    )
    first_contact = (
        "that a whole tags answer has about 200 codes; how large the weekly answers are; whether all relations of the "
        "claims table still exist; what a [date:] answer calls its base"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """States that Overpass remembers: of tags the first of each month, of geometry the first of each year."""
        months = range(1, 13) if view.layer == TAGS else (1,)
        now = datetime.now(UTC)
        moments = [datetime(year, month, 1, tzinfo=UTC) for year in range(2012, now.year + 1) for month in months]
        return tuple(
            Edition(_stamp(moment), moment, "the moment asked of Overpass")
            for moment in moments
            if ATTIC_FROM <= moment <= now - timedelta(days=1)
        )

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        past = _past(edition)
        if view.layer == TAGS:
            return _tags(view, fetch, edition, past)
        if view.layer == CLAIMS:
            query = (
                f"({_EVERY_CLAIM})->.c;.c out body;"
                '(way(r.c);way["boundary"]["disputed_by"];way["boundary"]["claimed_by"];'
                'way["boundary"]["disputed"="yes"];way["boundary"~"^(disputed|claim)$",i];);out body geom;'
            )
            answers = [("claims.json", _ask(fetch, query, past))]
        else:
            answers = []
            codes = _parties()
            for n, start in enumerate(range(0, len(codes), CODES_PER_QUERY), start=1):
                some = "|".join(codes[start : start + CODES_PER_QUERY])
                query = f'rel["ISO3166-1"~"^({some})$"]["admin_level"="2"];out body geom;'
                answers.append((f"countries-{n:02}.json", _ask(fetch, query, past)))
            entities = ",".join(str(n) for n, who in sorted(_IDENTITIES.items()) if who.islower() or who in _CONTESTED)
            answers.append(("entities.json", _ask(fetch, f"rel(id:{entities});out body geom;", past)))
            _check_parties(codes, answers, now=past == "")
        base = edition or _edition_of(answers[0][1])
        return Body(
            tuple(Part(name, answer.data) for name, answer in answers), answers[0][1].url, base, answers[0][1].headers
        )

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.osm import osm_from_overpass_json

        elements = [
            element
            for part in snapshot.parts
            if "/" not in part.name and part.name.endswith(".json")
            for element in osm_from_overpass_json(part.data).elements
            if element.id > 0  # editors number what they have not uploaded below zero
        ]
        relations = list({e.id: e for e in elements if e.kind == "relation"}.values())
        if snapshot.view.layer == TAGS:
            _check_whole(relations, FEWEST_CODES)
            return Reading(rows=tuple(row for relation in relations for row in _rows(relation)))
        if snapshot.view.layer == COUNTRIES:
            _check_whole(relations, len(SENTINELS))
            return Reading(features=tuple(_countries(relations)))
        ways = list({e.id: e for e in elements if e.kind == "way"}.values())
        if not ways:
            raise Partial("openstreetmap: no disputed or claimed line in the whole world: ask again")
        return Reading(features=tuple(_claimed_lines(relations, ways)))


# --- asking ---------------------------------------------------------------------------------------------


def _past(edition: Edition | None) -> str:
    """The ``[date:]`` of a query; it takes this one form of a timestamp and no other."""
    if edition is None:
        return ""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", edition.label):
        raise UsageError(f"openstreetmap: edition {edition.label[:40]!r} is not a moment like 2020-01-01T00:00:00Z")
    return f'[date:"{edition.label}"]'


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parties() -> list[str]:
    """The codes of everybody who claims disputed ground, in order."""
    from borderwatch.disputes import catalogue

    claimants = {who for dispute in catalogue(geometry=False) for who in dispute.claimants}
    return sorted({who for who in claimants if len(who) == 2} | SENTINELS)


def _ask(fetch: Fetch, query: str, past: str, *, out: str = "json") -> Answer:
    """What an Overpass instance answers; the next one is asked where one is out of reach or gives up."""
    problem: CaptureProblem | None = None
    text = f"[out:{out}][timeout:{QUERY_S}]{past};{query}"
    for endpoint in ENDPOINTS[:1] if past else ENDPOINTS:
        try:
            _wait_for_slot(fetch, endpoint)
            answer = _answer(fetch, endpoint, text, expect="json" if out == "json" else "text")
            if out == "json":
                _check_fresh(fetch, answer, live=not past)
        except (Malformed, Partial, Unreachable) as caught:
            problem = problem or caught
        else:
            return answer
    assert problem is not None  # noqa: S101 - there is an endpoint
    raise problem


def _answer(fetch: Fetch, endpoint: str, query: str, *, expect: Any) -> Answer:
    # Overpass is a documented data API: its usage policy rules, not robots.txt.
    url = f"{endpoint}/interpreter"
    try:
        return fetch.get(
            url, params={"data": query}, expect=expect, robots=False, interval_s=INTERVAL_S, silence_s=SILENCE_S
        )
    except RateLimited as problem:
        if problem.retry_after is None:  # Overpass says in its status page when there is room again
            problem.retry_after = _wait_s(fetch, endpoint)
        raise


def _wait_for_slot(fetch: Fetch, endpoint: str) -> None:
    """Sit out the queue of an instance; a long one ends the attempt and says when to come back."""
    fetch.leave(endpoint, _wait_s(fetch, endpoint) or 0.0)


def _wait_s(fetch: Fetch, endpoint: str) -> float | None:
    """Seconds until the instance has room for us; None where it does not say."""
    try:
        answer = fetch.get(f"{endpoint}/status", expect="text", robots=False, interval_s=0.0)
    except (Malformed, NotModified):
        return None  # an instance without a status page
    except CaptureProblem as problem:
        if problem.status == 404:
            return None
        raise
    status = answer.data.decode("utf-8", "replace")
    if re.search(r"\d+ slots? available now", status) or re.search(r"^Rate limit: 0$", status, re.MULTILINE):
        return 0.0
    waits = [int(seconds) for seconds in re.findall(r"in (-?\d+) seconds", status)]
    return max(0.0, float(min(waits))) if waits else None


def _check_fresh(fetch: Fetch, answer: Answer, *, live: bool) -> None:
    """``Partial`` where an answer was given up, or where its instance lags behind the world or our last copy."""
    from borderwatch.formats.osm import is_overpass, moment_from_osm, osm_from_overpass_value

    value = answer.json()
    if not is_overpass(value):
        raise SchemaChanged(
            f"openstreetmap: {answer.url[:80]} answered JSON that is no Overpass answer", url=answer.url
        )
    osm_from_overpass_value({**value, "elements": []})  # raises where a remark says that it stopped
    base = moment_from_osm((value.get("osm3s") or {}).get("timestamp_osm_base"))
    if not live:
        return
    if base is None:
        raise SchemaChanged("openstreetmap: an answer without timestamp_osm_base", words=("timestamp_osm_base",))
    try:
        now = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        now = base
    held = fetch.known.edition.published_at if fetch.known and fetch.known.edition else None
    host = urlsplit(answer.url).hostname
    if now - base > MAX_LAG:
        raise Partial(f"openstreetmap: {host} is {(now - base).days} days behind ({_stamp(base)}): ask again later")
    if held is not None and base < held:
        raise Partial(f"openstreetmap: {host} is at {_stamp(base)}, behind our last copy of {_stamp(held)}: ask again")


def _edition_of(answer: Answer) -> Edition:
    from borderwatch.formats.osm import moment_from_osm

    base = moment_from_osm(answer.json()["osm3s"]["timestamp_osm_base"])
    assert base is not None  # noqa: S101 - checked when it came
    return Edition(_stamp(base), base, "timestamp_osm_base of the answer")


def _tags(view: View, fetch: Fetch, edition: Edition | None, past: str) -> Body:
    """The tags of every watched relation, and the histories of those edited since the last capture.

    ``NotModified`` where no tag of any is other than in the last capture, though the database went on.
    """
    ids = ",".join(map(str, sorted(_IDENTITIES)))
    wanted = f"({_EVERY_LEVEL_2}{_EVERY_CLAIM}rel(id:{ids}););"
    answer = _ask(fetch, f"{wanted}out tags;", past)
    elements = sorted(answer.json()["elements"], key=lambda element: str(element.get("id")))
    digest = hashlib.sha256(json.dumps(elements, sort_keys=True).encode()).hexdigest()
    known = fetch.known
    if known is not None and known.headers.get("elements-sha256") == digest:
        raise NotModified(f"{view}: no watched relation has another tag than in {known.id[:12]}")
    parts, note = [Part("tags.json", answer.data)], ""
    since = known.edition.published_at if known is not None and known.edition is not None else None
    if not past and since is not None:
        try:
            parts += _histories(fetch, wanted, since)
        except CaptureProblem as problem:  # evidence beside the tags; without it they are no less what they are
            note = f"no history: {problem.kind}"
    headers = {**answer.headers, "elements-sha256": digest}
    return Body(tuple(parts), answer.url, edition or _edition_of(answer), headers, note)


def _histories(fetch: Fetch, wanted: str, since: datetime) -> list[Part]:
    """Every version of each watched relation whose version changed since then, as the editing API tells it."""
    from borderwatch.formats.osm import moment_from_osm

    answer = _ask(fetch, f"{wanted}out meta;", "", out='csv(::id,::version,::timestamp;false;",")')
    edited = []
    for line in csv.reader(io.StringIO(answer.data.decode("utf-8", "replace"))):
        if len(line) != 3 or not line[0].isdecimal():
            raise SchemaChanged(f"openstreetmap: {','.join(line)[:60]!r} is no id, version and time")
        moment = moment_from_osm(line[2])
        if int(line[0]) in _OF_NUMBER and moment is not None and moment > since:
            edited.append((moment, int(line[0])))
    parts = [Part("versions.csv", answer.data)]
    for _, number in sorted(edited, reverse=True)[:MOST_HISTORIES]:
        url = f"{API}/relation/{number}/history.json"
        history = fetch.get(url, expect="json", robots=False, interval_s=API_INTERVAL_S)
        parts.append(Part(f"history/{number}.json", _without_mappers(history)))
    return parts


def _without_mappers(history: Answer) -> bytes:
    """A history without the names and numbers of who mapped; what a changeset said is found by its number."""
    value = history.json()
    if not isinstance(value, dict) or not isinstance(value.get("elements"), list):
        raise SchemaChanged(f"openstreetmap: {history.url} is no list of versions", url=history.url)
    for version in value["elements"]:
        for field in ("user", "uid"):
            version.pop(field, None)
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()


def _check_parties(codes: Iterable[str], answers: Iterable[tuple[str, Answer]], *, now: bool) -> None:
    """``Partial`` where a party that was asked for has no relation in the answers; of the past less is asked."""
    from borderwatch.formats.osm import osm_from_overpass_json

    found = {_code(e) for _, answer in answers for e in osm_from_overpass_json(answer.data).elements}
    missing = sorted((set(codes) if now else SENTINELS) - _CONTESTED - found)
    if missing:
        raise Partial(f"openstreetmap: no relation for {', '.join(missing)}: the answer is not whole; ask again later")


# --- reading --------------------------------------------------------------------------------------------


def _check_whole(relations: Iterable[Element], fewest: int) -> None:
    """``Partial`` where large countries are missing: then nothing that is absent proves anything."""
    codes = {_code(relation) for relation in relations} - {""}
    missing = sorted(SENTINELS - codes)
    if missing or len(codes) < fewest:
        raise Partial(
            f"openstreetmap: {len(codes)} territories with a code (at least {fewest}), missing "
            f"{', '.join(missing) or 'no sentinel'}: the answer is not whole; ask again later"
        )


def _code(relation: Element) -> str:
    return relation.tags.get("ISO3166-1:alpha2") or relation.tags.get("ISO3166-1") or ""


def _identity(relation: Element) -> str | None:
    """Whose relation this is: by number, by code, by name; None where nothing resolves."""
    from borderwatch.owners import owner

    if relation.id in _OF_NUMBER:
        return _OF_NUMBER[relation.id]
    if re.fullmatch(r"[A-Z]{2}", _code(relation)):
        return _code(relation)
    found = owner(None, relation.tags.get("name:en") or relation.tags.get("name"))
    return None if found.startswith("?") else found


def _rows(relation: Element) -> list[Row]:
    """A relation, the facts its tags state and its names, each a row under the relation's own."""
    key = relation.reference
    # A code of its own for what nothing resolves: else a claim named after a place would be taken for the place.
    code = _identity(relation) or key
    rows = [Row(key, "boundary relation", code=code, kind="relation", lang="")]
    for fact, value in _facts(relation.tags).items():
        rows.append(Row(f"{key} {fact}", value, code=code, parent=key, lang=""))
    names = {"name": relation.tags.get("name") or "(no name)"}
    names |= {tag: relation.tags[tag] for tag in ("official_name", "int_name") if relation.tags.get(tag)}
    for tag, text in names.items():
        rows.append(Row(f"{key} {tag}", text, code=code, kind=_KINDS[tag] or "name drawn", parent=key, lang="und"))
    for tag, text in sorted(relation.tags.items()):
        found = _LANGUAGE.fullmatch(tag)
        if found and text:
            rows.append(Row(f"{key} {tag}", text, code=code, kind=_KINDS[found["tag"]], parent=key, lang=found["lang"]))
    return rows


def _facts(tags: Mapping[str, str]) -> dict[str, str]:
    """What the tags state of a dispute, one value a fact; ``(none)`` where they say nothing."""
    facts = {}
    for fact, keys in _FACTS.items():
        said = {_plain(tags[key]) for key in keys if tags.get(key)}
        facts[fact] = "; ".join(sorted(said)) or NONE
    for family in _BY_VIEWER:
        said = {
            f"{key.removeprefix(family)[1:]}={_plain(value)}"
            for key, value in tags.items()
            if key.startswith(f"{family}:")
        }
        facts[f"{family} by viewer"] = ", ".join(sorted(said)) or NONE
    return facts


def _plain(value: str) -> str:
    """A value without what does not matter: case of words, order and separators of a list of codes."""
    items = sorted({" ".join(item.split()) for item in re.split(r"[;,]", value)} - {""})
    return ";".join(item if re.fullmatch(r"[A-Z]{2,3}", item) else item.casefold() for item in items)


def _countries(relations: Iterable[Element]) -> Iterable[Feature]:
    """The outline of each level-2 relation; two of one owner are both drawn, overlap or not."""
    from borderwatch.formats.osm import area_from_relation

    for relation in relations:
        word = relation.tags.get("boundary", "").casefold()
        if word not in _OUTLINES or relation.tags.get("admin_level") != "2":
            continue  # a land mass without its sea, a region, a historic state
        identity = _identity(relation)
        # Names are told by the tags: told here too, each would be two changes.
        name = None if identity else relation.tags.get("name:en") or relation.tags.get("name")
        yield Feature(area_from_relation(relation), code=identity, name=name, word=word, words=_viewers(relation.tags))


def _claimed_lines(relations: Iterable[Element], ways: Iterable[Element]) -> Iterable[Feature]:
    """Each way once, with what it and the claims it belongs to say; two features on one line would be compared anew."""
    from borderwatch.formats.osm import line_from_paths

    claims: dict[int, list[Element]] = {}
    for relation in relations:
        for member in relation.members:
            if member.kind == "way":
                claims.setdefault(member.ref, []).append(relation)
    for way in ways:
        if way.path is None:
            raise Partial(f"openstreetmap: {way} has no places: ask again")
        of = sorted(claims.get(way.id, []), key=lambda relation: relation.id)
        words: dict[str, set[str]] = {}
        for element in (way, *of):
            for fact, value in _viewers(element.tags).items():
                words.setdefault(fact, set()).update(value.split(";"))
        named = [relation.tags.get("name:en") or relation.tags.get("name") or relation.reference for relation in of]
        yield Feature(
            line_from_paths([way.path], str(way)),
            name=way.tags.get("name:en") or way.tags.get("name") or "; ".join(named) or None,
            role=Role.BOUNDARY,
            style=LineStyle.DASHED,
            word=_plain(way.tags.get("boundary") or (of[0].tags.get("boundary", "") if of else "")) or None,
            words={fact: ";".join(sorted(values)) for fact, values in sorted(words.items())},
        )


def _viewers(tags: Mapping[str, str]) -> dict[str, str]:
    """Who disputes, claims or recognises, where the tags say so."""
    said = {fact: value for fact, value in _facts(tags).items() if value != NONE}
    return {fact: said[fact] for fact in said if fact not in {"boundary", "admin_level", "code"}}
