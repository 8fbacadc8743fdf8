"""Stage that listens to one machine: what state it is in, how unusual it sounds, and whether that is an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from monitor.core.machine_readings import AnomalyReading, MachineChange, MachineState
from monitor.machines.alarm import AlarmRule, AlarmTracker
from monitor.machines.condition import READY, Condition, ConditionJudge, UsualSound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.machine_readings import BandDeviation
    from monitor.core.types import Span
    from monitor.machines.context import HeardContext
    from monitor.machines.profile import MachineProfile

_NOT_JUDGED = (MachineState.OFF, MachineState.STARTING, MachineState.CHANGED_SPEED)
"""States that end an alarm; a fault of the microphone does not."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What people said about a machine; it does not come from the sound."""

    maintenance: bool = False
    """Somebody works on it: nothing is judged."""
    snoozed: bool = False
    """It is judged, but rings no alarm."""
    learning: bool = False
    """What is heard is being learnt: nothing is judged."""
    acknowledged: int = 0
    """How often somebody acknowledged an alarm: one more acknowledges the alarm that there is."""


@dataclass(frozen=True, slots=True)
class Raised:
    """By how much the alarm line lies higher than usual, because of what else is heard."""

    rarer: float = 1.0
    """An alarm needs windows so many times rarer among the normals than the profile's line; 1 or more."""
    why: str = ""
    """What suppresses the alarms between the two lines, in the user's words."""


@dataclass(frozen=True, slots=True)
class _Line:
    """Scores from which on a window counts for an alarm, and from which on it keeps one going."""

    alarm: float
    release: float

    @classmethod
    def of(cls, profile: MachineProfile, rarer: float = 1.0) -> _Line:
        share = profile.alarm_share / rarer
        line = profile.calibration.score_at(share)
        return cls(line, min(line, profile.calibration.score_at(sqrt(share))))

    def judge(self, tracker: AlarmTracker, span: Span, score: float) -> None:
        tracker.push(span, above=score > self.alarm, above_release=score > self.release)


@dataclass(frozen=True, slots=True)
class _Worst:
    """Evidence of an alarm."""

    percentile: float
    deviations: tuple[BandDeviation, ...]
    nearest_clip: str
    score: float


_NOTHING = _Worst(0.0, (), "", float("-inf"))


