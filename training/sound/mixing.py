"""Sound of ten seconds: which is steady enough to be what it is called, and speech in noise at a given ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]

SEGMENT = 4_000
"""K of Eq. 5: samples of a segment at 16 kHz, a quarter of a second."""

SILENCE = 1e-4
"""Root mean square below which there is nothing to hear: -77 dB relative to a full-scale sine."""


def energy_ratio(samples: NDArray[np.floating], segment: int = SEGMENT) -> float:
    """Lambda of Eq. 5 (Koppelman et al.): the largest energy of a segment over the mean; 1 or more, inf in silence.

    Samples behind the last whole segment do not count. Raises ValueError when there is no whole segment.
    """
    count = len(samples) // segment
    if count == 0:
        raise ValueError(f"{len(samples)} samples are less than a segment of {segment}")
    energies = np.square(samples[: count * segment].astype(np.float64)).reshape(count, segment).sum(axis=1)
    mean = float(energies.mean())
    return float(energies.max()) / mean if mean > 0 else float("inf")


def rms(samples: NDArray[np.floating]) -> float:
    """Root mean square over all samples."""
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def mix_at(speech: Sound, noise: Sound, ratio_db: float) -> Sound:
    """Speech with noise `ratio_db` below it, both as root mean square over the whole: speech keeps its level.

    Raises ValueError when the lengths differ or one of the two is silent.
    """
    if len(speech) != len(noise):
        raise ValueError(f"speech has {len(speech)} samples, noise {len(noise)}")
    loud, soft = rms(speech), rms(noise)
    if loud <= 0 or soft <= 0:
        raise ValueError("a ratio needs two sounds, and one is silent")
    return (speech + noise * np.float32(loud / soft * 10.0 ** (-ratio_db / 20.0))).astype(np.float32)


def at_level(samples: Sound, level_dbfs: float) -> Sound:
    """The sound at a root mean square given in dB relative to a full-scale sine."""
    return (samples * np.float32(10.0 ** (level_dbfs / 20.0) / np.sqrt(2.0) / rms(samples))).astype(np.float32)


def lengthened(samples: Sound, length: int, fade: int) -> Sound:
    """A sound repeated until it has `length` samples, its end cross-faded (equal power) into its beginning.

    Raises ValueError when it has no more than two fades.
    """
    if len(samples) >= length:
        return samples[:length]
    if len(samples) <= 2 * fade:
        raise ValueError(f"{len(samples)} samples are too few to repeat with a fade of {fade}")
    rise = np.sin(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32))
    turn = samples[: len(samples) - fade].copy()
    turn[:fade] = turn[:fade] * rise + samples[-fade:] * rise[::-1]
    # The first turn begins plainly; every further one begins with the end of the one before.
    whole = np.concatenate([samples[: len(turn)], *[turn] * (length // len(turn))])
    return whole[:length]
