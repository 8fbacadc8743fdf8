"""Calls in 30 s of bird-free sound: where it shows which windows of a recording are worth embedding."""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import TYPE_CHECKING

import numpy as np

from training.data.audio import PATH_VERSION
from training.data.catalog import Kind
from training.fewshot.clips import CLIPS_VERSION, cached
from training.fewshot.insertion import FADE_S, chain, insert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.inference.bundle import Bundle
    from training.data.audio import AudioStore
    from training.data.catalog import Recording
    from training.fewshot.clips import ClipSet

SECONDS = 30.0
SNR_DB = (0.0, 10.0, 20.0)
"""Of the call's clip, its own background included, to the sound beneath it."""
CHAINED = 7
"""ESC-50 clips of one class that make one background; there are eight in a fold."""
INSERTED_VERSION = 1


def inserted_clips(
    recordings: Sequence[Recording],
    store: AudioStore,
    backgrounds: Mapping[str, Sequence[Recording]],
    gate: Bundle,
    frames: int,
    snr_db: float,
    cache: Path,
    progress: Callable[[str], None],
    seed: int = 0,
) -> ClipSet:
    """Every recording at a random place in bird-free sound, the same at each call.

    `backgrounds` are those of `training.fewshot.background.background`; `store` holds both.
    """
    if gate.spec is None:
        raise ValueError(f"{gate.manifest.id} takes no features")
    rate = gate.spec.rate
    places = [[one.path for one in some] for some in _homogeneous(backgrounds)]
    made_of = [INSERTED_VERSION, CLIPS_VERSION, PATH_VERSION, store.name, gate.spec.fingerprint, frames, seed, snr_db]
    content = json.dumps([*made_of, gate.manifest.model.sha256, places, [one.path for one in recordings]])
    key = hashlib.sha256(content.encode()).hexdigest()[:16]

    def waveforms() -> Iterator[NDArray[np.float32]]:
        for recording in recordings:
            generator = np.random.default_rng([seed, zlib.crc32(recording.path.encode())])
            yield _inserted(np.asarray(store[recording.path]), places, store, rate, snr_db, generator)

    return cached(key, recordings, waveforms(), gate, frames, cache, progress)


def _homogeneous(backgrounds: Mapping[str, Sequence[Recording]]) -> list[list[Recording]]:
    """Recordings that may be chained: of one ESC-50 class, or one scene, in a stable order."""
    kinds: dict[tuple[Kind, str], list[Recording]] = {}
    for some in backgrounds.values():
        for one in some:
            if one.kind in (Kind.ESC50, Kind.SCENE):
                kinds.setdefault((one.kind, one.label), []).append(one)
    return [sorted(kinds[kind], key=lambda one: one.path) for kind in sorted(kinds)]


def _inserted(
    call: NDArray[np.float32],
    places: Sequence[Sequence[str]],
    store: AudioStore,
    rate: int,
    snr_db: float,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    length, fade = round(SECONDS * rate), round(FADE_S * rate)
    paths = places[int(generator.integers(len(places)))]
    chosen = generator.permutation(len(paths))[:CHAINED]
    background = chain([_piece(np.asarray(store[paths[int(i)]]), length, generator) for i in chosen], length, fade)
    start = int(generator.integers(max(1, length - len(call) + 1)))
    return insert(call, background, snr_db, start, fade)


def _piece(sound: NDArray[np.float32], length: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """A random stretch of what is longer."""
    start = int(generator.integers(max(1, len(sound) - length + 1)))
    return sound[start : start + length]
