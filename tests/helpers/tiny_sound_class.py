"""A real bundle of a few kilobytes that tells sound classes from how much the envelope moves."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.features.ams import ams_of
from monitor.features.ams_spec import AMS_PLAIN, AmsSpec
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    FINGERPRINT_KEY,
    GOLDEN_FILE,
    MODEL_FILE,
    Manifest,
    ModelFile,
    ModulationInput,
    Tensor,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = 5
LABELS = ("noise", "music", "speech", "speech+noise")


def make_sound_class_bundle(
    directory: Path, *, name: str = "sound-class", version: str = "1.0.0", spec: AmsSpec = AMS_PLAIN
) -> Path:
    """Write a sound bundle below `directory`; its folder `<name>/<version>`."""
    folder = directory / name / version
    folder.mkdir(parents=True)
    onnx.save(syllable_network(spec), folder / MODEL_FILE)
    audio = np.round(20_000 * swelling(4.0, 10.0)).astype(np.int16)
    features = ams_of(audio.astype(np.float32) / np.float32(32_768), spec)
    outputs = Session(folder / MODEL_FILE).run({"features": windows_of(features, FRAMES, FRAMES)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    write_manifest(sound_class_manifest(folder / MODEL_FILE, name, version, spec), folder)
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return folder


def swelling(beat_hz: float, seconds: float, rate: int = 16_000) -> np.ndarray:
    """A tone of 1 kHz, float32, that swells `beat_hz` times a second; 0 for a steady one."""
    time = np.arange(round(seconds * rate)) / rate
    depth = np.cos(2 * np.pi * beat_hz * time) if beat_hz else np.ones_like(time)
    return (0.4 * (1.0 - 0.95 * depth if beat_hz else 1.0) * np.sin(2 * np.pi * 1_000 * time) / 2).astype(np.float32)


def syllable_network(spec: AmsSpec) -> onnx.ModelProto:
    """`features` (batch, 5, 9) in dB -> `probability` (batch, 4).

    Of the middle audio band: speech where the second modulation band is within 20 dB of the mean, music where the third
    one is, noise where neither is.
    """
    weights = np.zeros((spec.bands, len(LABELS)), dtype=np.float32)
    weights[3] = (0.0, -0.2, -0.2, -0.4)
    weights[4] = (0.0, 0.0, 0.2, 0.2)
    weights[5] = (0.0, 0.2, 0.0, 0.2)
    offsets = np.array([0.0, 4.0, 4.0, 2.0], dtype=np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["features"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "offsets"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", FRAMES, spec.bands])]
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", len(LABELS)])]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(offsets, "offsets")]
    graph = helper.make_graph(nodes, "sound_class", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {FINGERPRINT_KEY: spec.fingerprint})
    onnx.checker.check_model(model, full_check=True)
    return model


def sound_class_manifest(model: Path, name: str, version: str, spec: AmsSpec) -> Manifest:
    """A manifest for the model file with everything filled in."""
    return Manifest(
        name=name,
        version=version,
        summary="Pace of the envelope; for tests",
        task="sound_class",
        model=ModelFile(sha256=sha256_of(model)),
        input=ModulationInput(fingerprint=spec.fingerprint, spec=spec.to_dict(), window=FRAMES, hop=FRAMES),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, FRAMES, spec.bands),
                meaning="level of each modulation band, dB",
            ),
        ),
        outputs=(
            Tensor(
                name="probability",
                axes=("batch", "label"),
                shape=(None, len(LABELS)),
                meaning="probability of each label, 0..1",
            ),
        ),
        labels=LABELS,
        training=Training(recipe="tests/helpers/tiny_sound_class.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        licence="CC0-1.0",
    )
