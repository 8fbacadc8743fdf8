"""How a subscriber joins a run: who is there, then the stream of readings, then what is going on; in this order."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import zmq

from monitor.bus.codec import decode, decode_result
from monitor.bus.command_link import CommandLink, Context, Socket, connect, new_socket
from monitor.bus.messages import Delivery, Heartbeat, Hello, Snapshot, SnapshotCounts
from monitor.errors import BusError

if TYPE_CHECKING:
    from monitor.bus.curve import CurveKeys
    from monitor.bus.messages import Header
    from monitor.core.events import Reading

SUBSCRIBER_QUEUE = 5000
"""Messages that wait here for a subscriber that does not read."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A run that a subscriber has joined."""

    hello: Hello
    readings: Socket
    """Where everything newer than the snapshot arrives."""
    snapshot: Snapshot
    sequence: int
    """Live readings published before the snapshot was taken."""


def join(context: Context, link: CommandLink, keys: CurveKeys | None, timeout_s: float) -> Joined:
    """Join the run of the engine behind `link`.

    Raises BusError when there is none, when its readings do not arrive, or when it does not answer within `timeout_s`.
    """
    deadline = monotonic() + timeout_s
    answer, _ = link.ask("hello", {}, timeout_s)
    hello = decode_result(answer, Hello)
    readings = _subscribe(context, link, keys, hello, deadline)
    try:
        answer, frames = link.ask("snapshot", {}, max(1.0, deadline - monotonic()))
        counts = decode_result(answer, SnapshotCounts)
        told = [delivery(*decode(three)) for three in frames]
    except BusError:
        readings.close()
        raise
    states_at, open_at = counts.live, counts.live + counts.states
    snapshot = Snapshot(
        hello.run_id,
        hello.engine_version,
        counts.last_event_id,
        tuple(told[:states_at]),
        tuple(told[states_at:open_at]),
        tuple(told[open_at:]),
        counts.tallies,
    )
    return Joined(hello, readings, snapshot, counts.sequence)


def delivery(header: Header, content: Reading | Heartbeat) -> Delivery:
    """What a subscriber gets for a message that must be a reading; BusError when it is none."""
    if isinstance(content, Heartbeat):
        raise BusError("an answer", "it carries a heartbeat as a reading", "Update the older of the two programs.")
    return Delivery(header.source, header.utc_ns, header.event_id, content)


def _subscribe(context: Context, link: CommandLink, keys: CurveKeys | None, hello: Hello, deadline: float) -> Socket:
    """Connect to the readings and see them arrive, so that nothing can fall between the snapshot and the stream."""
    address = _reachable(hello.readings_address, link.address)
    readings = new_socket(context, zmq.SUB, address, keys)
    readings.set(zmq.RCVHWM, SUBSCRIBER_QUEUE)
    connect(readings, address)
    try:
        readings.subscribe(b"")
        while (left := deadline - monotonic()) > 0:
            link.ask("ping", {}, left)  # on each, the engine publishes a heartbeat
            if readings.poll(50):
                return readings
        raise BusError(
            f"readings at {address}",
            f"nothing arrives there, although the commands at {link.address} are answered",
            "Let that port through as well, between the two computers.",
        )
    except BusError:
        readings.close()
        raise


def _reachable(bound: str, commands_address: str) -> str:
    """The readings' address as seen from here: the engine knows its port, but not the name by which it is reached."""
    if not (bound.startswith("tcp://") and commands_address.startswith("tcp://")):
        return bound
    return f"{commands_address.rpartition(':')[0]}:{bound.rpartition(':')[2]}"
