"""Failures services declare inside an answer of status 200: bytes -> the problem; no source, no network.

Those of OGC services, in XML, are in ``ows``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from borderwatch.errors import CaptureProblem, NotServed, Partial, RateLimited, Refused, SchemaChanged

_ERROR = re.compile(rb'\A(?:\xef\xbb\xbf)?\s*\{\s*"error"\s*:')
"""ArcGIS (`{"error": {"code": 499, "message": ...}}`) and many another: nothing but the error, and it first."""
_LARGEST_ERROR = 16_384

_REMARK = re.compile(rb'"remark"\s*:\s*"((?:[^"\\]|\\.)*)"\s*\}?\s*\Z')
"""Overpass: the last word of an answer whose elements stop somewhere. (drolbr/Overpass-API, output_json.cc)"""
_XML_REMARK = re.compile(rb"<remark>\s*(.*?)\s*</remark>", re.S)
_TAIL = 4_096

_LONGEST_LAG_S = 3_600.0

_ZIP_END = b"PK\x05\x06"
_ZIP_COMMENT = 65_535


def _as_it_is(text: str) -> str:
    return text


def problem_from_body(
    data: bytes, *, url: str, redact: Callable[[str], str] = _as_it_is, whole: bool = True
) -> CaptureProblem | None:
    """The problem an answer of status 200 declares, or None.

    ``url`` is shown as it is, ``redact`` takes keys out of what the service says; ``whole`` False: a beginning only.
    """
    if len(data) <= _LARGEST_ERROR and _ERROR.match(data[:64]):
        try:
            value = json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None  # whoever reads it says what is wrong with it
        return problem_from_object(value, url=url, redact=redact) if isinstance(value, dict) else None
    if not whole:
        return None
    remark = _REMARK.search(data[-_TAIL:]) or (_XML_REMARK.search(data[-_TAIL:]) if data[:1] == b"<" else None)
    if remark and b"error" in remark[1].lower():
        return _partial(url, "with elements that stop somewhere", _text(remark[1], redact))
    if data.startswith(b"PK\x03\x04") and _ZIP_END not in data[-_ZIP_COMMENT - 22 :]:
        return _partial(url, "with an archive cut before its end", "no directory at the end of the zip")
    return None


def problem_from_object(
    value: Mapping[str, Any], *, url: str, redact: Callable[[str], str] = _as_it_is
) -> CaptureProblem | None:
    """The problem in the ``error`` of a JSON answer, by the code inside it; None where there is none."""
    error = value.get("error")
    if not error:
        return None
    told = error if isinstance(error, dict) else {"message": error}
    code, details = told.get("code"), told.get("details")
    # MediaWiki says "info" where others say "message", and how far its database lags where maxlag was given.
    words = [told.get("message") or told.get("info"), *(details if isinstance(details, list) else [])]
    message = _text(" ".join(str(word) for word in words if word).encode(), redact)
    number = _text(str(code).encode(), redact) if code else "no code"
    said = f"{url} answered 200 with an error inside: {number}, {message}"
    gone = "invalid url" in message.casefold()  # ArcGIS's 400 for a service or layer that is gone
    # ArcGIS's 400 for a question it understood and could not answer, this time or this much of it.
    overtaxed = "unable to" in message.casefold()
    match code:
        case 401 | 403 | 498 | 499:
            return Refused(f"{said}: it wants a key or is not public any more; see where it is published now", url=url)
        case 429:
            return RateLimited(f"{said}: ask again later, less often", url=url, status=429)
        case "maxlag" | "ratelimited":
            lag = told.get("lag")
            after = min(float(lag), _LONGEST_LAG_S) if isinstance(lag, int | float) and lag > 0 else None
            return RateLimited(f"{said}: ask again later", url=url, retry_after=after)
        case _ if code == 404 or gone:
            return NotServed(f"{said}: see where it is published now", url=url)
        case 400 if not overtaxed:
            return SchemaChanged(f"{said}: it no longer takes this question; see its present documentation", url=url)
        case _:
            return Partial(f"{said}: ask again later", url=url)


def _partial(url: str, how: str, told: str) -> Partial:
    return Partial(f"{url} answered 200 {how} ({told}): nothing was kept; ask again later", url=url)


def _text(data: bytes, redact: Callable[[str], str]) -> str:
    """What a service says, on one line, without control characters and keys."""
    text = "".join(char if char.isprintable() else " " for char in data[:1_000].decode("utf-8", "replace"))
    return redact(" ".join(text.split()))[:200] or "no reason given"
