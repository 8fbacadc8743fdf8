"""The newest audio of each source, held so that a species can be learnt from what was just heard."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples, seconds
from monitor.core.text import writable
from monitor.core.types import ENGINE_RATE, AudioBlock, Span
from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

HELD_S = 120.0
"""Seconds held of each source: 23 MB."""

AROUND = samples(1.0)
"""Engine samples given on each side of what was asked for, so that a call that is cut closely fills its windows."""

SOURCES = 4
"""Sources held; of more (a replay of a folder has thousands) those that began first are let go."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A stretch of audio without a gap in it."""

    samples: Float32Array
    """float32 `(n,)` at the engine rate, owned by whoever asked for it."""
    span: Span
    """What it covers: what was asked for, and up to `AROUND` on each side."""


class AudioHistory:
    """The newest audio of one source, the very blocks that its pipeline takes; nothing is given across a gap."""

    def __init__(self, held: int = samples(HELD_S)) -> None:
        self._held = held
        self._blocks: deque[AudioBlock] = deque()

    @property
    def span(self) -> Span:
        """From the oldest to the newest sample held, gaps included."""
        return Span(self._blocks[0].start, self._blocks[-1].end) if self._blocks else Span(0, 0)

    def append(self, block: AudioBlock) -> None:
        """Hold the newest block, and let go of what is too old; one that goes back begins a new stream.

        Raises ValueError when it is not at the engine rate.
        """
        if block.rate != ENGINE_RATE:
            raise ValueError(f"the history holds audio at {ENGINE_RATE} Hz, not {block.rate}")
        if self._blocks and block.start < self._blocks[-1].end:
            self._blocks.clear()
        self._blocks.append(block)
        while self._blocks[0].end <= block.end - self._held:
            self._blocks.popleft()

    def cut(self, wanted: Span, around: int = AROUND) -> Excerpt:
        """The audio of a span, and up to `around` samples on each side as far as there is no gap.

        What has not come yet is left out. Raises UsageError when it is no longer held, or was lost in part.
        """
        held = self.span
        end = min(wanted.end, held.end)
        if wanted.start >= end:
            raise _refused(wanted, "nothing was heard there", "Choose a call from the list")
        if wanted.start < held.start:
            why = f"its audio is no longer held: only the last {seconds(self._held):.0f} s are"
            raise _refused(wanted, why, "Wait for the next call, or enroll it from a recording")
        run = self._run_at(wanted.start)
        if not run or end > run[-1].end:
            raise _refused(wanted, "audio was lost in it", "Choose another call")
        first, last = max(run[0].start, wanted.start - around), min(run[-1].end, end + around)
        audio = np.concatenate([block.samples for block in run if block.start < last and first < block.end])
        offset = first - next(block.start for block in run if block.end > first)
        found = np.array(audio[offset : offset + last - first])
        return Excerpt(found, Span(first, last))

    def _run_at(self, index: int) -> list[AudioBlock]:
        """The blocks without a gap between them that hold a sample; none when it was lost."""
        run: list[AudioBlock] = []
        for block in self._blocks:
            if run and run[-1].end != block.start:
                if run[-1].end > index:
                    break
                run = []
            run.append(block)
        return run if run and run[0].start <= index < run[-1].end else []


class Histories:
    """The histories of an engine's sources."""

    def __init__(self, held_s: float = HELD_S, sources: int = SOURCES) -> None:
        self.held_s = held_s
        self._sources = sources
        self._by_name: dict[str, AudioHistory] = {}

    def hear(self, source: str, block: AudioBlock) -> None:
        """A source's next block."""
        history = self._by_name.get(source)
        if history is None:
            while len(self._by_name) >= self._sources:
                del self._by_name[next(iter(self._by_name))]
            history = self._by_name[source] = AudioHistory(samples(self.held_s))
        history.append(block)

    @property
    def sources(self) -> tuple[str, ...]:
        """Those held, as subscribers know them; the newest last."""
        return tuple(writable(name) for name in self._by_name)

    def held(self, source: str) -> Span:
        """From the oldest to the newest sample held. Raises UsageError when nothing is held of that source."""
        return self._of(source).span

    def cut(self, source: str, wanted: Span) -> Excerpt:
        """As `AudioHistory.cut`. Raises UsageError also when nothing is held of that source."""
        return self._of(source).cut(wanted)

    def _of(self, source: str) -> AudioHistory:
        # Subscribers know a file name that is no Unicode by how it is spelt out.
        history = next((one for name, one in self._by_name.items() if writable(name) == source), None)
        if history is None:
            remedy = "Choose a source that is being heard"
            raise UsageError(f"source {source}", "no audio of it is held", remedy)
        return history


def _refused(wanted: Span, why: str, remedy: str) -> UsageError:
    return UsageError(f"call at {seconds(wanted.start):.1f} s", why, remedy)
