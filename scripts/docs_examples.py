"""Runs the examples that docs/ shows, on the recorded history, so that no figure in a page is typed by hand.

Used by the cog blocks of the pages; asks nobody, needs no change log.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import functools
import io
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from borderwatch import sources
from borderwatch.diff.series import Derived, Moment, Series
from borderwatch.disputes import catalogue
from borderwatch.models import Kind, View
from borderwatch.observe import Observer, world_from_snapshot
from borderwatch.snapshots import Snapshots

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "borderwatch"


# --- code that a reader can paste ----------------------------------------------------------------------


class Session:
    """One Python session that goes on from block to block of a page."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {}

    def show(self, text: str) -> str:
        """``text`` as it can be pasted, and what it prints."""
        code = textwrap.dedent(text).strip("\n")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, "<docs>", "exec"), self._names)  # noqa: S102  (the page's own code)
        return "\n\n".join([fenced("python", code.splitlines()), fenced("text", said.getvalue().splitlines())])


def fenced(language: str, lines: Sequence[str]) -> str:
    """A fenced block."""
    return "\n".join([f"```{language}", *lines, "```"])


# --- the code's own account of itself ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Floor:
    """The rooms of one floor; ``joined`` where they may import each other."""

    names: tuple[str, ...]
    joined: bool


def floors() -> list[Floor]:
    """The floors of the house, top first, from the contract that CI enforces."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter", encoding="utf-8")
    layers = contract["importlinter:contract:floors"]["layers"].split("\n")
    return [Floor(tuple(re.split(r"\s*[|:]\s*", line.strip())), ":" in line) for line in layers if line.strip()]


def purpose(name: str) -> str:
    """The first sentence a room says of itself."""
    place = PACKAGE / f"{name}.py"
    text = (place if place.exists() else PACKAGE / name / "__init__.py").read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    return first.replace("``", "`").replace("<->", "↔").replace("->", "→")


# --- comparisons, measured -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """One dispute in one view, from edition to edition; ``about`` picks one of several changes by its words."""

    view: View
    dispute: str
    editions: tuple[str, ...]
    about: str = ""


def case(view: str, dispute: str, *editions: str, about: str = "") -> Case:
    """A case, with its view as it is spelt on the command line."""
    source, _, rest = view.partition("/")
    worldview, _, layer = rest.partition("#")
    return Case(View(source, worldview, layer=layer), dispute, editions, about)


@functools.cache
def _observer() -> Observer:
    return Observer(catalogue())


@functools.cache
def _moment(view: View, label: str) -> Moment:
    store = Snapshots(ROOT / "snapshots")
    capture = next(c for c in store.series(view) if c.edition is not None and c.edition.label == label)
    world = world_from_snapshot(sources.load(view.source), store.open(capture))
    # The whole catalogue watches: which feature is which disputed thing depends on all of them.
    return Moment(world, _observer().scenes(world))


@functools.cache
def _past(one: Case) -> Derived:
    """What a run would log of these editions alone."""
    source = sources.load(one.view.source)
    series = Series(f"{source.title} ({one.view.layer})" if one.view.layer else source.title)
    for label in one.editions:
        moment = _moment(one.view, label)
        series.feed(replace(moment, scenes={one.dispute: moment.scenes[one.dispute]}))
    return series.close()


def summaries(one: Case) -> list[str]:
    """The log's own sentences."""
    return [change.summary for change in _past(one).changes if one.about in change.summary]


def example_of(kind: Kind, one: Case | None) -> str:
    """The log's sentence for a change of this kind, and how significant it is."""
    changes = [] if one is None else [c for c in _past(one).changes if c.kind is kind and one.about in c.summary]
    if not changes:
        return "none so far"
    return f"{changes[0].summary} *{changes[0].significance.value.capitalize()}.*"


def row_of(one: Case) -> str:
    """What was measured between the last two editions, as a row of a table."""
    past = _past(one)
    comparison, change = past.comparisons[-1], next((c for c in past.changes if c.dispute == one.dispute), None)
    verdict = comparison.verdict.value
    if change is not None:
        verdict += f", {change.significance.value}: {change.loser or 'nobody'} to {change.gainer or 'nobody'}"
        verdict += f", {change.area_km2:,.0f} km²" if change.area_km2 else ""
    elif comparison.reason:
        verdict += f": {comparison.reason}"
    cells = (
        f"`{one.view}`",
        f"`{one.dispute}`",
        " to ".join(one.editions[-2:]),
        _km(change.inradius_km if change else None),
        _km(comparison.noise_floor_km),
        f"{change.ratio:.0f}" if change and change.ratio else "",
        _km(comparison.limit_km),
        verdict,
    )
    return f"| {' | '.join(cells)} |"


def _km(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} km" if value >= 10 or value == 0 else f"{value:.1f} km" if value >= 0.1 else f"{value:.2f} km"


if __name__ == "__main__":
    sys.exit("used by the cog blocks of docs/: cog -r docs/*.md")
