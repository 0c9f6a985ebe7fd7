"""Whether a dispute's page must be drawn again: a hash over everything it is made from, kept inside the page."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from borderwatch.models import DisputePage
from borderwatch.render.language import spoken

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MADE_WITH = ("folium", "branca", "jinja2", "babel", "shapely", "xstatic-leaflet")

_KEPT = re.compile(rb'data-inputs="([0-9a-f]{64})"')


def inputs_of(page: DisputePage) -> str:
    """The same for the same records, language and program; may differ where nothing does, never the other way."""
    dispute = page.dispute
    shapes = [dispute.reference, *(line for _, line in sorted(dispute.lines.items()))]
    cited = {d.capture for d in page.depictions}
    digest = hashlib.sha256(_program().encode())
    digest.update(repr((spoken(), dispute, sorted(dispute.lines), sorted(page.sources.items()), page.events)).encode())
    digest.update(b"".join(shape.wkb for shape in shapes if shape is not None))
    records = (
        page.changes,
        page.standings,
        sorted(page.sketches.items()),
        page.depictions,
        page.comparisons,
        [page.captures[id_] for id_ in sorted(cited & page.captures.keys())],
    )
    digest.update(pickle.dumps(records, protocol=5))
    return digest.hexdigest()


def inputs_held(path: Path) -> str | None:
    """What the page at ``path`` was made from; None where there is none, or it does not say."""
    found = _KEPT.search(path.read_bytes()) if path.is_file() else None
    return found[1].decode() if found is not None else None


@cache
def _program() -> str:
    """A hash of the code and the data that draw pages."""
    digest = hashlib.sha256(" ".join(version(name) for name in MADE_WITH).encode())
    for name, data in sorted(_files(files("borderwatch"), "")):
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()


def _files(folder: Traversable, path: str) -> Iterable[tuple[str, bytes]]:
    """What pages are made with: this room, the floors under it that it uses, and the package's data."""
    for entry in folder.iterdir():
        name = f"{path}/{entry.name}"
        if entry.is_dir():
            if entry.name in {"render", "assets", "templates", "locale", "data", "disputes"}:
                yield from _files(entry, name)
        elif name.startswith(("/render/", "/data/")) or name in {"/geometry.py", "/owners.py", "/disputes.py"}:
            yield name, entry.read_bytes()
