"""`auricle replay` on recordings, pipes and bad input, as a user types it."""

from __future__ import annotations

import io
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from monitor.audio.synthetic import soundscape, soundscape_truth
from tests.helpers.program import auricle, command, environment
from tests.helpers.recordings import annotated_minutes, needs_recordings

SAME = ("source", "utc")
"""Keys that may differ between two ways of playing a recording; so may all of level and health."""


def same(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the design calls the same reading lines."""
    kept = [line for line in lines if line["type"] not in ("level", "health")]
    return [{key: value for key, value in line.items() if key not in SAME} for line in kept]


def activities(lines: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(line["start_s"], line["end_s"]) for line in lines if line["type"] == "activity" and not line["active"]]


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Twenty seconds of the demo's sound, 48 kHz mono."""
    blocks = soundscape().blocks()
    return np.concatenate([next(blocks).samples for _ in range(20)])


@pytest.fixture
def recording(tmp_path: Path, sound: np.ndarray) -> Path:
    file = tmp_path / "garden.wav"
    soundfile.write(file, sound, 48_000, subtype="FLOAT")
    return file


def test_the_demo_is_heard_where_its_birds_are(tmp_path: Path) -> None:
    done = auricle(tmp_path, "demo", "--no-tui", "--jsonl", "-")
    assert done.code == 0, done.err
    sung = [(item.start_s, item.end_s) for item in soundscape_truth() if item.label.startswith("bird")]
    heard = activities(done.lines)
    assert heard
    inside = [any(start < to and since < end for since, to in sung) for start, end in heard]
    assert all(inside), "activity where no bird sings"
    found = sum(any(start < to and since < end for start, end in heard) for since, to in sung)
    assert found >= 0.7 * len(sung), f"{found} of {len(sung)} songs heard"
    assert all(line["synthetic"] for line in done.lines if line["type"] == "source")


@needs_recordings
def test_activities_of_field_minutes_lie_where_a_person_heard_birds(tmp_path: Path) -> None:
    minutes = annotated_minutes()
    busiest = max(minutes, key=lambda minute: len(minutes[minute]))
    done = auricle(tmp_path, "replay", str(busiest), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    boxes = minutes[busiest]
    heard = activities(done.lines)
    assert heard
    right = sum(any(start < to and since < end for since, to in boxes) for start, end in heard)
    assert right >= 0.8 * len(heard), f"{right} of {len(heard)} activities overlap a box"
    found = sum(any(start < to and since < end for start, end in heard) for since, to in boxes)
    assert found >= 0.5 * len(boxes), f"{found} of {len(boxes)} boxes overlap an activity"


def test_the_lines_are_the_same_at_any_speed_and_through_a_pipe(
    tmp_path: Path, recording: Path, sound: np.ndarray
) -> None:
    fast = auricle(tmp_path, "replay", str(recording), "--no-tui", "--speed", "max", "--jsonl", "-")
    slow = auricle(tmp_path, "replay", str(recording), "--no-tui", "--speed", "1", "--jsonl", "-")
    pipe = io.BytesIO()
    soundfile.write(pipe, sound, 48_000, format="WAV", subtype="FLOAT")
    piped = auricle(tmp_path, "replay", "-", "--no-tui", "--jsonl", "-", "--speed", "max", stdin=pipe.getvalue())
    assert (fast.code, slow.code, piped.code) == (0, 0, 0), fast.err + slow.err + piped.err
    assert activities(fast.lines)
    assert same(fast.lines) == same(slow.lines) == same(piped.lines)


def test_an_endless_header_and_44_1_khz_through_a_pipe(tmp_path: Path, sound: np.ndarray) -> None:
    pipe = io.BytesIO()
    soundfile.write(pipe, sound[: 44_100 * 5], 44_100, format="WAV", subtype="PCM_16")
    endless = bytearray(pipe.getvalue())
    endless[4:8] = endless[40:44] = b"\xff\xff\xff\xff"
    told = auricle(tmp_path, "replay", "-", "--no-tui", "--speed", "max", "--jsonl", "-", stdin=pipe.getvalue())
    untold = auricle(tmp_path, "replay", "-", "--no-tui", "--speed", "max", "--jsonl", "-", stdin=bytes(endless))
    assert (told.code, untold.code) == (0, 0), told.err + untold.err
    assert same(told.lines) == same(untold.lines)
    assert told.lines[-1]["state"] == "ended"
    assert told.lines[-1]["end_s"] == pytest.approx(5.0, abs=1e-4)


def test_a_folder_with_one_bad_file_goes_on_and_says_so(tmp_path: Path, recording: Path) -> None:
    folder = tmp_path / "night"
    folder.mkdir()
    recording.rename(folder / "b.wav")
    (folder / "a.wav").write_bytes(b"")
    (folder / "c.flac").write_bytes(b"this is no sound at all" * 10)
    soundfile.write(folder / "d.wav", np.zeros(48_000, dtype=np.float32), 48_000)
    done = auricle(tmp_path, "replay", str(folder), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 1
    assert "a.wav" in done.err
    assert "c.flac" in done.err
    assert "Traceback" not in done.err
    states = [(Path(line["source"]).name, line["state"]) for line in done.lines if line["type"] == "source"]
    assert states == [
        ("a.wav", "failed"),
        ("b.wav", "listening"),
        ("b.wav", "ended"),
        ("c.flac", "failed"),
        ("d.wav", "listening"),
        ("d.wav", "ended"),
    ]


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"\0" * 5000, ""), (b"hello, this is text\n" * 50, ""), (b"RIFF\xff\xff\xff\xffWAVE", "")],
)
def test_what_is_no_recording_cannot_start(tmp_path: Path, content: bytes, word: str) -> None:
    file = tmp_path / "broken.wav"
    file.write_bytes(content)
    done = auricle(tmp_path, "replay", str(file), "--no-tui")
    assert done.code == 2
    assert "broken.wav" in done.err
    assert word in done.err
    assert "Traceback" not in done.err


