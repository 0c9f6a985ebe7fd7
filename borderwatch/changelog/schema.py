"""The tables, indices, triggers and views of the change log, as SQL.

The schema is SQL on purpose: ``.schema`` in the ``sqlite3`` shell shows the same words as this file, comments
included, and ``docs/changelog.md`` is made from them.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass

VERSION = 3
"""Kept in ``PRAGMA user_version``; raise it with any change of the tables (there are no migrations: rebuild)."""

APPLICATION_ID = 0x62647774
"""``bdwt``, kept in ``PRAGMA application_id``: tells a change log from any other SQLite file."""

TABLES = """
-- What a file of the change log says of itself.
CREATE TABLE meta (
  key TEXT PRIMARY KEY,                -- software: the version that made the file; reader: what derived the content
  value TEXT NOT NULL
);

-- Every source that has been asked, and its terms.
CREATE TABLE sources (
  name TEXT PRIMARY KEY,               -- as in borderwatch/sources/
  title TEXT NOT NULL,                 -- for people
  licence TEXT NOT NULL,
  attribution TEXT NOT NULL,           -- to be shown with anything made from it
  terms_url TEXT NOT NULL,
  keep TEXT NOT NULL,                  -- what the terms let us keep: body or digest
  automation INTEGER NOT NULL,         -- 0: the terms forbid automated access
  ship INTEGER NOT NULL                -- 0: bodies may not be redistributed
);

