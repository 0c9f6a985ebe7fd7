"""All that lies in ``maps/`` besides the pages of disputes: changes, feeds, data, sitemap; only what is new is made."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from borderwatch.errors import StoreError
from borderwatch.models import Change, Dispute, DisputePage, SourceCard, ViewCard
from borderwatch.render import data, feeds, news, sentences, words
from borderwatch.render.card import card
from borderwatch.render.change import MOST_BESIDE, Exhibit, change_page
from borderwatch.render.changemap import scene_of_change
from borderwatch.render.language import gettext as _
from borderwatch.render.language import speaking, spoken
from borderwatch.render.matrix import matrix
from borderwatch.render.pages import source_slug
from borderwatch.render.store import write_bytes, write_text

STATE = ".rendered.json"
"""In the folder of changes: what each page was made from, so that an unchanged one is not made again."""

CODE = "-"
"""Where the state keeps which code drew the pages; no change has this id."""

ENDINGS = (".html", ".json", ".png", ".geojson")
"""The files of one change; the last only where it has a place."""


@dataclass(frozen=True, slots=True)
class Job:
    """The changes of one dispute (None: elsewhere) with all their pages need; may be sent to another process."""

    page: DisputePage | None
    changes: tuple[Change, ...]
    sources: Mapping[str, SourceCard]
    beside: Mapping[str, tuple[tuple[Change, Dispute | None], ...]]
    undone_by: Mapping[str, str]
    made_from: Mapping[str, str]
    language: str
    site: str
    out: Path
    made_at: datetime


def jobs_of(
    pages: Sequence[DisputePage],
    elsewhere: Sequence[Change],
    sources: Mapping[str, SourceCard],
    out: Path,
    *,
    made_at: datetime,
    site: str,
) -> list[Job]:
    """The work of drawing every change, parted by dispute."""
    told: list[tuple[Change, Dispute | None]] = [(c, page.dispute) for page in pages for c in page.changes]
    told += [(change, None) for change in elsewhere]
    groups: dict[object, list[tuple[Change, Dispute | None]]] = defaultdict(list)
    for change, dispute in sorted(told, key=lambda t: news.weight(t[0])):
        light = None if dispute is None else replace(_sendable(dispute), reference=None)
        groups[_edition(change)].append((replace(change, geometry=None), light))
    undone_by = {change.reverts: change.id for change, _dispute in told if change.reverts}
    state = made_from(out)

    def job(page: DisputePage | None, changes: Iterable[Change]) -> Job:
        some = tuple(changes)
        beside = {
            c.id: tuple(other for other in groups[_edition(c)] if other[0].id != c.id)[: MOST_BESIDE + 1] for c in some
        }
        return Job(
            None if page is None else DisputePage(_sendable(page.dispute), (), (), dict(page.sketches), {}),
            some,
            {name: sources[name] for name in {c.view.source for c in some} if name in sources},
            beside,
            {c.id: undone_by[c.id] for c in some if c.id in undone_by},
            {key: state[key] for key in (CODE, *(c.id for c in some)) if key in state},
            spoken(),
            site,
            out,
            made_at,
        )

    jobs = [job(page, page.changes) for page in pages if page.changes]
    return [*jobs, job(None, elsewhere)] if elsewhere else jobs


def _sendable(dispute: Dispute) -> Dispute:
    """The dispute with what changes' pages need of it: the catalogue's read-only mappings cannot be pickled."""
    names = {lang: tuple(some) for lang, some in dispute.names.items()}
    return replace(dispute, names=names, codes={}, lines={}, search_terms={}, name_origins={})


def _edition(change: Change) -> object:
    return (change.view.source, change.after.shown_at.date())


def write_changes(job: Job) -> dict[str, str]:
    """Write the pages, pictures and data of a job's changes; by id, what each is made from now."""
    with speaking(job.language):
        return {change.id: _write_change(job, change) for change in job.changes}


def _write_change(job: Job, change: Change) -> str:
    stem = job.out / "changes" / change.id
    if not change.id.isalnum():
        raise StoreError(f"{change.id!r} cannot be a page: a change's id has only letters and digits")
    sketches = {} if job.page is None else job.page.sketches
    before, after = (sketches.get(capture.id, ()) for capture in (change.before, change.after))
    dispute = None if job.page is None else job.page.dispute
    source = job.sources.get(change.view.source)
    beside, undone_by = job.beside[change.id], job.undone_by.get(change.id)
    about = None if dispute is None else (words.dispute_name(dispute), dispute.slug, dispute.claimants, dispute.boxed)
    digest = hashlib.sha256(f"{code_fingerprint()} {job.language} {job.site} {undone_by} {about}".encode())
    digest.update(repr(replace(change, geometry=None)).encode("utf-8", "replace"))
    digest.update(repr((source and (source.title, source.terms.url), [c.id for c, _d in beside])).encode())
    shapes = [change.geometry, None if dispute is None else dispute.reference]
    for sketch in (*before, *after):
        digest.update(repr((sketch.owner, sketch.label, sketch.role, sketch.style)).encode("utf-8", "replace"))
        shapes.append(sketch.geometry)
    for shape in shapes:
        digest.update(b"-" if shape is None else shape.wkb)
    made = digest.hexdigest()
    placed = change.geometry is not None and not change.geometry.is_empty
    endings = ENDINGS if placed else ENDINGS[:-1]
    if job.made_from.get(change.id) == made and all(stem.with_suffix(end).is_file() for end in endings):
        return made
    scene = scene_of_change(change, dispute, before, after)
    exhibit = Exhibit(change, dispute, source, scene, beside, undone_by)
    sentence = sentences.sentence(change, dispute, exhibit.source_title)
    write_bytes(stem.with_suffix(".png"), card(change, dispute, exhibit.source_title, scene))
    write_bytes(stem.with_suffix(".json"), data.encoded(data.of_change(change, sentence)))
    if placed:
        write_bytes(stem.with_suffix(".geojson"), data.encoded(data.geojson_of_change(change, dispute, sentence)))
    write_text(stem.with_suffix(".html"), change_page(exhibit, job.site), job.made_at)
    return made


