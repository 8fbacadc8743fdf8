"""The samples of a WAV, from any stream of bytes, scaled exactly as libsndfile scales them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from monitor.audio.wav_header import Encoding, read_header
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.audio.wav_header import BinaryStream, WavHeader
    from monitor.core.types import Float32Array


class WavStream:
    """Reads a WAV front to back, whatever pieces its bytes come in.

    `size` is the number of bytes that the stream holds in all, where that is known. A data chunk of unknown size lasts
    until the end of the stream. Raises SourceError when the header cannot be used.
    """

    def __init__(self, stream: BinaryStream, name: str, size: int | None = None) -> None:
        self._stream = stream
        self._name = name
        self.header: WavHeader = read_header(stream, name)
        if self.header.encoding is None:
            remedy = "Convert it, such as with: ffmpeg -i IN OUT.wav"
            raise SourceError(name, f"it is a compressed WAV (format {self.header.tag:#06x})", remedy)
        self._encoding = self.header.encoding
        present = None if size is None else size - self.header.data_start
        fits = present is not None and 0 < self.header.data_bytes <= present
        self._claimed = self.header.data_bytes if fits or self.header.states_length else None
        self._present = present

    @property
    def length(self) -> int | None:
        """Samples of each channel that can be read, or None when only the end will tell."""
        known = [size for size in (self._claimed, self._present) if size is not None]
        return min(known) // self.header.frame_bytes if known else None

    def frames(self, most: int) -> Iterator[Float32Array]:
        """Float32 `(n, channels)`, n at most `most`, as the bytes come in.

        Raises SourceError at the end when the sound is cut off, and when there is none.
        """
        frame_bytes = self.header.frame_bytes
        read = cast("Callable[[int], bytes | None]", getattr(self._stream, "read1", self._stream.read))
        left = self._claimed
        rest = b""
        count = 0
        while left is None or left > 0:
            wanted = most * frame_bytes - len(rest)
            piece = self._piece(read, wanted if left is None else min(wanted, left))
            if not piece:
                break
            left = None if left is None else left - len(piece)
            rest += piece
            whole = len(rest) // frame_bytes
            if whole:
                count += whole
                yield decode(rest[: whole * frame_bytes], self._encoding).reshape(whole, self.header.channels)
                rest = rest[whole * frame_bytes :]
        self._check_end(count, left, rest)

    def drain(self) -> None:
        """Read what follows the sound, so that who writes it can finish. Raises SourceError for another recording."""
        if self._claimed is None:
            return
        tail = b""
        while piece := self._piece(self._stream.read, 1 << 16):
            tail = (tail + piece)[:16] if len(tail) < 16 else tail
        pad = self.header.data_bytes % 2
        if tail[pad : pad + 4] in (b"RIFF", b"RF64", b"BW64"):
            raise SourceError(self._name, "another recording follows the first and was not heard", "Pipe one at a time")

    def _piece(self, read: Callable[[int], bytes | None], most: int) -> bytes:
        try:
            return read(most) or b""
        except OSError as fault:
            why = f"it cannot be read further: {fault.strerror or fault}"
            raise SourceError(self._name, why, "Check the disk or the sender, and try again") from fault

    def _check_end(self, count: int, left: int | None, rest: bytes) -> None:
        remedy = "What is there was used; record or copy it again to hear the rest"
        seconds = f"{count / self.header.rate:.3f} s"
        if left:
            claimed = self.header.data_bytes / self.header.frame_bytes / self.header.rate
            raise SourceError(
                self._name, f"it is cut off: its header claims {claimed:.3f} s, it holds {seconds}", remedy
            )
        # A chunk of an odd number of bytes is followed by a zero that belongs to no sample.
        padding = self._claimed is None and rest == b"\0" and count * self.header.frame_bytes % 2
        if rest and not padding:
            raise SourceError(self._name, f"it is cut off in the middle of a sample, after {seconds}", remedy)
        if count == 0:
            raise SourceError(self._name, "it holds no sound", "Check what should have recorded it")


def decode(data: bytes, encoding: Encoding) -> Float32Array:
    """Float32 `(n,)` of whole samples, full scale +-1; floats as written, non-finite ones included."""
    if encoding is Encoding.UNSIGNED_8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) * np.float32(2**-7)
    if encoding is Encoding.SIGNED_16:
        return np.frombuffer(data, "<i2").astype(np.float32) * np.float32(2**-15)
    if encoding is Encoding.SIGNED_24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2**-31)
    if encoding is Encoding.SIGNED_32:
        return np.frombuffer(data, "<i4").astype(np.float32) * np.float32(2**-31)
    if encoding is Encoding.FLOAT_32:
        return np.frombuffer(data, "<f4").astype(np.float32)
    with np.errstate(over="ignore"):
        return np.frombuffer(data, "<f8").astype(np.float32)
