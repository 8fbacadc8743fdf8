from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training.nets.anomaly_baselines import AutoEncoder, SectionNet, images_of, vectors_of
from training.nets.asd import BACKBONES, EfficientNet, Extractor, TransformerBackbone, UnitEmbedding
from training.nets.tiny import parameters

SIZES = json.loads((Path(__file__).parents[1] / "golden" / "anomaly.json").read_text(encoding="utf-8"))["baselines"]


def windows(count: int = 2) -> torch.Tensor:
    return -60.0 + 10.0 * torch.randn(count, 126, 224, generator=torch.Generator().manual_seed(0))


def test_the_papers_model_has_its_published_size() -> None:
    sizes = SIZES["seed001_asd_model"]
    extractor = Extractor("efficientnet", sections=6)
    # Torchvision's features have as many parameters as timm's: what differs (padding, eps) has none.
    assert parameters(EfficientNet()) == sizes["efficientnet_b0_features"]
    assert parameters(extractor.neck) == sizes["neck_optionF"]
    assert parameters(extractor.machine_head) == sizes["machine_head"]
    assert parameters(extractor.section_head) == sizes["section_head"]
    assert parameters(extractor.domain_head) == sizes["domain_head"]
    assert parameters(extractor) == sizes["total_with_domain"]


def test_the_transformer_has_its_published_size() -> None:
    assert parameters(TransformerBackbone()) == SIZES["seed001_transformer"]["total4"]
    assert parameters(Extractor("transformer", 6).neck) == SIZES["seed001_transformer"]["neck_optionD"]


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_extractors_answer_and_learn_throughout(backbone: str) -> None:
    torch.manual_seed(0)
    extractor = Extractor(backbone, sections=3)  # type: ignore[arg-type]
    outputs = extractor(windows(3))
    assert outputs.embedding.shape == (3, 128)
    assert outputs.section.shape == (3, 3)
    assert outputs.machine.shape == outputs.domain.shape == (3,)
    (outputs.section.sum() + outputs.machine.sum() + outputs.domain.sum()).backward()
    for name, parameter in extractor.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_embeddings_are_blind_to_gain_and_to_their_batch(backbone: str) -> None:
    torch.manual_seed(0)
    network = UnitEmbedding(Extractor(backbone, sections=3)).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        both = network(windows())
        torch.testing.assert_close(network(windows() + 12.0), both, rtol=0, atol=1e-4)
        torch.testing.assert_close(network(windows()[1:]), both[1:], rtol=0, atol=1e-5)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2))


def test_norm_is_a_sum_or_a_mean() -> None:
    torch.manual_seed(0)
    extractor = Extractor("small", 2, norm="sum").eval()
    with torch.no_grad():
        summed = extractor(windows())
        extractor.norm = "mean"
        mean = extractor(windows())
        head = extractor.machine_head
        expected = head(summed.embedding.square().sum(dim=1, keepdim=True)).squeeze(1)
        torch.testing.assert_close(summed.machine, expected)
        torch.testing.assert_close(mean.machine - head.bias, (summed.machine - head.bias) / 128.0)


def test_the_official_baselines_have_their_published_sizes() -> None:
    coder = AutoEncoder()
    assert parameters(coder) == SIZES["official_ae"]["trainable"]
    statistics = sum(b.numel() for name, b in coder.named_buffers() if "running" in name)
    assert parameters(coder) + statistics == SIZES["official_ae"]["keras_total"]
    for sections in (3, 6):
        assert parameters(SectionNet(sections)) == SIZES["official_mobilenetv2"][f"trainable_{sections}_sections"]


def test_baselines_score_what_they_say() -> None:
    torch.manual_seed(0)
    coder = AutoEncoder().eval()
    vectors = torch.randn(4, 640)
    with torch.no_grad():
        expected = torch.nn.functional.mse_loss(coder(vectors), vectors, reduction="none").mean(dim=1)
        torch.testing.assert_close(coder.score(vectors), expected)
        net = SectionNet(3).eval()
        images = torch.randn(2, 64, 128)
        p = torch.softmax(net(images), dim=1)[:, 1]
        torch.testing.assert_close(net.score(images, 1), torch.log((1 - p) / p))


def test_baseline_inputs_are_cut_from_frames() -> None:
    frames = np.arange(70 * 128, dtype=np.float32).reshape(70, 128)
    vectors = vectors_of(frames)
    assert vectors.shape == (66, 640)
    np.testing.assert_array_equal(vectors[3].reshape(5, 128), frames[3:8])
    images = images_of(frames, 3)
    assert images.shape == (3, 64, 128)
    np.testing.assert_array_equal(images[2], frames[6:70])
