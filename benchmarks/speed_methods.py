"""What a GIS person would run to compare two layers, and how the answers are held against one another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.geometry import areas_km2, polygonal, repair_quietly

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.diff.chain import ChainDiff

SAME_KM2 = 0.001
FIELDS = ("ADM0_A3", "adm0_a3", "A3", "iso_a2", "ISO_A2", "name", "NAME")

Layer = list[tuple[str, "BaseGeometry"]]
Pairs = dict[tuple[str | None, str | None], float]


def by_gdal(path: Path, owner: dict[str, str]) -> Layer:
    """Through GDAL as it stands: geometry and the owner field, nothing mended; ``owner`` says who a word is."""
    import pyogrio

    there = [str(field) for field in pyogrio.read_info(path)["fields"]]
    field = next(f for f in FIELDS if f in there)
    _, _, geometry, columns = pyogrio.raw.read(path, columns=[field], force_2d=True)
    return [(owner.get(str(o), str(o)), g) for o, g in zip(columns[0], shapely.from_wkb(geometry), strict=True)]


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
    """DuckDB spatial, its extension loaded from the package that carries it; what stops it where it does not run."""
    try:
        import duckdb
        import duckdb_extension_spatial
    except ImportError as error:
        return f"skipped: {error.name} is not installed (pip install duckdb==1.5.5 duckdb-extension-spatial==1.5.5)"
    base = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    try:
        extension = next(Path(duckdb_extension_spatial.__path__[0]).rglob("*.duckdb_extension"))
        base.execute(f"LOAD '{extension}'")
    except (duckdb.Error, StopIteration) as error:
        return f"skipped: DuckDB without its spatial extension ({str(error).splitlines()[0][:60]})"
    base.execute("SET threads TO 1")  # CPU seconds are compared
    for name, layer in (("a", before), ("b", after)):
        base.execute(f"CREATE TABLE {name} (o VARCHAR, g GEOMETRY)")
        base.executemany(f"INSERT INTO {name} VALUES (?, ST_GeomFromWKB(?))", [(o, g.wkb) for o, g in layer])  # noqa: S608
    rows = base.execute(
        "SELECT a.o, b.o, ST_AsWKB(ST_Intersection(a.g, b.g)) FROM a JOIN b ON ST_Intersects(a.g, b.g) WHERE a.o <> b.o"
    ).fetchall()
    shapes = np.array([polygonal(shapely.from_wkb(bytes(row[2]))) for row in rows], dtype=object)
    return summed([(row[0], row[1]) for row in rows], shapes)


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
