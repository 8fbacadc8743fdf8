"""Level readings: the right numbers, on the grid, however the sound is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.level import LevelMeter
from monitor.core.types import AudioBlock, Span


def run(samples, sizes, at=0):
    meter = LevelMeter()
    meter.reset(at)
    readings, done, turn = [], 0, 0
    while done < len(samples):
        size = sizes[turn % len(sizes)]
        readings += meter.push(AudioBlock(samples[done : done + size], at + done))
        done += size
        turn += 1
    return readings + meter.flush()


def test_a_full_scale_sine_is_at_zero():
    samples = np.sin(2 * np.pi * 1_000 * np.arange(9_600) / 48_000).astype(np.float32)
    (reading,) = run(samples, [9_600])
    assert reading.span == Span(0, 9_600)
    assert reading.rms_dbfs == pytest.approx(0.0, abs=1e-4)
    assert reading.peak_dbfs == pytest.approx(0.0, abs=1e-4)
    (quieter,) = run(samples * np.float32(0.1), [9_600])
    assert quieter.rms_dbfs == pytest.approx(-20.0, abs=1e-4)
    assert quieter.clipped == 0


def test_silence_is_at_the_floor_and_above_full_scale_is_told():
    (silent,) = run(np.zeros(9_600, np.float32), [9_600])
    assert (silent.rms_dbfs, silent.peak_dbfs, silent.clipped) == (-120.0, -120.0, 0)
    loud = np.zeros(9_600, np.float32)
    loud[:4] = [2.0, -1.0, 32767 / 32768, 0.999]
    (reading,) = run(loud, [9_600])
    assert reading.clipped == 3
    assert reading.peak_dbfs == pytest.approx(6.0206, abs=1e-3)


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=5), st.integers(0, 10_000).map(lambda n: 3 * n))
@settings(deadline=None)
def test_the_cut_changes_nothing_and_the_grid_is_absolute(sizes, at):
    samples = np.random.default_rng(3).standard_normal(25_000).astype(np.float32)
    readings = run(samples, sizes, at)
    assert readings == run(samples, [25_000], at)
    assert readings[0].span.start == at
    assert readings[-1].span.end == at + 25_000
    for before, after in pairwise(readings):
        assert after.span.start == before.span.end
        assert after.span.start % 9_600 == 0


def test_flush_twice_equals_once_and_reset_forgets():
    meter = LevelMeter()
    meter.push(AudioBlock(np.ones(100, np.float32), 0))
    assert len(meter.flush()) == 1
    assert meter.flush() == []
    meter.push(AudioBlock(np.ones(100, np.float32), 100))
    meter.reset(9_600)
    assert meter.flush() == []


def test_a_jump_or_another_rate_is_refused():
    with pytest.raises(ValueError, match="expected 48 kHz"):
        LevelMeter().push(AudioBlock(np.ones(10, np.float32), 3))
    with pytest.raises(ValueError, match="expected 48 kHz"):
        LevelMeter().push(AudioBlock(np.ones(10, np.float32), 0, 16_000))
