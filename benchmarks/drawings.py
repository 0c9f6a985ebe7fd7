"""The maps the accuracy benchmark tries: noise without change, noise with change, scales, vendors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from trials import ROOT, Event, Trial, coarsened, judged, tried

from borderwatch import geometry as geo
from borderwatch import sources
from borderwatch.diff.ownership import both
from borderwatch.diff.series import redrawn
from borderwatch.disputes import catalogue
from borderwatch.mapfile import MapFile
from borderwatch.models import Coverage, Dispute, DisputeType, Role, View
from borderwatch.observe import Observer, ground, world_from_snapshot
from borderwatch.scene import Ground, Scene, World
from borderwatch.snapshots import Snapshots
from tests import strategies as made
from tests.strategies import Drawing

BASE = View("natural_earth_de", "DE")
LEVELS_KM = (0.3, 1.0, 3.0, 10.0)
# Operators a rule may be tuned on, and those it may not be.
TUNED, HELD_OUT = ("simplified", "shifted", "gridded"), ("redigitised", "simplified_apart", "traced", "combined")
OPERATORS: Mapping[str, Callable[[Drawing, float, np.random.Generator], Drawing]] = {
    name: getattr(made, name) for name in (*TUNED, *HELD_OUT)
}


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
    box = (west - 1.0, max(south - 1.0, -89.5), east + 1.0, min(north + 1.0, 89.5))  # noise must not pass the pole
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
    """The disputes of ground this world can say something about."""
    return [
        d for d in drawn(world, disputes, {Coverage.SHOWN}) if d.type in (DisputeType.TERRITORY, DisputeType.BORDER)
    ]


def drawn(world: World, disputes: Iterable[Dispute], coverages: set[Coverage]) -> list[Dispute]:
    """The disputes whose ground this world draws so well."""
    observer = Observer(disputes)
    shown = {s for s, scene in observer.scenes(world).items() if scene.depiction.coverage in coverages}
    return [g.dispute for g in observer.grounds if g.dispute.slug in shown and not g.name_only]


# --- no change by construction ----------------------------------------------------------------------------------


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
    """Every no-change variant of one dispute; what the world does not draw (seas, islets) is drawn for a claimant."""
    drawing = around(world, ground(about))
    if not drawn(world, [about], {Coverage.SHOWN, Coverage.NOT_RESOLVABLE}):
        drawing = made.handed(drawing, ground(about).area, about.claimants[0])
    trials = []
    for number, (name, variant) in enumerate(battery().items()):
        after = variant(drawing, np.random.default_rng(number))
        finest = coarsened(world.resolution_km, drawing, after)
        trials.append(tried(drawing, after, about, name, None, finest=finest))
    return trials


# --- noise with and without change ------------------------------------------------------------------------------


def synthetic_of(about: Dispute, world: World, operators: Iterable[str]) -> list[Trial]:
    """Noise by operators at every level, with and without a change, where the dispute can be resolved."""
    here = ground(about)
    drawing = around(world, here)
    trials = []
    for number, (name, operator) in enumerate(OPERATORS.items()):
        for level in LEVELS_KM if name in operators else ():
            if here.inradius_km <= max(2 * level, 1.0):
                continue
            rng = np.random.default_rng([number, int(level * 10)])
            radius = max(rng.uniform(4.0, 8.0) * level, 2.0)
            noisy = operator(drawing, level, rng)
            finest = coarsened(world.resolution_km, drawing, noisy)
            trials.append(tried(drawing, noisy, about, name, None, level, finest=finest))
            for event in (event_on(drawing, about, here, None), event_on(drawing, about, here, radius)):
                if event is not None:
                    after = made.handed(noisy, event.place, event.gainer)
                    trials.append(tried(drawing, after, about, name, event, level, finest=finest))
    return trials


LIMIT_NOISE_KM, LIMIT_RADII = 1.0, (1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)


def limit_of(about: Dispute, world: World) -> list[Trial]:
    """Disks of growing radius (in noise levels) handed over on a map drawn anew: where detection begins."""
    here = ground(about)
    drawing = around(world, here)
    trials = []
    for number, name in enumerate(("redigitised", "simplified_apart")):
        noisy = OPERATORS[name](drawing, LIMIT_NOISE_KM, np.random.default_rng(number))
        for radius in LIMIT_RADII:
            event = event_on(drawing, about, here, radius * LIMIT_NOISE_KM)
            if event is not None:
                after = made.handed(noisy, event.place, event.gainer)
                old, new = (made.world(d, n, km=0.1) for n, d in enumerate((drawing, after)))
                a, b = (Observer([about]).scenes(w)[about.slug] for w in (old, new))
                trials.append(judged(a, b, name, event, anew=redrawn(old, new), size=radius, measured=False))
    return trials


# --- one edition at two scales ------------------------------------------------------------------------------------


def generalisation_of(about: Dispute, pair: tuple[World, World]) -> list[Trial]:
    """One edition at two scales, as it is and with the dispute's ground handed over at the coarser."""
    here = ground(about)
    fine, coarse = (around(world, here) for world in pair)
    down = (pair[0].resolution_km, pair[1].resolution_km)
    up = (down[1], down[0])
    trials = [
        tried(fine, coarse, about, "10m to 50m", None, finest=down),
        tried(coarse, fine, about, "50m to 10m", None, finest=up),
    ]
    event = event_on(coarse, about, here, None)
    if event is not None:
        after = made.handed(coarse, event.place, event.gainer)
        trials.append(tried(fine, after, about, "10m to 50m", event, finest=down))
        back = replace(event, loser=event.gainer, gainer=event.loser)
        trials.append(tried(after, fine, about, "50m to 10m", back, finest=up))
    return trials


