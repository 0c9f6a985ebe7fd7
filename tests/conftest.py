"""What every test stands on: no network but loopback, the replay server, the evaluation data where it lies."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.replay import Replay

LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}  # noqa: S104 - a name to recognise, not to bind
DEAD_END = "http://127.0.0.1:9/"
"""The discard port: refused at once."""


class NetworkUsed(BaseException):
    """A test that is not marked ``live`` asked something outside this machine; no code may catch it."""


@pytest.fixture(autouse=True)
def _only_loopback(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block every connection and look-up outside loopback; and give package clients a dead end to ask."""
    if request.node.get_closest_marker("live"):
        return
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def allow(sock: socket.socket, address: Any) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            host = str(address[0])
            if host not in LOCAL and not host.startswith("127."):
                raise NetworkUsed(f"{request.node.name} connects to {host}: use the replay server, or mark it live")

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        allow(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        allow(sock, address)
        return connect_ex(sock, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in LOCAL and not str(name).startswith("127."):
            raise NetworkUsed(f"{request.node.name} looks {name!r} up: use the replay server, or mark it live")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BORDERWATCH_CACHE", "")
    monkeypatch.setenv("npm_config_registry", DEAD_END)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", DEAD_END + "simple/")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Internet: no name resolves, and that at once."""

    def unresolved(host: Any, *_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)


@pytest.fixture
def replay() -> Iterator[Replay]:
    """The services on loopback: see ``tests/replay.py``."""
    with Replay() as server:
        yield server


@pytest.fixture(scope="session")
def shared() -> Path:
    """The evaluation data where it lies; skipped, saying so, where it is absent."""
    path = Path(os.environ.get("BORDERWATCH_SHARED") or Path(__file__).parents[2] / "shared")
    if not (path / "data").is_dir():
        pytest.skip(f"no evaluation data at {path}: set BORDERWATCH_SHARED to the folder that holds data/")
    return path
