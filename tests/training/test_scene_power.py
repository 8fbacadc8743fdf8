"""Batches made in the power of the mel bands, beside the waveform that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from monitor.errors import AuricleError
from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
from training.config import load_recipe
from training.data.audio import AudioStore
from training.data.catalog import Kind, Recording
from training.data.frames import FrameStore
from training.data.mixtures import Colouring, colour
from training.scene.batches import make_batches
from training.scene.devices import Device
from training.scene.drawing import Drawing
from training.scene.fit import fit
from training.scene.power import PowerBatches, band_gains, on_bands
from training.scene.recipe import Network, Optimiser, Pretraining, SceneSettings, Sound, Teacher
from training.scene.source import Clip, Source

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Sound(domain="power", roll_s=0, device_share=0, low_pass_share=0, level_db=(0, 0), mixup=0)
NEPER = 10.0 / np.log(10.0)


def say(_: str) -> None:
    return None


def response(length: int = 600) -> Device:
    """Of a microphone: a decaying noise."""
    generator = np.random.default_rng(1)
    taps = generator.standard_normal(length) * np.exp(-np.arange(length) / 25.0)
    return Device("d", "d", (taps / np.sqrt(np.square(taps).sum())).astype(np.float32))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Two scenes of two recordings, another scene, and four short sounds of two classes."""
    generator = np.random.default_rng(0)
    clips: list[Clip] = []
    sounds: dict[str, np.ndarray] = {}
    for label, hertz in (("high", 3_000.0), ("low", 300.0), ("unknown", 9_000.0)):
        for fold in (0, 1):
            path, time = f"{label}{fold}", np.arange(2 * SCENE.rate) / SCENE.rate
            sounds[path] = 0.2 * np.sin(2 * np.pi * hertz * time) + 0.01 * generator.standard_normal(len(time))
            clips.append(Clip(Recording(path, Kind.SCENE, label, "", (path,)), label, fold))
    for event, hertz in (("cat", 1_000.0), ("dog", 6_000.0)):
        for number in (0, 1):
            path, time = f"{event}{number}", np.arange(SCENE.rate // 2) / SCENE.rate
            sounds[path] = 0.2 * np.sin(2 * np.pi * hertz * time) + 0.01 * generator.standard_normal(len(time))
            clips.append(Clip(Recording(path, Kind.ESC50, event, "", (path,)), "unknown" if event == "cat" else "", 0))
    places, position = {}, 0
    for path, sound in sounds.items():
        places[path] = (position, len(sound))
        position += len(sound)
    store = AudioStore("test", np.concatenate(list(sounds.values())).astype(np.float32), places)
    frames = FrameStore.open(list(sounds), store, SCENE, 64, tmp_path_factory.mktemp("frames"), say)
    return Source(clips, ("high", "low", "unknown"), (0, 1), store, (), (), None, ("cat", "dog"), frames)


def test_frames_are_kept_and_short_sounds_repeated(source: Source, tmp_path: Path) -> None:
    frames = FrameStore.open(["low0", "dog1"], source.store, SCENE, 64, tmp_path, say)
    np.testing.assert_allclose(frames["low0"], Kernel(SCENE)(source.store["low0"]), atol=0.01)
    assert len(frames["dog1"]) == 64
    twice = np.concatenate([source.store["dog1"]] * 3)[: SCENE.samples_in(64)]
    np.testing.assert_allclose(frames["dog1"], Kernel(SCENE)(twice), atol=0.01)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    FrameStore.open(["low0", "dog1"], source.store, SCENE, 64, tmp_path, say)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_a_filter_is_a_gain_of_each_band() -> None:
    """Against the real filter on noise: from 70 Hz on every band within 1.5 dB, all together within 0.2 dB."""
    noise = np.random.default_rng(2).standard_normal(20 * SCENE.rate).astype(np.float32) * 0.1
    kernel = Kernel(SCENE)

    def bands(wave: np.ndarray) -> np.ndarray:
        return NEPER * np.log(np.exp(kernel(wave).astype(float)).mean(axis=0))

    device = response()
    heard = np.convolve(noise, device.response)[: len(noise)]
    difference = bands(heard) - bands(noise) - NEPER * np.log(band_gains(device))
    difference = difference[4:]
    assert np.abs(difference).max() < 1.5
    assert abs(difference.mean()) < 0.2
    colouring = Colouring(0.0, 1e9, -6.0)
    tilted = colour(noise, colouring, SCENE.rate)
    gain = NEPER * np.log(on_bands(colouring.response(SCENE.fft, SCENE.rate)))
    assert np.abs(bands(tilted) - bands(noise) - gain)[8:].max() < 1.5
    low = colour(noise, Colouring(0.0, 4_000.0, 0.0), SCENE.rate)
    cut = on_bands(Colouring(0.0, 4_000.0, 0.0).response(SCENE.fft, SCENE.rate))
    assert (cut < 1e-3).any()
    assert np.abs(bands(low) - bands(noise) - NEPER * np.log(cut))[cut > 0.5].max() < 1.5


def test_unrelated_sounds_add_in_power(source: Source) -> None:
    sound = PLAIN.model_copy(update={"mixup": 0.3})
    batch = PowerBatches(source, None, sound, 1, 8, seed=3)[0]
    clean, mixed = (one.double().exp() - SCENE.floor for one in (batch.clean, batch.mixed))
    expected = batch.share**2 * clean + (1 - batch.share) ** 2 * clean[batch.order]
    assert 0.5 <= batch.share < 1.0
    torch.testing.assert_close(mixed, expected, rtol=1e-3, atol=1e-5)
    assert batch.taught is batch.clean
    assert PowerBatches(source, None, sound, 1, 8, seed=3, teacher_mixed=True)[0].taught is not batch.clean


def test_without_changes_a_window_is_the_recording(source: Source) -> None:
    batch = PowerBatches(source, None, PLAIN, 1, 6, seed=0)[0]
    assert batch.mixed is batch.clean
    stored = [source.frames[clip.path].astype(np.float32) for clip in source.clips]
    for window in batch.mixed.numpy():
        found = [
            np.abs(frames[start : start + 64] - window).max() for frames in stored for start in range(len(frames) - 63)
        ]
        assert min(found) < 0.05


def test_level_and_low_pass_do_what_they_say(source: Source) -> None:
    plain = PowerBatches(source, 0, PLAIN, 1, 6, seed=0)[0].clean
    louder = PowerBatches(source, 0, PLAIN.model_copy(update={"level_db": (20.0, 20.0)}), 1, 6, seed=0)[0].clean
    loud = plain > np.log(SCENE.floor) + 5.0
    assert float((louder - plain)[loud].mean()) == pytest.approx(20.0 / NEPER, abs=0.1)
    cut = PLAIN.model_copy(update={"low_pass_share": 1.0, "low_pass_hz": (1_000.0, 1_000.1)})
    dull = PowerBatches(source, 0, cut, 1, 6, seed=0)[0].clean
    assert float(dull[:, :, 128:].max()) == pytest.approx(np.log(SCENE.floor), abs=0.1)
    torch.testing.assert_close(dull[:, :, 8:40], plain[:, :, 8:40], atol=0.1, rtol=0)


def test_batches_are_balanced_repeatable_and_of_the_fold(source: Source) -> None:
    sound = Sound(domain="power", device_share=0)
    batches = make_batches(source, 0, sound, 3, 32, 5)
    assert isinstance(batches, PowerBatches)
    first, again = batches[1], make_batches(source, 0, sound, 3, 32, 5)[1]
    assert all(torch.equal(one, other) for one, other in zip(first[:6], again[:6], strict=True))
    assert first.share == again.share
    drawing = Drawing.of(source, 0, False, 0.0)
    assert {clip.path for group in drawing.groups for clip in group} == {"low1", "high1", "unknown1"}
    heard = Drawing.of(source, 1, False, 0.0).groups[2]
    # One other scene, and two sounds that are none: each kind is half of what is drawn.
    assert [clip.path for clip in heard].count("unknown0") == 2
    assert {clip.path for clip in heard} == {"unknown0", "cat0", "cat1"}


def test_pretraining_hears_no_scene_and_is_done_once(source: Source, tmp_path: Path) -> None:
    pool = Drawing.of_events(source)
    assert {clip.recording.label for group in pool.groups for clip in group} == {"cat", "dog"}
    short = Optimiser(epochs=1, windows=16, batch=8, warm_up=0.2, length=0.8)
    settings = SceneSettings(
        cache=str(tmp_path),
        sound=PLAIN,
        network=Network(submission=3, channels=(4, 4, 8), attention=(4, 4, 1)),
        optimiser=short,
        pretraining=Pretraining(teacher=short, student=short),
        teacher=Teacher(channels=(4, 8), events_weight=0.5, optimiser=short, sound=PLAIN),
    )
    said: list[str] = []
    for fold in (0, 1):
        fit(settings, source, fold, said.append)
    assert sum("events: 2 steps" in line for line in said) == 2
    assert sorted(path.name.split("-")[1] for path in (tmp_path / "networks").glob("events-*")) == [
        "student",
        "teacher",
    ]
    started = torch.load(next((tmp_path / "networks").glob("events-student-*")), weights_only=True)
    plain = settings.model_copy(update={"pretraining": Pretraining(), "cache": str(tmp_path / "other")})
    other = dict(fit(plain, source, 0, say).state_dict())
    learnt = dict(fit(settings, source, 0, say).state_dict())
    name = "body.0.convolution.weight"
    assert (learnt[name] - started[name]).norm() < (other[name] - started[name]).norm()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('[sound]\ndomain = "power"\nnoise_share = 0.5\n', "waveform"),
        ('[teacher.sound]\ndomain = "power"\npitch_share = 0.5\n', "teacher.sound"),
        ("[pretraining.student]\nepochs = 1\n", "how many windows"),
        ("[pretraining.teacher]\nepochs = 1\nwindows = 64\n", "events_weight"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, lines: str, why: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('system = "scene"\n' + lines + '[bundle]\nname = "a"\nversion = "1.0.0"\nsummary = "A."\n')
    with pytest.raises(AuricleError, match=why):
        load_recipe(path)
