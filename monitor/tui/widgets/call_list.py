"""The newest calls, one of which is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from monitor.core.clock import samples, seconds
from monitor.tui.widgets.panel import Panel
from monitor.tui.wording import ago, clock_time, duration, fit, share, short_name, species

if TYPE_CHECKING:
    from monitor.tui.calls import Call
    from monitor.tui.state import ScreenState

LISTED = 40
"""Calls listed, at most."""
_GATE_FROM, _SOURCE_FROM = 60, 70
"""Widths from which on the gate's probability, and the source where there are several, have room."""
_SOURCE = 18

Row = tuple[str, str, str, str, str, str, bool]
"""Time, ago, duration, gate probability, tag, source, and whether its audio is held no more."""


class CallList(Panel):
    """Newest first. The one that was the newest when the dialog opened is chosen, until another one is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"calls--plain", "calls--chosen", "calls--gone"}

    def __init__(self, marker: str) -> None:
        super().__init__()
        self._marker = marker
        self._calls: tuple[Call, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._key: tuple[str, int] | None = None
        self._first = 0

    @property
    def chosen(self) -> Call | None:
        """The call to learn from."""
        return next((call for call in self._calls if _key(call) == self._key), None)

    def show(self, state: ScreenState, held_s: float | None) -> None:
        """List the calls; of those older than `held_s` seconds no audio is left (None: not known)."""
        self.again = lambda: self.show(state, held_s)
        self._calls = tuple(state.calls()[:LISTED])
        if self.chosen is None and self._calls:
            self._key = _key(self._calls[0])
        several = len(state.sources) > 1
        self._rows = tuple(_row(call, state, held_s, several) for call in self._calls)
        self._scroll()
        if self.differ((self._rows, self._key, self._first)):
            self.paint()

    def move(self, by: int) -> None:
        """Choose the call so many rows further down."""
        if self._calls:
            keys = [_key(call) for call in self._calls]
            at = keys.index(self._key) if self._key in keys else 0
            self._key = keys[max(0, min(len(keys) - 1, at + by))]

    def render_line(self, y: int) -> Strip:
        """One call."""
        width = self.content_size.width
        plain = self.get_component_rich_style("calls--plain")
        number = y + self._first
        if number >= len(self._rows):
            text = "nothing was heard yet; the next call comes by itself" if not self._rows and y == 0 else ""
            return Strip([Segment(fit(text, width), plain)]).adjust_cell_length(width, plain)
        chosen = _key(self._calls[number]) == self._key
        time, since, lasted, gate, tag, source, gone = self._rows[number]
        style = self.get_component_rich_style("calls--chosen" if chosen else "calls--gone" if gone else "calls--plain")
        text = f"{self._marker if chosen else ' '} {time}  {since:>9}  {lasted:>8}  "
        if width >= _GATE_FROM:
            text += f"{gate:>10}  "
        named = source if width >= _SOURCE_FROM else ""
        room = max(0, width - cell_len(text) - (_SOURCE + 1 if named else 0))
        text += fit(tag, room, fill=True)
        if named:
            text += " " + short_name(named, _SOURCE).rjust(_SOURCE)
        return Strip([Segment(fit(text, width), style)]).adjust_cell_length(width, style)

    def _scroll(self) -> None:
        """Keep the chosen one in sight."""
        height = max(1, self.content_size.height)
        at = next((number for number, call in enumerate(self._calls) if _key(call) == self._key), 0)
        self._first = max(0, min(max(self._first, at - height + 1), at, max(0, len(self._calls) - height)))


def _key(call: Call) -> tuple[str, int]:
    return call.source, call.span.start


def _row(call: Call, state: ScreenState, held_s: float | None, several: bool) -> Row:
    view = state.sources[call.source]
    end = max(call.span.end, view.head) if call.active else call.span.end
    since = "now" if call.active else f"{ago(view.head - end)} ago"
    gone = held_s is not None and call.span.start < view.head - samples(held_s)
    name = call.name
    tag = "" if name is None else species(name.text, known=name.known)
    if name is not None and name.provisional:
        tag += "?"
    elif name is not None and name.text is not None:
        tag += f" {share(name.probability)}"
    return (
        clock_time(call.span.start, call.utc_ns),
        since,
        duration(seconds(end - call.span.start)),
        f"gate {share(call.probability)}",
        "audio no longer held" if gone else tag,
        call.source if several else "",
        gone,
    )
