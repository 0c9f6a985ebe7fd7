"""How well change is told from noise: every set and every baseline in one run, one table each.

``python benchmarks/accuracy.py`` (all sets; ``--quick`` for a fifth of the disputes, ``--set`` for one). The base map
is the 1:10m world in the project's own recorded history; the sets ``generalisation`` and ``labels`` need the evaluation
data (``BORDERWATCH_SHARED``) and are left out, saying so, where it is absent.

Frozen before scoring: the split of disputes (by the hash of the slug) and of operators, the seeds, the levels.
Baselines get the threshold that is best on the development half; borderwatch is taken as it is, on the same rows.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from borderwatch import geometry as geo  # noqa: E402
from borderwatch import sources, twofiles  # noqa: E402
from borderwatch.diff import compare  # noqa: E402
from borderwatch.diff.ownership import both  # noqa: E402
from borderwatch.diff.series import redrawn  # noqa: E402
from borderwatch.disputes import catalogue  # noqa: E402
from borderwatch.models import Coverage, Dispute, DisputeType, Feature, Kind, Significance, Verdict, View  # noqa: E402
from borderwatch.observe import Observer, ground, world_from_snapshot  # noqa: E402
from borderwatch.scene import Ground, Scene, World  # noqa: E402
from borderwatch.snapshots import Snapshots  # noqa: E402
from tests import strategies as made  # noqa: E402
from tests.strategies import Drawing  # noqa: E402

BASE = View("natural_earth_de", "DE")
LEVELS_KM = (0.3, 1.0, 3.0)
# Operators a rule may be tuned on, and those it may not be.
TUNED, HELD_OUT = ("simplified", "shifted", "gridded"), ("redigitised", "simplified_apart", "traced", "combined")
OPERATORS: Mapping[str, Callable[[Drawing, float, np.random.Generator], Drawing]] = {
    name: getattr(made, name) for name in (*TUNED, *HELD_OUT)
}
GROUND = (Kind.TRANSFER, Kind.OVERLAP, Kind.APPEARED, Kind.DISAPPEARED)
METHODS = (
    "borderwatch",
    "bytes differ",
    "not topologically equal",
    "symmetric difference, km2",
    "1 - IoU",
    "Hausdorff, km",
    "inscribed radius, km",
)


# --- trials ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """What was really done to a map."""

    loser: str
    gainer: str
    place: BaseGeometry


@dataclass(frozen=True)
class Trial:
    """One comparison with what is known of it and what every method says."""

    dispute: str
    operator: str
    real: bool
    scores: Mapping[str, float]
    told: bool
    right: bool
    verdict: str
    held_out: bool = False


def held_out(slug: str) -> bool:
    """Half of the disputes, by the hash of the slug: no rule may be tuned on them."""
    return hashlib.sha256(slug.encode()).digest()[0] % 2 == 1


def tried(before: Drawing, after: Drawing, about: Dispute, operator: str, event: Event | None) -> Trial:
    """Compare two drawings of one dispute by every method."""
    observer = Observer([about])
    old, new = (made.world([_feature(c, g) for c, g in d], n, km=1.0) for n, d in enumerate((before, after)))
    a, b = observer.scenes(old)[about.slug], observer.scenes(new)[about.slug]
    outcome = compare.scenes(a, b, redrawn=redrawn(old, new))
    found = [f for f in outcome.findings if f.kind in GROUND]
    solid = [f for f in found if f.significance is Significance.SUBSTANTIVE]
    right = event is not None and any(
        (f.loser, f.gainer) == (event.loser, event.gainer)
        and f.geometry is not None
        and _iou(f.geometry, event.place) >= 0.5
        for f in solid
    )
    ours = max(((f.inradius_km or 0.0) / (f.limit_km or 1.0) for f in found), default=0.0)
    verdict = outcome.comparison.verdict.value
    scores = {"borderwatch": ours, **baselines(a, b)}
    return Trial(about.slug, operator, event is not None, scores, bool(solid), right, verdict, held_out(about.slug))


def _feature(code: str, place: BaseGeometry) -> Feature:
    return Feature(place, owner=code)


def _iou(a: BaseGeometry, b: BaseGeometry) -> float:
    common, one, other = geo.areas_km2([both(a, b), a, b])
    return float(common / max(one + other - common, 1e-9))


def baselines(a: Scene, b: Scene) -> dict[str, float]:
    """What others look at, on the same ground: the largest value over the owners."""
    plane = geo.Plane.around(a.ground.window)
    old, new = (
        {
            o: geo.repair_quietly(plane.project(p))
            for o, g in s.by_owner.items()
            if not (p := both(g, a.ground.area)).is_empty
        }
        for s in (a, b)
    )
    area, unlike, apart, thick, equal = 0.0, 0.0, 0.0, 0.0, True
    for owner in old.keys() | new.keys():
        one, other = old.get(owner, geo.EMPTY), new.get(owner, geo.EMPTY)
        difference = geo.polygonal(shapely.symmetric_difference(one, other, grid_size=1e-6))
        equal = equal and bool(one.equals(other))
        area = max(area, difference.area)
        unlike = max(unlike, difference.area / max(one.union(other).area, 1e-9))
        apart = max(apart, _hausdorff(one, other))
        thick = max(thick, _inradius(difference))
    values = (float(a.areas_key != b.areas_key), float(not equal), area, unlike, apart, thick)
    return dict(zip(METHODS[1:], values, strict=True))


def _hausdorff(one: BaseGeometry, other: BaseGeometry) -> float:
    if one.is_empty or other.is_empty:
        return 0.0 if one.is_empty and other.is_empty else 1e3
    there = geo.distances_km(shapely.get_coordinates(one.segmentize(1.0)), other.boundary)
    back = geo.distances_km(shapely.get_coordinates(other.segmentize(1.0)), one.boundary)
    return float(max(there.max(), back.max()))


def _inradius(area: BaseGeometry) -> float:
    best = 0.0
    for part in sorted(shapely.get_parts(area), key=lambda p: -p.area):
        if (part.area / np.pi) ** 0.5 <= best:
            break
        tolerance = max(part.area**0.5 / 100, 1e-3)
        best = max(best, float(shapely.maximum_inscribed_circle(part, tolerance=tolerance).length))
    return best


# --- maps to try on ------------------------------------------------------------------------------------------------


def base_world() -> World:
    """The 1:10m world of the recorded history."""
    store = Snapshots(ROOT / "snapshots")
    capture = store.latest(BASE)
    if capture is None:
        raise SystemExit(f"no capture of {BASE} in {ROOT / 'snapshots'}: run borderwatch backfill {BASE.source}")
    return world_from_snapshot(sources.find()[BASE.source], store.open(capture))


def around(world: World, here: Ground) -> Drawing:
    """What a world draws in and well around a dispute's window, one feature an owner."""
    west, south, east, north = here.window
    box = (west - 1.0, max(south - 1.0, -90.0), east + 1.0, min(north + 1.0, 90.0))
    pieces = [
        (p.owner, geo.clip(p.geometry, box))
        for i in np.sort(world.tree.query(shapely.box(*box)))
        if (p := world.painted[int(i)]).owner
    ]
    return made.dissolved(tuple((owner, g) for owner, g in pieces if not g.is_empty))


