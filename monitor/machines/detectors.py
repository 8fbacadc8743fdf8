"""How far a vector lies from a machine's normals: neighbours, local density, mixture of normal distributions.

What was fitted is plain arrays and is scored in numpy, equal to scikit-learn. Higher scores are worse.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array

DetectorKind = Literal["knn", "lof", "gmm"]
KINDS: tuple[DetectorKind, ...] = ("knn", "lof", "gmm")

TINY = 1e-10
"""Added to a mean reachability before its inverse is taken, as in scikit-learn: identical normals have a density."""

CHUNK = 256
"""Vectors that are compared at a time, so that memory does not grow with how many are scored."""


@dataclass(frozen=True, slots=True, eq=False)
class KnnDetector:
    """Mean Euclidean distance to the nearest normals."""

    references: Float64Array
    """float64 `(n, d)`, the normals."""
    neighbours: int
    """1 to n."""

    def __post_init__(self) -> None:
        _freeze(self)
        _check_references(self.references, self.neighbours)

    def score(self, vectors: Float64Array) -> Float64Array:
        """`(m, d)` -> `(m,)`, 0 and above."""
        return nearest(vectors, self.references, self.neighbours)[0].mean(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class LofDetector:
    """Local outlier factor: how much thinner the neighbours' surroundings are here than around themselves."""

    references: Float64Array
    """float64 `(n, d)`, the normals."""
    neighbours: int
    """1 to n - 1."""
    reach: Float64Array
    """float64 `(n,)`: each normal's distance to its last neighbour among the others."""
    density: Float64Array
    """float64 `(n,)`: each normal's local reachability density, above 0."""

    def __post_init__(self) -> None:
        _freeze(self)
        _check_references(self.references, self.neighbours)
        if not len(self.reach) == len(self.density) == len(self.references):
            raise ValueError("reach and density need a value for each normal")

    def score(self, vectors: Float64Array) -> Float64Array:
        """`(m, d)` -> `(m,)`, about 1 for normals."""
        distances, indices = nearest(vectors, self.references, self.neighbours)
        own = 1.0 / (np.maximum(distances, self.reach[indices]).mean(axis=1) + TINY)
        return (self.density[indices] / own[:, None]).mean(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class GmmDetector:
    """Negative log likelihood under a mixture of normal distributions of full covariance."""

    weights: Float64Array
    """float64 `(c,)`, above 0, sum 1."""
    means: Float64Array
    """float64 `(c, d)`."""
    precisions_cholesky: Float64Array
    """float64 `(c, d, d)`, upper triangular: P P^T is the inverse of a component's covariance."""

    def __post_init__(self) -> None:
        _freeze(self)
        components, width = self.means.shape
        if self.weights.shape != (components,) or self.precisions_cholesky.shape != (components, width, width):
            raise ValueError("weights, means and precisions of a mixture do not fit together")

    def score(self, vectors: Float64Array) -> Float64Array:
        """`(m, d)` -> `(m,)`, in natural log units."""
        width = self.means.shape[1]
        parts = np.empty((len(vectors), len(self.means)))
        for number, (mean, precision) in enumerate(zip(self.means, self.precisions_cholesky, strict=True)):
            squared = np.square((vectors - mean) @ precision).sum(axis=1)
            log_volume = np.log(np.diagonal(precision)).sum()
            parts[:, number] = -0.5 * (width * np.log(2.0 * np.pi) + squared) + log_volume
        return -np.logaddexp.reduce(parts + np.log(self.weights), axis=1)


Detector = KnnDetector | LofDetector | GmmDetector


def nearest(
    vectors: Float64Array, references: Float64Array, count: int
) -> tuple[Float64Array, np.ndarray[tuple[int, ...], np.dtype[np.intp]]]:
    """The `count` nearest references of each vector, nearest first: distances and indices, both `(m, count)`."""
    distances = np.empty((len(vectors), count))
    indices = np.empty((len(vectors), count), dtype=np.intp)
    for start in range(0, len(vectors), CHUNK):
        part = slice(start, start + CHUNK)
        # Differences, not products: those lose the small distances of near neighbours.
        apart = np.stack([np.sqrt(np.square(references - vector).sum(axis=1)) for vector in vectors[part]])
        order = np.argsort(apart, axis=1, kind="stable")[:, :count]
        indices[part] = order
        distances[part] = np.take_along_axis(apart, order, axis=1)
    return distances, indices


def _freeze(detector: Detector) -> None:
    """Make the arrays read-only. Raises ValueError when one is not finite float64."""
    for field in fields(detector):
        value = getattr(detector, field.name)
        if not isinstance(value, int):
            array = np.asarray(value)
            if array.dtype != np.float64 or not np.isfinite(array).all():
                raise ValueError(f"{field.name} must be finite float64, got {array.dtype}")
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(detector, field.name, view)


def _check_references(references: Float64Array, neighbours: int) -> None:
    if references.ndim != 2 or not 1 <= neighbours <= len(references):
        raise ValueError(f"{neighbours} neighbours of normals {references.shape}")
