"""Tables in pages -> rows of text, from HTML or from the Markdown it is written in; no source, no network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from borderwatch.errors import Malformed, SchemaChanged, TooLarge

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_BYTES = 16 * 1024 * 1024  # the longest list known, IANA's root zone, is 0.4 MB
MAX_ROWS = 50_000
MAX_COLUMNS = 200
MAX_CELLS = 1_000_000

# Marks that only steer the direction of text: pages wrap right-to-left names in them, or do not, at will.
_STEERING = dict.fromkeys([0x200E, 0x200F, 0x061C, 0xFEFF, 0x200B, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class Cell(NamedTuple):
    """The text of a cell on one line, and where its links lead."""

    text: str
    links: tuple[str, ...] = ()


def rows_from_html_table(data: bytes, columns: Sequence[str], *, select: str = "table") -> list[tuple[Cell, ...]]:
    """The body rows of the first table matching the CSS ``select`` whose header begins with ``columns``.

    Spanning cells are repeated into every place they cover, so that a row has as many cells as the header; rows of
    a table inside a cell belong to that cell. ``SchemaChanged`` names the headers there are where none fits.
    """
    soup = _soup(data)
    seen: list[str] = []
    for table in soup.select(select, limit=1000):
        rows = _grid(table)
        header = tuple(cell.text for cell in rows[0]) if rows else ()
        if _fits(header, columns):
            return [row for row in rows[1:] if not _is_header(row, header)]
        seen.extend(header[:MAX_COLUMNS])
    raise _no_table(columns, seen, select)


def rows_from_markdown_table(data: bytes, columns: Sequence[str]) -> list[tuple[Cell, ...]]:
    """The same from the first pipe table of a Markdown text (GitHub's, section 4.10) with that header."""
    text = _text(data)
    seen: list[str] = []
    lines = text.splitlines()
    for i, line in enumerate(lines[:-1]):
        if not re.fullmatch(r"\s*\|?(\s*:?-+:?\s*\|)+(\s*:?-+:?\s*)?", lines[i + 1]):
            continue
        header = tuple(_markdown_cells(line))
        if not _fits(tuple(cell.text for cell in header), columns):
            seen.extend(cell.text for cell in header)
            continue
        rows = []
        for body in lines[i + 2 :]:
            if "|" not in body:
                break
            cells = [*_markdown_cells(body), *[Cell("")] * len(header)][: len(header)]
            rows.append(tuple(cells))
            if len(rows) > MAX_ROWS:
                raise TooLarge(f"Markdown: a table of more than {MAX_ROWS:,} rows")
        return rows
    raise _no_table(columns, seen, "a pipe table")


def plain_text(text: str) -> str:
    """``text`` on one line, without marks that only steer its direction."""
    return " ".join(text.translate(_STEERING).split())


def _soup(data: bytes) -> BeautifulSoup:
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    if len(data) > MAX_BYTES:
        raise TooLarge(f"HTML: {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        return BeautifulSoup(data, "html.parser")
    except (ParserRejectedMarkup, RecursionError, ValueError) as error:
        raise Malformed(f"HTML: the page cannot be read ({type(error).__name__})") from None


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise TooLarge(f"Markdown: {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"Markdown: not UTF-8 text ({error.reason} at byte {error.start})") from None


def _fits(header: Sequence[str], columns: Sequence[str]) -> bool:
    folded = [text.casefold() for text in header]
    return len(header) >= len(columns) and folded[: len(columns)] == [plain_text(c).casefold() for c in columns]


def _is_header(row: Sequence[Cell], header: Sequence[str]) -> bool:
    """A header repeated among the rows, as long tables do."""
    return tuple(cell.text for cell in row) == tuple(header)


def _no_table(columns: Sequence[str], seen: Sequence[str], where: str) -> SchemaChanged:
    there = ", ".join(repr(text[:60]) for text in dict.fromkeys(seen)) or "none"
    return SchemaChanged(
        f"no table {where!r} with the columns {', '.join(map(repr, columns))}; the headers there are: {there[:600]}",
        words=tuple(dict.fromkeys(seen))[:50],
    )


def _own_rows(table: Tag) -> Iterator[Tag]:
    """The rows of ``table`` itself, in order, not those of tables inside its cells."""
    for row in table.find_all("tr", limit=MAX_ROWS * 2):
        if row.find_parent("table") is table:
            yield row


def _grid(table: Tag) -> list[tuple[Cell, ...]]:
    """Every row with its spanning cells repeated; the first is the header."""
    grid: list[tuple[Cell, ...]] = []
    pending: dict[int, tuple[int, Cell]] = {}  # column -> rows still covered from above, and by what
    count = 0
    for row in _own_rows(table):
        cells: list[Cell] = []
        for cell in row.find_all(["td", "th"]):
            if cell.find_parent("tr") is not row:
                continue  # a cell of a table inside a cell
            _fill(cells, pending)
            found = _cell(cell)
            for _ in range(_span(cell, "colspan", MAX_COLUMNS)):
                if len(cells) >= MAX_COLUMNS:
                    raise TooLarge(f"HTML: a table of more than {MAX_COLUMNS} columns")
                down = _span(cell, "rowspan", MAX_ROWS) - 1
                if down:
                    pending[len(cells)] = (down + 1, found)
                cells.append(found)
        _fill(cells, pending)
        pending = {column: (rows - 1, cell) for column, (rows, cell) in pending.items() if rows > 1}
        if cells:
            width = len(grid[0]) if grid else len(cells)
            grid.append(tuple([*cells, *[Cell("")] * width][: max(width, len(cells))]))
            count += len(grid[-1])
        if len(grid) > MAX_ROWS or count > MAX_CELLS:
            raise TooLarge(f"HTML: a table of more than {MAX_ROWS:,} rows or {MAX_CELLS:,} cells")
    return grid


def _fill(cells: list[Cell], pending: dict[int, tuple[int, Cell]]) -> None:
    """Repeat what reaches down from the rows above into the next places."""
    while len(cells) in pending and pending[len(cells)][0] > 0 and len(cells) < MAX_COLUMNS:
        cells.append(pending[len(cells)][1])


def _span(cell: Tag, name: str, most: int) -> int:
    text = str(cell.get(name) or "1").strip()
    return min(max(int(text), 1), most) if text.isdecimal() and len(text) < 8 else 1


def _cell(cell: Tag) -> Cell:
    """The text and links of ``cell`` itself: where pages leave out ``</td>``, the parser puts the next cell inside."""
    from bs4 import NavigableString, Tag
    from bs4.element import PreformattedString

    texts: list[str] = []
    links: list[str] = []
    stack: list[tuple[object, bool]] = [(child, False) for child in reversed(cell.contents)]
    while stack:
        node, inner = stack.pop()  # inner: within a table of the cell's own
        if isinstance(node, Tag):
            if node.name in {"td", "th", "tr"} and not inner:
                continue
            if node.name == "a" and node.get("href"):
                links.append(str(node["href"]))
            if node.name not in {"script", "style", "template"}:
                stack += [(child, inner or node.name == "table") for child in reversed(node.contents)]
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
            texts.append(str(node))
    return Cell(plain_text(" ".join(texts)), tuple(links[:100]))


def _markdown_cells(line: str) -> Iterator[Cell]:
    """The cells of one row: ``\\|`` is a bar, links and emphasis leave their text."""
    line = line.strip()
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    for cell in re.split(r"(?<!\\)\|", line)[:MAX_COLUMNS]:
        links = tuple(re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", cell))
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell)
        text = re.sub(r"\\([\\`*_{}\[\]()#+.!|>~-])", r"\1", re.sub(r"(?<!\\)(\*\*|__|`)", "", text))
        yield Cell(plain_text(text), links)
