"""The shipped classifier of sound classes on real recordings, and the privacy mode on real speech.

It has heard these recordings: what it tells of them shows that it runs as it was trained, not how well it does.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import soundfile

from monitor.audio.resample import resampled
from monitor.features.ams_spec import AMS_OPTIMISED
from monitor.inference.bundle import load_bundle
from tests.helpers.program import ROOT, Done, auricle
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
TRAIN = DATA / "scenes/vehicle_interior/ashuto__app_src_main_assets_moving_train__673bae.ogg"
MUSIC = DATA / "music/brahms_hungarian_dance_5.ogg"


def read(path: Path, seconds: float) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)[: round(seconds * rate)]
    return resampled(mono, rate, RATE, round(len(mono) * RATE / rate))


def speech(seconds: float) -> np.ndarray:
    """Several people, one after the other."""
    said = np.concatenate([read(path, 8.0) for path in sorted((DATA / "speech").iterdir())[:6]])
    return said[: round(seconds * RATE)]


def replay(home: Path, sound: np.ndarray, *flags: str) -> Done:
    soundfile.write(home / "day.wav", sound, RATE, subtype="FLOAT")
    done = auricle(home, "replay", str(home / "day.wav"), "--no-tui", "--speed", "max", "--jsonl", "-", *flags)
    assert "Traceback" not in done.err, done.err
    return done


def test_the_shipped_bundle_has_the_optimised_bank_and_544_parameters() -> None:
    (folder,) = (ROOT / "models/sound-class").iterdir()
    bundle = load_bundle(folder)
    assert bundle.modulation == AMS_OPTIMISED
    held = {
        name: onnx.numpy_helper.to_array(one)
        for one in onnx.load(folder / "model.onnx").graph.initializer
        for name in [one.name]
    }
    floats = [value for value in held.values() if value.dtype == np.float32 and value.size > 1]
    # The normalisation may be folded into the layer behind it by the export; nothing is added.
    assert 414 + 40 <= sum(value.size for value in floats) <= 544 + 90


@needs_recordings
@pytest.mark.parametrize("model", ["sound-class", "sound-class-wide"])
def test_noise_music_and_speech_are_told_apart(tmp_path: Path, model: str) -> None:
    (tmp_path / "auricle.toml").write_text(f'[sound]\nmodel = "{model}"\n', encoding="utf-8")
    done = replay(tmp_path, np.concatenate([read(TRAIN, 20.0), read(MUSIC, 20.0), speech(20.0)]))
    assert done.code == 0, done.err
    labels = [line["label"] for line in done.lines if line["type"] == "sound_class"]
    assert len(labels) == 6
    assert labels[:4] == ["noise", "noise", "music", "music"]
    assert all(label.startswith("speech") for label in labels[4:]), labels


@needs_recordings
def test_speech_is_withheld_and_logged_and_nothing_of_it_is_on_disk(tmp_path: Path) -> None:
    (tmp_path / "auricle.toml").write_text("[privacy]\nhold_s = 10.0\n", encoding="utf-8")
    sound = np.concatenate([read(TRAIN, 20.0), speech(20.0), read(TRAIN, 30.0)])
    log = tmp_path / "log.sqlite"
    done = replay(tmp_path, sound, "--privacy", "--log", str(log))
    assert done.code == 0, done.err
    told = [line for line in done.lines if line["type"] == "privacy"]
    assert [line["state"] for line in told[:3]] == ["watching", "withholding", "watching"]
    assert told[2]["reason"] == "speech"
    # The decision after the last word may still have its reverberation; the hold is ten seconds.
    assert told[2]["start_s"] <= 20.0 and told[2]["end_s"] >= 50.0
    assert any(line["type"] == "level" and line["start_s"] > 25.0 for line in done.lines), "readings go on"
    with sqlite3.connect(log) as stored:
        rows = [json.loads(fields) for (fields,) in stored.execute("SELECT fields FROM events WHERE topic = 'privacy'")]
    assert [row["state"] for row in rows] == [line["state"] for line in told]
    kept = [path for path in tmp_path.rglob("*") if path.suffix in (".flac", ".wav", ".ogg", ".npz")]
    assert kept == [tmp_path / "day.wav"]


@pytest.mark.parametrize("command", ["live", "capture"])
def test_raw_recording_and_privacy_exclude_each_other(tmp_path: Path, command: str) -> None:
    (tmp_path / "auricle.toml").write_text('[privacy]\nmode = "speech"\n', encoding="utf-8")
    done = auricle(tmp_path, command, "--record", str(tmp_path / "raw"))
    assert done.code == 2
    assert "raw audio would be kept" in " ".join(done.err.split())
    assert not (tmp_path / "raw").exists()


def test_privacy_without_anything_that_tells_speech_is_refused(tmp_path: Path) -> None:
    (tmp_path / "auricle.toml").write_text("[sound]\nenabled = false\n", encoding="utf-8")
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    done = auricle(tmp_path, "replay", str(tmp_path / "a.wav"), "--no-tui", "--privacy")
    assert done.code == 2
    assert "nothing can tell speech" in " ".join(done.err.split())
