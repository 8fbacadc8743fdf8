"""The buffer between the audio callback and everything else: a writer that never waits, readers that know their losses.

The writer copies and moves two integers: `claimed` before the copy, `committed` after it. A reader copies what is
committed, then looks at `claimed` again: what lies further behind it than the ring is long may have been overwritten
meanwhile, is dropped from the copy and counted. No locks of ours; CPython's own orders the integers and the copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from monitor.core.types import Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class RingPiece:
    """What a reader got."""

    samples: Float32Array
    """float32 `(n, channels)`, a copy; n is 0 when there was nothing to read."""
    start: int
    """Index of the first frame since the ring was made."""
    lost_before: int
    """Frames between what was asked for and `start`, overwritten before they could be copied; exact."""

    @property
    def end(self) -> int:
        """Index one past the last frame."""
        return self.start + len(self.samples)


class Ring:
    """The last `frames` frames of `channels` channels; float32, allocated once."""

    def __init__(self, frames: int, channels: int = 1) -> None:
        if frames < 1 or channels < 1:
            raise ValueError(f"a ring needs at least one frame and one channel, got {frames} and {channels}")
        self.frames = frames
        self.channels = channels
        self.claimed = 0
        """Frames written, plus those that are being written."""
        self.committed = 0
        """Frames written."""
        self._data: Float32Array = np.zeros((frames, channels), dtype=np.float32)

    @property
    def oldest(self) -> int:
        """Index of the oldest frame that no write so far has touched."""
        return max(0, self.claimed - self.frames)

    def write(self, frames: Float32Array) -> None:
        """Append frames float32 `(n, channels)`; one thread only. Overwrites the oldest, never waits."""
        count = len(frames)
        start = self.committed
        self.claimed = start + count
        skipped = count - self.frames
        if skipped > 0:  # more than the ring holds: only the newest stay
            frames = frames[skipped:]
            start += skipped
        at = start % self.frames
        first = min(len(frames), self.frames - at)
        self._data[at : at + first] = frames[:first]
        self._data[: len(frames) - first] = frames[first:]
        self.committed = self.claimed

    def copy(self, start: int, limit: int) -> RingPiece:
        """Copy up to `limit` frames from `start` or the oldest on, any thread; what was overwritten is counted."""
        committed = self.committed
        first = max(start, self.oldest)
        count = max(0, min(limit, committed - first))
        samples = np.empty((count, self.channels), dtype=np.float32)
        at = first % self.frames
        before_wrap = min(count, self.frames - at)
        samples[:before_wrap] = self._data[at : at + before_wrap]
        samples[before_wrap:] = self._data[: count - before_wrap]
        # Only now is it known which of them the writer left alone during the copy.
        intact = max(first, self.oldest)
        return RingPiece(samples[min(intact - first, count) :], intact, intact - start)


class RingReader:
    """A cursor of its own on a ring; any number of them, one thread each."""

    def __init__(self, ring: Ring, position: int | None = None) -> None:
        self._ring = ring
        self.position = ring.committed if position is None else position
        """Index of the next frame to read; may be set back, as far as the ring still holds it."""
        self.lost = 0
        """Frames overwritten before they were read, so far."""

    @property
    def available(self) -> int:
        """Frames that can be read now, were the writer to stand still."""
        return max(0, self._ring.committed - max(self.position, self._ring.oldest))

    def read(self, limit: int) -> RingPiece:
        """Read up to `limit` frames; the piece is empty when there are none, and its loss then comes with the next."""
        piece = self._ring.copy(self.position, limit)
        if not len(piece.samples):
            return RingPiece(piece.samples, self.position, 0)
        self.lost += piece.lost_before
        self.position = piece.end
        return piece
