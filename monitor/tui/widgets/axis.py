"""The time axis under the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from monitor.core.types import Span
from monitor.tui.source import SHOWN_S
from monitor.tui.widgets.panel import Panel, gutter, strip

if TYPE_CHECKING:
    from rich.style import Style
    from textual.strip import Strip

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.source import SourceView
    from monitor.tui.timeline import Timeline


class TimeAxis(Panel):
    """Seconds before now, and a mark wherever audio was lost, however little."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"axis--label", "axis--mark"}

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._marks: frozenset[int] = frozenset()
        self._cells = 0

    def show(self, view: SourceView, timeline: Timeline) -> None:
        """Draw if anything changed."""
        self.again = lambda: self.show(view, timeline)
        self._cells = timeline.cells
        self._marks = frozenset(timeline.touched(Span(gap.start, gap.start) for gap in view.gaps))
        if self.differ((self._cells, self._marks)):
            self.paint()

    def render_line(self, y: int) -> Strip:
        """The one row."""
        label = self.get_component_rich_style("axis--label")
        mark = self.get_component_rich_style("axis--mark")
        width = self.content_size.width
        text = " " * gutter(width) + axis_text(self._cells)
        cells: list[tuple[str, Style]] = [(character, label) for character in text.ljust(width)[:width]]
        for k in self._marks:
            place = gutter(width) + k
            if place < width:
                cells[place] = (self._glyphs.mark, mark)
        return strip(cells)


def axis_text(cells: int) -> str:
    """`-30 s      -20 s      -10 s      now`, in `cells` characters."""
    row = [" "] * cells
    parts = 3 if cells >= 30 else 1
    for part in range(parts):
        text = f"{-SHOWN_S * (1 - part / parts):.0f} s"
        at = cells * part // parts
        row[at : at + len(text)] = text
    if cells >= 12:
        row[-3:] = "now"
    return "".join(row[:cells])
