"""Label points: texts placed on a map, matched between two worlds by key, place and text; what changed by language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely

from borderwatch import geometry as geo
from borderwatch.diff.doubt import LEAST_LABELS, PARTIAL
from borderwatch.diff.features import EXAMPLES, RENAMED_LEAST, RENAMED_SHARE, same_text
from borderwatch.diff.record import LABEL, Finding
from borderwatch.diff.spelling import told
from borderwatch.models import Kind, Significance
from borderwatch.owners import owner as resolve_owner
from borderwatch.scene import texts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from borderwatch.scene import Box, Ground, Lettering, Painted, Scene, World

# What the source says of a label apart from its texts: whose the place is.
HOLDER = "holder"
# So many labels are looked up at once, and of those at one place so many of the other state's are looked at: a file
# of addresses may have thousands on one point.
CHUNK, CROWD = 512, 32


@dataclass(frozen=True, slots=True)
class Pair:
    """One label before and after; None where it was, or is, not there."""

    old: Painted | None
    new: Painted | None

    @property
    def either(self) -> Painted:
        """The label as it is, or as it was."""
        label = self.new or self.old
        assert label is not None  # noqa: S101
        return label

    @property
    def called(self) -> str:
        """What the label is known by, read from either side: a text that stayed, else a key that did, else nothing."""
        sides = [texts_of(label) for label in (self.old, self.new) if label is not None]
        stayed = [lang for lang in sides[0] if lang in sides[-1] and same_text(sides[0][lang], sides[-1][lang])]
        if stayed:
            return sides[0][min(stayed, key=lambda lang: (lang != "", lang != "en", lang))]
        keys = {label.code for label in (self.old, self.new) if label is not None}
        return (keys.pop() or "") if len(keys) == 1 else ""

    @property
    def apart_km(self) -> float:
        """How far apart the two stand; 0 where there is only one."""
        if self.old is None or self.new is None:
            return 0.0
        return float(_distances_km(_places([self.old]), _places([self.new]))[0])


@dataclass(frozen=True)
class Pairing:
    """All labels of two worlds, matched; whether a layer, a class or a language of them came or went whole."""

    pairs: tuple[Pair, ...]
    limit_km: float

    def near(self, window: Box) -> list[Pair]:
        """The pairs of which either stands in a window, in their order."""
        tree, owner = self._index
        return [self.pairs[n] for n in np.unique(owner[tree.query(shapely.box(*window))])]

    @cached_property
    def _index(self) -> tuple[shapely.STRtree, NDArray[np.int64]]:
        """Every label by place, and which pair each is of."""
        labels = [
            (label.geometry, n)
            for n, pair in enumerate(self.pairs)
            for label in (pair.old, pair.new)
            if label is not None
        ]
        return shapely.STRtree([place for place, _ in labels]), np.array([n for _, n in labels], dtype=np.int64)

    @cached_property
    def classes(self) -> frozenset[str]:
        """The source's classes of label ("" for all) of which most came or went: the layer did, not this label."""
        old, new = Counter[str](), Counter[str]()
        for pair in self.pairs:
            for label, count in ((pair.old, old), (pair.new, new)):
                if label is not None:
                    count.update({"", label.word or ""})
        return frozenset(word for word in old | new if _whole(old[word], new[word]))

    @cached_property
    def languages(self) -> dict[str, tuple[int, int]]:
        """How many of the labels that stayed have a text in each language, before and after."""
        old, new = Counter[str](), Counter[str]()
        for pair in self.pairs:
            if pair.old is not None and pair.new is not None:
                old.update(texts_of(pair.old).keys())
                new.update(texts_of(pair.new).keys())
        return {lang: (old[lang], new[lang]) for lang in sorted(old | new)}

    @cached_property
    def columns(self) -> frozenset[str]:
        """The languages that most labels got or lost at once: the table did, not this label."""
        return frozenset(lang for lang, counts in self.languages.items() if _whole(*counts))

    @cached_property
    def rewritten(self) -> dict[str, tuple[Pair, ...]]:
        """The languages in which nearly every label says something else at once, and these labels."""
        found = {}
        for lang in self.languages:
            known = [p for p in self.pairs if _says(p.old, lang) and _says(p.new, lang)]
            other = tuple(p for p in known if not same_text(_says(p.old, lang), _says(p.new, lang)))
            if len(known) >= RENAMED_LEAST and len(other) >= RENAMED_SHARE * len(known):
                found[lang] = other
        return found

    def told_whole(self, pair: Pair) -> bool:
        """Whether a label came or went with its whole layer or class."""
        return (pair.old is None or pair.new is None) and bool({"", pair.either.word or ""} & self.classes)


