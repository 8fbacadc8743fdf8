"""A workshop with machines, for the screen: what the engine says of them, and what it would answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.bus.machine_care import MachineCare, MachineJob, MachineList
from monitor.core.events import AnomalyReading, MachineChange, SourceCondition
from monitor.core.machine_readings import BandDeviation, MachineState
from monitor.core.types import Span
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from monitor.bus.messages import Delivery, Message

LINE = 0.99999
WINDOW_S, HOP_S = 2.128, 1.008
BANDS = (BandDeviation(2100.0, 3400.0, 11.0), BandDeviation(120.0, 250.0, -6.0))

KNOWN = MachineList(
    (
        MachineCare("fan-1", 54, heard=True, maintenance=False, snoozed_s=0.0),
        MachineCare("press", 12, heard=True, maintenance=False, snoozed_s=1500.0),
        MachineCare("pump-3", 30, heard=True, maintenance=True, snoozed_s=0.0),
    ),
    ("workshop-mic",),
    120.0,
)
LISTENING = MachineJob("pump-3", "listening", 600.0, 250.0, 20.0)
LEARNT = MachineJob("pump-3", "done", 600.0, 600.0, 20.0, 58)
FAILED = MachineJob(
    "pump-3",
    "failed",
    600.0,
    600.0,
    400.0,
    what="machine pump-3",
    why="its alarm would ring in 400 of 600 s, which were left out",
    remedy="Look after it; if it is sound, learn alarms too (--even-alarms)",
)


def reading(
    machine: str,
    number: int,
    percentile: float,
    state: MachineState = MachineState.READY,
    *,
    alarm_from: int | None = None,
    acknowledged: bool = False,
    domain: float = 0.2,
    detail: str = "",
) -> AnomalyReading:
    """Of window `number` of a machine; an alarm began with window `alarm_from`."""
    span = Span(s(number * HOP_S), s(number * HOP_S + WINDOW_S))
    alarm = alarm_from is not None
    alarmed = None if alarm_from is None else Span(s(alarm_from * HOP_S), span.end)
    judged = state in (MachineState.READY, MachineState.SNOOZED)
    return AnomalyReading(
        span,
        machine,
        state,
        5.0 * percentile,
        percentile,
        LINE,
        domain,
        alarm,
        alarmed,
        acknowledged,
        BANDS if alarm else (),
        "day1/fan-03.wav" if judged else "",
        detail,
    )


def usual(number: int, seed: int) -> float:
    """A percentile between 0.1 and 0.95, the same everywhere."""
    return 0.1 + 0.85 * ((number * 7919 + seed * 104_729) % 101) / 101


def workshop(seconds: int = 130, *, machines: int = 3) -> list[Message]:
    """A pump that runs, a fan in alarm, a press that is off; more of them are pumps."""
    scene = Scene("workshop-mic")
    messages: list[Message] = [scene.state(SourceCondition.LISTENING)]
    sound = list(scene.listen(0, seconds, birds=False))
    alarm_from = seconds - 40
    per_second = len(sound) // seconds
    for number in range(seconds - 3):
        messages += sound[number * per_second : (number + 1) * per_second]
        messages += _second(scene, number, alarm_from)
        messages += [scene.tell(reading(f"pump-{extra + 1:02d}", number, 0.5)) for extra in range(3, machines)]
    return [*messages, *sound[(seconds - 3) * per_second :]]


def _second(scene: Scene, number: int, alarm_from: int) -> list[Delivery]:
    told = [scene.tell(reading("pump-3", number, usual(number, 1)))]
    if number < alarm_from:
        told.append(scene.tell(reading("fan-1", number, usual(number, 2), domain=0.8)))
    else:
        fan = reading("fan-1", number, 1.0 - 1e-7, alarm_from=alarm_from, domain=0.8)
        told.append(scene.tell(fan))
        if number == alarm_from:
            change = MachineChange(
                fan.span, "fan-1", fan.state, True, False, fan.percentile, fan.alarmed, BANDS, fan.nearest_clip
            )
            told.append(scene.tell(change))
    off = reading("press", number, 0.0, MachineState.OFF, detail="31 dB below its normals")
    told.append(scene.tell(off))
    if number == 2:
        told.append(scene.tell(MachineChange(off.span, "press", off.state, False, False, 0.0, detail=off.detail)))
    return told
