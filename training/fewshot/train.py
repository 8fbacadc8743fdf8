"""From recordings to a trained student; every step is skipped when its result is in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from training.config import load_recipe
from training.data.splits import Part
from training.fewshot.distil import distil
from training.fewshot.mixtures import Mixer, load_chunks, render_mixtures
from training.fewshot.recipe import FewShotRecipe
from training.fewshot.sources import load_sources
from training.fewshot.target import fit_target
from training.fewshot.taught import clean_windows, teach
from training.fewshot.teacher import fetch_teacher

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.fewshot.sources import Sources
    from training.nets.student import Student

RENDER_VERSION = 1
"""Raised when the same settings give other mixtures; cached ones are then made again."""


@dataclass(frozen=True, slots=True)
class Trained:
    """The student, and what it was taught with."""

    student: Student
    sources: Sources
    teacher: Path
    key: str
    """Changes with everything that made the student."""
    mixtures: Path
    """Folder of what it has heard, with the teacher's answers."""


def train(recipe: FewShotRecipe, progress: Callable[[str], None]) -> Trained:
    """Fetch the teacher, render mixtures, distil."""
    cache = Path(recipe.cache)
    teacher = fetch_teacher(cache, progress)
    sources = load_sources(recipe, progress)

    def mixtures(part: Part, count: int, offset: int) -> Path:
        mixer = Mixer(sources, part, recipe.mixtures, recipe.frames, recipe.seed + offset)
        key = recipe.key(f"{sources.store.name} {part} {offset} {RENDER_VERSION}", "mixtures", "frames", "seed")
        folder = cache / f"mixtures-{part}-{key}"
        render_mixtures(mixer, count, folder, teacher, recipe.workers, progress)
        return folder

    clips = [(clip.path, species) for species, found in sources.birds[Part.TRAIN].items() for clip in found]
    paths = [path for path, _ in clips]
    taught = teach(
        paths, sources.store, teacher, cache / f"taught-train-{sources.store.name}.npz", recipe.workers, progress
    )
    names = sorted(sources.birds[Part.TRAIN])
    species = np.array([names.index(name) for _, name in clips])
    target = fit_target(taught.embeddings, species[taught.clips], recipe.target)
    held_out = mixtures(Part.VALIDATION, recipe.mixtures.validation_count, 1)
    training = mixtures(Part.TRAIN, recipe.mixtures.count, 0)
    start = _start(recipe, progress)
    begun = f" from {start.key}" if start else ""
    heard = heard_by(recipe, training, start)
    made_of = " and ".join(folder.name for folder in heard)
    key = recipe.key(f"{made_of} clean{begun}", "target", "distillation", "seed")
    student = distil(
        recipe,
        lambda: [
            *(chunk for folder in heard for chunk in load_chunks(folder)),
            clean_windows(paths, sources.store, taught, recipe.frames),
        ],
        lambda: load_chunks(held_out),
        target,
        cache / f"student-{key}.pt",
        progress,
        start.student if start else None,
    )
    return Trained(student, sources, teacher, key, training)


def heard_by(recipe: FewShotRecipe, own: Path, start: Trained | None) -> list[Path]:
    """Folders of the mixtures that a student hears, its own first."""
    return [own, start.mixtures] if start and recipe.rehearse else [own]


def _start(recipe: FewShotRecipe, progress: Callable[[str], None]) -> Trained | None:
    """What an earlier recipe made. Raises UsageError when it is of another kind."""
    if recipe.start is None:
        return None
    earlier = load_recipe(Path(recipe.start))
    if not isinstance(earlier, FewShotRecipe):
        raise UsageError(recipe.start, "makes no bird encoder to begin with", "Name a recipe of system `fewshot`.")
    progress(f"beginning with the student of {recipe.start}")
    return train(earlier, progress)
