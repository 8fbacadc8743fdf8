"""Training batches of scenes, made in the waveform: cut, heard through a microphone, filtered, levelled, mixed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
import scipy.signal
import torch
from torch.utils.data import Dataset

from monitor.features.frontend import Kernel
from monitor.features.spec import SCENE
from training.data.mixtures import SILENCE, Colouring, cut, power, to_level
from training.nets.mobileast import FRAMES
from training.scene.drawing import Batch, Drawing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec
    from training.scene.devices import Device
    from training.scene.recipe import Sound
    from training.scene.source import Babble, Clip, Source

WINDOW = SCENE.samples_in(FRAMES)
"""Samples of a training window."""

VOICES = (3, 12)
"""Speakers of babble, fewest and most."""

POINTS = 36_000
"""Of the transform in which a window is filtered: what filters carry over stays in its first 2 500 samples."""


class SceneBatches(Dataset[Batch]):
    """Batch i depends on the seed and i alone. Every label is as likely as another, then every recording of it."""

    def __init__(
        self,
        source: Source,
        fold: int | None,
        sound: Sound,
        count: int,
        size: int,
        seed: int,
        events: bool = False,
        teacher: FeatureSpec = SCENE,
        teacher_mixed: bool = False,
        student: FeatureSpec = SCENE,
        kin_share: float = 0.0,
        unmixed: bool = True,
        pool: Drawing | None = None,
    ) -> None:
        """`count` batches of `size` windows that the networks of `fold` may hear; `events`: sounds of ESC-50 too.

        Without `unmixed`, `clean` is what is mixed: nobody needs it, and it takes a third of the time. `pool` takes the
        place of the fold's clips.
        """
        self._source = source
        self._sound = sound
        self._count, self._size, self._seed = count, size, seed
        self._kernel = Kernel(student)
        self._teacher = self._kernel if teacher == student else Kernel(teacher)
        self._teacher_mixed = teacher_mixed
        self._kin_share = kin_share
        self._unmixed = unmixed
        self._drawing = pool or Drawing.of(source, fold, events, kin_share)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, item: int) -> Batch:
        generator = np.random.default_rng([self._seed, item])
        clips = [self._drawing.draw(generator) for _ in range(self._size)]
        waves = np.stack([self._wave(clip, generator) for clip in clips])
        sound = self._sound
        if sound.roll_per == "batch" and sound.roll_s > 0:
            waves = np.roll(waves, self._shift(generator), axis=1)
        share = float(generator.beta(sound.mixup, sound.mixup)) if sound.mixup > 0 else 1.0
        # The larger part is the window's own: its label counts for distillation.
        share = max(share, 1.0 - share)
        order = generator.permutation(self._size)
        blended = (share * waves + (1.0 - share) * waves[order]).astype(np.float32) if share < 1.0 else waves
        mixed = self._features(self._kernel, blended)
        clean = self._features(self._kernel, waves) if self._unmixed and blended is not waves else mixed
        heard = mixed if self._teacher_mixed else clean
        if self._teacher is not self._kernel:
            heard = self._features(self._teacher, blended if self._teacher_mixed else waves)
        return Batch(
            mixed=mixed,
            clean=clean,
            taught=heard,
            labels=self._drawing.labels_of(clips),
            events=self._drawing.events_of(clips),
            order=torch.from_numpy(order),
            share=share,
        )

    def _wave(self, clip: Clip, generator: np.random.Generator) -> NDArray[np.float32]:
        """A window of the clip or, now and then, of what its scene is full of."""
        babble = self._source.babble
        if babble is not None and babble.label == clip.label and generator.random() < self._kin_share:
            return self._heard(self._babble(babble, generator), generator)
        return self.window(self._drawing.sounding(clip, generator), generator)

    def _babble(self, babble: Babble, generator: np.random.Generator) -> NDArray[np.float32]:
        """Several speakers at random levels in one room, `(POINTS,)`."""
        total = np.zeros(POINTS, dtype=np.float32)
        for _ in range(int(generator.integers(VOICES[0], VOICES[1] + 1))):
            samples = self._source.store[babble.voices[int(generator.integers(len(babble.voices)))]]
            voice = cut(samples, int(generator.integers(max(1, len(samples) - POINTS + 1))), POINTS)
            total += voice * np.float32(10.0 ** (generator.uniform(-10.0, 0.0) / 20.0))
        room = babble.rooms[int(generator.integers(len(babble.rooms)))]
        wet = scipy.signal.fftconvolve(total, room.response)[:POINTS]
        return to_level(wet.astype(np.float32), float(generator.uniform(-45.0, -20.0)))

    def window(self, clip: Clip, generator: np.random.Generator) -> NDArray[np.float32]:
        """One augmented window `(WINDOW,)` of a clip."""
        sound, samples = self._sound, self._source.store[clip.path]
        length = POINTS
        if generator.random() < sound.pitch_share:
            length = round(POINTS * np.exp(generator.uniform(*np.log(sound.pitch))))
        start = int(generator.integers(max(1, len(samples) - length + 1)))
        wave = cut(samples, start, length)
        if length != POINTS:
            wave = scipy.signal.resample(wave, POINTS)
        return self._heard(wave, generator)

    def _heard(self, wave: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
        """What a recorder makes of sound `(POINTS,)`: `(WINDOW,)`."""
        sound = self._sound
        wave = filtered(wave, self._response(generator))[POINTS - WINDOW :]
        wave = wave * np.float32(10.0 ** (generator.uniform(*sound.level_db) / 20.0))
        if generator.random() < sound.noise_share:
            ratio = 10.0 ** (-generator.uniform(*sound.noise_db) / 10.0)
            noise = np.sqrt(max(power(wave), SILENCE) * ratio) * generator.standard_normal(WINDOW)
            wave = wave + noise.astype(np.float32)
        if sound.roll_per == "window" and sound.roll_s > 0:
            wave = np.roll(wave, self._shift(generator))
        return wave

    def _response(self, generator: np.random.Generator) -> NDArray[np.complexfloating] | None:
        """What stands between the air and the file, `(POINTS // 2 + 1,)`; None for nothing."""
        sound, devices = self._sound, self._source.devices
        response: NDArray[np.complexfloating] | None = None
        if devices and generator.random() < sound.device_share:
            response = _spectrum(devices[int(generator.integers(len(devices)))])
        high, tilt = 1e9, 0.0
        if generator.random() < sound.low_pass_share:
            high = float(np.exp(generator.uniform(*np.log(sound.low_pass_hz))))
        if generator.random() < sound.tilt_share:
            tilt = float(generator.uniform(*sound.tilt_db))
        if high < SCENE.rate / 2 or tilt:
            gain = Colouring(0.0, high, tilt).response(POINTS, SCENE.rate).astype(np.complex64)
            response = gain if response is None else response * gain
        return response

    def _shift(self, generator: np.random.Generator) -> int:
        widest = round(self._sound.roll_s * SCENE.rate)
        return int(generator.integers(-widest, widest + 1))

    @staticmethod
    def _features(kernel: Kernel, waves: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.stack([kernel(wave) for wave in waves]))


def filtered(wave: NDArray[np.float32], response: NDArray[np.complexfloating] | None) -> NDArray[np.float32]:
    """`(POINTS,)` through a response at the bins of its transform, circular."""
    if response is None:
        return wave
    return scipy.fft.irfft(scipy.fft.rfft(wave.astype(np.float32)) * response, n=POINTS).astype(np.float32)


@lru_cache(maxsize=256)
def _spectrum(device: Device) -> NDArray[np.complexfloating]:
    return scipy.fft.rfft(device.response, n=POINTS)
