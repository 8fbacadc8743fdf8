"""Where a subscriber stands: which events it has, and how many live readings passed it by. No sockets, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class EventCursor:
    """Row ids of one event log: what was delivered, and what is known to exist."""

    def __init__(self, position: int) -> None:
        self.position = position
        """Every event up to this row id was delivered, or is known to be gone."""
        self.newest = position
        """The highest row id heard of."""

    @property
    def behind(self) -> int:
        """Events known to exist and not yet delivered."""
        return self.newest - self.position

    def note(self, last_event_id: int) -> None:
        """The log is known to reach so far."""
        self.newest = max(self.newest, last_event_id)

    def offer(self, event_id: int) -> bool:
        """Whether an event that just came is the next one. If not, it is old, or comes again in a page."""
        self.note(event_id)
        if event_id != self.position + 1:
            return False
        self.position = event_id
        return True

    def page(self, event_ids: Sequence[int], through: int) -> tuple[list[int], int]:
        """Take a page of the log that was read up to `through`.

        Returns the indices into `event_ids` (ascending) of those to deliver, and how many events in between do not
        exist any more.
        """
        before = self.position
        wanted = [index for index, event_id in enumerate(event_ids) if before < event_id <= through]
        self.position = max(before, through)
        if self.position == before:
            self.newest = before  # what was heard of does not exist (any more): do not ask for it for ever
        self.note(self.position)
        return wanted, self.position - before - len(wanted)


class LiveSequence:
    """Sequence numbers of the live readings of one run: delivered plus missed is what was published since joining."""

    def __init__(self, last: int) -> None:
        self._last = last

    def reading(self, sequence: int) -> int | None:
        """A live reading came: how many were lost before it, or None when it is older than what is known."""
        if sequence <= self._last:
            return None
        lost, self._last = sequence - self._last - 1, sequence
        return lost

    def told(self, sequence: int) -> int:
        """Something else tells that the engine has published so many: how many of them were lost."""
        lost, self._last = max(0, sequence - self._last), max(sequence, self._last)
        return lost
