"""Run the package clients of this machine (npm, pip), which know its registries, logins and mirrors.

What they print never leaves here as it came: it names hosts and may hold tokens.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from borderwatch.errors import CaptureProblem, Unreachable

TIMEOUT_S = 600.0
MAX_OUTPUT_BYTES = 33_554_432


@dataclass(slots=True)
class Tool:
    """One client in one run: asked one question at a time, and no more once its registry is out of reach."""

    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    out_of_reach: str | None = None

    def check(self) -> None:
        if self.out_of_reach is not None:
            raise Unreachable(f"the registry {self.name} is set up for was out of reach earlier in this run")

    def note(self, problem: CaptureProblem) -> CaptureProblem:
        """Remember ``problem`` where it is about the registry, not about the package asked for."""
        if isinstance(problem, Unreachable):
            self.out_of_reach = str(problem)
        return problem


@dataclass(frozen=True, slots=True)
class Said:
    """How a client ended and what it printed."""

    code: int
    out: str
    err: str


def run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Said:
    """Run ``command`` in ``folder``, where no project's own settings lie; ``Unreachable`` where it hangs."""
    with subprocess.Popen(  # noqa: S603 - a fixed command; names and versions are checked and never a shell's
        list(command),
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=sys.platform != "win32",
    ) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Unreachable(
                f"{Path(command[0]).name} did not end within {TIMEOUT_S:g} s: check the connection and run again"
            ) from None
    return Said(process.returncode, _text(out), _text(err))


def _text(data: bytes) -> str:
    return data[:MAX_OUTPUT_BYTES].decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the client and what it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
