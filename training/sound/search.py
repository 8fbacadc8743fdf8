"""The search for the bank's cut-offs: evolution over a grid of bands, with C1 itself as the judge.

The authors optimised theirs too, and do not say how. Every band of the grid is measured once on the sounds of the
first folds (`dictionary.py`). A trial is a bank, three audio and three modulation bands, and its cost the cross-entropy
of small networks that were trained on its values without a fold and asked about that fold (`judge.py`). The first banks
are the plain one and random ones; of every later generation most are children of the best so far: one or two of
their bands are exchanged for others, mostly neighbours, or the audio bands of one parent meet the modulation bands of
another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams_spec import AMS_PLAIN
from training.sound.dictionary import AUDIO, MODULATION, bank_of, load_dictionary, plain_places
from training.sound.judge import costs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from monitor.features.ams_spec import AmsSpec
    from training.sound.dictionary import Band, Dictionary
    from training.sound.recipe import BankSearch, SoundRecipe
    from training.sound.source import SoundSource

    Bands = tuple[int, ...]

PARENTS = 12
"""The best so far that have children."""

GENERATION = 16
AT_A_TIME = 8
"""Banks whose networks are trained together."""

FIRST = 48
"""Banks before evolution begins."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A bank that was judged."""

    audio: Bands
    """Places in `AUDIO`."""
    modulation: Bands
    """Places in `MODULATION`."""
    cost: float
    """Cross-entropy in nats."""


def find_bank(
    recipe: SoundRecipe, source: SoundSource, progress: Callable[[str], None]
) -> tuple[AmsSpec, float, float]:
    """The bank of the recipe, its cross-entropy in the search and that of the plain bank (0 and 0 without a search)."""
    if recipe.bank == "plain" or recipe.search.trials == 0:
        return AMS_PLAIN, 0.0, 0.0
    trials = _search(recipe, source, progress)
    best = min(trials, key=lambda trial: trial.cost)
    return bank_of(best.audio, best.modulation), best.cost, trials[0].cost


def _search(recipe: SoundRecipe, source: SoundSource, progress: Callable[[str], None]) -> list[Trial]:
    """All trials, the plain bank's first; each generation is on disk before the next begins."""
    wanted = recipe.search
    # Trials are no part of the key: a search that was interrupted, or is to go further, goes on where it was.
    chosen = f"{wanted.examples} {wanted.folds} {wanted.steps} {AUDIO} {MODULATION}"
    path = Path(recipe.cache) / f"bank-{recipe.search_key(f'{source.name} {chosen}')}.json"
    trials = [Trial(tuple(a), tuple(m), cost) for a, m, cost in json.loads(path.read_text())] if path.is_file() else []
    if len(trials) >= wanted.trials:
        return trials[: wanted.trials]
    dictionary = load_dictionary(recipe, source, progress)
    while len(trials) < wanted.trials:
        generator = np.random.default_rng([recipe.seed, len(trials)])
        trials += _judged(_next_banks(trials, generator), dictionary, wanted, recipe.seed)
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps([[one.audio, one.modulation, one.cost] for one in trials]))
        scratch.replace(path)
        if len(trials) % (10 * GENERATION) < GENERATION:
            progress(f"bank: cross-entropy {min(one.cost for one in trials):.3f} after {len(trials)} trials")
    return trials[: wanted.trials]


def _judged(banks: Iterable[tuple[Bands, Bands]], dictionary: Dictionary, wanted: BankSearch, seed: int) -> list[Trial]:
    listed = list(banks)
    found: list[Trial] = []
    for start in range(0, len(listed), AT_A_TIME):
        some = listed[start : start + AT_A_TIME]
        vectors = [dictionary.of(audio, modulation) for audio, modulation in some]
        told = costs(vectors, dictionary.labels, dictionary.folds, wanted.steps, seed)
        found += [Trial(audio, modulation, cost) for (audio, modulation), cost in zip(some, told, strict=True)]
    return found


def _next_banks(trials: list[Trial], generator: np.random.Generator) -> list[tuple[Bands, Bands]]:
    """A generation of banks that were not judged before."""
    known = {(one.audio, one.modulation) for one in trials}
    parents = sorted(trials, key=lambda one: one.cost)[:PARENTS]
    banks: list[tuple[Bands, Bands]] = [] if trials else [plain_places()]
    while len(banks) < (GENERATION if trials else FIRST):
        kind = generator.random()
        if not parents or kind < 0.1:
            bank = _some(len(AUDIO), generator), _some(len(MODULATION), generator)
        elif kind < 0.35:
            one, other = (parents[int(generator.integers(len(parents)))] for _ in range(2))
            bank = one.audio, other.modulation
        else:
            # The better a bank, the more children it has.
            parent = parents[min(len(parents) - 1, int(generator.exponential(3.0)))]
            bank = parent.audio, parent.modulation
            for _ in range(1 + int(generator.random() < 0.4)):
                bank = _changed(bank, generator)
        if bank not in known and len(set(bank[0])) == len(set(bank[1])) == 3:
            known.add(bank)
            banks.append(bank)
    return banks


def _changed(bank: tuple[Bands, Bands], generator: np.random.Generator) -> tuple[Bands, Bands]:
    """With another band in the place of one."""
    audio, modulation = list(bank[0]), list(bank[1])
    chosen, grid = (audio, AUDIO) if generator.random() < 0.5 else (modulation, MODULATION)
    place = int(generator.integers(len(chosen)))
    near = generator.random() < 0.6
    chosen[place] = _neighbour(chosen[place], grid, generator) if near else int(generator.integers(len(grid)))
    return tuple(sorted(audio)), tuple(sorted(modulation))


def _neighbour(place: int, grid: tuple[Band, ...], generator: np.random.Generator) -> int:
    """One of the six whose cut-offs are the fewest octaves away."""
    octaves = np.log2(np.maximum(np.array(grid), 0.25))
    away = np.abs(octaves - octaves[place]).sum(axis=1)
    return int(generator.choice(np.argsort(away, kind="stable")[1:7]))


def _some(size: int, generator: np.random.Generator) -> Bands:
    return tuple(sorted(int(place) for place in generator.choice(size, 3, replace=False)))
