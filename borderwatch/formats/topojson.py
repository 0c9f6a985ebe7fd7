"""TopoJSON: bytes -> features; arcs decoded once, shared edges stay bit for bit the same on both sides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from borderwatch.errors import Malformed, TooLarge
from borderwatch.formats.features import (
    MAX_FEATURES,
    RawFeature,
    areas,
    json_from_javascript,
    lines,
    parsed_json,
    points,
    positions,
    together,
)
from borderwatch.formats.geojson import described

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

_MAX_DEPTH = 8
_PREFERRED = ("countries", "admin", "world", "units")


def features_from_topojson(data: bytes, object_name: str | None = None) -> list[RawFeature]:
    """The features of one object of a topology: the one named, the only one, or its ``countries``.

    Rings are cut at 180 degrees: publishers stitch them there, and until they are cut a country
    that crosses overlaps everything at its latitude.
    """
    return features_from_topology(parsed_json(data, "TopoJSON"), object_name)


def features_from_javascript(data: bytes, module: str, object_name: str | None = None) -> list[RawFeature]:
    """The features of the topology that a bundle of modules exports as ``module`` (a file's name)."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"TopoJSON in a script: not UTF-8 text at byte {error.start}") from None
    named = re.search(re.escape(module) + r"[\"']?\]?\s*\(\s*exports", text)
    if named is None:
        raise Malformed(f"TopoJSON in a script: no module {module!r} in it")
    start = text.find("module.exports", named.end())
    end = text.find("__commonJS", start)
    return features_from_topology(
        json_from_javascript(text, max(start, named.end()), end if end > 0 else len(text), module), object_name
    )


def features_from_topology(value: Any, object_name: str | None = None) -> list[RawFeature]:
    """The same from a parsed value."""
    if not isinstance(value, dict) or value.get("type") != "Topology":
        found = value.get("type") if isinstance(value, dict) else type(value).__name__
        raise Malformed(f'TopoJSON: "type" is {found!r}, not "Topology"')
    objects = value.get("objects")
    if not isinstance(objects, dict) or not objects:
        raise Malformed("TopoJSON: a topology without objects")
    name = object_name or _chosen(objects)
    if name not in objects:
        raise Malformed(f"TopoJSON: no object {name!r}; there are {', '.join(map(repr, objects))}")
    decoder = _Decoder(value)
    chosen = objects[name]
    if not isinstance(chosen, dict):
        raise Malformed(f"TopoJSON: object {name!r} is not a geometry")
    members = chosen.get("geometries") if chosen.get("type") == "GeometryCollection" else [chosen]
    if not isinstance(members, list):
        raise Malformed(f"TopoJSON: object {name!r} has no list of geometries")
    if len(members) > MAX_FEATURES:
        raise TooLarge(f"TopoJSON: {len(members):,} features; at most {MAX_FEATURES:,} are read")
    return [decoder.feature(member, i) for i, member in enumerate(members)]


def _chosen(objects: dict[str, Any]) -> str:
    if len(objects) == 1:
        return next(iter(objects))
    for name in _PREFERRED:
        if name in objects:
            return name
    raise Malformed(f"TopoJSON: which object? There are {', '.join(map(repr, objects))}: name one")


class _Decoder:
    """The arcs of one topology in degrees, and the geometries put together from them."""

    def __init__(self, topology: dict[str, Any]) -> None:
        transform = topology.get("transform")
        self._scale: NDArray[np.float64] | None = None
        self._translate = np.zeros(2)
        if transform is not None:
            try:
                self._scale = np.asarray(transform["scale"], dtype=np.float64)[:2]
                self._translate = np.asarray(transform["translate"], dtype=np.float64)[:2]
            except (TypeError, ValueError, KeyError, IndexError):
                raise Malformed("TopoJSON: a transform without two scale and two translate numbers") from None
            if self._scale.shape != (2,) or self._translate.shape != (2,):
                raise Malformed("TopoJSON: a transform without two scale and two translate numbers")
        arcs = topology.get("arcs")
        if not isinstance(arcs, list):
            raise Malformed("TopoJSON: a topology without arcs")
        self._arcs = [self._arc(arc, i) for i, arc in enumerate(arcs)]

    def _arc(self, arc: Any, i: int) -> NDArray[np.float64]:
        steps = positions(arc or [], f"arc {i}")
        return steps if self._scale is None else np.asarray(np.cumsum(steps, axis=0) * self._scale + self._translate)

    def _position(self, value: Any, what: str) -> NDArray[np.float64]:
        found = positions([value], what)
        return np.asarray(found[0] if self._scale is None else found[0] * self._scale + self._translate)

    def _path(self, references: Any, what: str) -> NDArray[np.float64]:
        """The positions along a list of arcs; ``~i`` walks arc i backwards; shared ends are said once."""
        if not isinstance(references, list):
            raise Malformed(f"{what}: arcs are {type(references).__name__}, not a list of numbers")
        pieces: list[NDArray[np.float64]] = []
        for given in references:
            reference = int(given) if isinstance(given, float) and given.is_integer() else given  # minified: 1e3
            if not isinstance(reference, int) or isinstance(reference, bool):
                raise Malformed(f"{what}: arc {reference!r} is not a number")
            at = reference if reference >= 0 else ~reference
            if at >= len(self._arcs):
                raise Malformed(f"{what}: arc {at} of {len(self._arcs)}")
            arc = self._arcs[at] if reference >= 0 else self._arcs[at][::-1]
            pieces.append(arc[1:] if pieces and len(pieces[-1]) else arc)
        return np.vstack(pieces) if pieces else np.empty((0, 2))

    def feature(self, value: Any, i: int) -> RawFeature:
        if not isinstance(value, dict):
            raise Malformed(f"TopoJSON: feature {i} is {type(value).__name__}, not a geometry")
        properties = value.get("properties") or {}
        if not isinstance(properties, dict):
            raise Malformed(f"TopoJSON: feature {i} has properties that are not an object")
        identity = value.get("id")
        what = described(i, properties, identity)
        return RawFeature(self._geometry(value, what), properties, None if identity is None else str(identity))

    def _geometry(self, value: Any, what: str, depth: int = 0) -> BaseGeometry | None:
        kind = value.get("type") if isinstance(value, dict) else None
        if kind is None:
            return None
        arcs = value.get("arcs") or []
        if not isinstance(arcs, list):
            raise Malformed(f"{what}: arcs are {type(arcs).__name__}, not a list")
        drawn: BaseGeometry | None
        match kind:
            case "Polygon":
                drawn = areas([[self._path(ring, what) for ring in arcs]], what)
            case "MultiPolygon":
                drawn = areas([[self._path(ring, what) for ring in polygon or []] for polygon in arcs], what)
            case "LineString":
                drawn = lines([self._path(arcs, what)], what)
            case "MultiLineString":
                drawn = lines([self._path(path, what) for path in arcs], what)
            case "Point":
                drawn = points([self._position(value.get("coordinates"), what)], what)
            case "MultiPoint":
                drawn = points([self._position(p, what) for p in value.get("coordinates") or []], what)
            case "GeometryCollection" if depth < _MAX_DEPTH:
                drawn = together([self._geometry(m, what, depth + 1) for m in value.get("geometries") or []], what)
            case _:
                raise Malformed(f"{what}: geometry of type {kind!r} is not TopoJSON, or is nested too deep")
        return drawn
