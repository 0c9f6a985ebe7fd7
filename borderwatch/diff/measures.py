"""Two captures of which only facts are kept -> what changed: shares, lengths and words compared, no geometry.

Without geometry a difference cannot be placed, and a change is told of a dispute as a whole. Where the two records
were measured by different readers, or on different references, a difference may be ours: it is not told as a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from borderwatch.diff import names
from borderwatch.diff.compare import Outcome, most_significant_first
from borderwatch.diff.lines import SHORTEST_KM
from borderwatch.diff.noise import RATIO_APART
from borderwatch.diff.ownership import MINOR_SHARE, MOSTLY
from borderwatch.diff.record import Finding
from borderwatch.facts import Look, Seen
from borderwatch.models import Comparison, Coverage, Kind, Role, Significance, Verdict

# A line re-generalised keeps its course and loses up to this much of its length in wiggles.
REGENERALISED = 0.2
# A map drawn anew within its own resolution covers and uncovers this many times the detection limit of a rival line,
# in pieces at its ends and bends: of 107 disputes redrawn to the limit, two told 9 and 16 km at 1.2 km.
REDRAWN_LIMITS = 20.0
# Shares are kept to four digits.
SAME_SHARE = 0.0002


def seen(before: Seen, after: Seen) -> Outcome:
    """Compare what two captures' facts say of one dispute."""
    told = (before.depiction, after.depiction)
    if all(d.coverage is Coverage.NOT_COVERED for d in told):
        return _outcome(before, after, Verdict.NOT_COVERED, told[1].reason)
    if not before.measured_on or not after.measured_on:
        return _outcome(before, after, Verdict.NOT_COVERED, (told[1] if after.measured_on == "" else told[0]).reason)
    if before.measured_on != after.measured_on:
        return _outcome(
            before,
            after,
            Verdict.NOT_RESOLVABLE,
            "the reference this dispute is measured on was redrawn between the two captures; the bodies are not kept",
        )
    limit = max(d.limit_km or 0.0 for d in told)
    found = [
        *_joined(_shares(before, after, limit), _own_features(before, after)),
        *names.findings(before, after),
        *(_lines(before, after, limit) if before.drawing != after.drawing else ()),
    ]
    found.sort(key=most_significant_first)
    if found and before.reader != after.reader:
        return _outcome(
            before,
            after,
            Verdict.SUSPECT,
            "the two captures were read by different readers and the bodies are not kept: the difference may be ours",
        )
    if found:
        return _outcome(before, after, Verdict.CHANGED, limit=limit, findings=tuple(found))
    for depiction in told:
        if depiction.coverage is Coverage.NOT_RESOLVABLE:
            return _outcome(before, after, Verdict.NOT_RESOLVABLE, depiction.reason, limit=limit)
    return _outcome(before, after, Verdict.UNCHANGED, limit=limit)


def _outcome(
    before: Seen,
    after: Seen,
    verdict: Verdict,
    reason: str = "",
    *,
    limit: float | None = None,
    findings: tuple[Finding, ...] = (),
) -> Outcome:
    comparison = Comparison(
        view=after.capture.view,
        dispute=after.ground.dispute.slug,
        before=before.capture.id,
        after=after.capture.id,
        verdict=verdict,
        limit_km=limit or None,
        reason=reason,
    )
    return Outcome(comparison, findings)


# --- areas ----------------------------------------------------------------------------------------------


