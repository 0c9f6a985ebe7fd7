"""The words the map's script says, in the language spoken; they travel in the page's JSON."""

from __future__ import annotations

from typing import Any

from borderwatch.models import Change, Dispute, Kind, LineStyle
from borderwatch.render import language as lang
from borderwatch.render import words
from borderwatch.render.divergence import KEPT
from borderwatch.render.language import gettext as _

Side = tuple[str, str]
"""How one side of the map marks a change (``lost``, ``gained``, ``moved``, ``ghost``, ``other``), and its words."""


def sides_of(change: Change) -> tuple[Side, Side]:
    """How a change is drawn on the map of before and on that of after, each with words that stand on the map."""
    loser, gainer = {"owner": words.owner_label(change.loser)}, {"owner": words.owner_label(change.gainer)}
    gone: Side = ("ghost", "")
    match change.kind:
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER:
            lost: Side = ("lost", _("lost by %(owner)s") % loser) if change.loser is not None else gone
            return lost, ("gained", _("gained by %(owner)s") % gainer) if change.gainer is not None else gone
        case Kind.OVERLAP if change.gainer is not None:
            return gone, ("gained", _("also given to %(owner)s") % gainer)
        case Kind.OVERLAP:
            return ("lost", _("lost by %(owner)s, kept by another") % loser), gone
        case Kind.APPEARED if change.subject:  # of a label: what it says stands on the map
            return gone, ("gained", words.short(change.new or "", 80))
        case Kind.DISAPPEARED if change.subject:
            return ("lost", words.short(change.old or "", 80)), gone
        case Kind.RELABELLED | Kind.REPARENTED if change.geometry is not None:
            return ("other", words.short(change.old or "", 80)), ("other", words.short(change.new or "", 80))
        case Kind.APPEARED:
            return gone, ("gained", _("gets a feature of its own"))
        case Kind.DISAPPEARED:
            return ("lost", _("loses its own feature")), gone
        case Kind.BOUNDARY_MOVED if change.subject == "removed":
            return ("moved", _("line taken away")), gone
        case Kind.BOUNDARY_MOVED if change.subject == "added":
            return gone, ("moved", _("line drawn anew"))
        case Kind.BOUNDARY_MOVED:
            return ("moved", _("line moved from here")), ("moved", _("line moved to here"))
        case _unmoved:
            return ("other", ""), ("other", "")


def given(owner: str | None) -> str:
    """Whom a view gives ground to, where another view gives it otherwise."""
    if owner == KEPT:
        return _("not to that owner")
    return words.owner_label(owner)


def given_label(owner: str | None) -> str:
    """The same as it stands on the map."""
    return given(owner) if owner == KEPT else _("given to %(owner)s") % {"owner": words.owner_label(owner)}


def place(dispute: Dispute) -> str:
    """The middle of a dispute's box, to a hundredth of a degree: ``42.56° N, 20.91° E``."""
    west, south, east, north = dispute.box
    lat, lon = (south + north) / 2, (west + east) / 2
    parts = {"lat": lang.decimal(abs(lat), "0.00"), "lon": lang.decimal(abs(lon), "0.00")}
    match lat >= 0, lon >= 0:
        case True, True:
            return _("%(lat)s° N, %(lon)s° E") % parts
        case True, False:
            return _("%(lat)s° N, %(lon)s° W") % parts
        case False, True:
            return _("%(lat)s° S, %(lon)s° E") % parts
        case _south_west:
            return _("%(lat)s° S, %(lon)s° W") % parts


def script_words() -> dict[str, Any]:
    """Everything the script says that does not come from a source."""
    return {
        "before": _("Before"),
        "after": _("After"),
        "edition": _("%(date)s, edition %(edition)s"),
        "groundOf": _("shown as ground of"),
        "noOwner": _("no owner shown"),
        "roles": {"sea": _("sea zone"), "boundary": _("boundary line"), "label": _("label")},
        "styles": {style.value: words.STYLE_WORDS[style] for style in LineStyle},
        "putForward": _("line put forward"),
        "share": _("%(n)s percent of the map show the one side, the rest the other"),
        "switchTo": _("Show the other: %(side)s"),
        "moreChanges": _("and %(n)s more between these editions, in the table"),
        "changedHere": _("▲ changed here"),
        "changedWords": _("▲ names or lists changed here"),
        "doubted": _("in doubt: not believed until a second capture agrees"),
        "play": _("▶ Play"),
        "pause": _("❚❚ Pause"),
        "differ": _("These two views differ here. Parts are told where a circle of %(km)s km radius fits in them:"),
        "agree": _("These two views differ nowhere by as much as a circle of %(km)s km radius."),
        "sameView": _("This is one view twice. Pick another."),
        "notCompared": _(
            "These two views cannot be compared: one of them does not show the dispute now, or too coarsely to tell."
        ),
        "notYet": _("not captured yet"),
        "noRow": _("no row for it"),
        "since": _("so since %(date)s or earlier"),
        "moreNames": _("and %(n)s more names"),
        "tooOld": _("This browser is too old for the map. The tables below hold everything it shows."),
    }
