"""ArcGIS feature services on the replay server: the paths, parameters, limits and errors of the real ones.

SHAPE: the envelopes are those of the REST API's documentation and of the services' own REST pages (names of layers
and fields, counts, renderers, limits); the features are invented squares and lines, as no recorded answer exists.
A server answers HTML where ``f`` is not named, and 200 with an ``error`` inside where a question is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from tests.replay import Asked, Replay, Reply, json_reply, page_reply

EDITED = 1_740_420_000_000
"""2025-02-24T18:00:00Z, in the milliseconds of ``editingInfo``."""

KINDS = {"esriGeometryPolygon": "Polygon", "esriGeometryPolyline": "LineString"}


@dataclass
class Layer:
    """One layer: ``rows`` are (attributes, coordinates); coordinates are rings of a polygon or points of a line."""

    name: str
    geometry: str
    rows: list[tuple[dict[str, Any], Any]]
    id_field: str = "OBJECTID"
    limit: int = 2000
    formats: str = "JSON, geoJSON, PBF"
    paginates: bool = True
    edited: int | None = EDITED
    renderer: Mapping[str, Any] | None = None
    flat_flag: bool = False
    """Whether GeoJSON says ``exceededTransferLimit`` beside the features, as servers before 11 do."""
    bytes_limit: int | None = None
    """At most so many features a page, whatever was asked for."""
    questions: list[Mapping[str, str]] = field(default_factory=list)

    def definition(self, number: int) -> dict[str, Any]:
        names = dict.fromkeys(name for attributes, _ in self.rows for name in attributes)
        fields = [{"name": self.id_field, "type": "esriFieldTypeOID", "alias": self.id_field, "nullable": False}]
        fields += [
            {"name": name, "type": "esriFieldTypeString", "alias": name, "nullable": True, "domain": None}
            for name in names
        ]
        return {
            "currentVersion": 11.4,
            "id": number,
            "name": self.name,
            "type": "Feature Layer",
            "geometryType": self.geometry,
            "objectIdField": self.id_field,
            "maxRecordCount": self.limit,
            "supportedQueryFormats": self.formats,
            "advancedQueryCapabilities": {"supportsPagination": self.paginates, "supportsOrderBy": True},
            "drawingInfo": {"renderer": self.renderer or {"type": "simple", "symbol": {"type": "esriSLS"}}},
            "fields": fields,
            **({"editingInfo": {"lastEditDate": self.edited, "dataLastEditDate": self.edited}} if self.edited else {}),
        }


def error(code: int, message: str, *details: str) -> Reply:
    return json_reply({"error": {"code": code, "message": message, "details": list(details)}})


def serve(replay: Replay, service: str, layers: Mapping[int, Layer]) -> None:
    """Answer for a feature service at its real address."""
    parts = urlsplit(service)
    host, root = parts.hostname or "", parts.path

    def on(path: str, answer: Any) -> None:
        def reply(asked: Asked) -> Reply:
            if asked.query.get("f") not in {"json", "pjson", "geojson"}:
                return page_reply("<html><head><title>ArcGIS REST Services Directory</title></head></html>")
            return answer(asked)

        for spelt in {path, quote(path), quote(path, safe="/()")}:
            replay.on(host, spelt, reply)

    listed = [{"id": n, "name": layer.name, "geometryType": layer.geometry} for n, layer in layers.items()]
    on(root, lambda _: json_reply({"currentVersion": 11.4, "layers": listed, "tables": [], "maxRecordCount": 2000}))
    for number, layer in layers.items():
        on(f"{root}/{number}", lambda _, n=number, one=layer: json_reply(one.definition(n)))
        on(f"{root}/{number}/query", lambda asked, one=layer: _query(one, asked.query))


def _query(layer: Layer, asked: Mapping[str, str]) -> Reply:
    layer.questions.append(dict(asked))
    rows = list(enumerate(layer.rows, start=1))
    if "objectIds" in asked:
        wanted = {int(n) for n in asked["objectIds"].split(",")}
        rows = [row for row in rows if row[0] in wanted]
    elif "where" not in asked:
        return error(400, "Cannot perform query. Invalid query parameters.", "'where' clause not specified")
    else:
        skipped = re.fullmatch(r"(\w+) <> (\d+) OR \1 IS NULL", asked["where"])
        if skipped:
            names = {name.upper(): name for attributes, _ in layer.rows for name in attributes}
            if skipped[1].upper() not in names:
                return error(400, "Cannot perform query. Invalid query parameters.", f"Invalid field: {skipped[1]}")
            rows = [row for row in rows if str(row[1][0].get(names[skipped[1].upper()])) != skipped[2]]
        elif asked["where"] != "1=1":
            return error(400, "Unable to complete operation.", "Unable to perform query operation.")
    if asked.get("returnCountOnly") == "true":
        return json_reply({"count": len(rows)})
    if asked.get("returnIdsOnly") == "true":
        return json_reply({"objectIdFieldName": layer.id_field, "objectIds": [n for n, _ in rows] or None})
    if asked.get("outSR") != "4326":
        return error(400, "Cannot perform query. Invalid query parameters.", "the test asks for degrees only")
    start, count = int(asked.get("resultOffset", 0)), int(asked.get("resultRecordCount", layer.limit))
    if not layer.paginates and ("resultOffset" in asked or "resultRecordCount" in asked):
        return error(400, "Cannot perform query. Invalid query parameters.", "Pagination is not supported.")
    size = min(count, layer.limit, layer.bytes_limit or layer.limit)
    page, more = rows[start : start + size], len(rows) > start + size
    if asked["f"] == "geojson":
        return json_reply(_geojson(layer, page, more=more), headers={"Content-Type": "application/geo+json"})
    return json_reply(_esri(layer, page, more=more))


Rows = Sequence[tuple[int, tuple[dict[str, Any], Any]]]


def _geojson(layer: Layer, rows: Rows, *, more: bool) -> dict[str, Any]:
    flag = {"exceededTransferLimit": True} if layer.flat_flag else {"properties": {"exceededTransferLimit": True}}
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": number,
                "geometry": None if drawn is None else {"type": KINDS[layer.geometry], "coordinates": drawn},
                "properties": {layer.id_field: number, **attributes},
            }
            for number, (attributes, drawn) in rows
        ],
        **(flag if more else {}),
    }


def _esri(layer: Layer, rows: Rows, *, more: bool) -> dict[str, Any]:
    def geometry(drawn: Any) -> dict[str, Any] | None:
        if drawn is None:
            return None
        # Esri turns exteriors clockwise and holes the other way; GeoJSON the reverse.
        return {"rings": [ring[::-1] for ring in drawn]} if "Polygon" in layer.geometry else {"paths": [drawn]}

    return {
        "objectIdFieldName": layer.id_field,
        "geometryType": layer.geometry,
        "spatialReference": {"wkid": 4326, "latestWkid": 4326},
        "features": [
            {"attributes": {layer.id_field: number, **attributes}, "geometry": geometry(drawn)}
            for number, (attributes, drawn) in rows
        ],
        **({"exceededTransferLimit": True} if more else {}),
    }


def square(west: float, south: float, size: float = 1.0) -> list[list[list[float]]]:
    """The ring of a square, its exterior against the clock, as GeoJSON turns it."""
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def many_squares(count: int) -> list[list[list[list[float]]]]:
    return [square(-170 + 2 * (n % 160), -60 + 2 * (n // 160)) for n in range(count)]


def many_lines(count: int) -> list[list[list[float]]]:
    return [[[-170 + 2 * (n % 160), -60 + 2 * (n // 160)], [-169 + 2 * (n % 160), -59.0]] for n in range(count)]


LSIB_RENDERER = {
    "type": "uniqueValue",
    "field1": "RANK",
    "uniqueValueInfos": [
        {
            "value": "1",
            "label": "International Boundary (Rank 1)",
            "symbol": {"type": "esriSLS", "style": "esriSLSSolid"},
        },
        {
            "value": "2",
            "label": "Other Line of International Separation (Rank 2)",
            "symbol": {"type": "esriSLS", "style": "esriSLSDash"},
        },
        {"value": "3", "label": "Special Line (Rank 3)", "symbol": {"type": "esriSLS", "style": "esriSLSSolid"}},
    ],
}
"""As on the layer's REST page."""


