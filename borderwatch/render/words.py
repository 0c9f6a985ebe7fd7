"""What pages say: outside text made safe to show, owners, numbers, dates and shares in plain English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache

from borderwatch import owners
from borderwatch.models import Capture, Change, Coverage, Depiction, DisputeType, Kind, LineStyle, Standing, View

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
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest:,} more characters)"


@cache
def owner_label(identity: str | None) -> str:
    """The name a page uses for an owner identity: ``Ukraine (UA)``, ``Northern Cyprus``, ``“S. Nowhere”``."""
    if identity is None:
        return "nobody"
    if identity.startswith("?"):
        return f"“{short(identity[1:], 80)}”" if identity[1:].strip() else "an owner without a name"
    name = short(owners.label(identity), 80)
    return f"{name} ({identity})" if _CODE.fullmatch(identity) and name != identity else name


_CODE = re.compile("[A-Z]{2}")

TYPE_WORDS: Mapping[DisputeType, str] = {
    DisputeType.TERRITORY: "Territory",
    DisputeType.BORDER: "Boundary line",
    DisputeType.MARITIME: "Sea zone",
    DisputeType.NAMING: "Name",
}

KIND_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.TRANSFER: ("Transfer", "ground passes from one owner to another"),
    Kind.OVERLAP: ("Overlap", "an owner starts or stops being given ground that another keeps"),
    Kind.APPEARED: ("Appeared", "it gets a feature of its own"),
    Kind.DISAPPEARED: ("Disappeared", "it loses its own feature"),
    Kind.BOUNDARY_MOVED: ("Boundary moved", "the line is drawn elsewhere"),
    Kind.RESTYLED: ("Restyled", "the line is drawn otherwise: solid, dashed or not at all"),
    Kind.RENAMED: ("Renamed", "the name changes"),
    Kind.LISTED: ("Listed", "a list gains it"),
    Kind.DELISTED: ("Delisted", "a list loses it"),
    Kind.RELABELLED: ("Relabelled", "a list names it otherwise"),
    Kind.REPARENTED: ("Reparented", "a list files it under another entry"),
    Kind.WORLDVIEWS: ("Worldviews", "the source's list of audiences changes"),
}

STYLE_WORDS: Mapping[LineStyle, str] = {
    LineStyle.SOLID: "solid line",
    LineStyle.DASHED: "dashed line",
    LineStyle.NOT_DRAWN: "line not drawn",
}


def moment(when: datetime) -> str:
    """``2026-11-22 07:44 UTC``."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def day(when: datetime) -> str:
    """``2026-11-22``."""
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def number(value: float) -> str:
    """A measure with the digits a reader can use: ``27,043``, ``5.5``, ``0.31``."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def percent(share: float) -> str:
    """A share of 1 as a percentage that never rounds something to nothing, nor all but a little to all."""
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def view_name(view: View) -> str:
    """A view's spelling, safe as HTML, with places to break the line where its parts meet."""
    from markupsafe import Markup, escape

    name = escape(short(str(view), 100))
    for mark in "/#@_":
        name = name.replace(mark, Markup(f"{mark}<wbr>"))  # noqa: S704 - a constant
    return name


def shown_on(capture: Capture) -> str:
    """When the source showed it, and which edition: ``2019-04-25, edition 0.5.0``."""
    label = f", edition {short(capture.edition.label, 60)}" if capture.edition is not None else ""
    return f"{day(capture.shown_at)}{label}"


def edition(capture: Capture) -> str:
    """The edition a capture holds, or the day it was taken where the source has none."""
    return short(capture.edition.label, 60) if capture.edition is not None else day(capture.taken_at)


def shares_in_words(depiction: Depiction) -> tuple[tuple[str, str], ...]:
    """Owner and percentage, greatest first; what is drawn as nobody's, or as several owners', is said."""
    shares = sorted(depiction.shares, key=lambda s: (-s.share, s.owner))
    words = [(owner_label(s.owner), percent(s.share)) for s in shares if s.share > 0]
    total = sum(s.share for s in shares)
    if total < 0.995:
        words.append(("no owner shown", percent(1 - total)))
    elif total > 1.005:
        words.append(("shown as several owners' at once", percent(total - 1)))
    return tuple(words)


def coverage_in_words(depiction: Depiction) -> str:
    """Why a view can say nothing of a dispute; empty where it does."""
    if depiction.coverage is Coverage.SHOWN:
        return ""
    reason = f": {short(depiction.reason)}" if depiction.reason else ""
    if depiction.coverage is Coverage.NOT_RESOLVABLE:
        limit = f" (it cannot show anything thinner than {number(depiction.limit_km)} km)" if depiction.limit_km else ""
        return f"Too small for this source to tell{limit}{reason}"
    return f"This source does not draw or list this place{reason}"


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
        return (short(change.old) if change.old else "(none)", short(change.new) if change.new else "(none)")
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
