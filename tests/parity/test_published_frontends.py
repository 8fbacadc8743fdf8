"""Our kernel, centred and with the papers' own floors and scalings, gives the papers' numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.features.filterbank import analysis_window, mel_bank
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "frontends.json").read_text(encoding="utf-8"))


def decibels(bands: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10(np.maximum(bands, 1e-10))


def normalised_magnitude(bands: np.ndarray) -> np.ndarray:
    return bands / np.sqrt((analysis_window(MACHINE) ** 2).sum())


def scaled_log(bands: np.ndarray) -> np.ndarray:
    return (Kernel(SCENE).compress(bands) + 4.5) / 5.0


CASES = [
    pytest.param("000_ssl_mel_db", BIRD, 2, decibels, id="bird"),
    pytest.param("001_effnet_mel_mag", MACHINE, 1, normalised_magnitude, id="machine"),
    pytest.param("002_mobileast", SCENE, 2, scaled_log, id="scene"),
    pytest.param("004_pann_logmel", SPECIES, 2, decibels, id="species"),
]


@pytest.mark.parametrize(("entry", "spec", "exponent", "after"), CASES)
def test_published_values(entry: str, spec: FeatureSpec, exponent: int, after: Callable) -> None:
    expected = GOLDEN[entry]
    output = after(Kernel(spec).centred(published_signal(expected["n_samples"], spec.rate), exponent)).T
    assert list(output.shape) == expected["shape"]
    statistics = (output.mean(), output.std(), output.min(), output.max())
    published = tuple(expected[f"out_{name}"] for name in ("mean", "std", "min", "max"))
    assert statistics == pytest.approx(published, rel=1e-9, abs=1e-10)
    for band, frame, value in expected["samples"]:
        assert output[band, frame] == pytest.approx(value, rel=1e-9, abs=1e-10), (band, frame)


@pytest.mark.parametrize(("entry", "spec", "exponent", "after"), CASES)
def test_published_filter_banks(entry: str, spec: FeatureSpec, exponent: int, after: Callable) -> None:
    bank = mel_bank(spec)
    assert bank.sum() == pytest.approx(GOLDEN[entry]["fb_sum"], rel=1e-12)
    assert (bank**2).sum() == pytest.approx(GOLDEN[entry]["fb_sumsq"], rel=1e-12)


def published_signal(length: int, rate: int) -> np.ndarray:
    time = np.arange(length) / rate
    tones = ((0.5, 440.0), (0.25, 3000.0), (0.01, 6500.0))
    return sum(level * np.sin(2 * np.pi * hz * time) for level, hz in tones)
