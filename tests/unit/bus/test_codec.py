"""The wire: everything that is sent comes back the same, and nothing from a stranger does harm."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.bus import codec
from monitor.bus.messages import PROTOCOL, EventsSince, Heartbeat
from monitor.core.events import READING_TYPES, LevelReading, SourceCondition, SourceState, Spectrum
from monitor.core.types import Span
from monitor.errors import BusError
from tests.helpers.readings import readings, readings_of, same

LEVEL = LevelReading(Span(0, 9600), -30.0, -12.0, 0)
COLUMN = Spectrum(Span(0, 4800), np.linspace(-90, 0, 64, dtype=np.float32), 16_000.0)
ENVELOPE = {"run_id": "run", "sequence": 7, "source": "mic", "utc_ns": 5, "event_id": None}


@pytest.mark.parametrize("kind", READING_TYPES, ids=lambda kind: kind.topic)
@settings(deadline=None)
@given(data=st.data())
def test_every_reading_comes_back_the_same(kind, data):
    reading = data.draw(readings_of(kind))
    sequence, event_id = data.draw(st.integers(0, 2**63)), data.draw(st.none() | st.integers(1, 2**62))
    source, utc_ns = data.draw(st.text()), data.draw(st.none() | st.integers(-(2**62), 2**62))
    frames = codec.encode(reading, run_id="run", sequence=sequence, source=source, utc_ns=utc_ns, event_id=event_id)
    header, decoded = codec.decode(frames)
    assert same(decoded, reading)
    assert (header.protocol, header.run_id, header.sequence) == (PROTOCOL, "run", sequence)
    assert (header.source, header.utc_ns, header.event_id) == (source, utc_ns, event_id)
    assert frames[0] == kind.topic.encode()


def test_an_array_travels_as_its_own_bytes_and_comes_back_read_only():
    frames = codec.encode(COLUMN, **ENVELOPE)
    assert frames[2] == COLUMN.levels_db.astype("<f4").tobytes()
    _, decoded = codec.decode(frames)
    assert not decoded.levels_db.flags.writeable
    assert len(frames[1]) < 200


def test_a_heartbeat_comes_back_the_same():
    heartbeat = Heartbeat(12, "disk full", 3, 1, closing=True)
    header, decoded = codec.decode(codec.encode_heartbeat(heartbeat, run_id="run", sequence=9))
    assert decoded == heartbeat
    assert header.sequence == 9


def test_file_names_that_are_not_unicode_can_be_sent():
    reading = SourceState(Span(0, 0), SourceCondition.FAILED, "cannot read caf\udce9.wav")
    header, decoded = codec.decode(codec.encode(reading, **(ENVELOPE | {"source": "caf\udce9.wav"})))
    assert header.source == "caf\\udce9.wav"
    assert decoded.detail == "cannot read caf\\udce9.wav"


def changed_header(frames: list[bytes], **changes: object) -> list[bytes]:
    header = msgspec.msgpack.decode(frames[1])
    header.update(changes)
    return [frames[0], msgspec.msgpack.encode(header), frames[2]]


def test_another_version_is_told_as_such_even_when_its_header_differs():
    frames = changed_header(codec.encode(LEVEL, **ENVELOPE), protocol=PROTOCOL + 1, brand_new_field=[1, 2])
    with pytest.raises(BusError, match=f"version {PROTOCOL + 1} .* this program version {PROTOCOL}"):
        codec.decode(frames)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": 5}, "source"),
        ({"sequence": "x"}, "sequence"),
        ({"surprise": 1}, "surprise"),
        ({"fields": {"span": {"start": 9, "end": 2}, "rms_dbfs": 0, "peak_dbfs": 0, "clipped": 0}}, "start <= end"),
        ({"fields": {"span": {"start": 0, "end": 2}, "rms_dbfs": "loud", "peak_dbfs": 0, "clipped": 0}}, "rms_dbfs"),
        ({"fields": None}, "object"),
        ({"array": {"dtype": "<f4", "shape": [0]}}, "array"),
    ],
)
def test_wrong_values_are_named(changes, reason):
    with pytest.raises(BusError, match=reason):
        codec.decode(changed_header(codec.encode(LEVEL, **ENVELOPE), **changes))


@pytest.mark.parametrize(
    "layout",
    [
        None,
        {"dtype": "|O", "shape": [64]},
        {"dtype": "<f8", "shape": [32]},
        {"dtype": "<f4", "shape": [65]},
        {"dtype": "<f4", "shape": [8, 8]},
        {"dtype": "<f4", "shape": [-1]},
        {"dtype": "<f4", "shape": []},
    ],
)
def test_an_array_that_does_not_fit_its_layout_is_refused(layout):
    with pytest.raises(BusError, match="array"):
        codec.decode(changed_header(codec.encode(COLUMN, **ENVELOPE), array=layout))


def test_an_array_with_non_finite_values_is_refused():
    frames = codec.encode(COLUMN, **ENVELOPE)
    frames[2] = np.full(64, np.nan, "<f4").tobytes()
    with pytest.raises(BusError, match="non-finite"):
        codec.decode(frames)


def test_an_unknown_topic_is_told():
    frames = codec.encode(LEVEL, **ENVELOPE)
    with pytest.raises(BusError, match=r"topic 'weather'.*does not know"):
        codec.decode([b"weather", *frames[1:]])


def test_nesting_without_end_is_refused():
    frames = codec.encode(LEVEL, **ENVELOPE)
    with pytest.raises(BusError):
        codec.decode([frames[0], b"\x91" * 100_000 + b"\xc0", b""])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_bytes_from_a_stranger_are_described_and_never_crash(frames):
    for decode in (codec.decode, codec.decode_request, codec.decode_answer):
        with pytest.raises(BusError):
            decode(frames)


@settings(deadline=None)
@given(readings(), st.integers(0, 2), st.data())
def test_a_message_damaged_anywhere_is_refused_or_still_a_message(reading, which, data):
    frames = codec.encode(reading, **ENVELOPE)
    frame = bytearray(frames[which])
    if frame:
        frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    frames[which] = bytes(frame)
    try:
        codec.decode(frames)
    except BusError as fault:
        assert fault.what and fault.why and fault.remedy


def test_requests_and_answers_come_back():
    request = codec.decode_request(codec.encode_request(5, "events", {"row_id": 3, "limit": 10}))
    assert codec.decode_parameters(request, EventsSince) == EventsSince(3, 10)
    level, column = codec.encode(LEVEL, **ENVELOPE), codec.encode(COLUMN, **ENVELOPE)
    answer, carried = codec.decode_answer(codec.encode_answer(5, {"a": 1}, [*level, *column]))
    assert (answer.request_id, answer.failure) == (5, None)
    assert codec.decode_result(answer, dict[str, int]) == {"a": 1}
    assert [same(codec.decode(frames)[1], sent) for frames, sent in zip(carried, (LEVEL, COLUMN), strict=True)]


def test_a_failure_comes_back():
    answer, carried = codec.decode_answer(codec.encode_failure(6, "disk", "full", "Free some."))
    assert (answer.failure.what, answer.failure.why, answer.failure.remedy) == ("disk", "full", "Free some.")
    assert carried == []


def test_wrong_parameters_are_named_with_their_command():
    request = codec.decode_request(codec.encode_request(5, "events", {"row_id": "three"}))
    with pytest.raises(BusError, match=r"command 'events'.*row_id"):
        codec.decode_parameters(request, EventsSince)


def test_parameters_that_cannot_be_sent_are_refused():
    with pytest.raises(BusError, match="mark"):
        codec.encode_request(1, "mark", {"text": object()})
