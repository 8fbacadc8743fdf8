"""The time axis that all pictures share: cells on a grid that is anchored at the start of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.tui.source import SHOWN_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.core.types import Span

_SHOWN = samples(SHOWN_S)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Cells `first .. first + cells - 1`; cell k covers engine samples `[k*cell, (k+1)*cell)`."""

    first: int
    """Absolute number of the leftmost cell; negative before the picture is full."""
    cells: int
    """Cells shown."""
    cell: int
    """Engine samples in one."""

    @classmethod
    def until(cls, end: int, cells: int) -> Timeline:
        """The newest 30 s of a stream that has come to engine index `end`, in `cells` cells."""
        cells = max(1, cells)
        cell = -(-_SHOWN // cells)
        return cls(max(0, end - 1) // cell - cells + 1, cells, cell)

    def touched(self, spans: Iterable[Span]) -> set[int]:
        """Cells (0 is the leftmost) that share audio with any of the spans."""
        return {k for span in spans for k in self._of(span)}

    def covered(self, spans: Iterable[Span]) -> set[int]:
        """Cells whose middle lies in any of the spans; of a span that holds none, the cell that holds its start."""
        found: set[int] = set()
        for span in spans:
            cells = {k for k in self._of(span) if span.start <= self.middle(k) < span.end}
            start = span.start // self.cell - self.first
            found |= cells or ({start} if 0 <= start < self.cells else set[int]())
        return found

    def middle(self, k: int) -> int:
        """Engine index in the middle of cell k, counted from the left."""
        return (self.first + k) * self.cell + self.cell // 2

    def _of(self, span: Span) -> Iterator[int]:
        """The cells that share audio with a span, or hold an empty one."""
        first = max(0, span.start // self.cell - self.first)
        last = min(self.cells - 1, max(span.start, span.end - 1) // self.cell - self.first)
        return iter(range(first, last + 1))
