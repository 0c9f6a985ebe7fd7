"""The recorded history tells what is documented of it, and nothing absurd; run twice, rebuilt, damaged and mended.

The facts were read from the raw files themselves, by hand and without this package's comparison.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from borderwatch import pipeline
from borderwatch.changelog import ChangeLog
from borderwatch.cli import main
from borderwatch.disputes import catalogue
from borderwatch.models import Change, Comparison, Coverage, Depiction, Kind, Significance, Standing, Verdict
from borderwatch.settings import Settings
from borderwatch.snapshots import Snapshots
from borderwatch.workspace import workshop
from tests.recorded_history import Recorded, borderwatch, linked, recorded

__all__ = ["recorded"]  # a fixture

GROUND = ("transfer", "overlap", "appeared", "disappeared")


@pytest.fixture(scope="module")
def log(recorded: Recorded) -> Iterator[ChangeLog]:
    with ChangeLog(recorded.settings.database, readonly=True) as opened:
        yield opened


def between(log: ChangeLog, view: str, before: str, after: str, **filters: Any) -> list[Change]:
    """What changed in a view between two editions."""
    return [
        c
        for c in log.changes(view=view, **filters)
        if (c.before.edition, c.after.edition) != (None, None)
        and (c.before.edition.label if c.before.edition else "", c.after.edition.label if c.after.edition else "")
        == (before, after)
    ]


PASSED = (Kind.TRANSFER, Kind.GAP, Kind.LAND_WATER)


def passed(changes: list[Change]) -> set[tuple[str | None, str | None, str | None]]:
    """(dispute, who lost, who gained) of every substantive change of ground."""
    return {
        (c.dispute, c.loser, c.gainer)
        for c in changes
        if c.kind in (*PASSED, Kind.APPEARED, Kind.DISAPPEARED) and c.significance is Significance.SUBSTANTIVE
    }


def compared(log: ChangeLog, view: str, before: str, after: str) -> list[Comparison]:
    """The attestations between two editions of a view."""
    label = {c.id: c.edition.label if c.edition else "" for c in log.captures(view=view)}
    return [x for x in log.comparisons(view=view) if (label[x.before], label[x.after]) == (before, after)]


# --- the run itself --------------------------------------------------------------------------------------


def test_a_first_run_without_internet_ends_with_real_changes_and_maps(recorded: Recorded) -> None:
    assert "Nobody was asked (--offline)." in recorded.stdout
    assert "substantive changes new to the log" in recorded.stdout
    assert "Traceback" not in recorded.stdout + recorded.stderr
    assert "not readable" not in recorded.stdout
    assert (recorded.folder / "maps" / "index.html").is_file()
    assert "crimea" in recorded.stdout


def test_every_shipped_body_and_line_is_proven(recorded: Recorded) -> None:
    report = Snapshots(recorded.settings.snapshots).verify()
    assert report.damages == ()
    assert report.orphans == ()
    assert report.lines > 80
    assert report.bodies > 60


def test_no_shipped_attempt_is_a_failed_one(log: ChangeLog) -> None:
    assert log.counts().failed == 0


# --- what is documented ------------------------------------------------------------------------------------

TRANSFERS = [
    # view, before, after, dispute, loser, gainer, km2 measured on the raw file, tolerance
    ("world_atlas/default#50m", "1.1.4", "2.0.0", "crimea", "UA", "RU", 27_043, 0.002),
    ("world_atlas/default#110m", "1.1.4", "2.0.0", "crimea", "UA", "RU", 29_372, 0.002),
    ("plotly/default#50m", "1.19.2", "1.48.0", "crimea", "UA", "RU", 27_079, 0.002),
    ("plotly/default#110m", "1.19.2", "1.48.0", "crimea", "UA", "RU", 29_372, 0.002),
    ("geopandas_lowres/default", "0.4.1", "0.5.0", "crimea", "UA", "RU", 29_372, 0.002),
    ("geopandas_lowres/default", "0.12.1", "0.12.2", "crimea", "RU", "UA", 29_379, 0.002),
    ("visionscarto/default#50m", "0.0.5", "0.1.0", "crimea", "RU", "UA", 27_012, 0.002),
    ("visionscarto/default#110m", "0.0.5", "0.1.0", "crimea", "RU", "UA", 29_380, 0.002),
    ("plotly/default#50m", "1.48.0", "3.1.0", "crimea", "RU", "UA", 26_300, 0.02),
    ("echarts/default#world", "3.2.3", "3.3.1", "arunachal", "IN", "CN", 70_213, 0.01),
    ("echarts/default#world", "2.2.8", "3.1.1", "palestine", "PS", "IL", 5_005, 0.02),
    ("echarts/default#world", "3.3.1", "3.5.1", "palestine", "IL", "PS", 6_071, 0.02),
    ("echarts/default#world", "3.3.1", "3.5.1", "falklands", "GB", "FK", 10_920, 0.02),
    ("echarts/default#world", "3.5.1", "3.6.1", "kosovo", "XK", "RS", 10_720, 0.02),
    ("echarts/default#world", "3.5.1", "3.6.1", "western_sahara", "MA", "EH", 184_764, 0.01),
    ("echarts/default#world", "3.5.1", "3.6.1", "kashmir", "IN", "?", 103_442, 0.01),
    ("echarts/default#world", "3.5.1", "3.6.1", "kashmir", "PK", "?", 89_480, 0.01),
    ("echarts/default#world", "3.5.1", "3.6.1", "somaliland", "somaliland", "SO", 167_824, 0.01),
    ("surbowl_zh/CN", "2.0.2", "2.1.3", "arunachal", "IN", "CN", 69_587, 0.002),
    ("surbowl_zh/CN", "2.1.3", "2.1.4", "kosovo", "XK", "RS", 12_184, 0.002),
    ("plotly/default#50m", "3.1.1", "3.3.0", "ilemi", "SS", "ilemi", 2_881, 0.002),
    ("country_coder/default", "3.2.0", "4.0.0", "northern_cyprus", "CY", "northern_cyprus", 3_244, 0.02),
    ("country_coder/default", "3.2.0", "4.0.0", "bir_tawil", None, "bir_tawil", 2_001, 0.02),
]


@pytest.mark.parametrize(("view", "before", "after", "dispute", "loser", "gainer", "km2", "within"), TRANSFERS)
def test_the_log_tells_who_lost_and_who_gained(
    log: ChangeLog,
    view: str,
    before: str,
    after: str,
    dispute: str,
    loser: str | None,
    gainer: str,
    km2: float,
    within: float,
) -> None:
    found = [
        c
        for c in between(log, view, before, after, dispute=dispute)
        if c.kind in PASSED and (c.loser, c.gainer) == (loser, gainer)
    ]
    assert len(found) == 1
    change = found[0]
    assert change.significance is Significance.SUBSTANTIVE
    assert change.area_km2 == pytest.approx(km2, rel=within)
    assert change.inradius_km is not None
    assert change.limit_km is not None
    assert change.inradius_km >= change.limit_km
    assert change.geometry is not None
    assert change.geometry.is_valid
    assert not change.geometry.is_empty
    assert before in change.summary
    assert after in change.summary


def test_a_boundary_that_went_back_is_told_as_taken_back(log: ChangeLog) -> None:
    there, back = log.changes(source="geopandas_lowres", dispute="crimea", order="time")[::-1]
    assert (there.loser, there.gainer, back.loser, back.gainer) == ("UA", "RU", "RU", "UA")
    assert (there.reverts, back.reverts) == (None, there.id)
    assert "takes back the change of 2019-04-25" in back.summary


def test_where_a_transfer_was_is_where_crimea_is(log: ChangeLog) -> None:
    (change,) = between(log, "world_atlas/default#50m", "1.1.4", "2.0.0", dispute="crimea")
    assert change.geometry is not None
    west, south, east, north = change.geometry.bounds
    assert 32 < west < east < 37
    assert 44 < south < north < 46.5


def test_world_atlas_tells_of_crimea_alone(log: ChangeLog) -> None:
    """Names appear in 2.0 where 1.x had none, and -99 stood for four entities: naming, not transfers."""
    told = {c.dispute for c in log.changes(source="world_atlas")}
    assert told == {"crimea", "sevastopol"}


# Read from the files: what each unit of 1.48.0 lies under in 3.1.0. XJK, XAC, XAP, XHT and XBT are new units there.
SWITCHED = {
    ("aksai_chin", "CN", "aksai_chin"),
    ("arunachal", "IN", "arunachal"),
    ("bir_tawil", "SD", "bir_tawil"),
    ("crimea", "RU", "UA"),
    ("gilgit_baltistan", "PK", "kashmir"),
    ("halaib", "EG", "halaib"),
    ("ilemi", "KE", "SS"),
    ("kashmir", "CN", "aksai_chin"),
    ("kashmir", "IN", "kashmir"),
    ("kashmir", "PK", "kashmir"),
    ("kosovo", "?", "RS"),
    ("somaliland", "?", "SO"),
    ("western_sahara", "MA", "EH"),
}
SWITCHED_AT_50M = {
    ("azad_kashmir", "PK", "kashmir"),
    ("golan", "IL", "SY"),
    ("ladakh", "IN", "kashmir"),
    ("northern_cyprus", "?", "CY"),
    ("siachen", "?", "kashmir"),
}


def test_the_switch_to_un_geodata_is_told_with_every_dispute_it_touched(log: ChangeLog) -> None:
    fine = passed(between(log, "plotly/default#50m", "1.48.0", "3.1.0"))
    coarse = passed(between(log, "plotly/default#110m", "1.48.0", "3.1.0"))
    assert fine >= SWITCHED | SWITCHED_AT_50M
    assert coarse >= SWITCHED


def test_the_switch_to_un_geodata_is_told_with_nothing_else(log: ChangeLog) -> None:
    """Besides: Sevastopol with Crimea; Marouini, France's, is French Guiana's; a rim of Abyei is South Sudan's.

    Elsewhere French Guiana and, at 1:50m, Svalbard are drawn apart from France and Norway.
    """
    besides = {("sevastopol", "RU", "UA"), ("marouini", "FR", "GF"), ("abyei", "SD", "SS"), ("ladakh", "?", "kashmir")}
    # United Nations data draw what others give to a mainland as features of their own.
    besides |= {(None, "FR", "GF"), (None, "NO", "SJ"), (None, "FR", "RE"), ("mayotte", "FR", "YT")}
    besides |= {("siachen", "PK", "kashmir")}
    for view in ("plotly/default#50m", "plotly/default#110m"):
        told = passed(between(log, view, "1.48.0", "3.1.0"))
        assert told - SWITCHED - SWITCHED_AT_50M <= besides


@pytest.mark.parametrize("layer", ["50m", "110m"])
def test_after_the_switch_plotly_changed_once_only(log: ChangeLog, layer: str) -> None:
    view = f"plotly/default#{layer}"
    assert passed(between(log, view, "3.1.1", "3.3.0")) == {("ilemi", "SS", "ilemi")}
    assert len(between(log, view, "3.1.1", "3.3.0")) == 1
    later = [c for c in log.changes(view=view) if c.before.shown_at >= datetime(2025, 11, 14, tzinfo=UTC)]
    assert later == []


@pytest.mark.parametrize(
    ("dispute", "name"),
    [("west_bank", "West Bank"), ("gaza", "Gaza Strip"), ("northern_cyprus", "Northern Cyprus"), ("crimea", "Crimea")],
)
def test_country_coder_gives_features_of_their_own(log: ChangeLog, dispute: str, name: str) -> None:
    became = [
        c
        for c in log.changes(view="country_coder/default", dispute=dispute, significance="substantive")
        if c.new == name and c.kind in (Kind.APPEARED, Kind.TRANSFER)
    ]
    assert len(became) == 1
    edition = became[0].after.edition
    assert edition is not None
    assert edition.label == ("4.1.0" if dispute == "crimea" else "4.0.0")


def test_country_coder_once_coded_palestine_under_israel(log: ChangeLog) -> None:
    """``"country": "IL"`` stands in the feature PS up to 3.2.0."""
    assert ("palestine", "IL", "PS") in passed(between(log, "country_coder/default", "3.2.0", "4.0.0"))


SEA = {"1000m": (0.70, 0.80), "10000m": (0.67, 0.77), "geo-maps-10km": (0.64, 0.74)}


@pytest.mark.parametrize("layer", sorted(SEA))
def test_the_sea_between_chile_and_peru_is_shown_with_each_sides_share(log: ChangeLog, layer: str) -> None:
    """OpenStreetMap draws Peru's whole maritime domain, and of Chile's the territorial sea only: 186 km2 of it."""
    here = shown(log, "chile_peru_maritime", f"osm_maritime/default#{layer}")
    shares = {s.owner: s.share for s in here.depiction.shares}
    low, high = SEA[layer]
    assert low < shares["PE"] < high
    assert shares.get("CL", 0.0) < 0.01


def test_country_coder_draws_that_sea_as_the_judgment_does(log: ChangeLog) -> None:
    here = shown(log, "chile_peru_maritime", "country_coder/default")
    shares = {s.owner: s.share for s in here.depiction.shares}
    assert shares["PE"] > 0.4
    assert shares["CL"] > 0.4


RENAMED = [
    ("north_macedonia", "en", "Macedonia", "North Macedonia"),
    ("north_macedonia", "fr", "Macédoine", "Macédoine du Nord"),
    ("north_macedonia", "tr", "Makedonya", "Kuzey Makedonya"),
    ("kosovo", "el", "Κόσοβο", "Κοσσυφοπέδιο"),
    ("palestine", "ja", "パレスチナ", "パレスチナ自治区"),
    ("palestine", "hu", "Palesztin Terület", "Palesztin Autonómia"),
    ("falklands", "eu", "Malvinak", "Falklandak"),
    ("falklands", "ca", "Illes Malvines", "Illes Falkland"),
    ("hong_kong", "zh-Hant", "中華人民共和國香港特別行政區", "中國香港特別行政區"),
]


@pytest.mark.parametrize(("dispute", "lang", "old", "new"), RENAMED)
def test_unicodes_names_are_told_when_they_change(log: ChangeLog, dispute: str, lang: str, old: str, new: str) -> None:
    found = [
        c
        for c in log.changes(source="cldr", dispute=dispute, kind="renamed")
        if (c.subject, c.old, c.new) == (lang, old, new)
    ]
    assert len(found) == 1


def test_a_list_of_names_tells_of_names_alone(log: ChangeLog) -> None:
    assert {c.kind for c in log.changes(source="cldr")} == {Kind.RENAMED}


# --- what did not change, proven -----------------------------------------------------------------------------

STEADY = [
    ("world_atlas/default#110m", "2.0.0", "2.0.2"),
    ("world_atlas/default#50m", "2.0.0", "2.0.2"),
    ("world_atlas/default#10m", "2.0.0", "2.0.2"),
    ("surbowl_zh/CN", "2.1.4", "2.1.5"),
    ("plotly/default#50m", "3.1.0", "3.1.1"),
]


@pytest.mark.parametrize(("view", "before", "after"), STEADY)
def test_what_did_not_change_is_attested(log: ChangeLog, view: str, before: str, after: str) -> None:
    comparisons = compared(log, view, before, after)
    assert comparisons
    assert {x.verdict for x in comparisons} <= {Verdict.UNCHANGED, Verdict.NOT_COVERED, Verdict.NOT_RESOLVABLE}
    (crimea,) = (x for x in comparisons if x.dispute == "crimea")
    assert crimea.verdict is Verdict.UNCHANGED
    assert crimea.limit_km is not None
    assert between(log, view, before, after) == []


WATCHED = ["aksai_chin", "arunachal", "bir_tawil", "crimea", "halaib", "kashmir", "northern_cyprus", "somaliland"]


@pytest.mark.parametrize("dispute", [*WATCHED, "western_sahara"])
def test_the_coarse_map_of_plotly_was_mended_without_a_change_of_depiction(log: ChangeLog, dispute: str) -> None:
    """3.1.1 simplified the 1:110m map anew: pieces below the scale's resolution moved, no dispute's owner."""
    assert passed(between(log, "plotly/default#110m", "3.1.0", "3.1.1")) == set()
    here = [x for x in compared(log, "plotly/default#110m", "3.1.0", "3.1.1") if x.dispute == dispute]
    assert [x.verdict for x in here] == [Verdict.UNCHANGED] or dispute == "arunachal"


def test_another_resolution_is_no_transfer(log: ChangeLog) -> None:
    """surbowl_zh 2.0.2 has thrice the vertices of 1.2.1 and the same owners, and the Siachen Glacier apart."""
    assert passed(between(log, "surbowl_zh/CN", "1.2.1", "2.0.2")) == {("siachen", "PK", "siachen")}


@pytest.mark.parametrize("source", ["natural_earth_de", "osm_maritime"])
def test_one_edition_is_no_change(log: ChangeLog, source: str) -> None:
    assert log.changes(source=source) == []


# --- nothing absurd ---------------------------------------------------------------------------------------------


def test_no_substantive_change_is_below_what_its_source_can_show(log: ChangeLog) -> None:
    for c in log.changes(kind="transfer", significance="substantive"):
        assert c.inradius_km is not None, c.summary
        assert c.limit_km is not None, c.summary
        assert c.inradius_km >= c.limit_km, c.summary
        assert c.ratio is None or c.ratio >= 3.0, c.summary
        assert c.loser != c.gainer, c.summary


def test_no_change_concerns_ground_its_dispute_has_nothing_to_do_with(log: ChangeLog) -> None:
    """Nobody outside (claimants, who administers it, the thing itself, neighbours named here) gains disputed land."""
    wanted = {
        "crimea": {"UA", "RU"},
        "arunachal": {"IN", "CN", "arunachal", "BT"},
        "ilemi": {"SS", "KE", "ET", "ilemi"},
    }
    for dispute, parties in wanted.items():
        for c in log.changes(dispute=dispute, kind="transfer", significance="substantive"):
            assert {c.loser, c.gainer} <= parties, c.summary


def test_every_change_is_told_in_one_plain_sentence(log: ChangeLog) -> None:
    called = {d.slug: d.name for d in catalogue(geometry=False)}
    for c in log.changes():
        assert c.summary.endswith("."), c.summary
        assert "\n" not in c.summary
        assert "None" not in c.summary
        own_words = c.summary.replace(called.get(c.dispute or "", "(elsewhere)"), "")
        assert " border" not in own_words.casefold().replace("border-line", ""), c.summary


def test_a_change_and_what_is_shown_agree(log: ChangeLog) -> None:
    """After a transfer of a whole dispute the winner stands first in what the view shows."""
    by_capture: dict[tuple[str, str], Depiction] = {(d.capture, d.dispute): d for d in log.depictions()}
    checked = 0
    for c in log.changes(kind="transfer", significance="substantive"):
        if (c.share or 0.0) < 0.75 or c.dispute is None:
            continue
        before, after = by_capture[c.before.id, c.dispute], by_capture[c.after.id, c.dispute]
        if before.coverage is Coverage.SHOWN and c.loser is not None:
            assert before.shares[0].owner == c.loser, c.summary
        if after.coverage is Coverage.SHOWN and c.gainer is not None:
            assert after.shares[0].owner == c.gainer, c.summary
        checked += 1
    assert checked > 20


def test_the_past_can_be_asked_for(log: ChangeLog) -> None:
    then = datetime(2018, 1, 1, tzinfo=UTC)
    owner = {
        str(s.depiction.view): s.depiction.shares[0].owner for s in log.standings("crimea", then) if s.depiction.shares
    }
    assert owner["world_atlas/default#50m"] == "UA"
    now = shown(log, "crimea", "world_atlas/default#50m")
    assert now.depiction.shares[0].owner == "RU"
    assert now.since == datetime(2019, 8, 31, tzinfo=UTC)


def test_every_view_says_something_of_every_dispute(log: ChangeLog) -> None:
    """Shown, not resolvable or not covered, each with its reason: never an empty cell."""
    for d in log.depictions():
        assert d.coverage is Coverage.SHOWN or d.reason, (d.view, d.dispute)


def shown(log: ChangeLog, dispute: str, view: str) -> Standing:
    (standing,) = (s for s in log.standings(dispute) if str(s.depiction.view) == view)
    return standing


# --- through the command line -------------------------------------------------------------------------------------


def test_the_command_line_tells_the_same(recorded: Recorded) -> None:
    words = ["-C", str(recorded.folder), "changes", "--dispute", "Crimea", "--source", "world_atlas", "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    fine = next(c for c in json.loads(done.stdout) if c["layer"] == "50m")
    assert (fine["from"], fine["to"], fine["kind"]) == ("UA", "RU", "transfer")
    assert fine["area_km2"] == pytest.approx(27_043, rel=0.002)
    assert fine["before"]["edition"] == "1.1.4"
    assert fine["after"]["shown_at"].startswith("2019-08-31")


# --- run twice, rebuild, damage ------------------------------------------------------------------------------------


@pytest.fixture
def own(recorded: Recorded, tmp_path: Path) -> Path:
    """A workspace with the recorded history, to be written into."""
    return linked(recorded, tmp_path)


def digest(folder: Path) -> str:
    with ChangeLog(folder / "borderwatch.db", readonly=True) as log:
        return log.content_digest()


def test_a_second_run_writes_no_change_and_says_so(own: Path) -> None:
    before = digest(own)
    done = CliRunner().invoke(main, ["-C", str(own), "run", "--offline"])
    assert done.exit_code == 0, done.output
    assert "No change." in done.output
    assert "new to the log" not in done.output
    assert digest(own) == before


def test_a_run_that_reaches_nobody_changes_nothing_and_says_who_did_not_answer(
    own: Path, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ChangeLog(own / "borderwatch.db", readonly=True) as log:
        before = {c.id for c in log.changes()}
    done = CliRunner().invoke(main, ["-C", str(own), "run", "--all"])
    assert done.exit_code == 1, done.output
    assert "No change." in done.output
    assert "unreachable" in done.output
    assert "Traceback" not in done.output
    with ChangeLog(own / "borderwatch.db", readonly=True) as log:
        assert {c.id for c in log.changes()} == before
        assert log.counts().failed > 0


def test_a_log_made_again_has_the_same_content(recorded: Recorded, own: Path) -> None:
    """The command, from an archive whose log is gone."""
    (own / "borderwatch.db").unlink()
    done = borderwatch("rebuild", cwd=own, timeout_s=400)
    assert done.returncode == 0, done.stderr
    expected = digest(recorded.folder)
    assert expected[:16] in done.stdout
    assert digest(own) == expected


SMALL = "geopandas_lowres"


@pytest.fixture
def small(tmp_path: Path, recorded: Recorded) -> Settings:
    """A workspace with one source's history, to be damaged."""
    shutil.copytree(recorded.settings.snapshots / SMALL, tmp_path / "snapshots" / SMALL)
    return Settings.load(tmp_path)


