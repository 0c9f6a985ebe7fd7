"""OpenStreetMap data as Overpass JSON or OSM XML: bytes -> elements -> features; no source, no network.

Outlines are built from the member ways of a relation by ``shapely.build_area``, whatever their order and direction,
and past the same gate as every drawn feature. Names of mappers are not read.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.errors import Malformed, Partial, SchemaChanged, TooLarge
from borderwatch.formats.features import MAX_BYTES, MAX_FEATURES, RawFeature, gated, lines, parsed_json, points

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

KINDS = ("node", "way", "relation")
# Roles of member ways that are no part of the outline.
INSIDE_ROLES = frozenset({"admin_centre", "capital", "collection", "label", "land_area", "subarea"})
# More than this share of the outline ending nowhere is a broken ring; less is an islet or a stray way.
OPEN_SHARE = 0.02
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BOUNDARY_TYPES = ("boundary", "multipolygon")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a relation; ``path`` are its (lon, lat) degrees where the answer gives them."""

    kind: str
    ref: int
    role: str = ""
    path: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """A node, a way or a relation; ``path`` are a way's (lon, lat) degrees where they are known."""

    kind: str
    id: int
    tags: Mapping[str, str] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    path: NDArray[np.float64] | None = None

    @property
    def reference(self) -> str:
        """``relation/60199``, as OpenStreetMap's own pages are called."""
        return f"{self.kind}/{self.id}"

    def __str__(self) -> str:
        name = self.tags.get("name:en") or self.tags.get("name")
        return f"{self.reference} ({name[:60]!r})" if name else self.reference


@dataclass(frozen=True, slots=True)
class OsmData:
    """The elements of an answer in its order; ``base`` is the moment of the database it was made from."""

    elements: tuple[Element, ...]
    base: datetime | None = None


# --- bytes -> elements ----------------------------------------------------------------------------------


def is_overpass(value: object) -> bool:
    """Is a parsed JSON value an answer of Overpass (or of the OpenStreetMap API)?"""
    return isinstance(value, dict) and isinstance(value.get("elements"), list) and "version" in value


def osm_from_overpass_json(data: bytes) -> OsmData:
    """The elements of Overpass JSON; ``Partial`` where a remark says that the query was given up."""
    return osm_from_overpass_value(parsed_json(data, "Overpass JSON"))


def osm_from_overpass_value(value: Any) -> OsmData:
    """The same from a parsed value."""
    if not is_overpass(value):
        raise Malformed('Overpass JSON: no "version" and "elements": not an answer of Overpass')
    _check_remark(value.get("remark"))
    found = value["elements"]
    if len(found) > MAX_FEATURES:
        raise TooLarge(f"Overpass JSON: {len(found):,} elements; at most {MAX_FEATURES:,} are read")
    about = value.get("osm3s")
    base = about.get("timestamp_osm_base") if isinstance(about, dict) else None
    return OsmData(_resolved([_element(item) for item in found]), moment_from_osm(base))


def osm_from_xml(data: bytes) -> OsmData:
    """The elements of OSM XML, as saved by editors, answered by the API and by Overpass (``[out:xml]``)."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"OSM XML: {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    if _DECLARATION.search(data[:4096]):
        raise Malformed("OSM XML: it declares entities, which OSM XML never does: not read")
    raws: list[_Raw] = []
    base = None
    depth = 0
    try:
        for event, node in ET.iterparse(io.BytesIO(data), events=("start", "end")):  # noqa: S314 - no entities: above
            depth += 1 if event == "start" else -1
            if event == "start":
                if depth == 1 and node.tag != "osm":
                    raise Malformed(f"OSM XML: its root is <{node.tag[:40]}>, not <osm>")
                continue
            if node.tag == "remark":
                _check_remark((node.text or "").strip())
            elif node.tag == "meta":
                base = node.get("osm_base")
            elif node.tag in ("action", "create", "modify", "delete"):
                raise Malformed(f"OSM XML: a list of edits (<{node.tag}>), not a state: ask without [adiff:]")
            elif node.tag in KINDS and depth == 1:
                if node.get("visible") != "false" and node.get("action") != "delete":  # JOSM writes the latter
                    raws.append(_element_from_xml(node))
                node.clear()
                if len(raws) > MAX_FEATURES:
                    raise TooLarge(f"OSM XML: more than {MAX_FEATURES:,} elements are not read")
    except ET.ParseError as error:
        raise Malformed(f"OSM XML: not XML: {error}") from None
    return OsmData(_resolved(raws), moment_from_osm(base))


def moment_from_osm(text: object) -> datetime | None:
    """A time as OpenStreetMap writes it (``2015-05-14T12:20:02Z``), aware and UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def _check_remark(remark: object) -> None:
    """Overpass answers 200 and says in a remark that it stopped; whatever came before it is not the whole."""
    if isinstance(remark, str) and "error" in remark.casefold():
        raise Partial(f"Overpass gave the query up ({' '.join(remark.split())[:160]}): ask again later, or for less")


