"""Messages to frames and back. What is no message of this protocol raises BusError and says what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
import numpy as np

from monitor.bus.messages import HEARTBEAT, PROTOCOL, Answer, ArrayLayout, Failure, Header, Heartbeat, Request
from monitor.core.events import READING_TYPES, Reading, Spectrum
from monitor.core.text import writable
from monitor.core.types import Span  # noqa: TC001 - msgspec reads the annotation
from monitor.errors import BusError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.core.types import Float32Array

FRAMES_PER_READING = 3

_WIRE_FLOAT32 = "<f4"

_MALFORMED = (msgspec.DecodeError, ValueError, RecursionError)
"""What msgspec and the values' own checks raise on bytes from a stranger."""

_Parsed = TypeVar("_Parsed")


class _SpectrumFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `Spectrum` without its array, which travels in a frame of its own."""

    span: Span
    top_hz: float


class _Version(msgspec.Struct):
    """The one field that every version of a header has."""

    protocol: int


_encoder = msgspec.msgpack.Encoder()
_header = msgspec.msgpack.Decoder(Header)
_request = msgspec.msgpack.Decoder(Request)
_answer = msgspec.msgpack.Decoder(Answer)
_version = msgspec.msgpack.Decoder(_Version)
_spectrum = msgspec.msgpack.Decoder(_SpectrumFields)
_heartbeat = msgspec.msgpack.Decoder(Heartbeat)
_plain: dict[str, msgspec.msgpack.Decoder[Reading]] = {
    kind.topic: msgspec.msgpack.Decoder(kind) for kind in READING_TYPES if kind is not Spectrum
}
_NIL = msgspec.Raw(_encoder.encode(None))


def encode(
    reading: Reading, *, run_id: str, sequence: int, source: str, utc_ns: int | None, event_id: int | None
) -> list[bytes]:
    """Three frames: topic, header, array bytes (empty without an array)."""
    layout, array = None, b""
    content: object = reading
    if isinstance(reading, Spectrum):
        wire = np.ascontiguousarray(reading.levels_db, dtype=_WIRE_FLOAT32)
        layout, array = ArrayLayout(_WIRE_FLOAT32, wire.shape), wire.tobytes()
        content = _SpectrumFields(reading.span, reading.top_hz)
    try:
        header = Header(
            PROTOCOL, run_id, sequence, source, utc_ns, event_id, layout, msgspec.Raw(_encoder.encode(content))
        )
        return [reading.topic.encode(), _encoder.encode(header), array]
    except UnicodeEncodeError:  # a file name that is not Unicode; once per reading of such a file
        return encode(
            writable(reading),
            run_id=run_id,
            sequence=sequence,
            source=writable(source),
            utc_ns=utc_ns,
            event_id=event_id,
        )


def encode_heartbeat(heartbeat: Heartbeat, *, run_id: str, sequence: int) -> list[bytes]:
    """Three frames, as `encode`."""
    fields = msgspec.Raw(_encoder.encode(heartbeat))
    header = Header(PROTOCOL, run_id, sequence, "", None, None, None, fields)
    return [HEARTBEAT.encode(), _encoder.encode(header), b""]


def decode(frames: Sequence[bytes]) -> tuple[Header, Reading | Heartbeat]:
    """The header and what it heads; BusError when the frames are no published message of this protocol."""
    if len(frames) != FRAMES_PER_READING:
        raise _wrong("a published message", f"it has {len(frames)} frames, not {FRAMES_PER_READING}")
    topic = bytes(frames[0]).decode(errors="backslashreplace")
    what = f"a message with topic {topic[:40]!r}"
    header = _parse(_header, frames[1], what)
    if topic != Spectrum.topic and (header.array is not None or frames[2]):
        raise _wrong(what, "it carries an array that its topic does not have")
    try:
        if topic == HEARTBEAT:
            return header, _heartbeat.decode(header.fields)
        if topic == Spectrum.topic:
            fields = _spectrum.decode(header.fields)
            return header, Spectrum(fields.span, _array(header.array, frames[2], what), fields.top_hz)
        decoder = _plain.get(topic)
        if decoder is None:
            raise _wrong(what, "this program does not know the topic")
        return header, decoder.decode(header.fields)
    except _MALFORMED as fault:
        raise _wrong(what, str(fault)) from fault


def encode_request(request_id: int, name: str, parameters: Mapping[str, object]) -> list[bytes]:
    """One frame; BusError when a parameter is of a kind that msgpack cannot carry."""
    try:
        return [_encoder.encode(Request(PROTOCOL, request_id, name, msgspec.Raw(_encoder.encode(dict(parameters)))))]
    except (TypeError, ValueError, OverflowError) as fault:
        raise BusError(f"command {name!r}", f"its parameters cannot be sent: {fault}", "Use plain values.") from fault


def decode_request(frames: Sequence[bytes]) -> Request:
    """The request; BusError when the frames are none of this protocol."""
    if len(frames) != 1:
        raise _wrong("a command", f"it has {len(frames)} frames, not 1")
    return _parse(_request, frames[0], "a command")


def decode_parameters(request: Request, kind: type[_Parsed]) -> _Parsed:
    """The parameters as `kind`; BusError naming the wrong one."""
    return _content(request.parameters, kind, f"command {request.name[:40]!r}", "Give the parameters that it takes.")


def encode_answer(request_id: int, result: object, readings: Sequence[bytes] = ()) -> list[bytes]:
    """The answer of a command that was carried out, and the frames of the readings that it carries."""
    return [_encoder.encode(Answer(PROTOCOL, request_id, None, msgspec.Raw(_encoder.encode(result)))), *readings]


def encode_failure(request_id: int, what: str, why: str, remedy: str) -> list[bytes]:
    """The answer of a command that was not carried out."""
    failure = writable(what), writable(why), writable(remedy)
    return [_encoder.encode(Answer(PROTOCOL, request_id, Failure(*failure), _NIL))]


def decode_answer(frames: Sequence[bytes]) -> tuple[Answer, list[Sequence[bytes]]]:
    """The answer and the frames of each reading that it carries; BusError when it is none of this protocol.

    A failure is told by the answer and not raised.
    """
    if len(frames) % FRAMES_PER_READING != 1:
        raise _wrong("an answer", f"it has {len(frames)} frames")
    answer = _parse(_answer, frames[0], "an answer")
    return answer, [frames[at : at + FRAMES_PER_READING] for at in range(1, len(frames), FRAMES_PER_READING)]


def decode_result(answer: Answer, kind: type[_Parsed]) -> _Parsed:
    """What the command returned, as `kind`; BusError when it is something else."""
    return _content(answer.result, kind, "an answer", "Update the older of the two programs.")


def _content(raw: msgspec.Raw, kind: type[_Parsed], what: str, remedy: str) -> _Parsed:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except _MALFORMED as fault:
        raise BusError(what, str(fault), remedy) from fault


def _parse(decoder: msgspec.msgpack.Decoder[_Parsed], frame: bytes, what: str) -> _Parsed:
    """Decode a header; when it has another version, that is the reason given, whatever else may be wrong."""
    try:
        header = decoder.decode(frame)
        version = cast("_Version", header).protocol
        reason = ""
    except _MALFORMED as fault:
        header, reason = None, str(fault)
        try:
            version = _version.decode(frame).protocol
        except _MALFORMED:
            version = PROTOCOL
    if version != PROTOCOL:
        raise BusError(
            what,
            f"it speaks version {version} of the protocol, this program version {PROTOCOL}",
            "Install the same version of Auricle on both sides.",
        )
    if header is None:
        raise _wrong(what, reason)
    return header


def _array(layout: ArrayLayout | None, frame: bytes, what: str) -> Float32Array:
    """The array frame as read-only float32, checked against its layout before numpy sees it."""
    if layout is None or layout.dtype != _WIRE_FLOAT32 or len(layout.shape) != 1 or layout.shape[0] * 4 != len(frame):
        described = "missing" if layout is None else f"{layout.dtype[:20]} {layout.shape[:4]}"
        raise _wrong(what, f"its array layout ({described}) does not fit {len(frame)} bytes")
    return np.frombuffer(frame, dtype=_WIRE_FLOAT32).astype(np.float32, copy=False)


def _wrong(what: str, why: str) -> BusError:
    return BusError(what, why, "Check that this is Auricle's address and that both sides have the same version.")