def to_make(jobs: Sequence[Job]) -> int:
    """How many pages are surely to be made: those of changes never drawn here, or drawn by other code."""
    held = [job.made_from for job in jobs]
    if any(state.get(CODE) != code_fingerprint() for state in held):
        return sum(len(job.changes) for job in jobs)
    return sum(change.id not in job.made_from for job in jobs for change in job.changes)


def made_from(out: Path) -> dict[str, str]:
    """By change, what its page in ``out`` was made from; nothing where that is not known."""
    try:
        held = json.loads((out / "changes" / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}


def keep_state(out: Path, made: Mapping[str, str], *, whole: bool) -> None:
    """Remember what pages were made from; ``whole`` says that these are all, and removes the pages of others."""
    held = made_from(out)
    if whole:
        for gone in held.keys() - made.keys():
            if gone.isalnum():
                for end in ENDINGS:
                    (out / "changes" / gone).with_suffix(end).unlink(missing_ok=True)
        held = {}
    write_bytes(out / "changes" / STATE, data.encoded({**held, **made, CODE: code_fingerprint()}))


def write_data_and_feeds(
    pages: Sequence[DisputePage],
    elsewhere: Sequence[Change],
    sources: Sequence[SourceCard],
    views: Sequence[ViewCard],
    out: Path,
    *,
    site: str,
) -> None:
    """Write every feed, the JSON of the index and of each dispute, the sitemap and robots.txt."""
    titles = {card.name: card.title for card in sources}
    told = [
        feeds.Told(change, dispute, titles.get(change.view.source, change.view.source))
        for changes, dispute in [*((page.changes, page.dispute) for page in pages), (elsewhere, None)]
        for change in changes
    ]

    def write_feed(key: str, title: str, some: list[feeds.Told], path: str, page: str) -> None:
        made = feeds.feed(key, title, some, path=path, page=page, site=site)
        write_bytes(out / path, made)

    write_feed("changes", _("borderwatch: what maps changed"), told, "changes.atom", "index.html")
    for page in pages:
        slug, name = page.dispute.slug, words.short(words.dispute_name(page.dispute), 120)
        some = [one for one in told if one.dispute is page.dispute]
        title = _("%(name)s: what maps changed · borderwatch") % {"name": name}
        write_feed(f"disputes/{slug}", title, some, f"disputes/{slug}.atom", f"disputes/{slug}.html")
        write_bytes(out / "disputes" / f"{slug}.json", data.encoded(data.of_dispute(page)))
    for source in sources:
        if source_slug(source.name):
            some = [one for one in told if one.change.view.source == source.name]
            title = _("%(name)s: what changed · borderwatch") % {"name": words.short(source.title, 120)}
            write_feed(f"feeds/{source.name}", title, some, f"feeds/{source.name}.atom", "index.html")
    ordered = sorted(pages, key=lambda page: page.dispute.slug)
    write_bytes(
        out / "index.json",
        data.encoded(data.of_index(ordered, sources, matrix(ordered, views, sources), elsewhere)),
    )
    newest = max((one.change.after.shown_at for one in told), default=None)
    paths: list[tuple[str, datetime | None]] = [("index.html", newest)]
    for page in ordered:
        shown = max((change.after.shown_at for change in page.changes), default=None)
        paths.append((f"disputes/{page.dispute.slug}.html", shown))
    changes = sorted((one.change for one in told), key=lambda change: change.id)
    paths += [(f"changes/{change.id}.html", change.after.shown_at) for change in changes]
    write_bytes(out / "sitemap.xml", feeds.sitemap(paths, site))
    write_bytes(out / "robots.txt", feeds.robots(site))


@cache
def code_fingerprint() -> str:
    """A hash of this package's own files: pages made by other code are made again."""
    digest = hashlib.sha256()
    folder = files("borderwatch.render")
    for inner in (folder, folder / "assets", folder / "templates", folder / "locale"):
        for item in sorted(inner.iterdir(), key=lambda item: item.name):
            if item.is_file():
                digest.update(item.name.encode() + item.read_bytes())
    return digest.hexdigest()[:16]
