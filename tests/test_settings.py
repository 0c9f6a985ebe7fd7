"""Settings: every problem is told at once, with its place and the choices; no key is ever one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from borderwatch.errors import SettingsError
from borderwatch.settings import EXAMPLE, FILE, Settings, interval_from_text


def load(workspace: Path, text: str = "", **environ: str) -> Settings:
    if text:
        (workspace / FILE).write_text(text, encoding="utf-8")
    return Settings.load(workspace, environ)


def problems(workspace: Path, text: str = "", **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(workspace, text, **environ)
    return str(error.value).splitlines()


def test_a_workspace_without_settings_has_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == Settings(
        workspace=tmp_path,
        snapshots=tmp_path / "snapshots",
        maps=tmp_path / "maps",
        database=tmp_path / "borderwatch.db",
    )
    assert not list(tmp_path.iterdir()), "reading settings makes nothing"


def test_the_example_is_valid_and_its_values_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = load(tmp_path / "plain")
    example = load(tmp_path, EXAMPLE)
    given_by_example = dataclasses.replace(example, contact=None, every=plain.every)
    assert dataclasses.replace(plain, workspace=tmp_path, snapshots=tmp_path / "snapshots", maps=tmp_path / "maps",
                               database=tmp_path / "borderwatch.db") == given_by_example  # fmt: skip
    names = {field.name for field in dataclasses.fields(Settings)} - {"workspace"}
    assert all(name in EXAMPLE for name in names)


def test_settings_cannot_be_changed_once_built(tmp_path: Path) -> None:
    settings = load(tmp_path, '[every]\natlas = "7d"\n')
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.jobs = 9  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.every["atlas"] = timedelta(1)  # type: ignore[index]


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    text = 'jobs = 2\ntimeout_s = 5\n[sources]\ndisabled = ["a"]\n[every]\natlas = "7d"\n'
    settings = load(
        tmp_path,
        text,
        BORDERWATCH_JOBS="8",
        BORDERWATCH_DISABLED="b, c",
        BORDERWATCH_EVERY="atlas=12h, list = 2w",
        BORDERWATCH_MAX_BYTES="1.5 MB",
        BORDERWATCH_MAPS="elsewhere",
        BORDERWATCH_CONTACT="",
    )
    assert (settings.jobs, settings.timeout_s, settings.disabled) == (8, 5.0, ("b", "c"))
    assert dict(settings.every) == {"atlas": timedelta(hours=12), "list": timedelta(days=14)}
    assert settings.max_bytes == 1_500_000
    assert settings.maps == tmp_path / "elsewhere"
    assert settings.contact is None, "set but empty is not set"


def test_absolute_paths_and_the_home_folder_stay_what_they_are(tmp_path: Path) -> None:
    settings = load(tmp_path, f'snapshots = "{(tmp_path / "far").as_posix()}"\nmaps = "~/maps"\n')
    assert settings.snapshots == tmp_path / "far"
    assert settings.maps == Path("~/maps").expanduser()


def test_every_problem_is_told_at_once_with_its_place_value_and_choices(tmp_path: Path) -> None:
    text = """\
job = 3
timeout_s = "soon"
contact = "me\\nX-Evil: 1"
api_key = "abc"

[sources]
enable = ["x"]
disabled = "x"

