"""Any file of areas -> its rings, told by what is in it; None where a geometry must be made first, and judged.

This is the quick way in for files that are as they should be: polygons in degrees, nothing past 180. Whatever is
otherwise in any way goes through ``vector_file``, which mends it or says what is wrong with it.
"""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import quote

from borderwatch.errors import Malformed, TooLarge
from borderwatch.formats.features import MAX_BYTES, MAX_FEATURES
from borderwatch.formats.geojson_rings import Known, rings_from_geojson
from borderwatch.formats.layer import says_degrees
from borderwatch.formats.rings import RingTable
from borderwatch.formats.shapefile import PARTS, members_from_zip, rings_from_shapefile
from borderwatch.formats.wkb_rings import WkbLayer

_WGS_84 = 4326
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}  # bytes, by the code in the flags of a GeoPackage geometry
_GPKG_HEADER = 8
LARGE_BYTES = 32 * 1024 * 1024
"""A file from which on two threads are quicker than one: starting one takes .1 ms, opening this much 4 ms."""
_AT_ONCE = 2  # each takes six times the bytes of its file


def rings_from_path(path: Path) -> RingTable | None:
    """The rings of a file in degrees, each exterior before its holes; None where ``features_from_path`` must judge."""
    return _finished(_opened(path), None)


def rings_from_paths(paths: Sequence[Path]) -> Iterator[RingTable | None]:
    """The rings of several files, one after the other.

    Large ones are read side by side: reading and arithmetic let go of the interpreter's lock. What is the same in the
    first and in another is looked at once.
    Only of formats whose readers leave alone what all threads share (filters of warnings, GDAL's settings).
    """
    at_once = len(paths) > 1 and all(_alone(path) for path in paths)
    with ThreadPoolExecutor(min(len(paths), _AT_ONCE)) as pool:
        first: tuple[_Opened, RingTable] | None = None
        texts: Known = {}
        for opened in (pool.map if at_once else map)(lambda path: _opened(path, texts), paths):
            table = _finished(opened, first, pool if at_once else None)
            if first is None and opened is not None and table is not None:
                first = opened, table
            yield table


_Opened: TypeAlias = "RingTable | WkbLayer"


