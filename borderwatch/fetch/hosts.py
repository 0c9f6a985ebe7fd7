"""What one run knows of a host: when it may be asked again, and whether it is worth asking at all."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from borderwatch.errors import RateLimited, Unreachable

BREAK_AFTER = 3
"""A host that failed so many questions in a row, each already tried up to three times, is left alone: a source of 67
views would else spend an hour on a host that accepts connections and says nothing."""
COOL_DOWN_S = 300.0
"""Then one question is let through; if it fails too, the host is left alone for as long again."""


@dataclass(slots=True)
class Host:
    """The lock is held for a whole exchange: one at a time, the politest number, and enough for what is asked here.

    ``ready_at`` keeps the distance between questions; ``blocked_until`` is what the host itself asked for. ``dead``
    is why it was out of reach, for the rest of the run; ``failures`` counts the failed questions in a row.
    """

    lock: threading.RLock = field(default_factory=threading.RLock)
    ready_at: float = 0.0
    blocked_until: float = 0.0
    dead: str | None = None
    failures: int = 0
    left_until: float = 0.0
    why: str = ""

    def check(self, name: str, shown: str) -> None:
        """Raise where the host is not to be asked now; ``shown`` is what would have been asked."""
        if self.dead is not None:
            raise Unreachable(
                f"{name} was out of reach earlier in this run ({self.dead}): {shown} was not asked; check the "
                "connection and run again",
                url=shown,
            )
        now = time.monotonic()
        if self.left_until > now:
            raise Unreachable(
                f"{name} failed {self.failures} questions in a row in this run (the last: {self.why}): {shown} was not "
                "asked; run again later",
                url=shown,
            )
        if self.blocked_until > now:
            wait = self.blocked_until - now
            raise RateLimited(
                f"{name} asked us to wait another {wait:.0f} s: {shown} was not asked; run again then",
                url=shown,
                retry_after=wait,
            )

    def failed(self, why: str) -> None:
        """A question came to nothing, its retries included."""
        self.failures, self.why = self.failures + 1, why
        if self.failures >= BREAK_AFTER:
            self.left_until = time.monotonic() + COOL_DOWN_S

    def answered(self) -> None:
        """The host gave an answer, be it a refusal: it is well."""
        self.failures, self.left_until = 0, 0.0
