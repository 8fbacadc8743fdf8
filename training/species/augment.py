"""Masks and mixtures of normalised features, as the primate paper and the code released with it have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from training.species.recipe import Picture

STRIPES = 2
"""Of each axis at most."""


def masked(features: Tensor, picture: Picture, generator: torch.Generator) -> Tensor:
    """Features `(batch, ..., frames, bands)` with stripes of frames and of bands set to 0, the normalised mean.

    `paper`: 0, 1 or 2 stripes of up to the widest width on either axis, the same for the batch. `released`: always two,
    narrower than the widest width, each window its own.
    """
    if picture.masks == "none":
        return features
    frames, bands = features.shape[-2:]
    batch = len(features)
    hidden = _stripes(batch, frames, picture.mask_frames, picture.masks, generator)[:, :, None]
    hidden = hidden | _stripes(batch, bands, picture.mask_bands, picture.masks, generator)[:, None, :]
    shape = (batch, *(1,) * (features.ndim - 3), frames, bands)
    return features.masked_fill(hidden.view(shape).to(features.device), 0.0)


def _stripes(batch: int, size: int, widest: int, kind: str, generator: torch.Generator) -> Tensor:
    """Boolean `(batch, size)`."""
    rows = 1 if kind == "paper" else batch
    count = int(torch.randint(0, STRIPES + 1, (1,), generator=generator)) if kind == "paper" else STRIPES
    positions = torch.arange(size)[None, :]
    hidden = torch.zeros(rows, size, dtype=torch.bool)
    for _ in range(count):
        most = min(widest if kind == "paper" else widest - 1, size)
        if most < 1:
            continue
        widths = torch.randint(0, most + 1, (rows, 1), generator=generator)
        starts = (torch.rand(rows, 1, generator=generator) * (size - widths + 1)).long()
        hidden = hidden | ((positions >= starts) & (positions < starts + widths))
    return hidden.expand(batch, size)


def mixed_pairs(values: Tensor, shares: Tensor) -> Tensor:
    """`(2 n, ...)` -> `(n, ...)`: `shares` `(n,)` of each even row, the rest of the odd row after it; section 3.3."""
    share = shares.to(values).view(-1, *[1] * (values.ndim - 1))
    return share * values[0::2] + (1.0 - share) * values[1::2]


def draw_shares(count: int, beta: float, generator: torch.Generator) -> Tensor:
    """So many draws of Beta(`beta`, `beta`), 0..1."""
    first, second = (_log_gamma_draw(count, beta, generator) for _ in range(2))
    return torch.sigmoid(first - second)


def _log_gamma_draw(count: int, shape: float, generator: torch.Generator) -> Tensor:
    """Logarithms of Gamma(`shape`, 1) draws; small shapes give numbers that only a logarithm can hold."""
    # Gamma(a) = Gamma(a + 1) U^(1/a). torch's distributions draw from the global generator, this function from ours.
    concentration = torch.full((count,), shape + 1.0, dtype=torch.float64)
    larger = torch._standard_gamma(concentration, generator=generator)
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    return torch.log(larger) + torch.log(uniform.clamp_min(1e-300)) / shape
