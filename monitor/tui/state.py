"""Folds what comes over the bus into what the screen shows. No terminal in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.bus.messages import Delivery, Garbled, Heartbeat, Missed, Reconnected, Silent, Snapshot
from monitor.bus.tallies import Tallies
from monitor.core.events import SourceCondition
from monitor.tui.source import SourceView

if TYPE_CHECKING:
    from monitor.bus.messages import Message
    from monitor.tui.calls import Call

SOURCES_KEPT = 32
"""Sources remembered; of a folder with more recordings the oldest that are over are forgotten."""


@dataclass(slots=True)
class EngineView:
    """What is known of the engine and of the way to it. Times are seconds of the screen's own clock."""

    version: str = ""
    """Empty until it answered."""
    silent_since_s: float | None = None
    """When it was last heard; None while it is heard."""
    closed: bool = False
    """It said that it would end."""
    log_fault: str = ""
    """Why the event log cannot be written."""
    waiting: int = 0
    """Events held in memory until the log can be written again."""
    events_lost: int = 0
    """Events given up because the log could not be written."""
    missed: int = 0
    """Live readings that never reached this screen."""
    missed_at_s: float | None = None
    """When that was last told."""
    missed_events: int = 0
    """Events that the engine no longer has."""
    garbled: str = ""
    """What was wrong with the last unreadable message."""
    garbled_at_s: float | None = None
    """When it came."""


@dataclass(slots=True)
class ScreenState:
    """Everything that the screen shows, of every source."""

    engine: EngineView = field(default_factory=EngineView)
    sources: dict[str, SourceView] = field(default_factory=dict[str, SourceView])
    """By name, in the order in which they appeared."""
    pinned: str = ""
    """The source that the user chose; empty: follow the one that is heard."""
    followed: str = ""
    """The source that is heard."""
    version: int = 0
    """Grows with every message."""

    @property
    def current(self) -> SourceView | None:
        """The source on the screen, None before there is one."""
        return self.sources.get(self.pinned) or self.sources.get(self.followed)

    def calls(self) -> list[Call]:
        """The newest calls of all sources, newest first."""
        return sorted((call for view in self.sources.values() for call in view.calls), key=lambda call: -call.order)

    def next_source(self) -> None:
        """Show the next source; when that is the one that is heard, follow again."""
        current = self.current
        if current is None:
            return
        names = list(self.sources)
        chosen = names[(names.index(current.name) + 1) % len(names)]
        self.pinned = "" if chosen == self.followed else chosen

    def apply(self, message: Message, now_s: float) -> None:
        """Fold in one message; `now_s` is the screen's own clock, monotonic."""
        self.version += 1
        engine = self.engine
        match message:
            case Delivery():
                self._deliver(message, now_s, news=True)
            case Heartbeat():
                engine.silent_since_s = None
                engine.log_fault, engine.waiting = message.log_fault, message.waiting
                engine.events_lost, engine.closed = message.events_lost, message.closing
            case Snapshot():
                self._join(message, now_s)
            case Missed(events=True):
                engine.missed_events += message.count
                engine.missed_at_s = now_s
            case Missed():
                engine.missed += message.count
                engine.missed_at_s = now_s
            case Silent():
                engine.silent_since_s = now_s - message.for_s
                engine.closed = message.closed
            case Reconnected():
                self._reconnect(message)
            case Garbled():
                engine.garbled, engine.garbled_at_s = message.detail, now_s

    def _deliver(self, delivery: Delivery, now_s: float, *, news: bool) -> None:
        view = self.sources.get(delivery.source)
        if view is None:
            view = self.sources[delivery.source] = SourceView(delivery.source)
        view.fold(delivery.reading, delivery.utc_ns, now_s, event_id=delivery.event_id, news=news)
        followed = self.sources.get(self.followed)
        if followed is None or (followed.over and not view.over):
            self.followed = view.name
        if len(self.sources) > SOURCES_KEPT:
            self._forget_one()

    def _join(self, snapshot: Snapshot, now_s: float) -> None:
        self.engine.version = snapshot.engine_version
        self.engine.silent_since_s = None
        for view in self.sources.values():
            view.open_activity = None
        for delivery in (*snapshot.states, *snapshot.open_activities, *snapshot.live):
            self._deliver(delivery, now_s, news=False)
        told = {one.source: one.species for one in snapshot.tallies}
        for name in {delivery.source for delivery in (*snapshot.states, *snapshot.live)} & self.sources.keys():
            view = self.sources[name]
            view.tallies, view.counted_through = Tallies(told.get(name, ())), snapshot.last_event_id

    def _reconnect(self, message: Reconnected) -> None:
        self.engine.silent_since_s = None
        self.engine.closed = False
        if not message.restarted:
            return
        for view in self.sources.values():
            view.restart()
            view.tallies, view.counted_through = Tallies(), 0
            if not view.over:
                view.condition, view.detail = SourceCondition.STARTING, ""

    def _forget_one(self) -> None:
        spared = (self.pinned, self.followed)
        names = [name for name in self.sources if name not in spared]
        over = [name for name in names if self.sources[name].over]
        del self.sources[(over or names)[0]]
