"""Weights stored as eight bits: a smaller file, and nearly the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("torch")

import torch

from monitor.inference.session import Session
from training.export import write_onnx
from training.narrow import narrow, per_channel

if TYPE_CHECKING:
    from pathlib import Path

FRAMES, BANDS = 12, 16


class _Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 64, 3, padding=1)
        self.second = torch.nn.Conv2d(64, 64, 3)
        self.linear = torch.nn.Linear(64, 96)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        cells = torch.relu(self.convolution(features.unsqueeze(1)))
        return torch.nn.functional.normalize(self.linear(torch.relu(self.second(cells)).mean(dim=(2, 3))), dim=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("narrow")
    wide, small = folder / "wide.onnx", folder / "small.onnx"
    write_onnx(_Network(), FRAMES, BANDS, wide, {"made": "here"}, "embedding")
    narrow(wide, small)
    return wide, small


@pytest.mark.parametrize("dequantise", ["load", "run"])
def test_the_answer_is_nearly_the_same(files: tuple[Path, Path], dequantise: str) -> None:
    windows = np.random.default_rng(0).standard_normal((5, FRAMES, BANDS)).astype(np.float32)
    before = Session(files[0]).run({"features": windows})["embedding"]
    after = Session(files[1], dequantise=dequantise).run({"features": windows})["embedding"]  # type: ignore[arg-type]
    assert (before * after).sum(axis=1).min() > 0.999


def test_the_file_is_smaller_and_keeps_its_metadata(files: tuple[Path, Path]) -> None:
    wide, small = files
    assert small.stat().st_size < 0.5 * wide.stat().st_size
    assert Session(small).metadata["made"] == "here"
    kinds = {tensor.data_type for tensor in onnx.load(small).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds


@given(
    arrays(np.float32, (5, 7), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([0, 1]),
)
def test_no_weight_moves_by_more_than_half_a_step(values: np.ndarray, axis: int) -> None:
    narrowed, scales = per_channel(values, axis)
    shape = [1, 1]
    shape[axis] = -1
    steps = scales.reshape(shape)
    assert narrowed.dtype == np.int8
    assert np.all(np.abs(narrowed * steps - values) <= 0.5 * steps * (1 + 1e-4))
