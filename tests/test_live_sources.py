"""The sources asked live, end to end over loopback: what they ask, what they keep, what they refuse to read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotModified,
    NotServed,
    Partial,
    RateLimited,
    SchemaChanged,
    TooLarge,
    Unreachable,
)
from borderwatch.fetch import Client
from borderwatch.formats import html_table
from borderwatch.formats.html_table import rows_from_html_table, rows_from_markdown_table
from borderwatch.models import Body, Capture, Edition, LineStyle, Outcome, Part, Role, Row, Snapshot, View
from borderwatch.source import Source
from borderwatch.sources import iana_root, natural_earth, windows_geoid
from borderwatch.sources.iana_root import IanaRoot
from borderwatch.sources.natural_earth import NaturalEarth
from borderwatch.sources.windows_geoid import WindowsGeoid
from tests.replay import Replay, Reply, captcha, error_page, json_reply, page_reply, too_many

RECORDINGS = Path(__file__).parent / "recordings"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def captured(view: View, body: Body) -> Capture:
    """The ledger's record of a body just captured."""
    return Capture(
        id="1",
        view=view,
        taken_at=NOW,
        outcome=Outcome.KEPT,
        live=True,
        url=body.url,
        edition=body.edition,
        body="00",
        headers=body.headers,
    )


def snapshot(view: View, data: bytes, name: str = "x") -> Snapshot:
    return Snapshot(captured(view, Body((Part(name, data),), "")), (Part(name, data),))


def capture(source: Source, view: View, replay: Replay, known: Capture | None = None) -> Body:
    with replay.client() as client:
        return source.capture(view, client.asking(known))


@pytest.mark.parametrize("source", [NaturalEarth(), IanaRoot(), WindowsGeoid()], ids=lambda source: source.name)
def test_a_source_says_who_it_is(source: Source) -> None:
    module = type(source).__module__.rpartition(".")[2]
    assert source.name == module
    assert all(view.source == source.name and view.layer in source.layers for view in source.views())
    assert len(set(source.views())) == len(source.views())
    assert source.watches
    assert source.proven
    assert source.first_contact
    assert source.terms.licence


# --- IANA's root zone -----------------------------------------------------------------------------


IANA = View("iana_root")


def root_page(rows: Mapping[str, tuple[str, str]]) -> bytes:
    """SHAPE: a page of the real markup with these domains, their types and managers."""
    body = "".join(
        f'<tr><td>\n\n<span class="domain tld"><a href="/domains/root/db/{domain[1:]}.html">{domain}</a></span></td>'
        f"<td>{kind}</td><td>{manager}</td></tr>\n"
        for domain, (kind, manager) in rows.items()
    )
    head = "<thead><tr><th>Domain</th><th>Type</th><th>TLD Manager</th></tr></thead>"
    return f'<!doctype html><html><table id="tld-table">{head}<tbody>{body}</tbody></table></html>'.encode()


def whole_root() -> dict[str, tuple[str, str]]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    codes = [f".{a}{b}" for a in letters for b in letters][:400]
    names = [f".{a}{b}{c}" for a in letters for b in letters for c in "xyz"][:1100]
    rows = dict.fromkeys(codes, ("country-code", "Someone")) | dict.fromkeys(names, ("generic", "Inc."))
    rows |= dict.fromkeys((".fr", ".jp", ".br", ".za", ".ps", ".uk", ".su"), ("country-code", "Someone"))
    return rows | {".com": ("generic", "Inc."), ".an": ("country-code", "Not assigned")}


def test_the_root_zone_is_read_whole_and_twice_the_same(replay: Replay) -> None:
    replay.on("www.iana.org", "/domains/root/db", page_reply(root_page(whole_root()).decode(), headers={"ETag": '"7"'}))
    body = capture(IanaRoot(), IANA, replay)
    reading = IanaRoot().read(Snapshot(captured(IANA, body), body.parts))
    rows = {row.key: row for row in reading.rows}
    assert len(rows) == len(whole_root())
    assert (rows[".ps"].code, rows[".uk"].code, rows[".su"].code, rows[".com"].code) == ("PS", "GB", None, None)
    assert rows[".an"].kind == "country-code, not assigned"
    assert reading.complete
    assert IanaRoot().read(Snapshot(captured(IANA, body), body.parts)) == reading
    with pytest.raises(NotModified):
        capture(IanaRoot(), IANA, replay, captured(IANA, body))


