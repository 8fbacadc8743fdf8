from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.features.history import History


@given(
    capacity=st.integers(1, 40),
    sizes=st.lists(st.integers(0, 100), max_size=30),
    first=st.integers(0, 2**50),
    columns=st.sampled_from([None, 1, 3]),
)
def test_it_holds_the_newest_rows(capacity: int, sizes: list[int], first: int, columns: int | None) -> None:
    shape = () if columns is None else (columns,)
    every = np.arange(sum(sizes) * (columns or 1), dtype=np.float32).reshape(-1, *shape)
    history = History(capacity, columns)
    history.reset(first)
    seen = 0
    for size in sizes:
        history.append(every[seen : seen + size])
        seen += size
        kept = min(seen, capacity)
        assert (history.first, history.end) == (first + seen - kept, first + seen)
        newest = history.get(first + seen - kept, kept)
        assert newest is not None
        np.testing.assert_array_equal(newest, every[seen - kept : seen])
        assert history.get(history.first - 1, 1) is None
        assert history.get(history.end, 1) is None
        assert history.get(history.first, -1) is None


def test_what_it_gives_is_a_copy_and_what_it_took_may_change() -> None:
    history = History(4, 2)
    rows = np.ones((3, 2), dtype=np.float32)
    history.append(rows)
    rows[:] = 7.0
    taken = history.get(0, 3)
    assert taken is not None
    taken[:] = 9.0
    np.testing.assert_array_equal(history.get(0, 3), np.ones((3, 2)))


def test_nothing_survives_a_reset() -> None:
    history = History(4)
    history.append(np.ones(4, dtype=np.float32))
    history.reset(2)
    assert (history.first, history.end) == (2, 2)
    assert history.get(1, 1) is None
    assert history.get(2, 0) is not None


def test_capacity_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        History(0)
