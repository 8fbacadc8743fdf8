"""A real bundle of a few kilobytes: an encoder of machines that knows where the spectrum is loud."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    FINGERPRINT_KEY,
    GOLDEN_FILE,
    MODEL_FILE,
    DataSource,
    FeatureInput,
    Manifest,
    ModelFile,
    Tensor,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session
from monitor.machines.window import FRAMES, HOP
from tests.helpers.machines import fan

if TYPE_CHECKING:
    from pathlib import Path

DIMENSION = 12
"""Of the embeddings."""


def make_machine_bundle(directory: Path, *, version: str = "1.0.0", seed: int = 2) -> Path:
    """Write a sound bundle below `directory`; its folder `machine-encoder/<version>`."""
    name = "machine-encoder"
    folder = directory / name / version
    folder.mkdir(parents=True)
    onnx.save(spectrum_network(seed), folder / MODEL_FILE)
    audio = np.round(fan(4.0, 0) * 32_767).astype(np.int16)
    features = Kernel(MACHINE)(audio.astype(np.float32) / 32_768)
    outputs = Session(folder / MODEL_FILE).run({"features": windows_of(features, FRAMES, HOP)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    write_manifest(machine_manifest(folder / MODEL_FILE, name, version), folder)
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return folder


def spectrum_network(seed: int) -> onnx.ModelProto:
    """`features` (batch, 126, 224) in dB -> `embedding` (batch, 12): the mean spectrum, above its mean, mixed."""
    mixing = np.random.default_rng(seed).standard_normal((MACHINE.bands, DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["features"], ["spectrum"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["spectrum"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["spectrum", "level"], ["shape"]),
        helper.make_node("MatMul", ["shape", "mixing"], ["direction"]),
        helper.make_node("ReduceL2", ["direction"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Div", ["direction", "length"], ["embedding"]),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", FRAMES, MACHINE.bands])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSION])]
    graph = helper.make_graph(nodes, "encoder", inputs, outputs, [numpy_helper.from_array(mixing, "mixing")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {FINGERPRINT_KEY: MACHINE.fingerprint})
    onnx.checker.check_model(model, full_check=True)
    return model


def machine_manifest(model: Path, name: str, version: str) -> Manifest:
    """A manifest for the model file with everything filled in."""
    shape = (None, FRAMES, MACHINE.bands)
    axes = ("batch", "frame", "band")
    return Manifest(
        name=name,
        version=version,
        summary="Mean spectrum; for tests",
        task="machine",
        model=ModelFile(sha256=sha256_of(model)),
        input=FeatureInput(fingerprint=MACHINE.fingerprint, spec=dict(MACHINE.to_dict()), window=FRAMES, hop=HOP),
        inputs=(Tensor(name="features", axes=axes, shape=shape, meaning="log-mel energy, dB, -90 and above"),),
        outputs=(
            Tensor(name="embedding", axes=("batch", "value"), shape=(None, DIMENSION), meaning="direction, length 1"),
        ),
        training=Training(recipe="tests/helpers/tiny_machine.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        data=(DataSource(name="none", used_for="nothing", licence="CC0-1.0"),),
        licence="CC0-1.0",
    )
