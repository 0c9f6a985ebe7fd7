"""Laws of what a page says of views: where two of them differ, what each showed through time, how rings are packed."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from borderwatch.geometry import area_km2
from borderwatch.models import Comparison, Role, Significance, Sketch, Verdict
from borderwatch.render import write_pages
from borderwatch.render.dispute import groups_of, rows_of, timeline_of
from borderwatch.render.divergence import KEPT, Divergence, Shown, divergences
from borderwatch.render.drawing import Easel
from borderwatch.render.inputs import inputs_held, inputs_of
from borderwatch.render.land import land_for
from borderwatch.render.maps import map_of_dispute
from borderwatch.render.past import pasts_of
from tests import render_samples as samples

GROUND = box(30, 40, 34, 42)
WEST, EAST = box(30, 40, 32, 42), box(32, 40, 34, 42)


def shown(*owned: tuple[str | None, BaseGeometry], limit_km: float = 5.0) -> Shown:
    return Shown(
        tuple(Sketch("c", "square", owner, owner or "", Role.AREA, None, shape) for owner, shape in owned), limit_km
    )


def differing(one: Shown, other: Shown) -> Divergence:
    return divergences(GROUND, [one, other])[0]


# --- where two views differ -------------------------------------------------------------------------


def test_a_view_does_not_differ_from_itself() -> None:
    view = shown(("RU", WEST), ("UA", EAST))
    assert differing(view, view).parts == ()


def test_ground_given_otherwise_is_told_with_both_owners_and_its_area() -> None:
    found = differing(shown(("RU", GROUND)), shown(("RU", WEST), ("UA", EAST)))
    assert [(part.one, part.other) for part in found.parts] == [("RU", "UA")]
    assert found.area_km2 == pytest.approx(area_km2(EAST), rel=1e-6)


def test_turned_round_the_same_ground_is_told_the_other_way() -> None:
    one, other = shown(("RU", GROUND)), shown(("UA", EAST), (None, WEST))
    there, back = differing(one, other), differing(other, one)
    assert (
        {(p.one, p.other) for p in there.parts}
        == {(p.other, p.one) for p in back.parts}
        == {
            ("RU", "UA"),
            ("RU", None),
        }
    )
    assert there.area_km2 == pytest.approx(back.area_km2)


def test_a_strip_thinner_than_the_coarser_view_can_show_is_no_difference() -> None:
    strip = box(31.95, 40, 34, 42)  # 4 km wider to the west: a circle of 2 km radius at most fits in it
    fine, coarse = (shown(("RU", WEST), ("UA", EAST), limit_km=km) for km in (1.0, 5.0))
    nudged = shown(("RU", WEST.difference(strip)), ("UA", strip), limit_km=1.0)
    assert differing(coarse, nudged).parts == ()
    assert [(p.one, p.other) for p in differing(fine, nudged).parts] == [("RU", "UA")]


def test_a_second_owner_beside_the_first_is_a_difference() -> None:
    both = differing(shown(("RU", GROUND), ("UA", EAST)), shown(("RU", GROUND)))
    assert [(part.one, part.other) for part in both.parts] == [("UA", KEPT)]


def test_what_lies_outside_the_dispute_is_not_compared() -> None:
    beyond = box(34, 40, 40, 42)
    assert differing(shown(("RU", GROUND), ("UA", beyond)), shown(("RU", GROUND), ("RU", beyond))).parts == ()


@given(st.floats(30.2, 33.8), st.floats(30.2, 33.8))
@settings(max_examples=40, deadline=None)
def test_the_area_told_is_the_area_between_two_lines(one: float, other: float) -> None:
    views = [shown(("RU", box(30, 40, at, 42)), ("UA", box(at, 40, 34, 42)), limit_km=0.0) for at in (one, other)]
    between = area_km2(box(min(one, other), 40, max(one, other), 42)) if one != other else 0.0
    assert differing(*views).area_km2 == pytest.approx(between, rel=1e-4, abs=1.0)


# --- through time -----------------------------------------------------------------------------------


def test_an_edition_without_a_drawing_of_its_own_has_its_neighbours() -> None:
    page = samples.changed_page()
    past = pasts_of(page)[0]
    before, between, after = (d.capture for d in page.depictions)
    assert between not in page.sketches
    assert [moment.pictured for moment in past.moments] == [before, before, after]
    assert [bool(moment.changes) for moment in past.moments] == [False, False, True]
    first = replace(page, sketches={after: page.sketches[after]})
    assert [moment.pictured for moment in pasts_of(first)[0].moments] == [after] * 3


def test_an_edition_in_doubt_is_not_drawn_as_if_it_were_believed() -> None:
    page = samples.changed_page()
    doubted = Comparison(
        page.comparisons[1].view, "square", page.comparisons[1].before, page.comparisons[1].after, Verdict.SUSPECT
    )
    past = pasts_of(replace(page, changes=(), comparisons=(page.comparisons[0], doubted)))[0]
    assert past.moments[-1].pictured is None
    data = map_of_dispute(replace(page, comparisons=(doubted,))).data
    assert data["views"][0]["m"][-1]["q"] == 1


def test_editions_that_say_the_same_share_a_row_and_none_is_lost() -> None:
    past = pasts_of(samples.changed_page())[0]
    rows = rows_of(past)
    assert [row.editions for row in rows] == [1, 2]
    assert sum(row.editions for row in rows) == len(past.moments)
    assert rows[0].changes


def test_the_timeline_holds_measured_and_reported_newest_first() -> None:
    entries = timeline_of(samples.changed_page())
    assert [entry.date for entry in entries] == ["2019-04-25", "2018-06", "2017"]
    assert [entry.step is not None for entry in entries] == [True, False, False]


def test_views_are_grouped_by_whom_they_show() -> None:
    groups = groups_of(samples.changed_page().standings)
    assert [(group.said, len(group.standings)) for group in groups] == [
        ("Russia (RU)", 1),
        ("too small for it to tell", 1),
        ("does not draw or list it", 1),
    ]


# --- drawing ----------------------------------------------------------------------------------------


def unpacked(packed: str) -> Iterator[list[int]]:
    held = iter(zlib.decompress(base64.b64decode(packed), wbits=-15))

    def number(byte: int) -> int:
        value, shift = byte & 127, 7
        while byte >= 128:
            byte = next(held)
            value |= (byte & 127) << shift
            shift += 7
        return (value >> 1) ^ -(value & 1)

    for byte in held:
        yield [number(next(held)) for _ in range(2 * number(byte))]


RINGS = st.lists(
    st.lists(st.tuples(st.integers(-70_000, 140_000), st.integers(-9, 9)), min_size=2, max_size=9), max_size=6
)


@given(RINGS)
@settings(max_examples=60, deadline=None)
def test_packed_rings_unpack_to_the_same(rings: list[list[tuple[int, int]]]) -> None:
    easel = Easel((0, 0, 1, 1), 0.1)
    easel.rings = [[value for point in ring for value in point] for ring in rings]
    assert list(unpacked(easel.packed())) == easel.rings


def test_land_too_coarse_for_an_islet_is_drawn_as_a_finer_view_has_it() -> None:
    islet = shapely.Point(34.01, 45.01).buffer(0.004)
    page = samples.changed_page()
    at = page.changes[0].after
    drawn = replace(page, sketches={at.id: (samples.sketch("UA", "Islet", islet, at),)})
    land, credit = land_for(drawn, (34.0, 45.0, 34.02, 45.02))
    assert land.symmetric_difference(islet).area < 1e-9
    assert "The Atlas Project" in credit
    far, world = land_for(drawn, (20.0, 30.0, 40.0, 50.0))
    assert "Natural Earth" in world
    assert not far.is_empty


def test_a_drawing_that_takes_in_the_sea_is_no_land() -> None:
    page = samples.changed_page()
    at = page.changes[0].after
    everything = replace(page, sketches={at.id: (samples.sketch("UA", "All", box(30, 40, 40, 50), at),)})
    assert "Natural Earth" in land_for(everything, (34.0, 45.0, 34.02, 45.02))[1]


# --- what need not be drawn again -------------------------------------------------------------------


def test_a_page_from_the_same_records_is_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = samples.changed_page()
    (path,) = write_pages([page], tmp_path, made_at=samples.MADE)
    assert inputs_held(path) == inputs_of(samples.changed_page())
    monkeypatch.setattr("borderwatch.render.dispute.dispute_page", lambda *_, **__: pytest.fail("drawn again"))
    assert write_pages([samples.changed_page()], tmp_path, made_at=samples.MADE) == [path]


def test_whatever_a_page_says_is_among_its_inputs() -> None:
    page = samples.changed_page()
    change = replace(page.changes[0], significance=Significance.MINOR)
    moved = replace(page.changes[0], geometry=box(33, 44, 35, 46))
    line = shapely.LineString([(33, 45), (36, 45)])
    others = [
        replace(page, changes=(change, *page.changes[1:])),
        replace(page, changes=(moved, *page.changes[1:])),
        replace(page, standings=page.standings[:1]),
        replace(page, sketches={}),
        replace(page, depictions=page.depictions[:1]),
        replace(page, events=()),
        replace(page, sources={}),
        replace(page, dispute=replace(page.dispute, lines={"RU": line})),
        replace(page, dispute=replace(page.dispute, reference=box(33, 44, 35, 46))),
    ]
    assert len({inputs_of(one) for one in (page, *others)}) == len(others) + 1
