"""What people read in the terminal: progress, the summary of a run, tables, JSON and CSV; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from borderwatch.health import HealthEvent, HealthKind, Streak
from borderwatch.models import (
    GROUND_KINDS,
    Capture,
    Change,
    Coverage,
    Dispute,
    Kind,
    Outcome,
    Significance,
    Standing,
    Verdict,
)
from borderwatch.owners import label
from borderwatch.terminal import console, day, json_text, new_table, plain, records, safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from borderwatch.changelog import Counts
    from borderwatch.pipeline import Report
    from borderwatch.settings import Settings
    from borderwatch.snapshots import Report as Proof
    from borderwatch.twofiles import Compared

SHOWN_IN_SUMMARY = 20


# --- the summary of a run ---------------------------------------------------------------------------


def summary(
    report: Report, total: Counts, settings: Settings, *, offline: bool = False, waiting: datetime | None = None
) -> None:
    """What a run did: asked, unchanged, changed, failed and why; the changes; where the maps are."""
    out = console()
    _asked(out, report.asked, offline=offline, waiting=waiting)
    for capture, why in report.unread:
        out.print(f"[bold]not readable[/bold]  {safe(capture.view)} {_edition(capture)}: {safe(why)}")
    if report.reread:
        out.print(
            "The reader is newer than the log: the whole archive was read again. That is not a change of any map."
        )
    for line in _health_lines(report.health):
        out.print(f"[bold]health[/bold]  {safe(line)}")
    _news(out, report.news)
    out.print(f"The log holds {total.substantive:,} substantive and {total.minor:,} minor changes: {settings.database}")
    if report.written:
        out.print(f"Maps: {settings.maps / 'index.html'}")


def _health_lines(events: Sequence[HealthEvent]) -> Iterator[str]:
    """One line for what happened to each source's views, however many they are."""
    groups: dict[tuple[str, HealthKind, str], list[HealthEvent]] = {}
    for event in events:
        groups.setdefault((event.view.source, event.kind, event.fault.kind if event.fault else ""), []).append(event)
    for (source, kind, fault), some in sorted(groups.items()):
        who = str(some[0].view) if len(some) == 1 else f"{source} ({len(some)} views)"
        since = day(min(event.since for event in some))
        if kind is HealthKind.FAILING:
            said = some[-1].fault.message if some[-1].fault else ""
            yield f"{who} failed {some[-1].failures} times in a row since {since}, {fault.replace('_', ' ')}: {said}"
        else:
            most = max(event.failures for event in some)
            yield f"{who} answers again, after {most} failures in a row since {since}"


def _asked(out: Console, asked: Sequence[Capture], *, offline: bool, waiting: datetime | None) -> None:
    if not asked:
        words = "Nobody was asked (--offline)." if offline else "Nothing is due."
        if waiting is not None and not offline:
            words += f" Next: {waiting:%Y-%m-%d %H:%M} UTC (run --all to ask now)."
        out.print(words)
        return
    failed = [c for c in asked if c.outcome is Outcome.FAILED]
    same = [c for c in asked if c.outcome is Outcome.NOT_MODIFIED]
    kept = len(asked) - len(failed) - len(same)
    out.print(
        f"[bold]Asked {len(asked)} views:[/bold] "
        f"{kept} answered, {len(same)} said nothing is new, {len(failed)} failed."
    )
    by_reason: dict[tuple[str, str], list[Capture]] = {}
    for capture in failed:
        if capture.fault is not None:
            by_reason.setdefault((capture.view.source, capture.fault.kind), []).append(capture)
    for (source, kind), captures in sorted(by_reason.items()):
        many = f" ({len(captures)} views)" if len(captures) > 1 else ""
        fault = captures[0].fault
        out.print(
            f"  [bold]{kind.replace('_', ' ')}[/bold]  {safe(source)}{many}: {safe(fault.message if fault else '')}"
        )


def _news(out: Console, news: Sequence[Change]) -> None:
    solid = [c for c in news if c.significance is Significance.SUBSTANTIVE]
    minor = len(news) - len(solid)
    if not news:
        out.print("[bold]No change.[/bold]")
        return
    out.print(
        f"[bold]{len(solid)} substantive changes new to the log[/bold]" + (f", {minor} minor" if minor else "") + ":"
    )
    told = _once(solid)
    out.print(_changes_table(told[:SHOWN_IN_SUMMARY]))
    if len(news) > len(told[:SHOWN_IN_SUMMARY]):
        out.print("  … and more, every scale and every minor one: borderwatch changes")


