"""Windows of clips: where a call stands out, what is around and behind it, and its features."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.signal import resample_poly
from torch import Tensor
from torch.utils.data import IterableDataset

from monitor.features.frontend import Kernel
from monitor.features.spec import SPECIES
from training.data.contrast import window_contrast
from training.data.mixtures import Colouring, colour, coloured_noise, cut, mix, power, to_level
from training.data.splits import Part
from training.species.sampler import BalancedSampler, UniformSampler
from training.species.stretching import shifted, stretched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from training.species.recipe import Sound, SpeciesSettings
    from training.species.source import Clip, Source

HOP = 25
"""Frames between the windows of a clip that are compared."""
LOWEST_BAND = 6
"""Contrast is measured above about 200 Hz: wind and handling lie below."""
QUIET = 0.2
"""Share of a clip's 20-ms stretches that is taken for what is behind its call."""
FADE = SPECIES.rate // 100
"""Samples over which a short clip begins and ends in what surrounds it."""
EVALUATED = 3
"""Windows of a clip at most that are asked about."""


class Windows:
    """Cuts windows of a source's clips, at 16 kHz."""

    def __init__(self, source: Source, sound: Sound, part: Part, folders: tuple[str, ...] = ()) -> None:
        """`part`: of the background that stands around and behind clips; where it has none, noise does.

        `folders`: beginnings of the paths of that background; empty: all of it.
        """
        self._source, self._sound = source, sound
        self.kernel = Kernel(source.spec)
        self._background = [
            clip
            for clip in source.of(part)
            if clip.label == source.reject and (not folders or clip.path.startswith(folders))
        ]
        self._starts: dict[str, list[int]] = {}

    def starts(self, clip: Clip) -> list[int]:
        """First samples of the windows of a clip in which something stands out; of background all, and of short ones 0.

        The rule looks at the sound alone, not at the label, except that background has no calls.
        """
        if clip.path not in self._starts:
            self._starts[clip.path] = self._found(clip)
        return self._starts[clip.path]

    def cut(self, clip: Clip, start: int, generator: Generator, length: int | None = None) -> NDArray[np.float32]:
        """`length` samples (a window) from `start`; a clip that is too short gets what the recipe says around it."""
        samples = np.asarray(self._source.store[clip.path])
        length = length or self._source.window
        if start + length <= len(samples):
            return samples[start : start + length]
        if clip.label == self._source.reject:
            return cut(samples, start, length)
        rest = samples[start : start + length]
        if self._sound.padding == "zeros":
            return np.pad(rest, (0, length - len(rest)))
        return self._surrounded(rest, length, generator)

    def behind(self, length: int, generator: Generator) -> NDArray[np.float32]:
        """So many samples of background."""
        if not self._background:
            return coloured_noise(length, float(generator.uniform(0.0, 2.0)), generator)
        clip = self._background[int(generator.integers(len(self._background)))]
        samples = np.asarray(self._source.store[clip.path])
        start = int(generator.integers(max(1, len(samples) - length + 1)))
        return cut(samples, start, length)

    def features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of a window at 16 kHz, `(frames, 64)` dB."""
        spec = self._source.spec
        if spec.rate != SPECIES.rate:
            samples = resample_poly(samples.astype(np.float64), 1, SPECIES.rate // spec.rate).astype(np.float32)
        return self.kernel(samples)[: self._source.frames]

    def _found(self, clip: Clip) -> list[int]:
        samples = np.asarray(self._source.store[clip.path])
        window = self._source.window
        last = len(samples) - window
        if last <= 0:
            return [0]
        starts = np.arange(0, last + 1, HOP * SPECIES.hop)
        if clip.label == self._source.reject:
            return starts.tolist()
        frames = SPECIES.frames_in(window)
        contrast = window_contrast(Kernel(SPECIES)(samples), starts // SPECIES.hop, frames, LOWEST_BAND)
        return starts[contrast >= contrast.max() - self._sound.contrast_db].tolist()

    def _surrounded(self, samples: NDArray[np.float32], length: int, generator: Generator) -> NDArray[np.float32]:
        """A short clip somewhere in other background, which is as loud as the quiet of the clip."""
        around = self.behind(length, generator)
        loudness = power(around)
        gain = np.sqrt(_quiet(samples) / loudness) if loudness > 0 else 0.0
        whole = (gain * around).astype(np.float32)
        at = int(generator.integers(length - len(samples) + 1))
        fade = np.minimum(1.0, (np.arange(len(samples)) + 1.0) / FADE)
        share = (fade * fade[::-1]).astype(np.float32)
        whole[at : at + len(samples)] = share * samples + (1.0 - share) * whole[at : at + len(samples)]
        return whole


class SpeciesBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches of features `(n, frames, 64)` and classes one-hot `(n, classes)`; the same seed gives the same row."""

    def __init__(self, source: Source, settings: SpeciesSettings, steps: int, seed: int) -> None:
        super().__init__()
        self._source, self._settings, self._steps, self._seed = source, settings, steps, seed
        self._windows = Windows(source, settings.sound, Part.TRAIN)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = np.random.default_rng([self._seed, 2])
        clips = self._source.of(Part.TRAIN)
        sampler = (
            BalancedSampler([clip.label for clip in clips], generator)
            if self._settings.optimiser.balanced
            else UniformSampler(len(clips), generator)
        )
        count = self._settings.optimiser.batch * (2 if self._settings.picture.mixup > 0 else 1)
        classes = torch.eye(len(self._source.labels))
        for _ in range(self._steps):
            chosen = [clips[sampler.next()] for _ in range(count)]
            features = np.stack([self.example(clip, generator) for clip in chosen])
            yield torch.from_numpy(features), classes[[clip.label for clip in chosen]]

    def example(self, clip: Clip, generator: Generator) -> NDArray[np.float32]:
        """Features of a random window of a clip, changed as the recipe says."""
        sound, windows = self._settings.sound, self._windows
        samples = self._cut(clip, generator)
        if generator.random() < sound.behind_share and clip.label != self._source.reject:
            samples = mix(samples, windows.behind(len(samples), generator), float(generator.uniform(*sound.snr_db)))
        low, high = 0.0, 1e9
        if generator.random() < sound.low_pass_share:
            high = _between(sound.low_pass_hz, generator)
        if generator.random() < sound.high_pass_share:
            low = _between(sound.high_pass_hz, generator)
        if low > 0 or high < SPECIES.rate:
            samples = _filtered(samples, low, high)
        if sound.level_dbfs is not None:
            samples = to_level(samples, float(generator.uniform(*sound.level_dbfs)))
        return windows.features(samples)

    def _cut(self, clip: Clip, generator: Generator) -> NDArray[np.float32]:
        sound, length = self._settings.sound, self._source.window
        starts = self._windows.starts(clip)
        start = starts[int(generator.integers(len(starts)))]
        room = len(self._source.store[clip.path]) - length - start
        if room > 0:
            start += int(generator.integers(min(room, HOP * SPECIES.hop) + 1))
        tempo = float(generator.uniform(*sound.stretch)) if generator.random() < sound.stretch_share else 1.0
        tones = 0
        if generator.random() < sound.pitch_share:
            tones = int(generator.integers(-sound.quarter_tones, sound.quarter_tones + 1))
        if tempo == 1.0 and tones == 0:
            return self._windows.cut(clip, start, generator)
        samples = self._windows.cut(clip, start, generator, round(length * max(tempo, 1.0)) + SPECIES.window)
        samples = shifted(stretched(samples, tempo), tones)
        return np.pad(samples[:length], (0, max(0, length - len(samples))))


