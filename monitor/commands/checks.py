"""The checks of `auricle doctor`: each looks at one thing and never raises for what a user can cause."""

from __future__ import annotations

import platform
import shutil
import socket
from dataclasses import dataclass
from enum import Enum, auto
from importlib.metadata import version
from typing import TYPE_CHECKING

from monitor import paths
from monitor.errors import AuricleError, StartError
from monitor.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOM_WANTED = 1_000_000_000
"""Free bytes below which the disk is worth a note."""


class Verdict(Enum):
    """What a check found."""

    GOOD = auto()
    NOTE = auto()
    """Works, but a user may want to know."""
    BAD = auto()
    """Something will not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing, looked at."""

    what: str
    verdict: Verdict
    finding: str
    remedy: str = ""


def examine_everything(config: Path | None) -> Iterator[Check]:
    """Every check, as it is done."""
    yield _program()
    settings, check = _settings(config)
    yield check
    yield from _models()
    if settings is not None:
        yield from _wanted_models(settings)
    yield _microphone()
    yield from _ports(settings or Settings())
    yield _data_folder()


def _program() -> Check:
    supported = platform.system() == "Linux" and platform.machine() == "x86_64"
    where = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    finding = f"auricle {version('auricle')} on {where}"
    if supported:
        return Check("program", Verdict.GOOD, finding)
    return Check("program", Verdict.NOTE, finding, "Tested on Linux x86_64; elsewhere best effort")


def _settings(config: Path | None) -> tuple[Settings | None, Check]:
    file = config or paths.config_file()
    try:
        settings = load_settings(config)
    except AuricleError as error:
        return None, _bad("settings", error)
    read = str(file) if file.exists() else f"defaults ({file} does not exist)"
    return settings, Check("settings", Verdict.GOOD, read)


def _models() -> Iterator[Check]:
    from monitor.inference.reports import inspect_models

    for report in inspect_models(paths.model_roots()):
        name = f"model {report.name}"
        if report.faults:
            own = next((finding.remedy for finding in report.findings if finding.remedy), "")
            remedy = own or "Put the original files back; `auricle models verify` tells more"
            yield Check(name, Verdict.BAD, "; ".join(report.faults), remedy)
        else:
            yield Check(name, Verdict.GOOD, f"{report.version}, golden self-test passed")


def _wanted_models(settings: Settings) -> Iterator[Check]:
    """Whether an engine could start with what the settings name."""
    from monitor.engine.models import load_all_models
    from monitor.engine.privacy_book import open_privacy

    try:
        open_privacy(settings.privacy, load_all_models(settings))
    except StartError as errors:
        yield from (_bad("models in use", error) for error in errors.errors)
    except AuricleError as error:
        yield _bad("models in use", error)
    else:
        yield Check("models in use", Verdict.GOOD, "all that the settings ask for")


def _microphone() -> Check:
    from monitor.audio.devices import input_devices

    try:
        devices = input_devices()
    except AuricleError as error:
        return Check("sound system", Verdict.NOTE, error.why, f"{error.remedy} (recordings work without it)")
    if not devices:
        return Check("microphone", Verdict.NOTE, "none", "Plug one in; recordings work without it")
    chosen = next((device for device in devices if device.default), devices[0])
    return Check("microphone", Verdict.GOOD, f"{chosen.name} ({len(devices)} in all)")


def _ports(settings: Settings) -> Iterator[Check]:
    for name in ("audio", "readings", "commands"):
        address: str = getattr(settings.bus, name)
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        if not port.isdigit():
            yield Check(f"port for {name}", Verdict.BAD, f"{address} is no address", "Write it as tcp://127.0.0.1:7312")
            continue
        with socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("" if host == "*" else host.strip("[]"), int(port)))
            except OSError as fault:
                remedy = f"An engine may be running; else set bus.{name} to another port"
                yield Check(f"port for {name}", Verdict.NOTE, f"{address}: {fault.strerror}", remedy)
            else:
                yield Check(f"port for {name}", Verdict.GOOD, f"{address} is free")


def _data_folder() -> Check:
    folder = paths.data_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as fault:
        remedy = "Make it writable, or set AURICLE_DATA_DIR to another folder"
        return Check("data folder", Verdict.BAD, f"{folder}: {fault.strerror}", remedy)
    free = shutil.disk_usage(folder).free
    verdict = Verdict.GOOD if free > ROOM_WANTED else Verdict.NOTE
    return Check("data folder", verdict, f"{folder}, {free / 1e9:.1f} GB free")


def _bad(what: str, error: AuricleError) -> Check:
    return Check(what, Verdict.BAD, f"{error.what}: {error.why}", error.remedy)