def test_a_right_to_left_domain_is_the_same_however_it_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iana_root, "FEWEST_ROWS", 1)
    monkeypatch.setattr(iana_root, "FEWEST_COUNTRY_CODES", 1)
    monkeypatch.setattr(iana_root, "SENTINELS", (".ps",))
    page = (RECORDINGS / "iana_root" / "shape.html").read_bytes()
    rows = IanaRoot().read(snapshot(IANA, page)).rows
    assert [(row.key, row.code) for row in rows] == [
        (".ps", "PS"),
        (".فلسطين", None),
        (".tw", "TW"),
        (".uk", "GB"),
        (".an", None),
    ]
    bare = page.replace(b"&#x202b;", b"").replace(b"&#x202c;&#x200e;", b"")
    assert IanaRoot().read(snapshot(IANA, bare)).rows == rows


@pytest.mark.parametrize("missing", [".fr", "many", "country codes"])
def test_a_root_zone_with_rows_missing_is_partial_so_that_nothing_is_delisted(replay: Replay, missing: str) -> None:
    rows = whole_root()
    if missing == "many":
        rows = dict(list(rows.items())[:700]) | {domain: rows[domain] for domain in iana_root.SENTINELS}
    elif missing == "country codes":
        rows = {
            domain: about for domain, about in rows.items() if about[0] == "generic" or domain in iana_root.SENTINELS
        }
        rows |= {f".more{n}": ("generic", "Inc.") for n in range(200)}
    else:
        del rows[missing]
    replay.on("www.iana.org", "/domains/root/db", page_reply(root_page(rows).decode()))
    with pytest.raises(Partial, match="not whole"):
        capture(IanaRoot(), IANA, replay)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (root_page(whole_root() | {".new": ("blockchain", "Inc.")}), SchemaChanged),
        (root_page(whole_root() | {"no domain": ("generic", "Inc.")}), SchemaChanged),
        (b"<html><body><table><tr><th>Name</th></tr></table></body></html>", SchemaChanged),
        (b"<html></html>", SchemaChanged),
    ],
)
def test_a_root_zone_in_a_new_form_is_said_not_guessed(replay: Replay, page: bytes, kind: type[CaptureProblem]) -> None:
    replay.on("www.iana.org", "/domains/root/db", page_reply(page.decode()))
    with pytest.raises(kind):
        capture(IanaRoot(), IANA, replay)


# --- Windows' locations --------------------------------------------------------------------------------


GEOID = View("windows_geoid")
LEARN, GITHUB = "learn.microsoft.com", "raw.githubusercontent.com"
LEARN_PATH, GITHUB_PATH = windows_geoid.PAGE.partition(LEARN)[2], windows_geoid.MARKDOWN.partition(GITHUB)[2]


