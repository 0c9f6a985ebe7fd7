"""Documented changes in real files, row by row, and what each comes to in the words of the catalogue.

Shared by the tests and the accuracy benchmark. The files lie outside the project; nothing of them is copied.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

from borderwatch import twofiles
from borderwatch.models import GROUND_KINDS, Change, Kind, Significance
from borderwatch.owners import owner

GROUND = (*GROUND_KINDS, Kind.APPEARED, Kind.DISAPPEARED)


def changes(compared: twofiles.Compared, *, about: str | None = None) -> list[Change]:
    return [c for r in compared.results for c in r.changes if about in (None, r.dispute.slug)]


def passed(found: list[Change]) -> set[tuple[str | None, str | None, str | None]]:
    return {(c.dispute, c.loser, c.gainer) for c in found if c.kind is Kind.TRANSFER}


def substantive(compared: twofiles.Compared) -> list[Change]:
    return [c for c in changes(compared) if c.significance is Significance.SUBSTANTIVE and c.kind in GROUND]


@dataclass(frozen=True)
class Label:
    """A row of ``labels_dev.tsv``."""

    source: str
    file: str
    before: str
    after: str
    zone: str
    shares_before: str
    shares_after: str
    kind: str

    @property
    def key(self) -> str:
        return f"{self.source}/{self.file.split('.')[0]}:{self.after[:10]}:{self.zone}"


# Rows judged wrong, or right about the file and no event all the same; each with its reason.
ARGUED = {
    "apache_echarts/world:2016-11-02:east_jerusalem": (
        "two features are named Israel in both files and the second holds the West Bank; a table by name keeps one"
    ),
    "apache_echarts/world:2017-02-08:falklands": "United Kingdom becomes Falkland Is.: ground gets an owner identity",
    "country_coder/borders:2020-08-14:n_cyprus": "Cyprus to Republic of Cyprus: one owner, two names, same ground",
    "natural_earth/ne_50m_admin_0_breakaway_disputed_areas:v1.4.0:arunachal": (
        "the disputed-areas layer leaves the name empty; the ground stays the layer's own feature"
    ),
}
# Rows that are right and are not told yet.
NOT_TOLD: dict[str, str] = {}
# What the label's two sides come to, where its words say less than the file or a zone is part of a larger dispute.
EXPECTED: dict[str, tuple[str | None, str | None]] = {
    "apache_echarts/world:2017-02-08:east_jerusalem": ("IL", "PS"),
    "apache_echarts/world:2017-02-08:gaza": ("IL", "PS"),
    "apache_echarts/world:2017-02-08:west_bank": ("IL", "PS"),
    "apache_echarts/world:2017-02-08:falklands": ("GB", "FK"),
    # The dispute is both sides of the berm: what its west did is what the dispute did.
    "owid_map_topology/MapTopology:2018-08-03:w_sahara_E_of_berm": ("MA", "EH"),
}
# The zone's slug is a point in a larger dispute, or a dispute too small for the file: the dispute that must show it.
SHOWN_BY = {"east_jerusalem": "west_bank"}


def shared_place() -> Path:
    """Where the fixture ``shared`` looks, at collection."""
    return Path(os.environ.get("BORDERWATCH_SHARED") or Path(__file__).parents[2] / "shared")


def labels() -> list[Label]:
    path = shared_place() / "data" / "labels_dev.tsv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [
            Label(
                r["source"],
                r["file"],
                r["from_version"],
                r["to_version"],
                r["zone"],
                r["before"],
                r["after"],
                r["kind"],
            )
            for r in csv.DictReader(file, delimiter="\t")
        ]


def slugs() -> dict[str, str]:
    with (shared_place() / "data" / "zones_to_slugs.tsv").open(encoding="utf-8") as file:
        return {r["zone"]: r["slug"] for r in csv.DictReader(file, delimiter="\t")}


def main_owner(shares: str) -> str | None:
    """The identity of who has most in ``India:98 + China:2``; None for ``(none)``, ``?`` where it has no name."""
    word = re.split(r":\d+", shares)[0].strip()
    if word == "(none)":
        return None
    return owner(None, None if word == "?" else word.split(" (")[0])


def told_right(label: Label, both: twofiles.Compared) -> bool:
    """Whether a comparison of a row's two files tells what the row says, of whom and in its direction."""
    slug = SHOWN_BY.get(label.zone, slugs()[label.zone])
    found = [c for c in changes(both, about=slug) if c.kind in GROUND]
    pair = EXPECTED.get(label.key, (main_owner(label.shares_before), main_owner(label.shares_after)))
    told = {(c.loser, c.gainer) for c in found}
    if label.kind == "transfer" or label.key in EXPECTED:
        return pair in told and (pair[1], pair[0]) not in told
    if label.key in ARGUED or label.kind == "share-shift" or pair[0] == pair[1]:
        # A coast or a boundary drawn anew, or another name on the same ground: no handing over of the whole.
        return not [c for c in found if c.kind is Kind.TRANSFER and c.loser and c.gainer and (c.share or 0) >= 0.5]
    if None in pair:
        return bool(told & {pair, (pair[0], None), (None, pair[1])})
    renamed = {c.kind for c in changes(both, about=slug)} & {Kind.RENAMED}
    return pair in told or bool(renamed) or bool({c.kind for c in found} & {Kind.APPEARED, Kind.DISAPPEARED})


# Ground that did pass outside the labelled zones, told with the two owners: counted as true, not as invention.
BESIDE: dict[str, set[tuple[str | None, str | None]]] = {
    # ECharts 2017 names dependencies apart: Greenland, New Caledonia, Puerto Rico, the French southern lands ...
    "apache_echarts/2017-02-08_1613aff": {("DK", "GL"), ("FR", "NC"), ("US", "PR"), ("FR", "TF"), ("FR", "PF")}
    | {("GB", "GS"), ("kashmir", "siachen"), ("IL", "PS"), ("GB", "FK")},
    # South Sudan, and the Netherlands Antilles, come apart; Svalbard is merged into Norway.
    "natural_earth/v1.3.0": {("SD", "SS"), ("SJ", "NO"), ("AN", "CW"), ("SS", "abyei"), ("SS", None)}
    | {("?Sudan", "SS"), ("SD", "abyei")},
    "natural_earth/v1.4.0": {(None, "abyei")},
    "country_coder/2020-08-21_06936ac": {("CY", "northern_cyprus")},
    "geopandas_naturalearth_lowres/2019-01-01_e7f320b": {("UA", "RU")},
    "apache_echarts/2016-11-02_28692e8": {("IN", "CN")},
    "owid_map_topology/2018-08-03_24176e7": {("northern_cyprus", "CY"), ("somaliland", "SO"), ("MA", "EH")}
    # The map of 2018 leaves out Antarctica and the Falklands.
    | {("AQ", None), ("FK", None)},
}


def invented(key: str, both: twofiles.Compared) -> list[tuple[str | None, str | None, str | None]]:
    """Substantive transfers that no label and no argued row accounts for."""
    known = BESIDE.get(key, set())
    told = [(c.dispute, c.loser, c.gainer) for c in substantive(both) if c.kind is Kind.TRANSFER]
    told += [(None, c.loser, c.gainer) for c in both.elsewhere if c.significance is Significance.SUBSTANTIVE]
    return [t for t in told if t[1:] not in known]
