"""What the teacher makes of the labelled clips: what its space is whitened on, and the student hears unmixed."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.data.mixtures import cut
from training.fewshot.mixtures import Chunk, student_features
from training.fewshot.teacher import RATE, SAMPLES, WIDTH, BirdNet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.audio import AudioStore

HOP = RATE
"""Between the windows of a clip: 1 s."""
ROUND = 64
"""Clips that a worker embeds at a time."""


@dataclass(frozen=True, slots=True)
class Taught:
    """Embeddings of windows one second apart."""

    embeddings: NDArray[np.float32]
    """`(n, 1024)`."""
    clips: NDArray[np.int64]
    """`(n,)`: row of the clip in the list that was given."""


_teacher: BirdNet | None = None
_store: AudioStore | None = None


def _start(teacher: Path, store: AudioStore) -> None:
    global _teacher, _store
    _teacher, _store = BirdNet(teacher), store


def _embed(paths: Sequence[str]) -> list[NDArray[np.float32]]:
    if _teacher is None or _store is None:
        raise RuntimeError("a worker is started with its teacher")
    found: list[NDArray[np.float32]] = []
    for path in paths:
        samples = _store[path]
        starts = window_starts(len(samples))
        found.append(_teacher(np.stack([cut(samples, start, SAMPLES) for start in starts])))
    return found


def teach(
    paths: Sequence[str], store: AudioStore, teacher: Path, file: Path, workers: int, progress: Callable[[str], None]
) -> Taught:
    """Embeddings of clips in a 48 kHz store; kept in `file`, whose name must change with what goes in."""
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        rounds = [paths[start : start + ROUND] for start in range(0, len(paths), ROUND)]
        found: list[NDArray[np.float32]] = []
        with ProcessPoolExecutor(workers, get_context("fork"), _start, (teacher, store)) as executor:
            for done, part in enumerate(executor.map(_embed, rounds), 1):
                found += part
                progress(f"teacher has heard {min(done * ROUND, len(paths))} of {len(paths)} clips")
        clips = np.repeat(np.arange(len(found)), [len(rows) for rows in found])
        scratch = file.with_suffix(".part.npz")
        np.savez(scratch, embeddings=np.concatenate(found) if found else np.zeros((0, WIDTH), "f4"), clips=clips)
        scratch.replace(file)
    with np.load(file) as arrays:
        return Taught(arrays["embeddings"], arrays["clips"])


def clean_windows(paths: Sequence[str], store: AudioStore, taught: Taught, frames: int) -> Chunk:
    """The same windows as the student hears them, with nothing mixed in."""
    kernel = Kernel(BIRD)
    features = [
        student_features(np.asarray(cut(store[path], start, SAMPLES)), kernel, frames)
        for path in paths
        for start in window_starts(len(store[path]))
    ]
    return Chunk(np.stack(features), taught.embeddings.astype(np.float16))


def window_starts(samples: int) -> range:
    """Where the windows of a clip of so many samples begin."""
    return range(0, max(1, samples - SAMPLES + 1), HOP)