def locations(**changes: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """SHAPE: as many locations as the table has, the sentinels and the disputed ones by their real names."""
    rows = {str(n): (f"Place {n}", f"Republic of Place {n}") for n in range(1000, 1300)}
    rows |= {"84": ("France", "French Republic"), "122": ("Japan", "Japan"), "32": ("Brazil", "Brazil")}
    rows |= {"184": ("Palestinian Authority", "Palestinian National Authority"), "9914689": ("Kosovo", "Kosovo")}
    rows |= {"19618": ("Macedonia, FYRO", "The Former Yugoslav Republic of Macedonia"), "258": ("Wake Island", "")}
    return rows | {key.removeprefix("_"): value for key, value in changes.items()}


def markdown(rows: Mapping[str, tuple[str, str]]) -> bytes:
    lines = ["| " + " | ".join(windows_geoid.COLUMNS) + " |", "|---|:--:|---|---|"]
    lines += [f"| {hex(int(key))} | {key} | {short} | {long} |" for key, (short, long) in rows.items()]
    return ("# Table of Geographical Locations\n\nThis topic lists\n\n" + "\n".join(lines) + "\n\n \n").encode()


def page(rows: Mapping[str, tuple[str, str]]) -> bytes:
    head = "".join(f"<th>{column}</th>" for column in windows_geoid.COLUMNS)
    body = "".join(
        f"<tr>\n<td>{hex(int(key))}</td>\n<td>{key}</td>\n<td>{short}</td>\n<td>{long}</td>\n</tr>"
        for key, (short, long) in rows.items()
    )
    return (
        '<!DOCTYPE html><html lang="en-us"><body><table aria-label="Table 1"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></body></html>"
    ).encode()


def test_the_page_and_its_markdown_are_the_same_list(replay: Replay) -> None:
    replay.on(LEARN, LEARN_PATH, page_reply(page(locations()).decode()))
    from_page = capture(WindowsGeoid(), GEOID, replay)
    replay.on(LEARN, LEARN_PATH, captcha(403))
    replay.on(GITHUB, GITHUB_PATH, data=markdown(locations()))
    from_markdown = capture(WindowsGeoid(), GEOID, replay)
    assert (from_page.parts[0].name, from_markdown.parts[0].name) == ("page.html", "page.md")
    readings = [WindowsGeoid().read(Snapshot(captured(GEOID, body), body.parts)) for body in (from_page, from_markdown)]
    assert readings[0] == readings[1]
    rows = {row.key: row for row in readings[0].rows}
    assert rows["184"] == Row("184", "Palestinian Authority", "PS", "short name", note="Palestinian National Authority")
    assert rows["184 long"].name == "Palestinian National Authority"
    assert rows["19618"].code == "MK", "a disputed name is known by its number"
    assert "258 long" not in rows, "no long name is no row"


def test_real_rows_of_the_table_are_read() -> None:
    data = (RECORDINGS / "windows_geoid" / "rows.md").read_bytes()
    rows = rows_from_markdown_table(data, windows_geoid.COLUMNS)
    assert [row[1].text for row in rows] == ["328", "331", "342", "19618", "9914689"]
    assert rows[-1][2].text == "Kosovo"
    with pytest.raises(Partial, match="5 locations"):
        WindowsGeoid().read(snapshot(GEOID, data, "page.md"))


def test_a_list_with_rows_missing_is_partial(replay: Replay) -> None:
    few = dict(list(locations().items())[100:])
    replay.on(LEARN, LEARN_PATH, page_reply(page(few).decode()))
    with pytest.raises(Partial, match="not whole"):
        capture(WindowsGeoid(), GEOID, replay)
    renamed = locations(_84=("Frankreich", "x"))
    replay.on(LEARN, LEARN_PATH, page_reply(page(renamed).decode()))
    with pytest.raises(Partial, match="France"):
        capture(WindowsGeoid(), GEOID, replay)


def test_identifiers_that_disagree_are_a_new_form() -> None:
    data = markdown(locations()).replace(b"| 0x54 | 84 |", b"| 0x55 | 84 |")
    with pytest.raises(SchemaChanged, match="0x55"):
        WindowsGeoid().read(snapshot(GEOID, data, "page.md"))


# --- tables in pages -------------------------------------------------------------------------------------


def texts(html: str, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(cell.text for cell in row) for row in rows_from_html_table(html.encode(), columns)]


def test_spanning_cells_stand_in_every_place_they_cover() -> None:
    html = """<table><tr><th>A<th>B<th>C</tr>
        <tr><td rowspan=2>1</td><td colspan=2>2</td></tr>
        <tr><td>3</td><td>4</td></tr></table>"""
    assert texts(html, "a", "b") == [("1", "2", "2"), ("1", "3", "4")]


def test_a_table_inside_a_cell_is_part_of_the_cell() -> None:
    html = (
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1<table><tr><td>x</td><td>y</td></tr></table></td>"
        "<td><a href='/z'>2</a></td></tr></table>"
    )
    assert texts(html, "A", "B") == [("1 x y", "2")]
    assert rows_from_html_table(html.encode(), ("A", "B"))[0][1].links == ("/z",)


def test_the_table_is_found_by_its_header_among_others() -> None:
    html = (
        "<table><tr><td>menu</td></tr></table><table><tr><th>Code</th></tr><tr><td>PS</td></tr>"
        "<tr><th>Code</th></tr><tr><th>XK</th></tr></table>"
    )
    assert texts(html, "code") == [("PS",), ("XK",)]
    with pytest.raises(SchemaChanged, match="'menu', 'Code'") as caught:
        texts(html, "Name")
    assert caught.value.words == ("menu", "Code")


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><th>A</th></tr><tr>" + "<td>x</td>" * 300 + "</tr></table>",
        "<table><tr><th>A</th></tr>" + "<tr><td colspan=200 rowspan=9999>x</td></tr>" * 6000 + "</table>",
    ],
)
def test_a_table_that_grows_without_end_is_stopped(html: str) -> None:
    with pytest.raises(TooLarge):
        texts(html, "A")