def event_on(drawing: Drawing, about: Dispute, here: Ground, radius_km: float | None) -> Event | None:
    """The ground of a dispute, or a disk on it, handed by who has most of it to another; None where it does not fit."""
    share = {o: geo.polygonal(both(g, here.area)) for o, g in drawing}
    loser = max(share, key=lambda o: geo.area_km2(share[o]), default="")
    others = [c for c in about.claimants if c != loser and len(c) == 2] + [o for o in sorted(share) if o != loser]
    if not loser or share[loser].is_empty or not others:
        return None
    place = share[loser]
    if radius_km is not None:
        part = max(shapely.get_parts(place), key=lambda p: p.area)
        plane = geo.Plane.around(here.window)
        circle = shapely.maximum_inscribed_circle(plane.project(part), tolerance=0.05)
        if circle.length < radius_km:
            return None
        place = plane.unproject(shapely.Point(circle.coords[0]).buffer(radius_km))
    if geo.inradius_km(place, geo.Plane.around(here.window)) < 1.0:
        return None
    return Event(loser, others[0], place)


def usable(world: World, disputes: Iterable[Dispute]) -> list[Dispute]:
    """The disputes this world can say something about."""
    observer = Observer(disputes)
    shown = {s for s, scene in observer.scenes(world).items() if scene.depiction.coverage is Coverage.SHOWN}
    territory = (DisputeType.TERRITORY, DisputeType.BORDER)
    return [g.dispute for g in observer.grounds if g.dispute.slug in shown and g.dispute.type in territory]


