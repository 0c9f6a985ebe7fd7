"""The sea between Chile and Peru, from the zone in dispute to the judgment: two real editions, the whole way."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely
from click.testing import CliRunner

from borderwatch import pipeline, twofiles
from borderwatch.changelog import ChangeLog
from borderwatch.cli import main
from borderwatch.collect import Ask
from borderwatch.disputes import catalogue
from borderwatch.geometry import area_km2
from borderwatch.models import Change, Kind, Outcome, Role, Significance, Verdict, View
from borderwatch.pipeline import Workshop
from borderwatch.snapshots import Snapshots
from borderwatch.sources.marine_regions import MarineRegions
from tests.replay import Replay
from tests.replay_inst import Feature, sea_line, serve_marine_regions, zone

SLUG = "chile_peru_maritime"
BEFORE, AFTER = "2013_ohi_pre_judgment.geojson", "2014-10_marineregions_land_eez_v2.geojson"
POINT_A = (-71.782, -18.35)
"""80 nautical miles west of where the boundary meets the sea: there the judgment leaves the parallel."""
ISO = {"Chile": "CHL", "Peru": "PER", "Bolivia": "BOL", "Argentina": "ARG", "Ecuador": "ECU", "Brazil": "BRA"}
OWN = {"Chile": 8465, "Peru": 8432}


@pytest.fixture(scope="module")
def editions(shared: Path) -> Path:
    return shared / "data" / "derived" / "chile_peru_eez"


def edition(folder: Path, name: str) -> list[Feature]:
    """A real edition as the service would give it: its geometry and names, in the layer's real columns."""
    zones = []
    for n, row in enumerate(json.loads((folder / name).read_bytes())["features"], 70_000):
        named = row["properties"]["name"]
        if named == "DISPUTED":
            of = (("Peru", "PER"), ("Chile", "CHL"))  # the order is the service's own, and no one's precedence
            zones.append(zone(row["geometry"], n, "Overlapping claim: Chile / Peru", "Overlapping claim", of=of))
        else:
            number = OWN.get(named, n)
            iso = ISO.get(named, "COL")
            zones.append(zone(row["geometry"], number, f"{named} Exclusive Economic Zone", of=((named, iso),)))
    return zones


