"""A real bus server in a thread, as the engine's loop would run it."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from monitor.bus.server import BusServer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.bus.messages import Delivery, Message


class Serving:
    """Publishes what it is handed, on free loopback ports."""

    def __init__(self) -> None:
        self._server = BusServer("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "run-1")
        self.address = self._server.addresses.commands
        self._queue: SimpleQueue[Delivery] = SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def publish(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._queue.put(message)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._server.serve(0.01)
            while True:
                try:
                    delivery = self._queue.get_nowait()
                except Empty:
                    break
                self._server.publish(delivery.source, delivery.reading, delivery.utc_ns)
        self._server.close()
