"""Records to put into a change log: three editions of one map, and whatever a test asks for."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from shapely import box
from shapely.geometry import LineString, MultiPolygon

from borderwatch.changelog import ChangeLog
from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Coverage,
    Depiction,
    Dispute,
    DisputeType,
    Drawn,
    Edition,
    Fault,
    Keep,
    Kind,
    LineStyle,
    Outcome,
    PartDigest,
    Role,
    Share,
    Significance,
    Sketch,
    SourceCard,
    Terms,
    Verdict,
    View,
)

ATLAS = View("atlas", layer="50m")
LIST = View("list", "CN")
SEA = View("sea", "IN", vantage="IN")
DISPUTES = ("crimea", "kosovo", "taiwan")


def digest(*words: object) -> str:
    return sha256(repr(words).encode()).hexdigest()


def day(year: int, month: int = 1, number: int = 1) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def dispute(slug: str) -> Dispute:
    return Dispute(
        slug=slug,
        name=slug.title(),
        type=DisputeType.TERRITORY,
        claimants=("AA", "BB"),
        status="disputed",
        status_date="2014-03-18",
        box=(30.0, 40.0, 36.0, 46.0),
        box_source="drawn by hand",
        names={"uk": ("Крим",), "zh": ("克里米亚",)},
        codes={"iso": "UA-43"},
    )


def card(name: str) -> SourceCard:
    return SourceCard(name, name.title(), Terms("ODbL-1.0", f"© {name}", ship=False))


def kept(view: View, label: str, published: datetime, *, live: bool = False, body: str | None = None) -> Capture:
    data = body or digest(view, label)
    return Capture(
        id=digest("capture", view, label, published, live),
        view=view,
        taken_at=day(2026, 7, 1),
        outcome=Outcome.KEPT,
        live=live,
        url=f"pkg:npm/{view.source}@{label}",
        edition=Edition(label, published, "the registry's time"),
        body=data,
        parts=(PartDigest("world.json", data, 1234), PartDigest("licence", digest("licence"), 12)),
        headers={"etag": '"x"'},
        licence="ISC",
        attribution="© somebody",
        keep=Keep.DIGEST,
        software="borderwatch 0",
        note="as it came",
    )


def asked(view: View, taken: datetime, outcome: Outcome, *, body: str | None = None, fault: str = "") -> Capture:
    return Capture(
        id=digest("asked", view, taken, outcome),
        view=view,
        taken_at=taken,
        outcome=outcome,
        live=True,
        body=body,
        fault=Fault(fault, "no answer in 30 s", "https://example.org", 503, 12.5) if fault else None,
    )


def depiction(capture: Capture, slug: str, *shares: tuple[str, float], **fields: object) -> Depiction:
    told = tuple(Share(owner, share, share * 27_000) for owner, share in shares)
    made = Depiction(capture.view, slug, capture.id, Coverage.SHOWN, shares=told, limit_km=3.5)
    return replace(made, **fields)  # type: ignore[arg-type]


def comparison(before: Capture, after: Capture, slug: str, verdict: Verdict) -> Comparison:
    return Comparison(after.view, slug, before.id, after.id, verdict, noise_floor_km=0.5, limit_km=3.5, reason="")


def change(before: Capture, after: Capture, slug: str | None, kind: Kind = Kind.TRANSFER, **fields: object) -> Change:
    made = Change(
        id=digest("change", before.id, after.id, slug, kind, sorted(fields.items(), key=repr)),
        view=after.view,
        dispute=slug,
        kind=kind,
        significance=Significance.SUBSTANTIVE,
        before=before,
        after=after,
        summary=f"{slug} passed from UA to RU",
    )
    return replace(made, **fields)  # type: ignore[arg-type]


class Series:
    """Three editions of one map: Crimea passes from UA to RU in the second and back in the third."""

    def __init__(self, view: View) -> None:
        self.view = view
        one, two, three = (
            kept(view, f"{n}.0", day(year), live=n == 3) for n, year in enumerate((2013, 2016, 2020), start=1)
        )
        self.captures = [one, two, three]
        self.depictions = [
            depiction(one, "crimea", ("UA", 1.0), names={"en": "Crimea"}),
            depiction(two, "crimea", ("RU", 0.98), ("UA", 0.02)),
            depiction(three, "crimea", ("UA", 0.9996), drawn=(drawn("UA"), drawn(None))),
            depiction(one, "kosovo", ("RS", 1.0)),
            depiction(two, "kosovo", ("RS", 0.995)),
            depiction(three, "kosovo", ("RS", 0.999)),
            depiction(three, "taiwan", coverage=Coverage.NOT_COVERED, reason="outside the map"),
        ]
        self.comparisons = [
            comparison(one, two, "crimea", Verdict.CHANGED),
            comparison(two, three, "crimea", Verdict.CHANGED),
            comparison(one, two, "kosovo", Verdict.UNCHANGED),
            comparison(two, three, "kosovo", Verdict.UNCHANGED),
        ]
        lost = change(one, two, "crimea", loser="UA", gainer="RU", area_km2=27_043.0, ratio=41.0, geometry=BOX)
        back = change(two, three, "crimea", loser="RU", gainer="UA", area_km2=27_000.0, reverts=lost.id, geometry=BOX)
        renamed = change(
            two,
            three,
            "kosovo",
            Kind.RENAMED,
            significance=Significance.MINOR,
            subject="name",
            old="Kosovo",
            new="Косово",
            summary="the map now writes Косово",
        )
        far = change(one, two, None, Kind.BOUNDARY_MOVED, geometry=ACROSS, summary="a strip in the Pacific moved")
        self.changes = [back, lost, renamed, far]  # a revert before what it takes back: order must not matter
        self.sketches = [
            Sketch(one.id, "crimea", "UA", "Ukraine", Role.AREA, None, BOX),
            Sketch(one.id, "crimea", None, "line", Role.BOUNDARY, LineStyle.DASHED, LineString([(33, 45), (34, 46)])),
            Sketch(two.id, "crimea", "RU", "Russia", Role.AREA, None, BOX),
        ]

    def put(self, log: ChangeLog, fingerprint: str = "f1") -> None:
        log.put_view(
            self.view,
            fingerprint,
            captures=self.captures,
            depictions=self.depictions,
            comparisons=self.comparisons,
            changes=self.changes,
            sketches=self.sketches,
        )


def drawn(owner: str | None) -> Drawn:
    return Drawn(owner, Role.AREA, "UKR", "Ukraine", "Admin-0", LineStyle.SOLID, 0.5, 12.0, own=True)


BOX = box(32.5, 44.4, 36.6, 46.2)
ACROSS = MultiPolygon([box(179, -18, 180, -16), box(-180, -18, -179, -16)])


def opened(path: Path) -> ChangeLog:
    log = ChangeLog(path)
    log.put_catalogue(map(dispute, DISPUTES))
    log.put_sources(map(card, ("atlas", "list", "sea")))
    return log


def rows(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    """As anyone would ask it: plain sqlite3, nothing of borderwatch."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def spoilt(path: Path, wrong: str) -> None:
    if wrong == "text":
        path.write_bytes(b"<html>not a database</html>" * 99)
        return
    with opened(path) as log:
        Series(ATLAS).put(log)
    if wrong == "other version":
        writer = sqlite3.connect(path)
        writer.execute("PRAGMA user_version = 99")
        writer.close()
    if wrong == "flipped":
        data = bytearray(path.read_bytes())
        for start in range(4096, len(data), 4096):
            data[start : start + 200] = b"\xff" * 200
        path.write_bytes(data)
