"""Pages on disk: written whole or not at all, and only where they say something new."""

from __future__ import annotations

import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from borderwatch.errors import StoreError

WRITTEN = "\ue000written\ue000"
"""Stands in a page for the time it was written; private-use characters, so that no text is mistaken for it."""

_STAMP = re.compile(r'<time id="written">([^<]+)</time>')


def write_page(folder: Path, slug: str, text: str, made_at: datetime) -> Path:
    """Write ``text`` to ``folder/slug.html`` through a file beside it, unless what is there says the same."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_\-]*", slug):
        raise StoreError(f"{slug!r} cannot be a page: a slug has only a-z, 0-9, _ and -")
    return write_text(folder / f"{slug}.html", text, made_at)


def write_text(path: Path, text: str, made_at: datetime) -> Path:
    """Write a page to ``path`` through a file beside it, unless what is there says the same."""
    if path.is_file():
        there = path.read_text(encoding="utf-8")
        stamp = _STAMP.search(there)
        if stamp is not None and text.replace(WRITTEN, stamp[1]) == there:
            return path
    page = text.replace(WRITTEN, f"{made_at.astimezone(UTC):%Y-%m-%d %H:%MZ}")
    return _put(path, page.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path`` through a file beside it, unless that is what is there."""
    if path.is_file() and path.read_bytes() == data:
        return path
    return _put(path, data)


def _put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
