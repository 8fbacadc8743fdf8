"""The sound-class branch in the pipeline: decisions, cuts, gaps, overload, settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.core.events import Health, SoundClassReading
from monitor.core.types import AudioBlock
from monitor.engine import bench
from monitor.engine.models import Models, load_models
from monitor.engine.runner import StreamRunner
from monitor.errors import BundleError
from monitor.export.jsonl import to_json_line
from monitor.settings import BirdsSettings, SoundSettings

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from tests.helpers.tiny_scene import make_scene_bundle
from tests.helpers.tiny_sound_class import make_sound_class_bundle, swelling
from tests.unit.engine.test_species import Heard

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
DECISION = 10 * RATE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_sound_class_bundle(folder)
    make_scene_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def day() -> np.ndarray:
    """Ten seconds steady, ten like syllables, ten rough, and a rest."""
    return np.concatenate([swelling(beat, 10.0, RATE) for beat in (0.0, 4.0, 16.0)] + [swelling(0.0, 6.0, RATE)])


def loaded(root: Path, **sound: object) -> Models:
    return load_models(BirdsSettings(enabled=False), [root], sound=SoundSettings.model_validate(sound))


def listen(models: Models, samples: np.ndarray, size: int) -> Heard:
    heard = Heard()
    runner = StreamRunner("test", RATE, models, heard, screen=False)
    for start in range(0, len(samples), size):
        runner.take(AudioBlock(samples[start : start + size], start))
    runner.end()
    return heard


def test_tells_the_class_of_each_ten_seconds_however_the_source_cuts(root: Path, day: np.ndarray) -> None:
    models = loaded(root)
    whole = listen(models, day, len(day)).of(SoundClassReading)
    assert [reading.label for reading in whole] == ["noise", "speech", "music"]
    assert [reading.span.start for reading in whole] == [0, DECISION, 2 * DECISION]
    assert listen(models, day, 7_001).of(SoundClassReading) == whole


def test_no_decision_spans_lost_audio(root: Path, day: np.ndarray) -> None:
    heard = Heard()
    runner = StreamRunner("test", RATE, loaded(root), heard, screen=False)
    runner.take(AudioBlock(day[: 8 * RATE], 0))
    runner.take(AudioBlock(day[9 * RATE :], 9 * RATE, lost_before=RATE))
    runner.end()
    assert [reading.span.start for reading in heard.of(SoundClassReading)] == [DECISION, 2 * DECISION]


def test_is_a_branch_of_the_health_report_and_a_line_of_json(root: Path, day: np.ndarray) -> None:
    heard = listen(loaded(root), day, RATE)
    assert "sound class" in {branch.name for health in heard.of(Health) for branch in health.branches}
    line = json.loads(to_json_line("a.wav", heard.of(SoundClassReading)[1], None))
    assert (line["type"], line["label"], line["start_s"], line["end_s"]) == ("sound_class", "speech", 10.0, 20.0)
    assert set(line["probabilities"]) == {"noise", "music", "speech", "speech+noise"}


def test_benchmark_has_a_row_for_sound_classes(root: Path, day: np.ndarray) -> None:
    figures = bench.run([day], RATE, 0.2, loaded(root))
    assert set(bench.SOUND_STAGES) <= set(figures.stages_s)
    (line,) = [line for line in figures.lines() if line.startswith("sound classes: ")]
    assert line.endswith(" of one core")


def test_settings_choose_switch_off_and_refuse(root: Path, tmp_path: Path) -> None:
    assert loaded(root, enabled=False).sound_class is None
    assert loaded(tmp_path).sound_class is None
    assert loaded(root, model="sound-class@1.0.0").sound_class is not None
    with pytest.raises(BundleError, match="not one that knows sound classes"):
        loaded(root, model="scene")
    with pytest.raises(BundleError, match="not found"):
        loaded(root, model="sounds")
