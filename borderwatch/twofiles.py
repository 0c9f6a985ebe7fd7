"""Any two map files a person has, compared as two captures of one view; behind ``borderwatch diff``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from borderwatch.derive import reader_fingerprint
from borderwatch.diff import compare as comparing
from borderwatch.diff import elsewhere, features, labels, lines_elsewhere
from borderwatch.diff.doubt import doubt
from borderwatch.diff.elsewhere import Method
from borderwatch.diff.record import Finding, change_from_finding, place_of
from borderwatch.diff.sentences import sentence
from borderwatch.diff.series import between
from borderwatch.disputes import catalogue
from borderwatch.errors import UsageError
from borderwatch.kept import Kept
from borderwatch.mapfile import FILE_VIEW, MapFile, digest_of
from borderwatch.mapfile import compared as compared_files
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Coverage,
    Depiction,
    Dispute,
    DisputePage,
    Role,
    Share,
    SourceCard,
    Standing,
    Terms,
    Verdict,
)
from borderwatch.observe import Observer, sketches
from borderwatch.scene import Scene


@dataclass(frozen=True)
class Result:
    """One dispute of two files: the comparison, both depictions, what changed, and the scenes to draw."""

    dispute: Dispute
    comparison: Comparison
    before: Depiction
    after: Depiction
    changes: tuple[Change, ...]
    scenes: tuple[Scene, Scene] | None
    """None where the answer was kept from another time."""


@dataclass(frozen=True)
class Compared:
    """Two files compared: dispute by dispute, and elsewhere."""

    before: Path
    after: Path
    results: tuple[Result, ...]
    elsewhere: tuple[Change, ...]
    doubt: str | None
    method: Method
    """How it was found what passed from owner to owner, anywhere."""
    cancelled: float
    """The share of edges that are in both files, for the same owner."""

    @property
    def changed(self) -> bool:
        """Whether anything changed."""
        return bool(self.elsewhere) or any(r.comparison.verdict is Verdict.CHANGED for r in self.results)


def compare(
    before: Path,
    after: Path,
    slugs: Sequence[str] | None = None,
    *,
    owner_field: str | None = None,
    resolution_km: float | None = None,
    kept: Kept | None = None,
) -> Compared:
    """Compare two files in the disputes named (all by default), and everywhere else when all are asked for.

    ``resolution_km`` is the finest inscribed radius the files can be trusted to show; estimated from the
    distance between their vertices where it is not given. ``kept`` holds what was derived from files another time.
    """
    kept = kept or Kept(None)
    everything = catalogue()
    wanted = list(everything) if slugs is None else [everything.get(slug) for slug in slugs]
    digests = digest_of(before), digest_of(after)
    if digests[0] == digests[1]:
        key = _key(digests[0], slugs, owner_field, resolution_km)
        stored = kept.get(key)
        same = _from_stored(bytes(stored), wanted) if stored is not None else None
        if same is None:
            same = _unchanged(before, wanted, owner_field, resolution_km)
            kept.put(key, _to_stored(same))
        return Compared(before, after, same, (), None, Method.BYTES, 1.0)
    observer = Observer(wanted)
    files = MapFile.pair((before, after), insist=owner_field, kept=kept, digests=digests)
    passed = compared_files(*files, redigitised_from=elsewhere.CHAIN_UP_TO)
    old, new = (file.world(n, resolution_km=resolution_km) for n, file in enumerate(files))
    why = doubt(old, new)
    # Where nearly all edges are shared, so are the vertices; of lines the chain knows nothing.
    only_areas = all(p.role in (Role.AREA, Role.LABEL) for world in (old, new) for p in world.painted)
    known = between(old, new, same_data=only_areas and not passed.redigitised)
    surveyed = elsewhere.survey_of(passed, old, new)
    scenes_old, scenes_new = observer.scenes(old), observer.scenes(new)
    results = []
    told: list[elsewhere.Told] = []
    for dispute in wanted:
        a, b = scenes_old[dispute.slug], scenes_new[dispute.slug]
        outcome = comparing.scenes(a, b, known, same_ground=not passed.touches(a.ground.window))
        comparison = outcome.comparison
        if why is not None:
            comparison = Comparison(
                comparison.view, dispute.slug, comparison.before, comparison.after, Verdict.SUSPECT, reason=why
            )
        told += elsewhere.told_by(a.ground, outcome.findings)
        changes = [_change(f, dispute, old.capture, new.capture) for f in outcome.findings]
        results.append(Result(dispute, comparison, a.depiction, b.depiction, tuple(changes), (a, b)))
    others: list[Change] = []
    if slugs is None and why is None:
        judged = elsewhere.judged_by_disputes(observer.grounds)
        grounds = [g.area for g in observer.grounds]
        found = [*elsewhere.findings(old, new, judged, told, surveyed), *lines_elsewhere.findings(old, new, grounds)]
        known_already = {(c.kind, c.old, c.new) for r in results for c in r.changes}
        found += [f for f in map(features.finding, known.regrouped) if (f.kind, f.old, f.new) not in known_already]
        found += [known.renamed] if known.renamed is not None else []
        # A dispute that a file does not cover tells nothing, so that what it writes there is told here.
        told_of = {r.dispute.slug for r in results if r.comparison.verdict is not Verdict.NOT_COVERED}
        found += labels.elsewhere(old, new, [g for g in observer.grounds if g.dispute.slug in told_of])
        others = [_change(f, None, old.capture, new.capture, place=place_of(f)) for f in found]
    return Compared(before, after, tuple(results), tuple(others), why, surveyed.method, passed.cancelled)


def _unchanged(
    path: Path, wanted: Sequence[Dispute], owner_field: str | None, resolution_km: float | None
) -> tuple[Result, ...]:
    """What a file shows of each dispute, and that it shows the same again: read once, compared with itself."""
    file = MapFile(path, insist=owner_field)
    old = file.world(0, resolution_km=resolution_km)
    capture = file.capture(1)
    results = []
    for slug, a in Observer(wanted).scenes(old).items():
        b = replace(a, capture=capture, depiction=replace(a.depiction, capture=capture.id))
        comparison = comparing.scenes(a, b, same_ground=True).comparison
        dispute = next(d for d in wanted if d.slug == slug)
        results.append(Result(dispute, comparison, a.depiction, b.depiction, (), (a, b)))
    return tuple(results)


def _key(digest: str, slugs: Sequence[str] | None, owner_field: str | None, resolution_km: float | None) -> str:
    """The name under which the answer for a file against itself is kept: another reader, another answer."""
    asked = json.dumps([digest, reader_fingerprint(), slugs, owner_field, resolution_km])
    return hashlib.sha256(asked.encode()).hexdigest() + ".json"


_SHOWN = ("dispute", "capture", "coverage", "limit_km", "reason")


def _to_stored(results: Iterable[Result]) -> bytes:
    rows = [
        {
            "comparison": {k: v for k, v in asdict(r.comparison).items() if k != "view"},
            "shown": {name: getattr(r.before, name) for name in _SHOWN},
            "shares": [asdict(share) for share in r.before.shares],
            "again": r.after.capture,
        }
        for r in results
    ]
    body = json.dumps(rows, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _from_stored(data: bytes, wanted: Sequence[Dispute]) -> tuple[Result, ...] | None:
    """None where it is not what was written."""
    proof, _, body = data.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != proof:
        return None
    try:
        results = []
        for dispute, row in zip(wanted, json.loads(body), strict=True):
            verdict = Verdict(row["comparison"]["verdict"])
            comparison = Comparison(**{**row["comparison"], "view": FILE_VIEW, "verdict": verdict})
            shown = {**row["shown"], "coverage": Coverage(row["shown"]["coverage"])}
            a = Depiction(view=FILE_VIEW, shares=tuple(Share(**share) for share in row["shares"]), **shown)
            if a.dispute != dispute.slug:
                return None
            results.append(Result(dispute, comparison, a, replace(a, capture=row["again"]), (), None))
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(results)


def _change(finding: Finding, dispute: Dispute | None, before: Capture, after: Capture, place: str = "") -> Change:
    text = sentence(finding, dispute, "the file", before, after)
    slug = dispute.slug if dispute else None
    return change_from_finding(finding, dispute=slug, before=before, after=after, summary=text, place=place)


# --- as plain data and as a page -----------------------------------------------------------------------


def record(compared: Compared) -> dict[str, Any]:
    """The JSON of ``borderwatch diff``: names as documented; areas km2, lengths and radii km."""
    return {
        "before": str(compared.before),
        "after": str(compared.after),
        "compared_by": compared.method.value,
        "edges_in_both": round(compared.cancelled, 6),
        "disputes": [
            {
                "dispute": r.dispute.slug,
                "verdict": r.comparison.verdict.value,
                "before": _shares(r.before),
                "after": _shares(r.after),
                "detection_limit_km": _rounded(r.comparison.limit_km or r.after.limit_km),
                "noise_floor_km": _rounded(r.comparison.noise_floor_km),
                "reason": r.comparison.reason or None,
                "changes": [_change_record(c) for c in r.changes],
            }
            for r in compared.results
        ],
        "elsewhere": [{**_change_record(c), **_place(c)} for c in compared.elsewhere],
    }


def _shares(depiction: Depiction) -> dict[str, float]:
    return {s.owner: round(s.share, 4) for s in depiction.shares}


def _change_record(c: Change) -> dict[str, Any]:
    return {
        "kind": c.kind.value,
        "significance": c.significance.value,
        "from": c.loser,
        "to": c.gainer,
        "area_km2": _rounded(c.area_km2),
        "inradius_km": _rounded(c.inradius_km),
        "noise_floor_km": _rounded(c.noise_floor_km),
        "ratio": _rounded(c.ratio),
        "length_km": _rounded(c.length_km),
        "offset_km": _rounded(c.offset_km),
        "share": _rounded(c.share),
        "subject": c.subject or None,
        "old": c.old,
        "new": c.new,
        "summary": c.summary,
    }


def _place(c: Change) -> Mapping[str, float]:
    if c.geometry is None:
        return {}
    lineal = c.geometry.geom_type in ("LineString", "MultiLineString")
    # Of a line, the middle of its longest part: a representative point may be one of its ends.
    part = max(shapely.get_parts(c.geometry), key=lambda g: g.length)
    point = part.interpolate(0.5, normalized=True) if lineal else c.geometry.representative_point()
    return {"lon": round(point.x, 4), "lat": round(point.y, 4)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def geojson(compared: Compared) -> dict[str, Any]:
    """Every changed piece of ground as a GeoJSON feature."""
    changes = [c for r in compared.results for c in r.changes] + list(compared.elsewhere)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"dispute": c.dispute, **_change_record(c)},
                "geometry": shapely.geometry.mapping(c.geometry),
            }
            for c in changes
            if c.geometry is not None
        ],
    }


def draw(compared: Compared, page: Path) -> Dispute:
    """One HTML file with the map of the dispute that changed most, and which that is."""
    from borderwatch.render import write_page

    changed = [r for r in compared.results if r.changes] or list(compared.results[:1])
    if not changed:
        raise UsageError("nothing to draw: no dispute was compared")
    most = max(changed, key=lambda r: sum(c.area_km2 or 0.0 for c in r.changes))
    if most.scenes is None:
        raise UsageError("nothing to draw: the answer was kept from another time, without its map")
    before, after = most.scenes
    terms = Terms("as the file's maker says", compared.after.name)
    write_page(
        DisputePage(
            dispute=most.dispute,
            changes=most.changes,
            standings=(Standing(most.after, after.capture, after.capture.taken_at, after.capture.taken_at),),
            sketches={s.capture.id: sketches(s) for s in (before, after)},
            sources={"file": SourceCard("file", "the file", terms)},
        ),
        page,
        made_at=datetime.now(UTC),
    )
    return most.dispute
