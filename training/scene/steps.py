"""The loop of training: so many batches, once each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lightning
import torch
from torch.utils.data import DataLoader

from training.loop import MinuteLines, quiet

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
    with quiet():
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=steps,
            precision="bf16-mixed" if system.settings.precision == "bfloat16" else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[MinuteLines(name, steps, progress)],
        )
        trainer.fit(system, DataLoader(batches, batch_size=None))
    return system.trained.cpu().to(memory_format=torch.contiguous_format)


def keep(network: nn.Module, path: Path) -> None:
    """Write its weights, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    torch.save(network.state_dict(), scratch)
    scratch.replace(path)
