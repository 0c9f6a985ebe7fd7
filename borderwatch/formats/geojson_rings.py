"""GeoJSON of plain polygons -> rings, its coordinates read as columns of numbers, not as a million Python floats.

The coordinates are cut out of the text, what is left is read as JSON, and each piece by its brackets. Whatever is not
as expected in any way is left to ``geojson``, which says what is wrong with it.
"""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from borderwatch.formats.rings import RingTable
from borderwatch.formats.vector_file import crs_is_degrees

if TYPE_CHECKING:
    from numpy.typing import NDArray

# In a string the quotes would be escaped, so that this is a key. Nothing but numbers and brackets follows it.
_COORDINATES = re.compile(rb'"coordinates"\s*:\s*(?=\[)')
_NUMBERS = b"0123456789-+eE.,[] \t\r\n"
_TO_SPACES = bytes.maketrans(b"[],\t\r\n", b"      ")
_OPEN, _CLOSE, _COMMA = b"[],"
_DEPTH = {"Polygon": 3, "MultiPolygon": 4}


Rings: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]"
"""Vertices, vertices by ring, and which rings are exteriors."""
Known: TypeAlias = "dict[tuple[int, bytes], Rings]"
"""What texts of coordinates were read as, by their depth and themselves: of two editions most are the same."""


def rings_from_geojson(data: bytes, known: Known | None = None) -> RingTable | None:
    """The rings of a FeatureCollection of polygons; None where something else is in it, or something amiss.

    Coordinates whose text is in ``known`` are not read again; those that are read are added.
    """
    pieces: list[bytes] = []
    skeleton: list[bytes] = []
    end = 0
    for found in _COORDINATES.finditer(data):
        # As far as the next quote, and no farther: what is searched for one key is not searched for another.
        quote = data.find(b'"', found.end())
        stop = len(data) if quote < 0 else quote
        brace = data.find(b"}", found.end(), stop)
        piece = data[found.end() : stop if brace < 0 else brace]
        piece = piece[: piece.rfind(b"]") + 1]
        if piece.translate(None, _NUMBERS):
            return None
        skeleton += [data[end : found.start()], b'"coordinates":%d' % len(pieces)]
        pieces.append(piece)
        end = found.end() + len(piece)
    try:
        value = json.loads(b"".join([*skeleton, data[end:]]).decode("utf-8-sig"))
        features = value["features"]
        crs = value.get("crs")
        if value["type"] != "FeatureCollection" or (crs and not crs_is_degrees(crs)):
            return None
        geometries = [feature["geometry"] for feature in features]
        drawn = [(n, g["type"], g["coordinates"]) for n, g in enumerate(geometries) if g is not None]
        # Each piece is the coordinates of a geometry, and in their order.
        if [number for _, _, number in drawn] != list(range(len(pieces))) or not drawn:
            return None
        known = {} if known is None else known
        read = [(n, _rings_once(pieces[number], _DEPTH[kind], known)) for n, kind, number in drawn]
        columns = _columns(features)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    whose = [np.full(len(counts), n) for n, (_, counts, _) in read]
    return RingTable(
        np.concatenate([xy for _, (xy, _, _) in read]),
        np.concatenate([counts for _, (_, counts, _) in read]),
        np.concatenate(whose),
        np.concatenate([exterior for _, (_, _, exterior) in read]),
        len(features),
        columns,
    )


def _columns(features: list[Any]) -> dict[str, list[Any]]:
    rows = [feature.get("properties") or {} for feature in features]
    fields = dict.fromkeys(key for row in rows for key in row)
    columns = {field: [row.get(field) for row in rows] for field in fields}
    ids = [feature.get("id") for feature in features]
    if any(own is not None for own in ids):
        said = columns.get("id", [None] * len(ids))
        columns["id"] = [own if value is None else value for value, own in zip(said, ids, strict=True)]
    return columns


def _rings_once(text: bytes, depth: int, known: Known) -> Rings:
    if (depth, text) not in known:
        known[depth, text] = _rings(text, depth)
    return known[depth, text]


def _rings(text: bytes, depth: int) -> Rings:
    """What a text of coordinates says; ValueError where brackets or numbers do not fit."""
    marks = np.frombuffer(text, np.uint8)
    brackets = np.flatnonzero((marks == _OPEN) | (marks == _CLOSE))
    opens = marks[brackets] == _OPEN
    level = np.cumsum(np.where(opens, 1, -1))
    if level[-1] != 0 or level.min() < 0 or level.max() != depth:
        raise ValueError("brackets that do not fit")
    first, last = (brackets[(level == at) & which] for at, which in ((depth, opens), (depth - 1, ~opens)))
    commas = np.flatnonzero(marks == _COMMA)
    size = np.searchsorted(commas, last) - np.searchsorted(commas, first) + 1
    if size.min() != size.max() or size[0] not in (2, 3):
        raise ValueError("positions of different lengths")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what stops at text that is no number
        try:
            numbers = np.fromstring(text.translate(_TO_SPACES), sep=" ")
        except DeprecationWarning as error:
            raise ValueError(str(error)) from None
    if len(numbers) != len(first) * int(size[0]):
        raise ValueError("numbers that do not fit the brackets")
    ring_first, ring_last = (brackets[(level == at) & which] for at, which in ((depth - 1, opens), (depth - 2, ~opens)))
    counts = np.searchsorted(first, ring_last) - np.searchsorted(first, ring_first)
    if (counts < 1).any() or int(counts.sum()) != len(first):
        raise ValueError("a ring without positions, or positions without a ring")
    outer = np.searchsorted(ring_first, brackets[(level == depth - 2) & opens])
    if len(outer) == 0 or outer[-1] >= len(counts) or (np.diff(outer) < 1).any():
        raise ValueError("a polygon without rings")
    exterior = np.zeros(len(counts), dtype=bool)
    exterior[outer] = True
    return numbers.reshape(len(first), -1)[:, :2], counts, exterior
