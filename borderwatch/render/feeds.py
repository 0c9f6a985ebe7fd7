"""Atom feeds (RFC 4287), the sitemap and robots.txt: how others follow what changed without opening a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree as ET

from borderwatch.models import Change, Dispute
from borderwatch.render import sentences, words
from borderwatch.render.language import spoken

ATOM = "http://www.w3.org/2005/Atom"
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"

NAMESPACE = uuid5(NAMESPACE_URL, "https://github.com/borderwatch/borderwatch")
"""Ids of feeds and entries are UUIDs from this and a change's own id: the same wherever the pages are published."""

MOST_ENTRIES = 100
"""Newest first; a reader that comes once a week misses none of the recorded history's editions."""


NEVER = datetime.fromtimestamp(0, UTC)
"""When a feed without entries was updated: the format wants a time, and a run that tells nothing is none."""


@dataclass(frozen=True, slots=True)
class Told:
    """One change as feeds tell it."""

    change: Change
    dispute: Dispute | None
    source_title: str


def feed(key: str, title: str, told: Iterable[Told], *, path: str, page: str, site: str) -> bytes:
    """One feed. ``key`` makes its id, ``path`` and ``page`` are where it and its page lie under ``site``.

    Without ``site`` its links are relative to where the feed lies, which readers of local files resolve.
    """
    newest = sorted(told, key=lambda t: (t.change.after.taken_at, t.change.after.shown_at, t.change.id), reverse=True)
    newest = newest[:MOST_ENTRIES]
    up = "../" * path.count("/")
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": spoken()})

    def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
        element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
        element.text = words.plain(text) or None
        return element

    add(root, "id", _urn(key))
    add(root, "title", title)
    add(root, "updated", _time(max((t.change.after.taken_at for t in newest), default=NEVER)))
    add(add(root, "author"), "name", "borderwatch")
    add(root, "generator", "borderwatch")
    add(root, "link", rel="alternate", type="text/html", href=(site or up) + page)
    if site:
        add(root, "link", rel="self", type="application/atom+xml", href=site + path)
    for one in newest:
        change = one.change
        entry = add(root, "entry")
        add(entry, "id", _urn(f"changes/{change.id}"))
        add(entry, "title", words.short(sentences.title(change, one.dispute), 200))
        add(entry, "updated", _time(change.after.taken_at))
        add(entry, "published", _time(change.after.shown_at))
        add(entry, "link", rel="alternate", type="text/html", href=f"{site or up}changes/{change.id}.html")
        add(entry, "category", term=change.kind.value)
        add(entry, "category", term=change.significance.value)
        add(entry, "summary", sentences.sentence(change, one.dispute, one.source_title))
    return _document(root)


def sitemap(paths: Sequence[tuple[str, datetime | None]], site: str) -> bytes:
    """Every page with the day of its last change. The format wants full addresses, so it needs ``site``."""
    ET.register_namespace("", SITEMAP)
    root = ET.Element(f"{{{SITEMAP}}}urlset")
    if not site:
        root.append(ET.Comment(" Addresses are relative: set site in borderwatch.toml to the address of these pages. "))
    for path, changed in paths:
        url = ET.SubElement(root, f"{{{SITEMAP}}}url")
        ET.SubElement(url, f"{{{SITEMAP}}}loc").text = f"{site}{path}"
        if changed is not None:
            ET.SubElement(url, f"{{{SITEMAP}}}lastmod").text = f"{changed.astimezone(UTC):%Y-%m-%d}"
    return _document(root)


def robots(site: str) -> bytes:
    """Everyone may read everything; where the sitemap is, once the pages have an address."""
    told = f"Sitemap: {site}sitemap.xml\n" if site else ""
    return f"User-agent: *\nAllow: /\n{told}".encode()


def _urn(key: str) -> str:
    return uuid5(NAMESPACE, key).urn


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _document(root: ET.Element) -> bytes:
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
