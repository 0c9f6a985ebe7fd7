"""What changed lately: changes told together where one source made them in one edition, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from borderwatch.models import Capture, Change, Dispute, Kind, Significance

LATELY = timedelta(days=730)
"""Before the newest change of substance: map sources publish once or twice a year."""

_WEIGHT = {
    kind: weight
    for weight, kinds in enumerate(
        (
            (Kind.TRANSFER, Kind.OVERLAP, Kind.GAP, Kind.LAND_WATER),
            (
                Kind.SPLIT,
                Kind.MERGED,
                Kind.BOUNDARY_MOVED,
                Kind.APPEARED,
                Kind.DISAPPEARED,
                Kind.DELISTED,
                Kind.LISTED,
                Kind.REPARENTED,
            ),
            (Kind.RESTYLED, Kind.RENAMED, Kind.RELABELLED, Kind.WORLDVIEWS),
        )
    )
    for kind in kinds
}
"""Ground before entries before words."""


@dataclass(frozen=True, slots=True)
class Item:
    """One change of a story, with the dispute it is about (None: elsewhere)."""

    change: Change
    dispute: Dispute | None


@dataclass(frozen=True, slots=True)
class Story:
    """What one source changed in one edition, the weightiest first; ``copies`` are the same at other scales."""

    source: str
    before: Capture
    after: Capture
    items: tuple[Item, ...]
    copies: int

    @property
    def shown_at(self) -> datetime:
        """When it was first shown."""
        return self.after.shown_at


def stories(changes: Iterable[tuple[Change, Dispute | None]]) -> list[Story]:
    """Changes of substance as stories, the weightiest of each first; a change several scales share is told once.

    The scale that resolves finest speaks for the others.
    """
    groups: dict[tuple[str, object], list[Item]] = {}
    for change, dispute in changes:
        if change.significance is Significance.SUBSTANTIVE:
            groups.setdefault((change.view.source, change.after.shown_at.date()), []).append(Item(change, dispute))
    told = []
    for (source, _day), items in groups.items():
        finest: dict[tuple[object, ...], Item] = {}
        for item in items:
            c = item.change
            same = (c.dispute, c.view.worldview, c.kind, c.loser, c.gainer, c.subject)
            held = finest.get(same)
            if held is None or ((c.limit_km or 0.0), c.id) < ((held.change.limit_km or 0.0), held.change.id):
                finest[same] = item
        kept = sorted(finest.values(), key=lambda item: weight(item.change))
        lead = kept[0].change
        told.append(Story(source, lead.before, lead.after, tuple(kept), len(items) - len(kept)))
    return sorted(told, key=lambda s: (-s.shown_at.timestamp(), s.source))


def lately(told: Sequence[Story]) -> tuple[list[Story], list[Story]]:
    """Stories of the last two years of the record, the weightiest first; and those before, the newest first."""
    if not told:
        return [], []
    since = max(story.shown_at for story in told) - LATELY
    recent = [story for story in told if story.shown_at >= since]
    return sorted(recent, key=lambda s: weight(s.items[0].change)), [s for s in told if s.shown_at < since]


def weight(change: Change) -> tuple[object, ...]:
    """Sorts the weightiest first: ground before entries before words; then the whole of a dispute, then the area."""
    return (
        change.significance is not Significance.SUBSTANTIVE,
        _WEIGHT[change.kind],
        (change.share or 0.0) < 0.5,
        -(change.area_km2 or 0.0),
        -change.after.shown_at.timestamp(),
        change.id,
    )
