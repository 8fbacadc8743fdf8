"""The loop of training: so many batches, once each."""

from __future__ import annotations

import logging
import time
import warnings
from typing import TYPE_CHECKING

import lightning
import torch
from torch.utils.data import DataLoader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn
    from torch.utils.data import Dataset

    from training.scene.drawing import Batch
    from training.systems.scene import SceneSystem


def run_steps(
    system: SceneSystem,
    batches: Dataset[Batch],
    steps: int,
    name: str,
    threads: int,
    progress: Callable[[str], None],
) -> nn.Module:
    """Every batch once; what was trained, on the processor."""
    torch.set_num_threads(threads)
    progress(f"{name}: {steps} steps of {system.settings.batch} windows")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Batches are made in this process on purpose: a second one would take the core from the network.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # lightning's own use of something that torch has renamed.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=steps,
            precision="bf16-mixed" if system.settings.precision == "bfloat16" else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[_Progress(name, steps, progress)],
        )
        trainer.fit(system, DataLoader(batches, batch_size=None))
    return system.trained.cpu().to(memory_format=torch.contiguous_format)


def keep(network: nn.Module, path: Path) -> None:
    """Write its weights, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    torch.save(network.state_dict(), scratch)
    scratch.replace(path)


class _Progress(lightning.Callback):
    """A line every minute."""

    def __init__(self, name: str, steps: int, progress: Callable[[str], None]) -> None:
        self._name, self._steps, self._progress = name, steps, progress
        self._told = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: object, **__: object
    ) -> None:
        if time.monotonic() - self._told > 60:
            self._told = time.monotonic()
            loss = float(trainer.callback_metrics["loss"])
            self._progress(f"{self._name}: step {trainer.global_step} of {self._steps}, loss {loss:.3f}")
