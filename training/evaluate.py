"""Figures of merit: area under the ROC curve, average precision, operating points, and intervals by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Figure = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a positive scores above a negative, ties counting half; not a number when a class is absent."""
    truth, values = _checked(labels, scores)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Sum over thresholds of precision times the gain in recall; not a number without positives.

    Equal scores are one threshold, so that their order does not matter.
    """
    truth, values = _checked(labels, scores)
    if not truth.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    precision = hits[last] / (last + 1.0)
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold does."""

    threshold: float
    recall: float
    """Share of positives at or above it, 0..1."""
    precision: float
    """Share of positives among what is at or above it, 0..1; not a number when nothing is."""
    false_positive_rate: float
    """Share of negatives at or above it, 0..1."""


def operating_point(labels: ArrayLike, scores: ArrayLike, threshold: float) -> OperatingPoint:
    """Recall, precision and false-positive rate at `threshold`."""
    truth, values = _checked(labels, scores)
    chosen = values >= threshold
    hits, alarms = int((chosen & truth).sum()), int((chosen & ~truth).sum())
    positives, negatives = int(truth.sum()), int((~truth).sum())
    return OperatingPoint(
        threshold,
        hits / positives if positives else float("nan"),
        hits / (hits + alarms) if hits + alarms else float("nan"),
        alarms / negatives if negatives else float("nan"),
    )


def threshold_at(negative_scores: ArrayLike, false_positive_rate: float) -> float:
    """Smallest score above which at most that share of the negatives lies."""
    ordered = np.sort(np.asarray(negative_scores, dtype=np.float64))
    allowed = int(np.floor(false_positive_rate * len(ordered)))
    highest_refused = ordered[len(ordered) - allowed - 1] if allowed < len(ordered) else -np.inf
    return float(np.nextafter(highest_refused, np.inf))


def bootstrap_interval(
    labels: ArrayLike, scores: ArrayLike, units: ArrayLike, figure: Figure, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of `figure` when whole units (recordings, minutes) are drawn anew with replacement.

    Draws in which a class is absent are left out; two not-a-numbers when all are.
    """
    truth, values = _checked(labels, scores)
    names = np.asarray(units)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    generator = np.random.default_rng(seed)
    figures: list[float] = []
    for _ in range(rounds):
        drawn = np.concatenate([members[i] for i in generator.integers(len(members), size=len(members))])
        if 0 < truth[drawn].sum() < len(drawn):
            figures.append(figure(truth[drawn].astype(np.float64), values[drawn]))
    if not figures:
        return float("nan"), float("nan")
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    truth = np.asarray(labels, dtype=np.float64) > 0.5
    values = np.asarray(scores, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise ValueError(f"labels {truth.shape} and scores {values.shape} must be two equally long rows")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    return truth, values
