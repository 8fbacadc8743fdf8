"""What a gate's network gives, as one probability: its only output, or the likeliest of its labels that are birds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BundleError
from monitor.inference.manifest import BIRDS_KEY
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle


class GateScores:
    """`scores(window)` -> probability that a bird is audible, 0..1."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when its list of birds has names that are no labels of it."""
        manifest = bundle.manifest
        scores = manifest.scores
        self._bundle = bundle
        self._model = manifest.id
        self._output = (scores or manifest.outputs[0]).name
        self._logits = scores is not None and scores.role == "logits"
        self._birds: NDArray[np.intp] | None = _birds(bundle) if bundle.labels and scores else None

    def __call__(self, window: Float32Array) -> float:
        """Of a window as the network takes it, without a batch. Raises InferenceError when the network fails."""
        found = self._bundle.run(window[None])[self._output][0].ravel()
        value = float(found.max() if self._birds is None else found[self._birds].max())
        probability = 1.0 / (1.0 + float(np.exp(-np.clip(value, -30.0, 30.0)))) if self._logits else value
        # Written so that a NaN fails too; a sigmoid may pass 1 by a rounding.
        if not -1e-6 <= probability <= 1.0 + 1e-6:
            raise InferenceError(f"{self._model} gave {probability:g}, which is no probability")
        return min(max(probability, 0.0), 1.0)


def _birds(bundle: Bundle) -> NDArray[np.intp]:
    """Places of the labels that are birds."""
    names = bundle.extra_path(BIRDS_KEY).read_text(encoding="utf-8").splitlines()
    places = {label: place for place, label in enumerate(bundle.labels)}
    unknown = [name for name in names if name not in places]
    if unknown or not names:
        why = f"its list of birds names `{unknown[0]}`, which is no label" if unknown else "its list of birds is empty"
        raise BundleError(f"model {bundle.manifest.id}", why, "Import it again")
    return np.array([places[name] for name in names], dtype=np.intp)
