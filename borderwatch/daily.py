"""The scheduled job: what ``borderwatch watch`` runs, round after round, in one workspace."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from borderwatch import pipeline
from borderwatch.lock import workspace_lock
from borderwatch.settings import Settings
from borderwatch.watch import now_utc, watch
from borderwatch.workspace import client, due_asks, next_due, workshop

IDLE = timedelta(days=1)
"""Looked at again after a day where no source is on."""


def watch_workspace(
    settings: Settings,
    progress: pipeline.Progress,
    told: Callable[[pipeline.Report], None],
    say: Callable[[str], None],
    *,
    clock: Callable[[], datetime] = now_utc,
) -> None:
    """Run due views on their cadence until a signal comes; the workspace is held all the while.

    ``told`` gets the report of each round, ``say`` the words between rounds.
    """
    stop = threading.Event()

    def round_of(now: datetime) -> None:
        with workshop(settings, progress=progress) as shop, client(settings) as asker:
            shop.stop = stop
            told(pipeline.run(shop, due_asks(shop, settings, now), asker, clock))

    def when() -> datetime:
        with workshop(settings) as shop:
            return next_due(shop, settings, clock()) or clock() + IDLE

    with workspace_lock(settings.workspace, "borderwatch watch"):
        watch(round_of, when, stop=stop, clock=clock, say=say)