def lsib_layers(count: int = 400, **changes: Any) -> dict[int, Layer]:
    rows = [
        (
            {
                "CC1": "AA", "COUNTRY1": f"SIDE {n}", "CC2": "BB", "COUNTRY2": f"OTHER {n}", "RANK": "1",
                "STATUS": "International Boundary", "LABEL": None, "NOTES": None,
            },
            line,
        )
        for n, line in enumerate(many_lines(count - 2))
    ]  # fmt: skip
    rows.append(
        (
            {"CC1": "IN", "COUNTRY1": "INDIA", "CC2": "PK", "COUNTRY2": "PAKISTAN", "RANK": "2",
             "STATUS": "Other Line of International Separation", "LABEL": "Line of Control", "NOTES": None},
            [[74.0, 33.0], [74.5, 34.0], [75.5, 34.6]],
        )
    )  # fmt: skip
    rows.append(
        (
            {"CC1": "KP", "COUNTRY1": "NORTH KOREA", "CC2": "KR", "COUNTRY2": "SOUTH KOREA", "RANK": "3",
             "STATUS": "Special Line", "LABEL": "DMZ", "NOTES": None},
            [[126.7, 37.9], [128.3, 38.6]],
        )
    )  # fmt: skip
    return {0: Layer("LSIB_A", "esriGeometryPolyline", rows, renderer=LSIB_RENDERER, **changes)}


