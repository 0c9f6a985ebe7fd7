"""``fetch``: every way a service can answer, or not, becomes one problem that says what happened and what to do."""

from __future__ import annotations

import gzip
import itertools
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from borderwatch.errors import (
    CaptureProblem,
    Challenged,
    Malformed,
    NotModified,
    NotServed,
    Partial,
    RateLimited,
    Refused,
    SettingsError,
    TooLarge,
    Unreachable,
    UsageError,
)
from borderwatch.fetch import Client
from borderwatch.fetch.redaction import Secrets
from borderwatch.fetch.transport import is_private
from borderwatch.models import Capture, Outcome, View
from tests.replay import (
    Asked,
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

HOST = "api.example.org"
URL = f"https://{HOST}/data"


def known(url: str = URL, **headers: str) -> Capture:
    return Capture(
        id="1",
        view=View("example"),
        taken_at=datetime(2024, 1, 1, tzinfo=UTC),
        outcome=Outcome.KEPT,
        live=True,
        url=url,
        body="aa",
        headers=headers,
    )


def problem(replay: Replay, *replies: Reply, kind: type[CaptureProblem], **question: object) -> CaptureProblem:
    """Ask once for what the replies answer; the problem that comes of it."""
    replay.on(HOST, "/data", *replies)
    with replay.client(total_s=5.0) as client, pytest.raises(kind) as caught:
        client.asking().get(URL, **question)  # type: ignore[arg-type]
    assert type(caught.value) is kind
    assert "/data" in str(caught.value) or HOST in str(caught.value), "a problem names what was asked"
    return caught.value


# --- what comes back ------------------------------------------------------------------------------


def test_an_answer_holds_the_bytes_as_they_came_and_only_harmless_headers(replay: Replay) -> None:
    replay.on(HOST, "/data", data=b'{"a": 1}', headers={"ETag": '"1"', "Set-Cookie": "who=me", "Server": "x"})
    with replay.client() as client:
        answer = client.asking().get(URL, expect="json")
        client.asking().get(URL)
    assert answer.data == b'{"a": 1}'
    assert answer.json() == {"a": 1}
    assert set(answer.headers) == {"etag", "content-length", "date"}
    assert "cookie" not in replay.asked[-1].headers, "no cookie outlives its answer"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate", "members", "chunked"])
def test_a_body_is_the_same_however_it_travelled(replay: Replay, coding: str) -> None:
    body = bytes(range(256)) * 5000
    raw = zlib.compressobj(wbits=-15)
    reply = {
        "gzip": Reply(body, gzipped=True),
        "deflate": Reply(zlib.compress(body), headers={"Content-Encoding": "deflate"}),
        "raw deflate": Reply(raw.compress(body) + raw.flush(), headers={"Content-Encoding": "deflate"}),
        "members": Reply(
            b"".join(gzip.compress(body[at : at + 1000]) for at in range(0, len(body), 1000)),
            headers={"Content-Encoding": "gzip"},
        ),
        "chunked": Reply(body, chunked=True),
    }[coding]
    replay.on(HOST, "/data", reply)
    with replay.client() as client:
        assert client.asking().get(URL).data == body


def test_the_user_agent_says_who_asks_and_how_to_reach_them(replay: Replay) -> None:
    replay.on(HOST, "/data", data=b"x")
    with replay.client(contact="me@example.org") as client:
        client.asking().get(URL)
    assert replay.asked[-1].headers["user-agent"].startswith("borderwatch/")
    assert "me@example.org" in replay.asked[-1].headers["user-agent"]
    with pytest.raises(SettingsError, match="contact"):
        Client(contact="me\r\nX-Evil: 1")


def test_the_users_own_passwords_are_not_sent(
    replay: Replay, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login me password hunter22\ndefault login me password hunter22\n")
    monkeypatch.setenv("NETRC", netrc)
    replay.on(HOST, "/data", data=b"x")
    with replay.client() as client:
        client.asking().get(URL)
    assert "authorization" not in replay.asked[-1].headers


# --- conditional requests -------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"etag": '"v1"'}, {"last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}])
def test_a_known_body_is_not_sent_twice(replay: Replay, headers: dict[str, str]) -> None:
    replay.on(HOST, "/data", data=b"body", headers=headers)
    with replay.client() as client:
        first = client.asking().get(URL)
        with pytest.raises(NotModified):
            client.asking(known(first.url, **first.headers)).get(URL)
        assert client.asking(known("https://other.example.org/", **first.headers)).get(URL).data == b"body"
        failed = replace(known(first.url, **first.headers), outcome=Outcome.FAILED, body=None)
        assert client.asking(failed).get(URL).data == b"body", "a failed capture has no body to stand on"


def test_a_304_nobody_asked_for_is_no_proof_that_nothing_changed(replay: Replay) -> None:
    problem(replay, Reply(status=304), kind=Malformed)


# --- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (451, Refused),
        (404, NotServed),
        (410, NotServed),
        (429, RateLimited),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (204, Malformed),
        (206, Partial),
        (300, Malformed),
    ],
)
def test_each_status_is_one_problem(replay: Replay, status: int, kind: type[CaptureProblem]) -> None:
    assert problem(replay, Reply(b"no", status=status), kind=kind).status == status
    asked = len(replay.paths())
    assert asked == (3 if status in {429, 502, 503, 504} else 1), "only what asking again can help is asked again"


