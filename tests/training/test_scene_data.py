from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.errors import AuricleError, SettingsError, StartError, UsageError
from tests.helpers.recordings import DATA, needs_recordings
from training.config import load_recipe
from training.data.catalog import FERRIES, Kind, load_catalog
from training.data.layouts.tau2022 import load_tau2022
from training.data.splits import Part
from training.scene.devices import divide, family_of, load_devices
from training.scene.recipe import UNKNOWN, Recordings, SceneSettings, Sound, Teacher
from training.scene.source import ALWAYS, event_clips, load_source, scene_clips

ROOT = Path(__file__).parents[2]
RATE = 44_100


def tau(root: Path) -> list[str]:
    """Two scenes, a segment of two seconds each and device, one second only in the test part."""
    names = [
        f"audio/{scene}-lisbon-7-40-{second}-{device}.wav"
        for scene in ("bus", "park")
        for device in ("a", "s1")
        for second in (1, 0)
    ]
    (root / "audio").mkdir(parents=True)
    (root / "evaluation_setup").mkdir()
    for i, name in enumerate(names):
        time = np.arange(RATE) / RATE
        soundfile.write(root / name, 0.1 * np.sin(2 * np.pi * (200 + 100 * i) * time), RATE)
    lines = ["filename\tscene_label\tidentifier\tsource_label"]
    lines += [f"{n}\t{n[6:].split('-')[0]}\tlisbon-7\t{n.split('-')[-1][:-4]}" for n in names]
    (root / "meta.csv").write_text("\n".join(lines) + "\n")
    for table, device in (("fold1_train.csv", "-a"), ("fold1_evaluate.csv", "-s1")):
        chosen = [n for n in names if n.endswith(f"{device}.wav")]
        rows = ["filename\tscene_label", *(f"{n}\t{n[6:].split('-')[0]}" for n in chosen)]
        (root / "evaluation_setup" / table).write_text("\n".join(rows) + "\n")
    return names


def test_seconds_of_tau_2022_become_segments_again(tmp_path: Path) -> None:
    tau(tmp_path)
    segments = load_tau2022(tmp_path)
    assert [(s.recording.label, s.device, s.part) for s in segments] == [
        ("bus", "a", Part.TRAIN),
        ("bus", "s1", Part.TEST),
        ("park", "a", Part.TRAIN),
        ("park", "s1", Part.TEST),
    ]
    assert segments[0].pieces == ("audio/bus-lisbon-7-40-0-a.wav", "audio/bus-lisbon-7-40-1-a.wav")
    assert segments[0].recording.groups == segments[1].recording.groups


def test_tau_2022_tells_everything_that_is_wrong(tmp_path: Path) -> None:
    names = tau(tmp_path)
    (tmp_path / names[0]).unlink()
    with (tmp_path / "evaluation_setup/fold1_evaluate.csv").open("a") as table:
        table.write(f"{names[1]}\tbus\naudio/odd.wav\tbus\n")
    with pytest.raises(StartError) as caught:
        load_tau2022(tmp_path)
    message = str(caught.value)
    assert "is missing" in message
    assert "is in both parts" in message
    assert "audio/odd.wav" in message
    assert "is not called" in message
    with pytest.raises(UsageError, match=r"meta\.csv"):
        load_tau2022(tmp_path / "none")


def test_tau_2022_as_a_source(tmp_path: Path) -> None:
    tau(tmp_path / "data")
    settings = SceneSettings(
        cache=str(tmp_path / "cache"),
        recordings=Recordings(layout="tau2022", folder=str(tmp_path / "data"), devices=""),
        sound=Sound(device_share=0),
        teacher=Teacher(sound=Sound(device_share=0)),
    )
    source = load_source(settings, lambda _: None)
    assert source.labels == ("bus", "park")
    assert source.folds == (0,)
    assert [clip.device for clip in source.tested(0)] == ["s1", "s1"]
    assert [clip.trains(0) for clip in source.clips] == [True, False, True, False]
    assert {clip.fold for clip in source.clips} == {ALWAYS, 0}
    first = source.store[source.clips[0].path]
    # Two seconds, put together: 200 Hz of the second file, then 300 Hz of the first.
    assert abs(len(first) - 64_000) <= 2
    halves = [np.abs(np.fft.rfft(half)).argmax() for half in (first[:32_000], first[32_000:64_000])]
    assert halves == [300, 200]


def test_siblings_among_microphones_stay_together(tmp_path: Path) -> None:
    assert family_of("IR_RCAKU3a") == family_of("RCA_44BX_1") == family_of("RCA_77DX_2")
    assert family_of("EV_RE20_Flat") == family_of("EV_RE20_HPF")
    assert family_of("Beyer_M260") != family_of("BBCmarconi_B")
    impulse = np.zeros(8_000, dtype=np.float32)
    impulse[700], impulse[720] = 0.5, -0.25
    for name in ("Altec_1", "Altec_2", "Reslo_1", "IR_ResloX", "Sony_9"):
        soundfile.write(tmp_path / f"{name}.wav", impulse, 48_000)
    devices = load_devices(tmp_path, 32_000)
    assert [device.name for device in devices] == ["Altec_1", "Altec_2", "IR_ResloX", "Reslo_1", "Sony_9"]
    for device in devices:
        assert np.square(device.response).sum() == pytest.approx(1.0, abs=1e-3)
        assert len(device.response) <= 0.06 * 32_000
    for seed in range(5):
        heard, unseen = divide(devices, 0.4, seed)
        assert heard
        assert unseen
        assert not {device.family for device in heard} & {device.family for device in unseen}
    assert divide(devices, 0.0, 0) == (devices, [])
    with pytest.raises(UsageError, match="there are none"):
        load_devices(tmp_path / "none", 32_000)


