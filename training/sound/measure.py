"""A classifier of sound classes measured: each fold by a network that never heard its recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams_spec import AMS_PLAIN
from training.nets.tiny import parameters
from training.sound.fit import fit, probabilities
from training.sound.recipe import LABELS
from training.sound.render import render
from training.sound.results import SoundResults
from training.sound.search import find_bank

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.sound.recipe import SoundRecipe
    from training.sound.render import Examples
    from training.sound.source import SoundSource

    Progress = Callable[[str], None]


SPEECH = 0.5
"""Probability of speech, alone or in noise, from which on the privacy mode withholds, if not set otherwise."""


def measure(recipe: SoundRecipe, source: SoundSource, progress: Progress) -> SoundResults:
    """Train what is missing, and ask about every example."""
    spec, bank_cost, plain_cost = find_bank(recipe, source, progress)
    examples = render(recipe, source, spec, progress)
    found = told(recipe, examples, progress)
    said = found.argmax(axis=1)
    speech = found[:, [LABELS.index("speech"), LABELS.index("speech+noise")]].sum(axis=1) >= SPEECH
    labels, folds = examples.labels, examples.folds
    unsearched = folds >= recipe.search.folds if spec != AMS_PLAIN else np.ones(len(folds), dtype=bool)
    music = labels == LABELS.index("music")
    network = fit(recipe, examples, None, progress)
    return SoundResults(
        macro=macro_recall(labels, said),
        recall={label: float((said[labels == i] == i).mean()) for i, label in enumerate(LABELS)},
        macro_by_fold={int(f): macro_recall(labels[folds == f], said[folds == f]) for f in np.unique(folds)},
        macro_unsearched=macro_recall(labels[unsearched], said[unsearched]) if unsearched.any() else 0.0,
        music={
            str(name): float((said[music & (examples.origins == name)] == LABELS.index("music")).mean())
            for name in np.unique(examples.origins[music])
        },
        confusion={
            label: {other: int((said[labels == i] == j).sum()) for j, other in enumerate(LABELS)}
            for i, label in enumerate(LABELS)
        },
        speech={label: float(speech[labels == i].mean()) for i, label in enumerate(LABELS)},
        bank_cost=bank_cost,
        plain_cost=plain_cost,
        examples=len(labels),
        parameters=parameters(network),
    )


def told(recipe: SoundRecipe, examples: Examples, progress: Progress) -> NDArray[np.float32]:
    """Probability of each class for every example `(n, 4)`, by the network that never heard its fold."""
    found = np.zeros((len(examples.labels), len(LABELS)), dtype=np.float32)
    for fold in np.unique(examples.folds):
        inside = examples.folds == fold
        network = fit(recipe, examples, int(fold), progress)
        found[inside] = probabilities(network, examples.vectors[inside])
    return found


def macro_recall(labels: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """Mean over the classes of the share that is recognised, 0..1."""
    return float(np.mean([(said[labels == place] == place).mean() for place in np.unique(labels)]))