[every]
atlas = "7 fortnights"
list = "1m"
"""
    found = problems(tmp_path, text, BORDERWATCH_JOBS="0", BORDERWATCH_TIMEOUTS="3")
    path = tmp_path / FILE
    assert any(p.startswith(f"{path} line 1: no setting 'job'; did you mean jobs?") for p in found)
    assert f"{path} line 2: timeout_s = 'soon': is not a number" in " ".join(found)
    assert any(p.startswith(f"{path} line 3: contact") and "e-mail" in p for p in found)
    assert any(p.startswith(f"{path} line 4: api_key: keys are never stored") for p in found)
    assert any("line 7: no setting 'sources.enable'; did you mean" in p for p in found)
    assert any("line 8" in p and '["name", "name"]' in p for p in found)
    assert any("every.atlas" in p and "30m, 12h, 7d or 2w" in p for p in found)
    assert any("every.list" in p and "between 15m and 366d" in p for p in found)
    assert any(p.startswith("BORDERWATCH_JOBS: jobs = '0'") and "at least 1" in p for p in found)
    assert any(p.startswith("environment: no setting 'BORDERWATCH_TIMEOUTS'; did you mean") for p in found)


def test_the_value_of_a_misplaced_key_is_never_repeated(tmp_path: Path) -> None:
    assert "sk-123" not in "\n".join(problems(tmp_path, 'maps_api_key = "sk-123"\n[sources]\ntoken = "sk-123"\n'))


def test_variables_of_sources_and_tests_are_none_of_our_business(tmp_path: Path) -> None:
    load(tmp_path, BORDERWATCH_SHARED="x", BORDERWATCH_MAPS_KEY="k", BORDERWATCH_WORKSPACE="w", OTHER="1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs = ", "not TOML"),
        ("jobs = 2.5", "not a whole number"),
        ("jobs = 33", "at most 32"),
        ("jobs = true", "not a number"),
        ("timeout_s = inf", "at most 3600"),
        ("timeout_s = nan", "at least 1"),
        ("timeout_s = 0", "at least 1"),
        ("max_bytes = 12", "at least 1000"),
        ('max_bytes = "9 parsecs"', "not a whole number"),
        ("sources = 3", "is not a table"),
        ("every = 3", "is not a table"),
        ('every = "7d"', "is not a table"),
        ('[sources]\nenabled = ["Bad Name"]', "not a source's name: 'Bad Name'"),
        ('[sources]\nenabled = ["x"]\ndisabled = ["x"]', "x is both enabled and disabled"),
        ('contact = "nobody"', "e-mail"),
        ('maps = "snapshots"', "maps and snapshots"),
        ('maps = "snapshots/maps"', "maps and snapshots"),
        ('database = ""', "empty"),
        ('maps = "a\\u0000b"', "maps"),
        ("maps = 3", "not a text"),
        ('workspace = "x"', "no setting 'workspace'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    import re

    assert re.search(message, "\n".join(problems(tmp_path, text)))


def test_a_file_that_is_not_text_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"jobs = 2 # \xff")
    assert "not UTF-8" in problems(tmp_path)[0]
    (tmp_path / FILE).write_bytes(b"#" * 2_000_000)
    assert "settings are a few lines" in problems(tmp_path)[0]
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    assert "cannot be read" in problems(tmp_path)[0]


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbfjobs = 2\n")
    assert load(tmp_path).jobs == 2


def test_sources_whose_terms_forbid_automation_are_off_until_turned_on(tmp_path: Path) -> None:
    settings = load(tmp_path, '[sources]\nenabled = ["closed"]\ndisabled = ["open"]\n')
    assert settings.wants("closed", automation=False)
    assert not settings.wants("other_closed", automation=False)
    assert not settings.wants("open", automation=True)
    assert settings.wants("other", automation=True)


def test_a_source_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    settings = load(tmp_path, '[sources]\ndisabled = ["word_atlas"]\n[every]\ncldrr = "7d"\n')
    with pytest.raises(SettingsError) as error:
        settings.check_sources(["world_atlas", "cldr"])
    assert "disabled: no source 'word_atlas'; did you mean world_atlas?" in str(error.value)
    assert "every: no source 'cldrr'; did you mean cldr?" in str(error.value)
    assert "the sources are: cldr, world_atlas" in str(error.value)


@given(st.integers(1, 10_000), st.sampled_from("mhdw"))
def test_a_cadence_means_what_it_says(number: int, unit: str) -> None:
    meant = number * {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[unit]
    if 900 <= meant <= 366 * 86_400:
        assert interval_from_text(f"{number}{unit}").total_seconds() == meant
        assert interval_from_text(f" {number} {unit} ").total_seconds() == meant
    else:
        with pytest.raises(ValueError, match="between"):
            interval_from_text(f"{number}{unit}")


def test_importing_settings_does_not_import_the_validator() -> None:
    code = "import sys, borderwatch.settings; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ}).returncode == 0
