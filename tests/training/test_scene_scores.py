from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import torch

from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
from tests.training.test_gate_end_to_end import make_recordings
from training.data.audio import AudioStore
from training.data.catalog import Kind, Recording
from training.nets.scene_teacher import SceneCNN
from training.scene.devices import Device
from training.scene.fit import SETTLING, SETTLING_WINDOWS, settle
from training.scene.measure import UNHEARD, accuracies, by_recorder, reject, threshold_of
from training.scene.networks import student_of
from training.scene.recipe import Optimiser, Picture, SceneSettings, Sound
from training.scene.render import POINTS, WINDOW, SceneBatches
from training.scene.scores import Scored, accuracy, join, score_clips, windows_in
from training.scene.source import Clip, Source, load_source
from training.scene.steadiness import steadiness
from training.systems.scene import SceneSystem, rate_share

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Sound(roll_s=0, device_share=0, low_pass_share=0, level_db=(0, 0), mixup=0)


def source(seconds: float = 3.0, devices: tuple[Device, ...] = ()) -> Source:
    """Two recordings of a low and a high scene each, and one stranger."""
    generator = np.random.default_rng(0)
    time = np.arange(int(seconds * SCENE.rate)) / SCENE.rate
    clips: list[Clip] = []
    sounds: dict[str, np.ndarray] = {}
    for label, hertz in (("low", 300.0), ("high", 3_000.0), ("unknown", 9_000.0)):
        for fold in (0, 1):
            path = f"{label}{fold}"
            tone = 0.2 * np.sin(2 * np.pi * hertz * (1 + 0.1 * fold) * time)
            sounds[path] = (tone + 0.01 * generator.standard_normal(len(time))).astype(np.float32)
            recording = Recording(path, Kind.SCENE, label, "", (path,))
            clips.append(Clip(recording, label, fold, stranger=label == "unknown"))
    places, position = {}, 0
    for path, sound in sounds.items():
        places[path] = (position, len(sound))
        position += len(sound)
    store = AudioStore("test", np.concatenate(list(sounds.values())), places)
    return Source(clips, ("high", "low"), (0, 1), store, devices, (), None, ())


def test_batches_are_balanced_repeatable_and_of_the_fold() -> None:
    data = source()
    batches = SceneBatches(data, 0, Sound(device_share=0), 3, 16, seed=5)
    first, again = batches[1], SceneBatches(data, 0, Sound(device_share=0), 3, 16, seed=5)[1]
    assert first.mixed.shape == (16, 64, 256)
    assert all(torch.equal(one, other) for one, other in zip(first[:6], again[:6], strict=True))
    assert first.share == again.share >= 0.5
    assert not torch.equal(first.mixed, batches[2].mixed)
    labels = torch.cat([batches[i].labels for i in range(3)])
    assert 0.3 < (labels == 0).float().mean() < 0.7
    assert {clip.path for group in batches._drawing.groups for clip in group} == {"low1", "high1"}


def test_without_augmentation_a_window_is_the_recording() -> None:
    data = source()
    batches = SceneBatches(data, None, PLAIN, 1, 4, seed=0)
    clip = data.clips[0]
    window = batches.window(clip, np.random.default_rng(3))
    samples = data.store[clip.path]
    starts = np.flatnonzero(samples == window[0])
    assert any(np.array_equal(samples[s : s + WINDOW], window) for s in starts)
    batch = batches[0]
    assert batch.mixed is batch.clean is batch.taught
    assert batch.share == 1.0


def test_a_device_is_a_convolution() -> None:
    response = np.zeros(400, dtype=np.float32)
    response[[0, 300]] = 1.0, 0.5
    data = source(devices=(Device("d", "d", response),))
    window = SceneBatches(data, None, PLAIN.model_copy(update={"device_share": 1.0}), 1, 4, seed=0).window(
        data.clips[0], np.random.default_rng(3)
    )
    expected = [
        np.convolve(data.store["low0"][s : s + POINTS], response)[POINTS - WINDOW : POINTS] for s in (0, 10_000)
    ]
    tones = [np.abs(np.fft.rfft(one)).max() for one in expected]
    assert np.abs(np.fft.rfft(window)).max() == pytest.approx(tones[0], rel=0.02)
    assert tones[0] == pytest.approx(tones[1], rel=0.02)


