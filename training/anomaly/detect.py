"""Inlier models of one section: fitted on its normals, scaled by normals left out, never by what is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.spatial.distance import cdist

from monitor.machines.domain import target_probability, weighted_score
from monitor.machines.fitting import fit_detector, fittable
from monitor.machines.options import Aggregator, aggregate
from monitor.machines.whitening import fit_whitening

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.machines.detectors import DetectorKind

Approach = Literal["generalisation", "specialisation", "smaller", "source", "target"]
"""One detector for both domains; one each, weighted by Eq. 8; one each, the better fitting; one domain alone."""

Memory = dict[tuple[str, str, int], "tuple[NDArray[np.float64], NDArray[np.float64]]"]
"""Scores of segments by domain, kind and size: what a section's approaches and aggregators share."""

FOLDS = 10
"""Into how many parts normals are divided to be scored by a detector that has not seen them; each alone if fewer."""
LEAST_SPREAD = 0.05
"""Of left-out scores, relative to their mean: a deviation of two or three clips may be next to nothing by chance."""


@dataclass(frozen=True, slots=True)
class Inlier:
    """Settings of an inlier model."""

    kind: DetectorKind
    size: int
    """Neighbours or components; fewer where there are not enough normals."""
    aggregator: Aggregator

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.kind} {self.size}, {self.aggregator}"


@dataclass(frozen=True, slots=True, eq=False)
class SectionVectors:
    """What is known of the clips of one section, as s vectors a clip."""

    normal: NDArray[np.float64]
    """`(n, s, d)`, normals that the detectors may see."""
    normal_target: NDArray[np.bool_]
    """`(n,)`."""
    asked: NDArray[np.float64]
    """`(m, s, d)`."""


def scaled_scores(
    normal: NDArray[np.float64],
    asked: NDArray[np.float64],
    inlier: Inlier,
    pseudo: NDArray[np.float64] | None = None,
    memory: Memory | None = None,
    domain: str = "",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of clips `asked` `(m, s, d)` and, left out in folds, of the normals `(n, s, d)` themselves.

    Both are scaled by the left-out scores: 0 is a usual normal, 1 a deviation worse. A single normal has no left-out
    score; it stays unscaled. `pseudo` `(p, d)` are further normals. A `memory` keeps what one `domain` of one section
    gave, for another aggregator.
    """
    memory = {} if memory is None else memory
    key = (domain, inlier.kind, inlier.size)
    if key not in memory:
        memory[key] = _segment_scores(normal, asked, inlier, pseudo)
    raw, left_out = (np.array([aggregate(one, inlier.aggregator) for one in some]) for some in memory[key])
    if len(normal) < 2:
        return raw, np.zeros(len(normal))
    centre = float(left_out.mean())
    spread = max(float(left_out.std()), LEAST_SPREAD * abs(centre), 1e-12)
    return (raw - centre) / spread, (left_out - centre) / spread


def approach_scores(
    vectors: SectionVectors,
    inlier: Inlier,
    approach: Approach,
    probability: NDArray[np.float64] | None = None,
    pseudo_normals: int = 0,
    seed: int = 0,
    memory: Memory | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores `(m,)` of the clips asked, and `(n,)` of the normals left out (`source`, `target`: those of the domain).

    `probability` `(n + m,)` of the target domain, normals first, is needed by `specialisation` (Eq. 7 gives it). A
    section with one domain has one detector, whatever the approach. A `memory` is of one section and its normals.
    """
    source, target = vectors.normal[~vectors.normal_target], vectors.normal[vectors.normal_target]
    if approach == "generalisation" or not len(source) or not len(target):
        pseudo = None
        if len(source) and len(target) and pseudo_normals:
            pseudo = mixed_normals(source, target, pseudo_normals, np.random.default_rng(seed))
        return scaled_scores(vectors.normal, vectors.asked, inlier, pseudo, memory, "both")
    n = len(vectors.normal)
    both = np.concatenate([vectors.normal, vectors.asked])
    parts: dict[str, NDArray[np.float64]] = {}
    for name, some, is_target in (("source", source, False), ("target", target, True)):
        scores, left_out = scaled_scores(some, both, inlier, None, memory, name)
        # A normal is never judged by a detector that has seen it.
        own = np.flatnonzero(vectors.normal_target == is_target)
        scores[own] = left_out
        if approach == name:
            return scores[n:], left_out
        parts[name] = scores
    if approach == "smaller":
        joined = np.minimum(parts["source"], parts["target"])
    elif probability is None:
        raise ValueError("specialisation needs the probability of the target domain")
    else:
        joined = weighted_score(probability, parts["source"], parts["target"])
    return joined[n:], joined[:n]


def mixed_normals(
    source: NDArray[np.float64], target: NDArray[np.float64], count: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """`(count, d)`: vectors between a random source and a random target vector, of `(n, s, d)` each (section 2.3).

    The paper does not say how their shares are drawn, and its released code never gets there: uniformly, here.
    """
    width = source.shape[-1]
    first, second = source.reshape(-1, width), target.reshape(-1, width)
    share = generator.random((count, 1))
    ones = first[generator.integers(len(first), size=count)]
    return share * ones + (1.0 - share) * second[generator.integers(len(second), size=count)]


def frozen_probability(
    normal_logits: NDArray[np.float64], asked_logits: NDArray[np.float64], kappa: float
) -> NDArray[np.float64]:
    """Eq. 7 `(n + m,)`, logits of a clip first standardised by those of the normals (the paper: of the test set)."""
    centre, spread = float(normal_logits.mean()), max(float(normal_logits.std()), 1e-12)
    return target_probability((np.concatenate([normal_logits, asked_logits]) - centre) / spread, kappa)


def averaged(parts: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Mean score `(m,)` of systems, each standardised by its own normals left out."""
    return np.mean([_standardised(scores, left_out) for scores, left_out in parts], axis=0)


def _standardised(scores: NDArray[np.float64], left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(left_out) < 2:
        return scores
    return (scores - left_out.mean()) / max(float(left_out.std()), 1e-12)


def _segment_scores(
    normal: NDArray[np.float64], asked: NDArray[np.float64], inlier: Inlier, pseudo: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the segments of clips asked `(m, s)`, and of the normals' `(n, s)`, each left out with its fold."""
    raw = _scores(normal, asked, inlier, pseudo)
    left_out = np.zeros(normal.shape[:2])
    if len(normal) > 1:
        fold = np.arange(len(normal)) % min(FOLDS, len(normal))
        for number in range(fold.max() + 1):
            inside = fold == number
            left_out[inside] = _scores(normal[~inside], normal[inside], inlier, pseudo)
    return raw, left_out


def _scores(
    normal: NDArray[np.float64], asked: NDArray[np.float64], inlier: Inlier, pseudo: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """A detector of all vectors of the normals, asked about all vectors of each clip: `(m, s)`."""
    width = normal.shape[-1]
    flat = normal.reshape(-1, width)
    if pseudo is not None:
        flat = np.concatenate([flat, pseudo])
    whitening = fit_whitening(flat, len(normal))
    size = max(1, fittable(inlier.kind, inlier.size, len(flat)))
    known, judged = whitening(flat), whitening(asked.reshape(-1, width))
    if inlier.kind == "knn":
        # As the monitor's, and several times as fast where all segments of a section are compared at once.
        near = np.partition(cdist(judged, known), size - 1, axis=1)[:, :size].mean(axis=1)
        return near.reshape(asked.shape[:2])
    return fit_detector(inlier.kind, known, size).score(judged).reshape(asked.shape[:2])
