"""What the bus needs of an event log, and the log of an engine that keeps none: in memory, bounded, gone at the end."""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.events import Reading


class LoggedEvent(Protocol):
    """A row of the log."""

    @property
    def row_id(self) -> int:
        """1 or more."""
        ...

    @property
    def source(self) -> str:
        """The file or device."""
        ...

    @property
    def utc_ns(self) -> int | None:
        """Nanoseconds since 1970, or None when unknown."""
        ...

    @property
    def reading(self) -> Reading:
        """What was found."""
        ...


class LoggedEvents(Protocol):
    """Rows of the log, oldest first."""

    @property
    def events(self) -> Sequence[LoggedEvent]:
        """Those that could be read."""
        ...

    @property
    def through(self) -> int:
        """The log was read up to this row."""
        ...

    @property
    def unreadable(self) -> int:
        """Rows left out because they could not be read."""
        ...


class Log(Protocol):
    """Where events are kept. Row ids grow by one from 1 and are never given twice."""

    @property
    def log_id(self) -> str:
        """Another one means that row ids mean something else."""
        ...

    @property
    def last_id(self) -> int:
        """Row id of the newest event, 0 when there is none."""
        ...

    def append(self, source: str, reading: Reading, utc_ns: int | None, run_id: str) -> int:
        """Keep an event; its row id once it is safe. Raises StoreError when it cannot be kept."""
        ...

    def page(self, row_id: int, limit: int) -> LoggedEvents:
        """At most `limit` events after `row_id`. Raises StoreError when the log cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class _Row:
    row_id: int
    source: str
    utc_ns: int | None
    reading: Reading


@dataclass(frozen=True, slots=True)
class _Rows:
    events: tuple[_Row, ...]
    through: int
    unreadable: int = 0


class MemoryLog:
    """The newest events of one run, in memory."""

    CAPACITY = 10_000
    """Events kept; older ones are gone, and a subscriber that asks for them is told so."""

    def __init__(self) -> None:
        self.log_id = uuid.uuid4().hex
        self.last_id = 0
        self._rows: deque[_Row] = deque(maxlen=self.CAPACITY)

    def append(self, source: str, reading: Reading, utc_ns: int | None, run_id: str) -> int:
        """Keep an event; returns its row id."""
        del run_id  # there is only one
        self.last_id += 1
        self._rows.append(_Row(self.last_id, source, utc_ns, reading))
        return self.last_id

    def page(self, row_id: int, limit: int) -> _Rows:
        """At most `limit` events after `row_id`."""
        skipped = max(0, row_id - (self.last_id - len(self._rows)))
        rows = tuple(self._rows[index] for index in range(skipped, min(skipped + limit, len(self._rows))))
        return _Rows(rows, rows[-1].row_id if rows else max(row_id, self.last_id))
