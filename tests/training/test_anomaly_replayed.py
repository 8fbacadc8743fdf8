from __future__ import annotations

import math

import numpy as np
import pytest

from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from tests.helpers.machines import fan, fan_profile
from training.anomaly.replayed import FADE, Replay, _false_alarms, _heard, _within, joined, lines_of, most_an_hour


def test_clips_are_joined_without_a_step() -> None:
    clips = [(np.full(16_000, 0.5, np.float32), False), (np.full(8_000, 0.5, np.float32), True)]
    sound, parts = joined(clips)
    assert len(sound) == 24_000 - FADE
    assert [(part.start, part.end, part.anomalous) for part in parts] == [
        (0, 16_000, False),
        (16_000 - FADE, len(sound), True),
    ]
    # Half a sine and half a cosine of the same value: at most the root of two, nowhere a gap.
    assert sound.min() >= 0.5 - 1e-6
    assert sound.max() <= 0.5 * math.sqrt(2) + 1e-6
    assert np.abs(np.diff(sound)).max() < 0.01
    assert len(joined([])[0]) == 0


def test_the_bound_is_that_of_a_poisson_rate() -> None:
    assert most_an_hour(0, 3600.0) == pytest.approx(-math.log(0.05), abs=1e-6)
    assert most_an_hour(1, 7200.0) == pytest.approx(4.744 / 2, abs=1e-3)
    assert most_an_hour(0, 0.0) == math.inf


def test_alarms_are_counted_where_they_begin() -> None:
    sound, parts = joined([(fan(30.0, 70), False), (fan(30.0, 71, squeal=0.05), True)])
    heard = _heard(fan_profile(), sound, Kernel(MACHINE))
    wrong = [one.alarm for one in heard if _within(one, parts, anomalous=True)]
    right = [one.alarm for one in heard if _within(one, parts, anomalous=False)]
    assert sum(wrong) > 0.7 * len(wrong)
    assert not any(right)
    assert _false_alarms(heard, parts[1].start) == 0
    assert _false_alarms(heard, len(sound)) == 1


def test_the_table_adds_up() -> None:
    found = [Replay("fan", 0, 10, 5, 20, 0, 0, 1800.0, 0), Replay("fan", 1, 10, 10, 20, 2, 1, 1800.0, 1)]
    assert lines_of(found)[-1] == "| all | 15 of 20 (75%) | 2 of 40 (5%) | 1 | 1.00 | 5 |"
