"""The fifty sequences as data: what each capture shows, and what must be told. Run by ``sequences.py``."""

from __future__ import annotations

import numpy as np
import shapely

from benchmarks.sequences import (
    Script,
    State,
    absorbed,
    backwards,
    claim,
    column,
    cut,
    each,
    give,
    half,
    jitter,
    line_moved,
    lines,
    moved,
    no_line,
    nobody,
    numbered,
    own,
    pushed,
    renamed,
    rolled,
    segments,
    shifted,
    simplified,
    without,
    words,
)

A = State()
B = State((give("crimea", "Ukraine"),))
FINE, FINE_OLD = State(scale="50m"), State(edition="1.1.4", scale="50m")
SAHARA = State((absorbed("W. Sahara", "Morocco"),))
NO_KOSOVO = State((absorbed("Kosovo", "Serbia"),))
LINES = State((lines(),))
RU_UA, UA_RU = "transfer RU>UA crimea", "transfer UA>RU crimea"


def drift(n: int, km: float, *more: object, scale: str = "110m") -> State:
    """The Moroccan boundary ``n`` steps of ``km`` into Western Sahara."""
    return State((pushed("W. Sahara", "Morocco", "western_sahara", n * km), *more), scale=scale)  # type: ignore[arg-type]


def lined(*edits: object) -> State:
    """The boundaries of the map as lines, edited."""
    return State((lines(), *edits))  # type: ignore[arg-type]


HALF_CRIMEA = shapely.box(32, 44, 34.2, 47)

