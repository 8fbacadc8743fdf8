"""Subscribers of an engine in processes of their own: one starts late, one is frozen; the engine waits for neither.

That it does not wait is shown without a clock: the publisher gets through far more than all buffers hold, and says so,
before the frozen subscriber is woken.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from monitor.bus.client import BusClient
from monitor.bus.server import BusServer
from monitor.errors import BusError
from monitor.store.log import EventLogReader
from tests.helpers.bus_publisher import LIVE_PER_STEP
from tests.helpers.engine_thread import ANY_PORT

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
BURST = 25_000
"""Steps of four messages: ten times what both sides keep in their queues, and far more than sockets hold."""
FROZEN_S = 6.0
"""Longer than the time after which an engine counts as silent."""


@contextmanager
def process(module: str, *arguments: object):
    running = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait()
        if running.stdout is not None:
            running.stdout.close()


@contextmanager
def publisher(log: Path, run_id: str = "run"):
    with process("tests.helpers.bus_publisher", log, run_id) as running:
        yield running, running.stdout.readline().strip()


@contextmanager
def subscriber(address: str, result: Path):
    with process("tests.helpers.bus_subscriber", address, result) as running:
        assert running.stdout.readline().strip() == "joined"
        yield running


def logged(path: Path) -> list[list[object]]:
    with EventLogReader(path) as log:
        page = log.page(0, 10**6)
    assert page.unreadable == 0
    return [[event.row_id, event.reading.topic, event.reading.span.start] for event in page.events]


def test_late_and_frozen_subscribers_end_with_the_events_of_the_log_and_the_engine_never_waits(tmp_path):
    log = tmp_path / "events.sqlite3"
    results = {name: tmp_path / f"{name}.json" for name in ("awake", "frozen", "late")}
    with ExitStack() as stack:
        _, address = stack.enter_context(publisher(log))
        commands = stack.enter_context(BusClient(address, history=0))
        awake = stack.enter_context(subscriber(address, results["awake"]))
        frozen = stack.enter_context(subscriber(address, results["frozen"]))
        commands.command("burst", steps=50)

        os.kill(frozen.pid, signal.SIGSTOP)
        frozen_since = time.monotonic()
        before = commands.command("progress")
        after = commands.command("burst", timeout_s=PATIENCE_S, steps=BURST)
        commands.command("flow", steps=500)
        time.sleep(max(0.0, FROZEN_S - (time.monotonic() - frozen_since)))
        assert commands.command("progress") == after + 500
        assert after - before == BURST
        os.kill(frozen.pid, signal.SIGCONT)

        late = stack.enter_context(subscriber(address, results["late"]))
        commands.command("flow", steps=200)
        while commands.command("progress") < after + 700:
            time.sleep(0.05)
        commands.command("finish")
        for running in (awake, frozen, late):
            assert running.wait(PATIENCE_S) == 0
        commands.command("quit")

    expected = logged(log)
    steps = 50 + BURST + 700
    assert [row[0] for row in expected] == list(range(1, steps + 2))
    told = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in results.items()}
    for name in results:
        assert told[name]["events"] == expected, name
    for name in ("awake", "frozen"):
        assert told[name]["live"] + told[name]["missed"] == steps * LIVE_PER_STEP, name
    assert told["frozen"]["missed"] > 0
    assert (told["frozen"]["silent"], told["frozen"]["snapshots"]) == (0, 1)


def test_a_killed_engine_leaves_a_log_without_half_rows_and_nothing_was_told_that_is_not_in_it(tmp_path):
    log = tmp_path / "events.sqlite3"
    rows = 0
    for life in range(3):
        with publisher(log, f"run-{life}") as (running, address), BusClient(address, since=rows) as client:
            client.command("flow", steps=1_000_000)
            told: list[int] = []
            while len(told) < 300:
                told += [getattr(message, "event_id", None) or 0 for message in client.messages(0.2)]
            running.kill()
            running.wait()
            for _ in range(5):
                told += [getattr(message, "event_id", None) or 0 for message in client.messages(0.1)]
        told = [row_id for row_id in told if row_id]
        stored = logged(log)
        assert [row[0] for row in stored] == list(range(1, len(stored) + 1))
        assert told == list(range(rows + 1, rows + 1 + len(told)))
        assert told[-1] <= len(stored)
        rows = len(stored)
    with EventLogReader(log) as reader:
        assert [run.run_id for run in reader.runs()] == ["run-0", "run-1", "run-2"]


def test_ports_of_another_process_are_in_use(tmp_path):
    with publisher(tmp_path / "events.sqlite3") as (_, address), pytest.raises(BusError, match="in use"):
        BusServer(ANY_PORT, address, "second")
