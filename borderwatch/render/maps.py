"""The folium map of a dispute: before, after and what changed, on neutral land, with nothing from the network.

Only this module imports folium. folium brings the map, its panes, its layers and their control; the page
brings Leaflet. No text from outside passes through folium's templates: it travels in the page's JSON, and
the page's script sets it as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from borderwatch.models import Capture, Change, DisputePage, Significance, Sketch, SourceCard, Standing
from borderwatch.render import words
from borderwatch.render.drawing import Box, Easel, Json, frame_around, sketched, visible_step, window_around
from borderwatch.render.land import LAND_CREDIT, land_near

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MOST_STEPS = 24
"""Steps offered on one map, newest first; the table holds the rest. 24 of 2 editions fit in 1 MB."""

MOST_NOW = 40
"""Views whose present state is offered on one map."""

LARGEST = 1_000_000
"""Characters of map data; beyond, lines are simplified further until it fits."""

FILLS = 8
"""Patterns for owners, told apart without colour; owners beyond get plain grey."""


@dataclass(frozen=True, slots=True)
class Step:
    """All changes between two successive captures of a view."""

    before: Capture
    after: Capture
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class DisputeMap:
    """A map ready for its page: folium's HTML and script, the data, and what the legend must explain."""

    html: str
    script: str
    data: Json
    owners: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    marks: frozenset[str]
    steps: int
    more: int


