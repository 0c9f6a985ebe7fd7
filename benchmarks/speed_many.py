"""30,000 comparisons: 100 disputes, 30 worldviews, 10 editions, through the steps a rebuild takes after decoding."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import get_context

import speed_data as data

from borderwatch import geometry as geo
from borderwatch.diff.series import Moment, Series
from borderwatch.disputes import catalogue
from borderwatch.errors import UsageError
from borderwatch.mapfile import MapFile
from borderwatch.models import Capture, Edition, Feature, Outcome, Reading, Role, View
from borderwatch.observe import Observer, world_from_reading

DISPUTES, WORLDVIEWS, EDITIONS, PROCESSES = 100, 30, 10, 2
PER_EDITION = 2
RESOLUTION_KM = 4.5


@dataclass(frozen=True)
class Done:
    comparisons: int
    changes: int
    processes: int
    cpu_s: float
    wall_s: float
    peak_gb: float


@cache
def _base() -> tuple[Feature, ...]:
    pair = data.fifty()
    if pair is None:
        raise UsageError(f"no Natural Earth 50m under {data.SHARED}: set BORDERWATCH_SHARED")
    return MapFile(pair[1]).features


@cache
def _observer() -> Observer:
    watched = [d for d in catalogue() if d.reference is not None][:DISPUTES]
    others = [d for d in catalogue() if d.reference is None]
    return Observer([*watched, *others][:DISPUTES])


def _editions(worldview: int) -> Iterator[tuple[Feature, ...]]:
    """The map of one worldview, in each edition of which two disputed grounds pass to another of those about."""
    features = _base()
    yield features
    grounds = [g for g in _observer().grounds if g.area.geom_type in ("Polygon", "MultiPolygon")]
    for edition in range(EDITIONS):
        for n in range(PER_EDITION):
            ground = grounds[(worldview * 7 + edition * PER_EDITION + n) % len(grounds)].area
            about = [i for i, f in enumerate(features) if f.geometry is not None and f.geometry.intersects(ground)]
            if len(about) < 2:
                continue
            gainer = about[(worldview + edition) % len(about)]
            changed = list(features)
            for i in about:
                shape = features[i].geometry
                assert shape is not None  # noqa: S101
                rest = shape.union(ground) if i == gainer else shape.difference(ground)
                changed[i] = replace(features[i], geometry=geo.polygonal(rest))
            features = tuple(f for f in changed if f.geometry is None or not f.geometry.is_empty)
        yield features


def _worldview(number: int) -> tuple[int, int, float, float]:
    """Comparisons and changes of one worldview, CPU seconds without making its editions, and peak memory."""
    series = Series(f"worldview {number}")
    view = View("made_up", f"W{number:02d}")
    editions = list(_editions(number))
    observer = _observer()
    begun = time.process_time()
    for n, features in enumerate(editions):
        moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n)
        name = f"{number:032x}{n:032x}"
        capture = Capture(id=name, view=view, taken_at=moment, outcome=Outcome.KEPT, live=False,
                          edition=Edition(f"v{n}", moment), body=name)  # fmt: skip
        drawn = tuple(f for f in features if f.role is Role.AREA)
        world = world_from_reading(Reading(drawn), capture, resolution_km=RESOLUTION_KM)
        series.feed(Moment(world, observer.scenes(world)))
    derived = series.close()
    took = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return len(derived.comparisons), len(derived.changes), took, peak


def _ready(_: int) -> None:
    """Read the base and the catalogue, so that no worldview pays for it alone."""
    _base()
    _observer()


def thirty_thousand() -> Done:
    """All of it, in as many processes as a run uses; making the editions up is not counted."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(_ready, range(PROCESSES)))
        begun = time.perf_counter()
        told = list(pool.map(_worldview, range(WORLDVIEWS)))
        wall = time.perf_counter() - begun
    cpu = sum(one[2] for one in told)
    peak = max(one[3] for one in told) * PROCESSES
    return Done(sum(one[0] for one in told), sum(one[1] for one in told), PROCESSES, cpu, wall, peak)
