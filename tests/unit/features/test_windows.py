from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.types import FeatureBlock, Span, Window
from monitor.features.spec import BIRD, SCENE, FeatureSpec
from monitor.features.windows import SLICE, Windower


def rows(spec: FeatureSpec, count: int) -> np.ndarray:
    """Row i holds i."""
    return np.repeat(np.arange(count, dtype=np.float32)[:, np.newaxis], spec.bands, axis=1)


def push_all(windower: Windower, values: np.ndarray, sizes: list[int], first: int = 0) -> list[Window]:
    windows: list[Window] = []
    start = 0
    while start < len(values):
        for size in sizes:
            piece = values[start : start + size]
            if len(piece):
                windows += windower.push(FeatureBlock(piece, first + start))
            start += size
    return windows


@settings(deadline=None)
@given(
    frames=st.integers(1, 60),
    hop=st.integers(1, 80),
    sizes=st.lists(st.integers(1, 2 * SLICE), min_size=1, max_size=5),
    count=st.integers(1, 900),
)
def test_window_k_begins_at_frame_k_times_hop(frames: int, hop: int, sizes: list[int], count: int) -> None:
    windows = push_all(Windower(BIRD, frames, hop), rows(BIRD, count), sizes)
    expected = [first for first in range(0, count, hop) if first + frames <= count]
    assert [window.values[0, 0] for window in windows] == expected
    for window, first in zip(windows, expected, strict=True):
        np.testing.assert_array_equal(window.values[:, 0], np.arange(first, first + frames))
        assert window.span == Span(first * 960, (first + frames - 1) * 960 + 3_072)
        assert window.spec_id == BIRD.fingerprint


def test_span_at_another_rate() -> None:
    (window,) = Windower(SCENE, 64, 64).push(FeatureBlock(rows(SCENE, 64), 0))
    assert window.span == Span(0, 63 * 750 + 3_000)


@pytest.mark.parametrize("at", [3, 960, 961 * 3, 48_000 * 7])
def test_no_window_spans_a_reset_and_the_grid_stays(at: int) -> None:
    windower = Windower(BIRD, 50, 25)
    push_all(windower, rows(BIRD, 60), [7])
    windower.flush()
    windower.reset(at)
    first_frame = -(-at // 960)
    windows = push_all(windower, rows(BIRD, 200), [33], first_frame)
    assert windows[0].span.start == -(-first_frame // 25) * 25 * 960
    assert windows[0].span.start >= at
    assert len({window.span.start % (25 * 960) for window in windows}) == 1


def test_a_block_that_does_not_fit_is_refused() -> None:
    windower = Windower(BIRD, 50, 25)
    with pytest.raises(ValueError, match="a gap needs reset"):
        windower.push(FeatureBlock(rows(BIRD, 3), 1))
    with pytest.raises(ValueError, match="128 bands"):
        windower.push(FeatureBlock(rows(SCENE, 3), 0))


@pytest.mark.parametrize(("frames", "hop"), [(0, 1), (1, 0)])
def test_sizes_of_nothing_are_refused(frames: int, hop: int) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        Windower(BIRD, frames, hop)
