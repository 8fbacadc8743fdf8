"""One channel out of several: never silence out of sound, and the same however the frames are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.downmix import Downmix, parse_channel
from monitor.errors import UsageError

RATE = 8_000


def tone(seconds, hertz=440.0):
    return np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE).astype(np.float32)


def mono(frames, sizes=(1 << 20,), channel="loudest"):
    downmix = Downmix(RATE, frames.shape[1], channel)
    out, at, turn = [], 0, 0
    while at < len(frames):
        size = sizes[turn % len(sizes)]
        out += downmix.push(frames[at : at + size])
        at, turn = at + size, turn + 1
    out += downmix.flush()
    assert downmix.flush() == []
    return np.concatenate(out)


def test_opposite_phase_does_not_cancel():
    samples = tone(2.5)
    out = mono(np.stack([samples, -samples], axis=1))
    np.testing.assert_array_equal(np.abs(out), np.abs(samples))


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_channel_is_not_chosen_whatever_its_offset(dead):
    samples = tone(3.2)
    frames = np.stack([samples * 0.1, samples * 0.1], axis=1)
    frames[:, dead] = 0.9
    np.testing.assert_array_equal(mono(frames), frames[:, 1 - dead])


def test_a_channel_that_dies_is_left_within_the_second_and_faded():
    samples = tone(4)
    frames = np.stack([samples, samples * 0.5], axis=1)
    frames[2 * RATE :, 0] = 0
    out = mono(frames)
    np.testing.assert_array_equal(out[: 2 * RATE], samples[: 2 * RATE])
    np.testing.assert_array_equal(out[2 * RATE + 80 :], frames[2 * RATE + 80 :, 1])
    assert np.abs(np.diff(out)).max() <= np.abs(np.diff(samples)).max() + 0.02


def test_a_little_louder_is_no_reason_to_change():
    samples = tone(4)
    frames = np.stack([samples * 0.5, samples * 0.4], axis=1)
    frames[2 * RATE :, 1] = samples[2 * RATE :]
    np.testing.assert_array_equal(mono(frames), frames[:, 0])


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6), st.integers(1, 8), st.integers(1, 30_000))
@settings(deadline=None)
def test_the_cut_changes_nothing(sizes, channels, count):
    rng = np.random.default_rng(4)
    loudness = np.repeat(10.0 ** rng.uniform(-4, 0, (4, channels)), 8_000, axis=0)
    frames = (rng.standard_normal((32_000, channels)) * loudness).astype(np.float32)[:count]
    out = mono(frames, sizes)
    np.testing.assert_array_equal(out, mono(frames))
    assert len(out) == count


def test_a_named_channel_is_that_channel_at_once():
    frames = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    (out,) = Downmix(RATE, 3, 2).push(frames)
    np.testing.assert_array_equal(out, frames[:, 1])
    assert not np.shares_memory(out, frames)


def test_choices_on_the_command_line():
    assert parse_channel("loudest") == "loudest"
    assert parse_channel("8") == 8
    for text in ("0", "9", "left", "", "-1", "1.0", "²"):
        with pytest.raises(UsageError, match="no such choice"):
            parse_channel(text)
