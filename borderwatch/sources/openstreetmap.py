"""OpenStreetMap through Overpass: what its level-2 and claim relations are tagged, and how their lines are drawn."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.errors import (
    CaptureProblem,
    NotModified,
    Partial,
    SchemaChanged,
    UsageError,
)
from borderwatch.models import (
    Body,
    Edition,
    Feature,
    Finding,
    LineStyle,
    Part,
    Reading,
    Role,
    Row,
    Snapshot,
    Terms,
    View,
)
from borderwatch.overpass import ATTIC_FROM, ask, edition_of, stamp
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch
    from borderwatch.formats.osm import Element

TAGS, COUNTRIES, CLAIMS = "tags", "countries", "claims"

API = "https://api.openstreetmap.org/api/0.6"

API_INTERVAL_S = 5.0
MOST_HISTORIES = 10
"""The editing API is no source of data (operations.osmfoundation.org/policies/api): the histories of few relations, and
only of those that were edited since the last capture."""
CODES_PER_QUERY = 5  # five countries with their outlines are 5 to 40 MB
MOST_OPEN = 8
EARLIER = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Of a hundred outlines one or another is often broken for some hours: it is then taken as it last was."""

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
# A list of viewers <- what a line is to them; where a viewer stands in several, the last.
_VIEWED = MappingProxyType({"claimed_by": "claim", "disputed_by": "unrecognized", "recognized_by": "recognized"})
NONE = "(none)"

_EVERY_LISTED = f"rel(id:{','.join(map(str, _CLAIM_IDS))});"
_EVERY_LEVEL_2 = 'rel["admin_level"="2"]["boundary"];rel["admin_level"="2"]["ISO3166-1"];'
_EVERY_CLAIM = (
    'rel["boundary"~"^(disputed|claim)$",i];rel["boundary"]["claimed_by"];rel["boundary"]["disputed_by"];'
    f"{_EVERY_LISTED}"
)


