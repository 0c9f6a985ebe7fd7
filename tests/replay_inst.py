"""The institutions' services on loopback: each answers as the real one does, from recorded bytes where there are any.

What is recorded: the exception report and the gazetteer records of Marine Regions (2023-06-28), GISCO's attributes of
2020. What is SHAPE (documented structure, invented values) says so where it is made.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from borderwatch import sources
from borderwatch.collect import Ask, collect
from borderwatch.derive import measured
from borderwatch.models import Capture, Edition, Reading, View
from borderwatch.snapshots import Snapshots
from borderwatch.sources import gadm, marine_regions
from tests.replay import Asked, Replay, Reply, json_reply, lfs_pointer, redirect

RECORDINGS = Path(__file__).parent / "recordings"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

Feature = dict[str, Any]


def ask(replay: Replay, view: View, folder: Path, edition: Edition | None = None, at: datetime = NOW) -> Capture:
    """One attempt through the real collector: the line of the ledger."""
    source = sources.load(view.source)
    asks = [Ask(source, view, edition)]
    with replay.client() as client:
        [capture] = collect(asks, Snapshots(folder), client, jobs=1, clock=lambda: at, measure=measured)
    return capture


def read(view: View, folder: Path, capture: Capture) -> Reading:
    return sources.load(view.source).read(Snapshots(folder).open(capture))


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
        if query.get("request") != "GetFeature" or features is None:
            return Reply(EXCEPTION, status=400, headers=XML)
        if query.get("resulttype") != "hits" and query.get("outputformat") != "application/json":
            return Reply(EXCEPTION, status=400, headers=XML)
        try:
            chosen = _by_cql(features, query["cql_filter"], query.get("sortby", "1"))
        except sqlite3.Error:  # a property the layer does not have: the recorded exception is of exactly that
            return Reply(EXCEPTION, status=400, headers=XML)
        if query.get("resulttype") == "hits":
            return Reply(
                f'<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" numberMatched="{len(chosen)}" '
                'numberReturned="0" timeStamp="2026-11-01T00:00:00.000Z"/>'.encode(),
                headers=XML,
            )
        start, count = int(query["startindex"]), int(query["count"])
        made_up = f"{query['typenames'].rpartition(':')[2]}.fid--{len(replay.asked):x}"  # anew for every answer
        page = [{**f, "id": f"{made_up}_{n:x}"} for n, f in enumerate(chosen[start : start + count])]
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


# --- GISCO: an index of editions, an index of files for each, and files -----------------------------------

GISCO = "gisco-services.ec.europa.eu"
GISCO_PATH = "/distribution/v2/countries"
GISCO_2020: dict[str, Any] = json.loads((RECORDINGS / "gisco" / "attributes_2020.json").read_bytes())


def cell(n: int, size: float = 0.8) -> Any:
    """SHAPE: a square of ground for the nth of many places; no two touch."""
    west, south = -170.0 + (n % 300) * 1.1, -60.0 + (n // 300) * 1.1
    return shapely.box(west, south, west + size, south + size)


def gisco_regions() -> list[Feature]:
    """The real regions of 2020 by their attributes, on squares."""
    return [feature(cell(n), **attributes) for n, attributes in enumerate(GISCO_2020["regions"])]


def gisco_lines() -> list[Feature]:
    """The real unsettled lines of 2020, one coast and as many ordinary lines as a file has, on short lines."""
    unsettled = [feature(shapely.LineString([(n, 0), (n, 1)]), **line) for n, line in enumerate(GISCO_2020["lines"])]
    ordinary = GISCO_2020["lines"][-1]
    others = [
        feature(shapely.LineString([(n / 4, 5), (n / 4, 6)]), **(ordinary | {"CNTR_BN_ID": 1000 + n}))
        for n in range(200)
    ]
    coast = feature(shapely.LineString([(0, 9), (1, 9)]), **(ordinary | {"CNTR_BN_ID": 9, "COAS_FLAG": "T"}))
    return [*unsettled, *others, coast]


def serve_gisco(
    replay: Replay,
    files: Mapping[str, bytes],
    *,
    years: Sequence[str] = ("2001", "2006", "2010", "2013", "2016", "2020", "2024"),
    etag: str | None = None,
) -> None:
    """SHAPE of both indices; ``files`` by name, each listed by the year in its name."""
    replay.on(
        GISCO,
        f"{GISCO_PATH}/datasets.json",
        json={
            f"countries-{year}": {
                "title": {"multilingual": {"en": f"Countries {year}"}},
                "files": f"countries-{year}-files.json",
                "units": f"countries-{year}-units.json",
            }
            for year in years
        },
    )
    for year in years:
        named = {name: f"geojson/{name}" for name in files if f"_{year}_" in name}
        replay.on(
            GISCO,
            f"{GISCO_PATH}/countries-{year}-files.json",
            json={"csv": {f"CNTR_AT_{year}.csv": f"csv/CNTR_AT_{year}.csv"}, "geojson": named},
        )
    for name, data in files.items():
        headers = {"Content-Type": "application/geo+json"} | ({"ETag": etag} if etag else {})
        replay.on(GISCO, f"{GISCO_PATH}/geojson/{name}", data=data, headers=headers)


# --- geoBoundaries: an API, and files in a repository that git-LFS keeps elsewhere --------------------------

GB_API, GB_API_PATH = "www.geoboundaries.org", "/api/current/gbOpen/ALL/ADM0/"
GITHUB, GITHUB_API, MEDIA = "github.com", "api.github.com", "media.githubusercontent.com"
GB_REPO = "/wmgeolab/geoBoundaries"
BUILD = "9469f09"


def gb_unit(iso: str, name: str, **changes: Any) -> dict[str, Any]:
    """SHAPE: one unit of the API with its documented fields."""
    raw = f"https://github.com{GB_REPO}/raw/{BUILD}/releaseData/gbOpen/{iso}/ADM0/geoBoundaries-{iso}-ADM0"
    return {
        "boundaryID": f"{iso}-ADM0-26141361",
        "boundaryName": name,
        "boundaryISO": iso,
        "boundaryYearRepresented": "2020",
        "boundaryType": "ADM0",
        "boundarySource": "A national agency",
        "boundaryLicense": "Creative Commons Attribution 4.0 International (CC BY 4.0)",
        "sourceDataUpdateDate": "Wed Jun 9 14:10:43 2021",
        "buildDate": "Jan 05, 2023",
        "gjDownloadURL": f"{raw}.geojson",
        "simplifiedGeometryGeoJSON": f"{raw}_simplified.geojson",
    } | changes


def gb_units() -> list[dict[str, Any]]:
    """SHAPE: an index of as many units as there are, the real countries of GISCO's list by ISO code."""
    listed = [gb_unit(r["ISO3_CODE"], r["NAME_ENGL"]) for r in GISCO_2020["regions"] if len(r["ISO3_CODE"]) == 3]
    return [*(unit for unit in listed if not unit["boundaryISO"].startswith("XX")), gb_unit("XKX", "Kosovo")]


