from __future__ import annotations

import json
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from monitor.errors import BundleError
from monitor.features.spec import BIRD, SPECIES
from monitor.inference.bundle import load_bundle, verify_bundle
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import FINGERPRINT_KEY, WaveformInput
from monitor.inference.manifest_file import parse_manifest, sha256_of, write_manifest
from monitor.inference.session import Session
from tests.helpers.tiny_bundle import band_network, edit_manifest, make_gate_bundle, replace_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def sound_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gate_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(sound_bundle: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(sound_bundle, tmp_path / "bird-gate" / "1.0.0")


def told(folder: Path) -> list[str]:
    """The faults of a bundle, which `load_bundle` must all name in one error."""
    faults = [str(fault) for fault in verify_bundle(folder)]
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert all(fault in str(caught.value) for fault in faults)
    assert str(folder) in caught.value.what
    assert caught.value.remedy
    return faults


def the_fault(folder: Path) -> str:
    (fault,) = told(folder)
    return fault


def test_a_sound_bundle_is_ready_to_run(folder: Path) -> None:
    assert verify_bundle(folder) == []
    bundle = load_bundle(folder, threads=2)
    assert bundle.path == folder
    assert bundle.spec == BIRD
    assert bundle.manifest.id == "bird-gate@1.0.0"
    quiet = np.full((1, 50, 128), -90.0, np.float32)
    assert bundle.session.run({"features": quiet})["probability"][0] < 0.01


def test_the_fixture_hears_the_chirp_and_not_the_hum(folder: Path) -> None:
    with np.load(folder / "golden.npz") as golden:
        probabilities = golden["probability"]
    assert probabilities[0] < 0.1
    assert probabilities[-1] > 0.9


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "golden.npz"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert the_fault(folder) == f"{name}: is missing"


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "golden.npz"])
def test_an_empty_file(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert the_fault(folder) == f"{name}: is empty"


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "golden.npz"])
def test_a_folder_where_a_file_should_be(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (folder / name).mkdir()
    assert the_fault(folder) == f"{name}: is not a file"


def test_no_folder_and_a_file_instead_of_a_folder(folder: Path) -> None:
    assert "no such folder" in the_fault(folder / "absent")
    assert "no such folder" in the_fault(folder / "model.onnx")


@pytest.mark.parametrize("position", [0, 17, 100, -1])
def test_a_single_changed_byte_of_the_model(folder: Path, position: int) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[position] ^= 1
    (folder / "model.onnx").write_bytes(content)
    assert "model.onnx: was changed" in the_fault(folder)


def test_a_manifest_that_is_no_json_or_no_text(folder: Path) -> None:
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    assert "manifest.json: not JSON" in the_fault(folder)
    (folder / "manifest.json").write_bytes(b"\xff\xfe{}")
    assert "manifest.json: cannot be read" in the_fault(folder)


def test_an_oversized_manifest_is_not_read(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b" " * 1_000_001)
    assert "more than 1 MB" in the_fault(folder)


def test_a_model_that_is_no_network_though_its_hash_is_right(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a network")
    edit_manifest(folder, lambda m: m["model"].update(sha256=sha256_of(folder / "model.onnx")))
    assert the_fault(folder).startswith("model.onnx: ")


def test_a_fingerprint_that_is_not_the_specs(folder: Path) -> None:
    edit_manifest(folder, lambda m: m["input"].update(fingerprint="0123456789abcdef"))
    faults = told(folder)
    assert len(faults) == 2
    assert faults[0].startswith("manifest.json: input.fingerprint: 0123456789abcdef is not that of the spec")
    assert "trained on features" in faults[1]


def test_a_spec_that_is_unsound(folder: Path) -> None:
    edit_manifest(folder, lambda m: (m["input"]["spec"].update(hop=0, shade=1), m["input"]["spec"].pop("bands")))
    fault = the_fault(folder)
    assert all(part in fault for part in ("input.spec", "'shade'", "missing key 'bands'", "hop must be"))


@pytest.mark.parametrize(("written", "expected"), [(None, "has no `auricle"), (SPECIES.fingerprint, "was trained on")])
def test_a_network_of_other_features(folder: Path, written: str | None, expected: str) -> None:
    network = band_network()
    del network.metadata_props[:]
    if written:
        helper.set_model_props(network, {FINGERPRINT_KEY: written})
    replace_network(folder, network)
    assert expected in the_fault(folder)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda m: m["inputs"][0].update(name="x"), ["has no input `x`", "input `features` is not in the manifest"]),
        (lambda m: m["outputs"][0].update(name="p"), ["has no output `p`", "`probability` is not in", "array `p` is"]),
        (lambda m: m["input"].update(window=40), ["(batch, 50, 128) does not fit the windows, (batch, 40, 128)"]),
        (
            lambda m: m["inputs"][0].update(shape=[None, 50, 64]),
            ["does not fit the windows", "manifest says (batch, 50, 64)"],
        ),
        (lambda m: m.update(labels=["bird", "none"]), ["labels: a gate has one at most, got 2"]),
        (lambda m: m["thresholds"]["off"].update(value=0.6), ["thresholds: a gate needs 0 <= off <= on <= 1"]),
        (lambda m: m["thresholds"].update(release={"value": 0.5, "chosen_on": "d"}), ["thresholds.release: counts"]),
        (lambda m: m["outputs"][0].update(name="audio"), ["outputs: `audio` is no name for an output"]),
        (lambda m: m.update(task="scene"), ["labels: 1 do not fit output `probability`, (batch)"]),
        (lambda m: m.update(inputs=m["inputs"] + [m["inputs"][0] | {"name": "y"}]), ["exactly one is fed, got 2"]),
    ],
    ids=["input", "output", "window", "bands", "labels", "thresholds", "release", "reserved", "task", "two inputs"],
)
def test_a_manifest_that_contradicts_itself_or_the_network(folder: Path, edit: Any, expected: list[str]) -> None:
    edit_manifest(folder, edit)
    faults = "\n".join(told(folder))
    assert [part for part in expected if part not in faults] == [], faults