def test_a_service_that_stumbles_once_is_asked_again(replay: Replay) -> None:
    replay.on(HOST, "/data", Reply(status=503), Reply(reset=True), Reply(b"here"))
    with replay.client() as client:
        assert client.asking().get(URL).data == b"here"


def test_retry_after_is_obeyed_where_it_is_short(replay: Replay) -> None:
    replay.on(HOST, "/data", too_many(1), Reply(b"here"))
    with replay.client() as client:
        assert client.asking().get(URL).data == b"here"
    first, second = [asked.at for asked in replay.asked if asked.path == "/data"]
    assert second - first >= 1.0


@pytest.mark.parametrize("form", ["seconds", "date", "github"])
def test_a_long_retry_after_ends_the_attempt_and_the_host_is_left_alone(replay: Replay, form: str) -> None:
    reply = {
        "seconds": too_many(3600),
        "date": too_many(format_datetime(datetime.fromtimestamp(time.time() + 3600, UTC), usegmt=True)),
        "github": Reply(
            status=403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() + 3600))}
        ),
    }[form]
    replay.on(HOST, "/data", reply)
    replay.on(HOST, "/other", data=b"x")
    with replay.client() as client:
        with pytest.raises(RateLimited) as caught:
            client.asking().get(URL)
        with pytest.raises(RateLimited, match="asked us to wait"):
            client.asking().get(f"https://{HOST}/other")
    assert caught.value.retry_after == pytest.approx(3600, abs=5)
    assert replay.paths() == ["/data"]


# --- bodies that are not what they claim ----------------------------------------------------------


@pytest.mark.parametrize("expect", ["json", "zip", "text"])
def test_a_page_with_status_200_is_not_data(replay: Replay, expect: str) -> None:
    assert "an HTML page" in str(problem(replay, error_page(), kind=Malformed, expect=expect))


def test_an_lfs_pointer_is_not_the_file(replay: Replay) -> None:
    assert "LFS" in str(problem(replay, lfs_pointer(), kind=Malformed))


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_captcha_is_named_whatever_its_status(replay: Replay, status: int) -> None:
    problem(replay, captcha(status), kind=Challenged, expect="html")


def test_a_page_that_embeds_a_captcha_widget_is_an_ordinary_page(replay: Replay) -> None:
    page = (
        '<!DOCTYPE html><html><head><script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script></head>'
        '<body><div class="g-recaptcha"></div>About captchas</body></html>'
    )
    replay.on(HOST, "/data", page_reply(page))
    with replay.client() as client:
        assert client.asking().get(URL, expect="html").data.decode() == page


@pytest.mark.parametrize(
    ("expect", "data"), [("json", b"ok"), ("json", b""), ("zip", b"{}"), ("html", b"{}"), ("text", b"a\0b")]
)
def test_what_was_promised_is_checked(replay: Replay, expect: str, data: bytes) -> None:
    problem(replay, Reply(data), kind=Malformed, expect=expect)


@pytest.mark.parametrize("data", [b'{"a": ', b"[" * 100_000, b'{"a": "\xff"}', b"[" + b"9" * 5000 + b"]"])
def test_json_that_cannot_be_read_is_malformed_not_a_crash(replay: Replay, data: bytes) -> None:
    replay.on(HOST, "/data", data=data)
    with replay.client() as client, pytest.raises(Malformed):
        client.asking().get(URL, expect="json").json()


# --- bounds ---------------------------------------------------------------------------------------


