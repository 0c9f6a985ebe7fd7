"""The small folium map of one change: what a source drew before, what it draws after, and what is different.

No text from outside passes through folium's templates: it travels in the page's JSON, and the page's script sets it
as text. What changed is drawn whole, never simplified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from borderwatch.models import Change, Dispute, Role, Sketch
from borderwatch.render import words
from borderwatch.render.drawing import Box, frame_around, name_by_place, visible_step, window_around
from borderwatch.render.language import gettext as _

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Json = dict[str, Any]

LARGEST = 140_000
"""Characters of map data; with Leaflet (147 kB) and styles the page stays below 400 kB."""

MARGIN = 0.3
"""Of the change's own size, left around it: enough to see whose ground borders on it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One owner's ground or one line, cut to the window and simplified below what can be seen."""

    sketch: Sketch
    geometry: BaseGeometry
    edge: BaseGeometry
    """Its outline without the edge of the sheet, which no source draws."""
    fill: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All a change's map and its card are drawn from. ``owners`` are (pattern, identity), in a fixed order.

    ``sheet`` is how far the part kept for drawing reaches, where anything was kept.
    """

    frame: Box
    sheet: Box | None
    window: Box
    land: BaseGeometry
    before: tuple[Shape, ...]
    after: tuple[Shape, ...]
    changed: BaseGeometry
    outline: BaseGeometry | None
    owners: tuple[tuple[str, str], ...]


def scene_of_change(
    change: Change, dispute: Dispute | None, before: Sequence[Sketch], after: Sequence[Sketch]
) -> Scene | None:
    """What there is to draw; None where the change has no place of its own (a name, a row)."""
    if change.geometry is None or change.geometry.is_empty:
        return None
    from borderwatch.render.land import land_near

    sheet = _sheet([*before, *after])
    frame = _frame(change.geometry, sheet)
    window = window_around(frame)
    step = visible_step(frame)
    shown = [change.loser, change.gainer, *(dispute.claimants if dispute is not None else ())]
    fills: dict[str, str] = {}
    for owner in shown:
        if owner is not None and owner not in fills:
            fills[owner] = f"o{len(fills)}" if len(fills) < 8 else "plain"  # as many patterns as page.css has
    outline = None
    if dispute is not None and dispute.reference is not None and not dispute.boxed:
        outline = _cut(dispute.reference, window, step)
    old, new = (_shapes(sketches, sheet, window, step, fills) for sketches in (before, after))
    used = {shape.fill for shape in (*old, *new)}
    return Scene(
        frame=frame,
        sheet=sheet,
        window=window,
        land=_cut(land_near(window), window, step),
        before=old,
        after=new,
        changed=change.geometry,
        outline=outline,
        owners=tuple((fill, owner) for owner, fill in fills.items() if fill in used),
    )


def _sheet(sketches: Sequence[Sketch]) -> Box | None:
    bounds = [sketch.geometry.bounds for sketch in sketches if not sketch.geometry.is_empty]
    if not bounds:
        return None
    wests, souths, easts, norths = zip(*bounds, strict=True)
    return (min(wests), min(souths), max(easts), max(norths))


def _frame(geometry: BaseGeometry, sheet: Box | None) -> Box:
    """The change with its surroundings, as far as they are kept; across the antimeridian the larger side of it."""
    import shapely

    west, south, east, north = geometry.bounds
    if east - west > 180:
        halves = [shapely.clip_by_rect(geometry, *half) for half in ((-180, -90, 0, 90), (0, -90, 180, 90))]
        west, south, east, north = max(halves, key=lambda half: half.area or half.length).bounds
    wide, tall = east - west, north - south
    pad_x, pad_y = (MARGIN * max(side, max(wide, tall) / 3) for side in (wide, tall))
    frame = (west - pad_x, south - pad_y, east + pad_x, north + pad_y)
    if sheet is not None:
        frame = (max(frame[0], sheet[0]), max(frame[1], sheet[1]), min(frame[2], sheet[2]), min(frame[3], sheet[3]))
        frame = (min(frame[0], west), min(frame[1], south), max(frame[2], east), max(frame[3], north))
    return frame_around(frame)


