"""The engine's end of the bus: readings out (PUB), commands in and answers out (ROUTER), driven by the engine's loop.

It has no thread. `publish` never waits for a subscriber: for one that does not read, messages queue up to a limit and
are dropped after it, and the sequence numbers tell. Events are in the log before they are published.
"""

from __future__ import annotations

import errno
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias, TypeVar, cast

import zmq

from monitor.bus.codec import (
    decode_parameters,
    decode_request,
    encode,
    encode_answer,
    encode_failure,
    encode_heartbeat,
)
from monitor.bus.curve import CurveKeys, require_loopback_or_keys, secure_server
from monitor.bus.event_log import MemoryLog
from monitor.bus.live_state import LiveState
from monitor.bus.messages import EventPage, EventsSince, Heartbeat, Hello, NoParameters, SnapshotCounts
from monitor.bus.outbox import Event, Outbox
from monitor.errors import AuricleError, BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.bus.event_log import Log
    from monitor.bus.live_state import Told
    from monitor.bus.messages import Request
    from monitor.core.events import Reading

_Socket: TypeAlias = zmq.Socket[bytes]
_Parameters = TypeVar("_Parameters")

HEARTBEAT_S = 1.0
"""Seconds between heartbeats."""
PUBLISHER_QUEUE = 5000
"""Messages that wait here for a subscriber that does not read, before the network's own buffers fill and after."""
_PAGE_LIMIT = 500
_REQUESTS_AT_A_TIME = 8
_LAST_WORDS_MS = 1000
"""How long `close` may take to hand over what is queued."""


class Addresses(NamedTuple):
    """Where a server was bound, ports resolved."""

    readings: str
    commands: str


