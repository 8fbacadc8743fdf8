from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monitor.machines.options import aggregate
from training.anomaly.detect import (
    Inlier,
    SectionVectors,
    approach_scores,
    averaged,
    mixed_normals,
    scaled_scores,
)
from training.anomaly.systems import (
    SectionScores,
    Truth,
    best,
    by_its_own_test,
    by_other_machines,
    by_pseudo_anomalies,
    chosen_scores,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "anomaly.json").read_text(encoding="utf-8"))
KNN = Inlier("knn", 2, "mean")


def vectors(count: int, centre: float, seed: int, segments: int = 3) -> np.ndarray:
    return centre + np.random.default_rng(seed).normal(size=(count, segments, 4))


@pytest.fixture
def section() -> SectionVectors:
    """Source around 0, target around 6; asked: two normals of either, and two anomalies between them."""
    normal = np.concatenate([vectors(20, 0.0, 0), vectors(4, 6.0, 1)])
    asked = np.concatenate([vectors(2, 0.0, 2), vectors(2, 6.0, 3), vectors(2, 3.0, 4)])
    return SectionVectors(normal, np.repeat([False, True], [20, 4]), asked)


def test_aggregators_are_the_reference_ones() -> None:
    entry = GOLDEN["asd_aggregators"]
    scores = np.array(entry["inputs"]["seg_scores"])
    for name, key in (("mean", "mean"), ("max", "max"), ("median", "median"), ("upper-mean", "mean_above_median")):
        assert aggregate(scores, name) == pytest.approx(entry["expected"][key], abs=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["knn", "lof", "gmm"])
def test_scores_are_scaled_by_normals_left_out(section: SectionVectors, kind: str) -> None:
    source = section.normal[:20]
    scores, left_out = scaled_scores(source, section.asked, Inlier(kind, 2, "mean"))  # type: ignore[arg-type]
    assert left_out.mean() == pytest.approx(0.0, abs=1e-9)
    assert left_out.std() == pytest.approx(1.0, abs=1e-9)
    assert scores[:2].max() < scores[2:].min()
    # Nothing depends on what else is asked.
    alone, _ = scaled_scores(source, section.asked[4:5], Inlier(kind, 2, "mean"))  # type: ignore[arg-type]
    assert alone[0] == pytest.approx(scores[4], abs=1e-9)


def test_left_out_normals_are_not_judged_by_themselves() -> None:
    normal = vectors(6, 0.0, 5)
    normal[3] += 50.0
    _, left_out = scaled_scores(normal, normal, Inlier("knn", 1, "mean"))
    assert int(left_out.argmax()) == 3


def test_too_few_normals_shrink_the_detector(section: SectionVectors) -> None:
    for kind in ("knn", "lof", "gmm"):
        scores, left_out = scaled_scores(section.normal[:2], section.asked, Inlier(kind, 500, "max"))  # type: ignore[arg-type]
        assert np.isfinite(scores).all()
        assert np.isfinite(left_out).all()
    scores, left_out = scaled_scores(section.normal[:1], section.asked, KNN)
    assert np.isfinite(scores).all()
    assert left_out.tolist() == [0.0]


def test_the_smaller_of_two_domains_finds_what_lies_between(section: SectionVectors) -> None:
    scores, left_out = approach_scores(section, KNN, "smaller")
    assert scores[4:].min() > scores[:4].max()
    assert left_out.shape == (24,)


def test_specialisation_weighs_domains_by_their_probability(section: SectionVectors) -> None:
    never, always = (approach_scores(section, KNN, "specialisation", np.full(30, p))[0] for p in (0.0, 1.0))
    source, _ = scaled_scores(section.normal[:20], section.asked, KNN)
    target, _ = scaled_scores(section.normal[20:], section.asked, KNN)
    np.testing.assert_allclose(never, source)
    np.testing.assert_allclose(always, target)
    half, _ = approach_scores(section, KNN, "specialisation", np.full(30, 0.5))
    np.testing.assert_allclose(half, 0.5 * (source + target))
    with pytest.raises(ValueError, match="probability"):
        approach_scores(section, KNN, "specialisation")


def test_pseudo_normals_make_the_middle_normal(section: SectionVectors) -> None:
    without, _ = approach_scores(section, KNN, "generalisation")
    with_them, _ = approach_scores(section, KNN, "generalisation", pseudo_normals=200)
    # Their deviation differs, so compare with the normals asked beside.
    assert with_them[4:].mean() - with_them[:4].mean() < without[4:].mean() - without[:4].mean()


def test_mixed_normals_lie_between_the_domains() -> None:
    made = mixed_normals(np.zeros((5, 2, 3)), np.ones((2, 2, 3)), 50, np.random.default_rng(0))
    assert made.shape == (50, 3)
    assert (made >= 0).all()
    assert (made <= 1).all()
    assert 0.3 < made.mean() < 0.7


def test_one_domain_has_one_detector(section: SectionVectors) -> None:
    alone = SectionVectors(section.normal[:20], np.zeros(20, bool), section.asked)
    expected, _ = scaled_scores(alone.normal, alone.asked, KNN)
    for approach in ("generalisation", "specialisation", "smaller"):
        np.testing.assert_allclose(approach_scores(alone, KNN, approach, None, 50)[0], expected)  # type: ignore[arg-type]


def test_ensembles_average_systems_on_one_scale() -> None:
    normals = np.array([0.0, 2.0])  # mean 1, deviation 1
    made = averaged([(np.array([1.0, 3.0]), normals), (np.array([10.0, 30.0]), 10.0 * normals)])
    np.testing.assert_allclose(made, [0.0, 2.0])


def system(machine: str, separation: float, pseudo: float) -> SectionScores:
    generator = np.random.default_rng(len(machine))
    asked = generator.normal(size=40) + separation * np.repeat([0.0, 1.0], 20)
    return SectionScores(asked, generator.normal(size=20), generator.normal(size=10) + pseudo)


def test_choice_never_sees_the_machines_own_test() -> None:
    machines = ("fan", "valve")
    keys = [(machine, 0) for machine in machines]
    truth = Truth(
        {key: np.tile(np.repeat([False, True], 10), 2) for key in keys},
        {key: np.repeat([False, True], 20) for key in keys},
    )
    # `a` is good on the valve only, `b` on the fan only; altered normals of the fan speak for `a`.
    systems = {
        "a": {("fan", 0): system("fan", 0.0, 5.0), ("valve", 0): system("valve", 5.0, 0.0)},
        "b": {("fan", 0): system("fan", 5.0, 0.0), ("valve", 0): system("valve", 0.0, 0.0)},
    }
    assert best(systems, by_other_machines(truth, "fan")) == ["a"]
    assert best(systems, by_other_machines(truth, "valve")) == ["b"]
    assert best(systems, by_pseudo_anomalies("fan")) == ["a"]
    assert best(systems, by_its_own_test(truth, "fan")) == ["b"]
    scores, names = chosen_scores(systems, machines, lambda one: by_other_machines(truth, one))
    assert names == {"fan": ["a"], "valve": ["b"]}
    one = systems["a"]["fan", 0]
    np.testing.assert_allclose(scores["fan", 0], (one.asked - one.left_out.mean()) / one.left_out.std())
    assert truth.figure(systems["b"], ["fan"]) > 0.95
