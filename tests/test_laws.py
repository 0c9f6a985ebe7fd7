"""Laws of ``borderwatch diff``: the reference system of a file and the turn of its longitudes are no change."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from borderwatch import twofiles
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
