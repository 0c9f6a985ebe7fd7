"""Show ``maps/`` to this machine's own browser, and again what a run changes; listens on loopback only.

A page that changed on disk reloads in the browser. Nothing but the files of pages is served: no listing, no hidden
file, nothing outside the folder, whatever a path or a link says.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from borderwatch import pipeline
from borderwatch.errors import BorderwatchError, UsageError
from borderwatch.settings import Settings
from borderwatch.workspace import workshop

LOOPBACK = "127.0.0.1"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".atom": "application/atom+xml",
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
}
"""What pages consist of; any other file is not there."""

LIVE = "/-/live"
MOST_LISTENERS = 32
"""Open pages told of changes at once; more are shown, and do not reload by themselves."""

TICK_S = 0.4
QUIET_S, LONGEST_WAIT_S = 1.5, 15.0
"""Pages are drawn again once the log has been quiet for the first, or at the latest after the second."""

SCRIPT = (
    "new EventSource('/-/live?page='+encodeURIComponent(location.pathname))"
    ".addEventListener('changed',()=>location.reload());"
)
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()

EMPTY = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>borderwatch</title>'
    '<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; script-src &#39;none&#39;">'
    "</head><body><main><h1>Not here</h1><p>No such page, or not yet: <code>borderwatch run</code> draws them, "
    'and this one opens by itself when it is there. <a href="/index.html">All disputes</a></p></main></body></html>'
)


def file_of(root: Path, path: str) -> Path | None:
    """The file a request's path stands for, whether it exists or not; None where it may not be served."""
    text = unquote(path, errors="replace")
    if "\x00" in text or "\\" in text or not text.startswith("/"):
        return None
    parts = PurePosixPath("index.html" if text == "/" else text[1:]).parts
    if not parts or any(part.startswith(".") or ":" in part for part in parts):
        return None
    file = root.joinpath(*parts)
    if file.suffix not in TYPES or not file.resolve().is_relative_to(root.resolve()):
        return None
    return file


def listening(page: str) -> str:
    """``page`` with the one script that reloads it, let in by its hash."""
    policy = f"connect-src &#39;self&#39;; script-src &#39;sha256-{_HASH}&#39;"
    if "script-src &#39;none&#39;" in page:
        page = page.replace("script-src &#39;none&#39;", policy, 1)
    else:
        page = page.replace("script-src ", f"{policy} ", 1)
    head, mark, tail = page.rpartition("</body>")
    return f"{head}<script>{SCRIPT}</script>{mark}{tail}" if mark else page


class Server(ThreadingHTTPServer):
    """The local server of one folder; ``port`` 0 takes any that is free."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self.stopping = threading.Event()
        self.listeners = threading.BoundedSemaphore(MOST_LISTENERS)
        try:
            super().__init__((LOOPBACK, port), Handler)
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be taken ({error.strerror}); name another: borderwatch serve --port 8001"
            ) from error

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to tell of."""


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for files of the folder, and the stream that tells a page it changed."""

    server: Server
    server_version = "borderwatch"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 20
    """Seconds a client may take to say what it wants."""

    def do_GET(self) -> None:
        """A page, a picture, data, a feed; or the stream."""
        # A site a browser has open elsewhere may point its own name at loopback: only our names are answered.
        host = self.headers.get("Host", "")
        port = self.server.server_address[1]
        if host not in {f"{name}:{port}" for name in (LOOPBACK, "localhost")}:
            self._answer(HTTPStatus.FORBIDDEN, b"This server answers to 127.0.0.1 and localhost only.\n", TYPES[".txt"])
            return
        asked = urlsplit(self.path)
        if asked.path == LIVE:
            self._tell(parse_qs(asked.query).get("page", ["/"])[0])
            return
        file = file_of(self.server.root, asked.path)
        try:
            data = None if file is None else file.read_bytes()
        except OSError:
            data = None
        if file is None or data is None:
            self._answer(HTTPStatus.NOT_FOUND, listening(EMPTY).encode(), TYPES[".html"])
        elif file.suffix == ".html":
            self._answer(HTTPStatus.OK, listening(data.decode("utf-8", "replace")).encode(), TYPES[".html"])
        else:
            self._answer(HTTPStatus.OK, data, TYPES[file.suffix])

    do_HEAD = do_GET  # noqa: N815 - the name http.server calls

    def _answer(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self._common_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _common_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def _tell(self, page: str) -> None:
        """One event when the page's file is another than it was; a comment now and then shows who still listens."""
        file = file_of(self.server.root, page)
        if self.command == "HEAD" or file is None or not self.server.listeners.acquire(blocking=False):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", TYPES[".txt"])
            return
        try:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self._common_headers()
            self.close_connection = True
            seen, quiet = stamp(file), 0.0
            while not self.server.stopping.wait(TICK_S):
                quiet += TICK_S
                if stamp(file) != seen:
                    self.wfile.write(b"event: changed\ndata: \n\n")
                    return
                if quiet > 10:
                    self.wfile.write(b": still here\n\n")
                    quiet = 0.0
        finally:
            self.server.listeners.release()

    def log_message(self, *_args: Any) -> None:
        """Nothing: what a person opens is nobody's business."""


def stamp(*files: Path) -> tuple[tuple[int, int] | None, ...]:
    """What tells one state of files from another."""
    found: list[tuple[int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return tuple(found)


def draw_when_changed(
    database: Path, draw: Callable[[], None], stop: threading.Event, clock: Callable[[], float] = time.monotonic
) -> None:
    """Call ``draw`` whenever the change log was written to, once it is quiet or has been busy for long."""
    files = (database, database.with_name(f"{database.name}-wal"))
    drawn = seen = stamp(*files)
    since = last = clock()
    while not stop.wait(TICK_S):
        now = stamp(*files)
        if now != seen:
            since = clock() if seen == drawn else since
            seen, last = now, clock()
        if seen != drawn and (clock() - last >= QUIET_S or clock() - since >= LONGEST_WAIT_S):
            draw()
            drawn = seen = stamp(*files)


def redrawing(settings: Settings) -> Callable[[threading.Event], None]:
    """What keeps the pages of a workspace as its change log is, until stopped."""

    def draw() -> None:
        # A log being written, replaced or not made yet is no reason to stop showing pages: the next change comes.
        with suppress(BorderwatchError), workshop(settings, readonly=True) as shop:
            pipeline.draw(shop)

    def beside(stop: threading.Event) -> None:
        if not (settings.maps / "index.html").is_file():
            draw()
        draw_when_changed(settings.database, draw, stop)

    return beside


def idle(_stop: threading.Event) -> None:
    """Nothing beside."""


def serve(root: Path, port: int, ready: Callable[[str], None], background: Callable[[threading.Event], None]) -> None:
    """Serve ``root`` until interrupted; ``background`` runs beside and stops when told."""
    with Server(root, port) as server:
        beside = threading.Thread(target=background, args=(server.stopping,), daemon=True)
        beside.start()
        ready(server.address)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            pass
        finally:
            server.stopping.set()
            beside.join(timeout=5)
