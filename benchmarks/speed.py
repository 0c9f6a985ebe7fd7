"""How fast two editions of a layer are compared: the boundary-chain diff beside what a GIS person would run.

``python benchmarks/speed.py`` compares the pairs of files it finds, or the two it is given (see ``--help``): every
method in one process, one after the other, each run ``--runs`` times (fewer where that takes more than ``--patience``
seconds). The figures are medians of CPU seconds, as a machine is seldom idle. The answers are checked against one
another: km2 by pair of owners, where neither edition gives ground to several.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.diff import chain
from borderwatch.diff.chain import ChainDiff, ChainIndex
from borderwatch.errors import UsageError
from borderwatch.formats.vector_file import features_from_path, owner_field, value_of
from borderwatch.geometry import areas_km2, polygonal, repair_quietly

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("BORDERWATCH_SHARED") or ROOT.parent / "shared")
FIELDS = ("ADM0_A3", "adm0_a3", "iso_a2", "ISO_A2", "name", "NAME")
SAME_KM2 = 0.001
SHP_POLYGON = 5
COLD = ("chain, read by", "chain, rings straight")
GROWTH = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 8_000_000)

Layer = list[tuple[str, "BaseGeometry"]]
Pairs = dict[tuple[str | None, str | None], float]


@dataclass(frozen=True)
class Row:
    """One method: CPU seconds to read both files and to compare them (medians), and its answer where it has one."""

    name: str
    read_s: float
    compare_s: float
    pairs: Pairs | None = None
    note: str = ""

    @property
    def total_s(self) -> float:
        return self.read_s + self.compare_s


# --- measuring ---------------------------------------------------------------------------------------------------


def clocked(work: Callable[[], Any], runs: int, patience_s: float) -> tuple[float, Any]:
    """Median CPU seconds of some runs, and what the last one returned."""
    took: list[float] = []
    result = None
    while len(took) < runs and sum(took) < patience_s:
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return statistics.median(took), result


# --- reading -----------------------------------------------------------------------------------------------------


def by_project(path: Path, field: str | None) -> Layer:
    """With the project's own readers: every gate passed, every ring valid."""
    raw = features_from_path(path)
    code, name = owner_field(raw, field)
    return [(value_of(f, code) or value_of(f, name) or "?", f.geometry) for f in raw if f.geometry is not None]


def by_gdal(path: Path, field: str) -> Layer:
    """Through GDAL as it stands: geometry and one field, nothing mended."""
    import pyogrio

    there = list(pyogrio.read_info(path)["fields"])
    own = next((f for f in there if f.lower() == field.lower()), field)  # editions change the case of their fields
    _, _, geometry, columns = pyogrio.raw.read(path, columns=[own], force_2d=True)
    return list(zip(map(str, columns[0]), shapely.from_wkb(geometry), strict=True))


def rings_of_shapefile(path: Path, field: str) -> ChainIndex:
    """The index straight from the rings of a plain Shapefile, whose outer rings wind clockwise: no geometries made."""
    import pyogrio

    owners = pyogrio.raw.read(path, columns=[field], read_geometry=False)[3][0]
    data = path.read_bytes()
    rings, counts, whose = [], [], []
    at = 100  # the header of the file
    for owner in owners:
        at += 8  # the header of the record
        if int.from_bytes(data[at : at + 4], "little") != SHP_POLYGON:
            at += 4  # a null shape
            continue
        parts, points = np.frombuffer(data, "<i4", 2, at + 36)
        first = np.frombuffer(data, "<i4", parts, at + 44)
        at += 44 + 4 * int(parts)
        rings.append(np.frombuffer(data, "<f8", 2 * points, at).reshape(-1, 2))
        counts.append(np.diff(np.append(first, points)))
        whose += [owner] * int(parts)
        at += 16 * int(points)
    names = tuple(sorted(set(whose)))
    number = {owner: i for i, owner in enumerate(names)}
    holders = np.array([number[o] for o in whose], dtype=np.int32)
    return ChainIndex.from_rings(names, np.concatenate(rings), np.concatenate(counts), holders)


