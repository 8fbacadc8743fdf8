"""Drives the pipeline of one source: gaps, clock, states, health. Knows nothing of sockets or files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from monitor.core.clock import StreamClock, engine_index, next_grid_index
from monitor.core.events import Reading, SourceCondition, SourceState, StreamGap
from monitor.core.types import Span
from monitor.engine.graph import Pipeline
from monitor.engine.health import HealthBook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.core.types import AudioBlock
    from monitor.engine.enrollments import Enrollments
    from monitor.engine.machine_desk import MachineDesk
    from monitor.engine.machines import Watched
    from monitor.engine.models import Models
    from monitor.engine.personal import Personalisation
    from monitor.engine.privacy_book import PrivacyBook

Publish = Callable[[str, Reading, int | None], None]
"""Takes the source's name, a reading and the UTC of its start in nanoseconds (None: unknown)."""

Listener = Callable[[str, "AudioBlock"], None]
"""Takes the source's name and each step of its audio at the engine rate, before the readings of that step; where a
step does not begin at the end of the one before, the stream began anew."""


class StreamRunner:
    """One source's stream, from its index 0 to its end."""

    def __init__(
        self,
        name: str,
        native_rate: int,
        models: Models,
        publish: Publish,
        *,
        start_utc_ns: int | None = None,
        synthetic: bool = False,
        screen: bool = True,
        enrollments: Enrollments | None = None,
        listener: Listener | None = None,
        machines: MachineDesk | None = None,
        personal: Personalisation | None = None,
        privacy: PrivacyBook | None = None,
    ) -> None:
        self.name = name
        self.clock = StreamClock(start_utc_ns)
        self.book = HealthBook()
        self._models = models
        self._screen = screen
        self._enrollments = enrollments
        self._listener = listener
        self._machines = machines
        self._personal = personal
        self._privacy = privacy.gate(name) if privacy else None
        self._watched: Mapping[str, Watched] | None = None
        self._pipeline = self._new_pipeline(native_rate)
        self._publish = publish
        self._synthetic = synthetic
        self._interrupted = False

    @property
    def reached(self) -> int:
        """Engine index up to which audio was taken."""
        return self._pipeline.reached

    def take(self, block: AudioBlock, loss_reason: str = "") -> None:
        """Push a block of the source's own rate through; what was lost before it is a gap first."""
        with self.book.working():
            if block.lost_before:
                self._gap(block, loss_reason)
            elif self._interrupted:
                self._pipeline.reset(next_grid_index(self.reached))
            self._interrupted = False
            self._follow_enrollments()
            self._emit(self._pipeline.push(block))

    def observe(self, block: AudioBlock, utc_ns: int) -> None:
        """Note when a block's first sample was captured; a step of the wall clock becomes a new anchor."""
        self.clock.observe(engine_index(block.start, block.rate), utc_ns)

    def change_state(self, state: SourceCondition, detail: str = "", utc_ns: int | None = None) -> None:
        """Publish what the source is doing; `utc_ns`: when it was seen, where that is known better than the stream."""
        here = Span(self.reached, self.reached)
        seen_ns = self.clock.utc_ns(self.reached) if utc_ns is None else utc_ns
        self._publish(self.name, SourceState(here, state, detail, self._synthetic), seen_ns)

    def flush(self) -> None:
        """Close what is open: the stream ends here, or breaks for an unknown time. Windows begin anew after it."""
        if not self._interrupted:
            with self.book.working():
                self._emit(self._pipeline.flush())
        self._interrupted = True

    def end(self) -> None:
        """The recording is over, or the user stopped."""
        self.flush()
        self.report_health()
        self.change_state(SourceCondition.ENDED)

    def shed(self, overloaded: bool) -> None:
        """Begin or stop to drop windows."""
        self._pipeline.shed(overloaded)

    def report_health(self, lag_s: float = 0.0, missing: int = 0) -> None:
        """Publish a health reading now."""
        branches = self._pipeline.take_branch_health()
        self._emit([self.book.take(self.reached, branches, lag_s, missing)])

    def change_rate(self, native_rate: int) -> None:
        """The source came back at another rate: flush, and a fresh pipeline for what follows."""
        self.flush()
        reached = self.reached
        self._pipeline = self._new_pipeline(native_rate)
        self._pipeline.reset(next_grid_index(reached))

    def _new_pipeline(self, native_rate: int) -> Pipeline:
        self._watched = None
        told = partial(self._listener, self.name) if self._listener else None
        heard = self._personal.hear if self._personal else None
        return Pipeline(
            native_rate, self._models, screen=self._screen, listener=told, heard=heard, privacy=self._privacy
        )

    def _follow_enrollments(self) -> None:
        """Between two pushes: stages read no files."""
        if self._enrollments:
            self._enrollments.poll()
            self._pipeline.enrolled = self._enrollments.current
        if self._machines:
            self._machines.poll()
            watched = self._machines.watched_on(self.name)
            if watched is not self._watched:
                self._watched = watched
                self._pipeline.watch(self._watched)
        if self._personal:
            self._personal.poll()
            self._pipeline.sound_class = self._personal.current

    def _gap(self, block: AudioBlock, reason: str) -> None:
        """Flush, say what was lost, and begin again on the grid: no window ever spans a gap."""
        if not self._interrupted:
            self._emit(self._pipeline.flush())
        stopped = self.reached
        lost_from = engine_index(block.start - block.lost_before, block.rate)
        lost = engine_index(block.start, block.rate) - lost_from
        at = max(next_grid_index(engine_index(block.start, block.rate)), next_grid_index(stopped))
        self.book.lost += lost
        self._emit([StreamGap(Span(stopped, at), lost, block.lost_estimated, reason or "audio is missing")])
        self._pipeline.reset(at)

    def _emit(self, readings: list[Reading]) -> None:
        for reading in readings:
            self._publish(self.name, reading, self.clock.utc_ns(reading.span.start))
