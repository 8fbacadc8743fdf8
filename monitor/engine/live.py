"""The live engine: audio of captures in, readings out, commands answered, in one loop that never waits for a reader."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

import structlog

from monitor import paths
from monitor.bus.audio_link import AudioReceiver, RateChange, SourceBlock, SourceNote
from monitor.bus.key_files import read_keys
from monitor.bus.server import BusServer
from monitor.core.clock import NANOSECONDS, samples
from monitor.core.events import SourceCondition
from monitor.engine.audio_history import Histories
from monitor.engine.enrolling import EnrollingService
from monitor.engine.enrollments import Enrollments, open_enrollments
from monitor.engine.launch import tell_ready
from monitor.engine.machine_care import open_desk, serve_machines
from monitor.engine.models import load_all_models
from monitor.engine.personal import open_personal
from monitor.engine.privacy_book import open_privacy
from monitor.engine.runner import StreamRunner
from monitor.engine.stop import StopRequest
from monitor.errors import AuricleError, StoreError, raise_all
from monitor.store.log import EventLog

program_log = structlog.get_logger()

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.bus.audio_link import LinkItem
    from monitor.engine.machine_desk import MachineDesk
    from monitor.engine.models import EncoderModel, Models
    from monitor.engine.personal import Personalisation
    from monitor.engine.privacy_book import PrivacyBook
    from monitor.engine.runner import Listener
    from monitor.settings import Settings

POLL_S = 0.05
"""Longest wait for audio; commands wait as long at most."""

LATE_S = 1.0
"""Seconds without audio after which what should have come counts as not heard."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a live engine consists of."""

    run_id: str
    models: Models
    log: EventLog
    server: BusServer
    receiver: AudioReceiver
    enrollments: Enrollments | None = None
    """None where nothing is tagged because the settings say so."""
    machines: MachineDesk | None = None
    """None where the settings want none."""
    personal: Personalisation | None = None
    """None where no sound classes are told."""
    privacy: PrivacyBook | None = None
    """None where everything may be kept."""


def assemble(settings: Settings, stack: ExitStack) -> Parts:
    """Load models, open the log, bind the sockets. Raises StartError with everything that is wrong, at once."""
    errors: list[AuricleError] = []
    run_id = uuid.uuid4().hex

    def attempt(make: Callable[[], T]) -> T | None:
        try:
            return make()
        except AuricleError as error:
            errors.append(error)
            return None

    bus = settings.bus
    folder = bus.keys
    keys = attempt(lambda: read_keys(folder)) if folder else None
    models = attempt(lambda: load_all_models(settings))
    log = attempt(lambda: stack.enter_context(EventLog(settings.store.log or paths.event_log())))
    server = attempt(lambda: stack.enter_context(BusServer(bus.readings, bus.commands, run_id, log, keys=keys)))
    receiver = attempt(lambda: stack.enter_context(AudioReceiver(bus.audio, keys)))
    encoder = models.encoder if models else None
    # Without models what is enrolled would seem to lack an encoder.
    species = attempt(lambda: _enrollments(settings, encoder)) if models else None
    machines = attempt(lambda: _desk(settings, models)) if models else None
    personal = attempt(lambda: _personal(settings, models, stack)) if models else None
    privacy = attempt(lambda: open_privacy(settings.privacy, models)) if models else None
    raise_all(errors)
    if models is None or log is None or server is None or receiver is None:
        raise RuntimeError("a part is missing without an error")
    if log.quarantined:
        program_log.warning("the event log was damaged and a new one begun", damaged=str(log.quarantined))
    return Parts(run_id, models, log, server, receiver, species, machines, personal, privacy)


def _desk(settings: Settings, models: Models) -> MachineDesk | None:
    return open_desk(settings.machines, paths.machines_folder(), models, _log_unused)


def _personal(settings: Settings, models: Models, stack: ExitStack) -> Personalisation | None:
    chosen = settings.sound.personalize
    return open_personal(chosen, paths.personal_folder(), models, _log_unused, stack, live=True)


def _enrollments(settings: Settings, encoder: EncoderModel | None) -> Enrollments | None:
    return open_enrollments(settings.birds, paths.species_folder(), encoder, _log_unused)


def _log_unused(error: AuricleError) -> None:
    program_log.warning("not recognised", what=error.what, reason=error.why, remedy=error.remedy)


def _end_run(log: EventLog, run_id: str) -> None:
    try:
        log.end_run(run_id, time.time_ns())
    except StoreError as error:  # the events are safe; only the note that this run ended is missing
        program_log.warning("the end of the run could not be noted", reason=str(error))


