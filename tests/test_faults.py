"""Faults injected into every source: no fault changes the log, loses a capture, or goes without a clear reason.

Each source in the folder meets each fault, so that a new source is held to it by being there. The fault is the only
thing any host answers; the past of every view, and what the log derives from it, must come out of it as it was.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from borderwatch import sources
from borderwatch.changelog import ChangeLog
from borderwatch.collect import Ask, collect
from borderwatch.errors import Unreachable
from borderwatch.models import Body, Capture, Keep, Outcome, Part, View
from borderwatch.packages import tools
from borderwatch.pipeline import Workshop, follow
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source
from borderwatch.sources.iana_root import IanaRoot
from borderwatch.sources.lsib import Lsib
from tests.replay import (
    Replay,
    Reply,
    bomb,
    captcha,
    error_page,
    json_reply,
    lfs_pointer,
    page_reply,
    redirect,
    too_many,
)
from tests.replay_arcgis import lsib_layers, serve

T0 = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
KEY = "k3y-of-the-user-0123456789"
NAMES = sources.names()

READER = frozenset({"malformed", "schema_changed", "partial", "not_served"})
"""What a reader may call an answer that is well-formed and not what it expects."""


@dataclass(frozen=True)
class Injected:
    """A fault: what every host answers, and the kinds of problem that tell it rightly."""

    reply: Callable[[], Reply]
    kinds: frozenset[str]
    timeout_s: float = 20.0


def is_(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


BOMB = bomb(20_000_000)

FAULTS = {
    "403": Injected(lambda: Reply(b"no", status=403), is_("refused")),
    "404": Injected(lambda: Reply(b"gone", status=404), is_("not_served")),
    "429": Injected(lambda: too_many(3600), is_("rate_limited", "refused")),
    "500": Injected(lambda: Reply(status=500), is_("unreachable", "refused")),
    "503": Injected(lambda: Reply(status=503, headers={"Retry-After": "0"}), is_("unreachable", "refused")),
    "an HTML page": Injected(error_page, READER),
    "a captcha": Injected(captcha, is_("challenged")),
    "a captcha with 403": Injected(lambda: captcha(403), is_("challenged")),
    "an LFS pointer": Injected(lfs_pointer, is_("malformed", "schema_changed")),
    "a cut body": Injected(lambda: Reply(b'{"features": [' + b" " * 500, cut_at=90), is_("partial")),
    "a broken connection": Injected(lambda: Reply(reset=True), is_("unreachable")),
    "silence": Injected(lambda: Reply(delay_s=0.4), is_("unreachable"), timeout_s=0.2),
    "nothing": Injected(lambda: Reply(b"", headers={"Content-Type": "application/json"}), READER),
    "half a JSON": Injected(lambda: Reply(b'{"features": [{"type": "Fea'), READER),
    "an empty object": Injected(lambda: json_reply({}), READER),
    "an empty list": Injected(lambda: json_reply([]), READER),
    "an error in a 200": Injected(
        lambda: json_reply({"error": {"code": 500, "message": "Error performing query operation"}}), READER
    ),
    "a token wanted in a 200": Injected(
        lambda: json_reply({"error": {"code": 499, "message": "Token Required"}}), READER | {"refused"}
    ),
    "an Overpass remark": Injected(
        lambda: json_reply({"elements": [], "remark": "runtime error: Query timed out after 2 seconds."}),
        is_("partial", "malformed"),  # malformed where a page was promised
    ),
    "an OGC exception": Injected(
        lambda: Reply(
            b'<?xml version="1.0"?><ows:ExceptionReport xmlns:ows="x"><ows:Exception/></ows:ExceptionReport>'
        ),
        is_("malformed"),
    ),
    "a cut archive": Injected(lambda: Reply(b"PK\x03\x04" + bytes(200)), READER),
    "noise": Injected(lambda: Reply(bytes(range(256)) * 8), READER),
    "a bomb": Injected(lambda: BOMB, READER | {"too_large"}),  # 20 MB of blanks: to a list of lines, none
    "a damaged gzip": Injected(
        lambda: Reply(gzip.compress(b"x" * 99)[:-9] + b"?" * 9, headers={"Content-Encoding": "gzip"}),
        is_("malformed", "partial"),
    ),
    "a way into the private network": Injected(
        lambda: redirect("http://169.254.169.254/"), is_("challenged", "malformed")
    ),
    "a redirect in a circle": Injected(lambda: redirect("/again"), is_("malformed")),
    "a redirect to a file": Injected(lambda: redirect("file:///etc/passwd"), is_("malformed")),
    "an odd page": Injected(lambda: page_reply("<html><body><table><tr><td>1</td></tr></table></body></html>"), READER),
}
CASES = [(name, fault) for name in NAMES for fault in FAULTS]


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with Replay() as replay:
        yield replay


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package client of this machine answers in place of the fault; every source has its key."""

    def gone(*_: object, **__: object) -> tools.Said:
        raise Unreachable("the registry is out of reach")

    monkeypatch.setattr(tools, "run", gone)
    for name in NAMES:
        variable = sources.load(name).key_variable
        if variable:
            monkeypatch.setenv(variable, KEY)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def with_a_past(source: Source, view: View, root: Path) -> tuple[Snapshots, Capture]:
    """An archive that holds one earlier capture of a view."""
    store = Snapshots(root)
    body = Body((Part("earlier", b"what was shown before"),), "https://earlier.invalid/")
    facts = b"[]" if source.terms.keep is Keep.DIGEST else None
    return store, store.keep(view, body, source.terms, live=True, taken_at=T0, **({"facts": facts} if facts else {}))


