"""Training of the bird encoder by distillation: the student's answer points where the teacher's does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, nn

from training.augment import mask, rotate

if TYPE_CHECKING:
    from training.fewshot.recipe import Distillation
    from training.nets.student import Student


class DistillationSystem(lightning.LightningModule):
    """1 - cosine between the student's answer and the whitened teacher; AdamW, cosine schedule with a warm-up."""

    def __init__(self, student: Student, settings: Distillation, total_steps: int, seed: int) -> None:
        super().__init__()
        self.student = student.to(memory_format=torch.channels_last)
        self.settings = settings
        self.total_steps = total_steps
        self._generator = torch.Generator().manual_seed(seed)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of one batch: features `(batch, frames, bands)` in dB, unit targets `(batch, 1024)`."""
        features, targets = self.blended(*batch)
        _, answers = self.student(self.disturbed(features))
        loss = 1.0 - nn.functional.cosine_similarity(answers, targets).mean()
        self.log("loss", loss, prog_bar=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        """Mean cosine on held-out mixtures."""
        features, targets = batch
        _, answers = self.student(features)
        cosine = nn.functional.cosine_similarity(answers, targets).mean()
        self.log("validation_cosine", cosine, batch_size=len(targets))

    def blended(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Some windows with another one of the batch on top, in power; their targets weigh as the amplitudes do."""
        settings = self.settings
        batch = len(features)
        if settings.blend_share == 0.0:
            return features, targets
        other = torch.randperm(batch, generator=self._generator)
        gain = self._uniform(batch, settings.blend_db)
        gain = torch.where(self._chosen(batch, settings.blend_share)[:, 0, 0], gain, torch.full_like(gain, -torch.inf))
        power = 10.0 ** (features / 10.0)
        mean = power.mean(dim=(1, 2)).clamp_min(1e-12)
        weight = 10.0 ** (gain / 10.0)
        power = power + (weight * mean / mean[other])[:, None, None] * power[other]
        blend = targets + weight.sqrt()[:, None] * targets[other]
        return 10.0 * torch.log10(power.clamp_min(1e-12)), nn.functional.normalize(blend, dim=1)

    def disturbed(self, features: Tensor) -> Tensor:
        """What changes the sound but not the answer: a turn in time, steady noise, masks."""
        settings = self.settings
        batch, _, bands = features.shape
        width = settings.roll_frames
        shifts = torch.randint(-width, width + 1, (batch,), generator=self._generator)
        features = rotate(features, shifts)
        slope = torch.rand(batch, 1, generator=self._generator) * 20.0 - 15.0  # dB from the lowest to the highest band
        shape = slope * torch.linspace(0.0, 1.0, bands)  # (batch, bands)
        level = self._uniform(batch, settings.noise_db) + features.amax(dim=(1, 2)) - shape.amax(dim=1)
        # One draw of a mel band's power in noise is about exponential.
        power = torch.empty(features.shape).exponential_(generator=self._generator).clamp_min(1e-3)
        noise = level[:, None, None] + shape[:, None, :] + 10.0 * torch.log10(power)
        noisy = 10.0 * torch.log10(10.0 ** (features / 10.0) + 10.0 ** (noise / 10.0))
        features = torch.where(self._chosen(batch, settings.noise_share), noisy, features)
        masked = mask(features, settings.mask_bands, settings.mask_frames, self._generator)
        return torch.where(self._chosen(batch, settings.mask_share), masked, features)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW over the steps of the whole run; no decay on biases and normalisation."""
        settings = self.settings
        decayed = [p for p in self.student.parameters() if p.ndim > 1]
        free = [p for p in self.student.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": free, "weight_decay": 0.0}]
        optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=settings.learning_rate, total_steps=self.total_steps, pct_start=settings.warm_up
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _uniform(self, batch: int, bounds: tuple[float, float]) -> Tensor:
        return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(batch, generator=self._generator)

    def _chosen(self, batch: int, share: float) -> Tensor:
        return (torch.rand(batch, generator=self._generator) < share)[:, None, None]
