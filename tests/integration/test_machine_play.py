"""A clip and its nearest normal out of a loudspeaker, which is PulseAudio's null sink; and where there is none."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from monitor.machines.profile_folder import MachineFolder
from tests.helpers.machines import fan, fan_profile, fan_sounds
from tests.helpers.null_sink import SINK, NullSink, why_not
from tests.helpers.program import auricle

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a fan, and a clip in which it squeals."""
    MachineFolder(tmp_path / "data" / "machines").save(fan_profile(), fan_sounds())
    soundfile.write(tmp_path / "ill.wav", fan(5.0, 40, squeal=0.05), RATE)
    return tmp_path


def test_the_clip_and_then_the_normal_come_out_of_the_loudspeaker(home: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    with NullSink() as sink:
        file = home / "heard.raw"
        words = ["parec", f"--device={SINK}.monitor", f"--rate={RATE}", "--channels=1", "--format=float32le", "--raw"]
        with file.open("wb") as out:
            recorder = subprocess.Popen(words, env=sink.environment, stdout=out)
            deadline = time.monotonic() + 20.0
            while file.stat().st_size == 0 and time.monotonic() < deadline:
                time.sleep(0.1)
            own = {key: sink.environment[key] for key in ("HOME", "XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_COOKIE")}
            done = auricle(home, "machine", "play", "fan-1", str(home / "ill.wav"), **own)
            recorder.terminate()
            recorder.wait()
    assert done.code == 0, done.err
    assert "day1/fan-" in done.err
    heard = np.fromfile(file, dtype="<f4")
    loud = np.flatnonzero(np.abs(heard) > 0.02)
    heard = heard[loud[0] : loud[-1]]
    assert len(heard) / RATE == pytest.approx(5.0 + 0.7 + 10.0, abs=1.0)
    squeal = [tone(part, 2700.0) for part in (heard[: 4 * RATE], heard[-8 * RATE :])]
    assert squeal[0] > 30.0 * squeal[1]
    assert tone(heard[-8 * RATE :], 180.0) > 10.0 * squeal[1]


def test_without_a_loudspeaker_it_says_so(home: Path) -> None:
    nowhere = {"HOME": str(home), "PULSE_SERVER": f"unix:{home}/none", "PIPEWIRE_RUNTIME_DIR": str(home)}
    done = auricle(home, "machine", "play", "fan-1", str(home / "ill.wav"), **nowhere)
    if done.code == 0:
        pytest.skip("this computer has a loudspeaker")
    assert done.code == 2
    assert "loudspeaker" in done.err
    assert "Traceback" not in done.err


def tone(sound: np.ndarray, frequency: float) -> float:
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(sound)) / RATE)
    return float(np.abs(turn @ sound) / len(sound))
