"""Ask politely: one at a time per host, robots.txt, conditional requests, few retries, every bound; errors say why."""

from __future__ import annotations

import copy
import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from borderwatch.errors import (
    CaptureProblem,
    Malformed,
    NotModified,
    Partial,
    RateLimited,
    SettingsError,
    TooLarge,
    Unreachable,
    UsageError,
)
from borderwatch.fetch import content
from borderwatch.fetch.hosts import Host
from borderwatch.fetch.problems import is_limited, leads_inside, part_of, problem_from_exchange, retry_after_s
from borderwatch.fetch.redaction import Secrets, plain
from borderwatch.fetch.robots import ROBOTS_BYTES, Robots
from borderwatch.fetch.transport import Cut, Exchange, NoAnswer, Transport, is_loopback, is_private
from borderwatch.formats.declared import problem_from_body
from borderwatch.models import Capture, Outcome

T = TypeVar("T")

KEPT_HEADERS = ("content-length", "content-type", "date", "etag", "last-modified")
"""The headers that say what a body is and when it was made; others may identify the asker."""

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ATTEMPTS = 3
LONGEST_WAIT_S = 60.0
"""A longer Retry-After is not sat out: the attempt ends and its ``retry_after`` tells when to ask again."""
CONNECT_S = 6.0
CONNECT_OFFLINE_S = 1.5
"""How long to wait for a connection once two hosts were out of reach and none has answered in this run: a machine
without Internet must get through every source in seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``url`` is the final address without keys, ``data`` the decoded body as it came."""

    url: str
    status: int
    headers: Mapping[str, str]
    data: bytes
    whole: bool = True
    """False where only the beginning was asked for, and there is more."""

    def json(self) -> Any:
        """The body as JSON; ``Malformed`` where it is not."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise Malformed(
                f"{self.url} answered with broken JSON ({plain(str(error), 120)}): ask again later, the answer may "
                "have been cut",
                url=self.url,
            ) from None


@dataclass(slots=True)
class _Slot:
    """One thing asked for once a run."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    values: list[Any] = field(default_factory=list)
    problem: CaptureProblem | None = None


