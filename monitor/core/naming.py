"""The one rule for what a call is called, where species that were taught and species that a model knows compete.

1. A taught species, if the tag names one: it does so from its threshold on, and whoever taught it knew what they heard.
2. Otherwise the most probable bird that a classifier heard in the same stretch.
3. Otherwise `unknown`, if there is a tag; without one there is no name.

Readings hold both, whatever is shown. Other animals, voices and engines never name a call of a bird.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.core.species_readings import SoundKind, SpeciesDetection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.core.events import TagDetection


@dataclass(frozen=True, slots=True)
class CallName:
    """What a call is called."""

    text: str | None
    """None: unknown."""
    probability: float
    """0..1; for unknown that it is the best candidate."""
    known: bool
    """Whether a classifier knows it, and nobody taught it."""
    provisional: bool
    """Whether the call goes on, and may yet be named otherwise."""


def call_name(tag: TagDetection | None, heard: Iterable[SpeciesDetection]) -> CallName | None:
    """The name of a call, None without any; `heard`: what classifiers heard in its stretch."""
    if tag is not None and tag.label is not None:
        return CallName(tag.label, tag.score, known=False, provisional=tag.provisional)
    best = max((one for one in heard if is_bird(one)), key=lambda one: one.score, default=None)
    if best is not None:
        return CallName(best.name, best.score, known=True, provisional=False)
    return None if tag is None else CallName(None, tag.score, known=False, provisional=tag.provisional)


def is_bird(detection: SpeciesDetection) -> bool:
    """Whether a detection can name a call of a bird."""
    return detection.kind is SoundKind.BIRD
