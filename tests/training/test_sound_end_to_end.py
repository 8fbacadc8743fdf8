"""A whole run, from files laid out as AudioSet and MUSAN to a bundle, on sounds made by arithmetic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")

from monitor.errors import UsageError
from monitor.inference.bundle import load_bundle
from training.config import load_recipe
from training.dispatch import system_of
from training.sound.recipe import LABELS

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000

RECIPE = """
system = "sound"
cache = "{folder}/cache"

[bundle]
name = "sound-class"
version = "0.1.0"
summary = "For tests."
folder = "{folder}/models"

[recordings]
layout = "audioset"
folder = "{folder}/audioset"
musan = "{folder}/musan"
noise_classes = ["Rain"]
music_classes = ["Jazz"]
folds = 2

[mixing]
examples = 6

[search]
trials = {trials}
examples = 2
folds = 2
steps = 5

[optimiser]
epochs = 50
batch = 32
gain_db = 6.0
shuffle = true
"""


def lay_out(folder: Path) -> None:
    """Three clips of rain, three of chords, one of both, one of a click; three speakers."""
    generator = np.random.default_rng(0)
    time = np.arange(11 * RATE) / RATE
    (folder / "audioset").mkdir(parents=True)
    (folder / "musan/speech/librivox").mkdir(parents=True)
    rows = ["# num_ytids=8"]
    for number in range(3):
        rain = 0.1 * generator.standard_normal(len(time))
        chord = sum(0.1 * np.sin(2 * np.pi * hertz * (1 + 0.1 * number) * time) for hertz in (220, 277, 330))
        pace = np.clip(np.sin(2 * np.pi * (3.5 + 0.5 * number) * time), 0.0, None)
        speech = 0.3 * pace * np.sign(np.sin(2 * np.pi * (110 + 40 * number) * time))
        soundfile.write(folder / f"audioset/rain{number:07d}.wav", rain, RATE)
        soundfile.write(folder / f"audioset/jazz{number:07d}.wav", chord, RATE)
        soundfile.write(folder / f"musan/speech/librivox/{number}.wav", speech, RATE)
        rows += [f'rain{number:07d}, 0.0, 10.0, "/m/rain"', f'jazz{number:07d}, 0.0, 10.0, "/m/jazz"']
    soundfile.write(folder / "audioset/both0000000.wav", rain + chord, RATE)
    soundfile.write(folder / "audioset/talk0000000.wav", speech, RATE)
    rows += ['both0000000, 0.0, 10.0, "/m/rain,/m/jazz"', 'talk0000000, 0.0, 10.0, "/m/rain,/m/talk"']
    (folder / "audioset/balanced_train_segments.csv").write_text("\n".join(rows) + "\n")
    names = "index,mid,display_name\n0,/m/rain,Rain\n1,/m/jazz,Jazz\n2,/m/talk,Speech\n"
    (folder / "audioset/class_labels_indices.csv").write_text(names)


def recipe_of(folder: Path, trials: int) -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(folder=folder, trials=trials))
    return path


def test_recordings_become_a_bundle_that_tells_the_classes(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = recipe_of(tmp_path, 50)
    recipe, system = load_recipe(path), system_of("sound")
    said: list[str] = []
    results = system.run(recipe, path, said.append)
    assert results.recall["music"] == 1.0
    assert results.macro > 0.7, results.lines()
    assert results.parameters == 544
    assert sum(sum(row.values()) for row in results.confusion.values()) == results.examples == 48
    bundle = load_bundle(tmp_path / "models/sound-class/0.1.0")
    assert bundle.labels == LABELS
    assert bundle.modulation is not None
    assert (bundle.path / "golden.npz").stat().st_size < 200_000
    card = (bundle.path / "CARD.md").read_text()
    assert f"Mean recall {results.macro:.3f}" in card
    assert "50 banks were judged" in card
    (history,) = (tmp_path / "cache").glob("bank-*.json")
    tried = json.loads(history.read_text())
    assert len({str(bank[:2]) for bank in tried}) == len(tried) >= 50
    assert results.bank_cost == min(bank[2] for bank in tried[:50]) <= results.plain_cost == tried[0][2]
    trained = [line for line in said if line.startswith("trained")]
    again: list[str] = []
    assert system.run(recipe, path, again.append).lines() == results.lines()
    assert trained
    assert not [line for line in again if line.startswith(("trained", "rendered", "bank"))], "all is in the cache"
    assert system.export(recipe, path, again.append) == bundle.path


def test_what_is_both_noise_and_music_or_has_speech_is_left_out(tmp_path: Path) -> None:
    from training.sound.source import load_sound_source

    lay_out(tmp_path)
    source = load_sound_source(load_recipe(recipe_of(tmp_path, 0)), lambda _: None)
    names = {one.recording.path[:4] for one in source.sounds if one.content != "speech"}
    assert names == {"rain", "jazz"}
    assert {one.fold for one in source.sounds} == {0, 1}


def test_a_fold_without_music_is_told(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = recipe_of(tmp_path, 0)
    path.write_text(path.read_text().replace("folds = 2\n\n[mixing]", "folds = 4\n\n[mixing]"))
    with pytest.raises(UsageError, match="fold 3 of 4 has no music and no speech and no noise"):
        system_of("sound").run(load_recipe(path), path, lambda _: None)


def test_export_without_a_measured_run_is_refused(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = recipe_of(tmp_path, 0)
    with pytest.raises(UsageError, match="nothing was measured yet"):
        system_of("sound").export(load_recipe(path), path, lambda _: None)
