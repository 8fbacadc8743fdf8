"""A real classifier of scenes of a few kilobytes: it knows where in the spectrum a sound is loud."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.core.scene_readings import UNKNOWN
from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
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
    Threshold,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session

if TYPE_CHECKING:
    from pathlib import Path

STREET, CABIN, FOREST = "street_traffic", "vehicle_interior", "nature_forest"

BANDS = {STREET: (40, 80), CABIN: (0, 40), FOREST: (80, 140), UNKNOWN: (140, 256)}
"""Label -> Kaldi mel bands of the spec `scene`; as in the shipped bundle the class `unknown` comes last."""

HZ = {STREET: 800.0, CABIN: 200.0, FOREST: 2_500.0, UNKNOWN: 9_000.0}
"""Label -> a pitch within its bands."""

FRAMES = HOP = 64
"""Of a window, and from one to the next: one second."""


def make_scene_bundle(
    directory: Path, *, name: str = "scene", version: str = "1.0.0", known: float | None = 0.6
) -> Path:
    """Write a sound bundle below `directory`; its folder. Noise alone is unknown to it."""
    folder = directory / name / version
    folder.mkdir(parents=True)
    onnx.save(band_network(), folder / MODEL_FILE)
    audio = np.round(32_767 * ambience([(CABIN, 1.6)], SCENE.rate)).astype(np.int16)
    features = Kernel(SCENE)(audio.astype(np.float32) / 32_768)
    outputs = Session(folder / MODEL_FILE).run({"features": windows_of(features, FRAMES, HOP)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    write_manifest(scene_manifest(folder / MODEL_FILE, name, version, known), folder)
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return folder


def ambience(parts: list[tuple[str | None, float]], rate: int = 48_000) -> np.ndarray:
    """float32: the tone of each label for so many seconds, or noise alone (None), one after the other."""
    rows: list[np.ndarray] = []
    for label, length in parts:
        time = np.arange(round(length * rate)) / rate
        rows.append(np.zeros(len(time)) if label is None else np.sin(2 * np.pi * HZ[label] * time))
    noise = 1e-3 * np.random.default_rng(7).standard_normal(sum(len(row) for row in rows))
    return (0.2 * np.concatenate(rows) + noise).astype(np.float32)


def band_network() -> onnx.ModelProto:
    """`features` (batch, 64, 256) -> `probabilities` (batch, labels): the label whose loudest band is the loudest."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, np.ndarray] = {"axis": np.array([2]), "slope": np.array(0.7, np.float32)}
    for place, (first, end) in enumerate(BANDS.values()):
        constants |= {f"first{place}": np.array([first]), f"end{place}": np.array([end])}
        nodes += [
            helper.make_node("Slice", ["features", f"first{place}", f"end{place}", "axis"], [f"part{place}"]),
            helper.make_node("ReduceMean", [f"part{place}"], [f"spectrum{place}"], axes=[1], keepdims=0),
            helper.make_node("ReduceMax", [f"spectrum{place}"], [f"loudest{place}"], axes=[1], keepdims=1),
        ]
    nodes += [
        helper.make_node("Concat", [f"loudest{place}" for place in range(len(BANDS))], ["levels"], axis=1),
        helper.make_node("Mul", ["levels", "slope"], ["steep"]),
        helper.make_node("Softmax", ["steep"], ["probabilities"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", FRAMES, SCENE.bands])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(BANDS)])]
    stored = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "scene", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {FINGERPRINT_KEY: SCENE.fingerprint})
    onnx.checker.check_model(model, full_check=True)
    return model


def scene_manifest(model: Path, name: str, version: str, known: float | None) -> Manifest:
    """A manifest for the model file with everything filled in, as the training package writes it."""
    return Manifest(
        name=name,
        version=version,
        summary="Where the spectrum is loud; for tests",
        task="scene",
        model=ModelFile(sha256=sha256_of(model)),
        input=FeatureInput(fingerprint=SCENE.fingerprint, spec=dict(SCENE.to_dict()), window=FRAMES, hop=HOP),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, FRAMES, SCENE.bands),
                meaning="natural log of mel power, -11.5 and above",
            ),
        ),
        outputs=(
            Tensor(
                name="probabilities",
                axes=("batch", "label"),
                shape=(None, len(BANDS)),
                meaning="probability of each label, 0..1; they sum to 1",
            ),
        ),
        labels=tuple(BANDS),
        thresholds={} if known is None else {"known": Threshold(value=known, chosen_on="nothing: fixed")},
        training=Training(recipe="tests/helpers/tiny_scene.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        data=(DataSource(name="none", used_for="nothing", licence="CC0-1.0"),),
        licence="CC0-1.0",
    )
