"""FLAC, Ogg, MP3 and what else libsndfile decodes, front to back; tells when it was not all.

soundfile seeks to the position where it is after every read, which makes the blocks of an MP3 differ from the whole:
here the file says that it cannot seek. For damaged MP3s libsndfile's decoder writes notes of its own to standard error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.core.types import Float32Array

_UNKNOWN_FROM = 2**48
"""libsndfile writes the largest 64-bit number for a length that the header does not state."""
_REMEDY = "What could be decoded was used; record or copy it again to hear the rest"
LONGEST_PACKET_S = 0.12
"""Of Opus."""

_OGG_TAIL = 1 << 17
"""Bytes at the end that hold the last page: one is at most 65 307 long."""
_MP3_TRAILER = 4096
"""Bytes after the last MP3 frame that may be tags without a marker."""


class Decoder:
    """An open file; `descriptor` stays the caller's to close. Raises SourceError when libsndfile cannot open it."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            self._file = _FrontToBack(descriptor, closefd=False)
        except soundfile.LibsndfileError as fault:
            raise _not_opened(descriptor, name, fault.error_string) from fault
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.format: str = self._file.format
        self.length: int | None = self._file.frames if self._file.frames < _UNKNOWN_FROM else None

    def close(self) -> None:
        """Free the decoder."""
        self._file.close()

    def frames(self, most: int) -> Iterator[Float32Array]:
        """Float32 `(n, channels)`, n at most `most`. Raises SourceError at the end when some could not be decoded."""
        count = 0
        fault: soundfile.LibsndfileError | None = None
        while fault is None:
            block = np.zeros((most, self.channels), np.float32)
            try:
                got = len(self._file.read(out=block))
            except soundfile.LibsndfileError as error:
                fault = error
                got = min(max(self._file.tell() - count, 0), most)
            count += got
            if got:
                yield block[:got]
            elif fault is None:
                break
        self._check_end(count, fault)

    def _check_end(self, count: int, fault: soundfile.LibsndfileError | None) -> None:
        has = f"{count / self.rate:.3f} s"
        if fault is not None:
            why = f"it is damaged or cut off after {has} ({_sentence(fault.error_string)})"
            raise SourceError(self._name, why, _REMEDY)
        if self.length is not None and count < self.length - self._slack():
            claimed = f"{self.length / self.rate:.3f} s"
            why = f"it claims {claimed} and gives {has}: it is cut off, or damaged inside, and later times are early"
            raise SourceError(self._name, why, _REMEDY)
        if count == 0:
            raise SourceError(self._name, "it holds no sound", "Check what should have recorded it")
        if self.format == "OGG" and not _ogg_is_whole(self._descriptor):
            raise SourceError(self._name, f"it is cut off after {has} (the last Ogg page is missing)", _REMEDY)
        if self.format == "AIFF" and _aiff_lacks_bytes(self._descriptor):
            raise SourceError(self._name, f"it is cut off after {has}", _REMEDY)
        if self.format == "MP3" and _mp3_has_more(self._descriptor):
            why = f"it does not say how long it is, and decoding stopped after {has}, before its end"
            raise SourceError(self._name, why, "Convert it to hear all, such as with: ffmpeg -i IN OUT.flac")

    def _slack(self) -> int:
        """Samples that a whole Ogg file may lack: some encoders state an end within a packet that they never wrote."""
        whole = self.format == "OGG" and _ogg_is_whole(self._descriptor)
        return round(LONGEST_PACKET_S * self.rate) if whole else 0


class _FrontToBack(soundfile.SoundFile):
    def seekable(self) -> bool:
        return False


def _not_opened(descriptor: int, name: str, reason: str) -> SourceError:
    os.lseek(descriptor, 0, os.SEEK_SET)
    start = os.read(descriptor, 12)
    known = (b"fLaC", b"OggS", b"ID3", b"RIFF", b"FORM", b"RF64", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")
    if start.startswith(known):
        why = f"it is damaged from the beginning ({_sentence(reason)})"
        return SourceError(name, why, "Record or copy it again, or leave it out")
    if start[4:8] == b"ftyp" or start.startswith((b"\x1aE\xdf\xa3", b"0&\xb2u")):
        return SourceError(name, "it is in a format that is not decoded here", "Convert it: ffmpeg -i IN OUT.flac")
    return SourceError(name, "it is not a recording that can be decoded", "Give WAV, FLAC, AIFF, Ogg, Opus or MP3")


def _sentence(reason: str) -> str:
    return reason.removeprefix("Error : ").strip().rstrip(".") or "the decoder does not say why"


def _ogg_is_whole(descriptor: int) -> bool:
    """Whether the last page is complete and marked as the last."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, max(0, size - _OGG_TAIL), os.SEEK_SET)
    tail = os.read(descriptor, _OGG_TAIL)
    page = tail.rfind(b"OggS")
    while page >= 0:
        head = tail[page : page + 27]
        lacing = tail[page + 27 : page + 27 + head[26]] if len(head) == 27 else b""
        if len(head) == 27 and head[4] == 0 and len(lacing) == head[26]:
            ends = page + 27 + len(lacing) + sum(lacing)
            return bool(head[5] & 4) and ends <= len(tail)
        if len(tail) - page < 27 + 255:
            return False
        page = tail.rfind(b"OggS", 0, page)
    return False


def _aiff_lacks_bytes(descriptor: int) -> bool:
    """Whether the file is shorter than its outermost chunk says; libsndfile corrects that in silence."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    os.lseek(descriptor, 4, os.SEEK_SET)
    return size < 8 + int.from_bytes(os.read(descriptor, 4), "big")


def _mp3_has_more(descriptor: int) -> bool:
    """Whether sound may follow where libsndfile stopped: it estimates the length of an MP3 that does not state it."""
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    left = os.lseek(descriptor, 0, os.SEEK_END) - position
    if left <= _MP3_TRAILER:
        return False
    os.lseek(descriptor, position, os.SEEK_SET)
    return b"APETAGEX" not in os.read(descriptor, left)
