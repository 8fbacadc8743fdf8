"""Where this sounded to be, over the same time as the spectrogram above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from monitor.tui.widgets.panel import Panel, gutter, strip
from monitor.tui.wording import fit

if TYPE_CHECKING:
    from rich.style import Style
    from textual.strip import Strip

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.scenes import Stretch
    from monitor.tui.source import SourceView
    from monitor.tui.timeline import Timeline

_LEAST = 3
"""Cells that a name needs at least to be told from another."""


class SceneBand(Panel):
    """One row: each scene's name where it began, and a line for as long as it lasted."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"scene--label", "scene--settled", "scene--quiet", "scene--track"}

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._stretches: tuple[Stretch, ...] = ()

    def show(self, view: SourceView, timeline: Timeline) -> None:
        """Draw if anything changed."""
        self.again = lambda: self.show(view, timeline)
        self._stretches = tuple(view.scene.stretches(timeline))
        if self.differ((timeline.cells, self._stretches)):
            self.paint()

    def render_line(self, y: int) -> Strip:
        """The one row."""
        label, track, settled, quiet = (
            self.get_component_rich_style(f"scene--{name}") for name in ("label", "track", "settled", "quiet")
        )
        width = self.content_size.width
        labels = gutter(width)
        cells: list[tuple[str, Style]] = [(c, label) for c in "scene".rjust(labels - 1) + " "][:labels]
        cells += [(" ", label)] * (width - len(cells))
        for one in self._stretches:
            before, name, after = band_parts(one, self._glyphs)
            row = [(c, track) for c in before]
            row += [(c, settled if one.settled else quiet) for c in name]
            row += [(c, track) for c in after]
            for place, cell in enumerate(row, labels + one.first):
                if place < width:
                    cells[place] = cell
        return strip(cells)


def band_parts(stretch: Stretch, glyphs: Glyphs) -> tuple[str, str, str]:
    """`╵`, `street_traffic`, `──────`: one character a cell; of a name too long the end is left out."""
    room = stretch.cells - 1
    name = fit(stretch.text, room) if room >= _LEAST else ""
    return glyphs.tick, name, glyphs.track * (room - len(name))
