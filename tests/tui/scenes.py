"""Streams of bus messages for the screen: deterministic, no engine needed."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.bus.messages import Delivery, Snapshot
from monitor.core.clock import NANOSECONDS
from monitor.core.events import (
    ActivityChange,
    BranchCondition,
    BranchHealth,
    GateReading,
    Health,
    LevelReading,
    SourceCondition,
    SourceState,
    Spectrum,
    StreamGap,
    TagDetection,
)
from monitor.core.types import ENGINE_RATE, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.bus.messages import Message
    from monitor.core.events import Reading

START_NS = 1_778_398_200 * NANOSECONDS
"""2026-05-10T07:30:00Z."""
COLUMN = 4_800
BANDS = 64
CALLS = ((3.0, 5.2), (8.4, 12.0), (17.0, 18.1), (22.6, 27.4))
"""When the bird calls, seconds of every 30."""


def s(value: float) -> int:
    """Engine index of a second."""
    return round(value * ENGINE_RATE)


class InProcessFeed:
    """The client's interface, without sockets: gives what it was given, then what is put in."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages = deque(messages)
        self._came = threading.Event()
        self.closed = False
        self.commands: list[tuple[str, dict[str, object]]] = []
        self.answers: dict[str, object] = {}
        """What a command is answered; an exception is raised."""
        self.failure: Exception | None = None

    def put(self, *messages: Message) -> None:
        self._messages.extend(messages)
        self._came.set()

    def messages(self, timeout_s: float) -> list[Message]:
        if not self._messages and self.failure is None:
            self._came.wait(timeout_s)
        self._came.clear()
        if self.failure is not None:
            raise self.failure
        return [self._messages.popleft() for _ in range(min(1000, len(self._messages)))]

    @property
    def messages_left(self) -> int:
        return len(self._messages)

    def command(self, name: str, /, timeout_s: float = 5.0, **parameters: object) -> Any:
        self.commands.append((name, parameters))
        answer = self.answers.get(name, parameters)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True


