"""The JSON behind every page. The fields are documented in docs/pages.md; numbers are as measured, not as displayed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from borderwatch.models import Capture, Change, Dispute, DisputePage, SourceCard, Standing
from borderwatch.render import words
from borderwatch.render.matrix import Matrix

Json = dict[str, Any]

MOST_PARTS = 12
"""Files told of one snapshot; a table of names in 260 languages has 260, and the ledger tells all."""

FORMAT = 1
"""Counts up when a field changes its meaning or goes; new fields may come without."""


def encoded(data: Json) -> bytes:
    """JSON as it is written: UTF-8, sorted as given, one newline at the end; controls never as themselves."""
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def when(moment: datetime | None) -> str | None:
    """ISO 8601, UTC, to the second."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def of_capture(capture: Capture) -> Json:
    """One snapshot as evidence."""
    edition = capture.edition
    return {
        "capture": capture.id,
        "edition": words.plain(edition.label) if edition else None,
        "published_at": when(edition.published_at) if edition else None,
        "date_evidence": words.plain(edition.evidence) if edition else None,
        "taken_at": when(capture.taken_at),
        "url": words.plain(capture.url),
        "body_sha256": capture.body,
        "parts": [
            {"name": words.plain(p.name), "sha256": p.sha256, "size": p.size} for p in capture.parts[:MOST_PARTS]
        ],
        "parts_in_all": len(capture.parts),
        "licence": words.plain(capture.licence),
        "attribution": words.plain(capture.attribution),
    }


def of_change(change: Change, sentence: str) -> Json:
    """One change, complete but for its geometry."""
    return {
        "format": FORMAT,
        "id": change.id,
        "page": f"changes/{change.id}.html",
        "sentence": words.plain(sentence),
        "dispute": change.dispute,
        "source": change.view.source,
        "worldview": change.view.worldview,
        "vantage": change.view.vantage,
        "layer": change.view.layer,
        "kind": change.kind.value,
        "significance": change.significance.value,
        "loser": _text(change.loser),
        "gainer": _text(change.gainer),
        "subject": words.plain(change.subject),
        "old": _text(change.old),
        "new": _text(change.new),
        "shown_at": when(change.after.shown_at),
        "area_km2": change.area_km2,
        "share": change.share,
        "length_km": change.length_km,
        "inradius_km": change.inradius_km,
        "noise_floor_km": change.noise_floor_km,
        "ratio": change.ratio,
        "limit_km": change.limit_km,
        "reverts": change.reverts,
        "before": of_capture(change.before),
        "after": of_capture(change.after),
    }


def geojson_of_change(change: Change, dispute: Dispute | None, sentence: str) -> Json:
    """What changed as GeoJSON (RFC 7946), never simplified; a name has no place, so its geometry is null."""
    import shapely

    geometry = change.geometry
    shape = None if geometry is None or geometry.is_empty else json.loads(shapely.to_geojson(geometry))
    properties = of_change(change, sentence)
    for side in ("before", "after"):  # flat, as tables of attributes want it
        properties |= {f"{side}_{key}": properties[side][key] for key in ("edition", "published_at", "body_sha256")}
        del properties[side]
    name = None if dispute is None else words.plain(dispute.name)
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": change.id, "geometry": shape, "properties": {**properties, "dispute_name": name}}
        ],
    }


def of_standing(standing: Standing) -> Json:
    """What one view shows of a dispute, and since when."""
    depiction = standing.depiction
    view = depiction.view
    return {
        "source": view.source,
        "worldview": view.worldview,
        "vantage": view.vantage,
        "layer": view.layer,
        "coverage": depiction.coverage.value,
        "shares": [{"owner": words.plain(s.owner), "share": s.share, "area_km2": s.area_km2} for s in depiction.shares],
        "names": {words.plain(lang): words.plain(name) for lang, name in sorted(depiction.names.items())},
        "limit_km": depiction.limit_km,
        "reason": words.plain(depiction.reason),
        "since": when(standing.since),
        "attested": when(standing.attested),
        "evidence": of_capture(standing.capture),
    }


def of_dispute(page: DisputePage) -> Json:
    """One dispute: what it is, what each view shows, and its changes by id."""
    dispute = page.dispute
    return {
        "format": FORMAT,
        "slug": dispute.slug,
        "page": f"disputes/{dispute.slug}.html",
        "name": words.plain(dispute.name),
        "names": {words.plain(lang): [*map(words.plain, names)] for lang, names in sorted(dispute.names.items())},
        "type": dispute.type.value,
        "claimants": [*map(words.plain, dispute.claimants)],
        "status": words.plain(dispute.status),
        "status_date": _text(dispute.status_date),
        "box": list(dispute.box),
        "origin": words.plain(dispute.origin),
        "views": [of_standing(s) for s in sorted(page.standings, key=lambda s: s.depiction.view)],
        "changes": [c.id for c in sorted(page.changes, key=lambda c: (c.after.shown_at, c.id), reverse=True)],
    }


def of_index(
    pages: Sequence[DisputePage], sources: Sequence[SourceCard], grid: Matrix, elsewhere: Sequence[Change]
) -> Json:
    """The index: disputes, sources, and the matrix as rows of cells in the order of its columns."""
    return {
        "format": FORMAT,
        "disputes": [
            {
                "slug": page.dispute.slug,
                "name": words.plain(page.dispute.name),
                "type": page.dispute.type.value,
                "claimants": [*map(words.plain, page.dispute.claimants)],
                "data": f"disputes/{page.dispute.slug}.json",
                "changes": len(page.changes),
                "views_differ": row.split,
            }
            for page, row in zip(pages, grid.rows, strict=True)
        ],
        "changes_elsewhere": [change.id for change in elsewhere],
        "columns": [
            {"source": column.source, "views": [words.plain(str(view)) for view in column.views]}
            for column in grid.columns
        ],
        "cells": {
            row.slug: [_cell(cell.state.value, cell.owners, cell.since) for cell in row.cells] for row in grid.rows
        },
        "sources": [_source(card) for card in sources],
    }


def _cell(state: str, owners: frozenset[str], since: datetime | None) -> Json:
    cell: Json = {"state": state}
    if since is not None:
        cell |= {"owners": sorted(map(words.plain, owners)), "since": when(since)}
    return cell


def _source(card: SourceCard) -> Mapping[str, Any]:
    fault = card.fault
    return {
        "name": words.plain(card.name),
        "title": words.plain(card.title),
        "licence": words.plain(card.terms.licence),
        "attribution": words.plain(card.terms.attribution),
        "last_success": when(card.last_success),
        "fault": None if fault is None else {"kind": words.plain(fault.kind), "message": words.plain(fault.message)},
        "asked_every_days": None if card.every is None else card.every.total_seconds() / 86_400,
        "newest_edition": None if card.edition is None else words.plain(card.edition.label),
    }


def _text(text: str | None) -> str | None:
    return None if text is None else words.plain(text)
