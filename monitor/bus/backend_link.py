"""The way to a back-end that makes personal classifiers, and its own end of it: one request, one answer.

The protocol is that of the commands (`codec.py`), with the one command `personalize`. CURVE wherever other computers
can reach the address.
"""

from __future__ import annotations

from math import ceil
from time import monotonic
from typing import TYPE_CHECKING, Self, TypeAlias, cast

import msgspec
import structlog
import zmq

from monitor.bus.codec import decode_parameters, decode_request, decode_result, encode_answer, encode_failure
from monitor.bus.command_link import CommandLink, Peer
from monitor.bus.curve import require_loopback_or_keys, secure_server
from monitor.errors import AuricleError, BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.bus.curve import CurveKeys

_Socket: TypeAlias = zmq.Socket[bytes]

PERSONALIZE = "personalize"
"""The command."""

CONNECT_S = 5.0
"""Longest wait for somebody to be there at all."""

LARGEST_REQUEST = 1_000_000
"""Bytes; a longer message ends its connection before it is read."""

BACKEND = Peer("back-end", "Start one with `auricle-train personalize serve`, or correct the address.")

log = structlog.get_logger()


class MixtureSent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of `personalize`."""

    mixture: bytes
    """As `auricle scene personalize send --out` writes it."""


class ClassifierMade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Answer to `personalize`."""

    answer: bytes
    """As `auricle-train personalize run --out` writes it."""


def ask_backend(
    address: str,
    mixture: bytes,
    *,
    keys: CurveKeys | None = None,
    timeout_s: float,
    waiting: Callable[[], object] | None = None,
) -> bytes:
    """Send a mixture and wait for the classifier; `waiting` is called now and then meanwhile.

    Raises BusError when nobody is there, when the other side refuses (with its reason), when the keys do not fit or
    are missing, and without an answer within `timeout_s` seconds.
    """
    context: zmq.Context[_Socket] = zmq.Context()
    try:
        link = CommandLink(context, address, keys, BACKEND)
        deadline = monotonic() + timeout_s
        number = link.send(PERSONALIZE, {"mixture": mixture}, min(CONNECT_S, timeout_s))
        while (left := deadline - monotonic()) > 0:
            if waiting:
                waiting()
            link.socket.poll(ceil(min(left, 0.2) * 1000), zmq.POLLIN)
            received = link.receive()
            if received is None and not link.connected:
                why = "it went away before it answered"
                raise BusError(f"back-end at {address}", why, "Look what became of it, and send the mixture again")
            if received is None or received[0].request_id != number:
                continue
            failure = received[0].failure
            if failure is not None:
                raise BusError(failure.what, failure.why, failure.remedy)
            return decode_result(received[0], ClassifierMade).answer
        raise BusError(
            f"back-end at {address}",
            f"it is there, but gave no answer within {timeout_s:g} s",
            "It may be busy with another device: try later, or give it more time with --timeout",
        )
    finally:
        context.destroy(linger=0)


class BackendServer:
    """Binds an address; port `*` takes a free one, see `address`. One request is worked on at a time, others wait.

    Raises BusError when the address is in use, is none, or could be reached from other computers and there are no keys.
    """

    def __init__(self, address: str, keys: CurveKeys | None = None) -> None:
        require_loopback_or_keys(address, keys)
        self._context: zmq.Context[_Socket] = zmq.Context()
        self._router: _Socket = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.set(zmq.MAXMSGSIZE, LARGEST_REQUEST)
        try:
            if keys is not None:
                secure_server(self._router, keys)
            self._router.bind(address)
        except zmq.ZMQError as fault:
            self._context.destroy(linger=0)
            remedy = "Use another address, such as tcp://127.0.0.1:7320, or stop what is there"
            raise BusError(f"address {address!r}", str(fault), remedy) from fault
        self.address = cast("bytes", self._router.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
        """Where it was bound."""

    def serve(self, timeout_s: float, make: Callable[[bytes], bytes]) -> bool:
        """Wait for a request and answer it with what `make` returns for its mixture; whether one came.

        An AuricleError of `make` goes back to who asked. So does any other failure: it is logged, and the next one is
        served.
        """
        if not self._router.poll(ceil(timeout_s * 1000), zmq.POLLIN):
            return False
        peer, *frames = self._router.recv_multipart()
        self._router.send_multipart([peer, *_answer(frames, make)])
        return True

    def close(self) -> None:
        """Let go of the address; an answer on its way has a second."""
        self._context.destroy(linger=1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(frames: list[bytes], make: Callable[[bytes], bytes]) -> list[bytes]:
    request_id = 0
    try:
        request = decode_request(frames)
        request_id = request.request_id
        if request.name != PERSONALIZE:
            why = "this is a back-end of sound classes, which does not know it"
            raise BusError(f"command {request.name[:40]!r}", why, f"It knows {PERSONALIZE!r} only")
        made = make(decode_parameters(request, MixtureSent).mixture)
        return encode_answer(request_id, ClassifierMade(made))
    except AuricleError as fault:
        return encode_failure(request_id, fault.what, fault.why, fault.remedy)
    except Exception as fault:  # not swallowed: logged, and told to whoever asked
        log.error("a request failed", exc_info=fault)
        return encode_failure(request_id, "the back-end", f"it failed: {fault}", "Its log has the details")
