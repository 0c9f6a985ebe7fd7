"""Overture Maps divisions: lines between countries with who disputes or accepts them, and divisions by perspective."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from borderwatch.errors import Malformed, NotModified, NotServed, Partial, SchemaChanged, TooLarge
from borderwatch.models import (
    Body,
    Edition,
    Feature,
    Finding,
    LineStyle,
    Part,
    Reading,
    Role,
    Row,
    Snapshot,
    Terms,
    View,
)
from borderwatch.owners import owner
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.ows import StoredObject

CATALOGUE = "https://stac.overturemaps.org/catalog.json"
BUCKET = "https://overturemaps-us-west-2.s3.us-west-2.amazonaws.com"

LINES, DIVISIONS = "boundaries", "divisions"
_TYPES = MappingProxyType({LINES: "division_boundary", DIVISIONS: "division"})
_RELEASE = re.compile(r"(\d{4}-\d{2}-\d{2})\.\d+")
_PART = re.compile(r"(?P<file>[\w.-]+\.parquet)@(?P<first>\d+)-(?P<end>\d+)of(?P<size>\d+)")

# The files hold millions of rows down to neighbourhoods, some gigabytes; a few hundred rows are countries. First the
# footer, then the columns that tell rows apart, then the geometry of the row groups where countries are.
SUBTYPE = "country"
_SMALL = MappingProxyType(
    {
        LINES: ("id", "subtype", "class", "division_ids", "is_disputed", "perspectives"),
        DIVISIONS: ("id", "subtype", "country", "names", "perspectives"),
    }
)
_GEOMETRY = "geometry"
BUDGET = 512 * 1024 * 1024
"""The most bytes of one layer that are asked for; more is told as too large before it is asked."""
ONE_RANGE = 128 * 1024 * 1024
FEWEST_LINES = 200
FEWEST_DIVISIONS = 150
_CLASSES = frozenset({"land", "maritime"})
_MODES = MappingProxyType({"accepted_by": "recognised", "disputed_by": "unrecognised"})


class Overture(Source):
    """One release a month, of which the publisher keeps the last two: what is not captured in 60 days is gone.

    A line may be ``accepted_by`` some countries or ``disputed_by`` some; everyone else sees what everybody sees. A
    disputed line that names nobody is the publisher's "best guess". A viewer's map is what nobody disputes, what the
    viewer accepts, and what the viewer does not dispute. The countries so named are the audiences.

    GeoParquet is read by ranges: what is kept are the bytes of a file that were asked for, with their place in it.
    """

    name = "overture"
    title = "Overture Maps divisions"
    watches = "which lines between countries Overture calls disputed, who disputes or accepts each, and whom it lists"
    terms = Terms(
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors, geoBoundaries, Overture Maps Foundation",
        url="https://docs.overturemaps.org/attribution/",
        ship=False,
    )
    every = timedelta(days=7)
    layers = MappingProxyType(
        {
            LINES: "lines between countries: disputed or not, and for whom",
            DIVISIONS: "countries with a place of their own, and who accepts them",
        }
    )
    resolution_km = MappingProxyType({LINES: 0.5})
    proven = "documented shape: the schema's columns in a Parquet file of ours, read by ranges; the catalogue's excerpt"
    first_contact = (
        "how many bytes a release takes (at most 512 MB are asked for, per layer); that the objects are listed and "
        "ranges answered with 206; how many lines carry perspectives and whose; the codes of disputed divisions"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The releases that are still kept, oldest first."""
        return fetch.once((self.name, "releases"), lambda: _releases(fetch))

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view.layer not in self.layers or view.worldview != "default":
            raise NotServed(f"overture has no view {view}; it has {', '.join(map(str, self.views()))}")
        served = {e.label: e for e in self.editions(view, fetch)}
        if edition is None:
            wanted = served[max(served)]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == wanted.label:
                raise NotModified(f"{view}: {wanted.label} is still the latest release")
        elif edition.label in served:
            wanted = served[edition.label]
        else:
            raise NotServed(
                f"overture: release {edition.label[:40]!r} is not kept (two are, for 60 days); there are "
                f"{', '.join(served)}"
            )
        folder = f"release/{wanted.label}/theme=divisions/type={_TYPES[view.layer]}/"
        parts: list[Part] = []
        left = BUDGET
        for stored in _objects(fetch, folder):
            ranges = _captured(fetch, stored, view.layer, left)
            left -= sum(len(data) for data in ranges.values())
            file = stored.key.rpartition("/")[2]
            parts += [
                Part(f"{file}@{first}-{first + len(data)}of{stored.size}", data)
                for first, data in sorted(ranges.items())
            ]
        return Body(tuple(parts), f"{BUCKET}/{folder}", wanted, note=f"{len(parts)} ranges")

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """The releases there are, and how large the files of the newest are; no byte of them."""
        releases = self.editions(self.views()[0], fetch)
        newest = releases[-1].label
        found = [Finding("releases", "the last two", ", ".join(e.label for e in releases), fine=True)]
        for layer, kind in _TYPES.items():
            objects = _objects(fetch, f"release/{newest}/theme=divisions/type={kind}/")
            size = sum(one.size for one in objects)
            found.append(Finding(f"{layer}, files", "some", f"{len(objects)}, {size:,} bytes in all", fine=True))
        return tuple(found)

    def read(self, snapshot: Snapshot) -> Reading:
        layer = snapshot.view.layer
        rows = [row for file in _files(snapshot) for row in _country_rows(file, layer)]
        seen = [str(row["id"]) for row in rows]
        if len(seen) != len(set(seen)):
            raise Malformed("overture: one feature stands twice in a release")
        fewest = FEWEST_LINES if layer == LINES else FEWEST_DIVISIONS
        if len(rows) < fewest:
            raise Partial(f"overture: {len(rows)} rows are {SUBTYPE} (at least {fewest}): ask again")
        viewers = sorted({viewer for row in rows for viewer in _perspective(row)[1]})
        if layer == LINES:
            return Reading(features=tuple(_line(row, viewers) for row in rows), worldviews=tuple(viewers))
        return Reading(rows=tuple(_division(row) for row in rows), worldviews=tuple(viewers), complete=False)


