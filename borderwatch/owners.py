"""Any name, code or id a source uses -> one owner identity; knows no source and no geometry.

An identity is an ISO 3166-1 alpha-2 code, ``XK``, a catalogue slug for an entity without a code, or the source's
own word behind a ``?`` where nothing resolves. Nothing is guessed by likeness: a wrong owner is worse than ``?``.
Where code and name point to different owners the name decides: codes are null, -99 or copied from a neighbour
exactly where territory is disputed.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

DATA = Path(__file__).parent / "data"

UNUSABLE = frozenset({"", "-", "--", "-1", "-9", "-99", "-099", "99", "099", "0", "000", "nan", "none", "null", "n a"})
"""What sources write, folded, where they have no code. Not ``NA``: that is Namibia's."""

_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"})
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640]")
"""Accents of Latin, Greek and Cyrillic; points of Hebrew and Arabic. Marks of other scripts carry vowels and stay."""
_APOSTROPHES = re.compile("['\u2019\u2018\u02bc\u02bb`\u00b4\u02b9\u05f3\u05f4]")
_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_TURNED = re.compile(r"(?P<head>[^,()]+)(?:, ?(?P<rest>[^,()]+)|\((?P<inner>[^()]+)\))")
_PARTS = re.compile(r"[()/]")
_FORMS = ("republic of ", "the republic of ", "state of ", "kingdom of ", "the ")
_SHORT = {
    "amer": "american",
    "ant": "antarctic",
    "barb": "barbuda",
    "br": "british",
    "cent": "central",
    "dem": "democratic",
    "e": "east",
    "eq": "equatorial",
    "fed": "federated",
    "fr": "french",
    "gr": "grenadines",
    "herz": "herzegovina",
    "i": "island",
    "is": "islands",
    "mar": "mariana",
    "n": "north",
    "rep": "republic",
    "repub": "republic",
    "s": "south",
    "st": "saint",
    "ste": "sainte",
    "ter": "territory",
    "terr": "territory",
    "u": "united",
    "vin": "vincent",
    "w": "west",
}
"""Abbreviations of map labels, mostly Natural Earth's ``NAME`` and ``ABBREV``."""
_INITIALS = re.compile(r"\b([a-z]) (?=[a-z]\b)")


@functools.lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """``text`` without case, accents and punctuation, words parted by one space: ``U.S.`` and ``us`` are one."""
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold()).translate(_LETTERS)
    text = _APOSTROPHES.sub("", unicodedata.normalize("NFC", text)).replace("&", " and ")
    # Letters, digits and the vowel marks of Indic and other scripts (category M) are the word; the rest parts words.
    text = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
    return _INITIALS.sub(r"\1", " ".join(text.split()))


def owner(code: str | int | None, name: str | None = None, *, words: Mapping[str, str] | None = None) -> str:
    """The identity of who a source means by ``code`` and ``name``.

    ``words`` are the source's own words and what they stand for; they go first. Then the name decides where it
    resolves, else the code; else the answer is ``?`` and the word.
    """
    for word in (name, code):
        if words and word is not None and str(word) in words:
            return words[str(word)]
    name = name.strip() if isinstance(name, str) else ""
    code = "" if code is None else str(code).strip()
    return _owner_from_words(code, name)


@functools.lru_cache(maxsize=65536)
def _owner_from_words(code: str, name: str) -> str:
    # "RU" and "MY" are codes before they are short for another name in some language.
    looks_coded = len(name) in (2, 3) and name.isascii() and name.isalpha() and name.isupper()
    found = (_owner_from_code(name) if looks_coded else None) or _owner_from_name(name) or _owner_from_code(code)
    if not found:
        # Some sources put the name in the id, some the code in the name; "Nga" is a name, "NGA" a code.
        found = _owner_from_code(name) if name == name.upper() else _tables()["codes"].get(name)
        found = found or (_owner_from_name(code) if len(code) > 3 else None)
    if found:
        return found
    word = name or ("" if fold(code) in UNUSABLE else code)
    return word if word.startswith("?") else f"?{word}"


