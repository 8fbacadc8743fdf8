"""The subscriber's side of the command socket: requests out, answers in, matched by number."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import zmq

from monitor.bus.codec import decode_answer, encode_request
from monitor.bus.connection_watch import ConnectionWatch
from monitor.bus.curve import CurveKeys, require_loopback_or_keys, secure_client
from monitor.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.bus.messages import Answer

Socket: TypeAlias = zmq.Socket[bytes]
Context: TypeAlias = zmq.Context[zmq.Socket[bytes]]


class Peer(NamedTuple):
    """Who should be there, for messages."""

    name: str
    start: str
    """What to do where nobody is."""


ENGINE = Peer("engine", "Start one with `auricle live` or `auricle engine`, or correct the address.")


def new_socket(context: Context, kind: int, address: str, keys: CurveKeys | None) -> Socket:
    """A socket of ours that may connect to `address`; BusError when that is none that we may use."""
    require_loopback_or_keys(address, keys)
    socket = context.socket(kind)
    socket.linger = 0
    socket.set(zmq.RECONNECT_IVL, 100)
    socket.set(zmq.RECONNECT_IVL_MAX, 2000)
    if keys is not None:
        try:
            secure_client(socket, keys)
        except BusError:
            socket.close()
            raise
    return socket


def connect(socket: Socket, address: str) -> None:
    """Have it connect, and connect again whenever the other end comes back; BusError when that is no address."""
    try:
        socket.connect(address)
    except zmq.ZMQError as fault:
        socket.close()
        raise BusError(
            f"address {address!r}", str(fault), "Write tcp://HOST:PORT, such as tcp://127.0.0.1:5571."
        ) from fault


class CommandLink:
    """One DEALER. Answers to requests that nobody waits for any more are left out."""

    def __init__(self, context: Context, address: str, keys: CurveKeys | None, peer: Peer = ENGINE) -> None:
        self._context = context
        self._peer = peer
        self._keys = keys
        self.address = address
        self._requests = 0
        self._others: deque[tuple[Answer, list[Sequence[bytes]]]] = deque()
        self._open()

    @property
    def connected(self) -> bool:
        """Whether the other end is there now."""
        return self._watch.up()

    def renew(self) -> None:
        """Connect afresh, and forget what was not sent or answered yet.

        For a connection whose other end vanished without a word, which looks alive for many minutes; and after a
        request that got no answer, so that the engine does not find it there when it comes back.
        """
        self.close()
        self._others.clear()
        self._open()

    def send(self, name: str, parameters: Mapping[str, object], timeout_s: float = 0.0) -> int:
        """Send a request and return its number; BusError when nobody is there within `timeout_s` seconds."""
        self._requests += 1
        frames = encode_request(self._requests, name, parameters)
        try:
            if not self._watch.up(timeout_s):
                raise self._nobody()
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            raise self._nobody() from None
        return self._requests

    def receive(self) -> tuple[Answer, list[Sequence[bytes]]] | None:
        """The next answer, or None when there is none yet; BusError when it is no answer of this protocol."""
        return self._others.popleft() if self._others else self._next()

    def ask(
        self, name: str, parameters: Mapping[str, object], timeout_s: float
    ) -> tuple[Answer, list[Sequence[bytes]]]:
        """Send a request and wait for its answer; other answers are kept for `receive`.

        Raises BusError when the engine refuses, when nobody is there, or without an answer within `timeout_s` seconds.
        """
        deadline = monotonic() + timeout_s
        number = self.send(name, parameters, timeout_s)
        while (left := deadline - monotonic()) > 0:
            if not self.socket.poll(round(left * 1000) + 1, zmq.POLLIN):
                continue
            received = self._next()
            if received is None:
                continue
            if received[0].request_id == number:
                failure = received[0].failure
                if failure is not None:
                    raise BusError(failure.what, failure.why, failure.remedy)
                return received
            self._others.append(received)
        self.renew()
        raise BusError(
            f"{self._peer.name} at {self.address}",
            f"it gave no answer to {name!r} in time",
            "Check that an Auricle engine runs at this address and is not stopped or overloaded.",
        )

    def close(self) -> None:
        """Close the socket."""
        self._watch.close()
        self.socket.close()

    def _open(self) -> None:
        self.socket = new_socket(self._context, zmq.DEALER, self.address, self._keys)
        self._watch = ConnectionWatch(self.socket)
        connect(self.socket, self.address)

    def _next(self) -> tuple[Answer, list[Sequence[bytes]]] | None:
        try:
            frames = self.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return decode_answer(frames)

    def _nobody(self) -> BusError:
        what = f"{self._peer.name} at {self.address}"
        if self._watch.refused:
            return BusError(
                what,
                "something is there, but does not let us in",
                "Give both sides matching CURVE keys (`auricle keys new`), or correct the address.",
            )
        return BusError(what, "nobody answers there", self._peer.start)
