"""The Wayback Machine: pages and files other sources read, as the Internet Archive kept them over the years."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from borderwatch import sources
from borderwatch.errors import Malformed, NotModified, NotServed, RateLimited, Refused, SchemaChanged
from borderwatch.models import Archived, Body, Edition, Feature, Finding, Keep, Part, Reading, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Answer, Fetch

CDX = "https://web.archive.org/cdx/search/cdx"
WEB = "https://web.archive.org/web"

# The Archive told the authors of the `wayback` library its hard limits: 30 searches and 600 copies a minute. We ask
# for less than half of the one and a tenth of the other.
CDX_INTERVAL_S = 5.0
COPY_INTERVAL_S = 1.0
UNTOLD_WAIT_S = 60.0
"""How long to stay away after a 429 that does not say; a shorter stay is answered with a longer ban."""
PAGE = 1_000
MOST_PAGES = 50
MOST_EDITIONS = 240
"""A page whose every copy differs (a date, a token) has thousands: then one a month is kept, for twenty years."""
MAX_BYTES = 67_108_864

_STAMP = re.compile(r"\d{14}")
_COPY = re.compile(r"/web/(?P<stamp>\d{14})id_/")
_LABEL = re.compile(r"(?P<stamp>\d{14})(?:-(?P<n>\d+))?")
_FIELDS = 7  # urlkey timestamp original mimetype statuscode digest length; more where revisits are resolved


@dataclass(frozen=True, slots=True)
class _Target:
    """A view of another source whose page the archive may hold."""

    source: Source
    view: View
    addresses: tuple[Archived, ...]


@functools.cache
def _targets() -> Mapping[View, _Target]:
    """Every view of every other source that says where its page lies, by the view it has here.

    The one source that knows there are others, and it knows none by name. Where terms forbid keeping bodies or
    automated access, a copy from elsewhere is no way round them.
    """
    found = {}
    for name in sources.names():
        if name == Wayback.name:
            continue
        other = sources.load(name)
        if other.terms.keep is not Keep.BODY or not other.terms.automation:
            continue
        for view in other.views():
            addresses = other.archived(view)
            if addresses:
                layer = f"{name}.{view.layer}" if view.layer else name
                found[View(Wayback.name, view.worldview, view.vantage, layer)] = _Target(other, view, addresses)
    return found


class _ByLayer(Mapping[str, "str | float"]):
    """What the targets say of their layers, looked up when it is first needed: importing this file loads nothing."""

    def __init__(self, say: Callable[[_Target], str | float | None]) -> None:
        self._say = say

    def _all(self) -> dict[str, str | float]:
        said = {here.layer: self._say(target) for here, target in _targets().items()}
        return {layer: value for layer, value in said.items() if value is not None}

    def __getitem__(self, layer: str) -> str | float:
        return self._all()[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class Wayback(Source):
    """Each layer is a page of another source, read by that source's reader and compared with its own older copies.

    A series of its own, apart from what we captured ourselves: the archive's crawler asks from elsewhere and is
    another audience. Copies of one digest are one state; a copy that is missing proves nothing. A source says with
    ``archived`` where its page lies and has lain.
    """

    name = "wayback"
    title = "Wayback Machine"
    watches = "what pages of other sources showed in the past, from the Internet Archive's copies"
    terms = Terms(
        licence="that of each archived page",
        attribution="Copies kept by the Internet Archive, Wayback Machine",
        url="https://archive.org/about/terms.php",
        ship=False,
    )
    every = timedelta(days=30)
    layers = _ByLayer(lambda target: f"{target.source.title}, at {urlsplit(target.addresses[0].url).hostname}")  # type: ignore[assignment]
    resolution_km = _ByLayer(lambda target: target.source.resolution_km.get(target.view.layer))  # type: ignore[assignment]
    proven = (
        "recorded: searches and their pages, a missing and a blocked page as the archive answered them, 2020 to 2023"
    )
    first_contact = "that collapse=digest and resolveRevisits go together, and what a copy of another time redirects to"

    def views(self) -> tuple[View, ...]:
        """One view for each view of another source that declares an address."""
        return tuple(sorted(_targets()))

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        """The copies that differ from the one before, oldest first; one a month where there are very many."""
        return fetch.once((self.name, view), lambda: _editions(_target(view), fetch))

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        target = _target(view)
        if edition is None:
            held = self.editions(view, fetch)
            if not held:
                raise NotServed(f"{view}: the archive holds no copy of {target.addresses[0].url}; that proves nothing")
            edition = held[-1]
            known = fetch.known
            if known is not None and known.edition is not None and known.edition.label == edition.label:
                raise NotModified(f"{view}: {edition.label} is still the newest copy that differs")
        found = _LABEL.fullmatch(edition.label)
        number = int(found["n"] or 1) if found else 0
        if found is None or not 1 <= number <= len(target.addresses):
            raise NotServed(f"{view}: no copy is called {edition.label[:40]!r}; labels are moments like 20171124151315")
        address = target.addresses[number - 1]
        answer = _polite(fetch, f"{WEB}/{found['stamp']}id_/{address.url}", {}, COPY_INTERVAL_S)
        came = _COPY.search(answer.url)
        if came is None or came["stamp"] != found["stamp"]:
            raise NotServed(
                f"{view}: the archive answered for {found['stamp']} with "
                f"{'a copy of ' + came['stamp'] if came else answer.url[:80]}: that copy cannot be had",
                url=answer.url,
            )
        part = Part(address.part, answer.data)
        return Body((part,), answer.url, edition, answer.headers, note=f"copy of {address.url}")

    def probe(self, fetch: Fetch) -> tuple[Finding, ...]:
        """Whether the index answers in the form we read, for the first page declared."""
        target = next(iter(_targets().values()))
        params: dict[str, str | int] = {
            "url": target.addresses[0].url,
            "collapse": "digest",
            "resolveRevisits": "true",
            "limit": 5,
        }
        lines, _ = _page(_polite(fetch, CDX, params, CDX_INTERVAL_S))
        fields = sorted({len(line) for line in lines})
        shown = f"{len(lines)} of {' or '.join(map(str, fields)) or 'no'} fields"
        return (
            Finding(f"copies of {target.addresses[0].url}", f"lines of {_FIELDS} fields or more", shown, bool(lines)),
        )

    def read(self, snapshot: Snapshot) -> Reading:
        target = _target(snapshot.view)
        capture = replace(snapshot.capture, view=target.view)
        reading = target.source.read(replace(snapshot, capture=capture))
        words = target.source.owner_words
        return replace(reading, features=tuple(_resolved(feature, words) for feature in reading.features))


def _target(view: View) -> _Target:
    target = _targets().get(view)
    if target is None:
        known = ", ".join(here.layer for here in _targets())
        raise NotServed(f"{view}: no source declares such a page; there are {known or 'none'}")
    return target


def _resolved(feature: Feature, words: Mapping[str, str]) -> Feature:
    """The feature with its owner said as the other source's own words mean it."""
    said = (feature.name, feature.code) if feature.owner is None else (feature.owner,)
    meant = next((words[word] for word in said if word is not None and word in words), None)
    return feature if meant is None else replace(feature, owner=meant)


