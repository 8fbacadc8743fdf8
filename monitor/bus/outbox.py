"""Events on their way into the log: none is published before it is there, and none is given up because it is late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from monitor.errors import StoreError

if TYPE_CHECKING:
    from monitor.bus.event_log import Log
    from monitor.core.events import Reading


@dataclass(frozen=True, slots=True)
class Event:
    """An event without a row id."""

    source: str
    reading: Reading
    utc_ns: int | None


class Outbox:
    """Appends events to the log in order. While the log cannot be written (disk full, locked) they wait in memory."""

    CAPACITY = 10_000
    """Events that may wait; of more, the oldest are given up and counted."""
    RETRY_S = 1.0
    """Seconds between attempts while the log cannot be written."""

    def __init__(self, log: Log, run_id: str) -> None:
        self._log = log
        self._run_id = run_id
        self._waiting: deque[Event] = deque()
        self._retry_at = 0.0
        self.fault: StoreError | None = None
        """Why the log cannot be written; None when it can."""
        self.lost = 0
        """Events given up."""

    @property
    def waiting(self) -> int:
        """Events in memory."""
        return len(self._waiting)

    @property
    def due_s(self) -> float | None:
        """Seconds until the next attempt is due, or None when nothing waits."""
        return max(0.0, self._retry_at - monotonic()) if self._waiting else None

    def put(self, event: Event) -> list[tuple[int, Event]]:
        """Take an event; returns what is in the log now and was not before, with row ids, in order."""
        if len(self._waiting) >= self.CAPACITY:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(event)
        return self.write()

    def write(self, *, at_once: bool = False) -> list[tuple[int, Event]]:
        """Write what waits, if an attempt is due (or `at_once`); returns as `put`."""
        written: list[tuple[int, Event]] = []
        if self._waiting and self.fault is not None and not at_once and monotonic() < self._retry_at:
            return written
        while self._waiting:
            event = self._waiting[0]
            try:
                row_id = self._log.append(event.source, event.reading, event.utc_ns, self._run_id)
            except StoreError as fault:
                self.fault = fault
                self._retry_at = monotonic() + self.RETRY_S
                return written
            self._waiting.popleft()
            written.append((row_id, event))
        self.fault = None
        return written
