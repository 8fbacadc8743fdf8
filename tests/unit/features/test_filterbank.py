from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.features.filterbank import analysis_window, full_scale_power, hz_to_mel, mel_bank, mel_to_hz
from monitor.features.frontend import BandSums
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec

SPECS = [pytest.param(spec, id=spec.name) for spec in (BIRD, MACHINE, SCENE, SPECIES)]


@pytest.mark.parametrize("spec", SPECS)
def test_mel_scales_invert(spec: FeatureSpec) -> None:
    hz = np.linspace(0, spec.rate / 2, 501)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, spec), spec), hz, atol=1e-9)


def test_mel_scales_by_their_definitions() -> None:
    assert hz_to_mel(np.array([1000.0]), BIRD)[0] == pytest.approx(999.9855, abs=1e-4)
    assert hz_to_mel(np.array([1000.0]), SPECIES)[0] == pytest.approx(15.0)
    assert hz_to_mel(np.array([6400.0]), SPECIES)[0] == pytest.approx(42.0)
    assert hz_to_mel(np.array([700.0]), SCENE)[0] == pytest.approx(1127.0 * np.log(2.0))


def test_windows() -> None:
    periodic, symmetric = analysis_window(BIRD), analysis_window(SCENE)
    assert periodic[0] == symmetric[0] == 0.0, "pre-emphasis relies on it"
    assert periodic[-1] == pytest.approx(periodic[1], rel=1e-9)
    assert symmetric[-1] == pytest.approx(0.0, abs=1e-15)
    assert full_scale_power(BIRD) == pytest.approx(256.0**2)


@pytest.mark.parametrize("spec", SPECS)
def test_bands_cover_the_range_and_nothing_else(spec: FeatureSpec) -> None:
    bank = mel_bank(spec)
    hz = np.arange(spec.fft // 2 + 1) * spec.rate / spec.fft
    assert bank.shape == (spec.fft // 2 + 1, spec.bands)
    assert (bank >= 0).all()
    assert bank[(hz <= spec.low_hz) | (hz >= spec.high_hz)].max() < 1e-12
    assert (np.diff(bank.argmax(axis=0)) >= 0).all()


def test_area_of_slaney_bands() -> None:
    wide = mel_bank(replace(SPECIES, fft=16_384))
    np.testing.assert_allclose(wide.sum(axis=0) * SPECIES.rate / 16_384, 1.0, rtol=2e-3)


def test_bands_without_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="no bin falls into band"):
        mel_bank(replace(BIRD, bands=512))


@pytest.mark.parametrize("spec", SPECS)
def test_band_sums_equal_the_matrix_product(spec: FeatureSpec) -> None:
    bank = mel_bank(spec)
    power = np.random.default_rng(0).random((7, len(bank))) * np.logspace(-12, 0, 7)[:, np.newaxis]
    np.testing.assert_allclose(BandSums(bank)(power), power @ bank, rtol=1e-12)


def test_band_sums_with_one_band_and_refusals() -> None:
    one = np.array([[0.0], [1.0], [0.5], [0.0]])
    np.testing.assert_array_equal(BandSums(one)(np.array([[9.0, 2.0, 4.0, 9.0]])), [[4.0]])
    with pytest.raises(ValueError, match="neighbours"):
        BandSums(np.ones((4, 3)))
