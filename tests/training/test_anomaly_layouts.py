from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.errors import AuricleError, UsageError
from tests.helpers.recordings import DATA, needs_recordings
from training.anomaly.material import mixed_in
from training.data.layouts.audioset import load_audioset
from training.data.layouts.dcase2022 import load_dcase2022, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def tone(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.sin(2 * np.pi * 1000 * np.arange(1600) / 16_000), 16_000)
    return path


def told(read: Callable[[], object]) -> str:
    with pytest.raises(AuricleError) as caught:
        read()
    return str(caught.value)


def test_names_of_2022_and_2023_are_read(tmp_path: Path) -> None:
    names = (
        "fan/train/section_00_source_train_normal_0000_m-n_W.wav",
        "fan/train/section_02_target_train_normal_0003.wav",
        "fan/test/section_00_target_test_anomaly_0001_vel_620_ac_0.08.wav",
        "fan/test/section_01_0007.wav",
    )
    for name in names:
        tone(tmp_path / name)
    (tmp_path / "manifest.csv").write_text("file\n")
    (tmp_path / "papers").mkdir()
    clips = {clip.path: clip for clip in load_dcase2022(tmp_path)}
    assert sorted(clips) == sorted(names)
    first, second, third, unlabelled = (clips[name] for name in names)
    assert (first.machine, first.section, first.target, first.train, first.anomalous) == ("fan", 0, False, True, False)
    assert first.attributes == {"m-n": "W"}
    assert (second.section, second.target, second.attribute, second.attributes) == (2, True, "", {})
    assert (third.target, third.train, third.anomalous) == (True, False, True)
    assert third.attributes == {"vel": "620", "ac": "0.08"}
    # Evaluation data says neither domain nor label.
    assert (unlabelled.section, unlabelled.target, unlabelled.anomalous) == (1, None, None)


def test_names_of_2020_and_2021_are_read(tmp_path: Path) -> None:
    tone(tmp_path / "pump/train/normal_id_04_00000000.wav")
    tone(tmp_path / "pump/test/anomaly_id_04_00000002.wav")
    tone(tmp_path / "pump/test/id_05_00000001.wav")
    tone(tmp_path / "slider/train/section_00_source_train_normal_0000_strength_1_ambient.wav")
    tone(tmp_path / "slider/target_test/section_00_target_test_anomaly_0000.wav")
    tone(tmp_path / "slider/source_test/section_03_0001.wav")
    said = {
        clip.path.rsplit("/", 1)[-1]: (clip.section, clip.target, clip.train, clip.anomalous)
        for clip in load_dcase2022(tmp_path)
    }
    assert said == {
        "normal_id_04_00000000.wav": (4, False, True, False),
        "anomaly_id_04_00000002.wav": (4, False, False, True),
        "id_05_00000001.wav": (5, False, False, None),
        "section_00_source_train_normal_0000_strength_1_ambient.wav": (0, False, True, False),
        "section_00_target_test_anomaly_0000.wav": (0, True, False, True),
        "section_03_0001.wav": (3, False, False, None),
    }


def test_a_table_gives_the_attributes_that_names_lack(tmp_path: Path) -> None:
    tone(tmp_path / "fan/train/section_00_source_train_normal_0000.wav")
    table = "file_name,d1p,d1v,d2p,d2v\nfan/train/section_00_source_train_normal_0000.wav,vel,6,f-n,A\n"
    (tmp_path / "fan/attributes_00.csv").write_text(table)
    (clip,) = load_dcase2022(tmp_path)
    assert clip.attributes == {"vel": "6", "f-n": "A"}
    assert clip.attribute == "vel_6_f-n_A"


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("pat_00", {"pat": "00"}),
        ("car_A1_spd_28V_mic_1", {"car": "A1", "spd": "28V", "mic": "1"}),
        ("ses__123441", {"ses": "_123441"}),
        ("strength_1_ambient", {"strength": "1_ambient"}),
    ],
)
def test_attributes_become_pairs(text: str, pairs: dict[str, str]) -> None:
    assert pairs_of(text) == pairs


