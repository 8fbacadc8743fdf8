"""`live`, `capture`, `watch`, `devices`: microphones, and screens on engines that run."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rich.table import Table

from monitor import paths
from monitor.audio.capture import measure_levels
from monitor.audio.devices import choose_device, input_devices
from monitor.bus.capture_process import run_capture
from monitor.bus.client import BusClient
from monitor.bus.key_files import read_keys
from monitor.bus.messages import Delivery, Garbled, Missed, Reconnected, Silent, Snapshot
from monitor.commands import console
from monitor.commands.outputs import open_outputs
from monitor.engine.launch import EngineDied, program, start_engine
from monitor.engine.live import assemble
from monitor.engine.stop import StopRequest
from monitor.engine.supervisor import Child, Supervisor
from monitor.errors import AuricleError, raise_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.bus.curve import CurveKeys
    from monitor.bus.messages import Message
    from monitor.settings import Settings

TURN_S = 0.2


def live(
    settings: Settings,
    config: Path | None,
    engine_words: Sequence[str] = (),
    *,
    shown: bool,
    jsonl: str | None,
    keep_running: bool,
) -> int:
    """Capture, engine and screen; returns the exit code. `engine_words` are flags of this command for the engine."""
    _check_everything(settings)
    logs = paths.program_log().parent
    shared = ["--config", str(config)] if config else []
    try:
        engine, address = start_engine(["engine", *shared, *engine_words], logs / "engine.log")
    except EngineDied as fault:
        console.messages.print(fault.printed, markup=False)
        return fault.exit_code
    capturing = Child("capture", program(*_capture_words(settings), *shared), logs / "capture.log")
    capturing.start()
    supervisor = Supervisor([engine, capturing])
    supervisor.start()
    try:
        return _follow(address, _keys(settings), title="live", shown=shown, jsonl=jsonl)
    finally:
        supervisor.stop(leave_running=keep_running)
        if keep_running:
            console.messages.print(f"engine and capture go on; `auricle watch {address}` shows them")


def _capture_words(settings: Settings) -> list[str]:
    """The capture command with what was given as flags to this one; the rest it reads for itself."""
    wanted = settings.capture
    words = ["capture", "--engine", settings.bus.audio, "--channel", str(wanted.channel)]
    if wanted.device:
        words += ["--device", wanted.device]
    if wanted.record:
        words += ["--record", str(wanted.record)]
    return words


def capture(settings: Settings) -> int:
    """A microphone, until asked to stop; returns the exit code."""
    wanted = settings.capture
    with StopRequest() as stop:
        run_capture(
            settings.bus.audio,
            stop,
            device=wanted.device,
            channel=wanted.channel,
            rate=wanted.rate,
            ring_s=wanted.ring_s,
            watchdog_s=wanted.watchdog_s,
            record=wanted.record,
            keys=_keys(settings),
        )
    return 0


def watch(settings: Settings, *, shown: bool, jsonl: str | None) -> int:
    """The screen, or lines, of an engine that runs."""
    return _follow(settings.bus.commands, _keys(settings), title="watch", shown=shown, jsonl=jsonl)


def show_devices(settings: Settings, *, test: bool) -> int:
    """Print the microphones; with `test`, listen to one. Returns 1 when it is silent or clipping."""
    if test:
        return _test_device(settings.capture.device)
    table = Table(box=None, header_style="bold")
    for heading in ("name", "interface", "channels", "rates (Hz)", ""):
        table.add_column(heading)
    devices = input_devices(probe_rates=True)
    if not devices:
        console.messages.print("no microphone that can be used now: plug one in, or close the program that holds it")
        return 0
    for found in devices:
        rates = ", ".join(str(rate) for rate in found.rates)
        table.add_row(found.name, found.host_api, str(found.channels), rates, "default" if found.default else "")
    console.answers.print(table)
    return 0


def _test_device(name: str) -> int:
    with console.messages.status("listening for three seconds"):
        found, levels = measure_levels(name)
    console.answers.print(found.name, markup=False)
    for level in levels:
        measured = f"rms {level.rms_dbfs:6.1f} dBFS  peak {level.peak_dbfs:6.1f} dBFS  clipped {level.clipped}"
        console.answers.print(f"  channel {level.channel}  {measured}  {level.advice}")
    return 0 if any(level.verdict == "ok" for level in levels) else 1


def _check_everything(settings: Settings) -> None:
    """Raise what is wrong with device, models, log and ports, all at once, before anything is started."""
    errors: list[AuricleError] = []

    def attempt(check: Callable[[], object]) -> None:
        try:
            check()
        except AuricleError as error:
            errors.append(error)

    attempt(lambda: choose_device(settings.capture.device, input_devices()))
    with ExitStack() as stack:
        attempt(lambda: assemble(settings, stack))
    raise_all(errors)


def _follow(address: str, keys: CurveKeys | None, *, title: str, shown: bool, jsonl: str | None) -> int:
    if shown:
        from monitor.tui.app import run_app

        return run_app(address, title, keys=keys)
    with StopRequest() as stop, open_outputs(jsonl, text=True) as takers, BusClient(address, keys=keys) as client:
        while not stop():
            for message in client.messages(TURN_S):
                if isinstance(message, Delivery):
                    for take in takers:
                        take(message.source, message.reading, message.utc_ns)
                elif (told := _tell(message)) is not None:
                    console.messages.print(told, markup=False)
    return 0


def _tell(message: Message) -> str | None:
    """What a person should know of the connection itself."""
    match message:
        case Missed():
            what = "events that the engine no longer has" if message.events else "live readings"
            return f"missed {message.count} {what}"
        case Silent():
            return "the engine ended" if message.closed else f"engine not heard for {message.for_s:.0f} s"
        case Reconnected():
            return "engine heard again" + (", started anew" if message.restarted else "")
        case Garbled():
            return f"something unreadable came: {message.detail}"
        case Snapshot():
            return (
                f"listening to engine {message.engine_version}, run {message.run_id[:8]}, {time.strftime('%H:%M:%S')}"
            )
        case _:
            return None


def _keys(settings: Settings) -> CurveKeys | None:
    return read_keys(settings.bus.keys) if settings.bus.keys else None
