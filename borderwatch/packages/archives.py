"""Read wanted files out of a package's archive, in memory and within bounds; nothing is ever unpacked to disk."""

from __future__ import annotations

import difflib
import gzip
import io
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from borderwatch.errors import Malformed, NotServed, TooLarge, UsageError
from borderwatch.models import Part

MAX_MEMBERS = 100_000
MAX_MEMBER_BYTES = 268_435_456
MAX_UNPACKED_BYTES = 2_147_483_648
"""How much of an archive is run through; plotly.js 3 unpacks to 0.1 GB, no map package known to 1 GB."""
MAX_KEPT_BYTES = 536_870_912

FIRST_SANE_TIME = datetime(1990, 1, 1, tzinfo=UTC)
"""Packers write times of their own into members: npm 1985-10-26, yarn 1984-06-22, zip without a time 1980-01-01."""
PACKERS_TIMES = frozenset({datetime(2020, 2, 2, tzinfo=UTC)})
"""hatchling's reproducible builds: SOURCE_DATE_EPOCH 1580601600."""

_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,  # a damaged offset makes zipfile seek to nowhere
    OverflowError,
    ValueError,
)
"""What the standard library raises on archives that are damaged; found by damaging some."""

Paths = Sequence[str] | Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """Files of one exact version of a package, verified against the digest its publisher's registry gives.

    ``url`` is a package URL without a host; ``modified_at`` the times inside the archive where they are times of
    the files, not of the packer; ``note`` says how the files came and what was verified.
    """

    parts: tuple[Part, ...]
    url: str
    modified_at: Mapping[str, datetime] = field(default_factory=dict)
    note: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Settled(NotServed):
    """It does not exist, and whoever said so knows: no other way of asking will find it."""


@dataclass(slots=True)
class Wanted:
    """Which files are asked for, and what was found of them."""

    paths: Paths
    what: str
    found: dict[str, bytes] = field(default_factory=dict)
    modified_at: dict[str, datetime] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.paths, str):
            raise UsageError(f"paths={self.paths!r}: give a list of paths, or a function of a path")
        if not callable(self.paths):
            for path in self.paths:
                if not is_plain(path):
                    raise UsageError(f"{path!r} is not a path inside a package: give it as 'dist/world.json'")

    def wants(self, path: str) -> bool:
        return self.paths(path) if callable(self.paths) else path in self.paths

    def keep(self, path: str, data: bytes, modified_at: datetime | None = None) -> None:
        if path in self.found:
            raise Malformed(f"{self.what} holds {path!r} twice: which of the two is meant cannot be known")
        self.found[path] = data
        if modified_at is not None and is_sane(modified_at):
            self.modified_at[path] = modified_at
        if sum(map(len, self.found.values())) > MAX_KEPT_BYTES:
            raise TooLarge(f"{self.what}: the files asked for exceed {MAX_KEPT_BYTES:,} bytes: ask for fewer")

    def parts(self) -> tuple[Part, ...]:
        """The files in the order asked for, or by name; ``Settled`` names what is missing and what is near."""
        if callable(self.paths):
            if not self.found:
                some = ", ".join(repr(path) for path in sorted(self.seen)[:8])
                raise Settled(f"{self.what} has none of the files asked for; it has {some or 'no file'}")
            return tuple(Part(path, self.found[path]) for path in sorted(self.found))
        missing = [path for path in self.paths if path not in self.found]
        if missing:
            near = near_names(missing[0], self.seen)
            raise Settled(
                f"{self.what} has no file {', '.join(map(repr, missing))}; "
                + (f"near: {', '.join(map(repr, near))}" if near else f"it has {len(self.seen)} others")
            )
        return tuple(Part(path, self.found[path]) for path in dict.fromkeys(self.paths))


def near_names(path: str, names: Iterable[str], count: int = 5) -> list[str]:
    """The names most like ``path``: the same file elsewhere first."""
    names = list(dict.fromkeys(names))[:20_000]
    base = posixpath.basename(path)
    same = [name for name in names if posixpath.basename(name) == base]
    return list(dict.fromkeys([*same, *difflib.get_close_matches(path, names, count, 0.6)]))[:count]


def is_plain(path: str) -> bool:
    """Whether ``path`` stays inside its package on every system."""
    return (
        bool(path)
        and path.isprintable()
        and not path.startswith("/")
        and "\\" not in path
        and ":" not in path.partition("/")[0]
        and ".." not in path.split("/")
    )


