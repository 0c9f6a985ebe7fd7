"""Parquet of which only some bytes are at hand: which bytes some columns need, and a file made of those; no network."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from borderwatch.errors import CaptureProblem, Malformed

_TAIL = 8
"""The last bytes of a file: the length of its footer and the magic."""
FIRST_READ = 64 * 1024
"""What is asked for first, from the end: what the library reads in one go, and most footers fit in."""
MAX_FOOTER = 64 * 1024 * 1024
# Ranges nearer than this are asked for as one: a question costs more than the bytes between.
MERGE_GAP = 512 * 1024

Range = tuple[int, int]
"""The first byte and the one after the last."""


def pyarrow_parquet(who: str) -> Any:
    """The library's module; a problem that says how to install it where it is missing."""
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise CaptureProblem(
            f"{who}: GeoParquet is read with pyarrow, which is not installed: pip install 'borderwatch[parquet]'"
        ) from None
    return parquet


def footer_range(tail: bytes, size: int, what: str) -> Range:
    """Where the footer of a file of ``size`` bytes lies, by its last bytes."""
    if len(tail) < _TAIL or tail[-4:] != b"PAR1":
        raise Malformed(f"{what}: ends with {tail[-4:]!r}, not PAR1: no Parquet file, or a cut one")
    length = int.from_bytes(tail[-_TAIL:-4], "little")
    if length > min(size - _TAIL, MAX_FOOTER):
        raise Malformed(f"{what}: its footer would be {length:,} bytes long: a cut or damaged Parquet file")
    return size - _TAIL - length, size


def column_ranges(metadata: Any, groups: Iterable[int], columns: Collection[str]) -> list[Range]:
    """The bytes that hold ``columns`` (top-level names) of some row groups, near ones merged, in order."""
    found = []
    for number in groups:
        group = metadata.row_group(number)
        for leaf in range(group.num_columns):
            chunk = group.column(leaf)
            if chunk.path_in_schema.partition(".")[0] in columns:
                first = min(o for o in (chunk.dictionary_page_offset, chunk.data_page_offset) if o is not None)
                found.append((int(first), int(first) + int(chunk.total_compressed_size)))
    return merged(found)


def merged(ranges: Iterable[Range], gap: int = MERGE_GAP) -> list[Range]:
    """The ranges in order; those that overlap or lie nearer than ``gap`` are one."""
    done: list[Range] = []
    for first, end in sorted(ranges):
        if done and first - done[-1][1] <= gap:
            done[-1] = (done[-1][0], max(end, done[-1][1]))
        else:
            done.append((first, end))
    return done


def groups_that_may_hold(metadata: Any, column: str, value: str) -> list[int]:
    """The row groups that ``value`` may be in, by their statistics; one without statistics may hold anything."""
    wanted = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for leaf in range(group.num_columns):
            chunk = group.column(leaf)
            if chunk.path_in_schema == column:
                known = chunk.statistics if chunk.is_stats_set else None
                if known is None or not known.has_min_max or str(known.min) <= value <= str(known.max):
                    wanted.append(number)
    return wanted


class SparseFile(io.RawIOBase):
    """A file of ``size`` bytes of which only some ranges are at hand; reading others is ``Malformed``.

    ``more`` is asked for a range that is not at hand, where there is someone to ask.
    """

    def __init__(
        self, size: int, ranges: Mapping[int, bytes], what: str, more: Callable[[int, int], bytes] | None = None
    ) -> None:
        super().__init__()
        self._size = size
        self.what = what
        self._more = more
        self._at = 0
        self.held: dict[int, bytes] = dict(ranges)

    def ensure(self, ranges: Iterable[Range]) -> None:
        """Have these ranges at hand."""
        for first, end in ranges:
            if end > self._size or first < 0:
                raise Malformed(f"{self.what}: its footer speaks of byte {end:,}; it has {self._size:,}")
            if self._find(first, end) is None:
                if self._more is None:
                    raise Malformed(f"{self.what}: the bytes {first:,} to {end:,} were not captured")
                self.held[first] = self._more(first, end)

    def _find(self, first: int, end: int) -> bytes | None:
        # A few dozen ranges, which may overlap: the first that covers what is wanted.
        for start, data in self.held.items():
            if start <= first and end <= start + len(data):
                return data[first - start : end - start]
        return None

    def read(self, count: int | None = -1, /) -> bytes:
        end = self._size if count is None or count < 0 else min(self._at + count, self._size)
        if end <= self._at:
            return b""
        data = self._find(self._at, end)
        if data is None:
            self.ensure([(self._at, end)])
            data = self._find(self._at, end) or b""
        self._at = end
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def size(self) -> int:
        """How long the whole file is."""
        return self._size
