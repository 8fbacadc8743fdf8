from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from training.nets.counting import count
from training.nets.mobileast import SIZES, SUBMISSIONS, MobileAST, MobileASTLight, full_body
from training.nets.mobilevit import BlockV1, Global, fold, fused, unfold

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "scene.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", SUBMISSIONS)
def test_the_four_submissions_count_as_in_table_4(number: int) -> None:
    expected = GOLDEN["counts"][str(number)]
    counts = count(MobileASTLight(SUBMISSIONS[number], 10), 64, 256)
    assert counts.parameters == expected["parameters"]
    assert counts.table_macs == expected["table_macs"]
    assert counts.macs == expected["macs"]
    assert counts.transformer == expected["transformer"]


@pytest.mark.parametrize("number", SUBMISSIONS)
def test_folding_changes_nothing(number: int) -> None:
    torch.manual_seed(0)
    network = MobileASTLight(SUBMISSIONS[number], 10)
    features = 3.0 * torch.randn(4, 64, 256)
    network(features)  # running statistics that are not 0 and 1
    network.eval()
    assert torch.allclose(fused(network)(features), network(features), atol=1e-5)


@pytest.mark.parametrize(("size", "parameters"), [("xxs", 1_272_024), ("xs", 2_317_848), ("s", 5_578_632)])
def test_the_full_model_is_mobilevit_beside_its_input(size: str, parameters: int) -> None:
    # Published counts of MobileViT with three channels in and a thousand classes.
    body = full_body(SIZES[size], BlockV1, 3)
    head = torch.nn.Linear(SIZES[size].c_out, 1000)
    assert sum(p.numel() for module in (body, head) for p in module.parameters()) == parameters


@pytest.mark.parametrize("block", ["v1", "v3"])
def test_the_full_model_takes_scene_windows(block: str) -> None:
    network = MobileAST(6, "xxs", block).eval()
    assert network(torch.zeros(2, 64, 256)).shape == (2, 6)
    lighter, heavier = (sum(p.numel() for p in MobileAST(6, "xxs", b).parameters()) for b in ("v3", "v1"))
    assert lighter < heavier


def test_unfolding_follows_table_2() -> None:
    golden = GOLDEN["unfold"]
    batch, depth, height, width = golden["shape"]
    maps = torch.arange(batch * depth * height * width, dtype=torch.float64).reshape(batch, depth, height, width)
    tokens = unfold(maps)
    assert list(tokens.shape) == golden["tokens"]
    assert tokens[0, 0, 0].tolist() == golden["place0_first_patch"]
    assert tokens[0, 3, -1].tolist() == golden["place3_last_patch"]
    assert torch.equal(fold(tokens, height, width), maps)


def test_attention_is_global() -> None:
    torch.manual_seed(0)
    transformer = Global(16, 32, 1, "relu", bias=False, final_norm=False).double().eval()
    maps = torch.randn(1, 16, 32, 16, dtype=torch.float64)
    moved = maps.clone()
    moved[0, :, 0, 0] = 5.0 * torch.randn(16, dtype=torch.float64)
    changed = (transformer(moved) - transformer(maps)).abs().amax(dim=1)[0] > 1e-12
    # One pixel reaches every patch, at its own place in the patch, and no other place.
    assert changed[::2, ::2].all()
    assert not changed[1::2].any()
    assert not changed[:, 1::2].any()


def test_relative_levels_are_blind_to_gain() -> None:
    network = MobileASTLight(SUBMISSIONS[3], 6, "relative").eval()
    features = torch.randn(2, 64, 256)
    assert torch.allclose(network(features), network(features + 4.0), atol=1e-5)
    absolute = MobileASTLight(SUBMISSIONS[3], 6, "absolute").eval()
    assert not torch.allclose(absolute(features), absolute(features + 4.0), atol=1e-3)
