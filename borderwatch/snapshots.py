"""Step 2: keep raw captures and their ledger; the only module that touches ``snapshots/``.

::

    snapshots/<source>/captures.jsonl          one line per attempt, each carrying the hash of the one before
    snapshots/<source>/captures.head           the last line's hash and the number of lines
    snapshots/<source>/bodies/<aa>/<sha256>.zst   what a source answered, once, named by its own hash
    snapshots/<source>/facts/<aa>/<sha256>.zst    what is kept in its place where the terms forbid keeping it

A body is written before the line that tells of it, a line before the head, each flushed to the disk: a crash
at any moment loses no attempt that was reported (``docs/storage.md``).
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from borderwatch.attempt import SOFTWARE, fault_from_problem, snapshot_from_body
from borderwatch.bodies import (
    digests_from_parts,
    packed_from_stored,
    proven_parts,
    stored_from_parts,
)
from borderwatch.disk import (
    append_durably,
    bytes_of,
    disk_refusals,
    flush_folder,
    make_folder,
    stat_of,
    torn_tail,
    write_atomically,
)
from borderwatch.errors import CaptureProblem, Damaged, Locked, Malformed, StoreError
from borderwatch.ledger import (
    GENESIS,
    Flaw,
    Head,
    Ledger,
    bounded,
    bytes_from_head,
    capture_from_line,
    ledger_from_bytes,
    line_from_capture,
)
from borderwatch.models import (
    Body,
    Capture,
    Edition,
    Keep,
    Outcome,
    Part,
    PartDigest,
    Snapshot,
    Terms,
    View,
)

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 60.0
"""A writer holds the store for one flush to the disk, milliseconds; a minute means something is stuck."""
ABANDONED_S = 3_600.0
"""A temporary file older than this was left by a writer that died."""

_READ_AGAIN = "second reading of "
_FACTS = "facts.json"
_SOURCE = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Report:
    """What ``verify`` proved, and what it could not.

    ``absent`` counts bodies that need not be here (digest only, or not shipped), ``orphans`` bodies no line
    tells of (a crash between the two), ``torn`` the tails that were set aside.
    """

    lines: int
    bodies: int
    bytes: int
    damages: tuple[Damaged, ...]
    absent: int = 0
    orphans: tuple[Path, ...] = ()
    torn: tuple[Path, ...] = ()

    @property
    def clean(self) -> bool:
        """True when everything that should be here is here and is what was written."""
        return not self.damages


@dataclass(slots=True)
class _Loaded:
    """A ledger as last read, and the file it was read from (size, mtime in ns, inode)."""

    stat: tuple[int, int, int]
    captures: tuple[Capture, ...]


# --- the store -------------------------------------------------------------------------------------


class Snapshots:
    """The archive under ``root``. Safe for several threads and several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._mutex = threading.RLock()
        self._file_lock: BaseFileLock | None = None
        self._loaded: dict[str, _Loaded] = {}
        self._series: dict[str, tuple[tuple[Capture, ...], dict[View, tuple[Capture, ...]]]] = {}
        self._swept: set[str] = set()

    # writing: each call is one attempt, and one line

    def keep(
        self, view: View, body: Body, terms: Terms, *, live: bool, taken_at: datetime, facts: bytes | None = None
    ) -> Capture:
        """Keep what a source answered; the capture is on the disk when this returns.

        ``facts`` are kept in place of a body whose terms forbid keeping it; of any other they can be made again.
        """
        snapshot = snapshot_from_body(view, body, terms, live=live, taken_at=taken_at)
        self._write_body(snapshot)
        if facts is None or terms.keep is Keep.BODY:
            return self._append(snapshot.capture)
        (digest,) = digests_from_parts((Part(_FACTS, facts),))
        capture = replace(snapshot.capture, facts=digest)
        self._write(view.source, self._facts_path(capture), digest.sha256, (Part(_FACTS, facts),))
        return self._append(capture)

    def not_modified(self, view: View, known: Capture, terms: Terms, *, taken_at: datetime) -> Capture:
        """Record that the source says ``known`` still stands: its body, parts and edition carried over."""
        if known.view != view or known.body is None or known.outcome is Outcome.FAILED:
            raise ValueError(f"{view}: capture {known.id[:12]} of {known.view} holds nothing that could still stand")
        return self._append(
            replace(
                known,
                id="",
                taken_at=taken_at,
                outcome=Outcome.NOT_MODIFIED,
                live=True,
                licence=terms.licence,
                attribution=terms.attribution,
                software=SOFTWARE,
                note=f"still {known.id}",
            )
        )

    def failed(
        self,
        view: View,
        problem: CaptureProblem,
        terms: Terms,
        *,
        live: bool,
        taken_at: datetime,
        edition: Edition | None = None,
        body: Body | None = None,
    ) -> Capture:
        """Record an attempt that brought no depiction; ``body`` is kept as evidence where there was one."""
        fault = fault_from_problem(problem)
        if body is not None:
            with suppress(Malformed):  # parts that cannot be kept: the fault says all there is to say
                of_edition = replace(body, edition=body.edition or edition)
                snapshot = snapshot_from_body(view, of_edition, terms, live=live, taken_at=taken_at)
                self._write_body(snapshot)
                return self._append(replace(snapshot.capture, outcome=Outcome.FAILED, fault=fault))
        return self._append(
            Capture(
                id="",
                view=view,
                taken_at=taken_at,
                outcome=Outcome.FAILED,
                live=live,
                url=problem.url or "",
                edition=edition,
                licence=terms.licence,
                attribution=terms.attribution,
                keep=terms.keep,
                ship=terms.ship,
                fault=fault,
                software=SOFTWARE,
            )
        )

    def keep_read_again(self, capture: Capture) -> Capture:
        """Record that the body of a failed attempt can be read now: kept, as of the time it was taken."""
        if capture.outcome is not Outcome.FAILED or capture.body is None:
            raise ValueError(f"capture {capture.id[:12]} of {capture.view} is no failed attempt with a body")
        again = replace(capture, id="", outcome=Outcome.KEPT, fault=None, software=SOFTWARE)
        return self._append(replace(again, note=f"{_READ_AGAIN}{capture.id}"))

    def adopt(self, origin: Path) -> int:
        """Copy the pasts of another archive for sources that have none here; how many were brought."""
        brought = 0
        for ledger in sorted(origin.glob("*/captures.jsonl")):
            name = ledger.parent.name
            target = self.root / name
            if origin.resolve() == self.root.resolve() or not _SOURCE.fullmatch(name) or target.exists():
                continue
            # Under another name first: a copy cut short must not look like a past.
            partial = self.root / f".{name}.partial"
            with disk_refusals(target):
                make_folder(self.root)
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(ledger.parent, partial)
                partial.rename(target)
            brought += 1
        return brought

    # reading

    def sources(self) -> tuple[str, ...]:
        """The sources that have a ledger, or what is left of one."""
        found = {
            path.parent.name for name in ("captures.jsonl", "captures.head") for path in self.root.glob(f"*/{name}")
        }
        return tuple(sorted(name for name in found if _SOURCE.fullmatch(name)))

    def captures(self, source: str | None = None) -> Iterator[Capture]:
        """Every attempt in the order of the ledger, of one source or of all; Damaged names path and line."""
        for name in self.sources() if source is None else (source,):
            yield from self._load(name)

    def views(self) -> tuple[View, ...]:
        """Every view that was ever asked, in order."""
        return tuple(sorted({capture.view for capture in self.captures()}))

    def latest(self, view: View, *, live_only: bool = False) -> Capture | None:
        """The capture that stands for what the view shows now, as far as is known here.

        The last live answer, however old the edition it brought; without one, the newest edition captured.
        Failures never stand for anything.
        """
        answers = [c for c in self._load(view.source) if c.view == view and self._stands(c)]
        live = [capture for capture in answers if capture.live]
        if live:
            return max(reversed(live), key=lambda capture: capture.taken_at)  # of one moment, the later line
        if live_only:
            return None
        return max(reversed(answers), key=lambda capture: (capture.shown_at, capture.taken_at), default=None)

    def series(self, view: View) -> tuple[Capture, ...]:
        """The view's past: every answer that may be read here, ordered by when the source showed it.

        Digests without facts and bodies that were not shipped are left out; a body or facts that should be here
        and are not stay in, and ``open`` or ``facts`` says so.
        """
        return tuple(c for c in self._answers(view) if c.ship or self._path(c).exists())

    def fingerprint(self, view: View) -> str:
        """A hash that changes when, and only when, the view's series does."""
        ids = "".join(f"{capture.id}\n" for capture in self.series(view))
        return hashlib.sha256(ids.encode()).hexdigest()

    def editions(self, view: View) -> frozenset[str]:
        """The labels of the editions held: answered, and their bodies here where they may be."""
        return frozenset(
            capture.edition.label
            for capture in self._load(view.source)
            if capture.view == view and capture.edition is not None and self._is_held(capture)
        )

    def unread(self, source: str) -> tuple[Capture, ...]:
        """The failed attempts whose body is here and was not kept since: what a better reader may try."""
        captures = self._load(source)
        since = {capture.note for capture in captures if capture.note.startswith(_READ_AGAIN)}
        return tuple(
            capture
            for capture in captures
            if capture.outcome is Outcome.FAILED
            and capture.body is not None
            and f"{_READ_AGAIN}{capture.id}" not in since
            and self._body_path(capture).exists()
        )

    def open(self, capture: Capture) -> Snapshot:
        """The bytes of a capture, proven against its hashes.

        Damaged names the file; StoreError says why there is no body and how to come by one.
        """
        name = f"{capture.view} of {capture.shown_at:%Y-%m-%d} (capture {capture.id[:12]})"
        if capture.body is None:
            why = capture.fault.message if capture.fault is not None else "no reason recorded"
            raise StoreError(f"{name} brought no body: {why}")
        path = self._body_path(capture)
        if not path.exists():
            if capture.keep is Keep.DIGEST:
                raise StoreError(f"{name}: only the digest is kept, as the source's terms ask; ask the source again")
            if not capture.ship:
                raise StoreError(
                    f"{name}: the body is not shipped, as the source's terms ask; "
                    f"ask the source again: borderwatch backfill {capture.view.source}"
                )
            raise Damaged(
                f"{name}: the body is gone: {path}; restore snapshots/ from a copy (git checkout), or capture it "
                f"again: borderwatch backfill {capture.view.source}",
                path=str(path),
            )
        return Snapshot(capture, proven_parts(path, capture.body, capture.parts))

    def facts(self, capture: Capture) -> bytes:
        """The facts kept of a capture, proven against their hash.

        Damaged names the file; StoreError says why there are none.
        """
        name = f"{capture.view} of {capture.shown_at:%Y-%m-%d} (capture {capture.id[:12]})"
        if capture.facts is None:
            raise StoreError(f"{name}: no facts were kept, only the digest; ask the source again")
        path = self._facts_path(capture)
        if not path.exists():
            raise Damaged(
                f"{name}: the facts are gone: {path}; restore snapshots/ from a copy: they cannot be made again",
                path=str(path),
            )
        (part,) = proven_parts(path, capture.facts.sha256, (capture.facts,))
        return part.data

    def verify(self, progress: Callable[[str], None] | None = None) -> Report:
        """Prove every ledger line and every body; ``progress`` is told each source's name."""
        reports = []
        for source in self.sources():
            if progress is not None:
                progress(source)
            reports.append(self._verify_source(source))
        return Report(
            lines=sum(report.lines for report in reports),
            bodies=sum(report.bodies for report in reports),
            bytes=sum(report.bytes for report in reports),
            damages=tuple(damage for report in reports for damage in report.damages),
            absent=sum(report.absent for report in reports),
            orphans=tuple(path for report in reports for path in report.orphans),
            torn=tuple(path for report in reports for path in report.torn),
        )

    # one source proven

    def _verify_source(self, source: str) -> Report:
        path = self._ledger_path(source)
        ledger = self._examine(source)
        damages = [_damaged(path, flaw) for flaw in ledger.flaws]
        if ledger.torn:
            cut = Flaw(
                None, f"{len(ledger.torn)} bytes after the last whole line: a write was cut; the next sets it aside"
            )
            damages.append(_damaged(path, cut))
        served: dict[Path, list[int]] = defaultdict(list)
        owed: dict[Path, tuple[bool, str, tuple[PartDigest, ...]]] = {}
        for number, capture in enumerate(ledger.captures, start=1):
            if capture is None or capture.body is None:
                continue
            file = self._body_path(capture)
            served[file].append(number)
            # A body is owed if any line that tells of it says that it is kept and shipped.
            if file not in owed or _is_owed(capture):
                owed[file] = (_is_owed(capture), capture.body, capture.parts)
            if capture.facts is not None:
                file = self._facts_path(capture)
                served[file].append(number)
                owed[file] = (owed.get(file, (False,))[0] or capture.ship, capture.facts.sha256, (capture.facts,))
        bodies = size = absent = 0
        for file, (is_owed, digest, parts) in owed.items():
            if not file.exists() and not is_owed:
                absent += 1
                continue
            try:
                size += sum(len(part.data) for part in proven_parts(file, digest, parts))
                bodies += 1
            except Damaged as error:
                lines = ", ".join(map(str, served[file]))
                damages.append(Damaged(f"{error}; it serves {path} line {lines}", path=str(file)))
        kept = [f for room in ("bodies", "facts") for f in sorted((path.parent / room).glob("??/*.zst"))]
        orphans = tuple(f for f in kept if f not in served)
        torn = tuple(sorted(path.parent.glob("captures.jsonl.torn-*")))
        return Report(len(ledger.captures), bodies, size, tuple(damages), absent, orphans, torn)

    # where things are

    def _folder(self, source: str) -> Path:
        if not _SOURCE.fullmatch(source):
            raise StoreError(f"{source!r} is not a source's name (a-z, 0-9 and _, at most 64)")
        return self.root / source

    def _ledger_path(self, source: str) -> Path:
        return self._folder(source) / "captures.jsonl"

    def _head_path(self, source: str) -> Path:
        return self._folder(source) / "captures.head"

    def _body_path(self, capture: Capture) -> Path:
        digest = capture.body or ""
        return self._folder(capture.view.source) / "bodies" / digest[:2] / f"{digest}.zst"

    def _facts_path(self, capture: Capture) -> Path:
        digest = capture.facts.sha256 if capture.facts is not None else ""
        return self._folder(capture.view.source) / "facts" / digest[:2] / f"{digest}.zst"

    def _path(self, capture: Capture) -> Path:
        """Where what is kept of an answer lies."""
        return self._body_path(capture) if capture.keep is Keep.BODY else self._facts_path(capture)

    # the ledger, read

    def _examine(self, source: str) -> Ledger:
        """The ledger as it stands, read without a lock: a head that moved meanwhile means reading again."""
        for _ in range(50):
            before = bytes_of(self._head_path(source))
            data = bytes_of(self._ledger_path(source)) or b""
            if before == bytes_of(self._head_path(source)):
                break
            time.sleep(0.005)
        return ledger_from_bytes(data, before)

    def _load(self, source: str) -> tuple[Capture, ...]:
        path = self._ledger_path(source)
        stat = stat_of(path)
        if stat is None and not self._head_path(source).exists():
            return ()
        loaded = self._loaded.get(source)
        if loaded is not None and loaded.stat == stat:
            return loaded.captures
        ledger = self._examine(source)
        if ledger.flaws:
            damage = _damaged(path, ledger.flaws[0])
            raise Damaged(
                f"{damage}; see all with: borderwatch verify, then restore {path.parent} from a copy (git checkout)",
                path=damage.path,
                line=damage.line,
            )
        captures = tuple(capture for capture in ledger.captures if capture is not None)
        if stat is not None:
            self._loaded[source] = _Loaded(stat, captures)
        return captures

    def _stands(self, capture: Capture) -> bool:
        """Whether a capture is an answer that may stand for its view here."""
        if capture.outcome is Outcome.FAILED or capture.body is None:
            return False
        return capture.ship or capture.keep is Keep.DIGEST or self._body_path(capture).exists()

    def _is_held(self, capture: Capture) -> bool:
        if capture.outcome is Outcome.FAILED or capture.body is None:
            return False
        return capture.keep is Keep.DIGEST or self._body_path(capture).exists()

    def _answers(self, view: View) -> tuple[Capture, ...]:
        captures = self._load(view.source)
        cached = self._series.get(view.source)
        if cached is None or cached[0] is not captures:
            by_view: dict[View, list[Capture]] = defaultdict(list)
            for capture in captures:
                is_answer = capture.outcome is not Outcome.FAILED and capture.body is not None
                if is_answer and (capture.keep is Keep.BODY or capture.facts is not None):
                    by_view[capture.view].append(capture)
            ordered = {
                view: tuple(sorted(found, key=lambda capture: (capture.shown_at, capture.taken_at, capture.id)))
                for view, found in by_view.items()
            }
            self._series[view.source] = cached = (captures, ordered)
        return cached[1].get(view, ())

    # the disk, written

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, in this process and among all."""
        from filelock import FileLock, Timeout

        with self._mutex:
            if self._file_lock is None:
                self._file_lock = FileLock(self.root / ".lock", timeout=LOCK_TIMEOUT_S, poll_interval=0.005)
            try:
                with self._file_lock:
                    yield
            except Timeout as error:
                raise Locked(
                    f"{self.root}: another process has been writing for {LOCK_TIMEOUT_S:g} s; is it stopped or stuck?"
                ) from error

    def _append(self, capture: Capture) -> Capture:
        capture = bounded(capture)
        source = capture.view.source
        path = self._ledger_path(source)
        with disk_refusals(path):
            make_folder(path.parent)
        with disk_refusals(path), self._writing():
            is_new = not path.exists()
            self._set_torn_aside(path)
            known = self._load(source)
            head = Head(known[-1].id if known else GENESIS, len(known))
            if known and bytes_of(self._head_path(source)) != bytes_from_head(head):
                write_atomically(self._head_path(source), bytes_from_head(head))  # a crash left it one line behind
            line = line_from_capture(capture, head.id)
            capture, _ = capture_from_line(line)  # a line that could not be read back would end the archive
            append_durably(path, line)
            if is_new:
                flush_folder(path.parent)
            write_atomically(self._head_path(source), bytes_from_head(Head(capture.id, len(known) + 1)))
            stat = stat_of(path)
            if stat is not None:
                self._loaded[source] = _Loaded(stat, (*known, capture))
        return capture

    def _set_torn_aside(self, path: Path) -> None:
        """Move what a cut write left after the last whole line into a file of its own, and say so."""
        torn = torn_tail(path)
        if not torn:
            return
        aside = path.with_name(f"{path.name}.torn-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        write_atomically(aside, torn)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - len(torn))
            os.fsync(file.fileno())
        log.warning("%s: a write was cut; its %d bytes are set aside in %s", path, len(torn), aside.name)

    def _write_body(self, snapshot: Snapshot) -> None:
        capture = snapshot.capture
        if capture.keep is Keep.BODY:
            self._write(capture.view.source, self._body_path(capture), capture.body or "", snapshot.parts)

    def _write(self, source: str, path: Path, digest: str, parts: tuple[Part, ...]) -> None:
        """Write parts under their own hash, unless they lie there whole."""
        if path.exists():
            try:
                proven_parts(path, digest, digests_from_parts(parts))
            except Damaged as error:
                log.warning("%s; the same answer came again and replaces it", error)
            else:
                return
        packed = packed_from_stored(stored_from_parts(parts))
        with disk_refusals(path):
            make_folder(path.parent)
            self._sweep(source)
            write_atomically(path, packed)

    def _sweep(self, source: str) -> None:
        """Remove temporary files of writers that died; once per source and process."""
        if source in self._swept:
            return
        self._swept.add(source)
        folder = self._folder(source)
        for path in [*folder.glob(".*.tmp"), *folder.glob("bodies/??/.*.tmp"), *folder.glob("facts/??/.*.tmp")]:
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()


def _is_owed(capture: Capture) -> bool:
    return capture.keep is Keep.BODY and capture.ship


def _damaged(path: Path, flaw: Flaw) -> Damaged:
    where = f"{path} line {flaw.line}" if flaw.line is not None else str(path)
    return Damaged(f"{where}: {flaw.message}", path=str(path), line=flaw.line)
