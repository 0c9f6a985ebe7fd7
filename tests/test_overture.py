"""Overture over loopback: releases, a bucket answered by ranges, perspectives; and Parquet made of some of its bytes.

SHAPE: the files are ours, with the columns and nesting of Overture's schema 1.18 and the values of its examples; no
row of a release was at hand.
"""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from borderwatch import derive, sources
from borderwatch.errors import Malformed
from borderwatch.formats.ows import objects_from_bucket_listing
from borderwatch.formats.parquet_ranges import SparseFile, footer_range, merged
from borderwatch.models import Edition, Kind, LineStyle, Outcome, View
from borderwatch.sources import overture as module
from tests.replay import Asked, Replay, Reply, json_reply
from tests.replay_inst import NOW, ask, read

LINES, DIVISIONS = View("overture", layer="boundaries"), View("overture", layer="divisions")
STAC, BUCKET = "stac.overturemaps.org", "overturemaps-us-west-2.s3.us-west-2.amazonaws.com"
OLD, NEW = "2026-09-23.0", "2026-10-21.0"

PERSPECTIVES = pa.struct([("mode", pa.string()), ("countries", pa.list_(pa.string()))])
COMMON = [("id", pa.string()), ("geometry", pa.binary()), ("subtype", pa.string()), ("version", pa.int32())]
SCHEMA = {
    "division_boundary": pa.schema(
        [
            *COMMON,
            ("class", pa.string()),
            ("division_ids", pa.list_(pa.string())),
            ("is_disputed", pa.bool_()),
            ("perspectives", PERSPECTIVES),
            ("country", pa.string()),
        ]
    ),
    "division": pa.schema(
        [
            *COMMON,
            ("country", pa.string()),
            ("names", pa.struct([("primary", pa.string()), ("common", pa.map_(pa.string(), pa.string()))])),
            ("perspectives", PERSPECTIVES),
        ]
    ),
}

Rows = list[dict[str, Any]]


def line(n: int, geometry: Any = None, **changes: Any) -> dict[str, Any]:
    drawn = geometry if geometry is not None else shapely.LineString([(n % 170, -50), (n % 170, -49)])
    row = {"id": f"line-{n}", "geometry": drawn.wkb, "subtype": "country", "version": 1, "class": "land"}
    ids = [f"division-{n}", f"division-{n + 1}"]
    return row | {"division_ids": ids, "is_disputed": False, "perspectives": None, "country": None} | changes


def by(mode: str, *countries: str) -> dict[str, Any]:
    return {"mode": mode, "countries": list(countries)}


def lines(*special: dict[str, Any], ordinary: int = 240) -> Rows:
    return [line(n) for n in range(ordinary)] + list(special)


def divisions() -> Rows:
    """As many countries as a release has, and the schema's own example with its perspective."""
    rows = [
        {"id": f"division-{n}", "geometry": shapely.Point(n, 0).wkb, "subtype": "country", "version": 1,
         "country": "FR" if n == 0 else None, "perspectives": None,
         "names": {"primary": f"Place {n}", "common": [("en", f"Place {n}")]}}
        for n in range(200)
    ]  # fmt: skip
    example = {"id": "example:division:perspectives:trnc", "country": "XX", "perspectives": by("accepted_by", "TR")}
    return [*rows, rows[0] | example | {"names": {"primary": "Kuzey Kıbrıs", "common": [("en", "Northern Cyprus")]}}]


