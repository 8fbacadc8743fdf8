from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from training.scene.augment import cut_mix, mix_style, random_mix_style
from training.scene.losses import decoupled, mixed_cross_entropy, other_divergence, plain, target_divergence
from training.scene.schedule import learning_rate_share

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "scene.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["distillation"])
def test_decoupled_distillation(case: dict) -> None:
    student, teacher = (torch.tensor(case["inputs"][key], dtype=torch.float64) for key in ("student", "teacher"))
    labels = torch.tensor(case["inputs"]["y"])
    alpha, beta, temperature = (case["params"][key] for key in ("alpha", "beta", "T"))
    expected = case["expected"]
    assert target_divergence(student, teacher, labels, temperature).tolist() == pytest.approx(expected["tckd"])
    assert other_divergence(student, teacher, labels, temperature).tolist() == pytest.approx(expected["nckd"])
    loss = decoupled(student, teacher, labels, alpha, beta, temperature)
    assert loss.item() == pytest.approx(expected["eq3_mean_T2"])
    assert loss.item() / temperature**2 == pytest.approx(expected["eq3_mean_no_T2"])
    whole = plain(student, teacher, temperature).item() / temperature**2
    assert whole == pytest.approx(np.mean(expected["eq2_kd"]))
    ones = torch.ones(len(labels), dtype=torch.float64)
    hard = mixed_cross_entropy(student, labels, labels.flip(0), ones)
    assert hard.item() == pytest.approx(expected["ce"])
    assert (hard + loss).item() == pytest.approx(expected["total_code"])


def test_plain_distillation_is_eq_2() -> None:
    # TCKD + (1 - p_t of the teacher) NCKD
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0])
    weight = 1.0 - torch.softmax(teacher / 2.0, dim=1).gather(1, labels[:, None])[:, 0]
    parts = target_divergence(student, teacher, labels, 2.0) + weight * other_divergence(student, teacher, labels, 2.0)
    assert plain(student, teacher, 2.0).item() == pytest.approx(4.0 * parts.mean().item())


def test_cross_entropy_of_a_mixture() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]], dtype=torch.float64)
    log = torch.log_softmax(logits, dim=1)[0]
    loss = mixed_cross_entropy(logits, torch.tensor([0]), torch.tensor([2]), torch.tensor([0.3]))
    assert loss.item() == pytest.approx(-(0.3 * log[0] + 0.7 * log[2]).item())


@pytest.mark.parametrize(("reading", "length"), [("code", "length_code"), ("paper_reading", "length_paper")])
def test_schedule(reading: str, length: str) -> None:
    golden = GOLDEN["schedule"]
    numbers = golden["params"]
    for epoch, rate in golden["expected"][reading].items():
        share = learning_rate_share(int(epoch), numbers["warmup"], numbers[length], numbers["last"])
        assert numbers["base_lr"] * share == pytest.approx(rate, rel=1e-12), epoch


def test_frequency_wise_mix_style() -> None:
    golden = GOLDEN["freq_mixstyle"]
    # Published as (batch, 1, bands, frames).
    features = torch.tensor(golden["inputs"]["x"], dtype=torch.float64)[:, 0].transpose(1, 2)
    order, share = torch.tensor(golden["inputs"]["perm"]), torch.tensor(golden["inputs"]["lam"], dtype=torch.float64)
    expected = torch.tensor(golden["expected"]["y"], dtype=torch.float64)[:, 0].transpose(1, 2)
    assert torch.allclose(mix_style(features, order, share), expected, atol=1e-12)


def test_mix_style_comes_as_often_as_asked() -> None:
    features = torch.randn(4, 8, 6)
    generator = np.random.default_rng(0)
    changed = [not torch.equal(random_mix_style(features, 0.3, 0.6, generator), features) for _ in range(300)]
    assert 0.5 < np.mean(changed) < 0.7
    assert torch.equal(random_mix_style(features, 0.3, 0.0, generator), features)


def test_cut_mix_keeps_what_it_says() -> None:
    features = torch.arange(6.0)[:, None, None].expand(6, 20, 30).contiguous()
    generator = np.random.default_rng(1)
    for _ in range(20):
        mixed, order, kept = cut_mix(features, 1.0, generator)
        for row in range(6):
            own = (mixed[row] == row).float().mean().item()
            assert own == pytest.approx(1.0 if order[row] == row else kept, abs=1e-6)
