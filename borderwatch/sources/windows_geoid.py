"""Windows' table of geographical locations (GEOID): what Microsoft's own list of places holds and calls them."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.errors import Challenged, Malformed, NotServed, Partial, Refused, SchemaChanged
from borderwatch.models import Archived, Body, Edition, Part, Reading, Row, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch

PAGE = "https://learn.microsoft.com/en-us/windows/win32/intl/table-of-geographical-locations"
FORMER_PAGES = (
    "https://docs.microsoft.com/en-us/windows/win32/intl/table-of-geographical-locations",
    "https://docs.microsoft.com/en-us/windows/desktop/Intl/table-of-geographical-locations",
    "https://msdn.microsoft.com/en-us/library/windows/desktop/dd374073(v=vs.85).aspx",
)
MARKDOWN = (
    "https://raw.githubusercontent.com/MicrosoftDocs/win32/docs/desktop-src/Intl/table-of-geographical-locations.md"
)

COLUMNS = (
    "Geographical location identifier (Hex)",
    "Geographical location identifier (decimal)",
    "Location (Short Name)",
    "Location (Long Name)",
)

FEWEST_ROWS = 270  # about 290 in the copy of 2018
SENTINELS = MappingProxyType({"84": "France", "122": "Japan", "32": "Brazil"})

# The list has no ISO codes, and its names are what is watched: a row must be known by its number when it is
# renamed (19618 was still "Macedonia, FYRO" in 2018). Only places somebody disputes need to stand here.
_CODES = MappingProxyType(
    {
        "90": "GI", "104": "HK", "114": "IO", "117": "IL", "151": "MO", "184": "PS", "237": "TW", "301": "AQ",
        "315": "FK", "331": "YT", "342": "GS", "19618": "MK", "9914689": "XK",
    }
)  # fmt: skip


class WindowsGeoid(Source):
    """A place is two rows, its short and its long name (``184``, ``184 long``): either may be changed alone.

    The page is asked first; where it does not answer as a page, the Markdown it is made from.
    """

    name = "windows_geoid"
    title = "Windows table of geographical locations"
    watches = "which places Windows lists as locations, and their short and long names"
    terms = Terms(
        licence="CC BY 4.0",
        attribution="Microsoft Learn, Table of Geographical Locations",
        url="https://github.com/MicrosoftDocs/win32/blob/docs/LICENSE",
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"": "the whole list"})
    proven = "recorded: rows of the published Markdown; the page's markup is an assumption"
    first_contact = "that the page is one plain HTML table with the four columns, and whether 19618 is still FYRO"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        try:
            answer = fetch.get(PAGE, expect="html")
            _rows(answer.data, markdown=False)
            part = Part("page.html", answer.data)
        except (Challenged, Malformed, NotServed, Refused, SchemaChanged):
            answer = fetch.get(MARKDOWN, expect="text", robots=False)
            _rows(answer.data, markdown=True)
            part = Part("page.md", answer.data)
        return Body((part,), answer.url, headers=answer.headers)

    def archived(self, view: View) -> tuple[Archived, ...]:
        """The page where it lies now, and where it lay before, as far as it is remembered."""
        return tuple(Archived(address, "page.html") for address in (PAGE, *FORMER_PAGES))

    def read(self, snapshot: Snapshot) -> Reading:
        return Reading(rows=_rows(snapshot.data, markdown=snapshot.parts[0].name.endswith(".md")))


def _rows(data: bytes, *, markdown: bool) -> tuple[Row, ...]:
    """Every location; ``Partial`` where the list is not whole."""
    from borderwatch.formats.html_table import rows_from_html_table, rows_from_markdown_table

    table = rows_from_markdown_table(data, COLUMNS) if markdown else rows_from_html_table(data, COLUMNS)
    rows: dict[str, Row] = {}
    for hexadecimal, decimal, short, long, *_ in table:
        key = decimal.text
        if not key.isdecimal() or len(key) > 12 or hexadecimal.text.casefold() != hex(int(key)):
            raise SchemaChanged(
                f"windows_geoid: {hexadecimal.text[:40]!r} and {key[:40]!r} are not one identifier: the table has a "
                "new form",
                words=(hexadecimal.text[:40], key[:40]),
            )
        code = _CODES.get(key)
        rows[key] = Row(key=key, name=short.text, code=code, kind="short name", note=long.text or None)
        if long.text:
            rows[f"{key} long"] = Row(key=f"{key} long", name=long.text, code=code, kind="long name")
    count = sum(key.isdecimal() for key in rows)
    missing = [name for key, name in SENTINELS.items() if key not in rows or rows[key].name != name]
    if missing or count < FEWEST_ROWS:
        raise Partial(
            f"windows_geoid: the table is not whole: {count} locations (at least {FEWEST_ROWS}), missing "
            f"{', '.join(missing) or 'no sentinel'}: ask again; an absent row would prove nothing",
            url=PAGE,
        )
    return tuple(rows.values())