def test_a_folder_for_each_scene(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for label, count in (("street", 5), ("forest", 4), ("unknown", 2)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(count):
            soundfile.write(tmp_path / "data" / label / f"{i}.wav", 0.1 * generator.standard_normal(16_000), 16_000)
    settings = SceneSettings(
        cache=str(tmp_path / "cache"),
        recordings=Recordings(layout="folders", folder=str(tmp_path / "data"), devices="", folds=3),
        sound=Sound(device_share=0),
        teacher=Teacher(sound=Sound(device_share=0)),
    )
    source = load_source(settings, lambda _: None)
    assert source.labels == source.scenes == ("forest", "street")
    assert source.folds == (0, 1, 2)
    for fold in source.folds:
        tested = source.tested(fold)
        assert {clip.label for clip in tested} == {"forest", "street"}
        assert not any(clip.trains(fold) for clip in tested)
    assert sum(len(source.tested(fold)) for fold in source.folds) == 9
    assert sum(len(source.strangers(fold)) for fold in source.folds) == 2
    assert not any(clip.trains(None) for clip in source.clips if clip.label == "unknown")


def test_one_scene_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "data/street").mkdir(parents=True)
    soundfile.write(tmp_path / "data/street/a.wav", np.zeros(16_000), 16_000)
    settings = SceneSettings(recordings=Recordings(layout="folders", folder=str(tmp_path / "data")))
    with pytest.raises(AuricleError, match="1 scenes"):
        load_source(settings, lambda _: None)


ROWS = """
system = "scene-paper"
title = "T"
report = "r.md"
[optimiser]
epochs = 3
[[rows]]
table = "a"
name = "first"
network = {{ submission = 4 }}
optimiser = {{ batch = 8 }}
{more}
"""


def test_rows_change_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(ROWS.format(more=""))
    recipe = load_recipe(path)
    settings = recipe.settings_of(recipe.rows[0])
    assert settings.network.submission == 4
    assert (settings.optimiser.batch, settings.optimiser.epochs) == (8, 3)
    assert settings.teacher == recipe.teacher
    path.write_text(ROWS.format(more="picture = { stile = 1 }"))
    with pytest.raises(SettingsError, match="stile"):
        load_recipe(path)


@needs_recordings
def test_the_default_recipe_deals_out_the_recordings_it_has() -> None:
    recipe = load_recipe(ROOT / "configs/training/scene/default.toml")
    catalog = load_catalog(DATA)
    clips = scene_clips([one for one in catalog if one.kind is Kind.SCENE], recipe)
    known = [clip for clip in clips if clip.label != UNKNOWN]
    assert len({clip.label for clip in known}) == 6
    assert len(clips) - len(known) == 4
    folds: dict[str, set[int]] = {}
    for clip in clips:
        folds.setdefault(clip.recording.groups[0], set()).add(clip.fold)
    assert all(len(found) == 1 for found in folds.values())
    assert len([clip for clip in clips if clip.recording.groups == (FERRIES,)]) == 3
    for fold in range(recipe.recordings.folds):
        trained = {clip.label for clip in known if clip.trains(fold)}
        tested = {clip.label for clip in known if clip.fold == fold}
        assert len(trained) == 6
        assert len(tested) >= 5
    # The four recordings of other scenes test only; where a recipe trains on them, no fold tests what it heard.
    assert not any(clip.trains(None) for clip in clips if clip.label == UNKNOWN)
    trained_on = recipe.model_copy(update={"recordings": recipe.recordings.model_copy(update={"others": "unknown"})})
    others = [clip for clip in scene_clips([clip.recording for clip in clips], trained_on) if clip.label == UNKNOWN]
    for fold in range(recipe.recordings.folds):
        assert all(clip.trains(fold) == (clip.fold != fold) for clip in others)
    kin = {"sea_waves": "seaside", "crickets": "nature_forest", "car_horn": "street_traffic"}
    more = recipe.model_copy(update={"recordings": recipe.recordings.model_copy(update={"kin": kin})})
    sounds = event_clips([one for one in catalog if one.kind is Kind.ESC50], more, events=True)
    assert {clip.recording.label: clip.label for clip in sounds if clip.kin} == kin
    assert len([clip for clip in sounds if clip.recording.label in more.recordings.strangers]) == 8 * 32
    assert not any(clip.trains(None) for clip in sounds if clip.recording.label in more.recordings.strangers)
    microphones = load_devices(DATA / "ir_mic", 32_000)
    heard, unseen = divide(microphones, recipe.recordings.unseen_devices, recipe.seed)
    assert len(heard) > len(unseen) > 5
