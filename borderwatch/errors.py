"""Every error raised on purpose, as a tree; each names the thing, the value and the way out.

::

    BorderwatchError
    ├── UsageError            wrong words on the command line or in the API      (exit 2)
    ├── SettingsError         borderwatch.toml or the environment                (exit 2)
    ├── CatalogueError        the catalogue of disputes
    ├── StoreError            snapshots/ or the change log
    │   ├── Damaged           a body or a ledger line is not what was written
    │   └── Locked            another run holds this workspace
    ├── CaptureProblem        one attempt to ask a view got no depiction
    │   ├── Unreachable       no answer: name, connection, time
    │   ├── Refused           401, 403, 451, robots.txt, terms
    │   ├── RateLimited       429 or a quota, with ``retry_after``
    │   ├── Challenged        a captcha or a consent wall answered
    │   ├── NotServed         this source does not serve this audience or edition
    │   ├── Malformed         an answer that is not what it claims to be
    │   ├── Partial           an answer the source itself says is incomplete
    │   ├── TooLarge          more than the bound we set
    │   └── SchemaChanged     a word or a field the reader does not know
    ├── NotModified           not an error: the source says nothing is new since our last copy
    └── Enough                not an error: a probe has seen what it may, and asks no more
"""

from __future__ import annotations


class BorderwatchError(Exception):
    """The root: catch it at the edge of the program only."""


class UsageError(BorderwatchError):
    """The caller asked for something that cannot be; the message lists the choices."""


class SettingsError(UsageError):
    """A setting is missing, misspelt or out of range."""


class CatalogueError(BorderwatchError):
    """The catalogue of disputes is not consistent."""


class StoreError(BorderwatchError):
    """Something under ``snapshots/`` or in the change log could not be read or written."""


class Damaged(StoreError):
    """A stored body or ledger line is not what was written; carries ``path`` and ``line``."""

    def __init__(self, message: str, *, path: str, line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line


class Locked(StoreError):
    """Another process is running in this workspace; carries its ``pid`` if known."""

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class CaptureProblem(BorderwatchError):
    """An attempt to ask a view that brought no depiction; recorded, never a change.

    ``kind`` is the word kept in the ledger; ``retry_after`` is in seconds.
    """

    kind = "problem"

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.retry_after = retry_after


class Unreachable(CaptureProblem):
    """No answer came: name resolution, connection, TLS or time."""

    kind = "unreachable"


class Refused(CaptureProblem):
    """The host, its robots.txt or its terms say no."""

    kind = "refused"


class RateLimited(CaptureProblem):
    """The host asked us to slow down."""

    kind = "rate_limited"


class Challenged(CaptureProblem):
    """A captcha or a consent wall answered instead of the source."""

    kind = "challenged"


class NotServed(CaptureProblem):
    """The source does not serve this audience, layer or edition."""

    kind = "not_served"


class Malformed(CaptureProblem):
    """The answer is not what it claims to be (HTML for JSON, an LFS pointer, a cut archive)."""

    kind = "malformed"


class Partial(CaptureProblem):
    """The source says, or its sentinels show, that the answer is incomplete."""

    kind = "partial"


class TooLarge(CaptureProblem):
    """The answer, or what it unpacks to, exceeds the bound that was set."""

    kind = "too_large"


class SchemaChanged(CaptureProblem):
    """The reader met a word or a field it does not know; carries ``words``."""

    kind = "schema_changed"

    def __init__(self, message: str, *, words: tuple[str, ...] = (), url: str | None = None) -> None:
        super().__init__(message, url=url)
        self.words = words


class NotModified(BorderwatchError):
    """The source says that nothing is new since the capture we already hold."""


class Enough(BorderwatchError):
    """A probe has seen as much as a probe may: the capture it went along with ends here, unharmed."""
