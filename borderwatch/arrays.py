"""Many ranges of one array at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranges(first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of every range one after the other: ``counts`` of them from each ``first`` on."""
    return np.repeat(first - begins(counts), counts) + np.arange(int(counts.sum()))


def begins(counts: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Where each of some runs laid end to end begins."""
    return np.asarray(np.cumsum(counts) - counts)


def add_steps(
    totals: NDArray[Any], steps: NDArray[Any], at: int, starts: NDArray[np.int64], lasts: NDArray[np.int64]
) -> None:
    """Add the steps within every run to its total; the first is that from place ``at`` to the next.

    Runs begin at ``starts`` and end on ``lasts``; a step from one to the next is of neither, and is set to 0.
    """
    first, stop = np.searchsorted(lasts, [at, at + len(steps)]).tolist()
    steps[lasts[first:stop] - at] = 0
    first, stop = np.searchsorted(starts, [at + 1, at + len(steps)]).tolist()
    totals[first - 1 : stop] += np.add.reduceat(steps, np.append(at, starts[first:stop]) - at)