@dataclass(frozen=True, slots=True)
class _Raw:
    """An element as it came, its nodes by number."""

    kind: str
    id: int
    tags: dict[str, str]
    members: tuple[Member, ...]
    nodes: tuple[int, ...]
    path: NDArray[np.float64] | None


def _element(item: Any) -> _Raw:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind not in KINDS:
        raise SchemaChanged(f"Overpass JSON: an element of type {str(kind)[:40]!r}", words=(str(kind)[:40],))
    try:
        what = f"{kind}/{item['id']}"
        tags = {str(key): str(value) for key, value in (item.get("tags") or {}).items()}
        members = tuple(
            Member(str(m["type"]), int(m["ref"]), str(m.get("role") or ""), _path(m.get("geometry"), what))
            for m in item.get("members") or ()
        )
        nodes = tuple(int(ref) for ref in item.get("nodes") or ())
        if kind == "node":
            path = np.array([[item["lon"], item["lat"]]], dtype=np.float64) if "lon" in item else None
        else:
            path = _path(item.get("geometry"), what)
        return _Raw(kind, int(item["id"]), tags, members, nodes, path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"Overpass JSON: an element that is none ({error}): {str(item)[:60]!r}") from None


def _path(points: Any, what: str) -> NDArray[np.float64] | None:
    """The positions of ``out geom``; null stands for a point outside a clip, or one the server has lost."""
    if not points:
        return None
    if any(point is None for point in points):
        raise Partial(f"Overpass JSON: {what} has points without a place: the answer is clipped or damaged")
    return np.array([[point["lon"], point["lat"]] for point in points], dtype=np.float64)


def _element_from_xml(node: ET.Element) -> _Raw:
    try:
        identity = int(node.get("id", ""))
        tags = {str(tag.get("k")): str(tag.get("v")) for tag in node.iterfind("tag")}
        members = tuple(
            Member(m.get("type", ""), int(m.get("ref", "")), m.get("role", ""), _path_from_xml(m))
            for m in node.iterfind("member")
        )
        nodes = tuple(int(nd.get("ref", "")) for nd in node.iterfind("nd"))
        path: NDArray[np.float64] | None
        if node.tag == "node":
            path = np.array([[float(node.get("lon", "nan")), float(node.get("lat", "nan"))]])
        else:
            path = _path_from_xml(node) if node.tag == "way" else None
    except ValueError as error:
        raise Malformed(f"OSM XML: <{node.tag} id={node.get('id', '')[:20]!r}>: {error}") from None
    return _Raw(node.tag, identity, tags, members, nodes, path)


def _path_from_xml(node: ET.Element) -> NDArray[np.float64] | None:
    """The positions of ``out geom`` in XML: every ``nd`` with its own, or none."""
    found = [(nd.get("lon"), nd.get("lat")) for nd in node.iterfind("nd")]
    if not found or any(lon is None or lat is None for lon, lat in found):
        return None
    return np.array(found, dtype=np.float64)


