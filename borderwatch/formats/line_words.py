"""A boundary line's own word -> how it is drawn and what the word says of it; for any file, no source's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypedDict

from borderwatch.models import LineStatus, LineStyle

# The first that fits: "Unrecognized Admin-1 boundary" is an internal line, "Disputed claim" a claim. Words are those
# of Natural Earth 1 to 5 (FEATURECLA, FCLASS_XX), the US State Department's LSIB (LABEL, STATUS), Marine Regions'
# LINE_TYPE and OpenStreetMap.
_STATUSES: tuple[tuple[re.Pattern[str], LineStatus], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), status)
    for pattern, status in (
        (r"admin(istrative)?[-_ ]?1|\binternal\b|province|\bstate boundary", LineStatus.INTERNAL),
        (r"unrecogni[sz]ed|not recogni[sz]ed", LineStatus.UNRECOGNISED),
        (
            r"line of (actual )?control|line of contact|\bl[oa]c\b|cease[- ]?fire|armistice|demarcation|demilitari",
            LineStatus.LINE_OF_CONTROL,
        ),
        (r"claim", LineStatus.CLAIM),
        (r"breakaway|de facto", LineStatus.BREAKAWAY),
        (r"(?<!un)disput", LineStatus.DISPUTED),
        (r"indefinite|indeterminan?te?|elusive|undefined|undetermined|unsettled|approximate", LineStatus.INDEFINITE),
        (r"lease|overlay", LineStatus.LEASE),
        (r"reference|\bother line of|line of (international )?separation", LineStatus.REFERENCE),
        (r"international|treaty|court ruling|recogni[sz]ed|map unit|\bmaritime\b|\bcountry\b", LineStatus.RECOGNISED),
    )
)
_STYLES: Mapping[LineStatus, LineStyle] = {
    LineStatus.RECOGNISED: LineStyle.SOLID,
    LineStatus.INTERNAL: LineStyle.NOT_DRAWN,
    LineStatus.UNRECOGNISED: LineStyle.NOT_DRAWN,
}
_STYLE_WORDS: Mapping[str, LineStyle] = {
    "solid": LineStyle.SOLID,
    "dashed": LineStyle.DASHED,
    "dash": LineStyle.DASHED,
    "dotted": LineStyle.DASHED,
    "not_drawn": LineStyle.NOT_DRAWN,
    "not drawn": LineStyle.NOT_DRAWN,
    "none": LineStyle.NOT_DRAWN,
    "hidden": LineStyle.NOT_DRAWN,
}
# Where a file says how a line is classed or drawn, best first; the fields' names are told without regard to case.
_CLASS_FIELDS = (
    "featurecla",
    "line_type",
    "label",
    "status",
    "rank_desc",
    "boundary_status",
    "border_status",
    "bdry_type",
    "class",
)
_STYLE_FIELDS = ("style", "line_style", "linestyle", "stroke_style", "dash")
_BLANK = ("", "-99", "-99.0", "none", "null", "nan")


class LineSays(TypedDict):
    """What a file says of one line, as fields of ``Feature``."""

    word: str | None
    style: LineStyle | None
    words: Mapping[str, str]


def line_says(properties: Mapping[str, Any]) -> LineSays:
    """The class, style and per-viewer columns (``FCLASS_IN``) of a line in any file, by the fields in use.

    OpenStreetMap says it in tags: ``boundary=disputed``, ``disputed=yes``, ``boundary=claim``.
    """
    texts = {name.lower(): text for name, value in properties.items() if (text := _text(value)) is not None}
    word = next((texts[field] for field in _CLASS_FIELDS if field in texts), None)
    if word is None and (texts.get("disputed") == "yes" or texts.get("boundary") in ("disputed", "claim")):
        word = "disputed" if texts.get("disputed") == "yes" else texts["boundary"]
    # A label may be a proper name (LSIB's "1967 Line"); how it is drawn, the class beside it says then.
    classes = (style_from_word(texts[field]) for field in _CLASS_FIELDS if field in texts)
    classed = next((style for style in classes if style is not None), style_from_word(word))
    named = next((texts[field] for field in _STYLE_FIELDS if field in texts), None)
    words = {name.upper(): text for name, text in sorted(texts.items()) if name.startswith("fclass_")}
    return LineSays(word=word, style=style_from_word(named) or classed, words=words)


def _text(value: Any) -> str | None:
    text = "" if value is None else " ".join(str(value).split())
    return None if text.casefold() in _BLANK else text


@cache
def status_from_word(word: str | None) -> LineStatus | None:
    """What a source's own word says of a line; None where it says nothing we know."""
    return next((status for pattern, status in _STATUSES if pattern.search(word or "")), None)


@cache
def style_from_word(word: str | None) -> LineStyle | None:
    """How a line of this word is drawn: solid where recognised, not at all where not, dashed between; None unknown."""
    named = _STYLE_WORDS.get((word or "").strip().casefold())
    if named is not None:
        return named
    if "undisputed" in (word or "").casefold():
        return LineStyle.SOLID  # a claim that nobody disputes
    status = status_from_word(word)
    return None if status is None else _STYLES.get(status, LineStyle.DASHED)
