"""Learning a machine from what is heard: real folder, fit, thread and sockets; the sound is made by the test."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.audio.resample import resampled
from monitor.bus.client import BusClient
from monitor.bus.enrollment import answered
from monitor.bus.machine_care import MachineJob, MachineJobBegun, MachineList
from monitor.core.types import ENGINE_RATE, AudioBlock
from monitor.engine.audio_history import Histories
from monitor.engine.machine_desk import MachineDesk
from monitor.engine.machine_learning import MachineLearning
from monitor.engine.machine_teacher import MachineTeacher
from monitor.errors import BusError
from monitor.machines.enroll import fit_profile
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.sounds import heard_sound
from tests.helpers.engine_thread import EngineThread
from tests.helpers.machines import QUICK, fan, fan_sounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.machines.profile import MachineProfile
    from monitor.machines.sounds import Sound

PATIENCE_S = 60.0
STEP = 9_600


@cache
def heard_fan() -> tuple[MachineProfile, tuple[Sound, ...]]:
    """A profile of the fan as an engine hears it: on the way to 48 kHz and back its highest bands are lost."""
    rate = ENGINE_RATE
    ways = [resampled(sound.samples, 16_000, rate, 3 * len(sound.samples)) for sound in fan_sounds()]
    sounds = tuple(heard_sound(audio, rate, f"fan {number}") for number, audio in enumerate(ways))
    return fit_profile("fan-1", sounds, (), None, QUICK, 0), sounds


class Engine:
    """A server with the service, and a subscriber; it hears what the test gives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.histories = Histories()
        self.desk = MachineDesk(MachineFolder(folder), None, lambda _: None)
        self.now_s = 0.0
        teacher = MachineTeacher(folder, None)
        self.learning = MachineLearning(self.desk, teacher, self.histories, lambda: self.now_s)
        self.thread = EngineThread()
        self.thread.do(self.learning.serve_on)
        self.client = BusClient(self.thread.addresses.commands)
        self.at = 0

    def hear(self, sound: np.ndarray, source: str = "mic", *, lost: int = 0) -> None:
        """Sound at 16 kHz comes in, after a loss of so many engine samples."""
        audio = resampled(sound, 16_000, ENGINE_RATE, 3 * len(sound))
        self.at += lost

        def take(_: object) -> None:
            for start in range(0, len(audio), STEP):
                block = AudioBlock(audio[start : start + STEP], self.at + start)
                self.histories.hear(source, block)
                self.learning.hear(source, block)

        self.thread.do(take)
        self.at += len(audio)

    def begin(self, command: str, **parameters: object) -> int:
        return answered(self.client.command(command, **parameters), MachineJobBegun).job

    def job(self, number: int) -> MachineJob:
        return answered(self.client.command("machine_job", job=number), MachineJob)

    def outcome(self, number: int) -> MachineJob:
        deadline = time.monotonic() + PATIENCE_S
        while (job := self.job(number)).state in ("listening", "fitting"):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
        return job

    def close(self) -> None:
        self.client.close()
        self.thread.close()
        self.learning.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


def enrolled(engine: Engine) -> None:
    MachineFolder(engine.folder).save(*heard_fan())
    engine.thread.do(lambda _: engine.desk.poll(now=True))


def test_a_new_machine_is_learnt_from_live_audio_and_listened_for(engine: Engine) -> None:
    engine.hear(fan(1.0, 60))
    number = engine.begin("machine_learn", name="fan-9", seconds=60.0)
    engine.hear(fan(31.0, 61))
    half = engine.job(number)
    assert half.state == "listening"
    assert half.heard_s == pytest.approx(31.0, abs=0.2)
    engine.hear(fan(30.0, 62), lost=ENGINE_RATE)
    done = engine.outcome(number)
    assert done.state == "done", done
    # A gap cuts a clip short, and what comes after it begins a new one.
    assert done.clips == 6
    assert list(engine.desk.watched) == ["fan-9"]
    assert not engine.desk.watched["fan-9"].attention.learning
    profile = MachineFolder(engine.folder).get("fan-9")
    assert profile.clips[0].origin.startswith("mic, live")