def test_a_compression_bomb_is_stopped_at_the_bound(replay: Replay) -> None:
    problem(replay, bomb(), kind=TooLarge, max_bytes=1_000_000)


def test_a_bomb_in_a_bomb_is_stopped_at_the_bound(replay: Replay) -> None:
    inner = gzip.compress(gzip.compress(b"\0" * 30_000_000, 9), 9)
    problem(replay, Reply(inner, headers={"Content-Encoding": "gzip, gzip"}), kind=TooLarge, max_bytes=1_000_000)


def test_a_body_above_the_bound_is_not_read(replay: Replay) -> None:
    problem(replay, Reply(b"x" * 2000), kind=TooLarge, max_bytes=1000)
    problem(replay, Reply(b"x" * 2000, chunked=True), kind=TooLarge, max_bytes=1000)


def test_a_body_at_the_bound_is_kept(replay: Replay) -> None:
    for reply in (Reply(b"x" * 1000), Reply(b"x" * 1000, gzipped=True), Reply(b"x" * 1000, chunked=True)):
        replay.on(HOST, "/data", reply)
        with replay.client() as client:
            assert client.asking().get(URL, max_bytes=1000).data == b"x" * 1000


@pytest.mark.parametrize("reply", [Reply(b"x" * 999, cut_at=500), Reply(b"x" * 999, cut_at=500, chunked=True)])
def test_a_body_cut_short_is_partial(replay: Replay, reply: Reply) -> None:
    problem(replay, reply, kind=Partial)
    assert len(replay.paths()) == 3, "a cut may heal: it is asked again"


def test_a_gzip_stream_cut_short_is_partial(replay: Replay) -> None:
    body = gzip.compress(bytes(range(256)) * 100)[:-20]
    problem(replay, Reply(body, headers={"Content-Encoding": "gzip"}), kind=Partial)


def test_a_body_that_drips_ends_at_the_total_time(replay: Replay) -> None:
    replay.on(HOST, "/data", Reply(b"x" * 1000, drip_s=0.05))
    start = time.monotonic()
    with replay.client(total_s=0.5) as client, pytest.raises(Unreachable, match="longer than"):
        client.asking().get(URL)
    assert time.monotonic() - start < 3


def test_silence_ends_at_the_timeout(replay: Replay) -> None:
    replay.on(HOST, "/data", Reply(b"x", delay_s=3))
    start = time.monotonic()
    with replay.client(timeout_s=0.3) as client, pytest.raises(Unreachable, match="silent"):
        client.asking().get(URL)
    assert time.monotonic() - start < 2


# --- redirects ------------------------------------------------------------------------------------


def test_a_redirect_is_followed_and_the_final_address_is_kept(replay: Replay) -> None:
    replay.on(HOST, "/data", redirect("/moved?token=abcd1234"))
    replay.on(HOST, "/moved", data=b"here")
    with replay.client() as client:
        assert client.asking().get(URL).url == f"https://{HOST}/moved?token=REDACTED"


def test_redirects_end(replay: Replay) -> None:
    assert "circle" in str(problem(replay, redirect(URL), kind=Malformed))
    for n in range(10):
        replay.on(HOST, f"/{n}", redirect(f"/{n + 1}"))
    with replay.client() as client, pytest.raises(Malformed, match="more than 5"):
        client.asking().get(f"https://{HOST}/0")


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:192.168.0.1]/",
        "https://localhost/",
    ],
)
def test_nobody_leads_us_into_the_private_network(replay: Replay, target: str) -> None:
    start = "http" if target.startswith("http:") else "https"
    replay.on(HOST, "/data", redirect(target))
    with replay.client(routes={HOST: replay.base}) as client, pytest.raises(Challenged, match="private address"):
        client.asking().get(f"{start}://{HOST}/data")