def _opened(path: Path, texts: Known | None = None) -> _Opened | None:
    """A file's rings, those of a Shapefile not told from holes yet, or its geometries; None where others must judge."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    try:
        opened = _read(path, texts)
    except (Malformed, TooLarge):
        return None
    # Before holes are told: what that makes of rings which are none is anybody's guess.
    return opened if isinstance(opened, WkbLayer) else _plain(opened)


def _finished(
    opened: _Opened | None, first: tuple[_Opened, RingTable] | None, pool: Executor | None = None
) -> RingTable | None:
    """The rings of what was opened; what is as in ``first`` (what was opened, its rings) is not looked at again."""
    seen, table = first or (None, None)
    if isinstance(opened, WkbLayer):
        if len(opened.blobs) > MAX_FEATURES:
            return None
        return _plain(opened.rings((seen, table) if isinstance(seen, WkbLayer) and table is not None else None))
    if opened is None or opened.exterior.any():
        return opened
    # Telling a few holes is quicker than comparing the features they are in.
    return opened.wound_clockwise(table, pool) if pool else opened.wound_clockwise()


def _plain(table: RingTable | None) -> RingTable | None:
    return table if table is not None and table.features <= MAX_FEATURES and table.plain else None


def _alone(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size < LARGE_BYTES:
        return False
    with path.open("rb") as file:
        return file.read(16).startswith((b"\x00\x00\x27\x0a", b"SQLite format 3\0"))


def _read(path: Path, texts: Known | None) -> _Opened | None:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\x00\x00\x27\x0a"):
        beside = {
            p.suffix.lower(): p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix.lower() in PARTS
        }
        if all(part.stat().st_size <= MAX_BYTES for part in beside.values()):
            return rings_from_shapefile(
                {extension: part.read_bytes() for extension, part in beside.items()}, wind=False
            )
    elif head.startswith(b"PK\x03\x04"):
        return _from_zip(path.read_bytes())
    elif head.startswith(b"SQLite format 3\0"):
        return _from_geopackage(path)
    elif head.startswith(b"PAR1"):
        return _from_parquet(path)
    elif head.startswith(b"fgb"):
        return _from_flatgeobuf(path)
    elif head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return rings_from_geojson(path.read_bytes(), texts)
    return None


def _from_zip(data: bytes) -> _Opened | None:
    members = members_from_zip(data, lambda name: PurePosixPath(name).suffix.lower() in PARTS)
    stems = {str(PurePosixPath(name).with_suffix("")) for name in members if name.lower().endswith(".shp")}
    if len(stems) != 1:
        return None
    [stem] = stems
    chosen = {n: body for n, body in members.items() if str(PurePosixPath(n).with_suffix("")) == stem}
    return rings_from_shapefile({PurePosixPath(n).suffix.lower(): body for n, body in chosen.items()}, wind=False)


def _from_geopackage(path: Path) -> WkbLayer | None:
    """The only table of features of a GeoPackage, read as the database it is."""
    try:
        base = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error:
        return None
    try:
        layers = base.execute("SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns").fetchall()
        if len(layers) != 1 or layers[0][2] != _WGS_84:
            return None
        name, shape, _ = (str(word) for word in layers[0])
        key = [str(row[1]) for row in base.execute(f"PRAGMA table_info({_quoted(name)})") if row[5]]
        cursor = base.execute(f"SELECT * FROM {_quoted(name)}")  # noqa: S608 - quoted as SQL has it
        fields = [column[0] for column in cursor.description]
        rows = cursor.fetchmany(MAX_FEATURES + 1)
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        return None
    finally:
        base.close()
    if shape not in fields:
        return None
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
    blobs = [_wkb(blob) for blob in columns[fields.index(shape)]]
    kept = {f: c for f, c in zip(fields, columns, strict=True) if f != shape and f not in key}
    return WkbLayer(blobs, kept)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wkb(blob: object) -> bytes | None:
    """The WKB in a GeoPackage geometry: behind a header whose length its flags tell."""
    if not isinstance(blob, bytes) or len(blob) < _GPKG_HEADER or blob[:2] != b"GP":
        return None
    return blob[_GPKG_HEADER + _ENVELOPES.get(blob[3] >> 1 & 0b111, 0) :]


def _from_parquet(path: Path) -> WkbLayer | None:
    """GeoParquet with WKB; the other columns are decoded when they are asked for."""
    try:
        from pyarrow import parquet
        from pyarrow.lib import ArrowException
    except ImportError:
        return None
    try:
        file = parquet.ParquetFile(path)
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        column = geo.get("primary_column", "geometry")
        about = geo.get("columns", {}).get(column)
        if about is None or about.get("encoding") != "WKB" or not _is_wgs_84(about.get("crs", "OGC:CRS84")):
            return None
        if file.metadata.num_rows > MAX_FEATURES or file.metadata.serialized_size > MAX_BYTES:
            return None
        blobs = file.read(columns=[column]).column(column).to_pylist()
        others = [name for name in file.schema_arrow.names if name not in (column, "bbox")]
        rest = file.read(columns=others)
        return WkbLayer(blobs, {name: rest.column(name).to_pylist() for name in others})
    except (ArrowException, ValueError, KeyError, TypeError, AttributeError, OSError):
        return None  # what it says of itself does not hold


def _is_wgs_84(crs: Any) -> bool:
    if isinstance(crs, dict):
        named = crs.get("id", {})
        return (named.get("authority"), str(named.get("code"))) in (("OGC", "CRS84"), ("EPSG", "4326"))
    return crs is None or crs in ("OGC:CRS84", "EPSG:4326")


def _from_flatgeobuf(path: Path) -> WkbLayer | None:
    import pyogrio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL remarks on rings; they are looked at here
            meta, _, blobs, columns = pyogrio.raw.read(path, force_2d=True)
    except (ValueError, IndexError, RuntimeError):
        return None
    if blobs is None or not says_degrees(meta["crs"]):
        return None
    named: dict[str, Sequence[Any]] = {f: c.tolist() for f, c in zip(meta["fields"], columns, strict=True)}
    return WkbLayer(blobs, named)
