"""Where a stretch of sound is embedded: around its best gate windows. Tagging, enrollment and evaluation share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.inference.manifest import WindowCut

BEST = 3
"""Windows that are averaged, at most."""


def best_windows(
    probabilities: Sequence[float],
    gate_cut: WindowCut,
    available: range,
    frames: int,
    count: int = BEST,
    *,
    first: int = 0,
) -> list[int]:
    """First frames of the encoder windows to embed, best first.

    `probabilities` are of consecutive gate windows, the first of which begins at frame `first`. Encoder windows of
    `frames` frames are centred on the best of them, the earlier of equals first, and moved into `available` where they
    would reach out of it; their starts are at least a gate window (about a second) apart, and there are at most
    `count`. Without a probability, or where no window fits, there are none.
    """
    last = available.stop - frames
    if last < available.start:
        return []
    chosen: list[int] = []
    # Stable: of equal probabilities the earlier one comes first.
    for number in np.argsort(-np.asarray(probabilities, dtype=np.float64), kind="stable"):
        centred = first + int(number) * gate_cut.hop + (gate_cut.frames - frames) // 2
        start = min(max(centred, available.start), last)
        if all(abs(start - other) >= gate_cut.frames for other in chosen):
            chosen.append(start)
            if len(chosen) == count:
                break
    return chosen
