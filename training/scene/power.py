"""Training batches of scenes, made in the log mel: every filter is a gain of each band, and sounds add in power.

Frames are computed once for each recording. A microphone's response (60 ms, less than a frame), a low-pass and a tilt
hardly change within a band, and unrelated sounds add in power on average: so a batch costs a small part of what it does
in the waveform. Noise, changes of pitch and voices in a room need the waveform (`render.py`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from monitor.features.filterbank import mel_bank
from monitor.features.spec import SCENE
from training.data.mixtures import Colouring
from training.nets.mobileast import FRAMES
from training.scene.drawing import Batch, Drawing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.scene.devices import Device
    from training.scene.recipe import Sound
    from training.scene.source import Source

    Float32Array = NDArray[np.float32]

FRAME_S = SCENE.hop / SCENE.rate


class PowerBatches(Dataset[Batch]):
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
        teacher_mixed: bool = False,
        kin_share: float = 0.0,
        pool: Drawing | None = None,
    ) -> None:
        """`count` batches of `size` windows that the networks of `fold` may hear; `events`: sounds of ESC-50 too.

        `teacher_mixed`: what the teacher hears is mixed as well.
        """
        if source.frames is None:
            raise ValueError("the source was loaded without frames")
        self._frames, self._sound = source.frames, sound
        self._count, self._size, self._seed = count, size, seed
        self._teacher_mixed = teacher_mixed
        self._drawing = pool or Drawing.of(source, fold, events, kin_share)
        self._devices = [band_gains(device) for device in source.devices]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, item: int) -> Batch:
        generator = np.random.default_rng([self._seed, item])
        sound = self._sound
        clips = [self._drawing.draw(generator) for _ in range(self._size)]
        sounding = [self._drawing.sounding(clip, generator) for clip in clips]
        heard = np.stack([self._window(clip.path, generator) for clip in sounding])
        power = np.maximum(np.exp(heard) - np.float32(SCENE.floor), 0.0)
        power *= np.stack([self._gain(generator) for _ in clips])[:, None, :]
        share = float(generator.beta(sound.mixup, sound.mixup)) if sound.mixup > 0 else 1.0
        # The larger part is the window's own: its label counts for distillation.
        share = max(share, 1.0 - share)
        order = generator.permutation(self._size)
        clean = _compressed(power)
        mixed = clean if share == 1.0 else _compressed(share**2 * power + (1.0 - share) ** 2 * power[order])
        return Batch(
            mixed=mixed,
            clean=clean,
            taught=mixed if self._teacher_mixed else clean,
            labels=self._drawing.labels_of(clips),
            events=self._drawing.events_of(clips),
            order=torch.from_numpy(order),
            share=share,
        )

    def _window(self, path: str, generator: np.random.Generator) -> Float32Array:
        """`(FRAMES, bands)` from anywhere in a recording, turned."""
        frames = self._frames[path]
        start = int(generator.integers(len(frames) - FRAMES + 1))
        window = frames[start : start + FRAMES].astype(np.float32)
        widest = round(self._sound.roll_s / FRAME_S)
        return np.roll(window, int(generator.integers(-widest, widest + 1)), axis=0) if widest else window

    def _gain(self, generator: np.random.Generator) -> Float32Array:
        """What stands between the air and the file, as a factor on each band's power `(bands,)`."""
        sound = self._sound
        gain = np.ones(SCENE.bands, dtype=np.float32)
        if self._devices and generator.random() < sound.device_share:
            gain = gain * self._devices[int(generator.integers(len(self._devices)))]
        high, tilt = 1e9, 0.0
        if generator.random() < sound.low_pass_share:
            high = float(np.exp(generator.uniform(*np.log(sound.low_pass_hz))))
        if generator.random() < sound.tilt_share:
            tilt = float(generator.uniform(*sound.tilt_db))
        if high < SCENE.rate / 2 or tilt:
            gain = gain * on_bands(Colouring(0.0, high, tilt).response(SCENE.fft, SCENE.rate))
        return gain * np.float32(10.0 ** (generator.uniform(*sound.level_db) / 10.0))


def band_gains(device: Device) -> Float32Array:
    """Factor of a microphone on the power of each band `(bands,)`."""
    return on_bands(np.abs(np.fft.rfft(device.response, n=SCENE.fft)))


def on_bands(amplitude: NDArray[np.floating]) -> Float32Array:
    """Amplitude gain `(fft // 2 + 1,)` -> factor on the power of each band `(bands,)`, for a flat spectrum."""
    return (np.square(amplitude) @ _shares()).astype(np.float32)


@cache
def _shares() -> NDArray[np.float64]:
    bank = mel_bank(SCENE)
    return bank / bank.sum(axis=0)


def _compressed(power: Float32Array) -> torch.Tensor:
    return torch.from_numpy(np.log(power + np.float32(SCENE.floor), dtype=np.float32))