def file_of(kind: str, rows: Rows, *, ballast: int = 4000) -> bytes:
    """A file in row groups: villages by the thousand with geometry that does not compress, countries in the middle."""
    noise = np.random.default_rng(7)
    blank: dict[str, Any] = {field.name: None for field in SCHEMA[kind]}
    villages = [
        blank | {"id": f"village-{n}", "subtype": "locality", "class": "land", "geometry": noise.bytes(600)}
        for n in range(ballast)
    ]
    kept = set(SCHEMA[kind].names)
    table = [
        {k: v for k, v in row.items() if k in kept}
        for row in (villages[: ballast // 2] + rows + villages[ballast // 2 :])
    ]
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(table, SCHEMA[kind]), out, row_group_size=500, compression="zstd")
    return out.getvalue()


def listing(folder: str, files: dict[str, bytes], *, truncated: bool = False) -> bytes:
    contents = "".join(
        f"<Contents><Key>{folder}{name}</Key><LastModified>2026-10-21T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;{len(data):x}&quot;</ETag><Size>{len(data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for name, data in files.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>overturemaps-us-west-2</Name><Prefix>{folder}</Prefix><KeyCount>{len(files)}</KeyCount>"
        f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>{contents}</ListBucketResult>"
    ).encode()


def serve(
    replay: Replay, files: dict[tuple[str, str], dict[str, bytes]], releases: tuple[str, ...] = (OLD, NEW)
) -> None:
    """The catalogue as Overture's blog prints it (2026-02-11), the bucket's listing, and objects served by ranges."""
    children = [{"rel": "child", "href": f"./{r}/catalog.json", "type": "application/json"} for r in releases]
    root = {"rel": "root", "href": "./catalog.json", "type": "application/json"}
    replay.on(
        STAC,
        "/catalog.json",
        json={"type": "Catalog", "id": "Overture Releases", "links": [root, *children], "latest": max(releases)},
    )
    listed: dict[str, bytes] = {}
    for (release, kind), named in files.items():
        folder = f"release/{release}/theme=divisions/type={kind}/"
        listed[folder] = listing(folder, named)
        for name, data in named.items():
            replay.on(BUCKET, f"/{folder}{name}", by_ranges(data))
    empty = listing("release/", {})
    replay.on(BUCKET, "/", lambda asked: Reply(listed.get(asked.query["prefix"], empty)))


def by_ranges(data: bytes) -> Any:
    def answer(asked: Asked) -> Reply:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
        assert found, "an object of a gigabyte is never asked for whole"
        first, last = int(found[1]), min(int(found[2]), len(data) - 1)
        return Reply(data[first : last + 1], status=206, headers={"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    return answer


def overture(replay: Replay) -> None:
    boundary = {"part-00000.zstd.parquet": file_of("division_boundary", lines())}
    division = {"part-00000.zstd.parquet": file_of("division", divisions())}
    serve(replay, {(NEW, "division_boundary"): boundary, (NEW, "division"): division})


LOC = shapely.LineString([(74.0, 33.2), (74.0, 34.0), (75.5, 34.6), (76.8, 34.9)])


def test_lines_say_who_disputes_and_who_accepts_them(replay: Replay, tmp_path: Path) -> None:
    rows = lines(
        line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "PK", "IN")),
        line(901, is_disputed=True, perspectives=by("accepted_by", "TR")),
        line(902, is_disputed=True),
        line(903, **{"class": "maritime"}),
    )
    files = {
        "a.parquet": file_of("division_boundary", rows[:100]),
        "b.parquet": file_of("division_boundary", rows[100:]),
    }
    serve(replay, {(NEW, "division_boundary"): files})
    capture = ask(replay, LINES, tmp_path)
    assert capture.fault is None, capture.fault
    assert (capture.edition.label, capture.shown_at.date().isoformat()) == (NEW, "2026-10-21")
    reading = read(LINES, tmp_path, capture)
    assert reading.worldviews == ("IN", "PK", "TR")
    assert len(reading.features) == 244
    by_code = {f.code: f for f in reading.features}
    disputed = by_code["line-900"]
    assert (disputed.style, disputed.word) == (LineStyle.DASHED, "land, disputed")
    assert disputed.words == {
        "FCLASS_IN": "unrecognised (disputed_by)",
        "FCLASS_PK": "unrecognised (disputed_by)",
        "FCLASS_TR": "",
    }
    assert by_code["line-901"].words["FCLASS_TR"] == "recognised (accepted_by)"
    assert set(by_code["line-902"].words.values()) == {""}, "a best guess of the publisher's, and nobody's"
    assert (by_code["line-903"].style, by_code["line-903"].word) == (LineStyle.SOLID, "maritime")
    assert disputed.geometry is not None
    assert disputed.geometry.equals(LOC)


def test_of_a_large_file_only_what_countries_need_is_asked_for(replay: Replay, tmp_path: Path) -> None:
    data = file_of("division_boundary", lines(), ballast=20_000)
    serve(replay, {(NEW, "division_boundary"): {"part-00000.parquet": data}})
    capture = ask(replay, LINES, tmp_path)
    assert capture.fault is None, capture.fault
    got = sum(part.size for part in capture.parts)
    assert len(data) > 12_000_000
    assert got < len(data) / 8
    assert len(read(LINES, tmp_path, capture).features) == 240


def test_a_release_is_fetched_once_and_the_one_before_it_can_still_be(replay: Replay, tmp_path: Path) -> None:
    named = {"part-0.parquet": file_of("division_boundary", lines())}
    serve(replay, {(OLD, "division_boundary"): named, (NEW, "division_boundary"): named})
    assert ask(replay, LINES, tmp_path).outcome is Outcome.KEPT
    assert ask(replay, LINES, tmp_path).outcome is Outcome.NOT_MODIFIED
    assert ask(replay, LINES, tmp_path, Edition(OLD, None)).outcome is Outcome.KEPT
    gone = ask(replay, LINES, tmp_path, Edition("2026-08-19.0", None)).fault
    assert gone is not None
    assert (gone.kind, "60 days" in gone.message) == ("not_served", True)
    source = sources.load("overture")
    with replay.client() as client:
        assert [e.label for e in source.editions(LINES, client.asking())] == [OLD, NEW]


def test_a_line_a_viewer_begins_to_dispute_and_the_list_of_viewers_are_changes(replay: Replay, tmp_path: Path) -> None:
    before = lines(line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "IN")))
    after = lines(line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "IN", "PK")))
    for n, (release, rows) in enumerate(((OLD, before), (NEW, after))):
        serve(replay, {(release, "division_boundary"): {"a.parquet": file_of("division_boundary", rows)}}, (release,))
        assert ask(replay, LINES, tmp_path, at=NOW + timedelta(days=n)).outcome is Outcome.KEPT
    changes = derive.past_of_view(tmp_path, LINES).changes
    [audiences] = [c for c in changes if c.kind is Kind.WORLDVIEWS]
    assert (audiences.old, audiences.new) == ("IN", "IN, PK")


