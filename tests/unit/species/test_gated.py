"""Which windows a classifier hears when the gate decides."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import SampleWindow, Span
from monitor.species.gated import PATIENCE, GatedWindows

SECOND = 48_000


def span(start_s: float, end_s: float) -> Span:
    return Span(round(start_s * SECOND), round(end_s * SECOND))


def window(start_s: float) -> SampleWindow:
    return SampleWindow(np.zeros(4, np.float32), span(start_s, start_s + 3), 48_000)


def gate(start_s: float) -> GateReading:
    return GateReading(span(start_s, start_s + 1), 0.1, 0.5)


def activity(start_s: float, end_s: float, *, active: bool) -> ActivityChange:
    return ActivityChange(span(start_s, end_s), active, 0.9, span(start_s, start_s + 1))


def starts(windows: object) -> list[float]:
    return [item.span.start / SECOND for item in windows]  # type: ignore[attr-defined]


def test_a_window_waits_until_the_gate_has_heard_it() -> None:
    stage = GatedWindows()
    assert starts(stage.push(window(0))) == []
    assert starts(stage.push(gate(2.0))) == []
    assert starts(stage.push(activity(2.5, 3.5, active=True))) == [0]


def test_what_no_activity_overlaps_is_dropped() -> None:
    stage = GatedWindows()
    stage.push(window(0))
    assert starts(stage.push(gate(3.0))) == []
    stage.push(activity(3.0, 4.0, active=True))
    assert starts(stage.push(window(3))) == [3]
    assert starts(stage.flush()) == []


def test_an_activity_that_is_over_counts_for_the_windows_that_it_overlaps() -> None:
    stage = GatedWindows()
    stage.push(activity(1.0, 2.0, active=True))
    stage.push(activity(1.0, 4.0, active=False))
    heard = [*stage.push(window(0)), *stage.push(window(3)), *stage.push(window(6))]
    assert starts(heard) == [0, 3]
    assert starts(stage.push(gate(9.0))) == []


def test_at_the_end_what_waits_is_decided_by_what_is_known() -> None:
    stage = GatedWindows()
    stage.push(activity(1.0, 2.0, active=True))
    stage.push(activity(1.0, 2.0, active=False))
    stage.push(window(1))
    stage.push(window(4))
    assert starts(stage.flush()) == []
    stage.reset(0)
    stage.push(window(4))
    stage.push(activity(4.0, 5.0, active=True))
    assert starts(stage.flush()) == []


def test_a_gate_that_is_silent_hides_nothing() -> None:
    stage = GatedWindows()
    heard = [item for number in range(8) for item in stage.push(window(3 * number))]
    assert starts(heard) == [0, 3, 6, 9, 12, 15]
    assert PATIENCE == 5 * SECOND


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=8),
    st.sampled_from([0.5, 1.5, 3.0]),
)
def test_exactly_the_windows_that_overlap_an_activity(raw: list[tuple[int, int]], hop_s: float) -> None:
    """With a gate that tells at once, half a second at a time."""
    activities: list[tuple[float, float]] = []
    for start, length in sorted(raw):
        begin = max(start, activities[-1][1] + 0.5 if activities else 0)
        activities.append((begin, begin + length))
    stage = GatedWindows()
    heard: list[SampleWindow] = []
    for tick in range(200):
        now = tick * 0.5
        number = (now - 3.0) / hop_s
        if number >= 0 and number == int(number):
            heard += stage.push(window(number * hop_s))
        heard += stage.push(gate(now - 1.0)) if now >= 1.0 else []
        for begin, end in activities:
            if now == begin:
                heard += stage.push(activity(begin, begin + 0.5, active=True))
            if now == end:
                heard += stage.push(activity(begin, end, active=False))
    heard += stage.flush()
    last = 99.5 - 3.0
    expected = [
        number * hop_s
        for number in range(int(last / hop_s) + 1)
        if any(begin < number * hop_s + 3.0 and number * hop_s < end for begin, end in activities)
    ]
    assert starts(heard) == expected
