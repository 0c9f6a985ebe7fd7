"""Laws of the local server: loopback only, pages only, nothing outside the folder; a page that changed is told of."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderwatch.errors import UsageError
from borderwatch.render import write_pages
from borderwatch.serve import LOOPBACK, TYPES, Server, draw_when_changed, file_of
from tests import render_samples as samples


@pytest.fixture
def root(tmp_path: Path) -> Path:
    out = tmp_path / "maps"
    write_pages([samples.changed_page()], out, made_at=samples.MADE)
    (out / "index.html").write_text("<html><body>all</body></html>", encoding="utf-8")
    (out / ".rendered.json").write_text("{}", encoding="utf-8")
    (out / "notes.py").write_text("secret", encoding="utf-8")
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    (out / "out.html").symlink_to(tmp_path / "secret.html")
    return out


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with Server(root, 0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        made.stopping.set()
        made.shutdown()
        thread.join(timeout=5)


def asked(server: Server, path: str, method: str = "GET", host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    port = server.server_address[1]
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"{LOOPBACK}:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_pages_are_shown_with_the_script_that_reloads_them(server: Server) -> None:
    status, headers, body = asked(server, "/disputes/square.html")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', body.decode())
    assert policy is not None
    assert "connect-src &#39;self&#39;" in policy[1]
    assert "unsafe" not in policy[1]
    assert b"EventSource" in body
    assert asked(server, "/")[2].startswith(b"<html>")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/disputes/../../secret.html",
        "/disputes/%2e%2e%2f%2e%2e%2fsecret.html",
        "/..%5csecret.html",
        "//etc/passwd.html",
        "/out.html",
        "/.rendered.json",
        "/notes.py",
        "/disputes/",
        "/disputes",
        "/%00index.html",
        "/C:/index.html",
        "/nothing.html",
        "http://elsewhere.example/../secret.html",
    ],
)
def test_nothing_else_is_there(path: str, server: Server) -> None:
    status, _headers, body = asked(server, path)
    assert status == 404
    assert b"secret" not in body
    assert b"square" not in body


@given(st.text(max_size=60))
def test_no_path_leads_out_of_the_folder(text: str) -> None:
    root = Path("/nowhere/maps")
    file = file_of(root, f"/{text}")
    assert file is None or (file.suffix in TYPES and file.resolve().is_relative_to(root))


def test_only_this_machine_is_answered(server: Server) -> None:
    assert server.server_address[0] == LOOPBACK
    assert asked(server, "/", host="evil.example")[0] == 403
    assert asked(server, "/", host=f"localhost:{server.server_address[1]}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed_through_it(method: str, server: Server) -> None:
    assert asked(server, "/index.html", method)[0] == 501
    status, headers, body = asked(server, "/index.html", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_a_page_that_changed_is_told_of(server: Server, root: Path) -> None:
    with socket.create_connection(server.server_address[:2], timeout=8) as stream:  # type: ignore[arg-type]
        port = server.server_address[1]
        stream.sendall(f"GET /-/live?page=%2Findex.html HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        heard = stream.recv(4096)
        assert b"text/event-stream" in heard
        time.sleep(0.1)
        (root / "index.html").write_text("<html><body>all, and more</body></html>", encoding="utf-8")
        while b"event: changed" not in heard:
            more = stream.recv(4096)
            assert more
            heard += more


def test_a_port_that_is_taken_is_said(server: Server, root: Path) -> None:
    with pytest.raises(UsageError, match="--port"), Server(root, server.server_address[1]):
        pass


def test_pages_are_drawn_again_once_the_log_is_quiet(tmp_path: Path) -> None:
    log, stop, drawn = tmp_path / "log.db", threading.Event(), threading.Event()
    times: list[int] = []

    def draw() -> None:
        times.append(log.stat().st_size)
        drawn.set()

    thread = threading.Thread(target=draw_when_changed, args=(log, draw, stop), daemon=True)
    thread.start()
    time.sleep(0.6)
    assert times == []
    for size in (1, 2, 3):
        log.write_bytes(b"x" * size)
        time.sleep(0.3)
    assert drawn.wait(15)
    stop.set()
    thread.join(timeout=5)
    assert times == [3]
