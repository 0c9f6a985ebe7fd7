"""A dispute's ``ground`` entry -> its reference polygon and where that came from.

The entry is a small sum over layers, each term spelt ``layer:key``::

    {"take": ["superset:IN-LA"], "within": ["country:CHN"], "minus": [...], "clip": true,
     "cut": [[x, y], ...], "pieces_above_km2": 1000, "largest": true, "buffer_km": 2, "polygon": [[x, y], ...],
     "note": "..."}

``take`` is the union of its terms; ``within`` cuts it to the union of others, ``minus`` takes others away, ``clip``
cuts it to the dispute's box (or to a box of its own), ``cut`` to a rough outline typed by hand (for a side no layer
has a line for), the next two drop crumbs left where two editions disagree about one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from catalogue_build.layers import CREDITS, Layers, repaired

GEOD = Geod(ellps="WGS84")

FINE, COARSE = 1e-6, 1e-5
"""Grids in degrees: 0.1 m for islets, 1 m for the rest; below every source's own accuracy."""
ISLET_KM2 = 100.0
CLIP_SLACK_DEG = 0.002
"""Boxes are given to three decimals: without some slack (200 m) they shave the islets they were drawn around."""


def area_km2(geometry: BaseGeometry) -> float:
    """Geodesic area on WGS 84."""
    return abs(float(GEOD.geometry_area_perimeter(shapely.orient_polygons(geometry))[0])) / 1e6


def ground(entry: Mapping[str, Any], box: Sequence[float], layers: Layers) -> tuple[BaseGeometry, str]:
    """The polygon an entry describes, on its grid, and the text of its origin."""
    clip = entry.get("clip")
    window = [float(edge) for edge in (clip if isinstance(clip, list) else box)]
    if "polygon" in entry:
        shape: BaseGeometry = shapely.Polygon(entry["polygon"])
    else:
        shape = _sum(entry["take"], window, layers)
    if "within" in entry:
        shape = shapely.intersection(shape, _sum(entry["within"], window, layers))
    if "minus" in entry:
        shape = shapely.difference(shape, _sum(entry["minus"], window, layers))
    if clip:
        shape = shapely.intersection(shape, shapely.box(*window).buffer(CLIP_SLACK_DEG, join_style="mitre"))
    if "cut" in entry:
        shape = shapely.intersection(shape, shapely.Polygon(entry["cut"]))
    if "buffer_km" in entry:
        shape = _buffer(shape, float(entry["buffer_km"]))
    shape = _pieces(shape, entry)
    return on_grid(shape), origin(entry)


def on_grid(shape: BaseGeometry) -> BaseGeometry:
    """``shape`` on the decimal grid it is stored on, in one order of parts and rings."""
    grid = FINE if area_km2(shape) < ISLET_KM2 else COARSE
    return shapely.normalize(repaired(shapely.set_precision(shape, grid)))


def origin(entry: Mapping[str, Any]) -> str:
    """Where the polygon came from, in words, with the packages and their versions."""
    words: list[str] = []
    for verb, lead in (("take", ""), ("within", "within "), ("minus", "without ")):
        terms = entry.get(verb, [])
        if terms:
            words.append(lead + _named(terms))
    if "buffer_km" in entry:
        words.append(f"{entry['buffer_km']} km to either side")
    if entry.get("clip"):
        words.append("within the box")
    if "cut" in entry:
        words.append("one or more sides typed by hand from general knowledge, good to some 5 km")
    if entry.get("note"):
        words.append(str(entry["note"]))
    return "; ".join(words)


def _named(terms: Sequence[str]) -> str:
    by_layer: dict[str, list[str]] = {}
    for term in terms:
        layer, key = term.split(":", 1)
        by_layer.setdefault(layer, []).append(key)
    texts = []
    for layer, keys in by_layer.items():
        title, package = CREDITS[layer]
        which = "" if keys == ["*"] else f" {', '.join(key.replace('*@', 'at ') for key in keys)}"
        texts.append(f"{title}{which} ({package.label})")
    return " and ".join(texts)


def _sum(terms: Sequence[str], window: Sequence[float], layers: Layers) -> BaseGeometry:
    return shapely.union_all([layers.get(*term.split(":", 1), window) for term in terms])


def _pieces(shape: BaseGeometry, entry: Mapping[str, Any]) -> BaseGeometry:
    parts = [part for part in shapely.get_parts(shapely.get_parts(shape)) if part.geom_type == "Polygon"]
    above = float(entry.get("pieces_above_km2", 0))
    parts = [part for part in parts if area_km2(part) > above]
    if entry.get("largest"):
        parts = [max(parts, key=lambda part: part.area)]
    if not parts:
        raise SystemExit(f"nothing is left of {dict(entry)}")
    return shapely.union_all(parts)


def _buffer(shape: BaseGeometry, distance_km: float) -> BaseGeometry:
    """A buffer in metres, through a local equal-area plane."""
    from pyproj import Transformer

    middle = shape.centroid
    plane = f"+proj=laea +lat_0={middle.y} +lon_0={middle.x} +datum=WGS84"
    there = Transformer.from_crs("OGC:CRS84", plane, always_xy=True)
    back = Transformer.from_crs(plane, "OGC:CRS84", always_xy=True)
    flat = shapely.transform(shape, there.transform, interleaved=False)
    return shapely.transform(flat.buffer(distance_km * 1000, cap_style="flat"), back.transform, interleaved=False)
