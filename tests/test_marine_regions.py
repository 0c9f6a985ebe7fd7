"""Institutions' maps over loopback, each view end to end: what is asked, what is read, and every way it can fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely

from borderwatch import sources
from borderwatch.errors import CaptureProblem, Malformed, SchemaChanged
from borderwatch.fetch.probing import ProbingClient
from borderwatch.first_contact import probe
from borderwatch.formats.line_words import status_from_word, style_from_word
from borderwatch.formats.ows import exception_from_xml, layer_titles_from_capabilities
from borderwatch.models import Edition, LineStatus, LineStyle, Role, View
from tests import replay_inst as inst
from tests.replay import Replay, Reply
from tests.replay_inst import Feature, ask, read, sea_line, zone

# --- Marine Regions -------------------------------------------------------------------------------------

ZONES, LINES, RECORDS = (View("marine_regions", layer=layer) for layer in ("eez", "eez_boundaries", "gazetteer"))
CHILE = zone(shapely.box(-76, -40, -70, -18.3), 8465, "Chilean Exclusive Economic Zone", of=(("Chile", "CHL"),))
PERU = zone(shapely.box(-84, -18.3, -75, -3), 8432, "Peruvian Exclusive Economic Zone", of=(("Peru", "PER"),))
FALKLANDS = zone(
    shapely.box(-65, -56, -52, -47),
    8389,
    "Overlapping claim Falkland / Malvinas Islands: UK / Argentina",
    "Overlapping claim",
    of=(("United Kingdom", "GBR"), ("Argentina", "ARG")),
)
SOUTH_CHINA_SEA = zone(shapely.box(110, 5, 118, 20), 49003, "Overlapping claim South China Sea", "Overlapping claim")
PARALLEL = sea_line(
    shapely.LineString([(-70.4, -18.35), (-71.78, -18.35)]), 1, "Chile - Peru", "Treaty", ("Chile", "Peru")
)
"""SHAPE: zones and lines of invented outline, with the layers' real columns."""


def marine_regions(replay: Replay) -> None:
    others = [
        zone(shapely.box(n, 60, n + 0.5, 61), 1000 + n, f"Joint regime {n}", "Joint regime", of=(("Norway", "NOR"),))
        for n in range(60)
    ]
    rest = zone(shapely.box(0, 0, 1, 1), 7, "Ghanaian Exclusive Economic Zone", of=(("Ghana", "GHA"),))
    limit = sea_line(shapely.LineString([(0, 0), (1, 1)]), 9, "Ghana 200 NM", "200 NM", ("Ghana",))
    inst.serve_marine_regions(replay, [CHILE, PERU, FALKLANDS, SOUTH_CHINA_SEA, rest, *others], [PARALLEL, limit])


def test_the_zones_in_dispute_and_the_two_neighbours_come_page_by_page(replay: Replay, tmp_path: Path) -> None:
    marine_regions(replay)
    capture = ask(replay, ZONES, tmp_path)
    assert capture.fault is None
    assert capture.edition is not None
    assert (capture.edition.label, capture.edition.published_at) == ("v12", None)
    assert "2023" in capture.edition.evidence
    asked = [a.query for a in replay.asked if a.query.get("request") == "GetFeature"]
    assert [(q["startIndex"], q["count"], q["sortBy"]) for q in asked] == [
        ("0", "25", "mrgid"),
        ("25", "25", "mrgid"),
        ("50", "25", "mrgid"),
    ]
    assert {q["srsName"] for q in asked} == {"EPSG:4326"}
    reading = read(ZONES, tmp_path, capture)
    assert len(reading.features) == 64, "Ghana's zone is nobody's dispute and was not asked for"
    assert {f.role for f in reading.features} == {Role.SEA}
    by_name = {f.words["geoname"]: f for f in reading.features}
    assert by_name["Peruvian Exclusive Economic Zone"].code == "PER"
    overlap = by_name["Overlapping claim Falkland / Malvinas Islands: UK / Argentina"]
    assert overlap.owner == "?Overlapping claim: Argentina, United Kingdom"
    assert by_name["Overlapping claim South China Sea"].owner == "?Overlapping claim: Overlapping claim South China Sea"
    assert read(ZONES, tmp_path, capture) == reading


def test_lines_say_whether_they_are_settled(replay: Replay, tmp_path: Path) -> None:
    unsettled = sea_line(shapely.LineString([(20, 35), (21, 36)]), 2, "Greece - Türkiye", "Unsettled", ("Greece",))
    inst.serve_marine_regions(replay, [], [PARALLEL, unsettled])
    reading = read(LINES, tmp_path, ask(replay, LINES, tmp_path))
    assert [(f.word, f.style) for f in reading.features] == [
        ("Treaty", LineStyle.SOLID),
        ("Unsettled", LineStyle.DASHED),
    ]
    assert reading.features[0].words["sovereigns"] == "Chile, Peru"


