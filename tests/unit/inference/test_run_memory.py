"""A window that two heads want is run once, and nothing but the cost depends on it."""

from __future__ import annotations

import numpy as np

from monitor.inference.run_memory import RunMemory


class Network:
    def __init__(self) -> None:
        self.rows = 0

    def run(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        self.rows += len(windows)
        return {"sum": windows.sum(axis=1, keepdims=True), "twice": windows * 2}


def windows(count: int) -> np.ndarray:
    return np.arange(count * 4, dtype=np.float32).reshape(count, 4)


def test_a_window_is_run_once_however_it_comes_again() -> None:
    network = Network()
    memory = RunMemory(network.run)
    first = memory.run(windows(5))
    again = memory.run(windows(5)[::-1].copy())
    assert (network.rows, memory.runs, memory.hits) == (5, 5, 5)
    np.testing.assert_array_equal(first["sum"], again["sum"][::-1])
    np.testing.assert_array_equal(first["twice"], windows(5) * 2)


def test_what_it_gives_is_the_callers_own() -> None:
    memory = RunMemory(Network().run)
    memory.run(windows(1))["twice"][:] = -1.0
    np.testing.assert_array_equal(memory.run(windows(1))["twice"], windows(1) * 2)


def test_only_the_newest_are_remembered() -> None:
    network = Network()
    memory = RunMemory(network.run, windows=3)
    memory.run(windows(4))
    memory.run(windows(4)[1:])
    assert network.rows == 4
    memory.run(windows(1))
    assert network.rows == 5


def test_no_window_is_no_run() -> None:
    assert RunMemory(Network().run).run(windows(0))["twice"].shape == (0, 4)