# --- asking ---------------------------------------------------------------------------------------------


def _polite(fetch: Fetch, url: str, params: Mapping[str, str | int], interval_s: float) -> Answer:
    """What the archive answers; its refusals in its own terms. Its robots.txt is about crawling, not about its API."""
    try:
        return fetch.get(url, params=params, robots=False, interval_s=interval_s, max_bytes=MAX_BYTES)
    except RateLimited as problem:
        if problem.retry_after is None:
            problem.retry_after = UNTOLD_WAIT_S
        raise
    except Refused as problem:
        if "Blocked Site" in str(problem) or "AccessControl" in str(problem):
            raise Refused(
                f"the Wayback Machine does not show copies of {url if not params else params.get('url')}: its owner "
                "asked for that; nothing can be backfilled from there",
                url=problem.url,
                status=problem.status,
            ) from None
        raise


def _editions(target: _Target, fetch: Fetch) -> tuple[Edition, ...]:
    copies: list[tuple[str, str, int]] = []
    for number, address in enumerate(target.addresses, start=1):
        copies += [(stamp, digest, number) for stamp, digest in _copies(address.url, fetch)]
    editions: list[Edition] = []
    last = ""
    for stamp, digest, number in sorted(set(copies)):
        if digest == last:
            continue
        last = digest
        label = stamp if number == 1 else f"{stamp}-{number}"
        editions.append(Edition(label, _moment(stamp), "the archive's own time of the copy"))
    return tuple(editions) if len(editions) <= MOST_EDITIONS else _monthly(editions)


def _monthly(editions: Iterable[Edition]) -> tuple[Edition, ...]:
    first: dict[str, Edition] = {}
    for edition in editions:
        first.setdefault(edition.label[:6], edition)
    return tuple(first.values())


def _moment(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise SchemaChanged(f"wayback: {stamp!r} is no moment the archive could mean", words=(stamp,)) from None


def _copies(url: str, fetch: Fetch) -> Iterator[tuple[str, str]]:
    """The moment and digest of every copy that shows the page itself, page by page of the index."""
    # Not filtered by status there: a revisit ("as before") has none of its own, and tells that a page came back.
    params: dict[str, str | int] = {
        "url": url, "collapse": "digest", "resolveRevisits": "true", "showResumeKey": "true", "limit": PAGE,
    }  # fmt: skip
    for _ in range(MOST_PAGES):
        answer = _polite(fetch, CDX, params, CDX_INTERVAL_S)
        lines, key = _page(answer)
        for fields in lines:
            if fields[4] == "200" or (fields[4] == "-" and fields[3] == "warc/revisit"):
                yield fields[1], fields[5]
        if not key or params.get("resumeKey") == key:
            return
        params["resumeKey"] = key  # it comes encoded and is encoded once more: so the archive's own clients do


def _page(answer: Answer) -> tuple[list[list[str]], str]:
    """The lines of one page of the index, and the key of the next, which follows an empty line."""
    head = answer.data[:200].lstrip()
    if head.startswith(b"<"):
        raise Malformed(f"{answer.url} answered a page, not lines of the index: ask again later", url=answer.url)
    text, _, key = answer.data.decode("utf-8", "replace").partition("\n\n")
    lines = [line.split(" ") for line in text.splitlines() if line.strip()]
    for fields in lines:
        if len(fields) < _FIELDS or not _STAMP.fullmatch(fields[1]):
            shown = " ".join(fields)[:80]
            raise SchemaChanged(f"wayback: the index has a line of a new form: {shown!r}", words=(shown,))
    return lines, key.strip()
