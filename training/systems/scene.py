"""Training of scene classifiers: the teacher on labels alone, the student on labels and on what the teacher says."""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.augment import mask
from training.nets.scene_teacher import SceneCNN
from training.scene.augment import cut_mix, random_mix_style
from training.scene.losses import decoupled, mixed_cross_entropy, plain
from training.scene.schedule import learning_rate_share

if TYPE_CHECKING:
    from training.scene.drawing import Batch
    from training.scene.recipe import Distillation, Optimiser, Picture, Precision


class SceneSystem(lightning.LightningModule):
    """Cross-entropy of the mixed windows, distillation where there is a teacher; the last weights, or their average.

    No epoch is picked afterwards, so no figure is the best of many.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: Optimiser,
        picture: Picture,
        steps_per_epoch: int,
        seed: int,
        teacher: nn.Module | None = None,
        teacher_precision: Precision = "float32",
        distillation: Distillation | None = None,
        events_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.settings, self.picture, self.distillation = optimiser, picture, distillation
        self.steps_per_epoch = steps_per_epoch
        self.events_weight = events_weight
        # In a list: a teacher is no part of what is trained, moved by the optimiser or written to a checkpoint.
        self._teacher = [teacher.eval()] if teacher is not None else []
        self._swift_teacher = teacher_precision == "bfloat16"
        self._averaged = (
            [AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(optimiser.average), use_buffers=True)]
            if optimiser.average > 0
            else []
        )
        self._draws = np.random.default_rng([seed, 1])
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def trained(self) -> nn.Module:
        """What is kept, in evaluation mode."""
        return (self._averaged[0].module if self._averaged else self.network).eval()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch."""
        features = self._masked(self._styled(batch.mixed))
        order, share = batch.order, batch.share
        if self.picture.cut_mix > 0 and share >= 1.0:
            features, order, share = cut_mix(features, self.picture.cut_mix, self._draws)
        logits, loss = self._supervised(features, batch, order, share)
        if self._teacher and self.distillation is not None and self.distillation.loss != "none":
            loss = loss + self._distilled(batch, logits)
        self.log("loss", loss, batch_size=len(batch.labels))
        return loss

    def _supervised(self, features: Tensor, batch: Batch, order: Tensor, share: float) -> tuple[Tensor, Tensor]:
        events: Tensor | None = None
        if self.events_weight > 0 and isinstance(self.network, SceneCNN):
            logits, events = self.network.both(features)
        else:
            logits = self.network(features)
        loss = _cross_entropy(logits, batch.labels, order, share)
        if events is not None:
            loss = loss + self.events_weight * _cross_entropy(events, batch.events, order, share)
        return logits, loss

    def _distilled(self, batch: Batch, logits: Tensor) -> Tensor:
        settings = self.distillation
        if settings is None:
            raise RuntimeError("a teacher needs settings of distillation")
        with torch.no_grad(), torch.autocast(self.device.type, torch.bfloat16, enabled=self._swift_teacher):
            taught = self._teacher[0](batch.taught).float()
        if settings.heard == "clean":
            logits = self.network(self._styled(batch.clean))
        if settings.loss == "plain":
            return settings.alpha * plain(logits, taught, settings.temperature)
        return decoupled(logits, taught, batch.labels, settings.alpha, settings.beta, settings.temperature)

    def _styled(self, features: Tensor) -> Tensor:
        if self.picture.style <= 0:
            return features
        return random_mix_style(features, self.picture.style, self.picture.style_share, self._draws)

    def _masked(self, features: Tensor) -> Tensor:
        if not self.picture.mask_bands and not self.picture.mask_frames:
            return features
        return mask(features, self.picture.mask_bands, self.picture.mask_frames, self._generator)

    def on_fit_start(self) -> None:
        """The teacher and the average go where the network went."""
        for module in (*self._teacher, *self._averaged):
            module.to(self.device)

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        """Average the weights, normalisation statistics included."""
        if self._averaged:
            self._averaged[0].update_parameters(self.network)

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam or AdamW with the recipe's schedule, which counts in epochs."""
        settings = self.settings
        kind = torch.optim.AdamW if settings.decoupled_decay else torch.optim.Adam
        optimiser = kind(self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_share(settings, step / self.steps_per_epoch)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate_share(settings: Optimiser, epoch: float) -> float:
    """Share of the learning rate at an epoch, 0..1."""
    if settings.schedule == "exponential-linear":
        return learning_rate_share(epoch, settings.warm_up, settings.length, settings.last)
    if epoch < settings.warm_up:
        return max(epoch, 0.5) / settings.warm_up
    done = min(1.0, (epoch - settings.warm_up) / settings.length)
    return settings.last + (1.0 - settings.last) * 0.5 * (1.0 + cos(pi * done))


def _cross_entropy(logits: Tensor, labels: Tensor, order: Tensor, share: float) -> Tensor:
    """Of the windows that have a label; a partner without one leaves the window's own label alone."""
    inside = labels >= 0
    if not bool(inside.any()):
        return logits.sum() * 0.0
    if share >= 1.0:
        return functional.cross_entropy(logits[inside], labels[inside])
    others = labels[order]
    others = torch.where(others >= 0, others, labels)
    shares = torch.full((len(labels),), share, device=labels.device)
    return mixed_cross_entropy(logits[inside], labels[inside], others[inside], shares[inside])
