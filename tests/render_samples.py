"""Pages to render in tests: a square dispute that changes hands, a quiet one, a name, and hostile strings."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import shapely
from shapely.geometry import box

from borderwatch.models import (
    Capture,
    Change,
    Comparison,
    Coverage,
    Depiction,
    Dispute,
    DisputePage,
    DisputeType,
    Drawn,
    Edition,
    Event,
    Fault,
    Kind,
    LineStyle,
    Outcome,
    Role,
    Row,
    Share,
    Significance,
    Sketch,
    SourceCard,
    Standing,
    Terms,
    Verdict,
    View,
)

MADE = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
VIEW = View("atlas")
GROUND = box(33.0, 44.5, 36.0, 46.0)


def capture(label: str, day: str, view: View = VIEW, **more: Any) -> Capture:
    seed = hashlib.sha256(f"{view}{label}{day}".encode()).hexdigest()
    return Capture(
        id=seed,
        view=view,
        taken_at=MADE,
        outcome=Outcome.KEPT,
        live=False,
        url=f"pkg:npm/atlas@{label}#world.json",
        edition=Edition(label, datetime.fromisoformat(day).replace(tzinfo=UTC), "the changelog"),
        body=hashlib.sha256(seed.encode()).hexdigest(),
        licence="CC0",
        attribution="The Atlas Project",
        **more,
    )


def sketch(owner: str | None, label: str, geometry: Any, at: Capture, **more: Any) -> Sketch:
    return Sketch(at.id, "square", owner, label, more.pop("role", Role.AREA), more.pop("style", None), geometry)


def card(name: str = "atlas", **more: Any) -> SourceCard:
    terms = Terms("CC0", "The Atlas Project", "https://example.org/terms")
    return SourceCard(name, "Atlas of the World", terms, **{"last_success": MADE, **more})


def dispute(**more: Any) -> Dispute:
    made = Dispute(
        slug="square",
        name="The Square",
        type=DisputeType.TERRITORY,
        claimants=("RU", "UA"),
        status="Held by one, claimed by two.",
        status_date="2026-11",
        box=(33.0, 44.5, 36.0, 46.0),
        box_source="drawn for a test",
        names={"ar": ("المربع",), "he": ("הריבוע",), "uk": ("Квадрат",)},
        reference=GROUND,
        origin="drawn for a test",
    )
    return replace(made, **more)


def changed_page(**more: Any) -> DisputePage:
    """The square passes from UA to RU, and a line is drawn dashed that was solid."""
    before, after = capture("1.0", "2016-07-01"), capture("2.0", "2019-04-25")
    mainland, east = box(32, 46, 38, 48), box(36.2, 43.5, 38, 46)
    line = shapely.LineString([(33, 46), (34.5, 46.1), (36, 46)])
    changes = (
        Change(
            id="a" * 16,
            view=VIEW,
            dispute="square",
            kind=Kind.TRANSFER,
            significance=Significance.SUBSTANTIVE,
            before=before,
            after=after,
            loser="UA",
            gainer="RU",
            area_km2=39_000.0,
            inradius_km=80.0,
            noise_floor_km=1.2,
            ratio=66.7,
            limit_km=2.0,
            share=0.99,
            geometry=GROUND,
            summary="atlas now draws 39,000 km² of The Square as Russia's instead of Ukraine's.",
        ),
        Change(
            id="b" * 16,
            view=VIEW,
            dispute="square",
            kind=Kind.RESTYLED,
            significance=Significance.MINOR,
            before=before,
            after=after,
            subject="northern line",
            old="solid",
            new="dashed",
            length_km=235.0,
            geometry=line,
            summary="The northern line is now dashed.",
        ),
    )
    sketches = {
        before.id: (
            sketch("UA", "Ukraine", shapely.union(mainland, GROUND), before),
            sketch("RU", "Russia", east, before),
            sketch(None, "northern line", line, before, role=Role.BOUNDARY, style=LineStyle.SOLID),
        ),
        after.id: (
            sketch("UA", "Ukraine", mainland, after),
            sketch("RU", "Russia", shapely.union(east, GROUND), after),
            sketch(None, "northern line", line, after, role=Role.BOUNDARY, style=LineStyle.DASHED),
        ),
    }
    shown = Depiction(
        VIEW,
        "square",
        after.id,
        Coverage.SHOWN,
        (Share("RU", 0.97, 38_000.0),),
        (Drawn("RU", Role.AREA, "RUS", "Russia", share=0.97),),
        limit_km=2.0,
    )
    coarse = Depiction(View("coarse"), "square", after.id, Coverage.NOT_RESOLVABLE, limit_km=90.0)
    absent = Depiction(View("elsewhere"), "square", after.id, Coverage.NOT_COVERED)
    standings = tuple(Standing(d, after, after.shown_at, MADE) for d in (shown, coarse, absent))
    between = capture("1.5", "2017-03-02")
    earlier = replace(shown, capture=before.id, shares=(Share("UA", 0.97, 38_000.0),), drawn=())
    page = DisputePage(
        dispute(),
        changes,
        standings,
        sketches,
        {"atlas": card()},
        depictions=(earlier, replace(earlier, capture=between.id), shown),
        captures={c.id: c for c in (before, between, after)},
        comparisons=(
            Comparison(VIEW, "square", before.id, between.id, Verdict.UNCHANGED),
            Comparison(VIEW, "square", between.id, after.id, Verdict.CHANGED),
        ),
        events=(
            Event("square", "2018-06", "A newspaper", "The map was protested", "RU", "https://example.org/story"),
            Event("square", "2017", "A ministry", "The map was praised", url="package atlas", certainty="recalled"),
        ),
    )
    return replace(page, **more)


def rival_page() -> DisputePage:
    """Two views that differ: the atlas gives the square to RU, the globe all but its east to UA; a third agrees."""
    page = changed_page()
    standings, sketches = list(page.standings[:1]), dict(page.sketches)
    west, east = box(32, 44.4, 35, 48), box(35, 43.5, 38, 48)
    drawings = {"globe": (("UA", west), ("RU", east)), "twin": (("UA", box(32, 46.02, 38, 48)), ("RU", GROUND))}
    for name, drawing in drawings.items():
        at = capture("7", "2020-05-06", View(name, "IN"))
        sketches[at.id] = tuple(sketch(owner, f"{name} {owner}", shape, at) for owner, shape in drawing)
        shown = Depiction(at.view, "square", at.id, Coverage.SHOWN, (Share("UA", 0.6, 1.0),), limit_km=3.0)
        standings.append(Standing(shown, at, at.shown_at, MADE))
    about = replace(page.dispute, slug="rival", name="The Rival Square")
    return replace(page, dispute=about, standings=tuple(standings), sketches=sketches)


def quiet_page() -> DisputePage:
    """No change yet; one view draws it."""
    page = changed_page()
    only = page.standings[:1]
    about = dispute(slug="quiet", name="The Quiet Square")
    return replace(page, dispute=about, changes=(), standings=only, comparisons=(), events=())


def name_page() -> DisputePage:
    """A dispute about a name: no ground, names in several scripts, a list."""
    at = capture("48", "2025-10-29", View("names", layer="ar"))
    names = {"ar": "الخليج العربي", "fa": "خلیج فارس", "he": "המפרץ הפרסי", "en": "Persian Gulf", "es": "golfo Pérsico"}
    shown = Depiction(
        at.view, "gulf", at.id, Coverage.SHOWN, names=names, rows=(Row("PG", "The Gulf", "PG", lang="en"),)
    )
    about = dispute(
        slug="gulf",
        name="A Gulf's name",
        type=DisputeType.NAMING,
        claimants=("AE", "IR"),
        reference=None,
        box=(47.7, 23.9, 57.0, 30.6),
        origin="a name: no ground of its own",
    )
    return DisputePage(about, (), (Standing(shown, at, at.shown_at, MADE),), {}, {"names": card("names")})


def empty_page() -> DisputePage:
    """A dispute nobody has been asked about."""
    return DisputePage(dispute(slug="empty", name="Not asked yet"), (), (), {}, {})


MARKUP = "<script>window.hacked=1</script><img src=x onerror=window.hacked=2>\"'`</script><!--"
TEMPLATE = "{{ 7*191 }}{% for x in y %}{{ x }}{% endfor %}${window.hacked=3}"
BIDI = "evil \u202etxt.exe\u2066 and \u2069 back\u202c"
CONTROL = "nul\x00 esc\x1b lone\ud800 line\u2028sep\u2029"
LONG = "W" * 10_240
HOSTILE = (MARKUP, TEMPLATE, BIDI, CONTROL, LONG)


def hostile_page() -> DisputePage:
    """Every text that can come from outside is an attack."""
    base = changed_page()
    text = MARKUP + TEMPLATE + BIDI + CONTROL

    def bad(c: Capture) -> Capture:
        return replace(
            c,
            url="javascript:window.hacked=4//" + MARKUP,
            edition=Edition(text, c.shown_at, text),
            licence=text,
            attribution=text,
            note=text,
        )

    changes = tuple(
        replace(c, before=bad(c.before), after=bad(c.after), summary=text, subject=text, old=text, new=LONG)
        for c in base.changes
    )
    owners = ("?" + MARKUP, "?" + LONG, "?" + TEMPLATE)
    sketches = {
        capture_id: tuple(
            replace(s, label=HOSTILE[i % len(HOSTILE)], owner=owners[i % 3] if s.owner else None)
            for i, s in enumerate(sketched)
        )
        for capture_id, sketched in base.sketches.items()
    }
    shown = replace(
        base.standings[0].depiction,
        shares=tuple(Share(o, 0.3, 1.0) for o in owners),
        drawn=tuple(Drawn(o, Role.AREA, o, o, o, share=0.3, own=True) for o in owners),
        names={MARKUP: LONG, "ar": BIDI, "en": TEMPLATE},
        rows=tuple(Row(t, t, t, t, t, t, t) for t in HOSTILE),
    )
    unseen = replace(base.standings[1].depiction, reason=text)
    standings = tuple(Standing(d, bad(base.standings[0].capture), MADE, MADE) for d in (shown, unseen))
    about = dispute(
        name=text,
        status=text + LONG,
        status_date=text,
        names={MARKUP: (LONG, TEMPLATE), "ar": (BIDI,)},
        claimants=("RU", MARKUP),
        origin=text,
        box_source=text,
        lines={MARKUP: shapely.LineString([(33, 45), (36, 45)])},
    )
    source = SourceCard(
        MARKUP,
        text,
        Terms(text, text, "javascript:window.hacked=5"),
        None,
        Fault(text, text + LONG, "javascript:window.hacked=6"),
    )
    return replace(
        base,
        dispute=about,
        changes=changes,
        standings=standings,
        sketches=sketches,
        sources={"atlas": source},
        depictions=(base.depictions[0], base.depictions[1], replace(shown, capture=base.depictions[2].capture)),
        captures={id_: bad(c) for id_, c in base.captures.items()},
        events=(Event(text, "2020", text, text + LONG, text, "javascript:window.hacked=7", text),),
    )


def all_pages() -> list[DisputePage]:
    """One page of each kind."""
    return [changed_page(), quiet_page(), name_page(), empty_page(), rival_page()]