def test_a_page_nested_without_end_does_not_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    html = "<div>" * 20_000 + "<table><tr><th>A</th></tr><tr><td>x</td></tr></table>"
    assert texts(html, "A") == [("x",)]
    monkeypatch.setattr(html_table, "MAX_BYTES", 100)
    with pytest.raises(TooLarge):
        texts(html, "A")


def test_markdown_cells_leave_their_text() -> None:
    data = b"| A | B |\n|---|---|\n| **x**\\|y | [z](http://e.org/a) |\n| only |\n\nafter | the table |\n"
    rows = rows_from_markdown_table(data, ("A", "B"))
    assert [[cell.text for cell in row] for row in rows] == [["x|y", "z"], ["only", ""]]
    assert rows[0][1].links == ("http://e.org/a",)


# --- Natural Earth -----------------------------------------------------------------------------------------


API, RAW = "api.github.com", "raw.githubusercontent.com"
REPO = "/repos/nvkelso/natural-earth-vector"
RAW_REPO = "/nvkelso/natural-earth-vector"
COUNTRIES = View("natural_earth", layer="countries")
LINES = View("natural_earth", layer="boundary_lines_disputed")
EXCERPT = (RECORDINGS / "natural_earth" / "boundary_lines_disputed_v5_excerpt.geojson").read_bytes()

SQUARE = {"type": "Polygon", "coordinates": [[[20, 42], [21, 42], [21, 43], [20, 43], [20, 42]]]}


def layer(*properties: Mapping[str, Any], geometry: Mapping[str, Any] = SQUARE) -> bytes:
    features = [{"type": "Feature", "properties": dict(p), "geometry": geometry} for p in properties]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def country(**changes: Any) -> dict[str, Any]:
    """SHAPE: the columns a version 5 country feature is read by."""
    return {
        "featurecla": "Admin-0 country", "TYPE": "Sovereign country", "ADM0_A3": "KOS", "ADMIN": "Kosovo",
        "NAME": "Kosovo", "SOV_A3": "KOS", "SOVEREIGNT": "Kosovo", "ISO_A2": "-99", "NAME_SR": "Косово",
        "NAME_ZHT": "科索沃", "NAME_LEN": 6, "ADM0_A3_RU": "SRB", "ADM0_ISO": "SRB", "FCLASS_RU": "Unrecognized",
        **changes,
    }  # fmt: skip


