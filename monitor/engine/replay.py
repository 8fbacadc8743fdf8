"""Recordings through the engine: each its own stream, at a given speed or as fast as it can go."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from monitor.core.clock import engine_index, seconds
from monitor.core.events import SourceCondition, SourceState
from monitor.core.types import AudioBlock, Span
from monitor.engine.runner import StreamRunner
from monitor.errors import AuricleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from monitor.audio.sources import Source
    from monitor.engine.enrollments import Enrollments
    from monitor.engine.machine_desk import MachineDesk
    from monitor.engine.models import Models
    from monitor.engine.personal import Personalisation
    from monitor.engine.privacy_book import PrivacyBook
    from monitor.engine.runner import Listener, Publish

PIECE_S = 0.1
"""Seconds of audio at a time when the speed is limited, so that the screen moves evenly."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the sources."""

    played: int
    """To their ends."""
    failed: int
    """Could not be read, or not to the end."""
    lost: int
    """Engine samples lost in those that were played."""

    @property
    def exit_code(self) -> int:
        """0: all was heard; 1: something was lost or failed; 2: nothing could be heard at all."""
        if self.failed:
            return 1 if self.played else 2
        return 1 if self.lost else 0


class Replay:
    """Plays sources one after the other.

    `serve(timeout_s)` is called while waiting and between blocks, so that screens get their answers; it returns at the
    latest after `timeout_s` seconds. At full speed the source is read only as fast as the pipeline takes it.
    """

    def __init__(
        self,
        models: Models,
        publish: Publish,
        *,
        speed: float | None,
        serve: Callable[[float], None],
        stopped: Callable[[], bool],
        report: Callable[[AuricleError], None],
        screen: bool = True,
        enrollments: Enrollments | None = None,
        listener: Listener | None = None,
        machines: MachineDesk | None = None,
        personal: Personalisation | None = None,
        privacy: PrivacyBook | None = None,
    ) -> None:
        self._models = models
        self._publish = publish
        self._speed = speed
        self._serve = serve
        self._stopped = stopped
        self._report = report
        self._screen = screen
        self._enrollments = enrollments
        self._listener = listener
        self._machines = machines
        self._personal = personal
        self._privacy = privacy

    def run(self, sources: Iterable[Source | AuricleError]) -> Outcome:
        """Play them all. A bad one is reported at once, and the next one goes on."""
        played = failed = lost = 0
        for source in sources:
            if self._stopped():
                break
            if isinstance(source, AuricleError):
                failed += 1
                self._report(source)
                self._publish(source.what, SourceState(Span(0, 0), SourceCondition.FAILED, source.why), None)
                continue
            try:
                lost += self._play(source)
                played += 1
            except AuricleError as error:
                failed += 1
                self._report(error)
        return Outcome(played, failed, lost)

    def _play(self, source: Source) -> int:
        """Returns the engine samples lost."""
        runner = StreamRunner(
            source.name,
            source.rate,
            self._models,
            self._publish,
            start_utc_ns=source.start_utc_ns,
            synthetic=source.synthetic,
            screen=self._screen,
            enrollments=self._enrollments,
            listener=self._listener,
            machines=self._machines,
            personal=self._personal,
            privacy=self._privacy,
        )
        runner.change_state(SourceCondition.LISTENING)
        try:
            for block in self._paced(source.blocks(), runner):
                runner.take(block)
                runner.book.non_finite = source.non_finite
        except AuricleError as error:
            runner.flush()
            runner.report_health()
            runner.change_state(SourceCondition.FAILED, error.why)
            raise
        runner.end()
        return runner.book.lost

    def _paced(self, blocks: Iterator[AudioBlock], runner: StreamRunner) -> Iterator[AudioBlock]:
        """The blocks, when they are due; ends early when stopped."""
        began = monotonic()
        for block in blocks:
            for piece in self._pieces(block):
                lag = self._wait_until_due(began, piece) if self._speed else 0.0
                if runner.book.due:
                    runner.report_health(lag)
                if self._stopped():
                    return
                yield piece
            self._serve(0.0)

    def _pieces(self, block: AudioBlock) -> Iterator[AudioBlock]:
        if self._speed is None:
            yield block
            return
        size = max(1, round(block.rate * PIECE_S))
        for offset in range(0, len(block.samples), size):
            part = block.samples[offset : offset + size]
            yield AudioBlock(part, block.start + offset, block.rate, 0 if offset else block.lost_before)

    def _wait_until_due(self, began: float, block: AudioBlock) -> float:
        """Serve until the block's last sample would have been captured; returns by how many seconds it is late."""
        due = began + seconds(engine_index(block.end, block.rate)) / (self._speed or 1.0)
        while (left := due - monotonic()) > 0 and not self._stopped():
            self._serve(min(left, 0.1))
        return max(0.0, -left)
