"""Features of a bird's call made by hand: what its spectrum is, how it varies, and how it ripples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.fewshot.gabor import STRIDE, GaborEnergies

if TYPE_CHECKING:
    from collections.abc import Mapping

FRAMES, BANDS = 147, 128
"""Of a window of the spec `bird`: 2.98 s."""

QUIET = 30
"""Frames, a fifth: the highest of the quietest in a band is its floor, the 20th percentile."""

ACTIVE = 29
"""Frames, a fifth: the loudest above the floor are taken for the call."""

LOUDEST = 15
"""Frames, a tenth, in which a Gabor filter answers most."""

PLACES = 8
"""Stretches of the frequency axis that a Gabor filter's answer is kept for."""

COEFFICIENTS = 24
"""Of the cepstrum, without the level."""

RATE_BINS, SCALE_BINS = 9, 8
"""Of the modulation spectrum, spaced evenly in the logarithm."""


class HandMade(nn.Module):
    """Raw dB windows `(batch, 147, 128)` of spec `bird` -> float32 `(batch, size)`; nothing in it is trained.

    Independent of level, as far as the spec's own floor of -90 dB lets it. `groups` names what lies beside one another:

    - `gabor`: answers of 28 Gabor filters over time and frequency, in 8 stretches of the frequency axis, their mean
      over the window and over the tenth of it where they answer most, in logarithms.
    - `spectrum`: mean (without level) and deviation of each band over the active frames.
    - `cepstral`: covariance of the cepstrum over the active frames, signed square roots.
    - `movement`: the same of the cepstrum's slope over five frames.
    - `modulation`: spectrum of the whole window over time and frequency, rising and falling, in logarithms.
    """

    over_time: Tensor
    over_bands: Tensor
    rate_bins: Tensor
    scale_bins: Tensor
    cepstrum: Tensor
    pairs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.gabor = GaborEnergies()
        pairs = torch.triu_indices(COEFFICIENTS, COEFFICIENTS)
        self.register_buffer("cepstrum", _cosines(), persistent=False)
        self.register_buffer("pairs", pairs[0] * COEFFICIENTS + pairs[1], persistent=False)
        # A whole transform by products: the network format's own is slow where the length is no power of two.
        self.register_buffer(
            "over_time", _fourier(FRAMES, FRAMES // 2, torch.hann_window(FRAMES, False)), persistent=False
        )
        self.register_buffer("over_bands", _fourier(BANDS, BANDS // 2 - 1, torch.ones(BANDS)), persistent=False)
        self.register_buffer("rate_bins", _log_bins(FRAMES // 2, RATE_BINS), persistent=False)
        self.register_buffer("scale_bins", _log_bins(BANDS // 2 - 1, SCALE_BINS), persistent=False)
        covariances = COEFFICIENTS * (COEFFICIENTS + 1) // 2
        self.groups: Mapping[str, int] = {
            "gabor": 2 * PLACES * self.gabor.maps,
            "spectrum": 2 * BANDS,
            "cepstral": covariances,
            "movement": covariances,
            "modulation": RATE_BINS * (2 * SCALE_BINS + 1),
        }
        """Group -> how many features, in their order."""

    @property
    def size(self) -> int:
        """Features of a window."""
        return sum(self.groups.values())

    def forward(self, windows: Tensor) -> Tensor:
        """As the class says."""
        floor = windows.topk(QUIET, dim=1, largest=False).values.amax(dim=1, keepdim=True)
        above = (windows - floor).clamp_min(0.0)  # dB, (batch, frames, bands)
        active = above.mean(dim=2).topk(ACTIVE, dim=1).indices[:, :, None].expand(-1, -1, BANDS)
        slope = _slope(above)
        parts = (
            self._ripples(above),
            _spectrum(windows.gather(1, active)),
            self._covariance(above.gather(1, active), centred=True),
            self._covariance(slope.gather(1, active), centred=False),
            self._modulation(above),
        )
        return torch.cat(parts, dim=1)

    def _ripples(self, above: Tensor) -> Tensor:
        energies = self.gabor(above)  # (batch, maps, frames, positions)
        placed = energies.unflatten(3, (PLACES, BANDS // STRIDE // PLACES)).mean(dim=4)
        most = placed.topk(LOUDEST, dim=2).values.mean(dim=2)
        return torch.log(torch.cat([placed.mean(dim=2), most], dim=1) + 0.05).flatten(1)

    def _covariance(self, frames: Tensor, centred: bool) -> Tensor:
        cepstra = frames @ self.cepstrum
        if centred:
            cepstra = cepstra - cepstra.mean(dim=1, keepdim=True)
        products = cepstra.transpose(1, 2) @ cepstra / ACTIVE
        chosen = products.flatten(1).index_select(1, self.pairs)
        return chosen.sign() * chosen.abs().sqrt()

    def _modulation(self, above: Tensor) -> Tensor:
        """Magnitudes of the two-dimensional Fourier transform, without rates of 0, pooled."""
        deviation = _deviation(above.flatten(1))[:, :, None]
        scaled = (above - above.mean(dim=(1, 2), keepdim=True)) / (deviation + 1.0)
        cosine, sine = (self.over_time.transpose(1, 2) @ scaled[:, None]).unbind(1)  # (batch, rates, bands)
        steady = torch.sqrt(cosine.sum(dim=2).square() + sine.sum(dim=2).square() + 1e-6)
        cc, cs = cosine @ self.over_bands[0], cosine @ self.over_bands[1]  # (batch, rates, scales)
        sc, ss = sine @ self.over_bands[0], sine @ self.over_bands[1]
        falling = torch.sqrt((cc - ss).square() + (cs + sc).square() + 1e-6)
        rising = torch.sqrt((cc + ss).square() + (cs - sc).square() + 1e-6)
        pooled = [(self.rate_bins @ one @ self.scale_bins.T).flatten(1) for one in (falling, rising)]
        return torch.log(torch.cat([*pooled, steady @ self.rate_bins.T], dim=1) + 10.0)


def _spectrum(frames: Tensor) -> Tensor:
    mean = frames.mean(dim=1)  # (batch, bands)
    deviation = _deviation(frames.transpose(1, 2)).squeeze(2)
    return torch.cat([mean - mean.mean(dim=1, keepdim=True), deviation], dim=1)


def _deviation(values: Tensor) -> Tensor:
    """Standard deviation along the last axis, which is kept with length 1."""
    return (values - values.mean(dim=-1, keepdim=True)).square().mean(dim=-1, keepdim=True).sqrt()


def _slope(above: Tensor) -> Tensor:
    """Difference of the frames after and before, the nearer ones at half weight; 0 in the two at either end."""
    inner = above[:, 4:] - above[:, :-4] + 0.5 * (above[:, 3:-1] - above[:, 1:-3])
    return nn.functional.pad(inner, (0, 0, 2, 2))


def _cosines() -> Tensor:
    """`(bands, coefficients)`: bands -> cepstrum without its first, which is the level."""
    places = torch.arange(BANDS, dtype=torch.float64)[:, None] + 0.5
    order = torch.arange(1, COEFFICIENTS + 1, dtype=torch.float64)[None]
    return (torch.cos(math.pi / BANDS * places * order) / math.sqrt(BANDS / 2)).float()


def _fourier(length: int, frequencies: int, taper: Tensor) -> Tensor:
    """Cosines and sines of 1.. cycles in the whole length, `(2, length, frequencies)`."""
    place = torch.arange(length, dtype=torch.float64)[:, None]
    angle = 2 * math.pi / length * place * torch.arange(1, frequencies + 1, dtype=torch.float64)[None]
    return (torch.stack([torch.cos(angle), torch.sin(angle)]) * taper[:, None]).float()


def _log_bins(frequencies: int, bins: int) -> Tensor:
    """Overlapping triangles on the logarithm of 1..frequencies cycles, each of sum 1: `(bins, frequencies)`."""
    edges = torch.logspace(math.log10(0.5), math.log10(frequencies), bins + 2)
    place = torch.arange(1, frequencies + 1)[None] - 0.5
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    weights = torch.minimum((place - low) / (centre - low), (high - place) / (high - centre)).clamp_min(0.0)
    # The lowest triangles may fall between two frequencies: they take what is near.
    near = torch.exp(-2.0 * (place - centre).square())
    weights = torch.where(weights.sum(dim=1, keepdim=True) < 0.5, near, weights)
    return weights / weights.sum(dim=1, keepdim=True)
