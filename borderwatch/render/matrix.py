"""The worldview matrix: every dispute against every view; who is shown as owner and since when, and never a blank."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from borderwatch.models import Coverage, Depiction, DisputePage, SourceCard, Standing, View, ViewCard
from borderwatch.render import words
from borderwatch.render.language import N_, Spoken, ngettext
from borderwatch.render.language import gettext as _

FOLDED = 3
"""A source with more views than this, none of them ever asked, stands in one column."""


class State(StrEnum):
    """What a cell can say."""

    OBSERVED = "observed"
    NOT_RESOLVABLE = "not_resolvable"
    NOT_COVERED = "not_covered"
    NOT_SERVED = "not_served"
    FAILED = "failed"
    UNREAD = "unread"
    NOT_ASKED = "not_asked"


SHORT: Mapping[State, str] = Spoken(
    {
        State.OBSERVED: N_("observed"),
        State.NOT_RESOLVABLE: N_("too small"),
        State.NOT_COVERED: N_("not shown"),
        State.NOT_SERVED: N_("not served"),
        State.FAILED: N_("failed"),
        State.UNREAD: N_("not read"),
        State.NOT_ASKED: N_("not asked"),
    }
)

MEANING: Mapping[State, str] = Spoken(
    {
        State.OBSERVED: N_("an owner, a name or a line is shown, since the day given"),
        State.NOT_RESOLVABLE: N_("not resolvable: too small for the scale of this source"),
        State.NOT_COVERED: N_("the source was read and neither draws nor lists this place"),
        State.NOT_SERVED: N_("the source does not serve this audience or layer"),
        State.FAILED: N_("asked, and no answer could be had"),
        State.UNREAD: N_("an answer is kept that says nothing certain of this place"),
        State.NOT_ASKED: N_("nobody has asked yet"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One view, or several of one source of which none was ever asked."""

    source: str
    label: str
    views: tuple[View, ...]
    card: ViewCard
    told: str