def test_outputs_that_are_not_float32(folder: Path) -> None:
    network = band_network()
    network.graph.node.append(helper.make_node("Cast", ["logit"], ["double"], to=TensorProto.DOUBLE))
    network.graph.node[-2].input[0] = "double"
    network.graph.node.insert(len(network.graph.node) - 2, network.graph.node.pop())
    network.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    onnx.checker.check_model(network)
    replace_network(folder, network)
    assert "output `probability` is tensor(double), not float32" in "\n".join(told(folder))


def rewrite_golden(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    with np.load(folder / "golden.npz") as golden:
        arrays = dict(golden)
    edit(arrays)
    with (folder / "golden.npz").open("wb") as stream:
        np.savez(stream, **arrays)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda a: a.pop("audio"), "array `audio` is missing"),
        (lambda a: a.pop("probability"), "array `probability` is missing"),
        (lambda a: a.update(extra=np.zeros(3)), "unknown array `extra`"),
        (lambda a: a.update(audio=a["audio"].astype(np.float64)), "array `audio` must be finite float32"),
        (lambda a: a.update(audio=np.full(48_000, np.nan, np.float32)), "array `audio` must be finite"),
        (lambda a: a.update(features=a["features"][0]), "array `features` must be finite float32 of 2 dim"),
        (lambda a: a.update(features=a["features"][:10]), "10 rows are less than a window of 50"),
        (lambda a: a.update(features=a["features"] + np.float32(0.02)), "features are off by 0.02 dB"),
        (lambda a: a.update(audio=a["audio"][:40_000]), "features are (122, 128), expected (147, 128)"),
        (lambda a: a.update(probability=a["probability"] + np.float32(0.01)), "`probability` is off by 0.01"),
        (lambda a: a.update(probability=a["probability"][:1]), "`probability` is (4,), expected (1,)"),
        (lambda a: a.update(audio=np.array([{"a": 1}], dtype=object)), "pickled objects, which are never loaded"),
    ],
)
def test_a_golden_test_that_does_not_pass(folder: Path, edit: Any, expected: str) -> None:
    rewrite_golden(folder, edit)
    fault = the_fault(folder)
    assert fault.startswith("golden.npz: ")
    assert expected in fault


