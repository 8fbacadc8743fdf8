"""What the engine has to say: readings about a stretch of one source's stream.

`topic` is the type's name on the bus and in JSON Lines. A reading that is `logged` becomes a row of the event log and
is never lost to a subscriber; the others are a live picture, and an old one is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

from monitor.core.machine_readings import AnomalyReading, MachineChange, PercentileSummary
from monitor.core.privacy_readings import PrivacyChange
from monitor.core.scene_readings import SceneChange, SceneReading
from monitor.core.sound_readings import SoundClassReading
from monitor.core.species_readings import SpeciesDetection
from monitor.core.types import Span, read_only

if TYPE_CHECKING:
    from monitor.core.types import Float32Array


class SourceCondition(StrEnum):
    """What a source is doing."""

    STARTING = "starting"
    """Known, but no audio has come yet."""
    LISTENING = "listening"
    """Audio comes."""
    STALLED = "stalled"
    """Nothing has come for longer than the watchdog allows; it may resume."""
    LOST = "lost"
    """The device or the capture process is gone; it is being restarted."""
    FAILED = "failed"
    """Given up, or the recording could not be read."""
    ENDED = "ended"
    """The recording is over, or the user stopped."""


class BranchCondition(StrEnum):
    """What a branch of the pipeline is doing."""

    RUNNING = "running"
    DEGRADED = "degraded"
    """It failed within the last minute and was reset."""
    OFF = "off"
    """It failed three times within a minute and was switched off."""


@dataclass(frozen=True, slots=True)
class ActivityChange:
    """A bird became audible, or stopped being so."""

    topic: ClassVar[str] = "activity"
    logged: ClassVar[bool] = True

    span: Span
    """From the onset to the newest window (`active`) or to the end."""
    active: bool
    """True at the onset, False at the end; a new onset follows where a long activity is split."""
    probability: float
    """The highest gate probability so far, 0..1."""
    peak: Span
    """The window that had it."""

    def __post_init__(self) -> None:
        _check_unit("probability", self.probability)


@dataclass(frozen=True, slots=True)
class GateReading:
    """Bird-activity probability of one gate window."""

    topic: ClassVar[str] = "gate"
    logged: ClassVar[bool] = False

    span: Span
    probability: float
    """0..1."""
    threshold: float
    """Probability from which on an activity begins, 0..1."""

    def __post_init__(self) -> None:
        _check_unit("probability", self.probability)
        _check_unit("threshold", self.threshold)


@dataclass(frozen=True, slots=True)
class TagDetection:
    """Which of the enrolled species an activity sounds like.

    Each activity gets a provisional tag when it begins and a final one when it is over; either may be missing.
    """

    topic: ClassVar[str] = "tag"
    logged: ClassVar[bool] = True

    span: Span
    """The activity so far (`provisional`), or all of it; where it `continues`, from the start of the tag before."""
    label: str | None
    """The enrolled species; None: unknown."""
    score: float
    """Probability that it is `label`, 0..1; for unknown that it is the best candidate."""
    margin: float
    """The best candidate's probability less that of the next one (0 where there is none), 0..1."""
    runner_up: str | None
    """The enrolled species that is next, None where there is none; for unknown the best candidate."""
    provisional: bool
    """True at the onset, False at the end, which is the one that counts."""
    continues: bool = False
    """The same call as in the final tag before: not counted anew. Provisional tags never say so."""
    suppressed: str = ""
    """Why it is neither shown nor counted, such as `scene vehicle_interior`; empty where it is."""

    def __post_init__(self) -> None:
        _check_unit("score", self.score)
        _check_unit("margin", self.margin)


@dataclass(frozen=True, slots=True)
class LevelReading:
    """How loud a stretch was."""

    topic: ClassVar[str] = "level"
    logged: ClassVar[bool] = False

    span: Span
    rms_dbfs: float
    """Root mean square, dB relative to a full-scale sine, never below -120."""
    peak_dbfs: float
    """Largest absolute sample, dB relative to 1.0, never below -120."""
    clipped: int
    """Samples at or above full scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One column of the screen's spectrogram."""

    topic: ClassVar[str] = "spectrum"
    logged: ClassVar[bool] = False

    span: Span
    levels_db: Float32Array
    """float32 `(n_bands,)`: loudest frame of the span in equal bands, dB relative to a full-scale sine, -90..0."""
    top_hz: float
    """Upper edge of the last band; the first begins at 0 Hz."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels_db", read_only(self.levels_db, dimensions=1))


@dataclass(frozen=True, slots=True)
class StreamGap:
    """Audio that was never heard."""

    topic: ClassVar[str] = "gap"
    logged: ClassVar[bool] = True

    span: Span
    """From the last sample heard to the first one heard again."""
    lost: int
    """Engine samples lost."""
    estimated: bool
    """True where a device lost them (estimated from its clock), False where they were counted."""
    reason: str
    """In the user's words."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source changed what it is doing."""

    topic: ClassVar[str] = "source"
    logged: ClassVar[bool] = True

    span: Span
    """Empty, at the engine index where the change was seen."""
    state: SourceCondition
    detail: str = ""
    """Why, and what to do, in the user's words."""
    synthetic: bool = False
    """True where the sound is made by a program."""


@dataclass(frozen=True, slots=True)
class BranchHealth:
    """How one branch of the pipeline fares."""

    name: str
    """Such as `birds`."""
    state: BranchCondition
    busy: float
    """Processing seconds per second of audio, 0 or more."""
    dropped_windows: int
    """Windows not scored because of overload, since the start."""
    detail: str = ""
    """The last failure, in the user's words."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the engine fares with one source; once a second of wall time."""

    topic: ClassVar[str] = "health"
    logged: ClassVar[bool] = False

    span: Span
    """The audio since the last one."""
    real_time_factor: float
    """Audio seconds processed per processing second: above 1 keeps up."""
    lag_s: float
    """Seconds between the newest sample captured and the newest one processed."""
    heard: float
    """Share of the stream since the start that was really heard, 0..1."""
    lost: int
    """Engine samples lost since the start."""
    non_finite: int
    """Samples that were not finite numbers and were replaced by 0, since the start."""
    branches: tuple[BranchHealth, ...] = ()


Reading = (
    ActivityChange
    | GateReading
    | TagDetection
    | SpeciesDetection
    | AnomalyReading
    | MachineChange
    | PercentileSummary
    | SceneReading
    | SceneChange
    | SoundClassReading
    | PrivacyChange
    | LevelReading
    | Spectrum
    | StreamGap
    | SourceState
    | Health
)
"""Everything that the engine publishes."""

READING_TYPES: tuple[type[Reading], ...] = (
    ActivityChange,
    GateReading,
    TagDetection,
    SpeciesDetection,
    AnomalyReading,
    MachineChange,
    PercentileSummary,
    SceneReading,
    SceneChange,
    SoundClassReading,
    PrivacyChange,
    LevelReading,
    Spectrum,
    StreamGap,
    SourceState,
    Health,
)


def _check_unit(name: str, value: float) -> None:
    if not (isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{name} must be within 0..1, got {value}")
