"""Shapefiles, as parts or zipped: bytes -> features; unpacked within bounds, in the text they were written in."""

from __future__ import annotations

import codecs
import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from borderwatch.arrays import begins
from borderwatch.errors import Malformed, TooLarge, UsageError
from borderwatch.formats.dbf import DbfColumns
from borderwatch.formats.features import MAX_BYTES, RawFeature
from borderwatch.formats.layer import features_from_layer, says_degrees
from borderwatch.formats.rings import RingTable

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_GEOMETRY_PARTS = PARTS[:4]
_MAX_MEMBERS = 10_000
# No geometry compresses a hundredfold; a bomb of zeros does a thousandfold.
_MAX_RATIO = 200


def features_from_shapefile(parts: Mapping[str, bytes], encoding: str | None = None) -> list[RawFeature]:
    """The features of one shapefile given by extension: ``.shp`` and ``.dbf``, better with the rest.

    Without a ``.cpg`` that fits, the attributes are UTF-8 where they can be, else Windows-1252.
    """
    by_extension = {PurePosixPath("x" + k if k.startswith(".") else k).suffix.lower(): v for k, v in parts.items()}
    missing = [part for part in (".shp", ".dbf") if part not in by_extension]
    if missing:
        raise Malformed(f"shapefile: no {' and no '.join(missing)} among {', '.join(sorted(parts)) or 'no parts'}")
    if by_extension[".shp"][:4] != b"\x00\x00\x27\x0a":
        raise Malformed(f"shapefile: the .shp begins {by_extension['.shp'][:24]!r}, not 00 00 27 0a")
    together = io.BytesIO()
    with zipfile.ZipFile(together, "w", zipfile.ZIP_STORED) as archive:
        for extension in _GEOMETRY_PARTS:
            if extension in by_extension:
                archive.writestr(f"layer{extension}", by_extension[extension])
    # Read byte for byte (Latin-1 loses none) and decode here: GDAL stops at the first byte that does not fit.
    raw = features_from_layer(together.getvalue(), "shapefile", encoding="ISO-8859-1")
    codec = encoding or _codec(
        by_extension.get(".cpg", b""), [_bytes_of(v) for f in raw for v in f.properties.values()]
    )
    return [f._replace(properties={_text(k, codec): _text(v, codec) for k, v in f.properties.items()}) for f in raw]


# Polygons, with or without heights and measures: the coordinates come first in all.
_POLYGON_KINDS = (5, 15, 25)
_FILE_HEADER, _RECORD_HEADER, _SHAPE_HEADER = 100, 8, 44
_RINGS_AND_POINTS = struct.Struct("<ii")


def rings_from_shapefile(parts: Mapping[str, bytes], *, wind: bool = True) -> RingTable | None:
    """The rings straight from the bytes of a ``.shp`` in degrees; None where ``features_from_shapefile`` must judge.

    As the format has it, the outside of an area is clockwise and its holes are not; a file that keeps to something
    else, or does not keep to its own lengths, is left to GDAL. Without ``wind`` no ring is told from a hole yet.
    """
    table = _unwound(parts)
    del parts  # of 8 million vertices 130 MB that nobody looks at again
    return table if table is None or not wind else table.wound_clockwise()