@pytest.mark.parametrize("name", ["low_pass", "level", "noise", "pitch", "tilt"])
def test_every_change_of_the_waveform_changes_what_it_should(name: str) -> None:
    change = {
        "low_pass": {"low_pass_share": 1.0, "low_pass_hz": (1_000.0, 1_000.1)},
        "level": {"level_db": (-20.0, -20.0)},
        "noise": {"noise_share": 1.0, "noise_db": (0.0, 0.0)},
        "pitch": {"pitch_share": 1.0, "pitch": (1.25, 1.2501)},
        "tilt": {"tilt_share": 1.0, "tilt_db": (-6.0, -6.0)},
    }[name]
    data = source()
    clip = next(clip for clip in data.clips if clip.path == "high0")
    before, after = (
        np.abs(np.fft.rfft(SceneBatches(data, None, s, 1, 4, 0).window(clip, np.random.default_rng(1)))) / WINDOW
        for s in (PLAIN, PLAIN.model_copy(update=change))
    )
    hertz = np.fft.rfftfreq(WINDOW, 1 / SCENE.rate)
    peak = after[hertz.searchsorted(2_990) : hertz.searchsorted(3_010)].max() / before.max()
    expected = {"low_pass": 0.0, "level": 0.1, "noise": 1.0, "pitch": 0.0, "tilt": 10 ** (-6 * np.log2(3) / 20)}
    assert peak == pytest.approx(expected[name], abs=0.05)
    if name == "pitch":
        assert abs(hertz[after.argmax()] - 3_750) < 5
    if name == "noise":
        assert np.square(after).sum() == pytest.approx(2 * np.square(before).sum(), rel=0.1)


def test_ten_seconds_are_nine_windows() -> None:
    assert windows_in(10.0) == 9
    assert windows_in(1.0) == 1
    data = source(seconds=23.0)

    def score(windows: np.ndarray) -> np.ndarray:
        # The high tone makes the upper bands loud.
        high = windows[:, :, 128:].mean(axis=(1, 2)) > windows[:, :, :128].mean(axis=(1, 2)) - 1.0
        return np.stack([high, ~high], axis=1) * 0.8 + 0.1

    scored = score_clips(data.tested(0), data, score, 10.0)
    windows = len(Kernel(SCENE)(data.store["low0"]))
    assert len(scored.labels) == 2 * ((windows - 64) // 64 + 1) == 44
    assert np.bincount(scored.decisions[scored.decisions >= 0]).tolist() == [9, 9, 9, 9]
    assert scored.decided().units.tolist() == ["low0", "low0", "high0", "high0"]
    short = score_clips(source(seconds=2.0).tested(0), source(seconds=2.0), score, 10.0)
    assert len(short.decided().labels) == 2
    tiny = source(seconds=0.5)
    assert len(score_clips(tiny.tested(0), tiny, score, 10.0).labels) == 2
    strangers = score_clips(data.strangers(1), data, score, 10.0)
    assert (strangers.labels == -1).all()
    both = join([scored, strangers])
    assert len(both.decided().labels) == 6
    assert np.array_equal(both.decided().probabilities[:4], scored.decided().probabilities)


def scored(
    labels: list[int],
    probabilities: list[list[float]],
    folds: list[int],
    units: np.ndarray | None = None,
    devices: tuple[str, ...] = (),
) -> Scored:
    n = len(labels)
    units = np.array([f"r{i // 2}" for i in range(n)]) if units is None else units
    told = np.array(devices or ("",) * n)
    return Scored(np.array(labels), np.array(probabilities), units, np.arange(n), np.array(folds), told)


def test_unknown_counts_for_rejection_but_not_for_the_choice() -> None:
    # Two scenes and `unknown`.
    known = scored([0, 0, 1, 1], [[0.4, 0.1, 0.5], [0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0]], [0, 0, 1, 1])
    assert accuracy(known, 2) == 0.75
    found = accuracies(known, source())
    assert found.decisions.value == 0.75
    assert found.decisions.low <= 0.75 <= found.decisions.high
    assert found.recall == {"high": 1.0, "low": 0.5}
    strangers = scored([-1, -1], [[0.1, 0.1, 0.8], [0.95, 0.0, 0.05]], [0, 1])
    result = reject(known, {"others": strangers}, 2, 0.25)
    # Fold 0 has the threshold of fold 1's scores 0.6 and 0.8, fold 1 that of 0.4 and 0.9.
    thresholds = [threshold_of(np.array(some), 0.25) for some in ([0.6, 0.8], [0.4, 0.9])]
    assert thresholds == pytest.approx([0.65, 0.525])
    assert result.kept == 0.75
    assert result.accuracy == 0.5
    assert result.rejected == {"others": 0.5}
    point = next(point for point in result.curve if point.threshold == 0.5)
    assert (point.kept, point.accuracy, point.rejected) == (0.75, 0.5, {"others": 0.5})
    assert [one.kept for one in result.curve] == sorted((one.kept for one in result.curve), reverse=True)


def test_what_recorded_is_told_apart_where_it_is_known() -> None:
    """The mean over devices that never trained counts every device once, however many decisions it has."""
    rows = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]
    some = scored([0] * 5, rows, [0] * 5, devices=("a", "a", "s4", "s4", "s5"))
    data = source()
    heard = [replace(clip, device="a") if clip.trains(0) else replace(clip, device="s4") for clip in data.clips]
    told = by_recorder(some, replace(data, clips=heard))
    assert told == {"a": 0.5, "s4 (never trained)": 1.0, "s5 (never trained)": 0.0, UNHEARD: 0.5}
    assert by_recorder(scored([0] * 5, rows, [0] * 5), data) == {}


