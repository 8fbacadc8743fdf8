"""A WAV on standard input, or on any other stream of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.audio.conditioning import Conditioner
from monitor.audio.wav_stream import WavStream
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.audio.downmix import Channel
    from monitor.audio.wav_header import BinaryStream
    from monitor.core.types import AudioBlock, Float32Array


class StreamSource:
    """Source: WAV from a stream of bytes; waits for the header when made. Can be played once.

    Blocks are as long as what comes in at a time, at most a second. Raises SourceError.
    """

    synthetic = False

    def __init__(
        self,
        stream: BinaryStream,
        name: str = "-",
        *,
        channel: Channel = "loudest",
        start_utc_ns: int | None = None,
    ) -> None:
        self.name = name
        self.start_utc_ns = start_utc_ns
        self._wav = WavStream(stream, name)
        self.rate: int = self._wav.header.rate
        self.length = self._wav.length
        self._conditioner = Conditioner(name, self.rate, self._wav.header.channels, channel)
        self._played = False

    @property
    def non_finite(self) -> int:
        """Values replaced by 0 so far."""
        return self._conditioner.non_finite

    def blocks(self) -> Iterator[AudioBlock]:
        """Mono blocks at the native rate. Raises SourceError, after the sound before the fault."""
        if self._played:
            raise SourceError(self.name, "it was played already and is gone", "Save it to a file to hear it again")
        self._played = True
        return self._conditioner.blocks(self._frames())

    def _frames(self) -> Iterator[Float32Array]:
        yield from self._wav.frames(self.rate)
        self._wav.drain()