def label(identity: str) -> str:
    """The English display name of an identity: CLDR's, else the catalogue's, else the word behind ``?``."""
    return _tables()["labels"].get(identity, identity.removeprefix("?"))


def _owner_from_code(code: str) -> str | None:
    """What a code stands for: alpha-2, alpha-3, numeric, ISO 3166-2 (its first part), QID, Natural Earth's own."""
    if fold(code) in UNUSABLE:
        return None
    codes = _tables()["codes"]
    if code.isascii() and code.isdigit():
        return codes.get(code.zfill(3))
    upper = code.upper()
    found = codes.get(upper) or codes.get(code)
    if found is None and _SUBDIVISION.fullmatch(upper):
        return codes.get(upper[:2])
    return found


def _owner_from_name(name: str) -> str | None:
    """What a name stands for, as written or in one of a few fixed other spellings."""
    if not name or name.startswith("?"):
        return None
    names = _tables()["names"]
    for spelling in _spellings(name):
        found = names.get(spelling)
        if found:
            return found
    return _owner_from_parts(name) or _formal_names().get(fold(name))


def _spellings(name: str) -> Iterator[str]:
    """``name`` folded; turned round its comma or bracket; abbreviations written out; without its form of state."""
    folded = fold(name)
    yield folded
    turned = _TURNED.fullmatch(name.strip())
    if turned:
        yield fold(f"{turned['rest'] or turned['inner']} {turned['head']}")
    longer = " ".join(_SHORT.get(word, word) for word in folded.split())
    yield longer
    # "W. Sahara" but "W. Virginia": both long forms are tried, and only a known name counts.
    for short, long in (("west", "western"), ("south", "southern"), ("north", "northern"), ("east", "eastern")):
        if longer.startswith(f"{short} "):
            yield long + longer[len(short) :]
    for form in _FORMS:
        if longer.startswith(form):
            yield longer.removeprefix(form)


def _owner_from_parts(name: str) -> str | None:
    """The owner both halves of ``A (B)`` or ``A / B`` mean; None where they differ, for then it is a claim."""
    parts = [part for part in _PARTS.split(name) if fold(part)]
    if len(parts) < 2:
        return None
    names = _tables()["names"]
    found = {owner for part in parts for owner in [next(filter(None, map(names.get, _spellings(part))), None)]}
    return found.pop() if len(found) == 1 else None


class _Tables(TypedDict):
    codes: dict[str, str]
    names: dict[str, str]
    labels: dict[str, str]


@functools.cache
def _tables() -> _Tables:
    """The tables ``scripts/build_catalogue.py`` writes from CLDR, Natural Earth and the catalogue."""
    tables: _Tables = json.loads((DATA / "names.json").read_bytes())
    for path in sorted((DATA / "disputes").glob("*.json")):
        if path.stem not in tables["labels"]:
            _add(tables, path)
    return tables


def _add(tables: _Tables, path: Path) -> None:
    """A dispute put in the folder since the tables were written: its slug and names, where they are free."""
    record = json.loads(path.read_bytes())
    tables["codes"].setdefault(path.stem, path.stem)
    tables["labels"][path.stem] = record["name"]
    if record["type"] in ("territory", "border"):
        words = [path.stem, record["name"], *(word for words in record.get("names", {}).values() for word in words)]
        for word in words:
            tables["names"].setdefault(fold(word), path.stem)


@functools.cache
def _formal_names() -> Mapping[str, str]:
    """ISO 3166-1's own names, from iso-codes: read only when nothing else knew the name."""
    import pycountry

    fields = ("name", "official_name", "common_name")
    return {fold(getattr(c, field)): c.alpha_2 for c in pycountry.countries for field in fields if hasattr(c, field)}
