"""Percentiles of left-out normals, their tail, and the alarm line that follows from a rate of false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma

from monitor.machines.calibration import MOST_SHARE, Calibration, Debounce, alarm_share
from monitor.machines.fitting import fit_calibration
from monitor.machines.options import aggregate


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-50.0, 50.0), min_size=2, max_size=60))
def test_a_calibration_ascends_whatever_it_is_made_of(scores: list[float]):
    calibration = fit_calibration(np.array(scores))
    points = np.linspace(-100.0, 200.0, 400)
    told = [calibration.percentile(float(point)) for point in points]
    assert all(0.0 <= one <= 1.0 for one in told)
    assert (np.diff(told) >= 0).all()
    line = calibration.score_at(1e-4)
    assert line > max(scores)
    assert calibration.percentile(line) == pytest.approx(1.0 - 1e-4)


@pytest.mark.parametrize("shape", [1.5, 3.0, 10.0])
def test_the_tail_is_near_the_truth(shape: float):
    scores = np.random.default_rng(1).gamma(shape, 1.0, 2_000)
    calibration = fit_calibration(scores)
    for exceedance in (1.5, 2.0, 3.0, 4.0):
        at = float(gamma.isf(10.0**-exceedance, shape))
        assert calibration.surprise(at) == pytest.approx(exceedance, rel=0.2)


def test_the_body_is_what_was_seen():
    scores = np.arange(100.0)
    assert fit_calibration(scores).percentile(50.0) == pytest.approx(0.5, abs=0.02)


def test_a_table_that_does_not_ascend_is_refused():
    with pytest.raises(ValueError, match="ascends"):
        Calibration(np.array([0.0, 0.0]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="two rows"):
        Calibration(np.array([0.0]), np.array([0.0]))


def test_debounced_scores_are_above_a_line_when_enough_windows_are():
    scores = np.random.default_rng(0).random(50)
    debounce = Debounce(3, 5)
    over = debounce.over(scores)
    for first in range(46):
        for line in (0.2, 0.5, 0.8):
            assert (over[first] > line) == ((scores[first : first + 5] > line).sum() >= 3)
    assert debounce.over(np.array([0.3])) == pytest.approx([0.3])
    with pytest.raises(ValueError, match="4 of 3"):
        Debounce(4, 3)


def test_the_alarm_line_keeps_its_promise_under_its_assumption():
    # Single-window contexts, independent but for the overlap of neighbours: what the rate assumes.
    debounce, weeks = Debounce(3, 5), 0.5
    share = alarm_share(200.0, debounce, 1)
    rng = np.random.default_rng(3)
    exceeding = np.repeat(rng.random(round(300_000 * weeks)) < share, 2).astype(float)
    ringing = debounce.over(exceeding) > 0.5
    alarms = int((np.diff(ringing.astype(int)) > 0).sum())
    assert 20 <= alarms <= 2.5 * 200.0 * weeks


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1_000.0), st.integers(1, 8))
def test_fewer_false_alarms_need_a_higher_line(rate: float, context: int):
    stricter, looser = (alarm_share(value, Debounce(), context) for value in (rate, 2.0 * rate))
    assert 0.0 < stricter <= looser <= MOST_SHARE


def test_aggregators_are_those_of_the_paper():
    # Oracle `asd_aggregators`, Eq. 4.
    scores = np.array([1.4628, 0.2781, -0.2479, -1.4251, -0.1913, -0.0199, 1.6906, 0.6221, -1.5291, 2.0268])
    told = [aggregate(scores, how) for how in ("mean", "max", "median", "upper-mean")]
    assert told == pytest.approx([0.26671, 2.0268, 0.1291, 1.21608])
