"""Boundary lines where a source draws them: moved, added, removed, restyled; by place, in the source's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.courses import (
    KEPT,
    KEPT_CORNER,
    Course,
    courses,
    floor_km,
    merged,
    runs,
    sheet_floor_km,
    spacing_km,
)
from borderwatch.diff.noise import RATIO_APART
from borderwatch.diff.record import Finding
from borderwatch.formats.line_words import status_from_word, style_from_word
from borderwatch.models import Kind, LineStyle, Significance

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from borderwatch.scene import LineSheet, Piece, Scene

# Shorter stretches are joints between segments, not lines of their own.
SHORTEST_KM = 5.0
# Where nothing is known of a source's scale, closer than this is the same place.
CLOSEST_KM = 0.5
# A line gone here and a line come there are one line moved when they begin and end together (within so many limits),
# or bear one name and lie no farther apart than this part of their length.
JOINED_LIMITS, MOVED_SHARE = 3.0, 0.5
# A stretch this many times as far off as a line moved is no part of the move.
MOVE_REACH = 1.5
# Lines this close are drawn on top of one another: 20 m is twice what rounding and a long edge's bow leave.
COINCIDENT_KM = 0.02
# Between two drawings made anew, a stretch no longer than this many limits is the end of a line: 1:10 million draws
# some 10 km of lake shore and river mouth that 1:50 million does not.
END_LIMITS = 3.0
# A window with less than this of lines cannot tell its own noise; all lines of the two files do.
ENOUGH_KM = 200.0
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two drawings of the lines in one window, on one plane, and how they run along each other.

    ``near`` is the ground that is watched, on the plane; None: everything in the window is.
    """

    old: tuple[Piece, ...]
    new: tuple[Piece, ...]
    sheets: tuple[LineSheet, LineSheet]
    plane: geo.Plane
    there: list[Course]
    back: list[Course]
    floor_km: float
    limit_km: float
    near: BaseGeometry | None


def findings(before: Scene, after: Scene, limit_km: float) -> list[Finding]:
    """Changes of the lines that run through the dispute's ground, each with its length in km."""
    if not (before.lines or after.lines) or before.lines_key == after.lines_key:
        return []
    plane = geo.Plane.around(before.ground.window)
    declared = max(limit_km, before.depiction.limit_km or 0.0, after.depiction.limit_km or 0.0, CLOSEST_KM)
    pair = paired(before.lines, after.lines, (before.sheet, after.sheet), plane, declared, ground=before.ground.area)
    return found_in(pair)


def paired(
    old: Sequence[Piece],
    new: Sequence[Piece],
    sheets: tuple[LineSheet, LineSheet],
    plane: geo.Plane,
    limit_km: float,
    *,
    ground: BaseGeometry | None = None,
) -> Pair:
    """Two drawings laid along each other; ``limit_km`` is raised to what their own noise allows to tell."""
    lines_old = merged(plane.project(shapely.force_2d(p.geometry)) for p in old)
    lines_new = merged(plane.project(shapely.force_2d(p.geometry)) for p in new)
    step = spacing_km(lines_old, lines_new)
    there, back = courses(lines_old, lines_new, step), courses(lines_new, lines_old, step)
    everywhere = sheet_floor_km(*sheets)
    floor = floor_km(there, back, kept=KEPT if everywhere else KEPT_CORNER)
    if min(sum(line.length for line in lines) for lines in (lines_old, lines_new)) < ENOUGH_KM:
        floor = max(floor, everywhere)
    limit = max(limit_km, RATIO_APART * floor)
    # Lines on the edge of the ground count: a boundary is where two grounds meet.
    near = None if ground is None else plane.project(ground).buffer(2 * limit)
    if near is not None:
        shapely.prepare(near)
    return Pair(tuple(old), tuple(new), sheets, plane, there, back, floor, limit, near)


def found_in(pair: Pair) -> list[Finding]:
    """Everything that differs between the two drawings, restyled first."""
    return [*_restyled(pair), *_moved(pair)]


