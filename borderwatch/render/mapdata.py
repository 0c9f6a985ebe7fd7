"""What a dispute's map is made of, as the JSON its script reads: drawings, steps, editions, disagreements, words.

No text from outside passes through folium's templates: it travels in this JSON, and the page's script sets it as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from borderwatch.models import (
    Capture,
    Change,
    Depiction,
    DisputePage,
    Kind,
    Role,
    Sketch,
    SourceCard,
    Standing,
    Verdict,
)
from borderwatch.render import mapwords, words
from borderwatch.render.divergence import Divergence
from borderwatch.render.drawing import Box, Easel, Json, label_place, mercator, sketched, window_around
from borderwatch.render.land import land_for
from borderwatch.render.language import gettext as _
from borderwatch.render.language import ngettext, spoken
from borderwatch.render.past import Past
from borderwatch.render.steps import Step, owner_fills

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


class Gatherer:
    """Gathers the data of one map: each drawing once, and the choices that put it on the map."""

    def __init__(self, page: DisputePage, frame: Box, step: float) -> None:
        self.page = page
        self.frame = frame
        self.easel = Easel(window_around(frame), step)
        self.fills = owner_fills(page)
        self.marks: set[str] = set()
        self.kinds: set[str] = set()
        self._pictures: list[Json] = []
        self._by_capture: dict[str, int] = {}
        self._by_drawing: dict[tuple[object, ...], int] = {}

    def data(self, steps: Sequence[Step], pasts: Sequence[Past], differing: Sequence[Divergence]) -> Json:
        """Everything the page's script needs."""
        dispute, easel = self.page.dispute, self.easel
        land, credit = land_for(self.page, easel.window)
        step_of = {step.after.id: i for i, step in reversed(list(enumerate(steps)))}
        told_steps = [self._step(step) for step in steps]
        views = [self._past(past, step_of) for past in pasts]
        outline = None if dispute.reference is None or dispute.boxed else self._simple(dispute.reference)
        if outline is not None:
            self.marks.add("outline")
        west, south, east, north = self.frame
        made: Json = {
            "aspect": round((east - west) / max(mercator(north) - mercator(south), 1e-6), 3),
            "window": [round(v, 6) for v in easel.window],
            "frame": [round(v, 6) for v in self.frame],
            "land": easel.drawn(easel.simplified([easel.clipped(land)])[0]) if not land.is_empty else None,
            "outline": easel.drawn(outline) if outline is not None else None,
            "box": outline is None and not dispute.lines,
            "lines": [
                {"label": words.owner_label(party), "g": easel.drawn(self._simple(line))}
                for party, line in sorted(dispute.lines.items())
            ],
            "steps": told_steps,
            "views": views,
            "pairs": [self._pair(one) for one in differing if one.parts],
            "agree": [[one.first, one.second, words.number(one.limit_km)] for one in differing if not one.parts],
            "lists": lists_of(self.page),
            "pictures": self._pictures,
            "credit": credit,
            "words": mapwords.script_words(),
        }
        return {**made, "rings": easel.packed()}

    # --- what changed ---------------------------------------------------------------------------

    def _step(self, step: Step) -> Json:
        return {
            "title": title_of_step(step),
            "view": words.short(str(step.after.view), 80),
            "before": self._picture(step.before.id),
            "after": self._picture(step.after.id),
            "beforeTitle": words.shown_on(step.before),
            "afterTitle": words.shown_on(step.after),
            "k": f"{step.after.shown_at:%Y-%m-%d}",
            "changes": [self._change(change) for change in step.changes],
            "credit": self._credit(step.after),
        }

    def _change(self, change: Change) -> Json:
        word = words.KIND_WORDS[change.kind][0]
        entry: Json = {"kind": change.kind.value, "word": word, "text": words.short(change.summary) or word}
        if change.geometry is not None and not change.geometry.is_empty:
            old, new = mapwords.sides_of(change)
            entry |= {"g": self.easel.change(change.geometry, self.frame), "old": old, "new": new}
            entry |= label_place(self.easel.clipped(change.geometry), self.easel, self.frame)
            self.kinds |= {old[0], new[0]}
        return entry

    # --- what was shown, through time -----------------------------------------------------------

    def _past(self, past: Past, step_of: dict[str, int]) -> Json:
        moments = []
        for moment in past.moments:
            picture = self._picture(moment.pictured) if moment.pictured is not None else None
            entry: Json = {
                "d": words.shown_when(moment.capture),
                "k": f"{moment.capture.shown_at:%Y-%m-%d}",
                "e": words.edition(moment.capture) if moment.capture.edition is not None else "",
                "p": picture,
                "s": moment.said,
            }
            if moment.capture.id in step_of:
                entry["c"] = step_of[moment.capture.id]
            elif any(c.geometry is not None or c.kind is not Kind.RENAMED for c in moment.changes):
                entry["n"] = len(moment.changes)
            if moment.verdict is Verdict.SUSPECT:
                entry["q"] = 1
            moments.append(entry)
        last = past.moments[-1].capture
        return {"name": words.short(str(past.view), 80), "m": moments, "credit": self._credit(last)}

    def _picture(self, capture: str) -> int | None:
        """The place of a capture's drawing among the pictures; equal drawings are one."""
        sketches = self.page.sketches.get(capture)
        if not sketches:
            return None
        if capture not in self._by_capture:
            key = tuple((s.owner, s.label, s.role, s.style, s.geometry.wkb) for s in sketches)
            if key not in self._by_drawing:
                self._by_drawing[key] = len(self._pictures)
                self._pictures.append(self._drawing(sketches))
            self._by_capture[capture] = self._by_drawing[key]
        return self._by_capture[capture]

    def _drawing(self, sketches: Sequence[Sketch]) -> Json:
        drawn = sketched(sketches, self.easel, self.frame)
        bounds = _bounds([sketch.geometry for sketch in sketches]) or self.easel.window
        cut = [*self.easel.point(*bounds[:2]), *self.easel.point(*bounds[2:])]
        return {"cut": cut, "things": [self._thing(sketch, entry) for sketch, entry in drawn]}

    def _thing(self, sketch: Sketch, entry: Json) -> Json:
        fill = "none" if sketch.owner is None else self.fills.get(sketch.owner, "plain")
        mark = sketch.style.value if sketch.style is not None else sketch.role.value
        self.marks |= {mark, fill if fill in {"none", "plain"} else mark}
        thing: Json = {**entry, "f": fill, "l": label_of(sketch), "o": words.owner_label(sketch.owner)}
        if sketch.role is not Role.AREA:
            thing["r"] = sketch.role.value
        if sketch.style is not None:
            thing["s"] = sketch.style.value
        return thing

    # --- where views differ ---------------------------------------------------------------------

    def _pair(self, one: Divergence) -> Json:
        parts = []
        for part in one.parts:
            drawn = self.easel.change(part.geometry, self.frame)
            place = label_place(self.easel.clipped(part.geometry), self.easel, self.frame)
            sides = [mapwords.given(part.one), mapwords.given(part.other)]
            labels = [mapwords.given_label(part.one), mapwords.given_label(part.other)]
            parts.append({"g": drawn, "o": sides, "l": labels, "km": words.number(part.area_km2), **place})
        self.kinds.add("differs")
        return {"i": one.first, "j": one.second, "km": words.number(one.limit_km), "parts": parts}

    def _credit(self, capture: Capture) -> str:
        return credit(self.page.sources.get(capture.view.source), capture)

    def _simple(self, shape: BaseGeometry) -> BaseGeometry:
        import shapely

        return shapely.simplify(self.easel.clipped(shape), self.easel.step)


