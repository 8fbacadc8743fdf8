"""The top two lines: which source, what it is doing, when, how loud, and where it sounds to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.content import Content

from monitor.core.clock import samples
from monitor.core.events import SourceCondition
from monitor.tui.sounds import sound_badge
from monitor.tui.widgets.panel import Panel, Part, line
from monitor.tui.wording import header_time, level, short_name

if TYPE_CHECKING:
    from monitor.tui.glyphs import Glyphs
    from monitor.tui.scenes import Badge
    from monitor.tui.source import SourceView
    from monitor.tui.state import ScreenState

QUIETEST = -72.0
"""Level in dBFS at the left end of the meter."""
_METER_CELLS = 32
_METER_ROOM = 22
"""Cells beside the meter where there are no badges."""
_PEAK_FROM = 100
"""Width from which on there is room for the peak beside badges."""
_BADGE_GAP = 4
_CLIPPED_FOR = samples(2.0)
_TROUBLED = (SourceCondition.STALLED, SourceCondition.LOST, SourceCondition.FAILED)


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the header says."""

    name: str
    condition: SourceCondition | None
    place: str
    """Which of how many sources; empty for one."""
    time: str
    level: float | None
    """Root mean square in dBFS, None before the first."""
    peak: float
    clipping: bool
    scene: Badge | None
    """Where this sounds to be, None where nothing tells it."""
    sound: Badge | None
    """What kind of sound it is, None where nothing tells it."""


class SourceHeader(Panel):
    """Source, state, time; level meter, badges."""

    def __init__(self, title: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._title = title
        self._glyphs = glyphs
        self._said: HeaderFacts = _facts(None, 0, 0)

    def show(self, state: ScreenState) -> None:
        """Say where we are."""
        view = state.current
        number = list(state.sources).index(view.name) + 1 if view is not None else 0
        self._said = _facts(view, number, len(state.sources))
        if self.differ(self._said):
            self.paint()

    def render(self) -> Content:
        """Two lines, as wide as the screen."""
        width = self.content_size.width
        return Content("\n").join([self._who(width), self._how_loud(width)][: max(1, self.content_size.height)])

    def _who(self, width: int) -> Content:
        said = self._said
        parts: list[Part] = [("auricle", "bold $accent")] if width >= 40 else []
        named_by_title = PurePath(self._title).name in said.name
        if self._title and width >= 50 and not named_by_title:
            parts.append((f"  {short_name(self._title, max(12, width // 5))}", "$foreground-muted"))
        if said.condition is None:
            parts.append(("  waiting for a source", "$foreground-muted"))
            return line(parts, [], width)
        end: list[Part] = [(said.time, "bold")] if width >= 36 else []
        if said.place and width >= 60:
            end.insert(0, (f"{said.place}  ", "$foreground-muted"))
        state = f"  {said.condition}"
        before = "  " if parts else ""
        room = width - sum(len(text) for text, _ in (*parts, *end)) - len(before + state) - 2 * bool(end)
        parts.append((before + short_name(said.name, max(6, room)), "bold"))
        parts.append((state, "bold $error" if said.condition in _TROUBLED else "$accent"))
        return line(parts, end, width)

    def _how_loud(self, width: int) -> Content:
        said = self._said
        if said.level is None:
            return line([("level  no sound yet", "$foreground-muted")], [], width)
        parts: list[Part] = [("level ", "$foreground-muted"), (level(said.level), ""), ("  ", "")]
        end: list[Part] = []
        badges = _badges(said, width)
        if width >= 72:
            end = [("clipping  ", "bold $error")] if said.clipping else []
            if not badges or width >= _PEAK_FROM:
                end += [("peak ", "$foreground-muted"), (level(said.peak), "")]
        taken = sum(len(text) for text, _ in (*parts, *end, *badges)) + _BADGE_GAP
        if badges and width >= taken:
            end += [(" " * _BADGE_GAP, ""), *badges] if end else badges
            cells = min(_METER_CELLS, width - taken)
        else:
            cells = min(_METER_CELLS, width - _METER_ROOM)
        if cells >= 6:
            parts += self._meter(said.level, said.peak, cells)
        return line(parts, end, width)

    def _meter(self, rms: float, peak: float, cells: int) -> list[Part]:
        glyphs = self._glyphs
        halves = round(_share(rms) * cells * 2)
        bar = glyphs.bar * (halves // 2) + (glyphs.half_bar if halves % 2 else "")
        rest = cells - len(bar)
        before_peak = min(cells - 1, int(_share(peak) * cells)) - len(bar)
        if not 0 <= before_peak < rest:
            return [(bar, "$accent"), (glyphs.track * rest, "$border-blurred")]
        return [
            (bar, "$accent"),
            (glyphs.track * before_peak, "$border-blurred"),
            (glyphs.peak, "$accent"),
            (glyphs.track * (rest - before_peak - 1), "$border-blurred"),
        ]


def _badges(said: HeaderFacts, width: int) -> list[Part]:
    """What the sound is taken for, from the left: the scene, then its kind where there is room for both."""
    parts, kind = _badge("scene ", said.scene), _badge("sound ", said.sound)
    if parts and kind:
        both = [*parts, (" " * _BADGE_GAP, ""), *kind]
        return both if width >= sum(len(text) for text, _ in both) + _METER_ROOM else parts
    return parts or kind


def _badge(what: str, badge: Badge | None) -> list[Part]:
    if badge is None:
        return []
    style = "bold" if badge.settled else "$foreground-muted"
    parts: list[Part] = [(what, "$foreground-muted"), (badge.text, style)]
    return [*parts, (f" {badge.share}", "")] if badge.share else parts


def _share(dbfs: float) -> float:
    return min(1.0, max(0.0, (dbfs - QUIETEST) / -QUIETEST))


def _facts(view: SourceView | None, number: int, count: int) -> HeaderFacts:
    if view is None:
        return HeaderFacts("", None, "", "", None, QUIETEST, clipping=False, scene=None, sound=None)
    loud = view.level
    return HeaderFacts(
        view.name,
        view.condition,
        f"source {number} of {count}" if count > 1 else "",
        header_time(view),
        None if loud is None else loud.rms_dbfs,
        QUIETEST if loud is None else loud.peak_dbfs,
        clipping=view.clipped_at is not None and view.head - view.clipped_at < _CLIPPED_FOR,
        scene=view.scene.badge(view.head),
        sound=sound_badge(view.sound, view.head),
    )
