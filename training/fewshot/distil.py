"""The student trained on what was rendered, or taken from the cache; an interrupted training goes on."""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from training.fewshot.mixtures import decibels
from training.loop import quiet
from training.nets.student import Student
from training.systems.distillation import DistillationSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from training.fewshot.mixtures import Chunk
    from training.fewshot.recipe import FewShotRecipe
    from training.fewshot.target import Target

INFERENCE_BATCH = 128
STATISTICS_BATCHES = 60
SAVED_EVERY = 250
"""Steps between checkpoints from which an interrupted training goes on."""


class _Mixtures(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Takes lists of positions: one indexing gives a batch."""

    def __init__(self, chunks: Sequence[Chunk], target: Target) -> None:
        self._features = np.concatenate([chunk.features for chunk in chunks])
        self._targets = np.concatenate([target(chunk.targets.astype(np.float32)) for chunk in chunks])

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(decibels(self._features[rows])), torch.from_numpy(self._targets[rows])


class _Progress(lightning.Callback):
    """A line every hundred steps, with what is left."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        self._started = time.monotonic()
        self._first: int | None = None
        self._losses: list[float] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self._losses.append(float(trainer.callback_metrics["loss"]))
        step = trainer.global_step
        if self._first is None:
            self._first, self._started = step, time.monotonic()
        if step % 100 == 0 and step > self._first:
            pace = (time.monotonic() - self._started) / (step - self._first)
            left = pace * (trainer.max_steps - step) / 60
            words = f"step {step} of {trainer.max_steps}: loss {np.mean(self._losses):.4f}, {pace:.2f} s a step"
            self._progress(f"{words}, {left:.0f} min left")
            self._losses.clear()

    def on_validation_end(self, trainer: lightning.Trainer, *arguments: Any) -> None:
        self._progress(f"step {trainer.global_step}: {_figures(trainer)}")


def distil(
    recipe: FewShotRecipe,
    training: Callable[[], Sequence[Chunk]],
    validation: Callable[[], Sequence[Chunk]],
    target: Target,
    checkpoint: Path,
    progress: Callable[[str], None],
    start: Student | None = None,
) -> Student:
    """The student with its averaged weights, in evaluation mode; `checkpoint` names what it was made of.

    It begins with the weights of `start`, or random ones. Mixtures are asked for only when there is something to train.
    """
    settings = recipe.distillation
    student = Student()
    if not checkpoint.is_file():
        lightning.seed_everything(recipe.seed, verbose=False)
        torch.set_num_threads(settings.threads)
        student = Student()
        if start is not None:
            student.load_state_dict(start.state_dict())
        data = _Mixtures(training(), target)
        _train(recipe, student, data, _Mixtures(validation(), target), checkpoint, progress)
        refresh_statistics(student, data, recipe.seed)
        scratch = checkpoint.with_suffix(".part")
        torch.save(student.state_dict(), scratch)
        scratch.replace(checkpoint)
    student.load_state_dict(torch.load(checkpoint, weights_only=True))
    return student.eval()


def _train(
    recipe: FewShotRecipe,
    student: Student,
    data: _Mixtures,
    held_out: _Mixtures,
    checkpoint: Path,
    progress: Callable[[str], None],
) -> None:
    settings = recipe.distillation
    steps = max(1, ceil(settings.epochs * len(data) / settings.batch))
    system = DistillationSystem(student, settings, steps, recipe.seed)
    order = RandomSampler(data, generator=torch.Generator().manual_seed(recipe.seed))
    batches = BatchSampler(order, settings.batch, drop_last=len(data) >= settings.batch)
    loader = DataLoader(data, sampler=batches, batch_size=None)
    held_out_batches = BatchSampler(SequentialSampler(held_out), INFERENCE_BATCH, drop_last=False)
    held_out_loader = DataLoader(held_out, sampler=held_out_batches, batch_size=None)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    saved = checkpoint.with_suffix(".ckpt")
    with quiet():
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=steps,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            callbacks=[
                EMAWeightAveraging(decay=settings.average),
                ModelCheckpoint(
                    dirpath=saved.parent,
                    filename=saved.stem,
                    every_n_train_steps=SAVED_EVERY,
                    enable_version_counter=False,
                ),
                _Progress(progress),
            ],
        )
        trainer.fit(system, loader, held_out_loader, ckpt_path=str(saved) if saved.is_file() else None)
    saved.unlink(missing_ok=True)


def refresh_statistics(student: Student, data: _Mixtures, seed: int) -> None:
    """Batch-norm statistics of the averaged weights, on undisturbed windows.

    An average of the statistics of many steps fits no weights: held-out cosine fell from 0.44 to 0.12 with it.
    """
    layers = [layer for layer in student.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
    student.train()
    chosen = np.random.default_rng(seed).permutation(len(data))[: STATISTICS_BATCHES * INFERENCE_BATCH]
    with torch.no_grad():
        for start in range(0, len(chosen), INFERENCE_BATCH):
            student(data[chosen[start : start + INFERENCE_BATCH].tolist()][0])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    student.eval()


def outputs(student: Student, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pooled `(n, 960)` and answer `(n, 1024)` of windows `(n, frames, bands)` in dB."""
    pooled: list[Tensor] = []
    answers: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(windows), INFERENCE_BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(windows[start : start + INFERENCE_BATCH]))
            both = student(batch)
            pooled.append(both[0])
            answers.append(both[1])
    return torch.cat(pooled).numpy(), torch.cat(answers).numpy()


def _figures(trainer: lightning.Trainer) -> str:
    return "  ".join(f"{key} {float(value):.4f}" for key, value in sorted(trainer.callback_metrics.items()))
