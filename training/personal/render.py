"""Examples of one set: ten seconds of a class, and what the filter bank makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from monitor.features.ams import ams_of
from training.sound.mixing import SILENCE, at_level, energy_ratio, lengthened, mix_at, rms
from training.sound.recipe import LABELS
from training.sound.render import ATTEMPTS, FADE, LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from monitor.features.ams_spec import AmsSpec
    from training.personal.recipe import PersonalRecipe
    from training.personal.sets import Pool
    from training.sound.source import Sounds, SoundSource


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Inputs of a classifier and what they are."""

    vectors: NDArray[np.float32]
    """`(n, 5, 9)`: values of the bank in dB."""
    labels: NDArray[np.int64]
    """`(n,)`: places in `LABELS`."""


def render_set(
    recipe: PersonalRecipe,
    source: SoundSource,
    spec: AmsSpec,
    name: str,
    pool: Pool,
    count: int,
    progress: Callable[[str], None],
) -> Decisions:
    """`count` decisions of each class from a pool, rendered now unless the cache has them; `name` seeds the draws."""
    chosen = f"{source.name} {spec.fingerprint} {name} {count} {_listing(pool)}"
    key = recipe.key(chosen, "seed", "clean_db", "noisy_db", "level_dbfs", "largest_ratio")
    path = Path(recipe.cache) / f"decisions-{key}.npz"
    if not path.is_file():
        generator = np.random.default_rng([recipe.seed, *name.encode()])
        rows: list[NDArray[np.float32]] = []
        labels: list[int] = []
        for _ in range(count):
            for place in range(len(LABELS)):
                rows.append(ams_of(_sound(recipe, source, pool, LABELS[place], generator), spec))
                labels.append(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".part")
        with scratch.open("wb") as stream:
            np.savez(stream, vectors=np.stack(rows), labels=np.array(labels, dtype=np.int64))
        scratch.replace(path)
        progress(f"rendered {len(labels)} decisions: {name}")
    with np.load(path, allow_pickle=False) as kept:
        return Decisions(kept["vectors"], kept["labels"])


def _sound(
    recipe: PersonalRecipe, source: SoundSource, pool: Pool, label: str, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Ten seconds of a class, float32 `(160 000,)`."""
    if label == "music":
        sound = _drawn(recipe, source, pool.music, generator)
    elif label == "noise":
        sound = _drawn(recipe, source, pool.noise, generator)
    else:
        low, high = recipe.clean_db if label == "speech" else recipe.noisy_db
        speech = _drawn(recipe, source, {"speech": pool.speech}, generator, steady=False)
        sound = mix_at(speech, _drawn(recipe, source, pool.noise, generator), float(generator.uniform(low, high)))
    return at_level(sound, float(generator.uniform(*recipe.level_dbfs)))


def _drawn(
    recipe: PersonalRecipe,
    source: SoundSource,
    kinds: dict[str, list[Sounds]],
    generator: np.random.Generator,
    *,
    steady: bool = True,
) -> NDArray[np.float32]:
    """Of a kind drawn first, ten seconds that can be heard and, if they shall be, are steady enough (Eq. 5)."""
    names = list(kinds)
    for _ in range(ATTEMPTS):
        choice = kinds[names[int(generator.integers(len(names)))]]
        whole = source.samples(choice[int(generator.integers(len(choice)))])
        if len(whole) <= 2 * FADE:
            continue
        start = int(generator.integers(max(1, len(whole) - LENGTH + 1)))
        sound = lengthened(np.asarray(whole[start : start + LENGTH]), LENGTH, FADE)
        if rms(sound) >= SILENCE and (not steady or energy_ratio(sound) <= recipe.largest_ratio):
            return sound
    why = f"none of {ATTEMPTS} draws was steady and loud enough"
    raise UsageError(f"sounds of {', '.join(names)}", why, "Name steadier kinds in the recipe")


def _listing(pool: Pool) -> str:
    kinds = [*pool.noise.values(), *pool.music.values(), pool.speech]
    return " ".join(one.recording.path for kind in kinds for one in kind)
