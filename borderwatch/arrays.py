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


def add_by_run(totals: NDArray[Any], block: NDArray[Any], at: int, starts: NDArray[np.int64]) -> None:
    """Add what of every run is in a block to its total; the runs begin at ``starts``, the block at place ``at``."""
    first, stop = np.searchsorted(starts, [at + 1, at + len(block)]).tolist()
    totals[first - 1 : stop] += np.add.reduceat(block, np.append(at, starts[first:stop]) - at)
