"""The command line as people meet it: every command, its help by example, its exit codes, hostile words and pipes."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import shapely
from click.testing import CliRunner, Result

from borderwatch import tell, terminal, workspace
from borderwatch.changelog import ChangeLog
from borderwatch.cli import main
from borderwatch.disputes import catalogue
from borderwatch.errors import Unreachable
from borderwatch.lock import workspace_lock
from borderwatch.models import Kind, Terms, View
from borderwatch.snapshots import Snapshots
from tests.changelog_records import change, day, kept
from tests.recorded_history import SHIPPED, Recorded, borderwatch, recorded

__all__ = ["recorded"]  # a fixture

SMALL = "geopandas_lowres"


def asked(*words: str | Path, folder: Path | None = None) -> Result:
    """The command in this process: exit code, stdout and stderr apart."""
    where = ["-C", str(folder)] if folder else []
    return CliRunner().invoke(main, [*where, *map(str, words)], prog_name="borderwatch")


@pytest.fixture
def past(recorded: Recorded) -> Path:
    """The recorded history, to be asked and not written into."""
    return recorded.folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A workspace with the archive of one source and no log yet."""
    folder = tmp_path / "small"
    shutil.copytree(SHIPPED / SMALL, folder / "snapshots" / SMALL)
    (folder / "borderwatch.toml").write_text("jobs = 1\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One source's workspace with its log and maps, for tests that leave them as they were."""
    folder = tmp_path_factory.mktemp("lasting")
    shutil.copytree(SHIPPED / SMALL, folder / "snapshots" / SMALL)
    (folder / "borderwatch.toml").write_text("jobs = 1\n", encoding="utf-8")
    assert asked("run", "--offline", folder=folder).exit_code == 0
    return folder


# --- help ------------------------------------------------------------------------------------------------


def test_alone_it_teaches_by_example_and_exits_0() -> None:
    alone = asked()
    assert alone.exit_code == 0
    assert "borderwatch run " in alone.output
    assert "Start here:" in alone.output
    assert "Exit codes:" in alone.output
    assert asked("--help").output == alone.output
    assert asked("-h").output == alone.output


COMMANDS = sorted(main.commands)


def test_these_are_the_commands() -> None:
    assert (
        sorted(
            [
                "backfill",
                "changes",
                "diff",
                "disputes",
                "map",
                "rebuild",
                "record",
                "render",
                "run",
                "serve",
                "sources",
                "status",
                "verify",
                "watch",
            ]
        )
        == COMMANDS
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_in_one_line_and_explains_each_option(name: str) -> None:
    done = asked(name, "--help")
    assert done.exit_code == 0
    command = main.commands[name]
    assert command.help
    assert len(command.help.splitlines()[0]) < 110
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help or isinstance(option.type, click.Choice), option.name


def examples(text: str | None) -> list[str]:
    """The command lines in an epilog, without the words that explain them."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip().startswith("borderwatch")]
    return [re.split(r"\s{2,}", line)[0] for line in lines]


EVERY_EXAMPLE = [
    line for text in [main.epilog, *(main.commands[n].epilog for n in COMMANDS)] for line in examples(text)
]


@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in {"rebuild", "verify", "sources", "disputes", "map"}])
def test_commands_with_choices_show_examples_in_their_help(name: str) -> None:
    assert f"  borderwatch {name}" in asked(name, "--help").output


@pytest.mark.parametrize("line", EVERY_EXAMPLE)
def test_every_example_is_a_command_that_parses(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    for word in words:
        if word.endswith((".geojson", ".gpkg", ".shp", ".topojson")):
            Path(word).touch()
    command = main.commands[words[0]]
    with command.make_context(words[0], words[1:]) as ctx:
        assert ctx.params is not None
    dispute = ctx.params.get("dispute") or ctx.params.get("text")
    if dispute and words[0] in {"status", "map"}:
        assert catalogue(geometry=False).find(dispute)
    for source in ctx.params.get("sources", ()):
        assert source in workspace.sources.names()


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"borderwatch, version \d+\.\d+\.\d+\n", asked("--version").output)


# --- wrong usage -----------------------------------------------------------------------------------------

WRONG = [
    (["bogus"], "bogus"),
    (["status"], "DISPUTE"),
    (["status", "no_such_place_at_all"], "no_such_place_at_all"),
    (["status", "crimea", "--as-of", "yesterday"], "2019-08-31"),
    (["status", "crimea", "extra"], "extra"),
    (["changes", "--kind", "moved"], "transfer"),
    (["changes", "--significance", "huge"], "substantive"),
    (["changes", "--source", "atlantis"], "world_atlas"),
    (["changes", "--dispute", "atlantis_sea"], "atlantis_sea"),
    (["changes", "--limit", "0"], "x>=1"),
    (["changes", "--limit", "many"], "many"),
    (["changes", "--since", "2019-13-01"], "2019-13-01"),
    (["changes", "--order", "size"], "time"),
    (["changes", "--colour"], "--colour"),
    (["map", "atlantis"], "atlantis"),
    (["run", "atlantis"], "world_atlas"),
    (["backfill", "atlantis"], "world_atlas"),
    (["diff", "there-is-no-such-file.geojson", "nor-such.geojson"], "there-is-no-such-file.geojson"),
]


@pytest.mark.parametrize(("words", "says"), WRONG, ids=[" ".join(w) for w, _ in WRONG])
def test_wrong_words_get_one_clear_line_and_exit_2(past: Path, words: list[str], says: str) -> None:
    done = asked(*words, folder=past)
    assert done.exit_code == 2
    assert done.stdout == ""
    told = [x for x in done.stderr.splitlines() if x and not x.startswith(("Usage:", "Try "))]
    assert len(told) == 1
    assert says in told[0]
    assert "Traceback" not in done.output


def test_an_unknown_dispute_lists_near_names(past: Path) -> None:
    assert "near names: crimea" in asked("status", "crimae", folder=past).stderr
    assert "kosovo" in asked("map", "kosvo", folder=past).stderr


def test_a_name_of_several_disputes_asks_which(past: Path) -> None:
    names: dict[str, set[str]] = {}
    for d in catalogue(geometry=False):
        for name in (n for some in d.names.values() for n in some):
            names.setdefault(name, set()).add(d.slug)
    shared = {n: s for n, s in names.items() if len(s) > 1}
    several = [n for n in sorted(shared) if asked("status", n, folder=past).exit_code == 2]
    for name in several[:3]:
        assert "say which" in asked("status", name, folder=past).stderr


@pytest.mark.parametrize("words", [["status", "crimea"], ["changes"], ["map", "crimea"], ["verify"]])
def test_an_empty_folder_is_told_what_to_do_and_stays_empty(tmp_path: Path, words: list[str]) -> None:
    done = asked(*words, folder=tmp_path)
    assert done.exit_code == 2
    assert "borderwatch run" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_setting_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "borderwatch.toml").write_text("[sources]\nenabled = ['atlantis']\n", encoding="utf-8")
    done = asked("run", "--offline", folder=tmp_path)
    assert done.exit_code == 2
    assert "atlantis" in done.stderr
    assert "Traceback" not in done.output


def test_a_log_that_is_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "borderwatch.db").write_bytes(b"not a database" * 100)
    done = asked("changes", folder=tmp_path)
    assert done.exit_code in {1, 2}
    assert "borderwatch.db" in done.stderr
    assert "Traceback" not in done.output


# --- status, changes ---------------------------------------------------------------------------------------


def test_status_shows_every_view_and_since_when(past: Path) -> None:
    done = asked("status", "Крим", folder=past)
    assert done.exit_code == 0
    assert "Crimea (crimea)" in done.stdout
    row = next(x for x in done.stdout.splitlines() if x.startswith("world_atlas/default#50m"))
    assert "Russia 98%" in row
    assert "2019-08-31" in row


def test_status_of_the_past_is_what_was_shown_then(past: Path) -> None:
    def owner(*when: str) -> str:
        rows = json.loads(asked("status", "crimea", "--json", *when, folder=past).stdout)
        (row,) = (r for r in rows if (r["source"], r["layer"]) == ("world_atlas", "50m"))
        return str(row["shares"][0]["owner"])

    assert owner() == "RU"
    assert owner("--as-of", "2019-08-31") == "RU"
    assert owner("--as-of", "2019-08-30") == "UA"
    assert owner("--as-of", "2018-01-01T12:00") == "UA"
    assert asked("status", "crimea", "--as-of", "1999-01-01", "--json", folder=past).stdout.strip() == "[]"
    assert (
        "No view had been captured by 1999-01-01."
        in asked("status", "crimea", "--as-of", "1999-01-01", folder=past).stdout
    )


def test_changes_filters_all_narrow(past: Path) -> None:
    def found(*words: str) -> list[dict[str, Any]]:
        done = asked("changes", "--json", *words, folder=past)
        assert done.exit_code == 0, done.stderr
        return list(json.loads(done.stdout))

    everything = found()
    assert len(everything) > 400
    for words, holds in [
        (("--dispute", "Western Sahara"), lambda c: c["dispute"] == "western_sahara"),
        (("--source", "plotly"), lambda c: c["source"] == "plotly"),
        (("--worldview", "CN"), lambda c: c["worldview"] == "CN"),
        (("--kind", "transfer"), lambda c: c["kind"] == "transfer"),
        (("--significance", "minor"), lambda c: c["significance"] == "minor"),
        (("--since", "2023-01-01"), lambda c: c["after"]["shown_at"] >= "2023-01-01"),
        (("--until", "2017-12-31"), lambda c: c["after"]["shown_at"] < "2018-01-01"),
        (("--text", "Somaliland"), lambda c: "Somaliland" in c["summary"]),
    ]:
        some = found(*words)
        assert 0 < len(some) < len(everything), words
        assert all(holds(c) for c in some), words
        assert sum(map(holds, everything)) == len(some), words
    assert len(found("--limit", "3")) == 3
    times = [c["after"]["shown_at"] for c in found("--order", "time")]
    assert times == sorted(times, reverse=True)
    assert found("--dispute", "crimea", "--kind", "renamed") == []


def test_most_significant_changes_come_first(past: Path) -> None:
    told = json.loads(asked("changes", "--json", folder=past).stdout)
    ranks = [c["significance"] for c in told]
    assert ranks == sorted(ranks, key=["substantive", "minor", "noise"].index)
    assert told[0]["kind"] == "transfer"


def test_the_three_forms_tell_the_same(past: Path) -> None:
    words = ["changes", "--source", "world_atlas"]
    data = json.loads(asked(*words, "--json", folder=past).stdout)
    rows = list(csv.DictReader(io.StringIO(asked(*words, "--csv", folder=past).stdout)))
    table = asked(*words, folder=past).stdout
    assert len(data) == len(rows)
    assert f"{len(data)} changes" in table
    for record, row in zip(data, rows, strict=True):
        assert row["id"] == record["id"]
        assert float(row["area_km2"]) == record["area_km2"]
        assert row["after_edition"] == record["after"]["edition"]
        assert row["reverts"] == ""


def test_a_csv_cell_of_nothing_is_empty(past: Path) -> None:
    rows = csv.DictReader(io.StringIO(asked("changes", "--source", "surbowl_zh", "--csv", folder=past).stdout))
    assert {row["layer"] for row in rows} == {""}


def test_no_change_found_says_so(past: Path) -> None:
    done = asked("changes", "--dispute", "aegean_imia", folder=past)
    assert done.exit_code == 0
    assert "No such change in the log." in done.stdout


# --- disputes, sources, map --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slug"),
    [("palest", "palestine"), ("Крим", "crimea"), ("钓鱼", "senkaku"), ("فلسط", "palestine"), ("尖閣", "senkaku")],
)
def test_disputes_are_found_in_any_script(text: str, slug: str) -> None:
    done = asked("disputes", text, "--json")
    assert done.exit_code == 0
    assert slug in {d["slug"] for d in json.loads(done.stdout)}


def test_all_disputes_are_listed() -> None:
    table = asked("disputes").stdout
    assert f"{len(catalogue(geometry=False))} disputes" in table
    assert "northern_cyprus" in table
    rows = list(csv.DictReader(io.StringIO(asked("disputes", "--csv").stdout)))
    assert len(rows) == len(catalogue(geometry=False)) >= 110


def test_no_dispute_found_says_so() -> None:
    assert "No dispute has 'atlantis' in its names" in asked("disputes", "atlantis").stdout


def test_sources_say_terms_and_health(past: Path) -> None:
    told = {s["source"]: s for s in json.loads(asked("sources", "--json", folder=past).stdout)}
    assert set(told) == set(workspace.sources.names())
    assert told["world_atlas"]["health"] == "ok"
    assert told["iana_root"]["health"] == "not asked"
    assert all(s["licence"] and s["attribution"] and s["watches"] for s in told.values())
    table = asked("sources", folder=past).stdout
    assert all(name in table for name in told)


def test_stale_sources_are_those_not_heard_of_for_twice_their_cadence(tmp_path: Path) -> None:
    store = Snapshots(tmp_path / "snapshots")
    view = View("iana_root")
    store.failed(view, Unreachable("down"), Terms("none", "IANA"), live=True, taken_at=datetime.now(UTC))
    stale = {s["source"]: s for s in json.loads(asked("sources", "--stale", "--json", folder=tmp_path).stdout)}
    assert stale["iana_root"]["health"] == "unreachable: down"
    assert stale["iana_root"]["last_success"] is None


def test_map_draws_a_page_and_says_where(lasting: Path) -> None:
    path = Path(asked("map", "Crimea", folder=lasting).stdout.strip())
    before = path.read_text(encoding="utf-8")
    assert "Crimea" in before
    path.unlink()
    assert asked("map", "crimea", folder=lasting).stdout.strip() == str(path)
    assert path.read_text(encoding="utf-8") == before


# --- run -----------------------------------------------------------------------------------------------------


def test_a_run_in_an_empty_folder_begins_a_workspace(
    tmp_path: Path, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BORDERWATCH_DISABLED", "")
    done = asked("run", "windows_geoid", "iana_root", folder=tmp_path / "new")
    assert done.exit_code == 1, done.output
    assert "Asked 2 views: 0 answered" in done.stdout
    assert "unreachable  iana_root:" in done.stdout
    assert "No change." in done.stdout
    assert (tmp_path / "new" / "snapshots" / "iana_root" / "captures.jsonl").is_file()
    again = asked("run", "windows_geoid", "iana_root", "--offline", folder=tmp_path / "new")
    assert again.exit_code == 0
    assert "Nobody was asked (--offline)." in again.stdout


def test_with_history_an_empty_folder_gets_the_recorded_past(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SHIPPED / SMALL, tmp_path / "carried" / SMALL)
    monkeypatch.setattr(workspace, "history", lambda: tmp_path / "carried")
    monkeypatch.setenv("BORDERWATCH_JOBS", "1")
    folder = tmp_path / "new"
    done = asked("run", "--offline", "--with-history", folder=folder)
    assert done.exit_code == 0, done.output
    assert "crimea" in done.stdout
    assert (folder / "maps" / "index.html").is_file()
    before = (folder / "snapshots" / SMALL / "captures.jsonl").read_bytes()
    again = asked("run", "--offline", "--with-history", folder=folder)
    assert again.exit_code == 0
    assert "No change." in again.stdout
    assert (folder / "snapshots" / SMALL / "captures.jsonl").read_bytes() == before


def test_a_run_while_another_holds_the_workspace_is_refused_with_a_clear_word(small: Path) -> None:
    with workspace_lock(small, "borderwatch watch"):
        for command in (["run", "--offline"], ["rebuild"], ["backfill"], ["watch"]):
            done = asked(*command, folder=small)
            assert done.exit_code == 1
            assert "borderwatch watch (process" in done.stderr
            assert "is at work here" in done.stderr
            assert "Traceback" not in done.output
    assert not (small / "borderwatch.db").exists()


def test_questions_are_answered_while_a_run_holds_the_workspace(lasting: Path) -> None:
    with workspace_lock(lasting, "borderwatch run"):
        assert asked("status", "crimea", folder=lasting).exit_code == 0
        assert asked("changes", folder=lasting).exit_code == 0


def test_rebuild_and_a_first_run_make_the_same(lasting: Path) -> None:
    def digest() -> str:
        with ChangeLog(lasting / "borderwatch.db", readonly=True) as log:
            return log.content_digest()

    first = digest()
    done = asked("rebuild", folder=lasting)
    assert done.exit_code == 0
    assert first[:16] in done.stdout
    assert digest() == first


# --- diff ----------------------------------------------------------------------------------------------------


def drawn(path: Path, owner: str) -> Path:
    """A map of two states with Crimea as ``owner``'s."""
    crimea = catalogue().get("crimea").reference
    assert crimea is not None
    ground = {"UA": shapely.box(22, 46.3, 37, 52), "RU": shapely.box(37, 41, 60, 60)}
    ground[owner] = ground[owner].union(crimea)
    ground = {code: shapely.segmentize(g, 0.05) for code, g in ground.items()}
    features = [
        {"type": "Feature", "properties": {"ISO_A2": c}, "geometry": shapely.geometry.mapping(g)}
        for c, g in ground.items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("two")
    return drawn(folder / "old.geojson", "UA"), drawn(folder / "new.geojson", "RU")


def test_diff_exits_as_diff_does(two: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = two
    assert asked("diff", old, old, "--disputes", "crimea").exit_code == 0
    assert asked("diff", old, new, "--disputes", "crimea").exit_code == 1
    broken = tmp_path / "broken.geojson"
    broken.write_text("{", encoding="utf-8")
    for words in ([old, broken], [old, tmp_path / "gone"], [old, new, "--disputes", "atlantis"], [old]):
        done = asked("diff", *words)
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        assert "Traceback" not in done.output


def test_diff_tells_in_every_form(two: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = two
    table = asked("diff", old, new, "--disputes", "crimea,kosovo").stdout
    assert "Ukraine → Russia" in table
    data = json.loads(asked("diff", old, new, "--disputes", "crimea", "--format", "json").stdout)
    (told,) = data["disputes"][0]["changes"]
    assert (told["from"], told["to"]) == ("UA", "RU")
    places = json.loads(asked("diff", old, new, "--disputes", "crimea", "--format", "geojson").stdout)
    ground = shapely.geometry.shape(places["features"][0]["geometry"])
    assert shapely.Point(34.3, 45.2).within(ground)
    page = tmp_path / "change.html"
    done = asked("diff", old, new, "--disputes", "crimea", "--map", page)
    assert done.exit_code == 1
    assert "Crimea" in page.read_text(encoding="utf-8")


# --- hostile words -----------------------------------------------------------------------------------------------

HOSTILE = ["\x1b[2J\x1b[31mred", "\x9b31mred", "[bold red]x[/]", "\x07bell", "line\nbreak", "a\u202eevil", "\x00"]
FORMULAS = ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(1)", "\tx", "\rx", "\n=1"]


@pytest.fixture
def hostile() -> list[Any]:
    before, after = kept(View("atlas"), "1\x1b[0m", day(2020)), kept(View("atlas"), "2", day(2021))
    return [
        change(before, after, None, Kind.RENAMED, subject=word, old=word, new=word[::-1], summary=word)
        for word in [*HOSTILE, *FORMULAS]
    ]


def test_no_control_character_reaches_a_terminal(hostile: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    for form in (None, "json", "csv"):
        tell.changes(hostile, form)
        out = capsys.readouterr().out
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", out.replace("\r\n", "\n")), form
    tell.changes(hostile, None)
    assert "[bold red]x[/]" in capsys.readouterr().out


def test_an_error_that_quotes_a_hostile_word_is_harmless(past: Path) -> None:
    done = asked("status", "\x1b[2J\x9b31mcrimea", folder=past)
    assert done.exit_code == 2
    assert "crimea" in done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.stderr)


def test_json_loses_nothing_of_a_hostile_word(hostile: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    tell.changes(hostile, "json")
    told = [c["old"] for c in json.loads(capsys.readouterr().out)]
    assert told == [*HOSTILE, *FORMULAS]


def test_no_csv_cell_begins_like_a_formula(hostile: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    tell.changes(hostile, "csv")
    for row in csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")):
        for cell in row.values():
            assert not cell.lstrip("\r\n").startswith(("=", "+", "-", "@", "\t")) or cell.startswith("'"), cell


def test_numbers_are_no_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.records([{"km2": -1.5, "word": "-1.5", "none": None, "empty": ""}], "csv")
    assert capsys.readouterr().out.splitlines() == ["km2,word,none,empty", "-1.5,'-1.5,,"]


# --- a real process ----------------------------------------------------------------------------------------------


def test_the_module_and_the_script_are_the_same_command(tmp_path: Path) -> None:
    module = borderwatch(cwd=tmp_path)
    assert module.returncode == 0
    assert "Usage: borderwatch" in module.stdout
    script = Path(sys.executable).with_name("borderwatch")
    if not script.exists():
        pytest.skip("the package is not installed beside this Python")
    done = subprocess.run([script], capture_output=True, text=True, check=False, cwd=tmp_path, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, module.stdout)


HEAVY = ["geopandas", "pandas", "numpy", "shapely", "folium", "requests", "sqlite_utils", "pyproj", "babel", "pydantic"]


@pytest.mark.parametrize("words", [["--help"], ["changes", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(words: list[str]) -> None:
    code = (
        "import sys\nfrom borderwatch.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_a_reader_that_stops_reading_is_no_error(past: Path, form: str, tmp_path: Path) -> None:
    code = tmp_path / "code"
    line = f"{{ {sys.executable} -m borderwatch -C {past} changes {form}; echo $? > {code}; }} | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, encoding="utf-8", timeout=60)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert code.read_text(encoding="utf-8").strip() == "0"


def test_output_is_utf_8_in_a_plain_locale(past: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "borderwatch", "-C", past, "changes", "--source", "surbowl_zh"],
        capture_output=True,
        check=False,
        timeout=60,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "→" in done.stdout.decode("utf-8")


def test_a_run_is_refused_while_another_process_runs(small: Path) -> None:
    with workspace_lock(small, "borderwatch run"):
        done = borderwatch("run", "--offline", cwd=small)
    assert done.returncode == 1
    assert "is at work here" in done.stderr
    assert len(done.stderr.splitlines()) == 1
