"""What the screen knows of the machines of one source. No terminal in here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import log10
from typing import TYPE_CHECKING, NamedTuple

from monitor.core.clock import NANOSECONDS, samples
from monitor.core.machine_readings import MachineState
from monitor.core.types import ENGINE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.core.machine_readings import AnomalyReading

SHOWN_S = 600.0
"""Seconds that a machine's chart shows."""

GONE = samples(15.0)
"""Engine samples without a reading after which a machine counts as no longer listened for."""

RAREST = 1e-12
"""Share of the normals below which nothing is told apart."""

DECISION = 0.9
"""Percentile at which the DCASE baseline decides; drawn for comparison, for it is no alarm line."""

JUDGED = (MachineState.READY, MachineState.SNOOZED)
"""States in which a percentile says something."""


class Point(NamedTuple):
    """A window of a chart."""

    end: int
    """Engine index."""
    height: float | None
    """How rare it sounds, 1 at the alarm line, 0 or more; None where it was not judged."""
    alarm: bool


@dataclass(slots=True)
class MachineView:
    """One machine."""

    newest: AnomalyReading
    alarm_utc_ns: int | None = None
    """When its alarm began; None without one, or where the recording's start is unknown."""
    points: deque[Point] = field(default_factory=lambda: deque[Point](maxlen=700))

    @property
    def name(self) -> str:
        """As it was enrolled."""
        return self.newest.machine

    @property
    def urgent(self) -> bool:
        """Whether a person is needed."""
        newest = self.newest
        return (newest.alarm and not newest.acknowledged) or newest.state is MachineState.FAULT


class MachineViews:
    """All machines of a source, by name."""

    def __init__(self) -> None:
        self._views: dict[str, MachineView] = {}

    def __bool__(self) -> bool:
        return bool(self._views)

    def __iter__(self) -> Iterator[MachineView]:
        return iter(sorted(self._views.values(), key=lambda view: (not view.urgent, not view.newest.alarm, view.name)))

    def get(self, name: str) -> MachineView | None:
        """The one by this name."""
        return self._views.get(name)

    def fold(self, reading: AnomalyReading, utc_ns: int | None) -> None:
        """Take in a reading; machines that are no longer listened for are forgotten."""
        view = self._views.get(reading.machine)
        if view is None:
            view = self._views[reading.machine] = MachineView(reading)
        view.newest = reading
        view.points.append(Point(reading.span.end, height(reading), reading.alarm))
        alarmed = reading.alarmed
        view.alarm_utc_ns = None
        if alarmed is not None and utc_ns is not None:
            view.alarm_utc_ns = utc_ns - (reading.span.start - alarmed.start) * NANOSECONDS // ENGINE_RATE
        gone = reading.span.end - GONE
        for name in [name for name, one in self._views.items() if one.newest.span.end < gone]:
            del self._views[name]

    def clear(self) -> None:
        """The stream begins anew."""
        self._views.clear()


def height(reading: AnomalyReading) -> float | None:
    """How rare a window sounds, on a scale where the alarm line is 1; None where it was not judged."""
    if reading.state not in JUDGED:
        return None
    line = _rarity(reading.alarm_percentile)
    return _rarity(reading.percentile) / line if line > 0.0 else 0.0


def decision_height(reading: AnomalyReading) -> float | None:
    """Where the DCASE baseline would decide, on the scale of `height`; None where that is not below the alarm line."""
    line = _rarity(reading.alarm_percentile)
    at = _rarity(DECISION) / line if line > 0.0 else 1.0
    return at if at < 1.0 else None


def cells(view: MachineView, count: int, shown_s: float = SHOWN_S) -> list[Point | None]:
    """The newest `shown_s` seconds in `count` cells, the worst window of each; None where nothing was heard."""
    cell = max(1, samples(shown_s) // max(1, count))
    last = view.newest.span.end // cell
    found: list[Point | None] = [None] * count
    for point in view.points:
        place = point.end // cell - last + count - 1
        if 0 <= place < count:
            before = found[place]
            if before is None or (point.height or 0.0) >= (before.height or 0.0):
                found[place] = point
    return found


def percentile_words(percentile: float) -> str:
    """`62nd`, `99.7th`, `>99.9th`: never rounded up to all of them."""
    if percentile > 0.9999:
        return ">99.9th"
    if percentile >= 0.99:
        return f"{int(percentile * 1000) / 10:.1f}th"
    whole = int(percentile * 100)
    ending = "th" if 10 <= whole % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(whole % 10, "th")
    return f"{whole}{ending}"


def line_words(percentile: float) -> str:
    """An alarm line, for people: `1 normal window in 120 000`."""
    one_in = min(1.0 / max(RAREST, 1.0 - percentile), 1e9)
    digits = max(0, int(log10(one_in)) - 1)
    return f"1 normal window in {round(one_in, -digits):,.0f}".replace(",", " ")


def state_words(reading: AnomalyReading) -> str:
    """What a machine is doing, in one or two words."""
    if reading.alarm:
        return "alarm, seen" if reading.acknowledged else "ALARM"
    return "held back" if reading.suppressed else _STATES[reading.state]


_STATES = {
    MachineState.WARMING_UP: "warming up",
    MachineState.READY: "normal",
    MachineState.OFF: "off",
    MachineState.STARTING: "starting",
    MachineState.CHANGED_SPEED: "other speed",
    MachineState.FAULT: "microphone?",
    MachineState.LEARNING: "learning",
    MachineState.MAINTENANCE: "maintenance",
    MachineState.SNOOZED: "snoozed",
}


def bands_words(reading: AnomalyReading) -> str:
    """`2.1-3.4 kHz +11 dB, 120-250 Hz -6 dB`; empty where no band stands out."""
    return ", ".join(band.words for band in reading.deviations)


def _rarity(percentile: float) -> float:
    return -log10(max(RAREST, 1.0 - percentile))
