"""What people read of sources in the terminal: what each is and how it fares, what a probe found, what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderwatch.errors import Damaged
from borderwatch.health import Streak, streaks
from borderwatch.models import Capture, Keep, View
from borderwatch.terminal import console, day, json_text, new_table, records, safe

if TYPE_CHECKING:
    from borderwatch.first_contact import Probe
    from borderwatch.settings import Settings
    from borderwatch.snapshots import Snapshots
    from borderwatch.source import Source


def sources(
    known: Mapping[str, Source],
    snapshots: Snapshots,
    settings: Settings,
    now: datetime,
    form: str | None,
    *,
    stale: bool,
) -> None:
    """The answer of ``borderwatch sources``."""
    rows: list[dict[str, Any]] = []
    for name, source in sorted(known.items()):
        attempts, damage = _attempts(snapshots, name)
        answered = max((c.taken_at for c in attempts if c.fault is None), default=None)
        failing = streaks(attempts)
        on = settings.wants(name, automation=source.terms.automation) and not source.lacks_key
        every = settings.every.get(name, source.every)
        if stale and answered is not None and now - answered <= 2 * every:
            continue
        rows.append(
            {
                "source": name,
                "title": source.title,
                "watches": source.watches,
                "on": on,
                "views": len(source.views()),
                "worldviews": list(source.worldviews),
                "every": _span(every),
                "licence": source.terms.licence,
                "attribution": source.terms.attribution,
                "bodies": source.terms.keep.value,
                "shipped": source.terms.ship,
                "key_variable": source.key_variable,
                "last_success": answered.isoformat() if answered else None,
                "health": damage or _health(failing, len(source.views()), answered),
                "failing_since": min(s.since for s in failing).isoformat() if failing else None,
                "failures": max((s.failures for s in failing), default=0),
                "failing_views": [str(s.view) for s in failing],
            }
        )
    if form:
        records(rows, form)
        return
    out = console()
    table = new_table("source", "title", "audiences", ">every", "terms", "last success", "health")
    for row in rows:
        needs = f"off: set {row['key_variable']}" if known[row["source"]].lacks_key else "off"
        health = row["health"] if row["on"] else needs
        audiences = row["worldviews"]
        bodies = "digest only" if row["bodies"] == Keep.DIGEST else "kept" if row["shipped"] else "kept, not shipped"
        table.add_row(
            row["source"],
            safe(row["title"]),
            safe(", ".join(audiences) if len(audiences) <= 3 else f"{len(audiences)}"),
            row["every"],
            safe(f"{row['licence']}; {bodies}"),
            str(row["last_success"] or "-")[:10],
            safe(health)[:90],
        )
    out.print(table if rows else "No source is stale.")


def _attempts(snapshots: Snapshots, name: str) -> tuple[list[Capture], str]:
    """Every attempt to ask a source, and what is wrong with its ledger: one that is damaged hides no other."""
    try:
        return list(snapshots.captures(name)), ""
    except Damaged as damage:
        return [], f"ledger damaged: {damage}"


def _health(failing: Sequence[Streak], views: int, answered: datetime | None) -> str:
    """How asking a source goes: ok, not asked, or what fails, how often and since when."""
    if not failing:
        return "ok" if answered else "not asked"
    worst = max(failing, key=lambda streak: (streak.failures, streak.last.taken_at))
    fault = worst.last.fault
    said = f"{fault.kind}: {fault.message}" if fault else "failed"
    some = f"{len(failing)} of {views} views " if len(failing) < views else ""
    if worst.is_event:
        return f"{some}failing since {day(worst.since)}, {worst.failures} times in a row; {said}"
    return f"{some}{said}"


def probed(found: Probe, form: str | None) -> None:
    """The answer of ``borderwatch sources --probe``: what was asked, what came, and what the reader misses."""
    asked = [
        {
            "asked": seen.url,
            "status": seen.status,
            "content_type": seen.headers.get("content-type"),
            "last_modified": seen.headers.get("last-modified"),
            "bytes": seen.size,
            "robots": "obeyed" if seen.robots else "not asked: a documented data API",
            "problem": str(seen.problem) if seen.problem else None,
        }
        for seen in found.seen
    ]
    looked = [{"about": f.about, "expected": f.expected, "found": f.found, "fine": f.fine} for f in found.findings]
    if form == "json":
        problem = str(found.problem) if found.problem else None
        json_text(
            {"source": found.source.name, "fine": found.fine, "problem": problem, "asked": asked, "found": looked}
        )
        return
    if form == "csv":
        records(looked or asked, form)
        return
    out = console()
    source, terms = found.source, found.source.terms
    out.print(f"[bold]{safe(source.title)}[/bold] ({source.name}): {safe(terms.licence)}, {terms.url}")
    out.print(f"To look at on first contact: {safe(source.first_contact)}")
    for seen in found.seen:
        size = (
            "" if seen.size is None else f", {seen.size:,} bytes" + ("" if seen.whole else " (only its beginning read)")
        )
        kind = f", {safe(seen.headers.get('content-type', 'no content type'))}" if seen.status == 200 else ""
        changed = f", changed {safe(seen.headers['last-modified'])}" if "last-modified" in seen.headers else ""
        came = f"{seen.status}{kind}{size}{changed}" if seen.problem is None else f"{seen.problem.kind}"
        out.print(f"  asked {safe(seen.url)}: {came}")
    if found.findings:
        table = new_table("", "about", "expected", "found")
        for finding in found.findings:
            mark = "ok" if finding.fine else "[bold]look[/bold]"
            table.add_row(mark, safe(finding.about), safe(finding.expected), safe(finding.found))
        out.print(table)
    if found.problem is not None:
        kind = found.problem.kind.replace("_", " ")
        out.print(f"[bold]{kind}[/bold]: {safe(found.problem)}")
    elif found.fine:
        out.print(
            "It answers as its reader expects"
            + (f", as far as a probe looks: {safe(found.enough)}." if found.enough else ".")
        )


def recorded(place: Path, view: View) -> None:
    """The answer of ``borderwatch record``."""
    files = sorted(path for path in place.iterdir() if path.is_file())
    size = sum(path.stat().st_size for path in files)
    click.echo(f"{view}: {len(files)} files, {size:,} bytes, read without fault: {place}")


def _span(every: timedelta) -> str:
    return f"{every.days} d" if every >= timedelta(days=1) else f"{every.total_seconds() / 3600:g} h"