def test_every_fault_of_a_data_set_is_told_at_once(tmp_path: Path) -> None:
    tone(tmp_path / "fan/train/section_00_source_train_normal_0000.wav")
    tone(tmp_path / "fan/train/section_00_source_train_anomaly_0001.wav")
    tone(tmp_path / "fan/test/holiday.wav")
    (tmp_path / "fan/test/section_00_source_test_normal_0000.wav").touch()
    (tmp_path / "fan/test/notes.txt").write_text("?")
    (tmp_path / "valve/train").mkdir(parents=True)
    message = told(lambda: load_dcase2022(tmp_path))
    for part in ("anomaly_0001", "holiday", "it is empty", "notes.txt", "valve/train"):
        assert part in message


def test_a_folder_without_machines_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no machines"):
        load_dcase2022(tmp_path)


@needs_recordings
def test_the_machines_here_are_read() -> None:
    clips = load_dcase2022(DATA / "machines")
    assert len(clips) == 445
    valve = [clip for clip in clips if clip.machine == "valve"]
    assert sum(clip.train for clip in valve) == 34
    assert sum(bool(clip.anomalous) for clip in valve) == 40
    assert {clip.attribute for clip in valve if clip.target} == {"pat_02", "pat_03"}
    assert not any(clip.anomalous for clip in clips if clip.train)


@needs_recordings
def test_original_names_of_all_seven_machines_are_read() -> None:
    clips = load_dcase2022(DATA / "fixtures" / "dcase2023")
    assert len(clips) == 28
    assert {clip.machine for clip in clips} == {"ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"}
    assert all(clip.attributes for clip in clips)


def test_takes_that_notes_name_are_found(tmp_path: Path) -> None:
    table = tmp_path / "manifest.csv"
    table.write_text("file,note\na.flac,mixed at -20 dB with 3-119455-A-44.opus\nb.flac,\nc.flac,real noise\n")
    assert mixed_in(table) == {"119455"}


def test_a_folder_of_audioset_is_read(tmp_path: Path) -> None:
    tone(tmp_path / "clips/YAAAAAAAAAA0.wav")
    tone(tmp_path / "clips/-_aaaaaaaa1_30.000.wav")
    tone(tmp_path / "CCCCCCCCCC2.wav")
    (tmp_path / "class_labels_indices.csv").write_text(
        'index,mid,display_name\n0,/m/1,"Engine"\n1,/m/2,"Drill, tool"\n'
    )
    table = "# Segments\n# YTID, start_seconds, end_seconds, positive_labels\n"
    table += 'AAAAAAAAAA0, 0.000, 10.000, "/m/1,/m/2"\n-_aaaaaaaa1, 30.000, 40.000, "/m/2"\n'
    (tmp_path / "balanced_train_segments.csv").write_text(table)
    labels = {clip.path.rsplit("/", 1)[-1]: clip.labels for clip in load_audioset(tmp_path)}
    assert labels == {
        "YAAAAAAAAAA0.wav": ("Engine", "Drill, tool"),
        "-_aaaaaaaa1_30.000.wav": ("Drill, tool",),
        "CCCCCCCCCC2.wav": (),
    }
    left = [clip.path for clip in load_audioset(tmp_path, without=("Engine",))]
    assert left == ["CCCCCCCCCC2.wav", "clips/-_aaaaaaaa1_30.000.wav"]
    with pytest.raises(UsageError, match="Motor"):
        load_audioset(tmp_path, without=("Motor",))


def test_faults_of_audioset_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recordings"):
        load_audioset(tmp_path)
    (tmp_path / "x.wav").touch()
    (tmp_path / "eval_segments.csv").write_text("a, b\n")
    message = told(lambda: load_audioset(tmp_path))
    assert "it is empty" in message
    assert "line 1" in message
