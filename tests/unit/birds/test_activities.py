"""Hysteresis alone: windows and their probabilities in, activities out."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.birds.gate import LONGEST, Activities, GateThresholds
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.events import ActivityChange

HOP, LENGTH = 24_000, 50_112
"""Engine samples of the gate's windows."""

THRESHOLDS = GateThresholds(on=0.6, off=0.4, release=2)


def window(number: int) -> Span:
    return Span(number * HOP, number * HOP + LENGTH)


def changes(probabilities: Sequence[float | None], thresholds: GateThresholds = THRESHOLDS) -> list[ActivityChange]:
    """For consecutive windows, None where one is missing, with the end of the stream."""
    activities = Activities(thresholds)
    told: list[ActivityChange] = []
    for number, probability in enumerate(probabilities):
        if probability is not None:
            told += activities.take(window(number), probability)
    return told + activities.close()


def ends(told: Sequence[ActivityChange]) -> list[Span]:
    return [change.span for change in told if not change.active]


def test_an_activity_reaches_from_its_first_to_its_last_window() -> None:
    onset, end = changes([0.1, 0.6, 0.9, 0.4, 0.3, 0.3, 0.1])
    assert (onset.active, onset.span, onset.probability, onset.peak) == (True, window(1), 0.6, window(1))
    assert (end.active, end.span) == (False, Span(window(1).start, window(3).end))
    assert (end.probability, end.peak) == (0.9, window(2))


def test_between_the_thresholds_nothing_begins_and_nothing_ends() -> None:
    assert changes([0.5] * 8) == []
    assert ends(changes([0.6] + [0.5] * 8)) == [Span(0, window(8).end)]


def test_a_pause_shorter_than_release_is_bridged() -> None:
    assert ends(changes([0.9, 0.1, 0.9, 0.1, 0.5])) == [Span(0, window(4).end)]
    assert len(ends(changes([0.9, 0.1, 0.9], GateThresholds(0.6, 0.4, release=1)))) == 2
    assert len(ends(changes([0.9, 0.1, 0.1, 0.9], GateThresholds(0.6, 0.4, release=3)))) == 1


def test_the_end_is_told_with_the_window_that_makes_it() -> None:
    activities = Activities(THRESHOLDS)
    assert [len(activities.take(window(n), p)) for n, p in enumerate([0.9, 0.1, 0.1, 0.1])] == [1, 0, 1, 0]


def test_the_first_of_equal_peaks_counts() -> None:
    assert changes([0.7, 0.9, 0.9])[-1].peak == window(1)


def test_a_chorus_is_split_without_gap_or_overlap() -> None:
    told = changes([0.9] * 120)
    assert [change.active for change in told] == [True, False] * (len(told) // 2)
    pieces = ends(told)
    assert len(pieces) > 5
    assert all(piece.length <= LONGEST for piece in pieces)
    assert all(before.end == after.start for before, after in itertools.pairwise(pieces))
    assert (pieces[0].start, pieces[-1].end) == (0, window(119).end)
    assert {piece.length for piece in pieces[:-1]} == {9 * 48_000}
    assert all(change.peak == change.span for change in told if change.active)


def test_a_split_goes_on_where_only_off_is_reached() -> None:
    assert len(ends(changes([0.6] + [0.45] * 40))) == 3


def test_missing_windows_end_an_activity() -> None:
    told = changes([0.9, 0.9, None, None, 0.9])
    assert ends(told) == [Span(0, window(1).end), window(4)]


def test_a_missing_window_that_leaves_no_hole_does_not() -> None:
    assert ends(changes([0.9, 0.9, None, 0.9])) == [Span(0, window(3).end)]


def test_activities_do_not_overlap_though_their_windows_do() -> None:
    first, second = ends(changes([0.9, 0.1, 0.9], GateThresholds(0.6, 0.4, release=1)))
    assert first.end == second.start == window(0).end


def test_a_window_that_goes_back_is_refused() -> None:
    activities = Activities(THRESHOLDS)
    activities.take(window(5), 0.5)
    with pytest.raises(ValueError, match="needs reset"):
        activities.take(window(4), 0.5)


@pytest.mark.parametrize(("on", "off", "release"), [(0.4, 0.5, 1), (1.1, 0.5, 1), (0.5, -0.1, 1), (0.5, 0.4, 0)])
def test_thresholds_that_make_no_sense_are_refused(on: float, off: float, release: int) -> None:
    with pytest.raises(ValueError, match="need 0 <= off"):
        GateThresholds(on, off, release)


UNIT = st.floats(0, 1, width=32)


@st.composite
def some_thresholds(draw: st.DrawFn) -> GateThresholds:
    off, on = sorted((draw(UNIT), draw(UNIT)))
    return GateThresholds(on, off, draw(st.integers(1, 4)))


@given(st.lists(st.none() | UNIT | st.sampled_from([0.0, 0.9, 0.9, 0.9]), max_size=120), some_thresholds())
def test_activities_alternate_are_ordered_short_and_closed(
    probabilities: list[float | None], thresholds: GateThresholds
) -> None:
    told = changes(probabilities, thresholds)
    assert [change.active for change in told] == [True, False] * (len(told) // 2)
    pairs = zip(told[::2], told[1::2], strict=True)
    scored = {window(number): p for number, p in enumerate(probabilities) if p is not None}
    for onset, end in pairs:
        assert onset.span.start == end.span.start
        assert onset.span.end <= max(end.span.end, onset.peak.end)
        assert 0 < end.span.length <= LONGEST
        assert onset.probability <= end.probability == scored[end.peak]
        assert end.peak.overlaps(end.span)
    assert all(before.end <= after.start for before, after in itertools.pairwise(ends(told)))
    for span, probability in scored.items():
        if probability >= thresholds.on:
            # Every window that is sure of a bird lies in the activities, but for what missing windows hide.
            assert any(span.overlaps(activity) for activity in ends(told))


@given(st.lists(UNIT, max_size=80), some_thresholds())
def test_a_fresh_one_gives_the_same(probabilities: list[float], thresholds: GateThresholds) -> None:
    assert changes(probabilities, thresholds) == changes(probabilities, thresholds)
