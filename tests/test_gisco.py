"""GISCO over loopback: which editions there are, what each says, and that the same map told otherwise is no change."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely

from borderwatch import derive, sources
from borderwatch.models import Edition, LineStyle, Outcome, Role, Verdict, View
from borderwatch.snapshots import Snapshots
from borderwatch.sources import gisco as module
from tests import replay_inst as inst
from tests.replay import Replay, json_reply
from tests.replay_inst import NOW, Feature, ask, collection, feature, read

REGIONS, LINES = View("gisco", layer="regions"), View("gisco", layer="boundaries")
HISTORY = Path(__file__).parents[1] / "snapshots"


def name(kind: str, year: str) -> str:
    return f"CNTR_{kind}_10M_{year}_4326.geojson"


def gisco(replay: Replay) -> None:
    files = {name("RG", "2024"): collection(inst.gisco_regions()), name("BN", "2024"): collection(inst.gisco_lines())}
    inst.serve_gisco(replay, files)


def test_the_newest_edition_is_asked_and_its_year_is_its_date(replay: Replay, tmp_path: Path) -> None:
    gisco(replay)
    capture = ask(replay, REGIONS, tmp_path)
    assert capture.edition is not None
    assert (capture.edition.label, capture.shown_at.year) == ("2024", 2024)
    assert replay.paths()[-1].endswith("/geojson/CNTR_RG_10M_2024_4326.geojson")
    reading = read(REGIONS, tmp_path, capture)
    by_code = {f.words["CNTR_ID"]: f for f in reading.features}
    assert len(by_code) == 263
    assert (by_code["XC"].name, by_code["XC"].word) == ("Aksai Chin", "Sovereignty unsettled")
    assert by_code["EL"].code == "GRC"
    assert by_code["PS"].names["de"]


def test_what_2020_left_unsettled_leads_to_the_catalogues_own_disputes(replay: Replay, tmp_path: Path) -> None:
    """Of the 21 recorded areas "Sovereignty unsettled" all but two are Antarctica or a dispute, by Eurostat's names."""
    from borderwatch.observe import world_from_snapshot

    gisco(replay)
    snapshot = Snapshots(tmp_path).open(ask(replay, REGIONS, tmp_path))
    world = world_from_snapshot(sources.load("gisco"), snapshot)
    unsettled = {p.words["CNTR_ID"]: p.owner for p in world.painted if p.word == "Sovereignty unsettled"}
    assert len(unsettled) == 21
    assert unsettled["XH"] == "kashmir"
    assert unsettled["XXS"] == "IO"
    assert sorted(code for code, owner in unsettled.items() if owner.startswith("?")) == ["XE", "XJL"]


def test_lines_are_dashed_where_their_status_is_not_nought_and_coasts_are_no_lines(
    replay: Replay, tmp_path: Path
) -> None:
    gisco(replay)
    reading = read(LINES, tmp_path, ask(replay, LINES, tmp_path))
    assert {f.role for f in reading.features} == {Role.BOUNDARY}
    by_style = {style: [f for f in reading.features if f.style is style] for style in LineStyle}
    assert (len(by_style[LineStyle.DASHED]), len(by_style[LineStyle.SOLID])) == (31, 201)
    assert {f.word for f in by_style[LineStyle.DASHED]} == {f"POL_STAT {n}" for n in range(1, 6)}
    assert "BRA - XXY" in {f.name for f in by_style[LineStyle.DASHED]}
    assert "9" not in {f.code for f in reading.features}


def test_only_editions_that_hold_the_file_are_offered(replay: Replay) -> None:
    years = ("2001", "2013", "2020", "2024")
    inst.serve_gisco(replay, {name("RG", year): b"{}" for year in years} | {name("BN", "2020"): b"{}"})
    source = sources.load("gisco")
    with replay.client() as client:
        fetch = client.asking()
        assert [e.label for e in source.editions(REGIONS, fetch)] == list(years)
        assert [e.label for e in source.editions(LINES, fetch)] == ["2020"]
    assert len(replay.paths()) == 8, "both indices are asked for once a run"


def test_a_file_that_was_not_revised_is_not_fetched_again(replay: Replay, tmp_path: Path) -> None:
    inst.serve_gisco(replay, {name("RG", "2024"): collection(inst.gisco_regions())}, etag='"1"')
    assert ask(replay, REGIONS, tmp_path).outcome is Outcome.KEPT
    assert ask(replay, REGIONS, tmp_path).outcome is Outcome.NOT_MODIFIED


def test_lines_before_the_status_column_say_nothing_of_disputes(replay: Replay, tmp_path: Path) -> None:
    lines = [
        {**f, "properties": {k: v for k, v in f["properties"].items() if k != "POL_STAT"}} for f in inst.gisco_lines()
    ]
    inst.serve_gisco(replay, {name("BN", "2016"): collection(lines)})
    fault = ask(replay, LINES, tmp_path, Edition("2016", None)).fault
    assert fault is not None
    assert (fault.kind, "POL_STAT" in fault.message) == ("not_served", True)


def test_a_year_without_its_index_hides_no_other(replay: Replay) -> None:
    inst.serve_gisco(replay, {name("RG", year): b"{}" for year in ("2020", "2024")}, years=("2020", "2024"))
    replay.on(inst.GISCO, f"{inst.GISCO_PATH}/countries-2020-files.json", status=404)
    with replay.client() as client:
        assert [e.label for e in sources.load("gisco").editions(REGIONS, client.asking())] == ["2024"]


def changed(features: list[Feature], n: int, **properties: Any) -> list[Feature]:
    return [{**f, "properties": f["properties"] | properties} if i == n else f for i, f in enumerate(features)]


