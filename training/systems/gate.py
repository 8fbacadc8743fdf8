"""Training of the bird-activity gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, nn

from training.augment import mask, mixup
from training.evaluate import average_precision, roc_auc

if TYPE_CHECKING:
    from training.config import Optimiser


class GateSystem(lightning.LightningModule):
    """Binary cross-entropy with smoothed labels, AdamW, one cycle of the learning rate; the last weights count.

    No epoch is picked afterwards, so validation figures are not the best of many.
    """

    def __init__(self, network: nn.Module, optimiser: Optimiser, total_steps: int, seed: int) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.optimiser = optimiser
        self.total_steps = total_steps
        self._generator = torch.Generator().manual_seed(seed)
        self._scores: list[Tensor] = []
        self._labels: list[Tensor] = []

    def forward(self, features: Tensor) -> Tensor:
        """Features `(batch, frames, bands)` -> logits `(batch,)`."""
        return self.network(features)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of one batch."""
        features, labels = batch
        settings = self.optimiser
        features = mask(features, settings.mask_bands, settings.mask_frames, self._generator)
        if settings.mixup:
            features, labels = mixup(features, labels, settings.mixup, self._generator)
        targets = labels * (1.0 - settings.label_smoothing) + 0.5 * settings.label_smoothing
        loss = nn.functional.binary_cross_entropy_with_logits(self(features).float(), targets)
        self.log("loss", loss, prog_bar=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Collect scores; figures come at the end of the epoch."""
        features, labels = batch
        self._scores.append(self(features).float())
        self._labels.append(labels)

    def on_validation_epoch_end(self) -> None:
        """AUC and average precision over all validation windows."""
        scores, labels = torch.cat(self._scores).numpy(), torch.cat(self._labels).numpy()
        self._scores.clear()
        self._labels.clear()
        if 0 < labels.sum() < len(labels):
            self.log("validation_auc", roc_auc(labels, scores), prog_bar=True)
            self.log("validation_ap", average_precision(labels, scores))

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW over the steps of the whole run."""
        settings = self.optimiser
        optimiser = torch.optim.AdamW(self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=settings.learning_rate, total_steps=self.total_steps, pct_start=0.15
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
