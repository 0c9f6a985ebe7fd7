"""Several ways to one package: try them in order, and say of each why it failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    TooLarge,
    Unreachable,
)
from borderwatch.packages.archives import Settled

T = TypeVar("T")

TELLING: tuple[type[CaptureProblem], ...] = (
    Malformed,
    NotServed,
    TooLarge,
    Partial,
    Challenged,
    Refused,
    RateLimited,
    Unreachable,
)
"""Of several problems, the one that tells most: a wrong digest more than a missing network."""


def first_answer(what: str, ways: Sequence[tuple[str, Callable[[], T]]]) -> T:
    """What the first way that answers returns; else one problem that names every way and its reason."""
    problems: list[tuple[str, CaptureProblem]] = []
    for name, way in ways:
        try:
            return way()
        except Settled:
            raise
        except CaptureProblem as problem:
            problems.append((name, problem))
    if not problems:
        raise Unreachable(
            f"{what}: no way to ask: install the package client, or name a registry in its settings, then run again"
        )
    worst = min((problem for _, problem in problems), key=lambda problem: TELLING.index(_kind(problem)))
    reasons = "; ".join(f"{name}: {problem}" for name, problem in problems)
    raise _kind(worst)(f"{what} could not be had ({reasons})", status=worst.status, retry_after=worst.retry_after)


def _kind(problem: CaptureProblem) -> type[CaptureProblem]:
    return next((kind for kind in TELLING if isinstance(problem, kind)), Malformed)


def without_hosts(problem: CaptureProblem, *addresses: str) -> CaptureProblem:
    """``problem`` without the registry's addresses: which mirror a machine uses is nobody's business."""
    text = re.sub(r"https?://[^\s)'\",]+", "the registry", str(problem))
    for address in addresses:
        host = urlsplit(address).netloc.rpartition("@")[2]
        if host:
            text = text.replace(host, "the registry")
    return _kind(problem)(text, status=problem.status, retry_after=problem.retry_after)
