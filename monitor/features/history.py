"""A bounded stretch of the recent past, by absolute index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.core.types import Float32Array


class History:
    """The last `capacity` rows of a stream, float32: frames with `columns` values each, or samples (`columns` None).

    Rows are copied in and copied out. The store is twice as long as it promises, so that rows move once per `capacity`
    appended, however small the appends are.
    """

    def __init__(self, capacity: int, columns: int | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"a history needs room for at least one row, got {capacity}")
        shape = (2 * capacity,) if columns is None else (2 * capacity, columns)
        self._rows: NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
        self._capacity = capacity
        self._used = 0
        self._end = 0

    @property
    def first(self) -> int:
        """Index of the oldest row that is still there."""
        return self._end - min(self._used, self._capacity)

    @property
    def end(self) -> int:
        """Index one past the newest row."""
        return self._end

    def append(self, rows: Float32Array) -> None:
        """Add the rows that follow `end`; the oldest make room."""
        self._end += len(rows)
        rows = rows[-self._capacity :]
        if self._used + len(rows) > len(self._rows):
            kept = min(self._used, self._capacity)
            self._rows[:kept] = self._rows[self._used - kept : self._used]
            self._used = kept
        self._rows[self._used : self._used + len(rows)] = rows
        self._used += len(rows)

    def get(self, first: int, count: int) -> Float32Array | None:
        """A copy of rows `first .. first + count`, or None where one of them is outdated or has not come yet."""
        if count < 0 or first < self.first or first + count > self._end:
            return None
        start = self._used - (self._end - first)
        return self._rows[start : start + count].copy()

    def reset(self, first: int = 0) -> None:
        """Forget everything; the next row appended has index `first`."""
        self._used = 0
        self._end = first