# --- asking -------------------------------------------------------------------------------------------


def _releases(fetch: Fetch) -> tuple[Edition, ...]:
    # A catalogue and a public bucket for programs: robots.txt is about pages.
    catalogue = fetch.get(CATALOGUE, expect="json", robots=False).json()
    links = catalogue.get("links") if isinstance(catalogue, dict) else None
    labels = {str(catalogue.get("latest", ""))} if isinstance(catalogue, dict) else set()
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "child":
            labels.add(str(link.get("href", "")).removeprefix("./").partition("/")[0])
    dated = {label: found for label in labels if (found := _RELEASE.fullmatch(label))}
    if not dated:
        raise SchemaChanged("overture: the catalogue names no release like 2026-08-19.0: its form has changed")
    return tuple(
        Edition(label, datetime.fromisoformat(found[1]).replace(tzinfo=UTC), "date in the release's name")
        for label, found in sorted(dated.items())
    )


def _objects(fetch: Fetch, folder: str) -> list[StoredObject]:
    from borderwatch.formats.ows import objects_from_bucket_listing

    answer = fetch.get(f"{BUCKET}/", params={"list-type": 2, "prefix": folder}, robots=False)
    stored = objects_from_bucket_listing(answer.data, "overture, list of objects")
    found = [one for one in stored if one.key.startswith(folder) and one.key.endswith(".parquet")]
    if not found:
        raise NotServed(f"overture: nothing lies under {folder}: the release is gone, or lies elsewhere")
    for one in found:
        if not re.fullmatch(r"[\w.-]+", one.key.removeprefix(folder)):
            raise SchemaChanged(f"overture: an object named {one.key[:120]!r}", words=(one.key[:120],))
    return sorted(found)


def _captured(fetch: Fetch, stored: StoredObject, layer: str, left: int) -> dict[int, bytes]:
    """The bytes of one file that its country rows are made of, by their place."""
    from borderwatch.formats import parquet_ranges as ranges

    parquet = ranges.pyarrow_parquet("overture")
    what = f"overture, {stored.key.rpartition('/')[2]}"
    spent = 0

    def more(first: int, end: int) -> bytes:
        nonlocal spent
        spent += end - first
        if spent > left:
            raise TooLarge(
                f"{what}: its country rows take more than the {BUDGET:,} bytes this source may ask for; read the "
                "release with Overture's own tools (overturemaps, DuckDB) and compare with `borderwatch diff`"
            )
        got = bytearray()
        for start in range(first, end, ONE_RANGE):
            stop = min(start + ONE_RANGE, end)
            answer = fetch.get(
                f"{BUCKET}/{stored.key}", part=(start, stop - 1), robots=False, max_bytes=ONE_RANGE, interval_s=0.2
            )  # a bucket made to be read by ranges; its owner asks for no pause
            if len(answer.data) != stop - start:
                raise Partial(f"{what}: {len(answer.data):,} of {stop - start:,} bytes came: ask again", url=answer.url)
            got += answer.data
        return bytes(got)

    file = ranges.SparseFile(stored.size, {}, what, more)
    tail = max(0, stored.size - ranges.FIRST_READ)
    file.ensure([(tail, stored.size)])
    file.ensure([ranges.footer_range(file.held[tail], stored.size, what)])
    for step in _steps(parquet, file, layer, what):
        file.ensure(step)
    return file.held


def _steps(parquet: Any, file: Any, layer: str, what: str) -> Iterator[list[tuple[int, int]]]:
    """The ranges that are needed, step by step: each is read before the next is known."""
    from borderwatch.formats.parquet_ranges import column_ranges, groups_that_may_hold

    metadata = _metadata(parquet, file, layer, what)
    groups = groups_that_may_hold(metadata, "subtype", SUBTYPE)
    yield column_ranges(metadata, groups, {"subtype"})
    holding = _holding(parquet, file, groups, what)
    columns = {*_SMALL[layer], *([_GEOMETRY] if layer == LINES else [])}
    yield column_ranges(metadata, holding, columns)


