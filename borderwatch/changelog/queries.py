"""What people and pages ask the change log: plain SQL, every outside word bound, records out."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias, TypeVar

from borderwatch.changelog import records, schema, search
from borderwatch.errors import UsageError
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Coverage,
    Depiction,
    Fault,
    Kind,
    Significance,
    Sketch,
    Standing,
    Verdict,
    View,
)

ELSEWHERE = "elsewhere"
"""As a dispute: changes on ground no watched dispute holds."""

Order: TypeAlias = Literal["significance", "time"]
Words: TypeAlias = str | Collection[str] | None
Box: TypeAlias = tuple[float, float, float, float]
Vocabulary = TypeVar("Vocabulary", bound=StrEnum)

# Most significant first. What the ground is shown as comes before how lines look and what things are called; a
# dispute passing whole (half of it or more) before a part of one; then the larger area, since the same area counts
# the same on every map; the ratio, which says how sure the finding is, only parts what area does not.
MOST_SIGNIFICANT = """
  CASE significance WHEN 'substantive' THEN 0 WHEN 'minor' THEN 1 ELSE 2 END,
  CASE kind WHEN 'transfer' THEN 0 WHEN 'overlap' THEN 1 WHEN 'gap' THEN 1 WHEN 'land_water' THEN 1
    WHEN 'appeared' THEN 2 WHEN 'disappeared' THEN 2
    WHEN 'split' THEN 3 WHEN 'merged' THEN 3 WHEN 'boundary_moved' THEN 3
    WHEN 'listed' THEN 4 WHEN 'delisted' THEN 4 WHEN 'reparented' THEN 4
    WHEN 'relabelled' THEN 5 WHEN 'restyled' THEN 6 WHEN 'renamed' THEN 7 ELSE 8 END,
  dispute IS NULL, coalesce(share, 0) < 0.5, coalesce(area_km2, 0) DESC, coalesce(length_km, 0) DESC,
  coalesce(ratio, 0) DESC, shown_at DESC, id"""

NEWEST = f"shown_at DESC, {MOST_SIGNIFICANT}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the change log holds; ``noise`` changes are in none of the three counts of changes."""

    sources: int
    views: int
    captures: int
    failed: int
    disputes: int
    depictions: int
    comparisons: int
    unchanged: int
    changes: int
    substantive: int
    minor: int


class Where:
    """The conditions of one question, each with its bound values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self.values.extend(values)

    def among(self, column: str, words: Words) -> None:
        """``column`` holds one of ``words``; no words, no condition. ``column`` is ours, never from outside."""
        if words is not None:
            some = [words] if isinstance(words, str) else list(words)
            self.add(f"{column} IN (SELECT value FROM json_each(?))", json.dumps(some))  # noqa: S608 - bound

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "1"


def known(vocabulary: type[Vocabulary], words: Words) -> Words:
    """``words`` if each is in the vocabulary, else UsageError with the choices."""
    for word in [words] if isinstance(words, str) else words or ():
        if word not in {member.value for member in vocabulary}:
            choices = ", ".join(member.value for member in vocabulary)
            raise UsageError(f"{vocabulary.__name__.lower()} {word!r} is not known; choose among: {choices}")
    return words


def captures_by_id(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Capture]:
    """The captures with these ids."""
    wanted = json.dumps(sorted(set(ids)))
    rows = connection.execute("SELECT * FROM captures WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
    return {row["id"]: records.capture_from_row(row) for row in rows}


def captures(connection: sqlite3.Connection, *, view: View | str | None, source: Words) -> list[Capture]:
    """Every attempt, in the order of the view's past."""
    where = Where()
    where.among("view", None if view is None else str(view))
    where.among("source", source)
    sql = f"SELECT * FROM captures WHERE {where} ORDER BY view, shown_at, taken_at, id"  # noqa: S608 - bound
    return [records.capture_from_row(row) for row in connection.execute(sql, where.values)]


def changes(
    connection: sqlite3.Connection,
    *,
    dispute: Words,
    source: Words,
    worldview: Words,
    kind: Words,
    significance: Words,
    since: datetime | None,
    until: datetime | None,
    text: str | None,
    view: View | str | None,
    box: Box | None,
    limit: int | None,
    order: Order,
) -> list[Change]:
    """The changes that meet every condition."""
    if order not in ("significance", "time"):
        raise UsageError(f"order {order!r} is not known; choose among: significance, time")
    if limit is not None and limit < 0:
        raise UsageError(f"limit {limit} is below zero")
    where = Where()
    where.among(f"coalesce(dispute, '{ELSEWHERE}')", dispute)
    where.among("source", source)
    where.among("worldview", worldview)
    where.among("kind", known(Kind, kind))
    where.among("significance", known(Significance, significance))
    where.among("view", None if view is None else str(view))
    if since is not None:
        where.add("shown_at >= ?", records.text_from_time(since))
    if until is not None:
        where.add("shown_at <= ?", records.text_from_time(until))
    if box is not None:
        _add_box(where, box)
    if text is not None:
        query = search.query_from_text(text)
        if query is None:
            return []
        where.add("number IN (SELECT rowid FROM changes_fts WHERE changes_fts MATCH ?)", query)
    ordering = NEWEST if order == "time" else MOST_SIGNIFICANT
    sql = f"SELECT * FROM changes WHERE {where} ORDER BY {ordering} LIMIT ?"  # noqa: S608 - bound
    rows = connection.execute(sql, [*where.values, -1 if limit is None else limit]).fetchall()
    return _changes_from_rows(connection, rows)