@pytest.mark.parametrize(
    ("kind", "status", "style"),
    [
        ("Unsettled", LineStatus.INDEFINITE, LineStyle.DASHED),
        ("Unsettled (maritime)", LineStatus.INDEFINITE, LineStyle.DASHED),
        ("Unsettled median line (land)", LineStatus.INDEFINITE, LineStyle.DASHED),
        ("Court ruling", LineStatus.RECOGNISED, LineStyle.SOLID),
        ("Unilateral claim (undisputed)", LineStatus.CLAIM, LineStyle.SOLID),
    ],
)
def test_the_types_of_both_versions_say_what_they_mean(
    replay: Replay, tmp_path: Path, kind: str, status: LineStatus, style: LineStyle
) -> None:
    line = sea_line(shapely.LineString([(-75, -18.4), (-74, -18.4)]), 2, "Chile - Peru", kind, ("Chile", "Peru"))
    inst.serve_marine_regions(replay, [], [line])
    [read_line] = read(LINES, tmp_path, ask(replay, LINES, tmp_path)).features
    assert (read_line.word, read_line.style) == (kind, style)
    assert (status_from_word(kind), style_from_word(kind)) == (status, style)


def test_baselines_and_outer_limits_are_not_asked_for_however_they_are_written(replay: Replay, tmp_path: Path) -> None:
    kinds = ("Straight Baseline", "Straight baseline", "Normal baseline", "12 NM", "200 NM")
    course = shapely.LineString([(-75, -20), (-74, -20)])
    left_out = [sea_line(course, n, "Chile", kind, ("Chile",)) for n, kind in enumerate(kinds, 10)]
    inst.serve_marine_regions(replay, [], [PARALLEL, *left_out])
    assert [f.word for f in read(LINES, tmp_path, ask(replay, LINES, tmp_path)).features] == ["Treaty"]


def test_a_record_that_was_deleted_names_its_successor(replay: Replay, tmp_path: Path) -> None:
    deleted = json.loads((inst.MR / "record_8399.json").read_bytes())  # recorded: Bouvet's zone, re-issued
    record = inst.gazetteer_record(8465, preferredGazetteerName="Chilean Exclusive Economic Zone")
    record |= {name: deleted[name] for name in ("status", "accepted")}
    inst.serve_marine_regions(replay, [], records={8465: record})
    reading = read(RECORDS, tmp_path, ask(replay, RECORDS, tmp_path))
    [row] = [r for r in reading.rows if r.key == "MRGID 8465"]
    assert row.name == "Chilean Exclusive Economic Zone (deleted, now 49119)"
    assert row.code == "chile_peru_maritime"
    assert not reading.complete, "these few records say nothing of the places they do not name"


def swapped(feature: Feature) -> Feature:
    geometry = shapely.from_geojson(json.dumps(feature["geometry"]))
    return {**feature, "geometry": shapely.transform(geometry, lambda xy: xy[:, ::-1]).__geo_interface__}


@pytest.mark.parametrize(
    ("view", "zones", "lines", "kind", "says"),
    [
        (ZONES, [swapped(CHILE), PERU], [], "malformed", "latitude, longitude"),
        (ZONES, [CHILE, {**PERU, "geometry": None}], [], "partial", "no zone of Peru"),
        (ZONES, [CHILE], [], "partial", "no zone of Peru"),
        (ZONES, [CHILE, PERU, PERU], [], "partial", "one feature on two pages"),
        (ZONES, [], [], "partial", "nothing at all"),
        (
            ZONES,
            [CHILE, PERU, zone(shapely.box(0, 0, 1, 1), 5, "A lake", "Condominium")],
            [],
            "schema_changed",
            "'Condominium'",
        ),
        (LINES, [], [swapped(PARALLEL)], "malformed", "longitude, latitude"),
        (LINES, [], [sea_line(None, 4, "Elsewhere", "Treaty", ("Norway",))], "partial", "Chile or Peru"),
        (LINES, [], [PARALLEL, sea_line(None, 4, "New", "Award", ("Norway",))], "schema_changed", "'Award'"),
    ],
)
def test_what_the_reader_cannot_vouch_for_is_no_capture(
    replay: Replay,
    tmp_path: Path,
    view: View,
    zones: list[Feature],
    lines: list[Feature],
    kind: str,
    says: str,
) -> None:
    inst.serve_marine_regions(replay, zones, lines)
    fault = ask(replay, view, tmp_path).fault
    assert fault is not None
    assert (fault.kind, says in fault.message) == (kind, True), fault.message


