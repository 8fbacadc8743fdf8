"""Slow drift: the percentiles of an hour in one line, and a week of such lines in one figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import NANOSECONDS, samples
from monitor.core.machine_readings import AnomalyReading, MachineState, PercentileSummary
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = samples(3600.0)

WEEK_NS = 7 * 24 * 3600 * NANOSECONDS

JUDGED = (MachineState.READY, MachineState.SNOOZED)
"""States whose percentiles count."""

HOURS_NEEDED = 8
"""Hours of a week below which its figure says nothing."""

RARE = 0.8
"""Weekly figure from which on a machine is to be enrolled anew: its usual hour sounds rarer than 4 of 5 normals."""

RISEN = 0.2
"""Rise from one week to the next from which on it is."""


class PercentileHours:
    """Stage: the readings of one machine -> a `PercentileSummary` an hour, the hours counted from index 0.

    An hour in which nothing was judged has none.
    """

    def __init__(self, period: int = HOUR) -> None:
        """`period`: engine samples that a summary covers."""
        self._period = period
        self._first: AnomalyReading | None = None
        self._last: AnomalyReading | None = None
        self._percentiles: list[float] = []
        self._alarmed = 0

    @property
    def latency(self) -> int:
        """Engine samples: an hour."""
        return self._period

    def push(self, item: AnomalyReading) -> list[PercentileSummary]:
        """The hour before, when this reading ends in the next one."""
        over: list[PercentileSummary] = []
        if self._last is not None and self._hour(item) != self._hour(self._last):
            over = self.flush()
        if self._first is None:
            self._first = item
        self._last = item
        if item.state in JUDGED:
            self._percentiles.append(item.percentile)
            self._alarmed += item.alarm
        return over

    def flush(self) -> list[PercentileSummary]:
        """What there is of the hour."""
        first, last, percentiles, alarmed = self._first, self._last, self._percentiles, self._alarmed
        self.reset(0)
        if first is None or last is None or not percentiles:
            return []
        median, upper = np.quantile(np.array(percentiles), (0.5, 0.9)).tolist()
        span = Span(first.span.start, last.span.end)
        return [PercentileSummary(span, last.machine, len(percentiles), median, upper, alarmed / len(percentiles))]

    def reset(self, at: int) -> None:
        """Forget everything."""
        del at
        self._first = self._last = None
        self._percentiles = []
        self._alarmed = 0

    def _hour(self, reading: AnomalyReading) -> int:
        return (reading.span.end - 1) // self._period


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of one machine."""

    began_utc_ns: int
    windows: int
    """Windows judged."""
    hours: int
    """Summaries that it was made from."""
    figure: float
    """Median of the hours' medians, 0..1: the drift. The normals themselves have 0.5."""
    alarmed: float
    """Share of the windows within an alarm, 0..1."""

    @property
    def meaningful(self) -> bool:
        """Whether there are hours enough."""
        return self.hours >= HOURS_NEEDED


def weeks(history: Sequence[tuple[int, PercentileSummary]], until_utc_ns: int, count: int) -> list[Week]:
    """The `count` weeks before `until_utc_ns`, oldest first, of summaries and when they began; empty ones left out."""
    found: list[Week] = []
    for number in range(count, 0, -1):
        began = until_utc_ns - number * WEEK_NS
        inside = [summary for utc_ns, summary in history if began <= utc_ns < began + WEEK_NS]
        windows = sum(summary.windows for summary in inside)
        if not windows:
            continue
        figure = float(np.median([summary.median for summary in inside]))
        alarmed = sum(summary.alarmed * summary.windows for summary in inside) / windows
        found.append(Week(began, windows, len(inside), figure, min(1.0, alarmed)))
    return found


def advice(told: Sequence[Week]) -> str:
    """What to do about the weeks of a machine, oldest first, in a sentence."""
    if not told or not told[-1].meaningful:
        return f"too little was heard in the last week: {HOURS_NEEDED} hours are needed for a figure"
    newest = told[-1]
    if newest.figure >= RARE:
        return (
            "it hardly sounds like its normals any more: if it is sound, enroll it anew "
            "(`auricle machine enroll NAME --replace ...`, or learn from live audio)"
        )
    if len(told) > 1 and told[-2].meaningful and newest.figure - told[-2].figure >= RISEN:
        return "it moves away from its normals: look after it, or add newer normals if it is sound"
    return "no drift that needs anything"
