"""Whether a connecting socket has its other end, which ZeroMQ hides: it would queue for nobody, for ever."""

from __future__ import annotations

import struct
from time import monotonic
from typing import TypeAlias

import zmq

_Socket: TypeAlias = zmq.Socket[bytes]

_REFUSED = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH,
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
)


class ConnectionWatch:
    """Watches one socket, from before it connects.

    (zmq.IMMEDIATE would tell too, but throws away unread answers when the other end goes: those of a command to stop.)
    """

    def __init__(self, socket: _Socket) -> None:
        self._socket = socket
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        for event in _REFUSED:
            events |= event
        self._monitor = socket.get_monitor_socket(events)
        self._up = False
        self.refused = False
        """True when something is there, but not one that would talk with us: other keys, or no ZeroMQ."""

    def up(self, timeout_s: float = 0.0) -> bool:
        """Whether the other end is there; waits for it up to `timeout_s` seconds."""
        deadline = monotonic() + timeout_s
        self._take_all()
        while not self._up and (left := deadline - monotonic()) > 0:
            self._monitor.poll(round(left * 1000) + 1)
            self._take_all()
        return self._up

    def close(self) -> None:
        """Stop watching; before the socket is closed."""
        self._socket.disable_monitor()

    def _take_all(self) -> None:
        while True:
            try:
                message = self._monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            (event,) = struct.unpack_from("=H", message[0])
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._up, self.refused = True, False
            elif event == zmq.EVENT_DISCONNECTED:
                self._up = False
            else:
                self._up, self.refused = False, True
