"""How fast two editions of a layer are compared: the product's way beside what a GIS person would run.

``python benchmarks/speed.py`` measures every row of the table in one run, one after the other in this process, and
holds the answers against one another (km2 by pair of owners, where no edition gives ground to several).
``--only`` takes some of the rows, ``--json`` keeps them. Each row is run ``--runs`` times (fewer where a run takes
more than ``--patience`` seconds), and the best is told: CPU seconds beside wall seconds, as a machine is seldom idle.

Data are obtained once, into a cache outside the repository (``$XDG_CACHE_HOME/borderwatch-benchmarks``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import speed_data as data
import speed_methods as methods
from speed_many import thirty_thousand

from borderwatch import geometry as geo
from borderwatch import twofiles
from borderwatch.derive import observer
from borderwatch.diff import chain, elsewhere, ownership
from borderwatch.diff.chain import ChainDiff, ChainIndex
from borderwatch.kept import Kept
from borderwatch.mapfile import MapFile, compared
from borderwatch.owners import owner as resolve_owner

GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Row:
    """One measurement: the best CPU and wall seconds of ``runs``."""

    data: str
    what: str
    cpu_s: float
    wall_s: float
    runs: int
    times: float | None = None
    """How many times the CPU time of the row it is held against."""
    note: str = ""


class Clock:
    """Runs things some times and tells the best."""

    def __init__(self, runs: int, patience_s: float) -> None:
        self.runs, self.patience_s = runs, patience_s

    def best(self, work: Callable[[], Any]) -> tuple[float, float, int, Any]:
        cpu: list[float] = []
        wall: list[float] = []
        result = None
        while len(cpu) < self.runs and (not cpu or sum(cpu) < self.patience_s):
            begun, started = time.process_time(), time.perf_counter()
            result = work()
            cpu.append(time.process_time() - begun)
            wall.append(time.perf_counter() - started)
        return min(cpu), min(wall), len(cpu), result


def whole_world(before: Path, after: Path) -> ChainDiff:
    """What ``borderwatch diff`` does first: two files from disk to who lost what to whom, anywhere."""
    return compared(*MapFile.pair((before, after)), redigitised_from=elsewhere.CHAIN_UP_TO)


def stored(paths: list[Path]) -> ChainDiff:
    """The same from two indexes that were kept."""
    indexes = [ChainIndex.from_bytes(Kept(path.parent).get(path.name) or memoryview(b"")) for path in paths]
    return chain.diff(*indexes, redigitised_from=elsewhere.CHAIN_UP_TO)


# --- the rows ------------------------------------------------------------------------------------------------------


def pair_rows(name: str, pairs: dict[str, data.Pair], clock: Clock, skip: set[str]) -> Iterator[Row]:
    """One pair of maps: the product's way from each format, from stored indexes, and every other way."""
    cold = 0.0
    for suffix, pair in pairs.items():
        cpu, wall, runs, found = clock.best(lambda: whole_world(*pair))  # noqa: B023
        cold = cold or cpu
        left = f"{found.residual:,} of {found.edges:,} edges left, {len(found.faces):,} faces"
        yield Row(name, f"boundary chain, cold, from {suffix}", cpu, wall, runs, note=left)
    first = next(iter(pairs.values()))
    files = [MapFile(path) for path in first]
    with tempfile.TemporaryDirectory() as folder:
        kept = [Path(folder) / f"{n}.chain" for n in range(2)]
        for path, file in zip(kept, files, strict=True):
            path.write_bytes(file.index.to_bytes())
        cpu, wall, runs, found = clock.best(lambda: stored(kept))
        index = cpu
        yield Row(name, "boundary chain, both indexes stored", cpu, wall, runs, cpu / cold)
        cpu, wall, runs, _ = clock.best(
            lambda: chain.diff(ChainIndex.from_bytes(kept[0].read_bytes()), MapFile(first[1]).index)
        )
        yield Row(name, "boundary chain, index of BEFORE stored", cpu, wall, runs, cpu / cold)
    read_s, read_wall, _, _ = clock.best(lambda: [methods.by_gdal(path, {}) for path in first])
    layers: list[methods.Layer] = [
        [(resolve_owner(f.code, f.name), f.geometry) for f in file.features if f.geometry is not None] for file in files
    ]
    twice = methods.claimed_twice(layers)
    mine = methods.plain_of_chain(found)

    def other(what: str, work: Callable[[], Any], agreed: Callable[[Any], str]) -> Row:
        cpu, wall, runs, answer = clock.best(work)
        note = f"{(read_s + cpu) / index:,.0f}x the stored indexes; {agreed(answer)}"
        return Row(name, what, read_s + cpu, read_wall + wall, runs, (read_s + cpu) / cold, note)

    if "tree" not in skip:
        yield other("STRtree pairs of different owners", lambda: methods.tree_pairs(*layers),
                    lambda a: _agreed(methods.apart(mine, methods.plain(*a, twice), owners_only=True)))  # fmt: skip
    if "each" not in skip:
        yield other("per-feature symmetric_difference", lambda: methods.each_difference(*layers),
                    lambda _: "cannot say who gained")  # fmt: skip
    if "duckdb" not in skip:
        yield other("DuckDB spatial, pairs of different owners, one thread", lambda: methods.duckdb_pairs(*layers),
                    lambda a: a if isinstance(a, str) else _duck(a, methods.tree_pairs(*layers)))  # fmt: skip
    if "overlay" not in skip:
        yield other("geopandas.overlay(how='union')", lambda: methods.overlay_union(*layers),
                    lambda a: _agreed(methods.apart(mine, methods.plain(*a, twice))))  # fmt: skip


