"""The contract every file in ``sources/`` keeps; a new source is held to it by being in the folder."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from borderwatch import derive, owners, sources
from borderwatch.first_contact import recordings, snapshot_from_recording
from borderwatch.models import Keep, Snapshot
from borderwatch.snapshots import Snapshots
from borderwatch.source import Source

PACKAGE = Path(sources.__file__).parents[1]
NAMES = sources.names()


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest) -> Source:
    return sources.load(request.param)


def test_every_file_in_the_folder_is_a_source_and_is_found() -> None:
    files = {p.stem for p in (PACKAGE / "sources").glob("*.py")} - {"__init__"}
    assert set(sources.find()) == files == set(NAMES)
    assert len(NAMES) >= 10


def test_file_class_and_name_agree(source: Source) -> None:
    assert type(source).__module__ == f"borderwatch.sources.{source.name}"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", source.name)
    assert type(source).__name__.lower().replace("_", "") == source.name.replace("_", "")


def test_whatever_code_a_source_rests_on_is_in_the_readers_fingerprint(source: Source) -> None:
    rests_on = {c.__module__ for c in type(source).__mro__} - {"builtins", "abc", "borderwatch.source"}
    parts = {f"borderwatch.{name.removesuffix('.py')}" for name in derive.READER}
    assert all(any(m == p or m.startswith(f"{p}.") for p in parts) for m in rests_on), rests_on


def test_a_source_says_what_a_reader_gets_and_under_what_terms(source: Source) -> None:
    assert source.title
    assert source.watches
    assert "\n" not in source.watches
    assert len(source.watches) > 20
    assert not source.watches.endswith(".")
    assert source.terms.licence
    assert source.terms.attribution
    assert source.terms.url.startswith("https://")
    if source.terms.ship:
        assert source.terms.keep is Keep.BODY, "what may be shipped may be kept"
    assert source.proven
    assert source.first_contact


def test_a_source_is_asked_in_good_measure(source: Source) -> None:
    assert timedelta(hours=6) <= source.every <= timedelta(days=366)


def test_views_have_an_audience_and_a_layer_each_once(source: Source) -> None:
    assert source.worldviews
    # ISO 3166-1 alpha-2, "default", or an edition for no country, in the source's own small letters.
    assert all(re.fullmatch("[A-Z]{2}|[a-z]+", w) for w in source.worldviews)
    views = source.views()
    assert views
    assert len(set(views)) == len(views)
    assert {view.source for view in views} == {source.name}
    assert {view.layer for view in views} <= set(source.layers)
    assert len(source.layers) == 1 or "" not in source.layers, "several layers have a name each"


def test_resolutions_belong_to_layers_and_are_kilometres(source: Source) -> None:
    assert set(source.resolution_km) <= set(source.layers)
    assert all(0.01 <= km <= 50 for km in source.resolution_km.values())


def test_a_sources_own_words_lead_to_known_owners(source: Source) -> None:
    for word, identity in source.owner_words.items():
        known = owners.label(identity) != identity or re.fullmatch("[A-Z]{2}", identity)
        assert known, f"{word!r} leads to {identity!r}, which is neither a code nor a slug of the catalogue"


RECORDINGS = Path(__file__).parent / "recordings"
HISTORY = Snapshots(PACKAGE.parent / "snapshots")


def recorded(source: Source) -> list[Snapshot]:
    """What is held of a source: recordings made with ``borderwatch record``, and of the shipped history the smallest.

    One body says as much of a reader's purity as all of them; that all are read is proven by the history's own tests.
    """
    found = [
        snapshot_from_recording(place, source)
        for place in recordings(RECORDINGS / source.name)
        if (RECORDINGS / source.name).is_dir()
    ]
    held = [
        capture
        for view in (HISTORY.views() if HISTORY.root.is_dir() else ())
        if view.source == source.name
        for capture in HISTORY.series(view)
        if capture.keep is Keep.BODY
    ]
    if held:
        found.append(HISTORY.open(min(held, key=lambda capture: sum(part.size for part in capture.parts))))
    return found


def test_a_source_reads_its_recordings_the_same_each_time(source: Source) -> None:
    held = recorded(source)
    if not held:
        assert not source.proven.startswith("live"), "what was captured live is held somewhere"
        pytest.skip(f"no recording of {source.name} yet: borderwatch record {source.name} --to tests/recordings")
    for snapshot in held:
        reading = source.read(snapshot)
        assert reading.features or reading.rows
        assert source.read(snapshot) == reading


def test_no_recording_holds_what_looks_like_a_key() -> None:
    looks = re.compile(rb"(?i)[?&](?:key|apikey|api_key|token|access_token|subscription-key)=(?!REDACTED)[\w.-]{12,}")
    for path in RECORDINGS.rglob("*"):
        if path.is_file():
            assert not looks.search(path.read_bytes()), path


def test_how_a_source_was_proven_is_one_of_three_ways(source: Source) -> None:
    assert source.proven.startswith(("live", "recorded", "documented shape")), source.proven


def test_no_file_outside_the_folder_knows_a_source_by_name() -> None:
    """Words that are also words are told apart by quotes: only the name as a value counts."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "sources":
            continue
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(PACKAGE)}: {n}" for n in NAMES if re.search(rf"""["']{n}["'/#@]""", text)]
    assert found == []


def test_no_source_imports_another() -> None:
    for path in (PACKAGE / "sources").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) borderwatch\.sources\.", text, re.MULTILINE), path.name


def test_finding_the_sources_brings_in_nothing_heavy() -> None:
    """Start-up under 0.4 s is a promise of the command line."""
    heavy = ("geopandas", "shapely", "pandas", "requests", "folium", "pyogrio", "pyproj", "numpy", "babel")
    code = (
        "import sys; from borderwatch import sources; sources.find();"
        f" print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "found none"),
        ("class A(Base):\n    name = 'other'\n", "is 'other'"),
        ("class A(Base):\n    pass\n", "is None"),
        ("class A(Base):\n    name = 'odd'\nclass B(Base):\n    name = 'odd'\n", "found A, B"),
    ],
)
def test_a_file_that_does_not_keep_the_contract_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    head = "from borderwatch.source import Source as Base\n"
    (tmp_path / "odd.py").write_text(head + body, encoding="utf-8")
    monkeypatch.setattr(sources, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "borderwatch.sources.odd", raising=False)
    with pytest.raises(sources.SourceFileError, match=rf"sources/odd\.py.*{says}"):
        sources.find()
    monkeypatch.delitem(sys.modules, "borderwatch.sources.odd", raising=False)