def test_a_truncated_recording_gives_what_is_there_and_says_so(tmp_path: Path, recording: Path) -> None:
    whole = recording.read_bytes()
    recording.write_bytes(whole[: len(whole) * 6 // 10])
    done = auricle(tmp_path, "replay", str(recording), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code in (1, 2)
    assert "garden.wav" in done.err
    assert activities(done.lines), "what was there must have been heard"
    assert done.lines[-1]["state"] == "failed"
    assert done.lines[-1]["end_s"] == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize("kind", ["zeros", "nan", "infinity", "direct current", "full scale"])
def test_strange_samples_give_finite_readings(tmp_path: Path, kind: str) -> None:
    samples = np.zeros(48_000 * 4, dtype=np.float32)
    match kind:
        case "nan":
            samples[1000:9000] = np.nan
        case "infinity":
            samples[1000:9000] = np.inf
        case "direct current":
            samples[:] = 0.9
        case "full scale":
            samples[:] = np.sign(np.sin(np.arange(len(samples)) / 7.0))
        case _:
            pass
    file = tmp_path / "strange.wav"
    soundfile.write(file, samples, 48_000, subtype="FLOAT")
    done = auricle(tmp_path, "replay", str(file), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    health = [line for line in done.lines if line["type"] == "health"][-1]
    assert health["non_finite"] == (8000 if kind in ("nan", "infinity") else 0)
    assert all(branch["state"] == "running" for branch in health["branches"])
    assert "NaN" not in done.out
    assert "null" not in done.out.replace('"utc":null', "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "nowhere.wav"], ["nowhere.wav"]),
        (["replay", "."], []),
        (["replay", "x.wav", "--speed", "fast"], ["--speed fast", "max"]),
        (["replay", "x.wav", "--timezone", "Mars/Olympus"], ["Mars/Olympus"]),
        (["replay", "x.wav", "y.wav", "--channel", "9"], ["channel 9", "from 1 to 8"]),
        (["replay"], ["PATH"]),
        (["listen"], ["listen"]),
        (["models", "verify", "no-such-model"], ["no-such-model", "bird-gate"]),
        (["watch", "tcp://127.0.0.1:9", "--no-tui"], ["9"]),
        (["watch", "somewhere", "--no-tui"], ["somewhere"]),
    ],
)
def test_wrong_arguments_get_a_message_and_exit_code_2(tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    if arguments == ["replay", "."]:
        arguments = ["replay", str(tmp_path)]
    done = auricle(tmp_path, *arguments)
    assert done.code == 2, done.err
    assert done.err.strip()
    assert all(word in done.err for word in words), done.err
    assert "Traceback" not in done.err


def test_faulty_settings_are_all_told_at_once(tmp_path: Path, recording: Path) -> None:
    (tmp_path / "auricle.toml").write_text('[capture]\nrat = 3\nring_s = "long"\n[bird]\nenabled = true\n')
    done = auricle(tmp_path, "replay", str(recording), "--no-tui")
    assert done.code == 2
    assert all(word in done.err for word in ("capture.rat", "capture.ring_s", "bird")), done.err


def test_a_changed_model_is_refused(tmp_path: Path, recording: Path) -> None:
    import shutil

    from tests.helpers.program import ROOT

    shutil.copytree(ROOT / "models" / "bird-gate", tmp_path / "data" / "models" / "bird-gate")
    model = next((tmp_path / "data" / "models").rglob("model.onnx"))
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    done = auricle(tmp_path, "replay", str(recording), "--no-tui")
    assert done.code == 2
    assert "bird-gate" in done.err
    assert "Traceback" not in done.err
    assert auricle(tmp_path, "doctor").code == 1


def test_a_reader_that_leaves_ends_it_quietly(tmp_path: Path, recording: Path) -> None:
    arguments = command("replay", str(recording), "--no-tui", "--jsonl", "-", "--speed", "1")
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path), stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_flushes_and_exits_0(tmp_path: Path, recording: Path, number: signal.Signals) -> None:
    arguments = command("replay", str(recording), "--no-tui", "--jsonl", "-", "--speed", "1")
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path), stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b'"level"' in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert b'"ended"' in out.splitlines()[-1]