def _metadata(parquet: Any, file: Any, layer: str, what: str) -> Any:
    file.seek(0)
    with _readable(what):
        metadata = parquet.read_metadata(file)
        names = set(metadata.schema.to_arrow_schema().names)
    missing = tuple(sorted({*_SMALL[layer], _GEOMETRY} - names))
    if missing:
        raise SchemaChanged(
            f"{what}: no column {', '.join(missing)}; there are {', '.join(sorted(names))}", words=missing
        )
    return metadata


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turns what the library says of a damaged file into a problem that names the file."""
    from pyarrow.lib import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise Malformed(f"{what}: no Parquet that can be read ({' '.join(str(error).split())[:160]})") from None


def _holding(parquet: Any, file: Any, groups: list[int], what: str) -> list[int]:
    """The row groups in which a row is a country."""
    with _readable(what):
        reader = parquet.ParquetFile(file, pre_buffer=False)
        return [
            number
            for number in groups
            if SUBTYPE in reader.read_row_group(number, columns=["subtype"]).column("subtype").to_pylist()
        ]


# --- reading ------------------------------------------------------------------------------------------


def _files(snapshot: Snapshot) -> list[Any]:
    """The files of a capture, each with the ranges that were kept of it."""
    from borderwatch.formats.parquet_ranges import SparseFile

    ranges: dict[tuple[str, int], dict[int, bytes]] = {}
    for part in snapshot.parts:
        found = _PART.fullmatch(part.name)
        if found is None or int(found["end"]) - int(found["first"]) != len(part.data):
            raise Malformed(
                f"overture: a part named {part.name[:80]!r} of {len(part.data):,} bytes is no range of a file"
            )
        ranges.setdefault((found["file"], int(found["size"])), {})[int(found["first"])] = part.data
    return [SparseFile(size, held, f"overture, {name}") for (name, size), held in sorted(ranges.items())]


def _country_rows(file: Any, layer: str) -> list[dict[str, Any]]:
    from borderwatch.formats.parquet_ranges import groups_that_may_hold, pyarrow_parquet

    what = file.what
    parquet = pyarrow_parquet("overture")
    from pyarrow import compute

    metadata = _metadata(parquet, file, layer, what)
    groups = groups_that_may_hold(metadata, "subtype", SUBTYPE)
    columns = [*_SMALL[layer], *([_GEOMETRY] if layer == LINES else [])]
    rows: list[dict[str, Any]] = []
    with _readable(what):
        reader = parquet.ParquetFile(file, pre_buffer=False)
        for number in _holding(parquet, file, groups, what):
            table = reader.read_row_group(number, columns=columns)
            rows += table.filter(compute.equal(table["subtype"], SUBTYPE)).to_pylist()
    return rows


def _perspective(row: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The mode of a row's perspectives and the countries named; none where nobody is."""
    said = row.get("perspectives")
    if not said:
        return "", ()
    mode, countries = str(said.get("mode")), said.get("countries") or []
    if mode not in _MODES:
        raise SchemaChanged(
            f"overture: unknown mode {mode[:40]!r} of perspectives; known: {', '.join(_MODES)}", words=(mode[:40],)
        )
    return mode, tuple(sorted(str(country) for country in countries))


def _line(row: Mapping[str, Any], viewers: list[str]) -> Feature:
    import shapely

    from borderwatch.formats.features import gated

    what = f"overture, line {str(row['id'])[:60]}"
    kind = str(row["class"])
    if kind not in _CLASSES:
        raise SchemaChanged(
            f"overture: unknown class {kind[:40]!r} of a line; known: land, maritime", words=(kind[:40],)
        )
    mode, countries = _perspective(row)
    disputed = bool(row["is_disputed"]) or bool(mode)
    try:
        geometry = shapely.from_wkb(row[_GEOMETRY])
    except (shapely.errors.ShapelyError, TypeError) as error:
        raise Malformed(f"{what}: a geometry that is not WKB: {error}") from None
    # Who sees it otherwise than everybody, in the column a line's viewers are told by.
    words = {f"FCLASS_{viewer}": "" for viewer in viewers}
    words |= {f"FCLASS_{country}": f"{_MODES[mode]} ({mode})" for country in countries}
    return Feature(
        gated(geometry, what),
        code=str(row["id"]),
        name=None,
        role=Role.BOUNDARY,
        style=LineStyle.DASHED if disputed else LineStyle.SOLID,
        word=f"{kind}, disputed" if disputed else kind,
        words=words,
    )


def _division(row: Mapping[str, Any]) -> Row:
    """A country by its code; who accepts or disputes it stands as its kind."""
    mode, countries = _perspective(row)
    names = row.get("names") or {}
    common = dict(names.get("common") or [])
    name = str(common.get("en") or names.get("primary") or "(no name)")
    known = owner(row.get("country"), name)
    return Row(
        key=str(row["id"]),
        name=name,
        code=None if known.startswith("?") else known,
        kind=f"{mode} {', '.join(countries)}" if mode else SUBTYPE,
        note=str(row.get("country") or ""),
    )
