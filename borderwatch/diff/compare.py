"""Two scenes of one dispute -> what changed, and the attestation that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from borderwatch.diff import features, lines, names, ownership
from borderwatch.diff.noise import Noise
from borderwatch.diff.record import Finding
from borderwatch.models import Comparison, Coverage, Kind, Significance, Verdict
from borderwatch.scene import Scene


@dataclass(frozen=True, slots=True)
class Outcome:
    """The comparison record and its findings, most significant first."""

    comparison: Comparison
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """What the two whole worlds say of each comparison: ``redrawn`` as in ``ownership.findings``, the features split
    and merged, and whether the file calls everything otherwise at once."""

    redrawn: bool = False
    regrouped: tuple[features.Regrouping, ...] = ()
    renamed: Finding | None = None


NOTHING_KNOWN = Between()


def scenes(before: Scene, after: Scene, between: Between = NOTHING_KNOWN, *, same_ground: bool = False) -> Outcome:
    """Compare two scenes of the same view and dispute; ``same_ground`` as in ``ownership.findings``."""
    redrawn = between.redrawn
    if before.depiction.coverage is Coverage.NOT_COVERED and after.depiction.coverage is Coverage.NOT_COVERED:
        return Outcome(_verdict(before, after, Verdict.NOT_COVERED, reason=after.depiction.reason), ())
    unasked = next((s for s in (after, before) if not s.asked), None)
    if unasked is not None:
        return Outcome(_verdict(before, after, Verdict.NOT_COVERED, reason=unasked.depiction.reason), ())
    judged = ownership.findings(before, after, redrawn=redrawn, same_ground=same_ground)
    noise, limit = judged.noise, judged.limit_km
    found = list(judged.findings)
    # Finer than the two drawings can show, a thing of its own comes and goes with them.
    finest = max(s.depiction.limit_km or 0.0 for s in (before, after))
    shown = noise.shared >= ownership.KEPT or before.ground.inradius_km >= finest
    if shown and not before.ground.name_only:
        for own in names.own_features(before, after):
            found = _joined(found, _weigh(own, before, after, redrawn=redrawn), before)
    regrouped = features.findings(after, between.regrouped)
    found += regrouped
    # The parts have other names than the whole had: that is told by the split.
    parts = {word for f in regrouped for text in (f.old, f.new) for word in (text or "").split(", ")}
    renames = names.findings(before, after, renamed=between.renamed is not None)
    found += [f for f in renames if f.kind is not Kind.RENAMED or not {f.old, f.new} <= parts]
    found += lines.findings(before, after, limit)
    if not found and between.renamed is None and not before.ground.name_only:
        found += names.of_the_ground(before, after, redrawn=redrawn)
    found.sort(key=most_significant_first)
    if found:
        return Outcome(_verdict(before, after, Verdict.CHANGED, noise, limit), tuple(found))
    if Coverage.NOT_RESOLVABLE in (before.depiction.coverage, after.depiction.coverage):
        reason = after.depiction.reason or before.depiction.reason
        return Outcome(_verdict(before, after, Verdict.NOT_RESOLVABLE, noise, limit, reason), ())
    if judged.unclear_km:
        reason = (
            f"most of the ground is drawn otherwise, {judged.unclear_km:.1f} km thick; "
            f"between these two drawings only {limit:.1f} km and more is clear of the noise"
        )
        return Outcome(_verdict(before, after, Verdict.NOT_RESOLVABLE, noise, limit, reason), ())
    blank = next((d for d in (before.depiction, after.depiction) if d.coverage is Coverage.NOT_COVERED), None)
    if (before.areas or after.areas) and not before.ground.name_only and limit > before.ground.inradius_km:
        thickest = f"the dispute is {before.ground.inradius_km:.1f} km at its thickest"
        apart = f"the two drawings differ by {noise.ownership_km:.1f} km everywhere; {thickest}"
        absent = f"one of the two drawings has nothing here, and what is under {limit:.1f} km is left out; {thickest}"
        reason = apart if blank is None else absent
        return Outcome(_verdict(before, after, Verdict.NOT_RESOLVABLE, noise, limit, reason), ())
    if blank is not None:
        return Outcome(_verdict(before, after, Verdict.NOT_COVERED, noise, limit, blank.reason), ())
    return Outcome(_verdict(before, after, Verdict.UNCHANGED, noise, limit), ())


def _joined(found: list[Finding], own: Finding, scene: Scene) -> list[Finding]:
    """A transfer to or from the disputed thing itself says already that it got or lost its own feature.

    The transfer then carries the words; otherwise the feature is a finding of its own.
    """
    itself = {scene.ground.identity, *(o for o in (own.loser, own.gainer) if o and o.startswith("?"))}
    for i, f in enumerate(found):
        if f.kind is Kind.TRANSFER and (f.share or 0.0) >= ownership.MOSTLY and itself & {f.loser, f.gainer}:
            return [*found[:i], replace(f, old=own.old, new=own.new), *found[i + 1 :]]
    return [*found, own]


def _weigh(finding: Finding, before: Scene, after: Scene, *, redrawn: bool) -> Finding:
    """A feature split off or merged while its ground keeps its owner, or met in a map drawn anew, is minor."""
    same_holder = finding.kind is Kind.DISAPPEARED and finding.loser == finding.gainer
    either = (before.depiction.coverage, after.depiction.coverage)
    if same_holder or redrawn or Coverage.NOT_COVERED in either:
        return replace(finding, significance=Significance.MINOR)
    return finding


def most_significant_first(finding: Finding) -> tuple[bool, float, str, str, str]:
    return (
        finding.significance is not Significance.SUBSTANTIVE,
        -(finding.area_km2 or 0.0),
        finding.kind.value,
        finding.subject,
        f"{finding.loser}{finding.gainer}",
    )


def _verdict(
    before: Scene,
    after: Scene,
    verdict: Verdict,
    noise: Noise | None = None,
    limit: float | None = None,
    reason: str = "",
) -> Comparison:
    measured = noise is not None and bool(before.areas or after.areas)
    return Comparison(
        view=after.capture.view,
        dispute=after.ground.dispute.slug,
        before=before.capture.id,
        after=after.capture.id,
        verdict=verdict,
        noise_floor_km=noise.ownership_km if measured and noise is not None else None,
        limit_km=limit if measured else None,
        reason=reason,
    )