@dataclass(frozen=True, slots=True)
class Cell:
    """``told`` is the number of the whole text in ``Matrix.texts``; ``owners`` are what the text names."""

    state: State
    text: str
    since: datetime | None = None
    told: int | None = None
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One dispute. ``split`` where views that show owners do not all show the same one."""

    slug: str
    cells: tuple[Cell, ...]
    split: bool


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole, column by column within sources; ``groups`` are (source, title, columns)."""

    groups: tuple[tuple[str, str, int], ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    texts: tuple[str, ...]
    states: tuple[State, ...]


def matrix(pages: Sequence[DisputePage], views: Sequence[ViewCard], sources: Sequence[SourceCard]) -> Matrix:
    """The matrix of ``pages`` in their order; a view that only a standing knows gets its column too."""
    known = {card.view: card for card in views}
    for page in pages:
        for standing in page.standings:
            view = standing.depiction.view
            if view not in known or not known[view].answered:  # what is shown was answered, whatever a card says
                known[view] = ViewCard(view, asked=True, answered=True)
    titles = {card.name: card.title for card in sources}
    columns = _columns(known, _observed(pages))
    texts: dict[str, int] = {}
    rows = tuple(_row(page, columns, texts) for page in pages)
    groups: dict[str, int] = {}
    for column in columns:
        groups[column.source] = groups.get(column.source, 0) + 1
    seen = {cell.state for row in rows for cell in row.cells}
    return Matrix(
        groups=tuple((name, titles.get(name, name), number) for name, number in groups.items()),
        columns=columns,
        rows=rows,
        texts=tuple(texts),
        states=tuple(state for state in State if state in seen),
    )


def _observed(pages: Sequence[DisputePage]) -> Counter[str]:
    """How many cells each source fills."""
    shown = [s.depiction for page in pages for s in page.standings if s.depiction.coverage is Coverage.SHOWN]
    return Counter(depiction.view.source for depiction in shown)


def _columns(known: Mapping[View, ViewCard], observed: Counter[str]) -> tuple[Column, ...]:
    """Columns by source, those that say most first, so that a narrow screen opens on what there is to read."""
    by_source: dict[str, list[ViewCard]] = {}
    for card in sorted(known.values(), key=lambda c: c.view):
        by_source.setdefault(card.view.source, []).append(card)
    columns: list[Column] = []
    for source, cards in sorted(by_source.items(), key=lambda item: (-observed[item[0]], item[0])):
        if len(cards) > FOLDED and not any(card.asked for card in cards):
            label = ngettext("%(n)s view", "%(n)s views", len(cards)) % {"n": len(cards)}
            columns.append(Column(source, label, tuple(c.view for c in cards), cards[0], f"{source}: {label}"))
            continue
        columns += [Column(source, _label(c.view), (c.view,), c, words.short(str(c.view), 100)) for c in cards]
    return tuple(columns)


def _label(view: View) -> str:
    audience = "" if view.worldview == "default" else words.short(view.worldview, 20)
    vantage = "" if view.vantage == "any" else f"@{words.short(view.vantage, 20)}"
    return " ".join(part for part in (audience + vantage, words.short(view.layer, 20)) if part) or _("everyone")


def _row(page: DisputePage, columns: Sequence[Column], texts: dict[str, int]) -> Row:
    standings = {standing.depiction.view: standing for standing in page.standings}
    cells = tuple(
        _cell(standings.get(column.views[0]) if len(column.views) == 1 else None, column.card, texts)
        for column in columns
    )
    claims = {cell.owners for cell in cells if cell.owners}
    return Row(page.dispute.slug, cells, split=len(claims) > 1)


def _cell(standing: Standing | None, card: ViewCard, texts: dict[str, int]) -> Cell:
    if standing is None:
        state = _unseen(card)
        return Cell(state, SHORT[state])
    depiction = standing.depiction
    if depiction.coverage is not Coverage.SHOWN:
        state = State.NOT_RESOLVABLE if depiction.coverage is Coverage.NOT_RESOLVABLE else State.NOT_COVERED
        return Cell(state, SHORT[state])
    text, told = _shown(depiction)
    owners = frozenset(share.owner for share in depiction.shares if share.share >= 0.1)
    return Cell(State.OBSERVED, text, standing.since, texts.setdefault(told, len(texts)), owners)


def _unseen(card: ViewCard) -> State:
    if card.answered:
        return State.UNREAD
    if card.fault is not None:
        return State.NOT_SERVED if card.fault.kind == "not_served" else State.FAILED
    return State.FAILED if card.asked else State.NOT_ASKED


def _shown(depiction: Depiction) -> tuple[str, str]:
    """What a cell has room for, and the whole of it."""
    if depiction.shares:
        told = ", ".join(f"{owner} {share}" for owner, share in words.shares_in_words(depiction))
        shares = sorted((s for s in depiction.shares if s.share > 0), key=lambda s: (-s.share, s.owner))
        if not shares:
            return _("no owner shown"), told
        if shares[0].share >= 0.9 and sum(s.share for s in shares) < 1.1:
            return words.owner_name(shares[0].owner), told
        return ", ".join(
            f"{words.owner_name(s.owner)} {words.percent(s.share)}".replace(" %", "\u00a0%") for s in shares[:2]
        ), told
    if depiction.rows:
        some = "; ".join(words.short(row.name, 60) for row in depiction.rows[:3])
        return _("listed"), _("listed: %(names)s") % {"names": some}
    if depiction.names:
        count = len(depiction.names)
        some = "; ".join(words.short(name, 60) for _lang, name in sorted(depiction.names.items())[:3])
        told = ngettext("named in %(n)s language: %(names)s", "named in %(n)s languages: %(names)s …", count)
        return _("named"), told % {"n": count, "names": some}
    if depiction.drawn:
        return _("lines"), _("lines or labels only")
    return _("nothing"), _("covers the place and shows no owner, name or line there")
