"""What is said about machines on the command line, to an engine that runs in a process of its own."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from monitor.bus.client import BusClient
from monitor.bus.messages import Delivery
from monitor.cli import app
from monitor.core.events import AnomalyReading
from monitor.engine.launch import start_engine
from monitor.machines.profile_folder import MachineFolder
from tests.helpers.engine_thread import hear_until
from tests.helpers.machines import fan, fan_profile, fan_sounds
from tests.helpers.program import environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.bus.messages import Message

SPEED = 6.0


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an engine that plays five minutes of a fan that squeals from the first on, and stays."""
    for key, value in environment(tmp_path).items():
        monkeypatch.setenv(key, value)
    MachineFolder(tmp_path / "data" / "machines").save(fan_profile(), fan_sounds())
    recording = tmp_path / "hall.wav"
    sound = np.concatenate([fan(30.0, 50), fan(270.0, 51, squeal=0.05)])
    soundfile.write(recording, sound, 16_000, subtype="FLOAT")
    log = tmp_path / "events.sqlite"
    words = ["replay", "--no-tui", "--stay", "--speed", str(SPEED), "--log", str(log), "--", str(recording)]
    child, address = start_engine(words, tmp_path / "engine.txt")
    yield address
    child.stop()


def newest(heard: list[Message]) -> AnomalyReading | None:
    readings = [one.reading for one in heard if isinstance(one, Delivery) and isinstance(one.reading, AnomalyReading)]
    return readings[-1] if readings else None


def test_people_have_their_say(engine: str, tmp_path: Path) -> None:
    def say(*words: str, refused: str = "") -> str:
        done = CliRunner().invoke(app, ["machine", *words, "--engine", engine])
        assert refused in str(done.exception or "") if refused else done.exit_code == 0, done
        return done.output

    with BusClient(engine) as client:
        hear_until(client, lambda heard: (told := newest(heard)) is not None and told.alarm)
        say("ack", "fan-1")
        hear_until(client, lambda heard: (told := newest(heard)) is not None and told.acknowledged)
        say("normal", "fan-1")
        assert len(MachineFolder(tmp_path / "data" / "machines").get("fan-1").clips) == len(fan_sounds()) + 1
        say("snooze", "fan-1", "--minutes", "30")
        say("maintenance", "fan-1")
        told = say("status")
        assert "maintenance" in told
        assert "keeps quiet for 30 min" in told
        say("maintenance", "fan-1", "--end")
        say("snooze", "fan-1", "--minutes", "0")
        say("ack", "pump-9", refused="not enrolled")
        say("learn", "fan-1", refused="there already")
        say("learn", "squealer", "--minutes", "0.6")
    assert len(MachineFolder(tmp_path / "data" / "machines").get("squealer").clips) == 4
    kept = sqlite3.connect(tmp_path / "events.sqlite").execute("SELECT fields FROM events WHERE topic = 'machine'")
    assert any('"acknowledged":true' in fields for (fields,) in kept)