def gb_composite(extra: Iterable[Feature] = ()) -> list[Feature]:
    """SHAPE: the composite's documented columns; disputed areas have numbers for groups."""
    units = [
        feature(cell(n), shapeGroup=unit["boundaryISO"], shapeType="ADM0", shapeName=unit["boundaryName"])
        for n, unit in enumerate(gb_units())
    ]
    return [*units, feature(cell(290), shapeGroup="112", shapeType="ADM0", shapeName="Aksai Chin"), *extra]


def serve_geoboundaries(
    replay: Replay,
    *,
    commits: Mapping[str, str],
    composite: Mapping[str, bytes],
    units: Sequence[Mapping[str, Any]],
    pointers: bool = False,
) -> None:
    """The API, GitHub's list of commits, and raw links that lead to LFS (or answer the bare pointer)."""
    replay.on(
        GITHUB_API,
        f"/repos{GB_REPO}/commits",
        json=[{"sha": sha, "commit": {"committer": {"date": day}}} for sha, day in commits.items()],
    )
    stored = {f"{sha}/releaseData/CGAZ/{name}": data for sha in commits for name, data in composite.items()}
    for n, unit in enumerate(units):
        path = str(unit["simplifiedGeometryGeoJSON"]).partition("/raw/")[2]
        name = unit["boundaryName"]
        stored[path] = collection([feature(cell(n), shapeName=name, shapeISO=unit["boundaryISO"], shapeType="ADM0")])
    for path, data in stored.items():
        replay.on(
            GITHUB,
            f"{GB_REPO}/raw/{path}",
            lfs_pointer() if pointers else redirect(f"https://{MEDIA}/media{GB_REPO}/{path}"),
        )
        replay.on(MEDIA, f"/media{GB_REPO}/{path}", data=data)
    replay.on(GB_API, GB_API_PATH, json=list(units))


# --- GADM: one file for each unit -------------------------------------------------------------------------

GADM, GADM_PATH = "geodata.ucdavis.edu", "/gadm/gadm4.1/json"
GADM_CODES: list[list[str]] = json.loads((RECORDINGS / "gadm" / "disputed_codes.json").read_bytes())["rows"]
GADM_NAMES = {code: name for code, name, first, _ in GADM_CODES if not first} | {
    "CHN": "China", "IND": "India", "PAK": "Pakistan", "ESH": "WesternSahara", "UKR": "Ukraine", "TWN": "Taiwan",
}  # fmt: skip
GADM_INSIDE = {"CHN": ("Z02", "Z03", "Z08"), "IND": ("Z01", "Z04", "Z05", "Z07", "Z09"), "PAK": ("Z06",)}


def serve_gadm(replay: Replay, drawn: Mapping[str, Any] | None = None, *, etag: str = '"41"') -> None:
    """Real codes and names, without spaces as the service writes them; SHAPE outlines, or those in ``drawn``."""
    for n, unit in enumerate(gadm.UNITS):
        rows = [
            feature(
                (drawn or {}).get(code) or cell(10 * n + k, 0.3),
                GID_0=code,
                COUNTRY=GADM_NAMES.get(code, code.title()).replace(" ", ""),
            )
            for k, code in enumerate((unit, *GADM_INSIDE.get(unit, ())))
        ]
        replay.on(GADM, f"{GADM_PATH}/gadm41_{unit}_0.json", data=collection(rows), headers={"ETag": etag})


# --- faults ------------------------------------------------------------------------------------------------


def break_last(replay: Replay, reply: Reply) -> None:
    """From now on the last question asked, and no other, gets this answer: what came before it is in order."""
    last = next(asked for asked in reversed(replay.asked) if asked.path != "/robots.txt")
    intact = replay._answers[last.host, last.path][-1]

    def answer(asked: Asked) -> Reply:
        if asked.query == last.query and asked.headers.get("range") == last.headers.get("range"):
            return reply
        return intact if isinstance(intact, Reply) else intact(asked)

    replay.on(last.host, last.path, answer)