def shared() -> Path | None:
    """The evaluation data, where there is any."""
    path = Path(os.environ.get("BORDERWATCH_SHARED") or ROOT.parent / "shared") / "data"
    return path if path.is_dir() else None


def scales(data: Path) -> tuple[World, World]:
    """Natural Earth 4.1 at 1:10m (in windows) and at 1:50m (cut to the same windows)."""
    fine, coarse = (
        MapFile(data / "derived" / folder / "ne4.1_2018.geojson").world(n, resolution_km=km)
        for n, (folder, km) in enumerate((("ne_10m_countries_windows", 1.0), ("ne_50m_countries", 4.5)))
    )
    windows = geo.union(
        [shapely.box(*f.bounds) for f in shapely.from_geojson((data / "windows.geojson").read_text()).geoms]
    )
    cut = [
        replace(p, geometry=g) for p in coarse.painted if not (g := geo.polygonal(both(p.geometry, windows))).is_empty
    ]
    return fine, replace(coarse, painted=tuple(cut))


# --- one ground, two vendors --------------------------------------------------------------------------------------

# One recorded view of every vendor and scale, the newest capture of each.
VENDORS = (
    ("world_atlas", "110m"),
    ("world_atlas", "50m"),
    ("world_atlas", "10m"),
    ("plotly", "50m"),
    ("echarts", "world"),
    ("surbowl_zh", ""),
    ("natural_earth_de", ""),
    ("country_coder", ""),
)
# And of the evaluation data.
FILES = (
    "johan_world_geo_json/2016-06-07_714f3ef/countries.geo.json",
    "owid_map_topology/2015-09-17_dcb0708/MapTopology.topojson",
    "owid_map_topology/2018-08-03_24176e7/MapTopology.topojson",
    "google_datacommons/2023-09-14_9b4300f/geoJsonCoordinates__earth_country_dp13.json",
    "google_datacommons/2023-09-14_e25b08e/geoJsonCoordinatesUN__earth_country_dp13.json",
    "wri_bounds/2016-11-24_e1bffe7/cn_countries.min.geojson",
    "wri_bounds/2016-11-24_e1bffe7/in_countries.min.geojson",
)
POINTS = 150
CORE = 0.25
"""Points are taken this share of a ground's thickness inside its edge, where no outline reaches."""
HELD = 0.8


