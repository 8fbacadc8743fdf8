"""The audio that something was learnt from: npz of `samples` and `rate`, named by its checksum."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from monitor.kept.npz import decode_npz, encode_npz

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

LONGEST_CLIP = 14_400_000
"""Samples of kept audio in one clip: five minutes at 48 kHz."""

LARGEST_FILE = 4 * LONGEST_CLIP + 65_536
"""Bytes of one file: the longest clip and what an npz adds."""

LONGEST_ORIGIN = 1000
"""Characters of a clip's origin that are kept."""

SAMPLES, RATE = "samples", "rate"
"""Arrays of a file."""


@dataclass(frozen=True, slots=True)
class ClipReference:
    """A clip whose audio is kept."""

    sha256: str
    """Of rate and samples, 64 lower-case hexadecimal digits; names the audio's file."""
    rate: int
    """Samples a second, 1 or more."""
    length: int
    """Samples, 1 to `LONGEST_CLIP`."""
    origin: str
    """Where it came from, for people: a path, or a microphone and a time."""


def audio_hash(samples: Float32Array, rate: int) -> str:
    """SHA-256 of rate and samples; -0.0 counts as 0.0."""
    plain = np.ascontiguousarray(samples + np.float32(0.0), dtype="<f4")
    return hashlib.sha256(b"%d:" % rate + plain.tobytes()).hexdigest()


def encode_audio(samples: Float32Array, rate: int) -> bytes:
    """The file of a clip's audio: `samples` float32 `(n,)` and `rate`, readable by anything that reads npz."""
    return encode_npz({SAMPLES: samples, RATE: np.array(rate, dtype=np.int64)})


def decode_audio(content: bytes, clip: ClipReference) -> Float32Array:
    """Samples of `clip`. Raises ValueError, with the reason, when the file is damaged or holds something else."""
    arrays = decode_npz(content, {SAMPLES: "<f4", RATE: "<i8"})
    samples = cast("Float32Array", arrays[SAMPLES])
    if samples.shape != (clip.length,) or arrays[RATE].shape != () or int(arrays[RATE]) != clip.rate:
        raise ValueError("is another clip")
    if audio_hash(samples, clip.rate) != clip.sha256:
        raise ValueError("does not have the checksum that its name says")
    if not np.isfinite(samples).all():
        raise ValueError("holds non-finite samples")
    return samples
