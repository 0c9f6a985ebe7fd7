"""GADM 4.1, level 0, of the claimants of land: read once and measured; its terms forbid passing the bytes on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from borderwatch.errors import NotServed, Partial, SchemaChanged
from borderwatch.models import Body, Edition, Feature, Keep, Part, Reading, Snapshot, Terms, View
from borderwatch.source import Source

if TYPE_CHECKING:
    from borderwatch.fetch import Fetch
    from borderwatch.formats.features import RawFeature

BASE = "https://geodata.ucdavis.edu/gadm/gadm4.1/json"
VERSION = Edition("4.1", datetime(2022, 7, 1, tzinfo=UTC), "GADM 4.1 came out in July 2022; no day is given")

# One file for each, in code order: together they hold the grounds of the disputes on land that GADM tells apart (its
# Z codes lie in the files of China, India and Pakistan). The whole world is one file of 1.4 GB: not asked for.
UNITS = (
    "ARM", "AZE", "BTN", "CHN", "CYP", "EGY", "ESH", "GEO", "GUY", "IND", "ISR", "KEN", "MAR", "MDA", "NPL", "PAK",
    "PSE", "SDN", "SRB", "SSD", "SYR", "TWN", "UKR", "VEN", "XAD", "XKO", "XPI", "XSP", "ZNC",
)  # fmt: skip
MAX_BYTES = 134_217_728  # the largest here, China, is some tens of megabytes
# A university's server that its own clients call slow: one file every 5 s, twice a year.
INTERVAL_S = 5.0

_CAMEL = re.compile(r"(?<=[a-zé.])(?=[A-Z])")
_CODE = re.compile(r"[A-Z]{3}|Z\d\d")


class Gadm(Source):
    """Disputed ground has a code of its own, and a name that is its holder's: Z01 "India", Z02 "China", Z06 "Pakistan".

    The name is GADM's judgment of who administers the ground, so it is the owner. Names come CamelCased, without
    spaces ("NorthernCyprus"). Version 4.1 is the newest; a file's date tells whether it was made anew.
    """

    name = "gadm"
    title = "GADM 4.1"
    watches = "to whom a map of administrative areas gives Kashmir's parts, Crimea, Kosovo, Western Sahara and others"
    terms = Terms(
        licence="free for academic and other non-commercial use; no redistribution",
        attribution="GADM, Global Administrative Areas, gadm.org",
        url="https://gadm.org/license.html",
        keep=Keep.DIGEST,
        ship=False,
    )
    every = timedelta(days=180)
    layers = MappingProxyType({"": "level 0 of the units where disputed ground lies"})
    resolution_km = MappingProxyType({"": 1.0})
    owner_words = MappingProxyType({"XKO": "XK", "XPI": "paracel", "ZNC": "northern_cyprus"})
    proven = "documented shape: real codes and names of version 4.1, invented outlines"
    first_contact = (
        "that every unit has its file, Z codes lie in those of China, India and Pakistan, names are CamelCased, and "
        "how large the files are; whether a version 5 lies beside gadm4.1"
    )

    def editions(self, view: View, fetch: Fetch) -> tuple[Edition, ...]:
        return (VERSION,)

    def capture(self, view: View, fetch: Fetch, edition: Edition | None = None) -> Body:
        if view != View(self.name):
            raise NotServed(f"gadm has no view {view}; it has {', '.join(map(str, self.views()))}")
        if edition is not None and edition.label != VERSION.label:
            raise NotServed(f"gadm: files of version {edition.label} are named otherwise; {VERSION.label} is asked for")
        parts, first = [], None
        for unit in UNITS:
            # The first answers "not modified" where nothing is new: a version's files are made together.
            answer = fetch.get(
                f"{BASE}/gadm41_{unit}_0.json",
                expect="json",
                robots=False,  # files for programs; robots.txt is about pages
                interval_s=INTERVAL_S,
                max_bytes=MAX_BYTES,
            )
            first = first or answer
            parts.append(Part(f"{unit}.json", answer.data))
        assert first is not None  # noqa: S101 - there are units
        return Body(tuple(parts), first.url, VERSION, first.headers)

    def read(self, snapshot: Snapshot) -> Reading:
        from borderwatch.formats.geojson import features_from_geojson

        features: list[Feature] = []
        for part in snapshot.parts:
            unit = part.name.removesuffix(".json")
            areas = [_area(raw, unit) for raw in features_from_geojson(part.data, f"gadm, {part.name}")]
            if unit not in {area.words["GID_0"] for area in areas}:
                raise Partial(f"gadm: the file of {unit} does not hold it: ask again")
            features += areas
        return Reading(features=tuple(_once(features)))


def _area(raw: RawFeature, unit: str) -> Feature:
    code, name = raw.properties.get("GID_0"), raw.properties.get("COUNTRY", raw.properties.get("NAME_0"))
    if not isinstance(code, str) or not isinstance(name, str) or not name.strip():
        raise SchemaChanged(
            f"gadm: a feature of {unit} lacks GID_0 or COUNTRY; it has {', '.join(sorted(raw.properties)[:20])}",
            words=("GID_0", "COUNTRY"),
        )
    if not _CODE.fullmatch(code):
        raise SchemaChanged(f"gadm: {code[:20]!r} in the file of {unit} is no code of GADM", words=(code[:20],))
    return Feature(raw.geometry, code=code, name=_CAMEL.sub(" ", name.strip()), words={"GID_0": code})


def _once(features: list[Feature]) -> list[Feature]:
    """The areas, each once: one in dispute lies in the files of several claimants."""
    kept: dict[tuple[str | None, bytes], Feature] = {}
    for feature in features:
        drawn = feature.geometry.wkb if feature.geometry is not None else b""
        kept.setdefault((feature.code, drawn), feature)
    return list(kept.values())
