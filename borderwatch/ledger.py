"""The ledger's grammar: a capture <-> one line, and the chain that holds the lines together. Pure, no I/O.

A line is canonical JSON (sorted keys, no spaces, ASCII) and a newline. A capture's ``id`` is the sha256 of
its line as it stands in the file, newline included, so that ``sed -n 7p captures.jsonl | sha256sum`` gives
the id of line 7; the next line carries it as ``previous``. ``captures.head`` repeats the last line's id and
the number of lines, so that an edited last line or a cut tail is seen too (see ``docs/storage.md``).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from borderwatch.models import Capture, Edition, Fault, Keep, Outcome, PartDigest, View

FORMAT = 1
GENESIS = "0" * 64
"""What the first line carries as ``previous``."""

MAX_TEXT = 2_000
"""Longest note, message or header value kept: texts from outside are bounded, bodies hold the whole."""
MAX_HEADERS = 64
MAX_SIZE = 2**32
"""No part is larger than 4 GiB, which is more than any source may answer (``settings.max_bytes``)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class LineError(ValueError):
    """A ledger line that does not say what a capture is; the caller knows the path and the number."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last line's id and how many lines there are."""

    id: str
    lines: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with a ledger: ``line`` counts from 1, None for the file as a whole."""

    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the bytes of one ledger hold: its captures, the flaws found, and the torn tail if there is one.

    ``captures`` gives None for a line that cannot be read. ``size`` counts the whole lines' bytes.
    """

    captures: tuple[Capture | None, ...]
    flaws: tuple[Flaw, ...]
    torn: bytes
    size: int
    head: Head


def line_id(line: bytes) -> str:
    """The id of a ledger line: the sha256 of its bytes, newline included."""
    return hashlib.sha256(line).hexdigest()


# --- a capture <-> a line ------------------------------------------------------------------------


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone cannot go into a ledger: {time!r}")
    return time.astimezone(UTC)


def _text_from_time(time: datetime) -> str:
    return _utc(time).isoformat().replace("+00:00", "Z")


