"""Overpass and the OpenStreetMap API as they answer: slots, queries read strictly, past states, remarks, histories.

Tags come from real captures of 2014 to 2019 (``states_of``); outlines and lines are SHAPE: squares on a grid, tagged
as the real relations are. The wording of errors is the server's own (``osm_script.cc``, drolbr/Overpass-API).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from borderwatch.sources import openstreetmap as osm
from tests.replay import Asked, Replay, Reply, json_reply, page_reply

MAIN, SECOND, THIRD = "overpass-api.de", "overpass.private.coffee", "overpass.kumi.systems"
INTERPRETER, STATUS = "/api/interpreter", "/api/status"
COPYRIGHT = "The data included in this document is from www.openstreetmap.org. The data is made available under ODbL."
TIMED_OUT = 'runtime error: Query timed out in "query" at line 4 after 2 seconds.'
NO_ATTIC = "runtime error: open64: 2 No such file or directory /db/db/node_tags_global_attic.bin File_Blocks::1"


def states_of(shared: Path) -> dict[str, bytes]:
    """Moment -> the real answer of that moment; several files of one moment were edited by hand: the first is it."""
    states: dict[str, bytes] = {}
    for path in sorted((shared / "data" / "derived" / "osm_admin_level_2_tags").glob("*.json")):
        data = path.read_bytes()
        states.setdefault(json.loads(data)["osm3s"]["timestamp_osm_base"], data)
    return states


def free(slots: int = 2) -> Reply:
    """SHAPE: the status page, as the clients that parse it expect it."""
    return _text(f"Connected as: 1\nCurrent time: 2026-11-01T00:00:00Z\nRate limit: 2\n{slots} slots available now.\n")


def busy(*seconds: int) -> Reply:
    lines = "".join(f"Slot available after: 2026-11-01T00:00:42Z, in {s} seconds.\n" for s in seconds)
    return _text(f"Connected as: 1\nCurrent time: 2026-11-01T00:00:00Z\nRate limit: 2\n{lines}Currently running:\n")


def _text(text: str) -> Reply:
    return Reply(text.encode(), headers={"Content-Type": "text/plain"})


def overpass_answer(elements: list[Any], *, base: str = "", remark: str = "") -> Reply:
    """An answer of now, or of ``base``."""
    now = base or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value: dict[str, Any] = {
        "version": 0.6,
        "generator": "Overpass API 0.7.62.5 1bd436f1",
        "osm3s": {"timestamp_osm_base": now, "copyright": COPYRIGHT},
        "elements": elements,
    }
    if remark:
        value["remark"] = remark
    return json_reply(value)


def square(west: float, south: float, size: float = 1.0, *, gap: bool = False) -> list[dict[str, Any]]:
    """SHAPE: the member ways of a square, turned against each other and out of order, as real ones are."""
    corners = [(0, 0), (size, 0), (size, size), (0, size), (0, 0)]
    points = [{"lat": south + y, "lon": west + x} for x, y in corners]
    number = int(1000 * (west + 200) + 7 * (south + 100))
    ways = [points[0:2], points[2:4][::-1], points[1:3], points[3:5]]
    members = [{"type": "way", "ref": 10 * number + i, "role": "outer", "geometry": way} for i, way in enumerate(ways)]
    label = {"type": "node", "ref": number, "role": "label", "lat": south, "lon": west}
    return [label, *(members[:-1] if gap else members)]


def rectangle(west: float, south: float, east: float, north: float, first: int) -> list[dict[str, Any]]:
    """SHAPE: the member ways of a rectangle, each side with a vertex every quarter of a degree, as a drawn line has."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    members = []
    for i, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(corners)):
        steps = max(1, round(4 * max(abs(x1 - x0), abs(y1 - y0))))
        path = [
            {"lat": round(y0 + (y1 - y0) * k / steps, 7), "lon": round(x0 + (x1 - x0) * k / steps, 7)}
            for k in range(steps + 1)
        ]
        members.append({"type": "way", "ref": first + i, "role": "outer", "geometry": path})
    return members


