from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bus.audio_messages import (
    PROTOCOL,
    Acknowledgement,
    AudioHeader,
    CaptureNote,
    decode_acknowledgement,
    decode_from_capture,
    encode,
    samples_frame,
)
from monitor.core.events import SourceCondition
from monitor.errors import BusError

NOTE = CaptureNote(PROTOCOL, "mic", "s", 48_000, 1, SourceCondition.LISTENING, "", 0, 0)
AUDIO = AudioHeader(PROTOCOL, "mic", "s", 48_000, 7, 3, 0, False, True, -5, 9, "boot")
ANSWER = Acknowledgement(PROTOCOL, "s", 4, None, 12)


def test_messages_survive_the_wire() -> None:
    assert decode_from_capture([encode(NOTE)]) == (NOTE, None)
    sent = np.array([1.0, np.nan, -2.0], dtype=np.float32)
    header, samples = decode_from_capture([encode(AUDIO), samples_frame(sent)])
    assert header == AUDIO
    np.testing.assert_array_equal(samples, sent)
    assert decode_acknowledgement([encode(ANSWER)]) == ANSWER


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_described_and_never_crashes(frames: list[bytes]) -> None:
    for decode in (decode_from_capture, decode_acknowledgement):
        with pytest.raises(BusError):
            decode(frames)


@given(st.sampled_from([NOTE, AUDIO, ANSWER]), st.data())
def test_damaged_messages_are_described_or_still_valid(message: object, data: st.DataObject) -> None:
    frame = bytearray(encode(message))  # type: ignore[arg-type]
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(frame[: data.draw(st.integers(0, len(frame)))])
    for frames in ([bytes(frame)], [cut], [bytes(frame), bytes(12)], [cut, bytes(12)]):
        for decode in (decode_from_capture, decode_acknowledgement):
            try:
                decode(frames)
            except BusError as error:
                assert error.why


def test_other_versions_are_named() -> None:
    newer = msgspec.msgpack.encode({"kind": "note", "protocol": PROTOCOL + 1, "something": "new"})
    with pytest.raises(BusError, match=f"version {PROTOCOL + 1}"):
        decode_from_capture([newer])
    with pytest.raises(BusError, match=f"version {PROTOCOL + 1}"):
        decode_acknowledgement([encode(Acknowledgement(PROTOCOL + 1, "s", 0, None, None))])


@pytest.mark.parametrize("frames", [[encode(AUDIO)], [encode(AUDIO), bytes(11)], [encode(NOTE), bytes(4)], []])
def test_samples_must_fit_the_header(frames: list[bytes]) -> None:
    with pytest.raises(BusError):
        decode_from_capture(frames)
