"""Stories on real, dated data: what is documented to have changed is found, and nothing else is invented.

The data lie outside the project (see ``conftest.shared``); without them every test here is skipped, saying so.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from borderwatch import twofiles
from borderwatch.diff import elsewhere
from borderwatch.mapfile import MapFile
from borderwatch.models import Kind, Significance, Verdict
from tests.documented import NOT_TOLD, Label, changes, invented, labels, passed, substantive, told_right

LOWRES = "geopandas_naturalearth_lowres/{}/naturalearth_lowres.shp"
LOWRES_2016, LOWRES_2019, LOWRES_2022 = (
    LOWRES.format(v) for v in ("2016-04-29_f038a86", "2019-01-01_e7f320b", "2022-06-05_afa6806")
)


@functools.cache
def compared(before: Path, after: Path) -> twofiles.Compared:
    return twofiles.compare(before, after)


# --- Crimea, three times ----------------------------------------------------------------------------------


def test_geopandas_lowres_gave_crimea_to_russia_and_nothing_else(shared: Path) -> None:
    both = compared(shared / "data" / LOWRES_2016, shared / "data" / LOWRES_2019)
    assert passed(changes(both)) == {("crimea", "UA", "RU"), ("sevastopol", "UA", "RU")}
    [crimea] = changes(both, about="crimea")
    assert crimea.significance is Significance.SUBSTANTIVE
    assert crimea.area_km2 == pytest.approx(29_407, rel=0.01)
    assert crimea.noise_floor_km == 0
    assert both.elsewhere == ()


def test_geopandas_lowres_of_2022_only_renamed(shared: Path) -> None:
    both = compared(shared / "data" / LOWRES_2019, shared / "data" / LOWRES_2022)
    assert [(c.dispute, c.kind, c.old, c.new) for c in changes(both)] == [
        ("north_macedonia", Kind.RENAMED, "Macedonia", "North Macedonia")
    ]
    assert both.elsewhere == ()


def test_what_passed_there_passes_back(shared: Path) -> None:
    there = compared(shared / "data" / LOWRES_2016, shared / "data" / LOWRES_2019)
    back = compared(shared / "data" / LOWRES_2019, shared / "data" / LOWRES_2016)
    [went], [came] = changes(there, about="crimea"), changes(back, about="crimea")
    assert (came.loser, came.gainer) == (went.gainer, went.loser) == ("RU", "UA")
    assert came.area_km2 == pytest.approx(went.area_km2)


@pytest.mark.parametrize(("scale", "km2"), [("50m", 27_033), ("10m", 27_095)])
def test_natural_earth_4_gave_crimea_to_russia_and_invents_nothing(shared: Path, scale: str, km2: float) -> None:
    # A vertex diff flags 155 of 233 countries of this pair, an overlay gives 3,381 pieces.
    folder = shared / "data" / "derived" / f"ne_{scale}_countries{'_windows' if scale == '10m' else ''}"
    both = compared(folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson")
    assert {c.dispute for c in substantive(both)} == {"crimea", "sevastopol"}
    [crimea] = [c for c in changes(both, about="crimea") if c.kind is Kind.TRANSFER]
    assert (crimea.loser, crimea.gainer) == ("UA", "RU")
    assert crimea.area_km2 == pytest.approx(km2, rel=0.005)
    assert both.elsewhere == ()


def test_natural_earth_4_at_110m_is_unchanged_where_it_can_tell(shared: Path) -> None:
    folder = shared / "data" / "derived" / "ne_110m_countries"
    both = compared(folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson")
    assert substantive(both) == []
    assert {r.comparison.verdict for r in both.results} >= {Verdict.UNCHANGED, Verdict.NOT_RESOLVABLE}


# --- labelled pairs, row by row ------------------------------------------------------------------------------


def rows() -> Iterator[pytest.param]:
    for row in labels():
        why = NOT_TOLD.get(row.key)
        yield pytest.param(row, id=row.key, marks=[pytest.mark.xfail(strict=True, reason=why)] if why else [])


@pytest.mark.parametrize("label", [*rows()] or [pytest.param(None, id="-")])
def test_every_labelled_row(label: Label | None, shared: Path) -> None:
    assert label is not None
    folder = shared / "data" / label.source
    both = compared(folder / label.before / label.file, folder / label.after / label.file)
    assert told_right(label, both), [(c.kind, c.loser, c.gainer, c.share) for c in changes(both)]


def pairs() -> Iterator[pytest.param]:
    for source, file, before, after in dict.fromkeys((r.source, r.file, r.before, r.after) for r in labels()):
        yield pytest.param(source, file, before, after, id=f"{source}/{file}:{after[:10]}")


@pytest.mark.parametrize(("source", "file", "before", "after"), [*pairs()] or [pytest.param("", "", "", "", id="-")])
def test_nothing_substantive_is_invented_in_the_labelled_files(
    shared: Path, source: str, file: str, before: str, after: str
) -> None:
    folder = shared / "data" / source
    both = compared(folder / before / file, folder / after / file)
    assert invented(f"{source}/{after}", both) == []


# --- the change log of Natural Earth -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "dispute", "kind", "pair"),
    [
        # 1.3.0, undocumented: the Palestinian Territories are split into West Bank and Gaza.
        (
            "v1.2.0/ne_50m_admin_0_countries.shp",
            "v1.3.0/ne_50m_admin_0_countries.shp",
            "west_bank",
            Kind.APPEARED,
            None,
        ),
        # 2.0.0: and recombined.
        (
            "v1.4.0/ne_50m_admin_0_countries.shp",
            "v2.0.0/ne_50m_admin_0_countries.shp",
            "west_bank",
            Kind.DISAPPEARED,
            None,
        ),
        # 4.0.0, issue 177: Donetsk and Luhansk become a disputed area of their own.
        (
            "v3.x_lifewinning_2014-11/ne_10m_admin_0_disputed_areas.geojson",
            "v4.0.0/ne_10m_admin_0_disputed_areas.json",
            "donetsk_luhansk",
            Kind.APPEARED,
            None,
        ),
        # 4.0.0, issue 177: and so does Crimea.
        (
            "v3.x_lifewinning_2014-11/ne_10m_admin_0_disputed_areas.geojson",
            "v4.0.0/ne_10m_admin_0_disputed_areas.json",
            "crimea",
            Kind.APPEARED,
            None,
        ),
        # 4.0.0, issue 197: Kosovo is no longer among the disputed areas.
        (
            "v3.x_lifewinning_2014-11/ne_10m_admin_0_disputed_areas.geojson",
            "v4.0.0/ne_10m_admin_0_disputed_areas.json",
            "kosovo",
            Kind.DISAPPEARED,
            None,
        ),
    ],
)
def test_a_documented_change_of_natural_earth(
    shared: Path, before: str, after: str, dispute: str, kind: Kind, pair: None
) -> None:
    folder = shared / "data" / "natural_earth"
    both = compared(folder / before, folder / after)
    kinds = {c.kind for c in changes(both, about=dispute)}
    # An area that comes from nothing is told as ground that got a holder, or as a feature that appeared.
    assert kinds & {kind, Kind.TRANSFER, Kind.GAP}


def test_renames_of_natural_earth_4_are_no_transfers(shared: Path) -> None:
    # 4.0.0: Czechia, Cabo Verde, Congo; 4.1.0: eSwatini; Kosovo coded XK. Negative controls of the change log.
    folder = shared / "data" / "derived" / "ne_50m_countries"
    both = compared(folder / "ne3x_2016.geojson", folder / "ne4.1_2018.geojson")
    assert both.elsewhere == ()
    assert changes(both, about="kosovo") == []


# --- the sea between Chile and Peru ---------------------------------------------------------------------------------


def test_the_disputed_sea_becomes_perus_and_chiles(shared: Path) -> None:
    folder = shared / "data" / "derived" / "chile_peru_eez"
    both = compared(folder / "2013_ohi_pre_judgment.geojson", folder / "2014-10_marineregions_land_eez_v2.geojson")
    found = {(c.loser, c.gainer): c.area_km2 or 0 for c in changes(both, about="chile_peru_maritime")}
    assert found["?DISPUTED", "PE"] == pytest.approx(20_800, rel=0.02)
    # Of 46,900 km2 that become Chile's, 17,000 lie between the rival lines of the catalogue.
    assert found["?DISPUTED", "CL"] >= 15_000


# --- worldviews side by side ------------------------------------------------------------------------------------------


def test_three_worldviews_of_one_source_differ_where_they_are_known_to(shared: Path) -> None:
    # A divergence, not a change: but what differs between two audiences is found by the same comparison.
    folder = shared / "data" / "wri_bounds" / "2016-11-24_e1bffe7"
    default, chinese, indian = (folder / f"{v}_countries.min.geojson" for v in ("all", "cn", "in"))
    to_china = {d for d, _, gainer in passed(substantive(compared(default, chinese))) if gainer == "CN"}
    to_india = {d for d, _, gainer in passed(substantive(compared(default, indian))) if gainer == "IN"}
    assert {"taiwan", "arunachal"} <= to_china
    assert {"gilgit_baltistan", "azad_kashmir", "kashmir"} <= to_india
    assert "arunachal" not in to_india


def test_united_nations_view_of_datacommons(shared: Path) -> None:
    folder = shared / "data" / "google_datacommons"
    both = compared(
        folder / "2023-09-14_9b4300f" / "geoJsonCoordinates__earth_country_dp13.json",
        folder / "2023-09-14_e25b08e" / "geoJsonCoordinatesUN__earth_country_dp13.json",
    )
    assert {("EG", "SD"), ("FR", "GF"), ("CN", "TW"), (None, "RS"), (None, "EH")} <= {
        (c.loser, c.gainer) for c in [*changes(both), *both.elsewhere]
    }
    # Outside the disputes: French Guiana and Svalbard are drawn apart, and 856 slivers are not told.
    assert {(c.loser, c.gainer) for c in both.elsewhere} == {("FR", "GF"), ("NO", "SJ")}


@pytest.mark.parametrize(
    ("one", "other", "true"),
    [
        # Natural Earth against itself, 1:50m and 1:110m: one edition, Crimea handed over at 50m only.
        ("derived/ne_50m_countries/ne4.1_2018.geojson", "derived/ne_110m_countries/ne4.1_2018.geojson", {("RU", "UA")}),
        # Other vendors.
        (
            "johan_world_geo_json/2016-06-07_714f3ef/countries.geo.json",
            "derived/ne_50m_countries/ne4.1_2018.geojson",
            {("UA", "RU"), ("GF", "FR")},
        ),
        (
            "geopandas_naturalearth_lowres/2019-01-01_e7f320b/naturalearth_lowres.shp",
            "apache_echarts/2017-02-08_1613aff/world.json",
            {("IN", "CN"), ("RU", "UA"), ("TW", "CN")},
        ),
    ],
)
def test_two_scales_or_two_vendors_differ_only_in_who_holds_what(
    shared: Path, one: str, other: str, true: set[tuple[str, str]]
) -> None:
    # Natural generalisation: some 2,400 pieces of a kilometre and more lie between two such maps.
    worlds = [MapFile(shared / "data" / f).world(n) for n, f in enumerate((one, other))]
    assert {(f.loser, f.gainer) for f in elsewhere.findings(worlds[0], worlds[1], [])} == true


# --- noise made of real maps ---------------------------------------------------------------------------------------


def rewritten(data: dict, how: str) -> str:  # type: ignore[type-arg]
    """The same GeoJSON written by another program."""

    def rounded(value: object) -> object:
        if isinstance(value, float):
            return round(value, 7)
        return [rounded(v) for v in value] if isinstance(value, list) else value

    def raised(value: object) -> object:
        if isinstance(value, list) and value and isinstance(value[0], int | float):
            return [*value, 0.0]
        return [raised(v) for v in value] if isinstance(value, list) else value

    def wound(value: object, depth: int) -> object:
        assert isinstance(value, list)
        return [wound(v, depth - 1) for v in value] if depth > 1 else list(reversed(value))

    features = list(data["features"])
    if how == "backwards":
        features.reverse()
    for i, feature in enumerate(features):
        geometry = dict(feature["geometry"])
        if how == "seven places":
            geometry["coordinates"] = rounded(geometry["coordinates"])
        if how == "heights":
            geometry["coordinates"] = raised(geometry["coordinates"])
        if how == "wound the other way":
            geometry["coordinates"] = wound(geometry["coordinates"], 2 if geometry["type"] == "Polygon" else 3)
        features[i] = {**feature, "geometry": geometry}
    if how == "one part a feature":
        features = [
            {**f, "geometry": json.loads(shapely.to_geojson(part))}
            for f in features
            for part in shapely.get_parts(shapely.from_geojson(json.dumps(f["geometry"])))
        ]
    indent = 2 if how == "indented" else None
    return json.dumps({**data, "features": features}, indent=indent, ensure_ascii=how == "indented")


@pytest.mark.parametrize(
    ("how", "scale"),
    [
        ("backwards", "110m"),
        ("seven places", "50m"),
        ("heights", "110m"),
        ("wound the other way", "110m"),
        ("one part a feature", "50m"),
        ("indented", "110m"),
    ],
)
def test_the_same_real_map_written_otherwise_is_no_change(shared: Path, tmp_path: Path, how: str, scale: str) -> None:
    # 24 editions of GISCO are this: the same geometry, serialised again.
    source = shared / "data" / "derived" / f"ne_{scale}_countries" / "ne4.1_2018.geojson"
    again = tmp_path / "again.geojson"
    again.write_text(rewritten(json.loads(source.read_bytes()), how), encoding="utf-8")
    both = twofiles.compare(source, again)
    assert changes(both) == []
    assert both.elsewhere == ()
    assert not both.changed


def test_a_third_of_the_features_gone_is_suspect(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "derived" / "ne_50m_countries" / "ne4.1_2018.geojson"
    data = json.loads(source.read_bytes())
    data["features"] = data["features"][: len(data["features"]) * 2 // 3]
    partial = tmp_path / "partial.geojson"
    partial.write_text(json.dumps(data), encoding="utf-8")
    both = twofiles.compare(source, partial)
    assert both.doubt is not None
    assert {r.comparison.verdict for r in both.results if r.comparison.verdict is not Verdict.NOT_COVERED} == {
        Verdict.SUSPECT
    }
