"""Keys out of addresses and texts: nothing that leaves ``fetch`` may carry a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit, urlunsplit

HIDDEN = "REDACTED"

SECRET_PARAMS = frozenset(
    {
        "access_token",
        "api-key",
        "api_key",
        "apikey",
        "auth",
        "client_secret",
        "key",
        "password",
        "secret",
        "sig",
        "signature",
        "subscription-key",
        "token",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
    }
)
"""Query parameters that hold keys at one service or another; compared without case."""

_SHORTEST_SECRET = 4
"""Shorter values are not looked for in texts: hiding every ``1`` or ``en`` would destroy the message."""


class Secrets:
    """What must not be seen of one question: parameters by name, and the values they held."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = SECRET_PARAMS | {name.casefold() for name in names}
        self._values: set[str] = set()

    def learn(self, name: str, value: str) -> None:
        """Remember ``value`` if ``name`` is a secret parameter."""
        if name.casefold() in self._names and len(value) >= _SHORTEST_SECRET:
            self._values |= {value, quote(value, safe=""), quote_plus(value), quote(value)}

    def hide(self, value: str) -> None:
        """Remember a value that is secret whatever carries it (an Authorization header)."""
        if len(value) >= _SHORTEST_SECRET:
            self._values |= {value, quote(value, safe=""), quote_plus(value)}

    def learn_url(self, url: str) -> None:
        """Remember the values of the secret parameters, and the password, that ``url`` holds."""
        parts = urlsplit(url)
        for pair in re.split("[&;]", parts.query):
            name, _, value = pair.partition("=")
            self.learn(unquote_plus(name), unquote_plus(value))
        if parts.password:
            self.hide(unquote(parts.password))

    def url(self, url: str) -> str:
        """``url`` without user, password, fragment, and the values of secret parameters."""
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        pairs = []
        for pair in parts.query.split("&"):
            name, equals, _ = pair.partition("=")
            pairs.append(f"{name}={HIDDEN}" if equals and unquote_plus(name).casefold() in self._names else pair)
        return self._without_values(urlunsplit((parts.scheme, netloc, parts.path, "&".join(pairs), "")))

    def text(self, text: str) -> str:
        """``text`` without any secret value learnt so far, or any ``name=value`` of a secret parameter."""
        names = "|".join(sorted(map(re.escape, self._names), key=len, reverse=True))
        text = re.sub(rf"(?i)(?<![\w-])({names})=[^&\s'\"<>)]+", rf"\1={HIDDEN}", text)
        text = re.sub(r"(?i)(https?://)[^/\s'\"<>@]+@", r"\1", text)
        return self._without_values(text)

    def _without_values(self, text: str) -> str:
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return text


def plain(text: str, limit: int = 200) -> str:
    """``text`` from outside on one line: no control characters, at most ``limit`` characters."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text[: limit * 8]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