@pytest.fixture
def github(replay: Replay) -> Replay:
    """The repository as GitHub serves it: two releases, a tag that is none, a tag without release."""
    tags = [
        {"name": "v5.1.2", "commit": {"sha": "a" * 40}},
        {"name": "v5.1.0", "commit": {"sha": "b" * 40}},
        {"name": "v4.1.0", "commit": {"sha": "c" * 40}},
        {"name": "v6.0.0", "commit": {"sha": "d" * 40}},
        {"name": "nightly", "commit": {"sha": "e" * 40}},
    ]
    releases = [
        {"tag_name": "v6.0.0", "published_at": "2026-10-01T00:00:00Z", "prerelease": True},
        {"tag_name": "v5.1.2", "published_at": "2022-05-15T03:00:00Z"},
        {"tag_name": "v5.1.0", "published_at": "2022-05-09T02:00:00Z"},
    ]
    replay.on(API, f"{REPO}/tags", json=tags)
    replay.on(API, f"{REPO}/releases", json=releases)
    commit = {"commit": {"author": {"date": "2001-01-01T00:00:00Z"}, "committer": {"date": "2018-05-21T00:00:00Z"}}}
    replay.on(API, f"{REPO}/commits/{'c' * 40}", json=commit)
    files = f"{RAW_REPO}/v5.1.2/geojson/ne_10m_admin_0"
    replay.on(RAW, f"{files}_countries.geojson", data=layer(country()), headers={"ETag": '"5"'})
    replay.on(RAW, f"{files}_countries_rus.geojson", data=layer(country(ADM0_A3="SRB", ADMIN="Serbia", NAME="Serbia")))
    replay.on(RAW, f"{files}_boundary_lines_disputed_areas.geojson", data=EXCERPT)
    return replay


def test_editions_stand_in_order_of_publication_with_their_evidence(github: Replay) -> None:
    with github.client() as client:
        editions = NaturalEarth().editions(COUNTRIES, client.asking())
    assert [edition.label for edition in editions] == ["v4.1.0", "v5.1.0", "v5.1.2"]
    assert editions[0].published_at == datetime(2018, 5, 21, tzinfo=UTC), "the committer's date, never the author's"
    assert [edition.evidence for edition in editions[:2]] == ["committer date of the tagged commit", "GitHub release"]


def test_many_views_ask_for_the_editions_once(github: Replay) -> None:
    source = NaturalEarth()
    with github.client() as client:
        for audience in ("default", "JP", "CN", "RU"):
            body = source.capture(replace(LINES, worldview=audience), client.asking())
            assert body.parts[0].data == EXCERPT
    assert len(github.paths(API)) == 3
    assert len(github.paths(RAW)) == 1, "one file for all viewers"


def test_the_latest_edition_is_captured_and_then_not_again(github: Replay) -> None:
    body = capture(NaturalEarth(), COUNTRIES, github)
    assert body.edition == Edition("v5.1.2", datetime(2022, 5, 15, 3, tzinfo=UTC), "GitHub release")
    assert body.url == f"https://{RAW}{RAW_REPO}/v5.1.2/geojson/ne_10m_admin_0_countries.geojson"
    asked = len(github.paths(RAW))
    with pytest.raises(NotModified, match=r"v5\.1\.2"):
        capture(NaturalEarth(), COUNTRIES, github, captured(COUNTRIES, body))
    assert len(github.paths(RAW)) == asked
    old = replace(captured(COUNTRIES, body), edition=Edition("v5.1.0", NOW), url="elsewhere")
    assert capture(NaturalEarth(), COUNTRIES, github, old).parts == body.parts


def test_a_country_is_known_by_the_code_of_its_audience(github: Replay) -> None:
    default = NaturalEarth().read(snapshot(COUNTRIES, layer(country()))).features[0]
    assert (default.code, default.name, default.owner) == ("KOS", "Kosovo", None)
    assert default.names == {"sr": "Косово", "zh-Hant": "科索沃"}
    assert default.words["FCLASS_RU"] == "Unrecognized"
    russian = replace(COUNTRIES, worldview="RU")
    body = capture(NaturalEarth(), russian, github)
    assert body.parts[0].name == "ne_10m_admin_0_countries_rus.geojson"
    assert NaturalEarth().read(Snapshot(captured(russian, body), body.parts)).features[0].code == "SRB"
    iso = replace(COUNTRIES, worldview="iso")
    assert NaturalEarth().read(snapshot(iso, layer(country()))).features[0].code == "SRB"


