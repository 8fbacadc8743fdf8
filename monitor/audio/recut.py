"""Cuts a stream of audio into steps on a fixed grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import ENGINE_RATE, AudioBlock

if TYPE_CHECKING:
    from monitor.core.types import Float32Array


class Recut:
    """Stage: blocks at the engine rate, however cut -> blocks that end on multiples of `step`.

    Readings of different branches then come in one order, whatever the source's own block size.
    """

    def __init__(self, step: int) -> None:
        if step <= 0:
            raise ValueError(f"a step needs at least one sample, got {step}")
        self._step = step
        self._held: list[Float32Array] = []
        self._start = 0
        self._count = 0

    @property
    def latency(self) -> int:
        """A sample may wait for the end of its step."""
        return self._step

    def push(self, item: AudioBlock) -> list[AudioBlock]:
        """Blocks that the item completes."""
        blocks: list[AudioBlock] = []
        samples = item.samples
        while len(samples):
            wanted = self._step - (self._start + self._count) % self._step
            taken, samples = samples[:wanted], samples[wanted:]
            self._held.append(taken)
            self._count += len(taken)
            if len(taken) == wanted:
                blocks += self.flush()
        return blocks

    def flush(self) -> list[AudioBlock]:
        """The samples that wait, if any."""
        if not self._held:
            return []
        block = AudioBlock(np.concatenate(self._held), self._start, ENGINE_RATE)
        self._start += self._count
        self._held, self._count = [], 0
        return [block]

    def reset(self, at: int) -> None:
        """Forget everything; the next sample has engine index `at`."""
        self._held, self._count, self._start = [], 0, at
