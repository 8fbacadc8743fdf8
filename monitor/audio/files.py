"""A recording in a file."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from monitor.audio.conditioning import Conditioner, check_format
from monitor.audio.decoder import Decoder
from monitor.audio.start_time import start_utc_ns
from monitor.audio.wav_header import read_header
from monitor.audio.wav_stream import WavStream
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from monitor.audio.downmix import Channel
    from monitor.core.types import AudioBlock, Float32Array


class FileSource:
    """Source: WAV, FLAC, Ogg Vorbis, Opus, MP3 and what else libsndfile decodes. Can be played again, from the start.

    `timezone` is that of the recorder's clock, for names that hold local time. The file is open only while it is looked
    at or played. Raises SourceError, each fault with its own reason and remedy. Blocks are at most a second long.
    """

    synthetic = False

    def __init__(self, path: Path | str, *, channel: Channel = "loudest", timezone: ZoneInfo | None = None) -> None:
        self.name = str(path)
        self._path = Path(path)
        self._channel: Channel = channel
        self.start_utc_ns = start_utc_ns(path, timezone)
        with self._open() as file, closing(_reader(file, self.name)) as reader:
            self.rate = reader.rate
            self.length = reader.length
            check_format(self.name, reader.rate, reader.channels, channel)
        self._conditioner: Conditioner | None = None

    @property
    def non_finite(self) -> int:
        """Values replaced by 0 so far."""
        return 0 if self._conditioner is None else self._conditioner.non_finite

    def blocks(self) -> Iterator[AudioBlock]:
        """Mono blocks at the native rate. Raises SourceError, after the sound before the fault."""
        with self._open() as file, closing(_reader(file, self.name)) as reader:
            self._conditioner = Conditioner(self.name, reader.rate, reader.channels, self._channel)
            yield from self._conditioner.blocks(reader.frames(reader.rate))

    def _open(self) -> BinaryIO:
        try:
            status = self._path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise SourceError(self.name, "it is a folder", "Name a recording in it")
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(self.name, "it is not a regular file", "Pipe it to standard input and give -")
            if status.st_size == 0:
                raise SourceError(self.name, "it is empty (0 bytes)", "Record or copy it again, or leave it out")
            return self._path.open("rb", buffering=0)
        except FileNotFoundError as fault:
            remedy = "Check the spelling, and that it was not moved"
            raise SourceError(self.name, "no such file", remedy) from fault
        except PermissionError as fault:
            remedy = "Give yourself the right to read it, such as with chmod"
            raise SourceError(self.name, "you may not read it", remedy) from fault
        except OSError as fault:
            remedy = "Check the disk, or copy the file elsewhere"
            raise SourceError(self.name, f"it cannot be opened: {fault.strerror or fault}", remedy) from fault


class _WavReader:
    """What `Decoder` is, for WAV that is read here, so that a file and its pipe are the same, faults included."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        self._wav = WavStream(file, name, size)
        self.rate = self._wav.header.rate
        self.channels = self._wav.header.channels
        self.length = self._wav.length

    def frames(self, most: int) -> Iterator[Float32Array]:
        return self._wav.frames(most)

    def close(self) -> None:
        """The file is the caller's to close."""


def _reader(file: BinaryIO, name: str) -> _WavReader | Decoder:
    try:
        start = file.read(12)
        file.seek(0)
    except OSError as fault:
        remedy = "Check the disk, or copy the file elsewhere"
        raise SourceError(name, f"it cannot be read: {fault.strerror or fault}", remedy) from fault
    is_wav = start[:4] in (b"RIFF", b"RF64", b"BW64") and start[8:] == b"WAVE"
    if is_wav and read_header(file, name).encoding is not None:
        return _WavReader(file, name)
    return Decoder(file.fileno(), name)
