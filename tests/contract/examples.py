"""One way or more to make each stage and feed it. Imports are lazy: a broken module fails its own tests only."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec
from tests.contract.streams import Audio, Frames, GatedFrames, Stream, Windows

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Example:
    """A stage and its input."""

    make: Callable[[], Any]
    """A fresh stage."""
    stream: Stream
    """Long enough for the stage to give something."""
    spec: FeatureSpec | None = None
    """Of the rows that it gives, if it gives rows."""


def frontend(spec: FeatureSpec) -> Example:
    from monitor.features.frontend import Frontend

    return Example(lambda: Frontend(spec), Audio(0.4, spec.rate), spec)


def windower(spec: FeatureSpec, frames: int, hop: int) -> Example:
    from monitor.features.windows import Windower

    return Example(lambda: Windower(spec, frames, hop), Frames(spec, 700))


def spectrum_columns() -> Example:
    from monitor.features.spectrum import SpectrumColumns

    return Example(SpectrumColumns, Audio(1.03))


def engine_rate(native_rate: int) -> Example:
    from monitor.audio.resample import EngineRate

    return Example(lambda: EngineRate(native_rate), Audio(0.3, native_rate))


def decimate(rate: int) -> Example:
    from monitor.audio.resample import Decimate

    return Example(lambda: Decimate(rate), Audio(0.3))


def level_meter() -> Example:
    from monitor.audio.level import LevelMeter

    return Example(LevelMeter, Audio(0.73))


def gate() -> Example:
    from monitor.birds.gate import Gate

    bundle = gate_bundle()
    return Example(lambda: Gate(bundle), Windows(BIRD, 50, 25, 70))


@cache
def gate_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_bundle import make_gate_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_gate_bundle(Path(directory)))


def embedder() -> Example:
    from monitor.birds.embedder import Embedder

    bundle = encoder_bundle()
    return Example(lambda: Embedder(bundle), Windows(BIRD, 147, 50, 9))


def tagger(species: int) -> Example:
    from monitor.birds.embedder import Embedder
    from monitor.birds.gate import Gate
    from monitor.birds.tagger import Tagger
    from tests.helpers.tagging import enrolled_at_random

    gate, encoder = gate_bundle(), encoder_bundle()

    def make() -> Tagger:
        stage = Tagger(Embedder(encoder), gate)
        stage.enrolled = enrolled_at_random(encoder, species)
        return stage

    return Example(make, GatedFrames(lambda: Gate(gate), 1_300))


@cache
def encoder_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_bundle import make_encoder_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_encoder_bundle(Path(directory)))


def recut(step: int) -> Example:
    from monitor.audio.recut import Recut

    return Example(lambda: Recut(step), Audio(0.5))


EXAMPLES: dict[str, dict[str, Callable[[], Example]]] = {
    "monitor.audio.level.LevelMeter": {"48 kHz": level_meter},
    "monitor.audio.recut.Recut": {str(step): lambda step=step: recut(step) for step in (37, 480, 4_800)},
    "monitor.audio.resample.Decimate": {str(rate): lambda rate=rate: decimate(rate) for rate in (16_000, 32_000)},
    "monitor.audio.resample.EngineRate": {
        str(rate): lambda rate=rate: engine_rate(rate) for rate in (8_000, 22_050, 44_100, 48_000, 96_000)
    },
    "monitor.birds.embedder.Embedder": {"by pitch": embedder},
    "monitor.birds.gate.Gate": {"by band": gate},
    "monitor.birds.tagger.Tagger": {"one species": lambda: tagger(1), "forty species": lambda: tagger(40)},
    "monitor.features.frontend.Frontend": {
        spec.name: lambda spec=spec: frontend(spec) for spec in (BIRD, MACHINE, SCENE, SPECIES)
    },
    "monitor.features.spectrum.SpectrumColumns": {"48 kHz": spectrum_columns},
    "monitor.features.windows.Windower": {
        "gate": lambda: windower(BIRD, 50, 25),
        "encoder": lambda: windower(BIRD, 251, 50),
        "sparse": lambda: windower(SPECIES, 3, 7),
    },
}
"""Qualified name of the stage -> variant -> example."""
