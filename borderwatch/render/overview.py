"""The world in one small picture: neutral land and a point for every dispute."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from borderwatch.models import Dispute
from borderwatch.render import words
from borderwatch.render.land import land_of_the_world

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 1000
EDGE = 12
_TOP, _BOTTOM = 84.0, -80.0


def overview(disputes: Sequence[tuple[Dispute, str, int]]) -> str:
    """An SVG of ``(dispute, link, changes)`` on the world's land, in the Equal Earth projection."""
    import numpy as np
    from markupsafe import escape

    top = float(_equal_earth(np.array([[0.0, _TOP]]))[0, 1])
    bottom = float(_equal_earth(np.array([[0.0, _BOTTOM]]))[0, 1])
    wide = float(_equal_earth(np.array([[180.0, 0.0]]))[0, 0])
    scale = WIDTH / (2 * wide)

    def pixels(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = _equal_earth(lonlat).T
        return np.column_stack([(x + wide) * scale, (top - y) * scale]).round(1)

    points = []
    for dispute, href, changes in sorted(disputes, key=lambda d: d[2]):
        west, south, east, north = dispute.box
        x, y = pixels(np.array([[(west + east) / 2, max(_BOTTOM + 3, min(_TOP - 3, (south + north) / 2))]]))[0]
        told = f"{words.short(dispute.name, 120)}: {changes} change{'' if changes == 1 else 's'} of substance"
        lively = ' class="lively"' if changes else ""
        points.append(
            f'<a href="{escape(href)}" tabindex="-1"{lively}><title>{escape(told)}</title>'
            f'<circle cx="{x:g}" cy="{y:g}" r="{5 + 1.6 * math.sqrt(min(changes, 16)):.1f}"/></a>'
        )
    tall = math.ceil((top - bottom) * scale) + 2 * EDGE
    return (
        f'<svg class="world" viewBox="0 -{EDGE} {WIDTH} {tall}" aria-hidden="true" focusable="false">'
        f'<path class="land" d="{_land_path(pixels)}"/>{"".join(points)}</svg>'
    )


def _land_path(pixels: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> str:
    import shapely

    land = shapely.clip_by_rect(land_of_the_world(), -180, _BOTTOM, 180, _TOP)
    pieces = []
    for part in shapely.get_parts(shapely.simplify(land, 0.25)):
        if part.geom_type == "Polygon" and part.area > 0.3:  # square degrees: below, less than a pixel's worth
            for ring in (part.exterior, *part.interiors):
                spots = pixels(shapely.get_coordinates(shapely.segmentize(ring, 5)))
                pieces.append("M" + "L".join(f"{x:g},{y:g}" for x, y in spots[:-1]) + "Z")
    return "".join(pieces)


def _equal_earth(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Savric, Patterson and Jenny, 2018: equal areas, a few lines of arithmetic."""
    import numpy as np

    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    lon, lat = np.radians(lonlat).T
    theta = np.arcsin(math.sqrt(3) / 2 * np.sin(lat))
    t2 = theta**2
    t6 = t2**3
    x = 2 * math.sqrt(3) * lon * np.cos(theta) / (3 * (9 * a4 * t6 * t2 + 7 * a3 * t6 + 3 * a2 * t2 + a1))
    return np.column_stack([x, theta * (a4 * t6 * t2 + a3 * t6 + a2 * t2 + a1)])
