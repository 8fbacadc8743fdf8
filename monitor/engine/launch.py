"""Starts an engine as a child process and waits until it can be asked."""

from __future__ import annotations

import json
import os
import select
import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from monitor.engine.supervisor import READY_VARIABLE, Child
from monitor.errors import AuricleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY_S = 30.0
"""Seconds that an engine has to load its models and bind its sockets."""


class EngineDied(AuricleError):  # noqa: N818 (it says what happened)
    """The engine left before it was ready; what it printed is the reason."""

    def __init__(self, printed: str, exit_code: int) -> None:
        super().__init__("engine", printed or "it ended without a word", "`auricle doctor` checks the parts")
        self.printed = printed
        self.exit_code = exit_code


def program(*arguments: str) -> list[str]:
    """The command line that runs this same program."""
    return [sys.executable, "-m", "monitor", *arguments]


def start_engine(arguments: Sequence[str], output: Path, *, stdin: int | None = None) -> tuple[Child, str]:
    """Start `auricle ARGUMENTS`, have it tell its address; returns it and its commands address.

    Raises EngineDied with what it printed, and its exit code.
    """
    reading, writing = os.pipe()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(b"")
    child = Child("engine", program(*arguments), output, ready_fd=writing, stdin=stdin)
    try:
        child.start()
        os.close(writing)
        return child, _wait(child, reading, output)
    finally:
        os.close(reading)


def tell_ready(address: str) -> None:
    """The child's side: say where commands are taken, if somebody waits for it."""
    waiting = os.environ.pop(READY_VARIABLE, None)
    if waiting is None:
        return
    with suppress(OSError, ValueError), os.fdopen(int(waiting), "wb") as pipe:  # who waited may have gone
        pipe.write(json.dumps({"commands": address}).encode() + b"\n")


def _wait(child: Child, reading: int, output: Path) -> str:
    told = b""
    until = monotonic() + READY_S
    while not told.endswith(b"\n") and (left := until - monotonic()) > 0:
        if select.select([reading], [], [], min(left, 0.2))[0]:
            part = os.read(reading, 4096)
            if not part:
                break
            told += part
    if told.endswith(b"\n"):
        return str(json.loads(told)["commands"])
    child.stop()
    raise EngineDied(output.read_text(errors="replace").strip(), child.exit_code or 2)