def test_a_name_that_resolves_to_a_private_address_is_dropped_on_connection(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    port = int(replay.base.rpartition(":")[2])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    replay.on(HOST, "/data", redirect(f"http://innocent.example.org:{port}/inside"))
    replay.on(f"innocent.example.org:{port}", "/inside", data=b"secret")
    with replay.client(routes={HOST: replay.base}) as client, pytest.raises(Challenged, match="private address"):
        client.asking().get(f"http://{HOST}/data", robots=False)
    assert replay.paths() == ["/data"]


@pytest.mark.parametrize("target", ["ftp://example.org/", "file:///etc/passwd", "javascript:alert(1)", "http://[", ""])
def test_only_http_is_followed(replay: Replay, target: str) -> None:
    problem(replay, redirect(target), kind=Malformed)


def test_https_is_not_given_up(replay: Replay) -> None:
    problem(replay, redirect("http://api.example.org/plain"), kind=Malformed)


def test_a_key_in_a_header_does_not_follow_a_redirect_elsewhere(replay: Replay) -> None:
    replay.on(HOST, "/data", redirect("https://elsewhere.example.org/"))
    replay.on("elsewhere.example.org", "/", data=b"x")
    with replay.client() as client:
        client.asking().get(URL, headers={"Authorization": "Bearer abcdefgh", "Accept": "a/b"})
    assert replay.asked[-1].host == "elsewhere.example.org"
    assert "authorization" not in replay.asked[-1].headers
    assert replay.asked[-1].headers["accept"] == "a/b"


@pytest.mark.parametrize("url", ["ftp://example.org/", "example.org", "https://", "http://a b/", "https://x:99999999/"])
def test_a_question_that_is_no_address_is_the_callers_mistake(replay: Replay, url: str) -> None:
    with replay.client() as client, pytest.raises(UsageError, match="not an address"):
        client.asking().get(url)


def test_private_addresses_are_known_in_every_disguise() -> None:
    for address in ("10.1.2.3", "192.168.1.1", "100.64.0.1", "0.0.0.0", "::1", "fe80::1%eth0", "fd00::1", "224.0.0.1"):  # noqa: S104
        assert is_private(address), address
    for address in ("::ffff:10.0.0.1", "2002:7f00:1::"):
        assert is_private(address), address
    assert not is_private("8.8.8.8")
    assert not is_private("2606:4700::1111")


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["key", "apiKey", "token", "access_token", "subscription-key", "signature", "mine"])
@pytest.mark.parametrize("status", [200, 403, 404, 429, 500])
def test_a_key_appears_nowhere(replay: Replay, name: str, status: int) -> None:
    secret = "s3cr+t/with space"  # noqa: S105

    def echo(asked: Asked) -> Reply:
        return json_reply({"error": f"bad value {asked.query[name]} in {asked.query}"}, status=status)

    replay.on(HOST, "/data", echo)
    with replay.client() as client:
        try:
            answer = client.asking().get(URL, params={name: secret, "q": "x"}, secret_params=("mine",))
            said = answer.url
        except CaptureProblem as error:
            said = f"{error} {error.url} {error.__cause__}"
    assert "REDACTED" in said
    assert "s3cr" not in said
    assert replay.asked[-1].query[name] == secret, "but the service got it"


def test_a_key_in_the_address_appears_in_no_failure(no_network: None) -> None:
    with Client() as client, pytest.raises(Unreachable) as caught:
        client.asking().get("https://user:hunter22@api.example.org/x?key=s3cret99", robots=False)
    text = f"{caught.value!r} {caught.value.url} {caught.value.__cause__!r} {caught.value.__suppress_context__}"
    assert "hunter22" not in text
    assert "s3cret99" not in text
    assert caught.value.__suppress_context__, "the library's own exception repeats the address: it must not be printed"


def test_redaction_leaves_the_rest_of_an_address_as_it_was() -> None:
    url = "https://example.org/a%20b?q=%D9%81&KEY=abc&empty=&flag#part"
    assert Secrets().url(url) == "https://example.org/a%20b?q=%D9%81&KEY=REDACTED&empty=&flag"


# --- politeness -----------------------------------------------------------------------------------


def test_robots_is_obeyed_and_asked_once(replay: Replay) -> None:
    replay.on(HOST, "/robots.txt", data=b"User-agent: *\nDisallow: /private\n")
    replay.on(HOST, "/data", data=b"x")
    with replay.client() as client:
        client.asking().get(URL)
        with pytest.raises(Refused, match=r"robots\.txt"):
            client.asking().get(f"https://{HOST}/private/page")
    assert [asked.path for asked in replay.asked] == ["/robots.txt", "/data"]


def test_a_rule_for_us_by_name_goes_before_the_rule_for_all(replay: Replay) -> None:
    replay.on(HOST, "/robots.txt", data=b"User-agent: *\nAllow: /\n\nUser-agent: borderwatch\nDisallow: /\n")
    problem(replay, Reply(b"x"), kind=Refused)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_host_without_robots_allows(replay: Replay, status: int) -> None:
    replay.on(HOST, "/robots.txt", Reply(status=status))
    replay.on(HOST, "/data", data=b"x")
    with replay.client() as client:
        assert client.asking().get(URL).data == b"x"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_robots_file_in_trouble_means_no(replay: Replay, status: int) -> None:
    replay.on(HOST, "/robots.txt", Reply(status=status))
    problem(replay, Reply(b"x"), kind=Refused)
    assert replay.paths() == []


