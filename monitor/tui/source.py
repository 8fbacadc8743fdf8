"""What the screen knows of one source. No terminal in here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from monitor.bus.tallies import Tallies
from monitor.core.clock import NANOSECONDS, samples
from monitor.core.events import (
    ActivityChange,
    AnomalyReading,
    GateReading,
    Health,
    LevelReading,
    MachineChange,
    PercentileSummary,
    PrivacyChange,
    SceneChange,
    SceneReading,
    SoundClassReading,
    SourceCondition,
    SourceState,
    SpeciesDetection,
    Spectrum,
    StreamGap,
    TagDetection,
)
from monitor.core.machine_readings import MachineState
from monitor.core.naming import is_bird
from monitor.core.privacy_readings import PrivacyReason
from monitor.core.types import ENGINE_RATE, Span
from monitor.tui.calls import Calls
from monitor.tui.columns import Columns
from monitor.tui.machines import MachineViews
from monitor.tui.scenes import SceneView

if TYPE_CHECKING:
    from monitor.core.events import Reading

SHOWN_S = 30.0
"""Seconds of the stream that the pictures show."""
EVENTS_KEPT = 500
"""Rows of the event list."""
OVER = (SourceCondition.ENDED, SourceCondition.FAILED)
"""Nothing more will come in these conditions."""

_KEPT = samples(SHOWN_S + 2.0)
_RECENT = samples(10.0)
"""A gap told later than this, in engine samples, is history: it is listed, but no banner tells of it."""
Listed = (
    ActivityChange
    | StreamGap
    | SourceState
    | TagDetection
    | SpeciesDetection
    | MachineChange
    | SceneChange
    | PrivacyChange
)
"""What has a row in the event list."""

_ROWS_BACK = 8
"""How far back the row of an activity is looked for when it ends."""


@dataclass(slots=True)
class Event:
    """A row of the event list."""

    utc_ns: int | None
    """When its span began, or None when the recording's start is unknown."""
    reading: Listed


