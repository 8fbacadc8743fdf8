"""Every released schema can be brought to today's, and a crash in between leaves one or the other."""

from __future__ import annotations

import sqlite3

import pytest

from monitor.core.events import StreamGap
from monitor.core.types import Span
from monitor.errors import StoreError
from monitor.store import database
from monitor.store.log import EventLog, EventLogReader
from monitor.store.schema import MIGRATIONS, VERSION

GAP = StreamGap(Span(0, 5), 5, False, "test")
NEXT_STEP = "CREATE INDEX events_by_time ON events (utc_ns);"


@pytest.fixture
def log_of_today(tmp_path):
    path = tmp_path / "events.sqlite3"
    with EventLog(path) as log:
        log.append("mic", GAP, None, "run")
    return path


def test_a_step_keeps_what_is_there(log_of_today, monkeypatch):
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, NEXT_STEP))
    monkeypatch.setattr(database, "VERSION", VERSION + 1)
    with pytest.raises(StoreError, match="has schema"):
        EventLogReader(log_of_today)
    with EventLog(log_of_today) as log:
        assert [event.reading for event in log.since(0, 5)] == [GAP]
        assert log.append("mic", GAP, None, "run") == 2
    with EventLogReader(log_of_today) as reader:
        assert reader.last_id == 2


def test_a_step_that_fails_leaves_the_old_schema(log_of_today, monkeypatch):
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, f"{NEXT_STEP} CREATE TABLE events (again);"))
    monkeypatch.setattr(database, "VERSION", VERSION + 1)
    with pytest.raises(StoreError, match="already exists"):
        EventLog(log_of_today)
    monkeypatch.undo()
    connection = sqlite3.connect(log_of_today)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events_by_time'").fetchone()[0] == 0
    connection.close()
    EventLog(log_of_today).close()
