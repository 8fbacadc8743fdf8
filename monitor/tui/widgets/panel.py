"""What all parts of the screen share: they are shown facts, and draw only when these differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from rich.style import Style

GUTTER = 7
"""Cells left of the pictures, for their labels."""
GUTTER_FROM = 36
"""Width from which on there is room for them."""

Part = tuple[str, str]
"""Text and its style, in Textual's markup (such as `bold $accent`)."""


def gutter(width: int) -> int:
    """Cells for the labels of a picture that is `width` cells wide in all."""
    return GUTTER if width >= GUTTER_FROM else 0


class Panel(Widget):
    """A part of the screen. `drawn` counts how often it asked to be painted."""

    drawn = 0
    again: Callable[[], None] | None = None
    """Shows the same as last time, for when the room has changed."""
    _facts: Hashable = None

    def differ(self, facts: Hashable) -> bool:
        """Remember what is shown; whether it is something else than before."""
        if facts == self._facts:
            return False
        self._facts = facts
        return True

    def on_resize(self) -> None:
        """Draw anew what was shown."""
        self._facts = None
        if self.again is not None:
            self.again()

    def paint(self) -> None:
        """Ask to be drawn."""
        self.drawn += 1
        self.refresh()


def line(left: Sequence[Part], right: Sequence[Part], width: int) -> Content:
    """One line with its ends at both edges; where it is too narrow, the left part is cut."""
    end = Content.assemble(*right)
    room = max(0, width - end.cell_length - (1 if right else 0))
    begin = Content.assemble(*left).truncate(room, ellipsis=True)
    gap = max(0, width - begin.cell_length - end.cell_length)
    return Content.assemble(begin, " " * gap, end)


def strip(cells: Sequence[tuple[str, Style]]) -> Strip:
    """A row of cells, equal neighbours joined."""
    segments: list[Segment] = []
    text, style = "", None
    for character, its_style in cells:
        if its_style is not style and text:
            segments.append(Segment(text, style))
            text = ""
        text += character
        style = its_style
    segments.append(Segment(text, style))
    return Strip(segments, len(cells))
