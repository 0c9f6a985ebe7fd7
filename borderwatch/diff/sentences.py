"""One sentence in plain English for each change; speaks of what the source draws, never of what is so."""

from __future__ import annotations

from shapely import get_parts

from borderwatch.diff.record import Finding, is_label, point_in
from borderwatch.formats.line_words import status_from_word, style_from_word
from borderwatch.geometry import area_km2
from borderwatch.models import Capture, Dispute, Kind
from borderwatch.owners import label


def who(owner: str | None) -> str:
    """How an owner is called in a sentence."""
    if not owner:
        return "nobody"
    if owner == "?":
        return "a feature without a name"
    return quoted(owner[1:]) if owner.startswith("?") else label(owner)


def state(capture: Capture) -> str:
    """A capture as a reader knows it: edition and date; a file of the reader's own has a name and no date."""
    if capture.edition is not None and capture.undated:
        return capture.edition.label
    day = capture.shown_at.date().isoformat()
    return f"{capture.edition.label} ({day})" if capture.edition else day


def sentence(finding: Finding, dispute: Dispute | None, title: str, before: Capture, after: Capture) -> str:
    """What changed, where, by how much, between which states."""
    place = dispute.name if dispute else _somewhere(finding)
    between = f"between {state(before)} and {state(after)}"
    what = _of_label(finding, place) if is_label(finding) else _what(finding, place, _part(finding, dispute))
    return f"{title}, {between}: {what}."


def _part(f: Finding, dispute: Dispute | None) -> str:
    """The share of the dispute's ground, unless most of what passed lies beyond it (the source outlines it wider)."""
    if f.share is None or not 0.005 <= f.share <= 1:
        return ""
    if f.area_km2 and dispute is not None and dispute.reference is not None:
        on_ground_km2 = f.share * area_km2(dispute.reference)
        if on_ground_km2 < f.area_km2 / 2:
            return f", {on_ground_km2:,.0f} km² of it on the catalogue's ground"
    return f" ({f.share:.0%} of it)"


def _somewhere(f: Finding) -> str:
    """Ground that no catalogued dispute holds, by its place: that is all that is known of it."""
    if f.geometry is None and f.kind in (Kind.RENAMED, Kind.RELABELLED):
        return "all over the map"
    if f.geometry is None:
        return "ground outside every catalogued dispute"
    lon, lat = point_in(f.geometry)
    east, north = ("E" if lon >= 0 else "W"), ("N" if lat >= 0 else "S")
    return f"ground near {abs(lat):.1f}° {north} {abs(lon):.1f}° {east}, outside every catalogued dispute"


