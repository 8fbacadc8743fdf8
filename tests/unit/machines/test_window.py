"""Windows, contexts and plain figures: the same from a clip as from a stream, and blind to what they should not see."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.core.types import AudioBlock, Span
from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.normals import context_direction, context_length, gather
from monitor.machines.simple import SPECTRUM_WIDTH, percentiles_of, simple_features
from monitor.machines.window import FRAMES, HOP, SAMPLES, MachineWindows, clip_windows, window_count
from tests.helpers.machines import fan


def test_a_window_is_the_kernels_frames_and_the_very_samples():
    wave = fan(5.0, 0)
    frames = Kernel(MACHINE)(wave)
    windows = clip_windows(wave)
    assert len(windows) == window_count(len(wave)) == 3
    for number, window in enumerate(windows):
        start = number * HOP
        assert np.array_equal(window.values, frames[start : start + FRAMES])
        assert np.array_equal(window.wave, wave[start * 256 : start * 256 + SAMPLES])
        assert window.span == Span(start * 768, start * 768 + 3 * SAMPLES)


def test_a_stream_that_begins_late_gives_windows_of_the_same_grid():
    wave = fan(9.0, 1)
    stage = MachineWindows()
    stage.reset(3 * 20_000)
    late = stage.push(AudioBlock(wave[20_000:], 20_000, 16_000))
    whole = clip_windows(wave)
    assert [window.span for window in late] == [window.span for window in whole[2:]]
    assert np.array_equal(late[0].values, whole[2].values)


def test_a_short_clip_is_repeated_in_the_waveform():
    wave = fan(1.0, 0)
    (window,) = clip_windows(wave)
    assert np.array_equal(window.wave, np.resize(wave, SAMPLES))
    with pytest.raises(ValueError, match="without samples"):
        clip_windows(wave[:0])


def test_a_context_is_measured_as_one_stretch():
    wave = fan(5.0, 0)
    windows = clip_windows(wave)
    features = simple_features(windows)
    covered = wave[: 2 * HOP * 256 + SAMPLES].astype(np.float64)
    assert features.span.length == 3 * len(covered)
    assert features.level_db == pytest.approx(20 * np.log10(covered.std()), abs=1e-6)
    frames = Kernel(MACHINE)(wave)[: 2 * HOP + FRAMES].astype(np.float64)
    groups = frames.reshape(len(frames), 14, 16).mean(axis=2)
    expected = np.percentile(groups, (5, 50, 95, 99), axis=0).T.ravel() - features.level_db
    assert features.spectrum[:-2] == pytest.approx(expected, abs=1e-5)
    crest = 20 * np.log10(np.abs(covered - covered.mean()).max() / covered.std())
    assert features.spectrum[-2] == pytest.approx(crest, abs=1e-9)
    with pytest.raises(ValueError, match="follow one another"):
        simple_features([windows[0], windows[2]])


def test_the_spectrum_does_not_know_the_gain_but_the_level_does():
    quiet, loud = (simple_features(clip_windows(gain * fan(5.0, 0))) for gain in (np.float32(1.0), np.float32(4.0)))
    assert loud.spectrum == pytest.approx(quiet.spectrum, abs=1e-3)
    assert loud.level_db - quiet.level_db == pytest.approx(20 * np.log10(4.0), abs=1e-4)


def test_silence_has_figures_too():
    features = simple_features(clip_windows(np.zeros(SAMPLES, np.float32)))
    assert features.spectrum.shape == (SPECTRUM_WIDTH,)
    assert np.isfinite(features.spectrum).all()
    assert features.level_db == pytest.approx(-180.0)


def test_percentiles_are_numpys():
    values = np.random.default_rng(0).standard_normal((37, 5))
    assert percentiles_of(values, (0.0, 5.0, 50.0, 99.0, 100.0)) == pytest.approx(
        np.percentile(values, (0.0, 5.0, 50.0, 99.0, 100.0), axis=0)
    )


@pytest.mark.parametrize(
    ("windows", "length"),
    [([8] * 30, 8), ([1] * 4, 1), ([600], 8), ([2] * 40, 2), ([8], 1), ([8] * 3, 3), ([40, 40], 8), ([1, 1, 30], 1)],
)
def test_a_context_is_as_long_as_the_clips_allow(windows: list[int], length: int):
    assert context_length(windows) == length


def test_contexts_that_share_audio_are_left_out_together():
    normals = gather([fan(40.0, 0), fan(12.0, 1)], [False, True], 4)
    everything = np.ones(len(normals), dtype=np.bool_)
    seen: list[int] = []

    def score(known: np.ndarray, judged: np.ndarray) -> np.ndarray:
        for clip in np.unique(normals.clip[judged]):
            same = normals.clip == clip
            apart = np.abs(normals.first[known & same][:, None] - normals.first[judged & same][None])
            assert apart.size == 0 or apart.min() > normals.context
        seen.append(int(judged.sum()))
        return np.zeros(int(judged.sum()))

    assert np.isfinite(normals.left_out(everything, score)).all()
    assert sum(seen) == len(normals)
    assert len(seen) > 4


def test_embeddings_that_cancel_have_no_direction():
    assert np.array_equal(context_direction(np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)), np.zeros(2))
    assert context_direction(np.array([[0.6, 0.8]], np.float32)) == pytest.approx([0.6, 0.8])