def _bounds(shapes: Sequence[BaseGeometry]) -> Box | None:
    bounds = [shape.bounds for shape in shapes if not shape.is_empty]
    if not bounds:
        return None
    wests, souths, easts, norths = zip(*bounds, strict=True)
    return (min(wests), min(souths), max(easts), max(norths))


def title_of_step(step: Step) -> str:
    """A step in one line: when, where, what, how much."""
    lead = step.changes[0]
    owners = (words.owner_label(lead.loser), words.owner_label(lead.gainer))
    sides = owners if lead.kind in {Kind.TRANSFER, Kind.OVERLAP} else words.from_to(lead)
    what = f"{sides[0]} → {sides[1]}" if sides is not None else words.KIND_WORDS[lead.kind][0]
    size = f", {words.number(lead.area_km2)} km²" if lead.area_km2 else ""
    more = len(step.changes) - 1
    others = " " + ngettext("and %(n)s more", "and %(n)s more", more) % {"n": more} if more else ""
    view = words.short(str(step.after.view), 80)
    return f"{words.shown_when(step.after)} · {view} · {words.short(what, 90)}{size}{others}"


def credit(card: SourceCard | None, capture: Capture) -> str:
    """Who is to be credited for a capture, and under which licence."""
    attribution = capture.attribution or (card.terms.attribution if card is not None else capture.view.source)
    licence = capture.licence or (card.terms.licence if card is not None else "")
    return words.short(f"{attribution} ({licence})" if licence and licence not in attribution else attribution)


