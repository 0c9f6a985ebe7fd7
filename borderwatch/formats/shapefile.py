"""Shapefiles, as parts or zipped: bytes -> features; unpacked within bounds, in the text they were written in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from borderwatch.errors import Malformed, TooLarge, UsageError
from borderwatch.formats.features import MAX_BYTES, RawFeature
from borderwatch.formats.layer import features_from_layer

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_MAX_MEMBERS = 10_000
# No geometry compresses a hundredfold; a bomb of zeros does a thousandfold.
_MAX_RATIO = 200


def features_from_shapefile(parts: Mapping[str, bytes], encoding: str | None = None) -> list[RawFeature]:
    """The features of one shapefile given by extension: ``.shp`` and ``.dbf``, better with the rest.

    Without a ``.cpg`` the attributes are UTF-8 where they can be, else Latin-1 as the format says.
    """
    by_extension = {PurePosixPath("x" + k if k.startswith(".") else k).suffix.lower(): v for k, v in parts.items()}
    missing = [part for part in (".shp", ".dbf") if part not in by_extension]
    if missing:
        raise Malformed(f"shapefile: no {' and no '.join(missing)} among {', '.join(sorted(parts)) or 'no parts'}")
    if by_extension[".shp"][:4] != b"\x00\x00\x27\x0a":
        raise Malformed(f"shapefile: the .shp begins {by_extension['.shp'][:24]!r}, not 00 00 27 0a")
    if encoding is None and not by_extension.get(".cpg", b"").strip():
        encoding = "UTF-8" if _is_utf8(by_extension[".dbf"]) else "ISO-8859-1"
    together = io.BytesIO()
    with zipfile.ZipFile(together, "w", zipfile.ZIP_STORED) as archive:
        for extension in PARTS:
            if extension in by_extension:
                archive.writestr(f"layer{extension}", by_extension[extension])
    return features_from_layer(together.getvalue(), "shapefile", encoding=encoding)


def _is_utf8(dbf: bytes) -> bool:
    """Is the text UTF-8? A field cut at its width may end within a character: that much is allowed."""
    try:
        start = int.from_bytes(dbf[8:10], "little")
        dbf[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > 0 and dbf[start + error.start : start + error.start + 4].rstrip(b" \x1a")[:1] >= b"\xc3"
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
