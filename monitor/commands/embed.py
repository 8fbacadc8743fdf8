"""`embed`: what gate and encoder make of recordings, as arrays in one file."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from monitor.audio.rates import engine_blocks
from monitor.audio.sources import expand_paths, open_source
from monitor.birds.ungated import EmbeddedWindow, Ungated
from monitor.commands import console
from monitor.commands.bird_models import load_bird_models
from monitor.core.clock import seconds
from monitor.errors import AuricleError, SourceError
from monitor.export.embeddings import EmbeddingFile
from monitor.export.text import stream_time

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.settings import Settings


def embed(given: Sequence[str], out: Path, encoder: str | None, settings: Settings) -> int:
    """Write gate probabilities and embeddings of recordings to `out`; returns the exit code.

    A recording that cannot be read, or not to its end, is told; the others, and what was heard of it, are kept.
    Where nothing could be embedded, nothing is written and the exit code is 2.
    """
    models = load_bird_models(settings, encoder)
    ungated = Ungated(models.gate, models.embedder)
    found, failed = _found(given)
    with EmbeddingFile(out, models.embedder.dimension) as file, ExitStack() as stack:
        tell = _progress(stack)
        for number, path in enumerate(found, 1):
            try:
                _embed_one(path, ungated, file, partial(tell, f"{number}/{len(found)} {path}"))
            except AuricleError as error:
                failed += 1
                console.print_error(error)
        stack.close()
        if not file.windows:
            why = f" ({ungated.failure})" if ungated.failure else ""
            console.messages.print(f"nothing could be embedded{why}; {out} was not written", markup=False)
            return 2
        file.save()
    lost = f"; {failed} not or not wholly read" if failed else ""
    if ungated.failed:
        lost += f"; {ungated.failed} windows left out ({ungated.failure})"
    counted = f"{file.windows} embeddings of {models.embedder.model_id}, {models.embedder.dimension} dimensions"
    console.messages.print(f"{out}: {counted}{lost}", markup=False)
    return 1 if failed or ungated.failed else 0


def _found(given: Sequence[str]) -> tuple[list[Path | str], int]:
    """The recordings that are meant, each once, and how many paths mean none; those are told."""
    found: dict[str, Path | str] = {}
    failed = 0
    for argument in given:
        try:
            for path in expand_paths([argument]):
                found.setdefault(path if isinstance(path, str) else os.path.realpath(path), path)
        except AuricleError as error:
            failed += 1
            console.print_error(error)
    return list(found.values()), failed


def _embed_one(path: Path | str, ungated: Ungated, file: EmbeddingFile, tell: Callable[[int], None]) -> None:
    source = open_source(path)
    heard = False
    for window in ungated.windows(engine_blocks(source.blocks(), source.rate)):
        heard = True
        start_s, end_s = seconds(window.span.start), seconds(window.span.end)
        if isinstance(window, EmbeddedWindow):
            file.add(source.name, start_s, end_s, window.gate, window.vector)
            tell(window.span.end)
        else:
            file.add_gate(source.name, start_s, end_s, window.probability)
    if not heard:
        raise SourceError(source.name, "it holds no sound", "Leave it out, or record it again")


def _progress(stack: ExitStack) -> Callable[[str, int], None]:
    """What shows which recording is read, and how far; nothing where nobody would see it."""
    if not sys.stderr.isatty():
        return lambda what, at: None
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    shown = stack.enter_context(Progress(*columns, console=console.messages, transient=True, redirect_stdout=False))
    task = shown.add_task("starting")
    return lambda what, at: shown.update(task, description=f"{escape(what)}  {stream_time(at)}")