def label_of(sketch: Sketch) -> str:
    """The source's own word; where that is a number or nothing, who it means goes first."""
    label = words.short(sketch.label, 160)
    if any(letter.isalpha() for letter in label):
        return label
    owner = words.owner_label(sketch.owner)
    return f"{owner} “{label}”" if any(digit.isdigit() for digit in label) else owner


# --- lists and names beside the map ---------------------------------------------------------------

MOST_ROWS = 4
"""Rows of one list shown beside the map; the table below holds the rest."""


def lists_of(page: DisputePage) -> list[Json]:
    """What lists, and features of its own, call the dispute, through time: per view, the states that differ."""
    found: dict[str, list[Json]] = {}
    nearby = languages_of(page.dispute.claimants)
    for depiction in page.depictions or tuple(standing.depiction for standing in page.standings):
        capture = page.captures.get(depiction.capture) or _capture_of(page.standings, depiction.capture)
        rows = listed(depiction, nearby)
        name = words.short(str(depiction.view), 80)
        if capture is None or not (rows or depiction.rows or name in found):
            continue
        state: Json = {"d": words.shown_when(capture), "k": f"{capture.shown_at:%Y-%m-%d}"}
        state |= {"rows": rows[:MOST_ROWS], "more": max(0, len(rows) - MOST_ROWS)}
        states = found.setdefault(name, [])
        if not states or (states[-1]["rows"], states[-1]["more"]) != (state["rows"], state["more"]):
            states.append(state)
    return [{"view": name, "states": states} for name, states in sorted(found.items())]


def _capture_of(standings: Sequence[Standing], capture: str) -> Capture | None:
    return next((s.capture for s in standings if s.capture.id == capture), None)


def _rank(tag: str, first: Sequence[str]) -> int:
    base = tag.replace("_", "-").split("-")[0]
    return first.index(base) if base in first else len(first)


def languages_of(claimants: Sequence[str]) -> list[str]:
    """The official languages of the claimants, as CLDR has them, in code order."""
    from babel.languages import get_official_languages

    return [tag.split("_")[0] for code in claimants for tag in get_official_languages(code, de_facto=True)]


def listed(depiction: Depiction, nearby: Sequence[str] = ()) -> list[list[str]]:
    """The rows of a list as (text, language, what it is): English, the page's language, those of the claimants first.

    One line for each different name.
    """
    if not depiction.rows:
        return []
    first = ("en", spoken(), *nearby)
    ordered = sorted(depiction.rows, key=lambda row: (_rank(row.lang, first), row.lang, row.key))
    seen: dict[str, list[str]] = {}
    for row in ordered:
        text = words.short(row.name, 80)
        under = _("under %(parent)s") % {"parent": words.short(row.parent, 60)} if row.parent else ""
        seen.setdefault(f"{text}{under}", [text, words.language(row.lang) or "", under])
    return list(seen.values())


__all__ = ["Gatherer", "credit", "label_of", "lists_of", "title_of_step"]
