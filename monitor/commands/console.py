"""The terminal without a screen: errors, progress, and lines that survive a closed pipe."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from monitor.errors import AuricleError, StartError

if TYPE_CHECKING:
    from pathlib import Path


answers = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
"""What a person asked for; not cut to a width where no terminal is."""

messages = Console(stderr=True, highlight=False, soft_wrap=True)
"""Everything that is not data goes here."""


def print_error(error: AuricleError) -> None:
    """What is wrong, why, and what to do, one fault after the other."""
    for fault in error.errors if isinstance(error, StartError) else (error,):
        messages.print(f"[bold red]error[/] {_plain(fault.what)}: {_plain(fault.why)}")
        if fault.remedy:
            messages.print(f"      {_plain(fault.remedy)}")


def print_line(line: str) -> None:
    """One line of data on standard output, at once. Ends the program quietly when its reader has gone."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at exit; that must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def has_terminal() -> bool:
    """Whether a screen can be drawn."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def keep_program_log(file: Path | None) -> None:
    """Send the program's own log to a file (None: to standard error), with tracebacks, so that no screen is torn."""
    import structlog

    target = sys.stderr
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = file.open("a", encoding="utf-8")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(target),
    )


def _plain(text: str) -> str:
    """Without rich's markup: file names may hold brackets."""
    return text.replace("[", "\\[")
