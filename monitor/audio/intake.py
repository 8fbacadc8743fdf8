"""What the audio callback does, and what it leaves behind for others to read: frames, losses, times and counters."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.audio.ring import Ring
from monitor.core.clock import NANOSECONDS

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

JUMP_S = 0.5
"""Seconds by which both clocks must run ahead of the frames to count as a loss that the device did not announce."""

_NOTED_LOSSES = 256
_NOTED_TIMES = 64
_LONGEST_LATENCY_S = 10.0
_LONGEST_GAP_S = 10.0 * 365 * 24 * 3600

if sys.platform == "linux":
    # Counts through a suspend, and setting the time of day does not move it.
    _CLOCK = time.CLOCK_BOOTTIME

    def clock_ns() -> int:
        """Nanoseconds since this computer was started; never stepped."""
        return time.clock_gettime_ns(_CLOCK)

else:

    def clock_ns() -> int:
        """Nanoseconds of a clock that is never stepped."""
        return time.monotonic_ns()


class CallbackTimes(Protocol):
    """PortAudio's times of one callback, in seconds of the stream's clock; 0 where the host cannot tell."""

    @property
    def inputBufferAdcTime(self) -> float:  # noqa: N802 (PortAudio's name)
        """When the first frame was sampled."""
        ...

    @property
    def currentTime(self) -> float:  # noqa: N802 (PortAudio's name)
        """When the callback was called."""
        ...


class CallbackStatus(Protocol):
    """PortAudio's flags of one callback."""

    @property
    def input_overflow(self) -> bool:
        """The device lost frames before the first one of this callback."""
        ...

    @property
    def input_underflow(self) -> bool:
        """The device had nothing and gave zeros."""
        ...


def boot_id() -> str:
    """Which start of which computer `clock_ns()` counts from; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class DeviceLoss:
    """Frames that the device lost, so that the ring never had them."""

    index: int
    """Ring index of the first frame after them."""
    frames: int
    """How many, estimated from the device's clock and the computer's."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame was sampled."""

    index: int
    """Ring index."""
    clock_ns: int
    """By `clock_ns()`."""


class Intake:
    """The callback's side: `callback` is called by PortAudio's thread, everything else by one other thread.

    `columns` are the channels to keep of those that the device was opened with. All arrays are made here, once.
    """

    def __init__(self, rate: int, ring_frames: int, columns: slice = slice(0, 1)) -> None:
        self.rate = rate
        """Frames a second."""
        self.ring = Ring(ring_frames, len(range(columns.stop)[columns]))
        self.overflows = 0
        """Callbacks before which the device lost frames."""
        self.underflows = 0
        """Callbacks with zeros instead of frames."""
        self._columns = columns
        self._started = False
        self._next_adc_s = 0.0
        self._last_adc_s = 0.0
        self._last_clock_ns = 0
        self._unnoted_loss = 0
        self._losses = np.zeros((_NOTED_LOSSES, 2), dtype=np.int64)
        self._losses_noted = 0
        self._losses_taken = 0
        self._times = np.zeros((_NOTED_TIMES, 2), dtype=np.int64)
        self._times_noted = 0

    def callback(self, frames: Float32Array, count: int, times: CallbackTimes, status: CallbackStatus) -> None:
        """Take `count` frames float32 `(count, channels)`: copies, counts, notes the times; never waits or raises."""
        now_ns = clock_ns()
        adc_s = times.inputBufferAdcTime
        index = self.ring.committed
        overflow = status.input_overflow
        if overflow:
            self.overflows += 1
        if status.input_underflow:
            self.underflows += 1
        if self._started:
            self._note_loss(index, self._gap_frames(adc_s, now_ns, count, overflow))
        age_s = times.currentTime - adc_s
        if not 0.0 <= age_s < _LONGEST_LATENCY_S:
            age_s = count / self.rate
        slot = self._times_noted % _NOTED_TIMES
        self._times[slot, 0] = index
        self._times[slot, 1] = now_ns - int(age_s * NANOSECONDS)
        self.ring.write(frames[:, self._columns])
        self._times_noted += 1
        self._last_adc_s = adc_s
        self._next_adc_s = adc_s + count / self.rate
        self._last_clock_ns = now_ns
        self._started = True

    def _gap_frames(self, adc_s: float, now_ns: int, count: int, overflow: bool) -> int:
        """Frames that both clocks say are missing: a step of one of them, or a late callback, is no loss."""
        gap_s = (now_ns - self._last_clock_ns) / NANOSECONDS - count / self.rate
        announced = adc_s > 0.0 and adc_s != self._last_adc_s
        if announced:
            gap_s = min(gap_s, adc_s - self._next_adc_s)
        if not (overflow or (announced and gap_s > JUMP_S)) or not 0.0 < gap_s < _LONGEST_GAP_S:
            return 0
        return round(gap_s * self.rate)

    def _note_loss(self, index: int, frames: int) -> None:
        self._unnoted_loss += frames
        # With all slots full the loss is kept for the next callback, so that the sum stays right.
        if self._unnoted_loss and self._losses_noted - self._losses_taken < _NOTED_LOSSES:
            slot = self._losses_noted % _NOTED_LOSSES
            self._losses[slot, 0] = index
            self._losses[slot, 1] = self._unnoted_loss
            self._unnoted_loss = 0
            self._losses_noted += 1

    def take_losses(self) -> list[DeviceLoss]:
        """Losses noted since the last call, oldest first; complete up to `ring.committed` as read before."""
        losses: list[DeviceLoss] = []
        while self._losses_taken < self._losses_noted:
            index, frames = self._losses[self._losses_taken % _NOTED_LOSSES]
            losses.append(DeviceLoss(int(index), int(frames)))
            self._losses_taken += 1
        return losses

    def newest_moment(self) -> Moment | None:
        """When the newest callback's first frame was sampled; None before the first callback."""
        while self._times_noted:
            noted = self._times_noted
            index, moment_ns = self._times[(noted - 1) % _NOTED_TIMES]
            moment = Moment(int(index), int(moment_ns))
            if self._times_noted - noted < _NOTED_TIMES - 1:  # the slot was not written again meanwhile
                return moment
        return None
