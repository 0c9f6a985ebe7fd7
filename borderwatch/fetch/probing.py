"""A client for probes: a few questions, the beginning of each answer, and a note of all that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from borderwatch.errors import CaptureProblem, Enough
from borderwatch.fetch.client import Answer, Client

MOST_QUESTIONS = 8
"""A service's list of layers, and the definition and count of each of three; robots.txt comes on top."""
BEGINNING_BYTES = 262_144
"""Every capability document known fits; of a map this is enough to see that it is one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One question of a probe and what came; ``size`` is what the host announced, else what was read."""

    url: str
    expect: str
    robots: bool
    status: int | None = None
    size: int | None = None
    whole: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    problem: CaptureProblem | None = None


class ProbingClient(Client):
    """Lets ``MOST_QUESTIONS`` through, then raises ``Enough``; also where an answer is longer than its beginning."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.seen: list[Seen] = []

    def get(self, url: str, **question: Any) -> Answer:
        """As ``Client.get``, but only so often and only so much."""
        if len(self.seen) >= MOST_QUESTIONS:
            raise Enough(f"{MOST_QUESTIONS} questions were asked")
        expect, robots = str(question["expect"]), bool(question["robots"])
        try:
            answer = super().get(url, **{**question, "beginning": BEGINNING_BYTES})
        except CaptureProblem as problem:
            shown = problem.url or question["secrets"].url(url)
            self.seen.append(Seen(shown, expect, robots, problem.status, problem=problem))
            raise
        announced = answer.headers.get("content-length", "")
        size = int(announced) if announced.isdecimal() and not answer.whole else len(answer.data)
        self.seen.append(Seen(answer.url, expect, robots, answer.status, size, answer.whole, answer.headers))
        if not answer.whole:
            raise Enough(f"{answer.url} is longer than a probe reads")
        return answer
