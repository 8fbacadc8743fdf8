"""What level or bandwidth alone would score: a detector that leans on the recorder shows here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray


def level(windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """dB `(n, frames, bands)` -> `(n, 1)`: mean power of the window in dB."""
    return 10.0 * np.log10(np.mean(10.0 ** (windows.astype(np.float64) / 10.0), axis=(1, 2)))[:, None]


def bandwidth(windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """dB `(n, frames, bands)` -> `(n, 2)`: highest and lowest band whose mean lies within 50 dB of the loudest band's."""
    means = windows.astype(np.float64).mean(axis=1)
    inside = means >= means.max(axis=1, keepdims=True) - 50.0
    highest = inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)
    return np.stack([highest, np.argmax(inside, axis=1)], axis=1).astype(np.float64)


BASELINES = {"level": level, "bandwidth": bandwidth}


def fit_baseline(
    name: str, windows: NDArray[np.floating], labels: NDArray[np.floating], seed: int
) -> HistGradientBoostingClassifier:
    """Gradient-boosted trees on one cue; `predict_proba(cue)[:, 1]` is the probability of a bird."""
    classifier = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=seed)
    return classifier.fit(BASELINES[name](windows), labels)
