"""One run of a paper recipe: an encoder trained and its embeddings kept, or taken from the cache."""

from __future__ import annotations

import shutil
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from training.augment import PAPER_SIZES, RELEASED_SIZES
from training.data.splits import Part
from training.fewshot.paper_store import load_clips
from training.fewshot.selection import chunks
from training.fewshot.views import Views, ViewsModule
from training.loop import quiet
from training.systems.fewshot import FewShotSystem, WindowEncoder, augmentations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from training.fewshot.paper_recipe import PaperRecipe, Row
    from training.fewshot.paper_store import LongClip

FIT_VERSION = 1
"""Raised when the same settings give another encoder; finished runs are then made again."""
STATISTICS_WINDOWS = 1024
"""Training windows that scaling and batch normalisation are measured on."""
INFERENCE_BATCH = 64


@dataclass(frozen=True, slots=True)
class Material:
    """What all runs of a recipe read."""

    clips: dict[Part, Path]
    """Folder of each part's features; its name changes with the recordings, the gate and the features."""
    labels: tuple[str, ...]
    """Species of each training recording."""


@dataclass(frozen=True, slots=True)
class Run:
    """One encoder."""

    recipe: PaperRecipe
    row: Row
    """Of the rows that share this encoder, the first."""
    tests: tuple[str, ...]
    """Ways in which it is tested, `chunks` and `gate`."""
    seed: int
    material: Material

    @property
    def path(self) -> Path:
        """Where its embeddings lie."""
        material = {str(part): folder.name for part, folder in self.material.clips.items()}
        salt = f"{FIT_VERSION} {material} {self.row.training} {self.tests} {self.seed}"
        trained = () if self.row.method == "random" else ("loss", "optimiser")
        key = self.recipe.key(salt, "windows", "network", *trained)
        return Path(self.recipe.cache) / "runs" / f"{key}.npz"

    def embeddings(self, part: Part, test: str) -> NDArray[np.float32]:
        """`(recordings, 960)`, not normalised."""
        with np.load(self.path) as kept:
            return kept[f"{part}-{test}"]

    def mean(self) -> NDArray[np.float32]:
        """Mean embedding `(960,)` of training windows."""
        with np.load(self.path) as kept:
            return kept["mean"]


def fit_all(runs: Sequence[Run], workers: int, progress: Callable[[str], None]) -> None:
    """Make what the cache lacks, `workers` runs at a time."""
    missing = [run for run in runs if not run.path.is_file()]
    if workers == 1 or len(missing) < 2:
        for done, run in enumerate(missing, 1):
            progress(f"{done} of {len(missing)}: {fit(run)}")
        return
    with ProcessPoolExecutor(min(workers, len(missing)), get_context("spawn")) as executor:
        for done, job in enumerate(as_completed([executor.submit(fit, run) for run in missing]), 1):
            progress(f"{done} of {len(missing)}: {job.result()}")


def fit(run: Run) -> str:
    """Train, embed and write; what there is to tell of it."""
    recipe, row = run.recipe, run.row
    torch.set_num_threads(recipe.threads)
    lightning.seed_everything(run.seed, verbose=False)
    clips, frames = load_clips(run.material.clips[Part.TRAIN]), recipe.windows.frames
    views = Views(clips, run.material.labels, frames, row.train, recipe.windows.proximity)
    drawn = np.random.default_rng(run.seed).permutation(len(clips))[:STATISTICS_WINDOWS]
    encoder = WindowEncoder(recipe.windows.pool, recipe.network)
    encoder.measure(_windows(views, drawn))
    told = f"{row.name}, seed {run.seed}"
    if row.method != "random":
        told += f", {_train(run, encoder, views)}"
    encoder.cpu().settle(_windows(views, drawn))
    kept = {"mean": _embedded(encoder, _windows(views, drawn)).mean(axis=0)}
    for part in recipe.scoring.parts:
        held_out = load_clips(run.material.clips[part])
        for test in run.tests:
            kept[f"{part}-{test}"] = embed_all(encoder, held_out, frames, test)
    run.path.parent.mkdir(parents=True, exist_ok=True)
    scratch = run.path.with_suffix(".partial.npz")
    np.savez(scratch, **kept)
    scratch.replace(run.path)
    shutil.rmtree(_checkpoints(run), ignore_errors=True)
    return told


def embed_all(encoder: WindowEncoder, clips: Sequence[LongClip], frames: int, test: str) -> NDArray[np.float32]:
    """`(recordings, 960)`: the mean over all chunks, or the embedding of the window that the gate likes best."""
    starts = [chunks(len(clip.features), frames) if test == "chunks" else [clip.preferred] for clip in clips]
    owner = np.repeat(np.arange(len(clips)), [len(some) for some in starts])
    where = [(clip, start) for clip, some in zip(clips, starts, strict=True) for start in some]
    batches = (where[first : first + INFERENCE_BATCH] for first in range(0, len(where), INFERENCE_BATCH))
    windows = (
        torch.from_numpy(np.stack([clip.features[start : start + frames] for clip, start in batch]).astype(np.float32))
        for batch in batches
    )
    rows = _embedded(encoder, windows)
    sums = np.zeros((len(clips), rows.shape[1]), dtype=np.float32)
    np.add.at(sums, owner, rows)
    return sums / np.bincount(owner)[:, None]


def _train(run: Run, encoder: WindowEncoder, views: Views) -> str:
    """Train the encoder in place; its last loss."""
    recipe, row = run.recipe, run.row
    sizes = PAPER_SIZES if row.masks == "paper" else RELEASED_SIZES
    steps = augmentations(row.steps, sizes)
    system = FewShotSystem(encoder, row.method, steps, recipe.loss, recipe.optimiser, run.seed)
    data = ViewsModule(views, recipe.optimiser.batch, recipe.optimiser.partners, run.seed)
    folder = _checkpoints(run)
    # A long run goes on with the epoch that it was stopped in.
    last = folder / "last.ckpt"
    keep = ModelCheckpoint(folder, save_last=True, save_top_k=0, every_n_epochs=1)
    with quiet():
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=-1 if recipe.optimiser.steps else recipe.optimiser.epochs,
            max_steps=recipe.optimiser.steps or -1,
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[keep],
        )
        trainer.fit(system, data, ckpt_path=last if last.is_file() else None)
    return f"{trainer.global_step} steps, last loss {float(trainer.callback_metrics['loss']):.3f}"


def _checkpoints(run: Run) -> Path:
    return run.path.with_suffix(".training")


def _windows(views: Views, rows: NDArray[np.int64]) -> Iterator[Tensor]:
    """The first view of recordings, in batches."""
    generator = np.random.default_rng(0)
    for first in range(0, len(rows), INFERENCE_BATCH):
        yield views(rows[first : first + INFERENCE_BATCH], generator)[0][0]


@torch.inference_mode()
def _embedded(encoder: WindowEncoder, windows: Iterator[Tensor]) -> NDArray[np.float32]:
    encoder.eval()
    return np.concatenate([encoder(batch).numpy() for batch in windows])
