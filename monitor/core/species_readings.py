"""What the classifiers of known species have to say. Part of `monitor.core.events`, which names every reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import ClassVar

from monitor.core.types import Span  # noqa: TC001 - the bus reads the annotation


class SoundKind(StrEnum):
    """What a label stands for."""

    BIRD = "bird"
    ANIMAL = "animal"
    """Another animal: a frog, an insect, a dog, or one of which the model does not say that it is a bird."""
    VOICE = "voice"
    """A human voice."""
    SOUND = "sound"
    """Anything else, such as an engine."""


@dataclass(frozen=True, slots=True)
class SpeciesDetection:
    """A classifier heard one of the sounds that it knows, in one window or in several that follow one another."""

    topic: ClassVar[str] = "species"
    logged: ClassVar[bool] = True

    span: Span
    """From the start of the first window to the end of the last."""
    label: str
    """As the model spells it, such as `Turdus merula_Common Blackbird`."""
    scientific: str
    """Such as `Turdus merula`; empty where the label has none."""
    common: str
    """Such as `Common Blackbird`; the whole label where it has one name only."""
    kind: SoundKind
    score: float
    """Probability of `label` in its best window, 0..1."""
    best: Span
    """The window that had it."""
    probabilities: dict[str, float]
    """The most probable labels of that window, the best first, and the reject class if there is one: label -> 0..1."""
    voice: float
    """The highest probability of a human voice in its windows, 0..1; 0 where the model knows none."""
    model: str
    """`name@version` of the classifier."""
    continues: bool = False
    """The same call as in the detection of this label before, which was long: not counted anew."""
    suppressed: str = ""
    """Why it is neither shown nor counted, such as `scene vehicle_interior`; empty where it is."""

    def __post_init__(self) -> None:
        for name, value in (("score", self.score), ("voice", self.voice), *self.probabilities.items()):
            if not (isfinite(value) and 0.0 <= value <= 1.0):
                raise ValueError(f"{name} must be within 0..1, got {value}")
        object.__setattr__(self, "probabilities", dict(self.probabilities))

    @property
    def name(self) -> str:
        """What people call it."""
        return self.common or self.scientific or self.label