def _what(f: Finding, place: str, part: str) -> str:
    area = f"{f.area_km2:,.0f} km²" if f.area_km2 is not None and f.area_km2 >= 1 else f"{f.area_km2 or 0:.2g} km²"
    length = f"{f.length_km:,.0f} km" if f.length_km is not None else ""
    lang = f" ({f.subject})" if f.subject else ""
    some = f"{area} of {place}{part}"
    match f.kind:
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER if f.loser is None:
            text = f"{some}, nobody's before, is drawn as {who(f.gainer)}"
            if f.new is not None:
                text += f", a feature of its own: {quoted(f.new)}"
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER if f.gainer is None:
            text = f"{some}, drawn as {who(f.loser)} before, is left as nobody's"
        case Kind.TRANSFER | Kind.GAP | Kind.LAND_WATER:
            text = f"{some}, drawn as {who(f.loser)} before, is drawn as {who(f.gainer)}"
            if f.new is not None:
                text += f"; its feature is {quoted(f.new)}, {quoted(f.old)} before"
        case Kind.OVERLAP if f.gainer is not None:
            text = f"{some} is drawn as {who(f.gainer)} too, beside whoever it was drawn as before"
        case Kind.OVERLAP:
            text = f"{some} is no longer drawn as {who(f.loser)} too; another drawing of it stays"
        case Kind.APPEARED:
            before = f", part of {quoted(f.old)} before" if f.old else ""
            text = f"{place} gets a feature of its own, {quoted(f.new)}{before}"
        case Kind.DISAPPEARED:
            now = f"; its ground is now {quoted(f.new)}" if f.new else ""
            text = f"{place} has no feature of its own any more (was {quoted(f.old)}){now}"
        case Kind.SPLIT:
            text = f"{place}: the feature {quoted(f.old)} is split into {quoted(f.new)}"
        case Kind.MERGED:
            text = f"{place}: the features {quoted(f.old)} are merged into {quoted(f.new)}"
        case Kind.BOUNDARY_MOVED:
            to = f", now {quoted(f.new)}," if f.old and f.new and f.old != f.new else ""
            far = f" by up to {f.offset_km:,.1f} km" if f.offset_km is not None else ""
            text = f"{place}: {length} of boundary ({quoted(f.old or f.new)}){to} {f.subject or 'moved'}{far}"
        case Kind.RESTYLED:
            viewers = f" for {_viewers(f.subject)}" if f.subject else ""
            text = f"{place}: {length} of boundary{viewers} goes from {_class(f.old)} to {_class(f.new)}"
        case Kind.RENAMED | Kind.RELABELLED:
            text = f"{place}{lang}: {_renamed(f)}"
        case Kind.LISTED:
            text = f"{place} is listed as {quoted(f.new)}{lang}"
        case Kind.DELISTED:
            text = f"{place} is no longer listed (was {quoted(f.old)}{lang})"
        case Kind.REPARENTED:
            text = f"{place}{lang} moves from {quoted(f.old)} to {quoted(f.new)}"
        case Kind.WORLDVIEWS:
            text = f"the list of audiences it serves changes: {f.subject}"
    return text


def _of_label(f: Finding, place: str) -> str:
    """What became of a text placed on a point, or of as many as say the same."""
    several = len(get_parts(f.geometry))
    at = f" (at {several} places)" if several > 1 else ""
    afar = f"; it stands {f.offset_km:,.0f} km off in the other state" if f.offset_km else ""
    match f.kind:
        case Kind.APPEARED:
            return f"{place}: the label {quoted(f.new)}{at} is placed on the map{afar}"
        case Kind.DISAPPEARED:
            return f"{place}: the label {quoted(f.old)}{at} is no longer placed on the map here{afar}"
        case Kind.REPARENTED:
            return f"{place} ({f.subject}){at}: filed under {quoted(f.new)}, under {quoted(f.old)} before"
    return f"{place} ({f.subject}){at}: {_renamed(f)}"


def _renamed(f: Finding) -> str:
    if f.old is None:
        return f"the name {quoted(f.new)} is added"
    if f.new is None:
        return f"the name {quoted(f.old)} is taken away"
    return f"{quoted(f.old)} becomes {quoted(f.new)}"


def _viewers(subject: str) -> str:
    """Which audiences a line was restyled for: the columns' own suffixes."""
    suffixes = [column.strip().removeprefix("FCLASS_") for column in subject.split(",")]
    return f"viewers {', '.join(suffixes)}" if "FCLASS_" in subject else f"({subject})"


def _class(word: str | None) -> str:
    """A line's own word, and what it means where the word alone may not say."""
    status, style = status_from_word(word), style_from_word(word)
    if word is None or style is None:
        return quoted(word)
    if word == style.value:
        return style.value.replace("_", " ")
    meaning = f"{status.value}, {style.value.replace('_', ' ')}" if status else style.value.replace("_", " ")
    return f"{quoted(word)} ({meaning})"


def quoted(text: str | None) -> str:
    """A source's own word, in quotation marks; what is missing is said in words."""
    if text == "(no name)":
        return "one without a name"
    return f"“{text}”" if text else "nothing"
