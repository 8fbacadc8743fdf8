"""Species enrolled with the tests' encoder, and audio to recognise them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.embedder import Embedder
from monitor.birds.enrolled import Enrolled
from monitor.birds.prototype import ClipReference, EnrolledClip, Prototype, average
from monitor.birds.prototype_set import prototype_set
from monitor.birds.prototypes import PrototypeStore
from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from tests.helpers.tiny_bundle import call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from monitor.inference.bundle import Bundle

NOW = 1_700_000_000_000_000_000
"""When species were enrolled, UTC nanoseconds."""


def call_embedding(embedder: Embedder, hz: float, seed: int = 0) -> np.ndarray:
    """float32 `(d,)` of three seconds of calls of that pitch."""
    return embedder.embed(Kernel(BIRD)(call(hz, 3.2, seed=seed))[: embedder.frames][None])[0]


def prototype(name: str, model_id: str, vector: np.ndarray, threshold: float | None = None) -> Prototype:
    """A species of one clip, whose audio is kept nowhere."""
    reference = ClipReference(f"{abs(hash(name)):064x}"[-64:], 16_000, 800, f"{name}.wav")
    return average(name, model_id, [(reference, vector)], NOW, threshold)


def enrolled_of(
    bundle: Bundle, vectors: Mapping[str, np.ndarray], thresholds: Mapping[str, float] | None = None
) -> Enrolled | None:
    """What the tagger asks, for species of one embedding each."""
    own = thresholds or {}
    species = [prototype(name, bundle.manifest.id, vector, own.get(name)) for name, vector in vectors.items()]
    of_encoder = prototype_set(bundle.manifest.id, species)
    return Enrolled.of(of_encoder, Cohort.of(bundle), Calibration.of(bundle.manifest))


def enrolled_by_pitch(bundle: Bundle, pitches: Mapping[str, float]) -> Enrolled | None:
    """Species that call at these pitches, Hz."""
    embedder = Embedder(bundle)
    return enrolled_of(bundle, {name: call_embedding(embedder, hz) for name, hz in pitches.items()})


def enrolled_at_random(bundle: Bundle, count: int) -> Enrolled | None:
    """That many species of any direction."""
    width = bundle.manifest.outputs[0].shape[1] or 0
    rows = np.random.default_rng(17).standard_normal((count, width))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return enrolled_of(bundle, {f"species {number:04d}": row for number, row in enumerate(rows.astype(np.float32))})


def enroll_in_folder(
    folder: Path, bundle: Bundle, pitches: Mapping[str, float], *, model_id: str | None = None
) -> PrototypeStore:
    """A store whose species call at these pitches, Hz, three clips each."""
    store, embedder = PrototypeStore(folder), Embedder(bundle)
    for name, hz in pitches.items():
        clips = [
            EnrolledClip(call(hz, 3.2, seed=seed), 16_000, f"{name}-{seed}.wav", call_embedding(embedder, hz, seed))
            for seed in range(3)
        ]
        store.add(name, model_id or embedder.model_id, clips, NOW)
    return store


def sounds(parts: Sequence[tuple[float, float | None]], rate: int = 48_000) -> np.ndarray:
    """float32 `(n,)`: one after the other, seconds of calls at a pitch in Hz, or of quiet (None)."""
    generator = np.random.default_rng(19)
    pieces = [
        1e-4 * generator.standard_normal(round(seconds * rate)) if hz is None else call(hz, seconds, rate, seed=number)
        for number, (seconds, hz) in enumerate(parts)
    ]
    return np.concatenate(pieces).astype(np.float32)
