"""The few-shot paper's training of an encoder: two augmented views of a recording, and a loss that compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from training import augment
from training.losses import barlow_twins, frossl, simclr, supcon
from training.nets.conv_four import ConvFour
from training.nets.mobilenet import MobileNetEncoder, Projector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from training.fewshot.paper_recipe import Loss, Method, Network, Optimiser, Step

    Augment = Callable[[Tensor, torch.Generator], Tensor]


class WindowEncoder(nn.Module):
    """Windows `(batch, frames, bands)` in dB -> embedding `(batch, 960)`; in evaluation each is its own."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, pool: int = 1, network: Network = "mobilenet") -> None:
        """`pool` frames and as many bands are averaged together before the network."""
        super().__init__()
        chosen = MobileNetEncoder() if network == "mobilenet" else ConvFour()
        self.network = chosen.to(memory_format=torch.channels_last)
        self._pool = pool
        self.register_buffer("mean", torch.tensor(0.0))
        self.register_buffer("deviation", torch.tensor(1.0))

    def forward(self, windows: Tensor) -> Tensor:
        """As the class says."""
        return self.embed(unit_range(windows))

    def embed(self, scaled: Tensor) -> Tensor:
        """Windows that are in 0..1 already, augmented or not."""
        standard = (scaled - self.mean) / self.deviation
        if self._pool > 1:
            standard = functional.avg_pool2d(standard[:, None], self._pool, ceil_mode=True)[:, 0]
        return self.network(standard)

    def measure(self, windows: Iterable[Tensor]) -> None:
        """Take mean and deviation, after scaling to 0..1, from batches of training windows in dB.

        The released code's two numbers hold for its own scaling and data.
        """
        scaled = torch.cat([unit_range(batch).flatten() for batch in windows]).double()
        self.mean.fill_(scaled.mean())
        self.deviation.fill_(scaled.std().clamp_min(1e-3))

    @torch.no_grad()
    def settle(self, windows: Iterable[Tensor]) -> None:
        """Take the statistics of batch normalisation from batches of training windows in dB, without augmentation.

        The average that runs along with training forgets 1 % a step: after a short run half of it is the initial value.
        """
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        momentum = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # plain average
        self.train()
        for batch in windows:
            self(batch)
        self.eval()
        for norm, value in zip(norms, momentum, strict=True):
            norm.momentum = value


def unit_range(windows: Tensor) -> Tensor:
    """Each window `(batch, frames, bands)` scaled to 0..1 by its own smallest and largest cell; a flat one is 0.

    The released code scales whole batches, so that a window's embedding depends on what it is batched with; a score
    may not.
    """
    low, high = windows.amin(dim=(1, 2), keepdim=True), windows.amax(dim=(1, 2), keepdim=True)
    return (windows - low) / (high - low).clamp_min(1e-3)


def augmentations(steps: Iterable[Step], sizes: augment.MaskSizes) -> list[Augment]:
    """What each step does to windows in 0..1."""
    known: dict[Step, Augment] = {
        "resized_crop": augment.resized_crop,
        "frequency_shift": augment.frequency_shift,
        "shift": augment.time_shift,
        "mix": augment.spectrogram_mix,
        "compression": augment.compression,
        "white_noise": augment.white_noise,
        "spec_augment": lambda windows, generator: augment.spec_augment(windows, sizes, generator),
    }
    return [known[step] for step in steps]


class FewShotSystem(lightning.LightningModule):
    """AdamW at a constant rate, through a projector that is dropped afterwards; the last weights count."""

    def __init__(
        self,
        encoder: WindowEncoder,
        method: Method,
        steps: list[Augment],
        loss: Loss,
        optimiser: Optimiser,
        seed: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = Projector()
        self._method = method
        self._steps = steps
        self._loss = loss
        self._optimiser = optimiser
        self._generator = torch.Generator().manual_seed(seed)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> Tensor:
        """Loss of windows `(2, batch, frames, bands)` in dB and classes `(batch,)`."""
        windows, labels = batch
        views = torch.cat([self.augmented(unit_range(view)) for view in windows])
        # One pass for both views: they share the statistics of batch normalisation.
        first, second = self.projector(self.encoder.embed(views)).chunk(2)
        loss = self.loss(first, second, labels)
        self.log("loss", loss, batch_size=len(labels))
        return loss

    def augmented(self, scaled: Tensor) -> Tensor:
        """One view `(batch, frames, bands)` in 0..1, augmented step by step."""
        for step in self._steps:
            scaled = step(scaled, self._generator)
        return scaled

    def loss(self, first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
        """Of two views' projections `(batch, 960)`; only SupCon looks at the classes."""
        settings = self._loss
        paper = settings.reading == "paper"
        if self._method == "simclr":
            return simclr(first, second, settings.temperature, "sum" if paper else "mean")
        if self._method == "supcon":
            return supcon(
                torch.cat([first, second]), labels.repeat(2), settings.temperature, "sum" if paper else "mean"
            )
        if self._method == "barlow_twins":
            return barlow_twins(first, second, settings.weight, "centred" if paper else "unbiased")
        if self._method == "frossl":
            return frossl(first, second, settings.weight, "paper" if paper else "released")
        raise ValueError(f"{self._method} is not trained")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        settings = self._optimiser
        return torch.optim.AdamW(self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state of the augmentations' randomness."""
        checkpoint["augmentation"] = self._generator.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with it."""
        self._generator.set_state(checkpoint["augmentation"].cpu())
