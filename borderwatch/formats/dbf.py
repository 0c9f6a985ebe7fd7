"""The attributes beside a shapefile, column by column as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from borderwatch.errors import Malformed

_HEADER, _FIELD = 32, 32
_END_OF_FIELDS = 0x0D
_TEXT = ("C", "N", "F")


@dataclass(frozen=True, slots=True)
class _Field:
    kind: str
    offset: int
    width: int
    decimals: int


class DbfColumns(Mapping[str, list[object]]):
    """The columns of a dBASE III table by name, decoded when they are looked at (a world layer has 168, one is asked).

    Values are as GDAL gives them: text without padding, whole numbers, fractions, None for nothing; ``codec`` reads
    text and names. Dates, booleans and memos are text.
    """

    def __init__(self, data: bytes, codec: str) -> None:
        if len(data) < _HEADER:
            raise Malformed(f"shapefile: the .dbf has {len(data)} bytes, not even a header")
        self.rows = int.from_bytes(data[4:8], "little")
        start, width = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
        if width < 1 or start < _HEADER or len(data) < start + self.rows * width:
            raise Malformed(f"shapefile: the .dbf is {len(data):,} bytes, too few for its {self.rows:,} rows")
        self._codec = codec
        self._fields: dict[str, _Field] = {}
        offset = 1  # a row begins with the mark of the deleted
        for at in range(_HEADER, start - 1, _FIELD):
            if data[at] == _END_OF_FIELDS:
                break
            name = data[at : at + 11].split(b"\0")[0].decode(codec, "replace").strip()
            field = _Field(chr(data[at + 11]), offset, data[at + 16], data[at + 17])
            offset += field.width
            if offset > width:
                raise Malformed(f"shapefile: field {name!r} of the .dbf ends behind its row")
            self._fields[name] = field
        self.table = np.frombuffer(data, np.uint8, self.rows * width, start).reshape(self.rows, width)

    def __getitem__(self, name: str) -> list[object]:
        field = self._fields[name]
        cells = self._cells(field)
        if field.kind in ("N", "F"):
            return [_number(cell, field.decimals) for cell in cells]
        return [cell.decode(self._codec, "replace").rstrip("\ufffd").strip("\0 ") or None for cell in cells]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def _cells(self, field: _Field) -> list[bytes]:
        block = np.ascontiguousarray(self.table[:, field.offset : field.offset + field.width])
        cells: list[bytes] = block.view(f"S{field.width}").ravel().tolist() if field.width else [b""] * self.rows
        return cells

    def foreign(self) -> list[bytes]:
        """The cells of text that hold more than ASCII."""
        beyond = self.table > 0x7F
        found = []
        for field in self._fields.values():
            rows = np.flatnonzero(beyond[:, field.offset : field.offset + field.width].any(axis=1))
            cells = self._cells(field) if len(rows) else []
            found += [cells[row].rstrip() for row in rows.tolist()]
        return found


def _number(cell: bytes, decimals: int) -> object:
    text = cell.strip(b" \0*")
    if not text:
        return None
    try:
        return float(text) if decimals else int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None