def test_a_documented_api_is_asked_without_robots(replay: Replay) -> None:
    replay.on(HOST, "/robots.txt", data=b"User-agent: *\nDisallow: /\n")
    replay.on(HOST, "/data", data=b"x")
    with replay.client() as client:
        client.asking().get(URL, robots=False)
    assert [asked.path for asked in replay.asked] == ["/data"]


def test_one_host_is_asked_one_question_at_a_time_and_hosts_run_side_by_side(replay: Replay) -> None:
    open_now = {"a.example.org": 0, "b.example.org": 0}
    seen: list[tuple[int, int]] = []

    def slow(asked: Asked) -> Reply:
        open_now[asked.host] += 1
        time.sleep(0.05)
        seen.append((open_now["a.example.org"], open_now["b.example.org"]))
        open_now[asked.host] -= 1
        return Reply(b"x")

    for host in open_now:
        replay.on(host, "*", slow)
    with replay.client() as client, ThreadPoolExecutor(8) as pool:
        urls = [f"https://{host}.example.org/{n}" for n in range(6) for host in "ab"]
        list(pool.map(lambda url: client.asking().get(url, robots=False), urls))
    assert max(a for a, _ in seen) == max(b for _, b in seen) == 1
    assert (1, 1) in seen, "two hosts at the same time"


def test_questions_to_a_real_host_keep_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    from borderwatch.fetch import transport

    at: list[float] = []

    def exchange(*_: object, **__: object) -> transport.Exchange:
        at.append(time.monotonic())
        return transport.Exchange(200, {}, b"x")

    monkeypatch.setattr(transport.Transport, "exchange", exchange)
    with Client(interval_s=0.2) as client:
        for n in range(3):
            client.asking().get(f"https://example.org/{n}", robots=False)
        client.asking().get("https://example.org/3", robots=False, interval_s=0.5)
    gaps = [b - a for a, b in itertools.pairwise(at)]
    assert min(gaps) >= 0.2


# --- a machine without Internet -------------------------------------------------------------------


def test_without_a_network_a_hundred_sources_fail_in_a_moment(no_network: None) -> None:
    start = time.monotonic()
    with Client() as client:
        for n in range(100):
            with pytest.raises(Unreachable, match="could not be resolved"):
                client.asking().get(f"https://host{n}.example.org/")
    assert time.monotonic() - start < 3


def test_a_host_out_of_reach_is_asked_once_a_run(monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    import socket

    calls: list[object] = []

    def counted(*args: object, **_: object) -> object:
        calls.append(args)
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    with Client() as client:
        for path in "abc":
            with pytest.raises(Unreachable):
                client.asking().get(f"https://example.org/{path}")
    assert len(calls) == 1


def test_a_refused_connection_is_not_tried_again() -> None:
    start = time.monotonic()
    with Client() as client, pytest.raises(Unreachable, match="refused"):
        client.asking().get("http://127.0.0.1:9/")
    assert time.monotonic() - start < 1


def test_a_name_server_that_hangs_does_not_hang_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from borderwatch.fetch import client as module

    monkeypatch.setattr(module, "CONNECT_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    with Client() as client, pytest.raises(Unreachable, match="not resolved within"):
        client.asking().get("https://example.org/")
    assert time.monotonic() - start < 2


def test_a_503_does_not_condemn_the_host(replay: Replay) -> None:
    problem(replay, Reply(status=503), kind=Unreachable)
    replay.on(HOST, "/other", data=b"x")
    with replay.client() as client:
        replay.on(HOST, "/data", Reply(status=503))
        with pytest.raises(Unreachable):
            client.asking().get(URL)
        assert client.asking().get(f"https://{HOST}/other").data == b"x"


# --- nonsense ------------------------------------------------------------------------------------


_PIECES = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 302 Found\r\n",
    b"HTTP/9.9 999 \r\n",
    b"HTTP/1.1 -1 x\r\n",
    b"Location: http://[::1\r\n",
    b"Location: \xff\xfe\r\n",
    b"Location: //\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: x\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: br\r\n",
    b"Content-Encoding: gzip,gzip,gzip\r\n",
    b"Retry-After: \xf0\x9f\x98\x80\r\n",
    b"Retry-After: Thu, 99 Foo 99999 99:99:99 GMT\r\n",
    b"X: " + b"y" * 70_000 + b"\r\n",
    b"Y: z\r\n" * 150,
    b"\r\n",
    b"\r\n\r\n",
    b"zz\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffffffff\r\n",
    b"\x1f\x8b\x08",
    b"<html>",
    b"{}",
    b"\0",
]


@pytest.fixture(scope="module")
def one_server() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@settings(max_examples=150, deadline=None)
@given(start=st.sampled_from(_PIECES[:4]), rest=st.lists(st.sampled_from(_PIECES), max_size=8))
def test_nonsense_is_a_problem_and_never_a_crash(one_server: Replay, start: bytes, rest: list[bytes]) -> None:
    one_server.on(HOST, "/data", Reply(raw=start + b"".join(rest)))
    with one_server.client(backoff_s=0.0, timeout_s=0.5, total_s=1.0) as client:
        said = ""
        try:
            client.asking().get(URL, robots=False, max_bytes=1_000_000)
        except CaptureProblem as error:
            said = str(error)
    assert said.isprintable()


# --- once a run -----------------------------------------------------------------------------------


def test_what_many_views_need_is_asked_for_once() -> None:
    calls: list[int] = []

    def make() -> int:
        time.sleep(0.02)
        calls.append(1)
        return 7

    def fail() -> int:
        calls.append(1)
        raise Unreachable("no", url="u")

    with Client() as client, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: client.once("k", make), range(16))) == {7}
        assert len(calls) == 1
        for _ in range(3):
            with pytest.raises(Unreachable) as caught:
                client.once("f", fail)
            assert caught.value.url == "u"
        assert len(calls) == 2


