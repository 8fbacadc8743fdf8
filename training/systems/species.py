"""Training of species classifiers: balanced batches, masks, mixtures, and an average of the weights beside them."""

from __future__ import annotations

import copy
from math import cos, pi
from typing import TYPE_CHECKING, Any, Literal

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.species.augment import draw_shares, masked, mixed_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.nets.pann import PannNetwork
    from training.species.recipe import Average, SpeciesSettings

Outcome = Literal["independent", "exclusive", "hierarchical"]


class MovingAverage:
    """An average of a network's weights: a network of its own, so that what is trained is never touched.

    The code released with the paper keeps references where it means to keep copies, so that its training goes on from
    the average every 200 steps. Statistics of normalisation are averaged too: they belong to the averaged weights.
    """

    def __init__(self, network: nn.Module, decay: float, warm_up: bool) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay, self._warm_up = decay, warm_up
        self._updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Once after every step."""
        self._updates += 1
        decay = decay_at(self._updates, self._decay) if self._warm_up else self._decay
        for mean, now in zip(self.network.parameters(), network.parameters(), strict=True):
            mean.lerp_(now, 1.0 - decay)
        for mean, now in zip(self.network.buffers(), network.buffers(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1.0 - decay)
            else:
                mean.copy_(now)


def decay_at(updates: int, most: float) -> float:
    """Decay of the `updates`-th update: (1 + n) / (10 + n), `most` in the end."""
    return min(most, (1 + updates) / (10 + updates))


def loss_of(logits: Tensor, targets: Tensor, outcome: Outcome) -> Tensor:
    """Loss of logits `(n, classes)` for soft one-hot targets; the reject class is the last of `hierarchical`.

    `independent`: binary cross-entropy, mean over windows and classes. `exclusive`: categorical. `hierarchical`: binary
    for background, and categorical among the animals as far as a window is one of them.
    """
    if outcome == "independent":
        return functional.binary_cross_entropy_with_logits(logits, targets)
    if outcome == "exclusive":
        return functional.cross_entropy(logits, targets)
    background = functional.binary_cross_entropy_with_logits(logits[:, -1], targets[:, -1])
    among = -(targets[:, :-1] * logits[:, :-1].log_softmax(dim=1)).sum(dim=1).mean()
    return background + among


def probabilities_of(logits: Tensor, outcome: Outcome) -> Tensor:
    """Probability of each class, 0..1."""
    if outcome == "independent":
        return logits.sigmoid()
    if outcome == "exclusive":
        return logits.softmax(dim=1)
    background = logits[:, -1:].sigmoid()
    return torch.cat([(1.0 - background) * logits[:, :-1].softmax(dim=1), background], dim=1)


class WithProbabilities(nn.Module):
    """What is exported: a network of logits, and what they mean."""

    def __init__(self, network: nn.Module, outcome: Outcome) -> None:
        super().__init__()
        self.network, self.outcome = network, outcome

    def forward(self, features: Tensor) -> Tensor:
        """Raw dB features `(batch, frames, bands)` -> probabilities `(batch, classes)`."""
        return probabilities_of(self.network(features), self.outcome)


class SpeciesSystem(lightning.LightningModule):
    """One network, its average from some step on, and the better of both as validation finds it.

    Features are normalised, then masked, then mixed, then heard: the order of the released code.
    """

    def __init__(
        self,
        network: PannNetwork,
        settings: SpeciesSettings,
        outcome: Outcome,
        judge: Callable[[nn.Module], float] | None,
        steps: int,
    ) -> None:
        """`judge`: figure of a network in evaluation mode, higher is better; None: the last weights are kept."""
        super().__init__()
        self.network = network
        self.settings, self.outcome, self.steps = settings, outcome, steps
        self._judge = judge
        self._average: list[MovingAverage] = []
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._best: tuple[float, dict[str, Tensor], str] | None = None
        self._done = 0

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of one batch."""
        features, targets = batch
        picture = self.settings.picture
        normalised = masked(self.network.normalise(features), picture, self._generator)
        if picture.mixup > 0:
            shares = draw_shares(len(targets) // 2, picture.mixup, self._generator)
            normalised, targets = mixed_pairs(normalised, shares), mixed_pairs(targets, shares)
        loss = loss_of(self.network.logits(normalised), targets, self.outcome)
        self.log("loss", loss, batch_size=len(targets))
        return loss

    def on_train_batch_end(self, outputs: object, batch: object, batch_idx: int) -> None:
        """Average, and look at validation clips now and then."""
        self._done += 1
        average, optimiser = self.settings.average, self.settings.optimiser
        if average.decay > 0 and self._done > average.start:
            self._averaged(average).update(self.network)
        if self._judge is not None and (self._done % optimiser.evaluate_every == 0 or self._done == self.steps):
            last = self._done == self.steps
            if self._done >= optimiser.evaluate_from or (last and self._best is None):
                self._keep(self.network, f"step {self._done}")
            if self._average:
                self._keep(self._average[0].network, f"average at step {self._done}")

    def _averaged(self, settings: Average) -> MovingAverage:
        if not self._average:
            # In a list: an average is no part of what is trained.
            self._average.append(MovingAverage(self.network, settings.decay, settings.warm_up))
        return self._average[0]

    def _keep(self, network: nn.Module, name: str) -> None:
        if self._judge is None:
            return
        training = network.training
        figure = self._judge(network.eval())
        network.train(training)
        if self._best is None or figure > self._best[0]:
            weights = {key: tensor.detach().cpu().clone() for key, tensor in network.state_dict().items()}
            self._best = (figure, weights, name)

    @property
    def kept(self) -> tuple[dict[str, Tensor], str]:
        """Weights of the best network met, and which it was; the average, or the last weights, without a judge."""
        if self._best is not None:
            return self._best[1], f"{self._best[2]}, {self._best[0]:.4f} on validation"
        network = self._average[0].network if self._average else self.network
        return {key: tensor.detach().cpu().clone() for key, tensor in network.state_dict().items()}, "last"

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam with amsgrad, as released; the rate is constant or falls along a cosine."""
        settings = self.settings.optimiser
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimiser = torch.optim.AdamW(
            trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, amsgrad=True
        )
        constant, steps = settings.schedule == "constant", self.steps

        def share(step: int) -> float:
            return 1.0 if constant else 0.01 + 0.99 * 0.5 * (1.0 + cos(pi * min(1.0, step / steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
