"""Since when a view shows a dispute as it does: its depictions in time, cut into unbroken runs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from borderwatch.models import Capture, Change, Comparison, Coverage, Depiction, Kind, Significance, Verdict

ALIKE = 0.01
"""Two shares that differ by less are the same where no comparison says so: a pixel's worth, never a transfer."""

NOT_OF_GROUND = frozenset({Kind.RENAMED, Kind.RESTYLED, Kind.WORLDVIEWS})
"""Kinds that leave a map's owners as they were: Crimea shown as RU since 2014 is so still after a new spelling."""

STEADY = frozenset({Verdict.UNCHANGED, Verdict.NOT_RESOLVABLE, Verdict.NOT_COVERED})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a depiction stands in its view's past.

    ``run`` is the capture since which the view shows it so, ``since`` when that was shown, ``until`` when the next
    accepted depiction was. ``stretch`` is the capture since which every step was compared and found unchanged: a
    run may hold steps nobody could compare, a stretch may not. Not ``accepted``: set aside as suspect.
    """

    run: str
    since: datetime
    stretch: str
    accepted: bool = True
    until: datetime | None = None


def time_order(capture: Capture) -> tuple[datetime, datetime, str]:
    """The order of a view's past: when it was shown, then when it was asked."""
    return capture.shown_at, capture.taken_at, capture.id


def places_from_series(
    captures: Mapping[str, Capture],
    depictions: Iterable[Depiction],
    comparisons: Iterable[Comparison],
    changes: Iterable[Change],
) -> dict[tuple[str, str], Place]:
    """The place of every depiction of one view, by (capture, dispute)."""
    compared: dict[tuple[str, str], list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        compared[comparison.after, comparison.dispute].append(comparison)
    kinds: dict[tuple[str, str | None], set[Kind]] = defaultdict(set)
    for change in changes:
        if change.significance is not Significance.NOISE:
            kinds[change.after.id, change.dispute].add(change.kind)
    by_dispute: dict[str, list[Depiction]] = defaultdict(list)
    for depiction in depictions:
        by_dispute[depiction.dispute].append(depiction)

    places: dict[tuple[str, str], Place] = {}
    for dispute, series in by_dispute.items():
        series.sort(key=lambda depiction: time_order(captures[depiction.capture]))
        last: Depiction | None = None
        for now in series:
            key = now.capture, dispute
            shown_at = captures[now.capture].shown_at
            verdicts = {one.verdict for one in compared[key]}
            stretch = _stretch(places, compared[key]) or now.capture
            if Verdict.SUSPECT in verdicts:
                places[key] = Place(now.capture, shown_at, now.capture, accepted=False)
                continue
            places[key] = Place(now.capture, shown_at, stretch)
            if last is not None:
                before = last.capture, dispute
                if _goes_on(last, now, verdicts, kinds[key]):
                    places[key] = replace(places[key], run=places[before].run, since=places[before].since)
                places[before] = replace(places[before], until=shown_at)
            last = now
    return places


def _stretch(places: Mapping[tuple[str, str], Place], compared: Iterable[Comparison]) -> str | None:
    """Where the stretch began that an unchanged comparison goes on with: a chain, so it passes over a suspect."""
    befores = [one for one in compared if one.verdict is Verdict.UNCHANGED]
    starts = [place.stretch for one in befores if (place := places.get((one.before, one.dispute))) and place.accepted]
    return starts[0] if starts and len(befores) == len(starts) else None


def _goes_on(last: Depiction, now: Depiction, verdicts: set[Verdict], kinds: set[Kind]) -> bool:
    if last.coverage is not now.coverage:
        return False
    if kinds - NOT_OF_GROUND or (kinds and not now.shares):
        return False
    return (bool(verdicts) and verdicts <= STEADY) or _alike(last, now)


def _alike(last: Depiction, now: Depiction) -> bool:
    if now.coverage is not Coverage.SHOWN:
        return True
    if last.shares or now.shares:
        return _same_shares(last, now) and last.rows == now.rows
    return last.rows == now.rows and dict(last.names) == dict(now.names) and _lines(last) == _lines(now)


def _same_shares(last: Depiction, now: Depiction) -> bool:
    before = {share.owner: share.share for share in last.shares}
    after = {share.owner: share.share for share in now.shares}
    return all(abs(before.get(owner, 0.0) - after.get(owner, 0.0)) < ALIKE for owner in before.keys() | after.keys())


def _lines(depiction: Depiction) -> Sequence[object]:
    return sorted((one.name or "", one.word or "", one.style or "") for one in depiction.drawn if one.style)
