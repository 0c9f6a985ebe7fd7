"""One sentence for a change in the language spoken, from its record: what the source draws, never what is so."""

from __future__ import annotations

import unicodedata

from borderwatch.models import GROUND_KINDS, Capture, Change, Dispute, Kind
from borderwatch.render import words
from borderwatch.render.language import gettext as _


def title(change: Change, dispute: Dispute | None) -> str:
    """A few words for a heading or a list: ``Crimea: Ukraine → Russia, 27,043 km²``."""
    sides = sides_of(change)
    what = f"{sides[0]} → {sides[1]}" if sides is not None else words.KIND_WORDS[change.kind][0]
    size = f", {words.number(change.area_km2)} km²" if change.area_km2 else ""
    return f"{place_name(dispute)}: {what}{size}"


def sides_of(change: Change) -> tuple[str, str] | None:
    """Who or what stood before and stands now, without codes; None where the kind has no two sides."""
    if change.kind in GROUND_KINDS:
        return (words.owner_name(change.loser), words.owner_name(change.gainer))
    if change.old is not None or change.new is not None:
        return (_quoted(change.old, 60), _quoted(change.new, 60))
    return None


def place_name(dispute: Dispute | None) -> str:
    """What the change is about."""
    return (
        _("ground outside every watched dispute") if dispute is None else words.short(words.dispute_name(dispute), 120)
    )


def state(capture: Capture) -> str:
    """A capture as a reader knows it: ``4.1.1 (2026-09-08)``."""
    if capture.edition is None:
        return words.day(capture.shown_at)
    if capture.undated:
        return words.edition(capture)
    return f"{words.short(capture.edition.label, 60)} ({words.day(capture.shown_at)})"


def sentence(change: Change, dispute: Dispute | None, source_title: str) -> str:
    """The sentence to quote: which source, between which states, what."""
    layer = f" ({words.short(change.view.layer, 40)})" if change.view.layer else ""
    audience = "" if change.view.worldview == "default" else f" [{words.short(change.view.worldview, 20)}]"
    return _("%(source)s, between %(before)s and %(after)s: %(what)s.") % {
        "source": f"{words.short(source_title, 120)}{layer}{audience}",
        "before": state(change.before),
        "after": state(change.after),
        "what": _what(change, place_name(dispute)),
    }


def _what(change: Change, place: str) -> str:
    of_it = ""
    if change.share is not None and 0.005 <= change.share <= 1:
        share = _("%(share)s of it") % {"share": words.percent(change.share)}
        of_it = f" ({share})"
    values = {
        "place": place,
        "area": f"{words.number(change.area_km2 or 0)} km²",
        "part": of_it,
        "loser": words.owner_name(change.loser),
        "gainer": words.owner_name(change.gainer),
        "old": _quoted(change.old),
        "new": _quoted(change.new),
        "length": f"{words.number(change.length_km or 0)} km",
        "subject": f" ({words.short(change.subject, 60)})" if change.subject else "",
    }
    return _message(change) % values


def _message(change: Change) -> str:
    if change.old is None and change.new is not None and change.kind in _NAMES:
        return _("%(place)s%(subject)s: the name %(new)s is added")
    if change.new is None and change.old is not None and change.kind in _NAMES:
        return _("%(place)s%(subject)s: the name %(old)s is taken away")
    match change.kind:
        case Kind.APPEARED if change.subject:  # of a label: an own feature has no subject
            return _("%(place)s: the label %(new)s is placed on the map")
        case Kind.DISAPPEARED if change.subject:
            return _("%(place)s: the label %(old)s is no longer placed on the map here")
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER if change.loser is None:
            return _("%(area)s of %(place)s%(part)s, nobody's before, is drawn as %(gainer)s")
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER if change.gainer is None:
            return _("%(area)s of %(place)s%(part)s, drawn as %(loser)s before, is left as nobody's")
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER:
            return _("%(area)s of %(place)s%(part)s, drawn as %(loser)s before, is drawn as %(gainer)s")
        case Kind.OVERLAP if change.gainer is not None:
            return _("%(area)s of %(place)s%(part)s is drawn as %(gainer)s too, beside whoever it was drawn as before")
        case Kind.OVERLAP:
            return _("%(area)s of %(place)s%(part)s is no longer drawn as %(loser)s too; another drawing of it stays")
        case Kind.APPEARED if change.old:
            return _("%(place)s gets a feature of its own, %(new)s, part of %(old)s before")
        case Kind.APPEARED:
            return _("%(place)s gets a feature of its own, %(new)s")
        case Kind.DISAPPEARED if change.new:
            return _("%(place)s has no feature of its own any more (was %(old)s); its ground is now %(new)s")
        case Kind.DISAPPEARED:
            return _("%(place)s has no feature of its own any more (was %(old)s)")
        case Kind.SPLIT:
            return _("%(place)s: the feature %(old)s is split into %(new)s")
        case Kind.MERGED:
            return _("%(place)s: the features %(old)s are merged into %(new)s")
        case Kind.BOUNDARY_MOVED:
            return _("%(place)s: %(length)s of boundary%(subject)s is drawn elsewhere")
        case Kind.RESTYLED:
            return _("%(place)s: %(length)s of boundary%(subject)s goes from %(old)s to %(new)s")
        case Kind.RENAMED | Kind.RELABELLED:
            return _("%(place)s%(subject)s: %(old)s becomes %(new)s")
        case Kind.LISTED:
            return _("%(place)s%(subject)s is listed as %(new)s")
        case Kind.DELISTED:
            return _("%(place)s%(subject)s is no longer listed (was %(old)s)")
        case Kind.REPARENTED if change.geometry is not None:  # of a label: no row of a list has a place
            return _("%(place)s%(subject)s: filed under %(new)s, under %(old)s before")
        case Kind.REPARENTED:
            return _("%(place)s%(subject)s moves from %(old)s to %(new)s")
        case Kind.WORLDVIEWS:
            return _("the list of audiences goes from %(old)s to %(new)s")


_NAMES = frozenset({Kind.RENAMED, Kind.RELABELLED})


def _quoted(text: str | None, longest: int = 160) -> str:
    """In quotation marks; beside a name written from right to left, marks keep them at their own ends of it."""
    if not text:
        return _("nothing")
    quoted = f"“{words.short(text, longest)}”"
    rtl = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in quoted)
    return f"\N{LEFT-TO-RIGHT MARK}{quoted}\N{LEFT-TO-RIGHT MARK}" if rtl else quoted
