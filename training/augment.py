"""Augmentation of features in dB, cheap enough to be drawn anew in each epoch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class MaskSizes(NamedTuple):
    """Widest stretch of bands and of frames that one mask hides."""

    bands: int
    frames: int


PAPER_SIZES = MaskSizes(bands=30, frames=10)
"""SpecAugment of the few-shot paper's text, for 128 bands and 251 frames of 20 ms."""

RELEASED_SIZES = MaskSizes(bands=10, frames=30)
"""The same in the code released with it, which swaps the two."""


def mask(
    features: Tensor, widest_bands: int, widest_frames: int, generator: torch.Generator, stretches: int = 1
) -> Tensor:
    """Features `(batch, frames, bands)` with `stretches` of bands and as many of frames set to the window's mean.

    Each stretch is up to the given width and has its own place in every window; stretches may overlap.
    """
    batch, frames, bands = features.shape
    hidden = torch.zeros(batch, frames, bands, dtype=torch.bool)
    for _ in range(stretches):
        hidden = hidden | _stretches(batch, bands, widest_bands, generator)[:, None, :]
        hidden = hidden | _stretches(batch, frames, widest_frames, generator)[:, :, None]
    return torch.where(hidden.to(features.device), features.mean(dim=(1, 2), keepdim=True), features)


def spec_augment(features: Tensor, sizes: MaskSizes, generator: torch.Generator) -> Tensor:
    """Features `(batch, frames, bands)` with three masks on either axis, in every window.

    The released code leaves 16 % of its batches alone and fills with zero, its smallest cell; the paper says neither.
    """
    return mask(features, sizes.bands, sizes.frames, generator, stretches=3)


def time_shift(features: Tensor, generator: torch.Generator) -> Tensor:
    """Features `(batch, frames, bands)`, each window turned by its own random number of frames.

    The paper does not say how often it draws; the released code draws one shift per batch and view.
    """
    batch, frames, _ = features.shape
    return rotate(features, torch.randint(0, frames, (batch,), generator=generator))


def rotate(features: Tensor, shifts: Tensor) -> Tensor:
    """Features `(batch, frames, bands)` moved later by `shifts` `(batch,)` frames; the end re-enters at the start."""
    frames = features.shape[1]
    sources = (torch.arange(frames)[None, :] - shifts[:, None]) % frames  # (batch, frames)
    return torch.take_along_dim(features, sources[:, :, None].to(features.device), dim=1)


def spectrogram_mix(features: Tensor, generator: torch.Generator, least_share: float = 0.6) -> Tensor:
    """Features mixed with those of the batch in another order; one share, `least_share`..1, for the whole batch.

    Linear in whatever unit the features have, dB in the paper: a texture of both rather than their sound together.
    """
    order = torch.randperm(len(features), generator=generator)
    share = least_share + (1.0 - least_share) * torch.rand(1, generator=generator)
    return blend(features, order, share.expand(len(features)))


def frequency_shift(features: Tensor, generator: torch.Generator, widest: int = 10) -> Tensor:
    """Features `(batch, frames, bands)`, each window moved by 0..`widest` bands up or down; the edge band is repeated.

    This and the next three the few-shot paper found harmful and does not specify: strengths and forms are our own.
    """
    batch, _, bands = features.shape
    shifts = torch.randint(-widest, widest + 1, (batch, 1), generator=generator)
    sources = (torch.arange(bands)[None, :] - shifts).clamp(0, bands - 1)  # (batch, bands)
    return torch.take_along_dim(features, sources[:, None, :].to(features.device), dim=2)


def white_noise(features: Tensor, generator: torch.Generator, most: float = 0.1) -> Tensor:
    """Features with Gaussian noise on every cell; each window has its own deviation, 0..`most` in their unit."""
    deviations = most * torch.rand(len(features), 1, 1, generator=generator)
    return features + (deviations * torch.randn(features.shape, generator=generator)).to(features)


def compression(features: Tensor, generator: torch.Generator, strongest: float = 4.0) -> Tensor:
    """Features whose louder cells are pulled down: what lies above a threshold is divided by a ratio 1..`strongest`.

    Each window has its own threshold, from its mean to its maximum, and its own ratio.
    """
    draws = torch.rand(2, len(features), 1, 1, generator=generator).to(features)
    middle, loudest = features.mean(dim=(1, 2), keepdim=True), features.amax(dim=(1, 2), keepdim=True)
    threshold = middle + draws[0] * (loudest - middle)
    above = (features - threshold).clamp_min(0.0)
    return features - above * (1.0 - 1.0 / (1.0 + draws[1] * (strongest - 1.0)))


def resized_crop(features: Tensor, generator: torch.Generator, least: float = 0.6) -> Tensor:
    """Features `(batch, frames, bands)`, each a part of its window, `least`..1 of either side, stretched to it."""
    batch, frames, bands = features.shape
    sides = least + (1.0 - least) * torch.rand(batch, 2, generator=generator)
    # Centres in -1..1, such that the part lies inside.
    centres = (1.0 - sides) * (2.0 * torch.rand(batch, 2, generator=generator) - 1.0)
    time, band = (((torch.arange(size) + 0.5) * 2.0 / size - 1.0)[None, :] for size in (frames, bands))
    rows = centres[:, :1] + sides[:, :1] * time  # (batch, frames)
    columns = centres[:, 1:] + sides[:, 1:] * band  # (batch, bands)
    grid = torch.stack(
        [columns[:, None, :].expand(-1, frames, -1), rows[:, :, None].expand(-1, -1, bands)], dim=3
    )  # (batch, frames, bands, 2)
    grid = grid.to(features)
    return functional.grid_sample(features[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def mixup(features: Tensor, labels: Tensor, beta: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Convex mixtures of the batch with itself in another order; labels mix likewise."""
    order = torch.randperm(len(labels), generator=generator)
    low = torch.rand(len(labels), generator=generator).pow(1.0 / beta)
    high = torch.rand(len(labels), generator=generator).pow(1.0 / beta)
    share = low / (low + high).clamp_min(1e-6)
    share = torch.maximum(share, 1.0 - share)
    return blend(features, order, share), share * labels + (1.0 - share) * labels[order]


def blend(features: Tensor, order: Tensor, share: Tensor) -> Tensor:
    """`share` `(batch,)` of each window `(batch, frames, bands)`, the rest of the window that `order` names."""
    share = share.to(features)[:, None, None]
    return share * features + (1.0 - share) * features[order.to(features.device)]


def _stretches(batch: int, size: int, widest: int, generator: torch.Generator) -> Tensor:
    """Boolean `(batch, size)`, true within a stretch of 0..widest cells."""
    widths = torch.randint(0, widest + 1, (batch, 1), generator=generator)
    starts = (torch.rand(batch, 1, generator=generator) * (size - widths + 1)).long()
    positions = torch.arange(size)[None, :]
    return (positions >= starts) & (positions < starts + widths)
