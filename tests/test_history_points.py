"""The recorded history held against points: what the log says passed did so in the raw maps, and what passed is told.

No overlay, no noise, no judgement: a point lies in a polygon or it does not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from borderwatch import sources
from borderwatch.changelog import ChangeLog
from borderwatch.derive import distinct
from borderwatch.disputes import catalogue
from borderwatch.models import Capture, Kind, Role, Verdict
from borderwatch.observe import ground, world_from_snapshot
from borderwatch.scene import Ground, World
from borderwatch.snapshots import Snapshots
from tests.recorded_history import Recorded, recorded

__all__ = ["recorded"]  # a fixture

VIEWS = [
    "country_coder/default",
    "echarts/default#world",
    "geopandas_lowres/default",
    "plotly/default#50m",
    "surbowl_zh/CN",
    "visionscarto/default#50m",
    "world_atlas/default#50m",
]
POINTS = 20
SEED = 20250808


@pytest.fixture(scope="module")
def log(recorded: Recorded) -> Iterator[ChangeLog]:
    with ChangeLog(recorded.settings.database, readonly=True) as opened:
        yield opened


def worlds(recorded: Recorded, view: str) -> list[World]:
    """What each distinct body of a view shows, oldest first."""
    store = Snapshots(recorded.settings.snapshots)
    (wanted,) = (v for v in store.views() if str(v) == view)
    source = sources.load(wanted.source)
    states: dict[str | None, Capture] = {}
    for capture in distinct(store.series(wanted)):
        states.setdefault(capture.body, capture)
    return [world_from_snapshot(source, store.open(capture)) for capture in states.values()]


def points_in(area: shapely.Geometry, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points at random in an area."""
    west, south, east, north = area.bounds
    found = np.zeros((0, 2))
    for _ in range(200):
        some = np.column_stack([rng.uniform(west, east, 500), rng.uniform(south, north, 500)])
        found = np.concatenate([found, some[shapely.contains_xy(area, some)]])
        if len(found) >= POINTS:
            break
    return found[:POINTS]


def holders(world: World, xy: NDArray[np.float64], *, sea: bool) -> list[set[str]]:
    """Whose ground each point lies on; the sea counts where the dispute is about the sea."""
    areas = [p for p in world.painted if p.role is Role.AREA or (sea and p.role is Role.SEA)]
    at, which = shapely.STRtree([p.geometry for p in areas]).query(shapely.points(xy), predicate="within")
    found: list[set[str]] = [set() for _ in xy]
    for point, area in zip(at, which, strict=True):
        found[int(point)].add(areas[int(area)].owner)
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_told_to_have_passed_did_so_at_every_point(recorded: Recorded, log: ChangeLog, view: str) -> None:
    rng = np.random.default_rng(SEED)
    at = {w.capture.body: w for w in worlds(recorded, view)}
    about = catalogue(geometry=False)
    told = [c for c in log.changes(view=view, kind=["transfer", "overlap"]) if c.geometry is not None]
    assert told
    for c in told:
        assert c.geometry is not None
        xy = points_in(c.geometry, rng)
        sea = c.dispute is not None and about.get(c.dispute).type == "maritime"
        before, after = holders(at[c.before.body], xy, sea=sea), holders(at[c.after.body], xy, sea=sea)
        for old, new in zip(before, after, strict=True):
            assert c.loser is None or c.loser in old, c.summary
            assert c.loser is None or c.loser not in new, c.summary
            assert c.gainer is None or c.gainer in new, c.summary
            assert c.gainer is None or c.gainer not in old, c.summary
            if c.kind is Kind.TRANSFER:
                assert c.loser is not None or not old, c.summary
                assert c.gainer is not None or not new, c.summary


@pytest.fixture(scope="module")
def watched() -> dict[str, Ground]:
    grounds = {d.slug: ground(d) for d in catalogue()}
    return {slug: g for slug, g in grounds.items() if not g.name_only}


@pytest.mark.parametrize("view", VIEWS)
def test_no_dispute_said_to_be_unchanged_has_passed_to_another(
    recorded: Recorded, log: ChangeLog, watched: dict[str, Ground], view: str
) -> None:
    """Half of a ground that is another's is no noise; a feature whose name became known passed to nobody."""
    rng = np.random.default_rng(SEED)
    samples = {slug: points_in(g.area, rng) for slug, g in watched.items()}
    seen = worlds(recorded, view)
    bodies = {c.id: c.body for c in log.captures(view=view)}
    verdicts = {(bodies[x.before], bodies[x.after], x.dispute): x.verdict for x in log.comparisons(view=view)}
    checked = 0
    for slug, xy in samples.items():
        shown = [holders(w, xy, sea=watched[slug].sea) for w in seen]
        for i in range(1, len(seen)):
            pair = seen[i - 1].capture.body, seen[i].capture.body, slug
            if verdicts.get(pair) is not Verdict.UNCHANGED or not len(xy):
                continue
            other = sum(_passed(a, b) for a, b in zip(shown[i - 1], shown[i], strict=True))
            assert other <= len(xy) / 2, (view, slug, seen[i].capture.edition)
            checked += 1
    assert checked > 40


def _passed(before: set[str], after: set[str]) -> bool:
    unknown = any(owner.startswith("?") for owner in before ^ after)
    return before != after and not unknown