def test_a_line_is_drawn_as_each_viewer_sees_it() -> None:
    styles = {}
    for audience in ("default", "JP", "CN", "RU", "US", "iso"):
        view = replace(LINES, worldview=audience)
        line = NaturalEarth().read(snapshot(view, EXCERPT, "lines.geojson")).features[0]
        assert line.role is Role.BOUNDARY
        assert line.name == "Japanese claim"
        styles[audience] = line.style
    assert styles == {
        "default": LineStyle.DASHED,
        "JP": LineStyle.SOLID,
        "CN": LineStyle.SOLID,
        "RU": LineStyle.NOT_DRAWN,
        "US": LineStyle.DASHED,
        "iso": LineStyle.NOT_DRAWN,
    }
    reading = NaturalEarth().read(snapshot(LINES, EXCERPT))
    assert {"JP", "KR", "iso", "tlc", "osm"} <= set(reading.worldviews)
    assert reading.features[0].words["FCLASS_JP"] == "International boundary (verify)"
    assert "FCLASS_US" not in reading.features[0].words


def test_the_case_of_a_column_is_no_difference() -> None:
    upper = NaturalEarth().read(snapshot(COUNTRIES, layer({k.upper(): v for k, v in country().items()})))
    lower = NaturalEarth().read(snapshot(COUNTRIES, layer({k.lower(): v for k, v in country().items()})))
    assert upper == lower


@pytest.mark.parametrize(
    ("view", "data", "word"),
    [
        (COUNTRIES, layer(country(TYPE="Metaverse")), "Metaverse"),
        (COUNTRIES, layer({"FEATURECLA": "Admin-0 country", "ADMIN": "x"}), "TYPE"),
        (
            replace(LINES, layer="disputed_areas"),
            layer({"FEATURECLA": "Admin-0 dream", "BRK_A3": "B1"}),
            "Admin-0 dream",
        ),
        (LINES, layer({"FEATURECLA": "Dotted line"}), "Dotted line"),
        (replace(LINES, worldview="JP"), layer({"FEATURECLA": "Claim boundary"}), "FCLASS_JP"),
        (replace(LINES, worldview="JP"), layer({"FEATURECLA": "Claim", "FCLASS_JP": "Wavy"}), "Wavy"),
    ],
)
def test_a_word_the_reader_does_not_know_is_named(view: View, data: bytes, word: str) -> None:
    with pytest.raises(SchemaChanged, match=word) as caught:
        NaturalEarth().read(snapshot(view, data))
    assert word in caught.value.words


def test_an_empty_layer_is_not_a_world_without_countries() -> None:
    with pytest.raises(Malformed, match="no feature"):
        NaturalEarth().read(snapshot(COUNTRIES, layer()))


def test_an_audience_is_not_served_before_there_were_audiences(github: Replay) -> None:
    russian = replace(COUNTRIES, worldview="RU")
    with github.client() as client:
        assert [e.label for e in NaturalEarth().editions(russian, client.asking())] == ["v5.1.0", "v5.1.2"]
        for label in ("v4.1.0", "../../etc", "v5.1.2/.."):
            with pytest.raises(NotServed):
                NaturalEarth().capture(russian, client.asking(), Edition(label, NOW))
    assert github.paths(RAW) == []


def test_an_old_edition_is_read_from_its_packed_file(github: Replay) -> None:
    packed = gzip.compress(layer(country()))
    github.on(RAW, f"{RAW_REPO}/v4.1.0/geojson/ne_10m_admin_0_countries.geojson.gz", data=packed)
    with github.client() as client:
        body = NaturalEarth().capture(COUNTRIES, client.asking(), Edition("v4.1.0", NOW))
    assert body.parts == (Part("ne_10m_admin_0_countries.geojson.gz", packed),), "the bytes as they came"
    assert NaturalEarth().read(Snapshot(captured(COUNTRIES, body), body.parts)).features[0].name == "Kosovo"
    with pytest.raises(Malformed, match="cut"):
        NaturalEarth().read(snapshot(COUNTRIES, packed[:-10], "x.gz"))