class OpenStreetMap(Source):
    """Anybody may edit OpenStreetMap, so what it shows is what its mappers last agreed on, or did not.

    ``tags`` is a list: each relation is a row, each fact its tags state a row under it, each name a row in its
    language. Values are told as they are written: OpenStreetMap has no closed list of them. ``countries`` are the
    outlines of the parties to disputes, ``claims`` the lines tagged as disputed or claimed, with who disputes them.

    An edit is told as it stood when it was asked for, vandalism that stands for minutes among them; one that is taken
    back is told again, naming what it takes back.

    We ask Overpass 3 questions a day and about 25 once a week (see ``overpass``). Who mapped what is nobody's business
    here: questions leave users out, and histories are kept without them.
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
            Edition(stamp(moment), moment, "the moment asked of Overpass")
            for moment in moments
            if ATTIC_FROM <= moment <= now - timedelta(days=1)
        )

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        from borderwatch.formats.osm import moment_from_osm

        past = "" if edition is None else edition.label
        moment = None if edition is None else moment_from_osm(past)
        if edition is not None and (moment is None or stamp(moment) != past):
            raise UsageError(f"openstreetmap: edition {past[:40]!r} is not a moment like 2020-01-01T00:00:00Z")
        if view.layer == TAGS:
            return _tags(view, fetch, edition, past)
        note = ""
        if view.layer == CLAIMS:
            query = (
                f"({_EVERY_CLAIM})->.c;.c out body;"
                '(way(r.c);way["boundary"]["disputed_by"];way["boundary"]["claimed_by"];'
                'way["boundary"]["disputed"="yes"];way["boundary"~"^(disputed|claim)$",i];);out body geom;'
            )
            answers = [("claims.json", ask(fetch, query, past))]
        else:
            answers = []
            codes = _parties()
            for n, start in enumerate(range(0, len(codes), CODES_PER_QUERY), start=1):
                some = "|".join(codes[start : start + CODES_PER_QUERY])
                query = f'rel["ISO3166-1"~"^({some})$"]["admin_level"="2"];out body geom;'
                answers.append((f"countries-{n:02}.json", ask(fetch, query, past)))
            entities = ",".join(str(n) for n, who in sorted(_IDENTITIES.items()) if who.islower() or who in _CONTESTED)
            answers.append(("entities.json", ask(fetch, f"rel(id:{entities});out body geom;", past)))
            _check_parties(codes, answers, now=past == "")
            earlier, note = _last_whole(fetch, answers, edition)
            answers += earlier
        parts, first = tuple(Part(name, answer.data) for name, answer in answers), answers[0][1]
        return Body(parts, first.url, edition or edition_of(first), first.headers, note)

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """Which relations of the claims table still exist, how many codes there are, what is remembered of 2015."""
        there = {int(line) for line in _lines(ask(fetch, f"{_EVERY_LISTED}out ids;", out="csv(::id;false)"))}
        lost = sorted(set(_CLAIM_IDS) - there)
        exist = f"{len(_CLAIM_IDS) - len(lost)}" + (f"; gone: {', '.join(map(str, lost))}" if lost else "")
        answer = ask(fetch, 'rel["admin_level"="2"]["ISO3166-1"];out tags;', out='csv("ISO3166-1";false)')
        codes = set(_lines(answer))
        past = ask(fetch, "rel(1703814);out tags;", "2015-10-20T11:39:01Z")
        [then] = past.json()["elements"] or [{}]
        said = str((then.get("tags") or {}).get("boundary"))
        base = edition_of(past).label
        return (
            Finding("relations of the claims table", str(len(_CLAIM_IDS)), exist, fine=not lost),
            Finding("territories with a code", f"{FEWEST_CODES} or more", str(len(codes)), len(codes) >= FEWEST_CODES),
            Finding("large countries", "each", ", ".join(sorted(SENTINELS - codes)) or "each", fine=codes >= SENTINELS),
            Finding("relation/1703814 on 2015-10-20", "disputed", said, fine=said == "disputed"),
            Finding("base of a past answer", "any moment", base, fine=True),
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


def _lines(answer: Answer) -> list[str]:
    return [line.strip() for line in answer.data.decode("utf-8", "replace").splitlines() if line.strip()]


@functools.cache
def _parties() -> tuple[str, ...]:
    """The codes of everybody who claims disputed ground, in order."""
    from borderwatch.disputes import catalogue

    claimants = {who for dispute in catalogue(geometry=False) for who in dispute.claimants}
    return tuple(sorted({who for who in claimants if len(who) == 2} | SENTINELS))


def _tags(view: View, fetch: Fetch, edition: Edition | None, past: str) -> Body:
    """The tags of every watched relation, and the histories of those edited since the last capture.

    ``NotModified`` where no tag of any is other than in the last capture, though the database went on.
    """
    ids = ",".join(map(str, sorted(_IDENTITIES)))
    wanted = f"({_EVERY_LEVEL_2}{_EVERY_CLAIM}rel(id:{ids}););"
    answer = ask(fetch, f"{wanted}out tags;", past)
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
    return Body(tuple(parts), answer.url, edition or edition_of(answer), headers, note)


def _histories(fetch: Fetch, wanted: str, since: datetime) -> list[Part]:
    """Every version of each watched relation whose version changed since then, as the editing API tells it."""
    from borderwatch.formats.osm import moment_from_osm

    answer = ask(fetch, f"{wanted}out meta;", "", out='csv(::id,::version,::timestamp;false;",")')
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
    elements = [element for _, answer in answers for element in answer.json()["elements"]]
    tags = [element.get("tags") or {} for element in elements if element.get("type") == "relation"]
    found = {said.get("ISO3166-1:alpha2") or said.get("ISO3166-1") for said in tags}
    missing = sorted((set(codes) if now else SENTINELS) - _CONTESTED - found)
    if missing:
        raise Partial(f"openstreetmap: no relation for {', '.join(missing)}: the answer is not whole; ask again later")


def _last_whole(
    fetch: Fetch, answers: Iterable[tuple[str, Answer]], edition: Edition | None
) -> tuple[list[tuple[str, Answer]], str]:
    """Answers for the relations whose rings are open at this moment, as each last was whole; and a note of that.

    Kept beside the answers of the moment, and read instead of them: a ring that an edit broke is no ground lost.
    """
    from borderwatch.formats.osm import area_from_relation, moment_from_osm, osm_from_overpass_json

    found, notes = [], []
    at = moment_from_osm((edition or edition_of(next(answer for _, answer in answers))).label)
    assert at is not None  # noqa: S101 - a label is checked before it is asked for
    broken = {}
    for _, answer in answers:
        for relation in osm_from_overpass_json(answer.data).elements:
            try:
                if _is_outline(relation):
                    area_from_relation(relation)
            except Partial as problem:
                broken[relation.id] = problem
    if len(broken) > MOST_OPEN:
        raise next(iter(broken.values()))
    for number in sorted(broken):
        for ago in EARLIER:
            answer = ask(fetch, f"rel({number});out body geom;", stamp(at - ago))
            try:
                whole = [area_from_relation(e) for e in osm_from_overpass_json(answer.data).elements if _is_outline(e)]
            except Partial:
                continue
            if whole:
                found.append((f"earlier-{number}.json", answer))
                notes.append(f"relation/{number} as of {stamp(at - ago)}, not closed since")
                break
        else:
            raise broken[number]
    return found, "; ".join(notes)


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


def _is_outline(relation: Element) -> bool:
    """Not a land mass without its sea, a region or a historic state."""
    return (
        relation.kind == "relation"
        and relation.tags.get("boundary", "").casefold() in _OUTLINES
        and relation.tags.get("admin_level") == "2"
    )


def _countries(relations: Iterable[Element]) -> Iterable[Feature]:
    """The outline of each level-2 relation; two of one owner are both drawn, overlap or not."""
    from borderwatch.formats.osm import area_from_relation

    for relation in relations:
        if not _is_outline(relation):
            continue
        identity = _identity(relation)
        # Names are told by the tags: told here too, each would be two changes.
        name = None if identity else relation.tags.get("name:en") or relation.tags.get("name")
        yield Feature(
            area_from_relation(relation),
            code=identity,
            name=name,
            word=relation.tags["boundary"].casefold(),
            words=_viewers(relation.tags),
        )


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
        named = [relation.tags.get("name:en") or relation.tags.get("name") or relation.reference for relation in of]
        yield Feature(
            line_from_paths([way.path], str(way)),
            name=way.tags.get("name:en") or way.tags.get("name") or "; ".join(named) or None,
            role=Role.BOUNDARY,
            style=LineStyle.DASHED,
            word=_plain(way.tags.get("boundary") or (of[0].tags.get("boundary", "") if of else "")) or None,
            words=_seen_by(element.tags for element in (way, *of)),
        )


def _seen_by(tags: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """How each viewer sees a line, in columns as other sources have them (``FCLASS_IN``), empty where as everybody.

    Who disputes a line does not recognise it, and ``admin_level:XX`` goes before the lists: so the tiles that are made
    from these tags read them. Every party has its column on every line, so that a word that comes is no new column.
    """
    said: dict[str, str] = {}
    levels: dict[str, str] = {}
    for one in tags:
        for key, word in _VIEWED.items():
            for viewer in re.findall(r"\b[A-Z]{2}\b", one.get(key, "")):
                said[viewer] = word
        for key, value in one.items():
            found = re.fullmatch(r"admin_level:([A-Z]{2})", key)
            if found:
                levels[found[1]] = "recognized" if value.strip() == "2" else "internal"
    return _columns(tuple(sorted({**said, **levels}.items())))


@functools.cache
def _columns(seen: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """One mapping for all lines that are seen alike: thousands of ways share a few dozen."""
    words = dict(seen)
    return {f"FCLASS_{viewer}": words.get(viewer, "") for viewer in sorted({*_parties(), *words})}


def _viewers(tags: Mapping[str, str]) -> dict[str, str]:
    """Who disputes, claims or recognises, where the tags say so."""
    said = {fact: value for fact, value in _facts(tags).items() if value != NONE}
    return {fact: said[fact] for fact in said if fact not in {"boundary", "admin_level", "code"}}
