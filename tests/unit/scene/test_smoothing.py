"""From seconds to one stable label: the filter by its formula, warm-up, hold, and `unknown`."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.clock import samples
from monitor.core.scene_readings import UNKNOWN, SceneChange, SceneReading, SceneState
from monitor.core.types import Span
from monitor.scene.classifier import SceneScores
from monitor.scene.smoothing import DecayingMean, SceneSmoother, Settling

LABELS = ("cafe", "street", "forest", UNKNOWN)
SECOND = 48_000
CAFE, STREET, NONE = (0.8, 0.1, 0.05, 0.05), (0.1, 0.8, 0.05, 0.05), (0.3, 0.3, 0.2, 0.2)
STRANGE = (0.2, 0.1, 0.1, 0.6)


def smoother(known: float = 0.5, time_constant_s: float = 4.5, hold_s: float = 3.0) -> SceneSmoother:
    return SceneSmoother(LABELS, Settling(known, time_constant_s, hold_s), UNKNOWN)


def hear(
    stage: SceneSmoother, *rows: tuple[float, ...], first: int = 0
) -> tuple[list[SceneReading], list[SceneChange]]:
    """Windows of 1.05 s, one a second; readings, and changes."""
    told = [
        one
        for number, row in enumerate(rows, first)
        for one in stage.push(SceneScores(span(number), np.array(row, np.float32)))
    ]
    return [one for one in told if isinstance(one, SceneReading)], [one for one in told if isinstance(one, SceneChange)]


def span(number: int) -> Span:
    return Span(number * SECOND, number * SECOND + samples(1.05))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5 * SECOND)), min_size=1, max_size=30))
def test_filter_is_the_weighted_mean_that_it_says(steps: list[tuple[float, int]]) -> None:
    constant = samples(4.5)
    mean = DecayingMean(1, constant)
    ends = np.cumsum([step for _, step in steps])
    values = np.array([value for value, _ in steps], np.float32)
    for count in range(1, len(steps) + 1):
        found = mean.add(values[count - 1 : count], int(ends[count - 1]))
        weights = np.exp((ends[:count] - ends[count - 1]) / constant)
        assert found[0] == pytest.approx((weights @ values[:count].astype(float)) / weights.sum(), abs=1e-9)


def test_default_averages_as_ten_seconds_do() -> None:
    decay = exp(-1.0 / Settling(0.5).time_constant_s)
    assert (1 + decay) / (1 - decay) == pytest.approx(9.0, abs=0.1)
    rows = np.random.default_rng(3).standard_normal((20_000, 1)).astype(np.float32)
    mean = DecayingMean(1, samples(4.5))
    found = np.array([mean.add(row, (number + 1) * SECOND)[0] for number, row in enumerate(rows)])
    assert found[100:].var() == pytest.approx(rows.var() / 9.0, rel=0.1)


def test_warms_up_for_a_time_constant_then_tells_where_it_is() -> None:
    readings, changes = hear(smoother(), *[CAFE] * 8)
    assert [one.state for one in readings] == [SceneState.WARMING_UP] * 4 + [SceneState.READY] * 4
    assert {one.label for one in readings} == {"cafe"}
    assert [(one.label, one.previous, one.span) for one in changes] == [("cafe", None, Span(0, span(4).end))]
    assert list(readings[0].probabilities) == ["cafe", "street", "forest", UNKNOWN]
    assert readings[-1].probability == pytest.approx(0.8)


def test_another_scene_has_to_hold() -> None:
    readings, changes = hear(smoother(), *[CAFE] * 10, *[STREET] * 12)
    assert [(one.label, one.previous) for one in changes][:1] == [("cafe", None)]
    assert changes[-1].label == "street"
    assert changes[-1].span.length >= samples(3.0)
    settled = [one.label for one in readings if one.state is SceneState.READY]
    assert settled == sorted(settled, key=["cafe", UNKNOWN, "street"].index), "no way back and forth"
    assert len(changes) == len(set(settled))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_moment_changes_nothing(length: int) -> None:
    _, changes = hear(smoother(), *[CAFE] * 10, *[STREET] * length, *[CAFE] * 10)
    assert [one.label for one in changes] == ["cafe"]


def test_without_smoothing_and_hold_it_follows_at_once() -> None:
    readings, changes = hear(smoother(time_constant_s=0.1, hold_s=0.0), CAFE, STREET, CAFE)
    assert [one.label for one in readings] == ["cafe", "street", "cafe"]
    assert [one.previous for one in changes] == [None, "cafe", "street"]


def test_unknown_where_nothing_is_likely_enough_and_where_the_reject_class_wins() -> None:
    for row in (NONE, STRANGE):
        readings, changes = hear(smoother(), *[row] * 8)
        assert {one.label for one in readings} == {UNKNOWN}
        assert [one.label for one in changes] == [UNKNOWN]


def test_reject_class_is_no_scene_however_likely() -> None:
    readings, _ = hear(smoother(known=0.15), *[STRANGE] * 8)
    assert {one.label for one in readings} == {"cafe"}, "the likeliest of the scenes passes the threshold"
    assert next(iter(readings[-1].probabilities)) == UNKNOWN


def test_threshold_itself_is_enough() -> None:
    row = (0.5, 0.25, 0.25, 0.0)
    assert hear(smoother(known=0.5), *[row] * 8)[0][-1].label == "cafe"


@pytest.mark.parametrize(
    ("settled", "after", "label"),
    [
        ((0.6, 0.3, 0.1, 0.0), (0.48, 0.52, 0.0, 0.0), "cafe"),
        ((0.6, 0.3, 0.1, 0.0), (0.42, 0.54, 0.04, 0.0), "street"),
        ((0.6, 0.3, 0.1, 0.0), (0.42, 0.3, 0.28, 0.0), "cafe"),
        ((0.6, 0.3, 0.1, 0.0), (0.38, 0.34, 0.28, 0.0), UNKNOWN),
        (NONE, (0.55, 0.2, 0.2, 0.05), UNKNOWN),
        (NONE, (0.65, 0.2, 0.1, 0.05), "cafe"),
    ],
)
def test_what_settled_gives_way_by_a_margin(settled: tuple[float, ...], after: tuple[float, ...], label: str) -> None:
    assert hear(smoother(known=0.5), *[settled] * 10, *[after] * 60)[0][-1].label == label


def test_a_line_that_is_touched_again_and_again_changes_nothing() -> None:
    above, below = (0.56, 0.24, 0.2, 0.0), (0.44, 0.3, 0.26, 0.0)
    _, changes = hear(smoother(known=0.5), *[*[above] * 12, *[below] * 12] * 5)
    assert [one.label for one in changes] == ["cafe"]


def test_windows_that_were_dropped_count_as_time() -> None:
    stage = smoother()
    hear(stage, *[CAFE] * 10)
    readings, _ = hear(stage, STREET, first=60)
    assert readings[0].probabilities["street"] == pytest.approx(0.8, abs=1e-4), "what was heard before is over"
    assert readings[0].label == "cafe", "but one window settles nothing"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 4 probabilities, got 2"):
        smoother().push(SceneScores(span(0), np.array([0.5, 0.5], np.float32)))
    with pytest.raises(ValueError, match="no rule"):
        Settling(1.5)
    with pytest.raises(ValueError, match="no rule"):
        Settling(0.5, time_constant_s=0.0)
    with pytest.raises(ValueError, match="no rule"):
        Settling(0.5, margin=-0.1)
    with pytest.raises(ValueError, match="probability of cafe"):
        SceneReading(span(0), "cafe", {"cafe": 1.2}, SceneState.READY)
    with pytest.raises(ValueError, match="probability of cafe"):
        SceneChange(span(0), "cafe", None, {"cafe": float("nan")})
