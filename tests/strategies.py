"""Made-up maps for property tests: Voronoi coverages, the same map written otherwise, noise, and real changes.

A ``Drawing`` is what a source draws: pairs of a code and its ground, longitude and latitude in degrees.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import shapely
from hypothesis import Phase, settings
from hypothesis import strategies as st

from borderwatch import geometry as geo
from borderwatch.models import (
    Capture,
    Dispute,
    DisputeType,
    Edition,
    Feature,
    LineStyle,
    Outcome,
    Reading,
    Role,
    Row,
    View,
)
from borderwatch.observe import Observer, world_from_reading
from borderwatch.scene import Scene, World

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Drawing = tuple[tuple[str, "BaseGeometry"], ...]
# Identities that resolve from their own code, so that nothing here hangs on names.
OWNERS = ("AR", "BO", "CL", "EC", "PE", "PY", "UY")
DEGREES = 5.0
KM_PER_DEGREE = 111.2
SLUG = "test_ground"


def laws(examples: int) -> settings:
    """So many examples, the same ones in every run. Not shrunk: a smaller seed is no simpler map."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=phases)


@dataclass(frozen=True)
class Case:
    """A made-up map and the ground watched on it."""

    drawing: Drawing
    ground: BaseGeometry
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


# --- maps ------------------------------------------------------------------------------------------------


def coverage(seed: int, *, cells: int = 9, owners: int = 4, west: float = 10.0, south: float = 40.0) -> Drawing:
    """A coverage of Voronoi cells with wiggly boundaries over five by five degrees, one feature a cell."""
    rng = np.random.default_rng(seed)
    points = rng.uniform((west, south), (west + DEGREES, south + DEGREES), (cells, 2))
    box = shapely.box(west, south, west + DEGREES, south + DEGREES)
    edges = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=box, only_edges=True)
    inner = shapely.intersection(edges, box)
    drawn = [wiggled(arc, 2.0, rng, step_km=8.0) for arc in arcs_of(inner, box.boundary)]
    return _from_arcs([*drawn, *arcs_of(box.boundary, inner)], lambda n: OWNERS[n % owners], box)


def arcs_of(lines: BaseGeometry, others: BaseGeometry) -> list[BaseGeometry]:
    """Lines cut at every node, their own and those of ``others``, merged between."""
    noded = shapely.union_all([lines, others])
    own = noded.intersection(lines) if not lines.equals(noded) else noded
    return list(shapely.get_parts(shapely.line_merge(own)))


def wiggled(arc: BaseGeometry, sigma_km: float, rng: np.random.Generator, *, step_km: float) -> BaseGeometry:
    """An arc digitised anew: AR(1) offsets of ``sigma_km`` (rms) across its course; ends stay where they are."""
    dense = shapely.segmentize(arc, step_km / KM_PER_DEGREE)
    xy = shapely.get_coordinates(dense)
    if len(xy) < 3 or sigma_km <= 0:
        return dense
    offsets = np.zeros((len(xy), 2))
    kick = rng.normal(0, sigma_km / KM_PER_DEGREE * np.sqrt(1 - 0.7**2), (len(xy), 2))
    for i in range(1, len(xy)):
        offsets[i] = 0.7 * offsets[i - 1] + kick[i]
    offsets[:, 0] /= np.cos(np.radians(xy[:, 1]))
    taper = np.minimum(1, np.minimum(np.arange(len(xy)), np.arange(len(xy))[::-1]) / 3)
    return shapely.linestrings(xy + offsets * taper[:, None])


def _from_arcs(arcs: Iterable[BaseGeometry], code: Callable[[int], str], box: BaseGeometry) -> Drawing:
    faces = shapely.get_parts(shapely.polygonize([*shapely.get_parts(shapely.union_all(list(arcs)))]))
    middle = np.array([[f.centroid.y, f.centroid.x] for f in faces])
    order = np.lexsort((middle[:, 1], middle[:, 0]))
    return tuple((code(n), faces[i]) for n, i in enumerate(order) if faces[i].within(box.buffer(1.0)))


def made_case(seed: int, cells: int = 9, owners: int = 4, west: float = 10.0, south: float = 40.0) -> Case:
    """A coverage and a ground of about two by two degrees in its middle, whose edge is no boundary of the map."""
    middle = shapely.Point(west + DEGREES / 2, south + DEGREES / 2)
    return Case(coverage(seed, cells=cells, owners=owners, west=west, south=south), middle.buffer(1.2), seed)


cases = st.builds(
    made_case,
    seed=st.integers(0, 10_000),
    cells=st.integers(4, 14),
    owners=st.integers(2, 5),
    west=st.sampled_from([-170.0, -75.0, -2.5, 30.0, 172.0]),
    south=st.sampled_from([-60.0, -25.0, -2.5, 33.0, 62.0]),
)
"""Maps all over the world, Greenwich, equator and high latitudes among them."""


def dissolved(drawing: Drawing) -> Drawing:
    """One feature an owner."""
    groups: dict[str, list[BaseGeometry]] = {}
    for code, ground in drawing:
        groups.setdefault(code, []).append(ground)
    return tuple((code, shapely.union_all(parts)) for code, parts in groups.items())


