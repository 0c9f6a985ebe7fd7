"""Laws of boundary lines: rewritten, split or doubled is no change; restyled, moved or gone is told."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from borderwatch import twofiles
from borderwatch.diff import compare
from borderwatch.diff.record import Finding
from borderwatch.formats.line_words import line_says, status_from_word, style_from_word
from borderwatch.models import Feature, Kind, LineStatus, LineStyle, Role, Significance, Verdict
from tests import strategies as made
from tests.strategies import dispute, laws, line, scene, world

GROUND = shapely.box(12, 40, 14, 42)
SOLID, DASHED = LineStyle.SOLID, LineStyle.DASHED
LEFT, RIGHT = (11.0, 41.0), (15.0, 41.0)


def told(before: list[Feature], after: list[Feature], *, km: float = 1.0) -> tuple[Finding, ...]:
    about = dispute(GROUND)
    return compare.scenes(scene(world(before, 0, km=km), about), scene(world(after, 1, km=km), about)).findings


def kinds(found: tuple[Finding, ...]) -> set[tuple[Kind, str]]:
    return {(f.kind, f.subject) for f in found}


wiggly = st.integers(0, 500).map(
    lambda seed: made.wiggled(shapely.LineString([LEFT, RIGHT]), 3.0, np.random.default_rng(seed), step_km=10.0)
)


def as_line(geometry: shapely.geometry.base.BaseGeometry, **more: object) -> Feature:
    return Feature(geometry, role=Role.BOUNDARY, **more)  # type: ignore[arg-type]


@laws(10)
@given(wiggly)
def test_the_same_lines_written_otherwise_are_no_change(course: shapely.LineString) -> None:
    xy = shapely.get_coordinates(course)
    half = len(xy) // 2
    ways = {
        "backwards": [as_line(shapely.reverse(course))],
        "in two": [as_line(shapely.LineString(xy[: half + 1])), as_line(shapely.LineString(xy[half:]))],
        "as one of many": [as_line(shapely.MultiLineString([xy[: half + 1], xy[half:]]))],
        "with vertices added": [as_line(shapely.segmentize(course, 0.01))],
        "to seven places": [as_line(shapely.transform(course, lambda c: np.round(c, 7)))],
        "with heights": [as_line(shapely.force_3d(course))],
        "twice": [as_line(course), as_line(course)],
    }
    for how, after in ways.items():
        assert told([as_line(course)], after) == (), how
        assert told(after, [as_line(course)]) == (), how


@pytest.mark.parametrize("by_km", [0.2, 0.8])
def test_a_line_moved_by_less_than_the_limit_is_no_change(by_km: float) -> None:
    moved = [line((11.0, 41.0 + by_km / 111.2), (15.0, 41.0 + by_km / 111.2))]
    assert told([line(LEFT, RIGHT)], moved) == ()


def test_a_line_moved_is_told_with_how_far_and_over_what_length() -> None:
    bent = line(LEFT, (12.0, 41.0), (12.5, 41.4), (13.5, 41.4), (14.0, 41.0), RIGHT)
    there, back = told([line(LEFT, RIGHT)], [bent]), told([bent], [line(LEFT, RIGHT)])
    for [found] in (there, back):
        assert (found.kind, found.subject, found.significance) == (
            Kind.BOUNDARY_MOVED,
            "moved",
            Significance.SUBSTANTIVE,
        )
        assert found.offset_km == pytest.approx(0.4 * 111.2, abs=1)
        # Two degrees at 41 N by the long way round, less the stretches within the limit.
        assert found.length_km == pytest.approx(84 + 2 * 61, rel=0.05)
        assert found.geometry is not None


def test_a_line_that_leaves_its_ends_behind_is_moved_if_it_bears_the_same_word() -> None:
    [found] = told([line(LEFT, RIGHT, word="claim")], [line((11.0, 41.2), (15.0, 41.2), word="claim")])
    assert (found.kind, found.subject) == (Kind.BOUNDARY_MOVED, "moved")
    assert found.offset_km == pytest.approx(0.2 * 111.2, rel=0.02)


def test_a_line_gone_and_another_come_far_off_are_two_facts() -> None:
    wide = dispute(shapely.box(11, 36, 15, 44))
    before, after = [line(LEFT, RIGHT, word="claim")], [line((11.0, 37.0), (15.0, 37.0), word="treaty")]
    found = compare.scenes(scene(world(before, 0), wide), scene(world(after, 1), wide)).findings
    assert {(f.subject, f.old, f.new) for f in found} == {("removed", "claim", None), ("added", None, "treaty")}


def test_a_line_that_comes_or_goes_is_told_once_each_way() -> None:
    there, back = told([], [line(LEFT, RIGHT, word="claim")]), told([line(LEFT, RIGHT, word="claim")], [])
    assert [(f.kind, f.subject, f.old, f.new) for f in there] == [(Kind.BOUNDARY_MOVED, "added", None, "claim")]
    assert [(f.kind, f.subject, f.old, f.new) for f in back] == [(Kind.BOUNDARY_MOVED, "removed", "claim", None)]


@pytest.mark.parametrize(
    ("old", "new"),
    [(SOLID, DASHED), (DASHED, SOLID), (SOLID, LineStyle.NOT_DRAWN), (LineStyle.NOT_DRAWN, DASHED)],
)
def test_a_line_drawn_in_another_style_is_restyled(old: LineStyle, new: LineStyle) -> None:
    [found] = told([line(LEFT, RIGHT, style=old)], [line(LEFT, RIGHT, style=new)])
    assert (found.kind, found.old, found.new) == (Kind.RESTYLED, old.value, new.value)
    assert found.length_km == pytest.approx(168, abs=8)


def test_the_sources_own_word_is_kept() -> None:
    found = told([line(LEFT, RIGHT, word="Line of control")], [line(LEFT, RIGHT, word="International boundary")])
    assert [(f.kind, f.old, f.new) for f in found] == [(Kind.RESTYLED, "Line of control", "International boundary")]


def test_what_one_audience_is_shown_is_told_for_that_audience() -> None:
    # Natural Earth's FCLASS_XX: the line stays as it is for everybody else.
    words = {"FCLASS_CN": "Unrecognized", "FCLASS_IN": "International boundary"}
    old = line(LEFT, RIGHT, word="Disputed", words=words)
    new = line(LEFT, RIGHT, word="Disputed", words={**words, "FCLASS_CN": "International boundary"})
    [found] = told([old], [new])
    assert (found.kind, found.subject, found.old, found.new) == (
        Kind.RESTYLED,
        "FCLASS_CN",
        "Unrecognized",
        "International boundary",
    )


def test_a_new_column_is_the_sources_schema_not_a_style() -> None:
    old, new = line(LEFT, RIGHT, word="Disputed"), line(LEFT, RIGHT, word="Disputed", words={"FCLASS_TW": "Disputed"})
    assert told([old], [new]) == ()


def test_half_a_line_restyled_is_told_with_half_its_length() -> None:
    middle = (13.0, 41.0)
    after = [line(LEFT, middle, style=SOLID), line(middle, RIGHT, style=DASHED)]
    [found] = told([line(LEFT, RIGHT, style=SOLID)], after)
    assert found.length_km == pytest.approx(84, abs=5)


def test_lines_outside_the_dispute_are_another_matter() -> None:
    far = line((12.0, 44.0), (14.0, 44.0), style=SOLID)
    assert told([far], [line((12.0, 44.0), (14.0, 44.0), style=DASHED)]) == ()


def test_lines_unchanged_are_attested() -> None:
    about = dispute(GROUND)
    one, other = (scene(world([line(LEFT, RIGHT, style=SOLID)], n), about) for n in (0, 1))
    assert compare.scenes(one, other).comparison.verdict is Verdict.UNCHANGED


@laws(8)
@given(wiggly, st.integers(0, 99))
def test_lines_digitised_anew_are_no_change(course: shapely.LineString, seed: int) -> None:
    # The lines' own noise is the pair's noise, where no areas say how large that is.
    again = made.wiggled(course, 1.5, np.random.default_rng(seed), step_km=10.0)
    assert told([as_line(course, style=SOLID)], [as_line(again, style=SOLID)]) == ()


# --- in the words of any file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "style"),
    [
        ("International boundary (verify)", LineStatus.RECOGNISED, SOLID),
        ("Treaty", LineStatus.RECOGNISED, SOLID),
        ("Disputed (please verify)", LineStatus.DISPUTED, DASHED),
        ("Line of control (please verify)", LineStatus.LINE_OF_CONTROL, DASHED),
        ("Claim boundary", LineStatus.CLAIM, DASHED),
        ("Breakaway", LineStatus.BREAKAWAY, DASHED),
        ("Indeterminant frontier", LineStatus.INDEFINITE, DASHED),
        ("Unrecognized", LineStatus.UNRECOGNISED, LineStyle.NOT_DRAWN),
        ("Admin-1 boundary", LineStatus.INTERNAL, LineStyle.NOT_DRAWN),
        ("Overlay limit", LineStatus.LEASE, DASHED),
        ("Other Line of International Separation", LineStatus.REFERENCE, DASHED),
        ("line of separation", LineStatus.REFERENCE, DASHED),
        ("Unsettled median line (maritime)", LineStatus.INDEFINITE, DASHED),
        ("Unilateral claim (undisputed)", LineStatus.CLAIM, SOLID),
        ("Court ruling", LineStatus.RECOGNISED, SOLID),
        ("a word nobody knows", None, None),
        (None, None, None),
    ],
)
def test_what_a_word_says_of_a_line(word: str | None, status: LineStatus | None, style: LineStyle | None) -> None:
    assert (status_from_word(word), style_from_word(word)) == (status, style)


def test_a_line_with_a_name_of_its_own_is_drawn_as_the_class_beside_it_says() -> None:
    says = line_says({"LABEL": "Alpha Line", "STATUS": "Other Line of International Separation", "RANK": 2})
    assert (says["word"], says["style"]) == ("Alpha Line", DASHED)


def test_a_class_respelt_in_the_whole_file_is_the_sources_way_of_writing() -> None:
    # "Treaty" became "International boundary (verify)" on 339 lines of Natural Earth 2.0.0.
    far = ((11.0, 50.0), (15.0, 50.0))
    before = [line(LEFT, RIGHT, word="Treaty"), line(*far, word="Treaty")]
    after = [line(LEFT, RIGHT, word="International boundary"), line(*far, word="International boundary")]
    assert told(before, after) == ()
    # But where the old word goes on elsewhere, one line was put into another class of the same meaning: minor.
    [found] = told(before, [after[0], before[1]])
    assert (found.kind, found.significance) == (Kind.RESTYLED, Significance.MINOR)


def test_viewers_to_whom_the_same_happened_are_told_at_once() -> None:
    columns = {f"FCLASS_{xx}": "Unrecognized" for xx in ("CN", "IN", "PK")}
    old = line(LEFT, RIGHT, word="Disputed", words=columns)
    new = line(LEFT, RIGHT, word="Disputed", words={**columns, "FCLASS_CN": "Disputed", "FCLASS_IN": "Disputed"})
    [found] = told([old], [new])
    assert found.subject == "FCLASS_CN, FCLASS_IN"


def test_what_everybody_sees_otherwise_is_not_told_again_for_each_viewer() -> None:
    # FCLASS_IN empty: India sees what everybody sees.
    columns = {"FCLASS_CN": "Unrecognized"}
    old = line(LEFT, RIGHT, word="Disputed", words=columns)
    new = line(LEFT, RIGHT, word="International boundary", words=columns)
    assert [(f.subject, f.old, f.new) for f in told([old], [new])] == [("", "Disputed", "International boundary")]


def test_notes_about_a_line_are_no_style() -> None:
    old = line(LEFT, RIGHT, word="Disputed", words={"NOTE": "claimed since 1960", "COMMENT": "x"})
    assert told([old], [line(LEFT, RIGHT, word="Disputed", words={"NOTE": "claimed since 1961"})]) == ()


def test_a_line_no_longer_drawn_for_this_audience_may_move_as_it_likes() -> None:
    hidden = {"word": "Unrecognized", "style": LineStyle.NOT_DRAWN}
    [found] = told([line(LEFT, RIGHT, **hidden)], [line((11.0, 41.3), (15.0, 41.3), **hidden)])  # type: ignore[arg-type]
    assert (found.kind, found.significance) == (Kind.BOUNDARY_MOVED, Significance.MINOR)


def test_two_lines_on_top_of_each_other_are_read_as_the_plainer() -> None:
    # A claim line drawn along a boundary that stays: what is seen is the boundary.
    before = [line(LEFT, RIGHT, word="International boundary", style=SOLID)]
    assert told(before, [*before, line(LEFT, RIGHT, word="Claim boundary", style=DASHED)]) == ()


# --- drawn anew ----------------------------------------------------------------------------------------------


def net(seed: int, sigma_km: float, *moved: tuple[int, float]) -> list[Feature]:
    """Nine boundaries over the ground, drawn by another hand (``sigma_km``), some of them (index, degrees) moved."""
    rng = np.random.default_rng(seed)
    shift = dict(moved)
    result = []
    for n in range(9):
        y = 39.2 + 0.45 * n
        xy = np.array([(x, y) for x in np.arange(11.0, 15.01, 0.1)])
        xy[10:30, 1] += shift.get(n, 0.0)
        result.append(as_line(made.wiggled(shapely.LineString(xy), sigma_km, rng, step_km=8.0), word="Treaty"))
    return result


@laws(6)
@given(st.integers(0, 999), st.sampled_from([1.0, 2.0, 4.0]))
def test_the_noise_of_lines_drawn_anew_is_no_change(seed: int, sigma_km: float) -> None:
    assert told(net(seed, sigma_km), net(seed + 1, sigma_km)) == ()


@laws(6)
@given(st.integers(0, 999))
def test_what_stands_out_of_the_noise_is_told(seed: int) -> None:
    found = told(net(seed, 1.0), net(seed + 1, 1.0, (4, 0.2)))
    assert [(f.kind, f.subject) for f in found] == [(Kind.BOUNDARY_MOVED, "moved")]
    assert found[0].offset_km == pytest.approx(22, rel=0.25)
    assert found[0].noise_floor_km is not None
    assert 0.5 < found[0].noise_floor_km < 4


def test_one_line_of_many_moved_has_a_floor_of_nothing() -> None:
    before = net(1, 0.0)
    [found] = told(before, net(1, 0.0, (4, 0.05)))
    assert (found.subject, found.noise_floor_km) == ("moved", 0)
    assert found.offset_km == pytest.approx(0.05 * 111.2, rel=0.05)


# --- real lines -------------------------------------------------------------------------------------------------


@functools.cache
def natural_earth(shared: Path, before: str, after: str) -> twofiles.Compared:
    return twofiles.compare(shared / "data" / "natural_earth" / before, shared / "data" / "natural_earth" / after)


def lines_told(both: twofiles.Compared, kind: Kind) -> set[tuple[str, str, str | None, str | None]]:
    return {(c.dispute or "", c.subject, c.old, c.new) for r in both.results for c in r.changes if c.kind is kind}


LAND, DISPUTED = "admin_0_boundary_lines_land", "admin_0_boundary_lines_disputed_areas"


@pytest.mark.parametrize("scale", ["50m", "10m", "110m"])
def test_natural_earth_4_draws_a_line_across_the_neck_of_crimea_and_no_other(shared: Path, scale: str) -> None:
    both = natural_earth(shared, f"v2.0.0/ne_{scale}_{LAND}.shp", f"v4.0.0/ne_{scale}_{LAND}.json")
    added = ("added", None, "Disputed (please verify)")
    # The catalogue's ground of Zaporizhzhia and Kherson begins at the same neck.
    assert lines_told(both, Kind.BOUNDARY_MOVED) == {("crimea", *added), ("zaporizhzhia_kherson", *added)}
    assert lines_told(both, Kind.RESTYLED) == set()
    assert both.elsewhere == ()
    length = next(c.length_km for r in both.results for c in r.changes)
    assert length == pytest.approx(150, rel=0.06)


def test_natural_earth_4_draws_a_breakaway_line_in_the_donbas(shared: Path) -> None:
    both = natural_earth(shared, f"v2.0.0/ne_50m_{DISPUTED}.shp", f"v4.0.0/ne_50m_{DISPUTED}.json")
    assert lines_told(both, Kind.BOUNDARY_MOVED) == {("donetsk_luhansk", "added", None, "Breakaway")}


def test_natural_earth_2_puts_lines_into_other_classes_and_moves_none(shared: Path) -> None:
    # Its own list of changes: better coding of disputed lines, Kosovo's among them. Every class got another name too.
    both = natural_earth(shared, f"v1.4.0/ne_50m_{LAND}.shp", f"v2.0.0/ne_50m_{LAND}.shp")
    assert lines_told(both, Kind.BOUNDARY_MOVED) == set()
    restyled = lines_told(both, Kind.RESTYLED)
    assert ("kosovo", "", "Treaty", "Disputed (please verify)") in restyled
    assert ("korea_claims", "", "Disputed", "Line of control (please verify)") in restyled
    assert ("kashmir", "", "Disputed", "Line of control (please verify)") in restyled
    assert not [r for r in restyled if r[2:] == ("Treaty", "International boundary (verify)")]


def test_the_caucasus_breaks_away_in_natural_earth_2(shared: Path) -> None:
    both = natural_earth(
        shared, "v1.4.0/ne_10m_admin_0_boundary_breakaway_disputed_areas.shp", f"v2.0.0/ne_10m_{DISPUTED}.shp"
    )
    restyled = lines_told(both, Kind.RESTYLED)
    assert {
        ("abkhazia", "", "Claim boundary", "Breakaway"),
        ("south_ossetia", "", "Claim boundary", "Breakaway"),
        ("nagorno_karabakh", "", "Breakaway", "Reference line"),
        ("western_sahara", "", "Claim boundary", "Elusive frontier"),
    } <= restyled


def test_one_edition_at_two_scales_differs_in_classes_not_along_every_line(shared: Path) -> None:
    # 1:10 million against 1:50 million, 353 and 462 lines: every vertex differs, by 1 to 3 km.
    both = natural_earth(shared, f"v4.0.0/ne_50m_{LAND}.json", f"v4.0.0/ne_10m_{LAND}.json")
    restyled = lines_told(both, Kind.RESTYLED)
    assert ("essequibo", "", "International boundary (verify)", "Disputed (please verify)") in restyled
    assert ("western_sahara", "", "Disputed (please verify)", "Line of control (please verify)") in restyled
    moved = {c.dispute for r in both.results for c in r.changes if c.subject == "moved"}
    assert moved <= {"arunachal", "bhutan_nw", "tibet", "kashmir", "ladakh"}


def test_how_viewers_see_a_line_is_read_from_a_file_of_natural_earth_5(shared: Path, tmp_path: Path) -> None:
    path = shared / "sources" / "samples" / "naturalearth" / "v5_boundary_lines_disputed_areas_excerpt.geojson"
    if not path.exists():
        pytest.skip(f"no {path}")
    data = json.loads(path.read_bytes())
    transnistria = next(f for f in data["features"] if f["properties"]["BRK_A3"] == "B36")
    transnistria["properties"]["FCLASS_UA"] = None  # made up: Ukraine's view goes back to what everybody sees
    after = tmp_path / "after.geojson"
    after.write_text(json.dumps(data), encoding="utf-8")
    both = twofiles.compare(path, after, ["transnistria"])
    [change] = both.results[0].changes
    assert (change.kind, change.subject, change.old, change.new) == (
        Kind.RESTYLED,
        "FCLASS_UA",
        "Unrecognized",
        "Breakaway",
    )
    assert "viewers UA" in change.summary


# --- elsewhere ------------------------------------------------------------------------------------------------------


def test_lines_outside_every_dispute_are_told_with_their_place(tmp_path: Path) -> None:
    def file(name: str, word: str, y: float) -> Path:
        features = [
            {"type": "Feature", "properties": {"FEATURECLA": w}, "geometry": {"type": "LineString", "coordinates": xy}}
            for w, xy in (
                ("Treaty", [[18.0, 66.0], [19.0, 66.5], [22.0, 66.5]]),
                (word, [[-100.0, 47.0], [-98.0, y], [-95.0, y], [-93.0, 47.0]]),
            )
        ]
        path = tmp_path / name
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
        return path

    both = twofiles.compare(file("a.geojson", "Treaty", 47.0), file("b.geojson", "Treaty", 47.4))
    [found] = twofiles.record(both)["elsewhere"]
    assert (found["kind"], found["subject"], found["offset_km"]) == (
        "boundary_moved",
        "moved",
        pytest.approx(44.5, rel=0.03),
    )
    assert -100 < found["lon"] < -93
    both = twofiles.compare(file("a.geojson", "Treaty", 47.0), file("b.geojson", "Disputed", 47.0))
    [found] = twofiles.record(both)["elsewhere"]
    assert (found["kind"], found["old"], found["new"]) == ("restyled", "Treaty", "Disputed")
