"""The institutions' services on loopback: each answers as the real one does, from recorded bytes where there are any.

What is recorded: the exception report and the gazetteer records of Marine Regions (2023-06-28), GISCO's attributes of
2020. What is SHAPE (documented structure, invented values) says so where it is made.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from borderwatch.sources import marine_regions
from tests.replay import Asked, Replay, Reply, json_reply

RECORDINGS = Path(__file__).parent / "recordings"

Feature = dict[str, Any]


def feature(geometry: Any, **properties: Any) -> Feature:
    """A GeoJSON feature from a shapely geometry or a geometry object."""
    shape = geometry if isinstance(geometry, dict) or geometry is None else geometry.__geo_interface__
    return {"type": "Feature", "properties": properties, "geometry": shape}


def collection(features: Iterable[Feature], **more: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **more}).encode()


# --- Marine Regions: GeoServer's WFS and the gazetteer ----------------------------------------------------

VLIZ, GAZETTEER = "geo.vliz.be", "www.marineregions.org"
WFS_PATH = "/geoserver/MarineRegions/wfs"
MR = RECORDINGS / "marine_regions"
EXCEPTION = (MR / "exception_400.xml").read_bytes()
XML = {"Content-Type": "application/xml"}

ZONE_COLUMNS = (
    "mrgid", "geoname", "mrgid_ter1", "pol_type", "mrgid_sov1", "territory1", "iso_ter1", "sovereign1",
    "mrgid_ter2", "mrgid_sov2", "territory2", "iso_ter2", "sovereign2", "mrgid_ter3", "mrgid_sov3", "territory3",
    "iso_ter3", "sovereign3", "x_1", "y_1", "mrgid_eez", "area_km2", "iso_sov1", "iso_sov2", "iso_sov3", "un_sov1",
    "un_sov2", "un_sov3", "un_ter1", "un_ter2", "un_ter3",
)  # fmt: skip
"""The real columns of the layer ``eez`` (header of its own Shapefile, 2023)."""
LINE_COLUMNS = (
    "line_id", "line_name", "line_type", "mrgid_sov1", "mrgid_ter1", "territory1", "sovereign1", "mrgid_ter2",
    "territory2", "mrgid_sov2", "sovereign2", "mrgid_eez1", "eez1", "mrgid_eez2", "eez2", "source1", "url1", "source2",
    "url2", "source3", "url3", "origin", "doc_date", "mrgid_jreg", "joint_reg", "length_km",
)  # fmt: skip
"""The documented columns of ``eez_boundaries`` (the service's ontology)."""


def zone(geometry: Any, mrgid: int, name: str, kind: str = "200NM", *, of: Sequence[tuple[str, str]] = ()) -> Feature:
    """A row of ``eez``: real columns, the values given; ``of`` are the sovereigns with their ISO codes."""
    row: dict[str, Any] = dict.fromkeys(ZONE_COLUMNS)
    row |= {"mrgid": mrgid, "mrgid_eez": mrgid, "geoname": name, "pol_type": kind}
    for n, (sovereign, iso) in enumerate(of, 1):
        row |= {f"sovereign{n}": sovereign, f"iso_sov{n}": iso, f"territory{n}": sovereign, f"iso_ter{n}": iso}
    return feature(geometry, **row)


def sea_line(geometry: Any, number: int, name: str, kind: str, of: Sequence[str], doc_date: str = "") -> Feature:
    row: dict[str, Any] = dict.fromkeys(LINE_COLUMNS)
    row |= {"line_id": number, "line_name": name, "line_type": kind, "origin": "Database", "doc_date": doc_date or None}
    row |= {f"sovereign{n}": sovereign for n, sovereign in enumerate(of, 1)}
    return feature(geometry, **row)


def capabilities(titles: Mapping[str, str]) -> bytes:
    """SHAPE: a WFS 2.0 capabilities document cut to its list of layers; the form of the title is as seen live."""
    types = "".join(
        f'<FeatureType xmlns:MarineRegions="geo.vliz.be/MarineRegions"><Name>MarineRegions:{name}</Name>'
        f"<Title>{title}</Title><DefaultCRS>urn:ogc:def:crs:EPSG::4326</DefaultCRS></FeatureType>"
        for name, title in titles.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><wfs:WFS_Capabilities version="2.0.0" '
        'xmlns="http://www.opengis.net/wfs/2.0" xmlns:wfs="http://www.opengis.net/wfs/2.0">'
        f"<FeatureTypeList>{types}</FeatureTypeList></wfs:WFS_Capabilities>"
    ).encode()


TITLES = {
    "eez": "Exclusive Economic Zones (200 NM) (v12, world, 2023)",
    "eez_boundaries": "Exclusive Economic Zones Boundaries (200 NM) (v12, world, 2023)",
    "iho": "IHO Sea Areas (v3, world, 2018)",
}


def gazetteer_record(mrgid: int, **changes: Any) -> dict[str, Any]:
    """A record of the real shape (49243, recorded) under another number and name."""
    recorded: dict[str, Any] = json.loads((MR / "record_49243.json").read_bytes())
    return recorded | {"MRGID": mrgid, "accepted": mrgid, "placeType": "EEZ"} | changes


def serve_marine_regions(
    replay: Replay,
    zones: Sequence[Feature],
    lines: Sequence[Feature] = (),
    *,
    titles: Mapping[str, str] = TITLES,
    records: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """The WFS with its filters, sorting and pages, and the gazetteer."""
    layers = {"MarineRegions:eez": list(zones), "MarineRegions:eez_boundaries": list(lines)}

    def wfs(asked: Asked) -> Reply:
        query = {name.lower(): value for name, value in asked.query.items()}
        if query.get("service") != "WFS" or query.get("version") != "2.0.0":
            return Reply(EXCEPTION, status=400, headers=XML)
        if query.get("request") == "GetCapabilities":
            return Reply(capabilities(titles), headers=XML)
        features = layers.get(query.get("typenames", ""))
        if query.get("request") != "GetFeature" or features is None or query.get("outputformat") != "application/json":
            return Reply(EXCEPTION, status=400, headers=XML)
        try:
            chosen = _by_cql(features, query["cql_filter"], query["sortby"])
        except sqlite3.Error:  # a property the layer does not have: the recorded exception is of exactly that
            return Reply(EXCEPTION, status=400, headers=XML)
        start, count = int(query["startindex"]), int(query["count"])
        page = chosen[start : start + count]
        return json_reply(
            {
                "type": "FeatureCollection",
                "features": page,
                "totalFeatures": len(chosen),
                "numberMatched": len(chosen),
                "numberReturned": len(page),
                "timeStamp": f"2026-11-01T00:00:00.{len(replay.asked):03}Z",  # so no two answers are the same bytes
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4326"}},
            }
        )

    replay.on(VLIZ, WFS_PATH, wfs)
    for mrgid in marine_regions.RECORDS:
        record = (records or {}).get(mrgid) or gazetteer_record(mrgid, preferredGazetteerName=f"Zone {mrgid}")
        replay.on(GAZETTEER, f"/rest/getGazetteerRecordByMRGID.json/{mrgid}/", json=dict(record))


def _by_cql(features: Sequence[Feature], where: str, order: str) -> list[Feature]:
    """The features a filter lets pass: the CQL we ask with is also SQL, and a database is what answers it there."""
    columns = list(features[0]["properties"] if features else dict.fromkeys(ZONE_COLUMNS + LINE_COLUMNS))
    with sqlite3.connect(":memory:") as base:
        base.execute(f"CREATE TABLE t (n INTEGER, {', '.join(columns)})")
        rows = ([n, *f["properties"].values()] for n, f in enumerate(features))
        base.executemany(f"INSERT INTO t VALUES ({', '.join('?' * (len(columns) + 1))})", rows)
        found = base.execute(f"SELECT n FROM t WHERE {where} ORDER BY {order}").fetchall()
    return [features[n] for (n,) in found]


def break_last(replay: Replay, reply: Reply) -> None:
    """From now on the last question asked, and no other, gets this answer: what came before it is in order."""
    last = next(asked for asked in reversed(replay.asked) if asked.path != "/robots.txt")
    intact = replay._answers[last.host, last.path][-1]

    def answer(asked: Asked) -> Reply:
        if asked.query == last.query and asked.headers.get("range") == last.headers.get("range"):
            return reply
        return intact if isinstance(intact, Reply) else intact(asked)

    replay.on(last.host, last.path, answer)
