"""The log's file: opened, checked, brought to today's schema, and set aside when it is damaged."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.errors import StoreError
from monitor.store.schema import APPLICATION_ID, MIGRATIONS, VERSION

if TYPE_CHECKING:
    from pathlib import Path

OPENING_TIMEOUT_S = 2.0
WRITING_TIMEOUT_S = 0.05
"""The engine does not wait longer than this for somebody who has locked the log; it tries again."""
_FULL_CHECK_BYTES = 64 * 2**20
"""Up to this size the whole file is checked on opening (well under a second); beyond it, its newest rows."""
_MAGIC = b"SQLite format 3\0"
_SUFFIXES = (".sqlite3", ".sqlite", ".db")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_for_writing(path: Path, *, durable: bool) -> tuple[sqlite3.Connection, Path | None]:
    """The log at `path`, made if there is none, and where a damaged one was moved to (None: it was sound).

    Raises StoreError when it is no log of ours, is of a newer version, or cannot be opened.
    """
    try:
        if path.exists() and path.stat().st_size and not _has_magic(path):
            if path.suffix not in _SUFFIXES:
                raise _not_ours(path, "it is not a database")
            moved = set_aside(path)
            return _opened(path, durable=durable), moved
        try:
            return _opened(path, durable=durable), None
        except sqlite3.DatabaseError as fault:
            if not is_damage(fault):
                raise
            moved = set_aside(path)
            return _opened(path, durable=durable), moved
    except sqlite3.Error as fault:
        raise failed(path, fault) from fault
    except OSError as fault:
        raise StoreError(
            f"event log {path}", fault.strerror or str(fault), "Choose another file with --log."
        ) from fault


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The log at `path`, which an engine may be writing; StoreError when there is none or it cannot be read."""
    if not path.is_file():
        raise StoreError(f"event log {path}", "there is no such file", "Name the log of an engine that has run.")
    uri = path.absolute().as_uri()
    try:
        try:
            return _checked(path, f"{uri}?mode=ro")
        except sqlite3.OperationalError:
            # In a folder that we may not write, SQLite cannot make its shared-memory file; without a write-ahead
            # log beside it the file is complete as it is.
            if path.with_name(f"{path.name}-wal").exists():
                raise
            return _checked(path, f"{uri}?mode=ro&immutable=1")
    except sqlite3.Error as fault:
        raise failed(path, fault) from fault


def set_aside(path: Path) -> Path:
    """Rename a damaged log, its write-ahead log included, to a name that says so; nothing in it is lost by us."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(target.with_name(target.name + suffix))
    path.rename(target)
    return target


def is_damage(fault: sqlite3.Error) -> bool:
    """Whether the file is damaged, as opposed to locked, full or forbidden."""
    return _code(fault) in _DAMAGED


def failed(path: Path, fault: sqlite3.Error) -> StoreError:
    """What SQLite reports, in the user's words."""
    what = f"event log {path}"
    match _code(fault):
        case sqlite3.SQLITE_FULL:
            return StoreError(what, "the disk is full", "Free some space; writing goes on by itself.")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(what, "another program has locked it", "Close that program; writing goes on by itself.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return StoreError(what, f"it cannot be opened or written: {fault}", "Check its folder's permissions.")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StoreError(what, f"it is damaged: {fault}", "Start the engine again: it sets the file aside.")
        case _:
            return StoreError(what, str(fault), "Check the disk, or choose another file with --log.")


def _opened(path: Path, *, durable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=OPENING_TIMEOUT_S, isolation_level=None)
    try:
        _check_owner(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("PRAGMA foreign_keys = ON")
        _migrate(connection)
        _check_content(connection, path)
        connection.execute(f"PRAGMA busy_timeout = {round(WRITING_TIMEOUT_S * 1000)}")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(path: Path, uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, timeout=OPENING_TIMEOUT_S, isolation_level=None, uri=True)
    try:
        version = _check_owner(connection, path)
        if version < VERSION:
            raise StoreError(
                f"event log {path}",
                f"it has schema {version}, this program reads {VERSION}",
                "Start an engine of this version on it once; that brings it up to date.",
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version, 0 for a fresh file; StoreError when the database is not ours or is newer."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION_ID and (tables or application or version):
        raise _not_ours(path, "it is the database of another program")
    if version > VERSION:
        raise StoreError(
            f"event log {path}",
            f"a newer Auricle wrote it (schema {version}, this program knows {VERSION})",
            "Update this program, or choose another file with --log.",
        )
    return version


def _migrate(connection: sqlite3.Connection) -> None:
    """Each step is one transaction, version number included: a crash leaves the old schema or the new one."""
    begin = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for version, step in enumerate(MIGRATIONS[begin:], start=begin + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {version}; COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size <= _FULL_CHECK_BYTES:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            fault = sqlite3.DatabaseError(found)
            fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise fault
    connection.execute("SELECT * FROM events ORDER BY id DESC LIMIT 1000").fetchall()
    connection.execute("SELECT * FROM runs").fetchall()


def _has_magic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _code(fault: sqlite3.Error) -> int:
    return getattr(fault, "sqlite_errorcode", 0) & 0xFF  # without the extended part


def _not_ours(path: Path, why: str) -> StoreError:
    return StoreError(f"event log {path}", f"{why}, and is left alone", "Choose another file with --log.")