def test_a_viewer_who_begins_to_dispute_a_line_is_named(replay: Replay, tmp_path: Path) -> None:
    elsewhere = line(901, is_disputed=True, perspectives=by("disputed_by", "PK"))
    before = lines(line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "IN")), elsewhere)
    after = lines(line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "IN", "PK")), elsewhere)
    for n, (release, rows) in enumerate(((OLD, before), (NEW, after))):
        serve(replay, {(release, "division_boundary"): {"a.parquet": file_of("division_boundary", rows)}}, (release,))
        assert ask(replay, LINES, tmp_path, at=NOW + timedelta(days=n)).outcome is Outcome.KEPT
    told = [c for c in derive.past_of_view(tmp_path, LINES).changes if c.dispute == "kashmir"]
    assert {(c.kind, c.subject, c.old, c.new) for c in told} == {
        (Kind.RESTYLED, "FCLASS_PK", "land, disputed", "unrecognised (disputed_by)")
    }


def test_a_line_that_is_settled_is_told(replay: Replay, tmp_path: Path) -> None:
    before = lines(line(900, LOC, is_disputed=True, perspectives=by("disputed_by", "IN", "PK")))
    after = lines(line(900, LOC, is_disputed=False, perspectives=None), line(901, perspectives=by("disputed_by", "IN")))
    for n, (release, rows) in enumerate(((OLD, before), (NEW, after))):
        serve(replay, {(release, "division_boundary"): {"a.parquet": file_of("division_boundary", rows)}}, (release,))
        assert ask(replay, LINES, tmp_path, at=NOW + timedelta(days=n)).outcome is Outcome.KEPT
    told = [c for c in derive.past_of_view(tmp_path, LINES).changes if c.dispute == "kashmir"]
    assert {(c.old, c.new) for c in told if c.kind is Kind.RESTYLED} >= {("land, disputed", "land")}


def test_a_division_says_who_accepts_it(replay: Replay, tmp_path: Path) -> None:
    overture(replay)
    reading = read(DIVISIONS, tmp_path, ask(replay, DIVISIONS, tmp_path))
    by_key = {row.key: row for row in reading.rows}
    cyprus = by_key["example:division:perspectives:trnc"]
    assert (cyprus.name, cyprus.code, cyprus.kind) == ("Northern Cyprus", "northern_cyprus", "accepted_by TR")
    assert by_key["division-0"].code == "FR"
    assert reading.worldviews == ("TR",)
    assert not reading.complete


@pytest.mark.parametrize(
    ("rows", "kind", "says"),
    [
        (lines(line(900, perspectives=by("claimed_by", "IN"))), "schema_changed", "'claimed_by'"),
        (lines(line(900, **{"class": "air"})), "schema_changed", "'air'"),
        (lines(line(900, geometry=shapely.LineString([(0, 0), (5_000_000, 1)]))), "malformed", "projected"),
        (lines(ordinary=20), "partial", "20 rows"),
        (lines(line(3)), "malformed", "twice"),
    ],
)
def test_a_release_that_says_what_we_do_not_know_is_told(
    replay: Replay, tmp_path: Path, rows: Rows, kind: str, says: str
) -> None:
    serve(replay, {(NEW, "division_boundary"): {"a.parquet": file_of("division_boundary", rows)}})
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert (fault.kind, says in fault.message) == (kind, True), fault.message


