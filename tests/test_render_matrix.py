"""Laws of the worldview matrix: every cell says something, and five facts never look alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from borderwatch.models import Coverage, Fault, Share, View, ViewCard
from borderwatch.render.matrix import FOLDED, SHORT, State, matrix
from tests import render_samples as samples

DOWN = Fault("unreachable", "no answer")
GONE = Fault("not_served", "no edition for this audience")


def cell(view: View, *cards: ViewCard) -> tuple[State, str]:
    page = samples.changed_page()
    grid = matrix([page], cards, [samples.card()])
    place = next(i for i, column in enumerate(grid.columns) if view in column.views)
    found = grid.rows[0].cells[place]
    return found.state, found.text


def test_five_facts_have_five_faces() -> None:
    view = View("other")
    faces = {
        cell(samples.VIEW),
        cell(View("coarse")),
        cell(View("elsewhere")),
        cell(view, ViewCard(view)),
        cell(view, ViewCard(view, asked=True, fault=DOWN)),
        cell(view, ViewCard(view, asked=True, fault=GONE)),
        cell(view, ViewCard(view, asked=True, answered=True)),
    }
    assert {state for state, _ in faces} == set(State)
    assert len({text for _, text in faces}) == len(State)
    assert all(text.strip() for _, text in faces)


def test_what_was_seen_stands_though_the_source_fails_now() -> None:
    assert cell(samples.VIEW, ViewCard(samples.VIEW, asked=True, answered=True, fault=DOWN)) == (
        State.OBSERVED,
        "Russia",
    )


def test_many_views_nobody_asked_share_a_column() -> None:
    cards = [ViewCard(View("big", worldview)) for worldview in ("AR", "CL", "CN", "IN")]
    grid = matrix([samples.empty_page()], cards, [])
    assert [column.label for column in grid.columns] == [f"{FOLDED + 1} views"]
    assert grid.rows[0].cells[0].text == SHORT[State.NOT_ASKED]
    asked = matrix([samples.empty_page()], [*cards[1:], replace(cards[0], asked=True, fault=DOWN)], [])
    assert len(asked.columns) == len(cards)


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ((("RU", 0.97),), "Russia"),
        ((("RU", 0.6), ("UA", 0.4)), "Russia 60\u00a0%, Ukraine 40\u00a0%"),
        ((("RU", 1.0), ("UA", 1.0)), "Russia 100\u00a0%, Ukraine 100\u00a0%"),
        ((("RU", 0.4),), "Russia 40\u00a0%"),
        ((("RU", 0.0),), "no owner shown"),
    ],
)
def test_a_cell_names_the_owners_shown(shares: tuple[tuple[str, float], ...], text: str) -> None:
    page = samples.changed_page()
    standing = page.standings[0]
    depiction = replace(standing.depiction, shares=tuple(Share(o, s, 1.0) for o, s in shares))
    grid = matrix([replace(page, standings=(replace(standing, depiction=depiction),))], [], [])
    assert grid.rows[0].cells[0].text == text
    assert grid.rows[0].cells[0].since == standing.since


def test_a_row_is_split_where_views_name_different_owners() -> None:
    page = samples.changed_page()
    first = page.standings[0]
    other = replace(
        first, depiction=replace(first.depiction, view=View("zz"), shares=(Share("UA", 1.0, 1.0),), drawn=())
    )
    assert not matrix([page], [], []).rows[0].split
    assert matrix([replace(page, standings=(first, other))], [], []).rows[0].split
    unseen = replace(other, depiction=replace(other.depiction, coverage=Coverage.NOT_COVERED))
    assert not matrix([replace(page, standings=(first, unseen))], [], []).rows[0].split


def test_an_index_of_110_disputes_and_40_views_stays_below_800_kb() -> None:
    from borderwatch.render.index import index_page

    base = samples.changed_page()
    first = base.standings[0]
    views = [View(f"source_{n // 4}", ("default", "CN", "IN", "AR")[n % 4], layer="10m") for n in range(40)]
    owners = ("RU", "UA", "western_sahara", "?" + "a word of the source's own", "IN", "CN")

    def shown(number: int, row: int) -> tuple[Share, ...]:
        some = (owners[(number + row) % 6], owners[(number * row) % 5])
        return tuple(Share(owner, 0.9 - 0.31 * k - row / 1000, 1.0) for k, owner in enumerate(dict.fromkeys(some)))

    pages = [
        replace(
            base,
            dispute=samples.dispute(slug=f"square_{row}", name=f"The Square of Number {row}"),
            changes=tuple(
                replace(c, id=f"{row:014d}{k:02d}", summary="x" * 120) for k, c in enumerate(base.changes * 8)
            ),
            standings=tuple(
                replace(first, depiction=replace(first.depiction, view=view, shares=shown(number, row)))
                for number, view in enumerate(views)
            ),
        )
        for row in range(110)
    ]
    page = index_page(pages, [samples.card(f"source_{n}") for n in range(10)], [ViewCard(view) for view in views])
    assert len(page.encode()) <= 800_000
    assert page.count("<td data-t=") == 110 * 40
