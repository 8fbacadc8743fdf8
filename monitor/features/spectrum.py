"""Stage that makes the screen's spectrogram from the engine's own stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from monitor.core.events import Spectrum
from monitor.core.types import ENGINE_RATE, AudioBlock, Span
from monitor.features.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array

COLUMN = 4_800
"""Engine samples of a column, a tenth of a second."""

BANDS = 64
"""Equal bands of a column."""

TOP_HZ = 16_000.0
"""Upper edge of the last band."""

_FFT = 1024
_FRAME_HOP = 944
"""Five frames, the last of which ends with its column: 4 * 944 + 1024 = 4800."""
_FLOOR = 1e-9
_SLICE = 16 * COLUMN
"""Samples of a large push that are taken at a time, so that memory does not grow with it."""


class SpectrumColumns:
    """Stage: `AudioBlock` at 48 kHz -> `Spectrum`, one per 4 800 engine samples of a grid anchored at 0.

    A band's level is the power in it: a full-scale sine reads 0 dB, or on the edge of two bands -3 dB in both.
    """

    def __init__(self) -> None:
        self._window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FFT) / _FFT)
        edges = np.arange(BANDS + 1) * (TOP_HZ / BANDS) * (_FFT / ENGINE_RATE)
        self._edges = np.ceil(edges).astype(np.intp)
        # A sine spreads over the main lobe of the window; summed, its bins hold this much power.
        self._reference = float(_FFT * (self._window**2).sum() / 4.0)
        self._samples = History(_SLICE + COLUMN)
        self._next_column = 0

    @property
    def latency(self) -> int:
        """Engine samples by which the newest column can end behind the newest sample."""
        return COLUMN

    def push(self, item: AudioBlock) -> Sequence[Spectrum]:
        """Raises ValueError when the block has another rate or does not follow the one before."""
        if item.rate != ENGINE_RATE:
            raise ValueError(f"the spectrum needs {ENGINE_RATE} Hz, got {item.rate} Hz")
        if item.start != self._samples.end:
            raise ValueError(f"expected sample {self._samples.end}, got {item.start}; a gap needs reset()")
        columns: list[Spectrum] = []
        for start in range(0, len(item.samples), _SLICE):
            self._samples.append(item.samples[start : start + _SLICE])
            columns += self._take()
        return columns

    def flush(self) -> Sequence[Spectrum]:
        """Nothing: a column is never padded."""
        return ()

    def reset(self, at: int) -> None:
        """The next block begins at engine index `at`; the first column at or after it is the next one."""
        self._samples.reset(at)
        self._next_column = -(-at // COLUMN)

    def _take(self) -> list[Spectrum]:
        start = self._next_column * COLUMN
        count = (self._samples.end - start) // COLUMN
        if count <= 0:
            return []
        samples = self._samples.get(start, count * COLUMN)
        if samples is None:
            raise RuntimeError(f"samples from {start} on were dropped before their column was computed")
        self._next_column += count
        levels = self._levels(samples.reshape(count, COLUMN))
        return [
            Spectrum(Span(first, first + COLUMN), row.copy(), TOP_HZ)
            for first, row in zip(range(start, start + count * COLUMN, COLUMN), levels, strict=True)
        ]

    def _levels(self, columns: Float32Array) -> Float32Array:
        """Samples `(n, COLUMN)` -> dB `(n, BANDS)`, -90..0."""
        frames = sliding_window_view(columns, _FFT, axis=1)[:, ::_FRAME_HOP]
        spectrum = np.fft.rfft(frames * self._window)[..., : self._edges[-1]]
        power = spectrum.real**2 + spectrum.imag**2
        loudest = np.add.reduceat(power, self._edges[:-1], axis=-1).max(axis=1)
        decibels = 10.0 * np.log10(np.maximum(loudest / self._reference, _FLOOR))
        return np.minimum(decibels, 0.0).astype(np.float32)
