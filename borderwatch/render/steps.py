"""Changes gathered into steps: all that one view changed between two successive captures."""

from __future__ import annotations

from dataclasses import dataclass

from borderwatch.models import Capture, Change, DisputePage, Significance
from borderwatch.render import words

FILLS = 8
"""Patterns for owners, told apart without colour; owners beyond get plain grey."""


@dataclass(frozen=True, slots=True)
class Step:
    """All changes between two successive captures of a view."""

    before: Capture
    after: Capture
    changes: tuple[Change, ...]


def steps_of(changes: tuple[Change, ...]) -> list[Step]:
    """Changes by the captures they lie between, newest first."""
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in words.most_significant_first(changes):
        groups.setdefault((change.before.id, change.after.id), []).append(change)
    steps = [Step(group[0].before, group[0].after, tuple(group)) for group in groups.values()]
    return sorted(steps, key=lambda s: (-s.after.shown_at.timestamp(), str(s.after.view), s.after.id))


def drawable_steps(page: DisputePage) -> list[Step]:
    """Steps that can be drawn: those with a substantive change, or all where there is none."""
    drawable = [s for s in steps_of(page.changes) if _can_be_drawn(s, page)]
    weighty = [s for s in drawable if any(c.significance is Significance.SUBSTANTIVE for c in s.changes)]
    return weighty or drawable


def _can_be_drawn(step: Step, page: DisputePage) -> bool:
    if any(c.geometry is not None and not c.geometry.is_empty for c in step.changes):
        return True
    return bool(page.sketches.get(step.before.id) or page.sketches.get(step.after.id))


def owner_fills(page: DisputePage) -> dict[str, str]:
    """A pattern for each owner shown inside the dispute: claimants in code order, then the others."""
    inside = [owner for change in page.changes for owner in (change.loser, change.gainer)]
    inside += [share.owner for standing in page.standings for share in standing.depiction.shares]
    claimants = page.dispute.claimants
    ordered = [*claimants, *sorted({o for o in inside if o is not None} - set(claimants))]
    return {owner: f"o{i}" if i < FILLS else "plain" for i, owner in enumerate(ordered)}
