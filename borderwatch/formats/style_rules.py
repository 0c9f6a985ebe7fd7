"""Map styles (MapLibre's style specification): which boundary lines a style draws, and whether it dashes them.

Some services draw a political view in the style: the tiles are the same for everyone, and the style's filters decide
which lines show. This evaluates those filters: the operators below, old and new notation. An operator it does not
know is ``SchemaChanged``, never a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from borderwatch.errors import Malformed, SchemaChanged
from borderwatch.models import LineStyle

MAX_LAYERS = 2_000
MAX_DEPTH = 40
_BOUNDARY = re.compile(r"bound|border|admin|disput", re.IGNORECASE)

_COMPARISONS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class LineRule:
    """One layer of a style that draws lines: for which features, and dashed or not."""

    id: str
    source_layer: str
    filter: Any
    dashed: bool


def line_rules(style: object, zoom: int, what: str) -> tuple[LineRule, ...]:
    """The layers of a style that draw boundary lines at a zoom, in the order of drawing."""
    layers = style.get("layers") if isinstance(style, dict) else None
    if not isinstance(layers, list) or not layers or len(layers) > MAX_LAYERS:
        raise SchemaChanged(f"{what}: no list of layers: not a map style", words=("layers",))
    rules = []
    for layer in layers:
        if not isinstance(layer, dict) or layer.get("type") != "line":
            continue
        name, source_layer = str(layer.get("id", "")), str(layer.get("source-layer", ""))
        if not (_BOUNDARY.search(name) or _BOUNDARY.search(source_layer)):
            continue
        paint, layout = layer.get("paint", {}), layer.get("layout", {})
        nearest, farthest = layer.get("minzoom", 0), layer.get("maxzoom", 25)
        if not (isinstance(paint, dict) and isinstance(layout, dict) and _is_number(nearest) and _is_number(farthest)):
            raise SchemaChanged(f"{what}: layer {name[:60]!r} is drawn in a way not known", words=(name[:60],))
        shown = nearest <= zoom < farthest
        if shown and layout.get("visibility", "visible") == "visible" and paint.get("line-opacity", 1) != 0:
            rules.append(LineRule(name, source_layer, layer.get("filter"), "line-dasharray" in paint))
    if not rules:
        raise SchemaChanged(f"{what}: no layer that draws boundaries at zoom {zoom}", words=("boundary",))
    return tuple(rules)


def drawn_by(
    rules: Sequence[LineRule], layer: str, properties: Mapping[str, Any], zoom: int, what: str
) -> tuple[str, LineStyle]:
    """The layers that draw a feature, in the style's own words, and how: dashed where any of them is."""
    drawing = [
        rule
        for rule in rules
        if rule.source_layer == layer and (rule.filter is None or is_passed(rule.filter, properties, zoom, what))
    ]
    if not drawing:
        return "in no layer of the style", LineStyle.NOT_DRAWN
    style = LineStyle.DASHED if any(rule.dashed for rule in drawing) else LineStyle.SOLID
    return ", ".join(rule.id for rule in drawing), style


def is_passed(filter_: object, properties: Mapping[str, Any], zoom: int, what: str) -> bool:
    """Whether a line passes a filter."""
    try:
        return bool(_value(filter_, properties, zoom, 0))
    except (TypeError, IndexError, ValueError) as error:
        raise Malformed(f"{what}: a filter that cannot be followed ({str(filter_)[:120]}): {error}") from None


def _value(expression: object, properties: Mapping[str, Any], zoom: int, depth: int) -> Any:
    if not isinstance(expression, list):
        return expression
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} filters inside each other")
    operator, *arguments = expression

    def of(argument: object) -> Any:
        return _value(argument, properties, zoom, depth + 1)

    match operator:
        case "literal":
            return arguments[0]
        case "get":
            return properties.get(of(arguments[0]))
        case "has":
            return of(arguments[0]) in properties
        case "!has":
            return of(arguments[0]) not in properties
        case "zoom":
            return zoom
        case "geometry-type":
            return "LineString"
        case "!":
            return not of(arguments[0])
        case "all":
            return all(of(argument) for argument in arguments)
        case "any":
            return any(of(argument) for argument in arguments)
        case "none":
            return not any(of(argument) for argument in arguments)
        case "==" | "!=":
            same = _same(_left(arguments[0], properties, of), of(arguments[1]))
            return same if operator == "==" else not same
        case "<" | "<=" | ">" | ">=":
            left, right = _left(arguments[0], properties, of), of(arguments[1])
            comparable = type(left) is type(right) or (_is_number(left) and _is_number(right))
            return comparable and _COMPARISONS[operator](left, right)
        case "in" | "!in":
            found = _is_in(arguments, properties, of)
            return found if operator == "in" else not found
        case "match":
            return _matched(arguments, of)
        case "case":
            for test, then in zip(arguments[:-1:2], arguments[1:-1:2], strict=True):
                if of(test):
                    return of(then)
            return of(arguments[-1])
        case "step":
            return _stepped(arguments, of)
        case "coalesce":
            return next((found for argument in arguments if (found := of(argument)) is not None), None)
        case "to-string" | "string":
            found = of(arguments[0])
            return "" if found is None else str(found)
        case "to-number" | "number":
            found = of(arguments[0])
            return float(found) if found not in (None, "") else 0.0
        case "to-boolean" | "boolean":
            return bool(of(arguments[0]))
        case "downcase":
            return str(of(arguments[0])).lower()
        case "upcase":
            return str(of(arguments[0])).upper()
        case "concat":
            return "".join(str(of(argument)) for argument in arguments)
    raise SchemaChanged(
        f"a style's filter with an operator not known: {str(operator)[:40]!r}", words=(str(operator)[:40],)
    )


def _left(argument: object, properties: Mapping[str, Any], of: Any) -> Any:
    """The old notation names a property (``["==", "kind", "country"]``), the new one gets it."""
    if argument == "$type":
        return "LineString"
    return properties.get(argument) if isinstance(argument, str) else of(argument)


def _is_in(arguments: Sequence[Any], properties: Mapping[str, Any], of: Any) -> bool:
    if len(arguments) == 2 and isinstance(arguments[1], list):  # ["in", needle, haystack], new notation
        needle, haystack = of(arguments[0]), of(arguments[1])
        if isinstance(haystack, str):
            return isinstance(needle, str) and needle in haystack
        return any(_same(needle, item) for item in haystack or ())
    value = _left(arguments[0], properties, of)
    return any(_same(value, item) for item in arguments[1:])


def _matched(arguments: Sequence[Any], of: Any) -> Any:
    value = of(arguments[0])
    for label, then in zip(arguments[1:-1:2], arguments[2:-1:2], strict=True):
        labels = label if isinstance(label, list) else [label]
        if any(_same(value, item) for item in labels):
            return of(then)
    return of(arguments[-1])


def _stepped(arguments: Sequence[Any], of: Any) -> Any:
    value = float(of(arguments[0]))
    found = arguments[1]
    for stop, then in zip(arguments[2::2], arguments[3::2], strict=True):
        if value >= float(stop):
            found = then
    return of(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(a: object, b: object) -> bool:
    if _is_number(a) and _is_number(b):
        return math.isclose(float(a), float(b))  # type: ignore[arg-type]
    return type(a) is type(b) and a == b
