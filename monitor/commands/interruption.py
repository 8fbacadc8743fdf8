"""Ctrl-C and SIGTERM while something is made that must be whole or not at all: it is undone, and told."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from monitor.errors import AuricleError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType


class StoppedError(AuricleError):
    """Somebody stopped a command before it was done."""

    exit_code = 1


@contextmanager
def undone_when_stopped(what: str, left: str) -> Generator[None]:
    """SIGTERM unwinds the block as Ctrl-C does, so that it clears away what it began; then StoppedError is raised.

    `left` says what remains of it, such as `nothing was installed`.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt as stop:
        raise StoppedError(what, f"was stopped; {left}", "Give the same command again") from stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