class BusServer:
    """Binds both addresses at once; port 0 or `*` takes a free one, see `addresses`.

    Without a `log`, events are kept in memory for subscribers that come later. Raises BusError when an address is in
    use, is none, or could be reached from other computers and there are no `keys`.
    """

    def __init__(
        self,
        readings_address: str,
        commands_address: str,
        run_id: str,
        log: Log | None = None,
        *,
        keys: CurveKeys | None = None,
        version: str | None = None,
    ) -> None:
        self._log: Log = MemoryLog() if log is None else log
        self._run_id = run_id
        self._version = _installed() if version is None else version
        self._began_after = self._log.last_id
        self._outbox = Outbox(self._log, run_id)
        self._state = LiveState()
        self._sequence = 0
        self._beat_at = 0.0
        self._closed = False
        self._commands: dict[str, tuple[type[Any], Callable[[Any], object]]] = {}
        self._context: zmq.Context[_Socket] = zmq.Context()
        try:
            self._publisher = self._bound(zmq.PUB, readings_address, keys)
            self._router = self._bound(zmq.ROUTER, commands_address, keys)
        except BusError:
            self._context.destroy(linger=0)
            raise
        self.addresses = Addresses(_endpoint(self._publisher), _endpoint(self._router))
        """Where it was bound."""

    @property
    def log_fault(self) -> str:
        """Why the event log cannot be written, in the user's words; empty when it can. Heartbeats carry it too."""
        fault = self._outbox.fault
        if fault is None:
            return ""
        return f"{fault.what}: {fault.why}. {self._outbox.waiting} events wait in memory, {self._outbox.lost} are lost."

    def sockets(self) -> tuple[_Socket]:
        """The sockets that `serve` waits for, for a poller that has others too; then call `serve(0)`."""
        return (self._router,)

    def on(
        self,
        name: str,
        handler: Callable[[_Parameters], object],
        parameters: type[_Parameters] | type[NoParameters] = NoParameters,
    ) -> None:
        """Answer the command `name` with what `handler` returns (plain values); it runs inside `serve`.

        `parameters` is a msgspec struct or dataclass that checks what came. An AuricleError of the handler goes back to
        who asked; any other exception is a fault of the program and leaves `serve`.
        """
        self._commands[name] = (parameters, handler)

    def publish(self, source: str, reading: Reading, utc_ns: int | None) -> None:
        """Tell all subscribers; an event is written to the log first. Never waits for a subscriber.

        While the log cannot be written, events wait (see `log_fault`) and are published when it can.
        """
        if reading.logged:
            self._send_events(self._outbox.put(Event(source, reading, utc_ns)))
        else:
            self._sequence += 1
            self._send(source, utc_ns, None, reading)
        self._beat_if_due()

    def serve(self, timeout_s: float) -> None:
        """Answer commands: waits up to `timeout_s` seconds for one and returns as soon as what came is answered."""
        deadline = monotonic() + timeout_s
        while True:
            self._beat_if_due()
            now = monotonic()
            wait_s = max(0.0, min(deadline, self._beat_at) - now)
            if self._router.poll(ceil(wait_s * 1000), zmq.POLLIN):
                self._answer_requests()
                return
            if monotonic() >= deadline:
                return

    def close(self) -> None:
        """Say goodbye and let go of both addresses; may take a second where a subscriber does not read."""
        if self._closed:
            return
        self._closed = True
        self._send_events(self._outbox.write(at_once=True))
        self._beat(closing=True)
        self._context.destroy(linger=_LAST_WORDS_MS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------------- readings out

    def _send_events(self, events: list[tuple[int, Event]]) -> None:
        for row_id, event in events:
            self._send(event.source, event.utc_ns, row_id, event.reading)

    def _send(self, source: str, utc_ns: int | None, event_id: int | None, reading: Reading) -> None:
        self._publisher.send_multipart(self._frames((source, utc_ns, event_id, reading)))
        self._state.note(source, utc_ns, event_id, reading)

    def _frames(self, told: Told) -> list[bytes]:
        source, utc_ns, event_id, reading = told
        return encode(
            reading, run_id=self._run_id, sequence=self._sequence, source=source, utc_ns=utc_ns, event_id=event_id
        )

    def _beat_if_due(self) -> None:
        if monotonic() >= self._beat_at:
            self._send_events(self._outbox.write())
            self._beat()

    def _beat(self, *, closing: bool = False) -> None:
        heartbeat = Heartbeat(self._log.last_id, self.log_fault, self._outbox.waiting, self._outbox.lost, closing)
        self._publisher.send_multipart(encode_heartbeat(heartbeat, run_id=self._run_id, sequence=self._sequence))
        self._beat_at = monotonic() + HEARTBEAT_S

    # ----------------------------------------------------------------------------------------------- commands in

    def _answer_requests(self) -> None:
        for _ in range(_REQUESTS_AT_A_TIME):
            try:
                peer, *frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._router.send_multipart([peer, *self._answer(frames)])

    def _answer(self, frames: list[bytes]) -> list[bytes]:
        request_id = 0
        try:
            request = decode_request(frames)
            request_id = request.request_id
            return self._carry_out(request)
        except AuricleError as fault:
            return encode_failure(request_id, fault.what, fault.why, fault.remedy)

    def _carry_out(self, request: Request) -> list[bytes]:
        match request.name:
            case "hello":
                return encode_answer(request.request_id, self._hello())
            case "ping":
                self._beat()
                return encode_answer(request.request_id, None)
            case "snapshot":
                return self._snapshot(request)
            case "events":
                return self._events(request)
            case name if name in self._commands:
                kind, handler = self._commands[name]
                return encode_answer(request.request_id, handler(decode_parameters(request, kind)))
            case name:
                raise BusError(
                    f"command {name[:40]!r}",
                    "this engine does not know it",
                    f"It knows {', '.join(sorted({'events', 'hello', 'ping', 'snapshot', *self._commands}))}.",
                )

    def _hello(self) -> Hello:
        return Hello(
            self._run_id,
            self._version,
            self.addresses.readings,
            self._log.log_id,
            self._began_after,
            self._log.last_id,
        )

    def _snapshot(self, request: Request) -> list[bytes]:
        live, states, open_activities = self._state.live, self._state.states, self._state.open_activities
        numbers = len(live), len(states), len(open_activities)
        counts = SnapshotCounts(self._sequence, self._log.last_id, *numbers, self._state.tallies)
        readings = [frame for told in (*live, *states, *open_activities) for frame in self._frames(told)]
        return encode_answer(request.request_id, counts, readings)

    def _events(self, request: Request) -> list[bytes]:
        wanted = decode_parameters(request, EventsSince)
        page = self._log.page(max(0, wanted.row_id), max(1, min(wanted.limit, _PAGE_LIMIT)))
        readings = [
            frame for row in page.events for frame in self._frames((row.source, row.utc_ns, row.row_id, row.reading))
        ]
        return encode_answer(request.request_id, EventPage(page.through, self._log.last_id, page.unreadable), readings)

    # --------------------------------------------------------------------------------------------------- binding

    def _bound(self, kind: int, address: str, keys: CurveKeys | None) -> _Socket:
        require_loopback_or_keys(address, keys)
        socket = self._context.socket(kind)
        socket.set(zmq.SNDHWM, PUBLISHER_QUEUE)
        socket.set(zmq.TCP_KEEPALIVE, 1)
        if keys is not None:
            secure_server(socket, keys)
        try:
            socket.bind(address)
        except zmq.ZMQError as fault:
            raise _cannot_bind(address, fault) from fault
        return socket


def _installed() -> str:
    try:
        return installed_version("auricle")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"


def _endpoint(socket: _Socket) -> str:
    endpoint = cast("bytes", socket.get(zmq.LAST_ENDPOINT))
    return endpoint.rstrip(b"\0").decode()


def _cannot_bind(address: str, fault: zmq.ZMQError) -> BusError:
    port = address.rpartition(":")[2]
    if fault.errno == errno.EADDRINUSE:
        return BusError(
            f"address {address!r}",
            f"port {port} is in use by another engine or program",
            "Stop that one, or choose another port in the settings.",
        )
    if fault.errno in (errno.EACCES, errno.EPERM):
        return BusError(f"address {address!r}", f"port {port} is not allowed", "Choose a port above 1023.")
    if fault.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
        return BusError(
            f"address {address!r}", "this computer does not have that address", "Use tcp://127.0.0.1:PORT or its own."
        )
    return BusError(f"address {address!r}", str(fault), "Write tcp://127.0.0.1:PORT.")
