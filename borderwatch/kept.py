"""What was derived from a file's bytes, kept under their hash for the next time; may be deleted whenever one likes.

Only ``borderwatch diff`` uses it: the chain index of a file, and the answer for a file whose bytes did not change. It
lies in the user's cache folder (``$XDG_CACHE_HOME`` or ``~/.cache``), or where ``BORDERWATCH_CACHE`` says; set to
nothing, nothing is kept. What cannot be read or written is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from borderwatch.disk import write_atomically
from borderwatch.errors import StoreError

VARIABLE = "BORDERWATCH_CACHE"
MAX_BYTES = 512 * 1024 * 1024
"""A layer of 8 million vertices has an index of 100 MB; the least recently written go first."""
_READ = 1 << 20


def folder() -> Path | None:
    """Where things are kept; None where nothing shall be."""
    said = os.environ.get(VARIABLE)
    if said is not None:
        return Path(said) if said else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "borderwatch"
    except RuntimeError:  # no home
        return None


def digest_of_files(paths: Iterable[Path]) -> str:
    """One SHA-256 over the bytes of some files, each with its ending and length."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.suffix.lower()}:{path.stat().st_size}\n".encode())
        with path.open("rb", buffering=0) as file:
            while block := file.read(_READ):
                whole.update(block)
    return whole.hexdigest()


class Kept:
    """A folder of bytes by name."""

    def __init__(self, place: Path | None) -> None:
        self.place = place

    def get(self, name: str) -> memoryview | None:
        """What was kept, mapped and not read; None where nothing was."""
        if self.place is None:
            return None
        try:
            with (self.place / name).open("rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError):  # an empty file cannot be mapped
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep something, and let go of the oldest where it becomes too much."""
        if self.place is None or len(data) > MAX_BYTES:
            return
        with contextlib.suppress(OSError, StoreError):
            self.place.mkdir(parents=True, exist_ok=True)
            self._make_room(len(data))
            write_atomically(self.place / name, data)

    def _make_room(self, size: int) -> None:
        assert self.place is not None  # noqa: S101
        files = sorted((p.stat().st_mtime_ns, p.stat().st_size, p) for p in self.place.iterdir() if p.is_file())
        total = size + sum(length for _, length, _ in files)
        for _, length, path in files:
            if total <= MAX_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= length
