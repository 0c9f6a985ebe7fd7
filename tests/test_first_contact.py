"""Probing a source asks little and keeps nothing; recording one keeps all but keys, where the terms allow it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from borderwatch import sources
from borderwatch.cli import main
from borderwatch.errors import Malformed, SchemaChanged, Unreachable, UsageError
from borderwatch.fetch import ProbingClient
from borderwatch.fetch.probing import BEGINNING_BYTES, MOST_QUESTIONS
from borderwatch.first_contact import MANIFEST, Probe, probe, record, recordings, snapshot_from_recording
from borderwatch.models import Body, Keep, Part, Reading, Row, Snapshot, View
from borderwatch.packages import tools
from borderwatch.source import Source
from borderwatch.sources.iana_root import IanaRoot
from borderwatch.sources.lsib import Lsib
from borderwatch.sources.world_atlas import WorldAtlas
from borderwatch.sources.world_bank import WorldBank
from tests.replay import Replay, Reply, json_reply
from tests.replay_arcgis import Layer, lsib_layers, serve, world_bank_layers

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """No npm and no pip: their start alone takes longer than all of this file."""

    def gone(*_: object, **__: object) -> tools.Said:
        raise Unreachable("the registry is out of reach")

    monkeypatch.setattr(tools, "run", gone)


def probed(source: Source, replay: Replay) -> Probe:
    with ProbingClient(routes={"*": replay.base}, backoff_s=0.0, timeout_s=5.0) as client:
        return probe(source, client)


class Keyed(IanaRoot):
    """A service that wants a key and repeats it in its answer, as tile descriptors do."""

    key_variable = "TEST_MAP_KEY"

    def capture(self, view: View, fetch: Any, edition: Any = None) -> Body:
        answer = fetch.get("https://maps.example.org/style", params={"key": self.key()}, robots=False, expect="json")
        return Body((Part("style.json", answer.data),), answer.url)

    def read(self, snapshot: Snapshot) -> Reading:
        return Reading(rows=tuple(Row(word, word) for word in json.loads(snapshot.data)["names"]))


# --- probing ----------------------------------------------------------------------------------------


def test_a_layer_is_probed_by_its_definition_and_count(replay: Replay) -> None:
    layers = lsib_layers()
    serve(replay, Lsib.service, layers)
    found = probed(Lsib(), replay)
    assert found.fine
    told = {finding.about: finding.found for finding in found.findings}
    assert told["layer LSIB_A, features"] == "400"
    assert told["layer LSIB_A, last edit"] == "2025-02-24 18:00 UTC"
    assert "Other Line of International Separation (Rank 2)" in told["layer LSIB_A, drawn by RANK"]
    assert "STATUS" in told["layer LSIB_A, fields"]
    assert len(replay.asked) == 3
    assert not any("resultOffset" in asked for asked in layers[0].questions), "no feature is asked for"


def test_the_largest_service_of_layers_is_probed_within_the_bound(replay: Replay) -> None:
    serve(replay, WorldBank.service, world_bank_layers())
    found = probed(WorldBank(), replay)
    assert found.fine
    assert len(found.seen) <= MOST_QUESTIONS
    assert {finding.found for finding in found.findings if "features" in finding.about} == {"262", "34", "452"}


def test_what_the_reader_misses_is_named(replay: Replay) -> None:
    layers: dict[int, Layer] = lsib_layers(count=50)
    serve(replay, Lsib.service, layers)
    found = probed(Lsib(), replay)
    assert not found.fine
    assert [finding.about for finding in found.findings if not finding.fine] == ["layer LSIB_A, features"]
    for attributes, _ in layers[0].rows:
        del attributes["RANK"]
    found = probed(Lsib(), replay)
    assert isinstance(found.problem, SchemaChanged)
    assert "no field RANK" in str(found.problem)


def test_a_long_answer_is_read_in_its_beginning_only(replay: Replay) -> None:
    replay.on("www.iana.org", "/robots.txt", data=b"User-agent: *\nDisallow:\n")
    replay.on("www.iana.org", "/domains/root/db", Reply(b"<html>" + b" " * 3_000_000))
    found = probed(IanaRoot(), replay)
    assert found.fine
    assert "longer than a probe reads" in found.enough
    [seen] = found.seen
    assert (seen.size, seen.whole, seen.robots) == (3_000_006, False, True)


def test_a_probe_asks_no_more_than_its_bound(replay: Replay) -> None:
    class Curious(IanaRoot):
        def capture(self, view: View, fetch: Any, edition: Any = None) -> Body:
            for number in range(100):
                fetch.get(f"https://maps.example.org/{number}", robots=False)
            raise AssertionError("never reached")

    for number in range(100):
        replay.on("maps.example.org", f"/{number}", data=b"x")
    found = probed(Curious(), replay)
    assert found.fine
    assert len(replay.asked) == MOST_QUESTIONS


def test_a_probe_that_meets_a_problem_says_which(replay: Replay) -> None:
    replay.on("www.iana.org", "*", Reply(b"{}"))
    found = probed(IanaRoot(), replay)
    assert not found.fine
    assert isinstance(found.problem, Malformed)
    assert found.seen[0].problem is not None


def test_a_published_source_is_probed_by_its_versions(replay: Replay) -> None:
    replay.jsdelivr("world-atlas", {version: {} for version in ("1.0.0", "1.1.4", "2.0.0", "2.0.2", "2.1.0")})
    found = probed(WorldAtlas(), replay)
    told = {finding.about: (finding.found, finding.fine) for finding in found.findings}
    assert told["newer editions"] == ("world-atlas 2.1.0", True)
    assert all("countries" not in seen.url for seen in found.seen), "no map is asked for"


def test_every_source_can_be_probed_and_none_crashes(no_network: None) -> None:
    """Without a network each says what it could not reach; a package may still come from the machine's own client."""
    for name in sources.names():
        source = sources.load(name)
        if source.lacks_key:
            continue
        with ProbingClient(backoff_s=0.0) as client:
            found = probe(source, client)
        assert found.problem is None or found.problem.kind == Unreachable.kind, (name, found.problem)
        assert len(found.seen) <= MOST_QUESTIONS


