"""Networks that LiteRT runs, and networks of a fixed batch, behind the same session as all others."""

from __future__ import annotations

import builtins
import platform
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from monitor.errors import BundleError
from monitor.inference.litert_network import litert_fault
from monitor.inference.session import InferenceError, Session
from monitor.inference.tflite_graph import with_embedding
from tests.helpers.tiny_sound import loudness_network, write_tflite

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("ai_edge_litert", reason="the extra `litert` is not installed")

SAMPLES, BLOCKS, LABELS = 15_600, 156, 521


def sound(count: int, samples: int = SAMPLES) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (count, samples)).astype(np.float32)


def stretches(windows: np.ndarray) -> np.ndarray:
    return np.abs(windows).reshape(len(windows), BLOCKS, -1).mean(axis=2)


@pytest.mark.parametrize("batched", [False, True])
def test_a_tflite_file_looks_and_runs_like_any_other(tmp_path: Path, batched: bool) -> None:
    weights = write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS, batched=batched)
    session = Session(tmp_path / "m.tflite", runtime="litert")
    (entry,), (result,) = session.inputs, session.outputs
    assert (entry.name, entry.shape, entry.is_float32) == ("waveform", (None, SAMPLES), True)
    assert (result.name, result.shape) == ("scores", (None, LABELS))
    windows = sound(5)
    given = session.run({"waveform": windows})["scores"]
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, stretches(windows) @ weights.T, atol=1e-4)
    alone = np.concatenate([session.run({"waveform": windows[row : row + 1]})["scores"] for row in range(5)])
    np.testing.assert_array_equal(given, alone)
    assert session.run({"waveform": windows[:0]})["scores"].shape == (0, LABELS)


def test_outputs_are_the_callers_own(tmp_path: Path) -> None:
    write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS)
    session = Session(tmp_path / "m.tflite", runtime="litert")
    windows = sound(2)
    first = session.run({"waveform": windows[:1]})["scores"]
    kept = first.copy()
    first[:] = -1.0
    session.run({"waveform": windows[1:]})
    np.testing.assert_array_equal(session.run({"waveform": windows[:1]})["scores"], kept)


def test_what_the_last_layer_sees_is_given_in_the_same_pass(tmp_path: Path) -> None:
    write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS)
    plain = Session(tmp_path / "m.tflite", runtime="litert")
    (tmp_path / "both.tflite").write_bytes(with_embedding(tmp_path / "m.tflite"))
    both = Session(tmp_path / "both.tflite", runtime="litert")
    assert [info.name for info in both.outputs] == ["scores", "embedding"]
    windows = sound(3)
    given = both.run({"waveform": windows})
    np.testing.assert_array_equal(given["scores"], plain.run({"waveform": windows})["scores"])
    np.testing.assert_allclose(given["embedding"], stretches(windows), atol=1e-5)


@pytest.mark.parametrize(
    "inputs",
    [{}, {"other": sound(1)}, {"waveform": sound(1, 100)}, {"waveform": sound(1)[0]}],
    ids=["none", "other name", "short", "no batch"],
)
def test_inputs_that_do_not_fit_are_one_kind_of_error(tmp_path: Path, inputs: dict[str, np.ndarray]) -> None:
    write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS)
    session = Session(tmp_path / "m.tflite", runtime="litert")
    with pytest.raises(InferenceError, match=r"m\.tflite"):
        session.run(inputs)


@pytest.mark.parametrize("content", [b"", b"hello" * 100, bytes(1000), b"\x1c\x00\x00\x00TFL3" + bytes(500)])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(BundleError, match=r"m\.tflite"):
        Session(tmp_path / "m.tflite", runtime="litert")


def test_a_truncated_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    with pytest.raises(BundleError, match="No such file"):
        Session(path, runtime="litert")
    write_tflite(path, SAMPLES, BLOCKS, LABELS)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(BundleError):
        Session(path, runtime="litert")


def test_nothing_of_the_library_is_written_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS)
    Session(tmp_path / "m.tflite", runtime="litert").run({"waveform": sound(1)})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("inputs", [[1, 1_600], [1_600]], ids=["batch of one", "no batch"])
def test_an_onnx_file_of_a_fixed_batch_is_run_row_by_row(tmp_path: Path, inputs: list[int | str]) -> None:
    free, fixed = tmp_path / "free.onnx", tmp_path / "fixed.onnx"
    onnx.save(loudness_network(["batch", 1_600], 16, {"scores": 7}), free)
    onnx.save(loudness_network(inputs, 16, {"scores": 7}), fixed)
    session = Session(fixed)
    assert session.inputs[0].shape == (None, 1_600)
    assert session.outputs[0].shape == (None, 7)
    windows = sound(4, 1_600)
    expected = Session(free).run({"samples": windows})["scores"]
    np.testing.assert_allclose(session.run({"samples": windows})["scores"], expected, rtol=1e-5)


def without_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("ai_edge_litert"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_without_litert_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tflite(tmp_path / "m.tflite", SAMPLES, BLOCKS, LABELS)
    without_litert(monkeypatch)
    with pytest.raises(BundleError, match="not installed") as caught:
        Session(tmp_path / "m.tflite", runtime="litert")
    assert "pip install 'auricle[litert]'" in caught.value.remedy


def test_where_there_is_no_litert_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert litert_fault() is None
    without_litert(monkeypatch)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    fault = litert_fault()
    assert fault
    assert "riscv64" in fault[0]
    assert "ONNX" in fault[1]