class Client:
    """The politeness of one run, shared by all its attempts; thread-safe.

    ``contact`` (an address or a URL) goes into the User-Agent, so that an operator can reach who runs this.
    ``interval_s`` is the shortest time between two questions to one host: a second is the longest pause any policy
    asked here names for all (a source whose service wants more says so in its file). ``timeout_s`` is how long a
    host may say nothing, ``total_s`` how long one answer may take, ``max_bytes`` the default bound of a decoded body:
    four times the largest layer known. ``routes`` leads hosts (``"*"``: all) to loopback: for tests only.
    """

    def __init__(
        self,
        *,
        contact: str | None = None,
        timeout_s: float = 30.0,
        total_s: float = 600.0,
        max_bytes: int = 268_435_456,
        interval_s: float = 1.0,
        backoff_s: float = 1.0,
        scratch: Path | None = None,
        routes: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = Transport(user_agent=_user_agent(contact), timeout_s=timeout_s, routes=routes or {})
        self._total_s = total_s
        self._max_bytes = max_bytes
        self._interval_s = interval_s
        self._backoff_s = backoff_s
        self._scratch = scratch
        self._own_scratch: Path | None = None
        self._hosts: dict[str, Host] = {}
        self._robots = Robots(MAX_REDIRECTS)
        self._memo: dict[Hashable, _Slot] = {}
        self._lock = threading.Lock()
        self._answered = False
        self._out_of_reach = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections and the scratch folder of this run."""
        self._transport.close()
        with self._lock:
            if self._own_scratch is not None:
                shutil.rmtree(self._own_scratch, ignore_errors=True)
                self._own_scratch = None
            self._memo.clear()

    def asking(self, known: Capture | None = None) -> Fetch:
        """What one attempt is given; ``known`` is the last good capture of the view asked."""
        return Fetch(self, known)

    @property
    def scratch(self) -> Path:
        """A folder for files that live as long as the run."""
        with self._lock:
            if self._scratch is not None:
                self._scratch.mkdir(parents=True, exist_ok=True)
                return self._scratch
            if self._own_scratch is None:
                self._own_scratch = Path(tempfile.mkdtemp(prefix="borderwatch-"))
            return self._own_scratch

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, asked for once a run however many views need it; its problem likewise."""
        with self._lock:
            slot = self._memo.setdefault(key, _Slot())
        with slot.lock:
            if slot.problem is not None:
                raise copy.copy(slot.problem)
            if not slot.values:
                try:
                    slot.values.append(make())
                except CaptureProblem as problem:
                    slot.problem = problem
                    raise
            return cast("T", slot.values[0])

    # --- one question ---------------------------------------------------------------------------

    def get(
        self,
        url: str,
        *,
        known: Capture | None,
        params: Mapping[str, str | int | float] | None,
        headers: Mapping[str, str] | None,
        max_bytes: int | None,
        expect: content.Expect,
        secrets: Secrets,
        robots: bool,
        interval_s: float | None,
        silence_s: float | None = None,
        part: tuple[int, int] | None = None,
        nothing: tuple[int, ...] = (),
        keep_headers: tuple[str, ...] = (),
        inside: bool = False,
        beginning: int | None = None,
    ) -> Answer:
        """``Fetch.get`` for the attempt that holds ``known``; ``beginning``: so many bytes of the body are enough."""
        url = _with_params(url, params)
        secrets.learn_url(url)
        _check_start(url, secrets)
        bound = max_bytes or self._max_bytes
        local_start = is_loopback(urlsplit(url).hostname or "")
        asked = dict(headers or {}) | ({"Range": f"bytes={part[0]}-{part[1]}"} if part else {})
        conditional = _conditional_headers(known)
        seen: list[str] = []
        while True:
            shown = secrets.url(url)
            if shown in seen or len(seen) > MAX_REDIRECTS:
                raise Malformed(
                    f"{secrets.url(seen[0])} redirects {'in a circle' if shown in seen else 'more than 5 times'} "
                    f"(last to {shown}): the service is misconfigured or wants a cookie; open it in a browser to see",
                    url=shown,
                )
            seen.append(shown)
            delay = self._obey_robots(url, local_start=local_start) if robots else 0.0
            conditions = conditional if known is not None and known.url == shown else {}
            exchange = self._ask(
                url,
                {**asked, **conditions},
                shown=shown,
                max_bytes=bound,
                interval_s=max(self._interval_s if interval_s is None else interval_s, delay),
                public_only=not local_start and (len(seen) > 1 or not inside),
                silence_s=silence_s,
                beginning=beginning,
            )
            if exchange.status in REDIRECTS:
                target = self._redirect(url, exchange, secrets, local_start=local_start)
                if urlsplit(target).netloc != urlsplit(url).netloc:
                    asked = {n: value for n, value in asked.items() if n.lower().startswith(("accept", "range"))}
                url = target
                continue
            if exchange.status in nothing:
                return Answer(shown, exchange.status, _kept(exchange, keep_headers), b"")
            if part is not None and exchange.status in {200, 206}:
                if exchange.status == 200:  # the whole file, or a wall that knows no ranges: told before it is cut
                    self._answer(exchange, shown, secrets, expect="any", conditional=False)
                exchange = part_of(exchange, part, shown)
            answer = self._answer(exchange, shown, secrets, expect=expect, conditional=bool(conditions))
            return replace(answer, headers=_kept(exchange, keep_headers))

    def _redirect(self, url: str, exchange: Exchange, secrets: Secrets, *, local_start: bool) -> str:
        """Where a redirect leads, if it may be followed."""
        shown = secrets.url(url)
        location = exchange.headers.get("location", "")
        try:
            target = urljoin(url, location.encode("latin-1").decode("utf-8", "replace"))
            parts = urlsplit(target)
            host, _ = parts.hostname or "", parts.port
        except (ValueError, UnicodeError):
            target, host = "", ""
        if not location or not host or parts.scheme not in {"http", "https"}:
            raise Malformed(
                f"{shown} redirects to {plain(secrets.text(location), 80)!r}: only http and https are followed",
                url=shown,
            )
        secrets.learn_url(target)
        if urlsplit(url).scheme == "https" and parts.scheme == "http" and not local_start:
            raise Malformed(
                f"{shown} redirects from https to unprotected http ({secrets.url(target)}): not followed; look for the "
                "service's present https address",
                url=shown,
            )
        if not local_start and not self._transport.is_routed(host) and (is_loopback(host) or is_private(host)):
            raise leads_inside(shown, secrets.url(target))
        return urlunsplit(parts._replace(fragment=""))

    def _answer(
        self, exchange: Exchange, shown: str, secrets: Secrets, *, expect: content.Expect, conditional: bool
    ) -> Answer:
        """The answer, or the problem its status or its content is."""
        status = exchange.status
        if status == 304:
            if conditional:
                raise NotModified(f"{shown}: not modified since our last copy")
            raise Malformed(f"{shown} answered 304 to a question without a condition: ask again", url=shown, status=304)
        if status not in {200, 203}:
            raise problem_from_exchange(exchange, shown, secrets)
        content.check(exchange.data, expect=expect, url=shown, headers=exchange.headers, said=secrets.text)
        problem = problem_from_body(exchange.data, url=shown, redact=secrets.text, whole=exchange.whole)
        if problem is not None:
            raise problem
        return Answer(shown, status, {}, exchange.data, exchange.whole)

    # --- politeness -----------------------------------------------------------------------------

    def _ask(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        shown: str,
        max_bytes: int,
        interval_s: float | None,
        public_only: bool,
        silence_s: float | None = None,
        beginning: int | None = None,
    ) -> Exchange:
        """One question with its retries, alone at its host and after its interval."""
        name = urlsplit(url).netloc.rpartition("@")[2].casefold()
        hostname = urlsplit(url).hostname or ""
        with self._lock:
            host = self._hosts.setdefault(name, Host())
        near = is_loopback(hostname) or self._transport.is_routed(hostname)
        interval = 0.0 if near else self._interval_s if interval_s is None else interval_s
        with host.lock:
            for attempt in range(1, ATTEMPTS + 1):
                host.check(name, shown)
                time.sleep(max(0.0, host.ready_at - time.monotonic()))
                again_in: float | None = None
                last = attempt == ATTEMPTS
                try:
                    exchange = self._transport.exchange(
                        url,
                        headers,
                        max_bytes=max_bytes,
                        total_s=self._total_s,
                        connect_s=self._connect_s(),
                        public_only=public_only,
                        silence_s=silence_s,
                        beginning=beginning,
                    )
                except NoAnswer as error:
                    if error.dead:
                        host.dead = error.reason
                        self._out_of_reach += 1
                    if last or not error.again:
                        host.failed(error.reason)
                        raise self._no_answer(error, shown, name, public_only=public_only) from None
                except (TooLarge, Malformed) as error:
                    way_out = "raise the bound if the source has grown" if isinstance(error, TooLarge) else "ask again"
                    raise type(error)(f"{shown}: {error}; {way_out}", url=shown) from None
                else:
                    self._answered = True
                    again_in = retry_after_s(exchange)
                    if is_limited(exchange):
                        host.blocked_until = time.monotonic() + (again_in or 0.0)
                    again = is_limited(exchange) or exchange.status in {502, 503, 504}
                    if not again or last or (again_in or 0.0) > LONGEST_WAIT_S:
                        if exchange.status >= 500:
                            host.failed(f"status {exchange.status}")
                        else:
                            host.answered()
                        return exchange
                    host.blocked_until = 0.0
                finally:
                    host.ready_at = time.monotonic() + interval
                if again_in is None:
                    # Jitter, so that many runs cut off by one fault do not come back in step.
                    again_in = self._backoff_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
                time.sleep(again_in)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def leave(self, url: str, wait_s: float) -> None:
        """Ask nothing of a host for so long; a wait of more than ``LONGEST_WAIT_S`` ends the attempt instead."""
        name = urlsplit(url).netloc.rpartition("@")[2].casefold()
        if wait_s > LONGEST_WAIT_S:
            raise RateLimited(
                f"{name} has no room for another {wait_s:.0f} s: it was not asked; run again then",
                url=url,
                retry_after=wait_s,
            )
        with self._lock:
            host = self._hosts.setdefault(name, Host())
        with host.lock:
            host.ready_at = max(host.ready_at, time.monotonic() + wait_s)

    def _connect_s(self) -> float:
        return CONNECT_OFFLINE_S if self._out_of_reach >= 2 and not self._answered else CONNECT_S

    def _no_answer(self, error: NoAnswer, shown: str, name: str, *, public_only: bool) -> CaptureProblem:
        if isinstance(error, Cut):
            return Partial(f"{shown}: {error.reason}, {ATTEMPTS} times: nothing was kept; ask again later", url=shown)
        if public_only and "private address" in error.reason:
            return leads_inside(shown, shown)
        return Unreachable(f"{name} cannot be reached: {error.reason}. Check the connection and run again", url=shown)

    def _obey_robots(self, url: str, *, local_start: bool) -> float:
        """The Crawl-delay of a host in seconds; ``Refused`` where its robots.txt says no."""

        def step(address: str) -> Exchange | str:
            exchange = self._ask(
                address, {}, shown=address, max_bytes=ROBOTS_BYTES, interval_s=None, public_only=not local_start
            )
            if exchange.status in REDIRECTS:
                return self._redirect(address, exchange, Secrets(), local_start=local_start)
            return exchange

        return self._robots.delay_s(url, step)


class Fetch:
    """What ``Source.capture`` is given: questions on behalf of one attempt.

    ``known`` is the last good capture of the view asked, or None.
    """

    def __init__(self, client: Client, known: Capture | None = None) -> None:
        self.client = client
        self.known = known

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        expect: content.Expect = "any",
        secret_params: tuple[str, ...] = (),
        robots: bool = True,
        interval_s: float | None = None,
        silence_s: float | None = None,
        part: tuple[int, int] | None = None,
        nothing: tuple[int, ...] = (),
        keep_headers: tuple[str, ...] = (),
        inside: bool = False,
    ) -> Answer:
        """Ask for ``url``; raises a ``CaptureProblem``, or ``NotModified`` where ``known`` still stands.

        ``expect`` is what the body must be. ``robots=False`` is for documented data APIs, whose usage policy is
        the rule; pages obey robots.txt. ``interval_s`` replaces the default pause at this host where its policy
        names another; say so in a comment. ``silence_s`` is how long the host may say nothing before it is
        given up, for one that thinks before it speaks. Parameters named in ``secret_params`` (and the usual
        ones, ``key``, ``token``...) appear in no text that leaves here.

        ``part`` asks for the bytes from the first to the last of two offsets (RFC 9110, 14.2) and gets these or a
        ``Partial``. ``nothing`` are the statuses by which this service says that nothing lies at an address, such
        as 204 for an empty tile: then the answer is empty. ``keep_headers`` are kept besides the usual ones.
        ``inside`` allows an address of the private network, for a host the user named; a name from outside that
        leads there is dropped on connection.
        """
        return self.client.get(
            url,
            known=self.known,
            params=params,
            headers=headers,
            max_bytes=max_bytes,
            expect=expect,
            secrets=secrets_of(secret_params, headers),
            robots=robots,
            interval_s=interval_s,
            silence_s=silence_s,
            part=part,
            nothing=nothing,
            keep_headers=keep_headers,
            inside=inside,
        )

    def leave(self, url: str, wait_s: float) -> None:
        """Leave the host of ``url`` alone for so long, as its own queue asks; ``RateLimited`` past a minute."""
        self.client.leave(url, wait_s)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, asked for once a run however many views need it."""
        return self.client.once(key, make)


def _kept(exchange: Exchange, more: tuple[str, ...]) -> dict[str, str]:
    return {name: exchange.headers[name] for name in (*KEPT_HEADERS, *more) if name in exchange.headers}


def secrets_of(secret_params: tuple[str, ...], headers: Mapping[str, str] | None) -> Secrets:
    """What must not be seen of a question: the named parameters, and what any unusual header holds."""
    secrets = Secrets(secret_params)
    for name, value in (headers or {}).items():
        if not name.lower().startswith(("accept", "content-", "if-", "user-agent")):
            secrets.hide(value)
            secrets.hide(value.rpartition(" ")[2])
    return secrets


def _user_agent(contact: str | None) -> str:
    """``borderwatch/VERSION (+project; contact)``: who asks, and how to reach them."""
    import importlib.metadata

    from borderwatch import __version__

    about = []
    try:
        urls = importlib.metadata.metadata("borderwatch").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        urls = []
    if urls:
        about.append("+" + urls[0].rpartition(", ")[2])
    if contact:
        if not contact.isascii() or not contact.isprintable() or set(contact) & set("()\\"):
            raise SettingsError(
                f"contact {plain(contact, 80)!r} cannot stand in a User-Agent: give a plain e-mail address or URL"
            )
        about.append(contact)
    return f"borderwatch/{__version__}" + (f" ({'; '.join(about)})" if about else "")


def _with_params(url: str, params: Mapping[str, str | int | float] | None) -> str:
    if not params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({name: str(value) for name, value in params.items()})}"


def _check_start(url: str, secrets: Secrets) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(char.isspace() or not char.isprintable() for char in url):
        raise UsageError(f"{plain(secrets.text(url))!r} is not an address: give http://... or https://...")


def _conditional_headers(known: Capture | None) -> dict[str, str]:
    """The conditions under which ``known`` would still stand."""
    if known is None or known.outcome is Outcome.FAILED or not known.body:
        return {}
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: value for name, value in known.headers.items() if name in names and value.isprintable()}