# --- the sets ------------------------------------------------------------------------------------------------------


def battery() -> dict[str, Callable[[Drawing, np.random.Generator], Drawing]]:
    """Thirty ways to get the same map with other bytes: none is a change."""
    variants: dict[str, Callable[[Drawing, np.random.Generator], Drawing]] = {}
    for name, rewrite in made.REWRITES.items():
        variants[name] = lambda d, _, rewrite=rewrite: rewrite(d)
    for places in (6, 5, 4):
        variants[f"{places} decimals"] = lambda d, _, places=places: _rounded(d, places)
    variants["through Web Mercator in whole metres"] = lambda d, _: _through_mercator(d)
    for name, levels in (
        ("simplified", (0.1, 0.5, 2.0)),
        ("simplified_apart", (0.1, 0.5)),
        ("shifted", (0.05, 0.3, 1.0)),
        ("gridded", (0.1, 1.0)),
        ("redigitised", (0.3, 1.0)),
        ("traced", (0.5,)),
    ):
        for km in levels:
            variants[f"{name} {km:g} km"] = lambda d, rng, f=OPERATORS[name], km=km: f(d, km, rng)
    return variants


def _rounded(drawing: Drawing, places: int) -> Drawing:
    shaken = made.each(drawing, lambda g: geo.repair_quietly(shapely.transform(g, lambda xy: np.round(xy, places))))
    return tuple((code, g) for code, g in shaken if not g.is_empty)


def _through_mercator(drawing: Drawing) -> Drawing:
    radius = 6378137.0

    def there_and_back(xy: np.ndarray) -> np.ndarray:
        x, y = np.radians(xy[:, 0]) * radius, np.arctanh(np.sin(np.radians(np.clip(xy[:, 1], -89, 89)))) * radius
        lat = np.degrees(2 * np.arctan(np.exp(np.round(y) / radius)) - np.pi / 2)
        return np.column_stack([np.degrees(np.round(x) / radius), lat])

    moved = made.each(drawing, lambda g: geo.repair_quietly(shapely.transform(g, there_and_back)))
    return tuple((code, g) for code, g in moved if not g.is_empty)


def battery_of(about: Dispute, world: World) -> list[Trial]:
    """Every no-change variant of one dispute."""
    drawing = around(world, ground(about))
    trials = []
    for number, (name, variant) in enumerate(battery().items()):
        after = variant(drawing, np.random.default_rng(number))
        trials.append(tried(drawing, after, about, name, None))
    return trials


def synthetic_of(about: Dispute, world: World) -> list[Trial]:
    """Noise by every operator at every level, with and without a change, where the dispute can be resolved."""
    here = ground(about)
    drawing = around(world, here)
    trials = []
    for number, (name, operator) in enumerate(OPERATORS.items()):
        for level in LEVELS_KM:
            if here.inradius_km <= max(2 * level, 1.0):
                continue
            rng = np.random.default_rng([number, int(level * 10)])
            radius = max(rng.uniform(4.0, 8.0) * level, 2.0)
            noisy = operator(drawing, level, rng)
            trials.append(tried(drawing, noisy, about, name, None))
            for event in (event_on(drawing, about, here, None), event_on(drawing, about, here, radius)):
                if event is not None:
                    after = made.handed(noisy, event.place, event.gainer)
                    trials.append(tried(drawing, after, about, name, event))
    return trials


def generalisation_of(about: Dispute, pair: tuple[World, World]) -> list[Trial]:
    """One edition at two scales, as it is and with the dispute's ground handed over at the coarser."""
    here = ground(about)
    fine, coarse = (around(world, here) for world in pair)
    trials = [tried(fine, coarse, about, "10m to 50m", None), tried(coarse, fine, about, "50m to 10m", None)]
    event = event_on(coarse, about, here, None)
    if event is not None:
        after = made.handed(coarse, event.place, event.gainer)
        trials.append(tried(fine, after, about, "10m to 50m", event))
        back = replace(event, loser=event.gainer, gainer=event.loser)
        trials.append(tried(after, fine, about, "50m to 10m", back))
    return trials