@pytest.mark.parametrize(
    ("view", "features", "kind", "says"),
    [
        (REGIONS, changed(inst.gisco_regions(), 5, SVRG_UN="Condominium"), "schema_changed", "'Condominium'"),
        (REGIONS, [feature(inst.cell(0), NAME="x")], "schema_changed", "without CNTR_ID"),
        (REGIONS, inst.gisco_regions()[:150], "partial", "150 regions"),
        (REGIONS, changed(inst.gisco_regions(), 0, CNTR_ID="DE1"), "", ""),
        (LINES, changed(inst.gisco_lines(), 0, POL_STAT=9), "schema_changed", "'9'"),
        (LINES, inst.gisco_lines()[:40], "partial", "lines inland"),
    ],
)
def test_what_the_reader_does_not_know_it_names(
    replay: Replay, tmp_path: Path, view: View, features: list[Feature], kind: str, says: str
) -> None:
    code = "RG" if view is REGIONS else "BN"
    inst.serve_gisco(replay, {name(code, "2024"): collection(features)})
    fault = ask(replay, view, tmp_path).fault
    assert (fault.kind if fault else "") == kind
    assert says in (fault.message if fault else "")


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        ("datasets.json", [], "schema_changed"),
        ("datasets.json", {"nuts-2024": {}}, "schema_changed"),
        ("countries-2024-files.json", {"geojson": {}}, "not_served"),
        ("countries-2024-files.json", ["geojson/CNTR_RG_10M_2024_4326.geojson"], ""),
    ],
)
def test_an_index_in_another_form_is_understood_or_told(
    replay: Replay, tmp_path: Path, path: str, answer: Any, kind: str
) -> None:
    gisco(replay)
    replay.on(inst.GISCO, f"{inst.GISCO_PATH}/{path}", json_reply(answer))
    fault = ask(replay, REGIONS, tmp_path).fault
    assert (fault.kind if fault else "") == kind


# --- the same map, written 24 ways -----------------------------------------------------------------------


def real_regions() -> list[Feature]:
    """Real outlines (Natural Earth 1:110m, from the recorded history) under GISCO's columns."""
    from borderwatch.owners import owner

    store, view = Snapshots(HISTORY), View("world_atlas", layer="110m")
    newest = store.latest(view)
    assert newest is not None
    reading = sources.load("world_atlas").read(store.open(newest))
    own = {"GR": "EL", "GB": "UK"}
    found = []
    for region in reading.features:
        code = owner(region.code, region.name)
        code = own.get(code, code)
        found.append(feature(region.geometry, CNTR_ID=code, NAME_ENGL=region.name, SVRG_UN="UN Member State"))
    return found


def rewritten(features: list[Feature], seed: int) -> bytes:
    """The same map with rings begun elsewhere and turned round, parts, features and columns in another order."""
    dice = random.Random(seed)  # noqa: S311 - not a secret, a shuffle
    written = []
    for one in features:
        geometry = shapely.from_geojson(json.dumps(one["geometry"]))
        parts = [
            shapely.Polygon(turned(part.exterior, dice), [turned(ring, dice) for ring in part.interiors])
            for part in shapely.get_parts(geometry)
        ]
        dice.shuffle(parts)
        properties = [*one["properties"].items(), ("FID", dice.randrange(10**6))]
        dice.shuffle(properties)
        shape = parts[0] if len(parts) == 1 and dice.random() < 0.5 else shapely.MultiPolygon(parts)
        written.append(feature(shape, **dict(properties)))
    dice.shuffle(written)
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}}
    more = {"crs": crs} if seed % 2 else {}
    return json.dumps(json.loads(collection(written, **more)), indent=seed % 3 or None).encode()


def turned(ring: Any, dice: random.Random) -> list[tuple[float, float]]:
    corners = list(ring.coords)[:-1]
    start = dice.randrange(len(corners))
    corners = corners[start:] + corners[:start]
    return corners[::-1] if dice.random() < 0.5 else corners


def test_the_same_geometry_written_in_24_ways_raises_no_alert(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEWEST_REGIONS", 150)
    features = real_regions()
    bodies = set()
    for n in range(24):
        inst.serve_gisco(replay, {name("RG", "2024"): rewritten(features, n)})
        capture = ask(replay, REGIONS, tmp_path, at=NOW + timedelta(days=30 * n))
        assert capture.outcome is Outcome.KEPT, capture.fault
        bodies.add(capture.body)
    assert len(bodies) == 24
    past = derive.past_of_view(tmp_path, REGIONS)
    assert past.unread == ()
    assert past.changes == ()
    verdicts = {c.verdict for c in past.comparisons}
    assert Verdict.UNCHANGED in verdicts
    assert not verdicts & {Verdict.CHANGED, Verdict.SUSPECT}


def test_a_region_handed_over_between_two_editions_is_told(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counterpart: what is silent on rewriting speaks where ground passes. Here it is Western Sahara's name."""
    monkeypatch.setattr(module, "FEWEST_REGIONS", 150)
    features = real_regions()
    given = [
        {**f, "properties": f["properties"] | {"CNTR_ID": "MA", "NAME_ENGL": "Morocco"}}
        if f["properties"]["CNTR_ID"] == "EH"
        else f
        for f in features
    ]
    for year, drawn in (("2020", features), ("2024", given)):
        inst.serve_gisco(replay, {name("RG", year): collection(drawn)}, years=(year,))
        assert ask(replay, REGIONS, tmp_path).outcome is Outcome.KEPT
    past = derive.past_of_view(tmp_path, REGIONS)
    [told] = past.changes
    assert (told.dispute, told.loser, told.gainer) == ("western_sahara", "EH", "MA")
