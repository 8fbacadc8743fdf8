"""One network trained, or taken from the cache when the same one was trained before."""

from __future__ import annotations

import logging
import warnings
from math import ceil
from typing import TYPE_CHECKING

import lightning
import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from training.data.datasets import ExampleDataset
from training.nets.tiny import TinyGate
from training.systems.gate import GateSystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import Network, Optimiser
    from training.data.datasets import Examples

INFERENCE_BATCH = 512


class _Progress(lightning.Callback):
    """One line an epoch."""

    def __init__(self, name: str, progress: Callable[[str], None]) -> None:
        self._name = name
        self._progress = progress

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not trainer.sanity_checking:
            figures = {key: float(value) for key, value in trainer.callback_metrics.items()}
            words = "  ".join(f"{key} {value:.4f}" for key, value in sorted(figures.items()))
            self._progress(f"{self._name}: step {trainer.global_step}  {words}")


def fitted(
    network: Network,
    optimiser: Optimiser,
    training: tuple[Examples, NDArray[np.int64]],
    validation: tuple[Examples, NDArray[np.int64]],
    checkpoint: Path,
    seed: int,
    threads: int,
    progress: Callable[[str], None],
) -> TinyGate:
    """The trained network, in evaluation mode. Examples come with the indices that may be used."""
    lightning.seed_everything(seed, verbose=False)
    torch.set_num_threads(threads)
    net = TinyGate(network.channels, network.shape_channel, network.dropout)
    if checkpoint.is_file():
        net.load_state_dict(torch.load(checkpoint, weights_only=True))
        progress(f"{checkpoint.stem}: taken from {checkpoint}")
        return net.eval()
    data = ExampleDataset(*training)
    steps = max(1, ceil(optimiser.epochs * len(data) / optimiser.batch))
    system = GateSystem(net, optimiser, steps, seed)
    order = RandomSampler(data, generator=torch.Generator().manual_seed(seed))
    loader = _loader(data, BatchSampler(order, optimiser.batch, drop_last=len(data) >= optimiser.batch))
    held_out = ExampleDataset(*validation)
    held_out_loader = _loader(held_out, BatchSampler(SequentialSampler(held_out), INFERENCE_BATCH, drop_last=False))
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Loading is in this process on purpose: a batch is one indexing of an array.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        trainer = lightning.Trainer(
            accelerator="cpu",
            precision="bf16-mixed",
            max_steps=steps,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            callbacks=[_Progress(checkpoint.stem, progress)],
        )
        trainer.fit(system, loader, held_out_loader)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), checkpoint)
    return net.eval()


def probabilities(network: TinyGate, features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probability of each window; features `(n, frames, bands)` in dB."""
    parts: list[NDArray[np.float64]] = []
    with torch.inference_mode():
        for start in range(0, len(features), INFERENCE_BATCH):
            batch = torch.from_numpy(features[start : start + INFERENCE_BATCH].astype(np.float32))
            parts.append(torch.sigmoid(network(batch)).double().numpy())
    return np.concatenate(parts) if parts else np.zeros(0)


def _loader(data: ExampleDataset, batches: BatchSampler) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    # With batch_size None the sampler's lists go to the data set whole; __getitems__ needs the pass-through below.
    return DataLoader(_Batches(data), sampler=batches, batch_size=None)


class _Batches(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Takes a list of positions where a data set takes one."""

    def __init__(self, data: ExampleDataset) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, items: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return self._data.__getitems__(items)
