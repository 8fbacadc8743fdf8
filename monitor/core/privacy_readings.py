"""What the privacy mode has to say. Part of `monitor.core.events`, which names every reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from monitor.core.types import Span  # noqa: TC001 - the bus reads the annotation


class PrivacyState(StrEnum):
    """What becomes of clips and spectrogram."""

    WATCHING = "watching"
    """Each stretch is passed on as soon as it is known that nobody speaks in it."""
    WITHHOLDING = "withholding"
    """Neither is passed on."""


class PrivacyReason(StrEnum):
    """Why something is withheld."""

    NONE = "none"
    """Nothing is: the stream begins."""
    SPEECH = "speech"
    """The sound class is speech, alone or in noise."""
    VOICE = "voice"
    """A classifier of species heard a person."""
    NOT_JUDGED = "not judged"
    """No sound class was told: the end of a stream, or a branch that failed or was too slow."""


@dataclass(frozen=True, slots=True)
class PrivacyChange:
    """Withholding began or is over; at the start of a stream, that the mode is on."""

    topic: ClassVar[str] = "privacy"
    logged: ClassVar[bool] = True

    span: Span
    """What is withheld, so far or in all; empty at the start of a stream."""
    state: PrivacyState
    reason: PrivacyReason
    """The first one."""
    clips: int = 0
    """Clips of it that were asked for and not written, 0 or more."""
