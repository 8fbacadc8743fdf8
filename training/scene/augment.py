"""What is drawn anew for log-mel windows of scenes: the styles of other recorders, and patches of other windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

EPSILON = 1e-6


def mix_style(features: Tensor, order: Tensor, share: Tensor) -> Tensor:
    """Windows `(batch, frames, bands)` with each band's mean and deviation moved towards those of another window.

    `order` `(batch,)` names the other; `share` `(batch,)`, 0..1, is what stays of the own. Frequency-wise MixStyle
    (Zhou et al., 2021, in the form of Schmid et al., DCASE 2022): unbiased variance, 1e-6 under the root.
    """
    mean = features.mean(dim=1, keepdim=True)
    deviation = (features.var(dim=1, keepdim=True) + EPSILON).sqrt()
    kept, order = share.to(features)[:, None, None], order.to(features.device)
    new_mean = kept * mean + (1.0 - kept) * mean[order]
    new_deviation = kept * deviation + (1.0 - kept) * deviation[order]
    return (features - mean) / deviation * new_deviation + new_mean


def random_mix_style(features: Tensor, alpha: float, chance: float, generator: np.random.Generator) -> Tensor:
    """`mix_style` of the whole batch with probability `chance`, shares from Beta(alpha, alpha), one each window."""
    if generator.random() >= chance:
        return features
    order = torch.from_numpy(generator.permutation(len(features)))
    share = torch.from_numpy(generator.beta(alpha, alpha, len(features)))
    return mix_style(features, order, share)


def cut_mix(features: Tensor, alpha: float, generator: np.random.Generator) -> tuple[Tensor, Tensor, float]:
    """Windows with one rectangle from another window, the order of the others `(batch,)`, and the share that is kept.

    The rectangle has 1 - Beta(alpha, alpha) of the area and lies anywhere, cut off at the edges (Yun et al., 2019).
    """
    batch, frames, bands = features.shape
    side = float(1.0 - generator.beta(alpha, alpha)) ** 0.5
    spans: list[slice] = []
    for size in (frames, bands):
        middle, half = int(generator.integers(size)), round(side * size) // 2
        spans.append(slice(max(0, middle - half), min(size, middle + half)))
    order = torch.from_numpy(generator.permutation(batch)).to(features.device)
    mixed = features.clone()
    mixed[:, spans[0], spans[1]] = features[order][:, spans[0], spans[1]]
    area = (spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start)
    return mixed, order, 1.0 - area / (frames * bands)
