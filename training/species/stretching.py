"""Other tempo at the same pitch, and other pitch at the same tempo, by a phase vocoder."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.signal import resample_poly
from torchaudio import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

FFT = 512
HOP = FFT // 4
QUARTER_TONES = 24
"""Of an octave."""
LARGEST = 64
"""Denominator of a pitch; three cents off at most."""


def stretched(samples: NDArray[np.float32], tempo: float) -> NDArray[np.float32]:
    """Played `tempo` times as fast: about `len(samples) / tempo` samples of the same pitch."""
    if tempo == 1.0:
        return samples
    window = torch.hann_window(FFT)
    signal = torch.from_numpy(np.array(samples, dtype=np.float32))
    spectrum = torch.stft(signal, FFT, HOP, window=window, return_complex=True)
    advance = torch.linspace(0, torch.pi * HOP, FFT // 2 + 1)[:, None]
    changed = functional.phase_vocoder(spectrum, tempo, advance)
    length = round(len(samples) / tempo)
    return torch.istft(changed, FFT, HOP, window=window, length=length).numpy()


def shifted(samples: NDArray[np.float32], quarter_tones: int) -> NDArray[np.float32]:
    """As long as before, so many quarter-tones higher, or lower where below 0."""
    if quarter_tones == 0:
        return samples
    # A ratio of small numbers: resampling by any other needs filters of a minute's making.
    ratio = Fraction(2.0 ** (quarter_tones / QUARTER_TONES)).limit_denominator(LARGEST)
    longer = stretched(samples, 1.0 / float(ratio))
    found = resample_poly(longer.astype(np.float64), ratio.denominator, ratio.numerator).astype(np.float32)
    return np.pad(found[: len(samples)], (0, max(0, len(samples) - len(found))))
