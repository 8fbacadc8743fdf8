"""Training of the classifiers of sound classes, C1 and C2 alike."""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from training.sound.recipe import SoundOptimiser


class SoundClassSystem(lightning.LightningModule):
    """Cross-entropy and Adam (Koppelman et al., 4.3); the weights after the last step count, none are picked."""

    def __init__(self, network: nn.Module, optimiser: SoundOptimiser, total_steps: int, seed: int) -> None:
        super().__init__()
        self.network = network
        self.optimiser = optimiser
        self.total_steps = total_steps
        self._generator = torch.Generator().manual_seed(seed)

    def forward(self, features: Tensor) -> Tensor:
        """Vectors `(batch, 5, 9)` -> logits `(batch, 4)`."""
        return self.network(features)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of one batch."""
        features, labels = batch
        settings = self.optimiser
        if settings.gain_db:
            gains = torch.rand(len(labels), 1, 1, generator=self._generator) * 2.0 - 1.0
            features = features + settings.gain_db * gains.to(features)
        if settings.shuffle:
            # What kind of sound it is does not depend on which two seconds came first.
            features = features[:, torch.randperm(features.shape[1], generator=self._generator).to(features.device)]
        targets = nn.functional.one_hot(labels, 4).to(features)
        if settings.mixup:
            share = self._beta(settings.mixup)
            order = torch.randperm(len(labels), generator=self._generator).to(labels.device)
            features = share * features + (1.0 - share) * features[order]
            targets = share * targets + (1.0 - share) * targets[order]
        return nn.functional.cross_entropy(self(features), targets)

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam, its rate falling along half a cosine to a share of itself."""
        settings = self.optimiser
        optimiser = torch.optim.Adam(self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)

        def rate(step: int) -> float:
            return settings.last + (1.0 - settings.last) * 0.5 * (1.0 + cos(pi * min(1.0, step / self.total_steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _beta(self, parameter: float) -> float:
        """A share from Beta(parameter, parameter), from two gamma draws of the seeded generator."""
        draws = torch._standard_gamma(torch.full((2,), parameter), generator=self._generator)
        return float(draws[0] / draws.sum().clamp_min(1e-12))
