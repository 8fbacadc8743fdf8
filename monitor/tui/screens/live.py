"""The one screen of demo, replay, live and watch. A branch adds its panel to one of the two columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container, Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from monitor.tui.conditions import Condition, conditions
from monitor.tui.timeline import Timeline
from monitor.tui.widgets.activity import ActivityStrip
from monitor.tui.widgets.axis import TimeAxis
from monitor.tui.widgets.banner import Banner
from monitor.tui.widgets.birds import BirdsPanel
from monitor.tui.widgets.events import EventList
from monitor.tui.widgets.header import SourceHeader
from monitor.tui.widgets.health import HealthStrip
from monitor.tui.widgets.machines import MachinesPanel
from monitor.tui.widgets.panel import gutter
from monitor.tui.widgets.scene import SceneBand
from monitor.tui.widgets.spectrogram import Spectrogram

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.palette import Ramp
    from monitor.tui.source import SourceView
    from monitor.tui.state import ScreenState

PAUSED = Condition("display paused", "listening goes on; p resumes", urgent=False)


_KEY_GAP = 2
"""Cells between keys of the footer, where there is room."""
_PALETTE_CELLS = 12
"""Cells of the palette's key and of the margins of the footer."""
_PICTURE_CELLS = 2500
"""A picture of so many cells may be drawn with every frame, one of twice as many with every second frame, and so on."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a screen is to look."""

    title: str
    """What runs: `live`, `demo`, the recording."""
    glyphs: Glyphs


class LiveScreen(Screen[None]):
    """Header, banner, pictures and lists, health, keys."""

    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, look: Look) -> None:
        super().__init__()
        glyphs = look.glyphs
        self.frames = 0
        """How often the screen was drawn."""
        self.header = SourceHeader(look.title, glyphs)
        self.banner = Banner()
        self.spectrogram = Spectrogram(glyphs)
        self.activity = ActivityStrip(glyphs)
        self.scene = SceneBand(glyphs)
        self.axis = TimeAxis(glyphs)
        self.birds = BirdsPanel()
        self.machines = MachinesPanel(glyphs)
        self.events = EventList()
        self.health = HealthStrip()
        self._pictured = ""
        self._next_picture = 0
        self._pictures = Container(self.spectrogram, self.activity, self.scene, self.axis, id="pictures")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.header
        yield self.banner
        with Horizontal(id="panels"):
            yield Vertical(self._pictures, self.machines, id="left")
            yield Vertical(self.birds, self.events, id="right")
        with Horizontal(id="bottom"):
            yield self.health
            yield Footer(compact=True, show_command_palette=True)

    def on_mount(self) -> None:
        """Name the panels."""
        self.birds.border_title = "birds"
        self.machines.border_title = "machines"
        self.events.border_title = "events"
        self._pictures.border_title = "spectrogram"

    def on_resize(self) -> None:
        """The pictures have other cells now."""
        self._next_picture = 0
        self.fit_keys()

    def fit_keys(self) -> None:
        """Where not all keys fit into the footer they stand closer, so that the last, which explains them, is seen."""
        shown = [key.binding for key in self.active_bindings.values() if key.binding.show and key.enabled]
        cells = sum(len(f"{key.key_display or key.key} {key.description}") + _KEY_GAP for key in shown)
        self.set_class(cells + _PALETTE_CELLS > self.size.width, "-crowded")

    def draw(self, state: ScreenState, now_s: float, ramp: Ramp, paused: SourceView | None) -> None:
        """Show the state; `paused` is the picture held while the display is paused. Parts draw only what changed."""
        self.frames += 1
        found = conditions(state, now_s)
        self.banner.show([PAUSED, *found] if paused is not None else found, self.size.width, self.size.height)
        self.header.show(state)
        self.health.show(state.current)
        view = paused or state.current
        if view is None:
            return
        self.birds.show(view)
        self.machines.show(view)
        self.events.show(view)
        if view.name != self._pictured or self.frames >= self._next_picture:
            self._pictured, self._next_picture = view.name, self.frames + self._rest()
            self._draw_pictures(view, ramp)

    def _rest(self) -> int:
        """Frames until the next picture: a large one is drawn less often, so that it costs no more than a small one."""
        return 1 + self.spectrogram.content_size.area // _PICTURE_CELLS

    def _draw_pictures(self, view: SourceView, ramp: Ramp) -> None:
        self.activity.display = view.has_birds
        self.scene.display = bool(view.scene) and not self.has_class("-short")
        width = self.spectrogram.content_size.width
        timeline = Timeline.until(view.picture_end, width - gutter(width))
        self.spectrogram.show(view, timeline, ramp)
        self.activity.show(view, timeline)
        self.scene.show(view, timeline)
        self.axis.show(view, timeline)
        columns = view.columns
        if len(columns):
            low, high = self.spectrogram.colour_range
            wide = self._pictures.size.width >= 48
            late = ", privacy mode" if view.privacy else ""
            self._title(
                f"spectrogram, last 30 s, 0-{columns.top_hz / 1000:.0f} kHz{late}" if wide else "last 30 s",
                f"{low} to {high} dBFS" if wide else "",
            )

    def _title(self, title: str, subtitle: str) -> None:
        """Setting a title draws the border anew, so only when it is another."""
        if self._pictures.border_title != title:
            self._pictures.border_title = title
        if (self._pictures.border_subtitle or "") != subtitle:
            self._pictures.border_subtitle = subtitle
