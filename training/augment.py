"""Augmentation of features in dB, cheap enough to be drawn anew in each epoch."""

from __future__ import annotations

import torch
from torch import Tensor


def mask(features: Tensor, widest_bands: int, widest_frames: int, generator: torch.Generator) -> Tensor:
    """Features `(batch, frames, bands)` with one stretch of bands and one of frames set to the window's mean.

    Each stretch is up to the given width and has its own place in every window.
    """
    batch, frames, bands = features.shape
    hidden = _stretches(batch, bands, widest_bands, generator)[:, None, :]
    hidden = hidden | _stretches(batch, frames, widest_frames, generator)[:, :, None]
    return torch.where(hidden, features.mean(dim=(1, 2), keepdim=True), features)


def mixup(features: Tensor, labels: Tensor, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Convex mixtures of the batch with itself in another order; labels mix likewise."""
    order = torch.randperm(len(labels), generator=generator)
    low = torch.rand(len(labels), generator=generator).pow(1.0 / beta)
    high = torch.rand(len(labels), generator=generator).pow(1.0 / beta)
    share = low / (low + high).clamp_min(1e-6)
    share = torch.maximum(share, 1.0 - share)
    mixed = share[:, None, None] * features + (1.0 - share[:, None, None]) * features[order]
    return mixed, share * labels + (1.0 - share) * labels[order]


def _stretches(batch: int, size: int, widest: int, generator: torch.Generator) -> Tensor:
    """Boolean `(batch, size)`, true within a stretch of 0..widest cells."""
    widths = torch.randint(0, widest + 1, (batch, 1), generator=generator)
    starts = (torch.rand(batch, 1, generator=generator) * (size - widths + 1)).long()
    positions = torch.arange(size)[None, :]
    return (positions >= starts) & (positions < starts + widths)
