"""Engine and subscriber over real sockets, both in this process."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from monitor.bus.client import BusClient
from monitor.bus.messages import Heartbeat, Missed, Reconnected, Silent, Snapshot
from tests.helpers.bus_readings import COLUMN, LISTENING, activity, first, gap, kinds, level, publish
from tests.helpers.engine_thread import EngineThread, events, hear_until, live
from tests.helpers.readings import same

if TYPE_CHECKING:
    from monitor.bus.server import BusServer

# ------------------------------------------------------------------------------------------------------------ joining


def test_a_newcomer_first_learns_what_is_going_on(engine):
    engine.do(publish(LISTENING, level(1), level(2), COLUMN, activity(True)))
    with BusClient(engine.addresses.commands) as client:
        heard = hear_until(client, lambda heard: len(events(heard)) == 2)
        assert client.run_id == "run-1"
    snapshot = heard[0]
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.run_id, snapshot.last_event_id) == ("run-1", 2)
    assert [told.source for told in snapshot.live] == ["mic", "mic"]
    assert all(same(told.reading, sent) for told, sent in zip(snapshot.live, (level(2), COLUMN), strict=True))
    assert [(told.event_id, told.reading) for told in snapshot.states] == [(1, LISTENING)]
    assert [(told.event_id, told.reading) for told in snapshot.open_activities] == [(2, activity(True))]
    assert [(told.event_id, told.utc_ns, told.reading) for told in events(heard)] == [
        (1, 5, LISTENING),
        (2, 5, activity(True)),
    ]
    assert live(heard) == []


def test_what_comes_after_the_snapshot_is_heard_without_a_hole(engine):
    with BusClient(engine.addresses.commands) as client:
        for number in range(50):
            engine.do(publish(level(number)))
        heard = hear_until(client, lambda heard: len(live(heard)) == 50)
    assert [told.reading for told in live(heard)] == [level(number) for number in range(50)]
    assert kinds(heard)[1:] == [type(heard[-1])] * 50


@pytest.mark.parametrize(
    ("how", "expected"),
    [({}, [3, 4]), ({"since": 0}, [1, 2, 3, 4]), ({"since": 3}, [4]), ({"history": 1}, [4]), ({"history": 0}, [])],
)
def test_how_far_back_events_begin(tmp_path, how, expected):
    with EngineThread("old", tmp_path / "events.sqlite3") as engine:
        engine.do(publish(gap(1), gap(2)))
    with EngineThread("new", tmp_path / "events.sqlite3") as engine:
        engine.do(publish(gap(3), gap(4)))
        with BusClient(engine.addresses.commands, **how) as client:
            hear_until(client, lambda heard: len(events(heard)) == 0)
            engine.do(publish(gap(5)))
            heard = hear_until(client, lambda heard: any(told.event_id == 5 for told in events(heard)))
    assert [told.event_id for told in events(heard)] == [*expected, 5]


# ------------------------------------------------------------------------------------------------------- slow readers


def test_a_subscriber_that_does_not_read_gets_all_events_and_counts_what_else_it_lost(tmp_path):
    count = 60_000  # more than both queues and the sockets between them hold
    with (
        EngineThread(log=tmp_path / "events.sqlite3") as engine,
        BusClient(engine.addresses.commands) as client,
    ):
        client.messages(0)

        def flood(server: BusServer) -> None:
            for number in range(count):
                server.publish("mic", COLUMN, None)
                if number % 3 == 0:
                    server.publish("mic", gap(number), None)

        engine.do(flood)
        heard = hear_until(
            client,
            lambda heard: (
                bool(events(heard)) and events(heard)[-1].event_id == count // 3 and isinstance(heard[-1], Heartbeat)
            ),
        )
    assert [told.event_id for told in events(heard)] == list(range(1, count // 3 + 1))
    assert [told.reading.lost for told in events(heard)] == [1] * (count // 3)
    missed = sum(message.count for message in heard if isinstance(message, Missed))
    assert missed > 0
    assert len(live(heard)) + missed == count


def test_events_that_memory_no_longer_has_are_told(engine):
    engine.do(publish(*[gap(number) for number in range(10_005)]))
    with BusClient(engine.addresses.commands, since=0) as client:
        heard = hear_until(client, lambda heard: bool(events(heard)) and events(heard)[-1].event_id == 10_005)
    assert [message for message in heard if isinstance(message, Missed)] == [Missed(5, events=True)]
    assert len(events(heard)) == 10_000


# ----------------------------------------------------------------------------------------- restarts and silent engines


def test_an_engine_that_starts_again_is_joined_again(tmp_path):
    log = tmp_path / "events.sqlite3"
    first_engine = EngineThread("one", log)
    addresses = first_engine.addresses
    with BusClient(addresses.commands, silence_s=1.5) as client:
        first_engine.do(publish(gap(1), level(1)))
        before = hear_until(client, lambda heard: len(events(heard)) == 1)
        first_engine.do(publish(gap(2)))
        first_engine.close()
        with EngineThread("two", log, tuple(addresses)) as engine:
            engine.do(publish(gap(3)))
            after = hear_until(client, lambda heard: Snapshot in kinds(heard) and len(events(heard)) == 2)
    assert [told.event_id for told in events(before + after)] == [1, 2, 3]
    assert first(after, Reconnected) == Reconnected("two", restarted=True, new_log=False)
    assert first(after, Snapshot).run_id == "two"


def test_an_engine_that_comes_back_with_another_log_begins_anew(tmp_path):
    with EngineThread("one", tmp_path / "one.sqlite3") as engine:
        addresses = engine.addresses
        client = BusClient(addresses.commands, silence_s=1.5)
        engine.do(publish(gap(1), gap(2)))
        hear_until(client, lambda heard: len(events(heard)) == 2)
    with client, EngineThread("two", tmp_path / "two.sqlite3", tuple(addresses)) as engine:
        engine.do(publish(gap(3)))
        after = hear_until(client, lambda heard: len(events(heard)) == 1)
    assert first(after, Reconnected) == Reconnected("two", restarted=True, new_log=True)
    assert [(told.event_id, told.reading) for told in events(after)] == [(1, gap(3))]


def test_an_engine_that_hangs_is_told_as_silent_and_nothing_of_it_is_lost(tmp_path):
    with (
        EngineThread(log=tmp_path / "events.sqlite3") as engine,
        BusClient(engine.addresses.commands, silence_s=1.5) as client,
    ):
        hangs, goes_on = threading.Event(), threading.Event()

        def hang(server: BusServer) -> None:
            hangs.set()
            goes_on.wait(30)
            publish(gap(1), level(1), gap(2))(server)

        waiting = threading.Thread(target=engine.do, args=(hang,))
        waiting.start()
        hangs.wait(30)
        silent = hear_until(client, lambda heard: Silent in kinds(heard))
        silent += client.messages(1.2)  # an attempt to join again in between changes nothing
        goes_on.set()
        waiting.join()
        heard = hear_until(client, lambda heard: len(events(heard)) == 2)
    assert kinds(silent).count(Silent) == 1
    assert first(heard, Reconnected) == Reconnected("run-1", restarted=False, new_log=False)
    assert Snapshot in kinds(heard)
    assert [told.event_id for told in events(heard)] == [1, 2]


def test_an_engine_that_ends_says_so():
    with EngineThread() as engine:
        client = BusClient(engine.addresses.commands, silence_s=1.0)
    with client:
        heard = hear_until(client, lambda heard: Silent in kinds(heard))
    assert any(isinstance(message, Heartbeat) and message.closing for message in heard)
    assert first(heard, Silent).closed


# ---------------------------------------------------------------------------------------------------------- the log


def test_events_wait_for_a_locked_log_and_are_told_afterwards(tmp_path):
    path = tmp_path / "events.sqlite3"
    with EngineThread(log=path) as engine, BusClient(engine.addresses.commands) as client:
        engine.do(publish(gap(1)))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        engine.do(publish(gap(2), gap(3), level(1)))
        heard = hear_until(
            client,
            lambda heard: any(isinstance(message, Heartbeat) and message.waiting == 2 for message in heard),
        )
        fault = engine.do(lambda server: server.log_fault)
        other.execute("ROLLBACK")
        other.close()
        after = hear_until(client, lambda heard: len(events(heard)) == 2)
    assert [told.event_id for told in events(heard)] == [1]
    assert len(live(heard)) == 1
    assert "another program has locked it" in fault
    assert [(told.event_id, told.reading) for told in events(after)] == [(2, gap(2)), (3, gap(3))]


def test_events_that_wait_are_written_on_closing(tmp_path):
    path = tmp_path / "events.sqlite3"
    with EngineThread(log=path) as engine:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        engine.do(publish(gap(1)))
        other.execute("ROLLBACK")
        other.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == 1
    connection.close()
