"""The standing watch: run what is due, when it is due, until stopped. Knows no source and no store.

The timetable is APScheduler's. The work is done in the thread that waits, so that a signal reaches it and the
next time is asked for only after it ended: the watch cannot overtake itself.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType

from borderwatch.errors import StoreError

HEARTBEAT_S = 600.0
"""The wall clock is looked at this often: a machine that slept wakes up late, not never."""
MIN_PAUSE = timedelta(minutes=1)
"""Between two runs, whatever is said to be due: work that stays due must not become a storm."""
AFTER_TROUBLE = timedelta(hours=1)
"""Until the next try when the archive could not be written (a full disk, a damaged ledger)."""

JOB = "due"


def now_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


def sleep_until_stopped(seconds: float, stop: threading.Event) -> None:
    """Sleep, a second at a time: waiting on the event itself could deadlock with a signal that sets it."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (rest := until - time.monotonic()) > 0:
        time.sleep(min(rest, 1.0))


def watch(
    run_due: Callable[[datetime], object],
    next_due: Callable[[], datetime],
    *,
    stop: threading.Event | None = None,
    clock: Callable[[], datetime] = now_utc,
    pause: Callable[[float, threading.Event], None] = sleep_until_stopped,
    say: Callable[[str], None] = lambda _text: None,
) -> None:
    """Call ``run_due(now)`` whenever ``next_due()`` has come, until ``stop`` is set or a signal sets it.

    The caller gives ``stop`` to the work as well, so that SIGTERM or Ctrl-C end it after the captures under way;
    a second signal breaks off reading and drawing too (both can be done again from the archive). A store that
    cannot be read or written is told and tried again in an hour; any other error ends the watch.
    """
    from apscheduler.schedulers.base import BaseScheduler
    from apscheduler.triggers.base import BaseTrigger

    halt = stop or threading.Event()
    failure: list[BaseException] = []
    trouble: list[datetime] = []

    def in_trouble(error: StoreError) -> datetime:
        say(str(error))
        return clock() + AFTER_TROUBLE

    class WhenDue(BaseTrigger):  # type: ignore[misc]
        """Fires when something is due."""

        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
            if halt.is_set():
                return None
            earliest = clock() if previous_fire_time is None else clock() + MIN_PAUSE
            try:
                at = max(next_due(), earliest, *trouble)
            except StoreError as error:
                at = in_trouble(error)
            say(f"next at {at:%Y-%m-%d %H:%M} UTC")
            return at

    class Timetable(BaseScheduler):  # type: ignore[misc]
        """A scheduler that waits in the thread that started it."""

        def start(self, paused: bool = False) -> None:
            super().start(paused)
            while not halt.is_set() and self.get_jobs():
                wait_s = self._process_jobs()
                if halt.is_set():
                    return
                before = clock()
                pause(HEARTBEAT_S if wait_s is None else min(max(wait_s, 0.0), HEARTBEAT_S), halt)
                if clock() < before:  # the clock was set back: what was planned may be years away
                    self.reschedule_job(JOB, trigger=WhenDue())

        def shutdown(self, wait: bool = True) -> None:
            super().shutdown(wait)

        def wakeup(self) -> None:
            """Nothing to wake: jobs are only added before the start."""

    def job() -> None:
        trouble.clear()
        try:
            run_due(clock())
        except StoreError as error:
            trouble.append(in_trouble(error))
        except BaseException as error:  # noqa: BLE001  (raised again below: the scheduler would only log it)
            failure.append(error)
            halt.set()

    # "debug" is APScheduler's name for the executor that runs a job where the scheduler runs.
    timetable = Timetable(timezone=UTC, executors={"default": {"type": "debug"}})
    timetable.add_job(
        job, WhenDue(), id=JOB, name="what is due", max_instances=1, coalesce=True, misfire_grace_time=None
    )
    with _stopping_on_signals(halt, say):
        timetable.start()
    timetable.shutdown(wait=False)
    if failure:
        raise failure[0]


@contextmanager
def _stopping_on_signals(stop: threading.Event, say: Callable[[str], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals; the caller sets ``stop``
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say(f"{signal.Signals(number).name}: stopping once the captures under way are recorded")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
