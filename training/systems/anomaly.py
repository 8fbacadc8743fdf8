"""Training of the machine extractor by outlier exposure, and of its domain classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor

from training.anomaly.losses import domain_loss, machine_loss, section_loss, target_ramp, total_loss

if TYPE_CHECKING:
    from training.anomaly.batches import Batch
    from training.anomaly.recipe import Losses, Optimiser
    from training.nets.asd import Extractor


class AnomalySystem(lightning.LightningModule):
    """Eq. 3, with domain batches Eq. 6; AdamW with one cycle over all steps (Kuroyanagi et al. 2022, section 3.1)."""

    def __init__(
        self, extractor: Extractor, losses: Losses, optimiser: Optimiser, total_steps: int, domain: bool = False
    ) -> None:
        super().__init__()
        self.extractor = extractor.to(memory_format=torch.channels_last)
        self.losses = losses
        self.optimiser = optimiser
        self.total_steps = total_steps
        self.domain = domain

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        loss = self.loss(batch, self.global_step)
        self.log("loss", loss, batch_size=len(batch.machine))
        return loss

    def loss(self, batch: Batch, step: int) -> Tensor:
        """Eq. 3 or 6 of a batch at a step."""
        outputs = self.extractor(batch.features)
        machine = machine_loss(outputs.machine.float(), batch.machine)
        section = section_loss(outputs.section.float(), batch.section, batch.sectioned)
        if not self.domain:
            return torch.as_tensor(total_loss(machine, section, self.losses.section))
        ramp = target_ramp(min(step, self.total_steps), self.total_steps)
        weight = torch.where(batch.domain > 0, ramp, 1.0)
        domain = domain_loss(outputs.domain.float(), batch.domain, batch.machine, weight)
        return torch.as_tensor(total_loss(machine, section, self.losses.section, domain, self.losses.domain))

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW and OneCycleLR by step."""
        rate = self.optimiser.learning_rate
        optimiser = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=self.optimiser.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=self.total_steps + 1)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
