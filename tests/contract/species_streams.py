"""Inputs of the stages of known species: windows of samples, what a gate says of them, what a classifier makes of them.

None of them can be cut, so that every size gives the same items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.core.clock import native_index
from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import ENGINE_RATE, SampleWindow, Span
from monitor.species.labels import parse_label
from monitor.species.merge import Hit, WindowHits
from tests.helpers.tiny_species import TONES, tone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LABELS = tuple(parse_label(text, "bird") for text in TONES)


@dataclass(frozen=True)
class SampleWindows:
    """Windows of one second, a tone of another label in each, and silence between."""

    count: int
    rate: int = ENGINE_RATE

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[SampleWindow]:
        first = -(-native_index(at, self.rate) // self.rate)
        pitches = [0.0, *TONES.values()]
        for number in range(self.count):
            samples = 0.3 * tone(pitches[number % len(pitches)], 1.0, self.rate)
            yield SampleWindow(samples.astype(np.float32), _second(first + number), self.rate)

    def end(self, item: SampleWindow) -> int:
        return item.span.end


@dataclass(frozen=True)
class GatedSampleWindows:
    """Windows of one second, and behind each half second what a gate says: quiet, a bird, quiet, a bird for long."""

    count: int

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Any]:
        first = -(-at // ENGINE_RATE)
        generator = np.random.default_rng(17)
        opened: int | None = None
        for number in range(self.count):
            second = _second(first + number)
            yield SampleWindow(generator.standard_normal(40).astype(np.float32), second, ENGINE_RATE)
            active = number % 7 in (3, 4) or number > 30
            yield GateReading(second, 0.9 if active else 0.1, 0.5)
            if active and opened is None:
                opened = second.start
                yield ActivityChange(second, True, 0.9, second)
            elif not active and opened is not None:
                yield ActivityChange(Span(opened, second.start), False, 0.9, Span(opened, opened + ENGINE_RATE))
                opened = None

    def end(self, item: Any) -> int:
        return item.span.end


@dataclass(frozen=True)
class HitWindows:
    """Hits of several labels that come and go, in windows of three seconds."""

    count: int
    hop_s: float

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[WindowHits]:
        hop = round(self.hop_s * ENGINE_RATE)
        first = -(-at // hop)
        generator = np.random.default_rng(19)
        for number in range(self.count):
            values = generator.uniform(0.0, 1.0, len(LABELS))
            values[0] = 0.9 if number > 8 else values[0]
            ranked = sorted(zip(LABELS, values.tolist(), strict=True), key=lambda pair: -pair[1])
            start = (first + number) * hop
            hits = tuple(Hit(label, value) for label, value in ranked if value >= 0.5)
            best = tuple((label.text, value) for label, value in ranked)
            yield WindowHits(Span(start, start + 3 * ENGINE_RATE), hits, best, 0.1)

    def end(self, item: WindowHits) -> int:
        return item.span.end


def _second(number: int) -> Span:
    return Span(number * ENGINE_RATE, (number + 1) * ENGINE_RATE)
