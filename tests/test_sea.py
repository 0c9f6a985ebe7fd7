"""At sea: whose zone it is, when one drawing has coasts and the other none, and which zone is the dispute's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import shapely

from borderwatch.diff import compare
from borderwatch.diff.noise import boundaries
from borderwatch.diff.ownership import own_zones
from borderwatch.disputes import catalogue, land
from borderwatch.geometry import Plane, clip
from borderwatch.models import Capture, Feature, Kind, Outcome, Reading, Role, Verdict, View
from borderwatch.observe import Observer, world_from_reading
from borderwatch.scene import Scene

SLUG = "chile_peru_maritime"
DISPUTE = catalogue().get(SLUG)
OBSERVER = Observer([DISPUTE])
GROUND = OBSERVER.grounds[0]
WINDOW = shapely.box(*GROUND.window)
SHORE = clip(land(), GROUND.window)
SEA = WINDOW.difference(SHORE)
NORTH = shapely.box(GROUND.window[0], GROUND.area.bounds[3], GROUND.window[2], GROUND.window[3])


def scene(number: int, *zones: tuple[str, Any], role: Role = Role.SEA) -> Scene:
    capture = Capture(
        str(number), View("made"), datetime(2020, 1, 1 + number, tzinfo=UTC), Outcome.KEPT, live=True, body=str(number)
    )
    features = tuple(Feature(geometry, owner=owner, name=owner, role=role) for owner, geometry in zones)
    return OBSERVER.scenes(world_from_reading(Reading(features), capture, resolution_km=1.0))[SLUG]


def shared_out(sheet: Any, zone: Any = GROUND.area) -> list[tuple[str, Any]]:
    """Peru north of the parallel, the zone apart, Chile the rest: on the sea alone, or on land and sea."""
    peru = sheet.intersection(NORTH)
    return [("PE", peru), ("?zone", zone), ("CL", sheet.difference(peru).difference(zone))]


def drawn(one: Scene, plane: Plane) -> Any:
    """Every line a scene is compared by, whosever it is."""
    return shapely.union_all(list(boundaries(one, plane).values()))


def test_a_product_of_the_sea_and_one_of_land_and_sea_are_no_change() -> None:
    """Drawn by two products, the same zones differ by every coast: none of it is a boundary at sea."""
    outcome = compare.scenes(scene(0, *shared_out(SEA)), scene(1, *shared_out(WINDOW)))
    assert outcome.findings == ()
    assert outcome.comparison.verdict is Verdict.UNCHANGED


def test_neither_coasts_nor_boundaries_on_land_are_lines_of_the_sea() -> None:
    plane = Plane.around(GROUND.window)
    west, south, east, north = SHORE.bounds
    inland = [("BO", shapely.box((west + east) / 2, south, east, (south + north) / 2).intersection(SHORE))]
    at_sea, both = scene(0, *shared_out(SEA)), scene(1, *shared_out(SEA), *inland)
    lines, more = drawn(at_sea, plane), drawn(both, plane)
    assert more.length == pytest.approx(lines.length, rel=1e-6)
    assert lines.distance(plane.project(SHORE)) == pytest.approx(0.25 * GROUND.inradius_km, rel=0.05)


def test_a_zone_shared_out_is_told_though_the_products_differ() -> None:
    west, south, east, north = GROUND.area.bounds
    half = shapely.box(west, south, (west + east) / 2, north).intersection(GROUND.area)
    before = scene(0, *shared_out(SEA))
    peru, _, chile = shared_out(WINDOW)
    after = scene(1, ("PE", peru[1].union(half)), ("CL", chile[1].union(GROUND.area.difference(half))))
    told = {(f.loser, f.gainer): f for f in compare.scenes(before, after).findings if f.kind is Kind.TRANSFER}
    assert {("?zone", "PE"), ("?zone", "CL")} <= told.keys()


@pytest.mark.parametrize(
    ("zone", "own"),
    [
        (GROUND.area, True),
        (shapely.affinity.translate(GROUND.area, yoff=-0.4), True),
        (shapely.affinity.scale(GROUND.area, 3, 3), False),
        (shapely.affinity.scale(GROUND.area, 0.5, 0.5), False),
    ],
)
def test_a_zone_is_the_disputes_own_where_each_lies_mostly_in_the_other(zone: Any, own: bool) -> None:
    assert own_zones(scene(0, ("?Overlapping claim: Chile, Peru", zone))) == (
        {"?Overlapping claim: Chile, Peru"} if own else set()
    )


def test_a_known_owners_zone_is_never_the_disputes_own() -> None:
    assert own_zones(scene(0, ("PE", GROUND.area))) == frozenset()


def test_of_a_zone_that_is_not_the_disputes_own_only_its_ground_is_told() -> None:
    wide = shapely.affinity.scale(GROUND.area, 3, 3).intersection(WINDOW)
    before, after = scene(0, ("?zone", wide)), scene(1, ("PE", wide))
    [told] = [f for f in compare.scenes(before, after).findings if f.kind is Kind.TRANSFER]
    assert told.area_km2 == pytest.approx(GROUND.area_km2, rel=0.02)


def test_a_narrow_sea_keeps_its_lines() -> None:
    """The strip of coast that is left out is a share of the zone's own thickness: it never fills the zone."""
    plane = Plane.around(GROUND.window)
    lines = drawn(scene(0, *shared_out(SEA)), plane)
    assert not lines.is_empty
    assert lines.intersects(plane.project(GROUND.area.boundary).buffer(1))
    ashore = shapely.box(-70.0, -17.5, -69.0, -17.0)  # a boundary on land only: better those lines than none
    assert not drawn(scene(1, ("PE", ashore)), plane).is_empty
