"""The species that were heard: how often, how surely, and how long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from monitor.tui.wording import UNKNOWN, ago, fit, share, species

if TYPE_CHECKING:
    from textual.binding import BindingType

    from monitor.tui.source import SourceView

Row = tuple[str, str, str, str, bool]
"""Species, count, confidence, time since it was last heard, and whether the tag is only provisional."""

_NARROW, _TINY = 22, 14
"""Widths below which the confidence, and then the time, have no room."""


class BirdsPanel(ScrollView, can_focus=True):
    """Whatever was heard last is on top; `unknown` is the last row. With the keyboard in it, it scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"birds--name", "birds--number", "birds--unknown", "birds--provisional"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_home", "newest", show=False),
        Binding("escape", "leave", "leave the panel", show=False),
    ]

    drawn = 0

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()

    def show(self, view: SourceView) -> None:
        """List the species of a source; draw if anything changed. Without any, take no room."""
        rows = tuple(species_rows(view))
        if rows == self._rows:
            return
        if len(rows) != len(self._rows):
            self.display = bool(rows)
            self.styles.height = len(rows) + self.gutter.height
            self.virtual_size = Size(self.content_size.width, len(rows))
        self._rows = rows
        self.drawn += 1
        self.refresh()

    def action_leave(self) -> None:
        """Give the keyboard back to the screen."""
        self.screen.set_focus(None)

    def render_line(self, y: int) -> Strip:
        """One species."""
        number = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        plain = self.get_component_rich_style("birds--number")
        if number >= len(self._rows):
            return Strip.blank(width, plain)
        name, count, score, since, provisional = self._rows[number]
        quiet = self.get_component_rich_style("birds--provisional" if provisional else "birds--unknown")
        named = quiet if provisional or name == UNKNOWN else self.get_component_rich_style("birds--name")
        numbers = f" {count:>3}"
        if width >= _NARROW:
            numbers += f" {score:>5}"
        if width >= _TINY:
            numbers += f" {since:>5}"
        return Strip(
            [
                Segment(fit(name, max(0, width - len(numbers)), fill=True), named),
                Segment(numbers, quiet if provisional else plain),
            ]
        ).adjust_cell_length(width, plain)


def species_rows(view: SourceView) -> list[Row]:
    """The rows for what is known of a source; a provisional tag stands in for its species' own row, and first."""
    going_on = view.calls.provisional(view.head)
    rows: list[Row] = []
    last: list[Row] = []
    counts = {tally.label: tally.count for tally in view.tallies.oldest_first if not tally.known}
    if going_on is not None:
        count = counts.get(going_on.label, 0)
        rows.append((f"{species(going_on.label)}?", str(count or ""), "", "now", True))
    for tally in reversed(view.tallies.oldest_first):
        if going_on is not None and going_on.label == tally.label and not tally.known:
            continue
        since = ago(view.head - tally.last_end)
        if tally.label is None:
            last.append((UNKNOWN, str(tally.count), "", since, False))
        else:
            name = species(tally.label, known=tally.known)
            rows.append((name, str(tally.count), share(tally.score), since, False))
    return rows + last
