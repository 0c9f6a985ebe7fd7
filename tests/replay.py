"""A real HTTP server on loopback that answers as the services do, faults included; the only fake in the tests.

::

    def test_a_story(replay):
        replay.on("api.example.org", "/v1/tags", json=[{"name": "v1"}])
        replay.on("api.example.org", "/v1/slow", delay_s=0.2)
        replay.on("example.org", "/page", Reply(status=503), Reply(data=b"<html>"))   # first the one, then the other
        with replay.client() as client:
            client.asking().get("https://api.example.org/v1/tags", expect="json").json()
        assert replay.asked[0].headers["user-agent"].startswith("borderwatch/")

Every host leads here (``Client(routes={"*": ...})``), so that the real ``fetch`` code runs end to end; a host or
path nobody registered answers 404, unless an answer is registered for ``"*"``: any path of a host, or any of all.
Conditional requests are answered from the ``ETag`` and ``Last-Modified`` given.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json as jsonlib
import socket
import struct
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from borderwatch.fetch import Client

# --- what is asked and what is answered ---------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One question the server got; header names are lower-case."""

    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    """One answer. ``cut_at``: announce all, send so many bytes. ``drip_s``: pause between single bytes.

    ``reset``: break the connection without a word. ``gzipped``: encode the body as it travels. ``raw``: these very
    bytes instead of an HTTP answer.
    """

    data: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0
    cut_at: int | None = None
    reset: bool = False
    gzipped: bool = False
    chunked: bool = False
    raw: bytes | None = None


Handler = Callable[[Asked], Reply]


def json_reply(value: Any, **changes: Any) -> Reply:
    return Reply(
        jsonlib.dumps(value).encode(),
        headers={"Content-Type": "application/json", **changes.pop("headers", {})},
        **changes,
    )


def page_reply(html: str, **changes: Any) -> Reply:
    return Reply(
        html.encode(), headers={"Content-Type": "text/html; charset=utf-8", **changes.pop("headers", {})}, **changes
    )


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": to})


def too_many(retry_after: str | int | None = None) -> Reply:
    return Reply(status=429, headers={} if retry_after is None else {"Retry-After": str(retry_after)})


def bomb(size: int = 50_000_000) -> Reply:
    """A small body that says it is gzip and unpacks to ``size`` bytes of spaces."""
    return Reply(
        gzip.compress(b" " * size, 9), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )


def captcha(status: int = 200) -> Reply:
    """Google's page for machines it distrusts, by the marks it is known by (the wording here is ours)."""
    return page_reply(
        "<html><head><title>Sorry...</title></head><body>Our systems have detected unusual traffic from your computer "
        'network.<form action="/sorry/index" method="post"></form></body></html>',
        status=status,
    )