@dataclass(frozen=True)
class Vendor:
    """A vendor's map: its scenes, and who holds the core of each ground, by points, apart from all comparing."""

    name: str
    world: World
    scenes: Mapping[str, Scene]
    holders: Mapping[str, str | None]


def vendors(disputes: Iterable[Dispute], data: Path | None) -> list[Vendor]:
    """Every vendor's map there is here."""
    store, known = Snapshots(ROOT / "snapshots"), sources.find()
    worlds: dict[str, World] = {}
    for name, layer in VENDORS:
        view = next(v for v in known[name].views() if v.layer == layer)
        capture = store.latest(view)
        if capture is not None:
            worlds[str(view)] = world_from_snapshot(known[name], store.open(capture))
    for file in [data / name for name in FILES] if data else []:
        worlds[f"{file.parts[-3]} {file.stem}"] = MapFile(file).world(0)
    observer = Observer(disputes)
    places = {g.dispute.slug: core_points(g) for g in observer.grounds}
    found = []
    for name, world in worlds.items():
        holders = {slug: holder(world, xy) for slug, xy in places.items()}
        found.append(Vendor(name, world, observer.scenes(world), holders))
    return found


def core_points(here: Ground) -> np.ndarray:
    """Points well inside a ground, degrees, the same in every run."""
    plane = geo.Plane.around(here.window)
    flat = geo.repair_quietly(plane.project(here.area))
    core = flat.buffer(-CORE * here.inradius_km)
    rng = np.random.default_rng(1)
    points: list[np.ndarray] = []
    while sum(map(len, points)) < POINTS:
        some = rng.uniform(core.bounds[:2], core.bounds[2:], (4 * POINTS, 2))
        points.append(some[shapely.contains_xy(core, some)])
    return shapely.get_coordinates(plane.unproject(shapely.MultiPoint(np.concatenate(points)[:POINTS])))


def holder(world: World, xy: np.ndarray) -> str | None:
    """Who alone holds most of some points; ``?~`` where nobody or several do."""
    held: dict[str, np.ndarray] = {}
    for i in world.tree.query(shapely.MultiPoint(xy).envelope):
        painted = world.painted[int(i)]
        if painted.role is Role.AREA:
            inside = shapely.contains_xy(painted.geometry, xy)
            held[painted.owner] = held.get(painted.owner, np.zeros(len(xy), dtype=bool)) | inside
    shares = {owner: float(inside.mean()) for owner, inside in held.items() if inside.mean() > 1 - HELD}
    if len(shares) == 1 and max(shares.values()) >= HELD:
        return next(iter(shares))
    return "?~"


def pair_of(one: Vendor, other: Vendor) -> list[Trial]:
    """Every ground that both vendors draw and a coarse map can hold; real where another holds its core."""
    anew = redrawn(one.world, other.world)
    coarser = max(one.world.resolution_km, other.world.resolution_km)
    trials = []
    for slug, a in one.scenes.items():
        before, after = one.holders[slug], other.holders[slug]
        if "?~" in (before, after) or a.ground.inradius_km <= 2 * coarser or None in (before, after):
            continue
        event = Event(before, after, a.ground.area) if before != after else None  # type: ignore[arg-type]
        trials.append(judged(a, other.scenes[slug], f"{one.name} / {other.name}", event, anew=anew))
    return trials


def firm(about: Dispute) -> bool:
    """Whether a dispute has ground of its own, no box."""
    return about.type in (DisputeType.TERRITORY, DisputeType.BORDER) and not about.boxed


def watched() -> list[Dispute]:
    """The disputes compared between vendors."""
    return [g.dispute for g in Observer(catalogue()).grounds if firm(g.dispute) and not g.name_only]