def _add_box(where: Where, box: Box) -> None:
    west, south, east, north = box
    meets = "SELECT number & ~1 FROM change_boxes WHERE east >= ? AND west <= ? AND north >= ? AND south <= ?"
    across = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    sql = " UNION ".join([meets] * len(across))
    where.add(f"number IN ({sql})", *(value for w, e in across for value in (w, e, south, north)))


def _changes_from_rows(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Change]:
    cited = captures_by_id(connection, (row[end] for row in rows for end in ("before", "after")))
    return [records.change_from_row(row, cited) for row in rows]


def change(connection: sqlite3.Connection, id_prefix: str) -> Change:
    """The one change whose id begins so; UsageError where none or several do."""
    sql = "SELECT * FROM changes WHERE id >= ? AND id < ? ORDER BY id LIMIT 4"
    ends = records.storable(id_prefix), records.storable(f"{id_prefix}\U0010ffff")
    rows = connection.execute(sql, ends).fetchall()
    if not rows:
        raise UsageError(f"no change has an id that begins with {id_prefix!r}; `borderwatch changes` lists them")
    if len(rows) > 1 and rows[0]["id"] != id_prefix:
        some = ", ".join(row["id"][: len(id_prefix) + 6] for row in rows[:3])
        raise UsageError(f"several changes have an id that begins with {id_prefix!r}: {some} ...; give more of it")
    return _changes_from_rows(connection, rows[:1])[0]


def comparisons(
    connection: sqlite3.Connection, *, dispute: Words, source: Words, verdict: Words, view: View | str | None
) -> list[Comparison]:
    """The comparisons that meet every condition, by view, dispute and time."""
    where = Where()
    where.among("x.dispute", dispute)
    where.among("v.source", source)
    where.among("x.verdict", known(Verdict, verdict))
    where.among("x.view", None if view is None else str(view))
    sql = f"""
        SELECT x.*, v.source, v.worldview, v.vantage, v.layer
        FROM comparisons x JOIN views v ON v.view = x.view JOIN captures a ON a.id = x.after
          JOIN captures b ON b.id = x.before
        WHERE {where}
        ORDER BY x.view, x.dispute, a.shown_at, a.taken_at, x.after, b.shown_at, x.before"""  # noqa: S608 - bound
    return [records.comparison_from_row(row) for row in connection.execute(sql, where.values)]


def sketches(connection: sqlite3.Connection, dispute: str) -> dict[str, tuple[Sketch, ...]]:
    """What each capture draws around the dispute, by capture id."""
    found: dict[str, list[Sketch]] = defaultdict(list)
    for row in connection.execute(
        "SELECT * FROM sketches WHERE dispute = ? ORDER BY capture, n", (records.storable(dispute),)
    ):
        found[row["capture"]].append(records.sketch_from_row(row))
    return {capture: tuple(some) for capture, some in found.items()}


# --- depictions and standings --------------------------------------------------------------------------


def depictions(connection: sqlite3.Connection, *, dispute: Words, view: View | str | None) -> list[Depiction]:
    """Every depiction that meets the conditions, by view, dispute and time."""
    where = Where()
    where.among("d.dispute", dispute)
    where.among("d.view", None if view is None else str(view))
    sql = f"""
        SELECT d.*, v.source, v.worldview, v.vantage, v.layer
        FROM depictions d JOIN views v ON v.view = d.view JOIN captures c ON c.id = d.capture
        WHERE {where} ORDER BY d.view, d.dispute, c.shown_at, c.taken_at, c.id"""  # noqa: S608 - bound
    return _depictions_from_rows(connection, connection.execute(sql, where.values).fetchall())