@dataclass(slots=True)
class SourceView:
    """One source, as far as the screen shows it. Everything in it is bounded."""

    name: str
    """The file or device."""
    condition: SourceCondition = SourceCondition.STARTING
    detail: str = ""
    """Why it is so, in the user's words."""
    synthetic: bool = False
    head: int = 0
    """Newest engine index seen."""
    head_utc_ns: int | None = None
    """UTC of the head, None when unknown."""
    level: LevelReading | None = None
    clipped_at: int | None = None
    """Engine index up to which the newest clipped samples were seen."""
    columns: Columns = field(default_factory=Columns)
    gate: deque[GateReading] = field(default_factory=lambda: deque[GateReading](maxlen=512))
    activities: deque[Span] = field(default_factory=lambda: deque[Span](maxlen=64))
    """Stretches where a bird was audible and is no more."""
    open_activity: ActivityChange | None = None
    """The bird that is audible now."""
    gaps: deque[Span] = field(default_factory=lambda: deque[Span](maxlen=64))
    last_gap: Event | None = None
    """The newest one that was news when it was told."""
    gap_seen_s: float = 0.0
    """When the last gap was told, seconds of the screen's own clock."""
    events: deque[Event] = field(default_factory=lambda: deque[Event](maxlen=EVENTS_KEPT))
    """Oldest first."""
    events_seen: int = 0
    """Rows ever added, those that were dropped included."""
    health: Health | None = None
    machines: MachineViews = field(default_factory=MachineViews)
    """The machines that are listened for."""
    scene: SceneView = field(default_factory=SceneView)
    sound: SoundClassReading | None = None
    """The newest kind of sound."""
    """Where this sounds to be."""
    privacy: PrivacyChange | None = None
    """What the privacy mode said last; None where it is off."""
    calls: Calls = field(init=False)
    """The newest calls and what they were taken for."""
    tallies: Tallies = field(default_factory=Tallies)
    """How often each species was heard since the start."""
    counted_through: int = 0
    """Row of the event log up to which `tallies` were told on joining."""

    def __post_init__(self) -> None:
        self.calls = Calls(self.name)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.condition in OVER

    @property
    def has_birds(self) -> bool:
        """Whether the bird branch has said anything: a branch without a model takes no room."""
        return bool(self.gate or self.activities or self.open_activity is not None)

    @property
    def picture_end(self) -> int:
        """Engine index at the right edge of the pictures."""
        # In privacy mode columns come late or never, and the picture goes on without them.
        return self.head if self.privacy else self.columns.end or self.head

    def active_spans(self) -> list[Span]:
        """Stretches with an audible bird, the one still open reaching to the head."""
        spans = list(self.activities)
        if self.open_activity is not None:
            start = self.open_activity.span.start
            spans.append(Span(start, max(start, self.head, self.open_activity.span.end)))
        return spans

    def fold(
        self, reading: Reading, utc_ns: int | None, now_s: float, *, event_id: int | None = None, news: bool = True
    ) -> None:
        """Take in a reading; `news` is False for the state told on joining, which adds no row to the list."""
        if isinstance(reading, TagDetection | SpeciesDetection) and reading.suppressed:
            return
        counted = isinstance(reading, SourceState | TagDetection | SpeciesDetection)
        if counted and (event_id or 0) > self.counted_through:
            self.tallies.fold(reading)
        if isinstance(reading, SourceState):
            self._fold_state(reading)
        elif isinstance(reading, ActivityChange):
            self._fold_activity(reading)
            if news:
                self.calls.fold_activity(reading, utc_ns, event_id or 0)
        elif isinstance(reading, TagDetection):
            self.calls.fold_tag(reading)
        elif isinstance(reading, SpeciesDetection):
            self.calls.fold_species(reading)
        elif isinstance(reading, StreamGap):
            self.gaps.append(reading.span)
            if self.head - reading.span.end < _RECENT:
                self.last_gap, self.gap_seen_s = Event(utc_ns, reading), now_s
        elif isinstance(reading, AnomalyReading):
            self.machines.fold(reading, utc_ns)
            self._reach(reading.span, utc_ns)
        elif isinstance(reading, SceneReading):
            self.scene.fold(reading)
            self._reach(reading.span, utc_ns)
        elif isinstance(reading, SoundClassReading):
            self.sound = reading
            self._reach(reading.span, utc_ns)
        elif isinstance(reading, PrivacyChange):
            self.privacy = reading
        elif not isinstance(reading, MachineChange | PercentileSummary | SceneChange):
            self._fold_live(reading)
            self._reach(reading.span, utc_ns)
        if news and isinstance(reading, TagDetection):
            if not reading.provisional:
                self._list_tag(reading, utc_ns)
        elif news and isinstance(reading, MachineChange):
            self._list_machine(reading, utc_ns)
        elif news and isinstance(reading, SceneChange):
            self._list_scene(reading, utc_ns)
        elif news and isinstance(reading, PrivacyChange):
            self._list_privacy(reading, utc_ns)
        elif news and isinstance(reading, SpeciesDetection):
            self._list_species(reading, utc_ns)
        elif news and isinstance(reading, ActivityChange | StreamGap | SourceState):
            self._list(reading, utc_ns)

    def restart(self) -> None:
        """The stream begins anew at index 0: forget what is tied to positions, keep the list of events."""
        self.head, self.head_utc_ns = 0, None
        self.level = self.clipped_at = self.last_gap = self.open_activity = self.health = None
        self.columns = Columns()
        for kept in (self.gate, self.activities, self.gaps, self.calls, self.machines, self.scene):
            kept.clear()
        self.sound = self.privacy = None

    def _fold_state(self, reading: SourceState) -> None:
        starts_anew = reading.state is SourceCondition.STARTING and reading.span.start == 0 and self.head > 0
        if starts_anew:
            self.restart()
        self.condition, self.detail, self.synthetic = reading.state, reading.detail, reading.synthetic

    def _fold_activity(self, reading: ActivityChange) -> None:
        if reading.active:
            self.open_activity = reading
            return
        self.open_activity = None
        if not self.activities or self.activities[-1] != reading.span:
            self.activities.append(reading.span)

    def _fold_live(self, reading: LevelReading | Spectrum | GateReading | Health) -> None:
        if isinstance(reading, Spectrum):
            self.columns.append(reading)
        elif isinstance(reading, LevelReading):
            self.level = reading
            if reading.clipped:
                self.clipped_at = reading.span.end
        elif isinstance(reading, GateReading):
            self.gate.append(reading)
            while self.gate[0].span.end < reading.span.end - _KEPT:
                self.gate.popleft()
        else:
            self.health = reading

    def _reach(self, span: Span, utc_ns: int | None) -> None:
        if span.end < self.head:
            return
        self.head = span.end
        self.head_utc_ns = None if utc_ns is None else utc_ns + span.length * NANOSECONDS // ENGINE_RATE

    def _list(self, reading: ActivityChange | StreamGap | SourceState, utc_ns: int | None) -> None:
        if isinstance(reading, ActivityChange) and not reading.active:
            for row in islice(reversed(self.events), _ROWS_BACK):
                opened = row.reading
                if isinstance(opened, ActivityChange) and opened.active and opened.span.start == reading.span.start:
                    row.reading = reading
                    return
                named = isinstance(opened, TagDetection) or (isinstance(opened, SpeciesDetection) and is_bird(opened))
                if named and opened.span.overlaps(reading.span):
                    return
        self._add(Event(utc_ns, reading))

    def _list_tag(self, tag: TagDetection, utc_ns: int | None) -> None:
        """A final tag takes the place of the activities that it names, and of the tag that it continues.

        What was taught takes that of what a classifier knows; what is unknown does not (`monitor.core.naming`).
        """
        if tag.label is None and any(_names(row.reading, tag.span) for row in self._newest()):
            return
        place: int | None = None
        for number in range(len(self.events) - 1, max(-1, len(self.events) - 1 - _ROWS_BACK), -1):
            if _same_call(tag, self.events[number].reading):
                if place is not None:
                    del self.events[place]
                    self.events_seen -= 1
                place = number
        if place is None:
            self._add(Event(utc_ns, tag))
        else:
            self.events[place] = Event(utc_ns, tag)

    def _list_species(self, heard: SpeciesDetection, utc_ns: int | None) -> None:
        """A bird names the call that nobody taught the name of; other sounds have a row of their own."""
        for row in self._newest():
            listed = row.reading
            if isinstance(listed, SpeciesDetection) and heard.continues and listed.label == heard.label:
                span = Span(min(listed.span.start, heard.span.start), heard.span.end)
                row.reading = replace(heard, span=span, score=max(listed.score, heard.score))
                return
        if not is_bird(heard):
            self._add(Event(utc_ns, heard))
            return
        unnamed: Event | None = None
        for row in self._newest():
            listed = row.reading
            if not listed.span.overlaps(heard.span):
                continue
            if isinstance(listed, TagDetection) and listed.label is not None:
                return
            if isinstance(listed, TagDetection | ActivityChange):
                unnamed = row
        if unnamed is None:
            self._add(Event(utc_ns, heard))
        else:
            unnamed.utc_ns, unnamed.reading = utc_ns, heard

    def _newest(self) -> list[Event]:
        return list(islice(reversed(self.events), _ROWS_BACK))

    def _list_machine(self, change: MachineChange, utc_ns: int | None) -> None:
        """An alarm is listed once, where it began; that a machine is judged from now on is no event."""
        alarmed = change.alarmed
        for row in islice(reversed(self.events), _ROWS_BACK) if alarmed is not None else ():
            listed = row.reading
            if (
                isinstance(listed, MachineChange)
                and listed.machine == change.machine
                and listed.alarmed is not None
                and alarmed is not None
                and listed.alarmed.start == alarmed.start
            ):
                row.reading = change
                return
        if change.state is not MachineState.READY or alarmed is not None:
            self._add(Event(utc_ns, change))

    def _list_scene(self, change: SceneChange, utc_ns: int | None) -> None:
        """After lost audio the same scene settles again: no event."""
        if change.label != self.scene.listed:
            self.scene.listed = change.label
            self._add(Event(utc_ns, change))

    def _list_privacy(self, change: PrivacyChange, utc_ns: int | None) -> None:
        """Withheld stretches, each once; that the mode is on is no event."""
        for row in self._newest():
            listed = row.reading
            if isinstance(listed, PrivacyChange) and listed.span.start == change.span.start:
                row.reading = change
                return
        if change.reason is not PrivacyReason.NONE:
            self._add(Event(utc_ns, change))

    def _add(self, event: Event) -> None:
        self.events.append(event)
        self.events_seen += 1


def _same_call(tag: TagDetection, listed: Listed) -> bool:
    if isinstance(listed, TagDetection):
        return tag.continues and listed.span.overlaps(tag.span)
    if isinstance(listed, SpeciesDetection):
        return tag.label is not None and _names(listed, tag.span)
    return isinstance(listed, ActivityChange) and listed.span.overlaps(tag.span)


def _names(listed: Listed, span: Span) -> bool:
    """Whether a row says what a classifier takes a call for."""
    return isinstance(listed, SpeciesDetection) and is_bird(listed) and listed.span.overlaps(span)
