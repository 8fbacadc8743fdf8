"""Four convolutions: the small network of the few-shot literature, for comparisons that a long training would not bear.

After Vinyals et al., "Matching networks for one shot learning" (NeurIPS 2016), with strides in the place of pooling;
bands stay apart to the end, where only time is averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.nets.mobilenet import WIDTH

CHANNELS = (24, 48, 96, 240)
ROWS = 4
"""Parts of the frequency axis that the embedding keeps: 240 channels in each make its 960 values."""


class ConvFour(nn.Module):
    """Scaled features `(batch, frames, bands)` -> embedding `(batch, 960)`; at least one frame and one band."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        # Convolutions do not know the frequency that they are at, and a species is its frequency: a channel tells them.
        width = 2
        for channels in CHANNELS:
            blocks += [nn.Conv2d(width, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            width = channels
        self.body = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d((1, ROWS))
        if width * ROWS != WIDTH:
            raise ValueError(f"{width} channels in {ROWS} parts are not {WIDTH} values")

    def forward(self, scaled: Tensor) -> Tensor:
        """As the class says."""
        position = torch.linspace(-1.0, 1.0, scaled.shape[2], device=scaled.device).expand_as(scaled)
        return self.pool(self.body(torch.stack([scaled, position], dim=1))).flatten(1)