# --- drawn elsewhere --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one drawing that lies farther than the limit from the other one, ``apart_km`` at most.

    ``length_km`` is what of it is watched, ``course`` the number of the course it is a part of.
    """

    line: BaseGeometry
    shown: BaseGeometry
    length_km: float
    apart_km: float
    piece: Piece
    course: int


def _moved(pair: Pair) -> list[Finding]:
    """Stretches that lie elsewhere: one finding for all that went from one of the source's words to another."""
    gone = list(_stretches(pair, pair.there, pair.old))
    come = list(_stretches(pair, pair.back, pair.new))
    moves: dict[tuple[str, str], list[tuple[Stretch, Stretch, float]]] = {}
    for old, new, apart_km in list(_partners(gone, come, pair.limit_km)):
        gone.remove(old)
        come.remove(new)
        moves.setdefault((_called(old.piece), _called(new.piece)), []).append((old, new, apart_km))
    found = []
    for (before, after), some in sorted(moves.items()):
        offset = max(apart for _, _, apart in some)
        olds, news = [old for old, _, _ in some], [new for _, new, _ in some]
        olds += _rest(gone, before, olds, MOVE_REACH * offset)
        news += _rest(come, after, news, MOVE_REACH * offset)
        length = max(sum(s.length_km for s in olds), sum(s.length_km for s in news))
        found.append(
            Finding(
                Kind.BOUNDARY_MOVED,
                _weight(pair, length, [s.piece for s in (*olds, *news)]),
                subject="moved",
                old=before,
                new=after,
                length_km=length,
                offset_km=offset,
                noise_floor_km=pair.floor_km,
                ratio=offset / pair.floor_km if pair.floor_km else None,
                limit_km=pair.limit_km,
                geometry=_shown(pair, [*olds, *news]),
            )
        )
    return [*found, *_alone(pair, gone, "removed"), *_alone(pair, come, "added")]


def _rest(left: list[Stretch], word: str, moved: Sequence[Stretch], reach_km: float) -> list[Stretch]:
    """The stretches of a moved line without a partner of their own, taken out of ``left``.

    A line crosses its old course here and there, and other lines: what lies between two crossings need not lie so on
    the other side. They are of the same course or feature, and the other drawing is no farther than the line moved.
    """
    same = {s.course for s in moved}, {id(s.piece) for s in moved}
    found = [
        s
        for s in left
        if _called(s.piece) == word and s.apart_km <= reach_km and (s.course in same[0] or id(s.piece) in same[1])
    ]
    for stretch in found:
        left.remove(stretch)
    return found


