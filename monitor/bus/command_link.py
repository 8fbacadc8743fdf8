"""The subscriber's side of the command socket: requests out, answers in, matched by number."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

import zmq

from monitor.bus.codec import decode_answer, encode_request
from monitor.bus.curve import CurveKeys, require_loopback_or_keys, secure_client
from monitor.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.bus.messages import Answer

Socket: TypeAlias = zmq.Socket[bytes]
Context: TypeAlias = zmq.Context[zmq.Socket[bytes]]


def connected(context: Context, kind: int, address: str, keys: CurveKeys | None) -> Socket:
    """A socket of ours that connects, and connects again, to `address`; BusError when that is none we may use."""
    require_loopback_or_keys(address, keys)
    socket = context.socket(kind)
    socket.linger = 0
    socket.set(zmq.RECONNECT_IVL, 100)
    socket.set(zmq.RECONNECT_IVL_MAX, 2000)
    try:
        if keys is not None:
            secure_client(socket, keys)
        if kind == zmq.DEALER:
            socket.set(zmq.IMMEDIATE, 1)  # a request waits for a connection here, where we can tell that there is none
        socket.connect(address)
    except zmq.ZMQError as fault:
        socket.close()
        raise BusError(
            f"address {address!r}", str(fault), "Write tcp://HOST:PORT, such as tcp://127.0.0.1:5571."
        ) from fault
    except BusError:
        socket.close()
        raise
    return socket


class CommandLink:
    """One DEALER. Answers to requests that nobody waits for any more are left out."""

    def __init__(self, context: Context, address: str, keys: CurveKeys | None) -> None:
        self._context = context
        self._keys = keys
        self.address = address
        self._requests = 0
        self._others: deque[tuple[Answer, list[Sequence[bytes]]]] = deque()
        self.socket = connected(context, zmq.DEALER, address, keys)

    def renew(self) -> None:
        """Connect afresh: a connection whose other end vanished without a word looks alive for many minutes."""
        self.socket.close()
        self._others.clear()
        self.socket = connected(self._context, zmq.DEALER, self.address, self._keys)

    def send(self, name: str, parameters: Mapping[str, object], timeout_s: float = 0.0) -> int:
        """Send a request and return its number; BusError when nobody is there within `timeout_s` seconds."""
        self._requests += 1
        frames = encode_request(self._requests, name, parameters)
        try:
            if not self.socket.poll(max(0, round(timeout_s * 1000)), zmq.POLLOUT):
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
        raise BusError(
            f"engine at {self.address}",
            f"it gave no answer to {name!r} in time",
            "Check that an Auricle engine runs at this address and is not stopped or overloaded.",
        )

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _next(self) -> tuple[Answer, list[Sequence[bytes]]] | None:
        try:
            frames = self.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return decode_answer(frames)

    def _nobody(self) -> BusError:
        remedy = "Start one with `auricle live`, `auricle replay` or `auricle engine`, or correct the address."
        if self._keys is not None:
            remedy += " If it runs there, the keys of the two do not match."
        return BusError(f"engine at {self.address}", "nobody answers there", remedy)
