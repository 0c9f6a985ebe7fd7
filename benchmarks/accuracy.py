"""How well change is told from noise: every set and every baseline in one run.

``python benchmarks/accuracy.py`` scores all sets with what ``frozen.json`` holds and writes ``results/accuracy.json``,
of which ``docs/accuracy.md`` is made; ``--every N`` takes one dispute of N (the page says so), ``--set NAME`` runs some
sets and keeps nothing. ``--freeze`` fits the baselines on the development half of the disputes and writes
``frozen.json``; borderwatch has no threshold of its own here: it is taken as it is. The base map is the 1:10m world in
the project's own recorded history; sets that need the evaluation data (``BORDERWATCH_SHARED``) are left out, saying so,
where it is absent.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import drawings  # noqa: E402
import scoring  # noqa: E402
from trials import Trial  # noqa: E402

from borderwatch import twofiles  # noqa: E402
from borderwatch.diff import noise, ownership  # noqa: E402
from borderwatch.disputes import catalogue  # noqa: E402
from borderwatch.observe import ground  # noqa: E402
from tests import documented  # noqa: E402

FROZEN, RESULTS = HERE / "frozen.json", HERE / "results" / "accuracy.json"
TITLES = {
    "synthetic": "Synthetic noise and change, disputes and operators held out",
    "generalisation": "Natural generalisation, Natural Earth 1:10m and 1:50m, disputes held out",
    "vendors": "One ground, two vendors, disputes held out",
    "battery": "No change by construction",
}
SETS = (*TITLES, "limit", "documented")
# Every so many pairs of vendors: a fifth of 105 pairs is enough to tell, and a run stays under half an hour.
EVERY_PAIR = 5
# A curve of eight points over this many disputes is smooth enough.
EVERY_LIMIT = 4
# Sets of so few comparisons that every dispute is taken.
FEW = ("generalisation", "limit")


def is_held_out(slug: str) -> bool:
    """Half of the disputes, by the hash of the slug."""
    return hashlib.sha256(slug.encode()).digest()[0] % 2 == 1


def constants() -> dict[str, float]:
    """The thresholds of borderwatch itself that scoring hangs on."""
    return {
        "noise.RATIO": noise.RATIO,
        "noise.STEP": noise.STEP,
        "noise.QUANTILE": noise.QUANTILE,
        "noise.SAME_KM": noise.SAME_KM,
        "noise.COMPACT": noise.COMPACT,
        "noise.BESIDE": noise.BESIDE,
        "noise.ALL_LEFT": noise.ALL_LEFT,
        "noise.THICK": noise.THICK,
        "ownership.MOSTLY": ownership.MOSTLY,
        "ownership.MINOR_FRACTION": ownership.MINOR_FRACTION,
        "ownership.MINOR_SHARE": ownership.MINOR_SHARE,
        "ownership.EDGE_SHARE": ownership.EDGE_SHARE,
        "ownership.COARSE_SHARE": ownership.COARSE_SHARE,
        "ownership.KEPT": ownership.KEPT,
        "ownership.ISLAND": ownership.ISLAND,
        "ownership.SURE": ownership.SURE,
    }


def split() -> dict[str, Any]:
    """Which disputes, operators and levels are held out, and the constants scored."""
    slugs = sorted(d.slug for d in catalogue())
    return {
        "development": [s for s in slugs if not is_held_out(s)],
        "held_out": [s for s in slugs if is_held_out(s)],
        "operators_tuned": list(drawings.TUNED),
        "operators_held_out": list(drawings.HELD_OUT),
        "levels_km": list(drawings.LEVELS_KM),
        "constants": constants(),
    }


# --- one job a dispute or a pair ------------------------------------------------------------------------------------

_READY: dict[str, Any] = {}


def _job(job: tuple[str, str]) -> tuple[str, list[Trial]]:
    name, what = job
    if name == "vendors":
        one, other = what.split("|")
        return name, drawings.pair_of(_READY[name][int(one)], _READY[name][int(other)])
    about = catalogue().get(what)
    if name == "synthetic":
        return name, drawings.synthetic_of(about, _READY[name], _READY["operators"])
    made = {
        "battery": drawings.battery_of,
        "limit": drawings.limit_of,
        "generalisation": drawings.generalisation_of,
    }[name]
    return name, made(about, _READY[name])


def jobs(names: Sequence[str], *, every: int, frozen: bool) -> list[tuple[str, str]]:
    """What is to be compared; the worlds it needs are read. ``frozen`` takes the held-out half, else development."""
    data = drawings.shared()
    _READY["operators"] = drawings.HELD_OUT if frozen else drawings.TUNED
    work: list[tuple[str, str]] = []
    for name in names:
        if name in ("generalisation", "documented") and data is None:
            print(f"{name}: left out, no evaluation data")
            continue
        if name == "documented":
            continue
        if name == "vendors":
            of_half = [d for d in drawings.watched() if is_held_out(d.slug) is frozen]
            _READY[name] = drawings.vendors(of_half, data)
            pairs = list(combinations(range(len(_READY[name])), 2))[::EVERY_PAIR]
            work += [(name, f"{one}|{other}") for one, other in pairs]
            continue
        everything = list(catalogue())
        if name == "generalisation":
            _READY[name] = pair = drawings.scales(data)  # type: ignore[arg-type]
            both = [{d.slug for d in drawings.usable(world, everything)} for world in pair]
            slugs = sorted(both[0] & both[1])
        else:
            _READY[name] = world = drawings.base_world()
            found = (
                [d for d in everything if not ground(d).name_only]
                if name == "battery"
                else drawings.usable(world, everything)
            )
            slugs = [d.slug for d in found]
        if name != "battery":
            slugs = [s for s in slugs if is_held_out(s) is frozen]
        if name == "limit":
            slugs = slugs[::EVERY_LIMIT]
        work += [(name, s) for s in (slugs if name in FEW else slugs[::every])]
    return work


def run(work: Sequence[tuple[str, str]], processes: int) -> dict[str, list[Trial]]:
    """Compare everything; trials by set."""
    found: dict[str, list[Trial]] = {}
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for name, trials in pool.imap_unordered(_job, work, chunksize=1):
            found.setdefault(name, []).extend(trials)
    return found


def documented_record(data: Path) -> dict[str, Any]:
    """Every row of the labels against a comparison of its two files, and what no row accounts for."""
    rows: list[dict[str, Any]] = []
    invented: list[tuple[str, str | None, str | None, str | None]] = []
    seen: dict[tuple[Path, Path], twofiles.Compared] = {}
    for label in documented.labels():
        folder = data / label.source
        pair = (folder / label.before / label.file, folder / label.after / label.file)
        if pair not in seen:
            seen[pair] = twofiles.compare(*pair)
            name = f"{label.source}/{label.after}"
            invented += [(name, *t) for t in documented.invented(name, seen[pair])]
        rows.append({"row": label.key, "right": documented.told_right(label, seen[pair])})
    return {
        "rows": len(rows),
        "right": sum(r["right"] for r in rows),
        "wrong": [r["row"] for r in rows if not r["right"]],
        "argued": sorted(documented.ARGUED),
        "pairs": len(seen),
        "invented": invented,
    }


# --- the command ------------------------------------------------------------------------------------------------------


def freeze(every: int, processes: int) -> None:
    """Fit the baselines on the development half and write ``frozen.json``."""
    found = run(jobs(["synthetic", "generalisation", "vendors"], every=every, frozen=False), processes)
    thresholds = {name: scoring.fitted(trials) for name, trials in found.items()}
    FROZEN.write_text(json.dumps({**split(), "thresholds": thresholds}, indent=1) + "\n")
    print(f"wrote {FROZEN}")


def score(names: Sequence[str], *, every: int, processes: int) -> dict[str, Any]:
    """Score the sets named with the frozen split and thresholds; prints their tables."""
    frozen: Mapping[str, Any] = json.loads(FROZEN.read_text())
    fresh = {k: v for k, v in split().items() if frozen[k] != v}
    if fresh:
        raise SystemExit(f"not as frozen: {', '.join(fresh)}; run --freeze, commit it, then score")
    start = time.perf_counter()
    found = run(jobs(names, every=every, frozen=True), processes)
    record: dict[str, Any] = {}
    for name in names:
        trials = found.get(name, [])
        if name in TITLES and trials:
            record[name] = scoring.set_record(trials, frozen["thresholds"].get(name, {}))
            print(f"### {TITLES[name]}\n\n{scoring.table(record[name])}\n")
            print("false alarms:", *record[name]["false_alarms"][:20], sep="\n  ")
            print("missed:", *record[name]["missed"][:20], "", sep="\n  ")
        elif name == "limit" and trials:
            record[name] = scoring.limit_record(trials)
            print(f"### Detection limit\n\n{json.dumps(record[name])}\n")
        elif name == "documented" and (data := drawings.shared()) is not None:
            record[name] = documented_record(data)
            print(f"### Documented changes\n\n{json.dumps(record[name], indent=1)}\n")
    record["seconds"] = round(time.perf_counter() - start)
    record["processes"] = processes
    record["every"] = every
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS, dest="names")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one dispute of N")
    parser.add_argument("--freeze", action="store_true", help="fit the baselines on the development half")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.freeze:
        freeze(options.every, options.jobs)
        return
    record = score(options.names or SETS, every=options.every, processes=options.jobs)
    if not options.names:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        print(f"wrote {RESULTS}")


if __name__ == "__main__":
    main()
