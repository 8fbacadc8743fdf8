"""What an encoder makes of test clips and of bird-free sound, by the monitor's own path; kept, as it takes minutes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.core.types import ENGINE_RATE, Span
from training.data.audio import PATH_VERSION, AudioStore
from training.data.catalog import data_folder
from training.data.splits import Part
from training.encoders.candidates import CACHE
from training.fewshot.background import Use
from training.fewshot.companion import embed_clips, hear_sound
from training.fewshot.false_tags import EVERYTHING, Heard, join

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.birds.gate import GateThresholds
    from training.data.catalog import Recording
    from training.encoders.candidates import Candidate
    from training.fewshot.material import Material

VERSION = 1
"""Raised when clips are prepared, or sound is heard, in another way."""

Arrays = dict[str, Any]
"""numpy arrays by name."""

GATED, OPEN = "behind the gate", "with the gate held open"
"""Names of the two streams of bird-free sound."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardByEncoder:
    """One encoder's view of everything that is asked."""

    recordings: list[Recording]
    """Test clips of which something can be made."""
    embeddings: NDArray[np.float32]
    """`(n, d)`, rows of length 1."""
    background: list[Heard]
    """`GATED` and `OPEN`."""


class Listening:
    """The test clips and bird-free sound, at 48 kHz, for every encoder alike."""

    def __init__(self, material: Material, progress: Callable[[str], None]) -> None:
        recipe = material.recipe
        self._gate = material.gate
        self._progress = progress
        self._clips = material.by_part[Part.TEST]
        self._quiet = material.background(Use.TEST)
        wanted = [*self._clips, *(one for some in self._quiet.values() for one in some)]
        self._store = AudioStore.open(data_folder(recipe.data), wanted, ENGINE_RATE, CACHE, progress)

    def of(self, candidate: Candidate) -> HeardByEncoder:
        """From the cache, or heard now, part by part."""
        key = self._key(candidate)
        rows = _kept(CACHE / f"clips-{key}.npz", lambda: self._embed_clips(candidate))
        by_path = {one.path: one for one in self._clips}
        streams = [
            _heard(
                name, _kept(CACHE / f"{part}-{key}.npz", partial(self._hear_background, candidate, name, thresholds))
            )
            for part, name, thresholds in (("gated", GATED, None), ("open", OPEN, EVERYTHING))
        ]
        return HeardByEncoder([by_path[str(path)] for path in rows["paths"]], rows["embeddings"], streams)

    def _embed_clips(self, candidate: Candidate) -> Arrays:
        self._progress(f"{candidate.bundle.manifest.id} hears {len(self._clips)} clips")
        kept, rows, _ = embed_clips(self._clips, self._store, self._gate, candidate.embedder)
        return {"paths": np.array([one.path for one in kept]), "embeddings": rows}

    def _hear_background(self, candidate: Candidate, name: str, thresholds: GateThresholds | None) -> Arrays:
        self._progress(f"{candidate.bundle.manifest.id} hears the bird-free sound {name}")
        parts = [
            hear_sound(kind, [self._store[one.path] for one in some], self._gate, candidate.embedder, thresholds)
            for kind, some in self._quiet.items()
        ]
        heard = join(parts, name)
        spans = np.array([[span.start, span.end] for span in heard.spans]).reshape(-1, 2)
        return {"embeddings": heard.embedding, "spans": spans, "hours": np.array(heard.hours)}

    def _key(self, candidate: Candidate) -> str:
        models = [candidate.bundle.manifest.model.sha256, self._gate.manifest.model.sha256]
        content = json.dumps([VERSION, PATH_VERSION, self._store.name, *models])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def _heard(name: str, arrays: Arrays) -> Heard:
    spans = tuple(Span(int(start), int(end)) for start, end in arrays["spans"])
    return Heard(name, arrays["embeddings"], spans, float(arrays["hours"]))


def _kept(file: Path, make: Callable[[], Arrays]) -> Arrays:
    """What a file holds, made now where there is none."""
    if not file.is_file():
        scratch = file.with_suffix(".part")
        with scratch.open("wb") as stream:
            np.savez(stream, **make())  # pyright: ignore[reportArgumentType] (arrays by name)
        scratch.replace(file)
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}
