"""One HTTP exchange, bounded in bytes and time; knows nothing of politeness or sources."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from borderwatch.errors import Malformed, TooLarge

if TYPE_CHECKING:
    import requests

_CHUNK = 65_536
_ERROR_BODY = 65_536
"""How much of an error's own page is read, in bytes: enough for a message or a wall's marks."""
_MAX_HEADER_BYTES = 16_384


_CA_HINT = "behind a company's own certificate authority, name its file in REQUESTS_CA_BUNDLE"

_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890)
        "::/96",  # IPv4-compatible, deprecated: ::10.0.0.1 (RFC 4291)
        "64:ff9b:1::/48",  # local NAT64 (RFC 8215)
        "fec0::/10",  # site-local, deprecated (RFC 3879)
    )
)
"""Not public, though Python's tables, which differ by version, may say so."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address meant."""


class NoAnswer(Exception):
    """An exchange that ended without an answer; private to ``fetch``.

    ``again``: asking again at once may help. ``dead``: the host itself does not answer, so that no other
    address of it need be tried in this run.
    """

    def __init__(self, reason: str, *, again: bool = False, dead: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.dead = dead


class Cut(NoAnswer):
    """The body ended before its announced end."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came back; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    whole: bool = True
    """False where only the beginning was wanted and there is more."""


def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine."""
    if host.casefold() in {"localhost", "localhost."}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(address: str) -> bool:
    """Whether an IP address is one that the public Internet does not route (RFC 6890)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    meant = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    if ip in _NAT64:
        meant = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if any(ip in network for network in _INSIDE) or not ip.is_global or ip.is_multicast:
        return True
    return meant is not None and is_private(str(meant))


class Transport:
    """The sessions of one run. ``routes`` sends a host to another base address, for tests on loopback only."""

    def __init__(self, *, user_agent: str, timeout_s: float, routes: Mapping[str, str]) -> None:
        for host, base in routes.items():
            if not is_loopback(urlsplit(base).hostname or ""):
                raise ValueError(f"route {host!r} -> {base!r}: a route may only lead to loopback")
        self._user_agent = user_agent
        self._timeout_s = timeout_s
        self._routes = {host.casefold(): base for host, base in routes.items()}
        self._sessions: dict[bool, requests.Session] = {}
        self._resolved: set[str] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def is_routed(self, host: str) -> bool:
        return host.casefold() in self._routes or "*" in self._routes

    def exchange(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        max_bytes: int,
        total_s: float,
        connect_s: float,
        public_only: bool,
        silence_s: float | None = None,
        beginning: int | None = None,
    ) -> Exchange:
        """GET ``url``, without following redirects. ``public_only`` refuses to connect to a private address.

        ``silence_s`` is how long the host may say nothing, where that is not the client's own bound; ``beginning``
        how many bytes are enough, after which the connection is dropped.

        Raises ``NoAnswer`` (or ``Cut``), ``TooLarge``, ``Malformed``; their texts do not hold the address.
        """
        import urllib3

        deadline = time.monotonic() + total_s
        silence_s = silence_s or self._timeout_s
        host = urlsplit(url).hostname or ""
        target, own = self._target(url)
        session = self._session(public_only=public_only and not own)
        if not own:
            self._resolve(session, url, host, connect_s)
        try:
            with session.get(
                target,
                headers={**headers, **own},
                stream=True,
                allow_redirects=False,
                timeout=(connect_s, min(silence_s, total_s)),
                auth=_no_auth,
            ) as response:
                found = {name.lower(): value for name, value in response.headers.items()}
                if sum(len(name) + len(value) for name, value in found.items()) > _MAX_HEADER_BYTES * 4:
                    raise TooLarge("its headers alone exceed 64 kB")
                data, whole = _body(
                    response, found, max_bytes=max_bytes, deadline=deadline, total_s=total_s, beginning=beginning
                )
                return Exchange(response.status_code, found, data, whole)
        except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own are OSErrors; so is a missing CA file
            # `from None`: the library's texts repeat the whole address, keys included.
            raise _no_answer(error, connect_s=connect_s, timeout_s=silence_s) from None

    def _target(self, url: str) -> tuple[str, dict[str, str]]:
        """Where to send the question: ``url``, or its route with the ``Host`` it stands for."""
        parts = urlsplit(url)
        base = self._routes.get((parts.hostname or "").casefold(), self._routes.get("*"))
        if base is None:
            return url, {}
        to = urlsplit(base)
        return urlunsplit((to.scheme, to.netloc, to.path.rstrip("/") + parts.path, parts.query, "")), {
            "Host": parts.netloc.rpartition("@")[2]
        }

    def _session(self, *, public_only: bool) -> requests.Session:
        import http.cookiejar

        import requests

        class Session(requests.Session):
            def get_redirect_target(self, resp: requests.Response) -> None:
                """None: requests would parse a Location, and fall over a bad one, even where it must not follow."""

        with self._lock:
            session = self._sessions.get(public_only)
            if session is None:
                session = Session()
                session.headers.clear()
                session.headers.update({"User-Agent": self._user_agent, "Accept-Encoding": "gzip, deflate"})
                # No cookie outlives its answer: a visitor without a past is the audience we record.
                session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
                if public_only:
                    adapter = _public_only_adapter()
                    session.mount("http://", adapter)
                    session.mount("https://", adapter)
                self._sessions[public_only] = session
            return session

    def _resolve(self, session: requests.Session, url: str, host: str, timeout_s: float) -> None:
        """Fail fast where a name does not resolve: ``getaddrinfo`` alone may hang for half a minute."""
        from requests.utils import get_environ_proxies, select_proxy

        if host in self._resolved:
            return
        proxy = select_proxy(url, get_environ_proxies(url)) if session.trust_env else None
        if proxy and not _is_proxy(proxy):
            raise NoAnswer(
                "the proxy named in the environment (HTTPS_PROXY, HTTP_PROXY) is no usable address", dead=True
            )
        if proxy or _is_address(host):
            return  # the proxy resolves names
        outcome: list[BaseException | None] = []

        def ask() -> None:
            try:
                socket.getaddrinfo(host, None)
            except BaseException as error:  # noqa: BLE001 - carried to the asking thread, which raises it
                outcome.append(error)
            else:
                outcome.append(None)

        thread = threading.Thread(target=ask, name="resolve", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if not outcome:
            raise NoAnswer(f"its name was not resolved within {timeout_s:g} s", dead=True)
        match outcome[0]:
            case None:
                self._resolved.add(host)
            case OSError() | UnicodeError():
                raise NoAnswer("its name could not be resolved", dead=True)
            case problem:
                raise problem


def _is_proxy(address: str) -> bool:
    """Whether requests could use a proxy at this address; one without a scheme is taken for http."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        return parts.scheme in {"http", "https", "socks4", "socks4a", "socks5", "socks5h"} and bool(parts.hostname)
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from sending the user's ``~/.netrc`` passwords to a source."""
    return request


def _public_only_adapter() -> Any:
    """An adapter whose connections are dropped, unused, when the peer turns out to be private.

    Looking at the connected peer, not at a name looked up before, leaves no gap for a name that resolves
    differently the second time.
    """
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    def checked(sock: socket.socket) -> socket.socket:
        if sock.family in {socket.AF_INET, socket.AF_INET6} and is_private(str(sock.getpeername()[0])):
            sock.close()
            raise NoAnswer("it leads to a private address")
        return sock

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return checked(super()._new_conn())

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return checked(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

    return Adapter()


def _body(
    response: requests.Response,
    headers: Mapping[str, str],
    *,
    max_bytes: int,
    deadline: float,
    total_s: float,
    beginning: int | None,
) -> tuple[bytes, bool]:
    """The decoded body, never more than ``max_bytes`` in memory, before ``deadline``; and whether it is whole."""
    if response.is_redirect or response.status_code in {204, 304}:
        return b"", True
    failed = response.status_code >= 400
    bound = min(max_bytes, _ERROR_BODY) if failed else max_bytes
    announced = headers.get("content-length", "")
    if not failed and beginning is None and announced.isdecimal() and int(announced) > bound:
        raise TooLarge(f"it announces {int(announced):,} bytes; the bound is {bound:,}")
    parts: list[bytes] = []
    size = 0
    try:
        inflaters = [_Inflater(coding) for coding in _codings(headers.get("content-encoding", ""))]
        for chunk in _chunks(response, deadline=deadline, total_s=total_s):
            piece = chunk
            for inflater in inflaters:
                piece = inflater.feed(piece, bound)
            parts.append(piece)
            size += len(piece)
            if beginning is not None and size > beginning and not failed:
                return b"".join(parts)[:beginning], False
            if size > bound:
                raise TooLarge(  # noqa: TRY301 - caught below for an error's own page only
                    f"it is larger than the bound of {bound:,} bytes once unpacked"
                )
        for inflater in inflaters:
            inflater.finish()
    except (TooLarge, Malformed, Cut):
        if not failed:  # of an error's page a beginning is enough
            raise
    return (b"".join(parts)[:bound] if failed else b"".join(parts)), True


def _chunks(response: requests.Response, *, deadline: float, total_s: float) -> Iterator[bytes]:
    """The body as it arrives, still encoded; a body that drips cannot outlive the deadline."""
    import urllib3

    read = getattr(response.raw, "read1", None) or response.raw.read
    while time.monotonic() <= deadline:
        try:
            chunk = read(_CHUNK, decode_content=False)
        except urllib3.exceptions.ProtocolError:
            raise Cut("its body ended before its announced end", again=True) from None
        if not chunk:
            return
        yield chunk
    raise NoAnswer(f"its body took longer than {total_s:g} s")


def _codings(header: str) -> list[str]:
    codings = [coding.strip().lower() for coding in header.split(",")]
    codings = [coding for coding in codings if coding not in {"", "identity"}]
    if len(codings) > 2 or not set(codings) <= {"gzip", "x-gzip", "deflate"}:
        raise Malformed(f"it is encoded as {header[:60]!r}, which was not asked for (gzip and deflate were)")
    return codings[::-1]


class _Inflater:
    """Undoes one Content-Encoding, in bounded steps."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._engine = zlib.decompressobj(wbits=47)  # gzip or zlib, by its own header
        self._first = True
        self._pending = b""

    def feed(self, data: bytes, room: int) -> bytes:
        """What ``data`` unpacks to, at most ``room`` bytes: more raises ``TooLarge``."""
        out: list[bytes] = []
        left = room + 1
        data, self._pending = self._pending + data, b""
        while data:
            if self._engine.eof:  # a gzip body may hold several members; anything else is trailing padding
                if len(data) == 1:
                    self._pending = data
                    break
                if not data.startswith(b"\x1f\x8b"):
                    break
                self._engine = zlib.decompressobj(wbits=47)
            try:
                piece = self._engine.decompress(data, left)
            except zlib.error as error:
                if self._first and self._coding == "deflate":  # some servers send deflate without its zlib header
                    self._engine, self._first = zlib.decompressobj(wbits=-15), False
                    continue
                raise Malformed(f"its {self._coding} encoding is damaged ({error})") from None
            self._first = False
            out.append(piece)
            left -= len(piece)
            if left <= 0:
                raise TooLarge("it unpacks to more than the bound: a compression bomb, or a bound set too low")
            data = self._engine.unconsumed_tail or (self._engine.unused_data if self._engine.eof else b"")
        return b"".join(out)

    def finish(self) -> None:
        if not self._engine.eof and not self._first:
            raise Cut(f"its {self._coding} encoding ends before its end", again=True)


def _no_answer(error: Exception, *, connect_s: float, timeout_s: float) -> Exception:
    """The one reason behind a library's nest of exceptions, in words of ours."""
    import requests
    import urllib3

    chain: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(chain) < 20:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in chain:
            chain.append(item)
            # Not __context__: it may be an earlier failure that the caller is just recovering from.
            queue += [getattr(item, "reason", None), *item.args, item.__cause__]
    own = next((item for item in chain if isinstance(item, NoAnswer)), None)
    if own is not None:
        return own
    inner, outer = urllib3.exceptions, requests.exceptions
    reasons: tuple[tuple[tuple[type[BaseException], ...], Exception], ...] = (  # the most telling first
        (
            (outer.ProxyError, inner.ProxyError),
            NoAnswer("the proxy named in the environment (HTTPS_PROXY) did not answer", dead=True),
        ),
        ((outer.SSLError, inner.SSLError), NoAnswer(f"no trusted TLS connection ({_CA_HINT})", dead=True)),
        ((inner.NameResolutionError, socket.gaierror), NoAnswer("its name could not be resolved", dead=True)),
        ((ConnectionRefusedError,), NoAnswer("the connection was refused", dead=True)),
        ((inner.NewConnectionError,), NoAnswer("no connection could be made", dead=True)),
        (
            (outer.ConnectTimeout, inner.ConnectTimeoutError),
            NoAnswer(f"no connection within {connect_s:g} s", dead=True),
        ),
        ((outer.Timeout, inner.TimeoutError, TimeoutError), NoAnswer(f"it fell silent for {timeout_s:g} s")),
        (
            (outer.InvalidURL, outer.InvalidHeader, outer.MissingSchema, outer.InvalidSchema, inner.LocationValueError),
            Malformed("it is not a usable address"),
        ),
    )
    for kinds, reason in reasons:
        if any(isinstance(item, kinds) for item in chain):
            return reason
    if "CA certificate" in str(error) or "TLS key" in str(error):
        # requests raises a plain OSError here, before it connects.
        return NoAnswer("the file that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names cannot be read", dead=True)
    return NoAnswer("the connection broke", again=True)