def test_steadiness_is_what_the_monitor_tells() -> None:
    """Two streams of 40 s: one of its scene, one that goes over to the other scene for good; strangers are unlikely."""
    street, cafe, none = [0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]
    rows = [*[street] * 40, *[street] * 20, *[cafe] * 20]
    units = np.array(["a"] * 40 + ["b"] * 40)
    count = len(rows)
    known = scored([0] * count, rows, [0] * count, units=units)
    strangers = scored([-1] * 30, [none] * 30, [0] * 30, units=np.array(["s"] * 30))
    found = steadiness(known, {"others": strangers}, ("street", "cafe", "unknown"), 0.5)
    assert found.changes == {"known scenes": pytest.approx(60 / 80), "others": 0.0}
    assert found.right["others"] == 1.0
    # Warming up (4 windows of each) does not count; the second stream is wrong from some seconds after the change on.
    assert 54 / 72 < found.right["known scenes"] < 60 / 72


@pytest.mark.filterwarnings("ignore:You are trying to `self.log")
def test_the_average_is_kept_where_it_is_asked_for() -> None:
    torch.manual_seed(0)
    data = source()
    batches = SceneBatches(data, None, PLAIN, 2, 4, seed=0)

    class Linear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(256, 2)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.layer(features.mean(dim=1))

    system = SceneSystem(Linear(), Optimiser(average=0.5), Picture(mask_bands=4, cut_mix=1.0), 2, seed=0)
    optimiser = torch.optim.SGD(system.parameters(), lr=0.1)
    seen = []
    for i in range(2):
        optimiser.zero_grad()
        system.training_step(batches[i], i).backward()
        optimiser.step()
        system.on_train_batch_end(None, batches[i], i)
        seen.append(system.network.layer.weight.detach().clone())
    # The first update copies.
    assert torch.allclose(system.trained.layer.weight, 0.5 * seen[0] + 0.5 * seen[1], atol=1e-6)


