from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.losses import barlow_twins, contrast, frossl, gram_energy, simclr, supcon

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses.json").read_text(encoding="utf-8"))


def views_of(entry: dict) -> tuple[Tensor, Tensor]:
    inputs = entry["inputs"]
    return torch.tensor(inputs["z1"], dtype=torch.float64), torch.tensor(inputs["z2"], dtype=torch.float64)


def random_views(batch: int = 6, width: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    first = torch.randn(batch, width, generator=generator, dtype=torch.float64)
    return first, first + 0.3 * torch.randn(batch, width, generator=generator, dtype=torch.float64)


def exactly(value: float | list[float]) -> object:
    return pytest.approx(value, rel=0, abs=1e-9)


@pytest.mark.parametrize("name", ["simclr_tau1.0", "simclr_tau0.1"])
def test_simclr_gives_the_reference_values(name: str) -> None:
    entry = GOLDEN[name]
    first, second = views_of(entry)
    temperature, expected = entry["params"]["tau"], entry["expected"]
    each = contrast(torch.cat([first, second]), torch.arange(4).repeat(2), temperature)
    assert each.tolist() == exactly(expected["eq1_per_view"])
    assert simclr(first, second, temperature).item() == exactly(expected["eq2_sum"])
    assert simclr(first, second, temperature, "mean").item() == exactly(expected["mean_over_2N"])


@pytest.mark.parametrize("name", ["supcon_tau1.0", "supcon_tau0.07"])
def test_supcon_gives_the_reference_values(name: str) -> None:
    entry = GOLDEN[name]
    embeddings = torch.cat(views_of(entry))
    labels = torch.tensor(entry["inputs"]["y"]).repeat(2)
    temperature, expected = entry["params"]["tau"], entry["expected"]
    assert contrast(embeddings, labels, temperature).tolist() == exactly(expected["per_view"])
    assert supcon(embeddings, labels, temperature).item() == exactly(expected["eq7_sum"])
    assert supcon(embeddings, labels, temperature, "mean").item() == exactly(expected["mean_over_2N"])
    literal = supcon(embeddings, labels, temperature, own_positive=True)
    assert literal.item() == exactly(expected["literal_P_with_self_sum"])


def test_supcon_with_a_class_for_each_pair_is_twice_simclr() -> None:
    entry = GOLDEN["supcon_reduces_to_simclr"]
    first, second = views_of(entry)
    temperature, expected = entry["params"]["tau"], entry["expected"]
    labels = torch.tensor(entry["inputs"]["y"]).repeat(2)
    assert supcon(torch.cat([first, second]), labels, temperature).item() == exactly(expected["eq7_sum"])
    assert 2 * simclr(first, second, temperature).item() == exactly(expected["simclr_2x_eq2"])


@pytest.mark.parametrize(
    ("scaling", "key"),
    [
        ("centred", "eq3_literal_mean_centred_only"),
        ("unbiased", "code_std_ddof1_div_N"),
        ("biased", "std_ddof0_div_N"),
    ],
)
def test_barlow_twins_gives_the_reference_values(scaling: str, key: str) -> None:
    entry = GOLDEN["barlow_twins"]
    value = barlow_twins(*views_of(entry), weight=entry["params"]["lam"], scaling=scaling)
    assert value.item() == exactly(entry["expected"][key])


def test_frossl_gives_the_reference_values() -> None:
    entry = GOLDEN["frossl"]
    weight, expected = entry["params"]["lam"], entry["expected"]
    first, second = views_of(entry)
    assert frossl(first, second, weight).item() == exactly(expected["eq4"])
    assert frossl(first, second, weight, "released").item() == exactly(expected["code_total"])
    assert frossl(first, second, 0.0).item() == exactly(expected["eq5_mse"])
    assert (frossl(first, second, 1.0) - frossl(first, second, 0.0)).item() == exactly(expected["eq6_R"])


def test_either_product_has_the_same_energy() -> None:
    matrix = torch.tensor(GOLDEN["frossl_duality"]["inputs"]["z"], dtype=torch.float64)
    for either in (matrix, matrix.T):
        assert gram_energy(either).sqrt().item() == exactly(GOLDEN["frossl_duality"]["expected"]["ZtZ"])


PAIR_LOSSES = [simclr, barlow_twins, frossl]


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_the_order_of_the_batch_and_of_the_views_does_not_matter(loss) -> None:
    first, second = random_views()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert loss(first[order], second[order]).item() == exactly(loss(first, second).item())
    assert loss(second, first).item() == exactly(loss(first, second).item())


@pytest.mark.parametrize("own_positive", [False, True])
def test_the_order_of_views_and_the_names_of_classes_do_not_matter_to_supcon(own_positive: bool) -> None:
    embeddings, labels = torch.cat(random_views()), torch.tensor([0, 0, 1, 2, 2, 2] * 2)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    value = supcon(embeddings, labels, own_positive=own_positive).item()
    assert supcon(embeddings[order], labels[order], own_positive=own_positive).item() == exactly(value)
    assert supcon(embeddings, 7 - labels, own_positive=own_positive).item() == exactly(value)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_views_without_a_positive_count_for_nothing(reduction: str) -> None:
    embeddings = torch.cat(random_views())[:3].requires_grad_()
    nothing = supcon(embeddings, torch.tensor([0, 1, 2]), reduction=reduction)
    nothing.backward()
    assert nothing.item() == 0.0
    assert torch.equal(embeddings.grad, torch.zeros_like(embeddings))

    each = contrast(embeddings, torch.tensor([4, 4, 9]), 1.0)
    assert each[2].item() == 0.0
    some = supcon(embeddings, torch.tensor([4, 4, 9]), reduction=reduction)
    assert some.item() == exactly((each[0] + each[1]).item() / (2 if reduction == "mean" else 1))


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_gradients_are_those_of_the_loss(loss) -> None:
    first, second = random_views(4, 3)
    assert torch.autograd.gradcheck(loss, (first.requires_grad_(), second.requires_grad_()))


def test_gradients_of_supcon_are_those_of_the_loss() -> None:
    embeddings = torch.cat(random_views(4, 3)).requires_grad_()
    labels = torch.tensor([0, 0, 1, 2, 0, 0, 1, 3])
    assert torch.autograd.gradcheck(lambda e: supcon(e, labels, 0.5, "mean"), (embeddings,))


@pytest.mark.parametrize(
    "loss",
    [
        *PAIR_LOSSES,
        lambda a, b: simclr(a, b, temperature=0.01),
        lambda a, b: barlow_twins(a, b, scaling="unbiased"),
        lambda a, b: barlow_twins(a, b, scaling="biased"),
        lambda a, b: frossl(a, b, variance="released"),
    ],
)
@pytest.mark.parametrize("content", ["random", "one dead output", "one point", "huge"])
def test_gradients_are_finite_where_embeddings_are_not_what_one_hopes(loss, content: str) -> None:
    first, second = (view.float() for view in random_views())
    if content == "one dead output":
        first[:, 0] = second[:, 0] = 0.25
    elif content == "one point":
        first[:] = second[:] = torch.arange(1.0, 6.0)
    elif content == "huge":
        first, second = first * 1e4, second * 1e4
    first.requires_grad_()
    value = loss(first, second)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(first.grad).all()


@pytest.mark.parametrize("loss", [simclr, frossl])
def test_a_common_gain_changes_nothing_where_embeddings_are_normalised(loss) -> None:
    first, second = random_views()
    assert loss(5.0 * first, 5.0 * second).item() == exactly(loss(first, second).item())


def test_barlow_twins_of_identical_views() -> None:
    """With the released scaling the diagonal never reaches one."""
    view, _ = random_views(batch=8, width=4)
    assert barlow_twins(view, view, 0.0, "biased").item() == exactly(0.0)
    assert barlow_twins(view, view, 0.0, "unbiased").item() == exactly(4 / 8**2)


@pytest.mark.parametrize("loss", PAIR_LOSSES)
@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (6,)])
def test_views_of_unlike_shape_are_refused(loss, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two views of one shape"):
        loss(torch.zeros(6, 5), torch.zeros(shape))


@pytest.mark.parametrize("loss", [barlow_twins, frossl])
def test_one_example_has_no_deviation_and_is_refused(loss) -> None:
    with pytest.raises(ValueError, match="batch at least 2"):
        loss(torch.ones(1, 5), torch.ones(1, 5))


@pytest.mark.parametrize(("views", "labels"), [(1, 1), (4, 3), (0, 0)])
def test_supcon_refuses_what_it_cannot_contrast(views: int, labels: int) -> None:
    with pytest.raises(ValueError, match="two views or more"):
        supcon(torch.ones(views, 3), torch.zeros(labels, dtype=torch.long))