def _shares(before: Seen, after: Seen, limit_km: float) -> list[Finding]:
    """Ground that passed between owners: what one lost paired with what another gained, the largest first."""
    old = {s.owner: s.share for s in before.depiction.shares}
    new = {s.owner: s.share for s in after.depiction.shares}
    ground_km2 = max(after.ground.area_km2, 1e-9)
    # A drawing shifted by the detection limit all along its outlines passes over this much ground.
    floor = max(before.outline_km, after.outline_km) * limit_km / ground_km2
    moved = {o: new.get(o, 0.0) - old.get(o, 0.0) for o in old.keys() | new.keys()}
    losses = {o: -d for o, d in moved.items() if d < -SAME_SHARE}
    gains = {o: d for o, d in moved.items() if d > SAME_SHARE}
    found = []
    for loser, gainer, share in [*_pairs(losses, gains)]:
        if share < max(floor, MINOR_SHARE / 2):
            continue
        # One owner's more without another's less, on ground that was held all along, is a second drawing of it.
        overlap = (loser is None and sum(old.values()) > 1 - share / 2) or (
            gainer is None and sum(new.values()) > 1 - share / 2
        )
        found.append(
            Finding(
                Kind.OVERLAP if overlap else Kind.TRANSFER if loser and gainer else Kind.GAP,
                Significance.SUBSTANTIVE if share >= MINOR_SHARE else Significance.MINOR,
                loser=loser,
                gainer=gainer,
                area_km2=share * ground_km2,
                share=min(share, 1.0),
                limit_km=limit_km,
                ratio=share / floor if floor > 0 else None,
            )
        )
    return found


def _pairs(losses: Mapping[str, float], gains: Mapping[str, float]) -> list[tuple[str | None, str | None, float]]:
    """What is lost matched with what is gained, greedily by size; what is left over has no other side."""
    pairs: list[tuple[str | None, str | None, float]] = []
    left, fresh = dict(losses), dict(gains)
    while left and fresh:
        loser = max(sorted(left), key=lambda o: left[o])
        gainer = max(sorted(fresh), key=lambda o: fresh[o])
        share = min(left[loser], fresh[gainer])
        pairs.append((loser, gainer, share))
        for rest, owner in ((left, loser), (fresh, gainer)):
            rest[owner] -= share
            if rest[owner] <= SAME_SHARE:
                del rest[owner]
    pairs += [(loser, None, share) for loser, share in sorted(left.items())]
    pairs += [(None, gainer, share) for gainer, share in sorted(fresh.items())]
    return pairs


def _own_features(before: Seen, after: Seen) -> Finding | None:
    """The disputed thing gets a feature of its own, or loses it."""
    if before.ground.name_only:
        return None
    old = [d for d in before.depiction.drawn if d.own]
    new = [d for d in after.depiction.drawn if d.own]
    if bool(old) == bool(new):
        return None
    told = Significance.SUBSTANTIVE
    if Coverage.NOT_COVERED in (before.depiction.coverage, after.depiction.coverage):
        told = Significance.MINOR
    if new:
        return Finding(Kind.APPEARED, told, _holder(before), new[0].owner, new=names.words_of(new), old=_held(before))
    return Finding(Kind.DISAPPEARED, told, old[0].owner, _holder(after), old=names.words_of(old), new=_held(after))


def _joined(passed: list[Finding], own: Finding | None) -> list[Finding]:
    """Where most of the ground passes, the transfer says already that the feature on it is another."""
    if own is None:
        return passed
    for i, finding in enumerate(passed):
        if finding.kind is Kind.TRANSFER and (finding.share or 0.0) >= MOSTLY:
            return [*passed[:i], replace(finding, old=own.old, new=own.new), *passed[i + 1 :]]
    return [*passed, own]


def _holder(one: Seen) -> str | None:
    return one.depiction.shares[0].owner if one.depiction.shares else None


def _held(one: Seen) -> str | None:
    held = [d for d in one.depiction.drawn if d.role is Role.AREA and d.share > 0.05]
    return names.words_of(held) if held else None


# --- lines ----------------------------------------------------------------------------------------------