def _once(found: Iterable[Change]) -> list[Change]:
    """One change of a source told once: where it draws several scales, the finest speaks for all."""
    finest: dict[tuple[object, ...], Change] = {}
    for change in found:
        what = (change.kind, change.loser, change.gainer, change.subject, _label(change.before), _label(change.after))
        key = (change.dispute, change.view.source, change.view.worldview, *what)
        held = finest.get(key)
        if held is None or (change.limit_km or 0.0) < (held.limit_km or 0.0):
            finest[key] = change
    return list(finest.values())


def _label(capture: Capture) -> str:
    return capture.edition.label if capture.edition else capture.id


def _edition(capture: Capture) -> str:
    return capture.edition.label if capture.edition else day(capture.taken_at)


def _between(change: Change) -> str:
    return f"{_edition(change.before)} → {_edition(change.after)}"


def owner_words(identity: str | None) -> str:
    """An owner as a table shows it."""
    if not identity:
        return "nobody"
    if identity.startswith("?"):
        return f"“{identity[1:]}”" if identity != "?" else "an unnamed feature"
    return label(identity)


def _what(change: Change) -> str:
    own = change.kind in (Kind.APPEARED, Kind.DISAPPEARED) and not change.subject  # else a label
    if change.kind in GROUND_KINDS or own:
        text = f"{owner_words(change.loser)} → {owner_words(change.gainer)}"
        return text if change.kind is Kind.TRANSFER else f"{change.kind.value}: {text}"
    if change.kind is Kind.BOUNDARY_MOVED and change.offset_km is not None:
        return f"{change.old or change.new} moved by up to {change.offset_km:,.1f} km"
    subject = f"{change.subject}: " if change.subject else ""
    return f"{subject}{change.old or 'nothing'} → {change.new or 'nothing'}"


def _measure(change: Change) -> str:
    if change.area_km2 is not None:
        return f"{change.area_km2:,.0f} km²" if change.area_km2 >= 1 else f"{change.area_km2:.2g} km²"
    return f"{change.length_km:,.0f} km" if change.length_km is not None else ""


def _changes_table(found: Iterable[Change]) -> Table:
    table = new_table("shown", "source", "dispute", "kind", "what", ">how much", "editions")
    for c in found:
        words = _what(c) + (" (takes back an earlier change)" if c.reverts else "")
        table.add_row(
            day(c.after.shown_at),
            safe(c.view),
            safe(c.dispute or "elsewhere"),
            c.kind.value.replace("_", " "),
            safe(words),
            _measure(c),
            safe(_between(c)),
        )
    return table


# --- records as plain data ---------------------------------------------------------------------------


def change_record(c: Change) -> dict[str, Any]:
    """A change as JSON and CSV carry it: flat, units in the names, times ISO 8601 UTC."""
    return {
        "id": c.id,
        "dispute": c.dispute,
        "source": c.view.source,
        "worldview": c.view.worldview,
        "vantage": c.view.vantage,
        "layer": c.view.layer,
        "kind": c.kind.value,
        "significance": c.significance.value,
        "from": c.loser,
        "to": c.gainer,
        "subject": c.subject or None,
        "old": c.old,
        "new": c.new,
        "area_km2": _round(c.area_km2, 3),
        "length_km": _round(c.length_km, 3),
        "offset_km": _round(c.offset_km, 3),
        "share": _round(c.share, 4),
        "inradius_km": _round(c.inradius_km, 3),
        "noise_floor_km": _round(c.noise_floor_km, 3),
        "ratio": _round(c.ratio, 2),
        "limit_km": _round(c.limit_km, 3),
        "before": {"capture": c.before.id, "edition": _edition(c.before), "shown_at": c.before.shown_at.isoformat()},
        "after": {"capture": c.after.id, "edition": _edition(c.after), "shown_at": c.after.shown_at.isoformat()},
        "reverts": c.reverts,
        "adopts": c.adopts,
        "summary": c.summary,
    }


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def changes(found: Sequence[Change], form: str | None) -> None:
    """The answer of ``borderwatch changes``."""
    if form:
        records([change_record(c) for c in found], form)
        return
    out = console()
    if not found:
        out.print("No such change in the log. (borderwatch changes without filters shows all.)")
        return
    out.print(_changes_table(found))
    out.print(f"{len(found):,} changes")


# --- status ------------------------------------------------------------------------------------------


