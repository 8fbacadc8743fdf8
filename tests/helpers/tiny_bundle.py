"""Real bundles of a few kilobytes: a gate that hears what is loud above 2 kHz, and an encoder that knows pitch."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD, FeatureSpec
from monitor.inference.cohort_file import write_cohort
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    COHORT_FILE,
    FINGERPRINT_KEY,
    GOLDEN_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    CohortFile,
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

ENCODER_WINDOW, ENCODER_HOP = 147, 50
"""Frames of the encoder's windows: about 3 s every second."""

DIMENSION = 16
"""Of the encoder's embeddings."""

NEAREST = 12
"""Cohort rows that a vector is measured against."""


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


def make_encoder_bundle(
    directory: Path,
    *,
    name: str = "bird-encoder",
    version: str = "1.0.0",
    network: onnx.ModelProto | None = None,
    dimension: int = DIMENSION,
    known: float = 0.5,
    cohort: bool = True,
) -> Path:
    """Write a sound bundle for an encoder below `directory`; its folder `<name>/<version>`.

    Calls of one pitch are near each other and far from those of another; the cohort holds calls of other pitches.
    """
    folder = directory / name / version
    folder.mkdir(parents=True)
    onnx.save(network or pitch_network(dimension), folder / MODEL_FILE)
    session = Session(folder / MODEL_FILE)
    audio = encoder_audio()
    features = Kernel(BIRD)(audio.astype(np.float32) / 32_768)
    outputs = session.run({"features": windows_of(features, ENCODER_WINDOW, ENCODER_HOP)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    declared: CohortFile | None = None
    if cohort:
        rows, taxa = cohort_rows(session)
        file = write_cohort(folder / COHORT_FILE, rows, taxa)
        made_of = "calls of the tests' own pitches, and noise"
        declared = CohortFile(sha256=sha256_of(file), nearest=NEAREST, slope=2.0, offset=-2.4, made_of=made_of)
    write_manifest(encoder_manifest(folder / MODEL_FILE, name, version, dimension, declared, known), folder)
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return folder


def call(hz: float, seconds: float = 1.5, rate: int = BIRD.rate, seed: int = 0, sweep: float = 0.1) -> np.ndarray:
    """float32 `(seconds * rate,)`: three short sweeps around `hz` in quiet noise, which the tests' gate hears."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    turn = time * 3 / seconds % 1.0
    phase = 2 * np.pi * np.cumsum(hz * (1.0 + sweep * (turn - 0.5))) / rate
    loud = 0.4 * np.sin(phase) * (turn < 0.7)
    return (loud + 1e-4 * generator.standard_normal(len(time))).astype(np.float32)


def encoder_audio() -> np.ndarray:
    """int16 `(64000,)`: a call, a pause, another call."""
    parts = [call(3_000.0), np.zeros(BIRD.rate, np.float32), call(5_000.0)]
    return np.round(np.concatenate(parts) * 32_767).astype(np.int16)


def cohort_rows(session: Session) -> tuple[np.ndarray, list[str]]:
    """Embeddings `(m, d)` of sixteen taxa by two clips and of eight stretches of noise, and the taxon of each."""
    kernel, rows, taxa = Kernel(BIRD), [], []
    clips = [(f"taxon {hz:g}", call(hz, 3.2, seed=seed)) for hz in range(2_200, 7_800, 350) for seed in range(2)]
    noise = np.random.default_rng(1).standard_normal((8, round(3.2 * BIRD.rate))).astype(np.float32)
    clips += [("", 0.01 * (number + 1) * row) for number, row in enumerate(noise)]
    for taxon, samples in clips:
        window = kernel(samples)[:ENCODER_WINDOW]
        rows.append(session.run({"features": window[None]})["embedding"][0])
        taxa.append(taxon)
    return np.stack(rows), taxa


def pitch_network(dimension: int = DIMENSION) -> onnx.ModelProto:
    """`features` (batch, 147, 128) in dB -> `embedding` (batch, d): the loudest of each band, above its mean, mixed."""
    generator = np.random.default_rng(2)
    mixed = generator.standard_normal((BIRD.bands, dimension)).astype(np.float32)
    # Neighbouring bands are alike.
    near = np.exp(-0.5 * (np.subtract.outer(np.arange(BIRD.bands), np.arange(BIRD.bands)) / 2.5) ** 2)
    constants = {"mixing": (near @ mixed).astype(np.float32), "last": np.array([1]), "small": np.float32(1e-6)}
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["loudest"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["loudest"], ["level"], axes=[1], keepdims=1),
        helper.make_node("Sub", ["loudest", "level"], ["shape"]),
        helper.make_node("MatMul", ["shape", "mixing"], ["direction"]),
        helper.make_node("ReduceL2", ["direction"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Add", ["length", "small"], ["divisor"]),
        helper.make_node("Div", ["direction", "divisor"], ["embedding"]),
    ]
    return encoder_network(nodes, constants, dimension)


def encoder_network(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], dimension: int = DIMENSION
) -> onnx.ModelProto:
    """A checked model of these nodes with the inputs, outputs and metadata of an encoder."""
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", ENCODER_WINDOW, BIRD.bands])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dimension])]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "encoder", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {FINGERPRINT_KEY: BIRD.fingerprint})
    onnx.checker.check_model(model, full_check=True)
    return model


def encoder_manifest(
    model: Path, name: str, version: str, dimension: int, cohort: CohortFile | None, known: float
) -> Manifest:
    """A manifest for the model file with everything filled in."""
    meaning = "log-mel energy, dB relative to a full-scale sine, -90 and above"
    window = FeatureInput(
        fingerprint=BIRD.fingerprint, spec=dict(BIRD.to_dict()), window=ENCODER_WINDOW, hop=ENCODER_HOP
    )
    return Manifest(
        name=name,
        version=version,
        summary="Pitch of the loudest band; for tests",
        task="encoder",
        model=ModelFile(sha256=sha256_of(model)),
        input=window,
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, ENCODER_WINDOW, BIRD.bands),
                meaning=meaning,
            ),
        ),
        outputs=(
            Tensor(name="embedding", axes=("batch", "value"), shape=(None, dimension), meaning="direction, length 1"),
        ),
        thresholds={"known": Threshold(value=known, chosen_on="nothing: fixed")} if cohort else {},
        training=Training(recipe="tests/helpers/tiny_bundle.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        data=(DataSource(name="none", used_for="nothing", licence="CC0-1.0"),),
        licence="CC0-1.0",
        cohort=cohort,
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
