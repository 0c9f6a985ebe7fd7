"""Is a body what it claims to be: a login wall, an LFS pointer or an error page must not pass for a depiction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from borderwatch.errors import Challenged, Malformed, UsageError
from borderwatch.fetch.redaction import plain
from borderwatch.formats.ows import exception_from_xml

Expect = Literal["json", "html", "zip", "text", "any"]

EXPECTATIONS = get_args(Expect)

_HEAD = 262_144
"""How much of a page is searched for a wall's marks, in bytes; walls are small pages."""

_LFS = b"version https://git-lfs.github.com/spec/"

_HTML = re.compile(rb"\A(?:\s|<!--.*?-->)*<(?:!doctype\s+html|html|head|body|title|meta|script)\b", re.I | re.S)

_WALLS = {
    # Each mark is one that only the wall itself writes: pages that merely embed a captcha widget, or that
    # Cloudflare has decorated with its /cdn-cgi/challenge-platform/ script, are ordinary pages.
    rb"<title>\s*Just a moment\.\.\.": "Cloudflare's waiting page",
    rb"<title>\s*Attention Required! \| Cloudflare": "Cloudflare's block page",
    rb"id=\"challenge-(?:form|error-text|running)\"": "Cloudflare's challenge",
    rb"action=\"[^\"]*/sorry/index|unusual traffic from your computer network": "Google's captcha",
    rb"action=\"https://consent\.(?:google|youtube)\.[a-z.]+/": "Google's consent page",
    rb"captcha-delivery\.com": "DataDome's captcha",
    rb"id=\"px-captcha\"|_pxCaptcha": "HUMAN's captcha",
    rb"_Incapsula_Resource\?": "Imperva's challenge",
    rb"/_sec/cp_challenge/|sec-cpt-if": "Akamai's challenge",
    rb"awsWafCookieDomainList|AwsWafIntegration\.": "AWS WAF's challenge",
    rb"/showcaptcha\?|SmartCaptcha by Yandex": "Yandex's captcha",
    rb"wappass\.baidu\.com/static/captcha": "Baidu's captcha",
    rb"<title>[^<]*\b(?:captcha|are you (?:a )?(?:human|robot)|robot check|security check)\b": "a captcha page",
}

_WALL = re.compile(b"|".join(b"(?P<w%d>%s)" % (n, mark) for n, mark in enumerate(_WALLS)), re.I)
_WALL_NAMES = tuple(_WALLS.values())

_WALL_HEADERS = {"cf-mitigated": "Cloudflare's challenge", "x-amzn-waf-action": "AWS WAF's challenge"}
"""Headers a firewall sets on its own challenges only (documented by Cloudflare and AWS)."""


def wall(data: bytes, headers: Mapping[str, str]) -> str | None:
    """What kind of captcha or consent wall this answer is, if it is one."""
    for name, kind in _WALL_HEADERS.items():
        if name in headers:
            return kind
    if not _HTML.match(data[:_HEAD]):
        return None
    found = _WALL.search(data[:_HEAD])
    return _WALL_NAMES[int((found.lastgroup or "w0")[1:])] if found else None


def check(
    data: bytes, *, expect: Expect, url: str, headers: Mapping[str, str], said: Callable[[str], str] = str
) -> None:
    """Pass what ``expect`` promises; else ``Challenged`` or ``Malformed`` saying what came instead.

    ``said`` takes the keys out of what a service repeats of our question.
    """
    if expect not in EXPECTATIONS:
        raise UsageError(f"expect={expect!r}: choose one of {', '.join(EXPECTATIONS)}")
    kind = wall(data, headers)
    if kind is not None:
        raise Challenged(
            f"{url} answered with {kind} instead of the source: nothing was captured. borderwatch does not solve or go "
            "round it; open the address in a browser to see what is asked, or switch the source off",
            url=url,
        )
    if data.startswith(_LFS):
        raise Malformed(
            f"{url} answered with a git-LFS pointer, not the file: the publisher moved the file to LFS; the source "
            "needs the address of the file itself",
            url=url,
        )
    report = exception_from_xml(data)
    if report is not None:
        raise Malformed(
            f"{url} answered with an OGC exception, not with data: {plain(said(report), 300)}. Nothing was captured; "
            "compare the question with the service's capabilities",
            url=url,
        )
    flaw = _flaw(data, expect)
    if flaw:
        raise Malformed(
            f"{url} promised {expect} and answered {flaw}: nothing was captured; open the address to see whether the "
            "service has moved or is in trouble",
            url=url,
        )


def _flaw(data: bytes, expect: Expect) -> str | None:
    """What is wrong with ``data`` for what was expected, or None."""
    if expect == "any":
        return None
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        return "nothing at all" if not data.strip(b"\xef\xbb\xbf \t\r\n") else None
    is_page = bool(_HTML.match(data[:_HEAD].removeprefix(b"\xef\xbb\xbf")))
    if is_page and expect != "html":
        return "an HTML page"
    if expect == "json" and head[:1] not in b'{["':
        return f"something beginning {data[:20]!r}"
    if expect == "html" and not head.startswith(b"<"):
        return f"something beginning {data[:20]!r}"
    if expect == "zip" and not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return f"something beginning {data[:20]!r}"
    if expect in {"text", "html"} and b"\0" in data[:4096]:
        return "binary data"
    return None
