"""The machines to choose from in their dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from monitor.tui.widgets.machines import COMPONENTS, machine_cells
from monitor.tui.widgets.panel import Panel, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.machines import MachineView

MOST = 6
"""Lines; the chosen machine is always among them."""


class MachineRows(Panel):
    """One line a machine, a mark at the chosen one; by name, so that none moves under the cursor."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._views: list[MachineView] = []
        self.chosen = ""
        """Name of the chosen machine; empty before there is one."""

    def show(self, views: Sequence[MachineView]) -> None:
        """Draw if anything changed; at first the machine that needs somebody most is chosen."""
        self.again = lambda: self.show(views)
        names = [view.name for view in views]
        if self.chosen not in names:
            self.chosen = names[0] if names else ""
        self._views = sorted(views, key=lambda view: view.name)
        self.styles.height = min(MOST, len(views))
        if self.differ((self.chosen, *(view.newest for view in self._views))):
            self.paint()

    def move(self, by: int) -> None:
        """Choose another one."""
        names = [view.name for view in self._views]
        if names:
            self.chosen = names[max(0, min(len(names) - 1, names.index(self.chosen) + by))]

    def render_line(self, y: int) -> Strip:
        """One machine."""
        width = self.content_size.width
        quiet = self.get_component_rich_style("machines--quiet")
        at = next((place for place, view in enumerate(self._views) if view.name == self.chosen), 0)
        first = max(0, min(at - MOST // 2, len(self._views) - MOST))
        if first + y >= len(self._views):
            return strip([(" ", quiet)] * width)
        view = self._views[first + y]
        mark = ("›" if self._glyphs.halves else ">") if view.name == self.chosen else " "
        accent = self.get_component_rich_style("machines--above")
        found = [(mark, accent), (" ", accent)]
        found += machine_cells(view, max(1, width - 2), self._glyphs, self.get_component_rich_style)
        return strip(found).adjust_cell_length(width)
