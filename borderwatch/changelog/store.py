"""The change log as the other steps use it: open it, put a view's records in, ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from borderwatch.changelog import database, queries, records, runs
from borderwatch.changelog.queries import Box, Counts, Order, Words
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Depiction,
    Dispute,
    Fault,
    Sketch,
    SourceCard,
    Standing,
    View,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

BATCH = 1000
"""Rows in one INSERT; sqlite-utils lowers it where the columns would pass SQLite's limit of variables."""


class ChangeLog:
    """The changes, and the captures, depictions and comparisons they rest on, in one SQLite file.

    Each ``put_`` is one transaction: readers see the state before it, then the state after it, and a process
    killed in the middle leaves the state before it.
    """

    def __init__(self, path: Path, *, readonly: bool = False) -> None:
        """Open the change log at ``path``; made new where there is none, unless ``readonly``.

        StoreError where the file is damaged, of another schema version or no change log at all.
        """
        self.path = path
        self._connection = database.connected(path, readonly=readonly)
        self._writer: Database | None = None

    @classmethod
    @contextmanager
    def afresh(cls, path: Path) -> Iterator[ChangeLog]:
        """A new change log that takes the place of the one at ``path`` when the block ends well.

        Until then readers see the old one, whatever state that is in: this is the way out every error names. Only a
        database of somebody else's is refused.
        """
        database.refuse_foreign(path)
        draft = path.with_name(f"{path.name}.rebuilding")
        database.removed(draft)
        try:
            with cls(draft) as log:
                yield log
        except BaseException:
            database.removed(draft)
            raise
        database.replaced(path, draft)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._connection.close()

    # --- what it says of itself ----------------------------------------------------------------------

    def fingerprint(self, view: View) -> str | None:
        """Which state of its series the view's rows were derived from; None if it never was."""
        sql = "SELECT fingerprint FROM view_state WHERE view = ?"
        with self._read() as connection:
            row = connection.execute(sql, (records.storable(str(view)),)).fetchone()
        return None if row is None else str(row["fingerprint"])

    def reader(self) -> str | None:
        """Which reader derived the content, as ``set_reader`` was told."""
        with self._read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'reader'").fetchone()
        return None if row is None else str(row["value"])

    def set_reader(self, fingerprint: str) -> None:
        """Keep which reader derives the content."""
        with self._write() as writer:
            self._upsert(writer, "meta", [{"key": "reader", "value": fingerprint}], "key")

    def counts(self) -> Counts:
        """How much it holds."""
        with self._read() as connection:
            return queries.counts(connection)

    def content_digest(self) -> str:
        """sha256 over all content in canonical order: equal after a rebuild, whatever the order of writing."""
        with self._read() as connection:
            return queries.content_digest(connection)

    # --- put -----------------------------------------------------------------------------------------

    def put_catalogue(self, disputes: Iterable[Dispute]) -> None:
        """Make these the watched disputes; whatever was derived about others goes with them."""
        rows = [records.row_from_dispute(dispute) for dispute in disputes]
        with self._write() as writer:
            self._upsert(writer, "disputes", rows, "slug")
            kept = queries.Where()
            kept.among("slug", [str(row["slug"]) for row in rows])
            writer.table("disputes").delete_where(f"NOT ({kept})", kept.values)

    def put_sources(self, cards: Iterable[SourceCard]) -> None:
        """Make these the sources; one that is gone keeps its captures, which carry their own licence."""
        rows = {card.name: records.row_from_source(card) for card in cards}
        with self._write() as writer:
            asked = {row[0] for row in writer.execute("SELECT source FROM views")}
            rows |= {name: records.stub_from_name(name) for name in asked - rows.keys()}
            self._upsert(writer, "sources", list(rows.values()), "name")
            kept = queries.Where()
            kept.among("name", list(rows))
            writer.table("sources").delete_where(f"NOT ({kept})", kept.values)

    def put_view(
        self,
        view: View,
        fingerprint: str,
        *,
        captures: Sequence[Capture],
        depictions: Sequence[Depiction],
        comparisons: Sequence[Comparison],
        changes: Sequence[Change],
        sketches: Sequence[Sketch],
    ) -> None:
        """Replace everything derived from this view's series by these records.

        The order of its past is ``shown_at``, then ``taken_at``. Captures are facts of the ledger: they are
        added, and an attempt already known through ``put_attempts`` stays.
        """
        key = records.storable(str(view))
        cited = {capture.id: capture for change in changes for capture in (change.before, change.after)}
        cited |= {capture.id: capture for capture in captures}
        _refuse_strays(view, cited, [*captures, *changes], depictions, comparisons)
        places = runs.places_from_series(cited, depictions, comparisons, changes)
        shown = [records.row_from_depiction(one, places[one.capture, one.dispute]) for one in depictions]
        with self._write() as writer:
            self._put_views(writer, [view])
            self._put_captures(writer, cited.values())
            writer.execute("DELETE FROM sketches WHERE capture IN (SELECT id FROM captures WHERE view = ?)", [key])
            for table in ("depictions", "comparisons", "changes"):  # shares, drawn, rows and names go with depictions
                writer.table(table).delete_where("view = ?", [key])
            self._insert(writer, "depictions", shown)
            for table, columns, rows_from in (
                ("shares", records.SHARES, records.rows_from_shares),
                ("drawn", records.DRAWN, records.rows_from_drawn),
                ("rows", records.ROWS, records.rows_from_rows),
                ("names", records.NAMES, records.rows_from_names),
            ):
                self._insert_many(writer, table, columns, (row for one in depictions for row in rows_from(one)))
            self._insert(writer, "comparisons", [records.row_from_comparison(one) for one in comparisons])
            self._insert(writer, "changes", [records.row_from_change(one) for one in changes])
            self._insert_many(writer, "sketches", records.SKETCHES, records.rows_from_sketches(sketches))
            self._upsert(writer, "view_state", [{"view": key, "fingerprint": fingerprint}], "view")

    def put_attempts(self, captures: Iterable[Capture]) -> None:
        """Add attempts, failed and not-modified ones too; one already known is not added twice."""
        some = list(captures)
        with self._write() as writer:
            self._put_captures(writer, some)

    def put_adopted(self, changes: Iterable[Change]) -> None:
        """Keep of changes already held which other view's variant they adopt, and what they then say."""
        rows = [records.row_from_change(change) for change in changes]
        sql = "UPDATE changes SET adopts = ?, summary = ?, grams = ? WHERE id = ?"
        with self._write() as writer:
            for row in rows:
                writer.execute(sql, [row[name] for name in ("adopts", "summary", "grams", "id")])

    # --- ask -----------------------------------------------------------------------------------------

    def changes(
        self,
        *,
        dispute: Words = None,
        source: Words = None,
        worldview: Words = None,
        kind: Words = None,
        significance: Words = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
        view: View | str | None = None,
        box: Box | None = None,
        limit: int | None = None,
        order: Order = "significance",
    ) -> list[Change]:
        """The changes that meet every condition; one word or several where a word is asked for.

        ``since`` and ``until`` (both inclusive) are about when the source showed it: published, else taken.
        ``text`` finds changes with all its words, in any script; ``dispute`` may be ``elsewhere``; ``box`` is
        (west, south, east, north) degrees, west > east across the antimeridian. ``order`` is most significant
        first (see ``queries.MOST_SIGNIFICANT``) or newest first.
        """
        with self._read() as connection:
            return queries.changes(
                connection,
                dispute=dispute,
                source=source,
                worldview=worldview,
                kind=kind,
                significance=significance,
                since=since,
                until=until,
                text=text,
                view=view,
                box=box,
                limit=limit,
                order=order,
            )

    def change(self, id_prefix: str) -> Change:
        """The one change whose id begins so; UsageError where none or several do."""
        with self._read() as connection:
            return queries.change(connection, id_prefix)

    def standings(self, dispute: str, as_of: datetime | None = None) -> list[Standing]:
        """What each view shows of the dispute (as of a moment), since when, and the last time it was seen so."""
        with self._read() as connection:
            return queries.standings(connection, dispute, as_of)

    def sketches(self, dispute: str) -> dict[str, tuple[Sketch, ...]]:
        """What each capture draws around the dispute, by capture id."""
        with self._read() as connection:
            return queries.sketches(connection, dispute)

    def comparisons(
        self, *, dispute: Words = None, source: Words = None, verdict: Words = None, view: View | str | None = None
    ) -> list[Comparison]:
        """The comparisons, attestations among them, by view, dispute and time."""
        with self._read() as connection:
            return queries.comparisons(connection, dispute=dispute, source=source, verdict=verdict, view=view)

    def depictions(self, *, dispute: Words = None, view: View | str | None = None) -> list[Depiction]:
        """Every depiction, by view, dispute and time."""
        with self._read() as connection:
            return queries.depictions(connection, dispute=dispute, view=view)

    def captures(self, *, view: View | str | None = None, source: Words = None) -> list[Capture]:
        """Every attempt, by view and time."""
        with self._read() as connection:
            return queries.captures(connection, view=view, source=source)

    def last_success(self) -> Mapping[str, datetime]:
        """By source, the last time an attempt was answered (with a body, or with "nothing new")."""
        with self._read() as connection:
            return queries.last_success(connection)

    def last_fault(self) -> Mapping[str, Fault]:
        """By source, the newest fault that still stands: no later attempt of the same view was answered."""
        with self._read() as connection:
            return queries.last_fault(connection)

    # --- inside --------------------------------------------------------------------------------------

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """One state of the file for all queries of the block, whoever writes meanwhile."""
        with database.told(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._end("COMMIT")

    @contextmanager
    def _write(self) -> Iterator[Database]:
        """One transaction, IMMEDIATE: sqlite-utils reads the schema first, and a reader may fail to become a writer."""
        from sqlite_utils import Database

        with database.told(self.path):
            if self._writer is None:
                self._writer = Database(self._connection)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._end("ROLLBACK")
                raise
            try:
                self._end("COMMIT")
            except sqlite3.IntegrityError:
                self._end("ROLLBACK")
                raise

    def _end(self, how: str) -> None:
        if self._connection.in_transaction:
            self._connection.execute(how)

    def _put_views(self, writer: Database, views: Iterable[View]) -> None:
        rows = [records.row_from_view(view) for view in dict.fromkeys(views)]
        stubs = [records.stub_from_name(str(row["source"])) for row in rows]
        self._insert(writer, "sources", stubs, ignore=True)
        self._insert(writer, "views", rows, ignore=True)

    def _put_captures(self, writer: Database, captures: Iterable[Capture]) -> None:
        """Add those not held yet: an id is the hash of its ledger line, so what is held says the same."""
        held = {row[0] for row in writer.execute("SELECT id FROM captures")}
        new = {capture.id: capture for capture in captures if capture.id not in held}
        self._put_views(writer, [capture.view for capture in new.values()])
        self._insert(writer, "captures", [records.row_from_capture(capture) for capture in new.values()])

    def _insert(self, writer: Database, table: str, rows: Sequence[records.Fields], **how: Any) -> None:
        if rows:
            columns = tuple(rows[0])
            self._insert_many(writer, table, columns, ([row[name] for name in columns] for row in rows), **how)

    def _upsert(self, writer: Database, table: str, rows: Sequence[records.Fields], key: str) -> None:
        self._insert(writer, table, rows, upsert=True, pk=key)

    def _insert_many(
        self, writer: Database, table: str, columns: Sequence[str], rows: Iterable[Sequence[records.Value]], **how: Any
    ) -> None:
        def listed() -> Iterator[list[records.Value]]:  # sqlite-utils' list mode: the names first, then the values
            yield list(columns)
            for row in rows:
                yield [value if type(value) is not str else records.storable(value) for value in row]

        writer.table(table).insert_all(listed(), batch_size=BATCH, **how)


def _refuse_strays(
    view: View,
    cited: Mapping[str, Capture],
    others: Iterable[Capture | Change],
    depictions: Iterable[Depiction],
    comparisons: Iterable[Comparison],
) -> None:
    """ValueError where a record is of another view, or of a capture that was not given: a mistake of the caller's."""
    views = {str(one.view) for some in (others, depictions, comparisons) for one in some} - {str(view)}
    if views:
        raise ValueError(f"put_view of {view} was given records of {', '.join(sorted(views))}")
    ends = {one.capture for one in depictions} | {end for one in comparisons for end in (one.before, one.after)}
    if ends - cited.keys():
        raise ValueError(f"put_view of {view} was given records of captures it was not given: {ends - cited.keys()}")
