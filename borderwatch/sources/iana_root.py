"""IANA's root zone database: which top-level domains exist, and for which territories."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.errors import Partial, SchemaChanged
from borderwatch.models import Archived, Body, Edition, Part, Reading, Row, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch

URL = "https://www.iana.org/domains/root/db"

KINDS = frozenset({"country-code", "generic", "generic-restricted", "infrastructure", "sponsored", "test"})
NOT_ASSIGNED = "Not assigned"
"""What the page says of a domain that is listed and not delegated (``.an`` since 2015)."""

# The code is ISO 3166-1 alpha-2 but for .uk, and for these, which ISO only reserves or has withdrawn.
_CODES = MappingProxyType({"uk": "GB", "ac": None, "an": None, "cs": None, "eu": None, "su": None, "tp": None})

FEWEST_ROWS = 1_200  # about 1,590 in 2026; generic domains come and go by dozens, never by hundreds
FEWEST_COUNTRY_CODES = 280  # about 310 in 2026, of which some 60 in other scripts than Latin
SENTINELS = (".br", ".com", ".fr", ".jp", ".za")


class IanaRoot(Source):
    """Each row is a domain as the page writes it, right-to-left names in Unicode without marks of direction.

    ``code`` is the ISO code a two-letter country-code domain stands for. Domains in other scripts carry none:
    the page does not say whose they are. The manager stands in ``note``.
    """

    name = "iana_root"
    title = "IANA root zone database"
    watches = "which territories have a top-level domain of their own"
    terms = Terms(
        licence="no licence stated; a list of facts",
        attribution="Internet Assigned Numbers Authority (IANA)",
        url="https://www.iana.org/help/licensing-terms",
        ship=False,
    )
    every = timedelta(days=7)
    layers = MappingProxyType({"": "the whole list"})
    proven = "documented shape: read from an invented page with the real page's markup"
    first_contact = "the counts of rows (about 1,590) and of country codes (about 310); how Arabic domains are written"

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        answer = fetch.get(URL, expect="html")
        _rows(answer.data)  # an incomplete page is a failed attempt, not a capture
        return Body((Part("db.html", answer.data),), answer.url, headers=answer.headers)

    def archived(self, view: View) -> tuple[Archived, ...]:
        return (Archived(URL, "db.html"),)

    def read(self, snapshot: Snapshot) -> Reading:
        return Reading(rows=_rows(snapshot.data))


def _rows(data: bytes) -> tuple[Row, ...]:
    """Every domain of the page; ``Partial`` where it is not whole."""
    from borderwatch.formats.html_table import rows_from_html_table

    rows: dict[str, Row] = {}
    for cells in rows_from_html_table(data, ("Domain", "Type"), select="table#tld-table"):
        domain, kind = cells[0].text, cells[1].text.casefold()
        manager = cells[2].text if len(cells) > 2 else ""
        if not domain.startswith(".") or len(domain) < 2 or " " in domain:
            raise SchemaChanged(
                f"iana_root: {domain[:60]!r} is not a domain: the page has a new form", words=(domain[:60],)
            )
        if kind not in KINDS:
            raise SchemaChanged(
                f"iana_root: unknown type {kind[:60]!r} of {domain}; known: {', '.join(sorted(KINDS))}",
                words=(kind[:60],),
            )
        rows[domain] = Row(
            key=domain,
            name=domain,
            code=_code(domain[1:]) if kind == "country-code" else None,
            kind=kind if manager != NOT_ASSIGNED else f"{kind}, not assigned",
            note=manager or None,
            lang="und",
        )
    country_codes = sum(row.kind is not None and row.kind.startswith("country-code") for row in rows.values())
    missing = [domain for domain in SENTINELS if domain not in rows]
    if missing or len(rows) < FEWEST_ROWS or country_codes < FEWEST_COUNTRY_CODES:
        raise Partial(
            f"iana_root: the page is not whole: {len(rows)} domains (at least {FEWEST_ROWS}), {country_codes} country "
            f"codes (at least {FEWEST_COUNTRY_CODES}), missing {', '.join(missing) or 'no sentinel'}: ask again; an "
            "absent row would prove nothing",
            url=URL,
        )
    return tuple(rows.values())


def _code(label: str) -> str | None:
    """The ISO code a two-letter label stands for."""
    if label in _CODES:
        return _CODES[label]
    return label.upper() if len(label) == 2 and label.isascii() and label.isalpha() else None
