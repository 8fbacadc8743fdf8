from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

import onnx
import torch

from monitor.inference.session import Session
from training.export import check_parity, write_onnx
from training.nets.mobileast import SUBMISSIONS, MobileASTLight, WithProbabilities
from training.nets.mobilevit import fused
from training.scene.quantise import quantise, sizes
from training.scene.recipe import Quantisation

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def windows() -> np.ndarray:
    generator = np.random.default_rng(0)
    shape = generator.standard_normal((64, 1, 256)) * 2.0
    return (shape + generator.standard_normal((64, 64, 256)) - 4.0).astype(np.float32)


def test_eight_bits_keep_within_the_limits(tmp_path: Path, windows: np.ndarray) -> None:
    torch.manual_seed(0)
    network = MobileASTLight(SUBMISSIONS[4], 6)  # of the four the one with the most parameters
    for _ in range(3):
        network(torch.from_numpy(windows))  # running statistics
    wide, narrow = tmp_path / "wide.onnx", tmp_path / "narrow.onnx"
    exported = WithProbabilities(fused(network))
    write_onnx(exported, 64, 256, wide, {"key": "value"}, "probabilities")
    assert check_parity(exported, wide, windows, "probabilities") < 1e-4
    found = quantise(wide, narrow, windows[:32], Quantisation(windows=32))
    assert found == sizes(narrow)
    assert found.initialisers <= 128 * 1024
    assert found.initialisers < sizes(wide).initialisers / 2
    (tmp_path / "narrow.onnx.before").write_bytes(narrow.read_bytes())
    session = Session(narrow)
    assert session.metadata == {"key": "value"}
    before = Session(wide).run({"features": windows[32:]})["probabilities"]
    after = np.concatenate([session.run({"features": windows[i : i + 1]})["probabilities"] for i in range(32, 64)])
    assert after.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert 0.0 < np.abs(before - after).max() < 0.1
    quantise(wide, narrow, windows[:8], Quantisation(windows=8, left=("attention", "Add")))
    assert _scalings(narrow) < _scalings(tmp_path / "narrow.onnx.before")


def _scalings(path: Path) -> int:
    return sum(node.op_type == "QuantizeLinear" for node in onnx.load(path).graph.node)
