"""Sea zones and rival lines computed from documented facts and a public-domain coastline.

Distances are geodesic (WGS 84); coasts are Natural Earth's 1:10m countries, so a line of equal distance is as
good as that coast (about 1 km near shore). No vendor's maritime boundary is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from catalogue_build.layers import CREDITS, Layers

GEOD = Geod(ellps="WGS84")
NAUTICAL_MILE_M = 1852.0
LIMIT_M = 200 * NAUTICAL_MILE_M
SPACING_M = 1000.0
"""Coast points stand this close, so that a distance to the nearest is exact to some 0.3 m at 200 nautical miles."""


@dataclass(frozen=True, slots=True)
class Sea:
    """A reference zone, the rival lines, and what they were built from."""

    reference: BaseGeometry | None
    lines: dict[str, BaseGeometry]
    origin: str


class Coast:
    """Points along a coast, and how far a place is from the nearest."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self._directions = _directions(points)

    def distance_m(self, longitude: float, latitude: float) -> float:
        """Geodesic distance to the nearest point: measured for the 40 nearest by chord on the sphere."""
        chord = ((self._directions - _directions(np.array([[longitude, latitude]]))) ** 2).sum(axis=1)
        near = self.points[np.argsort(chord)[:40]]
        far = np.full(len(near), longitude), np.full(len(near), latitude)
        return float(GEOD.inv(*far, near[:, 0], near[:, 1])[2].min())

    def beyond(self, longitude: float, latitude: float, distance_m: float) -> Coast:
        """The part of this coast at least ``distance_m`` from a place."""
        far = np.full(len(self.points), longitude), np.full(len(self.points), latitude)
        keep = GEOD.inv(*far, self.points[:, 0], self.points[:, 1])[2] >= distance_m
        return Coast(self.points[keep])


def _directions(points: np.ndarray) -> np.ndarray:
    """Unit vectors of longitude, latitude pairs."""
    x, y = np.radians(points).T
    return np.column_stack([np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)])


def coast(layers: Layers, codes: tuple[str, ...], window: tuple[float, float, float, float]) -> Coast:
    """The sea coast of the countries ``codes`` (Natural Earth's A3) inside ``window``."""
    land = shapely.union_all([layers.get("country", code, window) for code in codes])
    inside = shapely.box(*window)
    shore = shapely.intersection(shapely.union_all(shapely.boundary(layers.get("land", "*", window))), inside)
    # 2e-3 degrees: the two files share the coast exactly; the allowance only bridges rounding.
    own = shapely.intersection(shore, shapely.buffer(shapely.intersection(shapely.boundary(land), inside), 2e-3))
    dense = shapely.segmentize(shapely.line_merge(own), SPACING_M / 111_000)
    return Coast(np.unique(np.round(shapely.get_coordinates(dense), 7), axis=0))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where ``function`` changes sign between ``low`` and ``high``, to 1e-7 (about 1 cm in degrees)."""
    sign = np.sign(function(low))
    if sign == np.sign(function(high)):
        raise SystemExit(f"no change of sign between {low} and {high}")
    while abs(high - low) > 1e-7:
        middle = (low + high) / 2
        low, high = (middle, high) if np.sign(function(middle)) == sign else (low, middle)
    return (low + high) / 2


CHILE_PERU_START = (-(70 + 22 / 60 + 49.80 / 3600), -(18 + 21 / 60 + 0.42 / 3600))
"""Start of the maritime boundary, 18 21'00.42" S 70 22'49.80" W: joint act of Chile and Peru of 2014-03-25."""


