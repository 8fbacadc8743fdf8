"""Input of stages that take sound where others take frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.core.types import ENGINE_RATE, AudioBlock, SampleWindow, Span
from monitor.features.frontend import Frontend
from monitor.features.windows import Windower
from tests.contract.streams import pieces
from tests.helpers.tagging import sounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True)
class SoundWindows:
    """Windows of noise at the engine rate, one every `hop` samples. They cannot be cut."""

    samples: int
    count: int
    hop: int = ENGINE_RATE
    loud_every: int = 1
    """Of so many windows one half is loud, the other nearly silent."""

    def length(self) -> int:
        return self.count

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[SampleWindow]:
        generator = np.random.default_rng(23)
        for number in range(self.count):
            start = at + number * self.hop
            size = 0.1 if number % self.loud_every < (self.loud_every + 1) // 2 else 1e-4
            values = (size * generator.standard_normal(self.samples)).astype(np.float32)
            yield SampleWindow(values, Span(start, start + self.samples), ENGINE_RATE)

    def end(self, item: SampleWindow) -> int:
        return item.span.end


@dataclass(frozen=True)
class GatedSound:
    """Sound at the engine rate and what a gate makes of it, as the tagger gets both: calls, pauses, and a long call.

    Cuts are of seconds in hundredths; the gate's outputs follow the sound that completes them.
    """

    make_gate: Callable[[], Any]
    seconds: float

    def length(self) -> int:
        return round(self.seconds * 100)

    def cut(self, sizes: Iterable[int], at: int) -> Iterator[Any]:
        gate = self.make_gate()
        frontend, windower = Frontend(gate.spec), Windower(gate.spec, gate.cut.frames, gate.cut.hop)
        frontend.reset(at)
        windower.reset(at)
        parts = [(1.0, None), (2.0, 3_000.0), (3.0, None), (1.5, 5_000.0), (2.5, None), (8.0, 4_000.0)]
        sound = sounds(parts)
        for start, end in pieces((min(size, 500) for size in sizes), self.length()):
            block = AudioBlock(sound[start * 480 : end * 480], at + start * 480)
            yield block
            # Every third sample: whether it folds does not matter here, that it is the same does.
            native = -(-block.start // 3)
            thin = AudioBlock(block.samples[native * 3 - block.start :: 3].copy(), native, gate.spec.rate)
            for frames in frontend.push(thin):
                for window in windower.push(frames):
                    yield from gate.push(window)
        yield from gate.flush()

    def end(self, item: Any) -> int:
        # Of sound that the gate has not heard it has not spoken yet.
        return item.start if isinstance(item, AudioBlock) else item.span.end
