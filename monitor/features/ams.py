"""Amplitude-modulation features: one bank of recursive filters, driven by a whole recording or by a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import native_index
from monitor.core.types import FeatureBlock
from monitor.features.ams_spec import CHUNKS
from monitor.features.recursive import RecursiveFilter, butterworth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import AudioBlock, Float32Array
    from monitor.features.ams_spec import AmsSpec

    Float64Array = NDArray[np.float64]


class AmsBank:
    """The filters and what they remember: chunks of samples -> power of each modulation band in the chunk.

    float64 inside. Chunks have one length, so that a frame has the same bits however its samples came.
    """

    def __init__(self, spec: AmsSpec) -> None:
        self.spec = spec
        self.chunk = spec.hop // CHUNKS
        """Samples that `push` takes."""
        slow, chunk = spec.rate / spec.decimation, self.chunk // spec.decimation
        audio = zip(spec.audio_low_hz, spec.audio_high_hz, strict=True)
        modulation = zip(spec.modulation_low_hz, spec.modulation_high_hz, strict=True)
        self._audio = [RecursiveFilter(butterworth(spec.audio_order, *cut, spec.rate), self.chunk) for cut in audio]
        self._modulation = [
            RecursiveFilter(butterworth(spec.modulation_order, *cut, slow), chunk) for cut in modulation
        ]
        self._audio_states: list[Float64Array] = []
        self._modulation_states: list[list[Float64Array]] = []
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._audio_states = [np.zeros(band.size) for band in self._audio]
        self._modulation_states = []

    def push(self, samples: Float32Array) -> Float64Array:
        """`(chunk,)` -> mean squares `(audio bands, modulation bands)`."""
        wide = samples.astype(np.float64)
        envelopes = [self._envelope(number, wide) for number in range(len(self._audio))]
        if not self._modulation_states:
            # The envelope begins as if it had always been what it is on average in the first chunk: else its onset
            # would ring through the modulation bands for seconds.
            self._modulation_states = [[band.settled * one.mean() for band in self._modulation] for one in envelopes]
        return np.array(
            [self._powers(states, one) for states, one in zip(self._modulation_states, envelopes, strict=True)]
        )

    def _envelope(self, number: int, samples: Float64Array) -> Float64Array:
        """`(chunk,)` -> `(chunk / decimation,)`."""
        band, self._audio_states[number] = self._audio[number].run(samples, self._audio_states[number])
        bent = np.abs(band) if self.spec.envelope == "magnitude" else band * band
        return bent.reshape(-1, self.spec.decimation).mean(axis=1)

    def _powers(self, states: list[Float64Array], envelope: Float64Array) -> list[float]:
        powers: list[float] = []
        for number, filtering in enumerate(self._modulation):
            band, states[number] = filtering.run(envelope, states[number])
            powers.append(float((band * band).mean()))
        return powers


class AmsFrontend:
    """Stage: `AudioBlock` at the spec's rate -> `FeatureBlock` of `(t, bands)` in dB, at most one a push.

    The grid is anchored at 0 for ever: after `reset(at)` the filters begin at the first grid point at or after `at`.
    """

    def __init__(self, spec: AmsSpec) -> None:
        self.spec = spec
        self._bank = AmsBank(spec)
        self._chunk = np.zeros(self._bank.chunk, dtype=np.float32)
        self._frame: list[Float64Array] = []
        self._filled = 0
        self._end = 0
        self._skip = 0
        self._next_frame = 0

    @property
    def latency(self) -> int:
        """Engine samples by which the newest frame can end behind the newest sample: a hop."""
        return self.spec.engine_hop

    def push(self, item: AudioBlock) -> Sequence[FeatureBlock]:
        """Raises ValueError when the block has another rate or does not follow the one before."""
        if item.rate != self.spec.rate:
            raise ValueError(f"{self.spec.name} needs {self.spec.rate} Hz, got {item.rate} Hz")
        if item.start != self._end:
            raise ValueError(f"expected sample {self._end}, got {item.start}; a gap needs reset()")
        self._end = item.end
        skipped = min(self._skip, len(item.samples))
        self._skip -= skipped
        frames = self._frames(item.samples[skipped:])
        if not frames:
            return ()
        first_frame = self._next_frame
        self._next_frame += len(frames)
        return (FeatureBlock(np.stack(frames), first_frame),)

    def flush(self) -> Sequence[FeatureBlock]:
        """Nothing: a frame is never padded."""
        return ()

    def reset(self, at: int) -> None:
        """The next block begins at engine index `at`."""
        self._bank.reset()
        self._frame.clear()
        self._filled = 0
        self._end = native_index(at, self.spec.rate)
        self._next_frame = -(-self._end // self.spec.hop)
        self._skip = self._next_frame * self.spec.hop - self._end

    def _frames(self, samples: Float32Array) -> list[Float32Array]:
        """The frames that the samples complete."""
        frames: list[Float32Array] = []
        position = 0
        while position < len(samples):
            taken = min(len(samples) - position, len(self._chunk) - self._filled)
            self._chunk[self._filled : self._filled + taken] = samples[position : position + taken]
            self._filled += taken
            position += taken
            if self._filled == len(self._chunk):
                self._filled = 0
                self._frame.append(self._bank.push(self._chunk))
            if len(self._frame) == CHUNKS:
                frames.append(compressed(self._frame, self.spec))
                self._frame.clear()
        return frames


def compressed(chunks: Sequence[Float64Array], spec: AmsSpec) -> Float32Array:
    """Mean squares of a frame's chunks -> its values in dB, float32 `(bands,)`."""
    power = np.stack(chunks).mean(axis=0)
    if spec.envelope == "power":
        power = np.sqrt(power)
    return (10.0 * np.log10(power + spec.floor)).reshape(-1).astype(np.float32)


def ams_of(samples: Float32Array, spec: AmsSpec) -> Float32Array:
    """`(n,)` at the spec's rate -> float32 `(frames_in(n), bands)`; frame 0 begins at sample 0."""
    bank = AmsBank(spec)
    frames = np.empty((spec.frames_in(len(samples)), spec.bands), dtype=np.float32)
    for number in range(len(frames)):
        starts = range(number * spec.hop, (number + 1) * spec.hop, bank.chunk)
        frames[number] = compressed([bank.push(samples[start : start + bank.chunk]) for start in starts], spec)
    return frames
