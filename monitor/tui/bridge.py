"""One thread between the bus and the screen: it alone touches the client; what it hears it posts, in batches."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol

from monitor.bus.messages import Delivery, Missed
from monitor.errors import BusError
from monitor.tui.messages import BridgeFailed, CommandAnswered, CommandRefused, Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message as TextualMessage

    from monitor.bus.messages import Message

PACE_S = 0.05
"""Seconds between two looks at the bus."""
WAIT_S = 0.25
"""Seconds that a look may wait when nothing comes: how long quitting and commands may take."""
WAITING_KEPT = 20_000
"""Messages kept while the screen is busy; live readings beyond that are dropped, and counted as missed."""
COMMAND_S = 2.0
"""Seconds that the engine has to answer a command."""
_BUSY = 500
"""A look that brings this much is followed by the next one at once."""


class Feed(Protocol):
    """What the bridge needs of `monitor.bus.client.BusClient`."""

    def messages(self, timeout_s: float) -> list[Message]:
        """What came since the last call, in order; waits up to `timeout_s` for the first."""
        ...

    def command(self, name: str, /, timeout_s: float = ..., **parameters: object) -> Any:
        """Have the engine do something; raises BusError when it refuses."""
        ...

    def close(self) -> None:
        """Let go of the engine."""
        ...


class Bridge:
    """Runs `connect` and the feed that it gives in a thread of its own; `post` must be safe to call from there."""

    def __init__(self, connect: Callable[[], Feed], post: Callable[[TextualMessage], object]) -> None:
        self._connect = connect
        self._post = post
        self._commands: SimpleQueue[tuple[str, dict[str, object]]] = SimpleQueue()
        self._waiting: deque[Message] = deque()
        self._dropped = 0
        self._screen_ready = Event()
        self._screen_ready.set()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="bus bridge", daemon=True)

    def start(self) -> None:
        """Connect and begin to post."""
        self._thread.start()

    def taken(self) -> None:
        """The screen has folded in what was posted; it may have more."""
        self._screen_ready.set()

    def command(self, name: str, /, **parameters: object) -> None:
        """Ask the engine; CommandAnswered or CommandRefused is posted."""
        self._commands.put((name, parameters))

    def stop(self) -> None:
        """Let go of the engine and wait for the thread to end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            feed = self._connect()
            try:
                self._serve(feed)
            finally:
                feed.close()
        except Exception as fault:  # noqa: BLE001 (not swallowed: the screen ends with it, and the caller gets it)
            self._post(BridgeFailed(fault))

    def _serve(self, feed: Feed) -> None:
        while not self._stopping.is_set():
            self._carry_out_commands(feed)
            came = feed.messages(0.0 if self._waiting else WAIT_S)
            self._keep(came)
            if self._waiting and self._screen_ready.is_set():
                self._hand_over()
            if len(came) < _BUSY:
                self._stopping.wait(PACE_S)

    def _hand_over(self) -> None:
        if self._dropped:
            self._waiting.append(Missed(self._dropped))
            self._dropped = 0
        batch = tuple(self._waiting)
        self._waiting.clear()
        self._screen_ready.clear()
        self._post(Heard(batch))

    def _keep(self, came: list[Message]) -> None:
        for message in came:
            live = isinstance(message, Delivery) and message.event_id is None
            if live and len(self._waiting) >= WAITING_KEPT:
                self._dropped += 1
            else:
                self._waiting.append(message)

    def _carry_out_commands(self, feed: Feed) -> None:
        while True:
            try:
                name, parameters = self._commands.get_nowait()
            except Empty:
                return
            try:
                result = feed.command(name, timeout_s=COMMAND_S, **parameters)
            except BusError as refusal:
                self._post(CommandRefused(name, refusal))
            else:
                self._post(CommandAnswered(name, result))