def chile_peru(layers: Layers) -> Sea:
    """The zone at issue in Peru v. Chile (ICJ, 27 January 2014), both claims and the Court's line.

    The zone is the sea south of the parallel of Boundary Marker No. 1 (Chile's line) that is nearer to Peru's
    coast than to Chile's (Peru's line is equidistance) and within 200 nautical miles of Peru. The Court's line
    follows the parallel for 80 nautical miles to Point A, then the equidistance of Chile's coast and the part of
    Peru's coast at least 80 nautical miles from A to Point B, on Chile's 200-mile limit, then that limit to
    Point C, where the two 200-mile limits meet.
    """
    start_x, start_y = CHILE_PERU_START
    peru = coast(layers, ("PER",), (-76.6, start_y, -70.2, -13.5))
    chile = coast(layers, ("CHL",), (-71.5, -25.0, -69.9, start_y))
    peru = Coast(np.vstack([peru.points, [CHILE_PERU_START]]))
    chile = Coast(np.vstack([chile.points, [CHILE_PERU_START]]))

    def equidistance(first: Coast, second: Coast, west_of: float, until: Callable[[float, float], float]) -> np.ndarray:
        """From ``west_of`` westward, every 0.02 degrees, until ``until`` (metres left) runs out; its end exact."""

        def latitude(x: float) -> float:
            return root(lambda y: first.distance_m(x, y) - second.distance_m(x, y), -22.5, start_y + 1e-4)

        places, x = [], west_of - 0.02
        while until(x, latitude(x)) > 0:
            places.append((x, latitude(x)))
            x -= 0.02
        end = root(lambda x: until(x, latitude(x)), x, x + 0.02)
        return np.array([*places, (end, latitude(end))])

    def limit(of: Coast, south: float, north: float) -> np.ndarray:
        """The 200-mile limit of a coast between two latitudes, from south to north."""
        latitudes = np.append(np.arange(south, north, 0.02), north)
        return np.array([(root(lambda x, y=y: LIMIT_M - of.distance_m(x, y), -80.0, -72.0), y) for y in latitudes])

    def parallel(west: float) -> np.ndarray:
        longitudes = np.append(np.arange(start_x, west, -0.05), west)
        return np.column_stack([longitudes, np.full_like(longitudes, start_y)])

    claim_peru = equidistance(peru, chile, start_x, lambda x, y: LIMIT_M - peru.distance_m(x, y))
    point_c = claim_peru[-1]
    end_of_chile = root(lambda x: LIMIT_M - chile.distance_m(x, start_y), -76.0, -72.0)
    claim_chile = parallel(end_of_chile)
    outer = limit(peru, float(point_c[1]), start_y)
    zone = shapely.Polygon([CHILE_PERU_START, *claim_peru, *outer[1:], *parallel(float(outer[-1][0]))[::-1][1:]])

    # Point A: 80 nautical miles along the parallel (a geodesic of that length ends 0.4 km north of it).
    a_x = root(lambda x: GEOD.inv(start_x, start_y, x, start_y)[2] - 80 * NAUTICAL_MILE_M, -73.0, -71.0)
    contributing = peru.beyond(a_x, start_y, 80 * NAUTICAL_MILE_M)
    second = equidistance(contributing, chile, a_x, lambda x, y: LIMIT_M - chile.distance_m(x, y))
    point_b = second[-1]
    third = limit(chile, float(point_c[1]), float(point_b[1]))[::-1]
    court = np.vstack([parallel(a_x), second, third[1:]])
    lines = {
        "CL": shapely.LineString(claim_chile),
        "PE": shapely.LineString(np.vstack([[CHILE_PERU_START], claim_peru])),
        "ICJ 2014": shapely.LineString(court),
    }
    title, package = CREDITS["country"]
    origin = (
        "computed: the parallel of the start agreed on 2014-03-25 (18 21'00.42\" S 70 22'49.80\" W), equidistance "
        f"and 200 nautical mile limits from the coasts of {title} ({package.label}); ICJ judgment of 2014-01-27. "
        "Not an official delimitation: points B and C differ from the parties' by the coast's error"
    )
    return Sea(zone, lines, origin)


def san_andres(layers: Layers) -> Sea:
    """The Court's line of 2012 (points 1 to 6; geodetic) between Colombia and Nicaragua, around San Andres."""
    del layers
    points = [
        (13, 46, 35.7, 81, 29, 34.7),
        (13, 31, 8.0, 81, 45, 59.4),
        (13, 3, 15.8, 81, 46, 22.7),
        (12, 50, 12.8, 81, 59, 22.6),
        (12, 7, 28.8, 82, 7, 27.7),
        (12, 0, 4.5, 81, 57, 57.8),
    ]
    line = [(-(f + g / 60 + h / 3600), a + b / 60 + c / 3600) for a, b, c, f, g, h in points]
    lines = {"ICJ 2012": shapely.LineString(line)}
    return Sea(None, lines, "line: the six turning points of the ICJ judgment of 2012-11-19, operative paragraph 4")


