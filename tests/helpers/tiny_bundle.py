"""A real gate of a few hundred bytes: a cell above 2 kHz must be loud, and louder than those below it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD, FeatureSpec
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    FINGERPRINT_KEY,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    DataSource,
    FeatureInput,
    Manifest,
    Metric,
    ModelFile,
    Tensor,
    Threshold,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WINDOW, HOP = 50, 25
"""Frames of the gate's windows: about 1 s every 0.5 s."""

SPLIT_HZ = 2_000.0
"""Above it is bird, below is not."""


def make_gate_bundle(
    directory: Path,
    *,
    name: str = "bird-gate",
    version: str = "1.0.0",
    network: onnx.ModelProto | None = None,
    thresholds: dict[str, float] | None = None,
) -> Path:
    """Write a sound bundle for the gate below `directory`, a root of models; its folder `<name>/<version>`."""
    folder = directory / name / version
    folder.mkdir(parents=True)
    onnx.save(network or band_network(), folder / MODEL_FILE)
    audio = golden_audio()
    features = Kernel(BIRD)(audio.astype(np.float32) / 32_768)
    outputs = Session(folder / MODEL_FILE).run({"features": windows_of(features, WINDOW, HOP)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    values = thresholds or {"on": 0.5, "off": 0.3}
    write_manifest(gate_manifest(folder / MODEL_FILE, name, version, values), folder)
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return folder


def golden_audio() -> np.ndarray:
    """int16 `(48000,)`: 1.5 s of hum, then a chirp from 3 to 6 kHz over it."""
    time = np.arange(3 * BIRD.rate) / BIRD.rate
    hum = 0.05 * np.sin(2 * np.pi * 120.0 * time)
    chirp = 0.5 * np.sin(2 * np.pi * (3_000.0 * time + 1_000.0 * (time - 1.5) ** 2)) * (time >= 1.5)
    return np.round((hum + chirp) * 32_767).astype(np.int16)


def band_network() -> onnx.ModelProto:
    """`features` (batch, 50, 128) in dB -> `probability` (batch,)."""
    split = _band_at(BIRD, SPLIT_HZ)
    constants = {
        "zero": [0],
        "split": [split],
        "end": [BIRD.bands],
        "bands": [2],
        "contrast": np.float32(0.25),
        "presence": np.float32(0.2),
        "bias": np.float32(10.0),
    }
    nodes = [
        helper.make_node("Slice", ["features", "split", "end", "bands"], ["high"]),
        helper.make_node("Slice", ["features", "zero", "split", "bands"], ["low"]),
        helper.make_node("ReduceMax", ["high"], ["loudest_high"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMax", ["low"], ["loudest_low"], axes=[1, 2], keepdims=0),
        helper.make_node("Sub", ["loudest_high", "loudest_low"], ["difference"]),
        helper.make_node("Mul", ["difference", "contrast"], ["from_contrast"]),
        helper.make_node("Mul", ["loudest_high", "presence"], ["from_presence"]),
        helper.make_node("Sum", ["from_contrast", "from_presence", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    return gate_network(nodes, constants)


def mean_network() -> onnx.ModelProto:
    """The same shape, but the probability is the mean of the window: tests choose it by filling windows with it."""
    return gate_network([helper.make_node("ReduceMean", ["features"], ["probability"], axes=[1, 2], keepdims=0)], {})


def gate_network(nodes: list[onnx.NodeProto], constants: dict[str, Any]) -> onnx.ModelProto:
    """A checked model of these nodes with the inputs, outputs and metadata of a gate."""
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", WINDOW, BIRD.bands])]
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch"])]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "gate", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {FINGERPRINT_KEY: BIRD.fingerprint})
    onnx.checker.check_model(model, full_check=True)
    return model


def gate_manifest(model: Path, name: str, version: str, thresholds: dict[str, float]) -> Manifest:
    """A manifest for the model file with everything filled in."""
    return Manifest(
        name=name,
        version=version,
        summary="Bird or not, by the loudest band; for tests",
        task="gate",
        model=ModelFile(sha256=sha256_of(model)),
        input=FeatureInput(fingerprint=BIRD.fingerprint, spec=dict(BIRD.to_dict()), window=WINDOW, hop=HOP),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, WINDOW, BIRD.bands),
                meaning="log-mel energy, dB relative to a full-scale sine, -90..0",
            ),
        ),
        outputs=(Tensor(name="probability", axes=("batch",), shape=(None,), meaning="that a bird is audible, 0..1"),),
        labels=("bird",),
        thresholds={key: Threshold(value=value, chosen_on="nothing: fixed") for key, value in thresholds.items()},
        metrics=(Metric(name="auc", value=0.5, interval=(0.4, 0.6), protocol="none: a test value", data="none"),),
        training=Training(recipe="tests/helpers/tiny_bundle.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        data=(DataSource(name="none", used_for="nothing", licence="CC0-1.0"),),
        licence="CC0-1.0",
    )


def edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the JSON of a bundle's manifest, sound or not."""
    file = folder / MANIFEST_FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def replace_network(folder: Path, model: onnx.ModelProto) -> None:
    """Put another network into a bundle, with its hash."""
    onnx.save(model, folder / MODEL_FILE)
    digest = sha256_of(folder / MODEL_FILE)
    edit_manifest(folder, lambda content: content["model"].update(sha256=digest))


def _band_at(spec: FeatureSpec, hz: float) -> int:
    """The band of an HTK bank whose centre is the first at or above a frequency."""
    low, high, at = (2595.0 * np.log10(1.0 + value / 700.0) for value in (spec.low_hz, spec.high_hz, hz))
    return int(np.ceil((at - low) / (high - low) * (spec.bands + 1))) - 1
