"""One way or more to make each stage and feed it. Imports are lazy: a broken module fails its own tests only."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec
from tests.contract.streams import Audio, Frames, GatedFrames, Stream, Windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.features.ams_spec import AmsSpec


@dataclass(frozen=True)
class Example:
    """A stage and its input."""

    make: Callable[[], Any]
    """A fresh stage."""
    stream: Stream
    """Long enough for the stage to give something."""
    spec: FeatureSpec | AmsSpec | None = None
    """Of the rows that it gives, if it gives rows."""


def frontend(spec: FeatureSpec) -> Example:
    from monitor.features.frontend import Frontend

    return Example(lambda: Frontend(spec), Audio(0.4, spec.rate), spec)


def ams_frontend(envelope: str) -> Example:
    from monitor.features.ams import AmsFrontend
    from monitor.features.ams_spec import AMS_PLAIN

    spec = replace(AMS_PLAIN, hop=3_200, envelope=envelope)
    return Example(lambda: AmsFrontend(spec), Audio(0.9, spec.rate), spec)


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


def sound_gate() -> Example:
    from monitor.birds.gate import Gate
    from tests.contract.sound_streams import SoundWindows

    bundle = sound_gate_bundle()
    length, hop = Gate(bundle).grid.length, Gate(bundle).cut.hop * BIRD.engine_hop
    return Example(lambda: Gate(bundle), SoundWindows(length, 40, hop, loud_every=7))


@cache
def sound_gate_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_sound import make_sound_gate_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_sound_gate_bundle(Path(directory)))


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


def sound_embedder() -> Example:
    from monitor.birds.sound_embedder import SoundEmbedder
    from tests.contract.sound_streams import SoundWindows

    bundle = sound_encoder_bundle()
    return Example(lambda: SoundEmbedder(bundle), SoundWindows(144_000, 6))


def tagger_on_sound() -> Example:
    from monitor.birds.gate import Gate
    from monitor.birds.sound_embedder import SoundEmbedder
    from monitor.birds.tagger import Tagger
    from tests.contract.sound_streams import GatedSound
    from tests.helpers.tagging import enrolled_at_random

    gate, encoder = gate_bundle(), sound_encoder_bundle()

    def make() -> Tagger:
        stage = Tagger(SoundEmbedder(encoder), gate)
        stage.enrolled = enrolled_at_random(encoder, 5)
        return stage

    return Example(make, GatedSound(lambda: Gate(gate), 18.0))


@cache
def sound_encoder_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_sound import make_sound_encoder_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_sound_encoder_bundle(Path(directory)))


@cache
def encoder_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_bundle import make_encoder_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_encoder_bundle(Path(directory)))


def sample_windower(rate: int, length: int, hop: int) -> Example:
    from monitor.features.sample_windows import SampleWindower

    return Example(lambda: SampleWindower(rate, length, hop), Audio(0.4, rate))


def classifier(gives: str) -> Example:
    from monitor.species.classifier import Classifier
    from tests.contract.species_streams import SampleWindows

    bundle = classifier_bundle(gives)
    stream = SampleWindows(12) if gives == "tones" else Windows(SPECIES, 50, 25, 40)
    return Example(lambda: Classifier(bundle), stream)


@cache
def classifier_bundle(gives: str) -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_species import make_band_bundle, make_tone_bundle

    with tempfile.TemporaryDirectory() as directory:
        make = make_tone_bundle if gives == "tones" else make_band_bundle
        return load_bundle(make(Path(directory)))


def gated_windows() -> Example:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.species.gated import GatedWindows
    from tests.contract.species_streams import GatedSampleWindows

    return Example(GatedWindows, GatedSampleWindows(50))


def merge(hop_s: float) -> Example:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.species.merge import Merge
    from tests.contract.species_streams import HitWindows

    return Example(lambda: Merge("tones@1.0.0", round((3 + hop_s) * 48_000)), HitWindows(60, hop_s))


def machine_windows() -> Example:
    from monitor.machines.window import MachineWindows

    return Example(MachineWindows, Audio(6.5, 16_000))


def anomaly_detector() -> Example:
    from monitor.machines.anomaly import AnomalyDetector
    from tests.contract.machine_streams import HeardContexts
    from tests.helpers.machines import fan_profile

    profile = fan_profile()
    return Example(lambda: AnomalyDetector(profile), HeardContexts())


def percentile_hours() -> Example:
    from monitor.core.clock import samples
    from monitor.machines.drift import PercentileHours
    from tests.contract.machine_streams import AnomalyReadings

    return Example(lambda: PercentileHours(samples(60.0)), AnomalyReadings(200))


def scene_classifier() -> Example:
    from monitor.scene.classifier import SceneClassifier
    from tests.contract.scene_streams import SceneWindows

    bundle = scene_bundle()
    return Example(lambda: SceneClassifier(bundle), SceneWindows(14))


@cache
def scene_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_scene import make_scene_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_scene_bundle(Path(directory)))


def scene_smoother(time_constant_s: float, hold_s: float) -> Example:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.scene.smoothing import SceneSmoother, Settling
    from tests.contract.scene_streams import Scores
    from tests.helpers.tiny_scene import BANDS, UNKNOWN

    settling = Settling(0.4, time_constant_s, hold_s)
    return Example(lambda: SceneSmoother(tuple(BANDS), settling, UNKNOWN), Scores(60))


def sound_classifier() -> Example:
    from monitor.scene.soundclass import SoundClassifier
    from tests.contract.sound_class_streams import ModulationWindows

    bundle = sound_class_bundle()
    return Example(lambda: SoundClassifier(bundle), ModulationWindows(20))


@cache
def sound_class_bundle() -> Any:
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from monitor.inference.bundle import load_bundle
    from tests.helpers.tiny_sound_class import make_sound_class_bundle

    with tempfile.TemporaryDirectory() as directory:
        return load_bundle(make_sound_class_bundle(Path(directory)))


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
    "monitor.birds.gate.Gate": {"by band": gate, "on sound": sound_gate},
    "monitor.birds.sound_embedder.SoundEmbedder": {"by pitch": sound_embedder},
    "monitor.birds.tagger.Tagger": {
        "one species": lambda: tagger(1),
        "forty species": lambda: tagger(40),
        "on sound": tagger_on_sound,
    },
    "monitor.features.ams.AmsFrontend": {
        envelope: lambda envelope=envelope: ams_frontend(envelope) for envelope in ("magnitude", "power")
    },
    "monitor.features.frontend.Frontend": {
        spec.name: lambda spec=spec: frontend(spec) for spec in (BIRD, MACHINE, SCENE, SPECIES)
    },
    "monitor.features.sample_windows.SampleWindower": {
        "apart": lambda: sample_windower(48_000, 4_800, 4_800),
        "overlapping": lambda: sample_windower(32_000, 1_001, 333),
        "sparse": lambda: sample_windower(16_000, 700, 1_500),
    },
    "monitor.features.spectrum.SpectrumColumns": {"48 kHz": spectrum_columns},
    "monitor.features.windows.Windower": {
        "gate": lambda: windower(BIRD, 50, 25),
        "encoder": lambda: windower(BIRD, 251, 50),
        "sparse": lambda: windower(SPECIES, 3, 7),
    },
    "monitor.machines.anomaly.AnomalyDetector": {"a fan": anomaly_detector},
    "monitor.machines.drift.PercentileHours": {"minutes": percentile_hours},
    "monitor.machines.window.MachineWindows": {"16 kHz": machine_windows},
    "monitor.scene.classifier.SceneClassifier": {"by band": scene_classifier},
    "monitor.scene.smoothing.SceneSmoother": {
        "as by default": lambda: scene_smoother(4.5, 3.0),
        "at once": lambda: scene_smoother(0.5, 0.0),
    },
    "monitor.scene.soundclass.SoundClassifier": {"by pace": sound_classifier},
    "monitor.species.classifier.Classifier": {
        "waveform": lambda: classifier("tones"),
        "features": lambda: classifier("bands"),
    },
    "monitor.species.gated.GatedWindows": {"of samples": gated_windows},
    "monitor.species.merge.Merge": {"apart": lambda: merge(3.0), "overlapping": lambda: merge(1.0)},
}
"""Qualified name of the stage -> variant -> example."""
