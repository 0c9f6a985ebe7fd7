"""Any two map files a person has, compared as two captures of one view; behind ``borderwatch diff``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from borderwatch.diff import compare as comparing
from borderwatch.diff import elsewhere, lines_elsewhere
from borderwatch.diff.record import Finding, change_from_finding, place_of
from borderwatch.diff.sentences import sentence
from borderwatch.diff.series import doubt, redrawn
from borderwatch.disputes import catalogue
from borderwatch.errors import UsageError
from borderwatch.formats.features import RawFeature
from borderwatch.formats.line_words import line_says
from borderwatch.formats.vector_file import features_from_path, owner_field, value_of
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Depiction,
    Dispute,
    DisputePage,
    Edition,
    Feature,
    Outcome,
    Reading,
    Role,
    SourceCard,
    Standing,
    Terms,
    Verdict,
    View,
)
from borderwatch.observe import Observer, sketches, world_from_reading
from borderwatch.scene import Scene, World

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

KM_PER_DEGREE = 111.2
# Natural Earth's three scales give these medians between vertices: 1:10m .9 km, 1:50m 5 km, 1:110m 33 km, and can
# be trusted down to an inscribed radius of about 1, 4.5 and 10 km: the finest thing grows slower than the step.
STEP_SHARE = 0.6
STEP_MAX_KM = 10.0
FINEST_KM = 0.05


@dataclass(frozen=True)
class Result:
    """One dispute of two files: the comparison, both depictions, what changed, and the scenes to draw."""

    dispute: Dispute
    comparison: Comparison
    before: Depiction
    after: Depiction
    changes: tuple[Change, ...]
    scenes: tuple[Scene, Scene]


@dataclass(frozen=True)
class Compared:
    """Two files compared: dispute by dispute, and elsewhere."""

    before: Path
    after: Path
    results: tuple[Result, ...]
    elsewhere: tuple[Change, ...]
    doubt: str | None

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
) -> Compared:
    """Compare two files in the disputes named (all by default), and everywhere else when all are asked for.

    ``resolution_km`` is the finest inscribed radius the files can be trusted to show; estimated from the
    distance between their vertices where it is not given.
    """
    everything = catalogue()
    wanted = list(everything) if slugs is None else [everything.get(slug) for slug in slugs]
    observer = Observer(wanted)
    old = world_from_file(before, 0, insist=owner_field, resolution_km=resolution_km)
    new = world_from_file(after, 1, insist=owner_field, resolution_km=resolution_km)
    why = doubt(old, new)
    anew = redrawn(old, new)
    scenes_old, scenes_new = observer.scenes(old), observer.scenes(new)
    results = []
    told: list[elsewhere.Told] = []
    for dispute in wanted:
        a, b = scenes_old[dispute.slug], scenes_new[dispute.slug]
        outcome = comparing.scenes(a, b, redrawn=anew)
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
        found = [*elsewhere.findings(old, new, judged, told), *lines_elsewhere.findings(old, new, grounds)]
        others = [_change(f, None, old.capture, new.capture, place=place_of(f)) for f in found]
    return Compared(before, after, tuple(results), tuple(others), why)


def _change(finding: Finding, dispute: Dispute | None, before: Capture, after: Capture, place: str = "") -> Change:
    text = sentence(finding, dispute, "the file", before, after)
    slug = dispute.slug if dispute else None
    return change_from_finding(finding, dispute=slug, before=before, after=after, summary=text, place=place)


def world_from_file(path: Path, number: int, *, insist: str | None, resolution_km: float | None) -> World:
    """Read a file of features; the owner field is found by itself unless ``insist`` names it."""
    raw = features_from_path(path)
    try:
        code, name = owner_field(raw, insist)
    except UsageError as error:
        if insist is not None or any(_areal(f.geometry) for f in raw):
            raise UsageError(f"{path.name}: {error}") from None
        code, name = None, None  # lines need not say whose they are
    digest = hashlib.sha256(str(path.resolve()).encode() + bytes([number])).hexdigest()
    moment = datetime(1970, 1, 1, tzinfo=UTC).replace(second=number)  # two files have an order, not dates
    capture = Capture(
        id=digest,
        view=View("file"),
        taken_at=moment,
        outcome=Outcome.KEPT,
        live=False,
        url=path.name,
        edition=Edition(path.name, None),
    )
    features = tuple(_feature(f, code, name) for f in raw)
    drawn = [f.geometry for f in features if f.geometry is not None and f.role in (Role.AREA, Role.BOUNDARY)]
    if not drawn:
        raise UsageError(f"{path}: no areas in it, and no lines; borderwatch diff compares areas and boundary lines")
    return world_from_reading(Reading(features), capture, resolution_km=resolution_km or finest_km(drawn))


def _feature(raw: RawFeature, code: str | None, name: str | None) -> Feature:
    geometry = raw.geometry
    areal = _areal(geometry)
    lineal = geometry is not None and geometry.geom_type in ("LineString", "MultiLineString")
    role = Role.AREA if areal else Role.BOUNDARY if lineal else Role.LABEL
    feature = Feature(geometry, code=value_of(raw, code), name=value_of(raw, name), role=role)
    return replace(feature, **line_says(raw.properties)) if lineal else feature


def _areal(geometry: BaseGeometry | None) -> bool:
    return geometry is not None and geometry.geom_type in ("Polygon", "MultiPolygon")


def finest_km(areas: Sequence[BaseGeometry]) -> float:
    """The finest inscribed radius a file can be trusted to show, from the median distance between its vertices."""
    # Vertices on a straight edge say nothing of how fine the drawing is.
    bends = shapely.simplify(np.asarray(areas, dtype=object), 1e-6, preserve_topology=False)
    xy, index = shapely.get_coordinates(bends, return_index=True)
    step = np.diff(xy, axis=0)[np.diff(index) == 0]
    step[:, 0] *= np.cos(np.radians(xy[:-1][np.diff(index) == 0][:, 1]))
    lengths = np.hypot(step[:, 0], step[:, 1]) * KM_PER_DEGREE
    lengths = lengths[lengths > 0]
    if len(lengths) == 0:
        return FINEST_KM
    return float(np.clip(STEP_SHARE * np.median(lengths), FINEST_KM, STEP_MAX_KM))


# --- as plain data and as a page -----------------------------------------------------------------------


def record(compared: Compared) -> dict[str, Any]:
    """The JSON of ``borderwatch diff``: names as documented; areas km2, lengths and radii km."""
    return {
        "before": str(compared.before),
        "after": str(compared.after),
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
    areal = c.geometry.geom_type in ("Polygon", "MultiPolygon")
    # Of a line, the middle of its longest part: a representative point may be one of its ends.
    part = max(shapely.get_parts(c.geometry), key=lambda g: g.length)
    point = c.geometry.representative_point() if areal else part.interpolate(0.5, normalized=True)
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


def draw(compared: Compared, page: Path) -> None:
    """One HTML file with the map of the dispute that changed most."""
    from borderwatch.render import write_page

    changed = [r for r in compared.results if r.changes] or list(compared.results[:1])
    if not changed:
        raise UsageError("nothing to draw: no dispute was compared")
    most = max(changed, key=lambda r: sum(c.area_km2 or 0.0 for c in r.changes))
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