@pytest.fixture(scope="module")
def shop(editions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Two editions through fetch, reader, observer, diff and log, then pages; then the second again, and once more."""
    folder = tmp_path_factory.mktemp("chile-peru")
    source = MarineRegions()
    view = View(source.name, layer="eez")
    log = ChangeLog(folder / "changes.db")
    shop = Workshop(Snapshots(folder / "snapshots"), log, folder / "maps", {source.name: source}, jobs=1)
    states = (
        (BEFORE, datetime(2013, 6, 1, tzinfo=UTC), "v7, world, 2012"),
        (AFTER, datetime(2014, 11, 1, tzinfo=UTC), "v8, world, 2014"),
        (AFTER, datetime(2014, 12, 1, tzinfo=UTC), "v8, world, 2014"),
        (AFTER, datetime(2015, 1, 1, tzinfo=UTC), "v8, world, 2014"),
    )
    with Replay() as replay:
        for n, (name, moment, version) in enumerate(states):
            titles = {"eez": f"Exclusive Economic Zones (200 NM) ({version})"}
            zones = edition(editions, name)
            for one in zones:
                one["properties"]["area_km2"] = min(n, 2)  # a column that says nothing of who holds what
            serve_marine_regions(replay, zones, titles=titles)
            with replay.client() as client:
                report = pipeline.run(shop, [Ask(source, view)], client, lambda moment=moment: moment)
            expected = Outcome.NOT_MODIFIED if n == 3 else Outcome.KEPT
            assert [c.outcome for c in report.asked] == [expected], report.asked[0].fault
            assert report.unread == ()
    yield shop
    log.close()
    shutil.rmtree(folder, ignore_errors=True)


def changes(shop: Workshop) -> list[Change]:
    return sorted(shop.log.changes(dispute=SLUG), key=lambda c: c.gainer or "")


def test_the_log_shows_the_disputed_zone_becoming_chiles_and_perus(shop: Workshop) -> None:
    to_chile, to_peru = changes(shop)
    for change in (to_chile, to_peru):
        assert change.kind is Kind.TRANSFER
        assert change.significance is Significance.SUBSTANTIVE
        assert change.loser == "?Overlapping claim: Chile, Peru"
        assert (change.before.edition.label, change.after.edition.label) == ("v7", "v8")
    assert (to_chile.gainer, to_peru.gainer) == ("CL", "PE")
    assert to_chile.area_km2 == pytest.approx(46_900, rel=0.005)
    assert to_peru.area_km2 == pytest.approx(20_800, rel=0.005)
    assert to_chile.area_km2 + to_peru.area_km2 == pytest.approx(67_600, rel=0.005)


def test_the_changed_ground_is_the_zone_and_nothing_else(shop: Workshop, editions: Path) -> None:
    [disputed] = [f for f in edition(editions, BEFORE) if f["properties"]["pol_type"] == "Overlapping claim"]
    was = shapely.from_geojson(json.dumps(disputed["geometry"]))
    told = shapely.union_all([c.geometry for c in changes(shop)])
    assert area_km2(told.symmetric_difference(was)) < 0.01 * area_km2(was)


def test_the_second_capture_of_the_same_edition_attests_no_change(shop: Workshop) -> None:
    told = [c for c in shop.log.comparisons(dispute=SLUG) if c.verdict is not Verdict.CHANGED]
    assert [c.verdict for c in told] == [Verdict.UNCHANGED]
    assert told[0].limit_km == pytest.approx(1.0)


def test_no_dispute_on_land_hears_of_it(shop: Workshop) -> None:
    assert {c.dispute for c in shop.log.changes()} == {SLUG}


def test_the_map_shows_the_kink_at_point_a(shop: Workshop) -> None:
    """Peru's zone after the judgment turns from the parallel to the south-west within 10 km of Point A."""
    after = changes(shop)[0].after
    sketches = shop.log.sketches(SLUG)[after.id]
    [peru] = [s for s in sketches if s.owner == "PE"]
    assert peru.role is Role.SEA
    chile = shapely.union_all([s.geometry for s in sketches if s.owner == "CL"])
    line = shapely.line_merge(shapely.intersection(peru.geometry.boundary, chile.buffer(0.02)))
    near = shapely.box(POINT_A[0] - 2, -19.5, -70.4, -18.2)
    path = shapely.get_coordinates(shapely.intersection(line, near))
    corner = min(path.tolist(), key=lambda xy: (xy[0] - POINT_A[0]) ** 2 + (xy[1] - POINT_A[1]) ** 2)
    assert corner == pytest.approx(POINT_A, abs=0.09)
    east, west = path[path[:, 0] > corner[0] + 0.05], path[path[:, 0] < corner[0] - 0.3]
    assert abs(east[:, 1] - POINT_A[1]).max() < 0.05, "along the parallel up to the kink"
    assert west[:, 1].max() < POINT_A[1] - 0.2, "south of it from there"
    page = (shop.maps / "disputes" / f"{SLUG}.html").read_text(encoding="utf-8")
    assert "46,8" in page
    assert "20,7" in page
    assert "Overlapping claim" in page


def test_the_two_files_compared_by_hand_say_the_same(editions: Path, tmp_path: Path) -> None:
    compared = twofiles.compare(editions / BEFORE, editions / AFTER)
    record = next(d for d in twofiles.record(compared)["disputes"] if d["dispute"] == SLUG)
    told = {c["to"]: c for c in record["changes"]}
    assert {c["from"] for c in told.values()} == {"?DISPUTED"}
    assert told["CL"]["area_km2"] == pytest.approx(46_900, rel=0.005)
    assert told["PE"]["area_km2"] == pytest.approx(20_800, rel=0.005)
    assert {c["significance"] for c in told.values()} == {"substantive"}
    assert record["noise_floor_km"] < 3, "one edition draws the sea alone, the other with the land: no coast is noise"
    twofiles.draw(compared, tmp_path / "map.html")
    assert "Chile–Peru maritime boundary" in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_the_command_tells_it_too(editions: Path) -> None:
    done = CliRunner().invoke(main, ["diff", str(editions / BEFORE), str(editions / AFTER), "--disputes", SLUG])
    assert done.exit_code in (0, 1), done.output
    rows = [line for line in done.output.splitlines() if line.startswith(SLUG)]
    assert len(rows) == 2
    assert "“DISPUTED” → Chile" in rows[0]
    assert re.search(r"46,8\d\d km²", rows[0])
    assert "“DISPUTED” → Peru" in rows[1]
    assert re.search(r"20,7\d\d km²", rows[1])


def lines_of(kind: str, doc_date: str) -> list[Feature]:
    """SHAPE: the line of the judgment with the layer's columns; its geometry is the catalogue's."""
    line: Any = catalogue().get(SLUG).lines["ICJ 2014"]
    return [
        sea_line(line, 1, "Chile - Peru", kind, ("Chile", "Peru"), doc_date),
        sea_line(shapely.LineString([(10, 50), (11, 51)]), 2, "200 NM", "200 NM", ("Denmark",)),
    ]


def test_a_line_that_is_settled_is_told_with_its_length(tmp_path: Path, replay: Replay) -> None:
    source = MarineRegions()
    view = View(source.name, layer="eez_boundaries")
    with ChangeLog(tmp_path / "changes.db") as log:
        shop = Workshop(Snapshots(tmp_path / "snapshots"), log, tmp_path / "maps", {source.name: source}, jobs=1)
        for month, (kind, day) in enumerate((("Unsettled", ""), ("Treaty", "2014-01-27")), 1):
            serve_marine_regions(replay, (), lines_of(kind, day))
            with replay.client() as client:
                pipeline.run(shop, [Ask(source, view)], client, lambda m=month: datetime(2014, m, 1, tzinfo=UTC))
        told = {c.subject: c for c in log.changes(dispute=SLUG)}
    assert (told[""].old, told[""].new) == ("Unsettled", "Treaty")
    assert told[""].length_km > 300
