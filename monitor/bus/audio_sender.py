"""The capture process's end of the audio link: reads behind the ring, which is also what it sends again from."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import zmq

from monitor.audio.intake import boot_id, clock_ns
from monitor.audio.numbering import Numbering
from monitor.audio.ring import RingReader
from monitor.bus.audio_messages import (
    PROTOCOL,
    Acknowledgement,
    AudioHeader,
    CaptureNote,
    decode_acknowledgement,
    encode,
    samples_frame,
)
from monitor.bus.curve import CurveKeys, require_loopback_or_keys, secure_client
from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.core.text import writable
from monitor.errors import BusError

if TYPE_CHECKING:
    from monitor.audio.intake import Intake

MOST_UNACKNOWLEDGED = 8
"""Blocks that may be on their way or in the engine's hands."""
BLOCKS_PER_SECOND = 10
NOTE_EVERY_NS = NANOSECONDS // 2
AWAY_AFTER_NS = 2 * NANOSECONDS
"""Without an answer for this long the engine counts as away, and no audio is sent until it answers a note."""
_WAIT_MS = 20


@dataclass(frozen=True, slots=True)
class _Sent:
    """A block that the engine has not taken yet, and where the sender stood before it."""

    first: int
    """Ring index of its first frame."""
    last: int
    """Ring index one past its last frame."""
    end: int
    """Stream index one past its last sample."""
    before: _Reached
    note: int
    """The first note sent after it; the answer to that tells whether it arrived."""


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far the engine is known to have, or will have, the stream."""

    end: int | None
    """Stream index; None while no engine ever had any of it, so that nothing can be lost to one."""
    device_lost: int
    """Samples before `end` that the device lost."""


class AudioSender:
    """Sends what arrives in `intake` to the engine at `address`, from a thread of its own.

    `report` says what the microphone is doing. An outage of the engine shorter than the ring loses nothing; of a longer
    one the engine learns exactly how many samples are missing. BusError when the address is not allowed or malformed.
    """

    def __init__(self, intake: Intake, address: str, source: str, keys: CurveKeys | None = None) -> None:
        require_loopback_or_keys(address, keys)
        self.address = address
        self.source = writable(source)[:200]
        self.stream = uuid.uuid4().hex
        self.refused = ""
        """Why the engine will not listen now; empty when it does or is away."""
        self.linked = False
        """Whether the engine answers."""
        self.failure: Exception | None = None
        """What ended the thread, other than `finish`."""
        self._intake = intake
        self._block = max(1, intake.rate // BLOCKS_PER_SECOND)
        self._reader = RingReader(intake.ring, 0)
        self._numbering = Numbering(intake)
        self._reached = _Reached(None, 0)
        self._sent: deque[_Sent] = deque()
        self._resume = True
        self._resumed_note = 0
        self._notes = 0
        self._answered = 0
        self._noted_ns = 0
        self._heard_ns = 0
        self._state = (SourceCondition.STARTING, "")
        self._stop = threading.Event()
        self._drain_ns = 0
        self._farewell = (SourceCondition.ENDED, "")
        self._boot = boot_id()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._thread = threading.Thread(target=self._run, name="audio-sender", daemon=True)
        try:
            self._connect(address, keys)
        except (BusError, zmq.ZMQError) as fault:
            self._close()
            if isinstance(fault, BusError):
                raise
            raise BusError(f"address {address!r}", str(fault), "Write tcp://HOST:PORT of the engine.") from fault

    def _connect(self, address: str, keys: CurveKeys | None) -> None:
        self._socket.linger = 0
        self._socket.immediate = True  # queue for a connected engine only: the ring is the queue for any other
        self._socket.sndhwm = 4 * MOST_UNACKNOWLEDGED
        self._socket.reconnect_ivl = 100
        self._socket.reconnect_ivl_max = 2_000
        self._socket.heartbeat_ivl = 1_000
        self._socket.heartbeat_timeout = 5_000
        if keys is not None:
            secure_client(self._socket, keys)
        self._socket.connect(address)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *fault: object) -> None:
        self.finish(SourceCondition.ENDED, "", drain_s=0.0)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def report(self, condition: SourceCondition, detail: str = "") -> None:
        """What the microphone is doing now, in the user's words; a change is told at once."""
        state = (condition, writable(detail)[:1_000])
        if state != self._state:
            self._state = state
            self._noted_ns = 0

    def finish(self, condition: SourceCondition, detail: str = "", drain_s: float = 2.0) -> bool:
        """Send what is left for at most `drain_s` seconds, say goodbye, end; whether the engine took everything."""
        self._drain_ns = clock_ns() + round(drain_s * NANOSECONDS)
        self._farewell = (condition, detail)
        self._stop.set()
        if self._thread.ident is None:
            self._close()
        else:
            self._thread.join()
        return self._all_taken()

    def _close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()

    def _all_taken(self) -> bool:
        return not self._sent and self._reader.position >= self._intake.ring.committed

    def _run(self) -> None:
        try:
            while not (self._stop.is_set() and (self._all_taken() or clock_ns() >= self._drain_ns)):
                self._turn()
            self._say_goodbye()
        except Exception as fault:  # noqa: BLE001 (handed to the main thread, which ends the process with it)
            self.failure = fault
        finally:
            self._close()

    def _turn(self) -> None:
        if self._socket.poll(_WAIT_MS):
            self._hear()
        now = clock_ns()
        if now - self._heard_ns >= AWAY_AFTER_NS:
            self.linked = False
        if now - self._noted_ns >= NOTE_EVERY_NS:
            self._noted_ns = now
            self._send_note()
        while self.linked and len(self._sent) < MOST_UNACKNOWLEDGED and self._send_block():
            pass

    def _say_goodbye(self) -> None:
        self.report(*self._farewell)
        if self.linked and (number := self._send_note()):
            end = clock_ns() + NANOSECONDS // 2
            while clock_ns() < end and self._answered < number:
                if self._socket.poll(_WAIT_MS):
                    self._hear()

    def _send_note(self) -> int:
        """The note's number, 0 when there is nobody to send it to."""
        condition, detail = self._state
        note = CaptureNote(
            PROTOCOL,
            self.source,
            self.stream,
            self._intake.rate,
            self._notes + 1,
            condition,
            detail,
            self._intake.overflows,
            self._intake.underflows,
        )
        if not self._send([encode(note)]):
            return 0
        self._notes += 1
        return self._notes

    def _send_block(self) -> bool:
        flush = self._stop.is_set() or self._state[0] not in (SourceCondition.STARTING, SourceCondition.LISTENING)
        committed = self._numbering.refresh()
        start = max(self._reader.position, self._intake.ring.oldest)
        border = self._numbering.next_loss(start)
        limit = self._block if border is None else min(self._block, border - start)
        if committed - start < limit and not (flush and committed > start):
            return False
        came_from = self._reader.position
        piece = self._reader.read(limit)
        if not len(piece.samples):
            return False
        # A loss that the read itself made may have moved the piece past a loss of the device: cut there.
        border = self._numbering.next_loss(piece.start)
        samples = piece.samples[:, 0] if border is None else piece.samples[: border - piece.start, 0]
        last = self._reader.position = piece.start + len(samples)
        device_lost = self._numbering.lost_until(piece.start)
        begin = piece.start + device_lost
        reached = self._reached
        moment_ns = self._numbering.captured_ns(begin)
        header = AudioHeader(
            protocol=PROTOCOL,
            source=self.source,
            stream=self.stream,
            rate=self._intake.rate,
            start=begin,
            frames=len(samples),
            lost_before=0 if reached.end is None else begin - reached.end,
            lost_estimated=reached.end is not None and device_lost > reached.device_lost,
            resume=self._resume,
            utc_ns=moment_ns + time.time_ns() - clock_ns(),
            clock_ns=moment_ns,
            boot=self._boot,
        )
        if not self._send([encode(header), samples_frame(samples)]):
            self._reader.position = came_from
            return False
        if self._resume:
            self._resume, self._resumed_note = False, self._notes
        self._sent.append(_Sent(piece.start, last, begin + len(samples), reached, self._notes + 1))
        self._reached = _Reached(begin + len(samples), device_lost)
        return True

    def _send(self, frames: list[bytes]) -> bool:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _hear(self) -> None:
        while True:
            try:
                answer = decode_acknowledgement(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            if answer.stream == self.stream:
                self._heard_ns = clock_ns()
                self._answered = max(self._answered, answer.note)
                self.refused = answer.refused
                self.linked = not answer.refused
                if self.linked:
                    self._settle(answer)

    def _settle(self, answer: Acknowledgement) -> None:
        """Let go of what the engine has taken, and go back to what did not arrive."""
        while answer.taken is not None and self._sent and self._sent[0].end <= answer.taken:
            self._numbering.forget(self._sent.popleft().last)
        if not answer.note:
            return
        if answer.received is None:  # an engine that knows nothing of us: all that no engine has taken goes to it
            if answer.note > self._resumed_note:
                self._go_back(0)
                self._resume = True
            return
        for at, block in enumerate(self._sent):
            if block.end > answer.received and block.note <= answer.note:
                self._go_back(at)
                return

    def _go_back(self, at: int) -> None:
        if at < len(self._sent):
            self._reader.position = self._sent[at].first
            self._reached = self._sent[at].before
            while len(self._sent) > at:
                self._sent.pop()