def test_what_is_within_the_tolerance_passes(folder: Path) -> None:
    def edit(arrays: dict[str, Any]) -> None:
        arrays["features"] = arrays["features"] + np.float32(0.005)
        arrays["probability"] = arrays["probability"] - np.float32(0.0005)

    rewrite_golden(folder, edit)
    assert verify_bundle(folder) == []


class Bomb:
    """Would leave a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def test_a_pickle_is_never_loaded(folder: Path) -> None:
    trace = folder / "ran"
    (folder / "golden.npz").write_bytes(pickle.dumps(Bomb(trace)))
    assert the_fault(folder).startswith("golden.npz: ")
    rewrite = {"audio": np.array([Bomb(trace)], dtype=object)}
    with (folder / "golden.npz").open("wb") as stream:
        np.savez(stream, **rewrite)
    assert "never loaded" in the_fault(folder)
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_golden_file(folder: Path, share: float) -> None:
    content = (folder / "golden.npz").read_bytes()
    (folder / "golden.npz").write_bytes(content[: int(len(content) * share)])
    assert the_fault(folder).startswith("golden.npz: damaged or cut short")


def test_damage_anywhere_in_the_golden_file_is_told(folder: Path) -> None:
    content = (folder / "golden.npz").read_bytes()
    for position in range(0, len(content), 1 + len(content) // 60):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        (folder / "golden.npz").write_bytes(damaged)
        # A byte may be one that nothing depends on; what must not happen is another kind of error.
        assert all(fault.where.startswith("golden.npz") for fault in verify_bundle(folder))


def test_arrays_that_unpack_to_more_than_is_sensible_are_not_read(folder: Path) -> None:
    with (folder / "golden.npz").open("wb") as stream:
        np.savez_compressed(stream, audio=np.zeros(20_000_000, np.float32))
    assert "unpacks to 80 MB" in the_fault(folder)


def test_all_faults_of_all_files_are_told_at_once(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[30] ^= 1
    (folder / "model.onnx").write_bytes(content)
    edit_manifest(folder, lambda m: m["input"].update(fingerprint="0" * 16))
    edit_manifest(folder, lambda m: m.update(labels=["a", "b"]))
    rewrite_golden(folder, lambda a: a.pop("features"))
    faults = told(folder)
    assert len(faults) == 4
    assert {fault.split(": ")[0] for fault in faults} == {"manifest.json", "model.onnx", "golden.npz"}
    (folder / "manifest.json").write_text(json.dumps({"name": 3}), encoding="utf-8")
    (folder / "model.onnx").unlink()
    faults = told(folder)
    assert "model.onnx: is missing" in faults
    assert sum(fault.startswith("manifest.json") for fault in faults) > 5


def test_the_message_of_several_faults_is_a_list(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "golden.npz").unlink()
    with pytest.raises(BundleError, match=r"2 faults:\n  - model\.onnx: is missing\n  - golden\.npz: is missing"):
        load_bundle(folder)


def test_a_model_that_takes_a_waveform(folder: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", ["samples"], ["probability"], axes=[1], keepdims=0)],
        "peak",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", 16_000])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch"])],
    )
    replace_network(folder, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    manifest, _ = parse_manifest((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest is not None
    samples = manifest.inputs[0].model_copy(
        update={"name": "samples", "axes": ("batch", "sample"), "shape": (None, 16_000)}
    )
    cut = WaveformInput(rate=16_000, window=16_000, hop=8_000)
    write_manifest(manifest.model_copy(update={"input": cut, "inputs": (samples,)}), folder)
    audio = np.random.default_rng(1).uniform(-1, 1, 40_000).astype(np.float32)
    outputs = Session(folder / "model.onnx").run({"samples": windows_of(audio, 16_000, 8_000)})
    write_golden(folder / "golden.npz", audio, None, outputs)
    assert verify_bundle(folder) == []
    assert load_bundle(folder).spec is None
