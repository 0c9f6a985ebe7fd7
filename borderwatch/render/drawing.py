"""Geometry for drawing only: windows around disputes, simplified below what can be seen, quantised, shared, packed.

Nothing here is ever measured. A page holds each ring once, however many editions draw it.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from borderwatch.models import Role, Sketch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

Json = dict[str, Any]

GRID = 65_536
"""Steps across a window: at the deepest zoom (3 levels in, 1,200 px wide) a step is a quarter of a pixel."""

_POLE = 84.0
"""Web Mercator grows without bound toward the poles; 84 keeps Greenland and the Antarctic coast in view."""

_LEAST = 0.004
"""Degrees: the smallest frame, about 400 m. A rock of 25 m is seen, and the finest outline is no rounding error."""


def mercator(lat: float) -> float:
    """Degrees of latitude as the map's upright degrees."""
    return math.degrees(math.asinh(math.tan(math.radians(lat))))


def _latitude(y: float) -> float:
    return math.degrees(math.atan(math.sinh(math.radians(y))))


def frame_around(box: Box) -> Box:
    """``box`` kept inside the projection and at least a few hundred metres wide."""
    west, south, east, north = box
    south, north = max(-_POLE, min(south, _POLE)), max(-_POLE, min(north, _POLE))
    grow_x = max(0.0, (_LEAST - (east - west)) / 2)
    grow_y = max(0.0, (_LEAST - (north - south)) / 2)
    return (
        max(-180.0, west - grow_x),
        max(-_POLE, south - grow_y),
        min(180.0, east + grow_x),
        min(_POLE, north + grow_y),
    )


def window_around(frame: Box) -> Box:
    """What a map filled by ``frame`` can show: stages from 1.1 times as high to twice as wide, and their padding."""
    west, south, east, north = frame
    low, high = mercator(south), mercator(north)
    wide, tall = east - west, high - low
    pad_x = (max(1.7 * wide, 2.8 * tall) - wide) / 2
    pad_y = (max(1.7 * tall, 1.5 * wide) - tall) / 2
    return (
        max(-180.0, west - pad_x),
        max(-_POLE, _latitude(max(low - pad_y, mercator(-_POLE)))),
        min(180.0, east + pad_x),
        min(_POLE, _latitude(min(high + pad_y, mercator(_POLE)))),
    )


def visible_step(frame: Box) -> float:
    """Degrees of a third of a pixel when ``frame`` fills a map 600 pixels high."""
    return max(frame[2] - frame[0], frame[3] - frame[1]) / 1800


