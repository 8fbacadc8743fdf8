"""The clips that the encoder is joined, chosen and tested on, as the monitor hears them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import BIRD
from monitor.inference.bundle import load_bundle
from training.data.audio import AudioStore
from training.data.catalog import data_folder, load_catalog
from training.data.episodes import components
from training.data.species_parts import load_parts, recordings_of
from training.fewshot.background import Use, background
from training.fewshot.clips import prepare_clips
from training.fewshot.embeddings import CHUNK_HOP
from training.fewshot.whitening import Origins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from monitor.inference.bundle import Bundle
    from training.data.catalog import Recording
    from training.data.splits import Part
    from training.fewshot.clips import ClipSet
    from training.fewshot.recipe import FewShotRecipe


@dataclass(frozen=True, slots=True)
class Material:
    """Recordings at the encoder's rate, and the gate that looks for birds in them."""

    recipe: FewShotRecipe
    recordings: list[Recording]
    """Clips of every part, and the bird-free sound of every use."""
    by_part: dict[Part, list[Recording]]
    store: AudioStore
    gate: Bundle
    progress: Callable[[str], None]

    def clips(self, part: Part) -> ClipSet:
        """Clips of a part, prepared now unless the cache has them."""
        return self._prepared(self.by_part[part])

    def background(self, use: Use) -> dict[str, list[Recording]]:
        """Bird-free recordings by kind of sound."""
        return background(self.recordings, use)

    def background_clips(self, use: Use) -> ClipSet:
        """The same as clips."""
        return self._prepared([one for some in self.background(use).values() for one in some])

    def _prepared(self, recordings: list[Recording]) -> ClipSet:
        cache = Path(self.recipe.cache)
        return prepare_clips(recordings, self.store, self.gate, self.recipe.frames, cache, self.progress)


def load_material(recipe: FewShotRecipe, progress: Callable[[str], None]) -> Material:
    """Raises UsageError, StartError or BundleError when recordings or the gate are missing."""
    from training.data.splits import Part

    gate = load_bundle(Path(recipe.gate))
    root = data_folder(recipe.data)
    catalogued = load_catalog(root)
    parts = load_parts(catalogued)
    by_part = {part: recordings_of(catalogued, parts, part) for part in Part}
    quiet = [one for use in Use for some in background(catalogued, use).values() for one in some]
    recordings = [one for some in by_part.values() for one in some] + quiet
    store = AudioStore.open(root, recordings, BIRD.rate, Path(recipe.cache), progress)
    return Material(recipe, recordings, by_part, store, gate, progress)


def base_windows(clips: ClipSet) -> Iterator[NDArray[np.float32]]:
    """Windows one second apart of each clip in turn, float32 `(n, frames, bands)` in dB."""
    for clip in clips.clips:
        starts = range(0, len(clip.features) - clips.frames + 1, CHUNK_HOP)
        yield np.stack([clip.features[start : start + clips.frames] for start in starts])


def origins(clips: ClipSet) -> Origins:
    """Species and recording of each of `base_windows`."""
    recordings = [clip.recording for clip in clips.clips]
    names = components(recordings)
    counts = [len(range(0, len(clip.features) - clips.frames + 1, CHUNK_HOP)) for clip in clips.clips]
    species = np.repeat([recording.label for recording in recordings], counts)
    return Origins(
        species, np.repeat([f"{one.label}/{name}" for one, name in zip(recordings, names, strict=True)], counts)
    )
