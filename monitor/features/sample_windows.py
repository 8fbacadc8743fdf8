"""Stage that cuts audio into the windows of a model that takes a waveform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import engine_index, native_index
from monitor.core.types import ENGINE_RATE, SampleWindow, Span
from monitor.features.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import AudioBlock, Float32Array

SLICE_S = 1
"""Seconds of a large push that are taken at a time, so that memory does not grow with it."""


class SampleWindower:
    """Stage: `AudioBlock` at `rate` -> `SampleWindow` of `length` samples, one every `hop` samples.

    Window k begins at absolute sample k * hop, and none spans a reset. With `fill`, a stream that ends within a window
    but has at least half of it gives that one too, with zeros behind the end: what BirdNET's own programs do.
    """

    def __init__(self, rate: int, length: int, hop: int, *, fill: bool = True) -> None:
        if length < 1 or hop < 1:
            raise ValueError(f"a window needs at least one sample and a hop of one, got {length} and {hop}")
        self._rate = rate
        self._length = length
        self._hop = hop
        self._fill = fill
        self._slice = SLICE_S * rate
        self._history = History(length + hop + self._slice)
        self._next_window = 0
        self._flushed = False

    @property
    def latency(self) -> int:
        """Engine samples that may wait for the end of the stream: a window."""
        return -(-self._length * ENGINE_RATE // self._rate)

    def push(self, item: AudioBlock) -> Sequence[SampleWindow]:
        """Raises ValueError when the block has another rate or does not follow the one before."""
        if item.rate != self._rate:
            raise ValueError(f"expected audio at {self._rate} Hz, got {item.rate} Hz")
        if item.start != self._history.end:
            raise ValueError(f"expected sample {self._history.end}, got {item.start}; a gap needs reset()")
        windows: list[SampleWindow] = []
        for start in range(0, len(item.samples), self._slice):
            self._history.append(item.samples[start : start + self._slice])
            windows += self._take()
        return windows

    def flush(self) -> Sequence[SampleWindow]:
        """The windows that the end cut off, filled up, if half of each is there."""
        windows: list[SampleWindow] = []
        while self._fill and not self._flushed:
            first = self._next_window * self._hop
            there = self._history.end - first
            samples = self._history.get(first, there) if 2 * there >= self._length else None
            if samples is None:
                break
            filled = np.zeros(self._length, dtype=np.float32)
            filled[:there] = samples
            windows.append(self._window(first, there, filled))
            self._next_window += 1
        self._flushed = True
        return windows

    def reset(self, at: int) -> None:
        """The next block begins at the first sample at or after engine index `at`."""
        first = native_index(at, self._rate)
        self._history.reset(first)
        self._next_window = -(-first // self._hop)
        self._flushed = False

    def _take(self) -> list[SampleWindow]:
        windows: list[SampleWindow] = []
        while (first := self._next_window * self._hop) + self._length <= self._history.end:
            samples = self._history.get(first, self._length)
            if samples is None:
                raise RuntimeError(f"samples from {first} on were dropped before their window was cut")
            windows.append(self._window(first, self._length, samples))
            self._next_window += 1
        return windows

    def _window(self, first: int, count: int, samples: Float32Array) -> SampleWindow:
        span = Span(engine_index(first, self._rate), engine_index(first + count, self._rate))
        return SampleWindow(samples, span, self._rate)
