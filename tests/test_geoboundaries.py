"""geoBoundaries and GADM over loopback: composites, units, codes that are no codes, and bytes that may not be kept."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from borderwatch import derive, sources
from borderwatch.disputes import catalogue
from borderwatch.models import Edition, Keep, Kind, Outcome, View
from borderwatch.observe import world_from_snapshot
from borderwatch.snapshots import Snapshots
from borderwatch.sources.geoboundaries import CLAIMANTS
from tests import replay_inst as inst
from tests.replay import Replay, json_reply, lfs_pointer
from tests.replay_inst import NOW, Feature, ask, cell, collection, feature, read

CGAZ, UNITS, INDEX = (View("geoboundaries", layer=layer) for layer in ("cgaz", "units", "index"))
OLD, NEW = "a" * 40, "b" * 40
COMMITS = {NEW: "2025-05-01T12:00:00Z", OLD: "2023-09-14T12:00:00Z"}
GEOJSON = "geoBoundariesCGAZ_ADM0.geojson"


def geoboundaries(replay: Replay, **changes: Any) -> None:
    given: dict[str, Any] = {
        "commits": COMMITS,
        "composite": {GEOJSON: collection(inst.gb_composite())},
        "units": inst.gb_units(),
    }
    inst.serve_geoboundaries(replay, **(given | changes))


def test_the_composite_comes_from_the_newest_commit_and_through_lfs(replay: Replay, tmp_path: Path) -> None:
    geoboundaries(replay)
    capture = ask(replay, CGAZ, tmp_path)
    assert capture.fault is None
    assert capture.edition is not None
    assert (capture.edition.label, capture.shown_at.year) == (NEW, 2025)
    assert replay.asked[-1].host == inst.MEDIA
    by_name = {f.name: f for f in read(CGAZ, tmp_path, capture).features}
    assert by_name["France"].code == "FRA"


def test_the_number_of_a_disputed_area_is_no_iso_number(replay: Replay, tmp_path: Path) -> None:
    """112 is Belarus in ISO 3166-1; here it is the publisher's number for an area of its own."""
    geoboundaries(replay)
    snapshot = Snapshots(tmp_path).open(ask(replay, CGAZ, tmp_path))
    world = world_from_snapshot(sources.load("geoboundaries"), snapshot)
    [area] = [p for p in world.painted if p.words.get("shapeGroup") == "112"]
    assert (area.owner, area.code) == ("aksai_chin", None)


def test_a_nameless_number_is_nobodys_code_either(replay: Replay, tmp_path: Path) -> None:
    extra = [feature(cell(291), shapeGroup="643", shapeType="DISP", shapeName=None)]
    geoboundaries(replay, composite={GEOJSON: collection(inst.gb_composite(extra))})
    snapshot = Snapshots(tmp_path).open(ask(replay, CGAZ, tmp_path))
    world = world_from_snapshot(sources.load("geoboundaries"), snapshot)
    assert [p.owner for p in world.painted if p.words.get("shapeGroup") == "643"] == ["?643"]


def test_whichever_spelling_of_the_file_is_served_is_taken(replay: Replay, tmp_path: Path) -> None:
    import geopandas

    layer = geopandas.GeoDataFrame.from_features(inst.gb_composite(), crs=4326)
    layer.to_file(tmp_path / "x.shp")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in sorted(tmp_path.glob("x.*")):
            archive.write(path, f"geoBoundariesCGAZ_ADM0{path.suffix}")
    geoboundaries(replay, composite={"geoBoundariesCGAZ_adm0.zip": zipped.getvalue()})
    capture = ask(replay, CGAZ, tmp_path / "store")
    assert capture.fault is None, capture.fault
    assert [part.name for part in capture.parts] == ["geoBoundariesCGAZ_adm0.zip"]
    assert len(read(CGAZ, tmp_path / "store", capture).features) == len(inst.gb_composite())


def test_a_bare_pointer_is_followed_to_what_it_points_to(replay: Replay, tmp_path: Path) -> None:
    geoboundaries(replay, pointers=True)
    assert ask(replay, CGAZ, tmp_path).fault is None
    assert replay.asked[-1].host == inst.MEDIA


def test_a_unit_without_a_simplified_outline_is_read_from_its_full_one(replay: Replay, tmp_path: Path) -> None:
    full = f"https://github.com{inst.GB_REPO}/raw/{inst.BUILD}/full.geojson"
    units = [
        u | ({"simplifiedGeometryGeoJSON": None, "gjDownloadURL": full} if u["boundaryISO"] == "IND" else {})
        for u in inst.gb_units()
    ]
    geoboundaries(replay)
    replay.on(inst.GB_API, inst.GB_API_PATH, json_reply(units))
    data = collection([feature(cell(5), shapeName="India")])
    replay.on(inst.GITHUB, full.partition(".com")[2], data=data)
    assert ask(replay, UNITS, tmp_path).fault is None