def test_cosine_schedule_of_the_teacher() -> None:
    settings = Optimiser(schedule="warm-up-cosine", warm_up=30, length=220, last=0.01)
    assert rate_share(settings, 15) == 0.5
    assert rate_share(settings, 30) == 1.0
    assert rate_share(settings, 140) == pytest.approx(0.505)
    assert rate_share(settings, 250) == pytest.approx(0.01)
    assert rate_share(settings, 300) == pytest.approx(0.01)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two scenes, ESC-50 and two speakers."""
    root = tmp_path_factory.mktemp("catalog")
    make_recordings(root)
    for folder in ("ir_mic", "ir_room"):
        (root / folder).mkdir()
        response = np.exp(-np.arange(2_000) / 300.0) * np.random.default_rng(0).standard_normal(2_000) * 0.2
        soundfile.write(root / folder / "Altec_1.wav", response, SCENE.rate)
    return root


def settings_for(catalog: Path, tmp_path: Path, **recordings: object) -> SceneSettings:
    chosen = {"negatives": ("wind",), "strangers": ("dog",), "kin": {"crow": "street_traffic"}} | recordings
    chosen |= {"folder": str(catalog), "devices": str(catalog / "ir_mic"), "rooms": str(catalog / "ir_room")}
    return SceneSettings.model_validate({"cache": str(tmp_path), "recordings": chosen | {"folds": 2}})


def test_kin_and_babble_train_but_never_test(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    data = load_source(settings_for(catalog, tmp_path, babble="office_library"), lambda _: None)
    assert data.labels == ("office_library", "street_traffic", "unknown")
    assert data.babble is not None
    assert len(data.babble.voices) == 2
    for fold in data.folds:
        assert not any(clip.kin or clip.label == "unknown" for clip in data.tested(fold))
        assert {clip.recording.label for clip in data.strangers(fold)} <= {"dog"}
    asked = [clip for fold in data.folds for clip in (*data.tested(fold), *data.strangers(fold))]
    assert len(asked) == 4 + 8
    # Everything from kin and babble: the recordings themselves are never cut.
    batches = SceneBatches(data, 0, PLAIN, 1, 8, seed=0, kin_share=1.0)
    street = next(clip for clip in data.clips if clip.label == "street_traffic" and not clip.kin)
    crows = [clip for clip in data.clips if clip.kin]
    generator = np.random.default_rng(0)
    for _ in range(5):
        window = batches._wave(street, generator)
        assert any(window[0] in data.store[clip.path] for clip in crows)
    office = next(clip for clip in data.clips if clip.label == "office_library")
    spoken = batches._wave(office, generator)
    assert spoken.shape == (WINDOW,)
    assert 0.003 < np.sqrt(np.square(spoken).mean()) < 0.1
    assert sorted(batches[0].labels.unique().tolist()) == [0, 1, 2]


def test_classes_are_one_thing_each(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    for change, words in (
        ({"negatives": ("dog",)}, "dog cannot be two"),
        ({"strangers": ("unicorn",)}, "no unicorn"),
        ({"kin": {"crow": "moon"}}, "no scene is called moon"),
        ({"babble": "moon"}, "no scene is called moon"),
    ):
        with pytest.raises(UsageError, match=words):
            load_source(settings_for(catalog, tmp_path, **change), lambda _: None)


def test_events_are_told_apart_beside_the_scenes(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    settings = settings_for(catalog, tmp_path, kin={}, negatives=())
    settings = settings.model_copy(update={"teacher": settings.teacher.model_copy(update={"events_weight": 0.5})})
    data = load_source(settings, lambda _: None)
    assert data.labels == ("office_library", "street_traffic")
    assert data.events == ("crow", "wind")
    batch = SceneBatches(data, None, PLAIN, 1, 32, seed=0, events=True)[0]
    alone = batch.labels == -1
    assert alone.any()
    assert (batch.events[alone] >= 0).all()
    assert (batch.events[~alone] == -1).all()
    network = SceneCNN((4, 8), 2, 2)
    system = SceneSystem(network, Optimiser(), Picture(style_share=0.0), 1, seed=0, events_weight=0.5)
    with pytest.warns(UserWarning, match="trainer"):
        system.training_step(batch, 0).backward()
    assert network.events.weight.grad.abs().sum() > 0
    assert network.classifier.weight.grad.abs().sum() > 0


def test_normalisations_are_measured_anew() -> None:
    torch.manual_seed(0)
    data = source()
    settings = SceneSettings.model_validate({"network": {"submission": 4}, "sound": PLAIN})
    network = student_of(settings, data)
    settle(network, settings, data, 0, "student")
    assert not any(module.training for module in network.modules())
    batches = SceneBatches(data, 0, PLAIN, SETTLING, SETTLING_WINDOWS, settings.seed + 3)
    first = network.body[0]
    with torch.no_grad():
        cells = [first.convolution(network.levels(batches[i].clean)) for i in range(SETTLING)]
    means = torch.stack([one.mean(dim=(0, 2, 3)) for one in cells]).mean(dim=0)
    assert torch.allclose(first.norm.running_mean, means, atol=1e-4)
