"""Everything that gate and encoder make of a recording, bird or not; for research and for other programs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import repeated
from monitor.birds.frames import Follower, Stretch, covered, frame_blocks
from monitor.birds.gate import Gate
from monitor.birds.gate_grid import grid_of
from monitor.birds.sound_embedder import SoundEmbedder, frames_of_window
from monitor.core.events import GateReading
from monitor.core.types import ENGINE_RATE, AudioBlock, Span
from monitor.errors import BundleError
from monitor.features.sample_windows import SampleWindower
from monitor.features.windows import Windower
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.core.types import FeatureBlock, Float32Array
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle


@dataclass(frozen=True, slots=True, eq=False)
class HeardWindow:
    """A window of the gate."""

    span: Span
    """Within the recording."""
    probability: float
    """That a bird is audible, 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedWindow:
    """A window of the encoder."""

    span: Span
    """Within the recording."""
    gate: float
    """The highest probability of the gate windows that lie inside, 0..1."""
    vector: Float32Array
    """float32 `(d,)` of length 1."""


class Ungated:
    """Gate and encoder over whole recordings, one after the other, in bounded memory."""

    def __init__(self, gate: Bundle, embedder: AnyEmbedder) -> None:
        """Raises BundleError when the two do not fit together."""
        self.failure = ""
        """Why windows could not be embedded, the last time."""
        self.failed = 0
        """Windows that could not be embedded; they are left out."""
        self._gate = gate
        self._embedder = embedder
        grid = grid_of(gate)
        cut = grid.cut
        self._length = frames_of_window(embedder, gate)
        self._spec = grid.spec
        if cut.frames + cut.hop - 1 > self._length:
            why = f"its windows are too short for the gate {gate.manifest.id} to have one inside each"
            raise BundleError(f"model {embedder.model_id}", why, "Choose a gate with shorter windows")

    def windows(self, blocks: Iterable[AudioBlock]) -> Iterator[HeardWindow | EmbeddedWindow]:
        """Of a recording at 48 kHz, in the order in which they end.

        A recording shorter than a window is repeated; spans end where it ends.
        """
        heard = Stretch()
        gate = Gate(self._gate)
        cut = gate.cut
        for_gate = _GateInput(gate)
        cutter = self._cutter()
        scored: list[GateReading] = []
        waiting: deque[_Cut] = deque()
        for frames in frame_blocks(for_gate.over(cutter.over(heard.over(blocks))), self._spec, least=self._length):
            readings = for_gate.readings(frames)
            scored += readings
            # Only what was repeated begins after the end.
            yield from (
                HeardWindow(_within(item.span, heard.length), item.probability)
                for item in readings
                if item.span.start < heard.length
            )
            waiting += cutter.take(frames)
            done = scored[-1].span.end + cut.hop * self._spec.engine_hop if scored else 0
            # Sound is ahead of the gate.
            while waiting and waiting[0].span.end < done:
                yield from self._embedded(waiting.popleft(), scored, heard.length)
            oldest = min(cutter.next_start, waiting[0].span.start if waiting else cutter.next_start)
            scored = [item for item in scored if item.span.start >= oldest or item is scored[-1]]
        readings = for_gate.rest()
        scored += readings
        yield from (HeardWindow(_within(item.span, heard.length), item.probability) for item in readings)
        for last in (*waiting, *cutter.rest()):
            yield from self._embedded(last, scored, heard.length)

    def _cutter(self) -> _FrameCutter | _SoundCutter:
        if isinstance(self._embedder, SoundEmbedder):
            return _SoundCutter(self._embedder.samples, self._embedder.hop)
        return _FrameCutter(self._spec, self._embedder.frames, self._embedder.hop)

    def _embedded(self, cut: _Cut, scored: Sequence[GateReading], length: int) -> Iterator[EmbeddedWindow]:
        span = cut.span
        inside = (item.probability for item in scored if span.start <= item.span.start and item.span.end <= span.end)
        try:
            vector = self._embedder.embed(cut.values[None])[0]
        except InferenceError as error:
            # Digital silence may have no direction; hours of other sound are not lost for it.
            self.failed, self.failure = self.failed + 1, str(error)
            return
        yield EmbeddedWindow(_within(span, length), max(inside, default=0.0), vector)


