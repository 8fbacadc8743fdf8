"""What the machine branch has to say. Part of `monitor.core.events`, which names every reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import ClassVar

from monitor.core.types import Span  # noqa: TC001 - the bus reads the annotation


class MachineState(StrEnum):
    """What is known of a machine now; only `ready` and `snoozed` are judged."""

    WARMING_UP = "warming_up"
    """Too little was heard yet."""
    READY = "ready"
    """It runs, and is compared with its normals."""
    OFF = "off"
    """Far below the level of its normals."""
    STARTING = "starting"
    """It just began to run."""
    CHANGED_SPEED = "changed_speed"
    """It sounds as its normals do, at another speed."""
    FAULT = "fault"
    """The microphone was knocked or covered, or gives nothing."""
    LEARNING = "learning"
    """What is heard is being learnt as normal."""
    MAINTENANCE = "maintenance"
    """Somebody works on it, and said so."""
    SNOOZED = "snoozed"
    """It is compared, but told to keep quiet for a while."""


@dataclass(frozen=True, slots=True)
class BandDeviation:
    """A stretch of the spectrum that is not as in the normals."""

    low_hz: float
    high_hz: float
    difference_db: float
    """Against the normals' mean: above 0 is louder."""

    @property
    def range_words(self) -> str:
        """`2.1-3.4 kHz`, `1.62-1.68 kHz` or `120-250 Hz`."""
        if self.high_hz < 1000:
            return f"{self.low_hz:.0f}-{self.high_hz:.0f} Hz"
        digits = 1 if self.high_hz - self.low_hz >= 200 else 2
        return f"{self.low_hz / 1000:.{digits}f}-{self.high_hz / 1000:.{digits}f} kHz"

    @property
    def words(self) -> str:
        """`2.1-3.4 kHz +11 dB`."""
        return f"{self.range_words} {self.difference_db:+.0f} dB"


@dataclass(frozen=True, slots=True)
class AnomalyReading:
    """How one machine sounds in one window."""

    topic: ClassVar[str] = "anomaly"
    logged: ClassVar[bool] = False

    span: Span
    machine: str
    state: MachineState
    score: float
    """Higher is worse; 0 where there is no score yet."""
    percentile: float
    """Share of the normals that score lower, 0..1."""
    alarm_percentile: float
    """The alarm line: percentile above which a window counts for an alarm, 0..1."""
    domain_probability: float
    """That it runs under the conditions of its target clips, 0..1; 0 where it has none."""
    alarm: bool
    """Whether enough of the newest windows lie above the line."""
    alarmed: Span | None = None
    """The alarm so far; None where there is none."""
    acknowledged: bool = False
    """Whether somebody has seen the alarm."""
    deviations: tuple[BandDeviation, ...] = ()
    """Where it differs from the normals, the most first."""
    nearest_clip: str = ""
    """The normal clip that sounds most like it; empty where there is none."""
    detail: str = ""
    """Why it is in this state, in the user's words."""
    suppressed: str = ""
    """Why there is no alarm where its own line would ring one, such as `scene street_traffic`; else empty."""

    def __post_init__(self) -> None:
        for name in ("percentile", "alarm_percentile", "domain_probability"):
            _check_unit(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class MachineChange:
    """A machine's state or alarm changed, or its alarm was acknowledged."""

    topic: ClassVar[str] = "machine"
    logged: ClassVar[bool] = True

    span: Span
    """The window that it was seen in."""
    machine: str
    state: MachineState
    alarm: bool
    """Whether there is an alarm now."""
    acknowledged: bool
    """Whether somebody has seen it."""
    percentile: float
    """Share of the normals that score lower, 0..1; of an alarm, and when it ends, its highest so far."""
    alarmed: Span | None = None
    """The alarm so far, or the one that ends here; None where there is none."""
    deviations: tuple[BandDeviation, ...] = ()
    """Where it differs from the normals, the most first."""
    nearest_clip: str = ""
    """The normal clip that sounds most like it; empty where there is none."""
    detail: str = ""
    """Why, in the user's words."""
    suppressed: str = ""
    """Why there is no alarm where its own line would ring one, such as `scene street_traffic`; else empty."""

    def __post_init__(self) -> None:
        _check_unit("percentile", self.percentile)


@dataclass(frozen=True, slots=True)
class PercentileSummary:
    """An hour of one machine: what slow drift is read from."""

    topic: ClassVar[str] = "percentiles"
    logged: ClassVar[bool] = True

    span: Span
    """From the first window to the last; it ends with the hour, or where the stream does."""
    machine: str
    windows: int
    """Windows that were judged, 1 or more."""
    median: float
    """Of their percentiles, 0..1; that of the normals themselves is 0.5."""
    upper: float
    """Their 0.9 quantile, 0..1."""
    alarmed: float
    """Share of them within an alarm, 0..1."""

    def __post_init__(self) -> None:
        for name in ("median", "upper", "alarmed"):
            _check_unit(name, getattr(self, name))


def _check_unit(name: str, value: float) -> None:
    if not (isfinite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{name} must be within 0..1, got {value}")
