"""The event log: what is appended is kept, and whatever is wrong with the file is said."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.events import ActivityChange, SourceCondition, SourceState, StreamGap
from monitor.core.types import Span
from monitor.errors import StoreError
from monitor.store.database import failed
from monitor.store.log import EventLog, EventLogReader
from monitor.store.schema import VERSION
from tests.helpers.readings import readings

GAP = StreamGap(Span(10, 20), 10, True, "the device lost it")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "station" / "events.sqlite3"


def test_a_new_log_is_empty_and_its_folder_is_made(path):
    with EventLog(path) as log:
        assert (log.last_id, log.since(0, 10), log.runs(), log.quarantined) == (0, [], [], None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(st.tuples(readings(logged=True), st.text(), st.none() | st.integers(-(2**62), 2**62)), max_size=8))
def test_every_logged_reading_comes_back_the_same(tmp_path_factory, rows):
    with EventLog(tmp_path_factory.mktemp("log") / "events.sqlite3", durable=False) as log:
        ids = [log.append(source, reading, utc_ns, "run") for reading, source, utc_ns in rows]
        assert ids == list(range(1, len(rows) + 1))
        stored = log.since(0, 100)
        assert [(event.reading, event.source, event.utc_ns) for event in stored] == rows
        assert [event.row_id for event in stored] == ids


def test_pages_say_how_far_they_reach(path):
    with EventLog(path) as log:
        for _ in range(7):
            log.append("mic", GAP, None, "run")
        first, second, third = log.page(0, 5), log.page(5, 5), log.page(7, 5)
    assert [len(page.events) for page in (first, second, third)] == [5, 2, 0]
    assert [page.through for page in (first, second, third)] == [5, 7, 7]


def test_ids_go_on_in_the_next_run_and_the_log_stays_the_same(path):
    with EventLog(path) as log:
        log.begin_run("one", "0.1.0", 5)
        assert log.append("mic", GAP, None, "one") == 1
        log.end_run("one", 9)
        log_id = log.log_id
    with EventLog(path) as log:
        assert log.append("mic", GAP, None, "two") == 2
        assert log.log_id == log_id
        assert [(run.run_id, run.version, run.began_utc_ns, run.ended_utc_ns) for run in log.runs()] == [
            ("two", None, None, None),
            ("one", "0.1.0", 5, 9),
        ]
        assert [event.run_id for event in log.since(0, 9)] == ["one", "two"]


def test_ids_are_not_given_again_after_rows_were_removed(path):
    with EventLog(path) as log:
        for _ in range(3):
            log.append("mic", GAP, None, "run")
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM events")
    connection.commit()
    connection.close()
    with EventLog(path) as log:
        assert log.last_id == 3
        assert log.append("mic", GAP, None, "run") == 4


def test_a_reader_reads_while_the_engine_writes(path):
    with EventLog(path) as log:
        log.append("mic", GAP, None, "run")
        with EventLogReader(path) as reader:
            assert [event.reading for event in reader.since(0, 10)] == [GAP]
            log.append("mic", GAP, None, "run")
            assert reader.last_id == 2
            assert not hasattr(reader, "append")
    with EventLogReader(path) as reader:
        assert reader.last_id == 2


def test_a_reader_of_nothing_says_so(path):
    with pytest.raises(StoreError, match="no such file"):
        EventLogReader(path)


def test_names_that_are_not_unicode_are_kept_spelt_out(path):
    with EventLog(path) as log:
        log.append("caf\udce9.wav", SourceState(Span(0, 0), SourceCondition.FAILED, "\udce9?"), None, "run")
        (event,) = log.since(0, 1)
    assert (event.source, event.reading.detail) == ("caf\\udce9.wav", "\\udce9?")


def test_a_second_engine_is_told_who_is_first(path):
    with EventLog(path), pytest.raises(StoreError, match=rf"another engine is writing it \(process {os.getpid()}\)"):
        EventLog(path)
    EventLog(path).close()


def test_the_lock_goes_with_a_killed_engine(path):
    script = (
        "import os, signal, sys; from pathlib import Path; from monitor.store.log import EventLog\n"
        "log = EventLog(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -signal.SIGKILL
    EventLog(path).close()


def test_a_newer_schema_is_refused(path):
    EventLog(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    for opened in (EventLog, EventLogReader):
        with pytest.raises(StoreError, match="a newer Auricle wrote it"):
            opened(path)


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "places.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        EventLog(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(StoreError, match="not a database"):
        EventLog(path)
    assert path.read_bytes() == b"RIFF" + bytes(100)


def test_an_empty_file_becomes_a_log(tmp_path):
    path = tmp_path / "events.sqlite3"
    path.touch()
    with EventLog(path) as log:
        assert (log.append("mic", GAP, None, "run"), log.quarantined) == (1, None)


def filled(path) -> bytes:
    with EventLog(path, durable=False) as log:
        for number in range(2000):
            log.append("mic", ActivityChange(Span(number, number + 1), True, 0.5, Span(0, 1)), None, "run")
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "header", "pages"])
def test_a_damaged_log_is_set_aside_and_a_new_one_begun(path, damage):
    content = filled(path)
    damaged = {
        "cut": content[: len(content) // 2],
        "header": b"\xff" * 100 + content[100:],
        "pages": content[:4096] + bytes(byte ^ 0xA5 for byte in content[4096:]),
    }[damage]
    path.write_bytes(damaged)
    with EventLog(path) as log:
        assert log.quarantined is not None
        assert log.quarantined.name.startswith("events.sqlite3.damaged-")
        assert log.quarantined.read_bytes() == damaged
        assert log.append("mic", GAP, None, "run") == 1
    with EventLog(path) as log:
        assert (log.last_id, log.quarantined) == (1, None)


def test_two_damaged_logs_do_not_overwrite_each_other(path):
    path.parent.mkdir()
    quarantined = set()
    for _ in range(3):
        path.write_bytes(b"\xff" * 5000)
        with EventLog(path) as log:
            quarantined.add(log.quarantined)
    assert len(quarantined) == 3
    assert all(file.exists() for file in quarantined)


def test_a_locked_log_refuses_and_goes_on_afterwards(path):
    with EventLog(path) as log:
        log.append("mic", GAP, None, "run")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            log.append("mic", GAP, None, "run")
        assert log.last_id == 1
        other.execute("ROLLBACK")
        other.close()
        assert log.append("mic", GAP, None, "run") == 2


def test_a_full_disk_refuses_keeps_what_is_there_and_goes_on_afterwards(path):
    """The file may not grow (a limit of this process), as on a full disk."""
    with EventLog(path) as log:
        log.append("mic", GAP, None, "run")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = path.with_name(path.name + "-wal").stat().st_size
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            with pytest.raises(StoreError, match="event log"):
                log.append("mic", StreamGap(Span(0, 1), 1, False, "x" * 50_000), None, "run")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        assert log.append("mic", GAP, None, "run") == 2
        assert [event.reading for event in log.since(0, 10)] == [GAP, GAP]


def test_a_log_that_was_removed_is_not_written_to_in_silence(path):
    with EventLog(path) as log:
        log.append("mic", GAP, None, "run")
        path.unlink()
        with pytest.raises(StoreError, match="removed while in use"):
            log.append("mic", GAP, None, "run")


def test_rows_that_this_program_cannot_read_are_counted_and_do_not_hide_others(path):
    with EventLog(path) as log:
        for _ in range(5):
            log.append("mic", GAP, None, "run")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE events SET topic = 'earthquake' WHERE id = 2")
    connection.execute("UPDATE events SET fields = '{\"span\": 7}' WHERE id = 4")
    connection.commit()
    connection.close()
    with EventLog(path) as log:
        page = log.page(0, 5)
        assert ([event.row_id for event in page.events], page.through, page.unreadable) == ([1, 3, 5], 5, 2)
        assert log.page(1, 1).through == 2


def test_a_folder_is_no_log(tmp_path):
    with pytest.raises(StoreError):
        EventLog(tmp_path)


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--log"):
        EventLog(tmp_path / "file" / "events.sqlite3")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError):
        EventLog(tmp_path / "events.sqlite3")


def test_a_full_database_is_told_as_a_full_disk(tmp_path):
    connection = sqlite3.connect(tmp_path / "small.sqlite3")
    connection.execute("CREATE TABLE numbers (number)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.execute("INSERT INTO numbers VALUES (zeroblob(100000))")
    connection.close()
    told = failed(tmp_path / "small.sqlite3", full.value)
    assert (told.why, "goes on by itself" in told.remedy) == ("the disk is full", True)
