"""Examples: ten seconds of a class made from the recordings of one fold, and what a filter bank makes of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams import ams_of
from training.sound.mixing import SILENCE, at_level, energy_ratio, lengthened, mix_at, rms
from training.sound.recipe import LABELS
from training.sound.source import RATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from monitor.features.ams_spec import AmsSpec
    from training.sound.recipe import SoundRecipe
    from training.sound.source import Content, Sounds, SoundSource

FRAMES = 5
"""Vectors of a decision."""

SECONDS = 10
LENGTH = SECONDS * RATE
FADE = RATE // 10
ATTEMPTS = 200
"""Draws until a sound is steady enough; recordings of one fold that never are would be a fault of the recipe."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What trains and tests."""

    vectors: NDArray[np.float32]
    """`(n, 5, 9)`: values of the bank in dB."""
    labels: NDArray[np.int64]
    """`(n,)`: places in `LABELS`."""
    folds: NDArray[np.int64]
    """`(n,)`."""
    origins: NDArray[np.str_]
    """`(n,)`: of music its package, of noise its class, else empty."""


def draw_sounds(
    recipe: SoundRecipe, source: SoundSource, fold: int, count: int, seed: int
) -> Iterator[tuple[int, str, NDArray[np.float32]]]:
    """`count` examples of each class: label's place, origin, float32 `(160 000,)`."""
    mixing = recipe.mixing
    generator = np.random.default_rng([seed, fold])
    for _ in range(count):
        for place, label in enumerate(LABELS):
            origin = ""
            if label == "music":
                chosen, sound = _drawn(recipe, source, "music", fold, generator)
                origin = chosen.recording.label
            elif label == "noise":
                chosen, sound = _noise(recipe, source, fold, generator)
                origin = chosen.recording.label
            else:
                low, high = mixing.clean_db if label == "speech" else mixing.noisy_db
                _, speech = _drawn(recipe, source, "speech", fold, generator)
                _, noise = _noise(recipe, source, fold, generator)
                sound = mix_at(speech, noise, float(generator.uniform(low, high)))
            yield place, origin, at_level(sound, float(generator.uniform(*mixing.level_dbfs)))


def render(recipe: SoundRecipe, source: SoundSource, spec: AmsSpec, progress: Callable[[str], None]) -> Examples:
    """All examples of the recipe, rendered now unless the cache has them; a fold is on disk when it is done."""
    parts: list[Examples] = []
    for fold in range(source.folds):
        key = recipe.key(f"{source.name} {spec.fingerprint} {fold}", "seed", "recordings", "mixing")
        path = Path(recipe.cache) / f"examples-{key}.npz"
        if not path.is_file():
            _render_fold(recipe, source, spec, fold, path)
            progress(f"rendered fold {fold + 1} of {source.folds}")
        with np.load(path, allow_pickle=False) as kept:
            labels = kept["labels"]
            parts.append(Examples(kept["vectors"], labels, np.full(len(labels), fold), kept["origins"]))
    return Examples(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.folds for part in parts]),
        np.concatenate([part.origins for part in parts]),
    )


def _render_fold(recipe: SoundRecipe, source: SoundSource, spec: AmsSpec, fold: int, path: Path) -> None:
    rows: list[NDArray[np.float32]] = []
    labels: list[int] = []
    origins: list[str] = []
    for place, origin, sound in draw_sounds(recipe, source, fold, recipe.mixing.examples, recipe.seed):
        rows.append(ams_of(sound, spec))
        labels.append(place)
        origins.append(origin)
    scratch = path.with_suffix(".part")
    with scratch.open("wb") as stream:
        np.savez(stream, vectors=np.stack(rows), labels=np.array(labels, dtype=np.int64), origins=np.array(origins))
    scratch.replace(path)


def digest(examples: Examples) -> str:
    """16 hexadecimal digits that change with the examples."""
    return hashlib.sha256(examples.vectors.tobytes() + examples.labels.tobytes()).hexdigest()[:16]


def _noise(
    recipe: SoundRecipe, source: SoundSource, fold: int, generator: np.random.Generator
) -> tuple[Sounds, NDArray[np.float32]]:
    ambience, other = source.of("ambience", fold), source.of("noise", fold)
    wanted = generator.random() < recipe.recordings.scene_share
    return _drawn(recipe, source, "ambience" if ambience and (wanted or not other) else "noise", fold, generator)


def _drawn(
    recipe: SoundRecipe, source: SoundSource, content: Content, fold: int, generator: np.random.Generator
) -> tuple[Sounds, NDArray[np.float32]]:
    """A recording of the fold, and ten seconds of it that can be heard and, unless speech, are steady enough."""
    choice = source.of(content, fold)
    # Of music the origin first: else a package of many tracks would be most of its fold.
    origins = source.origins[fold]
    for _ in range(ATTEMPTS):
        if content == "music":
            origin = origins[int(generator.integers(len(origins)))]
            choice = [one for one in source.of(content, fold) if one.recording.label == origin]
        one = choice[int(generator.integers(len(choice)))]
        whole = source.samples(one)
        if len(whole) <= 2 * FADE:
            continue
        start = int(generator.integers(max(1, len(whole) - LENGTH + 1)))
        sound = lengthened(np.asarray(whole[start : start + LENGTH]), LENGTH, FADE)
        if rms(sound) < SILENCE:
            continue
        if content == "speech" or energy_ratio(sound) <= recipe.mixing.largest_ratio:
            return one, sound
    raise ValueError(f"no steady {content} in fold {fold} after {ATTEMPTS} draws")
