"""What simple cues score on the same test recordings: bandwidth or level alone, and log-mel statistics."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monitor.features.spec import SCENE
from training.baselines import bandwidth, level
from training.scene.scores import KERNEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from training.scene.source import Source

    Rows = NDArray[np.float64]

DECIBELS = 10.0 / log(10.0)
"""A neper of power in decibels."""

POOLED = 4
"""Bands averaged into one for the statistics."""


def measure_cues(source: Source, seconds: float, seed: int) -> dict[str, float]:
    """Accuracy of each on decisions of so many seconds, fitted on each fold's training recordings as they are."""
    frames = round(seconds * SCENE.rate / SCENE.hop)
    pieces: list[NDArray[np.float32]] = []
    labels: list[int] = []
    folds: list[int] = []
    for clip in source.clips:
        if clip.stranger or clip.kin or clip.label not in source.scenes:
            continue
        features = KERNEL(source.store[clip.path])
        length = min(frames, len(features))
        for start in range(0, len(features) - length + 1, length):
            pieces.append(features[start : start + length])
            labels.append(source.scenes.index(clip.label))
            folds.append(clip.fold)
    right, fold_of = np.array(labels), np.array(folds)
    trees = lambda: HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=seed)  # noqa: E731
    linear = lambda: make_pipeline(  # noqa: E731
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )
    decibels = [piece[None] * DECIBELS for piece in pieces]
    return {
        "bandwidth alone (boosted trees)": _crossed(trees, _rows(decibels, bandwidth), right, fold_of),
        "level alone (boosted trees)": _crossed(trees, _rows(decibels, level), right, fold_of),
        "log-mel mean and deviation (logistic regression)": _crossed(
            linear, np.stack([_statistics(piece) for piece in pieces]), right, fold_of
        ),
    }


def _rows(pieces: list[NDArray[np.float32]], cue: Callable[[NDArray[np.floating]], Rows]) -> Rows:
    return np.concatenate([cue(piece) for piece in pieces])


def _statistics(piece: NDArray[np.float32]) -> Rows:
    pooled = piece.reshape(len(piece), -1, POOLED).mean(axis=2, dtype=np.float64)
    return np.concatenate([pooled.mean(axis=0), pooled.std(axis=0)])


def _crossed(make: Callable[[], Any], rows: Rows, labels: NDArray[np.int64], folds: NDArray[np.int64]) -> float:
    """Share of rows that are right, each by a classifier that was fitted without its fold."""
    hits = np.zeros(len(labels), dtype=bool)
    for fold in np.unique(folds[folds >= 0]):
        inside = folds == fold
        hits[inside] = make().fit(rows[~inside], labels[~inside]).predict(rows[inside]) == labels[inside]
    return float(hits[folds >= 0].mean())
