"""Networks of the primate paper: counts, pooling, and the loader of the published CNN14."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from training.nets.pann import cnn14, global_pool, networks
from training.nets.pann_checkpoint import CNN14_SPEC, load_cnn14, load_cnn14_classifier
from training.nets.tiny import parameters

GOLDEN = Path(__file__).parents[1] / "golden"
ORACLE = json.loads((GOLDEN / "species.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "classes", "count"),
    [
        ("cnn6", 5, 4_569_669),
        ("cnn10", 5, 4_951_493),
        ("mobilenet-v1", 5, 4_261_253),
        ("resnet22", 5, 62_605_509),
        ("wide-resnet28-2", 5, 1_483_765),
        ("cnn6", 527, 4_837_455),
        ("cnn10", 527, 5_219_279),
        ("mobilenet-v1", 527, 4_796_303),
        ("resnet22", 527, 63_675_087),
        ("cnn14", 527, 80_753_615),
    ],
)
def test_counts_are_those_of_the_papers(name: str, classes: int, count: int) -> None:
    with torch.device("meta"):
        assert parameters(networks()[name](classes)) == count


@pytest.mark.parametrize("name", ["cnn6", "cnn10", "mobilenet-v1", "wide-resnet28-2"])
@pytest.mark.parametrize("frames", [75, 150])
def test_both_rates_give_logits_that_train(name: str, frames: int) -> None:
    torch.manual_seed(0)
    network = networks()[name](3)
    logits = network(torch.randn(2, frames, 64))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.isfinite().all()) for weight in network.parameters())


def test_a_window_is_scored_by_itself() -> None:
    torch.manual_seed(0)
    network = networks()["mobilenet-v1"](3).eval()
    windows = torch.randn(3, 150, 64)
    with torch.inference_mode():
        assert torch.allclose(network(windows)[:1], network(windows[:1]), atol=1e-5)


def test_pooling_is_the_mean_over_bands_then_mean_and_maximum_over_time() -> None:
    case = ORACLE["pann_global_pool"]
    found = global_pool(torch.tensor(case["inputs"]["x"], dtype=torch.float64))
    assert found.numpy() == pytest.approx(np.array(case["expected"]["y"]), abs=1e-12)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint laid out as the published one; each tensor has one number in all its places, so it is small."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in cnn14(527).state_dict().items()}
    for name, shape in shapes.items():
        taken = shape[1:].numel() if len(shape) > 1 else 1
        tensor = (torch.rand(1, generator=generator) / taken).expand(shape) if shape else torch.tensor(3)
        parts = name.split(".")
        if parts[0] == "blocks":
            kind = "conv" if parts[2] == "convolutions" else "bn"
            name = f"conv_block{int(parts[1]) + 1}.{kind}{int(parts[3]) + 1}.{parts[4]}"
        state[name.replace("head.", "fc_audioset.")] = tensor
    state["logmel_extractor.melW"] = torch.zeros(513, 64)
    state["fc_audioset.bias"] = torch.linspace(-2, 2, 527)
    path = tmp_path_factory.mktemp("cnn14") / "Cnn14.pth"
    torch.save({"iteration": 7, "model": state}, path)
    return path


def test_a_checkpoint_of_cnn14_is_read(checkpoint: Path) -> None:
    network = load_cnn14(checkpoint)
    assert network.network.head.bias[-1] == 2.0
    features = Kernel(CNN14_SPEC)(np.sin(np.arange(40_000, dtype=np.float32) / 5))
    with torch.inference_mode():
        found = network(torch.from_numpy(features[None]))
        bird = network.bird(torch.from_numpy(features[None]))
    assert found.shape == (1, 527)
    assert bird.shape == (1,)
    assert bird[0] == found[0, 111:122].max()


def test_its_decibels_are_of_raw_power(checkpoint: Path) -> None:
    silence = Kernel(CNN14_SPEC)(np.zeros(2048, dtype=np.float32))
    assert silence + load_cnn14(checkpoint).offset == pytest.approx(-100.0, abs=1e-4)


def test_it_embeds_for_the_few_shot_comparison(checkpoint: Path) -> None:
    from training.fewshot.baselines import cnn14 as imported

    model = imported(checkpoint)
    assert (model.rate, model.samples) == (32_000, 160_000)
    assert model.embed(np.zeros((1, model.samples), dtype=np.float32)).shape == (1, 2048)


def test_a_classifier_begins_with_its_layers(checkpoint: Path) -> None:
    published, network = load_cnn14(checkpoint).network, load_cnn14_classifier(checkpoint, 4)
    assert network.head.out_features == 4
    assert torch.equal(network.fc1.weight, published.fc1.weight)
    assert torch.equal(network.blocks[5].convolutions[1].weight, published.blocks[5].convolutions[1].weight)


def test_what_is_no_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_cnn14(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(UsageError, match="cannot be read"):
        load_cnn14(tmp_path / "text.pth")
    torch.save({"model": {"a": 1}}, tmp_path / "numbers.pth")
    with pytest.raises(UsageError, match="no dictionary of tensors"):
        load_cnn14(tmp_path / "numbers.pth")
    state = torch.load(checkpoint, weights_only=True)["model"]
    del state["fc1.weight"]
    state["bn0.weight"] = torch.zeros(32)
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(UsageError, match=r"fc1\.weight missing.*|bn0\.weight has") as caught:
        load_cnn14(tmp_path / "short.pth")
    assert "bn0.weight has (32,) for (64,)" in str(caught.value)
