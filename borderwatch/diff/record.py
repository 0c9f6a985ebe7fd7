"""What a comparison finds, before it has a sentence: and the change record made of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from borderwatch.models import Capture, Change, Kind, Significance

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


# How the subject of a change to a label begins: a text placed on a point. No list has a place, nor an own feature a
# subject, so that with these kinds the two tell it apart.
LABEL = "label"
LABEL_KINDS = frozenset({Kind.APPEARED, Kind.DISAPPEARED, Kind.RELABELLED, Kind.REPARENTED})


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between two scenes; measures as in ``models.Change``."""

    kind: Kind
    significance: Significance
    loser: str | None = None
    gainer: str | None = None
    subject: str = ""
    old: str | None = None
    new: str | None = None
    area_km2: float | None = None
    length_km: float | None = None
    inradius_km: float | None = None
    noise_floor_km: float | None = None
    ratio: float | None = None
    limit_km: float | None = None
    share: float | None = None
    geometry: BaseGeometry | None = None
    offset_km: float | None = None


def is_label(finding: Finding) -> bool:
    """Whether it is about a label."""
    return finding.kind in LABEL_KINDS and finding.geometry is not None and finding.subject.startswith(LABEL)


def change_from_finding(
    finding: Finding,
    *,
    dispute: str | None,
    before: Capture,
    after: Capture,
    summary: str,
    reverts: str | None = None,
    place: str = "",
) -> Change:
    """The record of a finding; its id depends on what changed where between which snapshots, nothing else."""
    key = [
        str(after.view),
        dispute or "",
        finding.kind.value,
        finding.loser or "",
        finding.gainer or "",
        finding.subject,
        finding.old or "",
        finding.new or "",
        before.id,
        after.id,
        place,
    ]
    digest = hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()
    return Change(
        id=digest[:16],
        view=after.view,
        dispute=dispute,
        kind=finding.kind,
        significance=finding.significance,
        before=before,
        after=after,
        loser=finding.loser,
        gainer=finding.gainer,
        subject=finding.subject,
        old=finding.old,
        new=finding.new,
        area_km2=finding.area_km2,
        length_km=finding.length_km,
        inradius_km=finding.inradius_km,
        noise_floor_km=finding.noise_floor_km,
        ratio=finding.ratio,
        limit_km=finding.limit_km,
        share=finding.share,
        geometry=finding.geometry,
        reverts=reverts,
        summary=summary,
        offset_km=finding.offset_km,
    )


def point_in(geometry: BaseGeometry) -> tuple[float, float]:
    """Longitude and latitude of a point in the largest part of some ground, or on the longest of some lines."""
    import shapely

    largest = max(shapely.get_parts(geometry), key=lambda part: (part.area, part.length))
    point = largest.point_on_surface()
    return point.x, point.y


def place_of(finding: Finding) -> str:
    """Where a finding lies, to a tenth of a degree: sets apart two of a kind between the same captures."""
    if finding.geometry is None:
        return ""
    lon, lat = point_in(finding.geometry)
    return f"{lon:.1f},{lat:.1f}"
