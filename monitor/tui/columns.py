"""The newest spectrogram columns of one source, and how they are pooled into the cells of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from monitor.core.events import Spectrum
    from monitor.core.types import Float32Array

CAPACITY = 320
"""Columns kept: a little more than 30 s of a tenth of a second each."""


class Columns:
    """Bounded; appending is cheap, the newest `CAPACITY` columns are contiguous."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._first = 0
        self._last = 0
        self._starts = np.zeros(2 * capacity, np.int64)
        self._ends = np.zeros(2 * capacity, np.int64)
        self._levels: Float32Array = np.zeros((2 * capacity, 0), np.float32)
        self.top_hz = 0.0
        """Upper edge of the last band; 0 before the first column."""

    def __len__(self) -> int:
        return self._last - self._first

    @property
    def start(self) -> int:
        """Engine index of the oldest column, 0 when there is none."""
        return int(self._starts[self._first]) if len(self) else 0

    @property
    def end(self) -> int:
        """Engine index one past the newest column, 0 when there is none."""
        return int(self._ends[self._last - 1]) if len(self) else 0

    def append(self, column: Spectrum) -> None:
        """Add the newest column. One that lies before it, or has other bands, begins a new picture."""
        bands = len(column.levels_db)
        if bands != self._levels.shape[1] or column.span.start < self.end:
            self._first = self._last = 0
            self._levels = np.zeros((2 * self._capacity, bands), np.float32)
        if self._last == 2 * self._capacity:
            for kept in (self._starts, self._ends, self._levels):
                kept[: self._capacity] = kept[self._capacity :]
            self._first, self._last = 0, self._capacity
        self._starts[self._last] = column.span.start
        self._ends[self._last] = column.span.end
        self._levels[self._last] = column.levels_db
        self._last += 1
        self._first = max(self._first, self._last - self._capacity)
        self.top_hz = column.top_hz

    def levels(self) -> Float32Array:
        """Levels in dB `(n, bands)` of the columns kept, oldest first."""
        return self._levels[self._first : self._last]

    def pooled(self, first_cell: int, cells: int, cell: int, rows: int) -> Float32Array:
        """The loudest level in each cell of a picture: dB `(cells, rows)`, lowest band first, NaN where there is none.

        Cell k covers engine samples `[k*cell, (k+1)*cell)`: on an absolute grid, so that a picture scrolls and never
        flickers.
        """
        picture = np.full((cells, rows), np.nan, np.float32)
        if not len(self) or rows < 1:
            return picture
        edges = (np.arange(cells + 1, dtype=np.int64) + first_cell) * cell
        begins = np.searchsorted(self._ends[self._first : self._last], edges[:-1], side="right")
        stops = np.searchsorted(self._starts[self._first : self._last], edges[1:], side="left")
        bands = _pool_bands(self.levels(), rows)
        for k in np.flatnonzero(stops > begins):
            picture[k] = bands[begins[k] : stops[k]].max(axis=0)
        return picture


def _pool_bands(levels: Float32Array, rows: int) -> Float32Array:
    """Bands `(n, bands)` to picture rows `(n, rows)`: the loudest of several, or a straight line between two."""
    bands = levels.shape[1]
    if rows <= bands:
        begins = np.arange(rows) * bands // rows
        return np.maximum.reduceat(levels, begins, axis=1)
    places = np.clip((np.arange(rows) + 0.5) * bands / rows - 0.5, 0, bands - 1)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, bands - 1)
    share = (places - below).astype(np.float32)
    return levels[:, below] * (1 - share) + levels[:, above] * share