def _stretches(pair: Pair, sampled: list[Course], pieces: Sequence[Piece]) -> Iterator[Stretch]:
    index = _Pieces(pieces, pair.plane)
    for number, course in enumerate(sampled):
        far = course.distance_km > pair.limit_km
        watched = _watched(course.points, pair.near)
        for first, last in runs(far):
            here = watched[first : last + 1]
            length = float(here.sum()) * course.step_km
            if length < SHORTEST_KM:
                continue
            shown = [course.line(first + a, first + b) for a, b in runs(here)]
            middle = course.points[(first + last) // 2]
            apart = float(course.distance_km[first : last + 1].max())
            yield Stretch(course.line(first, last), shapely.union_all(shown), length, apart, index.at(middle), number)


def _watched(points: NDArray[np.float64], near: BaseGeometry | None) -> NDArray[np.bool_]:
    if near is None:
        return np.ones(len(points), dtype=bool)
    return np.asarray(shapely.contains_xy(near, points[:, 0], points[:, 1]))


def _partners(
    gone: Sequence[Stretch], come: Sequence[Stretch], limit_km: float
) -> Iterator[tuple[Stretch, Stretch, float]]:
    """Which stretch went where: the closest first, each once."""
    pairs = []
    for i, old in enumerate(gone):
        for j, new in enumerate(come):
            apart = float(shapely.hausdorff_distance(old.line, new.line))
            alike = _called(old.piece) == _called(new.piece) or _meaning(old.piece) == _meaning(new.piece)
            close = apart <= MOVED_SHARE * min(old.line.length, new.line.length)
            if _joined(old.line, new.line, JOINED_LIMITS * limit_km) or (alike and close):
                pairs.append((apart, i, j))
    used: tuple[set[int], set[int]] = (set(), set())
    for apart, i, j in sorted(pairs):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            yield gone[i], come[j], apart


def _joined(a: BaseGeometry, b: BaseGeometry, within_km: float) -> bool:
    """Whether two lines begin and end together, whichever way each was drawn."""
    ends_a, ends_b = (shapely.get_coordinates(g)[[0, -1]] for g in (a, b))
    same = np.hypot(*(ends_a - ends_b).T).max()
    turned = np.hypot(*(ends_a - ends_b[::-1]).T).max()
    return bool(min(same, turned) <= within_km)


def _alone(pair: Pair, stretches: Sequence[Stretch], subject: str) -> list[Finding]:
    """Lines that came or went, one finding for each of the source's own words."""
    by_word: dict[str, list[Stretch]] = {}
    for stretch in stretches:
        by_word.setdefault(_called(stretch.piece), []).append(stretch)
    found = []
    for word, some in sorted(by_word.items()):
        length = sum(s.length_km for s in some)
        found.append(
            Finding(
                Kind.BOUNDARY_MOVED,
                _weight(pair, length, [s.piece for s in some]),
                subject=subject,
                old=word if subject == "removed" else None,
                new=word if subject == "added" else None,
                length_km=length,
                noise_floor_km=pair.floor_km,
                limit_km=pair.limit_km,
                geometry=_shown(pair, some),
            )
        )
    return found


def _called(piece: Piece) -> str:
    return piece.drawn.word or piece.drawn.name or "line"


def _shown(pair: Pair, stretches: Sequence[Stretch]) -> BaseGeometry:
    return pair.plane.unproject(shapely.union_all([s.shown for s in stretches]))


def _weight(pair: Pair, length_km: float, pieces: Sequence[Piece]) -> Significance:
    """Minor: a line this audience is not shown may move as it likes, and a map drawn anew leaves short ends."""
    hidden = all(p.drawn.style is LineStyle.NOT_DRAWN for p in pieces)
    end = pair.floor_km > 0 and length_km < END_LIMITS * pair.limit_km
    return Significance.MINOR if hidden or end else Significance.SUBSTANTIVE


class _Pieces:
    """The features of one drawing by place, on a plane."""

    def __init__(self, pieces: Sequence[Piece], plane: geo.Plane) -> None:
        self.pieces = pieces
        self._tree = shapely.STRtree([plane.project(shapely.force_2d(p.geometry)) for p in pieces])

    def at(self, point: NDArray[np.float64]) -> Piece:
        """The feature nearest to a point."""
        return self.pieces[int(self._tree.nearest(shapely.Point(point)))]

    def around(self, points: NDArray[np.float64], within_km: float) -> list[tuple[int, ...]]:
        """Which features pass within a distance of each point."""
        found: list[list[int]] = [[] for _ in points]
        for i, j in self._tree.query(shapely.points(points), predicate="dwithin", distance=within_km).T:
            found[int(i)].append(int(j))
        return [tuple(sorted(some)) for some in found]


# --- drawn otherwise -----------------------------------------------------------------------------------------


def _restyled(pair: Pair) -> list[Finding]:
    """Stretches that stay where they are and are drawn, classed or named otherwise, for everybody or for one viewer."""
    if not pair.old or not pair.new:
        return []
    olds, news = _Pieces(pair.old, pair.plane), _Pieces(pair.new, pair.plane)
    within = max(COINCIDENT_KM, pair.floor_km)
    lengths: dict[Difference, float] = {}
    shown: dict[Difference, list[BaseGeometry]] = {}
    for course in pair.there:
        stays = (course.distance_km <= pair.limit_km) & _watched(course.points, pair.near)
        if not stays.any():
            continue
        here = olds.around(course.points, within)
        there = news.around(course.near, within)
        memo: dict[tuple[tuple[int, ...], tuple[int, ...]], frozenset[Difference]] = {}
        told = [
            memo[key] if key in memo else memo.setdefault(key, _differences(pair, *key))
            for key in zip(here, there, strict=True)
        ]
        for difference in sorted({d for some in told for d in some}):
            mask = stays & np.array([difference in some for some in told])
            for first, last in runs(mask):
                length = (last - first + 1) * course.step_km
                if length >= max(SHORTEST_KM, 2 * within):
                    lengths[difference] = lengths.get(difference, 0.0) + length
                    shown.setdefault(difference, []).append(course.line(first, last))
    return _folded(pair, lengths, shown)


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """What one viewer (everybody: "") sees otherwise along a stretch; ``significant`` where its meaning changed."""

    viewer: str
    old: str
    new: str
    significant: bool


def _differences(pair: Pair, here: tuple[int, ...], there: tuple[int, ...]) -> frozenset[Difference]:
    """What differs where these features of the old drawing run along those of the new one."""
    if not here or not there:
        return frozenset()
    olds, news = [pair.old[i] for i in here], [pair.new[j] for j in there]
    found = set(_compared(EVERYBODY, olds, news, pair))
    for column in sorted(pair.sheets[0].columns & pair.sheets[1].columns):
        if by_viewer(column):
            found |= set(_compared(column, olds, news, pair)) - {
                Difference(column, d.old, d.new, d.significant) for d in found if d.viewer == EVERYBODY
            }
    return frozenset(found)


def by_viewer(column: str) -> bool:
    """Whether a column of a line says how one viewer sees it (``FCLASS_IN``, ``kind:in``), not notes about it."""
    return column.upper().startswith(("FCLASS_", "KIND:"))


Look = tuple[str, str]
"""A line's own word and its style, as one viewer sees it."""


def _look(piece: Piece, viewer: str) -> Look:
    """For a viewer the word of its own column; where that is empty, what everybody sees."""
    own = piece.words.get(viewer, "") if viewer else ""
    if own:
        return own, style_from_word(own) or ""
    drawn = piece.drawn
    return drawn.word or "", drawn.style.value if drawn.style is not None else ""


def _meaning(piece: Piece) -> tuple[str, str]:
    word, style = _look(piece, EVERYBODY)
    return status_from_word(word) or word, style


def _compared(viewer: str, olds: Sequence[Piece], news: Sequence[Piece], pair: Pair) -> Iterator[Difference]:
    before, after = {_look(p, viewer) for p in olds}, {_look(p, viewer) for p in news}
    lost, fresh = sorted(before - after), sorted(after - before)
    if len(lost) != len(fresh):
        # Several lines on top of one another, and now fewer or more: the one drawn most plainly is what is seen.
        lost, fresh = ([min(side, key=_plainness)] if side else [] for side in (sorted(before), sorted(after)))
    for old, new in zip(lost, fresh, strict=True):
        if old != new and not _respelled(old, new, pair.sheets):
            word = old[0] != new[0]
            # A word where none was, or none where one was, is a column's doing; then the style speaks.
            by_word = word and bool(old[0]) and bool(new[0])
            if not by_word and old[1] == new[1]:
                continue
            told = (old[0], new[0]) if by_word else (old[1], new[1])
            yield Difference(viewer, *told, _differs(old, new))


def _plainness(look: Look) -> tuple[int, Look]:
    order = {LineStyle.SOLID.value: 0, LineStyle.DASHED.value: 1, "": 2, LineStyle.NOT_DRAWN.value: 3}
    return order[look[1]], look


def _differs(old: Look, new: Look) -> bool:
    """Whether two looks differ in what they say: another style, another status, or words we do not know."""
    statuses = status_from_word(old[0]), status_from_word(new[0])
    return old[1] != new[1] or None in statuses or statuses[0] is not statuses[1]


def _respelled(old: Look, new: Look, sheets: tuple[LineSheet, LineSheet]) -> bool:
    """Whether the source calls the class otherwise in the whole file: same meaning, no line left with the old word.

    "Treaty" became "International boundary (verify)" on 339 lines at once.
    """
    gone = old[0] not in sheets[1].words and new[0] not in sheets[0].words
    return gone and not _differs(old, new)


def _folded(pair: Pair, lengths: dict[Difference, float], shown: dict[Difference, list[BaseGeometry]]) -> list[Finding]:
    """One finding for all viewers to whom the same happened along the same stretch."""
    together: dict[tuple[str, str, bool, float], list[Difference]] = {}
    for difference, length in sorted(lengths.items()):
        key = (difference.old, difference.new, difference.significant, round(length, 3))
        together.setdefault(key, []).append(difference)
    return [
        Finding(
            Kind.RESTYLED,
            Significance.SUBSTANTIVE if significant else Significance.MINOR,
            subject=", ".join(d.viewer for d in some if d.viewer),
            old=old or None,
            new=new or None,
            length_km=length,
            noise_floor_km=pair.floor_km,
            limit_km=pair.limit_km,
            geometry=pair.plane.unproject(shapely.union_all(shown[some[0]])),
        )
        for (old, new, significant, length), some in together.items()
    ]
