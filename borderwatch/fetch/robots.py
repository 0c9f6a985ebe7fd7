"""Robots.txt (RFC 9309): what a host asks robots not to fetch, asked for once a run; asks through the client only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from borderwatch.errors import Malformed, Partial, Refused, TooLarge
from borderwatch.fetch.problems import retry_after_s
from borderwatch.fetch.redaction import Secrets
from borderwatch.fetch.transport import Exchange

ROBOTS_BYTES = 512_000
"""RFC 9309, 2.5: a crawler must parse at least 500 KiB of robots.txt."""
ROBOTS_KEPT_S = 86_400.0
"""RFC 9309, 2.4: robots.txt should not be used from a cache for more than 24 hours."""
LONGEST_DELAY_S = 60.0
NAME = "borderwatch"

Step = Callable[[str], "Exchange | str"]
"""One question without following: what came, or the address it leads on to."""


class Robots:
    """The rules of every host asked in this run."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._kept: dict[str, tuple[float, Any]] = {}

    def delay_s(self, url: str, step: Step) -> float:
        """The Crawl-delay of a host in seconds; ``Refused`` where its robots.txt says no. None there allows."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        kept = self._kept.get(origin)
        if kept is None or time.monotonic() - kept[0] > ROBOTS_KEPT_S:
            kept = self._kept[origin] = (time.monotonic(), self._rules(origin, step))
        rules = kept[1]
        if rules is not None and not rules.can_fetch(url, NAME):
            shown = Secrets().url(url)
            raise Refused(
                f"{origin}/robots.txt asks robots not to fetch {shown}: it was not asked; look for a documented API or "
                "a download of the same data",
                url=shown,
            )
        delay = (rules.crawl_delay(NAME) if rules is not None else None) or 0.0
        return min(float(delay), LONGEST_DELAY_S)

    def _rules(self, origin: str, step: Step) -> Any:
        """The rules of a host, or None where it has none (RFC 9309, 2.3.1)."""
        from protego import Protego

        url = f"{origin}/robots.txt"
        for _ in range(self._steps + 1):
            try:
                came = step(url)
            except (TooLarge, Malformed, Partial):
                return None
            if isinstance(came, str):
                url = came
                continue
            if came.status in {200, 203}:
                return Protego.parse(came.data.decode("utf-8", "replace"))
            if came.status == 429 or came.status >= 500:
                raise Refused(
                    f"{url} answered {came.status}: RFC 9309 takes that for a no, so {origin} was not asked; run "
                    "again later",
                    url=url,
                    status=came.status,
                    retry_after=retry_after_s(came),
                )
            return None
        return None