def _cut(geometry: BaseGeometry, window: Box, step: float) -> BaseGeometry:
    import shapely

    return shapely.simplify(shapely.clip_by_rect(geometry, *window), step)


def _shapes(
    sketches: Sequence[Sketch], sheet: Box | None, window: Box, step: float, fills: dict[str, str]
) -> tuple[Shape, ...]:
    import shapely

    inside = [(sketch, shapely.clip_by_rect(sketch.geometry, *window)) for sketch in sketches]
    inside = [(sketch, cut) for sketch, cut in inside if not cut.is_empty]
    areas = [i for i, (sketch, _whole) in enumerate(inside) if sketch.role in {Role.AREA, Role.SEA}]
    drawn: list[BaseGeometry] = [shapely.simplify(cut, step) for _sketch, cut in inside]
    if areas:
        try:  # together, so that neighbours keep the line between them
            coverage = list(shapely.coverage_simplify([_polygons(inside[i][1]) for i in areas], step))
        except shapely.GEOSException:  # areas that do not fit together: each for itself, as above
            coverage = [drawn[i] for i in areas]
        for i, shape in zip(areas, coverage, strict=True):
            drawn[i] = shape
    cuts = [shapely.box(*box).exterior for box in (sheet, window) if box is not None]
    border = shapely.buffer(shapely.union_all(cuts), step / 2)
    return tuple(
        Shape(
            sketch,
            shape,
            shapely.difference(shapely.boundary(shape) if shape.area else shape, border),
            "none" if sketch.owner is None else fills.get(sketch.owner, "plain"),
        )
        for (sketch, _whole), shape in zip(inside, drawn, strict=True)
        if not shape.is_empty
    )


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of ``geometry``; clipping may leave lines and points among them."""
    import shapely

    return shapely.MultiPolygon(parts_of(geometry, "Polygon"))


def parts_of(geometry: BaseGeometry, kind: str) -> list[Any]:
    """The single parts of one type, out of collections too; ``Any`` for the attributes only that type has."""
    import shapely

    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == kind and not part.is_empty]


# --- for the page -------------------------------------------------------------------------------------


def map_of_scene(scene: Scene, kind: str) -> tuple[str, str, Json]:
    """folium's HTML and script, and the data the page's script draws from; coarser until it fits a page."""
    import json

    step = visible_step(scene.frame)
    for _attempt in range(5):
        data = _data(scene, kind, step)
        if len(json.dumps(data, separators=(",", ":"))) <= LARGEST:
            break
        step *= 2
    return (*_folium(scene.frame), data)


def _data(scene: Scene, kind: str, step: float) -> Json:
    digits = _digits(scene.frame)
    return {
        "kind": kind,
        "window": [round(v, 5) for v in scene.window],
        "sheet": [round(v, 5) for v in scene.sheet] if scene.sheet is not None else None,
        "land": _coordinates(scene.land, digits, step),
        "before": [_thing(shape, scene, digits, step) for shape in scene.before],
        "after": [_thing(shape, scene, digits, step) for shape in scene.after],
        "changed": _coordinates(scene.changed, digits + 1, 0.0),
        "place": _place(scene, digits),
        "outline": _coordinates(scene.outline, digits, step) if scene.outline is not None else None,
        "words": {"in": _("Zoom in"), "out": _("Zoom out"), "map": _("Map of the change; the tables say the same")},
    }


def _digits(frame: Box) -> int:
    """Decimals of a degree that make a quarter of a pixel at three zoom levels in."""
    import math

    return max(2, min(7, math.ceil(-math.log10(max(frame[2] - frame[0], frame[3] - frame[1]) / 20_000))))


def _thing(shape: Shape, scene: Scene, digits: int, step: float) -> Json:
    sketch = shape.sketch
    owner = words.owner_name(sketch.owner)
    label = words.short(sketch.label, 80)
    return {
        "f": shape.fill,
        "r": sketch.role.value,
        "s": sketch.style.value if sketch.style is not None else "",
        "l": owner
        if not label or label.casefold() == owner.casefold() or sketch.owner is None
        else f"{owner}: {label}",
        "n": label if sketch.owner is None else owner,
        "g": _coordinates(shape.geometry, digits, step),
        "e": _coordinates(shape.edge, digits, step),
        "p": _label_place(shape, scene, digits),
    }


def _label_place(shape: Shape, scene: Scene, digits: int) -> list[float] | None:
    """Where a name fits inside what every screen shows; None where there is no room."""
    import shapely

    from borderwatch.geometry import largest_circle

    if shape.sketch.role is not Role.AREA:
        return None
    west, south, east, north = scene.frame
    parts = parts_of(shapely.clip_by_rect(shape.geometry, *scene.frame), "Polygon")
    if not parts:
        return None
    largest = max(parts, key=lambda part: part.area)
    if largest.area < 0.01 * (east - west) * (north - south):
        return None
    circle = largest_circle(largest, (east - west) / 60)
    if circle.is_empty:
        return None
    lon, lat = circle.coords[0]
    return [round(lat, digits), round(lon, digits)]


def _place(scene: Scene, digits: int) -> list[float] | None:
    """Where a ring marks a change too small to see."""
    west, south, east, north = scene.changed.bounds
    if max(east - west, north - south) * 40 >= max(scene.frame[2] - scene.frame[0], scene.frame[3] - scene.frame[1]):
        return None
    point = scene.changed.representative_point()
    return [round(point.y, digits), round(point.x, digits)]


def _coordinates(geometry: BaseGeometry, digits: int, step: float) -> Json:
    """Areas as lists of rings, lines and points, each vertex as latitude, longitude."""
    import shapely

    out: Json = {"a": [], "l": [], "p": []}
    shape = shapely.simplify(geometry, step) if step else geometry

    def spots(line: BaseGeometry) -> list[list[float]]:
        return [[round(y, digits), round(x, digits)] for x, y in shapely.get_coordinates(line).tolist()]

    for part in parts_of(shape, "Polygon"):
        out["a"].append([spots(ring) for ring in (part.exterior, *part.interiors)])
    out["l"] += [spots(part) for kind in ("LineString", "LinearRing") for part in parts_of(shape, kind)]
    out["p"] += [spots(part)[0] for part in parts_of(shape, "Point")]
    return {key: value for key, value in out.items() if value}


@cache
def _start_element() -> Any:
    """A folium element that hands map, layers and layer control to the page's own script."""
    from branca.element import MacroElement
    from folium.template import Template

    class Start(MacroElement):
        _template = Template(
            "{% macro script(this, kwargs) %}\n"
            "changeMap({{ this.map.get_name() }}, { "
            "{% for key, layer in this.layers.items() %}{{ key|tojson }}: {{ layer.get_name() }}, {% endfor %}"
            " }, {{ this.control.get_name() }});\n"
            "{% endmacro %}"
        )

        def __init__(self, chart: Any, layers: dict[str, Any], control: Any) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self._name = "Start"
            self.map, self.layers, self.control = chart, layers, control

    return Start


def _folium(frame: Box) -> tuple[str, str]:
    """The HTML and the script folium makes of the map; the same for the same frame and language."""
    import folium

    west, south, east, north = frame
    chart = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_start=4,
        zoom_control=False,
        zoom_snap=0.25,
        max_bounds_viscosity=1.0,
        world_copy_jump=False,
    )
    layers: dict[str, Any] = {"land": folium.FeatureGroup(name=_("Land"), control=False)}
    layers["after"] = folium.FeatureGroup(name=_("After"), overlay=False)
    layers["before"] = folium.FeatureGroup(name=_("Before"), overlay=False, show=False)
    layers["outline"] = folium.FeatureGroup(name=_("Outline of the dispute"))
    layers["changed"] = folium.FeatureGroup(name=_("What changed"))
    for layer in layers.values():
        layer.add_to(chart)
    control = folium.LayerControl(collapsed=False, auto_z_index=False).add_to(chart)
    chart.fit_bounds([[south, west], [north, east]], padding=(8, 8))
    chart.add_child(_start_element()(chart, layers, control))
    figure: Any = chart.get_root()
    name_by_place(chart)
    figure.render()
    return figure.html.render(), figure.script.render()
