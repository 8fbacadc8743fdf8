"""A personal classifier of sound classes: what was gathered, sent, answered, applied."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor import paths
from monitor.bus.backend_link import ask_backend
from monitor.bus.key_files import read_keys
from monitor.commands import console
from monitor.core.clock import isoformat
from monitor.core.text import counted
from monitor.engine.shelf import Shelf
from monitor.engine.sound_class import load_sound_class
from monitor.errors import StoreError, UsageError
from monitor.kept.whole import read_limited, write_whole
from monitor.scene.personal_answer import LARGEST, decode_answer
from monitor.scene.personal_folder import PersonalFolder
from monitor.scene.personal_message import decode_message, describe

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.inference.bundle import Bundle
    from monitor.scene.personal_folder import Applied, Gathered
    from monitor.settings import Settings

SHIPPED = "the one that came with the program"

DECISION_S = 10
"""Seconds of sound that a vector stands for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do with the mixture."""

    address: str | None
    """Of a back-end."""
    out: Path | None
    """File to write it to."""
    keys: Path | None
    """Folder of CURVE keys."""
    timeout_s: float
    """Longest wait for the answer."""
    show: bool
    """Print it."""


def status(settings: Settings, *, as_json: bool) -> int:
    """What there is; returns the exit code."""
    folder = PersonalFolder(paths.personal_folder())
    gathered, applied, answer = folder.gathered(), folder.applied(), folder.received()
    waiting = decode_answer(answer) if answer is not None else None
    received = f"{waiting.name}/{waiting.bundle_version}" if waiting else None
    if applied is not None and applied.current == received:
        received = None
    if as_json:
        message = decode_message(gathered.message) if gathered else None
        told = {
            "gather": settings.sound.personalize.gather,
            "vectors": message.vectors if message else 0,
            "components": len(message.weights) // 4 if message else 0,
            "bytes": len(gathered.message) if gathered else 0,
            "since": isoformat(gathered.since_ns) if gathered else None,
            "fitted": isoformat(gathered.updated_ns) if gathered else None,
            "current": applied.current if applied else None,
            "before": applied.before if applied else None,
            "applied": isoformat(applied.at_ns) if applied else None,
            "received": received,
        }
        console.print_line(json.dumps(told))
        return 0
    for line in (*_gathered_lines(settings, gathered), *_applied_lines(applied)):
        console.print_line(line)
    if received:
        console.print_line(f"received     {received}: `auricle scene personalize apply` puts it in use")
    return 0


def send(settings: Settings, wanted: Wanted) -> int:
    """Show, write or send the mixture; returns the exit code."""
    if not (wanted.show or wanted.out or wanted.address):
        remedy = "Give the address of a back-end, --out FILE, or --show to see what would leave"
        raise UsageError("send", "it was not said where to", remedy)
    folder = PersonalFolder(paths.personal_folder())
    gathered = folder.gathered()
    if gathered is None:
        on = settings.sound.personalize.gather
        remedy = "Let the monitor listen for some hours" if on else "Set sound.personalize.gather to true, and listen"
        raise UsageError("the mixture", "nothing was gathered yet that may be sent", remedy)
    if wanted.show:
        for line in describe(gathered.message):
            console.print_line(line)
        return 0
    if wanted.out:
        try:
            wanted.out.parent.mkdir(parents=True, exist_ok=True)
            write_whole(wanted.out, gathered.message)
        except OSError as error:
            raise StoreError(str(wanted.out), f"cannot be written: {error.strerror}", "Use another file") from error
        console.messages.print(f"{len(gathered.message)} bytes to {wanted.out}", markup=False)
    if wanted.address:
        answer = _asked(settings, wanted, wanted.address, gathered.message)
        folder.receive(answer)
        came = decode_answer(answer)
        for line in came.made.lines():
            console.messages.print(line, markup=False)
        console.print_line(
            f"received {came.name}/{came.bundle_version}; `auricle scene personalize apply` puts it in use"
        )
    return 0


def apply(settings: Settings, file: Path | None) -> int:
    """Put an answer's classifier in use; returns the exit code."""
    folder = PersonalFolder(paths.personal_folder())
    if file is not None:
        try:
            answer = read_limited(file, LARGEST)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(str(file), f"cannot be read: {why}", "Give what the back-end wrote") from error
        decode_answer(answer, str(file))  # so that what is wrong is told of the file
    else:
        received = folder.received()
        if received is None:
            remedy = "`auricle scene personalize send ADDRESS` asks a back-end for one, or name its file"
            raise UsageError("the personal classifier", "no answer of a back-end is there", remedy)
        answer = received
    applied = folder.apply(answer, _base(settings), time.time_ns())
    for line in _applied_lines(applied):
        console.print_line(line)
    return 0


def revert(settings: Settings) -> int:
    """Put the classifier before in use again; returns the exit code."""
    del settings
    for line in _applied_lines(PersonalFolder(paths.personal_folder()).revert(time.time_ns())):
        console.print_line(line)
    return 0


def forget() -> int:
    """Begin anew; returns the exit code."""
    PersonalFolder(paths.personal_folder()).forget()
    console.messages.print("what was gathered is forgotten; the classifier in use stays")
    return 0


def _asked(settings: Settings, wanted: Wanted, address: str, message: bytes) -> bytes:
    folder = wanted.keys or settings.bus.keys
    keys = read_keys(folder) if folder else None
    with console.messages.status(f"{len(message)} bytes sent to {address}; it trains a classifier ..."):
        return ask_backend(address, message, keys=keys, timeout_s=wanted.timeout_s)


def _base(settings: Settings) -> Bundle:
    """The classifier that a personal one takes the place of. Raises UsageError when there is none, BundleError."""
    base = load_sound_class(settings.sound, Shelf(paths.model_roots()))
    if base is None:
        remedy = "Install a bundle of task sound_class, and set sound.enabled to true"
        raise UsageError("sound classes", "there is no classifier that a personal one could replace", remedy)
    return base


def _gathered_lines(settings: Settings, gathered: Gathered | None) -> list[str]:
    on = settings.sound.personalize.gather
    lines = [f"gathering    {'on' if on else 'off (sound.personalize.gather)'}"]
    if gathered is None:
        return [*lines, "gathered     nothing yet that may be sent: it takes some minutes of listening"]
    message = decode_message(gathered.message)
    components, size = len(message.weights) // 4, len(gathered.message)
    hours = message.vectors * DECISION_S / 3600
    numbers = components * (1 + 2 * message.frames * message.values)
    fitted = f"{counted(components, 'component')}, {numbers} numbers, {size} bytes"
    return [
        *lines,
        f"gathered     {message.vectors} vectors ({hours:.1f} h of sound) since {isoformat(gathered.since_ns)}",
        f"last fit     {isoformat(gathered.updated_ns)}: {fitted}",
    ]


def _applied_lines(applied: Applied | None) -> list[str]:
    if applied is None:
        return [f"in use       {SHIPPED}"]
    lines = [f"in use       {applied.current or SHIPPED}, since {isoformat(applied.at_ns)}"]
    if applied.made:
        lines += [f"             {line}" for line in applied.made.lines()]
    return [*lines, f"before       {applied.before or SHIPPED}: `auricle scene personalize revert` goes back to it"]
