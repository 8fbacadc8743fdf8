"""Whether a recording's peaks were cut off when it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.core.types import AudioBlock, Float32Array

RUNS = 10
"""Flat tops from which on a recording counts as clipped."""

FLAT = 3
"""Equal samples in a row, at the peak, that make a flat top; a tone above 120 Hz has none, at full scale either."""

LOUD = 0.5
"""Peak of a block, full scale 1, below which its tops are not looked at."""

BEYOND = 1e-3
"""Share of samples beyond full scale from which on a lossy recording counts as clipped: coding rounds flat tops."""


class ClippingWatch:
    """Counts flat tops and samples beyond full scale; at the recording's own rate, as resampling rounds flat tops."""

    def __init__(self) -> None:
        self._runs = 0
        self._beyond = 0
        self._count = 0

    @property
    def clipped(self) -> bool:
        """Of all that was taken."""
        return self._runs >= RUNS or self._beyond > BEYOND * max(1, self._count)

    def over(self, blocks: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The same blocks, watched."""
        for block in blocks:
            self.take(block.samples)
            yield block

    def take(self, samples: Float32Array) -> None:
        """Samples `(n,)`, about a second at a time."""
        sizes = np.abs(samples)
        self._count += len(samples)
        self._beyond += int((sizes > 1.0).sum())
        peak = float(sizes.max(initial=0.0))
        if peak < LOUD:
            return
        top = np.sign(samples) * (sizes >= peak * (1.0 - 1e-6))
        starts = np.concatenate([[0], np.flatnonzero(np.diff(top)) + 1])
        lengths = np.diff(starts, append=len(top))
        self._runs += int(((lengths >= FLAT) & (top[starts] != 0.0)).sum())