def _resolved(raws: list[_Raw]) -> tuple[Element, ...]:
    """Elements whose ways have their places: from themselves, from their nodes, or from the ways they refer to."""
    places = {raw.id: raw.path[0] for raw in raws if raw.kind == "node" and raw.path is not None}
    paths: dict[int, NDArray[np.float64]] = {}
    for raw in raws:
        if raw.kind == "way":
            path = raw.path
            if path is None and raw.nodes and all(ref in places for ref in raw.nodes):
                path = np.array([places[ref] for ref in raw.nodes])
            if path is not None:
                paths[raw.id] = path
    elements = []
    for raw in raws:
        members = tuple(
            Member(m.kind, m.ref, m.role, paths[m.ref]) if m.path is None and m.kind == "way" and m.ref in paths else m
            for m in raw.members
        )
        place = paths.get(raw.id) if raw.kind == "way" else raw.path
        elements.append(Element(raw.kind, raw.id, raw.tags, members, place))
    return tuple(elements)


# --- elements -> geometry ----------------------------------------------------------------------------------


def area_from_relation(relation: Element, *, whole: bool = True) -> BaseGeometry | None:
    """What a boundary relation encloses, even-odd; None where nothing closes.

    ``Partial`` where a way has no places, or the rings do not close: in OpenStreetMap an edit breaks one for hours,
    and the ground did not change hands meanwhile. Where ``whole`` is False, what closes is taken: for extracts.
    """
    members = {m.ref: m.path for m in relation.members if m.kind == "way" and m.role.casefold() not in INSIDE_ROLES}
    lost = [ref for ref, path in members.items() if path is None]
    if lost and whole:
        raise Partial(f"{relation} has {len(lost)} ways without places (way/{lost[0]} first): ask with geometry")
    ways = [shapely.LineString(path) for path in members.values() if path is not None and len(path) > 1]
    if not ways:
        return None
    made = shapely.GeometryCollection(ways)
    _, cuts, dangles, _ = shapely.polygonize_full(ways)
    share = (cuts.length + dangles.length) / max(made.length, 1e-12)
    if share > OPEN_SHARE and whole:
        ends = shapely.get_coordinates(dangles if not dangles.is_empty else cuts)
        where = f", near {ends[0][1]:.3f} N {ends[0][0]:.3f} E" if len(ends) else ""
        raise Partial(f"{relation} is not closed: {share:.0%} of its outline ends nowhere{where}: ask again later")
    with np.errstate(invalid="ignore"):  # GEOS raises the flag over lines that cross, and gets them right
        area = shapely.build_area(made)
    return gated(area, str(relation))


def line_from_paths(paths: Iterable[NDArray[np.float64]], what: str) -> BaseGeometry | None:
    """The lines of some ways; None where there are none."""
    return lines(paths, what)


def features_from_osm(osm: OsmData) -> list[RawFeature]:
    """What a file of OpenStreetMap data draws: boundary relations as areas, boundary ways as lines or areas, and the
    nodes of named places as points.

    The properties are the tags, and ``@id`` (``relation/60199``).
    """
    features = list(_drawn(osm))
    if not features:
        raise Malformed("OpenStreetMap data, but not a map: no boundary with its places (`out geom`), no named place")
    return features


def _drawn(osm: OsmData) -> Iterator[RawFeature]:
    for element in osm.elements:
        properties: dict[str, Any] = {**element.tags, "@id": element.reference}
        if element.kind == "relation" and element.tags.get("type") in _BOUNDARY_TYPES:
            area = area_from_relation(element, whole=False)
            if area is not None:
                yield RawFeature(area, properties, element.reference)
        elif element.kind == "way" and "boundary" in element.tags and element.path is not None:
            path, what = element.path, str(element)
            closed = len(path) > 3 and bool((path[0] == path[-1]).all())
            place = gated(shapely.Polygon(path), what) if closed else lines([path], what)
            yield RawFeature(place, properties, element.reference)
        elif element.kind == "node" and "place" in element.tags and element.path is not None:
            yield RawFeature(points(element.path.tolist(), str(element)), properties, element.reference)
