"""An attempt -> what the ledger holds of it: a snapshot before it is kept, a problem as a fault. Pure, no I/O."""

from __future__ import annotations

import hashlib
from datetime import datetime

from borderwatch import __version__
from borderwatch.bodies import digests_from_parts, stored_from_parts
from borderwatch.errors import CaptureProblem
from borderwatch.ledger import bounded
from borderwatch.models import Body, Capture, Fault, Outcome, Snapshot, Terms, View

SOFTWARE = f"borderwatch {__version__}"
"""What wrote a line."""


def snapshot_from_body(view: View, body: Body, terms: Terms, *, live: bool, taken_at: datetime) -> Snapshot:
    """The snapshot a body would be, before it is kept: ``read`` sees what it will see ever after.

    Its capture has no ``id`` yet. Malformed where the parts cannot be kept.
    """
    stored = stored_from_parts(body.parts)
    capture = Capture(
        id="",
        view=view,
        taken_at=taken_at,
        outcome=Outcome.KEPT,
        live=live,
        url=body.url,
        edition=body.edition,
        body=hashlib.sha256(stored).hexdigest(),
        parts=digests_from_parts(body.parts),
        headers=body.headers,
        licence=terms.licence,
        attribution=terms.attribution,
        keep=terms.keep,
        ship=terms.ship,
        software=SOFTWARE,
        note=body.note,
    )
    return Snapshot(bounded(capture), tuple(sorted(body.parts, key=lambda part: part.name)))


def fault_from_problem(problem: CaptureProblem) -> Fault:
    """What the ledger holds of a problem."""
    return Fault(problem.kind, str(problem), problem.url, problem.status, problem.retry_after)