def run_engine(settings: Settings) -> int:
    """Listen until asked to stop; returns the exit code."""
    with ExitStack() as stack, StopRequest() as stop:
        parts = assemble(settings, stack)
        parts.log.begin_run(parts.run_id, version("auricle"), time.time_ns())
        stack.callback(_end_run, parts.log, parts.run_id)
        histories = Histories()
        learning = EnrollingService(parts.models, paths.species_folder(), histories, parts.privacy)
        enrolling = stack.enter_context(learning)
        enrolling.serve_on(parts.server)
        if parts.personal:
            parts.personal.serve_on(parts.server)
        tell_ready(parts.server.addresses.commands)
        folder = paths.machines_folder()
        listener = serve_machines(parts.machines, folder, parts.models, histories, parts.server, stack, parts.privacy)
        if listener is None and enrolling.able:
            listener = histories.hear
        engine = LiveEngine(parts, settings.engine.overload_s, listener)
        while not stop():
            engine.turn(POLL_S)
        engine.end()
    return 0


class LiveEngine:
    """Takes what captures send, one runner a source."""

    def __init__(self, parts: Parts, overload_s: float, listener: Listener | None = None) -> None:
        self._parts = parts
        self._listener = listener
        self._overload_s = overload_s
        self._streams: dict[str, _Stream] = {}

    def turn(self, timeout_s: float) -> None:
        """One round: audio, then commands, then health."""
        for item in self._parts.receiver.poll(timeout_s):
            self._take(item)
            self._parts.server.serve(0.0)
        self._parts.server.serve(0.0)
        for stream in self._streams.values():
            stream.report_health_if_due()

    def end(self) -> None:
        """Close what is open and say so."""
        for stream in self._streams.values():
            stream.end()

    def _take(self, item: LinkItem) -> None:
        match item:
            case SourceBlock():
                stream = self._stream(item.source, item.block.rate)
                stream.take(item, self._overload_s)
                self._parts.receiver.acknowledge(item)
            case RateChange():
                self._stream(item.source, item.rate).runner.change_rate(item.rate)
            case SourceNote():
                self._stream(item.source, item.rate).note(item)

    def _stream(self, source: str, rate: int) -> _Stream:
        if source not in self._streams:
            runner = StreamRunner(
                source,
                rate,
                self._parts.models,
                self._parts.server.publish,
                enrollments=self._parts.enrollments,
                listener=self._listener,
                machines=self._parts.machines,
                personal=self._parts.personal,
                privacy=self._parts.privacy,
            )
            self._streams[source] = _Stream(runner)
        return self._streams[source]


class _Stream:
    """One source: its runner, and how far behind the world it is."""

    def __init__(self, runner: StreamRunner) -> None:
        self.runner = runner
        self._end_utc_ns: int | None = None
        self._expected = True
        self._overloaded = False

    def take(self, item: SourceBlock, overload_s: float) -> None:
        """A block: note its time, push it through, shed windows while behind."""
        block = item.block
        self.runner.book.non_finite += item.non_finite
        self.runner.observe(block, item.utc_ns)
        self.runner.take(block, item.loss_reason)
        self._end_utc_ns = item.utc_ns + len(block.samples) * NANOSECONDS // block.rate
        lag_s = self._lag_s
        if lag_s > overload_s or lag_s < overload_s / 2:
            self._overloaded = lag_s > overload_s
        self.runner.shed(self._overloaded)

    def note(self, note: SourceNote) -> None:
        """The source changed what it is doing; an activity does not outlive a source that is gone."""
        gone = note.condition in (SourceCondition.LOST, SourceCondition.FAILED, SourceCondition.ENDED)
        if gone:
            self.runner.flush()
        self._expected = note.condition is not SourceCondition.ENDED
        self.runner.change_state(note.condition, note.detail, time.time_ns())

    def end(self) -> None:
        """The engine stops; a source that ended before needs no second word."""
        if self._expected:
            self.runner.end()

    def report_health_if_due(self) -> None:
        """Once a second; what should have come and has not counts as not heard, at once."""
        if self.runner.book.due:
            late_s = self._lag_s if self._expected else 0.0
            self.runner.report_health(late_s, samples(late_s) if late_s > LATE_S else 0)

    @property
    def _lag_s(self) -> float:
        """Seconds between the newest sample taken and now."""
        return 0.0 if self._end_utc_ns is None else max(0.0, (time.time_ns() - self._end_utc_ns) / NANOSECONDS)
