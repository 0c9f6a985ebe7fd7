"""The index page: what changed lately, every dispute on one map and in one list, the health of every source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from borderwatch.models import Change, Coverage, DisputePage, DisputeType, Kind, SourceCard
from borderwatch.render import words
from borderwatch.render.pages import asset, changes_by_weight, filled

MOST_NEWS = 45


@dataclass(frozen=True, slots=True)
class News:
    """One change with the page it stands on."""

    name: str
    href: str
    change: Change


@dataclass(frozen=True, slots=True)
class Row:
    """One dispute in the list; ``words`` is what the search looks through besides what is seen."""

    page: DisputePage
    href: str
    weighty: int
    lesser: int
    latest: datetime | None
    views: int
    shown: int
    words: str


_WEIGHT = {
    kind: weight
    for weight, kinds in enumerate(
        (
            (Kind.TRANSFER, Kind.OVERLAP),
            (Kind.BOUNDARY_MOVED, Kind.APPEARED, Kind.DISAPPEARED, Kind.DELISTED, Kind.LISTED, Kind.REPARENTED),
            (Kind.RESTYLED, Kind.RENAMED, Kind.RELABELLED, Kind.WORLDVIEWS),
        )
    )
    for kind in kinds
}
"""Ground before entries before words."""


def index_page(pages: Sequence[DisputePage], sources: Sequence[SourceCard]) -> str:
    """The index as HTML, with ``store.WRITTEN`` where the time of writing goes."""
    from borderwatch.render.land import LAND_CREDIT
    from borderwatch.render.overview import overview

    rows = [
        _row(page) for page in sorted(pages, key=lambda p: (words.plain(p.dispute.name).casefold(), p.dispute.slug))
    ]
    news = _news(pages)
    total = sum(len(page.changes) for page in pages)
    return filled(
        "index.html",
        styles=(asset("page.css"),),
        scripts=(asset("index.js"),) if pages else (),
        title="borderwatch: what maps changed",
        description="How digital maps and platforms depict disputed territory, and what changed",
        home="",
        pages=pages,
        rows=rows,
        news=news[:MOST_NEWS],
        more_news=total - min(len(news), MOST_NEWS),
        changes=total,
        views=len({s.depiction.view for page in pages for s in page.standings}),
        sources=sorted(sources, key=lambda card: card.name),
        answered=sum(card.last_success is not None and card.fault is None for card in sources),
        types=[kind for kind in DisputeType if any(page.dispute.type is kind for page in pages)],
        overview=overview([(row.page.dispute, row.href, row.weighty) for row in rows]),
        land_credit=LAND_CREDIT,
    )


def _href(page: DisputePage) -> str:
    return f"disputes/{page.dispute.slug}.html"


def _row(page: DisputePage) -> Row:
    weighty, lesser = changes_by_weight(page.changes)
    dispute = page.dispute
    looked = [dispute.slug, *dispute.codes.values(), *(name for names in dispute.names.values() for name in names)]
    return Row(
        page=page,
        href=_href(page),
        weighty=len(weighty),
        lesser=len(lesser),
        latest=max((c.after.shown_at for c in weighty or lesser), default=None),
        views=len(page.standings),
        shown=sum(s.depiction.coverage is Coverage.SHOWN for s in page.standings),
        words=words.short(" ".join(looked), 1200),
    )


def _news(pages: Sequence[DisputePage]) -> list[News]:
    """Changes of substance: ground and entries before names, the latest first; one change told once.

    A source that draws several scales changes them all in one edition: the finest speaks for it.
    """
    finest: dict[tuple[object, ...], News] = {}
    for page in pages:
        for change in changes_by_weight(page.changes)[0]:
            day = change.after.shown_at.date()
            same = (
                page.dispute.slug,
                change.view.source,
                day,
                change.kind,
                change.loser,
                change.gainer,
                change.subject,
            )
            held = finest.get(same)
            if held is None or (change.limit_km or 0.0) < (held.change.limit_km or 0.0):
                finest[same] = News(page.dispute.name, _href(page), change)
    return sorted(
        finest.values(),
        key=lambda n: (
            _WEIGHT[n.change.kind] == _WEIGHT[Kind.RENAMED],
            -n.change.after.shown_at.date().toordinal(),
            _WEIGHT[n.change.kind],
            -(n.change.area_km2 or 0.0),
            n.change.id,
        ),
    )
