"""Every source asked for real, once: `pytest -m live`. Skipped by default; a host out of reach is no fault of ours.

Run it with an address of yours in BORDERWATCH_CONTACT: it goes into the User-Agent. Nothing is kept.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from borderwatch import sources
from borderwatch.attempt import snapshot_from_body
from borderwatch.errors import CaptureProblem, Challenged, RateLimited, Refused, Unreachable
from borderwatch.fetch import Client, ProbingClient
from borderwatch.first_contact import probe
from borderwatch.source import Source

pytestmark = pytest.mark.live

NAMES = sources.names()
NOT_OURS = (Unreachable, RateLimited, Refused, Challenged)
"""The host, or the way to it: nothing a reader could have got wrong."""


def on(name: str) -> Source:
    """A source that may be asked here; skipped, saying why, where its terms or a missing key forbid it."""
    source = sources.load(name)
    if not source.terms.automation:
        pytest.skip(f"{name}: its terms forbid automated access")
    if source.lacks_key:
        pytest.skip(f"{name}: set {source.key_variable}")
    return source


def skip_where_not_ours(problem: CaptureProblem | None) -> None:
    if isinstance(problem, NOT_OURS):
        pytest.skip(f"{problem.kind}: {problem}")


@pytest.mark.parametrize("name", NAMES)
def test_the_service_offers_what_the_reader_expects(name: str) -> None:
    source = on(name)
    with ProbingClient(contact=os.environ.get("BORDERWATCH_CONTACT")) as client:
        found = probe(source, client)
    skip_where_not_ours(found.problem)
    assert found.fine, (found.problem, [finding for finding in found.findings if not finding.fine])


@pytest.mark.parametrize("name", NAMES)
def test_the_first_view_is_captured_and_read(name: str, tmp_path: Path) -> None:
    source = on(name)
    view, taken_at = source.views()[0], datetime.now(UTC)
    try:
        with Client(contact=os.environ.get("BORDERWATCH_CONTACT"), scratch=tmp_path) as client:
            body = source.capture(view, client.asking())
    except NOT_OURS as problem:
        skip_where_not_ours(problem)
        raise
    snapshot = snapshot_from_body(view, body, source.terms, live=True, taken_at=taken_at)
    reading = source.read(snapshot)
    assert reading.features or reading.rows
    assert source.read(snapshot) == reading, "the same bytes, the same answer"
    key = os.environ.get(source.key_variable or "", "").strip()
    if key:
        assert key not in body.url
        assert key not in body.note
        assert not any(key in value for value in body.headers.values())
