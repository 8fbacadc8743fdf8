"""A bus server with a loop around it, as the engine has one, on a thread of the test."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING, Any

from monitor.bus.messages import Delivery, Message
from monitor.bus.server import BusServer
from monitor.store.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.bus.client import BusClient

ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE_S = 30.0
"""After which a test that waits for something gives up."""


class EngineThread:
    """Serves until closed; `do(work)` has the loop call `work(server)` and returns what that returns."""

    def __init__(
        self,
        run_id: str = "run-1",
        log: Path | None = None,
        addresses: tuple[str, str] = (ANY_PORT, ANY_PORT),
        **more: Any,
    ) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[BusServer], Any], Future[Any]] | None] = queue.SimpleQueue()
        started: Future[BusServer] = Future()
        self._thread = threading.Thread(target=self._loop, args=(started, run_id, log, addresses, more), daemon=True)
        self._thread.start()
        self.addresses = started.result(PATIENCE_S).addresses

    def _loop(self, started, run_id, log_path, addresses, more) -> None:
        log = None
        try:
            log = EventLog(log_path, durable=False) if log_path else None
            server = BusServer(*addresses, run_id, log, **more)
        except BaseException as fault:
            if log is not None:
                log.close()
            started.set_exception(fault)
            return
        started.set_result(server)
        while True:
            try:
                task = self._work.get_nowait()
            except queue.Empty:
                server.serve(0.005)
                continue
            if task is None:
                break
            work, done = task
            try:
                done.set_result(work(server))
            except BaseException as fault:
                done.set_exception(fault)
        server.close()
        if log is not None:
            log.close()

    def do(self, work: Callable[[BusServer], Any]) -> Any:
        """Run `work` inside the loop."""
        done: Future[Any] = Future()
        self._work.put((work, done))
        return done.result(PATIENCE_S)

    def stop(self) -> None:
        """Have the run end soon."""
        self._work.put(None)

    def close(self) -> None:
        """End the run."""
        self.stop()
        self._thread.join(PATIENCE_S)

    def __enter__(self) -> EngineThread:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def hear_until(client: BusClient, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """All messages until `enough` of them; fails when that takes too long."""
    heard: list[Message] = []
    deadline = monotonic() + PATIENCE_S
    while not enough(heard):
        assert monotonic() < deadline, f"heard only {[type(message).__name__ for message in heard[-20:]]}"
        heard += client.messages(0.1)
    return heard


def events(heard: list[Message]) -> list[Delivery]:
    """The events among messages."""
    return [message for message in heard if isinstance(message, Delivery) and message.event_id is not None]


def live(heard: list[Message]) -> list[Delivery]:
    """The live readings among messages."""
    return [message for message in heard if isinstance(message, Delivery) and message.event_id is None]