# --- other ways ----------------------------------------------------------------------------------------------------


def overlay_union(before: Layer, after: Layer) -> tuple[list[tuple[str | None, str | None]], np.ndarray[Any, Any]]:
    import geopandas as gpd
    import pandas as pd

    frames = [gpd.GeoDataFrame({"o": [o for o, _ in d]}, geometry=[g for _, g in d], crs=4326) for d in (before, after)]
    met = gpd.overlay(*frames, how="union", keep_geom_type=True)
    named = [tuple(None if pd.isna(o) else str(o) for o in pair) for pair in zip(met["o_1"], met["o_2"], strict=True)]
    return named, met.geometry.to_numpy()  # type: ignore[return-value]


def tree_pairs(before: Layer, after: Layer) -> tuple[list[tuple[str | None, str | None]], np.ndarray[Any, Any]]:
    """Intersect what meets and has another owner: no gains from nobody, no losses to nobody."""
    old, new = [g for _, g in before], [g for _, g in after]
    left, right = shapely.STRtree(new).query(old, predicate="intersects")
    pairs = [(i, j) for i, j in zip(left, right, strict=True) if before[i][0] != after[j][0]]
    met = shapely.intersection([old[i] for i, _ in pairs], [new[j] for _, j in pairs])
    return [(before[i][0], after[j][0]) for i, j in pairs], np.array([polygonal(g) for g in met], dtype=object)


def each_difference(before: Layer, after: Layer) -> dict[str, float]:
    """Feature by feature: what changed, but not to whom it went."""
    new: dict[str, list[BaseGeometry]] = {}
    for owner, geometry in after:
        new.setdefault(owner, []).append(geometry)
    return {
        owner: float(
            areas_km2([polygonal(g.symmetric_difference(h)) for h in new.get(owner, [shapely.Polygon()])]).sum()
        )
        for owner, g in before
    }


def duckdb_pairs(before: Layer, after: Layer) -> Pairs | str:
    """DuckDB spatial, loaded from what is installed; what stops it where it does not run."""
    try:
        import duckdb
    except ImportError:
        return "skipped: duckdb is not installed"
    base = duckdb.connect()
    try:
        base.execute("LOAD spatial")
    except duckdb.Error as error:
        return f"skipped: DuckDB without its spatial extension ({str(error).splitlines()[0][:60]})"
    for name, layer in (("a", before), ("b", after)):
        base.execute(f"CREATE TABLE {name} (o VARCHAR, g GEOMETRY)")
        base.executemany(f"INSERT INTO {name} VALUES (?, ST_GeomFromWKB(?))", [(o, g.wkb) for o, g in layer])  # noqa: S608
    rows = base.execute(
        "SELECT a.o, b.o, ST_AsWKB(ST_Intersection(a.g, b.g)) FROM a JOIN b ON ST_Intersects(a.g, b.g) WHERE a.o <> b.o"
    ).fetchall()
    return summed([(r[0], r[1]) for r in rows], np.array([polygonal(shapely.from_wkb(bytes(r[2]))) for r in rows]))


# --- the same answer -------------------------------------------------------------------------------------------------


def summed(pairs: Iterable[tuple[str | None, str | None]], shapes: np.ndarray[Any, Any]) -> Pairs:
    found: Pairs = {}
    for pair, km2 in zip(pairs, areas_km2(shapes), strict=True):
        if pair[0] != pair[1] and km2 > 0:
            found[pair] = found.get(pair, 0.0) + float(km2)
    return found


def claimed_twice(layers: Iterable[Layer]) -> BaseGeometry:
    """The ground that an edition gives to several owners, or draws twice."""
    found = []
    for layer in layers:
        areas = [g for _, g in layer]
        left, right = shapely.STRtree(areas).query(areas, predicate="intersects")
        met = shapely.intersection([areas[i] for i, j in zip(left, right, strict=True) if i < j],
                                   [areas[j] for i, j in zip(left, right, strict=True) if i < j])  # fmt: skip
        found += [g for g in map(polygonal, met) if not g.is_empty]
    return shapely.union_all(found) if found else shapely.Polygon()


