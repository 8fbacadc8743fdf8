"""What an import says of a model that does not keep up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from monitor.commands.models_import import Described, import_file
from monitor.inference.bundle import load_bundle
from monitor.inference.foreign import Foreign, import_foreign
from monitor.inference.speed import Speed, measured_speed
from tests.helpers.tiny_bundle import make_gate_bundle
from tests.helpers.tiny_sound import loud_gate

if TYPE_CHECKING:
    from pathlib import Path


def slow_network(samples: int) -> onnx.ModelProto:
    """Multiplies large matrices again and again for a window of a hundredth of a second."""
    size, rounds = 1_000, 12
    constants = {
        "wide": np.ones((samples, size), np.float32) / samples,
        "square": np.eye(size, dtype=np.float32),
        "narrow": np.ones((size, 4), np.float32) / size,
        "rows": np.ones((2_000, 1), np.float32),
        "axis": np.array([0]),
    }
    nodes = [
        helper.make_node("MatMul", ["samples", "wide"], ["x0"]),
        helper.make_node("ReduceMean", ["x0"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("MatMul", ["rows", "mean"], ["y0"]),
        *(helper.make_node("MatMul", [f"y{turn}", "square"], [f"y{turn + 1}"]) for turn in range(rounds)),
        helper.make_node("ReduceMean", [f"y{rounds}"], ["back"], axes=[0], keepdims=1),
        helper.make_node("Mul", ["x0", "back"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "narrow"], ["embedding"]),
    ]
    inputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", samples])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 4])]
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items() if name != "axis"]
    graph = helper.make_graph(nodes, "slow", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_windows_of_frames_and_of_sound(tmp_path: Path) -> None:
    frames = measured_speed(load_bundle(make_gate_bundle(tmp_path / "a")))
    assert frames.sound_s == pytest.approx(0.5)
    onnx.save(loud_gate(15_600), tmp_path / "gate.onnx")
    folder = import_foreign(Foreign(tmp_path / "gate.onnx", "gate", "loud", 16_000, 15_600), tmp_path / "b")
    sound = measured_speed(load_bundle(folder))
    assert sound.sound_s == pytest.approx(7_800 / 16_000)
    assert min(frames.window_s, sound.window_s) >= 0.0
    assert Speed(0.02, 3.0).keeps_up
    assert not Speed(3.0, 3.0).keeps_up


def test_a_model_slower_than_the_sound_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path / "data"))
    onnx.save(slow_network(480), tmp_path / "slow.onnx")
    described = Described("encoder", 48_000, "0.01", None, None, None, None)
    assert import_file(tmp_path / "slow.onnx", described, replace=False) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "slower than the sound: live, whole windows would be dropped" in told
    assert "auricle models remove slow" in told
    assert (tmp_path / "data" / "models" / "slow" / "1.0.0" / "manifest.json").is_file()
