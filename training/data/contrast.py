"""Where in a clip something stands out of its background: species clips are labelled whole, but birds pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BACKGROUND_QUANTILE = 0.2
"""Of a band's frames: below it a clip is taken to be background."""

LOUDEST_CELLS = 60
"""Of a window's frames x bands (about 1 %), averaged to its contrast."""


def window_contrast(
    features: NDArray[np.float32], starts: NDArray[np.int64], frames: int, lowest_band: int
) -> NDArray[np.float64]:
    """Contrast in dB, 0 or more, of the windows of `frames` frames at `starts`; `features` is a clip's dB `(t, bands)`.

    How far the loudest cells lie above the clip's background in their band, after a 3 x 3 mean that takes the chance
    out of noise (white noise gives about 5 dB). Bands below `lowest_band` are left out: wind and handling live there.
    """
    if len(features) == 0:
        return np.zeros(len(starts))
    background = np.quantile(features, BACKGROUND_QUANTILE, axis=0)
    above = _box_mean(np.maximum(features - background, 0.0).astype(np.float64))[:, lowest_band:]
    contrast = np.empty(len(starts))
    for i, start in enumerate(starts):
        cells = above[start : start + frames].ravel()
        count = min(LOUDEST_CELLS, len(cells))
        contrast[i] = np.partition(cells, len(cells) - count)[len(cells) - count :].mean() if count else 0.0
    return contrast


def _box_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """3 x 3 mean; the edges repeat."""
    padded = np.pad(values, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0