def _whole(before: int, after: int) -> bool:
    return max(before, after) >= LEAST_LABELS and min(before, after) < PARTIAL * max(before, after)


def _says(label: Painted | None, lang: str) -> str:
    return "" if label is None else texts_of(label).get(lang, "")


# --- matching ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def paired(before: Lettering, after: Lettering, limit_km: float) -> Pairing:
    """The labels of two worlds matched, in an order that says nothing.

    First what is drawn and says the same; then by the source's own key; by place and a text in common; by a text
    that one label alone bears in each; and last by place alone. One place is within ``limit_km``, the detection limit.
    """
    left, right = list(before.labels), list(after.labels)
    match = _Match(left, right, limit_km)
    match.alike()
    match.by_key()
    match.by_place(sharing=True)
    match.by_text()
    match.by_place(sharing=False)
    pairs = [Pair(left[i], right[j]) for i, j in match.found.items()]
    taken = set(match.found.values())
    pairs += [Pair(label, None) for i, label in enumerate(left) if i not in match.found]
    pairs += [Pair(None, label) for j, label in enumerate(right) if j not in taken]
    return Pairing(tuple(sorted(pairs, key=lambda p: (p.called, p.either.digest))), limit_km)


class _Match:
    """Two lists of labels, and which of the one is which of the other as far as is known."""

    def __init__(self, left: Sequence[Painted], right: Sequence[Painted], limit_km: float) -> None:
        self.left, self.right = left, right
        self.limit_km = limit_km
        self.found: dict[int, int] = {}
        self._taken: set[int] = set()
        self._texts = [[texts_of(label) for label in labels] for labels in (left, right)]

    def _join(self, i: int, j: int) -> None:
        self.found[i] = j
        self._taken.add(j)

    def _open(self, i: int, j: int) -> bool:
        return i not in self.found and j not in self._taken

    def alike(self) -> None:
        """What is the same in both, to the last digit."""
        known: dict[object, list[int]] = {}
        for j, label in enumerate(self.right):
            known.setdefault(self._whole_of(label, self._texts[1][j]), []).append(j)
        for i, label in enumerate(self.left):
            same = known.get(self._whole_of(label, self._texts[0][i]))
            if same:
                self._join(i, same.pop())

    @staticmethod
    def _whole_of(label: Painted, texts: dict[str, str]) -> object:
        return label.digest, label.code, label.word, tuple(sorted(texts.items())), label.words.get(HOLDER)

    def by_key(self) -> None:
        """The source's own key, where one label alone bears it; a row's number, given anew, is none.

        So the two must say one thing in common, or stand in one place.
        """
        keys = [_alone(label.code for label in labels) for labels in (self.left, self.right)]
        for key in sorted(keys[0].keys() & keys[1].keys()):
            i, j = keys[0][key], keys[1][key]
            if self._open(i, j) and (self._share(i, j) or self._apart_km(i, j) <= self.limit_km):
                self._join(i, j)

    def by_text(self) -> None:
        """A text that one label alone bears in a language, in each world: it was placed elsewhere, however far."""
        languages = {lang for side in self._texts for texts in side for lang in texts}
        for lang in sorted(languages):  # the main text first
            alone = [_alone(texts.get(lang) for texts in side) for side in self._texts]
            for text in sorted(alone[0].keys() & alone[1].keys()):
                i, j = alone[0][text], alone[1][text]
                if self._open(i, j) and _one_class(self.left[i], self.right[j]):
                    self._join(i, j)

    def by_place(self, *, sharing: bool) -> None:
        """Nearest first; ``sharing``: only what says one thing in common in one language."""
        rest_i = [i for i in range(len(self.left)) if i not in self.found]
        rest_j = [j for j in range(len(self.right)) if j not in self._taken]
        near = []
        for a, b, km in _near([self.left[i] for i in rest_i], [self.right[j] for j in rest_j], self.limit_km):
            i, j = rest_i[a], rest_j[b]
            if self._share(i, j) if sharing else _one_class(self.left[i], self.right[j]):
                # Read from either side the order is the same.
                sides = sorted(str(sorted(texts.items())) for texts in (self._texts[0][i], self._texts[1][j]))
                near.append((round(km, 6), sides, i, j))
        for _, _, i, j in sorted(near):
            if self._open(i, j):
                self._join(i, j)

    def _share(self, i: int, j: int) -> bool:
        old, new = self._texts[0][i], self._texts[1][j]
        return any(same_text(old[lang], new[lang]) for lang in old.keys() & new.keys())

    def _apart_km(self, i: int, j: int) -> float:
        return Pair(self.left[i], self.right[j]).apart_km


