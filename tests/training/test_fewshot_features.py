from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.inference.session import Session
from training.fewshot.gabor import GaborEnergies
from training.fewshot.handmade import BANDS, FRAMES, HandMade
from training.fewshot.joined import JoinedEncoder, choose_weights, fit_joined
from training.fewshot.whitening import Origins, WhiteningSettings

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = np.arange(BIRD.samples_in(FRAMES)) / BIRD.rate


def sweeps(low_hz: float, high_hz: float, rate_hz: float, seed: int = 0, hiss: float = 0.01) -> np.ndarray:
    """A window `(147, 128)` of sweeps that follow one another `rate_hz` times a second, in hiss."""
    phase_in_one = (SECONDS * rate_hz) % 1.0
    frequency = low_hz + (high_hz - low_hz) * phase_in_one
    tone = np.sin(2 * np.pi * np.cumsum(frequency) / BIRD.rate) * np.sin(np.pi * phase_in_one) ** 2
    noise = hiss * np.random.default_rng(seed).standard_normal(len(SECONDS))
    return Kernel(BIRD)(0.1 * (tone + noise))


def calls(species: int, recordings: int) -> tuple[np.ndarray, Origins]:
    """Windows of made-up species: each its own frequencies and tempo, each recording a little off."""
    windows: list[np.ndarray] = []
    names: list[tuple[str, str]] = []
    for kind in range(species):
        chance = np.random.default_rng(kind)
        low, high, rate = chance.uniform(1_500, 5_000), chance.uniform(1_500, 5_000), chance.uniform(2, 12)
        for take in range(recordings):
            off = 1.0 + 0.05 * chance.standard_normal()
            windows.append(sweeps(low * off, high * off, rate * off, seed=take))
            names.append((f"species {kind}", f"recording {kind}-{take}"))
    labels = np.array(names)
    return np.stack(windows), Origins(labels[:, 0], labels[:, 1])


