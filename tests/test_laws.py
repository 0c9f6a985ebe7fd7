"""Laws of comparing maps: writing is no change, no km2 comes from nowhere, what is far away alters nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from borderwatch import geometry as geo
from borderwatch import twofiles
from borderwatch.diff import chain, compare
from borderwatch.diff.ownership import differences
from borderwatch.diff.series import between
from borderwatch.models import Feature, Role
from tests import strategies as made


def written(path: Path, drawing: made.Drawing, *, epsg: int = 4326) -> Path:
    frame = geopandas.GeoDataFrame({"ISO_A2": [c for c, _ in drawing]}, geometry=[g for _, g in drawing], crs=4326)
    frame.to_crs(epsg).to_file(path, driver="GPKG")
    return path


@pytest.mark.parametrize("epsg", [3857, 3035, 4258])
def test_the_reference_system_of_a_file_is_no_change(tmp_path: Path, epsg: int) -> None:
    drawing = made.coverage(7)
    one, other = written(tmp_path / "a.gpkg", drawing), written(tmp_path / "b.gpkg", drawing, epsg=epsg)
    for both in (twofiles.compare(one, other), twofiles.compare(other, one)):
        assert not both.changed


@pytest.mark.parametrize(("west", "by"), [(-170.0, 360.0), (172.0, -360.0)])
def test_longitudes_of_another_turn_are_no_change(tmp_path: Path, west: float, by: float) -> None:
    drawing = made.coverage(7, west=west)
    turned = made.each(drawing, lambda g: shapely.transform(g, lambda xy: xy + np.array([by, 0.0])))
    one, other = written(tmp_path / "a.gpkg", drawing), written(tmp_path / "b.gpkg", turned)
    assert not twofiles.compare(one, other).changed


# --- no km2 from nowhere -------------------------------------------------------------------------------------------

Passed = dict[tuple[str | None, str | None], float]
THIN_KM2 = 0.01


def three_maps(seed: int) -> tuple[made.Drawing, made.Drawing, made.Drawing]:
    """A map, and two later ones: disks of ground handed to one owner, then over their edges to another."""
    first = made.coverage(seed, cells=7, owners=3)
    rng = np.random.default_rng(seed)
    (x, y), (u, v) = rng.uniform((11.5, 41.5), (13.5, 43.5), (2, 2))
    second = made.handed(first, made.disk(x, y, 60.0), "PE" if seed % 2 else "UY")
    third = made.handed(second, made.disk((x + u) / 2, (y + v) / 2, 45.0), "AR" if seed % 3 else "PY")
    return first, second, third


def by_ownership(before: made.Drawing, after: made.Drawing) -> Passed:
    found: Passed = {}
    for d in differences(dict(made.dissolved(before)), dict(made.dissolved(after))):
        if d.overlap:  # a disk's edge crosses a boundary at a rounded place
            assert geo.area_km2(d.geometry) < THIN_KM2
            continue
        found[d.loser, d.gainer] = found.get((d.loser, d.gainer), 0.0) + geo.area_km2(d.geometry)
    return found


def by_chain(before: made.Drawing, after: made.Drawing) -> Passed:
    found = chain.diff(before, after, redigitised_from=1.0)
    assert not found.redigitised
    return dict(found.areas_km2)


@pytest.mark.parametrize("by", [by_ownership, by_chain])
@made.laws(10)
@given(seed=st.integers(0, 10_000))
def test_what_passed_in_the_end_passed_on_the_way(by: Callable[..., Passed], seed: int) -> None:
    # From loser to gainer in one step of two, or by way of a third who held it in between.
    first, second, third = three_maps(seed)
    one, two, both = by(first, second), by(second, third), by(first, third)
    assert sum(both.values()) > THIN_KM2
    between_them = {owner for pair in (*one, *two) for owner in pair}
    for (loser, gainer), km2 in both.items():
        direct = one.get((loser, gainer), 0.0) + two.get((loser, gainer), 0.0)
        through = sum(
            min(one.get((loser, third_one), 0.0), two.get((third_one, gainer), 0.0))
            for third_one in between_them - {loser, gainer}
        )
        assert km2 <= direct + through + THIN_KM2


# --- far away --------------------------------------------------------------------------------------------------------


def opposite(lon: float) -> float:
    return -70.0 if lon > 0 else 80.0


@made.laws(10)
@given(case=made.cases, kind=st.sampled_from(["the same", "drawn anew", "handed over"]))
def test_a_change_far_away_alters_nothing_told_of_a_dispute(case: made.Case, kind: str) -> None:
    west, south, _, _ = shapely.total_bounds([ground for _, ground in case.drawing])
    about = made.dispute(case.ground)
    middle = case.ground.centroid
    after = {
        "the same": case.drawing,
        "drawn anew": made.redigitised(case.drawing, 1.0, case.rng),
        "handed over": made.handed(case.drawing, made.disk(middle.x, middle.y, 40.0), case.drawing[0][0]),
    }[kind]
    far = made.coverage(case.seed, cells=4, west=opposite(west), south=-min(south, 30.0))
    corner = far[0][1].centroid
    changed = made.handed(far, made.disk(corner.x, corner.y, 80.0), "UY")

    def town(name: str) -> Feature:
        return Feature(corner, name=name, role=Role.LABEL)

    def told(*extra: list[Feature]) -> object:
        before, later = ((*made.features(d), *more) for d, more in zip((case.drawing, after), extra, strict=True))
        worlds = made.world(before, 0), made.world(later, 1)
        scenes = [made.scene(w, about) for w in worlds]
        outcome = compare.scenes(*scenes, between(*worlds))
        return outcome, [(s.depiction.shares, s.depiction.drawn, s.depiction.coverage) for s in scenes]

    quiet = [[*made.features(far), town("Far")], [*made.features(far), town("Far")]]
    loud = [[*made.features(far), town("Far")], [*made.features(changed), town("Away")]]
    assert told(*loud) == told(*quiet)