def broken(data: bytes) -> dict[str, bytes]:
    renamed = parquet.read_table(io.BytesIO(data)).rename_columns(
        ["perspective" if name == "perspectives" else name for name in SCHEMA["division_boundary"].names]
    )
    out = io.BytesIO()
    parquet.write_table(renamed, out)
    middle = len(data) // 2
    return {
        "cut": data[:-100],
        "no parquet": b"x" * 1000,
        "tiny": b"PAR1",
        "footer too long": data[:-8] + (2**31).to_bytes(4, "little") + b"PAR1",
        "damaged footer": data[:-3000] + b"\0" * 2992 + data[-8:],
        "damaged middle": data[: middle - 200_000] + b"\xff" * 400_000 + data[middle + 200_000 :],
        "renamed": out.getvalue(),
    }


@pytest.mark.parametrize("flaw", ["cut", "no parquet", "tiny", "footer too long", "damaged footer", "damaged middle"])
def test_a_file_that_is_damaged_is_malformed(replay: Replay, tmp_path: Path, flaw: str) -> None:
    data = broken(file_of("division_boundary", lines()))[flaw]
    serve(replay, {(NEW, "division_boundary"): {"a.parquet": data}})
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert (fault.kind, "a.parquet" in fault.message) == ("malformed", True), fault.message


def test_a_column_that_is_gone_is_named(replay: Replay, tmp_path: Path) -> None:
    data = broken(file_of("division_boundary", lines()))["renamed"]
    serve(replay, {(NEW, "division_boundary"): {"a.parquet": data}})
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert (fault.kind, "no column perspectives" in fault.message) == ("schema_changed", True)


def test_more_than_the_budget_is_told_before_it_is_asked(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUDGET", 100_000)
    overture(replay)
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert (fault.kind, "borderwatch diff" in fault.message) == ("too_large", True)
    asked = [map(int, a.headers["range"][6:].split("-")) for a in replay.asked if "range" in a.headers]
    assert sum(last - first + 1 for first, last in asked) <= 100_000


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"links": []}, "schema_changed"),
        ([], "schema_changed"),
        ({"links": [{"rel": "child", "href": "./../../etc/catalog.json"}], "latest": "now"}, "schema_changed"),
        ({"links": [], "latest": NEW}, ""),
    ],
)
def test_a_catalogue_in_another_form_is_told(replay: Replay, tmp_path: Path, answer: Any, kind: str) -> None:
    overture(replay)
    replay.on(STAC, "/catalog.json", json_reply(answer))
    fault = ask(replay, LINES, tmp_path).fault
    assert (fault.kind if fault else "") == kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (listing("release/x/", {}), "not_served"),
        (listing(f"release/{NEW}/theme=divisions/type=division_boundary/", {"../a.parquet": b""}), "schema_changed"),
        (listing("release/", {}, truncated=True), "partial"),
        (b"<Error><Code>AccessDenied</Code></Error>", "schema_changed"),
    ],
)
def test_a_listing_that_is_not_what_it_was_is_told(replay: Replay, tmp_path: Path, data: bytes, kind: str) -> None:
    overture(replay)
    replay.on(BUCKET, "/", data=data)
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert fault.kind == kind, fault.message


def test_without_the_library_the_problem_says_how_to_get_it(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overture(replay)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    fault = ask(replay, LINES, tmp_path).fault
    assert fault is not None
    assert "pip install 'borderwatch[parquet]'" in fault.message


# --- a file of which only some bytes are at hand -----------------------------------------------------------


def test_near_ranges_become_one_and_far_ones_stay_apart() -> None:
    assert merged([(10, 20), (0, 5), (18, 30), (500, 600)], gap=10) == [(0, 30), (500, 600)]


def test_a_sparse_file_gives_what_it_holds_and_nothing_else() -> None:
    file = SparseFile(100, {10: b"abcdef"}, "a file")
    file.seek(12)
    assert (file.read(2), file.tell(), file.read(0)) == (b"cd", 14, b"")
    with pytest.raises(Malformed, match="bytes 14 to 24 were not captured"):
        file.read(10)
    assert file.seek(0, 2) == 100
    assert file.read() == b""


def test_a_footer_lies_where_its_length_says() -> None:
    assert footer_range(b"...." + (92).to_bytes(4, "little") + b"PAR1", 1000, "a file") == (900, 1000)


def test_a_listing_names_keys_and_sizes() -> None:
    [one] = objects_from_bucket_listing(listing("a/", {"b.parquet": b"12345"}), "listing")
    assert (one.key, one.size, one.etag) == ("a/b.parquet", 5, '"5"')
