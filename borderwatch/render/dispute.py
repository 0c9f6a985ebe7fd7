"""A dispute's page: its map, its timeline, and everything the map shows said again in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from borderwatch.models import Change, Coverage, DisputePage, Event, Significance, Standing
from borderwatch.render import words
from borderwatch.render.divergence import Divergence
from borderwatch.render.language import gettext as _
from borderwatch.render.language import ngettext
from borderwatch.render.mapdata import languages_of, listed, title_of_step
from borderwatch.render.maps import MOST_STEPS, DisputeMap, map_of_dispute
from borderwatch.render.mapwords import place
from borderwatch.render.pages import asset, filled, json_for_html, leaflet_css, leaflet_js
from borderwatch.render.past import Past
from borderwatch.render.steps import Step, drawable_steps, steps_of

SCRIPTS = ("map_data.js", "map_stage.js", "map.js")


@dataclass(frozen=True, slots=True)
class Group:
    """Views that give most of the dispute to the same owner, or to none."""

    said: str
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An edition, or several in a row that say the same, in the table of all editions."""

    first: str
    last: str
    editions: int
    said: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: a measured step, or something publicly reported."""

    date: str
    step: Step | None = None
    event: Event | None = None
    title: str = ""


def dispute_page(page: DisputePage, *, alone: bool = False, inputs: str = "") -> str:
    """The whole page as HTML, with ``store.WRITTEN`` where the time of writing goes.

    ``inputs`` is the hash of what it is made from (see ``inputs``). ``alone`` is a page outside a site: there is no
    index, no feed, no data and no page of a change to link to.
    """
    drawing = map_of_dispute(page)
    places = {
        (s.before.id, s.after.id): i for i, s in enumerate(drawable_steps(page)[:MOST_STEPS]) if i < drawing.steps
    }
    newest = sorted(
        page.changes, key=lambda c: (-c.after.shown_at.timestamp(), -(c.area_km2 or 0.0), str(c.view), c.id)
    )
    name = words.short(words.dispute_name(page.dispute), 120)
    return filled(
        "dispute.html",
        styles=(leaflet_css(), asset("page.css"), asset("map.css")),
        scripts=(leaflet_js(), *(asset(script) for script in SCRIPTS), drawing.script),
        title=_("%(name)s: what maps changed · borderwatch") % {"name": name},
        description=_("What maps and platforms show of %(name)s, and what changed") % {"name": name},
        home=None if alone else "../",
        feeds=() if alone else ((f"{page.dispute.slug}.atom", name),),
        data=None if alone else f"{page.dispute.slug}.json",
        alone=alone,
        page=page,
        map=drawing,
        inputs=inputs,
        data_json=json_for_html(drawing.data),
        lead=lead(page),
        groups=groups_of(page.standings),
        weighty=[c for c in newest if c.significance is Significance.SUBSTANTIVE],
        lesser=[c for c in newest if c.significance is Significance.MINOR],
        standings=sorted(page.standings, key=words.standing_order),
        pasts=[(past, rows_of(past)) for past in drawing.pasts],
        pairs=most_different(drawing),
        timeline=timeline_of(page),
        cards=sorted(page.sources.values(), key=lambda card: card.name),
        choice_of=lambda change: places.get((change.before.id, change.after.id)),
        listed=listed,
        place=place,
        languages_of=languages_of,
        land_credit=drawing.data["credit"],
    )


def lead(page: DisputePage) -> str:
    """One sentence on what is known: how many changes, in how many views, when the last was."""
    weighty = [c for c in page.changes if c.significance is Significance.SUBSTANTIVE]
    showing = sum(s.depiction.coverage is Coverage.SHOWN for s in page.standings)
    if page.standings:
        watched = ngettext("%(n)s view watched", "%(n)s views watched", len(page.standings)) % {
            "n": len(page.standings)
        }
        watched += "; " + ngettext("%(n)s shows it.", "%(n)s show it.", showing) % {"n": showing}
    else:
        watched = _("No view has answered yet.")
    if not weighty:
        return " ".join((_("No change of substance recorded."), watched))
    views = len({c.view for c in weighty})
    latest = words.shown_when(max((c.after for c in weighty), key=lambda capture: capture.shown_at))
    changes = ngettext("%(n)s change of substance", "%(n)s changes of substance", len(weighty)) % {"n": len(weighty)}
    seen = ngettext("in %(n)s view", "in %(n)s views", views) % {"n": views}
    last = _("the latest shown from %(date)s.") % {"date": latest}
    return f"{changes} {seen}, {last} {watched}"


def groups_of(standings: Sequence[Standing]) -> list[Group]:
    """The views by whom they show as owner of most of it; those that cannot tell, or do not show it, at the end."""

    def key(standing: Standing) -> tuple[int, str]:
        depiction = standing.depiction
        if depiction.coverage is Coverage.NOT_RESOLVABLE:
            return 5, _("too small for it to tell")
        if depiction.coverage is Coverage.NOT_COVERED:
            return 6, _("does not draw or list it")
        if not depiction.shares:
            return 4, _("lists, names or lines only")
        most = max(depiction.shares, key=lambda share: share.share)
        if most.share > 0.5:
            return 1, words.owner_label(most.owner)
        return 2, _("no owner of more than half")

    ordered = sorted(standings, key=lambda s: (key(s), str(s.depiction.view)))
    return [Group(said, tuple(some)) for (_rank, said), some in groupby(ordered, key=key)]


def rows_of(past: Past) -> list[Row]:
    """A view's editions, newest first; successive ones that say the same without a change stand in one row."""
    rows: list[Row] = []
    for moment in past.moments:
        label = words.shown_on(moment.capture)
        last = rows[-1] if rows else None
        if last is not None and not moment.changes and last.said == moment.said:
            rows[-1] = Row(last.first, label, last.editions + 1, last.said, last.changes)
        else:
            rows.append(Row(label, label, 1, moment.said, moment.changes))
    return rows[::-1]


def most_different(drawing: DisputeMap) -> list[Divergence]:
    """The pairs of views that differ, by how much ground, those alike left out."""
    differing = [one for one in drawing.differing if one.parts]
    return sorted(differing, key=lambda one: (-one.area_km2, one.first, one.second))


def timeline_of(page: DisputePage) -> list[Entry]:
    """Steps with a change of substance and reported events, newest first."""
    entries = [
        Entry(f"{step.after.shown_at:%Y-%m-%d}", step=step, title=title_of_step(step))
        for step in steps_of(tuple(c for c in page.changes if c.significance is Significance.SUBSTANTIVE))
    ]
    entries += [Entry(event.date, event=event) for event in page.events]
    return sorted(entries, key=lambda entry: entry.date, reverse=True)