-- Every view: a source, for one audience, from one vantage; the only thing compared with its own past.
CREATE TABLE views (
  view TEXT PRIMARY KEY,               -- source/worldview[@vantage][#layer]
  source TEXT NOT NULL REFERENCES sources(name),
  worldview TEXT NOT NULL,             -- the audience: ISO 3166-1 alpha-2, or default
  vantage TEXT NOT NULL,               -- the country asked from, where that matters, else any
  layer TEXT NOT NULL                  -- one of the source's scales or layers, or empty
);

-- From which state of its series a view's rows were derived.
CREATE TABLE view_state (
  view TEXT PRIMARY KEY REFERENCES views(view),
  fingerprint TEXT NOT NULL
);

-- Every attempt to ask a view, kept or failed: the ledger in snapshots/, to be queried.
CREATE TABLE captures (
  id TEXT PRIMARY KEY,                 -- the hash of its ledger line
  view TEXT NOT NULL REFERENCES views(view),
  source TEXT NOT NULL REFERENCES sources(name),
  worldview TEXT NOT NULL,
  vantage TEXT NOT NULL,
  layer TEXT NOT NULL,
  outcome TEXT NOT NULL,               -- kept, not_modified or failed
  live INTEGER NOT NULL,               -- 1: asked what is shown now; 0: asked for an older edition
  taken_at TEXT NOT NULL,              -- when it was asked
  published_at TEXT,                   -- when the source published this edition, where it says so
  shown_at TEXT NOT NULL,              -- published_at, else taken_at: the order of a view's past
  seen_at TEXT,                        -- the last moment it is evidence for: taken_at if live, else shown_at
  edition TEXT,                        -- release, tag or version
  edition_evidence TEXT,               -- where the edition's date comes from
  url TEXT NOT NULL,
  body TEXT,                           -- sha256 of the stored bytes
  bytes INTEGER NOT NULL,
  parts TEXT NOT NULL,                 -- JSON: name, sha256, size of each file
  headers TEXT NOT NULL,               -- JSON
  licence TEXT NOT NULL,
  attribution TEXT NOT NULL,
  keep TEXT NOT NULL,
  fault_kind TEXT,                     -- why it failed: unreachable, refused, rate_limited, not_served ...
  fault_message TEXT,
  fault_url TEXT,
  fault_status INTEGER,
  fault_retry_after REAL,              -- seconds
  software TEXT NOT NULL,
  note TEXT NOT NULL
);
CREATE INDEX captures_by_body ON captures(view, body, seen_at);
CREATE INDEX captures_by_taking ON captures(view, taken_at);
CREATE INDEX captures_by_source ON captures(source, outcome, taken_at);

-- The watched disputes: areas, lines, sea zones and names.
CREATE TABLE disputes (
  slug TEXT PRIMARY KEY,
  name TEXT NOT NULL,                  -- in English; other languages in names
  type TEXT NOT NULL,                  -- territory, border, maritime or naming
  claimants TEXT NOT NULL,             -- JSON: owner identities, in code order
  status TEXT NOT NULL,
  status_date TEXT,
  west REAL NOT NULL,                  -- the box, degrees, WGS 84
  south REAL NOT NULL,
  east REAL NOT NULL,
  north REAL NOT NULL,
  box_source TEXT NOT NULL,
  origin TEXT NOT NULL,                -- what the reference polygon or lines were built from
  qid TEXT,                            -- Wikidata
  osm_relation INTEGER,
  wikipedia_en TEXT,
  names TEXT NOT NULL,                 -- JSON: language to names
  codes TEXT NOT NULL                  -- JSON: scheme to code
);

-- What one capture shows of one dispute.
CREATE TABLE depictions (
  capture TEXT NOT NULL REFERENCES captures(id),
  dispute TEXT NOT NULL REFERENCES disputes(slug) ON DELETE CASCADE,
  view TEXT NOT NULL REFERENCES views(view),
  coverage TEXT NOT NULL,              -- shown, not_resolvable (too small for this map) or not_covered
  shows TEXT NOT NULL,                 -- in words: owners with their shares, or list rows, or line styles
  run TEXT NOT NULL REFERENCES captures(id), -- the capture since which the view shows it so
  since TEXT NOT NULL,                 -- when that capture was shown
  accepted INTEGER NOT NULL,           -- 0: set aside as suspect, with the reason in comparisons
  until TEXT,                          -- when its view showed the next one; NULL: it is the last
  stretch TEXT NOT NULL REFERENCES captures(id), -- the capture since which each step was compared and unchanged
  limit_km REAL,                       -- detection limit: the smallest inscribed radius this map could show
  reason TEXT NOT NULL,
  PRIMARY KEY (capture, dispute)
);
CREATE INDEX depictions_by_dispute ON depictions(dispute, view, run);
CREATE INDEX depictions_by_view ON depictions(view);
CREATE INDEX depictions_by_stretch ON depictions(dispute, stretch);
CREATE INDEX depictions_now ON depictions(dispute, view) WHERE until IS NULL AND accepted = 1;

-- The owners a depiction gives the dispute's ground to; shares may sum to more or less than 1.
CREATE TABLE shares (
  capture TEXT NOT NULL,
  dispute TEXT NOT NULL,
  owner TEXT NOT NULL,                 -- ISO 3166-1 alpha-2, XK, a catalogue slug, or ?word where nothing resolves
  n INTEGER NOT NULL,
  share REAL NOT NULL,                 -- of the dispute's area, 0 to 1
  area_km2 REAL NOT NULL,
  PRIMARY KEY (capture, dispute, owner),
  FOREIGN KEY (capture, dispute) REFERENCES depictions(capture, dispute) ON DELETE CASCADE
) WITHOUT ROWID;

-- The features a depiction comes from, in the source's own words.
CREATE TABLE drawn (
  capture TEXT NOT NULL,
  dispute TEXT NOT NULL,
  n INTEGER NOT NULL,
  owner TEXT,
  role TEXT NOT NULL,                  -- area, sea, boundary or label
  code TEXT,
  name TEXT,
  word TEXT,                           -- the source's class or style word
  style TEXT,                          -- solid, dashed or not_drawn
  share REAL NOT NULL,
  length_km REAL NOT NULL,
  own INTEGER NOT NULL,                -- 1: the disputed thing itself, not a larger one that holds it
  PRIMARY KEY (capture, dispute, n),
  FOREIGN KEY (capture, dispute) REFERENCES depictions(capture, dispute) ON DELETE CASCADE
) WITHOUT ROWID;

-- The list rows that concern the dispute, where the source is a list.
CREATE TABLE rows (
  capture TEXT NOT NULL,
  dispute TEXT NOT NULL,
  n INTEGER NOT NULL,
  key TEXT NOT NULL,                   -- the row's identity in its list
  name TEXT NOT NULL,
  code TEXT,
  kind TEXT,
  parent TEXT,
  note TEXT,
  lang TEXT NOT NULL,                  -- BCP 47
  PRIMARY KEY (capture, dispute, n),
  FOREIGN KEY (capture, dispute) REFERENCES depictions(capture, dispute) ON DELETE CASCADE
) WITHOUT ROWID;

-- The names a depiction uses.
CREATE TABLE names (
  capture TEXT NOT NULL,
  dispute TEXT NOT NULL,
  lang TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (capture, dispute, lang),
  FOREIGN KEY (capture, dispute) REFERENCES depictions(capture, dispute) ON DELETE CASCADE
) WITHOUT ROWID;

-- Two successive captures of a view compared on one dispute: a change, or the attestation that there is none.
CREATE TABLE comparisons (
  dispute TEXT NOT NULL REFERENCES disputes(slug) ON DELETE CASCADE,
  before TEXT NOT NULL REFERENCES captures(id),
  after TEXT NOT NULL REFERENCES captures(id),
  view TEXT NOT NULL REFERENCES views(view),
  verdict TEXT NOT NULL,               -- changed, unchanged, not_resolvable, not_covered or suspect
  noise_floor_km REAL,                 -- how far the two differ where nothing happened
  limit_km REAL,                       -- unchanged holds down to this inscribed radius
  reason TEXT NOT NULL,
  PRIMARY KEY (dispute, before, after)
);
CREATE INDEX comparisons_by_after ON comparisons(after, dispute);
CREATE INDEX comparisons_by_view ON comparisons(view);

-- One view depicts one dispute otherwise than it did before.
CREATE TABLE changes (
  number INTEGER PRIMARY KEY,          -- made from id; what the search and box indices point to
  id TEXT NOT NULL UNIQUE,             -- content hash
  view TEXT NOT NULL REFERENCES views(view),
  source TEXT NOT NULL REFERENCES sources(name),
  worldview TEXT NOT NULL,
  vantage TEXT NOT NULL,
  layer TEXT NOT NULL,
  dispute TEXT REFERENCES disputes(slug) ON DELETE CASCADE, -- NULL: on ground no watched dispute holds
  kind TEXT NOT NULL,                  -- transfer, overlap, appeared, renamed, delisted ...
  significance TEXT NOT NULL,          -- substantive, minor or noise
  loser TEXT,                          -- owner identity; NULL: nobody was shown
  gainer TEXT,                         -- owner identity; NULL: nobody is shown
  subject TEXT NOT NULL,               -- what old and new are about: a language, a row, a line
  old TEXT,
  new TEXT,
  area_km2 REAL,                       -- geodesic
  length_km REAL,                      -- geodesic
  inradius_km REAL,                    -- of the largest circle inside the changed ground
  noise_floor_km REAL,                 -- how far the two captures differ where nothing happened
  ratio REAL,                          -- inradius_km / noise_floor_km
  limit_km REAL,                       -- detection limit of the coarser capture
  share REAL,                          -- of the dispute's area, 0 to 1
  offset_km REAL,                      -- how far a line moved at most
  geometry BLOB,                       -- WKB, WGS 84
  west REAL,                           -- its box, degrees; west > east across the antimeridian (RFC 7946)
  south REAL,
  east REAL,
  north REAL,
  before TEXT NOT NULL REFERENCES captures(id),
  after TEXT NOT NULL REFERENCES captures(id),
  before_published TEXT,
  after_published TEXT,
  before_taken TEXT NOT NULL,
  after_taken TEXT NOT NULL,
  shown_at TEXT NOT NULL,              -- after_published, else after_taken: when the change was shown
  reverts TEXT REFERENCES changes(id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, -- the change it takes back
  adopts TEXT,                         -- the view of another audience that already showed what this one shows now
  summary TEXT NOT NULL,               -- one sentence
  grams TEXT                           -- for search: pieces of words in scripts written without spaces
);
CREATE INDEX changes_by_dispute_and_time ON changes(dispute, shown_at);
CREATE INDEX changes_by_view ON changes(view, shown_at);
CREATE INDEX changes_by_source ON changes(source, worldview);
CREATE INDEX changes_by_kind ON changes(kind, significance);
CREATE INDEX changes_by_time ON changes(shown_at);
CREATE INDEX changes_by_after ON changes(after);
CREATE INDEX changes_by_reverts ON changes(reverts);

-- What a capture draws around a dispute, simplified for drawing; never compared.
CREATE TABLE sketches (
  capture TEXT NOT NULL REFERENCES captures(id),
  dispute TEXT NOT NULL REFERENCES disputes(slug) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  owner TEXT,
  label TEXT NOT NULL,                 -- the source's own word
  role TEXT NOT NULL,
  style TEXT,
  geometry BLOB NOT NULL,              -- WKB, WGS 84
  PRIMARY KEY (capture, dispute, n)
);
CREATE INDEX sketches_by_dispute ON sketches(dispute);
"""

# unicode61 with marks (Mn, Mc) as letters: without them every vowel sign of Devanagari or Thai splits a word.
SEARCH = """
CREATE VIRTUAL TABLE changes_fts USING fts5(
  summary, old, new, subject, grams,
  content="changes", content_rowid="number",
  tokenize="unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
CREATE TRIGGER changes_fts_insert AFTER INSERT ON changes BEGIN
  INSERT INTO changes_fts(rowid, summary, old, new, subject, grams)
  VALUES (new.number, new.summary, new.old, new.new, new.subject, new.grams);
END;
CREATE TRIGGER changes_fts_delete AFTER DELETE ON changes BEGIN
  INSERT INTO changes_fts(changes_fts, rowid, summary, old, new, subject, grams)
  VALUES ('delete', old.number, old.summary, old.old, old.new, old.subject, old.grams);
END;
CREATE TRIGGER changes_fts_update AFTER UPDATE OF number, summary, old, new, subject, grams ON changes BEGIN
  INSERT INTO changes_fts(changes_fts, rowid, summary, old, new, subject, grams)
  VALUES ('delete', old.number, old.summary, old.old, old.new, old.subject, old.grams);
  INSERT INTO changes_fts(rowid, summary, old, new, subject, grams)
  VALUES (new.number, new.summary, new.old, new.new, new.subject, new.grams);
END;
"""

# ``number`` is even: a change across the antimeridian has two boxes, ``number`` and ``number + 1``.
BOXES = """
CREATE VIRTUAL TABLE change_boxes USING rtree(number, west, east, south, north);
CREATE TRIGGER change_boxes_insert AFTER INSERT ON changes WHEN new.west <= new.east BEGIN
  INSERT INTO change_boxes VALUES (new.number, new.west, new.east, new.south, new.north);
END;
CREATE TRIGGER change_boxes_insert_across AFTER INSERT ON changes WHEN new.west > new.east BEGIN
  INSERT INTO change_boxes VALUES (new.number, new.west, 180, new.south, new.north);
  INSERT INTO change_boxes VALUES (new.number + 1, -180, new.east, new.south, new.north);
END;
CREATE TRIGGER change_boxes_delete AFTER DELETE ON changes BEGIN
  DELETE FROM change_boxes WHERE number IN (old.number, old.number + 1);
END;
"""

VIEWS = """
-- Every accepted depiction with its time: shown from shown_at until the next one, and last seen so in between.
CREATE VIEW depictions_in_time AS
SELECT d.dispute, d.view, d.capture, c.edition, c.shown_at, d.until,
  max(c.shown_at, coalesce((SELECT max(s.seen_at) FROM captures s WHERE s.view = d.view AND s.body = c.body
                            AND s.seen_at < coalesce(d.until, '9999')), '')) AS seen_at,
  d.coverage, d.shows, d.since, d.run, d.stretch, d.limit_km, d.reason
FROM depictions d JOIN captures c ON c.id = d.capture
WHERE d.accepted = 1;

-- What each view shows of each dispute now, in words, since when, and the last time it was seen so.
CREATE VIEW current_depictions AS
SELECT d.dispute, n.name, d.view, v.source, v.worldview, d.coverage, d.shows, d.since,
  (SELECT max(r.seen_at) FROM depictions_in_time r
   WHERE r.dispute = d.dispute AND r.view = d.view AND r.run = d.run) AS attested,
  c.edition, c.shown_at, c.taken_at, d.limit_km, d.reason, d.capture
FROM depictions d JOIN captures c ON c.id = d.capture JOIN views v ON v.view = d.view
  JOIN disputes n ON n.slug = d.dispute
WHERE d.until IS NULL AND d.accepted = 1;

-- How asking each view has gone: attempts by outcome, the last success, and the fault that stands now.
CREATE VIEW views_asked AS
SELECT v.view, v.source, v.worldview, count(c.id) AS attempts,
  coalesce(sum(c.outcome = 'kept'), 0) AS kept, coalesce(sum(c.outcome = 'not_modified'), 0) AS not_modified,
  coalesce(sum(c.outcome = 'failed'), 0) AS failed, max(c.taken_at) AS last_asked,
  max(CASE WHEN c.outcome <> 'failed' THEN c.taken_at END) AS last_success,
  (SELECT l.fault_kind FROM captures l WHERE l.view = v.view ORDER BY l.taken_at DESC, l.id DESC LIMIT 1) AS fault_kind,
  (SELECT l.fault_message FROM captures l WHERE l.view = v.view ORDER BY l.taken_at DESC, l.id DESC LIMIT 1)
    AS fault_message
FROM views v LEFT JOIN captures c ON c.view = v.view
GROUP BY v.view;

-- Views that began to fail again and again (three times in a row), and those that answered after they had.
CREATE VIEW health_events AS
WITH asked AS (
  SELECT id, view, source, taken_at, outcome, fault_kind, fault_message,
    sum(outcome <> 'failed') OVER (PARTITION BY view ORDER BY taken_at, id) AS answers
  FROM captures WHERE live = 1
), failed AS (
  SELECT *, row_number() OVER (PARTITION BY view, answers ORDER BY taken_at, id) AS failures,
    min(taken_at) OVER (PARTITION BY view, answers) AS since
  FROM asked WHERE outcome = 'failed'
)
SELECT source, view, 'failing' AS event, taken_at AS at, since, failures, fault_kind, fault_message, id AS capture
FROM failed WHERE failures = 3
UNION ALL
SELECT a.source, a.view, 'recovered', a.taken_at, f.since, max(f.failures), f.fault_kind, f.fault_message, a.id
FROM asked a JOIN failed f ON f.view = a.view AND f.answers = a.answers - 1
WHERE a.outcome <> 'failed' GROUP BY a.id HAVING max(f.failures) >= 3;

-- Every dispute by every view: shown, not resolvable, not covered, not read, not asked, or why asking failed.
CREATE VIEW matrix AS
SELECT n.slug AS dispute, n.name, a.view, a.source, a.worldview,
  CASE WHEN d.coverage IS NOT NULL THEN replace(d.coverage, '_', ' ')
       WHEN a.kept > 0 THEN 'not read'
       WHEN a.attempts = 0 THEN 'not asked'
       WHEN a.fault_kind = 'not_served' THEN 'not served'
       ELSE 'asked and failed' END AS cell,
  d.shows, d.since, d.attested, d.edition, d.limit_km,
  CASE WHEN d.coverage IS NULL THEN coalesce(a.fault_message, '') ELSE d.reason END AS reason
FROM disputes n CROSS JOIN views_asked a
  LEFT JOIN current_depictions d ON d.dispute = n.slug AND d.view = a.view;

-- Each dispute's changes, counted; the ones on ground no watched dispute holds are under elsewhere.
CREATE VIEW changes_by_dispute AS
SELECT coalesce(c.dispute, 'elsewhere') AS dispute, coalesce(n.name, 'Elsewhere') AS name, count(*) AS changes,
  sum(c.significance = 'substantive') AS substantive, sum(c.significance = 'minor') AS minor,
  sum(c.kind = 'transfer') AS transfers, count(c.reverts) AS reverts, count(DISTINCT c.view) AS views,
  min(c.shown_at) AS first, max(c.shown_at) AS last,
  (SELECT l.summary FROM changes l WHERE l.dispute IS c.dispute AND l.significance <> 'noise'
   ORDER BY l.shown_at DESC, l.significance DESC, l.area_km2 DESC, l.id LIMIT 1) AS last_summary
FROM changes c LEFT JOIN disputes n ON n.slug = c.dispute
WHERE c.significance <> 'noise'
GROUP BY c.dispute;

-- The intervals over which a view is proven not to have changed on a dispute, down to a stated limit.
CREATE VIEW attestations AS
SELECT d.dispute, n.name, d.view, f.shown_at AS unchanged_from, max(d.seen_at) AS unchanged_to,
  f.edition AS from_edition,
  (SELECT t.edition FROM depictions_in_time t WHERE t.dispute = d.dispute AND t.stretch = d.stretch
   ORDER BY t.shown_at DESC, t.until IS NULL DESC, t.until DESC LIMIT 1) AS to_edition,
  count(x.after) AS comparisons, nullif(max(max(coalesce(d.limit_km, 0), coalesce(x.limit_km, 0))), 0) AS limit_km,
  max(x.noise_floor_km) AS noise_floor_km
FROM depictions_in_time d JOIN captures f ON f.id = d.stretch JOIN disputes n ON n.slug = d.dispute
  LEFT JOIN comparisons x ON x.after = d.capture AND x.dispute = d.dispute AND x.verdict = 'unchanged'
WHERE d.coverage = 'shown'
GROUP BY d.dispute, d.stretch
HAVING unchanged_to > unchanged_from;
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the documentation tells it; ``refers`` is the table whose key it holds."""

    name: str
    type: str
    refers: str
    about: str


@dataclass(frozen=True, slots=True)
class Described:
    """One table or view as the documentation tells it; what a view's columns hold is in its SELECT."""

    name: str
    about: str
    columns: tuple[Column, ...]


def described_tables() -> tuple[Described, ...]:
    """Every table of the schema with what its comments say, in order."""
    column = re.compile(r"^  ([a-z_]\w*) ([A-Z]+)\b(?:[^\n]*?REFERENCES (\w+))?[^\n]*?(?:-- ([^\n]*))?$", re.MULTILINE)
    table = re.compile(r"^-- ([^\n]+)\nCREATE TABLE (\w+) \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
    return tuple(
        Described(name, about, tuple(Column(*found) for found in column.findall(inside)))
        for about, name, inside in table.findall(TABLES)
    )


def described_views() -> tuple[Described, ...]:
    """Every SQL view with what its comment says, in order, and the columns SQLite gives it."""
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(TABLES + VIEWS)
        return tuple(
            Described(name, about, tuple(Column(row[1], row[2], "", "") for row in _columns(empty, name)))
            for about, name in re.findall(r"^-- (.+)\nCREATE VIEW (\w+)", VIEWS, re.MULTILINE)
        )


def _columns(connection: sqlite3.Connection, name: str) -> list[tuple[int, str, str]]:
    return connection.execute("SELECT cid, name, type FROM pragma_table_info(?)", (name,)).fetchall()


CONTENT = tuple(table.name for table in described_tables() if table.name not in {"meta", "view_state"})
"""The tables a rebuild must reproduce; the two left out say how the file was made."""
