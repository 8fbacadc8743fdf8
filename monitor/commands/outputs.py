"""Where readings go besides the bus: JSON Lines, or lines for people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from monitor.commands import console
from monitor.errors import StoreError
from monitor.export.jsonl import to_json_line
from monitor.export.text import to_text_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from monitor.core.events import Reading
    from monitor.engine.runner import Publish


@contextmanager
def open_outputs(jsonl: str | None, *, text: bool) -> Generator[list[Publish]]:
    """What takes readings as lines: JSON Lines to the file `jsonl` (`-`: standard output), text where nothing else is.

    Raises StoreError when the file cannot be written.
    """
    if jsonl is None:
        yield [_print_text] if text else []
        return
    if jsonl == "-":
        yield [_json_to(console.print_line)]
        return
    try:
        file = open(jsonl, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (closed below; `jsonl` is as the user typed it)
    except OSError as fault:
        raise StoreError(jsonl, f"cannot be written: {fault.strerror}", "Choose another place for --jsonl") from fault
    with file:
        takers: list[Publish] = [_json_to(lambda line: _write(file, line))]
        yield [*takers, _print_text] if text else takers


def _json_to(write: Callable[[str], None]) -> Publish:
    def take(source: str, reading: Reading, utc_ns: int | None) -> None:
        line = to_json_line(source, reading, utc_ns)
        if line is not None:
            write(line)

    return take


def _write(file: TextIO, line: str) -> None:
    """At once, so that who follows the file sees it and a crash loses none."""
    file.write(line + "\n")
    file.flush()


def _print_text(source: str, reading: Reading, utc_ns: int | None) -> None:
    line = to_text_line(source, reading, utc_ns)
    if line is not None:
        console.print_line(line)