def plain(pairs: list[tuple[str | None, str | None]], shapes: np.ndarray[Any, Any], twice: BaseGeometry) -> Pairs:
    """Area by pair of owners outside the ground that is claimed twice."""
    shapely.prepare(twice)
    differing = np.array([a != b for a, b in pairs], dtype=bool)
    shapes, pairs = shapes[differing], [p for p in pairs if p[0] != p[1]]
    touched = shapely.intersects(twice, shapes)
    cut = shapes.copy()
    cut[touched] = [polygonal(repair_quietly(g).difference(twice)) for g in shapes[touched]]
    return summed(pairs, cut)


def plain_of_chain(found: ChainDiff) -> Pairs:
    totals: Pairs = {}
    for face in found.faces:
        if len(face.before) <= 1 and len(face.after) <= 1:
            totals[face.loser, face.gainer] = totals.get((face.loser, face.gainer), 0.0) + face.area_km2
    return totals


def apart(one: Pairs, other: Pairs, *, owners_only: bool = False) -> float:
    """The largest difference in km2 of any pair of owners."""
    keys = {k for k in {*one, *other} if not owners_only or None not in k}
    return max((abs(one.get(k, 0.0) - other.get(k, 0.0)) for k in keys), default=0.0)


# --- the table ---------------------------------------------------------------------------------------------------


def measured(before: Path, after: Path, field: str | None, runs: int, patience_s: float, skip: set[str]) -> list[Row]:
    files = (before, after)
    field = field or _field(before)
    print(f"{before.name} ({before.stat().st_size / 1e6:.1f} MB), {after.name}; owner field {field}", flush=True)
    rows: list[Row] = []

    def read(how: Callable[[Path, str], Layer]) -> tuple[float, list[Layer]]:
        return clocked(lambda: [how(path, field) for path in files], runs, patience_s)

    project_s, layers = read(by_project)
    old, new = layers
    vertices = int(shapely.get_num_coordinates([g for _, g in old]).sum())
    compare_s, found = clocked(lambda: chain.diff(old, new), runs, patience_s)
    rows.append(Row("chain, read by the project", project_s, compare_s, dict(found.areas_km2)))
    gdal_s, bare = read(by_gdal)
    bare_s, again = clocked(lambda: chain.diff(*bare), runs, patience_s)
    rows.append(Row("chain, read by GDAL", gdal_s, bare_s, dict(again.areas_km2)))
    if before.suffix == after.suffix == ".shp":
        rings_s, straight = clocked(lambda: [rings_of_shapefile(p, field) for p in files], runs, patience_s)
        took, third = clocked(lambda: chain.diff(*straight), runs, patience_s)
        agreed = _agreement(apart(dict(found.areas_km2), dict(third.areas_km2)))
        rows.append(
            Row("chain, rings straight from the .shp", rings_s, took, note=f"indexes made as it reads; {agreed}")
        )
    with tempfile.TemporaryDirectory() as folder:
        kept = [Path(folder) / f"{n}.chain" for n in range(2)]
        make_s, _ = clocked(lambda: [k.write_bytes(ChainIndex.from_polygons(d).to_bytes())
                                     for k, d in zip(kept, layers, strict=True)], runs, patience_s)  # fmt: skip
        load_s, indexes = clocked(lambda: [mapped(k) for k in kept], runs, patience_s)
        stored_s, same = clocked(lambda: chain.diff(*map(mapped, kept)), runs, patience_s)
        stored_s = max(stored_s - load_s, 0.0)
        size = sum(k.stat().st_size for k in kept)
        note = f"made once in {make_s:.3f} s, {size / 1e6:.1f} MB"
        rows.append(Row("chain, stored index", load_s, stored_s, dict(same.areas_km2), note))
        half_s, _ = clocked(lambda: chain.diff(mapped(kept[0]), ChainIndex.from_polygons(bare[1])), runs, patience_s)
        rows.append(Row("chain, index of BEFORE stored", gdal_s / 2, half_s, note="AFTER is read by GDAL"))
        twin_s, _ = clocked(lambda: chain.diff(indexes[0], indexes[0]), runs, patience_s)
        rows.append(Row("chain, stored index, unchanged", load_s, twin_s))
    print(
        f"{vertices:,} vertices each; {found.residual:,} of {found.edges:,} edges did not cancel "
        f"({1 - found.cancelled:.2%}); {len(found.faces):,} faces; redigitised: {found.redigitised}\n",
        flush=True,
    )
    twice = claimed_twice(layers) if {"overlay", "tree", "duckdb"} - skip else shapely.Polygon()
    mine = plain_of_chain(found)
    if "tree" not in skip:
        took, (pairs, shapes) = clocked(lambda: tree_pairs(old, new), runs, patience_s)
        far = apart(mine, plain(pairs, shapes, twice), owners_only=True)
        rows.append(Row("STRtree pairs, different owners", gdal_s, took, note=_agreement(far)))
    if "each" not in skip:
        took, _ = clocked(lambda: each_difference(old, new), runs, patience_s)
        rows.append(Row("per-feature symmetric_difference", gdal_s, took, note="cannot say who gained"))
    if "duckdb" not in skip:
        took, answer = clocked(lambda: duckdb_pairs(old, new), 1, patience_s)
        if isinstance(answer, str):
            print(f"DuckDB spatial {answer}")
        else:
            rows.append(Row("DuckDB spatial", gdal_s, took))
    if "overlay" not in skip:
        took, (pairs, shapes) = clocked(lambda: overlay_union(old, new), runs, patience_s)
        rows.append(
            Row("geopandas.overlay(union)", gdal_s, took, note=_agreement(apart(mine, plain(pairs, shapes, twice))))
        )
    return rows


