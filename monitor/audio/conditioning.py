"""What every source does to what it reads: check the format, remove what is no number, choose a channel, count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.downmix import MOST_CHANNELS, Downmix
from monitor.core.text import counted
from monitor.core.types import AudioBlock
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.audio.downmix import Channel
    from monitor.core.types import Float32Array

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000
BEYOND_SOUND = np.float32(1e12)
"""240 dB over full scale is no loudness but a damaged number; it would overflow in the resampler."""


def check_format(name: str, rate: int, channels: int, channel: Channel) -> None:
    """Raises SourceError for what cannot be listened to."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        why = f"its sampling rate of {rate} Hz is outside {LOWEST_RATE}..{HIGHEST_RATE} Hz"
        raise SourceError(name, why, "Resample it, such as with: sox IN -r 48000 OUT.wav")
    if not 1 <= channels <= MOST_CHANNELS:
        remedy = "Take some of them out, such as with: sox IN OUT.wav remix 1"
        raise SourceError(name, f"its {channels} channels are more than {MOST_CHANNELS}", remedy)
    if channel != "loudest" and not 1 <= channel <= channels:
        raise SourceError(
            name,
            f"it has {counted(channels, 'channel')}, channel {channel} was asked for",
            "Choose a channel that it has, or loudest",
        )


class Conditioner:
    """Frames as read -> mono blocks at the native rate, numbered from 0. Raises SourceError as `check_format`."""

    def __init__(self, name: str, rate: int, channels: int, channel: Channel) -> None:
        check_format(name, rate, channels, channel)
        self._rate = rate
        self._downmix = Downmix(rate, channels, channel)
        self._next = 0
        self.non_finite = 0
        """Values replaced by 0 so far, of all channels: not a number, infinite, or 240 dB over full scale."""

    def blocks(self, frames: Iterable[Float32Array]) -> Iterator[AudioBlock]:
        """All of `frames`, float32 `(n, channels)`. A SourceError of theirs comes after what they gave before it."""
        fault: SourceError | None = None
        try:
            for some in frames:
                yield from self._numbered(self._downmix.push(self._finite(some)))
        except SourceError as error:
            fault = error
        yield from self._numbered(self._downmix.flush())
        if fault is not None:
            raise fault

    def _finite(self, frames: Float32Array) -> Float32Array:
        bad = ~(np.abs(frames) <= BEYOND_SOUND)
        count = int(np.count_nonzero(bad))
        if not count:
            return frames
        self.non_finite += count
        return np.where(bad, np.float32(0), frames)

    def _numbered(self, pieces: list[Float32Array]) -> Iterator[AudioBlock]:
        for samples in pieces:
            block = AudioBlock(samples, self._next, self._rate)
            self._next = block.end
            yield block
