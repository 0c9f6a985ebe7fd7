"""What each view showed through time, as the slider and its table tell it: one entry per edition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from borderwatch.models import Capture, Change, Coverage, Depiction, DisputePage, Verdict, View
from borderwatch.render import words


@dataclass(frozen=True, slots=True)
class Moment:
    """What a view showed in one edition. ``pictured`` is the capture whose drawing is the same; None: none is kept."""

    capture: Capture
    depiction: Depiction
    pictured: str | None
    verdict: Verdict | None
    changes: tuple[Change, ...]

    @property
    def said(self) -> str:
        """Owners and shares, or why there are none, in few words."""
        return told(self.depiction)


@dataclass(frozen=True, slots=True)
class Past:
    """One view through time, oldest first."""

    view: View
    moments: tuple[Moment, ...]

    @property
    def changed(self) -> int:
        """How many of its editions brought a change."""
        return sum(bool(moment.changes) for moment in self.moments)


def told(depiction: Depiction) -> str:
    """What a depiction shows, in one line."""
    if depiction.coverage is not Coverage.SHOWN:
        return words.coverage_in_words(depiction)
    shares = [f"{owner} {share}" for owner, share in words.shares_in_words(depiction)] if depiction.shares else []
    if shares:
        return words.short(", ".join(shares), 160)
    lines = [thing for thing in depiction.drawn if thing.style is not None]
    if lines:
        return words.short(", ".join(dict.fromkeys(words.STYLE_WORDS[t.style] for t in lines if t.style)), 160)
    return ""


def pasts_of(page: DisputePage) -> list[Past]:
    """Every view that draws something here, those that show the dispute first; by name among equals."""
    by_view: dict[View, list[Depiction]] = {}
    for depiction in page.depictions:
        if depiction.capture in page.captures:
            by_view.setdefault(depiction.view, []).append(depiction)
    for standing in page.standings:  # a page made of two files has standings only
        by_view.setdefault(standing.depiction.view, [standing.depiction])
    captures = {**{s.capture.id: s.capture for s in page.standings}, **page.captures}
    verdicts = {comparison.after: comparison.verdict for comparison in page.comparisons}
    changes: dict[str, list[Change]] = {}
    for change in words.most_significant_first(page.changes):
        changes.setdefault(change.after.id, []).append(change)
    found = [
        Past(view, _moments(some, captures, page, verdicts, changes))
        for view, some in by_view.items()
        if any(d.coverage is not Coverage.NOT_COVERED for d in some)
    ]
    drawn = [past for past in found if any(moment.pictured for moment in past.moments)]
    return sorted(drawn, key=lambda past: (not _shown(past), not past.changed, str(past.view)))


def _shown(past: Past) -> bool:
    return any(moment.depiction.coverage is Coverage.SHOWN for moment in past.moments)


def _moments(
    depictions: Sequence[Depiction],
    captures: Mapping[str, Capture],
    page: DisputePage,
    verdicts: Mapping[str, Verdict],
    changes: Mapping[str, Sequence[Change]],
) -> tuple[Moment, ...]:
    """A drawing is kept where it first and last stands, so an edition without one looks like a neighbour's."""
    kept = [d.capture if page.sketches.get(d.capture) else None for d in depictions]
    following: list[str | None] = []
    ahead: str | None = None
    for one in reversed(kept):
        ahead = one or ahead
        following.append(ahead)
    following.reverse()
    moments = []
    behind: str | None = None
    for depiction, own, after in zip(depictions, kept, following, strict=True):
        behind = own or behind
        doubted = verdicts.get(depiction.capture) is Verdict.SUSPECT
        moments.append(
            Moment(
                capture=captures[depiction.capture],
                depiction=depiction,
                pictured=None if doubted else behind or after,
                verdict=verdicts.get(depiction.capture),
                changes=tuple(changes.get(depiction.capture, ())),
            )
        )
    return tuple(moments)
