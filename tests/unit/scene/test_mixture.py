"""The mixture and its gathering: the oracle's numbers, one vector at a time, and what may leave the device."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monitor.scene.gathering import LEAST_VARIANCE, LEAST_VECTORS, MixtureGatherer, TooFewVectorsError
from monitor.scene.mixture import DiagonalMixture

GOLDEN = json.loads((Path(__file__).parents[3] / "tests/golden/sound.json").read_text())
CENTRES = np.array([-70.0, -50.0, -30.0])


def places(count: int, seed: int = 0, dimension: int = 45) -> np.ndarray:
    """Vectors of three sorts of sound, in random order."""
    generator = np.random.default_rng(seed)
    return CENTRES[generator.integers(3, size=count)][:, None] + 2.0 * generator.standard_normal((count, dimension))


def gathered(vectors: np.ndarray, components: int = 16) -> MixtureGatherer:
    gatherer = MixtureGatherer(vectors.shape[1], components)
    for vector in vectors:
        gatherer.add(vector)
    return gatherer


def test_density_and_responsibilities_are_the_oracles() -> None:
    oracle = GOLDEN["gmm_diag_loglik"]
    given = {name: np.array(values) for name, values in oracle["inputs"].items()}
    mixture = DiagonalMixture(given["alpha"], given["mu"], given["var"])
    assert np.allclose(mixture.log_likelihood(given["x"]), oracle["expected"]["logpdf"], atol=1e-12)
    assert np.allclose(mixture.responsibilities(given["x"]), oracle["expected"]["responsibilities"], atol=1e-12)


def test_a_mixture_is_as_many_numbers_as_the_paper_counts() -> None:
    for components, numbers in GOLDEN["counts"]["gmm_diag_numbers_per_N"].items():
        n = int(components)
        mixture = DiagonalMixture(np.full(n, 1 / n), np.zeros((n, 45)), np.ones((n, 45)))
        assert mixture.numbers == numbers


def test_far_vectors_have_a_finite_density() -> None:
    mixture = DiagonalMixture(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    found = mixture.log_likelihood(np.array([[1e4]]))
    assert np.isfinite(found).all()
    assert np.allclose(mixture.responsibilities(np.array([[1e4]])).sum(axis=1), 1.0)


def test_samples_are_spread_as_the_mixture_says() -> None:
    mixture = DiagonalMixture(np.array([0.25, 0.75]), np.array([[-60.0, 0.0], [-20.0, 5.0]]), np.full((2, 2), 4.0))
    drawn = mixture.sample(20_000, np.random.default_rng(0))
    low = drawn[:, 0] < -40.0
    assert low.mean() == pytest.approx(0.25, abs=0.02)
    assert drawn[low].mean(axis=0) == pytest.approx([-60.0, 0.0], abs=0.15)
    assert drawn[~low].std(axis=0) == pytest.approx([2.0, 2.0], abs=0.1)


@pytest.mark.parametrize(
    ("weights", "means", "variances", "named"),
    [
        ([0.5, 0.5], [[0.0], [np.nan]], [[1.0], [1.0]], "means hold what is no finite number"),
        ([0.5, 0.5], [[0.0], [1.0]], [[1.0], [-1.0]], "variances must be above 0"),
        ([0.5, 0.4], [[0.0], [1.0]], [[1.0], [1.0]], "together 1"),
        ([1.5, -0.5], [[0.0], [1.0]], [[1.0], [1.0]], "above 0 and together 1"),
        ([1.0], [[0.0], [1.0]], [[1.0], [1.0]], "weights"),
        ([0.5, 0.5], [[0.0], [1.0]], [[1.0, 1.0], [1.0, 1.0]], "variances"),
    ],
)
def test_what_is_no_mixture_is_refused(weights: list, means: list, variances: list, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DiagonalMixture(np.array(weights), np.array(means), np.array(variances))


def test_one_vector_at_a_time_finds_what_was_heard() -> None:
    mixture = gathered(places(1_500)).sendable()
    tops = [int(np.abs(mixture.means.mean(axis=1) - centre).argmin()) for centre in CENTRES]
    assert len(set(tops)) == 3
    assert mixture.means[tops].mean(axis=1) == pytest.approx(CENTRES, abs=0.7)
    assert float(mixture.weights[tops].sum()) > 0.8


def test_it_fits_about_as_well_as_batch_expectation_maximisation() -> None:
    from sklearn.mixture import GaussianMixture

    heard, new = places(1_500, 1, 9), places(500, 2, 9)
    batch = GaussianMixture(3, covariance_type="diag", random_state=0).fit(heard)
    ours = gathered(heard, 8).sendable()
    assert ours.log_likelihood(new).mean() > batch.score(new) - 1.5


def test_memory_is_bounded_and_nothing_heard_is_kept() -> None:
    vectors = np.random.default_rng(3).uniform(-90.0, 0.0, (400, 9))
    gatherer = gathered(vectors, 5)
    assert gatherer.gathered == pytest.approx(400.0)
    assert gatherer._means.shape == gatherer._squares.shape == (5, 9)


def test_no_component_that_may_leave_stands_for_few_vectors_or_no_spread() -> None:
    vectors = np.concatenate([places(300, 4), np.full((40, 45), 10.0), places(1, 5) + 200.0])
    gatherer = gathered(vectors)
    mixture = gatherer.sendable()
    assert (mixture.weights * gatherer.gathered >= LEAST_VECTORS).all()
    assert mixture.variances.min() >= LEAST_VARIANCE
    for vector in vectors:
        assert not np.isclose(mixture.means, vector, atol=1e-3).all(axis=1).any()
    assert gatherer.gathered == pytest.approx(341.0), "what was gathered stays"


@pytest.mark.parametrize("vectors", [places(0), places(1), places(29), np.full((200, 45), -40.0)])
def test_too_little_is_not_sent(vectors: np.ndarray) -> None:
    gatherer = MixtureGatherer(45)
    for vector in vectors:
        gatherer.add(vector)
    with pytest.raises(TooFewVectorsError, match="Let the monitor listen"):
        gatherer.sendable()


def test_it_goes_on_after_a_restart() -> None:
    vectors = places(900, 6)
    first = gathered(vectors[:600])
    kept = first.sendable()
    second = MixtureGatherer.resume(kept, first.gathered)
    assert second.gathered == pytest.approx(600.0)
    assert np.allclose(second.sendable().variances, kept.variances)
    for vector in vectors[600:]:
        second.add(vector)
    new = places(300, 7)
    assert second.gathered == pytest.approx(900.0)
    whole = gathered(vectors).sendable().log_likelihood(new).mean()
    assert second.sendable().log_likelihood(new).mean() == pytest.approx(whole, abs=3.0)
    with pytest.raises(ValueError, match="do not fit"):
        MixtureGatherer.resume(kept, 600.0, components=1)


@pytest.mark.parametrize("vector", [np.zeros(44), np.full(45, np.nan), np.zeros((45, 1))])
def test_a_vector_of_another_kind_is_refused(vector: np.ndarray) -> None:
    with pytest.raises(ValueError, match="45 finite values"):
        MixtureGatherer(45).add(vector)
