"""Step 5: the changes, in SQLite; the only importer of ``sqlite_utils``.

Derived data: ``borderwatch rebuild`` makes it again from ``snapshots/`` with identical content, so no row depends
on the order of writing or on the clock of the machine that wrote it. Reading needs nothing but ``sqlite3``.
"""

from __future__ import annotations

from borderwatch.changelog.queries import ELSEWHERE, Counts, Order
from borderwatch.changelog.store import ChangeLog

__all__ = ["ELSEWHERE", "ChangeLog", "Counts", "Order"]
