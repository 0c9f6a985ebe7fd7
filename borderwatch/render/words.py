"""What pages say: outside text made safe to show; owners, numbers, dates and shares in the language spoken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from borderwatch import owners
from borderwatch.models import (
    Capture,
    Change,
    Coverage,
    Depiction,
    Dispute,
    DisputeType,
    Kind,
    LineStyle,
    Standing,
    View,
)
from borderwatch.render import language as lang
from borderwatch.render.language import N_, Spoken, SpokenPairs
from borderwatch.render.language import gettext as _

day, moment = lang.day, lang.moment

LONGEST = 320
"""Characters of one outside text shown on a page; real labels stay below 120, a hostile one may have 10,000."""

# Format characters that reorder or hide the text around them (Unicode 16, Bidi_Control but for the harmless
# marks LRM, RLM and ALM), and controls that HTML forbids. They are spelled out, so that a reader sees them.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def plain(text: str) -> str:
    """``text`` with controls replaced and reordering marks spelled out; markup is left to the escaper."""
    text = _REORDERING.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def short(text: str, longest: int = LONGEST) -> str:
    """``text`` cleaned and cut at ``longest`` characters, saying how many are left out."""
    text = plain(text)
    if len(text) <= longest:
        return text
    more = _("%(n)s more characters") % {"n": lang.decimal(len(text) - longest)}
    return f"{text[:longest]}… ({more})"


def owner_label(identity: str | None) -> str:
    """The name a page uses for an owner identity: ``Ukraine (UA)``, ``Northern Cyprus``, ``“S. Nowhere”``."""
    return _owner_label(identity, lang.spoken())


@cache
def _owner_label(identity: str | None, _language: str) -> str:
    if identity is None:
        return _("nobody")
    if identity.startswith("?"):
        return f"“{short(identity[1:], 80)}”" if identity[1:].strip() else _("an owner without a name")
    name = owner_name(identity)
    return f"{name} ({identity})" if _CODE.fullmatch(identity) and name != identity else name


def owner_name(identity: str | None) -> str:
    """The same without its code, for places where room is short: ``Ukraine``."""
    if identity is None or identity.startswith("?"):
        return owner_label(identity)
    return short(lang.territory(identity) or _name_of_slug(identity) or owners.label(identity), 80)


def _name_of_slug(identity: str) -> str | None:
    """The name in the language spoken of an owner that is itself a watched dispute."""
    from borderwatch.disputes import catalogue

    if lang.spoken() == "en" or identity not in catalogue(geometry=False).disputes:
        return None
    return next(iter(catalogue(geometry=False).get(identity).names.get(lang.spoken(), ())), None)


def dispute_name(dispute: Dispute) -> str:
    """The dispute's name in the language spoken, as the catalogue has it; else its English name."""
    return next(iter(dispute.names.get(lang.spoken(), ())), dispute.name) if lang.spoken() != "en" else dispute.name


_CODE = re.compile("[A-Z]{2}")

TYPE_WORDS: Mapping[DisputeType, str] = Spoken(
    {
        DisputeType.TERRITORY: N_("Territory"),
        DisputeType.BORDER: N_("Boundary line"),
        DisputeType.MARITIME: N_("Sea zone"),
        DisputeType.NAMING: N_("Name"),
    }
)

KIND_WORDS: Mapping[Kind, tuple[str, str]] = SpokenPairs(
    {
        Kind.TRANSFER: (N_("Transfer"), N_("ground passes from one owner to another")),
        Kind.OVERLAP: (N_("Overlap"), N_("an owner starts or stops being given ground that another keeps")),
        Kind.GAP: (N_("Gap"), N_("land is left to nobody, or nobody's land is given to an owner")),
        Kind.LAND_WATER: (N_("Land and water"), N_("land is drawn where water was, or water where land was")),
        Kind.SPLIT: (N_("Split"), N_("one feature becomes several")),
        Kind.MERGED: (N_("Merged"), N_("several features become one")),
        Kind.APPEARED: (N_("Appeared"), N_("it gets a feature of its own, or a label is placed on it")),
        Kind.DISAPPEARED: (N_("Disappeared"), N_("it loses its own feature, or a label on it")),
        Kind.BOUNDARY_MOVED: (N_("Boundary moved"), N_("the line is drawn elsewhere")),
        Kind.RESTYLED: (N_("Restyled"), N_("the line is drawn otherwise: solid, dashed or not at all")),
        Kind.RENAMED: (N_("Renamed"), N_("the name changes")),
        Kind.LISTED: (N_("Listed"), N_("a list gains it")),
        Kind.DELISTED: (N_("Delisted"), N_("a list loses it")),
        Kind.RELABELLED: (N_("Relabelled"), N_("a list names it otherwise, or a label on it says something else")),
        Kind.REPARENTED: (N_("Reparented"), N_("a list files it under another entry")),
        Kind.WORLDVIEWS: (N_("Worldviews"), N_("the source's list of audiences changes")),
    }
)

STYLE_WORDS: Mapping[LineStyle, str] = Spoken(
    {
        LineStyle.SOLID: N_("solid line"),
        LineStyle.DASHED: N_("dashed line"),
        LineStyle.NOT_DRAWN: N_("line not drawn"),
    }
)


def number(value: float) -> str:
    """A measure with the digits a reader can use: ``27,043``, ``5.5``, ``0.31``."""
    return lang.decimal(value, "#,##0" if value >= 100 or value == 0 else "#,##0.0" if value >= 1 else "@@")