def standing_record(s: Standing) -> dict[str, Any]:
    """What a view shows, as JSON and CSV carry it."""
    d = s.depiction
    return {
        "dispute": d.dispute,
        "source": d.view.source,
        "worldview": d.view.worldview,
        "layer": d.view.layer,
        "coverage": d.coverage.value,
        "shares": [{"owner": x.owner, "share": round(x.share, 4), "area_km2": round(x.area_km2, 1)} for x in d.shares],
        "names": dict(d.names),
        "rows": [{"key": r.key, "name": r.name, "lang": r.lang} for r in d.rows],
        "limit_km": d.limit_km,
        "since": s.since.isoformat(),
        "attested": s.attested.isoformat(),
        "edition": _edition(s.capture),
        "capture": s.capture.id,
        "reason": d.reason,
    }


def depicted(standing: Standing) -> str:
    """What a view shows, in a few words; never blank."""
    d = standing.depiction
    if d.coverage is Coverage.NOT_COVERED:
        return f"not covered: {d.reason}"
    if d.coverage is Coverage.NOT_RESOLVABLE:
        return f"not resolvable: {d.reason}"
    if d.shares:
        return ", ".join(f"{owner_words(s.owner)} {_percent(s.share)}" for s in d.shares)
    if d.rows:
        names = list(dict.fromkeys(r.name for r in d.rows))
        langs = len({r.lang for r in d.rows})
        return f"listed: {', '.join(names[:4])}" + (f" … in {langs} languages" if langs > 1 else "")
    lines = [x for x in d.drawn if x.length_km > 0]
    if lines:
        return ", ".join(f"{x.word or x.style or 'line'} {x.length_km:,.0f} km" for x in lines[:4])
    return d.reason or "drawn as nobody's"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1%"


def status(
    slug: str,
    standings: Sequence[Standing],
    form: str | None,
    as_of: datetime | None,
    ill: Sequence[Streak] = (),
) -> None:
    """The answer of ``borderwatch status``; ``ill`` are the views that failed when they were last asked."""
    from borderwatch.disputes import catalogue

    if form:
        since = {streak.view: streak.since.isoformat() for streak in ill}
        records([{**standing_record(s), "failing_since": since.get(s.depiction.view)} for s in standings], form)
        return
    out = console()
    dispute = catalogue(geometry=False).get(slug)
    claimants = ", ".join(owner_words(c) for c in dispute.claimants)
    out.print(f"[bold]{safe(dispute.name)}[/bold] ({slug}); claimed by {safe(claimants)}")
    if not standings:
        out.print(f"No view had been captured by {day(as_of)}." if as_of else "No view has been captured yet.")
        return
    failing = {streak.view: streak for streak in ill}
    table = new_table("view", "shows", "since", "last seen", "edition")
    for s in sorted(standings, key=lambda s: (s.depiction.coverage is not Coverage.SHOWN, str(s.depiction.view))):
        table.add_row(
            safe(s.depiction.view), safe(depicted(s)), day(s.since), day(s.attested), safe(_edition(s.capture))
        )
    out.print(table)
    for s in standings:
        streak = failing.get(s.depiction.view)
        if streak is not None:
            kind = streak.last.fault.kind.replace("_", " ") if streak.last.fault else "failed"
            times = f"{streak.failures} times in a row" if streak.failures > 1 else "once"
            out.print(f"{safe(streak.view)} does not answer since {day(streak.since)} ({times}, {kind}).")


# --- sources, disputes, proofs ------------------------------------------------------------------------


def disputes(text: str | None, form: str | None) -> None:
    """The answer of ``borderwatch disputes``."""
    from borderwatch.disputes import catalogue

    everything = catalogue(geometry=False)
    wanted = (text or "").casefold()
    found = [
        d
        for d in everything
        if not wanted
        or wanted in d.slug
        or wanted in d.name.casefold()
        or any(wanted in n.casefold() for names in d.names.values() for n in names)
    ]
    if form:
        items = [
            {
                "slug": d.slug,
                "name": d.name,
                "type": d.type.value,
                "claimants": list(d.claimants),
                "status": d.status,
                "status_date": d.status_date,
                "box": list(d.box),
                "names": {lang: list(names) for lang, names in d.names.items()},
            }
            for d in found
        ]
        records(items, form)
        return
    out = console()
    if not found:
        out.print(f"No dispute has {safe(text)!r} in its names; borderwatch disputes lists all {len(everything)}.")
        return
    table = new_table("slug", "name", "type", "claimants")
    for d in found:
        table.add_row(d.slug, safe(d.name), d.type.value, safe(", ".join(owner_words(c) for c in d.claimants)))
    out.print(table)
    out.print(f"{len(found)} disputes")


