"""Spectrogram columns: bounded, and pooled on an absolute grid whatever came when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.events import Spectrum
from monitor.core.types import Span
from monitor.tui.columns import Columns

COLUMN = 4_800


def column(number: int, level: float = -50.0, bands: int = 8) -> Spectrum:
    levels = np.full(bands, level, np.float32)
    levels[number % bands] += 6.0
    return Spectrum(Span(number * COLUMN, (number + 1) * COLUMN), levels, 16_000.0)


def test_it_keeps_the_newest_and_no_more() -> None:
    columns = Columns(capacity=10)
    for number in range(1_003):
        columns.append(column(number, level=-float(number % 80)))
        assert len(columns) <= 10
    assert columns.end == 1_003 * COLUMN
    assert columns.start == 993 * COLUMN
    assert columns.levels()[-1, 0] == pytest.approx(-float(1_002 % 80))


def test_an_earlier_column_begins_a_new_picture() -> None:
    columns = Columns()
    for number in range(20):
        columns.append(column(number))
    columns.append(column(3))
    assert (len(columns), columns.start) == (1, 3 * COLUMN)


def test_other_bands_begin_a_new_picture() -> None:
    columns = Columns()
    columns.append(column(0, bands=8))
    columns.append(column(1, bands=16))
    assert columns.levels().shape == (1, 16)


@given(
    numbers=st.lists(st.integers(0, 200), unique=True, max_size=60).map(sorted),
    cell=st.integers(1_000, 40_000),
    cells=st.integers(1, 60),
    first=st.integers(-20, 60),
    rows=st.integers(1, 20),
)
def test_a_cell_is_the_loudest_of_the_columns_that_it_touches(
    numbers: list[int], cell: int, cells: int, first: int, rows: int
) -> None:
    columns = Columns(capacity=100)
    for number in numbers:
        columns.append(column(number, level=-80.0 + number % 60))
    picture = columns.pooled(first, cells, cell, rows)
    assert picture.shape == (cells, rows)
    for k in range(cells):
        start, end = (first + k) * cell, (first + k + 1) * cell
        touching = [n for n in numbers if n * COLUMN < end and (n + 1) * COLUMN > start]
        assert np.isnan(picture[k]).all() == (not touching)
        if touching and rows <= 8:
            assert picture[k].max() == max(-80.0 + n % 60 + 6.0 for n in touching)


def test_more_rows_than_bands_lie_on_straight_lines_between_them() -> None:
    columns = Columns()
    columns.append(Spectrum(Span(0, COLUMN), np.linspace(-80, -10, 8).astype(np.float32), 16_000.0))
    picture = columns.pooled(0, 1, COLUMN, 32)[0]
    assert (np.diff(picture) >= 0).all()
    assert (picture.min(), picture.max()) == (-80.0, -10.0)