def un_layers(areas: int = 270, lines: int = 320) -> dict[int, Layer]:
    of_areas: list[tuple[dict[str, Any], Any]] = [
        ({"iso3cd": "FRA", "nam_en": f"Area {n}", "isoclr": "FRA", "stscod": 1}, drawn)
        for n, drawn in enumerate(many_squares(areas - 3))
    ]
    of_areas += [
        ({"iso3cd": "xjk", "nam_en": "Jammu and Kashmir", "isoclr": "xjk", "stscod": 99}, square(74, 33)),
        ({"iso3cd": "xAC", "nam_en": None, "isoclr": "CHN", "stscod": 99}, square(79, 35)),
        ({"iso3cd": "ESH", "nam_en": "Western Sahara", "isoclr": "ESH", "stscod": 3}, square(-14, 24)),
    ]
    of_lines: list[tuple[dict[str, Any], Any]] = [
        ({"iso3cd": "FRA_ESP", "bdytyp": 1}, line) for line in many_lines(lines - 5)
    ]
    of_lines += [
        ({"iso3cd": "FRA", "bdytyp": 0}, [[0.0, 0.0], [1.0, 1.0]]),
        ({"iso3cd": "ISR_PSE", "bdytyp": 2}, [[35.0, 31.4], [35.2, 32.0]]),
        ({"iso3cd": "SDN_SSD", "bdytyp": 3}, [[24.0, 9.0], [28.0, 9.5]]),
        ({"iso3cd": "IND_PAK", "bdytyp": 4}, [[74.0, 33.0], [75.5, 34.6]]),
        ({"iso3cd": None, "bdytyp": 99}, [[10.0, 10.0], [10.5, 10.5]]),
    ]
    return {
        0: Layer("WBYA_simplified", "esriGeometryPolygon", [], id_field="objectid"),
        1: Layer("BNDL_simplified", "esriGeometryPolyline", of_lines, id_field="objectid"),
        2: Layer("BNDA_simplified", "esriGeometryPolygon", of_areas, id_field="objectid"),
    }


def world_bank_layers() -> dict[int, Layer]:
    """The seven layers of the service, with the counts of its page where they are asked for."""
    countries: list[tuple[dict[str, Any], Any]] = [
        ({"ISO_A3": "FRA", "WB_A3": "FRA", "NAM_0": f"Country {n}", "WB_STATUS": "Member State"}, drawn)
        for n, drawn in enumerate(many_squares(261))
    ]
    countries.append(
        ({"ISO_A3": "KSV", "WB_A3": "KOS", "NAM_0": "Kosovo", "WB_STATUS": "Member State"}, square(20.5, 42.2, 0.8))
    )
    disputes: list[tuple[dict[str, Any], Any]] = [
        ({"ISO_A3": None, "WB_A3": None, "NAM_0": f"Area {n}", "NAM_0_Alt": None, "WB_STATUS": None}, drawn)
        for n, drawn in enumerate(many_squares(33))
    ]
    disputes.append(
        (
            {"ISO_A3": "ESH", "WB_A3": None, "NAM_0": "Western Sahara", "NAM_0_Alt": None, "WB_STATUS": None},
            square(-14, 24),
        )
    )
    lines: list[tuple[dict[str, Any], Any]] = [({"Style": None}, line) for line in many_lines(449)]
    lines += [
        ({"Style": style}, [[74.0, 33.0], [75.0, 34.0 + n]])
        for n, style in enumerate(("Dashed", "Tightly Dashed", "Dotted"))
    ]
    polygon, polyline = "esriGeometryPolygon", "esriGeometryPolyline"
    return {
        0: Layer("WB_GAD_ADM0_Bdys", polyline, lines),
        1: Layer("WB_GAD_ADM1_Bdys", polyline, []),
        2: Layer("WB_GAD_ADM2_Bdys", polyline, []),
        3: Layer("WB_GAD_ADM2", polygon, []),
        4: Layer("WB_GAD_ADM1", polygon, []),
        5: Layer("WB_GAD_ADM0", polygon, countries),
        6: Layer("WB_GAD_Disputes", polygon, disputes),
    }


def esri_layers() -> dict[int, Layer]:
    rows: list[tuple[dict[str, Any], Any]] = [
        ({"COUNTRY": f"Country {n}", "ISO": "FR", "COUNTRYAFF": "France", "AFF_ISO": "FR"}, drawn)
        for n, drawn in enumerate(many_squares(249))
    ]
    rows += [
        ({"COUNTRY": "Greenland", "ISO": "GL", "COUNTRYAFF": "Denmark", "AFF_ISO": "DK"}, square(-45, 65, 10)),
        ({"COUNTRY": "Palestinian Territory", "ISO": "PS", "COUNTRYAFF": "Palestinian Territory", "AFF_ISO": "PS"},
         square(35, 31.5, 0.5)),
    ]  # fmt: skip
    return {0: Layer("World_Countries_(Generalized)", "esriGeometryPolygon", rows, id_field="FID")}
