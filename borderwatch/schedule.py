"""What is due when. Reads the archive's attempts, writes nothing, knows no clock of its own.

* A view that answered is due one cadence later, moved by a jitter of its own so that sources spread out.
* A view that failed is due after 1 hour, then 2, 4, 8 and so on, never later than its cadence; where a retry
  within hours cannot help (``PATIENT``), after its cadence.
* Nothing is due before the time its source's host asked us to wait for.
* A view never asked is due at once. Editions that were backfilled say nothing of what a view shows now.
* Attempts dated after ``now`` (a clock was wrong, or still is) are not counted: they could silence a view for years.

A single run, by hand or from cron, asks a little more than a standing watch: see ``due``.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from borderwatch.errors import Challenged, Damaged, NotServed, RateLimited, Refused, SchemaChanged, TooLarge
from borderwatch.models import Capture, Outcome, View
from borderwatch.snapshots import Snapshots

FIRST_RETRY = timedelta(hours=1)
JITTER = 0.05
"""A view's cadence is longer or shorter by up to this share, the same for ever."""
EARLY = 0.1
"""A single run takes what falls due within this share of its cadence. A nightly job never starts to the second:
without it a view asked at 03:00:40 would not be due at 03:00:00, and be asked every other night."""
MAX_WAIT = timedelta(days=7)
"""However long a host asks us to wait, its views are tried again after a week."""
PATIENT = frozenset({Refused.kind, NotServed.kind, Challenged.kind, SchemaChanged.kind, TooLarge.kind})
"""Failures an hour does not mend, and where asking again soon is impolite."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a view is to be asked next: ``at``, and for a single run from ``from_`` on.

    ``failures`` counts the failed attempts since ``answered``, the last answer to a live question.
    """

    view: View
    at: datetime
    from_: datetime
    every: timedelta
    failures: int = 0
    answered: datetime | None = None


def jitter(view: View, every: timedelta) -> timedelta:
    """The view's own shift, up to ``JITTER`` of its cadence either way."""
    number = int.from_bytes(hashlib.sha256(str(view).encode()).digest()[:8], "big")
    return every * (JITTER * (2 * number / 2**64 - 1))


def next_due(view: View, every: timedelta, attempts: Iterable[Capture], now: datetime) -> Due:
    """When a view is due, given its own attempts in any order."""
    asked = sorted((c for c in attempts if c.view == view and c.live and c.taken_at <= now), key=lambda c: c.taken_at)
    if not asked:
        return Due(view, now, now, every)
    answered: datetime | None = None
    failures = 0
    for capture in asked:
        if capture.outcome is Outcome.FAILED:
            failures += 1
        else:
            answered, failures = capture.taken_at, 0
    last = asked[-1]
    if not failures:
        at = last.taken_at + every + jitter(view, every)
        return Due(view, at, at - every * EARLY, every, 0, answered)
    patient = last.fault is not None and last.fault.kind in PATIENT
    # 20 doublings of an hour are a century; the cadence has long been the smaller by then.
    at = last.taken_at + (every if patient else min(every, FIRST_RETRY * 2 ** min(failures - 1, 20)))
    return Due(view, at, at - every * EARLY if patient else last.taken_at, every, failures, answered)


def wait_until(attempts: Iterable[Capture], now: datetime) -> datetime | None:
    """Until when a source's host asked us to leave it alone; it speaks for every view of the source."""
    until = [
        capture.taken_at + min(timedelta(seconds=min(max(capture.fault.retry_after, 0.0), 1e9)), MAX_WAIT)
        for capture in attempts
        if capture.fault is not None
        and capture.fault.kind == RateLimited.kind
        and capture.fault.retry_after is not None
        and capture.taken_at <= now
    ]
    return max((time for time in until if time > now), default=None)


def plan(
    views: Mapping[View, timedelta],
    snapshots: Snapshots,
    now: datetime,
    overrides: Mapping[str, timedelta] | None = None,
) -> tuple[Due, ...]:
    """Every view with the time it is due, earliest first.

    ``views`` maps each view to the cadence its source proposes, ``overrides`` a source to the user's own.
    """
    dues: list[Due] = []
    for source in sorted({view.source for view in views}):
        attempts: dict[View, list[Capture]] = defaultdict(list)
        # A damaged ledger must not keep the other sources from being asked. Its own views count as never asked:
        # the attempt to ask them tells of the damage before it reaches any host.
        with suppress(Damaged):
            for capture in snapshots.captures(source):
                attempts[capture.view].append(capture)
        until = wait_until((capture for found in attempts.values() for capture in found), now)
        for view, proposed in views.items():
            if view.source == source:
                found = next_due(view, (overrides or {}).get(source, proposed), attempts[view], now)
                if until is not None:
                    found = replace(found, at=max(found.at, until), from_=max(found.from_, until))
                dues.append(found)
    return tuple(sorted(dues, key=lambda found: (found.at, found.view)))


def due(
    views: Mapping[View, timedelta],
    snapshots: Snapshots,
    now: datetime,
    overrides: Mapping[str, timedelta] | None = None,
    *,
    single_run: bool = False,
) -> list[View]:
    """The views to ask now, longest overdue first.

    With ``single_run``, as for a person at the keyboard or a nightly job, a view is asked up to a tenth of its
    cadence early, and one that failed is tried again at once (``PATIENT`` failures and hosts that asked us to
    wait excepted).
    """
    return [
        found.view
        for found in plan(views, snapshots, now, overrides)
        if (found.from_ if single_run else found.at) <= now
    ]