def shared() -> Path | None:
    """The evaluation data, where there is any."""
    path = Path(os.environ.get("BORDERWATCH_SHARED") or ROOT.parent / "shared") / "data"
    return path if path.is_dir() else None


def scales(data: Path) -> tuple[World, World]:
    """Natural Earth 4.1 at 1:10m (in windows) and at 1:50m (cut to the same windows)."""
    fine, coarse = (
        twofiles.world_from_file(data / "derived" / folder / "ne4.1_2018.geojson", n, insist=None, resolution_km=km)
        for n, (folder, km) in enumerate((("ne_10m_countries_windows", 1.0), ("ne_50m_countries", 4.5)))
    )
    windows = geo.union(
        [shapely.box(*f.bounds) for f in shapely.from_geojson((data / "windows.geojson").read_text()).geoms]
    )
    cut = [
        replace(p, geometry=g) for p in coarse.painted if not (g := geo.polygonal(both(p.geometry, windows))).is_empty
    ]
    return fine, replace(coarse, painted=tuple(cut))


# --- scoring -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """How one method does on one set."""

    method: str
    trials: int
    precision: float
    recall: float
    f1: float
    spread: tuple[float, float]
    recall_at_1: float
    false_per_1000: float
    owners: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


def scored(trials: Sequence[Trial], tuning: Sequence[Trial], method: str) -> Score:
    """One method on ``trials``; a baseline's threshold is fitted on ``tuning``."""
    threshold = 0.0 if method == "borderwatch" else _best_threshold(tuning, method)

    def told(t: Trial) -> bool:
        return t.told if method == "borderwatch" else t.scores[method] > threshold

    positives, negatives = [t for t in trials if t.real], [t for t in trials if not t.real]
    # A hit of ours needs both owners, the direction and the place; a baseline cannot say either, and is let off.
    hits = [t for t in positives if (t.right if method == "borderwatch" else told(t))]
    false = [t for t in negatives if told(t)]
    precision, recall, f1 = _rates(len(hits), len(false), len(positives))
    limit = _quantile([t.scores[method] for t in tuning if not t.real], 0.99)
    caught = [t for t in positives if t.scores[method] > limit]
    return Score(
        method,
        len(trials),
        precision,
        recall,
        f1,
        _bootstrap(positives, negatives, {id(t) for t in hits}, {id(t) for t in false}),
        len(caught) / max(len(positives), 1),
        1000 * len(false) / max(len(negatives), 1),
        len(hits) / max(sum(t.told for t in positives), 1) if method == "borderwatch" and positives else None,
    )


def _rates(hits: int, false: int, real: int) -> tuple[float, float, float]:
    precision = hits / (hits + false) if hits + false else 0.0
    recall = hits / real if real else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _quantile(values: Sequence[float], q: float) -> float:
    return float(np.quantile(values, q)) if values else 0.0


def _best_threshold(trials: Sequence[Trial], method: str) -> float:
    values = np.array([t.scores[method] for t in trials])
    real = np.array([t.real for t in trials])
    if not real.any():
        return 1e-3  # no change to fit on: what is off the shelf flags any difference above a metre
    candidates = np.unique(np.quantile(values, np.linspace(0, 1, 200)))
    best = max(
        candidates, key=lambda c: _rates(int((values[real] > c).sum()), int((values[~real] > c).sum()), real.sum())[2]
    )
    return float(best)


def _bootstrap(
    positives: Sequence[Trial], negatives: Sequence[Trial], hits: set[int], false: set[int]
) -> tuple[float, float]:
    """The middle 95 % of F1 when disputes are drawn anew."""
    slugs = sorted({t.dispute for t in (*positives, *negatives)})
    count = {slug: [0, 0, 0] for slug in slugs}
    for t in positives:
        count[t.dispute][0] += id(t) in hits
        count[t.dispute][2] += 1
    for t in negatives:
        count[t.dispute][1] += id(t) in false
    table = np.array([count[s] for s in slugs])
    rng = np.random.default_rng(0)
    values = [_rates(*map(int, table[rng.integers(0, len(slugs), len(slugs))].sum(axis=0)))[2] for _ in range(500)]
    return _quantile(values, 0.025), _quantile(values, 0.975)


