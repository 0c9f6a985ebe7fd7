"""What services say goes wrong inside an answer of status 200, and hosts that fail again and again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    SchemaChanged,
    Unreachable,
)
from borderwatch.fetch import Client, hosts
from borderwatch.fetch.transport import is_private
from borderwatch.formats.declared import problem_from_body
from tests.replay import Replay, Reply, json_reply

HOST = "api.example.org"
URL = f"https://{HOST}/data"
RECORDED = Path(__file__).parent / "recordings" / "services"


def asked(replay: Replay, reply: Reply, kind: type[CaptureProblem], **question: Any) -> str:
    """What the problem says that comes of an answer."""
    replay.on(HOST, "/data", reply)
    with replay.client() as client, pytest.raises(kind) as caught:
        client.asking().get(URL, robots=False, **question)
    assert type(caught.value) is kind
    assert URL in str(caught.value), "a problem names what was asked"
    return str(caught.value)


# --- declared inside a 200 ---------------------------------------------------------------------------


@pytest.mark.parametrize("expect", ["json", "any"])
def test_overpass_says_at_the_end_that_it_gave_up(replay: Replay, expect: str) -> None:
    """A recorded answer of Overpass."""
    data = (RECORDED / "overpass_remark_timeout.json").read_bytes()
    assert "Query timed out" in asked(replay, Reply(data), Partial, expect=expect)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 499, "message": "Token Required"}, Refused),
        ({"code": 429, "message": "slow"}, RateLimited),
        ({"code": 404, "message": "x"}, NotServed),
        ({"code": 400, "message": "Invalid URL"}, NotServed),
        ({"code": 400, "message": "'Invalid field: x' parameter is invalid"}, SchemaChanged),
        ({"code": 400, "message": "", "details": ["Unable to perform query operation."]}, Partial),
        ({"code": 500, "message": "Error performing query operation"}, Partial),
        ("something broke", Partial),
        (["x"], Partial),
    ],
)
def test_an_error_alone_in_a_json_answer_is_the_answer(
    replay: Replay, error: object, kind: type[CaptureProblem]
) -> None:
    said = asked(replay, json_reply({"error": error}), kind, expect="json")
    if isinstance(error, dict) and error["message"]:
        assert error["message"] in said


@pytest.mark.parametrize(
    "value",
    [
        {"error": None, "features": []},
        {"error": {}, "features": []},
        {"features": [], "error": {"code": 1}},
        {"elements": [], "remark": "all went well"},
        {"remark": "runtime error: quoted by somebody", "elements": [1]},
    ],
)
def test_an_answer_that_only_mentions_an_error_is_an_answer(value: object) -> None:
    assert problem_from_body(json.dumps(value).encode(), url=URL) is None


def test_a_zip_without_its_directory_was_cut(replay: Replay) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("map.shp", bytes(range(256)) * 400)
    data = whole.getvalue()
    assert problem_from_body(data, url=URL) is None
    assert "cut before its end" in asked(replay, Reply(data[: len(data) // 2]), Partial, expect="zip")
    assert problem_from_body(data[:999], url=URL, whole=False) is None, "of a beginning nothing else can be said"


def test_a_key_in_what_a_service_says_is_hidden(replay: Replay) -> None:
    replay.on(HOST, "/data", json={"error": {"code": 498, "message": "Invalid token: s3cr3t-t0ken"}})
    with replay.client() as client, pytest.raises(Refused) as caught:
        client.asking().get(URL, params={"token": "s3cr3t-t0ken"}, robots=False)
    assert "s3cr3t" not in str(caught.value)
    assert "REDACTED" in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.sampled_from([b'{"error":', b"PK\x03\x04", b'"remark":"error']).flatmap(
            lambda head: st.binary(max_size=80).map(lambda tail: head + tail)
        ),
    )
)
def test_whatever_the_bytes_there_is_a_problem_or_none_and_no_crash(data: bytes) -> None:
    problem = problem_from_body(data, url=URL)
    assert problem is None or str(problem).isprintable()


# --- a host that fails again and again -------------------------------------------------------------------


@pytest.mark.parametrize("reply", [Reply(status=500), Reply(status=503), Reply(delay_s=0.5), Reply(reset=True)])
def test_a_host_that_fails_three_questions_in_a_row_is_left_alone(replay: Replay, reply: Reply) -> None:
    replay.on(HOST, "/data", reply)
    replay.on("other.example.org", "/data", data=b"x")
    with replay.client(timeout_s=0.1) as client:
        for _ in range(hosts.BREAK_AFTER):
            with pytest.raises(CaptureProblem):
                client.asking().get(URL, robots=False)
        before = len(replay.asked)
        with pytest.raises(Unreachable, match="failed 3 questions in a row"):
            client.asking().get(URL, robots=False)
        assert len(replay.asked) == before, "it was not asked"
        assert client.asking().get("https://other.example.org/data", robots=False).data == b"x"


def test_a_host_that_recovers_is_asked_again(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "COOL_DOWN_S", 0.0)
    replay.on(HOST, "/data", Reply(status=500))
    with replay.client() as client:
        for _ in range(hosts.BREAK_AFTER + 1):
            with pytest.raises(Unreachable, match="500"):
                client.asking().get(URL, robots=False)
        replay.on(HOST, "/data", data=b"x")
        assert client.asking().get(URL, robots=False).data == b"x"
        replay.on(HOST, "/data", Reply(status=500))
        with pytest.raises(Unreachable, match="500"):
            client.asking().get(URL, robots=False)


def test_a_refusal_is_an_answer_and_breaks_no_circuit(replay: Replay) -> None:
    replay.on(HOST, "/data", Reply(status=404))
    with replay.client() as client:
        for _ in range(hosts.BREAK_AFTER * 2):
            with pytest.raises(NotServed):
                client.asking().get(URL, robots=False)
    assert len(replay.asked) == hosts.BREAK_AFTER * 2


# --- where questions may go -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["64:ff9b::a00:1", "64:ff9b:1::1", "::10.0.0.1", "fec0::1", "192.0.0.8", "::ffff:169.254.169.254"]
)
def test_the_private_network_has_more_disguises(address: str) -> None:
    assert is_private(address)


def test_a_public_address_behind_nat64_is_public() -> None:
    assert not is_private("64:ff9b::808:808")


def test_a_name_that_leads_into_the_private_network_is_dropped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question too, not only a redirect: an address may come out of another answer."""
    import socket

    with Replay() as server:
        port = int(server.base.rpartition(":")[2])
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))],
        )
        with Client(backoff_s=0.0) as client:
            with pytest.raises(Challenged, match="private address"):
                client.asking().get(f"http://catalogue.example.org:{port}/", robots=False)
            assert server.asked == []
            server.on(f"registry.example.org:{port}", "/", data=b"x")
            answer = client.asking().get(f"http://registry.example.org:{port}/", robots=False, inside=True)
    assert answer.data == b"x", "a host the user named may be in the user's network"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Replay() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.base)
        monkeypatch.setenv("http_proxy", proxy.base)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        proxy.on("maps.example.org", "/data", data=b"through the proxy")
        with Client() as client:
            assert client.asking().get("http://maps.example.org/data", robots=False).data == b"through the proxy"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", "REQUESTS_CA_BUNDLE"),
        ("HTTPS_PROXY", "nonsense://:::", "proxy named in the environment"),
        ("HTTPS_PROXY", "http://127.0.0.1:9", "proxy named in the environment"),
    ],
)
def test_a_broken_environment_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    host = "127.0.0.1:9" if variable == "REQUESTS_CA_BUNDLE" else "maps.example.org"
    with Client() as client, pytest.raises(Unreachable, match=says):
        client.asking().get(f"https://{host}/", robots=False)
