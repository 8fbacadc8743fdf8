"""An alarm begins with enough of the newest windows above the line, and ends with few enough above the release line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.types import Span
from monitor.machines.alarm import AlarmRule, AlarmTracker

HOP, LENGTH = 48_384, 102_144


@st.composite
def rules(draw: st.DrawFn) -> AlarmRule:
    among = draw(st.integers(1, 8))
    needed = draw(st.integers(1, among))
    return AlarmRule(needed, among, draw(st.integers(0, needed - 1)))


levels = st.lists(st.sampled_from([0, 1, 2]), max_size=60)
"""0: below both lines, 1: above the release line only, 2: above both."""


def span(number: int) -> Span:
    return Span(number * HOP, number * HOP + LENGTH)


def run(tracker: AlarmTracker, heights: list[int]) -> list[bool]:
    active: list[bool] = []
    for number, height in enumerate(heights):
        tracker.push(span(number), above=height == 2, above_release=height >= 1)
        active.append(tracker.active)
    return active


def by_definition(rule: AlarmRule, heights: list[int]) -> list[bool]:
    """The rule read out aloud: what counted for an alarm that is over does not count for the next one."""
    active: list[bool] = []
    ringing, forgotten = False, 0
    for number in range(len(heights)):
        newest = heights[max(forgotten, number - rule.among + 1) : number + 1]
        if not ringing:
            ringing = newest.count(2) >= rule.needed
        elif len([height for height in newest if height]) <= rule.remaining:
            ringing, forgotten = False, number + 1
        active.append(ringing)
    return active


@given(rules(), levels)
def test_it_does_what_the_rule_says(rule: AlarmRule, heights: list[int]) -> None:
    assert run(AlarmTracker(rule), heights) == by_definition(rule, heights)


@given(rules(), levels)
def test_enough_in_a_row_always_ring_and_quiet_always_ends_it(rule: AlarmRule, heights: list[int]) -> None:
    tracker = AlarmTracker(rule)
    run(tracker, heights)
    assert run(tracker, [2] * rule.needed)[-1]
    assert not run(tracker, [0] * rule.among)[-1]


@given(rules(), levels)
def test_the_span_runs_from_the_first_window_that_counted_to_the_newest_unusual_one(
    rule: AlarmRule, heights: list[int]
) -> None:
    tracker = AlarmTracker(rule)
    for number, height in enumerate(heights):
        tracker.push(span(number), above=height == 2, above_release=height >= 1)
        alarmed = tracker.span
        assert (alarmed is not None) == tracker.active
        if alarmed is not None:
            first = alarmed.start // HOP
            last = (alarmed.end - LENGTH) // HOP
            assert heights[first] == 2
            assert heights[last] >= 1
            assert last == max(place for place in range(number + 1) if heights[place])


def test_between_the_lines_an_alarm_goes_on_but_none_begins() -> None:
    rule = AlarmRule(3, 5, 1)
    assert not any(run(AlarmTracker(rule), [1] * 20))
    assert run(AlarmTracker(rule), [2, 2, 2] + [1] * 20)[2:] == [True] * 21


@given(rules(), levels)
def test_what_is_acknowledged_stays_so_until_the_alarm_ends(rule: AlarmRule, heights: list[int]) -> None:
    tracker = AlarmTracker(rule)
    tracker.acknowledge()
    assert not tracker.acknowledged, "there was nothing to acknowledge"
    acknowledged = False
    for number, height in enumerate(heights):
        tracker.push(span(number), above=height == 2, above_release=height >= 1)
        if tracker.active and not acknowledged:
            tracker.acknowledge()
            acknowledged = True
        acknowledged = acknowledged and tracker.active
        assert tracker.acknowledged == acknowledged


def test_cleared_is_as_new() -> None:
    tracker = AlarmTracker(AlarmRule(2, 3))
    run(tracker, [2, 2])
    tracker.acknowledge()
    tracker.clear()
    assert (tracker.active, tracker.acknowledged, tracker.span) == (False, False, None)
    assert run(tracker, [2, 0, 2]) == [False, False, True]


@pytest.mark.parametrize("numbers", [(0, 5, 0), (6, 5, 0), (3, 5, 3), (3, 5, -1)])
def test_a_rule_that_could_never_or_always_ring_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no rule"):
        AlarmRule(*numbers)
