"""The network that learns the teacher's embedding: MobileNetV3-Large between a scaling and a head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from training.nets.mobilenet import WIDTH, MobileNetEncoder

if TYPE_CHECKING:
    from torch import Tensor

TARGET_WIDTH = 1024
"""Of the teacher's embedding."""
LEAST_DEVIATION_DB = 2.0
"""Below it a window is not stretched further: digital silence stays flat."""


class Scale(nn.Module):
    """Raw dB `(batch, frames, bands)` -> mean 0 and deviation about 1 over each window: no window depends on another.

    The paper scales by the smallest and largest cell (of the batch, in its code); a loud click moves those, not these.
    """

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        centred = features - features.mean(dim=(1, 2), keepdim=True)
        deviation = centred.square().mean(dim=(1, 2), keepdim=True).sqrt()
        return centred / (deviation + LEAST_DEVIATION_DB)


class Student(nn.Module):
    """Raw dB `(batch, frames, bands)` -> pooled `(batch, 960)` and the target's estimate `(batch, 1024)`."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale()
        self.encoder = MobileNetEncoder()
        self.head = nn.Linear(WIDTH, TARGET_WIDTH)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """As the class says."""
        pooled = self.encoder(self.scale(features))
        return pooled, self.head(pooled)
