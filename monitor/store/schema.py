"""The tables of the event log, as steps that lead to them. A step that was released is never edited; add another."""

from __future__ import annotations

APPLICATION_ID = 0x4155524C
"""What `file` and SQLite tell our databases by: AURL."""

MIGRATIONS: tuple[str, ...] = (
    f"""
    PRAGMA application_id = {APPLICATION_ID};
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO about VALUES ('log_id', lower(hex(randomblob(16))));
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        version TEXT,               -- of Auricle
        began_utc_ns INTEGER,
        ended_utc_ns INTEGER        -- NULL: runs now, or was killed
    ) WITHOUT ROWID;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice, not even after old rows were removed
        run_id TEXT NOT NULL REFERENCES runs (id),
        source TEXT NOT NULL,       -- the file or device
        topic TEXT NOT NULL,        -- the type of the reading
        utc_ns INTEGER,             -- when the span began; NULL: unknown
        first INTEGER NOT NULL,     -- the span, in engine samples
        last INTEGER NOT NULL,      -- one past its last sample
        fields TEXT NOT NULL        -- the whole reading, JSON
    );
    """,
)
"""Step n leads from schema version n to n + 1 (SQLite's user_version)."""

VERSION = len(MIGRATIONS)
