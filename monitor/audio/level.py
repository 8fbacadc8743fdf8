"""How loud it is, five times a second."""

from __future__ import annotations

import math

import numpy as np

from monitor.core.events import LevelReading
from monitor.core.types import ENGINE_RATE, AudioBlock, Span

SPAN = ENGINE_RATE // 5
"""Engine samples of one reading: 200 ms, on a grid anchored at 0."""
FLOOR_DBFS = -120.0
FULL_SCALE = np.float32(32767 / 32768)
"""The largest positive value of 16-bit audio: what is at or above it is clipped."""


class LevelMeter:
    """Stage: blocks at 48 kHz -> a LevelReading at each multiple of 9 600 samples.

    After a `reset` off the grid the first reading covers less, and so does the last one, from `flush`.
    """

    def __init__(self) -> None:
        self._samples = np.zeros(SPAN, np.float32)
        self.reset(0)

    @property
    def latency(self) -> int:
        """A sample may wait for the end of its span."""
        return SPAN

    def push(self, item: AudioBlock) -> list[LevelReading]:
        """Readings that the block completes. Raises ValueError for another rate, and for a jump without a `reset`."""
        end = self._start + self._count
        if item.rate != ENGINE_RATE or item.start != end:
            raise ValueError(f"expected 48 kHz from sample {end}, got {item.rate} Hz from {item.start}")
        readings: list[LevelReading] = []
        samples = item.samples
        while len(samples):
            room = SPAN - self._start % SPAN - self._count
            taken, samples = samples[:room], samples[room:]
            self._samples[self._count : self._count + len(taken)] = taken
            self._count += len(taken)
            if len(taken) == room:
                readings += self.flush()
        return readings

    def flush(self) -> list[LevelReading]:
        """The reading of what waits, if anything does."""
        if not self._count:
            return []
        samples = self._samples[: self._count]
        size = np.abs(samples)
        power = float(np.square(samples, dtype=np.float64).mean())
        reading = LevelReading(
            Span(self._start, self._start + self._count),
            rms_dbfs=_decibels(math.sqrt(2 * power)),
            peak_dbfs=_decibels(float(size.max())),
            clipped=int(np.count_nonzero(size >= FULL_SCALE)),
        )
        self._start += self._count
        self._count = 0
        return [reading]

    def reset(self, at: int) -> None:
        """Begin anew at engine index `at`."""
        self._start = at
        self._count = 0


def _decibels(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
