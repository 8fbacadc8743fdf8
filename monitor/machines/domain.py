"""Two conditions of one machine: the source domain that most is known of, and a target domain known from few clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array
    from monitor.machines.detectors import Detector
    from monitor.machines.whitening import Whitening

KAPPA = 0.15
"""Of Eq. 7: below 1 it makes the domain's probability steeper."""

DomainRule = Literal["smaller", "weighted", "general"]
"""`smaller`: the domain that fits better; `weighted`: Eq. 8; `general`: one detector for both."""


@dataclass(frozen=True, slots=True, eq=False)
class DomainDetector:
    """A detector of one domain's normals, its scores scaled by those of the normals left out."""

    whitening: Whitening
    detector: Detector
    centre: float
    """Mean of the left-out normals' scores."""
    spread: float
    """Their deviation, above 0."""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre) and 0.0 < self.spread < np.inf):
            raise ValueError(f"a scale of {self.centre} and {self.spread}")

    def score(self, vectors: Float64Array) -> Float64Array:
        """`(n, d)` -> `(n,)`: 0 is a usual normal, 1 a deviation worse."""
        return self.scaled(self.detector.score(self.whitening(vectors)))

    def scaled(self, raw: Float64Array) -> Float64Array:
        """A detector's own scores -> the scale above."""
        return (raw - self.centre) / self.spread


@dataclass(frozen=True, slots=True, eq=False)
class DomainClassifier:
    """Logistic regression: which domain a vector is of."""

    mean: Float64Array
    """float64 `(d,)`, taken off first."""
    weights: Float64Array
    """float64 `(d,)`."""
    bias: float
    kappa: float = KAPPA

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.weights.shape != self.mean.shape or not self.kappa > 0.0:
            raise ValueError(f"a domain classifier of {self.mean.shape}, {self.weights.shape}, kappa {self.kappa}")

    def probability(self, vectors: Float64Array) -> Float64Array:
        """`(n, d)` -> `(n,)`: of the target domain (001 Eq. 7)."""
        return target_probability((vectors - self.mean) @ self.weights + self.bias, self.kappa)


@dataclass(frozen=True, slots=True, eq=False)
class DomainScorer:
    """Scores of one kind of vector, whichever domain they are of."""

    source: DomainDetector
    """Of the source domain; of all normals under the rule `general`."""
    target: DomainDetector | None
    """None without target clips, and under the rule `general`."""
    classifier: DomainClassifier | None
    """None without target clips."""
    rule: DomainRule

    def score(self, vectors: Float64Array) -> Float64Array:
        """`(n, d)` -> `(n,)`, higher = worse."""
        source = self.source.score(vectors)
        if self.target is None:
            return source
        return self.joined(source, self.target.score(vectors), self.probability(vectors))

    def probability(self, vectors: Float64Array) -> Float64Array | None:
        """`(n, d)` -> `(n,)`: of the target domain; None where only one is known."""
        return None if self.classifier is None else self.classifier.probability(vectors)

    def joined(self, source: Float64Array, target: Float64Array, probability: Float64Array | None) -> Float64Array:
        """Scaled scores by domain -> the one score."""
        if self.rule == "weighted" and probability is not None:
            return weighted_score(probability, source, target)
        return np.minimum(source, target)


def target_probability(logits: Float64Array, kappa: float = KAPPA) -> Float64Array:
    """001 Eq. 7."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits / kappa))


def weighted_score(probability: Float64Array, source: Float64Array, target: Float64Array) -> Float64Array:
    """001 Eq. 8: standardised scores of the two domains, weighted by the probability of the target domain."""
    return (1.0 - probability) * source + probability * target
