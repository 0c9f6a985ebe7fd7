"""Names and list rows: label text per language, and what a list says of a disputed thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from borderwatch.diff import labels
from borderwatch.diff.doubt import LEAST_LABELS, PARTIAL
from borderwatch.diff.features import main_texts, same_text
from borderwatch.diff.ownership import MOSTLY, SAME_PLACE_IOU, same_place
from borderwatch.diff.record import Finding
from borderwatch.diff.spelling import told
from borderwatch.formats.label_texts import UNTAGGED
from borderwatch.models import Drawn, Kind, Role, Row, Significance
from borderwatch.scene import Scene

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from borderwatch.facts import Seen
    from borderwatch.scene import Piece

# Two outlines that agree to this are one feature re-drawn; a part of it is not.
SAME_OUTLINE_IOU = 0.97


def findings(before: Scene | Seen, after: Scene | Seen, *, renamed: bool = False) -> list[Finding]:
    """Renamed features, labels and changed rows; order of rows, white space and Unicode form are no change.

    ``renamed`` says that the file calls everything otherwise at once: that is told once, of the file.
    """
    found = [*([] if renamed else _feature_names(before, after)), *_rows(before, after)]
    if isinstance(before, Scene) and isinstance(after, Scene):
        found += labels.findings(before, after)
    return found


def own_features(before: Scene, after: Scene) -> list[Finding]:
    """The disputed thing gets a feature of its own, or loses it."""
    old = [p.drawn for p in before.areas if p.drawn.own]
    new = [p.drawn for p in after.areas if p.drawn.own]
    if bool(old) == bool(new) or _stood(before, after) or _stood(after, before):
        return []
    if new:
        return [
            Finding(
                Kind.APPEARED,
                Significance.SUBSTANTIVE,
                gainer=new[0].owner,
                loser=_holder(before),
                new=words_of(new),
                old=_ground_words(before),
            )
        ]
    return [
        Finding(
            Kind.DISAPPEARED,
            Significance.SUBSTANTIVE,
            loser=old[0].owner,
            gainer=_holder(after),
            old=words_of(old),
            new=_ground_words(after),
        )
    ]


def _stood(one: Scene, other: Scene) -> bool:
    """Whether the other scene draws every own feature of this one too, nameless or outlined alike.

    A feature with another name is another feature, unless its outline is as good as the same: "Palestine"
    covers the West Bank and a little more, and is not it.
    """
    own = [p.whole for p in one.areas if p.drawn.own]
    return bool(own) and all(any(_is(a, p) for p in other.areas) for a in own)


def _is(own: BaseGeometry, piece: Piece) -> bool:
    nameless = (piece.drawn.owner or "?").startswith("?")
    return same_place(own, piece.whole, SAME_PLACE_IOU if nameless else SAME_OUTLINE_IOU)


def words_of(drawn: list[Drawn]) -> str:
    return ", ".join(dict.fromkeys(d.name or d.code or "(no name)" for d in drawn))


def _ground_words(scene: Scene) -> str | None:
    """What the ground is called where it has no feature of its own: the features that hold most of it."""
    held = sorted((d for d in scene.depiction.drawn if d.role is Role.AREA and d.share > 0.05), key=lambda d: -d.share)
    return words_of(held) if held else None


def _holder(scene: Scene) -> str | None:
    return scene.depiction.shares[0].owner if scene.depiction.shares else None


def _feature_names(before: Scene | Seen, after: Scene | Seen) -> list[Finding]:
    """The names of the disputed thing's own feature, by language: changed, added, removed.

    A name that comes or goes in one language, while another stays, is minor; where most of the file gets or loses
    that language it is the table that grew or shrank, and says nothing of the place.
    """
    old, new = dict(before.depiction.names), dict(after.depiction.names)
    if "" in old and "" in new and (UNTAGGED in old) != (UNTAGGED in new):
        sides = ((old[""], old.pop(UNTAGGED, None)), (new[""], new.pop(UNTAGGED, None)))
        old[""], new[""] = main_texts(*sides)
    found = []
    for lang in sorted(old.keys() | new.keys()):
        was, now = old.get(lang), new.get(lang)
        if was is not None and now is not None:
            if not same_text(was, now):
                found.append(Finding(Kind.RENAMED, told(was, now), subject=lang, old=was, new=now))
        elif old and new and _alone_in(lang, before, after):
            found.append(Finding(Kind.RENAMED, Significance.MINOR, subject=lang, old=was, new=now))
    plain = {(f.old, f.new) for f in found if not f.subject}
    # The untagged name is the main one, where that is not in some language of its own.
    return [f for f in found if f.subject != UNTAGGED or (f.old, f.new) not in plain]


def of_the_ground(before: Scene, after: Scene, *, redrawn: bool) -> list[Finding]:
    """The feature that most of the ground lies in stays, and what it is called comes or goes with whose it is.

    No ground passed (``ownership`` tells of none where one side is unknown); but a map that called it something no
    longer does, or does now. A file of which most names came or went says nothing of the place.
    """
    found = []
    for old in before.areas:
        for new in after.areas:
            unknown = "?" in ((old.drawn.owner or "?")[0], (new.drawn.owner or "?")[0])
            if old.drawn.owner == new.drawn.owner or not unknown or min(old.drawn.share, new.drawn.share) < MOSTLY:
                continue
            was, now = old.drawn.name, new.drawn.name
            if same_text(was or "", now or "") or not same_place(old.whole, new.whole, SAME_OUTLINE_IOU):
                continue
            if (was and now) or _alone_in("", before, after):
                weight = told(was, now) if was and now and not redrawn else Significance.MINOR
                found.append(Finding(Kind.RENAMED, weight, old=was or None, new=now or None))
    return found


def _alone_in(lang: str, before: Scene | Seen, after: Scene | Seen) -> bool:
    """Whether a language came or went here and not in most of the file; of facts nothing is known of the rest."""
    if not isinstance(before, Scene) or not isinstance(after, Scene):
        return False
    few, many = sorted(scene.lettering.languages.get(lang, 0) for scene in (before, after))
    return many < LEAST_LABELS or few >= PARTIAL * many


def _rows(before: Scene | Seen, after: Scene | Seen) -> list[Finding]:
    old = {r.key: r for r in before.depiction.rows}
    new = {r.key: r for r in after.depiction.rows}
    # A table of names (several languages) renames; a list of places relabels.
    languages = {r.lang for r in (*old.values(), *new.values())}  # plain facts have none, and are beside names
    kind = Kind.RENAMED if len(languages) > 1 else Kind.RELABELLED
    found: list[Finding] = []
    for key in sorted(old.keys() | new.keys()):
        was, now = old.get(key), new.get(key)
        present = was or now
        assert present is not None  # noqa: S101
        if (was is None or now is None) and (present.parent in old) != (present.parent in new):
            continue  # it came or went with the row it belongs to
        found += _row(key, was, now, before, after, kind if present.lang else Kind.RELABELLED)
    return found


def _row(
    key: str, old: Row | None, new: Row | None, before: Scene | Seen, after: Scene | Seen, kind: Kind
) -> list[Finding]:
    if old is None and new is not None:
        if kind is Kind.RENAMED or not before.complete:
            return []  # a language or a variant a table of names did not have yet says nothing of the place
        return [Finding(Kind.LISTED, Significance.SUBSTANTIVE, subject=key, new=new.name)]
    if new is None and old is not None:
        if kind is Kind.RENAMED or not after.complete:
            return []
        return [Finding(Kind.DELISTED, Significance.SUBSTANTIVE, subject=key, old=old.name)]
    assert old is not None  # noqa: S101
    assert new is not None  # noqa: S101
    found = []
    if not same_text(old.name, new.name):
        subject = new.lang if kind is Kind.RENAMED else key
        if new.note or new.kind:
            subject += f" ({new.kind or new.note})"
        weight = told(old.name, new.name) if new.lang else Significance.SUBSTANTIVE  # a fact has no spelling
        found.append(Finding(kind, weight, subject=subject, old=old.name, new=new.name))
    if (old.parent or "") != (new.parent or ""):
        found.append(Finding(Kind.REPARENTED, Significance.SUBSTANTIVE, subject=key, old=old.parent, new=new.parent))
    if (old.kind or "") != (new.kind or "") and same_text(old.name, new.name):
        found.append(Finding(Kind.RELABELLED, Significance.MINOR, subject=f"{key} kind", old=old.kind, new=new.kind))
    return found
