"""The promise: how much of the time since the start was really heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.core.events import SourceCondition
from monitor.tui.widgets.panel import Panel, Part, line
from monitor.tui.wording import dropped_windows, factor, lost_time, percent

if TYPE_CHECKING:
    from textual.content import Content

    from monitor.tui.source import SourceView

_BEHIND_S = 2.0
"""Lag from which on the number is marked."""


class HealthStrip(Panel):
    """Share heard, audio lost, lag, speed; and what else was counted, where there is anything."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[Part, ...] = ()

    def show(self, view: SourceView | None) -> None:
        """Draw if anything changed."""
        self._parts = tuple(health_parts(view))
        if self.differ(self._parts):
            self.paint()

    def render(self) -> Content:
        """One line."""
        return line(self._parts, [], self.content_size.width)


def health_parts(view: SourceView | None) -> list[Part]:
    """`listening 100.00 %  lost 0  lag 0.2 s  62x`, with styles."""
    word = "listening" if view is not None and view.condition is SourceCondition.LISTENING else "heard"
    if view is None or view.health is None:
        return [("nothing heard yet" if view is None else f"{word}  not counted yet", "$foreground-muted")]
    health = view.health
    lossless = health.heard >= 1.0 and health.lost == 0
    behind = health.lag_s >= _BEHIND_S or (0 < health.real_time_factor < 1.0)
    parts: list[Part] = [
        (f"{word} ", "$foreground-muted"),
        (percent(health.heard).strip(), "bold $accent" if lossless else "bold"),
        ("  lost ", "$foreground-muted"),
        (lost_time(health.lost), "" if lossless else "bold"),
    ]
    if not view.over:
        parts += [("  lag ", "$foreground-muted"), (f"{health.lag_s:.1f} s", "bold" if behind else "")]
    if health.real_time_factor > 0:
        parts += [("  ", ""), (factor(health.real_time_factor), "bold" if behind else "")]
    if dropped := dropped_windows(health):
        parts += [("  windows dropped ", "$foreground-muted"), (str(dropped), "bold")]
    if health.non_finite:
        parts += [("  samples mended ", "$foreground-muted"), (str(health.non_finite), "bold")]
    return parts
