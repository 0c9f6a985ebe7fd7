"""First contact with a source: probe what its service offers, or record one capture; no store, no log.

A recording is a folder: the files of one capture as they came, and ``recording.json``, which says whence, when and
under what terms. The contract test reads every recording it finds.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from borderwatch.attempt import snapshot_from_body
from borderwatch.errors import CaptureProblem, Enough, NotModified, UsageError
from borderwatch.fetch import Client, ProbingClient, Seen
from borderwatch.models import Body, Capture, Edition, Finding, Keep, Part, Snapshot, View
from borderwatch.source import Source

MANIFEST = "recording.json"
HIDDEN = b"REDACTED"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe asked and found; ``problem`` is why it went no further, ``enough`` that it needed not."""

    source: Source
    seen: tuple[Seen, ...]
    findings: tuple[Finding, ...]
    problem: CaptureProblem | None = None
    enough: str = ""

    @property
    def fine(self) -> bool:
        """Whether the service answered and nothing the reader expects was missing."""
        return self.problem is None and all(finding.fine for finding in self.findings)


def probe(source: Source, client: ProbingClient) -> Probe:
    """Ask for capabilities only; a problem of the service is what was found, not an error."""
    findings: tuple[Finding, ...] = ()
    problem: CaptureProblem | None = None
    enough = ""
    try:
        findings = source.probe(client.asking())
    except (Enough, NotModified) as end:
        enough = str(end)
    except CaptureProblem as caught:
        problem = caught
    return Probe(source, tuple(client.seen), findings, problem, enough)


# --- recordings ---------------------------------------------------------------------------------


def record(source: Source, view: View, client: Client, folder: Path, now: Callable[[], datetime]) -> Path:
    """Capture a view once into ``folder/<source>/<view>/``; the folder written.

    ``UsageError`` where the terms forbid keeping the body, ``CaptureProblem`` where nothing readable came.
    """
    if source.terms.keep is not Keep.BODY:
        raise UsageError(
            f"the terms of {source.name} do not let its answers be kept ({source.terms.licence}): nothing was recorded"
        )
    if view not in source.views():
        some = ", ".join(str(one) for one in source.views()[:8])
        raise UsageError(f"{source.name} has no view {view}; it has {some}{' …' if len(source.views()) > 8 else ''}")
    taken_at = now()
    body = source.capture(view, client.asking())
    secret = os.environ.get(source.key_variable or "", "").strip().encode()
    parts, hidden = _without_key(body.parts, secret)
    clean = Body(parts, body.url, body.edition, body.headers, body.note)
    snapshot = snapshot_from_body(view, clean, source.terms, live=True, taken_at=taken_at)
    source.read(snapshot)  # what cannot be read is no recording of anything
    place = folder / source.name / _plain_name(view)
    place.mkdir(parents=True, exist_ok=True)
    files = {f"{number:03d}{_ending(part.name)}": part for number, part in enumerate(snapshot.parts, start=1)}
    text = json.dumps(_manifest(snapshot.capture, files, hidden), ensure_ascii=False, indent=1)
    if secret and secret.decode("utf-8", "replace") in text:
        raise UsageError(f"the address of {view} holds the key of {source.key_variable}: nothing was recorded")
    for name, part in files.items():
        (place / name).write_bytes(part.data)
    (place / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return place


def snapshot_from_recording(place: Path, source: Source) -> Snapshot:
    """The snapshot a recording holds; ``UsageError`` names the file that is not what was recorded."""
    told = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
    parts = []
    for file in told["files"]:
        data = (place / file["file"]).read_bytes()
        if len(data) != file["bytes"]:
            raise UsageError(f"{place / file['file']}: {len(data)} bytes, not the {file['bytes']} recorded")
        parts.append(Part(file["part"], data))
    view = View(source.name, told["worldview"], told["vantage"], told["layer"])
    edition = told["edition"]
    moment = edition and edition["published_at"] and datetime.fromisoformat(edition["published_at"])
    body = Body(
        tuple(parts),
        told["url"],
        Edition(edition["label"], moment, edition["evidence"]) if edition else None,
        told["headers"],
    )
    taken_at = datetime.fromisoformat(told["taken_at"])
    return snapshot_from_body(view, body, source.terms, live=True, taken_at=taken_at)


def recordings(folder: Path) -> Sequence[Path]:
    """Every recording under a folder, in order."""
    return sorted(path.parent for path in folder.rglob(MANIFEST))


def _without_key(parts: Sequence[Part], secret: bytes) -> tuple[tuple[Part, ...], int]:
    """The parts without the user's key, and how often it stood in them: services repeat it in their own links."""
    if not secret:
        return tuple(parts), 0
    hidden = sum(part.data.count(secret) for part in parts)
    return tuple(Part(part.name, part.data.replace(secret, HIDDEN)) for part in parts), hidden


def _manifest(capture: Capture, files: dict[str, Part], hidden: int) -> dict[str, Any]:
    edition = capture.edition
    moment = edition.published_at.isoformat() if edition and edition.published_at else None
    return {
        "source": capture.view.source,
        "worldview": capture.view.worldview,
        "vantage": capture.view.vantage,
        "layer": capture.view.layer,
        "taken_at": capture.taken_at.astimezone(UTC).isoformat(),
        "url": capture.url,
        "edition": {"label": edition.label, "published_at": moment, "evidence": edition.evidence} if edition else None,
        "headers": dict(capture.headers),
        "licence": capture.licence,
        "attribution": capture.attribution,
        "may be redistributed": capture.ship,
        "keys hidden": hidden,
        "files": [{"file": name, "part": part.name, "bytes": len(part.data)} for name, part in files.items()],
    }


def _plain_name(view: View) -> str:
    """A view as a folder's name: a source's words never make a path."""
    words = [view.worldview, *([view.vantage] if view.vantage != "any" else []), *([view.layer] if view.layer else [])]
    return "-".join(re.sub(r"[^A-Za-z0-9_]+", "_", word) for word in words)


def _ending(name: str) -> str:
    found = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}\Z", name)
    return found[0] if found else ""
