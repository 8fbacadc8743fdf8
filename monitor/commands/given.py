"""What commands that learn from recordings share: which recordings are meant, and progress over them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TypeVar

from rich.progress import track

from monitor.audio.sources import expand_paths
from monitor.commands import console
from monitor.errors import AuricleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

T = TypeVar("T")


def distinct(given: Sequence[str]) -> tuple[list[Path | str], list[AuricleError]]:
    """Recordings that paths, folders and patterns stand for; the same file twice is a fault, not one clip."""
    found: dict[str, Path | str] = {}
    errors: list[AuricleError] = []
    for argument in given:
        try:
            paths_meant = expand_paths([argument])
        except AuricleError as error:
            errors.append(error)
            continue
        for path in paths_meant:
            place = path if isinstance(path, str) else os.path.realpath(path)
            if place in found:
                why = f"it is the same file as {found[place]} and would count twice"
                errors.append(UsageError(f"clip {path}", why, "Name it once"))
            found.setdefault(place, path)
    return list(found.values()), errors


def tracked(items: Sequence[T], doing: str) -> Iterable[T]:
    """The items, with progress where a person can see it."""
    if not sys.stderr.isatty():
        return items
    return track(items, doing, console=console.messages, transient=True)
