"""The machine branch, wired by hand: every machine listens to the same windows, and to one embedding of each.

16 kHz -> windows -> encoder (if any machine needs it) -> contexts -+-> detector of pump-3 -> readings, hours
                                                            +-> detector of fan-1  -> readings, hours
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.core.clock import engine_index
from monitor.core.machine_readings import AnomalyReading
from monitor.machines.anomaly import AnomalyDetector, Attention, Raised
from monitor.machines.context import Contexts, HeardContext
from monitor.machines.drift import PercentileHours
from monitor.machines.window import MachineWindows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from monitor.core.events import Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock
    from monitor.machines.encoder import MachineEncoder
    from monitor.machines.profile import MachineProfile
    from monitor.machines.window import MachineWindow

    Timed = Callable[[str, Stage[Any, Any]], Stage[Any, Any]]


@dataclass(frozen=True, slots=True)
class Watched:
    """A machine that is listened for."""

    profile: MachineProfile
    attention: Attention


@dataclass(frozen=True, slots=True)
class _Machine:
    """The stages of one machine."""

    detector: AnomalyDetector
    timed: Stage[HeardContext, Reading]
    hours: PercentileHours


class MachineBranch:
    """Blocks of 16 kHz audio -> readings of all machines; without a machine it costs nothing.

    While `shedding`, windows are dropped in front of encoder and detectors, and counted.
    """

    name = "machines"

    def __init__(self, encoder: MachineEncoder | None, timed: Timed) -> None:
        self.shedding = False
        self.dropped_windows = 0
        self._timed = timed
        self._windows = timed("machine windows", MachineWindows())
        self._embedded = Contexts(encoder.embed if encoder else None)
        contexts = _Contexts(self._embedded)
        self._contexts = timed("machine encoder", contexts) if encoder else contexts
        self._machines: dict[str, _Machine] = {}
        self._asleep = True
        self._raised = Raised()

    @property
    def raised(self) -> Raised:
        """How far all alarm lines are raised; may be exchanged between two pushes."""
        return self._raised

    @raised.setter
    def raised(self, value: Raised) -> None:
        self._raised = value
        for machine in self._machines.values():
            machine.detector.raised = value

    @property
    def awake(self) -> bool:
        """Whether any machine is listened for."""
        return bool(self._machines)

    def watch(self, watched: Mapping[str, Watched]) -> None:
        """Which machines to listen for from now on, between two pushes; one with another profile begins anew."""
        machines: dict[str, _Machine] = {}
        for name, one in watched.items():
            before = self._machines.get(name)
            if before is not None and before.detector.profile is one.profile:
                before.detector.attention = one.attention
                machines[name] = before
            else:
                detector = AnomalyDetector(one.profile, one.attention)
                detector.raised = self._raised
                machines[name] = _Machine(detector, self._timed("machine detectors", detector), PercentileHours())
        self._machines = machines
        self._embedded.embedding = any(one.profile.encoder_id is not None for one in watched.values())

    def push(self, item: AudioBlock) -> Sequence[Reading]:
        """Readings for a block at 16 kHz."""
        if not self._machines:
            self._asleep = True
            return []
        if self._asleep:
            self.reset(engine_index(item.start, item.rate))
        return [reading for window in self._windows.push(item) for reading in self._judged(window)]

    def flush(self) -> Sequence[Reading]:
        """The stream ends or breaks here: the hours so far."""
        readings: list[Reading] = []
        for machine in self._machines.values():
            readings += machine.hours.flush()
        return readings

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        self._windows.reset(at)
        self._contexts.reset(at)
        self._asleep = False
        for machine in self._machines.values():
            machine.timed.reset(at)
            machine.hours.reset(at)

    def _judged(self, window: MachineWindow) -> list[Reading]:
        if self.shedding:
            self.dropped_windows += 1
            return []
        readings: list[Reading] = []
        for heard in self._contexts.push(window):
            for machine in self._machines.values():
                for reading in machine.timed.push(heard):
                    readings.append(reading)
                    if isinstance(reading, AnomalyReading):
                        readings += machine.hours.push(reading)
        return readings


class _Contexts:
    """`Contexts` as a stage, so that it can be timed."""

    latency = 0

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    def push(self, item: MachineWindow) -> Sequence[HeardContext]:
        return (self._contexts.add(item),)

    def flush(self) -> Sequence[HeardContext]:
        return ()

    def reset(self, at: int) -> None:
        del at
        self._contexts.clear()
