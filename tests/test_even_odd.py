"""Laws of ground by the even-odd rule: what overlays nothing but what meets says what an overlay of everything says."""

from __future__ import annotations

from functools import reduce

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from borderwatch.formats.even_odd import counted_once, meeting, odd_ground
from tests.strategies import laws

SHELL = shapely.box(0, 0, 12, 12)
# On a grid holes touch at corners, share edges, nest, and lie across the shell or outside it.
squares = st.tuples(st.integers(-2, 13), st.integers(-2, 13), st.integers(1, 5), st.integers(1, 5)).map(
    lambda at: shapely.box(at[0], at[1], at[0] + at[2], at[1] + at[3])
)


def same(one: BaseGeometry, other: BaseGeometry) -> bool:
    return bool(shapely.area(shapely.symmetric_difference(shapely.make_valid(one), other)) < 1e-9)


@laws(120)
@given(st.lists(squares, min_size=1, max_size=12))
def test_the_ground_in_an_odd_number_of_areas(holes: list[BaseGeometry]) -> None:
    ground = odd_ground(SHELL, holes)
    assert ground.is_valid
    assert same(ground, reduce(shapely.symmetric_difference, holes, SHELL))


@laws(120)
@given(st.lists(squares, min_size=1, max_size=12))
def test_ground_that_several_areas_share_counts_once(areas: list[BaseGeometry]) -> None:
    parts = counted_once(areas)
    together = shapely.MultiPolygon([part for area in parts for part in shapely.get_parts(area)])
    assert together.is_valid
    assert same(together, shapely.union_all(areas))


def test_a_hole_in_two_parts_takes_both_out_of_another() -> None:
    """A repaired bow-tie is two polygons: that the first lies apart from a hole says nothing of the second."""
    bow = shapely.MultiPolygon([shapely.box(1, 1, 2, 2), shapely.box(5, 5, 6, 6)])
    ground = odd_ground(SHELL, [bow, shapely.box(4, 4, 7, 7)])
    assert ground.area == pytest.approx(144 - 1 - 9 + 1)


def test_what_touches_at_a_point_meets_and_need_not_be_one() -> None:
    corner = [shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2)]
    assert meeting(corner) == [[0, 1]]
    assert meeting(corner, at_points=False) == [[0], [1]]
    beside = [shapely.box(0, 0, 1, 1), shapely.box(1, 0.2, 2, 0.8)]
    assert meeting(beside, at_points=False) == [[0, 1]]
    pond = [shapely.box(0, 0, 9, 9), shapely.box(3, 3, 4, 4)]
    assert meeting(pond, at_points=False) == [[0, 1]]
