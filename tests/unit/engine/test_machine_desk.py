"""Which machines are listened for, and what people said about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from monitor.bus.machine_care import AttendMachine
from monitor.core.events import AnomalyReading
from monitor.core.types import AudioBlock
from monitor.engine.machine_desk import MachineDesk
from monitor.engine.models import Models
from monitor.engine.runner import StreamRunner
from monitor.errors import UsageError
from monitor.machines.profile_folder import MachineFolder
from tests.helpers.machines import fan, fan_profile, fan_sounds

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.core.events import Reading
    from monitor.errors import AuricleError
    from monitor.machines.profile import MachineProfile


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def opened(folder: Path, clock: Clock, **more: object) -> tuple[MachineDesk, list[AuricleError]]:
    told: list[AuricleError] = []
    return MachineDesk(MachineFolder(folder), None, told.append, clock=clock, **more), told  # type: ignore[arg-type]


def save(folder: Path, profile: MachineProfile) -> None:
    MachineFolder(folder).save(profile, fan_sounds(), replace=True)


def test_a_machine_that_is_enrolled_meanwhile_is_listened_for(tmp_path: Path) -> None:
    clock = Clock()
    desk, told = opened(tmp_path, clock)
    assert not desk.watched
    save(tmp_path, fan_profile())
    desk.poll()
    assert not desk.watched, "it is not looked for all the time"
    clock.now_s += 2
    desk.poll()
    assert list(desk.watched) == ["fan-1"]
    before = desk.watched
    clock.now_s += 2
    desk.poll()
    assert desk.watched is before, "nothing changed"
    MachineFolder(tmp_path).remove("fan-1")
    clock.now_s += 2
    desk.poll()
    assert not desk.watched
    assert not told


def test_only_those_named_and_none_of_another_encoder(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    save(tmp_path, replace(fan_profile(), name="pump-3"))
    desk, _ = opened(tmp_path, Clock(), names=("PUMP-3",))
    assert list(desk.watched) == ["pump-3"]
    assert [(one.name, one.heard) for one in desk.care()] == [("fan-1", False), ("pump-3", True)]


def test_a_machine_that_one_microphone_hears_is_listened_for_there_only(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    save(tmp_path, replace(fan_profile(), name="pump-3"))
    desk, _ = opened(tmp_path, Clock(), heard_by={"PUMP-3": "cellar"})
    assert [list(desk.watched_on(source)) for source in ("hall", "cellar")] == [["fan-1"], ["fan-1", "pump-3"]]
    assert desk.watched_on("hall") is desk.watched_on("hall"), "nothing changed"
    assert [(one.name, one.source) for one in desk.care()] == [("fan-1", ""), ("pump-3", "cellar")]
    before = desk.watched_on("cellar")
    desk.attend(AttendMachine("pump-3", "maintenance"))
    assert desk.watched_on("cellar") is not before
    assert desk.watched_on("cellar")["pump-3"].attention.maintenance


def test_each_machine_is_scored_on_its_own_microphone(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    save(tmp_path, replace(fan_profile(), name="pump-3"))
    desk, _ = opened(tmp_path, Clock(), heard_by={"fan-1": "hall", "pump-3": "cellar"})
    heard: set[tuple[str, str]] = set()

    def publish(source: str, reading: Reading, utc_ns: int | None) -> None:
        if isinstance(reading, AnomalyReading):
            heard.add((source, reading.machine))

    for source in ("hall", "cellar"):
        runner = StreamRunner(source, 16_000, Models(), publish, machines=desk)
        runner.take(AudioBlock(fan(6.0, 3), 0, 16_000))
        runner.end()
    assert heard == {("hall", "fan-1"), ("cellar", "pump-3")}


def test_a_damaged_profile_is_told_once_and_the_others_go_on(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    (file,) = [path for path in tmp_path.iterdir() if path.is_file() and path.stat().st_size > 1000]
    copy = file.with_name(f"{file.stem}x{file.suffix}")
    copy.write_bytes(file.read_bytes()[:500])
    clock = Clock()
    desk, told = opened(tmp_path, clock)
    assert list(desk.watched) == ["fan-1"]
    assert len(told) == 1
    clock.now_s += 2
    desk.poll()
    assert len(told) == 1


def test_a_snooze_ends_by_itself(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    clock = Clock()
    desk, _ = opened(tmp_path, clock)
    desk.attend(AttendMachine("FAN-1", "snooze", 60.0))
    assert desk.watched["fan-1"].attention.snoozed
    clock.now_s += 30
    assert desk.care()[0].snoozed_s == pytest.approx(30.0)
    clock.now_s += 31
    desk.poll()
    assert not desk.watched["fan-1"].attention.snoozed
    desk.attend(AttendMachine("fan-1", "snooze", 60.0))
    desk.attend(AttendMachine("fan-1", "wake"))
    assert not desk.watched["fan-1"].attention.snoozed


def test_maintenance_learning_and_acknowledging_are_kept_apart(tmp_path: Path) -> None:
    save(tmp_path, fan_profile())
    desk, _ = opened(tmp_path, Clock())
    desk.attend(AttendMachine("fan-1", "maintenance"))
    desk.begin_learning("fan-1", 4)
    desk.attend(AttendMachine("fan-1", "acknowledge"))
    said = desk.watched["fan-1"].attention
    assert (said.maintenance, said.learning, said.acknowledged) == (True, True, 1)
    assert desk.care()[0].learning == 4
    desk.end_learning("fan-1")
    desk.attend(AttendMachine("fan-1", "resume"))
    said = desk.watched["fan-1"].attention
    assert (said.maintenance, said.learning, said.acknowledged) == (False, False, 1)


@pytest.mark.parametrize(
    "wanted",
    [
        AttendMachine("pump-9", "acknowledge"),
        AttendMachine("fan-1", "snooze", 0.0),
        AttendMachine("fan-1", "snooze", 1e9),
        AttendMachine("fan-1", "snooze", float("nan")),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, wanted: AttendMachine) -> None:
    save(tmp_path, fan_profile())
    desk, _ = opened(tmp_path, Clock())
    with pytest.raises(UsageError):
        desk.attend(wanted)
