"""What the sound-class branch has to say. Part of `monitor.core.events`, which names every reading."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from monitor.core.types import Span  # noqa: TC001 - the bus reads the annotation


@dataclass(frozen=True, slots=True)
class SoundClassReading:
    """What kind of sound ten seconds are: noise, music, speech, or speech in noise."""

    topic: ClassVar[str] = "sound_class"
    logged: ClassVar[bool] = False

    span: Span
    label: str
    """The likeliest class of these ten seconds, as the model spells it, such as `speech+noise`."""
    probabilities: dict[str, float]
    """Of every class, the likeliest first: label -> 0..1."""
    smoothed: str
    """The likeliest class on average over the last while."""
    smoothed_probabilities: dict[str, float]
    """Averaged, the likeliest first: label -> 0..1."""

    def __post_init__(self) -> None:
        for name in ("probabilities", "smoothed_probabilities"):
            values: dict[str, float] = getattr(self, name)
            for label, value in values.items():
                if not (isfinite(value) and 0.0 <= value <= 1.0):
                    raise ValueError(f"{name} of {label} must be within 0..1, got {value}")
            object.__setattr__(self, name, dict(values))

    @property
    def probability(self) -> float:
        """Of `smoothed`, 0..1."""
        return self.smoothed_probabilities.get(self.smoothed, 0.0)
