"""Readings to publish, and what a subscriber heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.bus.messages import Heartbeat
from monitor.core.events import ActivityChange, LevelReading, SourceCondition, SourceState, Spectrum, StreamGap
from monitor.core.types import Span

if TYPE_CHECKING:
    from monitor.bus.server import BusServer

COLUMN = Spectrum(Span(0, 4800), np.linspace(-90, 0, 64, dtype=np.float32), 16_000.0)
LISTENING = SourceState(Span(0, 0), SourceCondition.LISTENING)


def level(number: int) -> LevelReading:
    return LevelReading(Span(number, number + 1), -30.0, -20.0, 0)


def gap(number: int) -> StreamGap:
    return StreamGap(Span(number, number + 1), 1, False, "test")


def activity(active: bool) -> ActivityChange:
    return ActivityChange(Span(0, 10), active, 0.9, Span(0, 10))


def publish(*readings):
    def work(server: BusServer) -> None:
        for reading in readings:
            server.publish("mic", reading, 5)

    return work


def kinds(heard) -> list[type]:
    return [type(message) for message in heard if not isinstance(message, Heartbeat)]


def first(heard, kind):
    return next(message for message in heard if isinstance(message, kind))