def steps_of(changes: tuple[Change, ...]) -> list[Step]:
    """Changes by the captures they lie between, newest first."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in words.most_significant_first(changes):
        groups.setdefault((change.before.id, change.after.id), []).append(change)
    steps = [Step(group[0].before, group[0].after, tuple(group)) for group in groups.values()]
    return sorted(steps, key=lambda s: (-s.after.shown_at.timestamp(), str(s.after.view), s.after.id))


def owner_fills(page: DisputePage) -> dict[str, str]:
    """A pattern for each owner shown inside the dispute: claimants in code order, then the others."""
    inside = [owner for change in page.changes for owner in (change.loser, change.gainer)]
    inside += [share.owner for standing in page.standings for share in standing.depiction.shares]
    claimants = page.dispute.claimants
    ordered = [*claimants, *sorted({o for o in inside if o is not None} - set(claimants))]
    return {owner: f"o{i}" if i < FILLS else "plain" for i, owner in enumerate(ordered)}


def drawable_steps(page: DisputePage) -> list[Step]:
    """Steps that can be drawn: those with a substantive change, or all where there is none."""
    drawable = [s for s in steps_of(page.changes) if _can_be_drawn(s, page)]
    weighty = [s for s in drawable if any(c.significance is Significance.SUBSTANTIVE for c in s.changes)]
    return weighty or drawable


def _can_be_drawn(step: Step, page: DisputePage) -> bool:
    if any(c.geometry is not None and not c.geometry.is_empty for c in step.changes):
        return True
    return bool(page.sketches.get(step.before.id) or page.sketches.get(step.after.id))


def map_of_dispute(page: DisputePage) -> DisputeMap:
    """The map of ``page``, its lines simplified until its data fits a page."""
    import json

    dispute = page.dispute
    shapes: list[BaseGeometry] = [g for g in (dispute.reference, *dispute.lines.values()) if g is not None]
    frame = frame_around(_bounds(shapes) or dispute.box)
    steps = drawable_steps(page)
    now = [s for s in sorted(page.standings, key=words.standing_order) if page.sketches.get(s.capture.id)]
    shown, step = steps[:MOST_STEPS], visible_step(frame)
    while True:
        artist = _Artist(page, frame, step)
        data = artist.data(shown, now[:MOST_NOW])
        if len(json.dumps(data)) <= LARGEST:
            break
        if step < visible_step(frame) * 6:
            step *= 2
        elif len(shown) > 1:
            shown = shown[: len(shown) // 2]
        else:
            now = now[: len(now) // 2]
    html, script = _folium(frame, changes=bool(steps), now=bool(now), lines=bool(dispute.lines))
    used = {thing["f"] for capture in data["captures"] for thing in capture["things"]}
    return DisputeMap(
        html=html,
        script=script,
        data=data,
        owners=tuple(
            (fill, words.owner_label(o)) for o, fill in artist.fills.items() if fill in used and fill[0] == "o"
        ),
        kinds=tuple(sorted({c["kind"] for choice in data["choices"] for c in choice["changes"] if c.get("g")})),
        marks=frozenset(artist.marks),
        steps=len(shown),
        more=len(steps) - len(shown),
    )


def _bounds(shapes: list[BaseGeometry]) -> Box | None:
    bounds = [shape.bounds for shape in shapes if not shape.is_empty]
    if not bounds:
        return None
    wests, souths, easts, norths = zip(*bounds, strict=True)
    return (min(wests), min(souths), max(easts), max(norths))


class _Artist:
    """Gathers the data of one map: what is drawn, once; and the choices that put it on the map."""

    def __init__(self, page: DisputePage, frame: Box, step: float) -> None:
        self.page = page
        self.frame = frame
        self.easel = Easel(window_around(frame), step)
        self.fills = owner_fills(page)
        self.marks: set[str] = set()
        self._captures: list[Json] = []
        self._index: dict[str, int] = {}

    def data(self, steps: list[Step], now: list[Standing]) -> Json:
        """Everything the page's script needs, as JSON."""
        dispute, easel = self.page.dispute, self.easel
        land = land_near(easel.window)
        choices = [self._step(step) for step in steps] + [self._now(standing) for standing in now]
        outline = None if dispute.reference is None or dispute.boxed else _simple(dispute.reference, easel)
        if outline is not None:
            self.marks.add("outline")
        return {
            "window": [round(v, 6) for v in easel.window],
            "frame": [round(v, 6) for v in self.frame],
            "land": easel.drawn(easel.simplified([easel.clipped(land)])[0]) if not land.is_empty else None,
            "outline": easel.drawn(outline) if outline is not None else None,
            "box": outline is None and not dispute.lines,
            "lines": [
                {"label": words.owner_label(party), "g": easel.drawn(_simple(line, easel))}
                for party, line in sorted(dispute.lines.items())
            ],
            "captures": self._captures,
            "choices": choices,
            "credit": LAND_CREDIT,
            "rings": easel.rings,
        }

    def _step(self, step: Step) -> Json:
        after = step.after
        lead = step.changes[0]
        sides = words.from_to(lead)
        what = f"{sides[0]} → {sides[1]}" if sides is not None else words.KIND_WORDS[lead.kind][0]
        size = f", {words.number(lead.area_km2)} km²" if lead.area_km2 else ""
        view = words.short(str(after.view), 80)
        others = f" and {len(step.changes) - 1} more" if len(step.changes) > 1 else ""
        return {
            "group": "change",
            "title": f"{words.day(after.shown_at)} · {view} · {words.short(what, 90)}{size}{others}",
            "before": self._capture(step.before),
            "after": self._capture(after),
            "beforeTitle": words.shown_on(step.before),
            "afterTitle": words.shown_on(after),
            "changes": [self._change(change) for change in step.changes],
            "credit": self._credit(after),
        }

    def _now(self, standing: Standing) -> Json:
        shares = ", ".join(f"{owner} {share}" for owner, share in words.shares_in_words(standing.depiction))
        view = words.short(str(standing.depiction.view), 80)
        return {
            "group": "now",
            "title": f"{view} · since {words.day(standing.since)}{' · ' + words.short(shares, 90) if shares else ''}",
            "before": None,
            "after": self._capture(standing.capture),
            "beforeTitle": "",
            "afterTitle": words.shown_on(standing.capture),
            "changes": [],
            "credit": self._credit(standing.capture),
        }

    def _change(self, change: Change) -> Json:
        text = words.short(change.summary) or words.KIND_WORDS[change.kind][0]
        entry: Json = {"kind": change.kind.value, "text": text, "word": words.KIND_WORDS[change.kind][0]}
        if change.geometry is not None and not change.geometry.is_empty:
            entry["g"] = self.easel.change(change.geometry, self.frame)
        return entry

    def _capture(self, capture: Capture) -> int | None:
        sketches = self.page.sketches.get(capture.id)
        if not sketches:
            return None
        if capture.id not in self._index:
            self._index[capture.id] = len(self._captures)
            drawn = sketched(sketches, self.easel, self.frame)
            bounds = _bounds([sketch.geometry for sketch in sketches]) or self.easel.window
            cut = [*self.easel.point(*bounds[:2]), *self.easel.point(*bounds[2:])]
            self._captures.append({"cut": cut, "things": [self._thing(sketch, entry) for sketch, entry in drawn]})
        return self._index[capture.id]

    def _thing(self, sketch: Sketch, entry: Json) -> Json:
        fill = "none" if sketch.owner is None else self.fills.get(sketch.owner, "plain")
        mark = sketch.style.value if sketch.style is not None else sketch.role.value
        self.marks.add(fill if fill in {"none", "plain"} else mark)
        self.marks.add(mark)
        return {
            **entry,
            "f": fill,
            "r": sketch.role.value,
            "s": sketch.style.value if sketch.style is not None else "",
            "l": _label(sketch),
            "o": words.owner_label(sketch.owner),
        }

    def _credit(self, capture: Capture) -> str:
        card = self.page.sources.get(capture.view.source)
        return credit(card, capture)


