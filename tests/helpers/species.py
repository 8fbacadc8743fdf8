"""Species to enroll: clips of tones, with embeddings that point roughly the same way."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.prototype import EnrolledClip, Prototype
from monitor.birds.prototypes import PrototypeStore

if TYPE_CHECKING:
    from pathlib import Path

ENCODER, OTHER = "bird-encoder/1.0.0", "other-encoder/2.0.0"
"""Ids of encoders."""
RATE = 16_000
"""Samples a second of the clips."""
NOW = 1_700_000_000_000_000_000
"""When they were enrolled, UTC nanoseconds."""


def directed(seed: int, width: int = 24) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(width) + 3.0
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def clip(seed: int, width: int = 24, origin: str | None = None) -> EnrolledClip:
    rng = np.random.default_rng(seed)
    tone = np.sin(2 * np.pi * (500 + 37 * seed) * np.arange(800) / RATE)
    samples = (tone + 0.01 * rng.standard_normal(800)).astype(np.float32)
    return EnrolledClip(samples, RATE, origin or f"clip-{seed}.wav", directed(seed, width))


def filled(folder: Path, *names: str) -> PrototypeStore:
    store = PrototypeStore(folder)
    for number, name in enumerate(names):
        store.add(name, ENCODER, [clip(10 * number), clip(10 * number + 1)], NOW)
    return store


def same(one: Prototype, other: Prototype) -> bool:
    arrays = np.array_equal(one.vector, other.vector) and np.array_equal(one.embeddings, other.embeddings)
    rest = ("name", "model_id", "clips", "enrolled_utc_ns", "threshold")
    return arrays and all(getattr(one, field) == getattr(other, field) for field in rest)


def audio_files(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "audio").iterdir()}


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