class Easel:
    """Turns geometry into the short integers a page holds, each ring once.

    ``step`` is the simplification in degrees; points are steps of the window's grid, each after the
    first as the difference from the one before it.
    """

    def __init__(self, window: Box, step: float) -> None:
        self.window = window
        self.step = step
        self.rings: list[list[int]] = []
        self._known: dict[bytes, int] = {}

    def clipped(self, geometry: BaseGeometry) -> BaseGeometry:
        """The part of ``geometry`` inside the window."""
        import shapely

        west, south, east, north = geometry.bounds if not geometry.is_empty else self.window
        box = self.window
        if west >= box[0] and south >= box[1] and east <= box[2] and north <= box[3]:
            return geometry
        return shapely.clip_by_rect(geometry, *box)

    def simplified(self, areas: Sequence[BaseGeometry]) -> list[BaseGeometry]:
        """``areas`` simplified together, so that neighbours keep the line between them."""
        import shapely

        polygons = [_polygons(area) for area in areas]
        try:
            return list(shapely.coverage_simplify(polygons, self.step))
        except shapely.GEOSException:  # a source whose areas do not fit together: each for itself
            return [shapely.simplify(area, self.step) for area in polygons]

    def drawn(self, geometry: BaseGeometry) -> Json | None:
        """``geometry`` in the page's terms: ``a`` areas as lists of rings, ``l`` lines, ``p`` points."""
        import shapely

        out: Json = {"a": [], "l": [], "p": []}
        for part in shapely.get_parts(shapely.force_2d(geometry)):
            if part.is_empty:
                continue
            if part.geom_type == "Polygon":
                rings = [self._ring(ring, closed=True) for ring in (part.exterior, *part.interiors)]
                if rings[0] is not None:
                    out["a"].append([ring for ring in rings if ring is not None])
            elif part.geom_type in {"LineString", "LinearRing"}:
                line = self._ring(part, closed=False)
                if line is not None:
                    out["l"].append(line)
            elif part.geom_type == "Point":
                out["p"].append(self.point(part.x, part.y))
            else:
                inner = self.drawn(part)
                for key, value in (inner or {}).items():
                    out[key].extend(value)
        kept = {key: value for key, value in out.items() if value}
        return kept or None

    def point(self, lon: float, lat: float) -> list[int]:
        """One place as steps of the grid."""
        west, south, east, north = self.window
        return [round((lon - west) / (east - west) * GRID), round((lat - south) / (north - south) * GRID)]

    def change(self, geometry: BaseGeometry, frame: Box) -> Json | None:
        """What changed, never simplified away: where it is too small to see, a point marks the place."""
        import shapely

        inside = self.clipped(geometry)
        fine = shapely.simplify(inside, self.step / 4)
        drawn = self.drawn(fine if not fine.is_empty else inside) or {}
        west, south, east, north = geometry.bounds
        if max(east - west, north - south) * 50 < max(frame[2] - frame[0], frame[3] - frame[1]) or not drawn:
            place = shapely.point_on_surface(geometry)
            drawn = {**drawn, "p": [*drawn.get("p", ()), self.point(place.x, place.y)]}
        return drawn or None

    def packed(self) -> str:
        """Every ring as zigzag varints (count, then the steps), deflated, in base64; ``map_data.js`` reads it.

        A coastline step is one or two bytes so, and half of that deflated; as JSON it is seven.
        """
        import numpy as np

        signed = np.array([value for ring in self.rings for value in (len(ring) // 2, *ring)], dtype=np.int64)
        rest = ((signed << 1) ^ (signed >> 63)).astype(np.uint64)
        out = np.zeros((len(rest), 5), dtype=np.uint8)
        used = np.ones(len(rest), dtype=np.int64)
        for place in range(5):
            out[:, place] = rest & 0x7F
            rest >>= np.uint64(7)
            more = rest > 0
            out[more, place] |= 0x80
            used[more] += 1
        held = out[np.arange(5) < used[:, None]]
        squeezed = zlib.compressobj(9, wbits=-15)
        return base64.b64encode(squeezed.compress(held.tobytes()) + squeezed.flush()).decode()

    def _ring(self, ring: BaseGeometry, *, closed: bool) -> int | None:
        import numpy as np
        import shapely

        west, south, east, north = self.window
        span = np.array([east - west, north - south])
        steps = np.rint((shapely.get_coordinates(ring) - (west, south)) / span * GRID).astype(np.int64)
        keep = np.ones(len(steps), dtype=bool)
        keep[1:] = (np.diff(steps, axis=0) != 0).any(axis=1)
        steps = steps[keep]
        if closed:
            steps = steps[:-1] if len(steps) > 1 and (steps[0] == steps[-1]).all() else steps
        if len(steps) < (3 if closed else 2):
            return None
        return self._index(steps)

    def _index(self, steps: NDArray[np.int64]) -> int:
        import numpy as np

        key = steps.tobytes()
        if key not in self._known:
            self._known[key] = len(self.rings)
            deltas = np.diff(steps, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
            self.rings.append([int(value) for value in deltas.ravel()])
        return self._known[key]


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of ``geometry``; clipping may leave lines and points among them."""
    import shapely

    if geometry.geom_type in {"Polygon", "MultiPolygon"}:
        return geometry
    return shapely.MultiPolygon([part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"])


def sketched(sketches: Sequence[Sketch], easel: Easel, frame: Box) -> list[tuple[Sketch, Json]]:
    """Each sketch with what the page holds of it: geometry ``g``, and where its label fits (``p``, ``w``)."""
    inside = [(sketch, easel.clipped(sketch.geometry)) for sketch in sketches]
    inside = [(sketch, geometry) for sketch, geometry in inside if not geometry.is_empty]
    areas = [i for i, (sketch, _) in enumerate(inside) if sketch.role in {Role.AREA, Role.SEA}]
    shapes = [geometry for _, geometry in inside]
    for i, shape in zip(areas, easel.simplified([shapes[i] for i in areas]) if areas else (), strict=True):
        shapes[i] = shape
    out: list[tuple[Sketch, Json]] = []
    for (sketch, _), shape in zip(inside, shapes, strict=True):
        drawn = easel.drawn(shape if sketch.role in {Role.AREA, Role.SEA, Role.LABEL} else _line(shape, easel))
        if drawn is None:
            continue
        entry: Json = {"g": drawn}
        if sketch.role in {Role.AREA, Role.SEA}:
            entry |= label_place(shape, easel, frame)
        elif sketch.role is Role.LABEL:
            entry |= {"p": drawn.get("p", [[]])[0], "w": 0}
        out.append((sketch, entry))
    return out


def _line(shape: BaseGeometry, easel: Easel) -> BaseGeometry:
    import shapely

    return shapely.simplify(shape, easel.step)


def label_place(shape: BaseGeometry, easel: Easel, frame: Box) -> Json:
    """The roomiest place of ``shape`` within reach of the frame, and how roomy, in steps of the grid."""
    import shapely

    from borderwatch.geometry import largest_circle

    west, south, east, north = frame
    for margin in (0.0, 0.6):  # of the frame: what every screen shows, then what a wide or a tall one shows
        dx, dy = (east - west) * margin, (north - south) * margin
        near = shapely.clip_by_rect(shape, west - dx, south - dy, east + dx, north + dy)
        parts = [part for part in shapely.get_parts(near) if part.geom_type == "Polygon" and part.area > 0]
        if parts:
            break
    else:
        return {}
    largest = max(parts, key=lambda part: part.area)
    circle = largest_circle(largest, max(east - west, north - south) / 60)
    if circle.is_empty:
        return {}
    lon, lat = circle.coords[0]
    return {"p": easel.point(lon, lat), "w": easel.point(easel.window[0] + circle.length, easel.window[1])[0]}


def name_by_place(element: Any, place: str = "0") -> None:
    """Give every folium element an id from its place in the tree: folium's own are random."""
    element._id = place  # noqa: SLF001 - the only way folium leaves to make the same map twice the same
    for i, child in enumerate(element._children.values()):  # noqa: SLF001
        name_by_place(child, f"{place}_{i}")