def percent(share: float) -> str:
    """A share of 1 as a percentage that never rounds something to nothing, nor all but a little to all."""
    if 0 < share < 0.005:
        return _("under 1 %")
    if 0.995 <= share < 1:
        return _("over 99 %")
    return f"{lang.decimal(share * 100)} %"


def view_name(view: View) -> str:
    """A view's spelling, safe as HTML, with places to break the line where its parts meet."""
    from markupsafe import Markup, escape

    name = escape(short(str(view), 100))
    for mark in "/#@_":
        name = name.replace(mark, Markup(f"{mark}<wbr>"))  # noqa: S704 - a constant
    return name


def audience(view: View) -> str:
    """Whom a view is shown to, as far as it says: ``the audience of India (IN), asked from France (FR)``."""
    told = _("the default audience") if view.worldview == "default" else _audience_of(view.worldview)
    if view.vantage == "any":
        return told
    return _("%(audience)s, asked from %(place)s") % {"audience": told, "place": owner_label(view.vantage)}


def _audience_of(worldview: str) -> str:
    named = owner_label(worldview) if _CODE.fullmatch(worldview) else short(worldview, 60)
    return _("the audience of %(place)s") % {"place": named}


_FAULTS: Mapping[str, str] = Spoken(
    {
        "unreachable": N_("unreachable"),
        "refused": N_("refused"),
        "rate_limited": N_("rate limited"),
        "challenged": N_("challenged"),
        "not_served": N_("not served"),
        "malformed": N_("malformed"),
        "partial": N_("partial"),
        "too_large": N_("too large"),
        "schema_changed": N_("schema changed"),
        "problem": N_("problem"),
    }
)


def fault_words(kind: str) -> str:
    """Why an attempt failed, in a word or two; a kind this reader does not know is shown as it is."""
    return _FAULTS[kind] if kind in _FAULTS else short(kind.replace("_", " "), 40)


def shown_on(capture: Capture) -> str:
    """When the source showed it, and which edition: ``2019-04-25, edition 0.5.0``."""
    if capture.edition is None:
        return day(capture.shown_at)
    if capture.undated:
        return edition(capture)
    return _("%(date)s, edition %(edition)s") % {
        "date": day(capture.shown_at),
        "edition": short(capture.edition.label, 60),
    }


def shown_when(capture: Capture) -> str:
    """The day a source showed it; the name of a file that has no day."""
    return edition(capture) if capture.undated else day(capture.shown_at)


def edition(capture: Capture) -> str:
    """The edition a capture holds, or the day it was taken where the source has none."""
    return short(capture.edition.label, 60) if capture.edition is not None else day(capture.taken_at)


def shares_in_words(depiction: Depiction) -> tuple[tuple[str, str], ...]:
    """Owner and percentage, greatest first; what is drawn as nobody's, or as several owners', is said."""
    shares = sorted(depiction.shares, key=lambda s: (-s.share, s.owner))
    words = [(owner_label(s.owner), percent(s.share)) for s in shares if s.share > 0]
    total = sum(s.share for s in shares)
    if total < 0.995:
        words.append((_("no owner shown"), percent(1 - total)))
    elif total > 1.005:
        words.append((_("shown as several owners' at once"), percent(total - 1)))
    return tuple(words)


def coverage_in_words(depiction: Depiction) -> str:
    """Why a view can say nothing of a dispute; empty where it does."""
    if depiction.coverage is Coverage.SHOWN:
        return ""
    if depiction.coverage is not Coverage.NOT_RESOLVABLE:
        told = _("This source does not draw or list this place")
    elif depiction.limit_km:
        limit = number(depiction.limit_km)
        told = _("Too small for this source to tell (it cannot show anything thinner than %(limit)s km)") % {
            "limit": limit
        }
    else:
        told = _("Too small for this source to tell")
    return f"{told}: {short(depiction.reason)}" if depiction.reason else told


def web_link(url: str | None) -> str | None:
    """``url`` where a browser may safely follow it, else None (package URLs, ``javascript:``)."""
    return url if url is not None and re.match(r"https?://[^\s<>\"']+\Z", url) else None


def language(tag: str | None) -> str | None:
    """``tag`` where it has the form of a BCP 47 language tag, with ``-`` for ``_``."""
    tag = (tag or "").replace("_", "-")
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", tag) else None


def from_to(change: Change) -> tuple[str, str] | None:
    """What stood before and what stands now, in words; None where the kind has no two sides."""
    if change.old is not None or change.new is not None:
        return (short(change.old) if change.old else _("(none)"), short(change.new) if change.new else _("(none)"))
    if change.loser is not None or change.gainer is not None:
        return (owner_label(change.loser), owner_label(change.gainer))
    return None


def most_significant_first(changes: Iterable[Change]) -> list[Change]:
    """Substantive before minor, transfers of the most ground first within a day's news, newest first."""
    rank = {"substantive": 0, "minor": 1, "noise": 2}
    return sorted(
        changes,
        key=lambda c: (rank[c.significance.value], -c.after.shown_at.timestamp(), -(c.area_km2 or 0.0), c.id),
    )


def standing_order(standing: Standing) -> tuple[int, str]:
    """Views that show the dispute first, then by name."""
    return (standing.depiction.coverage is not Coverage.SHOWN, str(standing.depiction.view))
