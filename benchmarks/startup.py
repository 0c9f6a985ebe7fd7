"""How long a person waits for the command line to begin: medians of whole processes, in seconds.

``python benchmarks/startup.py [-n RUNS] [-C WORKSPACE]``. The questions need a workspace with a change log; without one
only the help is measured. Exits 1 where a median is above the budget.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

BUDGET_S = 0.4
"""What the help may take: below that a command feels at once."""
HELP = (["--version"], ["--help"], ["changes", "--help"], ["run", "--help"])
QUESTIONS = (
    ["disputes", "palest"],
    ["changes", "--dispute", "crimea"],
    ["status", "crimea"],
    ["status", "crimea", "--as-of", "2018-01-01"],
    ["changes", "--json"],
)


def seconds(words: list[str], workspace: Path) -> float:
    """The wall time of one process."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "borderwatch", "-C", workspace, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return time.perf_counter() - began


def measured(words: list[str], workspace: Path, runs: int) -> tuple[float, float, float]:
    """Median, least and most of ``runs`` runs; one more before them warms the disk's cache."""
    seconds(words, workspace)
    times = [seconds(words, workspace) for _ in range(runs)]
    return statistics.median(times), min(times), max(times)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-n", "--runs", type=int, default=9, help="runs of each command (default 9)")
    parser.add_argument("-C", "--workspace", type=Path, default=Path(), help="a workspace with a change log")
    chosen = parser.parse_args()
    asked = [*HELP]
    if (chosen.workspace / "borderwatch.db").exists():
        asked += QUESTIONS
    else:
        print(f"no change log in {chosen.workspace.resolve()}: only the help is measured", file=sys.stderr)
    print(f"{'command':<52} {'median':>8} {'least':>8} {'most':>8}   (s, {chosen.runs} runs)")
    slow = []
    for words in asked:
        median, least, most = measured(words, chosen.workspace, chosen.runs)
        print(f"{'borderwatch ' + ' '.join(words):<52} {median:8.3f} {least:8.3f} {most:8.3f}")
        if words in HELP and median > BUDGET_S:
            slow.append(words)
    if slow:
        print(f"above {BUDGET_S} s: {', '.join(' '.join(w) for w in slow)}", file=sys.stderr)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