class AnomalyDetector:
    """Stage: `HeardContext` -> an `AnomalyReading` each, and a `MachineChange` where state or alarm changed.

    `attention` and `raised` may be exchanged between two pushes, and outlive a reset.
    """

    latency = 0

    def __init__(self, profile: MachineProfile, attention: Attention | None = None) -> None:
        self.profile = profile
        self._attention = attention or Attention()
        debounce = profile.debounce
        self._line_percentile = profile.alarm_percentile
        self._usual = self._line = _Line.of(profile)
        self._raised = Raised()
        self._why = ""
        rule = AlarmRule(debounce.needed, debounce.of, debounce.needed // 2)
        self._tracker = AlarmTracker(rule)
        # By the profile's own line: what would ring, were none raised.
        self._unraised = AlarmTracker(rule)
        self._judge = ConditionJudge(UsualSound(profile.gain_db, profile.bands.mean_db))
        self.reset(0)

    @property
    def attention(self) -> Attention:
        """What people said about the machine."""
        return self._attention

    @attention.setter
    def attention(self, value: Attention) -> None:
        if value.acknowledged > self._attention.acknowledged:
            self._tracker.acknowledge()
        self._attention = value

    @property
    def raised(self) -> Raised:
        """How far the alarm line is raised."""
        return self._raised

    @raised.setter
    def raised(self, value: Raised) -> None:
        if value == self._raised:
            return
        self._raised = value
        self._why = value.why or self._why
        self._line = _Line.of(self.profile, value.rarer)

    def push(self, item: HeardContext) -> Sequence[AnomalyReading | MachineChange]:
        """Raises ValueError when the windows have no embedding and the profile needs one."""
        seen = self._judge.judge(item.window)
        self._settle(seen)
        # What was no normal running must not get into a context either.
        self._clean = min(self._clean + 1, len(item)) if seen is READY else 0
        context = self.profile.context
        judged = self._clean >= context
        told = _NOTHING
        score, domain_probability = 0.0, 0.0
        if judged:
            embedding = None if self.profile.encoder_id is None else item.direction(context)
            scored = self.profile.score(item.features(context), embedding)
            score, domain_probability = scored.score, scored.domain_probability or 0.0
            told = _Worst(
                scored.percentile,
                scored.deviating_bands,
                self.profile.clips[scored.nearest_clip].origin,
                score,
            )
        ended = self._track(item.span, told, judged=judged)
        state = self._state()
        alarm = self._tracker.active and not self._attention.snoozed
        reading = AnomalyReading(
            item.span,
            self.profile.name,
            state,
            score,
            told.percentile,
            self._line_percentile,
            domain_probability,
            alarm,
            self._tracker.span if alarm else None,
            alarm and self._tracker.acknowledged,
            told.deviations,
            told.nearest_clip,
            self._settled.detail if state is self._settled.state else "",
            self._suppressed(),
        )
        return [reading, *self._changed(reading, ended)]

    def flush(self) -> Sequence[AnomalyReading | MachineChange]:
        """Nothing: a window is told at once."""
        return ()

    def reset(self, at: int) -> None:
        """Forget everything but what people said; the alarm is over."""
        del at
        self._judge.reset()
        self._tracker.clear()
        self._unraised.clear()
        self._why = self._raised.why
        self._settled: Condition = READY
        self._last_seen: Condition = READY
        self._clean = 0
        self._worst = _NOTHING
        self._told = (MachineState.WARMING_UP, False, False, "")

    def _settle(self, seen: Condition) -> None:
        """A state has to be seen twice in a row; a fault of the microphone is told at once."""
        if seen.state is self._last_seen.state or seen.state is MachineState.FAULT:
            self._settled = seen
        self._last_seen = seen

    def _track(self, span: Span, told: _Worst, *, judged: bool) -> tuple[Span, _Worst] | None:
        """Count the window; what an alarm was that ends with it."""
        before, worst = self._tracker.span, self._worst
        if self._attention.maintenance or self._attention.learning or self._settled.state in _NOT_JUDGED:
            self._tracker.clear()
            self._unraised.clear()
        elif judged:
            self._line.judge(self._tracker, span, told.score)
            self._usual.judge(self._unraised, span, told.score)
        if not self._tracker.active:
            self._worst = _NOTHING
        elif told.score > self._worst.score:
            self._worst = told
        return (before, worst) if before is not None and not self._tracker.active else None

    def _state(self) -> MachineState:
        if self._attention.learning:
            return MachineState.LEARNING
        if self._attention.maintenance:
            return MachineState.MAINTENANCE
        if self._settled.state is not MachineState.READY:
            return self._settled.state
        if self._clean < self.profile.context:
            return MachineState.WARMING_UP
        return MachineState.SNOOZED if self._attention.snoozed else MachineState.READY

    def _suppressed(self) -> str:
        """What keeps an alarm from ringing that the profile's own line would ring."""
        held_back = self._unraised.active and not self._tracker.active and not self._attention.snoozed
        return self._why if held_back else ""

    def _changed(self, reading: AnomalyReading, ended: tuple[Span, _Worst] | None) -> list[MachineChange]:
        now = (reading.state, reading.alarm, reading.acknowledged, reading.suppressed)
        rang = self._told[1]
        if now == self._told:
            return []
        self._told = now
        alarmed, evidence = reading.alarmed, self._worst if reading.alarm else _NOTHING
        if rang and ended is not None:
            alarmed, evidence = ended
        if evidence is _NOTHING and reading.suppressed:
            evidence = _Worst(reading.percentile, reading.deviations, reading.nearest_clip, reading.score)
        elif evidence is _NOTHING:
            evidence = _Worst(reading.percentile, (), "", reading.score)
        return [
            MachineChange(
                reading.span,
                reading.machine,
                reading.state,
                reading.alarm,
                reading.acknowledged,
                evidence.percentile,
                alarmed,
                evidence.deviations,
                evidence.nearest_clip,
                reading.detail,
                reading.suppressed,
            )
        ]