def test_the_scratch_folder_goes_with_the_run() -> None:
    with Client() as client:
        folder = client.scratch
        (folder / "x").write_bytes(b"x")
    assert not folder.exists()


def test_a_route_leads_to_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Client(routes={"example.org": "http://93.184.216.34/"})


# --- parts of a file, and nothing at an address --------------------------------------------------------


def ranged(data: bytes) -> Reply | object:
    def answer(asked: Asked) -> Reply:
        first, last = (int(n) for n in asked.headers["range"].removeprefix("bytes=").split("-"))
        last = min(last, len(data) - 1)
        return Reply(data[first : last + 1], 206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    return answer


def test_a_part_of_a_file_is_asked_for_and_got(replay: Replay) -> None:
    replay.on(HOST, "/data", ranged(b"0123456789"))
    with replay.client() as client:
        assert client.asking().get(URL, part=(2, 4)).data == b"234"
        assert client.asking().get(URL, part=(8, 99)).data == b"89", "a file may end before the part does"


def test_a_server_without_ranges_gives_the_whole_and_the_part_is_cut_from_it(replay: Replay) -> None:
    replay.on(HOST, "/data", data=b"0123456789")
    with replay.client() as client:
        assert client.asking().get(URL, part=(2, 4)).data == b"234"
        with pytest.raises(TooLarge):
            client.asking().get(URL, part=(2, 4), max_bytes=5)


@pytest.mark.parametrize("said", ["bytes 0-2/10", "bytes 2-9/10", "bytes 2-3/10", "2-4", "", "bytes 2-4/x"])
def test_another_part_than_was_asked_for_is_partial(replay: Replay, said: str) -> None:
    replay.on(HOST, "/data", Reply(b"234", 206, {"Content-Range": said}))
    with replay.client() as client, pytest.raises(Partial, match="answered others"):
        client.asking().get(URL, part=(2, 4))


@pytest.mark.parametrize("status", [204, 404])
def test_nothing_at_an_address_is_an_answer_where_the_service_says_it_so(replay: Replay, status: int) -> None:
    replay.on(HOST, "/data", status=status)
    with replay.client() as client:
        answer = client.asking().get(URL, nothing=(204, 404))
        assert (answer.status, answer.data) == (status, b"")
        with pytest.raises(CaptureProblem):
            client.asking().get(URL)


def test_only_the_headers_named_are_kept(replay: Replay) -> None:
    replay.on(HOST, "/data", data=b"x", headers={"X-Version": "7", "X-Other": "8", "ETag": '"e"'})
    with replay.client() as client:
        headers = client.asking().get(URL, keep_headers=("x-version",)).headers
    assert headers["x-version"] == "7"
    assert "x-other" not in headers
