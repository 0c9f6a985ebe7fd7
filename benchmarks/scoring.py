"""Scores of one set of trials, by method, and the tables and the curve made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from trials import BASELINES, Trial

OURS = ("borderwatch", "borderwatch, substantive only")
# Where nothing real is there to fit a threshold on: what is off the shelf flags any difference above a metre.
OFF_THE_SHELF = 1e-3


@dataclass(frozen=True)
class Score:
    """How one method does on one set; a hit of ours needs both owners, the direction and the place."""

    method: str
    precision: float
    recall: float
    f1: float
    low: float
    high: float
    recall_at_1: float
    false_per_1000: float
    direction: float | None


def fitted(trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """For every baseline the threshold of the best F1, and the one that 1 % of the unchanged exceed."""
    real = np.array([t.real for t in trials])
    found = {}
    for method in BASELINES:
        values = np.array([t.scores[method] for t in trials])
        candidates = np.unique(np.quantile(values, np.linspace(0, 1, 200)))
        best = max(candidates, key=lambda c: _rates((values[real] > c).sum(), (values[~real] > c).sum(), real.sum())[2])
        found[method] = {"best": float(best), "at_1": float(np.quantile(values[~real], 0.99))}
    return found


def scores(trials: Sequence[Trial], thresholds: Mapping[str, Mapping[str, float]]) -> list[Score]:
    """Every method on one set."""
    return [_score(trials, m, *_tellers(m, thresholds)) for m in (*OURS, *BASELINES)]


Teller = Callable[[Trial], bool]


def _tellers(method: str, thresholds: Mapping[str, Mapping[str, float]]) -> tuple[Teller, Teller, Teller]:
    """What a method flags, what of it counts as a hit, and what it flags at 1 % of false alarms."""
    if method == OURS[0]:
        return (lambda t: t.told), (lambda t: t.right), (lambda t: t.right)
    if method == OURS[1]:
        return (lambda t: t.solid), (lambda t: t.solid_right), (lambda t: t.solid_right)
    best = thresholds.get(method, {}).get("best", OFF_THE_SHELF)
    limit = thresholds.get(method, {}).get("at_1", np.inf)
    flagged: Teller = lambda t: t.scores[method] > best  # noqa: E731
    return flagged, flagged, lambda t: t.scores[method] > limit


def _score(trials: Sequence[Trial], method: str, told: Teller, hit: Teller, strict: Teller) -> Score:
    positives, negatives = [t for t in trials if t.real], [t for t in trials if not t.real]
    hits, false = [t for t in positives if hit(t)], [t for t in negatives if told(t)]
    precision, recall, f1 = _rates(len(hits), len(false), len(positives))
    low, high = _bootstrap(positives, negatives, {id(t) for t in hits}, {id(t) for t in false})
    rate = len(false) / max(len(negatives), 1)
    # Ours has one threshold; its recall stands for 1 % of false alarms only while it gives fewer than that.
    at_1 = sum(map(strict, positives)) / max(len(positives), 1) if method not in OURS or rate <= 0.01 else 0.0
    flagged = sum(map(told, positives))
    direction = len(hits) / flagged if method in OURS and flagged else None
    return Score(method, precision, recall, f1, low, high, at_1, 1000 * rate, direction)


def _rates(hits: float, false: float, real: float) -> tuple[float, float, float]:
    precision = hits / (hits + false) if hits + false else 0.0
    recall = hits / real if real else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _bootstrap(
    positives: Sequence[Trial], negatives: Sequence[Trial], hits: set[int], false: set[int]
) -> tuple[float, float]:
    """The middle 95 % of F1 when disputes are drawn anew."""
    slugs = sorted({t.dispute for t in (*positives, *negatives)})
    count = {slug: [0, 0, 0] for slug in slugs}
    for t in positives:
        count[t.dispute][0] += id(t) in hits
        count[t.dispute][2] += 1
    for t in negatives:
        count[t.dispute][1] += id(t) in false
    table = np.array([count[s] for s in slugs])
    rng = np.random.default_rng(0)
    values = [_rates(*table[rng.integers(0, len(slugs), len(slugs))].sum(axis=0))[2] for _ in range(500)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def set_record(trials: Sequence[Trial], thresholds: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    """One set as plain data: what it holds, what was answered "not resolvable", every method's score."""
    unable = [t for t in trials if t.verdict == "not_resolvable"]
    return {
        "comparisons": len(trials),
        "disputes": len({t.dispute for t in trials}),
        "real": sum(t.real for t in trials),
        "not_resolvable": len(unable),
        "not_resolvable_real": sum(t.real for t in unable),
        "scores": [asdict(s) for s in scores(trials, thresholds)],
        "false_alarms": sorted(f"{t.operator}: {t.dispute}" for t in trials if t.told and not t.real),
        "missed": sorted(f"{t.operator}: {t.dispute} ({t.verdict})" for t in trials if t.real and not t.right),
    }


def limit_record(trials: Sequence[Trial]) -> dict[str, object]:
    """The share of disks told, by radius in noise levels, and the radii told half of the time and 95 % of it."""
    sizes = sorted({t.size for t in trials})
    told = [float(np.mean([t.right for t in trials if t.size == size])) for size in sizes]
    steady = np.maximum.accumulate(told)
    r50, r95 = (float(np.interp(q, steady, sizes)) if steady[-1] >= q else None for q in (0.5, 0.95))
    return {"trials": len(trials), "radii": sizes, "told": told, "r50": r50, "r95": r95}


def table(record: Mapping[str, object]) -> str:
    """The record of one set as a table in Markdown."""
    real = bool(record["real"])
    head = (
        "| method | precision | recall | F1 (95 %) | recall at 1 % | false per 1,000 | owners and place right |\n"
        "|---|---|---|---|---|---|---|"
        if real
        else "| method | false per 1,000 |\n|---|---|"
    )
    lines = [
        f"{record['comparisons']:,} comparisons of {record['disputes']} disputes, "
        f"{record['real']:,} with a real change; "
        f"answered not resolvable: {record['not_resolvable']:,}, of them with a real change: "
        f"{record['not_resolvable_real']:,}.",
        "",
        head,
    ]
    for row in record["scores"]:  # type: ignore[attr-defined]
        s = Score(**row)
        right = "" if s.direction is None else f"{s.direction:.3f}"
        if real:
            lines.append(
                f"| {s.method} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} ({s.low:.3f}-{s.high:.3f}) "
                f"| {s.recall_at_1:.3f} | {s.false_per_1000:.1f} | {right} |"
            )
        else:
            lines.append(f"| {s.method} | {s.false_per_1000:.1f} |")
    return "\n".join(lines)
