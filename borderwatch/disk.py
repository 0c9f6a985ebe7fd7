"""Files that survive a crash: written whole or not at all, and flushed. Knows nothing of what is in them."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from borderwatch.errors import StoreError

_BINARY = getattr(os, "O_BINARY", 0)


@contextmanager
def disk_refusals(path: Path) -> Iterator[None]:
    """Say in our words what the disk refused."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            reason = "the disk is full"
        raise StoreError(
            f"{error.filename or path}: could not be written: {reason}; nothing half-written is left, "
            "put that right and run again"
        ) from error


def bytes_of(path: Path) -> bytes | None:
    """The file's bytes; None where there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def stat_of(path: Path) -> tuple[int, int, int] | None:
    """Size, mtime in ns and inode: what tells a file from what it was; None where there is no file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def torn_tail(path: Path) -> bytes:
    """What stands after a file's last newline: nothing, or what was left of a cut write."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            if file.read(1) in {b"", b"\n"}:
                return b""
            file.seek(0)
            return file.read().rpartition(b"\n")[2]
    except FileNotFoundError:
        return b""


def make_folder(path: Path) -> None:
    """Make a folder whose name survives a crash."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        flush_folder(folder.parent)


def flush_folder(path: Path) -> None:
    """Flush a folder, so that the names in it survive a crash."""
    if os.name == "nt":
        return  # Windows flushes a folder with its files and opens none
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)


def write_atomically(path: Path, data: bytes) -> None:
    """All of the file or none of it: written beside, flushed, renamed, the folder flushed."""
    beside = path.with_name(f".{path.name[:20]}.{os.getpid()}.{secrets.token_hex(6)}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        try:
            _write_all(handle, data)
        finally:
            os.close(handle)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def append_durably(path: Path, line: bytes) -> None:
    """Add a line and flush it; what a full disk took of it is cut off again."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
    try:
        size = os.fstat(handle).st_size
        try:
            _write_all(handle, line)
        except BaseException:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