def _unwound(parts: Mapping[str, bytes]) -> RingTable | None:
    """The same before exteriors and holes are told apart."""
    shp, dbf = parts.get(".shp", b""), parts.get(".dbf", b"")
    if (
        shp[:4] != b"\x00\x00\x27\x0a"
        or len(dbf) < _RECORD_HEADER
        or not says_degrees(parts.get(".prj", b"").decode("latin-1"))
    ):
        return None
    columns = DbfColumns(dbf, "latin-1")
    columns = DbfColumns(dbf, _codec(parts.get(".cpg", b""), columns.foreign()))
    if (columns.table[:, 0] == ord("*")).any():
        return None  # rows marked as deleted
    found: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    firsts: list[np.ndarray[Any, np.dtype[np.int32]]] = []
    records: list[tuple[int, int, int]] = []  # number, rings and vertices
    at, number = _FILE_HEADER, 0
    while at + _RECORD_HEADER <= len(shp):
        size = 2 * int.from_bytes(shp[at + 4 : at + 8], "big")
        at += _RECORD_HEADER
        kind = int.from_bytes(shp[at : at + 4], "little")
        if at + size > len(shp) or kind not in (0, *_POLYGON_KINDS):
            return None
        if kind:
            rings, points = _RINGS_AND_POINTS.unpack_from(shp, at + 36) if size >= _SHAPE_HEADER else (0, 0)
            if rings < 1 or points < 1 or _SHAPE_HEADER + 4 * rings + 16 * points > size:
                return None
            firsts.append(np.frombuffer(shp, "<i4", rings, at + _SHAPE_HEADER))
            found.append(np.frombuffer(shp, "<f8", 2 * points, at + _SHAPE_HEADER + 4 * rings))
            records.append((number, rings, points))
        at += size
        number += 1
    if number != columns.rows or not found:
        return None
    numbers, rings_of, points_of = np.array(records, dtype=np.int64).T
    base = begins(points_of)
    starts = np.concatenate(firsts) + np.repeat(base, rings_of)
    counts = np.diff(np.append(starts, points_of.sum()))
    if (counts < 1).any() or (starts[begins(rings_of)] != base).any():
        return None
    return RingTable(
        np.concatenate(found).reshape(-1, 2), counts, np.repeat(numbers, rings_of), np.zeros(len(counts), dtype=bool),
        number, columns,
    )  # fmt: skip


def _bytes_of(value: object) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else b""


def _text(value: Any, codec: str) -> Any:
    return value.encode("latin-1").decode(codec, "replace").rstrip("\ufffd") if isinstance(value, str) else value


def _codec(cpg: bytes, values: Iterable[bytes]) -> str:
    """The codec the .cpg names if it fits, else UTF-8 if that fits, else Windows' Latin-1.

    Natural Earth wrote Windows-1252 without a .cpg until 2.0. A field cut at its width may end inside
    a character: that much is allowed.
    """
    named = cpg.decode("ascii", "ignore").strip().lower().replace("ansi ", "cp").replace("iso 8859", "iso-8859-")
    try:
        name = codecs.lookup(f"cp{named}" if named.isdigit() else named).name if named else "utf-8"
    except LookupError:
        name = "utf-8"
    foreign = {value for value in values if not value.isascii()}
    return name if all(_fits(value, name) for value in foreign) else "cp1252"


def _fits(value: bytes, codec: str) -> bool:
    try:
        value.decode(codec)
    except UnicodeDecodeError as error:
        return error.end == len(value) and error.reason == "unexpected end of data"
    return True


def features_from_shapefile_zip(data: bytes, encoding: str | None = None) -> list[RawFeature]:
    """The features of the only shapefile in a zip archive."""
    members = members_from_zip(data, lambda name: PurePosixPath(name).suffix.lower() in PARTS)
    stems = sorted({str(PurePosixPath(name).with_suffix("")) for name in members if name.lower().endswith(".shp")})
    if not stems:
        raise Malformed("zipped shapefile: no .shp in the archive")
    if len(stems) > 1:
        raise UsageError(f"zipped shapefile: which one? There are {', '.join(stems)}: zip one by itself")
    chosen = {
        PurePosixPath(name).suffix: body
        for name, body in members.items()
        if str(PurePosixPath(name).with_suffix("")) == stems[0]
    }
    return features_from_shapefile(chosen, encoding)


def members_from_zip(data: bytes, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The wanted members by name, within bounds of number, size and ratio; nothing touches the disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if len(infos) > _MAX_MEMBERS:
                raise TooLarge(f"zip: {len(infos):,} members; at most {_MAX_MEMBERS:,} are looked at")
            chosen = [i for i in infos if not i.is_dir() and "__MACOSX" not in i.filename and wanted(i.filename)]
            total = sum(i.file_size for i in chosen)
            if total > MAX_BYTES or total > _MAX_RATIO * max(len(data), 4096):
                raise TooLarge(f"zip: {total:,} bytes from {len(data):,}; at most {MAX_BYTES:,} and {_MAX_RATIO}-fold")
            members: dict[str, bytes] = {}
            for info in chosen:
                with archive.open(info) as member:  # sizes in the directory may lie: read no more than they say
                    members[info.filename] = member.read(info.file_size + 1)
                if len(members[info.filename]) > info.file_size:
                    raise TooLarge(f"zip: {info.filename} is larger than the archive says")
            return members
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Malformed(f"zip: the archive cannot be read: {error}") from None
