"""Mixing, filtering and levelling of windows, the same for every class, so that the recorder gives nothing away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

SILENCE = 1e-12
"""Mean square below which a window counts as digital silence (-120 dB)."""


@dataclass(frozen=True, slots=True)
class Colouring:
    """What stands between the air and the file, as a gain over frequency."""

    low_cut_hz: float
    """Fourth-order high-pass corner, 0 for none."""
    high_cut_hz: float
    """Steep low-pass corner, at or above half the rate for none."""
    tilt_db: float
    """Decibels an octave around 1 kHz."""

    def response(self, samples: int, rate: int) -> NDArray[np.float64]:
        """Amplitude gain `(samples // 2 + 1,)` at the bins of a transform of `samples` points."""
        frequencies = np.fft.rfftfreq(samples, 1.0 / rate)
        safe = np.maximum(frequencies, 20.0)
        gain = 10.0 ** (self.tilt_db * np.log2(safe / 1000.0) / 20.0)
        if self.low_cut_hz > 0:
            gain /= np.sqrt(1.0 + (self.low_cut_hz / safe) ** 8)
        if self.high_cut_hz < rate / 2:
            # As steep as a codec's: 60 dB within about a quarter octave.
            gain /= np.sqrt(1.0 + (safe / self.high_cut_hz) ** 60)
        return gain


def colour(samples: Samples, colouring: Colouring, rate: int) -> Samples:
    """Filtered with zero phase; same length."""
    spectrum = np.fft.rfft(samples.astype(np.float64))
    return np.fft.irfft(spectrum * colouring.response(len(samples), rate), n=len(samples)).astype(np.float32)


def power(samples: Samples) -> float:
    """Mean square."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def mix(foreground: Samples, background: Samples, snr_db: float) -> Samples:
    """Foreground plus background scaled so that the ratio of their powers is `snr_db`, exactly.

    A silent one of the two leaves the other as it is.
    """
    loud, quiet = power(foreground), power(background)
    if loud < SILENCE or quiet < SILENCE:
        return (foreground + background).astype(np.float32)
    gain = np.sqrt(loud / quiet * 10.0 ** (-snr_db / 10.0))
    return (foreground + gain * background).astype(np.float32)


def to_level(samples: Samples, level_dbfs: float) -> Samples:
    """Scaled to a root mean square of `level_dbfs`, dB relative to a full-scale sine; silence stays silence."""
    current = power(samples)
    if current < SILENCE:
        return samples
    return (samples * np.sqrt(0.5 * 10.0 ** (level_dbfs / 10.0) / current)).astype(np.float32)


def coloured_noise(samples: int, slope: float, generator: np.random.Generator) -> Samples:
    """Gaussian noise whose power falls as 1 / f^slope: 0 white, 1 pink, 2 brown; of power 1."""
    spectrum = generator.standard_normal(samples // 2 + 1) + 1j * generator.standard_normal(samples // 2 + 1)
    bins = np.arange(len(spectrum))
    spectrum *= np.maximum(bins, max(1, samples // 500)) ** (-slope / 2.0)
    noise = np.fft.irfft(spectrum, n=samples)
    return (noise / np.sqrt(np.mean(np.square(noise)))).astype(np.float32)


def cut(samples: Samples, start: int, length: int) -> Samples:
    """`length` samples from `start`; a shorter recording is repeated to fill the window."""
    if len(samples) == 0:
        return np.zeros(length, dtype=np.float32)
    if start + length <= len(samples):
        return samples[start : start + length]
    positions = np.arange(start, start + length) % len(samples)
    return samples[positions]
