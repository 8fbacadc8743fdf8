"""The privacy mode of one source: what is not passed on while people speak.

A sound class comes every ten seconds and is about the ten seconds before it, so nothing may be passed on before it is
known what its stretch holds: columns of the spectrogram wait here, and whoever wants to write a clip asks first. A
stretch that is never judged (the end of a stream, a branch that failed or sheds windows) is withheld like speech.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.core.clock import samples
from monitor.core.events import SoundClassReading, Spectrum
from monitor.core.privacy_readings import PrivacyChange, PrivacyReason, PrivacyState
from monitor.core.types import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.core.events import Reading

SPEECH = ("speech", "speech+noise")
"""Classes in which somebody speaks."""

ONSET = samples(10.0)
"""Engine samples after a clip in which nobody may speak either: of a word that begins at the end of a decision's ten
seconds only the next decision knows."""

PATIENCE = samples(5.0)
"""Engine samples that a decision may be late before its stretch counts as not judged."""

REMEMBERED = samples(900.0)
"""Engine samples for which it is known what a stretch held; older ones are not given away."""


class Verdict(StrEnum):
    """Whether a clip may be written."""

    CLEAR = "clear"
    WAIT = "wait"
    """Nobody knows yet; ask again when more was heard."""
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class PrivacyOptions:
    """What the user chose, and how long judging takes."""

    threshold: float
    """Probability of speech from which on a decision counts as speech, 0..1."""
    hold: int
    """Engine samples after speech that are withheld too."""
    decision: int
    """Engine samples that a sound class is about."""
    voice_latency: int = 0
    """Engine samples by which a classifier of species tells of a voice after its beginning; 0: none listens."""
    voice: float = 1.0
    """Probability of a human sound from which on it counts, 0..1."""


class PrivacyGate:
    """Between the stages of one source and everybody else."""

    def __init__(self, options: PrivacyOptions) -> None:
        self._options = options
        self._columns: deque[Spectrum] = deque()
        self._clear: deque[Span] = deque()
        """Decisions without speech, joined where they touch."""
        self._withheld: deque[Span] = deque()
        """Never less than what is withheld; joined where they touch."""
        self._reached = 0
        self._judged = 0
        """Engine index up to which everything is judged, or given up."""
        self._quiet = 0
        """End of the newest decision without speech."""
        self._ended: int | None = None
        """Where the stream broke off, until it goes on."""
        self._open: PrivacyReason | None = None
        """Why something is withheld now."""
        self._told: list[PrivacyChange] = []
        self._clips = 0
        self._begun = False

    @property
    def voice(self) -> float:
        """Probability from which on a human sound counts that a classifier of species hears."""
        return self._options.voice

    def reset(self, at: int) -> None:
        """The stream goes on, or begins, at engine index `at`."""
        self._columns.clear()
        self._reached = self._judged = at
        self._ended = None
        if self._open is not None and self._withheld[-1].end > at:
            # Nobody stops to speak because audio was lost.
            self._tell(Span(at, at), PrivacyState.WITHHOLDING, self._open)
        else:
            self._open = None

    def hear(self, readings: Iterable[Reading], reached: int, voices: Iterable[Span] = ()) -> list[Reading]:
        """What may be told of the readings of a step that came to engine index `reached`, and of those before.

        `voices`: where classifiers of species heard a person in it.
        """
        told: list[Reading] = []
        self._reached = reached
        if not self._begun:
            self._begun = True
            start = Span(self._judged, self._judged)
            told.append(PrivacyChange(start, PrivacyState.WATCHING, PrivacyReason.NONE))
        for voice in voices:
            self._withhold(Span(voice.start, voice.end + self._options.hold), PrivacyReason.VOICE)
        for reading in readings:
            if isinstance(reading, Spectrum):
                self._columns.append(reading)
                continue
            told.append(reading)
            if isinstance(reading, SoundClassReading):
                self._judge(reading)
        latest = reached - self._options.decision - PATIENCE
        if latest > self._judged:
            self._give_up(latest)
        self._close_if_over()
        told += self._take_told()
        return told + self._released()

    def flush(self, reached: int) -> list[Reading]:
        """The stream ends or breaks at `reached`: what was not judged never will be."""
        self._reached = reached
        if reached > self._judged:
            self._give_up(reached)
        self._ended = reached
        if self._open is not None:
            self._tell_over(reached)
        told: list[Reading] = list(self._take_told())
        told += self._released()
        self._columns.clear()
        return told

    def verdict(self, span: Span) -> Verdict:
        """Whether a clip of the span may be written."""
        until = span.end + ONSET
        if self._ended is not None:
            until = min(until, max(span.end, self._ended))
        asked = Span(span.start, until)
        if any(asked.overlaps(one) for one in self._withheld):
            return Verdict.WITHHELD
        if any(one.start <= asked.start and asked.end <= one.end for one in self._clear):
            late = self._ended is None and asked.end > self._reached - self._options.voice_latency
            return Verdict.WAIT if late else Verdict.CLEAR
        return Verdict.WAIT if asked.end > self._judged and self._ended is None else Verdict.WITHHELD

    def count_clip(self) -> None:
        """A clip was asked for and is not written."""
        self._clips += 1

    # ------------------------------------------------------------------------------------------------------ judging

    def _judge(self, reading: SoundClassReading) -> None:
        if reading.span.start > self._judged:
            self._give_up(reading.span.start)
        speech = sum(reading.probabilities.get(label, 0.0) for label in SPEECH)
        if speech >= self._options.threshold:
            span = Span(reading.span.start, reading.span.end + self._options.hold)
            self._withhold(span, PrivacyReason.SPEECH)
        else:
            _join(self._clear, reading.span)
            self._quiet = reading.span.end
        self._judged = max(self._judged, reading.span.end)
        for known in (self._clear, self._withheld):
            while len(known) > 1 and known[0].end < self._judged - REMEMBERED:
                known.popleft()
        if self._clear and self._clear[0].start < self._judged - REMEMBERED:
            first = self._clear.popleft()
            self._clear.appendleft(Span(min(self._judged - REMEMBERED, first.end), first.end))

    def _give_up(self, until: int) -> None:
        """Nobody judged the audio from the last decision to `until`, and nobody will."""
        self._withhold(Span(self._judged, until), PrivacyReason.NOT_JUDGED)
        self._judged = until

    def _withhold(self, span: Span, reason: PrivacyReason) -> None:
        _join(self._withheld, span)
        if self._open is None:
            self._open = reason
            self._tell(
                Span(span.start, max(span.start, min(span.end, self._reached))), PrivacyState.WITHHOLDING, reason
            )

    def _close_if_over(self) -> None:
        if self._open is not None and self._quiet >= self._withheld[-1].end:
            self._tell_over(self._quiet)
            self._open = None

    def _tell_over(self, at: int) -> None:
        last = self._withheld[-1]
        span = Span(min(last.start, at), min(last.end, at))
        self._tell(span, PrivacyState.WATCHING, self._open or PrivacyReason.NONE)
        self._clips = 0

    def _tell(self, span: Span, state: PrivacyState, reason: PrivacyReason) -> None:
        self._told.append(PrivacyChange(span, state, reason, self._clips))

    def _take_told(self) -> list[PrivacyChange]:
        """One that began and is over with the same reading is told once."""
        told, self._told = self._told, []
        if len(told) > 1 and told[-1].state is PrivacyState.WATCHING and told[0].state is PrivacyState.WITHHOLDING:
            return [told[-1]]
        return told

    def _released(self) -> list[Spectrum]:
        """Columns of which it is known that nobody speaks in them; those in which somebody does are gone."""
        told: list[Spectrum] = []
        late = 0 if self._ended is not None else self._options.voice_latency
        while self._columns and self._columns[0].span.end <= self._judged:
            span = self._columns[0].span
            withheld = any(span.overlaps(one) for one in self._withheld)
            if not withheld and span.end > self._reached - late:
                break
            column = self._columns.popleft()
            if not withheld and any(one.start <= span.start and span.end <= one.end for one in self._clear):
                told.append(column)
        return told


def _join(spans: deque[Span], new: Span) -> None:
    """Add a span that does not begin before the last one's predecessors end; touching ones become one."""
    while spans and spans[-1].end >= new.start:
        last = spans.pop()
        new = Span(min(last.start, new.start), max(last.end, new.end))
    spans.append(new)
