from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.types import AudioBlock, FeatureBlock
from monitor.features.frontend import GROUP, SLICE, Frontend, Kernel
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec
from tests.contract.streams import test_signal as make_signal

SPECS = [pytest.param(spec, id=spec.name) for spec in (BIRD, MACHINE, SCENE, SPECIES)]
on_every_spec = pytest.mark.parametrize("spec", SPECS)


def sine(spec: FeatureSpec, hz: float, level: float = 1.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(spec.rate) / spec.rate)).astype(np.float32)


def stream(frontend: Frontend, samples: np.ndarray, sizes: list[int], first: int = 0) -> list[FeatureBlock]:
    blocks: list[FeatureBlock] = []
    start = 0
    for size in itertools.cycle(sizes):
        if start >= len(samples):
            return blocks
        piece = samples[start : start + size]
        blocks += frontend.push(AudioBlock(piece, first + start, frontend.spec.rate))
        start += size
    return blocks


@on_every_spec
@pytest.mark.parametrize("size", [1, 63, 64, 65, 997, 10**9])
def test_streaming_equals_batch_bit_for_bit(spec: FeatureSpec, size: int) -> None:
    samples = make_signal(spec.rate, spec.rate)
    blocks = stream(Frontend(spec), samples, [size])
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), Kernel(spec)(samples))
    assert [block.first_frame for block in blocks] == list(
        itertools.accumulate([len(block.values) for block in blocks[:-1]], initial=0)
    )


@on_every_spec
@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=10))
def test_streaming_equals_batch_for_any_cut(spec: FeatureSpec, sizes: list[int]) -> None:
    samples = make_signal(3 * spec.rate, spec.rate)
    blocks = stream(Frontend(spec), samples, sizes)
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), Kernel(spec)(samples))


@on_every_spec
def test_a_frame_does_not_depend_on_its_neighbours_number_or_place(spec: FeatureSpec) -> None:
    samples = make_signal(spec.samples_in(3 * GROUP + 5), spec.rate)
    kernel = Kernel(spec)
    whole = kernel(samples)
    for first, count in ((0, 1), (1, 1), (5, 17), (GROUP - 1, 3), (7, 2 * GROUP + 1)):
        start = first * spec.hop
        np.testing.assert_array_equal(
            kernel(samples[start : start + spec.samples_in(count)]), whole[first : first + count]
        )


@on_every_spec
def test_strides_alignment_and_type_of_the_samples_do_not_matter(spec: FeatureSpec) -> None:
    samples = make_signal(spec.samples_in(9), spec.rate)
    kernel = Kernel(spec)
    expected = kernel(samples)
    stereo = np.repeat(samples[:, np.newaxis], 2, axis=1)
    shifted = np.frombuffer(b"x" + samples.tobytes(), dtype=np.uint8)[1:].view(np.float32)
    for other in (stereo[:, 1], shifted, samples.astype(np.float64), samples[::-1].copy()[::-1]):
        np.testing.assert_array_equal(kernel(other), expected)


@on_every_spec
def test_shape_and_type(spec: FeatureSpec) -> None:
    kernel = Kernel(spec)
    for frames in (0, 1, 2, 70):
        features = kernel(make_signal(spec.samples_in(frames) or spec.window - 1, spec.rate))
        assert features.shape == (frames, spec.bands)
        assert features.dtype == np.float32


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.id in ("bird", "machine")])
def test_decibels_are_relative_to_a_full_scale_sine(spec: FeatureSpec) -> None:
    kernel = Kernel(spec)
    for hz in (500.0, 1000.0, 4321.0):
        assert -3.0 < kernel(sine(spec, hz)).max() < 2.0
    loud, quiet = kernel(sine(spec, 1000.0)), kernel(sine(spec, 1000.0, 0.01))
    band = loud[0].argmax()
    np.testing.assert_allclose(loud[:, band] - quiet[:, band], 40.0, atol=1e-3)
    np.testing.assert_array_equal(kernel(np.zeros(spec.rate, dtype=np.float32)), np.float32(-90.0))


def test_a_quiet_chirp_in_quiet_noise_keeps_its_detail() -> None:
    """Noise at -60 dBFS keeps nearly all of its cells; a floor of 1e-6 would leave it a tenth of them."""
    time = np.arange(BIRD.rate) / BIRD.rate
    chirp = 1e-3 * np.sin(2 * np.pi * (200 * time + 3500 * time**2))
    noise = 1e-3 * np.random.default_rng(0).standard_normal(BIRD.rate)
    features = Kernel(BIRD)((chirp + noise).astype(np.float32))
    assert (features > -90.0).mean() > 0.97
    assert (features > -60.0).mean() < 0.15


def test_log_has_its_floor() -> None:
    silence = Kernel(SCENE)(np.zeros(SCENE.rate, dtype=np.float32))
    np.testing.assert_allclose(silence, np.log(1e-5), rtol=1e-6)


def test_pre_emphasis_of_a_frame_needs_no_sample_before_it() -> None:
    samples = make_signal(SCENE.samples_in(4), SCENE.rate)
    other = samples.copy()
    other[: SCENE.hop] = 0.9
    np.testing.assert_array_equal(Kernel(SCENE)(samples)[1:], Kernel(SCENE)(other)[1:])


@on_every_spec
@pytest.mark.parametrize("at", [3, 2_400, 48_000, 48_000 * 3600 * 24 * 365 + 1_500])
def test_after_a_reset_the_first_frame_is_the_next_grid_point(spec: FeatureSpec, at: int) -> None:
    first_sample = -(-at * spec.rate // 48_000)
    first_frame = -(-first_sample // spec.hop)
    skipped = first_frame * spec.hop - first_sample
    samples = make_signal(spec.rate, spec.rate)
    frontend = Frontend(spec)
    stream(frontend, samples, [480])
    frontend.flush()
    frontend.reset(at)
    blocks = stream(frontend, samples, [100, 3_000], first_sample)
    assert blocks[0].first_frame == first_frame
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), Kernel(spec)(samples[skipped:]))


def test_a_block_of_another_rate_or_place_is_refused() -> None:
    frontend = Frontend(BIRD)
    samples = np.zeros(100, dtype=np.float32)
    with pytest.raises(ValueError, match="16000 Hz"):
        frontend.push(AudioBlock(samples, 0))
    frontend.push(AudioBlock(samples, 0, 16_000))
    with pytest.raises(ValueError, match="a gap needs reset"):
        frontend.push(AudioBlock(samples, 101, 16_000))


def test_a_large_push_is_taken_in_slices_and_gives_one_block() -> None:
    samples = make_signal(5 * SLICE, BIRD.rate)
    (block,) = Frontend(BIRD).push(AudioBlock(samples, 0, BIRD.rate))
    assert len(block.values) == BIRD.frames_in(len(samples))


def test_an_empty_block_gives_nothing() -> None:
    assert not Frontend(BIRD).push(AudioBlock(np.zeros(0, dtype=np.float32), 0, BIRD.rate))
