"""The tables ``owners`` reads: every word, code and label of an owner, from CLDR, Natural Earth and the catalogue.

A word that two owners share is kept only where an English source or the entity file settles it; else it is left
out, so that it resolves to nothing rather than to the wrong one.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from borderwatch.owners import fold
from catalogue_build import packages
from catalogue_build.layers import NATURAL_EARTH_COUNTRIES
from catalogue_build.packages import Shelf

ENTITIES = Path(__file__).resolve().parents[2] / "borderwatch" / "data" / "entities.json"

NOT_OWNERS = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
"""CLDR's two-letter codes for what is no territory."""

PARTS = {
    "AC": "SH",
    "CP": "FR",
    "CQ": "GG",
    "DG": "IO",
    "EA": "ES",
    "EL": "GR",
    "FX": "FR",
    "IC": "ES",
    "TA": "SH",
    "UK": "GB",
    "BU": "MM",
    "TP": "TL",
    "ZR": "CD",
}
"""Codes ISO 3166 reserves or has withdrawn -> the code that now holds that ground."""

WITHDRAWN = {"AN", "CS", "DD", "SU", "YU"}
"""Withdrawn codes whose ground several codes now hold: an old map that names one means that owner."""


def tables(shelf: Shelf, records: Sequence[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """``names`` (folded word -> owner), ``codes`` (code -> owner), ``labels`` (owner -> English)."""
    entities = json.loads(ENTITIES.read_bytes())
    mappings = json.loads(shelf.read(packages.CLDR_CORE, "supplemental/codeMappings.json"))
    english = _territories(shelf, "en")
    owners = {code for code in english if len(code) == 2 and code.isalpha()} - NOT_OWNERS - set(PARTS)
    codes = _codes(mappings["supplemental"]["codeMappings"], owners)
    natural = list(_natural_earth(shelf))

    settled: dict[str, str] = {}
    by_hand: dict[str, str] = {}
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for locale in _locales(shelf):
        for key, name in _territories(shelf, locale).items():
            identity = PARTS.get(key[:2], key[:2])
            if identity in NOT_OWNERS:
                votes[fold(name)][""] += 1  # one locale calls the United Kingdom what others call the United Nations
            if len(key.split("-")[0]) != 2 or identity not in owners or key == "IO-alt-chagos":
                continue
            votes[fold(name)][identity] += 1
            if locale == "en":
                settled.setdefault(fold(name), identity)
    for identity, words, ids in natural:
        codes = ids | codes
        for word in words:
            votes[fold(word)][identity] += 1
    for identity, words, ids in _coder(shelf, owners):
        codes = ids | codes
        for word in words:
            votes[fold(word)][identity] += 1
    for word, identity in _listed(shelf):
        votes[fold(word)][identity] += 1
    for identity, entity in entities.items():
        for word in entity.get("names", ()):
            settled[fold(word)] = by_hand[fold(word)] = identity
        codes |= dict.fromkeys(entity.get("codes", ()), identity)

    clear = {word: count for word, count in votes.items() if len(count) == 1 and "" not in count}
    names = {word: next(iter(count)) for word, count in clear.items() if not _looks_like_a_code(word)}
    names |= {word: identity for word, identity in settled.items() if word in by_hand or not _looks_like_a_code(word)}
    taken = set(votes)
    for word, identity in _catalogue(records, entities):
        if word not in taken:
            names.setdefault(word, identity)
    for record in records:
        codes.setdefault(record["slug"], record["slug"])
        for code in record.get("codes", {}).get("natural_earth_brk_a3", "").split():
            codes.setdefault(code, _identity(record))
        if record.get("qid"):
            # Before Natural Earth's: it gives the Spratly Islands Wake's number, Q43296.
            codes[record["qid"].split(" ")[0]] = _identity(record)
    labels = {code: name for code, name in english.items() if code in owners}
    labels |= {record["slug"]: record["name"] for record in records}
    labels |= {identity: entity["label"] for identity, entity in entities.items() if "label" in entity}
    for identity in labels:
        codes.setdefault(identity, identity)
    names.pop("", None)
    for word in entities["?"]["names"]:
        names.pop(fold(word), None)
    return {"codes": codes, "labels": labels, "names": names}


def _looks_like_a_code(word: str) -> bool:
    """``ru`` is short for the United Kingdom in one language, ``sa`` for the United States in another."""
    return word.isascii() and len(word.replace(" ", "")) <= 3


def translations(shelf: Shelf, records: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Slug -> language -> CLDR's names of a dispute that is a CLDR territory, in languages CLDR covers well."""
    levels = json.loads(shelf.read(packages.CLDR_CORE, "coverageLevels.json"))["effectiveCoverageLevels"]
    locales = [name for name in _locales(shelf) if levels.get(name) in ("modern", "moderate") and _is_language(name)]
    found: dict[str, dict[str, list[str]]] = {}
    for record in records:
        code = record.get("codes", {}).get("iso2") or record.get("codes", {}).get("user_assigned")
        for locale in locales if code else ():
            words = [name for key, name in _territories(shelf, locale).items() if key.split("-")[0] == code]
            base = found.get(record["slug"], {}).get(locale.split("-")[0])
            if words and list(dict.fromkeys(words)) != base:
                found.setdefault(record["slug"], {})[locale] = list(dict.fromkeys(words))
    return found


def _is_language(locale: str) -> bool:
    """A language, perhaps with its script (``zh-Hant``), but of no region."""
    return not any(len(part) in (2, 3) for part in locale.split("-")[1:])


def shared_words(shelf: Shelf) -> dict[str, list[str]]:
    """Words left out because several owners share them; for looking at, not for the tables."""
    votes: dict[str, set[str]] = defaultdict(set)
    for locale in _locales(shelf):
        for key, name in _territories(shelf, locale).items():
            if len(key.split("-")[0]) == 2:
                votes[fold(name)].add(PARTS.get(key[:2], key[:2]))
    return {word: sorted(ids) for word, ids in sorted(votes.items()) if len(ids) > 1}


def _codes(mappings: dict[str, dict[str, str]], owners: Iterable[str]) -> dict[str, str]:
    codes: dict[str, str] = {}
    for code in sorted(owners):
        entry = mappings.get(code, {})
        for key in (code, entry.get("_alpha3"), entry.get("_numeric")):
            if key and (key not in codes or code not in WITHDRAWN):
                codes[key] = code
    return codes | {code: now for code, now in PARTS.items() if now in owners}


def _locales(shelf: Shelf) -> list[str]:
    names = shelf.names(packages.CLDR)
    return [name.split("/")[1] for name in names if name.endswith("/territories.json")]


_READ: dict[str, dict[str, str]] = {}


def _territories(shelf: Shelf, locale: str) -> dict[str, str]:
    if not _READ:
        import tarfile

        with tarfile.open(shelf.archive(packages.CLDR)) as tarball:
            for member in tarball:
                if member.name.endswith("/territories.json"):
                    file = tarball.extractfile(member)
                    main = json.loads(file.read() if file else b"")["main"]
                    for name, content in main.items():
                        _READ[name] = content["localeDisplayNames"]["territories"]
    # A locale that has no name for a territory repeats its code.
    return {key: name for key, name in _READ[locale].items() if name != key}


NATURAL_EARTH_WORDS = (
    "NAME",
    "NAME_LONG",
    "FORMAL_EN",
    "FORMAL_FR",
    "NAME_CIAWF",
    "NAME_SORT",
    "NAME_ALT",
    "BRK_NAME",
    "ADMIN",
)
NATURAL_EARTH_CODES = ("ADM0_A3", "GU_A3", "SU_A3", "BRK_A3", "WIKIDATAID")
NATURAL_EARTH_OWN = {
    "BRI": "brazilian_island",
    "BRT": "bir_tawil",
    "CYN": "northern_cyprus",
    "ESB": "sba_cyprus",
    "WSB": "sba_cyprus",
    "KAB": "baikonur",
    "KAS": "siachen",
    "CNM": "cyprus_buffer",
    "KOS": "XK",
    "PGA": "spratly",
    "SCR": "scarborough",
    "SOL": "somaliland",
    "USG": "guantanamo",
    "SER": "serranilla",
    "BJN": "bajo_nuevo",
    "SPI": "southern_icefield",
}
"""Natural Earth's own codes for what ISO has none for (its ISO columns hold -99, or a claimant's code)."""


NATURAL_EARTH_MISTAKEN = {"PGA"}
"""Features whose WIKIDATAID, and so every translated name, is another's: the Spratly Islands have Wake Island's."""


def _natural_earth(shelf: Shelf) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    import geopandas as gpd

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "countries.zip"
        path.write_bytes(shelf.read(packages.COUNTRIES, NATURAL_EARTH_COUNTRIES))
        # The archive has no .cpg: without the word GDAL takes its UTF-8 for Latin-1.
        frame = gpd.read_file(path, ignore_geometry=True, encoding="utf-8")
    columns = [
        name for name in frame.columns if name in NATURAL_EARTH_WORDS or (name.startswith("NAME_") and len(name) <= 8)
    ]
    sovereigns: dict[str, str] = {}
    for row in frame.to_dict("records"):
        identity = NATURAL_EARTH_OWN.get(row["ADM0_A3"]) or row["ISO_A2_EH"]
        if len(identity) == 2 and not identity.isalpha():
            raise SystemExit(f"Natural Earth {row['ADM0_A3']}: no owner")
        wrong = row["ADM0_A3"] in NATURAL_EARTH_MISTAKEN
        own = [name for name in columns if not wrong or name in ("NAME", "NAME_LONG", "ADMIN", "BRK_NAME")]
        words = [row[name] for name in own if isinstance(row[name], str) and not row[name].isdigit()]
        codes = {
            row[name]: identity for name in NATURAL_EARTH_CODES if isinstance(row[name], str) and row[name] != "-99"
        }
        if wrong:
            codes.pop(row["WIKIDATAID"])
        if row["SOVEREIGNT"] == row["ADMIN"]:
            sovereigns[row["SOV_A3"]] = identity
        yield identity, words, codes
    yield "", [], sovereigns


def _coder(shelf: Shelf, owners: Iterable[str]) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    known = set(owners)
    for feature in json.loads(shelf.read(packages.CODER, "src/data/borders.json"))["features"]:
        properties = feature["properties"]
        code = properties.get("iso1A2")
        identity = PARTS.get(code, code)
        if identity in known:
            ids = {properties["wikidata"]: identity} if "wikidata" in properties and code not in PARTS else {}
            yield identity, [properties["nameEn"]], ids


def _listed(shelf: Shelf) -> Iterator[tuple[str, str]]:
    for line in shelf.read(packages.TZDATA, "tzdata/zoneinfo/iso3166.tab").decode().splitlines():
        if not line.startswith("#"):
            code, name = line.split("\t")
            yield name, code
    for feature in json.loads(shelf.read(packages.SURBOWL, "world.zh.json"))["features"]:
        properties = feature["properties"]
        if properties["iso_a2"] != "-99":
            yield properties["name"], properties["iso_a2"]
            yield properties["full_name"], properties["iso_a2"]


def _identity(record: dict[str, Any]) -> str:
    codes = record.get("codes", {})
    return str(record.get("owner") or codes.get("iso2") or codes.get("user_assigned") or record["slug"])


def _catalogue(records: Sequence[dict[str, Any]], entities: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of disputed territories; of seas and mere names nobody is an owner."""
    counts: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record["type"] in ("territory", "border"):
            for word in [
                record["slug"],
                record["name"],
                *(name for names in record["names"].values() for name in names),
            ]:
                counts[fold(word)].add(_identity(record))
    del entities
    for word, identities in counts.items():
        if len(identities) == 1:
            yield word, next(iter(identities))