def _one_class(a: Painted, b: Painted) -> bool:
    return a.word is None or b.word is None or a.word == b.word


def _alone(values: Iterable[str | None]) -> dict[str, int]:
    """Where each value stands that stands once only."""
    found: dict[str, int] = {}
    twice = set()
    for i, value in enumerate(values):
        if value:
            if value in found:
                twice.add(value)
            found[value] = i
    return {value: i for value, i in found.items() if value not in twice}


def _places(labels: Sequence[Painted]) -> NDArray[np.float64]:
    points = shapely.get_coordinates(shapely.centroid([label.geometry for label in labels]))
    points[:, 0] = (points[:, 0] + 180.0) % 360.0 - 180.0
    return points


def _distances_km(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    (x, y), (u, v) = np.radians(a).T, np.radians(b).T
    half = np.sin((v - y) / 2) ** 2 + np.cos(y) * np.cos(v) * np.sin((u - x) / 2) ** 2
    return np.asarray(2 * geo.EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def _near(left: Sequence[Painted], right: Sequence[Painted], km: float) -> Iterator[tuple[int, int, float]]:
    """Pairs that stand within so many km of one another, across 180 degrees too; of a crowd, the nearest of each."""
    if not left or not right:
        return
    a, b = _places(left), _places(right)
    tree = shapely.STRtree([shapely.Point(x, y) for x, y in b.tolist()])
    tall = km / geo.KM_PER_DEGREE * 1.01
    wide = np.minimum(tall / np.maximum(np.cos(np.radians(np.minimum(np.abs(a[:, 1]) + tall, 90.0))), 1e-6), 180.0)
    for start in range(0, len(a), CHUNK):
        part = slice(start, start + CHUNK)
        (x, y), w = a[part].T, wide[part]
        boxes = [shapely.box(x - w + turn, y - tall, x + w + turn, y + tall) for turn in (-360.0, 0.0, 360.0)]
        hits = np.unique(np.hstack([tree.query(turned, predicate="intersects") for turned in boxes]).T, axis=0)
        apart = _distances_km(a[part][hits[:, 0]], b[hits[:, 1]])
        order = np.lexsort((hits[:, 1], apart, hits[:, 0]))
        hits, apart = hits[order], apart[order]
        rank = np.arange(len(hits)) - np.searchsorted(hits[:, 0], hits[:, 0])
        for n in np.flatnonzero((apart <= km) & (rank < CROWD)).tolist():
            yield start + int(hits[n, 0]), int(hits[n, 1]), float(apart[n])


# --- what is told -----------------------------------------------------------------------------------------


def findings(before: Scene, after: Scene) -> list[Finding]:
    """What changed of the labels of one dispute, told by label and language."""
    if not before.lettering.labels and not after.lettering.labels:
        return []
    limit = max(before.depiction.limit_km or 0.0, after.depiction.limit_km or 0.0)
    pairing = paired(before.lettering, after.lettering, limit)
    here = after.ground
    found: list[Finding] = []
    for pair in _renamed_itself(pairing.near(here.window), here):
        was = pair.old is not None and here.bears(pair.old)
        now = pair.new is not None and here.bears(pair.new)
        # A label that took another text keeps its place, and is this dispute's if it was.
        if was or now:
            found += _of_pair(pair, pairing, here, was=was, now=now, whole=(before.complete, after.complete))
    return _merged(found)


def _renamed_itself(pairs: Sequence[Pair], here: Ground) -> list[Pair]:
    """The same pairs; where one label that names the disputed thing went and one came, they are one, renamed.

    A sea's name is put wherever there is room, and "Sea of Japan" and "East Sea" are both among its names.
    """
    own = [p for p in pairs if (p.old is None or p.new is None) and here.names_itself(p.either)]
    gone, come = [p for p in own if p.new is None], [p for p in own if p.old is None]
    if len(gone) != 1 or len(come) != 1:
        return list(pairs)
    return [*(p for p in pairs if p is not gone[0] and p is not come[0]), Pair(gone[0].old, come[0].new)]


def elsewhere(before: World, after: World, grounds: Sequence[Ground]) -> list[Finding]:
    """What changed of the labels that are none of these grounds', and what befell the file's labels as a whole."""
    limit = max(before.resolution_km, after.resolution_km)
    pairing = paired(before.lettering, after.lettering, limit)
    theirs = {
        id(pair)
        for ground in grounds
        for pair in pairing.near(ground.window)
        if any(label is not None and ground.bears(label) for label in (pair.old, pair.new))
    }
    found = list(_of_file(pairing))
    for pair in pairing.pairs:
        if id(pair) not in theirs:
            whole = (before.complete, after.complete)
            found += _of_pair(pair, pairing, None, was=pair.old is not None, now=pair.new is not None, whole=whole)
    return _merged(found)


def _of_pair(
    pair: Pair, pairing: Pairing, here: Ground | None, *, was: bool, now: bool, whole: tuple[bool, bool]
) -> Iterator[Finding]:
    subject = f"{LABEL} {pair.called}".strip()
    if pair.old is None or pair.new is None:
        # Absence from part of an answer proves nothing.
        if whole[pair.old is not None] and not pairing.told_whole(pair):
            yield _come_or_gone(pair, subject, here, gone=pair.new is None)
        return
    if was != now and here is not None and pair.apart_km > pairing.limit_km and _still_says(pair, here):
        yield replace(_come_or_gone(pair, subject, here, gone=was), offset_km=pair.apart_km)
    yield from _texts(pair, pairing, subject)
    yield from _holders(pair.old, pair.new, subject)


def _holders(old: Painted, new: Painted, subject: str) -> Iterator[Finding]:
    """Whose the source says the labelled place is, in its own words, where it says so beside the name."""
    was, now = old.words.get(HOLDER), new.words.get(HOLDER)
    if was and now and _identity(was) != _identity(now):
        told_as = Significance.SUBSTANTIVE
        yield Finding(Kind.REPARENTED, told_as, subject=subject, old=was, new=now, geometry=new.geometry)


def _identity(word: str) -> str:
    by_code = resolve_owner(word, None)
    return resolve_owner(None, word) if by_code.startswith("?") else by_code


def _still_says(pair: Pair, here: Ground) -> bool:
    """Whether a label names the disputed thing as before, or not as before: one that took another text left nothing."""
    return bool(pair.old and pair.new and here.names_itself(pair.old) == here.names_itself(pair.new))


def _come_or_gone(pair: Pair, subject: str, here: Ground | None, *, gone: bool) -> Finding:
    label = pair.old if gone else pair.new
    assert label is not None  # noqa: S101
    itself = here is not None and here.names_itself(label)
    text = next(iter(texts_of(label).values()))
    return Finding(
        Kind.DISAPPEARED if gone else Kind.APPEARED,
        # That a map names the disputed thing itself is its statement; which towns it has room for is its scale.
        Significance.SUBSTANTIVE if itself else Significance.MINOR,
        subject=subject,
        old=text if gone else None,
        new=None if gone else text,
        geometry=label.geometry,
    )


def _texts(pair: Pair, pairing: Pairing, subject: str) -> Iterator[Finding]:
    assert pair.old is not None  # noqa: S101
    assert pair.new is not None  # noqa: S101
    old, new = texts_of(pair.old), texts_of(pair.new)
    by_text: dict[tuple[str | None, str | None], list[str]] = {}
    for lang in sorted(old.keys() | new.keys()):
        was, now = old.get(lang), new.get(lang)
        if was is None or now is None:
            told_of_file = lang in pairing.columns
        else:
            told_of_file = lang in pairing.rewritten or same_text(was, now)
        if not told_of_file:
            by_text.setdefault((was, now), []).append(lang)
    for (was, now), langs in by_text.items():
        # What becomes of the main text in other languages too is told of the main text.
        about = ", ".join([subject, *(langs if langs[0] else ())])
        weight = told(was, now) if was is not None and now is not None else Significance.MINOR
        yield Finding(Kind.RELABELLED, weight, subject=about, old=was, new=now, geometry=pair.new.geometry)


def _of_file(pairing: Pairing) -> Iterator[Finding]:
    """What befell all labels at once, told once: another language, a column of names, a class of labels."""
    for lang, pairs in pairing.rewritten.items():
        some = pairs[:EXAMPLES]
        yield _whole_file(
            Kind.RELABELLED,
            f"{len(pairs)} labels ({lang})" if lang else f"{len(pairs)} labels",
            ", ".join(_says(p.old, lang) for p in some),
            ", ".join(_says(p.new, lang) for p in some),
        )
    for lang in sorted(pairing.columns):
        was, now = pairing.languages[lang]
        yield _whole_file(Kind.RELABELLED, f"texts of labels ({lang or 'main'})", f"{was} labels", f"{now} labels")
    for word in sorted(pairing.classes):
        counts = [
            sum(label is not None and word in ("", label.word) for label in side)
            for side in ([p.old for p in pairing.pairs], [p.new for p in pairing.pairs])
        ]
        about = f"labels of the class {word}" if word else "labels"
        yield _whole_file(Kind.RELABELLED, about, f"{counts[0]} labels", f"{counts[1]} labels")


def _whole_file(kind: Kind, subject: str, old: str, new: str) -> Finding:
    return Finding(kind, Significance.MINOR, subject=subject, old=old, new=new)


def _merged(found: Iterable[Finding]) -> list[Finding]:
    """One finding of those that say the same of several labels: two towns of one name, both renamed."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for f in found:
        groups.setdefault((f.kind, f.subject, f.old, f.new), []).append(f)
    merged = []
    for same in groups.values():
        places = [part for f in same if f.geometry is not None for part in shapely.get_parts(f.geometry)]
        place = same[0].geometry if len(same) == 1 or not places else shapely.normalize(shapely.MultiPoint(places))
        sure = any(f.significance is Significance.SUBSTANTIVE for f in same)
        weight = Significance.SUBSTANTIVE if sure else same[0].significance
        merged.append(replace(same[0], significance=weight, geometry=place))
    return merged
