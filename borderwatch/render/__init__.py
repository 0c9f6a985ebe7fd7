"""Step 6: draw changes as folium maps and pages; the only importer of folium, the only writer of ``maps/``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from borderwatch.models import Change, DisputePage, SourceCard, ViewCard
from borderwatch.render.language import speaking

__all__ = ["page_path", "speaking", "write_index", "write_page", "write_pages", "write_site"]

Spread = Callable[[Callable[[Any], dict[str, str]], Sequence[Any], int], Iterable[dict[str, str]]]
"""Runs a function on every job, told how many pages there are to make at the least."""


def serially(function: Callable[[Any], dict[str, str]], jobs: Sequence[Any], _pages: int) -> Iterable[dict[str, str]]:
    """One job after the other, here."""
    return map(function, jobs)


def write_pages(pages: Iterable[DisputePage], out: Path, *, made_at: datetime) -> list[Path]:
    """Write ``out/disputes/<slug>.html`` for each dispute and return their paths, in the order given.

    Each page stands alone: map, styles and scripts are inside it, and nothing is asked of the network.
    A page made from the same records by the same program is not drawn again; one that says the same is left untouched.
    """
    from borderwatch.render.dispute import dispute_page
    from borderwatch.render.inputs import inputs_held, inputs_of
    from borderwatch.render.store import write_page

    paths = []
    for page in pages:
        path, inputs = page_path(out, page.dispute.slug), inputs_of(page)
        if inputs_held(path) != inputs:
            path = write_page(out / "disputes", page.dispute.slug, dispute_page(page, inputs=inputs), made_at)
        paths.append(path)
    return paths


def page_path(out: Path, slug: str) -> Path:
    """Where ``write_pages`` puts a dispute's page."""
    return out / "disputes" / f"{slug}.html"


def write_page(page: DisputePage, path: Path, *, made_at: datetime) -> Path:
    """Write one dispute's page to a file of the caller's choice."""
    from borderwatch.render.dispute import dispute_page
    from borderwatch.render.store import write_text

    return write_text(path, dispute_page(page, alone=True), made_at)


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


def write_site(
    pages: Sequence[DisputePage],
    sources: Sequence[SourceCard],
    out: Path,
    *,
    made_at: datetime,
    views: Sequence[ViewCard] = (),
    elsewhere: Sequence[Change] = (),
    site: str = "",
    only: Collection[str] | None = None,
    spread: Spread = serially,
) -> None:
    """Write a page, a picture and data for every change; feeds, the JSON behind every page, sitemap and robots.txt.

    ``site`` is the address the pages are published at, if any. With ``only``, the changes of these disputes and
    nothing else. ``spread`` may send the drawing of changes to other processes.
    """
    from borderwatch.render import site as whole

    wanted = pages if only is None else [page for page in pages if page.dispute.slug in only]
    others = elsewhere if only is None else ()
    cards = {card.name: card for card in sources}
    jobs = whole.jobs_of(wanted, others, cards, out, made_at=made_at, site=site)
    made: dict[str, str] = {}
    for some in spread(whole.write_changes, jobs, whole.to_make(jobs)):
        made |= some
    whole.keep_state(out, made, whole=only is None)
    if only is None:
        whole.write_data_and_feeds(pages, elsewhere, sources, views, out, site=site)
