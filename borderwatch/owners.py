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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

UNUSABLE = frozenset({"", "-", "--", "-1", "-9", "-99", "-099", "99", "099", "0", "000", "na", "nan", "none", "null"})
"""What sources write where they have no code."""

_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ß": "ss"})
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0640]")
"""Accents of Latin, Greek and Cyrillic; points of Hebrew and Arabic. Marks of other scripts carry vowels and stay."""
_GAPS = re.compile(r"[\W_]+")
_APOSTROPHES = re.compile("['\u2019\u2018\u02bc\u02bb`\u00b4\u02b9]")


@functools.lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """``text`` without case, accents and punctuation, words parted by one space."""
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())
    text = _APOSTROPHES.sub("", unicodedata.normalize("NFC", text).translate(_LETTERS)).replace("&", " and ")
    return _GAPS.sub(" ", _keep_marks(text)).strip()


def _keep_marks(text: str) -> str:
    return text


def owner(code: str | int | None, name: str | None = None, *, words: Mapping[str, str] | None = None) -> str:
    """The identity of who a source means by ``code`` and ``name``.

    ``words`` are the source's own words and what they stand for; they go first. The name decides where it
    resolves, else the code; else ``?`` and the word.
    """
    for word in (name, code):
        if words and word is not None and str(word) in words:
            return words[str(word)]
    by_name = _owner_from_name(name) if name else None
    if by_name:
        return by_name
    by_code = _owner_from_code(str(code)) if code is not None else None
    if by_code:
        return by_code
    word = (name or "").strip() or ("" if code is None or fold(str(code)) in UNUSABLE else str(code).strip())
    return word if word.startswith("?") else f"?{word}"


def label(identity: str) -> str:
    """The English display name of an identity (CLDR's, or the catalogue's for an entity without code)."""
    return str(_tables()["labels"].get(identity, identity.removeprefix("?")))


def _owner_from_code(code: str) -> str | None:
    codes: Mapping[str, str] = _tables()["codes"]
    code = code.strip()
    if fold(code) in UNUSABLE:
        return None
    if code.isdecimal():
        return codes.get(code.zfill(3))
    return codes.get(code.upper()) or codes.get(code) or (codes.get(code[:2].upper()) if code[2:3] == "-" else None)


def _owner_from_name(name: str) -> str | None:
    names: Mapping[str, str] = _tables()["names"]
    return names.get(fold(name))


@functools.cache
def _tables() -> dict[str, Any]:
    import pycountry

    disputes = {path.stem: json.loads(path.read_bytes()) for path in sorted((DATA / "disputes").glob("*.json"))}
    codes: dict[str, str] = {"XK": "XK", "XKX": "XK", "XKK": "XK", "KOS": "XK"}
    names: dict[str, str] = {}
    labels: dict[str, str] = {"XK": "Kosovo"}
    for slug, dispute in disputes.items():
        identity = dispute.get("codes", {}).get("iso2") or dispute.get("codes", {}).get("user_assigned") or slug
        labels.setdefault(slug, dispute["name"])
        codes[slug] = slug
        for word in [slug, dispute["name"], *(word for words in dispute["names"].values() for word in words)]:
            names.setdefault(fold(word), identity)
    for country in pycountry.countries:
        codes |= dict.fromkeys((country.alpha_2, country.alpha_3, country.numeric), country.alpha_2)
        labels[country.alpha_2] = getattr(country, "common_name", country.name)
        for field in ("name", "official_name", "common_name"):
            names[fold(getattr(country, field, country.name))] = country.alpha_2
    return {"codes": codes, "names": names, "labels": labels}
