from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluate import average_precision, bootstrap_interval, operating_point, roc_auc, threshold_at


def test_auc_of_perfect_reversed_and_constant_scores() -> None:
    labels = [0, 0, 1, 1]
    assert roc_auc(labels, [0.1, 0.2, 0.3, 0.4]) == 1.0
    assert roc_auc(labels, [0.4, 0.3, 0.2, 0.1]) == 0.0
    assert roc_auc(labels, [0.5, 0.5, 0.5, 0.5]) == 0.5


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_is_the_share_of_ordered_pairs(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=float)
    scores = np.array([score for _, score in rows], dtype=float)
    positives, negatives = scores[labels == 1], scores[labels == 0]
    if not len(positives) or not len(negatives):
        assert np.isnan(roc_auc(labels, scores))
        return
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positives for n in negatives]
    assert roc_auc(labels, scores) == pytest.approx(np.mean(pairs))


def test_average_precision_by_hand() -> None:
    # Hits at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]) == pytest.approx(0.25)
    assert np.isnan(average_precision([0, 0], [0.1, 0.2]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30), st.randoms())
def test_average_precision_does_not_depend_on_the_order_of_equal_scores(rows: list, random) -> None:
    if not any(label for label, _ in rows):
        return
    shuffled = rows.copy()
    random.shuffle(shuffled)
    first, second = (average_precision([r[0] for r in some], [r[1] for r in some]) for some in (rows, shuffled))
    assert first == pytest.approx(second)


def test_average_precision_equals_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 2, 200), generator.integers(0, 30, 200)
    assert average_precision(labels, scores) == pytest.approx(metrics.average_precision_score(labels, scores))
    assert roc_auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_threshold_keeps_the_false_positive_rate(scores: list[float], rate: float) -> None:
    threshold = threshold_at(scores, rate)
    assert np.mean(np.asarray(scores) >= threshold) <= rate + 1e-12


def test_operating_point_counts() -> None:
    point = operating_point([1, 1, 0, 0, 0], [0.9, 0.2, 0.8, 0.1, 0.0], 0.5)
    assert (point.recall, point.precision) == (0.5, 0.5)
    assert point.false_positive_rate == pytest.approx(1 / 3)


def test_bootstrap_draws_whole_units() -> None:
    labels = np.tile([1.0, 0.0], 20)
    scores = np.tile([0.9, 0.1], 20)
    assert bootstrap_interval(labels, scores, np.arange(40) // 2, roc_auc, rounds=50) == (1.0, 1.0)
    low, high = bootstrap_interval([1.0, 0.0], [0.2, 0.8], ["a", "a"], roc_auc, rounds=20)
    assert low == high == 0.0
    assert np.isnan(bootstrap_interval([1.0, 1.0], [0.2, 0.8], ["a", "b"], roc_auc, rounds=5)).all()


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        roc_auc([0, 1], [0.1, float("nan")])
