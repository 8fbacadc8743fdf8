"""Recursive filters against scipy's, which the monitor does without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from monitor.features.recursive import RecursiveFilter, butterworth

BANDS = [
    (2, 62.5, 88.39, 16_000.0),
    (2, 500.0, 2_000.0, 16_000.0),
    (3, 100.0, 7_000.0, 16_000.0),
    (4, 2_000.0, 7_500.0, 16_000.0),
    (1, 0.0, 2.0, 800.0),
    (2, 0.0, 30.0, 800.0),
    (1, 0.5, 1.0, 800.0),
    (1, 2.0, 300.0, 800.0),
]


def scipys(order: int, low: float, high: float, rate: float) -> np.ndarray:
    if low == 0:
        return signal.butter(2 * order, high, "lowpass", fs=rate, output="sos")
    return signal.butter(order, (low, high), "bandpass", fs=rate, output="sos")


@pytest.mark.parametrize(("order", "low", "high", "rate"), BANDS)
def test_the_design_has_scipys_response(order: int, low: float, high: float, rate: float) -> None:
    sections = butterworth(order, low, high, rate)
    frequencies = np.geomspace(0.1, 0.49 * rate, 300)
    _, ours = signal.sosfreqz(sections, frequencies, fs=rate)
    _, expected = signal.sosfreqz(scipys(order, low, high, rate), frequencies, fs=rate)
    assert np.allclose(ours, expected, atol=1e-9)
    _, at_cut = signal.sosfreqz(sections, [high], fs=rate)
    assert 20 * np.log10(abs(at_cut[0])) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize(("order", "low", "high", "rate"), BANDS)
@pytest.mark.parametrize("chunk", [1, 31, 400, 2_000])
def test_chunks_carry_their_state_on(order: int, low: float, high: float, rate: float, chunk: int) -> None:
    count = 6_200 // chunk * chunk
    sound = np.random.default_rng(0).standard_normal(count)
    sound[: count // 2] += 10.0 * signal.chirp(np.arange(count // 2) / rate, 0.0, 1.0, 0.4 * rate)
    filtering = RecursiveFilter(butterworth(order, low, high, rate), chunk)
    state, parts = np.zeros(filtering.size), []
    for start in range(0, count, chunk):
        given = state.copy()
        part, after = filtering.run(sound[start : start + chunk], state)
        assert np.array_equal(state, given), "the caller's state is not touched"
        parts.append(part)
        state = after
    expected = signal.sosfilt(scipys(order, low, high, rate), sound)
    assert np.allclose(np.concatenate(parts), expected, atol=1e-9 * np.abs(sound).max())


def test_settled_means_that_a_constant_was_always_heard() -> None:
    low_pass = RecursiveFilter(butterworth(1, 0.0, 2.0, 800.0), 400)
    told, _ = low_pass.run(np.full(400, 3.0), 3.0 * low_pass.settled)
    assert np.allclose(told, 3.0)
    band_pass = RecursiveFilter(butterworth(1, 2.0, 4.0, 800.0), 400)
    told, _ = band_pass.run(np.full(400, 3.0), 3.0 * band_pass.settled)
    assert np.allclose(told, 0.0, atol=1e-9)


def test_what_has_died_away_is_nothing() -> None:
    filtering = RecursiveFilter(butterworth(2, 500.0, 2_000.0, 16_000.0), 8_000)
    state = filtering.run(np.r_[1.0, np.zeros(7_999)], np.zeros(filtering.size))[1]
    for _ in range(3):
        _, state = filtering.run(np.zeros(8_000), state)
    assert not state.any()