def each(drawing: Drawing, change: Callable[[BaseGeometry], BaseGeometry]) -> Drawing:
    """The same map with every geometry passed through ``change``."""
    return tuple((code, change(ground)) for code, ground in drawing)


# --- the same map, written otherwise -----------------------------------------------------------------------


def _rolled(ground: BaseGeometry) -> BaseGeometry:
    def ring(line: BaseGeometry) -> NDArray[np.float64]:
        xy = shapely.get_coordinates(line)[:-1]
        return np.vstack([np.roll(xy, 3, axis=0), np.roll(xy, 3, axis=0)[:1]])

    parts = [
        shapely.Polygon(ring(part.exterior), [ring(hole) for hole in part.interiors])
        for part in shapely.get_parts(ground)
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _with_z(ground: BaseGeometry) -> BaseGeometry:
    return shapely.force_3d(ground, z=412.5)


def _doubled_vertices(ground: BaseGeometry) -> BaseGeometry:
    def ring(line: BaseGeometry) -> NDArray[np.float64]:
        return np.repeat(shapely.get_coordinates(line), 2, axis=0)

    return shapely.MultiPolygon(
        [shapely.Polygon(ring(p.exterior), [ring(h) for h in p.interiors]) for p in shapely.get_parts(ground)]
    )


def _through_json(ground: BaseGeometry) -> BaseGeometry:
    return shapely.from_geojson(json.dumps(shapely.geometry.mapping(ground), indent=1))


def _to_7_places(ground: BaseGeometry) -> BaseGeometry:
    return shapely.transform(ground, lambda xy: np.round(xy, 7))


REWRITES: Mapping[str, Callable[[Drawing], Drawing]] = {
    "features in another order": lambda d: tuple(reversed(d)),
    "rings started elsewhere": lambda d: each(d, _rolled),
    "rings turned round": lambda d: each(d, shapely.reverse),
    "rings oriented": lambda d: each(d, shapely.orient_polygons),
    "vertices added on the edges": lambda d: each(d, lambda g: shapely.segmentize(g, 0.02)),
    "every vertex twice": lambda d: each(d, _doubled_vertices),
    "heights added": lambda d: each(d, _with_z),
    "seven decimals": lambda d: each(d, _to_7_places),
    "through GeoJSON": lambda d: each(d, _through_json),
    "through WKB": lambda d: each(d, lambda g: shapely.from_wkb(shapely.to_wkb(g, byte_order=0))),
    "single parts as multi parts": lambda d: each(d, lambda g: shapely.MultiPolygon(list(shapely.get_parts(g)))),
    "normalised": lambda d: each(d, shapely.normalize),
    "one feature an owner": dissolved,
}
"""Ways to write one map: none of them is a change."""


# --- noise ---------------------------------------------------------------------------------------------------


def redigitised(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Drawn anew by another hand: every arc between nodes gets AR(1) offsets of ``km``; it stays a coverage."""
    arcs = shapely.get_parts(shapely.line_merge(shapely.union_all([g.boundary for _, g in drawing])))
    moved = [wiggled(arc, km, rng, step_km=max(3 * km, 4.0)) for arc in arcs]
    faces = shapely.get_parts(shapely.polygonize(list(shapely.get_parts(shapely.union_all(moved)))))
    result: list[tuple[str, BaseGeometry]] = []
    tree = shapely.STRtree([g for _, g in drawing])
    for face in faces:
        near = tree.query(face, predicate="intersects")
        common = [float(drawing[i][1].intersection(face).area) for i in near]
        if common and max(common) > face.area / 2:  # else it is water, or a loop of a line over itself
            result.append((drawing[near[int(np.argmax(common))]][0], face))
    return tuple(result)


def simplified(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Generalised as mapshaper does it: shared boundaries stay shared."""
    simple = shapely.coverage_simplify([g for _, g in drawing], km / KM_PER_DEGREE)
    return tuple((code, g) for (code, _), g in zip(drawing, simple, strict=True) if not g.is_empty)


def shifted(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Another datum: the whole map moved in one direction."""
    angle = rng.uniform(0, 2 * np.pi)
    step = np.array([np.cos(angle), np.sin(angle)]) * km / KM_PER_DEGREE

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return xy + step / np.column_stack([np.maximum(np.cos(np.radians(xy[:, 1])), 0.05), np.ones(len(xy))])

    return each(drawing, lambda g: shapely.transform(g, move))


def gridded(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Coordinates quantised, as TopoJSON and vector tiles do."""
    # Back to floating point at once: a geometry that keeps its grid snaps whatever is cut from it later.
    snapped = [(code, shapely.set_precision(shapely.set_precision(g, km / KM_PER_DEGREE), 0)) for code, g in drawing]
    return tuple((code, g) for code, g in snapped if not g.is_empty)


def jittered(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Every feature's vertices moved on their own: slivers and overlaps along every shared boundary."""

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        distinct, which = np.unique(xy, axis=0, return_inverse=True)  # a ring must close
        return np.asarray(distinct + rng.normal(0, km / KM_PER_DEGREE / 2, distinct.shape))[which.ravel()]

    def shake(ground: BaseGeometry) -> BaseGeometry:
        return geo.repair_quietly(shapely.transform(ground, move))

    return tuple((code, g) for code, g in each(drawing, shake) if not g.is_empty)


def simplified_apart(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Generalised feature by feature: shared boundaries come apart."""
    simple = ((code, shapely.simplify(g, km / KM_PER_DEGREE)) for code, g in drawing)
    return tuple((code, g) for code, g in simple if not g.is_empty)


def traced(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Traced from tiles: stairs of pixels, smoothed by the tracer."""
    return simplified_apart(gridded(drawing, km, rng), km / 2, rng)


def combined(drawing: Drawing, km: float, rng: np.random.Generator) -> Drawing:
    """Several hands: generalised, drawn anew, on another datum."""
    return shifted(redigitised(simplified(drawing, km / 2, rng), km / 2, rng), km / 2, rng)


NOISE: Mapping[str, Callable[[Drawing, float, np.random.Generator], Drawing]] = {
    "redigitised": redigitised,
    "simplified": simplified,
    "shifted": shifted,
    "gridded": gridded,
    "jittered": jittered,
}


# --- real changes ----------------------------------------------------------------------------------------------


def disk(lon: float, lat: float, radius_km: float) -> BaseGeometry:
    """A disk on the ground, as degrees."""
    plane = geo.Plane(lon, lat)
    return plane.unproject(shapely.Point(0, 0).buffer(radius_km, quad_segs=32))


def handed(drawing: Drawing, ground: BaseGeometry, gainer: str) -> Drawing:
    """The same map with ``ground`` drawn as ``gainer``, whoever had it."""
    rest = tuple((code, g) for code, whole in drawing if not (g := shapely.difference(whole, ground)).is_empty)
    return (*rest, (gainer, ground))


def widest(drawing: Drawing, ground: BaseGeometry) -> tuple[str, BaseGeometry, float]:
    """The feature with the most room on ``ground``: its code, its middle, and the room there in km."""
    best = ("", shapely.Point(0, 0), 0.0)
    for code, whole in drawing:
        inside = geo.polygonal(shapely.intersection(whole, ground))
        for part in shapely.get_parts(inside):
            if part.is_empty:
                continue
            circle = shapely.maximum_inscribed_circle(part, tolerance=0.002)
            room = circle.length * KM_PER_DEGREE * np.cos(np.radians(part.centroid.y))
            if room > best[2]:
                best = (code, shapely.Point(circle.coords[0]), float(room))
    return best


# --- from a drawing to what is compared -------------------------------------------------------------------------


def dispute(ground: BaseGeometry | None = None, **fields: object) -> Dispute:
    """A made-up dispute about ``ground``; any field of the record may be given."""
    box = (10.0, 40.0, 15.0, 45.0) if ground is None else tuple(float(v) for v in ground.bounds)
    base = Dispute(
        slug=SLUG,
        name="The Ground of the Test",
        type=DisputeType.TERRITORY,
        claimants=OWNERS[:2],
        status="made up",
        status_date=None,
        box=box,  # type: ignore[arg-type]
        box_source="test",
        reference=ground,
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def capture(number: int = 0, view: View | None = None) -> Capture:
    """The ``number``-th capture of a made-up view, a month apart."""
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=30 * number)
    return Capture(
        id=f"{number:064x}",
        view=view or View("made_up"),
        taken_at=moment,
        outcome=Outcome.KEPT,
        live=True,
        edition=Edition(f"v{number}", moment),
        body=f"{number:064x}",
    )


def features(drawing: Drawing, *, role: Role = Role.AREA) -> tuple[Feature, ...]:
    """The features of a drawing."""
    return tuple(Feature(ground, code=code, role=role) for code, ground in drawing)


def world(
    drawing: Drawing | Sequence[Feature] = (),
    number: int = 0,
    *,
    km: float = 1.0,
    rows: Sequence[Row] = (),
    complete: bool = True,
    worldviews: Sequence[str] = (),
) -> World:
    """The world of a drawing (or of features and rows), of ``km`` resolution."""
    drawn = tuple(f if isinstance(f, Feature) else Feature(f[1], code=f[0]) for f in drawing)
    reading = Reading(features=drawn, rows=tuple(rows), worldviews=tuple(worldviews), complete=complete)
    return world_from_reading(reading, capture(number), resolution_km=km)


def scene(what: World, about: Dispute) -> Scene:
    """What a world shows of one dispute."""
    return Observer([about]).scenes(what)[about.slug]


def line(
    *points: tuple[float, float],
    word: str | None = None,
    style: LineStyle | None = None,
    words: Mapping[str, str] | None = None,
) -> Feature:
    """A boundary line."""
    return Feature(shapely.LineString(points), role=Role.BOUNDARY, word=word, style=style, words=words or {})
