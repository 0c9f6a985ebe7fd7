"""Step 1: ask every due view; lose no attempt. The only caller of ``Source.capture``.

Each attempt ends in exactly one line of the ledger: kept, not modified, or failed and why. What came is read
once before it is kept: an answer that cannot be read is a failed attempt with its body as evidence, and never
becomes part of a view's past, until a better reader can read it (``read_again``).
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from borderwatch.attempt import snapshot_from_body
from borderwatch.errors import CaptureProblem, Damaged, Malformed, NotModified, NotServed, RateLimited, StoreError
from borderwatch.models import Body, Capture, Edition, Keep, Snapshot, View
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Client


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to put: what a view shows now, or showed in an edition."""

    source: Source
    view: View
    edition: Edition | None = None

    def __post_init__(self) -> None:
        """A view is asked of its own source only."""
        if self.view.source != self.source.name:
            raise ValueError(f"{self.view} cannot be asked of {self.source.name}")


class Stage(StrEnum):
    """Where a question stands."""

    LISTED = "listed"
    """The editions of a view are known; ``count`` of them will be asked for."""
    ASKING = "asking"
    ENDED = "ended"
    """In the ledger, with ``capture``."""
    NOT_ASKED = "not_asked"
    """Left for another time, for ``reason``. No attempt, so no line in the ledger."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something to show while the work goes on."""

    stage: Stage
    view: View
    edition: Edition | None = None
    capture: Capture | None = None
    count: int = 0
    reason: str = ""


Progress = Callable[[Event], None]
Measure = Callable[[Source, Snapshot], bytes]
"""Facts of a snapshot whose body may not be kept; its ``CaptureProblem`` is the reader's."""


def _silent(_event: Event) -> None:
    pass


def collect(
    asks: Sequence[Ask],
    snapshots: Snapshots,
    client: Client,
    *,
    jobs: int,
    clock: Callable[[], datetime],
    progress: Progress = _silent,
    stop: threading.Event | None = None,
    measure: Measure | None = None,
) -> list[Capture]:
    """Put every question; what came of each, in the order of ``asks``.

    Sources are asked at the same time, each one's views in turn, so that no host is asked twice at once.
    When ``stop`` is set, or on Ctrl-C, attempts under way end and are recorded, and no new one begins.
    """
    work = _Round(snapshots, client, clock, progress, stop or threading.Event(), measure)
    by_source: dict[str, list[tuple[int, Ask]]] = {}
    for number, ask in enumerate(asks):
        by_source.setdefault(ask.source.name, []).append((number, ask))
    captures: dict[int, Capture] = {}

    def of_source(numbered: list[tuple[int, Ask]]) -> None:
        captures.update(work.attempts(numbered))

    _in_parallel([partial(of_source, numbered) for numbered in by_source.values()], jobs, work.stop)
    return [captures[number] for number in sorted(captures)]


def backfill(
    wanted: Sequence[tuple[Source, View]],
    snapshots: Snapshots,
    client: Client,
    *,
    jobs: int,
    clock: Callable[[], datetime],
    progress: Progress = _silent,
    stop: threading.Event | None = None,
    measure: Measure | None = None,
) -> list[Capture]:
    """Ask for every edition that is not held yet, oldest first.

    A list of editions that cannot be had is a failed attempt too.
    """
    work = _Round(snapshots, client, clock, progress, stop or threading.Event(), measure)
    by_source: dict[str, list[tuple[Source, View]]] = {}
    for source, view in wanted:
        by_source.setdefault(source.name, []).append((source, view))
    captures: dict[str, list[Capture]] = {name: [] for name in by_source}

    def of_source(name: str) -> None:
        for source, view in by_source[name]:
            if work.stop.is_set():
                return
            try:
                missing = work.editions_missing(source, view)
            except CaptureProblem as problem:
                captures[name].append(work.failed(Ask(source, view), problem, live=False))
                continue
            asks = list(enumerate(Ask(source, view, edition) for edition in missing))
            captures[name] += [capture for _, capture in work.attempts(asks)]

    _in_parallel([partial(of_source, name) for name in by_source], jobs, work.stop)
    return [capture for name in by_source for capture in captures[name]]


def read_again(sources: Iterable[Source], snapshots: Snapshots) -> list[Capture]:
    """Let today's readers try the bodies yesterday's could not read; what they can is kept as of its own time.

    A line is added to the ledger, none is changed; a body is tried once however often it came.
    """
    kept: list[Capture] = []

    def of_source(source: Source) -> None:
        readable: dict[str, bool] = {}
        for capture in snapshots.unread(source.name):
            digest = capture.body or ""
            if digest not in readable:
                readable[digest] = _reads(source, snapshots, capture)
            if readable[digest]:
                kept.append(snapshots.keep_read_again(capture))

    _in_parallel([partial(of_source, source) for source in sources], 1, threading.Event())
    return kept


def _reads(source: Source, snapshots: Snapshots, capture: Capture) -> bool:
    try:
        source.read(snapshots.open(capture))
    except (CaptureProblem, StoreError):
        return False  # still unreadable, or gone: the failed attempt stays what it is, and verify tells of damage
    return True


