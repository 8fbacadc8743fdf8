"""The screen in front of an engine that runs as a child process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.commands import console
from monitor.engine.launch import EngineDied, start_engine
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def play_behind(words: Sequence[str], config: Path | None, *, title: str, piped: bool = False) -> int:
    """Run `auricle WORDS` as the engine and the screen before it; leaving the screen stops both."""
    from monitor.tui.app import run_app

    arguments = [words[0], *(["--config", str(config)] if config else []), *words[1:]]
    audio = _hand_over_standard_input() if piped else None
    with tempfile.TemporaryDirectory(prefix="auricle-") as folder:
        output = Path(folder) / "engine.txt"
        try:
            engine, address = start_engine(arguments, output, stdin=audio)
        except EngineDied as fault:
            console.messages.print(fault.printed, markup=False)
            return fault.exit_code
        try:
            run_app(address, title)
        finally:
            engine.stop()
        printed = output.read_text(errors="replace").strip()
        if printed:
            console.messages.print(printed, markup=False)
        return engine.exit_code or 0


def _hand_over_standard_input() -> int:
    """Keep the pipe for the engine, and give the keyboard back to the screen."""
    audio = os.dup(0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError as fault:
        raise UsageError(
            "-", "standard input is a pipe and there is no terminal for the keys", "Add --no-tui"
        ) from fault
    os.dup2(terminal, 0)
    os.close(terminal)
    return audio
