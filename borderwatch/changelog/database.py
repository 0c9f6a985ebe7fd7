"""One SQLite file: opened, made, checked, replaced; and what SQLite's errors mean for people."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from borderwatch import __version__
from borderwatch.changelog import schema
from borderwatch.errors import Locked, StoreError

OLDEST_SQLITE = (3, 25, 0)
"""Window functions, upsert, and ``categories`` of the unicode61 tokeniser all came by 3.25 (2018-09)."""

BUSY_S = 30.0
"""How long to wait for another writer: a rebuild of years of history commits within seconds."""

FOREIGN = "{}: is a SQLite file but not a change log, and was left alone; name another file"

WAY_OUT = "run `borderwatch rebuild` to make it again from snapshots/"


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors inside the block, in words that name the file and the way out."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):  # a mistake in the code, not in the file
        raise
    except sqlite3.Error as error:
        text = str(error)
        if "no such module" in text:
            module = text.rpartition(": ")[2]
            message = (
                f"the SQLite {sqlite3.sqlite_version} of this Python lacks the {module} module, which the change log "
                "needs: use a Python from python.org, conda or your system's packages"
            )
            raise StoreError(message) from error
        if "locked" in text or "busy" in text:
            message = f"change log {path}: another process has been writing for {BUSY_S:.0f} s; wait for it, or stop it"
            raise Locked(message) from error
        if "readonly" in text or ("disk" in text and "full" in text):
            raise StoreError(f"change log {path}: cannot be written ({text}); nothing of it was changed") from error
        if isinstance(error, sqlite3.IntegrityError):
            raise StoreError(f"change log {path}: refused rows that do not fit together ({text})") from error
        if "unable to open" in text:
            raise StoreError(f"change log {path}: cannot be opened ({text}); check the folder's permissions") from error
        raise StoreError(f"change log {path}: damaged or not a database ({text}); {WAY_OUT}") from error
    except OverflowError as error:
        raise StoreError(f"change log {path}: a number is beyond 64 bits ({error})") from error


def connected(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """A connection to the change log at ``path``, made new where there is none; StoreError where it cannot be."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        wanted = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"this Python has SQLite {sqlite3.sqlite_version}; the change log needs {wanted} or newer")
    if path.is_dir():
        raise StoreError(f"change log {path}: is a folder, not a file")
    if readonly and not path.exists():
        raise StoreError(f"change log {path}: not there yet; run `borderwatch run` to make it")
    if not readonly:
        path.parent.mkdir(parents=True, exist_ok=True)
    with told(path):
        connection = sqlite3.connect(_address(path, readonly=readonly), uri=True, timeout=BUSY_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            # Derived data: after a power cut the last commit may be missing, the file is whole.
            connection.execute("PRAGMA synchronous = NORMAL")
            _check(connection, path, readonly=readonly)
        except BaseException:
            connection.close()
            raise
    return connection


def _address(path: Path, *, readonly: bool) -> str:
    address = path.absolute().as_uri()
    if not readonly:
        return address
    # A WAL file in a folder that may not be written can be read only if nobody writes it.
    if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
        return f"{address}?immutable=1"
    return f"{address}?mode=ro"


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _check(connection: sqlite3.Connection, path: Path, *, readonly: bool) -> None:
    """Make an empty file a change log; refuse a file that is something else."""
    version, application = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    if application == schema.APPLICATION_ID and version == schema.VERSION:
        return
    if application == schema.APPLICATION_ID:
        message = f"change log {path}: made by schema version {version}, this is version {schema.VERSION}; {WAY_OUT}"
        raise StoreError(message)
    if _is_foreign(connection):
        raise StoreError(FOREIGN.format(path))
    if readonly:
        raise StoreError(f"change log {path}: empty; run `borderwatch run` to fill it")
    _make(connection)


def _make(connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database

    database = Database(connection)
    database.enable_wal()
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _pragma(connection, "user_version") == 0:  # else another process made it while we waited
            for script in (schema.TABLES, schema.SEARCH, schema.BOXES, schema.VIEWS):
                database.executescript(script)
            database.table("meta").insert({"key": "software", "value": __version__})
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def refuse_foreign(path: Path) -> None:
    """StoreError if ``path`` is a SQLite file of somebody else's, which a new change log must not replace."""
    if not path.is_file():
        return
    with closing(sqlite3.connect(_address(path, readonly=True), uri=True, timeout=BUSY_S)) as connection:
        try:
            foreign = _is_foreign(connection)
        except sqlite3.DatabaseError:  # damaged, or no database
            return
    if foreign:
        raise StoreError(FOREIGN.format(path))


def _is_foreign(connection: sqlite3.Connection) -> bool:
    ours = _pragma(connection, "application_id") == schema.APPLICATION_ID
    return not ours and any(_pragma(connection, name) for name in ("schema_version", "user_version", "application_id"))


def removed(path: Path) -> None:
    """Take a database file and what SQLite keeps beside it away."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def replaced(path: Path, draft: Path) -> None:
    """Put the database ``draft`` in the place of ``path`` at once, under the eyes of readers.

    Through SQLite's backup, one transaction: to rename over a file others have open would let the last of them
    to leave delete the new file's write-ahead log. Only a file that is no database is taken away first.
    """
    with told(path):
        try:
            _copied(draft, path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            removed(path)
            _copied(draft, path)
    removed(draft)


def _copied(draft: Path, path: Path) -> None:
    with closing(sqlite3.connect(draft)) as new, closing(sqlite3.connect(path, timeout=BUSY_S)) as old:
        old.isolation_level = None
        old.execute("BEGIN IMMEDIATE")  # Connection.backup waits without end for a lock: wait here, with one
        old.execute("ROLLBACK")
        new.backup(old)
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
