"""Sources: whatever gives mono audio at its own rate, numbered from 0."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.audio.conditioning import Conditioner
from monitor.audio.downmix import parse_channel
from monitor.audio.expand import STANDARD_INPUT, expand_paths
from monitor.audio.files import FileSource
from monitor.audio.streams import StreamSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from monitor.audio.downmix import Channel
    from monitor.core.types import AudioBlock, Float32Array

__all__ = ["ArraySource", "FileSource", "Source", "StreamSource", "expand_paths", "open_source"]


class Source(Protocol):
    """A recording, a pipe or an array. Live microphones come over the audio link instead."""

    @property
    def name(self) -> str:
        """As the user gave it: a path, or `-`."""
        ...

    @property
    def rate(self) -> int:
        """Native samples a second, 8 000..384 000."""
        ...

    @property
    def start_utc_ns(self) -> int | None:
        """When sample 0 was recorded, nanoseconds since 1970; None when unknown."""
        ...

    @property
    def length(self) -> int | None:
        """Native samples, by the header's claim; None when only the end will tell."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether the sound is made by a program."""
        ...

    @property
    def non_finite(self) -> int:
        """Values that were no finite number and were replaced by 0, so far."""
        ...

    def blocks(self) -> Iterator[AudioBlock]:
        """Mono blocks at the native rate, in order, without gaps, from index 0.

        Raises SourceError when the sound is not all there; what came before the fault has been given by then.
        """
        ...


class ArraySource:
    """Source: samples in memory, floating-point `(n,)` or `(n, channels)`, full scale +-1."""

    def __init__(
        self,
        samples: NDArray[np.floating],
        rate: int,
        name: str = "array",
        *,
        start_utc_ns: int | None = None,
        synthetic: bool = False,
        channel: Channel = "loudest",
    ) -> None:
        if samples.ndim not in (1, 2) or not np.issubdtype(samples.dtype, np.floating):
            raise ValueError(f"expected floats of shape (n,) or (n, channels), got {samples.dtype} {samples.shape}")
        with np.errstate(over="ignore"):
            self._frames: Float32Array = samples.reshape(len(samples), -1).astype(np.float32)
        self.name = name
        self.rate = rate
        self.start_utc_ns = start_utc_ns
        self.synthetic = synthetic
        self.length: int | None = len(samples)
        self._channel: Channel = channel
        self._conditioner = self._new_conditioner()

    @property
    def non_finite(self) -> int:
        """Values replaced by 0 so far."""
        return self._conditioner.non_finite

    def blocks(self) -> Iterator[AudioBlock]:
        """Mono blocks of at most a second."""
        self._conditioner = self._new_conditioner()
        pieces = (self._frames[start : start + self.rate] for start in range(0, len(self._frames), self.rate))
        return self._conditioner.blocks(pieces)

    def _new_conditioner(self) -> Conditioner:
        return Conditioner(self.name, self.rate, self._frames.shape[1], self._channel)


def open_source(path: Path | str, *, channel: str | None = None, timezone: ZoneInfo | None = None) -> Source:
    """The source that `path` names, `-` for standard input; `channel` is 1..8 or `loudest` (the default).

    Raises SourceError and UsageError.
    """
    chosen = parse_channel(channel or "loudest")
    if path == STANDARD_INPUT:
        return StreamSource(sys.stdin.buffer, channel=chosen)
    return FileSource(path, channel=chosen, timezone=timezone)
