"""The time axis: cells on an absolute grid, so that pictures scroll and never flicker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.clock import samples
from monitor.core.types import Span
from monitor.tui.timeline import Timeline
from monitor.tui.widgets.axis import axis_text


@given(end=st.integers(0, 10**12), cells=st.integers(-3, 400))
def test_the_newest_sample_is_in_the_last_cell(end: int, cells: int) -> None:
    timeline = Timeline.until(end, cells)
    newest = max(0, end - 1)
    last = timeline.first + timeline.cells - 1
    assert last * timeline.cell <= newest < (last + 1) * timeline.cell
    assert timeline.cells * timeline.cell >= samples(30.0)


@given(end=st.integers(1, 10**9), more=st.integers(0, 10**6), cells=st.integers(1, 300))
def test_a_moment_keeps_its_cell_while_time_goes_on(end: int, more: int, cells: int) -> None:
    before, after = Timeline.until(end, cells), Timeline.until(end + more, cells)
    assert before.cell == after.cell
    moved = after.first - before.first
    assert before.middle(cells - 1) == after.middle(cells - 1 - moved)


@given(
    start=st.integers(0, 3_000_000),
    length=st.integers(0, 200_000),
    end=st.integers(1, 3_000_000),
    cells=st.integers(1, 200),
)
def test_cells_touched_are_those_that_share_audio(start: int, length: int, end: int, cells: int) -> None:
    timeline = Timeline.until(end, cells)
    span = Span(start, start + length)
    touched = timeline.touched([span])
    for k in range(cells):
        cell = (timeline.first + k) * timeline.cell
        inside = start < cell + timeline.cell and cell < max(start + 1, start + length)
        assert (k in touched) == inside
    assert timeline.covered([span]) <= touched


@given(cells=st.integers(1, 400))
def test_the_axis_fits_its_cells(cells: int) -> None:
    assert len(axis_text(cells)) == cells
