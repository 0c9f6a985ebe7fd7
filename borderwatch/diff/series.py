"""A view against its own past: quarantine, reverts, slow drift; what one view's history says, whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from borderwatch.diff import compare, elsewhere, features, lines_elsewhere, measures
from borderwatch.diff.chain import ChainIndex
from borderwatch.diff.doubt import doubt
from borderwatch.diff.record import Finding, change_from_finding, place_of
from borderwatch.diff.reverts import with_reverts
from borderwatch.diff.sentences import sentence
from borderwatch.facts import Facts, Seen
from borderwatch.models import GROUND_KINDS, Change, Comparison, Depiction, Kind, Significance, Verdict
from borderwatch.scene import Scene, World

# Two editions of one series share 99.8 % of their segments; two digitisations almost none.
REDRAWN = 0.5
# What may drift: ground and lines, in steps. A name or a style is another at once.
DRIFTING = GROUND_KINDS | {Kind.BOUNDARY_MOVED}


@dataclass(frozen=True)
class Moment:
    """One distinct snapshot of a view and its scenes by dispute; or what facts were kept of it."""

    world: World | Facts
    scenes: Mapping[str, Scene | Seen]


@dataclass
class Derived:
    """Everything the log holds of one view; ``shown`` are the scenes to draw."""

    depictions: list[Depiction] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    shown: list[Scene] = field(default_factory=list)


def redrawn(before: World | Facts, after: World | Facts) -> bool:
    """Whether two worlds were drawn from different data: fewer than half of the vertices of the finer are in both.

    Of the finer: a map drawn with twice the vertices keeps most of its old ones, and every coast is new all the same.
    """
    old, new = before.vertices, after.vertices
    if len(old) == 0 or len(new) == 0:
        return False
    common = len(np.intersect1d(old, new, assume_unique=True))
    return common < REDRAWN * max(len(old), len(new))


def compared(
    before: Scene | Seen, after: Scene | Seen, between: compare.Between = compare.NOTHING_KNOWN
) -> compare.Outcome:
    """Compare two states of one dispute: by their geometry, or by their facts where no geometry is kept."""
    if isinstance(before, Seen) and isinstance(after, Seen):
        return measures.seen(before, after)
    if isinstance(before, Scene) and isinstance(after, Scene):
        return compare.scenes(before, after, between)
    raise TypeError(f"{after.capture.view}: a scene cannot be compared with facts; measure it first")


def drawn_otherwise(before: Scene | Seen, after: Scene | Seen) -> bool:
    """Whether two scenes look different at all, however little: then each has its own picture."""
    if isinstance(before, Seen) or isinstance(after, Seen):
        return False
    return before.areas_key != after.areas_key or before.lines_key != after.lines_key


def asked_alike(before: World, after: World) -> bool:
    """Whether the same ground was asked about: on other ground, what is missing or new proves nothing."""
    return before.asked == after.asked


def between(before: World | Facts, after: World | Facts, *, same_data: bool = False) -> compare.Between:
    """What two whole worlds say of every comparison made between them.

    ``same_data``: they are known to share nearly all their edges, so that nobody need look whether they do.
    """
    anew = not same_data and redrawn(before, after)
    if not isinstance(before, World) or not isinstance(after, World):
        return compare.Between(anew)
    return compare.Between(anew, features.regroupings(before, after), features.renamed_file(before, after))


class Series:
    """Feeds on moments in order of time; ``derived`` is the whole past once all have been fed."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.derived = Derived()
        self._last: Moment | None = None
        self._doubted: tuple[Moment, str] | None = None
        self._anchors: dict[str, Scene | Seen] = {}
        self._kept: set[tuple[str, str]] = set()
        self._index: tuple[World, ChainIndex] | None = None

    def feed(self, moment: Moment) -> None:
        """Take the next moment: compare it with the last accepted one, or hold it in doubt."""
        self.derived.depictions += [s.depiction for s in moment.scenes.values()]
        if self._last is None:
            self._accept(moment)
            return
        if self._doubted is not None:
            held, _ = self._doubted
            self._doubted = None
            if doubt(held.world, moment.world) is None and doubt(self._last.world, moment.world) is not None:
                self._step(held)  # a second capture says the same: it was real
            else:
                self._quarantine(held, doubt(self._last.world, held.world) or "")
        reason = doubt(self._last.world, moment.world)
        if reason is not None:
            self._doubted = (moment, reason)
            return
        self._step(moment)

    def close(self) -> Derived:
        """The whole past; the last moment's scenes are kept for drawing."""
        if self._doubted is not None:
            self._quarantine(*self._doubted)
        if self._last is not None:
            for scene in self._last.scenes.values():
                self._show(scene)
        self.derived.changes = with_reverts(self.derived.changes)
        return self.derived

    def _accept(self, moment: Moment) -> None:
        self._last = moment
        for slug, scene in moment.scenes.items():
            self._anchors.setdefault(slug, scene)

    def _quarantine(self, moment: Moment, reason: str) -> None:
        assert self._last is not None  # noqa: S101
        for slug, scene in moment.scenes.items():
            before = self._last.scenes[slug]
            self.derived.comparisons.append(
                Comparison(
                    scene.capture.view, slug, before.capture.id, scene.capture.id, Verdict.SUSPECT, reason=reason
                )
            )

    def _step(self, moment: Moment) -> None:
        assert self._last is not None  # noqa: S101
        known = between(self._last.world, moment.world)
        told: list[elsewhere.Told] = []
        for slug, after in moment.scenes.items():
            before = self._last.scenes[slug]
            outcome = compared(before, after, known)
            told += elsewhere.told_by(after.ground, outcome.findings)
            self.derived.comparisons.append(outcome.comparison)
            if outcome.findings:
                self._log(before, after, outcome.findings)
            if any(f.kind in DRIFTING for f in outcome.findings):
                self._anchors[slug] = after
            elif self._anchors[slug] is not before:
                self._drift(slug, before, after)
            if drawn_otherwise(before, after):
                self._show(before)
                self._show(after)
        self._elsewhere(self._last, moment, told)
        if known.renamed is not None:
            self._log_of_world(known.renamed, moment)
        self._worldviews(moment)
        self._accept(moment)

    def _drift(self, slug: str, before: Scene | Seen, after: Scene | Seen) -> None:
        """Steps each below the noise may add up: compare with the last state a change was told against."""
        anchor = self._anchors[slug]
        if after.drawing in (before.drawing, anchor.drawing):
            return
        outcome = compared(anchor, after)
        solid = tuple(f for f in outcome.findings if f.significance is Significance.SUBSTANTIVE and f.kind in DRIFTING)
        if solid:
            self._log(anchor, after, solid)
            self._anchors[slug] = after

    def _log(self, before: Scene | Seen, after: Scene | Seen, findings: Iterable[Finding]) -> None:
        for finding in findings:
            text = sentence(finding, after.ground.dispute, self.title, before.capture, after.capture)
            self.derived.changes.append(
                change_from_finding(
                    finding,
                    dispute=after.ground.dispute.slug,
                    before=before.capture,
                    after=after.capture,
                    summary=text,
                )
            )
        self._show(before)
        self._show(after)

    def _show(self, scene: Scene | Seen) -> None:
        if isinstance(scene, Seen):
            return  # nothing that could be drawn is kept
        key = (scene.capture.id, scene.ground.dispute.slug)
        if key not in self._kept and (scene.areas or scene.lines):
            self._kept.add(key)
            self.derived.shown.append(scene)

    def _elsewhere(self, last: Moment, moment: Moment, told: Sequence[elsewhere.Told]) -> None:
        """What passed where no dispute has told or judged it, in the log with its place."""
        before, after = last.world, moment.world
        if isinstance(before, Facts) or isinstance(after, Facts) or not asked_alike(before, after):
            return
        grounds = [scene.ground for scene in moment.scenes.values()]
        found = lines_elsewhere.findings(before, after, [ground.area for ground in grounds])
        if not elsewhere.same_drawings(before, after):
            old = self._index[1] if self._index is not None and self._index[0] is before else elsewhere.index_of(before)
            new = elsewhere.index_of(after)
            self._index = (after, new)
            surveyed = elsewhere.survey(before, after, old, new)
            found += elsewhere.findings(before, after, elsewhere.judged_by_disputes(grounds), told, surveyed)
        for finding in found:
            text = sentence(finding, None, self.title, before.capture, after.capture)
            self.derived.changes.append(
                change_from_finding(
                    finding,
                    dispute=None,
                    before=before.capture,
                    after=after.capture,
                    summary=text,
                    place=place_of(finding),
                )
            )

    def _worldviews(self, moment: Moment) -> None:
        """The source serves another list of audiences; told once, of its default view, whoever else repeats it."""
        assert self._last is not None  # noqa: S101
        before, after = self._last.world, moment.world
        old, new = {*before.worldviews}, {*after.worldviews}
        if not old or not new or old == new or after.capture.view.worldview != "default":
            return
        finding = Finding(
            Kind.WORLDVIEWS,
            Significance.SUBSTANTIVE,
            subject="; ".join(
                f"{verb} {', '.join(sorted(those))}"
                for verb, those in (("added", new - old), ("removed", old - new))
                if those
            ),
            old=", ".join(before.worldviews),
            new=", ".join(after.worldviews),
        )
        self._log_of_world(finding, moment)

    def _log_of_world(self, finding: Finding, moment: Moment) -> None:
        """A change that concerns the source as a whole, not one dispute."""
        assert self._last is not None  # noqa: S101
        before, after = self._last.world.capture, moment.world.capture
        text = sentence(finding, None, self.title, before, after)
        self.derived.changes.append(
            change_from_finding(finding, dispute=None, before=before, after=after, summary=text)
        )
