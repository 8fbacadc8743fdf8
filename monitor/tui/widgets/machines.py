"""The machines that are listened for: what each is doing, how unusual it sounds, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from monitor.tui.machines import cells, percentile_words, state_words
from monitor.tui.widgets.panel import Panel, strip
from monitor.tui.wording import clock_time, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual.strip import Strip

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.machines import MachineView, Point
    from monitor.tui.source import SourceView

ROWS, TALL_ROWS = 4, 12
"""Machines that have a line, on a low screen and on a tall one; the dialog has them all."""

TOP = 1.5
"""Height of a chart, where the alarm line is 1."""

_NAME, _STATE, _PERCENTILE, _DOMAIN = 8, 12, 19, 6
_DOMAIN_FROM = 60
"""Width from which on the domain has room."""

COMPONENTS = {
    "machines--name",
    "machines--plain",
    "machines--quiet",
    "machines--urgent",
    "machines--above",
}


class MachinesPanel(Panel):
    """One line a machine, the ones that need somebody first; without a machine it takes no room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._views: tuple[MachineView, ...] = ()
        self._more = 0

    def show(self, view: SourceView) -> None:
        """Draw if anything changed."""
        self.again = lambda: self.show(view)
        views = tuple(view.machines)
        most = TALL_ROWS if self.screen.size.height >= 40 else ROWS
        shown = views if len(views) <= most else views[: most - 1]
        rows = min(len(views), most)
        if bool(views) != self.display:
            self.display = bool(views)
        if rows != self._rows_shown:
            self._rows_shown = rows
            self.styles.height = rows + self.gutter.height
        self._views, self._more = shown, len(views) - len(shown)
        if self.differ((self._more, *(one.newest for one in shown))):
            self.paint()

    _rows_shown = 0

    def render_line(self, y: int) -> Strip:
        """One machine."""
        width = self.content_size.width
        quiet = self.get_component_rich_style("machines--quiet")
        if y >= len(self._views):
            text = f"and {self._more} more: m shows them all" if self._more and y == len(self._views) else ""
            return strip([(c, quiet) for c in fit(text, width, fill=True)])
        view = self._views[y]
        return strip(machine_cells(view, width, self._glyphs, self.get_component_rich_style)).adjust_cell_length(width)


def machine_cells(view: MachineView, width: int, glyphs: Glyphs, style: _Styles) -> list[tuple[str, Style]]:
    """The cells of a machine's line."""
    plain, quiet = style("machines--plain"), style("machines--quiet")
    reading = view.newest
    urgent = style("machines--urgent") if view.urgent else plain
    found = [(c, style("machines--name")) for c in fit(view.name, _NAME, fill=True) + " "]
    if reading.alarm:
        since = "" if reading.alarmed is None else f" since {_minute(view, reading.alarmed.start)}"
        bands = [band.range_words for band in reading.deviations]
        told = f"{state_words(reading)}{since}"
        room = width - _NAME - 10
        while bands and len(told) + 2 + len(bands[0]) <= room:
            told += f", {bands.pop(0)}"
        chart = max(8, min(width // 6, width - _NAME - 1 - len(told) - 1))
        found += [(c, urgent) for c in fit(told, max(1, width - len(found) - chart - 1), fill=True) + " "]
    else:
        judged = view.points and view.points[-1].height is not None
        told = f"{percentile_words(reading.percentile)} percentile" if judged else ""
        found += [(c, urgent) for c in fit(state_words(reading), _STATE, fill=True)]
        found += [(c, plain if judged else quiet) for c in fit(told, _PERCENTILE, fill=True)]
        if width >= _DOMAIN_FROM:
            found += [(c, quiet) for c in fit(domain_bar(reading.domain_probability, glyphs), _DOMAIN, fill=True)]
        chart = max(0, width - len(found))
    return (found + chart_cells(cells(view, chart), 1, 0, glyphs, style))[:width]


def _minute(view: MachineView, start: int) -> str:
    """When an alarm began: the time of day to the minute, or the time since the start of the recording."""
    told = clock_time(start, view.alarm_utc_ns).strip()
    return told if view.alarm_utc_ns is None else told[:5]


def domain_bar(probability: float, glyphs: Glyphs, width: int = 5) -> str:
    """How likely it runs under the conditions of its target clips, as a bar."""
    full = round(probability * width)
    return glyphs.bar * full + glyphs.track * (width - full)


def chart_cells(
    points: Sequence[Point | None],
    rows: int,
    row: int,
    glyphs: Glyphs,
    style: _Styles,
    lines: Sequence[float] = (1.0,),
) -> list[tuple[str, Style]]:
    """One row (0 is the top) of a chart of `rows` rows: bars, and lines where no bar reaches them (1: the alarm's)."""
    plain, quiet, above = style("machines--plain"), style("machines--quiet"), style("machines--above")
    steps = len(glyphs.heights)
    below = (rows - 1 - row) * steps
    line = any(below <= at * rows * steps / TOP < below + steps for at in lines)
    found: list[tuple[str, Style]] = []
    for point in points:
        if point is None or point.height is None:
            found.append((glyphs.threshold if line and rows > 1 else " ", quiet))
            continue
        bar = min(rows * steps - 1, int(point.height / TOP * rows * steps))
        if bar >= below:
            found.append((glyphs.heights[min(steps - 1, bar - below)], above if point.height >= 1.0 else plain))
        else:
            found.append((glyphs.threshold if line else " ", quiet))
    return found


if TYPE_CHECKING:
    from collections.abc import Callable

    _Styles = Callable[[str], Style]
