"""Records to rows and rows to records; the only place that knows how a fact is spelt in SQLite."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from borderwatch.changelog import search
from borderwatch.changelog.runs import Place
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Coverage,
    Depiction,
    Dispute,
    Drawn,
    Edition,
    Fault,
    Keep,
    Kind,
    LineStyle,
    Outcome,
    PartDigest,
    Role,
    Row,
    Share,
    Significance,
    Sketch,
    SourceCard,
    Verdict,
    View,
)

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Value: TypeAlias = str | bytes | int | float | None
Fields: TypeAlias = dict[str, Value]

SHOWN_ROWS = 4
"""List rows told in ``shows``; a dispute rarely has more, and the rest are in the table ``rows``."""


# --- times, texts, geometry ------------------------------------------------------------------------


def text_from_time(moment: datetime) -> str:
    """ISO 8601 in UTC. Sorts as text, with and without a fraction: ``+`` comes before ``.``"""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; times in the change log are aware")
    return moment.astimezone(UTC).isoformat()


def time_from_text(text: str) -> datetime:
    """The aware time that ``text_from_time`` wrote."""
    return datetime.fromisoformat(text)


def storable(value: Value) -> Value:
    """The value as SQLite can hold it: half a surrogate pair (JSON can smuggle one in) becomes U+FFFD."""
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else text_from_time(moment)


def blob_from_geometry(geometry: BaseGeometry) -> bytes:
    """WKB, little-endian on every machine."""
    import shapely

    return bytes(shapely.to_wkb(geometry, byte_order=1, flavor="iso"))


def geometry_from_blob(blob: bytes) -> BaseGeometry:
    """The geometry ``blob_from_geometry`` wrote."""
    import shapely

    return shapely.from_wkb(blob)


def box_from_geometry(geometry: BaseGeometry | None) -> tuple[float, float, float, float] | tuple[None, ...]:
    """(west, south, east, north) degrees; west > east where the parts lie on both sides of the antimeridian.

    So RFC 7946 (5.2): of two parts at 179 E and 179 W the box is 2 degrees wide, not 358.
    """
    import shapely

    nothing = (None, None, None, None)
    if geometry is None or geometry.is_empty:
        return nothing
    west, south, east, north = (float(edge) for edge in shapely.bounds(geometry))
    if not all(map(_finite, (west, south, east, north))):
        return nothing
    if east - west > 180:
        parts = shapely.bounds(shapely.get_parts(geometry))
        eastern, western = parts[parts[:, 0] >= 0], parts[parts[:, 2] < 0]
        if len(eastern) and len(western) and len(eastern) + len(western) == len(parts):
            return float(eastern[:, 0].min()), south, float(western[:, 2].max()), north
    return west, south, east, north


def _finite(number: float) -> bool:
    return abs(number) < 1e9  # false for NaN too


# --- views, captures ------------------------------------------------------------------------------------


def row_from_view(view: View) -> Fields:
    return {
        "view": str(view),
        "source": view.source,
        "worldview": view.worldview,
        "vantage": view.vantage,
        "layer": view.layer,
    }


def view_from_row(row: sqlite3.Row) -> View:
    return View(row["source"], row["worldview"], row["vantage"], row["layer"])


def seen_at(capture: Capture) -> datetime:
    """The last moment a capture is evidence for: when it was asked, if it was asked for what is shown now."""
    return capture.taken_at if capture.live else capture.shown_at


def row_from_capture(capture: Capture) -> Fields:
    edition, fault = capture.edition, capture.fault
    return {
        **row_from_view(capture.view),
        "id": capture.id,
        "outcome": capture.outcome.value,
        "live": int(capture.live),
        "taken_at": text_from_time(capture.taken_at),
        "published_at": _time(edition.published_at) if edition else None,
        "shown_at": text_from_time(capture.shown_at),
        "seen_at": None if capture.outcome is Outcome.FAILED else text_from_time(seen_at(capture)),
        "edition": edition.label if edition else None,
        "edition_evidence": edition.evidence if edition else None,
        "url": capture.url,
        "body": capture.body,
        "bytes": sum(part.size for part in capture.parts),
        "parts": _json([{"name": part.name, "sha256": part.sha256, "size": part.size} for part in capture.parts]),
        "headers": _json(dict(capture.headers)),
        "licence": capture.licence,
        "attribution": capture.attribution,
        "keep": capture.keep.value,
        "fault_kind": fault.kind if fault else None,
        "fault_message": fault.message if fault else None,
        "fault_url": fault.url if fault else None,
        "fault_status": fault.status if fault else None,
        "fault_retry_after": fault.retry_after if fault else None,
        "software": capture.software,
        "note": capture.note,
    }


def fault_from_row(row: sqlite3.Row) -> Fault | None:
    if row["fault_kind"] is None:
        return None
    return Fault(
        row["fault_kind"], row["fault_message"], row["fault_url"], row["fault_status"], row["fault_retry_after"]
    )


def capture_from_row(row: sqlite3.Row) -> Capture:
    edition = None
    if row["edition"] is not None:
        published = row["published_at"]
        edition = Edition(row["edition"], published and time_from_text(published), row["edition_evidence"])
    return Capture(
        id=row["id"],
        view=view_from_row(row),
        taken_at=time_from_text(row["taken_at"]),
        outcome=Outcome(row["outcome"]),
        live=bool(row["live"]),
        url=row["url"],
        edition=edition,
        body=row["body"],
        parts=tuple(PartDigest(**part) for part in json.loads(row["parts"])),
        headers=json.loads(row["headers"]),
        licence=row["licence"],
        attribution=row["attribution"],
        keep=Keep(row["keep"]),
        fault=fault_from_row(row),
        software=row["software"],
        note=row["note"],
    )


# --- sources, disputes -------------------------------------------------------------------------------------


def row_from_source(card: SourceCard) -> Fields:
    terms = card.terms
    return {
        "name": card.name,
        "title": card.title,
        "licence": terms.licence,
        "attribution": terms.attribution,
        "terms_url": terms.url,
        "keep": terms.keep.value,
        "automation": int(terms.automation),
        "ship": int(terms.ship),
    }


def stub_from_name(source: str) -> Fields:
    """The row of a source nobody has described (its file is gone): its captures carry their own licence."""
    return {
        "name": source,
        "title": source,
        "licence": "",
        "attribution": "",
        "terms_url": "",
        "keep": Keep.BODY.value,
        "automation": 1,
        "ship": 1,
    }


def row_from_dispute(dispute: Dispute) -> Fields:
    west, south, east, north = dispute.box
    return {
        "slug": dispute.slug,
        "name": dispute.name,
        "type": dispute.type.value,
        "claimants": _json(dispute.claimants),
        "status": dispute.status,
        "status_date": dispute.status_date,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "box_source": dispute.box_source,
        "origin": dispute.origin,
        "qid": dispute.qid,
        "osm_relation": dispute.osm_relation,
        "wikipedia_en": dispute.wikipedia_en,
        "names": _json({language: list(names) for language, names in dispute.names.items()}),
        "codes": _json(dict(dispute.codes)),
    }


# --- depictions ------------------------------------------------------------------------------------------------


def words_from_depiction(depiction: Depiction) -> str:
    """What is shown, in a few words: owners with their shares, else list rows, else how lines are drawn, else names."""
    if depiction.coverage is not Coverage.SHOWN:
        return ""
    if depiction.shares:
        shares = sorted(depiction.shares, key=lambda share: (-share.share, share.owner))
        told = [f"{share.owner} {_percent(share.share)}" for share in shares if share.share > 0]
        left = 1 - sum(share.share for share in shares)
        return ", ".join(told + ([f"nobody {_percent(left)}"] if left >= 0.005 else []))
    if depiction.rows:
        told = [_words_from_row(row) for row in depiction.rows[:SHOWN_ROWS]]
        more = len(depiction.rows) - SHOWN_ROWS
        return "; ".join(told + ([f"and {more} more"] if more > 0 else []))
    lines = dict.fromkeys(_words_from_line(drawn) for drawn in depiction.drawn if drawn.style)
    if lines:
        return "; ".join(lines)
    return "; ".join(f"{language}: {name}" for language, name in sorted(depiction.names.items())[:SHOWN_ROWS])


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _words_from_row(row: Row) -> str:
    held = [row.code] if row.code else []
    held += [f"under {row.parent}"] if row.parent else []
    return f"{row.name} ({' '.join(held)})" if held else row.name


def _words_from_line(drawn: Drawn) -> str:
    style = (drawn.style or LineStyle.NOT_DRAWN).value.replace("_", " ")
    label = drawn.name or drawn.word
    return f"{label}: {style}" if label else style


def row_from_depiction(depiction: Depiction, place: Place) -> Fields:
    return {
        "capture": depiction.capture,
        "dispute": depiction.dispute,
        "view": str(depiction.view),
        "coverage": depiction.coverage.value,
        "shows": words_from_depiction(depiction),
        "run": place.run,
        "since": text_from_time(place.since),
        "accepted": int(place.accepted),
        "until": _time(place.until),
        "stretch": place.stretch,
        "limit_km": _number(depiction.limit_km),
        "reason": depiction.reason,
    }


SHARES = ("capture", "dispute", "owner", "n", "share", "area_km2")
DRAWN = ("capture", "dispute", "n", "owner", "role", "code", "name", "word", "style", "share", "length_km", "own")
ROWS = ("capture", "dispute", "n", "key", "name", "code", "kind", "parent", "note", "lang")
NAMES = ("capture", "dispute", "lang", "name")
SKETCHES = ("capture", "dispute", "n", "owner", "label", "role", "style", "geometry")


def rows_from_shares(depiction: Depiction) -> Iterable[Sequence[Value]]:
    for n, share in enumerate(depiction.shares):
        yield depiction.capture, depiction.dispute, share.owner, n, float(share.share), float(share.area_km2)


def rows_from_drawn(depiction: Depiction) -> Iterable[Sequence[Value]]:
    key = depiction.capture, depiction.dispute
    for n, one in enumerate(depiction.drawn):
        style = one.style.value if one.style else None
        measures = float(one.share), float(one.length_km), int(one.own)
        yield *key, n, one.owner, one.role.value, one.code, one.name, one.word, style, *measures


def rows_from_rows(depiction: Depiction) -> Iterable[Sequence[Value]]:
    key = depiction.capture, depiction.dispute
    for n, row in enumerate(depiction.rows):
        yield *key, n, row.key, row.name, row.code, row.kind, row.parent, row.note, row.lang


def rows_from_names(depiction: Depiction) -> Iterable[Sequence[Value]]:
    for language, name in depiction.names.items():
        yield depiction.capture, depiction.dispute, language, name


def rows_from_sketches(sketches: Iterable[Sketch]) -> Iterable[Sequence[Value]]:
    count: dict[tuple[str, str], int] = {}
    for one in sketches:
        key = one.capture, one.dispute
        n = count[key] = count.get(key, -1) + 1
        style = one.style.value if one.style else None
        yield *key, n, one.owner, one.label, one.role.value, style, blob_from_geometry(one.geometry)


def share_from_row(row: sqlite3.Row) -> Share:
    return Share(row["owner"], row["share"], row["area_km2"])


def drawn_from_row(row: sqlite3.Row) -> Drawn:
    return Drawn(
        owner=row["owner"],
        role=Role(row["role"]),
        code=row["code"],
        name=row["name"],
        word=row["word"],
        style=row["style"] and LineStyle(row["style"]),
        share=row["share"],
        length_km=row["length_km"],
        own=bool(row["own"]),
    )


def row_from_row(row: sqlite3.Row) -> Row:
    """A list row of a source, from a row of SQLite."""
    return Row(row["key"], row["name"], row["code"], row["kind"], row["parent"], row["note"], row["lang"])


def sketch_from_row(row: sqlite3.Row) -> Sketch:
    return Sketch(
        capture=row["capture"],
        dispute=row["dispute"],
        owner=row["owner"],
        label=row["label"],
        role=Role(row["role"]),
        style=row["style"] and LineStyle(row["style"]),
        geometry=geometry_from_blob(row["geometry"]),
    )


# --- comparisons, changes ------------------------------------------------------------------------------------------


def row_from_comparison(comparison: Comparison) -> Fields:
    return {
        "dispute": comparison.dispute,
        "before": comparison.before,
        "after": comparison.after,
        "view": str(comparison.view),
        "verdict": comparison.verdict.value,
        "noise_floor_km": _number(comparison.noise_floor_km),
        "limit_km": _number(comparison.limit_km),
        "reason": comparison.reason,
    }


def comparison_from_row(row: sqlite3.Row) -> Comparison:
    return Comparison(
        view=view_from_row(row),
        dispute=row["dispute"],
        before=row["before"],
        after=row["after"],
        verdict=Verdict(row["verdict"]),
        noise_floor_km=row["noise_floor_km"],
        limit_km=row["limit_km"],
        reason=row["reason"],
    )


def number_from_id(change: str) -> int:
    """An even number below 2**62 made from a change's id: the indices need one, and order must not decide it."""
    return int.from_bytes(hashlib.sha256(change.encode("utf-8", "surrogatepass")).digest()[:8]) >> 3 << 1


