"""`auricle machine` as a user runs it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.cli import main
from monitor.machines.profile_file import MACHINES
from monitor.machines.profile_folder import MachineFolder
from tests.helpers.machines import fan
from tests.helpers.program import Done, auricle, environment
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


def machine(home: Path, *words: object) -> Done:
    """The command in this process: a process of its own takes a second to start, and one test has it."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for key, value in environment(home).items():
            patch.setenv(key, value)
        patch.setattr("sys.argv", ["auricle", "machine", *map(str, words)])
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def folder(home: Path) -> MachineFolder:
    return MachineFolder(home / "data" / "machines")


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of a fan: well, well and faster, and with a squeal."""
    place = tmp_path_factory.mktemp("hall")
    for number in range(6):
        soundfile.write(place / f"well-{number}.wav", fan(5.0, number), RATE)
        soundfile.write(place / f"fast-{number}.wav", fan(5.0, 20 + number, speed=1.3), RATE)
    for number in range(3):
        soundfile.write(place / f"new-{number}.wav", fan(5.0, 40 + number), RATE)
        soundfile.write(place / f"ill-{number}.wav", fan(5.0, 40 + number, squeal=0.05), RATE)
    soundfile.write(place / "silent.wav", np.zeros(RATE, np.float32), RATE)
    soundfile.write(place / "narrow.wav", fan(5.0, 0)[::2].copy(), RATE // 2)
    (place / "cut.flac").write_bytes(b"fLaC damaged")
    return place


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hall: Path) -> Path:
    """A home with one machine."""
    place = tmp_path_factory.mktemp("home")
    sources, targets = sorted(hall.glob("well-*")), sorted(hall.glob("fast-*"))[:4]
    done = machine(place, "enroll", "fan-1", "--source", *sources, "--target", *targets)
    assert done.code == 0, done.err
    assert "learnt from 6 source clips, 30 s, and 4 target clips, 20 s" in done.out
    assert "learnt from only" in done.err
    return place


def test_scores_are_one_line_a_clip(home: Path, hall: Path):
    clips = [*sorted(hall.glob("new-*")), *sorted(hall.glob("ill-*")), hall / "fast-5.wav"]
    done = auricle(home, "machine", "score", "FAN-1", *map(str, clips), "--jsonl", "-")
    assert done.code == 0, done.err
    assert [line["file"] for line in done.lines] == [str(clip) for clip in clips]
    assert all(set(line) == {"file", "score", "percentile", "domain_probability", "alarm"} for line in done.lines)
    new, ill, fast = done.lines[:3], done.lines[3:6], done.lines[6]
    assert max(line["score"] for line in [*new, fast]) < min(line["score"] for line in ill)
    assert all(line["alarm"] for line in ill)
    assert fast["domain_probability"] > 0.5 > max(line["domain_probability"] for line in new)
    text = machine(home, "score", "fan-1", hall / "ill-0.wav")
    assert "ALARM" in text.out
    assert "kHz" in text.out
    assert machine(home, "score", "fan-1", clips[0], "--jsonl", home / "out.jsonl").code == 0
    assert json.loads((home / "out.jsonl").read_text())["file"] == str(clips[0])


def test_clips_that_cannot_be_scored_are_told_and_the_others_are(home: Path, hall: Path):
    bad = [hall / name for name in ("silent.wav", "cut.flac")]
    done = machine(home, "score", "fan-1", *bad, hall / "narrow.wav", "--jsonl", "-")
    assert done.code == 1
    assert [line["file"] for line in done.lines] == [str(hall / "narrow.wav")]
    for part in ("it is silent", "cut.flac", "nothing above 4000 Hz"):
        assert part in done.err


def test_list_and_show(home: Path):
    assert "fan-1" in machine(home, "list").out
    (row,) = json.loads(machine(home, "list", "--json").out)
    assert (row["name"], row["source_clips"], row["target_clips"], row["state"]) == ("fan-1", 6, 4, "ready")
    shown = machine(home, "show", "fan-1")
    assert "well-3.wav" in shown.out
    assert "20 of 30 windows" in shown.out
    details = json.loads(machine(home, "show", "fan-1", "--json").out)
    assert details["alarm"]["percentile"] > 0.9
    assert len(details["clips"]) == 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("enroll", "new"), "no source clip was given"),
        (("enroll", "new", "--source", "silent.wav", "cut.flac"), "cut.flac"),
        (("enroll", "new", "--source", "silent.wav", "cut.flac"), "it is silent"),
        (("enroll", "new", "--source", "well-0.wav", "well-0.wav"), "same file"),
        (("enroll", "new", "--source", "well-0.wav"), "are needed"),
        (("enroll", "", "--source", "well-*.wav"), "is empty"),
        (("enroll", "fan-1", "--source", "well-*.wav"), "is there already"),
        (("enroll", "new", "--source", "well-*.wav", "--replace", "--add"), "exclude each other"),
        (("enroll", "new", "--source", "well-*.wav", "--add"), "is not enrolled"),
        (("enroll", "new", "--source", "well-*.wav", "--detector", "svm"), "svm"),
        (("enroll", "new", "--source", "well-*.wav", "--false-alarms-a-week", "0"), "is no rate"),
        (("enroll", "new", "--source", "well-*.wav", "--encoder", "bird-gate"), "not an encoder of machines"),
        (("enroll", "new", "--source", "none-*.wav"), "matches nothing"),
        (("score", "nobody", "well-0.wav"), "is not enrolled"),
        (("score", "fan-1", "well-0.wav", "--jsonl", "no/such/folder.jsonl"), "cannot be written"),
        (("play", "nobody", "well-0.wav"), "is not enrolled"),
        (("play", "fan-1", "well-0.wav", "--out", "no/such/pair.wav"), "cannot be written"),
        (("play", "fan-1", "silent.wav"), "it is silent"),
        (("play", "fan-1", "--out", "pair.flac"), "is for a clip"),
        (("remove", "nobody", "fan-1"), "is not enrolled"),
        (("show", "nobody"), "is not enrolled"),
        (("update", "nobody"), "is not enrolled"),
        (("export", "out.zip", "nobody"), "is not enrolled"),
        (("import", "well-0.wav"), "cannot be read as an archive"),
    ],
)
def test_wrong_arguments_are_told_and_change_nothing(home: Path, hall: Path, words: tuple[str, ...], told: str):
    placed = [str(hall / word) if word.endswith((".wav", ".flac", ".zip")) else word for word in words]
    done = machine(home, *placed)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
    assert [profile.name for profile in folder(home).list()] == ["fan-1"]


def test_learning_more_replacing_carrying_and_forgetting(tmp_path: Path, hall: Path):
    wells = sorted(hall.glob("well-*"))
    assert machine(tmp_path, "enroll", "fan-1", "--source", *wells[:4], "--detector", "knn", "lof").code == 0
    added = machine(tmp_path, "enroll", "fan-1", "--source", *wells[4:], "--add")
    assert added.code == 0, added.err
    profile = folder(tmp_path).get("fan-1")
    assert (len(profile.clips), profile.options.detectors) == (6, ("knn", "lof"))
    replaced = machine(tmp_path, "enroll", "fan-1", "--source", *wells[:5], "--replace", "--false-alarms-a-week", "9")
    assert replaced.code == 0
    assert folder(tmp_path).get("fan-1").false_alarms_a_week == 9.0
    file, other = tmp_path / "hall.zip", tmp_path / "other"
    assert machine(tmp_path, "export", file).code == 0
    assert machine(other, "import", file).code == 0
    assert machine(other, "import", file).code == 2
    assert machine(other, "import", file, "--replace").code == 0
    kept = tmp_path / "data" / "machines" / MACHINES.file_name("fan-1")
    kept.write_bytes(kept.read_bytes()[:9_000])
    damaged = machine(tmp_path, "list")
    assert damaged.code == 1
    assert "--replace" in damaged.err
    assert machine(tmp_path, "score", "fan-1", wells[0]).code == 2
    assert machine(tmp_path, "remove", "fan-1").code == 0
    assert not list((tmp_path / "data" / "machines" / "audio").iterdir())
    assert "no machine" in machine(tmp_path, "list").err


def test_another_encoder_needs_an_update_which_keeps_everything(tmp_path: Path, hall: Path):
    pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")
    from tests.helpers.tiny_machine import make_machine_bundle

    make_machine_bundle(tmp_path / "data" / "models")
    wells = sorted(hall.glob("well-*"))
    done = machine(tmp_path, "enroll", "fan-1", "--source", *wells, "--encoder", "machine-encoder")
    assert done.code == 0, done.err
    assert "simple features and machine-encoder@1.0.0" in done.out
    assert machine(tmp_path, "score", "fan-1", hall / "new-0.wav").code == 0
    # The shipped one has the same number: which of them judges is a matter of the folder, not of the test.
    make_machine_bundle(tmp_path / "data" / "models", version="2.0.0", seed=9)
    assert "other encoder" in machine(tmp_path, "list").out
    refused = machine(tmp_path, "score", "fan-1", hall / "new-0.wav")
    assert refused.code == 2
    assert "learnt with machine-encoder@1.0.0, but machine-encoder@2.0.0 is in use" in refused.err
    updated = machine(tmp_path, "update")
    assert updated.code == 0, updated.err
    assert "machine-encoder@1.0.0 -> machine-encoder@2.0.0" in updated.out
    assert machine(tmp_path, "score", "fan-1", hall / "new-0.wav").code == 0
    assert "nothing to do" in machine(tmp_path, "update").err
    more = machine(tmp_path, "enroll", "fan-1", "--source", hall / "new-0.wav", "--add")
    assert more.code == 0, more.err
    assert "machine-encoder@2.0.0" in more.out
    assert "machine-encoder@2.0.0 -> no encoder" in machine(tmp_path, "update", "fan-1", "--encoder", "none").out
    assert machine(tmp_path, "score", "fan-1", hall / "new-0.wav").code == 0


def test_no_machine_is_learnt_with_an_encoder_that_nobody_asked_for(tmp_path: Path, hall: Path):
    wells = sorted(hall.glob("well-*"))
    plain = machine(tmp_path, "enroll", "fan-1", "--source", *wells)
    assert "with knn on simple features\n" in plain.out
    asked = machine(tmp_path, "enroll", "fan-2", "--source", *wells, "--encoder", "machine-encoder")
    assert "simple features and machine-encoder@" in asked.out, asked.err
    assert {row["encoder"] is None for row in json.loads(machine(tmp_path, "list", "--json").out)} == {True, False}
    ill = machine(tmp_path, "score", "fan-2", hall / "ill-0.wav", hall / "new-0.wav", "--jsonl", "-")
    assert [line["alarm"] for line in ill.lines] == [True, False]
    assert "nothing to do" in machine(tmp_path, "update").err
    # A running engine judges both, each in its own way.
    replayed = auricle(tmp_path, "replay", str(hall / "ill-0.wav"), "--speed", "max", "--no-tui", "--jsonl", "-")
    assert replayed.code == 0, replayed.err
    judged = {line["machine"] for line in replayed.lines if line["type"] == "anomaly" and line["state"] == "ready"}
    assert judged == {"fan-1", "fan-2"}


def test_a_clip_and_its_nearest_normal_go_to_a_file(home: Path, hall: Path, tmp_path: Path):
    pair = tmp_path / "pair.wav"
    done = machine(home, "play", "fan-1", hall / "ill-0.wav", "--out", pair)
    assert done.code == 0, done.err
    assert "well-" in done.out
    sound, rate = soundfile.read(pair)
    assert rate == RATE
    squeal = [_level(part, 2700.0) for part in (sound[: 5 * RATE], sound[-5 * RATE :])]
    hum = [_level(part, 180.0) for part in (sound[: 5 * RATE], sound[-5 * RATE :])]
    assert squeal[0] > 30.0 * squeal[1]
    assert hum[0] == pytest.approx(hum[1], rel=0.2), "one gain for both"
    assert machine(home, "play", "fan-1", hall / "ill-0.wav", "--out", pair).code == 2


def _level(sound: np.ndarray, frequency: float) -> float:
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(sound)) / RATE)
    return float(np.abs(turn @ sound) / len(sound))


@needs_recordings
def test_faults_of_a_real_valve_score_higher(tmp_path: Path):
    valve = DATA / "machines" / "valve"
    source, target = (sorted((valve / "train").glob(f"*_{domain}_*")) for domain in ("source", "target"))
    done = machine(tmp_path, "enroll", "valve", "--source", *source, "--target", *target)
    assert done.code == 0, done.err
    clips = sorted((valve / "test").glob("*.flac"))
    lines = machine(tmp_path, "score", "valve", *clips, "--jsonl", "-").lines
    scores = np.array([line["score"] for line in lines])
    faulty = np.array(["anomaly" in line["file"] for line in lines])
    # The share of pairs in which the faulty clip scores higher.
    assert (scores[faulty][:, None] > scores[~faulty][None]).mean() > 0.9
    assert not any(line["alarm"] for line in lines if "normal" in line["file"])
