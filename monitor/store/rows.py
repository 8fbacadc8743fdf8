"""Readings as rows of the event log and back."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from monitor.core.events import READING_TYPES, Reading
from monitor.core.text import writable

COLUMNS = "id, run_id, source, topic, utc_ns, fields"

Row = tuple[int, str, str, str, int | None, str]
"""What a SELECT of `COLUMNS` gives."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the log."""

    row_id: int
    """1 or more, in the order of writing."""
    run_id: str
    """The engine's run that wrote it."""
    source: str
    """The file or device."""
    utc_ns: int | None
    """When its span began, nanoseconds since 1970, or None when unknown."""
    reading: Reading


@dataclass(frozen=True, slots=True)
class EventPage:
    """Consecutive events of the log."""

    events: tuple[StoredEvent, ...]
    """Oldest first."""
    through: int
    """The log was read up to this row id."""
    unreadable: int
    """Rows left out because this program cannot read them."""


_decoders: dict[str, msgspec.json.Decoder[Reading]] = {
    kind.topic: msgspec.json.Decoder(kind) for kind in READING_TYPES if kind.logged
}


def to_fields(reading: Reading) -> str:
    """The reading as JSON."""
    try:
        return msgspec.json.encode(reading).decode()
    except UnicodeEncodeError:  # a file name that is not Unicode
        return msgspec.json.encode(writable(reading)).decode()


def from_row(row: Row) -> StoredEvent | None:
    """The event, or None when it is of a kind that this program does not know, or damaged."""
    row_id, run_id, source, topic, utc_ns, fields = row
    decoder = _decoders.get(topic)
    if decoder is None:
        return None
    try:
        return StoredEvent(row_id, run_id, source, utc_ns, decoder.decode(fields))
    except (msgspec.DecodeError, ValueError, TypeError):
        return None