def country(code: str, number: int, place: tuple[float, float], **more: Any) -> dict[str, Any]:
    """SHAPE: a level-2 relation."""
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "2", "ISO3166-1": code, "name": code}
    tags |= {key.replace("__", ":"): value for key, value in more.pop("tags", {}).items()}
    return {"type": "relation", "id": number, "members": square(*place, **more), "tags": tags}


class Overpass:
    """One instance: answers each query it understands with ``countries``, ``claims`` or the tags of ``states``."""

    def __init__(self, replay: Replay, host: str = MAIN, *, states: Mapping[str, bytes] | None = None) -> None:
        self.queries: list[str] = []
        self.states = dict(states or {})
        self.tags: list[Any] = []
        self.versions = ""
        self.countries: dict[str, dict[str, Any]] = {}
        self.claims: list[Any] = []
        self.earlier: dict[tuple[int, str], dict[str, Any]] = {}
        self.base = ""
        replay.on(host, STATUS, free())
        replay.on(host, INTERPRETER, self)

    def __call__(self, asked: Asked) -> Reply:
        query = asked.query["data"]
        self.queries.append(query)
        head, _, body = query.partition("];")
        head += "]"
        settings = dict(re.findall(r"\[(\w+):((?:[^\]\[\"]|\"[^\"]*\")*)\]", head))
        if "".join(f"[{name}:{value}]" for name, value in settings.items()) != head or not body.endswith(";"):
            return self.error("parse error: ';' expected - '[' found.")
        date = settings.get("date", "").strip('"')
        if date and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", date):
            return self.error(
                'static error: must be empty or contain a timestamp exactly in the form "yyyy-mm-ddThh:mm:ssZ"'
            )
        if body.count("(") != body.count(")"):
            return self.error("parse error: ')' expected.")
        if settings["out"].startswith("csv"):
            return _text(self.versions)
        if body.endswith("out tags;"):
            return (
                Reply(self.states[date], headers={"Content-Type": "application/json"}) if date else self.now(self.tags)
            )
        if "way(r.c)" in body:
            return self.now(self.claims)
        alone = re.fullmatch(r"rel\((\d+)\);out body geom;", body)
        if alone:
            there = [e for (number, day), e in self.earlier.items() if number == int(alone[1]) and day == date[:10]]
            return self.now(there)
        codes = re.search(r"\^\(([A-Z|]+)\)\$", body)
        wanted = codes[1].split("|") if codes else []
        return self.now([self.countries[code] for code in wanted if code in self.countries])

    def now(self, elements: list[Any]) -> Reply:
        return overpass_answer(elements, base=self.base)

    @staticmethod
    def error(text: str) -> Reply:
        page = f'<?xml version="1.0"?><!DOCTYPE html><html><body><p><strong>Error</strong>: {text}</p></body></html>'
        return page_reply(page, status=400)

    def every_country(self) -> None:
        """SHAPE: every party to a dispute as a square of one degree, in rows over the map."""
        for n, code in enumerate(osm._parties()):
            self.countries[code] = country(code, 90_000 + n, (-170 + 3 * (n % 100), -60 + 3 * (n // 100)))


def history(number: int, versions: int = 3) -> dict[str, Any]:
    """SHAPE: ``/relation/N/history.json`` after ``_relation.json.jbuilder``; mappers' names invented."""
    return {
        "version": "0.6",
        "generator": "OpenStreetMap server",
        "copyright": "OpenStreetMap and contributors",
        "attribution": "http://www.openstreetmap.org/copyright",
        "license": "http://opendatacommons.org/licenses/odbl/1-0/",
        "elements": [
            {
                "type": "relation",
                "id": number,
                "timestamp": f"2026-10-{v:02}T00:00:00Z",
                "version": v,
                "changeset": 1000 + v,
                "user": "a mapper",
                "uid": 42,
                "members": [{"type": "way", "ref": 1, "role": "outer"}],
                "tags": {"boundary": "administrative"},
            }
            for v in range(1, versions + 1)
        ],
    }
