"""From a clip to its embedding: the bird is found wherever it is, and what cannot teach is refused with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.clipping import ClippingWatch
from monitor.audio.rates import blocks_of
from monitor.birds.clips import embed_clip, prepare, prepare_clip, read_clip
from monitor.birds.embedder import Embedder
from monitor.birds.frames import frame_blocks, frames_of, gate_probabilities
from monitor.birds.gate import GateThresholds
from monitor.core.types import AudioBlock
from monitor.errors import SourceError, UsageError
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from monitor.inference.bundle import Bundle, load_bundle
from tests.helpers.enrolling import LOW, RATE, clip_samples
from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_gate_bundle(tmp_path_factory.mktemp("gate")))


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(load_bundle(make_encoder_bundle(tmp_path_factory.mktemp("encoder"))))


# -- frames ------------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60_000), st.lists(st.integers(1, 20_000), max_size=6), st.sampled_from([1, 50, 147]))
def test_cutting_a_stream_differently_gives_the_same_frames(length: int, cuts: list[int], least: int):
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32) * np.float32(0.1)
    blocks, start = [], 0
    for cut in [*cuts, length]:
        if start < length:
            blocks.append(AudioBlock(samples[start : start + cut], start))
            start += cut
    if start < length:
        blocks.append(AudioBlock(samples[start:], start))
    parts = [block.values for block in frame_blocks(blocks, BIRD, least)]
    whole = frames_of(samples, BIRD, least)
    cut_up = np.concatenate(parts) if parts else np.zeros((0, BIRD.bands), np.float32)
    assert np.array_equal(cut_up, whole)
    # 16 kHz have a third of the samples; the shortest may have none.
    assert len(whole) == max(least, BIRD.frames_in(length // 3)) or length < 3


def test_a_short_stream_is_repeated_in_the_waveform():
    tone = (0.5 * np.sin(2 * np.pi * 1_000 * np.arange(RATE // 10) / RATE)).astype(np.float32)
    frames = frames_of(tone, BIRD, least=147)
    # A whole number of periods: repeated, it is a long tone.
    long = Kernel(BIRD)(0.5 * np.sin(2 * np.pi * 1_000 * np.arange(BIRD.samples_in(147)) / BIRD.rate))
    assert frames.shape == long.shape
    assert np.abs(frames.max(axis=1) - long.max(axis=1)).max() < 1.0
    assert not list(frame_blocks([], BIRD, least=147))


# -- clips -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [0.0, 4.0, 9.5])
def test_the_bird_is_found_wherever_it_is(gate: Bundle, embedder: Embedder, at_s: float):
    samples = clip_samples(LOW, length_s=12.0, at_s=at_s)
    prepared = prepare_clip(samples, "garden.wav", gate, embedder)
    assert prepared.warnings == ()
    best = prepared.chosen[0]
    assert best.start / RATE < at_s + 2.0
    assert best.end / RATE > at_s
    assert best.end <= len(samples)
    assert 1.5 <= prepared.active / RATE <= 4.5
    assert prepared.peak > 0.9
    alone = prepare_clip(call(LOW, 2.0, rate=RATE), "call.wav", gate, embedder)
    assert float(prepared.windows[0] @ alone.clip.embedding) > 0.9


def test_the_embedding_is_that_of_the_shared_rule(gate: Bundle, embedder: Embedder):
    samples = clip_samples(LOW, length_s=12.0, at_s=5.0)
    prepared = prepare_clip(samples, "garden.wav", gate, embedder)
    frames = frames_of(samples, BIRD, least=embedder.frames)
    expected = embed_clip(frames, gate_probabilities(gate, frames), embedder)
    assert np.array_equal(prepared.clip.embedding, expected)
    assert np.array_equal(prepared.clip.samples, samples)
    assert prepared.clip.rate == RATE
    with pytest.raises(ValueError, match="147"):
        embed_clip(frames[:50], np.ones(1, np.float32), embedder)


def test_a_call_shorter_than_a_window_is_heard_and_told(gate: Bundle, embedder: Embedder):
    short = prepare_clip(call(LOW, 0.4, rate=RATE), "short.wav", gate, embedder)
    assert any("very short: 0.4 s" in warning for warning in short.warnings)
    assert [(span.start, span.end) for span in short.chosen] == [(0, round(0.4 * RATE))]


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (np.zeros(RATE, np.float32), "silent"),
        (np.full(RATE, 0.3, np.float32), "silent"),
        (np.full(RATE, 1e-4, np.float32) * np.sign(np.sin(np.arange(RATE))).astype(np.float32), "silent"),
        (call(LOW, 2.0, rate=RATE)[:2_000], "too short"),
        (np.zeros(0, np.float32), "too short"),
        ((0.5 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE)).astype(np.float32), "no bird"),
    ],
)
def test_what_cannot_teach_is_refused(gate: Bundle, embedder: Embedder, samples: np.ndarray, why: str):
    with pytest.raises(UsageError, match=why) as caught:
        prepare_clip(samples, "garden.wav", gate, embedder)
    assert "garden.wav" in caught.value.what
    assert caught.value.remedy


def test_an_unsure_gate_warns(gate: Bundle, embedder: Embedder):
    noise = (0.01 * np.random.default_rng(0).standard_normal(4 * RATE)).astype(np.float32)
    unsure = prepare_clip(noise, "noise.wav", gate, embedder, GateThresholds(on=0.99, off=0.1))
    assert any("not sure" in warning for warning in unsure.warnings)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_clip_comes_at_the_engine_rate_with_what_was_wrong(tmp_path: Path):
    loud = np.clip(4.0 * call(LOW, 2.0, rate=44_100), -1.0, 1.0)
    loud[100] = np.nan
    soundfile.write(tmp_path / "loud.wav", loud, 44_100, subtype="FLOAT")
    recorded = read_clip(tmp_path / "loud.wav")
    assert len(recorded.samples) == 2 * RATE
    assert recorded.clipped
    assert recorded.non_finite == 1
    soundfile.write(tmp_path / "quiet.wav", call(LOW, 2.0, rate=44_100), 44_100)
    assert not read_clip(tmp_path / "quiet.wav").clipped


def test_clipping_and_values_that_are_no_numbers_are_told(tmp_path: Path, gate: Bundle, embedder: Embedder):
    loud = np.clip(4.0 * call(LOW, 2.0, rate=RATE), -1.0, 1.0)
    loud[5] = np.inf
    soundfile.write(tmp_path / "loud.wav", loud, RATE, subtype="FLOAT")
    told = " ".join(prepare(read_clip(tmp_path / "loud.wav"), gate, embedder).warnings)
    assert "clipped" in told
    assert "1 values that are no numbers" in told


def test_a_whole_night_is_no_clip_and_half_a_file_neither(tmp_path: Path):
    soundfile.write(tmp_path / "night.wav", np.zeros(8_000 * 301, np.int16), 8_000)
    with pytest.raises(UsageError, match="longer than 5 minutes"):
        read_clip(tmp_path / "night.wav")
    soundfile.write(tmp_path / "half.wav", call(LOW, 2.0, rate=RATE), RATE)
    content = (tmp_path / "half.wav").read_bytes()
    (tmp_path / "half.wav").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match="half"):
        read_clip(tmp_path / "half.wav")


@settings(max_examples=40, deadline=None)
@given(
    st.floats(150.0, 20_000.0),
    st.floats(0.0, 6.0),
    st.sampled_from([16_000, 44_100, 48_000, 96_000]),
    st.sampled_from(["PCM_16", "float"]),
)
def test_no_pure_tone_counts_as_clipped_and_every_cut_one_does(hz: float, phase: float, rate: int, kind: str):
    if hz > 0.45 * rate:
        hz = 0.45 * rate
    tone = np.sin(phase + 2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)
    cut = np.clip(8.0 * tone, -1.0, 1.0)
    if kind == "PCM_16":
        tone, cut = (np.round(32_767 * values).astype(np.float32) / 32_768 for values in (tone, cut))
    assert not _clipped(tone)
    # A flat top needs three samples: what is cut there has nearly half a period.
    if hz < rate / 12:
        assert _clipped(cut.astype(np.float32))


def _clipped(samples: np.ndarray) -> bool:
    watch = ClippingWatch()
    for block in watch.over(blocks_of(samples)):
        assert len(block.samples)
    return watch.clipped
