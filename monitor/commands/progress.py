"""How far a replay has come, on the terminal while the data goes elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from monitor.commands import console
from monitor.core.events import LevelReading
from monitor.export.text import stream_time

if TYPE_CHECKING:
    from collections.abc import Generator

    from monitor.core.events import Reading
    from monitor.engine.runner import Publish

PERIOD_S = 0.2


@contextmanager
def shown_progress() -> Generator[list[Publish]]:
    """What takes readings and shows where they are; nothing where nobody would see it, or the lines themselves do."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield []
        return
    due = 0.0
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    # Left to itself, rich would take over standard output too, and with it the data.
    with Progress(*columns, console=console.messages, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("starting")

        def take(source: str, reading: Reading, utc_ns: int | None) -> None:
            nonlocal due
            if isinstance(reading, LevelReading) and monotonic() >= due:
                due = monotonic() + PERIOD_S
                progress.update(task, description=f"{escape(source)}  {stream_time(reading.span.end)}")

        yield [take]