def test_the_command_says_what_it_asked_and_ends_with_1_where_nothing_answers(tmp_path: Path, no_network: None) -> None:
    said = CliRunner().invoke(main, ["-C", str(tmp_path), "sources", "--probe", "lsib"])
    assert said.exit_code == 1
    assert "services2.arcgis.com" in said.stdout
    assert "unreachable" in said.stdout
    told = json.loads(CliRunner().invoke(main, ["-C", str(tmp_path), "sources", "--probe", "lsib", "--json"]).stdout)
    assert (told["source"], told["fine"]) == ("lsib", False)
    wrong = CliRunner().invoke(main, ["-C", str(tmp_path), "sources", "--probe", "atlantis"])
    assert wrong.exit_code == 2
    assert not (tmp_path / "snapshots").exists(), "a probe keeps nothing"


def test_the_beginning_is_long_enough_for_capabilities() -> None:
    assert BEGINNING_BYTES >= 200_000, "GitHub's longest page of releases is about 150 kB"


# --- recording ------------------------------------------------------------------------------------------


def test_a_recording_is_read_as_the_capture_was(replay: Replay, tmp_path: Path) -> None:
    serve(replay, Lsib.service, lsib_layers(limit=150))
    with replay.client() as client:
        place = record(Lsib(), View("lsib"), client, tmp_path, lambda: NOW)
    assert place == tmp_path / "lsib" / "default"
    assert recordings(tmp_path) == [place]
    snapshot = snapshot_from_recording(place, Lsib())
    assert len(snapshot.parts) == 5
    assert len(Lsib().read(snapshot).features) == 400
    told = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    assert told["licence"] == Lsib.terms.licence
    assert told["edition"]["label"] == "2025-02-24T18:00:00Z"
    assert told["taken_at"] == "2026-11-01T00:00:00+00:00"


def test_a_key_is_hidden_wherever_the_service_repeats_it(
    replay: Replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_MAP_KEY", "pk-very-secret-0123")
    body = {"names": ["Kosovo"], "tiles": "https://maps.example.org/{z}?key=pk-very-secret-0123"}
    replay.on("maps.example.org", "/style", json_reply(body))
    with replay.client() as client:
        place = record(Keyed(), View("iana_root"), client, tmp_path, lambda: NOW)
    written = b"".join(path.read_bytes() for path in place.iterdir())
    assert b"pk-very-secret" not in written
    assert b"key=REDACTED" in written
    assert json.loads((place / MANIFEST).read_text(encoding="utf-8"))["keys hidden"] == 1
    assert Keyed().read(snapshot_from_recording(place, Keyed())).rows[0].name == "Kosovo"


def test_where_the_terms_forbid_keeping_nothing_is_asked(replay: Replay, tmp_path: Path) -> None:
    class Forbidden(IanaRoot):
        terms = replace(IanaRoot.terms, keep=Keep.DIGEST, ship=False)

    with replay.client() as client, pytest.raises(UsageError, match="do not let its answers be kept"):
        record(Forbidden(), View("iana_root"), client, tmp_path, lambda: NOW)
    assert replay.asked == []
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_not_recorded(replay: Replay, tmp_path: Path) -> None:
    layers = lsib_layers()
    layers[0].rows[3][0]["RANK"] = "9"
    serve(replay, Lsib.service, layers)
    with replay.client() as client, pytest.raises(SchemaChanged):
        record(Lsib(), View("lsib"), client, tmp_path, lambda: NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_view_the_source_has_not_is_the_users_mistake(tmp_path: Path) -> None:
    said = CliRunner().invoke(main, ["-C", str(tmp_path), "record", "lsib", "--view", "lsib/FR"])
    assert said.exit_code == 2
    assert "lsib/default" in said.output


def test_a_recording_somebody_edited_is_refused(replay: Replay, tmp_path: Path) -> None:
    serve(replay, Lsib.service, lsib_layers())
    with replay.client() as client:
        place = record(Lsib(), View("lsib"), client, tmp_path, lambda: NOW)
    (place / "001.json").write_bytes(b"{}")
    with pytest.raises(UsageError, match="not the"):
        snapshot_from_recording(place, Lsib())