def verified(proof: Proof) -> None:
    """The answer of ``borderwatch verify``."""
    out = console()
    out.print(
        f"Proved {proof.lines:,} ledger lines and {proof.bodies:,} bodies ({proof.bytes / 1e6:,.1f} MB unpacked)."
    )
    if proof.absent:
        out.print(f"{proof.absent:,} bodies need not be here (digest only, or not shipped).")
    for path in proof.torn:
        out.print(f"set aside  {safe(path)}: the tail of a line a crash cut short")
    for path in proof.orphans:
        out.print(f"orphan  {safe(path)}: a body no ledger line tells of (a crash between the two); harmless")
    for damage in proof.damages:
        out.print(f"[bold]damaged[/bold]  {safe(damage)}")
    out.print("Everything is what was written." if proof.clean else f"{len(proof.damages)} damages.")


def rebuilt(report: Report, total: Counts, settings: Settings, digest: str) -> None:
    """The answer of ``borderwatch rebuild``."""
    out = console()
    for capture, why in report.unread:
        out.print(f"[bold]not readable[/bold]  {safe(capture.view)} {_edition(capture)}: {safe(why)}")
    out.print(
        f"Made {settings.database} again: {total.substantive:,} substantive and {total.minor:,} minor changes; "
        f"content {digest[:16]}"
    )


def watched(report: Report) -> None:
    """One line per round of ``borderwatch watch``, and one per change."""
    failed = sum(1 for c in report.asked if c.fault)
    click.echo(f"asked {len(report.asked)}, failed {failed}, {len(report.news)} changes new to the log")
    for line in _health_lines(report.health):
        click.echo(f"  health: {plain(line)}")
    for change in report.news:
        if change.significance is Significance.SUBSTANTIVE:
            click.echo(f"  {plain(change.summary)}")


def diff(compared: Compared, form: str, drawn: tuple[Dispute, Path] | None) -> None:
    """The answer of ``borderwatch diff``, and of which dispute a map was drawn, and where."""
    from borderwatch import twofiles

    if form != "table":
        data = twofiles.record(compared) if form == "json" else twofiles.geojson(compared)
        json_text(data)
        return
    out = console()
    if compared.doubt:
        out.print(
            f"[bold]Suspect[/bold]: {safe(compared.after)} {safe(compared.doubt)}. Nothing is reported as a change."
        )
    verdicts: dict[Verdict, int] = {}
    for result in compared.results:
        verdicts[result.comparison.verdict] = verdicts.get(result.comparison.verdict, 0) + 1
    found = [c for r in compared.results for c in r.changes]
    if found:
        out.print(_diff_table(found))
    if compared.elsewhere:
        out.print("\n[bold]Elsewhere[/bold] (ground no catalogued dispute holds):")
        out.print(_diff_table(compared.elsewhere))
    said = ", ".join(f"{n} {v.value.replace('_', ' ')}" for v, n in sorted(verdicts.items()))
    limits = [r.comparison.limit_km for r in compared.results if r.comparison.verdict is Verdict.UNCHANGED]
    known = [limit for limit in limits if limit is not None]
    attested = f"; unchanged is attested down to an inscribed radius of {max(known):.1f} km" if known else ""
    out.print(f"{len(compared.results)} disputes: {said}{attested}.")
    if drawn is not None:
        about, page = drawn
        several = sum(bool(r.changes) for r in compared.results) > 1
        which = ", which changed most (--disputes NAME draws another)" if several else ""
        out.print(f"Map of {about.slug}{which}: {safe(str(page))}", soft_wrap=True)


def _diff_table(found: Iterable[Change]) -> Table:
    table = new_table("dispute", "kind", "what", ">how much", ">inradius", ">noise floor", "significance")
    for c in found:
        place = c.dispute
        if place is None and c.geometry is not None:
            point = c.geometry.representative_point()
            place = f"{point.y:.2f}, {point.x:.2f}"
        table.add_row(
            safe(place or ""),
            c.kind.value.replace("_", " "),
            safe(_what(c)),
            _measure(c),
            _km(c.inradius_km),
            _km(c.noise_floor_km),
            c.significance.value,
        )
    return table


def _km(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} km"
