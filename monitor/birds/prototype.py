"""What one species was learnt as: a unit vector, the clip embeddings that it averages, and the audio behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import read_only, unit
from monitor.errors import UsageError
from monitor.kept.audio import LONGEST_CLIP, ClipReference, audio_hash
from monitor.kept.name import kept_name, name_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array

RESERVED = "unknown"
"""What a tag of no enrolled species is called; no species may be called so."""

MOST_CLIPS = 500
"""Clips of one species."""

WIDEST = 16_384
"""Dimensions of an embedding."""


def species_name(text: str) -> str:
    """`text` as a name is kept: composed (NFC), single spaces.

    Raises UsageError when nothing is left, when it is over `LONGEST_NAME`, holds control characters or is `RESERVED`.
    """
    remedy = "Name it as in Turdus merula_Common Blackbird"
    name = kept_name(text, "species", remedy)
    if name_key(name) == RESERVED:
        raise UsageError(f"species name {text[:60]!a}", "means that no species was recognised", remedy)
    return name


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledClip:
    """A clip to learn from: the audio that was heard, and what the encoder made of it.

    Raises UsageError when it is empty or too long.
    """

    samples: Float32Array
    """float32 `(n,)`, full scale +-1 (nominal), finite, n from 1 to `LONGEST_CLIP`, read-only."""
    rate: int
    """Samples a second."""
    origin: str
    """As in `ClipReference`."""
    embedding: Float32Array
    """float32 `(d,)` of length 1, read-only."""

    def __post_init__(self) -> None:
        if self.rate < 1:
            raise ValueError(f"{self.rate} samples a second")
        if not 1 <= len(self.samples) <= LONGEST_CLIP:
            why = f"has {len(self.samples)} samples; 1 to {LONGEST_CLIP} can be kept"
            raise UsageError(f"clip {self.origin}", why, "Cut it to the calls")
        object.__setattr__(self, "samples", read_only(self.samples, dimensions=1))
        object.__setattr__(self, "embedding", unit(self.embedding))

    @property
    def reference(self) -> ClipReference:
        """What a prototype remembers of it."""
        return ClipReference(audio_hash(self.samples, self.rate), self.rate, len(self.samples), self.origin)


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """One species as one encoder hears it."""

    name: str
    """As `species_name` gives it."""
    model_id: str
    """The encoder, `name/version`, not empty."""
    vector: Float32Array
    """float32 `(d,)` of length 1, d to `WIDEST`, read-only: the direction of the mean of `embeddings`."""
    embeddings: Float32Array
    """float32 `(k, d)`, row i of length 1 from clip i, read-only."""
    clips: tuple[ClipReference, ...]
    """k of them, 1 to `MOST_CLIPS`, no two with the same audio."""
    enrolled_utc_ns: int
    """When, UTC nanoseconds since 1970, 0 or more."""
    threshold: float | None = None
    """The species' own threshold of the tagger, finite; None: the tagger's."""

    def __post_init__(self) -> None:
        if self.name != species_name(self.name) or not self.model_id or self.enrolled_utc_ns < 0:
            raise ValueError(f"needs a name, an encoder and a time: {self.name}, {self.model_id}")
        if self.threshold is not None and not np.isfinite(self.threshold):
            raise ValueError(f"a threshold is a finite number, not {self.threshold}")
        embeddings = read_only(self.embeddings, dimensions=2)
        if not 1 <= len(self.clips) == len(embeddings) <= MOST_CLIPS or embeddings.shape[1] > WIDEST:
            raise ValueError(f"{len(self.clips)} clips, embeddings {embeddings.shape}")
        if len({clip.sha256 for clip in self.clips}) < len(self.clips):
            raise ValueError("two clips are the same audio")
        for row in embeddings:
            unit(row)
        vector = unit(self.vector)
        if not np.allclose(vector, _direction(embeddings), rtol=0, atol=1e-4):
            raise ValueError("the vector is not the mean of the embeddings")
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "vector", vector)

    @property
    def dimension(self) -> int:
        """Of the embedding."""
        return len(self.vector)


def average(
    name: str,
    model_id: str,
    rows: Sequence[tuple[ClipReference, Float32Array]],
    enrolled_utc_ns: int,
    threshold: float | None = None,
) -> Prototype:
    """The prototype of clips and their embeddings.

    Raises UsageError when there is no clip or too many, when two are the same audio, when dimensions differ, when the
    embeddings cancel each other out, or when the threshold is not finite.
    """
    what = f"species {name}"
    if threshold is not None and not np.isfinite(threshold):
        raise UsageError(what, f"{threshold} is no threshold", "Give a finite number")
    if not 1 <= len(rows) <= MOST_CLIPS:
        raise UsageError(what, f"{len(rows)} clips were given", f"Give 1 to {MOST_CLIPS} clips")
    seen: dict[str, str] = {}
    for clip, _ in rows:
        if clip.sha256 in seen:
            why = f"the clips {seen[clip.sha256]} and {clip.origin} are the same audio, which counts once"
            raise UsageError(what, why, "Leave one of them out, or give another recording")
        seen[clip.sha256] = clip.origin
    widths = sorted({len(row) for _, row in rows})
    if len(widths) > 1 or widths[0] > WIDEST:
        raise UsageError(what, f"embeddings of {widths} dimensions do not average", "Embed all with one encoder")
    embeddings = np.stack([row for _, row in rows])
    if not np.linalg.norm(embeddings.mean(axis=0, dtype=np.float64)) > 1e-3:
        raise UsageError(what, "the clips have nothing in common: their mean vanishes", "Give clips of one species")
    clips = tuple(clip for clip, _ in rows)
    return Prototype(name, model_id, _direction(embeddings), embeddings, clips, enrolled_utc_ns, threshold)


def _direction(embeddings: Float32Array) -> Float32Array:
    """The unit vector along the mean of the rows, zeros where that vanishes."""
    mean = embeddings.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    return (mean / length if length > 0.0 else mean).astype(np.float32)
