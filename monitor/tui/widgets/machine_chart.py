"""One machine over the last ten minutes: how unusual it sounded, the alarm line, and which conditions it ran under."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from monitor.tui.machines import SHOWN_S, MachineView, cells, decision_height, line_words
from monitor.tui.widgets.machines import COMPONENTS, TOP, chart_cells, domain_bar
from monitor.tui.widgets.panel import Panel, gutter, strip

if TYPE_CHECKING:
    from textual.strip import Strip

    from monitor.tui.glyphs import Glyphs

_BELOW = 2
"""Lines below the chart: time, conditions."""


class MachineChart(Panel):
    """Bars of the worst window of each cell; dotted: the alarm line, below it the 90th percentile of the normals."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._view: MachineView | None = None

    def show(self, view: MachineView) -> None:
        """Draw if anything changed."""
        self.again = lambda: self.show(view)
        self._view = view
        if self.differ((view.name, view.newest)):
            self.paint()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width, height = self.content_size
        quiet = self.get_component_rich_style("machines--quiet")
        view = self._view
        rows = max(1, height - _BELOW)
        labels = gutter(width)
        if view is None or y >= height:
            return strip([(" ", quiet)] * width)
        if y >= rows:
            text = self._time(width - labels) if y == rows else _conditions(view, self._glyphs, width - labels)
            return strip([(c, quiet) for c in (" " * labels + text).ljust(width)[:width]])
        at_line = y == rows - 1 - int(rows / TOP)
        decision = decision_height(view.newest)
        at_decision = decision is not None and y == rows - 1 - int(decision * rows / TOP)
        label = "alarm" if at_line else "normal" if y == rows - 1 else "90th" if at_decision else ""
        lines = (1.0,) if decision is None else (1.0, decision)
        found = [(c, quiet) for c in (label.rjust(labels - 1) + " ")[:labels]]
        points = cells(view, max(1, width - labels))
        return strip(found + chart_cells(points, rows, y, self._glyphs, self.get_component_rich_style, lines))

    def _time(self, width: int) -> str:
        """The axis, oldest on the left."""
        old, new = f"{SHOWN_S / 60:.0f} min ago", "now"
        return old + " " * max(1, width - len(old) - len(new)) + new


def _conditions(view: MachineView, glyphs: Glyphs, room: int) -> str:
    """The newest window in words; where not all of it fits, the alarm line stays whole."""
    target = view.newest.domain_probability
    line = f"alarm line: {line_words(view.newest.alarm_percentile)}"
    share = f"{target * 100:.0f} %"
    said = (
        f"target conditions {domain_bar(target, glyphs, 10)} {share}; {line}",
        f"target {domain_bar(target, glyphs)} {share}; {line}",
        f"target {share}; {line}",
    )
    return next((words for words in said if len(words) <= room), line)
