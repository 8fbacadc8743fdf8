"""Log-mel frames of recordings, computed once, in one array on disk."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.frontend import Kernel
from training.data.audio import PATH_VERSION
from training.data.mixtures import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec
    from training.data.audio import AudioStore

VERSION = 1
"""Raised when the same recordings give other frames."""


class FrameStore:
    """Frames of recordings in one memory-mapped file: `frames[path]` is float16 `(t, bands)`, t >= `shortest`."""

    def __init__(self, values: NDArray[np.float16], places: dict[str, tuple[int, int]], name: str) -> None:
        self.name = name
        self._values = values
        self._places = places

    def __getitem__(self, path: str) -> NDArray[np.float16]:
        start, length = self._places[path]
        return self._values[start : start + length]

    @classmethod
    def open(
        cls,
        paths: Sequence[str],
        store: AudioStore,
        spec: FeatureSpec,
        shortest: int,
        cache: Path,
        progress: Callable[[str], None],
    ) -> FrameStore:
        """Frames of recordings in `store`, made now unless `cache` has them.

        A recording that is shorter than `shortest` frames is repeated from its start until it has as many.
        """
        content = json.dumps([VERSION, PATH_VERSION, store.name, spec.fingerprint, shortest, list(paths)])
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        data, index = cache / f"frames-{name}.f16", cache / f"frames-{name}.json"
        if not index.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            kernel, fewest = Kernel(spec), spec.samples_in(shortest)
            places: dict[str, tuple[int, int]] = {}
            position = 0
            with data.open("wb") as stream:
                for i, path in enumerate(paths):
                    samples = store[path]
                    whole = samples if len(samples) >= fewest else cut(samples, 0, fewest)
                    frames = kernel(whole).astype(np.float16)
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
        values = np.memmap(data, dtype=np.float16, mode="r").reshape(-1, spec.bands)
        return cls(values, loaded, name)
