"""The parts of the contract that only some sources use: cadence by layer, plain facts in a list, a host's own queue."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from borderwatch.diff import names
from borderwatch.diff.record import Finding
from borderwatch.errors import RateLimited
from borderwatch.models import Kind, Row, Significance, View
from borderwatch.scene import Scene
from borderwatch.sources.iana_root import IanaRoot
from tests.replay import Replay


def listed(*rows: Row) -> Scene:
    return cast("Scene", SimpleNamespace(depiction=SimpleNamespace(names={}, rows=rows), complete=True))


def findings(before: tuple[Row, ...], after: tuple[Row, ...]) -> list[Finding]:
    return names.findings(listed(*before), listed(*after))


def fact(key: str, value: str, **more: Any) -> Row:
    return Row(key, value, code="PS", lang="", **more)


def test_a_layer_may_be_asked_more_seldom_than_its_source() -> None:
    class Slow(IanaRoot):
        every_by_layer = {"geometry": timedelta(days=30)}  # noqa: RUF012

    assert Slow().cadence(View("iana_root", layer="geometry")) == timedelta(days=30)
    assert Slow().cadence(View("iana_root")) == IanaRoot.every


def test_a_fact_is_relabelled_and_substantive_beside_names_in_many_languages() -> None:
    beside = (Row("n en", "Palestine", lang="en"), Row("n fr", "Palestine", lang="fr"))
    [found] = findings((fact("recognised", "CN=no"), *beside), (fact("recognised", "CN=no, IN=no"), *beside))
    assert (found.kind, found.significance, found.subject) == (Kind.RELABELLED, Significance.SUBSTANTIVE, "recognised")
    [found] = findings(beside, (Row("n en", "Palestinian Territories", lang="en"), beside[1]))
    assert (found.kind, found.subject) == (Kind.RENAMED, "en")


def test_facts_come_and_go_with_the_row_they_belong_to_and_are_told_alone_when_alone() -> None:
    whole = (fact("r1", "listed"), fact("r1 claimed", "IL", parent="r1"))
    assert [f.kind for f in findings(whole, ())] == [Kind.DELISTED]
    assert [f.kind for f in findings((), whole)] == [Kind.LISTED]
    assert [(f.kind, f.subject) for f in findings(whole[:1], whole)] == [(Kind.LISTED, "r1 claimed")]


def test_a_host_is_left_alone_as_long_as_its_queue_asks(replay: Replay) -> None:
    replay.on("api.example.org", "/x", data=b"x")
    with replay.client() as client:
        fetch = client.asking()
        fetch.get("https://api.example.org/x", robots=False)
        fetch.leave("https://api.example.org/x", 0.3)
        fetch.get("https://api.example.org/x", robots=False)
        first, second = (asked.at for asked in replay.asked)
        assert second - first >= 0.3
        with pytest.raises(RateLimited) as problem:
            fetch.leave("https://api.example.org/x", 400)
        assert problem.value.retry_after == 400
