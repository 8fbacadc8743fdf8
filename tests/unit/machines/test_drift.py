"""Hours of percentiles, and the weekly figure that they make."""

from __future__ import annotations

import pytest

from monitor.core.clock import NANOSECONDS
from monitor.core.machine_readings import AnomalyReading, MachineState, PercentileSummary
from monitor.core.types import Span
from monitor.machines.drift import HOUR, WEEK_NS, PercentileHours, advice, weeks

HOP, LENGTH = 48_384, 102_144
HOUR_NS = 3600 * NANOSECONDS


def reading(
    number: int, percentile: float, state: MachineState = MachineState.READY, *, alarm: bool = False
) -> AnomalyReading:
    span = Span(number * HOP, number * HOP + LENGTH)
    return AnomalyReading(span, "pump-3", state, 0.0, percentile, 0.99999, 0.0, alarm)


def test_an_hour_is_told_when_it_is_over_and_the_rest_at_the_end() -> None:
    stage = PercentileHours()
    told: list[PercentileSummary] = []
    count = (2 * HOUR - LENGTH) // HOP
    for number in range(count):
        told += stage.push(reading(number, 0.25 if number * HOP + LENGTH <= HOUR else 0.75))
    assert [round(one.median, 6) for one in told] == [0.25]
    assert told[0].span.end <= HOUR
    last = stage.flush()
    assert [round(one.median, 6) for one in last] == [0.75]
    assert told[0].windows + last[0].windows == count
    assert not stage.flush()


def test_only_what_was_judged_counts() -> None:
    stage = PercentileHours()
    for number in range(10):
        stage.push(reading(number, 0.0, MachineState.OFF))
    assert not stage.flush(), "nothing was judged"
    for number in range(10):
        stage.push(reading(number, 0.9, alarm=number >= 5))
        stage.push(reading(number, 0.0, MachineState.MAINTENANCE))
    (told,) = stage.flush()
    assert told.windows == 10
    assert told.median == pytest.approx(0.9)
    assert told.alarmed == pytest.approx(0.5)


def summaries(weekly: list[float], hours: int = 24) -> list[tuple[int, PercentileSummary]]:
    """`hours` hours at the end of each week, the last of which ends now."""
    found: list[tuple[int, PercentileSummary]] = []
    for number, median in enumerate(weekly):
        end = (number + 1) * WEEK_NS
        for hour in range(hours):
            summary = PercentileSummary(Span(0, HOUR), "pump-3", 3500, median, min(1.0, median + 0.1), 0.0)
            found.append((end - (hour + 1) * HOUR_NS, summary))
    return found


def test_weeks_are_seven_days_before_now() -> None:
    told = weeks(summaries([0.4, 0.5, 0.6]), 3 * WEEK_NS, 4)
    assert [week.figure for week in told] == [0.4, 0.5, 0.6]
    assert [week.hours for week in told] == [24, 24, 24]
    assert told[-1].windows == 24 * 3500


@pytest.mark.parametrize(
    ("figures", "hours", "words"),
    [
        ([0.5], 24, "no drift"),
        ([0.5, 0.55], 24, "no drift"),
        ([0.4, 0.65], 24, "moves away"),
        ([0.5, 0.85], 24, "enroll it anew"),
        ([0.9], 3, "too little"),
        ([], 0, "too little"),
    ],
)
def test_the_advice_follows_the_figure(figures: list[float], hours: int, words: str) -> None:
    assert words in advice(weeks(summaries(figures, hours), max(1, len(figures)) * WEEK_NS, 4))
