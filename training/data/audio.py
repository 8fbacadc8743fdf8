"""Recordings decoded once, through the monitor's own path, into one array on disk."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.files import FileSource
from monitor.audio.resample import Decimate, EngineRate
from monitor.core.types import ENGINE_RATE
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.types import AudioBlock
    from training.data.catalog import Recording

PATH_VERSION = "monitor.audio 1"
"""Raised when the monitor decodes or resamples in another way; stores made before are then made again."""


def decode_joined(paths: Sequence[Path], rate: int, limit_s: float | None = None) -> NDArray[np.float32]:
    """The recordings one after another, as `decode` has each: the seconds into which a longer one was cut."""
    return np.concatenate([decode(path, rate, limit_s) for path in paths])


def decode(path: Path, rate: int, limit_s: float | None = None) -> NDArray[np.float32]:
    """Mono float32 at `rate` Hz, by way of 48 kHz, sample for sample what the monitor hears; its first `limit_s`.

    A recording that breaks off is kept as far as it goes. Raises SourceError when nothing can be read.
    """
    source = FileSource(path)
    to_engine = EngineRate(source.rate)
    engine: list[AudioBlock] = []
    try:
        for block in source.blocks():
            engine += to_engine.push(block)
            if limit_s is not None and block.end >= limit_s * source.rate:
                break
    except SourceError:
        if not engine:
            raise
        # The fault comes after the sound before it, as in the monitor; what was heard is good.
    engine += to_engine.flush()
    if rate == ENGINE_RATE:
        parts = [block.samples for block in engine]
    else:
        to_rate = Decimate(rate)
        parts = [part.samples for block in engine for part in to_rate.push(block)]
        parts += [part.samples for part in to_rate.flush()]
    whole = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    return whole if limit_s is None else whole[: round(limit_s * rate)]


class AudioStore:
    """Decoded recordings in one memory-mapped file, `store[path]` is float32 `(n,)`.

    Made again whenever the list of files, their sizes or the rate differ from what is on disk.
    """

    def __init__(self, name: str, samples: NDArray[np.float32], places: dict[str, tuple[int, int]]) -> None:
        self.name = name
        self._samples = samples
        self._places = places

    def __getitem__(self, path: str) -> NDArray[np.float32]:
        start, length = self._places[path]
        return self._samples[start : start + length]

    def __contains__(self, path: str) -> bool:
        return path in self._places

    @classmethod
    def open(
        cls,
        root: Path,
        recordings: Sequence[Recording],
        rate: int,
        cache: Path,
        progress: Callable[[str], None],
        pieces: Mapping[str, tuple[str, ...]] | None = None,
        limit_s: float | None = None,
    ) -> AudioStore:
        """The store of `recordings` under `root`, decoded now unless `cache` has it.

        `pieces` names the files of recordings that were cut, in their order; the others are one file each, of which
        no more than `limit_s` is decoded.
        """
        made_of = {one.path: (pieces or {}).get(one.path, (one.path,)) for one in recordings}
        listing = [[path, sum((root / file).stat().st_size for file in files)] for path, files in made_of.items()]
        content = json.dumps([rate, PATH_VERSION, listing] + ([] if limit_s is None else [limit_s]))
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        data, index = cache / f"audio-{name}.f32", cache / f"audio-{name}.json"
        if not index.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            places: dict[str, tuple[int, int]] = {}
            position = 0
            with data.open("wb") as stream:
                for i, recording in enumerate(recordings):
                    samples = decode_joined([root / file for file in made_of[recording.path]], rate, limit_s)
                    samples.tofile(stream)
                    places[recording.path] = (position, len(samples))
                    position += len(samples)
                    if (i + 1) % 500 == 0:
                        progress(f"decoded {i + 1} of {len(recordings)} recordings")
            # Written last: a store without its index was interrupted and is made again.
            index.write_text(json.dumps(places))
        loaded = {path: (start, length) for path, (start, length) in json.loads(index.read_text()).items()}
        return cls(name, np.memmap(data, dtype=np.float32, mode="r"), loaded)
