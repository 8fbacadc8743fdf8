"""How likely a bird is audible, over the same time as the spectrogram above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from monitor.tui.widgets.panel import Panel, gutter, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.strip import Strip

    from monitor.core.events import GateReading
    from monitor.tui.glyphs import Glyphs
    from monitor.tui.source import SourceView
    from monitor.tui.timeline import Timeline


class ActivityStrip(Panel):
    """Probability as bars, in the accent colour where a bird counts as audible; a dotted line for the threshold."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "activity--label",
        "activity--active",
        "activity--idle",
        "activity--threshold",
    }

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._threshold: float | None = None
        self._heights: tuple[int | None, ...] = ()
        self._active: frozenset[int] = frozenset()
        self._newest: float | None = None

    def show(self, view: SourceView, timeline: Timeline) -> None:
        """Draw if anything changed."""
        self.again = lambda: self.show(view, timeline)
        steps = len(self._glyphs.heights) * max(1, self.content_size.height)
        chances = probabilities(list(view.gate), timeline)
        self._heights = tuple(None if np.isnan(p) else min(steps - 1, int(p * steps)) for p in chances)
        self._active = frozenset(timeline.covered(view.active_spans()))
        self._newest = view.gate[-1].probability if view.gate else None
        self._threshold = view.gate[-1].threshold if view.gate else None
        now = None if self._newest is None else round(self._newest, 2)
        if self.differ((timeline, self._heights, self._active, now)):
            self.paint()

    def render_line(self, y: int) -> Strip:
        """One row of bars."""
        label = self.get_component_rich_style("activity--label")
        active = self.get_component_rich_style("activity--active")
        idle = self.get_component_rich_style("activity--idle")
        dotted = self.get_component_rich_style("activity--threshold")
        width, height = self.content_size
        labels = gutter(width)
        cells: list[tuple[str, Style]] = [(c, label) for c in self._label(y, height).rjust(labels - 1) + " "][:labels]
        glyphs = self._glyphs.heights
        below = (height - 1 - y) * len(glyphs)
        line = self._threshold is not None and below <= self._threshold * len(glyphs) * height < below + len(glyphs)
        for k, bar in enumerate(self._heights):
            if bar is not None and (bar >= below if below else bar >= 0):
                character = glyphs[min(len(glyphs) - 1, bar - below)]
                cells.append((character, active if k in self._active else idle))
            elif line and bar is not None:
                cells.append((self._glyphs.threshold, dotted))
            else:
                cells.append((" ", idle))
        return strip(cells[:width]).adjust_cell_length(width, label)

    def _label(self, y: int, height: int) -> str:
        chance = "" if self._newest is None else f"{self._newest * 100:.0f} %"
        if height == 1:
            return chance
        if y == height - 1:
            return chance
        return "bird" if y == height - 2 else ""


def probabilities(readings: Sequence[GateReading], timeline: Timeline) -> Sequence[float]:
    """Gate probability in the middle of each cell, straight between windows; NaN where no window was scored."""
    found = np.full(timeline.cells, np.nan)
    if not readings:
        return found.tolist()
    starts = np.array([reading.span.start for reading in readings], np.int64)
    ends = np.array([reading.span.end for reading in readings], np.int64)
    middles = np.array([timeline.middle(k) for k in range(timeline.cells)], np.int64)
    scored = np.searchsorted(starts, middles, side="right") > np.searchsorted(ends, middles, side="right")
    chances = np.interp(middles, (starts + ends) / 2, [reading.probability for reading in readings])
    found[scored] = chances[scored]
    return found.tolist()
