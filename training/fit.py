"""One network trained, or taken from the cache when the same one was trained before."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import ceil
from multiprocessing import get_context
from typing import TYPE_CHECKING

import lightning
import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from training.data.datasets import ExampleDataset, load_examples
from training.loop import quiet
from training.nets.tiny import TinyGate
from training.systems.gate import GateSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.config import Network, Optimiser

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


@dataclass(frozen=True, slots=True)
class Fit:
    """All that one training depends on."""

    network: Network
    optimiser: Optimiser
    training: Path
    """Folder of rendered examples."""
    validation: Path
    without_fold: int
    """ESC-50 fold that may not be seen; 0 for none."""
    checkpoint: Path
    seed: int
    threads: int


def fit_all(fits: Sequence[Fit], workers: int, progress: Callable[[str], None]) -> list[TinyGate]:
    """The trained networks, in evaluation mode; those without a checkpoint are trained, `workers` at a time."""
    missing = [fit for fit in fits if not fit.checkpoint.is_file()]
    if workers == 1 or len(missing) < 2:
        for fit in missing:
            train_one(fit, progress)
    else:
        # Spawned, since a fork of a process in which torch has computed may hang.
        with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as executor:
            for done in as_completed(executor.submit(train_one, fit, tell) for fit in missing):
                done.result()
    return [_load(fit) for fit in fits]


def tell(message: str) -> None:
    """Progress of a worker process, which has no part in the parent's clock."""
    print(f"{'':12}{message}", file=sys.stderr, flush=True)


def _load(fit: Fit) -> TinyGate:
    net = TinyGate(fit.network.channels, fit.network.shape_channel, fit.network.dropout)
    net.load_state_dict(torch.load(fit.checkpoint, weights_only=True))
    return net.eval()


def train_one(fit: Fit, progress: Callable[[str], None]) -> None:
    """Train one network and write its checkpoint."""
    optimiser, checkpoint, seed = fit.optimiser, fit.checkpoint, fit.seed
    examples, held_out_examples = load_examples(fit.training), load_examples(fit.validation)
    lightning.seed_everything(seed, verbose=False)
    torch.set_num_threads(fit.threads)
    net = TinyGate(fit.network.channels, fit.network.shape_channel, fit.network.dropout)
    data = ExampleDataset(examples, examples.without_fold(fit.without_fold))
    progress(f"{checkpoint.stem}: {len(data)} windows to train on")
    steps = max(1, ceil(optimiser.epochs * len(data) / optimiser.batch))
    system = GateSystem(net, optimiser, steps, seed)
    order = RandomSampler(data, generator=torch.Generator().manual_seed(seed))
    loader = _loader(data, BatchSampler(order, optimiser.batch, drop_last=len(data) >= optimiser.batch))
    held_out = ExampleDataset(held_out_examples, held_out_examples.without_fold(fit.without_fold))
    held_out_loader = _loader(held_out, BatchSampler(SequentialSampler(held_out), INFERENCE_BATCH, drop_last=False))
    with quiet():
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
    scratch = checkpoint.with_suffix(".part")
    torch.save(net.state_dict(), scratch)
    scratch.replace(checkpoint)


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