# --- one source, one attempt ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Round:
    """What every attempt of one run needs."""

    snapshots: Snapshots
    client: Client
    clock: Callable[[], datetime]
    progress: Progress
    stop: threading.Event
    measure: Measure | None

    def attempts(self, asks: Sequence[tuple[int, Ask]]) -> Iterator[tuple[int, Capture]]:
        """One source's questions in turn; once it asks us to slow down, the rest wait for another run."""
        slow_down = ""
        for number, ask in asks:
            if self.stop.is_set():
                return
            if slow_down:
                self._tell(Event(Stage.NOT_ASKED, ask.view, ask.edition, reason=slow_down))
                continue
            self._tell(Event(Stage.ASKING, ask.view, ask.edition))
            capture = self._attempt(ask)
            self._tell(Event(Stage.ENDED, ask.view, ask.edition, capture))
            yield number, capture
            if capture.fault is not None and capture.fault.kind == RateLimited.kind:
                slow_down = capture.fault.message

    def editions_missing(self, source: Source, view: View) -> list[Edition]:
        held = self.snapshots.editions(view)
        editions = source.editions(view, self.client.asking(None))
        missing = [edition for edition in editions if edition.label not in held]
        self._tell(Event(Stage.LISTED, view, count=len(missing)))
        return missing

    def failed(self, ask: Ask, problem: CaptureProblem, *, live: bool) -> Capture:
        capture = self.snapshots.failed(ask.view, problem, ask.source.terms, live=live, taken_at=self.clock())
        self._tell(Event(Stage.ENDED, ask.view, ask.edition, capture))
        return capture

    def _attempt(self, ask: Ask) -> Capture:
        source, view, terms = ask.source, ask.view, ask.source.terms
        live = ask.edition is None
        known = self._known(view) if live else None
        taken_at = self.clock()
        body: Body | None = None
        try:
            body = _answer_to(ask, source.capture(view, self.client.asking(known), ask.edition))
            facts = self._read(source, snapshot_from_body(view, body, terms, live=live, taken_at=taken_at))
        except NotModified:
            if known is not None:
                return self.snapshots.not_modified(view, known, terms, taken_at=taken_at)
            problem: CaptureProblem = Malformed("says that nothing is new, though nothing was known")
        except CaptureProblem as caught:
            problem = caught
        except BaseException as error:
            # Not caught to go on but to lose nothing: a fault in the program stops the run, yet the attempt was
            # made, and its body may be the only copy of what the source showed tonight.
            problem = CaptureProblem(_where_broken(error))
            self.snapshots.failed(view, problem, terms, live=live, taken_at=taken_at, edition=ask.edition, body=body)
            raise
        else:
            return self.snapshots.keep(view, body, terms, live=live, taken_at=taken_at, facts=facts)
        return self.snapshots.failed(view, problem, terms, live=live, taken_at=taken_at, edition=ask.edition, body=body)

    def _read(self, source: Source, snapshot: Snapshot) -> bytes | None:
        """Read what came, once; the facts of it where its body may not be kept: now or never."""
        if source.terms.keep is Keep.DIGEST and self.measure is not None:
            return self.measure(source, snapshot)
        source.read(snapshot)
        return None

    def _known(self, view: View) -> Capture | None:
        """What the source may be asked against: only what we can still show, else it must answer in full."""
        known = self.snapshots.latest(view)
        if known is None:
            return None
        try:
            if known.keep is Keep.BODY:
                self.snapshots.open(known)
            elif self.measure is not None:
                self.snapshots.facts(known)
        except StoreError:
            return None  # the full answer, if it is the same, puts the damaged body or the facts right
        return known

    def _tell(self, event: Event) -> None:
        with _TELLING:
            self.progress(event)


_TELLING = threading.Lock()
"""Whoever shows the progress is told one thing at a time."""


def _answer_to(ask: Ask, body: Body) -> Body:
    """The body, if it answers the question that was put and no other."""
    if ask.edition is None:
        return body
    if body.edition is None:
        return replace(body, edition=ask.edition)
    if body.edition.label != ask.edition.label:
        raise NotServed(f"edition {ask.edition.label} was asked for and {body.edition.label} came", url=body.url)
    return body


def _where_broken(error: BaseException) -> str:
    # The kind and the place only: the text of an unforeseen error may hold anything, a key among it.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"stopped by a fault in borderwatch: {type(error).__name__}{where}"


# --- sources side by side ------------------------------------------------------------------------------


def _in_parallel(tasks: Sequence[Callable[[], None]], jobs: int, stop: threading.Event) -> None:
    """Run the tasks, ``jobs`` at a time; raise at the end what was raised.

    A fault in one source, or in its ledger, ends that source only: tonight is the only night on which the others
    show what they show tonight. A store that cannot be written ends all. Whatever happens, every attempt under
    way is recorded before this returns or raises.
    """
    if not tasks:
        return
    pool = ThreadPoolExecutor(max_workers=max(1, min(jobs, len(tasks))), thread_name_prefix="source")
    futures: list[Future[None]] = [pool.submit(task) for task in tasks]
    try:
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_EXCEPTION)
            if any(_is_fatal(future.exception()) for future in done):
                stop.set()
    except BaseException:  # Ctrl-C while waiting: end what is under way, begin nothing
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=stop.is_set())
    errors = [error for future in futures if not future.cancelled() and (error := future.exception()) is not None]
    if errors:
        first = max(errors, key=_is_fatal)
        for other in errors:
            if other is not first:
                first.add_note(f"and: {type(other).__name__}: {other}")
        raise first


def _is_fatal(error: BaseException | None) -> bool:
    return isinstance(error, StoreError) and not isinstance(error, Damaged)
