"""Laws of repair and measure: areas against pyproj, circles of known size, repairs that keep what they are given."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from borderwatch import geometry as geo
from tests.strategies import REWRITES, Case, cases, disk, laws

GEOD = Geod(ellps="WGS84")


def geod_area_km2(ground: shapely.geometry.base.BaseGeometry) -> float:
    # Geodesic edges and edges straight in degrees part by 300 m over a degree; dense vertices make them one.
    return abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(shapely.segmentize(ground, 0.01)))[0]) / 1e6


@laws(15)
@given(cases)
def test_areas_agree_with_the_ellipsoid(case: Case) -> None:
    ours = geo.areas_km2([g for _, g in case.drawing])
    theirs = [geod_area_km2(g) for _, g in case.drawing]
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_earth_has_the_area_of_the_earth() -> None:
    # Moritz, Geodetic Reference System 1980 (WGS 84 differs in the eighth digit): 510,065,622 km2.
    assert geo.area_km2(shapely.box(-180, -90, 180, 90)) == pytest.approx(510_065_621.7, rel=1e-8)


@laws(15)
@given(
    lon=st.floats(-179, 178),
    lat=st.floats(-89, 88),
    width=st.floats(0.01, 1.0),
    height=st.floats(0.01, 1.0),
)
def test_a_cell_between_parallels_has_its_exact_area(lon: float, lat: float, width: float, height: float) -> None:
    ours = geo.area_km2(shapely.box(lon, lat, lon + width, lat + height))
    assert ours == pytest.approx(geod_area_km2(shapely.box(lon, lat, lon + width, lat + height)), rel=2e-6)


def test_a_hole_is_no_area() -> None:
    outer, hole = shapely.box(0, 0, 10, 10), shapely.box(4, 4, 6, 6)
    left = geo.area_km2(outer.difference(hole))
    assert left == pytest.approx(geo.area_km2(outer) - geo.area_km2(hole), rel=1e-9)


def test_lines_points_and_nothing_have_no_area() -> None:
    nothing = [shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.Polygon(), shapely.MultiPolygon()]
    assert geo.areas_km2(nothing).tolist() == [0, 0, 0, 0]
    assert geo.area_km2(None) == 0


def test_an_empty_part_among_parts_hides_none() -> None:
    # Trap 2: an empty polygon inside a MultiPolygon must not make its country vanish.
    square = shapely.box(0, 0, 1, 1)
    collection = shapely.GeometryCollection([shapely.Polygon(), shapely.MultiPolygon([square]), shapely.Point(5, 5)])
    assert geo.areas_km2([collection, square]) == pytest.approx([geo.area_km2(square)] * 2)


def test_the_area_of_many_is_the_area_of_each() -> None:
    parts = [shapely.box(i, j, i + 0.7, j + 0.9) for i in range(-60, 60, 20) for j in range(-80, 80, 20)]
    mixed = [shapely.Polygon(), *parts, shapely.MultiPolygon(parts), shapely.Polygon()]
    assert geo.areas_km2(mixed) == pytest.approx([geo.area_km2(g) for g in mixed], rel=1e-9, abs=1e-6)
    assert geo.area_km2(shapely.MultiPolygon(parts)) == pytest.approx(sum(map(geo.area_km2, parts)))


@laws(15)
@given(cases, st.sampled_from(sorted(set(REWRITES) - {"one feature an owner"})))
def test_writing_a_map_otherwise_keeps_its_areas(case: Case, rewrite: str) -> None:
    before = geo.areas_km2([g for _, g in case.drawing])
    after = geo.areas_km2([g for _, g in REWRITES[rewrite](case.drawing)])
    # Seven decimals move a vertex by a centimetre.
    assert sorted(after) == pytest.approx(sorted(before), rel=1e-6)


# --- planes and circles ---------------------------------------------------------------------------------


@laws(15)
@given(cases)
def test_a_plane_keeps_areas_and_gives_back_what_it_was_given(case: Case) -> None:
    plane = geo.Plane.around(tuple(case.ground.bounds))  # type: ignore[arg-type]
    for _, ground in case.drawing:
        flat = plane.project(ground)
        # A sphere of equal area: local areas differ from the ellipsoid's by .9 % at the poles, .7 % at the equator.
        assert flat.area == pytest.approx(geo.area_km2(ground), rel=0.01)
        assert shapely.hausdorff_distance(plane.unproject(flat), shapely.segmentize(ground, 0.25)) < 1e-9


@pytest.mark.parametrize("lat", [-75.0, -30.0, 0.0, 44.0, 69.5])
@pytest.mark.parametrize("radius_km", [0.5, 12.0, 250.0])
def test_the_inradius_of_a_disk_is_its_radius(lat: float, radius_km: float) -> None:
    ground = disk(20.0, lat, radius_km)
    plane = geo.Plane.around(tuple(ground.bounds))  # type: ignore[arg-type]
    assert geo.inradius_km(ground, plane) == pytest.approx(radius_km, rel=0.01)


def test_the_inradius_of_a_rectangle_is_half_its_short_side() -> None:
    plane = geo.Plane(0.0, 45.0)
    for width, height in ((100.0, 2.0), (40.0, 40.0), (3.0, 300.0)):
        ground = plane.unproject(shapely.box(-width / 2, -height / 2, width / 2, height / 2))
        assert geo.inradius_km(ground, plane) == pytest.approx(min(width, height) / 2, rel=0.02)


def test_the_inradius_of_a_ring_is_half_its_width() -> None:
    plane = geo.Plane(30.0, -20.0)
    ring = shapely.Point(0, 0).buffer(50, quad_segs=64).difference(shapely.Point(0, 0).buffer(40, quad_segs=64))
    assert geo.inradius_km(plane.unproject(ring), plane) == pytest.approx(5.0, rel=0.02)


def test_the_inradius_of_parts_is_that_of_the_thickest_whatever_their_order() -> None:
    thick, long = disk(10.0, 50.0, 9.0), shapely.box(11.0, 50.0, 14.0, 50.02)
    plane = geo.Plane(11.0, 50.0)
    for parts in ([thick, long], [long, thick]):
        assert geo.inradius_km(shapely.MultiPolygon(parts), plane) == pytest.approx(9.0, rel=0.01)


def test_the_inradius_of_nothing_is_nothing() -> None:
    assert geo.inradius_km(geo.EMPTY, geo.Plane(0, 0)) == 0


def test_asking_only_for_thick_parts_changes_no_thick_answer() -> None:
    ground = shapely.MultiPolygon([disk(10.0, 50.0, 9.0), disk(11.0, 50.0, 4.0)])
    plane = geo.Plane(10.5, 50.0)
    assert geo.inradius_km(ground, plane, at_least_km=5.0) == pytest.approx(geo.inradius_km(ground, plane))
    assert geo.inradius_km(ground, plane, at_least_km=20.0) == 0


def test_opening_keeps_the_thick_and_drops_the_thin() -> None:
    plane = geo.Plane(10.0, 50.0)
    flat = shapely.Point(0, 0).buffer(20).union(shapely.box(0, -0.5, 120, 0.5))
    left = geo.opened(plane.unproject(flat), 3.0, plane)
    assert geo.area_km2(left) == pytest.approx(math.pi * 400, rel=0.02)
    assert plane.project(left).bounds[2] < 25
    assert geo.opened(plane.unproject(shapely.box(0, -0.5, 120, 0.5)), 3.0, plane).is_empty


# --- repair ------------------------------------------------------------------------------------------------


@laws(15)
@given(cases)
def test_repair_leaves_what_is_valid_alone(case: Case) -> None:
    for _, ground in case.drawing:
        assert geo.repair(ground) is ground


def test_repair_keeps_the_area_of_a_country_with_a_crossed_edge() -> None:
    # One vertex swapped on a dense coast: the classic flaw of hand-digitised maps.
    xy = shapely.get_coordinates(disk(20.0, 45.0, 200.0))
    xy[[10, 11]] = xy[[11, 10]]
    broken = shapely.Polygon(xy)
    assert not broken.is_valid
    fixed = geo.repair(broken)
    assert fixed.is_valid
    assert geo.area_km2(fixed) == pytest.approx(geo.area_km2(disk(20.0, 45.0, 200.0)), rel=0.001)


def test_repair_keeps_a_spike_from_hiding_a_country() -> None:
    spike = shapely.Polygon([(0, 0), (10, 0), (10, 5), (30, 5), (10, 5), (10, 10), (0, 10)])
    assert not spike.is_valid
    assert geo.area_km2(geo.repair(spike)) == pytest.approx(geo.area_km2(shapely.box(0, 0, 10, 10)), rel=1e-3)


def test_repair_joins_parts_that_share_an_edge() -> None:
    two = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    assert not two.is_valid
    assert geo.area_km2(geo.repair(two)) == pytest.approx(geo.area_km2(shapely.box(0, 0, 2, 1)), rel=1e-6)


def test_a_repair_that_would_lose_the_ground_is_refused() -> None:
    # Trap 1: one repair silently emptied Russia. A figure of eight has no honest area.
    eight = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 30)])
    with pytest.raises(ValueError, match="no repair keeps the area"):
        geo.repair(eight)


def test_repair_says_the_kind_of_flaw() -> None:
    eight = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 30)])
    with pytest.raises(ValueError, match=r"Self-intersection"):
        geo.repair(eight)


def test_clip_gives_areas_only_and_no_more_than_there_was() -> None:
    ground = shapely.Polygon([(0, 0), (4, 0), (4, 4), (2, 4), (2, 2), (0, 2)])
    for box in ((0.0, 2.0, 2.0, 4.0), (-1.0, -1.0, 0.0, 5.0), (1.0, 1.0, 3.0, 3.0), (-9.0, -9.0, 9.0, 9.0)):
        piece = geo.clip(ground, box)
        assert piece.is_valid
        assert piece.geom_type in ("Polygon", "MultiPolygon")
        assert piece.area == pytest.approx(ground.intersection(shapely.box(*box)).area)


@laws(15)
@given(cases)
def test_clips_of_halves_add_up(case: Case) -> None:
    for _, ground in case.drawing:
        west, south, east, north = ground.bounds
        middle = (west + east) / 2
        halves = [geo.clip(ground, (west, south, middle, north)), geo.clip(ground, (middle, south, east, north))]
        assert sum(geo.areas_km2(halves)) == pytest.approx(geo.area_km2(ground), rel=1e-9)


def test_polygonal_drops_what_is_no_area() -> None:
    mixed = shapely.GeometryCollection(
        [shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)]), shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])]
    )
    assert geo.polygonal(mixed).equals(shapely.box(0, 0, 1, 1))
    assert geo.polygonal(shapely.LineString([(0, 0), (1, 1)])).is_empty


# --- lines ---------------------------------------------------------------------------------------------------


def test_samples_count_every_km_once_however_the_line_wiggles() -> None:
    straight = shapely.LineString([(0, 0), (100, 0)])
    x = np.concatenate([np.linspace(0, 10, 500), np.linspace(11, 100, 7)])
    crowded = shapely.LineString(np.column_stack([x, np.zeros(len(x))]))
    for line in (straight, crowded):
        xy = geo.samples_along(line, 1.0)
        assert len(xy) == 100
        assert (xy[:, 0] < 50).sum() == 50


def test_samples_lie_on_the_segment_they_are_said_to_be_on() -> None:
    rng = np.random.default_rng(5)
    lines = [
        *(shapely.LineString(rng.uniform(-10, 10, (7, 2))) for _ in range(4)),
        shapely.LineString([(1, 1), (1, 1)]),
    ]
    xy, segment = geo.samples_on(lines, 0.3)
    ends = shapely.linestrings(geo.segments_of(lines)[segment])
    assert shapely.distance(shapely.points(xy), ends).max() < 1e-9
    assert len(xy) == sum(np.ceil(line.length / 0.3) for line in lines)
    assert geo.samples_along(shapely.LineString(), 1.0).shape == (0, 2)


def test_distances_agree_with_shapely() -> None:
    rng = np.random.default_rng(4)
    lines = shapely.MultiLineString([rng.uniform(-10, 10, (20, 2)) for _ in range(3)])
    points = rng.uniform(-12, 12, (50, 2))
    assert geo.distances_km(points, lines) == pytest.approx(shapely.distance(shapely.points(points), lines))


def test_the_length_of_a_degree() -> None:
    assert geo.length_km(shapely.LineString([(0, 0), (1, 0)])) == pytest.approx(111.319, abs=0.001)
    assert geo.length_km(shapely.LineString([(0, 60), (1, 60)])) == pytest.approx(55.800, abs=0.001)


def test_a_line_of_two_equal_points_is_no_line_and_no_obstacle() -> None:
    crumb, line = shapely.LineString([(1, 2), (1, 2)]), shapely.LineString([(0, 0), (1, 1)])
    plane = geo.Plane.around((0, 0, 2, 2))
    assert plane.project(crumb).length == 0
    both = plane.project(shapely.MultiLineString([crumb, line]))
    assert both.length == pytest.approx(plane.project(line).length)
