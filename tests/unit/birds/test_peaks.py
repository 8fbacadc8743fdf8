"""Which windows of a stretch are embedded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.birds.peaks import best_windows
from monitor.inference.manifest import WindowCut

GATE = WindowCut(50, 25)


def test_encoder_windows_are_centred_on_the_best_gate_windows() -> None:
    probabilities = [0.1] * 40
    probabilities[10], probabilities[30], probabilities[20] = 0.9, 0.8, 0.7
    # Gate window 10 covers frames 250..300, whose middle is the middle of 202..348, up to half a frame.
    assert best_windows(probabilities, GATE, range(1025), 147) == [201, 701, 451]
    assert best_windows(probabilities, GATE, range(1025), 147, count=1) == [201]


def test_neighbours_of_a_peak_are_passed_over() -> None:
    assert best_windows([0.1, 0.1, 0.9, 1.0, 0.9, 0.1, 0.5, 0.1], GATE, range(-500, 500), 50) == [75, 150, 0]


def test_of_equals_the_earlier_is_better() -> None:
    assert best_windows([0.5] * 9, GATE, range(250), 50) == [0, 50, 100]


def test_windows_stay_within_what_there_is() -> None:
    assert best_windows([1.0, 0.2, 0.9], GATE, range(100), 100) == [0]
    assert best_windows([1.0, 0.2, 0.9], GATE, range(160), 100) == [0]
    assert best_windows([1.0, 0.2, 0.2, 0.2, 0.9], GATE, range(160), 100) == [0, 60]
    assert best_windows([1.0], GATE, range(1_000, 1_200), 147, first=1_150) == [1_053]


@pytest.mark.parametrize("available", [range(0), range(146), range(500, 600)])
def test_nothing_where_no_window_fits(available: range) -> None:
    assert best_windows([1.0, 0.5], GATE, available, 147) == []


def test_nothing_without_a_gate_window() -> None:
    assert best_windows([], GATE, range(500), 147) == []


@given(
    probabilities=st.lists(st.floats(0, 1), max_size=60),
    cut=st.builds(WindowCut, st.integers(1, 80), st.integers(1, 60)),
    begin=st.integers(0, 500),
    length=st.integers(0, 800),
    frames=st.integers(1, 300),
    count=st.integers(1, 5),
    first=st.integers(0, 900),
)
def test_always(
    probabilities: list[float], cut: WindowCut, begin: int, length: int, frames: int, count: int, first: int
) -> None:
    available = range(begin, begin + length)
    found = best_windows(probabilities, cut, available, frames, count, first=first)
    assert len(found) <= count
    assert all(available.start <= start <= available.stop - frames for start in found)
    assert all(abs(a - b) >= cut.frames for i, a in enumerate(found) for b in found[:i])
    assert bool(found) == (bool(probabilities) and length >= frames)
    # The best gate window is always inside, as far as it is available and fits.
    if found:
        best = max(range(len(probabilities)), key=lambda number: (probabilities[number], -number))
        centre = first + best * cut.hop + (cut.frames - frames) // 2
        assert found[0] == min(max(centre, available.start), available.stop - frames)


@given(
    probabilities=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    shift=st.integers(0, 10_000),
    length=st.integers(147, 800),
)
def test_where_the_stream_began_does_not_matter(probabilities: list[float], shift: int, length: int) -> None:
    here = best_windows(probabilities, GATE, range(length), 147)
    there = best_windows(probabilities, GATE, range(shift, shift + length), 147, first=shift)
    assert there == [start + shift for start in here]