class Scene:
    """Messages of one source, second by second."""

    def __init__(self, name: str = "garden-mic", start_ns: int | None = START_NS) -> None:
        self.name = name
        self._start_ns = start_ns
        self._event_id = 0

    def tell(self, reading: Reading) -> Delivery:
        utc = None if self._start_ns is None else self._start_ns + reading.span.start * NANOSECONDS // ENGINE_RATE
        event_id = None
        if reading.logged:
            self._event_id += 1
            event_id = self._event_id
        return Delivery(self.name, utc, event_id, reading)

    def state(
        self, state: SourceCondition, at_s: float = 0.0, detail: str = "", *, synthetic: bool = False
    ) -> Delivery:
        return self.tell(SourceState(Span(s(at_s), s(at_s)), state, detail, synthetic))

    def gap(self, start_s: float, end_s: float, reason: str = "the device lost audio") -> Delivery:
        return self.tell(StreamGap(Span(s(start_s), s(end_s)), s(end_s - start_s), True, reason))

    def onset(self, start_s: float, probability: float = 0.71) -> Delivery:
        window = Span(s(start_s), s(start_s + 1))
        return self.tell(ActivityChange(window, True, probability, window))

    def silence(self, start_s: float, end_s: float, probability: float = 0.93) -> Delivery:
        peak = Span(s(start_s), s(start_s + 1))
        return self.tell(ActivityChange(Span(s(start_s), s(end_s)), False, probability, peak))

    def tag(
        self,
        label: str | None,
        start_s: float,
        end_s: float,
        score: float = 0.93,
        *,
        provisional: bool = False,
        continues: bool = False,
    ) -> Delivery:
        span = Span(s(start_s), s(end_s))
        return self.tell(TagDetection(span, label, score, score / 2, None, provisional, continues))

    def called(self, label: str | None, start_s: float, end_s: float, score: float = 0.93) -> list[Delivery]:
        """A call from its onset to its final tag."""
        return [
            self.onset(start_s),
            self.tag(label, start_s, start_s + 1, score, provisional=True),
            self.silence(start_s, end_s),
            self.tag(label, start_s, end_s, score),
        ]

    def health(
        self, at_s: float, *, heard: float = 1.0, lost: int = 0, branches: tuple[BranchHealth, ...] | None = None
    ) -> Delivery:
        running = (BranchHealth("birds", BranchCondition.RUNNING, 0.01, 0),)
        span = Span(s(max(0.0, at_s - 1)), s(at_s))
        return self.tell(Health(span, 62.4, 0.21, heard, lost, 0, running if branches is None else branches))

    def listen(self, start_s: float, end_s: float, *, birds: bool = True) -> Iterator[Delivery]:
        """Everything that a second of listening brings, from one moment to another."""
        for column in range(s(start_s) // COLUMN, s(end_s) // COLUMN):
            at = column * COLUMN
            now = at / ENGINE_RATE
            loud = _calling(now)
            yield self.tell(Spectrum(Span(at, at + COLUMN), self._levels(now), 16_000.0))
            if column % 2 == 1:
                span = Span(at - COLUMN, at + COLUMN)
                yield self.tell(LevelReading(span, -46.0 + 14 * loud, -31.0 + 15 * loud, 0))
            if birds and column % 5 == 4 and column >= 9:
                span = Span(at + COLUMN - s(1.0), at + COLUMN)
                yield self.tell(GateReading(span, 0.05 + 0.06 * (column % 3) + 0.8 * _calling(now - 0.5), 0.5))
            if birds:
                for first, last in CALLS:
                    base = now // 30 * 30
                    if column == round((base + first + 0.5) * 10):
                        yield self.onset(base + first)
                    if column == round((base + last + 0.5) * 10):
                        yield self.silence(base + first, base + last)
            if column % 10 == 9:
                yield self.health(now + 0.1)

    def _levels(self, now: float) -> np.ndarray:
        """Wind below, a hum, insects above, and a bird with a harmonic."""
        bands = np.arange(BANDS)
        levels = -70.0 - 0.12 * bands + 12.0 * np.exp(-bands / 4.0) + _noise(now)
        levels += 7.0 * np.exp(-(((bands - 46) / 5.0) ** 2)) * (0.6 + 0.4 * np.sin(now))
        levels[1] = max(levels[1], -52.0)
        if _calling(now):
            for harmonic, strength in ((1, 34.0), (2, 18.0)):
                centre = harmonic * (15.0 + 5.0 * np.sin(2 * np.pi * 0.9 * now) + 3.0 * np.sin(2 * np.pi * 3.1 * now))
                levels += strength * np.exp(-(((bands - centre) / 1.2) ** 2))
        return np.clip(levels, -90.0, 0.0).astype(np.float32)


def _noise(now: float) -> np.ndarray:
    """Within 4 dB, the same on every machine and with every numpy."""
    mixed = np.arange(BANDS, dtype=np.uint64) * np.uint64(104_729) + np.uint64(round(now * 10) * 7_919)
    for _ in range(2):
        mixed = ((mixed >> np.uint64(15)) ^ mixed) * np.uint64(0x45D9F3B) & np.uint64(0xFFFFFFFF)
    return (mixed / 2**31 - 1.0) * 4.0


def joined(*deliveries: Delivery) -> Snapshot:
    """What a subscriber is told first."""
    states = tuple(one for one in deliveries if isinstance(one.reading, SourceState))
    return Snapshot("run", "0.1.0", 0, (), states, ())


def species() -> list[Message]:
    """Species that were enrolled, one of which sings now, and a bird that is none of them."""
    scene = Scene()
    sung = (("robin", 0.88), ("great tit", 0.93), (None, 0.21), ("Collared Flycatcher of the North", 0.997))
    messages: list[Message] = [scene.state(SourceCondition.LISTENING)]
    for reading in scene.listen(0, 95):
        messages.append(reading)
        if isinstance(reading.reading, ActivityChange):
            start_s, end_s = (at / ENGINE_RATE for at in (reading.reading.span.start, reading.reading.span.end))
            label, score = sung[round(start_s) % 7 % 4]
            messages.append(scene.tag(label, start_s, end_s, score, provisional=reading.reading.active))
    return messages


def many_species(count: int = 50) -> list[Message]:
    """More species than any panel shows."""
    scene = Scene()
    messages: list[Message] = [scene.state(SourceCondition.LISTENING), *scene.listen(0, 2)]
    for number in range(count):
        start_s = 2.0 + 2 * number
        messages += scene.called(f"species number {number}", start_s, start_s + 1.5)
    return [*messages, *scene.listen(2 + 2 * count, 4 + 2 * count)]


def _calling(now: float) -> float:
    return float(any(first <= now % 30 < last and (now * 2.3) % 1 < 0.8 for first, last in CALLS))


def garden(until_s: float = 41.0) -> list[Message]:
    """A live microphone with birds."""
    scene = Scene()
    starting, listening = scene.state(SourceCondition.STARTING), scene.state(SourceCondition.LISTENING)
    return [joined(listening), starting, listening, *scene.listen(0, until_s)]


def gap() -> list[Message]:
    scene = Scene()
    return [
        scene.state(SourceCondition.LISTENING),
        *scene.listen(0, 30),
        scene.gap(30, 33.4),
        *(one for one in scene.listen(33.5, 41) if not isinstance(one.reading, Health)),
        scene.health(41, heard=0.91707, lost=s(3.4)),
    ]


def lost() -> list[Message]:
    scene = Scene()
    return [
        scene.state(SourceCondition.LISTENING),
        *scene.listen(0, 38),
        scene.state(
            SourceCondition.LOST, 38, "the microphone was unplugged; plug it in again, it is picked up by itself"
        ),
    ]


def demo() -> list[Message]:
    scene = Scene("soundscape", None)
    return [scene.state(SourceCondition.LISTENING, synthetic=True), *scene.listen(0, 83.5)]


def ended() -> list[Message]:
    scene = Scene("20260510_073000.wav")
    return [
        scene.state(SourceCondition.LISTENING),
        *scene.listen(0, 60),
        scene.state(SourceCondition.ENDED, 60),
    ]