def mapped(path: Path) -> ChainIndex:
    """A stored index, read where it is looked at."""
    with path.open("rb") as file:
        return ChainIndex.from_bytes(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))


def _agreement(km2: float) -> str:
    return f"answers {'agree: ' if km2 <= SAME_KM2 else 'DIFFER by '}{km2:.6f} km2 at most"


def _field(path: Path) -> str:
    import pyogrio

    there = list(pyogrio.read_info(path)["fields"])
    for field in FIELDS:
        if field in there:
            return field
    raise UsageError(f"{path}: which field names the owner? --owner-field one of {', '.join(there)}")


def table(rows: list[Row]) -> str:
    """The rows as Markdown: how many times the best cold chain's time, and the stored index's, each one takes."""
    cold = min((r for r in rows if r.name.startswith(COLD)), key=lambda r: r.total_s)
    bare = min((r for r in rows if r.name.startswith("chain, read by")), key=lambda r: r.compare_s)
    stored = next(r for r in rows if r.name == "chain, stored index")
    lines = [
        "| method | read, s | compare, s | read + compare, s | compare / chain | both / chain | both / stored index |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratios = ["", "", ""]
        if not row.name.startswith("chain"):
            ratios = [f"{row.compare_s / bare.compare_s:,.0f}x", f"{row.total_s / cold.total_s:,.0f}x",
                      f"{row.total_s / stored.total_s:,.0f}x"]  # fmt: skip
        lines.append(
            f"| {row.name} | {row.read_s:.4f} | {row.compare_s:.4f} | {row.total_s:.4f} | {' | '.join(ratios)} |"
        )
    notes = [f"- {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, "", f"Cold is *{cold.name}*.", "", *notes])


# --- growth --------------------------------------------------------------------------------------------------------


def growth(most: int, changed_cells: int) -> None:
    """A made-up world of more and more vertices in which ever the same few cells change hands."""
    print(f"\n{changed_cells} cells change hands, whatever the size of the map\n")
    print("| vertices | index of one edition, s | compare two indexes, s | edges left | peak memory so far, GB |")
    print("|---|---|---|---|---|")
    for size in (n for n in GROWTH if n <= most):
        rings, counts = _cells(size)
        owners = tuple(f"o{n:04d}" for n in range(min(250, len(counts))))
        holder = np.arange(len(counts), dtype=np.int32) % len(owners)
        other = holder.copy()
        other[:changed_cells] = (other[:changed_cells] + 1) % len(owners)
        runs = 5 if size < 1_000_000 else 1
        made_s, one = clocked(lambda: ChainIndex.from_rings(owners, rings, counts, holder), runs, 10)  # noqa: B023
        two = ChainIndex.from_rings(owners, rings, counts, other)
        _ = one.boxes, two.boxes  # kept with a stored index
        took, found = clocked(lambda: chain.diff(one, two), runs, 10)  # noqa: B023
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"| {len(rings):,} | {made_s:.3f} | {took:.4f} | {found.residual:,} | {peak:.2f} |", flush=True)


def _cells(vertices: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
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


# --- data ----------------------------------------------------------------------------------------------------------


def fifty() -> tuple[Path, Path] | None:
    folder = SHARED / "data/derived/ne_50m_countries"
    pair = folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson"
    return pair if all(p.exists() for p in pair) else None


def ten(folder: Path) -> tuple[Path, Path]:
    """Natural Earth 10m from the recorded history, and the same with two made-up transfers, as Shapefiles."""
    import geopandas as gpd

    from borderwatch.snapshots import Snapshots

    archive = Snapshots(ROOT / "snapshots")
    capture = next(c for c in archive.captures("natural_earth_de"))
    packed = folder / "recorded.zip"
    packed.write_bytes(archive.open(capture).data)
    drawn = gpd.read_file(packed)[["ADM0_A3", "geometry"]].set_crs(4326, allow_override=True)
    after = drawn.copy()
    for lon, lat, degrees, loser, gainer in ((2.5, 46.5, 1.5, "FRA", "DEU"), (30.0, 56.0, 3.0, "RUS", "POL")):
        disk = shapely.Point(lon, lat).buffer(degrees)
        passed = shapely.intersection(disk, after.loc[loser == after.ADM0_A3, "geometry"].iloc[0])
        for owner, change in ((loser, shapely.difference), (gainer, shapely.union)):
            here = owner == after.ADM0_A3
            after.loc[here, "geometry"] = [change(g, passed) for g in after.loc[here, "geometry"]]
    pair = folder / "before.shp", folder / "after.shp"
    drawn.to_file(pair[0])
    after.to_file(pair[1])
    return pair


def pairs_of(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[Path, Path]]:
    if arguments.before:
        yield arguments.before, arguments.after
        return
    small = fifty()
    if arguments.data != "10m" and small is not None:
        yield small
    elif arguments.data == "50m":
        raise UsageError(f"no pair of Natural Earth 50m under {SHARED}: set BORDERWATCH_SHARED, or name two files")
    if arguments.data != "50m":
        yield ten(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path, nargs="?", help="a file of areas (any format the project reads)")
    parser.add_argument("after", type=Path, nargs="?", help="another edition of it")
    parser.add_argument("--owner-field", help="the field that names the owner (found by itself)")
    parser.add_argument("--data", choices=("50m", "10m", "both"), default="both", help="which of the pairs at hand")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--patience", type=float, default=20.0, help="CPU seconds after which a method is not run again"
    )
    parser.add_argument("--skip", nargs="*", default=[], choices=("overlay", "tree", "each", "duckdb"))
    parser.add_argument("--growth", type=int, metavar="VERTICES", help="only the curve, up to so many vertices")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    arguments = parser.parse_args()
    if arguments.before and not arguments.after:
        parser.error("two files are compared: name BEFORE and AFTER")
    if arguments.growth:
        growth(arguments.growth, 2)
        return 0
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        for before, after in pairs_of(arguments, Path(folder)):
            rows = measured(before, after, arguments.owner_field, arguments.runs, arguments.patience, {*arguments.skip})
            print(table(rows), end="\n\n", flush=True)
            kept += [{"pair": before.name, "name": r.name, "read_s": r.read_s, "compare_s": r.compare_s} for r in rows]
    if arguments.json:
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