def verified(settings: Settings) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["-C", str(settings.workspace), "verify"])
    return done.exit_code, done.output


def test_an_untouched_archive_is_proven(small: Settings) -> None:
    code, said = verified(small)
    assert code == 0
    assert "Everything is what was written." in said


def test_one_flipped_byte_in_a_body_is_named(small: Settings) -> None:
    body = min(small.snapshots.rglob("*.zst"), key=lambda p: p.name)
    data = bytearray(body.read_bytes())
    data[len(data) // 2] ^= 1
    body.write_bytes(data)
    code, said = verified(small)
    assert code == 1
    assert body.name in said.replace("\n", "")
    assert said.count("damaged") == 1


def test_a_body_that_is_gone_is_named(small: Settings) -> None:
    body = min(small.snapshots.rglob("*.zst"), key=lambda p: p.name)
    body.unlink()
    code, said = verified(small)
    assert code == 1
    assert body.name.partition(".")[0] in said.replace("\n", "")


@pytest.mark.parametrize("line", [0, 1, -1])
def test_an_edited_ledger_line_is_named(small: Settings, line: int) -> None:
    ledger = small.snapshots / SMALL / "captures.jsonl"
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    number = range(len(lines))[line] + 1
    lines[line] = lines[line].replace("public domain", "Public domain", 1)
    ledger.write_text("".join(lines), encoding="utf-8")
    code, said = verified(small)
    assert code == 1
    assert "captures.jsonl" in said
    assert f"line {number}" in said


def test_a_ledger_that_lost_its_last_line_is_named(small: Settings) -> None:
    ledger = small.snapshots / SMALL / "captures.jsonl"
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    ledger.write_text("".join(lines[:-1]), encoding="utf-8")
    assert verified(small)[0] == 1


def test_a_lost_log_of_one_source_is_made_again_alike(small: Settings) -> None:
    def derived() -> str:
        with workshop(small) as shop:
            shop.jobs = 1
            report = pipeline.derive(shop)
            assert len(report.news) == shop.log.counts().changes
            return shop.log.content_digest()

    first = derived()
    small.database.unlink()
    assert derived() == first


def test_a_body_that_cannot_be_read_is_told_and_the_rest_goes_on(small: Settings) -> None:
    body = min(small.snapshots.rglob("*.zst"), key=lambda p: p.name)
    body.write_bytes(b"\x28\xb5\x2f\xfd broken")
    with workshop(small) as shop:
        shop.jobs = 1
        report = pipeline.derive(shop)
        assert report.unread
        assert {c.body for c, _ in report.unread} == {body.name.partition(".")[0]}
        assert len(shop.log.depictions(dispute="crimea")) > 0
