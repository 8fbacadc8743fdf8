"""`demo` and `replay`: recordings through the engine, in this process or behind a screen."""

from __future__ import annotations

import math
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from monitor import paths
from monitor.audio.downmix import parse_channel
from monitor.audio.sources import expand_paths, open_source
from monitor.audio.synthetic import soundscape
from monitor.bus.server import BusServer
from monitor.commands import console
from monitor.commands.outputs import open_outputs
from monitor.commands.progress import shown_progress
from monitor.engine import demo_birds
from monitor.engine.audio_history import Histories
from monitor.engine.enrolling import EnrollingService
from monitor.engine.enrollments import open_enrollments
from monitor.engine.launch import tell_ready
from monitor.engine.machine_care import open_desk, serve_machines
from monitor.engine.models import load_all_models, load_models
from monitor.engine.personal import open_personal
from monitor.engine.privacy_book import open_privacy
from monitor.engine.replay import Replay
from monitor.engine.stop import StopRequest
from monitor.errors import AuricleError, UsageError
from monitor.store.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.audio.sources import Source
    from monitor.core.events import Reading
    from monitor.engine.models import Models
    from monitor.engine.privacy_book import PrivacyBook
    from monitor.settings import Settings


ANY_PORT = "tcp://127.0.0.1:*"
"""A replay never takes the ports of the live engine."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to play."""

    speed: float | None
    """Times real time; None: as fast as it can go."""
    jsonl: str | None = None
    """File for JSON Lines, `-` for standard output."""
    log: Path | None = None
    """Event log to write; None: events are kept in memory, and gone at the end."""
    stay: bool = False
    """Go on answering screens after the end, until asked to stop."""
    channel: str | None = None
    timezone: str | None = None


def parse_speed(text: str) -> float | None:
    """A factor, or None for `max`. Raises UsageError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise UsageError(f"--speed {text}", "not a speed", "Give a positive number, such as 1, or max")
    return speed


def arguments(options: Options) -> list[str]:
    """The same options on a command line of our own, for the engine behind a screen."""
    words = ["--no-tui", "--stay", "--speed", "max" if options.speed is None else repr(options.speed)]
    if options.jsonl:
        words += ["--jsonl", options.jsonl]
    if options.log:
        words += ["--log", str(options.log)]
    if options.timezone:
        words += ["--timezone", options.timezone]
    return words if options.channel is None else [*words, "--channel", options.channel]


def demo(settings: Settings, options: Options) -> int:
    """The built-in soundscape, with some of its birds enrolled for as long as it runs; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="auricle-demo-") as folder:
        # Made sound is no place, no machine and no known species: whatever is told of it would mislead.
        models = load_models(settings.birds, paths.model_roots(), settings.engine.threads)
        demo_birds.teach(models, Path(folder))
        return _play([soundscape()], models, _Folders(Path(folder), None), settings, options)


def recordings(given: list[str], settings: Settings, options: Options) -> int:
    """Files, folders, globs or standard input; returns the exit code."""
    zone = _zone(options.timezone)
    if options.channel is not None:
        parse_channel(options.channel)  # a wrong flag is told once, and not for every recording
    found = expand_paths(given)
    sources = _opened(found, options.channel, zone)
    folders = _Folders(paths.species_folder(), paths.machines_folder(), paths.personal_folder())
    models = load_all_models(settings)
    return _play(sources, models, folders, settings, options, open_privacy(settings.privacy, models))


def _opened(found: Iterable[Path | str], channel: str | None, zone: ZoneInfo | None) -> Iterator[Source | AuricleError]:
    """Each source when its turn comes, or what is wrong with it."""
    for path in found:
        try:
            yield open_source(path, channel=channel, timezone=zone)
        except AuricleError as error:
            yield error


class _Folders(NamedTuple):
    """Where what was enrolled lies."""

    species: Path
    machines: Path | None
    """None: there are none to listen for."""
    personal: Path | None = None
    """None: only what came with the program tells sound classes."""


def _play(
    sources: Iterable[Source | AuricleError],
    models: Models,
    folders: _Folders,
    settings: Settings,
    options: Options,
    privacy: PrivacyBook | None = None,
) -> int:
    species = folders.species
    with ExitStack() as stack:
        stop = stack.enter_context(StopRequest())
        unused: list[AuricleError] = []

        def tell_unused(error: AuricleError) -> None:
            unused.append(error)
            console.print_error(error)

        enrollments = open_enrollments(settings.birds, species, models.encoder, tell_unused)
        takers = stack.enter_context(open_outputs(options.jsonl, text=not options.stay))
        takers += stack.enter_context(shown_progress())
        log = stack.enter_context(EventLog(options.log, durable=False)) if options.log else None
        run_id = uuid.uuid4().hex
        if log is not None:
            log.begin_run(run_id, version("auricle"), time.time_ns())
            stack.callback(lambda: log.end_run(run_id, time.time_ns()))
        server = BusServer(ANY_PORT, ANY_PORT, run_id, log)
        stack.callback(server.close)
        histories = Histories()
        enrolling = stack.enter_context(EnrollingService(models, species, histories, privacy))
        enrolling.serve_on(server)
        desk, listener = None, histories.hear if enrolling.able else None
        if folders.machines is not None:
            desk = open_desk(settings.machines, folders.machines, models, console.print_error, recordings=True)
            served = serve_machines(desk, folders.machines, models, histories, server, stack, privacy)
            listener = served or listener
        personal = None
        if folders.personal is not None:
            chosen = settings.sound.personalize
            personal = open_personal(chosen, folders.personal, models, console.print_error, stack, live=False)
        if personal is not None:
            personal.serve_on(server)
        tell_ready(server.addresses.commands)

        def publish(source: str, reading: Reading, utc_ns: int | None) -> None:
            server.publish(source, reading, utc_ns)
            for take in takers:
                take(source, reading, utc_ns)

        player = Replay(
            models,
            publish,
            speed=options.speed,
            serve=server.serve,
            stopped=stop,
            report=console.print_error,
            screen=options.stay or options.speed is not None,
            enrollments=enrollments,
            listener=listener,
            machines=desk,
            personal=personal,
            privacy=privacy,
        )
        outcome = player.run(sources)
        while options.stay and not stop():
            server.serve(0.2)
        server.close()
        if server.log_fault:
            console.messages.print(server.log_fault, markup=False)
        return max(outcome.exit_code, 1 if server.log_fault or unused else 0)


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as fault:
        remedy = "Give a name of the time zone database, such as Europe/Berlin or UTC"
        raise UsageError(f"--timezone {name}", "no such time zone", remedy) from fault