def ask(source: Source, view: View, store: Snapshots, server: Replay, timeout_s: float = 20.0) -> Capture:
    with server.client(backoff_s=0.0, timeout_s=timeout_s, max_bytes=1_000_000) as client:
        [capture] = collect([Ask(source, view)], store, client, jobs=1, clock=lambda: NOW)
    return capture


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_fault_is_a_failed_attempt_with_its_reason_and_nothing_else(
    server: Replay, tmp_path: Path, name: str, fault: str
) -> None:
    source, injected = sources.load(name), FAULTS[fault]
    view = source.views()[0]
    store, earlier = with_a_past(source, view, tmp_path)
    before, fingerprint = files_of(tmp_path), store.fingerprint(view)
    server._answers.clear()
    server.on("*", "*", injected.reply())
    capture = ask(source, view, store, server, injected.timeout_s)

    assert capture.outcome is Outcome.FAILED
    assert capture.fault is not None
    told = capture.fault
    assert told.kind in injected.kinds, told
    assert len(told.message) > 30, "a reason says more than that it failed"
    assert told.message.isprintable()
    assert "fault in borderwatch" not in told.message
    assert len(told.message.split()) > 4

    after = files_of(tmp_path)
    for path, data in before.items():
        if not path.endswith(".head"):
            assert after[path].startswith(data), f"{path} lost something"
    assert store.latest(view) == earlier, "the last good capture still stands"
    assert store.fingerprint(view) == fingerprint, "so nothing is derived again, and nothing can be logged"
    assert Snapshots(tmp_path).verify().clean
    assert all(KEY.encode() not in data for data in after.values())


def test_there_are_two_hundred_faults_and_more() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("name", NAMES)
def test_different_faults_have_different_reasons(server: Replay, tmp_path: Path, name: str) -> None:
    source = sources.load(name)
    view = source.views()[0]
    some = ("403", "404", "500", "a captcha", "an LFS pointer", "a cut body", "a redirect to a file")
    reasons = set()
    for fault in some:
        server._answers.clear()
        server.on("*", "*", FAULTS[fault].reply())
        capture = ask(source, view, Snapshots(tmp_path / fault.replace(" ", "_")), server)
        assert capture.fault is not None
        reasons.add(capture.fault.message)
    assert len(reasons) == len(some), reasons


# --- through the whole flow -------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [Lsib(), IanaRoot()], ids=lambda source: source.name)
def test_the_log_is_the_same_before_and_after_every_fault(
    server: Replay, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import test_live_sources as live

    monkeypatch.setattr("borderwatch.pipeline.draw", lambda *_: ())
    store, view = Snapshots(tmp_path / "snapshots"), source.views()[0]
    server._answers.clear()
    serve(server, Lsib.service, lsib_layers())
    server.on("www.iana.org", "/domains/root/db", page_reply(live.root_page(live.whole_root()).decode()))
    with ChangeLog(tmp_path / "log.db") as log:
        shop = Workshop(store, log, tmp_path / "maps", {source.name: source}, jobs=1)
        follow(shop, [ask(source, view, store, server)])
        changes, depictions = log.changes(), log.depictions(view=view)
        assert depictions
        for number, (fault, injected) in enumerate(FAULTS.items()):
            server._answers.clear()
            server.on("*", "*", injected.reply())
            with server.client(backoff_s=0.0, timeout_s=injected.timeout_s, max_bytes=1_000_000) as client:
                at = NOW + timedelta(days=number)
                captures = collect([Ask(source, view)], store, client, jobs=1, clock=lambda at=at: at)
            report = follow(shop, captures)
            assert report.news == (), fault
            assert report.unread == (), fault
        assert log.changes() == changes
        assert log.depictions(view=view) == depictions
        assert len(log.captures(view=view)) == 1 + len(FAULTS), "every attempt is in the log"
    assert store.verify().clean
