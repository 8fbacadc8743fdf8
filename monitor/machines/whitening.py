"""Makes the directions of a machine's normals comparable before distances are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array

FULL_FROM = 101
"""Normals (clips, not their overlapping windows) from which on a full covariance is trusted."""

LEAST_DEVIATION = 1e-3
"""Of a value that hardly varies, relative to the largest deviation of all values."""

SHRINKAGE = 0.1
"""Share of the mean variance that is mixed into a full covariance's diagonal."""


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """Subtracts the normals' mean, then divides by deviations or turns by a matrix."""

    mean: Float64Array
    """float64 `(d,)`."""
    weights: Float64Array
    """float64 `(d,)`: one over the deviation; or `(d, d)`: a full whitening, applied from the right."""

    def __post_init__(self) -> None:
        width = len(self.mean)
        if self.mean.ndim != 1 or self.weights.shape not in ((width,), (width, width)):
            raise ValueError(f"a whitening of {self.mean.shape} and {self.weights.shape}")

    def __call__(self, vectors: Float64Array) -> Float64Array:
        """`(n, d)` -> `(n, d)`."""
        centred = vectors - self.mean
        return centred * self.weights if self.weights.ndim == 1 else centred @ self.weights


def fit_whitening(vectors: Float64Array, normals: int) -> Whitening:
    """From vectors `(n, d)` of so many normals: diagonal, or full where they are enough. Identical ones stay zero."""
    mean = vectors.mean(axis=0)
    if normals < FULL_FROM:
        return Whitening(mean, 1.0 / floored(vectors.std(axis=0)))
    covariance = np.cov(vectors, rowvar=False, ddof=0).reshape(len(mean), len(mean))
    variance = float(np.trace(covariance)) / len(mean)
    covariance = (1.0 - SHRINKAGE) * covariance + SHRINKAGE * variance * np.eye(len(mean))
    values, directions = np.linalg.eigh(covariance)
    return Whitening(mean, directions / floored(np.sqrt(np.maximum(values, 0.0))))


def floored(deviations: Float64Array) -> Float64Array:
    """Deviations `(d,)`, none so small that rounding becomes a difference; ones where all are 0."""
    largest = float(deviations.max(initial=0.0))
    return np.maximum(deviations, LEAST_DEVIATION * largest) if largest > 0.0 else np.ones_like(deviations)
