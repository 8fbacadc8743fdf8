"""The list of events, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from monitor.core.events import ActivityChange, SceneChange, SpeciesDetection, TagDetection
from monitor.core.naming import is_bird
from monitor.tui.wording import clock_time, event_urgent, event_words, fit

if TYPE_CHECKING:
    from textual.binding import BindingType

    from monitor.tui.source import Event, SourceView

Row = tuple[str, str, str, str, str]
"""Time, word, measure, rest, and the component class that it is drawn in."""


class EventList(ScrollView, can_focus=True):
    """When, what, how long, how sure. With the keyboard in it, it scrolls and stays where it is while events come."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "events--time",
        "events--open",
        "events--plain",
        "events--species",
        "events--sound",
        "events--urgent",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_home", "newest", show=False),
        Binding("escape", "leave", "leave the list", show=False),
    ]

    drawn = 0

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()
        self._name = ""
        self._seen = 0

    def show(self, view: SourceView) -> None:
        """List the events of a source; draw if anything changed."""
        rows = tuple(_row(event, view.head) for event in reversed(view.events))
        if rows == self._rows and self._name == view.name:
            return
        came = view.events_seen - self._seen if self._name == view.name else 0
        self._rows, self._name, self._seen = rows, view.name, view.events_seen
        self.virtual_size = Size(self.content_size.width, len(rows))
        if came and self.scroll_offset.y > 0:
            self.scroll_to(y=max(0, self.scroll_offset.y + came), animate=False)
        self.drawn += 1
        self.refresh()

    def action_leave(self) -> None:
        """Give the keyboard back to the screen."""
        self.screen.set_focus(None)

    def render_line(self, y: int) -> Strip:
        """One event."""
        quiet = self.get_component_rich_style("events--time")
        width = self.scrollable_content_region.width
        number = y + self.scroll_offset.y
        if number >= len(self._rows):
            if not self._rows and y == 0:
                return Strip([Segment("nothing yet", quiet)]).adjust_cell_length(width, quiet)
            return Strip.blank(width, quiet)
        time, word, measure, rest, style = self._rows[number]
        room = max(0, width - len(time) - 1)
        if style in ("events--species", "events--sound"):  # of a long name the end is left out, and not the number
            text = f"{fit(word, max(1, room - len(rest) - 1))} {rest}"
        else:
            text = f"{word:<4} {measure:>7} {rest}" if measure else f"{word} {rest}"
        text = fit(text, room)
        return Strip(
            [
                Segment(f"{time} ", quiet),
                Segment(text, self.get_component_rich_style(style)),
            ]
        ).adjust_cell_length(width, quiet)


def _row(event: Event, head: int) -> Row:
    word, measure, rest = event_words(event, head)
    reading = event.reading
    style = "events--plain"
    if event_urgent(event):
        style = "events--urgent"
    elif isinstance(reading, ActivityChange) and reading.active:
        style = "events--open"
    elif isinstance(reading, TagDetection) and reading.label is not None:
        style = "events--species"
    elif isinstance(reading, SpeciesDetection):
        style = "events--species" if is_bird(reading) else "events--sound"
    elif isinstance(reading, SceneChange):
        style = "events--sound"
    return clock_time(reading.span.start, event.utc_ns), word, measure, rest, style