@pytest.mark.parametrize(
    ("path", "reply", "kind"),
    [
        ("tags", json_reply({"message": "hello"}), SchemaChanged),
        ("tags", json_reply([]), SchemaChanged),
        ("tags", error_page(), Malformed),
        ("tags", too_many(3000), RateLimited),
        (
            "releases",
            Reply(status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}),
            RateLimited,
        ),
        ("releases", captcha(), Challenged),
    ],
)
def test_a_repository_in_trouble_is_a_problem_not_a_change(
    github: Replay, path: str, reply: Reply, kind: type[CaptureProblem]
) -> None:
    github.on(API, f"{REPO}/{path}", reply)
    with pytest.raises(kind):
        capture(NaturalEarth(), COUNTRIES, github)


def test_a_real_edition_is_read_whole(shared: Path) -> None:
    folder = shared / "data" / "natural_earth" / "v4.0.0"
    areas = (folder / "ne_10m_admin_0_disputed_areas.json").read_bytes()
    features = NaturalEarth().read(snapshot(replace(LINES, layer="disputed_areas"), areas)).features
    assert len(features) == 80
    by_code = {feature.code: feature for feature in features}
    assert (by_code["B19"].name, by_code["B19"].owner) == ("W. Sahara", "Morocco")
    assert (by_code["B53"].name, by_code["B53"].owner) == ("Gaza", "Palestine")
    assert by_code["B53"].words["SOVEREIGNT"] == "Israel"
    lines = (folder / "ne_10m_admin_0_boundary_lines_disputed_areas.json").read_bytes()
    read = NaturalEarth().read(snapshot(LINES, lines)).features
    assert len(read) == 46
    assert {line.style for line in read} == {LineStyle.DASHED}
    land = (folder / "ne_10m_admin_0_boundary_lines_land.json").read_bytes()
    styles = [
        line.style for line in NaturalEarth().read(snapshot(replace(LINES, layer="boundary_lines_land"), land)).features
    ]
    assert (styles.count(LineStyle.SOLID), styles.count(LineStyle.DASHED)) == (403, 59)


def test_every_word_and_audience_known_to_the_world_is_known_to_the_reader(shared: Path) -> None:
    import csv

    with (shared / "data" / "pov_fclass_matrix_areas_v5.1.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    columns = {f"FCLASS_{name}" for name in rows[0] if name.isupper()}
    assert columns == {f"FCLASS_{column}" for _, column in natural_earth._AUDIENCES.values()}
    for row in rows:
        data = layer(
            {"FEATURECLA": row["featurecla"], "BRK_A3": row["brk"], "BRK_NAME": row["name"], "ADMIN": row["adm0"]}
        )
        assert (
            NaturalEarth().read(snapshot(replace(LINES, layer="disputed_areas"), data)).features[0].code == row["brk"]
        )


# --- without a network ----------------------------------------------------------------------------------------


def test_without_a_network_every_source_says_so_at_once(no_network: None) -> None:
    import time

    start = time.monotonic()
    with Client() as client:
        for source in (NaturalEarth(), IanaRoot(), WindowsGeoid()):
            for view in source.views():
                with pytest.raises(CaptureProblem) as caught:
                    source.capture(view, client.asking())
                assert caught.value.kind == "unreachable"
    assert time.monotonic() - start < 3


@pytest.mark.live
@pytest.mark.parametrize(
    ("source", "view"),
    [(NaturalEarth(), LINES), (IanaRoot(), IANA), (WindowsGeoid(), GEOID)],
    ids=lambda x: str(x)[:30],
)
def test_live_first_contact(source: Source, view: View) -> None:
    with Client() as client:
        try:
            body = source.capture(view, client.asking())
        except Unreachable as problem:
            pytest.skip(str(problem))
    reading = source.read(Snapshot(captured(view, body), body.parts))
    assert reading.features or reading.rows