def beaufort(layers: Layers) -> Sea:
    """The wedge between the 141st meridian (Canada's line) and equidistance (the line of the US), to 200 miles."""
    window = (-160.0, 66.0, -115.0, 76.5)
    states, canada = coast(layers, ("USA",), window), coast(layers, ("CAN",), window)
    start_y = max(float(y) for x, y in states.points if abs(x + 141.0) < 0.02)

    def longitude(y: float) -> float:
        return root(lambda x: states.distance_m(x, y) - canada.distance_m(x, y), -150.0, -125.0)

    def left(y: float) -> float:
        return LIMIT_M - states.distance_m(longitude(y), y)

    places, y = [], start_y + 0.02
    while left(y) > 0:
        places.append((longitude(y), y))
        y += 0.02
    end = root(left, y - 0.02, y)
    equal = np.array([(-141.0, start_y), *places, (longitude(end), end)])

    def both(x: float) -> float:
        """The latitude where the nearer coast is 200 nautical miles away."""
        return root(lambda y: LIMIT_M - min(states.distance_m(x, y), canada.distance_m(x, y)), 70.5, 76.0)

    rim = np.array([(x, both(x)) for x in np.linspace(equal[-1][0], -141.0, 40)])
    zone = shapely.Polygon([*equal, *rim[1:], (-141.0, start_y)])
    lines = {
        "CA": shapely.LineString([(-141.0, start_y), (-141.0, rim[-1][1])]),
        "US": shapely.LineString(equal),
    }
    title, package = CREDITS["country"]
    text = "computed: the meridian 141 W, equidistance and 200 nautical mile limits from the coasts of"
    return Sea(zone, lines, f"{text} {title} ({package.label}); not an official delimitation")


def ten_dashes(layers: Layers) -> Sea:
    """The dashes in the South China Sea as one map printed in China draws them (each a thin polygon)."""
    window = (105.0, 2.0, 126.0, 26.0)
    drawn = [part for part in shapely.get_parts(layers.get("surbowl", "CHN", window)) if _is_dash(part)]
    dashes = shapely.union_all([_axis(part) for part in drawn])
    title, package = CREDITS["surbowl"]
    origin = f"no zone was ever described; line: {len(drawn)} dashes of {title} ({package.label})"
    return Sea(None, {"CN": dashes}, origin)


def _is_dash(part: BaseGeometry) -> bool:
    """Long and thin, with four corners or more: no islet of that map is seven times as long as wide."""
    if len(shapely.get_coordinates(part)) < 5:
        return False
    rectangle = shapely.minimum_rotated_rectangle(part)
    sides = sorted(np.hypot(*np.diff(shapely.get_coordinates(rectangle)[:3], axis=0).T))
    return bool(part.bounds[1] < 25 and sides[1] > 0.5 and part.area / sides[1] < 0.15 * sides[1])


def _axis(part: BaseGeometry) -> BaseGeometry:
    """The middle line of a thin polygon: the longer mid-line of its smallest rectangle."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(part))[:4]
    middles = (corners + np.roll(corners, -1, axis=0)) / 2
    pairs = [(middles[0], middles[2]), (middles[1], middles[3])]
    return shapely.LineString(max(pairs, key=lambda pair: float(np.hypot(*(pair[0] - pair[1])))))


def antarctic(layers: Layers) -> Sea:
    """The sectors three states claim south of 60 S, and the land where they meet."""
    sectors = {"AR": (-74.0, -25.0), "CL": (-90.0, -53.0), "GB": (-80.0, -20.0)}
    west, east = min(w for w, _ in sectors.values()), max(e for _, e in sectors.values())
    land = shapely.intersection(
        layers.get("land", "*", (west, -89.9, east, -60.0)), shapely.box(west, -89.9, east, -60)
    )
    lines = {
        who: shapely.MultiLineString([[(edge, -60.0), (edge, -89.9)] for edge in edges])
        for who, edges in sectors.items()
    }
    title, package = CREDITS["land"]
    return Sea(
        land, lines, f"{title} ({package.label}) south of 60 S between 90 W and 20 W; lines: the sectors' meridians"
    )


SEAS: dict[str, Callable[[Layers], Sea]] = {
    "antarctic_peninsula": antarctic,
    "beaufort_sea": beaufort,
    "chile_peru_maritime": chile_peru,
    "nine_dash_line": ten_dashes,
    "san_andres_maritime": san_andres,
}
