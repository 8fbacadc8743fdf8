"""Clips of machines and other sound, decoded and turned into log-mel frames once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.frontend import Kernel
from monitor.features.spec import MACHINE
from monitor.machines.window import FRAMES, SAMPLES
from training.data.audio import PATH_VERSION, AudioStore
from training.data.catalog import Kind, Recording, data_folder
from training.data.layouts.audioset import load_audioset
from training.data.layouts.dcase2022 import MachineClip, load_dcase2022
from training.data.layouts.folders import load_manifest, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from training.anomaly.recipe import Sources

FRAMES_VERSION = 1
"""Raised when frames are made in another way; those in the cache are then made again."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What extractors and detectors are made of and measured on."""

    clips: tuple[MachineClip, ...]
    """Of all machines, training and test; paths are relative to `folder`."""
    folder: str
    """Of the machines, relative to the data folder."""
    others: tuple[Recording, ...]
    """Sound of no machine; paths are relative to the data folder. Its label is the class."""
    store: AudioStore
    """Waveforms at 16 kHz by path relative to the data folder."""
    frames: FrameStore

    def path(self, clip: MachineClip) -> str:
        """Of a clip, relative to the data folder."""
        return f"{self.folder}/{clip.path}"

    def wave(self, clip: MachineClip) -> Float32Array:
        """float32 `(n,)` at 16 kHz."""
        return self.store[self.path(clip)]

    def machines(self) -> list[str]:
        """Machines that have test clips, in order."""
        return sorted({clip.machine for clip in self.clips if not clip.train})


class FrameStore:
    """Log-mel frames of recordings in one memory-mapped file: `frames[path]` is float16 `(t, 224)` dB, t >= 126."""

    def __init__(self, values: NDArray[np.float16], places: dict[str, tuple[int, int]], name: str) -> None:
        self.name = name
        self._values = values
        self._places = places

    def __getitem__(self, path: str) -> NDArray[np.float16]:
        start, length = self._places[path]
        return self._values[start : start + length]

    @classmethod
    def open(cls, paths: Sequence[str], store: AudioStore, cache: Path, progress: Callable[[str], None]) -> FrameStore:
        """Frames of recordings in `store`, made now unless `cache` has them.

        A recording shorter than a window is repeated from its start until it fills one.
        """
        content = json.dumps([FRAMES_VERSION, PATH_VERSION, store.name, MACHINE.fingerprint, list(paths)])
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        data, index = cache / f"frames-{name}.f16", cache / f"frames-{name}.json"
        if not index.is_file():
            kernel = Kernel(MACHINE)
            places: dict[str, tuple[int, int]] = {}
            position = 0
            with data.open("wb") as stream:
                for i, path in enumerate(paths):
                    frames = kernel(circular(store[path], SAMPLES)).astype(np.float16)
                    frames.tofile(stream)
                    places[path] = (position, len(frames))
                    position += len(frames)
                    if (i + 1) % 500 == 0:
                        progress(f"frames of {i + 1} of {len(paths)} recordings")
            # Renamed last: a store without its index was interrupted and is made again.
            scratch = index.with_suffix(".part")
            scratch.write_text(json.dumps(places), encoding="utf-8")
            scratch.replace(index)
        loaded = {path: (start, length) for path, (start, length) in json.loads(index.read_text("utf-8")).items()}
        values = np.memmap(data, dtype=np.float16, mode="r").reshape(-1, MACHINE.bands)
        return cls(values, loaded, name)


def circular(wave: Float32Array, shortest: int) -> Float32Array:
    """The wave, repeated from its start until it has `shortest` samples; silence where it has none."""
    if not len(wave):
        return np.zeros(shortest, dtype=np.float32)
    return np.resize(wave, shortest) if len(wave) < shortest else wave


def segment_starts(length: int, segment: int, count: int) -> list[int]:
    """Starts of `count` segments spread evenly over `length`, in samples or frames; the last ends with the clip.

    Kuroyanagi et al. 2022, section 3.1: ten overlapping segments of two seconds a clip.
    """
    if length < segment or count < 1:
        raise ValueError(f"no {count} segments of {segment} in {length}")
    if count == 1:
        return [0]
    hop = (length - segment) // (count - 1)
    return [*(i * hop for i in range(count - 1)), length - segment]


def segments(frames: NDArray[np.float16], count: int) -> Float32Array:
    """float32 `(count, 126, 224)` dB: evenly spread windows of a clip's frames `(t, 224)`."""
    starts = segment_starts(len(frames), FRAMES, count)
    return np.stack([frames[start : start + FRAMES] for start in starts]).astype(np.float32)


def load_material(sources: Sources, cache: Path, progress: Callable[[str], None]) -> Material:
    """Everything that a recipe names, decoded. Raises UsageError where something is missing."""
    root = data_folder(sources.data)
    cache.mkdir(parents=True, exist_ok=True)
    clips = load_dcase2022(root / sources.machines)
    if sources.only:
        clips = [clip for clip in clips if clip.machine in sources.only]
    others = [*_esc50(root, sources), *_audioset(root, sources)]
    machines = [Recording(f"{sources.machines}/{clip.path}", Kind.MACHINE, clip.machine, "", ()) for clip in clips]
    recordings = [*machines, *others]
    store = AudioStore.open(root, recordings, MACHINE.rate, cache, progress)
    frames = FrameStore.open([one.path for one in recordings], store, cache, progress)
    return Material(tuple(clips), sources.machines, tuple(others), store, frames)


def mixed_in(table: Path) -> set[str]:
    """Freesound numbers of the ESC-50 takes that the notes of a machine manifest say were mixed into clips."""
    words = (word for _, row in read_rows(table, ("note",)) for word in row["note"].split())
    names = (word.rsplit(".", 1)[0].split("-") for word in words if word.endswith((".opus", ".wav", ".ogg")))
    return {parts[1] for parts in names if len(parts) == 4}


def _esc50(root: Path, sources: Sources) -> Iterable[Recording]:
    """ESC-50 without any take of a recording that was mixed into a machine's clips."""
    if not sources.esc50:
        return []
    notes = root / sources.machines / "manifest.csv"
    forbidden = mixed_in(notes) if notes.is_file() else set[str]()
    table = root / sources.esc50 / "manifest.csv"
    found = load_manifest(table, kind=Kind.ESC50).recordings
    return [
        Recording(f"{sources.esc50}/{one.path}", Kind.ESC50, one.label, one.licence, one.groups)
        for one in found
        if one.path.rsplit("/", 1)[-1].split("-")[1] not in forbidden
    ]


def _audioset(root: Path, sources: Sources) -> Iterable[Recording]:
    if not sources.audioset:
        return []
    folder = root / sources.audioset
    clips = load_audioset(folder, sources.audioset_without)
    return [Recording(f"{sources.audioset}/{clip.path}", Kind.OTHER, " ".join(clip.labels), "", ()) for clip in clips]
