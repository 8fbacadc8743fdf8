"""What the scene branch has to say. Part of `monitor.core.events`, which names every reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import ClassVar

from monitor.core.types import Span  # noqa: TC001 - the bus reads the annotation

UNKNOWN = "unknown"
"""The label of what is none of the scenes."""


class SceneState(StrEnum):
    """What a scene reading is worth."""

    WARMING_UP = "warming_up"
    """Too little was heard yet: the label is a first guess."""
    READY = "ready"
    """The label has settled."""


@dataclass(frozen=True, slots=True)
class SceneReading:
    """Where this sounds to be; one a second."""

    topic: ClassVar[str] = "scene"
    logged: ClassVar[bool] = False

    span: Span
    """The newest window; all there is of a stream too short for one."""
    label: str
    """The scene that has settled, or `unknown`."""
    probabilities: dict[str, float]
    """Of every label, smoothed, the likeliest first: label -> 0..1; empty where no window was heard."""
    state: SceneState
    detail: str = ""
    """Why there is no scene, in the user's words."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", _checked(self.probabilities))

    @property
    def probability(self) -> float:
        """Of `label`, 0..1."""
        return self.probabilities.get(self.label, 0.0)


@dataclass(frozen=True, slots=True)
class SceneChange:
    """Another scene has settled."""

    topic: ClassVar[str] = "scene_change"
    logged: ClassVar[bool] = True

    span: Span
    """From the first window in which it was the likeliest, without a break, to the one that settled it."""
    label: str
    """The scene, or `unknown`."""
    previous: str | None
    """The one before; None at the start of a stream and after lost audio."""
    probabilities: dict[str, float]
    """Of every label, smoothed, the likeliest first: label -> 0..1."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", _checked(self.probabilities))

    @property
    def probability(self) -> float:
        """Of `label`, 0..1."""
        return self.probabilities.get(self.label, 0.0)


def _checked(probabilities: dict[str, float]) -> dict[str, float]:
    """A copy. Raises ValueError for what is no probability."""
    for label, value in probabilities.items():
        if not (isfinite(value) and 0.0 <= value <= 1.0):
            raise ValueError(f"probability of {label} must be within 0..1, got {value}")
    return dict(probabilities)
