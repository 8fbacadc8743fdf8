"""What was fitted on site scores in numpy as scikit-learn does."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.machines.detectors import GmmDetector, KnnDetector
from monitor.machines.domain import target_probability
from monitor.machines.fitting import (
    COVARIANCE_FLOOR,
    SEED,
    fit_detector,
    fit_domain_classifier,
    fittable,
)
from monitor.machines.whitening import FULL_FROM, fit_whitening


def vectors(count: int, width: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)) * np.linspace(0.1, 30.0, width)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100), st.integers(3, 40), st.integers(1, 8))
def test_knn_is_that_of_scikit_learn(seed: int, count: int, neighbours: int):
    from sklearn.neighbors import NearestNeighbors

    normals, asked = vectors(count, seed=seed), vectors(9, seed=seed + 1)
    size = fittable("knn", neighbours, count)
    reference = NearestNeighbors(n_neighbors=size).fit(normals).kneighbors(asked)[0].mean(axis=1)
    assert np.allclose(fit_detector("knn", normals, size).score(asked), reference, rtol=0, atol=1e-5)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100), st.integers(3, 40), st.integers(1, 8))
def test_lof_is_that_of_scikit_learn(seed: int, count: int, neighbours: int):
    from sklearn.neighbors import LocalOutlierFactor

    normals, asked = vectors(count, seed=seed), vectors(9, seed=seed + 1)
    size = fittable("lof", neighbours, count)
    reference = -LocalOutlierFactor(n_neighbors=size, novelty=True).fit(normals).score_samples(asked)
    assert np.allclose(fit_detector("lof", normals, size).score(asked), reference, rtol=0, atol=1e-5)


@pytest.mark.parametrize("components", [1, 2, 4])
def test_a_mixture_is_that_of_scikit_learn(components: int):
    from sklearn.mixture import GaussianMixture

    normals, asked = vectors(40), 2.0 * vectors(20, seed=1)
    mixture = GaussianMixture(components, covariance_type="full", reg_covar=COVARIANCE_FLOOR, random_state=SEED)
    reference = -mixture.fit(normals).score_samples(asked)
    assert np.allclose(fit_detector("gmm", normals, components).score(asked), reference, rtol=0, atol=1e-5)


def test_a_mixture_of_fewer_normals_than_directions_is_regular():
    scores = fit_detector("gmm", vectors(5, width=50), 2).score(vectors(3, width=50, seed=1))
    assert np.isfinite(scores).all()


def test_the_domain_classifier_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    source, target = vectors(30), vectors(5, seed=1) + 4.0
    asked = np.concatenate([vectors(10, seed=2), vectors(10, seed=3) + 4.0])
    both = np.concatenate([source, target])
    mean, spread = both.mean(axis=0), both.std(axis=0)
    regression = LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=1000)
    regression.fit((both - mean) / spread, [0] * 30 + [1] * 5)
    logits = regression.decision_function((asked - mean) / spread)
    ours = fit_domain_classifier(source, target, kappa=0.7).probability(asked)
    assert np.allclose(ours, target_probability(logits, 0.7), rtol=0, atol=1e-5)


def test_identical_normals_are_no_reason_to_fail():
    same = np.ones((6, 4))
    for kind in ("knn", "lof", "gmm"):
        detector = fit_detector(kind, same, 2)
        near, far = detector.score(np.stack([np.ones(4), np.full(4, 9.0)]))
        assert near < far < np.inf


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="too few for lof"):
        fit_detector("lof", vectors(1), 1)
    with pytest.raises(ValueError, match="neighbours"):
        KnnDetector(vectors(3), 4)
    with pytest.raises(ValueError, match="finite"):
        KnnDetector(np.full((3, 2), np.nan), 1)
    with pytest.raises(ValueError, match="fit together"):
        GmmDetector(np.ones(1), np.ones((1, 2)), np.ones((1, 3, 3)))
    assert [fittable(kind, 4, 3) for kind in ("knn", "lof", "gmm")] == [3, 2, 1]


def test_whitening_is_full_only_beyond_a_hundred_normals():
    many = vectors(200) @ np.random.default_rng(5).standard_normal((6, 6))
    diagonal, full = fit_whitening(many, FULL_FROM - 1), fit_whitening(many, FULL_FROM)
    assert np.allclose(diagonal(many).std(axis=0), 1.0)
    assert full.weights.shape == (6, 6)
    covariance = np.cov(full(many), rowvar=False)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-9
    assert np.array_equal(fit_whitening(np.ones((4, 3)), 4)(np.ones((2, 3))), np.zeros((2, 3)))


def test_what_scores_machines_does_not_import_scikit_learn():
    modules = "monitor.machines.profile_folder, monitor.machines.enroll, monitor.commands.machine"
    code = f"import sys, {modules}; print([m for m in sys.modules if m.split('.')[0] == 'sklearn'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
