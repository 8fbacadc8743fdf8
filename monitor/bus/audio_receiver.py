"""The engine's end of the audio link: takes the audio of every microphone, and answers."""

from __future__ import annotations

from contextlib import suppress
from typing import Self, cast

import zmq

from monitor.audio.intake import clock_ns
from monitor.bus.audio_messages import (
    MOST_BYTES,
    PROTOCOL,
    Acknowledgement,
    AudioHeader,
    CaptureNote,
    decode_from_capture,
    encode,
)
from monitor.bus.audio_source import LinkItem, Source, SourceBlock
from monitor.bus.curve import CurveKeys, require_loopback_or_keys, secure_server
from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.errors import BusError

LOST_AFTER_NS = 3 * NANOSECONDS
"""Without a word for this long a capture process counts as gone."""
MOST_SOURCES = 64
MOST_MESSAGES = 256
"""Messages that one `poll` takes at most."""


class AudioReceiver:
    """Takes the audio of all captures at `address`; one thread. Port `*` takes a free one, see `address`.

    Whatever a stranger sends is counted in `faults`, described in `last_fault`, and does no more harm than that.
    BusError when the address is in use, malformed or not allowed.
    """

    def __init__(self, address: str, keys: CurveKeys | None = None) -> None:
        require_loopback_or_keys(address, keys)
        self.sources: dict[str, Source] = {}
        self.faults = 0
        """Messages that were none of this protocol, or contradicted themselves."""
        self.last_fault = ""
        """What was wrong with the last of them."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.maxmsgsize = MOST_BYTES
        self._socket.heartbeat_ivl = 1_000
        self._socket.heartbeat_timeout = 5_000
        try:
            if keys is not None:
                secure_server(self._socket, keys)
            self._socket.bind(address)
        except zmq.ZMQError as fault:
            self.close()
            raise BusError(
                f"address {address!r}",
                f"audio cannot be taken there ({fault})",
                "Stop the other engine, or set `audio` under `[bus]` to another address.",
            ) from fault
        self.address = cast("bytes", self._socket.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
        """Where it is bound, with the port that was chosen."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the address back; what was not acknowledged will be sent to the next engine."""
        self._socket.close(linger=0)
        self._context.term()

    def poll(self, timeout_s: float) -> list[LinkItem]:
        """What has come, after waiting at most `timeout_s` seconds for anything at all."""
        items: list[LinkItem] = []
        if self._socket.poll(max(0, round(timeout_s * 1000))):
            for _ in range(MOST_MESSAGES):
                try:
                    identity, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                items += self._take(identity, frames)
        now = clock_ns()
        for source in self.sources.values():
            if now - source.heard_ns >= LOST_AFTER_NS and not source.gone:
                items += source.tell(SourceCondition.LOST, "nothing comes from its capture process")
        return items

    def acknowledge(self, item: SourceBlock) -> None:
        """The engine has dealt with this block and all before it: the capture need not keep them for another engine."""
        source = self.sources[item.source]
        if item.stream == source.stream and (source.taken is None or item.end > source.taken):
            source.taken = item.end
            self._answer(source, 0)

    def _take(self, identity: bytes, frames: list[bytes]) -> list[LinkItem]:
        try:
            header, samples = decode_from_capture(frames)
            source = self._source(identity, header)
            if source is None:
                return []
            if isinstance(header, AudioHeader):
                return [] if samples is None else source.take(header, samples, clock_ns())
            source.overflows, source.underflows = header.overflows, header.underflows
            self._answer(source, header.number)
            return source.tell(header.condition, header.detail)
        except BusError as fault:
            self.faults += 1
            self.last_fault = str(fault)
            return []

    def _source(self, identity: bytes, header: AudioHeader | CaptureNote) -> Source | None:
        """The source that the message is about; None when another stream speaks for it."""
        now = clock_ns()
        source = self.sources.get(header.source)
        if source is None:
            if isinstance(header, AudioHeader):
                return None  # left over from a connection to the engine before: captures begin with a note
            if len(self.sources) >= MOST_SOURCES:
                raise BusError("audio link", f"more than {MOST_SOURCES} sources", "Use the same names again.")
            source = self.sources[header.source] = Source(header.source, header.rate, header.stream)
        elif source.owner != header.stream:
            if isinstance(header, AudioHeader):
                return None
            if not source.gone and now - source.heard_ns < LOST_AFTER_NS:
                refused = f"another capture process is sending as {header.source!r}"
                refusal = Acknowledgement(PROTOCOL, header.stream, header.number, None, None, refused)
                self._send(identity, refusal)
                return None
            source.owner = header.stream
        source.identity = identity
        source.heard_ns = now
        return source

    def _answer(self, source: Source, note: int) -> None:
        known = source.stream == source.owner
        received, taken = (source.received, source.taken) if known else (None, None)
        self._send(source.identity, Acknowledgement(PROTOCOL, source.owner, note, received, taken))

    def _send(self, identity: bytes, acknowledgement: Acknowledgement) -> None:
        with suppress(zmq.Again):  # it does not read; it will ask again with its next note
            self._socket.send_multipart([identity, encode(acknowledgement)], zmq.NOBLOCK)
