"""Recordings as sources: all that is there is heard, and what is not there is told."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile

from monitor.audio.sources import ArraySource, FileSource, Source, StreamSource, open_source
from monitor.errors import SourceError, UsageError
from tests.helpers.recordings import DATA, needs_recordings

KINDS = {
    "a.wav": {"format": "WAV"},
    "a.flac": {"format": "FLAC"},
    "a.ogg": {"format": "OGG", "subtype": "VORBIS"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.mp3": {"format": "MP3"},
    "a.aiff": {"format": "AIFF"},
}


def signal(seconds=3.3, rate=48_000):
    """A loud chirp and some noise."""
    t = np.arange(round(rate * seconds)) / rate
    noise = 0.02 * np.random.default_rng(2).standard_normal(len(t))
    return (0.9 * np.sin(2 * np.pi * (200 + 1_500 * t) * t) + noise).astype(np.float32)


def write(folder, name, samples=None, rate=48_000):
    path = folder / name
    soundfile.write(path, signal() if samples is None else samples, rate, **KINDS[name])
    return path


def heard(source):
    """All samples, the fault at the end if any; blocks must follow one another and be short."""
    samples, fault, expected = [], None, 0
    try:
        for block in source.blocks():
            assert block.rate == source.rate
            assert block.start == expected
            assert 0 < len(block.samples) <= source.rate
            expected = block.end
            samples.append(block.samples)
    except SourceError as error:
        fault = error
    return (np.concatenate(samples) if samples else np.zeros(0, np.float32)), fault


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_heard_as_decoded_in_one_piece(tmp_path, name):
    path = write(tmp_path, name)
    expected, _ = soundfile.read(path, dtype="float32")
    source: Source = FileSource(path)
    assert (source.name, source.rate, source.length, source.synthetic) == (str(path), 48_000, len(expected), False)
    for _ in range(2):
        got, fault = heard(source)
        assert fault is None
        np.testing.assert_array_equal(got, expected)
    assert source.non_finite == 0


def test_a_wav_and_its_pipe_are_the_same(tmp_path):
    path = write(tmp_path, "a.wav", np.stack([signal(), -0.5 * signal()], axis=1))
    from_file, _ = heard(FileSource(path))
    with path.open("rb") as stream:
        piped, fault = heard(StreamSource(stream))
    assert fault is None
    np.testing.assert_array_equal(piped, from_file)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_that_is_cut_off_gives_what_is_there_and_then_a_fault(tmp_path, name, share):
    path = write(tmp_path, name)
    whole, _ = heard(FileSource(path))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    got, fault = heard(FileSource(path))
    assert fault is not None
    assert fault.what == str(path)
    assert "cut off" in fault.why
    assert len(whole) * share * 0.5 < len(got) < len(whole)
    np.testing.assert_array_equal(got[:-4_096], whole[: len(got) - 4_096])


def test_a_file_that_is_damaged_inside_is_told(tmp_path):
    for name in ("a.flac", "a.ogg", "a.mp3", "a.opus"):
        path = write(tmp_path, name)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 4_000] = np.random.default_rng(0).bytes(4_000)
        path.write_bytes(data)
        got, fault = heard(FileSource(path))
        assert fault is not None, name
        assert len(got) > 0


def test_a_wav_whose_recorder_died_is_heard_to_its_end(tmp_path):
    path = write(tmp_path, "a.wav")
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:4] + bytes(4) + data[8:at] + bytes(4) + data[at + 4 :])
    source = FileSource(path)
    assert source.length == len(signal())
    got, fault = heard(source)
    assert fault is None
    assert len(got) == len(signal())


def test_a_flac_that_does_not_say_its_length(tmp_path):
    path = write(tmp_path, "a.flac")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    source = FileSource(path)
    assert source.length is None
    got, fault = heard(source)
    assert fault is None
    assert len(got) == len(signal())


def test_a_compressed_wav_is_decoded_by_libsndfile(tmp_path):
    path = tmp_path / "adpcm.wav"
    soundfile.write(path, signal(), 48_000, subtype="IMA_ADPCM")
    expected, _ = soundfile.read(path, dtype="float32")
    got, fault = heard(FileSource(path))
    assert fault is None
    np.testing.assert_array_equal(got, expected)


def test_an_mp3_that_does_not_say_its_length_is_not_cut_in_silence(tmp_path):
    path = tmp_path / "vbr.mp3"
    loud = 0.2 * np.random.default_rng(0).standard_normal(44_100 * 5)
    samples = np.concatenate([loud, np.zeros(44_100 * 20)])
    soundfile.write(path, samples, 44_100, format="MP3", bitrate_mode="VARIABLE")
    data = path.read_bytes()
    assert b"Xing" in data[:100]
    path.write_bytes(data[417:])
    got, fault = heard(FileSource(path))
    assert len(got) < len(samples)
    assert fault is not None
    assert "before its end" in fault.why


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"hello, world, this is no recording" * 10, "not a recording"),
        (b"\0\0\0\x20ftypM4A \0\0" + bytes(100), "format that is not decoded"),
        (b"fLaC" + bytes(100), "damaged from the beginning"),
        (b"OggS" + bytes(100), "damaged from the beginning"),
        (b"RIFF\0\0\0\0WAVE", "no data chunk"),
    ],
)
def test_each_bad_file_has_its_own_reason(tmp_path, content, reason):
    path = tmp_path / "bad.flac"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=reason) as caught:
        FileSource(path)
    assert caught.value.what == str(path)
    assert caught.value.remedy


def test_folders_and_pipes_are_no_files(tmp_path):
    with pytest.raises(SourceError, match="it is a folder"):
        FileSource(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(SourceError, match="not a regular file"):
        FileSource(tmp_path / "pipe.wav")
    with pytest.raises(SourceError, match="cannot be opened"):
        FileSource(tmp_path / ("x" * 300))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission(tmp_path):
    path = write(tmp_path, "a.wav")
    path.chmod(0)
    with pytest.raises(SourceError, match="may not read"):
        FileSource(path)


def test_a_file_that_vanishes_before_it_is_played(tmp_path):
    path = write(tmp_path, "a.wav")
    source = FileSource(path)
    path.unlink()
    _, fault = heard(source)
    assert fault is not None
    assert fault.why == "no such file"


def test_rates_and_channels_beyond_reach_are_refused(tmp_path):
    for rate in (4_000, 400_000):
        with pytest.raises(SourceError, match="sampling rate"):
            ArraySource(np.zeros(10), rate)
    with pytest.raises(SourceError, match="9 channels"):
        ArraySource(np.zeros((10, 9)), 48_000)
    path = write(tmp_path, "a.flac", np.zeros((100, 2)))
    with pytest.raises(SourceError, match="it has 2 channels, channel 3 was asked for"):
        FileSource(path, channel=3)


@pytest.mark.parametrize("rate", [8_000, 44_100, 384_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_rate_and_channel(tmp_path, rate, channels):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (rate // 10, channels)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", samples, rate, subtype="FLOAT")
    for channel in range(1, channels + 1):
        got, fault = heard(FileSource(tmp_path / "x.wav", channel=channel))
        assert fault is None
        np.testing.assert_array_equal(got, samples[:, channel - 1])
    got, _ = heard(FileSource(tmp_path / "x.wav"))
    assert any(np.array_equal(got, samples[:, channel]) for channel in range(channels))


def test_values_above_full_scale_are_kept_and_damaged_ones_counted(tmp_path):
    values = np.array([2.5, -3.0, 0.5, np.nan, np.inf, 1e20], np.float64)
    for subtype in ("FLOAT", "DOUBLE"):
        path = tmp_path / f"{subtype}.wav"
        soundfile.write(path, values, 48_000, subtype=subtype)
        source = FileSource(path)
        got, _ = heard(source)
        np.testing.assert_array_equal(got, np.float32([2.5, -3.0, 0.5, 0, 0, 0]))
        assert source.non_finite == 3
    source = ArraySource(values, 48_000)
    heard(source)
    assert source.non_finite == 3


def test_an_array_is_cut_into_seconds_and_not_shared():
    samples = signal(2.5, 8_000)
    source = ArraySource(samples, 8_000, "made", start_utc_ns=7, synthetic=True)
    assert (source.name, source.start_utc_ns, source.synthetic, source.length) == ("made", 7, True, 20_000)
    blocks = list(source.blocks())
    assert [len(block.samples) for block in blocks] == [8_000, 8_000, 4_000]
    assert not any(np.shares_memory(block.samples, samples) for block in blocks)
    with pytest.raises(ValueError, match="expected floats"):
        ArraySource(np.zeros(10, np.int16), 48_000)


def test_the_start_comes_from_the_name(tmp_path):
    path = tmp_path / "SITE_20260510_093000.wav"
    write(tmp_path, "a.wav").rename(path)
    assert FileSource(path).start_utc_ns is None
    berlin = FileSource(path, timezone=ZoneInfo("Europe/Berlin"))
    assert berlin.start_utc_ns == int(datetime(2026, 5, 10, 7, 30, tzinfo=UTC).timestamp()) * 10**9


def test_open_source_takes_the_words_of_the_command_line(tmp_path, monkeypatch):
    path = write(tmp_path, "a.wav", np.stack([signal(), 0 * signal()], axis=1))
    silent, _ = heard(open_source(path, channel="2"))
    assert not silent.any()
    loud, _ = heard(open_source(str(path)))
    assert loud.any()
    with pytest.raises(UsageError):
        open_source(path, channel="both")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    source = open_source("-")
    assert (source.name, source.rate, source.start_utc_ns) == ("-", 48_000, None)
    np.testing.assert_array_equal(heard(source)[0], loud)


@needs_recordings
@pytest.mark.parametrize("pattern", ["birds/audio/*.opus", "speech/*.ogg", "machines/**/*.flac", "music/*.ogg"])
def test_real_recordings_are_as_long_as_they_say(pattern):
    paths = sorted(DATA.glob(pattern))[:6]
    assert paths
    for path in paths:
        source = FileSource(path)
        got, fault = heard(source)
        assert fault is None, fault
        assert len(got) == source.length
        assert np.abs(got).max() > 0


@needs_recordings
def test_an_opus_file_whose_encoder_states_a_little_too_much_is_whole() -> None:
    source = FileSource(DATA / "birds" / "audio" / "nea42281c1ef5.opus")
    heard = sum(len(block.samples) for block in source.blocks())
    assert source.length is not None
    assert 0 < source.length - heard < 0.12 * source.rate
