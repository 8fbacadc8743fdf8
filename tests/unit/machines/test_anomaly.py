"""The stage of one machine, on a fan that a program makes: alarms, states, and what people say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.machine_readings import AnomalyReading, MachineChange, MachineState
from monitor.core.types import AudioBlock
from monitor.machines.anomaly import AnomalyDetector, Attention
from monitor.machines.context import Contexts
from monitor.machines.window import MachineWindows
from tests.helpers.machines import fan, fan_profile

if TYPE_CHECKING:
    from monitor.machines.context import HeardContext

RUNNING, SQUEALING, AFTER = 20.0, 18.0, 30.0


def contexts(*parts: np.ndarray) -> list[HeardContext]:
    book = Contexts()
    stage = MachineWindows()
    return [book.add(window) for window in stage.push(AudioBlock(np.concatenate(parts), 0, 16_000))]


def fault() -> list[HeardContext]:
    return contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.03), fan(AFTER, 43))


def run(stage: AnomalyDetector, heard: list[HeardContext]) -> tuple[list[AnomalyReading], list[MachineChange]]:
    told = [reading for one in heard for reading in stage.push(one)]
    readings = [reading for reading in told if isinstance(reading, AnomalyReading)]
    return readings, [reading for reading in told if isinstance(reading, MachineChange)]


def test_a_squeal_rings_and_the_evidence_names_its_band() -> None:
    readings, changes = run(AnomalyDetector(fan_profile()), fault())
    quiet = [reading for reading in readings if reading.span.end <= RUNNING * 48_000]
    assert not any(reading.alarm for reading in quiet)
    assert [change.alarm for change in changes] == [False, True, False]
    began, over = changes[1], changes[2]
    assert began.alarmed is not None
    assert over.alarmed is not None
    assert began.alarmed.start == over.alarmed.start
    assert RUNNING - 2.5 <= began.alarmed.start / 48_000 <= RUNNING + 5
    assert any(band.low_hz <= 2700.0 <= band.high_hz and band.difference_db > 6 for band in over.deviations)
    assert over.nearest_clip.startswith("day1/fan-")
    assert over.percentile >= began.percentile, "an alarm that is over tells its worst"
    assert not readings[-1].alarm


def test_it_warms_up_until_a_context_is_full_and_again_after_a_knock() -> None:
    sound = fan(40.0, 44)
    sound[25 * 16_000 : 25 * 16_000 + 300] = 1.0
    readings, _ = run(AnomalyDetector(fan_profile()), contexts(sound))
    states = [reading.state for reading in readings]
    context = fan_profile().context
    assert states[: context - 1] == [MachineState.WARMING_UP] * (context - 1)
    assert states[context - 1] is MachineState.READY
    knock = states.index(MachineState.FAULT)
    after = states[knock:].index(MachineState.WARMING_UP) + knock
    assert states[-1] is MachineState.READY
    assert not any(reading.alarm for reading in readings)
    assert all(reading.score == 0.0 for reading in readings[knock:after])


def test_a_machine_that_is_switched_off_ends_its_alarm() -> None:
    heard = contexts(fan(RUNNING, 41), fan(SQUEALING, 42, squeal=0.03), 0.01 * fan(8.0, 45))
    readings, changes = run(AnomalyDetector(fan_profile()), heard)
    assert readings[-1].state is MachineState.OFF
    assert "dB below" in readings[-1].detail
    alarms = [change for change in changes if change.alarmed]
    assert alarms[0].alarm
    assert not alarms[-1].alarm
    assert not readings[-1].alarm


def test_snoozed_rings_nothing_and_the_alarm_comes_when_that_is_over() -> None:
    stage = AnomalyDetector(fan_profile(), Attention(snoozed=True))
    heard = fault()
    during = [one for one in heard if one.span.end <= (RUNNING + 12) * 48_000]
    readings, changes = run(stage, during)
    assert not any(reading.alarm for reading in readings)
    assert readings[-1].state is MachineState.SNOOZED
    assert not any(change.alarm for change in changes)
    stage.attention = Attention()
    later, rang = run(stage, heard[len(during) :])
    assert later[0].alarm
    assert rang[0].alarm
    assert rang[0].alarmed is not None
    assert rang[0].alarmed.start / 48_000 < RUNNING + 5, "it had been counted all the while"


def test_acknowledged_once_until_the_alarm_is_over() -> None:
    stage = AnomalyDetector(fan_profile())
    heard = fault()
    split = next(place for place, one in enumerate(heard) if one.span.end > (RUNNING + 12) * 48_000)
    readings, _ = run(stage, heard[:split])
    assert readings[-1].alarm
    assert not readings[-1].acknowledged
    stage.attention = Attention(acknowledged=1)
    later, changes = run(stage, heard[split:])
    assert later[0].acknowledged
    assert [(change.alarm, change.acknowledged) for change in changes] == [(True, True), (False, False)]
    assert not later[-1].acknowledged


def test_maintenance_and_learning_judge_nothing() -> None:
    for said, state in (
        (Attention(maintenance=True), MachineState.MAINTENANCE),
        (Attention(learning=True), MachineState.LEARNING),
    ):
        readings, changes = run(AnomalyDetector(fan_profile(), said), fault())
        assert {reading.state for reading in readings} == {state}
        assert not any(reading.alarm for reading in readings)
        assert len(changes) == 1


def test_windows_that_were_dropped_begin_a_context_anew() -> None:
    stage, book = MachineWindows(), Contexts()
    windows = list(stage.push(AudioBlock(fan(20.0, 46), 0, 16_000)))
    kept = [*windows[:6], *windows[8:]]
    lengths = [len(book.add(window)) for window in kept]
    assert lengths[:6] == [1, 2, 3, 4, 5, 6]
    assert lengths[6:9] == [1, 2, 3]
    assert max(lengths) == 8