def _canonical(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _bounded(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def bounded(capture: Capture) -> Capture:
    """The capture as a ledger holds it: texts and headers bounded, times in UTC, numbers finite."""
    fault, edition = capture.fault, capture.edition
    if fault is not None:
        wait = fault.retry_after if fault.retry_after is None or math.isfinite(fault.retry_after) else None
        url = None if fault.url is None else _bounded(fault.url)
        fault = replace(fault, message=_bounded(fault.message), url=url, retry_after=wait)
    if edition is not None:
        published_at = None if edition.published_at is None else _utc(edition.published_at)
        edition = Edition(_bounded(edition.label), published_at, _bounded(edition.evidence))
    headers = dict(sorted(capture.headers.items())[:MAX_HEADERS])
    return replace(
        capture,
        taken_at=_utc(capture.taken_at),
        url=_bounded(capture.url),
        note=_bounded(capture.note),
        headers={_bounded(name): _bounded(value) for name, value in headers.items()},
        fault=fault,
        edition=edition,
    )


def line_from_capture(capture: Capture, previous: str) -> bytes:
    """The ledger line of a capture (its ``id`` is not part of it), carrying the id of the line before."""
    view, edition, fault = capture.view, capture.edition, capture.fault
    # Lines written before facts were kept have no such field, and their hashes must stay what they are.
    facts = {} if capture.facts is None else {"facts": _record_from_digest(capture.facts)}
    return _canonical(
        {
            **facts,
            "format": FORMAT,
            "previous": previous,
            "view": {
                "source": view.source,
                "worldview": view.worldview,
                "vantage": view.vantage,
                "layer": view.layer,
            },
            "taken_at": _text_from_time(capture.taken_at),
            "outcome": capture.outcome.value,
            "live": capture.live,
            "url": capture.url,
            "edition": None
            if edition is None
            else {
                "label": edition.label,
                "published_at": None if edition.published_at is None else _text_from_time(edition.published_at),
                "evidence": edition.evidence,
            },
            "body": capture.body,
            "parts": [_record_from_digest(part) for part in capture.parts],
            "headers": dict(capture.headers),
            "licence": capture.licence,
            "attribution": capture.attribution,
            "keep": capture.keep.value,
            "ship": capture.ship,
            "fault": None
            if fault is None
            else {
                "kind": fault.kind,
                "message": fault.message,
                "url": fault.url,
                "status": fault.status,
                "retry_after": fault.retry_after,
            },
            "software": capture.software,
            "note": capture.note,
        }
    )


def capture_from_line(line: bytes) -> tuple[Capture, str]:
    """The capture a ledger line tells of, and the ``previous`` it carries; LineError says what is wrong."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError(f"not JSON ({error})") from error
    if not isinstance(record, dict):
        raise LineError(f"not a JSON object but {type(record).__name__}")
    if record.get("format") != FORMAT:
        raise LineError(f"format {record.get('format')!r}, this version of borderwatch reads format {FORMAT}")
    try:
        return _capture_from_record(record, line_id(line)), _digest(record["previous"])
    except KeyError as error:
        raise LineError(f"no field {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LineError(str(error)) from error


def _capture_from_record(record: Mapping[str, Any], capture_id: str) -> Capture:
    edition, fault, body = record["edition"], record["fault"], record["body"]
    return Capture(
        id=capture_id,
        view=View(**{name: _text(value) for name, value in record["view"].items()}),
        taken_at=_time(record["taken_at"]),
        outcome=Outcome(record["outcome"]),
        live=_flag(record["live"]),
        url=_text(record["url"]),
        edition=None
        if edition is None
        else Edition(
            _text(edition["label"]),
            None if edition["published_at"] is None else _time(edition["published_at"]),
            _text(edition["evidence"]),
        ),
        body=None if body is None else _digest(body),
        parts=tuple(_digest_from_record(part) for part in record["parts"]),
        headers={_text(name): _text(value) for name, value in record["headers"].items()},
        licence=_text(record["licence"]),
        attribution=_text(record["attribution"]),
        keep=Keep(record["keep"]),
        ship=_flag(record["ship"]),
        fault=None if fault is None else _fault(fault),
        software=_text(record["software"]),
        note=_text(record["note"]),
        facts=_digest_from_record(record["facts"]) if "facts" in record else None,
    )


def _record_from_digest(part: PartDigest) -> dict[str, Any]:
    return {"name": part.name, "sha256": part.sha256, "size": part.size}


def _digest_from_record(record: Mapping[str, Any]) -> PartDigest:
    return PartDigest(_text(record["name"]), _digest(record["sha256"]), _size(record["size"]))


def _fault(record: Mapping[str, Any]) -> Fault:
    url, status, wait = record["url"], record["status"], record["retry_after"]
    return Fault(
        kind=_text(record["kind"]),
        message=_text(record["message"]),
        url=None if url is None else _text(url),
        status=None if status is None else int(status),
        retry_after=None if wait is None else float(wait),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text belongs")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} where true or false belongs")
    return value


def _size(value: object) -> int:
    # Bounded, because room is made for what a line says before the body is seen.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SIZE:
        raise ValueError(f"{value!r} where a size in bytes belongs")
    return value


def _digest(value: object) -> str:
    # Digests become file names: nothing but 64 hexadecimal digits may pass, whoever wrote the ledger.
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{value!r} where a sha256 belongs")
    return value


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError(f"{value!r} where a time with a zone belongs")
    return time.astimezone(UTC)


# --- the head ------------------------------------------------------------------------------------


def bytes_from_head(head: Head) -> bytes:
    """What ``captures.head`` holds."""
    return _canonical({"id": head.id, "lines": head.lines})


def head_from_bytes(data: bytes | None) -> Head:
    """The head a file holds (none: of an empty ledger); LineError says what is wrong with it."""
    if data is None:
        return Head(GENESIS, 0)
    try:
        record = json.loads(data)
        head = Head(_digest(record["id"]), _size(record["lines"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LineError(f"not a ledger's head ({error})") from error
    if bytes_from_head(head) != data:
        raise LineError("not a ledger's head as it was written")
    return head


# --- the chain -----------------------------------------------------------------------------------


def ledger_from_bytes(data: bytes, head: bytes | None) -> Ledger:
    """Every line of a ledger read and the chain proven, against itself and against ``captures.head``.

    A tail without its newline is ``torn``: a write that was cut, of an attempt nobody was told about.
    """
    *whole, torn = data.split(b"\n")
    lines = [line + b"\n" for line in whole]
    captures: list[Capture | None] = []
    flaws: list[Flaw] = []
    previous = GENESIS
    for number, line in enumerate(lines, start=1):
        capture: Capture | None = None
        try:
            capture, said = capture_from_line(line)
        except LineError as error:
            flaws.append(Flaw(number, str(error)))
        else:
            if said != previous:
                flaws.append(Flaw(number, _break_before(number)))
        captures.append(capture)
        previous = capture.id if capture is not None else line_id(line)
    flaws += _flaws_of_head(lines, head)
    return Ledger(tuple(captures), tuple(flaws), torn, len(data) - len(torn), Head(previous, len(lines)))


def _break_before(number: int) -> str:
    if number == 1:
        return "the chain does not begin here: lines before it were removed, or it was edited"
    return (
        f"the chain breaks here: line {number} does not follow line {number - 1} as it stands; "
        f"line {number - 1} was edited, or lines were removed, added or moved"
    )


def _flaws_of_head(lines: list[bytes], data: bytes | None) -> list[Flaw]:
    try:
        head = head_from_bytes(data)
    except LineError as error:
        return [Flaw(None, f"captures.head is {error}")]
    if len(lines) < head.lines:
        return [Flaw(None, f"{len(lines)} lines, but captures.head knows of {head.lines}: the tail is missing")]
    if head.lines and line_id(lines[head.lines - 1]) != head.id:
        message = f"hashes otherwise than captures.head says ({head.id[:12]}…): it was edited, or a line moved"
        return [Flaw(head.lines, message)]
    # A crash between a line and the head leaves the head one line behind, never more.
    if len(lines) > head.lines + 1:
        behind = "is missing" if data is None else f"knows of {head.lines}"
        return [Flaw(None, f"{len(lines)} lines, but captures.head {behind}: lines were added, or the head replaced")]
    return []
