"""What the stages of the machine branch are fed: whole windows and readings, which cannot be cut."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.machine_readings import AnomalyReading, MachineState
from monitor.core.types import AudioBlock, Span
from monitor.features.spec import MACHINE
from monitor.machines.context import Contexts
from monitor.machines.window import HOP, SAMPLES, MachineWindows
from tests.helpers.machines import fan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.machines.context import HeardContext

WINDOW_HOP = HOP * MACHINE.engine_hop
WINDOW = SAMPLES * 3


@dataclass(frozen=True)
class HeardContexts:
    """A fan that runs, squeals, runs again, is off, and comes back."""

    def length(self) -> int:
        return 1

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[HeardContext]:
        yield from _contexts(at)

    def end(self, item: HeardContext) -> int:
        return item.span.end


@cache
def _contexts(at: int) -> tuple[HeardContext, ...]:
    """Heard once: what was measured of them is kept."""
    parts = [fan(14.0, 31), fan(10.0, 32, squeal=0.05), fan(12.0, 33), 0.02 * fan(4.0, 34), fan(13.0, 35)]
    stage, contexts = MachineWindows(), Contexts()
    stage.reset(at)
    return tuple(contexts.add(window) for window in stage.push(AudioBlock(np.concatenate(parts), -(-at // 3), 16_000)))


@dataclass(frozen=True)
class AnomalyReadings:
    """Readings of one machine, some of which were not judged."""

    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[AnomalyReading]:
        generator = np.random.default_rng(17)
        first = -(-at // WINDOW_HOP)
        for number in range(first, first + self.count):
            span = Span(number * WINDOW_HOP, number * WINDOW_HOP + WINDOW)
            state = MachineState.OFF if number % 7 == 0 else MachineState.READY
            percentile = float(generator.uniform())
            yield AnomalyReading(span, "fan-1", state, 0.0, percentile, 0.999, 0.0, percentile > 0.9)

    def end(self, item: AnomalyReading) -> int:
        return item.span.end
