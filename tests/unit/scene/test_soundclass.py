"""The classifier of sound classes: what it takes, what it says, and how the label is smoothed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.core.types import AudioBlock
from monitor.errors import BundleError
from monitor.features.ams import AmsFrontend
from monitor.features.ams_spec import AMS_PLAIN
from monitor.features.windows import Windower

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from monitor.inference.bundle import load_bundle, verify_bundle
from monitor.scene.soundclass import SoundClassifier
from tests.helpers.tiny_scene import make_scene_bundle
from tests.helpers.tiny_sound_class import make_sound_class_bundle, swelling

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.core.sound_readings import SoundClassReading

LENGTH = 480_000
"""Engine samples of a decision."""


def heard(sound: np.ndarray, stage: SoundClassifier) -> list[SoundClassReading]:
    frontend, windower = AmsFrontend(stage.spec), Windower(stage.spec, stage.cut.frames, stage.cut.hop)
    return [
        reading
        for frames in frontend.push(AudioBlock(sound, 0, 16_000))
        for window in windower.push(frames)
        for reading in stage.push(window)
    ]


@pytest.fixture
def stage(tmp_path: Path) -> SoundClassifier:
    return SoundClassifier(load_bundle(make_sound_class_bundle(tmp_path)))


def test_ten_seconds_are_one_decision_by_what_they_sound_like(stage: SoundClassifier) -> None:
    sound = np.concatenate([swelling(0, 10.0), swelling(4.0, 10.0), swelling(16.0, 10.0), swelling(0, 9.9)])
    readings = heard(sound, stage)
    assert [reading.label for reading in readings] == ["noise", "speech", "music"]
    assert [(reading.span.start, reading.span.length) for reading in readings] == [
        (i * LENGTH, LENGTH) for i in range(3)
    ]
    for reading in readings:
        assert list(reading.probabilities) == sorted(
            reading.probabilities, key=lambda label: -reading.probabilities[label]
        )
        assert sum(reading.probabilities.values()) == pytest.approx(1.0, abs=1e-5)


def test_the_smoothed_label_outlasts_one_stray_decision(stage: SoundClassifier) -> None:
    sound = np.concatenate([swelling(4.0, 40.0), swelling(0.0, 10.0), swelling(4.0, 10.0)])
    readings = heard(sound, stage)
    assert [reading.label for reading in readings] == [*["speech"] * 4, "noise", "speech"]
    assert {reading.smoothed for reading in readings} == {"speech"}
    assert readings[4].probability < readings[3].probability
    stage.reset(0)
    assert heard(swelling(0.0, 10.0), stage)[0].smoothed == "noise"


def test_windows_of_other_features_are_refused(stage: SoundClassifier, tmp_path: Path) -> None:
    other = replace(AMS_PLAIN, envelope="power")
    bundle = load_bundle(make_sound_class_bundle(tmp_path / "other", spec=other))
    frames = AmsFrontend(other).push(AudioBlock(swelling(4.0, 10.0), 0, 16_000))
    (window,) = Windower(other, 5, 5).push(frames[0])
    assert SoundClassifier(bundle).push(window)
    with pytest.raises(ValueError, match="does not take features"):
        stage.push(window)


def test_a_bundle_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="model for `scene`"):
        SoundClassifier(load_bundle(make_scene_bundle(tmp_path)))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"kind": "modulation"', '"kind": "features"', "spec"),
        ('"envelope": "magnitude"', '"envelope": "power"', "fingerprint"),
        ('"envelope": "magnitude"', '"envelope": "hilbert"', "magnitude, power"),
        ('"decimation": 20,', '"decimation": 20, "fft": 512,', "unknown key 'fft'"),
    ],
)
def test_a_manifest_that_does_not_fit_its_features_is_refused(tmp_path: Path, old: str, new: str, named: str) -> None:
    folder = make_sound_class_bundle(tmp_path)
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))
    assert any(named in str(fault) for fault in verify_bundle(folder))


def test_golden_features_that_are_off_are_found(tmp_path: Path) -> None:
    folder = make_sound_class_bundle(tmp_path)
    with np.load(folder / "golden.npz") as arrays:
        kept = dict(arrays)
    kept["features"] = kept["features"] + np.float32(0.02)
    np.savez_compressed(folder / "golden.npz", **kept)
    assert any("off by 0.02 dB" in str(fault) for fault in verify_bundle(folder))
