"""Since when a view shows a dispute as it does: its depictions in time, cut into unbroken runs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from borderwatch.models import Capture, Change, Comparison, Coverage, Depiction, Kind, Significance, Verdict

ALIKE = 0.01
"""Two shares that differ by less are the same where no comparison says so: a pixel's worth, never a transfer."""

NOT_OF_GROUND = frozenset({Kind.RENAMED, Kind.RESTYLED, Kind.WORLDVIEWS})
"""Kinds that leave a map's owners as they were: Crimea shown as RU since 2014 is so still after a new spelling."""

STEADY = frozenset({Verdict.UNCHANGED, Verdict.NOT_RESOLVABLE, Verdict.NOT_COVERED})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a depiction stands in its view's past: the capture its run began with, and whether it is the last one."""

    run: str
    since: datetime
    accepted: bool
    current: bool


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
    verdicts = {(one.after, one.dispute): one.verdict for one in comparisons}
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
        for depiction in series:
            key = depiction.capture, dispute
            verdict = verdicts.get(key)
            accepted = verdict is not Verdict.SUSPECT
            goes_on = accepted and last is not None and _goes_on(last, depiction, verdict, kinds[key])
            if goes_on and last is not None:
                start = places[last.capture, dispute]
                places[key] = Place(start.run, start.since, accepted=True, current=False)
            else:
                places[key] = Place(depiction.capture, captures[depiction.capture].shown_at, accepted, current=False)
            last = depiction if accepted else last
        if last is not None:
            place = places[last.capture, dispute]
            places[last.capture, dispute] = Place(place.run, place.since, accepted=True, current=True)
    return places


def stretches_from_comparisons(
    captures: Mapping[str, Capture], comparisons: Iterable[Comparison]
) -> dict[tuple[str, str, str], str | None]:
    """By (dispute, before, after): the capture since which every comparison of one view says unchanged.

    A chain, not an order: what was compared with the last accepted capture goes on from that one, over a suspect.
    """
    starts: dict[tuple[str, str], str] = {}
    stretches: dict[tuple[str, str, str], str | None] = {}

    def in_time(one: Comparison) -> tuple[object, ...]:
        return time_order(captures[one.after]), time_order(captures[one.before])

    for one in sorted(comparisons, key=in_time):
        start = None
        if one.verdict is Verdict.UNCHANGED:
            start = starts[one.dispute, one.after] = starts.get((one.dispute, one.before), one.before)
        stretches[one.dispute, one.before, one.after] = start
    return stretches


def _goes_on(last: Depiction, now: Depiction, verdict: Verdict | None, kinds: set[Kind]) -> bool:
    if last.coverage is not now.coverage:
        return False
    if kinds - NOT_OF_GROUND or (kinds and not now.shares):
        return False
    return verdict in STEADY or _alike(last, now)


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
