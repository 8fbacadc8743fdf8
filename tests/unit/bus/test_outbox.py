"""Events wait for a log that cannot be written, in order, and are not given up silently."""

from __future__ import annotations

import pytest

from monitor.bus.event_log import MemoryLog
from monitor.bus.outbox import Event, Outbox
from monitor.core.events import StreamGap
from monitor.core.types import Span
from monitor.errors import StoreError


class StubbornLog(MemoryLog):
    """A log that refuses while told to."""

    refuses = False

    def append(self, source, reading, utc_ns, run_id):
        if self.refuses:
            raise StoreError("event log", "the disk is full", "Free some space.")
        return super().append(source, reading, utc_ns, run_id)


def event(number: int) -> Event:
    return Event("mic", StreamGap(Span(0, number), number, False, "test"), None)


@pytest.fixture
def log() -> StubbornLog:
    return StubbornLog()


def test_an_event_is_given_back_with_its_row(log):
    outbox = Outbox(log, "run")
    assert outbox.put(event(1)) == [(1, event(1))]
    assert outbox.fault is None


def test_events_wait_and_come_in_order(log):
    outbox = Outbox(log, "run")
    log.refuses = True
    assert outbox.put(event(1)) == []
    assert outbox.put(event(2)) == []
    assert (outbox.waiting, str(outbox.fault).startswith("event log: the disk is full")) == (2, True)
    log.refuses = False
    assert outbox.put(event(3)) == []  # the next attempt is not due
    assert outbox.write(at_once=True) == [(1, event(1)), (2, event(2)), (3, event(3))]
    assert (outbox.waiting, outbox.fault) == (0, None)


def test_too_many_are_counted(log):
    outbox = Outbox(log, "run")
    outbox.CAPACITY = 3
    log.refuses = True
    for number in range(5):
        outbox.put(event(number))
    assert (outbox.waiting, outbox.lost) == (3, 2)
    log.refuses = False
    assert [written.reading.lost for _, written in outbox.write(at_once=True)] == [2, 3, 4]


def test_the_memory_log_keeps_the_newest(log):
    log = StubbornLog()
    for number in range(log.CAPACITY + 5):
        log.append("mic", event(number).reading, None, "run")
    page = log.page(0, 10)
    assert [row.row_id for row in page.events] == list(range(6, 16))
    assert page.through == 15
    assert log.page(log.last_id, 10).events == ()
    assert log.page(log.last_id - 1, 10).through == log.last_id
