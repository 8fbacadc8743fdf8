"""What goes over the bus, and what a subscriber gets from its client.

A published message has three frames: topic, header, array bytes (empty for a reading without an array). A request has
one frame; its answer has one, followed by three for each reading that it carries. All headers are msgpack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from monitor.bus.tallies import SpeciesTally  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from monitor.core.events import Reading

PROTOCOL = 2
"""Version of everything on this page; both sides must have the same one."""

HEARTBEAT = "heartbeat"
"""Topic of the message that is no reading."""


# ---------------------------------------------------------------------------------------------------- on the wire


class ArrayLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read the array frame."""

    dtype: str
    """Always `<f4`: float32, little-endian."""
    shape: tuple[int, ...]
    """Elements along each dimension."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Second frame of a published message."""

    protocol: int
    run_id: str
    """The engine's run; another one means that the engine was started again."""
    sequence: int
    """Live (not logged) readings published in this run, this one included: a jump is a loss, and says how large."""
    source: str
    """The file or device as the user named it; empty in a heartbeat."""
    utc_ns: int | None
    """When the reading's span began, nanoseconds since 1970; None when the recording's start is unknown."""
    event_id: int | None
    """Row of the event log, for readings that are logged; it was committed before this was sent."""
    array: ArrayLayout | None
    """Layout of the third frame; None when that is empty."""
    fields: msgspec.Raw
    """The reading without its array, by field names."""


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command to the engine."""

    protocol: int
    request_id: int
    """Comes back in the answer."""
    name: str
    parameters: msgspec.Raw
    """A map, checked by the command's own type."""


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a command was refused; the three parts of an `AuricleError`."""

    what: str
    why: str
    remedy: str


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """First frame of the engine's answer; three frames follow for each reading."""

    protocol: int
    request_id: int
    """Of the request; 0 when that could not be read."""
    failure: Failure | None
    """None when the command was carried out."""
    result: msgspec.Raw
    """What the command returned; nil on failure."""


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `hello`: who is there."""

    run_id: str
    engine_version: str
    readings_address: str
    """As bound; a subscriber keeps the host that it reached the commands at."""
    log_id: str
    """Row ids of one log count on across runs; those of another log mean something else."""
    began_after: int
    """Row id of the last event before this run, 0 when there was none."""
    last_event_id: int
    """Row id of the newest event, 0 when there is none."""


class SourceTallies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was heard of each species, as of the snapshot's `last_event_id`."""

    source: str
    """The file or device."""
    species: tuple[SpeciesTally, ...]
    """The one heard last comes last."""


class SnapshotCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `snapshot`: how many of the readings that follow are live ones, source states, open activities."""

    sequence: int
    """As in `Header`: newer messages have a higher one."""
    last_event_id: int
    live: int
    states: int
    open_activities: int
    tallies: tuple[SourceTallies, ...]
    """Of the sources of which something was tagged."""


class EventsSince(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `events`: a page of the log, oldest first."""

    row_id: int
    """The page begins after this row, 0 or more."""
    limit: int = 500
    """Rows at most; the engine may give fewer."""


class EventPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `events`; the readings follow."""

    through: int
    """The log was read up to this row: the next page begins here."""
    last_event_id: int
    """Row id of the newest event."""
    unreadable: int = 0
    """Rows of this page that the engine could not read and left out."""


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of a command that takes none."""


# --------------------------------------------------------------------------------------- what a subscriber gets


class Delivery(msgspec.Struct, frozen=True, eq=False):
    """A reading. Those with an `event_id` come complete, in order and once; of the others, some may be lost."""

    source: str
    """The file or device."""
    utc_ns: int | None
    """When its span began, nanoseconds since 1970, or None when unknown."""
    event_id: int | None
    """Row of the event log; None for live readings."""
    reading: Reading


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """What is going on, told on joining and after every `Reconnected`; it replaces what was known before.

    It is state and not news: the events in it come as deliveries too, as far as they lie within the history asked for.
    """

    run_id: str
    engine_version: str
    last_event_id: int
    """Row id of the newest event, 0 when there is none."""
    live: tuple[Delivery, ...]
    """The last reading of each live topic of each source, and what its privacy mode said last."""
    states: tuple[Delivery, ...]
    """The last `SourceState` of each source."""
    open_activities: tuple[Delivery, ...]
    """The `ActivityChange` of each source where a bird is calling now."""
    tallies: tuple[SourceTallies, ...] = ()
    """How often each species was heard, tags up to `last_event_id` counted, also those that no delivery repeats."""


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The engine lives; once a second. The only one of these that goes over the wire as it is."""

    last_event_id: int
    """Row id of the newest event, 0 when there is none."""
    log_fault: str = ""
    """Why the event log cannot be written, in the user's words; empty when it can."""
    waiting: int = 0
    """Events held in memory until the log can be written again; they are published then."""
    events_lost: int = 0
    """Events of this run given up because the log could not be written for too long."""
    closing: bool = False
    """True in the last one of a run that ends by itself."""


class Missed(msgspec.Struct, frozen=True):
    """Live readings were lost on the way to this subscriber, or events are gone from the log."""

    count: int
    """1 or more."""
    events: bool = False
    """False: live readings. True: events that the engine no longer has or could not read."""


class Silent(msgspec.Struct, frozen=True):
    """The engine is not heard; told once, until `Reconnected`."""

    for_s: float
    """Seconds since it was last heard."""
    closed: bool = False
    """True when it had said that it would end."""
    events_behind: int = 0
    """Events that are in its log, as far as is known, and did not get here; they come when it is heard again."""


class Reconnected(msgspec.Struct, frozen=True):
    """The engine is heard again, or another run answers at its address; a `Snapshot` follows."""

    run_id: str
    restarted: bool
    """True when it is another run: stream positions of live readings begin anew."""
    new_log: bool
    """True when event ids begin anew, because it writes another log."""


class Garbled(msgspec.Struct, frozen=True):
    """Something came that is no message of this protocol; it was left out."""

    detail: str
    """What was wrong with it."""


Message = Delivery | Snapshot | Heartbeat | Missed | Silent | Reconnected | Garbled
"""Everything that `BusClient.messages` returns."""