def test_a_pointer_at_the_plain_host_is_followed_too(replay: Replay, tmp_path: Path) -> None:
    plain = f"https://raw.githubusercontent.com{inst.GB_REPO}/{inst.BUILD}/releaseData/x.geojson"
    units = [u | ({"simplifiedGeometryGeoJSON": plain} if u["boundaryISO"] == "IND" else {}) for u in inst.gb_units()]
    geoboundaries(replay, units=units)
    replay.on("raw.githubusercontent.com", plain.partition(".com")[2], lfs_pointer())
    data = collection([feature(cell(5), shapeName="India")])
    replay.on(inst.MEDIA, f"/media{inst.GB_REPO}/{inst.BUILD}/releaseData/x.geojson", data=data)
    assert ask(replay, UNITS, tmp_path).fault is None


def test_the_same_commit_is_not_fetched_twice_and_older_ones_can_be(replay: Replay, tmp_path: Path) -> None:
    geoboundaries(replay)
    source = sources.load("geoboundaries")
    with replay.client() as client:
        assert [e.label for e in source.editions(CGAZ, client.asking())] == [OLD, NEW]
    assert ask(replay, CGAZ, tmp_path).outcome is Outcome.KEPT
    assert ask(replay, CGAZ, tmp_path).outcome is Outcome.NOT_MODIFIED
    older = ask(replay, CGAZ, tmp_path, Edition(OLD, None))
    assert older.outcome is Outcome.KEPT
    assert f"/raw/{OLD}/" in " ".join(replay.paths(inst.GITHUB))


def test_units_keep_the_ground_their_own_sources_give_them(replay: Replay, tmp_path: Path) -> None:
    geoboundaries(replay)
    capture = ask(replay, UNITS, tmp_path)
    features = read(UNITS, tmp_path, capture).features
    served = {unit["boundaryISO"] for unit in inst.gb_units()}
    assert {f.code for f in features} == set(CLAIMANTS) & served
    assert next(f.word for f in features if f.code == "IND") == "IND-ADM0-26141361"


def test_data_that_became_other_data_is_told_by_its_id(replay: Replay, tmp_path: Path) -> None:
    units = inst.gb_units()
    later = [u | ({"boundaryID": "XKX-ADM0-999"} if u["boundaryISO"] == "XKX" else {}) for u in units]
    for n, listed in enumerate((units, later)):
        geoboundaries(replay, units=listed)
        assert ask(replay, INDEX, tmp_path, at=NOW + timedelta(days=30 * n)).outcome is Outcome.KEPT
    [told] = derive.past_of_view(tmp_path, INDEX).changes
    assert (told.dispute, told.kind) == ("kosovo", Kind.RELABELLED)
    assert (told.old, told.new) == ("XKX-ADM0-26141361", "XKX-ADM0-999")


def test_a_web_archives_copy_of_the_index_is_read_as_the_index(replay: Replay, tmp_path: Path) -> None:
    geoboundaries(replay)
    source = sources.load("geoboundaries")
    [copy] = source.archived(INDEX)
    assert [part.name for part in ask(replay, INDEX, tmp_path).parts] == [copy.part]
    assert copy.url == f"https://{inst.GB_API}{inst.GB_API_PATH}"
    assert (source.archived(CGAZ), source.archived(UNITS)) == ((), ())


def test_a_unit_that_left_the_index_is_delisted(replay: Replay, tmp_path: Path) -> None:
    units = inst.gb_units()
    for n, listed in enumerate((units, [u for u in units if u["boundaryISO"] != "XKX"])):
        geoboundaries(replay, units=listed)
        assert ask(replay, INDEX, tmp_path, at=NOW + timedelta(days=30 * n)).outcome is Outcome.KEPT
    [told] = derive.past_of_view(tmp_path, INDEX).changes
    assert (told.dispute, told.kind) == ("kosovo", Kind.DELISTED)


def unit_at(url: str) -> list[dict[str, Any]]:
    return [*inst.gb_units(), inst.gb_unit("SYR", "Syria", simplifiedGeometryGeoJSON=url)]


@pytest.mark.parametrize(
    ("view", "units", "kind", "says"),
    [
        (INDEX, inst.gb_units()[:50], "partial", "50 units"),
        (INDEX, [], "schema_changed", "boundaryISO"),
        (INDEX, [{"boundaryISO": "FRA"}], "schema_changed", "lacks boundaryID"),
        (UNITS, unit_at("https://evil.example/x.geojson"), "schema_changed", "none of the publisher's hosts"),
        (UNITS, unit_at("http://github.com/x.geojson"), "schema_changed", "none of the publisher's hosts"),
        (UNITS, [inst.gb_unit("FRA", "France")], "partial", "none of the claimants"),
        (
            UNITS,
            [inst.gb_unit("IND", "India", simplifiedGeometryGeoJSON="nan", gjDownloadURL=None)],
            "partial",
            "nowhere how IND",
        ),
    ],
)
def test_an_index_that_is_not_what_it_was_is_told(
    replay: Replay, tmp_path: Path, view: View, units: list[dict[str, Any]], kind: str, says: str
) -> None:
    geoboundaries(replay)
    replay.on(inst.GB_API, inst.GB_API_PATH, json_reply(units))
    fault = ask(replay, view, tmp_path).fault
    assert fault is not None
    assert (fault.kind, says in fault.message) == (kind, True), fault.message
    assert "evil.example" not in {asked.host for asked in replay.asked}


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        (inst.gb_composite()[:100], "partial"),
        ([*inst.gb_composite(), feature(cell(299), name="x")], "schema_changed"),
    ],
)
def test_a_composite_that_is_not_whole_is_no_capture(
    replay: Replay, tmp_path: Path, features: list[Feature], kind: str
) -> None:
    geoboundaries(replay, composite={GEOJSON: collection(features)})
    fault = ask(replay, CGAZ, tmp_path).fault
    assert fault is not None
    assert fault.kind == kind