def credit(card: SourceCard | None, capture: Capture) -> str:
    """Who is to be credited for a capture, and under which licence."""
    attribution = capture.attribution or (card.terms.attribution if card is not None else capture.view.source)
    licence = capture.licence or (card.terms.licence if card is not None else "")
    return words.short(f"{attribution} ({licence})" if licence and licence not in attribution else attribution)


def _label(sketch: Sketch) -> str:
    """The source's own word; where that is a number or nothing, who it means goes first."""
    label = words.short(sketch.label, 160)
    if any(letter.isalpha() for letter in label):
        return label
    owner = words.owner_label(sketch.owner)
    return f"{owner} “{label}”" if any(digit.isdigit() for digit in label) else owner


def _simple(shape: BaseGeometry, easel: Easel) -> BaseGeometry:
    import shapely

    return shapely.simplify(easel.clipped(shape), easel.step)


# --- folium -------------------------------------------------------------------------------------

_PANES = (
    ("land", 210),
    ("before", 310),
    ("after", 320),
    ("outline", 430),
    ("lines", 440),
    ("changed", 450),
    ("before-names", 510),
    ("after-names", 520),
)
"""The map from the ground up; ``before`` and ``after`` are clipped at the divider."""


@cache
def _start_element() -> Any:
    """A folium element that hands map, layers and layer control to the page's own script."""
    from branca.element import MacroElement
    from folium.template import Template

    class Start(MacroElement):
        _template = Template(
            "{% macro script(this, kwargs) %}\n"
            "borderwatchMap({{ this.map.get_name() }}, { "
            "{% for key, layer in this.layers.items() %}{{ key|tojson }}: {{ layer.get_name() }}, {% endfor %}"
            " }, {{ this.control.get_name() }});\n"
            "{% endmacro %}"
        )

        def __init__(self, chart: Any, layers: dict[str, Any], control: Any) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._name = "Start"
            self.map, self.layers, self.control = chart, layers, control

    return Start


def _folium(frame: Box, *, changes: bool, now: bool, lines: bool) -> tuple[str, str]:
    """The HTML and the script folium makes of the map; the same for the same frame."""
    import folium
    from folium.map import CustomPane

    west, south, east, north = frame
    chart = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=4,
        zoom_control=True,
        zoom_snap=0.25,
        max_bounds_viscosity=1.0,
        world_copy_jump=False,
    )
    for name, z_index in _PANES:
        CustomPane(name, z_index=z_index, pointer_events=False).add_to(chart)
    titles = {"land": "Land"}
    if changes:
        titles |= {"before": "Before", "after": "After", "changed": "What changed"}
    elif now:
        titles |= {"after": "As shown now"}
    titles |= {"outline": "Outline of the dispute"}
    if lines:
        titles |= {"lines": "Lines put forward"}
    layers = {key: folium.FeatureGroup(name=title).add_to(chart) for key, title in titles.items()}
    control = folium.LayerControl(collapsed=False, auto_z_index=False).add_to(chart)
    chart.fit_bounds([[south, west], [north, east]], padding=(12, 12))
    chart.add_child(_start_element()(chart, layers, control))
    figure: Any = chart.get_root()
    _name_by_place(chart)
    figure.render()
    return figure.html.render(), figure.script.render()


def _name_by_place(element: Any, place: str = "0") -> None:
    """Give every folium element an id from its place in the tree: folium's own are random."""
    element._id = place  # noqa: SLF001 - the only way folium leaves to make the same map twice the same
    for i, child in enumerate(element._children.values()):  # noqa: SLF001
        _name_by_place(child, f"{place}_{i}")


__all__ = ["DisputeMap", "Step", "credit", "drawable_steps", "map_of_dispute", "owner_fills", "steps_of"]
