"""Parts of the species training against reference values, and the laws that they keep."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch
from torch import nn

from training.nets.pann import MobileNetV1
from training.species.augment import draw_shares, masked, mixed_pairs
from training.species.metrics import (
    confusion,
    interval_of_uar,
    mean_average_precision,
    recalls,
    unweighted_average_recall,
)
from training.species.recipe import Picture
from training.species.sampler import BalancedSampler, UniformSampler
from training.species.stretching import shifted, stretched
from training.systems.species import MovingAverage, decay_at, loss_of, probabilities_of

ORACLE = json.loads((Path(__file__).parents[1] / "golden" / "species.json").read_text(encoding="utf-8"))


def of(name: str) -> tuple[dict, dict, dict]:
    return ORACLE[name]["inputs"], ORACLE[name]["params"], ORACLE[name]["expected"]


def peak_hz(samples: np.ndarray, rate: int = 16_000) -> float:
    """Of the middle, where no edge is."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 18))
    return float(np.argmax(spectrum) * rate / (1 << 18))


def test_pairs_are_mixed_as_published() -> None:
    inputs, _, expected = of("pann_do_mixup")
    shares = torch.tensor(inputs["lam"][0::2], dtype=torch.float64)
    for name, key in (("x", "x_mix"), ("y", "y_mix")):
        found = mixed_pairs(torch.tensor(inputs[name], dtype=torch.float64), shares)
        assert found.numpy() == pytest.approx(np.array(expected[key]), abs=1e-12)


def test_binary_cross_entropy_is_the_mean_over_windows_and_classes() -> None:
    inputs, _, expected = of("bce_soft_targets")
    logits = torch.logit(torch.tensor(inputs["p"], dtype=torch.float64))
    found = loss_of(logits, torch.tensor(inputs["y"], dtype=torch.float64), "independent")
    assert float(found) == pytest.approx(expected["loss"], abs=1e-12)