def _agreed(km2: float) -> str:
    return f"answers {'agree' if km2 <= methods.SAME_KM2 else 'DIFFER'}: {km2:.6f} km2 at most"


def _duck(found: methods.Pairs, tree: Any) -> str:
    return f"as STRtree pairs: {_agreed(methods.apart(found, methods.summed(*tree)))}"


def land_rows(clock: Clock) -> Iterator[Row]:
    """8 million vertices, each way in a process of its own, so that its peak memory is its own."""
    for suffix in (".shp", ".gpkg"):
        pair = data.land(suffix)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cpu, wall, runs, left, peak = pool.apply(_land, (pair, clock.runs, clock.patience_s))
        yield Row("OpenStreetMap land", f"boundary chain, cold, from {suffix}", cpu, wall, runs,
                  note=f"{left}; peak {peak:.2f} GB")  # fmt: skip


def _land(pair: data.Pair, runs: int, patience_s: float) -> tuple[float, float, int, str, float]:
    cpu, wall, ran, found = Clock(runs, patience_s).best(lambda: whole_world(*pair))
    with tempfile.TemporaryDirectory() as folder:
        kept = [Path(folder) / f"{n}.chain" for n in range(2)]
        for path, file in zip(kept, pair, strict=True):
            path.write_bytes(MapFile(file).index.to_bytes())
        again, _, _, _ = Clock(runs, patience_s).best(lambda: stored(kept))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    left = f"{found.residual:,} of {found.edges:,} edges left; {again:.2f} s with both indexes stored"
    return cpu, wall, ran, left, peak


def anew_rows(clock: Clock) -> Iterator[Row]:
    """Two drawings of one world: to say so, and what passed in every dispute, beside pairs on the same clips."""
    files = [MapFile(path) for path in data.ten_drawn_anew()]
    both = [file.index for file in files]
    cpu, wall, runs, found = clock.best(lambda: chain.diff(*both, redigitised_from=elsewhere.CHAIN_UP_TO))
    assert found.redigitised  # noqa: S101
    said = cpu
    yield Row("drawn anew", "boundary chain: to say so", cpu, wall, runs, note="by the anchors alone")
    scenes = [observer().scenes(file.world(n)) for n, file in enumerate(files)]
    slugs = [s for s, scene in scenes[0].items() if scene.areas and not scene.ground.name_only]
    pairs = [(scenes[0][s], scenes[1][s], geo.Plane.around(scenes[0][s].ground.window)) for s in slugs]
    _ = [scene.by_owner for a, b, _ in pairs for scene in (a, b)]  # made with the clips
    least_km = ownership.MINOR_FRACTION * max(scene.depiction.limit_km or 0.0 for a, b, _ in pairs for scene in (a, b))
    clips = [[[(p.drawn.owner or "?", p.geometry) for p in scene[s].areas] for s in slugs] for scene in scenes]
    tree, tree_wall, runs, _ = clock.best(lambda: [methods.tree_pairs(a, b) for a, b in zip(*clips, strict=True)])
    yield Row("drawn anew", f"STRtree pairs on the clips of {len(slugs)} disputes", tree, tree_wall, runs)
    cpu, wall, runs, _ = clock.best(lambda: [ownership.thick_pieces(a, b, plane, least_km) for a, b, plane in pairs])
    note = f"gains from nobody and losses to nobody too; what holds no circle of {least_km:.2f} km is no candidate"
    yield Row("drawn anew", "the product on the same clips", cpu + said, wall, runs, (cpu + said) / tree, note)


