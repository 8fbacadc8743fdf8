"""The recordings of a paper recipe: which there are, their parts, and the sound of each."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.files import FileSource
from monitor.errors import UsageError
from monitor.features.spec import BIRD
from training.data.audio import decode
from training.data.catalog import Kind, data_folder, load_catalog
from training.data.layouts.birdclef import load_birdclef
from training.data.pool import OUTDOORS
from training.data.species_parts import load_parts, recordings_of
from training.data.splits import Part, fraction
from training.fewshot.insertion import FADE_S, chain, insert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.data.catalog import Recording
    from training.fewshot.paper_recipe import Insertion, PaperRecipe, Recordings

BACKGROUND_CLIPS = 7
"""Of one ESC-50 class, chained to one background."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """What recordings of one part sound like."""

    root: Path
    insertion: Insertion | None = None
    backgrounds: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Paths of bird-free clips by class, where calls are put into longer sound."""

    def __call__(self, recording: Recording) -> NDArray[np.float32]:
        """`(n,)` at the spec's rate; always the same for one recording."""
        call = decode(self.root / recording.path, BIRD.rate)
        if self.insertion is None:
            return call
        generator = np.random.default_rng(zlib.crc32(recording.path.encode()))
        length, fade = (round(seconds * BIRD.rate) for seconds in (self.insertion.seconds, FADE_S))
        classes = self.backgrounds
        paths = classes[sorted(classes)[int(generator.integers(len(classes)))]]
        chosen = generator.permutation(len(paths))[:BACKGROUND_CLIPS]
        background = chain([_decoded(self.root / paths[int(i)]) for i in chosen], length, fade)
        start = int(generator.integers(max(1, length - len(call) + 1)))
        return insert(call, background, float(generator.uniform(*self.insertion.snr_db)), start, fade)


@dataclass(frozen=True, slots=True)
class Source:
    """Recordings and their sounds."""

    recordings: dict[Part, list[Recording]]
    """Species clips of each part."""
    sounds: dict[Part, Sounds]


def load_source(recipe: PaperRecipe, progress: Callable[[str], None]) -> Source:
    """Nothing is decoded yet. Raises UsageError or StartError when recordings are missing or too few."""
    source = _catalog(recipe) if recipe.recordings.layout == "catalog" else _birdclef(recipe, progress)
    for part in (Part.TRAIN, *recipe.scoring.parts):
        recordings = source.recordings.get(part, [])
        progress(f"{part}: {len(recordings)} recordings of {len({one.label for one in recordings})} species")
        if not recordings:
            remedy = "Give more recordings, a split that names all parts, or smaller limits in [recordings]."
            raise UsageError(f"recordings at {recipe.recordings.folder}", f"none are left for {part}", remedy)
    return source


def prune(
    recordings: Sequence[Recording], seconds: Sequence[float], longest_s: float, least: int
) -> tuple[list[Recording], list[str]]:
    """The paper's rules: without recordings longer than `longest_s`, then without species of fewer than `least`.

    With the words that tell what was left out.
    """
    short = [one for one, length in zip(recordings, seconds, strict=True) if length <= longest_s]
    counts = Counter(one.label for one in short)
    kept = [one for one in short if counts[one.label] >= least]
    species = len({one.label for one in recordings}) - len({one.label for one in kept})
    told = [
        f"{len(recordings) - len(short)} recordings are longer than {longest_s:g} s and left out",
        f"{species} species have fewer than {least} recordings and are left out",
    ]
    return kept, told


def divide(species: Sequence[str], shares: tuple[int, int, int]) -> dict[str, Part]:
    """Parts of species ranked by a hash of the name: exactly `shares` where they add up, else in proportion."""
    ranked = sorted(set(species), key=lambda name: fraction(name, 0))
    bounds = [round(len(ranked) * sum(shares[: i + 1]) / sum(shares)) for i in range(3)]
    return {name: list(Part)[sum(rank >= bound for bound in bounds)] for rank, name in enumerate(ranked)}


def _catalog(recipe: PaperRecipe) -> Source:
    root = data_folder(recipe.recordings.folder)
    catalogued = load_catalog(root)
    parts = load_parts(catalogued)
    recordings = {part: recordings_of(catalogued, parts, part) for part in Part}
    if recipe.insertion is None:
        return Source(recordings, dict.fromkeys(Part, Sounds(root)))
    sounds: dict[Part, Sounds] = {}
    outdoors = [one for one in catalogued if one.kind is Kind.ESC50 and one.label in OUTDOORS]
    for part in Part:
        classes: dict[str, list[str]] = {}
        for one in outdoors:
            if one.fold in recipe.insertion.folds.get(part, ()):
                classes.setdefault(one.label, []).append(one.path)
        if not classes and part in (Part.TRAIN, *recipe.scoring.parts):
            why = f"ESC-50 has no outdoor sound for {part} in the folds of [insertion]"
            raise UsageError("recipe", why, "Name folds of 1 to 4 for each part.")
        sounds[part] = Sounds(root, recipe.insertion, classes)
    return Source(recordings, sounds)


def _birdclef(recipe: PaperRecipe, progress: Callable[[str], None]) -> Source:
    settings = recipe.recordings
    if recipe.insertion:
        why = "calls are put into bird-free sound of the catalog, which a BirdCLEF folder lacks"
        raise UsageError("recipe", why, "Remove [insertion], or use the layout `catalog`.")
    root = Path(settings.folder).expanduser()
    if not root.is_dir():
        remedy = (
            "Fetch the training recordings of BirdCLEF 2020 (https://www.imageclef.org/BirdCLEF2020), unpack them to "
            "one folder for each species, and name that folder as `folder` under [recordings] in the recipe."
        )
        raise UsageError(f"recordings at {root}", "there is no such folder", remedy)
    recordings, parts = _pruned(root, settings, progress)
    by_part: dict[Part, list[Recording]] = {part: [] for part in Part}
    for one in recordings:
        by_part[parts[one.label]].append(one)
    return Source(by_part, dict.fromkeys(Part, Sounds(root)))


def _pruned(
    root: Path, settings: Recordings, progress: Callable[[str], None]
) -> tuple[list[Recording], dict[str, Part]]:
    named = [Path(name).expanduser() if name else None for name in (settings.split, settings.metadata)]
    layout = load_birdclef(root, *named)
    seconds = [_seconds(root / one.path) for one in layout.recordings]
    kept, told = prune(layout.recordings, seconds, settings.longest_s, settings.least_recordings)
    for line in [*layout.warnings[:20], *told]:
        progress(line)
    return kept, layout.parts or divide([one.label for one in kept], settings.species)


def _seconds(path: Path) -> float:
    """Length of a recording by its header; endless where that does not tell."""
    source = FileSource(path)
    return source.length / source.rate if source.length is not None else float("inf")


@lru_cache(maxsize=1024)
def _decoded(path: Path) -> NDArray[np.float32]:
    return decode(path, BIRD.rate)
