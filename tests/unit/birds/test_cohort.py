"""Scores against a cohort, held against the plain definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.birds.cohort import AT_ONCE, SMALLEST_DEVIATION, Calibration, Cohort, Level, normalised
from monitor.errors import BundleError
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.tiny_bundle import make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path


def units(seed: int, count: int, width: int = 6) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def plain_level(vector: np.ndarray, rows: np.ndarray, taxa: list[str], nearest: int) -> tuple[float, float]:
    """The definition, one row at a time."""
    cosines = rows.astype(np.float64) @ vector.astype(np.float64)
    similar = [(float(cosine), taxon) for cosine, taxon in zip(cosines, taxa, strict=True)]
    species = [pair for pair in similar if pair[1]]
    left_out = max(species)[1] if species else None
    kept = sorted((cosine for cosine, taxon in similar if taxon != left_out), reverse=True)[:nearest]
    return float(np.mean(kept)), max(float(np.std(kept)), SMALLEST_DEVIATION)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    taxa=st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=4, max_size=30),
    data=st.data(),
)
def test_scores_are_as_defined(seed: int, taxa: list[str], data: st.DataObject) -> None:
    largest = max((taxa.count(name) for name in ("a", "b", "c")), default=0)
    if len(taxa) == largest:
        taxa = [*taxa, ""]
    nearest = data.draw(st.integers(1, len(taxa) - largest))
    rows, prototypes, queries = units(seed, len(taxa)), units(seed + 1, 4), units(seed + 2, 3)
    cohort = Cohort(rows, taxa, nearest)
    standing = cohort.standing(prototypes)
    expected = np.empty((3, 4))
    for i, query in enumerate(queries):
        of_query = plain_level(query, rows, taxa, nearest)
        for j, prototype in enumerate(prototypes):
            of_prototype = plain_level(prototype, rows, taxa, nearest)
            cosine = float(query.astype(np.float64) @ prototype.astype(np.float64))
            expected[i, j] = 0.5 * sum((cosine - mean) / deviation for mean, deviation in (of_prototype, of_query))
    np.testing.assert_allclose(standing.scores_of(queries), expected, rtol=2e-4, atol=2e-3)
    for query, row in zip(queries, expected, strict=True):
        np.testing.assert_allclose(standing.scores(query), row, rtol=2e-4, atol=2e-3)


def test_the_species_itself_in_the_cohort_does_no_harm() -> None:
    rows, bird = units(3, 20), units(4, 1)
    taxa = [f"taxon {number // 2}" for number in range(20)]
    without = Cohort(rows, taxa, 5).level(bird)
    among = Cohort(np.concatenate([rows, bird, bird]), [*taxa, "the bird", "the bird"], 5).level(bird)
    # The taxon that was left out before is now counted: the mean is at most higher.
    assert among.mean[0] < 0.99
    assert among.mean[0] >= without.mean[0]


def test_background_is_never_left_out() -> None:
    noise = units(5, 1)
    cohort = Cohort(np.concatenate([units(6, 10), noise, noise, noise]), [*"aabbccddee", "", "", ""], 3)
    assert cohort.level(noise).mean[0] == pytest.approx(1.0, abs=1e-6)
    assert cohort.level(noise).deviation[0] == SMALLEST_DEVIATION
    assert Cohort(noise, [""], 1).level(noise).mean[0] == pytest.approx(1.0)


def test_many_at_a_time_are_as_one_by_one() -> None:
    cohort = Cohort(units(7, 50), ["", "a"] * 25, 7)
    many = units(8, 2 * AT_ONCE + 3)
    whole = cohort.level(many)
    single = [cohort.level(row[None]) for row in many]
    np.testing.assert_allclose(whole.mean, [level.mean[0] for level in single], atol=1e-6)
    np.testing.assert_allclose(whole.deviation, [level.deviation[0] for level in single], atol=1e-6)
    assert whole.mean.shape == (2 * AT_ONCE + 3,)


def test_levels_made_beforehand_give_the_same() -> None:
    cohort, pool = Cohort(units(9, 40), ["", "a", "b", "c"] * 10, 9), units(10, 12)
    level = cohort.level(pool)
    prototypes, queries = [0, 5, 7], [1, 2]
    cosines = (pool[queries] @ pool[prototypes].T).astype(np.float64)
    chosen = [Level(level.mean[which], level.deviation[which]) for which in (queries, prototypes)]
    by_pool = normalised(cosines, *chosen)
    np.testing.assert_allclose(by_pool, cohort.standing(pool[prototypes]).scores_of(pool[queries]), atol=1e-4)


def test_nobody_enrolled_and_nothing_asked() -> None:
    cohort = Cohort(units(11, 9), [""] * 9, 2)
    assert cohort.standing(units(1, 0)).scores(units(2, 1)[0]).shape == (0,)
    assert cohort.standing(units(1, 3)).scores_of(units(2, 0)).shape == (0, 3)


def test_a_cohort_does_not_touch_what_it_is_given() -> None:
    rows, vectors = units(12, 30), units(13, 5)
    before, asked = rows.copy(), vectors.copy()
    Cohort(rows, ["a", "b", ""] * 10, 4).standing(vectors).scores(vectors[0])
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(vectors, asked)


@pytest.mark.parametrize(
    ("taxa", "nearest"), [(["a"] * 5, 1), (["a", "a", "b", "", ""], 4), ([""] * 5, 0), ([""] * 5, 6)]
)
def test_too_few_rows(taxa: list[str], nearest: int) -> None:
    with pytest.raises(ValueError, match="rows"):
        Cohort(units(14, 5), taxa, nearest)


def test_rows_and_taxa_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="4 taxa"):
        Cohort(units(14, 5), ["a"] * 4, 1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_encoder_bundle(tmp_path_factory.mktemp("models"), known=0.6))


def test_of_a_bundle(bundle: Bundle) -> None:
    assert bundle.cohort is not None
    assert bundle.manifest.cohort is not None
    own = Cohort.of(bundle).level(bundle.cohort.embedding)
    # Of its own rows each leaves out its taxon, itself included.
    species = np.array([bool(taxon) for taxon in bundle.cohort.taxon])
    assert own.mean[species].max() < 1.0
    calibration = Calibration.of(bundle.manifest)
    assert (calibration.slope, calibration.offset, calibration.known) == (2.0, -2.4, 0.6)
    assert Calibration.of(bundle.manifest, known=0.9).known == 0.9


def test_bundles_without_a_cohort_are_refused(tmp_path: Path) -> None:
    bare = load_bundle(make_encoder_bundle(tmp_path, cohort=False))
    gate = load_bundle(make_gate_bundle(tmp_path))
    for bundle in (bare, gate):
        with pytest.raises(BundleError, match="no cohort"):
            Cohort.of(bundle)
        with pytest.raises(BundleError, match="no cohort"):
            Calibration.of(bundle.manifest)


@given(st.floats(0.01, 50), st.floats(-50, 50), st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9))
def test_probabilities_lie_within_0_and_1_and_rise_with_the_score(
    slope: float, offset: float, scores: list[float]
) -> None:
    probabilities = Calibration(slope, offset, 0.5).probability(np.sort(np.array(scores)))
    assert ((probabilities >= 0.0) & (probabilities <= 1.0)).all()
    assert (np.diff(probabilities) >= 0.0).all()


def test_the_probability_is_the_logistic_function() -> None:
    scores = np.linspace(-5, 5, 21)
    expected = 1 / (1 + np.exp(-(1.7 * scores - 0.4)))
    np.testing.assert_allclose(Calibration(1.7, -0.4, 0.5).probability(scores), expected, rtol=1e-12)
