"""The recordings that mixtures are made of, decoded at the teacher's rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.audio import AudioStore
from training.data.catalog import Kind, data_folder, load_catalog
from training.data.pool import ESC50_BIRDS
from training.data.species_parts import load_parts, recordings_of
from training.data.splits import Part
from training.fewshot.teacher import RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.catalog import Recording
    from training.fewshot.recipe import FewShotRecipe

OUTDOOR_SCENES = frozenset({"nature_forest", "seaside"})
"""Of the scenes; the others are kept for false-alarm counts."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What mixtures are made of; clips of the test species are not among it."""

    store: AudioStore
    """At 48 kHz."""
    birds: dict[Part, dict[str, list[Recording]]]
    """Clips by part and species."""
    backgrounds: list[Recording]
    others: list[Recording] = field(default_factory=list["Recording"])
    """What may sound in the place of a bird."""


def load_sources(recipe: FewShotRecipe, progress: Callable[[str], None]) -> Sources:
    """Decoded now unless the cache has them. Raises UsageError or StartError when data is missing."""
    root = data_folder(recipe.data)
    recordings = load_catalog(root)
    parts = load_parts(recordings)
    birds: dict[Part, dict[str, list[Recording]]] = {}
    for part in (Part.TRAIN, Part.VALIDATION):
        species = birds.setdefault(part, {})
        for recording in recordings_of(recordings, parts, part):
            species.setdefault(recording.label, []).append(recording)
    folds = recipe.mixtures.background_folds
    backgrounds = [recording for recording in recordings if _is_background(recording, folds)]
    others = [one for one in backgrounds if one.kind is Kind.ESC50]
    if recipe.mixtures.other_share:
        others += [one for one in recordings if one.kind is Kind.ANIMAL]
    used = [one for species in birds.values() for clips in species.values() for one in clips]
    used += backgrounds + [one for one in others if one.kind is Kind.ANIMAL]
    progress(f"{len(used)} recordings at {RATE} Hz")
    store = AudioStore.open(root, used, RATE, Path(recipe.cache), progress)
    heard, foreground = ([one for one in some if len(store[one.path]) > 0] for some in (backgrounds, others))
    return Sources(store, birds, heard, foreground)


def _is_background(recording: Recording, folds: tuple[int, ...]) -> bool:
    """Soundscapes and outdoor scenes, which may hold birds, and ESC-50 without birds; nothing of the field minutes."""
    if recording.kind is Kind.ESC50:
        return recording.fold in folds and recording.label not in ESC50_BIRDS
    if recording.kind is Kind.SCENE:
        return recording.label in OUTDOOR_SCENES
    return recording.kind is Kind.SOUNDSCAPE
