"""What the tagger keeps of a stream for its encoder: the gate's frames, or the sound itself, on one grid of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.core.types import ENGINE_RATE, AudioBlock, FeatureBlock
from monitor.features.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.sound_embedder import SoundEmbedder
    from monitor.core.types import Float32Array
    from monitor.features.spec import FeatureSpec

AHEAD = 256
"""Frames by which what is heard may be ahead of the gate."""


class Heard(Protocol):
    """The newest stretch of one stream."""

    @property
    def first(self) -> int | None:
        """First frame of the stream; None before it has come."""
        ...

    def append(self, item: FeatureBlock | AudioBlock) -> None:
        """Take what follows. Raises ValueError when it does not follow, or is of the other kind."""
        ...

    def whole(self) -> range:
        """Frames that are there."""
        ...

    def window(self, start: int) -> Float32Array:
        """The encoder's input from a frame on; of a stream that is shorter, all there is, again and again."""
        ...

    def aligned(self, starts: Sequence[int], available: range) -> list[int]:
        """First frames of windows, moved onto the encoder's own grid where that is wanted and they stay available."""
        ...

    def reset(self) -> None:
        """Forget everything; the next item may begin anywhere."""
        ...


class HeardFrames:
    """For an encoder on the gate's features."""

    def __init__(self, spec: FeatureSpec, length: int, reach: int) -> None:
        """Windows of `length` frames, as far back as `reach` frames before the gate's newest."""
        self._length = length
        self._bands = spec.bands
        self._frames = History(reach + AHEAD, spec.bands)
        self.first: int | None = None

    def append(self, item: FeatureBlock | AudioBlock) -> None:
        """Frames."""
        if not isinstance(item, FeatureBlock):
            raise ValueError("the encoder takes frames, not sound")  # noqa: TRY004 (as other items that do not fit)
        if self.first is None:
            self.first = item.first_frame
            self._frames.reset(item.first_frame)
        if item.first_frame != self._frames.end:
            raise ValueError(f"expected frame {self._frames.end}, got {item.first_frame}; a gap needs reset()")
        self._frames.append(item.values)

    def whole(self) -> range:
        """Frames held."""
        return range(0) if self.first is None else range(self._frames.first, self._frames.end)

    def window(self, start: int) -> Float32Array:
        """`(length, bands)`."""
        values = self._frames.get(start, min(self._length, self._frames.end - start))
        if values is None or not len(values):
            raise RuntimeError(f"frames from {start} on were dropped before they were embedded")
        return values if len(values) == self._length else np.resize(values, (self._length, self._bands))

    def aligned(self, starts: Sequence[int], available: range) -> list[int]:
        """As they are: nobody else takes these windows."""
        return list(starts)

    def reset(self) -> None:
        """Forget everything."""
        self.first = None
        self._frames.reset()


class HeardSound:
    """For an encoder on sound, at the engine rate."""

    def __init__(self, spec: FeatureSpec, embedder: SoundEmbedder, reach: int, shared_hop: int | None = None) -> None:
        """`spec` is the gate's: its frames are the grid on which windows begin.

        `shared_hop`: engine samples between the windows of a classifier on the same network; None: there is none.
        """
        self._spec = spec
        self._length = embedder.samples
        self._frames = embedder.frames_on(spec)
        # Between two frames no window begins, and none is shared.
        hop = shared_hop if shared_hop and shared_hop % spec.engine_hop == 0 else embedder.hop
        self._step = max(1, round(hop / spec.engine_hop))
        self._sound = History((reach + AHEAD) * spec.engine_hop + spec.engine_window)
        self._began: int | None = None
        """First sample of the stream."""

    @property
    def first(self) -> int | None:
        """First frame whose sound was heard from its beginning."""
        return None if self._began is None else -(-self._began // self._spec.engine_hop)

    def append(self, item: FeatureBlock | AudioBlock) -> None:
        """Sound at the engine rate."""
        if not isinstance(item, AudioBlock) or item.rate != ENGINE_RATE:
            raise ValueError(f"the encoder takes sound at {ENGINE_RATE} Hz")
        if self._began is None:
            self._began = item.start
            self._sound.reset(item.start)
        if item.start != self._sound.end:
            raise ValueError(f"expected sample {self._sound.end}, got {item.start}; a gap needs reset()")
        self._sound.append(item.samples)

    def whole(self) -> range:
        """Frames whose sound is held."""
        if self._began is None:
            return range(0)
        first = -(-self._sound.first // self._spec.engine_hop)
        left = self._sound.end - first * self._spec.engine_hop - self._spec.engine_window
        return range(first, max(first, first + left // self._spec.engine_hop + 1))

    def window(self, start: int) -> Float32Array:
        """`(samples,)` at the engine rate."""
        begin = start * self._spec.engine_hop
        samples = self._sound.get(begin, min(self._length, self._sound.end - begin))
        if samples is None or not len(samples):
            raise RuntimeError(f"sound from frame {start} on was dropped before it was embedded")
        return samples if len(samples) == self._length else np.resize(samples, self._length)

    def aligned(self, starts: Sequence[int], available: range) -> list[int]:
        """On multiples of the classifier's hop, or of the encoder's own where there is no classifier.

        What a classifier on the same network has heard, or will hear, is not run again.
        """
        moved = [round(start / self._step) * self._step for start in starts]
        last = available.stop - self._frames
        fits = [at if available.start <= at <= last else start for at, start in zip(moved, starts, strict=True)]
        return list(dict.fromkeys(fits))

    def reset(self) -> None:
        """Forget everything."""
        self._began = None
        self._sound.reset()