MEASURES = ("area_km2", "length_km", "inradius_km", "noise_floor_km", "ratio", "limit_km", "share", "offset_km")


def row_from_change(change: Change) -> Fields:
    before, after = change.before, change.after
    box = dict(zip(("west", "south", "east", "north"), box_from_geometry(change.geometry), strict=True))
    measures = {name: _number(getattr(change, name)) for name in MEASURES}
    return {
        **row_from_view(change.view),
        **measures,
        **box,
        "number": number_from_id(change.id),
        "id": change.id,
        "dispute": change.dispute,
        "kind": change.kind.value,
        "significance": change.significance.value,
        "loser": change.loser,
        "gainer": change.gainer,
        "subject": change.subject,
        "old": change.old,
        "new": change.new,
        "geometry": None if change.geometry is None else blob_from_geometry(change.geometry),
        "before": before.id,
        "after": after.id,
        "before_published": _time(before.edition.published_at) if before.edition else None,
        "after_published": _time(after.edition.published_at) if after.edition else None,
        "before_taken": text_from_time(before.taken_at),
        "after_taken": text_from_time(after.taken_at),
        "shown_at": text_from_time(after.shown_at),
        "reverts": change.reverts,
        "adopts": change.adopts,
        "summary": change.summary,
        "grams": search.grams_from_texts((change.summary, change.old, change.new, change.subject)),
    }


def change_from_row(row: sqlite3.Row, captures: Mapping[str, Capture]) -> Change:
    return Change(
        id=row["id"],
        view=view_from_row(row),
        dispute=row["dispute"],
        kind=Kind(row["kind"]),
        significance=Significance(row["significance"]),
        before=captures[row["before"]],
        after=captures[row["after"]],
        loser=row["loser"],
        gainer=row["gainer"],
        subject=row["subject"],
        old=row["old"],
        new=row["new"],
        **{name: row[name] for name in MEASURES},
        geometry=None if row["geometry"] is None else geometry_from_blob(row["geometry"]),
        reverts=row["reverts"],
        adopts=row["adopts"],
        summary=row["summary"],
    )


def _number(value: float | None) -> float | None:
    """A plain float: numpy's own would be stored as text or refused."""
    return None if value is None else float(value)
