"""Values that pass between stages: frozen, slotted, with read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32Array = NDArray[np.float32]

ENGINE_RATE = 48_000
"""Samples a second of the engine's clock; every `Span` counts in it."""

GRID = 3
"""Engine samples between indices at which the 16 kHz and the 32 kHz stream both have a sample on the grid."""

UNIT_TOLERANCE = 1e-4
"""By how much the length of a unit vector may differ from 1: float32 rounding, and no more."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open stretch of the stream, in engine samples."""

    start: int
    """First engine sample, 0 or more."""
    end: int
    """One past the last engine sample, `start` or more."""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, got {self.start}..{self.end}")

    @property
    def length(self) -> int:
        """Engine samples inside."""
        return self.end - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one sample."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Consecutive mono samples of one stream."""

    samples: Float32Array
    """float32 `(n,)`, full scale +-1 (nominal: decoded files may exceed it), finite, read-only."""
    start: int
    """Index of the first sample at `rate`, 0 or more."""
    rate: int = ENGINE_RATE
    """Samples a second: the source's own, 48 000, 32 000 or 16 000."""
    lost_before: int = 0
    """Samples at `rate` lost between the block before and this one."""
    lost_estimated: bool = False
    """True where `lost_before` was estimated from a device's clock rather than counted."""

    def __post_init__(self) -> None:
        if self.start < 0 or self.lost_before < 0 or self.rate <= 0:
            raise ValueError(f"negative index, loss or rate: {self.start}, {self.lost_before}, {self.rate}")
        object.__setattr__(self, "samples", read_only(self.samples, dimensions=1))

    @property
    def end(self) -> int:
        """Index one past the last sample, at `rate`."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureBlock:
    """Consecutive frames of one front-end."""

    values: Float32Array
    """float32 `(t, n_mels)`, finite, read-only."""
    first_frame: int
    """Index of row 0; frame i covers `[i*hop, i*hop + window)` of the spec's own rate, the grid anchored at 0."""

    def __post_init__(self) -> None:
        if self.first_frame < 0:
            raise ValueError(f"negative frame index {self.first_frame}")
        object.__setattr__(self, "values", read_only(self.values, dimensions=2))


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The exact input of a model."""

    values: Float32Array
    """float32 `(t, f)`, finite, read-only."""
    span: Span
    """The audio that the window's frames cover."""
    spec_id: str
    """Fingerprint of the feature spec that made it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values, dimensions=2))


@dataclass(frozen=True, slots=True, eq=False)
class SampleWindow:
    """The exact input of a model that takes a waveform."""

    samples: Float32Array
    """float32 `(n,)`, full scale +-1 (nominal), finite, read-only; zeros where the stream ended before its end."""
    span: Span
    """The audio inside."""
    rate: int
    """Samples a second."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", read_only(self.samples, dimensions=1))


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What an encoder makes of a window: a direction; the nearer two are, the more alike they sound."""

    vector: Float32Array
    """float32 `(d,)` of length 1 (within `UNIT_TOLERANCE`), finite, read-only."""
    span: Span
    """The audio that it was made from."""
    model_id: str
    """The encoder, `name/version`, not empty; embeddings of different encoders do not compare."""

    def __post_init__(self) -> None:
        if not self.model_id:
            raise ValueError("an embedding needs the id of its encoder")
        object.__setattr__(self, "vector", unit(self.vector))


def read_only(values: Float32Array, dimensions: int) -> Float32Array:
    """A read-only view of `values`.

    Raises ValueError when it is not finite float32 with that many dimensions.
    """
    if values.dtype != np.float32 or values.ndim != dimensions:
        raise ValueError(f"expected a float32 array of {dimensions} dimension(s), got {values.dtype} {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("non-finite values; sources replace and count them before they get here")
    view = values.view()
    view.flags.writeable = False
    return view


def unit(vector: Float32Array) -> Float32Array:
    """A read-only view of `vector`.

    Raises ValueError when it is not finite float32 `(d,)` of length 1 within `UNIT_TOLERANCE`.
    """
    view = read_only(vector, dimensions=1)
    length = float(np.linalg.norm(view.astype(np.float64)))
    if abs(length - 1.0) > UNIT_TOLERANCE:
        raise ValueError(f"expected a vector of length 1, got {length:.6g}")
    return view
