"""How the gate is measured: ESC-50 folds, and field minutes with marked calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.data.catalog import Kind
from training.data.pool import ESC50_BIRDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.features.frontend import Kernel
    from training.data.audio import AudioStore
    from training.data.catalog import Box, Recording

    Score = Callable[[NDArray[np.float32]], NDArray[np.float64]]

LEAST_OVERLAP_S = 0.25
"""Of a window with a marked call, to count as a window with a bird; a call shorter than that must lie inside."""

ESC50_HOP = 25
"""Frames between the windows of a clip: those that the monitor scores."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Labels and scores of the units that count."""

    labels: NDArray[np.float64]
    scores: NDArray[np.float64]
    units: NDArray[np.str_]
    """What is drawn anew in the bootstrap: a clip's source, or a minute."""
    folds: NDArray[np.int64]
    """ESC-50 fold, 0 elsewhere."""


BEST_WINDOWS = 3
"""Of a clip, whose mean is its score; better than the single best on validation clips."""


def mean_of_best(scores: NDArray[np.float64]) -> float:
    """Mean of the `BEST_WINDOWS` highest scores, or of all where there are fewer."""
    return float(np.sort(scores)[-BEST_WINDOWS:].mean())


def windows_of(features: NDArray[np.float32], frames: int, hop: int) -> NDArray[np.float32]:
    """Features `(t, bands)` -> `(n, frames, bands)`, window k from frame k * hop, none padded."""
    starts = range(0, len(features) - frames + 1, hop)
    if not starts:
        return np.zeros((0, frames, features.shape[1]), dtype=np.float32)
    return np.stack([features[start : start + frames] for start in starts])


def has_bird(start_s: float, end_s: float, boxes: Sequence[Box]) -> bool:
    """Whether a window holds `LEAST_OVERLAP_S` of a marked call, or a whole shorter one."""
    return any(
        min(end_s, box.end_s) - max(start_s, box.start_s) >= min(LEAST_OVERLAP_S, box.end_s - box.start_s) - 1e-9
        for box in boxes
    )


def score_field(
    recordings: Sequence[Recording], store: AudioStore, kernel: Kernel, frames: int, score: Score
) -> Scored:
    """Every window of about a second of the field minutes, one after another without overlap."""
    spec = kernel.spec
    labels: list[float] = []
    scores: list[NDArray[np.float64]] = []
    units: list[str] = []
    for recording in recordings:
        if recording.kind is not Kind.FIELD:
            continue
        windows = windows_of(kernel(store[recording.path]), frames, frames)
        scores.append(score(windows))
        for k in range(len(windows)):
            start_s = k * frames * spec.hop / spec.rate
            labels.append(float(has_bird(start_s, start_s + spec.samples_in(frames) / spec.rate, recording.boxes)))
            units.append(recording.path)
    return Scored(np.array(labels), np.concatenate(scores), np.array(units), np.zeros(len(labels), dtype=np.int64))


def score_esc50(
    recordings: Sequence[Recording],
    store: AudioStore,
    kernel: Kernel,
    frames: int,
    score: Callable[[int, NDArray[np.float32]], NDArray[np.float64]],
) -> Scored:
    """Every ESC-50 clip by its best windows; `score(fold, windows)` is of the model that never saw the fold."""
    chosen = [recording for recording in recordings if recording.kind is Kind.ESC50]
    best = [
        mean_of_best(score(recording.fold, windows_of(kernel(store[recording.path]), frames, ESC50_HOP)))
        for recording in chosen
    ]
    return Scored(
        np.array([float(recording.label in ESC50_BIRDS) for recording in chosen]),
        np.array(best),
        np.array([recording.groups[0] for recording in chosen]),
        np.array([recording.fold for recording in chosen]),
    )