def lfs_pointer() -> Reply:
    return Reply(b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n")


def error_page(status: int = 200) -> Reply:
    """A page where data was promised, as proxies and portals send with status 200."""
    return page_reply("<!DOCTYPE html><html><head><title>Service unavailable</title></head></html>", status=status)


# --- the server ----------------------------------------------------------------------------------------


class Replay:
    """The server: register answers with ``on``, hand out clients with ``client``, read ``asked``."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Reply | Handler]] = {}
        self._lock = threading.Lock()
        replay = self

        class One(_Handler):
            owner = replay

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), One)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def client(self, **changes: Any) -> Client:
        """A client all of whose questions come here, with short pauses."""
        return Client(**{"routes": {"*": self.base}, "backoff_s": 0.01, "timeout_s": 5.0, **changes})

    def on(self, host: str, path: str, *replies: Reply | Handler, json: Any = None, **reply: Any) -> None:
        """Answer ``path`` at ``host`` (the server itself: ``local``) with each reply in turn, the last for ever."""
        if json is not None:
            replies = (json_reply(json, **reply),)
        elif not replies:
            replies = (Reply(**reply),)
        with self._lock:
            self._answers[host, path] = list(replies)

    def paths(self, host: str | None = None) -> list[str]:
        """What was asked, in order, robots.txt left out."""
        return [asked.path for asked in self.asked if host in {None, asked.host} and asked.path != "/robots.txt"]

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            keys = ((asked.host, asked.path), (asked.host, "*"), ("*", "*"))
            answers = next((a for key in keys if (a := self._answers.get(key))), None)
            if not answers:
                return json_reply({"status": 404, "message": "Not Found"}, status=404)
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer = answer if isinstance(answer, Reply) else answer(asked)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        same = (
            headers.get("etag") is not None and asked.headers.get("if-none-match") == headers["etag"],
            headers.get("last-modified") is not None
            and asked.headers.get("if-modified-since") == headers["last-modified"]
            and "if-none-match" not in asked.headers,
        )
        return Reply(status=304, headers=answer.headers) if answer.status == 200 and any(same) else answer

    # --- services ------------------------------------------------------------------------------------

    def jsdelivr(self, name: str, versions: Mapping[str, Mapping[str, bytes]]) -> None:
        """Serve a package as jsDelivr does: list of versions, list of files with hashes, single files."""
        data, cdn = "data.jsdelivr.com", "cdn.jsdelivr.net"
        self.on(
            data,
            f"/v1/packages/npm/{name}",
            json={"type": "npm", "name": name, "tags": {}, "versions": [{"version": v} for v in reversed(versions)]},
        )
        for version, files in versions.items():
            listing = [
                {
                    "name": f"/{path}",
                    "hash": base64.b64encode(hashlib.sha256(body).digest()).decode(),
                    "size": len(body),
                }
                for path, body in files.items()
            ]
            self.on(
                data,
                f"/v1/packages/npm/{name}@{version}",
                json={"type": "npm", "name": name, "version": version, "default": None, "files": listing},
            )
            for path, body in files.items():
                self.on(cdn, f"/npm/{name}@{version}/{quote(path)}", data=body)

    def npm(self, name: str, versions: Mapping[str, bytes], *, host: str = "local", **faults: Any) -> None:
        """Serve tarballs as an npm registry does. ``faults`` change every version's ``dist``."""
        documents = {}
        for version, tarball in versions.items():
            path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
            self.on(host, path, data=tarball, headers={"Content-Type": "application/octet-stream"})
            dist = {
                "tarball": f"{self.base if host == 'local' else 'https://' + host}{path}",
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(),
                "shasum": hashlib.sha1(tarball).hexdigest(),  # noqa: S324 - the registry's own field
                **faults,
            }
            documents[version] = {"name": name, "version": version, "dist": dist}
            self.on(host, f"/{name}/{version}", json=documents[version])
        self.on(
            host,
            f"/{name}",
            json={"name": name, "dist-tags": {"latest": max(versions, default="")}, "versions": documents},
        )

    def index(self, name: str, files: Mapping[str, bytes], *, host: str = "local", html: bool = False) -> None:
        """Serve files as a Python package index does: PEP 691 JSON, or PEP 503 pages only."""
        page = f"/simple/{name}/"
        for filename, body in files.items():
            self.on(host, f"/files/{filename}", data=body)
        digests = {filename: hashlib.sha256(body).hexdigest() for filename, body in files.items()}
        if html:
            links = "".join(
                f'<a href="../../files/{quote(filename)}#sha256={digest}">{filename}</a><br>'
                for filename, digest in digests.items()
            )
            self.on(
                host, page, page_reply(f"<!DOCTYPE html><html><body><h1>Links for {name}</h1>{links}</body></html>")
            )
            return
        listing = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "files": [
                {"filename": filename, "url": f"../../files/{quote(filename)}", "hashes": {"sha256": digest}}
                for filename, digest in digests.items()
            ],
        }
        self.on(host, page, json_reply(listing, headers={"Content-Type": "application/vnd.pypi.simple.v1+json"}))


class _Handler(BaseHTTPRequestHandler):
    owner: Replay
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        host = (self.headers.get("Host") or "").casefold()
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        is_local = host.startswith(("127.0.0.1:", "localhost:"))
        path = unquote(parts.path) if "%2f" in parts.path.lower() else parts.path
        reply = self.owner.reply(Asked("local" if is_local else host, path, query, headers, time.monotonic()))
        try:
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if reply.delay_s:
            time.sleep(reply.delay_s)
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self.close_connection = True
            return
        data, headers = reply.data, dict(reply.headers)
        if reply.gzipped:
            data, headers = gzip.compress(data), {**headers, "Content-Encoding": "gzip"}
        self.send_response(reply.status)
        if reply.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif reply.status not in {204, 304}:
            headers.setdefault("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.status in {204, 304}:
            return
        self._send_body(reply, data if reply.cut_at is None else data[: reply.cut_at])

    def _send_body(self, reply: Reply, data: bytes) -> None:
        self.close_connection = self.close_connection or reply.cut_at is not None
        if reply.chunked:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            if reply.cut_at is None:
                self.wfile.write(b"0\r\n\r\n")
        elif reply.drip_s:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.drip_s)
        else:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests speak."""


# --- archives as registries hold them -------------------------------------------------------------------


def tarball(files: Mapping[str, bytes], *, root: str = "package/", mtime: float = 499_162_500) -> bytes:
    """An npm tarball; the default time is npm's own 1985-10-26T08:15:00Z."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(root + name)
            member.size, member.mtime = len(body), int(mtime)
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


def wheel(files: Mapping[str, bytes], *, at: tuple[int, int, int, int, int, int] = (2019, 4, 25, 12, 0, 0)) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, at), body)
    return out.getvalue()


__all__ = [
    "Asked",
    "Replay",
    "Reply",
    "bomb",
    "captcha",
    "error_page",
    "json_reply",
    "lfs_pointer",
    "page_reply",
    "redirect",
    "replace",
    "tarball",
    "too_many",
    "wheel",
]