class _Number(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


@pytest.mark.parametrize(("warm_up", "key"), [(True, "code_warmup"), (False, "plain_init_from_first")])
def test_the_average_is_as_published(warm_up: bool, key: str) -> None:
    inputs, params, expected = of("ema")
    network = _Number(inputs["shadow0"] if warm_up else inputs["theta"][0])
    average = MovingAverage(network, params["decay"], warm_up)
    found = [] if warm_up else [float(average.network.value)]
    for theta in inputs["theta"] if warm_up else inputs["theta"][1:]:
        network.value.data.fill_(theta)
        average.update(network)
        found.append(float(average.network.value))
    assert found == pytest.approx(expected[key], abs=1e-12)
    assert [decay_at(n, 0.995) for n in range(1, 6)] == pytest.approx(expected["code_decays"])


def test_the_average_never_touches_what_is_trained() -> None:
    network = MobileNetV1(2)
    average = MovingAverage(network, 0.9, warm_up=False)
    with torch.no_grad():
        network.head.weight.add_(1.0)
        network.bn0.running_mean.add_(1.0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    average.update(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert average.network.bn0.running_mean == pytest.approx(torch.full((64,), 0.1))
    assert not average.network.training


def test_classes_are_drawn_equally_often_and_clips_all_before_one_again() -> None:
    _, params, expected = of("balanced_sampler")
    labels = [0] * 50 + [1] * 20 + [2] * 3 + [3] * 9 + [4] * 2
    sampler = BalancedSampler(labels, np.random.default_rng(0))
    drawn = [sampler.next() for _ in range(params["batch"])]
    counts = Counter(labels[i] for i in drawn)
    assert len(counts) == params["classes"]
    assert min(counts.values()) >= expected["per_class_min"]
    assert max(counts.values()) <= expected["per_class_max"]
    rare = [i for i in drawn if labels[i] == 2]
    assert len(set(rare[:3])) == 3
    uniform = UniformSampler(7, np.random.default_rng(0))
    assert sorted(uniform.next() for _ in range(7)) == list(range(7))
    with pytest.raises(ValueError, match="no clip"):
        BalancedSampler([], np.random.default_rng(0))


def test_recall_and_precision_are_as_published() -> None:
    inputs, _, expected = of("uar_map")
    labels, found = np.array(inputs["y"]), np.array(inputs["prob"])
    answers = found.argmax(axis=1)
    assert unweighted_average_recall(labels, answers, 5) == pytest.approx(expected["uar"])
    assert recalls(labels, answers, 5) == pytest.approx(np.array(expected["recall_per_class"]))
    assert mean_average_precision(labels, found) == pytest.approx(expected["map"])
    table = confusion(labels, answers, 5)
    assert np.trace(table) / table.sum() == pytest.approx(expected["accuracy"])


def test_a_class_without_clips_counts_for_nothing() -> None:
    labels, answers = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    assert unweighted_average_recall(labels, answers, 4) == 0.75
    assert np.isnan(recalls(labels, answers, 4)[[1, 3]]).all()
    units = np.array(["a", "b", "c", "d"])
    low, high = interval_of_uar(labels, answers, units, 4)
    assert 0.5 <= low <= 0.75 <= high <= 1.0
    assert all(np.isnan(interval_of_uar(labels, answers, np.array(["a"] * 2 + ["b"] * 2), 4, rounds=0)))


def test_the_hierarchy_tells_background_first() -> None:
    logits = torch.tensor([[2.0, 0.0, -8.0], [2.0, 0.0, 8.0]])
    found = probabilities_of(logits, "hierarchical")
    assert found.sum(dim=1) == pytest.approx(torch.ones(2))
    assert found[0].argmax() == 0
    assert found[1].argmax() == 2
    animal, background = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    assert loss_of(logits[:1], animal, "hierarchical") < loss_of(logits[1:], animal, "hierarchical")
    # Which animal it would be does not matter where there is none.
    other = torch.tensor([[0.0, 2.0, 8.0]])
    assert loss_of(other, background, "hierarchical") == loss_of(logits[1:], background, "hierarchical")


def test_the_papers_stripes_are_the_same_for_a_batch_and_the_released_ones_are_not() -> None:
    generator = torch.Generator().manual_seed(0)
    ones = torch.ones(4, 150, 64)
    counts: set[int] = set()
    for _ in range(40):
        hidden = masked(ones, Picture(masks="paper"), generator) == 0
        assert torch.equal(hidden, hidden[:1].expand_as(hidden))
        frames = hidden[0].all(dim=1)
        assert int(frames.sum()) <= 2 * 16
        counts.add(int((frames[1:] & ~frames[:-1]).sum()) + int(frames[0]))
    assert counts == {0, 1, 2}
    hidden = masked(ones, Picture(masks="released", mask_frames=64), generator) == 0
    assert not torch.equal(hidden, hidden[:1].expand_as(hidden))
    assert torch.equal(masked(ones, Picture(masks="none"), generator), ones)
    pair = masked(torch.ones(3, 2, 150, 64), Picture(masks="released"), generator) == 0
    assert torch.equal(pair[:, 0], pair[:, 1])


@pytest.mark.parametrize("beta", [0.2, 1.0])
def test_shares_follow_beta(beta: float) -> None:
    shares = draw_shares(20_000, beta, torch.Generator().manual_seed(0))
    assert float(shares.min()) >= 0.0
    assert float(shares.max()) <= 1.0
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(shares.var()) == pytest.approx(1.0 / (4.0 * (2.0 * beta + 1.0)), rel=0.03)


def test_tempo_leaves_the_pitch_and_pitch_the_tempo() -> None:
    time = np.arange(32_000) / 16_000
    tone = (0.9 * np.sin(2 * np.pi * 1_000 * time)).astype(np.float32)
    slow = stretched(tone, 0.9)
    assert len(slow) == round(32_000 / 0.9)
    assert peak_hz(slow) == pytest.approx(1_000, abs=2)
    for quarters in (-3, 1, 3):
        found = shifted(tone, quarters)
        assert len(found) == len(tone)
        assert peak_hz(found) == pytest.approx(1_000 * 2 ** (quarters / 24), rel=2e-3)
    assert shifted(tone, 0) is tone
