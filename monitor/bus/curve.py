"""Who may speak to us: loopback by default, CURVE keys for anything else, and a list of clients that may come in."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias, cast
from weakref import WeakKeyDictionary

import zmq
import zmq.utils.z85

from monitor.errors import BusError

_Socket: TypeAlias = zmq.Socket[bytes]
_Context: TypeAlias = zmq.Context[zmq.Socket[bytes]]

_ZAP_ADDRESS = "inproc://zeromq.zap.01"
_KEY_LENGTH = 40


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """The CURVE keys of one side of a connection, each 40 characters of Z85."""

    public: bytes
    """Our own public key."""
    secret: bytes
    """Our own secret key."""
    server_public: bytes | None = None
    """The server's public key; what a client needs and a server does not."""
    clients: frozenset[bytes] | None = None
    """Public keys that a server lets in; None lets in whoever knows the server's public key."""

    def __post_init__(self) -> None:
        named = [("public", self.public), ("secret", self.secret), ("server_public", self.server_public)]
        named += [("clients", key) for key in sorted(self.clients or ())]
        for name, key in named:
            if key is not None and not _is_key(key):
                raise BusError(
                    f"CURVE key {name!r}",
                    f"a key is {_KEY_LENGTH} characters of Z85, this one has {len(key)} or others",
                    "Make a pair with `auricle keys new`.",
                )

    def __repr__(self) -> str:
        return f"CurveKeys(public={self.public.decode()!r}, secret=<hidden>)"


def new_keys() -> tuple[bytes, bytes]:
    """A fresh pair (public, secret)."""
    return zmq.curve_keypair()


def is_loopback(address: str) -> bool:
    """Whether nobody outside this computer can reach `address`; BusError when it is no address of ZeroMQ.

    Names other than `localhost` count as outside: what they resolve to can change.
    """
    transport, separator, rest = address.partition("://")
    if not separator or transport not in ("tcp", "ipc", "inproc") or not rest:
        raise BusError(f"address {address!r}", "not of the form tcp://HOST:PORT", "Write tcp://127.0.0.1:PORT.")
    if transport != "tcp":
        return True
    host, separator, port = rest.rpartition(";")[2].rpartition(":")
    if not separator or not host or not (port in ("*", "!") or (port.isascii() and port.isdigit())):
        raise BusError(f"address {address!r}", "host or port is missing", "Write tcp://127.0.0.1:PORT.")
    if not port.isdigit() or int(port) <= 65535:
        host = host.removeprefix("[").removesuffix("]")
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False
    raise BusError(f"address {address!r}", "the port is above 65535", "Write tcp://127.0.0.1:PORT.")


def require_loopback_or_keys(address: str, keys: CurveKeys | None) -> None:
    """Raise BusError when `address` can be reached from outside and there are no keys."""
    if keys is None and not is_loopback(address):
        raise BusError(
            f"address {address!r}",
            "it can be reached from other computers, and no CURVE keys are set",
            "Make keys with `auricle keys new` and name them in the settings, or use tcp://127.0.0.1.",
        )


def secure_server(socket: _Socket, keys: CurveKeys) -> None:
    """Encrypt a socket that is about to bind, and let in only `keys.clients` where they are listed.

    The check of clients is a thread of the socket's context; it ends when the context is terminated.
    """
    socket.curve_server = True
    socket.curve_publickey = keys.public
    socket.curve_secretkey = keys.secret
    if keys.clients is not None:
        domain = uuid.uuid4().hex.encode()
        context = cast("_Context", socket.context)  # pyright: ignore[reportUnknownMemberType]
        _doorkeeper(context).admit(domain, keys.clients)
        socket.zap_domain = domain


def secure_client(socket: _Socket, keys: CurveKeys) -> None:
    """Encrypt a socket that is about to connect; BusError without the server's public key."""
    if keys.server_public is None:
        raise BusError("CURVE keys", "the server's public key is missing", "Copy it from the computer of the engine.")
    socket.curve_serverkey = keys.server_public
    socket.curve_publickey = keys.public
    socket.curve_secretkey = keys.secret


class _Doorkeeper:
    """Answers ZeroMQ's authentication requests (ZAP) of one context."""

    def __init__(self, context: _Context) -> None:
        self._admitted: dict[bytes, frozenset[bytes]] = {}
        # Context.destroy() closes its sockets from another thread, but not those of a shadow: this one closes its own.
        shadow = cast("_Context", zmq.Context.shadow(context.underlying))  # pyright: ignore[reportUnknownMemberType]
        socket = shadow.socket(zmq.REP)
        socket.linger = 0
        socket.bind(_ZAP_ADDRESS)
        threading.Thread(target=self._serve, args=(socket,), name="curve-doorkeeper", daemon=True).start()

    def admit(self, domain: bytes, clients: frozenset[bytes]) -> None:
        self._admitted[domain] = clients

    def _serve(self, socket: _Socket) -> None:
        try:
            while True:
                request = socket.recv_multipart()
                socket.send_multipart(self._answer(request))
        except zmq.ContextTerminated:
            pass  # the context's end is how this thread is told to go
        finally:
            socket.close()

    def _answer(self, request: list[bytes]) -> list[bytes]:
        if len(request) != 7 or request[0] != b"1.0" or request[5] != b"CURVE" or len(request[6]) != 32:
            request_id = request[1] if len(request) > 1 else b""
            return [b"1.0", request_id, b"400", b"CURVE only", b"", b""]
        client = zmq.utils.z85.encode(request[6])
        if client in self._admitted.get(request[2], frozenset()):
            return [b"1.0", request[1], b"200", b"OK", client, b""]
        return [b"1.0", request[1], b"400", b"unknown client key", b"", b""]


_doorkeepers: WeakKeyDictionary[_Context, _Doorkeeper] = WeakKeyDictionary()
_doorkeepers_lock = threading.Lock()


def _doorkeeper(context: _Context) -> _Doorkeeper:
    with _doorkeepers_lock:
        if context not in _doorkeepers:
            _doorkeepers[context] = _Doorkeeper(context)
        return _doorkeepers[context]


def _is_key(key: bytes) -> bool:
    if len(key) != _KEY_LENGTH:
        return False
    try:
        return len(zmq.utils.z85.decode(key)) == 32
    except (KeyError, ValueError, OverflowError):
        return False
