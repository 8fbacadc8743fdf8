"""Two-dimensional Gabor filters: how strongly a spectrogram ripples over time and frequency, and where."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

RATES = ((0.04, 8.0), (0.08, 5.0), (0.16, 3.0), (0.3, 1.6))
"""Ripples over time: cycles a frame (50 frames a second: 2, 4, 8 and 15 Hz) and width of the envelope in frames."""

SCALES = ((0.03, 10.0), (0.07, 6.0), (0.15, 3.0))
"""Ripples over frequency: cycles a band, and width of the envelope in bands."""

FLAT = 4.0
"""Width in bands of the filter that has no ripple over frequency."""

STRIDE = 4
"""Bands between two positions of a filter."""


class GaborEnergies(nn.Module):
    """Spectrograms `(batch, frames, bands)` -> magnitudes `(batch, maps, frames, bands / 4)`, 0 or more.

    A complex filter for each rate with no ripple over frequency, and for each rate and scale one whose ripples rise and
    one whose ripples fall. Zero beyond the edges.
    """

    over_time: Tensor
    over_bands: Tensor

    def __init__(self) -> None:
        super().__init__()
        length = 2 * math.ceil(2 * max(width for _, width in RATES)) + 1
        over_time = [part for rate, width in RATES for part in _morlet(length, rate, width)]
        self.register_buffer("over_time", torch.stack(over_time)[:, None, :, None], persistent=False)
        length = 2 * math.ceil(2 * max(width for _, width in SCALES)) + 1
        over_bands = [_envelope(length, FLAT), *(part for scale in SCALES for part in _morlet(length, *scale))]
        self.register_buffer("over_bands", torch.stack(over_bands)[:, None, None, :], persistent=False)

    @property
    def maps(self) -> int:
        """Number of filters."""
        return len(RATES) * (1 + 2 * len(SCALES))

    def forward(self, spectrogram: Tensor) -> Tensor:
        """As the class says."""
        frames, bands = spectrogram.shape[1], spectrogram.shape[2]
        rippled = functional.conv2d(spectrogram[:, None], self.over_time, padding="same")  # (batch, 2 rates, t, f)
        single = rippled.reshape(-1, 1, frames, bands)
        both = functional.conv2d(
            single, self.over_bands, stride=(1, STRIDE), padding=(0, self.over_bands.shape[-1] // 2)
        )
        both = both.reshape(-1, len(RATES), 2, 1 + 2 * len(SCALES), frames, both.shape[-1])
        cosine, sine = both[:, :, 0], both[:, :, 1]  # over time; each (batch, rates, 1 + 2 scales, t, positions)
        flat = _magnitude(cosine[:, :, :1], sine[:, :, :1])
        cc, cs, sc, ss = cosine[:, :, 1::2], cosine[:, :, 2::2], sine[:, :, 1::2], sine[:, :, 2::2]
        # Products of the two complex exponentials: one of either direction.
        falling, rising = _magnitude(cc - ss, cs + sc), _magnitude(cc + ss, cs - sc)
        return torch.cat([flat, falling, rising], dim=2).flatten(1, 2)


def _envelope(length: int, width: float) -> Tensor:
    """Gaussian `(length,)` of sum 1."""
    place = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    envelope = torch.exp(-0.5 * (place / width) ** 2)
    return (envelope / envelope.sum()).float()


def _morlet(length: int, frequency: float, width: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine `(length,)` under a Gaussian, cut at two widths; neither answers to a constant."""
    place = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    envelope = torch.exp(-0.5 * (place / width) ** 2) * (place.abs() <= 2 * width)
    envelope = envelope / envelope.sum()
    cosine = torch.cos(2 * math.pi * frequency * place)
    cosine = cosine - (cosine * envelope).sum()
    return (cosine * envelope).float(), (torch.sin(2 * math.pi * frequency * place) * envelope).float()


def _magnitude(real: Tensor, imaginary: Tensor) -> Tensor:
    return torch.sqrt(real.square() + imaginary.square() + 1e-6)
