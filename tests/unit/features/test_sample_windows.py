"""Windows of samples: where they lie, and what the end of a stream gives."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.core.types import AudioBlock, Span
from monitor.features.sample_windows import SampleWindower


def ramp(first: int, end: int, rate: int = 48_000) -> AudioBlock:
    return AudioBlock(np.arange(first, end, dtype=np.float32), first, rate)


def test_window_k_begins_at_k_hops() -> None:
    windows = SampleWindower(48_000, 100, 40).push(ramp(0, 190))
    assert [item.span for item in windows] == [Span(0, 100), Span(40, 140), Span(80, 180)]
    np.testing.assert_array_equal(windows[1].samples, np.arange(40, 140))


def test_spans_count_engine_samples() -> None:
    stage = SampleWindower(16_000, 100, 100)
    stage.reset(3 * 250)
    assert [item.span for item in stage.push(ramp(250, 500, 16_000))] == [Span(900, 1_200), Span(1_200, 1_500)]


def test_the_end_is_filled_up_where_half_a_window_is_there() -> None:
    stage = SampleWindower(48_000, 100, 100)
    stage.push(ramp(0, 150))
    (filled,) = stage.flush()
    assert filled.span == Span(100, 150)
    np.testing.assert_array_equal(filled.samples[:50], np.arange(100, 150))
    assert not filled.samples[50:].any()
    assert stage.flush() == []
    for length in (149, 100):
        stage.reset(0)
        stage.push(ramp(0, length))
        assert stage.flush() == []


def test_windows_that_overlap_are_all_filled_up() -> None:
    stage = SampleWindower(48_000, 100, 25)
    stage.push(ramp(0, 160))
    assert [item.span for item in stage.flush()] == [Span(75, 160), Span(100, 160)]


def test_without_filling_the_end_gives_nothing() -> None:
    stage = SampleWindower(48_000, 100, 100, fill=False)
    stage.push(ramp(0, 190))
    assert stage.flush() == []


def test_a_gap_and_another_rate_are_refused() -> None:
    stage = SampleWindower(48_000, 100, 100)
    stage.push(ramp(0, 50))
    with pytest.raises(ValueError, match="a gap needs reset"):
        stage.push(ramp(60, 70))
    with pytest.raises(ValueError, match="expected audio at 48000 Hz"):
        stage.push(ramp(50, 60, 16_000))