def _lines(before: Seen, after: Seen, limit_km: float) -> list[Finding]:
    """Stretches of the rival lines drawn otherwise than before, and lines apart from all of them."""
    restyled: dict[tuple[str, str, str], float] = {}
    gone: dict[Look, float] = {}
    come: dict[Look, float] = {}
    old = {s.parties: s for s in before.stretches}
    new = {s.parties: s for s in after.stretches}
    for parties in sorted(old.keys() & new.keys()):
        was, now = old[parties].covered, new[parties].covered
        change = {look: now.get(look, 0.0) - was.get(look, 0.0) for look in was.keys() | now.keys()}
        losses = {look: -km for look, km in change.items() if km < 0}
        gains = {look: km for look, km in change.items() if km > 0}
        for loser, gainer, km in _look_pairs(losses, gains):
            if loser is None and gainer is not None:
                come[gainer] = come.get(gainer, 0.0) + km
            elif gainer is None and loser is not None:
                gone[loser] = gone.get(loser, 0.0) + km
            elif loser is not None and gainer is not None:
                for subject, a, b in _differences(loser, gainer):
                    restyled[subject, a, b] = restyled.get((subject, a, b), 0.0) + km
    found = [
        Finding(
            Kind.RESTYLED,
            _weight(km, limit_km),
            subject=subject,
            old=a or None,
            new=b or None,
            length_km=km,
            limit_km=limit_km,
        )
        for (subject, a, b), km in sorted(restyled.items())
        if km >= SHORTEST_KM
    ]
    found += [_moved("removed", look, None, km, limit_km) for look, km in sorted(gone.items()) if km >= SHORTEST_KM]
    found += [_moved("added", None, look, km, limit_km) for look, km in sorted(come.items()) if km >= SHORTEST_KM]
    return found + _apart(before, after, limit_km)


def _look_pairs(
    losses: Mapping[Look, float], gains: Mapping[Look, float]
) -> list[tuple[Look | None, Look | None, float]]:
    keys: dict[str, Look] = {repr(look): look for look in (*losses, *gains)}
    pairs = _pairs({repr(k): v for k, v in losses.items()}, {repr(k): v for k, v in gains.items()})
    return [(keys.get(a or ""), keys.get(b or ""), km) for a, b, km in pairs]


def _differences(old: Look, new: Look) -> list[tuple[str, str, str]]:
    """Each attribute that differs; the style says nothing more where the word changed, as in ``lines``."""
    before, after = old.attributes, new.attributes
    pairs = [(s, before[s], after.get(s, "")) for s in sorted(before) if before[s] != after.get(s, "")]
    word_too = any(subject == "" for subject, _, _ in pairs)
    return [pair for pair in pairs if not (pair[0] == "style" and word_too)]


def _apart(before: Seen, after: Seen, limit_km: float) -> list[Finding]:
    """Lines that follow no rival line: longer, shorter, or at another distance from them."""
    found = []
    old, new = before.apart or {}, after.apart or {}
    for look in sorted(old.keys() | new.keys()):
        was, now = old.get(look), new.get(look)
        was_km, now_km = (was.length_km if was else 0.0), (now.length_km if now else 0.0)
        if abs(now_km - was_km) >= max(SHORTEST_KM, REGENERALISED * max(was_km, now_km)):
            added = now_km > was_km
            subject = "added" if added else "removed"
            old_look, new_look = (None, look) if added else (look, None)
            found.append(_moved(subject, old_look, new_look, abs(now_km - was_km), limit_km))
        elif was and now and now_km >= SHORTEST_KM and abs(now.offset_km - was.offset_km) > RATIO_APART * limit_km:
            found.append(_moved("moved", look, look, now_km, limit_km))
    return found


def _weight(length_km: float, limit_km: float) -> Significance:
    """Told as substantive from the length on that drawing a map anew does not reach."""
    enough = max(SHORTEST_KM, REDRAWN_LIMITS * limit_km)
    return Significance.SUBSTANTIVE if length_km >= enough else Significance.MINOR


def _moved(subject: str, old: Look | None, new: Look | None, length_km: float, limit_km: float) -> Finding:
    # Another mean distance, at a length that stayed, may come of other islands in the sum: never more than minor.
    weight = Significance.MINOR if subject == "moved" else _weight(length_km, limit_km)
    return Finding(
        Kind.BOUNDARY_MOVED,
        weight,
        subject=subject,
        old=(old.word or old.style or "line") if old else None,
        new=(new.word or new.style or "line") if new else None,
        length_km=length_km,
        limit_km=limit_km,
    )
