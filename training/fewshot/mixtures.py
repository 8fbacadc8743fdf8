"""Mixtures of one or two birds and a background, with what the teacher makes of them; rendered once, in chunks."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.resample import Decimate
from monitor.core.types import AudioBlock
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.data.mixtures import Colouring, colour, cut, mix, to_level
from training.fewshot.synthetic_species import sing, synthetic_species
from training.fewshot.teacher import RATE, SAMPLES, BirdNet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from training.data.catalog import Recording
    from training.data.splits import Part
    from training.fewshot.recipe import Mixtures
    from training.fewshot.sources import Sources

    Samples = NDArray[np.float32]

CHUNK = 500
"""Mixtures of a file."""
STEP_DB = 0.4
LOWEST_DB = -95.0
"""Features are kept as one byte a cell: `LOWEST_DB + STEP_DB * byte`."""

NEUTRAL = Colouring(0.0, 1e9, 0.0)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file of mixtures."""

    features: NDArray[np.uint8]
    """`(n, frames, bands)`."""
    targets: NDArray[np.float16]
    """`(n, 1024)`, the teacher's embedding."""


class Mixer:
    """Makes mixture i from the seed and i alone."""

    def __init__(self, sources: Sources, part: Part, mixtures: Mixtures, frames: int, seed: int) -> None:
        self._store = sources.store
        self._species = sorted(sources.birds[part])
        self._birds = sources.birds[part]
        self._backgrounds = sources.backgrounds
        self._others = sources.others
        self._mixtures = mixtures
        self._kernel = Kernel(BIRD)
        self._frames = frames
        self._seed = seed

    def sound(self, index: int) -> Samples:
        """Mixture `index`, `(144000,)` at 48 kHz."""
        generator = np.random.default_rng([self._seed, index])
        settings = self._mixtures
        if generator.random() < settings.none_share:
            sound = self._background(generator)
        else:
            sound = self._bird(generator)
            if generator.random() < settings.second_share:
                sound = mix(sound, self._bird(generator), -float(generator.uniform(*settings.second_db)))
            if generator.random() < settings.background_share:
                sound = mix(sound, self._background(generator), float(generator.uniform(*settings.snr_db)))
        colouring = self._colouring(generator)
        if colouring != NEUTRAL:
            sound = colour(sound, colouring, RATE)
        return to_level(sound, float(generator.uniform(*settings.level_dbfs)))

    def features(self, sound: Samples) -> NDArray[np.uint8]:
        """What the student hears of it, `(frames, bands)`."""
        return student_features(sound, self._kernel, self._frames)

    def _bird(self, generator: np.random.Generator) -> Samples:
        """3 s of a clip, or of what takes its place: each species is as likely as another, then each of its clips."""
        settings = self._mixtures
        # Shares of 0 draw nothing: what was rendered without them stays what it was.
        place = generator.random() if settings.synthetic_share or settings.other_share else 1.0
        if place < settings.synthetic_share:
            species = synthetic_species(int(generator.integers(2**32)))
            return sing(species, int(generator.integers(2**32)), 0, SAMPLES, RATE)
        if place < settings.synthetic_share + settings.other_share:
            samples = self._samples(self._others[int(generator.integers(len(self._others)))])
            return self._played(samples, generator, 1.0, settings.other_speed)
        clips = self._birds[self._species[int(generator.integers(len(self._species)))]]
        samples = self._samples(clips[int(generator.integers(len(clips)))])
        return self._played(samples, generator, settings.speed_share, settings.speed)

    def _played(
        self, samples: Samples, generator: np.random.Generator, share: float, speeds: tuple[float, float]
    ) -> Samples:
        """3 s from anywhere, some slower or faster, some backwards."""
        settings = self._mixtures
        speed = 1.0
        if generator.random() < share:
            speed = float(np.exp(generator.uniform(*np.log(speeds))))
        length = int(np.ceil(SAMPLES * speed))
        sound = cut(samples, int(generator.integers(max(1, len(samples) - length + 1))), length)
        if speed != 1.0:
            positions = np.arange(SAMPLES) * ((length - 1) / (SAMPLES - 1))
            # What linear interpolation does above 8 kHz the student does not hear.
            sound = np.interp(positions, np.arange(length), sound).astype(np.float32)
        return sound[::-1].copy() if generator.random() < settings.reversed_share else sound

    def _background(self, generator: np.random.Generator) -> Samples:
        samples = self._samples(self._backgrounds[int(generator.integers(len(self._backgrounds)))])
        return cut(samples, int(generator.integers(max(1, len(samples) - SAMPLES + 1))), SAMPLES)

    def _samples(self, recording: Recording) -> Samples:
        # A mapped file is a subclass of an array, which soxr refuses.
        return np.asarray(self._store[recording.path])

    def _colouring(self, generator: np.random.Generator) -> Colouring:
        settings = self._mixtures
        low, high, tilt = NEUTRAL.low_cut_hz, NEUTRAL.high_cut_hz, NEUTRAL.tilt_db
        if generator.random() < settings.low_pass_share:
            high = float(np.exp(generator.uniform(*np.log(settings.low_pass_hz))))
        if generator.random() < settings.high_pass_share:
            low = float(np.exp(generator.uniform(*np.log(settings.high_pass_hz))))
        if generator.random() < settings.tilt_share:
            tilt = float(generator.uniform(*settings.tilt_db))
        return Colouring(low, high, tilt)


