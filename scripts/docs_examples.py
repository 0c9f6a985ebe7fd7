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
from borderwatch.diff.series import Moment, Series
from borderwatch.disputes import catalogue
from borderwatch.models import Capture, Change, Comparison, View
from borderwatch.observe import Observer, world_from_snapshot
from borderwatch.scene import World
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
class Measured:
    """One dispute between two editions of one view, as a run would log it."""

    comparison: Comparison
    changes: tuple[Change, ...]


@functools.cache
def _world(view: View, label: str) -> World:
    store = Snapshots(ROOT / "snapshots")
    capture = next(c for c in store.series(view) if c.edition is not None and c.edition.label == label)
    return world_from_snapshot(sources.load(view.source), store.open(capture))


@functools.cache
def _moment(view: View, label: str) -> Moment:
    # The whole catalogue watches: which feature is which disputed thing depends on all of them.
    world = _world(view, label)
    return Moment(world, _observer().scenes(world))


@functools.cache
def _observer() -> Observer:
    return Observer(catalogue())


def measured(view: View, slug: str, *labels: str) -> Measured:
    """The last step of a view's past through these editions; earlier ones are there to be taken back."""
    source = sources.load(view.source)
    series = Series(f"{source.title} ({view.layer})" if view.layer else source.title)
    for label in labels:
        moment = _moment(view, label)
        series.feed(replace(moment, scenes={slug: moment.scenes[slug]}))
    derived = series.close()
    last = derived.comparisons[-1]
    return Measured(last, tuple(c for c in derived.changes if c.after.id == last.after))


def km(value: float | None) -> str:
    """Kilometres as a table shows them; an empty cell where nothing was measured."""
    return "" if value is None else f"{value:.2g} km" if value < 10 else f"{value:,.0f} km"


def capture(view: View, label: str) -> Capture:
    """The recorded capture of an edition."""
    return _world(view, label).capture


if __name__ == "__main__":
    sys.exit("used by the cog blocks of docs/: cog -r docs/*.md")
