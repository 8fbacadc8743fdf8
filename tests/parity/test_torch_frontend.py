"""What training computes is what the monitor computes, on the signals that would show a difference."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.features.filterbank import mel_bank
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec

torch = pytest.importorskip("torch", reason="the training packages are not installed")

from training.frontend import TorchFrontend  # noqa: E402

SPECS = [pytest.param(spec, id=spec.name) for spec in (BIRD, MACHINE, SCENE, SPECIES)]
TOLERANCE_DB = 0.01


def signals(rate: int) -> np.ndarray:
    """float32 `(batch, rate)`: full-scale tones, a full-scale chirp, a quiet tone, an impulse, silence and noise."""
    time = np.arange(rate) / rate
    tones = [np.sin(2 * np.pi * hz * time) for hz in (60.0, 997.0, 1000.0, 0.45 * rate)]
    chirp = np.sin(np.pi * (rate / 2) * time**2)
    noise = np.random.default_rng(5).standard_normal(rate)
    impulse = (np.arange(rate) == rate // 2).astype(np.float64)
    return np.stack([*tones, chirp, 1e-4 * tones[1], impulse, 0 * time, noise]).astype(np.float32)


def to_decibels(features: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    return features if spec.compression == "db" else features * (10.0 / np.log(10.0))


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("cast", ["as made", "float", "half"])
def test_torch_equals_numpy(spec: FeatureSpec, cast: str) -> None:
    batch, kernel, frontend = signals(spec.rate), Kernel(spec), TorchFrontend(spec)
    if cast != "as made":
        frontend = getattr(frontend, cast)()
    ours = np.stack([kernel(samples) for samples in batch])
    theirs = frontend(torch.from_numpy(batch))
    assert theirs.dtype == torch.float32
    assert theirs.shape == ours.shape
    np.testing.assert_allclose(to_decibels(theirs.numpy(), spec), to_decibels(ours, spec), rtol=0, atol=TOLERANCE_DB)


@pytest.mark.parametrize("spec", SPECS)
def test_gradients_reach_the_samples(spec: FeatureSpec) -> None:
    samples = torch.from_numpy(signals(spec.rate)[-1:]).requires_grad_()
    TorchFrontend(spec)(samples).sum().backward()
    assert samples.grad is not None
    assert torch.isfinite(samples.grad).all()
    assert samples.grad.abs().sum() > 0


@pytest.mark.parametrize("spec", SPECS)
def test_arrays_are_no_part_of_a_checkpoint(spec: FeatureSpec) -> None:
    assert TorchFrontend(spec).state_dict() == {}


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.id != "scene"])
def test_filter_banks_equal_torchaudio(spec: FeatureSpec) -> None:
    functional = pytest.importorskip("torchaudio.functional", reason="the training packages are not installed")
    theirs = functional.melscale_fbanks(
        n_freqs=spec.fft // 2 + 1,
        f_min=spec.low_hz,
        f_max=spec.high_hz,
        n_mels=spec.bands,
        sample_rate=spec.rate,
        norm="slaney" if spec.scale == "slaney" else None,
        mel_scale=spec.scale,
    )
    # torchaudio computes the edges in float32, which is where the two differ.
    bank = mel_bank(spec)
    np.testing.assert_allclose(theirs.numpy(), bank, rtol=0, atol=2e-4 * bank.max())


def test_kaldi_filter_bank_equals_torchaudio() -> None:
    kaldi = pytest.importorskip("torchaudio.compliance.kaldi", reason="the training packages are not installed")
    theirs, _ = kaldi.get_mel_banks(SCENE.bands, SCENE.fft, SCENE.rate, SCENE.low_hz, SCENE.high_hz, 100.0, -500.0, 1.0)
    bank = mel_bank(SCENE)
    # Kaldi leaves out the bin at half the rate, where the last triangle has come down to 0.
    np.testing.assert_allclose(theirs.numpy().T, bank[:-1], rtol=0, atol=2e-3)
    assert not bank[-1].any()
