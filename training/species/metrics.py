"""Figures of a classifier of several classes: unweighted average recall, mean average precision, confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.evaluate import average_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Scores = NDArray[np.float64]


def confusion(labels: Labels, answers: Labels, classes: int) -> NDArray[np.int64]:
    """`(classes, classes)`: rows are the right classes, columns the answers."""
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (labels, answers), 1)
    return table


def recalls(labels: Labels, answers: Labels, classes: int) -> Scores:
    """Share of each class's clips that were recognised `(classes,)`; not a number for a class without any."""
    table = confusion(labels, answers, classes)
    counts = table.sum(axis=1)
    return np.where(counts > 0, np.diag(table) / np.maximum(counts, 1), np.nan)


def unweighted_average_recall(labels: Labels, answers: Labels, classes: int) -> float:
    """Mean recall of the classes that have clips (UAR); not a number where none has."""
    each = recalls(labels, answers, classes)
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def mean_average_precision(labels: Labels, scores: Scores) -> float:
    """Mean over the classes that have clips of the average precision of `scores` `(clips, classes)` (mAP)."""
    present = np.unique(labels)
    if not len(present):
        return float("nan")
    return float(np.mean([average_precision(labels == one, scores[:, one]) for one in present]))


def interval_of_uar(
    labels: Labels, answers: Labels, units: NDArray[np.str_], classes: int, rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the UAR when whole units (recordings, recorder-days) are drawn anew with replacement.

    Only draws with all the classes that there are count, so that every figure is of the same classes; two
    not-a-numbers when none has.
    """
    members = [np.flatnonzero(units == name) for name in np.unique(units)]
    # Of each unit: how many clips of each class it has, and how many of them were recognised.
    asked = np.stack([np.bincount(labels[rows], minlength=classes) for rows in members])
    right = np.stack([np.bincount(labels[rows][labels[rows] == answers[rows]], minlength=classes) for rows in members])
    present = asked.sum(axis=0) > 0
    generator = np.random.default_rng(seed)
    figures: list[float] = []
    for _ in range(rounds):
        drawn = generator.integers(len(members), size=len(members))
        counts = asked[drawn].sum(axis=0)[present]
        if (counts > 0).all():
            figures.append(float((right[drawn].sum(axis=0)[present] / counts).mean()))
    if not figures:
        return float("nan"), float("nan")
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)
