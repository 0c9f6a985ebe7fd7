"""One run at a time in a workspace: a lock the operating system releases when its holder dies.

The lock is on ``.borderwatch/run.lock``; who holds it stands in ``run.json`` beside it, for the message only.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from borderwatch.disk import bytes_of, disk_refusals, make_folder, write_atomically
from borderwatch.errors import Locked

FOLDER = ".borderwatch"


@contextmanager
def workspace_lock(workspace: Path, what: str = "borderwatch") -> Iterator[None]:
    """Hold the workspace for ``what`` ("borderwatch watch"); Locked says who holds it already, and since when."""
    from filelock import FileLock, Timeout

    folder = workspace / FOLDER
    told = folder / "run.json"
    lock = FileLock(folder / "run.lock")
    with disk_refusals(folder):
        make_folder(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise _locked(workspace, told) from error
    try:
        with disk_refusals(told):
            since = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
            about = {"what": what, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
            write_atomically(told, json.dumps(about).encode() + b"\n")
        try:
            yield
        finally:
            told.unlink(missing_ok=True)
    finally:
        lock.release()


def _locked(workspace: Path, told: Path) -> Locked:
    pid, who = None, "another borderwatch"
    try:
        about = json.loads(bytes_of(told) or b"null")
        pid = int(about["pid"])
        who = f"{about['what']} (process {pid} on {about['host']}, since {about['since']})"
    except (ValueError, TypeError, KeyError):
        pass  # the holder is just starting; the lock itself is what counts
    return Locked(
        f"{workspace}: {who} is at work here, and two at once would ask every source twice; "
        "wait for it, stop it, or work in another folder",
        pid=pid,
    )