def table(title: str, trials: Sequence[Trial], tuning: Sequence[Trial]) -> str:
    """One set as a table in Markdown."""
    disputes = len({t.dispute for t in trials})
    unable = sum(t.verdict == Verdict.NOT_RESOLVABLE.value for t in trials)
    lines = [
        f"### {title}",
        "",
        f"{len(trials):,} comparisons, {disputes} disputes, {sum(t.real for t in trials):,} with a real change; "
        f"answered not resolvable: {unable:,}, of them with a real change: "
        f"{sum(t.real for t in trials if t.verdict == Verdict.NOT_RESOLVABLE.value):,}.",
        "",
        "| method | precision | recall | F1 (95 %) | recall at 1 % | false per 1,000 | owners and place right |",
        "|---|---|---|---|---|---|---|",
    ]
    for method in METHODS:
        s = scored(trials, tuning, method)
        owners = "" if s.owners is None else f"{s.owners:.3f}"
        if any(t.real for t in trials):
            lines.append(
                f"| {method} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} ({s.spread[0]:.3f}-{s.spread[1]:.3f}) "
                f"| {s.recall_at_1:.3f} | {s.false_per_1000:.1f} | {owners} |"
            )
        else:
            lines.append(f"| {method} | | | | | {s.false_per_1000:.1f} | |")
    return "\n".join(lines)


# --- the run --------------------------------------------------------------------------------------------------------

_WORLDS: dict[str, World | tuple[World, World]] = {}


def _job(job: tuple[str, str]) -> list[Trial]:
    name, slug = job
    about, world = catalogue().get(slug), _WORLDS[name]
    if name == "generalisation":
        return generalisation_of(about, world)  # type: ignore[arg-type]
    return (battery_of if name == "battery" else synthetic_of)(about, world)  # type: ignore[arg-type]


def run(names: Sequence[str], *, quick: bool, jobs: int) -> None:
    """Score the sets named and print their tables."""
    data = shared()
    disputes = list(catalogue())
    work: list[tuple[str, str]] = []
    for name in names:
        if name == "generalisation":
            if data is None:
                print("generalisation: left out, no evaluation data\n")
                continue
            _WORLDS[name] = pair = scales(data)
            chosen = [d for d in usable(pair[1], disputes) if d in usable(pair[0], disputes)]
        else:
            _WORLDS[name] = world = base_world()
            chosen = usable(world, disputes)
        if quick:
            chosen = chosen[::5]
        work += [(name, d.slug) for d in chosen]
    start = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        found = pool.map(_job, work, chunksize=1)
    for name in names:
        trials = [t for (n, _), ts in zip(work, found, strict=True) if n == name for t in ts]
        if not trials:
            continue
        if name == "synthetic":
            tuning = [t for t in trials if not t.held_out and t.operator in TUNED]
            held = [t for t in trials if t.held_out and t.operator in HELD_OUT]
            print(table("Synthetic, disputes and operators held out", held, tuning), "\n")
            print(table("Synthetic, tuning half", tuning, tuning), "\n")
        elif name == "generalisation":
            tuning = [t for t in trials if not t.held_out]
            print(table("Natural generalisation, 1:10m and 1:50m", trials, tuning), "\n")
        else:
            print(table("No change by construction", trials, trials), "\n")
            _blame(trials)
    print(f"{sum(map(len, found)):,} comparisons in {time.perf_counter() - start:.0f} s with {jobs} processes")


def _blame(trials: Sequence[Trial]) -> None:
    """Which variants and disputes gave false alarms."""
    false = [f"{t.operator} on {t.dispute}" for t in trials if t.told and not t.real]
    print(f"false alarms of borderwatch: {len(false)}", *sorted(false)[:40], sep="\n  ")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=["battery", "synthetic", "generalisation"], dest="names")
    parser.add_argument("--quick", action="store_true", help="a fifth of the disputes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    run(options.names or ["battery", "synthetic", "generalisation"], quick=options.quick, jobs=options.jobs)


if __name__ == "__main__":
    main()