def is_sane(moment: datetime) -> bool:
    """Whether a member's time can be the time of the file: not a packer's constant, not in the future."""
    return FIRST_SANE_TIME <= moment <= datetime.now(UTC) + timedelta(days=1) and moment not in PACKERS_TIMES


def purl(kind: str, name: str, version: str, parts: tuple[Part, ...] = ()) -> str:
    """``pkg:npm/%40scope/name@1.0.0#path``; the path only where there is one file."""
    text = f"pkg:{kind}/{quote(name, safe='/')}@{quote(version, safe='.')}"
    return f"{text}#{quote(parts[0].name)}" if len(parts) == 1 else text


# --- tar and zip -----------------------------------------------------------------------------------


def read_tarball(archive: Path, wanted: Wanted) -> None:
    """Find what is wanted in a ``.tar.gz``; paths are counted from below its one top folder."""
    try:
        with archive.open("rb") as file, gzip.GzipFile(fileobj=file) as unpacked:
            bounded = _Bounded(unpacked, MAX_UNPACKED_BYTES, wanted.what)
            # "r|" reads forward only: a member is taken as it passes, the rest never touches memory or disk.
            with tarfile.open(fileobj=bounded, mode="r|") as members:
                for member, path in _tar_files(members, wanted):
                    if wanted.wants(path):
                        reader = members.extractfile(member)
                        data = reader.read() if reader is not None else b""
                        if len(data) != member.size:
                            raise Malformed(f"{wanted.what}: {path!r} ends before its end: the archive is cut")
                        wanted.keep(path, data, _moment(member.mtime))
    except _DAMAGE as error:
        raise Malformed(f"{wanted.what}: the archive is damaged or cut ({type(error).__name__}): ask again") from None


def _tar_files(members: tarfile.TarFile, wanted: Wanted) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """The regular files and their paths; hostile names and sizes are refused, links and devices passed over."""
    for count, member in enumerate(members):
        _check_member(count, member.name, member.size, wanted.what)
        path = member.name.removeprefix("./").partition("/")[2]
        if member.isreg() and path:
            wanted.seen.append(path)
            yield member, path


def read_zip(archive: Path, wanted: Wanted, *, strip: bool = False) -> None:
    """Find what is wanted in a ``.whl`` or ``.zip``; ``strip`` counts paths from below its one top folder."""
    try:
        with zipfile.ZipFile(archive) as members:
            for count, member in enumerate(members.infolist()):
                _check_member(count, member.filename, member.file_size, wanted.what)
                path = member.filename.partition("/")[2] if strip else member.filename
                if member.is_dir() or not path:
                    continue
                wanted.seen.append(path)
                if not wanted.wants(path):
                    continue
                if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    raise Malformed(f"{wanted.what}: {path!r} is encrypted or packed in a way wheels are not")
                with members.open(member) as reader:
                    data = reader.read(member.file_size + 1)
                if len(data) != member.file_size:
                    raise Malformed(f"{wanted.what}: {path!r} is not of the size it announces")
                wanted.keep(path, data, _zip_moment(member))
    except _DAMAGE as error:
        raise Malformed(f"{wanted.what}: the archive is damaged or cut ({type(error).__name__}): ask again") from None


def _check_member(count: int, name: str, size: int, what: str) -> None:
    if count >= MAX_MEMBERS:
        raise TooLarge(f"{what} holds more than {MAX_MEMBERS:,} files")
    if not is_plain(name.removeprefix("./") or "."):
        raise Malformed(f"{what} holds a member named {name[:80]!r}, which leads outside: nothing of it was kept")
    if size > MAX_MEMBER_BYTES:
        raise TooLarge(f"{what}: {name[:80]!r} unpacks to {size:,} bytes; the bound is {MAX_MEMBER_BYTES:,}")


def _moment(timestamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _zip_moment(member: zipfile.ZipInfo) -> datetime | None:
    """Zip times have no zone; taken as UTC they may be half a day off, which dates an edition well enough."""
    try:
        return datetime(*member.date_time, tzinfo=UTC)
    except ValueError:
        return None


class _Bounded(io.RawIOBase):
    """A reader that gives at most ``bound`` bytes: tar headers may announce any length."""

    def __init__(self, inner: gzip.GzipFile, bound: int, what: str) -> None:
        self._inner, self._left, self._what = inner, bound, what

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise TooLarge(f"{self._what} unpacks to more than {MAX_UNPACKED_BYTES:,} bytes: a compression bomb")
        return data