def test_githubs_list_in_another_form_is_told(replay: Replay, tmp_path: Path) -> None:
    for answer in ([], {"message": "x"}, [{"sha": "c" * 40}]):
        geoboundaries(replay)
        replay.on(inst.GITHUB_API, f"/repos{inst.GB_REPO}/commits", json_reply(answer))
        fault = ask(replay, CGAZ, tmp_path).fault
        assert fault is not None
        assert fault.kind == "schema_changed"


# --- GADM --------------------------------------------------------------------------------------------------

GADM = View("gadm")


def gadm_world(to: str) -> dict[str, Any]:
    """SHAPE: Western Sahara's catalogued ground as a unit's, all else on squares."""
    return {to: catalogue().get("western_sahara").reference}


def test_of_gadm_the_facts_are_kept_and_never_the_bytes(replay: Replay, tmp_path: Path) -> None:
    inst.serve_gadm(replay, gadm_world("ESH"))
    capture = ask(replay, GADM, tmp_path)
    assert (capture.keep, capture.ship, capture.fault) == (Keep.DIGEST, False, None)
    facts = json.loads(Snapshots(tmp_path).facts(capture))
    assert "EH" in json.dumps(facts)
    bodies = [p for p in tmp_path.rglob("*") if p.is_file() and "bodies" in p.parts]
    assert bodies == []
    assert all(b"coordinates" not in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_a_z_code_belongs_to_whom_gadm_names_after_it(replay: Replay, tmp_path: Path) -> None:
    inst.serve_gadm(replay)
    source = sources.load("gadm")
    with replay.client() as client:
        body = source.capture(GADM, client.asking())
    from borderwatch.attempt import snapshot_from_body

    world = world_from_snapshot(source, snapshot_from_body(GADM, body, source.terms, live=True, taken_at=NOW))
    owners = {p.code: p.owner for p in world.painted}
    assert {owners[code] for code in ("Z01", "Z04", "Z05", "Z07", "Z09")} == {"IN"}
    assert {owners[code] for code in ("Z02", "Z03", "Z08")} == {"CN"}
    assert owners["Z06"] == "PK"
    assert owners["ESH"] == "EH", "WesternSahara is read as two words"
    assert (owners["XKO"], owners["ZNC"], owners["XPI"]) == ("XK", "northern_cyprus", "paracel")


def test_ground_gadm_gives_another_is_told_from_facts_alone(replay: Replay, tmp_path: Path) -> None:
    for n, (to, etag) in enumerate((("ESH", '"1"'), ("MAR", '"2"'))):
        inst.serve_gadm(replay, gadm_world(to), etag=etag)
        assert ask(replay, GADM, tmp_path, at=NOW + timedelta(days=n)).outcome is Outcome.KEPT
    told = [c for c in derive.past_of_view(tmp_path, GADM).changes if c.dispute == "western_sahara"]
    assert {(c.loser, c.gainer) for c in told} >= {("EH", "MA")}


def test_gadm_unchanged_costs_one_question(replay: Replay, tmp_path: Path) -> None:
    inst.serve_gadm(replay)
    assert ask(replay, GADM, tmp_path).outcome is Outcome.KEPT
    before = len(replay.asked)
    assert ask(replay, GADM, tmp_path).outcome is Outcome.NOT_MODIFIED
    assert len(replay.asked) == before + 1


@pytest.mark.parametrize(
    ("row", "kind", "says"),
    [
        (feature(cell(1), GID_0="UKR"), "schema_changed", "lacks GID_0 or COUNTRY"),
        (feature(cell(1), GID_0="ukraine", COUNTRY="Ukraine"), "schema_changed", "'ukraine'"),
        (feature(cell(1), GID_0="RUS", COUNTRY="Russia"), "partial", "does not hold it"),
    ],
)
def test_a_unit_that_is_not_what_was_asked_is_told(
    replay: Replay, tmp_path: Path, row: Feature, kind: str, says: str
) -> None:
    inst.serve_gadm(replay)
    replay.on(inst.GADM, f"{inst.GADM_PATH}/gadm41_UKR_0.json", data=collection([row]))
    fault = ask(replay, GADM, tmp_path).fault
    assert fault is not None
    assert (fault.kind, says in fault.message) == (kind, True), fault.message
