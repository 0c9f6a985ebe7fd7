"""The records that pass between the steps, and their vocabularies; no I/O, no logic beyond identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


# --- what is asked -----------------------------------------------------------------------------


NO_YEAR = 1970
"""No source showed anything then: the order of files that have no date."""


@dataclass(frozen=True, slots=True, order=True)
class View:
    """The only thing compared with its own past: a source, for one audience, from one vantage.

    ``worldview`` is an ISO 3166-1 alpha-2 code or ``default``; ``vantage`` the country the request
    comes from where that matters, else ``any``; ``layer`` one of the source's scales or layers.
    """

    source: str
    worldview: str = "default"
    vantage: str = "any"
    layer: str = ""

    def __str__(self) -> str:
        """``source/worldview[@vantage][#layer]``, the spelling used on the command line."""
        text = f"{self.source}/{self.worldview}"
        if self.vantage != "any":
            text += f"@{self.vantage}"
        return f"{text}#{self.layer}" if self.layer else text


@dataclass(frozen=True, slots=True)
class Edition:
    """A dated state of a source: a release, a tag, a package version.

    ``published_at`` is UTC; ``evidence`` says where the date comes from.
    """

    label: str
    published_at: datetime | None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Archived:
    """An address a web archive may hold copies of; ``part`` is what the reader calls such a file."""

    url: str
    part: str


# --- what came back ----------------------------------------------------------------------------


class Keep(StrEnum):
    """What the source's terms let us keep of an answer."""

    BODY = "body"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what terms a source is asked and its answers are kept."""

    licence: str
    attribution: str
    url: str = ""
    keep: Keep = Keep.BODY
    automation: bool = True
    """False: the terms forbid automated access; off until the user turns the source on."""
    ship: bool = True
    """May bodies be redistributed with the recorded history."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an answer, as it came."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """What ``Source.capture`` returns: the bytes as they came and where they came from.

    ``url`` carries no key: a query that held one is redacted before it gets here. For a file of a
    published package it is a package URL (``pkg:npm/world-atlas@2.0.2#countries-50m.json``).
    """

    parts: tuple[Part, ...]
    url: str
    edition: Edition | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Outcome(StrEnum):
    """How an attempt ended."""

    KEPT = "kept"
    NOT_MODIFIED = "not_modified"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PartDigest:
    """What the ledger holds of a part."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an attempt failed, in the vocabulary of ``errors.CaptureProblem``."""

    kind: str
    message: str
    url: str | None = None
    status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """One attempt to ask a view, as its ledger line says; ``id`` is the hash of that line.

    ``live`` is True where the question was "what do you show now", False where an older edition
    was asked for. ``body`` is the sha256 of the stored bytes (None when failed); with
    ``Outcome.NOT_MODIFIED`` it is the body of the earlier capture that still stands. A failed
    attempt may hold a body too: the evidence of an answer that could not be read. ``ship`` False
    says that the body stays on the machine that captured it, so its absence elsewhere is no damage.
    ``facts`` is what is kept in place of a body whose terms forbid keeping it (``facts.py``).
    """

    id: str
    view: View
    taken_at: datetime
    outcome: Outcome
    live: bool
    url: str = ""
    edition: Edition | None = None
    body: str | None = None
    parts: tuple[PartDigest, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    attribution: str = ""
    keep: Keep = Keep.BODY
    fault: Fault | None = None
    software: str = ""
    note: str = ""
    ship: bool = True
    facts: PartDigest | None = None

    @property
    def shown_at(self) -> datetime:
        """When the source showed this: the edition's date, else the time it was asked."""
        if self.edition is not None and self.edition.published_at is not None:
            return self.edition.published_at
        return self.taken_at

    @property
    def undated(self) -> bool:
        """Whether it is a file of a person's own: such files have a name and an order, for which 1970 stands in."""
        return self.edition is not None and self.shown_at.year == NO_YEAR


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes of a capture, as they came: what ``Source.read`` is given."""

    capture: Capture
    parts: tuple[Part, ...]

    @property
    def view(self) -> View:
        return self.capture.view

    @property
    def data(self) -> bytes:
        """The only part's bytes; an error where there are several."""
        if len(self.parts) != 1:
            raise ValueError(f"{self.view}: {len(self.parts)} parts, not one: name the part")
        return self.parts[0].data

    def part(self, name: str) -> bytes:
        """The bytes of the part called ``name``; KeyError names what there is."""
        for part in self.parts:
            if part.name == name:
                return part.data
        raise KeyError(f"{self.view}: no part {name!r}; there are {[p.name for p in self.parts]}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a probe looked at: what the reader expects of the service, and what is there."""

    about: str
    expected: str
    found: str
    fine: bool


# --- what it says, in the source's own terms -----------------------------------------------------


class Role(StrEnum):
    """What a feature is on the map."""

    AREA = "area"
    SEA = "sea"
    BOUNDARY = "boundary"
    LABEL = "label"


class LineStyle(StrEnum):
    """How a boundary is drawn."""

    SOLID = "solid"
    DASHED = "dashed"
    NOT_DRAWN = "not_drawn"


class LineStatus(StrEnum):
    """What a source says of a boundary by the class it puts it in, whatever its own word for that class is."""

    RECOGNISED = "recognised"
    DISPUTED = "disputed"
    LINE_OF_CONTROL = "line of control"
    CLAIM = "claim"
    BREAKAWAY = "breakaway"
    INDEFINITE = "indefinite"
    LEASE = "lease"
    REFERENCE = "reference"
    UNRECOGNISED = "unrecognised"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Feature:
    """One drawn thing, in the source's own words; geometry in longitude, latitude degrees (WGS 84).

    ``owner`` is the source's own word for who holds it, where it says so apart from the feature's
    ``code`` and ``name`` (country-coder's ``country``, Natural Earth's ``SOV_A3``); None means the
    feature speaks for itself. ``word`` is the source's own class or style word.
    """

    geometry: BaseGeometry | None
    code: str | None = None
    name: str | None = None
    role: Role = Role.AREA
    owner: str | None = None
    style: LineStyle | None = None
    word: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: a country selector, a code table, a table of names.

    ``key`` is its identity in the list, ``code`` the code used (ISO alpha-2 where the list uses
    it), ``lang`` the BCP 47 language of ``name``: "" where ``name`` is no name but a plain fact of the
    row (a tag, a status), any change of which is substantive. A row whose ``parent`` is the key of a
    row that comes or goes comes and goes with it, untold.
    """

    key: str
    name: str
    code: str | None = None
    kind: str | None = None
    parent: str | None = None
    note: str | None = None
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one snapshot says, whole, before any dispute is asked about.

    ``complete`` is False when a list cannot be shown to be whole, so that an absent row proves
    nothing. ``resolution_km`` is the source's own generalisation where it declares one. ``extent`` is
    the ground that was asked about, where that is not the whole world: elsewhere an empty map says nothing.
    """

    features: tuple[Feature, ...] = ()
    rows: tuple[Row, ...] = ()
    worldviews: tuple[str, ...] = ()
    complete: bool = True
    resolution_km: float | None = None
    extent: BaseGeometry | None = None


# --- what it says of one dispute ------------------------------------------------------------------


class DisputeType(StrEnum):
    """What kind of thing is in dispute."""

    TERRITORY = "territory"
    BORDER = "border"
    MARITIME = "maritime"
    NAMING = "naming"


@dataclass(frozen=True, slots=True)
class Dispute:
    """One watched area, line, sea zone or name. ``claimants`` stand in code order.

    ``reference`` is what the dispute is about on the ground, WGS 84: a polygon for areas and sea
    zones, else None; ``lines`` the rival lines by the party (or document) that puts them forward.
    ``origin`` says what both were built from. ``box`` is (west, south, east, north) degrees.
    """

    slug: str
    name: str
    type: DisputeType
    claimants: tuple[str, ...]
    status: str
    status_date: str | None
    box: tuple[float, float, float, float]
    box_source: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    qid: str | None = None
    osm_relation: int | None = None
    reference: BaseGeometry | None = None
    lines: Mapping[str, BaseGeometry] = field(default_factory=dict)
    origin: str = ""
    wikipedia_en: str | None = None
    search_terms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    boxed: bool = False
    """Whether ``reference`` is only the box: then a share of it says little."""
    administered: str = ""
    """Who is on the ground, as far as known: owner identities and a few words."""
    verified: tuple[str, ...] = ()
    """Which of these facts were read from a source; the rest is general knowledge."""
    name_origins: Mapping[str, str] = field(default_factory=dict)
    """Language -> the source of its names, where one published source gave them all."""


class Coverage(StrEnum):
    """Whether a snapshot can say anything about a dispute."""

    SHOWN = "shown"
    NOT_RESOLVABLE = "not_resolvable"
    NOT_COVERED = "not_covered"


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the dispute's area one owner is given: ``share`` of 1, and km2 (geodesic)."""

    owner: str
    share: float
    area_km2: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """One feature a depiction comes from, in the source's own words, with its share of the dispute.

    ``own`` is True when the feature is the disputed thing itself, not a country that contains it.
    """

    owner: str | None
    role: Role
    code: str | None = None
    name: str | None = None
    word: str | None = None
    style: LineStyle | None = None
    share: float = 0.0
    length_km: float = 0.0
    own: bool = False


@dataclass(frozen=True, slots=True)
class Depiction:
    """What one snapshot shows of one dispute, read by today's reader.

    ``limit_km`` is the detection limit: the smallest inscribed radius this source could show.
    """

    view: View
    dispute: str
    capture: str
    coverage: Coverage
    shares: tuple[Share, ...] = ()
    drawn: tuple[Drawn, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    limit_km: float | None = None
    reason: str = ""


# --- what changed -----------------------------------------------------------------------------------


class Kind(StrEnum):
    """The kinds of change."""

    TRANSFER = "transfer"
    OVERLAP = "overlap"
    """One owner starts or stops claiming ground that another keeps."""
    GAP = "gap"
    """Land passes from an owner to nobody, or from nobody to an owner."""
    LAND_WATER = "land_water"
    """An owner's land is drawn where water was, or the other way round."""
    SPLIT = "split"
    MERGED = "merged"
    APPEARED = "appeared"
    DISAPPEARED = "disappeared"
    BOUNDARY_MOVED = "boundary_moved"
    RESTYLED = "restyled"
    RENAMED = "renamed"
    LISTED = "listed"
    DELISTED = "delisted"
    RELABELLED = "relabelled"
    REPARENTED = "reparented"
    WORLDVIEWS = "worldviews"


GROUND_KINDS = frozenset({Kind.TRANSFER, Kind.OVERLAP, Kind.GAP, Kind.LAND_WATER})
"""The kinds that say whose ground is, with an area, a loser and a gainer."""


class Significance(StrEnum):
    """How much a change matters; noise is counted, not logged."""

    SUBSTANTIVE = "substantive"
    MINOR = "minor"
    NOISE = "noise"


class Verdict(StrEnum):
    """What comparing two snapshots of a view says about one dispute."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_RESOLVABLE = "not_resolvable"
    NOT_COVERED = "not_covered"
    SUSPECT = "suspect"


@dataclass(frozen=True, slots=True)
class Change:
    """One view depicts one dispute otherwise than it did before.

    ``loser`` and ``gainer`` are owner identities (None: nobody is shown). ``old`` and ``new`` hold
    texts, for names, rows and styles, and ``subject`` what they are about (a language, a row, a
    line). Areas are geodesic km2, lengths and radii km; ``geometry`` is WGS 84. ``dispute`` is None
    for ground no catalogued dispute holds ("elsewhere").
    """

    id: str
    view: View
    dispute: str | None
    kind: Kind
    significance: Significance
    before: Capture
    after: Capture
    loser: str | None = None
    gainer: str | None = None
    subject: str = ""
    old: str | None = None
    new: str | None = None
    area_km2: float | None = None
    length_km: float | None = None
    inradius_km: float | None = None
    noise_floor_km: float | None = None
    ratio: float | None = None
    limit_km: float | None = None
    share: float | None = None
    geometry: BaseGeometry | None = None
    reverts: str | None = None
    summary: str = ""
    offset_km: float | None = None
    """How far a line moved at most."""
    adopts: str | None = None
    """The view, of another audience, that already showed what this one shows now."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The attestation: two successive snapshots of a view compared on one dispute.

    ``UNCHANGED`` holds down to ``limit_km``; ``reason`` says why a verdict is not a plain yes or no.
    """

    view: View
    dispute: str
    before: str
    after: str
    verdict: Verdict
    noise_floor_km: float | None = None
    limit_km: float | None = None
    reason: str = ""


# --- what is shown to people --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sketch:
    """One owner's ground (or one line) around a dispute in one snapshot, simplified for drawing only.

    Never fed back into a comparison. ``label`` is the source's own word; ``owner`` the identity.
    """

    capture: str
    dispute: str
    owner: str | None
    label: str
    role: Role
    style: LineStyle | None
    geometry: BaseGeometry


@dataclass(frozen=True, slots=True)
class Standing:
    """What a view shows of a dispute at a moment: the depiction, the capture, and since when.

    ``since`` is when the source first showed it so; ``attested`` the last time it was seen so.
    """

    depiction: Depiction
    capture: Capture
    since: datetime
    attested: datetime


@dataclass(frozen=True, slots=True)
class SourceCard:
    """What a page says about a source."""

    name: str
    title: str
    terms: Terms
    last_success: datetime | None = None
    fault: Fault | None = None
    every: timedelta | None = None
    """How often it proposes to be asked."""
    edition: Edition | None = None
    """The newest edition captured of it, whatever the view."""


@dataclass(frozen=True, slots=True)
class ViewCard:
    """What a page says about a view apart from any dispute: whether it was ever asked, and how the last time went.

    ``answered`` is whether any attempt brought a body; ``fault`` is the newest attempt's.
    """

    view: View
    asked: bool = False
    answered: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something publicly reported about how a dispute is depicted; nothing this project measured.

    ``date`` is ISO, as precise as it is known: ``2014``, ``2014-03`` or ``2014-03-19``; ``around`` says that even
    so it is approximate. ``url`` is where it was reported, ``audience`` whom it concerned ("" for everybody).
    """

    dispute: str
    date: str
    who: str
    what: str
    audience: str = ""
    url: str = ""
    certainty: str = ""
    around: bool = False


@dataclass(frozen=True, slots=True)
class DisputePage:
    """Everything one dispute's page and map are drawn from.

    ``sketches`` maps a capture id to what it draws around this dispute. ``depictions`` are all that every view
    showed, by view and time, ``captures`` what they were read from by id, ``comparisons`` what came of comparing them.
    """

    dispute: Dispute
    changes: tuple[Change, ...]
    standings: tuple[Standing, ...]
    sketches: Mapping[str, tuple[Sketch, ...]]
    sources: Mapping[str, SourceCard]
    depictions: tuple[Depiction, ...] = ()
    captures: Mapping[str, Capture] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    events: tuple[Event, ...] = ()