def test_what_would_ring_the_alarm_is_left_out_and_too_much_of_it_refused(engine: Engine) -> None:
    enrolled(engine)
    engine.hear(fan(1.0, 60))
    number = engine.begin("machine_learn", name="Fan-1", seconds=40.0, existing="add")
    assert engine.desk.watched["fan-1"].attention.learning
    engine.hear(np.concatenate([fan(30.0, 61), fan(10.5, 62, squeal=0.05)]))
    done = engine.outcome(number)
    assert (done.state, done.refused_s, done.clips) == ("done", 10.0, len(fan_sounds()) + 3), done
    number = engine.begin("machine_learn", name="fan-1", seconds=20.0, existing="add")
    engine.hear(fan(20.5, 63, squeal=0.05))
    refused = engine.outcome(number)
    assert refused.state == "failed"
    assert "alarm would ring" in refused.why
    assert len(MachineFolder(engine.folder).get("fan-1").clips) == done.clips
    number = engine.begin("machine_learn", name="fan-1", seconds=20.0, existing="add", even_alarms=True)
    engine.hear(fan(20.5, 64, squeal=0.05))
    assert engine.outcome(number).clips == done.clips + 2


def test_a_false_alarm_becomes_a_normal_clip(engine: Engine) -> None:
    enrolled(engine)
    engine.hear(fan(30.0, 61))
    stretch = {"source": "mic", "start": 10 * ENGINE_RATE, "end": 20 * ENGINE_RATE}
    done = engine.outcome(engine.begin("machine_normal", name="fan-1", **stretch))
    assert done.clips == len(fan_sounds()) + 1, done
    assert "false alarm" in MachineFolder(engine.folder).get("fan-1").clips[-1].origin


def test_stopped_learning_changes_nothing(engine: Engine) -> None:
    enrolled(engine)
    engine.hear(fan(1.0, 60))
    number = engine.begin("machine_learn", name="fan-1", seconds=60.0, existing="replace")
    engine.hear(fan(15.0, 61))
    engine.client.command("machine_cancel", job=number)
    assert engine.job(number).state == "failed"
    assert not engine.desk.watched["fan-1"].attention.learning
    assert len(MachineFolder(engine.folder).get("fan-1").clips) == len(fan_sounds())


def test_a_source_that_gives_nothing_any_more_ends_the_listening(engine: Engine) -> None:
    engine.hear(fan(1.0, 60))
    number = engine.begin("machine_learn", name="fan-9", seconds=60.0)
    engine.hear(fan(5.0, 61))
    engine.now_s += 29.0
    assert engine.job(number).state == "listening"
    engine.now_s += 2.0
    told = engine.job(number)
    assert told.state == "failed"
    assert "no audio of mic" in told.why
    assert engine.begin("machine_learn", name="fan-9", seconds=60.0) == number + 1


def test_the_list_tells_what_is_there(engine: Engine) -> None:
    enrolled(engine)
    engine.hear(fan(1.0, 60), "garden")
    engine.client.command("machine_attend", name="fan-1", act="maintenance")
    told = answered(engine.client.command("machines"), MachineList)
    assert [(one.name, one.maintenance) for one in told.machines] == [("fan-1", True)]
    assert told.sources == ("garden",)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"name": "fan-1", "seconds": 60.0}, "there already"),
        ({"name": " ", "seconds": 60.0}, "name"),
        ({"name": "fan-9", "seconds": 1.0}, "no time"),
        ({"name": "fan-9", "seconds": float("nan")}, "no time"),
        ({"name": "fan-9", "seconds": 60.0, "source": "cellar"}, "not being heard"),
    ],
)
def test_what_cannot_be_learnt_is_refused_at_once(engine: Engine, parameters: dict[str, object], why: str) -> None:
    enrolled(engine)
    engine.hear(fan(1.0, 60))
    with pytest.raises(BusError, match=why):
        engine.client.command("machine_learn", **parameters)


def test_of_several_sources_one_has_to_be_named(engine: Engine) -> None:
    with pytest.raises(BusError, match="nothing is being heard"):
        engine.client.command("machine_learn", name="fan-9", seconds=60.0)
    engine.hear(fan(1.0, 60), "garden")
    engine.hear(fan(1.0, 60), "cellar")
    with pytest.raises(BusError, match="several: garden, cellar"):
        engine.client.command("machine_learn", name="fan-9", seconds=60.0)
