"""Where the names of calls go on the spectrogram. No terminal in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from monitor.tui.wording import KNOWN_MARK, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.core.naming import CallName
    from monitor.tui.calls import Call
    from monitor.tui.timeline import Timeline

UNKNOWN_MARK = "?"
_ROWS_PER_LABEL = 5
"""Rows of the picture for each row of names: they never hide more than a fifth of it."""
_MOST_ROWS = 3
_LEAST = 4
"""Cells that a name needs at least to be told from another."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name on the picture."""

    row: int
    """From the top."""
    first: int
    """Cell of the picture, from the left."""
    text: str
    provisional: bool

    @property
    def end(self) -> int:
        """Cell after the last one."""
        return self.first + cell_len(self.text)


def place_labels(calls: Iterable[Call], timeline: Timeline, height: int) -> tuple[Label, ...]:
    """Each name at the time where its call began, on the topmost row where it hides no other; `height` in rows.

    `calls` come newest first. Where there is no room a name is cut, and left out when little of it would remain.
    """
    free = [timeline.cells] * min(_MOST_ROWS, height // _ROWS_PER_LABEL)
    placed: list[Label] = []
    for call in calls:
        if (call.span.end - 1) // timeline.cell < timeline.first or not free:
            break
        name = call.name
        label = None if name is None else _place(name, call.span.start, timeline, free)
        if label is not None:
            free[label.row] = label.first - 1
            placed.append(label)
    return tuple(placed)


def _place(name: CallName, start: int, timeline: Timeline, free: Sequence[int]) -> Label | None:
    """`free` tells for each row the cell that the name must end before."""
    text = _text(name)
    width = cell_len(text)
    begin = start // timeline.cell - timeline.first
    first = max(0, min(begin, timeline.cells - width))
    row = next((number for number, end in enumerate(free) if first + width <= end), None)
    if row is None:
        row = max(range(len(free)), key=lambda number: free[number])
        text = fit(text, max(0, free[row] - first))
        if cell_len(text) < _LEAST:
            return None
    return Label(row, first, text, name.provisional)


def _text(name: CallName) -> str:
    if name.text is None:
        return UNKNOWN_MARK
    return f"{KNOWN_MARK * name.known}{name.text}{'?' * name.provisional}"
