"""An engine-like process: `python -m tests.helpers.bus_publisher LOG RUN`. Prints its commands address, then obeys.

Commands: `burst` publishes so many steps without ever looking at its sockets, `flow` so many between answers,
`progress` tells the steps done, `finish` ends the source, `quit` ends the process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np

from monitor.bus.server import BusServer
from monitor.core.events import LevelReading, SourceCondition, SourceState, Spectrum, StreamGap
from monitor.core.types import Span
from monitor.store.log import EventLog
from tests.helpers.engine_thread import ANY_PORT

LIVE_PER_STEP = 3
LEVELS = np.linspace(-90, 0, 64, dtype=np.float32)


class Steps(msgspec.Struct):
    steps: int


class Publisher:
    """Each step: two spectrum columns, a level, an event."""

    def __init__(self, server: BusServer) -> None:
        self.server = server
        self.done = 0
        self.flowing = 0
        self.running = True
        server.on("burst", self.burst, Steps)
        server.on("flow", self.flow, Steps)
        server.on("progress", lambda _: self.done)
        server.on("finish", self.finish)
        server.on("quit", self.quit)

    def step(self) -> None:
        at = self.done * 9600
        self.server.publish("mic", Spectrum(Span(at, at + 4800), LEVELS, 16_000.0), None)
        self.server.publish("mic", Spectrum(Span(at + 4800, at + 9600), LEVELS, 16_000.0), None)
        self.server.publish("mic", LevelReading(Span(at, at + 9600), -30.0, -20.0, 0), None)
        self.server.publish("mic", StreamGap(Span(at, at + 1), 1, False, "made for the test"), None)
        self.done += 1

    def burst(self, wanted: Steps) -> int:
        for _ in range(wanted.steps):
            self.step()
        return self.done

    def flow(self, wanted: Steps) -> None:
        self.flowing = wanted.steps

    def finish(self, _: object) -> None:
        at = self.done * 9600
        self.server.publish("mic", SourceState(Span(at, at), SourceCondition.ENDED), None)

    def quit(self, _: object) -> None:
        self.running = False

    def run(self) -> None:
        while self.running:
            self.server.serve(0.0 if self.flowing else 0.02)
            if self.flowing:
                self.flowing -= 1
                self.step()


def main() -> None:
    with (
        EventLog(Path(sys.argv[1]), durable=False) as log,
        BusServer(ANY_PORT, ANY_PORT, sys.argv[2], log) as server,
    ):
        publisher = Publisher(server)
        print(server.addresses.commands, flush=True)
        publisher.run()


if __name__ == "__main__":
    main()
