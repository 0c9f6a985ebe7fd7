"""The wheel as a stranger installs it: all a run needs and the recorded history, at work in an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from borderwatch import __version__

ROOT = Path(__file__).parents[1]
KEPT = "geopandas_lowres"
"""One source's history is enough to run on; the whole is derived in ``test_history``."""


@dataclass(frozen=True)
class Wheel:
    """The wheel, and where it lies unpacked as an installer would put it."""

    path: Path
    site: Path

    @property
    def names(self) -> list[str]:
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    def python(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Python with the unpacked wheel before anything else; ``-P``: what lies in the folder is no module."""
        environ = {**os.environ, "PYTHONPATH": str(self.site), "PYTHONUTF8": "1", "BORDERWATCH_JOBS": "1"}
        return subprocess.run(
            [sys.executable, "-P", *words],
            cwd=cwd,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            encoding="utf-8",
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """Built from a copy of the checkout. A module's fixture still sees the real settings of pip."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    backend = subprocess.run(
        [*pip, "install", "--target", folder / "backend", "hatchling>=1.25"],
        capture_output=True,
        text=True,
        check=False,
    )
    if backend.returncode:
        pytest.skip(f"the build backend cannot be had here: {backend.stderr.strip().splitlines()[-1:]}")
    copy = folder / "checkout"
    copy.mkdir()
    for name in ("borderwatch", "snapshots"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".lock"))
    for name in (".gitignore", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, copy / name)
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, copy],
        env={**os.environ, "PYTHONPATH": str(folder / "backend")},
        check=True,
        capture_output=True,
        text=True,
    )
    (path,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(site)
    return Wheel(path, site)


def test_the_wheel_carries_what_a_run_needs(wheel: Wheel) -> None:
    assert wheel.path.name == f"borderwatch-{__version__}-py3-none-any.whl"
    inside = set(wheel.names)
    tracked = [
        p.relative_to(ROOT).as_posix()
        for p in (ROOT / "borderwatch").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    ]
    assert inside.issuperset(tracked)
    for kind in (".css", ".js", ".html", ".geojson", ".json", "py.typed"):
        assert any(name.startswith("borderwatch/") and name.endswith(kind) for name in inside), kind


def test_the_wheel_carries_the_recorded_history(wheel: Wheel) -> None:
    inside = set(wheel.names)
    for file in (ROOT / "snapshots").rglob("*"):
        if file.is_file() and not file.name.startswith("."):
            assert f"borderwatch/history/{file.relative_to(ROOT / 'snapshots').as_posix()}" in inside


def test_the_wheel_carries_nothing_else(wheel: Wheel) -> None:
    info = f"borderwatch-{__version__}.dist-info/"
    assert [n for n in wheel.names if not n.startswith(("borderwatch/", info))] == []
    assert [n for n in wheel.names if "__pycache__" in n or n.endswith((".db", ".lock"))] == []
    assert wheel.path.stat().st_size < 45e6


def test_the_wheel_installs_the_command(wheel: Wheel) -> None:
    info = wheel.site / f"borderwatch-{__version__}.dist-info"
    assert "borderwatch = borderwatch.cli:main" in (info / "entry_points.txt").read_text(encoding="utf-8")
    told = (info / "METADATA").read_text(encoding="utf-8")
    assert "Requires-Python: >=3.11" in told
    assert "License-File: LICENSE" in told


def test_installed_it_begins_a_workspace_in_an_empty_folder(wheel: Wheel, tmp_path: Path) -> None:
    history = wheel.site / "borderwatch" / "history"
    assert history.is_dir()
    for source in history.iterdir():
        if source.is_dir() and source.name != KEPT:
            shutil.rmtree(source)
    where = wheel.python("-c", "import borderwatch; print(borderwatch.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(wheel.site)
    done = wheel.python("-m", "borderwatch", "run", "--offline", "--with-history", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "crimea" in done.stdout
    assert (tmp_path / "maps" / "index.html").is_file()
    assert sorted(p.name for p in (tmp_path / "snapshots").iterdir() if p.is_dir()) == [KEPT]
    proof = wheel.python("-m", "borderwatch", "verify", cwd=tmp_path)
    assert proof.returncode == 0, proof.stdout