def asked(
    source: Source, sound: Sound, clips: Sequence[Clip], part: Part, seed: int, most: int = EVALUATED
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features `(n, frames, 64)` of at most `most` windows of each clip, and the place of the clip of each window.

    Nothing of it is random but what surrounds short clips, which depends on seed and clip only.
    """
    windows = Windows(source, sound, part)
    rows: list[NDArray[np.float32]] = []
    places: list[int] = []
    for place, clip in enumerate(clips):
        generator = np.random.default_rng([seed, 3, place])
        starts = windows.starts(clip)
        chosen = np.unique(np.linspace(0, len(starts) - 1, most).round().astype(int)) if len(starts) > most else None
        for start in starts if chosen is None else [starts[i] for i in chosen]:
            rows.append(windows.features(windows.cut(clip, start, generator)))
            places.append(place)
    shape = (0, source.frames, source.spec.bands)
    return (np.stack(rows) if rows else np.zeros(shape, dtype=np.float32)), np.array(places, dtype=np.int64)


def _filtered(samples: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Between two corners in Hz."""
    # A window of the paper's spec has a large prime factor, which makes its transform thirty times as slow.
    more = next_fast_len(len(samples), real=True) - len(samples)
    return colour(np.pad(samples, (0, more)), Colouring(low, high, 0.0), SPECIES.rate)[: len(samples)]


def _between(bounds: tuple[float, float], generator: Generator) -> float:
    """Equally likely in pitch."""
    return float(np.exp(generator.uniform(log(bounds[0]), log(bounds[1]))))


def _quiet(samples: NDArray[np.float32]) -> float:
    """Mean square of the quiet stretches of a clip."""
    length = SPECIES.hop
    count = len(samples) // length
    if count < 1:
        return power(samples) if len(samples) else 0.0
    stretches = np.square(samples[: count * length].astype(np.float64)).reshape(count, length).mean(axis=1)
    return float(np.quantile(stretches, QUIET))
