"""The WAV parser: equal to libsndfile to the bit, whatever pieces the bytes come in; faults have names."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.streams import StreamSource
from monitor.audio.wav_stream import WavStream
from monitor.errors import SourceError

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
FORMATS = ["WAV", "WAVEX", "RF64"]


class Pieces:
    """A stream that gives its bytes in pieces of the given sizes, in turn."""

    def __init__(self, data, sizes):
        self._file = io.BytesIO(data)
        self._sizes = sizes
        self._turn = 0

    def read(self, size):
        self._turn += 1
        return self._file.read(min(size, self._sizes[self._turn % len(self._sizes)]))


def noise(channels, count=700):
    """Every value of the sample's range is likely, full scale included."""
    values = np.random.default_rng(5).uniform(-1.0, 1.0, (count, channels))
    values[:3] = [[-1.0], [1.0], [0.0]]
    return values


def wav(subtype="PCM_16", channels=1, container="WAV", rate=44_100, count=700):
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(channels, count), rate, subtype=subtype, format=container)
    return buffer.getvalue()


def frames(data, sizes=(1 << 20,), most=44_100):
    return np.concatenate(list(WavStream(Pieces(data, sizes), "x.wav").frames(most)))


def data_at(data):
    return data.index(b"data") + 4


def with_data_size(data, size):
    at = data_at(data)
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


def chunk(kind, content):
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks, kind=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return kind + struct.pack("<I", len(body)) + body


def fmt(tag=1, channels=1, rate=48_000, bits=16, frame_bytes=None):
    width = channels * bits // 8 if frame_bytes is None else frame_bytes
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits))


@pytest.mark.parametrize("container", FORMATS)
@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_equal_to_libsndfile(subtype, channels, container):
    data = wav(subtype, channels, container)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    got = frames(data)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


@given(
    st.sampled_from(SUBTYPES),
    st.integers(1, 8),
    st.lists(st.integers(1, 400), min_size=1, max_size=8),
    st.sampled_from([None, 0, 0xFFFF_FFFF, 0x7FFF_F000, 0x8000_0000]),
    st.integers(1, 900),
)
@settings(deadline=None)
def test_any_cut_of_the_bytes_gives_the_same(subtype, channels, sizes, size, most):
    data = wav(subtype, channels, count=120)
    expected = frames(data)
    if size is not None:
        data = data[: data_at(data) + 4 + expected.size * int(soundfile_width(subtype))]
        data = with_data_size(data, size)
    np.testing.assert_array_equal(frames(data, sizes, most), expected)


def soundfile_width(subtype):
    return {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}[subtype]


def test_chunks_that_mean_nothing_here_are_skipped_with_their_padding():
    samples = np.arange(10, dtype="<i2")
    data = riff(
        chunk(b"JUNK", b"x" * 27),
        chunk(b"bext", b"y" * 70_001),
        fmt(),
        chunk(b"LIST", b"INFOICMT"),
        chunk(b"data", samples.tobytes()),
        chunk(b"LIST", b"after the sound"),
    )
    np.testing.assert_array_equal(frames(data, [3])[:, 0], samples / 32_768)


def test_samples_that_use_less_than_their_container():
    """20 bits at the top of 3 bytes."""
    value = (-123_456 << 4).to_bytes(3, "little", signed=True)
    got = frames(riff(fmt(bits=20, frame_bytes=3), chunk(b"data", value * 2)))
    np.testing.assert_array_equal(got[:, 0], np.float32([-123_456 / 2**19] * 2))


def test_rf64_says_its_size_beside():
    samples = np.arange(10, dtype="<i2").tobytes()
    beside = chunk(b"ds64", struct.pack("<QQQI", 0, len(samples), 10, 0))
    sound = b"data" + struct.pack("<I", 0xFFFF_FFFF) + samples
    for kind in (b"RF64", b"BW64"):
        stream = WavStream(io.BytesIO(riff(beside, fmt(), sound + chunk(b"LIST", b"abcd"), kind=kind)), "x")
        assert stream.length == 10
        assert len(np.concatenate(list(stream.frames(4)))) == 10


