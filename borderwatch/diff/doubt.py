"""Whether a capture is to be believed on its own: half a world, a broken list, other coordinates, an absurd jump."""

from __future__ import annotations

import numpy as np

from borderwatch.facts import Facts
from borderwatch.geometry import EARTH_KM
from borderwatch.models import Role
from borderwatch.scene import World

# A captured world this much smaller or larger than the one before is a broken capture until a second one
# agrees (an Overpass answer of 2021-04 lacked India and Pakistan).
TOTAL_AREA_JUMP = 0.2
VANISHED_KM2 = 300_000.0
LAND_KM2 = 149_000_000.0
# No dispute of the catalogue is half as large: an owner that grows by so much at once swallowed a continent by mistake.
GAINED_KM2 = 5_000_000.0
# A source of lines, of labels or of rows that suddenly gives less than half of them gave a part of its answer.
PARTIAL, LEAST_ROWS, LEAST_LABELS, LEAST_LINES_KM = 0.5, 20, 20, 2_000.0
# Owners that lie this far from where they lay: other coordinates (projected, scaled, swapped), if most of them do.
ELSEWHERE_KM, ELSEWHERE_SHARE, ELSEWHERE_LEAST = 1_500.0, 0.5, 5


def doubt(before: World | Facts, after: World | Facts) -> str | None:
    """Why a capture is not to be believed until a second one says the same, or None."""
    return _areas_doubted(before, after) or _parts_doubted(before, after)


def _areas_doubted(before: World | Facts, after: World | Facts) -> str | None:
    old, new = _areas(before), _areas(after)
    total_old, total_new = sum(old.values()), sum(new.values())
    if total_old <= 0:
        return None
    # A wider map is no fault, unless it draws more than there is land: a ring turned inside out.
    if total_new < total_old * (1 - TOTAL_AREA_JUMP) or total_new > max(total_old, LAND_KM2) * (1 + TOTAL_AREA_JUMP):
        return f"draws {total_new:,.0f} km² in all, {total_old:,.0f} before"
    gone = [o for o, km2 in old.items() if km2 > VANISHED_KM2 and new.get(o, 0.0) < 0.1 * km2]
    missing = sum(old[o] for o in gone)
    if gone and total_old - total_new > 0.8 * missing:
        return f"draws nothing where {', '.join(sorted(gone))} was ({missing:,.0f} km²)"
    swallowed = {o: new[o] - old[o] for o in old.keys() & new.keys() if new[o] - old[o] > GAINED_KM2}
    if swallowed:
        owner, km2 = max(swallowed.items(), key=lambda item: (item[1], item[0]))
        return f"gives {owner} {km2:,.0f} km² more than before"
    return None


def _areas(world: World | Facts) -> dict[str, float]:
    """Area by owner without Antarctica: whether to draw it is a choice of the sheet, not of who holds what."""
    return {owner: km2 for owner, km2 in world.area_by_owner_km2.items() if owner != "AQ"}


def _parts_doubted(before: World | Facts, after: World | Facts) -> str | None:
    # On other ground than before, what is missing proves nothing.
    if before.asked == after.asked and before.line_km >= LEAST_LINES_KM and after.line_km < PARTIAL * before.line_km:
        return f"draws {after.line_km:,.0f} km of boundary lines in all, {before.line_km:,.0f} before"
    if not isinstance(before, World) or not isinstance(after, World):
        return None
    far, known = _displaced(before, after)
    if known >= ELSEWHERE_LEAST and far > ELSEWHERE_SHARE * known:
        return f"draws {far} of {known} owners more than {ELSEWHERE_KM:,.0f} km from where they were: other coordinates"
    old_labels, new_labels = len(before.lettering.labels), len(after.lettering.labels)
    # Beside areas or lines, labels are a layer that was left out, which says nothing against the others.
    alone = all(p.role is Role.LABEL for p in before.painted)
    if alone and before.asked == after.asked and old_labels >= LEAST_LABELS and new_labels < PARTIAL * old_labels:
        return f"places {new_labels:,} labels, {old_labels:,} before"
    old_rows, new_rows = len(before.rows), len(after.rows)
    if before.complete and after.complete and old_rows >= LEAST_ROWS and new_rows < PARTIAL * old_rows:
        return f"lists {new_rows:,} rows, {old_rows:,} before"
    return None


def _displaced(before: World, after: World) -> tuple[int, int]:
    """How many owners lie far from where they lay, and of how many that are known in both."""
    old, new = before.places, after.places
    known = sorted(old.keys() & new.keys())
    if not known:
        return 0, 0
    a, b = (np.radians(np.array([places[o] for o in known])) for places in (old, new))
    half = np.sin((b - a) / 2) ** 2
    cosine = np.cos(a[:, 1]) * np.cos(b[:, 1])
    apart_km = 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half[:, 1] + cosine * half[:, 0], 0, 1)))
    return int((apart_km > ELSEWHERE_KM).sum()), len(known)
