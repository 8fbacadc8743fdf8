"""Milliseconds per second of audio of the front-ends, by size of push: `python tests/bench/bench_features.py`."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.core.types import ENGINE_RATE, AudioBlock
from monitor.features.frontend import Frontend, Kernel
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES
from monitor.features.spectrum import SpectrumColumns

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30
PUSHES_MS = (10, 100, 1_000, SECONDS * 1_000)


def cost_ms(work: Callable[[], object]) -> float:
    """Best of five, in milliseconds per second of audio."""
    times: list[float] = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times) * 1_000 / SECONDS


def push_all(make: Callable[[], Any], samples: np.ndarray, rate: int, size: int) -> None:
    stage = make()
    for start in range(0, len(samples), size):
        stage.push(AudioBlock(samples[start : start + size], start, rate))


def costs_by_push(make: Callable[[], Any], samples: np.ndarray, rate: int) -> list[float]:
    return [cost_ms(partial(push_all, make, samples, rate, rate * ms // 1_000)) for ms in PUSHES_MS]


def main() -> None:
    print("stage            " + "".join(f"{f'push {ms} ms':>16}" for ms in PUSHES_MS) + f"{'batch':>10}")
    for spec in (BIRD, MACHINE, SCENE, SPECIES):
        samples, kernel = noise(spec.rate), Kernel(spec)
        costs = costs_by_push(partial(Frontend, spec, kernel), samples, spec.rate)
        row(spec.name, [*costs, cost_ms(partial(kernel, samples))])
    row("spectrum", costs_by_push(SpectrumColumns, noise(ENGINE_RATE), ENGINE_RATE))


def noise(rate: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(SECONDS * rate)).astype(np.float32)


def row(name: str, costs: list[float]) -> None:
    print(f"{name:<17}" + "".join(f"{cost:>16.2f}" for cost in costs[:4]) + "".join(f"{c:>10.2f}" for c in costs[4:]))


if __name__ == "__main__":
    main()