class StandIn(nn.Module):
    """A small network that scales by itself: windows -> `(batch, 24)`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5, 4), nn.ReLU(), nn.Conv2d(8, 24, 3, 2), nn.ReLU())

    def forward(self, windows: Tensor) -> Tensor:
        return self.body(windows[:, None] / 40.0 + 1.0).mean(dim=(2, 3))


@pytest.fixture(scope="module")
def handmade() -> HandMade:
    return HandMade().eval()


@pytest.fixture(scope="module")
def material() -> tuple[np.ndarray, Origins]:
    return calls(species=8, recordings=4)


def features_of(module: nn.Module, windows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(windows)).numpy()


def group(handmade: HandMade, features: np.ndarray, name: str) -> np.ndarray:
    start = 0
    for key, size in handmade.groups.items():
        if key == name:
            return features[:, start : start + size]
        start += size
    raise KeyError(name)


def export(module: nn.Module, path: Path) -> Session:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(2, FRAMES, BANDS),),
            str(path),
            input_names=["features"],
            output_names=["embedding"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return Session(path)


def test_features_have_the_size_that_the_groups_say(handmade: HandMade) -> None:
    features = features_of(handmade, np.stack([sweeps(2_000, 4_000, 5)]))
    assert features.shape == (1, handmade.size)
    assert features.dtype == np.float32
    assert list(handmade.groups) == ["gabor", "spectrum", "cepstral", "movement", "modulation"]


def test_nothing_is_trained_and_nothing_is_stored(handmade: HandMade) -> None:
    assert not list(handmade.parameters())
    assert not handmade.state_dict()


def test_features_do_not_depend_on_level(handmade: HandMade) -> None:
    window = sweeps(2_000, 4_000, 5, hiss=0.5)
    assert window.min() > -85  # above the floor of the spec, where level is lost
    louder = features_of(handmade, np.stack([window, window + 11.0]))
    np.testing.assert_allclose(louder[1], louder[0], atol=2e-3)


@pytest.mark.parametrize("level", [-90.0, 0.0], ids=["digital silence", "full scale everywhere"])
def test_constant_windows_give_finite_features(handmade: HandMade, level: float) -> None:
    assert np.isfinite(features_of(handmade, np.full((1, FRAMES, BANDS), level, dtype=np.float32))).all()


def test_a_full_scale_tone_and_a_click_give_finite_features(handmade: HandMade) -> None:
    kernel = Kernel(BIRD)
    tone = kernel(np.sin(2 * np.pi * 3_000 * SECONDS))
    click = kernel((np.arange(len(SECONDS)) == 20_000).astype(np.float64))
    assert np.isfinite(features_of(handmade, np.stack([tone, click]))).all()


def test_features_do_not_depend_on_their_batch(handmade: HandMade) -> None:
    windows = np.stack([sweeps(2_000, 4_000, 5), sweeps(5_000, 3_000, 9), sweeps(1_500, 1_600, 3)])
    together = features_of(handmade, windows)
    np.testing.assert_allclose(features_of(handmade, windows[1:2])[0], together[1], rtol=1e-4, atol=1e-4)


def test_modulation_tells_rising_from_falling(handmade: HandMade) -> None:
    """One sweep's rising answers are the other's falling ones."""
    rising = np.zeros((1, FRAMES, BANDS), dtype=np.float32)
    for start in range(0, FRAMES - 24, 30):
        for step in range(24):
            rising[0, start + step, 40 + step : 44 + step] = 30.0
    modulation = [
        group(handmade, features_of(handmade, one), "modulation")[0] for one in (rising, rising[:, ::-1].copy())
    ]
    half = (len(modulation[0]) - 9) // 2
    up, down = ((one[:half], one[half : 2 * half]) for one in modulation)
    assert np.abs(up[0] - up[1]).max() > 0.5
    np.testing.assert_allclose(up[0], down[1], atol=0.1)
    np.testing.assert_allclose(up[1], down[0], atol=0.1)


def test_gabor_filters_answer_to_their_own_ripple_most() -> None:
    gabor = GaborEnergies()
    time, band = np.arange(FRAMES)[:, None], np.arange(BANDS)[None]
    # 8 Hz, 0.07 cycles a band: the third rate, the second scale; the sign of the phase gives the direction.
    ripples = [10 * np.cos(2 * np.pi * (0.16 * time + sign * 0.07 * band)) for sign in (1, -1)]
    with torch.no_grad():
        answers = gabor(torch.from_numpy(np.stack(ripples).astype(np.float32)))
    assert answers.shape == (2, gabor.maps, FRAMES, BANDS // 4)
    strongest = answers[:, :, 40:100, 8:24].mean(dim=(2, 3)).argmax(dim=1)
    # Of a rate: flat, then falling at three scales, then rising.
    assert strongest.tolist() == [2 * 7 + 2, 2 * 7 + 5]


def test_handmade_runs_the_same_in_the_network_format(handmade: HandMade, tmp_path: Path) -> None:
    windows = np.stack([sweeps(2_000, 4_000, 5), sweeps(5_000, 3_000, 9), np.full((FRAMES, BANDS), -90.0)])
    windows = windows.astype(np.float32)
    session = export(handmade, tmp_path / "handmade.onnx")
    assert session.inputs[0].shape == (None, FRAMES, BANDS)
    for count in (1, 3):
        result = session.run({"features": windows[:count]})["embedding"]
        np.testing.assert_allclose(result, features_of(handmade, windows[:count]), rtol=1e-3, atol=2e-3)


def joined(
    handmade: HandMade, material: tuple[np.ndarray, Origins], last: WhiteningSettings | None = None
) -> tuple[JoinedEncoder, np.ndarray]:
    windows, origins = material
    network = StandIn().eval()
    features = np.concatenate([features_of(network, windows), features_of(handmade, windows)], axis=1)
    sizes = {"network": 24, **handmade.groups}
    settings = dict.fromkeys(sizes, WhiteningSettings(dimensions=16))
    join = fit_joined(features, origins, sizes, settings, {"network": 2.0, "movement": 0.0}, last)
    return JoinedEncoder([network, handmade], join).eval(), join.apply(features)


@pytest.mark.parametrize("last", [None, WhiteningSettings(dimensions=20)], ids=["side by side", "whitened again"])
def test_joined_encoder_is_the_same_in_numpy_torch_and_the_network_format(
    handmade: HandMade, material: tuple[np.ndarray, Origins], tmp_path: Path, last: WhiteningSettings | None
) -> None:
    encoder, expected = joined(handmade, material, last)
    windows = material[0][::7]
    in_torch = features_of(encoder, windows)
    assert in_torch.shape == (len(windows), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(in_torch, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(in_torch, expected[::7], atol=1e-3)
    session = export(encoder, tmp_path / "encoder.onnx")
    assert session.outputs[0].shape == (None, encoder.dimension)
    for count in (1, len(windows)):
        np.testing.assert_allclose(session.run({"features": windows[:count]})["embedding"], in_torch[:count], atol=1e-3)


def test_joined_encoder_knows_species_by_one_recording(
    handmade: HandMade, material: tuple[np.ndarray, Origins]
) -> None:
    """Species that the whitening has not seen."""
    encoder, _ = joined(handmade, material)
    windows, origins = calls(species=16, recordings=2)
    fresh = np.array([int(name.split()[1]) >= 8 for name in origins.species])
    rows = features_of(encoder, windows[fresh])
    support, query = rows[0::2], rows[1::2]
    assert ((query @ support.T).argmax(axis=1) == np.arange(8)).mean() >= 0.75


def test_a_join_needs_its_features_and_a_weight(handmade: HandMade, material: tuple[np.ndarray, Origins]) -> None:
    features = features_of(handmade, material[0])
    with pytest.raises(UsageError, match="blocks of 10 features"):
        fit_joined(features, material[1], {"all": 10})
    with pytest.raises(UsageError, match="no block is called network"):
        fit_joined(features, material[1], handmade.groups, weights={"network": 1.0})
    with pytest.raises(UsageError, match="no block has a weight above 0"):
        fit_joined(features, material[1], handmade.groups, weights=dict.fromkeys(handmade.groups, 0.0))
    with pytest.raises(UsageError, match="gabor weighs -1"):
        fit_joined(features, material[1], handmade.groups, weights={"gabor": -1.0})


def test_weights_are_kept_only_where_they_score_higher(
    handmade: HandMade, material: tuple[np.ndarray, Origins]
) -> None:
    join = fit_joined(features_of(handmade, material[0]), material[1], handmade.groups)
    chosen = choose_weights(
        join, ["gabor", "spectrum"], lambda tried: -abs(tried.blocks[0].weight - 2.0) - abs(tried.blocks[1].weight - 1)
    )
    assert [block.weight for block in chosen.blocks] == [2.0, 1.0, 1.0, 1.0, 1.0]
