"""The recorded history as a newcomer's first run reads it: derived once per test session, shared by every worker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from borderwatch.settings import Settings

SHIPPED = Path(__file__).parents[1] / "snapshots"
TIMEOUT_S = 400


@dataclass(frozen=True)
class Recorded:
    """A workspace with the whole recorded history, and what the run that derived it said. Never write into it."""

    folder: Path
    stdout: str
    stderr: str
    took_s: float

    @property
    def settings(self) -> Settings:
        return Settings.load(self.folder)


def borderwatch(*words: str | Path, cwd: Path, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, in a process of its own, with registries nobody answers at."""
    dead = "http://127.0.0.1:9/"
    environ = {
        **os.environ,
        "npm_config_registry": dead,
        "PIP_INDEX_URL": dead + "simple/",
        "PIP_CONFIG_FILE": os.devnull,
        "PYTHONUTF8": "1",
        "COVERAGE_PROCESS_START": "",
    }
    return subprocess.run(
        [sys.executable, "-m", "borderwatch", *map(str, words)],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        encoding="utf-8",
    )


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The recorded history, derived by ``borderwatch run --offline`` from a copy of what the repository ships."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent  # what the workers of one session share
    folder, told = base / "recorded", base / "recorded.json"
    with FileLock(base / "recorded.lock"):
        if not told.exists():
            shutil.copytree(SHIPPED, folder / "snapshots")
            began = time.monotonic()
            done = borderwatch("run", "--offline", cwd=folder, timeout_s=TIMEOUT_S)
            took_s = time.monotonic() - began
            told.write_text(json.dumps([done.stdout, done.stderr, done.returncode, took_s]), encoding="utf-8")
        stdout, stderr, code, took_s = json.loads(told.read_text(encoding="utf-8"))
    if code:
        pytest.fail(f"the recorded history could not be derived (exit code {code}): {stderr[-2000:]}")
    return Recorded(folder, stdout, stderr, took_s)


def linked(recorded: Recorded, folder: Path) -> Path:
    """A workspace of one's own with the same archive and pages (linked: add to them, do not edit) and the same log."""
    shutil.copytree(recorded.folder / "snapshots", folder / "snapshots", copy_function=_link)
    shutil.copy2(recorded.folder / "borderwatch.db", folder / "borderwatch.db")
    # A page is written whole beside and moved into place: a link is never written through.
    shutil.copytree(recorded.folder / "maps", folder / "maps", copy_function=os.link)
    return folder


def _link(origin: str, target: str) -> None:
    if Path(origin).suffix == ".zst":
        os.link(origin, target)
    else:
        shutil.copy2(origin, target)  # ledgers grow
