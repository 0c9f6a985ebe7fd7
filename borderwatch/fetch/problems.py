"""What an answer that is no success means, as a ``CaptureProblem`` that says what to do."""

from __future__ import annotations

import email.utils
import re
import time
from dataclasses import replace

from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    Unreachable,
)
from borderwatch.fetch import content
from borderwatch.fetch.redaction import Secrets, plain
from borderwatch.fetch.transport import Exchange
from borderwatch.formats.ows import exception_from_xml


def is_limited(exchange: Exchange) -> bool:
    """A quota speaks: 429, or GitHub's way of saying it (403 with nothing left)."""
    return exchange.status == 429 or (
        exchange.status == 403
        and (exchange.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in exchange.headers)
    )


def retry_after_s(exchange: Exchange) -> float | None:
    """Seconds until the host wants to be asked again, as it says: RFC 9110 10.2.3, or GitHub's reset time."""
    text = exchange.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    if text:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
        except (ValueError, OverflowError, TypeError):
            return None
    reset = exchange.headers.get("x-ratelimit-reset", "")
    if is_limited(exchange) and reset.isdecimal() and len(reset) < 12:
        return max(0.0, float(reset) - time.time())
    return None


def leads_inside(shown: str, target: str) -> Challenged:
    return Challenged(
        f"{shown} leads to a private address ({target}), which is not followed: probably a network's sign-in page; "
        "sign in, then run again",
        url=shown,
    )


def problem_from_exchange(exchange: Exchange, shown: str, secrets: Secrets) -> CaptureProblem:
    """What a status other than success means."""
    status = exchange.status
    said = _said(exchange, secrets)
    if is_limited(exchange):
        after = retry_after_s(exchange)
        when = f"again in {after:.0f} s" if after is not None else "again later, less often"
        return RateLimited(
            f"{shown} answered {status}, too many questions{said}: ask {when}",
            url=shown,
            status=status,
            retry_after=after,
        )
    kind = content.wall(exchange.data, exchange.headers)
    if kind is not None:
        return Challenged(
            f"{shown} answered {status} with {kind}: nothing was captured; open the address in a browser, or switch "
            "the source off",
            url=shown,
            status=status,
        )
    if status in {404, 410}:
        return NotServed(
            f"{shown} answered {status}: there is no such thing{said}; see whether the source has moved it or does not "
            "serve this audience or edition",
            url=shown,
            status=status,
        )
    if 400 <= status < 500:
        why = {401: "it wants a key or login", 403: "it does not let us", 407: "the proxy wants a login", 451: "law"}
        return Refused(
            f"{shown} answered {status}, {why.get(status, 'it rejects the question')}{said}: check the key and the "
            "terms; it was not asked again",
            url=shown,
            status=status,
        )
    if status == 206:
        return Partial(f"{shown} answered 206, a part that was not asked for: ask again", url=shown, status=status)
    if status >= 500:
        return Unreachable(
            f"{shown} answered {status}, the service is in trouble{said}: run again later",
            url=shown,
            status=status,
            retry_after=retry_after_s(exchange),
        )
    return Malformed(f"{shown} answered {status}, which is not an answer to GET: ask again", url=shown, status=status)


def part_of(exchange: Exchange, part: tuple[int, int], shown: str) -> Exchange:
    """The bytes that were asked for, as an ordinary answer; ``Partial`` where others came.

    A server may answer 200 with the whole, or with fewer bytes where the file ends (RFC 9110, 14.2 and 15.3.7).
    """
    first, last = part
    if exchange.status == 200:
        return replace(exchange, data=exchange.data[first : last + 1])
    said = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", exchange.headers.get("content-range", "").strip())
    if said is None or int(said[1]) != first or int(said[2]) > last or len(exchange.data) != int(said[2]) - first + 1:
        raise Partial(
            f"{shown} was asked for the bytes {first}-{last} and answered others "
            f"({plain(exchange.headers.get('content-range', 'no Content-Range'), 60)}): ask again",
            url=shown,
            status=exchange.status,
        )
    return replace(exchange, status=200)


def _said(exchange: Exchange, secrets: Secrets) -> str:
    """What an API's own error says, in brackets; nothing of pages."""
    report = exception_from_xml(exchange.data)
    if report is not None:
        return f" ({plain(secrets.text(report), 300)})"
    if not exchange.headers.get("content-type", "").lower().startswith(("application/json", "text/plain")):
        return ""
    text = plain(secrets.text(exchange.data[:4096].decode("utf-8", "replace")), 160)
    return f" ({text})" if text else ""