def test_a_column_that_is_gone_is_named(replay: Replay, tmp_path: Path) -> None:
    bare = {**CHILE, "properties": {k: v for k, v in CHILE["properties"].items() if k != "geoname"}}
    inst.serve_marine_regions(replay, [bare])
    fault = ask(replay, ZONES, tmp_path).fault
    assert fault is not None
    assert fault.kind == "schema_changed"
    assert "lacks geoname" in fault.message


def test_a_version_that_cannot_be_told_is_the_title_itself(replay: Replay, tmp_path: Path) -> None:
    inst.serve_marine_regions(replay, [CHILE, PERU], titles={"eez": "Maritime zones, new series"})
    capture = ask(replay, ZONES, tmp_path)
    assert capture.edition is not None
    assert capture.edition.label == "Maritime zones, new series"


def test_a_layer_no_longer_announced_is_not_served(replay: Replay, tmp_path: Path) -> None:
    inst.serve_marine_regions(replay, [CHILE, PERU], titles={"iho": "IHO Sea Areas (v3, world, 2018)"})
    fault = ask(replay, ZONES, tmp_path).fault
    assert fault is not None
    assert (fault.kind, "MarineRegions:iho" in fault.message) == ("not_served", True)


@pytest.mark.parametrize(("status", "kind"), [(200, "malformed"), (400, "refused")])
def test_geoservers_own_words_reach_the_ledger(replay: Replay, tmp_path: Path, status: int, kind: str) -> None:
    marine_regions(replay)
    ask(replay, ZONES, tmp_path / "before")
    replay.on(inst.VLIZ, inst.WFS_PATH, Reply(inst.EXCEPTION, status=status, headers=inst.XML))
    fault = ask(replay, ZONES, tmp_path).fault
    assert fault is not None
    assert fault.kind == kind
    assert "Illegal property name: notvalidparameter for feature type MarineRegions:eez" in fault.message
    assert "InvalidParameterValue" in fault.message


def test_an_old_edition_is_not_served_because_the_service_keeps_none(replay: Replay, tmp_path: Path) -> None:
    marine_regions(replay)
    fault = ask(replay, ZONES, tmp_path, Edition("v11", None)).fault
    assert fault is not None
    assert fault.kind == "not_served"


def test_a_probe_counts_and_asks_for_no_geometry(replay: Replay) -> None:
    marine_regions(replay)
    with ProbingClient(routes={"*": replay.base}) as client:
        found = probe(sources.load("marine_regions"), client)
    told = {finding.about: (finding.found, finding.fine) for finding in found.findings}
    assert told["eez, version"] == ("Exclusive Economic Zones (200 NM) (v12, world, 2023)", True)
    assert told["eez, features"] == ("64", True)
    assert (told["eez, Overlapping claim"], told["eez, Joint regime"]) == (("2", True), ("60", True))
    assert told["eez_boundaries, Chile with Peru"] == ("1", True)
    assert {asked.query.get("resultType", "hits") for asked in replay.asked} == {"hits"}


# --- what OGC services say in XML ------------------------------------------------------------------------


def test_the_recorded_exception_is_read_whole() -> None:
    said = exception_from_xml(inst.EXCEPTION)
    assert said == (
        "InvalidParameterValue at GetFeature: "
        "Illegal property name: notvalidparameter for feature type MarineRegions:eez"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'<ServiceExceptionReport><ServiceException code="NoApplicableCode">too\n busy</ServiceException>'
         b"</ServiceExceptionReport>", "NoApplicableCode: too busy"),
        (b"<ServiceExceptionReport/>", "an exception without a text"),
        (b"<ows:ExceptionReport", "an exception report that is not well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "b">]><ExceptionReport>&b;</ExceptionReport>',
         "an exception report that is not well-formed"),
        (b"<html>An ExceptionReport is a document</html>", None),
        (b'{"type": "ExceptionReport"}', None),
        (b"", None),
    ],
)  # fmt: skip
def test_an_exception_is_told_from_everything_else(data: bytes, said: str | None) -> None:
    assert exception_from_xml(data) == said


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"<html/>", SchemaChanged),
        (b"<wfs:WFS_Capabilities", Malformed),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><WFS_Capabilities/>', Malformed),
    ],
)
def test_capabilities_that_are_none_are_refused(data: bytes, problem: type[CaptureProblem]) -> None:
    with pytest.raises(problem):
        layer_titles_from_capabilities(data, "capabilities")
