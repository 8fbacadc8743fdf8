from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.mixtures import Colouring, colour, coloured_noise, cut, mix, power, to_level

RATE = 16_000
LENGTH = 16_704


def _tone(frequency: float, amplitude: float = 1.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(LENGTH) / RATE)).astype(np.float32)


@given(st.floats(-5, 20), st.floats(0.001, 1.0))
def test_signal_to_noise_ratio_is_exact(snr_db: float, amplitude: float) -> None:
    foreground = _tone(3000.0)
    noise = amplitude * np.random.default_rng(0).standard_normal(LENGTH).astype(np.float32)
    added = mix(foreground, noise, snr_db).astype(np.float64) - foreground
    assert 10 * np.log10(power(foreground) / power(added)) == pytest.approx(snr_db, abs=0.01)


def test_silence_mixes_without_a_fault() -> None:
    tone, silence = _tone(1000.0), np.zeros(LENGTH, dtype=np.float32)
    np.testing.assert_array_equal(mix(tone, silence, 0.0), tone)
    np.testing.assert_array_equal(mix(silence, tone, 0.0), tone)
    np.testing.assert_array_equal(to_level(silence, -20.0), silence)


@given(st.floats(-65, -12))
def test_level_is_that_of_a_sine(level_dbfs: float) -> None:
    scaled = to_level(_tone(1000.0, 0.3), level_dbfs)
    assert np.abs(scaled).max() == pytest.approx(10 ** (level_dbfs / 20), rel=1e-3)


def test_low_pass_and_high_pass_take_away_what_they_should() -> None:
    low, high = _tone(200.0), _tone(6000.0)
    telephone = Colouring(low_cut_hz=600.0, high_cut_hz=4000.0, tilt_db=0.0)
    assert 10 * np.log10(power(colour(high, telephone, RATE)) / power(high)) < -60
    assert 10 * np.log10(power(colour(low, telephone, RATE)) / power(low)) < -35
    kept = _tone(1500.0)
    assert power(colour(kept, telephone, RATE)) == pytest.approx(power(kept), rel=0.01)


def test_tilt_is_in_decibels_an_octave() -> None:
    tilted = Colouring(0.0, 1e9, tilt_db=3.0)
    ratio = power(colour(_tone(4000.0), tilted, RATE)) / power(colour(_tone(1000.0), tilted, RATE))
    assert 10 * np.log10(ratio) == pytest.approx(6.0, abs=0.1)


def test_noise_has_power_one_and_falls_as_asked() -> None:
    noise = coloured_noise(LENGTH, 2.0, np.random.default_rng(0))
    assert power(noise) == pytest.approx(1.0, rel=1e-4)
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    assert spectrum[100:500].mean() > 10 * spectrum[2000:].mean()


@given(st.integers(1, 40), st.integers(0, 50), st.integers(1, 60))
def test_short_recordings_repeat(size: int, start: int, length: int) -> None:
    samples = np.arange(size, dtype=np.float32)
    window = cut(samples, start, length)
    assert len(window) == length
    np.testing.assert_array_equal(window, (start + np.arange(length)) % size)


def test_an_empty_recording_is_silence() -> None:
    np.testing.assert_array_equal(cut(np.zeros(0, dtype=np.float32), 0, 5), np.zeros(5))
