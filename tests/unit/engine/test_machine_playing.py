"""An alarm and its nearest normal, played by an engine: real folder, thread and sockets; the sound goes to an array."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.audio.resample import resampled
from monitor.bus.client import BusClient
from monitor.bus.enrollment import answered
from monitor.bus.machine_play import MachinePlaying
from monitor.core.types import ENGINE_RATE, AudioBlock
from monitor.engine.audio_history import Histories
from monitor.engine.machine_desk import MachineDesk
from monitor.engine.machine_playing import MachinePlayer
from monitor.errors import BusError, DeviceError
from monitor.machines.profile_folder import MachineFolder
from tests.helpers.engine_thread import EngineThread
from tests.helpers.machines import fan, fan_profile, fan_sounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 30.0
STEP = 9_600


class Loudspeaker:
    """Takes what is played; `held` until it may go on, and `broken` where it cannot be opened."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []
        self.go_on = Event()
        self.go_on.set()
        self.broken = False

    def play(self, samples: np.ndarray, rate: int, stopped: Callable[[], bool]) -> None:
        assert rate == ENGINE_RATE
        if self.broken:
            raise DeviceError("loudspeaker", "it was unplugged", "Plug it in")
        deadline = time.monotonic() + PATIENCE_S
        while not self.go_on.is_set() and not stopped():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if not stopped():
            self.heard.append(samples)


class Engine:
    def __init__(self, folder: Path) -> None:
        MachineFolder(folder).save(fan_profile(), fan_sounds())
        histories = Histories()
        audio = resampled(
            np.concatenate([fan(20.0, 50), fan(20.0, 51, squeal=0.05)]), 16_000, ENGINE_RATE, 40 * ENGINE_RATE
        )
        for start in range(0, len(audio), STEP):
            histories.hear("mic", AudioBlock(audio[start : start + STEP], start))
        self.loudspeaker = Loudspeaker()
        self.player = MachinePlayer(
            MachineDesk(MachineFolder(folder), None, lambda _: None), folder, histories, self.loudspeaker.play
        )
        self.thread = EngineThread()
        self.thread.do(self.player.serve_on)
        self.client = BusClient(self.thread.addresses.commands)

    def play(self, **changes: object) -> MachinePlaying:
        alarm = {"start": 20 * ENGINE_RATE, "end": 40 * ENGINE_RATE, "nearest": "day1/fan-03.wav"}
        return answered(
            self.client.command("machine_play", **{"name": "Fan-1", "source": "mic", **alarm, **changes}),
            MachinePlaying,
        )

    def told(self) -> MachinePlaying:
        return answered(self.client.command("machine_playing"), MachinePlaying)

    def outcome(self) -> MachinePlaying:
        deadline = time.monotonic() + PATIENCE_S
        while (told := self.told()).going_on:
            assert time.monotonic() < deadline, told
            time.sleep(0.02)
        return told

    def close(self) -> None:
        self.client.close()
        self.thread.close()
        self.player.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


def test_the_alarm_is_heard_and_then_the_normal(engine: Engine) -> None:
    assert engine.told().state == "done"
    begun = engine.play()
    assert (begun.state, begun.name, begun.nearest) == ("alarm", "fan-1", "day1/fan-03.wav")
    assert engine.outcome().state == "done"
    alarm, normal = engine.loudspeaker.heard
    # Its newest ten seconds, and up to one on either side that was held too.
    assert 10.0 <= len(alarm) / ENGINE_RATE <= 12.0
    assert len(normal) / ENGINE_RATE == pytest.approx(10.7, abs=0.05)
    assert tone(alarm, 2700.0) > 30.0 * tone(normal, 2700.0)
    assert max(np.abs(alarm).max(), np.abs(normal).max()) == pytest.approx(10 ** (-3 / 20), rel=0.05)
    # One gain for both: the hum is as loud in either.
    assert tone(alarm, 180.0) == pytest.approx(tone(normal, 180.0), rel=0.3)


def test_it_can_be_stopped_and_another_one_begun(engine: Engine) -> None:
    engine.loudspeaker.go_on.clear()
    engine.play()
    engine.client.command("machine_hush")
    assert engine.outcome().state == "stopped"
    assert not engine.loudspeaker.heard
    engine.play()
    engine.play(nearest="day1/fan-05.wav")
    engine.loudspeaker.go_on.set()
    assert engine.outcome().nearest == "day1/fan-05.wav"
    assert len(engine.loudspeaker.heard) == 2, "the first pair was cut off"


def test_a_loudspeaker_that_cannot_be_used_is_told(engine: Engine) -> None:
    engine.loudspeaker.broken = True
    engine.play()
    told = engine.outcome()
    assert (told.state, told.what, told.why) == ("failed", "loudspeaker", "it was unplugged")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "pump-9"}, "not enrolled"),
        ({"nearest": "elsewhere.wav"}, "none of its normals"),
        ({"source": "cellar"}, "no audio of it is held"),
        ({"start": 50 * ENGINE_RATE, "end": 60 * ENGINE_RATE}, "nothing was heard there"),
        ({"start": 60, "end": 50}, "is no stretch"),
    ],
)
def test_what_cannot_be_played_is_refused_at_once(engine: Engine, changes: dict[str, object], why: str) -> None:
    with pytest.raises(BusError, match=why):
        engine.play(**changes)
    assert engine.told().state == "done"


def tone(sound: np.ndarray, frequency: float) -> float:
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(sound)) / ENGINE_RATE)
    return float(np.abs(turn @ sound) / len(sound))
