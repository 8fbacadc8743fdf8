"""A branch that fails is reset, marked, and at the third time within a minute switched off; the program goes on."""

from __future__ import annotations

from monitor.core.clock import samples
from monitor.core.events import BranchCondition, GateReading, Reading
from monitor.core.types import Span
from monitor.engine.branch import Branch
from monitor.engine.guard import Guard


class Faulty:
    """A stage that returns a reading for each number and raises for each negative one."""

    latency = 0

    def __init__(self) -> None:
        self.resets: list[int] = []
        self.open = False

    def push(self, item: int) -> list[GateReading]:
        if item < 0:
            raise RuntimeError(f"cannot take {item}")
        self.open = True
        return [GateReading(Span(item, item + 1), 0.5, 0.5)]

    def flush(self) -> list[GateReading]:
        closed = [GateReading(Span(0, 0), 0.0, 0.5)] if self.open else []
        self.open = False
        return closed

    def reset(self, at: int) -> None:
        self.resets.append(at)
        self.open = False


def guarded() -> tuple[Guard, Faulty]:
    stage = Faulty()
    return Guard(Branch("birds", [stage])), stage


def spans(readings: list[Reading]) -> list[int]:
    return [reading.span.start for reading in readings]


def test_a_failure_closes_what_was_open_and_resets_at_the_next_item() -> None:
    guard, stage = guarded()
    assert spans(guard.push(3, 3)) == [3]
    assert spans(guard.push(-1, 6)) == [0], "the open activity must be closed"
    assert guard.condition is BranchCondition.DEGRADED
    assert spans(guard.push(9, 9)) == [9]
    assert stage.resets == [9]


def test_the_failure_is_told_and_forgotten_after_a_minute() -> None:
    guard, _ = guarded()
    guard.push(-1, 0)
    told = guard.take_health(samples(1.0))
    assert told.state is BranchCondition.DEGRADED
    assert "cannot take -1" in told.detail
    guard.push(1, samples(61.0))
    assert guard.take_health(samples(62.0)).state is BranchCondition.RUNNING
    assert guard.take_health(samples(62.0)).detail == ""


def test_the_third_failure_within_a_minute_switches_off() -> None:
    guard, _ = guarded()
    for second in (0, 20, 40):
        assert guard.condition is not BranchCondition.OFF
        guard.push(-1, samples(second))
    assert guard.condition is BranchCondition.OFF
    assert guard.push(1, samples(200)) == []
    assert guard.condition is BranchCondition.OFF, "off stays off until the engine starts again"


def test_three_failures_over_more_than_a_minute_do_not() -> None:
    guard, _ = guarded()
    for second in (0, 35, 70, 105):
        guard.push(-1, samples(second))
    assert guard.condition is BranchCondition.DEGRADED
    assert spans(guard.push(samples(106), samples(106))) == [samples(106)]
