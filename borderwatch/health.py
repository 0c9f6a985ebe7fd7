"""How asking goes: failures in a row become a health event, the next answer another. Pure, from attempts alone.

Nothing here is stored: the ledger holds every attempt, so the events come out the same however often they are asked
for. The change log's view ``health_events`` is the same rule in SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from borderwatch.models import Capture, Fault, Outcome, View

FAILURES = 3
"""So many failed attempts of a view in a row are an event. One is a bad night, and two may be one long one: a view that
failed is tried again after an hour, then two (see ``schedule``)."""


class HealthKind(StrEnum):
    """What happened to asking a view."""

    FAILING = "failing"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A view began to fail again and again, or answered after it had; ``capture`` is the attempt that showed it.

    ``since`` is the first of the failures, ``failures`` how many there were by then, ``fault`` the last of them.
    """

    view: View
    kind: HealthKind
    at: datetime
    since: datetime
    failures: int
    fault: Fault | None
    capture: str


@dataclass(frozen=True, slots=True)
class Streak:
    """The failures of a view since it last answered, none later."""

    view: View
    since: datetime
    failures: int
    last: Capture

    @property
    def is_event(self) -> bool:
        return self.failures >= FAILURES


def events_from_attempts(captures: Iterable[Capture]) -> tuple[HealthEvent, ...]:
    """Every health event, in order of time. Editions asked for tell nothing of what a view shows now."""
    events: list[HealthEvent] = []
    for attempts in _by_view(captures):
        failed: list[Capture] = []
        for capture in attempts:
            if capture.outcome is Outcome.FAILED:
                failed.append(capture)
                if len(failed) == FAILURES:
                    events.append(_event(HealthKind.FAILING, capture, failed))
            else:
                if len(failed) >= FAILURES:
                    events.append(_event(HealthKind.RECOVERED, capture, failed))
                failed = []
    return tuple(sorted(events, key=lambda event: (event.at, event.view, event.kind)))


def streaks(captures: Iterable[Capture]) -> tuple[Streak, ...]:
    """Every view that failed when it was last asked, in order."""
    found = []
    for attempts in _by_view(captures):
        failed: list[Capture] = []
        for capture in attempts:
            failed = [*failed, capture] if capture.outcome is Outcome.FAILED else []
        if failed:
            found.append(Streak(failed[-1].view, failed[0].taken_at, len(failed), failed[-1]))
    return tuple(sorted(found, key=lambda streak: streak.view))


def _by_view(captures: Iterable[Capture]) -> list[list[Capture]]:
    """The live attempts of each view, oldest first; the ledger's order where two were made at one moment."""
    found: dict[View, list[Capture]] = defaultdict(list)
    for capture in captures:
        if capture.live:
            found[capture.view].append(capture)
    return [sorted(attempts, key=lambda capture: capture.taken_at) for attempts in found.values()]


def _event(kind: HealthKind, capture: Capture, failed: list[Capture]) -> HealthEvent:
    first, last = failed[0], failed[-1]
    return HealthEvent(capture.view, kind, capture.taken_at, first.taken_at, len(failed), last.fault, capture.id)
