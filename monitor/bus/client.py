"""A subscriber: learns what is going on, then hears everything new; events complete, in order and once.

One thread uses a client: `messages` and `command` never run at the same time.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import zmq

from monitor.bus.codec import decode, decode_result
from monitor.bus.command_link import CommandLink, Context
from monitor.bus.cursor import EventCursor, LiveSequence
from monitor.bus.joining import delivery, join
from monitor.bus.messages import EventPage, Garbled, Heartbeat, Message, Missed, Reconnected, Silent
from monitor.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.bus.curve import CurveKeys
    from monitor.bus.messages import Answer, Hello

_BATCH = 1000
"""Messages taken at a time."""
_PAGE = 500
"""Events asked for at a time."""
_REPEAT_S = 3.0
"""A request for events that was not answered for so long is made again."""
_JOIN_AGAIN_S = 1.0
"""Seconds between attempts to join an engine that is not heard, and what an attempt may take."""
_AWAY_S = 1.0
"""A wait that takes so much longer than it should is our own absence (a frozen process) and not the engine's."""


class BusClient:
    """Connects to an engine at its commands address, such as `tcp://127.0.0.1:5571`.

    Events begin after row `since` of the log, or, without it, with the current run, but not more than `history` of
    them. `silence_s`: seconds without a heartbeat until the engine counts as not heard. Raises BusError when no engine
    answers within `timeout_s` seconds.
    """

    def __init__(
        self,
        commands_address: str,
        *,
        keys: CurveKeys | None = None,
        since: int | None = None,
        history: int = 1000,
        timeout_s: float = 5.0,
        silence_s: float = 4.0,
    ) -> None:
        self._keys = keys
        self._history = history
        self._silence_s = silence_s
        self._context: Context = zmq.Context()
        try:
            self._link = CommandLink(self._context, commands_address, keys)
            joined = join(self._context, self._link, keys, timeout_s)
        except BusError:
            self.close()
            raise
        self._hello = joined.hello
        self._readings = joined.readings
        self._live = LiveSequence(joined.sequence)
        self._cursor = EventCursor(self._first_row(joined.hello) if since is None else since)
        self._cursor.note(joined.snapshot.last_event_id)
        self._ready: list[Message] = [joined.snapshot]
        self._page_request: int | None = None
        self._page_asked_at = 0.0
        self._silent = self._closing = False
        self._garbled = ""
        self._heard_at = self._left_at = monotonic()
        self._joined_at = 0.0

    @property
    def run_id(self) -> str:
        """The engine's run."""
        return self._hello.run_id

    @property
    def engine_version(self) -> str:
        """The engine's version of Auricle."""
        return self._hello.engine_version

    def messages(self, timeout_s: float) -> list[Message]:
        """What came since the last call, in order; waits up to `timeout_s` seconds for the first. May be empty.

        The first call begins with a `Snapshot`. While the engine is not heard a call may take a second longer.
        """
        entered = monotonic()
        self._forgive(entered - self._left_at)
        deadline = entered + timeout_s
        while True:
            self._ask_for_events()
            self._take_what_came(0.0 if self._ready else max(0.0, deadline - monotonic()))
            self._mind_silence()
            if self._ready or monotonic() >= deadline:
                break
        self._left_at = monotonic()
        ready, self._ready = self._ready, []
        return ready

    def command(self, name: str, /, timeout_s: float = 5.0, **parameters: object) -> Any:
        """Have the engine do something; returns what it answers, as plain values (None, numbers, text, lists, maps).

        Raises BusError with the engine's own reason when it refuses, or when nobody answers within `timeout_s` seconds.
        """
        answer, _ = self._link.ask(name, parameters, timeout_s)
        return decode_result(answer, object)

    def close(self) -> None:
        """Let go of the engine, which goes on."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------------- hearing

    def _take_what_came(self, timeout_s: float) -> None:
        readings = self._readings
        poller = zmq.Poller()
        poller.register(readings, zmq.POLLIN)
        poller.register(self._link.socket, zmq.POLLIN)
        wait_s = min(timeout_s, self._silence_s / 4, 0.5)  # short, so that a silence is noticed while it lasts
        began = monotonic()
        poller.poll(round(wait_s * 1000))
        self._forgive(monotonic() - began - wait_s)
        self._take_answers()
        for _ in range(_BATCH):
            if self._readings is not readings:  # joined another run meanwhile
                return
            try:
                self._take(readings.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return

    def _take(self, frames: Sequence[bytes]) -> None:
        try:
            header, content = decode(frames)
        except BusError as fault:
            self._tell_garbled(fault)
            return
        if self._silent or header.run_id != self._hello.run_id:
            self._join_again()
            return
        self._heard_at = monotonic()
        if isinstance(content, Heartbeat):
            self._tell_missed(self._live.told(header.sequence))
            self._cursor.note(content.last_event_id)
            self._closing = content.closing
            self._ready.append(content)
        elif header.event_id is None:
            lost = self._live.reading(header.sequence)
            if lost is not None:
                self._tell_missed(lost)
                self._ready.append(delivery(header, content))
        else:
            self._tell_missed(self._live.told(header.sequence))
            if self._cursor.offer(header.event_id):
                self._ready.append(delivery(header, content))

    def _tell_missed(self, count: int, *, events: bool = False) -> None:
        if count:
            self._ready.append(Missed(count, events))

    def _tell_garbled(self, fault: BusError) -> None:
        """Tell of it once, not as often as it comes."""
        if str(fault) != self._garbled:
            self._garbled = str(fault)
            self._ready.append(Garbled(self._garbled))

    # --------------------------------------------------------------------------------------------------- events

    def _ask_for_events(self) -> None:
        """Ask for the next page of events that are known of and did not come."""
        if not self._cursor.behind or self._silent:
            return
        now = monotonic()
        if self._page_request is not None and now - self._page_asked_at < _REPEAT_S:
            return
        self._page_asked_at = now
        try:
            self._page_request = self._link.send("events", {"row_id": self._cursor.position, "limit": _PAGE})
        except BusError:
            self._page_request = -1  # nobody there; asked again after a while, and the silence will be told of

    def _take_answers(self) -> None:
        while True:
            try:
                received = self._link.receive()
            except BusError as fault:
                self._tell_garbled(fault)
                continue
            if received is None:
                return
            answer, frames = received
            if answer.request_id == self._page_request and answer.failure is None:
                self._page_request = None
                self._take_page(answer, frames)

    def _take_page(self, answer: Answer, frames: list[Sequence[bytes]]) -> None:
        try:
            page = decode_result(answer, EventPage)
            events = [delivery(*decode(three)) for three in frames]
        except BusError as fault:
            self._tell_garbled(fault)
            self._page_request = -1
            return
        self._cursor.note(page.last_event_id)
        wanted, gone = self._cursor.page([event.event_id or 0 for event in events], page.through)
        self._tell_missed(gone, events=True)
        self._ready += [events[index] for index in wanted]

    # -------------------------------------------------------------------------------------------------- silence

    def _forgive(self, late_s: float) -> None:
        """Time in which we did not listen is no silence of the engine."""
        if late_s > _AWAY_S:
            self._heard_at += late_s

    def _mind_silence(self) -> None:
        silent_for = monotonic() - self._heard_at
        if silent_for < self._silence_s:
            return
        if not self._silent:
            self._tell_silent(silent_for)
        elif monotonic() - self._joined_at > _JOIN_AGAIN_S:
            self._join_again()

    def _tell_silent(self, for_s: float) -> None:
        self._silent = True
        self._ready.append(Silent(for_s, self._closing, self._cursor.behind))

    def _join_again(self) -> None:
        """The engine is heard again, or another run is at its address; when that fails, it is tried again later."""
        self._joined_at = monotonic()
        self._page_request = None
        try:
            self._link.renew()  # a connection whose other end vanished without a word looks alive for many minutes
            joined = join(self._context, self._link, self._keys, _JOIN_AGAIN_S)
        except BusError:
            if not self._silent:  # the new run has gone again already
                self._tell_silent(monotonic() - self._heard_at)
            return
        finally:
            self._joined_at = monotonic()
        before, hello = self._hello, joined.hello
        restarted, new_log = hello.run_id != before.run_id, hello.log_id != before.log_id
        self._readings.close()
        self._hello, self._readings = hello, joined.readings
        self._ready.append(Reconnected(hello.run_id, restarted, new_log))
        if new_log:
            self._tell_missed(self._cursor.behind, events=True)
            self._cursor = EventCursor(self._first_row(hello))
        elif restarted:
            # A power cut can take the newest rows with it; the new run then gives their ids to other events.
            self._cursor = EventCursor(min(self._cursor.position, hello.began_after))
        self._cursor.note(joined.snapshot.last_event_id)
        if restarted:
            self._live = LiveSequence(joined.sequence)
        else:
            self._tell_missed(self._live.told(joined.sequence))
        self._ready.append(joined.snapshot)
        self._silent = self._closing = False
        self._garbled = ""
        self._heard_at = monotonic()

    def _first_row(self, hello: Hello) -> int:
        return max(hello.began_after, hello.last_event_id - self._history)