def _depictions_from_rows(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Depiction]:
    wanted = json.dumps([[row["capture"], row["dispute"]] for row in rows])

    def children(table: str) -> dict[tuple[str, str], list[sqlite3.Row]]:
        sql = f"""
            SELECT t.* FROM json_each(?) w JOIN {table} t
              ON t.capture = json_extract(w.value, '$[0]') AND t.dispute = json_extract(w.value, '$[1]')
            ORDER BY t.capture, t.dispute, {"t.lang" if table == "names" else "t.n"}"""  # noqa: S608 - our names
        found: dict[tuple[str, str], list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(sql, (wanted,)):
            found[row["capture"], row["dispute"]].append(row)
        return found

    shares, drawn, listed, names = (children(table) for table in ("shares", "drawn", "rows", "names"))
    return [
        Depiction(
            view=records.view_from_row(row),
            dispute=row["dispute"],
            capture=row["capture"],
            coverage=Coverage(row["coverage"]),
            shares=tuple(map(records.share_from_row, shares[row["capture"], row["dispute"]])),
            drawn=tuple(map(records.drawn_from_row, drawn[row["capture"], row["dispute"]])),
            names={one["lang"]: one["name"] for one in names[row["capture"], row["dispute"]]},
            rows=tuple(map(records.row_from_row, listed[row["capture"], row["dispute"]])),
            limit_km=row["limit_km"],
            reason=row["reason"],
        )
        for row in rows
    ]


def standings(connection: sqlite3.Connection, dispute: str, as_of: datetime | None) -> list[Standing]:
    """What each view shows of the dispute, as of a moment: its last accepted depiction shown by then, by view.

    ``attested`` is the last time the same bytes, or others of the same unbroken run, were seen by then.
    """
    now = "9999" if as_of is None else records.text_from_time(as_of)
    sql = """
        SELECT d.*, v.source, v.worldview, v.vantage, v.layer,
          (SELECT max(max(k.shown_at, coalesce((
             SELECT max(s.seen_at) FROM captures s WHERE s.view = r.view AND s.body = k.body
               AND s.seen_at <= :now AND s.seen_at < coalesce(r.until, '9999')), '')))
           FROM depictions r JOIN captures k ON k.id = r.capture
           WHERE r.dispute = d.dispute AND r.view = d.view AND r.run = d.run AND r.accepted = 1
             AND k.shown_at <= :now) AS attested
        FROM depictions d JOIN captures c ON c.id = d.capture JOIN views v ON v.view = d.view
        WHERE d.dispute = :dispute AND d.accepted = 1 AND c.shown_at <= :now AND coalesce(d.until, '9999~') > :now
        ORDER BY d.view"""
    rows = connection.execute(sql, {"dispute": records.storable(dispute), "now": now}).fetchall()
    cited = captures_by_id(connection, (row["capture"] for row in rows))
    return [
        Standing(
            depiction=depiction,
            capture=cited[row["capture"]],
            since=records.time_from_text(row["since"]),
            attested=records.time_from_text(row["attested"]),
        )
        for row, depiction in zip(rows, _depictions_from_rows(connection, rows), strict=True)
    ]


# --- how asking goes, how much there is ------------------------------------------------------------------


def last_success(connection: sqlite3.Connection) -> dict[str, datetime]:
    """By source, the last time an attempt was answered (with a body, or with "nothing new")."""
    sql = "SELECT source, max(taken_at) AS last FROM captures WHERE outcome <> 'failed' GROUP BY source"
    return {row["source"]: records.time_from_text(row["last"]) for row in connection.execute(sql)}


def last_fault(connection: sqlite3.Connection) -> dict[str, Fault]:
    """By source, the newest fault that still stands: no later attempt of the same view was answered."""
    sql = """
        SELECT f.* FROM captures f
        WHERE f.outcome = 'failed' AND f.fault_kind IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM captures s WHERE s.view = f.view AND s.taken_at > f.taken_at AND s.outcome <> 'failed')
        ORDER BY f.taken_at, f.id"""
    return {row["source"]: fault for row in connection.execute(sql) if (fault := records.fault_from_row(row))}


def counts(connection: sqlite3.Connection) -> Counts:
    """How much the change log holds."""
    sql = """
        SELECT (SELECT count(*) FROM sources) AS sources, (SELECT count(*) FROM views) AS views,
          (SELECT count(*) FROM captures) AS captures,
          (SELECT count(*) FROM captures WHERE outcome = 'failed') AS failed,
          (SELECT count(*) FROM disputes) AS disputes, (SELECT count(*) FROM depictions) AS depictions,
          (SELECT count(*) FROM comparisons) AS comparisons,
          (SELECT count(*) FROM comparisons WHERE verdict = 'unchanged') AS unchanged,
          (SELECT count(*) FROM changes WHERE significance <> 'noise') AS changes,
          (SELECT count(*) FROM changes WHERE significance = 'substantive') AS substantive,
          (SELECT count(*) FROM changes WHERE significance = 'minor') AS minor"""
    return Counts(**dict(connection.execute(sql).fetchone()))


def content_digest(connection: sqlite3.Connection) -> str:
    """sha256 over every content table, each in the order of its key: equal digests are equal content."""
    digest = hashlib.sha256()
    for line in _content(connection):
        digest.update(line)
    return digest.hexdigest()


def _content(connection: sqlite3.Connection) -> Iterator[bytes]:
    for table in schema.CONTENT:
        columns = connection.execute("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", (table,)).fetchall()
        key = ", ".join(f'"{column["name"]}"' for column in sorted(columns, key=lambda c: c["pk"]) if column["pk"])
        yield json.dumps([table, *(column["name"] for column in columns)]).encode()
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {key}'):  # noqa: S608 - our own names
            values = [{"blob": value.hex()} if isinstance(value, bytes) else value for value in row]
            yield json.dumps(values).encode() + b"\n"
