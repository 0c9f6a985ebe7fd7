"""The terminal and what is safe to print on it: tables, progress, JSON and CSV; knows nothing of what they say."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# A cell that begins so would be run as a formula by a spreadsheet: a leading apostrophe keeps it text.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# JSON escapes the control characters of ASCII only; terminals obey those of Latin-1 too.
CONTROL = re.compile(r"[\x7f-\x9f]")


def console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """``| head`` has seen enough: no fault of ours, and rich would exit with 1."""
            try:
                super().on_broken_pipe()
            except SystemExit:
                sys.exit(0)

    # Piped output is for programs and files: no wrapping at a guessed 80 columns.
    return Piped(
        stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160
    )


def new_table(*columns: str, title: str | None = None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    return table


def safe(text: object) -> str:
    """A string from outside, for the terminal: no control characters, no markup."""
    from rich.markup import escape

    return escape(plain(text))


def plain(text: object) -> str:
    """A string from outside without control characters, as one line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else "-"


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A live line on a terminal, a plain line per tenth elsewhere; on stderr, so that stdout stays clean."""
    if not sys.stderr.isatty():
        yield plain_progress
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(what: str, done: int, of: int) -> None:
            bar.update(task, description=safe(what)[:70], completed=done, total=of)

        yield show


def plain_progress(what: str, done: int, of: int) -> None:
    """For logs: a line for the last and for about every tenth thing done."""
    if done > 0 and (done == of or done % max(1, of // 10) == 0) and not what.startswith("asking"):
        click.echo(f"[{done}/{of}] {what}", err=True)


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat.update({f"{key}_{inner}": text for inner, text in value.items()})
        elif isinstance(value, list):
            flat[key] = "; ".join(map(str, value))
        else:
            flat[key] = value
    return flat


def records(items: Sequence[Mapping[str, Any]], form: str) -> None:
    """Print records as a JSON list or as CSV."""
    if form == "json":
        json_text(list(items))
        return
    rows = [_flat(item) for item in items]
    writer = csv.DictWriter(sys.stdout, fieldnames=list(dict.fromkeys(k for row in rows for k in row)))
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def json_text(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    click.echo(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    return plain(f"'{value}" if value.startswith(FORMULA) else value)
