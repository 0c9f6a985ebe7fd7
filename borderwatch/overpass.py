"""Asking Overpass: its queue, its instances, its past, and whether an answer is as fresh as it should be."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from borderwatch.errors import CaptureProblem, Malformed, NotModified, Partial, RateLimited, SchemaChanged, Unreachable
from borderwatch.models import Edition

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch

ENDPOINTS = (
    "https://overpass-api.de/api",
    # Other public instances, asked where the first is out of reach. They may lack the past, so no past state is theirs.
    "https://overpass.private.coffee/api",
    "https://overpass.kumi.systems/api",
)
QUERY_S = 180  # Overpass' own default; a longer one waits longer for a slot
SILENCE_S = QUERY_S + 30.0  # it says nothing until the query is done
INTERVAL_S = 10.0
"""The operators ask for fewer than 10,000 questions and 1 GB a day (dev.overpass-api.de, "Commons"); ten seconds
between two questions let the two slots an address has recover."""
MAX_LAG = timedelta(days=2)
ATTIC_FROM = datetime(2012, 10, 1, tzinfo=UTC)
"""Overpass remembers since 2012-09-12T06:55:00Z, the first planet under the ODbL."""

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def stamp(moment: datetime) -> str:
    """A moment in the one form that ``[date:]`` takes."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(fetch: Fetch, query: str, past: str = "", *, out: str = "json") -> Answer:
    """What Overpass answers, now or as of ``past`` (a stamp); where an instance is out of reach, what the next does.

    A wait of up to a minute for a slot is sat out; ``RateLimited`` says of a longer one when to come back, and no other
    instance is asked then: to ask elsewhere would be to get round a limit.
    """
    if past and not _STAMP.fullmatch(past):
        raise ValueError(f"{past[:40]!r} is not a moment like 2020-01-01T00:00:00Z")
    date = f'[date:"{past}"]' if past else ""
    text = f"[out:{out}][timeout:{QUERY_S}]{date};{query}"
    problem: CaptureProblem | None = None
    for endpoint in ENDPOINTS[:1] if past else ENDPOINTS:
        try:
            fetch.leave(endpoint, _wait_s(fetch, endpoint) or 0.0)
            answer = _answer(fetch, endpoint, text, expect="json" if out == "json" else "text")
            if out == "json":
                _check_answer(fetch, answer, live=not past)
        except (Malformed, Partial, Unreachable) as caught:
            problem = problem or caught
        else:
            return answer
    assert problem is not None  # noqa: S101 - there is an endpoint
    raise problem


def edition_of(answer: Answer) -> Edition:
    """The state of the database an answer was made from."""
    base = _base(answer.json())
    if base is None:
        raise SchemaChanged("Overpass: an answer without timestamp_osm_base", words=("timestamp_osm_base",))
    return Edition(stamp(base), base, "timestamp_osm_base of the answer")


def _answer(fetch: Fetch, endpoint: str, query: str, *, expect: Any) -> Answer:
    # A documented data API: its usage policy rules, not robots.txt.
    url = f"{endpoint}/interpreter"
    try:
        return fetch.get(
            url, params={"data": query}, expect=expect, robots=False, interval_s=INTERVAL_S, silence_s=SILENCE_S
        )
    except RateLimited as problem:
        if problem.retry_after is None:  # Overpass says in its status page when there is room again
            problem.retry_after = _wait_s(fetch, endpoint)
        raise


def _wait_s(fetch: Fetch, endpoint: str) -> float | None:
    """Seconds until the instance has room for us; None where it does not say."""
    try:
        answer = fetch.get(f"{endpoint}/status", expect="text", robots=False, interval_s=0.0)
    except (Malformed, NotModified):
        return None  # an instance without a status page
    except CaptureProblem as problem:
        if problem.status == 404:
            return None
        raise
    status = answer.data.decode("utf-8", "replace")
    if re.search(r"\d+ slots? available now", status) or re.search(r"^Rate limit: 0$", status, re.MULTILINE):
        return 0.0
    waits = [int(seconds) for seconds in re.findall(r"in (-?\d+) seconds", status)]
    return max(0.0, float(min(waits))) if waits else None


def _check_answer(fetch: Fetch, answer: Answer, *, live: bool) -> None:
    """``Partial`` where a query was given up, or where its instance lags behind the world or our last copy."""
    from borderwatch.formats.osm import is_overpass, osm_from_overpass_value

    value = answer.json()
    if not is_overpass(value):
        raise SchemaChanged(f"{answer.url[:80]} answered JSON that is no answer of Overpass", url=answer.url)
    osm_from_overpass_value({**value, "elements": []})  # raises where a remark says that it stopped
    if not live:
        return
    base = edition_of(answer).published_at
    assert base is not None  # noqa: S101
    try:
        now = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        now = base
    known = fetch.known.edition.published_at if fetch.known is not None and fetch.known.edition is not None else None
    host = urlsplit(answer.url).hostname
    if now - base > MAX_LAG:
        raise Partial(f"{host} is {(now - base).days} days behind ({stamp(base)}): ask again later", url=answer.url)
    if known is not None and base < known:
        raise Partial(f"{host} is at {stamp(base)}, behind our last copy of {stamp(known)}: ask again", url=answer.url)


def _base(value: Any) -> datetime | None:
    from borderwatch.formats.osm import moment_from_osm

    about = value.get("osm3s")
    return moment_from_osm(about.get("timestamp_osm_base")) if isinstance(about, dict) else None
