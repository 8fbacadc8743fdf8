from __future__ import annotations

import pytest
import torch

from training.nets.mobilenet import WIDTH, MobileNetEncoder, Projector
from training.nets.tiny import parameters


@pytest.fixture(scope="module")
def encoder() -> MobileNetEncoder:
    torch.manual_seed(0)
    return MobileNetEncoder().eval()


def test_sizes_are_those_of_the_released_networks(encoder: MobileNetEncoder) -> None:
    assert parameters(encoder) == 2_971_664
    assert parameters(Projector()) == 1_844_160


@pytest.mark.parametrize("frames", [1, 50, 147])
def test_embeds_windows_of_any_length(encoder: MobileNetEncoder, frames: int) -> None:
    with torch.no_grad():
        embedding = encoder(torch.randn(2, frames, 128))
        assert embedding.shape == (2, WIDTH)
        assert Projector()(embedding).shape == (2, WIDTH)
    assert torch.isfinite(embedding).all()


def test_pools_the_mean_over_bands_then_mean_and_maximum_over_time(encoder: MobileNetEncoder) -> None:
    features = torch.randn(2, 100, 128)
    with torch.no_grad():
        cells = encoder.features(features[:, None])
        embedding = encoder(features)
    assert cells.shape == (2, WIDTH, 4, 4)  # 100 frames and 128 bands, halved five times
    over_bands = cells.numpy().mean(axis=3)
    expected = over_bands.max(axis=2) + over_bands.mean(axis=2)
    torch.testing.assert_close(embedding, torch.from_numpy(expected))


def test_an_embedding_does_not_depend_on_its_batch(encoder: MobileNetEncoder) -> None:
    features = torch.randn(3, 64, 128)
    with torch.no_grad():
        torch.testing.assert_close(encoder(features)[1:2], encoder(features[1:2]), rtol=1e-4, atol=1e-5)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    encoder, projector = MobileNetEncoder(), Projector()
    projector(encoder(torch.randn(4, 64, 128))).square().sum().backward()
    for name, parameter in [*encoder.named_parameters(), *projector.named_parameters()]:
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
