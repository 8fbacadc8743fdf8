from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training.anomaly.detect import frozen_probability
from training.anomaly.losses import domain_loss, machine_loss, mixup_chance, section_loss, target_ramp, total_loss
from training.anomaly.material import segment_starts

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "anomaly.json").read_text(encoding="utf-8"))


def numbers(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def exactly(value: float) -> object:
    return pytest.approx(value, rel=0, abs=1e-9)


def test_section_loss_is_equation_1() -> None:
    entry = GOLDEN["asd_section_loss"]
    inputs = entry["inputs"]
    sections = torch.nn.functional.one_hot(torch.tensor(inputs["section"]), entry["params"]["K"]).double()
    loss = section_loss(numbers(inputs["logits"]), sections, numbers(inputs["t"]))
    assert loss.item() == exactly(entry["expected"]["loss"])


@pytest.mark.parametrize("norm", ["sum", "mean"])
def test_machine_loss_is_equation_2(norm: str) -> None:
    entry = GOLDEN["asd_machine_loss"]
    squares = numbers(entry["inputs"]["f"]).square()
    length = squares.sum(dim=1) if norm == "sum" else squares.mean(dim=1)
    logits = entry["params"]["w"] * length + entry["params"]["b"]
    loss = machine_loss(logits, numbers(entry["inputs"]["t"]))
    assert loss.item() == exactly(entry["expected"][f"loss_{norm}_sq"])


def test_domain_loss_is_equation_5() -> None:
    entry = GOLDEN["asd_domain_loss"]
    inputs = entry["inputs"]
    loss = domain_loss(numbers(inputs["logit"]), numbers(inputs["d"]), numbers(inputs["t"]))
    assert loss.item() == exactly(entry["expected"]["loss"])
    whole = domain_loss(numbers(inputs["logit"]), numbers(inputs["d"]), numbers(inputs["t"]), torch.ones(6).double())
    assert whole.item() == loss.item()


@pytest.mark.parametrize("name", ["asd_total", "asd_total_domain"])
def test_totals_are_equations_3_and_6(name: str) -> None:
    entry = GOLDEN[name]
    given = entry["params"]
    domain = (given.get("domain", 0), given.get("lambda_domain", 0))
    total = total_loss(given["machine"], given["section"], given["lambda_section"], *domain)
    assert total == exactly(entry["expected"]["loss"])


def test_losses_without_a_row_of_the_machine_are_zero_and_finite() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    loss = section_loss(logits, torch.zeros(3, 2), torch.zeros(3)) + domain_loss(
        logits[:, 0], torch.zeros(3), torch.zeros(3)
    )
    loss.backward()
    assert loss.item() == 0.0
    assert torch.isfinite(logits.grad).all()


def test_schedules_are_the_released_ones() -> None:
    chances = GOLDEN["asd_mixup_apply_rate"]
    for step, value in chances["expected"]["cos"].items():
        assert mixup_chance(int(step), chances["params"]["max_step"]) == exactly(value)
    ramp = GOLDEN["asd_target_loss_ramp"]
    for step, value in ramp["expected"]["w"].items():
        assert target_ramp(int(step), ramp["params"]["max_step"]) == exactly(value)


def test_segments_are_the_reference_ones() -> None:
    entry = GOLDEN["asd_segment_starts"]
    given = entry["params"]
    assert segment_starts(given["n_samples"], given["segment"], given["S"]) == entry["expected"]["starts"]
    assert segment_starts(500, 126, 1) == [0]
    assert segment_starts(126, 126, 3) == [0, 0, 0]
    with pytest.raises(ValueError, match="segments"):
        segment_starts(100, 126, 10)


def test_domain_probability_is_equation_7_with_frozen_means() -> None:
    normal = np.array([-1.0, 1.0])  # mean 0, deviation 1: what follows is not standardised any further
    entry = GOLDEN["asd_domain_weighted"]
    given = np.array(entry["inputs"]["g"])
    probability = frozen_probability(normal, given, entry["params"]["kappa"])
    assert probability[2:].tolist() == pytest.approx(entry["expected"]["p"], abs=1e-9)
    # A clip's probability does not depend on what else is asked.
    assert frozen_probability(normal, given[:1], 0.15)[2] == probability[2]
