"""One extractor trained, or taken from the cache; an interrupted training goes on where it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from training.anomaly.batches import BatchSource
from training.loop import quiet
from training.nets.asd import Extractor
from training.systems.anomaly import AnomalySystem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.anomaly.batches import Batch, Pool
    from training.anomaly.material import FrameStore
    from training.anomaly.recipe import Backbone, Batches, Losses, Optimiser

FIT_VERSION = 1
"""Raised when the same settings give another extractor; those in the cache are then trained again."""
INFERENCE_BATCH = 64
SAVED_EVERY = 250
"""Steps between checkpoints from which an interrupted training goes on."""


@dataclass(frozen=True, slots=True)
class Fit:
    """All that one training depends on."""

    pool: Pool
    backbone: Backbone
    batches: Batches
    losses: Losses
    optimiser: Optimiser
    seed: int
    checkpoint: Path
    """Its name changes with all of the above."""

    @property
    def steps(self) -> int:
        """Of the training: an epoch draws as many positive windows as there are source clips."""
        if self.optimiser.steps:
            return self.optimiser.steps
        return max(1, ceil(self.optimiser.epochs * len(self.pool.source) / self.batches.positive))


class _Progress(lightning.Callback):
    """A line every two hundred steps."""

    def __init__(self, name: str, progress: Callable[[str], None]) -> None:
        self._name = name
        self._progress = progress
        self._started = time.monotonic()
        self._first: int | None = None
        self._losses: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self._losses.append(float(trainer.callback_metrics["loss"]))
        step = trainer.global_step
        if self._first is None:
            self._first, self._started = step, time.monotonic()
        if step % 200 == 0 and step > self._first:
            pace = (time.monotonic() - self._started) / (step - self._first)
            mean = np.mean(self._losses)
            self._progress(f"{self._name}: step {step} of {trainer.max_steps}: loss {mean:.3f}, {pace:.2f} s a step")
            self._losses.clear()


def fit_extractor(fit: Fit, frames: FrameStore, progress: Callable[[str], None]) -> Extractor:
    """The trained extractor, in evaluation mode."""
    source = BatchSource(fit.pool, frames, fit.batches, fit.steps, fit.seed)
    extractor = Extractor(fit.backbone, source.classes, fit.optimiser.dropout, fit.losses.norm)
    if not fit.checkpoint.is_file():
        lightning.seed_everything(fit.seed, verbose=False)
        torch.set_num_threads(fit.optimiser.threads)
        extractor = Extractor(fit.backbone, source.classes, fit.optimiser.dropout, fit.losses.norm)
        _train(fit, extractor, frames, progress)
        scratch = fit.checkpoint.with_suffix(".part")
        torch.save(extractor.state_dict(), scratch)
        scratch.replace(fit.checkpoint)
    extractor.load_state_dict(torch.load(fit.checkpoint, weights_only=True))
    return extractor.to(memory_format=torch.channels_last).eval()


def _train(fit: Fit, extractor: Extractor, frames: FrameStore, progress: Callable[[str], None]) -> None:
    fit.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    saved = fit.checkpoint.with_suffix(".ckpt")
    first = int(torch.load(saved, weights_only=True)["global_step"]) if saved.is_file() else 0
    data = BatchSource(fit.pool, frames, fit.batches, fit.steps, fit.seed, first)
    system = AnomalySystem(extractor, fit.losses, fit.optimiser, fit.steps, fit.batches.domain)
    loader: DataLoader[Batch] = DataLoader(data, batch_size=None)
    keep = ModelCheckpoint(
        dirpath=saved.parent, filename=saved.stem, every_n_train_steps=SAVED_EVERY, enable_version_counter=False
    )
    # Checkpoints of other trainings lie in the same folder on purpose; the batches begin where the checkpoint ended.
    with quiet("exists and is not empty", "resuming from a checkpoint that ended before"):
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            precision="bf16-mixed",
            max_steps=fit.steps,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[keep, _Progress(fit.checkpoint.stem, progress)],
        )
        trainer.fit(system, loader, ckpt_path=str(saved) if saved.is_file() else None)
    extractor.cpu()
    saved.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Answers:
    """What an extractor says of n windows."""

    embedding: NDArray[np.float32]
    """`(n, 128)`, not normalised."""
    machine: NDArray[np.float32]
    """Logit `(n,)`."""
    section: NDArray[np.float32]
    """Logits `(n, sections)`."""
    domain: NDArray[np.float32]
    """Logit `(n,)`."""


def answers(extractor: Extractor, windows: NDArray[np.float32]) -> Answers:
    """Answers to windows `(n, 126, 224)` in dB."""
    parts: list[list[NDArray[np.float32]]] = []
    with torch.inference_mode():
        for start in range(0, len(windows), INFERENCE_BATCH):
            batch = np.array(
                windows[start : start + INFERENCE_BATCH], dtype=np.float32
            )  # a copy: theirs may be read-only
            outputs = extractor(torch.from_numpy(batch))
            parts.append([one.numpy() for one in (outputs.embedding, outputs.machine, outputs.section, outputs.domain)])
    return Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))
