"""The search for the bank's cut-offs: an evolution strategy of one parent and one child.

The authors optimised theirs too, and do not say how. Here each trial multiplies every cut-off of the best bank so far
by a random factor and asks how well a logistic regression tells the classes from mean and spread of the values over a
decision, on folds it was not fitted on: their mean cross-entropy in nats. Where a trial is better it becomes the parent
and steps grow by a third; else they shrink by 7 % (the rule of one success in five).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams import ams_of
from monitor.features.ams_spec import AMS_PLAIN, AmsSpec
from training.sound.recipe import LABELS
from training.sound.render import draw_sounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.sound.recipe import SoundRecipe
    from training.sound.source import SoundSource

AUDIO_HZ = (60.0, 7_500.0)
MODULATION_HZ = (0.3, 300.0)
LEAST_OCTAVES = 0.5
"""Of a band."""

SALT = 17
"""Keeps the search's sounds apart from the examples that train and test."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The state of the search after a trial; the first is the plain bank."""

    spec: AmsSpec
    """The best so far."""
    cost: float
    """Its cross-entropy."""
    step: float
    """Standard deviation of the next move, octaves."""


def find_bank(
    recipe: SoundRecipe, source: SoundSource, progress: Callable[[str], None]
) -> tuple[AmsSpec, float, float]:
    """The bank of the recipe, its cross-entropy in the search and that of the plain bank (0 and 0 without a search)."""
    if recipe.bank == "plain" or recipe.search.trials == 0:
        return AMS_PLAIN, 0.0, 0.0
    # Trials are no part of the key: a search that was interrupted, or is to go further, goes on where it was.
    chosen = f"{recipe.search.examples} {recipe.search.folds} {recipe.search.spread}"
    path = Path(recipe.cache) / f"bank-{recipe.key(f'{source.name} {chosen}', 'seed', 'recordings', 'mixing')}.json"
    trials = _kept(path)
    if len(trials) <= recipe.search.trials:
        trials = _search(recipe, source, trials, path, progress)
    return trials[recipe.search.trials].spec, trials[recipe.search.trials].cost, trials[0].cost


def _kept(path: Path) -> list[Trial]:
    if not path.is_file():
        return []
    rows = json.loads(path.read_text())
    return [Trial(AmsSpec.from_dict(row["spec"]), row["cost"], row["step"]) for row in rows]


def _search(
    recipe: SoundRecipe, source: SoundSource, trials: list[Trial], path: Path, progress: Callable[[str], None]
) -> list[Trial]:
    """All trials; each is on disk before the next begins."""
    sounds: list[NDArray[np.float32]] = []
    labels: list[int] = []
    folds: list[int] = []
    for fold in range(recipe.search.folds):
        for place, _, sound in draw_sounds(recipe, source, fold, recipe.search.examples, recipe.seed + SALT):
            sounds.append(sound)
            labels.append(place)
            folds.append(fold)
    places, parts = np.array(labels), np.array(folds)
    if not trials:
        trials = [Trial(AMS_PLAIN, _cost(AMS_PLAIN, sounds, places, parts), 2.0 * recipe.search.spread)]
    while len(trials) <= recipe.search.trials:
        before = trials[-1]
        child = _moved(before.spec, before.step, np.random.default_rng([recipe.seed, len(trials)]))
        cost = _cost(child, sounds, places, parts)
        if cost < before.cost:
            trials = [*trials, Trial(child, cost, before.step * 1.33)]
        else:
            trials = [*trials, Trial(before.spec, before.cost, max(before.step * 0.93, 0.05))]
        rows = [{"spec": one.spec.to_dict(), "cost": one.cost, "step": one.step} for one in trials]
        scratch = path.with_suffix(".part")
        scratch.write_text(json.dumps(rows))
        scratch.replace(path)
        if (len(trials) - 1) % 10 == 0:
            progress(f"bank: cross-entropy {trials[-1].cost:.3f} after {len(trials) - 1} trials")
    return trials


def _moved(spec: AmsSpec, step: float, generator: np.random.Generator) -> AmsSpec:
    """Every cut-off times 2 to the power of a normal draw; bands stay in range and wide enough; 0 Hz stays 0 Hz."""
    audio = [_band(a, b, step, AUDIO_HZ, generator) for a, b in zip(spec.audio_low_hz, spec.audio_high_hz, strict=True)]
    slow = zip(spec.modulation_low_hz, spec.modulation_high_hz, strict=True)
    modulation = [_band(a, b, step, MODULATION_HZ, generator) for a, b in slow]
    return replace(
        spec,
        audio_low_hz=tuple(a for a, _ in audio),
        audio_high_hz=tuple(b for _, b in audio),
        modulation_low_hz=tuple(a for a, _ in modulation),
        modulation_high_hz=tuple(b for _, b in modulation),
    )


def _band(
    low: float, high: float, step: float, limits: tuple[float, float], generator: np.random.Generator
) -> tuple[float, float]:
    draws = 2.0 ** (step * generator.standard_normal(2))
    bottom = 0.0 if low == 0.0 else float(np.clip(low * draws[0], limits[0], limits[1] / 2.0**LEAST_OCTAVES))
    least = bottom * 2.0**LEAST_OCTAVES if bottom else limits[0]
    # Four digits: what is written down is what is computed.
    return float(f"{bottom:.4g}"), float(f"{np.clip(high * draws[1], least * 1.001, limits[1]):.4g}")


def _cost(
    spec: AmsSpec, sounds: list[NDArray[np.float32]], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> float:
    """Mean cross-entropy in nats of a logistic regression on folds that it was not fitted on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    vectors = np.stack([ams_of(sound, spec) for sound in sounds]).astype(np.float64)
    # Levels were drawn at random: they would be most of the variance.
    means = vectors.mean(axis=1) - vectors.mean(axis=(1, 2))[:, None]
    values = np.concatenate([means, vectors.std(axis=1)], axis=1)
    total = 0.0
    for fold in np.unique(folds):
        inside = folds == fold
        judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=500))
        told = judge.fit(values[~inside], labels[~inside]).predict_proba(values[inside])
        total -= float(np.log(np.maximum(told[np.arange(int(inside.sum())), labels[inside]], 1e-6)).sum())
    if len(np.unique(labels)) != len(LABELS):
        raise ValueError("a search needs every class")
    return total / len(labels)
