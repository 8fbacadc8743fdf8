"""Two domains: the paper's weighting, and the smaller of the two."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.machines.domain import target_probability, weighted_score
from monitor.machines.learning import DetectorOptions, learn
from monitor.machines.normals import Normals

# Oracle `asd_domain_weighted`, Eq. 7 and 8, kappa 0.15.
LOGITS = np.array([-0.4, -0.1, 0.0, 0.05, 0.2, 1.0])
SOURCE = np.array([0.294, -1.5098, 0.6442, -0.2299, 0.3586, -0.3403])
TARGET = np.array([0.3204, -1.0726, 1.1892, -1.7035, -1.0392, 0.2357])
PROBABILITY = [0.06496916912866404, 0.33924363123418283, 0.5, 0.5825702064623147, 0.791391472673955, 0.9987289837369187]
WEIGHTED = [0.29571518606, -1.36148268442, 0.9167, -1.08837545624, -0.7476070005, 0.23496789463]


def test_eq_7_and_8_are_the_papers():
    probability = target_probability(LOGITS)
    assert probability == pytest.approx(PROBABILITY)
    assert weighted_score(probability, SOURCE, TARGET) == pytest.approx(WEIGHTED)


def normals(source: int, target: int, apart: float = 8.0, seed: int = 0) -> Normals:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((source + target, 4))
    rows[source:] += apart
    count = source + target
    is_target = np.arange(count) >= source
    return Normals({"spectrum": rows}, np.zeros((count, 56)), np.arange(count), np.zeros(count, np.int64), is_target, 1)


@pytest.mark.parametrize("rule", ["smaller", "weighted"])
def test_a_target_normal_is_no_anomaly_and_an_outlier_of_both_is(rule: str):
    learnt = learn(normals(40, 5), "spectrum", DetectorOptions(rule=rule))
    asked = np.stack([np.zeros(4), np.full(4, 8.0), np.array([0.0, 12.0, -8.0, 3.0])])
    source, target, outlier = learnt.domains.score(asked)
    assert max(source, target) < 2.0 < outlier - 2.0
    probabilities = learnt.domains.probability(asked)
    assert probabilities is not None
    assert probabilities[0] < 0.1 < 0.9 < probabilities[1]


def test_without_a_target_domain_one_detector_does():
    learnt = learn(normals(20, 0), "spectrum", DetectorOptions())
    assert learnt.domains.target is None
    assert learnt.domains.probability(np.zeros((1, 4))) is None
    assert learnt.left_out.mean() == pytest.approx(0.0, abs=1e-9)


def test_left_out_scores_are_of_detectors_that_did_not_see_them():
    learnt = learn(normals(20, 0), "spectrum", DetectorOptions(size=1))
    seen = learnt.domains.score(normals(20, 0).vectors["spectrum"])
    # With itself among the normals, the nearest is at distance zero.
    assert np.ptp(seen) < 1e-9
    assert (learnt.left_out > seen + 0.1).all()


def test_one_target_clip_joins_the_source_and_that_is_told():
    learnt = learn(normals(20, 1), "spectrum", DetectorOptions())
    assert learnt.domains.target is None
    assert "added to the source's" in learnt.notes[0]


def test_fewer_normals_than_neighbours_fall_back_and_say_so():
    learnt = learn(normals(20, 3), "spectrum", DetectorOptions(size=9))
    assert any("instead of 9 neighbours, for the target domain" in note for note in learnt.notes)
