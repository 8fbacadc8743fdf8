"""What a back-end needs to make personal classifiers: labelled vectors, their filter bank, and C2, which labels others.

The first time all of it is made from the recordings (or taken from the recipes' caches); it is then kept in one place,
and a back-end starts without any recording.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from monitor.errors import UsageError
from monitor.features.ams_spec import AmsSpec
from training.nets.sound_class import LargeClassifier, WideClassifier
from training.sound.fit import fit, probabilities
from training.sound.render import render
from training.sound.search import find_bank
from training.sound.source import load_sound_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import nn

    from training.sound.recipe import SoundRecipe

    Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Backend:
    """All of it."""

    recipe: SoundRecipe
    """Of C1: how it is trained anew."""
    spec: AmsSpec
    """Of the filter bank that all vectors come from."""
    vectors: NDArray[np.float32]
    """`(n, 5, 9)`, dB: the baseline set."""
    labels: NDArray[np.int64]
    """`(n,)`: places in `LABELS`."""
    labeller: nn.Module
    """C2, in evaluation mode."""

    def label(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors `(n, 5, 9)` -> probability of each class `(n, 4)`, by C2."""
        return probabilities(self.labeller, vectors)


def load_backend(recipe: SoundRecipe, labeller: SoundRecipe, progress: Progress) -> Backend:
    """The back-end of C1's recipe and of C2's, made now where it was not before.

    Raises UsageError when the recipes are not those of a small and of a large or wide classifier.
    """
    if recipe.classifier != "small" or labeller.classifier == "small":
        why = f"C1's recipe makes a {recipe.classifier} classifier, C2's a {labeller.classifier} one"
        remedy = "Give the recipe of a small one, and --labeller one of a large or wide one"
        raise UsageError("the recipes", why, remedy)
    key = recipe.key(labeller.key("", *_OF_LABELLER), *_OF_BASELINE)
    folder = Path(recipe.cache) / "backend"
    arrays, weights = folder / f"baseline-{key}.npz", folder / f"labeller-{key}.pt"
    if not (arrays.is_file() and weights.is_file()):
        source = load_sound_source(recipe, progress)
        spec, _, _ = find_bank(recipe, source, progress)
        examples = render(recipe, source, spec, progress)
        network = fit(labeller, examples, None, progress)
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), weights.with_suffix(".part"))
        weights.with_suffix(".part").replace(weights)
        scratch = arrays.with_suffix(".part")
        with scratch.open("wb") as stream:
            told = json.dumps(spec.to_dict())
            np.savez(stream, vectors=examples.vectors, labels=examples.labels, spec=np.array(told))
        scratch.replace(arrays)
    network = WideClassifier() if labeller.classifier == "wide" else LargeClassifier(side=labeller.side)
    network.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    with np.load(arrays, allow_pickle=False) as kept:
        spec = AmsSpec.from_dict(json.loads(str(kept["spec"])))
        return Backend(recipe, spec, kept["vectors"], kept["labels"], network.eval())


_OF_BASELINE = ("seed", "recordings", "mixing", "bank", "search", "optimiser")
_OF_LABELLER = ("seed", "classifier", "weights", "side", "optimiser")
