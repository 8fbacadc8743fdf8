"""What capture process and engine say to each other: `AudioHeader` or `CaptureNote` one way, `Acknowledgement` back.

Frames: `[header]` or, for audio, `[header, samples]`; headers are msgpack, samples are raw little-endian float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np

from monitor.core.events import SourceCondition  # noqa: TC001 (msgspec reads the annotations)
from monitor.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array

PROTOCOL: Final = 1
MOST_FRAMES: Final = 1 << 20
"""Most frames of one block."""
MOST_BYTES: Final = 8 << 20
"""Most bytes of one ZeroMQ frame; what is longer is cut off with its connection before it takes memory."""

_WIRE_FLOAT32 = "<f4"

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Rate = Annotated[int, msgspec.Meta(ge=1_000, le=1_000_000)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class AudioHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="audio"):
    """Says what the samples in the next frame are."""

    protocol: int
    source: _Name
    """Name of the microphone, the same across restarts."""
    stream: _Name
    """Fresh at every start of a capture process."""
    rate: _Rate
    """Samples a second."""
    start: _Count
    """Index of the first sample in the stream, losses included."""
    frames: Annotated[int, msgspec.Meta(ge=1, le=MOST_FRAMES)]
    """Samples in the next frame."""
    lost_before: _Count
    """Samples lost since the last one that the engine is known to have."""
    lost_estimated: bool
    """Whether a part of `lost_before` was estimated from clocks."""
    resume: bool
    """Whether an engine that does not know the stream may begin it here."""
    utc_ns: Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
    """When the first sample was captured, nanoseconds since 1970."""
    clock_ns: Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
    """The same moment by a clock that is never stepped; comparable where `boot` is the same."""
    boot: _Text
    """Which clock `clock_ns` is; empty: comparable with no other."""


class CaptureNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="note"):
    """How the capture fares, twice a second, with or without audio; the engine answers each."""

    protocol: int
    source: _Name
    stream: _Name
    rate: _Rate
    number: _Count
    """Counts the notes of a stream, from 1."""
    condition: SourceCondition
    detail: _Text
    """In the user's words."""
    overflows: _Count
    """Times that the device lost audio since the start of the stream."""
    underflows: _Count
    """Times that it gave zeros instead."""


class Acknowledgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="acknowledgement"):
    """What the engine has of a stream; all counts are cumulative."""

    protocol: int
    stream: _Name
    note: _Count
    """The note that this answers, with everything sent before it; 0: none, it is sent because audio was taken."""
    received: _Count | None
    """Index one past the last sample received; None: the engine does not know the stream."""
    taken: _Count | None
    """Index one past the last sample that the engine has dealt with and never needs again."""
    refused: _Text = ""
    """Why the engine will not listen to this stream now; empty when it does."""


class _Version(msgspec.Struct):
    protocol: int


_FromCapture = AudioHeader | CaptureNote
_encoder = msgspec.msgpack.Encoder()
_from_capture = msgspec.msgpack.Decoder[AudioHeader | CaptureNote](_FromCapture)
_acknowledgement = msgspec.msgpack.Decoder(Acknowledgement)
_version = msgspec.msgpack.Decoder(_Version)

_MALFORMED = (msgspec.DecodeError, ValueError, RecursionError)


def encode(header: AudioHeader | CaptureNote | Acknowledgement) -> bytes:
    """The header's frame."""
    return _encoder.encode(header)


def samples_frame(samples: Float32Array) -> bytes:
    """The frame of the samples float32 `(n,)`."""
    return samples.astype(_WIRE_FLOAT32, copy=False).tobytes()


def decode_from_capture(frames: Sequence[bytes]) -> tuple[AudioHeader | CaptureNote, Float32Array | None]:
    """The header and, of audio, the samples, which may be non-finite; BusError when they are not of this protocol."""
    if not 1 <= len(frames) <= 2:
        raise _wrong(f"it has {len(frames)} frames, not 1 or 2")
    try:
        header = _from_capture.decode(frames[0])
    except _MALFORMED as fault:
        raise _described(frames[0], str(fault)) from fault
    _check_version(header.protocol)
    if isinstance(header, CaptureNote):
        if len(frames) != 1:
            raise _wrong("a note has no samples")
        return header, None
    length = len(frames[1]) if len(frames) == 2 else 0
    if length != 4 * header.frames:
        raise _wrong(f"it announces {header.frames} samples and has {length} bytes of them")
    return header, np.frombuffer(frames[1], dtype=_WIRE_FLOAT32).astype(np.float32, copy=False)


def decode_acknowledgement(frames: Sequence[bytes]) -> Acknowledgement:
    """The engine's answer; BusError when it is none of this protocol."""
    if len(frames) != 1:
        raise _wrong(f"it has {len(frames)} frames, not 1")
    try:
        acknowledgement = _acknowledgement.decode(frames[0])
    except _MALFORMED as fault:
        raise _described(frames[0], str(fault)) from fault
    _check_version(acknowledgement.protocol)
    return acknowledgement


def _described(frame: bytes, why: str) -> BusError:
    try:
        _check_version(_version.decode(frame).protocol)
    except BusError as fault:
        return fault
    except _MALFORMED:
        pass  # not even a version in it; `why` says what it is instead
    return _wrong(why)


def _check_version(version: int) -> None:
    if version != PROTOCOL:
        raise BusError(
            "audio link",
            f"the other side speaks version {version} of its protocol, this one version {PROTOCOL}",
            "Install the same version of Auricle on both sides.",
        )


def _wrong(why: str) -> BusError:
    return BusError(
        "audio link", f"malformed message: {why}", "Check that both sides are Auricle, of the same version."
    )
