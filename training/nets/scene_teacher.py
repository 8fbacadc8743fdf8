"""The larger network that teaches the scene classifier: plain convolutions, told of scenes and of single sounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.nets.mobileast import Levels
from training.nets.mobilevit import ConvNorm

if TYPE_CHECKING:
    from training.scene.recipe import Level


class SceneCNN(nn.Module):
    """Log mel `(batch, frames, 256)` -> logits of scenes `(batch, classes)`, and of events `(batch, events)`.

    Dense convolutions: four times the parameters of a depthwise network in the same time on one core.
    """

    def __init__(
        self, channels: tuple[int, ...], classes: int, events: int = 0, dropout: float = 0.3, level: Level = "absolute"
    ) -> None:
        super().__init__()
        self.levels = Levels(level)
        blocks: list[nn.Module] = []
        inward = 1
        for i, channel in enumerate(channels):
            blocks.append(ConvNorm(inward, channel, 3, "relu", stride=2))
            if i > 0:
                blocks.append(ConvNorm(channel, channel, 3, "relu"))
            inward = channel
        self.body = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(2 * inward, classes)
        self.events = nn.Linear(2 * inward, events) if events else None

    def embed(self, features: Tensor) -> Tensor:
        """Pooled maps `(batch, 2 * channels)`: mean over frequency, then mean and maximum over time."""
        maps = self.body(functional.avg_pool2d(self.levels(features), (2, 1))).mean(dim=2)  # (batch, channels, time)
        return torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of scenes alone."""
        return self.classifier(self.dropout(self.embed(features)))

    def both(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits of scenes and, where the network was made for them, of events."""
        pooled = self.dropout(self.embed(features))
        return self.classifier(pooled), None if self.events is None else self.events(pooled)