def student_features(sound: Samples, kernel: Kernel, frames: int) -> NDArray[np.uint8]:
    """What the student hears of a window of the teacher's, `(frames, bands)`, by the monitor's own path."""
    decimate = Decimate(BIRD.rate)
    blocks = [*decimate.push(AudioBlock(sound, 0)), *decimate.flush()]
    samples = np.concatenate([block.samples for block in blocks])
    return np.clip(np.round((kernel(samples)[:frames] - LOWEST_DB) / STEP_DB), 0, 255).astype(np.uint8)


_worker: tuple[Mixer, Path, BirdNet] | None = None


def _start(mixer: Mixer, folder: Path, teacher: Path) -> None:
    global _worker  # noqa: PLW0603 one teacher a process, not one a chunk
    _worker = (mixer, folder, BirdNet(teacher))


def _render(number: int, count: int) -> int:
    if _worker is None:
        raise RuntimeError("a worker is started with its mixer")
    mixer, folder, teacher = _worker
    features: list[NDArray[np.uint8]] = []
    targets = np.empty((count, 1024), dtype=np.float16)
    for row in range(count):
        sound = mixer.sound(number * CHUNK + row)
        features.append(mixer.features(sound))
        targets[row] = teacher(sound[None])[0]
    np.save(folder / f"targets-{number:04d}.npy", targets)
    # Written last and renamed: features without the suffix are whole, and their targets are there.
    scratch = folder / f"features-{number:04d}.part.npy"
    np.save(scratch, np.stack(features))
    scratch.replace(folder / f"features-{number:04d}.npy")
    return number


def render_mixtures(
    mixer: Mixer, count: int, folder: Path, teacher: Path, workers: int, progress: Callable[[str], None]
) -> list[Chunk]:
    """`count` mixtures; chunks that lie in `folder` from before are kept, so an interrupted rendering goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {number: min(CHUNK, count - number * CHUNK) for number in range(-(-count // CHUNK))}
    missing = [number for number in sizes if not (folder / f"features-{number:04d}.npy").is_file()]
    if missing:
        context = get_context("fork")
        with ProcessPoolExecutor(workers, context, _start, (mixer, folder, teacher)) as executor:
            jobs = [executor.submit(_render, number, sizes[number]) for number in missing]
            for done, job in enumerate(as_completed(jobs), 1):
                job.result()
                if done % 10 == 0 or done == len(jobs):
                    progress(f"rendered {done} of {len(jobs)} chunks of {CHUNK} mixtures")
    return load_chunks(folder)


def load_chunks(folder: Path) -> list[Chunk]:
    """All whole chunks in a folder; they stay on disk."""
    return [
        Chunk(np.load(path, mmap_mode="r"), np.load(path.with_name(path.name.replace("features", "targets"))))
        for path in sorted(folder.glob("features-[0-9][0-9][0-9][0-9].npy"))
    ]


def decibels(features: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored features as dB."""
    return features.astype(np.float32) * np.float32(STEP_DB) + np.float32(LOWEST_DB)
