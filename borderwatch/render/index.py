"""The index page: what changed lately, every dispute mapped, listed and against every view, every source's health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from borderwatch.models import Change, Coverage, Dispute, DisputePage, DisputeType, SourceCard, ViewCard
from borderwatch.render import news, sentences, words
from borderwatch.render.language import gettext as _
from borderwatch.render.language import ngettext
from borderwatch.render.matrix import MEANING, SHORT, matrix
from borderwatch.render.pages import asset, changes_by_weight, filled, json_for_html

MOST_RECENT, MOST_EARLIER = 12, 24
"""Stories told; the rest is on the pages of the disputes and in the feed. 110 disputes x 40 views stay below 800 kB."""

MOST_ITEMS = 5
"""Changes told of one story before the rest is folded away, and at most thrice as many then."""


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


def index_page(
    pages: Sequence[DisputePage],
    sources: Sequence[SourceCard],
    views: Sequence[ViewCard] = (),
    elsewhere: Sequence[Change] = (),
) -> str:
    """The index as HTML, with ``store.WRITTEN`` where the time of writing goes."""
    from borderwatch.render.land import LAND_CREDIT
    from borderwatch.render.overview import overview

    pages = sorted(pages, key=lambda p: (words.plain(words.dispute_name(p.dispute)).casefold(), p.dispute.slug))
    rows = [_row(page) for page in pages]
    changes: list[tuple[Change, Dispute | None]] = [(c, page.dispute) for page in pages for c in page.changes]
    changes += [(change, None) for change in elsewhere]
    recent, earlier = news.lately(news.stories(changes))
    grid = matrix(pages, views, sources)
    titles = {card.name: card.title for card in sources}
    return filled(
        "index.html",
        styles=(asset("page.css"), asset("index.css")),
        scripts=(asset("index.js"),) if pages else (),
        title=_("borderwatch: what maps changed"),
        description=_("How digital maps and platforms depict disputed territory, and what changed"),
        home="",
        feeds=(("changes.atom", _("All changes")),),
        data="index.json",
        pages=pages,
        rows=rows,
        recent=recent[:MOST_RECENT],
        earlier=(recent[MOST_RECENT:] + earlier)[:MOST_EARLIER],
        left_out=max(0, len(recent) + len(earlier) - MOST_RECENT - MOST_EARLIER),
        most_items=MOST_ITEMS,
        story_title=lambda story: titles.get(story.source, story.source),
        item_title=lambda item: sentences.title(item.change, item.dispute),
        changes=len(changes),
        views=len({s.depiction.view for page in pages for s in page.standings}),
        sources=sorted(sources, key=lambda card: (card.last_success is None, card.fault is None, card.name)),
        answered=sum(card.last_success is not None and card.fault is None for card in sources),
        types=[kind for kind in DisputeType if any(page.dispute.type is kind for page in pages)],
        overview=overview([(row.page.dispute, row.href, row.weighty) for row in rows]),
        grid=grid,
        grid_json=json_for_html(_grid_data(grid.texts, [column.told for column in grid.columns])),
        short_state=SHORT,
        meaning=MEANING,
        names={page.dispute.slug: words.dispute_name(page.dispute) for page in pages},
        asked=_asked,
        cadence=_cadence,
        land_credit=LAND_CREDIT,
    )


def _grid_data(texts: Sequence[str], columns: Sequence[str]) -> dict[str, object]:
    return {
        "texts": texts,
        "columns": columns,
        "since": _("since %(date)s"),
        "all": _("All %(n)s disputes"),
        "some": _("%(n)s of %(all)s disputes"),
    }


def _asked(card: SourceCard) -> str:
    """Whether a source is as fresh as it proposes to be, as of the last time anything was asked of it."""
    if card.last_success is None:
        return ""
    if card.edition is None or card.edition.published_at is None:
        return ""
    return _("%(edition)s, of %(date)s") % {
        "edition": words.short(card.edition.label, 60),
        "date": words.day(card.edition.published_at),
    }


def _cadence(card: SourceCard) -> str:
    if card.every is None:
        return ""
    return ngettext("every day", "every %(n)s days", card.every.days) % {"n": card.every.days}


def _href(page: DisputePage) -> str:
    return f"disputes/{page.dispute.slug}.html"


def _row(page: DisputePage) -> Row:
    weighty, lesser = changes_by_weight(page.changes)
    dispute = page.dispute
    looked = [dispute.slug, dispute.name, *dispute.codes.values()]
    looked += [name for names in dispute.names.values() for name in names]
    return Row(
        page=page,
        href=_href(page),
        weighty=len(weighty),
        lesser=len(lesser),
        latest=max((c.after.shown_at for c in weighty or lesser), default=None),
        views=len(page.standings),
        shown=sum(s.depiction.coverage is Coverage.SHOWN for s in page.standings),
        words=words.short(" ".join(dict.fromkeys(looked)), 800),
    )
