from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from monitor.errors import BundleError
from monitor.features.spec import BIRD
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.session import InferenceError, Session
from tests.helpers.tiny_bundle import band_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(band_network(), path)
    return path


def windows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-90, 0, (count, 50, 128)).astype(np.float32)


def test_describes_the_model(model: Path) -> None:
    session = Session(model)
    (entry,), (result,) = session.inputs, session.outputs
    assert (entry.name, entry.shape, entry.is_float32) == ("features", (None, 50, 128), True)
    assert (result.name, result.shape, result.is_float32) == ("probability", (None,), True)
    assert session.metadata == {FINGERPRINT_KEY: BIRD.fingerprint}


def test_agrees_with_onnxs_own_interpreter(model: Path) -> None:
    values = windows(7)
    values[:3, :, 70:] -= 60.0
    np.clip(values, -90, 0, out=values)
    (expected,) = ReferenceEvaluator(str(model)).run(None, {"features": values})
    given = Session(model).run({"features": values})["probability"]
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, expected, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_gives_what_its_windows_give_alone(model: Path, threads: int) -> None:
    session = Session(model, threads)
    values = windows(9)
    together = session.run({"features": values})["probability"]
    alone = [session.run({"features": values[i : i + 1]})["probability"][0] for i in range(9)]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_threads_do_not_spin(model: Path) -> None:
    session = Session(model, 2)
    assert session.setting("session.intra_op.allow_spinning") == "0"
    assert session.setting("session.inter_op.allow_spinning") == "0"


@pytest.mark.parametrize("threads", [0, 3, -1])
def test_other_numbers_of_threads_are_refused(model: Path, threads: int) -> None:
    with pytest.raises(ValueError, match="threads"):
        Session(model, threads)


def test_outputs_are_the_callers_own_and_inputs_stay(model: Path) -> None:
    session = Session(model)
    values = windows(2)
    before = values.copy()
    first = session.run({"features": values})["probability"]
    kept = first.copy()
    first[:] = -1.0
    second = session.run({"features": windows(2, seed=1)})["probability"]
    np.testing.assert_array_equal(values, before)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(session.run({"features": values})["probability"], kept)


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"other": windows(1)},
        {"features": windows(1), "other": windows(1)},
        {"features": windows(1)[:, :49]},
        {"features": windows(1)[0]},
        {"features": windows(1).astype(np.float64)},
    ],
    ids=["none", "other name", "one too many", "short", "no batch", "float64"],
)
def test_inputs_that_do_not_fit_are_one_kind_of_error(model: Path, inputs: dict[str, np.ndarray]) -> None:
    session = Session(model)
    with pytest.raises(InferenceError, match=r"model\.onnx"):
        session.run(inputs)


@pytest.mark.parametrize(
    "content", [b"", b"hello" * 100, b"\x08\x08", bytes(1000)], ids=["empty", "text", "stub", "zeros"]
)
def test_a_file_that_is_no_model_is_refused_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.onnx") as caught:
        Session(path)
    assert caught.value.why
    assert "ONNXRuntimeError" not in str(caught.value)


def test_a_truncated_model_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-40])
    with pytest.raises(BundleError):
        Session(model)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        Session(tmp_path / "model.onnx")
    with pytest.raises(BundleError, match="cannot be read"):
        Session(tmp_path)


def test_names_that_are_no_text_print_nothing(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The runtime's own fall-back would write to standard output, where the readings go."""
    model.write_bytes(model.read_bytes().replace(b"auricle.feature", b"\xff\xfeicle.feature"))
    with pytest.raises(BundleError):
        Session(model)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("where", ["beside", "absolute", "above"])
def test_weights_in_other_files_are_refused(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    np.ones(128, np.float32).tofile(folder / "weights.bin")
    weights = numpy_helper.from_array(np.ones(128, np.float32), "weights")
    weights.ClearField("raw_data")
    location = {"beside": "weights.bin", "absolute": str(folder / "weights.bin"), "above": "../bundle/weights.bin"}[
        where
    ]
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "weights"], ["y"])],
        "external",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 128])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    monkeypatch.chdir(folder)
    with pytest.raises(BundleError, match="weights in other files"):
        Session(folder / "model.onnx")


@pytest.mark.parametrize("dequantise", ["load", "run", None])
def test_narrow_weights_give_the_same_wherever_they_are_widened(tmp_path: Path, dequantise: str | None) -> None:
    generator = np.random.default_rng(5)
    weights = generator.integers(-127, 128, (16, 8)).astype(np.int8)
    stored = [
        numpy_helper.from_array(weights, "narrow"),
        numpy_helper.from_array(np.float32(0.02), "scale"),
        numpy_helper.from_array(np.int8(0), "zero"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["narrow", "scale", "zero"], ["wide"]),
            helper.make_node("MatMul", ["x", "wide"], ["y"]),
        ],
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
        stored,
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    values = generator.standard_normal((3, 16)).astype(np.float32)
    given = Session(path, dequantise=dequantise).run({"x": values})["y"]  # type: ignore[arg-type]
    np.testing.assert_allclose(given, values @ (weights * np.float32(0.02)), atol=1e-4)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_memory_does_not_grow(model: Path) -> None:
    session = Session(model)
    values = windows(1)

    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(500):
        session.run({"features": values})
    before = resident_bytes()
    for _ in range(5_000):
        session.run({"features": values})
    # 2 kB a run would already make 10 MB.
    assert resident_bytes() - before < 8_000_000
