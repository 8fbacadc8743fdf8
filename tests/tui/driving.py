"""An app that is drawn only when a test says so, and waits until everything was folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.tui.app import AuricleApp
from monitor.tui.glyphs import UNICODE
from tests.tui.scenes import InProcessFeed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.pilot import Pilot

    from monitor.bus.messages import Message
    from monitor.tui.glyphs import Glyphs

NEVER = 0.0001
"""Drawings a second of an app whose timer a test will not live to see."""


class DrivenApp(AuricleApp):
    """The real application on a feed without sockets, its clock standing still."""

    def __init__(self, feed: InProcessFeed, title: str, glyphs: Glyphs) -> None:
        self.feed = feed
        super().__init__(lambda: feed, title, glyphs=glyphs, clock=lambda: 100.0, draws_per_s=NEVER)


def make_app(messages: Sequence[Message] = (), title: str = "live", *, glyphs: Glyphs = UNICODE) -> DrivenApp:
    return DrivenApp(InProcessFeed(messages), title, glyphs)


async def folded(pilot: Pilot[object], app: AuricleApp, count: int) -> None:
    """Wait until so many messages were taken in."""
    while app.state.version < count:
        await pilot.pause(0.01)


async def drawn(pilot: Pilot[object], app: AuricleApp) -> None:
    """Draw until layout and pictures have settled."""
    await pilot.pause()
    for _ in range(8):
        app.draw()
        await pilot.pause()
