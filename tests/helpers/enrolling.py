"""A home with the tests' own gate and encoder, and clips of made-up species, which differ in pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile

from tests.helpers.tiny_bundle import call, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from pathlib import Path

RATE = 48_000
"""Samples a second of the clips."""
LOW, MIDDLE, HIGH = 3_000.0, 4_100.0, 6_300.0
"""Pitches that the encoder tells apart."""


def make_home(home: Path, **encoder: object) -> Path:
    """`home` with models below its data folder; `encoder` goes to `make_encoder_bundle`."""
    make_gate_bundle(home / "data" / "models")
    make_encoder_bundle(home / "data" / "models", **encoder)
    return home


def clip_samples(hz: float, seed: int = 0, *, length_s: float = 3.5, at_s: float = 1.0) -> np.ndarray:
    """float32: two seconds of calls around a pitch in quiet noise; each seed is a little off the pitch."""
    noise = np.random.default_rng(1000 + seed).standard_normal(round(length_s * RATE)).astype(np.float32)
    samples = 1e-4 * noise
    calls = call(hz * (1.0 + 0.004 * seed), 2.0, rate=RATE, seed=seed)[: len(samples) - round(at_s * RATE)]
    samples[round(at_s * RATE) : round(at_s * RATE) + len(calls)] += calls
    return samples


def write_clip(file: Path, hz: float, seed: int = 0, *, rate: int = RATE) -> Path:
    """Such a clip as a 24-bit file; its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    samples = clip_samples(hz, seed) if rate == RATE else call(hz, 2.0, rate=rate, seed=seed)
    soundfile.write(file, samples, rate, subtype="PCM_24")
    return file
