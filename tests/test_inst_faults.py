"""Every fault at every view of the institutions' services: each told by its own name, none taken for a depiction."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from borderwatch import sources
from borderwatch.errors import StoreError
from borderwatch.fetch.probing import MOST_QUESTIONS, ProbingClient
from borderwatch.first_contact import probe
from borderwatch.models import Keep, Outcome, View
from borderwatch.snapshots import Snapshots
from tests import replay_inst as inst
from tests.replay import Replay, Reply, captcha, error_page, lfs_pointer, too_many
from tests.replay_inst import ask, read
from tests.test_geoboundaries import geoboundaries
from tests.test_gisco import gisco
from tests.test_marine_regions import marine_regions
from tests.test_overture import overture

SERVICES: dict[str, Callable[[Replay], None]] = {
    "gadm": inst.serve_gadm,
    "geoboundaries": geoboundaries,
    "gisco": gisco,
    "marine_regions": marine_regions,
    "overture": overture,
}
VIEWS = [view for name in SERVICES for view in sources.load(name).views()]
FAULTS = {
    "reset": (Reply(reset=True), "unreachable"),
    "no answer from behind": (Reply(status=503), "unreachable"),
    "gone": (Reply(status=404), "not_served"),
    "forbidden": (Reply(status=403), "refused"),
    "for legal reasons": (Reply(status=451), "refused"),
    "too many": (too_many(3600), "rate_limited"),
    "captcha": (captcha(), "challenged"),
    "page for data": (error_page(), "malformed"),
    "pointer for data": (lfs_pointer(), "malformed"),
    "half": (Reply(b'{"type": "FeatureCollection", "features": [', cut_at=20), "partial"),
    "not JSON": (Reply(b'{"type": "FeatureCollection", "features": ['), "malformed"),
    "empty": (Reply(b""), "malformed"),
}

WHOLE = ("page for data", "not JSON", "empty")
"""Where some bytes of a file were asked for, others are told by being none of these."""


@pytest.mark.parametrize("name", SERVICES)
def test_a_probe_asks_little_and_finds_what_the_reader_expects(replay: Replay, name: str) -> None:
    SERVICES[name](replay)
    with ProbingClient(routes={"*": replay.base}, backoff_s=0.01) as client:
        found = probe(sources.load(name), client)
    assert found.problem is None, found.problem
    assert found.findings or found.enough
    assert len(client.seen) <= MOST_QUESTIONS
    assert not any("range" in asked.headers for asked in replay.asked), "no byte of a large file"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_every_view_works_and_tells_every_fault_by_its_name(
    replay: Replay, tmp_path: Path, view: View, fault: str
) -> None:
    """First the whole service in order: one capture that reads. Then the same with its data broken: none."""
    SERVICES[view.source](replay)
    good = ask(replay, view, tmp_path / "good")
    assert good.fault is None, good.fault
    if good.keep is Keep.DIGEST:
        store = Snapshots(tmp_path / "good")
        assert good.facts is not None
        assert json.loads(store.facts(good)), "the terms forbid keeping the bytes: what they say is kept instead"
        with pytest.raises(StoreError, match="only the digest"):
            store.open(good)
    else:
        assert read(view, tmp_path / "good", good) == read(view, tmp_path / "good", good)
    reply, kind = FAULTS[fault]
    if "range" in replay.asked[-1].headers and fault in WHOLE:
        kind = "partial"
    inst.break_last(replay, reply)
    bad = ask(replay, view, tmp_path / "bad")
    assert bad.outcome is Outcome.FAILED
    assert bad.fault is not None
    assert bad.fault.kind == kind, bad.fault.message
    assert view.source in bad.fault.message or replay.asked[-1].host in bad.fault.message
