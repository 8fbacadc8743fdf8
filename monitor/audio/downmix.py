"""Several channels become one without being added up: channels in opposite phase would cancel to silence.

Either a channel that the user names, or the loudest. The loudest is chosen anew for each second of the grid that begins
at the first sample, so the choice does not depend on how the input is cut, and costs up to a second of delay. The one
in use stays unless another has ten times its power in that second (a channel that is dead, unplugged or covered has far
less than a tenth); a change is faded over the first 10 ms. Power is measured without the constant part, so that an
offset is not taken for sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor.errors import UsageError

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

Channel = int | Literal["loudest"]
"""Which channel to hear: 1 for the first, up to 8, or the loudest."""

MOST_CHANNELS = 8
_CHANGE_AT = 10.0
"""Power relative to the channel in use from which on another takes its place."""
_FADES_PER_SECOND = 100


def parse_channel(text: str) -> Channel:
    """The channel that a command line or a settings file names. Raises UsageError."""
    if text == "loudest":
        return "loudest"
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_CHANNELS:
        return int(text)
    raise UsageError(f"channel {text}", "no such choice", f"Give a number from 1 to {MOST_CHANNELS}, or loudest")


class Downmix:
    """Frames `(n, channels)` at `rate` Hz, however cut -> mono `(n,)`, the same number in all."""

    def __init__(self, rate: int, channels: int, channel: Channel = "loudest") -> None:
        if rate <= 0 or channels <= 0:
            raise ValueError(f"rate and channels must be positive, got {rate} and {channels}")
        if channel != "loudest" and not 1 <= channel <= channels:
            raise ValueError(f"channel must be within 1..{channels}, got {channel}")
        self._rate = rate
        self._channels = channels
        self._fixed = 0 if channels == 1 else None if channel == "loudest" else channel - 1
        self._held: list[Float32Array] = []
        self._count = 0
        self._current: int | None = None

    def push(self, frames: Float32Array) -> list[Float32Array]:
        """What the frames complete: all of it for a named channel, else whole seconds."""
        if frames.ndim != 2 or frames.shape[1] != self._channels:
            raise ValueError(f"expected frames of shape (n, {self._channels}), got {frames.shape}")
        if not len(frames):
            return []
        if self._fixed is not None:
            return [frames[:, self._fixed].copy()]
        self._held.append(frames.copy())
        self._count += len(frames)
        if self._count < self._rate:
            return []
        held = np.concatenate(self._held)
        whole = len(held) // self._rate * self._rate
        self._held = [held[whole:]]
        self._count = len(held) - whole
        return [self._choose(held[start : start + self._rate]) for start in range(0, whole, self._rate)]

    def flush(self) -> list[Float32Array]:
        """The last part of a second, if any; then as new."""
        mono = [self._choose(np.concatenate(self._held))] if self._count else []
        self._held, self._count, self._current = [], 0, None
        return mono

    def _choose(self, frames: Float32Array) -> Float32Array:
        before = self._current
        if before is None or len(frames) == self._rate:
            power = np.ascontiguousarray(frames.T, dtype=np.float64).var(axis=1)
            loudest = int(power.argmax())
            if before is None or power[loudest] > _CHANGE_AT * power[before]:
                self._current = loudest
        chosen = frames[:, self._current].copy()
        if before is not None and before != self._current:
            fade = min(len(frames), self._rate // _FADES_PER_SECOND)
            share = (np.arange(1, fade + 1) / (fade + 1)).astype(np.float32)
            chosen[:fade] = share * chosen[:fade] + (1 - share) * frames[:fade, before]
        return chosen
