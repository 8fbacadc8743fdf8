"""Real classifiers of a few kilobytes: one that knows pure tones in a waveform, one that knows bands of features."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from monitor.features.frontend import Kernel
from monitor.features.spec import SPECIES
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    FINGERPRINT_KEY,
    GOLDEN_FILE,
    MODEL_FILE,
    DataSource,
    ExtraFile,
    FeatureInput,
    Manifest,
    ModelFile,
    Tensor,
    Threshold,
    Training,
    WaveformInput,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session

if TYPE_CHECKING:
    from pathlib import Path

BLACKBIRD = "Turdus merula_Common Blackbird"
TIT = "Parus major_Great Tit"
FROG = "Hyla arborea_European Tree Frog"
ENGINE = "Engine_Engine"
VOICE = "Human vocal_Human vocal"

TONES = {BLACKBIRD: 3_000.0, TIT: 5_000.0, FROG: 2_000.0, ENGINE: 120.0, VOICE: 500.0}
"""Label -> pitch, Hz."""

BANDS = {BLACKBIRD: (32, 48), TIT: (48, 64), ENGINE: (0, 8), "background": (8, 32)}
"""Label -> bands of the spec `species`."""

OCCURRENCE_FILE = "occurrence.onnx"


def make_tone_bundle(
    directory: Path,
    *,
    name: str = "tones",
    rate: int = 48_000,
    window_s: float = 1.0,
    hop_s: float | None = None,
    thresholds: dict[str, float] | None = None,
    occurrence: bool = False,
) -> Path:
    """Write a classifier on a waveform below `directory`; its folder. At amplitude 0.1 a tone has the probability 0.5.

    With `occurrence` blackbirds live in the north and tits in the south.
    """
    folder = directory / name / "1.0.0"
    folder.mkdir(parents=True)
    window = round(window_s * rate)
    onnx.save(_tone_network(rate, window), folder / MODEL_FILE)
    audio = np.round(0.3 * 32_767 * tone(TONES[BLACKBIRD], 2 * window_s, rate)).astype(np.int16)
    hop = round((hop_s or window_s) * rate)
    outputs = Session(folder / MODEL_FILE).run({"waveform": windows_of(audio.astype(np.float32) / 32_768, window, hop)})
    write_golden(folder / GOLDEN_FILE, audio, None, outputs)
    files: dict[str, ExtraFile] | None = None
    if occurrence:
        onnx.save(_occurrence_network(), folder / OCCURRENCE_FILE)
        digest = sha256_of(folder / OCCURRENCE_FILE)
        files = {"occurrence": ExtraFile(file=OCCURRENCE_FILE, sha256=digest, meaning="a place", runtime="onnx")}
    write_manifest(
        _manifest(
            folder,
            name,
            WaveformInput(rate=rate, window=window, hop=hop),
            Tensor(name="waveform", axes=("batch", "sample"), shape=(None, window), meaning="full scale +-1"),
            tuple(TONES),
            "logits",
            thresholds or {},
            files=files,
            binomials="bird",
        ),
        folder,
    )
    return folder


def make_band_bundle(directory: Path, *, name: str = "bands", thresholds: dict[str, float] | None = None) -> Path:
    """Write a classifier on features with a reject class below `directory`; its folder."""
    folder = directory / name / "1.0.0"
    folder.mkdir(parents=True)
    frames, hop = 50, 25
    onnx.save(_band_network(frames), folder / MODEL_FILE)
    audio = np.round(0.3 * 32_767 * tone(5_000.0, 2.0, SPECIES.rate)).astype(np.int16)
    features = Kernel(SPECIES)(audio.astype(np.float32) / 32_768)
    outputs = Session(folder / MODEL_FILE).run({"features": windows_of(features, frames, hop)})
    write_golden(folder / GOLDEN_FILE, audio, features, outputs)
    write_manifest(
        _manifest(
            folder,
            name,
            FeatureInput(fingerprint=SPECIES.fingerprint, spec=dict(SPECIES.to_dict()), window=frames, hop=hop),
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, frames, SPECIES.bands),
                meaning="log-mel energy, dB",
            ),
            tuple(BANDS),
            "probabilities",
            thresholds or {"confidence": 0.5},
            reject="background",
        ),
        folder,
    )
    return folder


def tone(hz: float, seconds: float, rate: int = 48_000) -> np.ndarray:
    """float32 `(seconds * rate,)`, amplitude 1."""
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def song(parts: list[tuple[str | None, float]], rate: int = 48_000, amplitude: float = 0.3) -> np.ndarray:
    """float32: each label's tone for so many seconds, or silence (None), one after the other."""
    rows = [
        np.zeros(round(length * rate)) if label is None else tone(TONES[label], length, rate) for label, length in parts
    ]
    noise = 1e-4 * np.random.default_rng(5).standard_normal(sum(len(row) for row in rows))
    return (amplitude * np.concatenate(rows) + noise).astype(np.float32)


