"""Step 6: draw changes as folium maps and pages; the only importer of folium, the only writer of ``maps/``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from borderwatch.models import Change, DisputePage, SourceCard, ViewCard
from borderwatch.render.language import speaking

__all__ = ["page_path", "speaking", "write_index", "write_page", "write_pages"]


def write_pages(pages: Iterable[DisputePage], out: Path, *, made_at: datetime) -> list[Path]:
    """Write ``out/disputes/<slug>.html`` for each dispute and return their paths, in the order given.

    Each page stands alone: map, styles and scripts are inside it, and nothing is asked of the network.
    A page that says the same as the one already there is left untouched.
    """
    from borderwatch.render.dispute import dispute_page
    from borderwatch.render.store import write_page

    return [write_page(out / "disputes", page.dispute.slug, dispute_page(page), made_at) for page in pages]


def page_path(out: Path, slug: str) -> Path:
    """Where ``write_pages`` puts a dispute's page."""
    return out / "disputes" / f"{slug}.html"


def write_page(page: DisputePage, path: Path, *, made_at: datetime) -> Path:
    """Write one dispute's page to a file of the caller's choice."""
    from borderwatch.render.dispute import dispute_page
    from borderwatch.render.store import write_text

    return write_text(path, dispute_page(page), made_at)


def write_index(
    pages: Sequence[DisputePage],
    sources: Sequence[SourceCard],
    out: Path,
    *,
    made_at: datetime,
    views: Sequence[ViewCard] = (),
    elsewhere: Sequence[Change] = (),
) -> Path:
    """Write ``out/index.html``: what changed lately, every dispute against every view, the health of every source.

    ``views`` are all there are to ask, ``elsewhere`` the changes on ground no watched dispute holds.
    """
    from borderwatch.render.index import index_page
    from borderwatch.render.store import write_page

    return write_page(out, "index", index_page(pages, sources, views, elsewhere), made_at)
