from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio import intake as intake_module
from monitor.audio.intake import Intake
from monitor.audio.numbering import Numbering
from monitor.core.clock import NANOSECONDS

RATE = 48_000


@dataclass
class Times:
    inputBufferAdcTime: float  # noqa: N815
    currentTime: float  # noqa: N815


@dataclass
class Status:
    input_overflow: bool = False
    input_underflow: bool = False


class Device:
    """Calls the callback as PortAudio does, on clocks that the test moves."""

    def __init__(self, intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
        self.intake = intake
        self.sampled = 0
        self.steady_s = 1_000.0
        self.wall_s = 1_700_000_000.0
        monkeypatch.setattr(intake_module, "clock_ns", lambda: round(self.steady_s * NANOSECONDS))

    def lose(self, frames: int) -> None:
        self.steady_s += frames / RATE
        self.wall_s += frames / RATE

    def give(self, frames: int = 480, *, adc: bool = True, **flags: bool) -> None:
        start_s = self.wall_s
        self.lose(frames)
        times = Times(start_s if adc else 0.0, self.wall_s + 0.01 if adc else 0.0)
        samples = np.arange(self.sampled, self.sampled + frames, dtype=np.float32)
        self.intake.callback(samples[:, None], frames, times, Status(**flags))
        self.sampled += frames


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(Intake(RATE, 10 * RATE), monkeypatch)


def test_frames_arrive_and_nothing_is_lost(device: Device) -> None:
    for frames in (480, 1, 63, 5_000):
        device.give(frames)
    piece = device.intake.ring.copy(0, 10_000)
    np.testing.assert_array_equal(piece.samples[:, 0], np.arange(5_544))
    assert device.intake.take_losses() == []
    assert (device.intake.overflows, device.intake.underflows) == (0, 0)


def test_an_announced_loss_is_estimated_from_the_clocks(device: Device) -> None:
    device.give(), device.give()
    device.lose(1_234)
    device.give(input_overflow=True)
    (loss,) = device.intake.take_losses()
    assert loss.index == 960
    assert abs(loss.frames - 1_234) <= 1
    assert device.intake.overflows == 1
    assert device.intake.take_losses() == []


def test_without_device_times_the_computers_clock_serves(device: Device) -> None:
    device.give(adc=False)
    device.lose(1_000)
    device.give(adc=False, input_overflow=True)
    (loss,) = device.intake.take_losses()
    assert abs(loss.frames - 1_000) <= 1


def test_a_suspended_computer_loses_what_both_clocks_say(device: Device) -> None:
    device.give()
    device.lose(60 * RATE)
    device.give()
    (loss,) = device.intake.take_losses()
    assert abs(loss.frames - 60 * RATE) <= 1


def test_a_step_of_the_wall_clock_loses_nothing(device: Device) -> None:
    for step_s in (3_600.0, -7_200.0, 86_400.0):
        device.give()
        device.wall_s += step_s
        device.give()
    assert device.intake.take_losses() == []


def test_a_late_callback_loses_nothing(device: Device) -> None:
    """The device had buffered the frames: its own times go on without a gap."""
    device.give()
    device.steady_s += 2.0
    device.give()
    assert device.intake.take_losses() == []


def test_nonsense_from_the_host_raises_nothing(device: Device) -> None:
    frames = np.zeros((10, 1), dtype=np.float32)
    for adc in (float("nan"), float("inf"), -1.0, 1e300, 0.0):
        for current in (float("nan"), float("inf"), 0.0):
            device.intake.callback(frames, 10, Times(adc, current), Status(True, True))
    assert device.intake.ring.committed == 150
    assert device.intake.underflows == 15
    assert sum(loss.frames for loss in device.intake.take_losses()) == 0


def test_more_losses_than_slots_keep_their_sum(device: Device) -> None:
    device.give(10)
    for _ in range(600):
        device.lose(100)
        device.give(10, input_overflow=True)
    total = sum(loss.frames for loss in device.intake.take_losses())
    device.give(10)
    total += sum(loss.frames for loss in device.intake.take_losses())
    assert abs(total - 60_000) <= 600


def test_only_the_chosen_channel_is_kept() -> None:
    intake = Intake(RATE, 1_000, slice(1, 2))
    frames = np.stack([np.full(50, 7.0), np.arange(50), -np.arange(50)], axis=1).astype(np.float32)
    intake.callback(frames, 50, Times(0.0, 0.0), Status())
    np.testing.assert_array_equal(intake.ring.copy(0, 50).samples[:, 0], np.arange(50))
    every = Intake(RATE, 1_000, slice(0, 3))
    every.callback(frames, 50, Times(0.0, 0.0), Status())
    np.testing.assert_array_equal(every.ring.copy(0, 50).samples, frames)


def test_moments_follow_the_frames(device: Device) -> None:
    assert device.intake.newest_moment() is None
    began_ns = round(device.steady_s * NANOSECONDS)
    for _ in range(200):
        device.give(480)
    moment = device.intake.newest_moment()
    assert moment is not None
    assert moment.index == 199 * 480
    # `give` says that the callback comes 10 ms after the last frame, as a device's latency does.
    assert abs(moment.clock_ns - began_ns - moment.index * NANOSECONDS // RATE + 10_000_000) < 1_000_000


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 3_000)), min_size=1, max_size=30), st.data())
def test_numbering_counts_what_the_device_lost(
    steps: list[tuple[int, int]],
    data: st.DataObject,
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        device = Device(Intake(RATE, 100_000), monkeypatch)
        numbering = Numbering(device.intake)
        device.give(100)
        expected = [(0, 0)]
        for frames, lost in steps:
            device.lose(lost)
            device.give(frames, input_overflow=lost > 0)
            if data.draw(st.booleans()):
                assert numbering.refresh() == device.intake.ring.committed
            expected.append((device.sampled - frames, lost))
        assert numbering.refresh() == device.sampled
        for index, _ in expected:
            truth = sum(lost for at, lost in expected if at <= index)
            assert abs(numbering.lost_until(index) - truth) <= len(expected)
        known = [numbering.lost_until(index) for index, _ in expected]
        middle = len(expected) // 2
        numbering.forget(expected[middle][0])
        assert [numbering.lost_until(index) for index, _ in expected[middle:]] == known[middle:]
        border = numbering.next_loss(expected[middle][0])
        later = [index for index, lost in expected[middle + 1 :] if lost > 1]
        assert not later or (border is not None and border <= later[0])