def unchanged_rows(clock: Clock) -> Iterator[Row]:
    """The same bytes twice: what reading and hashing them takes, and what the whole answer takes."""
    before = data.ten(".gpkg")[0]
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder) / "twin.gpkg"
        twin.write_bytes(before.read_bytes())
        cpu, wall, runs, _ = clock.best(lambda: [hashlib.sha256(p.read_bytes()).hexdigest() for p in (before, twin)])
        yield Row("unchanged", "read and hash both files (SHA-256)", cpu, wall, runs)
        hashed = cpu
        kept = Kept(Path(folder) / "kept")
        first, first_wall, _, _ = Clock(1, 1).best(lambda: twofiles.compare(before, twin, kept=kept))
        yield Row("unchanged", "the whole answer, the first time", first, first_wall, 1, first / hashed)
        cpu, wall, runs, answer = clock.best(lambda: twofiles.compare(before, twin, kept=kept))
        note = f"{len(answer.results)} disputes, each with its shares and its limit"
        yield Row("unchanged", "the whole answer, from then on", cpu, wall, runs, cpu / hashed, note)


def command_rows(clock: Clock) -> Iterator[Row]:
    """All of ``borderwatch diff`` but starting Python: every dispute, its shares, and elsewhere."""
    pair = data.ten(".gpkg")
    observer()
    cpu, wall, runs, found = clock.best(lambda: twofiles.compare(*pair))
    told = sum(len(r.changes) for r in found.results) + len(found.elsewhere)
    yield Row("Natural Earth 10m", "borderwatch diff, all of it", cpu, wall, runs, note=f"{told} changes told")


def growth_rows(clock: Clock) -> Iterator[Row]:
    """A made-up map of more and more vertices, of which ever the same two cells change hands."""
    for size in GROWTH:
        rings, counts = data.cells(size)
        owners = tuple(f"o{n:04d}" for n in range(min(250, len(counts))))
        holder = np.arange(len(counts), dtype=np.int32) % len(owners)
        other = holder.copy()
        other[:2] = (other[:2] + 1) % len(owners)
        made, _, _, one = clock.best(lambda: ChainIndex.from_rings(owners, rings, counts, holder))  # noqa: B023
        two = ChainIndex.from_rings(owners, rings, counts, other)
        _ = one.boxes, two.boxes, one.sums, two.sums, one.anchors, two.anchors  # kept with a stored index, or cheap
        cpu, wall, runs, found = clock.best(lambda: chain.diff(one, two))  # noqa: B023
        note = f"index of one edition {made:.3f} s; {found.residual:,} edges left"
        yield Row("growth", f"{len(rings):,} vertices, both indexes stored", cpu, wall, runs, note=note)


def many_rows(_clock: Clock) -> Iterator[Row]:
    """100 disputes, 30 worldviews, 10 editions, as ``borderwatch rebuild`` would derive them."""
    done = thirty_thousand()
    yield Row("many", f"{done.comparisons:,} comparisons, {done.processes} processes", done.cpu_s, done.wall_s, 1,
              note=f"{done.changes:,} changes told; peak {done.peak_gb:.2f} GB in all")  # fmt: skip


def rows(clock: Clock, only: set[str], skip: set[str]) -> Iterator[Row]:
    if "10m" in only:
        yield from pair_rows("Natural Earth 10m", {s: data.ten(s) for s in data.SUFFIXES}, clock, skip)
    if "command" in only:
        yield from command_rows(clock)
    if "50m" in only and (pair := data.fifty()) is not None:
        yield from pair_rows("Natural Earth 50m, 2016 and 2018", {".geojson": pair}, clock, skip)
    for name, make in (("land", land_rows), ("anew", anew_rows), ("unchanged", unchanged_rows),
                       ("growth", growth_rows), ("many", many_rows)):  # fmt: skip
        if name in only:
            yield from make(clock)


ROWS = ("10m", "command", "50m", "land", "anew", "unchanged", "growth", "many")


def line(row: Row) -> str:
    times = f"{row.times:,.2f}x" if row.times is not None and row.times < 10 else f"{row.times or 0:,.0f}x"
    return (
        f"| {row.data} | {row.what} | {row.cpu_s:.4f} | {row.wall_s:.4f} | {row.runs} "
        f"| {times if row.times is not None else ''} | {row.note} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=ROWS)
    parser.add_argument("--skip", nargs="*", default=[], choices=("overlay", "tree", "each", "duckdb"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--patience", type=float, default=40.0, help="CPU seconds after which a row is not run again")
    parser.add_argument("--json", type=Path, help="keep the rows in this file; rows of other data in it stay")
    asked = parser.parse_args()
    print("| data | what | CPU, s | wall, s | runs | times | |\n|---|---|---|---|---|---|---|", flush=True)
    done = []
    for row in rows(Clock(asked.runs, asked.patience), {*asked.only}, {*asked.skip}):
        print(line(row), flush=True)
        done.append(row)
    if asked.json:
        there = json.loads(asked.json.read_text())["rows"] if asked.json.exists() else []
        fresh = {row.data for row in done}
        kept = [row for row in there if row["data"] not in fresh] + [asdict(row) for row in done]
        about = {"python": platform.python_version(), "numpy": np.__version__, "shapely": shapely.__version__}
        asked.json.parent.mkdir(exist_ok=True)
        asked.json.write_text(json.dumps({**about, "rows": kept}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
