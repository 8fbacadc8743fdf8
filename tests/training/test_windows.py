"""Which windows are drawn, how they are rendered, and which count as holding a bird."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.config import Mixing, WindowChoice
from training.data.audio import AudioStore
from training.data.catalog import Box
from training.data.contrast import window_contrast
from training.data.datasets import Renderer
from training.data.pool import Content, Place, label_windows
from training.data.splits import Part
from training.protocol import has_bird, windows_of

LENGTH = BIRD.samples_in(50)


def test_a_call_stands_out_and_noise_does_not() -> None:
    generator = np.random.default_rng(0)
    sound = 0.01 * generator.standard_normal(6 * BIRD.rate)
    inside = slice(4 * BIRD.rate, int(4.3 * BIRD.rate))
    sound[inside] += 0.2 * np.sin(2 * np.pi * 4000 * np.arange(int(0.3 * BIRD.rate)) / BIRD.rate)
    features = Kernel(BIRD)(sound)
    starts = np.arange(0, len(features) - 50, 25)
    contrast = window_contrast(features, starts, 50, lowest_band=20)
    whole = (starts <= 4 * 50 - 10) & (starts + 50 >= 4.3 * 50 + 10)
    apart = (starts + 50 < 4 * 50 - 10) | (starts > 4.3 * 50 + 10)
    assert contrast[whole].min() > 15
    assert contrast[apart].max() < 8


def test_labels_of_windows() -> None:
    choice = WindowChoice()
    bird, pause = Content.BIRD, Content.PAUSE
    assert label_windows(np.array([40.0, 26.0, 12.0, 5.0]), bird, choice) == [bird, bird, None, pause]
    assert label_windows(np.array([12.0, 5.0]), bird, choice) == [None, None]
    assert label_windows(np.array([12.0, 5.0]), Content.ESC50_BIRD, choice) == [Content.ESC50_BIRD] * 2


def _renderer(seed: int = 0, **mixing: float) -> Renderer:
    generator = np.random.default_rng(5)
    sounds = {name: 0.1 * generator.standard_normal(LENGTH).astype(np.float32) for name in ("a", "b1", "b2", "c")}
    places = {name: (i * LENGTH, LENGTH) for i, name in enumerate(sounds)}
    store = AudioStore("test", np.concatenate(list(sounds.values())), places)
    pool = [
        Place("a", 0, Content.BIRD, "a", Part.TRAIN, frozenset()),
        Place("b1", 0, Content.ESC50_BIRD, "b1", Part.TRAIN, frozenset({1})),
        Place("b2", 0, Content.ESC50, "b2", Part.TRAIN, frozenset({2})),
        Place("c", 0, Content.SPEECH, "c", Part.TRAIN, frozenset()),
    ]
    return Renderer(pool, store, BIRD, 50, [(Mixing(**mixing), 1.0)], seed)


def test_an_example_depends_on_seed_and_number_only() -> None:
    first, again, other = _renderer(), _renderer(), _renderer(seed=1)
    forwards = [first(i)[0] for i in range(6)]
    backwards = [again(i)[0] for i in reversed(range(6))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert not np.array_equal(forwards, [other(i)[0] for i in range(6)])


def test_an_example_never_mixes_two_folds() -> None:
    renderer = _renderer(background_share=1.0, esc50_bird_share=0.5)
    seen = {renderer(i)[2] for i in range(80)}
    assert seen == {0, 1 << 1, 1 << 2}


def test_levels_are_drawn_alike_for_both_classes() -> None:
    renderer = _renderer(hiss_share=0.0)
    levels: dict[float, list[float]] = {0.0: [], 1.0: []}
    for i in range(120):
        features, label, *_ = renderer(i)
        levels[label].append(float(features.astype(np.float64).mean()))
    assert abs(np.mean(levels[0.0]) - np.mean(levels[1.0])) < 8


@given(st.floats(0, 5), st.floats(0.05, 3))
def test_a_window_needs_a_quarter_of_a_second_of_a_call(start_s: float, seconds: float) -> None:
    box = Box(start_s, start_s + seconds, 2000.0, 5000.0, "x")
    overlap = min(3.0, box.end_s) - max(2.0, box.start_s)
    assert has_bird(2.0, 3.0, [box]) == (overlap >= min(0.25, box.end_s - box.start_s) - 1e-9)
    assert not has_bird(2.0, 3.0, [])


def test_windows_are_whole() -> None:
    features = np.arange(130 * 2, dtype=np.float32).reshape(130, 2)
    windows = windows_of(features, 50, 25)
    assert windows.shape == (4, 50, 2)
    np.testing.assert_array_equal(windows[1], features[25:75])
    assert windows_of(features[:40], 50, 25).shape == (0, 50, 2)
