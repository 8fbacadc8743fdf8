"""What is not as it should be, in plain sight for as long as it is so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from monitor.tui.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.tui.conditions import Condition

MOST_ROWS = 4
"""Rows that the banner may take."""


class Banner(Panel):
    """One line for each condition, more where the sentence is long; none, and no room, when all is well."""

    def __init__(self) -> None:
        super().__init__()
        self._conditions: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What it says."""
        return self._conditions

    def show(self, conditions: Sequence[Condition], width: int, height: int) -> None:
        """Say these on a screen of that size, in cells."""
        self._conditions = tuple(conditions)
        if not self.differ((self._conditions, width, height)):
            return
        most = MOST_ROWS if height >= 18 else max(1, height // 6)
        rows = self._rows(max(1, width - 2))
        if len(rows) > most:
            left_out = len(rows) - most
            rows = rows[:most]
            rows[-1] = Content.assemble(rows[-1].truncate(max(1, width - 12)), (f"  +{left_out} more", "bold"))
        self._shown = Content("\n").join(rows)
        self.display = bool(rows)
        self.styles.height = len(rows)
        self.paint()

    def render(self) -> Content:
        """As many lines as there is room for."""
        return self._shown

    _shown = Content("")

    def _rows(self, width: int) -> list[Content]:
        rows: list[Content] = []
        for condition in self._conditions:
            style = "bold $background on $error" if condition.urgent else "$foreground on $panel"
            word = style if condition.urgent else "bold $accent on $panel"
            text = Content.assemble((f"{condition.what}: ", word), (condition.text, style))
            for wrapped in text.wrap(max(1, width - 2)):
                fill = max(0, width - 1 - wrapped.cell_length)
                rows.append(Content.assemble((" ", style), wrapped, (" " * fill, style)))
        return rows
