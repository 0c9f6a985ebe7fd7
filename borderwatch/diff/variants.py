"""A view that begins to show what another audience is shown: which change adopts which audience's known variant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from borderwatch.models import GROUND_KINDS, Capture, Change, Coverage, Depiction, Kind, Role, View

# Two audiences are shown the same where their owners' shares differ by no more than this in all, and another thing
# where they differ by this and more: a coast drawn otherwise moves a few hundredths.
SAME_SHARES, OTHER_SHARES = 0.1, 0.3
# Lengths of lines by class agree this well where two audiences are shown the same lines.
SAME_LENGTH = 0.1
ENTITIES = frozenset({Kind.APPEARED, Kind.DISAPPEARED})
SWITCHED = GROUND_KINDS | ENTITIES | {Kind.RESTYLED, Kind.BOUNDARY_MOVED, Kind.RENAMED}
"""The kinds of which it can be said that another audience saw it so already."""


def switches(
    changes: Iterable[Change], depictions: Iterable[Depiction], captures: Mapping[str, Capture]
) -> dict[str, View]:
    """By id of a change, the view of the same source and layer, for another audience, that already showed it so.

    "Already": in the last capture of that view shown no later than the change's own earlier state. A variant counts
    only where this view did not show the same before. Of several audiences the first in code order is named, and
    ``default`` last.
    """
    some = [c for c in changes if c.kind in SWITCHED]
    wanted = {(c.view.source, c.view.layer, c.dispute) for c in some if c.dispute is not None}
    shown: dict[tuple[str, str, str], dict[View, list[tuple[datetime, Depiction]]]] = {}
    by_capture: dict[tuple[str, str], Depiction] = {}
    for d in depictions:
        key = (d.view.source, d.view.layer, d.dispute)
        if key in wanted and d.capture in captures:
            by_capture[d.capture, d.dispute] = d
            shown.setdefault(key, {}).setdefault(d.view, []).append((captures[d.capture].shown_at, d))
    found = {}
    for change in some:
        if change.dispute is None:
            continue
        before = by_capture.get((change.before.id, change.dispute))
        after = by_capture.get((change.after.id, change.dispute))
        others = shown.get((change.view.source, change.view.layer, change.dispute), {})
        if before is None or after is None:
            continue
        for view in sorted(others, key=lambda v: (v.worldview == "default", v)):
            if view.worldview == change.view.worldview:
                continue
            other = _last(others[view], change.before.shown_at)
            if other is not None and _same(after, other, change) and _other(before, other, change):
                found[change.id] = view
                break
    return found


def _last(shown: Sequence[tuple[datetime, Depiction]], until: datetime) -> Depiction | None:
    """What a view last showed, at a moment."""
    known = [(at, n, d) for n, (at, d) in enumerate(shown) if at <= until]
    return max(known, key=lambda k: k[:2])[2] if known else None


def _same(a: Depiction, b: Depiction, change: Change) -> bool:
    return _distance(a, b, change) <= (SAME_SHARES if change.kind in GROUND_KINDS else SAME_LENGTH)


def _other(a: Depiction, b: Depiction, change: Change) -> bool:
    # A part of a dispute that passes is as much a switch as the whole of it.
    least = min(OTHER_SHARES, change.share or OTHER_SHARES) if change.kind in GROUND_KINDS else SAME_LENGTH
    return _distance(a, b, change) > max(least, SAME_SHARES)


def _distance(a: Depiction, b: Depiction, change: Change) -> float:
    """How differently two depictions show what a change is about: 0 the same, 1 and more nothing in common."""
    if Coverage.SHOWN not in (a.coverage, b.coverage) or a.coverage is not b.coverage:
        return 1.0
    if change.kind in GROUND_KINDS:
        one, other = ({s.owner: s.share for s in d.shares} for d in (a, b))
        return sum(abs(one.get(o, 0.0) - other.get(o, 0.0)) for o in one.keys() | other.keys())
    if change.kind in ENTITIES:
        one_own, other_own = ({(x.owner, x.name) for x in d.drawn if x.own} for d in (a, b))
        return 0.0 if one_own == other_own else 1.0
    if change.kind is Kind.RENAMED:
        lang = change.subject
        return 0.0 if a.names.get(lang) and a.names.get(lang) == b.names.get(lang) else 1.0
    one_km, other_km = _lengths(a), _lengths(b)
    total = sum(one_km.values()) + sum(other_km.values())
    apart = sum(abs(one_km.get(k, 0.0) - other_km.get(k, 0.0)) for k in one_km.keys() | other_km.keys())
    return apart / total if total else 1.0


def _lengths(depiction: Depiction) -> dict[tuple[str, str], float]:
    """Length of line on the dispute's ground, by the source's word and style."""
    found: dict[tuple[str, str], float] = {}
    for d in depiction.drawn:
        if d.role is Role.BOUNDARY:
            key = (d.word or "", d.style.value if d.style else "")
            found[key] = found.get(key, 0.0) + d.length_km
    return found


def told(change: Change, adopted: View | None) -> Change:
    """The change, saying in its summary whose variant it adopts; as it was where it adopts none."""
    plain = change.summary.removesuffix(_words(change.adopts)) if change.adopts else change.summary
    name = None if adopted is None else str(adopted)
    return replace(change, adopts=name, summary=plain + (_words(name) if name else ""))


def _words(view: str | None) -> str:
    return f" That is what the view {view} showed already." if view else ""
