"""Fits what detectors, calibrations and domain classifiers keep as plain arrays; scikit-learn only here, lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from warnings import catch_warnings, simplefilter

import numpy as np

from monitor.machines.calibration import RAREST, Calibration
from monitor.machines.detectors import TINY, Detector, DetectorKind, GmmDetector, KnnDetector, LofDetector, nearest
from monitor.machines.domain import KAPPA, DomainClassifier
from monitor.machines.whitening import floored

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array

COVARIANCE_FLOOR = 0.1
"""Variance, of whitened vectors, added to every direction of a mixture: normals are fewer than directions."""

SEED = 0
"""Of a mixture's start."""

TAIL_FROM = 0.1
"""Share of normals, the worst ones, above which a calibration is the gamma tail rather than what was seen."""

TAIL_ROWS = 64

LEAST_SKEWNESS, MOST_SKEWNESS = 0.5, 2.0
"""Of the gamma tail: from hardly heavier than a normal distribution's to that of an exponential one."""

RIDGE = 1.0
"""Penalty on the weights of a domain classifier, as scikit-learn's default (C = 1)."""

NEWTON_STEPS = 30


def fittable(kind: DetectorKind, wanted: int, normals: int) -> int:
    """Neighbours, or components, that so many normals allow, at most `wanted`; 0 where they allow no such detector."""
    most = {"knn": normals, "lof": normals - 1, "gmm": normals // 2}[kind]
    return min(wanted, most)


def fit_detector(kind: DetectorKind, vectors: Float64Array, size: int) -> Detector:
    """From whitened normals `(n, d)`; `size`: neighbours, or components, 1 to what `fittable` allows."""
    if not 1 <= size <= fittable(kind, size, len(vectors)):
        raise ValueError(f"{len(vectors)} normals are too few for {kind} of {size}")
    if kind == "knn":
        return KnnDetector(vectors, size)
    return _fit_lof(vectors, size) if kind == "lof" else _fit_gmm(vectors, size)


def fit_calibration(scores: Float64Array) -> Calibration:
    """From left-out normals' scores `(n,)`, 2 or more: what was seen, and beyond the worst tenth a gamma tail."""
    ordered = np.sort(scores)
    count = len(ordered)
    # A score stands for the middle of its step.
    seen = -np.log10((count - np.arange(count) - 0.5) / count)
    start = min(int(np.ceil(count * (1.0 - TAIL_FROM))), count - 1)
    tail_scores, tail = _gamma_tail(scores, float(ordered[start]), float(seen[start]))
    body_scores, first = np.unique(ordered[:start], return_index=True)
    below = body_scores < tail_scores[0]
    lowest = float(ordered[0]) - (float(tail_scores[1]) - float(tail_scores[0]))
    return Calibration(
        np.concatenate([[lowest], body_scores[below], tail_scores]),
        np.concatenate([[0.0], seen[first][below], tail]),
    )


def fit_domain_classifier(source: Float64Array, target: Float64Array, kappa: float = KAPPA) -> DomainClassifier:
    """Logistic regression with a ridge on standardised vectors `(n, d)`; both domains weigh the same."""
    vectors = np.concatenate([source, target])
    mean = vectors.mean(axis=0)
    deviations = floored(vectors.std(axis=0))
    design = np.column_stack([(vectors - mean) / deviations, np.ones(len(vectors))])
    labels = np.concatenate([np.zeros(len(source)), np.ones(len(target))])
    shares = np.where(labels > 0.0, len(vectors) / (2 * len(target)), len(vectors) / (2 * len(source)))
    weights = _logistic(design, labels, shares)
    return DomainClassifier(mean, weights[:-1] / deviations, float(weights[-1]), kappa)


def _logistic(design: Float64Array, labels: Float64Array, shares: Float64Array) -> Float64Array:
    """Newton's method; the last column's weight is the bias and bears no penalty."""
    penalty = np.full(design.shape[1], RIDGE)
    penalty[-1] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        probability = 0.5 * (1.0 + np.tanh(0.5 * (design @ weights)))
        gradient = design.T @ (shares * (probability - labels)) + penalty * weights
        curvature = shares * np.maximum(probability * (1.0 - probability), TINY)
        step = np.linalg.solve((design.T * curvature) @ design + np.diag(penalty), gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-10:
            break
    return weights


def _fit_lof(vectors: Float64Array, neighbours: int) -> LofDetector:
    distances, indices = nearest(vectors, vectors, len(vectors) if len(vectors) < 2 else neighbours + 1)
    # A normal is no neighbour of its own; among identical ones it need not be the first.
    own = indices == np.arange(len(vectors))[:, None]
    own[~own.any(axis=1), -1] = True
    others = (len(vectors), neighbours)
    distances, indices = distances[~own].reshape(others), indices[~own].reshape(others)
    reach = distances[:, -1]
    density = 1.0 / (np.maximum(distances, reach[indices]).mean(axis=1) + TINY)
    return LofDetector(vectors, neighbours, reach, density)


def _fit_gmm(vectors: Float64Array, components: int) -> GmmDetector:
    # Costs seconds to import, and only who asks for a mixture pays.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    distinct = min(components, len(np.unique(vectors, axis=0)))
    with catch_warnings():
        # A mixture that is still settling after a hundred steps scores well enough.
        simplefilter("ignore", cast("Any", ConvergenceWarning))
        mixture = cast(
            "Any",
            GaussianMixture(distinct, covariance_type="full", reg_covar=COVARIANCE_FLOOR, random_state=SEED),
        ).fit(vectors)
    return GmmDetector(mixture.weights_, mixture.means_, mixture.precisions_cholesky_)


def _gamma_tail(scores: Float64Array, start: float, exceedance: float) -> tuple[Float64Array, Float64Array]:
    """Rows of a calibration from a score and its exceedance on, to `RAREST`: a gamma distribution by its moments."""
    from scipy.special import gammaincc

    mean, deviation = float(scores.mean()), float(scores.std())
    deviation = max(deviation, 1e-6 * max(1.0, abs(mean)))
    skewness = float(np.mean(((scores - mean) / deviation) ** 3))
    skewness = min(max(skewness, LEAST_SKEWNESS), MOST_SKEWNESS)
    shape, scale = 4.0 / skewness**2, deviation * skewness / 2.0
    location = mean - shape * scale
    dense = start + deviation * np.linspace(0.0, 60.0, 6_001)
    survival = cast("Float64Array", gammaincc(shape, np.maximum(dense - location, 0.0) / scale))
    rarity = exceedance - np.log10(np.maximum(survival / survival[0], 1e-300))
    rows = np.linspace(exceedance, RAREST, TAIL_ROWS)
    return np.interp(rows, rarity, dense), rows
