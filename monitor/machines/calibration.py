"""What a score is worth: how many of a machine's normals are as bad, and where the alarm line lies.

The body of a calibration is the normals' own scores, each left out when it was scored; beyond them a gamma tail. It is
kept as a table, so that it reads the same wherever it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, expm1, log, log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from monitor.core.types import ENGINE_RATE
from monitor.features.spec import MACHINE
from monitor.machines.window import HOP

if TYPE_CHECKING:
    from monitor.features.filterbank import Float64Array

DECISION = 0.9
"""Percentile at which the DCASE baseline decides; drawn, but no alarm line: it is passed every ten windows."""

RAREST = 12.0
"""Exceedance, -log10 of a share, beyond which nothing is told apart."""

MOST_SHARE = 0.03
"""Of normals above the alarm line, however many must be there together to ring."""

WINDOWS_A_WEEK = 7 * 24 * 3600 * ENGINE_RATE / (HOP * MACHINE.engine_hop)
"""600 000."""


@dataclass(frozen=True, slots=True)
class Debounce:
    """An alarm needs `needed` of the last `of` scores, one a window, above the line."""

    needed: int = 20
    """1 to `of`."""
    of: int = 30
    """Scores, about as many seconds."""

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.of:
            raise ValueError(f"{self.needed} of {self.of} windows")

    def over(self, scores: Float64Array) -> Float64Array:
        """Consecutive contexts' scores `(n,)` -> the `needed`-th highest of each `of`, `(n - of + 1,)` or `(1,)`.

        It is above a line exactly when that many are. Of fewer than `of`, the same share of them is asked for.
        """
        size = min(self.of, len(scores))
        needed = max(1, round(self.needed * size / self.of))
        return np.sort(sliding_window_view(scores, size), axis=1)[:, size - needed]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Score -> exceedance, the -log10 of the share of normals that score as high; linear between the table's rows."""

    scores: Float64Array
    """float64 `(q,)`, strictly ascending, q 2 or more."""
    exceedance: Float64Array
    """float64 `(q,)`, ascending, 0 or more: 1 is one normal in ten, 2 one in a hundred."""

    def __post_init__(self) -> None:
        if len(self.scores) < 2 or self.scores.shape != self.exceedance.shape:
            raise ValueError(f"a calibration needs two rows or more, got {self.scores.shape}, {self.exceedance.shape}")
        if not (np.diff(self.scores) > 0).all() or not (np.diff(self.exceedance) >= 0).all() or self.exceedance[0] < 0:
            raise ValueError("a calibration ascends")

    def surprise(self, score: float) -> float:
        """-log10 of the share of normals that score as high, 0 to `RAREST`."""
        return float(np.interp(score, self.scores, self.exceedance))

    def percentile(self, score: float) -> float:
        """Share of the normals that score lower, 0..1."""
        return -expm1(-log(10.0) * self.surprise(score))

    def score_at(self, share: float) -> float:
        """The score that this share of normals reaches or exceeds, share above 0, at most 1."""
        return float(np.interp(-log10(share), self.exceedance, self.scores))


def alarm_share(false_alarms_a_week: float, debounce: Debounce, context: int = 1) -> float:
    """Share of the normals' scores that may lie above the alarm line, so that it rings so often on a healthy machine.

    Assumed: it runs all week and sounds as when it was enrolled; scores of contexts (of `context` windows) that share
    audio rise above the line together, others independently. As no machine is quite so steady, at most `MOST_SHARE`.
    """
    apart = 1 + (debounce.of - 1) // (context + 1)
    needed = 1 + (debounce.needed - 1) // (context + 1)
    wanted = false_alarms_a_week * debounce.of / WINDOWS_A_WEEK
    low, high = 0.0, MOST_SHARE
    if _at_least(needed, apart, high) <= wanted:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _at_least(needed, apart, middle) <= wanted else (low, middle)
    return low


def _at_least(needed: int, of: int, share: float) -> float:
    """Probability that `needed` or more of so many independent scores are above a line that a share of all is above."""
    return sum(comb(of, count) * share**count * (1.0 - share) ** (of - count) for count in range(needed, of + 1))
