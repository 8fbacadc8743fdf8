"""From sound to what gate and encoder see, on the monitor's own path: engine rate, the spec's rate, frames."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import blocks_of, decimated, repeated
from monitor.audio.resample import DECIMATED_RATES
from monitor.birds.gate import Gate
from monitor.core.events import GateReading
from monitor.core.types import AudioBlock, FeatureBlock
from monitor.features.frontend import Frontend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.core.types import Float32Array
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle


class Stretch:
    """How far a stream has come."""

    def __init__(self) -> None:
        self.length = 0
        """Samples so far."""

    def over(self, blocks: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The same blocks, counted."""
        for block in blocks:
            self.length = block.end
            yield block


class Follower:
    """Holds sound at the engine rate as it passes, until what is made of it has come as far: 16 kHz come later."""

    def __init__(self) -> None:
        self._held: deque[AudioBlock] = deque()

    def over(self, blocks: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The same blocks."""
        for block in blocks:
            self.hold(block)
            yield block

    def hold(self, block: AudioBlock) -> None:
        """The next block."""
        self._held.append(block)

    def take(self, until: int | None = None) -> list[AudioBlock]:
        """What lies before an engine index and was not taken yet; None: everything."""
        taken: list[AudioBlock] = []
        while self._held and (until is None or self._held[0].start < until):
            block = self._held.popleft()
            if until is not None and block.end > until:
                split = until - block.start
                self._held.appendleft(AudioBlock(block.samples[split:], until))
                block = AudioBlock(block.samples[:split], block.start)
            taken.append(block)
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()


def covered(frames: FeatureBlock, spec: FeatureSpec) -> int:
    """Engine index of the end of a block's last frame."""
    last = frames.first_frame + len(frames.values) - 1
    return last * spec.engine_hop + spec.engine_window


def frame_blocks(blocks: Iterable[AudioBlock], spec: FeatureSpec, least: int = 1) -> Iterator[FeatureBlock]:
    """All frames of a stream at 48 kHz that begins at 0, as they are completed.

    A stream of fewer than `least` frames is repeated from its start, at the spec's rate, until it has them; one without
    any sample gives none.
    """
    if spec.rate not in DECIMATED_RATES:
        raise ValueError(f"{spec.name} is at {spec.rate} Hz; there is a path to {DECIMATED_RATES} only")
    needed = spec.samples_in(least)
    frontend = Frontend(spec)
    held: list[Float32Array] = []
    count = 0
    for block in decimated(blocks, spec.rate):
        if count >= needed:
            yield from frontend.push(block)
            continue
        held.append(block.samples)
        count += len(block.samples)
        if count >= needed:
            yield from frontend.push(AudioBlock(np.concatenate(held), 0, spec.rate))
    if 0 < count < needed:
        yield from frontend.push(AudioBlock(repeated(np.concatenate(held), needed), 0, spec.rate))


def frames_of(samples: Float32Array, spec: FeatureSpec, least: int = 1) -> Float32Array:
    """Frames float32 `(t, bands)` of sound in memory at 48 kHz; t is `least` or more, as in `frame_blocks`."""
    parts = [block.values for block in frame_blocks(blocks_of(samples), spec, least)]
    return np.concatenate(parts) if parts else np.zeros((0, spec.bands), dtype=np.float32)


def gate_probabilities(bundle: Bundle, frames: Float32Array, samples: Float32Array | None = None) -> Float32Array:
    """Of each gate window of frames `(t, bands)` that begin at 0, float32 `(k,)`: window i begins at frame i * hop.

    A gate that takes sound hears the `samples` `(n,)` at 48 kHz that the frames were made of, repeated as these were.
    """
    gate = Gate(bundle)
    if not gate.grid.takes_sound:
        windows = gate.windows().push(FeatureBlock(frames, 0))
    elif samples is not None and len(samples):
        windows = gate.windows().push(AudioBlock(repeated(samples, gate.grid.length), 0))
    else:
        raise ValueError(f"{bundle.manifest.id} takes sound, and got none")
    readings = (reading for window in windows for reading in gate.push(window))
    values = [reading.probability for reading in readings if isinstance(reading, GateReading)]
    return np.array(values, dtype=np.float32)
