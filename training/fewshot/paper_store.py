"""Features of whole recordings and the window that the gate likes best in each, rendered once, in chunks."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import repeated
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from training.data.audio import PATH_VERSION
from training.data.splits import Part
from training.fewshot.selection import preferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.data.catalog import Recording
    from training.data.splits import Part
    from training.fewshot.paper_recipe import PaperRecipe
    from training.fewshot.paper_source import Sounds, Source

CHUNK = 100
"""Recordings of a file."""
STORE_VERSION = 1
"""Raised when the same settings give other features, or `CHUNK` changes; cached ones are then made again."""


@dataclass(frozen=True, slots=True)
class LongClip:
    """A recording as training and evaluation see it."""

    features: NDArray[np.float16]
    """dB `(t, bands)`, at least one window; stays on disk until it is read."""
    preferred: int
    """First frame of the window that the gate likes best."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What one worker renders."""

    number: int
    recordings: tuple[Recording, ...]
    sounds: Sounds
    gate: Path
    frames: int
    folder: Path

    @property
    def features(self) -> Path:
        return self.folder / f"{self.number:05d}.npy"

    @property
    def index(self) -> Path:
        return self.folder / f"{self.number:05d}.npz"


def render_clips(recipe: PaperRecipe, source: Source, part: Part, progress: Callable[[str], None]) -> Path:
    """The folder of a part's recordings; those that it lacks are rendered now.

    Raises BundleError when there is no sound gate, SourceError when a recording cannot be read.
    """
    gate = Path(recipe.gate)
    sha256 = load_bundle(gate).manifest.model.sha256
    recordings, sounds = source.recordings[part], source.sounds[part]
    sizes = [(one.path, (sounds.root / one.path).stat().st_size) for one in recordings]
    made_of = [STORE_VERSION, PATH_VERSION, BIRD.fingerprint, sha256, recipe.windows.frames, sizes, sounds.backgrounds]
    key = hashlib.sha256(json.dumps([*made_of, recipe.key("", "insertion")]).encode()).hexdigest()[:16]
    folder = Path(recipe.cache) / f"features-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [
        _Chunk(i, tuple(recordings[first : first + CHUNK]), sounds, gate, recipe.windows.frames, folder)
        for i, first in enumerate(range(0, len(recordings), CHUNK))
    ]
    missing = [chunk for chunk in chunks if not chunk.index.is_file()]
    if recipe.workers == 1 or len(missing) < 2:
        for done, chunk in enumerate(missing, 1):
            _render(chunk)
            progress(f"{part}: rendered {done} of {len(missing)} chunks of {CHUNK} recordings")
    else:
        # Spawned, since a fork of a process in which torch has computed may hang.
        with ProcessPoolExecutor(min(recipe.workers, len(missing)), get_context("spawn")) as executor:
            for done, job in enumerate(as_completed([executor.submit(_render, chunk) for chunk in missing]), 1):
                job.result()
                progress(f"{part}: rendered {done} of {len(missing)} chunks of {CHUNK} recordings")
    return folder


def load_clips(folder: Path) -> list[LongClip]:
    """What was rendered, in the order of the recordings."""
    clips: list[LongClip] = []
    for index in sorted(folder.glob("[0-9]*[0-9].npz")):
        features = np.load(index.with_suffix(".npy"), mmap_mode="r")
        with np.load(index) as kept:
            ends, best = np.cumsum(kept["lengths"]), kept["preferred"]
        starts = np.concatenate([[0], ends[:-1]])
        clips += [LongClip(features[a:b], int(first)) for a, b, first in zip(starts, ends, best, strict=True)]
    return clips


def _render(chunk: _Chunk) -> None:
    kernel, gate = Kernel(BIRD), load_bundle(chunk.gate)
    shortest = BIRD.samples_in(chunk.frames)
    parts: list[NDArray[np.float16]] = []
    best: list[int] = []
    for recording in chunk.recordings:
        # Half precision is within 0.04 dB; the gate, too, is asked about what is kept.
        kept = kernel(repeated(chunk.sounds(recording), shortest)).astype(np.float16)
        parts.append(kept)
        best.append(preferred(kept.astype(np.float32), gate, chunk.frames))
    np.save(chunk.features, np.concatenate(parts))
    scratch = chunk.folder / f"{chunk.number:05d}.partial.npz"
    np.savez(scratch, lengths=np.array([len(part) for part in parts]), preferred=np.array(best))
    # Renamed last: features without their index were interrupted and are made again.
    scratch.replace(chunk.index)