SCRIPTS: tuple[Script, ...] = (
    # --- reverts ---------------------------------------------------------------------------------------------
    Script("revert: there and back", (A, B, A), (f"1 {RU_UA}", f"2 {UA_RU}, takes back 1")),
    Script("revert: there, stays, and back", (A, B, B, A), (f"1 {RU_UA}", f"3 {UA_RU}, takes back 1")),
    Script(
        "revert: of a revert",
        (A, B, A, B),
        (f"1 {RU_UA}", f"2 {UA_RU}, takes back 1", f"3 {RU_UA}, takes back 2"),
    ),
    Script(
        "revert: of a feature absorbed",
        (A, SAHARA, A),
        (
            "1 transfer EH>MA western_sahara",
            "1 disappeared EH>MA western_sahara",
            "2 transfer MA>EH western_sahara, takes back 1",
            "2 appeared MA>EH western_sahara, takes back 1",
        ),
    ),
    Script(
        "revert: of a country drawn apart",
        (A, NO_KOSOVO, A),
        ("1 transfer XK>RS kosovo", "2 transfer RS>XK kosovo, takes back 1"),
    ),
    Script(
        "revert: of ground left to nobody",
        (A, State((nobody("donetsk_luhansk"),)), A),
        ("1 gap UA>- donetsk_luhansk", "2 gap ->UA donetsk_luhansk, takes back 1"),
    ),
    Script(
        "revert: of an overlapping claim",
        (A, State((claim("taiwan", "China"),)), A),
        ("1 overlap ->CN taiwan", "2 overlap CN>- taiwan, takes back 1"),
    ),
    Script(
        "no revert: a third owner takes it",
        (A, State((give("crimea", "Ukraine"),)), State((give("crimea", "Turkey"),))),
        (f"1 {RU_UA}", "2 transfer UA>TR crimea"),
    ),
    Script(
        "no revert: only half goes back",
        (A, B, State((give("crimea", "Ukraine"), give("crimea", "Russia", HALF_CRIMEA)))),
        (f"1 {RU_UA}", f"2 {UA_RU}"),
    ),
    Script(
        "revert: across a map drawn anew between",
        (A, B, State((give("crimea", "Ukraine"), jitter(1.0, 1))), State((jitter(1.0, 2),))),
        (f"1 {RU_UA}", f"3 {UA_RU}, takes back 1"),
    ),
    # --- two things at once ----------------------------------------------------------------------------------
    Script(
        "two disputes in one step",
        (A, State((give("crimea", "Ukraine"), absorbed("W. Sahara", "Morocco")))),
        (f"1 {RU_UA}", "1 transfer EH>MA western_sahara", "1 disappeared EH>MA western_sahara"),
    ),
    Script(
        "two disputes, one taken back",
        (A, State((give("crimea", "Ukraine"), absorbed("W. Sahara", "Morocco"))), SAHARA),
        (
            f"1 {RU_UA}",
            "1 transfer EH>MA western_sahara",
            "1 disappeared EH>MA western_sahara",
            f"2 {UA_RU}, takes back 1",
        ),
    ),
    Script("a recorded change of the source itself", (FINE_OLD, FINE), (f"1 {UA_RU}",), watched=("crimea", "taiwan")),
    # --- other audiences' variants ---------------------------------------------------------------------------
    Script(
        "variant: adopts what another audience is shown",
        (A, A, B),
        (f"2 {RU_UA}, adopts UA",),
        {"UA": (B, B, B)},
    ),
    Script(
        "variant: of three audiences the right one is named",
        (A, A, SAHARA),
        ("2 transfer EH>MA western_sahara, adopts MA", "2 disappeared EH>MA western_sahara, adopts MA"),
        {"MA": (SAHARA, SAHARA, SAHARA), "RU": (A, A, A), "UA": (B, B, B)},
    ),
    Script(
        "variant: adopted and given up again",
        (A, NO_KOSOVO, A),
        ("1 transfer XK>RS kosovo, adopts RS", "2 transfer RS>XK kosovo, takes back 1, adopts US"),
        {"RS": (NO_KOSOVO, NO_KOSOVO, NO_KOSOVO), "US": (A, A, A)},
    ),
    Script(
        "no variant: the other audience changes at the same time",
        (A, B),
        (f"1 {RU_UA}",),
        {"UA": (A, B)},
    ),
    Script(
        "no variant: a state nobody else is shown",
        (A, State((give("taiwan", "China"),))),
        ("1 transfer TW>CN taiwan",),
        {"JP": (A, A)},
    ),
    Script(
        "variant: lines restyled as another audience sees them",
        (LINES, LINES, lined(words("western_sahara", "Disputed"))),
        ("2 restyled International boundary > Disputed western_sahara, adopts MA",),
        {"MA": (lined(words("western_sahara", "Disputed")),) * 3},
        ("western_sahara",),
    ),
    # --- slow drift ------------------------------------------------------------------------------------------
    Script(
        "drift: ten steps below the limit are told when they add up",
        tuple(drift(n, 4.0) for n in range(11)),
        # 20 km of ground are as thick as a circle of 10 km, the finest this scale shows; then it begins anew.
        ("5 transfer EH>MA western_sahara, since 0", "10 transfer EH>MA western_sahara, since 5"),
        watched=("western_sahara",),
    ),
    Script(
        "drift: ten steps of .4 noise floors on a map jittered each time",
        tuple(drift(n, 2.3, jitter(4.0, n), scale="50m") for n in range(11)),
        ("7 transfer EH>MA western_sahara, since 0",),
        watched=("western_sahara",),
    ),
    Script(
        "no drift: ten steps of jitter",
        tuple(State((jitter(2.0, n),)) for n in range(11)),
    ),
    Script(
        "no drift: to and fro by one step",
        tuple(drift(n % 2, 4.0) for n in range(8)),
        watched=("western_sahara",),
    ),
    Script(
        "drift: a rename on the way does not hide it",
        tuple(drift(n, 4.0, renamed("W. Sahara", "Sahrawi Republic")) if n >= 3 else drift(n, 4.0) for n in range(8)),
        ("3 renamed W. Sahara > Sahrawi Republic western_sahara", "5 transfer EH>MA western_sahara, since 0"),
        watched=("western_sahara",),
    ),
    # --- split, merge, appear, disappear ---------------------------------------------------------------------
    Script(
        "split: one feature becomes two of another name",
        (A, State((cut("W. Sahara", "Rio de Oro", "Saguia el-Hamra", at_lat=25.0),))),
        ("1 minor split EH>- western_sahara: W. Sahara > Rio de Oro, Saguia el-Hamra",),
        watched=("western_sahara",),
    ),
    Script(
        "merge: and one again",
        (State((cut("W. Sahara", "Rio de Oro", "Saguia el-Hamra", at_lat=25.0),)), A),
        ("1 minor merged ->EH western_sahara: Rio de Oro, Saguia el-Hamra > W. Sahara",),
        watched=("western_sahara",),
    ),
    Script(
        "split and merged again is a revert",
        (A, State((cut("W. Sahara", "Rio de Oro", "Saguia el-Hamra", at_lat=25.0),)), A),
        (
            "1 minor split EH>- western_sahara: W. Sahara > Rio de Oro, Saguia el-Hamra",
            "2 minor merged ->EH western_sahara: Rio de Oro, Saguia el-Hamra > W. Sahara, takes back 1",
        ),
        watched=("western_sahara",),
    ),
    Script(
        "appeared: a part of one owner becomes a feature of its own",
        (A, State((own("donetsk_luhansk", "Eastern Region", "804"),))),
        ("1 appeared UA>UA donetsk_luhansk",),
        watched=("donetsk_luhansk",),
    ),
    Script(
        "appeared: as an entity",
        (State((absorbed("Somaliland", "Somalia"),)), A),
        ("1 transfer SO>somaliland somaliland",),
        watched=("somaliland",),
    ),
    Script(
        "disappeared: as an entity",
        (A, State((absorbed("N. Cyprus", "Cyprus"),))),
        ("1 transfer northern_cyprus>CY northern_cyprus",),
        watched=("northern_cyprus",),
    ),
    # --- names -----------------------------------------------------------------------------------------------
    Script(
        "rename: of a feature",
        (A, State((renamed("Taiwan", "Taiwan, Province of China"),))),
        ("1 renamed Taiwan > Taiwan, Province of China taiwan",),
    ),
    Script(
        "rename: and back is a revert",
        (A, State((renamed("Taiwan", "Chinese Taipei"),)), A),
        ("1 renamed Taiwan > Chinese Taipei taiwan", "2 renamed Chinese Taipei > Taiwan taiwan, takes back 1"),
    ),
    Script(
        "rename: an abbreviation written out is another spelling, and no transfer",
        (A, State((renamed("W. Sahara", "Western Sahara"),))),
        ("1 minor renamed W. Sahara > Western Sahara western_sahara",),
    ),
    Script(
        "rename: names of a whole file become ids, told once",
        (A, State((numbered,))),
        ("1 minor renamed [177 of 177 features] everywhere",),
    ),
    Script(
        "rename: a row of a list",
        (A, State((renamed("Taiwan", "Chinese Taipei"),))),
        ("1 relabelled [TW] Taiwan > Chinese Taipei taiwan",),
        watched=("taiwan",),
    ),
    Script(
        "a row of a list comes and goes",
        (A, State((without("Taiwan"),)), A),
        ("1 delisted [TW] Taiwan > - taiwan", "2 listed [TW] - > Taiwan taiwan, takes back 1"),
        watched=("taiwan",),
    ),
    # --- lines -----------------------------------------------------------------------------------------------
    Script(
        "restyle: a line becomes disputed, and is taken back",
        (LINES, lined(words("western_sahara", "Disputed")), LINES),
        (
            "1 restyled International boundary > Disputed western_sahara",
            "2 restyled Disputed > International boundary western_sahara, takes back 1",
        ),
        watched=("western_sahara",),
    ),
    Script(
        "restyle: for one viewer only",
        (
            lined(column("FCLASS_MA", "International boundary")),
            lined(
                column("FCLASS_MA", "International boundary"),
                words("western_sahara", "Unrecognized", column="FCLASS_MA"),
            ),
        ),
        ("1 restyled [FCLASS_MA] International boundary > Unrecognized western_sahara",),
        watched=("western_sahara",),
    ),
    Script(
        "line removed, and drawn again",
        (LINES, lined(no_line("Morocco", "W. Sahara")), LINES),
        (
            "1 boundary_moved [removed] International boundary western_sahara",
            "2 boundary_moved [added] International boundary western_sahara, takes back 1",
        ),
        watched=("western_sahara",),
    ),
    Script(
        "line moved by 40 km, and back",
        (LINES, lined(line_moved(-40.0, "Morocco", "W. Sahara")), LINES),
        (
            "1 boundary_moved [moved] International boundary western_sahara",
            "2 boundary_moved [moved] International boundary western_sahara, takes back 1",
        ),
        watched=("western_sahara",),
    ),
    Script("no change: lines cut into other pieces", (LINES, lined(segments), LINES)),
    # --- what is not believed --------------------------------------------------------------------------------
    Script("suspect: a partial answer, then a whole one", (A, State((half,)), A), ("1 suspect",)),
    Script(
        "suspect: a continent missing, confirmed by the next",
        (A, State((without("Russia"),)), State((without("Russia"),))),
        ("1 gap RU>- crimea",),
        watched=("crimea",),
    ),
    Script(
        "suspect: latitude and longitude swapped",
        (A, State((moved(lambda xy: np.column_stack([xy[:, 1], xy[:, 0] / 2])),)), A),
        ("1 suspect",),
        watched=("crimea", "taiwan"),
    ),
    Script(
        "refused: metres for degrees",
        (A, State((moved(lambda xy: xy * 111_320.0),)), A),
        ("1 refused",),
        watched=("crimea", "taiwan"),
    ),
    # --- the same map, written or drawn otherwise ------------------------------------------------------------
    Script(
        "no change: order, ring start, winding",
        (A, State((backwards,)), State((each(rolled),)), State((backwards, each(rolled)))),
    ),
    Script(
        "no change: rounded, densified, with heights",
        (
            A,
            State((moved(lambda xy: np.round(xy, 7)),)),
            State((each(lambda g: shapely.segmentize(g, 0.5)),)),
            State((each(shapely.force_3d),)),
        ),
    ),
    Script(
        "no change: the whole map nudged",
        (A, State((shifted(1.0, -1.5),)), State((shifted(-2.0, 1.0),)), A),
    ),
    Script("no change: simplified at its own scale", (FINE, State((simplified(2.0),), scale="50m"))),
    Script(
        "no change: the same source at another scale", (FINE, A), watched=("western_sahara", "kosovo", "somaliland")
    ),
)
