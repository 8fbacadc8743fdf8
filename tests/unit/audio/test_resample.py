"""Resampling: every sample in its place, at every rate, however it is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.resample import Decimate, EngineRate
from monitor.core.clock import engine_index, native_index, next_grid_index
from monitor.core.types import AudioBlock

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000, 250_000, 384_000]


def chirp(rate, seconds):
    """Full scale, from 0 Hz to half the rate."""
    t = np.arange(round(rate * seconds)) / rate
    return np.sin(np.pi * rate / (2 * seconds) * t**2).astype(np.float32)


def blocks(samples, sizes, rate, start=0):
    """Blocks of the given sizes in turn."""
    made, at, turn = [], 0, 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        made.append(AudioBlock(samples[at : at + size], start + at, rate))
        at += size
        turn += 1
    return made


def run(stage, given_blocks):
    """Index of the first sample and all samples; the blocks must follow one another."""
    out = [block for item in given_blocks for block in stage.push(item)] + list(stage.flush())
    for before, after in pairwise(out):
        assert after.start == before.end
    samples = np.concatenate([block.samples for block in out]) if out else np.zeros(0, np.float32)
    return (out[0].start if out else None), samples


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_comes_out_where_it_went_in(rate):
    stage = EngineRate(rate)
    for at in (rate // 50 + 1, rate // 10, rate // 10 + 7):
        samples = np.zeros(rate // 4, np.float32)
        samples[at] = 1.0
        stage.reset(0)
        _, out = run(stage, blocks(samples, [997], rate))
        assert abs(int(np.argmax(np.abs(out))) - at * 48_000 / rate) <= 0.5
        # The middle of the impulse, not only its highest sample.
        power = out.astype(np.float64) ** 2
        centre = (np.arange(len(out)) * power).sum() / power.sum()
        assert centre == pytest.approx(at * 48_000 / rate, abs=0.1)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_pitch_and_level(rate):
    samples = np.sin(2 * np.pi * 1_000 * np.arange(rate) / rate).astype(np.float32)
    start, out = run(EngineRate(rate), blocks(samples, [4_801], rate))
    assert (start, len(out)) == (0, 48_000)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(48_000)))
    assert np.argmax(spectrum) == 1_000
    assert np.abs(out[4_800:-4_800]).max() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("rate", RATES)
def test_the_cut_changes_nothing(rate):
    samples = chirp(rate, 0.5)
    _, whole = run(EngineRate(rate), blocks(samples, [len(samples)], rate))
    assert len(whole) == engine_index(len(samples), rate)
    for sizes in ([63], [64], [65], [997], [1, 4_000, 2]):
        _, cut = run(EngineRate(rate), blocks(samples, sizes, rate))
        np.testing.assert_array_equal(cut, whole)
    _, ones = run(EngineRate(rate), blocks(samples[:3_000], [1], rate))
    _, few = run(EngineRate(rate), blocks(samples[:3_000], [3_000], rate))
    np.testing.assert_array_equal(ones, few)


@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_the_cut_changes_nothing_in_decimation(rate):
    samples = chirp(48_000, 0.5)
    _, whole = run(Decimate(rate), blocks(samples, [len(samples)], 48_000))
    assert len(whole) == len(samples) * rate // 48_000
    for sizes in ([1], [63], [64], [65], [997], [1, 4_000, 2]):
        _, cut = run(Decimate(rate), blocks(samples, sizes, 48_000))
        np.testing.assert_array_equal(cut, whole)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=12), st.sampled_from([8_000, 44_100, 48_000, 250_000]))
@settings(max_examples=40, deadline=None)
def test_any_cut_with_empty_blocks(sizes, rate):
    samples = chirp(rate, 0.2)[: sum(sizes)]
    pieces, at = [], 0
    for size in sizes:
        pieces.append(AudioBlock(samples[at : at + size], min(at, len(samples)), rate))
        at += size
    _, cut = run(EngineRate(rate), pieces)
    _, whole = run(EngineRate(rate), blocks(samples, [max(1, len(samples))], rate))
    np.testing.assert_array_equal(cut, whole)
    assert len(cut) == engine_index(len(samples), rate)


@given(st.sampled_from([*RATES, 12_345]), st.integers(0, 2_000_000), st.integers(1, 700))
@settings(max_examples=150, deadline=None)
def test_after_a_gap_the_stream_begins_on_the_grid_and_ends_where_the_input_did(rate, first, count):
    """`first` is the native index at which sound is heard again; the runner resets to the next multiple of 3."""
    stage = EngineRate(rate)
    at = next_grid_index(engine_index(first, rate))
    stage.push(AudioBlock(np.ones(10, np.float32), 0, rate))
    stage.reset(at)
    start, out = run(stage, blocks(np.ones(count, np.float32), [64], rate, first))
    reaches = first + count > native_index(at, rate)
    assert len(out) == (max(0, engine_index(first + count, rate) - at) if reaches else 0)
    assert start == (at if len(out) else None)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_reset_is_a_fresh_stage_and_drops_what_lies_before_it(rate):
    samples = chirp(rate, 0.3)
    at = 4_803
    used = EngineRate(rate)
    run(used, blocks(samples, [500], rate))
    used.reset(at)
    start, out = run(used, blocks(samples, [500], rate))
    kept = native_index(at, rate)
    assert start == at
    fresh = EngineRate(rate)
    fresh.reset(at)
    _, again = run(fresh, blocks(samples[kept:], [500], rate, kept))
    np.testing.assert_array_equal(out, again)


@pytest.mark.parametrize(("rate", "ratio"), [(32_000, (2, 3)), (16_000, (1, 3))])
def test_decimation_numbers_its_output_from_the_reset(rate, ratio):
    stage = Decimate(rate)
    stage.reset(9_999)
    start, out = run(stage, blocks(chirp(48_000, 0.1), [700], 48_000, 9_999))
    assert start == 9_999 * ratio[0] // ratio[1]
    assert len(out) == (9_999 + 4_800) * ratio[0] // ratio[1] - start


@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_decimation_keeps_what_fits_and_removes_the_rest(rate):
    t = np.arange(48_000) / 48_000
    for hertz, kept in ((1_000, True), (7_000, True), (rate // 2 + 1_000, False), (23_000, False)):
        _, out = run(Decimate(rate), blocks(np.sin(2 * np.pi * hertz * t).astype(np.float32), [4_800], 48_000))
        level = np.abs(out[1_600:-1_600]).max()
        assert level == pytest.approx(1.0, abs=2e-3) if kept else level < 1e-4


@pytest.mark.parametrize("rate", [44_100, 11_025, 250_000])
def test_ten_minutes_end_where_they_should(rate):
    stage = EngineRate(rate)
    second = np.zeros(rate, np.float32)
    second[rate // 2] = 1.0
    made, peaks = 0, []
    for start in range(0, 600 * rate, rate):
        for block in stage.push(AudioBlock(second, start, rate)):
            assert block.start == made
            made = block.end
            if np.abs(block.samples).max() > 0.05:
                peaks.append(block.start + int(np.argmax(np.abs(block.samples))))
    made += sum(len(block.samples) for block in stage.flush())
    assert made == 600 * 48_000
    assert abs(peaks[-1] - (599 * rate + rate // 2) * 48_000 / rate) <= 0.5


@pytest.mark.parametrize("rate", RATES)
def test_it_never_holds_back_more_than_it_says(rate):
    stage = EngineRate(rate)
    noise = np.random.default_rng(1).standard_normal(rate).astype(np.float32)
    made = 0
    for block in blocks(noise, [53], rate):
        made += sum(len(out.samples) for out in stage.push(block))
        assert engine_index(block.end, rate) - made <= stage.latency


@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_decimation_never_holds_back_more_than_it_says(rate):
    stage = Decimate(rate)
    made = 0
    for block in blocks(chirp(48_000, 1.0), [53], 48_000):
        made += sum(len(out.samples) for out in stage.push(block))
        assert block.end - made * 48_000 // rate <= stage.latency
    assert stage.latency < 2_400


def test_flush_twice_equals_once():
    for stage, rate in ((EngineRate(44_100), 44_100), (Decimate(16_000), 48_000), (EngineRate(48_000), 48_000)):
        stage.push(AudioBlock(np.ones(5_000, np.float32), 0, rate))
        stage.flush()
        assert list(stage.flush()) == []


def test_what_passes_at_48_khz_is_the_same_but_not_shared():
    samples = chirp(48_000, 0.1)
    (block,) = EngineRate(48_000).push(AudioBlock(samples, 0))
    np.testing.assert_array_equal(block.samples, samples)
    assert not np.shares_memory(block.samples, samples)


def test_jumps_wrong_rates_and_points_off_the_grid_are_refused():
    stage = EngineRate(44_100)
    stage.push(AudioBlock(np.ones(10, np.float32), 0, 44_100))
    with pytest.raises(ValueError, match="jumps"):
        stage.push(AudioBlock(np.ones(10, np.float32), 11, 44_100))
    with pytest.raises(ValueError, match="expected audio at"):
        stage.push(AudioBlock(np.ones(10, np.float32), 10, 48_000))
    with pytest.raises(ValueError, match="multiple of 3"):
        stage.reset(4)
    with pytest.raises(ValueError, match="must be one of"):
        Decimate(22_050)
