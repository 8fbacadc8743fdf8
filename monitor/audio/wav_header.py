"""What a WAV header says: RIFF, RF64 and BW64, with chunks that are read in order and never sought."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from monitor.errors import SourceError

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the format tag in the sub-format of an extensible header."""
_MOST_HEADER_BYTES = 4096
"""`fmt ` and `ds64` chunks are 16 to 40 bytes, `ds64` a little more with a table; more than this is no header."""
_UNKNOWN_64 = 2**64 - 1


class BinaryStream(Protocol):
    """Anything with a `read` that gives bytes, at most as many as asked for, and none at the end."""

    def read(self, size: int, /) -> bytes | None:
        """The next bytes."""
        ...


class Encoding(Enum):
    """How one sample is written."""

    UNSIGNED_8 = 1
    SIGNED_16 = 2
    SIGNED_24 = 3
    SIGNED_32 = 4
    FLOAT_32 = 5
    FLOAT_64 = 6


SAMPLE_BYTES = {
    Encoding.UNSIGNED_8: 1,
    Encoding.SIGNED_16: 2,
    Encoding.SIGNED_24: 3,
    Encoding.SIGNED_32: 4,
    Encoding.FLOAT_32: 4,
    Encoding.FLOAT_64: 8,
}
_INTEGERS = {1: Encoding.UNSIGNED_8, 2: Encoding.SIGNED_16, 3: Encoding.SIGNED_24, 4: Encoding.SIGNED_32}
_FLOATS = {4: Encoding.FLOAT_32, 8: Encoding.FLOAT_64}


@dataclass(frozen=True, slots=True)
class WavHeader:
    """Everything before the first sample."""

    rate: int
    """Samples a second, as written."""
    channels: int
    """As written, 1 or more."""
    tag: int
    """Format tag, the one of the sub-format where the header is extensible."""
    encoding: Encoding | None
    """None for formats that need a decoder (ADPCM, A-law and so on)."""
    data_start: int
    """Bytes before the first sample."""
    data_bytes: int
    """Size of the data chunk as written: 0 and the largest values often mean unknown."""

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel; 0 for formats that need a decoder."""
        return 0 if self.encoding is None else self.channels * SAMPLE_BYTES[self.encoding]

    @property
    def states_length(self) -> bool:
        """Whether `data_bytes` can be meant: not 0, and not about 2 or 4 GiB, what streaming programs write."""
        near_2_gib = abs(self.data_bytes - 2**31) <= 2**16
        near_4_gib = 2**32 - 2**16 <= self.data_bytes <= 2**32
        return not (self.data_bytes in (0, _UNKNOWN_64) or near_2_gib or near_4_gib)


def read_exactly(stream: BinaryStream, count: int) -> bytes:
    """`count` bytes, fewer only at the end of the stream."""
    parts: list[bytes] = []
    while count > 0 and (part := stream.read(min(count, 1 << 16))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_header(stream: BinaryStream, name: str) -> WavHeader:
    """Read up to the first sample. Raises SourceError."""
    return _HeaderReader(stream, name).read()


class _HeaderReader:
    def __init__(self, stream: BinaryStream, name: str) -> None:
        self._stream = stream
        self._name = name
        self._position = 0

    def read(self) -> WavHeader:
        start = self._take(12)
        if not start:
            raise SourceError(self._name, "it is empty", "Check what should have written it")
        if start[:4] == b"RIFX":
            raise self._fault("it is a big-endian WAV (RIFX)", "Convert it, such as with: sox IN OUT.wav")
        if len(start) < 12 or start[:4] not in (b"RIFF", b"RF64", b"BW64") or start[8:] != b"WAVE":
            remedy = "Give WAV; other formats become WAV with: ffmpeg -i IN -f wav -"
            raise self._fault("it does not begin like a WAV", remedy)
        size_64: int | None = None
        layout: tuple[int, int, int, Encoding | None] | None = None
        while True:
            head = self._take(8)
            if len(head) < 8:
                raise self._fault("its header ends before any sound (no data chunk)")
            kind, size = head[:4], int.from_bytes(head[4:], "little")
            if kind == b"data":
                if layout is None:
                    raise self._fault("its sound comes before its format (no fmt chunk)")
                if size == 0xFFFFFFFF and size_64 is not None:
                    size = size_64
                rate, channels, tag, encoding = layout
                return WavHeader(rate, channels, tag, encoding, self._position, size)
            if kind == b"fmt ":
                layout = self._layout(self._chunk(size, at_least=16))
            elif kind == b"ds64":
                size_64 = int.from_bytes(self._chunk(size, at_least=24)[8:16], "little")
            else:
                self._skip(size + size % 2)

    def _layout(self, chunk: bytes) -> tuple[int, int, int, Encoding | None]:
        tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", chunk[:16])
        if tag == EXTENSIBLE and len(chunk) >= 40 and chunk[26:40] == _GUID_TAIL:
            tag = int.from_bytes(chunk[24:26], "little")
        if channels == 0:
            raise self._fault("its header says that it has no channels")
        encodings = {PCM: _INTEGERS, FLOAT: _FLOATS}.get(tag)
        if encodings is None:
            return rate, channels, tag, None
        # Where the container is wider than the bits in use, it is what counts: samples are justified to its top.
        width, rest = divmod(frame_bytes, channels)
        if rest or width * 8 < bits or width not in encodings:
            raise self._fault(
                f"its header contradicts itself: {bits} bits in {frame_bytes} bytes for {channels} channels"
            )
        return rate, channels, tag, encodings[width]

    def _chunk(self, size: int, at_least: int) -> bytes:
        if not at_least <= size <= _MOST_HEADER_BYTES:
            raise self._fault(f"its header is damaged: a chunk of {size} bytes")
        chunk = self._take(size + size % 2)
        if len(chunk) < size:
            raise self._fault("it ends within its header")
        return chunk[:size]

    def _skip(self, size: int) -> None:
        while size > 0 and (part := self._take(min(size, 1 << 16))):
            size -= len(part)

    def _take(self, count: int) -> bytes:
        try:
            taken = read_exactly(self._stream, count)
        except OSError as fault:
            raise self._fault(f"it cannot be read: {fault.strerror or fault}", "Try again") from fault
        self._position += len(taken)
        return taken

    def _fault(self, why: str, remedy: str = "Record or copy it again, or leave it out") -> SourceError:
        return SourceError(self._name, why, remedy)
