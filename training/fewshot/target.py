"""The teacher's space, straightened: what the student learns to point into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.fewshot.recipe import TargetSpace


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Teacher's embeddings `(n, 1024)` -> unit vectors `(n, 1024)` in which species lie apart."""

    power: float
    mean: NDArray[np.float64]
    """`(1024,)`, of base species."""
    matrix: NDArray[np.float64]
    """`(1024, 1024)`: shrunk within-class whitening."""

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the class says."""
        straight = (np.maximum(embeddings, 0.0).astype(np.float64) ** self.power - self.mean) @ self.matrix
        return (straight / np.maximum(np.linalg.norm(straight, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def fit_target(embeddings: NDArray[np.float32], species: NDArray[np.int64], settings: TargetSpace) -> Target:
    """Of windows `(n, 1024)` of base species, `(n,)` numbers from 0 on without a hole."""
    straight = np.maximum(embeddings, 0.0).astype(np.float64) ** settings.power
    means = np.zeros((int(species.max()) + 1, straight.shape[1]))
    np.add.at(means, species, straight)
    means /= np.bincount(species)[:, None]
    within = straight - means[species]
    covariance = within.T @ within / len(within)
    shrunk = (1.0 - settings.shrinkage) * covariance
    shrunk += settings.shrinkage * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(shrunk)
    return Target(settings.power, straight.mean(axis=0), vectors * values**-0.5)
