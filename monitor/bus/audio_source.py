"""One microphone as the engine sees it: its samples, each once, in order, numbered across restarts of its capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from monitor.core.clock import NANOSECONDS
from monitor.core.events import SourceCondition
from monitor.core.types import AudioBlock
from monitor.errors import BusError

if TYPE_CHECKING:
    from monitor.bus.audio_messages import AudioHeader
    from monitor.core.types import Float32Array

_LONGEST_BACKLOG_NS = 600 * NANOSECONDS
"""Longest ring: audio can be this much older than the moment at which it comes."""
_OUTAGE = "the engine was away or behind for longer than the capture's buffer holds"
_DEVICE = "the device lost audio"
_RESTART = "the capture process was started again"


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """Audio of one source. Say `AudioReceiver.acknowledge` when it has been dealt with."""

    source: str
    block: AudioBlock
    """At the source's own rate, numbered from 0 for as long as this engine runs; see `RateChange`."""
    utc_ns: int
    """When its first sample was captured, by the capture's wall clock."""
    loss_reason: str
    """Why `block.lost_before` samples are missing, in the user's words; empty when none are."""
    non_finite: int
    """Samples in it that were not finite and were replaced by 0."""
    stream: str
    """The stream that `received`, `taken` and `offset` belong to."""
    """Which start of the capture process it came from."""
    end: int
    """Index one past its last sample in that stream."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A source does something else than before."""

    source: str
    condition: SourceCondition
    detail: str
    """In the user's words."""
    index: int
    """Index one past the last sample so far, at `rate`."""
    rate: int
    """Samples a second."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """The blocks of a source that follow have another rate: what depends on it must be built anew.

    The numbering is scaled, so that an index still stands for the same moment of the stream: sample `before_index` at
    rate `before` and sample `index` at `rate` are the same moment, rounded up.
    """

    source: str
    before: int
    """Samples a second, until here."""
    rate: int
    """Samples a second, from here on."""
    before_index: int
    """Index one past the last sample at the old rate."""
    index: int
    """The same moment at the new rate; the next block begins here, or later by its `lost_before`."""


LinkItem: TypeAlias = SourceBlock | SourceNote | RateChange
"""What comes out of the link."""


@dataclass(slots=True)
class Source:
    """What the engine knows of one microphone, and which of its samples it has."""

    name: str
    rate: int
    """Samples a second."""
    owner: str
    """The stream that may speak for it."""
    condition: SourceCondition | None = None
    """What it is doing; None before its first note."""
    detail: str = ""
    overflows: int = 0
    """Times that the device lost audio since its capture process started."""
    underflows: int = 0
    """Times that the device gave zeros instead of audio."""
    duplicates: int = 0
    """Samples that came twice and were dropped the second time."""
    out_of_order: int = 0
    """Blocks dropped because something before them is missing; they are sent again."""
    non_finite: int = 0
    """Samples that were not finite numbers and were replaced by 0."""
    lost: int = 0
    """Samples lost, at the rates of their time."""
    index: int = 0
    """Index one past the last sample delivered, at `rate`."""
    identity: bytes = b""
    """Where its messages come from, for the answers."""
    stream: str = ""
    received: int = 0
    """Stream index one past the last sample received."""
    taken: int | None = None
    """Stream index one past the last sample acknowledged."""
    offset: int = 0
    """What to add to a stream index to get `index`."""
    heard_ns: int = 0
    """When its last message came, by `clock_ns()`."""
    audio_ns: int = 0
    """When its last audio came."""
    end_utc_ns: int = 0
    """When its last sample was captured, by the capture's wall clock."""
    end_clock_ns: int = 0
    """The same by the capture's clock that is never stepped."""
    boot: str = ""
    """Which clock that is."""
    begun: bool = False
    """Whether any audio has come."""

    @property
    def gone(self) -> bool:
        """Whether nobody speaks for it now, so that another capture process may."""
        return self.condition in (SourceCondition.LOST, SourceCondition.ENDED, SourceCondition.FAILED)

    def tell(self, condition: SourceCondition, detail: str) -> list[LinkItem]:
        """It does this now: a note, when that is something else than before."""
        if (condition, detail) == (self.condition, self.detail):
            return []
        self.condition, self.detail = condition, detail
        return [SourceNote(self.name, condition, detail, self.index, self.rate)]

    def take(self, header: AudioHeader, samples: Float32Array, now_ns: int) -> list[LinkItem]:
        """The block, without what came before; nothing when something before it is missing, or all of it came before.

        BusError when the header contradicts itself or the stream.
        """
        _check(self, header)
        items: list[LinkItem] = []
        if self.stream != header.stream:
            if not header.resume:
                self.out_of_order += 1
                return items
            lost, estimated, reason = self._begin(header, now_ns, items)
        elif header.start - header.lost_before > self.received:
            self.out_of_order += 1
            return items
        else:
            lost = max(0, header.start - self.received)
            estimated = header.lost_estimated and lost > 0
            reason = _DEVICE if estimated else _OUTAGE if lost else ""
        known = min(header.frames, max(0, self.received - header.start))
        self.duplicates += known
        if known == header.frames:
            return items
        samples, non_finite = _finite(samples[known:])
        begin, self.received = header.start + known, header.start + header.frames
        block = AudioBlock(samples, begin + self.offset, header.rate, lost, estimated)
        self.index, self.begun, self.audio_ns = block.end, True, now_ns
        self.lost += lost
        self.non_finite += non_finite
        length_ns = header.frames * NANOSECONDS // header.rate
        self.end_utc_ns, self.end_clock_ns = header.utc_ns + length_ns, header.clock_ns + length_ns
        self.boot = header.boot
        utc_ns = header.utc_ns + known * NANOSECONDS // header.rate
        items.append(SourceBlock(self.name, block, utc_ns, reason, non_finite, header.stream, self.received))
        return items

    def _begin(self, header: AudioHeader, now_ns: int, items: list[LinkItem]) -> tuple[int, bool, str]:
        """A stream's first block: the numbering goes on with it. Returns what was lost, whether estimated, why."""
        if self.begun:
            index = -(-self.index * header.rate // self.rate)
            if self.rate != header.rate:
                items.append(RateChange(self.name, self.rate, header.rate, self.index, index))
            lost, estimated, reason = self._lost_before(header, now_ns), True, _RESTART
        else:
            index, lost, estimated = 0, header.lost_before, header.lost_estimated
            reason = _OUTAGE if lost else ""
        self.rate, self.stream = header.rate, header.stream
        self.received, self.taken = header.start, None
        self.offset = index + lost - header.start
        return lost, estimated, reason

    def _lost_before(self, header: AudioHeader, now_ns: int) -> int:
        """Samples, at the new rate, between the last one of the stream before and the first of this, by the clocks."""
        if header.boot and header.boot == self.boot:
            gap_ns = header.clock_ns - self.end_clock_ns
        else:
            gap_ns = header.utc_ns - self.end_utc_ns
        # A wall clock that was set meanwhile can claim years; our own clock knows better.
        elapsed_ns = now_ns - self.audio_ns
        if gap_ns > elapsed_ns + _LONGEST_BACKLOG_NS:
            gap_ns = elapsed_ns
        return max(0, gap_ns) * header.rate // NANOSECONDS


def _check(source: Source, header: AudioHeader) -> None:
    if source.stream == header.stream and source.rate != header.rate:
        raise BusError("audio link", "the rate changed within a stream", "Start the capture again.")
    if header.lost_before > header.start:
        raise BusError("audio link", "a block announces more losses than its index allows", "Start the capture again.")


def _finite(samples: Float32Array) -> tuple[Float32Array, int]:
    finite = np.isfinite(samples)
    non_finite = len(samples) - int(np.count_nonzero(finite))
    return (np.where(finite, samples, np.float32(0.0)) if non_finite else samples), non_finite
