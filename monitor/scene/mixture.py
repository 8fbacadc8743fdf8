"""A Gaussian mixture with diagonal covariances (Koppelman et al., Eq. 3): what a place sounds like, without sound."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]

SUM_TOLERANCE = 1e-6
"""By how much weights may differ from 1 together: rounding of numbers that were written down."""


@dataclass(frozen=True, slots=True, eq=False)
class DiagonalMixture:
    """Weights, means and variances of n components over d values; nothing else.

    Raises ValueError when a number is not finite, a weight or variance is not above 0, or shapes do not fit.
    """

    weights: Float64Array
    """float64 `(n,)`, above 0, together 1, read-only."""
    means: Float64Array
    """float64 `(n, d)`, read-only."""
    variances: Float64Array
    """float64 `(n, d)`, above 0, read-only."""

    def __post_init__(self) -> None:
        weights, means, variances = (
            np.array(values, dtype=np.float64) for values in (self.weights, self.means, self.variances)
        )
        if weights.ndim != 1 or len(weights) == 0 or means.ndim != 2 or len(means) != len(weights):
            raise ValueError(f"a mixture needs weights (n,) and means (n, d), got {weights.shape} and {means.shape}")
        if means.shape != variances.shape or means.shape[1] == 0:
            raise ValueError(f"means are {means.shape}, variances {variances.shape}")
        for name, values in (("weights", weights), ("means", means), ("variances", variances)):
            if not np.isfinite(values).all():
                raise ValueError(f"{name} hold what is no finite number")
        if not (weights > 0).all() or abs(float(weights.sum()) - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"weights must be above 0 and together 1, got a sum of {float(weights.sum()):.6g}")
        if not (variances > 0).all():
            raise ValueError(f"variances must be above 0, got {float(variances.min()):.6g}")
        for name, values in (("weights", weights), ("means", means), ("variances", variances)):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def components(self) -> int:
        """How many Gaussians."""
        return len(self.weights)

    @property
    def dimension(self) -> int:
        """Values of a vector."""
        return self.means.shape[1]

    @property
    def numbers(self) -> int:
        """How many numbers it is: weights, means and variances."""
        return self.weights.size + self.means.size + self.variances.size

    def log_likelihood(self, vectors: Float64Array) -> Float64Array:
        """Natural log of the density at each vector, `(m, d)` -> `(m,)`."""
        joint = self._joint(vectors)
        top = joint.max(axis=1)
        return top + np.log(np.exp(joint - top[:, None]).sum(axis=1))

    def responsibilities(self, vectors: Float64Array) -> Float64Array:
        """Probability of each component given each vector, `(m, d)` -> `(m, n)`; rows sum to 1."""
        return np.exp(self._joint(vectors) - self.log_likelihood(vectors)[:, None])

    def sample(self, count: int, generator: np.random.Generator) -> Float64Array:
        """`count` vectors drawn from the mixture, `(count, d)`."""
        chosen = generator.choice(self.components, size=count, p=self.weights / self.weights.sum())
        return self.means[chosen] + generator.standard_normal((count, self.dimension)) * np.sqrt(self.variances[chosen])

    def _joint(self, vectors: Float64Array) -> Float64Array:
        """Log of weight times density of each component, `(m, n)`."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors are {vectors.shape}, the mixture has {self.dimension} values")
        squares = np.square(vectors[:, None, :] - self.means) / self.variances
        constant = np.log(self.weights) - 0.5 * (self.dimension * log(2.0 * pi) + np.log(self.variances).sum(axis=1))
        return constant - 0.5 * squares.sum(axis=2)
