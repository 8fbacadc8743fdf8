"""The event log: what the engine found, kept in one SQLite file. One engine writes, anybody may read meanwhile."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from monitor.core.text import writable
from monitor.errors import StoreError
from monitor.store.database import failed, open_for_reading, open_for_writing
from monitor.store.engine_lock import EngineLock
from monitor.store.rows import COLUMNS, EventPage, Row, StoredEvent, from_row, to_fields

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.core.events import Reading


@dataclass(frozen=True, slots=True)
class Run:
    """One life of an engine."""

    run_id: str
    version: str | None
    """Of Auricle."""
    began_utc_ns: int | None
    ended_utc_ns: int | None
    """None: it runs now, or was killed."""


class EventLogReader:
    """A log to read from, for reports. Raises StoreError when there is none or it cannot be read.

    It belongs to the thread that opened it.
    """

    def __init__(self, path: Path) -> None:
        self._prepare(path, open_for_reading(path))

    def _prepare(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self.log_id = str(self._one("SELECT value FROM about WHERE key = 'log_id'"))
        """Which log this is: row ids of another one mean something else."""

    @property
    def last_id(self) -> int:
        """Row id of the newest event, 0 when there never was one."""
        return cast("int", self._one("SELECT seq FROM sqlite_sequence WHERE name = 'events'") or 0)

    def since(self, row_id: int, limit: int) -> list[StoredEvent]:
        """At most `limit` events after `row_id`, oldest first."""
        return list(self.page(row_id, limit).events)

    def page(self, row_id: int, limit: int) -> EventPage:
        """At most `limit` events after `row_id`, and how far the log was read for them."""
        last_id = self.last_id
        select = f"SELECT {COLUMNS} FROM events WHERE id > ? ORDER BY id LIMIT ?"
        rows = cast("list[Row]", self._all(select, row_id, limit))
        through = rows[-1][0] if rows and len(rows) == limit else max(row_id, last_id, rows[-1][0] if rows else 0)
        events = tuple(event for row in rows if (event := from_row(row)) is not None)
        return EventPage(events, through, len(rows) - len(events))

    def of_topic(self, topic: str, since_utc_ns: int) -> list[StoredEvent]:
        """Events of one kind that began at or after a time, oldest first; those whose time is unknown are left out."""
        select = f"SELECT {COLUMNS} FROM events WHERE topic = ? AND utc_ns >= ? ORDER BY id"
        rows = cast("list[Row]", self._all(select, topic, since_utc_ns))
        return [event for row in rows if (event := from_row(row)) is not None]

    def runs(self) -> list[Run]:
        """The runs of engines that wrote here, oldest first."""
        select = "SELECT id, version, began_utc_ns, ended_utc_ns FROM runs ORDER BY began_utc_ns, id"
        return [Run(*cast("tuple[str, str | None, int | None, int | None]", row)) for row in self._all(select)]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, select: str) -> object:
        rows = self._all(select)
        return cast("tuple[object, ...]", rows[0])[0] if rows else None

    def _all(self, select: str, *values: object) -> list[object]:
        try:
            return self._connection.execute(select, values).fetchall()
        except sqlite3.Error as fault:
            raise failed(self.path, fault) from fault


class EventLog(EventLogReader):
    """The log that this engine writes; made, folder included, when there is none.

    `durable`: each event survives a power cut (one flush of the disk each); without it, it survives a crash of the
    program or a kill, which is enough for a recording that can be replayed. Raises StoreError when another engine
    writes this file, when it is none of ours or of a newer Auricle, or cannot be opened. A damaged file is set aside
    (`quarantined`) and a new one begun.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = EngineLock(path)
        except OSError as fault:
            why = fault.strerror or str(fault)
            raise StoreError(f"event log {path}", why, "Choose another file with --log.") from fault
        try:
            connection, self.quarantined = open_for_writing(path, durable=durable)
            """Where a damaged log was moved to, or None."""
            self._prepare(path, connection)
            self._last_id = super().last_id
            self._file = path.stat().st_ino
        except BaseException:
            self._lock.close()
            raise
        self._run_id = ""

    @property
    def last_id(self) -> int:
        """Row id of the newest event, 0 when there never was one."""
        return self._last_id

    def begin_run(self, run_id: str, version: str, utc_ns: int) -> None:
        """Note that an engine begins; `append` does it by itself for a run that nobody announced."""
        self._write(
            "INSERT INTO runs (id, version, began_utc_ns) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (id) DO UPDATE SET version = ?2, began_utc_ns = ?3",
            run_id,
            version,
            utc_ns,
        )

    def end_run(self, run_id: str, utc_ns: int) -> None:
        """Note that it ended by itself."""
        self._write("UPDATE runs SET ended_utc_ns = ? WHERE id = ?", utc_ns, run_id)

    def append(self, source: str, reading: Reading, utc_ns: int | None, run_id: str) -> int:
        """Keep an event; returns its row id when it is committed.

        Raises StoreError when it was not: disk full, locked by another program, file gone.
        """
        if run_id != self._run_id:
            self._write("INSERT OR IGNORE INTO runs (id) VALUES (?)", run_id)
            self._run_id = run_id
        self._last_id = self._write(
            "INSERT INTO events (run_id, source, topic, utc_ns, first, last, fields) VALUES (?, ?, ?, ?, ?, ?, ?)",
            run_id,
            writable(source),
            reading.topic,
            utc_ns,
            reading.span.start,
            reading.span.end,
            to_fields(reading),
        )
        return self._last_id

    def close(self) -> None:
        """Close the file and let another engine write it."""
        super().close()
        self._lock.close()

    def _write(self, statement: str, *values: str | int | None) -> int:
        """One statement, committed; returns the row id that an insertion gave."""
        try:
            if os.stat(self.path).st_ino != self._file:  # noqa: PTH116 - a tenth of the time of Path.stat, at each event
                raise self._gone("another file was put in its place")
            return self._connection.execute(statement, values).lastrowid or 0
        except sqlite3.Error as fault:
            raise failed(self.path, fault) from fault
        except OSError as fault:
            raise self._gone(fault.strerror or str(fault)) from fault

    def _gone(self, why: str) -> StoreError:
        return StoreError(f"event log {self.path}", f"it was removed while in use: {why}", "Start the engine again.")
