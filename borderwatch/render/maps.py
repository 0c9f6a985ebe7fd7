"""The folium map of a dispute: what views drew, what changed and where they differ, with nothing from the network.

Only this module imports folium. folium brings two maps (one lies beside the other when asked), their panes, their
layers and their control; the page brings Leaflet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from borderwatch.models import Coverage, DisputePage
from borderwatch.render import words
from borderwatch.render.divergence import Divergence, Shown, divergences
from borderwatch.render.drawing import Box, Json, frame_around, name_by_place, visible_step
from borderwatch.render.language import gettext as _
from borderwatch.render.mapdata import Gatherer
from borderwatch.render.past import Past, pasts_of
from borderwatch.render.steps import drawable_steps

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

MOST_STEPS = 24
"""Steps offered on one map, newest first; the table holds the rest. 24 of 2 editions fit in 1 MB."""

MOST_VIEWS = 42
"""Views whose past and present are offered on one map, those that show the dispute first."""

LARGEST = 1_000_000
"""Characters of map data; beyond, lines are simplified further until it fits."""


@dataclass(frozen=True, slots=True)
class DisputeMap:
    """A map ready for its page: folium's HTML and script, the data, and what the legend and the tables must say."""

    html: tuple[str, ...]
    script: str
    data: Json
    owners: tuple[tuple[str, str], ...]
    kinds: frozenset[str]
    marks: frozenset[str]
    steps: int
    more: int
    pasts: tuple[Past, ...]
    differing: tuple[Divergence, ...]
    rings: int

    @property
    def first_pair(self) -> tuple[int, int]:
        """The two views shown first where two are compared: those that differ most."""
        most = max(self.differing, key=lambda one: (one.area_km2, -one.first, -one.second), default=None)
        return (most.first, most.second) if most is not None else (0, min(1, len(self.pasts) - 1))


def map_of_dispute(page: DisputePage) -> DisputeMap:
    """The map of ``page``, its lines simplified until its data fits a page."""
    import json

    dispute = page.dispute
    shapes: list[BaseGeometry] = [g for g in (dispute.reference, *dispute.lines.values()) if g is not None]
    frame = frame_around(_bounds(shapes) or dispute.box)
    steps = drawable_steps(page)
    shown, step = steps[:MOST_STEPS], visible_step(frame)
    pasts = pasts_of(page)[:MOST_VIEWS]
    differing = _differing(page, pasts)
    while True:
        gatherer = Gatherer(page, frame, step)
        data = gatherer.data(shown, pasts, differing)
        if len(json.dumps(data)) <= LARGEST:
            break
        if step < visible_step(frame) * 6:
            step *= 2
        elif len(shown) > 1:
            shown = shown[: len(shown) // 2]
        else:
            pasts = pasts[: max(1, len(pasts) // 2)]
            differing = [one for one in differing if one.second < len(pasts)]
            if len(pasts) == 1:
                break
    html, script = _folium(frame, changes=bool(steps), differing=bool(data["pairs"]), lines=bool(dispute.lines))
    used = {thing["f"] for picture in data["pictures"] for thing in picture["things"]}
    return DisputeMap(
        html=html,
        script=script,
        data=data,
        owners=tuple(
            (fill, words.owner_label(o)) for o, fill in gatherer.fills.items() if fill in used and fill[0] == "o"
        ),
        kinds=frozenset(gatherer.kinds),
        marks=frozenset(gatherer.marks),
        steps=len(shown),
        more=len(steps) - len(shown),
        pasts=tuple(pasts),
        differing=tuple(differing),
        rings=len(gatherer.easel.rings),
    )


def _differing(page: DisputePage, pasts: list[Past]) -> list[Divergence]:
    """Where the views differ now, each pair of those that show the dispute; places are places in ``pasts``."""
    import shapely

    now = {s.depiction.view: s for s in page.standings}
    compared = [
        (i, Shown(page.sketches[s.capture.id], s.depiction.limit_km or 0.0))
        for i, past in enumerate(pasts)
        if (s := now.get(past.view)) is not None
        and s.depiction.coverage is Coverage.SHOWN
        and page.sketches.get(s.capture.id)
    ]
    ground = page.dispute.reference
    if ground is None or ground.is_empty:
        ground = shapely.box(*page.dispute.box)
    found = divergences(ground, [shown for _, shown in compared])
    return [Divergence(compared[d.first][0], compared[d.second][0], d.limit_km, d.parts) for d in found]


def _bounds(shapes: list[BaseGeometry]) -> Box | None:
    bounds = [shape.bounds for shape in shapes if not shape.is_empty]
    if not bounds:
        return None
    wests, souths, easts, norths = zip(*bounds, strict=True)
    return (min(wests), min(souths), max(easts), max(norths))


# --- folium -------------------------------------------------------------------------------------

_PANES = (
    ("land", 210),
    ("before", 310),
    ("after", 320),
    ("outline", 430),
    ("lines", 440),
    ("before-marks", 450),
    ("after-marks", 460),
    ("before-names", 510),
    ("after-names", 520),
)
"""The map from the ground up; all of ``before`` and of ``after`` is clipped at the divider."""


@cache
def _start_element() -> Any:
    """A folium element that hands maps, layers and layer control to the page's own script."""
    from branca.element import MacroElement
    from folium.template import Template

    class Start(MacroElement):
        _template = Template(
            "{% macro script(this, kwargs) %}\n"
            "borderwatchMap([{% for chart, layers in this.charts %}"
            "{ map: {{ chart.get_name() }}, layers: { "
            "{% for key, layer in layers.items() %}{{ key|tojson }}: {{ layer.get_name() }}, {% endfor %}"
            "} }, {% endfor %}], {{ this.control.get_name() }});\n"
            "{% endmacro %}"
        )

        def __init__(self, charts: list[tuple[Any, dict[str, Any]]], control: Any) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._name = "Start"
            self.charts, self.control = charts, control

    return Start


def _folium(frame: Box, *, changes: bool, differing: bool, lines: bool) -> tuple[tuple[str, ...], str]:
    """The HTML of each and the script folium makes of the two maps; the same for the same frame."""
    import folium

    titles = {"land": _("Land"), "before": "", "after": ""}
    if changes or differing:
        titles |= {"marks": _("What changed or differs")}
    titles |= {"names": _("Names"), "outline": _("Outline of the dispute")}
    if lines:
        titles |= {"lines": _("Lines put forward")}
    charts = [_chart(frame, titles), _chart(frame, titles)]
    (main, _layers), (beside, _others) = charts
    control = folium.LayerControl(collapsed=False, auto_z_index=False).add_to(main)
    figure: Any = main.get_root()
    figure.add_child(beside)
    beside.add_child(_start_element()(charts, control))
    name_by_place(main, "0")
    name_by_place(beside, "1")
    figure.render()
    return tuple(part.render() for part in figure.html._children.values()), figure.script.render()  # noqa: SLF001


def _chart(frame: Box, titles: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    import folium
    from folium.map import CustomPane

    west, south, east, north = frame
    chart = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=4,
        zoom_control=True,
        zoom_snap=0.1,
        max_bounds_viscosity=1.0,
        world_copy_jump=False,
    )
    for name, z_index in _PANES:
        CustomPane(name, z_index=z_index, pointer_events=False).add_to(chart)
    layers = {
        key: folium.FeatureGroup(name=title or key, control=bool(title)).add_to(chart) for key, title in titles.items()
    }
    return chart, layers


__all__ = ["DisputeMap", "map_of_dispute"]
