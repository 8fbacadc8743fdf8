"""Counts what was heard, lost and how hard it was; a promise needs a book."""

from __future__ import annotations

from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from monitor.core.clock import seconds
from monitor.core.events import Health
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Generator

    from monitor.core.events import BranchHealth

from contextlib import contextmanager


class HealthBook:
    """The book of one source. Health is due once a second of wall time."""

    INTERVAL_S = 1.0

    def __init__(self) -> None:
        self.lost = 0
        """Engine samples lost since the start."""
        self.non_finite = 0
        """Samples replaced by 0 since the start."""
        self._busy_s = 0.0
        self._from = 0
        self._due = monotonic() + self.INTERVAL_S

    @contextmanager
    def working(self) -> Generator[None]:
        """Times the processing of a block."""
        began = perf_counter()
        try:
            yield
        finally:
            self._busy_s += perf_counter() - began

    @property
    def due(self) -> bool:
        """Whether the next health reading should be published."""
        return monotonic() >= self._due

    def take(self, reached: int, branches: tuple[BranchHealth, ...], lag_s: float, missing: int) -> Health:
        """Health since the last call. `missing`: engine samples that should have come by now and have not."""
        span = Span(min(self._from, reached), reached)
        expected = reached + missing
        heard = 1.0 if expected == 0 else max(0.0, 1.0 - (self.lost + missing) / expected)
        factor = seconds(span.length) / self._busy_s if self._busy_s > 0 else 0.0
        self._busy_s, self._from, self._due = 0.0, reached, monotonic() + self.INTERVAL_S
        return Health(span, factor, max(0.0, lag_s), heard, self.lost, self.non_finite, branches)