def test_length_is_told_only_where_it_is_known():
    data = wav()
    assert WavStream(io.BytesIO(data), "x").length == 700
    endless = with_data_size(data, 0)
    assert WavStream(io.BytesIO(endless), "x").length is None
    assert WavStream(io.BytesIO(endless), "x", size=len(endless)).length == 700


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_a_last_frame_that_is_cut_is_left_out_and_told(size):
    data = with_data_size(wav("PCM_16", 2), size)[:-3]
    got = 0
    with pytest.raises(SourceError, match="middle of a sample"):
        for block in StreamSource(io.BytesIO(data), channel=1).blocks():
            got += len(block.samples)
    assert got == 699


def test_a_stream_that_ends_before_its_header_says_is_told_after_its_sound():
    data = wav()[:-200]
    got = 0
    with pytest.raises(SourceError, match="cut off") as caught:
        for block in StreamSource(io.BytesIO(data)).blocks():
            got += len(block.samples)
    assert got == 600
    assert "what is there was used" in caught.value.remedy.lower()


def test_the_padding_of_an_endless_odd_chunk_is_no_sample():
    sound = b"data" + struct.pack("<I", 0) + bytes(range(1, 10)) + b"\0"
    assert len(frames(riff(fmt(bits=24), sound))) == 3


def test_non_finite_values_are_replaced_and_counted():
    values = np.array([0.5, np.nan, np.inf, -np.inf, 1e30, -2.5], "<f4")
    source = StreamSource(io.BytesIO(riff(fmt(tag=3, bits=32), chunk(b"data", values.tobytes()))))
    (block,) = source.blocks()
    np.testing.assert_array_equal(block.samples, np.float32([0.5, 0, 0, 0, 0, -2.5]))
    assert source.non_finite == 4


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"RIFF", "does not begin like a WAV"),
        (b"fLaC" + bytes(100), "does not begin like a WAV"),
        (b"RIFX" + bytes(100), "big-endian"),
        (riff(), "no data chunk"),
        (riff(fmt()), "no data chunk"),
        (riff(chunk(b"data", b"ab"), fmt()), "no fmt chunk"),
        (riff(fmt())[:-5], "within its header"),
        (riff(chunk(b"fmt ", b"short")), "damaged"),
        (riff(fmt(channels=0, frame_bytes=2), chunk(b"data", b"ab")), "no channels"),
        (riff(fmt(frame_bytes=0), chunk(b"data", b"ab")), "contradicts itself"),
        (riff(fmt(bits=64, frame_bytes=8), chunk(b"data", b"ab")), "contradicts itself"),
        (riff(fmt(tag=17), chunk(b"data", b"ab")), "compressed WAV"),
        (riff(fmt(rate=4_000), chunk(b"data", b"ab")), "sampling rate of 4000 Hz"),
        (riff(fmt(rate=400_000), chunk(b"data", b"ab")), "sampling rate of 400000 Hz"),
        (riff(fmt(channels=9), chunk(b"data", b"ab")), "9 channels"),
        (riff(fmt(), chunk(b"data", b"")), "holds no sound"),
    ],
)
def test_faults_have_a_reason_and_a_remedy(data, reason):
    with pytest.raises(SourceError, match=reason) as caught:
        list(StreamSource(io.BytesIO(data)).blocks())
    assert caught.value.what == "-"
    assert caught.value.remedy


@given(st.binary(max_size=200), st.integers(0, 60))
@settings(deadline=None)
def test_damaged_headers_never_escape_as_anything_else(garbage, at):
    data = bytearray(wav(count=20))
    data[at : at + len(garbage)] = garbage
    try:
        list(StreamSource(io.BytesIO(bytes(data))).blocks())
    except SourceError as fault:
        assert fault.remedy


def test_what_follows_is_read_to_its_end_and_a_second_recording_is_told():
    data = wav()
    stream = io.BytesIO(data + b"LIST" + bytes(200_000))
    list(StreamSource(stream).blocks())
    assert stream.read() == b""
    with pytest.raises(SourceError, match="another recording follows"):
        list(StreamSource(io.BytesIO(data + data)).blocks())


def test_a_stream_plays_once():
    source = StreamSource(io.BytesIO(wav()))
    list(source.blocks())
    with pytest.raises(SourceError, match="played already"):
        source.blocks()
