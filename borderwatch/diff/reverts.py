"""A -> B -> A: which change takes which earlier one back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import shapely

from borderwatch.diff.ownership import both
from borderwatch.geometry import area_km2
from borderwatch.models import GROUND_KINDS, Capture, Change, Kind

# Area and place agree this well when a change is taken back.
REVERT_AREA = 0.75
# Lines are drawn anew when they come back: this much of the shorter one lies within this many degrees of the other.
REVERT_LINE, REVERT_LINE_DEG = 0.75, 0.1

_BACK = {
    Kind.APPEARED: Kind.DISAPPEARED,
    Kind.DISAPPEARED: Kind.APPEARED,
    Kind.SPLIT: Kind.MERGED,
    Kind.MERGED: Kind.SPLIT,
    Kind.LISTED: Kind.DELISTED,
    Kind.DELISTED: Kind.LISTED,
    # What was water when it was nobody's may be a gap when it is nobody's again: the pair of owners says it.
    Kind.GAP: Kind.GAP,
}
_LINE_BACK = {"moved": "moved", "added": "removed", "removed": "added"}


def with_reverts(changes: Iterable[Change]) -> list[Change]:
    """The same changes, each that takes an earlier one back naming it.

    A change that was taken back already is not taken back again.
    """
    done: list[Change] = []
    open_: list[Change] = []
    for change in changes:
        earlier = next((c for c in reversed(open_) if takes_back(change, c)), None)
        if earlier is not None:
            open_.remove(earlier)
            when = _when(earlier.after)
            change = replace(  # noqa: PLW2901
                change, reverts=earlier.id, summary=f"{change.summary} This takes back the change of {when}."
            )
        done.append(change)
        open_.append(change)
    return done


def _when(capture: Capture) -> str:
    return capture.shown_at.date().isoformat()


def takes_back(change: Change, earlier: Change) -> bool:
    """Whether a change undoes an earlier one of the same view: same place, same amount, the other way round."""
    if change.dispute != earlier.dispute or earlier.after.id == change.after.id:
        return False
    if change.kind is not _BACK.get(earlier.kind, earlier.kind):
        return False
    if change.kind in GROUND_KINDS:
        return _ground_back(change, earlier)
    if change.kind is Kind.BOUNDARY_MOVED:
        return _line_back(change, earlier)
    if change.kind in (Kind.APPEARED, Kind.DISAPPEARED, Kind.SPLIT, Kind.MERGED):
        return change.old == earlier.new and change.new == earlier.old
    same = change.subject == earlier.subject
    return same and change.old == earlier.new and change.new == earlier.old


def _ground_back(change: Change, earlier: Change) -> bool:
    if (change.loser, change.gainer) != (earlier.gainer, earlier.loser):
        return False
    if change.geometry is None and earlier.geometry is None:  # facts only: the amount is all there is
        common = min(change.area_km2 or 0.0, earlier.area_km2 or 0.0)
    elif change.geometry is None or earlier.geometry is None:
        return False
    else:
        common = area_km2(both(change.geometry, earlier.geometry))
    return common >= REVERT_AREA * max(change.area_km2 or 0.0, earlier.area_km2 or 0.0)


def _line_back(change: Change, earlier: Change) -> bool:
    if change.subject != _LINE_BACK.get(earlier.subject) or (change.old, change.new) != (earlier.new, earlier.old):
        return False
    if change.geometry is None or earlier.geometry is None:
        return change.geometry is earlier.geometry
    a, b = sorted((change.geometry, earlier.geometry), key=lambda g: g.length)
    near = shapely.intersection(a, shapely.buffer(b, REVERT_LINE_DEG))
    return bool(near.length >= REVERT_LINE * a.length and a.length >= REVERT_LINE * b.length)
