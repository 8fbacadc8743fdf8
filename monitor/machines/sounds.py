"""Clips of a machine as they come in: read, brought to 16 kHz, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.clipping import ClippingWatch
from monitor.audio.rates import blocks_of, decimated, engine_blocks
from monitor.audio.sources import open_source
from monitor.core.types import read_only
from monitor.errors import UsageError
from monitor.features.spec import MACHINE
from monitor.kept.audio import LONGEST_CLIP, ClipReference, audio_hash
from monitor.machines.window import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.core.types import AudioBlock, Float32Array

RATE = MACHINE.rate
"""Samples a second of a sound, 16 000."""

SHORTEST = RATE // 4
"""Samples, a quarter of a second: less is no sound of a machine."""

SILENT = 10.0 ** (-90.0 / 20.0)
"""Largest swing around the mean, full scale 1, up to which a clip is silent: -90 dBFS."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A clip as it was read."""

    samples: Float32Array
    """float32 `(n,)` at 16 kHz, full scale +-1 (nominal), finite, n 1 to `LONGEST_CLIP`, read-only."""
    origin: str
    """As the user gave it."""
    rate: int = RATE
    """Samples a second of the recording itself."""
    clipped: bool = False
    """Whether its peaks were cut off when it was recorded."""
    non_finite: int = 0
    """Values that were no numbers and were replaced by 0."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", read_only(self.samples, dimensions=1))

    @property
    def reference(self) -> ClipReference:
        """What a profile remembers of it."""
        return ClipReference(audio_hash(self.samples, RATE), RATE, len(self.samples), self.origin)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    def refuse_unusable(self) -> None:
        """Raises UsageError when nothing can be heard in it."""
        what = f"clip {self.origin}"
        if len(self.samples) < SHORTEST:
            why = f"it is {1000 * len(self.samples) // RATE} ms long, too short to hear a machine in it"
            raise UsageError(what, why, "Give some seconds")
        if float(np.ptp(self.samples)) / 2 <= SILENT:
            raise UsageError(what, "it is silent", "Check the recording; its channel may be the wrong one")

    def warnings(self) -> tuple[str, ...]:
        """What a person should know of it, each one clause."""
        told: list[str] = []
        if self.clipped:
            told.append("is clipped: recorded too loud, which changes how it sounds")
        if self.non_finite:
            told.append(f"has {self.non_finite} values that are no numbers; they were taken as silence")
        if self.rate < RATE:
            told.append(f"was recorded at {self.rate} Hz: nothing above {self.rate // 2} Hz is heard in it")
        if len(self.samples) < SAMPLES:
            told.append(f"is {self.seconds:.1f} s long: it was repeated to fill a window of {SAMPLES / RATE:.1f} s")
        return tuple(told)


def read_sound(path: Path | str) -> Sound:
    """A recording as a sound.

    Raises SourceError when it cannot be read to its end, UsageError when it is too long, too short or silent.
    """
    source = open_source(path)
    watch = ClippingWatch()
    samples = _at_16_khz(watch.over(source.blocks()), source.rate, str(path))
    sound = Sound(samples, str(path), source.rate, watch.clipped, source.non_finite)
    sound.refuse_unusable()
    return sound


def heard_sound(samples: Float32Array, rate: int, origin: str) -> Sound:
    """Samples `(n,)` that were just heard, or kept, as a sound; raises as `read_sound` does."""
    watch = ClippingWatch()
    for block in blocks_of(samples, rate):
        watch.take(block.samples)
    at_16_khz = samples if rate == RATE else _at_16_khz(blocks_of(samples, rate), rate, origin)
    sound = Sound(at_16_khz, origin, rate, watch.clipped)
    sound.refuse_unusable()
    return sound


def _at_16_khz(blocks: Iterable[AudioBlock], rate: int, origin: str) -> Float32Array:
    parts: list[Float32Array] = []
    count = 0
    for block in decimated(engine_blocks(blocks, rate), RATE):
        parts.append(block.samples)
        count += len(block.samples)
        if count > LONGEST_CLIP:
            why = f"is longer than {LONGEST_CLIP // RATE // 60} minutes"
            raise UsageError(f"clip {origin}", why, "Cut it; ten minutes of a machine's normal sound are plenty")
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