class _GateInput:
    """Feeds a gate with frames, or with the sound behind them."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._windows = gate.windows()
        self._sound = Follower()
        self._early: list[Float32Array] = []
        """Sound, until there is a window."""

    def over(self, blocks: Iterable[AudioBlock]) -> Iterable[AudioBlock]:
        """The same blocks."""
        return self._sound.over(blocks) if self._gate.grid.takes_sound else blocks

    def readings(self, frames: FeatureBlock) -> list[GateReading]:
        """Of the windows that end with the frames."""
        if not self._gate.grid.takes_sound:
            return self._scored(frames)
        return self._hear(self._sound.take(covered(frames, self._gate.spec)))

    def rest(self) -> list[GateReading]:
        """Of sound that no frame came after; of a stream that is shorter than a window, repeated until it fills one."""
        readings = self._hear(self._sound.take())
        if not self._early:
            return readings
        self._windows.reset(0)
        return self._scored(AudioBlock(repeated(np.concatenate(self._early), self._gate.grid.length), 0))

    def _hear(self, blocks: Iterable[AudioBlock]) -> list[GateReading]:
        readings: list[GateReading] = []
        for block in blocks:
            if block.start < self._gate.grid.length:
                self._early.append(block.samples)
            readings += self._scored(block)
            if readings:
                self._early.clear()
        return readings

    def _scored(self, item: FeatureBlock | AudioBlock) -> list[GateReading]:
        told = [one for window in self._windows.push(item) for one in self._gate.push(window)]
        return [one for one in told if isinstance(one, GateReading)]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """The encoder's input, and where it was heard."""

    values: Float32Array
    span: Span


class _FrameCutter:
    """Cuts the gate's frames into the encoder's windows."""

    def __init__(self, spec: FeatureSpec, frames: int, hop: int) -> None:
        self._windows = Windower(spec, frames, hop)
        self._step = hop * spec.engine_hop
        self.next_start = 0
        """Engine index where the next window begins."""

    def over(self, blocks: Iterable[AudioBlock]) -> Iterable[AudioBlock]:
        """The same blocks: the frames are enough."""
        return blocks

    def take(self, frames: FeatureBlock) -> list[_Cut]:
        """Windows that the frames complete."""
        cuts = [_Cut(window.values, window.span) for window in self._windows.push(frames)]
        self.next_start += len(cuts) * self._step
        return cuts

    def rest(self) -> Sequence[_Cut]:
        """None: a window is never padded."""
        return ()


class _SoundCutter:
    """Cuts the sound behind the frames into the encoder's windows; of a shorter stream one, repeated from its start."""

    def __init__(self, samples: int, hop: int) -> None:
        self._windows = SampleWindower(ENGINE_RATE, samples, hop, fill=False)
        self._samples = samples
        self._hop = hop
        self._early: list[Float32Array] = []
        """Until there is a window."""
        self._cuts: list[_Cut] = []
        self.next_start = 0
        """Engine index where the next window begins."""

    def over(self, blocks: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The same blocks, cut as they pass."""
        for block in blocks:
            if not self.next_start and not self._cuts:
                self._early.append(block.samples)
            fresh = [_Cut(window.samples, window.span) for window in self._windows.push(block)]
            if fresh:
                self._early.clear()
            self._cuts += fresh
            yield block

    def take(self, frames: FeatureBlock) -> list[_Cut]:
        """Windows whose sound has passed."""
        cuts, self._cuts = self._cuts, []
        self.next_start += len(cuts) * self._hop
        return cuts

    def rest(self) -> Sequence[_Cut]:
        """Those that no frame came after; of a stream without any, its only one."""
        if self._early and not self._cuts:
            sound = repeated(np.concatenate(self._early), self._samples)
            return (_Cut(sound, Span(0, self._samples)),) if len(sound) else ()
        return self._cuts


def _within(span: Span, length: int) -> Span:
    return Span(min(span.start, length), min(span.end, length))