def _tone_network(rate: int, window: int) -> onnx.ModelProto:
    """`waveform` (batch, n) -> `logits` (batch, labels): 40 times a tone's amplitude less 4."""
    turns = np.array([list(TONES.values())], dtype=np.float32) * np.float32(2 * np.pi / rate)
    constants = {
        "turns": turns,
        "zero": np.float32(0),
        "one": np.float32(1),
        "count": np.float32(window),
        "column": np.array([window, 1]),
        "scale": np.float32(2 / window),
        "slope": np.float32(40),
        "offset": np.float32(-4),
    }
    nodes = [
        helper.make_node("Range", ["zero", "count", "one"], ["steps"]),
        helper.make_node("Reshape", ["steps", "column"], ["time"]),
        helper.make_node("MatMul", ["time", "turns"], ["angle"]),
        helper.make_node("Cos", ["angle"], ["cosine"]),
        helper.make_node("Sin", ["angle"], ["sine"]),
        helper.make_node("MatMul", ["waveform", "cosine"], ["even"]),
        helper.make_node("MatMul", ["waveform", "sine"], ["odd"]),
        helper.make_node("Mul", ["even", "even"], ["even2"]),
        helper.make_node("Mul", ["odd", "odd"], ["odd2"]),
        helper.make_node("Add", ["even2", "odd2"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["length"]),
        helper.make_node("Mul", ["length", "scale"], ["amplitude"]),
        helper.make_node("Mul", ["amplitude", "slope"], ["steep"]),
        helper.make_node("Add", ["steep", "offset"], ["logits"]),
    ]
    return _model(nodes, constants, ("waveform", [window]), ("logits", len(TONES)))


def _band_network(frames: int) -> onnx.ModelProto:
    """`features` (batch, frames, 64) in dB -> `probabilities` (batch, labels): the loudest stretch of bands."""
    member = np.zeros((SPECIES.bands, len(BANDS)), dtype=np.float32)
    for place, (first, end) in enumerate(BANDS.values()):
        member[first:end, place] = 1.0 / (end - first)
    constants = {"member": member, "slope": np.float32(0.5)}
    nodes = [
        helper.make_node("ReduceMean", ["features"], ["spectrum"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["spectrum", "member"], ["levels"]),
        helper.make_node("Mul", ["levels", "slope"], ["steep"]),
        helper.make_node("Softmax", ["steep"], ["probabilities"], axis=1),
    ]
    inputs = ("features", [frames, SPECIES.bands])
    model = _model(nodes, constants, inputs, ("probabilities", len(BANDS)))
    helper.set_model_props(model, {FINGERPRINT_KEY: SPECIES.fingerprint})
    return model


def _occurrence_network() -> onnx.ModelProto:
    """`place` (batch, 3) -> `occurrence` (batch, labels)."""
    weights = np.zeros((3, len(TONES)), dtype=np.float32)
    weights[0, :3] = (0.2, -0.2, 0.2)
    constants = {"weights": weights, "offset": np.array([0, 0, 0, -20, -20], dtype=np.float32)}
    nodes = [
        helper.make_node("MatMul", ["place", "weights"], ["slope"]),
        helper.make_node("Add", ["slope", "offset"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["occurrence"]),
    ]
    return _model(nodes, constants, ("place", [3]), ("occurrence", len(TONES)))


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray | np.floating],
    taken: tuple[str, list[int]],
    given: tuple[str, int],
) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(taken[0], TensorProto.FLOAT, ["batch", *taken[1]])]
    outputs = [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, ["batch", given[1]])]
    stored = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "classifier", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _manifest(
    folder: Path,
    name: str,
    cut: WaveformInput | FeatureInput,
    taken: Tensor,
    labels: tuple[str, ...],
    role: Literal["logits", "probabilities"],
    thresholds: dict[str, float],
    *,
    reject: str | None = None,
    files: dict[str, ExtraFile] | None = None,
    binomials: Literal["bird", "animal"] = "animal",
) -> Manifest:
    (folder / CARD_FILE).write_text(f"# {name}\n\nMade by the tests.\n", encoding="utf-8")
    return Manifest(
        name=name,
        version="1.0.0",
        summary="Tones; for tests",
        task="species",
        model=ModelFile(sha256=sha256_of(folder / MODEL_FILE)),
        input=cut,
        inputs=(taken,),
        outputs=(
            Tensor(name=role, axes=("batch", "label"), shape=(None, len(labels)), meaning="of each label", role=role),
        ),
        labels=labels,
        thresholds={key: Threshold(value=value, chosen_on="nothing: fixed") for key, value in thresholds.items()},
        training=Training(recipe="tests/helpers/tiny_species.py", recipe_sha256=hashlib.sha256(b"").hexdigest()),
        data=(DataSource(name="none", used_for="nothing", licence="CC0-1.0"),),
        licence="CC0-1.0",
        reject=reject,
        binomials=binomials,
        files=files,
    )
