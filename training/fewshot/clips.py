"""Clips as encoders need them: features of the whole clip, and what the gate says of each of its windows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import repeated
from monitor.birds.frames import gate_probabilities
from monitor.errors import UsageError
from monitor.features.frontend import Kernel
from training.data.audio import PATH_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from monitor.core.types import Float32Array
    from monitor.inference.bundle import Bundle
    from monitor.inference.manifest import WindowCut
    from training.data.audio import AudioStore
    from training.data.catalog import Recording

CLIPS_VERSION = 1
"""Raised when clips are prepared in another way; those in the cache are then prepared again."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A recording, ready for gate and encoder."""

    recording: Recording
    """Its label is the species."""
    features: Float32Array
    """dB `(t, bands)` of the gate's spec, at least one encoder window long."""
    gate: Float32Array
    """Probability of a bird `(g,)`, 0..1, of window k from frame k * `ClipSet.gate_cut.hop` on."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipSet:
    """The clips of one part."""

    clips: tuple[Clip, ...]
    gate_cut: WindowCut
    """How the gate's windows lie, in frames."""
    frames: int
    """Of an encoder window."""
    key: str
    """16 hexadecimal digits that change with recordings, gate, spec and window."""

    @property
    def recordings(self) -> list[Recording]:
        """In the order of the clips."""
        return [clip.recording for clip in self.clips]


def clip_set(
    recordings: Sequence[Recording],
    waveforms: Iterable[Float32Array],
    gate: Bundle,
    frames: int,
    key: str = "",
    progress: Callable[[str], None] | None = None,
) -> ClipSet:
    """Clips of waveforms at the rate of the gate's spec, in the order of `recordings`.

    Raises UsageError when a waveform is empty.
    """
    if gate.spec is None:
        raise ValueError(f"{gate.manifest.id} takes no features")
    kernel = Kernel(gate.spec)
    shortest = gate.spec.samples_in(frames)
    clips: list[Clip] = []
    for recording, waveform in zip(recordings, waveforms, strict=True):
        if not len(waveform):
            raise UsageError(f"clip {recording.path}", "it holds no sound", "Leave it out of the species table.")
        features = kernel(repeated(waveform, shortest))
        clips.append(Clip(recording, features, gate_probabilities(gate, features)))
        if progress and len(clips) % 200 == 0:
            progress(f"prepared {len(clips)} of {len(recordings)} clips")
    return ClipSet(tuple(clips), gate.manifest.window, frames, key)


def prepare_clips(
    recordings: Sequence[Recording],
    store: AudioStore,
    gate: Bundle,
    frames: int,
    cache: Path,
    progress: Callable[[str], None],
) -> ClipSet:
    """Clips of decoded recordings, from the cache when they were prepared before."""
    if gate.spec is None:
        raise ValueError(f"{gate.manifest.id} takes no features")
    made_of = [CLIPS_VERSION, PATH_VERSION, store.name, gate.spec.fingerprint, gate.manifest.model.sha256, frames]
    content = json.dumps([*made_of, [recording.path for recording in recordings]])
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    waveforms = (np.asarray(store[recording.path]) for recording in recordings)
    return cached(key, recordings, waveforms, gate, frames, cache, progress)


def cached(
    key: str,
    recordings: Sequence[Recording],
    waveforms: Iterable[Float32Array],
    gate: Bundle,
    frames: int,
    cache: Path,
    progress: Callable[[str], None],
) -> ClipSet:
    """`clip_set`, kept in the cache folder under `key`, which must tell everything that it is made of."""
    data, index = cache / f"clips-{key}.f32.npy", cache / f"clips-{key}.npz"
    if not index.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        made = clip_set(recordings, waveforms, gate, frames, key, progress)
        np.save(data, np.concatenate([clip.features for clip in made.clips]))
        lengths = [[len(clip.features), len(clip.gate)] for clip in made.clips]
        partial = index.with_name(f"{index.stem}.partial.npz")
        np.savez(partial, lengths=np.array(lengths), gate=np.concatenate([clip.gate for clip in made.clips]))
        # Renamed last: clips without their index were interrupted and are made again.
        partial.replace(index)
    features: Float32Array = np.load(data, mmap_mode="r")
    with np.load(index) as kept:
        ends, probabilities = np.cumsum(kept["lengths"], axis=0), kept["gate"]
    clips: list[Clip] = []
    first = np.zeros(2, dtype=np.int64)
    for recording, last in zip(recordings, ends, strict=True):
        clips.append(Clip(recording, features[first[0] : last[0]], probabilities[first[1] : last[1]]))
        first = last
    return ClipSet(tuple(clips), gate.manifest.window, frames, key)
