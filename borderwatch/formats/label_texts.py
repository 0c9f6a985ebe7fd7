"""A feature's texts by language, and what else a label says of itself, by the fields in use; no source's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

# OpenStreetMap writes name:uk and name:sr-Latn, Natural Earth NAME_UK and NAME_ZHT, OpenMapTiles name_uk and name:uk.
# Behind an underscore three letters are no language but for these: NAME_ALT, NAME_LEN, name_int.
_COLON = re.compile(r"name:([a-z]{2,3}(?:[-_][a-z0-9]{2,8}){0,2})", re.IGNORECASE)
_UNDERSCORE = re.compile(r"name_([a-z]{2}|zht|zh[-_]han[st]|[a-z]{2}[-_]latn|[a-z]{2}[-_]cyrl)", re.IGNORECASE)
_OFFICIAL = re.compile(r"official_name(?::([a-z]{2,3}(?:[-_][a-z0-9]{2,8}){0,2}))?", re.IGNORECASE)
# Of the Key:name family these are no languages: name:old is an old name, name:int an international one.
_NO_LANGUAGE = frozenset({"abr", "alt", "int", "len", "loc", "nat", "old", "reg", "src"})
UNTAGGED = "name"
# What stays with a label from edition to edition, best first. A row's number (fid, OBJECTID) is none.
_KEYS = tuple(map(re.compile, ("@id", "osm_id", "wikidata(id)?", "geonames?id", "ne_id", "uuid", "id")))
_CLASSES = ("place", "featurecla", "class", "fclass", "feature_class", "natural", "kind", "type")
_HOLDERS = (
    "iso_a2",
    "adm0_a3",
    "country_code",
    "adm0name",
    "country",
    "is_in:country_code",
    "is_in:country",
    "sov0name",
)
_BLANK = ("-99", "-99.0", "none", "null", "nan", "n/a")


class LabelSays(NamedTuple):
    """What a file says of one label: its main text, its key, its class, and whose the place is, in its own words."""

    name: str | None
    key: str | None
    word: str | None
    holder: str | None


@cache
def language_of_field(field: str) -> str | None:
    """The language of the name a field holds; None where it holds no name, or one that says no language.

    ``official_name:uk`` is another name than ``name:uk`` and keeps the tag; ``name`` alone is ``name``.
    """
    if field.lower() == UNTAGGED:
        return UNTAGGED
    official = _OFFICIAL.fullmatch(field)
    if official is not None:
        return f"official_name:{official[1].lower()}" if official[1] else "official_name"
    found = _COLON.fullmatch(field) or _UNDERSCORE.fullmatch(field)
    if found is None or found[1].lower() in _NO_LANGUAGE:
        return None
    return _tag(found[1])


def _tag(text: str) -> str:
    """A BCP 47 tag in its usual spelling: ``sr-Latn``, ``zh-Hant``, ``be-tarask``."""
    first, *rest = text.replace("_", "-").lower().split("-")
    if first == "zht":
        return "zh-Hant"
    return "-".join([first, *(part.title() if len(part) == 4 and part.isalpha() else part.upper() if len(part) == 2
                              else part for part in rest)])  # fmt: skip


def names_from_properties(properties: Mapping[str, Any], *, but: Iterable[str | None] = ()) -> dict[str, str]:
    """Every name a feature has, by language; ``but``: the fields that are read otherwise."""
    left_out = set(but)
    found: dict[str, str] = {}
    for field, value in properties.items():
        if field not in left_out and (lang := language_of_field(field)) is not None:
            text = _text(value)
            if text is not None:
                found.setdefault(lang, text)
    return dict(sorted(found.items()))


def label_says(properties: Mapping[str, Any], identity: str | None = None) -> LabelSays:
    """What a file says of a label, by the fields in use; ``identity`` is the feature's own id in its format."""
    every = {field.lower(): text for field, value in properties.items() if (text := _text(value)) is not None}
    texts = {field: text for field, text in every.items() if text.casefold() not in _BLANK}
    keys = [(rank, f"{field}={text}") for field, text in texts.items() if (rank := _rank(field)) is not None]
    return LabelSays(
        name=every.get(UNTAGGED),
        key=min(keys)[1] if keys else identity,
        word=next((texts[field] for field in _CLASSES if field in texts), None),
        holder=next((texts[field] for field in _HOLDERS if field in texts), None),
    )


@cache
def _rank(field: str) -> int | None:
    """How good a key a field is, best first; None where it is none."""
    return next((n for n, key in enumerate(_KEYS) if key.fullmatch(field)), None)


def _text(value: Any) -> str | None:
    """A value as one line of text; None where it is nothing. Nan and None are towns, in Thailand and in Italy."""
    if value is None or isinstance(value, (bool, dict, list, float)):
        return None
    text = " ".join(str(value).split())
    return text if text not in ("", "-99") else None
